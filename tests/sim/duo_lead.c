/* duo_lead.c - of a simulated member: leases, elections, and what a leader wants. */
#include <string.h>

#include "grid/cluster/mutant.h"
#include "tests/sim/duo_message.h"

/* A lease on a slow clock, seen from a fast one. */
enum { LEASE_WAIT_MS = 613 };

static struct duo_world *g(void)
{
    return duo_world;
}

/* ---- leases --------------------------------------------------------------------------------- */

/* Until when nobody else can have been elected, by this leader's clock. */
static uint64_t quorum_until(const struct duo_member *m)
{
    const struct duo_entry *voters = log_voters(&m->log);
    uint64_t latest = 0;

    if (voters_count(voters) == 1)
        return duo_clock(m) + DUO_LEASE_MS * MS;
    for (int i = 0; i < DUO_SLOTS; i++)
        if (m->log.held_by[i] != m->number && voters_have(voters, m->log.held_by[i]) &&
            m->echoed_ns[i] > latest)
            latest = m->echoed_ns[i];
    return latest ? latest + DUO_LEASE_MS * MS : 0;
}

void lead_on_beat(struct duo_member *m, const struct duo_message *x)
{
    uint64_t now = duo_clock(m), until = quorum_until(m);
    const struct duo_member *to = duo_find(x->from);
    struct duo_message *a;

    if (!m->log.leads || !to || now >= until || now < m->wait_until_ns ||
        x->applied < m->state.role_index || !voters_have(log_voters(&m->log), x->from))
        return;
    a = duo_message_new(m, GRANT, x->from);
    a->sent_ns = x->sent_ns;
    a->span_ns = until - now < DUO_LEASE_MS * MS ? until - now : DUO_LEASE_MS * MS;
    m->granted_ns[to->slot] = now;
    duo_happens(m, (struct duo_event){.kind = DUO_EXTENDED});
    duo_message_send(a);
}

void lead_on_grant(struct duo_member *m, const struct duo_message *x)
{
    if (x->term == m->log.term && x->sent_ns + x->span_ns > m->lease_until_ns)
        m->lease_until_ns = x->sent_ns + x->span_ns;
}

static void renew_own_lease(struct duo_member *m)
{
    uint64_t until = quorum_until(m);

    if (m->log.leads && until > m->lease_until_ns)
        m->lease_until_ns = until;
}

/* ---- elections: where voters change, above all ---------------------------------------------- */

static bool is_silent(const struct duo_member *m, uint64_t number)
{
    const struct duo_member *o = duo_find(number);

    return !o || m->seen_number[o->slot] != number ||
           detector_look(&m->seen[o->slot]) >= DETECTOR_FAILED;
}

static void stand(struct duo_member *m)
{
    const struct duo_entry *voters = log_voters(&m->log);

    if (m->log.leads || voters_count(voters) < 2 || !voters_have(voters, m->number) ||
        (m->leader && !is_silent(m, m->leader)) ||
        (m->duo.state != DUO_OFF && m->duo.state != DUO_BOTH))
        return;
    for (uint32_t i = 0; i < DUO_SLOTS; i++) {
        if (&g()->at[i] == m || !voters_have(voters, g()->at[i].number))
            continue;
        struct duo_message *x = duo_message_new(m, VOTE, g()->at[i].number);

        x->term = (m->log.term / 4 + 1) * 4 + m->slot;
        x->accepted = m->log.accepted;
        x->length = m->log.length;
        duo_message_send(x);
    }
}

/* Somebody may be a voter by entries that this one has not got. */
void lead_on_vote(struct duo_member *m, const struct duo_message *x)
{
    bool is_voter =
        voters_have(log_voters(&m->log), x->from) || log_is_better(x->accepted, x->length, &m->log);

    if (x->term <= m->log.term || m->log.leads ||
        generation_of(x->term) != generation_of(m->log.term) || !is_voter ||
        (m->leader && m->leader != x->from && !is_silent(m, m->leader)))
        return;
    duo_step_down(m, x->term);
    struct duo_message *a = duo_message_new(m, PROMISE, x->from);

    a->accepted = m->log.accepted;
    a->committed = m->log.committed;
    duo_message_copy_entries(a, &m->log, 0);
    duo_message_send(a);
}

void lead_on_promise(struct duo_member *m, const struct duo_message *x)
{
    struct duo_log *l = &m->log;

    if (x->term <= l->term || generation_of(x->term) != generation_of(l->term) || l->leads)
        return;
    duo_step_down(m, x->term);
    if (log_is_better(x->accepted, x->count, l)) {
        struct duo_message whole = *x;

        whole.safe = m->safe;
        whole.committed = x->committed > l->committed ? x->committed : l->committed;
        duo_take_whole(m, &whole);
    }
    const struct duo_entry *voters = log_voters(l);

    if (!voters_have(voters, m->number) || !voters_have(voters, x->from))
        return; /* no majority of these */
    l->accepted = x->term;
    l->leads = true;
    memset(l->held, 0, sizeof l->held);
    memset(m->echoed_ns, 0, sizeof m->echoed_ns);
    m->leader = m->number;
    m->wait_until_ns = duo_clock(m) + LEASE_WAIT_MS * MS;
    l->began = l->length + 1;
    world_note(&g()->w, "m%llu leads", (unsigned long long)m->number);
    duo_propose(m, (struct duo_entry){.kind = ENTRY_NOTHING});
}

