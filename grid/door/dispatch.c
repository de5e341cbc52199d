#include "grid/door/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "grid/data/map_object.h"
#include "grid/door/away.h"
#include "grid/door/explain.h"
#include "grid/door/held.h"
#include "grid/door/parked.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "grid/peers/gather.h"
#include "grid/peers/merge.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"

enum { TYPE_ONCE = 0xf10400 };

/* ---- the table ------------------------------------------------------------------------------ */

typedef mr_rc_t serve_function(struct call *c, const void *request);

#define SERVE(name, permission, where)                                                             \
    static mr_rc_t call_##name(struct call *c, const void *request)                                \
    {                                                                                              \
        return serve_##name(c, request);                                                           \
    }
#include "grid/door/serve.def"
#undef SERVE

static const struct {
    serve_function *serve;
    enum permission permission;
} rows[WIRE_COUNT] = {
#define SERVE(name, permission, where) [WIRE_##name##_req] = {call_##name, ALLOW_##permission},
#include "grid/door/serve.def"
#undef SERVE
};

/* ---- errors --------------------------------------------------------------------------------- */

void dispatch_error(int64_t correlation, mr_rc_t rc, struct sink *out)
{
    const struct fault *fault = fault_of_rc(rc);

    out->size = 0;
    wire_put_error(
        correlation,
        &(struct wire_error){fault->code, wire_text(fault->class_name), wire_text(mr_rc_text(rc))},
        out);
}

/* To the member that has the call from its client. */
static void wrap(int64_t call, mr_rc_t rc, struct sink *out)
{
    struct sink wrapped = {.grows = true};
    struct wire_bytes answer = {out->at ? out->at : (const uint8_t *)"", (uint32_t)out->size};

    wire_encode(WIRE_member_forwarded, &(struct wire_head){.partition = -1},
                &(struct member_forwarded){call, rc, answer}, &wrapped);
    sink_free(out);
    *out = wrapped;
}

static void say(const struct call *c, mr_rc_t rc, struct sink *out)
{
    out->size = 0;
    if (!c->forwarded)
        dispatch_error(c->head.correlation, rc, out);
    else
        wrap(c->forwarded, rc, out);
}

static void hand_over(const struct call *c)
{
    if (c->is_own)
        forward_answered_by_itself(&c->member->forwards, c->forwarded, &c->desk->out);
    else if (c->is_away)
        session_answer(c->session, &c->desk->out);
    else
        session_send(c->session);
}

/* Was it asked of an object that another member may have changed meanwhile? Not where the answer
 * rests on something: that it is committed shows that this member was primary. */
static bool is_stale(const struct call *c)
{
    return c->reign && !(c->held && c->held->commit.rests) &&
           !partitions_may_read(&c->member->partitions, (uint32_t)c->head.partition, c->reign);
}

void call_drop_held(struct call *c)
{
    if (c->held)
        held_drop(c->held);
    c->held = NULL;
}

static void say_gone(struct call *c, mr_rc_t rc)
{
    call_drop_held(c);
    say(c, rc, &c->desk->out);
    hand_over(c);
}

/* What is on the desk, when it may be known. */
static void send(struct call *c)
{
    struct held *held = c->held;
    struct sink *out = &c->desk->out;
    bool unknown = false;

    if (is_stale(c)) {
        say_gone(c, MR_ERR_MOVED);
        return;
    }

    c->held = NULL;
    if (c->forwarded)
        wrap(c->forwarded, MR_OK, out);
    if (held && !held_end(held, c, out, &unknown)) {
        out->size = 0;
        return;
    }
    if (unknown)
        say(c, MR_ERR_OUTCOME_UNKNOWN, out);
    hand_over(c);
}

void dispatch_unknown(struct session *s, int64_t correlation, int64_t forwarded)
{
    const struct call c = {.head.correlation = correlation, .forwarded = forwarded};

    counter_add(s->at->door->counts.errors, 1);
    say(&c, MR_ERR_OUTCOME_UNKNOWN, &s->at->desk.out);
    session_send(s);
}

