/* pool.h - threads for work that takes too long for a loop.
 *
 *     a loop ──pool_give──▶ │ work │ work │ work │ ──▶ mr-work-0, mr-work-1, ..    run(work)
 *                           at most `most` wait         one at a time each
 *
 * A loop serves many clients, and what one of them asks for must not keep the others waiting. So
 * what has to look at much is given away: first come, first served. A pool that has too much to do
 * already takes no more, and who gave is told at once.
 *
 * Work owns itself: each is given exactly one call, of run on a thread of the pool, or of drop when
 * the pool stops before its turn has come; there it frees itself.
 *
 * Threads: pool_give from any; start and stop from who owns the pool. One lock, which nothing else
 * is taken under.
 */
#ifndef GRID_OP_POOL_H
#define GRID_OP_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/base/list.h"
#include "net/base/thread.h"

/* Embedded in what is to be done. */
struct work {
    struct list node;
    void (*run)(struct work *w);
    void (*drop)(struct work *w);
};

struct pool {
    struct thread *threads; /* NULL: it is stopped */
    uint32_t count;         /* of threads that run */
    uint32_t most;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct list waiting; /* these three under the lock */
    uint32_t size;
    bool stopping;
};

/* MR_ERR_MEMORY, MR_ERR_SYSTEM: nothing runs. */
mr_rc_t pool_start(struct pool *p, uint32_t threads, uint32_t most);

/* Takes over the work. MR_ERR_BUSY: `most` wait already; MR_ERR_CLOSED: it has stopped. It stays
 * the caller's then. */
mr_rc_t pool_give(struct pool *p, struct work *w);

/* Lets what runs come to its end, and drops the rest. Also for one that was zeroed. */
void pool_stop(struct pool *p);

#endif
