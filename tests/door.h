/* door.h - a member with nothing but its data and its door, on a network in memory, and peers that
 * talk to it: for unit tests and for the fuzzer.
 *
 *     world_open("clients.user", "ada", NULL);
 *     struct peer p;  peer_login(&p);  peer_ask(&p, WIRE_map_get_req, &q);
 *     world_run();                 until nothing is under way
 *     ... p.count answers, the last one of which is peer_answer(&p)
 *     world_close();
 *
 * Everything runs on the calling thread, in virtual time; a failure inside of it is check()'s.
 */
#ifndef TESTS_DOOR_H
#define TESTS_DOOR_H

#include <stdarg.h>
#include <string.h>

#include "grid/door/door.h"
#include "grid/member.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/hash.h"
#include "net/base/mem.h"
#include "net/conn.h"
#include "net/memory.h"

static struct {
    struct member member;
    struct loop *loop;
    struct memory_network *net;
    struct transport *clients; /* where peers come from */
    struct address door;
    uint64_t now_ns;
} world;

static inline uint64_t world_now(void *context)
{
    (void)context;
    return load_relaxed_64(&world.now_ns);
}

static inline struct transport *world_host(const char *text)
{
    struct transport *t = NULL;
    struct address at;

    check(address_parse(text, 0, &at) == MR_OK);
    check(memory_host_new(world.net, world.loop, &at, &t) == MR_OK);
    return t;
}

static inline void world_open_with(const mr_config_t *config)
{
    const struct memory_config network = {5, 1000, 2000};
    struct member *m = &world.member;
    struct transport *server;

    hash_init(17);
    world.now_ns = 1000000000000;
    clock_set(world_now, NULL);
    *m = (struct member){.config = config_copy(config)};
    check(m->config != NULL);
    check(metrics_new(&m->metrics) == MR_OK);
    check(partitions_start(&m->partitions, 7, config_number(config, "memory.max")) == MR_OK);
    m->maps =
        (struct maps){.config = m->config, .partitions = &m->partitions, .metrics = m->metrics};
    maps_init(&m->maps);
    objects_init(&m->objects, &m->maps);
    m->uuid = door_uuid();
    check(loop_new(&world.loop) == MR_OK);
    check(memory_network_new(&network, &world.net) == MR_OK);
    server = world_host("127.0.0.1");
    world.clients = world_host("127.0.0.2");
    check(door_open(&m->door, m, &server, 1, NULL) == MR_OK);
    world.door = m->door.address;
}

/* Pairs of key and value, ended by NULL. */
static inline void world_open(const char *key, ...)
{
    mr_config_t *config = mr_config_new(NULL);
    va_list args;

    check(config != NULL);
    va_start(args, key);
    for (; key; key = va_arg(args, const char *))
        check(mr_config_set(config, key, va_arg(args, const char *), NULL) == MR_OK);
    va_end(args);
    world_open_with(config);
    mr_config_free(config);
}

/* Peers that have not ended are forgotten. */
static inline void world_close(void)
{
    struct member *m = &world.member;

    transport_free(world.clients);
    door_close(&m->door);
    objects_free(&m->objects);
    maps_free(&m->maps);
    memory_network_free(world.net);
    loop_free(world.loop);
    partitions_stop(&m->partitions);
    metrics_free(m->metrics);
    mr_config_free(m->config);
    clock_set(NULL, NULL);
}

/* Lets this much time pass; what is due in it happens. */
static inline void world_pass(uint64_t ns)
{
    uint64_t end = world.now_ns + ns, next;

    while ((next = loop_round(world.loop)) <= end)
        if (next > world.now_ns)
            store_relaxed_64(&world.now_ns, next);
    store_relaxed_64(&world.now_ns, end);
}

/* Until nothing is under way: some round trips, and less than what anybody waits for. */
static inline void world_run(void)
{
    world_pass(20000000);
}

/* ---- peers ---------------------------------------------------------------------------------- */

struct peer {
    struct conn conn;
    bool alive;
    int opened, count, ended;
    enum conn_end why;
    int64_t correlation; /* of the last request; answers are checked to come in order */
    int64_t answered;
    bool in_order;
    struct sink got; /* all messages */
    size_t last;     /* where in it the last one begins */
};

