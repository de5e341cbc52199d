/* free_ports.h - ports of this machine that nobody listens on now, for members that have to know
 * each other's before they start.
 *
 * For tests; one thread.
 */
#ifndef TESTS_FREE_PORTS_H
#define TESTS_FREE_PORTS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/base/check.h"

enum { FREE_PORTS_MAX = 16 };

/* All are held until all are drawn, so that they are different ones. */
static inline void free_ports(uint16_t *ret_ports, int n)
{
    int sockets[FREE_PORTS_MAX];

    check(n <= FREE_PORTS_MAX);

    for (int i = 0; i < n; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof a;

        sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
        check(bind(sockets[i], (struct sockaddr *)&a, size) == 0);
        check(getsockname(sockets[i], (struct sockaddr *)&a, &size) == 0);
        ret_ports[i] = ntohs(a.sin_port);
    }
    for (int i = 0; i < n; i++)
        close(sockets[i]);
}

#endif
