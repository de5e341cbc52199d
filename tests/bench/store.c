/* The store under the grid, without a grid: as many stores as a member has partitions, in as many
 * slabs, and one thread that looks up. */
#include "grid/store/store.h"
#include "net/base/epoch.h"
#include "tests/bench/bare.h"

enum {
    PARTITIONS = 271,
    SLABS = 4,
    ENTRIES = 10000000,
    BATCH = 64,
    LOOKUPS = 8000 * BATCH, /* per round and side */
    CORE = 1
};

static struct account account = {.limit = UINT64_MAX};
static struct slab *slabs[SLABS];
static struct store stores[PARTITIONS];
static struct bare bare;
static double key_cost_ns, chain_cost_ns;

static struct store *store_of(const struct data *key)
{
    return &stores[murmur3_32(key->at, key->size, MURMUR3_SEED) % PARTITIONS];
}

static struct data bytes(const uint8_t *at, uint32_t size)
{
    return (struct data){at, size, DATA_BYTES};
}

static void put(uint64_t i)
{
    uint8_t key_bytes[BENCH_KEY], value_bytes[BENCH_VALUE];
    struct data key = bytes(key_bytes, BENCH_KEY), value = bytes(value_bytes, BENCH_VALUE);
    struct spot spot;

    bench_key(i, key_bytes);
    bench_value_of(i, value_bytes);
    struct store *s = store_of(&key);

    epoch_enter();
    store_locate(s, key_hash(&key), &key, &spot);
    if (store_write(s, &spot, &value, (struct lifetime){0}, i) != MR_OK)
        bench_fail("put %llu", (unsigned long long)i);
    epoch_exit();
}

/* Nanoseconds per put of n entries: the first n, or with a salt any. */
static double put_all(uint64_t n, uint64_t salt, struct warm *warm)
{
    uint64_t before = bench_cpu_ns();

    for (uint64_t i = 0; i < n; i++) {
        warm_give_for_entry(warm, i);
        put(salt ? bench_next(i, salt, ENTRIES) : i);
    }
    return (double)(bench_cpu_ns() - before) / (double)n;
}

static void fill(void)
{
    struct warm warm = warm_new(ENTRIES * 160ull);
    uint64_t held = warm.left, before = bench_rss(0), index = 0;

    for (int i = 0; i < SLABS; i++)
        if (!(slabs[i] = slab_new(&account, NULL, NULL)))
            bench_fail("no slab");
    for (int i = 0; i < PARTITIONS; i++)
        store_init(&stores[i], slabs[i % SLABS], TOUCH_NEVER);
    bench_value("store.insert.ns", "ns", put_all(ENTRIES, 0, &warm));

    double growth = (double)(bench_rss(0) - before + held - warm.left) / ENTRIES;

    for (int i = 0; i < PARTITIONS; i++)
        index += store_index_bytes(&stores[i]);
    bench_value("store.overhead_bytes_per_entry", "B", growth - BENCH_KEY - BENCH_VALUE);
    bench_value("store.index_bytes_per_entry", "B", (double)index / ENTRIES);
    bench_value("store.overwrite.ns", "ns", put_all(ENTRIES / 10, 1, &warm));
    warm_give(&warm, warm.left);
}

/* ---- the sides: nanoseconds per look-up in one round ---------------------------------------- */

static double single(uint64_t salt)
{
    uint64_t before = bench_cpu_ns(), head = salt;
    uint8_t key_bytes[BENCH_KEY];
    struct data key = bytes(key_bytes, BENCH_KEY);

    for (uint64_t i = 0; i < LOOKUPS; i++) {
        bench_key(bench_next(i, head, ENTRIES), key_bytes);
        epoch_enter();
        const struct record *r = store_get(store_of(&key), key_hash(&key), &key);

        if (!r)
            bench_fail("an entry is missing");
        head = bench_head(record_value(r).at);
        epoch_exit();
    }
    return (double)(bench_cpu_ns() - before) / LOOKUPS - chain_cost_ns;
}

static double batch(uint64_t salt)
{
    uint64_t before = bench_cpu_ns(), sum = 0;
    uint8_t key_bytes[BATCH][BENCH_KEY];
    struct data keys[BATCH];
    struct store *at[BATCH];
    uint64_t hashes[BATCH];
    const struct record *found[BATCH];

    for (uint64_t i = 0; i < LOOKUPS; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            bench_key(bench_next(i + j, salt, ENTRIES), key_bytes[j]);
            keys[j] = bytes(key_bytes[j], BENCH_KEY);
            at[j] = store_of(&keys[j]);
            hashes[j] = key_hash(&keys[j]);
        }
        epoch_enter();
        store_get_batch(at, keys, hashes, BATCH, found);
        for (uint32_t j = 0; j < BATCH; j++) {
            if (!found[j])
                bench_fail("an entry is missing");
            sum += bench_head(record_value(found[j]).at);
        }
        epoch_exit();
    }
    bench_use(sum);
    return (double)(bench_cpu_ns() - before) / LOOKUPS - key_cost_ns;
}

static double bare_batch(uint64_t salt)
{
    uint64_t before = bench_cpu_ns(), sum = 0;
    uint8_t keys[BATCH][BENCH_KEY];
    uint64_t hashes[BATCH];
    const struct bare_record *found[BATCH];

    for (uint64_t i = 0; i < LOOKUPS; i += BATCH) {
        for (uint32_t j = 0; j < BATCH; j++) {
            bench_key(bench_next(i + j, salt, ENTRIES), keys[j]);
            hashes[j] = XXH3_64bits(keys[j], BENCH_KEY);
        }
        bare_get_batch(&bare, hashes, (const uint8_t(*)[BENCH_KEY])keys, BATCH, found);
        for (uint32_t j = 0; j < BATCH; j++) {
            if (!found[j])
                bench_fail("an entry is missing");
            sum += bench_head(found[j]->value);
        }
    }
    bench_use(sum);
    return (double)(bench_cpu_ns() - before) / LOOKUPS - key_cost_ns;
}

static void probe(void)
{
    int n = bench_long ? 3 * BENCH_ROUNDS : BENCH_ROUNDS;
    struct rounds singles = {.n = 0}, batches = {.n = 0}, bares = {.n = 0};

    for (int i = 1; i <= n; i++) {
        rounds_add(&singles, single((uint64_t)i));
        rounds_add(&batches, batch((uint64_t)i));
        rounds_add(&bares, bare_batch((uint64_t)i));
    }
    bench_median("store.probe.ns", "ns", &singles);
    bench_median("store.probe_batch.ns", "ns", &batches);
    bench_compare("store.probe_batch.speedup", "ns", &batches, &singles);
    bench_compare("store.probe_batch.bare_ratio", "ns", &batches, &bares);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, "store");
    bench_pin(CORE);
    hash_init(1);
    key_cost_ns = bench_key_cost_ns();
    chain_cost_ns = bench_chain_cost_ns();
    fill();
    bare_fill(&bare, ENTRIES);
    probe();
    bench_note("%d entries of %d + %d bytes in %d stores; without %.1f and %.1f ns for a key",
               ENTRIES, BENCH_KEY, BENCH_VALUE, PARTITIONS, chain_cost_ns, key_cost_ns);
    return 0;
}
