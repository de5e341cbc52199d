#include "net/memory.h"

#include <string.h>

#include "net/base/clock.h"
#include "net/base/list.h"
#include "net/base/mem.h"
#include "net/base/rand.h"

enum {
    FLIGHT_MAX = 256 * 1024, /* bytes sent and not received, of one direction */
    SEGMENT_MAX = 16 * 1024,
    FIRST_FREE_PORT = 49152,
};

struct memory_network {
    struct memory_config config;
    struct rand rand;
    struct list hosts, cuts;
    uint64_t numbers; /* of ends of links */
};

struct cut {
    struct list node;
    struct address a, b;
};

struct host {
    struct transport transport;
    struct loop_part part;
    struct list node;
    struct memory_network *net;
    struct address address;
    struct list links, listeners, gone;
    struct heap arrivals; /* links by the time of their first segment */
    struct heap rooms;    /* links by the time at which they learn of room */
    uint16_t next_port;
};

struct memory_listener {
    struct listener listener;
    struct list node;
};

struct segment {
    struct list node;
    uint64_t due_ns;
    size_t size;
    uint8_t bytes[];
};

/* What reaches one end of a link next. */
enum arrival { NOTHING, SYN, OPENED, REFUSED, NO_ROUTE, DATA, FIN, RST, BOTH_SAID };

/* One end of a link, with all that is under way to it. Only bytes need memory: ends are times in
 * fields, so that closing and breaking off never fail. */
struct memory_link {
    struct link link;
    struct list node;
    struct heap_node arrival, room;
    struct memory_link *peer; /* NULL once the other end is gone */
    uint16_t port;            /* its own; that a SYN asks for */
    uint64_t number;          /* of the link's end; 1 .. */

    enum arrival opening; /* SYN, OPENED, REFUSED, NO_ROUTE, or NOTHING when it has arrived */
    uint64_t opening_due_ns;
    struct list queue;
    uint64_t fin_due_ns; /* 0: not sent */
    uint64_t rst_due_ns; /* 0: not sent */
    uint64_t last_due_ns;

    size_t in_flight; /* bytes of ours that the peer has not received */
    bool said, peer_said;
    bool reads, wants_room, is_gone;
};

/* ---- the network ---------------------------------------------------------------------------- */

mr_rc_t memory_network_new(const struct memory_config *config, struct memory_network **ret_net)
{
    struct memory_network *net = mem_alloc_zero(sizeof *net);

    check(config->latency_ns_min > 0);
    check(config->latency_ns_min <= config->latency_ns_max);
    if (!net)
        return MR_ERR_MEMORY;
    net->config = *config;
    rand_init(&net->rand, config->seed);
    list_init(&net->hosts);
    list_init(&net->cuts);
    *ret_net = net;
    return MR_OK;
}

void memory_network_free(struct memory_network *net)
{
    struct list *node;

    if (!net)
        return;
    check(list_is_empty(&net->hosts));
    while ((node = list_take_first(&net->cuts)))
        mem_free(list_owner(node, struct cut, node));
    mem_free(net);
}

static uint64_t latency(struct memory_network *net)
{
    uint64_t spread = net->config.latency_ns_max - net->config.latency_ns_min;

    return net->config.latency_ns_min + rand_below(&net->rand, spread + 1);
}

static struct host *host_at(const struct memory_network *net, const struct address *a)
{
    for (struct list *n = net->hosts.next; n != &net->hosts; n = n->next) {
        struct host *h = list_owner(n, struct host, node);

        if (address_same_host(&h->address, a))
            return h;
    }
    return NULL;
}

static struct cut *cut_between(const struct memory_network *net, const struct address *a,
                               const struct address *b)
{
    for (struct list *n = net->cuts.next; n != &net->cuts; n = n->next) {
        struct cut *c = list_owner(n, struct cut, node);

        if ((address_same_host(&c->a, a) && address_same_host(&c->b, b)) ||
            (address_same_host(&c->a, b) && address_same_host(&c->b, a)))
            return c;
    }
    return NULL;
}

/* ---- what is under way ---------------------------------------------------------------------- */

static struct host *host_of(const struct memory_link *l)
{
    return (struct host *)l->link.transport;
}

/* When something sent now to this end gets there: later than all that was sent before. */
static uint64_t due(struct memory_link *to)
{
    uint64_t due_ns = clock_ns() + latency(host_of(to)->net);

    if (due_ns <= to->last_due_ns)
        due_ns = to->last_due_ns + 1;
    return to->last_due_ns = due_ns;
}

