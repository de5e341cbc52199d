#include "client/numbered.h"

#define MS 1000000ull

void numbered_init(struct numbered *n)
{
    *n = (struct numbered){0};
    list_init(&n->under_way);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void give(struct numbered *n, struct number *x)
{
    x->session = n->session;
    x->opno = ++n->last;
    x->era = n->era;
    list_add_last(&n->under_way, &x->node);
}

/* Of a session that was before, what it said last stays true. */
static void note_first(const struct numbered *n, struct number *x)
{
    if (x->node.next)
        x->first = list_owner(n->under_way.next, struct number, node)->opno;
}

enum numbered_turn numbered_take(struct numbered *n, struct number *x, uint64_t now_ns)
{
    if (x->session != 0 && x->era != n->era)
        return NUMBERED_LOST;
    if (x->session == 0 && n->state == NUMBERED_NEVER)
        return NUMBERED_PLAIN;
    if (x->session == 0 && n->state != NUMBERED_OPEN) {
        if (n->wanted_ns == 0)
            n->wanted_ns = now_ns;
        return now_ns - n->wanted_ns < NUMBERED_WAIT_MS * MS ? NUMBERED_WAITS : NUMBERED_PLAIN;
    }
    if (x->session == 0)
        give(n, x);
    note_first(n, x);
    return NUMBERED_GOES;
}

void numbered_done(struct number *x)
{
    list_remove(&x->node);
    x->session = 0;
}

void numbered_drop(struct number *x)
{
    numbered_done(x);
    x->opno = x->first = 0;
}

/* ---- sessions -------------------------------------------------------------------------------- */

bool numbered_asks(struct numbered *n, uint64_t now_ns)
{
    uint64_t pause_ms = n->asks                     ? NUMBERED_SILENT_MS
                        : n->state == NUMBERED_OPEN ? NUMBERED_KEEP_MS
                                                    : NUMBERED_AGAIN_MS;

    if (n->state == NUMBERED_NEVER || (n->state != NUMBERED_OPEN && n->wanted_ns == 0))
        return false;
    if (n->asked_ns != 0 && now_ns - n->asked_ns < pause_ms * MS)
        return false;
    if (n->state == NUMBERED_NOT_ASKED)
        n->state = NUMBERED_ASKED;
    n->asks = true;
    n->asked_ns = now_ns;
    return true;
}

/* Those that are under way keep their numbers, which are no longer counted. */
static void leave(struct numbered *n)
{
    while (list_take_first(&n->under_way))
        ;
    n->session = 0;
    n->state = NUMBERED_NOT_ASKED;
    n->wanted_ns = 0;
}

/* The next one may be asked for at once. */
static void begin_anew(struct numbered *n)
{
    leave(n);
    n->asked_ns = 0;
}

void numbered_opened(struct numbered *n, uint64_t session)
{
    n->asks = false;
    if (session != 0 && session <= n->over)
        return; /* the member does not know yet that it is over */
    if (session != n->session || session == 0)
        leave(n);
    n->session = session;
    n->state = session != 0 ? NUMBERED_OPEN : NUMBERED_NEVER;
    n->wanted_ns = 0;
}

void numbered_not_now(struct numbered *n)
{
    n->asks = false;
}

void numbered_ended(struct numbered *n, uint64_t session)
{
    if (session != n->session || session == 0)
        return;
    n->over = session;
    begin_anew(n);
}

void numbered_forget(struct numbered *n)
{
    n->over = 0;
    n->era++;
    n->asks = false;
    begin_anew(n);
}

void numbered_hope(struct numbered *n)
{
    if (n->state == NUMBERED_NEVER)
        begin_anew(n);
}
