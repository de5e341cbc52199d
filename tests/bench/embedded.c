/* A program with a member inside: what a call of the public API costs it. */
#include <millrace/millrace.h>
#include <pthread.h>
#include <stdlib.h>

#include "net/base/atomic.h"
#include "tests/bench/bare.h"

enum {
    ENTRIES = 1000000,
    GROWN = 10000000,
    GROWTHS = 5,
    SLICE = 50000,     /* entries of a growth that are looked at together */
    PAUSE_SECONDS = 5, /* about as long as a growth */
    BATCH = 64,
    GETS = 8000 * BATCH, /* per round */
    PUTS = 200000,       /* per round */
    CORE = 1,
    WRITER_CORE = 0
};

static mr_t *g;
static mr_map_t *map;
static struct bare bare;
static double key_cost_ns, chain_cost_ns;
static uint64_t clock_cost_ns;

/* ---- the host's allocator, which counts ----------------------------------------------------- */

static uint64_t allocations;

static void *count_alloc(size_t size, void *context)
{
    fetch_add_64(context, 1);
    return malloc(size);
}

static void *count_realloc(void *p, size_t size, void *context)
{
    fetch_add_64(context, 1);
    return realloc(p, size);
}

static void count_free(void *p, void *context)
{
    (void)context;
    free(p);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static inline void put(mr_map_t *m, uint64_t i)
{
    uint8_t key[BENCH_KEY], value[BENCH_VALUE];

    bench_key(i, key);
    bench_value_of(i, value);
    if (mr_map_set(m, MR_BYTES(key, BENCH_KEY), MR_BYTES(value, BENCH_VALUE), NULL, NULL) != MR_OK)
        bench_fail("put %llu", (unsigned long long)i);
}

static inline void get(const uint8_t *key, mr_val_t *v)
{
    if (mr_map_get(map, MR_BYTES(key, BENCH_KEY), v, NULL, NULL) != MR_OK)
        bench_fail("an entry is missing");
}

static void start(void)
{
    static const mr_allocator_t counting = {count_alloc, count_realloc, count_free, &allocations};
    mr_err_t err = MR_ERR_INIT;

    mr_allocator_set(&counting);
    if (!(g = mr_member_start(NULL, &err)) || !(map = mr_map(g, "bench", &err)))
        bench_fail("%s", err.message);
    for (uint64_t i = 0; i < ENTRIES; i++)
        put(map, i);
}

/* ---- gets: nanoseconds per get in one round ------------------------------------------------- */

/* Each get waits for the value of the one before, as a caller does who needs it. */
static double chain(uint64_t salt)
{
    uint64_t before = bench_cpu_ns(), head = salt;
    uint8_t key[BENCH_KEY];
    mr_val_t v = MR_VAL_INIT;

    for (uint64_t i = 0; i < GETS; i++) {
        bench_key(bench_next(i, head, ENTRIES), key);
        get(key, &v);
        head = bench_head(mr_val_bytes(&v));
    }
    mr_val_clear(&v);
    return (double)(bench_cpu_ns() - before) / GETS - chain_cost_ns;
}

static double bare_chain(uint64_t salt)
{
    uint64_t before = bench_cpu_ns(), head = salt;
    uint8_t key[BENCH_KEY], value[BENCH_VALUE];

    for (uint64_t i = 0; i < GETS; i++) {
        bench_key(bench_next(i, head, ENTRIES), key);
        const struct bare_record *r = bare_get(&bare, XXH3_64bits(key, BENCH_KEY), key);

        if (!r)
            bench_fail("an entry is missing");
        memcpy(value, r->value, BENCH_VALUE);
        bench_use((uintptr_t)value);
        head = bench_head(value);
    }
    return (double)(bench_cpu_ns() - before) / GETS - chain_cost_ns;
}

static double loop(uint64_t salt)
{
    uint64_t before = bench_cpu_ns();
    uint8_t key[BENCH_KEY];
    mr_val_t v = MR_VAL_INIT;

    for (uint64_t i = 0; i < GETS; i++) {
        bench_key(bench_next(i, salt, ENTRIES), key);
        get(key, &v);
    }
    mr_val_clear(&v);
    return (double)(bench_cpu_ns() - before) / GETS - key_cost_ns;
}

static double get_all(uint64_t salt)
{
    uint64_t before = bench_cpu_ns();
    static mr_val_t values[BATCH];
    uint8_t bytes[BATCH][BENCH_KEY];
    mr_ref_t keys[BATCH];

    for (uint64_t i = 0; i < GETS; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            bench_key(bench_next(i + j, salt, ENTRIES), bytes[j]);
            keys[j] = MR_BYTES(bytes[j], BENCH_KEY);
        }
        if (mr_map_get_all(map, keys, BATCH, values, NULL) != MR_OK)
            bench_fail("get_all");
    }
    return (double)(bench_cpu_ns() - before) / GETS - key_cost_ns;
}

