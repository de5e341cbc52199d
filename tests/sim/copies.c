/* copies.c - one partition on some members that die, are cut off, pause and come back; and whether
 * anything that was acknowledged is lost, or anything old is read.
 *
 *     clients ──▶ members, each a real struct replica ──▶ each other: late, lost, out of order
 *                    └── heartbeats, rows ── the register, which is never wrong and never away
 *
 * The register stands for the control log: it admits, expels and grants leases by the rules that
 * the protocol prescribes. It is one place here, so that what is tested is the copies alone; what
 * a command leads to, each member works out for itself, with the real struct metadata.
 *
 * Checked at every step: what is applied with a number is the same everywhere; a whole copy is what
 * the operations up to its number make of an empty store; what is acknowledged was applied under
 * its number; a read shows at least what was acknowledged, or shown, before it began; who is
 * asked is answered once. At the end, when all is quiet: those in sync have the same, and serve.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/cluster/metadata.h"
#include "grid/cluster/mutant.h"
#include "grid/op/replica.h"
#include "net/base/hash.h"
#include "net/base/mem.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

enum {
    SLOTS = 5,
    ENTRIES = 24,
    CHUNK = 5, /* entries */
    CLIENTS = 4,
    LOG_MAX = 20000,
    COMMANDS_MAX = 4096,
    FAULTS_END_MS = 20000,
    QUIET_MS = 10000,
    LEASE_MS = 600,
    FAIL_MS = 1000,
    BEAT_MS = 100,
    FOUNDER = 1,
};

struct effect {
    uint32_t key, id; /* id 0: the entry goes */
};

struct entry {
    uint64_t version;
    uint32_t id; /* 0: there is none */
};

/* A process; when it dies another takes its slot. */
struct process {
    uint64_t number; /* 0: none */
    bool cut;        /* from the others and from the register */
    uint64_t paused_until_ns;
    struct replica replica;
    struct entry entries[ENTRIES];
    uint64_t digest;
    uint32_t cursors[2 * COPIES_MAX][2]; /* of walks, by peer */
    struct metadata metadata;            /* as far as it has applied the log */
    uint64_t lease_until_ns;
    bool was_leased; /* when it last looked at it from time to time */
};

/* What the register knows of a process. */
struct known {
    uint64_t number;
    uint64_t heard_ns, granted_until_ns;
};

struct sim {
    struct world w;
    struct process at[SLOTS];
    uint64_t numbers;

    struct command commands[COMMANDS_MAX]; /* the control log */
    struct row rows[COMMANDS_MAX];         /* what each of them led to */
    struct metadata metadata;              /* after all of them */
    struct known known[SLOTS];
    uint64_t moving_until_ns; /* a primary is to be moved when its grant is over; 0: none */

    uint32_t log[LOG_MAX]; /* by number: the effect's id and key, 0: not applied yet */
    uint64_t digests[LOG_MAX];
    struct entry model[ENTRIES];
    uint64_t applied, digest;

    uint32_t ids;
    uint64_t shown; /* the last number that was acknowledged or read */
    uint64_t reads, acknowledged, unknown;

    uint32_t copies;                                      /* wanted */
    uint32_t kill_in, cut_in, pause_in, move_in, lose_in; /* once in so many; 0: never */
    uint64_t usual_ns;                                    /* of a message */
    bool quiet;
};

static struct sim *s;

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed(__VA_ARGS__);                                                               \
    } while (0)

static uint64_t now_ns(void)
{
    return s->w.now_ns;
}

static struct process *process_of(const struct replica *r)
{
    return r->context;
}

static struct process *find(uint64_t number)
{
    for (int i = 0; i < SLOTS; i++)
        if (number != 0 && s->at[i].number == number)
            return &s->at[i];
    return NULL;
}

static bool leased(const struct process *p)
{
    return now_ns() < p->lease_until_ns;
}

/* ---- messages ------------------------------------------------------------------------------- */

enum kind { APPEND, ACK, CHUNK_OF, BEAT, GRANT, ADD };

