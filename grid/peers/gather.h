/* gather.h - a client's call about all partitions, which several members have.
 *
 *     client ──▶ here ──member_gather, a share of the partitions──▶ each member that is primary
 *            ◀──      ◀─member_forwarded─         of any: served there for its share and no more
 *        one answer, merged
 *
 * The shares are made from one look at who is primary of what, so that each partition is in one.
 * A member answers for all of its share, as primary before and after, or says that it has moved.
 * So a merged answer has every partition once; if a part of it is missing the client is told to
 * ask again, or, of what must not be done twice, that it is not known what was done.
 *
 * How answers merge is said by merge.h. This member's own share is served like the others', away
 * from the loop. What all members have to know or to do goes to each of them, with an empty share
 * to those who are primary of nothing.
 *
 * Threads: gather_give on the session's loop; answers come on any.
 */
#ifndef GRID_PEERS_GATHER_H
#define GRID_PEERS_GATHER_H

#include "grid/door/dispatch.h"

/* Is this a message about all partitions? `is_one`: it names one that another member has, which is
 * all that those are about that come with keys. */
bool gather_takes(enum wire_id id, bool is_one);

/* MR_OK: it is answered later. MR_ERR_OFFLINE: a partition has no primary. MR_ERR_MOVED: one who is
 * needed is not reached. As merge_new. */
mr_rc_t gather_give(struct call *c, const uint8_t *bytes, size_t size);

#endif
