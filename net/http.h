/* http.h - pages that are read with GET, for those who watch: scrapers, probes, people.
 *
 * A page is a row: a path, a type, and a function that writes its body. Everything else follows:
 *
 *     GET  /metrics      200 and the body            GET  /nothing   404, as JSON
 *     HEAD /metrics      200 and its size            POST /metrics   405, as JSON, with Allow
 *
 * It is made for a few who ask seldom, not for traffic: libevent's own server on a loop's event
 * base, beside what the loop does for others. Nothing here waits; a page is written in one go, so
 * its function must be quick, and what is slow belongs elsewhere.
 *
 * What a stranger may send is bounded: HTTP_HEADERS_MAX of headers, HTTP_BODY_MAX of a body, which
 * is not looked at, and HTTP_IDLE_S between bytes. Who may ask is whoever reaches the address.
 *
 * Threads: the loop's.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "net/address.h"
#include "net/base/error.h"
#include "net/loop.h"
#include "net/wire/sink.h"

enum { HTTP_HEADERS_MAX = 8 * 1024, HTTP_BODY_MAX = 64 * 1024, HTTP_IDLE_S = 10 };

struct http_page {
    const char *path; /* NULL ends a list */
    const char *type; /* as Content-Type says it */
    void (*write)(void *context, struct sink *body);
};

struct http;

/* Serves these pages, which stay the caller's and outlive it, at *at, whose port 0 becomes the one
 * that was found. MR_ERR_SYSTEM: errno tells, EADDRINUSE when somebody else is there.
 * MR_ERR_MEMORY. */
mr_rc_t http_open_on_loop(struct loop *loop, struct address *at, const struct http_page *pages,
                          void *context, struct http **ret_http);

/* Ends what is under way too. NULL is fine. */
void http_close_on_loop(struct http *http);

#endif
