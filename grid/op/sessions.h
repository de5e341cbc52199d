/* sessions.h - what a partition has answered, so that nothing is done twice.
 *
 * A client that has no answer asks again, perhaps another member. Each change it asks for has the
 * number of its session and its own, opno, which rises by one from change to change; and each says
 * which is the first that the client still waits for. A partition remembers the answers from that
 * one on:
 *
 *     session 41      opno   7     8     9    10    11        of which 8 and 10 went elsewhere
 *                            ×           ok   ·    written    to other partitions
 *                     first_incomplete ──┘
 *
 *     sessions_judge ──▶ NEW ──▶ sessions_begin, the ring ──committed──▶ sessions_apply
 *                    └─▶ DONE: the answer that is remembered
 *
 * What was applied is the same on every copy: it changes by operations of the partition alone, in
 * their order, and travels with a copy of the store. What is written and not committed is known
 * to the primary alone; when its reign ends, sessions_lost forgets that.
 *
 * A session is opened and expired by the control log, and its number is the index of the entry that
 * opened it. That it has expired becomes an operation of the partition too, which its primary
 * writes when it has applied the entry. Who is primary later has applied that as well, for the row
 * that made it primary stands behind it in the log. So a session that is forgotten here is known to
 * be over by everybody who will be asked, and what it asks again is never done again.
 *
 * Applying is idempotent: a learner applies anew what a part of the table that it was sent already
 * shows, and ends with the same.
 *
 * Bounds: a session has SESSION_WINDOW operations that are not complete in a partition, an answer
 * longer than SESSION_RESULT_MAX is remembered as done, with a value that is not known, and the
 * table has bytes_max. What would go beyond is not begun; what was begun elsewhere is not refused.
 *
 * Pure but for the heap. Under the partition's lock.
 */
#ifndef GRID_OP_SESSIONS_H
#define GRID_OP_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/wire/sink.h"

enum { SESSION_WINDOW = 1024, SESSION_RESULT_MAX = 256 };

/* What a change is asked for with. */
struct session_call {
    uint64_t session, opno;
    uint64_t first_incomplete; /* all before it are complete; <= opno */
};

/* The answer to one that is done, and its place in the order. */
struct session_result {
    uint64_t epoch, seq;
    bool known; /* bytes are the answer */
    uint32_t size;
    const uint8_t *bytes; /* borrowed until the table changes */
};

enum session_verdict {
    ONCE_NEW,     /* to be done */
    ONCE_DONE,    /* done, with that result */
    ONCE_PENDING, /* written, and not committed: not to be written again */
    ONCE_STALE,   /* the client has said that it is complete */
    ONCE_FULL,    /* beyond a bound; nothing has been done */
    ONCE_EXPIRED, /* the session is over: never to be done, or done again */
    ONCE_BEHIND   /* the session was opened by an entry that this member has not applied */
};

struct answers;

struct sessions {
    struct answers **at; /* by number */
    uint32_t count, room;
    uint64_t bytes;    /* taken, all in all */
    uint64_t promised; /* that answers to what is pending may take in addition */
    uint64_t bytes_max;
    uint64_t digest; /* of what was applied; equal tables have equal ones */
};

void sessions_init(struct sessions *t, uint64_t bytes_max);
void sessions_clear(struct sessions *t);

/* May the primary do this? `applied` is the index of the last control entry it has applied, and
 * `open` whether the session is, after that. ret_result is filled in for DONE only. */
enum session_verdict sessions_judge(const struct sessions *t, const struct session_call *c,
                                    uint64_t applied, bool open, struct session_result *ret_result);

/* One that was judged NEW goes into the ring: from now on it is PENDING. MR_ERR_MEMORY. */
mr_rc_t sessions_begin(struct sessions *t, const struct session_call *c);

/* It did not go into the ring after all. */
void sessions_cancel(struct sessions *t, const struct session_call *c);

/* The reign is over: what was pending is for others to know. */
void sessions_lost(struct sessions *t);

/* It is committed, with this answer. MR_ERR_MEMORY: nothing has changed. */
mr_rc_t sessions_apply(struct sessions *t, const struct session_call *c,
                       const struct session_result *result);

/* That a session has expired is committed. */
void sessions_expire(struct sessions *t, uint64_t session);

/* The first session with a greater number; 0: there is none. For a primary that looks for those
 * that have expired. */
uint64_t sessions_next(const struct sessions *t, uint64_t session);

/* A place in a walk through the table: what lies before it was passed. Zeroed: the beginning. */
struct sessions_place {
    uint64_t session, opno;
};

/* Where a part has to end that begins there and is to be of `room` bytes, SESSIONS_PART_MIN at
 * least. True: it is the last one. The table may change between two parts. */
bool sessions_part(const struct sessions *t, struct sessions_place from, size_t room,
                   struct sessions_place *ret_to);

/* Writes what was applied between two places. A part that is made once more, since it seems lost,
 * has to be made with the same two, for the first one may have been taken, and the next one goes
 * on where that ended; it may have become larger. What sink_state says is the caller's to ask. */
void sessions_encode(const struct sessions *t, struct sessions_place from, struct sessions_place to,
                     struct sink *out);

enum { SESSIONS_PART_MIN = 320 };

/* Adds a part to what is here. MR_ERR_MALFORMED; MR_ERR_MEMORY. Some of it may have been added. */
mr_rc_t sessions_decode(struct sessions *t, const uint8_t *bytes, size_t size);

/* All that must hold. Dies where it does not. */
void sessions_check(const struct sessions *t);

#endif
