package clients;

import com.hazelcast.core.HazelcastJsonValue;
import com.hazelcast.map.IMap;
import com.hazelcast.nio.serialization.genericrecord.GenericRecord;
import com.hazelcast.nio.serialization.genericrecord.GenericRecordBuilder;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.AbstractMap;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;

/** A value of each type that this client can write, there and back. */
final class ValueChecks {
    private static final Map<String, Object[]> SAMPLES = new LinkedHashMap<>();

    private ValueChecks() { }

    private static void samples(String kind, Object... samples) {
        SAMPLES.put(kind, samples);
    }

    static {
        LocalDateTime stamp = LocalDateTime.of(2024, 2, 29, 23, 59, 59, 1);
        List<Object> mixed = Arrays.asList(1, "x", null, 2.5, List.of(true));

        samples("boolean", true, false);
        samples("byte", (byte) 0, Byte.MAX_VALUE, Byte.MIN_VALUE);
        samples("char", 'a', 'ß', '\n');
        samples("short", (short) 0, Short.MAX_VALUE, Short.MIN_VALUE);
        samples("integer", 0, -1, Integer.MAX_VALUE, Integer.MIN_VALUE);
        samples("long", 0L, -1L, Long.MAX_VALUE, Long.MIN_VALUE);
        samples("float", 0f, -0.5f, 5f, Float.NaN);
        samples("number", 0.0, -0.5, 1e300, 5.0);
        samples("not_a_number", Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY);
        samples("big_integer", BigInteger.ZERO, BigInteger.ONE.negate(), BigInteger.valueOf(-129),
                new BigInteger("123456789012345678901234567890"));
        samples("decimal", new BigDecimal("0"), new BigDecimal("-0.001"),
                new BigDecimal("123456789012345678901234567890.5"), new BigDecimal("1E+3"));
        samples("string", "", "plain", "Grüße", "日本語", "😀", "a\0b", "\"quoted\"\n");
        samples("uuid", UUID.fromString("00000000-075b-cd15-ffff-ffffc521974f"));
        samples("date", new Date(0), new Date(-1000), new Date(1700000000123L));
        samples("local_date", LocalDate.of(2024, 2, 29), LocalDate.of(1, 1, 1), LocalDate.of(9999, 12, 31),
                LocalDate.of(-44, 3, 15));
        samples("local_time", LocalTime.MIDNIGHT, LocalTime.MAX);
        samples("local_date_time", stamp);
        samples("offset_date_time", stamp.atOffset(ZoneOffset.ofHours(1)),
                OffsetDateTime.of(2024, 2, 29, 0, 0, 0, 0, ZoneOffset.ofHours(-18)));
        samples("bytes", new byte[0], new byte[] {0, 127, -128, -1});
        samples("array_of_boolean", new boolean[] {true, false});
        samples("array_of_char", new char[] {'a', 'ß'});
        samples("array_of_short", new short[] {1, -2});
        samples("array_of_int", new int[] {1, -2});
        samples("array_of_long", new long[] {1, -2});
        samples("array_of_float", new float[] {1, -2.5f});
        samples("array_of_double", new double[] {1, -2.5});
        samples("array_of_string", new String[] {"a", "", null}, new String[0]);
        samples("array_of_objects", (Object) new Object[] {1, "x", null});
        samples("array_list", new ArrayList<>(mixed), new ArrayList<>());
        samples("linked_list", new LinkedList<>(mixed));
        samples("hash_set", new HashSet<>(mixed));
        samples("linked_hash_set", new LinkedHashSet<>(mixed));
        samples("tree_set", new TreeSet<>(List.of("b", "a")));
        samples("hash_map", new HashMap<>(Map.of("a", 1, "b", List.of(2))));
        samples("linked_hash_map", new LinkedHashMap<>(Map.of("a", 1)));
        samples("tree_map", new TreeMap<>(Map.of("b", 1, "a", 2)));
        samples("array_deque", new ArrayDeque<>(List.of(1, 2)));
        samples("entry", new AbstractMap.SimpleEntry<>("a", 1), new AbstractMap.SimpleImmutableEntry<>("a", null));
        samples("optional", Optional.of("a"), Optional.empty());
        samples("class", String.class);
        samples("enum", Thread.State.NEW);
        samples("json", new HazelcastJsonValue("{\"a\": 1, \"b\": [true, null, \"x\"], \"c\": {\"d\": {}}}"),
                new HazelcastJsonValue("{}"));
        samples("json_text", new HazelcastJsonValue("[1, {\"a\": null}]"));
        samples("compact", Staff.kinds());
        samples("identified", new Staff.Identified("me"), new Staff.Identified(null));
        samples("portable", new Staff.Point(5, "five"), new Staff.Point(-1, null));
        samples("serializable", new Staff.Stranger(7));
    }

    /** What comes back for each of the samples, from a get and from a remove. */
    private static Object thereAndBack(IMap<Object, Object> map, Object[] samples) {
        List<Object> got = new ArrayList<>();
        for (Object sample : samples) {
            map.set("a", sample);
            got.add(map.get("a"));
            if (!Text.of(map.remove("a")).equals(Text.of(got.get(got.size() - 1)))) {
                got.add("and removed something else");
            }
        }
        return got;
    }

    /** How many of the samples, used as keys, find their entry again. */
    private static Object asKeys(IMap<Object, Object> map, Object[] samples) {
        for (int i = 0; i < samples.length; i++) {
            map.set(samples[i], i);
        }
        return Bench.list(map.size(), Arrays.stream(samples).map(map::get).toList());
    }

    private static Object genericRecord(Bench t) {
        IMap<String, GenericRecord> map = t.map();
        map.set("a", GenericRecordBuilder.compact("generic").setInt32("number", 5).setString("word", null)
                .setArrayOfInt8("bytes", new byte[] {1, 2}).build());
        GenericRecord got = map.get("a");
        return Bench.list(got.getInt32("number"), got.getString("word"), got.getArrayOfInt8("bytes"));
    }

    static void add(Checks.Table table) {
        SAMPLES.forEach((kind, samples) -> table.add("value." + kind, t -> thereAndBack(t.map(), samples)));
        for (String kind : List.of("boolean", "byte", "char", "short", "integer", "long", "number", "string", "uuid",
                "decimal", "local_date", "bytes", "compact", "identified")) {
            table.add("value." + kind + "_as_key", t -> asKeys(t.map(), SAMPLES.get(kind)));
        }
        table.add("value.generic_record", ValueChecks::genericRecord);
        table.add("value.of_an_unknown_class", t -> Bench.done(() -> t.map().set("a", new Object())));
    }
}
