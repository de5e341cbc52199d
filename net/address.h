/* address.h - where somebody can be reached: a number of 128 bits and a port.
 *
 * IPv4 addresses are kept in their IPv6 form, ::ffff:a.b.c.d, so that there is one kind of
 * address to compare and to store. As text they are what people write:
 *
 *     127.0.0.1:5701        [2001:db8::1]:5701
 *
 * Names are not resolved here: that asks a server, and takes time. Pure.
 */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"

struct address {
    uint8_t ip[16]; /* network order */
    uint16_t port;  /* host order */
};

enum { ADDRESS_TEXT = 56 }; /* room for the longest text and its NUL */

#define ADDRESS_FORM "an address and a port, such as 10.0.0.1:5701 or [2001:db8::1]:5701"

/* Reads the text; without ":port" the port is `port`. MR_ERR_MALFORMED: it is not ADDRESS_FORM. */
mr_rc_t address_parse(const char *text, uint16_t port, struct address *ret_a);

/* The same of a host alone, 10.0.0.1 or 2001:db8::1. */
mr_rc_t address_of_host(const char *host, uint16_t port, struct address *ret_a);

/* Writes the text into `out`, which has room for ADDRESS_TEXT, and returns it. */
const char *address_text(const struct address *a, char *out);

/* The same without the port and without brackets. */
const char *address_host(const struct address *a, char *out);

bool address_is_v4(const struct address *a);

/* Does it lead to this host only? */
bool address_is_loopback(const struct address *a);

/* The same host, whatever the ports? */
bool address_same_host(const struct address *a, const struct address *b);

static inline bool address_equal(const struct address *a, const struct address *b)
{
    return a->port == b->port && address_same_host(a, b);
}

#endif
