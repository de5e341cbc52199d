#include "grid/data/collection.h"

#include "grid/data/value_set.h"
#include "net/base/check.h"

void collection_init(struct collection *c)
{
    sequence_init(&c->items, object_partition(&c->object)->slab, &c->object.partitions->account);
}

void collection_deinit(struct collection *c)
{
    if (c->items.account)
        sequence_free(&c->items);
    object_deinit(&c->object);
}

/* Without a waiter nothing stands in the way of the lock. */
static void lock(struct collection *c)
{
    partition_lock(object_partition(&c->object));
}

static void unlock(struct collection *c)
{
    object_unlock(&c->object);
}

static void note_gone(struct collection *c, uint32_t n)
{
    if (c->gone && n > 0)
        c->gone(c, n);
}

/* ---- under the lock ------------------------------------------------------------------------- */

static mr_rc_t check_sizes(const struct collection *c, const struct data *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (values[i].size > c->object.value_max)
            return MR_ERR_TOO_LARGE;
    return MR_OK;
}

mr_rc_t collection_add_locked(struct collection *c, uint32_t at, const struct data *values,
                              uint32_t n)
{
    mr_rc_t rc = check_sizes(c, values, n);

    if (rc != MR_OK || (rc = sequence_insert(&c->items, at, values, n)) != MR_OK)
        return rc;
    for (uint32_t i = 0; i < n; i++)
        object_tell(&c->object, OBJECT_ADDED, &values[i]);
    return MR_OK;
}

mr_rc_t collection_take_locked(struct collection *c, uint32_t at, struct data *ret_value)
{
    struct data value = sequence_at(&c->items, at);
    mr_rc_t rc = sequence_remove(&c->items, at);

    if (rc != MR_OK)
        return rc;
    *ret_value = value;
    object_tell(&c->object, OBJECT_REMOVED, &value);
    note_gone(c, 1);
    return MR_OK;
}

struct draining {
    struct collection *collection;
    value_visit visit;
    void *context;
};

static void drain(void *context, const struct data *value)
{
    struct draining *d = context;

    object_tell(&d->collection->object, OBJECT_REMOVED, value);
    if (d->visit)
        d->visit(d->context, value);
}

mr_rc_t collection_drain_locked(struct collection *c, uint32_t n, value_visit visit, void *context)
{
    struct draining d = {c, visit, context};
    mr_rc_t rc = sequence_remove_first(&c->items, n, drain, &d);

    if (rc == MR_OK)
        note_gone(c, n);
    return rc;
}

static void say_nothing(void *context, const struct data *value)
{
    (void)context, (void)value;
}

mr_rc_t collection_empty_locked(struct collection *c)
{
    return sequence_remove_first(&c->items, c->items.count, say_nothing, NULL);
}

/* ---- operations ----------------------------------------------------------------------------- */

uint32_t collection_size(struct collection *c)
{
    lock(c);
    uint32_t size = c->items.count;
    unlock(c);
    return size;
}

void collection_each(struct collection *c, value_visit visit, void *context)
{
    lock(c);
    for (uint32_t i = 0; i < c->items.count; i++) {
        struct data value = sequence_at(&c->items, i);

        visit(context, &value);
    }
    unlock(c);
}

mr_rc_t collection_contains(struct collection *c, const struct data *value)
{
    lock(c);
    bool found = sequence_find(&c->items, value) != SEQUENCE_NONE;
    unlock(c);
    return found ? MR_OK : MR_NOT_FOUND;
}

mr_rc_t collection_contains_all(struct collection *c, const struct data *values, uint32_t n)
{
    struct value_set set;
    mr_rc_t rc = value_set_init(&set, values, n);

    if (rc != MR_OK)
        return rc;
    lock(c);
    for (uint32_t i = 0; set.unmet > 0 && i < c->items.count; i++) {
        struct data value = sequence_at(&c->items, i);

        value_set_meet(&set, &value);
    }
    unlock(c);
    rc = set.unmet == 0 ? MR_OK : MR_NOT_FOUND;
    value_set_free(&set);
    return rc;
}

mr_rc_t collection_remove(struct collection *c, const struct data *value)
{
    struct data removed;

    lock(c);
    int32_t at = sequence_find(&c->items, value);
    mr_rc_t rc =
        at == SEQUENCE_NONE ? MR_NOT_FOUND : collection_take_locked(c, (uint32_t)at, &removed);
    unlock(c);
    return rc;
}

struct removing {
    struct collection *collection;
    struct value_set set;
    bool retain;
};

static bool goes(void *context, const struct data *value)
{
    struct removing *r = context;

    if (value_set_has(&r->set, value) == r->retain)
        return false;
    object_tell(&r->collection->object, OBJECT_REMOVED, value);
    return true;
}

mr_rc_t collection_remove_all(struct collection *c, const struct data *values, uint32_t n,
                              bool retain)
{
    struct removing r = {.collection = c, .retain = retain};
    mr_rc_t rc = value_set_init(&r.set, values, n);
    uint32_t gone = 0;

    if (rc != MR_OK)
        return rc;
    lock(c);
    rc = sequence_remove_if(&c->items, goes, &r, &gone);
    note_gone(c, gone);
    unlock(c);
    value_set_free(&r.set);
    return rc == MR_OK && gone == 0 ? MR_NOT_FOUND : rc;
}

mr_rc_t collection_clear(struct collection *c)
{
    lock(c);
    mr_rc_t rc = collection_drain_locked(c, c->items.count, NULL, NULL);
    unlock(c);
    return rc;
}
