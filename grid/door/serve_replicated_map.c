/* serve_replicated_map.c - the messages about replicated maps. */
#include "grid/data/map_object.h"
#include "grid/door/explain.h"
#include "grid/door/listing.h"
#include "grid/door/scan.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "grid/op/run.h"

static mr_rc_t map_of(struct call *c, struct wire_bytes name, struct map **ret_map)
{
    struct object *o;
    mr_rc_t rc = call_object(c, OBJECT_REPLICATED_MAP, name, &o);

    if (rc == MR_OK)
        *ret_map = object_map(o);
    return rc;
}

/* Runs it and answers with the value: that there is, or was. */
static mr_rc_t run(struct call *c, struct wire_bytes name, const struct map_request *q)
{
    struct map *m;
    struct map_answer a;
    mr_rc_t rc = map_of(c, name, &m);

    if (rc != MR_OK)
        return rc;
    if ((rc = run_request(m, q, &a)) >= MR_ERR_MEMORY)
        return explain(m, q, rc, &a, c->err);
    struct data value = a.present ? a.value : (struct data){0};

    reply(c, &value);
    return MR_OK;
}

mr_rc_t serve_replicated_map_put(struct call *c, const struct replicated_map_put_req *q)
{
    return run(c, q->name,
               &(struct map_request){.verb = MAP_PUT,
                                     .key = q->key,
                                     .value = q->value,
                                     .ttl_ms = q->ttl <= 0 ? TIME_NEVER : q->ttl,
                                     .idle_ms = TIME_DEFAULT,
                                     .owner = call_owner(c, 0)});
}

mr_rc_t serve_replicated_map_get(struct call *c, const struct replicated_map_get_req *q)
{
    return run(c, q->name, &(struct map_request){.verb = MAP_GET, .key = q->key});
}

mr_rc_t serve_replicated_map_remove(struct call *c, const struct replicated_map_remove_req *q)
{
    return run(c, q->name,
               &(struct map_request){.verb = MAP_REMOVE, .key = q->key, .owner = call_owner(c, 0)});
}

mr_rc_t serve_replicated_map_put_all(struct call *c, const struct replicated_map_put_all_req *q)
{
    struct wire_list pairs = q->entries;
    struct map_request r = {.verb = MAP_PUT, .idle_ms = TIME_DEFAULT, .owner = call_owner(c, 0)};
    struct map *m;
    mr_rc_t rc = map_of(c, q->name, &m);

    while (rc == MR_OK && wire_next(&pairs, WIRE_data_pairs, &r.key, &r.value)) {
        struct map_answer a;

        if ((rc = run_request(m, &r, &a)) >= MR_ERR_MEMORY)
            return explain(m, &r, rc, &a, c->err);
    }
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

mr_rc_t serve_replicated_map_contains_key(struct call *c,
                                          const struct replicated_map_contains_key_req *q)
{
    const struct map_request r = {.verb = MAP_CONTAINS, .key = q->key};
    struct map *m;
    struct map_answer a;
    mr_rc_t rc = map_of(c, q->name, &m);

    if (rc == MR_OK)
        reply(c, &(bool){run_request(m, &r, &a) == MR_OK});
    return rc;
}

mr_rc_t serve_replicated_map_clear(struct call *c, const struct replicated_map_clear_req *q)
{
    struct map *m;
    mr_rc_t rc = map_of(c, q->name, &m);

    if (rc == MR_OK && (rc = map_clear(m)) == MR_OK)
        reply(c, NULL);
    return rc;
}

mr_rc_t serve_replicated_map_size(struct call *c, const struct replicated_map_size_req *q)
{
    struct map *m;
    mr_rc_t rc = map_of(c, q->name, &m);

    return rc == MR_OK ? scan_reply_size(c, m) : rc;
}

mr_rc_t serve_replicated_map_is_empty(struct call *c, const struct replicated_map_is_empty_req *q)
{
    struct map *m;
    mr_rc_t rc = map_of(c, q->name, &m);

    return rc == MR_OK ? scan_reply_empty(c, m) : rc;
}

mr_rc_t serve_replicated_map_contains_value(struct call *c,
                                            const struct replicated_map_contains_value_req *q)
{
    struct map *m;
    mr_rc_t rc = map_of(c, q->name, &m);

    return rc == MR_OK ? scan_reply_contains(c, m, &q->value) : rc;
}

#define LIST(name_, parts)                                                                         \
    mr_rc_t serve_replicated_map_##name_(struct call *c,                                           \
                                         const struct replicated_map_##name_##_req *q)             \
    {                                                                                              \
        struct map *m;                                                                             \
        mr_rc_t rc = map_of(c, q->name, &m);                                                       \
                                                                                                   \
        return rc == MR_OK ? scan_reply_list(c, m, parts) : rc;                                    \
    }

LIST(key_set, SCAN_KEYS)
LIST(values, SCAN_VALUES)
LIST(entry_set, SCAN_KEYS | SCAN_VALUES)

static mr_rc_t watch_entries(struct call *c, struct wire_bytes name, enum wire_id event,
                             const struct watch_filter *filter)
{
    return watch_object(c, OBJECT_REPLICATED_MAP, name, event, filter, watch_on_entry);
}

mr_rc_t serve_replicated_map_add_entry_listener(
    struct call *c, const struct replicated_map_add_entry_listener_req *q)
{
    return watch_entries(c, q->name, WIRE_replicated_map_add_entry_listener_event,
                         &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = true});
}

mr_rc_t serve_replicated_map_add_entry_listener_to_key(
    struct call *c, const struct replicated_map_add_entry_listener_to_key_req *q)
{
    return watch_entries(
        c, q->name, WIRE_replicated_map_add_entry_listener_to_key_event,
        &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = true, .key = &q->key});
}

mr_rc_t serve_replicated_map_add_entry_listener_with_predicate(
    struct call *c, const struct replicated_map_add_entry_listener_with_predicate_req *q)
{
    return watch_entries(
        c, q->name, WIRE_replicated_map_add_entry_listener_with_predicate_event,
        &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = true, .predicate = &q->predicate});
}

mr_rc_t serve_replicated_map_add_entry_listener_to_key_with_predicate(
    struct call *c, const struct replicated_map_add_entry_listener_to_key_with_predicate_req *q)
{
    return watch_entries(
        c, q->name, WIRE_replicated_map_add_entry_listener_to_key_with_predicate_event,
        &(struct watch_filter){
            .kinds = WATCH_ENTRIES, .values = true, .key = &q->key, .predicate = &q->predicate});
}

mr_rc_t serve_replicated_map_add_near_cache_entry_listener(
    struct call *c, const struct replicated_map_add_near_cache_entry_listener_req *q)
{
    return watch_entries(
        c, q->name, WIRE_replicated_map_add_near_cache_entry_listener_event,
        &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = q->include_value});
}

mr_rc_t serve_replicated_map_remove_entry_listener(
    struct call *c, const struct replicated_map_remove_entry_listener_req *q)
{
    return unwatch(c, q->registration_id);
}
