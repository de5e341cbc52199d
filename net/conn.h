/* conn.h - a connection that carries messages: a link, what has come of a message, what waits to
 * be sent.
 *
 *     conn_accept ──▶ greeting ──"CP2"──▶ open ──conn_close──▶ closing ──▶ ended
 *     conn_connect ─▶ opening ──opened──▶ open                               ▲
 *                         └──── the peer, the network, bad bytes ────────────┘
 *
 * Who opens a connection says CP2, if it is a client, or MR1, if it is a member, and then talks at
 * once; nothing is said back.
 *
 * Sending never fails and never blocks: what the link does not take waits here. How much may wait
 * is the owner's to decide: it looks at conn_queued(), stops taking messages with conn_pause()
 * while there is too much, and hears `drained` when all has gone. So a peer that does not read is
 * not read from either, and holds no more memory than the owner allows.
 *
 * `ended` is the last callback; the owner then frees what it embeds the connection in. From inside
 * `message` the owner may send, pause and close, but not abort.
 *
 * Threads: the link's loop alone. Source: Hazelcast Open Binary Client Protocol 2.x, connection.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/frame.h"
#include "net/transport.h"
#include "net/wire/sink.h"

enum conn_end {
    CONN_CLOSED,    /* by both sides, everything was sent */
    CONN_BROKEN,    /* the network, or the peer breaking off */
    CONN_STRANGER,  /* it greets neither as a client nor as a member does */
    CONN_MALFORMED, /* its bytes form no messages */
    CONN_TOO_LARGE, /* a message beyond the limit */
    CONN_MEMORY
};

struct conn_events {
    void (*opened)(void *context); /* of conn_connect; may be NULL */
    /* A whole message, borrowed until `settled`. */
    void (*message)(void *context, const uint8_t *bytes, size_t size);
    void (*settled)(void *context); /* those of one piece have been handed on; may be NULL */
    void (*drained)(void *context); /* may be NULL */
    void (*ended)(void *context, enum conn_end end);
};

/* Who has opened it. */
enum conn_voice { CONN_CLIENT, CONN_MEMBER };

enum conn_state { CONN_OPENING, CONN_GREETING, CONN_OPEN, CONN_CLOSING };

/* Embedded in its owner's struct. */
struct conn {
    const struct conn_events *events;
    void *context;
    struct link *link;
    enum conn_state state;
    enum conn_voice voice; /* from the first `message` on */
    uint32_t greeted;      /* bytes of the greeting that have come */
    bool paused, taking;
    uint64_t received; /* bytes, ever; tells whether the peer is alive */
    struct frames frames;
    struct sink queue; /* what the link did not take, from `queue_sent` on */
    size_t queue_sent;
};

/* A link that a peer has opened. message_max: bytes. */
void conn_accept(struct conn *c, struct link *link, size_t message_max,
                 const struct conn_events *events, void *context);

/* Opens one. What is sent meanwhile waits. As transport_connect. */
mr_rc_t conn_connect(struct conn *c, struct transport *t, const struct address *to,
                     enum conn_voice voice, size_t message_max, const struct conn_events *events,
                     void *context);

/* Copies the bytes. Nothing is sent any more after conn_close. */
void conn_send(struct conn *c, const void *bytes, size_t size);

/* Bytes that wait here, besides up to LINK_SEND_MAX in the link. */
static inline size_t conn_queued(const struct conn *c)
{
    return c->queue.size - c->queue_sent;
}

/* From now on no message is handed on and no byte read; what has come is kept. */
void conn_pause(struct conn *c);

/* Goes on. Messages that were kept are handed on from inside, so `ended` may follow. */
void conn_resume(struct conn *c);

/* Says the end after everything that was sent; messages that still come are dropped. */
void conn_close(struct conn *c);

/* Breaks off. No callback follows; what the connection held is freed. Not from inside `message`. */
void conn_abort(struct conn *c);

#endif
