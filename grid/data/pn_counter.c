#include "grid/data/pn_counter.h"

#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t pn_counter_new(struct partitions *ps, const char *name, struct object **ret_o)
{
    struct pn_counter *c = mem_alloc_zero(sizeof *c);

    if (!c)
        return MR_ERR_MEMORY;
    if (object_init(&c->object, OBJECT_PN_COUNTER, name, ps) != MR_OK) {
        pn_counter_free(&c->object);
        return MR_ERR_MEMORY;
    }
    *ret_o = &c->object;
    return MR_OK;
}

void pn_counter_free(struct object *o)
{
    mem_free(((struct pn_counter *)o)->replicas);
    object_deinit(o);
    mem_free(o);
}

mr_rc_t pn_counter_destroy(struct object *o)
{
    partition_lock(object_partition(o));
    ((struct pn_counter *)o)->count = 0;
    object_unlock(o);
    return MR_OK;
}

/* ---- replicas ------------------------------------------------------------------------------- */

static struct replica_sums *find(const struct pn_counter *c, const struct replica_time *t)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->replicas[i].time.high == t->high && c->replicas[i].time.low == t->low)
            return &c->replicas[i];
    return NULL;
}

static mr_rc_t find_or_add(struct pn_counter *c, const struct replica_time *t,
                           struct replica_sums **ret_r)
{
    struct replica_sums *replicas;

    if ((*ret_r = find(c, t)))
        return MR_OK;
    if (c->count == REPLICAS_MAX)
        return MR_ERR_FULL;
    if (!(replicas = mem_realloc(c->replicas, (c->count + 1) * sizeof *replicas)))
        return MR_ERR_MEMORY;
    c->replicas = replicas;
    *ret_r = &replicas[c->count++];
    **ret_r = (struct replica_sums){.time = {t->high, t->low, 0}};
    return MR_OK;
}

static bool has_seen(const struct pn_counter *c, const struct replica_time *seen, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct replica_sums *r = find(c, &seen[i]);

        if ((r ? r->time.changes : 0) < seen[i].changes)
            return false;
    }
    return true;
}

/* In the arithmetic of 64 bits that wraps, as the clients' is. */
static int64_t value_of(const struct pn_counter *c)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < c->count; i++)
        sum += c->replicas[i].added - c->replicas[i].taken;
    return (int64_t)sum;
}

/* ---- operations ----------------------------------------------------------------------------- */

static mr_rc_t add(struct pn_counter *c, const struct replica_time *self, int64_t delta)
{
    struct replica_sums *r;
    mr_rc_t rc = find_or_add(c, self, &r);

    if (rc != MR_OK)
        return rc;
    if (delta > 0)
        r->added += (uint64_t)delta;
    else
        r->taken -= (uint64_t)delta;
    r->time.changes++;
    return MR_OK;
}

mr_rc_t pn_counter_add(struct pn_counter *c, struct replica_time self, int64_t delta,
                       const struct replica_time *seen, uint32_t n, int64_t *ret_before,
                       int64_t *ret_after,
                       void (*visit)(void *context, const struct replica_time *t), void *context)
{
    partition_lock(object_partition(&c->object));
    mr_rc_t rc = has_seen(c, seen, n) ? MR_OK : MR_ERR_BEHIND;
    int64_t before = value_of(c);

    if (rc == MR_OK && delta != 0)
        rc = add(c, &self, delta);
    if (rc == MR_OK) {
        *ret_before = before;
        *ret_after = value_of(c);
        for (uint32_t i = 0; visit && i < c->count; i++)
            visit(context, &c->replicas[i].time);
    }
    object_unlock(&c->object);
    return rc;
}

mr_rc_t pn_counter_join(struct pn_counter *c, const struct replica_sums *sums)
{
    struct replica_sums *r;

    partition_lock(object_partition(&c->object));
    mr_rc_t rc = find_or_add(c, &sums->time, &r);

    if (rc == MR_OK && r->time.changes < sums->time.changes)
        *r = *sums;
    object_unlock(&c->object);
    return rc;
}
