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

/* After it nobody is in the middle of telling by what was there before. */
static void wait_for_tellers(struct partitions *ps)
{
    for (uint32_t i = 0; i < ps->count; i++) {
        partition_lock(&ps->at[i]);
        partition_unlock(&ps->at[i]);
    }
}

/* Puts a list in place of the one there is, and frees that when nobody can be in it. */
static void replace(struct watchers *ws, struct partitions *ps, struct watcher_list *list)
{
    struct watcher_list *old = ws->list;

    store_release_ptr((void **)&ws->list, list);
    wait_for_tellers(ps);
    mem_free(old);
}

/* How many there are; those that were removed have left a gap. */
static uint32_t present(const struct watcher_list *list)
{
    uint32_t n = 0;

    for (uint32_t i = 0; list && i < list->count; i++)
        n += list->watchers[i] != NULL;
    return n;
}

static mr_rc_t add(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    uint32_t count = present(ws->list), at = 0;
    struct watcher_list *list;

    if (count == WATCHERS_MAX)
        return MR_ERR_FULL;
    if (!(list = mem_alloc(sizeof *list + (count + 1) * sizeof list->watchers[0])))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; ws->list && i < ws->list->count; i++)
        if (ws->list->watchers[i])
            list->watchers[at++] = ws->list->watchers[i];
    list->watchers[at++] = w;
    list->count = at;
    replace(ws, ps, list);
    return MR_OK;
}

/* Leaves a gap, so that removing needs no memory. */
static void take_out(struct watchers *ws, struct partitions *ps, const struct watcher *w)
{
    uint32_t at = 0;

    while (ws->list && at < ws->list->count && ws->list->watchers[at] != w)
        at++;
    if (!ws->list || at == ws->list->count)
        return;
    if (present(ws->list) == 1) {
        replace(ws, ps, NULL);
        return;
    }
    store_release_ptr((void **)&ws->list->watchers[at], NULL);
    wait_for_tellers(ps);
}

mr_rc_t watchers_add(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    pthread_mutex_lock(&ws->lock);
    mr_rc_t rc = add(ws, ps, w);
    pthread_mutex_unlock(&ws->lock);
    return rc;
}

void watchers_remove(struct watchers *ws, struct partitions *ps, struct watcher *w)
{
    pthread_mutex_lock(&ws->lock);
    take_out(ws, ps, w);
    pthread_mutex_unlock(&ws->lock);
}

void watchers_tell(struct watchers *ws, const struct object_event *e)
{
    struct watcher_list *list = load_acquire_ptr((void *const *)&ws->list);

    for (uint32_t i = 0; list && i < list->count; i++) {
        struct watcher *w = load_acquire_ptr((void *const *)&list->watchers[i]);

        if (w && w->kinds & e->kind)
            w->on_event(w, e);
    }
}
