#include "tests/sim/copies.h"

#include <string.h>

#include "net/base/hash.h"
#include "net/base/mem.h"

struct sim *s;

static struct process *process_of(const struct replica *r)
{
    return r->context;
}

/* ---- messages ------------------------------------------------------------------------------- */

static void deliver(void *context);

static void free_message(struct message *m)
{
    if (m->kind == APPEND)
        for (uint32_t i = 0; i < m->append.a.count; i++)
            mem_free(m->append.ops[i].effect);
    if (m->kind == CHUNK_OF)
        sink_free(&m->chunk.sessions);
    mem_free(m);
}

static bool reachable(uint64_t number)
{
    const struct process *p = find_process(number);

    return number == 0 || (p && !p->cut);
}

static bool stalls(const struct process *p, bool mute)
{
    return p && p->mute == mute && now_ns() < p->stalled_until_ns;
}

/* Beats come, and rows; and what it asks of the others, or answers them as a primary. */
static bool is_stalled(const struct message *m)
{
    return m->kind == ACK
               ? stalls(find_process(m->from), true)
               : (m->kind == APPEND || m->kind == CHUNK_OF) && stalls(find_process(m->to), false);
}

void message_send(struct message *m)
{
    if (!reachable(m->from) || !reachable(m->to) || is_stalled(m) ||
        one_in(&s->w, s->quiet ? 0 : s->lose_in))
        free_message(m);
    else
        world_after(&s->w, any_delay(&s->w, s->usual_ns, s->quiet ? 2 : 8), deliver, m);
}

struct message *message_new(enum kind kind, uint64_t from, uint64_t to)
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
    const uint64_t words[] = {key, (uint64_t)e->value, e->version};

    return e->value == VALUE_NOTHING ? 0 : XXH3_64bits(words, sizeof words);
}

static void put(struct entry *entries, uint64_t *digest, uint32_t key, struct entry e)
{
    *digest ^= digest_of(key, &entries[key]) ^ digest_of(key, &e);
    entries[key] = e;
}

void chain_do(struct chain *c, uint64_t seq, uint64_t word)
{
    const uint64_t words[] = {c->state, word};

    c->state = XXH3_64bits(words, sizeof words);
    c->seq = seq;
}

static uint64_t word_of(const struct effect *e)
{
    const int64_t words[] = {e->key,
                             e->value,
                             e->said,
                             e->size,
                             (int64_t)e->call.session,
                             (int64_t)e->call.opno,
                             (int64_t)e->call.first_incomplete,
                             (int64_t)e->expires,
                             (int64_t)e->early};

    return XXH3_64bits(words, sizeof words) | 1;
}

static struct entry entry_of(uint64_t seq, const struct effect *e)
{
    return (struct entry){e->value == VALUE_NOTHING ? 0 : seq, e->value};
}

static void remember(struct sessions *sessions, const struct replica_op *op)
{
    const struct effect *e = op->effect;
    struct session_result r = remembered(e, op->epoch, op->seq);

    if (e->early)
        return;
    if (e->expires)
        sessions_expire(sessions, e->expires);
    else
        must(sessions_apply(sessions, &e->call, &r) == MR_OK, "no memory");
}

/* The first to apply an operation says what it is; everybody else has to agree. */
static void note_applied(const struct process *p, const struct replica_op *op)
{
    const struct effect *e = op->effect;
    uint64_t seq = op->seq;

    must(seq < LOG_MAX, "more operations than are expected");
    if (s->log[seq] == 0) {
        must(seq == s->applied + 1, "m%llu applies %llu after %llu", (unsigned long long)p->number,
             (unsigned long long)seq, (unsigned long long)s->applied);
        s->applied = seq;
        s->log[seq] = word_of(e);
        if (!e->expires && !e->early)
            put(s->model, &s->digest, e->key, entry_of(seq, e));
        if (e->early)
            chain_do(&s->chain, seq, e->early);
        s->chains[seq] = s->chain.state;
        s->digests[seq] = s->digest;
        remember(&s->sessions, op);
        s->session_digests[seq] = s->sessions.digest;
    }
    must(s->log[seq] == word_of(e), "m%llu applies another operation %llu",
         (unsigned long long)p->number, (unsigned long long)seq);
}

