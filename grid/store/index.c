#include "grid/store/index.h"

#include "net/base/check.h"

enum { FILL_PERCENT = 85 }; /* above, overflows cost more than the memory is worth */

/* ---- words ---------------------------------------------------------------------------------- */

static uint32_t slot_buckets(uint32_t slot)
{
    return 1u << (slot & 7);
}

static struct bucket *slot_segment(uint8_t *base, uint32_t slot)
{
    return slab_at(base, slot & ~7u);
}

static uint32_t depth_of(const struct bucket *segment)
{
    return (uint32_t)(load_relaxed_64(&segment->tags_high) >> 32) & 0xffff;
}

static struct directory *directory_of(const struct index *ix, uint8_t *base)
{
    return slab_at(base, ix->directory);
}

static uint32_t directory_slots(const struct directory *d)
{
    return 1u << d->bits;
}

static size_t segments_offset(uint32_t bits)
{
    return (sizeof(struct directory) + (sizeof(uint32_t) << bits) + 7) & ~(size_t)7;
}

static struct segment *segments_of(struct directory *d)
{
    return (struct segment *)((uint8_t *)d + segments_offset(d->bits));
}

static uint32_t directory_size(uint32_t bits)
{
    return (uint32_t)(segments_offset(bits) + (sizeof(struct segment) << bits));
}

/* How many slots lead to the segment, and the first of them. */
static uint32_t group_size(const struct directory *d, const struct bucket *segment)
{
    return 1u << (d->bits - depth_of(segment));
}

static uint32_t group_first(const struct directory *d, const struct bucket *segment, uint32_t slot)
{
    return slot & ~(group_size(d, segment) - 1);
}

static uint32_t fill_limit(uint32_t buckets)
{
    return buckets == 1 ? INDEX_SLOTS : buckets * INDEX_SLOTS * FILL_PERCENT / 100;
}

static uint64_t free_slots(const struct bucket *b, uint64_t *ret_high)
{
    *ret_high = index_match(load_relaxed_64(&b->tags_high), 0) & 0xffffffffu;
    return index_match(load_relaxed_64(&b->tags_low), 0);
}

static uint8_t tag_at(const struct bucket *b, uint32_t slot)
{
    uint64_t word = load_relaxed_64(slot < 8 ? &b->tags_low : &b->tags_high);

    return (uint8_t)(word >> slot % 8 * 8);
}

static void set_tag(struct bucket *b, uint32_t slot, uint8_t tag)
{
    uint64_t *word = slot < 8 ? &b->tags_low : &b->tags_high;
    uint32_t shift = slot % 8 * 8;

    store_release_64(word, (load_relaxed_64(word) & ~(0xffull << shift)) | (uint64_t)tag << shift);
}

static void add_overflow(struct bucket *b, int64_t by)
{
    store_release_64(&b->tags_high, load_relaxed_64(&b->tags_high) + ((uint64_t)by << 48));
}

/* Puts a ref into the first bucket with room, from its home on. There is room. */
static void segment_put(struct bucket *segment, uint32_t mask, uint64_t hash, slab_ref ref)
{
    struct bucket *b;
    uint64_t low, high;
    uint32_t passed = 0;

    while (!((low = free_slots(b = &segment[(hash + passed) & mask], &high)) | high)) {
        passed++;
        check(passed <= mask);
    }
    uint32_t slot =
        low ? (uint32_t)__builtin_ctzll(low) / 8 : 8 + (uint32_t)__builtin_ctzll(high) / 8;

    store_release_32(&b->refs[slot], ref);
    for (uint32_t i = 0; i < passed; i++)
        add_overflow(&segment[(hash + i) & mask], 1);
    set_tag(b, slot, index_tag(hash)); /* release: the ref and the counts are seen before it */
}

/* ---- walking -------------------------------------------------------------------------------- */

/* All entries of a segment, bucket by bucket; records are fetched from memory a bucket ahead. */
struct walk {
    struct bucket *buckets;
    uint32_t count;
    uint32_t at, slot;  /* where the last entry stood */
    uint64_t low, high; /* tags of bucket `at`, read once */
};

