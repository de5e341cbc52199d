/* remote.h - a cluster that a client is connected to, and the calls that are made of it.
 *
 *     any thread                       the loop's thread, mr-client            a member
 *     remote_run ── work ──▶ stack ──▶ route ─▶ peer ── all of a round ──────▶
 *         ▲                            invoke    │      in one write
 *         └── over ◀── answer, error, time ◀─────┴──────────────────────────◀
 *
 * There is one connection, a peer, to each member, and a call goes to the one that has the call's
 * partition. Calls that come meanwhile wait for nobody: they go out together, and answers come in
 * any order.
 *
 *     SEEKING   no connection is open: addresses are tried in turn (dial.h). Calls wait, or
 *               are refused at once if so configured (REMOTE_RECONNECT_ASYNC)
 *     JOINED    at least one is
 *     OVER      never again: closed, not admitted, or lost and not to be sought again
 *
 *     SEEKING ─▶ JOINED : a peer is ready          JOINED ─▶ SEEKING : the last one has ended
 *     SEEKING ─▶ OVER   : refused at the first     JOINED ─▶ OVER    : the same, and
 *                         login                                        REMOTE_RECONNECT_OFF
 *
 * The first peer that is ready also tells who is in the cluster and who has what; the others
 * follow from that. When a cluster comes back with another id, it is another cluster that has
 * forgotten everything: schemas are taught anew, and listeners are told of a loss. While some
 * connection is open, a member with another id is not let in.
 *
 * Changes of entries are numbered (numbered.h), where the cluster has sessions for clients.
 *
 * A call's memory belongs to its maker, and to the loop from remote_post until `over`, which is
 * called once, on the loop's thread, and only hands on.
 *
 * Threads: what is not said to be for the loop may be called from any thread but the loop's.
 */
#ifndef CLIENT_REMOTE_H
#define CLIENT_REMOTE_H

#include <pthread.h>

#include "client/dial.h"
#include "client/invoke.h"
#include "client/numbered.h"
#include "client/peer.h"
#include "client/route.h"
#include "client/subscribe.h"
#include "client/teach.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/channel.h"
#include "net/loop.h"

enum remote_reconnect {
    REMOTE_RECONNECT_ON,    /* calls wait for a connection */
    REMOTE_RECONNECT_OFF,   /* a lost connection is the end */
    REMOTE_RECONNECT_ASYNC, /* calls are refused while there is none */
};

/* Texts and addresses are copied. */
struct remote_config {
    const char *cluster, *client;
    const char *user, *password; /* NULL: none */
    const struct address *addresses;
    uint32_t address_count;
    enum remote_reconnect reconnect;
    uint32_t call_timeout_ms;
    uint32_t dial_timeout_ms; /* of one attempt to connect, login included */
    uint32_t ping_ms;         /* a member that was silent so long is asked for a sign of life, */
    uint32_t silence_ms;      /* and one that was for so long is taken for dead */
    struct wire_uuid uuid;    /* what its locks belong to; 0: one is drawn */
};

enum { REMOTE_MESSAGE_MAX = 256 * 1024 * 1024, REMOTE_WORDS = 256, REMOTE_ANSWER_ROOM = 160 };

struct remote;

/* Something to do on the loop. Embedded; posted at most once at a time. */
struct remote_work {
    struct remote_work *next;
    void (*run)(struct remote *r, struct remote_work *w);
};

struct remote_call {
    struct remote_work work;
    struct invocation in;
    struct number number;
    enum wire_id id;
    int32_t partition; /* -1: any member */
    struct sink request;
    uint64_t patience_ms; /* how long the member itself may wait, besides the time of a call */
    bool here;            /* it is answered by a copy, and need not be sent */
    struct data copy;     /* the value, which lies where an answer would */
    struct near *near;    /* that is to keep the answer, or forget the entry; NULL: none */
    struct near_claim claim;
    void (*over)(struct remote_call *c);
    void *context;
    struct peer *peer; /* it was sent to; the loop's */
    mr_rc_t rc;
    size_t answer_size;
    uint8_t *answer; /* a whole message, also of an error; `room`, or from the heap. NULL: none */
    uint8_t room[REMOTE_ANSWER_ROOM];
};

/* Several calls under way, and a thread that waits for all of them. */
struct flight {
    pthread_mutex_t lock;
    pthread_cond_t landed;
    uint32_t under_way;
};

enum remote_state { REMOTE_SEEKING, REMOTE_JOINED, REMOTE_OVER };

struct remote {
    struct channel channel; /* first, so that one is the other */
    struct loop *loop, *events;
    bool loop_started, events_started;
    struct transport *transport;
    struct wire_uuid uuid; /* the client's */

    char *cluster, *client, *user, *password;
    struct address *addresses;
    uint32_t address_count;
    enum remote_reconnect reconnect;
    uint64_t call_timeout_ms, dial_timeout_ns, ping_ns, silence_ns;

    void *posted; /* of struct remote_work, the last one first; any thread */
    struct tasklet taker;

