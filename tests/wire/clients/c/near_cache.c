/* near_cache.c - copies that a client keeps of what it has read. */
#include <string.h>

#include "bench.h"

/* The check's map, with copies, of a client of its own. */
static mr_map_t *near_map(struct bench *t, mr_t **ret_g)
{
    mr_map_t *m = mr_map(*ret_g = connect_to(t, "dev", NULL), mr_map_name(map_of(t)), &t->err);

    (void)mr_map_near_cache(m, NULL, &t->err);
    return m;
}

/* Waits until the map shows it; NULL: nothing. */
static void see(struct bench *t, mr_map_t *m, const char *wanted)
{
    mr_val_t v = MR_VAL_INIT;
    bool seen = false;

    for (int waited = 0; !seen && wait_more(t, &waited);) {
        bool there = mr_map_get(m, MR_STR("a"), &v, NULL, &t->err) == MR_OK;

        seen = wanted ? there && strcmp(mr_val_str(&v), wanted) == 0 : !there;
    }
    mr_val_clear(&v);
}

static void serves_and_is_invalidated(struct bench *t)
{
    mr_t *g;
    mr_map_t *writer = map_of(t), *near = near_map(t, &g);

    mr_map_set(writer, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    see(t, near, "one");
    open_list(t);
    say_get(t, near, "a");
    say_get(t, near, "a");
    mr_map_set(writer, MR_STR("a"), MR_STR("two"), NULL, &t->err);
    see(t, near, "two");
    say_get(t, near, "a");
    mr_map_clear(writer, &t->err);
    see(t, near, NULL);
    say_get(t, near, "a");
    close_list(t);
    (void)mr_close(g, MR_NOW, NULL);
}

static void own_writes_are_seen(struct bench *t)
{
    mr_t *g;
    mr_map_t *near = near_map(t, &g);

    open_list(t);
    mr_map_set(near, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    say_get(t, near, "a");
    mr_map_set(near, MR_STR("a"), MR_STR("two"), NULL, &t->err);
    say_get(t, near, "a");
    mr_map_remove(near, MR_STR("a"), NULL, &t->err);
    say_get(t, near, "a");
    close_list(t);
    (void)mr_close(g, MR_NOW, NULL);
}

/* Once the members have confirmed that no copy is old, reads find copies. */
static void reads_find_copies(struct bench *t)
{
    mr_near_stats_t stats = MR_NEAR_STATS_INIT;
    mr_t *g;
    mr_map_t *near = near_map(t, &g);

    mr_map_set(near, MR_STR("a"), MR_STR("one"), NULL, &t->err);
    for (int waited = 0; stats.hits == 0 && wait_more(t, &waited);) {
        see(t, near, "one");
        (void)mr_map_near_stats(near, &stats, &t->err);
    }
    say(t, MR_BOOL(stats.hits > 0));
    (void)mr_close(g, MR_NOW, NULL);
}

void near_cache_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"near_cache.serves_and_is_invalidated", serves_and_is_invalidated},
        {"near_cache.own_writes_are_seen", own_writes_are_seen},
        {"near_cache.reads_find_copies", reads_find_copies},
    };

    RUN_ALL(t, checks);
}
