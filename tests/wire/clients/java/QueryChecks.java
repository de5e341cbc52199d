package clients;

import static clients.Bench.done;
import static clients.Bench.failure;
import static clients.Bench.list;
import static com.hazelcast.query.Predicates.alwaysFalse;
import static com.hazelcast.query.Predicates.alwaysTrue;
import static com.hazelcast.query.Predicates.and;
import static com.hazelcast.query.Predicates.between;
import static com.hazelcast.query.Predicates.equal;
import static com.hazelcast.query.Predicates.greaterEqual;
import static com.hazelcast.query.Predicates.greaterThan;
import static com.hazelcast.query.Predicates.ilike;
import static com.hazelcast.query.Predicates.in;
import static com.hazelcast.query.Predicates.instanceOf;
import static com.hazelcast.query.Predicates.lessEqual;
import static com.hazelcast.query.Predicates.lessThan;
import static com.hazelcast.query.Predicates.like;
import static com.hazelcast.query.Predicates.not;
import static com.hazelcast.query.Predicates.notEqual;
import static com.hazelcast.query.Predicates.or;
import static com.hazelcast.query.Predicates.pagingPredicate;
import static com.hazelcast.query.Predicates.partitionPredicate;
import static com.hazelcast.query.Predicates.regex;
import static com.hazelcast.query.Predicates.sql;

import com.hazelcast.aggregation.Aggregator;
import com.hazelcast.aggregation.Aggregators;
import com.hazelcast.config.IndexConfig;
import com.hazelcast.config.IndexType;
import com.hazelcast.map.IMap;
import com.hazelcast.projection.Projection;
import com.hazelcast.projection.Projections;
import com.hazelcast.query.PagingPredicate;
import com.hazelcast.query.Predicate;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Predicates of each class over Compact, JSON and plain values; with indexes the answers stay the
 * same; pages; aggregations; projections.
 */
final class QueryChecks {
    /** Over the staff, as Compact and as JSON. */
    private static final Map<String, Predicate<String, Object>> QUERIES = new LinkedHashMap<>();
    private static final Map<String, Supplier<Map<String, Object>>> FORMS =
            Map.of("compact", Staff::compact, "json", Staff::json);

    private QueryChecks() { }

    private static void query(String name, Predicate<String, Object> predicate) {
        QUERIES.put(name, predicate);
    }

    static {
        query("equal_number", equal("age", 36));
        query("equal_fraction", equal("salary", 2500.25));
        query("equal_long", equal("age", 36L));
        query("equal_short", equal("age", (short) 36));
        query("equal_big_integer", equal("age", BigInteger.valueOf(36)));
        query("equal_big_decimal", equal("salary", new BigDecimal("2500.25")));
        query("equal_number_that_does_not_fit", equal("age", 36.5));
        query("equal_number_as_text", equal("age", "36"));
        query("equal_no_number", equal("age", "old"));
        query("equal_boolean", equal("active", true));
        query("equal_boolean_as_text", equal("active", "false"));
        query("equal_text", equal("name", "Ada"));
        query("equal_null", equal("name", null));
        query("equal_nested", equal("department.name", "engine"));
        query("equal_below_null", equal("department.name", null));
        query("equal_unknown_attribute", equal("nope", 1));
        query("equal_unknown_nested", equal("department.nope", 1));
        query("equal_any_item", equal("tags[any]", "c"));
        query("equal_first_item", equal("tags[0]", "math"));
        query("equal_item_beyond", equal("tags[5]", "c"));
        query("equal_key", equal("__key", "e3"));
        query("not_equal", notEqual("age", 36));
        query("not_equal_null", notEqual("name", null));
        query("not_equal_any_item", notEqual("tags[any]", "c"));
        query("greater_than", greaterThan("age", 36));
        query("greater_equal", greaterEqual("age", 36));
        query("less_than", lessThan("age", 36));
        query("less_equal", lessEqual("age", 36));
        query("greater_than_text", greaterThan("name", "Cid"));
        query("less_than_key", lessThan("__key", "e3"));
        query("greater_than_fraction", greaterThan("age", 35.5));
        query("between", between("age", 25, 41));
        query("between_nothing", between("age", 41, 25));
        query("between_text", between("name", "Bob", "Dee"));
        query("in_some", in("age", 25, 52, 1000));
        query("in_text", in("name", "Ada", "Gus"));
        query("in_none", in("age"));
        query("in_with_null", in("name", "Ada", null));
        query("in_keys", in("__key", "e1", "e8", "nobody"));
        query("like_prefix", like("name", "A%"));
        query("like_one_letter", like("name", "_d_"));
        query("like_middle", like("name", "%d%"));
        query("like_escaped", like("name", "\\%%"));
        query("like_exact", like("name", "Bob"));
        query("ilike_prefix", ilike("name", "aD%"));
        query("regex", regex("name", "^[A-C].*"));
        query("regex_is_whole", regex("name", "d"));
        query("and_both", and(equal("active", true), greaterThan("age", 36)));
        query("and_of_none", and());
        query("or_either", or(equal("name", "Bob"), equal("age", 19)));
        query("or_of_none", or());
        query("not_it", not(equal("active", true)));
        query("not_not", not(not(equal("active", true))));
        query("nested", or(and(equal("active", true), lessThan("age", 30)),
                and(not(equal("active", true)), like("name", "G%"))));
        query("always_true", alwaysTrue());
        query("always_false", alwaysFalse());
        query("partition", partitionPredicate("e3", equal("name", "Cid")));
        query("partition_of_nobody", partitionPredicate("e3", alwaysFalse()));
        query("sql_between_and_in", sql("age BETWEEN 25 AND 41 AND name IN ('Ada', 'Bob')"));
        query("sql_like_or_not", sql("name LIKE 'A%' OR NOT active"));
        query("sql_nested", sql("department.name = 'yard'"));
    }

