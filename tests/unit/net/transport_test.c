/* transport_test.c - what every transport has to do, asked of the kernel's sockets and of the
 * network in memory. PROMISE makes two tests of each sentence: tcp and memory. */
#define _GNU_SOURCE
#include "net/transport.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/clock.h"
#include "net/base/rand.h"
#include "net/memory.h"
#include "net/tcp.h"
#include "tests/unit/scarce.h"

/* ---- two hosts on one loop ------------------------------------------------------------------ */

struct world {
    struct loop *loop;
    struct transport *client, *server;
    struct memory_network *net; /* NULL: tcp */
    struct address client_host, server_host;
};

static uint64_t virtual_ns = 1000000000;

static uint64_t virtual_clock(void *context)
{
    (void)context;
    return virtual_ns;
}

static struct address host(const char *text)
{
    struct address a;

    cr_assert(eq(int, address_parse(text, 0, &a), MR_OK));
    return a;
}

static struct world tcp_world(void)
{
    struct world w = {.client_host = host("127.0.0.1"), .server_host = host("127.0.0.1")};

    cr_assert(eq(int, loop_new(&w.loop), MR_OK));
    cr_assert(eq(int, tcp_new_on_loop(w.loop, &w.client), MR_OK));
    cr_assert(eq(int, tcp_new_on_loop(w.loop, &w.server), MR_OK));
    return w;
}

static struct world memory_world(void)
{
    struct world w = {.client_host = host("10.0.0.1"), .server_host = host("10.0.0.2")};
    struct memory_config config = {7, 100000, 900000};

    clock_set(virtual_clock, NULL);
    cr_assert(eq(int, loop_new(&w.loop), MR_OK));
    cr_assert(eq(int, memory_network_new(&config, &w.net), MR_OK));
    cr_assert(eq(int, memory_host_new(w.net, w.loop, &w.client_host, &w.client), MR_OK));
    cr_assert(eq(int, memory_host_new(w.net, w.loop, &w.server_host, &w.server), MR_OK));
    return w;
}

static void world_end(struct world *w)
{
    transport_free(w->client);
    transport_free(w->server);
    memory_network_free(w->net);
    loop_free(w->loop);
    clock_set(NULL, NULL);
}

#define PROMISE(sentence)                                                                          \
    static void sentence(struct world *w);                                                         \
    Test(tcp, sentence, .timeout = 60)                                                             \
    {                                                                                              \
        struct world w = tcp_world();                                                              \
        sentence(&w);                                                                              \
        world_end(&w);                                                                             \
    }                                                                                              \
    Test(memory, sentence, .timeout = 60)                                                          \
    {                                                                                              \
        struct world w = memory_world();                                                           \
        sentence(&w);                                                                              \
        world_end(&w);                                                                             \
    }                                                                                              \
    static void sentence(struct world *w)

/* One round; in memory time goes on to the next thing that happens. False: nothing will. */
static bool step(struct world *w)
{
    uint64_t next = loop_round(w->loop);

    if (!w->net)
        return true;
    if (next != LOOP_NEVER && next > virtual_ns)
        virtual_ns = next;
    return next != LOOP_NEVER;
}

/* Goes on until *flag is at least `least`. */
static void until(struct world *w, const int *flag, int least)
{
    while (*flag < least)
        cr_assert(step(w) || *flag >= least, "the network is still before it happened");
}

/* Goes on long enough for whatever is under way to happen. */
static void a_while(struct world *w)
{
    for (int i = 0; i < 1000 && step(w); i++)
        ;
}

/* ---- an end of a link that notes what happens ----------------------------------------------- */

enum { KEPT = 1 << 16 };

struct end {
    struct link *link; /* NULL once it has ended */
    int opened, finished, ended, writable;
    enum link_end why;
    int got; /* bytes */
    uint8_t bytes[KEPT];
    uint64_t sum; /* of all bytes, by their places */
    bool echo, close_when_finished;
    struct end *next_accepted;
};

