/* remote_test.c - a client and members that do what a test tells them, on one loop, over a network
 * in memory, in the test's time. */
#define _GNU_SOURCE
#include "client/remote.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/memory.h"

enum { PARTITIONS = 2, CALL_MS = 1000, PING_MS = 5000, SILENCE_MS = 60000 };

static uint64_t virtual_ns = 1000000000;

static uint64_t virtual_clock(void *context)
{
    (void)context;
    return virtual_ns;
}

static struct address host(const char *text)
{
    struct address a;

    cr_assert(address_parse(text, 5701, &a) == MR_OK);
    return a;
}

/* ---- members as a test wants them ----------------------------------------------------------- */

/* What a member does with a call about a map. */
enum manner {
    ANSWERS,
    IS_SILENT,
    BREAKS_OFF,
    SAYS_NOT_NOW,
    SAYS_SESSION_OVER,
    SAYS_SOMETHING_STRANGE,
    SAYS_NONSENSE
};

enum { MEMBERS = 2, CONNS = 16 };

struct fake_conn {
    struct conn conn;
    struct fake *fake;
    bool open, doomed;
};

static struct fake {
    struct address address;
    struct transport *transport;
    struct listener *listener;
    struct fake_conn conns[CONNS];
    int connected, calls, gets, sets, listens, pings, logins, views;
    bool mute; /* it does not even answer a ping */
    enum manner manner;
    int manner_left; /* calls until it answers again */
    union wire_message last;
    enum wire_id last_id; /* what is said of the last call; its texts are gone */
    struct wire_uuid uuid, cluster;
    int32_t partitions;
    int8_t status; /* of logins */
} fakes[MEMBERS];

static int members = 1;        /* that the first one tells of */
static bool has_no_partitions; /* nobody has, and nobody tells of any */
static int64_t session = -1;   /* that clients get, 0: there are none, -1: what is that? */

/* What came with a number, the last ones. */
static struct client_once_req numbered[16];
static int numbered_count;

static void say(struct fake_conn *c, enum wire_id id, const struct wire_head *head, const void *msg)
{
    struct sink out = {.grows = true};

    wire_encode(id, head, msg, &out);
    conn_send(&c->conn, out.at, out.size);
    sink_free(&out);
}

static struct wire_list nothing(void)
{
    static const struct sink none;

    return wire_list_of(&none, 0);
}

static void answer_login(struct fake_conn *c, const struct wire_head *head)
{
    struct fake *f = c->fake;

    f->logins++;
    say(c, WIRE_client_authentication_rsp, head,
        &(struct client_authentication_rsp){.status = f->status,
                                            .member_uuid = f->uuid,
                                            .serialization_version = 1,
                                            .partition_count = f->partitions,
                                            .cluster_id = f->cluster,
                                            .member_list_version = -1,
                                            .partition_list_version = -1,
                                            .address.null = true,
                                            .server_hazelcast_version = wire_text("5.5.0"),
                                            .member_infos = nothing(),
                                            .partitions = {nothing(), wire_text("")},
                                            .key_value_pairs = nothing()});
}

/* Member i has partition i, and the first one what is left. */
static void tell_views(struct fake_conn *c, const struct wire_head *head)
{
    struct sink list = {.grows = true}, table = {.grows = true}, owners = {.grows = true};
    char text[ADDRESS_TEXT];

    for (int i = 0; i < members; i++) {
        struct sink numbers = {.grows = true};

        wire_put(
            &list, WIRE_member,
            &(struct wire_member){
                .uuid = fakes[i].uuid,
                .address = {.port = 5701, .host = wire_text(address_host(&fakes[i].address, text))},
                .attributes = nothing(),
                .address_map = nothing()});
        for (int p = i; p < PARTITIONS; p += members)
            wire_put_i32(&numbers, p);
        wire_put(&table, WIRE_i32s, &(struct wire_bytes){numbers.at, (uint32_t)numbers.size});
        wire_put_uuid(&owners, fakes[i].uuid);
        sink_free(&numbers);
    }
    struct wire_head event = {.correlation = head->correlation, .flags = FRAME_EVENT};

    say(c, WIRE_client_members_view_event, &event,
        &(struct client_members_view_event){1, wire_list_of(&list, (uint32_t)members)});
    if (!has_no_partitions)
        say(c, WIRE_client_partitions_view_event, &event,
            &(struct client_partitions_view_event){
                1, {wire_list_of(&table, (uint32_t)members), {owners.at, (uint32_t)owners.size}}});
    sink_free(&list);
    sink_free(&table);
    sink_free(&owners);
}

