#define _GNU_SOURCE
#include "grid/door/session.h"

#include <string.h>

#include "grid/data/map_object.h"
#include "grid/door/away.h"
#include "grid/door/dispatch.h"
#include "grid/door/hot.h"
#include "grid/door/parked.h"
#include "grid/peers/control.h"
#include "grid/peers/inbound.h"
#include "grid/member.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/hash.h"
#include "net/base/log.h"
#include "net/base/mem.h"

enum {
    NEW_MESSAGE_MAX = 16 * 1024, /* before authentication; labels and a token fit */
    QUEUE_MAX = 1024 * 1024      /* answers that may wait before requests do */
};

#define LOGIN_NS 10000000000ull

/* An event or an answer on its way from another thread. */
enum outgoing_kind { EVENT, ANSWER, ANSWER_FROM_AWAY };

struct outgoing {
    struct outgoing *next;
    enum outgoing_kind kind;
    size_t size;
    uint8_t bytes[];
};

void session_ref(struct session *s)
{
    (void)fetch_add_64(&s->refs, 1);
}

static void drop_events(struct session *s)
{
    for (struct outgoing *next, *o = exchange_ptr(&s->events, NULL); o; o = next) {
        next = o->next;
        mem_free(o);
    }
}

void session_unref(struct session *s)
{
    if (fetch_sub_64(&s->refs, 1) > 1)
        return;
    drop_events(s);
    sink_free(&s->aside);
    mem_free(s);
}

