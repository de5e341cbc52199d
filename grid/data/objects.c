#include "grid/data/objects.h"

#include <string.h>

#include "grid/data/flake_id.h"
#include "grid/data/item_list.h"
#include "grid/data/item_set.h"
#include "grid/data/map_object.h"
#include "grid/data/pn_counter.h"
#include "grid/data/queue.h"
#include "grid/data/ringbuffer.h"
#include "grid/data/topic.h"
#include "grid/op/early.h"
#include "net/base/hash.h"
#include "net/base/log.h"

/* ---- kinds ---------------------------------------------------------------------------------- */

static mr_rc_t make_map(struct objects *os, enum object_kind kind, const char *name,
                        struct object **ret_o)
{
    return map_object_new(os->maps, kind, name, ret_o);
}

static mr_rc_t make_multimap(struct objects *os, enum object_kind kind, const char *name,
                             struct object **ret_o)
{
    mr_rc_t rc = map_object_new(os->maps, kind, name, ret_o);

    if (rc == MR_OK && config_option(os->config, "multimaps.*.collection", name) == CONFIG_LIST)
        ((struct map_object *)*ret_o)->lists = true;
    return rc;
}

static mr_rc_t make_queue(struct objects *os, enum object_kind kind, const char *name,
                          struct object **ret_o)
{
    uint64_t size_max = config_option(os->config, "queues.*.max-size", name);

    (void)kind;
    return queue_new(os->partitions, name, size_max ? (uint32_t)size_max : INT32_MAX, ret_o);
}

static mr_rc_t make_list(struct objects *os, enum object_kind kind, const char *name,
                         struct object **ret_o)
{
    (void)kind;
    return list_new(os->partitions, name, ret_o);
}

static mr_rc_t make_set(struct objects *os, enum object_kind kind, const char *name,
                        struct object **ret_o)
{
    (void)kind;
    return set_new(os->partitions, name, ret_o);
}

static mr_rc_t make_ringbuffer(struct objects *os, enum object_kind kind, const char *name,
                               struct object **ret_o)
{
    const struct ringbuffer_rules rules = {
        .capacity = (uint32_t)config_option(os->config, "ringbuffers.*.capacity", name),
        .ttl_ms = config_option(os->config, "ringbuffers.*.ttl", name)};

    (void)kind;
    return ringbuffer_new(os->partitions, name, &rules, ret_o);
}

static mr_rc_t make_topic(struct objects *os, enum object_kind kind, const char *name,
                          struct object **ret_o)
{
    return topic_new(os->partitions, kind, name, ret_o);
}

static mr_rc_t make_flake_id(struct objects *os, enum object_kind kind, const char *name,
                             struct object **ret_o)
{
    (void)kind;
    return flake_id_new(os->partitions, name, ret_o);
}

static mr_rc_t make_pn_counter(struct objects *os, enum object_kind kind, const char *name,
                               struct object **ret_o)
{
    (void)kind;
    return pn_counter_new(os->partitions, name, ret_o);
}

static mr_rc_t nothing_kept(struct object *o)
{
    (void)o;
    return MR_OK;
}

static const struct {
    const char *service;
    mr_rc_t (*make)(struct objects *os, enum object_kind kind, const char *name,
                    struct object **ret_o);
    mr_rc_t (*destroy)(struct object *o); /* empties it */
    void (*free)(struct object *o);
} kinds[OBJECT_KINDS] = {
    [OBJECT_MAP] = {"hz:impl:mapService", make_map, map_object_destroy, map_object_free},
    [OBJECT_MULTIMAP] = {"hz:impl:multiMapService", make_multimap, map_object_destroy,
                         map_object_free},
    [OBJECT_REPLICATED_MAP] = {"hz:impl:replicatedMapService", make_map, map_object_destroy,
                               map_object_free},
    [OBJECT_QUEUE] = {"hz:impl:queueService", make_queue, queue_destroy, queue_free},
    [OBJECT_LIST] = {"hz:impl:listService", make_list, list_destroy, list_free},
    [OBJECT_SET] = {"hz:impl:setService", make_set, set_destroy, set_free},
    [OBJECT_RINGBUFFER] = {"hz:impl:ringbufferService", make_ringbuffer, ringbuffer_destroy,
                           ringbuffer_free},
    [OBJECT_TOPIC] = {"hz:impl:topicService", make_topic, nothing_kept, topic_free},
    [OBJECT_RELIABLE_TOPIC] = {"hz:impl:reliableTopicService", make_topic, nothing_kept,
                               topic_free},
    [OBJECT_FLAKE_ID] = {"hz:impl:flakeIdGeneratorService", make_flake_id, nothing_kept,
                         flake_id_free},
    [OBJECT_PN_COUNTER] = {"hz:impl:PNCounterService", make_pn_counter, pn_counter_destroy,
                           pn_counter_free},
};

bool objects_kind(const char *service, enum object_kind *ret_kind)
{
    for (int i = 0; i < OBJECT_KINDS; i++)
        if (strcmp(kinds[i].service, service) == 0) {
            *ret_kind = (enum object_kind)i;
            return true;
        }
    return false;
}

const char *objects_service(enum object_kind kind)
{
    return kinds[kind].service;
}

/* ---- by name -------------------------------------------------------------------------------- */

static uint64_t hash_of(enum object_kind kind, const char *name)
{
    return hash_64(name, strlen(name)) + (uint64_t)kind * 0x9e3779b97f4a7c15u;
}

