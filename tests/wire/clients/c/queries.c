/* queries.c - conditions as text, over Compact, JSON and plain values; with indexes the answers
 * stay the same.
 *
 * Other languages build most of these from objects; each text here has the name of what it asks
 * there. A text has no types: what asks by another one is left out. */
#include <stdlib.h>

#include "bench.h"
#include "staff.h"

struct query {
    const char *name, *text;
};

static const struct query queries[] = {
    {"equal_number", "age = 36"},
    {"equal_fraction", "salary = 2500.25"},
    {"equal_number_that_does_not_fit", "age = 36.5"},
    {"equal_number_as_text", "age = '36'"},
    {"equal_no_number", "age = 'old'"},
    {"equal_boolean", "active = true"},
    {"equal_boolean_as_text", "active = 'false'"},
    {"equal_text", "name = 'Ada'"},
    {"equal_null", "name = null"},
    {"equal_nested", "department.name = 'engine'"},
    {"equal_below_null", "department.name = null"},
    {"equal_unknown_attribute", "nope = 1"},
    {"equal_unknown_nested", "department.nope = 1"},
    {"equal_any_item", "tags[any] = 'c'"},
    {"equal_first_item", "tags[0] = 'math'"},
    {"equal_item_beyond", "tags[5] = 'c'"},
    {"equal_key", "__key = 'e3'"},
    {"not_equal", "age != 36"},
    {"not_equal_null", "name != null"},
    {"not_equal_any_item", "tags[any] != 'c'"},
    {"greater_than", "age > 36"},
    {"greater_equal", "age >= 36"},
    {"less_than", "age < 36"},
    {"less_equal", "age <= 36"},
    {"greater_than_text", "name > 'Cid'"},
    {"less_than_key", "__key < 'e3'"},
    {"greater_than_fraction", "age > 35.5"},
    {"between", "age between 25 and 41"},
    {"between_nothing", "age between 41 and 25"},
    {"between_text", "name between 'Bob' and 'Dee'"},
    {"in_some", "age in (25, 52, 1000)"},
    {"in_text", "name in ('Ada', 'Gus')"},
    {"in_with_null", "name in ('Ada', null)"},
    {"in_keys", "__key in ('e1', 'e8', 'nobody')"},
    {"like_prefix", "name like 'A%'"},
    {"like_one_letter", "name like '_d_'"},
    {"like_middle", "name like '%d%'"},
    {"like_escaped", "name like '\\%%'"},
    {"like_exact", "name like 'Bob'"},
    {"ilike_prefix", "name ilike 'aD%'"},
    {"regex", "name regex '^[A-C].*'"},
    {"regex_is_whole", "name regex 'd'"},
    {"and_both", "active = true and age > 36"},
    {"or_either", "name = 'Bob' or age = 19"},
    {"not_it", "not (active = true)"},
    {"not_not", "not (not (active = true))"},
    {"nested", "(active = true and age < 30) or (not (active = true) and name like 'G%')"},
    {"sql_equal", "name = 'Ada'"},
    {"sql_equal_twice", "age == 36"},
    {"sql_not_equal", "age != 36"},
    {"sql_less_greater", "age <> 36"},
    {"sql_less", "age < 36"},
    {"sql_less_equal", "age <= 36"},
    {"sql_greater", "age > 36"},
    {"sql_greater_equal", "age >= 36"},
    {"sql_between", "age BETWEEN 25 AND 41"},
    {"sql_not_between", "age NOT BETWEEN 25 AND 41"},
    {"sql_between_and_in", "age BETWEEN 25 AND 41 AND name IN ('Ada', 'Bob')"},
    {"sql_in", "age IN (25, 52)"},
    {"sql_not_in", "age NOT IN (25, 52)"},
    {"sql_in_text", "name in ('Ada', 'Gus')"},
    {"sql_like", "name LIKE 'A%'"},
    {"sql_not_like", "name NOT LIKE 'A%'"},
    {"sql_like_or_not", "name LIKE 'A%' OR NOT active"},
    {"sql_ilike", "name ILIKE 'a%'"},
    {"sql_regex", "name REGEX '^[A-C].*'"},
    {"sql_and_or", "active AND age < 30 OR age = 52"},
    {"sql_parentheses", "active AND (age < 30 OR age > 50)"},
    {"sql_not", "NOT active"},
    {"sql_nested", "department.name = 'yard'"},
    {"sql_any", "tags[any] = 'c'"},
    {"sql_key", "__key = 'e3'"},
    {"sql_null", "name = null"},
    {"sql_fraction", "salary = 2500.25"},
    {"sql_negative", "age > -1"},
    {"sql_wrong", "age >>> 3"},
    {"sql_unclosed", "(age = 3"},
};
enum { QUERIES = sizeof queries / sizeof queries[0] };

