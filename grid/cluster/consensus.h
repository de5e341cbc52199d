/* consensus.h - one log of commands, the same for all members: Raft.
 *
 *     propose ──▶ leader's log ──append──▶ the others' logs ──▶ held by a majority of voters:
 *                                                               committed ──▶ apply, everywhere
 *
 * Standbys hold the log and count for nothing, until they are made voters. A member's number is
 * used once: who has lost his memory comes back with another, or he would vote twice. Whoever
 * leads has to have an entry of its own term committed and applied before it says so: what its
 * predecessors had committed is applied then, and voters may be changed.
 *
 * What has been applied can be asked of the owner as a snapshot when the log has grown; those who
 * are far behind are sent that, and the log behind it.
 *
 * Grants: somebody who heard the leader lets nobody else be elected for at least the election
 * time-out. So what a leader promises must be over by then, counted from when it *sent* what a
 * majority of voters has answered; when the answers came says nothing. Messages carry the sender's
 * clock, answers repeat it, and consensus_may_grant() is the sum.
 *
 * The engine is libraft 0.22, through its core without I/O. It checks nothing of what it is given,
 * so all that is received is checked here, and what is known to go wrong in it is kept from it:
 * each such place says what. Only engine.h includes <raft.h>.
 *
 * Ownership: arguments are borrowed for the call, and what callbacks are given is theirs until they
 * return. Pure: time is told, chance is a seed; what is to be done is told through `out`, from
 * inside the calls, and must not come back in. One thread at a time. The log is in memory.
 */
#ifndef GRID_CLUSTER_CONSENSUS_H
#define GRID_CLUSTER_CONSENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/wire/wire.h"

enum {
    CONSENSUS_SERVERS_MAX = 256,
    CONSENSUS_COMMAND_MAX = 1 << 20, /* bytes */
    CONSENSUS_STATE_MAX = 12 << 20   /* of a snapshot; a message of members is at most 16 MiB */
};

struct consensus_options {
    uint64_t id; /* the raft number; never 0, never used before in this cluster */
    uint64_t seed;
    uint32_t election_ms, heartbeat_ms;
    uint32_t log_max;  /* entries behind a snapshot before another is made */
    uint32_t log_keep; /* entries before it that stay, for those who are a little behind */
};

struct consensus_out {
    /* A message: the row, and its struct. It may be lost. */
    void (*send)(void *context, uint64_t to, enum wire_id id, const void *message);
    /* The next command. Indices rise, with gaps. */
    void (*apply)(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size);
    /* An entry has come into the log here, agreed or not: a command, or, with NULL, how many voters
     * there are from it on. */
    void (*stored)(void *context, const void *bytes, uint32_t size, uint32_t voters);
    /* The state that all commands so far led to, as bytes. */
    mr_rc_t (*save)(void *context, struct sink *out);
    /* A state instead of all commands up to this index. Not MR_OK: see `broken`. */
    mr_rc_t (*restore)(void *context, uint64_t index, const void *bytes, uint32_t size);
    /* Who leads is another, or another term; see consensus_look. */
    void (*role)(void *context);
    /* Servers or their roles are others, agreed or still to be agreed; see consensus_servers. */
    void (*servers)(void *context);
    /* It cannot go on, and from now on does nothing: this member has to come back as another. */
    void (*broken)(void *context);
};

struct consensus_view {
    uint64_t term;
    uint64_t leader;    /* 0: not known */
    uint64_t leader_ms; /* when a leader was last heard of; 0: never */
    bool elected;       /* leader of this term */
    bool leads;         /* and has applied an entry of it: may propose and change */
    bool changing;      /* a change of servers is not agreed yet */
    bool broken;
    uint64_t last, committed, applied, snapshot; /* indices */
};

struct consensus_server {
    uint64_t id;
    bool voter;
    uint64_t held; /* the log up to here, as the leader knows; 0 elsewhere */
};