static void chain_apply(struct process *p, uint64_t seq, uint64_t word)
{
    if (p->replica.whole || MUTANT(EARLY_NOT_PUT_OFF)) {
        chain_do(&p->chain, seq, word);
        return;
    }
    must(p->put_off_count < PUT_OFF_MAX, "too much is put off");
    p->put_off[p->put_off_count].seq = seq;
    p->put_off[p->put_off_count++].word = word;
}

static void on_whole(struct replica *r)
{
    struct process *p = process_of(r);

    for (uint32_t i = 0; i < p->put_off_count; i++)
        if (p->put_off[i].seq > p->chain.seq)
            chain_do(&p->chain, p->put_off[i].seq, p->put_off[i].word);
    p->put_off_count = 0;
}

static void on_apply(struct replica *r, const struct replica_op *op)
{
    struct process *p = process_of(r);
    const struct effect *e = op->effect;

    note_applied(p, op);
    remember(&p->sessions, op);
    if (e->early && !op->early)
        chain_apply(p, op->seq, e->early);
    if (!e->expires && !e->early && op->seq > p->entries[e->key].version)
        put(p->entries, &p->digest, e->key, entry_of(op->seq, e));
    world_note(&s->w, "m%llu applies %llu", (unsigned long long)p->number,
               (unsigned long long)op->seq);
}

static void on_wipe(struct replica *r)
{
    struct process *p = process_of(r);

    memset(p->entries, 0, sizeof p->entries);
    p->digest = 0;
    p->chain = (struct chain){0};
    p->put_off_count = 0;
    sessions_clear(&p->sessions);
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
    message_send(m);
}

static void on_ack_out(struct replica *r, uint64_t to, const struct replica_ack *a)
{
    struct message *m = message_new(ACK, r->self, to);

    m->ack = *a;
    message_send(m);
}

/* What lies behind the chunk with this number of the walk for a peer. */
static struct cursor *cursor_of(struct process *p, uint64_t to, uint64_t number)
{
    const struct process *peer = find_process(to);

    return &p->cursors[peer ? peer - s->at : SLOTS][number & 1];
}

/* One that is made once more ends where it ended before. */
static struct cursor chunk_end(struct process *p, uint64_t to, const struct replica_chunk *c,
                               struct cursor from)
{
    struct cursor *end = cursor_of(p, to, c->number);

    if (end->walk == c->walk && end->number == c->number)
        return *end;
    *end = (struct cursor){.walk = c->walk, .number = c->number};
    end->entry = from.entry + CHUNK < ENTRIES ? from.entry + CHUNK : ENTRIES;
    end->sessions_done = sessions_part(&p->sessions, from.session, PART, &end->session);
    return *end;
}

static bool on_chunk_out(struct replica *r, uint64_t to, const struct replica_chunk *c)
{
    struct process *p = process_of(r);
    struct message *m = message_new(CHUNK_OF, r->self, to);
    struct cursor from = c->first ? (struct cursor){0} : *cursor_of(p, to, c->number - 1);
    struct cursor end = chunk_end(p, to, c, from);
    bool last = end.entry == ENTRIES && end.sessions_done;

    m->chunk.c = *c;
    m->chunk.c.last = last;
    m->chunk.c.rests_seq = last && p->chain.seq > c->commit_seq ? p->chain.seq : c->commit_seq;
    m->chunk.chain = p->chain;
    m->chunk.first = from.entry;
    m->chunk.count = end.entry - from.entry;
    memcpy(m->chunk.entries, p->entries + from.entry, m->chunk.count * sizeof p->entries[0]);
    m->chunk.sessions.grows = true;
    sessions_encode(&p->sessions, from.session, end.session, &m->chunk.sessions);
    must(sink_state(&m->chunk.sessions) == MR_OK, "no memory");
    message_send(m);
    return last;
}

static void on_take_chunk(struct replica *r, const struct replica_chunk *c)
{
    struct process *p = process_of(r);
    const struct message *m = c->entries;

    for (uint32_t i = 0; i < m->chunk.count; i++)
        put(p->entries, &p->digest, m->chunk.first + i, m->chunk.entries[i]);
    if (c->last)
        p->chain = m->chunk.chain;
    must(sessions_decode(&p->sessions, m->chunk.sessions.at, m->chunk.sessions.size) == MR_OK,
         "a part of the sessions is not understood");
}

