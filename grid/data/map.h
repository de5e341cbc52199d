/* map.h - what a map means: what each request does to an entry, who is told, what makes room.
 *
 * A map is a store in every partition, and the rules it was configured with. A request about a
 * key is answered where the key's partition is:
 *
 *     read      no lock: find the record, that is all
 *     change    under the partition's lock: find the record ─▶ decide ─▶ write or erase
 *                                           ─▶ count ─▶ journal, from which listeners are told
 *
 * decide() is the whole meaning of put, replace, remove and the rest, without a store in sight.
 *
 * When there is no room a change fails with MR_ERR_FULL and has changed nothing; map_make_room
 * then takes out what has ended, or gives up entries if the map's rules allow, and the change is
 * tried again. This happens outside the partition's lock and outside of epoch sections, because
 * the memory of what was given up is free only when no section that could see it is open.
 *
 * A locked key (lock.h) is its owner's alone to change; others wait or are refused. Such an entry
 * is not evicted, not cleared, and does not end while it is locked. Reading asks no lock.
 *
 * Threads: reads from any thread inside an epoch section; map_change under its partition's lock
 * and inside a section; the rest as each says.
 */
#ifndef GRID_DATA_MAP_H
#define GRID_DATA_MAP_H

#include <assert.h>

#include "grid/data/invalidation.h"
#include "grid/data/lock.h"
#include "grid/data/watcher.h"
#include "grid/op/partition.h"
#include "grid/op/wait.h"
#include "grid/query/index.h"
#include "grid/store/journal.h"
#include "grid/store/store.h"
#include "net/base/metric.h"
#include "net/base/rand.h"
#include "net/request.h"

/* What the configuration says of a map. */
struct map_rules {
    uint64_t ttl_ms, idle_ms;        /* 0: for ever */
    uint64_t entries_max, bytes_max; /* UINT64_MAX: no limit */
    enum eviction eviction;
    uint32_t journal_capacity;   /* events per partition; 0: only what listeners need */
    uint32_t in_sync_min;        /* copies that a write must reach; 0 or 1: its own is enough */
    uint32_t key_max, value_max; /* bytes */
};

enum map_count {
    COUNT_HITS, /* a read counts as one of these two, so as to count once */
    COUNT_MISSES,
    COUNT_PUTS,
    COUNT_REMOVES,
    COUNT_EVICTIONS,
    COUNT_EXPIRATIONS,
    COUNT_UPDATES,
    MAP_COUNTS
};

struct listener; /* listener.h */

enum { LISTENERS_MAX = 1024 }; /* of one map */

/* A map's share of one partition. */
struct map_part {
    struct store store;
    struct journal *journal; /* NULL: nobody wants to know */
    uint32_t marked;         /* listeners have something to hear; any thread */
} __attribute__((aligned(64)));

static_assert(sizeof(struct map_part) == 64, "the shares of a map that is read stay in the cache");

struct map {
    struct map *next;    /* in the member's list, which only grows */
    const char *kind;    /* a literal: what it holds the data of */
    uint8_t object_kind; /* the same, enum object_kind */
    char *name;
    struct map_rules rules;
    struct partitions *partitions;
    struct metrics *metrics;
    struct map_part *parts; /* partitions->count of them */
    struct locks *locks;    /* as many; NULL: no key was ever locked */
    struct waits *readers;  /* as many: who wants the next event of a journal; NULL: it has none */
    struct map_indexes indexes;    /* of attributes, for queries */
    struct account entries, bytes; /* against the rules; not kept when there is no limit */
    struct counter *counts[MAP_COUNTS];
    struct watchers *watchers; /* of its object; NULL: it has none */
    struct invalidation invalidation;
    uint32_t home; /* the partition of its name */
    uint32_t
        may_end; /* some entry or lock may have had a time to end; never back to 0. Any thread */

    pthread_mutex_t listeners_lock;
    struct listener *listeners;
    uint32_t listening;             /* how many, readable by writers */
    uint32_t deliver_next;          /* the partition to be looked at next; the events loop's */
    void (*changed)(void *context); /* wakes who delivers to the listeners; any thread */
    void *changed_context;
};

