#include "tests/sim/copies.h"

#include "net/base/mem.h"
#include "tests/sim/versions.h"
#include "tests/sim/wgl.h"

enum { HOT = 5, DOUBTS_MAX = 4, WGL_STEPS = 200000 };

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

/* ---- asking --------------------------------------------------------------------------------- */

/* To come back to a client, if it is still at what it was at. */
struct timer {
    uint32_t client;
    uint64_t turn, attempt;
    bool is_timeout;
};

static void client_next(struct client *c);
static void ask(struct client *c);

static void next_turn(void *context)
{
    struct client *c = context;

    if (!s->quiet || now_ns() < (FAULTS_END_MS + QUIET_MS / 2) * MS)
        client_next(c);
}

/* After what nobody knows it goes on as another. */
static void turn_ends(struct client *c, const struct event *answer, enum event_type type)
{
    note(type == EVENT_OK ? *answer : c->asked, type);
    c->waits = false;
    c->turn++;
    if (type == EVENT_INFO) {
        s->unknown++;
        s->doubts[c->asked.key]++;
        c->asked.process = ++s->processes;
    }
    world_after(&s->w, any_delay(&s->w, 200 * US, 6), next_turn, c);
}

/* Without an answer: has it been done? */
static void give_up(struct client *c)
{
    bool doubt = c->doubt && c->asked.call != CALL_GET;

    turn_ends(c, NULL, doubt ? EVENT_INFO : EVENT_FAIL);
}

static void on_timer(void *context)
{
    struct timer t = *(struct timer *)context;
    struct client *c = &s->clients[t.client];

    mem_free(context);
    if (!c->waits || c->turn != t.turn || c->attempt != t.attempt)
        return;
    c->doubt |= t.is_timeout;
    if (now_ns() >= c->until_ns)
        give_up(c);
    else
        ask(c);
}

static void set_timer(struct client *c, uint64_t delay_ns, bool is_timeout)
{
    struct timer *t = mem_alloc_zero(sizeof *t);

    *t = (struct timer){(uint32_t)(c - s->clients), c->turn, c->attempt, is_timeout};
    world_after(&s->w, delay_ns, on_timer, t);
}

/* Everybody who shares the session waits for what he has asked with it. */
static uint64_t first_incomplete(const struct client *c)
{
    uint64_t first = c->call.opno;

    for (int i = 0; i < CLIENTS; i++) {
        const struct client *other = &s->clients[i];

        if (other->waits && other->call.session == c->call.session && other->call.opno > 0 &&
            other->call.opno < first)
            first = other->call.opno;
    }
    return first;
}

static void request_send(const struct client *c, uint64_t to)
{
    struct request *q = mem_alloc_zero(sizeof *q);

    *q = (struct request){.client = (uint32_t)(c - s->clients),
                          .turn = c->turn,
                          .attempt = c->attempt,
                          .asked = c->asked,
                          .answer = c->asked,
                          .call = c->call,
                          .began_shown = c->began_shown,
                          .to = to};
    world_after(&s->w, any_delay(&s->w, s->usual_ns, s->quiet ? 2 : 8), request_arrives, q);
}

/* Asks who is primary, or whom it takes for one; once more, or for the first time. What it sends
 * may be lost, or come twice. */
static void ask(struct client *c)
{
    uint64_t to = one_in(&s->w, 3) ? s->at[any_below(&s->w, SLOTS)].number : row_now()->primary;

    c->attempt++;
    c->call.first_incomplete = first_incomplete(c);
    if (!one_in(&s->w, s->quiet ? 0 : s->lose_in))
        request_send(c, to);
    if (one_in(&s->w, 30)) {
        c->doubt = true; /* a no from the one says nothing of the other */
        request_send(c, to);
    }
    set_timer(c, any_delay(&s->w, 10 * s->usual_ns + 20 * MS, 3), true);
}

/* The session is over, and so is what was asked with it. */
static void on_expired(struct client *c)
{
    struct link *l = &s->links[c->link];

    if (l->session == c->call.session)
        *l = (struct link){.session = register_opens()};
    give_up(c);
}

void client_told(void *context)
{
    struct request q = *(struct request *)context;
    struct client *c = &s->clients[q.client];

    mem_free(context);
    if (!c->waits || c->turn != q.turn)
        return;
    must(q.reply != REPLY_STALE, "what is waited for is refused as complete");
    if (q.reply == REPLY_UNKNOWN)
        c->doubt = true;
    if (q.reply == REPLY_OK)
        turn_ends(c, &q.answer, EVENT_OK);
    else if (q.reply == REPLY_EXPIRED)
        on_expired(c);
    else if (c->attempt == q.attempt)
        set_timer(c, any_between(&s->w, 1 * MS, 100 * MS), false);
}

/* A new thing to ask for. Reads need no session. */
static void client_next(struct client *c)
{
    struct link *l = &s->links[c->link];

    draw(&c->asked);
    c->call = (struct session_call){0};
    if (c->asked.call != CALL_GET)
        c->call = (struct session_call){.session = l->session, .opno = ++l->opno};
    c->asked.session = c->call.session;
    c->asked.opno = c->call.opno;
    c->attempt = 0;
    c->waits = true;
    c->doubt = false;
    c->began_shown = s->shown;
    c->until_ns = now_ns() + any_between(&s->w, 2000 * MS, 10000 * MS);
    note(c->asked, EVENT_INVOKE);
    ask(c);
}

void client_starts(uint32_t client)
{
    struct client *c = &s->clients[client];

    c->link = client % LINKS;
    c->asked.process = ++s->processes;
    if (s->links[c->link].session == 0)
        s->links[c->link].session = register_opens();
    client_next(c);
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