/* ---- what a leader wants -------------------------------------------------------------------- */

static struct duo_entry voters_of(uint64_t a, uint64_t b, uint64_t c, uint64_t primary)
{
    return (struct duo_entry){.kind = ENTRY_VOTERS,
                              .a = (uint32_t)a,
                              .b = (uint32_t)b,
                              .c = (uint32_t)c,
                              .d = (uint32_t)primary};
}

/* Somebody who has all of the log, and is no voter; 0: nobody. */
static uint64_t candidate(const struct duo_member *m)
{
    for (int i = 0; i < DUO_SLOTS; i++) {
        const struct duo_member *o = &g()->at[i];

        if (o != m && o->number != 0 && m->log.held_by[i] == o->number &&
            m->log.held[i] == m->log.length && !voters_have(log_voters(&m->log), o->number) &&
            !is_silent(m, o->number))
            return o->number;
    }
    return 0;
}

/* A voter that may be left out: it is silent and holds no lease, or there is one too many. */
static uint64_t superfluous(const struct duo_member *m)
{
    const struct duo_entry *v = log_voters(&m->log);
    const uint64_t voters[] = {v->a, v->b, v->c};

    for (int i = 0; i < 3; i++) {
        const struct duo_member *o = duo_find(voters[i]);
        uint64_t granted = o ? m->granted_ns[o->slot] : 0;
        bool over = duo_clock(m) > granted + LEASE_WAIT_MS * MS;

        if (voters[i] == m->number || voters[i] == 0)
            continue;
        if (is_silent(m, voters[i]) && over)
            return voters[i];
        if (g()->wanted == 2 && m->state.primary != voters[i] && one_in(&g()->w, 20))
            return voters[i];
    }
    return 0;
}

static void shrink(struct duo_member *m, uint64_t out)
{
    const struct duo_entry *v = log_voters(&m->log);
    uint64_t primary = m->state.primary == out ? m->number : m->state.primary;

    if (out == 0)
        return;
    duo_propose(m, voters_of(v->a == out ? v->b : v->a, v->c == out ? v->b : v->c, 0, primary));
}

static void widen(struct duo_member *m, uint64_t who)
{
    const struct duo_entry *v = log_voters(&m->log);

    if (voters_count(v) == 1)
        duo_propose(m, voters_of(v->a, who, 0, m->state.primary));
    else if (m->state.anchor && !MUTANT(DUO_END_SKIPPED))
        duo_propose(m, (struct duo_entry){.kind = ENTRY_DUO_END});
    else
        duo_propose(m, voters_of(v->a, v->b, who, m->state.primary));
}

static void of_two(struct duo_member *m)
{
    uint64_t other = voters_other(log_voters(&m->log), m->number);
    bool swap = m->state.anchor && m->duo.state == DUO_BOTH;

    if (g()->wanted == 3 && candidate(m) && (swap || !m->state.anchor))
        widen(m, candidate(m));
    else if (!m->state.anchor)
        duo_propose(m, (struct duo_entry){.kind = ENTRY_DUO, .a = (uint32_t)m->number});
    else if (swap && one_in(&g()->w, g()->anchor_in))
        duo_propose(m, (struct duo_entry){.kind = ENTRY_DUO, .a = (uint32_t)other});
    else if (swap && m->state.primary == m->number && one_in(&g()->w, g()->move_in)) {
        m->parked = true;
        duo_propose(m, (struct duo_entry){.kind = ENTRY_MOVE, .d = (uint32_t)other});
    }
}

static void lead(struct duo_member *m)
{
    const struct duo_log *l = &m->log;
    bool busy = l->applied < l->began || log_has_unapplied(l, ENTRY_VOTERS) ||
                log_has_unapplied(l, ENTRY_DUO) || log_has_unapplied(l, ENTRY_DUO_END) ||
                log_has_unapplied(l, ENTRY_MOVE);

    if (!l->leads || busy || duo_clock(m) < m->wait_until_ns || m->duo.state == DUO_TAKING)
        return;
    switch (voters_count(log_voters(l))) {
    case 1:
        if (candidate(m))
            widen(m, candidate(m));
        break;
    case 2: of_two(m); break;
    default: shrink(m, superfluous(m));
    }
}

void lead_work(struct duo_member *m)
{
    renew_own_lease(m);
    lead(m);
    if (one_in(&g()->w, 20))
        stand(m);
}
