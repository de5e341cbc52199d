#include "grid/door/listing.h"

#include <string.h>

#include "grid/member.h"
#include "net/base/mem.h"

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
    struct door_loop *l = c->session->at;
    uint32_t n = 0;

    if (values.count >= l->values_room) {
        uint32_t room = values.count + 64;
        struct data *more = mem_realloc(l->values, room * sizeof *more);

        if (!more)
            return NULL;
        l->values = more;
        l->values_room = room;
    }
    while (wire_next(&values, WIRE_datas, &l->values[n], NULL))
        n++;
    return l->values;
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

/* The events of all services with entries have the same parameters. */
void watch_on_entry(struct watcher *w, const struct object_event *e)
{
    const struct object_watch *ow = list_owner(w, struct object_watch, watcher);
    const struct data none = {0};

    if (ow->key.kind != DATA_NULL && e->key.kind != DATA_NULL && !data_equal(&ow->key, &e->key))
        return;
    session_event(
        ow->watch.session, ow->event, ow->watch.correlation,
        &(struct map_add_entry_listener_event){
            .event_type = (int32_t)e->kind,
            .uuid = ow->watch.session->at->door->member->uuid,
            .number_of_affected_entries = e->kind == OBJECT_CLEARED ? (int32_t)e->count : 1,
            .key = e->key,
            .value = ow->values ? e->value : none,
            .old_value = ow->values ? e->old : none});
}

static void stop(struct watch *w)
{
    struct object_watch *ow = list_owner(w, struct object_watch, watch);

    watchers_remove(&ow->object->watchers, ow->object->partitions, &ow->watcher);
    data_copy_free(&ow->key);
    mem_free(ow);
}

mr_rc_t watch_object(struct call *c, enum object_kind kind, struct wire_bytes name,
                     enum wire_id event, uint32_t kinds, bool values, const struct data *key,
                     void (*on_event)(struct watcher *w, const struct object_event *e))
{
    struct object_watch *ow = mem_alloc_zero(sizeof *ow);
    mr_rc_t rc = ow ? call_object(c, kind, name, &ow->object) : MR_ERR_MEMORY;

    if (rc != MR_OK)
        goto fail;
    ow->watcher = (struct watcher){kinds, on_event};
    ow->event = event;
    ow->values = values;
    ow->watch.session = c->session;
    ow->watch.correlation = c->head.correlation;
    rc = !key || data_copy(key, &ow->key) ? MR_OK : MR_ERR_MEMORY;
    if (rc != MR_OK ||
        (rc = watchers_add(&ow->object->watchers, ow->object->partitions, &ow->watcher)) != MR_OK)
        goto fail;
    watch_start(&ow->watch, c->session, c->head.correlation, stop);
    reply(c, &ow->watch.id);
    return MR_OK;

fail:
    if (ow)
        data_copy_free(&ow->key);
    mem_free(ow);
    return rc;
}

mr_rc_t unwatch(struct call *c, struct wire_uuid id)
{
    bool ended = watch_end(c->session, id);

    reply(c, &ended);
    return MR_OK;
}
