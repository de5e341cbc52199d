/* topic.h - messages to whoever listens at the moment.
 *
 * Nothing is kept: a message is told to the watchers under the lock of the name's partition, which
 * gives all of them the same order.
 *
 * Any thread.
 */
#ifndef GRID_DATA_TOPIC_H
#define GRID_DATA_TOPIC_H

#include "grid/data/object.h"

/* kind: OBJECT_TOPIC, or another of which nothing is kept here. MR_ERR_MEMORY. */
mr_rc_t topic_new(struct partitions *ps, enum object_kind kind, const char *name,
                  struct object **ret_o);
void topic_free(struct object *o);

/* Tells n messages, and none of another's in between. The errors of object_lock: nobody was
 * told. */
mr_rc_t topic_publish(struct object *o, const struct data *messages, uint32_t n);

#endif
