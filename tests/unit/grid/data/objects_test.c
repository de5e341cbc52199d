#include "grid/data/objects.h"

#include "grid/data/map_object.h"
#include "grid/data/queue.h"
#include "grid/data/ringbuffer.h"
#include "tests/unit/grid/data/world.h"

static struct maps maps;
static struct objects objects;

static void open_objects(void)
{
    mr_config_t *config = mr_config_new(NULL);

    open_world();
    epoch_enter();
    maps = (struct maps){.config = config, .partitions = &w.partitions, .metrics = w.metrics};
    maps_init(&maps);
    objects_init(&objects, &maps);
}

static void close_objects(void)
{
    mr_config_free((mr_config_t *)maps.config);
    objects_free(&objects);
    maps_free(&maps);
    epoch_exit();
    close_world();
}

TestSuite(objects, .init = open_objects, .fini = close_objects);

static struct object *open_one(enum object_kind kind, const char *name)
{
    struct object *o;

    cr_assert(objects_open(&objects, kind, name, &o) == MR_OK);
    return o;
}

static void hear_life(struct life_watcher *watcher, const struct object *o, bool created)
{
    struct data name = text(o->name);

    (void)watcher;
    strcat(told, created ? "+" : "-");
    hear_words(&name);
}

static void visit_object(void *context, const struct object *o)
{
    struct data name = text(o->name);

    (void)context;
    hear_words(&name);
}

static bool has(const char *names)
{
    objects_list(&objects, visit_object, NULL);
    return was_told(names);
}

Test(objects, are_found_by_kind_and_name)
{
    struct object *queue = open_one(OBJECT_QUEUE, "x"), *list = open_one(OBJECT_LIST, "x");

    cr_assert(queue != list);
    cr_assert(open_one(OBJECT_QUEUE, "x") == queue);
    cr_assert(objects_find(&objects, OBJECT_LIST, "x") == list);
    cr_assert(objects_find(&objects, OBJECT_LIST, "y") == NULL);
    cr_assert(objects_find(&objects, OBJECT_SET, "x") == NULL);
}

Test(objects, are_of_every_kind_that_the_protocol_names)
{
    for (int i = 0; i < OBJECT_KINDS; i++) {
        enum object_kind kind = OBJECT_KINDS;

        cr_assert(objects_kind(objects_service((enum object_kind)i), &kind));
        cr_assert((int)kind == i);
        cr_assert(open_one(kind, "x")->kind == kind);
        cr_assert(objects_destroy(&objects, kind, "x") == MR_OK);
    }
    enum object_kind none;

    cr_assert(!objects_kind("hz:impl:noService", &none));
}

Test(objects, tell_when_they_come_and_go)
{
    struct life_watcher life = {.on_life = hear_life};

    objects_watch(&objects, &life);
    open_one(OBJECT_QUEUE, "q");
    open_one(OBJECT_QUEUE, "q");
    cr_assert(was_told("+q "));
    cr_assert(objects_destroy(&objects, OBJECT_QUEUE, "q") == MR_OK && was_told("-q "));
    cr_assert(objects_destroy(&objects, OBJECT_QUEUE, "q") == MR_NOT_FOUND && was_told(""));
    open_one(OBJECT_QUEUE, "q");
    cr_assert(was_told("+q "));
    objects_unwatch(&objects, &life);
    open_one(OBJECT_QUEUE, "r");
    cr_assert(was_told(""));
}

Test(objects, are_empty_and_hidden_once_destroyed_but_stay_what_they_are)
{
    struct object *o = open_one(OBJECT_QUEUE, "q");
    struct queue *q = (struct queue *)o;
    struct data d = text("v");

    cr_assert(queue_offer(q, &d, NULL) == MR_OK && has("q "));
    cr_assert(objects_destroy(&objects, OBJECT_QUEUE, "q") == MR_OK);
    cr_assert(has("") && objects_find(&objects, OBJECT_QUEUE, "q") == NULL);
    cr_assert(collection_size(&q->collection) == 0);
    cr_assert(open_one(OBJECT_QUEUE, "q") == o && has("q "));
}

/* Destroyed ones stay, so they count; and may be opened again. */
Test(objects, are_no_more_than_the_configuration_says)
{
    struct object *o = NULL;

    cr_assert(mr_config_set((mr_config_t *)maps.config, "limits.objects", "2", NULL) == MR_OK);
    open_one(OBJECT_MAP, "x");
    open_one(OBJECT_TOPIC, "x");
    cr_assert(objects_open(&objects, OBJECT_QUEUE, "x", &o) == MR_ERR_FULL && !o);
    cr_assert(objects_open(&objects, OBJECT_MAP, "y", &o) == MR_ERR_FULL && !o);
    cr_assert(objects_destroy(&objects, OBJECT_TOPIC, "x") == MR_OK);
    cr_assert(objects_open(&objects, OBJECT_QUEUE, "x", &o) == MR_ERR_FULL && !o);
    cr_assert(has("x "));
    open_one(OBJECT_TOPIC, "x");
    open_one(OBJECT_MAP, "x");
}

