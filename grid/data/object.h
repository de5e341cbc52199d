/* object.h - what all things have in common that clients name: a kind, a name, a partition.
 *
 * A queue, a list, a set and a ringbuffer live whole in the partition of their name; a map and
 * what is made of maps has a share in each partition. Every such struct begins with this one.
 *
 *     object_lock(o, waiter)     an operation begins: the partition's lock, out of any waiting
 *       ... changes, object_tell
 *     object_unlock(o)
 *
 * An object is made when it is first opened and stays until the member ends, so whoever has found
 * one may keep it. Destroying one empties it and hides it, until it is opened again; operations
 * that were waiting in it learn that it was destroyed.
 *
 * Whoever calls an operation is inside an epoch section, and data in the answer is good until it
 * leaves that. Where memory is short, the section may be left and entered again (object_make_room),
 * so data of earlier answers is not good any more after an operation that adds.
 */
#ifndef GRID_DATA_OBJECT_H
#define GRID_DATA_OBJECT_H

#include "grid/data/watcher.h"
#include "grid/op/wait.h"

enum object_kind {
    OBJECT_MAP,
    OBJECT_MULTIMAP,
    OBJECT_REPLICATED_MAP,
    OBJECT_QUEUE,
    OBJECT_LIST,
    OBJECT_SET,
    OBJECT_RINGBUFFER,
    OBJECT_TOPIC,
    OBJECT_RELIABLE_TOPIC, /* its messages are in a ringbuffer of its clients' making */
    OBJECT_FLAKE_ID,
    OBJECT_PN_COUNTER,
    OBJECT_KINDS
};

/* Is given values one after the other; under the lock: it only copies, or notes where they are. */
typedef void (*value_visit)(void *context, const struct data *value);

struct object {
    struct object *next; /* with the same bits of the hash; only grows */
    enum object_kind kind;
    char *name;
    uint32_t name_size;
    uint64_t hash;      /* of kind and name */
    uint32_t open;      /* 0: destroyed; any thread may look */
    uint32_t partition; /* of its name */
    struct partitions *partitions;
    uint32_t value_max; /* bytes of one value */
    struct watchers watchers;
};

/* MR_ERR_MEMORY. */
mr_rc_t object_init(struct object *o, enum object_kind kind, const char *name,
                    struct partitions *ps);
void object_deinit(struct object *o);

static inline struct partition *object_partition(const struct object *o)
{
    return &o->partitions->at[o->partition];
}

/* The partition's lock, and the waiter (or NULL) out of where it waited. It may have been woken:
 * if the operation leaves something that others sleep for, it wakes one. MR_ERR_DESTROYED: it
 * waited in something that was destroyed; there is no lock then. */
mr_rc_t object_lock(struct object *o, struct waiter *w);

static inline void object_unlock(struct object *o)
{
    partition_unlock(object_partition(o));
}

/* Under the lock: the operation sleeps, or, without a waiter, is answered MR_ERR_BUSY. */
mr_rc_t object_wait(struct object *o, struct waits *waits, struct waiter *w);

/* Under the lock: an item was added or removed. */
void object_tell(struct object *o, enum object_event_kind kind, const struct data *value);

/* Without the lock, when a change has found no room: may it fit now? `try` counts from 0. Leaves
 * the caller's epoch section for a moment, so that what is retired can come free. */
bool object_make_room(struct object *o, uint32_t try);

#endif
