#include "grid/op/replica.h"

#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"
#include "net/base/mem.h"

enum { RING_MIN = 16, APPEND_MAX = 64, WALK_KEEPS = 32 };

/* ---- the ring ------------------------------------------------------------------------------- */

static struct replica_op *slot(const struct replica *r, uint64_t seq)
{
    return &r->ring[seq & (r->ring_size - 1)];
}

const struct replica_op *replica_op(const struct replica *r, uint64_t seq)
{
    return seq >= r->first_seq && seq <= r->last_seq ? slot(r, seq) : NULL;
}

/* Does the ring know the epoch of this number? */
static bool knows(const struct replica *r, uint64_t seq)
{
    return seq + 1 >= r->first_seq && seq <= r->last_seq;
}

static uint64_t epoch_of(const struct replica *r, uint64_t seq)
{
    return seq < r->first_seq ? r->base_epoch : slot(r, seq)->epoch;
}

static bool grow(struct replica *r)
{
    uint32_t size = r->ring_size ? 2 * r->ring_size : RING_MIN;
    struct replica_op *ring = mem_alloc_zero(size * sizeof *ring);

    if (!ring)
        return false;
    for (uint64_t seq = r->first_seq; seq <= r->last_seq; seq++)
        ring[seq & (size - 1)] = *slot(r, seq);
    mem_free(r->ring);
    r->ring = ring;
    r->ring_size = size;
    return true;
}

static bool has_room(struct replica *r)
{
    return r->last_seq + 1 - r->first_seq < r->ring_size || grow(r);
}

static bool push(struct replica *r, struct replica_op op)
{
    if (!has_room(r))
        return false;
    *slot(r, ++r->last_seq) = op;
    return true;
}

/* Nobody will tell the one who waits for it. */
static void give_up(struct replica *r, struct replica_op *op)
{
    if (op->ticket)
        r->out->unknown(r, op->ticket);
    op->ticket = NULL;
}

/* Cuts off what is behind seq. What was done early cannot be undone. */
static void cut(struct replica *r, uint64_t seq)
{
    check(seq >= r->commit_seq);
    for (; r->last_seq > seq; r->last_seq--) {
        if (slot(r, r->last_seq)->early && !MUTANT(EARLY_STAYS_WHOLE))
            r->whole = r->walked = false;
        give_up(r, slot(r, r->last_seq));
        r->out->release(r, slot(r, r->last_seq)->effect);
    }
}

/* Committed ones are kept for those who come back, but not for ever; more of them while somebody
 * copies the store, who would have to begin anew without them. */
static uint64_t kept(const struct replica *r)
{
    for (uint32_t i = 0; i < r->peer_count; i++)
        if (r->peers[i].walking)
            return WALK_KEEPS * r->keep;
    return r->keep;
}

static void trim(struct replica *r)
{
    uint64_t keep = kept(r);

    while (r->first_seq + keep <= r->commit_seq) {
        struct replica_op *op = slot(r, r->first_seq++);

        r->base_epoch = op->epoch;
        r->out->release(r, op->effect);
    }
}

/* Begins anew behind seq, without operations. */
static void restart(struct replica *r, uint64_t seq, uint64_t epoch)
{
    for (uint64_t s = r->first_seq; s <= r->last_seq; s++) {
        give_up(r, slot(r, s));
        r->out->release(r, slot(r, s)->effect);
    }
    r->early_seq = 0;
    r->first_seq = seq + 1;
    r->last_seq = r->commit_seq = seq;
    r->base_epoch = epoch;
}

/* ---- appends --------------------------------------------------------------------------------- */

/* How many lie in the ring in one piece from seq on. */
static uint32_t run_length(const struct replica *r, uint64_t seq)
{
    uint64_t n = r->last_seq + 1 - seq, to_end = r->ring_size - (seq & (r->ring_size - 1));

    n = n < to_end ? n : to_end;
    return (uint32_t)(n < APPEND_MAX ? n : APPEND_MAX);
}

