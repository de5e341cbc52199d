#include "grid/query/scan.h"

#include <stdlib.h>

#include "net/base/check.h"
#include "net/base/epoch.h"

enum {
    SEGMENT_BATCH = 4096, /* entries per look at the clock */
    ROW_PRICE = 4,        /* finding an entry by a row costs as much as reading so many */
    ROWS_WORTH = 16,      /* so few are always worth it */
    FEW = 64
};

struct scanning {
    struct map *map;
    const struct predicate *predicate;
    scan_visit visit;
    void *context;
    struct evaluator evaluator;
    struct arena arena; /* of plans */
    struct index_plan plans[MAP_INDEXES_MAX];
    uint32_t plan_count;
    struct sink hashes;
    struct scan_cost cost;
    bool ended;
};

static void consider(void *context, const struct record *r)
{
    struct scanning *s = context;
    struct data key, value;

    s->cost.entries++;
    if (s->ended)
        return;
    key = record_key(r);
    value = record_value(r);
    if (!s->predicate || predicate_matches(s->predicate, &s->evaluator, &key, &value))
        s->ended = !s->visit(s->context, &key, &value);
}

static void read_all(struct scanning *s, uint32_t partition)
{
    uint64_t cursor = 0;

    s->cost.by_reading++;
    do {
        cursor = store_scan(&s->map->parts[partition].store, cursor, SEGMENT_BATCH, consider, s);
    } while (cursor != 0 && !s->ended);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x, y;

    __builtin_memcpy(&x, a, sizeof x);
    __builtin_memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* A partition rarely gives more than a few dozen, and they come in no order. */
static void sort_few(uint64_t *hash, uint64_t n)
{
    for (uint64_t i = 1; i < n; i++) {
        uint64_t one = hash[i], j = i;

        for (; j > 0 && hash[j - 1] > one; j--)
            hash[j] = hash[j - 1];
        hash[j] = one;
    }
}

/* In order, each once: ranges of a plan may overlap, and one hash stands for all of its keys. */
static uint64_t sort_hashes(uint64_t *hash, uint64_t n)
{
    uint64_t kept = 0;

    if (n <= FEW)
        sort_few(hash, n);
    else
        qsort(hash, n, sizeof *hash, by_hash);
    for (uint64_t i = 0; i < n; i++)
        if (kept == 0 || hash[kept - 1] != hash[i])
            hash[kept++] = hash[i];
    return kept;
}

/* The plan with the fewest rows here, and its hashes. False: reading everything is cheaper. */
static bool gather(struct scanning *s, uint32_t partition)
{
    struct partition *p = &s->map->partitions->at[partition];
    const struct index_plan *best = NULL;

    partition_lock(p);
    uint64_t least = s->map->parts[partition].store.entries / ROW_PRICE + ROWS_WORTH;

    for (uint32_t i = 0; i < s->plan_count; i++) {
        uint64_t rows = index_plan_count(&s->plans[i], partition, least);

        if (rows < least) {
            least = rows;
            best = &s->plans[i];
        }
    }
    s->hashes.size = 0;
    s->hashes.out_of_memory = false;
    if (best)
        index_plan_gather(best, partition, &s->hashes);
    partition_unlock(p);
    return best && sink_state(&s->hashes) == MR_OK;
}

static void scan_one(struct scanning *s, uint32_t partition)
{
    uint64_t *hashes;
    uint64_t n;

    if (s->plan_count == 0 || !gather(s, partition)) {
        read_all(s, partition);
        return;
    }
    s->cost.by_index++;
    hashes = (uint64_t *)(void *)s->hashes.at;
    n = sort_hashes(hashes, s->hashes.size / sizeof *hashes);
    for (uint64_t from = 0; from < n && !s->ended; from += SEGMENT_BATCH)
        store_find_hashes(&s->map->parts[partition].store, hashes + from,
                          n - from < SEGMENT_BATCH ? n - from : SEGMENT_BATCH, consider, s);
}

/* Nothing that is visited counts unless this member serves the partition before and after. */
static mr_rc_t scan_served(struct scanning *s, uint32_t partition)
{
    const struct partitions *ps = s->map->partitions;
    uint64_t reign = partitions_reign(ps, partition);

    if (reign == 0)
        return MR_ERR_MOVED;
    scan_one(s, partition);
    return partitions_may_read(ps, partition, reign) ? MR_OK : MR_ERR_MOVED;
}

static void begin(struct scanning *s)
{
    check(epoch_inside());
    evaluator_init(&s->evaluator, NULL);
    if (s->predicate)
        s->plan_count = map_indexes_plan(&s->map->indexes, s->predicate->root, &s->arena, s->plans);
}

static void end(struct scanning *s, struct scan_cost *cost)
{
    evaluator_clear(&s->evaluator);
    arena_free(&s->arena);
    sink_free(&s->hashes);
    if (cost)
        *cost = s->cost;
}

/* Is it one that the predicate names? */
static bool is_wanted(const struct predicate *p, uint32_t partition, uint32_t partitions)
{
    if (!p || !p->partition_keys)
        return true;
    for (uint32_t i = 0; i < p->partition_key_count; i++)
        if (data_partition(&p->partition_keys[i], partitions) == partition)
            return true;
    return false;
}

mr_rc_t scan_map(struct map *m, const uint8_t *share, const struct predicate *p, scan_visit visit,
                 void *context, struct scan_cost *cost)
{
    struct scanning s = {
        .map = m, .predicate = p, .visit = visit, .context = context, .hashes.grows = true};
    uint32_t n = m->partitions->count;
    mr_rc_t rc = MR_OK;

    begin(&s);
    for (uint32_t i = 0; i < n && !s.ended && rc == MR_OK; i++)
        if (share_has(share, i) && is_wanted(p, i, n))
            rc = scan_served(&s, i);
    end(&s, cost);
    return rc;
}

mr_rc_t scan_partition(struct map *m, uint32_t partition, const struct predicate *p,
                       scan_visit visit, void *context, struct scan_cost *cost)
{
    struct scanning s = {
        .map = m, .predicate = p, .visit = visit, .context = context, .hashes.grows = true};

    mr_rc_t rc = MR_OK;

    begin(&s);
    if (is_wanted(p, partition, m->partitions->count))
        rc = scan_served(&s, partition);
    end(&s, cost);
    return rc;
}