struct message {
    enum kind kind;
    uint64_t from, to; /* 0: the register */
    union {
        struct {
            struct replica_append a;
            struct replica_op ops[64];
        } append;
        struct replica_ack ack;
        struct {
            struct replica_chunk c;
            struct entry entries[CHUNK];
            uint32_t first, count;
        } chunk;
        struct {
            uint64_t sent_ns;
            uint64_t index; /* applied */
        } beat;
        struct {
            uint64_t until_ns;
        } grant;
        struct {
            uint64_t member, epoch;
        } add;
    };
};

static void deliver(void *context);

static void free_message(struct message *m)
{
    if (m->kind == APPEND)
        for (uint32_t i = 0; i < m->append.a.count; i++)
            mem_free(m->append.ops[i].effect);
    mem_free(m);
}

static bool reachable(uint64_t number)
{
    const struct process *p = find(number);

    return number == 0 || (p && !p->cut);
}

static void send(struct message *m)
{
    if (!reachable(m->from) || !reachable(m->to) || one_in(&s->w, s->quiet ? 0 : s->lose_in))
        free_message(m);
    else
        world_after(&s->w, any_delay(&s->w, s->usual_ns, s->quiet ? 2 : 8), deliver, m);
}

static struct message *message_new(enum kind kind, uint64_t from, uint64_t to)
{
    struct message *m = mem_alloc_zero(sizeof *m);

    m->kind = kind;
    m->from = from;
    m->to = to;
    return m;
}

/* ---- the store ------------------------------------------------------------------------------ */

static uint64_t digest_of(uint32_t key, const struct entry *e)
{
    const uint64_t words[] = {key, e->id, e->version};

    return e->id == 0 ? 0 : XXH3_64bits(words, sizeof words);
}

static void put(struct entry *entries, uint64_t *digest, uint32_t key, struct entry e)
{
    *digest ^= digest_of(key, &entries[key]) ^ digest_of(key, &e);
    entries[key] = e;
}

static uint32_t word_of(const struct effect *e)
{
    return e->id << 8 | e->key | 0x80;
}

/* The first to apply an operation says what it is; everybody else has to agree. */
static void note_applied(const struct process *p, uint64_t seq, const struct effect *e)
{
    must(seq < LOG_MAX, "more operations than are expected");
    if (s->log[seq] == 0) {
        must(seq == s->applied + 1, "m%llu applies %llu after %llu", (unsigned long long)p->number,
             (unsigned long long)seq, (unsigned long long)s->applied);
        s->applied = seq;
        s->log[seq] = word_of(e);
        put(s->model, &s->digest, e->key, (struct entry){seq, e->id});
        s->digests[seq] = s->digest;
    }
    must(s->log[seq] == word_of(e), "m%llu applies another operation %llu",
         (unsigned long long)p->number, (unsigned long long)seq);
}

static void on_apply(struct replica *r, const struct replica_op *op)
{
    struct process *p = process_of(r);
    const struct effect *e = op->effect;

    note_applied(p, op->seq, e);
    if (op->seq > p->entries[e->key].version)
        put(p->entries, &p->digest, e->key, (struct entry){e->id ? op->seq : 0, e->id});
    world_note(&s->w, "m%llu applies %llu", (unsigned long long)p->number,
               (unsigned long long)op->seq);
}

static void on_wipe(struct replica *r)
{
    struct process *p = process_of(r);

    memset(p->entries, 0, sizeof p->entries);
    p->digest = 0;
}

/* ---- what a replica wants done -------------------------------------------------------------- */

static void on_append_out(struct replica *r, uint64_t to, const struct replica_append *a)
{
    struct message *m = message_new(APPEND, r->self, to);

    m->append.a = *a;
    for (uint32_t i = 0; i < a->count; i++) {
        struct effect *e = mem_alloc_zero(sizeof *e);

        *e = *(struct effect *)a->ops[i].effect;
        m->append.ops[i] = a->ops[i];
        m->append.ops[i].effect = e;
    }
    m->append.a.ops = m->append.ops;
    send(m);
}

static void on_ack_out(struct replica *r, uint64_t to, const struct replica_ack *a)
{
    struct message *m = message_new(ACK, r->self, to);

    m->ack = *a;
    send(m);
}

/* Where the walk for a peer goes on: the place behind the chunk with this number. */
static uint32_t *cursor_of(struct process *p, uint64_t to, uint64_t number)
{
    return &p->cursors[to % (2 * COPIES_MAX)][number & 1];
}