static inline void peer_message(void *context, const uint8_t *bytes, size_t size)
{
    struct peer *p = context;
    struct wire_head head;

    check(wire_read_head(bytes, size, &head) == MR_OK);
    if (!(head.flags & FRAME_EVENT)) {
        p->in_order &= head.correlation > p->answered;
        p->answered = head.correlation;
    }
    p->count++;
    p->last = p->got.size;
    sink_put(&p->got, bytes, size);
}

static inline void peer_opened(void *context)
{
    ((struct peer *)context)->opened++;
}

static inline void peer_ended(void *context, enum conn_end why)
{
    struct peer *p = context;

    p->ended++;
    p->why = why;
    p->alive = false;
}

/* Opens a connection that greets and says no more. */
static inline void peer_connect(struct peer *p)
{
    static const struct conn_events events = {peer_opened, peer_message, NULL, NULL, peer_ended};

    *p = (struct peer){.alive = true, .in_order = true, .got.grows = true};
    check(conn_connect(&p->conn, world.clients, &world.door, CONN_CLIENT, INT32_MAX, &events, p) ==
          MR_OK);
}

static inline void peer_leave(struct peer *p)
{
    if (p->alive)
        conn_abort(&p->conn);
    p->alive = false;
    sink_free(&p->got);
}

/* Forgets what has come. */
static inline void peer_clear(struct peer *p)
{
    p->got.size = p->last = 0;
    p->count = 0;
}

/* A request as bytes. */
static inline void peer_encode(struct peer *p, enum wire_id id, const void *q, struct sink *out)
{
    wire_encode(id, &(struct wire_head){.correlation = ++p->correlation, .partition = -1}, q, out);
}

/* Sends a request. */
static inline void peer_ask(struct peer *p, enum wire_id id, const void *q)
{
    struct sink out = {.grows = true};

    peer_encode(p, id, q, &out);
    conn_send(&p->conn, out.at, out.size);
    sink_free(&out);
}

static inline struct client_authentication_req peer_credentials(void)
{
    static const struct sink none;

    return (struct client_authentication_req){.uuid.null = true,
                                              .serialization_version = 1,
                                              .cluster_name = wire_text("dev"),
                                              .client_type = wire_text("TEST"),
                                              .client_hazelcast_version = wire_text("5.5.0"),
                                              .client_name = wire_text("peer"),
                                              .labels = wire_list_of(&none, 0)};
}

/* Connects and is let in. */
static inline void peer_login(struct peer *p)
{
    struct client_authentication_req q = peer_credentials();

    peer_connect(p);
    peer_ask(p, WIRE_client_authentication_req, &q);
    world_run();
    check(p->count == 1);
    peer_clear(p);
}

/* The last message; borrowed until the next one comes. */
static inline struct wire_bytes peer_answer(const struct peer *p)
{
    check(p->count > 0);
    return (struct wire_bytes){p->got.at + p->last, (uint32_t)(p->got.size - p->last)};
}

/* The code of the error that the last message is; 0: it is none. */
static inline int32_t peer_error(const struct peer *p)
{
    struct wire_bytes answer = peer_answer(p);
    struct wire_error e;
    struct wire_head head;

    check(wire_read_head(answer.at, answer.size, &head) == MR_OK);
    if (head.type != WIRE_ERROR)
        return 0;
    check(wire_read_error(answer.at, answer.size, &e) == MR_OK);
    return e.code;
}

/* Does the error say so? */
static inline bool peer_error_says(const struct peer *p, const char *words)
{
    struct wire_bytes answer = peer_answer(p);
    struct wire_error e;

    check(wire_read_error(answer.at, answer.size, &e) == MR_OK);
    return e.message.at && memmem(e.message.at, e.message.size, words, strlen(words)) != NULL;
}

/* Reads the last message as the answer of this row. False: it is another, or an error. */
static inline bool peer_read(const struct peer *p, enum wire_id id, void *msg)
{
    struct wire_bytes answer = peer_answer(p);
    struct wire_head head;
    const char *field;

    check(wire_read_head(answer.at, answer.size, &head) == MR_OK);
    return head.type == wire_type(id) &&
           wire_decode(id, answer.at, answer.size, msg, &field) == MR_OK;
}

/* ---- values --------------------------------------------------------------------------------- */

static inline struct data text_data(const char *text)
{
    return (struct data){(const uint8_t *)text, (uint32_t)strlen(text), DATA_STRING};
}

#endif
