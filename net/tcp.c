#define _GNU_SOURCE
#include "net/tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/base/list.h"
#include "net/base/log.h"
#include "net/base/mem.h"

enum {
    OUT_LEAST = 4096,
    OUT_KEPT = 64 * 1024,   /* a larger buffer is given back when it is empty */
    ACCEPTS_PER_ROUND = 64, /* so that a storm of connections does not starve the open ones */
    ACCEPTS_SHARED = 1,     /* and of a shared listener, so that each loop gets its share */
    ACCEPT_REST_NS = 100000000,
};

struct tcp {
    struct transport transport;
    struct loop_part part;
    struct list links, listeners;
    struct list work; /* links that the end of the round has to look at */
    uint8_t in[LINK_READ_MAX];
};

struct tcp_listener {
    struct listener listener;
    struct list node;
    struct event event;
    struct loop_timer rest;
    int accepts; /* at most, per round */
    int fd;
};

enum phase { OPENING, OPEN, ENDING, GONE };

/* What has become of our direction. */
enum saying { SAYING, LAST_WORDS, SAID };

struct tcp_link {
    struct link link;
    struct list node, work;
    struct event read_event, write_event;
    int fd;
    enum phase phase;
    enum saying saying;
    enum link_end end; /* in ENDING */
    bool peer_said;
    uint64_t cookie; /* the kernel's number for the socket; 0: nobody has asked yet */
    bool reads;      /* wishes to be told what comes */
    bool wants_room; /* a send took less than it was given */
    uint8_t *out;
    size_t out_room, out_start, out_size;
};

/* ---- addresses and sockets ------------------------------------------------------------------ */

static socklen_t to_sockaddr(const struct address *a, struct sockaddr_storage *s)
{
    memset(s, 0, sizeof *s);
    if (address_is_v4(a)) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)s;

        v4->sin_family = AF_INET;
        v4->sin_port = htons(a->port);
        memcpy(&v4->sin_addr, a->ip + 12, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)s;

    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(a->port);
    memcpy(&v6->sin6_addr, a->ip, 16);
    return sizeof *v6;
}

static void from_sockaddr(const struct sockaddr_storage *s, struct address *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)s;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)s;

    memset(a, 0, sizeof *a);
    if (s->ss_family == AF_INET) {
        a->ip[10] = a->ip[11] = 0xff;
        memcpy(a->ip + 12, &v4->sin_addr, 4);
        a->port = ntohs(v4->sin_port);
    } else {
        memcpy(a->ip, &v6->sin6_addr, 16);
        a->port = ntohs(v6->sin6_port);
    }
}

static int make_socket(const struct address *a)
{
    return socket(address_is_v4(a) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                  0);
}

static void set_option(int fd, int level, int option)
{
    const int on = 1;

    check(setsockopt(fd, level, option, &on, sizeof on) == 0);
}

static enum link_end end_of_errno(int number)
{
    switch (number) {
    case ECONNREFUSED: return LINK_REFUSED;
    case ECONNRESET:
    case EPIPE: return LINK_RESET;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL: return LINK_UNREACHABLE;
    case EBADF:
    case ENOTSOCK: return LINK_FOREIGN;
    default: return LINK_FAILED;
    }
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/* 0: unknown. */
static uint8_t state_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_state : 0;
}

/* RST, now. With no time to linger, closing discards what was not sent; but while a forked child
 * has the descriptor too, only connect makes an end of the connection. */