static void on_release(struct replica *r, void *effect)
{
    (void)r;
    mem_free(effect);
}

static void on_ask_add(struct replica *r, uint64_t member, uint64_t epoch)
{
    struct message *m = message_new(ADD, r->self, 0);

    m->about.member = member;
    m->about.epoch = epoch;
    message_send(m);
}

static void on_serving(struct replica *r)
{
    world_note(&s->w, "m%llu serves epoch %llu", (unsigned long long)r->self,
               (unsigned long long)r->row.epoch);
}

static void say(const struct replica *r, enum kind kind, uint64_t member, uint64_t epoch)
{
    struct message *m = message_new(kind, r->self, 0);

    m->about.member = member;
    m->about.epoch = epoch;
    message_send(m);
}

/* The row as it will be, it thinks, if it is asked. */
static void serve_early(uint64_t to, struct row row)
{
    struct process *heir = find_process(to);

    row.epoch = row.reign = row.epoch + 1;
    row.primary = to;
    if (heir && !heir->cut)
        replica_row(&heir->replica, &row);
}

static void on_ready(struct replica *r, uint64_t to, uint64_t epoch)
{
    world_note(&s->w, "m%llu is ready, m%llu its heir", (unsigned long long)r->self,
               (unsigned long long)to);
    say(r, READY, to, epoch);
    if (MUTANT(HEIR_SERVES_EARLY))
        serve_early(to, r->row);
}

static void on_call_off(struct replica *r, uint64_t epoch)
{
    say(r, CALL_OFF, r->self, epoch);
}

static void on_ask_shrink(struct replica *r, uint64_t member, uint64_t epoch)
{
    say(r, SHRINK, member, epoch);
}

static const struct replica_out out = {
    .append = on_append_out,
    .ack = on_ack_out,
    .chunk = on_chunk_out,
    .apply = on_apply,
    .take_chunk = on_take_chunk,
    .whole = on_whole,
    .wipe = on_wipe,
    .committed = request_committed,
    .unknown = request_unknown,
    .release = on_release,
    .ask_add = on_ask_add,
    .serving = on_serving,
    .ready = on_ready,
    .call_off = on_call_off,
    .ask_shrink = on_ask_shrink,
};

/* ---- members -------------------------------------------------------------------------------- */

/* Who has done more early than is committed is compared when that is. */
static void look_at_chain(const struct process *p)
{
    const struct replica *r = &p->replica;

    if (r->whole && p->chain.seq <= r->commit_seq && !MUTANT(APPLY_BEFORE_COMMIT))
        must(p->chain.state == (r->commit_seq ? s->chains[r->commit_seq] : 0),
             "m%llu has done other things early after %llu operations",
             (unsigned long long)p->number, (unsigned long long)r->commit_seq);
}

static void look_at(struct process *p)
{
    const struct replica *r = &p->replica;

    replica_check(r);
    if (r->whole && !MUTANT(APPLY_BEFORE_COMMIT))
        must(p->digest == (r->commit_seq ? s->digests[r->commit_seq] : 0),
             "m%llu has another store after %llu operations", (unsigned long long)p->number,
             (unsigned long long)r->commit_seq);
    if (r->whole && !MUTANT(APPLY_BEFORE_COMMIT))
        must(p->sessions.digest == (r->commit_seq ? s->session_digests[r->commit_seq] : 0),
             "m%llu remembers other answers after %llu operations", (unsigned long long)p->number,
             (unsigned long long)r->commit_seq);
    look_at_chain(p);
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
    case HAND_OVER: replica_hand_over(r, m->about.member, m->about.epoch, leased(p)); break;
    default: break;
    }
    look_at(p);
}

static void deliver(void *context)
{
    struct message *m = context;
    struct process *p = find_process(m->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), deliver, m);
        return;
    }
    if (m->to == 0)
        register_takes(m);
    else if (p && !p->cut)
        take(p, m);
    free_message(m);
}

static void member_beats(void *context)
{
    struct process *p = find_process((uint64_t)(uintptr_t)context);

    if (!p)
        return;
    if (now_ns() >= p->paused_until_ns) {
        struct message *m = message_new(BEAT, p->number, 0);

        m->beat.sent_ns = now_ns();
        m->beat.index = p->metadata.index;
        message_send(m);
    }
    world_after(&s->w, BEAT_MS * MS, member_beats, context);
}

