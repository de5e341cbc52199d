#include "grid/query/index.h"

#include "grid/op/run.h"
#include "grid/query/scan.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/hash.h"
#include "net/base/rand.h"
#include "tests/unit/grid/query/fixture.h"

enum { PARTITIONS = 3, ENTRIES = 1500 };

struct world {
    struct partitions partitions;
    struct metrics *metrics;
    struct map *map;
    uint64_t now_ms;
    struct rand chance;
};

static struct world w;

static uint64_t now_ns(void *context)
{
    (void)context;
    return w.now_ms * 1000000;
}

static void open_with(uint64_t memory, uint64_t entries, enum eviction eviction)
{
    const struct map_rules rules = {.entries_max = entries,
                                    .bytes_max = UINT64_MAX,
                                    .eviction = eviction,
                                    .key_max = 1000,
                                    .value_max = 100000};

    w = (struct world){.now_ms = 1000000};
    clock_set(now_ns, NULL);
    rand_init(&w.chance, 1);
    cr_assert(metrics_new(&w.metrics) == MR_OK);
    cr_assert(partitions_start(&w.partitions, PARTITIONS, memory) == MR_OK);
    cr_assert(map_new(&w.partitions, w.metrics, "map", "people", &rules, &w.map) == MR_OK);
}

static void open_world(void)
{
    open_with(0, UINT64_MAX, EVICT_NONE);
}

static void close_world(void)
{
    if (!w.map)
        return;
    map_check(w.map);
    map_free(w.map);
    partitions_stop(&w.partitions);
    metrics_free(w.metrics);
    clock_set(NULL, NULL);
}

TestSuite(index, .init = open_world, .fini = close_world);
TestSuite(index_limits, .fini = close_world); /* which open a world of their own */

/* ---- what is in the map ---------------------------------------------------------------------- */

static struct data key_of(uint64_t n)
{
    static char text[4][32];
    static int turn;
    char *at = text[turn++ % 4];

    snprintf(at, 32, "key-%llu", (unsigned long long)n);
    return d_text(at);
}

static mr_rc_t change(enum map_verb verb, struct data key, struct data value, int64_t ttl_ms)
{
    struct map_request q = {
        .verb = verb, .key = key, .value = value, .ttl_ms = ttl_ms, .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    epoch_enter();
    mr_rc_t rc = run_request(w.map, &q, &a);
    epoch_exit();
    return rc;
}

/* A person in one of many ways: as a record, as JSON, with and without each attribute, numbers as
 * longs, doubles and texts. */
static struct data person(uint64_t draw)
{
    static uint8_t room[1024];
    static char json[256];
    static struct compact_writer *writer;
    struct data d;
    uint64_t age = draw % 100, name = draw / 100 % 300;

    if (draw % 7 == 0) {
        static const char *const forms[] = {"{\"age\":%d.5,\"name\":\"a common prefix %d\"}",
                                            "{\"name\":null,\"age\":\"%d\"}",
                                            "{\"age\":%d, \"ok\":true}", "{\"age\":null}"};

        snprintf(json, sizeof json, forms[draw / 7 % 4], (int)age, (int)name);
        return d_json(json);
    }
    if (!writer)
        writer = compact_writer_new(person_schema(), room, sizeof room);
    compact_reset(writer);
    char text[64];

    snprintf(text, sizeof text, draw % 3 ? "a common prefix %d" : "%d", (int)name);
    set(writer, "age", v_int((int32_t)age - 50));
    set(writer, "big", v_long(9007199254740990 + (int64_t)(draw % 10)));
    set(writer, "score", v_double((double)(draw % 50) / 10));
    set(writer, "weight", v_float((float)(draw % 20) / 10));
    set(writer, "ok", v_bool(draw % 2));
    if (draw % 5)
        set(writer, "name", v_text(text));
    if (draw % 4)
        set(writer, "born",
            (struct scalar){.kind = DATA_LOCAL_DATE,
                            .moment = {.year = 1900 + (int32_t)(draw % 90),
                                       .month = (uint8_t)(1 + draw % 12),
                                       .day = 5}});
    set(writer, "salary", v_decimal(draw % 2 ? "\x7b" : "\x85", 1, 1));
    cr_assert(compact_finish(writer, &d, NULL) == MR_OK);
    return d;
}

static void put(uint64_t n, uint64_t draw)
{
    cr_assert(change(MAP_PUT, key_of(n), person(draw), TIME_DEFAULT) == MR_OK);
}

static void fill(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        put(i, rand_next(&w.chance));
}

/* Overwrites, removes and inserts. */
static void stir(uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key = rand_next(&w.chance) % (2 * ENTRIES);

        if (rand_next(&w.chance) % 3 == 0)
            (void)!change(MAP_REMOVE, key_of(key), (struct data){0}, TIME_DEFAULT);
        else
            put(key, rand_next(&w.chance));
    }
}