static uint64_t add(uint64_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static void on_opened(void *context)
{
    ((struct end *)context)->opened++;
}

static void on_received(void *context, const uint8_t *bytes, size_t size)
{
    struct end *e = context;

    cr_assert(gt(sz, size, 0));
    cr_assert(le(sz, size, LINK_READ_MAX));
    if ((size_t)e->got + size <= KEPT)
        memcpy(e->bytes + e->got, bytes, size);
    e->got += (int)size;
    e->sum = add(e->sum, bytes, size);
    if (e->echo)
        cr_assert(eq(sz, link_send(e->link, bytes, size), size));
}

static void on_writable(void *context)
{
    ((struct end *)context)->writable++;
}

static void on_finished(void *context)
{
    struct end *e = context;

    e->finished++;
    if (e->close_when_finished)
        link_close(e->link);
}

static void on_ended(void *context, enum link_end why)
{
    struct end *e = context;

    e->ended++;
    e->why = why;
    e->link = NULL;
}

static const struct link_events events = {on_opened, on_received, on_writable, on_finished,
                                          on_ended};

struct server {
    struct listener *listener;
    struct end *ends; /* accepted so far, newest first */
    int accepted;
    struct end model; /* how an accepted end behaves */
};

static void on_accepted(void *context, struct link *link)
{
    struct server *s = context;
    struct end *e = malloc(sizeof *e);

    *e = s->model;
    e->link = link;
    e->next_accepted = s->ends;
    s->ends = e;
    s->accepted++;
    link_attach(link, &events, e);
}

static void serve(struct world *w, struct server *s)
{
    cr_assert(
        eq(int, transport_listen(w->server, &w->server_host, on_accepted, s, &s->listener), MR_OK));
    cr_assert(not(zero(int, s->listener->local.port)));
}

static void server_end(struct server *s)
{
    for (struct end *next, *e = s->ends; e; e = next) {
        next = e->next_accepted;
        link_abort(e->link);
        free(e);
    }
    transport_unlisten(s->listener);
}

static void dial(struct world *w, const struct address *to, struct end *e)
{
    cr_assert(eq(int, transport_connect(w->client, to, &events, e, &e->link), MR_OK));
    cr_assert(zero(int, e->opened + e->ended)); /* never from inside */
}

static void meet(struct world *w, struct server *s, struct end *e)
{
    serve(w, s);
    dial(w, &s->listener->local, e);
    until(w, &e->opened, 1);
    until(w, &s->accepted, 1);
}

/* ---- what a transport promises -------------------------------------------------------------- */

PROMISE(carries_bytes_there_and_back)
{
    static struct server s = {.model = {.echo = true}};
    static struct end e;

    meet(w, &s, &e);
    cr_assert(eq(sz, link_send(e.link, "hello ", 6), 6));
    cr_assert(eq(sz, link_send(e.link, "world", 5), 5));
    until(w, &e.got, 11);
    cr_assert(zero(int, memcmp(e.bytes, "hello world", 11)));
    cr_assert(address_equal(&e.link->peer, &s.listener->local));
    cr_assert(address_same_host(&s.ends->link->peer, &w->client_host));
    server_end(&s);
}

PROMISE(takes_bytes_before_the_link_is_open)
{
    static struct server s;
    static struct end e;

    serve(w, &s);
    dial(w, &s.listener->local, &e);
    cr_assert(eq(sz, link_send(e.link, "early", 5), 5));
    until(w, &s.accepted, 1);
    until(w, &s.ends->got, 5);
    until(w, &e.opened, 1);
    server_end(&s);
}

PROMISE(carries_a_large_transfer_whole_past_a_receiver_that_stops_reading)
{
    enum { TOTAL = 20 << 20 };
    static struct server s;
    static struct end e;
    uint8_t *bytes = malloc(TOTAL);
    size_t sent = 0, taken;
    struct rand r;

    rand_init(&r, 3);
    for (size_t i = 0; i < TOTAL; i += 8)
        memcpy(bytes + i, &(uint64_t){rand_next(&r)}, 8);
    meet(w, &s, &e);
    link_reading(s.ends->link, false);

    /* Until it takes no more although time goes on: the receiver's silence has come through. */
    do {
        taken = link_send(e.link, bytes + sent, TOTAL - sent);
        sent += taken;
        a_while(w);
    } while (taken > 0);
    cr_assert(gt(sz, sent, 0));
    cr_assert(lt(sz, sent, TOTAL));
    int got = s.ends->got, told = e.writable;

    link_reading(s.ends->link, true);
    until(w, &e.writable, told + 1);
    while (sent < TOTAL) {
        sent += link_send(e.link, bytes + sent, TOTAL - sent);
        step(w);
    }
    until(w, &s.ends->got, TOTAL);
    cr_assert(lt(int, got, TOTAL));
    cr_assert(eq(u64, s.ends->sum, add(0, bytes, TOTAL)));
    server_end(&s);
    free(bytes);
}

PROMISE(close_delivers_everything_and_then_the_end)
{
    static struct server s = {.model = {.close_when_finished = true}};
    static struct end e;
    static uint8_t bytes[1 << 20];
    size_t sent = 0, taken;

    meet(w, &s, &e);
    link_reading(s.ends->link, false); /* so that much is still ours when we close */
    do {
        taken = link_send(e.link, bytes, sizeof bytes);
        sent += taken;
        a_while(w);
    } while (taken > 0);
    link_close(e.link);
    link_close(e.link);
    a_while(w);
    link_reading(s.ends->link, true);
    until(w, &e.ended, 1);
    until(w, &s.ends->ended, 1);
    cr_assert(eq(sz, (size_t)s.ends->got, sent));
    cr_assert(eq(int, s.ends->finished, 1));
    cr_assert(eq(int, s.ends->why, LINK_CLOSED));
    cr_assert(eq(int, e.finished, 1));
    cr_assert(eq(int, e.why, LINK_CLOSED));
    server_end(&s);
}

PROMISE(a_side_that_has_closed_still_receives)
{
    static struct server s;
    static struct end e;

    meet(w, &s, &e);
    link_close(e.link);
    until(w, &s.ends->finished, 1);
    cr_assert(eq(sz, link_send(s.ends->link, "late", 4), 4));
    until(w, &e.got, 4);
    cr_assert(zero(int, e.ended + s.ends->ended));
    link_close(s.ends->link);
    until(w, &e.ended, 1);
    until(w, &s.ends->ended, 1);
    cr_assert(eq(int, e.why, LINK_CLOSED));
    server_end(&s);
}

PROMISE(abort_is_seen_as_a_reset_and_calls_nobody_here)
{
    static struct server s;
    static struct end e;

    meet(w, &s, &e);
    link_abort(e.link);
    until(w, &s.ends->ended, 1);
    cr_assert(eq(int, s.ends->why, LINK_RESET));
    cr_assert(zero(int, s.ends->finished));
    cr_assert(zero(int, e.ended));
    link_abort(NULL);
    server_end(&s);
}

PROMISE(a_port_where_nobody_listens_refuses)
{
    static struct server s;
    static struct end e;

    serve(w, &s);
    struct address there = s.listener->local;

    transport_unlisten(s.listener);
    transport_unlisten(NULL);
    dial(w, &there, &e);
    until(w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_REFUSED));
    cr_assert(zero(int, e.opened));
}

