/* serve_multimap.c - the messages about multimaps, and those about the locks of keys, which maps
 * have as well. */
#include "grid/data/multimap.h"
#include "grid/door/entries.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/member.h"

/* ---- locks ---------------------------------------------------------------------------------- */

/* Less than a millisecond is for ever, as clients mean it by -1 and by 0. */
static uint64_t lease_of(int64_t ms)
{
    return ms > 0 && ms < INT64_MAX ? (uint64_t)ms : 0;
}

static mr_rc_t lock(struct call *c, enum object_kind kind, struct wire_bytes name,
                    struct lock_request *q)
{
    struct map *m;
    mr_rc_t rc = call_map_of(c, kind, name, &m);

    return rc == MR_OK ? map_lock(m, q) : rc;
}

static mr_rc_t unlock(struct call *c, enum object_kind kind, struct wire_bytes name,
                      const struct lock_request *q)
{
    struct map *m;
    mr_rc_t rc = call_map_of(c, kind, name, &m);

    if (rc == MR_OK && (rc = map_unlock(m, q)) == MR_ERR_ARGUMENT)
        return call_error(c, CODE_ILLEGAL_MONITOR, "java.lang.IllegalMonitorStateException",
                          "the key is not locked by this client and thread");
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

#define LOCKS(prefix, KIND)                                                                        \
    mr_rc_t serve_##prefix##_lock(struct call *c, const struct prefix##_lock_req *q)               \
    {                                                                                              \
        struct lock_request r = {q->key, call_owner(c, q->thread_id), q->reference_id,             \
                                 lease_of(q->ttl), call_wait(c, INT64_MAX)};                       \
        mr_rc_t rc = lock(c, KIND, q->name, &r);                                                   \
                                                                                                   \
        if (rc == MR_OK)                                                                           \
            reply(c, NULL);                                                                        \
        return rc;                                                                                 \
    }                                                                                              \
    mr_rc_t serve_##prefix##_try_lock(struct call *c, const struct prefix##_try_lock_req *q)       \
    {                                                                                              \
        struct lock_request r = {q->key, call_owner(c, q->thread_id), q->reference_id,             \
                                 lease_of(q->lease), call_wait(c, q->timeout)};                    \
        mr_rc_t rc = lock(c, KIND, q->name, &r);                                                   \
                                                                                                   \
        if (rc != MR_OK && rc != MR_ERR_BUSY)                                                      \
            return rc;                                                                             \
        reply(c, &(bool){rc == MR_OK});                                                            \
        return MR_OK;                                                                              \
    }                                                                                              \
    mr_rc_t serve_##prefix##_is_locked(struct call *c, const struct prefix##_is_locked_req *q)     \
    {                                                                                              \
        struct owner owner;                                                                        \
        struct map *m;                                                                             \
        mr_rc_t rc = call_map_of(c, KIND, q->name, &m);                                            \
                                                                                                   \
        if (rc == MR_OK)                                                                           \
            rc = map_is_locked(m, &q->key, &owner);                                                \
        if (rc == MR_OK || rc == MR_NOT_FOUND) {                                                   \
            reply(c, &(bool){rc == MR_OK});                                                        \
            return MR_OK;                                                                          \
        }                                                                                          \
        return rc;                                                                                 \
    }                                                                                              \
    mr_rc_t serve_##prefix##_unlock(struct call *c, const struct prefix##_unlock_req *q)           \
    {                                                                                              \
        return unlock(c, KIND, q->name,                                                            \
                      &(struct lock_request){q->key, call_owner(c, q->thread_id), q->reference_id, \
                                             0, NULL});                                            \
    }                                                                                              \
    mr_rc_t serve_##prefix##_force_unlock(struct call *c,                                          \
                                          const struct prefix##_force_unlock_req *q)               \
    {                                                                                              \
        struct map *m;                                                                             \
        mr_rc_t rc = call_map_of(c, KIND, q->name, &m);                                            \
                                                                                                   \
        if (rc == MR_OK)                                                                           \
            rc = map_force_unlock(m, &q->key);                                                     \
        if (rc != MR_OK && rc != MR_NOT_FOUND)                                                     \
            return rc;                                                                             \
        reply(c, NULL);                                                                            \
        return MR_OK;                                                                              \
    }

LOCKS(map, OBJECT_MAP)
LOCKS(multimap, OBJECT_MULTIMAP)

/* ---- changes -------------------------------------------------------------------------------- */

static mr_rc_t multimap_of(struct call *c, struct wire_bytes name, struct object **ret_o)
{
    return call_object(c, OBJECT_MULTIMAP, name, ret_o);
}

/* To look at all of it; MR_PENDING: not here. */
static mr_rc_t large_of(struct call *c, struct wire_bytes name, struct object **ret_o)
{
    mr_rc_t rc = multimap_of(c, name, ret_o);

    return rc == MR_OK ? call_go_away(c, object_map(*ret_o)) : rc;
}

static struct multimap_request change(struct call *c, int64_t thread, const struct data *key)
{
    return (struct multimap_request){
        .key = *key, .owner = call_owner(c, thread), .waiter = call_wait(c, CALL_LOCKED_MS)};
}

static mr_rc_t answer(struct call *c, mr_rc_t rc)
{
    if (rc == MR_PENDING || rc >= MR_ERR_MEMORY)
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

mr_rc_t serve_multimap_put(struct call *c, const struct multimap_put_req *q)
{
    struct multimap_request r = change(c, q->thread_id, &q->key);
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    r.value = q->value;
    return rc == MR_OK ? answer(c, multimap_put(o, &r)) : rc;
}

static mr_rc_t put_one(struct call *c, struct object *o, const struct data *key,
                       const struct data *value)
{
    struct multimap_request r = change(c, 0, key);

    r.value = *value;
    mr_rc_t rc = multimap_put(o, &r);

    return rc == MR_EXISTS ? MR_OK : rc;
}

/* Looked at before any is put, as in entries_put_all. */
static bool are_here(const struct call *c, struct wire_list entries)
{
    const struct partitions *ps = &c->member->partitions;
    struct wire_list values;
    struct data key;

    while (ps->serves && wire_next(&entries, WIRE_data_lists, &key, &values)) {
        uint32_t partition = data_partition(&key, ps->count);

        if (share_has(c->share, partition) && partitions_reign(ps, partition) == 0)
            return false;
    }
    return true;
}

/* As entries_put_all. */
mr_rc_t serve_multimap_put_all(struct call *c, const struct multimap_put_all_req *q)
{
    struct wire_list entries = q->entries, values;
    struct data key, value;
    struct object *o;
    uint32_t i = 0;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK && c->done == 0 && !are_here(c, entries))
        return MR_ERR_MOVED;
    while (rc == MR_OK && wire_next(&entries, WIRE_data_lists, &key, &values)) {
        bool is_ours = call_has(c, object_map(o), &key);

        for (; rc == MR_OK && wire_next(&values, WIRE_datas, &value, NULL); i++)
            if (i >= c->done && (!is_ours || (rc = put_one(c, o, &key, &value)) == MR_OK))
                c->done++;
    }
    if (rc == MR_OK)
        reply(c, NULL);
    return rc == MR_ERR_MOVED && c->done > 0 ? MR_ERR_OUTCOME_UNKNOWN : rc;
}

mr_rc_t serve_multimap_remove_entry(struct call *c, const struct multimap_remove_entry_req *q)
{
    struct multimap_request r = change(c, q->thread_id, &q->key);
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    r.value = q->value;
    return rc == MR_OK ? answer(c, multimap_remove_value(o, &r)) : rc;
}

mr_rc_t serve_multimap_remove(struct call *c, const struct multimap_remove_req *q)
{
    struct multimap_request r = change(c, q->thread_id, &q->key);
    struct listing l = listing_new(c);
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK)
        rc = multimap_remove(o, &r, listing_add, &l);
    return rc == MR_PENDING || rc >= MR_ERR_MEMORY ? rc : listing_reply(c, &l);
}