/* ---- indexes --------------------------------------------------------------------------------- */

static mr_rc_t add(int32_t type, const char *name, const char *attributes, mr_err_t *err)
{
    struct index_text text[10];
    struct index_config c = {
        .type = type, .name = {name, (uint32_t)strlen(name)}, .attributes = text};

    while (*attributes) {
        size_t size = strcspn(attributes, ",");

        text[c.count++] = (struct index_text){attributes, (uint32_t)size};
        attributes += size + (attributes[size] == ',');
    }
    return map_index_add(w.map, &c, err);
}

static void indexed(int32_t type, const char *attributes)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert(add(type, "", attributes, &err) == MR_OK, "%s", err.message);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct asking {
    const struct predicate *predicate;
    uint64_t found, sum; /* of hashes: what was found, whatever the order */
};

static bool found(void *context, const struct data *key, const struct data *value)
{
    struct asking *a = context;

    (void)value;
    a->found++;
    a->sum += key_hash(key) * 0x9e3779b97f4a7c15u ^ key->kind;
    return true;
}

static bool found_by_reading(void *context, const struct data *key, const struct data *value)
{
    struct asking *a = context;

    if (matches(a->predicate, key, value))
        found(a, key, value);
    return true;
}

/* Asks with and without an index; the answers are the same. */
static uint64_t ask(const char *text, struct scan_cost *cost)
{
    struct predicate *p;
    mr_err_t err = MR_ERR_INIT;

    cr_assert(predicate_of_text(text, strlen(text), &p, &err) == MR_OK, "%s", err.message);
    struct asking by_scan = {.predicate = p}, by_reading = {.predicate = p};

    epoch_enter();
    cr_assert(scan_map(w.map, NULL, p, found, &by_scan, cost) == MR_OK);
    cr_assert(scan_map(w.map, NULL, NULL, found_by_reading, &by_reading, NULL) == MR_OK);
    epoch_exit();
    predicate_free(p);
    cr_expect(by_scan.found == by_reading.found, "%s: %llu instead of %llu", text,
              (unsigned long long)by_scan.found, (unsigned long long)by_reading.found);
    cr_expect(by_scan.sum == by_reading.sum, "%s", text);
    return by_scan.found;
}

static bool uses_index(const char *text)
{
    struct scan_cost cost = {0};

    ask(text, &cost);
    return cost.by_index > 0;
}

