/* parked_test.c - calls that wait, and what they wait for. */
#define _GNU_SOURCE
#include "grid/door/parked.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "grid/door/dispatch.h"
#include "tests/door.h"
#include "tests/unit/scarce.h"

static struct peer p, other;

static void set_up(void)
{
    world_open("limits.message-size", "64KiB", NULL);
    peer_login(&p);
    peer_login(&other);
}

static void tear_down(void)
{
    peer_leave(&p);
    peer_leave(&other);
    world_close();
}

TestSuite(parked, .init = set_up, .fini = tear_down, .timeout = 60);

static void take(struct peer *who)
{
    peer_ask(who, WIRE_queue_take_req, &(struct queue_take_req){.name = wire_text("q")});
}

static void poll(struct peer *who, int64_t timeout_ms)
{
    peer_ask(who, WIRE_queue_poll_req,
             &(struct queue_poll_req){.timeout_millis = timeout_ms, .name = wire_text("q")});
}

static void offer(struct peer *who, const char *value)
{
    peer_ask(who, WIRE_queue_offer_req,
             &(struct queue_offer_req){.name = wire_text("q"), .value = text_data(value)});
}

static bool got(const struct peer *who, const char *value)
{
    struct queue_take_rsp taken;
    struct data wanted = text_data(value);

    return who->count > 0 && peer_read(who, WIRE_queue_take_rsp, &taken) &&
           data_equal(&taken.response, &wanted);
}

static int32_t size_of_queue(struct peer *who)
{
    struct queue_size_rsp size;

    peer_ask(who, WIRE_queue_size_req, &(struct queue_size_req){.name = wire_text("q")});
    world_run();
    cr_assert(peer_read(who, WIRE_queue_size_rsp, &size));
    return size.response;
}

Test(parked, a_call_is_answered_when_another_client_brings_what_it_waits_for)
{
    take(&p);
    world_run();
    cr_assert(eq(int, p.count, 0));
    offer(&other, "a");
    world_run();
    cr_assert(got(&p, "a"));
    cr_assert(eq(i32, size_of_queue(&other), 0));
}

Test(parked, calls_get_what_comes_in_the_order_in_which_they_began_to_wait)
{
    take(&p);
    world_run();
    take(&other);
    world_run();
    offer(&other, "a");
    world_run();
    cr_assert(got(&p, "a"));
    offer(&p, "b");
    world_run();
    cr_assert(got(&other, "b") || other.count == 2);
}

Test(parked, a_call_holds_up_no_other_of_its_session)
{
    take(&p);
    cr_assert(eq(i32, size_of_queue(&p), 0));
    cr_assert(eq(int, p.count, 1));
}

Test(parked, a_call_is_answered_when_its_time_is_up)
{
    struct queue_poll_rsp polled;

    poll(&p, 5000);
    world_pass(4900000000);
    cr_assert(eq(int, p.count, 0));
    world_pass(200000000);
    cr_assert(peer_read(&p, WIRE_queue_poll_rsp, &polled));
    cr_assert(eq(int, polled.response.kind, DATA_NULL));
    offer(&other, "a");
    cr_assert(eq(i32, size_of_queue(&other), 1), "nobody waits any more");
}

Test(parked, a_call_ends_with_its_session_and_takes_nothing)
{
    take(&p);
    world_run();
    peer_leave(&p);
    world_run();
    offer(&other, "a");
    cr_assert(eq(i32, size_of_queue(&other), 1));
}

/* Woken, and then its session is gone before it was served again. */
Test(parked, a_call_that_was_woken_too_late_takes_nothing)
{
    peer_ask(&other, WIRE_queue_size_req, &(struct queue_size_req){.name = wire_text("q")});
    take(&p);
    world_run();
    offer(&other, "a");
    conn_abort(&p.conn);
    p.alive = false;
    world_run();
    int32_t size = size_of_queue(&other);

    cr_assert(size == 1 || size == 0, "the value went out, or it is still there");
    cr_assert(eq(u64, load_relaxed_64(&world.member.door.sessions), 1));
}

