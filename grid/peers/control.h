/* control.h - the thread that keeps this member in its cluster: the control log, heartbeats,
 * leases, and what is applied here of what was agreed.
 *
 *     FORMING ──found──▶ IN                 the addresses in cluster.members are asked; a majority
 *         │                                 of them founds together
 *         └──somebody is in a cluster──▶ JOINING ──welcome, the log──▶ IN ──expelled──▶ JOINING
 *
 * Everything is decided elsewhere: by grid/cluster/consensus what is agreed, by metadata what
 * follows from it, by voters who counts. Here time passes, messages come and go, and rows that have
 * changed are handed to their partitions.
 *
 * Every beat goes to all members, since any may lead. The leader answers with grants, takes out who
 * has been silent for too long, and sees to it that there are as many copies as wanted.
 *
 * Threads: one of its own, mr-control, so that no work on data delays a heartbeat; the functions
 * here are for any.
 */
#ifndef GRID_PEERS_CONTROL_H
#define GRID_PEERS_CONTROL_H

#include "grid/cluster/metadata.h"
#include "net/wire/wire.h"

struct control;
struct session;
struct member;

enum { CONTROL_SEEDS_MAX = 64 };

enum control_state { CONTROL_FORMING, CONTROL_JOINING, CONTROL_IN };

/* Does the configuration name other members? */
bool control_is_wanted(const struct member *m);

/* Before anybody uses the partitions. MR_ERR_CONFIG with words, MR_ERR_MEMORY, MR_ERR_SYSTEM. */
mr_rc_t control_new(struct member *m, struct control **ret_c, mr_err_t *err);

/* When the door is open. MR_ERR_CONFIG with words, MR_ERR_SYSTEM. */
mr_rc_t control_start(struct control *c, mr_err_t *err);

/* Leaves in an orderly way, while all threads of the member still work: what it has goes to the
 * others, who then go on without it. True when that is done, or there is nobody to take it; false
 * when it has taken for too long. Then control_stop. NULL is fine. */
bool control_leave(struct control *c, uint64_t timeout_ms);

/* When no other thread of the member answers anybody any more: lets the others know that it is
 * gone, and ends the thread. Then frees it. NULL is fine. */
void control_stop(struct control *c);
void control_free(struct control *c);

/* ---- any thread ----------------------------------------------------------------------------- */

/* What this member says of itself. Texts are the member's. */
void control_introduce(struct control *c, struct member_hello *ret_hello);

/* Why whoever says this is not to be talked with; NULL: he is. */
const char *control_judge(struct control *c, const struct member_hello *hello);

/* A message for the control thread, copied. What finds no room is lost. */
void control_post(struct control *c, uint64_t from, const uint8_t *bytes, size_t size);

/* Another member has opened a connection on which it sends its beats. */
void control_met(struct control *c, const struct member_hello *hello, bool is_direct);

/* A connection on which another member has sent its beats is gone. `dead`: its end has said so,
 * which a member that lives never does. */
void control_ended(struct control *c, uint64_t incarnation, uint64_t channel, bool dead);

/* A command that this member wishes. It may be lost, or refused. */
void control_wish(struct control *c, const struct command *wish);

/* Sees to it that the client has a session, and that it stays open; the client is answered later,
 * as to client_open_session. From the connection's loop. MR_ERR_MEMORY. */
mr_rc_t control_open_session(struct control *c, struct session *s, struct wire_uuid client,
                             int64_t correlation);

/* One who is in the cluster. */
struct control_member {
    uint64_t incarnation;
    struct card card;
    bool leads, voter, silent, leaves;
    uint32_t primaries, copies;
};

/* What is agreed, as far as this member knows. */
struct control_view {
    enum control_state state;
    uint64_t version; /* another with each change of what is below, but for `silent` */
    uint64_t cluster_high, cluster_low;
    uint32_t count;
    struct control_member members[CLUSTER_MEMBERS_MAX];
    uint32_t offline, short_of_copies; /* partitions */
    bool has_leader;
    bool attached; /* one of two, and each would take over when the other dies */
    char why[200]; /* it does not serve; empty: it does */
};

/* Large: not for a stack that is small. */
void control_look(struct control *c, struct control_view *ret);

/* The operator says that the other of two members is dead: this one goes on alone, if it is one
 * of two that has not heard from the other. Else why it does not; empty: it does, soon. NULL
 * for c: there are no others. Any thread. */
const char *control_take_over(struct control *c);

/* The row of a partition. */
struct row control_row(struct control *c, uint32_t partition);

uint64_t control_version(struct control *c);

#endif
