/* store.h - the entries of one map in one partition.
 *
 * An index over records in a slab, and what is counted about them. Readers work without a lock,
 * inside an epoch section; changes are made by whoever holds the partition's lock, one at a time:
 *
 *     store_locate   where is the key, and what is there now
 *     store_write    put a new record there        the old one is retired: it can still be
 *     store_erase    or take it out                read until the caller leaves its section
 *
 * A change either happens whole or fails before anything is different. An entry whose time has
 * come is absent to every reader from that millisecond on; its memory follows when store_sweep
 * passes, or when a writer meets it.
 *
 * The store knows neither cluster nor configuration: what a put means, who is told, and what to
 * do when memory is short is decided above (grid/data/map.c).
 */
#ifndef GRID_STORE_STORE_H
#define GRID_STORE_STORE_H

#include "grid/store/index.h"

struct store {
    struct index index;
    uint32_t touch; /* enum store_touch: what readers note in a record */
    uint8_t *base;  /* the slab's */
    struct slab *slab;
    uint64_t entries;     /* over ones included, until they are swept; read by any thread */
    uint64_t bytes;       /* blocks of records; read by any thread */
    uint64_t earliest_ms; /* no entry ends before this */
};

enum store_touch {
    TOUCH_NEVER,  /* only records that may idle out */
    TOUCH_COARSE, /* every record, within a tenth of a second: for least recently used */
    TOUCH_COUNT   /* every record, with a count of uses: for least frequently used */
};

/* A key's place, from store_locate to the change; ended by any other insert into the store. */
struct spot {
    uint64_t hash;
    const struct data *key;
    const struct record *old; /* NULL: absent */
    struct slab_ahead *ahead; /* memory for the change, from who makes several; NULL: none */
    struct place place;
};

/* The bytes that a record takes in memory. */
static inline uint32_t record_block(const struct record *r)
{
    return slab_block_size(record_size(r->key_kind, r->key_size, record_value_size(r)));
}

/* The bytes that a record of these can take at most. */
static inline uint32_t record_block_max(const struct data *key, const struct data *value)
{
    return slab_block_size(record_size(RECORD_EXPIRES | RECORD_TOUCHED, key->size, value->size));
}

void store_init(struct store *s, struct slab *slab, enum store_touch touch);

/* ---- any thread, inside an epoch section ---------------------------------------------------- */

/* The entry, or NULL when it is absent or its time has come. Notes the use if the store does. */
const struct record *store_get(const struct store *s, uint64_t hash, const struct data *key);

/* The same for many keys at once: ret[i] of keys[i] in stores[i], hashes[i] being its key_hash.
 * The cache misses of INDEX_BATCH look-ups overlap, which makes each several times cheaper than
 * one look-up after the other. */
void store_get_batch(struct store *const *stores, const struct data *keys, const uint64_t *hashes,
                     uint32_t n, const struct record **ret);

/* The entries whose keys have these hashes, found by an index and not by a key. visit is called for
 * each that is there and whose time has not come; uses are not noted. */
void store_find_hashes(const struct store *s, const uint64_t *hashes, uint64_t n,
                       void (*visit)(void *context, const struct record *r), void *context);

/* As index_scan, without entries whose time has come. Uses are not noted. */
uint64_t store_scan(const struct store *s, uint64_t cursor, uint32_t want,
                    void (*visit)(void *context, const struct record *r), void *context);

/* Bytes of the index: segments and directory. */
uint64_t store_index_bytes(const struct store *s);

/* ---- the holder of the partition's lock ----------------------------------------------------- */

void store_locate(struct store *s, uint64_t hash, const struct data *key, struct spot *ret_spot);

/* Writes a new record there. The sizes are within RECORD_KEY_MAX and RECORD_VALUE_MAX. After
 * it the spot is spent. MR_ERR_FULL, MR_ERR_MEMORY: nothing has changed. */
mr_rc_t store_write(struct store *s, struct spot *spot, const struct data *value,
                    struct lifetime life, uint64_t version);

/* Takes the entry out; it is there. MR_ERR_MEMORY: nothing has changed. */
mr_rc_t store_erase(struct store *s, const struct spot *spot);

/* Takes everything out. */
mr_rc_t store_clear(struct store *s);

/* Takes out all that does not stay, one by one; what is said not to stay goes for certain.
 * MR_ERR_MEMORY: some may be out. */
mr_rc_t store_clear_but(struct store *s, bool (*stays)(void *context, const struct record *r),
                        void *context);

/* Takes out entries whose time has come, segment by segment, until some `budget` entries have
 * been looked at. gone is told of each before it goes, and may keep it with false. Returns true
 * when nothing is left to do before earliest_ms. */
bool store_sweep(struct store *s, uint64_t now_ms, uint32_t budget,
                 bool (*gone)(void *context, const struct record *r), void *context);

enum eviction { EVICT_NONE, EVICT_LRU, EVICT_LFU, EVICT_RANDOM };

/* The entry to evict, of a sample that `chance` points at: one whose time has come, else the one
 * least recently or least often used; never one that stays (NULL: none does). False when there is
 * none. */
bool store_victim(struct store *s, enum eviction policy, uint64_t chance, uint64_t now_ms,
                  bool (*stays)(void *context, const struct record *r), void *context,
                  struct spot *ret_spot, struct data *ret_key);

/* Moves the records and segments of a part of the store out of sparse runs (slab.h). Returns the
 * cursor to go on with, 0: done. */
uint64_t store_move(struct store *s, uint64_t cursor);

/* Checks every invariant; for tests. */
void store_check(const struct store *s);

#endif
