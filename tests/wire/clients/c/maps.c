/* maps.c - a map, entry by entry. */
#include <stdlib.h>

#include "bench.h"

/* ---- what a call answers --------------------------------------------------------------------- */

/* A put, a replace, ...: they look the same. */
typedef mr_rc_t (*write_fn)(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                            mr_err_t *err);

/* Says the value from before, or null. */
static void say_old(struct bench *t, mr_map_t *m, write_fn write, const char *key,
                    const char *value)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_val_t old = MR_VAL_INIT;

    opts.old = &old;
    write(m, MR_STR(key), MR_STR(value), &opts, &t->err);
    say(t, mr_val_ref(&old));
    mr_val_clear(&old);
}

static void say_remove(struct bench *t, mr_map_t *m, const char *key)
{
    mr_val_t old = MR_VAL_INIT;

    mr_map_remove(m, MR_STR(key), &old, &t->err);
    say(t, mr_val_ref(&old));
    mr_val_clear(&old);
}

static void say_contains(struct bench *t, mr_map_t *m, const char *key)
{
    say_whether(t, mr_map_contains(m, MR_STR(key), &t->err));
}

/* ---- entry by entry ------------------------------------------------------------------------- */

static void get_missing(struct bench *t)
{
    say_get(t, map_of(t), "nobody");
}

static void put_returns_old(struct bench *t)
{
    mr_map_t *m = map_of(t);

    open_list(t);
    say_old(t, m, mr_map_put, "a", "one");
    say_old(t, m, mr_map_put, "a", "two");
    say_get(t, m, "a");
    close_list(t);
}

static void put_null_key(struct bench *t)
{
    say_done(t, mr_map_put(map_of(t), MR_NULL, MR_STR("x"), NULL, &t->err));
}

static void put_null_value(struct bench *t)
{
    say_done(t, mr_map_put(map_of(t), MR_STR("a"), MR_NULL, NULL, &t->err));
}

static void set_overwrites(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_done(t, mr_map_set(m, MR_STR("a"), MR_STR("new"), NULL, &t->err));
    say_get(t, m, "a");
    close_list(t);
}

static void empty_key_and_value(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_put(m, MR_STR(""), MR_STR(""), NULL, &t->err);
    open_list(t);
    say_get(t, m, "");
    say_size(t, m);
    close_list(t);
}

static void remove_returns_old(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_remove(t, m, "a");
    say_remove(t, m, "a");
    say_size(t, m);
    close_list(t);
}

static void remove_if_same(struct bench *t)
{
    static const char *const values[] = {"two", "one", "one"};
    mr_map_t *m = filled(t);

    open_list(t);
    for (int i = 0; i < 3; i++)
        say_whether(t, mr_map_remove_if_equal(m, MR_STR("a"), MR_STR(values[i]), &t->err));
    close_list(t);
}

/* It says whether there was an entry, which the others are not told. */
static void delete (struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_done(t, mr_map_delete(m, MR_STR("a"), &t->err));
    if (mr_map_delete(m, MR_STR("nobody"), &t->err) == MR_NOT_FOUND)
        say(t, MR_NULL);
    say_size(t, m);
    close_list(t);
}

static void replace(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_old(t, m, mr_map_replace, "a", "new");
    say_old(t, m, mr_map_replace, "nobody", "x");
    say_get(t, m, "a");
    say_get(t, m, "nobody");
    close_list(t);
}

static void replace_if_same(struct bench *t)
{
    static const char *const calls[][3] = {
        {"a", "two", "x"}, {"a", "one", "new"}, {"nobody", "one", "x"}};
    mr_map_t *m = filled(t);

    open_list(t);
    for (int i = 0; i < 3; i++)
        say_whether(t, mr_map_replace_if_equal(m, MR_STR(calls[i][0]), MR_STR(calls[i][1]),
                                               MR_STR(calls[i][2]), NULL, &t->err));
    say_get(t, m, "a");
    close_list(t);
}

static void put_if_absent(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_old(t, m, mr_map_put_if_absent, "a", "x");
    say_old(t, m, mr_map_put_if_absent, "d", "four");
    say_get(t, m, "a");
    say_get(t, m, "d");
    close_list(t);
}

static void contains_key(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_contains(t, m, "a");
    say_contains(t, m, "nobody");
    close_list(t);
}

static void key_types_are_different_keys(struct bench *t)
{
    const mr_entry_t entries[] = {{MR_STR("1"), MR_STR("text")},
                                  {MR_I32(1), MR_STR("int")},
                                  {MR_I64(1), MR_STR("long")},
                                  {MR_F64(1), MR_STR("double")}};
    mr_val_t v = MR_VAL_INIT;
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, entries, 4, NULL, NULL, &t->err);
    open_list(t);
    for (int i = 0; i < 4; i++) {
        mr_map_get(m, entries[i].key, &v, NULL, &t->err);
        say(t, mr_val_ref(&v));
    }
    say_size(t, m);
    close_list(t);
    mr_val_clear(&v);
}

static void evict(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_whether(t, mr_map_evict(m, MR_STR("a"), &t->err));
    say_whether(t, mr_map_evict(m, MR_STR("nobody"), &t->err));
    say_get(t, m, "a");
    say_size(t, m);
    close_list(t);
}

static void evict_locked(struct bench *t)
{
    mr_map_t *m = filled(t);

    mr_map_lock(m, MR_STR("a"), 0, MR_FOREVER, &t->err);
    open_list(t);
    say_whether(t, mr_map_evict(m, MR_STR("a"), &t->err));
    say_get(t, m, "a");
    close_list(t);
}

