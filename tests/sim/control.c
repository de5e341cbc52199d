/* control.c - the control log on some members that die, are cut off, pause and come back; and
 * whether all of them agree on the same commands, whatever happens.
 *
 *     members, each a real struct consensus with a real struct metadata
 *        │  ▲
 *        ▼  │ encoded and decoded; late, lost, out of order, one way
 *     ──────┴──── Raft's messages; "take me in"; "you are number so-and-so"
 *
 * Each member's clock goes a little faster or slower than the others', and began somewhere else.
 * Who restarts has lost everything and asks to be taken in; who leads admits it by a command, whose
 * index is its number, expels who is silent, and changes voters as struct voters says, one at a
 * time. It has partitions handed over as struct balance says; of primaries there is only that they
 * say that they are ready, and then wait for a row.
 *
 * Checked at every step: what is applied at an index is the same everywhere, and so is the state
 * that it leads to, by command or by snapshot; a term has one leader; who may grant is not followed
 * by another leader yet; nobody takes the place of a primary who has not said, of that epoch, that
 * he is ready, and still waits. At the end, when all is quiet and a majority of voters lives: one
 * of them leads, nothing that anybody had applied is lost, all who run have applied the same, there
 * are as many voters as there should be, and primaries and copies are spread evenly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/cluster/balance.h"
#include "grid/cluster/consensus.h"
#include "grid/cluster/metadata.h"
#include "grid/cluster/mutant.h"
#include "grid/cluster/voters.h"
#include "net/base/hash.h"
#include "net/base/mem.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

enum {
    SLOTS_MAX = 7,
    PARTITIONS = 6,
    COPIES = 2,
    FOUNDER = 1,
    LOG_MAX = 40000,
    TERMS_MAX = 4000,
    PENDING_MAX = 64,
    ELECTION_MS = 500,
    BEAT_MS = 100,
    FAIL_MS = 1500,
    ASK_MS = 300,
    LONELY_MS = 2000,
    FAULTS_END_MS = 20000,
    QUIET_MS = 30000,
};

/* What it has proposed and not heard of again. */
struct pending {
    uint64_t index, term;
};

/* A process; when it dies another takes its slot. */
struct process {
    uint64_t number; /* 0: none */
    uint64_t id;     /* of raft; 0: it is not taken in */
    uint64_t paused_until_ns;
    int64_t clock_ms, clock_per_mille;
    struct consensus *c; /* NULL: it is not taken in */
    struct metadata metadata;
    uint64_t applied;             /* index */
    uint64_t heard_ms[SLOTS_MAX]; /* by its own clock, from whom in that slot */
    uint64_t since_ms, asked_ms;  /* since when it takes part; when it last asked to */
    struct pending pending[PENDING_MAX];
    uint32_t pending_count;
    int64_t handed_term;        /* in which leadership was last handed to it */
    struct balance balance;     /* while it leads */
    uint64_t waits[PARTITIONS]; /* it has said that it is ready to hand over, of this epoch; or 0 */
    struct command said[PARTITIONS];
    bool led;
};

/* What the first one to apply an index found there. */
struct truth {
    uint64_t command, state;
};

struct sim {
    struct world w;
    struct process at[SLOTS_MAX];
    int slots;
    bool cut[SLOTS_MAX][SLOTS_MAX];
    uint64_t numbers;

    struct truth log[LOG_MAX]; /* by index */
    uint64_t applied;          /* the last index that anybody has applied */
    uint64_t leaders[TERMS_MAX], last_term;
    uint64_t answered, lost, restored, handed_over, called_off;

    uint32_t kill_in, cut_in, pause_in, transfer_in, lose_in; /* once in so many; 0: never */
    uint64_t usual_ns;
    uint32_t log_max, log_keep;
    bool quiet;
};

static struct sim *s;

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed(__VA_ARGS__);                                                               \
    } while (0)

typedef unsigned long long number;

static struct process *find(uint64_t number)
{
    for (int i = 0; i < s->slots; i++)
        if (number != 0 && s->at[i].number == number)
            return &s->at[i];
    return NULL;
}

