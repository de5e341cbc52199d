/* crew.h - the connections by which partitions are kept alike: one to each member from each loop.
 *
 *     partition p ── loop p % loops ──▶ the fellow of that loop ──appends, chunks──▶ a member
 *                                                        ◀──────acknowledgements──
 *
 * What is said of one partition always goes the same way, so that it arrives in order. Whatever is
 * lost with a connection is said again when the next one is open.
 *
 * A place once made for a member stays until the end, empty or for another: whoever sends has
 * found it without a lock.
 *
 * Threads: crew_point and crew_drop the control thread's; out and crew_send any; the rest as said.
 */
#ifndef GRID_PEERS_CREW_H
#define GRID_PEERS_CREW_H

#include "grid/cluster/metadata.h"
#include "grid/op/copies.h"
#include "grid/peers/fellow.h"

struct member;

struct mate {
    uint64_t incarnation; /* 0: nobody's place; any thread */
    struct address address;
    struct fellow **fellows; /* by loop; each is made on its own */
};

struct crew {
    struct member *member;
    struct mate mates[CLUSTER_MEMBERS_MAX];
    uint32_t count;          /* of places that are or were used; any thread */
    struct crew_tick *ticks; /* by loop */
};

/* For copies_start, with the crew as its context. */
extern const struct copies_out crew_out;

/* On the door's loops, which have no thread yet. MR_ERR_MEMORY. */
mr_rc_t crew_open(struct crew *c);

/* Connects to a member from now on. To be called again from time to time: what found no memory is
 * done then. MR_ERR_MEMORY, MR_ERR_FULL. */
mr_rc_t crew_point(struct crew *c, uint64_t incarnation, const struct address *to);
void crew_drop(struct crew *c, uint64_t incarnation);

/* To a member, over the connection that belongs to the partition. False: it was not sent. The other
 * says whether there is such a connection that is open. */
bool crew_send(struct crew *c, uint64_t to, uint32_t partition, const void *bytes, size_t size);

bool crew_reaches(struct crew *c, uint64_t to, uint32_t partition);

/* Those who are connected to, or to be; at most CLUSTER_MEMBERS_MAX. Any thread. */
uint32_t crew_list(struct crew *c, uint64_t *ret_all);

/* A message about a partition from a session of another member. False: it is none. */
struct session;
bool crew_take(struct crew *c, struct session *s, const uint8_t *bytes, size_t size);

/* The loops' threads have been joined. Also for one that was zeroed. */
void crew_close(struct crew *c);

#endif