static void apply_next(struct process *p)
{
    const struct control *c = &s->control[++p->control];
    uint64_t reign = p->replica.row.reign;

    if (c->kind != CONTROL_COMMAND)
        return;
    (void)!metadata_apply(&p->metadata, &c->command);
    must(memcmp(&p->metadata.rows[0], &c->row, sizeof c->row) == 0,
         "m%llu makes another row of command %llu", (unsigned long long)p->number,
         (unsigned long long)p->control);
    replica_row(&p->replica, &p->metadata.rows[0]);
    if (!replica_is_primary(&p->replica) || p->replica.row.reign != reign)
        sessions_lost(&p->sessions);
    look_at(p);
}

/* Commands come one by one, or late and then many. */
static void apply_some(struct process *p)
{
    uint64_t many = s->quiet ? 8 : any_between(&s->w, 1, s->apply_in);

    if (p->cut || !one_in(&s->w, s->quiet ? 1 : s->apply_in) || one_in(&s->w, 3))
        return;
    for (; many > 0 && p->control < s->controls; many--)
        apply_next(p);
}

static void late(void *context)
{
    message_send(context);
}

/* Somebody has stalled, it thinks, whether or not that is so; and says so, perhaps long before it
 * is heard. */
static void be_hasty(struct process *p)
{
    struct replica *r = &p->replica;
    uint32_t i = (uint32_t)any_below(&s->w, 2 * COPIES_MAX);

    if (!one_in(&s->w, s->quiet ? 0 : s->hasty_in) || !replica_is_primary(r) || i >= r->peer_count)
        return;
    r->peers[i].still = STALL_TICKS;
    struct message *m = message_new(SHRINK, r->self, 0);

    m->about.member = r->peers[i].member;
    m->about.epoch = r->row.epoch;
    world_after(&s->w, any_between(&s->w, 1 * MS, 2000 * MS), late, m);
}

/* Who has to come back in time is waited for less long when all is quiet. */
static void watch(struct process *p)
{
    be_hasty(p);
    if (one_in(&s->w, s->quiet ? 1 : 5))
        replica_tick(&p->replica, leased(p));
}

/* What is agreed is applied, and what was not acknowledged is sent again. */
static void member_ticks(void *context)
{
    struct process *p = find_process((uint64_t)(uintptr_t)context);

    if (!p)
        return;
    if (now_ns() >= p->paused_until_ns) {
        apply_some(p);
        expire_sessions(p);
        sessions_check(&p->sessions);
        p->was_leased = leased(p);
        if (one_in(&s->w, 4)) {
            replica_again(&p->replica, NOBODY, leased(p));
            look_at(p);
        }
        if (one_in(&s->w, 6))
            replica_call_off(&p->replica);
        watch(p);
    }
    world_after(&s->w, any_between(&s->w, 1 * MS, 20 * MS), member_ticks, context);
}

static void start_process(void *context)
{
    struct process *p = context;
    int slot = (int)(p - s->at);

    if (is_admitted(s->known[slot].number)) /* its successor is the proof that it is dead */
        register_expels(s->known[slot].number);
    memset(p, 0, sizeof *p);
    p->number = ++s->numbers;
    must(replica_init(&p->replica, p->number, &out, p, any_between(&s->w, 1, 12)) == MR_OK &&
             metadata_init(&p->metadata, 1, FOUNDER) == MR_OK,
         "no memory");
    sessions_init(&p->sessions, SESSION_BYTES);
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

    if (is_admitted(number))
        register_expels(number);
}