static bool on_chunk_out(struct replica *r, uint64_t to, const struct replica_chunk *c)
{
    struct process *p = process_of(r);
    struct message *m = message_new(CHUNK_OF, r->self, to);
    uint32_t first = c->first ? 0 : *cursor_of(p, to, c->number - 1);
    uint32_t count = ENTRIES - first < CHUNK ? ENTRIES - first : CHUNK;

    m->chunk.c = *c;
    m->chunk.c.last = first + count == ENTRIES;
    m->chunk.first = first;
    m->chunk.count = count;
    memcpy(m->chunk.entries, p->entries + first, count * sizeof p->entries[0]);
    *cursor_of(p, to, c->number) = first + count;
    bool last = m->chunk.c.last;

    send(m);
    return last;
}

static void on_take_chunk(struct replica *r, const struct replica_chunk *c)
{
    struct process *p = process_of(r);
    const struct message *m = c->entries;

    for (uint32_t i = 0; i < m->chunk.count; i++)
        put(p->entries, &p->digest, m->chunk.first + i, m->chunk.entries[i]);
}

static void on_release(struct replica *r, void *effect)
{
    (void)r;
    mem_free(effect);
}

static void on_ask_add(struct replica *r, uint64_t member, uint64_t epoch)
{
    struct message *m = message_new(ADD, r->self, 0);

    m->add.member = member;
    m->add.epoch = epoch;
    send(m);
}

static void on_serving(struct replica *r)
{
    world_note(&s->w, "m%llu serves epoch %llu", (unsigned long long)r->self,
               (unsigned long long)r->row.epoch);
}

static void on_committed(struct replica *r, void *ticket, uint64_t seq);
static void on_unknown(struct replica *r, void *ticket);

static const struct replica_out out = {
    .append = on_append_out,
    .ack = on_ack_out,
    .chunk = on_chunk_out,
    .apply = on_apply,
    .take_chunk = on_take_chunk,
    .wipe = on_wipe,
    .committed = on_committed,
    .unknown = on_unknown,
    .release = on_release,
    .ask_add = on_ask_add,
    .serving = on_serving,
};

/* ---- clients -------------------------------------------------------------------------------- */

struct call {
    bool is_read, over;
    uint64_t began_shown; /* the last number that was shown when it began */
    uint64_t to, epoch;
    uint64_t seq, at; /* read or written */
    uint32_t key, id, seen_id;
};

static const struct row *row_now(void);
static void client_next(void *context);

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

static void on_committed(struct replica *r, void *ticket, uint64_t seq)
{
    struct call *c = ticket;

    (void)r;
    must(MUTANT(ACK_BEFORE_BACKUP) || s->log[seq] == word_of(&(struct effect){c->key, c->id}),
         "another operation has the number %llu", (unsigned long long)seq);
    show(seq);
    s->acknowledged++;
    call_ends(c);
}

static void on_unknown(struct replica *r, void *ticket)
{
    (void)r;
    s->unknown++;
    call_ends(ticket);
}

