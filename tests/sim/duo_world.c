#include "tests/sim/duo_world.h"

#include <stddef.h>
#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/mem.h"
#include "tests/sim/duo_member.h"

enum { PATIENCE_MS = 2000 };

struct duo_world *duo_world;

static struct duo_world *g(void)
{
    return duo_world;
}

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed(__VA_ARGS__);                                                               \
    } while (0)

/* ---- memory --------------------------------------------------------------------------------- */

struct block {
    struct list node;
    max_align_t bytes[];
};

void *duo_alloc(size_t size)
{
    struct block *b = mem_alloc_zero(sizeof *b + size);

    list_add_last(&g()->memory, &b->node);
    return b->bytes;
}

void duo_free(void *memory)
{
    if (!memory)
        return;
    struct block *b = list_owner(memory, struct block, bytes);

    list_remove(&b->node);
    mem_free(b);
}

/* ---- what must hold ------------------------------------------------------------------------- */

static bool is_dead(uint64_t number)
{
    for (int i = 0; i < DUO_SLOTS; i++)
        if (g()->at[i].number == number)
            return false;
    return true;
}

static bool all_dead(const uint64_t *holders)
{
    return (!holders[0] || is_dead(holders[0])) && (!holders[1] || is_dead(holders[1])) &&
           (!holders[2] || is_dead(holders[2]));
}

/* What an operator may give up: nobody who is alive has ever had it. */
static void give_up(const struct duo_member *m)
{
    for (uint32_t i = 1; i <= g()->writes; i++) {
        bool acked = g()->acked[i / 64] >> (i % 64) & 1;

        if (!acked || store_has(&m->state, i))
            continue;
        must(all_dead(g()->holders[i]), "m%llu is made to go on without write %u, which is there",
             (unsigned long long)m->number, i);
        g()->acked[i / 64] &= ~(1ull << (i % 64));
        g()->lost++;
    }
}

static int first_missing(const uint64_t *acked, const uint64_t *store)
{
    for (int i = 0; i < DUO_WRITES_MAX / 64; i++)
        if (acked[i] & ~store[i])
            return i * 64 + __builtin_ctzll(acked[i] & ~store[i]);
    return 0;
}

void duo_is_alone(struct duo_member *m)
{
    if (m->by_operator)
        give_up(m);
    m->by_operator = false;
    g()->takeovers++;
    int missing = first_missing(g()->acked, m->state.store);

    must(!missing, "m%llu goes on alone without write %d", (unsigned long long)m->number, missing);
    for (int i = 0; i < DUO_SLOTS; i++)
        must(g()->at[i].number == 0 || &g()->at[i] == m || g()->at[i].duo.state != DUO_ALONE,
             "m%llu and m%llu are both alone", (unsigned long long)m->number,
             (unsigned long long)g()->at[i].number);
}

/* ---- clients -------------------------------------------------------------------------------- */

bool duo_member_serves(const struct duo_member *m)
{
    uint64_t now = duo_clock(m);
    bool alone = m->duo.state == DUO_ALONE;
    const struct duo_entry voters = {
        .a = m->state.voters[0], .b = m->state.voters[1], .c = m->state.voters[2]};
    bool is_primary = m->state.primary == m->number && voters_have(&voters, m->number);

    return m->number != 0 && duo_now() >= m->paused_until_ns && duo_serves(&m->duo) && !m->parked &&
           now >= m->wait_until_ns && (alone || (is_primary && now < m->lease_until_ns));
}

void duo_acknowledge(struct duo_member *m, uint32_t write)
{
    const struct duo_entry *voters = log_voters(&m->log);
    struct duo_world *d = g();

    d->acked[write / 64] |= 1ull << (write % 64);
    d->holders[write][0] = voters->a;
    d->holders[write][1] = voters->b;
    d->holders[write][2] = voters->c;
    d->acknowledged++;
    if (duo_now() - d->last_ack_ns > d->outage_ns)
        d->outage_ns = duo_now() - d->last_ack_ns;
    d->last_ack_ns = duo_now();
}

/* What has not come about after a while was lost on its way, or its client has given up. */
static struct duo_pending *free_place(struct duo_member *m)
{
    for (int i = 0; i < DUO_PENDING_MAX; i++)
        if (m->pending[i].write == 0 || duo_now() > m->pending[i].began_ns + PATIENCE_MS * MS)
            return &m->pending[i];
    return NULL;
}

void duo_write(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];
    struct duo_pending *p = duo_member_serves(m) ? free_place(m) : NULL;

    if (!p || g()->writes + 1 >= DUO_WRITES_MAX) {
        g()->refused++;
        return;
    }
    uint32_t write = ++g()->writes;

    *p = (struct duo_pending){.write = write, .began_ns = duo_now()};
    duo_propose(m, (struct duo_entry){.kind = ENTRY_WRITE, .a = write});
    if (MUTANT(DUO_ACK_EARLY) && p->write == write) {
        *p = (struct duo_pending){0};
        duo_acknowledge(m, write);
    }
}