    static void add(Checks.Table table) {
        for (String form : List.of("compact", "json")) {
            addQueries(table, form);
        }
        addDates(table);
        addPlain(table);
        addIndexes(table);
        addPages(table);
        addAggregations(table);
        addProjections(table);
    }

    private static IMap<String, Object> staffed(Bench t, String form) {
        return t.filled(FORMS.get(form).get());
    }

    private static <V> Object keys(IMap<String, V> map, Predicate<String, V> predicate) {
        return failure(() -> map.keySet(predicate));
    }

    /** One check for each query, over a map that the first of them fills. */
    private static void addQueries(Checks.Table table, String form) {
        List<IMap<String, Object>> filled = new ArrayList<>();
        QUERIES.forEach((name, predicate) -> table.add("query." + form + "_" + name, t -> {
            if (filled.isEmpty()) {
                filled.add(staffed(t, form));
            }
            return keys(filled.get(0), predicate);
        }));
    }

    private static void addDates(Checks.Table table) {
        table.add("query.compact_equal_date",
                t -> keys(staffed(t, "compact"), equal("hired", LocalDate.of(2019, 1, 31))));
        table.add("query.compact_before_date",
                t -> keys(staffed(t, "compact"), lessThan("hired", LocalDate.of(2019, 1, 31))));
    }

