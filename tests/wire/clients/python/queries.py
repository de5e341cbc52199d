"""Predicates of each class over Compact, JSON and plain values; with indexes the answers stay the
same; pages; aggregations; projections.
"""

from hazelcast import aggregator, projection
from hazelcast.config import IndexType
from hazelcast.predicate import (
    and_,
    between,
    equal,
    false,
    greater,
    greater_or_equal,
    ilike,
    in_,
    instance_of,
    less,
    less_or_equal,
    like,
    not_,
    not_equal,
    or_,
    paging,
    regex,
    sql,
    true,
)

from harness import failure
from staff import compact_staff, json_staff
from text import Said, as_set, pairs

# Over the staff, as Compact and as JSON.
QUERIES = {
    "equal_number": equal("age", 36),
    "equal_fraction": equal("salary", 2500.25),
    "equal_number_that_does_not_fit": equal("age", 36.5),
    "equal_number_as_text": equal("age", "36"),
    "equal_no_number": equal("age", "old"),
    "equal_boolean": equal("active", True),
    "equal_boolean_as_text": equal("active", "false"),
    "equal_text": equal("name", "Ada"),
    "equal_null": equal("name", None),
    "equal_nested": equal("department.name", "engine"),
    "equal_below_null": equal("department.name", None),
    "equal_unknown_attribute": equal("nope", 1),
    "equal_unknown_nested": equal("department.nope", 1),
    "equal_any_item": equal("tags[any]", "c"),
    "equal_first_item": equal("tags[0]", "math"),
    "equal_item_beyond": equal("tags[5]", "c"),
    "equal_key": equal("__key", "e3"),
    "not_equal": not_equal("age", 36),
    "not_equal_null": not_equal("name", None),
    "not_equal_any_item": not_equal("tags[any]", "c"),
    "greater_than": greater("age", 36),
    "greater_equal": greater_or_equal("age", 36),
    "less_than": less("age", 36),
    "less_equal": less_or_equal("age", 36),
    "greater_than_text": greater("name", "Cid"),
    "less_than_key": less("__key", "e3"),
    "greater_than_fraction": greater("age", 35.5),
    "between": between("age", 25, 41),
    "between_nothing": between("age", 41, 25),
    "between_text": between("name", "Bob", "Dee"),
    "in_some": in_("age", 25, 52, 1000),
    "in_text": in_("name", "Ada", "Gus"),
    "in_none": in_("age"),
    "in_with_null": in_("name", "Ada", None),
    "in_keys": in_("__key", "e1", "e8", "nobody"),
    "like_prefix": like("name", "A%"),
    "like_one_letter": like("name", "_d_"),
    "like_middle": like("name", "%d%"),
    "like_escaped": like("name", "\\%%"),
    "like_exact": like("name", "Bob"),
    "ilike_prefix": ilike("name", "aD%"),
    "regex": regex("name", "^[A-C].*"),
    "regex_is_whole": regex("name", "d"),
    "and_both": and_(equal("active", True), greater("age", 36)),
    "and_of_none": and_(),
    "or_either": or_(equal("name", "Bob"), equal("age", 19)),
    "or_of_none": or_(),
    "not_it": not_(equal("active", True)),
    "not_not": not_(not_(equal("active", True))),
    "nested": or_(
        and_(equal("active", True), less("age", 30)),
        and_(not_(equal("active", True)), like("name", "G%")),
    ),
    "always_true": true(),
    "always_false": false(),
    "sql_between_and_in": sql("age BETWEEN 25 AND 41 AND name IN ('Ada', 'Bob')"),
    "sql_like_or_not": sql("name LIKE 'A%' OR NOT active"),
    "sql_nested": sql("department.name = 'yard'"),
    "sql_wrong": sql("age >>> 3"),
}

FORMS = {"compact": compact_staff, "json": json_staff}


def staffed(t, form):
    result = t.map()
    result.put_all(FORMS[form]())
    return result


def keys(m, predicate):
    return failure(lambda: as_set(m.key_set(predicate)))


def queries(form):
    """One check for each query, over a map that the first of them fills."""
    maps = []

    def ask(predicate):
        def check(t):
            if not maps:
                maps.append(staffed(t, form))
            return keys(maps[0], predicate)

        return check

    return {f"query.{form}_{name}": ask(predicate) for name, predicate in QUERIES.items()}


