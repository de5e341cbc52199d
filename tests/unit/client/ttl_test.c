#include "tests/unit/client/fixture.h"

/* Time stands still in these tests, except where a test moves it. What is left to the real clock is
 * when the member looks for ended entries. */
static void open_in_virtual_time(void)
{
    stop_time();
    OPEN("maps.minute.ttl", "1m", "maps.idle.max-idle", "10s", "maps.idle.ttl", "1m");
}

TestSuite(ttl, .init = open_in_virtual_time, .fini = close_member);

static void put_for(mr_ref_t key, int64_t ttl_ms, int64_t max_idle_ms)
{
    mr_put_opts_t opts = {sizeof opts, ttl_ms, max_idle_ms, NULL};

    GIVES(MR_OK, mr_map_put(m, key, MR_I64(1), &opts, &err));
}

Test(ttl, ends_an_entry_in_its_very_millisecond)
{
    put_for(MR_STR("ada"), 1000, 0);
    time_passes(999);
    cr_assert(!absent(MR_STR("ada")));
    time_passes(1);
    cr_assert(absent(MR_STR("ada")));
}

Test(ttl, hides_an_ended_entry_from_every_call)
{
    mr_ref_t key = MR_STR("ada"), view;
    mr_val_t v = MR_VAL_INIT;
    mr_iter_t *it;

    put_for(key, 10, 0);
    time_passes(10);
    GIVES(MR_NOT_FOUND, mr_map_get(m, key, &v, NULL, &err));
    GIVES(MR_OK, mr_map_get_all(m, &key, 1, &v, &err));
    cr_assert_eq(mr_val_type(&v), MR_KIND_NULL);
    cr_assert((it = mr_map_iter(m, 0, &err)) && mr_iter_next(it, NULL, NULL, &err) == 0);
    mr_iter_free(it);
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_NOT_FOUND, mr_map_borrow(m, key, &view, &err));
    mr_read_end(g);
    GIVES(MR_NOT_FOUND, mr_map_replace(m, key, MR_I64(2), NULL, &err));
    GIVES(MR_NOT_FOUND, mr_map_remove(m, key, &v, &err));
    GIVES(MR_NOT_FOUND, mr_map_set_ttl(m, key, MR_FOREVER, &err));
    GIVES(MR_OK, mr_map_put_if_absent(m, key, MR_I64(2), NULL, &err));
    cr_assert_eq(number(key), 2);
}

Test(ttl, is_the_maps_unless_the_put_says_otherwise)
{
    m = mr_map(g, "minute", &err);
    put_for(MR_I64(1), 0, 0);
    put_for(MR_I64(2), 1000, 0);
    put_for(MR_I64(3), MR_FOREVER, 0);
    time_passes(1000);
    cr_assert(absent(MR_I64(2)));
    time_passes(58999);
    cr_assert(!absent(MR_I64(1)));
    time_passes(1);
    cr_assert(absent(MR_I64(1)));
    time_passes(1000000000);
    cr_assert(!absent(MR_I64(3)));
}

Test(ttl, is_never_where_nobody_said_one)
{
    put(MR_I64(1), MR_I64(1));
    time_passes(3000ull * 24 * 3600 * 1000);
    cr_assert(!absent(MR_I64(1)));
}

Test(ttl, begins_anew_with_each_write)
{
    m = mr_map(g, "minute", &err);
    put_for(MR_I64(1), 0, 0);
    time_passes(50000);
    put_for(MR_I64(1), 0, 0);
    time_passes(50000);
    cr_assert(!absent(MR_I64(1)));
    GIVES(MR_OK, mr_map_replace(m, MR_I64(1), MR_I64(2), NULL, &err));
    time_passes(59999);
    cr_assert(!absent(MR_I64(1)));
    time_passes(1);
    cr_assert(absent(MR_I64(1)));
}

Test(ttl, ends_an_entry_that_is_not_used)
{
    put_for(MR_I64(1), 0, 1000);
    put_for(MR_I64(2), 0, 1000);
    for (int i = 0; i < 5; i++) {
        time_passes(999);
        cr_assert(!absent(MR_I64(1)), "a use keeps it");
    }
    cr_assert(absent(MR_I64(2)));
    time_passes(1000);
    cr_assert(absent(MR_I64(1)));
}

Test(ttl, takes_the_maps_idle_time_and_its_ttl_whichever_comes_first)
{
    m = mr_map(g, "idle", &err);
    put_for(MR_I64(1), 0, 0);
    put_for(MR_I64(2), 0, MR_FOREVER);
    for (int i = 0; i < 6; i++) {
        cr_assert(!absent(MR_I64(1)));
        time_passes(9999);
    }
    cr_assert(!absent(MR_I64(2)), "the map's idle time was overruled");
    time_passes(6);
    cr_assert(absent(MR_I64(1)) && absent(MR_I64(2)), "after the map's ttl, used or not");
}

