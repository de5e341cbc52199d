/* multimap.h - several values under a key, each once, or in a list as often as they were put.
 *
 * A map whose values are packs: all values of a key in one record. A change copies the pack, so
 * reading needs no lock and sees the values of one moment; it is made for keys with tens of values,
 * and bears thousands. All values of a key together are at most as large as one value may be.
 *
 *     pack   │ count │ size, kind, bytes │ size, kind, bytes │ ...
 *
 * Locks of keys are the map's: map_lock(object_map(o), ...), and so are MAP_CONTAINS and
 * map_release_client. A change of a key that another has locked is MR_PENDING or MR_ERR_BUSY.
 *
 * Errors of what adds: MR_ERR_FULL, MR_ERR_TOO_LARGE, MR_ERR_MEMORY; nothing has changed.
 *
 * Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_MULTIMAP_H
#define GRID_DATA_MULTIMAP_H

#include "grid/data/map_object.h"

/* What a change bears with it: who asks, and where it may wait. */
struct multimap_request {
    struct data key, value;
    struct owner owner;
    struct waiter *waiter;
};

/* MR_OK; MR_EXISTS, but in a list. */
mr_rc_t multimap_put(struct object *o, const struct multimap_request *q);

/* Takes out one value, the first of equal ones. MR_OK, MR_NOT_FOUND. */
mr_rc_t multimap_remove_value(struct object *o, const struct multimap_request *q);

/* Takes out the key with all its values, and visits them. MR_OK, MR_NOT_FOUND. */
mr_rc_t multimap_remove(struct object *o, const struct multimap_request *q, value_visit visit,
                        void *context);

/* MR_OK, MR_NOT_FOUND; MR_ERR_MOVED: the key is not served here. */
mr_rc_t multimap_get(struct object *o, const struct data *key, value_visit visit, void *context);
mr_rc_t multimap_contains(struct object *o, const struct data *key, const struct data *value);

/* How many values has the key? MR_OK, none as well; MR_ERR_MOVED. */
mr_rc_t multimap_value_count(struct object *o, const struct data *key, uint32_t *ret_count);

/* All values of all keys of a share of the partitions. MR_ERR_MOVED: some of it is not served here,
 * or was lost meanwhile, here and below. */
mr_rc_t multimap_size(struct object *o, const uint8_t *share, uint64_t *ret_size);

/* Visits the keys of a share, or every key's values. What stays meanwhile is met once. */
mr_rc_t multimap_keys(struct object *o, const uint8_t *share, value_visit visit, void *context);
mr_rc_t multimap_entries(struct object *o, const uint8_t *share,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context);

/* Takes out all keys of a share that are not locked, and says how many values they had, for
 * multimap_tell_cleared. MR_ERR_MEMORY, MR_ERR_MOVED: some may be out. */
mr_rc_t multimap_clear(struct object *o, const uint8_t *share, uint64_t *ret_values);

/* Tells those who watch, unless it was empty. */
void multimap_tell_cleared(struct object *o, uint64_t values);

#endif
