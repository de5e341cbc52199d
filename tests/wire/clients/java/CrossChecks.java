package clients;

import static com.hazelcast.query.Predicates.and;
import static com.hazelcast.query.Predicates.equal;

import com.hazelcast.core.HazelcastJsonValue;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** What one language writes, the others read; READ names the languages that have written. */
final class CrossChecks {
    private static final Map<String, Object> VALUES = new LinkedHashMap<>();

    private CrossChecks() { }

    static {
        LocalDateTime stamp = LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4_000_000);
        VALUES.put("compact", Staff.kinds());
        VALUES.put("employee", Staff.compact().get("e1"));
        VALUES.put("json", new HazelcastJsonValue("{\"a\": [1, 2.5, null], \"b\": \"x\"}"));
        VALUES.put("text", "Grüße 😀");
        VALUES.put("long", -9007199254740993L);
        VALUES.put("double", 2.5);
        VALUES.put("boolean", true);
        VALUES.put("uuid", UUID.fromString("00000000-075b-cd15-ffff-ffffc521974f"));
        VALUES.put("decimal", new BigDecimal("-12345678901234567890.125"));
        VALUES.put("big_integer", new BigInteger("123456789012345678901234567890"));
        VALUES.put("date", LocalDate.of(2024, 2, 29));
        VALUES.put("time", LocalTime.of(23, 59, 58, 7_000_000));
        VALUES.put("stamp", stamp);
        VALUES.put("zoned", stamp.atOffset(ZoneOffset.ofTotalSeconds(-5400)));
        VALUES.put("words", new String[] {"a", ""});
        VALUES.put("list", new ArrayList<>(Arrays.asList("a", 1.5, null)));
    }

    static void addWrites(Checks.Table table) {
        table.add("cross.write", t -> {
            VALUES.forEach((kind, value) -> t.client.getMap("cross").set("java." + kind, value));
            return VALUES.size();
        });
    }

    static void addReads(Checks.Table table) {
        for (String language : List.of(System.getenv("READ").split(" "))) {
            for (String kind : VALUES.keySet()) {
                table.add("cross." + language + "_" + kind, t -> t.client.getMap("cross").get(language + "." + kind));
            }
            table.add("cross." + language + "_is_found", t -> List.copyOf(t.client.getMap("cross").keySet(
                    and(equal("__key", language + ".employee"), equal("department.floor", 3)))));
        }
    }
}