static mr_map_t *staffed(struct bench *t, bool compact)
{
    mr_map_t *m = map_of(t);

    for (int i = 0; i < STAFF; i++) {
        char key[8];
        mr_rec_t *rec = compact ? staff_record(i, &t->err) : NULL;

        snprintf(key, sizeof key, "e%d", i + 1);
        mr_map_set(m, MR_STR(key), rec ? MR_REC(rec) : MR_JSON(staff_json(i)), NULL, &t->err);
        mr_rec_free(rec);
    }
    return m;
}

/* What of an entry is said. */
enum part { KEYS, VALUES, ENTRIES };

static void say_answer(struct bench *t, mr_map_t *m, const char *text, enum part part)
{
    struct lines l = LINES_INIT;
    mr_iter_t *it = mr_map_query(m, text, &t->err);
    mr_ref_t key, value;

    while (mr_iter_next(it, &key, &value, &t->err)) {
        if (part == ENTRIES) {
            line_of_entry(&l, key, value);
        } else {
            show(line_begin(&l), part == KEYS ? key : value);
            line_end(&l);
        }
    }
    mr_iter_free(it);

    uint64_t n = mr_map_count(m, text, &t->err);

    if (n != (uint64_t)lines_count(&l))
        say_words(t, "counted %d", (int)n);
    say_lines(t, &l, "{}");
}

/* ---- over the staff ------------------------------------------------------------------------- */

/* Of one form, in one map, which is filled when the first asks it. */
struct asked {
    const char *text;
    mr_map_t **map;
    bool compact;
};

static void ask(struct bench *t)
{
    const struct asked *a = t->with;

    if (!*a->map)
        *a->map = staffed(t, a->compact);
    say_answer(t, *a->map, a->text, KEYS);
}

static void check_queries(struct bench *t, const char *form)
{
    mr_map_t *m = NULL;
    struct asked a = {.map = &m, .compact = strcmp(form, "compact") == 0};
    char name[80];

    for (int i = 0; i < QUERIES; i++) {
        snprintf(name, sizeof name, "query.%s_%s", form, queries[i].name);
        a.text = queries[i].text;
        run_check(t, name, ask, &a);
    }
}

static void ask_compact(struct bench *t)
{
    say_answer(t, staffed(t, true), t->with, KEYS);
}

/* ---- over plain values ---------------------------------------------------------------------- */

static mr_map_t *numbers(struct bench *t)
{
    const mr_entry_t all[] = {{MR_STR("a"), MR_I32(1)},
                              {MR_STR("b"), MR_F64(2.5)},
                              {MR_STR("c"), MR_I64(-3)},
                              {MR_STR("d"), MR_I32(10)}};
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, all, 4, NULL, NULL, &t->err);
    return m;
}

static mr_map_t *words(struct bench *t)
{
    const mr_entry_t all[] = {{MR_STR("a"), MR_STR("apple")},
                              {MR_STR("b"), MR_STR("Bean")},
                              {MR_STR("c"), MR_STR("")},
                              {MR_STR("d"), MR_STR("date%")}};
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, all, 4, NULL, NULL, &t->err);
    return m;
}

static void ask_numbers(struct bench *t)
{
    say_answer(t, numbers(t), t->with, KEYS);
}

static void ask_words(struct bench *t)
{
    say_answer(t, words(t), t->with, KEYS);
}

static void values_of_a_query(struct bench *t)
{
    say_answer(t, numbers(t), "this > 1", VALUES);
}

static void entries_of_a_query(struct bench *t)
{
    say_answer(t, numbers(t), "this > 1", ENTRIES);
}

static void of_an_empty_map(struct bench *t)
{
    say_answer(t, map_of(t), "this = 1", KEYS);
}

static void number_keys(struct bench *t)
{
    const mr_entry_t all[] = {
        {MR_I32(1), MR_STR("a")}, {MR_I32(2), MR_STR("b")}, {MR_I32(3), MR_STR("c")}};
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, all, 3, NULL, NULL, &t->err);
    say_answer(t, m, "__key > 1", KEYS);
}