static int slot_of(const struct process *p)
{
    return (int)(p - s->at);
}

static uint64_t clock_of(const struct process *p)
{
    int64_t us = (int64_t)(s->w.now_ns / US);

    return (uint64_t)(p->clock_ms + us / 1000 + us * p->clock_per_mille / 1000000);
}

static struct consensus_view view_of(const struct process *p)
{
    struct consensus_view v = {0};

    if (p->c)
        consensus_look(p->c, &v);
    return v;
}

/* ---- messages ------------------------------------------------------------------------------- */

enum kind { RAFT, ASK, WELCOME, HAND_OVER, WISH };

struct message {
    enum kind kind;
    enum wire_id row;
    uint64_t from, to;       /* numbers of processes */
    uint64_t from_id, to_id; /* of raft; WELCOME: the one to take */
    uint32_t size;
    uint8_t bytes[];
};

static void deliver(void *context);

static void send(struct message *m)
{
    const struct process *from = find(m->from), *to = find(m->to);

    if (!from || !to || s->cut[slot_of(from)][slot_of(to)] ||
        one_in(&s->w, s->quiet ? 0 : s->lose_in))
        mem_free(m);
    else
        world_after(&s->w, any_delay(&s->w, s->usual_ns, s->quiet ? 2 : 8), deliver, m);
}

static struct message *message_new(enum kind kind, uint64_t from, uint64_t to, size_t size)
{
    struct message *m = mem_alloc_zero(sizeof *m + size);

    m->kind = kind;
    m->from = from;
    m->to = to;
    m->size = (uint32_t)size;
    return m;
}

/* Numbers of raft are somebody's, or were. */
static struct process *find_raft(uint64_t id)
{
    for (int i = 0; i < s->slots; i++)
        if (s->at[i].number != 0 && s->at[i].id == id)
            return &s->at[i];
    return NULL;
}

/* Others may be disrupted once, in the term behind that of who has handed on. */
static void check_vote(const struct process *p, const struct raft_vote *m)
{
    must(!m->disrupt || m->term == p->handed_term + 1, "m%llu disrupts others in term %llu",
         (number)p->number, (number)m->term);
}

static void on_send(void *context, uint64_t to, enum wire_id id, const void *message)
{
    struct process *p = context;
    const struct process *q = find_raft(to);
    struct sink out = {.grows = true};

    if (id == WIRE_raft_vote)
        check_vote(p, message);
    if (!q)
        return;
    wire_encode(id, &(struct wire_head){0}, message, &out);
    struct message *m = message_new(RAFT, p->number, q->number, out.size);

    m->row = id;
    m->from_id = p->id;
    m->to_id = to;
    memcpy(m->bytes, out.at, out.size);
    sink_free(&out);
    send(m);
}

/* ---- the state ------------------------------------------------------------------------------ */

static uint64_t digest_of(const struct metadata *m)
{
    struct sink out = {.grows = true};

    metadata_encode(m, &out);
    uint64_t digest = XXH3_64bits(out.at, out.size);

    sink_free(&out);
    return digest;
}

/* The first to apply an index says what is there; everybody else has to agree. */
static void note_applied(const struct process *p, uint64_t index, struct truth found)
{
    struct truth *known = &s->log[index];

    if (known->state == 0)
        *known = found;
    must(known->command == found.command, "m%llu applies another command %llu", (number)p->number,
         (number)index);
    must(known->state == found.state, "m%llu has another state after %llu", (number)p->number,
         (number)index);
    s->applied = index > s->applied ? index : s->applied;
}

static void answer(struct process *p, uint64_t index, uint64_t term)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->pending_count; i++) {
        const struct pending *q = &p->pending[i];

        if (q->index > index) {
            p->pending[n++] = *q;
            continue;
        }
        if (q->index == index && q->term == term)
            s->answered++;
        else
            s->lost++;
    }
    p->pending_count = n;
}

/* A row of another epoch tells who goes on. */
static void stop_waiting(struct process *p)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        if (p->waits[i] != p->metadata.rows[i].epoch)
            p->waits[i] = 0;
}

