#include "net/conn.h"

#include <string.h>

#include "net/base/check.h"

enum { GREETING = 3 };

static const char greetings[][GREETING + 1] = {[CONN_CLIENT] = "CP2", [CONN_MEMBER] = "MR1"};

enum { QUEUE_KEPT = 64 * 1024 }; /* a larger buffer is given back when it is empty */

static void release(struct conn *c)
{
    frames_free(&c->frames);
    sink_free(&c->queue);
    c->queue_sent = 0;
    c->link = NULL;
}

/* Ends it because of what the peer sent. */
static void give_up(struct conn *c, enum conn_end why)
{
    link_abort(c->link);
    release(c);
    c->events->ended(c->context, why);
}

/* Bytes that had to be sent have found no room: what comes behind them would be read as something
 * else. */
static bool is_short(const struct conn *c)
{
    return sink_state(&c->queue) != MR_OK;
}

static enum conn_end end_of(mr_rc_t rc)
{
    return rc == MR_ERR_TOO_LARGE ? CONN_TOO_LARGE
           : rc == MR_ERR_MEMORY  ? CONN_MEMORY
                                  : CONN_MALFORMED;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static bool take(void *context, const uint8_t *bytes, size_t size)
{
    struct conn *c = context;

    if (bytes && c->state != CONN_CLOSING)
        c->events->message(c->context, bytes, size);
    else if (!bytes && c->events->settled)
        c->events->settled(c->context);
    return !c->paused;
}

static void feed(struct conn *c, const uint8_t *bytes, size_t size)
{
    c->taking = true;
    mr_rc_t rc = frames_feed(&c->frames, bytes, size, take, c);

    c->taking = false;
    if (rc == MR_OK && is_short(c))
        rc = MR_ERR_MEMORY;
    if (rc != MR_OK)
        give_up(c, end_of(rc));
}

static void received(void *context, const uint8_t *bytes, size_t size)
{
    struct conn *c = context;

    c->received += size;
    for (; c->state == CONN_GREETING && size > 0; bytes++, size--) {
        if (c->greeted == 0)
            c->voice = *bytes == (uint8_t)greetings[CONN_MEMBER][0] ? CONN_MEMBER : CONN_CLIENT;
        if (*bytes != (uint8_t)greetings[c->voice][c->greeted]) {
            give_up(c, CONN_STRANGER);
            return;
        }
        if (++c->greeted == GREETING)
            c->state = CONN_OPEN;
    }
    if (size > 0)
        feed(c, bytes, size);
}

void conn_pause(struct conn *c)
{
    if (c->paused)
        return;
    c->paused = true;
    link_reading(c->link, false);
}

void conn_resume(struct conn *c)
{
    if (!c->paused)
        return;
    check(!c->taking);
    c->paused = false;
    link_reading(c->link, true);
    feed(c, NULL, 0);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Moves what waits into the link. */
static void push(struct conn *c)
{
    c->queue_sent += link_send(c->link, c->queue.at + c->queue_sent, conn_queued(c));
    if (conn_queued(c) > 0)
        return;
    c->queue.size = c->queue_sent = 0;
    if (c->queue.room > QUEUE_KEPT)
        sink_free(&c->queue);
}

/* A peer that reads, but never all, must not make the queue as long as all that it ever got. What
 * moves is no more than what has been sent, so sending stays linear. */
static void reclaim(struct conn *c)
{
    if (c->queue_sent == 0 || c->queue_sent < c->queue.size / 2)
        return;
    memmove(c->queue.at, c->queue.at + c->queue_sent, conn_queued(c));
    c->queue.size -= c->queue_sent;
    c->queue_sent = 0;
}

void conn_send(struct conn *c, const void *bytes, size_t size)
{
    size_t taken = 0;

    if (c->state == CONN_CLOSING || is_short(c))
        return;
    if (conn_queued(c) == 0)
        taken = link_send(c->link, bytes, size);
    if (taken == size)
        return;
    reclaim(c);
    sink_put(&c->queue, (const uint8_t *)bytes + taken, size - taken);
}

static void writable(void *context)
{
    struct conn *c = context;

    if (is_short(c)) {
        give_up(c, CONN_MEMORY);
        return;
    }
    if (conn_queued(c) == 0)
        return;
    push(c);
    if (conn_queued(c) > 0)
        return;
    if (c->state == CONN_CLOSING)
        link_close(c->link);
    else if (c->events->drained)
        c->events->drained(c->context);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void opened(void *context)
{
    struct conn *c = context;

    if (c->state == CONN_CLOSING) /* it was closed meanwhile, and has nothing to say any more */
        return;
    c->state = CONN_OPEN;
    if (c->events->opened)
        c->events->opened(c->context);
}

/* The peer will say no more; what it has not read by now it does not want. */
static void finished(void *context)
{
    struct conn *c = context;

    c->state = CONN_CLOSING;
    link_close(c->link);
}

static void ended(void *context, enum link_end end)
{
    struct conn *c = context;

    release(c);
    c->events->ended(c->context, end == LINK_CLOSED ? CONN_CLOSED : CONN_BROKEN);
}

static const struct link_events link_events = {opened, received, writable, finished, ended};

static void start(struct conn *c, enum conn_state state, size_t message_max,
                  const struct conn_events *events, void *context)
{
    *c = (struct conn){.state = state, .events = events, .context = context};
    c->queue.grows = true;
    frames_init(&c->frames, message_max);
}

void conn_accept(struct conn *c, struct link *link, size_t message_max,
                 const struct conn_events *events, void *context)
{
    start(c, CONN_GREETING, message_max, events, context);
    c->link = link;
    link_attach(link, &link_events, c);
}

mr_rc_t conn_connect(struct conn *c, struct transport *t, const struct address *to,
                     enum conn_voice voice, size_t message_max, const struct conn_events *events,
                     void *context)
{
    start(c, CONN_OPENING, message_max, events, context);
    c->voice = voice;
    mr_rc_t rc = transport_connect(t, to, &link_events, c, &c->link);

    if (rc == MR_OK)
        conn_send(c, greetings[voice], GREETING);
    return rc;
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    c->state = CONN_CLOSING;
    if (c->paused) {
        c->paused = false;
        link_reading(c->link, true);
    }
    if (conn_queued(c) == 0)
        link_close(c->link);
}

void conn_abort(struct conn *c)
{
    if (!c->link)
        return;
    check(!c->taking);
    link_abort(c->link);
    release(c);
}
