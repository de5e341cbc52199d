/* lives.c - entries that end by themselves. */
#include "bench.h"

static const mr_put_opts_t ttl_of_a_second = {sizeof(mr_put_opts_t), 1000, 0, NULL};

static void put_with_ttl(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_put(m, MR_STR("a"), MR_STR("one"), &ttl_of_a_second, &t->err);
    open_list(t);
    say_get(t, m, "a");
    say(t, MR_BOOL(gone(t, m, "a")));
    say_get(t, m, "a");
    say_size(t, m);
    close_list(t);
}

static void set_with_ttl(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_set(m, MR_STR("a"), MR_STR("one"), &ttl_of_a_second, &t->err);
    open_list(t);
    say_get(t, m, "a");
    say(t, MR_BOOL(gone(t, m, "a")));
    close_list(t);
}

static void put_if_absent_with_ttl(struct bench *t)
{
    mr_map_t *m = map_of(t);
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t opts = ttl_of_a_second;

    opts.old = &old;
    open_list(t);
    mr_map_put_if_absent(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    say(t, mr_val_ref(&old));
    say_get(t, m, "a");
    say(t, MR_BOOL(gone(t, m, "a")));
    mr_map_put_if_absent(m, MR_STR("a"), MR_STR("two"), &opts, &t->err);
    say(t, mr_val_ref(&old));
    close_list(t);
    mr_val_clear(&old);
}

static void put_all_with_ttl_is_setting_each(struct bench *t)
{
    const mr_entry_t both[] = {{MR_STR("a"), MR_STR("one")}, {MR_STR("b"), MR_STR("two")}};
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, both, 2, NULL, NULL, &t->err);
    mr_map_put_all(m, both, 1, &ttl_of_a_second, NULL, &t->err);
    open_list(t);
    say(t, MR_BOOL(gone(t, m, "a")));
    say_get(t, m, "b");
    close_list(t);
}

static void max_idle(struct bench *t)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_map_t *m = map_of(t);

    opts.max_idle_ms = 1500;
    mr_map_put(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    sleep_ms(4000);
    say_get(t, m, "a");
}

static void max_idle_is_put_off_by_reading(struct bench *t)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_val_t v = MR_VAL_INIT;
    mr_map_t *m = map_of(t);

    opts.max_idle_ms = 3000;
    mr_map_put(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    for (int i = 0; i < 12; i++) {
        mr_map_get(m, MR_STR("a"), &v, NULL, &t->err);
        sleep_ms(500);
    }
    say_get(t, m, "a");
    mr_val_clear(&v);
}

static void set_ttl(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_whether(t, mr_map_set_ttl(m, MR_STR("a"), 1000, &t->err));
    say(t, MR_BOOL(gone(t, m, "a")));
    say_whether(t, mr_map_set_ttl(m, MR_STR("nobody"), 1000, &t->err));
    say_size(t, m);
    close_list(t);
}

static void set_ttl_for_ever(struct bench *t)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_map_t *m = map_of(t);

    opts.ttl_ms = 2000;
    mr_map_put(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    open_list(t);
    say_whether(t, mr_map_set_ttl(m, MR_STR("a"), MR_FOREVER, &t->err));
    sleep_ms(3500);
    say_get(t, m, "a");
    close_list(t);
}

static void ttl_is_renewed_by_a_put(struct bench *t)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_map_t *m = map_of(t);

    opts.ttl_ms = 2000;
    mr_map_put(m, MR_STR("a"), MR_STR("one"), &opts, &t->err);
    mr_map_put(m, MR_STR("a"), MR_STR("two"), NULL, &t->err);
    sleep_ms(3500);
    say_get(t, m, "a");
}

void life_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"map.put_with_ttl", put_with_ttl},
        {"map.set_with_ttl", set_with_ttl},
        {"map.put_if_absent_with_ttl", put_if_absent_with_ttl},
        {"map.put_all_with_ttl_is_setting_each", put_all_with_ttl_is_setting_each},
        {"map.max_idle", max_idle},
        {"map.max_idle_is_put_off_by_reading", max_idle_is_put_off_by_reading},
        {"map.set_ttl", set_ttl},
        {"map.set_ttl_for_ever", set_ttl_for_ever},
        {"map.ttl_is_renewed_by_a_put", ttl_is_renewed_by_a_put},
    };

    RUN_ALL(t, checks);
}