/* The first time that it is applied. Who is primary no more may be so only because it has died. */
static void note_moved(const struct command *c)
{
    const struct process *old = find(c->primary);

    if (c->member == c->primary) {
        s->called_off++;
    } else if (old) {
        must(old->waits[c->partition] == c->epoch, "m%llu is not ready to hand over %u",
             (number)old->number, c->partition);
        s->handed_over++;
    }
}

static void on_apply(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size)
{
    struct process *p = context;
    struct command c;

    must(index < LOG_MAX, "more commands than are expected");
    must(index > p->applied, "m%llu applies %llu after %llu", (number)p->number, (number)index,
         (number)p->applied);
    must(command_decode(&c, bytes, size) == MR_OK, "%llu is no command", (number)index);
    mr_rc_t rc = metadata_apply_at(&p->metadata, index, &c);

    metadata_check(&p->metadata);
    if (index > s->applied && rc == MR_OK && c.kind == COMMAND_MOVE)
        note_moved(&c);
    stop_waiting(p);
    p->applied = index;
    note_applied(p, index,
                 (struct truth){XXH3_64bits_withSeed(bytes, size, term), digest_of(&p->metadata)});
    answer(p, index, term);
}

static mr_rc_t on_save(void *context, struct sink *out)
{
    metadata_encode(&((struct process *)context)->metadata, out);
    return MR_OK;
}

/* What was proposed before and is jumped over: the state would have to tell. */
static mr_rc_t on_restore(void *context, uint64_t index, const void *bytes, uint32_t size)
{
    struct process *p = context;
    struct metadata m;

    must(index > p->applied, "m%llu goes back from %llu to %llu", (number)p->number,
         (number)p->applied, (number)index);
    must(metadata_decode(&m, bytes, size) == MR_OK, "m%llu cannot read a snapshot",
         (number)p->number);
    must(m.index == 0 || s->log[m.index].state == digest_of(&m),
         "m%llu is given another state after %llu", (number)p->number, (number)m.index);
    metadata_free(&p->metadata);
    p->metadata = m;
    stop_waiting(p);
    p->applied = index;
    p->pending_count = 0;
    s->restored++;
    return MR_OK;
}

/* ---- roles ---------------------------------------------------------------------------------- */

/* It has applied all that could be applied anywhere, unless there is a later leader already; for
 * how long the others have been silent it does not know yet. */
static void begin_to_lead(struct process *p, uint64_t term)
{
    must(p->applied >= s->applied || term < s->last_term,
         "m%llu leads and has applied %llu of %llu", (number)p->number, (number)p->applied,
         (number)s->applied);
    for (int i = 0; i < s->slots; i++)
        p->heard_ms[i] = clock_of(p);
    p->balance = (struct balance){0};
}

static void on_role(void *context)
{
    struct process *p = context;
    struct consensus_view v = view_of(p);

    must(v.term < TERMS_MAX, "more terms than are expected");
    world_note(&s->w, "m%llu: term %llu, leader #%llu%s%s", (number)p->number, (number)v.term,
               (number)v.leader, v.elected ? ", elected" : "", v.leads ? ", leads" : "");
    if (v.elected) {
        must(s->leaders[v.term] == 0 || s->leaders[v.term] == p->number,
             "m%llu and m%llu are elected in term %llu", (number)s->leaders[v.term],
             (number)p->number, (number)v.term);
        s->leaders[v.term] = p->number;
        s->last_term = v.term > s->last_term ? v.term : s->last_term;
    }
    if (v.leads && !p->led)
        begin_to_lead(p, v.term);
    p->led = v.leads;
}

static void on_servers(void *context)
{
    (void)context;
}

static void on_broken(void *context)
{
    must(false, "m%llu is broken", (number)((struct process *)context)->number);
}

static void on_stored(void *context, const void *bytes, uint32_t size, uint32_t voters)
{
    (void)context, (void)bytes, (void)size, (void)voters;
}

static const struct consensus_out out = {
    on_send, on_apply, on_stored, on_save, on_restore, on_role, on_servers, on_broken,
};

