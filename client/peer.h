/* peer.h - a connection of a client to one member.
 *
 *     OPENING    the network, then the answer to the login   ─▶ TEACHING, OPEN, ENDED
 *     TEACHING   the cluster to have taken the schemas       ─▶ OPEN, ENDED
 *     OPEN       calls and answers                           ─▶ ENDED
 *     ENDED      its owner, who takes it apart
 *
 * Silence is answered with a ping, and long silence is taken for death: what was sent to a dead
 * member is better sent elsewhere, or told as unknown, than waited for.
 *
 * Threads: the loop's. Source: Hazelcast Open Binary Client Protocol 2.8, authentication.
 */
#ifndef CLIENT_PEER_H
#define CLIENT_PEER_H

#include "net/base/list.h"
#include "net/conn.h"
#include "net/wire/wire.h"

struct remote;

enum peer_state { PEER_OPENING, PEER_TEACHING, PEER_OPEN, PEER_ENDED };

enum { PEER_WORDS = 160 };

struct peer {
    struct list node; /* of the client's */
    struct remote *remote;
    struct conn conn;
    struct address address; /* that was tried */
    enum peer_state state;
    bool was_open;
    struct wire_uuid member;
    int64_t awaited;  /* the answer to the login, or to the schemas */
    struct list sent; /* invocations that wait for an answer from here */
    uint64_t began_ns, heard_ns, pinged_ns;
    uint64_t heard;         /* bytes received when last looked */
    mr_rc_t why;            /* it has ended: MR_ERR_CONNECT, MR_ERR_LOGIN, MR_ERR_MEMORY */
    char words[PEER_WORDS]; /* the same, for people */
};

/* Begins to connect. MR_ERR_MEMORY, MR_ERR_SYSTEM: there is no peer. */
mr_rc_t peer_new(struct remote *r, const struct address *to, struct peer **ret_p);

/* Breaks off what is still there. Nothing waits for an answer from it any more. */
void peer_free(struct peer *p);

/* Sends a message. What cannot be sent for want of memory ends the peer. */
void peer_send(struct peer *p, enum wire_id id, int64_t correlation, const void *msg);

/* It is of no use any more. Also from inside its own callbacks. */
void peer_end(struct peer *p, mr_rc_t why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From time to time. */
void peer_tick(struct peer *p, uint64_t now_ns);

/* Asks for a sign of life, if it was silent for so long and was not asked since. */
void peer_ping(struct peer *p, uint64_t now_ns, uint64_t after_ns);

#endif