static void send_error(struct call *c, mr_rc_t rc)
{
    const struct fault own = {.code = c->code, .class_name = c->class_name};
    const struct fault *fault = c->code ? &own : fault_of_rc(rc);
    const mr_err_t *err = c->err;
    char words[sizeof err->message + sizeof err->detail + sizeof err->hint + 8];
    struct sink *out = &c->desk->out;

    if (err->code == MR_OK)
        snprintf(words, sizeof words, "%s", mr_rc_text(rc));
    else
        snprintf(words, sizeof words, "%s%s%s%s%s", err->message, err->detail[0] ? "; " : "",
                 err->detail, err->hint[0] ? "; " : "", err->hint);
    counter_add(c->session->at->door->counts.errors, 1);
    out->size = 0;
    wire_put_error(
        c->head.correlation,
        &(struct wire_error){fault->code, wire_text(fault->class_name), wire_text(words)}, out);
    send(c);
}

mr_rc_t call_error(struct call *c, int32_t code, const char *class_name, const char *format, ...)
{
    char words[sizeof c->err->message];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    c->code = code;
    c->class_name = class_name;
    return fail(c->err, MR_ERR_ARGUMENT, NULL, "%s", words);
}

/* ---- what a call can do --------------------------------------------------------------------- */

/* To another member it has to go in one message, and others wait behind it. */
static size_t answer_max(const struct call *c)
{
    size_t allowed = c->session->at->door->result_max;

    return c->forwarded && allowed > FORWARD_ANSWER_MAX ? FORWARD_ANSWER_MAX : allowed;
}

static mr_rc_t too_large(struct call *c, size_t bytes)
{
    size_t allowed = answer_max(c);

    if (bytes <= allowed)
        return MR_ERR_MEMORY;
    return call_error(c, CODE_RESULT_SIZE, "com.hazelcast.map.QueryResultSizeExceededException",
                      "the answer has %zu bytes and more, where limits.result-size allows %zu",
                      bytes, allowed);
}

void reply(struct call *c, const void *response)
{
    reply_as(c, c->id + 1, response);
}

void reply_as(struct call *c, enum wire_id response, const void *message)
{
    const struct wire_head head = {.correlation = c->head.correlation};
    struct sink *out = &c->desk->out;

    out->size = 0;
    wire_encode(response, &head, message, out);
    if (sink_state(out) == MR_OK && out->size <= answer_max(c)) {
        send(c);
        door_empty(out);
        return;
    }
    mr_rc_t rc = too_large(c, out->size);

    sink_free(out);
    send_error(c, rc);
}

struct sink *call_items(struct call *c)
{
    struct sink *items = &c->desk->items;

    door_empty(items);
    return items;
}

mr_rc_t reply_list(struct call *c, uint32_t count)
{
    struct sink *items = &c->desk->items;

    if (sink_state(items) != MR_OK || items->size > answer_max(c)) {
        mr_rc_t rc = too_large(c, items->size);

        sink_free(items);
        return rc;
    }
    struct wire_list list = wire_list_of(items, count);

    reply(c, &list);
    door_empty(items);
    return MR_OK;
}

struct waiter *call_wait(struct call *c, int64_t timeout_ms)
{
    if (timeout_ms <= 0)
        return NULL;
    if (timeout_ms < INT64_MAX / 2000000)
        c->until_ns = clock_ns() + (uint64_t)timeout_ms * 1000000;
    return c->waiter;
}

mr_rc_t call_go_away(struct call *c, const struct map *m)
{
    return partitions_serve(m->partitions, c->share) ? call_leave(c, m) : MR_ERR_MOVED;
}