enum consensus_change {
    CONSENSUS_ADD,     /* as standby */
    CONSENSUS_PROMOTE, /* a standby that has nearly all of the log, to voter */
    CONSENSUS_DEMOTE,  /* a voter to standby */
    CONSENSUS_REMOVE
};

struct consensus;

/* MR_ERR_MEMORY. It does nothing before it is told to found or to join. */
mr_rc_t consensus_new(const struct consensus_options *o, const struct consensus_out *out,
                      void *context, struct consensus **ret_c);
void consensus_free(struct consensus *c);

/* As the first member, and the only voter; leads when this returns. MR_ERR_MEMORY. */
mr_rc_t consensus_found(struct consensus *c, uint64_t now_ms);

/* As one who knows nothing and will be sent the log. MR_ERR_MEMORY. */
mr_rc_t consensus_join(struct consensus *c, uint64_t now_ms);

/* Time has passed. To be called at consensus_next_ms, earlier is no harm. */
void consensus_tick(struct consensus *c, uint64_t now_ms);
uint64_t consensus_next_ms(const struct consensus *c);

/* A message, decoded: its row and struct. MR_ERR_MALFORMED: no right member says that. */
mr_rc_t consensus_receive(struct consensus *c, uint64_t now_ms, uint64_t from, enum wire_id id,
                          const void *message);

/* Appends a command. When one with this index and term is applied, it is done; when `applied` is
 * at its index or beyond and it was not among what was applied, it is lost for good. Of what a
 * snapshot jumps over, the state has to tell. MR_ERR_STALE: does not lead; MR_ERR_TOO_LARGE,
 * MR_ERR_MEMORY. */
mr_rc_t consensus_propose(struct consensus *c, uint64_t now_ms, const void *bytes, uint32_t size,
                          uint64_t *ret_index, uint64_t *ret_term);

/* One server, one step; see `changing`. MR_EXISTS: it is so; MR_NOT_FOUND: no such server;
 * MR_ERR_STALE: does not lead; MR_ERR_BUSY: another change is not agreed yet, or the standby is
 * too far behind; MR_ERR_FULL; MR_ERR_ARGUMENT: of itself, or of the last voter; MR_ERR_MEMORY. */
mr_rc_t consensus_change(struct consensus *c, uint64_t now_ms, enum consensus_change change,
                         uint64_t id);

/* Lets a voter lead; 0: the one that is best prepared. From now on this one neither takes proposals
 * nor grants; where the other does not come forward, it steps back, and somebody is elected.
 * MR_ERR_STALE, MR_NOT_FOUND, MR_ERR_MEMORY. */
mr_rc_t consensus_transfer(struct consensus *c, uint64_t now_ms, uint64_t to);

/* The leader is proved dead: stands for election now, whatever the others believe. One member
 * first; two at once split the votes. Nothing, where there is no other leader. */
void consensus_campaign(struct consensus *c, uint64_t now_ms);

/* Goes on alone, as the only voter, in a term of its own: all of the log is committed and applied
 * when this returns. Only where it is certain that the others never will without this one: it is
 * no part of Raft, and messages of the time before have to be kept away. MR_ERR_MEMORY. */
mr_rc_t consensus_force_single(struct consensus *c, uint64_t now_ms);

void consensus_look(const struct consensus *c, struct consensus_view *ret);

/* The servers, in the order of the configuration. Returns how many. */
uint32_t consensus_servers(const struct consensus *c,
                           struct consensus_server ret[CONSENSUS_SERVERS_MAX]);

/* When, on its own clock, it last sent what a majority of voters has answered in this term. 0:
 * never. */
uint64_t consensus_quorum_stamp(const struct consensus *c, uint64_t now_ms);

/* Leads, and nobody else can have been elected until now. */
bool consensus_may_grant(const struct consensus *c, uint64_t now_ms);

/* All that must hold. Dies where it does not. */
void consensus_check(const struct consensus *c);

#endif
