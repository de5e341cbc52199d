#include "grid/door/pages.h"

#include <errno.h>
#include <string.h>

#include "grid/member.h"

enum { PORTS = 100 }; /* that are tried */

static void put(void *context, const char *bytes, size_t size)
{
    sink_put(context, bytes, size);
}

static void write_metrics(void *context, struct sink *body)
{
    metrics_text(((struct member *)context)->metrics, put, body);
}

static void write_live(void *context, struct sink *body)
{
    static const char live[] = "{\"status\":\"live\"}\n";

    (void)context;
    sink_put(body, live, sizeof live - 1);
}

static const struct http_page all[] = {
    {"/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", write_metrics},
    {"/health/live", "application/json", write_live},
    {0},
};

mr_rc_t pages_open_on_loop(struct pages *p, struct loop *loop, struct member *m, mr_err_t *err)
{
    uint32_t port = (uint32_t)config_number(m->config, "http.port");
    uint32_t last = port == 0 ? 0 : port + PORTS - 1;
    char text[ADDRESS_TEXT];
    mr_rc_t rc = MR_ERR_SYSTEM;

    if (!config_number(m->config, "http.listen"))
        return MR_OK;
    (void)!address_parse("127.0.0.1", 0, &p->address);
    for (errno = EADDRINUSE; errno == EADDRINUSE && port <= last && port <= UINT16_MAX; port++) {
        p->address.port = (uint16_t)port;
        if ((rc = http_open_on_loop(loop, &p->address, all, m, &p->http)) == MR_OK)
            break;
    }
    if (rc != MR_OK)
        return fail(err, rc, "set http.port to a port that is free, or http.listen to no",
                    "cannot show pages at %s: %s", address_text(&p->address, text),
                    rc == MR_ERR_SYSTEM ? strerror(errno) : mr_rc_text(rc));
    return MR_OK;
}

void pages_close_on_loop(struct pages *p)
{
    http_close_on_loop(p->http);
    p->http = NULL;
}