    private static void addPlain(Checks.Table table) {
        Map<String, Object> numbers = Map.of("a", 1, "b", 2.5, "c", -3L, "d", 10);
        Map<String, Object> mixed = Map.of("a", 1.0, "b", "text", "c", true, "d", 7);
        Map<String, Object> words = Map.of("a", "apple", "b", "Bean", "c", "", "d", "date%");

        table.add("query.plain_equal", t -> keys(t.filled(numbers), equal("this", 2.5)));
        table.add("query.plain_equal_integer", t -> keys(t.filled(numbers), equal("this", 10)));
        table.add("query.plain_between", t -> keys(t.filled(numbers), between("this", 0, 5)));
        table.add("query.plain_less_as_text", t -> keys(t.filled(numbers), lessThan("this", "2")));
        table.add("query.plain_sql", t -> keys(t.filled(numbers), sql("this > 1")));
        table.add("query.plain_words_like", t -> keys(t.filled(words), like("this", "%\\%")));
        table.add("query.plain_words_ilike", t -> keys(t.filled(words), ilike("this", "b%")));
        table.add("query.plain_words_empty", t -> keys(t.filled(words), equal("this", "")));
        table.add("query.instance_of", t -> {
            IMap<String, Object> map = t.filled(mixed);
            return list(keys(map, instanceOf(String.class)), keys(map, instanceOf(Number.class)),
                    keys(map, instanceOf(Integer.class)), keys(map, instanceOf(Thread.class)));
        });
        table.add("query.values", t -> Text.set(t.filled(numbers).values(greaterThan("this", 1))));
        table.add("query.entries", t -> Text.pairs(t.filled(numbers).entrySet(greaterThan("this", 1))));
        table.add("query.of_an_empty_map", t -> t.map().keySet(equal("this", 1)));
        table.add("query.number_keys",
                t -> t.filled(Map.of(1, "a", 2, "b", 3, "c")).keySet(greaterThan("__key", 1)));
        table.add("query.remove_all", t -> {
            IMap<String, Object> map = staffed(t, "compact");
            map.removeAll(equal("active", true));
            return map.keySet();
        });
        table.add("query.iterated_by_partition", t -> {
            List<Map.Entry<String, Object>> entries = new ArrayList<>();
            IMap<String, Object> map = t.filled(numbers);
            map.entrySet(greaterThan("this", 1)).forEach(entries::add);
            return Text.pairs(entries);
        });
    }

    // ---- indexes ----

    private static List<IndexConfig> each(IndexType type) {
        return List.of("age", "name", "active", "salary", "department.name", "__key", "tags[any]").stream()
                .map(attribute -> new IndexConfig(type, attribute)).toList();
    }

    /** The names of the queries whose answer is another one once the map has the indexes. */
    private static Object indexed(Bench t, String form, List<IndexConfig> indexes) {
        IMap<String, Object> map = staffed(t, form);
        Map<String, String> before = new HashMap<>();
        QUERIES.forEach((name, predicate) -> before.put(name, Text.of(keys(map, predicate))));
        indexes.forEach(map::addIndex);
        List<String> differ = new ArrayList<>();
        QUERIES.forEach((name, predicate) -> {
            String after = Text.of(keys(map, predicate));
            if (!after.equals(before.get(name))) {
                differ.add(name + " " + after);
            }
        });
        map.set("e9", Staff.compact().get("e1"));
        map.delete("e1");
        return new Text.Said("differ: " + differ + ", changed: " + Text.of(keys(map, equal("age", 36))));
    }

    private static void addIndexes(Checks.Table table) {
        Map<String, List<IndexConfig>> kinds = new LinkedHashMap<>();
        kinds.put("hash", each(IndexType.HASH));
        kinds.put("sorted", each(IndexType.SORTED));
        kinds.put("composite", List.of(new IndexConfig(IndexType.SORTED, "active", "age"),
                new IndexConfig(IndexType.HASH, "name", "age")));
        for (String form : List.of("compact", "json")) {
            kinds.forEach((kind, indexes) ->
                    table.add("index." + form + "_" + kind + "_same_answers", t -> indexed(t, form, indexes)));
        }
        table.add("index.twice", t -> {
            t.map().addIndex(new IndexConfig(IndexType.HASH, "age"));
            return done(() -> t.map().addIndex(new IndexConfig(IndexType.HASH, "age")));
        });
        table.add("index.without_attribute", t -> done(() -> t.map().addIndex(new IndexConfig(IndexType.HASH))));
        table.add("index.same_attribute_twice",
                t -> done(() -> t.map().addIndex(new IndexConfig(IndexType.HASH, "a", "a"))));
        table.add("index.bitmap_on_numbers", t -> {
            IMap<String, Object> map = staffed(t, "compact");
            map.addIndex(new IndexConfig(IndexType.BITMAP, "age"));
            return list(keys(map, equal("age", 36)), keys(map, notEqual("age", 36)));
        });
    }

    // ---- pages ----

    private interface Read {
        Iterable<?> page(IMap<String, Integer> map, PagingPredicate<String, Integer> predicate);
    }

    private static IMap<String, Integer> numbered(Bench t) {
        Map<String, Integer> entries = new HashMap<>();
        for (int i = 0; i < 10; i++) {
            entries.put("k" + i, 9 - i);
        }
        return t.filled(entries);
    }

