/* conn_test.c - two ends of a connection, over a network in memory. */
#include "net/conn.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "net/base/clock.h"
#include "net/memory.h"
#include "net/wire/wire.h"
#include "tests/unit/scarce.h"

enum { LIMIT = 1 << 20, PORT = 5701 };

/* ---- a server that accepts one, and a client ------------------------------------------------ */

struct side {
    struct conn conn;
    bool alive, pause_at_each, close_at_first;
    int opened, messages, settled, drained, ended;
    enum conn_end why;
    uint8_t last; /* what the last message said */
    bool in_order;
};

static struct loop *loop;
static struct memory_network *net;
static struct transport *near, *far;
static struct listener *listener;
static struct address near_host, far_host;
static struct side server, client;
static uint64_t now_ns;

static uint64_t read_now(void *context)
{
    (void)context;
    return now_ns;
}

static void on_opened(void *context)
{
    ((struct side *)context)->opened++;
}

static void on_message(void *context, const uint8_t *bytes, size_t size)
{
    struct side *s = context;

    cr_assert(ge(sz, size, FRAME_HEADER + 1));
    s->in_order &= s->messages == 0 || bytes[FRAME_HEADER] == (uint8_t)(s->last + 1);
    s->last = bytes[FRAME_HEADER];
    s->messages++;
    if (s->pause_at_each)
        conn_pause(&s->conn);
    if (s->close_at_first)
        conn_close(&s->conn);
}

static void on_settled(void *context)
{
    ((struct side *)context)->settled++;
}

static void on_drained(void *context)
{
    ((struct side *)context)->drained++;
}

static void on_ended(void *context, enum conn_end why)
{
    struct side *s = context;

    s->ended++;
    s->why = why;
    s->alive = false;
}

static const struct conn_events events = {on_opened, on_message, on_settled, on_drained, on_ended};

static void on_accepted(void *context, struct link *link)
{
    struct side *s = context;

    cr_assert(not(s->alive));
    s->alive = s->in_order = true;
    conn_accept(&s->conn, link, LIMIT, &events, s);
}

static struct transport *host(const char *text, struct address *at)
{
    struct transport *t;

    cr_assert(eq(int, address_parse(text, PORT, at), MR_OK));
    cr_assert(eq(int, memory_host_new(net, loop, at, &t), MR_OK));
    return t;
}

static void set_up(void)
{
    const struct memory_config config = {3, 1000, 9000};

    now_ns = 1000000000;
    clock_set(read_now, NULL);
    server = client = (struct side){0};
    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, memory_network_new(&config, &net), MR_OK));
    near = host("10.0.0.1", &near_host);
    far = host("10.0.0.2", &far_host);
    near_host.port = far_host.port = PORT;
    cr_assert(eq(int, transport_listen(far, &far_host, on_accepted, &server, &listener), MR_OK));
}

static void tear_down(void)
{
    if (client.alive)
        conn_abort(&client.conn);
    if (server.alive)
        conn_abort(&server.conn);
    transport_free(near);
    transport_free(far);
    memory_network_free(net);
    loop_free(loop);
    clock_set(NULL, NULL);
}

TestSuite(conn, .init = set_up, .fini = tear_down, .timeout = 60);

/* Until nothing is under way any more. */
static void run(void)
{
    uint64_t next;

    while ((next = loop_round(loop)) != LOOP_NEVER)
        if (next > now_ns)
            now_ns = next;
}

static void connect_client(void)
{
    cr_assert(eq(int,
                 conn_connect(&client.conn, near, &far_host, CONN_CLIENT, LIMIT, &events, &client),
                 MR_OK));
    client.alive = client.in_order = true;
}

static void open_both(void)
{
    connect_client();
    run();
    cr_assert(eq(int, client.opened, 1));
    cr_assert(server.alive);
}

/* A message of one frame, at least a byte long, that begins with `mark`. */
static void say(struct side *s, uint8_t mark, uint32_t size)
{
    static uint8_t bytes[LIMIT + 64];
    uint32_t length = FRAME_HEADER + size;

    memcpy(bytes, &length, sizeof length);
    bytes[4] = 0;
    bytes[5] = (FRAME_UNFRAGMENTED | FRAME_FINAL) >> 8;
    memset(bytes + FRAME_HEADER, mark, size);
    conn_send(&s->conn, bytes, length);
}

/* ---- greeting ------------------------------------------------------------------------------- */

Test(conn, greets_and_carries_messages_both_ways)
{
    connect_client();
    say(&client, 1, 10); /* before it is open: it waits */
    say(&client, 2, 200000);
    run();
    cr_assert(eq(int, server.messages, 2));
    cr_assert(server.in_order);
    say(&server, 9, 1);
    run();
    cr_assert(eq(int, client.messages, 1));
    cr_assert(eq(int, client.last, 9));
    cr_assert(ge(int, server.settled, 1));
}

