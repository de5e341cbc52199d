"""run.py HOST:PORT checks|cross|restart - prints a line for each check.

They are those of this language alone, those that read what all languages have written, and those
that kill the server.
"""
import logging
import os
import sys

import cluster
import cross
import maps
import queries
import restart
import structures
import values
from harness import Bench, run

PARTS = {
    "checks": {
        **maps.CHECKS,
        **values.CHECKS,
        **queries.CHECKS,
        **structures.CHECKS,
        **cluster.CHECKS,
        **cross.WRITES,
    },
    "cross": cross.reads(),
    "restart": restart.CHECKS,
}


def main(address, part):
    logging.disable(logging.CRITICAL)
    bench = Bench(address)
    run(bench, PARTS[part])
    bench.close()


main(*sys.argv[1:3])
sys.stdout.flush()
os._exit(0)  # a check that did not end may have left a thread behind
