"""The form in which results are written down: the same in every language, and the same each time.

None is null, then true, 5, 1.5, "text", [a, b] in order, {a, b} and {a: 1} sorted, error: Name.
"""

import datetime
import decimal
import json
import re
import uuid

from hazelcast.core import HazelcastJsonValue, MapEntry


class Said(str):
    """Words that are printed as they are, because the check has made the text itself."""


def _braced(texts):
    return "{" + ", ".join(sorted(texts)) + "}"


def _number(value):
    words = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return words.get(str(value), re.sub(r"\.0$", "", repr(value)))


def _time(value):
    fraction = f".{value.microsecond:06d}000" if value.microsecond else ""
    return value.strftime("%H:%M:%S") + fraction


def _stamp(value):
    offset = value.strftime("%z")
    date = f"{value.year:04d}-{value.month:02d}-{value.day:02d}"
    return f"{date}T{_time(value)}" + (f"{offset[:3]}:{offset[3:5]}" if offset else "")


def _object(value):
    fields = [f"{text(name)}: {text(field)}" for name, field in vars(value).items()]
    return type(value).__name__ + " " + _braced(fields)


FORMS = [
    (Said, str),
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (float, _number),
    (str, lambda value: json.dumps(value, ensure_ascii=False)),
    ((bytes, bytearray), lambda value: "bytes " + value.hex()),
    (uuid.UUID, str),
    (decimal.Decimal, lambda value: format(value, "f")),
    (datetime.datetime, _stamp),
    (datetime.date, lambda value: f"{value.year:04d}-{value.month:02d}-{value.day:02d}"),
    (datetime.time, _time),
    (HazelcastJsonValue, lambda value: text(value.loads())),
    (MapEntry, lambda entry: text([entry.key, entry.value])),
    ((list, tuple), lambda value: "[" + ", ".join(text(item) for item in value) + "]"),
    ((set, frozenset), lambda value: _braced(text(item) for item in value)),
    (dict, lambda value: _braced(f"{text(key)}: {text(item)}" for key, item in value.items())),
]


def text(value):
    if value is None:
        return "null"
    for kind, form in FORMS:
        if isinstance(value, kind):
            return form(value)
    return text(list(value)) if hasattr(value, "__getitem__") else _object(value)


def as_set(values):
    """What a set says, whatever collection it came in."""
    return Said(_braced(text(value) for value in values))


def pairs(entries):
    """What a map says, from its pairs."""
    return Said(_braced(f"{text(key)}: {text(value)}" for key, value in entries))


def error(caught):
    """Languages name one error differently: IllegalStateError is IllegalStateException in Java."""
    return Said("error: " + re.sub(r"(Error|Exception)$", "", type(caught).__name__))
