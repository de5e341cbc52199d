/* mailbox.h - a bounded queue of messages to one thread: what to call, and with what.
 *
 * The same ring as ring.h, with the two words of a message by value, so that posting neither
 * allocates nor leaves anything to free. Any thread posts, one thread takes.
 */
#ifndef NET_BASE_MAILBOX_H
#define NET_BASE_MAILBOX_H

#include "net/base/ring.h"

struct message {
    void (*function)(void *context);
    void *context;
};

CK_RING_PROTOTYPE(message, message)

struct mailbox {
    ck_ring_t ring;
    struct message *slots;
};

/* Capacity as in ring.h. MR_ERR_MEMORY. */
mr_rc_t mailbox_init(struct mailbox *m, uint32_t capacity);
void mailbox_close(struct mailbox *m);

/* False: full. Any thread. */
static inline bool mailbox_post(struct mailbox *m, struct message message)
{
    RING_PUBLISH(m);
    RING_INSIDE();
    bool posted = CK_RING_ENQUEUE_MPSC(message, &m->ring, m->slots, &message);

    RING_OUTSIDE();
    return posted;
}

/* False: empty. The owner only. */
static inline bool mailbox_take(struct mailbox *m, struct message *ret_message)
{
    RING_INSIDE();
    bool taken = CK_RING_DEQUEUE_MPSC(message, &m->ring, m->slots, ret_message);

    RING_OUTSIDE();
    RING_RECEIVED(m);
    return taken;
}

/* How many messages were in it a moment ago. Any thread. */
static inline uint32_t mailbox_size(const struct mailbox *m)
{
    return ck_ring_size(&m->ring);
}

#endif
