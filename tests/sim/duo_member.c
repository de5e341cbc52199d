#include "tests/sim/duo_message.h"

#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"

enum { TICK_MS = 10, FENCED_LIVES_MS = 1000 };

static struct duo_world *g(void)
{
    return duo_world;
}

struct duo_member *duo_find(uint64_t number)
{
    for (int i = 0; i < DUO_SLOTS; i++)
        if (number != 0 && g()->at[i].number == number)
            return &g()->at[i];
    return NULL;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void deliver(void *context);

struct duo_message *duo_message_new(struct duo_member *m, enum duo_message_kind kind, uint64_t to)
{
    struct duo_message *x = duo_alloc(sizeof *x);

    *x = (struct duo_message){.kind = kind,
                              .from = m->number,
                              .to = to,
                              .term = m->log.term,
                              .reads = m->in && m->in_from == to ? m->in->connection->number : 0};
    return x;
}

static void duo_message_free(struct duo_message *x)
{
    duo_free(x->entries);
    duo_free(x);
}

static bool gets_through(const struct duo_message *x)
{
    const struct duo_member *from = duo_find(x->from), *to = duo_find(x->to);

    return from && to && from->foreign_ns == 0 && to->foreign_ns == 0 &&
           kernel_lets(&g()->k, from->slot, to->slot);
}

void duo_message_send(struct duo_message *x)
{
    if (x->from != x->to && gets_through(x))
        world_after(&g()->w, any_delay(&g()->w, g()->usual_ns, 4), deliver, x);
    else
        duo_message_free(x);
}

void duo_message_copy_entries(struct duo_message *x, const struct duo_log *l, uint32_t first)
{
    x->first = first;
    x->count = l->length - first;
    x->entries = duo_alloc(x->count * sizeof x->entries[0] + 1);
    memcpy(x->entries, l->entries + first, x->count * sizeof x->entries[0]);
}

/* ---- the decider ---------------------------------------------------------------------------- */

static void die_later(void *context)
{
    struct duo_member *m = duo_find((uint64_t)(uintptr_t)context);

    if (m)
        duo_kill(m->slot, 0);
}

void duo_step_down(struct duo_member *m, uint64_t term)
{
    m->log.leads = false;
    m->log.term = term > m->log.term ? term : m->log.term;
    m->lease_until_ns = 0;
    m->leader = 0;
    m->parked = false;
}

static void force_single(struct duo_member *m, uint64_t generation)
{
    struct duo_log *l = &m->log;

    /* The number of a dead line is not taken again, so that terms are unique. */
    if (g()->generations >= generation && m->by_operator)
        m->duo.generation = generation = g()->generations + 1;
    g()->generations = generation > g()->generations ? generation : g()->generations;
    duo_step_down(m, term_of(generation));
    log_append(l, (struct duo_entry){
                      .kind = ENTRY_VOTERS, .a = (uint32_t)m->number, .d = (uint32_t)m->number});
    l->leads = true;
    l->accepted = l->term;
    l->began = l->committed = m->safe = l->length;
    memset(l->held, 0, sizeof l->held);
    m->wait_until_ns = 0;
    world_note(&g()->w, "m%llu will be alone in generation %llu", (unsigned long long)m->number,
               (unsigned long long)generation);
}

void duo_happens(struct duo_member *m, struct duo_event e)
{
    enum duo_state before = m->duo.state;
    struct duo_actions todo = duo_step(&m->duo, &e, duo_clock(m));
    static const char *const names[] = {"off",    "both",  "holding", "parting",
                                        "taking", "alone", "fenced"};

    if (m->duo.state != before)
        world_note(&g()->w, "m%llu is %s", (unsigned long long)m->number, names[m->duo.state]);
    if (todo.fence)
        world_after(&g()->w, FENCED_LIVES_MS * MS, die_later, (void *)(uintptr_t)m->number);
    bool lost = todo.abort_out && !channel_abort_out(m);

    if (todo.force_single)
        force_single(m, todo.generation);
    if (m->duo.state == DUO_ALONE && before != DUO_ALONE)
        duo_is_alone(m);
    if (todo.join)
        duo_step_down(m, term_of(todo.generation));
    if (todo.dial)
        channel_dial(m);
    if (todo.propose == DUO_PROPOSE_DUO)
        duo_propose(m, (struct duo_entry){.kind = ENTRY_DUO, .a = (uint32_t)m->duo.anchor});
    if (todo.propose == DUO_PROPOSE_ATTACH && m->log.leads)
        duo_propose(m, (struct duo_entry){.kind = ENTRY_ATTACH,
                                          .a = (uint32_t)m->number,
                                          .b = (uint32_t)todo.out,
                                          .c = (uint32_t)todo.in});
    if (lost)
        duo_happens(m, (struct duo_event){.kind = DUO_IS_FOREIGN});
}

/* The other of a duo; whoever it was before, his channels are let go of. */
static void set_peer(struct duo_member *m, uint64_t number)
{
    if (number == 0 || number == m->peer)
        return;
    m->peer = number;
    if (m->in)
        duo_happens(m,
                    (struct duo_event){.kind = DUO_IN_BROKEN, .number = m->in->connection->number});
    channel_forget_in(m);
    if (m->out_to != number)
        (void)channel_abort_out(m);
    channel_tell_out(m);
}

void duo_say_goodbye(struct duo_member *m)
{
    duo_happens(m, (struct duo_event){.kind = DUO_LEAVE});
    m->log.leads = false;
    duo_message_send(duo_message_new(m, GOODBYE, m->peer));
}

void duo_heard_from(struct duo_member *m, uint64_t number)
{
    const struct duo_member *o = duo_find(number);

    if (o && m->seen_number[o->slot] == number)
        detector_heard(&m->seen[o->slot]);
}

/* ---- the log -------------------------------------------------------------------------------- */

static void look_at_appended(struct duo_member *m, const struct duo_entry *e)
{
    if (e->kind == ENTRY_DUO_END)
        duo_happens(m, (struct duo_event){.kind = DUO_END_APPENDED});
    if (e->kind == ENTRY_DUO)
        duo_happens(m, (struct duo_event){.kind = DUO_APPENDED, .anchor = e->a});
    if (e->kind == ENTRY_VOTERS && voters_count(e) > 1)
        duo_happens(m, (struct duo_event){.kind = DUO_WIDENED, .number = voters_count(e)});
    if (e->kind == ENTRY_VOTERS)
        set_peer(m, voters_other(e, m->number));
}

static void look_at_pending(struct duo_member *m)
{
    for (int i = 0; i < DUO_PENDING_MAX; i++)
        if (m->pending[i].index != 0 && m->pending[i].index <= m->safe) {
            duo_acknowledge(m, m->pending[i].write);
            m->pending[i] = (struct duo_pending){0};
        }
}

static void on_attach(struct duo_member *m, const struct duo_entry *e)
{
    bool mine = e->a == m->number;

    duo_happens(m, (struct duo_event){.kind = DUO_IS_ATTACHED,
                                      .out = mine ? e->b : e->c,
                                      .in = mine ? e->c : e->b});
}

static void on_applied(struct duo_member *m, const struct duo_entry *e)
{
    if (e->kind == ENTRY_WRITE)
        for (int i = 0; i < DUO_PENDING_MAX; i++)
            if (m->pending[i].write == e->a)
                m->pending[i].index = m->log.applied;
    if (e->kind == ENTRY_VOTERS || e->kind == ENTRY_MOVE)
        m->parked = false;
    if (e->kind == ENTRY_DUO && voters_other(log_voters(&m->log), m->number))
        duo_happens(m, (struct duo_event){.kind = DUO_IS_AGREED, .anchor = e->a});
    if (e->kind == ENTRY_ATTACH)
        on_attach(m, e);
    if (e->kind == ENTRY_DUO_END && m->duo.state != DUO_ALONE)
        duo_happens(m, (struct duo_event){.kind = DUO_IS_ENDED});
}

static void apply_one(struct duo_member *m)
{
    const struct duo_entry e = *log_apply(&m->log, &m->state);

    on_applied(m, &e);
    if (m->duo.state == DUO_TAKING && m->log.applied == m->log.length)
        duo_happens(m, (struct duo_event){.kind = DUO_IS_SINGLE});
}

/* Now, or a part of it, and the rest later. */
static void apply_some(struct duo_member *m)
{
    while (m->log.applied < m->log.committed && !one_in(&g()->w, 8))
        apply_one(m);
    look_at_pending(m);
}

static void send_append(struct duo_member *m, uint32_t slot)
{
    struct duo_log *l = &m->log;
    const struct duo_member *to = &g()->at[slot];

    if (to == m || to->number == 0)
        return;
    uint32_t held = l->held_by[slot] == to->number ? l->held[slot] : 0;
    struct duo_message *x = duo_message_new(m, APPEND, to->number);

    x->sent_ns = duo_clock(m);
    x->committed = l->committed;
    x->safe = m->safe;
    x->whole = held == 0;
    duo_message_copy_entries(x, l, held < l->length ? held : l->length);
    duo_message_send(x);
}

static void send_appends(struct duo_member *m)
{
    for (uint32_t i = 0; i < DUO_SLOTS && m->log.leads; i++)
        send_append(m, i);
}

/* What all voters have, as far as this leader knows. */
static void count_safe(struct duo_member *m)
{
    const struct duo_log *l = &m->log;
    const struct duo_entry *voters = log_voters(l);
    uint32_t least = l->committed, count = voters_have(voters, m->number);

    for (int i = 0; i < DUO_SLOTS; i++)
        if (l->held_by[i] != m->number && voters_have(voters, l->held_by[i])) {
            least = l->held[i] < least ? l->held[i] : least;
            count++;
        }
    if (count == voters_count(voters) && least > m->safe)
        m->safe = least;
}

static void after_append(struct duo_member *m)
{
    log_commit(&m->log, m->number);
    count_safe(m);
    apply_some(m);
}

void duo_propose(struct duo_member *m, struct duo_entry e)
{
    if (m->log.leads) {
        log_append(&m->log, e);
        look_at_appended(m, &e);
        after_append(m);
        send_appends(m);
    } else if (m->leader) {
        struct duo_message *x = duo_message_new(m, PROPOSE, m->leader);

        x->entry = e;
        duo_message_send(x);
    }
}

void duo_found(struct duo_member *m)
{
    duo_init(&m->duo, &g()->config, m->number, g()->generations + 1, true);
    force_single(m, m->duo.generation);
    apply_some(m);
    duo_is_alone(m);
}

/* ---- appends -------------------------------------------------------------------------------- */

/* The whole log, in place of whatever there was. */
static void adopt(struct duo_member *m, const struct duo_entry *entries, uint32_t count,
                  uint32_t committed)
{
    struct duo_log *l = &m->log;

    memcpy(l->entries, entries, count * sizeof entries[0]);
    l->length = count;
    l->committed = committed;
    l->applied = 0;
    m->state = (struct duo_applied){0};
    memset(m->pending, 0, sizeof m->pending);
    while (l->applied < l->committed)
        log_apply(l, &m->state);
}

/* From where the log is known: the entries that follow. */
static void take_entries(struct duo_member *m, const struct duo_message *x)
{
    struct duo_log *l = &m->log;
    uint32_t end = x->first + x->count;

    while (l->length < end) {
        struct duo_entry e = x->entries[l->length - x->first];

        log_append(l, e);
        look_at_appended(m, &e);
    }
    if (x->committed > l->committed)
        l->committed = x->committed < l->length ? x->committed : l->length;
    if (x->safe > m->safe)
        m->safe = x->safe;
}

/* Takes over what a leader of another term has. What the entries say about the duo is told anew. */
void duo_take_whole(struct duo_member *m, const struct duo_message *x)
{
    struct duo_log *l = &m->log;
    bool knew = voters_have(log_voters(l), m->number);

    adopt(m, x->entries, x->count, x->committed);
    l->accepted = x->term;
    m->safe = x->safe;
    m->lease_until_ns = 0;
    const struct duo_entry *voters = log_voters(l);
    uint64_t other = voters_other(voters, m->number);

    set_peer(m, other ? other : voters_have(voters, m->number) ? 0 : x->from);
    if (!knew || generation_of(x->term) > m->duo.generation || !voters_have(voters, m->number))
        duo_happens(
            m, (struct duo_event){.kind = DUO_HAS_JOINED, .generation = generation_of(x->term)});
    for (uint32_t i = l->applied; i < l->length; i++)
        look_at_appended(m, &l->entries[i]);
}

static void answer_append(struct duo_member *m, const struct duo_message *x, bool misfit)
{
    struct duo_message *a = duo_message_new(m, ACK, x->from);

    a->misfit = misfit;
    a->length = m->log.length;
    a->sent_ns = x->sent_ns;
    a->applied = m->log.applied;
    if (!misfit)
        duo_happens(m, (struct duo_event){.kind = DUO_EXTENDED});
    duo_message_send(a);
}

static void on_append(struct duo_member *m, const struct duo_message *x)
{
    struct duo_log *l = &m->log;

    if (x->term < l->term || m->duo.state == DUO_FENCED || m->duo.state == DUO_TAKING) {
        answer_append(m, x, true);
        return;
    }
    if (x->term > l->term)
        duo_step_down(m, x->term);
    m->leader = x->from;
    if (x->whole && l->accepted != x->term)
        duo_take_whole(m, x);
    else if (l->accepted == x->term && x->first <= l->length)
        take_entries(m, x);
    bool fits = l->accepted == x->term;

    apply_some(m);
    answer_append(m, x, !fits);
}

static void on_ack(struct duo_member *m, const struct duo_message *x)
{
    struct duo_log *l = &m->log;
    const struct duo_member *from = duo_find(x->from);

    if (x->term > l->term && generation_of(x->term) == generation_of(l->term)) {
        duo_step_down(m, x->term);
        return;
    }
    if (!l->leads || !from || x->term != l->term)
        return;
    uint32_t i = from->slot;

    if (x->misfit || l->held_by[i] != x->from)
        l->held[i] = 0;
    l->held_by[i] = x->from;
    if (x->misfit)
        return;
    if (x->length > l->held[i])
        l->held[i] = x->length;
    if (x->sent_ns > m->echoed_ns[i])
        m->echoed_ns[i] = x->sent_ns;
    after_append(m);
}

/* ---- a member's life ------------------------------------------------------------------------ */

static void on_propose(struct duo_member *m, const struct duo_message *x)
{
    bool fits = x->term == m->log.term && m->log.leads;

    if (fits && (x->entry.kind == ENTRY_WRITE ? m->state.primary == x->from
                                              : !log_has_unapplied(&m->log, ENTRY_DUO)))
        duo_propose(m, x->entry);
}

static void take(struct duo_member *m, const struct duo_message *x)
{
    duo_heard_from(m, x->from);
    if (generation_of(x->term) > m->duo.generation || x->from == m->peer)
        duo_happens(m, (struct duo_event){.kind = DUO_HEARD,
                                          .generation = generation_of(x->term),
                                          .number = x->reads});
    switch (x->kind) {
    case APPEND: on_append(m, x); break;
    case ACK: on_ack(m, x); break;
    case BEAT: lead_on_beat(m, x); break;
    case GRANT: lead_on_grant(m, x); break;
    case VOTE: lead_on_vote(m, x); break;
    case PROMISE: lead_on_promise(m, x); break;
    case PROPOSE: on_propose(m, x); break;
    case GOODBYE:
        if (x->from == m->peer && generation_of(x->term) == m->duo.generation)
            duo_happens(m, (struct duo_event){.kind = DUO_GOODBYE});
        break;
    }
}

static void deliver(void *context)
{
    struct duo_message *x = context;
    struct duo_member *m = duo_find(x->to);

    if (m && duo_now() < m->paused_until_ns) {
        world_after(&g()->w, m->paused_until_ns - duo_now(), deliver, x);
        return;
    }
    if (m && m->foreign_ns == 0 && m->duo.state != DUO_FENCED)
        take(m, x);
    duo_message_free(x);
}

static void beat(struct duo_member *m)
{
    channel_beat(m);
    for (int i = 0; i < DUO_SLOTS && m->duo.state != DUO_FENCED; i++) {
        if (&g()->at[i] == m || g()->at[i].number == 0)
            continue;
        struct duo_message *x = duo_message_new(m, BEAT, g()->at[i].number);

        x->sent_ns = duo_clock(m);
        x->applied = m->log.applied;
        duo_message_send(x);
    }
    if (m->duo.state != DUO_FENCED)
        send_appends(m);
}

static void watch_others(struct duo_member *m)
{
    for (uint32_t i = 0; i < DUO_SLOTS; i++) {
        if (m->seen_number[i] != g()->at[i].number && g()->at[i].number != 0) {
            detector_init(&m->seen[i], &g()->detector, duo_clock(m));
            m->seen_number[i] = g()->at[i].number;
        }
        detector_listened(&m->seen[i]); /* to all that came before this tick */
        detector_tick(&m->seen[i], duo_clock(m));
    }
}

static enum detector_word word_of_peer(const struct duo_member *m)
{
    for (int i = 0; i < DUO_SLOTS; i++)
        if (m->peer != 0 && m->seen_number[i] == m->peer)
            return detector_look(&m->seen[i]);
    return m->peer ? DETECTOR_FAILED : DETECTOR_ALIVE;
}

static void work(struct duo_member *m)
{
    watch_others(m);
    channel_listen(m);
    apply_some(m);
    duo_happens(m, (struct duo_event){.kind = DUO_TICK,
                                      .word = word_of_peer(m),
                                      .in_silent = duo_clock(m) >
                                                   m->in_heard_ns + g()->detector.suspect_ns});
    if (m->duo.state != DUO_FENCED)
        lead_work(m);
}

static void ticks(void *context)
{
    struct duo_member *m = duo_find((uint64_t)(uintptr_t)context);

    if (!m)
        return;
    if (duo_now() >= m->paused_until_ns)
        work(m);
    world_after(&g()->w, any_between(&g()->w, TICK_MS * MS / 2, TICK_MS * MS * 3 / 2), ticks,
                context);
}

static void beats(void *context)
{
    struct duo_member *m = duo_find((uint64_t)(uintptr_t)context);

    if (!m)
        return;
    if (duo_now() >= m->paused_until_ns)
        beat(m);
    world_after(&g()->w, DUO_BEAT_MS * MS, beats, context);
}

void duo_begin_ticks(struct duo_member *m)
{
    void *number = (void *)(uintptr_t)m->number;

    watch_others(m);
    world_after(&g()->w, any_between(&g()->w, 0, TICK_MS * MS), ticks, number);
    world_after(&g()->w, any_between(&g()->w, 0, DUO_BEAT_MS * MS), beats, number);
}