mr_rc_t call_leave(struct call *c, const struct map *m)
{
    uint64_t entries = 0;

    for (uint32_t i = 0; i < m->partitions->count && entries <= CALL_ENTRIES_MAX; i++)
        entries += load_relaxed_64(&m->parts[i].store.entries);
    if (c->is_away || entries <= CALL_ENTRIES_MAX)
        return MR_OK;
    c->goes_away = true;
    return MR_PENDING;
}

mr_rc_t call_name(struct call *c, struct wire_bytes name, char out[MAP_NAME_MAX + 1])
{
    if (name.size == 0 || name.size > MAP_NAME_MAX || memchr(name.at, '\0', name.size))
        return fail(c->err, MR_ERR_ARGUMENT, "give it 1 to 255 bytes of UTF-8",
                    "an object with a name of %u bytes", name.size);
    memcpy(out, name.at, name.size);
    out[name.size] = '\0';
    return MR_OK;
}

mr_rc_t call_object(struct call *c, enum object_kind kind, struct wire_bytes name,
                    struct object **ret_o)
{
    char text[MAP_NAME_MAX + 1];
    mr_rc_t rc = call_name(c, name, text);

    if (rc != MR_OK)
        return rc;
    rc = objects_open(&c->member->objects, kind, text, ret_o);

    return rc == MR_OK ? rc : explain_open(&c->member->objects, text, rc, c->err);
}

mr_rc_t call_object_here(struct call *c, enum object_kind kind, struct wire_bytes name,
                         struct object **ret_o)
{
    mr_rc_t rc = call_object(c, kind, name, ret_o);

    if (rc != MR_OK)
        return rc;
    c->head.partition = (int32_t)(*ret_o)->partition; /* some clients do not name it */
    if ((rc = object_is_here(*ret_o, c->waiter)) != MR_OK)
        return rc;
    c->reign = partitions_reign(&c->member->partitions, (*ret_o)->partition);
    return c->reign ? MR_OK : MR_ERR_MOVED; /* it has gone since */
}

/* Sessions remember plain maps only, which are asked most. */
mr_rc_t call_map_of(struct call *c, enum object_kind kind, struct wire_bytes name,
                    struct map **ret_map)
{
    bool remembers = kind == OBJECT_MAP && !c->is_away;
    struct map *known = remembers ? session_known_map(c->session, name) : NULL;
    struct object *o;

    if (known) {
        *ret_map = known;
        return MR_OK;
    }
    mr_rc_t rc = call_object(c, kind, name, &o);

    if (rc != MR_OK)
        return rc;
    if (remembers)
        session_note_map(c->session, o);
    *ret_map = object_map(o);
    return MR_OK;
}

struct owner call_owner(const struct call *c, int64_t thread)
{
    return (struct owner){c->client.high, c->client.low, thread};
}

/* ---- serving -------------------------------------------------------------------------------- */

static mr_rc_t unknown(struct call *c)
{
    return call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                      "message type 0x%06x is not served here", c->head.type);
}

/* Has another the partition, or have others to do it as well? Then it is not begun here. One that
 * has waited here has begun, and its function says whether it can go on. */
static bool is_elsewhere(const struct call *c)
{
    const struct partitions *ps = &c->member->partitions;
    uint32_t partition = (uint32_t)c->head.partition;

    if (!ps->serves || c->is_again)
        return false;
    if (merge_is_everywhere(c->id))
        return !c->share;
    return merge_of(c->id) == MERGE_KEY && partition < ps->count &&
           load_acquire_64(&ps->primaries[partition]) != ps->self;
}

/* Changes of one entry, which decide under its partition's lock what they answer. */
static bool can_be_once(enum wire_id id)
{
    switch (id) {
    case WIRE_map_put_req:
    case WIRE_map_set_req:
    case WIRE_map_put_if_absent_req:
    case WIRE_map_put_with_max_idle_req:
    case WIRE_map_put_if_absent_with_max_idle_req:
    case WIRE_map_replace_req:
    case WIRE_map_replace_if_same_req:
    case WIRE_map_remove_req:
    case WIRE_map_remove_if_same_req:
    case WIRE_map_delete_req:
    case WIRE_map_evict_req:
    case WIRE_map_set_ttl_req: return true;
    default: return false;
    }
}

