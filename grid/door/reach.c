#include "grid/door/reach.h"

#include <pthread.h>
#include <string.h>

#include "grid/door/explain.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

enum {
    MAPS = 64, /* buckets */
    JOIN_MS = 10000,
    LOOK_MS = 5 /* between two looks whether the member is in a cluster */
};

/* A map, as the client names it. */
struct named {
    struct named *next;
    const struct map *here;
    struct channel_map *there;
};

struct reach {
    struct member *member;
    reach_open *open;
    pthread_mutex_t opening;
    struct channel *client; /* NULL: nobody has needed it yet; set once, under opening; atomic */
    pthread_mutex_t lock;   /* of what follows; under no other */
    struct named *named[MAPS];
    struct retirer *answers; /* values that were fetched, until nobody looks at them any more */
};

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t reach_new(struct member *m, reach_open *open, struct reach **ret_r)
{
    struct reach *r = mem_alloc_zero(sizeof *r);

    if (!r)
        return MR_ERR_MEMORY;
    r->member = m;
    r->open = open;
    if (!(r->answers = retirer_new())) {
        mem_free(r);
        return MR_ERR_MEMORY;
    }
    pthread_mutex_init(&r->opening, NULL);
    pthread_mutex_init(&r->lock, NULL);
    *ret_r = r;
    return MR_OK;
}

void reach_free(struct reach *r)
{
    if (!r)
        return;
    if (r->client) /* it refuses its own threads only, and this is none of them */
        (void)!r->client->ops->close(r->client, false, NULL);
    for (uint32_t i = 0; i < MAPS; i++)
        for (struct named *next, *n = r->named[i]; n; n = next) {
            next = n->next;
            mem_free(n);
        }
    retirer_free(r->answers);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->opening);
    mem_free(r);
}

/* ---- the client ----------------------------------------------------------------------------- */

static void pause_a_moment(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;

    pthread_mutex_lock(&lock);
    clock_wait(&never, &lock, clock_ns() + LOOK_MS * 1000000ull);
    pthread_mutex_unlock(&lock);
}

/* A member that has found no cluster yet shows itself as one of its own, which the client would
 * take it for and keep to. */
static mr_rc_t await_cluster(struct reach *r, mr_err_t *err)
{
    uint64_t until_ns = clock_ns() + JOIN_MS * 1000000ull;
    struct control_view *v = mem_alloc(sizeof *v);
    mr_rc_t rc = MR_OK;

    if (!v)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory to look at the cluster");
    for (;;) {
        control_look(r->member->control, v);
        if (v->state == CONTROL_IN && v->count > 0)
            break;
        if (clock_ns() >= until_ns) {
            rc = fail(err, MR_ERR_OFFLINE, "see \"millrace health\"",
                      "the member is not in a cluster yet: %s",
                      v->why[0] ? v->why : "it looks for the others");
            break;
        }
        pause_a_moment();
    }
    mem_free(v);
    return rc;
}

struct channel *reach_client(struct reach *r)
{
    return load_acquire_ptr((void *const *)&r->client);
}

static mr_rc_t open_client(struct reach *r, mr_err_t *err)
{
    struct channel *c = NULL;
    mr_rc_t rc = await_cluster(r, err);

    if (rc != MR_OK)
        return rc;
    pthread_mutex_lock(&r->opening);
    if (!r->client && (rc = r->open(r->member, &c, err)) == MR_OK)
        store_release_ptr((void **)&r->client, c);
    pthread_mutex_unlock(&r->opening);
    return rc;
}

static struct named **bucket_of(struct reach *r, const struct map *m)
{
    return &r->named[((uintptr_t)m >> 6) % MAPS];
}

static struct named *find(struct reach *r, const struct map *m)
{
    pthread_mutex_lock(&r->lock);
    struct named *n = *bucket_of(r, m);

    while (n && n->here != m)
        n = n->next;
    pthread_mutex_unlock(&r->lock);
    return n;
}

/* Once, also if several do: copies of its entries belong to the one that has them. */
static mr_rc_t name_it(struct reach *r, struct map *m, struct named **ret_n, mr_err_t *err)
{
    struct channel *c = reach_client(r);
    struct named *n;
    mr_rc_t rc = MR_OK;

    pthread_mutex_lock(&r->lock);
    for (n = *bucket_of(r, m); n && n->here != m;)
        n = n->next;
    if (!n && !(n = mem_alloc_zero(sizeof *n))) {
        rc = fail(err, MR_ERR_MEMORY, NULL, "no memory for map \"%s\"", m->name);
    } else if (!n->here && (rc = c->ops->map_open(c, m->name, &n->there, err)) != MR_OK) {
        mem_free(n);
    } else if (!n->here) {
        n->here = m;
        n->next = *bucket_of(r, m);
        *bucket_of(r, m) = n;
    }
    pthread_mutex_unlock(&r->lock);
    *ret_n = n;
    return rc;
}

