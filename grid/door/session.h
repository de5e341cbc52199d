/* session.h - one connection of a client, from its first byte to its last.
 *
 *     accepted ──▶ NEW ──authenticated──▶ OPEN ──────────▶ ENDED
 *                   └── wrong words, or none in time ───────▲
 *
 *     state    waits for
 *     NEW      authentication: small messages, for ten seconds
 *     OPEN     requests
 *     ENDED    the last one who holds it; nothing is sent and nothing heard any more
 *
 * What a peer may hold: one message of limits.message-size that has not come whole, as much of
 * calls that wait (further ones are refused), a megabyte of answers (then its requests are not read
 * until it has taken them), the answer being made; SESSION_WATCHES_MAX listeners, and
 * limits.result-size of events: one that lets more wait is closed, with a line in the log.
 *
 * When clients.max connections are open, the oldest one that is still NEW makes room for the next:
 * who only connects keeps nobody out.
 *
 * A session is counted: the loop's list holds it, and whatever is posted to it.
 * Threads: its loop, but for session_event and session_answer.
 */
#ifndef GRID_DOOR_SESSION_H
#define GRID_DOOR_SESSION_H

#include "grid/door/door.h"
#include "net/conn.h"

enum { SESSION_WATCHES_MAX = 10000 };

enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_ENDED };

/* What a message needs its sender to be allowed. */
enum permission { ALLOW_ANYBODY, ALLOW_CLIENT, ALLOW_READ, ALLOW_WRITE, ALLOW_LISTEN, ALLOW_ADMIN };

/* Something that a client wants to hear about. Embedded in what a service keeps for it. */
struct watch {
    struct list node; /* in its session */
    struct session *session;
    struct wire_uuid id;
    int64_t correlation;           /* of the request that made it: its events carry it */
    void (*stop)(struct watch *w); /* ends it and frees it */
};

struct session {
    struct list node; /* in its loop's list: of strangers while it is NEW, else of sessions */
    struct door_loop *at;
    struct conn conn;
    enum session_state state;
    uint64_t refs;            /* atomic */
    struct client *client;    /* NULL until OPEN, and of a member */
    struct wire_uuid cluster; /* that a client was told it is in */
    bool has_view;            /* it is told how the cluster looks, under this number */
    int64_t view_correlation;
    uint64_t incarnation; /* of the member that has opened it; 0: a client has */
    bool is_control;      /* and it carries the control log */
    bool is_direct;       /* and both see the same addresses: nothing ends connections between */
    uint64_t channel;     /* and the other's number for it */
    uint64_t began_ns, heard_ns;
    uint64_t heard;   /* bytes received when last looked */
    uint64_t counted; /* of them, those in the metrics */
    struct list watches;
    uint32_t watch_count;
    struct list parked;
    size_t parked_size;      /* bytes of them */
    struct sink aside;       /* messages that wait for the peer to take its answers */
    size_t aside_begin;      /* where the first of them is */
    uint32_t away;           /* calls that are served away (away.h) */
    uint64_t held_size;      /* bytes of answers that wait for backups (held.h); atomic */
    struct object *last_map; /* that a request was about; NULL: none yet */

    struct posted ready;
    uint32_t is_ready; /* ready is posted */
    void *fault;       /* words (const char) for why it is to be closed; NULL: it is not */
    void *events;      /* and answers: of struct outgoing, the last one first; any thread */
    uint64_t events_size;
};

/* May it? The one place where that is decided. */
static inline bool session_may(const struct session *s, enum permission permission)
{
    return permission == ALLOW_ANYBODY || s->state == SESSION_OPEN;
}

/* Another member is not a client, and may have sessions all the same. For transport_listen. */
void session_accepted(void *door_loop, struct link *link);

/* Sends what the loop's desk has as an answer. */
void session_send(struct session *s);

void session_send_bytes(struct session *s, const void *bytes, size_t size);

/* So many bytes more of answers wait for backups, or less. Any thread. */
void session_held(struct session *s, int64_t bytes);

/* It may have become less full: reads again, if so. */
void session_go_on(struct session *s);

/* Sends an event: any thread, while the session is held or watched. Copies it. */
void session_event(struct session *s, enum wire_id id, int64_t correlation, const void *msg);

/* Do so many answers wait, or are so many being made, that no other should be? It is not read. */
bool session_is_full(const struct session *s);

/* Keeps a copy of a message, to be served when the peer has taken its answers. All that follow it
 * are put aside too. */
void session_put_aside(struct session *s, const uint8_t *bytes, size_t size);

/* Sends the answer to a call that was away: any thread, while the session is held. Copies it. */
void session_answer(struct session *s, const struct sink *answer);

/* An answer that another member has made. Any thread, while the session is held. Copies it. */
void session_pass(struct session *s, const void *bytes, size_t size);

/* It is another member's. */
void session_meet(struct session *s, uint64_t incarnation, bool is_control, size_t message_max);

/* Authentication has succeeded. */
void session_open(struct session *s, struct client *client);

/* Ends it after what was sent; reason is for the log. */
void session_close(struct session *s, const char *reason);

void session_tick(struct session *s, uint64_t now_ns);

/* Breaks it off: when the door closes. */
void session_abort(struct session *s);

void session_ref(struct session *s);
void session_unref(struct session *s);

/* The map of this name, if it was used here lately; NULL: it has to be looked for. */
struct map *session_known_map(struct session *s, struct wire_bytes name);

/* Notes that it was. `map` is an object of maps, and of this name. */
void session_note_map(struct session *s, struct object *map);

/* May it have one more? */
static inline bool session_may_watch(const struct session *s)
{
    return s->watch_count < SESSION_WATCHES_MAX;
}

/* Starts a watch that the caller has allocated and filled but for its list; gives it an id. */
void watch_start(struct watch *w, struct session *s, int64_t correlation,
                 void (*stop)(struct watch *w));

/* Ends the watch with this id. False: the session has none. */
bool watch_end(struct session *s, struct wire_uuid id);

#endif
