#include "tests/sim/copies.h"

#include "net/base/mem.h"

struct call {
    bool is_read, over;
    uint64_t began_shown; /* the last number that was shown when it began */
    uint64_t to, epoch;
    uint64_t seq, at; /* read or written */
    uint32_t key, id, seen_id;
};

static void call_over(void *context)
{
    mem_free(context);
    if (!s->quiet || s->w.now_ns < (FAULTS_END_MS + QUIET_MS / 2) * MS)
        client_next(NULL);
}

static void call_ends(struct call *c)
{
    must(!c->over, "a call is answered twice");
    c->over = true;
    world_after(&s->w, any_delay(&s->w, 200 * US, 6), call_over, c);
}

static void show(uint64_t seq)
{
    s->shown = seq > s->shown ? seq : s->shown;
}

void client_committed(struct replica *r, void *ticket, uint64_t seq)
{
    struct call *c = ticket;

    (void)r;
    must(MUTANT(ACK_BEFORE_BACKUP) || s->log[seq] == word_of(&(struct effect){c->key, c->id}),
         "another operation has the number %llu", (unsigned long long)seq);
    show(seq);
    s->acknowledged++;
    call_ends(c);
}

void client_unknown(struct replica *r, void *ticket)
{
    (void)r;
    s->unknown++;
    call_ends(ticket);
}

/* Fetched before; the lease and the epoch are looked at now, whatever time has passed. */
static void read_ends(void *context)
{
    struct call *c = context;
    struct process *p = find_process(c->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), read_ends, c);
        return;
    }
    bool good = p && p->replica.state == REPLICA_SERVING && p->replica.row.epoch == c->epoch;

    if (p && ((MUTANT(LEASE_LOOKED_AT_BEFORE) && p->was_leased) || (good && leased(p)))) {
        must(c->seq >= c->began_shown, "m%llu reads %llu, after %llu was shown",
             (unsigned long long)c->to, (unsigned long long)c->seq,
             (unsigned long long)c->began_shown);
        show(c->seq);
        s->reads++;
    }
    call_ends(c);
}

static void read(struct process *p, struct call *c)
{
    c->epoch = p->replica.row.epoch;
    c->seq = p->replica.commit_seq;
    world_after(&s->w, one_in(&s->w, 20) ? any_between(&s->w, 0, 2000 * MS) : 0, read_ends, c);
}

static void write(struct process *p, struct call *c)
{
    struct effect *e = mem_alloc_zero(sizeof *e);

    *e = (struct effect){c->key, one_in(&s->w, 4) ? 0 : c->id};
    c->id = e->id;
    if (replica_write(&p->replica, e, c, leased(p)) != MR_OK) {
        mem_free(e);
        call_ends(c);
    }
}

static void call_arrives(void *context)
{
    struct call *c = context;
    struct process *p = find_process(c->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), call_arrives, c);
        return;
    }
    if (!p || p->cut || p->replica.state != REPLICA_SERVING) {
        call_ends(c);
    } else if (c->is_read) {
        read(p, c);
    } else {
        write(p, c);
    }
}

/* Asks who is primary, or whom it took for one. */
void client_next(void *context)
{
    struct call *c = mem_alloc_zero(sizeof *c);
    const struct row *row = row_now();

    (void)context;
    *c = (struct call){.is_read = one_in(&s->w, 2),
                       .began_shown = s->shown,
                       .to = row->primary,
                       .key = (uint32_t)any_below(&s->w, ENTRIES),
                       .id = ++s->ids};
    if (one_in(&s->w, 3))
        c->to = s->at[any_below(&s->w, SLOTS)].number;
    world_after(&s->w, any_delay(&s->w, 2 * MS, 4), call_arrives, c);
}