static void measure_gets(void)
{
    struct rounds chains = {.n = 0}, bares = {.n = 0}, loops = {.n = 0}, all = {.n = 0};

    for (uint64_t i = 1; i <= 2 * BENCH_ROUNDS; i++) {
        rounds_add(&chains, chain(i));
        rounds_add(&bares, bare_chain(i));
    }
    for (uint64_t i = 1; i <= BENCH_ROUNDS; i++) {
        rounds_add(&loops, loop(i));
        rounds_add(&all, get_all(i));
    }
    bench_median("embedded.get.ns", "ns", &chains);
    bench_compare("embedded.get.ratio", "ns", &chains, &bares);
    bench_median("embedded.get_all.ns", "ns", &all);
    bench_compare("embedded.get_all.speedup", "ns", &all, &loops);
}

static void count_allocations(void)
{
    uint8_t key[BENCH_KEY];
    mr_val_t v = MR_VAL_INIT;

    bench_key(0, key);
    get(key, &v); /* a value that is used again has its memory */
    uint64_t before = load_relaxed_64(&allocations);

    for (uint64_t i = 0; i < ENTRIES; i++) {
        bench_key(i, key);
        get(key, &v);
    }
    bench_value("embedded.get.allocations", "count",
                (double)(load_relaxed_64(&allocations) - before));
    mr_val_clear(&v);
}

/* ---- a writer beside the reader ------------------------------------------------------------- */

enum { QUIET, WRITING, ENDING };

static uint32_t writer_state, writer_ready;
static uint64_t written;

static void *write_all_the_time(void *unused)
{
    uint64_t i = 0;

    (void)unused;
    bench_pin(WRITER_CORE);
    for (;;) {
        uint32_t state = load_acquire_32(&writer_state);

        store_release_32(&writer_ready, state);
        if (state == ENDING)
            return NULL;
        if (state == QUIET)
            bench_pause_ms(1);
        for (int j = 0; state == WRITING && j < 100; j++, i++)
            put(map, bench_next(i, 7, ENTRIES));
        store_relaxed_64(&written, i);
    }
}

static void tell_writer(uint32_t state)
{
    store_release_32(&writer_state, state);
    while (load_acquire_32(&writer_ready) != state)
        bench_pause_ms(1);
}

static void measure_beside_a_writer(void)
{
    struct rounds quiet = {.n = 0}, beside = {.n = 0}, rate = {.n = 0};
    pthread_t writer;

    if (pthread_create(&writer, NULL, write_all_the_time, NULL) != 0)
        bench_fail("no thread");
    for (uint64_t i = 1; i <= 2 * BENCH_ROUNDS; i++) {
        tell_writer(QUIET);
        rounds_add(&quiet, chain(i));
        tell_writer(WRITING);
        uint64_t before = load_relaxed_64(&written), began = clock_ns();

        rounds_add(&beside, chain(i));
        rounds_add(&rate, (double)(load_relaxed_64(&written) - before) * 1e3 /
                              (double)(clock_ns() - began));
    }
    tell_writer(ENDING);
    pthread_join(writer, NULL);
    bench_compare("embedded.get.with_writer_ratio", "ns", &beside, &quiet);
    bench_note("the writer overwrote %.2f million random entries a second", rounds_median(&rate));
}

/* ---- puts ----------------------------------------------------------------------------------- */

static struct calls_summary time_puts(uint64_t from, bool overwrite)
{
    struct calls calls;

