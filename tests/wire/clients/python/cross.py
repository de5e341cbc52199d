"""What one language writes, the others read; READ names the languages that have written."""

import datetime
import decimal
import os
import uuid

from hazelcast.config import IntType
from hazelcast.core import HazelcastJsonValue
from hazelcast.predicate import and_, equal

from staff import compact_staff, kinds

VALUES = {
    "compact": kinds(),
    "employee": compact_staff()["e1"],
    "json": HazelcastJsonValue({"a": [1, 2.5, None], "b": "x"}),
    "text": "Grüße 😀",
    "long": -9007199254740993,
    "double": 2.5,
    "boolean": True,
    "uuid": uuid.UUID("00000000-075b-cd15-ffff-ffffc521974f"),
    "decimal": decimal.Decimal("-12345678901234567890.125"),
    "date": datetime.date(2024, 2, 29),
    "time": datetime.time(23, 59, 58, 7000),
    "zoned": datetime.datetime(
        2024, 2, 29, 1, 2, 3, 4000, datetime.timezone(datetime.timedelta(seconds=-5400))
    ),
    "list": ["a", 1.5, None],
}
KINDS = [*VALUES, "stamp", "words"]


def write(t):
    client = t.bench.connect(default_int_type=IntType.LONG)
    m = client.get_map("cross").blocking()
    for kind, value in VALUES.items():
        m.set(f"python.{kind}", value)
    return len(VALUES)


def read(language, kind):
    return lambda t: t.client.get_map("cross").blocking().get(f"{language}.{kind}")


def found(language):
    wanted = and_(equal("__key", f"{language}.employee"), equal("department.floor", 3))
    return lambda t: t.client.get_map("cross").blocking().key_set(wanted)


def reads():
    languages = os.environ.get("READ", "").split()
    checks = {f"cross.{l}_{kind}": read(l, kind) for l in languages for kind in KINDS}
    checks.update({f"cross.{l}_is_found": found(l) for l in languages})
    return checks


WRITES = {"cross.write": write}
