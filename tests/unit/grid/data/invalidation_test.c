#include "grid/data/invalidation.h"

#include "tests/unit/grid/data/world.h"

static struct map *map;

static void open_map(void)
{
    const struct map_rules rules = {.entries_max = 20,
                                    .bytes_max = UINT64_MAX,
                                    .eviction = EVICT_LRU,
                                    .key_max = 100,
                                    .value_max = 100};

    open_world();
    cr_assert(map_new(&w.partitions, w.metrics, "map", "test", &rules, &map) == MR_OK);
    epoch_enter();
}

static void close_map(void)
{
    epoch_exit();
    map_free(map);
    close_world();
}

TestSuite(invalidation, .init = open_map, .fini = close_map);

static mr_rc_t change(enum map_verb verb, const char *key, struct owner owner)
{
    struct map_request q = {.verb = verb,
                            .key = text(key),
                            .value = text("v"),
                            .ttl_ms = 1000,
                            .idle_ms = TIME_DEFAULT,
                            .owner = owner};
    struct map_answer a;

    return run_request(map, &q, &a);
}

/* "key/number/client" of each. */
static void note(struct watcher *watcher, const struct object_event *e)
{
    size_t used = strlen(told);

    (void)watcher;
    cr_assert(e->kind == OBJECT_INVALIDATED);
    snprintf(told + used, sizeof told - used, "%.*s/%lu/%lu ", (int)e->key.size,
             e->key.at ? (const char *)e->key.at : "", (unsigned long)e->sequence,
             (unsigned long)e->source.client_low);
}

static struct watcher watcher = {.on_event = note};

static uint64_t last(const char *key)
{
    struct data d = text(key);

    return invalidation_last(&map->invalidation, data_partition(&d, WORLD_PARTITIONS));
}

Test(invalidation, numbers_the_changes_of_a_partition_from_one_on)
{
    cr_assert(last("k") == 0);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK);
    cr_assert(last("k") == 0, "nobody watches");
    cr_assert(invalidation_watch(&map->invalidation, &watcher) == MR_OK);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && change(MAP_PUT_IF_ABSENT, "k", bob));
    cr_assert(change(MAP_SET_TTL, "k", bob) == MR_OK);
    cr_assert(change(MAP_REMOVE, "k", bob) == MR_OK && change(MAP_REMOVE, "k", bob));
    cr_assert(was_told("k/1/1 k/2/2 k/3/2 "));
    cr_assert(last("k") == 3);
    invalidation_unwatch(&map->invalidation, &watcher);
}

Test(invalidation, tells_of_entries_that_end_and_of_a_cleared_map)
{
    cr_assert(invalidation_watch(&map->invalidation, &watcher) == MR_OK);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK);
    time_passes(1000);
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        map_sweep(map, i, clock_ms(), UINT32_MAX);
    cr_assert(was_told("k/1/1 k/2/0 "));
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && was_told("k/3/1 "));
    time_passes(1000);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && was_told("k/4/0 k/5/1 "));
    cr_assert(map_clear(map) == MR_OK);
    cr_assert(strncmp(told, "/", 1) == 0, "%s", told);
    invalidation_unwatch(&map->invalidation, &watcher);
}

Test(invalidation, tells_of_entries_that_are_given_up)
{
    cr_assert(invalidation_watch(&map->invalidation, &watcher) == MR_OK);
    for (int i = 0; i < 21; i++)
        cr_assert(change(MAP_PUT, (char[]){(char)('a' + i), 0}, ada) == MR_OK);
    cr_assert(strstr(told, "/0 ") != NULL, "%s", told);
    invalidation_unwatch(&map->invalidation, &watcher);
}

Test(invalidation, leaves_a_number_out_where_changes_may_have_been_missed)
{
    cr_assert(invalidation_watch(&map->invalidation, &watcher) == MR_OK);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && was_told("k/1/1 "));
    invalidation_unwatch(&map->invalidation, &watcher);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && was_told(""));
    cr_assert(invalidation_watch(&map->invalidation, &watcher) == MR_OK);
    cr_assert(last("k") == 2);
    cr_assert(change(MAP_PUT, "k", ada) == MR_OK && was_told("k/3/1 "));
    invalidation_unwatch(&map->invalidation, &watcher);
}

Test(invalidation, names_a_partition_the_same_as_long_as_the_member_runs)
{
    uint64_t high[3], low[3];

    invalidation_partition_uuid(&w.partitions, 1, &high[0], &low[0]);
    invalidation_partition_uuid(&w.partitions, 1, &high[1], &low[1]);
    invalidation_partition_uuid(&w.partitions, 2, &high[2], &low[2]);
    cr_assert(high[0] == high[1] && low[0] == low[1]);
    cr_assert(high[0] != high[2] && low[0] != low[2]);
}
