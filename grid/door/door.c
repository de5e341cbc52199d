#include "grid/door/door.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "grid/door/hot.h"
#include "grid/door/parked.h"
#include "grid/member.h"
#include "net/base/clock.h"
#include "net/base/log.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/tcp.h"

enum { SINK_KEPT = 64 * 1024 }; /* of a loop's buffers, between calls */

#define TICK_NS 1000000000ull

struct wire_uuid door_uuid(void)
{
    uint64_t high = rand_seed(), low = rand_seed();

    return (struct wire_uuid){(high & ~0xf000ull) | 0x4000, low >> 2 | 1ull << 63, false};
}

void door_empty(struct sink *s)
{
    if (s->room > SINK_KEPT)
        sink_free(s);
    s->size = 0;
}

/* ---- posting -------------------------------------------------------------------------------- */

void door_post(struct door_loop *l, struct posted *p)
{
    do
        p->next = load_acquire_ptr(&l->posted);
    while (!compare_and_set_ptr(&l->posted, p->next, p));
    tasklet_wake(&l->taker);
}

static enum progress take_posted(void *context, uint64_t budget_ns)
{
    struct door_loop *l = context;
    struct posted *first = NULL;

    (void)budget_ns;
    for (struct posted *next, *p = exchange_ptr(&l->posted, NULL); p; p = next) {
        next = p->next;
        p->next = first;
        first = p;
    }
    for (struct posted *next, *p = first; p; p = next) {
        next = p->next; /* run may post it again, or free it */
        p->run(p);
    }
    return PROGRESS_IDLE;
}

/* ---- clients -------------------------------------------------------------------------------- */

static struct client *find(struct door *d, struct wire_uuid uuid)
{
    for (struct list *node = d->clients.next; node != &d->clients; node = node->next) {
        struct client *c = list_owner(node, struct client, node);

        if (c->uuid.high == uuid.high && c->uuid.low == uuid.low)
            return c;
    }
    return NULL;
}

struct client *door_enter(struct door *d, struct wire_uuid uuid, const char *type,
                          const char *version, const char *name)
{
    pthread_mutex_lock(&d->lock);
    struct client *c = find(d, uuid);

    if (!c && (c = mem_alloc_zero(sizeof *c))) {
        c->uuid = uuid;
        snprintf(c->type, sizeof c->type, "%s", type);
        snprintf(c->version, sizeof c->version, "%s", version);
        snprintf(c->name, sizeof c->name, "%s", name);
        list_add_last(&d->clients, &c->node);
    }
    if (c)
        c->sessions++;
    pthread_mutex_unlock(&d->lock);
    return c;
}

void door_leave(struct door *d, struct client *c)
{
    pthread_mutex_lock(&d->lock);
    bool last = --c->sessions == 0;

    if (last) { /* under the lock: one that comes back at once keeps the locks it then takes */
        list_remove(&c->node);
        objects_release_client(&d->member->objects, c->uuid.high, c->uuid.low);
    }
    pthread_mutex_unlock(&d->lock);
    if (!last)
        return;
    log_event(LOG_INFO, "client.left", F_STR("client", c->name), F_STR("type", c->type));
    mem_free(c);
}

/* ---- desks ---------------------------------------------------------------------------------- */

void desk_init(struct desk *d)
{
    *d = (struct desk){.out.grows = true, .items.grows = true};
}

void desk_trim(struct desk *d)
{
    if (d->values_room * sizeof *d->values <= SINK_KEPT)
        return;
    mem_free(d->values);
    d->values = NULL;
    d->values_room = 0;
}

void desk_clear(struct desk *d)
{
    sink_free(&d->out);
    sink_free(&d->items);
    mem_free(d->values);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void tick_all(struct list *sessions, uint64_t now)
{
    for (struct list *next, *node = sessions->next; node != sessions; node = next) {
        next = node->next;
        session_tick(list_owner(node, struct session, node), now);
    }
}

static void tick(void *context)
{
    struct door_loop *l = context;
    uint64_t now = clock_ns();

    tick_all(&l->sessions, now);
    tick_all(&l->strangers, now);
}

static mr_rc_t make_counts(struct door_counts *c, struct metrics *m)
{
    mr_rc_t rc = metric_gauge(m, "millrace_clients_connected", NULL,
                              "Connections of clients that have been let in.", &c->connected);

    if (rc == MR_OK)
        rc = metric_gauge(m, "millrace_client_calls_parked", NULL,
                          "Calls of clients that wait for a lock, an item or time.", &c->parked);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_client_messages_total", NULL,
                            "Messages that clients have sent.", &c->messages);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_client_received_bytes_total", NULL,
                            "Bytes that clients have sent.", &c->received);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_client_sent_bytes_total", NULL,
                            "Bytes of answers and events for clients.", &c->sent);
    if (rc == MR_OK)
        rc = metric_counter(m, "millrace_client_errors_total", NULL,
                            "Calls of clients that were answered with an error.", &c->errors);
    return rc;
}

