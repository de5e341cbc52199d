/* serve_listen.c - hearing what happens in a map: listeners, near caches, the event journal; and
 * looking at an entry from outside. */
#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

/* ---- listeners ------------------------------------------------------------------------------ */

static mr_rc_t watch_entries(struct call *c, struct wire_bytes name, enum wire_id event,
                             const struct watch_filter *filter)
{
    return watch_object(c, OBJECT_MAP, name, event, filter, watch_on_entry);
}

mr_rc_t serve_map_add_entry_listener(struct call *c, const struct map_add_entry_listener_req *q)
{
    return watch_entries(
        c, q->name, WIRE_map_add_entry_listener_event,
        &(struct watch_filter){.kinds = (uint32_t)q->listener_flags, .values = q->include_value});
}

mr_rc_t serve_map_add_entry_listener_to_key(struct call *c,
                                            const struct map_add_entry_listener_to_key_req *q)
{
    return watch_entries(c, q->name, WIRE_map_add_entry_listener_to_key_event,
                         &(struct watch_filter){.kinds = (uint32_t)q->listener_flags,
                                                .values = q->include_value,
                                                .key = &q->key});
}

mr_rc_t serve_map_add_entry_listener_with_predicate(
    struct call *c, const struct map_add_entry_listener_with_predicate_req *q)
{
    return watch_entries(c, q->name, WIRE_map_add_entry_listener_with_predicate_event,
                         &(struct watch_filter){.kinds = (uint32_t)q->listener_flags,
                                                .values = q->include_value,
                                                .predicate = &q->predicate});
}

mr_rc_t serve_map_add_entry_listener_to_key_with_predicate(
    struct call *c, const struct map_add_entry_listener_to_key_with_predicate_req *q)
{
    return watch_entries(c, q->name, WIRE_map_add_entry_listener_to_key_with_predicate_event,
                         &(struct watch_filter){.kinds = (uint32_t)q->listener_flags,
                                                .values = q->include_value,
                                                .key = &q->key,
                                                .predicate = &q->predicate});
}

mr_rc_t serve_map_remove_entry_listener(struct call *c,
                                        const struct map_remove_entry_listener_req *q)
{
    return unwatch(c, q->registration_id);
}

mr_rc_t serve_map_add_partition_lost_listener(struct call *c,
                                              const struct map_add_partition_lost_listener_req *q)
{
    (void)q;
    return watch_nothing(c);
}

mr_rc_t serve_map_remove_partition_lost_listener(
    struct call *c, const struct map_remove_partition_lost_listener_req *q)
{
    return unwatch(c, q->registration_id);
}

/* ---- near caches ---------------------------------------------------------------------------- */

struct near_watch {
    struct watch watch;
    struct watcher watcher;
    struct map *map;
};

static struct wire_uuid partition_uuid(const struct map *m, uint32_t partition)
{
    struct wire_uuid u = {0};

    invalidation_partition_uuid(m->partitions, partition, &u.high, &u.low);
    return u;
}

static void on_invalidated(struct watcher *w, const struct object_event *e)
{
    const struct near_watch *nw = list_owner(w, struct near_watch, watcher);

    session_event(nw->watch.session, WIRE_map_invalidation_event, nw->watch.correlation,
                  &(struct map_invalidation_event){
                      .source_uuid = {e->source.client_high, e->source.client_low, false},
                      .partition_uuid = partition_uuid(nw->map, e->partition),
                      .sequence = (int64_t)e->sequence,
                      .key = e->key});
}

static void stop_near(struct watch *w)
{
    struct near_watch *nw = list_owner(w, struct near_watch, watch);

    invalidation_unwatch(&nw->map->invalidation, &nw->watcher);
    mem_free(nw);
}

mr_rc_t serve_map_add_near_cache_invalidation_listener(
    struct call *c, const struct map_add_near_cache_invalidation_listener_req *q)
{
    struct near_watch *nw = mem_alloc_zero(sizeof *nw);
    mr_rc_t rc = nw ? call_watch(c) : MR_ERR_MEMORY;

    if (rc == MR_OK && (rc = call_map(c, q->name, &nw->map)) == MR_OK) {
        nw->watcher.on_event = on_invalidated;
        nw->watch.session = c->session;
        nw->watch.correlation = c->head.correlation;
        rc = invalidation_watch(&nw->map->invalidation, &nw->watcher);
    }
    if (rc != MR_OK) {
        mem_free(nw);
        return rc;
    }
    watch_start(&nw->watch, c->session, c->head.correlation, stop_near);
    reply(c, &nw->watch.id);
    return MR_OK;
}

/* A client asks every member, and each tells of what it is primary of, whose numbers count. */
static bool is_home(const struct partitions *ps, uint32_t partition)
{
    return !ps->serves || load_acquire_64(&ps->primaries[partition]) == ps->self;
}

