package clients;

import com.hazelcast.config.SerializationConfig;
import com.hazelcast.core.HazelcastJsonValue;
import com.hazelcast.map.EntryProcessor;
import com.hazelcast.nio.ObjectDataInput;
import com.hazelcast.nio.ObjectDataOutput;
import com.hazelcast.nio.serialization.IdentifiedDataSerializable;
import com.hazelcast.nio.serialization.Portable;
import com.hazelcast.nio.serialization.PortableReader;
import com.hazelcast.nio.serialization.PortableWriter;
import com.hazelcast.nio.serialization.compact.CompactReader;
import com.hazelcast.nio.serialization.compact.CompactSerializer;
import com.hazelcast.nio.serialization.compact.CompactWriter;
import java.io.IOException;
import java.io.Serializable;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The classes that the checks write: Compact, one that identifies itself, one Portable. */
final class Staff {
    record Department(String name, int floor) { }

    record Employee(int id, String name, int age, double salary, boolean active, Department department,
                    String[] tags, LocalDate hired) { }

    private static final Department ENGINE = new Department("engine", 3);
    private static final Department YARD = new Department("yard", 1);
    private static final Department OFFICE = new Department("office", 2);

    /** Written by all languages the same; the key of each is "e" and its id. */
    private static final List<Employee> STAFF = List.of(
            employee(1, "Ada", 36, 4200.5, true, ENGINE, "2019-01-31", "c", "math"),
            employee(2, "Bob", 25, 1800, false, YARD, "2021-12-01"),
            employee(3, "Cid", 25, 2500.25, true, ENGINE, "2021-02-28", "go"),
            employee(4, "Dee", 41, 5100, true, null, "2015-06-15", "c"),
            new Employee(5, null, 52, 3000, false, YARD, null, null),
            employee(6, "Fay", 19, 900, true, OFFICE, "2024-02-29", "java", "c"),
            employee(7, "Gus", 36, 2500.25, false, ENGINE, "2019-01-31", "node"),
            employee(8, "ada", 60, 7000, true, YARD, "1999-09-09", "math"));

    private Staff() { }

    private static Employee employee(int id, String name, int age, double salary, boolean active,
                                     Department department, String hired, String... tags) {
        return new Employee(id, name, age, salary, active, department, tags, LocalDate.parse(hired));
    }

    static Map<String, Object> compact() {
        Map<String, Object> staff = new LinkedHashMap<>();
        STAFF.forEach(employee -> staff.put("e" + employee.id, employee));
        return staff;
    }

    static Map<String, Object> json() {
        Map<String, Object> staff = new LinkedHashMap<>();
        STAFF.forEach(employee -> staff.put("e" + employee.id, new HazelcastJsonValue(json(employee))));
        return staff;
    }

    private static String json(Employee e) {
        String department = e.department == null ? "null"
                : "{\"name\": %s, \"floor\": %d}".formatted(Text.of(e.department.name), e.department.floor);
        return "{\"id\": %d, \"name\": %s, \"age\": %d, \"salary\": %s, \"active\": %s, \"department\": %s, \"tags\": %s}"
                .formatted(e.id, Text.of(e.name), e.age, Text.of(e.salary), e.active, department, Text.of(e.tags));
    }

    /** One field of every kind that Compact has and every language can write. */
    record Kinds(boolean flag, byte tiny, short small, int number, long big, float single, double real, String word,
                 BigDecimal amount, LocalTime time, LocalDate date, LocalDateTime stamp, OffsetDateTime zoned,
                 boolean[] bits, int[] numbers, String[] words, Integer nothing, Integer something, Long[] holes,
                 String none) { }