Test(objects, keep_maps_of_different_kinds_apart)
{
    struct map *map = object_map(open_one(OBJECT_MAP, "x"));

    cr_assert(object_map(open_one(OBJECT_MULTIMAP, "x")) != map);
    cr_assert(object_map(open_one(OBJECT_REPLICATED_MAP, "x")) != map);
    cr_assert(object_map(open_one(OBJECT_MAP, "x")) == map);
}

static mr_rc_t change(struct map *map, enum map_verb verb, const char *value, int64_t ttl_ms)
{
    struct map_request q = {.verb = verb,
                            .key = text("k"),
                            .value = text(value),
                            .ttl_ms = ttl_ms,
                            .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    return run_request(map, &q, &a);
}

Test(objects, tell_of_changes_in_a_replicated_map)
{
    struct object *o = open_one(OBJECT_REPLICATED_MAP, "x");

    cr_assert(watchers_add(&o->watchers, &w.partitions, &ear) == MR_OK);
    cr_assert(change(object_map(o), MAP_PUT, "a", TIME_NEVER) == MR_OK && was_told("+k a "));
    cr_assert(change(object_map(o), MAP_PUT, "b", 10) == MR_OK && was_told("=k b "));
    cr_assert(change(object_map(o), MAP_REMOVE, "", 0) == MR_OK && was_told("-k b "));
    cr_assert(change(object_map(o), MAP_PUT, "c", 10) == MR_OK && was_told("+k c "));
    time_passes(10);
    cr_assert(change(object_map(o), MAP_GET, "", 0) == MR_NOT_FOUND && was_told(""));
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        map_sweep(object_map(o), i, clock_ms(), UINT32_MAX);
    cr_assert(was_told("!k  "));
    watchers_remove(&o->watchers, &w.partitions, &ear);
}

Test(objects, let_go_of_locks_when_a_map_is_destroyed)
{
    struct map *map = object_map(open_one(OBJECT_MAP, "x"));
    struct lock_request lock = {.key = text("k"), .owner = ada};

    cr_assert(change(map, MAP_PUT, "a", TIME_NEVER) == MR_OK);
    cr_assert(map_lock(map, &lock) == MR_OK);
    cr_assert(objects_destroy(&objects, OBJECT_MAP, "x") == MR_OK);
    cr_assert(change(map, MAP_GET, "", 0) == MR_NOT_FOUND);
    cr_assert(change(map, MAP_PUT, "b", TIME_NEVER) == MR_OK, "nobody holds the key");
}

Test(objects, are_as_large_as_the_configuration_says)
{
    mr_config_t *config = (mr_config_t *)maps.config;
    const char *const options[][2] = {{"queues.orders.max-size", "7"},
                                      {"ringbuffers.default.capacity", "5"},
                                      {"limits.value-size", "3"}};

    for (int i = 0; i < 3; i++)
        cr_assert(mr_config_set(config, options[i][0], options[i][1], &err) == MR_OK);
    struct queue *orders = (struct queue *)open_one(OBJECT_QUEUE, "orders");
    struct ringbuffer *rb = (struct ringbuffer *)open_one(OBJECT_RINGBUFFER, "log");
    struct data large = text("four");

    cr_assert(orders->size_max == 7 && rb->capacity == 5);
    cr_assert(((struct queue *)open_one(OBJECT_QUEUE, "other"))->size_max == INT32_MAX);
    cr_assert(queue_offer(orders, &large, NULL) == MR_ERR_TOO_LARGE);
}

Test(objects, tell_of_a_map_that_is_cleared_and_of_one_that_is_evicted)
{
    struct watcher clear_ear = {OBJECT_CLEARED, hear_event};
    struct watcher evict_ear = {OBJECT_EVICTED_ALL, hear_event};
    struct object *o = open_one(OBJECT_MAP, "x");
    struct map *map = object_map(o);

    cr_assert(watchers_add(&o->watchers, &w.partitions, &clear_ear) == MR_OK);
    cr_assert(map_clear(map) == MR_OK && was_told(""), "there was nothing");
    cr_assert(change(map, MAP_PUT, "a", TIME_NEVER) == MR_OK);
    cr_assert(map_clear(map) == MR_OK && was_told("! "));
    cr_assert(watchers_add(&o->watchers, &w.partitions, &evict_ear) == MR_OK);
    cr_assert(change(map, MAP_PUT, "a", TIME_NEVER) == MR_OK);
    cr_assert(map_clear_share(map, NULL, JOURNAL_EVICTED_ALL) == MR_OK && was_told("! "));
    cr_assert(change(map, MAP_GET, "", 0) == MR_NOT_FOUND);
    watchers_remove(&o->watchers, &w.partitions, &clear_ear);
    watchers_remove(&o->watchers, &w.partitions, &evict_ear);
}
