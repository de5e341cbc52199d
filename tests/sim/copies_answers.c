#include "tests/sim/copies.h"

#include <string.h>

#include "net/base/mem.h"

enum { LONG = SESSION_RESULT_MAX + 1 };

/* ---- answering ------------------------------------------------------------------------------ */

/* The answer is on its way, and may be lost. */
static void request_ends(struct request *q, enum reply reply)
{
    must(!q->over, "a request is answered twice");
    q->over = true;
    q->reply = reply;
    if (one_in(&s->w, s->quiet ? 0 : s->lose_in))
        mem_free(q);
    else
        world_after(&s->w, any_delay(&s->w, s->usual_ns, s->quiet ? 2 : 6), client_told, q);
}

static void show(uint64_t seq)
{
    s->shown = seq > s->shown ? seq : s->shown;
}

void request_committed(struct replica *r, void *ticket, uint64_t seq)
{
    struct request *q = ticket;

    (void)r;
    must(seq == q->answer.seq || MUTANT(ACK_BEFORE_BACKUP),
         "what was asked for has another number, %llu", (unsigned long long)seq);
    show(seq);
    s->acknowledged++;
    request_ends(q, REPLY_OK);
}

void request_unknown(struct replica *r, void *ticket)
{
    (void)r;
    request_ends(ticket, REPLY_UNKNOWN);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Fetched before; the lease and the epoch are looked at now, whatever time has passed. */
static void read_ends(void *context)
{
    struct request *q = context;
    struct process *p = find_process(q->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), read_ends, q);
        return;
    }
    bool good = p && replica_may_read(&p->replica) && p->replica.row.epoch == q->epoch;

    if (!p || !((MUTANT(LEASE_LOOKED_AT_BEFORE) && p->was_leased) || (good && leased(p)))) {
        request_ends(q, REPLY_AGAIN);
        return;
    }
    must(q->answer.seq >= q->began_shown, "m%llu reads %llu, after %llu was shown",
         (unsigned long long)q->to, (unsigned long long)q->answer.seq,
         (unsigned long long)q->began_shown);
    show(q->answer.seq);
    s->reads++;
    request_ends(q, REPLY_OK);
}

/* What a read of it can see: what is committed. Its place is that of the last such operation. */
void fetch(const struct process *p, struct event *e)
{
    const struct replica_op *op = replica_op(&p->replica, p->replica.commit_seq);

    e->value = p->entries[e->key].value;
    e->placed = true;
    e->epoch = op ? op->epoch : p->replica.base_epoch;
    e->seq = p->replica.commit_seq;
    e->node = (uint32_t)p->number;
}

