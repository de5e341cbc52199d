/* parked.h - calls that wait: for a lock, for an item, for time to pass.
 *
 * A call that cannot go on keeps a copy of its message, and is served again when what it waits for
 * has changed (grid/op/wait.h), or when its time is up; then it is told not to wait any more, and
 * answers what that means: false, null, or an error. What it had done of several parts stays done.
 *
 *     dispatch ──MR_PENDING──▶ parked ◀──wake── another thread, under a partition's lock
 *         ▲                      │ posted to the session's loop; or the timer
 *         └──── served again ────┘
 *
 * The first attempt of every call must already have a waiter to give, so each loop keeps one ready;
 * only a call that does wait takes it away. A parked call ends with its session: whoever holds a
 * lock or an item for it finds nobody there, and passes on.
 *
 * Threads: the session's loop; being woken, any thread.
 */
#ifndef GRID_DOOR_PARKED_H
#define GRID_DOOR_PARKED_H

#include "grid/door/held.h"
#include "grid/op/wait.h"

struct parked {
    struct waiter waiter;
    struct list node; /* in its session */
    struct session *session;
    struct posted posted;
    uint32_t is_posted;
    bool ended; /* its session has: only still posted */
    struct loop_timer timer;
    uint64_t until_ns; /* then it does not wait any more */
    uint32_t done;     /* parts of it that were done: see struct call */
    struct held *held; /* what they rest on; NULL: nothing */
    size_t size;
    uint8_t *bytes; /* the message */
};

/* A waiter for a call of this session, or NULL: no memory. It is the loop's until parked_keep. */
struct waiter *parked_spare(struct session *s);

/* The call waits: takes the spare and `held`, copies the message. MR_ERR_MEMORY, or
 * MR_ERR_BUSY when its session has as many bytes waiting as one message may have: it does not
 * wait. */
mr_rc_t parked_keep(struct session *s, const uint8_t *bytes, size_t size, uint64_t until_ns,
                    uint32_t done, struct held *held);

/* It goes on waiting, after having been served again; or it has been answered. */
void parked_again(struct parked *p, uint32_t done, struct held *held);
void parked_done(struct parked *p);

/* All of a session. */
void parked_end_all(struct session *s);

#endif