/* What comes next for a peer; nothing, if that is all, to compare and to tell what is committed. */
static void append_once(struct replica *r, struct replica_peer *p)
{
    if (!knows(r, p->sent_seq)) /* that is not kept any more: it will say so if it needs it */
        p->sent_seq = r->first_seq - 1;
    uint32_t count = p->sent_seq < r->last_seq ? run_length(r, p->sent_seq + 1) : 0;

    r->out->append(r, p->member,
                   &(struct replica_append){.epoch = r->row.epoch,
                                            .after_seq = p->sent_seq,
                                            .after_epoch = epoch_of(r, p->sent_seq),
                                            .commit_seq = r->commit_seq,
                                            .count = count,
                                            .ops = count ? slot(r, p->sent_seq + 1) : NULL});
    p->sent_seq += count;
}

/* ---- what is committed ---------------------------------------------------------------------- */

static void settle_whole(struct replica *r)
{
    if (r->whole || !r->walked || r->commit_seq < r->walk_seq)
        return;
    r->whole = true;
    r->out->whole(r);
}

static void commit(struct replica *r, uint64_t seq)
{
    while (r->commit_seq < seq) {
        struct replica_op *op = slot(r, r->commit_seq + 1);

        r->out->apply(r, op);
        r->commit_seq++;
        if (op->ticket)
            r->out->committed(r, op->ticket, op->seq);
        op->ticket = NULL;
    }
    settle_whole(r);
    trim(r);
}

/* Is this one waited for? Whoever was asked to be added may have been, by now. */
static bool counts(const struct replica *r, const struct replica_peer *p)
{
    if (MUTANT(ADD_COUNTED_LATE))
        return row_in_sync(&r->row, p->member);
    if (MUTANT(SHRINK_NOT_COUNTED) && p->still >= STALL_TICKS)
        return false;
    return p->asked_to_add || row_in_sync(&r->row, p->member);
}

/* The last operation that all who count hold; *ret_alone: nobody does. */
static uint64_t held_by_all(const struct replica *r, bool *ret_alone)
{
    uint64_t seq = r->last_seq;

    *ret_alone = true;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct replica_peer *p = &r->peers[i];

        if (!counts(r, p))
            continue;
        *ret_alone = false;
        if (!p->answered)
            return 0;
        seq = p->held_seq < seq ? p->held_seq : seq;
    }
    return seq;
}

static void ask_for_additions(struct replica *r)
{
    if (r->state != REPLICA_SERVING)
        return;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct replica_peer *p = &r->peers[i];

        if (!row_learns(&r->row, p->member) || p->asked_to_add || !p->answered || !p->whole ||
            p->held_seq < r->commit_seq || p->rests > 0 || r->row.in_sync_count == COPIES_MAX)
            continue;
        p->asked_to_add = true;
        r->out->ask_add(r, p->member, r->row.epoch);
    }
}

static struct replica_peer *peer_of(struct replica *r, uint64_t member)
{
    for (uint32_t i = 0; i < r->peer_count; i++)
        if (r->peers[i].member == member)
            return &r->peers[i];
    return NULL;
}

/* Nobody waits before the heir has been heard in this epoch and keeps up. What is committed it has
 * to be told, and to say that it was. Reads end before it is said that all is ready. */
static void settle_hand_over(struct replica *r)
{
    struct replica_peer *p = r->heir != NOBODY ? peer_of(r, r->heir) : NULL;

    if (r->state == REPLICA_SERVING && p && p->answered && p->held_seq >= r->commit_seq)
        r->state = REPLICA_DRAINING;
    if (r->state != REPLICA_DRAINING || r->commit_seq < r->last_seq)
        return;
    if (p->settled_seq < r->last_seq) {
        append_once(r, p);
        return;
    }
    if (!MUTANT(READY_WITH_LEASE))
        r->state = REPLICA_HANDING;
    r->out->ready(r, r->heir, r->row.epoch);
}

static void advance(struct replica *r, bool leased)
{
    bool alone;
    uint64_t seq = MUTANT(ACK_BEFORE_BACKUP) ? r->last_seq : held_by_all(r, &alone);

    if (MUTANT(ACK_BEFORE_BACKUP))
        alone = false;
    if (alone && !leased)
        return;
    if (seq > r->commit_seq)
        commit(r, seq);
    if (r->state == REPLICA_TAKING && (r->commit_seq >= r->take_seq || MUTANT(SERVE_BEFORE_TAKE))) {
        r->state = REPLICA_SERVING;
        r->out->serving(r);
    }
    ask_for_additions(r);
    settle_hand_over(r);
}

