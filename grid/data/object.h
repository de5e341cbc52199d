/* object.h - what all things have in common that clients name: a kind, a name, a partition.
 *
 * A queue, a list, a set and a ringbuffer live whole in the partition of their name; a map and
 * what is made of maps has a share in each partition. Every such struct begins with this one.
 *
 *     object_lock(o, waiter)     an operation begins: the partition's lock, out of any waiting
 *       ... object_change, which does it, here and in all copies
 *     object_unlock(o)
 *
 * What asks only begins with object_look. Where other members have copies, an answer rests on what
 * it has seen: it is given when that is committed (grid/op/early.h). Watchers are told then, too.
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

#include "grid/data/change.h"
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

struct object;

/* What a kind of objects that lie whole in a partition can do, under its lock. */
struct object_copy {
    /* The change. MR_ERR_FULL, MR_ERR_MEMORY: nothing has changed. MR_ERR_ARGUMENT: there is no
     * such place. */
    mr_rc_t (*apply)(struct object *o, const struct change *x);
    /* Gives changes that make what an empty one has to be to be like it. */
    void (*image)(struct object *o, void (*give)(void *context, const struct change *x),
                  void *context);
    void (*wake)(struct object *o); /* all who wait in it; NULL: nobody does */
};

struct object {
    struct object *next; /* with the same bits of the hash; only grows */
    enum object_kind kind;
    char *name;
    uint32_t name_size;
    uint64_t hash;      /* of kind and name */
    uint32_t open;      /* 0: destroyed; any thread may look */
    uint32_t partition; /* of its name */
    struct partitions *partitions;
    const struct object_copy *copy; /* NULL: of nothing that it has */
    struct object *beside;          /* the next one with copies in the same partition */
    uint64_t seq;                   /* of its last change, where there are copies */
    uint32_t value_max;             /* bytes of one value */
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

/* May operations be run here? MR_PENDING: soon, w waits (NULL: MR_ERR_MOVED). MR_ERR_MOVED,
 * MR_ERR_OFFLINE. Without the lock. */
mr_rc_t object_is_here(struct object *o, struct waiter *w);

/* The partition's lock, and the waiter (or NULL) out of where it waited. It may have been woken:
 * if the operation leaves something that others sleep for, it wakes one. MR_ERR_DESTROYED: it
 * waited in something that was destroyed; and the errors of object_is_here; there is no lock
 * then. */
mr_rc_t object_lock(struct object *o, struct waiter *w);

/* The lock, to look only: also where another member is primary by now, which is found out when the
 * answer is to be given. */
void object_look(struct object *o);

static inline void object_unlock(struct object *o)
{
    partition_unlock(object_partition(o));
}

/* Under the lock: the operation sleeps, or, without a waiter, is answered MR_ERR_BUSY. */
mr_rc_t object_wait(struct object *o, struct waits *waits, struct waiter *w);

/* Under the lock that object_lock has given: does it, and has it done by all who have copies.
 * MR_ERR_FULL, MR_ERR_MEMORY, MR_ERR_MOVED: nothing has changed. */
mr_rc_t object_change(struct object *o, const struct change *x);

/* Under the lock, while or after the change is done: an item was added or removed. Copies are
 * silent. */
void object_tell(struct object *o, enum object_event_kind kind, const struct data *value);

/* Without the lock, when a change has found no room: may it fit now? `try` counts from 0. Leaves
 * the caller's epoch section for a moment, so that what is retired can come free. */
bool object_make_room(struct object *o, uint32_t try);

#endif