    /* The loop's. */
    enum remote_state state;
    struct list peers;
    struct dial dial;
    struct rand chance;
    struct loop_timer redial, tick, due;
    uint64_t due_ns; /* when `due` is to come; LOOP_NEVER: it is not */
    struct route route;
    struct invocations calls;
    struct numbered numbered;
    struct peer *session_peer; /* that was asked for a session */
    int64_t session_correlation;
    struct list waiting; /* invocations that are to be sent */
    struct peer *view_peer;
    int64_t view_correlation;
    struct wire_uuid cluster_id;
    bool cluster_known, was_joined;
    bool unpartitioned; /* members are known, and a tick later no partitions */
    struct sink out;    /* a message being made */
    struct subscriptions subscriptions;

    struct teach teach;

    pthread_mutex_t lock; /* of what follows, which others look at */
    pthread_cond_t changed;
    bool ready;               /* joined, and the cluster is known */
    mr_rc_t failed;           /* MR_OK: not over */
    char words[REMOTE_WORDS]; /* why there is no connection, or was none the last time */
    struct member_facts *members;
    uint32_t member_count, partitions;
    struct arena arena; /* what lives as long as this does */
};

/* The channel over it: remote_channel.c. */
extern const struct channel_ops remote_ops;

/* ---- life ----------------------------------------------------------------------------------- */

/* On a loop that has no thread yet, over a transport, which it takes over when it succeeds. It
 * begins to connect when the loop runs. MR_ERR_MEMORY, MR_ERR_SYSTEM. */
mr_rc_t remote_new_on_loop(const struct remote_config *config, struct loop *loop,
                           struct transport *transport, struct remote **ret_r);

/* Waits until it is ready, has failed for good, or timeout_ms have passed. The errors say why it
 * is not: MR_ERR_CONNECT, MR_ERR_LOGIN; words in err. */
mr_rc_t remote_wait_ready(struct remote *r, uint64_t timeout_ms, mr_err_t *err);

/* Takes it apart. Its loops have no threads, or no more. Calls under way are over: MR_ERR_CLOSED,
 * or MR_ERR_OUTCOME_UNKNOWN. Its loops stay the caller's. NULL is fine. */
void remote_free(struct remote *r);

/* The channel's: ends the threads, and frees it and its loops. */
void remote_close(struct remote *r);

/* Memory that lives as long as r. NULL: there is none. */
void *remote_keep(struct remote *r, size_t size);

/* ---- calls ---------------------------------------------------------------------------------- */

/* Makes a call of a message; `msg` is not needed any more afterwards. `repeatable`: it only reads.
 * MR_ERR_MEMORY, MR_ERR_TOO_LARGE. remote_call_clear in any case. */
mr_rc_t remote_call_init(struct remote_call *c, enum wire_id id, int32_t partition, const void *msg,
                         bool repeatable);
void remote_call_clear(struct remote_call *c);

/* Hands n calls over, in this order, without those that are here. Never fails: what cannot be done
 * is said by `over`. */
void remote_post(struct remote *r, struct remote_call *calls, size_t n);

/* The same, and waits until all are over. */
void remote_run(struct remote *r, struct remote_call *calls, size_t n);

/* Fills the struct of the answer, which borrows from the call. MR_ERR_MALFORMED. */
mr_rc_t remote_answer(const struct remote_call *c, void *msg);

/* Puts into words why the call failed. Returns its code. */
mr_rc_t remote_explain(struct remote *r, const struct remote_call *c, mr_err_t *err);

/* One call from its beginning to its answer: fills `answer`, unless that is NULL. The call is to be
 * cleared when the answer is not needed any more. */
mr_rc_t remote_ask(struct remote *r, struct remote_call *c, enum wire_id id, int32_t partition,
                   const void *msg, bool repeatable, void *answer, mr_err_t *err);

/* Fetches the schemas of a value that this process does not know. Fails when there is one that the
 * cluster does not know either, MR_ERR_SCHEMA, or as a call does. */
mr_rc_t remote_learn(struct remote *r, const struct data *d, mr_err_t *err);

/* Tells the cluster the schemas of a value that it was not told. Fails as a call does. */
mr_rc_t remote_teach(struct remote *r, const struct data *d, mr_err_t *err);

/* The partition of a key. */
int32_t remote_partition(const struct remote *r, const struct data *key);

/* Has work run on the loop. */
void remote_post_work(struct remote *r, struct remote_work *w);

void flight_init(struct flight *f, uint32_t under_way);
void flight_land(struct flight *f);
void flight_wait(struct flight *f); /* and ends it */

/* ---- for peers and subscriptions, on the loop ----------------------------------------------- */

/* What the work of a call is: begins it. */
void remote_start(struct remote *r, struct remote_work *w);

/* A number for a message that has no invocation. */
static inline int64_t remote_number(struct remote *r)
{
    return ++r->calls.last;
}

/* May this peer, which has been admitted, come in? Words say why not. */
mr_rc_t remote_admits(struct remote *r, struct peer *p, const struct client_authentication_rsp *a);

/* Is any peer open? */
bool remote_is_joined(const struct remote *r);

/* A peer can be used from now on. */
void remote_peer_ready(struct remote *r, struct peer *p);

/* A peer is to be taken apart, soon. */
void remote_peer_ended(struct remote *r);

/* A message that is not the peer's own business. */
void remote_message(struct remote *r, struct peer *p, const struct wire_head *head,
                    const uint8_t *bytes, size_t size);

#endif