static void large_value(struct bench *t)
{
    enum { LARGE = 1000000 };
    mr_map_t *m = map_of(t);
    mr_val_t v = MR_VAL_INIT;
    char *text = malloc(LARGE);

    memset(text, 'x', LARGE);
    mr_map_set(m, MR_STR("a"), MR_STRN(text, LARGE), NULL, &t->err);
    mr_map_get(m, MR_STR("a"), &v, NULL, &t->err);
    say(t, MR_I64(mr_val_len(&v)));
    mr_val_clear(&v);
    free(text);
}

/* Which of the answers each call gives: nobody else is told all of them. */
static void answers(struct bench *t)
{
    const mr_ref_t a = MR_STR("a"), one = MR_STR("one"), x = MR_STR("x");
    mr_map_t *m = filled(t);
    const mr_rc_t rc[] = {
        mr_map_contains(m, x, &t->err),
        mr_map_put(m, a, one, NULL, &t->err),
        mr_map_put_if_absent(m, a, x, NULL, &t->err),
        mr_map_replace(m, x, x, NULL, &t->err),
        mr_map_replace_if_equal(m, a, x, x, NULL, &t->err),
        mr_map_replace_if_equal(m, x, x, x, NULL, &t->err),
        mr_map_remove_if_equal(m, a, x, &t->err),
        mr_map_remove_if_equal(m, x, x, &t->err),
        mr_map_remove(m, x, NULL, &t->err),
        mr_map_delete(m, x, &t->err),
        mr_map_delete(m, a, &t->err),
        mr_map_evict(m, a, &t->err),
        mr_map_set_ttl(m, a, 1000, &t->err),
    };

    open_list(t);
    for (size_t i = 0; i < sizeof rc / sizeof rc[0]; i++)
        say_words(t, "%s", mr_rc_name(rc[i]));
    close_list(t);
}

/* ---- updating ------------------------------------------------------------------------------- */

/* What becomes of a value: a suffix is added, or the entry goes; one that is not there is made. */
struct change {
    const char *key, *suffix, *absent;
    char next[32];
};

static mr_update_t apply(void *context, mr_ref_t current, mr_ref_t *next)
{
    struct change *c = context;

    c->next[0] = '\0';
    if (current.kind == MR_KIND_NULL && !c->absent)
        return MR_UPDATE_KEEP;
    if (current.kind != MR_KIND_NULL && !c->suffix)
        return MR_UPDATE_REMOVE;
    if (current.kind == MR_KIND_NULL)
        snprintf(c->next, sizeof c->next, "%s", c->absent);
    else
        snprintf(c->next, sizeof c->next, "%.*s%s", (int)current.len, current.as.str, c->suffix);
    *next = MR_STR(c->next);
    return MR_UPDATE_SET;
}

static void compute(struct bench *t)
{
    struct change changes[] = {{.key = "a", .suffix = "!"},
                               {.key = "b"},
                               {.key = "d", .absent = "four"},
                               {.key = "nobody", .suffix = "x"},
                               {.key = "c", .suffix = "+"}};
    mr_map_t *m = filled(t);

    open_list(t);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        mr_map_update(m, MR_STR(changes[i].key), apply, &changes[i], NULL, &t->err);
        say(t, changes[i].next[0] ? MR_STR(changes[i].next) : MR_NULL);
    }
    say_content(t, m);
    close_list(t);
}

/* ---- what cannot be asked from afar ---------------------------------------------------------- */

static void say_unsupported(struct bench *t, mr_rc_t rc)
{
    say_words(t, "%s", mr_rc_name(rc));
}

static void from_afar(struct bench *t)
{
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;
    mr_map_stats_t stats = MR_MAP_STATS_INIT;
    mr_put_opts_t timed = MR_PUT_OPTS_INIT;
    mr_map_t *m = filled(t);
    mr_ref_t v;

    timed.ttl_ms = 1000;
    open_list(t);
    say_unsupported(t, mr_read_begin(t->g, NULL));
    say_unsupported(t, mr_map_borrow(m, MR_STR("a"), &v, NULL));
    say_unsupported(t, mr_memory_stats(t->g, &memory, NULL));
    say_unsupported(t, mr_map_replace(m, MR_STR("a"), MR_STR("x"), &timed, NULL));
    mr_map_stats(m, &stats, &t->err);
    say(t, MR_I64(stats.entries));
    say(t, MR_BOOL(strcmp(mr_map_name(m), "c.map.from_afar") == 0));
    close_list(t);
}

void map_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"map.get_missing", get_missing},
        {"map.put_returns_old", put_returns_old},
        {"map.put_null_key", put_null_key},
        {"map.put_null_value", put_null_value},
        {"map.set_overwrites", set_overwrites},
        {"map.empty_key_and_value", empty_key_and_value},
        {"map.remove_returns_old", remove_returns_old},
        {"map.remove_if_same", remove_if_same},
        {"map.delete", delete},
        {"map.replace", replace},
        {"map.replace_if_same", replace_if_same},
        {"map.put_if_absent", put_if_absent},
        {"map.contains_key", contains_key},
        {"map.key_types_are_different_keys", key_types_are_different_keys},
        {"map.evict", evict},
        {"map.evict_locked", evict_locked},
        {"map.large_value", large_value},
        {"map.answers", answers},
        {"map.compute", compute},
        {"map.from_afar", from_afar},
    };

    RUN_ALL(t, checks);
}
