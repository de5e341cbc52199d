package clients;

import com.hazelcast.core.HazelcastJsonValue;
import com.hazelcast.internal.json.Json;
import com.hazelcast.internal.json.JsonValue;
import java.lang.reflect.Array;
import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The form in which results are written down: the same in every language, and the same each time.
 * null, true, 5, 1.5, "text", [a, b] in order, {a, b} and {a: 1} sorted, error: Name.
 */
final class Text {
    /** Words that are printed as they are, because the check has made the text itself. */
    record Said(String words) { }

    private Text() { }

    static String of(Object value) {
        if (value == null) {
            return "null";
        } else if (value instanceof Said said) {
            return said.words;
        } else if (value instanceof String || value instanceof Character) {
            return quoted(value.toString());
        } else if (value instanceof Number number) {
            return number(number);
        } else if (value instanceof byte[] bytes) {
            return "bytes " + HexFormat.of().formatHex(bytes);
        } else if (value.getClass().isArray()) {
            return of(items(value));
        } else if (value instanceof Map<?, ?> map) {
            return pairs(map.entrySet()).words;
        } else if (value instanceof Map.Entry<?, ?> entry) {
            return "[" + of(entry.getKey()) + ", " + of(entry.getValue()) + "]";
        } else if (value instanceof Set<?> set) {
            return set(set).words;
        } else if (value instanceof Iterable<?> list) {
            return stream(list).map(Text::of).collect(Collectors.joining(", ", "[", "]"));
        } else if (value instanceof HazelcastJsonValue json) {
            return json(Json.parse(json.getValue()));
        } else if (value instanceof Record record) {
            return record(record);
        }
        return time(value);
    }

    /** What a set says, whatever collection it came in. */
    static Said set(Iterable<?> values) {
        return braced(stream(values).map(Text::of));
    }

    /** What a map says, from its pairs. */
    static Said pairs(Collection<? extends Map.Entry<?, ?>> entries) {
        return braced(entries.stream().map(e -> of(e.getKey()) + ": " + of(e.getValue())));
    }

    /** Languages name one error differently: IllegalStateException here is IllegalStateError there. */
    static Said error(Throwable caught) {
        while ((caught instanceof ExecutionException || caught instanceof CompletionException)
                && caught.getCause() != null) {
            caught = caught.getCause();
        }
        return new Said("error: " + caught.getClass().getSimpleName().replaceAll("(Error|Exception)$", ""));
    }

    private static <T> Stream<T> stream(Iterable<T> values) {
        return StreamSupport.stream(values.spliterator(), false);
    }

    private static Said braced(Stream<String> texts) {
        return new Said(texts.sorted().collect(Collectors.joining(", ", "{", "}")));
    }

    private static List<Object> items(Object array) {
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < Array.getLength(array); i++) {
            items.add(Array.get(array, i));
        }
        return items;
    }

    private static String number(Number number) {
        if (number instanceof BigDecimal decimal) {
            return decimal.toPlainString();
        }
        return number.toString().replaceAll("\\.0$|\\.0(?=E)", "").replaceAll("E(?=\\d)", "e+").replace("E-", "e-");
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            switch (c) {
                case '"', '\\' -> quoted.append('\\').append(c);
                case '\n' -> quoted.append("\\n");
                default -> quoted.append(c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        return quoted.append('"').toString();
    }

    private static String json(JsonValue value) {
        if (value.isArray()) {
            return stream(value.asArray()).map(Text::json).collect(Collectors.joining(", ", "[", "]"));
        } else if (value.isObject()) {
            return braced(stream(value.asObject()).map(m -> quoted(m.getName()) + ": " + json(m.getValue()))).words;
        } else if (value.isNumber()) {
            return number(value.asDouble());
        }
        return value.isString() ? quoted(value.asString()) : value.toString();
    }

    private static String record(Record record) {
        return record.getClass().getSimpleName() + " "
                + braced(Stream.of(record.getClass().getRecordComponents())
                        .map(component -> quoted(component.getName()) + ": " + of(read(record, component)))).words;
    }

    private static Object read(Record record, RecordComponent component) {
        try {
            component.getAccessor().setAccessible(true);
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException cause) {
            throw new IllegalStateException(cause);
        }
    }

    private static String time(Object value) {
        if (value instanceof LocalTime time) {
            String fraction = time.getNano() == 0 ? "" : String.format(".%09d", time.getNano());
            return time.format(DateTimeFormatter.ofPattern("HH:mm:ss")) + fraction;
        } else if (value instanceof LocalDate date) {
            return date.format(DateTimeFormatter.ofPattern("uuuu-MM-dd"));
        } else if (value instanceof LocalDateTime stamp) {
            return time(stamp.toLocalDate()) + "T" + time(stamp.toLocalTime());
        } else if (value instanceof OffsetDateTime zoned) {
            return time(zoned.toLocalDateTime()) + zoned.format(DateTimeFormatter.ofPattern("xxx"));
        } else if (value instanceof Date date) {
            return date.toInstant().atOffset(java.time.ZoneOffset.UTC)
                    .format(DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'"));
        }
        return value.toString();
    }
}
