// types.js - the classes that the checks write: one Compact, one that identifies itself, one
// Portable, and the staff that is queried.
'use strict';
const {
    LocalDate,
    LocalTime,
    LocalDateTime,
    OffsetDateTime,
    BigDecimal,
} = require('hazelcast-client');
const Long = require('long');

class Department {
    constructor(name, floor) {
        this.name = name;
        this.floor = floor;
    }
}

class Employee {
    constructor(id, name, age, salary, active, department, tags, hired) {
        Object.assign(this, { id, name, age, salary, active, department, tags, hired });
    }
}

const departmentSerializer = {
    getClass: () => Department,
    getTypeName: () => 'department',
    read: (reader) => new Department(reader.readString('name'), reader.readInt32('floor')),
    write: (writer, department) => {
        writer.writeString('name', department.name);
        writer.writeInt32('floor', department.floor);
    },
};

const employeeSerializer = {
    getClass: () => Employee,
    getTypeName: () => 'employee',
    read: (reader) =>
        new Employee(
            reader.readInt32('id'),
            reader.readString('name'),
            reader.readInt32('age'),
            reader.readFloat64('salary'),
            reader.readBoolean('active'),
            reader.readCompact('department'),
            reader.readArrayOfString('tags'),
            reader.readDate('hired'),
        ),
    write: (writer, employee) => {
        writer.writeInt32('id', employee.id);
        writer.writeString('name', employee.name);
        writer.writeInt32('age', employee.age);
        writer.writeFloat64('salary', employee.salary);
        writer.writeBoolean('active', employee.active);
        writer.writeCompact('department', employee.department);
        writer.writeArrayOfString('tags', employee.tags);
        writer.writeDate('hired', employee.hired);
    },
};

const ENGINE = new Department('engine', 3);
const YARD = new Department('yard', 1);
const OFFICE = new Department('office', 2);

/** Written by all languages the same; the key of each is "e" and its id. */
const STAFF = [
    new Employee(1, 'Ada', 36, 4200.5, true, ENGINE, ['c', 'math'], new LocalDate(2019, 1, 31)),
    new Employee(2, 'Bob', 25, 1800, false, YARD, [], new LocalDate(2021, 12, 1)),
    new Employee(3, 'Cid', 25, 2500.25, true, ENGINE, ['go'], new LocalDate(2021, 2, 28)),
    new Employee(4, 'Dee', 41, 5100, true, null, ['c'], new LocalDate(2015, 6, 15)),
    new Employee(5, null, 52, 3000, false, YARD, null, null),
    new Employee(6, 'Fay', 19, 900, true, OFFICE, ['java', 'c'], new LocalDate(2024, 2, 29)),
    new Employee(7, 'Gus', 36, 2500.25, false, ENGINE, ['node'], new LocalDate(2019, 1, 31)),
    new Employee(8, 'ada', 60, 7000, true, YARD, ['math'], new LocalDate(1999, 9, 9)),
];

const staffAs = (form) => STAFF.map((employee) => ['e' + employee.id, form(employee)]);
const compactStaff = () => staffAs((employee) => employee);
const jsonStaff = () =>
    staffAs(({ hired, ...rest }) => ({
        ...rest,
        department: rest.department && { ...rest.department },
    }));

/** One field of every kind that Compact has and every language can write. */
const KINDS = [
    ['flag', 'Boolean', true],
    ['tiny', 'Int8', -7],
    ['small', 'Int16', 30000],
    ['number', 'Int32', -70000],
    ['big', 'Int64', Long.fromString('-9007199254740993')],
    ['single', 'Float32', 0.5],
    ['real', 'Float64', 2.25],
    ['word', 'String', 'Grüße 😀'],
    ['amount', 'Decimal', BigDecimal.fromString('-12345678901234567890.125')],
    ['time', 'Time', new LocalTime(23, 59, 58, 7000000)],
    ['date', 'Date', new LocalDate(2024, 2, 29)],
    ['stamp', 'Timestamp', LocalDateTime.from(2024, 2, 29, 1, 2, 3, 4000000)],
    ['zoned', 'TimestampWithTimezone', OffsetDateTime.from(2024, 2, 29, 1, 2, 3, 4000000, -5400)],
    ['bits', 'ArrayOfBoolean', [true, false, false, true, true, false, true, false, true]],
    ['numbers', 'ArrayOfInt32', [1, -2, 3]],
    ['words', 'ArrayOfString', ['a', null, '']],
    ['nothing', 'NullableInt32', null],
    ['something', 'NullableInt32', 5],
    ['holes', 'ArrayOfNullableInt64', [Long.fromNumber(1), null, Long.fromNumber(-3)]],
    ['none', 'String', null],
];

class Kinds {
    constructor(fields) {
        Object.assign(this, fields);
    }
    static sample() {
        return new Kinds(Object.fromEntries(KINDS.map(([name, , value]) => [name, value])));
    }
}

const kindsSerializer = {
    getClass: () => Kinds,
    getTypeName: () => 'kinds',
    read: (reader) =>
        new Kinds(
            Object.fromEntries(KINDS.map(([name, kind]) => [name, reader['read' + kind](name)])),
        ),
    write: (writer, value) =>
        KINDS.forEach(([name, kind]) => writer['write' + kind](name, value[name])),
};

/** Identifies itself by two numbers. */
class Identified {
    constructor(name) {
        this.name = name;
        this.factoryId = 1;
        this.classId = 2;
    }
    readData(input) {
        this.name = input.readString();
    }
    writeData(output) {
        output.writeString(this.name);
    }
}

/** An entry processor that no member knows. */
class UnknownProcessor {
    constructor() {
        this.factoryId = 77;
        this.classId = 1;
    }
    readData() {}
    writeData() {}
}

class Point {
    constructor(x, label) {
        this.x = x;
        this.label = label;
        this.factoryId = 1;
        this.classId = 3;
    }
    readPortable(reader) {
        this.x = reader.readInt('x');
        this.label = reader.readString('label');
    }
    writePortable(writer) {
        writer.writeInt('x', this.x);
        writer.writeString('label', this.label);
    }
}

/** One nobody has registered. */
class Stranger {}

function serialization() {
    return {
        compact: { serializers: [departmentSerializer, employeeSerializer, kindsSerializer] },
        dataSerializableFactories: { 1: () => new Identified(), 77: () => new UnknownProcessor() },
        portableFactories: { 1: () => new Point() },
    };
}

module.exports = {
    serialization,
    compactStaff,
    jsonStaff,
    Kinds,
    Identified,
    Point,
    Stranger,
    UnknownProcessor,
};
