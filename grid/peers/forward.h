/* forward.h - a client's call about a partition that another member has.
 *
 *     client ──▶ here ──member_forward──▶ the primary: served there as if the client were connected
 *            ◀──      ◀─member_forwarded─            and answered in the client's own bytes
 *
 * Clients that know the partition table seldom need it; those with one connection, mostly. It is
 * forwarded once: a primary that is none any more says so, and the client is told to look again,
 * since nothing was done. When the connection breaks, what changes something may be done or not.
 *
 * Threads: forward_give on the session's loop; the others any.
 */
#ifndef GRID_PEERS_FORWARD_H
#define GRID_PEERS_FORWARD_H

#include <pthread.h>

#include "grid/door/session.h"
#include "grid/peers/fellow.h"

/* What goes back to another member is one message on a connection that others wait for. */
enum { FORWARD_ANSWER_MAX = 32 << 20 };

struct member;

struct forwards {
    pthread_mutex_t lock;
    struct list waiting; /* of struct forward, the oldest first; under the lock */
    int64_t calls;       /* so far */
};

struct forward;

/* Gets its answer: the message for the client, or why there is none, once; MR_ERR_CLOSED: the
 * connection broke, and it may be done. Or nobody wants to know any more. Either way it is its
 * owner's again. */
struct forward_events {
    void (*over)(struct forward *f, mr_rc_t rc, struct wire_bytes answer);
    void (*drop)(struct forward *f);
};

/* One that waits. */
struct forward {
    struct list node;
    int64_t call;
    uint64_t to;
    const struct loop *loop; /* of the connection; NULL: it is this member's own */
    const struct forward_events *events;
};

void forwards_init(struct forwards *fs);

/* Nobody answers any more. */
void forwards_free(struct forwards *fs);

/* MR_OK: it is answered, later as a rule. MR_ERR_OFFLINE; MR_ERR_MEMORY. */
mr_rc_t forward_give(struct session *s, struct wire_uuid client, uint32_t partition, bool changes,
                     const uint8_t *bytes, size_t size);

/* From any thread, while the session is held. */
void forward_answer_error(struct session *s, int64_t correlation, mr_rc_t rc);

/* ---- for whoever hands calls on ------------------------------------------------------------- */

/* Waits for an answer to what is sent next, as the call that is returned. */
int64_t forward_wait(struct member *m, struct forward *f, uint32_t partition);

/* Sends a message that says so, over the partition's connection; when that is not possible, the
 * call is over, or about to be. */
void forward_send(struct member *m, uint64_t to, uint32_t partition, int64_t call,
                  const struct sink *message);

/* A call is over without an answer; if it still waits. */
void forward_over(struct forwards *fs, int64_t call, mr_rc_t rc);

/* What came back. */
void forward_answered(struct forwards *fs, const uint8_t *bytes, size_t size);

/* The same from this member, to itself, if there was memory for it. */
void forward_answered_by_itself(struct forwards *fs, int64_t call, const struct sink *answer);

/* Nothing more will come from there. */
void forward_broken(struct forwards *fs, const struct fellow *f);

#endif
