#include "client/peer.h"

#include <stdarg.h>
#include <stdio.h>

#include "client/remote.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

#define SPOKEN_VERSION "5.5.0"
enum { SERIALIZATION = 1, SMART = 1 };

enum login_status { ADMITTED, CREDENTIALS_FAILED, SERIALIZATION_MISMATCH, NOT_ALLOWED };

/* ---- ending --------------------------------------------------------------------------------- */

void peer_end(struct peer *p, mr_rc_t why, const char *format, ...)
{
    va_list args;

    if (p->state == PEER_ENDED)
        return;
    p->state = PEER_ENDED;
    p->why = why;
    va_start(args, format);
    vsnprintf(p->words, sizeof p->words, format, args);
    va_end(args);
    remote_peer_ended(p->remote);
}

static void ended(void *context, enum conn_end end)
{
    static const char *const words[] = {
        [CONN_CLOSED] = "it closed the connection",
        [CONN_BROKEN] = "the connection is refused, or was broken off",
        [CONN_STRANGER] = "it does not speak the client protocol",
        [CONN_MALFORMED] = "what it sends is no message",
        [CONN_TOO_LARGE] = "it sent a message that is too large",
        [CONN_MEMORY] = "there is no memory for what it sent",
    };

    peer_end(context, MR_ERR_CONNECT, "%s", words[end]);
}

void peer_tick(struct peer *p, uint64_t now_ns)
{
    const struct remote *r = p->remote;

    if (p->conn.received != p->heard) {
        p->heard = p->conn.received;
        p->heard_ns = now_ns;
    }
    if (p->state < PEER_OPEN && now_ns - p->began_ns > r->dial_timeout_ns)
        peer_end(p, MR_ERR_CONNECT, "it does not answer");
    if (p->state != PEER_OPEN)
        return;
    if (now_ns - p->heard_ns > r->silence_ns) {
        peer_end(p, MR_ERR_CONNECT, "it has been silent for %llu ms",
                 (unsigned long long)(now_ns - p->heard_ns) / 1000000);
    } else {
        peer_ping(p, now_ns, r->ping_ns);
    }
}

void peer_ping(struct peer *p, uint64_t now_ns, uint64_t after_ns)
{
    if (now_ns - p->heard_ns <= after_ns || now_ns - p->pinged_ns <= after_ns)
        return;
    p->pinged_ns = now_ns;
    peer_send(p, WIRE_client_ping_req, remote_number(p->remote), &(struct client_ping_req){0});
}

/* ---- sending -------------------------------------------------------------------------------- */

void peer_send(struct peer *p, enum wire_id id, int64_t correlation, const void *msg)
{
    const struct wire_head head = {.correlation = correlation, .partition = -1};
    struct sink *out = &p->remote->out;

    if (p->state == PEER_ENDED)
        return;
    out->size = 0;
    wire_encode(id, &head, msg, out);
    if (sink_state(out) == MR_OK) {
        conn_send(&p->conn, out->at, out->size);
        return;
    }
    sink_free(out);
    peer_end(p, MR_ERR_MEMORY, "there is no memory for a message to it");
}

/* ---- coming in ------------------------------------------------------------------------------ */

static struct wire_bytes text_or_null(const char *text)
{
    return text ? wire_text(text) : (struct wire_bytes){0};
}

static void opened(void *context)
{
    struct peer *p = context;
    struct remote *r = p->remote;
    const struct sink none = {0};

    p->awaited = remote_number(r);
    peer_send(p, WIRE_client_authentication_req, p->awaited,
              &(struct client_authentication_req){
                  .uuid = r->uuid,
                  .serialization_version = SERIALIZATION,
                  .routing_mode = SMART,
                  .cluster_name = wire_text(r->cluster),
                  .username = text_or_null(r->user),
                  .password = text_or_null(r->password),
                  .client_type = wire_text("MRC"),
                  .client_hazelcast_version = wire_text(SPOKEN_VERSION),
                  .client_name = wire_text(r->client),
                  .labels = wire_list_of(&none, 0),
              });
}

