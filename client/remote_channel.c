/* remote_channel.c - the channel over a cluster far away: its table of calls, and those of them
 * that are one message each. */
#include <string.h>

#include "client/remote_map.h"
#include "net/base/atomic.h"
#include "net/base/thread.h"
#include "net/loop.h"

/* ---- locks ---------------------------------------------------------------------------------- */

/* Taking and letting go may be sent twice: the member knows each by this number. */
static int64_t reference(void)
{
    static uint64_t references;

    return (int64_t)fetch_add_64(&references, 1) + 1;
}

/* A lease of 0, which is none here, is over at once for a member of Hazelcast. */
static int64_t lease_of(uint64_t lease_ms)
{
    return lease_ms == 0 ? INT64_MAX : (int64_t)lease_ms;
}

static mr_rc_t map_lock(struct channel *c, struct channel_map *map, const struct data *key,
                        uint64_t lease_ms, uint64_t timeout_ms, mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct map_try_lock_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_call_init(&call, WIRE_map_try_lock_req, remote_partition(r, key),
                                  &(struct map_try_lock_req){thread_number(), lease_of(lease_ms),
                                                             (int64_t)timeout_ms, reference(),
                                                             name_of(map), *key},
                                  true);

    if (rc != MR_OK) {
        remote_call_clear(&call);
        return fail(err, rc, NULL, "map \"%s\": no room for a request", map->name);
    }
    call.patience_ms = timeout_ms;
    remote_run(r, &call, 1);
    if (call.rc != MR_OK)
        rc = remote_explain(r, &call, err);
    else if ((rc = remote_answer(&call, &a)) != MR_OK)
        (void)!fail(err, rc, NULL, "map \"%s\": the answer of a member is malformed", map->name);
    else if (!a.response)
        rc = fail(err, MR_ERR_BUSY, "wait longer, or find out who holds it",
                  "map \"%s\": the key is locked by another", map->name);
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_unlock(struct channel *c, struct channel_map *map, const struct data *key,
                          mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct remote_call call;
    mr_rc_t rc =
        remote_ask(r, &call, WIRE_map_unlock_req, remote_partition(r, key),
                   &(struct map_unlock_req){thread_number(), reference(), name_of(map), *key}, true,
                   NULL, err);

    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_is_locked(struct channel *c, struct channel_map *map, const struct data *key,
                             bool *ret_locked, mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct map_is_locked_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(r, &call, WIRE_map_is_locked_req, remote_partition(r, key),
                            &(struct map_is_locked_req){name_of(map), *key}, true, &a, err);

    if (rc == MR_OK)
        *ret_locked = a.response;
    remote_call_clear(&call);
    return rc;
}

/* ---- the whole map -------------------------------------------------------------------------- */

static mr_rc_t map_clear(struct channel *c, struct channel_map *map, mr_err_t *err)
{
    struct near *near = load_acquire_ptr((void *const *)&map->near);
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_map_clear_req, -1,
                            &(struct map_clear_req){name_of(map)}, false, NULL, err);

    if (near)
        near_forget_all(near);
    remote_call_clear(&call);
    return rc;
}

/* The protocol tells the size of a map and no more. */
static mr_rc_t map_facts(struct channel *c, struct channel_map *map, struct map_facts *ret_facts,
                         mr_err_t *err)
{
    struct map_size_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_map_size_req, -1,
                            &(struct map_size_req){name_of(map)}, true, &a, err);

    if (rc == MR_OK)
        *ret_facts = (struct map_facts){.entries = (uint64_t)(uint32_t)a.response};
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_listen(struct channel *c, struct channel_map *map, uint32_t kinds,
                          void (*on_event)(void *context, const struct map_event *e), void *context,
                          struct channel_listener **ret_l, mr_err_t *err)
{
    return subscribe(remote_of(c), map->name, kinds, on_event, context, ret_l, err);
}

static void unlisten(struct channel *c, struct channel_listener *l)
{
    (void)c;
    unsubscribe(l);
}

/* ---- copies --------------------------------------------------------------------------------- */

static mr_rc_t map_near(struct channel *c, struct channel_map *map, const struct near_wish *w,
                        mr_err_t *err)
{
    const struct near_config config = {.map = map->name,
                                       .partitions = remote_of(c)->partitions,
                                       .max_bytes = w->max_bytes,
                                       .stale_max_ns = w->stale_max_ms * 1000000};
    struct near *near;
    mr_rc_t rc;

    if (exchange_32(&map->wants_near, 1))
        return MR_EXISTS;
    if ((rc = near_new(&config, &near)) == MR_OK &&
        (rc = subscribe_near(remote_of(c), map->name, near)) == MR_OK) {
        store_release_ptr((void **)&map->near, near);
        return MR_OK;
    }
    exchange_32(&map->wants_near, 0);
    return fail(err, rc, NULL, "map \"%s\": a near cache cannot be added: %s", map->name,
                mr_rc_text(rc));
}

static mr_rc_t map_near_facts(struct channel *c, struct channel_map *map,
                              struct near_facts *ret_facts)
{
    struct near *near = load_acquire_ptr((void *const *)&map->near);

    (void)c;
    if (!near)
        return MR_NOT_FOUND;
    near_facts(near, ret_facts);
    return MR_OK;
}

/* ---- the cluster ---------------------------------------------------------------------------- */

static mr_rc_t map_open(struct channel *c, const char *name, struct channel_map **ret_map,
                        mr_err_t *err)
{
    size_t size = strlen(name) + 1;
    struct channel_map *map = remote_keep(remote_of(c), sizeof *map + size);

    if (!map)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for map \"%s\"", name);
    map->remote = remote_of(c);
    memcpy(map->name, name, size);
    *ret_map = map;
    return MR_OK;
}

