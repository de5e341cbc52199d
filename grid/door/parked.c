#include "grid/door/parked.h"

#include <string.h>

#include "grid/door/dispatch.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

enum { FULL_RETRY_NS = 100000000 };

static void parked_free(struct parked *p)
{
    mem_free(p->bytes);
    mem_free(p);
}

static void wake(struct waiter *w)
{
    struct parked *p = list_owner(w, struct parked, waiter);

    if (exchange_32(&p->is_posted, 1) == 0)
        door_post(p->session->at, &p->posted);
}

static void timed(void *context);

/* A peer that does not take its answers gets no more of them made; one that never does is closed,
 * and what it was woken for goes to somebody else. */
static void serve_again(struct parked *p)
{
    struct loop *loop = p->session->at->loop;

    timer_cancel_on_loop(loop, &p->timer);
    if (session_is_full(p->session))
        timer_start_on_loop(loop, &p->timer, FULL_RETRY_NS, 0, timed, p);
    else
        dispatch_again(p->session, p);
}

/* The session's loop outlives the session, and so does what it has been posted. */
static void taken(struct posted *posted)
{
    struct parked *p = list_owner(posted, struct parked, posted);

    (void)exchange_32(&p->is_posted, 0);
    if (p->ended)
        parked_free(p);
    else
        serve_again(p);
}

static void timed(void *context)
{
    serve_again(context);
}

/* It may be woken as soon as an operation has it, before that has returned. */
struct waiter *parked_spare(struct session *s)
{
    struct door_loop *l = s->at;

    if (!l->spare && !(l->spare = mem_alloc_zero(sizeof *l->spare)))
        return NULL;
    l->spare->waiter.wake = wake;
    l->spare->posted.run = taken;
    l->spare->session = s;
    return &l->spare->waiter;
}

void parked_again(struct parked *p, uint32_t done, struct held *held)
{
    uint64_t now = clock_ns();
    uint64_t at = p->waiter.retry_ns < p->until_ns ? p->waiter.retry_ns : p->until_ns;

    p->done = done;
    p->held = held;
    if (at != UINT64_MAX)
        timer_start_on_loop(p->session->at->loop, &p->timer, at > now ? at - now : 0, 0, timed, p);
}

static size_t cost(const struct parked *p)
{
    return sizeof *p + p->size;
}

mr_rc_t parked_keep(struct session *s, const uint8_t *bytes, size_t size, uint64_t until_ns,
                    uint32_t done, struct held *held)
{
    struct parked *p = s->at->spare;

    check(p);
    s->at->spare = NULL;
    p->until_ns = until_ns;
    p->size = size;
    s->parked_size += cost(p);
    gauge_add(s->at->door->counts.parked, 1);
    list_add_last(&s->parked, &p->node);
    if (s->parked_size > s->at->door->message_max || !(p->bytes = mem_alloc(size))) {
        mr_rc_t rc = s->parked_size > s->at->door->message_max ? MR_ERR_BUSY : MR_ERR_MEMORY;

        parked_done(p);
        return rc;
    }
    memcpy(p->bytes, bytes, size);
    parked_again(p, done, held);
    return MR_OK;
}

void parked_done(struct parked *p)
{
    timer_cancel_on_loop(p->session->at->loop, &p->timer);
    waiter_cancel(&p->waiter); /* after it nobody wakes it */
    if (p->held)
        held_drop(p->held);
    p->held = NULL;
    list_remove(&p->node);
    p->session->parked_size -= cost(p);
    gauge_add(p->session->at->door->counts.parked, -1);
    p->ended = true;
    if (load_acquire_32(&p->is_posted) == 0)
        parked_free(p);
}

void parked_end_all(struct session *s)
{
    while (!list_is_empty(&s->parked))
        parked_done(list_owner(s->parked.next, struct parked, node));
}