static void look_at(const struct process *p)
{
    struct consensus_view v = view_of(p);

    if (!p->c)
        return;
    consensus_check(p->c);
    if (consensus_may_grant(p->c, clock_of(p)))
        must(v.term >= s->last_term, "m%llu may grant in term %llu, and m%llu leads in %llu",
             (number)p->number, (number)v.term, (number)s->leaders[s->last_term],
             (number)s->last_term);
}

/* ---- who takes part ------------------------------------------------------------------------- */

static void leave(struct process *p)
{
    if (p->c) {
        consensus_free(p->c);
        metadata_free(&p->metadata);
    }
    p->c = NULL;
    p->applied = 0;
    p->pending_count = 0;
    p->led = false;
    memset(p->waits, 0, sizeof p->waits);
}

static void begin_as(struct process *p, uint64_t id)
{
    const struct consensus_options options = {.id = id,
                                              .seed = rand_next(&s->w.rand),
                                              .election_ms = ELECTION_MS,
                                              .heartbeat_ms = BEAT_MS,
                                              .log_max = s->log_max,
                                              .log_keep = s->log_keep};

    leave(p);
    world_note(&s->w, "m%llu is number %llu", (number)p->number, (number)id);
    p->id = id;
    must(consensus_new(&options, &out, p, &p->c) == MR_OK &&
             metadata_init(&p->metadata, PARTITIONS, FOUNDER) == MR_OK,
         "no memory");
    mr_rc_t rc = id == 1 && p->number == FOUNDER ? consensus_found(p->c, clock_of(p))
                                                 : consensus_join(p->c, clock_of(p));

    must(rc == MR_OK, "no memory");
    p->since_ms = clock_of(p);
}

static mr_rc_t propose(struct process *p, struct command c)
{
    struct sink bytes = {.grows = true};
    struct pending n;

    if (p->pending_count == PENDING_MAX)
        return MR_ERR_BUSY;
    command_encode(&c, &bytes);
    /* A lone leader applies it before it is known under which number. */
    p->pending[p->pending_count++] = (struct pending){UINT64_MAX, 0};
    mr_rc_t rc =
        consensus_propose(p->c, clock_of(p), bytes.at, (uint32_t)bytes.size, &n.index, &n.term);

    sink_free(&bytes);
    for (uint32_t i = 0; i < p->pending_count; i++)
        if (p->pending[i].index == UINT64_MAX)
            p->pending[i] = p->pending[--p->pending_count];
    if (rc == MR_OK && n.index > p->applied)
        p->pending[p->pending_count++] = n;
    else
        s->answered += rc == MR_OK;
    return rc;
}

/* Whoever leads hears that a process wants in. One that is in learns its number once more. */
static void on_ask(struct process *p, const struct message *m)
{
    const struct cluster_member *x;

    if (!view_of(p).leads)
        return;
    x = metadata_member(&p->metadata, m->from);
    if (!x || !x->in) {
        (void)!propose(p, (struct command){.kind = COMMAND_ADMIT, .member = m->from});
        return;
    }
    struct message *w = message_new(WELCOME, p->number, m->from, 0);

    w->to_id = x->joined;
    send(w);
}

static void on_welcome(struct process *p, const struct message *m)
{
    if (m->to_id > p->id)
        begin_as(p, m->to_id);
}

/* One that has no leader for long may have been expelled. */
static void ask(struct process *p)
{
    uint64_t now_ms = clock_of(p);

    if ((p->c && now_ms < p->since_ms + LONELY_MS) || now_ms < view_of(p).leader_ms + LONELY_MS ||
        now_ms < p->asked_ms + ASK_MS)
        return;
    p->asked_ms = now_ms;
    for (int i = 0; i < s->slots; i++)
        if (s->at[i].number != 0 && &s->at[i] != p)
            send(message_new(ASK, p->number, s->at[i].number, 0));
}

/* ---- what a leader sees to ------------------------------------------------------------------ */

static bool was_heard(const struct process *p, uint64_t number)
{
    const struct process *q = find(number);

    return number == p->number || (q && clock_of(p) < p->heard_ms[slot_of(q)] + FAIL_MS);
}