/* kind is a literal, and the label that the name bears in metrics. MR_ERR_MEMORY, and what metrics
 * say of the name. */
mr_rc_t map_new(struct partitions *ps, struct metrics *metrics, const char *kind, const char *name,
                const struct map_rules *rules, struct map **ret_map);

/* The entries go with the slabs. Nobody uses it any more. NULL is fine. */
void map_free(struct map *m);

/* The locks of a partition; NULL: the map has none. Any thread. */
static inline struct locks *map_locks(const struct map *m, uint32_t partition)
{
    struct locks *all = load_acquire_ptr((void *const *)&m->locks);

    return all ? &all[partition] : NULL;
}

/* Is any key of the partition locked? A hint without its lock. */
static inline bool map_any_locked(const struct map *m, uint32_t partition)
{
    const struct locks *locks = map_locks(m, partition);

    return locks && locks_any(locks);
}

/* From now on the keeper looks what has ended. */
static inline void map_note_end(struct map *m)
{
    if (!load_relaxed_32(&m->may_end))
        store_relaxed_32(&m->may_end, 1);
}

/* The entry of a key that is locked, although its time has come; else NULL. Takes the lock. */
const struct record *map_find_held(struct map *m, uint32_t partition, const struct data *key);

/* The entry of a key, to a reader. */
static inline const struct record *map_find(struct map *m, uint32_t partition, uint64_t hash,
                                            const struct data *key)
{
    const struct record *r = store_get(&m->parts[partition].store, hash, key);

    return r || !map_any_locked(m, partition) ? r : map_find_held(m, partition, key);
}

/* A request that reads. Inline, because it is a few nanoseconds in all. */
static inline mr_rc_t map_read(struct map *m, uint32_t partition, const struct map_request *q,
                               struct map_answer *ret_a)
{
    uint64_t reign = partitions_reign(m->partitions, partition);
    const struct record *r = map_find(m, partition, key_hash(&q->key), &q->key);

    if (__builtin_expect(!partitions_may_read(m->partitions, partition, reign), 0))
        return MR_ERR_MOVED;
    if (!r) {
        counter_add(m->counts[COUNT_MISSES], 1);
        *ret_a = (struct map_answer){0};
        return MR_NOT_FOUND;
    }
    counter_add(m->counts[COUNT_HITS], 1);
    *ret_a = (struct map_answer){true, record_value(r), record_version(r)};
    return MR_OK;
}

/* Many at once: ret[i] is the record of keys[i], NULL when it is absent. 1 to MAP_MANY of them.
 * MR_ERR_MOVED: one of them is not served here. */
enum { MAP_MANY = 64 };
mr_rc_t map_read_many(struct map *m, const struct data *keys, uint32_t n,
                      const struct record **ret);

/* A request that changes. MR_PENDING, MR_ERR_BUSY: another has locked the key, or the partition is
 * not served yet. MR_ERR_MOVED, MR_ERR_OFFLINE: not here. MR_ERR_FULL: *ret_a
 * has the value that found no room, and says whether there is one for the key; make room and try
 * again. */
mr_rc_t map_change(struct map *m, uint32_t partition, const struct map_request *q,
                   struct map_answer *ret_a);

/* ---- what has been agreed with others, under the partition's lock ---------------------------- */

struct effect;

/* Changes the store as it says, unless what is there is newer. Dies without any memory at all. */
void map_apply(uint32_t partition, struct effect *e);

/* An entry of a copy that is being made; nobody is told. */
void map_restore(uint32_t partition, const struct effect *e);

/* The lock of a key as it says; those that are held; wakes all who wait for one; lets all go. */
void map_lock_restore(uint32_t partition, const struct effect *e);
void map_locks_each(struct map *m, uint32_t partition,
                    void (*give)(void *context, const struct data *key,
                                 const struct lock_state *state),
                    void *context);
void map_locks_wake(struct map *m, uint32_t partition);
void map_locks_forget(struct map *m, uint32_t partition);

/* The partition's share begins anew, empty; nobody is told. */
void map_wipe(struct map *m, uint32_t partition);