/* A link without a connection: somebody who says what he likes. */
static struct link *raw;
static int raw_ended;

static void raw_end(void *context, enum link_end end)
{
    (void)context, (void)end;
    raw_ended++;
    raw = NULL;
}

static const struct link_events raw_events = {.ended = raw_end};

static void connect_raw(void)
{
    raw_ended = 0;
    cr_assert(eq(int, transport_connect(near, &far_host, &raw_events, NULL, &raw), MR_OK));
    run();
}

static void raw_say(const char *bytes, size_t size)
{
    cr_assert(eq(sz, link_send(raw, bytes, size), size));
    run();
}

Test(conn, breaks_off_strangers_at_the_first_wrong_byte)
{
    static const char *const greetings[] = {"GET / HTTP/1.1\r\n\r\n", "CP1", "CPX", "\n", "HZC"};

    for (int i = 0; i < 5; i++) {
        server = (struct side){0};
        connect_raw();
        raw_say(greetings[i], strlen(greetings[i]));
        cr_expect(eq(int, server.ended, 1), "%s", greetings[i]);
        cr_expect(eq(int, server.why, CONN_STRANGER));
        cr_expect(eq(int, raw_ended, 1));
    }
}

Test(conn, takes_the_greeting_byte_by_byte)
{
    static const char all[] = "CP2\7\0\0\0\0\340x";

    connect_raw();
    for (int i = 0; i < 10; i++) {
        cr_assert(eq(int, server.messages, 0));
        raw_say(all + i, 1);
    }
    cr_assert(eq(int, server.messages, 1));
    cr_assert(eq(int, server.last, 'x'));
    cr_assert(eq(u64, server.conn.received, 10));
    link_abort(raw);
    run();
}

Test(conn, ends_when_bytes_form_no_messages)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum conn_end why;
    } streams[] = {{"CP2\5\0\0\0\0\340", 9, CONN_MALFORMED},
                   {"CP2\377\377\377\177\0\340", 9, CONN_TOO_LARGE},
                   {"CP2GET / HTTP", 13, CONN_TOO_LARGE}};

    for (int i = 0; i < 3; i++) {
        server = (struct side){0};
        connect_raw();
        raw_say(streams[i].bytes, streams[i].size);
        cr_expect(eq(int, server.ended, 1));
        cr_expect(eq(int, server.why, streams[i].why), "%d", i);
        cr_expect(eq(int, raw_ended, 1));
    }
}

/* ---- pausing -------------------------------------------------------------------------------- */

Test(conn, hands_on_nothing_while_it_is_paused)
{
    open_both();
    server.pause_at_each = true;
    for (uint8_t i = 1; i <= 20; i++)
        say(&client, i, 10);
    run();
    for (int i = 1; i <= 20; i++) {
        cr_assert(eq(int, server.messages, i));
        conn_resume(&server.conn);
        run();
    }
    cr_assert(eq(int, server.messages, 20));
    cr_assert(server.in_order);
    cr_assert(not(server.ended));
}

Test(conn, does_not_read_while_it_is_paused)
{
    open_both();
    conn_pause(&server.conn);
    for (int i = 0; i < 20; i++)
        say(&client, (uint8_t)i, LIMIT / 2);
    run();
    cr_assert(eq(int, server.messages, 0));
    cr_assert(le(sz, server.conn.frames.size, LINK_READ_MAX));
    cr_assert(gt(sz, conn_queued(&client.conn), LIMIT), "it waits where it comes from");
    conn_resume(&server.conn);
    run();
    cr_assert(eq(int, server.messages, 20));
    cr_assert(server.in_order);
    cr_assert(eq(sz, conn_queued(&client.conn), 0));
    cr_assert(eq(int, client.drained, 1));
}

/* ---- the queue ------------------------------------------------------------------------------ */

Test(conn, says_once_that_its_queue_is_empty)
{
    open_both();
    say(&client, 1, 10);
    run();
    cr_assert(eq(int, client.drained, 0), "nothing had to wait");
    for (uint8_t i = 2; i < 12; i++)
        say(&client, i, LIMIT / 2);
    cr_assert(gt(sz, conn_queued(&client.conn), 0));
    run();
    cr_assert(eq(int, client.drained, 1));
    cr_assert(eq(int, server.messages, 11));
    cr_assert(eq(sz, client.conn.queue.room, 0), "a large buffer is given back");
}