struct duo_reading {
    uint32_t slot;
    uint64_t number, term;
    uint64_t acked[DUO_WRITES_MAX / 64], store[DUO_WRITES_MAX / 64];
};

/* Fetched before; whether it may be answered is looked at now, whatever time has passed. */
static void read_ends(void *context)
{
    struct duo_reading *r = context;
    struct duo_member *m = &g()->at[r->slot];
    bool excused = m->foreign_ns != 0 && duo_now() < m->foreign_ns + (DUO_LEASE_MS + 100) * MS;

    if (m->number == r->number && duo_now() < m->paused_until_ns) {
        world_after(&g()->w, m->paused_until_ns - duo_now(), read_ends, r);
        return;
    }
    if (m->number == r->number && m->log.term == r->term && duo_member_serves(m) && !excused) {
        int missing = first_missing(r->acked, r->store);

        must(!missing, "m%llu reads without write %d", (unsigned long long)m->number, missing);
        g()->reads++;
    }
    duo_free(r);
}

void duo_read(uint32_t slot, uint64_t takes_ns)
{
    struct duo_member *m = &g()->at[slot];

    if (!duo_member_serves(m))
        return;
    struct duo_reading *r = duo_alloc(sizeof *r);

    r->slot = slot;
    r->number = m->number;
    r->term = m->log.term;
    memcpy(r->acked, g()->acked, sizeof r->acked);
    memcpy(r->store, m->state.store, sizeof r->store);
    if (takes_ns == 0)
        read_ends(r);
    else
        world_after(&g()->w, takes_ns, read_ends, r);
}

/* ---- processes and hosts -------------------------------------------------------------------- */

static bool is_fresh(const struct duo_member *m)
{
    return m->number != 0 && m->log.length == 0;
}

/* Nobody has anything any more, or yet: it begins anew. */
static void found_if_nothing_is_left(struct duo_member *m)
{
    for (int i = 0; i < DUO_SLOTS; i++)
        if (g()->at[i].number != 0 && !is_fresh(&g()->at[i]))
            return;
    memset(g()->acked, 0, sizeof g()->acked);
    duo_found(m);
}

void duo_start(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];

    if (m->number != 0)
        return;
    memset(m, 0, sizeof *m);
    m->slot = slot;
    m->number = ++g()->numbers;
    m->drift_ppm = (int64_t)any_below(&g()->w, 18001) - 9000;
    duo_init(&m->duo, &g()->config, m->number, 0, false);
    world_note(&g()->w, "m%llu starts on %u", (unsigned long long)m->number, slot);
    found_if_nothing_is_left(m);
    duo_begin_ticks(m);
}

static void exit_ends(void *context)
{
    kernel_drop(context);
}

static void let_go(struct kernel_end *e, uint64_t delay_ns)
{
    if (!e)
        return;
    e->arrived = NULL;
    world_after(&g()->w, delay_ns, exit_ends, e);
}

static void stop(struct duo_member *m)
{
    m->number = 0;
    m->in = m->dialling = m->out = NULL;
}

void duo_kill(uint32_t slot, uint64_t exit_delay_ns)
{
    struct duo_member *m = &g()->at[slot];

    if (m->number == 0)
        return;
    world_note(&g()->w, "m%llu dies", (unsigned long long)m->number);
    if (m->foreign_ns == 0) {
        let_go(m->in, exit_delay_ns);
        let_go(m->dialling, exit_delay_ns);
        let_go(m->out, exit_delay_ns);
    }
    stop(m);
}

void duo_power_off(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];
    struct kernel_connection *c;

    if (m->number == 0)
        return;
    world_note(&g()->w, "m%llu is switched off", (unsigned long long)m->number);
    for (c = g()->k.connections; c; c = c->next)
        for (int i = 0; i < 2; i++)
            if (c->ends[i].host == slot) {
                c->ends[i].state = STATE_CLOSE;
                c->ends[i].arrived = NULL;
                c->ends[i].under_way = c->ends[i].unread = 0;
            }
    stop(m);
}

void duo_pause(uint32_t slot, uint64_t ns)
{
    struct duo_member *m = &g()->at[slot];

    world_note(&g()->w, "m%llu pauses for %llu ms", (unsigned long long)m->number,
               (unsigned long long)(ns / MS));
    m->paused_until_ns = duo_now() + ns;
}

static void fork_one(struct kernel_end *e, uint64_t lives_ns)
{
    if (!e || e->holders == 0)
        return;
    kernel_share(e);
    world_after(&g()->w, lives_ns, exit_ends, e);
}

void duo_fork(uint32_t slot, uint64_t lives_ns)
{
    struct duo_member *m = &g()->at[slot];

    if (m->number == 0 || m->foreign_ns != 0)
        return;
    world_note(&g()->w, "m%llu forks", (unsigned long long)m->number);
    fork_one(m->out, lives_ns);
    fork_one(m->in, lives_ns);
}

static void dies_of_it(void *context)
{
    const struct duo_member *m = duo_find((uint64_t)(uintptr_t)context);

    if (m)
        duo_kill(m->slot, 0);
}