/* It was not done now. Where nothing says whether it was, it can be asked again. */
static mr_rc_t why_not(struct call *c, enum session_verdict verdict, mr_rc_t rc)
{
    switch (verdict) {
    case ONCE_NEW: return rc;
    case ONCE_DONE:
        return rc != MR_ERR_OUTCOME_UNKNOWN
                   ? rc
                   : call_error(c, CODE_ANSWER_LOST, "org.millrace.AnswerLostException",
                                "it was done, and the value from before is not known any more");
    case ONCE_STALE:
        return call_error(c, CODE_ANSWER_LOST, "org.millrace.AnswerLostException",
                          "its client has said already that it is over");
    case ONCE_EXPIRED:
        return call_error(c, CODE_SESSION_OVER, "org.millrace.SessionOverException",
                          "the client's session is over: it was not heard of for too long");
    case ONCE_PENDING:
        if (rc < MR_ERR_MEMORY)
            return rc;
        break;
    case ONCE_FULL:
    case ONCE_BEHIND: break;
    }
    return call_error(c, CODE_RETRYABLE, "com.hazelcast.spi.exception.RetryableHazelcastException",
                      verdict == ONCE_FULL ? "too much of this client's is under way here"
                                           : "the session, or what was asked, is not known yet");
}

static mr_rc_t serve_once(struct call *c, const void *message)
{
    uint8_t answer[SESSION_RESULT_MAX];
    struct once once = {.call = c->once, .verdict = ONCE_NEW, .answer = answer};

    if (!can_be_once(c->id))
        return call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                          "%s cannot be asked for in a session", wire_name(c->id));
    if (!c->member->partitions.serves)
        return why_not(c, ONCE_EXPIRED, MR_ERR_BUSY);
    once_self = &once;
    mr_rc_t rc = rows[c->id].serve(c, message);

    once_self = NULL;
    return rc == MR_OK ? rc : why_not(c, once.verdict, rc);
}

static mr_rc_t serve(struct call *c, const uint8_t *bytes, size_t size)
{
    union wire_message message;
    const char *field;
    int id = wire_find(c->head.type);

    if (id < 0 || !rows[id].serve)
        return session_may(c->session, ALLOW_CLIENT) ? unknown(c) : MR_ERR_CLOSED;
    c->id = (enum wire_id)id;
    if (!c->is_away && !session_may(c->session, rows[id].permission))
        return MR_ERR_CLOSED;
    if (is_elsewhere(c))
        return MR_ERR_MOVED;
    if (wire_decode(c->id, bytes, size, &message, &field) != MR_OK)
        return fail(c->err, MR_ERR_MALFORMED, NULL, "%s: %s is missing or malformed",
                    wire_name(c->id), field);
    return c->once.session ? serve_once(c, &message) : rows[id].serve(c, &message);
}

/* Closes the connection of who talks before it has said who it is. */
static void refuse_stranger(struct call *c)
{
    (void)!call_error(c, CODE_AUTHENTICATION, "com.hazelcast.client.AuthenticationException",
                      "authenticate first");
    send_error(c, MR_ERR_ARGUMENT);
    session_close(c->session, "a request before authentication");
}

/* A call on the session's loop. */
static struct call call_new(struct session *s)
{
    struct desk *desk = &s->at->desk;

    desk->err.code = MR_OK;
    return (struct call){.session = s,
                         .member = s->at->door->member,
                         .desk = desk,
                         .client = s->client ? s->client->uuid : (struct wire_uuid){0},
                         .until_ns = UINT64_MAX,
                         .err = &desk->err};
}

/* Other members have what it is about: the one that has the partition is asked, or all are, unless
 * the call has come from a member. */