static void say_error(struct fake_conn *c, int64_t correlation, int32_t code)
{
    struct sink out = {.grows = true};

    wire_put_error(correlation,
                   &(struct wire_error){code, wire_text("some.Class"), wire_text("in its words")},
                   &out);
    conn_send(&c->conn, out.at, out.size);
    sink_free(&out);
}

static void keep_call(struct fake *f, int id, const uint8_t *bytes, size_t size)
{
    const char *field;

    cr_assert(wire_decode((enum wire_id)id, bytes, size, &f->last, &field) == MR_OK, "%s", field);
    f->last_id = (enum wire_id)id;
}

static void answer_call(struct fake_conn *c, const struct wire_head *head, int id)
{
    struct fake *f = c->fake;
    enum manner manner = f->manner_left != 0 ? f->manner : ANSWERS;
    struct data none = {0};

    f->calls++;
    f->gets += id == WIRE_map_get_req;
    f->sets += id == WIRE_map_set_req;
    f->listens += id == WIRE_map_add_entry_listener_req;
    f->manner_left -= f->manner_left > 0;
    switch (manner) {
    case ANSWERS:
        if (id == WIRE_map_add_entry_listener_req)
            say(c, WIRE_map_add_entry_listener_rsp, head, &f->uuid);
        else
            say(c, (enum wire_id)(id + 1), head, &none);
        break;
    case IS_SILENT: break;
    case BREAKS_OFF: c->doomed = true; break;
    case SAYS_NOT_NOW: say_error(c, head->correlation, CODE_PARTITION_MIGRATING); break;
    case SAYS_SESSION_OVER:
        session++;
        say_error(c, head->correlation, CODE_SESSION_OVER);
        break;
    case SAYS_SOMETHING_STRANGE: say_error(c, head->correlation, 4711); break;
    case SAYS_NONSENSE: say(c, WIRE_client_ping_rsp, head, &none); break;
    }
}

static void open_session(struct fake_conn *c, const struct wire_head *head)
{
    if (session < 0)
        say_error(c, head->correlation, CODE_UNSUPPORTED);
    else
        say(c, WIRE_client_open_session_rsp, head,
            &(struct client_open_session_rsp){session, c->fake->cluster});
}

static void numbered_call(struct fake_conn *c, const struct wire_head *head, const uint8_t *bytes,
                          size_t size)
{
    struct client_once_req *q = &numbered[numbered_count++ % 16];
    struct wire_head inner;
    const char *field;

    cr_assert(wire_decode(WIRE_client_once_req, bytes, size, q, &field) == MR_OK);
    cr_assert(wire_read_head(q->message.at, q->message.size, &inner) == MR_OK);
    int id = wire_find(inner.type);

    keep_call(c->fake, id, q->message.at, q->message.size);
    answer_call(c, head, id);
}

static void message(void *context, const uint8_t *bytes, size_t size)
{
    struct fake_conn *c = context;
    struct wire_head head;

    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    head.flags = 0;
    int id = wire_find(head.type);

    if (id == WIRE_client_ping_req)
        c->fake->pings++;
    if (c->fake->mute)
        return;
    if (id == WIRE_client_authentication_req)
        answer_login(c, &head);
    else if (id == WIRE_client_add_cluster_view_listener_req) {
        c->fake->views++;
        tell_views(c, &head);
    } else if (id == WIRE_client_ping_req)
        say(c, WIRE_client_ping_rsp, &head, &(struct client_ping_rsp){0});
    else if (id == WIRE_client_open_session_req)
        open_session(c, &head);
    else if (id == WIRE_client_once_req)
        numbered_call(c, &head, bytes, size);
    else {
        keep_call(c->fake, id, bytes, size);
        answer_call(c, &head, id);
    }
}

