/* replica.h - one partition's copies: what is written at its primary is committed when everybody
 * who is in sync holds it, and only then applied and answered.
 *
 *     write ──▶ ring ──append──▶ backup's ring ──ack──▶ committed ──▶ store, answer
 *                 │                     └── committed (told with the next append) ──▶ store
 *                 └────append──▶ learner's ring, and chunks of the store, until it has all of it
 *
 * The ring is a log of operations with numbers, `seq`, and the epoch each was written in. An append
 * names the number and the epoch of the operation before its own; who has another there, or none,
 * says so and is sent earlier ones. What contradicts the primary's ring is cut off. So equal number
 * and epoch mean equal operations, up to there.
 *
 * Why nothing that was acknowledged is lost: everybody in sync at that moment had it in his ring.
 * Who is added later holds it before he is added, and the primary counts him from the moment it
 * asks for the addition; who is removed counts until that is agreed. A new primary was in sync,
 * and everything in its ring is to be committed. If another operation has the same number
 * somewhere, it was not held by all in sync, for one of them had this one, and so nobody was told
 * that it is done.
 *
 * States, by what the row says of this member:
 *
 *     REPLICA_NONE      nothing: no copy is wanted here
 *     REPLICA_LEARNING  learner: takes what it is sent, does not count
 *     REPLICA_BACKUP    in sync: its acknowledgement is waited for
 *     REPLICA_TAKING    primary, until all in sync hold what its ring held when its reign began
 *     REPLICA_SERVING   primary: reads and writes
 *     REPLICA_DRAINING  primary, asked to hand over: reads; writes wait until it has
 *     REPLICA_HANDING   primary, has said that it is ready: nothing, until the next row
 *     REPLICA_HOLDING   OFFLINE, and this member may hold what nobody else does
 *
 * An operation may be done at the primary before it is committed (`early`): what is decided upon it
 * afterwards is then decided upon what is there. Its answer waits all the same, and so does
 * whatever else shows it. Nobody else does it before it is committed. If it is cut off, the store
 * of who did it holds what never was, and is not whole any more: it has to be copied anew. Nor
 * does who was primary claim to be whole before its new primary is known to hold what was done
 * early.
 *
 * Handing over: a primary that is asked for it takes no more writes, waits until all is committed
 * and its heir has done it too, so that what it has told to listeners nobody tells again, answers
 * no more reads, and says that it is ready. The control log then makes the heir primary, or, with a
 * new epoch, lets it go on. Which of the two it was only a row tells, and never time: what it has
 * said may still be on its way.
 *
 *     SERVING ──replica_hand_over──▶ DRAINING ──all is settled──▶ HANDING     out.ready
 *     DRAINING, HANDING ──a row that names it──▶ SERVING, ──another row──▶ what that says
 *
 * Who lives and does not acknowledge is waited for as well, so that it is not for ever: its primary
 * notices, and asks that it only learns (replica_stall.c). Until a row says so it counts.
 *
 * Who alone is in sync commits without anybody's acknowledgement; that it is still primary is then
 * shown by its lease only, which the caller vouches for.
 *
 * Pure: no clock, no I/O; what is to be done is told through `out`, from inside the calls, and must
 * not come back in. Under the partition's lock.
 */
#ifndef GRID_OP_REPLICA_H
#define GRID_OP_REPLICA_H

#include "grid/cluster/row.h"
#include "net/base/error.h"

enum replica_state {
    REPLICA_NONE,
    REPLICA_LEARNING,
    REPLICA_BACKUP,
    REPLICA_TAKING,
    REPLICA_SERVING,
    REPLICA_DRAINING,
    REPLICA_HANDING,
    REPLICA_HOLDING
};

/* One operation. The effect is what changes, whatever was asked for: applying it is the same
 * everywhere. It belongs to the ring. */
struct replica_op {
    uint64_t seq, epoch;
    void *effect;
    void *ticket; /* the caller's who waits for it; NULL: nobody, here */
    bool early;   /* it is done here already */
};

/* From the primary: the operations behind `after`. None: only to compare. */
struct replica_append {
    uint64_t epoch;
    uint64_t after_seq, after_epoch;
    uint64_t commit_seq;
    uint32_t count;
    const struct replica_op *ops;
};