/* ---- the primary ---------------------------------------------------------------------------- */

/* All that was not sent. Where it is not known what fits, an append is only sent when the one
 * before was answered: else each of many would be answered by the wish for all of them. */
static void append_all(struct replica *r, struct replica_peer *p)
{
    while (!p->probing && p->sent_seq < r->last_seq)
        append_once(r, p);
}

static void probe(struct replica *r, struct replica_peer *p, uint64_t from_seq)
{
    p->probing = true;
    p->sent_seq = from_seq < r->last_seq ? from_seq : r->last_seq;
    append_once(r, p);
}

/* The chunk behind those that were taken. */
static void send_chunk(struct replica *r, struct replica_peer *p, uint64_t taken)
{
    p->chunk = taken + 1;
    if (p->chunk == 1)
        p->sent_seq = r->commit_seq;
    p->walked = r->out->chunk(r, p->member,
                              &(struct replica_chunk){.epoch = r->row.epoch,
                                                      .walk = p->walk,
                                                      .number = p->chunk,
                                                      .commit_seq = r->commit_seq,
                                                      .base_epoch = epoch_of(r, r->commit_seq),
                                                      .first = p->chunk == 1});
}

/* What is not committed in what the store held is sent behind it. */
static void walk(struct replica *r, struct replica_peer *p)
{
    p->walking = true;
    p->walk = ++r->walks;
    p->whole = p->walked = p->answered = false;
    p->held_seq = 0;
    send_chunk(r, p, 0);
    probe(r, p, r->commit_seq);
}

/* What it holds does not fit. Whoever counts holds all that is committed, so that the earliest one
 * kept fits; a learner may have to begin anew. */
static void send_earlier(struct replica *r, struct replica_peer *p, const struct replica_ack *a)
{
    if (a->held_seq < p->held_seq)
        return; /* it has said since that it holds more */
    if (a->held_seq + 1 >= r->first_seq || counts(r, p))
        probe(r, p, a->held_seq);
    else
        walk(r, p);
}

static void on_walking(struct replica *r, struct replica_peer *p, const struct replica_ack *a)
{
    if (p->whole)
        p->walking = false;
    else if (a->walk == p->walk && a->chunk == p->chunk && !p->walked)
        send_chunk(r, p, a->chunk);
}

void replica_on_ack(struct replica *r, uint64_t from, const struct replica_ack *a, bool leased)
{
    struct replica_peer *p = peer_of(r, from);

    if (!replica_is_primary(r) || !p || (a->epoch != r->row.epoch && !MUTANT(EPOCH_IGNORED)))
        return;
    if (a->walk < p->walk)
        return; /* it speaks of a copy that begins anew */
    if (a->walk == p->walk)
        p->whole |= a->whole;
    if (p->walking)
        on_walking(r, p, a);
    if (a->missing) {
        send_earlier(r, p, a);
        return;
    }
    p->answered = true;
    if (a->held_seq > p->held_seq)
        p->held_seq = a->held_seq;
    if (a->settled && a->held_seq > p->settled_seq)
        p->settled_seq = a->held_seq;
    if (a->held_seq > p->sent_seq)
        p->sent_seq = a->held_seq;
    p->probing = false;
    append_all(r, p);
    if (!p->whole && !p->walking)
        walk(r, p);
    advance(r, leased);
}

mr_rc_t replica_reserve(struct replica *r)
{
    return has_room(r) ? MR_OK : MR_ERR_MEMORY;
}

mr_rc_t replica_write(struct replica *r, void *effect, void *ticket, bool early, bool leased)
{
    if (r->state != REPLICA_SERVING)
        return MR_ERR_STALE;
    if (!push(r, (struct replica_op){r->last_seq + 1, r->row.epoch, effect, ticket, early}))
        return MR_ERR_MEMORY;
    if (early)
        r->early_seq = r->last_seq;
    for (uint32_t i = 0; i < r->peer_count; i++)
        append_all(r, &r->peers[i]);
    advance(r, leased);
    return MR_OK;
}