PROMISE(a_port_that_is_taken_cannot_be_listened_on)
{
    static struct server s;
    struct listener *none = NULL;

    serve(w, &s);
    cr_assert(eq(int, transport_listen(w->server, &s.listener->local, on_accepted, &s, &none),
                 MR_ERR_SYSTEM));
    cr_assert(zero(ptr, none));
    server_end(&s);
}

static struct link *victim;

static void abort_victim(void *context, const uint8_t *bytes, size_t size)
{
    (void)context, (void)bytes, (void)size;
    link_abort(victim);
}

static void abort_itself(void *context, enum link_end why)
{
    struct end *e = context;

    link_abort(e->link);
    on_ended(context, why);
}

PROMISE(a_link_may_be_aborted_from_its_own_callbacks)
{
    static struct server s = {.model = {.echo = true}};
    static struct end e, f;
    const struct link_events violent = {.received = abort_victim, .ended = on_ended};
    const struct link_events doubtful = {.opened = on_opened, .ended = abort_itself};

    meet(w, &s, &e);
    victim = e.link;
    link_attach(e.link, &violent, &e);
    cr_assert(eq(sz, link_send(e.link, "x", 1), 1));
    until(w, &s.ends->ended, 1);
    cr_assert(eq(int, s.ends->why, LINK_RESET));
    cr_assert(zero(int, e.ended));

    dial(w, &s.listener->local, &f);
    link_attach(f.link, &doubtful, &f);
    until(w, &s.accepted, 2);
    until(w, &f.opened, 1);
    link_abort(s.ends->link);
    s.ends->link = NULL;
    until(w, &f.ended, 1);
    a_while(w);
    server_end(&s);
}

