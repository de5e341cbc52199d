/* metadata.h - what the cluster agrees on: who is in it, and who has which partition.
 *
 *     command ──▶ the control log ──▶ metadata_apply, on every member, in the same order
 *
 * A command says what is wanted and what it was decided upon; where that is not so any more, it
 * changes nothing. What follows from a command is worked out when it is applied, from the state at
 * its place in the log, and so is the same everywhere: who becomes primary when a member is
 * expelled was not decided by whoever asked for that.
 *
 * Members are named by their incarnation, a number drawn when a process starts, which so names what
 * is in its memory. One that was only cut off comes back under the same.
 *
 *     FOUND    the first one, who has everything; nothing where there is one already
 *     ADMIT    in; where it is the only one to hold a partition, it becomes its primary
 *     EXPEL    out; where it was primary, another who is in sync is; where it was the last one in
 *              sync, the partition is OFFLINE and it the holder
 *     LEARN    is to have a copy
 *     FORGET   is not to have one; not for the primary, nor for the holder of what is OFFLINE
 *     ADD      has one, and is in sync from now on. Only the primary may ask
 *     SHRINK   does not keep up, and only learns from now on. Only the primary may ask
 *     MOVE     another who is in sync is primary. If the primary asks, it has given up its lease
 *              before, and stays in sync; if nobody does, its last grant must be over, and it only
 *              learns. Where it is the primary itself that is named, it stays, and what it was
 *              asked to hand over is called off
 *
 *     LEAVE    is going to leave: gets nothing more, and what it has goes to the others; not the
 *              last one who stays. It is out when it is expelled
 *
 *     OPEN     a client has a session, whose number is the command's index; it keeps the one it has
 *     EXPIRE   a session is over, and what is asked in it is not done any more
 *
 * Three more change nothing here, and are for duo.h: that there are two who need each other, and
 * who of them is the anchor; which of their channels count; that this ends.
 *
 * Invariants: a row's epoch rises with each change of it and with nothing else; its primary is in
 * sync; who is in sync, primary or learning is in the cluster, except the holders of what is
 * OFFLINE; nobody is in sync and learning. Where anybody is in, there is one who does not leave: of
 * those who leave, the one who was first stays when all others are gone.
 *
 * Pure, and deterministic to the bit. One thread at a time.
 */
#ifndef GRID_CLUSTER_METADATA_H
#define GRID_CLUSTER_METADATA_H

#include "grid/cluster/card.h"
#include "grid/cluster/row.h"
#include "net/base/error.h"
#include "net/wire/sink.h"

enum { CLUSTER_MEMBERS_MAX = 256, CLUSTER_SESSIONS_MAX = 4096 };

struct cluster_member {
    uint64_t incarnation;
    bool in;            /* the cluster; the others are remembered as holders */
    bool leaves;        /* and gives away what it has */
    uint64_t taken;     /* the index of the command that admitted it, or last took a role from it */
    uint64_t joined;    /* the index of the command that admitted it: its raft number */
    uint32_t primaries; /* partitions */
    uint32_t copies;    /* the same, as anything */
    struct card card;
};

/* See grid/op/sessions.h. */
struct cluster_session {
    uint64_t number; /* the index of the command that opened it */
    uint64_t client_high, client_low;
};

struct metadata {
    uint64_t index;                     /* of the last command */
    uint64_t cluster_high, cluster_low; /* its uuid, drawn by the founder */
    struct cluster_member members[CLUSTER_MEMBERS_MAX];
    uint32_t member_count;
    struct row *rows;
    uint32_t partitions;
    struct cluster_session *sessions; /* by number */
    uint32_t session_count;
};

enum command_kind {
    COMMAND_FOUND,
    COMMAND_ADMIT,
    COMMAND_EXPEL,
    COMMAND_LEARN,
    COMMAND_FORGET,
    COMMAND_ADD,
    COMMAND_SHRINK,
    COMMAND_MOVE,
    COMMAND_DUO,
    COMMAND_ATTACH,
    COMMAND_DUO_END,
    COMMAND_OPEN,
    COMMAND_EXPIRE,
    COMMAND_LEAVE
};

struct command {
    enum command_kind kind;
    uint64_t member;                    /* of OPEN, who wishes it */
    uint32_t partition;                 /* of LEARN and those that follow, as what comes now */
    uint64_t epoch;                     /* that the row still has; of ATTACH, its channel; of
                                         * EXPIRE, the session */
    uint64_t primary;                   /* who asks; of ATTACH, the other's channel */
    struct card card;                   /* of FOUND and ADMIT */
    uint64_t cluster_high, cluster_low; /* of FOUND; of OPEN, the client's uuid */
};

/* All partitions are the founder's, whose raft number is 1; of NOBODY: there is no cluster before
 * FOUND is applied. MR_ERR_MEMORY. */
mr_rc_t metadata_init(struct metadata *m, uint32_t partitions, uint64_t founder);
void metadata_free(struct metadata *m);

/* MR_OK: done; MR_EXISTS: it was so before; MR_NOT_EQUAL: what it was decided upon is not so;
 * MR_ERR_FULL: there are as many members, or sessions, as can be. The index rises whatever is
 * answered. */
mr_rc_t metadata_apply(struct metadata *m, const struct command *c);

/* The same, of the command at this index of the log, where there are other entries between. */
mr_rc_t metadata_apply_at(struct metadata *m, uint64_t index, const struct command *c);

/* Does it keep what it has, and may it be given more? */
static inline bool cluster_member_stays(const struct cluster_member *x)
{
    return x->in && !x->leaves;
}

/* How many do. */
uint32_t metadata_staying(const struct metadata *m);

/* Those that a partition has, or is about to have, at members that stay. */
uint32_t metadata_copies_staying(const struct metadata *m, const struct row *r);

/* NULL: unknown, and neither in nor a holder. */
const struct cluster_member *metadata_member(const struct metadata *m, uint64_t incarnation);

/* The client's session; 0: it has none. */
uint64_t metadata_session(const struct metadata *m, uint64_t client_high, uint64_t client_low);

/* The next command that brings the partitions nearer to having `copies` copies at members that
 * stay: each where it is missing most, at the member that has the fewest. What a member who leaves
 * is primary of is handed over first, where that can be, since its successor would begin the copy
 * anew. False: there is nothing to do, or nobody to do it. */
bool metadata_repair(const struct metadata *m, uint32_t copies, struct command *ret_c);

/* As bytes, for a snapshot and for the log. */
void metadata_encode(const struct metadata *m, struct sink *out);
void command_encode(const struct command *c, struct sink *out);

/* MR_ERR_MALFORMED: these are no bytes that were encoded; what metadata_check wants holds of all
 * that is. MR_ERR_MEMORY. */
mr_rc_t metadata_decode(struct metadata *m, const void *bytes, size_t size);
mr_rc_t command_decode(struct command *c, const void *bytes, size_t size);

/* All that must hold. Dies where it does not. */
void metadata_check(const struct metadata *m);

#endif
