#include "grid/peers/fellow.h"

#include <stdio.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/log.h"
#include "net/base/mem.h"

#define RETRY_NS     50000000ull
#define RETRY_MAX_NS 1000000000ull
#define HELLO_NS     3000000000ull

enum { OUTGOING_MAX = 64 << 20 }; /* bytes that other threads may have waiting */

struct outgoing {
    struct outgoing *next;
    size_t size;
    uint8_t bytes[];
};

static void dial(void *context);

/* ---- ending --------------------------------------------------------------------------------- */

static void drop_outgoing(struct fellow *f)
{
    for (struct outgoing *next, *o = exchange_ptr(&f->outgoing, NULL); o; o = next) {
        next = o->next;
        (void)fetch_sub_64(&f->outgoing_size, o->size);
        mem_free(o);
    }
}

static void again_later(struct fellow *f)
{
    timer_start_on_loop(f->loop, &f->timer, f->retry_ns, 0, dial, f);
    f->retry_ns = 2 * f->retry_ns < RETRY_MAX_NS ? 2 * f->retry_ns : RETRY_MAX_NS;
}

static void went(struct fellow *f)
{
    bool was_open = f->state == FELLOW_OPEN;

    f->state = FELLOW_IDLE;
    f->is_linked = false;
    store_release_32(&f->is_open, 0);
    drop_outgoing(f);
    if (was_open)
        f->events->broken(f);
    again_later(f);
}

static void ended(void *context, enum conn_end end)
{
    struct fellow *f = context;

    if (!f->words[0])
        snprintf(f->words, sizeof f->words, "%s",
                 end == CONN_TOO_LARGE || end == CONN_MALFORMED ? "it does not speak as a member"
                                                                : "it cannot be reached");
    went(f);
}

static void drop(void *context)
{
    struct fellow *f = context;

    conn_abort(&f->conn);
    went(f);
}

/* Nothing comes of it. It is broken off, as all that a living member ends: an end that is said
 * would be taken for its death. */
static void refuse(struct fellow *f, const char *why)
{
    snprintf(f->words, sizeof f->words, "%s", why);
    timer_start_on_loop(f->loop, &f->timer, 0, 0, drop, f);
}