/* Another process in its place is the proof that it is dead; so is silence for long. */
static void expel_silent(struct process *p)
{
    for (uint32_t i = 0; i < p->metadata.member_count; i++) {
        const struct cluster_member *x = &p->metadata.members[i];

        if (x->in && !was_heard(p, x->incarnation)) {
            (void)!propose(p, (struct command){.kind = COMMAND_EXPEL, .member = x->incarnation});
            return;
        }
    }
}

static uint32_t list_members(const struct process *p, struct voters_member *ret)
{
    static struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    uint32_t n = consensus_servers(p->c, servers);

    for (uint32_t i = 0; i < n; i++)
        ret[i] = (struct voters_member){.id = servers[i].id,
                                        .role = servers[i].voter ? VOTERS_VOTER : VOTERS_STANDBY,
                                        .held = servers[i].held};
    for (uint32_t k = 0; k < p->metadata.member_count; k++) {
        const struct cluster_member *x = &p->metadata.members[k];
        uint32_t i = 0;

        if (!x->in)
            continue;
        while (i < n && ret[i].id != x->joined)
            i++;
        if (i == n)
            ret[n++] = (struct voters_member){.id = x->joined};
        ret[i].in = true;
        ret[i].heard = was_heard(p, x->incarnation);
    }
    return n;
}

static void change_voters(struct process *p)
{
    static struct voters_member members[CONSENSUS_SERVERS_MAX + CLUSTER_MEMBERS_MAX];
    static const char *const names[] = {"adds", "promotes", "demotes", "removes"};
    enum consensus_change change;
    uint64_t id;

    if (!voters_next(members, list_members(p, members), p->id, &change, &id))
        return;
    if (consensus_change(p->c, clock_of(p), change, id) == MR_OK)
        world_note(&s->w, "m%llu %s #%llu", (number)p->number, names[change], (number)id);
}

/* ---- primaries that are handed over --------------------------------------------------------- */

static struct message *message_of(enum kind kind, const struct process *from, uint64_t to,
                                  const struct command *c)
{
    struct message *m = message_new(kind, from->number, to, sizeof *c);

    memcpy(m->bytes, c, sizeof *c);
    return m;
}

static struct command command_of(const struct message *m)
{
    struct command c;

    memcpy(&c, m->bytes, sizeof c);
    return c;
}

/* To the log, through its leader. */
static void wish(struct process *p, const struct command *c)
{
    const struct process *leader = find_raft(view_of(p).leader);

    if (view_of(p).leads)
        (void)!propose(p, *c);
    else if (leader)
        send(message_of(WISH, p, leader->number, c));
}

static void hand_over(struct process *p, struct command c)
{
    const struct row *r = &p->metadata.rows[c.partition];

    if (r->primary != p->number || r->epoch != c.epoch || !row_in_sync(r, c.member))
        return;
    p->waits[c.partition] = c.epoch;
    p->said[c.partition] = c;
    wish(p, &c);
}

/* Again, or that nothing came of it: time never ends the waiting. */
static void wait_on(struct process *p)
{
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        struct command c = p->said[i];

        if (p->waits[i] == 0 || !one_in(&s->w, 20))
            continue;
        if (one_in(&s->w, 2))
            c.member = p->number;
        if (MUTANT(HAND_OVER_TIMED_OUT) && c.member == p->number)
            p->waits[i] = 0;
        wish(p, &c);
    }
}

/* Who has all there is, the primary would say. */
static void add_learners(struct process *p)
{
    uint32_t i = (uint32_t)any_below(&s->w, PARTITIONS);
    const struct row *r = &p->metadata.rows[i];

    if (r->learner_count > 0)
        (void)!propose(p, (struct command){.kind = COMMAND_ADD,
                                           .member = r->learners[0],
                                           .partition = i,
                                           .epoch = r->epoch,
                                           .primary = r->primary});
}

/* What it has proposed in an earlier term may be lost. */
static bool is_under_way(const struct process *p)
{
    for (uint32_t i = 0; i < p->pending_count; i++)
        if (p->pending[i].term == (uint64_t)view_of(p).term)
            return true;
    return false;
}