static void ended(void *context, enum conn_end end)
{
    (void)end;
    ((struct fake_conn *)context)->open = false;
}

static const struct conn_events events = {.message = message, .ended = ended};

static void accepted(void *context, struct link *link)
{
    struct fake *f = context;
    struct fake_conn *c = &f->conns[f->connected++];

    cr_assert(f->connected <= CONNS);
    *c = (struct fake_conn){.fake = f, .open = true};
    conn_accept(&c->conn, link, 1 << 20, &events, c);
}

/* ---- the world ------------------------------------------------------------------------------ */

static struct loop *loop;
static struct memory_network *net;
static struct remote *remote;
static struct address client;

static void begin(enum remote_reconnect reconnect)
{
    struct memory_config config = {7, 100000, 900000};
    struct transport *transport;
    struct address first = host("10.0.0.1");

    client = host("10.0.0.100");
    clock_set(virtual_clock, NULL);
    cr_assert(loop_new(&loop) == MR_OK);
    cr_assert(memory_network_new(&config, &net) == MR_OK);
    cr_assert(memory_host_new(net, loop, &client, &transport) == MR_OK);
    for (int i = 0; i < MEMBERS; i++) {
        struct fake *f = &fakes[i];

        f->address = host(i == 0 ? "10.0.0.1" : "10.0.0.2");
        f->uuid = (struct wire_uuid){1, (uint64_t)i, false};
        f->cluster = (struct wire_uuid){7, 7, false};
        f->partitions = PARTITIONS;
        cr_assert(memory_host_new(net, loop, &f->address, &f->transport) == MR_OK);
        cr_assert(transport_listen(f->transport, &f->address, accepted, f, &f->listener) == MR_OK);
    }
    cr_assert(remote_new_on_loop(&(struct remote_config){.cluster = "dev",
                                                         .client = "test",
                                                         .addresses = &first,
                                                         .address_count = 1,
                                                         .reconnect = reconnect,
                                                         .call_timeout_ms = CALL_MS,
                                                         .dial_timeout_ms = 2000,
                                                         .ping_ms = PING_MS,
                                                         .silence_ms = SILENCE_MS},
                                 loop, transport, &remote) == MR_OK);
}

static void end(void)
{
    remote_free(remote);
    for (int i = 0; i < MEMBERS; i++) {
        for (int c = 0; c < fakes[i].connected; c++)
            if (fakes[i].conns[c].open)
                conn_abort(&fakes[i].conns[c].conn);
        transport_free(fakes[i].transport);
    }
    memory_network_free(net);
    loop_free(loop);
    clock_set(NULL, NULL);
}

static void break_doomed(void)
{
    for (int i = 0; i < MEMBERS; i++)
        for (int c = 0; c < fakes[i].connected; c++)
            if (fakes[i].conns[c].open && fakes[i].conns[c].doomed) {
                fakes[i].conns[c].open = false;
                conn_abort(&fakes[i].conns[c].conn);
            }
}

/* One round, and time goes on to the next thing that happens, at most to `until`. */
static void step(uint64_t until_ns)
{
    uint64_t next = loop_round(loop);

    break_doomed();
    if (next > until_ns)
        next = until_ns;
    if (next > virtual_ns)
        virtual_ns = next;
}

static void pass_ms(uint64_t ms)
{
    uint64_t until_ns = virtual_ns + ms * 1000000;

    while (virtual_ns < until_ns)
        step(until_ns);
}

/* Joined, with all members. */
static void join(void)
{
    pass_ms(50);
    cr_assert(remote->ready);
}

/* ---- calls ---------------------------------------------------------------------------------- */

struct asked {
    struct remote_call call;
    int over;
    uint64_t over_ns;
};

static void over(struct remote_call *c)
{
    struct asked *a = c->context;

    a->over++;
    a->over_ns = clock_ns();
}