Test(ttl, can_be_set_without_a_write)
{
    put_for(MR_I64(1), 1000, 0);
    GIVES(MR_OK, mr_map_set_ttl(m, MR_I64(1), 5000, &err));
    time_passes(4999);
    cr_assert_eq(number(MR_I64(1)), 1);
    time_passes(1);
    cr_assert(absent(MR_I64(1)));
    GIVES(MR_NOT_FOUND, mr_map_set_ttl(m, MR_I64(1), 5000, &err));
}

Test(ttl, can_be_taken_away_and_put_back_to_the_maps)
{
    m = mr_map(g, "minute", &err);
    put_for(MR_I64(1), 1000, 0);
    put_for(MR_I64(2), 1000, 0);
    GIVES(MR_OK, mr_map_set_ttl(m, MR_I64(1), MR_FOREVER, &err));
    GIVES(MR_OK, mr_map_set_ttl(m, MR_I64(2), 0, &err));
    time_passes(59999);
    cr_assert(!absent(MR_I64(1)) && !absent(MR_I64(2)));
    time_passes(1);
    cr_assert(!absent(MR_I64(1)) && absent(MR_I64(2)));
}

Test(ttl, leaves_the_idle_time_when_it_is_set)
{
    put_for(MR_I64(1), 1000, 500);
    GIVES(MR_OK, mr_map_set_ttl(m, MR_I64(1), MR_FOREVER, &err));
    time_passes(499);
    cr_assert(!absent(MR_I64(1)));
    time_passes(500);
    cr_assert(absent(MR_I64(1)));
}

static mr_update_t next_number(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1);
    return MR_UPDATE_SET;
}

Test(ttl, is_kept_by_an_update_unless_that_says_otherwise)
{
    mr_put_opts_t longer = {sizeof longer, 5000, 0, NULL};

    put_for(MR_I64(1), 1000, 0);
    put_for(MR_I64(2), 1000, 0);
    time_passes(500);
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), next_number, NULL, NULL, &err));
    GIVES(MR_OK, mr_map_update(m, MR_I64(2), next_number, NULL, &longer, &err));
    time_passes(500);
    cr_assert(absent(MR_I64(1)));
    cr_assert_eq(number(MR_I64(2)), 2);
    time_passes(4500);
    cr_assert(absent(MR_I64(2)));
}

Test(ttl, shows_an_update_no_value_that_has_ended)
{
    put_for(MR_I64(1), 1000, 0);
    time_passes(1000);
    GIVES(MR_OK, mr_map_update(m, MR_I64(1), next_number, NULL, NULL, &err));
    cr_assert_eq(number(MR_I64(1)), 1);
}

Test(ttl, of_many_entries_at_once)
{
    mr_entry_t entries[] = {{MR_I64(1), MR_I64(1)}, {MR_I64(2), MR_I64(2)}};
    mr_put_opts_t opts = {sizeof opts, 1000, 0, NULL};

    GIVES(MR_OK, mr_map_put_all(m, entries, 2, &opts, NULL, &err));
    time_passes(999);
    cr_assert(!absent(MR_I64(1)) && !absent(MR_I64(2)));
    time_passes(1);
    cr_assert(absent(MR_I64(1)) && absent(MR_I64(2)));
}

Test(ttl, returns_the_memory_although_nobody_touches_the_map)
{
    mr_ref_t stays = MR_STR("stays");
    uint64_t used;

    put(stays, MR_I64(1));
    used = memory_stats().used;
    for (int i = 0; i < 5000; i++)
        put_for(MR_I64(i), 1000, i % 2 ? 0 : 500);
    cr_assert(memory_stats().used > used + 5000 * 30);
    time_passes(1000);

    EVENTUALLY(size() == 1);
    EVENTUALLY(memory_stats().retired == 0);
    cr_assert_eq(map_stats().expirations, 5000);
    cr_assert_eq(map_stats().entries, 1);
    cr_assert(memory_stats().used < used + 5000 * 12, "no more than the index has grown to");
    cr_assert(!absent(stays));
}

/* With the real clock: short lives, generous waits. */
Test(ttl_by_the_real_clock, ends_entries, .init = open_plain, .fini = close_member)
{
    for (int i = 0; i < 100; i++)
        put_for(MR_I64(i), 20, 0);
    put_for(MR_STR("stays"), 3600000, 0);
    EVENTUALLY(size() == 1);
    cr_assert(!absent(MR_STR("stays")));
}