static void balance(struct process *p)
{
    struct command c;

    add_learners(p);
    while (!is_under_way(p)) {
        bool repairs = metadata_repair(&p->metadata, COPIES, &c);

        if (!repairs && !balance_next(&p->balance, &p->metadata, COPIES, clock_of(p), &c))
            return;
        must(p->balance.count <= HAND_OVERS_MAX, "too many are handed over at once");
        if (c.kind != COMMAND_MOVE || c.member == c.primary)
            (void)!propose(p, c);
        else if (c.primary == p->number)
            hand_over(p, c);
        else
            send(message_of(HAND_OVER, p, c.primary, &c));
    }
}

/* Something to agree on: what is missing, or any change of any row that can be now. */
static void propose_something(struct process *p)
{
    uint32_t i = (uint32_t)any_below(&s->w, PARTITIONS);
    const struct row *r = &p->metadata.rows[i];
    struct command c = {.partition = i, .epoch = r->epoch, .primary = r->primary};

    if (one_in(&s->w, 3) && metadata_repair(&p->metadata, 2, &c)) {
        (void)!propose(p, c);
        return;
    }
    c.kind = (enum command_kind)any_between(&s->w, COMMAND_LEARN, COMMAND_MOVE);
    if (c.kind == COMMAND_MOVE)
        c.primary = NOBODY;
    c.member = p->metadata.members[any_below(&s->w, p->metadata.member_count)].incarnation;
    (void)!propose(p, c);
}

/* Who has been expelled while it led hands on, and is taken in anew. */
static bool is_in(const struct process *p)
{
    const struct cluster_member *x = metadata_member(&p->metadata, p->number);

    return x && x->in && x->joined == p->id;
}

static void lead(struct process *p)
{
    if (!is_in(p) || one_in(&s->w, s->quiet ? 0 : s->transfer_in)) {
        if (consensus_transfer(p->c, clock_of(p), 0) == MR_OK)
            world_note(&s->w, "m%llu hands on", (number)p->number);
        return;
    }
    if (one_in(&s->w, 3))
        expel_silent(p);
    change_voters(p);
    if (!s->quiet && one_in(&s->w, 4))
        propose_something(p);
    balance(p);
}

/* ---- members -------------------------------------------------------------------------------- */

static void take_raft(struct process *p, const struct message *m)
{
    union wire_message message;
    const char *field;

    if (!p->c || m->to_id != p->id)
        return;
    must(wire_decode(m->row, m->bytes, m->size, &message, &field) == MR_OK, "%s: %s",
         wire_name(m->row), field);
    if (m->row == WIRE_raft_campaign)
        p->handed_term = message.raft_campaign.term;
    mr_rc_t rc = consensus_receive(p->c, clock_of(p), m->from_id, m->row, &message);

    must(rc == MR_OK, "m%llu refuses %s from m%llu", (number)p->number, wire_name(m->row),
         (number)m->from);
}

static void deliver(void *context)
{
    struct message *m = context;
    struct process *p = find(m->to);
    const struct process *from = find(m->from);

    if (p && s->w.now_ns < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - s->w.now_ns, deliver, m);
        return;
    }
    if (p && from && !s->cut[slot_of(from)][slot_of(p)])
        p->heard_ms[slot_of(from)] = clock_of(p);
    if (p && m->kind == RAFT)
        take_raft(p, m);
    else if (p && m->kind == ASK && p->c)
        on_ask(p, m);
    else if (p && m->kind == WELCOME)
        on_welcome(p, m);
    else if (p && m->kind == HAND_OVER && p->c)
        hand_over(p, command_of(m));
    else if (p && m->kind == WISH && view_of(p).leads)
        (void)!propose(p, command_of(m));
    if (p)
        look_at(p);
    mem_free(m);
}

static void member_ticks(void *context)
{
    struct process *p = find((uint64_t)(uintptr_t)context);

    if (!p)
        return;
    if (s->w.now_ns >= p->paused_until_ns) {
        if (p->c && clock_of(p) >= consensus_next_ms(p->c))
            consensus_tick(p->c, clock_of(p));
        look_at(p);
        ask(p);
        if (p->c)
            wait_on(p);
        if (p->c && view_of(p).leads)
            lead(p);
        look_at(p);
    }
    world_after(&s->w, any_between(&s->w, 2 * MS, 20 * MS), member_ticks, context);
}

