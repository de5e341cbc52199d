/* serve_map.c - the messages about maps. */
#include "grid/door/entries.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"

/* ---- requests about a key ------------------------------------------------------------------- */

/* -1 and less: the map's own; 0: for ever. */
static int64_t time_of(int64_t ms)
{
    return ms < 0 ? TIME_DEFAULT : ms;
}

static struct map_request change(struct call *c, enum map_verb verb, int64_t thread,
                                 const struct data *key)
{
    return (struct map_request){.verb = verb,
                                .key = *key,
                                .ttl_ms = TIME_DEFAULT,
                                .idle_ms = TIME_DEFAULT,
                                .owner = call_owner(c, thread),
                                .waiter = call_wait(c, CALL_LOCKED_MS)};
}

mr_rc_t serve_map_get(struct call *c, const struct map_get_req *q)
{
    return entries_answer_value(c, OBJECT_MAP, q->name,
                                &(struct map_request){.verb = MAP_GET, .key = q->key});
}

mr_rc_t serve_map_contains_key(struct call *c, const struct map_contains_key_req *q)
{
    return entries_answer_done(c, OBJECT_MAP, q->name,
                               &(struct map_request){.verb = MAP_CONTAINS, .key = q->key});
}

#define PUT(name_, verb, answer)                                                                   \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        r.value = q->value;                                                                        \
        r.ttl_ms = time_of(q->ttl);                                                                \
        r.quiet = answer != entries_answer_value;                                                  \
        return answer(c, OBJECT_MAP, q->name, &r);                                                 \
    }

#define PUT_WITH_IDLE(name_, verb)                                                                 \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        r.value = q->value;                                                                        \
        r.ttl_ms = time_of(q->ttl);                                                                \
        r.idle_ms = time_of(q->max_idle);                                                          \
        return entries_answer_value(c, OBJECT_MAP, q->name, &r);                                   \
    }

#define TAKE(name_, verb, answer)                                                                  \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        r.quiet = answer != entries_answer_value;                                                  \
        return answer(c, OBJECT_MAP, q->name, &r);                                                 \
    }

/* A transient put differs only where there is a map store, and there is none. */
PUT(map_put, MAP_PUT, entries_answer_value)
PUT(map_set, MAP_PUT, entries_answer_nothing)
PUT(map_put_if_absent, MAP_PUT_IF_ABSENT, entries_answer_value)
PUT(map_put_transient, MAP_PUT, entries_answer_nothing)
PUT_WITH_IDLE(map_put_with_max_idle, MAP_PUT)
PUT_WITH_IDLE(map_set_with_max_idle, MAP_PUT)
PUT_WITH_IDLE(map_put_if_absent_with_max_idle, MAP_PUT_IF_ABSENT)
PUT_WITH_IDLE(map_put_transient_with_max_idle, MAP_PUT)
TAKE(map_remove, MAP_REMOVE, entries_answer_value)
TAKE(map_delete, MAP_REMOVE, entries_answer_done)
TAKE(map_evict, MAP_EVICT, entries_answer_done)

/* Those with a time-out say false when the key stays locked so long. */
static mr_rc_t answer_tried(struct call *c, struct wire_bytes name, struct map_request *r,
                            int64_t timeout_ms)
{
    r->waiter = call_wait(c, timeout_ms);
    mr_rc_t rc = entries_answer_done(c, OBJECT_MAP, name, r);

    if (rc != MR_ERR_BUSY)
        return rc;
    reply(c, &(bool){false});
    return MR_OK;
}

mr_rc_t serve_map_try_put(struct call *c, const struct map_try_put_req *q)
{
    struct map_request r = change(c, MAP_PUT, q->thread_id, &q->key);

    r.value = q->value;
    return answer_tried(c, q->name, &r, q->timeout);
}