static void ask(struct asked *a, bool read, int32_t partition)
{
    struct data one = {(const uint8_t *)"1", 1, DATA_STRING};
    mr_rc_t rc =
        read ? remote_call_init(&a->call, WIRE_map_get_req, partition,
                                &(struct map_get_req){.name = wire_text("m"), .key = one}, true)
             : remote_call_init(
                   &a->call, WIRE_map_set_req, partition,
                   &(struct map_set_req){.name = wire_text("m"), .key = one, .value = one}, false);

    cr_assert(rc == MR_OK);
    a->over = 0;
    a->call.over = over;
    a->call.context = a;
    remote_post(remote, &a->call, 1);
}

/* A write that members do once. */
static void ask_numbered(struct asked *a)
{
    struct data one = {(const uint8_t *)"1", 1, DATA_STRING};
    mr_rc_t rc = remote_call_init(
        &a->call, WIRE_map_set_req, 0,
        &(struct map_set_req){.name = wire_text("m"), .key = one, .value = one}, false);

    cr_assert(rc == MR_OK);
    a->over = 0;
    a->call.over = over;
    a->call.context = a;
    a->call.number.wanted = true;
    remote_post(remote, &a->call, 1);
}

/* Goes on until it is over, and says how. */
static mr_rc_t outcome(struct asked *a)
{
    while (!a->over)
        step(UINT64_MAX);
    cr_assert_eq(a->over, 1);
    mr_rc_t rc = a->call.rc;

    remote_call_clear(&a->call);
    return rc;
}

static void members_are(enum manner manner, int calls)
{
    for (int i = 0; i < MEMBERS; i++) {
        fakes[i].manner = manner;
        fakes[i].manner_left = calls;
    }
}

static struct asked read_, write_;

Test(remote, takes_each_call_to_who_has_its_partition)
{
    members = 2;
    begin(REMOTE_RECONNECT_ON);
    join();
    for (int i = 0; i < 6; i++) {
        ask(&read_, true, i % 2);
        cr_assert(outcome(&read_) == MR_OK);
    }
    cr_assert_eq(fakes[0].gets, 3);
    cr_assert_eq(fakes[1].gets, 3);
    end();
}

Test(remote, takes_calls_to_another_when_the_owner_is_away)
{
    members = 2;
    begin(REMOTE_RECONNECT_ON);
    cr_assert(memory_cut(net, &client, &fakes[1].address) == MR_OK);
    join();
    ask(&read_, true, 1);
    cr_assert(outcome(&read_) == MR_OK);
    cr_assert_eq(fakes[0].gets, 1);
    end();
}

Test(remote, asks_anybody_when_nobody_has_partitions)
{
    has_no_partitions = true;
    begin(REMOTE_RECONNECT_ON);
    pass_ms(50);
    cr_assert(!remote->ready, "they may be told of in a moment");
    pass_ms(2000);
    cr_assert(remote->ready);
    ask(&write_, false, 1);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(fakes[0].sets, 1);
    end();
}

Test(remote, sends_a_read_again_when_its_connection_is_lost)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 2);
    ask(&read_, true, 0);
    cr_assert(outcome(&read_) == MR_OK);
    cr_assert_eq(fakes[0].gets, 3);
    end();
}

Test(remote, never_sends_a_write_twice_when_its_connection_is_lost)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 1);
    ask(&write_, false, 0);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    pass_ms(5000);
    cr_assert_eq(fakes[0].sets, 1);
    end();
}

Test(remote, sends_a_numbered_write_again_when_its_connection_is_lost)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 2);
    ask_numbered(&write_);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(fakes[0].sets, 3);
    cr_assert_eq(numbered_count, 3);
    for (int i = 0; i < 3; i++)
        cr_assert(numbered[i].session == 5 && numbered[i].number == 1 && numbered[i].first == 1);
    ask_numbered(&write_);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert(numbered[3].number == 2 && numbered[3].first == 2);
    end();
}

Test(remote, does_not_know_of_a_numbered_write_that_nobody_answers)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 1);
    ask_numbered(&write_);
    pass_ms(20);
    members_are(SAYS_NOT_NOW, -1);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    end();
}

Test(remote, takes_no_refusal_for_the_outcome_of_what_may_be_done_elsewhere)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 1);
    ask_numbered(&write_);
    while (fakes[0].sets == 0)
        step(UINT64_MAX);
    members_are(SAYS_SOMETHING_STRANGE, -1);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    end();
}