static const char *const questions[] = {
    "age = 10",
    "age = 10.0",
    "age = '10'",
    "age = 10.5",
    "age > 45",
    "age >= 49",
    "age < -45",
    "age between 5 and 7",
    "age in (1, 2, '3', 4.5)",
    "age = null",
    "age > 45 and age < 48",
    "age > 45.5 and age <= 46.5",
    "age = 3 and ok = true",
    "age = 3 and not ok",
    "age > 5 and age < 5",
    "age > '45' and name like '%7'",
    "name = 'a common prefix 17'",
    "name = 17",
    "name = '17'",
    "name > 'a common prefix 298'",
    "name between 'a' and 'b'",
    "name in ('a common prefix 1', '2', '3', 'nobody')",
    "name = null",
    "name < '10'",
    "big = 9007199254740993",
    "big > 9007199254740997",
    "big between 9007199254740991 and 9007199254740992",
    "score = 0.1",
    "score in (0.1, 0.2)",
    "score > 4.8",
    "weight = 0.1",
    "weight > 1.8",
    "weight <= 0.1",
    "weight = 1",
    "ok = true and weight = 0.7",
    "born = 1950-03-05",
    "born > 1988-01-01",
    "born between '1900-01-01' and '1900-12-31'",
    "salary = 12.3",
    "salary < 0",
    "salary = -12.3",
    "age = 3 or name = 17",
    "age = 3 and (name = 17 or ok)",
    "__key = 'key-77'",
    "__key > 'key-99'",
    "true",
    "false",
    "age != 10",
    "age in (5) and age = 5",
    "age in (1, 1.0, '1')",
    "age = nothing",
};

Test(index, answers_as_reading_everything_does)
{
    static const char *const attributes[] = {"age", "name", "big",    "score", "weight",
                                             "ok",  "born", "salary", "__key"};

    fill(ENTRIES);
    for (int type = INDEX_SORTED; type <= INDEX_HASH; type++) {
        for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
            indexed(type, attributes[i]);
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
            ask(questions[i], NULL);
    }
    indexed(INDEX_SORTED, "ok,age");
    indexed(INDEX_SORTED, "age,name,score");
    indexed(INDEX_HASH, "age,ok");
    stir(2 * ENTRIES);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(questions[i], NULL);
    map_check(w.map);
}

Test(index, is_used_where_it_helps)
{
    fill(ENTRIES);
    cr_expect(!uses_index("age = 10"), "there is none");
    indexed(INDEX_HASH, "age");
    cr_expect(uses_index("age = 10"));
    cr_expect(uses_index("age in (1, 2)"));
    cr_expect(uses_index("name like '%7' and (ok or ok) and age = 10"));
    cr_expect(!uses_index("age > 48"), "a hash has no order");
    cr_expect(!uses_index("age = 10 or ok"));
    cr_expect(!uses_index("age != 10"));
    indexed(INDEX_SORTED, "this.age");
    cr_expect(uses_index("age > 48"));
    cr_expect(!uses_index("age > -40"), "nearly everything");
    indexed(INDEX_SORTED, "name,age");
    cr_expect(uses_index("name = 17"), "the first of two attributes");
    cr_expect(uses_index("name = 17 and age > 40"));
    cr_expect(uses_index("name between 16 and 17"));
}

Test(index, looks_at_what_the_better_index_gives)
{
    struct scan_cost cost;

    fill(ENTRIES);
    indexed(INDEX_SORTED, "ok");
    indexed(INDEX_SORTED, "name");
    uint64_t n = ask("name = 'a common prefix 17'", NULL);

    ask("ok = true and name = 'a common prefix 17'", &cost);
    cr_expect(cost.by_index == PARTITIONS);
    cr_expect(cost.entries == n, "%llu", (unsigned long long)cost.entries);
}

Test(index, asks_only_the_partitions_that_a_predicate_names)
{
    struct sink out = {.grows = true};
    struct predicate *p;
    struct scan_cost cost;
    struct asking a = {0};
    struct data key = d_text("key-5");

    fill(100);
    put_class(&out, -20, 16);
    put_value(&out, v_text("key-5"));
    put_class(&out, -20, 14);
    struct data d = sent(&out);

    cr_assert(predicate_of_data(&d, &p, NULL) == MR_OK);
    epoch_enter();
    cr_assert(scan_map(w.map, NULL, p, found, &a, &cost) == MR_OK);
    epoch_exit();
    cr_expect(cost.by_reading == 1);
    cr_expect(a.found == w.map->parts[data_partition(&key, PARTITIONS)].store.entries);
    predicate_free(p);
    sink_free(&out);
}