static enum arrival next_arrival(const struct memory_link *l, uint64_t *ret_due_ns)
{
    if (l->rst_due_ns) {
        *ret_due_ns = l->rst_due_ns;
        return RST;
    }
    if (l->opening != NOTHING) {
        *ret_due_ns = l->opening_due_ns;
        return l->opening;
    }
    if (l->said && l->peer_said) {
        *ret_due_ns = 1;
        return BOTH_SAID;
    }
    if (!l->reads)
        return NOTHING;
    if (!list_is_empty(&l->queue)) {
        *ret_due_ns = list_owner(l->queue.next, struct segment, node)->due_ns;
        return DATA;
    }
    *ret_due_ns = l->fin_due_ns;
    return l->fin_due_ns && !l->peer_said ? FIN : NOTHING;
}

/* Puts the link where its next arrival will be looked at, if anything can get through. */
static void schedule(struct memory_link *l)
{
    struct host *h = host_of(l);
    uint64_t due_ns;

    if (l->arrival.in)
        heap_remove(&h->arrivals, &l->arrival);
    if (!l->is_gone && next_arrival(l, &due_ns) != NOTHING &&
        !cut_between(h->net, &h->address, &l->link.peer))
        heap_add(&h->arrivals, &l->arrival, due_ns);
}

static void answer(struct memory_link *to, enum arrival opening)
{
    to->opening = opening;
    to->opening_due_ns = due(to);
    schedule(to);
}

static void forget_bytes(struct memory_link *l)
{
    struct list *node;

    while ((node = list_take_first(&l->queue)))
        mem_free(list_owner(node, struct segment, node));
}

static void reset(struct memory_link *l)
{
    forget_bytes(l);
    l->rst_due_ns = due(l);
    schedule(l);
}

/* ---- links ---------------------------------------------------------------------------------- */

static struct memory_link *link_new(struct host *h, const struct address *peer)
{
    struct memory_link *l = mem_alloc_zero(sizeof *l);

    if (!l)
        return NULL;
    l->link = (struct link){.transport = &h->transport, .peer = *peer};
    l->number = ++h->net->numbers;
    l->reads = true;
    list_init(&l->queue);
    list_add_last(&h->links, &l->node);
    return l;
}

/* Out of the network; freed at the end of the round, because we may be inside its callback. */
static void leave(struct memory_link *l)
{
    struct host *h = host_of(l);

    if (l->peer)
        l->peer->peer = NULL;
    l->peer = NULL;
    l->is_gone = true;
    schedule(l);
    if (l->room.in)
        heap_remove(&h->rooms, &l->room);
    list_remove(&l->node);
    list_add_last(&h->gone, &l->node);
}

static void free_gone(struct host *h)
{
    struct list *node;

    while ((node = list_take_first(&h->gone))) {
        struct memory_link *l = list_owner(node, struct memory_link, node);

        forget_bytes(l);
        mem_free(l);
    }
}

static void end_with(struct memory_link *l, enum link_end end)
{
    leave(l);
    if (l->link.events) /* NULL: was never accepted */
        l->link.events->ended(l->link.context, end);
}

static void ask_for_room(struct memory_link *l)
{
    struct host *h = host_of(l);

    if (!l->room.in)
        heap_add(&h->rooms, &l->room, clock_ns() + latency(h->net));
}

/* One segment of up to `size` bytes; returns how many, 0 when there is no memory. */
static size_t send_segment(struct memory_link *l, const uint8_t *bytes, size_t size)
{
    size_t n = 1 + rand_below(&host_of(l)->net->rand, SEGMENT_MAX);
    size_t room = FLIGHT_MAX - l->in_flight;

    n = n < size ? n : size;
    n = n < room ? n : room;
    struct segment *s = mem_alloc_zero(sizeof *s + n);

    if (!s)
        return 0;
    s->size = n;
    s->due_ns = due(l->peer);
    memcpy(s->bytes, bytes, n);
    list_add_last(&l->peer->queue, &s->node);
    schedule(l->peer);
    l->in_flight += n;
    return n;
}

static size_t memory_send(struct link *link, const void *bytes, size_t size)
{
    struct memory_link *l = (struct memory_link *)link;
    size_t taken = 0, n = 1;

    check(!l->said);
    if (!l->peer && !l->rst_due_ns && l->opening == NOTHING)
        reset(l); /* the peer's process is dead */
    if (!l->peer || l->rst_due_ns)
        return size; /* lost, like all that is under way; `ended` is about to come */
    while (n > 0 && taken < size && l->in_flight < FLIGHT_MAX)
        taken += n = send_segment(l, (const uint8_t *)bytes + taken, size - taken);
    l->wants_room |= taken < size;
    if (n == 0)
        ask_for_room(l); /* there may be nothing under way that would remind us */
    return taken;
}

static void memory_close(struct link *link)
{
    struct memory_link *l = (struct memory_link *)link;

    if (l->said || l->is_gone)
        return;
    l->said = true;
    if (l->peer) {
        l->peer->fin_due_ns = due(l->peer);
        schedule(l->peer);
    }
    schedule(l);
}