    static Kinds kinds() {
        LocalDateTime stamp = LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4_000_000);
        return new Kinds(true, (byte) -7, (short) 30000, -70000, -9007199254740993L, 0.5f, 2.25, "Grüße 😀",
                new BigDecimal("-12345678901234567890.125"), LocalTime.of(23, 59, 58, 7_000_000),
                LocalDate.of(2024, 2, 29), stamp, stamp.atOffset(ZoneOffset.ofTotalSeconds(-5400)),
                new boolean[] {true, false, false, true, true, false, true, false, true}, new int[] {1, -2, 3},
                new String[] {"a", null, ""}, null, 5, new Long[] {1L, null, -3L}, null);
    }

    static final class DepartmentSerializer implements CompactSerializer<Department> {
        public Department read(CompactReader reader) {
            return new Department(reader.readString("name"), reader.readInt32("floor"));
        }

        public void write(CompactWriter writer, Department department) {
            writer.writeString("name", department.name);
            writer.writeInt32("floor", department.floor);
        }

        public String getTypeName() {
            return "department";
        }

        public Class<Department> getCompactClass() {
            return Department.class;
        }
    }

    static final class EmployeeSerializer implements CompactSerializer<Employee> {
        public Employee read(CompactReader r) {
            return new Employee(r.readInt32("id"), r.readString("name"), r.readInt32("age"), r.readFloat64("salary"),
                    r.readBoolean("active"), r.readCompact("department"), r.readArrayOfString("tags"), r.readDate("hired"));
        }

        public void write(CompactWriter writer, Employee employee) {
            writer.writeInt32("id", employee.id);
            writer.writeString("name", employee.name);
            writer.writeInt32("age", employee.age);
            writer.writeFloat64("salary", employee.salary);
            writer.writeBoolean("active", employee.active);
            writer.writeCompact("department", employee.department);
            writer.writeArrayOfString("tags", employee.tags);
            writer.writeDate("hired", employee.hired);
        }

        public String getTypeName() {
            return "employee";
        }

        public Class<Employee> getCompactClass() {
            return Employee.class;
        }
    }

    static final class KindsSerializer implements CompactSerializer<Kinds> {
        public Kinds read(CompactReader r) {
            return new Kinds(r.readBoolean("flag"), r.readInt8("tiny"), r.readInt16("small"), r.readInt32("number"),
                    r.readInt64("big"), r.readFloat32("single"), r.readFloat64("real"), r.readString("word"),
                    r.readDecimal("amount"), r.readTime("time"), r.readDate("date"), r.readTimestamp("stamp"),
                    r.readTimestampWithTimezone("zoned"), r.readArrayOfBoolean("bits"), r.readArrayOfInt32("numbers"),
                    r.readArrayOfString("words"), r.readNullableInt32("nothing"), r.readNullableInt32("something"),
                    r.readArrayOfNullableInt64("holes"), r.readString("none"));
        }

        public void write(CompactWriter w, Kinds kinds) {
            w.writeBoolean("flag", kinds.flag);
            w.writeInt8("tiny", kinds.tiny);
            w.writeInt16("small", kinds.small);
            w.writeInt32("number", kinds.number);
            w.writeInt64("big", kinds.big);
            w.writeFloat32("single", kinds.single);
            w.writeFloat64("real", kinds.real);
            w.writeString("word", kinds.word);
            w.writeDecimal("amount", kinds.amount);
            w.writeTime("time", kinds.time);
            w.writeDate("date", kinds.date);
            w.writeTimestamp("stamp", kinds.stamp);
            w.writeTimestampWithTimezone("zoned", kinds.zoned);
            w.writeArrayOfBoolean("bits", kinds.bits);
            w.writeArrayOfInt32("numbers", kinds.numbers);
            w.writeArrayOfString("words", kinds.words);
            w.writeNullableInt32("nothing", kinds.nothing);
            w.writeNullableInt32("something", kinds.something);
            w.writeArrayOfNullableInt64("holes", kinds.holes);
            w.writeString("none", kinds.none);
        }

        public String getTypeName() {
            return "kinds";
        }

        public Class<Kinds> getCompactClass() {
            return Kinds.class;
        }
    }

    /** Identifies itself by two numbers. */
    static final class Identified implements IdentifiedDataSerializable {
        private String name;

        Identified(String name) {
            this.name = name;
        }

        public int getFactoryId() {
            return 1;
        }

        public int getClassId() {
            return 2;
        }

        public void writeData(ObjectDataOutput out) throws IOException {
            out.writeString(name);
        }

        public void readData(ObjectDataInput in) throws IOException {
            name = in.readString();
        }

        @Override
        public String toString() {
            return "Identified {\"name\": " + Text.of(name) + "}";
        }
    }

    static final class Point implements Portable {
        private int x;
        private String label;

        Point(int x, String label) {
            this.x = x;
            this.label = label;
        }

        public int getFactoryId() {
            return 1;
        }

        public int getClassId() {
            return 3;
        }

        public void writePortable(PortableWriter writer) throws IOException {
            writer.writeInt("x", x);
            writer.writeString("label", label);
        }

        public void readPortable(PortableReader reader) throws IOException {
            x = reader.readInt("x");
            label = reader.readString("label");
        }

        @Override
        public String toString() {
            return "Point {\"label\": " + Text.of(label) + ", \"x\": " + x + "}";
        }
    }

    /** An entry processor that no member knows. */
    static final class UnknownProcessor implements EntryProcessor<String, String, String>, IdentifiedDataSerializable {
        public String process(Map.Entry<String, String> entry) {
            return entry.getValue();
        }

        public int getFactoryId() {
            return 77;
        }

        public int getClassId() {
            return 1;
        }

        public void writeData(ObjectDataOutput out) { }

        public void readData(ObjectDataInput in) { }
    }

    /** Written as Java writes itself. */
    record Stranger(int number) implements Serializable { }

    static void register(SerializationConfig config) {
        config.getCompactSerializationConfig().addSerializer(new DepartmentSerializer())
                .addSerializer(new EmployeeSerializer()).addSerializer(new KindsSerializer());
        config.addDataSerializableFactory(1, id -> new Identified(null));
        config.addPortableFactory(1, id -> new Point(0, null));
    }
}