    /** Four pages forward, two back, and one that is asked for. */
    private static Checks.Check pages(Read read, Predicate<String, Integer> predicate, int size) {
        return t -> {
            IMap<String, Integer> map = numbered(t);
            PagingPredicate<String, Integer> paging = pagingPredicate(predicate, size);
            List<Object> pages = new ArrayList<>();
            for (int turn = 0; turn < 7; turn++) {
                pages.add(inOrder(read.page(map, paging)));
                if (turn < 3) {
                    paging.nextPage();
                } else if (turn < 5) {
                    paging.previousPage();
                } else {
                    paging.setPage(2);
                }
            }
            return pages;
        };
    }

    private static List<Object> inOrder(Iterable<?> page) {
        List<Object> items = new ArrayList<>();
        page.forEach(items::add);
        return items;
    }

    private static void addPages(Checks.Table table) {
        table.add("paging.keys", pages((map, predicate) -> map.keySet(predicate), alwaysTrue(), 4));
        table.add("paging.values", pages((map, predicate) -> map.values(predicate), alwaysTrue(), 4));
        table.add("paging.entries", pages((map, predicate) -> map.entrySet(predicate), alwaysTrue(), 4));
        table.add("paging.with_predicate",
                pages((map, predicate) -> map.keySet(predicate), lessThan("this", 5), 2));
        table.add("paging.values_that_have_no_order",
                t -> staffed(t, "compact").values(pagingPredicate(alwaysTrue(), 3)));
        table.add("paging.beyond_the_end", t -> {
            PagingPredicate<String, Integer> predicate = pagingPredicate(alwaysTrue(), 4);
            predicate.setPage(7);
            return inOrder(numbered(t).keySet(predicate));
        });
        table.add("paging.of_one_partition", t -> {
            Set<String> keys = numbered(t).keySet(partitionPredicate("k3", pagingPredicate(alwaysTrue(), 4)));
            return keys.contains("k3");
        });
    }

    // ---- aggregations and projections ----

    private static Checks.Check aggregate(String form, Aggregator<Map.Entry<String, Object>, ?> aggregator) {
        return t -> staffed(t, form).aggregate(aggregator);
    }

    private static Checks.Check aggregate(Aggregator<Map.Entry<String, Object>, ?> aggregator) {
        return aggregate("compact", aggregator);
    }

    private static Checks.Check aggregate(Aggregator<Map.Entry<String, Object>, ?> aggregator,
                                          Predicate<String, Object> predicate) {
        return t -> staffed(t, "compact").aggregate(aggregator, predicate);
    }

