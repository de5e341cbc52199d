/* door.h - where clients come in: listeners, sessions, and who is connected.
 *
 *     loop 0 ── listener ─┐ one port     session  session          a connection lives on the loop
 *     loop 1 ── listener ─┘              session  session ..        that accepted it
 *
 *     another thread ── door_post ──▶ a stack per loop ── tasklet ──▶ its session, on its loop
 *
 * A session is one connection. A client is a program: it has a uuid, and usually one connection to
 * each member. When the last connection of a client goes away, so do its locks.
 *
 * Threads: a session belongs to its loop. What other threads have for it (an event, a waiting
 * operation that may go on) is posted and taken by a tasklet; posting allocates nothing and
 * cannot fail. The list of clients has a lock.
 */
#ifndef GRID_DOOR_DOOR_H
#define GRID_DOOR_DOOR_H

#include <pthread.h>

#include "net/base/list.h"
#include "net/base/metric.h"
#include "net/loop.h"
#include "net/transport.h"
#include "net/wire/sink.h"
#include "net/wire/wire.h"

struct member;
struct session;
struct parked;
struct object;
struct hot_batch;

enum { DOOR_TEXT = 64, DOOR_MAPS = 16 };

/* Something to run on a door's loop. Embedded; posted at most once at a time. */
struct posted {
    struct posted *next;
    void (*run)(struct posted *p);
};

/* What a call makes its answer on. A loop has one for all its calls. */
struct desk {
    struct sink out;     /* an answer being made */
    struct sink items;   /* a list for it */
    struct data *values; /* those of a request, in an array */
    uint32_t values_room;
    mr_err_t err; /* of the call being served */
};

void desk_init(struct desk *d);

/* After a call: gives back room that few calls need. */
void desk_trim(struct desk *d);
void desk_clear(struct desk *d);

/* What the door has on one loop. */
struct door_loop {
    struct door *door;
    struct loop *loop;
    struct transport *transport;
    struct listener *listener;
    struct list sessions, strangers; /* strangers have not said who they are; the oldest first */
    struct loop_timer tick;
    struct tasklet taker;
    void *posted; /* of struct posted, the last one first; any thread */
    struct desk desk;
    struct parked *spare;
    struct object *maps[DOOR_MAPS]; /* lately used, by the hash of their name */
    struct hot_batch *hot;
    uint64_t messages; /* of the piece at hand */
    struct posted view;
    uint32_t view_posted;
};

/* A program that is connected. */
struct client {
    struct list node;
    struct wire_uuid uuid;
    uint32_t sessions; /* its connections to this member */
    char type[DOOR_TEXT], version[DOOR_TEXT], name[DOOR_TEXT];
};

/* What it counts. They belong to the member's registry. */
struct door_counts {
    struct gauge *connected, *parked;
    struct counter *messages, *received, *sent, *errors;
};

struct door {
    struct member *member;
    struct door_counts counts;
    struct door_loop *loops;
    uint32_t count;
    struct address address; /* that clients are told */
    struct wire_uuid cluster;
    pthread_mutex_t lock;
    struct list clients; /* under the lock */
    uint64_t sessions;   /* open ones, of all loops; atomic */
    uint64_t sessions_max, timeout_ms;
    size_t message_max, result_max;
};

/* Opens the door on loops that have no thread yet, over a transport for each, which it takes over.
 * Words in err. MR_ERR_CONFIG, MR_ERR_SYSTEM, MR_ERR_MEMORY. */
mr_rc_t door_open(struct door *d, struct member *m, struct transport **transports, uint32_t count,
                  mr_err_t *err);

/* Ends all sessions. The loops' threads have been joined. Also for one that was zeroed. */
void door_close(struct door *d);

/* The cluster looks otherwise: those who listen for that are told. Any thread. */
void door_view_changed(struct door *d);

/* Has p->run called on the loop. Any thread. */
void door_post(struct door_loop *l, struct posted *p);

/* The client of this uuid, made if this is its first connection; NULL: no memory. */
struct client *door_enter(struct door *d, struct wire_uuid uuid, const char *type,
                          const char *version, const char *name);

/* One connection less. With the last one the client's locks are freed. */
void door_leave(struct door *d, struct client *c);

/* Empties a loop's buffer for the next answer; one that has become large is not kept. */
void door_empty(struct sink *s);

/* A new uuid. */
struct wire_uuid door_uuid(void);

#endif
