/* transport.h - what a network is: links that carry bytes between two addresses.
 *
 * A transport is a network as one loop sees it. There are two: tcp.h has the kernel's sockets,
 * memory.h a network in memory, with its own latency, cuts and chance, for tests and simulation.
 * What builds on a transport cannot tell them apart; tests/unit/net/transport_test.c asks both
 * the same.
 *
 *     connect ──▶ opening ──opened──▶ open ──────────────────────────────▶ ended
 *                    │                  │  link_close: my bytes, then my end    ▲
 *     accepted ─────────────────────────┘  finished: the peer's end has come    │
 *                    └───────────────── refused, reset, failed ─────────────────┘
 *
 * A link ends in one of three ways that must not be confused:
 *     FIN      each side has said its end, link_close here and `finished` from there: LINK_CLOSED,
 *              and everything that was sent before has arrived
 *     RST      link_abort on one side, LINK_RESET on the other: what was under way is lost. At
 *              once, also where a forked child has the descriptor too
 *     silence  nothing comes, nothing is said; whoever cannot wait for ever has a timer and calls
 *              link_abort. A transport has no time-outs, for connecting either
 *
 * `finished` is evidence: while this side has not said its end, it comes only if the peer's kernel
 * has said, as the first word about the end of this link, that no more bytes will come. Either the
 * peer has called link_close, or its process is dead. Whoever never calls that but link_abort is
 * dead then, and last_words.h builds on it.
 *
 * Sending never blocks and may take less than it is given; what it has taken it sends at the end
 * of the loop's round, in one write. When it took less, `writable` tells once when there is room
 * again. Receiving is borrowed: the bytes are gone when `received` returns, the receiver keeps
 * what it needs. One that cannot keep up turns reading off, and the peer's sends fill up.
 *
 * Callbacks come from the loop's round, never from inside a function called here. `ended` is the
 * last one, the link is freed after it. After link_abort there is none: the link is gone.
 *
 * Threads: everything here is the loop's alone; each function checks that. Ownership: a link
 * belongs to the transport; whoever was given it may use it until `ended` or link_abort.
 */
#ifndef NET_TRANSPORT_H
#define NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"
#include "net/base/check.h"
#include "net/base/error.h"
#include "net/loop.h"

enum {
    LINK_READ_MAX = 64 * 1024,  /* bytes of one `received`, of which there is one per round */
    LINK_SEND_MAX = 1024 * 1024 /* bytes that may wait to be sent */
};

enum link_end {
    LINK_CLOSED,      /* both sides closed it */
    LINK_RESET,       /* the peer, or something on the way, broke it off */
    LINK_REFUSED,     /* nobody listens there */
    LINK_UNREACHABLE, /* the network has no way there */
    LINK_FAILED,      /* the operating system gave up, its time-outs included */
    LINK_FOREIGN,     /* the descriptor is not ours any more: somebody else has closed it */
};

struct link;

/* Each may be NULL but `ended`. */
struct link_events {
    void (*opened)(void *context); /* of connect; an accepted link is open */
    void (*received)(void *context, const uint8_t *bytes, size_t size);
    void (*writable)(void *context);
    void (*finished)(void *context); /* the peer will send no more; it may still receive */
    void (*ended)(void *context, enum link_end end);
};

/* A link that somebody opened to us: call link_attach, or link_abort, before returning. */
typedef void link_accepted(void *context, struct link *link);

struct transport;
struct listener;

struct transport_functions {
    mr_rc_t (*listen)(struct transport *t, const struct address *at, link_accepted *accepted,
                      void *context, struct listener **ret_listener);
    void (*unlisten)(struct listener *listener);
    mr_rc_t (*connect)(struct transport *t, const struct address *to,
                       const struct link_events *events, void *context, struct link **ret_link);
    size_t (*send)(struct link *link, const void *bytes, size_t size);
    void (*reading)(struct link *link, bool on);
    void (*close)(struct link *link);
    void (*abort)(struct link *link);
    struct address (*local)(struct link *link);
    uint64_t (*identity)(struct link *link);
    void (*free)(struct transport *t);
};

/* The three below are the first member of an implementation's own. */
struct transport {
    const struct transport_functions *functions;
    struct loop *loop;
};

struct listener {
    struct transport *transport;
    struct address local; /* with the port that was found when 0 was asked for */
    link_accepted *accepted;
    void *context;
};

struct link {
    struct transport *transport;
    struct address peer;
    const struct link_events *events;
    void *context;
};

static inline const struct transport_functions *transport_on_loop(const struct transport *t)
{
    check(loop_is_here(t->loop));
    return t->functions;
}

/* Port 0 takes a free one: see listener->local. MR_ERR_SYSTEM: the address is in use or not
 * ours, or descriptors have run out (errno tells). MR_ERR_MEMORY. */
static inline mr_rc_t transport_listen(struct transport *t, const struct address *at,
                                       link_accepted *accepted, void *context,
                                       struct listener **ret_listener)
{
    return transport_on_loop(t)->listen(t, at, accepted, context, ret_listener);
}

/* Accepts no more, frees the listener; its links stay. NULL is fine. */
static inline void transport_unlisten(struct listener *l)
{
    if (l)
        transport_on_loop(l->transport)->unlisten(l);
}

/* MR_ERR_MEMORY, MR_ERR_SYSTEM: no descriptors left; then there is no link and no callback. What
 * the network answers is told by `opened` or `ended`. Sending may begin at once. */
static inline mr_rc_t transport_connect(struct transport *t, const struct address *to,
                                        const struct link_events *events, void *context,
                                        struct link **ret_link)
{
    return transport_on_loop(t)->connect(t, to, events, context, ret_link);
}

/* Aborts every link without a callback, drops every listener. NULL is fine. */
static inline void transport_free(struct transport *t)
{
    if (t)
        transport_on_loop(t)->free(t);
}

static inline void link_attach(struct link *link, const struct link_events *events, void *context)
{
    check(loop_is_here(link->transport->loop));
    check(events->ended);
    link->events = events;
    link->context = context;
}

/* Returns how many bytes were taken, from the front; copies them. Not after link_close. */
static inline size_t link_send(struct link *link, const void *bytes, size_t size)
{
    return transport_on_loop(link->transport)->send(link, bytes, size);
}

/* Reading is on at first. While it is off neither `received` nor `finished` is called. */
static inline void link_reading(struct link *link, bool on)
{
    transport_on_loop(link->transport)->reading(link, on);
}

/* Says our end after everything that was sent. The link ends when the peer has said its own; until
 * then `received` is still called. Twice is once. */
static inline void link_close(struct link *link)
{
    transport_on_loop(link->transport)->close(link);
}

/* Breaks off, losing what was not sent yet. No callback follows. NULL is fine. */
static inline void link_abort(struct link *link)
{
    if (link)
        transport_on_loop(link->transport)->abort(link);
}

/* This side's address and port. Zeros: it has none yet. */
static inline struct address link_local(struct link *link)
{
    return transport_on_loop(link->transport)->local(link);
}

/* A number that no other link has, and that stays; 0 when what stands behind the link is not what
 * it was, or has been shut by somebody else: a program that we are part of may have closed our
 * descriptors. From the first question on a stranger's descriptor is left alone. */
static inline uint64_t link_identity(struct link *link)
{
    return transport_on_loop(link->transport)->identity(link);
}

#endif
