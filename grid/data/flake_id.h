/* flake_id.h - numbers that no two members give out, roughly in the order of time.
 *
 *     63          22 21     16 15        0
 *     │ ms since 2018 │ counter │ node id │       the layout of Hazelcast's flake ids
 *
 * A batch is a first number, a distance and a count. Numbers go on from those given out before, or
 * from the clock if that is further. Who takes more than 64 a millisecond runs ahead of the clock;
 * by more than FLAKE_AHEAD_MS it has to wait, so that a member that is started anew, and knows
 * only its clock, does not give out numbers that were given out before.
 *
 * Any thread.
 */
#ifndef GRID_DATA_FLAKE_ID_H
#define GRID_DATA_FLAKE_ID_H

#include "grid/data/object.h"

enum { FLAKE_NODE_MAX = UINT16_MAX, FLAKE_AHEAD_MS = 15000, FLAKE_BATCH_MAX = 1 << 20 };

struct flake_id {
    struct object object;
    uint64_t next; /* milliseconds and counter of the next number */
};

struct flake_batch {
    int64_t base, increment; /* the numbers are base + i * increment */
    uint32_t count;
    uint64_t wait_ms; /* the answer has to be held back for so long */
};

/* MR_ERR_MEMORY. */
mr_rc_t flake_id_new(struct partitions *ps, const char *name, struct object **ret_o);
void flake_id_free(struct object *o);

/* MR_ERR_ARGUMENT: count is not 1 .. FLAKE_BATCH_MAX, or the node id is more than
 * FLAKE_NODE_MAX. */
mr_rc_t flake_id_batch(struct flake_id *f, uint32_t node_id, uint32_t count,
                       struct flake_batch *ret_batch);

#endif
