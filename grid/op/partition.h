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

struct partition {
    pthread_mutex_t lock;
    uint64_t changes; /* the number of the last change; entries' versions are these */
    struct slab *slab;
} __attribute__((aligned(64)));

struct partitions {
    struct partition *at;
    uint32_t count;
    struct account account;
    struct slab *slabs[PARTITION_SLABS_MAX];
    uint32_t slab_count;
    uint64_t identity; /* drawn at the start: what tells these partitions from any others */

    struct thread preparer;
    pthread_mutex_t prepare_lock; /* under a slab's lock; nothing is locked under it */
    pthread_cond_t prepare_wanted;
    bool wanted, stopping, preparing;
};

/* memory_max in bytes, 0: no ceiling. MR_ERR_MEMORY, MR_ERR_SYSTEM: nothing is left behind. */
mr_rc_t partitions_start(struct partitions *ps, uint32_t count, uint64_t memory_max);

/* Stops the thread and frees all slabs. Also for one that was zeroed and never started. */
void partitions_stop(struct partitions *ps);

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
