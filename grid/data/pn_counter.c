#include "grid/data/pn_counter.h"

#include "net/base/littleend.h"
#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

static const struct object_copy copy;

mr_rc_t pn_counter_new(struct partitions *ps, const char *name, struct object **ret_o)
{
    struct pn_counter *c = mem_alloc_zero(sizeof *c);

    if (!c)
        return MR_ERR_MEMORY;
    if (object_init(&c->object, OBJECT_PN_COUNTER, name, ps) != MR_OK) {
        pn_counter_free(&c->object);
        return MR_ERR_MEMORY;
    }
    c->object.copy = &copy;
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
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    rc = object_change(o, &(struct change){.kind = CHANGE_EMPTY});
    object_unlock(o);
    return rc;
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

/* ---- changes -------------------------------------------------------------------------------- */

enum { SUMS_SIZE = 40 };

static void put_sums(const struct replica_sums *r, uint8_t at[SUMS_SIZE])
{
    put_le64(at, r->time.high);
    put_le64(at + 8, r->time.low);
    put_le64(at + 16, (uint64_t)r->time.changes);
    put_le64(at + 24, r->added);
    put_le64(at + 32, r->taken);
}

static struct replica_sums sums_of(const uint8_t *at)
{
    return (struct replica_sums){{get_le64(at), get_le64(at + 8), (int64_t)get_le64(at + 16)},
                                 get_le64(at + 24),
                                 get_le64(at + 32)};
}

/* Of each replica what has more changes. */
static mr_rc_t join(struct pn_counter *c, const struct replica_sums *sums)
{
    struct replica_sums *r;
    mr_rc_t rc = find_or_add(c, &sums->time, &r);

    if (rc == MR_OK && r->time.changes < sums->time.changes)
        *r = *sums;
    return rc;
}

static mr_rc_t apply(struct object *o, const struct change *x)
{
    struct pn_counter *c = (struct pn_counter *)o;

    if (x->kind == CHANGE_EMPTY) {
        c->count = 0;
        return MR_OK;
    }
    if (x->kind != CHANGE_JOIN || x->count != 1 || x->values->size != SUMS_SIZE)
        return MR_ERR_ARGUMENT;
    struct replica_sums sums = sums_of(x->values->at);

    return join(c, &sums);
}

static void give_sums(const struct replica_sums *r,
                      void (*give)(void *context, const struct change *x), void *context)
{
    uint8_t bytes[SUMS_SIZE];
    struct data value = {bytes, SUMS_SIZE, DATA_BYTES};

    put_sums(r, bytes);
    give(context, &(struct change){CHANGE_JOIN, 0, 0, &value, 1});
}

static void image(struct object *o, void (*give)(void *context, const struct change *x),
                  void *context)
{
    const struct pn_counter *c = (const struct pn_counter *)o;

    for (uint32_t i = 0; i < c->count; i++)
        give_sums(&c->replicas[i], give, context);
}

static const struct object_copy copy = {apply, image, NULL};

static mr_rc_t join_all(struct pn_counter *c, const struct replica_sums *sums)
{
    uint8_t bytes[SUMS_SIZE];
    struct data value = {bytes, SUMS_SIZE, DATA_BYTES};

    put_sums(sums, bytes);
    return object_change(&c->object, &(struct change){CHANGE_JOIN, 0, 0, &value, 1});
}

/* ---- operations ----------------------------------------------------------------------------- */

static mr_rc_t add(struct pn_counter *c, const struct replica_time *self, int64_t delta)
{
    const struct replica_sums *now = find(c, self);
    struct replica_sums r = now ? *now : (struct replica_sums){.time = {self->high, self->low, 0}};

    if (delta > 0)
        r.added += (uint64_t)delta;
    else
        r.taken -= (uint64_t)delta;
    r.time.changes++;
    return join_all(c, &r);
}

mr_rc_t pn_counter_add(struct pn_counter *c, struct replica_time self, int64_t delta,
                       const struct replica_time *seen, uint32_t n, int64_t *ret_before,
                       int64_t *ret_after,
                       void (*visit)(void *context, const struct replica_time *t), void *context)
{
    mr_rc_t rc = object_lock(&c->object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = has_seen(c, seen, n) ? MR_OK : MR_ERR_BEHIND;
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
    mr_rc_t rc = object_lock(&c->object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = join_all(c, sums);
    object_unlock(&c->object);
    return rc;
}