static void break_off(int fd)
{
    const struct linger none = {1, 0};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    connect(fd, &nobody, sizeof nobody);
    close(fd);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static struct tcp *tcp_of(const struct tcp_link *l)
{
    return (struct tcp *)l->link.transport;
}

static void look_at_end_of_round(struct tcp_link *l)
{
    if (!l->work.next)
        list_add_last(&tcp_of(l)->work, &l->work);
}

static void end_with(struct tcp_link *l, enum link_end end)
{
    event_del(&l->read_event);
    event_del(&l->write_event);
    l->phase = ENDING;
    l->end = end;
    look_at_end_of_round(l);
}

static void end_if_both_said(struct tcp_link *l)
{
    if (l->phase == OPEN && l->saying == SAID && l->peer_said)
        end_with(l, LINK_CLOSED);
}

/* Without memory for one more event there is no way on for this link. */
static void watch(struct tcp_link *l, struct event *event)
{
    if (event_add(event, NULL) != 0)
        end_with(l, LINK_FAILED);
}

static bool is_ours(const struct tcp_link *l)
{
    return l->fd >= 0 && (l->cookie == 0 || cookie_of(l->fd) == l->cookie);
}

/* FIN only where both have said it already. A number that is somebody else's by now is his. */
static void let_go(struct tcp_link *l)
{
    if (!is_ours(l))
        return;
    if (l->phase == ENDING && l->end == LINK_CLOSED)
        close(l->fd);
    else
        break_off(l->fd);
}

static void link_free(struct tcp_link *l)
{
    list_remove(&l->node);
    list_remove(&l->work);
    let_go(l);
    mem_free(l->out);
    mem_free(l);
}

static void close_hard(struct tcp_link *l)
{
    event_del(&l->read_event);
    event_del(&l->write_event);
    if (is_ours(l))
        break_off(l->fd);
    l->fd = -1;
}

static void tcp_abort(struct link *link)
{
    struct tcp_link *l = (struct tcp_link *)link;

    check(l->phase != GONE);
    close_hard(l);
    l->phase = GONE;
    look_at_end_of_round(l);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* Makes room for `size` more bytes, as far as there may be and is memory. */
static void make_room(struct tcp_link *l, size_t size)
{
    size_t want = l->out_size + size, room = l->out_room;

    if (l->out_start > 0)
        memmove(l->out, l->out + l->out_start, l->out_size);
    l->out_start = 0;
    while (room < want && room < LINK_SEND_MAX)
        room *= 2;
    uint8_t *out = room > l->out_room ? mem_realloc(l->out, room) : NULL;

    if (out) {
        l->out = out;
        l->out_room = room;
    }
}

static size_t tcp_send(struct link *link, const void *bytes, size_t size)
{
    struct tcp_link *l = (struct tcp_link *)link;

    check(l->saying == SAYING);
    check(l->phase != GONE);
    if (l->phase == ENDING)
        return size; /* lost, like all that is under way; `ended` is about to come */
    if (size > l->out_room - l->out_start - l->out_size)
        make_room(l, size);

    size_t room = l->out_room - l->out_start - l->out_size;
    size_t taken = size < room ? size : room;

    if (taken > 0)
        memcpy(l->out + l->out_start + l->out_size, bytes, taken);
    l->out_size += taken;
    l->wants_room |= taken < size;
    look_at_end_of_round(l);
    return taken;
}

static void give_back_room(struct tcp_link *l)
{
    l->out_start = 0;
    if (l->out_room <= OUT_KEPT)
        return;
    uint8_t *out = mem_realloc(l->out, OUT_LEAST);

    if (out) {
        l->out = out;
        l->out_room = OUT_LEAST;
    }
}

/* One system call. */
static void write_out(struct tcp_link *l)
{
    ssize_t n = send(l->fd, l->out + l->out_start, l->out_size, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        end_with(l, end_of_errno(errno));
        return;
    }
    if (n > 0) {
        l->out_start += (size_t)n;
        l->out_size -= (size_t)n;
    }
    if (l->out_size == 0)
        give_back_room(l);
    else
        watch(l, &l->write_event);
}

static void flush(struct tcp_link *l)
{
    if (l->out_size > 0)
        write_out(l);
    if (l->phase != OPEN)
        return;
    if (l->saying == LAST_WORDS && l->out_size == 0) {
        shutdown(l->fd, SHUT_WR); /* fails when the peer has reset it, which reading tells */
        l->saying = SAID;
        end_if_both_said(l);
    }
    if (l->phase == OPEN && l->wants_room && l->out_size <= LINK_SEND_MAX / 2) {
        l->wants_room = false;
        if (l->saying == SAYING && l->link.events->writable)
            l->link.events->writable(l->link.context);
    }
}

static void tcp_close(struct link *link)
{
    struct tcp_link *l = (struct tcp_link *)link;

    check(l->phase != GONE);
    if (l->saying == SAYING)
        l->saying = LAST_WORDS;
    look_at_end_of_round(l);
}

/* ---- receiving and connecting --------------------------------------------------------------- */

static void peer_has_said(struct tcp_link *l)
{
    l->peer_said = true;
    event_del(&l->read_event);
    if (l->link.events->finished)
        l->link.events->finished(l->link.context);
    end_if_both_said(l);
}

/* recv() gave 0. Once an RST's error has been taken, it does that too. */
static bool is_fin(const struct tcp_link *l)
{
    return l->saying == SAID || state_of(l->fd) == TCP_CLOSE_WAIT;
}

static void readable(int fd, short what, void *context)
{
    struct tcp_link *l = context;
    struct tcp *t = tcp_of(l);
    ssize_t n = recv(fd, t->in, sizeof t->in, 0);

    (void)what;
    if (n == 0 && !is_fin(l))
        end_with(l, LINK_RESET);
    else if (n == 0)
        peer_has_said(l);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        end_with(l, end_of_errno(errno));
    else if (n > 0 && l->link.events->received)
        l->link.events->received(l->link.context, t->in, (size_t)n);
}

static void connected(struct tcp_link *l)
{
    int number = 0;
    socklen_t size = sizeof number;

    check(getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0);
    if (number != 0) {
        end_with(l, end_of_errno(number));
        return;
    }
    l->phase = OPEN;
    if (l->reads)
        watch(l, &l->read_event);
    look_at_end_of_round(l); /* for what was sent, or closed, before */
    if (l->phase == OPEN && l->link.events->opened)
        l->link.events->opened(l->link.context);
}

static void writable(int fd, short what, void *context)
{
    struct tcp_link *l = context;

    (void)fd, (void)what;
    if (l->phase == OPENING)
        connected(l);
    else
        look_at_end_of_round(l);
}

static void tcp_reading(struct link *link, bool on)
{
    struct tcp_link *l = (struct tcp_link *)link;

    check(l->phase != GONE);
    l->reads = on;
    if (l->phase != OPEN || l->peer_said)
        return;
    if (on)
        watch(l, &l->read_event);
    else
        event_del(&l->read_event);
}

static struct address tcp_local(struct link *link)
{
    struct tcp_link *l = (struct tcp_link *)link;
    struct sockaddr_storage s = {0};
    socklen_t size = sizeof s;
    struct address a = {0};

    if (is_ours(l) && getsockname(l->fd, (struct sockaddr *)&s, &size) == 0)
        from_sockaddr(&s, &a);
    return a;
}

/* Has somebody sent our FIN who is not this file? */
static bool is_shut(const struct tcp_link *l)
{
    uint8_t state = state_of(l->fd);

    return l->saying != SAID && (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
                                 state == TCP_CLOSING || state == TCP_LAST_ACK);
}

static uint64_t tcp_identity(struct link *link)
{
    struct tcp_link *l = (struct tcp_link *)link;

    check(l->phase != GONE);
    if (l->cookie == 0)
        l->cookie = cookie_of(l->fd);
    return is_ours(l) && !is_shut(l) ? l->cookie : 0;
}

/* Takes over fd, on failure too. */
static struct tcp_link *link_new(struct tcp *t, int fd, const struct address *peer,
                                 enum phase phase)
{
    struct tcp_link *l = mem_alloc_zero(sizeof *l);
    struct event_base *base = loop_events_on_loop(t->transport.loop);

    if (!l || !(l->out = mem_alloc(OUT_LEAST))) {
        mem_free(l);
        break_off(fd);
        return NULL;
    }
    l->link = (struct link){.transport = &t->transport, .peer = *peer};
    l->fd = fd;
    l->phase = phase;
    l->reads = true;
    l->out_room = OUT_LEAST;
    list_add_last(&t->links, &l->node);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    check(event_assign(&l->read_event, base, fd, EV_READ | EV_PERSIST, readable, l) == 0);
    check(event_assign(&l->write_event, base, fd, EV_WRITE, writable, l) == 0);
    return l;
}

static mr_rc_t tcp_connect(struct transport *transport, const struct address *to,
                           const struct link_events *events, void *context, struct link **ret_link)
{
    struct sockaddr_storage s;
    socklen_t size = to_sockaddr(to, &s);
    int fd = make_socket(to);

    if (fd < 0)
        return MR_ERR_SYSTEM;
    struct tcp_link *l = link_new((struct tcp *)transport, fd, to, OPENING);

    if (!l)
        return MR_ERR_MEMORY;
    link_attach(&l->link, events, context);
    if (connect(fd, (struct sockaddr *)&s, size) == 0 || errno == EINPROGRESS)
        watch(l, &l->write_event);
    else
        end_with(l, end_of_errno(errno));
    *ret_link = &l->link;
    return MR_OK;
}

/* ---- listening ------------------------------------------------------------------------------ */

static void accept_again(void *context);

static void rest(struct tcp_listener *listener)
{
    event_del(&listener->event);
    timer_start_on_loop(listener->listener.transport->loop, &listener->rest, ACCEPT_REST_NS, 0,
                        accept_again, listener);
}

static void accept_again(void *context)
{
    struct tcp_listener *listener = context;

    if (event_add(&listener->event, NULL) != 0)
        rest(listener);
}

/* False: there is nobody more to accept now. */
static bool accept_one(struct tcp_listener *listener)
{
    struct sockaddr_storage s;
    socklen_t size = sizeof s;
    struct tcp *t = (struct tcp *)listener->listener.transport;
    int fd = accept4(listener->fd, (struct sockaddr *)&s, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct address peer;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        log_event(LOG_ERROR, "tcp.accept_failed", F_ERRNO("errno", errno),
                  F_U64("port", listener->listener.local.port));
        rest(listener);
        return false;
    }
    if (fd < 0)
        return errno == ECONNABORTED || errno == EINTR;
    from_sockaddr(&s, &peer);

    struct tcp_link *l = link_new(t, fd, &peer, OPEN);

    if (!l)
        return true; /* the peer sees a reset */
    watch(l, &l->read_event);
    listener->listener.accepted(listener->listener.context, &l->link);
    check(l->link.events || l->phase == GONE);
    return true;
}

static void acceptable(int fd, short what, void *context)
{
    struct tcp_listener *listener = context;

    (void)fd, (void)what;
    for (int i = 0; i < listener->accepts && accept_one(listener); i++)
        ;
}

static void listener_free(struct tcp_listener *listener)
{
    list_remove(&listener->node);
    timer_cancel_on_loop(listener->listener.transport->loop, &listener->rest);
    event_del(&listener->event);
    close(listener->fd);
    mem_free(listener);
}

static void tcp_unlisten(struct listener *listener)
{
    listener_free((struct tcp_listener *)listener);
}

/* A socket that listens, or -1. *a becomes the address it has. */
static int listening_socket(struct address *a)
{
    struct sockaddr_storage s;
    socklen_t size = to_sockaddr(a, &s), got = sizeof s;
    int fd = make_socket(a);

    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (!address_is_v4(a))
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (bind(fd, (struct sockaddr *)&s, size) != 0 || listen(fd, SOMAXCONN) != 0) {
        int number = errno;

        close(fd);
        errno = number;
        return -1;
    }
    check(getsockname(fd, (struct sockaddr *)&s, &got) == 0);
    from_sockaddr(&s, a);
    return fd;
}

/* Listens on fd, which it takes over, also when it fails. */
static mr_rc_t listen_on(struct transport *transport, int fd, int accepts,
                         const struct listener *listener, struct listener **ret_listener)
{
    struct tcp *t = (struct tcp *)transport;
    struct tcp_listener *l = mem_alloc_zero(sizeof *l);

    if (!l)
        goto fail;
    l->listener = *listener;
    l->fd = fd;
    l->accepts = accepts;
    check(event_assign(&l->event, loop_events_on_loop(transport->loop), fd, EV_READ | EV_PERSIST,
                       acceptable, l) == 0);
    if (event_add(&l->event, NULL) != 0)
        goto fail;
    list_add_last(&t->listeners, &l->node);
    *ret_listener = &l->listener;
    return MR_OK;

fail:
    close(fd);
    mem_free(l);
    return MR_ERR_MEMORY;
}

static mr_rc_t tcp_listen(struct transport *transport, const struct address *at,
                          link_accepted *accepted, void *context, struct listener **ret_listener)
{
    struct listener l = {transport, *at, accepted, context};
    int fd = listening_socket(&l.local);

    return fd < 0 ? MR_ERR_SYSTEM : listen_on(transport, fd, ACCEPTS_PER_ROUND, &l, ret_listener);
}

mr_rc_t tcp_listen_beside_on_loop(struct transport *transport, struct listener *other,
                                  link_accepted *accepted, void *context,
                                  struct listener **ret_listener)
{
    struct tcp_listener *first = (struct tcp_listener *)other;
    struct listener l = {transport, other->local, accepted, context};
    int fd = fcntl(first->fd, F_DUPFD_CLOEXEC, 0);

    first->accepts = ACCEPTS_SHARED;
    return fd < 0 ? MR_ERR_SYSTEM : listen_on(transport, fd, ACCEPTS_SHARED, &l, ret_listener);
}

/* ---- the round and the whole ---------------------------------------------------------------- */

static void end_of_round(void *context)
{
    struct tcp *t = context;
    struct list work, *node;

    list_init(&work);
    list_move(&t->work, &work); /* what callbacks add is the next round's */
    while ((node = list_take_first(&work))) {
        struct tcp_link *l = list_owner(node, struct tcp_link, work);

        if (l->phase == OPEN)
            flush(l);
        else if (l->phase == ENDING) {
            l->link.events->ended(l->link.context, l->end);
            link_free(l);
        } else if (l->phase == GONE)
            link_free(l);
    }
}

static uint64_t next_round(void *context)
{
    struct tcp *t = context;

    return list_is_empty(&t->work) ? LOOP_NEVER : 0;
}

static void tcp_free(struct transport *transport)
{
    struct tcp *t = (struct tcp *)transport;

    while (!list_is_empty(&t->listeners))
        listener_free(list_owner(t->listeners.next, struct tcp_listener, node));
    while (!list_is_empty(&t->links)) {
        struct tcp_link *l = list_owner(t->links.next, struct tcp_link, node);

        if (l->phase != GONE)
            close_hard(l);
        link_free(l);
    }
    part_remove_on_loop(transport->loop, &t->part);
    mem_free(t);
}

static const struct transport_functions functions = {
    tcp_listen, tcp_unlisten, tcp_connect, tcp_send,     tcp_reading,
    tcp_close,  tcp_abort,    tcp_local,   tcp_identity, tcp_free,
};

mr_rc_t tcp_new_on_loop(struct loop *loop, struct transport **ret_transport)
{
    struct tcp *t = mem_alloc_zero(sizeof *t);

    if (!t)
        return MR_ERR_MEMORY;
    t->transport = (struct transport){&functions, loop};
    t->part = (struct loop_part){.end = end_of_round, .next_ns = next_round, .context = t};
    list_init(&t->links);
    list_init(&t->listeners);
    list_init(&t->work);
    part_add_on_loop(loop, &t->part);
    *ret_transport = &t->transport;
    return MR_OK;
}