static void stop_process(struct process *p)
{
    replica_free(&p->replica);
    sessions_clear(&p->sessions);
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
            request_unknown(&p->replica, op->ticket);
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

static void stall(struct process *p, uint64_t for_ns)
{
    p->stalled_until_ns = now_ns() + for_ns;
    p->mute = one_in(&s->w, 2);
    world_note(&s->w, "m%llu stalls and %s", (unsigned long long)p->number,
               p->mute ? "is not heard" : "takes nothing");
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
        } else if (one_in(&s->w, s->stall_in)) {
            stall(p, any_between(&s->w, 10 * MS, 6000 * MS));
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
    s->expire_in = rates[any_below(&s->w, 5)];
    s->hand_over_in = rates[any_below(&s->w, 5)] / 8;
    s->learn_in = rates[any_below(&s->w, 5)] / 4;
    s->apply_in = one_in(&s->w, 2) ? 1 : (uint32_t)any_between(&s->w, 2, 20);
    s->usual_ns = any_between(&s->w, 100 * US, 20 * MS);
    s->stall_in = rates[any_below(&s->w, 5)];
    s->hasty_in = rates[any_below(&s->w, 5)] / 4;
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void begin(uint64_t seed, bool told)
{
    s = mem_alloc_zero(sizeof *s);
    s->w.told = told;
    s->seed = seed;
    world_begin(&s->w, seed);
    history_init(&s->history);
    draw_faults();
    must(metadata_init(&s->metadata, 1, FOUNDER) == MR_OK, "no memory");
    sessions_init(&s->sessions, SESSION_BYTES);
    for (int i = 0; i < SLOTS; i++)
        start_process(&s->at[i]);
    register_ticks(NULL);
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_starts(i);
    faults(NULL);
}

/* What the primary has in its ring a while after the last fault */
static void writes_are_seen(void *context)
{
    const struct process *p = find_process(row_now()->primary);

    (void)context;
    if (p && p->replica.state == REPLICA_SERVING && p->replica.row.reign == row_now()->reign) {
        s->must_end = p->replica.last_seq;
        s->must_end_reign = p->replica.row.reign;
    }
}

/* is committed when one that has stalled was given time enough, */
static void writes_are_done(void *context)
{
    const struct process *p = find_process(row_now()->primary);

    (void)context;
    if (p && s->must_end != 0 && p->replica.row.reign == s->must_end_reign)
        must(p->replica.commit_seq >= s->must_end, "all wait for a member that has stalled");
}

/* All is well but for one member, perhaps, that has stalled. */
static void calm(void)
{
    struct process *p = &s->at[any_below(&s->w, SLOTS)];

    s->quiet = true;
    for (int i = 0; i < SLOTS; i++) {
        s->at[i].cut = false;
        s->at[i].stalled_until_ns = 0;
    }
    if (p->number != 0)
        stall(p, STALL_ENDS_MS * MS);
    world_after(&s->w, STALL_SEEN_MS * MS, writes_are_seen, NULL);
    world_after(&s->w, STALL_ENDS_MS * MS, writes_are_done, NULL);
}

/* All is quiet: where a copy has survived, it serves, and the others have what it has. */
static void look_at_the_end(void)
{
    const struct row *r = row_now();

    if (r->primary == NOBODY) {
        clients_end(NULL);
        return;
    }
    struct process *primary = find_process(r->primary);

    must(primary && primary->replica.state == REPLICA_SERVING, "nobody serves");
    must(r->in_sync_count == s->copies, "%u copies are in sync", r->in_sync_count);
    must(primary->replica.commit_seq == primary->replica.last_seq, "a write is not committed");
    must(primary->replica.commit_seq >= s->shown, "what was shown is lost");
    for (uint8_t i = 0; i < r->in_sync_count; i++) {
        const struct process *p = find_process(r->in_sync[i]);

        must(p && p->replica.commit_seq == primary->replica.commit_seq &&
                 p->digest == primary->digest,
             "m%llu is not as its primary", (unsigned long long)r->in_sync[i]);
    }
    clients_end(primary);
}

static void end(struct sim_result *ret)
{
    *ret = (struct sim_result){.trace = s->w.trace,
                               .happened = s->w.happened,
                               .operations = s->acknowledged + s->reads,
                               .unknown = s->unknown,
                               .rows = s->metadata.index,
                               .repeated = s->repeated,
                               .expired = s->expired,
                               .handed_over = s->handed_over,
                               .called_off = s->called_off,
                               .shrunk = s->shrunk};
    for (int i = 0; i < SLOTS; i++)
        if (s->at[i].number)
            stop_process(&s->at[i]);
    metadata_free(&s->metadata);
    sessions_clear(&s->sessions);
    world_end(&s->w);
    history_free(&s->history);
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
