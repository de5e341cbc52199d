/* async.c - calls that are answered later: the queue of answers, and what is on its way to it.
 *
 *     mr_map_get_async ─▶ pending ─▶ channel ─ ─ over ─▶ queue ─▶ mr_cq_wait ─▶ mr_completion_t
 *                                                          └─ eventfd, readable while it has some
 *
 * Answers are opened by whoever takes them, because that may take a call of its own: to fetch a
 * schema, or to ask why something was not replaced. A channel that answers at once is asked at
 * once, and its answer waits as a value.
 *
 * A call counts as in flight until its answer is taken, so that what nobody takes is bounded, too.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/ask.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

struct pending {
    struct pending *next;
    mr_cq_t *cq;
    mr_map_t *map;
    uint64_t tag;
    bool quiet;                /* its value is not told */
    struct channel_call *call; /* NULL: answered at once, with what follows */
    mr_rc_t rc;
    mr_val_t value;
    mr_err_t err;
};

struct mr_cq {
    mr_t *g;
    int fd;
    pthread_mutex_t lock; /* of what follows; under no other */
    pthread_cond_t changed;
    struct pending *first, *last; /* answers */
    uint64_t under_way;           /* calls without one yet */
};

/* ---- the queue ------------------------------------------------------------------------------ */

static void add(mr_cq_t *cq, struct pending *p)
{
    p->next = NULL;
    if (cq->first)
        cq->last->next = p;
    else
        cq->first = p;
    cq->last = p;
    if (cq->first == p)
        (void)!eventfd_write(cq->fd, 1);
    pthread_cond_broadcast(&cq->changed);
}

/* NULL: there is none. */
static struct pending *take(mr_cq_t *cq)
{
    struct pending *p = cq->first;
    eventfd_t n;

    if (p && !(cq->first = p->next))
        (void)!eventfd_read(cq->fd, &n);
    return p;
}

/* Puts one back in front. */
static void put_back(mr_cq_t *cq, struct pending *p)
{
    pthread_mutex_lock(&cq->lock);
    bool was_empty = !cq->first;

    p->next = cq->first;
    cq->first = p;
    if (was_empty) {
        cq->last = p;
        (void)!eventfd_write(cq->fd, 1);
    }
    pthread_mutex_unlock(&cq->lock);
}

static void over(void *context)
{
    struct pending *p = context;
    mr_cq_t *cq = p->cq;

    pthread_mutex_lock(&cq->lock);
    cq->under_way--;
    add(cq, p);
    pthread_mutex_unlock(&cq->lock);
}

static void drop(struct pending *p)
{
    const struct channel *c = p->map->channel;

    if (p->call)
        c->ops->map_drop(p->map->channel, p->call);
    mr_val_clear(&p->value);
    fetch_sub_64(&p->cq->g->in_flight, 1);
    mem_free(p);
}

mr_cq_t *mr_cq_new(mr_t *g, mr_err_t *err)
{
    if (guard(g, err) != MR_OK)
        return NULL;

    mr_cq_t *cq = mem_alloc_zero(sizeof *cq);

    if (!cq) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "no memory for a queue of answers");
        return NULL;
    }
    if ((cq->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        mem_free(cq);
        (void)!fail(err, MR_ERR_SYSTEM, "raise the limit of open files (ulimit -n)",
                    "no file descriptor for a queue of answers");
        return NULL;
    }
    cq->g = g;
    pthread_mutex_init(&cq->lock, NULL);
    pthread_cond_init(&cq->changed, NULL);
    return cq;
}

void mr_cq_free(mr_cq_t *cq)
{
    struct pending *p;

    if (!cq || guard(cq->g, NULL) != MR_OK)
        return;
    pthread_mutex_lock(&cq->lock);
    while (cq->under_way > 0)
        pthread_cond_wait(&cq->changed, &cq->lock);
    pthread_mutex_unlock(&cq->lock);
    while ((p = take(cq)))
        drop(p);
    close(cq->fd);
    pthread_cond_destroy(&cq->changed);
    pthread_mutex_destroy(&cq->lock);
    mem_free(cq);
}

int mr_cq_fd(const mr_cq_t *cq)
{
    return cq ? cq->fd : -1;
}

/* ---- taking answers ------------------------------------------------------------------------- */