mr_rc_t reach_go(struct reach *r, struct map *m, struct channel **ret_c,
                 struct channel_map **ret_map, mr_err_t *err)
{
    struct named *n = find(r, m);
    mr_rc_t rc = MR_OK;

    if (!n && !reach_client(r))
        rc = open_client(r, err);
    if (!n && rc == MR_OK)
        rc = name_it(r, m, &n, err);
    if (rc != MR_OK)
        return rc;
    *ret_c = reach_client(r);
    *ret_map = n->there;
    return MR_OK;
}

/* ---- answers -------------------------------------------------------------------------------- */

struct answer {
    struct retired retired;
    uint8_t bytes[];
};

static void free_answer(struct retired *item)
{
    mem_free(item);
}

/* The bytes of an answer that outlive its call. NULL: no memory. */
static struct answer *answer_copy(struct map_answer *a)
{
    struct answer *copy = mem_alloc(sizeof *copy + a->value.size);

    if (!copy)
        return NULL;
    if (a->value.size > 0)
        memcpy(copy->bytes, a->value.at, a->value.size);
    a->value.at = copy->bytes;
    return copy;
}

/* They are the caller's section's from now on. */
static void leave_to_section(struct reach *r, struct answer *a)
{
    pthread_mutex_lock(&r->lock);
    epoch_retire(r->answers, &a->retired, free_answer);
    (void)epoch_poll(r->answers);
    pthread_mutex_unlock(&r->lock);
}

/* In no section of the call's own. */
static mr_rc_t run(struct reach *r, struct map *m, const struct map_request *q,
                   struct map_answer *ret_a, struct answer **ret_copy, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    if (rc != MR_OK)
        return rc;
    rc = c->ops->map_run(c, there, q, ret_a, err);
    if (rc < MR_ERR_MEMORY && ret_a->present && !q->quiet) {
        if (!(*ret_copy = answer_copy(ret_a)))
            rc = fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a value", m->name);
    } else {
        ret_a->present = false; /* it is not looked at, and would not last */
    }
    c->ops->done(c);
    return rc;
}

/* A call that came to nothing in its time tells more if nobody has its partition. */
static bool is_offline(const struct map *m, const struct map_request *q)
{
    const struct partitions *ps = m->partitions;

    return load_acquire_64(&ps->primaries[data_partition(&q->key, ps->count)]) == NOBODY;
}

mr_rc_t reach_run(struct reach *r, struct map *m, const struct map_request *q,
                  struct map_answer *ret_a, mr_err_t *err)
{
    struct answer *copy = NULL;
    mr_err_t own = MR_ERR_INIT;

    *ret_a = (struct map_answer){0};
    epoch_exit();
    mr_rc_t rc = run(r, m, q, ret_a, &copy, &own);

    epoch_enter();
    if (copy)
        leave_to_section(r, copy);
    if (rc == MR_ERR_TIMEOUT && is_offline(m, q))
        return explain(m, q, MR_ERR_OFFLINE, ret_a, err);
    if (own.code != MR_OK && err && err->code == MR_OK)
        *err = own;
    return rc;
}

/* ---- answered later ------------------------------------------------------------------------- */

mr_rc_t reach_start(struct reach *r, struct map *m, const struct map_request *q,
                    void (*over)(void *context), void *context, struct channel_call **ret_call,
                    mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_start(c, there, q, over, context, ret_call, err) : rc;
}

mr_rc_t reach_finish(struct reach *r, struct channel_call *call, struct map_answer *ret_a,
                     mr_err_t *err)
{
    struct channel *c = reach_client(r);

    return c->ops->map_finish(c, call, ret_a, err);
}

void reach_drop(struct reach *r, struct channel_call *call)
{
    struct channel *c = reach_client(r);

    c->ops->map_drop(c, call);
}

/* ---- locks ---------------------------------------------------------------------------------- */

mr_rc_t reach_lock(struct reach *r, struct map *m, const struct data *key, uint64_t lease_ms,
                   uint64_t timeout_ms, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_lock(c, there, key, lease_ms, timeout_ms, err) : rc;
}

mr_rc_t reach_unlock(struct reach *r, struct map *m, const struct data *key, mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_unlock(c, there, key, err) : rc;
}

mr_rc_t reach_is_locked(struct reach *r, struct map *m, const struct data *key, bool *ret_locked,
                        mr_err_t *err)
{
    struct channel_map *there;
    struct channel *c;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    return rc == MR_OK ? c->ops->map_is_locked(c, there, key, ret_locked, err) : rc;
}