/* To the primary. */
struct replica_ack {
    uint64_t epoch;
    uint64_t held_seq;    /* all up to here is as the primary has it */
    bool missing;         /* what came does not fit: send from held_seq on. A guess, then */
    bool settled;         /* and it has been told that all of it is committed */
    bool whole;           /* the store is a whole copy, as far as it is committed */
    uint64_t walk, chunk; /* the last chunk that was taken, and of which walk */
};

/* From the primary to a learner: a part of its store. */
struct replica_chunk {
    uint64_t epoch;
    uint64_t walk;       /* later ones have greater numbers, within a reign */
    uint64_t number;     /* 1 ..; those of a walk follow one another */
    uint64_t commit_seq; /* of the store when it was made */
    uint64_t base_epoch; /* of the operation with that number */
    uint64_t rests_seq;  /* what is in it is committed when this is */
    bool first, last;
    void *entries;
};

struct replica;

struct replica_out {
    void (*append)(struct replica *r, uint64_t to, const struct replica_append *a);
    void (*ack)(struct replica *r, uint64_t to, const struct replica_ack *a);
    /* Part c->number of a walk through the store, of which those before have been taken; it is
     * asked for again when it seems lost. entries, last and rests_seq, which is commit_seq, or more
     * where it holds what was done early, are to be filled in. True: it is the last one. */
    bool (*chunk)(struct replica *r, uint64_t to, const struct replica_chunk *c);
    /* An effect to the store, but if it was done early; while a copy is not whole, not to an entry
     * that is newer. */
    void (*apply)(struct replica *r, const struct replica_op *op);
    void (*take_chunk)(struct replica *r, const struct replica_chunk *c);
    void (*whole)(struct replica *r); /* the store is a whole copy, from now on */
    void (*wipe)(struct replica *r);  /* the store begins anew */
    void (*committed)(struct replica *r, void *ticket, uint64_t seq);
    void (*unknown)(struct replica *r, void *ticket); /* it may be committed, by another */
    void (*release)(struct replica *r, void *effect);
    void (*ask_add)(struct replica *r, uint64_t member, uint64_t epoch); /* it is as good as that */
    void (*serving)(struct replica *r);
    /* Nothing is read here from now on, and to, who is in sync, has all there is: it may be primary
     * if the epoch is still that one. */
    void (*ready)(struct replica *r, uint64_t to, uint64_t epoch);
    /* Nothing came of it: another epoch is wanted, with the same primary. */
    void (*call_off)(struct replica *r, uint64_t epoch);
    /* It is in sync and does not acknowledge: it is only to learn from now on. */
    void (*ask_shrink)(struct replica *r, uint64_t member, uint64_t epoch);
};

/* In calls of replica_tick, of which there are twenty a second. */
enum {
    STALL_TICKS = 20,     /* who is waited for so long and does not move has stalled */
    STALL_AGAIN = 4,      /* what was asked for may be lost, and is asked for again */
    STALL_RESTS = 20,     /* who had stalled keeps up so long before it is added again, */
    STALL_RESTS_MAX = 640 /* twice as long each time, up to this */
};

struct replica_peer {
    uint64_t member;
    uint64_t held_seq;    /* acknowledged in this epoch */
    uint64_t settled_seq; /* and it knows that they are committed */
    uint64_t sent_seq;
    bool answered;     /* something, in this epoch */
    bool probing;      /* one append at a time, until one fits */
    bool asked_to_add; /* and so it counts */
    bool whole, walking;
    bool walked;          /* the chunk that was sent is the last one */
    uint64_t walk, chunk; /* that was sent */

    uint64_t looked_seq; /* at the last tick: 1 + held_seq; 0: nothing was acknowledged */
    uint32_t still;      /* ticks for which it was waited for and has not moved */
    uint32_t rests;      /* ticks for which it has to keep up before it is added; */
    uint32_t rests_next; /* and how many it will be the next time */
};

struct replica {
    uint64_t self;
    const struct replica_out *out;
    void *context; /* the owner's */
    struct row row;
    enum replica_state state;