/* The first answer that comes by then. */
static struct pending *await(mr_cq_t *cq, uint64_t until_ns)
{
    struct pending *p;

    pthread_mutex_lock(&cq->lock);
    while (!(p = take(cq)) && clock_ns() < until_ns) {
        if (until_ns == UINT64_MAX)
            pthread_cond_wait(&cq->changed, &cq->lock);
        else
            clock_wait(&cq->changed, &cq->lock, until_ns);
    }
    pthread_mutex_unlock(&cq->lock);
    return p;
}

/* Opens an answer. MR_ERR_MEMORY: not now. */
static mr_rc_t finish(struct pending *p, mr_completion_t *ret)
{
    struct channel *c = p->map->channel;
    struct data none = {0};
    struct map_answer a;

    ret->rc = c->ops->map_finish(c, p->call, &a, &ret->err);
    bool wanted = ret->rc < MR_ERR_MEMORY && a.present && !p->quiet;

    return val_assign(&ret->value, wanted ? &a.value : &none, NULL);
}

static mr_rc_t hand_over(struct pending *p, mr_completion_t *ret)
{
    mr_rc_t rc = MR_OK;

    mr_err_clear(&ret->err);
    ret->tag = p->tag;
    if (p->call) {
        rc = finish(p, ret);
    } else {
        mr_val_clear(&ret->value);
        ret->rc = p->rc;
        ret->err = p->err;
        ret->value = p->value; /* moves */
        p->value = (mr_val_t)MR_VAL_INIT;
    }
    return rc;
}

static uint64_t until(int64_t timeout_ms)
{
    uint64_t now_ns = clock_ns();

    if (timeout_ms <= 0)
        return now_ns;
    if ((uint64_t)timeout_ms >= (UINT64_MAX - now_ns) / 1000000)
        return UINT64_MAX;
    return now_ns + (uint64_t)timeout_ms * 1000000;
}

int mr_cq_wait(mr_cq_t *cq, mr_completion_t *ret, int64_t timeout_ms, mr_err_t *err)
{
    struct pending *p;

    if (guard(cq ? cq->g : NULL, err) != MR_OK)
        return 0;
    if (!ret || ret->size < sizeof *ret) {
        (void)!fail(err, MR_ERR_ARGUMENT, "fill it with MR_COMPLETION_INIT",
                    "mr_cq_wait: the struct for an answer is NULL or not initialised");
        return 0;
    }
    if (!(p = await(cq, until(timeout_ms))))
        return 0;
    if (hand_over(p, ret) != MR_OK) {
        put_back(cq, p);
        (void)!fail(err, MR_ERR_MEMORY, NULL, "no memory for an answer");
        return 0;
    }
    drop(p);
    return 1;
}