Test(parked, a_call_waits_for_a_lock_until_it_is_let_go)
{
    struct map_lock_req lock = {.thread_id = 1,
                                .ttl = -1,
                                .reference_id = 1,
                                .name = wire_text("m"),
                                .key = text_data("a")};

    peer_ask(&p, WIRE_map_lock_req, &lock);
    world_run();
    cr_assert(eq(int, p.count, 1));
    peer_ask(&other, WIRE_map_lock_req, &lock);
    world_run();
    cr_assert(eq(int, other.count, 0));
    peer_leave(&p); /* its locks go with it */
    world_run();
    cr_assert(eq(int, other.count, 1));
    cr_assert(eq(int, peer_error(&other), 0));
}

/* ---- calls of several parts ----------------------------------------------------------------- */

/* Of the second client, so that the first has to wait. Maps and multimaps have the same fields. */
static void lock_key(const char *key, enum wire_id id)
{
    peer_ask(&other, id,
             &(struct map_lock_req){.thread_id = 1,
                                    .ttl = -1,
                                    .reference_id = 1,
                                    .name = wire_text("m"),
                                    .key = text_data(key)});
    world_run();
}

static void unlock_key(const char *key, enum wire_id id)
{
    peer_ask(&other, id,
             &(struct map_unlock_req){
                 .thread_id = 1, .reference_id = 2, .name = wire_text("m"), .key = text_data(key)});
    world_run();
}

static void put_all(const char *const keys[], uint32_t count)
{
    const struct data value = text_data("new");
    struct sink pairs = {.grows = true};

    for (uint32_t i = 0; i < count; i++) {
        const struct data key = text_data(keys[i]);

        wire_put(&pairs, WIRE_data, &key);
        wire_put(&pairs, WIRE_data, &value);
    }
    peer_ask(
        &p, WIRE_map_put_all_req,
        &(struct map_put_all_req){.name = wire_text("m"), .entries = wire_list_of(&pairs, count)});
    world_run();
    sink_free(&pairs);
}

static struct data value_of(const char *key)
{
    struct map_get_rsp got;

    peer_ask(&other, WIRE_map_get_req,
             &(struct map_get_req){.name = wire_text("m"), .key = text_data(key)});
    world_run();
    cr_assert(peer_read(&other, WIRE_map_get_rsp, &got));
    return got.response;
}

static bool has(const char *key, const char *value)
{
    const struct data wanted = text_data(value), is = value_of(key);

    return data_equal(&is, &wanted);
}

static void put(const char *key, const char *value)
{
    peer_ask(&other, WIRE_map_put_req,
             &(struct map_put_req){.thread_id = 1,
                                   .ttl = -1,
                                   .name = wire_text("m"),
                                   .key = text_data(key),
                                   .value = text_data(value)});
    world_run();
}

/* What another client writes meanwhile shows what is written twice. */
Test(parked, a_put_of_many_goes_on_where_a_lock_has_stopped_it)
{
    const char *const keys[] = {"a", "locked", "b", "locked too", "c"};

    lock_key("locked", WIRE_map_lock_req);
    lock_key("locked too", WIRE_map_lock_req);
    put_all(keys, 5);
    cr_assert(eq(int, p.count, 0));
    cr_assert(has("a", "new"));
    put("a", "newer");
    unlock_key("locked", WIRE_map_unlock_req);
    cr_assert(eq(int, p.count, 0));
    cr_assert(has("locked", "new"));
    cr_assert(has("b", "new"));
    put("locked", "newer");
    put("b", "newer");
    unlock_key("locked too", WIRE_map_unlock_req);
    cr_assert(eq(int, p.count, 1));
    cr_assert(eq(int, peer_error(&p), 0));
    cr_expect(has("a", "newer") && has("locked", "newer") && has("b", "newer"));
    cr_expect(has("locked too", "new") && has("c", "new"));
}

Test(parked, a_put_of_many_whose_time_is_up_leaves_what_it_has_written)
{
    const char *const keys[] = {"a", "locked", "b"};

    lock_key("locked", WIRE_map_lock_req);
    put_all(keys, 3);
    put("a", "newer");
    for (int ms = 0; ms < CALL_LOCKED_MS; ms += 30000) {
        peer_ask(&p, WIRE_client_ping_req, NULL); /* who says nothing is not waited for */
        peer_ask(&other, WIRE_client_ping_req, NULL);
        world_run();
        cr_assert(eq(int, peer_error(&p), 0));
        world_pass(30000000000);
    }
    cr_assert(ne(int, peer_error(&p), 0));
    cr_expect(has("a", "newer"));
    cr_expect(eq(int, value_of("b").kind, DATA_NULL));
}