static bool ends_after_three(void *context, const struct data *key, const struct data *value)
{
    uint64_t *n = context;

    (void)key, (void)value;
    return ++*n < 3;
}

Test(index, ends_a_scan_when_the_visitor_has_enough)
{
    uint64_t n = 0;

    fill(100);
    epoch_enter();
    cr_assert(scan_map(w.map, NULL, NULL, ends_after_three, &n, NULL) == MR_OK);
    epoch_exit();
    cr_expect(n == 3);
}

/* ---- what happens to entries ----------------------------------------------------------------- */

Test(index, forgets_what_ends_is_removed_or_cleared)
{
    indexed(INDEX_SORTED, "age");
    indexed(INDEX_HASH, "name,age");
    for (uint64_t i = 0; i < ENTRIES; i++)
        cr_assert(change(MAP_PUT, key_of(i), person(i), i % 2 ? 1000 : TIME_NEVER) == MR_OK);
    w.now_ms += 2000;
    ask("age > 40", NULL);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_assert(map_sweep(w.map, i, clock_ms(), UINT32_MAX));
    map_check(w.map);
    for (uint64_t i = 0; i < ENTRIES; i += 4)
        (void)!change(MAP_REMOVE, key_of(i), (struct data){0}, TIME_DEFAULT);
    map_check(w.map);
    ask("age > 40", NULL);
    cr_assert(map_clear(w.map) == MR_OK);
    cr_expect(ask("age > -100", NULL) == 0);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_expect(map_indexes_bytes(&w.map->indexes, i) == 0);
    fill(ENTRIES);
    ask("age > 40", NULL);
}

Test(index_limits, follows_an_entry_that_is_given_up_or_ends_when_a_writer_meets_it)
{
    open_with(0, 200, EVICT_RANDOM);
    indexed(INDEX_SORTED, "age");
    fill(600);
    map_check(w.map);
    cr_expect(w.map->indexes.at[0]->parts[0].tree.rows == w.map->parts[0].store.entries);
    cr_assert(change(MAP_SET_TTL, key_of(599), (struct data){0}, 10) == MR_OK);
    w.now_ms += 20;
    put(599, 5);
    map_check(w.map);
}

Test(index, keeps_one_row_for_two_keys_of_one_hash)
{
    static const uint8_t bytes[4] = "abcd";
    struct data text = {bytes, 4, DATA_STRING}, number = {bytes, 4, DATA_INT};

    cr_assert(key_hash(&text) == key_hash(&number));
    indexed(INDEX_SORTED, "age");
    cr_assert(change(MAP_PUT, text, person(1), TIME_DEFAULT) == MR_OK);
    cr_assert(change(MAP_PUT, number, person(1), TIME_DEFAULT) == MR_OK);
    cr_expect(ask("age = -49", NULL) == 2);
    cr_assert(change(MAP_REMOVE, text, (struct data){0}, TIME_DEFAULT) == MR_OK);
    cr_expect(ask("age = -49", NULL) == 1);
    map_check(w.map);
    cr_assert(change(MAP_PUT, number, person(2), TIME_DEFAULT) == MR_OK);
    cr_expect(ask("age = -49", NULL) == 0);
    map_check(w.map);
}

Test(index, is_not_trusted_where_a_schema_came_late)
{
    static const struct schema_field_spec fields[] = {FIELD("age", SCHEMA_INT32)};
    struct schema *s;
    const struct schema *known;

    cr_assert(schema_new("late", 4, fields, 1, &s, NULL) == MR_OK);
    struct compact_writer *writer = compact_writer_new(s, NULL, 0);

    set(writer, "age", v_int(77));
    struct data d = written(writer);

    indexed(INDEX_SORTED, "age");
    fill(200);
    cr_assert(change(MAP_PUT, key_of(9), d, TIME_DEFAULT) == MR_OK);
    cr_assert(schema_registry_add(schema_registry_shared(), s, &known) == MR_OK);
    cr_expect(ask("age = 77", NULL) == 1);
    cr_assert(change(MAP_PUT, key_of(9), person(1), TIME_DEFAULT) == MR_OK);
    cr_expect(ask("age = 77", NULL) == 0);
}