def indexed(form, indexes):
    """The names of the queries whose answer is another one once the map has the indexes."""

    def check(t):
        m = staffed(t, form)
        before = {name: keys(m, predicate) for name, predicate in QUERIES.items()}
        for attributes, kind in indexes:
            m.add_index(attributes, kind)
        after = {name: keys(m, predicate) for name, predicate in QUERIES.items()}
        differ = [f"{name} {after[name]}" for name in QUERIES if after[name] != before[name]]
        m.set("e9", compact_staff()["e1"])
        m.delete("e1")
        return Said(f"differ: [{', '.join(differ)}], changed: {keys(m, equal('age', 36))}")

    return check


ATTRIBUTES = ["age", "name", "active", "salary", "department.name", "__key", "tags[any]"]
INDEXES = {
    "hash": [([attribute], IndexType.HASH) for attribute in ATTRIBUTES],
    "sorted": [([attribute], IndexType.SORTED) for attribute in ATTRIBUTES],
    "composite": [(["active", "age"], IndexType.SORTED), (["name", "age"], IndexType.HASH)],
}


def index_twice(t):
    t.map().add_index(["age"], IndexType.HASH)
    return t.map().add_index(["age"], IndexType.HASH)


INDEX_CHECKS = {
    **{
        f"index.{form}_{kind}_same_answers": indexed(form, INDEXES[kind])
        for form in FORMS
        for kind in INDEXES
    },
    "index.twice": index_twice,
    "index.without_attribute": lambda t: t.map().add_index([], IndexType.HASH),
    "index.same_attribute_twice": lambda t: t.map().add_index(["a", "a"], IndexType.HASH),
}

PLAIN = (("a", 1), ("b", 2.5), ("c", -3), ("d", 10))
MIXED = (("a", 1.0), ("b", "text"), ("c", True), ("d", 7))
WORDS = (("a", "apple"), ("b", "Bean"), ("c", ""), ("d", "date%"))
CLASSES = ["java.lang.String", "java.lang.Number", "java.lang.Integer", "no.such.Thing"]


def over(entries, predicate):
    return lambda t: keys(t.filled(entries), predicate)


def remove_all(t):
    m = staffed(t, "compact")
    m.remove_all(equal("active", True))
    return as_set(m.key_set())


def instances(t):
    m = t.filled(MIXED)
    return [keys(m, instance_of(name)) for name in CLASSES]


PLAIN_CHECKS = {
    "query.plain_equal": over(PLAIN, equal("this", 2.5)),
    "query.plain_equal_integer": over(PLAIN, equal("this", 10)),
    "query.plain_between": over(PLAIN, between("this", 0, 5)),
    "query.plain_less_as_text": over(PLAIN, less("this", "2")),
    "query.plain_sql": over(PLAIN, sql("this > 1")),
    "query.plain_words_like": over(WORDS, like("this", "%\\%")),
    "query.plain_words_ilike": over(WORDS, ilike("this", "b%")),
    "query.plain_words_empty": over(WORDS, equal("this", "")),
    "query.instance_of": instances,
    "query.values": lambda t: as_set(t.filled(PLAIN).values(greater("this", 1))),
    "query.entries": lambda t: pairs(t.filled(PLAIN).entry_set(greater("this", 1))),
    "query.of_an_empty_map": lambda t: as_set(t.map().key_set(equal("this", 1))),
    "query.number_keys": over(((1, "a"), (2, "b"), (3, "c")), greater("__key", 1)),
    "query.remove_all": remove_all,
}


def pages(read, predicate, entries=tuple((f"k{i}", 9 - i) for i in range(10))):
    """Four pages forward, two back, and one that is asked for."""

    def check(t):
        m = t.filled(entries)
        turns = [predicate.next_page] * 3 + [predicate.previous_page] * 2
        predicate.reset()
        got = [read(m, predicate)]
        for turn in turns:
            turn()
            got.append(read(m, predicate))
        predicate.page = 2
        return got + [read(m, predicate)]

    return check


def beyond(t):
    predicate = paging(true(), 4)
    predicate.page = 7
    return t.filled([(f"k{i}", i) for i in range(10)]).key_set(predicate)


PAGED = {
    "paging.keys": pages(lambda m, p: m.key_set(p), paging(true(), 4)),
    "paging.values": pages(lambda m, p: m.values(p), paging(true(), 4)),
    "paging.entries": pages(lambda m, p: m.entry_set(p), paging(true(), 4)),
    "paging.with_predicate": pages(lambda m, p: m.key_set(p), paging(less("this", 5), 2)),
    "paging.values_that_have_no_order": lambda t: staffed(t, "compact").values(paging(true(), 3)),
    "paging.beyond_the_end": beyond,
}


