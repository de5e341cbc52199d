/* item_list.h - a list that clients share: values by their place.
 *
 * What it has in common with a queue is in collection.h: size, each, contains, remove, remove_all,
 * clear. A place beyond the end is MR_ERR_ARGUMENT. (list.h in net/base is another thing.)
 *
 * Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_ITEM_LIST_H
#define GRID_DATA_ITEM_LIST_H

#include "grid/data/collection.h"

struct item_list {
    struct collection collection;
};

/* At the end. */
enum { LIST_LAST = -1 };

/* MR_ERR_MEMORY. */
mr_rc_t list_new(struct partitions *ps, const char *name, struct object **ret_o);
void list_free(struct object *o);

/* Everything goes. MR_ERR_MEMORY: nothing has changed. */
mr_rc_t list_destroy(struct object *o);

/* Adds n values at a place, those behind it move on; or LIST_LAST. MR_OK, MR_ERR_ARGUMENT, and the
 * errors of collection.h. */
mr_rc_t list_add(struct item_list *l, int32_t at, const struct data *values, uint32_t n);

mr_rc_t list_get(struct item_list *l, int32_t at, struct data *ret_value);

/* Both give the value from before. */
mr_rc_t list_set(struct item_list *l, int32_t at, const struct data *value, struct data *ret_old);
mr_rc_t list_remove_at(struct item_list *l, int32_t at, struct data *ret_old);

/* The first or last place with an equal value, -1 when there is none. */
int32_t list_index_of(struct item_list *l, const struct data *value);
int32_t list_last_index_of(struct item_list *l, const struct data *value);

/* The values from one place to before another, to <= size. */
mr_rc_t list_sub(struct item_list *l, int32_t from, int32_t to, value_visit visit, void *context);

/* And from one place to the end, from <= size. */
mr_rc_t list_from(struct item_list *l, int32_t from, value_visit visit, void *context);

#endif