void replica_skip(struct replica *r, uint64_t seq)
{
    check(r->state == REPLICA_SERVING);
    check(r->peer_count == 0);
    check(r->commit_seq == r->last_seq);
    check(seq >= r->last_seq);
    if (seq > r->last_seq)
        restart(r, seq, r->row.epoch);
}

void replica_add_refused(struct replica *r, uint64_t member, uint64_t epoch)
{
    struct replica_peer *p = peer_of(r, member);

    if (p && epoch == r->row.epoch)
        p->asked_to_add = false;
}

void replica_hand_over(struct replica *r, uint64_t to, uint64_t epoch, bool leased)
{
    if (r->state != REPLICA_SERVING || epoch != r->row.epoch || to == r->self ||
        !row_in_sync(&r->row, to))
        return;
    r->heir = to;
    replica_again(r, to, leased);
}

void replica_call_off(struct replica *r)
{
    if (!replica_is_handing_over(r))
        return;
    if (MUTANT(HAND_OVER_TIMED_OUT)) {
        r->state = REPLICA_SERVING;
        r->heir = NOBODY;
    }
    r->out->call_off(r, r->row.epoch);
}

void replica_again(struct replica *r, uint64_t to, bool leased)
{
    if (!replica_is_primary(r))
        return;
    if (r->state == REPLICA_HANDING)
        r->out->ready(r, r->heir, r->row.epoch);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct replica_peer *p = &r->peers[i];

        if (to != NOBODY && to != p->member)
            continue;
        if (p->walking && p->chunk > 0)
            send_chunk(r, p, p->chunk - 1);
        probe(r, p, p->answered && knows(r, p->held_seq) ? p->held_seq : p->sent_seq);
        if (p->asked_to_add)
            r->out->ask_add(r, p->member, r->row.epoch);
    }
    advance(r, leased);
}

/* ---- those who follow ----------------------------------------------------------------------- */

/* What it has done early and the primary is not known to hold may be cut off yet. */
static void acknowledge(struct replica *r, uint64_t held_seq, bool missing)
{
    bool is_ahead = r->early_seq > (missing ? r->commit_seq : held_seq);

    r->out->ack(r, r->row.primary,
                &(struct replica_ack){.epoch = r->row.epoch,
                                      .held_seq = held_seq,
                                      .missing = missing,
                                      .settled = !missing && held_seq == r->commit_seq,
                                      .whole = r->whole && (!is_ahead || MUTANT(EARLY_STAYS_WHOLE)),
                                      .walk = r->walk,
                                      .chunk = r->chunk});
}

static bool follows(const struct replica *r, uint64_t from, uint64_t epoch)
{
    if (r->state != REPLICA_LEARNING && r->state != REPLICA_BACKUP)
        return false;
    return MUTANT(EPOCH_IGNORED) || (epoch == r->row.epoch && from == r->row.primary);
}

/* Epochs rise along the ring, up to that of who sends. What lies before seq is there. */
static bool may_be_at(const struct replica *r, const struct replica_append *a, uint64_t seq,
                      uint64_t epoch)
{
    return epoch >= epoch_of(r, seq - 1) && epoch <= a->epoch;
}

/* Puts operations where they belong, in place of others. False: only some, for want of memory or
 * because the next one is none that a member may send. */
static bool take(struct replica *r, const struct replica_append *a, uint64_t *ret_held)
{
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t seq = a->after_seq + 1 + i;
        struct replica_op op = a->ops[i];

        op.ticket = NULL;
        op.early = false;
        if (seq <= r->commit_seq || (seq <= r->last_seq && epoch_of(r, seq) == op.epoch)) {
            r->out->release(r, op.effect); /* it is here already */
        } else {
            bool may_be = may_be_at(r, a, seq, op.epoch);

            if (may_be)
                cut(r, seq - 1);
            if (!may_be || !push(r, op)) {
                for (; i < a->count; i++)
                    r->out->release(r, a->ops[i].effect);
                return false;
            }
        }
        *ret_held = seq;
    }
    return true;
}

