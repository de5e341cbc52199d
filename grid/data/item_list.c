#include "grid/data/item_list.h"

#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

static const struct object_copy copy = {collection_apply, collection_image, NULL};

mr_rc_t list_new(struct partitions *ps, const char *name, struct object **ret_o)
{
    struct item_list *l = mem_alloc_zero(sizeof *l);

    if (!l)
        return MR_ERR_MEMORY;
    if (object_init(&l->collection.object, OBJECT_LIST, name, ps) != MR_OK) {
        list_free(&l->collection.object);
        return MR_ERR_MEMORY;
    }
    collection_init(&l->collection);
    l->collection.object.copy = &copy;
    *ret_o = &l->collection.object;
    return MR_OK;
}

void list_free(struct object *o)
{
    collection_deinit((struct collection *)o);
    mem_free(o);
}

mr_rc_t list_destroy(struct object *o)
{
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    rc = collection_empty_locked((struct collection *)o);
    object_unlock(o);
    return rc;
}

/* To look, and to change. */
static const struct sequence *look(struct item_list *l)
{
    object_look(&l->collection.object);
    return &l->collection.items;
}

static mr_rc_t lock(struct item_list *l, const struct sequence **ret_items)
{
    *ret_items = &l->collection.items;
    return object_lock(&l->collection.object, NULL);
}

static mr_rc_t unlock(struct item_list *l, mr_rc_t rc)
{
    object_unlock(&l->collection.object);
    return rc;
}

/* ---- operations ----------------------------------------------------------------------------- */

static bool is_place(const struct sequence *items, int32_t at)
{
    return at >= 0 && (uint32_t)at < items->count;
}

static mr_rc_t add(struct item_list *l, int32_t at, const struct data *values, uint32_t n,
                   uint32_t *done)
{
    const struct sequence *items;
    mr_rc_t rc = lock(l, &items);

    if (rc != MR_OK)
        return rc;
    uint32_t place = at == LIST_LAST ? items->count : (uint32_t)at + *done;

    if (place > items->count)
        return unlock(l, MR_ERR_ARGUMENT);
    return unlock(l, collection_add_locked(&l->collection, place, values, n, done));
}

mr_rc_t list_add(struct item_list *l, int32_t at, const struct data *values, uint32_t n)
{
    uint32_t done = 0;
    mr_rc_t rc;

    for (uint32_t try = 0; (rc = add(l, at, values, n, &done)) == MR_ERR_FULL; try++)
        if (!object_make_room(&l->collection.object, try))
            break;
    return rc;
}

mr_rc_t list_get(struct item_list *l, int32_t at, struct data *ret_value)
{
    const struct sequence *items = look(l);

    if (!is_place(items, at))
        return unlock(l, MR_ERR_ARGUMENT);
    *ret_value = sequence_at(items, (uint32_t)at);
    return unlock(l, MR_OK);
}

static mr_rc_t set(struct item_list *l, int32_t at, const struct data *value, struct data *ret_old)
{
    const struct sequence *items;
    mr_rc_t rc = lock(l, &items);

    if (rc != MR_OK)
        return rc;
    if (!is_place(items, at))
        return unlock(l, MR_ERR_ARGUMENT);
    struct data old = sequence_at(items, (uint32_t)at);

    if (value->size > l->collection.object.value_max)
        return unlock(l, MR_ERR_TOO_LARGE);
    rc = object_change(&l->collection.object,
                       &(struct change){CHANGE_SET, (uint32_t)at, 0, value, 1});
    if (rc != MR_OK)
        return unlock(l, rc);
    *ret_old = old;
    return unlock(l, MR_OK);
}

mr_rc_t list_set(struct item_list *l, int32_t at, const struct data *value, struct data *ret_old)
{
    mr_rc_t rc;

    for (uint32_t try = 0; (rc = set(l, at, value, ret_old)) == MR_ERR_FULL; try++)
        if (!object_make_room(&l->collection.object, try))
            break;
    return rc;
}

mr_rc_t list_remove_at(struct item_list *l, int32_t at, struct data *ret_old)
{
    const struct sequence *items;
    mr_rc_t rc = lock(l, &items);

    if (rc != MR_OK)
        return rc;
    if (!is_place(items, at))
        return unlock(l, MR_ERR_ARGUMENT);
    return unlock(l, collection_take_locked(&l->collection, (uint32_t)at, ret_old));
}

int32_t list_index_of(struct item_list *l, const struct data *value)
{
    int32_t at = sequence_find(look(l), value);

    object_unlock(&l->collection.object);
    return at;
}

int32_t list_last_index_of(struct item_list *l, const struct data *value)
{
    int32_t at = sequence_find_last(look(l), value);

    object_unlock(&l->collection.object);
    return at;
}

static mr_rc_t visit_range(const struct sequence *items, uint32_t from, uint32_t to,
                           value_visit visit, void *context)
{
    if (from > to || to > items->count)
        return MR_ERR_ARGUMENT;
    for (uint32_t i = from; i < to; i++) {
        struct data value = sequence_at(items, i);

        visit(context, &value);
    }
    return MR_OK;
}

mr_rc_t list_sub(struct item_list *l, int32_t from, int32_t to, value_visit visit, void *context)
{
    if (from < 0 || to < 0)
        return MR_ERR_ARGUMENT;
    return unlock(l, visit_range(look(l), (uint32_t)from, (uint32_t)to, visit, context));
}

mr_rc_t list_from(struct item_list *l, int32_t from, value_visit visit, void *context)
{
    const struct sequence *items = look(l);

    return unlock(l, from < 0 ? MR_ERR_ARGUMENT
                              : visit_range(items, (uint32_t)from, items->count, visit, context));
}