static void memory_reading(struct link *link, bool on)
{
    struct memory_link *l = (struct memory_link *)link;

    l->reads = on;
    schedule(l);
}

static void memory_abort(struct link *link)
{
    struct memory_link *l = (struct memory_link *)link;

    if (l->is_gone)
        return; /* from inside its `ended` */
    if (l->peer)
        reset(l->peer);
    leave(l);
}

static struct address memory_local(struct link *link)
{
    struct memory_link *l = (struct memory_link *)link;
    struct address a = host_of(l)->address;

    a.port = l->port;
    return a;
}

static uint64_t memory_identity(struct link *link)
{
    return ((struct memory_link *)link)->number;
}

/* ---- arrivals ------------------------------------------------------------------------------- */

static struct memory_listener *listener_at(const struct host *h, uint16_t port)
{
    for (struct list *n = h->listeners.next; n != &h->listeners; n = n->next) {
        struct memory_listener *l = list_owner(n, struct memory_listener, node);

        if (l->listener.local.port == port)
            return l;
    }
    return NULL;
}

static void syn_arrives(struct memory_link *l)
{
    struct memory_listener *listener = listener_at(host_of(l), l->port);

    if (!listener) {
        answer(l->peer, REFUSED);
        leave(l);
        return;
    }
    answer(l->peer, OPENED);
    listener->listener.accepted(listener->listener.context, &l->link);
    check(l->link.events || l->is_gone);
}

static void data_arrives(struct memory_link *l)
{
    struct segment *s = list_owner(list_take_first(&l->queue), struct segment, node);

    if (l->peer) {
        l->peer->in_flight -= s->size;
        if (l->peer->wants_room && l->peer->in_flight <= FLIGHT_MAX / 2)
            ask_for_room(l->peer);
    }
    if (l->link.events->received)
        l->link.events->received(l->link.context, s->bytes, s->size);
    mem_free(s);
}

static void arrive(struct memory_link *l)
{
    const struct link_events *events = l->link.events;
    uint64_t due_ns;
    enum arrival arrival = next_arrival(l, &due_ns);

    if (arrival == l->opening)
        l->opening = NOTHING;
    switch (arrival) {
    case NOTHING: break;
    case SYN: syn_arrives(l); break;
    case OPENED:
        if (events->opened)
            events->opened(l->link.context);
        break;
    case REFUSED: end_with(l, LINK_REFUSED); break;
    case NO_ROUTE: end_with(l, LINK_UNREACHABLE); break;
    case DATA: data_arrives(l); break;
    case FIN:
        l->peer_said = true;
        if (events->finished)
            events->finished(l->link.context);
        break;
    case RST: end_with(l, LINK_RESET); break;
    case BOTH_SAID: end_with(l, LINK_CLOSED); break;
    }
    schedule(l);
}

static void room_arrives(struct memory_link *l)
{
    if (!l->wants_room)
        return;
    l->wants_room = false;
    if (!l->said && l->link.events->writable)
        l->link.events->writable(l->link.context);
}

/* Those nodes of a heap that are due and were in it when we began. */
static struct heap_node *take_due(struct heap *heap, uint64_t now_ns, uint64_t turns)
{
    struct heap_node *first = heap->first;

    if (!first || first->key > now_ns || first->turn >= turns)
        return NULL;
    heap_remove(heap, first);
    return first;
}

static void begin_of_round(void *context)
{
    struct host *h = context;
    uint64_t now = clock_ns(), arrivals = h->arrivals.turns, rooms = h->rooms.turns;
    struct heap_node *node;

    while ((node = take_due(&h->arrivals, now, arrivals)))
        arrive(list_owner(node, struct memory_link, arrival));
    while ((node = take_due(&h->rooms, now, rooms)))
        room_arrives(list_owner(node, struct memory_link, room));
}

static void end_of_round(void *context)
{
    free_gone(context);
}