/* Fetched before; the lease and the epoch are looked at now, whatever time has passed. */
static void read_ends(void *context)
{
    struct call *c = context;
    struct process *p = find(c->to);

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
    struct process *p = find(c->to);

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
static void client_next(void *context)
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

/* ---- the register --------------------------------------------------------------------------- */

static struct known *known_of(uint64_t number)
{
    for (int i = 0; i < SLOTS; i++)
        if (number != 0 && s->known[i].number == number)
            return &s->known[i];
    return NULL;
}

static bool admitted(uint64_t number)
{
    const struct cluster_member *m = metadata_member(&s->metadata, number);

    return m && m->in;
}

static const struct row *row_now(void)
{
    return &s->metadata.rows[0];
}

static void note_command(const struct command *c)
{
    static const char *const names[] = {
        [COMMAND_ADMIT] = "admit",   [COMMAND_EXPEL] = "expel", [COMMAND_LEARN] = "learn",
        [COMMAND_FORGET] = "forget", [COMMAND_ADD] = "add",     [COMMAND_SHRINK] = "shrink",
        [COMMAND_MOVE] = "move to"};
    const struct row *r = row_now();

    world_note(&s->w, "%llu: %s m%llu: epoch %llu, primary m%llu, %u in sync, %u learn",
               (unsigned long long)s->metadata.index, names[c->kind], (unsigned long long)c->member,
               (unsigned long long)r->epoch, (unsigned long long)r->primary, r->in_sync_count,
               r->learner_count);
}

/* Puts a command into the log, where it takes effect at once; the members see it later. */
static mr_rc_t command(struct command c)
{
    uint64_t at = s->metadata.index;

    must(at < COMMANDS_MAX, "more commands than are expected");
    mr_rc_t rc = metadata_apply(&s->metadata, &c);

    metadata_check(&s->metadata);
    s->commands[at] = c;
    s->rows[at] = *row_now();
    note_command(&c);
    return rc;
}

static void expel(uint64_t number)
{
    (void)!command((struct command){.kind = COMMAND_EXPEL, .member = number});
}

static void repair(void)
{
    struct command c;

    if (metadata_repair(&s->metadata, s->copies, &c))
        (void)!command(c);
}

/* An addition that cannot be is answered, if that is certain: if the epoch is another, it may be
 * an older question that was answered, and the next row tells. */
static void add(const struct message *m)
{
    struct process *p = find(m->from);
    struct command c = {
        .kind = COMMAND_ADD, .member = m->add.member, .epoch = m->add.epoch, .primary = m->from};

    if (command(c) == MR_NOT_EQUAL && row_now()->epoch == m->add.epoch && p && !p->cut)
        replica_add_refused(&p->replica, m->add.member, m->add.epoch);
}

/* A primary that is still there is to be replaced. Nothing is granted to it from now on. */
static void move_primary(void)
{
    const struct row *now = row_now();
    const struct known *k = known_of(now->primary);

    if (s->moving_until_ns == 0 && k && now->in_sync_count > 1 &&
        one_in(&s->w, s->quiet ? 0 : s->move_in))
        s->moving_until_ns = k->granted_until_ns + 1;
    if (s->moving_until_ns == 0 || now_ns() < s->moving_until_ns)
        return;
    s->moving_until_ns = 0;
    (void)!command((struct command){.kind = COMMAND_MOVE,
                                    .member = now->in_sync[any_below(&s->w, now->in_sync_count)],
                                    .epoch = now->epoch});
}

/* No lease before it has applied what took a role from it. */
static bool may_be_granted(const struct message *m)
{
    const struct cluster_member *x = metadata_member(&s->metadata, m->from);

    if (s->moving_until_ns != 0 && row_now()->primary == m->from)
        return false;
    return m->beat.index >= x->taken || MUTANT(GRANT_BEFORE_APPLIED);
}

static void beat(const struct message *m)
{
    struct known *k = known_of(m->from);

    if (!k)
        return;
    k->heard_ns = now_ns();
    if (!admitted(m->from))
        (void)!command((struct command){.kind = COMMAND_ADMIT, .member = m->from});
    if (!may_be_granted(m))
        return;
    struct message *g = message_new(GRANT, 0, m->from);

    g->grant.until_ns = m->beat.sent_ns + LEASE_MS * MS;
    k->granted_until_ns = g->grant.until_ns;
    send(g);
}

static void register_ticks(void *context)
{
    (void)context;
    for (int i = 0; i < SLOTS; i++) {
        const struct known *k = &s->known[i];

        if (admitted(k->number) && now_ns() > k->heard_ns + FAIL_MS * MS)
            expel(k->number);
    }
    move_primary();
    repair();
    world_after(&s->w, 20 * MS, register_ticks, NULL);
}

/* ---- members -------------------------------------------------------------------------------- */

static void look_at(struct process *p)
{
    const struct replica *r = &p->replica;

    replica_check(r);
    if (r->whole && !MUTANT(APPLY_BEFORE_COMMIT))
        must(p->digest == (r->commit_seq ? s->digests[r->commit_seq] : 0),
             "m%llu has another store after %llu operations", (unsigned long long)p->number,
             (unsigned long long)r->commit_seq);
}

static void take(struct process *p, struct message *m)
{
    struct replica *r = &p->replica;

    switch (m->kind) {
    case APPEND:
        replica_on_append(r, m->from, &m->append.a);
        m->append.a.count = 0; /* its effects are taken */
        break;
    case ACK: replica_on_ack(r, m->from, &m->ack, leased(p)); break;
    case CHUNK_OF:
        m->chunk.c.entries = m;
        replica_on_chunk(r, m->from, &m->chunk.c);
        break;
    case GRANT:
        if (m->grant.until_ns > p->lease_until_ns)
            p->lease_until_ns = m->grant.until_ns;
        break;
    default: break;
    }
    look_at(p);
}

static void deliver(void *context)
{
    struct message *m = context;
    struct process *p = find(m->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), deliver, m);
        return;
    }
    if (m->to == 0 && m->kind == BEAT)
        beat(m);
    else if (m->to == 0)
        add(m);
    else if (p && !p->cut)
        take(p, m);
    free_message(m);
}

