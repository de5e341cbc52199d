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

static void drop_outgoing(struct fellow *p)
{
    for (struct outgoing *next, *o = exchange_ptr(&p->outgoing, NULL); o; o = next) {
        next = o->next;
        (void)fetch_sub_64(&p->outgoing_size, o->size);
        mem_free(o);
    }
}

static void again_later(struct fellow *p)
{
    timer_start_on_loop(p->loop, &p->timer, p->retry_ns, 0, dial, p);
    p->retry_ns = 2 * p->retry_ns < RETRY_MAX_NS ? 2 * p->retry_ns : RETRY_MAX_NS;
}

static void went(struct fellow *p)
{
    bool was_open = p->state == FELLOW_OPEN;

    p->state = FELLOW_IDLE;
    p->is_linked = false;
    store_release_32(&p->is_open, 0);
    drop_outgoing(p);
    if (was_open)
        p->events->broken(p);
    again_later(p);
}

static void ended(void *context, enum conn_end end)
{
    struct fellow *p = context;

    if (!p->words[0])
        snprintf(p->words, sizeof p->words, "%s",
                 end == CONN_TOO_LARGE || end == CONN_MALFORMED ? "it does not speak as a member"
                                                                : "it cannot be reached");
    went(p);
}

/* Nothing comes of it: the end of the connection brings the next attempt. */
static void refuse(struct fellow *p, const char *why)
{
    snprintf(p->words, sizeof p->words, "%s", why);
    conn_close(&p->conn);
}

static void late(void *context)
{
    struct fellow *p = context;

    snprintf(p->words, sizeof p->words, "it does not answer");
    conn_abort(&p->conn);
    went(p);
}

/* ---- meeting -------------------------------------------------------------------------------- */

static void introduce(void *context)
{
    struct fellow *p = context;
    struct member_hello hello = {.protocol = FELLOW_PROTOCOL, .purpose = p->purpose};

    p->events->introduce(p->context, &hello);
    fellow_tell(p, WIRE_member_hello, &hello);
}

static void met(struct fellow *p, const struct member_hello *hello)
{
    if (hello->protocol != FELLOW_PROTOCOL) {
        refuse(p, "it speaks another version");
        return;
    }
    p->incarnation = (uint64_t)hello->incarnation;
    if (!p->events->met(p, hello)) {
        refuse(p, p->words[0] ? p->words : "it is not a member that is wanted");
        return;
    }
    timer_cancel_on_loop(p->loop, &p->timer);
    p->retry_ns = RETRY_NS;
    p->words[0] = '\0';
    p->state = FELLOW_OPEN;
    store_release_32(&p->is_open, 1);
    p->events->opened(p);
}

static void first_message(struct fellow *p, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;
    int id = wire_read_head(bytes, size, &head) == MR_OK ? wire_find(head.type) : -1;

    if ((id != WIRE_member_hello && id != WIRE_member_refuse) ||
        wire_decode((enum wire_id)id, bytes, size, &m, &field) != MR_OK)
        refuse(p, "it does not speak as a member");
    else if (id == WIRE_member_hello)
        met(p, &m.member_hello);
    else {
        snprintf(p->words, sizeof p->words, "%.*s", (int)m.member_refuse.reason.size,
                 (const char *)m.member_refuse.reason.at);
        conn_close(&p->conn);
    }
}

static void message(void *context, const uint8_t *bytes, size_t size)
{
    struct fellow *p = context;

    if (p->state == FELLOW_OPEN)
        p->events->message(p, bytes, size);
    else
        first_message(p, bytes, size);
}

static void settled(void *context)
{
    struct fellow *p = context;

    if (p->events->settled && p->state == FELLOW_OPEN)
        p->events->settled(p);
}

static const struct conn_events conn_events = {introduce, message, settled, NULL, ended};

static void dial(void *context)
{
    struct fellow *p = context;

    p->state = FELLOW_OPENING;
    p->words[0] = '\0';
    if (conn_connect(&p->conn, p->transport, &p->address, CONN_MEMBER, FELLOW_MESSAGE_MAX,
                     &conn_events, p) != MR_OK) {
        snprintf(p->words, sizeof p->words, "no more connections can be opened");
        p->state = FELLOW_IDLE;
        again_later(p);
        return;
    }
    p->is_linked = true;
    timer_start_on_loop(p->loop, &p->timer, HELLO_NS, 0, late, p);
}

/* ---- sending -------------------------------------------------------------------------------- */

static enum progress take_outgoing(void *context, uint64_t budget_ns)
{
    struct fellow *p = context;
    struct outgoing *first = NULL;

    (void)budget_ns;
    for (struct outgoing *next, *o = exchange_ptr(&p->outgoing, NULL); o; o = next) {
        next = o->next;
        o->next = first;
        first = o;
    }
    for (struct outgoing *next, *o = first; o; o = next) {
        next = o->next;
        if (p->state == FELLOW_OPEN)
            conn_send(&p->conn, o->bytes, o->size);
        (void)fetch_sub_64(&p->outgoing_size, o->size);
        mem_free(o);
    }
    return PROGRESS_IDLE;
}

static void post(struct fellow *p, const void *bytes, size_t size)
{
    struct outgoing *o;

    if (load_relaxed_64(&p->outgoing_size) > OUTGOING_MAX || !(o = mem_alloc(sizeof *o + size)))
        return;
    o->size = size;
    memcpy(o->bytes, bytes, size);
    (void)fetch_add_64(&p->outgoing_size, size);
    do
        o->next = load_acquire_ptr(&p->outgoing);
    while (!compare_and_set_ptr(&p->outgoing, o->next, o));
    tasklet_wake(&p->taker);
}

/* In one line, whoever sends: what waits already goes first. */
void fellow_send(struct fellow *p, const void *bytes, size_t size)
{
    if (loop_current() != p->loop) {
        if (load_acquire_32(&p->is_open))
            post(p, bytes, size);
        return;
    }
    if (p->state == FELLOW_IDLE)
        return;
    (void)take_outgoing(p, 0);
    conn_send(&p->conn, bytes, size);
}

void fellow_tell(struct fellow *p, enum wire_id id, const void *msg)
{
    struct sink out = {.grows = true};

    wire_encode(id, &(struct wire_head){.partition = -1}, msg, &out);
    if (sink_state(&out) == MR_OK)
        fellow_send(p, out.at, out.size);
    sink_free(&out);
}

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t fellow_new(struct loop *loop, struct transport *t, const struct address *to,
                   enum fellow_purpose purpose, const struct fellow_events *events, void *context,
                   struct fellow **ret_p)
{
    struct fellow *p = mem_alloc_zero(sizeof *p);

    if (!p)
        return MR_ERR_MEMORY;
    p->loop = loop;
    p->transport = t;
    p->address = *to;
    p->purpose = purpose;
    p->events = events;
    p->context = context;
    p->retry_ns = RETRY_NS;
    p->taker = (struct tasklet){.run = take_outgoing, .context = p};
    tasklet_add_on_loop(loop, &p->taker);
    *ret_p = p;
    dial(p);
    return MR_OK;
}

void fellow_free(struct fellow *p)
{
    if (!p)
        return;
    timer_cancel_on_loop(p->loop, &p->timer);
    tasklet_remove_on_loop(&p->taker);
    if (p->is_linked)
        conn_abort(&p->conn);
    drop_outgoing(p);
    mem_free(p);
}