static uint64_t next_round(void *context)
{
    const struct host *h = context;
    uint64_t arrival = h->arrivals.first ? h->arrivals.first->key : LOOP_NEVER;
    uint64_t room = h->rooms.first ? h->rooms.first->key : LOOP_NEVER;

    return arrival < room ? arrival : room;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static mr_rc_t memory_connect(struct transport *transport, const struct address *to,
                              const struct link_events *events, void *context,
                              struct link **ret_link)
{
    struct host *h = (struct host *)transport, *there = host_at(h->net, to);
    struct memory_link *l = link_new(h, to), *peer = NULL;
    struct address from = h->address;

    from.port = h->next_port++;
    if (!l || (there && !(peer = link_new(there, &from)))) {
        if (l)
            leave(l);
        return MR_ERR_MEMORY;
    }
    link_attach(&l->link, events, context);
    l->peer = peer;
    l->port = from.port;
    if (peer) {
        peer->peer = l;
        peer->port = to->port;
        answer(peer, SYN);
    } else {
        answer(l, NO_ROUTE);
    }
    *ret_link = &l->link;
    return MR_OK;
}

static mr_rc_t memory_listen(struct transport *transport, const struct address *at,
                             link_accepted *accepted, void *context, struct listener **ret_listener)
{
    struct host *h = (struct host *)transport;
    uint16_t port = at->port ? at->port : h->next_port++;

    if (!address_same_host(at, &h->address) || listener_at(h, port))
        return MR_ERR_SYSTEM;
    struct memory_listener *l = mem_alloc_zero(sizeof *l);

    if (!l)
        return MR_ERR_MEMORY;
    l->listener = (struct listener){transport, h->address, accepted, context};
    l->listener.local.port = port;
    list_add_last(&h->listeners, &l->node);
    *ret_listener = &l->listener;
    return MR_OK;
}

static void memory_unlisten(struct listener *listener)
{
    struct memory_listener *l = (struct memory_listener *)listener;

    list_remove(&l->node);
    mem_free(l);
}

static void host_free(struct transport *transport)
{
    struct host *h = (struct host *)transport;

    while (!list_is_empty(&h->listeners))
        memory_unlisten(&list_owner(h->listeners.next, struct memory_listener, node)->listener);
    while (!list_is_empty(&h->links))
        memory_abort(&list_owner(h->links.next, struct memory_link, node)->link);
    free_gone(h);
    part_remove_on_loop(transport->loop, &h->part);
    list_remove(&h->node);
    mem_free(h);
}

static const struct transport_functions functions = {
    memory_listen, memory_unlisten, memory_connect, memory_send,     memory_reading,
    memory_close,  memory_abort,    memory_local,   memory_identity, host_free,
};

mr_rc_t memory_host_new(struct memory_network *net, struct loop *loop,
                        const struct address *address, struct transport **ret_transport)
{
    if (host_at(net, address))
        return MR_EXISTS;
    struct host *h = mem_alloc_zero(sizeof *h);

    if (!h)
        return MR_ERR_MEMORY;
    h->transport = (struct transport){&functions, loop};
    h->part = (struct loop_part){begin_of_round, end_of_round, next_round, h, NULL};
    h->net = net;
    h->address = *address;
    h->next_port = FIRST_FREE_PORT;
    list_init(&h->links);
    list_init(&h->listeners);
    list_init(&h->gone);
    list_add_last(&net->hosts, &h->node);
    part_add_on_loop(loop, &h->part);
    *ret_transport = &h->transport;
    return MR_OK;
}

/* ---- breaking it ---------------------------------------------------------------------------- */

static void schedule_all(struct memory_network *net)
{
    for (struct list *n = net->hosts.next; n != &net->hosts; n = n->next) {
        struct host *h = list_owner(n, struct host, node);

        for (struct list *m = h->links.next; m != &h->links; m = m->next)
            schedule(list_owner(m, struct memory_link, node));
    }
}

mr_rc_t memory_cut(struct memory_network *net, const struct address *a, const struct address *b)
{
    if (cut_between(net, a, b))
        return MR_OK;
    struct cut *c = mem_alloc_zero(sizeof *c);

    if (!c)
        return MR_ERR_MEMORY;
    c->a = *a;
    c->b = *b;
    list_add_last(&net->cuts, &c->node);
    schedule_all(net);
    return MR_OK;
}

void memory_heal(struct memory_network *net, const struct address *a, const struct address *b)
{
    struct cut *c = cut_between(net, a, b);

    if (!c)
        return;
    list_remove(&c->node);
    mem_free(c);
    schedule_all(net);
}

void memory_break(struct memory_network *net, const struct address *a, const struct address *b)
{
    struct host *h = host_at(net, a);

    for (struct list *n = h ? h->links.next : NULL; n && n != &h->links; n = n->next) {
        struct memory_link *l = list_owner(n, struct memory_link, node);

        if (!address_same_host(&l->link.peer, b) || !l->peer)
            continue;
        reset(l->peer);
        reset(l);
        l->peer->peer = NULL;
        l->peer = NULL;
    }
}

static bool has_unread(const struct memory_link *l)
{
    return !list_is_empty(&l->queue) &&
           list_owner(l->queue.next, struct segment, node)->due_ns <= clock_ns();
}

void memory_die(struct memory_network *net, const struct address *host)
{
    struct host *h = host_at(net, host);

    while (h && !list_is_empty(&h->links)) {
        struct memory_link *l = list_owner(h->links.next, struct memory_link, node);

        if (l->peer && has_unread(l)) {
            reset(l->peer);
        } else if (l->peer && !l->said) {
            l->peer->fin_due_ns = due(l->peer);
            schedule(l->peer);
        }
        leave(l);
    }
}
