#include "tests/sim/kernel.h"

#include <errno.h>

#include "net/base/check.h"
#include "net/base/mem.h"

enum {
    QUEUE_MAX = 4 << 20, /* bytes on their way or unread, of one direction */
    READ_MAX = 64 << 10,
    WAIT_MAX_MS = 3000,
};

void kernel_begin(struct kernel *k, struct world *w)
{
    *k = (struct kernel){.w = w, .usual_ns = 1 * MS, .orphan_ns = 60000 * MS};
}

void kernel_end(struct kernel *k)
{
    while (k->connections) {
        struct kernel_connection *c = k->connections;

        k->connections = c->next;
        mem_free(c);
    }
}

struct kernel_connection *kernel_connect(struct kernel *k, uint32_t host0, uint32_t host1)
{
    struct kernel_connection *c = mem_alloc_zero(sizeof *c);

    check(c);
    c->kernel = k;
    c->number = ++k->numbers;
    c->next = k->connections;
    k->connections = c;
    for (int i = 0; i < 2; i++)
        c->ends[i] = (struct kernel_end){.connection = c,
                                         .peer = &c->ends[1 - i],
                                         .host = i == 0 ? host0 : host1,
                                         .holders = 1,
                                         .state = STATE_ESTABLISHED};
    return c;
}

static struct kernel *kernel_of(const struct kernel_end *e)
{
    return e->connection->kernel;
}

static void tell(struct kernel_end *e)
{
    if (e->arrived && e->holders > 0)
        e->arrived(e);
}

/* ---- RST ------------------------------------------------------------------------------------ */

/* An RST has come, or a REJECT has sent one. What came before it can still be read. */
static void is_reset(struct kernel_end *e)
{
    if (e->state == STATE_CLOSE)
        return;
    e->error = e->state == STATE_CLOSE_WAIT ? EPIPE : ECONNRESET;
    e->state = STATE_CLOSE;
    e->under_way = 0;
    tell(e);
}

static void reset_comes(void *context)
{
    struct kernel_end *e = context;

    if (kernel_lets(kernel_of(e), e->peer->host, e->host))
        is_reset(e);
}

static void send_reset(struct kernel_end *from)
{
    struct kernel *k = kernel_of(from);

    world_after(k->w, any_delay(k->w, k->usual_ns, 3), reset_comes, from->peer);
}

/* Ends at once. An end that the peer knows nothing of any more says no RST. */
static void break_off(struct kernel_end *e)
{
    if (e->state != STATE_CLOSE)
        send_reset(e);
    e->state = STATE_CLOSE;
    e->under_way = e->unread = 0;
}

/* ---- bytes and FIN -------------------------------------------------------------------------- */

static bool has_more(const struct kernel_end *e)
{
    return e->state != STATE_CLOSE && (e->under_way > 0 || (e->said && !e->fin_came));
}

static void try_soon(struct kernel_end *e);

static bool has_room(const struct kernel_end *e)
{
    return e->unread < QUEUE_MAX / 2;
}

static void fin_comes(struct kernel_end *e)
{
    e->peer->fin_came = true;
    e->heard_all = true;
    e->state = e->state == STATE_ESTABLISHED ? STATE_CLOSE_WAIT : STATE_CLOSE;
    if (e->peer->state == STATE_LAST_ACK)
        e->peer->state = STATE_CLOSE;
    tell(e);
}

/* All that e has sent reaches its peer, whose kernel takes it or knows nothing of it. */
static void get_through(struct kernel_end *e)
{
    struct kernel_end *to = e->peer;
    bool has_gone = to->state == STATE_CLOSE || (to->holders == 0 && e->under_way > 0);

    e->wait_ns = 0;
    if (has_gone) {
        send_reset(to);
        to->state = STATE_CLOSE;
        return;
    }
    if (e->under_way > 0 && has_room(to)) {
        uint64_t n = e->under_way < QUEUE_MAX / 2 ? e->under_way : QUEUE_MAX / 2;

        to->unread += n;
        e->under_way -= n;
        tell(to);
    }
    if (e->said && e->under_way == 0 && e->state != STATE_CLOSE)
        fin_comes(to);
    else if (has_room(to))
        try_soon(e);
}

