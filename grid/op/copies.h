/* copies.h - one partition's share in a cluster: its replica, and what rests on it here.
 *
 *     a change ──▶ copies_write ──▶ the ring ──out.append──▶ backups
 *                     │  noted as pending, and by the caller's commit
 *     acks ──▶ copies_on_ack ──▶ committed ──▶ map_apply, in order ──▶ calls are answered
 *
 * replica.h says how copies are kept alike. Here are its surroundings: effects of maps are what is
 * in the ring, the maps' shares of this partition are the store, and chunks are walks through them.
 *
 * Pending are effects that are in the ring and not committed. Only writers look at them, so that
 * a change is decided upon what will be there; readers see what is committed.
 *
 * Objects that lie whole in one partition, and locks, go another way: early.h. What clients were
 * answered is part of a copy as well: once.h.
 *
 * Alone, that is without anybody to send to, a primary changes the store directly; the partition's
 * number of changes goes on meanwhile, and the ring takes it up when others come.
 *
 * Threads: under the partition's lock, but for copies_may_read.
 */
#ifndef GRID_OP_COPIES_H
#define GRID_OP_COPIES_H

#include "grid/data/effect.h"
#include "grid/op/commit.h"
#include "grid/op/early.h"
#include "grid/op/replica.h"
#include "grid/op/wait.h"

enum { PENDING_BUCKETS = 64, COPIES_KEEP = 128, COPIES_CHUNK = 128 * 1024 };

/* What a partition's table of answers may take: of some thousand clients that write one by one, or
 * of ten that write as much at a time as they may. */
enum { COPIES_SESSIONS = 4 * 1024 * 1024 };

struct copies;
struct map;
struct maps;

/* A part of a partition on its way to a learner: entries, as effects that put them, each behind its
 * number. Bytes, to be copied by who sends them. */
struct copies_chunk {
    const struct replica_chunk *head;
    const struct sink *entries;
};

/* Where messages go. Under the partition's lock: it copies, and does not wait. */
struct copies_out {
    void (*append)(void *context, const struct copies *c, uint64_t to,
                   const struct replica_append *a);
    void (*ack)(void *context, const struct copies *c, uint64_t to, const struct replica_ack *a);
    void (*chunk)(void *context, const struct copies *c, uint64_t to, const struct copies_chunk *k);
    /* Wishes for the control log, about this partition at its epoch: that member is to be added;
     * it is to be primary, this member being ready for that; this member is to stay primary. */
    void (*ask_add)(void *context, const struct copies *c, uint64_t member, uint64_t epoch);
    void (*ready)(void *context, const struct copies *c, uint64_t member, uint64_t epoch);
    void (*call_off)(void *context, const struct copies *c, uint64_t epoch);
    /* And: that member has stalled, and is only to learn. */
    void (*ask_shrink)(void *context, const struct copies *c, uint64_t member, uint64_t epoch);
};

/* Where a chunk ends, and the next one of its walk begins: all entries of earlier maps, and those
 * of this one with a smaller hash, lie before it; behind them all comes the picture of the rest. */
struct copies_cursor {
    uint64_t walk, number;
    struct map *map; /* NULL: at the beginning */
    uint64_t at;
    bool maps_end;
    size_t picture; /* how much of it lies before */
    bool end;       /* of all */
};

struct copies {
    struct replica replica;
    struct partitions *partitions;
    struct maps *maps;
    uint32_t number; /* of the partition */
    const struct copies_out *out;
    void *context;

    struct effect *pending[PENDING_BUCKETS]; /* by hash, the newest first */
    uint32_t pending_count;
    uint32_t clears;      /* of them, effects that clear a map */
    struct list commits;  /* of struct commit_note, by number */
    struct waits serving; /* calls that wait until it serves */

    uint64_t told_seq;    /* committed when last looked at */
    uint64_t waiting_seq; /* and the first that was not; 0: all was */
    uint32_t ticks;
    uint32_t handing_ticks; /* since it was asked to hand over */

    struct copies_cursor cursors[2 * COPIES_MAX][2]; /* by peer, and the chunk's number being odd */
    uint64_t walkers[2 * COPIES_MAX];                /* whose they are */
    struct early_picture pictures[2 * COPIES_MAX];
    struct early early;

    struct sessions sessions;
    const struct once_open *open; /* NULL: not known yet */
    bool looks_for_expired;
};

/* All partitions have copies from now on, and none is served until a row says so. Before anybody
 * uses them. MR_ERR_MEMORY: copies_stop cleans up. */
mr_rc_t copies_start(struct partitions *ps, struct maps *maps, uint64_t self,
                     const struct copies_out *out, void *context);

/* Nobody uses them any more; before partitions_stop. Also for what was never started. */
void copies_stop(struct partitions *ps);

/* ---- the partition's lock is held ----------------------------------------------------------- */

/* The cluster has agreed. */
void copies_row(struct copies *c, const struct row *row);

/* Effects of `a` are taken over. */
void copies_on_append(struct copies *c, uint64_t from, const struct replica_append *a);
void copies_on_ack(struct copies *c, uint64_t from, const struct replica_ack *a);

/* head->entries is a struct copies_entries. */
struct copies_entries {
    uint32_t count;
    struct effect *at; /* with their numbers in seq; not in a slab */
};

void copies_on_chunk(struct copies *c, uint64_t from, const struct replica_chunk *head);

/* What was asked for with ask_add is refused; as replica_add_refused. */
void copies_add_refused(struct copies *c, uint64_t member, uint64_t epoch);

/* The leader of the control log asks it to hand over to a member that is in sync; as
 * replica_hand_over. New changes wait, as those that come before it serves, until a row says who
 * goes on. */
void copies_hand_over(struct copies *c, uint64_t to, uint64_t epoch);

/* Each 50 ms: tells backups what is committed, sends again what they have not acknowledged for a
 * while, and looks for who has stalled. */
void copies_tick(struct copies *c);

/* As replica_again. */
void copies_again(struct copies *c, uint64_t to);

/* May a change be made here, now? MR_PENDING: soon, and w waits for it (NULL: MR_ERR_BUSY).
 * MR_ERR_MOVED: elsewhere. */
mr_rc_t copies_may_write(struct copies *c, struct waiter *w);

/* Is it only this member that has to have it? Then changes are made directly. */
static inline bool copies_are_alone(const struct copies *c)
{
    return c->replica.peer_count == 0;
}

/* The newest effect on the key that is not committed; NULL: what is in the store is the newest. It
 * may be one that clears. The thread's commit rests on it. */
const struct effect *copies_pending(struct copies *c, const struct map *m, uint64_t hash,
                                    const struct data *key);

/* The same of one that is done here already, for which there is room: it cannot fail. */
void copies_write_early(struct copies *c, struct effect *e);

/* Puts the effect into the ring, takes it over and gives it its number; the thread's commit rests
 * on it. MR_ERR_MEMORY: it stays the caller's, and nothing has changed. */
mr_rc_t copies_write(struct copies *c, struct effect *e);

#endif
