/* wait.h - operations that cannot go on, and who tells them that they may.
 *
 * Nobody blocks in here. An operation that finds a lock taken or a queue empty is put to sleep:
 * its waiter is added to what it waits for, and it answers MR_PENDING. When that changes, the
 * waiter is woken, and whoever runs the operation simply runs it again from its beginning: it
 * leaves the place where it waited, looks again, and may come to wait again.
 *
 *     run ──cannot go on──▶ waits_add, MR_PENDING        all under one hold of the partition's
 *                               │                        lock, so that no wake-up comes between
 *     another's change ─────▶ waits_wake ──▶ w->wake(w)  the look and the sleep
 *                                              │
 *     run again ◀──────posted to its thread────┘         waiter_leave_locked, and from the top
 *
 * One change wakes one sleeper, the one that has waited longest. A wake-up is a debt: who was woken
 * and does not take what he was woken for, because he gave up or only needed it to be free, wakes
 * the next one. Who was woken and finds nothing sleeps again and owes nothing, or two of them would
 * wake each other for ever. One wake-up too many costs a look; one too few would be a sleep without
 * end.
 *
 * Some waits end by time alone, such as that for a lock with a lease: retry_ns says when to run
 * again although nobody has woken it. Whoever runs the operations keeps the time.
 *
 * Invariants: a waiter is in one place at most, w->in; everything in a `struct waits` and all
 * fields but wake are guarded by the lock of its partition. The owner alone adds its waiter, and
 * may read w->in without the lock because nobody else changes it.
 */
#ifndef GRID_OP_WAIT_H
#define GRID_OP_WAIT_H

#include <stdint.h>

#include "grid/op/partition.h"
#include "net/base/list.h"

/* Who waits for one thing. Embedded in it; it must stay as long as somebody is in. */
struct waits {
    struct list
        sleepers; /* of struct waiter, in the order they came; woken ones until they leave */
};

/* One operation that may wait. Zeroed but for wake, which is called under the partition's lock:
 * it only posts, and must not call the grid. */
struct waiter {
    struct list node;
    struct partition *partition; /* whose lock guards the wait */
    struct waits *in;            /* NULL: waits nowhere */
    bool woken;
    bool over;         /* what it waited for is no more; whoever runs the operation answers so */
    uint64_t retry_ns; /* run again then at the latest, on clock_ns(); UINT64_MAX: when woken */
    void (*wake)(struct waiter *w);
};

void waits_init(struct waits *waits);

static inline bool waits_are_empty(const struct waits *waits)
{
    return list_is_empty(&waits->sleepers);
}

/* ---- under the partition's lock ------------------------------------------------------------- */

/* To sleep, behind the others, until woken or until retry_ns. The waiter waits nowhere. */
void waits_add(struct waits *waits, struct partition *partition, struct waiter *w,
               uint64_t retry_ns);

/* Wakes the first n that sleep, if there are so many. */
void waits_wake_some(struct waits *waits, uint32_t n);

static inline void waits_wake(struct waits *waits)
{
    waits_wake_some(waits, 1);
}

static inline void waits_wake_all(struct waits *waits)
{
    waits_wake_some(waits, UINT32_MAX);
}

/* Wakes all, and tells them that there is nothing more to wait for. */
void waits_end(struct waits *waits);

/* Takes it out of where it waits, when its operation runs again. True: it had been woken, and what
 * it was woken for is now the operation's to take or to offer on. False for NULL, and for one that
 * waits nowhere. */
bool waiter_leave_locked(struct waiter *w);

/* ---- the waiter's owner, without a lock ----------------------------------------------------- */

/* Takes it out because it does not want to go on; had it been woken, the next one is. Afterwards
 * it is not woken any more. */
void waiter_cancel(struct waiter *w);

/* Is what it waits for no more? Then there is no sense in running the operation again. */
bool waiter_is_over(struct waiter *w);

#endif
