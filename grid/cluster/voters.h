/* voters.h - who counts in the control log, and what is to be changed next so that it is so.
 *
 *     members in the cluster    1  2  3  4  5 and more
 *     voters                    1  2  3  3  5
 *
 * All others are standbys. An even number is only ever passed through, but for two, which have a
 * rule of their own. One change at a time, in this order:
 *
 *     remove     a voter that is not in the cluster any more: it can only be missed
 *     remove     a standby that is not
 *     add        a member that is in the cluster and takes no part yet
 *     promote    where voters are missing: who holds most of the log, and was heard of lately
 *     demote     where there are too many: who holds least of it
 *
 * So repeated failures shrink what a majority is, together with the cluster. The leader itself is
 * never removed or demoted: it hands on first.
 *
 * Pure.
 */
#ifndef GRID_CLUSTER_VOTERS_H
#define GRID_CLUSTER_VOTERS_H

#include "grid/cluster/consensus.h"

enum voters_role { VOTERS_NO_PART, VOTERS_STANDBY, VOTERS_VOTER };

struct voters_member {
    uint64_t id; /* raft number */
    enum voters_role role;
    bool in;       /* the cluster, by this number */
    bool heard;    /* lately */
    uint64_t held; /* the log up to here */
};

/* How many there are to be. */
uint32_t voters_wanted(uint32_t members);

/* The next change. False: there is nothing to be changed, or nothing that can be now. */
bool voters_next(const struct voters_member *members, uint32_t count, uint64_t leader,
                 enum consensus_change *ret_change, uint64_t *ret_id);

#endif