    calls_init(&calls, PUTS);
    for (uint64_t i = from; i < from + PUTS; i++) {
        uint8_t key[BENCH_KEY], value[BENCH_VALUE];

        bench_key(overwrite ? bench_next(i, 3, ENTRIES) : i, key);
        bench_value_of(i, value);
        uint64_t before = clock_ns();
        mr_rc_t rc =
            mr_map_set(map, MR_BYTES(key, BENCH_KEY), MR_BYTES(value, BENCH_VALUE), NULL, NULL);

        calls_add(&calls, clock_ns() - before);
        if (rc != MR_OK)
            bench_fail("put: %s", mr_rc_text(rc));
    }
    struct calls_summary s = calls_summarise(&calls);

    calls_free(&calls);
    return s;
}

static void measure_puts(const char *name, bool overwrite)
{
    struct rounds medians = {.n = 0}, means = {.n = 0};

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct calls_summary s = time_puts(ENTRIES + (uint64_t)i * PUTS, overwrite);

        rounds_add(&medians, s.median - (double)clock_cost_ns);
        rounds_add(&means, s.mean - (double)clock_cost_ns);
    }
    bench_median(name, "ns", &medians);
    bench_note("mean %.0f ns; without %llu ns for the clock", rounds_median(&means),
               (unsigned long long)clock_cost_ns);
}

/* The longest put in each slice of a new map's growth. Afterwards it is emptied. */
static void grow(struct rounds *slices)
{
    struct warm warm = warm_new(GROWN * 160ull);
    mr_err_t err = MR_ERR_INIT;
    mr_map_t *grown = mr_map(g, "grown", &err);
    struct stalls stalls;

    if (!grown)
        bench_fail("%s", err.message);
    stalls_begin(&stalls);
    for (uint64_t i = 0; i < GROWN; i++) {
        warm_give_for_entry(&warm, i);
        uint64_t before = clock_ns();

        put(grown, i);
        stalls_add(&stalls, clock_ns() - before);
        if ((i + 1) % SLICE == 0)
            rounds_add(&slices[i / SLICE], (double)stalls_take_longest(&stalls) / 1e3);
    }
    warm_give(&warm, warm.left);
    if (mr_map_clear(grown, &err) != MR_OK)
        bench_fail("%s", err.message);
}

/* The longest pause of a thread that does nothing but read the clock for a while: what the machine
 * does to any thread. */
static uint64_t machine_pause_ns(void)
{
    uint64_t last = clock_ns(), end = last + PAUSE_SECONDS * 1000000000ull;
    struct stalls stalls;

    stalls_begin(&stalls);
    while (last < end) {
        uint64_t now = clock_ns();

        stalls_add(&stalls, now - last);
        last = now - last > STALL_NS ? clock_ns() : now;
    }
    return stalls.longest_ns;
}

/* The same growth again and again: what growing costs at some size it costs each time, and what
 * the machine does comes at any time. So the longest put is looked for slice by slice, as the
 * median of the rounds; the longest of all rounds stands beside it, and what the machine did. */
static void measure_growth(void)
{
    static struct rounds slices[GROWN / SLICE];
    double longest = 0, seen = 0;

    for (int i = 0; i < GROWTHS; i++)
        grow(slices);
    for (int i = 0; i < GROWN / SLICE; i++) {
        double median = rounds_median(&slices[i]), most = rounds_most(&slices[i]);

        longest = median > longest ? median : longest;
        seen = most > seen ? most : seen;
    }
    bench_value("embedded.put.max_us", "us", longest);
    bench_value("embedded.put.max_seen_us", "us", seen);
    bench_value("machine.pause_us", "us", (double)machine_pause_ns() / 1e3);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, "embedded");
    start(); /* before pinning, so that its threads are free */
    bench_pin(CORE);
    bare_fill(&bare, ENTRIES);
    key_cost_ns = bench_key_cost_ns();
    chain_cost_ns = bench_chain_cost_ns();
    clock_cost_ns = bench_clock_cost_ns();

    measure_gets();
    count_allocations();
    measure_beside_a_writer();
    measure_puts("embedded.put.overwrite_ns", true);
    measure_puts("embedded.put.insert_ns", false);
    measure_growth();
    bench_note("%d entries of %d + %d bytes; gets without %.1f and %.1f ns for a key", ENTRIES,
               BENCH_KEY, BENCH_VALUE, chain_cost_ns, key_cost_ns);
    return mr_close(g, MR_NOW, NULL) != MR_OK;
}
