/* tcp.h - the transport over the kernel's sockets.
 *
 * Each link has one contiguous buffer for what is to be sent (4 KiB, more while it is needed);
 * all links of a transport share one for what is received, since a receiver keeps what it needs.
 * During a round sends only fill buffers; at its end each link that has something to say makes
 * one system call. Nagle's waiting is off: we do that joining ourselves.
 *
 * A listener that runs out of descriptors rests for 100 ms and says so in the log
 * (tcp.accept_failed); connections wait in the kernel meanwhile.
 *
 *     phase      waits for
 *     OPENING    the kernel's word on connect          ─▶ OPEN opened; ENDING refused, failed
 *     OPEN       bytes, room, either side's end        ─▶ ENDING both ended, reset, failed
 *     ENDING     the end of the round, to say `ended`  ─▶ GONE
 *     GONE       the end of the round, to be freed        (from anywhere by link_abort)
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include "net/transport.h"

/* On the loop's thread, as everything of a transport. MR_ERR_MEMORY. */
mr_rc_t tcp_new_on_loop(struct loop *loop, struct transport **ret_transport);

/* Listens together with a listener of another loop, on its address: the kernel offers each
 * connection to both, and whichever loop is free takes it. Before either loop has a thread.
 * MR_ERR_SYSTEM: no descriptors left; MR_ERR_MEMORY. */
mr_rc_t tcp_listen_beside_on_loop(struct transport *t, struct listener *other,
                                  link_accepted *accepted, void *context,
                                  struct listener **ret_listener);

#endif
