#include "tests/sim/examples.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"

/* ---- written down --------------------------------------------------------------------------- */

struct line {
    const char *at;
    struct history *h;
    struct event asked[16]; /* by process */
};

static bool says(struct line *l, const char *word)
{
    size_t size = strlen(word);
    bool yes = strncmp(l->at, word, size) == 0;

    l->at += yes ? size : 0;
    return yes;
}

static bool number(struct line *l, int64_t *ret_n)
{
    char *end;

    *ret_n = strtoll(l->at, &end, 10);
    if (end == l->at)
        return false;
    l->at = end;
    return true;
}

static bool value(struct line *l, int32_t *ret_value)
{
    int64_t n;

    if (says(l, "[")) {
        *ret_value = VALUE_EMPTY_LIST;
        while (!says(l, "]")) {
            if (!number(l, &n))
                return false;
            *ret_value = values_append(&l->h->values, *ret_value, n);
            (void)says(l, ",");
        }
    } else if (l->at[0] == '-' && (l->at[1] < '0' || l->at[1] > '9')) {
        l->at++;
        *ret_value = VALUE_NOTHING;
    } else {
        if (!number(l, &n))
            return false;
        *ret_value = values_number(&l->h->values, n);
    }
    return true;
}

static bool question(struct line *l, struct event *e)
{
    static const char *const words[] = {
#define X(name, word) [CALL_##name] = word,
        CALL_MAP(X)
#undef X
    };
    uint32_t i = 0;
    int64_t key = 0;

    while (i < CALLS && !says(l, words[i]))
        i++;
    if (i == CALLS)
        return false;
    e->call = i;
    if (e->call == CALL_CAS &&
        !(says(l, "=") && value(l, &e->old) && says(l, ">") && value(l, &e->value)))
        return false;
    if (e->call != CALL_CAS && says(l, "=") && !value(l, &e->value))
        return false;
    if (says(l, "@") && !number(l, &key))
        return false;
    e->key = (uint32_t)key;
    return true;
}

static bool answer(struct line *l, struct event *e)
{
    int32_t said = VALUE_UNSAID;

    if (says(l, "fail")) {
        e->type = EVENT_FAIL;
    } else if (says(l, "info")) {
        e->type = EVENT_INFO;
    } else {
        if (!says(l, "ok") || (says(l, "=") && !value(l, &said)))
            return false;
        e->type = EVENT_OK;
        if (e->call == CALL_CAS)
            e->old = said;
        else if (said != VALUE_UNSAID)
            e->value = said;
        else if (e->call == CALL_INCR)
            e->value = VALUE_UNSAID;
    }
    return true;
}

bool example_parse(const char *text, struct history *ret)
{
    struct line l = {.at = text, .h = ret};
    int64_t process;

    while (says(&l, " "))
        ;
    while (*l.at) {
        if (!number(&l, &process) || process < 0 || process >= 16)
            return false;
        struct event *e = &l.asked[process];

        if (says(&l, ":")) {
            *e = (struct event){
                .process = (uint32_t)process, .value = VALUE_UNSAID, .old = VALUE_UNSAID};
            if (!question(&l, e))
                return false;
        } else if (!says(&l, ".") || !answer(&l, e)) {
            return false;
        }
        e->time_ns = ret->count;
        history_add(ret, e);
        if (*l.at && *l.at != ' ')
            return false;
        while (says(&l, " "))
            ;
    }
    return true;
}

/* ---- an object and its clients -------------------------------------------------------------- */

enum { CLIENTS = 5, INFOS = 4, FIRST_VALUE = 100 };

enum stage { IDLE, ASKED, DONE };

struct client {
    enum stage stage;
    struct event asked, answer;
};

struct object {
    struct rand *rand;
    struct history *h;
    enum example_kind kind;
    int32_t state;
    uint64_t seq;
    int64_t next_value, increment;
    uint32_t processes, infos;
    struct client clients[CLIENTS];
    struct event late[INFOS]; /* nobody waits for them any more, and they are not done yet */
    uint32_t late_count;
};

static bool one_in(struct rand *r, uint64_t n)
{
    return rand_below(r, n) == 0;
}

static void add(struct history *h, struct event e)
{
    e.time_ns = h->count;
    history_add(h, &e);
}

static int32_t new_value(struct object *o)
{
    return values_number(&o->h->values, o->next_value++);
}

/* What a cas expects: what there is, or what there may have been. */
static int32_t some_value(struct object *o)
{
    if (!one_in(o->rand, 3))
        return o->state;
    return values_number(
        &o->h->values,
        FIRST_VALUE + (int64_t)rand_below(o->rand, (uint64_t)(o->next_value - FIRST_VALUE) + 1));
}

static struct event question_of(struct object *o, uint32_t process)
{
    struct event e = {.process = process, .value = VALUE_UNSAID, .old = VALUE_UNSAID};
    uint64_t any = rand_below(o->rand, 10);