/* The map's limits are for what this member is primary of: from now on for this share, or not. */
void map_count_part(struct map *m, uint32_t partition, bool counts);

/* The effect was charged to them, and will perhaps not be applied here. */
void map_uncharge(struct effect *e);

/* Does every record note its use? */
static inline bool map_touches(const struct map *m)
{
    return m->parts->store.touch != TOUCH_NEVER;
}

/* ---- room ----------------------------------------------------------------------------------- */

/* What a change wants that found no room. */
struct room {
    uint32_t entries; /* 0: it changes one that is there */
    uint64_t bytes;
};

/* The bytes of the record that MAP_PUT will write, with this time to live. */
static inline uint32_t map_put_size(const struct map *m, int64_t ttl_ms, const struct data *key,
                                    const struct data *value)
{
    const struct lifetime life = {ttl_ms == TIME_DEFAULT ? m->rules.ttl_ms : (uint64_t)ttl_ms,
                                  m->rules.idle_ms};
    uint8_t flags = record_flags(life, map_touches(m));

    return record_size(flags, key->size, value->size);
}

/* Makes room for a change in `partition`: gives up entries of so many bytes, one at least, if the
 * rules allow, else takes out what has ended; frees what readers have left; and if all that gives
 * nothing, gives up events that nobody has read. MR_OK: it may fit now, or as soon as readers have
 * moved on. MR_ERR_FULL: there is nothing to give up. Called without a lock; in an open section it
 * helps against the map's own limits only. */
mr_rc_t map_make_room(struct map *m, uint32_t partition, struct room room, struct rand *chance);

/* Takes everything out that is served here and not locked, partition by partition; takes their
 * locks. MR_ERR_MEMORY: some may be cleared. */
mr_rc_t map_clear(struct map *m);

/* The same of a share of the partitions, told as JOURNAL_CLEARED or JOURNAL_EVICTED_ALL.
 * MR_ERR_MOVED: some of it is not served here, and some may be cleared. */
mr_rc_t map_clear_share(struct map *m, const uint8_t *share, enum journal_kind told);

/* The same, but nobody is told except clients with copies: how many have gone is for whoever has
 * given the shares out, who tells it once (map_tell_cleared), be it primary of anything or not. */
mr_rc_t map_clear_some(struct map *m, const uint8_t *share, uint64_t *ret_cleared);
void map_tell_cleared(struct map *m, enum journal_kind told, uint64_t cleared);

/* Locks of keys; answers as in lock.h, and MR_ERR_TOO_LARGE, MR_ERR_MOVED, MR_ERR_OFFLINE. Take the
 * partition's lock. Forced: MR_NOT_FOUND: nobody held it. */
mr_rc_t map_lock(struct map *m, const struct lock_request *q);
mr_rc_t map_unlock(struct map *m, const struct lock_request *q);
mr_rc_t map_force_unlock(struct map *m, const struct data *key);

/* Is the key locked, and by whom? MR_OK, MR_NOT_FOUND, MR_ERR_MOVED, MR_ERR_OFFLINE. */
mr_rc_t map_is_locked(struct map *m, const struct data *key, struct owner *ret_owner);

/* Releases what a client holds, after it has gone; or all locks. Takes the partitions' locks. */
void map_release_client(struct map *m, uint64_t client_high, uint64_t client_low);
void map_release_all(struct map *m);

/* Takes out what has ended in one partition, looking at some `budget` entries; takes its lock.
 * Returns true when all is done. */
bool map_sweep(struct map *m, uint32_t partition, uint64_t now_ms, uint32_t budget);

/* Makes a journal in each partition, so that there is something to listen to, and gives the
 * number of the next event in each. MR_ERR_MEMORY. */
mr_rc_t map_start_journals(struct map *m, uint64_t *ret_next);

/* Ends the journals that map_start_journals made for listeners only. */
void map_stop_journals(struct map *m);

/* Takes no lock: each number is right, but they are not of one moment. Entries are
 * those in partitions that are served here. */
void map_facts(struct map *m, struct map_facts *ret_facts);

/* Checks every invariant, under each partition's lock; for tests. */
void map_check(struct map *m);

#endif