/* Effects that come in are the ring's, or released. */
void replica_on_append(struct replica *r, uint64_t from, const struct replica_append *a)
{
    uint64_t held = a->after_seq;

    if (!follows(r, from, a->epoch)) {
        for (uint32_t i = 0; i < a->count; i++)
            r->out->release(r, a->ops[i].effect);
        return;
    }
    bool fits = knows(r, a->after_seq) && epoch_of(r, a->after_seq) == a->after_epoch;

    if (!fits && a->after_seq + 1 >= r->first_seq) {
        for (uint32_t i = 0; i < a->count; i++)
            r->out->release(r, a->ops[i].effect);
        acknowledge(r, a->after_seq > r->last_seq ? r->last_seq : r->commit_seq, true);
        return;
    }
    /* What lies before the earliest one kept is committed, and so is the same everywhere. */
    (void)take(r, a, &held);
    if (MUTANT(APPLY_BEFORE_COMMIT))
        commit(r, held);
    else if (a->commit_seq > r->commit_seq)
        commit(r, a->commit_seq < held ? a->commit_seq : held);
    acknowledge(r, held > r->commit_seq ? held : r->commit_seq, false);
}

void replica_on_chunk(struct replica *r, uint64_t from, const struct replica_chunk *c)
{
    if (!follows(r, from, c->epoch) || r->state != REPLICA_LEARNING)
        return;
    bool next = c->walk == r->walk && c->number == r->chunk + 1 && c->commit_seq >= r->commit_seq;

    if (c->first ? c->walk <= r->walk : !next) {
        acknowledge(r, r->commit_seq, false);
        return;
    }
    if (c->first) {
        r->out->wipe(r);
        restart(r, c->commit_seq, c->base_epoch);
        r->whole = false;
        r->walk = c->walk;
    }
    r->out->take_chunk(r, c);
    r->chunk = c->number;
    r->walked = c->last;
    if (c->first || c->rests_seq > r->walk_seq)
        r->walk_seq = MUTANT(EARLY_IS_COMMITTED) ? c->commit_seq : c->rests_seq;
    settle_whole(r);
    acknowledge(r, r->commit_seq, false);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Who was in sync and learns now had stalled: it is added again when it has kept up for a while,
 * which is longer each time, so that it does not hold up everybody again and again. */
static void rest(struct replica_peer *p)
{
    p->rests = p->rests_next > STALL_RESTS ? p->rests_next : STALL_RESTS;
    p->rests_next = 2 * p->rests < STALL_RESTS_MAX ? 2 * p->rests : STALL_RESTS_MAX;
    p->still = 0;
}

/* What is known of a peer, as far as it still holds: acknowledgements are those of an epoch, where
 * a walk has come to, and how it has kept up, those of a reign. */
static struct replica_peer peer_after(const struct replica *r, const struct row *row,
                                      uint64_t member)
{
    struct replica_peer p = {.member = member, .sent_seq = r->last_seq, .probing = true};

    for (uint32_t i = 0; i < r->peer_count; i++)
        if (r->peers[i].member == member && row->reign == r->row.reign) {
            p = r->peers[i];
            p.answered = p.asked_to_add = MUTANT(ACKS_KEPT_OVER_EPOCHS) && p.answered;
            p.probing = true;
            p.held_seq = MUTANT(ACKS_KEPT_OVER_EPOCHS) ? p.held_seq : 0;
            p.settled_seq = p.looked_seq = 0;
            if (row_in_sync(&r->row, member) && row_learns(row, member))
                rest(&p);
        }
    return p;
}

static void renew_peers(struct replica *r, const struct row *row)
{
    struct replica_peer peers[2 * COPIES_MAX];
    uint32_t n = 0;

    for (uint8_t i = 0; i < row->in_sync_count; i++)
        if (row->in_sync[i] != r->self)
            peers[n++] = peer_after(r, row, row->in_sync[i]);
    for (uint8_t i = 0; i < row->learner_count; i++)
        if (row->learners[i] != r->self)
            peers[n++] = peer_after(r, row, row->learners[i]);
    memcpy(r->peers, peers, n * sizeof peers[0]);
    r->peer_count = n;
}

/* A row that names it in the same reign is of a later epoch than what it was asked to hand over. */
static enum replica_state state_after(const struct replica *r, const struct row *row)
{
    if (row->primary == r->self && row->reign == r->row.reign && replica_has_served(r))
        return REPLICA_SERVING;
    if (row->primary == r->self)
        return REPLICA_TAKING;
    if (row_in_sync(row, r->self))
        return row->primary == NOBODY ? REPLICA_HOLDING : REPLICA_BACKUP;
    return row_learns(row, r->self) ? REPLICA_LEARNING : REPLICA_NONE;
}

static void end_reign(struct replica *r)
{
    for (uint64_t seq = r->commit_seq + 1; seq <= r->last_seq; seq++)
        give_up(r, slot(r, seq));
    r->peer_count = 0;
}

/* Nothing here is wanted any more. */
static void forget(struct replica *r)
{
    r->out->wipe(r);
    restart(r, 0, 0);
    r->whole = true;
    r->walked = false;
    r->chunk = 0; /* what is still to come of a walk is of no use */
}

void replica_row(struct replica *r, const struct row *row)
{
    enum replica_state state = state_after(r, row);
    bool was_primary = replica_is_primary(r);

    if (MUTANT(CALL_OFF_KEEPS_EPOCH) && row->epoch == r->row.epoch && replica_is_handing_over(r)) {
        r->state = REPLICA_SERVING;
        r->heir = NOBODY;
    }
    if (row->epoch <= r->row.epoch)
        return;
    if (row->reign != r->row.reign) { /* what the last one had done early may not be committed */
        r->walk = r->chunk = 0;
        r->walked = false;
    }
    if (was_primary && (row->primary != r->self || row->reign != r->row.reign))
        end_reign(r);
    if (state == REPLICA_TAKING && r->state != REPLICA_TAKING)
        r->take_seq = r->last_seq;
    r->state = state;
    r->heir = NOBODY;
    if (replica_is_primary(r))
        renew_peers(r, row);
    r->row = *row;
    if (state == REPLICA_NONE && row->primary != NOBODY) /* of what is OFFLINE it might be yet */
        forget(r);
    if (state == REPLICA_BACKUP) /* what came before the row was not for this epoch */
        acknowledge(r, r->commit_seq, true);
    for (uint32_t i = 0; i < r->peer_count && replica_is_primary(r); i++)
        append_once(r, &r->peers[i]);
}

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t replica_init(struct replica *r, uint64_t self, const struct replica_out *out, void *context,
                     uint64_t keep)
{
    *r = (struct replica){
        .self = self, .out = out, .context = context, .keep = keep, .first_seq = 1, .whole = true};
    return grow(r) ? MR_OK : MR_ERR_MEMORY;
}

void replica_free(struct replica *r)
{
    for (uint64_t seq = r->first_seq; r->ring && seq <= r->last_seq; seq++)
        r->out->release(r, slot(r, seq)->effect);
    mem_free(r->ring);
    r->ring = NULL;
}

void replica_check(const struct replica *r)
{
    check(r->first_seq <= r->last_seq + 1);
    check(r->commit_seq + 1 >= r->first_seq);
    check(r->commit_seq <= r->last_seq);
    check(r->last_seq + 1 - r->first_seq <= r->ring_size);
    for (uint64_t seq = r->first_seq; seq <= r->last_seq; seq++) {
        check(slot(r, seq)->seq == seq);
        check(seq == r->first_seq || slot(r, seq)->epoch >= slot(r, seq - 1)->epoch);
        check(seq > r->commit_seq || slot(r, seq)->ticket == NULL);
    }
    if (r->state == REPLICA_BACKUP || replica_is_primary(r))
        check(r->whole);
    if (r->state == REPLICA_HANDING)
        check(r->commit_seq == r->last_seq);
    if (replica_is_handing_over(r))
        check(row_in_sync(&r->row, r->heir) && r->heir != r->self);
}