PROMISE(keeps_many_links_apart)
{
    enum { N = 200 };
    static struct server s = {.model = {.echo = true, .close_when_finished = true}};
    static struct end ends[N];

    serve(w, &s);
    for (int i = 0; i < N; i++)
        dial(w, &s.listener->local, &ends[i]);
    for (int i = 0; i < N; i++) {
        char text[32];

        cr_assert(eq(sz, link_send(ends[i].link, text, (size_t)sprintf(text, "link %d", i)),
                     strlen(text)));
    }
    for (int i = 0; i < N; i++) {
        char text[32];

        until(w, &ends[i].got, sprintf(text, "link %d", i));
        cr_assert(zero(int, memcmp(ends[i].bytes, text, strlen(text))));
        link_close(ends[i].link);
    }
    for (int i = 0; i < N; i++) {
        until(w, &ends[i].ended, 1);
        cr_assert(eq(int, ends[i].why, LINK_CLOSED));
    }
    cr_assert(eq(int, s.accepted, N));
    server_end(&s);
}

PROMISE(knows_both_addresses_of_a_link)
{
    static struct server s;
    static struct end e;

    meet(w, &s, &e);
    struct address here = link_local(e.link), there = link_local(s.ends->link);

    cr_assert(address_equal(&here, &s.ends->link->peer));
    cr_assert(address_equal(&there, &e.link->peer));
    server_end(&s);
}

PROMISE(a_link_has_a_number_of_its_own_that_stays)
{
    static struct server s;
    static struct end e;

    meet(w, &s, &e);
    uint64_t number = link_identity(e.link);

    cr_assert(ne(u64, number, 0));
    cr_assert(ne(u64, number, link_identity(s.ends->link)));
    cr_assert(eq(sz, link_send(e.link, "x", 1), 1));
    until(w, &s.ends->got, 1);
    cr_assert(eq(u64, number, link_identity(e.link)));
    link_close(s.ends->link);
    until(w, &e.finished, 1);
    cr_assert(eq(u64, number, link_identity(e.link)));
    server_end(&s);
}

PROMISE(says_when_there_is_no_memory_and_goes_on_when_there_is)
{
    static uint8_t bytes[100000];
    static struct server s;
    static struct end e, f;
    struct listener *none = NULL;

    meet(w, &s, &e);
    mem_hooks_set(&scarce);
    scarce_left = 0;
    cr_assert(eq(int, transport_listen(w->server, &w->server_host, on_accepted, &s, &none),
                 MR_ERR_MEMORY));
    for (int n = 0; n < 2; n++) {
        scarce_left = n; /* each needs two */
        cr_assert(eq(int, transport_connect(w->client, &s.listener->local, &events, &f, &f.link),
                     MR_ERR_MEMORY));
    }
    scarce_left = 0;
    size_t taken = link_send(e.link, bytes, sizeof bytes);

    cr_assert(lt(sz, taken, sizeof bytes));
    until(w, &e.writable, 1);
    mem_hooks_set(NULL);
    cr_assert(eq(sz, link_send(e.link, bytes, sizeof bytes - taken), sizeof bytes - taken));
    until(w, &s.ends->got, sizeof bytes);
    server_end(&s);
}

/* ---- only the kernel ------------------------------------------------------------------------ */

Test(tcp, speaks_ipv6_where_there_is_any)
{
    struct world w = tcp_world();
    static struct server s;
    static struct end e;

    w.server_host = host("[::1]");
    if (transport_listen(w.server, &w.server_host, on_accepted, &s, &s.listener) != MR_OK)
        cr_skip("no IPv6 on this machine");
    dial(&w, &s.listener->local, &e);
    until(&w, &e.opened, 1);
    until(&w, &s.accepted, 1);
    cr_assert(address_same_host(&s.ends->link->peer, &w.server_host));
    server_end(&s);
    world_end(&w);
}

