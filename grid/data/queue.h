/* queue.h - values in, values out, in order; and waiting at both ends.
 *
 *     offer ──▶ │ v │ v │ v │ ──▶ poll
 *     putters wait while it has size_max      takers wait while it is empty
 *
 * Each value that comes wakes one taker, each that goes one putter (wait.h). A taker that leaves
 * values behind wakes another one, and a putter that leaves room.
 *
 * What it has in common with a list is in collection.h: size, each, contains, remove, remove_all,
 * clear. Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_QUEUE_H
#define GRID_DATA_QUEUE_H

#include "grid/data/collection.h"

struct queue {
    struct collection collection;
    uint32_t size_max;
    struct waits takers, putters;
};

/* MR_ERR_MEMORY. */
mr_rc_t queue_new(struct partitions *ps, const char *name, uint32_t size_max,
                  struct object **ret_o);
void queue_free(struct object *o);

/* Everything goes, and who waits learns that it was destroyed. MR_ERR_MEMORY: nothing has
 * changed. */
mr_rc_t queue_destroy(struct object *o);

/* MR_OK; MR_PENDING, or without a waiter MR_ERR_BUSY: it has size_max values. MR_ERR_DESTROYED,
 * and the errors of collection.h. */
mr_rc_t queue_offer(struct queue *q, const struct data *value, struct waiter *w);

/* All of them, or MR_ERR_BUSY: it would have more than size_max. */
mr_rc_t queue_add_all(struct queue *q, const struct data *values, uint32_t n);

/* MR_OK; MR_PENDING, or without a waiter MR_NOT_FOUND: it is empty. MR_ERR_DESTROYED,
 * MR_ERR_MEMORY. */
mr_rc_t queue_poll(struct queue *q, struct waiter *w, struct data *ret_value);

/* The next one, left where it is. MR_OK, MR_NOT_FOUND. */
mr_rc_t queue_peek(struct queue *q, struct data *ret_value);

/* Takes out up to n values, as many as have bytes_max with QUEUE_VALUE_HEAD for each, and one at
 * least. The others stay. MR_ERR_MEMORY. */
enum { QUEUE_VALUE_HEAD = 16 };
mr_rc_t queue_drain(struct queue *q, uint32_t n, uint64_t bytes_max, value_visit visit,
                    void *context);

uint32_t queue_remaining(struct queue *q);

#endif