static struct object **bucket_of(struct objects *os, uint64_t hash)
{
    return &os->buckets[(hash >> 32) % OBJECT_BUCKETS];
}

/* Open or not. */
static struct object *find(const struct objects *os, enum object_kind kind, const char *name)
{
    uint64_t hash = hash_of(kind, name);
    struct object **first = bucket_of((struct objects *)os, hash);

    for (struct object *o = load_acquire_ptr((void *const *)first); o; o = o->next)
        if (o->hash == hash && o->kind == kind && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

struct object *objects_find(const struct objects *os, enum object_kind kind, const char *name)
{
    struct object *o = find(os, kind, name);

    return o && load_acquire_32(&o->open) ? o : NULL;
}

static void tell(struct objects *os, const struct object *o, bool created)
{
    struct list *all = &os->life_watchers;

    for (struct list *node = all->next; node != all; node = node->next) {
        struct life_watcher *w = list_owner(node, struct life_watcher, node);

        w->on_life(w, o, created);
    }
}

/* Values are as large as a map's may be; some kinds take only smaller ones. */
static void limit_values(const struct objects *os, struct object *o)
{
    uint32_t most = (uint32_t)config_number(os->config, "limits.value-size");

    if (o->value_max > most)
        o->value_max = most;
}

static mr_rc_t add(struct objects *os, enum object_kind kind, const char *name, bool limited,
                   struct object **ret_o)
{
    if (limited && os->count >= config_number(os->config, "limits.objects"))
        return MR_ERR_FULL;
    mr_rc_t rc = kinds[kind].make(os, kind, name, ret_o);

    if (rc != MR_OK)
        return rc;
    os->count++;
    struct object *o = *ret_o;

    limit_values(os, o);
    struct object **first = bucket_of(os, o->hash = hash_of(kind, name));

    early_join(o);
    o->next = *first;
    store_release_ptr((void **)first, o);
    tell(os, o, true);
    return MR_OK;
}

/* `limited`: as a client's wish, so that there may be too many. */
static mr_rc_t open(struct objects *os, enum object_kind kind, const char *name, bool limited,
                    struct object **ret_o)
{
    struct object *o = objects_find(os, kind, name);
    mr_rc_t rc = MR_OK;

    if (!o) {
        pthread_mutex_lock(&os->lock);
        if (!(o = find(os, kind, name))) {
            rc = add(os, kind, name, limited, &o);
        } else if (!o->open) {
            store_release_32(&o->open, 1);
            tell(os, o, true);
        }
        pthread_mutex_unlock(&os->lock);
    }
    if (rc == MR_ERR_FULL)
        log_event(LOG_WARN, "objects.full", F_STR("name", name),
                  F_U64("limit", config_number(os->config, "limits.objects")));
    if (rc == MR_OK)
        *ret_o = o;
    return rc;
}

mr_rc_t objects_open(struct objects *os, enum object_kind kind, const char *name,
                     struct object **ret_o)
{
    return open(os, kind, name, true, ret_o);
}

mr_rc_t objects_have(struct objects *os, enum object_kind kind, const char *name,
                     struct object **ret_o)
{
    struct object *o = find(os, kind, name);

    if (!o)
        return open(os, kind, name, false, ret_o);
    *ret_o = o;
    return MR_OK;
}

mr_rc_t objects_destroy(struct objects *os, enum object_kind kind, const char *name)
{
    mr_rc_t rc = MR_NOT_FOUND;

    pthread_mutex_lock(&os->lock);
    struct object *o = objects_find(os, kind, name);

    if (o && (rc = kinds[kind].destroy(o)) == MR_OK) {
        store_release_32(&o->open, 0);
        tell(os, o, false);
    }
    pthread_mutex_unlock(&os->lock);
    return rc;
}

void objects_list(const struct objects *os, void (*visit)(void *context, const struct object *o),
                  void *context)
{
    for (int i = 0; i < OBJECT_BUCKETS; i++)
        for (struct object *o = load_acquire_ptr((void *const *)&os->buckets[i]); o; o = o->next)
            if (load_acquire_32(&o->open))
                visit(context, o);
}

void objects_release_client(struct objects *os, uint64_t client_high, uint64_t client_low)
{
    maps_release_client(os->maps, client_high, client_low);
}

/* ---- life ----------------------------------------------------------------------------------- */

void objects_watch(struct objects *os, struct life_watcher *w)
{
    pthread_mutex_lock(&os->lock);
    list_add_last(&os->life_watchers, &w->node);
    pthread_mutex_unlock(&os->lock);
}

void objects_unwatch(struct objects *os, struct life_watcher *w)
{
    pthread_mutex_lock(&os->lock);
    list_remove(&w->node);
    pthread_mutex_unlock(&os->lock);
}

void objects_init(struct objects *os, struct maps *maps)
{
    *os = (struct objects){.config = maps->config, .partitions = maps->partitions, .maps = maps};
    pthread_mutex_init(&os->lock, NULL);
    list_init(&os->life_watchers);
}

void objects_free(struct objects *os)
{
    if (!os->maps)
        return;
    for (int i = 0; i < OBJECT_BUCKETS; i++)
        for (struct object *next, *o = os->buckets[i]; o; o = next) {
            next = o->next;
            kinds[o->kind].free(o);
        }
    pthread_mutex_destroy(&os->lock);
    *os = (struct objects){0};
}