static void refused(struct peer *p, int8_t status)
{
    switch (status) {
    case CREDENTIALS_FAILED:
        peer_end(p, MR_ERR_LOGIN, "it refuses the cluster name \"%.64s\", the user or the password",
                 p->remote->cluster);
        break;
    case SERIALIZATION_MISMATCH:
        peer_end(p, MR_ERR_LOGIN, "it wants another version of serialisation");
        break;
    case NOT_ALLOWED: peer_end(p, MR_ERR_LOGIN, "it does not allow this client"); break;
    default: peer_end(p, MR_ERR_LOGIN, "it refuses the login with status %d", status);
    }
}

static void ready(struct peer *p)
{
    p->state = PEER_OPEN;
    p->was_open = true;
    p->awaited = 0;
    remote_peer_ready(p->remote, p);
}

/* A cluster that nobody was connected to for a while may not know any more what it was taught. */
static void teach(struct peer *p)
{
    struct sink items = {.grows = true};
    uint32_t count = 0;

    if (remote_is_joined(p->remote) || (count = teach_all(&p->remote->teach, &items)) == 0) {
        sink_free(&items);
        ready(p);
        return;
    }
    p->state = PEER_TEACHING;
    p->awaited = remote_number(p->remote);
    if (sink_state(&items) == MR_OK)
        peer_send(p, WIRE_client_send_all_schemas_req, p->awaited,
                  &(struct client_send_all_schemas_req){wire_list_of(&items, count)});
    else
        peer_end(p, MR_ERR_MEMORY, "there is no memory for the schemas that it is to know");
    sink_free(&items);
}

static void login_answered(struct peer *p, const uint8_t *bytes, size_t size)
{
    struct client_authentication_rsp a;
    const char *field;

    if (wire_decode(WIRE_client_authentication_rsp, bytes, size, &a, &field) != MR_OK)
        peer_end(p, MR_ERR_LOGIN, "its answer to the login has no %s", field);
    else if (a.status != ADMITTED)
        refused(p, a.status);
    else if (remote_admits(p->remote, p, &a) == MR_OK)
        teach(p);
}

static void awaited(struct peer *p, const struct wire_head *head, const uint8_t *bytes, size_t size)
{
    struct wire_error e = {.message = wire_text("")};

    if (head->type == WIRE_ERROR) {
        (void)!wire_read_error(bytes, size, &e);
        peer_end(p, MR_ERR_LOGIN, "it answers with an error: %.*s", (int)e.message.size,
                 (const char *)e.message.at);
    } else if (p->state == PEER_OPENING) {
        login_answered(p, bytes, size);
    } else {
        ready(p);
    }
}

static void message(void *context, const uint8_t *bytes, size_t size)
{
    struct peer *p = context;
    struct wire_head head;

    if (p->state == PEER_ENDED)
        return;
    if (wire_read_head(bytes, size, &head) != MR_OK)
        peer_end(p, MR_ERR_CONNECT, "a message of it has no head");
    else if (p->state != PEER_OPEN && head.correlation == p->awaited)
        awaited(p, &head, bytes, size);
    else if (p->state == PEER_OPEN)
        remote_message(p->remote, p, &head, bytes, size);
}

/* ---- life ----------------------------------------------------------------------------------- */

static const struct conn_events events = {.opened = opened, .message = message, .ended = ended};

mr_rc_t peer_new(struct remote *r, const struct address *to, struct peer **ret_p)
{
    struct peer *p = mem_alloc_zero(sizeof *p);
    mr_rc_t rc;

    if (!p)
        return MR_ERR_MEMORY;
    *p = (struct peer){.remote = r, .address = *to, .began_ns = clock_ns()};
    p->heard_ns = p->began_ns;
    p->member.null = true;
    list_init(&p->sent);
    if ((rc = conn_connect(&p->conn, r->transport, to, CONN_CLIENT, REMOTE_MESSAGE_MAX, &events,
                           p)) != MR_OK) {
        mem_free(p);
        return rc;
    }
    *ret_p = p;
    return MR_OK;
}

void peer_free(struct peer *p)
{
    conn_abort(&p->conn);
    mem_free(p);
}
