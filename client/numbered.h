/* numbered.h - changes with a number, which a cluster does once however often they are sent.
 *
 *     NOT_ASKED ──a change──▶ ASKED ──▶ OPEN: a session, in which changes are numbered 1, 2, ..
 *                               │        └──it is over──▶ NOT_ASKED
 *                               └──▶ NEVER: there are none in this cluster
 *
 * A change has its number from when it is first sent, and the same one when it is sent again. Each
 * time it also says which is the first that is still under way, so that members forget what was
 * answered before. While a session is asked for, changes wait, but not for ever: then they go
 * without a number, as in a cluster that has no sessions.
 *
 * No number is given twice, in whatever session. In a session that is over, what was sent may be
 * done or not; what never was goes on in the next one. Numbers of another cluster mean nothing
 * here: a change that has one is over.
 *
 * Source: grid/op/sessions.h, which is the other side of this. Pure. One thread, the loop's.
 */
#ifndef CLIENT_NUMBERED_H
#define CLIENT_NUMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/list.h"

enum {
    NUMBERED_WAIT_MS = 5000, /* a change waits so long for a session: an election lies in between */
    NUMBERED_AGAIN_MS = 200, /* it is asked for again, when it could not be had */
    NUMBERED_KEEP_MS =
        30000, /* and when it is there, to stay open: members wait for ten times that */
    NUMBERED_SILENT_MS = 5000 /* nobody has answered */
};

enum numbered_state { NUMBERED_NOT_ASKED, NUMBERED_ASKED, NUMBERED_OPEN, NUMBERED_NEVER };

/* Of one change. Zeroed but for `wanted`. */
struct number {
    struct list node;
    bool wanted;      /* it is a change that can be numbered */
    uint64_t session; /* 0: it has none yet */
    uint64_t opno, first;
    uint64_t era;
};

struct numbered {
    enum numbered_state state;
    uint64_t session; /* that is open; 0: none */
    uint64_t over;    /* the last one that is known to be over */
    uint64_t last;    /* number given */
    uint64_t era;     /* of clusters */
    struct list under_way;
    bool asks;          /* an answer is to come */
    uint64_t wanted_ns; /* since when a session is waited for */
    uint64_t asked_ns;
};

enum numbered_turn {
    NUMBERED_GOES, /* with its number */
    NUMBERED_PLAIN,
    NUMBERED_WAITS,
    NUMBERED_LOST /* its number is of another cluster */
};

void numbered_init(struct numbered *n);

/* It is to be sent now: how? */
enum numbered_turn numbered_take(struct numbered *n, struct number *x, uint64_t now_ns);

/* It is over. */
void numbered_done(struct number *x);

/* It was not done, and its session is over: it has no number any more. */
void numbered_drop(struct number *x);

/* Is a session to be asked for now? Then it is as if that was done. */
bool numbered_asks(struct numbered *n, uint64_t now_ns);

/* What came of it: a session, 0 if there are none; it could not be had now; or nobody answers. */
void numbered_opened(struct numbered *n, uint64_t session);
void numbered_not_now(struct numbered *n);

/* A session is over, as a member says. */
void numbered_ended(struct numbered *n, uint64_t session);

/* It is another cluster, or there may be another kind of member. */
void numbered_forget(struct numbered *n);
void numbered_hope(struct numbered *n);

#endif
