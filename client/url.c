#include "client/url.h"

#include <string.h>

#include "net/base/text.h"

#define SCHEME "millrace://"

static mr_rc_t refuse(const char *text, const char *why, mr_err_t *err)
{
    return fail(err, MR_ERR_ARGUMENT, "write " URL_FORM, "\"%.100s\" is no address of a grid: %s",
                text, why);
}

/* Copies text of `size` bytes, which are at least one. */
static bool take(const char *from, size_t size, char to[URL_TEXT_MAX + 1])
{
    if (size == 0 || size > URL_TEXT_MAX)
        return false;
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

static bool take_port(const char *from, size_t size, uint16_t *ret_port)
{
    char text[URL_TEXT_MAX + 1];
    int64_t port;

    if (!take(from, size, text) || text_to_i64(text, 1, UINT16_MAX, &port) != MR_OK)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* One host of `size` bytes. Returns what is wrong with it, or NULL. */
static const char *take_host(const char *at, size_t size, struct url_host *ret_host)
{
    bool bracketed = size > 0 && *at == '[';
    const char *name = at + bracketed, *end = at + size;
    const char *stop = memchr(name, bracketed ? ']' : ':', (size_t)(end - name));
    const char *rest = stop ? stop + bracketed : end;

    if (bracketed && !stop)
        return "a bracket is not closed";
    if (!take(name, (size_t)((stop ? stop : end) - name), ret_host->name))
        return "a host has no name, or one that is too long";
    ret_host->port = URL_PORT;
    if (rest == end)
        return NULL;
    if (*rest != ':' || !take_port(rest + 1, (size_t)(end - rest - 1), &ret_host->port))
        return "a port is a number from 1 to 65535";
    return NULL;
}

mr_rc_t url_parse(const char *text, struct url *ret_url, mr_err_t *err)
{
    struct url *u = ret_url;
    const char *why = NULL;

    if (!text)
        return refuse("NULL", "it is none", err);
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return refuse(text, "it does not begin with " SCHEME, err);
    const char *at = text + strlen(SCHEME), *end = at + strcspn(at, "/");

    if (*end == '/' && end[1] && !take(end + 1, strlen(end + 1), u->cluster))
        return refuse(text, "the name of the cluster is too long", err);
    if (*end != '/' || !end[1])
        memcpy(u->cluster, "dev", sizeof "dev");
    for (u->count = 0; !why && u->count < URL_HOSTS_MAX; u->count++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));

        why = take_host(at, (size_t)((comma ? comma : end) - at), &u->hosts[u->count]);
        if (!why && !comma) {
            u->count++;
            return MR_OK;
        }
        at = comma ? comma + 1 : end;
    }
    return refuse(text, why ? why : "it has too many hosts", err);
}