Test(remote, goes_on_in_another_session_when_one_is_over)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(SAYS_SESSION_OVER, 1);
    ask_numbered(&write_);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(numbered_count, 2);
    cr_assert(numbered[0].session == 5 && numbered[0].number == 1);
    cr_assert(numbered[1].session == 6 && numbered[1].number == 2);
    end();
}

Test(remote, does_not_send_in_another_session_what_was_sent_in_one_that_is_over)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 1);
    ask_numbered(&write_);
    while (fakes[0].sets == 0)
        step(UINT64_MAX);
    members_are(SAYS_SESSION_OVER, 1);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    end();
}

Test(remote, writes_without_numbers_where_there_are_no_sessions)
{
    for (session = -1; session <= 0; session++) {
        begin(REMOTE_RECONNECT_ON);
        join();
        ask_numbered(&write_);
        cr_assert(outcome(&write_) == MR_OK);
        cr_assert_eq(numbered_count, 0);
        cr_assert_eq(fakes[0].sets, 1);
        end();
        memset(fakes, 0, sizeof fakes);
    }
}

Test(remote, numbers_of_another_cluster_are_not_taken_there)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(BREAKS_OFF, 1);
    ask_numbered(&write_);
    while (fakes[0].sets == 0)
        step(UINT64_MAX);
    fakes[0].cluster = (struct wire_uuid){8, 8, false};
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    cr_assert_eq(numbered_count, 1);
    end();
}

/* Who comes in while a cluster is being formed is told an id that is not the cluster's. */
Test(remote, learns_which_cluster_it_is_from_its_session)
{
    session = 5;
    begin(REMOTE_RECONNECT_ON);
    join();
    fakes[0].cluster = (struct wire_uuid){8, 8, false};
    members_are(BREAKS_OFF, 1);
    ask_numbered(&write_);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(numbered_count, 2);
    cr_assert(numbered[1].session == 5 && numbered[1].number == 1);
    end();
}

Test(remote, sends_a_write_that_has_waited_for_a_connection)
{
    begin(REMOTE_RECONNECT_ON);
    ask(&write_, false, 0);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(fakes[0].sets, 1);
    end();
}

Test(remote, ends_what_is_not_answered_in_its_time)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(IS_SILENT, -1);
    uint64_t began_ns = virtual_ns;

    ask(&read_, true, 0);
    ask(&write_, false, 0);
    cr_assert(outcome(&read_) == MR_ERR_TIMEOUT);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    cr_assert_eq(read_.over_ns - began_ns, CALL_MS * 1000000ull);
    cr_assert_eq(write_.over_ns - began_ns, CALL_MS * 1000000ull);
    end();
}

Test(remote, sends_again_what_a_member_could_not_do_now)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(SAYS_NOT_NOW, 3);
    ask(&write_, false, 0);
    cr_assert(outcome(&write_) == MR_OK);
    cr_assert_eq(fakes[0].sets, 4);
    members_are(SAYS_NOT_NOW, -1);
    ask(&write_, false, 0);
    cr_assert(outcome(&write_) == MR_ERR_TIMEOUT, "it was said each time that it was not done");
    end();
}

Test(remote, gives_an_error_that_it_does_not_know_in_the_members_words)
{
    mr_err_t err = MR_ERR_INIT;

    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(SAYS_SOMETHING_STRANGE, -1);
    ask(&read_, true, 0);
    while (!read_.over)
        step(UINT64_MAX);
    cr_assert(remote_explain(remote, &read_.call, &err) == MR_ERR_REMOTE);
    cr_assert_str_eq(err.message, "in its words");
    cr_assert(strstr(err.detail, "4711") && strstr(err.detail, "some.Class"), "%s", err.detail);
    remote_call_clear(&read_.call);
    end();
}

