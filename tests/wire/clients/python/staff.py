"""The classes that the checks write: Compact, one that identifies itself, one Portable."""

import datetime
import decimal

from hazelcast.core import HazelcastJsonValue
from hazelcast.serialization.api import CompactSerializer, IdentifiedDataSerializable, Portable


class Fields:
    """An object that is no more than its fields."""

    def __init__(self, **fields):
        vars(self).update(fields)

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash(str(sorted(vars(self).items())))


class Department(Fields):
    pass


class Employee(Fields):
    pass


class Kinds(Fields):
    pass


class FieldsSerializer(CompactSerializer):
    """Reads and writes the fields of a class by a table of (name, kind)."""

    def __init__(self, of, name, fields):
        self.of, self.name, self.fields = of, name, fields

    def get_class(self):
        return self.of

    def get_type_name(self):
        return self.name

    def read(self, reader):
        read = {name: getattr(reader, "read_" + kind)(name) for name, kind in self.fields}
        return self.of(**read)

    def write(self, writer, obj):
        for name, kind in self.fields:
            getattr(writer, "write_" + kind)(name, getattr(obj, name))


DEPARTMENT_FIELDS = [("name", "string"), ("floor", "int32")]
EMPLOYEE_FIELDS = [
    ("id", "int32"),
    ("name", "string"),
    ("age", "int32"),
    ("salary", "float64"),
    ("active", "boolean"),
    ("department", "compact"),
    ("tags", "array_of_string"),
    ("hired", "date"),
]

# One field of every kind that Compact has and every language can write.
KINDS = [
    ("flag", "boolean", True),
    ("tiny", "int8", -7),
    ("small", "int16", 30000),
    ("number", "int32", -70000),
    ("big", "int64", -9007199254740993),
    ("single", "float32", 0.5),
    ("real", "float64", 2.25),
    ("word", "string", "Grüße 😀"),
    ("amount", "decimal", decimal.Decimal("-12345678901234567890.125")),
    ("time", "time", datetime.time(23, 59, 58, 7000)),
    ("date", "date", datetime.date(2024, 2, 29)),
    ("stamp", "timestamp", datetime.datetime(2024, 2, 29, 1, 2, 3, 4000)),
    (
        "zoned",
        "timestamp_with_timezone",
        datetime.datetime(
            2024, 2, 29, 1, 2, 3, 4000, datetime.timezone(datetime.timedelta(seconds=-5400))
        ),
    ),
    ("bits", "array_of_boolean", [True, False, False, True, True, False, True, False, True]),
    ("numbers", "array_of_int32", [1, -2, 3]),
    ("words", "array_of_string", ["a", None, ""]),
    ("nothing", "nullable_int32", None),
    ("something", "nullable_int32", 5),
    ("holes", "array_of_nullable_int64", [1, None, -3]),
    ("none", "string", None),
]


def kinds():
    return Kinds(**{name: value for name, _, value in KINDS})


def _employee(number, name, age, salary, active, department, tags, hired):
    return Employee(
        id=number,
        name=name,
        age=age,
        salary=salary,
        active=active,
        department=department,
        tags=tags,
        hired=hired and datetime.date.fromisoformat(hired),
    )


ENGINE = Department(name="engine", floor=3)
YARD = Department(name="yard", floor=1)
OFFICE = Department(name="office", floor=2)

# Written by all languages the same; the key of each is "e" and its id.
STAFF = [
    _employee(1, "Ada", 36, 4200.5, True, ENGINE, ["c", "math"], "2019-01-31"),
    _employee(2, "Bob", 25, 1800.0, False, YARD, [], "2021-12-01"),
    _employee(3, "Cid", 25, 2500.25, True, ENGINE, ["go"], "2021-02-28"),
    _employee(4, "Dee", 41, 5100.0, True, None, ["c"], "2015-06-15"),
    _employee(5, None, 52, 3000.0, False, YARD, None, None),
    _employee(6, "Fay", 19, 900.0, True, OFFICE, ["java", "c"], "2024-02-29"),
    _employee(7, "Gus", 36, 2500.25, False, ENGINE, ["node"], "2019-01-31"),
    _employee(8, "ada", 60, 7000.0, True, YARD, ["math"], "1999-09-09"),
]


def compact_staff():
    return {f"e{employee.id}": employee for employee in STAFF}


def _json(employee):
    fields = {name: value for name, value in vars(employee).items() if name != "hired"}
    fields["department"] = employee.department and vars(employee.department)
    return HazelcastJsonValue(fields)


def json_staff():
    return {f"e{employee.id}": _json(employee) for employee in STAFF}


class Identified(IdentifiedDataSerializable):
    """Identifies itself by two numbers."""

    def __init__(self, name=None):
        self.name = name

    def get_factory_id(self):
        return 1

    def get_class_id(self):
        return 2

    def read_data(self, object_data_input):
        self.name = object_data_input.read_string()

    def write_data(self, object_data_output):
        object_data_output.write_string(self.name)


class UnknownProcessor(Identified):
    """An entry processor that no member knows."""

    def get_factory_id(self):
        return 77


class Point(Portable):
    def __init__(self, x=None, label=None):
        self.x, self.label = x, label

    def get_factory_id(self):
        return 1

    def get_class_id(self):
        return 3

    def write_portable(self, writer):
        writer.write_int("x", self.x)
        writer.write_string("label", self.label)

    def read_portable(self, reader):
        self.x, self.label = reader.read_int("x"), reader.read_string("label")


class Stranger:
    """One nobody has registered."""


def serialization():
    return dict(
        compact_serializers=[
            FieldsSerializer(Department, "department", DEPARTMENT_FIELDS),
            FieldsSerializer(Employee, "employee", EMPLOYEE_FIELDS),
            FieldsSerializer(Kinds, "kinds", [(name, kind) for name, kind, _ in KINDS]),
        ],
        data_serializable_factories={1: {2: Identified}, 77: {2: UnknownProcessor}},
        portable_factories={1: {3: Point}},
    )