    struct replica_op *ring; /* seq % ring_size */
    uint32_t ring_size;      /* a power of two */
    uint64_t first_seq;      /* the earliest one kept; last_seq + 1: none is */
    uint64_t last_seq, commit_seq;
    uint64_t base_epoch; /* of the operation before first_seq */
    uint64_t keep;       /* committed ones that are kept for who comes back, at most */

    uint64_t early_seq;   /* the last one that was done early */
    uint64_t take_seq;    /* TAKING: what there was when the reign began */
    uint64_t heir;        /* who is to be primary; SERVING: when it has been heard; NOBODY */
    bool whole;           /* the store holds all up to commit_seq */
    uint64_t walk, chunk; /* the last one taken */
    bool walked;          /* it was the last of its walk */
    uint64_t walk_seq;    /* which is whole when committed up to here */

    uint64_t walks; /* begun here */
    struct replica_peer peers[2 * COPIES_MAX];
    uint32_t peer_count;
};

/* `keep`: how many committed operations are kept. MR_ERR_MEMORY. */
mr_rc_t replica_init(struct replica *r, uint64_t self, const struct replica_out *out, void *context,
                     uint64_t keep);

/* Releases what is in the ring; nobody is told. */
void replica_free(struct replica *r);

/* The cluster has agreed. Older rows are ignored. */
void replica_row(struct replica *r, const struct row *row);

/* Room in the ring for one more, so that the next write needs no memory. MR_ERR_MEMORY. */
mr_rc_t replica_reserve(struct replica *r);

/* Puts an effect into the ring, and takes it over. `early`: it is done. MR_ERR_STALE: not primary,
 * or not yet; MR_ERR_MEMORY: then it stays the caller's. */
mr_rc_t replica_write(struct replica *r, void *effect, void *ticket, bool early, bool leased);

/* Serving, with nobody to send to, the caller has changed the store directly, up to seq, and
 * vouches for the lease. The ring is empty from there on. */
void replica_skip(struct replica *r, uint64_t seq);

void replica_on_append(struct replica *r, uint64_t from, const struct replica_append *a);
void replica_on_ack(struct replica *r, uint64_t from, const struct replica_ack *a, bool leased);
void replica_on_chunk(struct replica *r, uint64_t from, const struct replica_chunk *c);

/* The control log has answered what ask_add asked for: no, though the epoch is still that one. If
 * it is another, the next row will tell. */
void replica_add_refused(struct replica *r, uint64_t member, uint64_t epoch);

/* The leader of the control log asks for it. Nothing happens where it is of another epoch, nor
 * until `to` has been heard of in this one and keeps up. */
void replica_hand_over(struct replica *r, uint64_t to, uint64_t epoch, bool leased);

/* It takes too long: asks for that row which lets it go on, where it still waits for one. */
void replica_call_off(struct replica *r);

/* From time to time, and when a connection to a member is new (NOBODY: all of them): sends again
 * what was not acknowledged. */
void replica_again(struct replica *r, uint64_t to, bool leased);

/* From time to time, at equal distances: looks for who has stalled. */
void replica_tick(struct replica *r, bool leased);

/* An operation of the ring; NULL: it is not kept. */
const struct replica_op *replica_op(const struct replica *r, uint64_t seq);

static inline bool replica_is_handing_over(const struct replica *r)
{
    return r->state == REPLICA_DRAINING || r->state == REPLICA_HANDING;
}

/* Has it served in this reign? */
static inline bool replica_has_served(const struct replica *r)
{
    return r->state == REPLICA_SERVING || replica_is_handing_over(r);
}

static inline bool replica_may_read(const struct replica *r)
{
    return r->state == REPLICA_SERVING || r->state == REPLICA_DRAINING;
}

static inline bool replica_is_primary(const struct replica *r)
{
    return r->state == REPLICA_TAKING || replica_has_served(r);
}

/* Up to where all is done here that can be done early. Who takes over holds what another has begun,
 * and does it when it is committed. */
static inline uint64_t replica_done_seq(const struct replica *r)
{
    if (r->state != REPLICA_TAKING)
        return r->last_seq;
    return r->early_seq > r->commit_seq ? r->early_seq : r->commit_seq;
}

/* All that must hold, whatever happened. Dies where it does not. */
void replica_check(const struct replica *r);

#endif