Test(tcp, says_when_there_is_no_memory_for_it)
{
    struct world w = tcp_world();
    struct transport *none = NULL;

    mem_hooks_set(&scarce);
    scarce_left = 0;
    cr_assert(eq(int, tcp_new_on_loop(w.loop, &none), MR_ERR_MEMORY));
    mem_hooks_set(NULL);
    cr_assert(zero(ptr, none));
    transport_free(NULL);
    world_end(&w);
}

/* The descriptor behind a link of this process. */
static int descriptor_of(struct link *link)
{
    struct address a = link_local(link);

    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in here = {0}, there = {0};
        socklen_t size = sizeof here;

        if (getsockname(fd, (struct sockaddr *)&here, &size) == 0 && here.sin_family == AF_INET &&
            ntohs(here.sin_port) == a.port &&
            getpeername(fd, (struct sockaddr *)&there, &size) == 0)
            return fd;
    }
    return -1;
}

Test(tcp, an_end_whose_reset_somebody_has_seen_before_us_is_a_reset, .timeout = 60)
{
    struct world w = tcp_world();
    static struct server s;
    static struct end e;
    int error = 0;
    socklen_t size = sizeof error;

    meet(&w, &s, &e);
    int fd = descriptor_of(e.link);

    link_abort(s.ends->link);
    s.ends->link = NULL;
    while (error == 0)
        cr_assert(zero(int, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)));
    until(&w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_RESET));
    cr_assert(zero(int, e.finished));
    server_end(&s);
    world_end(&w);
}

Test(tcp, abort_is_a_reset_though_a_forked_child_has_the_descriptor, .timeout = 60)
{
    struct world w = tcp_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    pid_t child = fork();

    if (child == 0) {
        alarm(20); /* in case that nobody is left to kill it */
        for (;;)
            pause();
    }
    link_abort(s.ends->link);
    s.ends->link = NULL;
    until(&w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_RESET));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    server_end(&s);
    world_end(&w);
}

Test(tcp, leaves_a_descriptor_alone_that_is_somebody_elses_by_now, .timeout = 60)
{
    struct world w = tcp_world();
    static struct server s;
    static struct end e;
    int pair[2];

    meet(&w, &s, &e);
    cr_assert(ne(u64, link_identity(e.link), 0));
    int fd = descriptor_of(e.link);

    close(fd);
    cr_assert(zero(u64, link_identity(e.link)));
    cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
    cr_assert(eq(int, pair[0], fd));
    cr_assert(zero(u64, link_identity(e.link)));
    struct address nowhere = link_local(e.link);

    cr_assert(zero(int, nowhere.port));
    link_abort(e.link);
    a_while(&w);
    cr_assert(eq(int, (int)write(pair[0], "x", 1), 1));
    cr_assert(eq(int, s.ends->finished, 1)); /* a FIN from the living */
    close(pair[0]);
    close(pair[1]);
    server_end(&s);
    world_end(&w);
}

Test(tcp, sees_that_somebody_else_has_shut_a_link, .timeout = 60)
{
    struct world w = tcp_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    cr_assert(zero(int, shutdown(descriptor_of(e.link), SHUT_WR)));
    cr_assert(zero(u64, link_identity(e.link)));
    server_end(&s);
    world_end(&w);
}

/* ---- only the network in memory ------------------------------------------------------------- */

Test(memory, a_cut_is_silence_and_nothing_is_lost_by_it)
{
    struct world w = memory_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    cr_assert(eq(int, memory_cut(w.net, &w.client_host, &w.server_host), MR_OK));
    cr_assert(eq(int, memory_cut(w.net, &w.server_host, &w.client_host), MR_OK));
    cr_assert(eq(sz, link_send(e.link, "x", 1), 1));
    link_close(e.link);
    a_while(&w);
    cr_assert(zero(int, s.ends->got + s.ends->finished + s.ends->ended + e.ended));
    memory_heal(w.net, &w.client_host, &w.server_host);
    memory_heal(w.net, &w.client_host, &w.server_host);
    until(&w, &s.ends->finished, 1);
    cr_assert(eq(int, s.ends->got, 1));
    server_end(&s);
    world_end(&w);
}