/* ---- adding ---------------------------------------------------------------------------------- */

Test(index, is_made_once_however_often_it_is_asked_for)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert(add(INDEX_SORTED, "people_sorted_age", "age", &err) == MR_OK);
    cr_assert(add(INDEX_SORTED, "people_sorted_age", "age", &err) == MR_OK);
    cr_assert(add(INDEX_SORTED, "another", "this.age", &err) == MR_OK);
    cr_expect(w.map->indexes.count == 1);
    cr_assert(add(INDEX_HASH, "people_sorted_age", "age", &err) == MR_ERR_ARGUMENT);
    cr_expect(strstr(err.message, "already") != NULL, "%s", err.message);
}

Test(index, says_what_cannot_be_indexed)
{
    static const struct {
        int32_t type;
        const char *attributes, *says;
    } cases[] = {
        {9, "age", "type 9"},
        {INDEX_SORTED, "", "1 to 8 attributes"},
        {INDEX_SORTED, "a,b,c,d,e,f,g,h,i", "1 to 8 attributes"},
        {INDEX_SORTED, "age,this.age", "twice"},
        {INDEX_HASH, "a..b", "a name is missing"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_err_t err = MR_ERR_INIT;

        cr_expect(add(cases[i].type, "", cases[i].attributes, &err) == MR_ERR_ARGUMENT);
        cr_expect(strstr(err.message, cases[i].says) != NULL, "%s", err.message);
    }
    cr_expect(w.map->indexes.count == 0);
}

Test(index, accepts_what_it_cannot_keep_and_keeps_nothing)
{
    mr_err_t err = MR_ERR_INIT;

    cr_assert(add(INDEX_BITMAP, "", "age", &err) == MR_OK);
    cr_assert(add(INDEX_SORTED, "", "tags[any]", &err) == MR_OK);
    cr_assert(add(INDEX_HASH, "", "age,tags[any]", &err) == MR_OK);
    cr_expect(w.map->indexes.count == 0);
}

Test(index, refuses_more_than_there_may_be)
{
    char name[16];

    for (int i = 0; i < MAP_INDEXES_MAX; i++) {
        snprintf(name, sizeof name, "a%d", i);
        indexed(INDEX_HASH, name);
    }
    cr_expect(add(INDEX_HASH, "", "one_more", NULL) == MR_ERR_FULL);
}

Test(index_limits, leaves_the_map_as_it_was_where_there_is_no_room_for_it)
{
    uint64_t limit = 24 << 20, n = 0;
    mr_err_t err = MR_ERR_INIT;

    open_with(limit, UINT64_MAX, EVICT_NONE);
    while (change(MAP_PUT, key_of(n), person(n), TIME_DEFAULT) == MR_OK)
        n++;
    cr_assert(add(INDEX_SORTED, "all", "age,name,score,weight,big,ok,born,salary", &err) ==
              MR_ERR_FULL);
    cr_expect(strstr(err.message, "no room for the index") != NULL, "%s", err.message);
    map_check(w.map);
    ask("age = 10", NULL);
    w.partitions.account.limit = UINT64_MAX;
    mr_err_clear(&err);
    cr_assert(add(INDEX_SORTED, "all", "age,name,score,weight,big,ok,born,salary", &err) == MR_OK);
    cr_expect(w.map->indexes.count == 1);
    cr_expect(uses_index("age = 10"));
    w.partitions.account.limit = w.partitions.account.reserved;
    while (change(MAP_PUT, key_of(n), person(n), TIME_DEFAULT) == MR_OK)
        n++;
    map_check(w.map);
    w.partitions.account.limit = limit * 100;
}