static void member_beats(void *context)
{
    struct process *p = find((uint64_t)(uintptr_t)context);

    if (!p)
        return;
    if (now_ns() >= p->paused_until_ns) {
        struct message *m = message_new(BEAT, p->number, 0);

        m->beat.sent_ns = now_ns();
        m->beat.index = p->metadata.index;
        send(m);
    }
    world_after(&s->w, BEAT_MS * MS, member_beats, context);
}

static void apply_next(struct process *p)
{
    uint64_t at = p->metadata.index;

    (void)!metadata_apply(&p->metadata, &s->commands[at]);
    must(memcmp(&p->metadata.rows[0], &s->rows[at], sizeof s->rows[at]) == 0,
         "m%llu makes another row of command %llu", (unsigned long long)p->number,
         (unsigned long long)at);
    replica_row(&p->replica, &p->metadata.rows[0]);
    look_at(p);
}

/* Commands come one by one, each when it comes; and what was not acknowledged is sent again. */
static void member_ticks(void *context)
{
    struct process *p = find((uint64_t)(uintptr_t)context);

    if (!p)
        return;
    if (now_ns() >= p->paused_until_ns) {
        if (!p->cut && p->metadata.index < s->metadata.index && !one_in(&s->w, 3))
            apply_next(p);
        p->was_leased = leased(p);
        if (one_in(&s->w, 4)) {
            replica_again(&p->replica, NOBODY, leased(p));
            look_at(p);
        }
    }
    world_after(&s->w, any_between(&s->w, 1 * MS, 20 * MS), member_ticks, context);
}

static void start_process(void *context)
{
    struct process *p = context;
    int slot = (int)(p - s->at);

    if (admitted(s->known[slot].number)) /* its successor is the proof that it is dead */
        expel(s->known[slot].number);
    memset(p, 0, sizeof *p);
    p->number = ++s->numbers;
    must(replica_init(&p->replica, p->number, &out, p, any_between(&s->w, 1, 12)) == MR_OK &&
             metadata_init(&p->metadata, 1, FOUNDER) == MR_OK,
         "no memory");
    replica_row(&p->replica, &p->metadata.rows[0]);
    s->known[slot] = (struct known){.number = p->number};
    world_note(&s->w, "m%llu starts", (unsigned long long)p->number);
    member_beats((void *)(uintptr_t)p->number);
    member_ticks((void *)(uintptr_t)p->number);
}

/* ---- faults --------------------------------------------------------------------------------- */

/* Its connections end: that is a proof. */
static void is_seen_dead(void *context)
{
    uint64_t number = (uint64_t)(uintptr_t)context;

    if (admitted(number))
        expel(number);
}

static void stop_process(struct process *p)
{
    replica_free(&p->replica);
    metadata_free(&p->metadata);
    p->number = 0;
}

static void kill_process(struct process *p)
{
    uint64_t number = p->number;

    world_note(&s->w, "m%llu dies", (unsigned long long)number);
    for (uint64_t seq = p->replica.commit_seq + 1; seq <= p->replica.last_seq; seq++) {
        const struct replica_op *op = replica_op(&p->replica, seq);

        if (op->ticket)
            on_unknown(&p->replica, op->ticket);
    }
    stop_process(p);
    if (!p->cut)
        world_after(&s->w, any_between(&s->w, 1 * MS, 300 * MS), is_seen_dead,
                    (void *)(uintptr_t)number);
    world_after(&s->w, any_between(&s->w, 10 * MS, 5000 * MS), start_process, p);
}