static void ignore(void *context, const struct data *value)
{
    (void)context, (void)value;
}

mr_rc_t serve_multimap_delete(struct call *c, const struct multimap_delete_req *q)
{
    struct multimap_request r = change(c, q->thread_id, &q->key);
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK)
        rc = multimap_remove(o, &r, ignore, NULL);
    if (rc == MR_PENDING || rc >= MR_ERR_MEMORY)
        return rc;
    reply(c, NULL);
    return MR_OK;
}

mr_rc_t serve_multimap_clear(struct call *c, const struct multimap_clear_req *q)
{
    struct object *o;
    uint64_t values;
    mr_rc_t rc = large_of(c, q->name, &o);

    if (rc == MR_OK)
        rc = multimap_clear(o, c->share, &values);
    if (rc == MR_OK && c->share) {
        entries_reply_cleared(c, values);
    } else if (rc == MR_OK) {
        multimap_tell_cleared(o, values);
        reply(c, NULL);
    }
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

mr_rc_t serve_multimap_get(struct call *c, const struct multimap_get_req *q)
{
    struct listing l = listing_new(c);
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK)
        rc = multimap_get(o, &q->key, listing_add, &l);
    return rc >= MR_ERR_MEMORY ? rc : listing_reply(c, &l);
}

mr_rc_t serve_multimap_contains_key(struct call *c, const struct multimap_contains_key_req *q)
{
    struct object *o;
    uint32_t n;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK && (rc = multimap_value_count(o, &q->key, &n)) == MR_OK)
        reply(c, &(bool){n > 0});
    return rc;
}