/* The peer's word that it has come is refused on its way back. */
static void answer_is_refused(struct kernel_end *e)
{
    struct kernel *k = kernel_of(e);

    if (k->ways[e->peer->host][e->host] == WAY_REJECT && k->reject_resets)
        is_reset(e->peer);
}

static void try(void *context)
{
    struct kernel_end *e = context;
    struct kernel *k = kernel_of(e);
    enum kernel_way way = k->ways[e->host][e->peer->host];

    e->trying = false;
    if (!has_more(e))
        return;
    if (way == WAY_OPEN) {
        get_through(e);
        answer_is_refused(e);
    } else if (way == WAY_REJECT && k->reject_resets) {
        is_reset(e);
    } else if (e->gives_up_ns != 0 && k->w->now_ns > e->gives_up_ns) {
        e->state = STATE_CLOSE;
    } else {
        e->wait_ns = e->wait_ns ? 2 * e->wait_ns : 200 * MS;
        if (e->wait_ns > WAIT_MAX_MS * MS)
            e->wait_ns = WAIT_MAX_MS * MS;
        try_soon(e);
    }
}

static void try_soon(struct kernel_end *e)
{
    struct kernel *k = kernel_of(e);

    if (e->trying || !has_more(e))
        return;
    e->trying = true;
    world_after(k->w, e->wait_ns + any_delay(k->w, k->usual_ns, 3), try, e);
}

static void say_fin(struct kernel_end *e)
{
    if (e->said || e->state == STATE_CLOSE)
        return;
    e->said = true;
    e->state = e->state == STATE_CLOSE_WAIT ? STATE_LAST_ACK : STATE_FIN_WAIT;
    try_soon(e);
}

/* ---- processes ------------------------------------------------------------------------------ */

int kernel_take_error(struct kernel_end *e)
{
    int error = e->error;

    e->error = 0;
    return error;
}

int64_t kernel_send(struct kernel_end *e, uint64_t size)
{
    uint64_t room = QUEUE_MAX - e->under_way;

    if (e->error)
        return -kernel_take_error(e);
    if (e->said || e->state == STATE_CLOSE)
        return -EPIPE;
    if (room == 0)
        return -EAGAIN;
    size = size < room ? size : room;
    e->under_way += size;
    try_soon(e);
    return (int64_t)size;
}

int64_t kernel_recv(struct kernel_end *e)
{
    if (e->unread > 0) {
        uint64_t n = e->unread < READ_MAX ? e->unread : READ_MAX;

        e->unread -= n;
        try_soon(e->peer);
        return (int64_t)n;
    }
    if (e->heard_all)
        return 0;
    if (e->error)
        return -kernel_take_error(e);
    return e->shut_read || e->state == STATE_CLOSE ? 0 : -EAGAIN;
}

void kernel_share(struct kernel_end *e)
{
    e->holders++;
}

void kernel_drop(struct kernel_end *e)
{
    check(e->holders > 0);
    if (--e->holders > 0 || e->state == STATE_CLOSE)
        return;
    if (e->unread > 0 || e->linger) {
        break_off(e);
        return;
    }
    e->gives_up_ns = kernel_of(e)->w->now_ns + kernel_of(e)->orphan_ns;
    say_fin(e);
}

void kernel_linger_none(struct kernel_end *e)
{
    e->linger = true;
}

void kernel_disconnect(struct kernel_end *e)
{
    break_off(e);
}

void kernel_shut_write(struct kernel_end *e)
{
    say_fin(e);
}

void kernel_shut_read(struct kernel_end *e)
{
    e->shut_read = true;
}

/* ---- others --------------------------------------------------------------------------------- */

void kernel_forge_fin(struct kernel_end *e)
{
    if (e->state == STATE_ESTABLISHED && !e->heard_all)
        fin_comes(e);
}