/* MR_ERR_MEMORY: it can be closed all the same. */
static mr_rc_t start_loop(struct door *d, struct door_loop *l, struct transport *t)
{
    l->door = d;
    l->loop = t->loop;
    l->transport = t;
    desk_init(&l->desk);
    list_init(&l->sessions);
    list_init(&l->strangers);
    l->taker = (struct tasklet){.run = take_posted, .context = l};
    tasklet_add_on_loop(l->loop, &l->taker);
    timer_start_on_loop(l->loop, &l->tick, TICK_NS, TICK_NS, tick, l);
    return (l->hot = mem_alloc_zero(sizeof *l->hot)) ? MR_OK : MR_ERR_MEMORY;
}

/* The first port that is free, of those that may be tried. */
static mr_rc_t listen_first(struct door *d, struct address *at, uint32_t ports, mr_err_t *err)
{
    struct door_loop *l = &d->loops[0];
    char text[ADDRESS_TEXT];
    mr_rc_t rc = MR_ERR_SYSTEM;

    for (uint32_t i = 0; i < ports && (uint32_t)at->port + (i > 0) <= UINT16_MAX; i++) {
        at->port = (uint16_t)(at->port + (i > 0));
        rc = transport_listen(l->transport, at, session_accepted, l, &l->listener);
        if (rc == MR_OK || errno != EADDRINUSE)
            break;
    }
    if (rc != MR_OK)
        return fail(err, rc, "set network.bind and network.port to what this host has free",
                    "cannot listen on %s: %s", address_text(at, text), strerror(errno));
    d->address = l->listener->local;
    return MR_OK;
}

/* What others are told, where that is not where it listens. */
static mr_rc_t advertise(struct door *d, const mr_config_t *config, mr_err_t *err)
{
    const char *host = config_text(config, "network.advertise");

    if (!host[0] || address_of_host(host, d->address.port, &d->address) == MR_OK)
        return MR_OK;
    return fail(err, MR_ERR_CONFIG, "give a number, such as 10.0.0.1",
                "network.advertise: \"%s\" is not an address", host);
}

static mr_rc_t listen_all(struct door *d, const mr_config_t *config, mr_err_t *err)
{
    uint32_t port = (uint32_t)config_number(config, "network.port");
    struct address at;
    mr_rc_t rc = address_of_host(config_text(config, "network.bind"), (uint16_t)port, &at);

    if (rc != MR_OK)
        return fail(err, MR_ERR_CONFIG, "give a number, such as 127.0.0.1 or ::1",
                    "network.bind: \"%s\" is not an address", config_text(config, "network.bind"));
    if (!address_is_loopback(&at) && config_number(config, "network.insecure") == 0)
        return fail(err, MR_ERR_CONFIG,
                    "set network.bind to 127.0.0.1, or network.insecure to yes if everybody who "
                    "reaches this host may read and change its data",
                    "network.bind is %s, which other hosts can reach",
                    config_text(config, "network.bind"));
    rc =
        listen_first(d, &at, port ? (uint32_t)config_number(config, "network.port-count") : 1, err);
    for (uint32_t i = 1; rc == MR_OK && i < d->count; i++) {
        struct door_loop *l = &d->loops[i];

        rc = tcp_listen_beside_on_loop(l->transport, d->loops[0].listener, session_accepted, l,
                                       &l->listener);
        if (rc != MR_OK)
            return fail(err, rc, "look at the limit of open files (ulimit -n)",
                        "cannot listen on each loop: %s", mr_rc_text(rc));
    }
    return rc == MR_OK ? advertise(d, config, err) : rc;
}

mr_rc_t door_open(struct door *d, struct member *m, struct transport **transports, uint32_t count,
                  mr_err_t *err)
{
    pthread_mutex_init(&d->lock, NULL);
    list_init(&d->clients);
    d->member = m;
    d->cluster = door_uuid();
    d->sessions_max = config_number(m->config, "clients.max");
    d->timeout_ms = config_number(m->config, "clients.timeout");
    d->message_max = config_number(m->config, "limits.message-size");
    d->result_max = config_number(m->config, "limits.result-size");
    if (!(d->loops = mem_alloc_zero(count * sizeof *d->loops))) {
        while (count > 0)
            transport_free(transports[--count]);
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for the door of a member");
    }
    mr_rc_t rc = make_counts(&d->counts, m->metrics);

    for (; d->count < count; d->count++)
        if (start_loop(d, &d->loops[d->count], transports[d->count]) != MR_OK)
            rc = MR_ERR_MEMORY;
    return rc == MR_OK ? listen_all(d, m->config, err)
                       : fail(err, rc, NULL, "no memory for the door of a member");
}

static void abort_all(struct list *sessions)
{
    while (!list_is_empty(sessions))
        session_abort(list_owner(sessions->next, struct session, node));
}

static void close_loop(struct door_loop *l)
{
    abort_all(&l->sessions);
    abort_all(&l->strangers);
    (void)take_posted(l, 0);
    timer_cancel_on_loop(l->loop, &l->tick);
    tasklet_remove_on_loop(&l->taker);
    transport_free(l->transport);
    desk_clear(&l->desk);
    mem_free(l->spare);
    mem_free(l->hot);
}

void door_close(struct door *d)
{
    if (!d->member)
        return;
    for (uint32_t i = 0; i < d->count; i++)
        close_loop(&d->loops[i]);
    mem_free(d->loops);
    pthread_mutex_destroy(&d->lock);
    *d = (struct door){0};
}