Test(memory, a_connection_through_a_cut_opens_when_it_is_healed)
{
    struct world w = memory_world();
    static struct server s;
    static struct end e;

    serve(&w, &s);
    cr_assert(eq(int, memory_cut(w.net, &w.client_host, &w.server_host), MR_OK));
    dial(&w, &s.listener->local, &e);
    a_while(&w);
    cr_assert(zero(int, s.accepted + e.opened + e.ended));
    memory_heal(w.net, &w.client_host, &w.server_host);
    until(&w, &e.opened, 1);
    server_end(&s);
    world_end(&w);
}

Test(memory, a_break_resets_both_sides)
{
    struct world w = memory_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    memory_break(w.net, &w.client_host, &w.server_host);
    cr_assert(eq(sz, link_send(e.link, "lost", 4), 4));
    until(&w, &e.ended, 1);
    until(&w, &s.ends->ended, 1);
    cr_assert(eq(int, e.why, LINK_RESET));
    cr_assert(eq(int, s.ends->why, LINK_RESET));
    cr_assert(zero(int, s.ends->got));
    server_end(&s);
    world_end(&w);
}

Test(memory, a_process_that_dies_says_its_end_after_all_it_has_sent)
{
    struct world w = memory_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    cr_assert(eq(sz, link_send(s.ends->link, "last words", 10), 10));
    memory_die(w.net, &w.server_host);
    s.ends->link = NULL;
    until(&w, &e.finished, 1);
    cr_assert(eq(int, e.got, 10));
    cr_assert(zero(int, e.ended));
    cr_assert(eq(sz, link_send(e.link, "x", 1), 1));
    until(&w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_RESET));
    server_end(&s);
    world_end(&w);
}

Test(memory, a_process_that_dies_with_something_unread_resets)
{
    struct world w = memory_world();
    static struct server s;
    static struct end e;

    meet(&w, &s, &e);
    link_reading(s.ends->link, false);
    cr_assert(eq(sz, link_send(e.link, "x", 1), 1));
    a_while(&w);
    virtual_ns += 1000000;
    memory_die(w.net, &w.server_host);
    s.ends->link = NULL;
    until(&w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_RESET));
    cr_assert(zero(int, e.finished));
    server_end(&s);
    world_end(&w);
}

Test(memory, a_host_that_does_not_exist_is_unreachable)
{
    struct world w = memory_world();
    struct address nobody = host("10.9.9.9:5701");
    static struct end e;

    dial(&w, &nobody, &e);
    until(&w, &e.ended, 1);
    cr_assert(eq(int, e.why, LINK_UNREACHABLE));
    world_end(&w);
}

Test(memory, a_host_is_made_once)
{
    struct world w = memory_world();
    struct transport *none = NULL;

    cr_assert(eq(int, memory_host_new(w.net, w.loop, &w.client_host, &none), MR_EXISTS));
    cr_assert(zero(ptr, none));
    world_end(&w);
}

/* What a run with this seed looks like: when each piece came, and how large it was. */
static uint64_t run_of(uint64_t seed)
{
    struct memory_config config = {seed, 1000, 1000000};
    struct world w = {.client_host = host("10.0.0.1"), .server_host = host("10.0.0.2")};
    struct server s = {0};
    static struct end e;
    static uint8_t bytes[100000];
    uint64_t trace = 0;

    virtual_ns = 1000000000;
    clock_set(virtual_clock, NULL);
    memset(&e, 0, sizeof e);
    cr_assert(eq(int, loop_new(&w.loop), MR_OK));
    cr_assert(eq(int, memory_network_new(&config, &w.net), MR_OK));
    cr_assert(eq(int, memory_host_new(w.net, w.loop, &w.client_host, &w.client), MR_OK));
    cr_assert(eq(int, memory_host_new(w.net, w.loop, &w.server_host, &w.server), MR_OK));
    meet(&w, &s, &e);
    cr_assert(eq(sz, link_send(e.link, bytes, sizeof bytes), sizeof bytes));
    while (s.ends->got < (int)sizeof bytes) {
        step(&w);
        trace = trace * 31 + virtual_ns + (uint64_t)s.ends->got;
    }
    server_end(&s);
    world_end(&w);
    return trace;
}

Test(memory, a_run_is_its_seed)
{
    cr_assert(eq(u64, run_of(1), run_of(1)));
    cr_assert(ne(u64, run_of(1), run_of(2)));
}
