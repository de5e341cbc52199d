/* invoke.h - what is to become of a call: who waits for which answer, how long, and whether it is
 * sent again.
 *
 *                 ┌───────────── sent ────────────────┐
 *     begun ──▶ WAITING                               ▼
 *                 ▲  │                              SENT ──answer──▶ over: with it
 *                 │  └─ time is up ─▶ over            │
 *                 └── not now; or lost, and it ───────┤
 *                     may be done twice               ├─ lost, time is up: over
 *                                                     │     reads: MR_ERR_TIMEOUT
 *                                                     └     writes: MR_ERR_OUTCOME_UNKNOWN
 *
 * A write is never sent twice, unless a member has said that it did not do it, or it has a number
 * by which members know it (numbered.h). A read is sent again as often as its time allows. Of a
 * numbered write that may be under way still, since its connection has ended, no failure is an
 * answer any more: it may be done after that. What was never sent has changed nothing, so its end
 * is MR_ERR_TIMEOUT whatever it is.
 *
 * An answer that comes after its call is over finds nobody and is dropped.
 *
 * Invariants: an invocation is in the table and in the heap from invoke_begin to invoke_end; its
 * key in the heap is its deadline, or the time to try again if that is sooner.
 *
 * Pure but for the table's memory. One thread, the loop's.
 */
#ifndef CLIENT_INVOKE_H
#define CLIENT_INVOKE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/heap.h"
#include "net/base/list.h"
#include "net/wire/fault.h"

enum invoke_state {
    INVOKE_WAITING, /* for a connection, or for its turn to be sent again */
    INVOKE_SENT,    /* for its answer */
};

/* Pauses before it is sent again because a member said "not now": the first after so long, then
 * twice as long, and so on. */
enum { INVOKE_PAUSE_MS = 5, INVOKE_PAUSE_MAX_MS = 1000 };

/* Embedded in a call. Zeroed but for the first two; `numbered` is known when it is sent. */
struct invocation {
    bool repeatable;      /* may be done twice: a read */
    uint64_t deadline_ns; /* of clock_ns() */
    bool numbered;        /* members do it once: it may be sent again */
    bool doubtful;        /* and it was sent where nobody knows what has become of it */
    enum invoke_state state;
    int64_t correlation;
    uint32_t refusals; /* how often a member has said "not now" */
    struct list node;  /* for the owner: what waits, what was sent where */
    struct heap_node due;
    struct invocation *next; /* in the table */
};

enum { INVOKE_BUCKETS = 4096 };

struct invocations {
    struct invocation **buckets;
    struct heap due;
    int64_t last; /* correlation */
    uint32_t count;
};

enum invoke_what {
    INVOKE_OVER,      /* with rc */
    INVOKE_AGAIN,     /* it waits, and may be sent at once */
    INVOKE_AGAIN_SOON /* it waits, and may be sent when it is due */
};

struct invoke_verdict {
    enum invoke_what what;
    mr_rc_t rc;
};

/* MR_ERR_MEMORY. */
mr_rc_t invocations_init(struct invocations *is);
void invocations_free(struct invocations *is);

/* Gives it a number, and lets it wait. */
void invoke_begin(struct invocations *is, struct invocation *i);

/* It is over: takes it out. */
void invoke_end(struct invocations *is, struct invocation *i);

/* NULL: nobody waits for that. */
struct invocation *invoke_find(const struct invocations *is, int64_t correlation);

/* The first that is due by now; NULL: none is. */
struct invocation *invoke_due(const struct invocations *is, uint64_t now_ns);

/* It is sent now; while it is, its time is its deadline. */
void invoke_sent(struct invocations *is, struct invocation *i);

/* Its time has come: to be sent again, or to be over. */
struct invoke_verdict invoke_time(struct invocations *is, struct invocation *i, uint64_t now_ns);

/* The connection that it was sent on has ended. */
struct invoke_verdict invoke_lost(struct invocations *is, struct invocation *i);

/* A member has answered with an error. */
struct invoke_verdict invoke_refused(struct invocations *is, struct invocation *i,
                                     const struct fault *fault, uint64_t now_ns);

#endif