def aggregate(how, form="compact", predicate=None):
    return lambda t: staffed(t, form).aggregate(how, predicate)


AGGREGATIONS = {
    "aggregation.count": aggregate(aggregator.count()),
    "aggregation.count_attribute": aggregate(aggregator.count("name")),
    "aggregation.count_json": aggregate(aggregator.count("name"), "json"),
    "aggregation.distinct": lambda t: as_set(aggregate(aggregator.distinct("age"))(t)),
    "aggregation.distinct_with_null": lambda t: as_set(aggregate(aggregator.distinct("name"))(t)),
    "aggregation.distinct_json": lambda t: as_set(aggregate(aggregator.distinct("age"), "json")(t)),
    "aggregation.double_avg": aggregate(aggregator.double_avg("salary")),
    "aggregation.double_sum": aggregate(aggregator.double_sum("salary")),
    "aggregation.double_sum_of_integers": aggregate(aggregator.double_sum("age")),
    "aggregation.fixed_point_sum": aggregate(aggregator.fixed_point_sum("age")),
    "aggregation.fixed_point_sum_of_fractions": aggregate(aggregator.fixed_point_sum("salary")),
    "aggregation.floating_point_sum": aggregate(aggregator.floating_point_sum("age")),
    "aggregation.integer_avg": aggregate(aggregator.int_avg("age")),
    "aggregation.integer_sum": aggregate(aggregator.int_sum("age")),
    "aggregation.integer_sum_of_fractions": aggregate(aggregator.int_sum("salary")),
    "aggregation.long_avg_of_integers": aggregate(aggregator.long_avg("age")),
    "aggregation.long_sum_of_integers": aggregate(aggregator.long_sum("age")),
    "aggregation.number_avg": aggregate(aggregator.number_avg("age")),
    "aggregation.number_avg_json": aggregate(aggregator.number_avg("age"), "json"),
    "aggregation.max": aggregate(aggregator.max_("age")),
    "aggregation.min": aggregate(aggregator.min_("age")),
    "aggregation.max_text": aggregate(aggregator.max_("name")),
    "aggregation.min_json": aggregate(aggregator.min_("salary"), "json"),
    "aggregation.max_by": lambda t: aggregate(aggregator.max_by("age"))(t).key,
    "aggregation.min_by": lambda t: aggregate(aggregator.min_by("salary"))(t).key,
    "aggregation.unknown_attribute": aggregate(aggregator.max_("nope")),
    "aggregation.sum_of_text": aggregate(aggregator.double_sum("name")),
    "aggregation.nested": aggregate(aggregator.max_("department.floor")),
    "aggregation.with_predicate": aggregate(aggregator.count(), predicate=equal("active", True)),
    "aggregation.with_predicate_of_none": aggregate(aggregator.max_("age"), predicate=false()),
    "aggregation.avg_of_none": aggregate(aggregator.double_avg("salary"), predicate=false()),
    "aggregation.sum_of_none": aggregate(aggregator.int_sum("age"), predicate=false()),
    "aggregation.with_paging": aggregate(aggregator.count(), predicate=paging(true(), 2)),
}


def project(how, form="compact", predicate=None):
    return lambda t: as_set(staffed(t, form).project(how, predicate))


PROJECTIONS = {
    "projection.single": project(projection.single_attribute("name")),
    "projection.single_json": project(projection.single_attribute("age"), "json"),
    "projection.single_nested": project(projection.single_attribute("department.name"), "json"),
    "projection.multi": project(projection.multi_attribute("name", "age")),
    "projection.multi_json": project(
        projection.multi_attribute("name", "department.floor"), "json"
    ),
    "projection.identity": lambda t: as_set(t.filled().project(projection.identity())),
    "projection.with_predicate": project(
        projection.single_attribute("name"), predicate=equal("active", True)
    ),
    "projection.unknown_attribute": project(projection.single_attribute("nope")),
    "projection.with_paging": project(
        projection.single_attribute("name"), predicate=paging(true(), 2)
    ),
}

CHECKS = {
    **queries("compact"),
    **queries("json"),
    **PLAIN_CHECKS,
    **INDEX_CHECKS,
    **PAGED,
    **AGGREGATIONS,
    **PROJECTIONS,
}
