/* index.h - from a key's hash to its record: one writer at a time, readers without locks.
 *
 *     hash     │ directory bits ... │        tag (8) │ bucket (6) │
 *
 *     directory  slot 0 ──▶ segment A              a segment: 1 .. 64 buckets, and where it is
 *                slot 1 ──▶ segment A              split, a bit more of the hash tells its
 *                slot 2 ──▶ segment B              halves apart
 *                slot 3 ──▶ segment C
 *
 *     bucket     │ 12 tags │ overflow │ 12 refs │             64 bytes, one cache line
 *
 * A look-up reads the directory (hot: 4 bytes per some 600 entries), one bucket, and the records
 * whose 8-bit tag matches, nearly always just the right one. A key whose home bucket is full
 * stands in the next one; `overflow` counts, in each bucket, the keys that wanted to stand there
 * and had to go further, so a miss ends at the first bucket that nobody passed.
 *
 * It grows a segment at a time: a small one is copied to one of twice the buckets, a full-sized
 * one is split in two. No insert ever does more than that (some 70 us), whatever the table's
 * size. About 7 to 9 bytes per entry. A segment and the directory are blocks of the slab.
 *
 * Why reading needs no lock
 *
 * 1. A key that stays in the table during a whole look-up has one place during it: within a
 *    segment no entry ever moves. Replacing a value stores another ref in the same place.
 * 2. Insert stores the ref, then the overflow counts of the buckets it passes, then the tag, each
 *    with release; a reader loads a bucket's tags and count with acquire before its refs. So a
 *    tag that is seen has its ref, and a key that is seen as present was reachable before. The ref
 *    needs a release of its own: a reader may have seen the tag of the entry that stood there
 *    before, and then find the new record by it.
 * 3. Hence a key present throughout is found: its tag is set, its count on every bucket before
 *    it is not zero, at every moment of the look-up. Were the tags read in two words at
 *    different moments, the same holds for each word alone.
 * 4. A key that is found was present: the record compares equal, and its ref stood in a bucket
 *    of this table at a moment after the look-up began, or its tag did. In the second case the
 *    place may have been given to another record in between; the keys differ and the look-up
 *    goes on, having missed a key that was indeed removed meanwhile. A miss is right as soon as
 *    the key was absent at one moment of the look-up.
 * 5. Growing builds the new segments aside and publishes them in the directory with release. The
 *    old segment is never written again, so who still reads it sees the table as it was when the
 *    look-up loaded the directory's slot: a moment of the look-up.
 * 6. Nothing that was reachable is freed while a section is open: records, segments and
 *    directories are retired. A reader holds what it found until it leaves its section.
 * No version counter and no retry is needed: readers are wait-free. The one-writer rule is the
 * partition's lock.
 *
 * Scans go by segments in the order of the hash, so that a cursor is a hash: everything below it
 * has been visited. A split keeps that order, hence no entry that stays is missed or met twice.
 *
 * Threads: index_find, index_find_all, index_scan, index_bytes and the prefetches from any thread
 * inside an epoch section; all else by the one writer.
 */
#ifndef GRID_STORE_INDEX_H
#define GRID_STORE_INDEX_H

#include "grid/store/record.h"
#include "grid/store/slab.h"

enum {
    INDEX_SLOTS = 12,          /* entries per bucket */
    INDEX_BUCKETS_MAX = 64,    /* per segment */
    INDEX_DIRECTORY_BITS = 19, /* half a million segments, 300 million entries in one partition */
    INDEX_BATCH = 32           /* look-ups in flight at once; 16 is within 3 %, 64 no better */
};

#define INDEX_NEVER UINT64_MAX

struct bucket {
    uint64_t tags_low;  /* tags of slots 0 .. 7, slot 0 in the lowest byte; 0: free */
    uint64_t tags_high; /* tags of slots 8 .. 11; 16 bits: in bucket 0, depth; 16 bits: overflow */
    slab_ref refs[INDEX_SLOTS];
};

static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

/* What only the writer knows of a segment; kept at the first of its slots. Its depth, the bits of
 * hash that lead to it, stands in its bucket 0, where scans find it, and never changes. */
struct segment {
    uint64_t earliest_ms; /* no entry ends before this; INDEX_NEVER: none ends */
    uint32_t used;        /* entries */
};