/* Somebody who always reads, and always a little too late. */
Test(conn, keeps_no_more_than_waits_when_the_queue_is_never_empty)
{
    uint8_t mark = 0;

    open_both();
    for (int i = 0; i < 4000; i++) {
        while (conn_queued(&client.conn) < LIMIT)
            say(&client, ++mark, LIMIT / 8);
        (void)loop_round(loop);
        now_ns += 50000;
        cr_assert(le(sz, client.conn.queue.room, 12 * (size_t)LIMIT), "round %d", i);
    }
    cr_assert(eq(int, client.drained, 0), "or it shows nothing");
    cr_assert(gt(u64, server.conn.received, 16 * (uint64_t)LIMIT), "or it shows nothing");
    run();
    cr_assert(server.in_order);
}

/* ---- ends ----------------------------------------------------------------------------------- */

Test(conn, closes_after_everything_was_sent)
{
    open_both();
    for (uint8_t i = 1; i <= 10; i++)
        say(&client, i, LIMIT / 2);
    cr_assert(gt(sz, conn_queued(&client.conn), LIMIT));
    conn_close(&client.conn);
    say(&client, 99, 10); /* too late */
    run();
    cr_assert(eq(int, server.messages, 10));
    cr_assert(server.in_order);
    cr_assert(eq(int, server.ended, 1));
    cr_assert(eq(int, client.ended, 1));
    cr_assert(eq(int, server.why, CONN_CLOSED));
    cr_assert(eq(int, client.why, CONN_CLOSED));
}

Test(conn, that_is_closed_before_it_is_open_never_opens)
{
    connect_client();
    conn_close(&client.conn);
    run();
    cr_assert(eq(int, client.opened, 0));
    cr_assert(eq(int, client.ended, 1));
    cr_assert(not(client.alive));
}

Test(conn, closes_from_inside_a_message_and_hears_no_other)
{
    open_both();
    server.close_at_first = true;
    for (uint8_t i = 1; i <= 10; i++)
        say(&client, i, 10);
    run();
    cr_assert(eq(int, server.messages, 1));
    cr_assert(eq(int, server.ended, 1));
    cr_assert(eq(int, client.ended, 1));
}

Test(conn, closes_while_it_is_paused)
{
    open_both();
    conn_pause(&server.conn);
    say(&client, 1, 10);
    run();
    conn_close(&server.conn);
    run();
    cr_assert(eq(int, server.messages, 0));
    cr_assert(eq(int, server.ended, 1));
    cr_assert(eq(int, client.ended, 1));
}

Test(conn, ends_when_the_peer_says_its_end_with_much_unread)
{
    open_both();
    conn_pause(&client.conn);
    for (uint8_t i = 1; i <= 10; i++)
        say(&server, i, LIMIT / 2);
    run();
    cr_assert(gt(sz, conn_queued(&server.conn), 0));
    conn_close(&client.conn);
    run();
    cr_assert(eq(int, server.ended, 1));
    cr_assert(eq(int, client.ended, 1));
}

Test(conn, aborts_without_a_callback_and_is_broken_for_the_peer)
{
    open_both();
    for (uint8_t i = 1; i <= 10; i++)
        say(&client, i, LIMIT / 2);
    conn_abort(&client.conn);
    client.alive = false;
    run();
    cr_assert(eq(int, client.ended, 0));
    cr_assert(eq(int, server.ended, 1));
    cr_assert(eq(int, server.why, CONN_BROKEN));
}

Test(conn, is_broken_when_the_network_breaks_it)
{
    open_both();
    memory_break(net, &near_host, &far_host);
    run();
    cr_assert(eq(int, client.why, CONN_BROKEN));
    cr_assert(eq(int, server.why, CONN_BROKEN));
    cr_assert(eq(int, client.ended + server.ended, 2));
}

Test(conn, is_broken_where_nobody_listens)
{
    far_host.port++;
    connect_client();
    run();
    cr_assert(eq(int, client.opened, 0));
    cr_assert(eq(int, client.ended, 1));
    cr_assert(eq(int, client.why, CONN_BROKEN));
}

/* ---- without memory ------------------------------------------------------------------------- */

/* Whatever allocation fails, on either side, each end is told once, or all comes through when
 * there is memory again. */
Test(conn, ends_when_there_is_no_memory)
{
    bool all = false;

    for (int left = 0; !all; left++) {
        tear_down();
        set_up();
        open_both();
        mem_hooks_set(&scarce);
        scarce_left = left;
        for (uint8_t i = 1; i <= 4; i++)
            say(&client, i, LIMIT / 2);
        for (int i = 0; i < 50; i++) {
            (void)loop_round(loop);
            now_ns += 10000;
        }
        mem_hooks_set(NULL);
        run();
        all = scarce_left > 0;
        cr_assert(server.in_order);
        cr_assert(server.messages == 4 || (client.ended == 1 && server.ended == 1),
                  "with %d allocations: %d messages, %d and %d ends", left, server.messages,
                  client.ended, server.ended);
        cr_assert(le(int, client.ended, 1));
        cr_assert(le(int, server.ended, 1));
        cr_assert(lt(int, left, 5000));
    }
}
