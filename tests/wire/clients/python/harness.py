"""What the checks are given, and how they are run.

A check is a named function that returns a value; its line is "name: value". It gets a fresh `t`:
objects that no other check uses, a second client, and patience. Each runs on a thread of its own,
because to this client a lock belongs to a thread.
"""

import os
import threading
import time
import traceback

import hazelcast

import staff
from text import Said, error, text

PATIENCE = 20
LIMIT = 60


def until(condition):
    """Waits until the condition holds; the check goes on either way and shows what there is."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def gathered(heard, count):
    """What came, once `count` came; a little later, so that one too many is seen as well."""
    until(lambda: len(heard) >= count)
    time.sleep(0.15)
    return Said("[" + ", ".join(sorted(heard)) + "]")


def state(future, seconds):
    """Whether the future has ended within the time."""
    end = time.monotonic() + seconds
    while not future.done() and time.monotonic() < end:
        time.sleep(0.02)
    return "done" if future.done() else "waiting"


def failure(call, *arguments):
    """What the call returns, or the error that it ends with, as a value."""
    try:
        return call(*arguments)
    except BaseException as caught:
        return error(caught)


class Bench:
    def __init__(self, address):
        self.address = address
        self.clients = []

    def connect(self, **changes):
        """A client of its own, shut down at the end if the check has not done so."""
        config = dict(
            cluster_name="dev",
            cluster_members=[self.address],
            cluster_connect_timeout=60,
            **staff.serialization(),
        )
        config.update(changes)
        client = hazelcast.HazelcastClient(**config)
        self.clients.append(client)
        return client

    def close(self):
        for client in self.clients:
            client.shutdown()


class Tools:
    """What one check may use."""

    def __init__(self, bench, client, other, name):
        self.bench, self.client, self.other, self.name = bench, client, other, name

    def unique(self, kind=""):
        return f"{kind}python.{self.name}"

    def map(self, kind=""):
        return self.client.get_map(self.unique(kind)).blocking()

    def same_map(self, kind=""):
        """The same map, as another client sees it."""
        return self.other.get_map(self.unique(kind)).blocking()

    def filled(self, entries=(("a", "one"), ("b", "two"), ("c", "three"))):
        result = self.map()
        result.put_all(dict(entries))
        return result


def _outcome(check, t):
    said = ["error: DoesNotEnd"]

    def body():
        try:
            said[0] = text(check(t))
        except BaseException as caught:
            if os.environ.get("VERBOSE"):
                traceback.print_exc()
            said[0] = error(caught)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(LIMIT)
    return said[0]


def run(bench, checks):
    """Runs a table of checks, one after the other, and prints a line for each."""
    client, other = bench.connect(), bench.connect()
    for name, check in checks.items():
        if name.startswith(os.environ.get("ONLY", "")):
            print(f"{name}: {_outcome(check, Tools(bench, client, other, name))}", flush=True)