/* The last number of each partition in which there was one. */
static void put_sequences(struct sink *items, struct wire_bytes name, struct map *m)
{
    struct sink pairs = {.grows = true};
    struct wire_bytes all;

    for (uint32_t i = 0; i < m->partitions->count; i++) {
        uint64_t last = is_home(m->partitions, i) ? invalidation_last(&m->invalidation, i) : 0;

        if (last == 0)
            continue;
        wire_put_i32(&pairs, (int32_t)i);
        wire_put_i64(&pairs, (int64_t)last);
    }
    if (sink_state(&pairs) != MR_OK)
        items->out_of_memory = true;
    all = (struct wire_bytes){pairs.at ? pairs.at : (const uint8_t *)"", (uint32_t)pairs.size};
    wire_put(items, WIRE_str, &name);
    wire_put(items, WIRE_i32_i64s, &all);
    sink_free(&pairs);
}

mr_rc_t serve_map_fetch_near_cache_invalidation_metadata(
    struct call *c, const struct map_fetch_near_cache_invalidation_metadata_req *q)
{
    struct wire_list names = q->names;
    struct listing l = listing_new(c);
    struct sink uuids = {.grows = true};
    const struct partitions *ps = &c->member->partitions;
    struct wire_bytes name;
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && listing_has_room(&l) && wire_next(&names, WIRE_strs, &name, NULL)) {
        struct map *m;

        if ((rc = call_map(c, name, &m)) == MR_OK)
            put_sequences(l.items, name, m);
        l.count++;
    }
    for (uint32_t i = 0; i < ps->count; i++) {
        struct wire_uuid u = {0};

        if (!is_home(ps, i))
            continue;
        invalidation_partition_uuid(ps, i, &u.high, &u.low);
        wire_put_i32(&uuids, (int32_t)i);
        wire_put_uuid(&uuids, u);
    }
    if (rc == MR_OK && (sink_state(l.items) != MR_OK || sink_state(&uuids) != MR_OK))
        rc = MR_ERR_MEMORY;
    if (rc == MR_OK) /* which says so when it is too large */
        reply(c, &(struct map_fetch_near_cache_invalidation_metadata_rsp){
                     wire_list_of(l.items, l.count),
                     {uuids.at ? uuids.at : (const uint8_t *)"", (uint32_t)uuids.size}});
    sink_free(&uuids);
    return rc;
}

/* ---- the event journal ---------------------------------------------------------------------- */

/* The journal of the partition that the request names. */
static mr_rc_t journal_of(struct call *c, struct wire_bytes name, struct map **ret_map)
{
    mr_rc_t rc = call_map(c, name, ret_map);

    if (rc != MR_OK)
        return rc;
    if ((*ret_map)->rules.journal_capacity == 0)
        return call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                          "map \"%s\" keeps no journal; set maps.%s.journal-capacity",
                          (*ret_map)->name, (*ret_map)->name);
    if (c->head.partition < 0 || (uint32_t)c->head.partition >= (*ret_map)->partitions->count)
        return fail(c->err, MR_ERR_ARGUMENT, NULL, "there is no partition %d", c->head.partition);
    return MR_OK;
}

mr_rc_t serve_map_event_journal_subscribe(struct call *c,
                                          const struct map_event_journal_subscribe_req *q)
{
    struct map_event_journal_subscribe_rsp r;
    struct map *m;
    mr_rc_t rc = journal_of(c, q->name, &m);

    if (rc != MR_OK)
        return rc;
    struct partition *p = &m->partitions->at[c->head.partition];

    partition_lock(p);
    const struct journal *j = m->parts[c->head.partition].journal;

    r.oldest_sequence = (int64_t)j->first;
    r.newest_sequence = (int64_t)j->next - 1;
    partition_unlock(p);
    reply(c, &r);
    return MR_OK;
}

/* An event as clients know it: an object of a class of theirs, with three Data inside. */
enum { EVENT_FACTORY = -4, EVENT_CLASS = 132 };

static void put_nested(struct sink *out, const struct data *d)
{
    uint8_t *at;

    if (d->kind == DATA_NULL) {
        sink_put32(out, UINT32_MAX);
        return;
    }
    sink_put32(out, data_wire_size(d));
    if ((at = sink_more(out, data_wire_size(d))))
        data_write(d, at);
}

static void put_event(struct sink *out, const struct journal_event *e)
{
    sink_put32(out, 0);
    sink_put32(out, (uint32_t)-DATA_IDENTIFIED);
    sink_put8(out, 1);
    sink_put32(out, (uint32_t)EVENT_FACTORY);
    sink_put32(out, EVENT_CLASS);
    sink_put32(out, e->kind);
    put_nested(out, &e->key);
    put_nested(out, &e->value);
    put_nested(out, &e->old);
}

struct events {
    struct sink items, numbers, one;
    uint32_t count;
    uint64_t next;
};