static mr_rc_t go_on_elsewhere(struct call *c, const uint8_t *bytes, size_t size)
{
    const struct partitions *ps = &c->member->partitions;
    uint32_t partition = (uint32_t)c->head.partition;

    if (c->is_away || c->forwarded)
        return MR_ERR_MOVED;
    bool is_one = partition < ps->count && load_acquire_64(&ps->primaries[partition]) != ps->self;
    bool whole = gather_takes(c->id, is_one);

    if (!whole && partition >= ps->count)
        return MR_ERR_MOVED;
    call_drop_held(c);
    c->err->code = MR_OK;
    if (whole)
        return gather_give(c, bytes, size);
    return forward_give(c->session, c->client, partition, rows[c->id].permission != ALLOW_READ,
                        bytes, size);
}

static void finish(struct call *c, mr_rc_t rc)
{
    if (c->forwarded && (rc == MR_ERR_MOVED || rc == MR_ERR_OFFLINE)) {
        say_gone(c, rc);
        return;
    }
    if (rc == MR_ERR_CLOSED && !c->is_away && c->session->state == SESSION_NEW)
        refuse_stranger(c);
    else if (rc != MR_OK)
        send_error(c, rc);
}

/* Are there others whose agreement the answer may have to wait for? MR_ERR_MEMORY. */
static mr_rc_t hold(struct call *c)
{
    if (!c->member->partitions.serves)
        return MR_OK;
    c->held = held_new(c->session, c->is_away);
    return c->held ? MR_OK : MR_ERR_MEMORY;
}

/* It waits, and takes with it what it has done so far. */
static mr_rc_t wait(struct call *c, const uint8_t *bytes, size_t size)
{
    if (c->held)
        held_pause();
    if (c->goes_away) {
        if (c->held)
            held_drop(c->held);
        c->held = NULL;
        return away_give(c->session, c->client, bytes, size);
    }
    mr_rc_t rc = parked_keep(c->session, bytes, size, c->until_ns, c->done, c->held);

    if (rc == MR_OK)
        c->held = NULL;
    return rc;
}

/* A share has a bit for each partition. */
static mr_rc_t take_share(struct call *c, const struct member_gather *g)
{
    if (g->share.size < (c->member->partitions.count + 7) / 8)
        return MR_ERR_MALFORMED;
    c->share = g->share.at;
    return MR_OK;
}

/* Its own share is the only one that goes away as such from a client's session: a message of that
 * type that a client sends is not understood. */
static bool is_from_member(const struct call *c)
{
    return c->session->incarnation || (c->is_away && wire_find(c->head.type) == WIRE_member_gather);
}

/* One inside another, which stays as it is where it cannot be read. */
static mr_rc_t unwrap_once(struct call *c, const uint8_t **bytes, size_t *size)
{
    struct client_once_req q;
    struct wire_head inner;
    const char *field;

    if (wire_decode(WIRE_client_once_req, *bytes, *size, &q, &field) != MR_OK || q.session <= 0 ||
        q.first <= 0 || q.first > q.number ||
        wire_read_head(q.message.at, q.message.size, &inner) != MR_OK)
        return MR_OK;
    c->once = (struct session_call){(uint64_t)q.session, (uint64_t)q.number, (uint64_t)q.first};
    c->head.type = inner.type;
    *bytes = q.message.at;
    *size = q.message.size;
    return MR_OK;
}

static mr_rc_t unwrap_member(struct call *c, const uint8_t **bytes, size_t *size)
{
    union wire_message m;
    const char *field;
    mr_rc_t rc = wire_read_head(*bytes, *size, &c->head);

    if (rc != MR_OK || !is_from_member(c))
        return rc;
    int id = wire_find(c->head.type);

    if ((id != WIRE_member_forward && id != WIRE_member_gather) ||
        wire_decode((enum wire_id)id, *bytes, *size, &m, &field) != MR_OK)
        return MR_ERR_MALFORMED;
    if (id == WIRE_member_gather && (rc = take_share(c, &m.member_gather)) != MR_OK)
        return rc;
    c->is_own = id == WIRE_member_gather && !c->session->incarnation;
    c->forwarded = id == WIRE_member_gather ? m.member_gather.call : m.member_forward.call;
    c->client = id == WIRE_member_gather ? m.member_gather.client : m.member_forward.client;
    struct wire_bytes inner =
        id == WIRE_member_gather ? m.member_gather.message : m.member_forward.message;

    *bytes = inner.at;
    *size = inner.size;
    return wire_read_head(*bytes, *size, &c->head);
}

