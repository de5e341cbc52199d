#include "grid/data/watcher.h"

#include "net/base/mem.h"

struct watcher_list {
    uint32_t count;
    struct watcher *watchers[];
};

void watchers_init(struct watchers *ws)
{
    ws->list = NULL;
    pthread_mutex_init(&ws->lock, NULL);
}

void watchers_free(struct watchers *ws)
{
    mem_free(ws->list);
    pthread_mutex_destroy(&ws->lock);
}

/* Puts a list in place of the one there is, and frees that when nobody can be in it. */
static void replace(struct watchers *ws, struct partitions *ps, struct watcher_list *list)
{
    struct watcher_list *old = ws->list;

    store_release_ptr((void **)&ws->list, list);
    for (uint32_t i = 0; i < ps->count; i++) {
        partition_lock(&ps->at[i]);
        partition_unlock(&ps->at[i]);
    }
    mem_free(old);
}

static struct watcher_list *list_new(uint32_t count)
{
    struct watcher_list *list =
        mem_alloc(sizeof *list + (count ? count : 1) * sizeof list->watchers[0]);

    if (list)
        list->count = count;
    return list;
}

static mr_rc_t add(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    uint32_t count = ws->list ? ws->list->count : 0;
    struct watcher_list *list;

    if (count == WATCHERS_MAX)
        return MR_ERR_FULL;
    if (!(list = list_new(count + 1)))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        list->watchers[i] = ws->list->watchers[i];
    list->watchers[count] = w;
    replace(ws, ps, list);
    return MR_OK;
}

static mr_rc_t take_out(struct watchers *ws, struct partitions *ps, const struct watcher *w)
{
    uint32_t count = ws->list ? ws->list->count : 0, at = 0;
    struct watcher_list *list = NULL;

    while (at < count && ws->list->watchers[at] != w)
        at++;
    if (at == count)
        return MR_NOT_FOUND;
    if (count > 1 && !(list = list_new(count - 1)))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i + 1 < count; i++)
        list->watchers[i] = ws->list->watchers[i < at ? i : i + 1];
    replace(ws, ps, list);
    return MR_OK;
}

mr_rc_t watchers_add(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    pthread_mutex_lock(&ws->lock);
    mr_rc_t rc = add(ws, ps, w);
    pthread_mutex_unlock(&ws->lock);
    return rc;
}

mr_rc_t watchers_remove(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    pthread_mutex_lock(&ws->lock);
    mr_rc_t rc = take_out(ws, ps, w);
    pthread_mutex_unlock(&ws->lock);
    return rc;
}

void watchers_tell(struct watchers *ws, const struct object_event *e)
{
    const struct watcher_list *list = load_acquire_ptr((void *const *)&ws->list);

    for (uint32_t i = 0; list && i < list->count; i++)
        if (list->watchers[i]->kinds & e->kind)
            list->watchers[i]->on_event(list->watchers[i], e);
}
