/* Finding entries by an attribute: reading all of a map, and through an index. */
#include <stdio.h>

#include "tests/bench/bench.h"

#include "grid/op/run.h"
#include "grid/query/scan.h"
#include "net/base/epoch.h"
#include "net/base/hash.h"
#include "net/wire/compact.h"

enum { ENTRIES = 1000000, VALUES = 100, QUERIES = 20, CORE = 1, PARTITIONS = 271 };

static struct partitions partitions;
static struct metrics *metrics;
static struct map *map;

static void open_map(void)
{
    const struct map_rules rules = {
        .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX, .key_max = 64, .value_max = 4096};

    if (partitions_start(&partitions, PARTITIONS, 0) != MR_OK || metrics_new(&metrics) != MR_OK ||
        map_new(&partitions, metrics, "map", "people", &rules, &map) != MR_OK)
        bench_fail("no map");
}

static const struct schema *person(void)
{
    static const struct schema_field_spec fields[] = {
        {"age", 3, SCHEMA_INT32}, {"name", 4, SCHEMA_STRING}, {"balance", 7, SCHEMA_INT64}};
    const struct schema *known;
    struct schema *s;

    if (schema_new("person", 6, fields, 3, &s, NULL) != MR_OK ||
        schema_registry_add(schema_registry_shared(), s, &known) != MR_OK)
        bench_fail("no schema");
    return known;
}

static void put(struct compact_writer *w, uint64_t i)
{
    static const uint8_t text[] = "somebody or other";
    const struct scalar age = {.kind = DATA_INT, .integer = (int64_t)(i * 7919 % VALUES)};
    const struct scalar name = {.kind = DATA_STRING, .bytes = {text, sizeof text - 1, 0}};
    uint8_t key[BENCH_KEY];
    struct map_request q = {.verb = MAP_PUT, .ttl_ms = TIME_DEFAULT, .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    compact_reset(w);
    bench_key(i, key);
    q.key = (struct data){key, sizeof key, DATA_BYTES};
    epoch_enter();
    if (compact_set(w, "age", 3, &age, NULL) != MR_OK ||
        compact_set(w, "name", 4, &name, NULL) != MR_OK ||
        compact_finish(w, &q.value, NULL) != MR_OK || run_request(map, &q, &a) != MR_OK)
        bench_fail("put %llu", (unsigned long long)i);
    epoch_exit();
}

static bool count(void *context, const struct data *key, const struct data *value)
{
    (void)key, (void)value;
    ++*(uint64_t *)context;
    return true;
}

/* Nanoseconds of one query, which selects every hundredth entry. */
static double ask(const struct predicate *p)
{
    uint64_t found = 0, before = bench_cpu_ns();

    epoch_enter();
    check(scan_map(map, NULL, p, count, &found, NULL) == MR_OK);
    epoch_exit();
    if (found != ENTRIES / VALUES)
        bench_fail("%llu entries found", (unsigned long long)found);
    return (double)(bench_cpu_ns() - before);
}

/* The mean of some queries, each of which selects other entries. */
static double ask_each(const char *form, int queries)
{
    double ns = 0;

    for (int i = 0; i < queries; i++) {
        struct predicate *p;
        char text[64];
        int size = snprintf(text, sizeof text, form, i * VALUES / queries);

        if (predicate_of_text(text, (size_t)size, &p, NULL) != MR_OK)
            bench_fail("%s", text);
        ns += ask(p);
        predicate_free(p);
    }
    return ns / queries;
}

static void add_index(void)
{
    const struct index_text age = {"age", 3};
    const struct index_config c = {.type = INDEX_SORTED, .attributes = &age, .count = 1};
    uint64_t before = bench_cpu_ns(), bytes = 0;

    if (map_index_add(map, &c, NULL) != MR_OK)
        bench_fail("no index");
    bench_value("query.index.build_ns_per_entry", "ns",
                (double)(bench_cpu_ns() - before) / ENTRIES);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        bytes += map_indexes_bytes(&map->indexes, i);
    bench_value("query.index.bytes_per_entry", "B", (double)bytes / ENTRIES);
}

/* Nanoseconds of an overwrite that leaves the attribute alone. */
static double overwrite(struct compact_writer *w)
{
    uint64_t before = bench_cpu_ns();

    for (uint64_t i = 0; i < ENTRIES / 10; i++)
        put(w, i);
    return (double)(bench_cpu_ns() - before) / (ENTRIES / 10.0);
}

int main(int argc, char **argv)
{
    struct rounds scans = {.n = 0}, indexed = {.n = 0}, rates = {.n = 0};
    struct rounds plain = {.n = 0}, kept = {.n = 0};

    bench_begin(argc, argv, "query");
    hash_init(1);
    open_map();
    bench_pin(CORE);

    struct compact_writer *w = compact_writer_new(person(), NULL, 0);

    for (uint64_t i = 0; i < ENTRIES; i++)
        put(w, i);
    for (int i = 0; i < BENCH_ROUNDS; i++)
        rounds_add(&plain, overwrite(w));
    add_index();
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        rounds_add(&kept, overwrite(w));
        rounds_add(&scans, ask_each("age = %d or false", 1));
        rounds_add(&rates, ENTRIES / scans.of[i] * 1e9);
        rounds_add(&indexed, ask_each("age = %d", QUERIES));
    }
    bench_median("query.scan.records_per_s", "/s", &rates);
    bench_compare("query.index.speedup", "ns", &indexed, &scans);
    bench_compare("query.index.overwrite_cost", "ns", &kept, &plain);
    bench_note("%d Compact records in %d partitions, 1 in %d selected by an int field", ENTRIES,
               PARTITIONS, VALUES);
    return 0;
}