static uint32_t values_in_multimap(void)
{
    struct multimap_size_rsp size;

    peer_ask(&other, WIRE_multimap_size_req, &(struct multimap_size_req){.name = wire_text("m")});
    world_run();
    cr_assert(peer_read(&other, WIRE_multimap_size_rsp, &size));
    return (uint32_t)size.response;
}

/* Two values of a key, then one of a key that is locked. The two are taken out meanwhile. */
Test(parked, a_multimaps_put_of_many_goes_on_where_a_lock_has_stopped_it)
{
    const struct data first = text_data("a"), locked = text_data("locked"),
                      values[] = {text_data("1"), text_data("2")};
    struct sink two = {.grows = true}, one = {.grows = true}, entries = {.grows = true};

    lock_key("locked", WIRE_multimap_lock_req);
    wire_put(&two, WIRE_data, &values[0]);
    wire_put(&two, WIRE_data, &values[1]);
    wire_put(&one, WIRE_data, &values[0]);
    wire_put(&entries, WIRE_data, &first);
    wire_put(&entries, WIRE_datas, &(struct wire_list){two.at, (uint32_t)two.size, 2});
    wire_put(&entries, WIRE_data, &locked);
    wire_put(&entries, WIRE_datas, &(struct wire_list){one.at, (uint32_t)one.size, 1});
    peer_ask(&p, WIRE_multimap_put_all_req,
             &(struct multimap_put_all_req){.name = wire_text("m"),
                                            .entries = wire_list_of(&entries, 2)});
    world_run();
    cr_assert(eq(int, p.count, 0));
    cr_assert(eq(u32, values_in_multimap(), 2));
    peer_ask(&other, WIRE_multimap_remove_req,
             &(struct multimap_remove_req){.thread_id = 1, .name = wire_text("m"), .key = first});
    unlock_key("locked", WIRE_multimap_unlock_req);
    cr_assert(eq(int, p.count, 1));
    cr_expect(eq(u32, values_in_multimap(), 1));
    sink_free(&two);
    sink_free(&one);
    sink_free(&entries);
}

/* ---- bounds --------------------------------------------------------------------------------- */

Test(parked, more_calls_than_may_wait_are_refused_and_the_session_goes_on)
{
    enum { CALLS = 2000 };

    for (int i = 0; i < CALLS; i++)
        take(&p);
    world_run();
    cr_assert(gt(int, p.count, 0));
    cr_assert(lt(int, p.count, CALLS));
    cr_assert(eq(int, peer_error(&p), 20));

    int refused = p.count;

    for (int i = 0; i < CALLS; i++)
        offer(&other, "a");
    world_run();
    cr_assert(eq(int, p.count, CALLS), "those that wait are answered");
    cr_assert(eq(i32, size_of_queue(&other), refused));
}

Test(parked, a_call_of_a_client_that_takes_no_answers_is_served_when_it_does)
{
    static char large[40000];
    enum { CALLS = 200 };

    memset(large, 'x', sizeof large - 1);
    for (int i = 0; i < CALLS; i++)
        take(&p);
    world_run();
    int waiting = CALLS - p.count;

    conn_pause(&p.conn);
    for (int i = 0; i < waiting; i++)
        offer(&other, large);
    world_pass(1000000000);
    cr_assert(gt(i32, size_of_queue(&other), waiting / 2), "what it does not take stays");
    conn_resume(&p.conn);
    world_pass(10000000000);
    cr_assert(eq(int, p.count, CALLS));
    cr_assert(eq(i32, size_of_queue(&other), 0));
}

/* Whatever allocation fails, the client is answered or waits. */
Test(parked, a_call_without_memory_is_answered_with_an_error)
{
    int errors = 0;

    for (int left = 0; left < 30; left++) {
        peer_clear(&p);
        take(&p);
        mem_hooks_set(&scarce);
        scarce_left = left;
        for (int i = 0; i < 200; i++) {
            (void)loop_round(world.loop);
            world.now_ns += 10000;
        }
        mem_hooks_set(NULL);
        world_run();
        if (!p.alive) {
            peer_leave(&p);
            peer_login(&p);
            continue;
        }
        if (p.count == 1) {
            errors++;
            cr_assert(ne(int, peer_error(&p), 0));
            continue;
        }
        offer(&other, "a");
        world_run();
        cr_assert(got(&p, "a"), "with %d allocations", left);
    }
    cr_assert(gt(int, errors, 0));
}
