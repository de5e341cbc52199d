#include "tests/sim/copies.h"

#include "net/base/mem.h"
#include "tests/sim/versions.h"
#include "tests/sim/wgl.h"

enum { HOT = 5, DOUBTS_MAX = 4, WGL_STEPS = 200000 };

struct request {
    struct event asked, answer;
    bool over;
    uint64_t began_shown; /* the last number that was shown when it began */
    uint64_t to, epoch;
};

/* ---- what is asked for ---------------------------------------------------------------------- */

static void ask_of_register(struct event *e)
{
    struct values *v = &s->history.values;

    switch (any_below(&s->w, 5)) {
    case 0: e->call = CALL_DEL; break;
    case 1: /* a value that there may be, if it is not too long ago */
        e->call = CALL_CAS;
        e->old = one_in(&s->w, 8) ? VALUE_NOTHING : s->model[e->key].value;
        e->value = values_number(v, ++s->ids);
        break;
    default:
        e->call = CALL_PUT;
        e->value = values_number(v, ++s->ids);
        break;
    }
}

/* Each key is of a kind: two of five are registers, one counts, two are lists. Most is asked of a
 * few. What has too many open ends, which might be done at any time, is only read. */
static void draw(struct event *e)
{
    struct values *v = &s->history.values;

    e->call = CALL_GET;
    e->value = e->old = VALUE_UNSAID;
    e->key = (uint32_t)any_below(&s->w, one_in(&s->w, 3) ? ENTRIES : HOT);
    if (one_in(&s->w, 2) || s->doubts[e->key] >= DOUBTS_MAX)
        return;
    if (e->key % 5 < 2) {
        ask_of_register(e);
    } else if (e->key % 5 == 2) {
        e->call = CALL_INCR;
        e->value = values_number(v, 1);
    } else {
        e->call = CALL_APPEND;
        e->value = values_number(v, ++s->ids);
    }
}

static void note(struct event e, enum event_type type)
{
    e.type = type;
    e.time_ns = now_ns();
    history_add(&s->history, &e);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void client_next(void *context);

static void request_over(void *context)
{
    struct request *c = context;
    uint32_t process = c->asked.process;

    mem_free(c);
    if (!s->quiet || s->w.now_ns < (FAULTS_END_MS + QUIET_MS / 2) * MS)
        client_next((void *)(uintptr_t)process);
}

/* After what nobody knows it goes on as another. */
static void request_ends(struct request *c, enum event_type type)
{
    must(!c->over, "a request is answered twice");
    c->over = true;
    note(type == EVENT_OK ? c->answer : c->asked, type);
    if (type == EVENT_INFO) {
        s->unknown++;
        s->doubts[c->asked.key]++;
        c->asked.process = ++s->processes;
    }
    world_after(&s->w, any_delay(&s->w, 200 * US, 6), request_over, c);
}

static void show(uint64_t seq)
{
    s->shown = seq > s->shown ? seq : s->shown;
}

void client_committed(struct replica *r, void *ticket, uint64_t seq)
{
    struct request *c = ticket;

    (void)r;
    must(seq == c->answer.seq || MUTANT(ACK_BEFORE_BACKUP),
         "what was asked for has another number, %llu", (unsigned long long)seq);
    show(seq);
    s->acknowledged++;
    request_ends(c, EVENT_OK);
}

void client_unknown(struct replica *r, void *ticket)
{
    (void)r;
    request_ends(ticket, EVENT_INFO);
}

/* Fetched before; the lease and the epoch are looked at now, whatever time has passed. */
static void read_ends(void *context)
{
    struct request *c = context;
    struct process *p = find_process(c->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), read_ends, c);
        return;
    }
    bool good = p && p->replica.state == REPLICA_SERVING && p->replica.row.epoch == c->epoch;

    if (!p || !((MUTANT(LEASE_LOOKED_AT_BEFORE) && p->was_leased) || (good && leased(p)))) {
        request_ends(c, EVENT_FAIL);
        return;
    }
    must(c->answer.seq >= c->began_shown, "m%llu reads %llu, after %llu was shown",
         (unsigned long long)c->to, (unsigned long long)c->answer.seq,
         (unsigned long long)c->began_shown);
    show(c->answer.seq);
    s->reads++;
    request_ends(c, EVENT_OK);
}

/* What a read of it can see: what is committed. Its place is that of the last such operation. */
static void fetch(const struct process *p, struct event *e)
{
    const struct replica_op *op = replica_op(&p->replica, p->replica.commit_seq);

    e->value = p->entries[e->key].value;
    e->placed = true;
    e->epoch = op ? op->epoch : p->replica.base_epoch;
    e->seq = p->replica.commit_seq;
    e->node = (uint32_t)p->number;
}