Test(remote, takes_no_other_answer_than_the_one_to_its_question)
{
    struct map_get_rsp a;

    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(SAYS_NONSENSE, -1);
    ask(&read_, true, 0);
    while (!read_.over)
        step(UINT64_MAX);
    cr_assert(read_.call.rc == MR_OK);
    cr_assert(remote_answer(&read_.call, &a) == MR_ERR_MALFORMED);
    remote_call_clear(&read_.call);
    end();
}

Test(remote, asks_a_quiet_member_for_a_sign_of_life)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    pass_ms(PING_MS * 10);
    cr_assert(fakes[0].pings >= 6 && fakes[0].pings <= 10, "%d", fakes[0].pings);
    cr_assert_eq(fakes[0].connected, 1);
    end();
}

Test(remote, gives_up_a_member_that_gives_no_sign_of_life)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    fakes[0].mute = true;
    pass_ms(SILENCE_MS - 2000);
    cr_assert_eq(fakes[0].connected, 1);
    pass_ms(10000);
    cr_assert(fakes[0].connected > 1);
    fakes[0].mute = false;
    pass_ms(10000);
    ask(&read_, true, 0);
    cr_assert(outcome(&read_) == MR_OK);
    end();
}

Test(remote, hears_of_the_cluster_from_another_when_who_tells_stands_still)
{
    members = 2;
    begin(REMOTE_RECONNECT_ON);
    join();
    fakes[0].mute = true;
    pass_ms(3000);
    cr_assert_eq(fakes[1].views, 0); /* while nobody waits for anything */
    ask(&read_, true, 0);
    pass_ms(2 * CALL_MS);
    cr_assert(read_.over);
    cr_assert_eq(fakes[1].views, 1);
    end();
}

Test(remote, does_not_wait_for_ever_for_an_answer_to_a_login)
{
    fakes[0].mute = true;
    begin(REMOTE_RECONNECT_ON);
    pass_ms(10000);
    cr_assert(fakes[0].connected >= 2);
    cr_assert(!remote->ready);
    fakes[0].mute = false;
    pass_ms(10000);
    cr_assert(remote->ready);
    end();
}

Test(remote, lets_no_member_of_another_cluster_in)
{
    members = 2;
    begin(REMOTE_RECONNECT_ON);
    fakes[1].cluster.low = 8;
    join();
    ask(&read_, true, 1);
    cr_assert(outcome(&read_) == MR_OK);
    cr_assert(fakes[1].logins > 0);
    cr_assert_eq(fakes[1].gets, 0);
    end();
}

Test(remote, lets_no_member_with_other_partitions_in)
{
    members = 2;
    begin(REMOTE_RECONNECT_ON);
    fakes[1].partitions = PARTITIONS + 1;
    join();
    ask(&read_, true, 1);
    cr_assert(outcome(&read_) == MR_OK);
    cr_assert_eq(fakes[1].gets, 0);
    end();
}

Test(remote, is_over_when_its_first_login_is_refused)
{
    fakes[0].status = 1;
    begin(REMOTE_RECONNECT_ON);
    pass_ms(50);
    cr_assert(remote->failed == MR_ERR_LOGIN);
    ask(&read_, true, 0);
    cr_assert(outcome(&read_) == MR_ERR_CLOSED);
    end();
}

Test(remote, seeks_on_when_a_later_login_is_refused)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    fakes[0].status = 1;
    memory_break(net, &client, &fakes[0].address);
    pass_ms(5000);
    fakes[0].status = 0;
    pass_ms(5000);
    ask(&read_, true, 0);
    cr_assert(outcome(&read_) == MR_OK);
    end();
}

Test(remote, follows_a_cluster_that_came_back_as_another)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    fakes[0].cluster.low = 9;
    memory_break(net, &client, &fakes[0].address);
    pass_ms(5000);
    ask(&read_, true, 0);
    cr_assert(outcome(&read_) == MR_OK);
    end();
}

Test(remote, ends_what_is_under_way_when_it_is_closed)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    members_are(IS_SILENT, -1);
    ask(&read_, true, 0);
    ask(&write_, false, 0);
    pass_ms(20);
    remote_free(remote);
    remote = NULL;
    cr_assert(outcome(&read_) == MR_ERR_CLOSED);
    cr_assert(outcome(&write_) == MR_ERR_OUTCOME_UNKNOWN);
    end();
}

