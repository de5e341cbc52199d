/* fellow.h - a connection to another member, opened by this one, and opened again when it breaks.
 *
 *     IDLE ──▶ OPENING ──hello, hello──▶ OPEN ──▶ broken off: IDLE, and again after a moment
 *
 * Each loop has one to each member for the data of its share of partitions, and the control thread
 * one for the control log. The other side answers on the same connection. What is sent while it is
 * not open is lost: who sends says it again, having been told that it is open.
 *
 * Threads: the loop's, but for fellow_send.
 */
#ifndef GRID_PEERS_FELLOW_H
#define GRID_PEERS_FELLOW_H

#include "net/base/atomic.h"

#include "net/conn.h"
#include "net/loop.h"
#include "net/wire/wire.h"

enum { FELLOW_PROTOCOL = 2, FELLOW_MESSAGE_MAX = 40 << 20 };

enum fellow_purpose { FELLOW_DATA, FELLOW_CONTROL };

enum fellow_state { FELLOW_IDLE, FELLOW_OPENING, FELLOW_OPEN };

struct fellow;

struct fellow_events {
    /* Fills what this member says of itself; texts are borrowed. */
    void (*introduce)(void *context, struct member_hello *ret_hello);
    /* It has said who it is. False: it is not wanted, and broken off. */
    bool (*met)(struct fellow *f, const struct member_hello *hello);
    void (*opened)(struct fellow *f);
    void (*message)(struct fellow *f, const uint8_t *bytes, size_t size);
    void (*broken)(struct fellow *f); /* it was open */
};

struct fellow {
    struct loop *loop;
    struct transport *transport;
    struct address address;
    enum fellow_purpose purpose;
    const struct fellow_events *events;
    void *context;
    uint32_t number;      /* its owner's */
    uint64_t incarnation; /* of who is there, once it was met; 0: not yet */
    enum fellow_state state;
    bool is_linked;
    uint64_t channel;  /* a number for each time that it was opened */
    uint64_t identity; /* of its link, while it is open */
    bool is_direct;    /* the other has seen the same addresses */
    struct conn conn;
    struct loop_timer timer;
    uint64_t retry_ns;
    struct tasklet taker;
    void *outgoing; /* what other threads send, the last one first */
    uint64_t outgoing_size;
    uint32_t is_open; /* for them */
    char words[160];  /* why it is not open */
};

/* Begins to connect. MR_ERR_MEMORY. */
mr_rc_t fellow_new(struct loop *loop, struct transport *t, const struct address *to,
                   enum fellow_purpose purpose, const struct fellow_events *events, void *context,
                   uint32_t number, struct fellow **ret_f);

/* It is not wanted for now: breaks off, without a callback, and stays. */
void fellow_rest(struct fellow *f);

/* Is it open, or does it try to be? Not, while it rests. */
static inline bool fellow_tries(const struct fellow *f)
{
    return f->state != FELLOW_IDLE || timer_is_running(&f->timer);
}

/* The same, and connects to another. */
void fellow_point(struct fellow *f, const struct address *to);

/* Breaks off, without a callback. Not from inside one of its callbacks. */
void fellow_free(struct fellow *f);

/* Is it open, as far as the calling thread can know? */
static inline bool fellow_is_open(const struct fellow *f)
{
    return load_acquire_32(&f->is_open) != 0;
}

/* The two ends of a link, as this side sees them; and does who has said hello see the same? */
void fellow_ends(struct link *link, struct member_hello *hello);
bool fellow_sees_alike(struct link *link, const struct member_hello *hello);

/* Sends bytes that form messages, or drops them: for certain, if it says false. Any thread; it
 * copies. */
bool fellow_send(struct fellow *f, const void *bytes, size_t size);

/* The same of a row. */
void fellow_tell(struct fellow *f, enum wire_id id, const void *message);

#endif
