/* held.h - answers that are ready, and wait until the backups have what they tell.
 *
 *     dispatch ── commit_begin ── the call runs, its answer is made ── commit_end ──▶ sent
 *                                                      │ not everywhere yet
 *                                                    held ──over──▶ posted to the session's loop,
 *                                                                   which sends it
 *
 * A call is served once, whatever it waits for: what it answers is known when it was served
 * (grid/op/commit.h). If it never becomes known whether its changes are done, the answer is that.
 *
 * A call that is parked in between keeps its commit; what it has done before counts as well.
 *
 * Threads: as dispatch; over, any.
 */
#ifndef GRID_DOOR_HELD_H
#define GRID_DOOR_HELD_H

#include "grid/door/session.h"
#include "grid/op/commit.h"

struct held {
    struct commit commit; /* first, so that one is the other */
    struct session *session;
    struct posted posted;
    int64_t correlation, forwarded; /* as in struct call */
    bool is_away, is_own;           /* too */
    size_t size;
    uint8_t *bytes; /* the answer */
};

struct call;

/* For a call that begins on this thread, the session's loop unless it is away. NULL: no memory. */
struct held *held_new(struct session *s, bool is_away);

/* The call goes on, after it was parked. */
void held_resume(struct held *h);

/* It is parked: what this thread does now is not the call's. */
void held_pause(void);

/* The call has this answer. True: send it, or, if *ret_unknown, that it is not known; h is gone.
 * False: that is done later. */
bool held_end(struct held *h, const struct call *c, const struct sink *answer, bool *ret_unknown);

/* Nobody wants to know any more. */
void held_drop(struct held *h);

#endif