    e.call = CALL_GET;
    if (o->kind == EXAMPLE_COUNTER && any < 6) {
        e.call = CALL_INCR;
        e.value = values_number(&o->h->values, o->increment);
    } else if (o->kind == EXAMPLE_LIST && any < 6) {
        e.call = CALL_APPEND;
        e.value = new_value(o);
    } else if (o->kind == EXAMPLE_REGISTER && any < 3) {
        e.call = CALL_PUT;
        e.value = new_value(o);
    } else if (o->kind == EXAMPLE_REGISTER && any < 5) {
        e.call = CALL_CAS;
        e.old = some_value(o);
        e.value = new_value(o);
    } else if (o->kind == EXAMPLE_REGISTER && any == 5) {
        e.call = CALL_DEL;
    }
    return e;
}

/* The moment at which it happens. */
static struct event done(struct object *o, const struct event *asked)
{
    struct event e = *asked;
    int32_t said;

    o->state = values_do(&o->h->values, o->state, e.call, e.value, e.old, &said);
    o->seq += e.call != CALL_GET;
    e.type = EVENT_OK;
    e.placed = true;
    e.epoch = 1 + o->seq / 10;
    e.seq = o->seq;
    if (e.call == CALL_CAS)
        e.old = said;
    else if (said != VALUE_UNSAID)
        e.value = said;
    return e;
}

static void lose(struct object *o, struct client *c)
{
    struct event e = c->asked;

    e.type = EVENT_INFO;
    o->infos++;
    if (c->stage == ASKED)
        o->late[o->late_count++] = c->asked;
    add(o->h, e);
    c->stage = IDLE;
    c->asked.process = o->processes++;
}

static void step(struct object *o, struct client *c, bool may_ask)
{
    bool may_be_lost = o->infos < INFOS;

    if (c->stage == IDLE && may_ask) {
        c->asked = question_of(o, c->asked.process);
        add(o->h, c->asked);
        c->stage = ASKED;
    } else if (c->stage != IDLE && may_be_lost && one_in(o->rand, 20)) {
        lose(o, c);
    } else if (c->stage == ASKED && one_in(o->rand, 12)) {
        c->asked.type = EVENT_FAIL;
        add(o->h, c->asked);
        c->stage = IDLE;
    } else if (c->stage == ASKED) {
        c->answer = done(o, &c->asked);
        c->stage = DONE;
    } else if (c->stage == DONE) {
        add(o->h, c->answer);
        c->stage = IDLE;
    }
}

static void finish_late(struct object *o)
{
    if (o->late_count > 0 && one_in(o->rand, 8))
        (void)done(o, &o->late[--o->late_count]);
}

static void read_at_the_end(struct object *o)
{
    struct event e = {
        .process = o->processes++, .call = CALL_GET, .value = VALUE_UNSAID, .old = VALUE_UNSAID};

    add(o->h, e);
    add(o->h, done(o, &e));
}

void example_good(struct rand *r, enum example_kind kind, uint32_t calls, struct history *ret)
{
    struct object o = {.rand = r, .h = ret, .kind = kind, .next_value = FIRST_VALUE};
    o.increment = 1 + (int64_t)rand_below(r, 3);
    uint32_t clients = 2 + (uint32_t)rand_below(r, CLIENTS - 1), asked = 0;
    bool busy = true;

    for (uint32_t i = 0; i < clients; i++)
        o.clients[i].asked.process = o.processes++;
    while (asked < calls || busy) {
        struct client *c = &o.clients[rand_below(r, clients)];

        asked += c->stage == IDLE && asked < calls;
        step(&o, c, asked < calls);
        finish_late(&o);
        busy = false;
        for (uint32_t i = 0; i < clients; i++)
            busy |= o.clients[i].stage != IDLE;
    }
    read_at_the_end(&o);
}

/* ---- changes that leave it good ------------------------------------------------------------- */

/* An answer comes later: what else is asked meanwhile is then at the same time. */
static void delay_answer(struct rand *r, struct history *h)
{
    uint32_t at = (uint32_t)rand_below(r, h->count - 1);
    struct event *e = &h->events[at], before = e[0];

    if (e[0].type == EVENT_INVOKE || e[1].type != EVENT_INVOKE || e[0].process == e[1].process)
        return;
    e[0] = e[1];
    e[1] = before;
    e[0].time_ns--;
    e[1].time_ns++;
}

/* An answer is lost; who asked goes on as another. */
static void lose_answer(struct rand *r, struct history *h)
{
    uint32_t at = (uint32_t)rand_below(r, h->count), other = 0;
    struct event *e = &h->events[at];
    uint32_t process = e->process;

    if (e->type != EVENT_OK)
        return;
    for (uint32_t i = 0; i < h->count; i++)
        other = h->events[i].process >= other ? h->events[i].process + 1 : other;
    e->type = EVENT_INFO;
    for (uint32_t i = at + 1; i < h->count; i++)
        if (h->events[i].process == process)
            h->events[i].process = other;
}

void example_weaken(struct rand *r, struct history *h)
{
    for (int i = 0; i < 10; i++)
        delay_answer(r, h);
    for (int i = 0; i < 3; i++)
        lose_answer(r, h);
}