/* Reads up to `most` events, under the lock. MR_ERR_STALE: the first is gone. */
static mr_rc_t read_events(struct events *ev, const struct journal *j, uint64_t from, uint32_t most,
                           size_t bytes_max)
{
    struct journal_event e;
    uint64_t lost;

    ev->next = from;
    if (from < j->first)
        return MR_ERR_STALE;
    while (ev->count < most && ev->items.size < bytes_max &&
           journal_read(j, ev->next, &e, &lost) == MR_OK) {
        ev->one.size = 0;
        put_event(&ev->one, &e);
        struct wire_bytes bytes = {ev->one.at, (uint32_t)ev->one.size};

        if (sink_state(&ev->one) != MR_OK)
            return MR_ERR_MEMORY;
        wire_put(&ev->items, WIRE_bytes, &bytes);
        wire_put_i64(&ev->numbers, (int64_t)e.number);
        ev->next = e.number + 1;
        ev->count++;
    }
    return MR_OK;
}

/* Fewer than `least` are waited for. */
static mr_rc_t read_or_wait(struct call *c, struct map *m,
                            const struct map_event_journal_read_req *q, struct events *ev)
{
    struct partition *p = &m->partitions->at[c->head.partition];
    struct waiter *w = call_wait(c, INT64_MAX);

    partition_lock(p);
    waiter_leave_locked(w);
    mr_rc_t rc = read_events(ev, m->parts[c->head.partition].journal, (uint64_t)q->start_sequence,
                             (uint32_t)q->max_size, c->session->at->door->result_max);

    if (rc == MR_OK && ev->count < (uint32_t)q->min_size && w &&
        ev->items.size < c->session->at->door->result_max) {
        waits_add(&m->readers[c->head.partition], p, w, UINT64_MAX);
        rc = MR_PENDING;
    }
    partition_unlock(p);
    return rc;
}

mr_rc_t serve_map_event_journal_read(struct call *c, const struct map_event_journal_read_req *q)
{
    struct events ev = {.items.grows = true, .numbers.grows = true, .one.grows = true};
    struct map *m;
    mr_rc_t rc = journal_of(c, q->name, &m);

    if (rc == MR_OK && (q->predicate.kind != DATA_NULL || q->projection.kind != DATA_NULL))
        rc = call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                        "a predicate or projection of events is code of the client's own, which "
                        "cannot run here");
    if (rc == MR_OK && (q->start_sequence < 0 || q->min_size < 0 || q->max_size < q->min_size))
        rc = fail(c->err, MR_ERR_ARGUMENT, NULL, "from %lld, %d to %d events",
                  (long long)q->start_sequence, q->min_size, q->max_size);
    if (rc == MR_OK)
        rc = read_or_wait(c, m, q, &ev);
    if (rc == MR_OK && (sink_state(&ev.items) != MR_OK || sink_state(&ev.numbers) != MR_OK))
        rc = MR_ERR_MEMORY;
    if (rc == MR_OK)
        reply(c, &(struct map_event_journal_read_rsp){
                     .read_count = (int32_t)ev.count,
                     .next_seq = (int64_t)ev.next,
                     .items = wire_list_of(&ev.items, ev.count),
                     .item_seqs = {ev.numbers.at ? ev.numbers.at : (const uint8_t *)"",
                                   (uint32_t)ev.numbers.size}});
    sink_free(&ev.items);
    sink_free(&ev.numbers);
    sink_free(&ev.one);
    return rc;
}

/* ---- an entry from outside ------------------------------------------------------------------ */

/* What is not kept for each entry is -1, as where statistics of entries are off. */
mr_rc_t serve_map_get_entry_view(struct call *c, const struct map_get_entry_view_req *q)
{
    struct map_get_entry_view_rsp r = {.max_idle = INT64_MAX, .response.null = true};
    const struct record *record;
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc != MR_OK)
        return rc;
    record = map_find(m, data_partition(&q->key, m->partitions->count), key_hash(&q->key), &q->key);
    if (record) {
        uint64_t expires_ms = record_expires_ms(record), idle_ms = record_idle_ms(record);
        uint64_t now_ms = clock_ms();

        r.max_idle = idle_ms ? (int64_t)idle_ms : INT64_MAX;
        r.response = (struct wire_entry_view){
            .cost = record_block(record),
            .creation_time = -1,
            .expiration_time = expires_ms ? (int64_t)expires_ms : INT64_MAX,
            .hits = -1,
            .last_access_time = -1,
            .last_stored_time = -1,
            .last_update_time = -1,
            .version = (int64_t)record_version(record),
            .ttl =
                expires_ms ? (int64_t)(expires_ms > now_ms ? expires_ms - now_ms : 0) : INT64_MAX,
            .max_idle = r.max_idle,
            .key = q->key,
            .value = record_value(record)};
    }
    reply(c, &r);
    return MR_OK;
}
