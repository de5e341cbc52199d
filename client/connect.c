/* connect.c - mr_connect: from what a person writes to a channel over connections. */
#define _GNU_SOURCE
#include <millrace/millrace.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/handle.h"
#include "client/open.h"
#include "client/url.h"
#include "net/base/mem.h"

enum {
    TIMEOUT_MAX_MS = 24 * 3600 * 1000,
    ADDRESSES_MAX = 128,
    IN_FLIGHT_LIMIT = 1 << 20,
    CLIENT_NAME_MAX = 64
};

/* What mr_connect has been told. */
struct wish {
    struct url url;
    struct address addresses[ADDRESSES_MAX];
    char client[CLIENT_NAME_MAX + 1];
    uint64_t connect_timeout_ms, in_flight_max;
    struct remote_config config;
};

/* ---- options -------------------------------------------------------------------------------- */

static mr_rc_t take_timeout(int64_t ms, uint64_t otherwise, const char *what, uint64_t *ret_ms,
                            mr_err_t *err)
{
    if (ms < 0 || ms > TIMEOUT_MAX_MS)
        return fail(err, MR_ERR_ARGUMENT, "give milliseconds up to one day, or 0 for the default",
                    "mr_connect: %s is %lld ms", what, (long long)ms);
    *ret_ms = ms ? (uint64_t)ms : otherwise;
    return MR_OK;
}

static void default_name(char name[CLIENT_NAME_MAX + 1])
{
    char host[40] = "localhost";

    (void)!gethostname(host, sizeof host - 1);
    snprintf(name, CLIENT_NAME_MAX + 1, "%s-%ld", host, (long)getpid());
}

static mr_rc_t take_options(struct wish *w, const mr_connect_opts_t *opts, mr_err_t *err)
{
    static const enum remote_reconnect modes[] = {[MR_RECONNECT_ON] = REMOTE_RECONNECT_ON,
                                                  [MR_RECONNECT_OFF] = REMOTE_RECONNECT_OFF,
                                                  [MR_RECONNECT_ASYNC] = REMOTE_RECONNECT_ASYNC};
    static const mr_connect_opts_t defaults = MR_CONNECT_OPTS_INIT;
    const mr_connect_opts_t *o = opts ? opts : &defaults;
    uint64_t call_ms = OPEN_CALL_MS;
    mr_rc_t rc;

    if (o->size < sizeof *o || o->reconnect < 0 || o->reconnect > MR_RECONNECT_ASYNC)
        return fail(err, MR_ERR_ARGUMENT, "fill them with MR_CONNECT_OPTS_INIT",
                    "mr_connect: the options are not initialised");
    if (o->client_name && strlen(o->client_name) > CLIENT_NAME_MAX)
        return fail(err, MR_ERR_ARGUMENT, NULL, "mr_connect: client_name has more than %d bytes",
                    CLIENT_NAME_MAX);
    if ((rc = take_timeout(o->call_timeout_ms, OPEN_CALL_MS, "call_timeout_ms", &call_ms, err)) !=
        MR_OK)
        return rc;
    if ((rc = take_timeout(o->connect_timeout_ms, OPEN_CONNECT_MS, "connect_timeout_ms",
                           &w->connect_timeout_ms, err)) != MR_OK)
        return rc;
    if (o->in_flight_max > IN_FLIGHT_LIMIT)
        return fail(err, MR_ERR_ARGUMENT, NULL, "mr_connect: in_flight_max is beyond %d",
                    IN_FLIGHT_LIMIT);
    w->in_flight_max = o->in_flight_max ? o->in_flight_max : IN_FLIGHT_MAX;
    default_name(w->client);
    w->config = (struct remote_config){.cluster = w->url.cluster,
                                       .client = o->client_name ? o->client_name : w->client,
                                       .user = o->user,
                                       .password = o->password,
                                       .addresses = w->addresses,
                                       .reconnect = modes[o->reconnect],
                                       .call_timeout_ms = (uint32_t)call_ms,
                                       .dial_timeout_ms = OPEN_DIAL_MS,
                                       .ping_ms = OPEN_PING_MS,
                                       .silence_ms = OPEN_SILENCE_MS};
    return MR_OK;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static bool address_of(const struct addrinfo *info, uint16_t port, struct address *ret_a)
{
    char host[64], text[ADDRESS_TEXT];

    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) !=
        0)
        return false;
    snprintf(text, sizeof text, info->ai_family == AF_INET6 ? "[%s]" : "%s", host);
    return address_parse(text, port, ret_a) == MR_OK;
}

/* Asks the system's resolver, which may take its time: the caller's thread waits, no other. */
static mr_rc_t resolve(struct wish *w, const struct url_host *host, mr_err_t *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host->name, NULL, &wanted, &found);
    uint32_t before = w->config.address_count;

    if (code == EAI_MEMORY)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory to look up %s", host->name);
    for (const struct addrinfo *i = found; code == 0 && i; i = i->ai_next)
        if (w->config.address_count < ADDRESSES_MAX &&
            address_of(i, host->port, &w->addresses[w->config.address_count]))
            w->config.address_count++;
    if (found)
        freeaddrinfo(found);
    if (w->config.address_count > before)
        return MR_OK;
    return fail(err, MR_ERR_CONNECT, "look at the name, or write its address",
                "host \"%s\" has no address: %s", host->name, gai_strerror(code));
}

/* One host that is known is enough. */
static mr_rc_t resolve_all(struct wish *w, mr_err_t *err)
{
    mr_err_t first = MR_ERR_INIT;
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < w->url.count; i++) {
        mr_rc_t one = resolve(w, &w->url.hosts[i], &first);

        rc = rc == MR_OK ? one : rc;
    }
    if (w->config.address_count > 0)
        return MR_OK;
    if (err && err->code == MR_OK)
        *err = first;
    return rc;
}

/* ---- connecting ----------------------------------------------------------------------------- */

static mr_t *connect_as(const struct wish *w, mr_err_t *err)
{
    struct remote *r = NULL;
    mr_t *g = NULL;
    mr_rc_t rc = remote_open(&w->config, w->connect_timeout_ms, &r, err);

    if (rc != MR_OK)
        return NULL;
    if ((rc = handle_new(&r->channel, &g)) != MR_OK) {
        (void)!fail(err, rc, NULL, "no memory for the handle of a client");
        remote_close(r);
        return NULL;
    }
    g->in_flight_max = w->in_flight_max;
    return g;
}

mr_t *mr_connect(const char *url, const mr_connect_opts_t *opts, mr_err_t *err)
{
    struct wish *w;
    mr_t *g = NULL;

    if (err && err->code != MR_OK)
        return NULL;
    if (!(w = mem_alloc_zero(sizeof *w))) {
        (void)!fail(err, MR_ERR_MEMORY, NULL, "no memory to connect");
        return NULL;
    }
    if (url_parse(url, &w->url, err) == MR_OK && take_options(w, opts, err) == MR_OK &&
        resolve_all(w, err) == MR_OK)
        g = connect_as(w, err);
    mem_free(w);
    return g;
}
