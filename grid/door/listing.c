#include "grid/door/listing.h"

#include <string.h>

#include "grid/member.h"
#include "grid/query/predicate.h"
#include "net/base/mem.h"
#include "net/wire/schema.h"

struct listing listing_new(struct call *c)
{
    return (struct listing){call_items(c), c->session->at->door->result_max, 0};
}

void listing_add(void *context, const struct data *value)
{
    struct listing *l = context;

    if (l->items->size <= l->bytes_max)
        wire_put(l->items, WIRE_data, value);
    l->count++;
}

void listing_add_pair(void *context, const struct data *key, const struct data *value)
{
    struct listing *l = context;

    if (l->items->size <= l->bytes_max) {
        wire_put(l->items, WIRE_data, key);
        wire_put(l->items, WIRE_data, value);
    }
    l->count++;
}

const struct data *call_values(struct call *c, struct wire_list values)
{
    struct desk *d = c->desk;
    uint32_t n = 0;

    if (values.count >= d->values_room) {
        uint32_t room = values.count + 64;
        struct data *more = mem_realloc(d->values, room * sizeof *more);

        if (!more)
            return NULL;
        d->values = more;
        d->values_room = room;
    }
    while (wire_next(&values, WIRE_datas, &d->values[n], NULL))
        n++;
    return d->values;
}

mr_rc_t call_watch(struct call *c)
{
    if (session_may_watch(c->session))
        return MR_OK;
    return fail(c->err, MR_ERR_BUSY, "remove some", "this connection has %d listeners",
                SESSION_WATCHES_MAX);
}

/* ---- listeners ------------------------------------------------------------------------------ */

bool data_copy(const struct data *d, struct data *ret_copy)
{
    uint8_t *at = mem_alloc(d->size + 1);

    if (!at)
        return false;
    if (d->size)
        memcpy(at, d->at, d->size);
    *ret_copy = (struct data){at, d->size, d->kind};
    return true;
}

void data_copy_free(struct data *copy)
{
    mem_free((void *)copy->at);
    *copy = (struct data){0};
}

static bool is_of_all(const struct object_event *e)
{
    return e->kind == OBJECT_CLEARED || e->kind == OBJECT_EVICTED_ALL;
}

/* The condition is asked of the value that the entry has, or had when it goes. */
static bool meets(const struct object_watch *ow, const struct object_event *e)
{
    bool gone = e->kind & (OBJECT_REMOVED | OBJECT_EVICTED | OBJECT_EXPIRED);
    struct evaluator ev;

    evaluator_init(&ev, schema_registry_shared());
    bool is_true = predicate_matches(ow->predicate, &ev, &e->key, gone ? &e->old : &e->value);

    evaluator_clear(&ev);
    return is_true;
}

static bool is_wanted(const struct object_watch *ow, const struct object_event *e)
{
    if (is_of_all(e))
        return true;
    if (ow->key.kind != DATA_NULL && !data_equal(&ow->key, &e->key))
        return false;
    return !ow->predicate || meets(ow, e);
}

/* The events of all services with entries have the same parameters. */
void watch_on_entry(struct watcher *w, const struct object_event *e)
{
    const struct object_watch *ow = list_owner(w, struct object_watch, watcher);
    const struct data none = {0};

    if (!is_wanted(ow, e))
        return;
    session_event(ow->watch.session, ow->event, ow->watch.correlation,
                  &(struct map_add_entry_listener_event){
                      .event_type = (int32_t)e->kind,
                      .uuid = ow->watch.session->at->door->member->uuid,
                      .number_of_affected_entries = is_of_all(e) ? (int32_t)e->count : 1,
                      .key = e->key,
                      .value = ow->values ? e->value : none,
                      .old_value = ow->values ? e->old : none});
}

static void object_watch_free(struct object_watch *ow)
{
    if (!ow)
        return;
    data_copy_free(&ow->key);
    predicate_free(ow->predicate);
    mem_free(ow);
}

static void stop(struct watch *w)
{
    struct object_watch *ow = list_owner(w, struct object_watch, watch);

    watchers_remove(&ow->object->watchers, ow->object->partitions, &ow->watcher);
    object_watch_free(ow);
}

static mr_rc_t take_filter(struct object_watch *ow, const struct watch_filter *f, mr_err_t *err)
{
    ow->watcher.kinds = f->kinds;
    ow->values = f->values;
    if (f->key && !data_copy(f->key, &ow->key))
        return MR_ERR_MEMORY;
    return f->predicate ? predicate_of_data(f->predicate, &ow->predicate, err) : MR_OK;
}

mr_rc_t watch_object(struct call *c, enum object_kind kind, struct wire_bytes name,
                     enum wire_id event, const struct watch_filter *filter,
                     void (*on_event)(struct watcher *w, const struct object_event *e))
{
    struct object_watch *ow = mem_alloc_zero(sizeof *ow);
    mr_rc_t rc = ow ? call_watch(c) : MR_ERR_MEMORY;

    if (rc == MR_OK)
        rc = call_object(c, kind, name, &ow->object);
    if (rc != MR_OK || (rc = take_filter(ow, filter, c->err)) != MR_OK)
        goto fail;
    ow->watcher.on_event = on_event;
    ow->event = event;
    ow->watch.session = c->session; /* an event may come before the response */
    ow->watch.correlation = c->head.correlation;
    if ((rc = watchers_add(&ow->object->watchers, ow->object->partitions, &ow->watcher)) != MR_OK)
        goto fail;
    watch_start(&ow->watch, c->session, c->head.correlation, stop);
    reply(c, &ow->watch.id);
    return MR_OK;

fail:
    object_watch_free(ow);
    return rc;
}

mr_rc_t unwatch(struct call *c, struct wire_uuid id)
{
    bool ended = watch_end(c->session, id);

    reply(c, &ended);
    return MR_OK;
}
