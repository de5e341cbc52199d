/* replica_stall.c - who lives and does not acknowledge is asked to be taken out of sync.
 *
 * Its beats come and its acknowledgements do not: its loop is stuck, a connection is
 * half dead, it refuses what it is sent. The control log will not expel it, and all that is written
 * waits for it.
 *
 * Counted are calls and not time: while this member itself stands still, nothing is. Nor is it the
 * fault of the others if several of them lag at once; then nothing is asked for, as whoever asks
 * would be left alone with all that is written. (grid/cluster/stalls.h looks at the same over all
 * partitions.) */
#include "grid/cluster/mutant.h"
#include "grid/op/replica.h"

/* Is something waited for that it does not hold? */
static bool lacks(const struct replica *r, const struct replica_peer *p)
{
    return r->commit_seq < r->last_seq && (!p->answered || p->held_seq < r->last_seq);
}

/* An answer in a new epoch is a move, too; a new epoch is none. */
static void look_at(const struct replica *r, struct replica_peer *p)
{
    uint64_t seq = p->answered ? 1 + p->held_seq : 0;

    if (!lacks(r, p) || seq > p->looked_seq)
        p->still = 0;
    else
        p->still++;
    p->looked_seq = seq;
    if (p->rests > 0)
        p->rests -= p->answered && p->held_seq >= r->commit_seq;
    else if (p->rests_next > STALL_RESTS)
        p->rests_next--;
}

/* The only one in sync that has stalled, while no other is about to; NULL: there is none. */
static const struct replica_peer *stalled(const struct replica *r)
{
    const struct replica_peer *found = NULL;
    uint32_t slow = 0;

    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct replica_peer *p = &r->peers[i];

        if (!row_in_sync(&r->row, p->member))
            continue;
        slow += p->still >= STALL_TICKS / 2;
        found = p->still >= STALL_TICKS ? p : found;
    }
    return slow == 1 ? found : NULL;
}

void replica_tick(struct replica *r, bool leased)
{
    const struct replica_peer *p;

    if (!replica_is_primary(r))
        return;
    for (uint32_t i = 0; i < r->peer_count; i++)
        look_at(r, &r->peers[i]);
    if (!leased || MUTANT(STALL_OVERLOOKED) || !(p = stalled(r)))
        return;
    if ((p->still - STALL_TICKS) % STALL_AGAIN == 0)
        r->out->ask_shrink(r, p->member, r->row.epoch);
}