void mr_completion_clear(mr_completion_t *c)
{
    if (!c)
        return;
    mr_val_clear(&c->value);
    mr_err_clear(&c->err);
    c->rc = MR_OK;
    c->tag = 0;
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* Asks a channel that answers at once. */
static mr_rc_t answer_now(struct pending *p, const struct map_request *q)
{
    struct channel *c = p->map->channel;
    struct map_answer a;
    mr_rc_t rc = MR_OK;

    p->rc = c->ops->map_run(c, p->map->map, q, &a, &p->err);
    if (p->rc < MR_ERR_MEMORY && a.present && !p->quiet)
        rc = val_assign(&p->value, &a.value, NULL);
    c->ops->done(c);
    if (rc != MR_OK) /* it has been done, only its value cannot be told */
        p->rc = fail(&p->err, rc, NULL, "map \"%s\": no memory for a value", p->map->name);
    over(p);
    return MR_OK;
}

static mr_rc_t pending_new(mr_map_t *m, mr_cq_t *cq, uint64_t tag, const struct map_request *q,
                           struct pending **ret_p, mr_err_t *err)
{
    uint64_t allowed = m->g->in_flight_max;
    bool room = fetch_add_64(&m->g->in_flight, 1) < allowed;
    struct pending *p = room ? mem_alloc_zero(sizeof *p) : NULL;

    if (!p)
        fetch_sub_64(&m->g->in_flight, 1);
    if (!room)
        return fail(err, MR_ERR_BUSY, "take answers with mr_cq_wait, or raise in_flight_max",
                    "map \"%s\": %llu calls are under way or not taken", m->name,
                    (unsigned long long)allowed);
    if (!p)
        return fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a call", m->name);
    p->cq = cq;
    p->map = m;
    p->tag = tag;
    p->quiet = q->quiet || q->verb == MAP_CONTAINS;
    *ret_p = p;
    return MR_OK;
}

static void forget(struct pending *p)
{
    mr_cq_t *cq = p->cq;

    pthread_mutex_lock(&cq->lock);
    cq->under_way--;
    pthread_cond_broadcast(&cq->changed);
    pthread_mutex_unlock(&cq->lock);
    drop(p);
}

static mr_rc_t begin(mr_map_t *m, const struct map_request *q, mr_cq_t *cq, uint64_t tag,
                     mr_err_t *err)
{
    struct channel *c = m->channel;
    struct pending *p = NULL;
    mr_rc_t rc;

    if (!cq || cq->g != m->g)
        return fail(err, MR_ERR_ARGUMENT, "make one with mr_cq_new of the same handle",
                    "map \"%s\": the queue of answers is NULL, or another handle's", m->name);
    if ((rc = pending_new(m, cq, tag, q, &p, err)) != MR_OK)
        return rc;
    pthread_mutex_lock(&cq->lock);
    cq->under_way++;
    pthread_mutex_unlock(&cq->lock);
    rc = c->ops->map_start(c, m->map, q, over, p, &p->call, err);
    if (rc == MR_NOT_FOUND) /* nothing to wait for */
        return answer_now(p, q);
    if (rc != MR_OK)
        forget(p);
    return rc; /* p may be gone: its answer has been taken */
}

static mr_rc_t begin_with_key(mr_map_t *m, enum map_verb verb, mr_ref_t key, bool quiet,
                              mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask(&a, m, verb, key, err);

    if (rc != MR_OK)
        return rc;
    a.q.quiet = quiet;
    return begin(m, &a.q, cq, tag, err);
}

static mr_rc_t begin_write(mr_map_t *m, enum map_verb verb, mr_ref_t key, mr_ref_t value,
                           const mr_put_opts_t *opts, bool quiet, mr_cq_t *cq, uint64_t tag,
                           mr_err_t *err)
{
    struct asking a;
    mr_rc_t rc = ask_write(&a, m, verb, key, NULL, value, opts, err);

    if (rc != MR_OK)
        return rc;
    if (opts && opts->old)
        return fail(err, MR_ERR_ARGUMENT, "take the value from before out of the answer",
                    "map \"%s\": opts->old in an asynchronous call", m->name);
    a.q.quiet = quiet;
    return begin(m, &a.q, cq, tag, err);
}

mr_rc_t mr_map_get_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_with_key(m, MAP_GET, key, false, cq, tag, err);
}

mr_rc_t mr_map_contains_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_with_key(m, MAP_CONTAINS, key, false, cq, tag, err);
}

mr_rc_t mr_map_remove_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_with_key(m, MAP_REMOVE, key, false, cq, tag, err);
}

mr_rc_t mr_map_delete_async(mr_map_t *m, mr_ref_t key, mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_with_key(m, MAP_REMOVE, key, true, cq, tag, err);
}

mr_rc_t mr_map_put_async(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                         mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_write(m, MAP_PUT, key, value, opts, false, cq, tag, err);
}

mr_rc_t mr_map_set_async(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                         mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_write(m, MAP_PUT, key, value, opts, true, cq, tag, err);
}

mr_rc_t mr_map_put_if_absent_async(mr_map_t *m, mr_ref_t key, mr_ref_t value,
                                   const mr_put_opts_t *opts, mr_cq_t *cq, uint64_t tag,
                                   mr_err_t *err)
{
    return begin_write(m, MAP_PUT_IF_ABSENT, key, value, opts, false, cq, tag, err);
}

mr_rc_t mr_map_replace_async(mr_map_t *m, mr_ref_t key, mr_ref_t value, const mr_put_opts_t *opts,
                             mr_cq_t *cq, uint64_t tag, mr_err_t *err)
{
    return begin_write(m, MAP_REPLACE, key, value, opts, false, cq, tag, err);
}
