/* memory.h - a network in memory: the transport for tests and simulation.
 *
 * Hosts have addresses, one transport each; between them bytes travel in segments of random size,
 * with a random latency, in order within a link. Chance comes from one seed and time from
 * clock_ns(), so with a clock that is set, a run repeats itself.
 *
 *     host 10.0.0.1                                      host 10.0.0.2
 *     link ── send ──▶ [SYN][data][data][FIN]  ──at their times──▶ link, in the begin of a round
 *
 * The network can be broken in the three ways that transport.h keeps apart: memory_cut is
 * silence (what is under way waits, as TCP would send it again, and goes on after memory_heal),
 * memory_break is RST in both directions; FIN is what a host does itself.
 *
 * Threads: all hosts of a network live on loops that one thread drives, with loop_round; a
 * network with hosts on one loop only may also be on that loop's thread.
 */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include "net/transport.h"

struct memory_network;

struct memory_config {
    uint64_t seed;
    uint64_t latency_ns_min; /* at least 1 */
    uint64_t latency_ns_max;
};

/* MR_ERR_MEMORY. */
mr_rc_t memory_network_new(const struct memory_config *config, struct memory_network **ret_net);

/* After its transports. NULL is fine. */
void memory_network_free(struct memory_network *net);

/* A host with this address (the port is ignored) that lives on `loop`. MR_EXISTS: the network
 * has it already. MR_ERR_MEMORY. */
mr_rc_t memory_host_new(struct memory_network *net, struct loop *loop, const struct address *host,
                        struct transport **ret_transport);

/* From now on nothing gets through between the hosts a and b, until it is healed. A host may be
 * cut off from itself. MR_ERR_MEMORY. */
mr_rc_t memory_cut(struct memory_network *net, const struct address *a, const struct address *b);
void memory_heal(struct memory_network *net, const struct address *a, const struct address *b);

/* Resets every link between a and b. */
void memory_break(struct memory_network *net, const struct address *a, const struct address *b);

/* The process at this host dies, and its kernel closes its links: FIN after all that was sent, or
 * RST where bytes lie unread. There are no callbacks; its transport is to be freed. */
void memory_die(struct memory_network *net, const struct address *host);

#endif