    private static void addAggregations(Checks.Table table) {
        table.add("aggregation.count", aggregate(Aggregators.count()));
        table.add("aggregation.count_attribute", aggregate(Aggregators.count("name")));
        table.add("aggregation.count_json", aggregate("json", Aggregators.count("name")));
        table.add("aggregation.distinct", aggregate(Aggregators.distinct("age")));
        table.add("aggregation.distinct_with_null", aggregate(Aggregators.distinct("name")));
        table.add("aggregation.distinct_json", aggregate("json", Aggregators.distinct("age")));
        table.add("aggregation.double_avg", aggregate(Aggregators.doubleAvg("salary")));
        table.add("aggregation.double_sum", aggregate(Aggregators.doubleSum("salary")));
        table.add("aggregation.double_sum_of_integers", aggregate(Aggregators.doubleSum("age")));
        table.add("aggregation.fixed_point_sum", aggregate(Aggregators.fixedPointSum("age")));
        table.add("aggregation.fixed_point_sum_of_fractions", aggregate(Aggregators.fixedPointSum("salary")));
        table.add("aggregation.floating_point_sum", aggregate(Aggregators.floatingPointSum("age")));
        table.add("aggregation.integer_avg", aggregate(Aggregators.integerAvg("age")));
        table.add("aggregation.integer_sum", aggregate(Aggregators.integerSum("age")));
        table.add("aggregation.integer_sum_of_fractions", aggregate(Aggregators.integerSum("salary")));
        table.add("aggregation.long_avg_of_integers", aggregate(Aggregators.longAvg("age")));
        table.add("aggregation.long_sum_of_integers", aggregate(Aggregators.longSum("age")));
        table.add("aggregation.big_decimal_avg_of_integers", aggregate(Aggregators.bigDecimalAvg("age")));
        table.add("aggregation.big_integer_sum_of_integers", aggregate(Aggregators.bigIntegerSum("age")));
        table.add("aggregation.number_avg", aggregate(Aggregators.numberAvg("age")));
        table.add("aggregation.number_avg_json", aggregate("json", Aggregators.numberAvg("age")));
        table.add("aggregation.max", aggregate(Aggregators.integerMax("age")));
        table.add("aggregation.min", aggregate(Aggregators.integerMin("age")));
        table.add("aggregation.max_text", aggregate(Aggregators.comparableMax("name")));
        table.add("aggregation.min_json", aggregate("json", Aggregators.doubleMin("salary")));
        table.add("aggregation.max_by", t -> ((Map.Entry<?, ?>) staffed(t, "compact")
                .aggregate(Aggregators.<Map.Entry<String, Object>>maxBy("age"))).getKey());
        table.add("aggregation.min_by", t -> ((Map.Entry<?, ?>) staffed(t, "compact")
                .aggregate(Aggregators.<Map.Entry<String, Object>>minBy("salary"))).getKey());
        table.add("aggregation.unknown_attribute", aggregate(Aggregators.integerMax("nope")));
        table.add("aggregation.sum_of_text", aggregate(Aggregators.doubleSum("name")));
        table.add("aggregation.any_items", aggregate(Aggregators.count("tags[any]")));
        table.add("aggregation.distinct_any_items", aggregate(Aggregators.distinct("tags[any]")));
        table.add("aggregation.nested", aggregate(Aggregators.integerMax("department.floor")));
        table.add("aggregation.with_predicate", aggregate(Aggregators.count(), equal("active", true)));
        table.add("aggregation.with_predicate_of_none", aggregate(Aggregators.integerMax("age"), alwaysFalse()));
        table.add("aggregation.avg_of_none", aggregate(Aggregators.doubleAvg("salary"), alwaysFalse()));
        table.add("aggregation.sum_of_none", aggregate(Aggregators.integerSum("age"), alwaysFalse()));
        table.add("aggregation.with_paging", aggregate(Aggregators.count(), pagingPredicate(alwaysTrue(), 2)));
        table.add("aggregation.of_one_partition",
                aggregate(Aggregators.count(), partitionPredicate("e3", equal("name", "Cid"))));
        table.add("aggregation.distinct_values", t -> t.filled(Map.of("a", 1, "b", 2, "c", 1))
                .aggregate(Aggregators.<Map.Entry<String, Integer>, Integer>distinct("this")));
    }

    private static Checks.Check project(String form, Projection<Map.Entry<String, Object>, ?> projection,
                                        Predicate<String, Object> predicate) {
        return t -> Text.set(staffed(t, form).project(projection, predicate));
    }

    private static Checks.Check project(String form, Projection<Map.Entry<String, Object>, ?> projection) {
        return project(form, projection, alwaysTrue());
    }

    private static void addProjections(Checks.Table table) {
        table.add("projection.single", project("compact", Projections.singleAttribute("name")));
        table.add("projection.single_json", project("json", Projections.singleAttribute("age")));
        table.add("projection.single_nested", project("json", Projections.singleAttribute("department.name")));
        table.add("projection.single_key", project("json", Projections.singleAttribute("__key")));
        table.add("projection.multi", project("compact", Projections.multiAttribute("name", "age")));
        table.add("projection.multi_json", project("json", Projections.multiAttribute("name", "department.floor")));
        table.add("projection.identity",
                t -> Text.set(t.filled().project(Projections.<Map.Entry<String, String>>identity())));
        table.add("projection.with_predicate",
                project("compact", Projections.singleAttribute("name"), equal("active", true)));
        table.add("projection.unknown_attribute", project("compact", Projections.singleAttribute("nope")));
        table.add("projection.with_paging",
                project("compact", Projections.singleAttribute("name"), pagingPredicate(alwaysTrue(), 2)));
    }
}
