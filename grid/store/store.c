#include "grid/store/store.h"

#include "grid/store/expiry.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"

enum {
    SAMPLE = 16,  /* entries looked at to evict one; Redis takes 5, Hazelcast 15 */
    AHEAD = 8,    /* look-ups whose memory is on its way; more are no faster */
    ONE_HASH = 64 /* keys of one hash: at most one a kind, but by a chance of 1 in 2^64 */
};

void store_init(struct store *s, struct slab *slab, enum store_touch touch)
{
    *s = (struct store){
        .touch = touch, .base = slab_base(slab), .slab = slab, .earliest_ms = INDEX_NEVER};
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The rest of a look-up that found something: most records have neither a time nor a memory of
 * their use, and for them this is one test of a byte that has been read. */
static const struct record *still_there(const struct store *s, const struct record *r)
{
    if (!record_may_end(r))
        return r;

    uint64_t now_ms = clock_ms();

    if (record_is_over(r, now_ms))
        return NULL;
    if (r->key_kind & RECORD_TOUCHED)
        record_touch(r, s->touch, now_ms);
    return r;
}

const struct record *store_get(const struct store *s, uint64_t hash, const struct data *key)
{
    const struct record *r = index_find(&s->index, s->base, hash, key);

    return r ? still_there(s, r) : NULL;
}

void store_get_batch(struct store *const *stores, const struct data *keys, const uint64_t *hashes,
                     uint32_t n, const struct record **ret)
{
    for (uint32_t from = 0; from < n; from += INDEX_BATCH) {
        uint32_t to = n - from < INDEX_BATCH ? n : from + INDEX_BATCH;
        const struct bucket *buckets[INDEX_BATCH];

        for (uint32_t i = from; i < to; i++)
            buckets[i - from] =
                index_prefetch_bucket(&stores[i]->index, stores[i]->base, hashes[i]);
        for (uint32_t i = from; i < to; i++)
            if (buckets[i - from])
                index_prefetch_record(buckets[i - from], stores[i]->base, hashes[i]);
        for (uint32_t i = from; i < to; i++)
            ret[i] = store_get(stores[i], hashes[i], &keys[i]);
    }
}

struct scan {
    uint64_t now_ms;
    void (*visit)(void *context, const struct record *r);
    void *context;
};

static void scan_visit(void *context, const struct record *r)
{
    const struct scan *scan = context;

    if (!record_may_end(r) || !record_is_over(r, scan->now_ms))
        scan->visit(scan->context, r);
}

uint64_t store_scan(const struct store *s, uint64_t cursor, uint32_t want,
                    void (*visit)(void *context, const struct record *r), void *context)
{
    struct scan scan = {clock_ms(), visit, context};

    return index_scan(&s->index, s->base, cursor, want, scan_visit, &scan);
}

static void find_hash(const struct store *s, uint64_t hash, struct scan *scan)
{
    const struct record *found[ONE_HASH];
    uint32_t n = index_find_all(&s->index, s->base, hash, found, ONE_HASH);

    for (uint32_t i = 0; i < n; i++)
        scan_visit(scan, found[i]);
}

/* Three steps apart from each other, so that each has what it needs from memory when it comes:
 *     hash i: its bucket is fetched │ i - AHEAD: the record │ i - 2 AHEAD: it is found */
void store_find_hashes(const struct store *s, const uint64_t *hashes, uint64_t n,
                       void (*visit)(void *context, const struct record *r), void *context)
{
    struct scan scan = {clock_ms(), visit, context};
    const struct bucket *fetched[AHEAD];

    for (uint64_t i = 0; i < n + 2 * AHEAD; i++) {
        const struct bucket **b = &fetched[i % AHEAD];

        if (i >= 2 * AHEAD)
            find_hash(s, hashes[i - 2 * AHEAD], &scan);
        if (i >= AHEAD && i - AHEAD < n && *b)
            index_prefetch_record(*b, s->base, hashes[i - AHEAD]);
        if (i < n)
            *b = index_prefetch_bucket(&s->index, s->base, hashes[i]);
    }
}

/* ---- changing ------------------------------------------------------------------------------- */

void store_locate(struct store *s, uint64_t hash, const struct data *key, struct spot *ret_spot)
{
    ret_spot->hash = hash;
    ret_spot->key = key;
    ret_spot->ahead = NULL;
    ret_spot->old = index_place(&s->index, s->base, hash, key, &ret_spot->place);
}

/* One writer, so a plain sum; stored whole for readers of the statistics. */
static void count(struct store *s, int64_t entries, int64_t bytes)
{
    store_relaxed_64(&s->entries, s->entries + (uint64_t)entries);
    store_relaxed_64(&s->bytes, s->bytes + (uint64_t)bytes);
}

static void ends(struct store *s, uint64_t ends_ms)
{
    if (ends_ms < s->earliest_ms)
        store_relaxed_64(&s->earliest_ms, ends_ms);
}

/* A rewritten entry keeps its count of uses: a hot key stays hot when its value changes. */
static uint64_t touched_by_write(const struct record *old, uint64_t now_ms)
{
    if (old && (old->key_kind & RECORD_TOUCHED))
        return touched_next(load_relaxed_64(record_touched(old)), now_ms);
    return touched_first(now_ms);
}

mr_rc_t store_write(struct store *s, struct spot *spot, const struct data *value,
                    struct lifetime life, uint64_t version)
{
    uint8_t flags = record_flags(life, s->touch != TOUCH_NEVER);
    uint32_t size = record_size(flags, spot->key->size, value->size);
    uint64_t touched = flags & RECORD_TOUCHED ? touched_by_write(spot->old, clock_ms()) : 0;
    slab_ref ref;

    check(spot->key->size <= RECORD_KEY_MAX);
    check(value->size <= RECORD_VALUE_MAX);
    mr_rc_t rc = slab_alloc_for(s->slab, spot->ahead, size, &ref);
    if (rc != MR_OK)
        return rc;
    if (!spot->old && (rc = index_reserve(&s->index, s->slab, spot->hash)) != MR_OK) {
        slab_free(s->slab, ref);
        return rc;
    }

    struct record *r = slab_at(s->base, ref);
    record_write(r, spot->key, value, life, flags, version, touched);
    uint64_t ends_ms = record_ends_ms(r);

    if (spot->old) {
        int64_t growth = (int64_t)slab_block_size(size) - (int64_t)record_block(spot->old);

        slab_retire_for(s->slab, spot->ahead, index_replace(&spot->place, ref, ends_ms));
        count(s, 0, growth);
    } else {
        index_insert(&s->index, s->base, spot->hash, ref, ends_ms);
        count(s, 1, slab_block_size(size));
    }
    ends(s, ends_ms);
    return MR_OK;
}

static void take_out(struct store *s, const struct place *place, const struct record *r)
{
    count(s, -1, -(int64_t)record_block(r));
    slab_retire(s->slab, index_remove(place));
}

mr_rc_t store_erase(struct store *s, const struct spot *spot)
{
    mr_rc_t rc = slab_ready(s->slab);

    check(spot->old != NULL);
    if (rc == MR_OK)
        take_out(s, &spot->place, spot->old);
    return rc;
}

mr_rc_t store_clear(struct store *s)
{
    mr_rc_t rc = index_clear(&s->index, s->slab, s->entries);

    if (rc != MR_OK)
        return rc;
    count(s, -(int64_t)s->entries, -(int64_t)s->bytes);
    store_relaxed_64(&s->earliest_ms, INDEX_NEVER);
    return MR_OK;
}

struct clearing {
    struct store *store;
    mr_rc_t rc;
    bool (*stays)(void *context, const struct record *r);
    void *context;
};

static uint64_t clear_visit(void *context, const struct place *place, const struct record *r)
{
    struct clearing *c = context;

    if (c->rc != MR_OK || (c->rc = slab_ready(c->store->slab)) != MR_OK || c->stays(c->context, r))
        return record_ends_ms(r);
    take_out(c->store, place, r);
    return INDEX_NEVER;
}

mr_rc_t store_clear_but(struct store *s, bool (*stays)(void *context, const struct record *r),
                        void *context)
{
    struct clearing c = {s, MR_OK, stays, context};
    uint64_t cursor = 0;

    do { /* every segment's time has come at the end of time */
        cursor = index_sweep(&s->index, s->base, cursor, UINT64_MAX, clear_visit, &c);
    } while (cursor != 0 && c.rc == MR_OK);
    store_relaxed_64(&s->earliest_ms, index_earliest(&s->index, s->base));
    return c.rc;
}

/* ---- housekeeping --------------------------------------------------------------------------- */

struct sweep {
    struct store *store;
    uint64_t now_ms;
    uint32_t looked_at;
    bool (*gone)(void *context, const struct record *r);
    void *context;
};

static uint64_t sweep_visit(void *context, const struct place *place, const struct record *r)
{
    struct sweep *w = context;

    w->looked_at++;
    if (!record_is_over(r, w->now_ms) || slab_ready(w->store->slab) != MR_OK)
        return record_ends_ms(r);
    if (!w->gone(w->context, r))
        return record_ends_ms(r);
    take_out(w->store, place, r);
    return INDEX_NEVER;
}

bool store_sweep(struct store *s, uint64_t now_ms, uint32_t budget,
                 bool (*gone)(void *context, const struct record *r), void *context)
{
    struct sweep w = {s, now_ms, 0, gone, context};
    uint64_t cursor = 0;

    if (s->earliest_ms > now_ms)
        return true;
    do {
        cursor = index_sweep(&s->index, s->base, cursor, now_ms, sweep_visit, &w);
    } while (cursor != 0 && w.looked_at < budget);
    store_relaxed_64(&s->earliest_ms, index_earliest(&s->index, s->base));
    return s->earliest_ms > now_ms;
}

struct contest {
    enum eviction policy;
    uint64_t now_ms;
    bool (*stays)(void *context, const struct record *r);
    void *context;
    struct spot *best;
};

static void contest_visit(void *context, const struct place *place, const struct record *r)
{
    struct contest *c = context;

    if (c->stays && c->stays(c->context, r))
        return;
    if (c->best->old && !eviction_prefers(c->policy, r, c->best->old, c->now_ms))
        return;
    c->best->old = r;
    c->best->place = *place;
}

bool store_victim(struct store *s, enum eviction policy, uint64_t chance, uint64_t now_ms,
                  bool (*stays)(void *context, const struct record *r), void *context,
                  struct spot *ret_spot, struct data *ret_key)
{
    struct contest c = {policy, now_ms, stays, context, ret_spot};

    ret_spot->old = NULL;
    index_sample(&s->index, s->base, chance, SAMPLE, contest_visit, &c);
    if (!ret_spot->old)
        return false;
    *ret_key = record_key(ret_spot->old);
    ret_spot->key = ret_key;
    ret_spot->hash = record_hash(ret_spot->old);
    return true;
}

static slab_ref move_record(void *context, const struct record *r, slab_ref ref)
{
    struct store *s = context;
    uint32_t size = record_size(r->key_kind, r->key_size, record_value_size(r));
    slab_ref copy;

    (void)ref;
    if (slab_alloc(s->slab, size, &copy) != MR_OK)
        return 0;

    struct record *to = slab_at(s->base, copy);
    struct data key = record_key(r), value = record_value(r);

    /* Not one memcpy of it all: a reader may be storing `touched` meanwhile. */
    record_write(to, &key, &value, record_lifetime(r),
                 r->key_kind & (RECORD_EXPIRES | RECORD_TOUCHED), record_version(r),
                 r->key_kind & RECORD_TOUCHED ? load_relaxed_64(record_touched(r)) : 0);
    return copy;
}

uint64_t store_move(struct store *s, uint64_t cursor)
{
    return index_move(&s->index, s->slab, cursor, move_record, s);
}

uint64_t store_index_bytes(const struct store *s)
{
    return index_bytes(&s->index, s->base);
}

/* ---- checking ------------------------------------------------------------------------------- */

struct tally {
    uint64_t entries, bytes, earliest_ms;
};

static void tally_visit(void *context, const struct record *r)
{
    struct tally *t = context;

    t->entries++;
    t->bytes += record_block(r);
    if (record_ends_ms(r) < t->earliest_ms)
        t->earliest_ms = record_ends_ms(r);
}

void store_check(const struct store *s)
{
    struct tally t = {.earliest_ms = INDEX_NEVER};

    index_check(&s->index, s->base, s->entries);
    epoch_enter();
    index_scan(&s->index, s->base, 0, UINT32_MAX, tally_visit, &t);
    epoch_exit();
    check(t.entries == s->entries);
    check(t.bytes == s->bytes);
    check(t.earliest_ms >= s->earliest_ms);
    check(index_earliest(&s->index, s->base) >= s->earliest_ms);
}
