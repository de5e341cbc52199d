/* Our index against the hash tables of libck, which is why there is an index of our own.
 *
 * All four hold the same records, know the same hashes, take one writer beside readers without
 * locks, and have their memory in huge pages. Ours is grid/store/index.h over a slab. Asked is a
 * get whose key depends on the one before, gets in a loop, and batches of 64. libck has no way to
 * prefetch, so its batch is what a caller can do: all hashes first, then the look-ups in turn.
 *
 * The longest insert shows what growing costs: libck's tables move whole, ours a segment. */
#include <ck_hs.h>
#include <ck_ht.h>
#include <ck_rhs.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid/store/index.h"
#include "net/base/mem.h"
#include "tests/bench/bench.h"

enum {
    BATCH = 64,
    LOOKUPS = 8000 * BATCH, /* per round */
    RECORD = RECORD_HEADER + BENCH_KEY + BENCH_VALUE,
    HUGE_PAGE = 2 * 1024 * 1024,
    CORE = 1
};

static uint64_t entries;

/* ---- ours ----------------------------------------------------------------------------------- */

static struct account account = {.limit = UINT64_MAX};
static struct slab *slab;
static uint8_t *base;
static struct index ix;
static slab_ref *refs; /* of the records, in the order of their numbers */

static const struct record *record_at(uint64_t i)
{
    return slab_at(base, refs[i]);
}

static void make_records(void)
{
    uint8_t key_bytes[BENCH_KEY], value_bytes[BENCH_VALUE];
    struct data key = {key_bytes, BENCH_KEY, DATA_BYTES};
    struct data value = {value_bytes, BENCH_VALUE, DATA_BYTES};

    slab = slab_new(&account, NULL, NULL);
    if (!slab || !(refs = malloc(entries * sizeof *refs)))
        bench_fail("no memory");
    base = slab_base(slab);
    for (uint64_t i = 0; i < entries; i++) {
        if (slab_alloc(slab, RECORD, &refs[i]) != MR_OK)
            bench_fail("no memory");
        bench_key(i, key_bytes);
        bench_value_of(i, value_bytes);
        record_write(slab_at(base, refs[i]), &key, &value, (struct lifetime){0}, 0, i, 0);
    }
}

static void index_add(uint64_t hash, const struct record *r)
{
    slab_ref ref = (slab_ref)(((uintptr_t)r - (uintptr_t)base) / SLAB_UNIT);
    struct data key = record_key(r);
    struct place place;

    if (index_place(&ix, base, hash, &key, &place) || index_reserve(&ix, slab, hash) != MR_OK)
        bench_fail("the index does not grow");
    index_insert(&ix, base, hash, ref, INDEX_NEVER);
}

static inline const struct record *index_get(uint64_t hash, const uint8_t *key)
{
    return index_find(&ix, base, hash, &(struct data){key, BENCH_KEY, DATA_BYTES});
}

static void index_fetch(const uint64_t *hashes)
{
    const struct bucket *buckets[INDEX_BATCH];

    for (uint32_t i = 0; i < INDEX_BATCH; i++)
        buckets[i] = index_prefetch_bucket(&ix, base, hashes[i]);
    for (uint32_t i = 0; i < INDEX_BATCH; i++)
        index_prefetch_record(buckets[i], base, hashes[i]);
}

static uint64_t index_size(void)
{
    return index_bytes(&ix, base);
}

/* ---- libck's -------------------------------------------------------------------------------- */

static uint64_t ck_bytes; /* what the table that is being measured has taken */
static ck_ht_t ht;
static ck_hs_t hs;
static ck_rhs_t rhs;

