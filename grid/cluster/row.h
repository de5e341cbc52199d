/* row.h - what the cluster has agreed about one partition.
 *
 * A row is made by applying the control log and never by anybody alone. Each change of it raises
 * the epoch, of learners too: one that is taken out and put in again is wiped in between, and what
 * it said before must not count. The epoch since which the present primary has been it is its
 * reign. A row without a primary is OFFLINE: all who were in sync are gone, and those named
 * hold what was acknowledged, until one of them comes back.
 *
 * Members are named by their incarnation, a number that is drawn when a process starts.
 */
#ifndef GRID_CLUSTER_ROW_H
#define GRID_CLUSTER_ROW_H

#include <stdbool.h>
#include <stdint.h>

enum { COPIES_MAX = 7, NOBODY = 0 }; /* of a partition: those in sync, and as many learners */

struct row {
    uint64_t epoch, reign;
    uint64_t primary;             /* NOBODY: it is OFFLINE */
    uint64_t in_sync[COPIES_MAX]; /* the primary included; OFFLINE: who holds what there was */
    uint64_t learners[COPIES_MAX];
    uint8_t in_sync_count, learner_count;
};

static inline bool row_names(const uint64_t *members, uint8_t count, uint64_t member)
{
    for (uint8_t i = 0; i < count; i++)
        if (members[i] == member)
            return true;
    return false;
}

static inline bool row_in_sync(const struct row *r, uint64_t member)
{
    return row_names(r->in_sync, r->in_sync_count, member);
}

static inline bool row_learns(const struct row *r, uint64_t member)
{
    return row_names(r->learners, r->learner_count, member);
}

#endif
