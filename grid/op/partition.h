/* partition.h - the parts a member's data is cut into: a lock, a change number, a slab each.
 *
 * A partition belongs to no thread. Reading needs nothing from here. Who changes something holds
 * the partition's lock for the moment it takes: never over I/O, a wait, or another partition's
 * lock. There are many partitions and few threads, so the lock is nearly always free.
 *
 *     partition 0 ┐                 a group shares a slab: enough slabs that writers seldom meet
 *     partition 4 ├──▶ slab 0       at a slab's lock, few enough that small members stay small
 *     partition 8 ┘
 *
 * A thread of its own keeps a chunk of memory ready in each slab (slab_prepare), since that waits
 * for the kernel, which neither a put nor a loop should.
 *
 * Lock order: a partition's lock, then a slab's. Never two of a kind.
 */
#ifndef GRID_OP_PARTITION_H
#define GRID_OP_PARTITION_H

#include <pthread.h>

#include "grid/store/slab.h"
#include "net/base/thread.h"

enum { PARTITION_SLABS_MAX = 16 };

struct copies; /* copies.h */
struct reach;  /* grid/door/reach.h */

struct partition {
    pthread_mutex_t lock;
    uint64_t changes; /* the number of the last change; entries' versions are these */
    struct slab *slab;
    struct copies *copies; /* NULL: this member has no others */
} __attribute__((aligned(64)));

struct partitions {
    struct partition *at;
    uint32_t count;
    struct account account;
    struct slab *slabs[PARTITION_SLABS_MAX];
    uint32_t slab_count;
    uint64_t identity; /* drawn at the start: what tells these partitions from any others */

    uint64_t *serves;    /* by partition: the reign of this member, 0: it has none; NULL: always */
    uint64_t *primaries; /* by partition: the member that has it, by incarnation; any thread */
    uint64_t self;       /* this member's own, when there may be others */
    uint64_t lease_until_ns; /* what it may be read, on clock_ns(); any thread */
    struct reach *reach;     /* to the others, for the program that this is embedded in. It stands
                              * here for who has found out that a key is not; NULL: none */

    struct thread preparer;
    pthread_mutex_t prepare_lock; /* under a slab's lock; nothing is locked under it */
    pthread_cond_t prepare_wanted;
    bool wanted, stopping, preparing;
};

/* memory_max in bytes, 0: no ceiling. MR_ERR_MEMORY, MR_ERR_SYSTEM: nothing is left behind. */
mr_rc_t partitions_start(struct partitions *ps, uint32_t count, uint64_t memory_max);

/* Stops the thread and frees all slabs. Also for one that was zeroed and never started. */
void partitions_stop(struct partitions *ps);

/* ---- reading, any thread -------------------------------------------------------------------- */

bool partitions_may_read_shared(const struct partitions *ps, uint32_t partition, uint64_t reign);

/* Before something is read in a partition: what partitions_may_read has to be told after it. 0: it
 * is not served here. */
static inline uint64_t partitions_reign(const struct partitions *ps, uint32_t partition)
{
    return ps->serves ? load_acquire_64(&ps->serves[partition]) : 1;
}

/* May what was read be shown? Asked afterwards, so that no pause between the two can hurt: this
 * member was still primary when it was read, and under its lease. */
static inline bool partitions_may_read(const struct partitions *ps, uint32_t partition,
                                       uint64_t reign)
{
    return !ps->serves || partitions_may_read_shared(ps, partition, reign);
}

/* A share is some of the partitions, a bit for each; NULL: all of them. */
static inline bool share_has(const uint8_t *share, uint32_t partition)
{
    return !share || (share[partition / 8] >> partition % 8 & 1) != 0;
}

/* Are all of a share served here? Whoever then goes through it has to look at each one again. */
static inline bool partitions_serve(const struct partitions *ps, const uint8_t *share)
{
    for (uint32_t i = 0; ps->serves && i < ps->count; i++)
        if (share_has(share, i) && partitions_reign(ps, i) == 0)
            return false;
    return true;
}

/* ---- changing ------------------------------------------------------------------------------- */

static inline void partition_lock(struct partition *p)
{
    pthread_mutex_lock(&p->lock);
}

static inline void partition_unlock(struct partition *p)
{
    pthread_mutex_unlock(&p->lock);
}

/* The number of the slab that has a partition's blocks. */
static inline uint32_t partitions_slab_of(const struct partitions *ps, uint32_t partition)
{
    return partition % ps->slab_count;
}

struct slab_stats partitions_memory(struct partitions *ps);

/* slab_reclaim of every slab. Returns retired bytes left. */
uint64_t partitions_reclaim(struct partitions *ps);

#endif
