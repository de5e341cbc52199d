/* balance.h - partitions spread evenly over the members, with as few moves as that takes.
 *
 *     balance_plan    the table ──▶ the next step towards an even one        knows no time
 *     balance_next    the same for who leads, who asks again and calls off what takes too long
 *
 * Even are primaries, and copies: no member has two more of either than another. A step is one of
 * these, in this order:
 *
 *     forget      a partition has a copy too many: the one at the member that has most of them; if
 *                 that is its primary, it hands over first
 *     hand over   from one who has most primaries towards one who has two fewer, over a third where
 *                 no partition of the one has a copy at the other
 *     learn       a copy, at the member that has fewest, of a partition of one who has most
 *
 * While a member leaves, only that is seen to: it hands over what it is primary of to one in sync
 * who stays, and a copy of it goes when there are enough at those who stay.
 *
 * So a copy that moves is a copy more until it is there, and never one fewer; and each step makes
 * the table more even, or leads to one that does, so that there comes an end. Nothing is done while
 * a partition has fewer copies in sync than it could have: what is missing comes first
 * (metadata_repair).
 *
 * A hand-over is asked of the primary, which says when it is ready (grid/op/replica.h): it then
 * proposes the command it was asked with. Some are under way at once, and the plan takes them for
 * done. Of one that takes too long, or whose asking was lost, the leader makes an end by a new
 * epoch, and leaves the partition alone for a while: its primary may have a reason that it does not
 * tell, such as that a backup is slow. Who begins to lead knows of none: primaries call off what
 * was asked of them themselves.
 *
 * Pure. One thread at a time.
 */
#ifndef GRID_CLUSTER_BALANCE_H
#define GRID_CLUSTER_BALANCE_H

#include "grid/cluster/metadata.h"

enum {
    HAND_OVERS_MAX = 8,       /* at once: so many partitions stand still for a moment */
    BALANCE_COPIES_MAX = 8,   /* partitions with a copy too many, or about to be */
    HAND_OVER_AGAIN_MS = 200, /* it is asked for again: that may have been lost */
    HAND_OVER_ENDS_MS = 1000,
    BALANCE_RESTS_MS = 1000,   /* after one that came to nothing */
    BALANCE_AVOIDS_MS = 10000, /* its partition, longer: the same would be tried again */
    BALANCE_AVOIDED_MAX = 256
};

/* One that is under way. */
struct hand_over {
    uint32_t partition;
    uint64_t epoch, to;
    uint64_t began_ms, asked_ms;
};

struct balance {
    struct hand_over at[HAND_OVERS_MAX];
    uint32_t count;
    struct {
        uint32_t partition;
        uint64_t until_ms; /* 0: it is not avoided */
    } avoided[BALANCE_AVOIDED_MAX];
    uint32_t avoided_next;     /* the place that was taken earliest */
    uint64_t avoided_until_ms; /* when the last of them ends */
    uint64_t rests_until_ms;
    uint64_t handed_over, called_off; /* so far */
};

/* A MOVE to another than the primary: to be asked of the primary, as it is; all other commands are
 * for the log. `copies` are wanted of each partition. What is under way is read from b; now_ms says
 * what is still avoided. NULL: nothing is either. False: nothing is to be done now. */
bool balance_plan(const struct balance *b, const struct metadata *m, uint32_t copies,
                  uint64_t now_ms, struct command *ret_c);

/* The same, and what is under way is seen to. Zeroed when a member begins to lead. */
bool balance_next(struct balance *b, const struct metadata *m, uint32_t copies, uint64_t now_ms,
                  struct command *ret_c);

#endif
