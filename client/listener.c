/* listener.c - listening to a map: the public face of a registration on a channel. */
#include <assert.h>

#include "client/handle.h"
#include "client/view.h"

struct mr_listener {
    mr_map_t *map;
    mr_event_fn fn;
    void *context;
    struct channel_listener *on;
    struct mr_listener *next; /* of its handle's */
};

static_assert((int)MR_EVENT_LOST == (int)EVENT_LOST, "one number for a loss");

static void on_event(void *context, const struct map_event *e)
{
    struct mr_listener *l = context;
    struct view key, old, value;
    bool whole = true;

    whole &= view_open(&key, &e->key) == MR_OK;
    whole &= view_open(&old, &e->old) == MR_OK;
    whole &= view_open(&value, &e->value) == MR_OK;

    mr_event_t event = {
        .kind = e->kind == EVENT_EVICTED_ALL ? MR_EVENT_CLEARED : (int)e->kind,
        .map = l->map->name,
        .time_ms = e->time_ms,
        .count = e->count,
        .key = key.ref,
        .old = old.ref,
        .value = value.ref,
    };

    if (!whole) { /* no memory for it: an event lost, and said so */
        event.kind = MR_EVENT_LOST;
        event.count = 1;
        event.key = event.old = event.value = MR_NULL;
    }
    l->fn(l->context, &event);
    view_close(&key);
    view_close(&old);
    view_close(&value);
}

mr_listener_t *mr_map_listen(mr_map_t *m, unsigned kinds, mr_event_fn fn, void *context,
                             mr_err_t *err)
{
    if (guard(m ? m->g : NULL, err) != MR_OK)
        return NULL;
    if (!fn || (kinds & ~(unsigned)(MR_EVENT_ALL | MR_EVENT_LOST)) || !(kinds & MR_EVENT_ALL)) {
        (void)!fail(err, MR_ERR_ARGUMENT, "give a function, and kinds such as MR_EVENT_ALL",
                    "map \"%s\": a listener for kinds 0x%x with %s function", m->name, kinds,
                    fn ? "a" : "no");
        return NULL;
    }

    struct mr_listener *l = mem_alloc_zero(sizeof *l);

    if (!l) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a listener", m->name);
        return NULL;
    }
    *l = (struct mr_listener){.map = m, .fn = fn, .context = context};
    if (kinds & MR_EVENT_CLEARED) /* which it is to a program: all has gone at once */
        kinds |= EVENT_EVICTED_ALL;
    if (m->channel->ops->map_listen(m->channel, m->map, kinds, on_event, l, &l->on, err) != MR_OK) {
        mem_free(l);
        return NULL;
    }
    pthread_mutex_lock(&m->g->lock);
    l->next = m->g->listeners;
    m->g->listeners = l;
    pthread_mutex_unlock(&m->g->lock);
    return l;
}

static void forget(mr_t *g, const mr_listener_t *l)
{
    struct mr_listener **at = &g->listeners;

    pthread_mutex_lock(&g->lock);
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    pthread_mutex_unlock(&g->lock);
}

void mr_listener_close(mr_listener_t *l)
{
    if (!l || guard(l->map->g, NULL) != MR_OK)
        return;
    forget(l->map->g, l);
    l->map->channel->ops->unlisten(l->map->channel, l->on);
    mem_free(l);
}

void listeners_forget(mr_t *g)
{
    for (struct mr_listener *next, *l = g->listeners; l; l = next) {
        next = l->next;
        mem_free(l);
    }
}
