#include "tests/unit/client/fixture.h"

/* How a change that finds no room gets some. */

TestSuite(run, .fini = close_member);

static char bytes[8 << 20];

static mr_rc_t put_bytes(int64_t key, size_t size)
{
    mr_err_clear(&err);
    return mr_map_put(m, MR_I64(key), MR_BYTES(bytes, size), NULL, &err);
}

Test(run, gives_up_as_many_entries_as_a_large_value_needs)
{
    OPEN("memory.max", "16MiB", "maps.test.eviction", "lru");
    for (int64_t i = 0; i < 200000; i++)
        cr_assert(put_bytes(i, 100) == MR_OK, "%s", err.detail);

    cr_assert(put_bytes(-1, sizeof bytes) == MR_OK, "%s", err.detail);
    cr_assert(size() > 10000, "and no more: %lu are left", (unsigned long)size());
}

Test(run, gives_up_as_many_entries_as_max_bytes_needs)
{
    OPEN("maps.test.max-bytes", "1MiB", "maps.test.eviction", "random");
    for (int64_t i = 0; i < 10000; i++)
        cr_assert(put_bytes(i, 100) == MR_OK, "%s", err.detail);

    cr_assert(put_bytes(-1, 512 << 10) == MR_OK, "%s", err.detail);
    cr_assert(size() > 3000, "and no more: %lu are left", (unsigned long)size());
}

Test(run, gives_up_nothing_for_what_can_never_fit)
{
    OPEN("maps.test.max-bytes", "1MiB", "maps.test.eviction", "lru");
    for (int64_t i = 0; i < 1000; i++)
        cr_assert(put_bytes(i, 100) == MR_OK, "%s", err.detail);

    cr_assert(put_bytes(-1, 2 << 20) == MR_ERR_FULL);
    cr_assert_eq(size(), 1000);
}

Test(run, does_not_refuse_while_entries_that_have_ended_stand_in_the_way)
{
    stop_time();
    OPEN("maps.test.max-size", "10", "maps.test.ttl", "1s");
    for (int round = 0; round < 100; round++) {
        for (int64_t i = 0; i < 10; i++)
            cr_assert(put_bytes(round * 10 + i, 1) == MR_OK, "%s", err.detail);
        cr_assert(put_bytes(-1, 1) == MR_ERR_FULL);
        time_passes(1000);
    }
}

Test(run, does_not_refuse_while_memory_that_was_replaced_elsewhere_stands_in_the_way)
{
    stop_time(); /* so that the keeper does not help */
    OPEN("memory.max", "16MiB");
    for (int64_t other = 1; other < 20; other++) {
        for (int i = 0; i < 14; i++)
            cr_assert(put_bytes(0, 1 << 20) == MR_OK, "%s", err.detail);
        cr_assert(put_bytes(other, 4 << 20) == MR_OK, "%s", err.detail);
        GIVES(MR_OK, mr_map_delete(m, MR_I64(other), &err));
    }
}

static void wait_inside(void *context, const mr_event_t *event)
{
    (void)event;
    while (!load_acquire_32(context))
        pause_ms(1);
}

Test(run, does_not_refuse_while_events_that_nobody_has_heard_stand_in_the_way)
{
    uint32_t may_go_on = 0;

    OPEN("memory.max", "16MiB");
    cr_assert(mr_map_listen(m, MR_EVENT_ALL, wait_inside, &may_go_on, &err) != NULL);
    for (int i = 0; i < 120; i++)
        cr_assert(put_bytes(i, 100000) == MR_OK, "%d: %s", i, err.detail);
    store_release_32(&may_go_on, 1);
}