Test(remote, answers_thousands_of_calls_that_are_under_way_at_once)
{
    enum { MANY = 10000 };
    static struct asked many[MANY];

    members = 2;
    begin(REMOTE_RECONNECT_ON);
    join();
    for (int i = 0; i < MANY; i++)
        ask(&many[i], i % 3 > 0, i % PARTITIONS);
    for (int i = 0; i < MANY; i++)
        cr_assert(outcome(&many[i]) == MR_OK);
    cr_assert_eq(remote->calls.count, 0);
    end();
}

/* ---- calls that wait for their answer ------------------------------------------------------- */

/* One runs on a thread of its own, while the test's thread is the client's and the members'. */
struct waiting_call {
    void (*run)(struct channel *c, struct channel_map *map);
    struct channel_map *map;
    uint32_t over; /* atomic */
};

static void *run_waiting(void *context)
{
    struct waiting_call *w = context;

    w->run(&remote->channel, w->map);
    store_release_32(&w->over, 1);
    return NULL;
}

static void run_and_wait(void (*run)(struct channel *c, struct channel_map *map))
{
    struct waiting_call w = {.run = run};
    pthread_t thread;

    cr_assert(remote_ops.map_open(&remote->channel, "m", &w.map, NULL) == MR_OK);
    cr_assert(pthread_create(&thread, NULL, run_waiting, &w) == 0);
    while (!load_acquire_32(&w.over)) {
        step(virtual_ns + 1000000);
        usleep(100); /* between two looks */
    }
    pthread_join(thread, NULL);
}

static void lock_without_lease(struct channel *c, struct channel_map *map)
{
    static const struct data one = {(const uint8_t *)"1", 1, DATA_STRING};

    (void)!remote_ops.map_lock(c, map, &one, 0, 0, NULL);
}

Test(remote, locks_without_a_lease_for_as_long_as_can_be_said)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    run_and_wait(lock_without_lease);
    cr_assert_eq(fakes[0].last_id, WIRE_map_try_lock_req);
    cr_assert_eq(fakes[0].last.map_try_lock_req.lease, INT64_MAX);
    end();
}

static void make_index(struct channel *c, struct channel_map *map)
{
    static const char *const age[] = {"age"};

    cr_assert(remote_ops.map_index(c, map, 0, age, 1, NULL) == MR_OK);
}

Test(remote, says_all_of_an_index_that_members_ask_for)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    run_and_wait(make_index);
    cr_assert_eq(fakes[0].last_id, WIRE_map_add_index_req);
    const struct wire_index_config *index = &fakes[0].last.map_add_index_req.index_config;

    cr_assert_eq(index->attributes.count, 1);
    cr_assert(!index->b_tree_index_config.null);
    cr_assert_eq(index->b_tree_index_config.page_size.value, 16);
    cr_assert_eq(index->b_tree_index_config.memory_tier_config.capacity.value, 256);
    end();
}

/* ---- listeners ------------------------------------------------------------------------------ */

static struct channel_listener *listener;
static int losses;

static void hear(void *context, const struct map_event *e)
{
    (void)context;
    cr_assert_eq(e->kind, EVENT_LOST);
    losses++;
}

static void listen_(struct channel *c, struct channel_map *map)
{
    cr_assert(remote_ops.map_listen(c, map, 1, hear, NULL, &listener, NULL) == MR_OK);
}

Test(remote, asks_a_member_again_that_refused_a_listener_when_it_came_back)
{
    begin(REMOTE_RECONNECT_ON);
    join();
    run_and_wait(listen_);
    cr_assert_eq(fakes[0].listens, 1);
    members_are(SAYS_NOT_NOW, 2);
    memory_break(net, &client, &fakes[0].address);
    for (int i = 0; i < 1000 && fakes[0].listens < 3; i++)
        pass_ms(10);
    (void)loop_round(remote->events);
    cr_assert_eq(losses, 0, "it is still deaf");
    pass_ms(5000);
    (void)loop_round(remote->events);
    cr_assert_eq(fakes[0].listens, 4);
    cr_assert_eq(losses, 1);
    end();
}