static void read(struct process *p, struct request *c)
{
    c->epoch = p->replica.row.epoch;
    fetch(p, &c->answer);
    world_after(&s->w, one_in(&s->w, 20) ? any_between(&s->w, 0, 2000 * MS) : 0, read_ends, c);
}

/* What a write of it begins with: what is not committed yet, too. */
static int32_t latest(const struct process *p, uint32_t key)
{
    const struct replica *r = &p->replica;

    for (uint64_t seq = r->last_seq; seq > r->commit_seq && !MUTANT(PENDING_OVERLOOKED); seq--) {
        const struct effect *e = replica_op(r, seq)->effect;

        if (e->key == key)
            return e->value;
    }
    return p->entries[key].value;
}

/* The answer waits for the commit, also where nothing changes: what was found may not be committed
 * either. */
static void write(struct process *p, struct request *c)
{
    const struct event *asked = &c->asked;
    struct effect *e = mem_alloc_zero(sizeof *e);

    e->key = asked->key;
    e->value = values_do(&s->history.values, latest(p, e->key), asked->call, asked->value,
                         asked->old, &e->said);
    if (asked->call == CALL_CAS)
        c->answer.old = e->said;
    else
        c->answer.value = e->said;
    c->answer.placed = true;
    c->answer.epoch = p->replica.row.epoch;
    c->answer.seq = p->replica.last_seq + 1;
    c->answer.node = (uint32_t)p->number;
    if (replica_write(&p->replica, e, c, leased(p)) != MR_OK) {
        mem_free(e);
        request_ends(c, EVENT_FAIL);
    }
}

static void request_arrives(void *context)
{
    struct request *c = context;
    struct process *p = find_process(c->to);

    if (p && now_ns() < p->paused_until_ns) {
        world_after(&s->w, p->paused_until_ns - now_ns(), request_arrives, c);
        return;
    }
    if (!p || p->cut || p->replica.state != REPLICA_SERVING) {
        request_ends(c, EVENT_FAIL);
    } else if (c->asked.call == CALL_GET) {
        read(p, c);
    } else {
        write(p, c);
    }
}

/* Asks who is primary, or whom it took for one. */
static void client_next(void *context)
{
    struct request *c = mem_alloc_zero(sizeof *c);

    *c = (struct request){.began_shown = s->shown, .to = row_now()->primary};
    c->asked.process = (uint32_t)(uintptr_t)context;
    draw(&c->asked);
    if (one_in(&s->w, 3))
        c->to = s->at[any_below(&s->w, SLOTS)].number;
    c->asked.node = (uint32_t)c->to;
    c->answer = c->asked;
    note(c->asked, EVENT_INVOKE);
    world_after(&s->w, any_delay(&s->w, 2 * MS, 4), request_arrives, c);
}

void client_starts(void)
{
    client_next((void *)(uintptr_t)++s->processes);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void read_all(const struct process *p)
{
    struct event e = {.process = ++s->processes, .call = CALL_GET, .old = VALUE_UNSAID};

    for (e.key = 0; e.key < ENTRIES; e.key++) {
        e.value = VALUE_UNSAID;
        note(e, EVENT_INVOKE);
        fetch(p, &e);
        note(e, EVENT_OK);
        e.placed = false;
    }
}

static void write_down(void)
{
    fprintf(sim_histories, "{\"history\":\"seed %llu\"}\n", (unsigned long long)s->seed);
    must(history_write(&s->history, sim_histories) == MR_OK, "the history cannot be written");
}

static void judge(void)
{
    struct history *h = &s->history;
    struct versions_result by_place;
    struct wgl_result by_search;
    struct operation *ops;
    uint32_t count, at;

    if (sim_histories)
        write_down();
    must(history_operations(h, &ops, &count, &at) == MR_OK, "event %u is not in order", at);
    versions_check(&h->values, ops, count, &by_place);
    must(by_place.verdict == VERSIONS_GOOD, "key %u, event %u of the history: %s", by_place.key,
         by_place.event, versions_sentence(by_place.verdict));
    wgl_check(&h->values, ops, count, WGL_STEPS, &by_search);
    must(by_search.verdict == WGL_LINEARIZABLE, "key %u, event %u of the history: %s",
         by_search.key, by_search.event, wgl_sentence(by_search.verdict));
    mem_free(ops);
}

void clients_end(const struct process *primary)
{
    if (primary)
        read_all(primary);
    judge();
}
