#include "net/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/text.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_is_v4(const struct address *a)
{
    return memcmp(a->ip, v4_prefix, sizeof v4_prefix) == 0;
}

bool address_same_host(const struct address *a, const struct address *b)
{
    return memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

static bool host_parse(const char *host, bool bracketed, struct address *a)
{
    if (bracketed)
        return inet_pton(AF_INET6, host, a->ip) == 1;
    memcpy(a->ip, v4_prefix, sizeof v4_prefix);
    return inet_pton(AF_INET, host, a->ip + sizeof v4_prefix) == 1;
}

static bool port_parse(const char *text, uint16_t *port)
{
    int64_t v;

    if (*text == '\0')
        return true; /* the default stays */
    if (*text != ':' || text_to_i64(text + 1, 0, UINT16_MAX, &v) != MR_OK)
        return false;
    *port = (uint16_t)v;
    return true;
}

mr_rc_t address_parse(const char *text, uint16_t port, struct address *ret_a)
{
    struct address a = {.port = port};
    char host[INET6_ADDRSTRLEN];
    bool bracketed = *text == '[';
    const char *start = text + bracketed;
    size_t size = strcspn(start, bracketed ? "]" : ":");
    const char *rest = start + size;

    if (size >= sizeof host || (bracketed && *rest++ != ']'))
        return MR_ERR_MALFORMED;
    memcpy(host, start, size);
    host[size] = '\0';
    if (!host_parse(host, bracketed, &a) || !port_parse(rest, &a.port))
        return MR_ERR_MALFORMED;
    *ret_a = a;
    return MR_OK;
}

mr_rc_t address_of_host(const char *host, uint16_t port, struct address *ret_a)
{
    struct address a = {.port = port};

    if (!host_parse(host, strchr(host, ':') != NULL, &a))
        return MR_ERR_MALFORMED;
    *ret_a = a;
    return MR_OK;
}

const char *address_host(const struct address *a, char *out)
{
    bool v4 = address_is_v4(a);

    check(
        inet_ntop(v4 ? AF_INET : AF_INET6, a->ip + (v4 ? sizeof v4_prefix : 0), out, ADDRESS_TEXT));
    return out;
}

const char *address_text(const struct address *a, char *out)
{
    char host[ADDRESS_TEXT];
    bool v4 = address_is_v4(a);
    struct text t;

    text_init(&t, out, ADDRESS_TEXT);
    text_put(&t, v4 ? "" : "[");
    text_put(&t, address_host(a, host));
    text_put(&t, v4 ? ":" : "]:");
    text_u64(&t, a->port);
    check(!t.cut);
    return out;
}

bool address_is_loopback(const struct address *a)
{
    static const uint8_t one[16] = {[15] = 1};

    return address_is_v4(a) ? a->ip[12] == 127 : memcmp(a->ip, one, sizeof one) == 0;
}