static uint64_t pages(size_t size)
{
    return (size + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
}

/* A large table gets huge pages, as ours; pages_commit says yes to all of it here. */
static void *ck_alloc(size_t size)
{
    void *p;

    ck_bytes += size;
    if (size < HUGE_PAGE)
        return malloc(size);
    if ((p = pages_reserve(pages(size), HUGE_PAGE)) && pages_commit(p, pages(size), true))
        return p;
    bench_fail("no memory");
}

static void ck_release(void *p, size_t size, bool defer)
{
    (void)defer; /* no reader is about */
    ck_bytes -= size;
    if (size < HUGE_PAGE)
        free(p);
    else
        pages_release(p, pages(size));
}

static struct ck_malloc ck_memory = {.malloc = ck_alloc, .free = ck_release};

static void ht_hash(ck_ht_hash_t *ret, const void *key, size_t size, uint64_t seed)
{
    (void)seed;
    ret->value = hash_64(key, size);
}

static unsigned long set_hash(const void *key, unsigned long seed)
{
    (void)seed;
    return hash_64(key, BENCH_KEY);
}

static bool set_equal(const void *a, const void *b)
{
    return memcmp(a, b, BENCH_KEY) == 0;
}

static void ht_open(void)
{
    if (!ck_ht_init(&ht, CK_HT_MODE_BYTESTRING, ht_hash, &ck_memory, 64, 1))
        bench_fail("ck_ht");
}

static void hs_open(void)
{
    if (!ck_hs_init(&hs, CK_HS_MODE_SPMC | CK_HS_MODE_OBJECT, set_hash, set_equal, &ck_memory, 64,
                    1))
        bench_fail("ck_hs");
}

static void rhs_open(void)
{
    if (!ck_rhs_init(&rhs, CK_RHS_MODE_SPMC | CK_RHS_MODE_OBJECT, set_hash, set_equal, &ck_memory,
                     64, 1))
        bench_fail("ck_rhs");
}

static void ht_add(uint64_t hash, const struct record *r)
{
    ck_ht_hash_t h = {hash};
    ck_ht_entry_t entry;

    ck_ht_entry_set(&entry, h, record_key_at(r), BENCH_KEY, r);
    if (!ck_ht_put_spmc(&ht, h, &entry))
        bench_fail("ck_ht");
}

/* The sets hold the address of the key, which is what they hash and compare. */
static void hs_add(uint64_t hash, const struct record *r)
{
    if (!ck_hs_put(&hs, hash, record_key_at(r)))
        bench_fail("ck_hs");
}

static void rhs_add(uint64_t hash, const struct record *r)
{
    if (!ck_rhs_put(&rhs, hash, record_key_at(r)))
        bench_fail("ck_rhs");
}

static inline const struct record *ht_get(uint64_t hash, const uint8_t *key)
{
    ck_ht_hash_t h = {hash};
    ck_ht_entry_t entry;

    ck_ht_entry_key_set(&entry, key, BENCH_KEY);
    return ck_ht_get_spmc(&ht, h, &entry) ? ck_ht_entry_value(&entry) : NULL;
}

static const struct record *record_of_key(const uint8_t *key)
{
    return key ? (const struct record *)(key - RECORD_HEADER) : NULL;
}

static inline const struct record *hs_get(uint64_t hash, const uint8_t *key)
{
    return record_of_key(ck_hs_get(&hs, hash, key));
}

static inline const struct record *rhs_get(uint64_t hash, const uint8_t *key)
{
    return record_of_key(ck_rhs_get(&rhs, hash, key));
}

static void no_open(void)
{
}

static void no_fetch(const uint64_t *hashes)
{
    (void)hashes;
}

static uint64_t ck_size(void)
{
    return ck_bytes;
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct table {
    const char *name;
    void (*open)(void);
    void (*add)(uint64_t hash, const struct record *r);
    uint64_t (*bytes)(void);
    double (*chain)(uint64_t salt); /* ns per get: each depending on the one before, */
    double (*loop)(uint64_t salt);  /* one after the other, */
    double (*batch)(uint64_t salt); /* in batches */
    struct rounds chains, loops, batches;
};

static double key_cost_ns, chain_cost_ns;

static inline uint64_t head_of(const struct record *r)
{
    if (!r)
        bench_fail("an entry is missing");
    return bench_head(record_key_at(r) + BENCH_KEY);
}

/* The three loops for one table, so that its get is inlined in them where it can be. */
#define LOOPS(table)                                                                               \
    static double table##_chain(uint64_t salt)                                                     \
    {                                                                                              \
        uint64_t before = bench_cpu_ns(), head = salt;                                             \
        uint8_t key[BENCH_KEY];                                                                    \
                                                                                                   \
        for (uint64_t i = 0; i < LOOKUPS; i++) {                                                   \
            bench_key(bench_next(i, head, entries), key);                                          \
            head = head_of(table##_get(hash_64(key, BENCH_KEY), key));                             \
        }                                                                                          \
        return (double)(bench_cpu_ns() - before) / LOOKUPS - chain_cost_ns;                        \
    }                                                                                              \
                                                                                                   \
    static double table##_loop(uint64_t salt)                                                      \
    {                                                                                              \
        uint64_t before = bench_cpu_ns(), sum = 0;                                                 \
        uint8_t key[BENCH_KEY];                                                                    \
                                                                                                   \
        for (uint64_t i = 0; i < LOOKUPS; i++) {                                                   \
            bench_key(bench_next(i, salt, entries), key);                                          \
            sum += head_of(table##_get(hash_64(key, BENCH_KEY), key));                             \
        }                                                                                          \
        bench_use(sum);                                                                            \
        return (double)(bench_cpu_ns() - before) / LOOKUPS - key_cost_ns;                          \
    }                                                                                              \
                                                                                                   \
    static double table##_batch(uint64_t salt)                                                     \
    {                                                                                              \
        uint64_t before = bench_cpu_ns(), sum = 0;                                                 \
        uint8_t keys[BATCH][BENCH_KEY];                                                            \
        uint64_t hashes[BATCH];                                                                    \
                                                                                                   \
        for (uint64_t i = 0; i < LOOKUPS; i += BATCH) {                                            \
            for (uint32_t j = 0; j < BATCH; j++) {                                                 \
                bench_key(bench_next(i + j, salt, entries), keys[j]);                              \
                hashes[j] = hash_64(keys[j], BENCH_KEY);                                           \
            }                                                                                      \
            for (uint32_t j = 0; j < BATCH; j += INDEX_BATCH) {                                    \
                table##_fetch(&hashes[j]);                                                         \
                for (uint32_t k = j; k < j + INDEX_BATCH; k++)                                     \
                    sum += head_of(table##_get(hashes[k], keys[k]));                               \
            }                                                                                      \
        }                                                                                          \
        bench_use(sum);                                                                            \
        return (double)(bench_cpu_ns() - before) / LOOKUPS - key_cost_ns;                          \
    }

#define ht_fetch  no_fetch
#define hs_fetch  no_fetch
#define rhs_fetch no_fetch

LOOPS(index)
LOOPS(ht)
LOOPS(hs)
LOOPS(rhs)

static struct table tables[] = {
    {"index", no_open, index_add, index_size, index_chain, index_loop, index_batch, {}, {}, {}},
    {"ck_ht", ht_open, ht_add, ck_size, ht_chain, ht_loop, ht_batch, {}, {}, {}},
    {"ck_hs", hs_open, hs_add, ck_size, hs_chain, hs_loop, hs_batch, {}, {}, {}},
    {"ck_rhs", rhs_open, rhs_add, ck_size, rhs_chain, rhs_loop, rhs_batch, {}, {}, {}},
};

enum { TABLES = sizeof tables / sizeof *tables };

/* "tables.NAME.WHAT"; good until the next call. */
static const char *row(const struct table *t, const char *what)
{
    static char name[64];

    snprintf(name, sizeof name, "tables.%s.%s", t->name, what);
    return name;
}

/* Fills the table, and says what it cost. */
static void fill(struct table *t)
{
    struct warm warm = warm_new(entries * 256); /* a table of libck's, and the one it outgrows */
    struct stalls stalls;

    ck_bytes = 0;
    t->open();
    warm_give(&warm, warm.left);
    stalls_begin(&stalls);
    for (uint64_t i = 0; i < entries; i++) {
        const struct record *r = record_at(i);
        uint64_t hash = record_hash(r), before = clock_ns();

        t->add(hash, r);
        stalls_add(&stalls, clock_ns() - before);
    }
    bench_value(row(t, "bytes_per_entry"), "B", (double)t->bytes() / (double)entries);
    bench_value(row(t, "insert_max_us"), "us", (double)stalls.longest_ns / 1e3);
}

static void compare(const struct table *other)
{
    char name[64];

    snprintf(name, sizeof name, "tables.index.vs_%s_speedup", other->name);
    bench_compare(name, "ns", &tables[0].chains, &other->chains);
    snprintf(name, sizeof name, "tables.index.vs_%s_batch_speedup", other->name);
    bench_compare(name, "ns", &tables[0].batches, &other->batches);
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv, "tables");
    entries = bench_long ? 10000000 : 1000000;
    bench_pin(CORE);
    hash_init(1);
    key_cost_ns = bench_key_cost_ns();
    chain_cost_ns = bench_chain_cost_ns();
    make_records();
    for (int i = 0; i < TABLES; i++)
        fill(&tables[i]);
    for (uint64_t round = 1; round <= BENCH_ROUNDS; round++)
        for (int i = 0; i < TABLES; i++) {
            rounds_add(&tables[i].chains, tables[i].chain(round));
            rounds_add(&tables[i].loops, tables[i].loop(round));
            rounds_add(&tables[i].batches, tables[i].batch(round));
        }
    for (int i = 0; i < TABLES; i++) {
        bench_median(row(&tables[i], "get_ns"), "ns", &tables[i].chains);
        bench_median(row(&tables[i], "get_loop_ns"), "ns", &tables[i].loops);
        bench_median(row(&tables[i], "get_batch_ns"), "ns", &tables[i].batches);
    }
    for (int i = 1; i < TABLES; i++)
        compare(&tables[i]);
    bench_note("%llu entries in one table; without %.1f and %.1f ns for a key",
               (unsigned long long)entries, chain_cost_ns, key_cost_ns);
    return 0;
}
