#include "grid/data/item_set.h"

#include "grid/data/value_set.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t set_new(struct partitions *ps, const char *name, struct object **ret_o)
{
    struct item_set *s = mem_alloc_zero(sizeof *s);

    if (!s)
        return MR_ERR_MEMORY;
    if (object_init(&s->object, OBJECT_SET, name, ps) != MR_OK) {
        set_free(&s->object);
        return MR_ERR_MEMORY;
    }
    store_init(&s->store, object_partition(&s->object)->slab, TOUCH_NEVER);
    if (s->object.value_max > RECORD_KEY_MAX)
        s->object.value_max = RECORD_KEY_MAX;
    *ret_o = &s->object;
    return MR_OK;
}

/* The values go with the slab. */
void set_free(struct object *o)
{
    object_deinit(o);
    mem_free(o);
}

mr_rc_t set_destroy(struct object *o)
{
    partition_lock(object_partition(o));
    mr_rc_t rc = store_clear(&((struct item_set *)o)->store);
    object_unlock(o);
    return rc;
}

/* ---- asking --------------------------------------------------------------------------------- */

uint64_t set_size(const struct item_set *s)
{
    return load_relaxed_64(&s->store.entries);
}

mr_rc_t set_contains(const struct item_set *s, const struct data *value)
{
    return store_get(&s->store, key_hash(value), value) ? MR_OK : MR_NOT_FOUND;
}

mr_rc_t set_contains_all(const struct item_set *s, const struct data *values, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (set_contains(s, &values[i]) != MR_OK)
            return MR_NOT_FOUND;
    return MR_OK;
}

struct visiting {
    value_visit visit;
    void *context;
};

static void visit_key(void *context, const struct record *r)
{
    const struct visiting *v = context;
    struct data value = record_key(r);

    v->visit(v->context, &value);
}

/* Under the lock, so that it is the set of one moment. */
void set_each(struct item_set *s, value_visit visit, void *context)
{
    partition_lock(object_partition(&s->object));
    store_scan(&s->store, 0, UINT32_MAX, visit_key, &(struct visiting){visit, context});
    object_unlock(&s->object);
}

/* ---- changing ------------------------------------------------------------------------------- */

static mr_rc_t add_locked(struct item_set *s, const struct data *value)
{
    struct spot spot;

    if (value->size > s->object.value_max)
        return MR_ERR_TOO_LARGE;
    store_locate(&s->store, key_hash(value), value, &spot);
    if (spot.old)
        return MR_EXISTS;
    mr_rc_t rc = store_write(&s->store, &spot, &(struct data){0}, (struct lifetime){0},
                             ++object_partition(&s->object)->changes);

    if (rc == MR_OK)
        object_tell(&s->object, OBJECT_ADDED, value);
    return rc;
}

static mr_rc_t add(struct item_set *s, const struct data *value)
{
    mr_rc_t rc;

    for (uint32_t try = 0;; try++) {
        partition_lock(object_partition(&s->object));
        rc = add_locked(s, value);
        object_unlock(&s->object);
        if (rc != MR_ERR_FULL || !object_make_room(&s->object, try))
            return rc;
    }
}

mr_rc_t set_add(struct item_set *s, const struct data *values, uint32_t n)
{
    mr_rc_t answer = MR_EXISTS;

    for (uint32_t i = 0; i < n; i++) {
        mr_rc_t rc = add(s, &values[i]);

        if (rc == MR_OK)
            answer = MR_OK;
        else if (rc != MR_EXISTS)
            return rc;
    }
    return answer;
}

static mr_rc_t remove_locked(struct item_set *s, const struct data *value)
{
    struct spot spot;

    store_locate(&s->store, key_hash(value), value, &spot);
    if (!spot.old)
        return MR_NOT_FOUND;
    mr_rc_t rc = store_erase(&s->store, &spot);

    if (rc == MR_OK)
        object_tell(&s->object, OBJECT_REMOVED, value);
    return rc;
}

mr_rc_t set_remove(struct item_set *s, const struct data *values, uint32_t n)
{
    mr_rc_t answer = MR_NOT_FOUND;

    partition_lock(object_partition(&s->object));
    for (uint32_t i = 0; i < n && answer < MR_ERR_MEMORY; i++) {
        mr_rc_t rc = remove_locked(s, &values[i]);

        if (rc != MR_NOT_FOUND)
            answer = rc;
    }
    object_unlock(&s->object);
    return answer;
}

struct retaining {
    struct item_set *set;
    struct value_set values;
};

static bool stays(void *context, const struct record *r)
{
    struct retaining *k = context;
    struct data value = record_key(r);

    if (value_set_has(&k->values, &value))
        return true;
    object_tell(&k->set->object, OBJECT_REMOVED, &value);
    return false;
}

mr_rc_t set_retain(struct item_set *s, const struct data *values, uint32_t n)
{
    struct retaining k = {.set = s};
    mr_rc_t rc = value_set_init(&k.values, values, n);

    if (rc != MR_OK)
        return rc;
    partition_lock(object_partition(&s->object));
    uint64_t before = s->store.entries;

    rc = store_clear_but(&s->store, stays, &k);
    bool gone = s->store.entries < before;
    object_unlock(&s->object);
    value_set_free(&k.values);
    return rc == MR_OK && !gone ? MR_NOT_FOUND : rc;
}

mr_rc_t set_clear(struct item_set *s)
{
    mr_rc_t rc = set_retain(s, NULL, 0);

    return rc == MR_NOT_FOUND ? MR_OK : rc;
}
