#include "grid/data/collection.h"

#include "grid/data/value_set.h"
#include "net/base/littleend.h"

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

static void look(struct collection *c)
{
    object_look(&c->object);
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

/* ---- changes -------------------------------------------------------------------------------- */

static mr_rc_t insert(struct collection *c, const struct change *x)
{
    if (x->at > c->items.count)
        return MR_ERR_ARGUMENT;
    mr_rc_t rc = sequence_insert(&c->items, (uint32_t)x->at, x->values, x->count);

    for (uint32_t i = 0; rc == MR_OK && i < x->count; i++)
        object_tell(&c->object, OBJECT_ADDED, &x->values[i]);
    return rc;
}

static void tell_gone(void *context, const struct data *value)
{
    object_tell(context, OBJECT_REMOVED, value);
}

static mr_rc_t take_out(struct collection *c, const struct change *x)
{
    if (x->at >= c->items.count || x->n > c->items.count - x->at || (x->at > 0 && x->n != 1))
        return x->n == 0 ? MR_OK : MR_ERR_ARGUMENT;
    if (x->at == 0)
        return sequence_remove_first(&c->items, (uint32_t)x->n, tell_gone, &c->object);
    struct data value = sequence_at(&c->items, (uint32_t)x->at);
    mr_rc_t rc = sequence_remove(&c->items, (uint32_t)x->at);

    if (rc == MR_OK)
        object_tell(&c->object, OBJECT_REMOVED, &value);
    return rc;
}

/* Places that go, in order, and where we are. */
struct going {
    struct object *object;
    const struct data *places;
    uint32_t next, at;
};

static bool goes(void *context, const struct data *value)
{
    struct going *g = context;
    bool is_next = g->next + 4 <= g->places->size && get_le32(g->places->at + g->next) == g->at;

    g->at++;
    if (!is_next)
        return false;
    g->next += 4;
    object_tell(g->object, OBJECT_REMOVED, value);
    return true;
}

static mr_rc_t take_out_at(struct collection *c, const struct change *x)
{
    struct going g = {&c->object, x->values, 0, 0};
    uint32_t gone;

    return x->count == 1 ? sequence_remove_if(&c->items, goes, &g, &gone) : MR_ERR_ARGUMENT;
}

static mr_rc_t put_in_place(struct collection *c, const struct change *x)
{
    if (x->at >= c->items.count || x->count != 1)
        return MR_ERR_ARGUMENT;
    struct data old = sequence_at(&c->items, (uint32_t)x->at);
    mr_rc_t rc = sequence_set(&c->items, (uint32_t)x->at, x->values);

    if (rc != MR_OK)
        return rc;
    object_tell(&c->object, OBJECT_REMOVED, &old);
    object_tell(&c->object, OBJECT_ADDED, x->values);
    return MR_OK;
}

static void say_nothing(void *context, const struct data *value)
{
    (void)context, (void)value;
}

mr_rc_t collection_apply(struct object *o, const struct change *x)
{
    struct collection *c = (struct collection *)o;

    switch (x->kind) {
    case CHANGE_INSERT: return insert(c, x);
    case CHANGE_REMOVE: return take_out(c, x);
    case CHANGE_REMOVE_AT: return take_out_at(c, x);
    case CHANGE_SET: return put_in_place(c, x);
    case CHANGE_EMPTY: return sequence_remove_first(&c->items, c->items.count, say_nothing, NULL);
    default: return MR_ERR_ARGUMENT;
    }
}

void collection_image(struct object *o, void (*give)(void *context, const struct change *x),
                      void *context)
{
    sequence_image(&((struct collection *)o)->items, give, context);
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
                              uint32_t n, uint32_t *done)
{
    mr_rc_t rc = check_sizes(c, values, n);

    while (rc == MR_OK && *done < n) {
        uint32_t fit = change_fit(values + *done, n - *done);

        rc = object_change(&c->object, &(struct change){CHANGE_INSERT, at, 0, values + *done, fit});
        at += rc == MR_OK ? fit : 0;
        *done += rc == MR_OK ? fit : 0;
    }
    return rc;
}

mr_rc_t collection_take_locked(struct collection *c, uint32_t at, struct data *ret_value)
{
    struct data value = sequence_at(&c->items, at);
    mr_rc_t rc = object_change(&c->object, &(struct change){CHANGE_REMOVE, at, 1, NULL, 0});

    if (rc != MR_OK)
        return rc;
    *ret_value = value; /* stays until the caller leaves its section */
    note_gone(c, 1);
    return MR_OK;
}

mr_rc_t collection_drain_locked(struct collection *c, uint32_t n, value_visit visit, void *context)
{
    if (n == 0)
        return MR_OK;
    for (uint32_t i = 0; visit && i < n; i++) {
        struct data value = sequence_at(&c->items, i);

        visit(context, &value);
    }
    mr_rc_t rc = object_change(&c->object, &(struct change){CHANGE_REMOVE, 0, n, NULL, 0});

    if (rc == MR_OK)
        note_gone(c, n);
    return rc;
}

mr_rc_t collection_empty_locked(struct collection *c)
{
    return object_change(&c->object, &(struct change){.kind = CHANGE_EMPTY});
}

/* ---- operations ----------------------------------------------------------------------------- */

uint32_t collection_size(struct collection *c)
{
    look(c);
    uint32_t size = c->items.count;
    unlock(c);
    return size;
}

void collection_each(struct collection *c, value_visit visit, void *context)
{
    look(c);
    for (uint32_t i = 0; i < c->items.count; i++) {
        struct data value = sequence_at(&c->items, i);

        visit(context, &value);
    }
    unlock(c);
}

mr_rc_t collection_contains(struct collection *c, const struct data *value)
{
    look(c);
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
    look(c);
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
    mr_rc_t rc = object_lock(&c->object, NULL);

    if (rc != MR_OK)
        return rc;
    int32_t at = sequence_find(&c->items, value);

    rc = at == SEQUENCE_NONE ? MR_NOT_FOUND : collection_take_locked(c, (uint32_t)at, &removed);
    unlock(c);
    return rc;
}

/* The places of those that are in the set, or (retain) are not. */
static void find_places(const struct collection *c, const struct value_set *set, bool retain,
                        struct sink *places)
{
    for (uint32_t i = 0; i < c->items.count; i++) {
        struct data value = sequence_at(&c->items, i);
        uint8_t *at = value_set_has(set, &value) != retain ? sink_more(places, 4) : NULL;

        if (at)
            put_le32(at, i);
    }
}

static mr_rc_t remove_locked(struct collection *c, const struct value_set *set, bool retain)
{
    struct sink places = {.grows = true};

    find_places(c, set, retain, &places);
    struct data value = {places.at, (uint32_t)places.size, DATA_BYTES};
    mr_rc_t rc = sink_state(&places);

    if (rc == MR_OK && places.size > 0)
        rc = object_change(&c->object, &(struct change){CHANGE_REMOVE_AT, 0, 0, &value, 1});
    if (rc == MR_OK)
        note_gone(c, value.size / 4);
    sink_free(&places);
    return rc == MR_OK && value.size == 0 ? MR_NOT_FOUND : rc;
}

mr_rc_t collection_remove_all(struct collection *c, const struct data *values, uint32_t n,
                              bool retain)
{
    struct value_set set;
    mr_rc_t rc = value_set_init(&set, values, n);

    if (rc != MR_OK)
        return rc;
    if ((rc = object_lock(&c->object, NULL)) == MR_OK) {
        rc = remove_locked(c, &set, retain);
        unlock(c);
    }
    value_set_free(&set);
    return rc;
}

mr_rc_t collection_clear(struct collection *c)
{
    mr_rc_t rc = object_lock(&c->object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = collection_drain_locked(c, c->items.count, NULL, NULL);
    unlock(c);
    return rc;
}