static void heal(void *context)
{
    struct process *p = context;

    p->cut = false;
}

static void faults(void *context)
{
    (void)context;
    if (s->quiet)
        return;
    for (int i = 0; i < SLOTS; i++) {
        struct process *p = &s->at[i];

        if (p->number == 0)
            continue;
        if (one_in(&s->w, s->kill_in)) {
            kill_process(p);
        } else if (!p->cut && one_in(&s->w, s->cut_in)) {
            world_note(&s->w, "m%llu is cut off", (unsigned long long)p->number);
            p->cut = true;
            world_after(&s->w, any_between(&s->w, 10 * MS, 4000 * MS), heal, p);
        } else if (one_in(&s->w, s->pause_in)) {
            p->paused_until_ns = now_ns() + any_between(&s->w, 1 * MS, 3000 * MS);
            world_note(&s->w, "m%llu pauses", (unsigned long long)p->number);
        }
    }
    world_after(&s->w, 50 * MS, faults, NULL);
}

static void draw_faults(void)
{
    static const uint32_t rates[] = {0, 0, 2000, 500, 150};

    s->copies = (uint32_t)any_between(&s->w, 2, 3);
    s->kill_in = rates[any_below(&s->w, 5)];
    s->cut_in = rates[any_below(&s->w, 5)];
    s->pause_in = rates[any_below(&s->w, 5)];
    s->move_in = rates[any_below(&s->w, 5)];
    s->lose_in = one_in(&s->w, 2) ? 0 : (uint32_t)any_between(&s->w, 10, 1000);
    s->usual_ns = any_between(&s->w, 100 * US, 20 * MS);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void begin(uint64_t seed, bool told)
{
    s = mem_alloc_zero(sizeof *s);
    s->w.told = told;
    world_begin(&s->w, seed);
    draw_faults();
    must(metadata_init(&s->metadata, 1, FOUNDER) == MR_OK, "no memory");
    for (int i = 0; i < SLOTS; i++)
        start_process(&s->at[i]);
    register_ticks(NULL);
    for (int i = 0; i < CLIENTS; i++)
        client_next(NULL);
    faults(NULL);
}

static void calm(void)
{
    s->quiet = true;
    for (int i = 0; i < SLOTS; i++)
        s->at[i].cut = false;
}

/* All is quiet: where a copy has survived, it serves, and the others have what it has. */
static void look_at_the_end(void)
{
    const struct row *r = row_now();

    if (r->primary == NOBODY)
        return;
    struct process *primary = find(r->primary);

    must(primary && primary->replica.state == REPLICA_SERVING, "nobody serves");
    must(r->in_sync_count == s->copies, "%u copies are in sync", r->in_sync_count);
    must(primary->replica.commit_seq == primary->replica.last_seq, "a write is not committed");
    must(primary->replica.commit_seq >= s->shown, "what was shown is lost");
    for (uint8_t i = 0; i < r->in_sync_count; i++) {
        const struct process *p = find(r->in_sync[i]);

        must(p && p->replica.commit_seq == primary->replica.commit_seq &&
                 p->digest == primary->digest,
             "m%llu is not as its primary", (unsigned long long)r->in_sync[i]);
    }
}

static void end(struct sim_result *ret)
{
    *ret = (struct sim_result){.trace = s->w.trace,
                               .happened = s->w.happened,
                               .operations = s->acknowledged + s->reads,
                               .unknown = s->unknown,
                               .rows = s->metadata.index};
    for (int i = 0; i < SLOTS; i++)
        if (s->at[i].number)
            stop_process(&s->at[i]);
    metadata_free(&s->metadata);
    world_end(&s->w);
    mem_free(s);
    s = NULL;
}

void sim_copies(uint64_t seed, bool told, struct sim_result *ret)
{
    begin(seed, told);
    world_run(&s->w, FAULTS_END_MS * MS);
    calm();
    world_run(&s->w, (FAULTS_END_MS + QUIET_MS) * MS);
    look_at_the_end();
    end(ret);
}
