/* reach_many.c - many keys at once, of which some are here: each is asked where it is. */
#include "grid/door/reach.h"
#include "net/base/epoch.h"

/* Places of the keys in what the caller has handed over. */
struct places {
    size_t at[MAP_MANY];
    uint32_t count;
};

struct getting {
    const struct places *places;
    void (*visit)(void *context, size_t i, const struct data *d);
    void *context;
};

static void visit_place(void *context, size_t i, const struct data *d)
{
    const struct getting *g = context;

    g->visit(g->context, g->places->at[i], d);
}

static void gather_keys(const struct data *keys, const struct places *places, struct data *out)
{
    for (uint32_t i = 0; i < places->count; i++)
        out[i] = keys[places->at[i]];
}

/* False: they are not, or not all, here any more, and none was visited. */
static bool get_here(struct map *m, const struct data *keys, const struct getting *g)
{
    const struct record *found[MAP_MANY];
    struct data mine[MAP_MANY];
    uint32_t n = g->places->count;

    if (n == 0)
        return true;
    gather_keys(keys, g->places, mine);
    epoch_enter();
    bool whole = map_read_many(m, mine, n, found) == MR_OK;

    for (uint32_t i = 0; whole && i < n; i++) {
        struct data value = found[i] ? record_value(found[i]) : (struct data){0};

        visit_place((void *)(uintptr_t)g, i, found[i] ? &value : NULL);
    }
    epoch_exit();
    return whole;
}

static mr_rc_t get_there(struct reach *r, struct map *m, const struct data *keys, struct getting *g,
                         mr_err_t *err)
{
    struct data theirs[MAP_MANY];
    struct channel_map *there;
    struct channel *c;

    if (g->places->count == 0)
        return MR_OK;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    if (rc != MR_OK)
        return rc;
    gather_keys(keys, g->places, theirs);
    return c->ops->map_get_all(c, there, theirs, g->places->count, visit_place, g, err);
}

/* The keys from `from` on, n of them and no more than MAP_MANY. */
static mr_rc_t get_some(struct reach *r, struct map *m, const struct data *keys, size_t from,
                        size_t n, const struct getting *how, mr_err_t *err)
{
    struct places here = {.count = 0}, there = {.count = 0};

    for (size_t i = from; i < from + n; i++) {
        struct places *p = reach_is_here(m, &keys[i]) ? &here : &there;

        p->at[p->count++] = i;
    }
    if (!get_here(m, keys, &(struct getting){&here, how->visit, how->context}))
        for (uint32_t i = 0; i < here.count; i++)
            there.at[there.count++] = here.at[i];
    return get_there(r, m, keys, &(struct getting){&there, how->visit, how->context}, err);
}

mr_rc_t reach_get_all(struct reach *r, struct map *m, const struct data *keys, size_t n,
                      void (*visit)(void *context, size_t i, const struct data *d), void *context,
                      mr_err_t *err)
{
    struct getting g = {NULL, visit, context};
    mr_rc_t rc = MR_OK;

    for (size_t from = 0; from < n && rc == MR_OK; from += MAP_MANY)
        rc = get_some(r, m, keys, from, n - from < MAP_MANY ? n - from : MAP_MANY, &g, err);
    return rc;
}

/* Those that are elsewhere, at once. *ret_failed: the place of the first that may not be done. */
static mr_rc_t put_there(struct reach *r, struct map *m, const struct map_request *puts,
                         const struct places *places, size_t *ret_failed, mr_err_t *err)
{
    struct map_request theirs[MAP_MANY];
    struct channel_map *there;
    struct channel *c;
    size_t done = 0;

    if (places->count == 0)
        return MR_OK;
    mr_rc_t rc = reach_go(r, m, &c, &there, err);

    for (uint32_t i = 0; i < places->count; i++)
        theirs[i] = puts[places->at[i]];
    if (rc == MR_OK)
        rc = c->ops->map_put_all(c, there, theirs, places->count, &done, err);
    if (rc != MR_OK)
        *ret_failed = places->at[done];
    return rc;
}

static mr_rc_t put_here(struct channel *here, struct map *m, const struct map_request *puts,
                        const struct places *places, size_t *ret_failed, mr_err_t *err)
{
    struct map_answer a;

    for (uint32_t i = 0; i < places->count; i++) {
        mr_rc_t rc =
            here->ops->map_run(here, (struct channel_map *)m, &puts[places->at[i]], &a, err);

        here->ops->done(here);
        if (rc != MR_OK) {
            *ret_failed = places->at[i];
            return rc;
        }
    }
    return MR_OK;
}

/* n: no more than MAP_MANY. *ret_done: those before the first that has failed. */
static mr_rc_t put_some(struct reach *r, struct map *m, struct channel *here,
                        const struct map_request *puts, size_t n, size_t *ret_done, mr_err_t *err)
{
    struct places mine = {.count = 0}, theirs = {.count = 0};
    size_t failed[2] = {n, n};

    for (size_t i = 0; i < n; i++) {
        struct places *p = reach_is_here(m, &puts[i].key) ? &mine : &theirs;

        p->at[p->count++] = i;
    }
    mr_rc_t rc = put_there(r, m, puts, &theirs, &failed[0], err);
    mr_rc_t local = rc == MR_OK ? put_here(here, m, puts, &mine, &failed[1], err) : MR_OK;

    if (rc != MR_OK && mine.count > 0) /* none of them is done */
        failed[1] = mine.at[0];
    *ret_done += failed[0] < failed[1] ? failed[0] : failed[1];
    return rc != MR_OK ? rc : local;
}

mr_rc_t reach_put_all(struct reach *r, struct map *m, struct channel *here,
                      const struct map_request *puts, size_t n, size_t *ret_done, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    *ret_done = 0;
    for (size_t from = 0; from < n && rc == MR_OK; from += MAP_MANY)
        rc = put_some(r, m, here, puts + from, n - from < MAP_MANY ? n - from : MAP_MANY, ret_done,
                      err);
    return rc;
}