/* Slots come first because readers want them; then one struct segment per slot. */
struct directory {
    uint32_t bits;
    uint32_t buckets; /* of all segments; read by any thread */
    uint32_t slots[]; /* a segment's ref, its low three bits the logarithm of its buckets */
};

struct index {
    slab_ref directory; /* 0: empty */
};

/* A place in the table, found by the writer and good until its next insert. What is known of its
 * segment is two cache lines away, and looked for only when it changes. */
struct place {
    struct directory *directory;
    uint32_t directory_slot;
    struct bucket *buckets; /* the segment's */
    uint32_t mask;          /* buckets - 1 */
    uint32_t home, at;      /* the bucket the key wants, and the one it has */
    uint32_t slot;          /* there */
};

/* ---- reading -------------------------------------------------------------------------------- */

static inline uint8_t index_tag(uint64_t hash)
{
    uint8_t tag = (uint8_t)(hash >> 8);

    return tag ? tag : 1;
}

/* Bit 8i + 7 of the result is set where byte i of word equals tag. Exact: no carry between
 * bytes, since each sum is below 256. */
static inline uint64_t index_match(uint64_t word, uint8_t tag)
{
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7fu;
    uint64_t differ = word ^ tag * 0x0101010101010101u;

    return ~(((differ & low7) + low7) | differ | low7);
}

/* The slots of a bucket whose tag this is, from its two words: a bit each, for index_slot. */
static inline uint64_t index_matches(uint64_t low, uint64_t high, uint8_t tag)
{
    return index_match(low, tag) | (index_match(high, tag) & 0xffffffffu) >> 4;
}

/* The slot of the lowest bit: 8i + 7 stands for slot i, 8i + 3 for slot 8 + i. */
static inline uint32_t index_slot(uint64_t matches)
{
    uint32_t bit = (uint32_t)__builtin_ctzll(matches);

    return bit / 8 + (bit & 4 ? 0 : 8);
}

static inline uint32_t index_overflow(uint64_t tags_high)
{
    return (uint32_t)(tags_high >> 48);
}

/* The directory slot of a hash; the shift is split so that no bits at all is fine. */
static inline uint32_t directory_slot(const struct directory *d, uint64_t hash)
{
    return (uint32_t)(hash >> 1 >> (63 - d->bits));
}

/* The segment of a hash: its first bucket, and its buckets - 1. NULL when the table is empty. */
static inline struct bucket *index_segment(const struct index *ix, uint8_t *base, uint64_t hash,
                                           uint32_t *ret_mask)
{
    slab_ref ref = load_acquire_32(&ix->directory);

    if (ref == 0)
        return NULL;
    struct directory *d = slab_at(base, ref);
    uint32_t slot = load_acquire_32(&d->slots[directory_slot(d, hash)]);

    *ret_mask = (1u << (slot & 7)) - 1;
    return slab_at(base, slot & ~7u);
}

/* The record with this key in a segment, and its bucket and slot there; or NULL. */
static inline const struct record *index_seek(const struct bucket *segment, uint32_t mask,
                                              uint8_t *base, uint64_t hash, const struct data *key,
                                              uint32_t *ret_at, uint32_t *ret_slot)
{
    uint8_t tag = index_tag(hash);

    for (uint32_t i = 0; i <= mask; i++) {
        const struct bucket *b = &segment[(hash + i) & mask];
        uint64_t low = load_acquire_64(&b->tags_low);
        uint64_t high = load_acquire_64(&b->tags_high);

        for (uint64_t match = index_matches(low, high, tag); match; match &= match - 1) {
            uint32_t slot = index_slot(match);
            const struct record *r = slab_at(base, load_acquire_32(&b->refs[slot]));

            if (!record_has_key(r, key))
                continue;
            *ret_at = (uint32_t)(hash + i) & mask;
            *ret_slot = slot;
            return r;
        }
        if (index_overflow(high) == 0)
            return NULL;
    }
    return NULL;
}

/* The record with this key, or NULL. */
static inline const struct record *index_find(const struct index *ix, uint8_t *base, uint64_t hash,
                                              const struct data *key)
{
    uint32_t mask, at, slot;
    const struct bucket *segment = index_segment(ix, base, hash, &mask);

    return segment ? index_seek(segment, mask, base, hash, key, &at, &slot) : NULL;
}

/* The two steps before index_find in a batch: fetch the bucket's line; then, when it has come,
 * the line of the first record whose tag matches. */