mr_rc_t serve_map_try_remove(struct call *c, const struct map_try_remove_req *q)
{
    struct map_request r = change(c, MAP_REMOVE, q->thread_id, &q->key);

    return answer_tried(c, q->name, &r, q->timeout);
}

mr_rc_t serve_map_replace(struct call *c, const struct map_replace_req *q)
{
    struct map_request r = change(c, MAP_REPLACE, q->thread_id, &q->key);

    r.value = q->value;
    return entries_answer_value(c, OBJECT_MAP, q->name, &r);
}

mr_rc_t serve_map_replace_if_same(struct call *c, const struct map_replace_if_same_req *q)
{
    struct map_request r = change(c, MAP_REPLACE_IF_SAME, q->thread_id, &q->key);

    r.quiet = true;
    r.expected = q->test_value;
    r.value = q->value;
    return entries_answer_done(c, OBJECT_MAP, q->name, &r);
}

mr_rc_t serve_map_remove_if_same(struct call *c, const struct map_remove_if_same_req *q)
{
    struct map_request r = change(c, MAP_REMOVE_IF_SAME, q->thread_id, &q->key);

    r.quiet = true;
    r.expected = q->value;
    return entries_answer_done(c, OBJECT_MAP, q->name, &r);
}

mr_rc_t serve_map_set_ttl(struct call *c, const struct map_set_ttl_req *q)
{
    struct map_request r = change(c, MAP_SET_TTL, 0, &q->key);

    r.quiet = true;
    r.ttl_ms = time_of(q->ttl);
    return entries_answer_done(c, OBJECT_MAP, q->name, &r);
}

/* ---- the whole map -------------------------------------------------------------------------- */

ENTRIES_SERVICE(map, OBJECT_MAP)

mr_rc_t serve_map_evict_all(struct call *c, const struct map_evict_all_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    return rc == MR_OK ? entries_clear(c, m, JOURNAL_EVICTED_ALL) : rc;
}

/* ---- the store behind a map, of which there is none ------------------------------------------ */

static mr_rc_t no_store(struct call *c)
{
    return call_error(c, CODE_ILLEGAL_ARGUMENT, "java.lang.IllegalArgumentException",
                      "there is no store behind a map that entries could be loaded from");
}

mr_rc_t serve_map_load_all(struct call *c, const struct map_load_all_req *q)
{
    (void)q;
    return no_store(c);
}

mr_rc_t serve_map_load_given_keys(struct call *c, const struct map_load_given_keys_req *q)
{
    (void)q;
    return no_store(c);
}

/* Nothing is written late where nothing is written. */
mr_rc_t serve_map_flush(struct call *c, const struct map_flush_req *q)
{
    (void)q;
    reply(c, NULL);
    return MR_OK;
}

/* ---- many entries --------------------------------------------------------------------------- */

mr_rc_t serve_map_get_all(struct call *c, const struct map_get_all_req *q)
{
    struct wire_list keys = q->keys;
    struct listing l = listing_new(c);
    struct data batch[MAP_MANY];
    const struct record *found[MAP_MANY];
    struct map *m;
    uint32_t n;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc != MR_OK)
        return rc;
    do {
        for (n = 0; n < MAP_MANY && wire_next(&keys, WIRE_datas, &batch[n], NULL);)
            n += call_has(c, m, &batch[n]);
        if (n > 0 && (rc = map_read_many(m, batch, n, found)) != MR_OK)
            return rc;
        for (uint32_t i = 0; i < n; i++) {
            if (!found[i])
                continue;
            struct data value = record_value(found[i]);

            listing_add_pair(&l, &batch[i], &value);
        }
    } while (n == MAP_MANY && listing_has_room(&l));
    return listing_reply(c, &l);
}

mr_rc_t serve_map_put_all(struct call *c, const struct map_put_all_req *q)
{
    struct map_request r = change(c, MAP_PUT, 0, &(struct data){0});

    return entries_put_all(c, OBJECT_MAP, q->name, &r, q->entries);
}