static void log_end(const struct session *s, enum log_level level, const char *reason)
{
    char peer[ADDRESS_TEXT];

    log_event(level, "client.closed", F_STR("reason", reason),
              F_STR("peer", s->conn.link ? address_text(&s->conn.link->peer, peer) : "-"),
              F_STR("client", s->client ? s->client->name : "-"));
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Everything that others could still call it for ends here. */
static void end(struct session *s)
{
    if (s->state == SESSION_ENDED)
        return;
    s->state = SESSION_ENDED;
    while (!list_is_empty(&s->watches)) {
        struct watch *w = list_owner(s->watches.next, struct watch, node);

        list_remove(&w->node);
        w->stop(w);
    }
    parked_end_all(s);
    if (s->client) {
        gauge_add(s->at->door->counts.connected, -1);
        door_leave(s->at->door, s->client);
    }
    s->client = NULL;
    (void)fetch_sub_64(&s->at->door->sessions, 1);
}

static const char *const end_words[] = {
    [CONN_CLOSED] = "closed",
    [CONN_BROKEN] = "broken off",
    [CONN_STRANGER] = "it does not speak the client protocol",
    [CONN_MALFORMED] = "its bytes form no messages",
    [CONN_TOO_LARGE] = "a message larger than allowed",
    [CONN_MEMORY] = "no memory for its messages",
};

static void ended(void *context, enum conn_end why)
{
    struct session *s = context;

    if (s->state != SESSION_ENDED)
        log_end(s, why <= CONN_BROKEN ? LOG_DEBUG : LOG_WARN, end_words[why]);
    if (s->is_control)
        control_ended(s->at->door->member->control, s->incarnation, s->channel,
                      s->is_direct && why == CONN_CLOSED);
    end(s);
    list_remove(&s->node);
    session_unref(s);
}

void session_close(struct session *s, const char *reason)
{
    if (s->state == SESSION_ENDED)
        return;
    log_end(s, LOG_WARN, reason);
    end(s);
    s->began_ns = clock_ns(); /* of the end: session_tick waits no longer than for a login */
    conn_close(&s->conn);
}

void session_abort(struct session *s)
{
    end(s);
    list_remove(&s->node);
    conn_abort(&s->conn);
    session_unref(s);
}

/* ---- receiving ------------------------------------------------------------------------------ */

bool session_is_full(const struct session *s)
{
    return conn_queued(&s->conn) > QUEUE_MAX || s->away >= AWAY_MAX ||
           load_relaxed_64(&s->held_size) > QUEUE_MAX;
}

static void slow_down(struct session *s)
{
    if (s->state != SESSION_ENDED && session_is_full(s))
        conn_pause(&s->conn);
}

static bool has_aside(const struct session *s)
{
    return s->aside_begin < s->aside.size;
}

void session_put_aside(struct session *s, const uint8_t *bytes, size_t size)
{
    const uint64_t length = size;

    if (s->state == SESSION_ENDED)
        return;
    sink_put(&s->aside, &length, sizeof length);
    sink_put(&s->aside, bytes, size);
    if (sink_state(&s->aside) == MR_OK)
        return;
    s->aside.size = s->aside_begin;
    session_close(s, "no memory for its messages");
}

/* Serves what was put aside, as long as its answers are taken. */
static void serve_aside(struct session *s)
{
    while (s->state == SESSION_OPEN && has_aside(s) && !session_is_full(s)) {
        uint64_t size;

        memcpy(&size, s->aside.at + s->aside_begin, sizeof size);
        s->aside_begin += sizeof size + size;
        dispatch(s, s->aside.at + s->aside_begin - size, size);
    }
    if (has_aside(s))
        return;
    sink_free(&s->aside);
    s->aside_begin = 0;
}

/* It was full, and may not be any more. */
void session_go_on(struct session *s)
{
    if (s->state == SESSION_ENDED)
        return;
    serve_aside(s);
    if (s->state != SESSION_ENDED && !has_aside(s) && !session_is_full(s))
        conn_resume(&s->conn);
}

static void take(struct session *s, const uint8_t *bytes, size_t size)
{
    if (s->conn.voice == CONN_MEMBER) {
        inbound_message(s, bytes, size);
        return;
    }
    if (hot_take(s, bytes, size))
        return;
    hot_run(s);
    if (has_aside(s))
        session_put_aside(s, bytes, size);
    else if (s->state != SESSION_ENDED)
        dispatch(s, bytes, size);
}

static void message(void *context, const uint8_t *bytes, size_t size)
{
    struct session *s = context;

    s->at->messages++;
    take(s, bytes, size);
    slow_down(s);
}

/* Once for all messages of a piece: counting is cheap, but not free. */
static void count(struct session *s)
{
    const struct door_counts *counts = &s->at->door->counts;

    counter_add(counts->messages, s->at->messages);
    counter_add(counts->received, s->conn.received - s->counted);
    s->at->messages = 0;
    s->counted = s->conn.received;
}

static void settled(void *context)
{
    struct session *s = context;

    hot_run(s);
    count(s);
    slow_down(s);
}

static void drained(void *context)
{
    session_go_on(context);
}

static const struct conn_events conn_events = {NULL, message, settled, drained, ended};

/* ---- sending -------------------------------------------------------------------------------- */

static const char not_taken[] = "it does not take its events",
                  no_answer[] = "no memory for its answers";

void session_send_bytes(struct session *s, const void *bytes, size_t size)
{
    counter_add(s->at->door->counts.sent, size);
    conn_send(&s->conn, bytes, size);
}

void session_send(struct session *s)
{
    struct sink *out = &s->at->desk.out;

    if (sink_state(out) != MR_OK) {
        sink_free(out);
        session_close(s, no_answer); /* rather than to leave it waiting */
        return;
    }
    if (s->state != SESSION_ENDED && out->size > 0)
        session_send_bytes(s, out->at, out->size);
    out->size = 0;
}

void session_held(struct session *s, int64_t bytes)
{
    (void)fetch_add_64(&s->held_size, (uint64_t)bytes);
}

static void push(void **stack, struct outgoing *o)
{
    do
        o->next = load_acquire_ptr(stack);
    while (!compare_and_set_ptr(stack, o->next, o));
}

static struct outgoing *in_order(struct outgoing *o)
{
    struct outgoing *first = NULL;

    while (o) {
        struct outgoing *next = o->next;

        o->next = first;
        first = o;
        o = next;
    }
    return first;
}

/* Answers may be as large as they are allowed to be; of events not too many may wait. */
static void send_outgoing(struct session *s, const struct outgoing *o)
{
    if (s->state != SESSION_ENDED)
        session_send_bytes(s, o->bytes, o->size);
    if (o->kind == ANSWER_FROM_AWAY)
        s->away--;
    if (o->kind != EVENT)
        return;
    (void)fetch_sub_64(&s->events_size, o->size);
    if (conn_queued(&s->conn) > s->at->door->result_max)
        store_release_ptr(&s->fault, (void *)not_taken);
}

static void take_all(struct posted *p)
{
    struct session *s = list_owner(p, struct session, ready);

    (void)exchange_32(&s->is_ready, 0); /* who found it set has pushed before: it is taken below */
    for (struct outgoing *next, *o = in_order(exchange_ptr(&s->events, NULL)); o; o = next) {
        next = o->next;
        send_outgoing(s, o);
        mem_free(o);
    }
    const char *fault = load_acquire_ptr(&s->fault);

    if (fault)
        session_close(s, fault);
    slow_down(s);
    session_go_on(s);
    session_unref(s);
}

static void wake(struct session *s)
{
    if (exchange_32(&s->is_ready, 1) != 0)
        return;
    session_ref(s);
    door_post(s->at, &s->ready);
}

/* Its loop closes it. Any thread. */
static void doom(struct session *s, const char *why)
{
    store_release_ptr(&s->fault, (void *)why);
    wake(s);
}

void session_event(struct session *s, enum wire_id id, int64_t correlation, const void *msg)
{
    const struct wire_head head = {
        .flags = FRAME_EVENT, .correlation = correlation, .partition = -1};
    struct sink measure = {0};

    wire_encode(id, &head, msg, &measure);
    if (load_relaxed_64(&s->events_size) + measure.size > s->at->door->result_max) {
        doom(s, not_taken);
        return;
    }
    struct outgoing *o = mem_alloc(sizeof *o + measure.size);

    if (!o) { /* a gap that the client cannot see is worse than the end of its connection */
        doom(s, "no memory for its events");
        return;
    }
    struct sink out = {.at = o->bytes, .room = measure.size};

    wire_encode(id, &head, msg, &out);
    o->kind = EVENT;
    o->size = measure.size;
    (void)fetch_add_64(&s->events_size, o->size);
    push(&s->events, o);
    wake(s);
}

static void pass(struct session *s, enum outgoing_kind kind, const void *bytes, size_t size)
{
    struct outgoing *o = bytes ? mem_alloc(sizeof *o + size) : NULL;

    if (!o) { /* the client would wait for it for ever */
        doom(s, no_answer);
        return;
    }
    o->kind = kind;
    o->size = size;
    memcpy(o->bytes, bytes, size);
    push(&s->events, o);
    wake(s);
}

void session_answer(struct session *s, const struct sink *answer)
{
    pass(s, ANSWER_FROM_AWAY, sink_state(answer) == MR_OK ? answer->at : NULL, answer->size);
}

void session_pass(struct session *s, const void *bytes, size_t size)
{
    pass(s, ANSWER, bytes, size);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* NULL: there is none. */
static struct session *oldest_stranger(struct door_loop *l)
{
    for (struct list *node = l->strangers.next; node != &l->strangers; node = node->next) {
        struct session *s = list_owner(node, struct session, node);

        if (s->state == SESSION_NEW)
            return s;
    }
    return NULL;
}

/* A place for one more; false: all are taken by clients. */
static bool take_place(struct door_loop *l)
{
    struct door *d = l->door;

    if (fetch_add_64(&d->sessions, 1) < d->sessions_max)
        return true;
    struct session *oldest = oldest_stranger(l);

    if (oldest) {
        log_end(oldest, LOG_WARN, "it made room for another before it said who it is");
        session_abort(oldest);
        return true;
    }
    (void)fetch_sub_64(&d->sessions, 1);
    return false;
}

void session_accepted(void *context, struct link *link)
{
    struct door_loop *l = context;
    bool has_place = take_place(l);
    struct session *s = has_place ? mem_alloc_zero(sizeof *s) : NULL;

    if (!s) {
        if (has_place)
            (void)fetch_sub_64(&l->door->sessions, 1);
        log_event(LOG_WARN, "client.refused",
                  F_STR("reason", has_place ? "no memory for it" : "as many are there as may be"),
                  F_U64("connections_max", l->door->sessions_max));
        link_abort(link);
        return;
    }
    s->at = l;
    s->refs = 1;
    s->began_ns = s->heard_ns = clock_ns();
    s->ready.run = take_all;
    list_init(&s->watches);
    list_init(&s->parked);
    s->aside.grows = true;
    list_add_last(&l->strangers, &s->node);
    conn_accept(&s->conn, link, NEW_MESSAGE_MAX, &conn_events, s);
}

void session_open(struct session *s, struct client *client)
{
    list_remove(&s->node);
    list_add_last(&s->at->sessions, &s->node);
    s->client = client;
    s->state = SESSION_OPEN;
    gauge_add(s->at->door->counts.connected, 1);
    s->conn.frames.limit = s->at->door->message_max;
}

void session_meet(struct session *s, uint64_t incarnation, bool is_control, size_t message_max)
{
    list_remove(&s->node);
    list_add_last(&s->at->sessions, &s->node);
    s->incarnation = incarnation;
    s->is_control = is_control;
    s->state = SESSION_OPEN;
    s->conn.frames.limit = message_max;
}

void session_tick(struct session *s, uint64_t now_ns)
{
    if (s->conn.received != s->heard || s->away > 0) {
        s->heard = s->conn.received;
        s->heard_ns = now_ns;
    }
    if (s->state == SESSION_ENDED && now_ns - s->began_ns > LOGIN_NS)
        session_abort(s);
    else if (s->state == SESSION_NEW && now_ns - s->began_ns > LOGIN_NS)
        session_close(s, "no authentication in time");
    else if (s->state == SESSION_OPEN && s->client &&
             now_ns - s->heard_ns > s->at->door->timeout_ms * 1000000)
        session_close(s, "nothing heard for clients.timeout");
}

/* ---- maps lately used ----------------------------------------------------------------------- */

static bool is_open_as(const struct object *o, struct wire_bytes name)
{
    return o && load_relaxed_32(&o->open) && o->name_size == name.size &&
           memcmp(o->name, name.at, name.size) == 0;
}

static struct object **place_of(struct session *s, const void *name, size_t size)
{
    return &s->at->maps[hash_64(name, size) % DOOR_MAPS];
}

struct map *session_known_map(struct session *s, struct wire_bytes name)
{
    if (!is_open_as(s->last_map, name)) {
        struct object *o = *place_of(s, name.at, name.size);

        if (!is_open_as(o, name))
            return NULL;
        s->last_map = o;
    }
    return object_map(s->last_map);
}

void session_note_map(struct session *s, struct object *map)
{
    s->last_map = *place_of(s, map->name, strlen(map->name)) = map;
}

/* ---- watches -------------------------------------------------------------------------------- */

void watch_start(struct watch *w, struct session *s, int64_t correlation,
                 void (*stop)(struct watch *w))
{
    w->session = s;
    w->correlation = correlation;
    w->stop = stop;
    w->id = door_uuid();
    list_add_last(&s->watches, &w->node);
    s->watch_count++;
}

bool watch_end(struct session *s, struct wire_uuid id)
{
    for (struct list *node = s->watches.next; node != &s->watches; node = node->next) {
        struct watch *w = list_owner(node, struct watch, node);

        if (w->id.high != id.high || w->id.low != id.low)
            continue;
        list_remove(node);
        s->watch_count--;
        w->stop(w);
        return true;
    }
    return false;
}