static void fetch_records(const struct bucket *b, uint8_t *base)
{
    for (uint32_t i = 0; i < INDEX_SLOTS; i++)
        if (tag_at(b, i))
            __builtin_prefetch(slab_at(base, load_relaxed_32(&b->refs[i])));
}

static void walk_enter(struct walk *w, uint32_t at, uint8_t *base)
{
    w->at = at;
    w->slot = UINT32_MAX;
    if (at >= w->count)
        return;
    w->low = load_acquire_64(&w->buckets[at].tags_low);
    w->high = load_acquire_64(&w->buckets[at].tags_high);
    if (at + 1 < w->count)
        fetch_records(&w->buckets[at + 1], base);
}

static void walk_begin(struct walk *w, uint8_t *base, uint32_t directory_slot)
{
    *w =
        (struct walk){slot_segment(base, directory_slot), slot_buckets(directory_slot), 0, 0, 0, 0};
    fetch_records(w->buckets, base);
    walk_enter(w, 0, base);
}

/* The ref of the next entry, 0 after the last. */
static slab_ref walk_next(struct walk *w, uint8_t *base)
{
    while (w->at < w->count) {
        while (++w->slot < INDEX_SLOTS)
            if ((w->slot < 8 ? w->low : w->high) >> w->slot % 8 * 8 & 0xff)
                return load_acquire_32(&w->buckets[w->at].refs[w->slot]);
        walk_enter(w, w->at + 1, base);
    }
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

uint32_t index_find_all(const struct index *ix, uint8_t *base, uint64_t hash,
                        const struct record **ret, uint32_t room)
{
    uint32_t mask, n = 0;
    struct bucket *segment = index_segment(ix, base, hash, &mask);

    for (uint32_t i = 0; segment && i <= mask; i++) {
        const struct bucket *b = &segment[(hash + i) & mask];
        uint64_t high = load_acquire_64(&b->tags_high), low = load_acquire_64(&b->tags_low);

        for (uint64_t match = index_matches(low, high, index_tag(hash)); match && n < room;
             match &= match - 1) {
            const struct record *r = slab_at(base, load_acquire_32(&b->refs[index_slot(match)]));

            if (record_hash(r) == hash)
                ret[n++] = r;
        }
        if (index_overflow(high) == 0)
            break;
    }
    return n;
}

uint64_t index_scan(const struct index *ix, uint8_t *base, uint64_t cursor, uint32_t want,
                    void (*visit)(void *context, const struct record *r), void *context)
{
    uint32_t seen = 0;

    do {
        uint32_t mask;
        struct bucket *segment = index_segment(ix, base, cursor, &mask);

        if (!segment)
            return 0;
        uint32_t depth = depth_of(segment);
        uint64_t range = depth ? UINT64_MAX >> depth : UINT64_MAX;
        uint64_t first = cursor & ~range;

        struct walk w = {.buckets = segment, .count = mask + 1};

        walk_enter(&w, 0, base);
        for (slab_ref ref; (ref = walk_next(&w, base));) {
            const struct record *r = slab_at(base, ref);

            /* A cursor inside a segment: the table was cleared and has grown less far since. */
            if (cursor != first && record_hash(r) < cursor)
                continue;
            visit(context, r);
            seen++;
        }
        cursor = first + range + 1;
    } while (cursor != 0 && seen < want);
    return cursor;
}

uint64_t index_bytes(const struct index *ix, uint8_t *base)
{
    slab_ref ref = load_acquire_32(&ix->directory);

    if (ref == 0)
        return 0;
    struct directory *d = slab_at(base, ref);

    return load_relaxed_32(&d->buckets) * sizeof(struct bucket) +
           slab_block_size(directory_size(d->bits));
}

/* ---- writing -------------------------------------------------------------------------------- */

const struct record *index_place(struct index *ix, uint8_t *base, uint64_t hash,
                                 const struct data *key, struct place *ret_place)
{
    struct place *p = ret_place;

    if (!(p->buckets = index_segment(ix, base, hash, &p->mask)))
        return NULL;
    p->directory = directory_of(ix, base);
    p->directory_slot = directory_slot(p->directory, hash);
    p->home = (uint32_t)hash & p->mask;
    return index_seek(p->buckets, p->mask, base, hash, key, &p->at, &p->slot);
}

/* What only the writer knows of the place's segment. */
static struct segment *segment_of(const struct place *p)
{
    return &segments_of(p->directory)[group_first(p->directory, p->buckets, p->directory_slot)];
}

/* One writer, so a plain sum; stored whole for readers of the statistics. */
static void add_buckets(struct directory *d, uint32_t n)
{
    store_relaxed_32(&d->buckets, d->buckets + n);
}

static mr_rc_t segment_new(struct slab *slab, uint32_t log2, uint32_t depth, uint32_t *ret_slot)
{
    uint32_t size = (uint32_t)sizeof(struct bucket) << log2;
    slab_ref ref;
    mr_rc_t rc = slab_alloc(slab, size, &ref);

    if (rc != MR_OK)
        return rc;
    struct bucket *segment = memset(slab_at(slab_base(slab), ref), 0, size);

    check(((uintptr_t)segment & 63) == 0);
    segment->tags_high = (uint64_t)depth << 32;
    *ret_slot = ref | log2;
    return MR_OK;
}

static mr_rc_t start(struct index *ix, struct slab *slab)
{
    slab_ref ref;
    uint32_t slot;
    mr_rc_t rc = segment_new(slab, 0, 0, &slot);

    if (rc != MR_OK)
        return rc;
    if ((rc = slab_alloc(slab, directory_size(0), &ref)) != MR_OK) {
        slab_free(slab, slot & ~7u);
        return rc;
    }
    struct directory *d = memset(slab_at(slab_base(slab), ref), 0, directory_size(0));

    d->buckets = 1;
    d->slots[0] = slot;
    segments_of(d)[0] = (struct segment){.earliest_ms = INDEX_NEVER};
    store_release_32(&ix->directory, ref);
    return MR_OK;
}

static mr_rc_t double_directory(struct index *ix, struct slab *slab)
{
    uint8_t *base = slab_base(slab);
    struct directory *old = directory_of(ix, base);
    slab_ref old_ref = ix->directory, ref;
    uint32_t bits = old->bits + 1;
    mr_rc_t rc;

    if (bits > INDEX_DIRECTORY_BITS)
        return MR_ERR_FULL;
    if ((rc = slab_alloc(slab, directory_size(bits), &ref)) != MR_OK)
        return rc;

    struct directory *d = memset(slab_at(base, ref), 0, directory_size(bits));
    d->bits = bits;
    d->buckets = old->buckets;
    for (uint32_t i = 0; i < directory_slots(d); i++) {
        d->slots[i] = old->slots[i / 2];
        if (i % 2 == 0)
            segments_of(d)[i] = segments_of(old)[i / 2];
    }
    store_release_32(&ix->directory, ref);
    slab_retire(slab, old_ref);
    return MR_OK;
}

/* Makes `n` neighbouring slots, from `first` on, lead to a segment. */
static void publish(struct directory *d, uint32_t first, uint32_t n, uint32_t slot)
{
    for (uint32_t i = first; i < first + n; i++)
        store_release_32(&d->slots[i], slot);
}

/* A small segment is copied to one of twice the buckets. */
static mr_rc_t grow_segment(struct index *ix, struct slab *slab, uint32_t at)
{
    uint8_t *base = slab_base(slab);
    struct directory *d = directory_of(ix, base);
    uint32_t old = d->slots[at], slot;
    struct bucket *from = slot_segment(base, old);
    mr_rc_t rc = segment_new(slab, (old & 7) + 1, depth_of(from), &slot);
    struct walk w;

    if (rc != MR_OK)
        return rc;
    walk_begin(&w, base, old);
    for (slab_ref ref; (ref = walk_next(&w, base));)
        segment_put(slot_segment(base, slot), slot_buckets(slot) - 1,
                    record_hash(slab_at(base, ref)), ref);
    add_buckets(d, slot_buckets(slot) - slot_buckets(old));
    publish(d, group_first(d, from, at), group_size(d, from), slot);
    slab_retire(slab, old & ~7u);
    return MR_OK;
}

/* A full-sized segment becomes two, told apart by the next bit of the hash. */
static mr_rc_t split_segment(struct index *ix, struct slab *slab, uint64_t hash)
{
    uint8_t *base = slab_base(slab);
    struct directory *d = directory_of(ix, base);
    uint32_t old = d->slots[directory_slot(d, hash)];
    struct bucket *from = slot_segment(base, old);
    uint32_t depth = depth_of(from);
    uint32_t halves[2], used[2] = {0};
    struct walk w;
    mr_rc_t rc;

    if (depth == d->bits) {
        if ((rc = double_directory(ix, slab)) != MR_OK)
            return rc;
        d = directory_of(ix, base);
    }
    if ((rc = segment_new(slab, old & 7, depth + 1, &halves[0])) != MR_OK)
        return rc;
    if ((rc = segment_new(slab, old & 7, depth + 1, &halves[1])) != MR_OK) {
        slab_free(slab, halves[0] & ~7u);
        return rc;
    }
    walk_begin(&w, base, old);
    for (slab_ref ref; (ref = walk_next(&w, base));) {
        uint64_t h = record_hash(slab_at(base, ref));
        uint32_t half = (uint32_t)(h >> (63 - depth) & 1);

        segment_put(slot_segment(base, halves[half]), INDEX_BUCKETS_MAX - 1, h, ref);
        used[half]++;
    }

    uint32_t n = group_size(d, from);
    uint32_t first = group_first(d, from, directory_slot(d, hash));
    struct segment *whole = &segments_of(d)[first];
    struct segment *second = &segments_of(d)[first + n / 2];

    check(used[0] + used[1] == whole->used);
    *second = (struct segment){whole->earliest_ms, used[1]};
    whole->used = used[0];
    add_buckets(d, slot_buckets(old));
    publish(d, first, n / 2, halves[0]);
    publish(d, first + n / 2, n / 2, halves[1]);
    slab_retire(slab, old & ~7u);
    return MR_OK;
}

mr_rc_t index_reserve(struct index *ix, struct slab *slab, uint64_t hash)
{
    uint8_t *base = slab_base(slab);
    mr_rc_t rc = MR_OK;

    if (!ix->directory)
        return start(ix, slab);

    while (rc == MR_OK) {
        struct directory *d = directory_of(ix, base);
        uint32_t at = directory_slot(d, hash);
        uint32_t slot = d->slots[at];
        uint32_t first = group_first(d, slot_segment(base, slot), at);

        if (segments_of(d)[first].used < fill_limit(slot_buckets(slot)))
            return MR_OK;
        rc = slot_buckets(slot) < INDEX_BUCKETS_MAX ? grow_segment(ix, slab, at)
                                                    : split_segment(ix, slab, hash);
    }
    return rc;
}

static void ends(struct segment *segment, uint64_t ends_ms)
{
    if (ends_ms < segment->earliest_ms)
        segment->earliest_ms = ends_ms;
}

void index_insert(struct index *ix, uint8_t *base, uint64_t hash, slab_ref ref, uint64_t ends_ms)
{
    struct directory *d = directory_of(ix, base);
    uint32_t at = directory_slot(d, hash);
    uint32_t slot = d->slots[at];
    struct bucket *buckets = slot_segment(base, slot);
    struct segment *segment = &segments_of(d)[group_first(d, buckets, at)];

    check(segment->used < slot_buckets(slot) * INDEX_SLOTS);
    segment_put(buckets, slot_buckets(slot) - 1, hash, ref);
    segment->used++;
    ends(segment, ends_ms);
}

slab_ref index_replace(const struct place *place, slab_ref ref, uint64_t ends_ms)
{
    struct bucket *b = &place->buckets[place->at];
    slab_ref old = b->refs[place->slot];

    check(tag_at(b, place->slot) != 0);
    store_release_32(&b->refs[place->slot], ref);
    if (ends_ms != INDEX_NEVER) /* as with most entries */
        ends(segment_of(place), ends_ms);
    return old;
}

slab_ref index_remove(const struct place *place)
{
    struct bucket *b = &place->buckets[place->at];
    slab_ref old = b->refs[place->slot];
    struct segment *segment = segment_of(place);

    check(tag_at(b, place->slot) != 0);
    check(segment->used > 0);
    set_tag(b, place->slot, 0);
    /* After the tag: who still sees the counts looks on in vain, and misses what is gone. */
    for (uint32_t i = place->home; i != place->at; i = (i + 1) & place->mask)
        add_overflow(&place->buckets[i], -1);
    segment->used--;
    return old;
}

mr_rc_t index_clear(struct index *ix, struct slab *slab, uint64_t entries)
{
    uint8_t *base = slab_base(slab);
    slab_ref old = ix->directory;
    struct directory *d = directory_of(ix, base);
    struct slab_batch *batch;
    uint32_t n;

    if (!old)
        return MR_OK;
    if (!(batch = slab_batch_new(slab, entries + directory_slots(d) + 1)))
        return MR_ERR_MEMORY;
    store_release_32(&ix->directory, 0);
    for (uint32_t at = 0; at < directory_slots(d); at += n) {
        struct walk w;

        walk_begin(&w, base, d->slots[at]);
        n = group_size(d, w.buckets);
        for (slab_ref ref; (ref = walk_next(&w, base));)
            slab_batch_add(batch, ref);
        slab_batch_add(batch, d->slots[at] & ~7u);
    }
    slab_batch_add(batch, old);
    slab_batch_retire(batch);
    return MR_OK;
}

/* ---- going through it ----------------------------------------------------------------------- */

static struct place place_of(const struct walk *w, struct directory *d, uint32_t at, uint64_t hash)
{
    return (struct place){.directory = d,
                          .directory_slot = at,
                          .buckets = w->buckets,
                          .mask = w->count - 1,
                          .home = hash & (w->count - 1),
                          .at = w->at,
                          .slot = w->slot};
}

/* The cursor behind a group of slots; 0 behind the last. */
static uint64_t cursor_after(const struct directory *d, uint32_t first, uint32_t n)
{
    return first + n == directory_slots(d) ? 0 : (uint64_t)(first + n) << (63 - d->bits) << 1;
}

uint64_t index_sweep(struct index *ix, uint8_t *base, uint64_t cursor, uint64_t now_ms,
                     uint64_t (*visit)(void *context, const struct place *place,
                                       const struct record *r),
                     void *context)
{
    struct directory *d = directory_of(ix, base);

    if (!ix->directory)
        return 0;
    for (uint32_t at = directory_slot(d, cursor), n; at < directory_slots(d); at += n) {
        struct bucket *buckets = slot_segment(base, d->slots[at]);
        struct segment *segment = &segments_of(d)[at = group_first(d, buckets, at)];
        uint64_t earliest = INDEX_NEVER;
        struct walk w;

        n = group_size(d, buckets);
        if (segment->earliest_ms > now_ms)
            continue;
        walk_begin(&w, base, d->slots[at]);
        for (slab_ref ref; (ref = walk_next(&w, base));) {
            const struct record *r = slab_at(base, ref);
            struct place place = place_of(&w, d, at, record_hash(r));
            uint64_t ends_ms = visit(context, &place, r);

            if (ends_ms < earliest)
                earliest = ends_ms;
        }
        segment->earliest_ms = earliest;
        return cursor_after(d, at, n);
    }
    return 0;
}

uint64_t index_earliest(const struct index *ix, uint8_t *base)
{
    struct directory *d = directory_of(ix, base);
    uint64_t earliest = INDEX_NEVER;

    if (!ix->directory)
        return INDEX_NEVER;
    for (uint32_t at = 0; at < directory_slots(d);) {
        if (segments_of(d)[at].earliest_ms < earliest)
            earliest = segments_of(d)[at].earliest_ms;
        at += group_size(d, slot_segment(base, d->slots[at]));
    }
    return earliest;
}

void index_sample(struct index *ix, uint8_t *base, uint64_t chance, uint32_t want,
                  void (*visit)(void *context, const struct place *place, const struct record *r),
                  void *context)
{
    struct directory *d = directory_of(ix, base);
    uint64_t bucket = chance;
    uint32_t seen = 0;

    if (!ix->directory)
        return;

    /* Once around; the segment where it began comes a second time, for the buckets before. */
    for (uint32_t at = directory_slot(d, chance), passed = 0, n;
         seen < want && passed <= directory_slots(d); passed += n, bucket = 0) {
        struct bucket *buckets = slot_segment(base, d->slots[at]);
        struct walk w = {.buckets = buckets, .count = slot_buckets(d->slots[at])};

        walk_enter(&w, bucket & (w.count - 1), base);
        for (slab_ref ref; seen < want && (ref = walk_next(&w, base)); seen++) {
            const struct record *r = slab_at(base, ref);
            struct place place = place_of(&w, d, at, record_hash(r));

            visit(context, &place, r);
        }
        n = group_size(d, buckets);
        at = (group_first(d, buckets, at) + n) & (directory_slots(d) - 1);
    }
}

/* Copies a segment out of a run that is being emptied. */
static void move_segment(struct directory *d, struct slab *slab, uint32_t first)
{
    uint32_t old = d->slots[first], slot;
    struct bucket *from = slot_segment(slab_base(slab), old);

    if (!slab_sparse(slab, old & ~7u) || segment_new(slab, old & 7, depth_of(from), &slot) != MR_OK)
        return;
    memcpy(slot_segment(slab_base(slab), slot), from, slot_buckets(old) * sizeof *from);
    publish(d, first, group_size(d, from), slot);
    slab_retire(slab, old & ~7u);
}

uint64_t index_move(struct index *ix, struct slab *slab, uint64_t cursor,
                    slab_ref (*move)(void *context, const struct record *r, slab_ref ref),
                    void *context)
{
    uint8_t *base = slab_base(slab);
    struct directory *d = directory_of(ix, base);
    struct walk w;

    if (!ix->directory)
        return 0;
    uint32_t at = directory_slot(d, cursor);

    at = group_first(d, slot_segment(base, d->slots[at]), at);
    move_segment(d, slab, at);
    walk_begin(&w, base, d->slots[at]);
    for (slab_ref ref, copy; (ref = walk_next(&w, base));) {
        if (!slab_sparse(slab, ref) || !(copy = move(context, slab_at(base, ref), ref)))
            continue;
        store_release_32(&w.buckets[w.at].refs[w.slot], copy);
        slab_retire(slab, ref);
    }
    return cursor_after(d, at, group_size(d, w.buckets));
}

/* ---- checking ------------------------------------------------------------------------------- */

static uint32_t check_segment(uint8_t *base, uint32_t slot)
{
    uint32_t overflow[INDEX_BUCKETS_MAX] = {0}, used = 0;
    struct walk w;

    walk_begin(&w, base, slot);
    for (slab_ref ref; (ref = walk_next(&w, base)); used++) {
        const struct record *r = slab_at(base, ref);
        uint64_t hash = record_hash(r);

        check(tag_at(&w.buckets[w.at], w.slot) == index_tag(hash));
        for (uint32_t i = hash & (w.count - 1); i != w.at; i = (i + 1) & (w.count - 1))
            overflow[i]++;
    }
    for (uint32_t i = 0; i < w.count; i++)
        check(index_overflow(w.buckets[i].tags_high) == overflow[i]);
    return used;
}

void index_check(const struct index *ix, uint8_t *base, uint64_t entries)
{
    struct directory *d = directory_of(ix, base);
    uint64_t found = 0;
    uint32_t buckets_found = 0, n;

    for (uint32_t at = 0; ix->directory && at < directory_slots(d); at += n) {
        struct bucket *buckets = slot_segment(base, d->slots[at]);
        struct walk w;

        n = group_size(d, buckets);
        check(depth_of(buckets) <= d->bits);
        check(at % n == 0);
        for (uint32_t i = at; i < at + n; i++)
            check(d->slots[i] == d->slots[at]);
        check(segments_of(d)[at].used == check_segment(base, d->slots[at]));
        walk_begin(&w, base, d->slots[at]);
        for (slab_ref ref; (ref = walk_next(&w, base));) {
            struct data key = record_key(slab_at(base, ref));
            uint64_t hash = key_hash(&key);

            check(group_first(d, buckets, directory_slot(d, hash)) == at);
            check(index_find(ix, base, hash, &key) == slab_at(base, ref));
        }
        found += segments_of(d)[at].used;
        buckets_found += slot_buckets(d->slots[at]);
    }
    check(found == entries);
    check(!ix->directory || buckets_found == d->buckets);
}
