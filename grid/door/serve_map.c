/* serve_map.c - the messages about maps. */
#include "grid/data/map_object.h"
#include "grid/door/explain.h"
#include "grid/door/scan.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "grid/op/run.h"

/* ---- finding the map ------------------------------------------------------------------------ */

static mr_rc_t open_map(struct call *c, struct wire_bytes name, struct map **ret_map)
{
    struct object *o;
    mr_rc_t rc = call_object(c, OBJECT_MAP, name, &o);

    if (rc != MR_OK)
        return rc;
    if (!c->is_away)
        session_note_map(c->session, o);
    *ret_map = object_map(o);
    return MR_OK;
}

mr_rc_t call_map(struct call *c, struct wire_bytes name, struct map **ret_map)
{
    *ret_map = c->is_away ? NULL : session_known_map(c->session, name);
    return *ret_map ? MR_OK : open_map(c, name, ret_map);
}

/* ---- requests about a key ------------------------------------------------------------------- */

static mr_rc_t null_given(struct call *c, const char *what)
{
    return call_error(c, CODE_NULL_POINTER, "java.lang.NullPointerException", "the %s is null",
                      what);
}

static bool stores(enum map_verb verb)
{
    return verb == MAP_PUT || verb == MAP_PUT_IF_ABSENT || verb == MAP_REPLACE ||
           verb == MAP_REPLACE_IF_SAME;
}

/* Runs it. The answers below MR_ERR_MEMORY are the handler's to translate. */
static mr_rc_t run(struct call *c, struct wire_bytes name, struct map_request *q,
                   struct map_answer *ret_a)
{
    struct map *m;
    mr_rc_t rc = call_map(c, name, &m);

    if (rc == MR_OK && q->key.kind == DATA_NULL)
        rc = null_given(c, "key");
    if (rc == MR_OK && stores(q->verb) && q->value.kind == DATA_NULL)
        rc = null_given(c, "value");
    if (rc != MR_OK)
        return rc;
    rc = run_request(m, q, ret_a);
    return rc >= MR_ERR_MEMORY && c->err->code == MR_OK ? explain(m, q, rc, ret_a, c->err) : rc;
}

static bool is_answer(mr_rc_t rc)
{
    return rc < MR_ERR_MEMORY && rc != MR_PENDING;
}

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

static struct data old_of(const struct map_answer *a)
{
    return a->present ? a->value : (struct data){0};
}

mr_rc_t serve_map_get(struct call *c, const struct map_get_req *q)
{
    struct map_request r = {.verb = MAP_GET, .key = q->key};
    struct map_answer a;
    mr_rc_t rc = run(c, q->name, &r, &a);

    if (!is_answer(rc))
        return rc;
    struct data value = old_of(&a);

    reply(c, &value);
    return MR_OK;
}

mr_rc_t serve_map_contains_key(struct call *c, const struct map_contains_key_req *q)
{
    struct map_request r = {.verb = MAP_CONTAINS, .key = q->key};
    struct map_answer a;
    mr_rc_t rc = run(c, q->name, &r, &a);

    if (!is_answer(rc))
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

/* ---- changes: each is answered in one of three ways ----------------------------------------- */

static mr_rc_t answer_old(struct call *c, struct wire_bytes name, struct map_request *r)
{
    struct map_answer a;
    mr_rc_t rc = run(c, name, r, &a);

    if (!is_answer(rc))
        return rc;
    struct data old = old_of(&a);

    reply(c, &old);
    return MR_OK;
}

static mr_rc_t answer_nothing(struct call *c, struct wire_bytes name, struct map_request *r)
{
    struct map_answer a;
    mr_rc_t rc = run(c, name, r, &a);

    if (!is_answer(rc))
        return rc;
    reply(c, NULL);
    return MR_OK;
}

static mr_rc_t answer_done(struct call *c, struct wire_bytes name, struct map_request *r)
{
    struct map_answer a;
    mr_rc_t rc = run(c, name, r, &a);

    if (!is_answer(rc))
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

#define PUT(name_, verb, answer)                                                                   \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        r.value = q->value;                                                                        \
        r.ttl_ms = time_of(q->ttl);                                                                \
        return answer(c, q->name, &r);                                                             \
    }

#define PUT_WITH_IDLE(name_, verb)                                                                 \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        r.value = q->value;                                                                        \
        r.ttl_ms = time_of(q->ttl);                                                                \
        r.idle_ms = time_of(q->max_idle);                                                          \
        return answer_old(c, q->name, &r);                                                         \
    }

#define TAKE(name_, verb, answer)                                                                  \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        struct map_request r = change(c, verb, q->thread_id, &q->key);                             \
                                                                                                   \
        return answer(c, q->name, &r);                                                             \
    }