static void late(void *context)
{
    struct fellow *f = context;

    snprintf(f->words, sizeof f->words, "it does not answer");
    conn_abort(&f->conn);
    went(f);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static struct wire_uuid as_uuid(const struct address *a)
{
    struct wire_uuid u = {0};

    memcpy(&u.high, a->ip, 8);
    memcpy(&u.low, a->ip + 8, 8);
    return u;
}

void fellow_ends(struct link *link, struct member_hello *hello)
{
    struct address local = link_local(link);

    hello->own_ip = as_uuid(&local);
    hello->own_port = local.port;
    hello->your_ip = as_uuid(&link->peer);
    hello->your_port = link->peer.port;
}

static bool is_same(struct wire_uuid a, struct wire_uuid b)
{
    return a.high == b.high && a.low == b.low;
}

bool fellow_sees_alike(struct link *link, const struct member_hello *hello)
{
    struct member_hello own;

    fellow_ends(link, &own);
    return is_same(own.own_ip, hello->your_ip) && own.own_port == hello->your_port &&
           is_same(own.your_ip, hello->own_ip) && own.your_port == hello->own_port;
}

/* ---- meeting -------------------------------------------------------------------------------- */

static void introduce(void *context)
{
    struct fellow *f = context;
    struct member_hello hello = {
        .protocol = FELLOW_PROTOCOL, .purpose = f->purpose, .channel = (int64_t)++f->channel};

    fellow_ends(f->conn.link, &hello);
    f->events->introduce(f->context, &hello);
    fellow_tell(f, WIRE_member_hello, &hello);
}

static void met(struct fellow *f, const struct member_hello *hello)
{
    if (hello->protocol != FELLOW_PROTOCOL) {
        refuse(f, "it speaks another version");
        return;
    }
    f->incarnation = (uint64_t)hello->incarnation;
    f->is_direct = fellow_sees_alike(f->conn.link, hello);
    f->identity = link_identity(f->conn.link);
    if (!f->events->met(f, hello)) {
        refuse(f, f->words[0] ? f->words : "it is not a member that is wanted");
        return;
    }
    timer_cancel_on_loop(f->loop, &f->timer);
    f->retry_ns = RETRY_NS;
    f->words[0] = '\0';
    f->state = FELLOW_OPEN;
    store_release_32(&f->is_open, 1);
    f->events->opened(f);
}

static void first_message(struct fellow *f, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;
    int id = wire_read_head(bytes, size, &head) == MR_OK ? wire_find(head.type) : -1;

    if ((id != WIRE_member_hello && id != WIRE_member_refuse) ||
        wire_decode((enum wire_id)id, bytes, size, &m, &field) != MR_OK)
        refuse(f, "it does not speak as a member");
    else if (id == WIRE_member_hello)
        met(f, &m.member_hello);
    else {
        char why[sizeof f->words];

        snprintf(why, sizeof why, "%.*s", (int)m.member_refuse.reason.size,
                 (const char *)m.member_refuse.reason.at);
        refuse(f, why);
    }
}

static void message(void *context, const uint8_t *bytes, size_t size)
{
    struct fellow *f = context;

    if (f->state == FELLOW_OPEN)
        f->events->message(f, bytes, size);
    else
        first_message(f, bytes, size);
}

static const struct conn_events conn_events = {introduce, message, NULL, NULL, ended};

static void dial(void *context)
{
    struct fellow *f = context;

    f->state = FELLOW_OPENING;
    f->words[0] = '\0';
    if (conn_connect(&f->conn, f->transport, &f->address, CONN_MEMBER, FELLOW_MESSAGE_MAX,
                     &conn_events, f) != MR_OK) {
        snprintf(f->words, sizeof f->words, "no more connections can be opened");
        f->state = FELLOW_IDLE;
        again_later(f);
        return;
    }
    f->is_linked = true;
    timer_start_on_loop(f->loop, &f->timer, HELLO_NS, 0, late, f);
}

/* ---- sending -------------------------------------------------------------------------------- */

static enum progress take_outgoing(void *context, uint64_t budget_ns)
{
    struct fellow *f = context;
    struct outgoing *first = NULL;

    (void)budget_ns;
    for (struct outgoing *next, *o = exchange_ptr(&f->outgoing, NULL); o; o = next) {
        next = o->next;
        o->next = first;
        first = o;
    }
    for (struct outgoing *next, *o = first; o; o = next) {
        next = o->next;
        if (f->state == FELLOW_OPEN)
            conn_send(&f->conn, o->bytes, o->size);
        (void)fetch_sub_64(&f->outgoing_size, o->size);
        mem_free(o);
    }
    return PROGRESS_IDLE;
}

static bool post(struct fellow *f, const void *bytes, size_t size)
{
    struct outgoing *o;

    if (!fellow_is_open(f) || load_relaxed_64(&f->outgoing_size) > OUTGOING_MAX ||
        !(o = mem_alloc(sizeof *o + size)))
        return false;
    o->size = size;
    memcpy(o->bytes, bytes, size);
    (void)fetch_add_64(&f->outgoing_size, size);
    do
        o->next = load_acquire_ptr(&f->outgoing);
    while (!compare_and_set_ptr(&f->outgoing, o->next, o));
    tasklet_wake(&f->taker);
    return true;
}

/* In one line, whoever sends: what waits already goes first. */
bool fellow_send(struct fellow *f, const void *bytes, size_t size)
{
    if (loop_current() != f->loop)
        return post(f, bytes, size);
    if (f->state == FELLOW_IDLE)
        return false;
    (void)take_outgoing(f, 0);
    conn_send(&f->conn, bytes, size);
    return true;
}

void fellow_tell(struct fellow *f, enum wire_id id, const void *msg)
{
    struct sink out = {.grows = true};

    wire_encode(id, &(struct wire_head){.partition = -1}, msg, &out);
    if (sink_state(&out) == MR_OK)
        (void)fellow_send(f, out.at, out.size);
    sink_free(&out);
}

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t fellow_new(struct loop *loop, struct transport *t, const struct address *to,
                   enum fellow_purpose purpose, const struct fellow_events *events, void *context,
                   uint32_t number, struct fellow **ret_f)
{
    struct fellow *f = mem_alloc_zero(sizeof *f);

    if (!f)
        return MR_ERR_MEMORY;
    f->loop = loop;
    f->transport = t;
    f->address = *to;
    f->purpose = purpose;
    f->events = events;
    f->context = context;
    f->number = number;
    f->retry_ns = RETRY_NS;
    f->taker = (struct tasklet){.run = take_outgoing, .context = f};
    tasklet_add_on_loop(loop, &f->taker);
    *ret_f = f;
    dial(f);
    return MR_OK;
}

void fellow_rest(struct fellow *f)
{
    timer_cancel_on_loop(f->loop, &f->timer);
    if (f->is_linked)
        conn_abort(&f->conn);
    f->is_linked = false;
    f->state = FELLOW_IDLE;
    store_release_32(&f->is_open, 0);
    drop_outgoing(f);
}

void fellow_point(struct fellow *f, const struct address *to)
{
    fellow_rest(f);
    f->address = *to;
    f->retry_ns = RETRY_NS;
    dial(f);
}

void fellow_free(struct fellow *f)
{
    if (!f)
        return;
    fellow_rest(f);
    tasklet_remove_on_loop(&f->taker);
    mem_free(f);
}