static mr_rc_t memory(struct channel *c, struct memory_facts *ret_facts, mr_err_t *err)
{
    (void)c, (void)ret_facts;
    return fail(err, MR_ERR_UNSUPPORTED, "ask the member itself, or look at its metrics",
                "a client does not know how much memory a member uses");
}

static uint32_t members(struct channel *c, struct member_facts *ret_members, uint32_t room)
{
    struct remote *r = remote_of(c);

    pthread_mutex_lock(&r->lock);
    uint32_t n = r->member_count;

    if (room > 0 && n > 0)
        memcpy(ret_members, r->members, (n < room ? n : room) * sizeof *ret_members);
    pthread_mutex_unlock(&r->lock);
    return n;
}

static mr_rc_t look(struct channel *c,
                    mr_rc_t (*take)(void *context, const struct cluster_look_rsp *a), void *context,
                    mr_err_t *err)
{
    struct cluster_look_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_cluster_look_req, -1,
                            &(struct cluster_look_req){0}, true, &a, err);

    if (rc == MR_OK)
        rc = take(context, &a);
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t take_over(struct channel *c, mr_err_t *err)
{
    struct cluster_take_over_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_cluster_take_over_req, -1,
                            &(struct cluster_take_over_req){0}, false, &a, err);

    if (rc == MR_OK && a.why.size > 0)
        rc = fail(err, MR_ERR_ARGUMENT, "see \"millrace health\"", "no takeover: %.*s",
                  (int)a.why.size, (const char *)a.why.at);
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t ping(struct channel *c, mr_err_t *err)
{
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_client_ping_req, -1,
                            &(struct client_ping_req){0}, true, NULL, err);

    remote_call_clear(&call);
    return rc;
}

static mr_rc_t close(struct channel *c, bool drain, mr_err_t *err)
{
    (void)drain; /* what it asked for is kept elsewhere */
    struct remote *r = remote_of(c);

    if (loop_current() == r->events)
        return fail(err, MR_ERR_ARGUMENT, "let another thread close it",
                    "a connection cannot be closed by its own listener");
    remote_close(r);
    return MR_OK;
}

const struct channel_ops remote_ops = {
    .map_open = map_open,
    .map_run = remote_map_run,
    .done = remote_done,
    .map_start = remote_map_start,
    .map_finish = remote_map_finish,
    .map_drop = remote_map_drop,
    .map_get_all = remote_map_get_all,
    .map_put_all = remote_map_put_all,
    .map_page = remote_map_page,
    .map_query = remote_map_query,
    .map_index = remote_map_index,
    .map_lock = map_lock,
    .map_unlock = map_unlock,
    .map_is_locked = map_is_locked,
    .map_clear = map_clear,
    .map_facts = map_facts,
    .map_near = map_near,
    .map_near_facts = map_near_facts,
    .map_listen = map_listen,
    .unlisten = unlisten,
    .memory = memory,
    .members = members,
    .look = look,
    .take_over = take_over,
    .ping = ping,
    .close = close,
};
