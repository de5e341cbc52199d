#include "grid/data/listener.h"

#include "grid/data/maps.h"
#include "net/base/epoch.h"
#include "tests/unit/client/fixture.h"

/* A map with nothing around it: who delivers is the test, so that it can look in between. */
struct world {
    struct partitions partitions;
    struct metrics *metrics;
    struct map *map;
};

static struct world w;

static void nobody(void *unused)
{
    (void)unused;
}

static void open_world(void)
{
    const struct map_rules rules = {
        .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX, .key_max = 100, .value_max = 100};

    stop_time(); /* a delivery's budget does not end by itself */
    cr_assert(metrics_new(&w.metrics) == MR_OK);
    cr_assert(partitions_start(&w.partitions, 7, 0) == MR_OK);
    cr_assert(map_new(&w.partitions, w.metrics, "map", "test", &rules, &w.map) == MR_OK);
    w.map->changed = nobody;
}

static void close_world(void)
{
    listeners_free(w.map);
    map_free(w.map);
    partitions_stop(&w.partitions);
    metrics_free(w.metrics);
}

TestSuite(deliver, .init = open_world, .fini = close_world);

/* A key of this partition. */
static struct data key_in(uint32_t partition)
{
    static uint32_t n;
    static uint8_t bytes[4];
    struct data key = {.at = bytes, .size = sizeof bytes, .kind = DATA_INT};

    do {
        n++;
        memcpy(bytes, &n, sizeof n);
    } while (data_partition(&key, w.partitions.count) != partition);
    return key;
}

static void change(uint32_t partition)
{
    struct map_request q = {.verb = MAP_PUT, .key = key_in(partition), .ttl_ms = TIME_DEFAULT};
    struct map_answer a;

    q.value = q.key;
    epoch_enter();
    partition_lock(&w.partitions.at[partition]);
    cr_assert(map_change(w.map, partition, &q, &a) == MR_OK);
    partition_unlock(&w.partitions.at[partition]);
    epoch_exit();
}

static uint32_t heard[7];

static void hear(void *context, const struct map_event *e)
{
    (void)context;
    heard[data_partition(&e->key, w.partitions.count)]++;
    time_passes(1000); /* one that is slow: the budget is always used up */
}

Test(deliver, serves_every_partition_although_the_first_ones_have_always_something)
{
    struct listener *l;

    cr_assert(listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l) == MR_OK);
    change(6);
    for (int i = 0; i < 7; i++) {
        change(0);
        change(1);
        (void)listeners_deliver(w.map, 1);
    }
    cr_assert(heard[6] == 1);
}

Test(deliver, says_whether_something_is_left)
{
    struct listener *l;

    cr_assert(listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l) == MR_OK);
    cr_assert(!listeners_deliver(w.map, 1));
    change(3);
    change(5);
    cr_assert(listeners_deliver(w.map, 1), "3 has used up the time");
    (void)listeners_deliver(w.map, 1);
    cr_assert(heard[3] == 1 && heard[5] == 1);
    while (listeners_deliver(w.map, UINT32_MAX))
        ;
    cr_assert(heard[3] == 1 && heard[5] == 1);
}

static int allocations_left;

static void *alloc_some(size_t size, void *context)
{
    (void)context;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void *realloc_none(void *p, size_t size, void *context)
{
    (void)p, (void)size, (void)context;
    return NULL;
}

static void free_it(void *p, void *context)
{
    (void)context;
    free(p);
}

Test(deliver, leaves_no_journal_behind_where_a_listener_finds_no_memory)
{
    const struct mem_hooks hooks = {alloc_some, realloc_none, free_it, NULL, NULL};
    struct listener *l = NULL;

    for (allocations_left = 0; !l;) {
        int given = allocations_left;

        mem_hooks_set(&hooks);
        mr_rc_t rc = listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l);
        mem_hooks_set(NULL);
        if (rc == MR_OK)
            break;
        cr_assert(rc == MR_ERR_MEMORY);
        cr_assert(w.map->listening == 0);
        for (uint32_t i = 0; i < w.partitions.count; i++)
            cr_assert(w.map->parts[i].journal == NULL, "partition %u, %d allocations", i, given);
        allocations_left = given + 1;
    }
    change(0);
    while (listeners_deliver(w.map, UINT32_MAX))
        ;
    cr_assert(heard[0] == 1);
}

Test(deliver, refuses_a_listener_more_than_there_may_be)
{
    struct listener *l;

    for (int i = 0; i < LISTENERS_MAX; i++)
        cr_assert(listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l) == MR_OK);
    struct listener *last = l;

    cr_assert(listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l) == MR_ERR_FULL);
    listener_close(last);
    cr_assert(listener_new(w.map, JOURNAL_ADDED, hear, NULL, &l) == MR_OK);
}
