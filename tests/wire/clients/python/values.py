"""A value of each type that this client can write, there and back."""

import datetime
import decimal
import uuid

from hazelcast.config import IntType
from hazelcast.core import HazelcastJsonValue

from staff import Identified, Point, Stranger, kinds
from text import text

SAMPLES = {
    "boolean": [True, False],
    "number": [0.0, -0.5, 1e300, 5.0],
    "not_a_number": [float("nan"), float("inf"), float("-inf")],
    "integer": [0, -1, 2147483647, -2147483648],
    "decimal": [
        decimal.Decimal(number)
        for number in ("0", "-0.001", "123456789012345678901234567890.5", "1000", "-1", "-129")
    ],
    "string": ["", "plain", "Grüße", "日本語", "😀", "a\0b", '"quoted"\n'],
    "uuid": [uuid.UUID("00000000-075b-cd15-ffff-ffffc521974f")],
    "local_date": [datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)],
    "local_time": [datetime.time(0, 0), datetime.time(23, 59, 59, 999999)],
    "offset_date_time": [
        datetime.datetime(2024, 2, 29, 23, 59, 59, 1, datetime.timezone.utc),
        datetime.datetime(
            2024, 2, 29, 0, 0, 0, 0, datetime.timezone(datetime.timedelta(hours=-18))
        ),
    ],
    "bytes": [bytearray(), bytearray([0, 127, 128, 255])],
    "list": [[1, "x", None, 2.5, [True]], []],
    "json": [
        HazelcastJsonValue({"a": 1, "b": [True, None, "x"], "c": {"d": {}}}),
        HazelcastJsonValue("{}"),
    ],
    "json_text": [HazelcastJsonValue('[1, {"a": null}]')],
    "compact": [kinds()],
    "identified": [Identified("me"), Identified(None)],
    "portable": [Point(5, "five"), Point(-1, None)],
    "pickled": [{"a": 1}, (1, 2)],
}
INTEGERS = {
    "byte": (IntType.BYTE, [0, 1, 127]),
    "short": (IntType.SHORT, [0, 32767, -32768]),
    "long": (IntType.LONG, [0, -1, 2**63 - 1, -(2**63)]),
    "big_integer": (
        IntType.BIG_INT,
        [0, 1, -1, 127, 128, -128, -129, 255, 256, -256, 123456789012345678901234567890],
    ),
    "integer_as_small_as_can_be": (IntType.VAR, [1, 2**20, 2**40, 2**70]),
}


def there_and_back(m, samples):
    """What comes back for each of the samples, from a get and from a remove."""
    got = []
    for sample in samples:
        m.set("a", sample)
        got.append(m.get("a"))
        if text(m.remove("a")) != text(got[-1]):
            got.append("and removed something else")
    return got


def as_keys(m, samples):
    """How many of the samples, used as keys, find their entry again."""
    for i, sample in enumerate(samples):
        m.set(sample, i)
    return [m.size(), [m.get(sample) for sample in samples]]


def round_trip(samples):
    return lambda t: there_and_back(t.map(), samples)


def with_integers(check, kind, samples):
    def run(t):
        client = t.bench.connect(default_int_type=kind)
        return check(client.get_map(t.unique()).blocking(), samples)

    return run


KEYS = [
    "boolean",
    "number",
    "integer",
    "string",
    "uuid",
    "decimal",
    "local_date",
    "bytes",
    "compact",
]
CHECKS = {
    **{f"value.{kind}": round_trip(samples) for kind, samples in SAMPLES.items()},
    **{
        f"value.{kind}": with_integers(there_and_back, number, samples)
        for kind, (number, samples) in INTEGERS.items()
    },
    **{
        f"value.{kind}_as_key": (lambda k: lambda t: as_keys(t.map(), SAMPLES[k]))(kind)
        for kind in KEYS
    },
    "value.long_as_key": with_integers(as_keys, *INTEGERS["long"]),
    "value.pickled_class": lambda t: there_and_back(t.map(), [Stranger()]),
}