/* A transient put differs only where there is a map store, and there is none. */
PUT(map_put, MAP_PUT, answer_old)
PUT(map_set, MAP_PUT, answer_nothing)
PUT(map_put_if_absent, MAP_PUT_IF_ABSENT, answer_old)
PUT(map_put_transient, MAP_PUT, answer_nothing)
PUT_WITH_IDLE(map_put_with_max_idle, MAP_PUT)
PUT_WITH_IDLE(map_set_with_max_idle, MAP_PUT)
PUT_WITH_IDLE(map_put_if_absent_with_max_idle, MAP_PUT_IF_ABSENT)
PUT_WITH_IDLE(map_put_transient_with_max_idle, MAP_PUT)
TAKE(map_remove, MAP_REMOVE, answer_old)
TAKE(map_delete, MAP_REMOVE, answer_done)
TAKE(map_evict, MAP_EVICT, answer_done)

/* Those with a time-out say false when the key stays locked so long. */
static mr_rc_t answer_tried(struct call *c, struct wire_bytes name, struct map_request *r,
                            int64_t timeout_ms)
{
    r->waiter = call_wait(c, timeout_ms);
    mr_rc_t rc = answer_done(c, name, r);

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
    return answer_old(c, q->name, &r);
}

mr_rc_t serve_map_replace_if_same(struct call *c, const struct map_replace_if_same_req *q)
{
    struct map_request r = change(c, MAP_REPLACE_IF_SAME, q->thread_id, &q->key);

    r.expected = q->test_value;
    r.value = q->value;
    return answer_done(c, q->name, &r);
}

mr_rc_t serve_map_remove_if_same(struct call *c, const struct map_remove_if_same_req *q)
{
    struct map_request r = change(c, MAP_REMOVE_IF_SAME, q->thread_id, &q->key);

    r.expected = q->value;
    return answer_done(c, q->name, &r);
}

mr_rc_t serve_map_set_ttl(struct call *c, const struct map_set_ttl_req *q)
{
    struct map_request r = change(c, MAP_SET_TTL, 0, &q->key);

    r.ttl_ms = time_of(q->ttl);
    return answer_done(c, q->name, &r);
}

/* ---- the whole map -------------------------------------------------------------------------- */

mr_rc_t serve_map_size(struct call *c, const struct map_size_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    return rc == MR_OK ? scan_reply_size(c, m) : rc;
}

mr_rc_t serve_map_is_empty(struct call *c, const struct map_is_empty_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    return rc == MR_OK ? scan_reply_empty(c, m) : rc;
}

mr_rc_t serve_map_contains_value(struct call *c, const struct map_contains_value_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    return rc == MR_OK ? scan_reply_contains(c, m, &q->value) : rc;
}

#define LIST(name_, parts)                                                                         \
    mr_rc_t serve_map_##name_(struct call *c, const struct map_##name_##_req *q)                   \
    {                                                                                              \
        struct map *m;                                                                             \
        mr_rc_t rc = call_map(c, q->name, &m);                                                     \
                                                                                                   \
        return rc == MR_OK ? scan_reply_list(c, m, parts) : rc;                                    \
    }

LIST(key_set, SCAN_KEYS)
LIST(values, SCAN_VALUES)
LIST(entry_set, SCAN_KEYS | SCAN_VALUES)

mr_rc_t serve_map_clear(struct call *c, const struct map_clear_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc == MR_OK)
        rc = call_go_away(c, m);
    if (rc == MR_OK && (rc = map_clear(m)) == MR_OK)
        reply(c, NULL);
    return rc;
}

mr_rc_t serve_map_evict_all(struct call *c, const struct map_evict_all_req *q)
{
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc == MR_OK)
        rc = call_go_away(c, m);
    if (rc == MR_OK && (rc = map_evict_all(m)) == MR_OK)
        reply(c, NULL);
    return rc;
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
    struct sink *items = call_items(c);
    struct data batch[MAP_MANY];
    const struct record *found[MAP_MANY];
    struct map *m;
    uint32_t n, count = 0;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc != MR_OK)
        return rc;
    do {
        for (n = 0; n < MAP_MANY && wire_next(&keys, WIRE_datas, &batch[n], NULL); n++)
            ;
        if (n > 0)
            map_read_many(m, batch, n, found);
        for (uint32_t i = 0; i < n; i++) {
            if (!found[i])
                continue;
            struct data value = record_value(found[i]);

            wire_put(items, WIRE_data, &batch[i]);
            wire_put(items, WIRE_data, &value);
            count++;
        }
    } while (n == MAP_MANY);
    return reply_list(c, count);
}

/* Not atomic as a whole: a key that is locked stops it, and it begins anew when it is free. */
mr_rc_t serve_map_put_all(struct call *c, const struct map_put_all_req *q)
{
    struct wire_list pairs = q->entries;
    struct data key, value;

    call_leave_line(c);
    while (wire_next(&pairs, WIRE_data_pairs, &key, &value)) {
        struct map_request r = change(c, MAP_PUT, 0, &key);
        struct map_answer a;

        r.value = value;
        mr_rc_t rc = run(c, q->name, &r, &a);

        if (!is_answer(rc))
            return rc;
    }
    reply(c, NULL);
    return MR_OK;
}
