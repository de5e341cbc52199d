/* item_set.h - a set that clients share: values, each once, in no order.
 *
 * The values are the keys of a store (grid/store/store.h) in the partition of the set's name,
 * without values of their own; so a value is at most as large as a key may be, RECORD_KEY_MAX.
 *
 * Errors: MR_ERR_MEMORY and those of object_lock; where something is added MR_ERR_FULL and
 * MR_ERR_TOO_LARGE. A call for many values that fails may have done a part of them.
 *
 * Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_ITEM_SET_H
#define GRID_DATA_ITEM_SET_H

#include "grid/data/object.h"
#include "grid/store/store.h"

struct item_set {
    struct object object;
    struct store store;
};

/* MR_ERR_MEMORY. */
mr_rc_t set_new(struct partitions *ps, const char *name, struct object **ret_o);
void set_free(struct object *o);

/* Everything goes, without a word. MR_ERR_MEMORY: nothing has changed. */
mr_rc_t set_destroy(struct object *o);

uint64_t set_size(struct item_set *s);
void set_each(struct item_set *s, value_visit visit, void *context);

/* MR_OK, or MR_NOT_FOUND: not in it, or not all of them. */
mr_rc_t set_contains(struct item_set *s, const struct data *value);
mr_rc_t set_contains_all(struct item_set *s, const struct data *values, uint32_t n);

/* MR_OK; MR_EXISTS: nothing was added, because all are there. */
mr_rc_t set_add(struct item_set *s, const struct data *values, uint32_t n);

/* Takes out these values, or (retain) all others. MR_OK, or MR_NOT_FOUND: there was nothing to
 * take out. */
mr_rc_t set_remove(struct item_set *s, const struct data *values, uint32_t n);
mr_rc_t set_retain(struct item_set *s, const struct data *values, uint32_t n);

mr_rc_t set_clear(struct item_set *s);

#endif