static void start_process(void *context)
{
    struct process *p = context;
    uint64_t id = p->id;

    memset(p, 0, sizeof *p);
    p->number = ++s->numbers;
    p->clock_ms = (int64_t)any_between(&s->w, 1000, 1000000);
    p->clock_per_mille = (int64_t)any_between(&s->w, 0, 18) - 9;
    world_note(&s->w, "m%llu starts", (number)p->number);
    if (p->number == FOUNDER)
        begin_as(p, 1);
    else if (MUTANT(RAFT_ID_REUSED) && id != 0)
        begin_as(p, id);
    member_ticks((void *)(uintptr_t)p->number);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* Of the servers as the most advanced log has them. */
static bool majority_lives(void)
{
    static struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    const struct process *best = NULL;
    uint32_t voters = 0, live = 0;

    for (int i = 0; i < s->slots; i++)
        if (s->at[i].c && (!best || view_of(&s->at[i]).last > view_of(best).last))
            best = &s->at[i];
    if (!best)
        return false;
    for (uint32_t i = consensus_servers(best->c, servers); i-- > 0;) {
        const struct process *p = find_raft(servers[i].id);

        voters += servers[i].voter;
        live += servers[i].voter && p && p->c;
    }
    return live > voters / 2;
}

static void kill_process(struct process *p)
{
    uint64_t number_before = p->number;
    struct consensus *c = p->c;

    p->number = 0;
    p->c = NULL;
    bool good = majority_lives();

    p->number = number_before;
    p->c = c;
    if (!good && !one_in(&s->w, 50)) /* the end of most of what there is to be seen */
        return;
    world_note(&s->w, "m%llu dies", (number)p->number);
    leave(p);
    p->number = 0;
    if (!MUTANT(RAFT_ID_REUSED))
        p->id = 0;
    world_after(&s->w, any_between(&s->w, 10 * MS, 5000 * MS), start_process, p);
}

static void heal(void *context)
{
    (void)context;
    memset(s->cut, 0, sizeof s->cut);
}

/* Cuts off one member, in one direction or both, or half of them from the others. */
static void cut_some(void)
{
    uint32_t one_side = one_in(&s->w, 2) ? 1u << any_below(&s->w, (uint64_t)s->slots)
                                         : (uint32_t)any_below(&s->w, 1u << s->slots);
    bool out_too = !one_in(&s->w, 4), in_too = !out_too || !one_in(&s->w, 4);

    for (int i = 0; i < s->slots; i++)
        for (int k = 0; k < s->slots; k++)
            if ((one_side >> i & 1) && !(one_side >> k & 1)) {
                s->cut[i][k] |= out_too;
                s->cut[k][i] |= in_too;
            }
    world_note(&s->w, "cut: %x%s%s", one_side, out_too ? " out" : "", in_too ? " in" : "");
    world_after(&s->w, any_between(&s->w, 10 * MS, 4000 * MS), heal, NULL);
}

static void faults(void *context)
{
    (void)context;
    if (s->quiet)
        return;
    if (one_in(&s->w, s->cut_in))
        cut_some();
    for (int i = 0; i < s->slots; i++) {
        struct process *p = &s->at[i];

        if (p->number == 0)
            continue;
        if (one_in(&s->w, s->kill_in)) {
            kill_process(p);
        } else if (one_in(&s->w, s->pause_in)) {
            p->paused_until_ns = s->w.now_ns + any_between(&s->w, 1 * MS, 3000 * MS);
            world_note(&s->w, "m%llu pauses", (number)p->number);
        }
    }
    world_after(&s->w, 50 * MS, faults, NULL);
}

static void draw_faults(void)
{
    static const uint32_t rates[] = {0, 0, 2000, 500, 150};

    s->slots = (int)any_between(&s->w, 3, SLOTS_MAX);
    s->kill_in = rates[any_below(&s->w, 5)];
    s->cut_in = rates[any_below(&s->w, 5)] / 4;
    s->pause_in = rates[any_below(&s->w, 5)];
    s->transfer_in = rates[any_below(&s->w, 5)];
    s->lose_in = one_in(&s->w, 2) ? 0 : (uint32_t)any_between(&s->w, 10, 1000);
    s->usual_ns = any_between(&s->w, 100 * US, 20 * MS);
    s->log_max = (uint32_t)any_between(&s->w, 3, 60);
    s->log_keep = (uint32_t)any_between(&s->w, 0, 10);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void start_slot(void *context)
{
    start_process(context);
}

static void begin(uint64_t seed, bool told)
{
    s = mem_alloc_zero(sizeof *s);
    s->w.told = told;
    world_begin(&s->w, seed);
    draw_faults();
    start_process(&s->at[0]);
    for (int i = 1; i < s->slots; i++)
        world_after(&s->w, any_between(&s->w, 0, 2000 * MS), start_slot, &s->at[i]);
    faults(NULL);
}

static uint32_t difference(const struct metadata *m, bool of_primaries)
{
    uint32_t least = UINT32_MAX, most = 0;

    for (uint32_t i = 0; i < m->member_count; i++) {
        uint32_t has = of_primaries ? m->members[i].primaries : m->members[i].copies;

        if (m->members[i].in && has < least)
            least = has;
        if (m->members[i].in && has > most)
            most = has;
    }
    return most - least;
}

/* Where all holders are gone nothing can be repaired, and what they held does not count. */
static void look_at_balance(const struct metadata *m)
{
    bool whole = true;

    for (uint32_t i = 0; i < m->partitions; i++)
        whole &= m->rows[i].primary != NOBODY;
    must(difference(m, true) <= 1, "primaries differ by %u", difference(m, true));
    must(!whole || difference(m, false) <= 1, "copies differ by %u", difference(m, false));
}

static void look_at_voters(const struct process *leader)
{
    static struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    uint32_t voters = 0, n = consensus_servers(leader->c, servers);

    for (uint32_t i = 0; i < n; i++) {
        must(find_raft(servers[i].id), "#%llu takes part and does not run", (number)servers[i].id);
        voters += servers[i].voter;
    }
    must(n == (uint32_t)s->slots, "%u of %d take part", n, s->slots);
    must(voters == voters_wanted(n), "%u of %u are voters", voters, n);
}

/* All is quiet, and nobody proposes any more. */
static void look_at_the_end(void)
{
    const struct process *leader = NULL;

    if (!majority_lives())
        return;
    for (int i = 0; i < s->slots; i++)
        if (view_of(&s->at[i]).leads)
            leader = &s->at[i];
    must(leader, "nobody leads");
    look_at_voters(leader);
    look_at_balance(&leader->metadata);
    must(leader->applied >= s->applied, "what was applied is lost");
    must(consensus_may_grant(leader->c, clock_of(leader)), "m%llu may not grant",
         (number)leader->number);
    for (int i = 0; i < s->slots; i++) {
        const struct process *p = &s->at[i];

        must(p->c && view_of(p).leader == leader->id, "m%llu has no leader", (number)p->number);
        must(view_of(p).applied + 100 >= view_of(leader).applied, "m%llu is behind",
             (number)p->number);
    }
}

static void end(struct sim_result *ret)
{
    ret->trace ^= s->w.trace;
    ret->happened += s->w.happened;
    ret->operations += s->answered;
    ret->unknown += s->lost;
    ret->rows += s->applied;
    ret->handed_over += s->handed_over;
    ret->called_off += s->called_off;
    for (int i = 0; i < s->slots; i++)
        leave(&s->at[i]);
    world_end(&s->w);
    mem_free(s);
    s = NULL;
}

void sim_control(uint64_t seed, bool told, struct sim_result *ret)
{
    begin(seed, told);
    world_run(&s->w, FAULTS_END_MS * MS);
    s->quiet = true;
    heal(NULL);
    world_run(&s->w, (FAULTS_END_MS + QUIET_MS) * MS);
    look_at_the_end();
    end(ret);
}
