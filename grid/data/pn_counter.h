/* pn_counter.h - a sum that members add to without asking each other (a PN-counter, CRDT).
 *
 * Each replica keeps what it has added and what it has taken away, two sums that only grow, with
 * a number that grows with each change. The counter's value is the sum over all replicas. Joining
 * two states takes of each replica the one with the higher number; in any order, any number of
 * times, the result is the same.
 *
 *     replica a   +10  -3   5 changes     ┐
 *     replica b   + 2  -0   1 change      ├──▶ value 9
 *
 * A client says which changes it has seen already (its clock). A member that has not seen them all
 * would let the counter go back in time for him, and answers MR_ERR_BEHIND instead.
 *
 * Source: M. Shapiro et al., Conflict-free Replicated Data Types, 2011; the clock is as in
 * Hazelcast's PN counter. Any thread.
 */
#ifndef GRID_DATA_PN_COUNTER_H
#define GRID_DATA_PN_COUNTER_H

#include "grid/data/object.h"

enum { REPLICAS_MAX = 1024 };

/* A replica's number of changes: an entry of a clock. */
struct replica_time {
    uint64_t high, low; /* the replica's UUID */
    int64_t changes;
};

struct replica_sums {
    struct replica_time time;
    uint64_t added, taken;
};

struct pn_counter {
    struct object object;
    struct replica_sums *replicas;
    uint32_t count;
};

/* MR_ERR_MEMORY. */
mr_rc_t pn_counter_new(struct partitions *ps, const char *name, struct object **ret_o);
void pn_counter_free(struct object *o);
mr_rc_t pn_counter_destroy(struct object *o);

/* Adds delta (0: only asks) as the replica `self`, whose clock entry is ignored. n entries of
 * `seen` are what the caller has seen. Gives the value before and after; and visits the clock, if
 * visit is not NULL. MR_ERR_BEHIND, MR_ERR_FULL (REPLICAS_MAX), MR_ERR_MEMORY: nothing has
 * changed. */
mr_rc_t pn_counter_add(struct pn_counter *c, struct replica_time self, int64_t delta,
                       const struct replica_time *seen, uint32_t n, int64_t *ret_before,
                       int64_t *ret_after,
                       void (*visit)(void *context, const struct replica_time *t), void *context);

/* Joins what another member knows of one replica. MR_ERR_FULL, MR_ERR_MEMORY. */
mr_rc_t pn_counter_join(struct pn_counter *c, const struct replica_sums *r);

#endif
