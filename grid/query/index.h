/* index.h - finding a map's entries by what their attributes say.
 *
 * An index is an ordered set of rows in each partition (tree.h), one row an entry:
 *
 *     SORTED    │ key of attribute 1 │ key of attribute 2 │ .. │ hash of the entry's key │
 *     HASH      │ hash of all attributes' keys                 │ hash of the entry's key │
 *
 * The key of an attribute is 16 bytes in the order of its values: the class of the value, the first
 * eleven bytes of what it is, and for texts and the like 32 bits of a hash of all of it. Numbers of
 * every width have the key of the nearest double. So a key says somewhat less than the value: equal
 * values have equal keys, a smaller value has no larger key. What an index finds is what can match,
 * and whoever asks looks at the entry itself: the answer does not depend on keys being exact, only
 * its price does.
 *
 * A row names its entry by the hash of the entry's key, not by where the record is. Hence a row
 * changes only when an attribute does: not when another field is written, not when a record is
 * moved to pack memory. Who has found a row asks the store for what is there now. Two keys may have
 * one hash, and if their attributes are equal, one row stands for both: it is taken out only when
 * no other entry with that hash needs it, which the store is asked then.
 *
 * Why a search misses nothing. Rows change under the partition's lock, together with the entry
 * (map.c), and a search reads all rows of its ranges under one hold of the lock. An entry that
 * matches from before the search to behind it has, at that moment, a row in the ranges, whichever
 * of its values it is for. After the lock the entry is looked up and the whole predicate asked, so
 * what is given matched while the search ran.
 *
 * Why building misses nothing. A new index is filled in the order of the store's hashes, a segment
 * at a time, under the lock; in between, writers go on. `built` is the hash below which all entries
 * have rows: a writer of an entry below it keeps the row up to date, a writer of one above leaves
 * it alone, since the entry will be come by. A search uses the index when all partitions are built.
 *
 * A record whose schema is not known yet says nothing of its attributes. It gets the rows of nulls,
 * and its partition is marked blind: no search uses the index there any more, it scans.
 *
 * Memory: nodes are blocks of the partition's slab and count against max-memory. A change that
 * finds no room for its row fails with MR_ERR_FULL before anything has changed, like one that
 * finds no room for its record. An index that finds none while it is built stays without rows, and
 * is built when it is asked for again.
 *
 * Threads: map_index_add, and reading, from any thread; the others under the partition's lock.
 */
#ifndef GRID_QUERY_INDEX_H
#define GRID_QUERY_INDEX_H

#include <pthread.h>

#include "grid/query/expr.h"
#include "grid/query/tree.h"
#include "grid/store/store.h"

enum { MAP_INDEXES_MAX = 32, INDEX_ATTRIBUTES_MAX = 8 };

/* Numbers of the client protocol. */
enum index_type { INDEX_SORTED = 0, INDEX_HASH = 1, INDEX_BITMAP = 2 };

struct index_text {
    const char *at;
    uint32_t size;
};

/* As a client or a configuration says it. */
struct index_config {
    int32_t type;           /* enum index_type, believed when it is one */
    struct index_text name; /* may be empty */
    const struct index_text *attributes;
    uint32_t count;
};

/* An index's share of a partition. */
struct index_part {
    struct tree tree;
    uint64_t built; /* entries with smaller hashes have rows; UINT64_MAX: all have */
    bool blind;
    struct path_reader reader;
    bool changes;                  /* of the change that is being made: is the row another, */
    uint64_t next[TREE_WIDTH_MAX]; /* what will it be, */
    uint64_t last[TREE_WIDTH_MAX]; /* and what was it */
};

struct map_index {
    struct arena arena;
    const char *name;
    enum index_type type;
    uint32_t count;
    const struct path *attribute[INDEX_ATTRIBUTES_MAX];
    uint32_t width;           /* of a row */
    uint32_t ready;           /* all parts are built; any thread */
    struct index_part *parts; /* one per partition */
};

/* The indexes of a map; zero-initialised is none. */
struct map_indexes {
    struct map_index *at[MAP_INDEXES_MAX];
    uint32_t count;       /* any thread; only grows */
    pthread_mutex_t lock; /* adding */
};

struct map;

/* Adds an index, and fills it with what is there; returns when it is built. One with the same name
 * or with the same type and attributes that is there already is enough. One of type BITMAP, or of
 * an attribute with several values such as tags[any], is checked and not made: queries read
 * everything.
 * MR_ERR_ARGUMENT: an attribute that is wrong, a type that does not exist here, or a name that
 * another index has; err says which. MR_ERR_FULL: MAP_INDEXES_MAX, or no room for its rows.
 * MR_ERR_MEMORY. Outside of epoch sections and locks. */
mr_rc_t map_index_add(struct map *m, const struct index_config *config, mr_err_t *err);

void map_indexes_init(struct map_indexes *ixs);
void map_indexes_free(struct map_indexes *ixs, uint32_t partitions);

/* ---- for map.c, under the partition's lock --------------------------------------------------- */

/* Before an entry is written over `old`, or over nothing (NULL): makes its new rows ready. Errors
 * as slab_alloc; nothing has changed then. */
mr_rc_t map_indexes_prepare(struct map_indexes *ixs, uint32_t partition, uint64_t hash,
                            const struct data *key, const struct data *value,
                            const struct record *old);

/* After it has been written, with the same arguments. */
void map_indexes_written(struct map_indexes *ixs, uint32_t partition, const struct store *s,
                         uint64_t hash, const struct data *key, const struct record *old);

/* An entry goes; before or after it has been taken out of the store. */
void map_indexes_erased(struct map_indexes *ixs, uint32_t partition, const struct store *s,
                        const struct record *old);

void map_indexes_cleared(struct map_indexes *ixs, uint32_t partition);

static inline bool map_is_indexed(const struct map_indexes *ixs)
{
    return load_acquire_32(&ixs->count) > 0;
}

/* Every entry has its row, and every row an entry; for tests. */
void map_indexes_check(struct map_indexes *ixs, uint32_t partition, const struct store *s);

/* Bytes of all nodes in a partition. */
uint64_t map_indexes_bytes(struct map_indexes *ixs, uint32_t partition);

/* ---- for searches ---------------------------------------------------------------------------- */

struct row_range {
    uint64_t low[TREE_WIDTH_MAX], high[TREE_WIDTH_MAX];
};

/* What an index is to be asked for a condition. */
struct index_plan {
    const struct map_index *index;
    const struct row_range *ranges;
    uint32_t count;
};

/* Which indexes help with a condition, and what they are to be asked: at most MAP_INDEXES_MAX
 * plans, made in the arena. Everything that the condition is true of is in the ranges of each. */
uint32_t map_indexes_plan(const struct map_indexes *ixs, const struct expr *condition,
                          struct arena *arena, struct index_plan *ret_plans);

/* How many rows a plan finds in a partition, at most `most`; UINT64_MAX when it cannot be used
 * there. Under the lock. */
uint64_t index_plan_count(const struct index_plan *plan, uint32_t partition, uint64_t most);

/* Appends the hashes of the keys that a plan finds to `out`, one uint64_t each. Under the lock. */
void index_plan_gather(const struct index_plan *plan, uint32_t partition, struct sink *out);

#endif
