/* What only happens between several clients, or with a client that is not as others are. */
#define _GNU_SOURCE
#include "grid/door/dispatch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/door.h"
#include "tests/unit/scarce.h"

#define PASS_S(seconds) world_pass((seconds)*1000000000ull)

static struct peer a, b, c;

static void set_up(void)
{
    world_open(NULL);
    peer_login(&a);
    peer_login(&b);
    peer_login(&c);
}

static void tear_down(void)
{
    peer_leave(&a);
    peer_leave(&b);
    peer_leave(&c);
    world_close();
}

TestSuite(odd, .init = set_up, .fini = tear_down, .timeout = 60);

static void lock(struct peer *p, int64_t lease_ms, int64_t reference)
{
    peer_ask(p, WIRE_map_lock_req,
             &(struct map_lock_req){.thread_id = 1,
                                    .ttl = lease_ms,
                                    .reference_id = reference,
                                    .name = wire_text("m"),
                                    .key = text_data("b")});
    world_run();
}

static void unlock(struct peer *p)
{
    peer_ask(
        p, WIRE_map_unlock_req,
        &(struct map_unlock_req){
            .thread_id = 1, .reference_id = 99, .name = wire_text("m"), .key = text_data("b")});
    world_run();
}

static void put_all(struct peer *p)
{
    const struct data first = text_data("x1"), locked = text_data("b"), value = text_data("v");
    struct sink s = {.grows = true};

    wire_put(&s, WIRE_data, &first);
    wire_put(&s, WIRE_data, &value);
    wire_put(&s, WIRE_data, &locked);
    wire_put(&s, WIRE_data, &value);
    peer_ask(p, WIRE_map_put_all_req,
             &(struct map_put_all_req){.name = wire_text("m"), .entries = wire_list_of(&s, 2)});
    world_run();
    sink_free(&s);
}

Test(odd, a_put_of_many_that_was_woken_wakes_who_stands_behind_it)
{
    lock(&a, -1, 1);
    put_all(&b);
    lock(&c, -1, 2);
    cr_assert(eq(int, a.count, 1));
    cr_assert(eq(int, b.count, 0));
    cr_assert(eq(int, c.count, 0));
    unlock(&a);
    PASS_S(5);
    cr_expect(eq(int, c.count, 1)); /* it keeps the lock; b may have been before it or not */
    unlock(&c);
    PASS_S(5);
    cr_expect(eq(int, b.count, 1));
}

Test(odd, a_lease_that_becomes_shorter_is_heard_by_who_waits)
{
    lock(&a, -1, 1);
    lock(&c, -1, 2);
    lock(&a, 1000, 3);
    cr_assert(eq(int, a.count, 2));
    cr_assert(eq(int, c.count, 0));
    PASS_S(10);
    cr_expect(eq(int, c.count, 1));
}

Test(odd, what_was_destroyed_is_not_brought_back_by_who_waited_in_it)
{
    peer_ask(&b, WIRE_queue_take_req, &(struct queue_take_req){.name = wire_text("q")});
    world_run();
    cr_assert(eq(int, objects_destroy(&world.member.objects, OBJECT_QUEUE, "q"), MR_OK));
    world_run();
    cr_expect(eq(int, b.count, 1));
    cr_expect(eq(ptr, objects_find(&world.member.objects, OBJECT_QUEUE, "q"), NULL));
}

Test(odd, a_name_with_a_nul_is_another_name)
{
    const size_t size = 30000000;
    uint8_t *name = calloc(1, size);

    memcpy(name, "ab", 2);
    peer_ask(
        &a, WIRE_map_put_req,
        &(struct map_put_req){
            .ttl = -1, .name = wire_text("ab"), .key = text_data("k"), .value = text_data("v")});
    world_run();
    peer_ask(&a, WIRE_map_get_req,
             &(struct map_get_req){.name = {name, (uint32_t)size}, .key = text_data("k")});
    PASS_S(3);
    cr_expect(eq(int, a.count, 2));
    peer_ask(&a, WIRE_map_get_req, &(struct map_get_req){.name = {name, 3}, .key = text_data("k")});
    world_run();
    cr_expect(eq(int, a.count, 3));
    free(name);
}
