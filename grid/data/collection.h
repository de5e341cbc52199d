/* collection.h - what a queue and a list have in common: values in a row, looked for by value.
 *
 * Each call is one operation, whole under the lock of the name's partition. Values that are added
 * or taken out are told to watchers one by one, in order.
 *
 * Errors: MR_ERR_MEMORY, those of object_lock, and where something is added MR_ERR_FULL and
 * MR_ERR_TOO_LARGE; nothing has changed then. Many values that are added at once, more than
 * CHANGE_BYTES of them, are several changes: then some may have been added.
 *
 * Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_COLLECTION_H
#define GRID_DATA_COLLECTION_H

#include "grid/data/object.h"
#include "grid/data/sequence.h"

struct collection {
    struct object object;
    struct sequence items;
    /* n values have gone; under the lock. NULL: nobody needs to know */
    void (*gone)(struct collection *c, uint32_t n);
};

/* Fills in what lies in the partition, after object_init. */
void collection_init(struct collection *c);
void collection_deinit(struct collection *c);

uint32_t collection_size(struct collection *c);
void collection_each(struct collection *c, value_visit visit, void *context);

/* MR_OK, or MR_NOT_FOUND: not in it, or not all of them. */
mr_rc_t collection_contains(struct collection *c, const struct data *value);
mr_rc_t collection_contains_all(struct collection *c, const struct data *values, uint32_t n);

/* Takes out the first one that is equal. MR_OK, MR_NOT_FOUND. */
mr_rc_t collection_remove(struct collection *c, const struct data *value);

/* Takes out what is equal to one of the values, or (retain) to none. MR_OK, or MR_NOT_FOUND: there
 * was nothing to take out. */
mr_rc_t collection_remove_all(struct collection *c, const struct data *values, uint32_t n,
                              bool retain);

mr_rc_t collection_clear(struct collection *c);

/* ---- for those that are made of one, under the lock ----------------------------------------- */

/* What a kind that is made of one does for copies of it (object.h). */
mr_rc_t collection_apply(struct object *o, const struct change *x);
void collection_image(struct object *o, void (*give)(void *context, const struct change *x),
                      void *context);

/* Adds at a place, without waiting; at <= size. *done of the values have been added before; it says
 * how many are in the end, so that who tries again adds none twice. */
mr_rc_t collection_add_locked(struct collection *c, uint32_t at, const struct data *values,
                              uint32_t n, uint32_t *done);

/* Takes out the value at a place that there is. */
mr_rc_t collection_take_locked(struct collection *c, uint32_t at, struct data *ret_value);

/* Takes n values from the front and gives them to visit, which may be NULL. */
mr_rc_t collection_drain_locked(struct collection *c, uint32_t n, value_visit visit, void *context);

/* Empties it without a word, because it is destroyed. */
mr_rc_t collection_empty_locked(struct collection *c);

#endif
