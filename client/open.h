/* open.h - a client, started: on threads of its own, and connected.
 *
 *     mr_connect       what a person has written ──▶ struct remote_config ─┐
 *     a member, for    its own door ──▶ struct open_beside ────────────────┴──▶ remote_open
 *     its program
 *
 * A member's own client is for the program that the member is embedded in: it reaches what other
 * members have (grid/door/reach.h). It knocks at the member's own door first, which tells it of all
 * others, and goes in with the name and the password that every client has to give there.
 *
 * Any thread, which waits until the cluster has answered.
 */
#ifndef CLIENT_OPEN_H
#define CLIENT_OPEN_H

#include "client/remote.h"

enum {
    OPEN_CALL_MS = 10000, /* unless an option says otherwise; of a member's own client always */
    OPEN_CONNECT_MS = 10000,
    OPEN_DIAL_MS = 5000,
    OPEN_PING_MS = 5000,
    OPEN_SILENCE_MS = 60000,
};

/* Starts it, and waits timeout_ms until it is connected. Its channel's close ends it. The errors of
 * remote_wait_ready; MR_ERR_MEMORY, MR_ERR_SYSTEM. */
mr_rc_t remote_open(const struct remote_config *config, uint64_t timeout_ms, struct remote **ret_r,
                    mr_err_t *err);

/* What a member says of itself to its own client. */
struct open_beside {
    const char *cluster, *member;
    const char *user, *password; /* "": none */
    struct address door;         /* where it listens */
    struct wire_uuid owner;      /* that locks of its threads belong to, when it takes them itself:
                                  * they are the same threads' wherever the keys go */
};

/* A client of the cluster that the member is in. The errors of remote_open. */
mr_rc_t open_beside(const struct open_beside *b, struct channel **ret_c, mr_err_t *err);

#endif
