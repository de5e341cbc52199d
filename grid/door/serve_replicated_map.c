/* serve_replicated_map.c - the messages about replicated maps. */
#include "grid/door/entries.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"

static struct map_request request(struct call *c, enum map_verb verb, const struct data *key)
{
    return (struct map_request){
        .verb = verb, .key = *key, .idle_ms = TIME_DEFAULT, .owner = call_owner(c, 0)};
}

/* Runs it and answers with the value: that there is, or was. */
static mr_rc_t answer_value(struct call *c, struct wire_bytes name, const struct map_request *q)
{
    return entries_answer_value(c, OBJECT_REPLICATED_MAP, name, q);
}

mr_rc_t serve_replicated_map_put(struct call *c, const struct replicated_map_put_req *q)
{
    struct map_request r = request(c, MAP_PUT, &q->key);

    r.value = q->value;
    r.ttl_ms = q->ttl <= 0 ? TIME_NEVER : q->ttl;
    return answer_value(c, q->name, &r);
}

mr_rc_t serve_replicated_map_get(struct call *c, const struct replicated_map_get_req *q)
{
    struct map_request r = request(c, MAP_GET, &q->key);

    return answer_value(c, q->name, &r);
}

mr_rc_t serve_replicated_map_remove(struct call *c, const struct replicated_map_remove_req *q)
{
    struct map_request r = request(c, MAP_REMOVE, &q->key);

    return answer_value(c, q->name, &r);
}

mr_rc_t serve_replicated_map_put_all(struct call *c, const struct replicated_map_put_all_req *q)
{
    struct map_request r = request(c, MAP_PUT, &(struct data){0});

    return entries_put_all(c, OBJECT_REPLICATED_MAP, q->name, &r, q->entries);
}

mr_rc_t serve_replicated_map_contains_key(struct call *c,
                                          const struct replicated_map_contains_key_req *q)
{
    struct map_request r = request(c, MAP_CONTAINS, &q->key);

    return entries_answer_done(c, OBJECT_REPLICATED_MAP, q->name, &r);
}

ENTRIES_SERVICE(replicated_map, OBJECT_REPLICATED_MAP)

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