static void read(struct process *p, struct request *q)
{
    q->epoch = p->replica.row.epoch;
    fetch(p, &q->answer);
    world_after(&s->w, one_in(&s->w, 20) ? any_between(&s->w, 0, 2000 * MS) : 0, read_ends, q);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* What a write of it begins with: what is not committed yet, too. */
static int32_t latest(const struct process *p, uint32_t key)
{
    const struct replica *r = &p->replica;

    for (uint64_t seq = r->last_seq; seq > r->commit_seq && !MUTANT(PENDING_OVERLOOKED); seq--) {
        const struct effect *e = replica_op(r, seq)->effect;

        if (!e->expires && !e->early && e->key == key)
            return e->value;
    }
    return p->entries[key].value;
}

static void answer_with(struct request *q, int32_t said, uint64_t epoch, uint64_t seq)
{
    if (q->asked.call == CALL_CAS)
        q->answer.old = said;
    else if (q->asked.call == CALL_INCR)
        q->answer.value = said;
    q->answer.placed = true;
    q->answer.epoch = epoch;
    q->answer.seq = seq;
    q->answer.node = (uint32_t)q->to;
}

/* The answer waits for the commit, also where nothing changes: what was found may not be committed
 * either. */
static void write(struct process *p, struct request *q)
{
    const struct event *asked = &q->asked;
    struct effect *e = mem_alloc_zero(sizeof *e);

    e->key = asked->key;
    e->value = values_do(&s->history.values, latest(p, e->key), asked->call, asked->value,
                         asked->old, &e->said);
    e->size = one_in(&s->w, 16) ? LONG : sizeof e->said;
    e->call = q->call;
    answer_with(q, e->said, p->replica.row.epoch, p->replica.last_seq + 1);
    must(sessions_begin(&p->sessions, &q->call) == MR_OK, "no memory");
    if (replica_write(&p->replica, e, q, false, leased(p)) != MR_OK) {
        sessions_cancel(&p->sessions, &q->call);
        mem_free(e);
        request_ends(q, REPLY_AGAIN);
    }
}

/* Nobody asks for it: what is done early is compared by what becomes of it. */
static void write_early(struct process *p)
{
    struct effect *e = mem_alloc_zero(sizeof *e);

    e->early = ++s->early;
    must(replica_write(&p->replica, e, NULL, true, leased(p)) == MR_OK, "no memory");
    chain_do(&p->chain, p->replica.last_seq, e->early);
}

struct session_result remembered(const struct effect *e, uint64_t epoch, uint64_t seq)
{
    return (struct session_result){.epoch = epoch,
                                   .seq = seq,
                                   .known = e->size <= SESSION_RESULT_MAX,
                                   .size = e->size,
                                   .bytes = (const uint8_t *)&e->said};
}

static void answer_again(struct request *q, const struct session_result *r)
{
    int32_t said = VALUE_UNSAID;

    if (r->known)
        memcpy(&said, r->bytes, sizeof said);
    answer_with(q, said, r->epoch, r->seq);
    s->repeated++;
    request_ends(q, REPLY_OK);
}

static void write_once(struct process *p, struct request *q)
{
    struct session_result r;

    switch (sessions_judge(&p->sessions, &q->call, p->control,
                           session_is_open(q->call.session, p->control), &r)) {
    case ONCE_NEW:
        write(p, q);
        if (one_in(&s->w, 3))
            write_early(p);
        break;
    case ONCE_DONE: answer_again(q, &r); break;
    case ONCE_EXPIRED: request_ends(q, REPLY_EXPIRED); break;
    case ONCE_STALE: request_ends(q, REPLY_STALE); break;
    default: request_ends(q, REPLY_AGAIN); break;
    }
}

/* While it is being handed over, writes wait, to be run again from the beginning. */
void request_arrives(void *context)
{
    struct request *q = context;
    struct process *p = find_process(q->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), request_arrives, q);
        return;
    }
    bool is_write = q->asked.call != CALL_GET;

    if (p && !p->cut && is_write && replica_is_handing_over(&p->replica))
        world_after(&s->w, any_between(&s->w, 1 * US, 10 * MS), request_arrives, q);
    else if (!p || p->cut ||
             !(is_write ? p->replica.state == REPLICA_SERVING : replica_may_read(&p->replica)))
        request_ends(q, REPLY_AGAIN);
    else if (is_write)
        write_once(p, q);
    else
        read(p, q);
}

/* ---- sessions that are over ----------------------------------------------------------------- */

static bool is_expiring(const struct replica *r, uint64_t session)
{
    for (uint64_t seq = r->commit_seq + 1; seq <= r->last_seq; seq++)
        if (((const struct effect *)replica_op(r, seq)->effect)->expires == session)
            return true;
    return false;
}

void expire_sessions(struct process *p)
{
    uint64_t session = 0;

    while (p->replica.state == REPLICA_SERVING &&
           (session = sessions_next(&p->sessions, session)) != 0) {
        if (session_is_open(session, p->control) || is_expiring(&p->replica, session))
            continue;
        struct effect *e = mem_alloc_zero(sizeof *e);

        e->expires = session;
        must(replica_write(&p->replica, e, NULL, false, leased(p)) == MR_OK, "no memory");
    }
}
