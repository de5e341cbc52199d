/* nets.h - a network of its own for each process, so that it can be cut off.
 *
 *     this process ── 10.77.0.254 ── bridge ──┬── veth ┃ 10.77.0.1, process 0
 *                                             ├── veth ┃ 10.77.0.2, process 1
 *                                             └── veth ┃ 10.77.0.3, process 2
 *
 * All of it lies in a network namespace that this process moves into, and is gone when it ends. A
 * process's own namespace is held by a child that does nothing else, so that whoever comes after
 * it has the same address.
 *
 * What is cut off is not told: what it sends and is sent is lost, as with a cable that is pulled.
 *
 * One thread, and no other in the process while it opens.
 */
#ifndef TESTS_CLUSTER_NETS_H
#define TESTS_CLUSTER_NETS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { NETS_MAX = 8, NETS_HOST_ROOM = 32 };

struct nets {
    int count;
    pid_t holders[NETS_MAX];
    int fds[NETS_MAX]; /* of the namespaces */
};

/* False: it may not or cannot be done here, and why says what. */
bool nets_open(struct nets *n, int count, char *why, size_t why_room);

void nets_host(int i, char room[static NETS_HOST_ROOM]);

/* In a child: moves into the network of process i. */
bool nets_enter(const struct nets *n, int i);

/* From everybody. */
bool nets_cut(const struct nets *n, int i);
bool nets_heal(const struct nets *n, int i);

/* Two from each other; everybody else reaches both. */
bool nets_part(const struct nets *n, int i, int k);
bool nets_join(const struct nets *n, int i, int k);

void nets_close(struct nets *n);

#endif