static inline const struct bucket *index_prefetch_bucket(const struct index *ix, uint8_t *base,
                                                         uint64_t hash)
{
    uint32_t mask;
    const struct bucket *segment = index_segment(ix, base, hash, &mask);

    if (!segment)
        return NULL;
    segment += hash & mask;
    __builtin_prefetch(segment);
    return segment;
}

static inline void index_prefetch_record(const struct bucket *b, uint8_t *base, uint64_t hash)
{
    uint64_t match = index_matches(load_acquire_64(&b->tags_low), load_acquire_64(&b->tags_high),
                                   index_tag(hash));

    if (!match)
        return;
    const uint8_t *r = slab_at(base, load_acquire_32(&b->refs[index_slot(match)]));

    __builtin_prefetch(r);
    __builtin_prefetch(r + 64);
}

/* Calls visit for the entries of at least one segment, from cursor on, until `want` have been
 * visited (a whole segment, some 650 at most, is never left half done). Returns the cursor to go
 * on with, 0 when everything has been visited; the first call is made with 0. */
uint64_t index_scan(const struct index *ix, uint8_t *base, uint64_t cursor, uint32_t want,
                    void (*visit)(void *context, const struct record *r), void *context);

/* The records whose keys have this hash, nearly always one or none: keys of two kinds may have the
 * same bytes. Gives at most `room` of them and returns how many. */
uint32_t index_find_all(const struct index *ix, uint8_t *base, uint64_t hash,
                        const struct record **ret, uint32_t room);

/* Bytes of its segments and directory. */
uint64_t index_bytes(const struct index *ix, uint8_t *base);

/* ---- writing -------------------------------------------------------------------------------- */

/* The record with this key and where it stands, or NULL; then it stands nowhere. */
const struct record *index_place(struct index *ix, uint8_t *base, uint64_t hash,
                                 const struct data *key, struct place *ret_place);

/* Makes room for one entry more with this hash: after it, index_insert cannot fail. Errors as
 * slab_alloc; MR_ERR_FULL too if more than 300 million entries stand in this index. */
mr_rc_t index_reserve(struct index *ix, struct slab *slab, uint64_t hash);

/* Inserts a key that is not there. ends_ms: the entry does not end before, INDEX_NEVER: never. */
void index_insert(struct index *ix, uint8_t *base, uint64_t hash, slab_ref ref, uint64_t ends_ms);

/* Puts another record in the place; returns the ref of the old one, which the caller retires. */
slab_ref index_replace(const struct place *place, slab_ref ref, uint64_t ends_ms);

/* Takes the entry out; returns its ref, which the caller retires. */
slab_ref index_remove(const struct place *place);

/* Takes everything out and retires it, `entries` records, segments and directory.
 * MR_ERR_MEMORY: nothing has changed. */
mr_rc_t index_clear(struct index *ix, struct slab *slab, uint64_t entries);

/* The segment after `cursor` in hash order whose earliest_ms has come, visiting each of its
 * entries' places; visit may remove the entry, and returns when it ends otherwise, INDEX_NEVER
 * when it does not or is gone, from which earliest_ms is computed anew. Returns the
 * cursor to go on with, 0: done. */
uint64_t index_sweep(struct index *ix, uint8_t *base, uint64_t cursor, uint64_t now_ms,
                     uint64_t (*visit)(void *context, const struct place *place,
                                       const struct record *r),
                     void *context);

/* The smallest earliest_ms of all segments: nothing ends before it. */
uint64_t index_earliest(const struct index *ix, uint8_t *base);

/* Visits the entries of the bucket that `chance` points at and of those after it, and begins again
 * at the front, until `want` have been visited or there are no more; some may be visited twice
 * where there are few. visit must not change anything. */
void index_sample(struct index *ix, uint8_t *base, uint64_t chance, uint32_t want,
                  void (*visit)(void *context, const struct place *place, const struct record *r),
                  void *context);

/* Moves segments that stand in runs marked sparse, and calls move for each record that does; it
 * returns the copy's ref, or 0 to leave it. One segment per call; cursor as in index_scan. */
uint64_t index_move(struct index *ix, struct slab *slab, uint64_t cursor,
                    slab_ref (*move)(void *context, const struct record *r, slab_ref ref),
                    void *context);

/* Checks every invariant against `entries`; for tests. */
void index_check(const struct index *ix, uint8_t *base, uint64_t entries);

#endif