void duo_close_all(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];

    if (m->number == 0 || m->foreign_ns != 0)
        return;
    world_note(&g()->w, "m%llu has its descriptors closed", (unsigned long long)m->number);
    let_go(m->in, 0);
    let_go(m->dialling, 0);
    let_go(m->out, 0);
    m->foreign_ns = duo_now();
    world_after(&g()->w, any_between(&g()->w, 2000, 6000) * MS, dies_of_it,
                (void *)(uintptr_t)m->number);
}

void duo_leave(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];

    if (m->number == 0 || (m->duo.state != DUO_BOTH && m->duo.state != DUO_HOLDING))
        return;
    world_note(&g()->w, "m%llu leaves", (unsigned long long)m->number);
    duo_say_goodbye(m);
    world_after(&g()->w, any_between(&g()->w, 0, 500) * MS, dies_of_it,
                (void *)(uintptr_t)m->number);
}

void duo_dial_again(uint32_t slot)
{
    channel_dial(&g()->at[slot]);
}

void duo_cut(uint32_t from, uint32_t to, enum kernel_way way)
{
    static const char *const names[] = {"heals", "drops", "rejects"};

    world_note(&g()->w, "the way from %u to %u %s", from, to, names[way]);
    g()->k.ways[from][to] = way;
}

/* ---- the operator --------------------------------------------------------------------------- */

void duo_operator(uint32_t slot)
{
    struct duo_member *m = &g()->at[slot];

    if (m->duo.state != DUO_HOLDING && m->duo.state != DUO_OFF)
        return;
    world_note(&g()->w, "the operator says that m%llu is the last", (unsigned long long)m->number);
    m->by_operator = true;
    duo_happens(m, (struct duo_event){.kind = DUO_TAKE_OVER});
}

/* Can this one go on without that one, whoever else is alive? */
static bool can_without(const struct duo_member *m, const struct duo_member *without)
{
    const struct duo_entry *voters = log_voters(&m->log);
    uint32_t alive = 0;

    for (int i = 0; i < DUO_SLOTS; i++)
        alive += &g()->at[i] != without && voters_have(voters, g()->at[i].number);
    return m->duo.state == DUO_TAKING || m->duo.state == DUO_ALONE ||
           (voters_count(voters) > 0 && alive > voters_count(voters) / 2);
}

/* What a learner has beyond what a voter of the same term has was never agreed. */
static bool may_know_more(const struct duo_member *o, const struct duo_member *m)
{
    bool counts = m->log.accepted == o->log.accepted &&
                  voters_have(log_voters(&m->log), m->number) &&
                  !voters_have(log_voters(&o->log), o->number);

    return !counts && log_is_better(o->log.accepted, o->log.length, &m->log);
}

/* Is it certain that nobody who is alive can go on without this one, or has more? */
static bool is_the_last(const struct duo_member *m)
{
    for (int i = 0; i < DUO_SLOTS; i++) {
        const struct duo_member *o = &g()->at[i];

        if (o == m || o->number == 0 || is_fresh(o))
            continue;
        bool may_get_proof = o->duo.state >= DUO_BOTH && o->duo.generation >= m->duo.generation;

        if (can_without(o, m) || may_get_proof || may_know_more(o, m))
            return false;
    }
    return !can_without(m, NULL);
}

static void operator_looks(void *context)
{
    (void)context;
    for (uint32_t i = 0; i < DUO_SLOTS && g()->has_operator; i++) {
        struct duo_member *m = &g()->at[i];
        bool stuck = m->number != 0 && !is_fresh(m) && duo_now() >= m->paused_until_ns &&
                     (m->duo.state == DUO_HOLDING || m->duo.state == DUO_OFF) && is_the_last(m);

        g()->stuck_ns[i] = !stuck ? 0 : g()->stuck_ns[i] ? g()->stuck_ns[i] : duo_now();
        if (stuck && duo_now() > g()->stuck_ns[i] + 3000 * MS)
            duo_operator(i);
    }
    world_after(&g()->w, 500 * MS, operator_looks, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------ */

void duo_world_begin(uint64_t seed, bool told)
{
    duo_world = mem_alloc_zero(sizeof *duo_world);
    list_init(&g()->memory);
    g()->w.told = told;
    world_begin(&g()->w, seed);
    kernel_begin(&g()->k, &g()->w);
    g()->config = (struct duo_config){.lease_ns = DUO_LEASE_MS * MS};
    g()->detector = (struct detector_config){
        .suspect_ns = 500 * MS, .fail_ns = 1000 * MS, .stall_ns = 150 * MS};
    g()->usual_ns = 1 * MS;
    g()->wanted = 2;
    world_after(&g()->w, 500 * MS, operator_looks, NULL);
}

void duo_world_end(void)
{
    struct list *node;

    while ((node = list_take_first(&g()->memory)))
        mem_free(list_owner(node, struct block, node));
    world_end(&g()->w);
    kernel_end(&g()->k);
    mem_free(duo_world);
    duo_world = NULL;
}
