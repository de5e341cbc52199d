#include "grid/data/item_set.h"

#include "grid/data/value_set.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

static const struct object_copy copy;

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
    s->object.copy = &copy;
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
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    rc = object_change(o, &(struct change){.kind = CHANGE_EMPTY});
    object_unlock(o);
    return rc;
}

/* ---- asking --------------------------------------------------------------------------------- */

uint64_t set_size(struct item_set *s)
{
    object_look(&s->object);
    uint64_t size = s->store.entries;

    object_unlock(&s->object);
    return size;
}

static bool has(const struct item_set *s, const struct data *value)
{
    return store_get(&s->store, key_hash(value), value) != NULL;
}

mr_rc_t set_contains_all(struct item_set *s, const struct data *values, uint32_t n)
{
    bool all = true;

    object_look(&s->object);
    for (uint32_t i = 0; i < n && all; i++)
        all = has(s, &values[i]);
    object_unlock(&s->object);
    return all ? MR_OK : MR_NOT_FOUND;
}

mr_rc_t set_contains(struct item_set *s, const struct data *value)
{
    return set_contains_all(s, value, 1);
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
    object_look(&s->object);
    store_scan(&s->store, 0, UINT32_MAX, visit_key, &(struct visiting){visit, context});
    object_unlock(&s->object);
}

/* ---- changes -------------------------------------------------------------------------------- */

/* What is there already stays as it is. */
static mr_rc_t insert(struct item_set *s, const struct data *value)
{
    struct spot spot;

    store_locate(&s->store, key_hash(value), value, &spot);
    if (spot.old)
        return MR_OK;
    mr_rc_t rc = store_write(&s->store, &spot, &(struct data){0}, (struct lifetime){0},
                             object_partition(&s->object)->changes);

    if (rc == MR_OK)
        object_tell(&s->object, OBJECT_ADDED, value);
    return rc;
}

static mr_rc_t erase(struct item_set *s, const struct data *value)
{
    struct spot spot;

    store_locate(&s->store, key_hash(value), value, &spot);
    if (!spot.old)
        return MR_OK;
    mr_rc_t rc = store_erase(&s->store, &spot);

    if (rc == MR_OK)
        object_tell(&s->object, OBJECT_REMOVED, value);
    return rc;
}

static mr_rc_t apply(struct object *o, const struct change *x)
{
    struct item_set *s = (struct item_set *)o;

    if (x->kind == CHANGE_EMPTY)
        return store_clear(&s->store);
    if (x->count != 1 || x->values->size > RECORD_KEY_MAX)
        return MR_ERR_ARGUMENT;
    switch (x->kind) {
    case CHANGE_ADD: return insert(s, x->values);
    case CHANGE_ERASE: return erase(s, x->values);
    default: return MR_ERR_ARGUMENT;
    }
}

struct imaging {
    void (*give)(void *context, const struct change *x);
    void *context;
};

static void give_value(void *context, const struct data *value)
{
    const struct imaging *i = context;

    i->give(i->context, &(struct change){CHANGE_ADD, 0, 0, value, 1});
}

static void image(struct object *o, void (*give)(void *context, const struct change *x),
                  void *context)
{
    struct imaging i = {give, context};

    store_scan(&((struct item_set *)o)->store, 0, UINT32_MAX, visit_key,
               &(struct visiting){give_value, &i});
}

static const struct object_copy copy = {apply, image, NULL};

static mr_rc_t add_locked(struct item_set *s, const struct data *value)
{
    if (value->size > s->object.value_max)
        return MR_ERR_TOO_LARGE;
    if (has(s, value))
        return MR_EXISTS;
    return object_change(&s->object, &(struct change){CHANGE_ADD, 0, 0, value, 1});
}

static mr_rc_t add(struct item_set *s, const struct data *value)
{
    mr_rc_t rc;

    for (uint32_t try = 0;; try++) {
        if ((rc = object_lock(&s->object, NULL)) != MR_OK)
            return rc;
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

/* Those that are there, one change each. */
static mr_rc_t remove_locked(struct item_set *s, const struct data *values, uint32_t n)
{
    mr_rc_t rc = MR_OK;
    bool any = false;

    for (uint32_t i = 0; i < n && rc == MR_OK; i++) {
        if (!has(s, &values[i]))
            continue;
        any = true;
        rc = object_change(&s->object, &(struct change){CHANGE_ERASE, 0, 0, &values[i], 1});
    }
    return rc == MR_OK && !any ? MR_NOT_FOUND : rc;
}

mr_rc_t set_remove(struct item_set *s, const struct data *values, uint32_t n)
{
    mr_rc_t rc = object_lock(&s->object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = remove_locked(s, values, n);
    object_unlock(&s->object);
    return rc;
}

/* The values that are not among those that stay. */
struct retaining {
    const struct value_set *stay;
    struct data *gone;
    uint32_t count;
};

static void note_gone(void *context, const struct data *value)
{
    struct retaining *r = context;

    if (!value_set_has(r->stay, value))
        r->gone[r->count++] = *value;
}

static mr_rc_t retain_locked(struct item_set *s, const struct value_set *stay)
{
    struct retaining r = {.stay = stay, .gone = mem_alloc((s->store.entries + 1) * sizeof *r.gone)};

    if (!r.gone)
        return MR_ERR_MEMORY;
    store_scan(&s->store, 0, UINT32_MAX, visit_key, &(struct visiting){note_gone, &r});
    mr_rc_t rc = remove_locked(s, r.gone, r.count);

    mem_free(r.gone);
    return rc;
}

mr_rc_t set_retain(struct item_set *s, const struct data *values, uint32_t n)
{
    struct value_set stay;
    mr_rc_t rc = value_set_init(&stay, values, n);

    if (rc != MR_OK)
        return rc;
    if ((rc = object_lock(&s->object, NULL)) == MR_OK) {
        rc = retain_locked(s, &stay);
        object_unlock(&s->object);
    }
    value_set_free(&stay);
    return rc;
}

mr_rc_t set_clear(struct item_set *s)
{
    mr_rc_t rc = set_retain(s, NULL, 0);

    return rc == MR_NOT_FOUND ? MR_OK : rc;
}