mr_rc_t serve_multimap_contains_entry(struct call *c, const struct multimap_contains_entry_req *q)
{
    struct object *o;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    return rc == MR_OK ? answer(c, multimap_contains(o, &q->key, &q->value)) : rc;
}

mr_rc_t serve_multimap_value_count(struct call *c, const struct multimap_value_count_req *q)
{
    struct object *o;
    uint32_t n;
    mr_rc_t rc = multimap_of(c, q->name, &o);

    if (rc == MR_OK && (rc = multimap_value_count(o, &q->key, &n)) == MR_OK)
        reply(c, &(int32_t){(int32_t)n});
    return rc;
}

mr_rc_t serve_multimap_size(struct call *c, const struct multimap_size_req *q)
{
    struct object *o;
    uint64_t n;
    mr_rc_t rc = large_of(c, q->name, &o);

    if (rc == MR_OK && (rc = multimap_size(o, c->share, &n)) == MR_OK)
        reply(c, &(int32_t){n < INT32_MAX ? (int32_t)n : INT32_MAX});
    return rc;
}

mr_rc_t serve_multimap_key_set(struct call *c, const struct multimap_key_set_req *q)
{
    struct listing l = listing_new(c);
    struct object *o;
    mr_rc_t rc = large_of(c, q->name, &o);

    if (rc == MR_OK)
        rc = multimap_keys(o, c->share, listing_add, &l);
    return rc == MR_OK ? listing_reply(c, &l) : rc;
}

static void list_value(void *context, const struct data *key, const struct data *value)
{
    (void)key;
    listing_add(context, value);
}

static mr_rc_t list_entries(struct call *c, struct wire_bytes name,
                            void (*visit)(void *context, const struct data *key,
                                          const struct data *value))
{
    struct listing l = listing_new(c);
    struct object *o;
    mr_rc_t rc = large_of(c, name, &o);

    if (rc == MR_OK)
        rc = multimap_entries(o, c->share, visit, &l);
    return rc == MR_OK ? listing_reply(c, &l) : rc;
}

mr_rc_t serve_multimap_values(struct call *c, const struct multimap_values_req *q)
{
    return list_entries(c, q->name, list_value);
}

mr_rc_t serve_multimap_entry_set(struct call *c, const struct multimap_entry_set_req *q)
{
    return list_entries(c, q->name, listing_add_pair);
}

struct search {
    const struct data *value;
    bool found;
};

static void compare(void *context, const struct data *key, const struct data *value)
{
    struct search *s = context;

    (void)key;
    s->found |= data_equal(value, s->value);
}

mr_rc_t serve_multimap_contains_value(struct call *c, const struct multimap_contains_value_req *q)
{
    struct search s = {&q->value, false};
    struct object *o;
    mr_rc_t rc = large_of(c, q->name, &o);

    if (rc == MR_OK && (rc = multimap_entries(o, c->share, compare, &s)) == MR_OK)
        reply(c, &s.found);
    return rc;
}

/* ---- listeners ------------------------------------------------------------------------------ */

mr_rc_t serve_multimap_add_entry_listener(struct call *c,
                                          const struct multimap_add_entry_listener_req *q)
{
    return watch_object(c, OBJECT_MULTIMAP, q->name, WIRE_multimap_add_entry_listener_event,
                        &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = q->include_value},
                        watch_on_entry);
}

mr_rc_t serve_multimap_add_entry_listener_to_key(
    struct call *c, const struct multimap_add_entry_listener_to_key_req *q)
{
    return watch_object(
        c, OBJECT_MULTIMAP, q->name, WIRE_multimap_add_entry_listener_to_key_event,
        &(struct watch_filter){.kinds = WATCH_ENTRIES, .values = q->include_value, .key = &q->key},
        watch_on_entry);
}

mr_rc_t serve_multimap_remove_entry_listener(struct call *c,
                                             const struct multimap_remove_entry_listener_req *q)
{
    return unwatch(c, q->registration_id);
}
