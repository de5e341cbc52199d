/* bulk.c - many entries at once, and the map as a whole. */
#include <stdlib.h>

#include "bench.h"

static void say_get_all(struct bench *t, mr_map_t *m, const mr_ref_t *keys, size_t n)
{
    mr_val_t values[3] = {MR_VAL_INIT, MR_VAL_INIT, MR_VAL_INIT};
    struct lines l = LINES_INIT;

    mr_map_get_all(m, keys, n, values, &t->err);
    for (size_t i = 0; i < n; i++)
        if (mr_val_type(&values[i]) != MR_KIND_NULL)
            line_of_entry(&l, keys[i], mr_val_ref(&values[i]));
    say_lines(t, &l, "{}");
    for (size_t i = 0; i < 3; i++)
        mr_val_clear(&values[i]);
}

static void get_all(struct bench *t)
{
    const mr_ref_t keys[] = {MR_STR("a"), MR_STR("c"), MR_STR("nobody")};

    say_get_all(t, filled(t), keys, 3);
}

static void get_all_of_none(struct bench *t)
{
    say_get_all(t, filled(t), NULL, 0);
}

static void put_all(struct bench *t)
{
    const mr_entry_t entries[] = {{MR_STR("a"), MR_STR("new")}, {MR_STR("d"), MR_STR("four")}};
    mr_map_t *m = filled(t);
    size_t done = 0;

    mr_map_put_all(m, entries, 2, NULL, &done, &t->err);
    if (done == 2)
        say_content(t, m);
}

static void put_all_of_none(struct bench *t)
{
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, NULL, 0, NULL, NULL, &t->err);
    say_size(t, m);
}

/* k0: 0, k1: 1, ... */
static void put_numbers(struct bench *t, mr_map_t *m, int n)
{
    mr_entry_t *entries = malloc((size_t)n * sizeof *entries);
    char(*keys)[16] = malloc((size_t)n * sizeof *keys);

    for (int i = 0; i < n; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        entries[i] = (mr_entry_t){MR_STR(keys[i]), MR_I32(i)};
    }
    mr_map_put_all(m, entries, (size_t)n, NULL, NULL, &t->err);
    free(entries);
    free(keys);
}

enum { MANY = 2000 };

static void many_entries(struct bench *t)
{
    mr_map_t *m = map_of(t);
    mr_ref_t value;
    int64_t n = 0, sum = 0;

    put_numbers(t, m, MANY);
    mr_iter_t *it = mr_map_iter(m, 0, &t->err);

    for (; mr_iter_next(it, NULL, &value, &t->err); n++)
        sum += value.as.i64;
    mr_iter_free(it);
    open_list(t);
    say_size(t, m);
    say(t, MR_I64(n));
    say(t, MR_I64(sum));
    close_list(t);
}

/* Each key has its own value, and is seen once. */
static void iterator_in_small_pieces(struct bench *t)
{
    static bool seen[MANY];
    mr_map_t *m = map_of(t);
    mr_ref_t key, value;
    int right = 0;

    put_numbers(t, m, MANY);
    mr_iter_t *it = mr_map_iter(m, 3, &t->err);

    while (mr_iter_next(it, &key, &value, &t->err)) {
        char expected[16];
        int64_t i = value.as.i64;
        int size = snprintf(expected, sizeof expected, "k%d", (int)i);

        if (key.len != (uint32_t)size || memcmp(key.as.str, expected, key.len) != 0 || seen[i])
            break;
        seen[i] = true;
        right++;
    }
    mr_iter_free(it);
    say(t, MR_BOOL(right == MANY));
}

static void iterator(struct bench *t)
{
    say_content(t, filled(t));
}

static void say_some(struct bench *t, mr_map_t *m, bool keys)
{
    struct lines l = LINES_INIT;
    mr_iter_t *it = mr_map_iter(m, 0, &t->err);
    mr_ref_t v;

    while (mr_iter_next(it, keys ? &v : NULL, keys ? NULL : &v, &t->err)) {
        show(line_begin(&l), v);
        line_end(&l);
    }
    mr_iter_free(it);
    say_lines(t, &l, "{}");
}

static void key_set(struct bench *t)
{
    say_some(t, filled(t), true);
}

static void values(struct bench *t)
{
    say_some(t, filled(t), false);
}

static void all_of_an_empty_map(struct bench *t)
{
    mr_map_t *m = map_of(t);

    open_list(t);
    say_some(t, m, true);
    say_some(t, m, false);
    say_content(t, m);
    close_list(t);
}

static void size_and_empty(struct bench *t)
{
    mr_map_t *m = map_of(t);

    open_list(t);
    for (int i = 0; i < 2; i++) {
        say_size(t, m);
        say(t, MR_BOOL(mr_map_is_empty(m, &t->err)));
        mr_map_set(m, MR_STR("a"), MR_I32(1), NULL, &t->err);
    }
    close_list(t);
}

static void clear(struct bench *t)
{
    mr_map_t *m = filled(t);

    open_list(t);
    say_done(t, mr_map_clear(m, &t->err));
    say_size(t, m);
    say_get(t, m, "a");
    close_list(t);
}

void bulk_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"map.get_all", get_all},
        {"map.get_all_of_none", get_all_of_none},
        {"map.put_all", put_all},
        {"map.put_all_of_none", put_all_of_none},
        {"map.many_entries", many_entries},
        {"map.iterator", iterator},
        {"map.iterator_in_small_pieces", iterator_in_small_pieces},
        {"map.key_set", key_set},
        {"map.values", values},
        {"map.entry_set", iterator},
        {"map.all_of_an_empty_map", all_of_an_empty_map},
        {"map.size_and_empty", size_and_empty},
        {"map.clear", clear},
    };

    RUN_ALL(t, checks);
}
