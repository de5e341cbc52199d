#define _GNU_SOURCE
#include "net/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/base/check.h"
#include "net/base/mem.h"

struct http {
    struct loop *loop;
    struct evhttp *server;
    const struct http_page *pages;
    void *context;
};

enum {
    METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
              EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT |
              EVHTTP_REQ_PATCH
};

/* ---- answering ------------------------------------------------------------------------------ */

/* Without memory for a header the answer goes without it. */
static void add_header(struct evhttp_request *r, const char *name, const char *value)
{
    (void)evhttp_add_header(evhttp_request_get_output_headers(r), name, value);
}

/* To HEAD, the size of what GET would get. */
static void answer(struct evhttp_request *r, int code, const char *reason, const char *type,
                   const struct sink *body)
{
    struct evbuffer *buffer = evhttp_request_get_output_buffer(r);
    char size[24];

    snprintf(size, sizeof size, "%zu", body->size);
    add_header(r, "Content-Type", type);
    add_header(r, "Content-Length", size);
    add_header(r, "Cache-Control", "no-store");
    if (evhttp_request_get_command(r) != EVHTTP_REQ_HEAD)
        (void)evbuffer_add(buffer, body->at, body->size);
    evhttp_send_reply(r, code, reason, NULL);
}

static void answer_error(struct evhttp_request *r, int code, const char *reason)
{
    char text[128];
    int size = snprintf(text, sizeof text, "{\"status\":%d,\"error\":\"%s\"}\n", code, reason);
    const struct sink body = {.at = (uint8_t *)text, .room = sizeof text, .size = (size_t)size};

    answer(r, code, reason, "application/json", &body);
}

static void answer_page(const struct http *http, struct evhttp_request *r,
                        const struct http_page *page)
{
    struct sink body = {.grows = true};

    page->write(http->context, &body);
    if (sink_state(&body) == MR_OK)
        answer(r, HTTP_OK, "OK", page->type, &body);
    else
        answer_error(r, HTTP_SERVUNAVAIL, "Service Unavailable");
    sink_free(&body);
}

static const struct http_page *page_of(const struct http *http, struct evhttp_request *r)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(r));
    const struct http_page *page = http->pages;

    while (page->path && !(path && strcmp(page->path, path) == 0))
        page++;
    return page->path ? page : NULL;
}

static void asked(struct evhttp_request *r, void *context)
{
    const struct http *http = context;
    const struct http_page *page = page_of(http, r);
    enum evhttp_cmd_type method = evhttp_request_get_command(r);

    if (!page) {
        answer_error(r, HTTP_NOTFOUND, "Not Found");
    } else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        add_header(r, "Allow", "GET, HEAD");
        answer_error(r, HTTP_BADMETHOD, "Method Not Allowed");
    } else {
        answer_page(http, r, page);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool listen_at(struct http *http, struct address *at)
{
    char host[ADDRESS_TEXT];
    struct sockaddr_storage s;
    socklen_t size = sizeof s;
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(http->server, address_host(at, host), at->port);

    if (!bound || getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&s, &size) != 0)
        return false;
    at->port = ntohs(s.ss_family == AF_INET ? ((struct sockaddr_in *)&s)->sin_port
                                            : ((struct sockaddr_in6 *)&s)->sin6_port);
    return true;
}

mr_rc_t http_open_on_loop(struct loop *loop, struct address *at, const struct http_page *pages,
                          void *context, struct http **ret_http)
{
    struct http *http = mem_alloc_zero(sizeof *http);
    int number;

    if (!http)
        return MR_ERR_MEMORY;
    *http = (struct http){loop, evhttp_new(loop_events_on_loop(loop)), pages, context};
    if (!http->server) {
        mem_free(http);
        return MR_ERR_MEMORY;
    }
    evhttp_set_max_headers_size(http->server, HTTP_HEADERS_MAX);
    evhttp_set_max_body_size(http->server, HTTP_BODY_MAX);
    evhttp_set_timeout(http->server, HTTP_IDLE_S);
    evhttp_set_allowed_methods(http->server, METHODS);
    evhttp_set_gencb(http->server, asked, http);
    if (listen_at(http, at)) {
        *ret_http = http;
        return MR_OK;
    }
    number = errno;
    http_close_on_loop(http);
    errno = number;
    return MR_ERR_SYSTEM;
}

void http_close_on_loop(struct http *http)
{
    if (!http)
        return;
    check(loop_is_here(http->loop));
    evhttp_free(http->server);
    mem_free(http);
}
