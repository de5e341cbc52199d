/* What ten million entries take, and whether the member knows it: its own account against what the
 * kernel says. Each round is a process of its own, so that it begins with nothing. */
#include <millrace/millrace.h>

#include "tests/bench/bench.h"

enum { ENTRIES = 10000000, ROUNDS = 5 };

enum { GROWTH, COMMITTED, USED, NUMBERS };

static void store(mr_map_t *m, int64_t ttl_ms)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_err_t err = MR_ERR_INIT;

    opts.ttl_ms = ttl_ms;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint8_t key[BENCH_KEY], value[BENCH_VALUE];

        bench_key(i, key);
        bench_value_of(i, value);
        if (mr_map_set(m, MR_BYTES(key, BENCH_KEY), MR_BYTES(value, BENCH_VALUE), &opts, &err) !=
            MR_OK)
            bench_fail("%s", err.message);
    }
}

static void fill(double *ret, int64_t ttl_ms)
{
    mr_memory_stats_t stats = MR_MEMORY_STATS_INIT;
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_member_start(NULL, &err);
    mr_map_t *m = mr_map(g, "bench", &err);

    if (!m)
        bench_fail("%s", err.message);
    bench_pause_ms(200); /* until its threads have begun */
    uint64_t before = bench_rss(0);

    store(m, ttl_ms);
    bench_pause_ms(1000); /* until what growing has replaced is free */
    ret[GROWTH] = (double)(bench_rss(0) - before);
    if (mr_memory_stats(g, &stats, &err) != MR_OK)
        bench_fail("%s", err.message);
    ret[COMMITTED] = (double)stats.committed;
    ret[USED] = (double)stats.used;
}

static void fill_for_ever(double *ret, int n)
{
    (void)n;
    fill(ret, 0);
}

static void fill_with_ttl(double *ret, int n)
{
    (void)n;
    fill(ret, 24 * 3600 * 1000);
}

static double overhead(double bytes)
{
    return bytes / ENTRIES - BENCH_KEY - BENCH_VALUE;
}

int main(int argc, char **argv)
{
    struct rounds plain = {.n = 0}, ttl = {.n = 0}, growth = {.n = 0}, committed = {.n = 0};
    struct rounds used = {.n = 0};
    double numbers[NUMBERS];

    bench_begin(argc, argv, "memory");
    for (int i = 0; i < ROUNDS; i++) {
        bench_in_child(fill_for_ever, numbers, NUMBERS);
        rounds_add(&plain, overhead(numbers[GROWTH]));
        rounds_add(&used, overhead(numbers[USED]));
        rounds_add(&growth, numbers[GROWTH] / 1e6);
        rounds_add(&committed, numbers[COMMITTED] / 1e6);
        bench_in_child(fill_with_ttl, numbers, NUMBERS);
        rounds_add(&ttl, overhead(numbers[GROWTH]));
    }
    bench_median("memory.overhead_bytes_per_entry", "B", &plain);
    bench_median("memory.overhead_ttl_bytes_per_entry", "B", &ttl);
    bench_median("memory.used_bytes_per_entry", "B", &used);
    bench_compare("memory.account_ratio", "MB", &committed, &growth);
    bench_note("%d entries of %d + %d bytes", ENTRIES, BENCH_KEY, BENCH_VALUE);
    return 0;
}
