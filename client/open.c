#include "client/open.h"

#include <string.h>

#include "net/tcp.h"

/* The address by which a socket that listens everywhere is reached from here. */
static struct address reached(const struct address *door)
{
    static const uint8_t nowhere[16], nowhere_v4[16] = {[10] = 0xff, [11] = 0xff};
    struct address a = *door;

    if (memcmp(a.ip, nowhere, sizeof a.ip) == 0)
        a.ip[15] = 1;
    else if (memcmp(a.ip, nowhere_v4, sizeof a.ip) == 0)
        memcpy(a.ip + 12, (uint8_t[]){127, 0, 0, 1}, 4);
    return a;
}

static mr_rc_t start_threads(struct remote *r)
{
    mr_rc_t rc = loop_start(r->events, "mr-client-event");

    if (rc != MR_OK)
        return rc;
    r->events_started = true;
    if ((rc = loop_start(r->loop, "mr-client")) == MR_OK)
        r->loop_started = true;
    return rc;
}

/* A remote on a loop of its own, which remote_close frees as well. */
static mr_rc_t start(const struct remote_config *config, struct remote **ret_r)
{
    struct transport *transport = NULL;
    struct loop *loop;
    struct remote *r;
    mr_rc_t rc = loop_new(&loop);

    if (rc != MR_OK)
        return rc;
    if ((rc = tcp_new_on_loop(loop, &transport)) != MR_OK ||
        (rc = remote_new_on_loop(config, loop, transport, &r)) != MR_OK) {
        transport_free(transport);
        loop_free(loop);
        return rc;
    }
    if ((rc = start_threads(r)) != MR_OK) {
        remote_close(r);
        return rc;
    }
    *ret_r = r;
    return MR_OK;
}

mr_rc_t remote_open(const struct remote_config *config, uint64_t timeout_ms, struct remote **ret_r,
                    mr_err_t *err)
{
    struct remote *r = NULL;
    mr_rc_t rc = start(config, &r);

    if (rc != MR_OK)
        return fail(err, rc, "look at the limits of open files and threads (ulimit -a)",
                    "a client cannot be started: %s", mr_rc_text(rc));
    if ((rc = remote_wait_ready(r, timeout_ms, err)) != MR_OK) {
        remote_close(r);
        return rc;
    }
    *ret_r = r;
    return MR_OK;
}

mr_rc_t open_beside(const struct open_beside *b, struct channel **ret_c, mr_err_t *err)
{
    const struct address door = reached(&b->door);
    const struct remote_config config = {.cluster = b->cluster,
                                         .client = b->member,
                                         .user = b->user[0] ? b->user : NULL,
                                         .password = b->user[0] ? b->password : NULL,
                                         .addresses = &door,
                                         .address_count = 1,
                                         .reconnect = REMOTE_RECONNECT_ON,
                                         .call_timeout_ms = OPEN_CALL_MS,
                                         .dial_timeout_ms = OPEN_DIAL_MS,
                                         .ping_ms = OPEN_PING_MS,
                                         .silence_ms = OPEN_SILENCE_MS,
                                         .uuid = b->owner};
    struct remote *r = NULL;
    mr_rc_t rc = remote_open(&config, OPEN_CONNECT_MS, &r, err);

    if (rc == MR_OK)
        *ret_c = &r->channel;
    return rc;
}