/* A message, or one that another member hands on for its client. MR_ERR_MALFORMED. */
static mr_rc_t unwrap(struct call *c, const uint8_t **bytes, size_t *size)
{
    mr_rc_t rc = unwrap_member(c, bytes, size);

    return rc == MR_OK && c->head.type == TYPE_ONCE ? unwrap_once(c, bytes, size) : rc;
}

void dispatch(struct session *s, const uint8_t *bytes, size_t size)
{
    struct call c = call_new(s);
    const uint8_t *inner = bytes;
    size_t inner_size = size;

    if (unwrap(&c, &inner, &inner_size) != MR_OK) {
        session_close(s, "a message without a head");
        return;
    }
    c.waiter = parked_spare(s);
    epoch_enter();
    mr_rc_t rc = c.waiter ? hold(&c) : MR_ERR_MEMORY;

    if (rc == MR_OK)
        rc = serve(&c, inner, inner_size);
    if (rc == MR_PENDING)
        rc = wait(&c, bytes, size);
    else if (rc == MR_ERR_MOVED)
        rc = go_on_elsewhere(&c, bytes, size);
    finish(&c, rc);
    desk_trim(c.desk);
    epoch_exit();
}

void dispatch_away(struct session *s, struct wire_uuid client, const uint8_t *bytes, size_t size)
{
    struct desk desk;
    struct call c = {.session = s,
                     .member = s->at->door->member,
                     .desk = &desk,
                     .client = client,
                     .is_away = true,
                     .err = &desk.err};

    check(unwrap(&c, &bytes, &size) == MR_OK); /* it was, on the loop */
    desk_init(&desk);
    epoch_enter();
    mr_rc_t rc = hold(&c);

    if (rc == MR_OK)
        rc = serve(&c, bytes, size);
    check(rc != MR_PENDING); /* there is nothing to wait with */
    finish(&c, rc);
    epoch_exit();
    desk_clear(&desk);
}

void dispatch_again(struct session *s, struct parked *p)
{
    struct call c = call_new(s);
    const uint8_t *bytes = p->bytes;
    size_t size = p->size;

    check(unwrap(&c, &bytes, &size) == MR_OK); /* it was, the first time */
    c.waiter = clock_ns() < p->until_ns ? &p->waiter : NULL;
    c.is_again = true;
    c.done = p->done;
    c.held = p->held;
    p->held = NULL;
    if (c.held)
        held_resume(c.held);
    epoch_enter();
    mr_rc_t rc = waiter_is_over(&p->waiter) ? MR_ERR_DESTROYED : serve(&c, bytes, size);

    check(!c.goes_away); /* what can wait does not look at whole maps */
    if (rc == MR_PENDING && c.held)
        held_pause();
    if (rc == MR_ERR_MOVED && s->state != SESSION_ENDED)
        rc = go_on_elsewhere(&c, p->bytes, p->size);
    if (s->state == SESSION_ENDED && c.held) /* what was parked has ended with its session */
        held_drop(c.held);
    else if (s->state != SESSION_ENDED && rc == MR_PENDING)
        parked_again(p, c.done, c.held);
    else if (s->state != SESSION_ENDED)
        finish(&c, rc);
    if (rc != MR_PENDING && s->state != SESSION_ENDED)
        parked_done(p);
    desk_trim(c.desk);
    epoch_exit();
}
