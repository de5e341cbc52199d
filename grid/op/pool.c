#include "grid/op/pool.h"

#include <stdio.h>

#include "net/base/mem.h"

/* The next one, or NULL when the pool stops. */
static struct work *take(struct pool *p)
{
    struct work *w = NULL;

    pthread_mutex_lock(&p->lock);
    while (list_is_empty(&p->waiting) && !p->stopping)
        pthread_cond_wait(&p->changed, &p->lock);
    if (!p->stopping) {
        w = list_owner(list_take_first(&p->waiting), struct work, node);
        p->size--;
    }
    pthread_mutex_unlock(&p->lock);
    return w;
}

static void run(void *context)
{
    for (struct work *w; (w = take(context));)
        w->run(w);
}

mr_rc_t pool_start(struct pool *p, uint32_t threads, uint32_t most)
{
    *p = (struct pool){.most = most, .threads = mem_alloc_zero(threads * sizeof *p->threads)};
    if (!p->threads)
        return MR_ERR_MEMORY;
    list_init(&p->waiting);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (; p->count < threads; p->count++) {
        char name[24];

        snprintf(name, sizeof name, "mr-work-%u", (unsigned)p->count);
        mr_rc_t rc = thread_start(&p->threads[p->count], name, run, p);

        if (rc != MR_OK) {
            pool_stop(p);
            return rc;
        }
    }
    return MR_OK;
}

mr_rc_t pool_give(struct pool *p, struct work *w)
{
    mr_rc_t rc = MR_OK;

    pthread_mutex_lock(&p->lock);
    if (p->stopping) {
        rc = MR_ERR_CLOSED;
    } else if (p->size == p->most) {
        rc = MR_ERR_BUSY;
    } else {
        list_add_last(&p->waiting, &w->node);
        p->size++;
        pthread_cond_signal(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

void pool_stop(struct pool *p)
{
    if (!p->threads)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    while (p->count > 0)
        thread_join(&p->threads[--p->count]);
    while (!list_is_empty(&p->waiting)) {
        struct work *w = list_owner(list_take_first(&p->waiting), struct work, node);

        w->drop(w);
    }
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->threads);
    *p = (struct pool){.threads = NULL};
}