static void check_plain(struct bench *t)
{
    static const struct {
        const char *name;
        check_fn run;
        const char *text;
    } checks[] = {
        {"query.compact_equal_date", ask_compact, "hired = '2019-01-31'"},
        {"query.compact_before_date", ask_compact, "hired < '2019-01-31'"},
        {"query.plain_equal", ask_numbers, "this = 2.5"},
        {"query.plain_equal_integer", ask_numbers, "this = 10"},
        {"query.plain_between", ask_numbers, "this between 0 and 5"},
        {"query.plain_less_as_text", ask_numbers, "this < '2'"},
        {"query.plain_sql", ask_numbers, "this > 1"},
        {"query.plain_words_like", ask_words, "this like '%\\%'"},
        {"query.plain_words_ilike", ask_words, "this ilike 'b%'"},
        {"query.plain_words_empty", ask_words, "this = ''"},
        {"query.plain_length_attribute", ask_words, "length = 5"},
        {"query.values", values_of_a_query, NULL},
        {"query.entries", entries_of_a_query, NULL},
        {"query.of_an_empty_map", of_an_empty_map, NULL},
        {"query.number_keys", number_keys, NULL},
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        run_check(t, checks[i].name, checks[i].run, checks[i].text);
}

/* ---- indexes -------------------------------------------------------------------------------- */

/* Each list of attributes becomes an index. */
struct indexes {
    const char *name;
    int kind[7];
    const char *attributes[7][2];
};

#define EACH_OF_THEM                                                                               \
    {                                                                                              \
        {"age"}, {"name"}, {"active"}, {"salary"}, {"department.name"}, {"__key"}, {"tags[any]"},  \
    }

enum { SORTED = MR_INDEX_SORTED, HASH = MR_INDEX_HASH };

static const struct indexes index_sets[] = {
    {"hash", {HASH, HASH, HASH, HASH, HASH, HASH, HASH}, EACH_OF_THEM},
    {"sorted", {SORTED, SORTED, SORTED, SORTED, SORTED, SORTED, SORTED}, EACH_OF_THEM},
    {"composite", {SORTED, HASH}, {{"active", "age"}, {"name", "age"}}},
};

struct indexed {
    const struct indexes *indexes;
    bool compact;
};

/* An answer as text, its error included; the caller frees it. */
static char *answer(struct bench *t, mr_map_t *m, const char *text)
{
    FILE *line = t->out;
    char *said = NULL;
    size_t size;

    t->out = open_memstream(&said, &size);
    t->said = 0;
    say_answer(t, m, text, KEYS);
    if (t->err.code != MR_OK)
        fputs(mr_rc_name(t->err.code), t->out);
    mr_err_clear(&t->err);
    fclose(t->out);
    t->out = line;
    return said;
}

static void make_indexes(struct bench *t, mr_map_t *m, const struct indexes *all)
{
    for (int i = 0; i < 7 && all->attributes[i][0]; i++)
        mr_map_index(m, all->kind[i], all->attributes[i], all->attributes[i][1] ? 2 : 1, &t->err);
}

/* The queries whose answer is another one once the map has the indexes. */
static void same_answers(struct bench *t)
{
    const struct indexed *with = t->with;
    mr_map_t *m = staffed(t, with->compact);
    char *before[QUERIES];

    for (int i = 0; i < QUERIES; i++)
        before[i] = answer(t, m, queries[i].text);
    make_indexes(t, m, with->indexes);
    if (t->err.code != MR_OK)
        return;
    fputs("differ: [", t->out);
    for (int i = 0; i < QUERIES; i++) {
        char *after = answer(t, m, queries[i].text);

        if (strcmp(before[i], after) != 0)
            fprintf(t->out, "%s %s ", queries[i].name, after);
        free(before[i]);
        free(after);
    }
    mr_rec_t *ada = staff_record(0, &t->err);

    mr_map_set(m, MR_STR("e9"), MR_REC(ada), NULL, &t->err);
    mr_map_delete(m, MR_STR("e1"), &t->err);
    mr_rec_free(ada);
    fputs("], changed: ", t->out);
    t->said = 0;
    say_answer(t, m, "age = 36", KEYS);
}

static void check_index_sets(struct bench *t, const char *form)
{
    char name[64];

    for (size_t i = 0; i < sizeof index_sets / sizeof index_sets[0]; i++) {
        struct indexed with = {&index_sets[i], strcmp(form, "compact") == 0};

        snprintf(name, sizeof name, "index.%s_%s_same_answers", form, index_sets[i].name);
        run_check(t, name, same_answers, &with);
    }
}

static void twice(struct bench *t)
{
    static const char *const age[] = {"age"};
    mr_map_t *m = map_of(t);

    mr_map_index(m, HASH, age, 1, &t->err);
    say_done(t, mr_map_index(m, HASH, age, 1, &t->err));
}

static void without_attribute(struct bench *t)
{
    say_done(t, mr_map_index(map_of(t), HASH, NULL, 0, &t->err));
}

static void same_attribute_twice(struct bench *t)
{
    static const char *const both[] = {"a", "a"};

    say_done(t, mr_map_index(map_of(t), HASH, both, 2, &t->err));
}

void query_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"index.twice", twice},
        {"index.without_attribute", without_attribute},
        {"index.same_attribute_twice", same_attribute_twice},
    };

    check_queries(t, "compact");
    check_queries(t, "json");
    check_plain(t);
    check_index_sets(t, "compact");
    check_index_sets(t, "json");
    RUN_ALL(t, checks);
}
