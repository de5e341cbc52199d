/* url.h - where to connect to, as people write it.
 *
 *     millrace://10.0.0.1:5701,grid.example.org,[2001:db8::1]:5702/orders
 *                └ host ─┘└port┘                                   └ the cluster's name
 *
 * A port is 5701 when none is said, the cluster "dev". Names are not resolved here. Pure.
 */
#ifndef CLIENT_URL_H
#define CLIENT_URL_H

#include <stdint.h>

#include "net/base/error.h"

enum { URL_HOSTS_MAX = 32, URL_TEXT_MAX = 255, URL_PORT = 5701 };

#define URL_FORM "millrace://HOST[:PORT][,HOST[:PORT]...][/CLUSTER]"

struct url_host {
    char name[URL_TEXT_MAX + 1]; /* without brackets */
    uint16_t port;
};

struct url {
    struct url_host hosts[URL_HOSTS_MAX];
    uint32_t count;
    char cluster[URL_TEXT_MAX + 1];
};

/* MR_ERR_ARGUMENT: it is not URL_FORM; err says where. */
mr_rc_t url_parse(const char *text, struct url *ret_url, mr_err_t *err);

#endif
