/* mailbox.h - a bounded queue of messages to one thread: what to call, and with what.
 *
 * The algorithm of ring.h, whose header explains it, with the two words of a message by value,
 * so that posting neither allocates nor leaves anything to free. Any thread posts, one takes.
 */
#ifndef NET_BASE_MAILBOX_H
#define NET_BASE_MAILBOX_H

#include "net/base/ring.h"

struct message {
    void (*function)(void *context); /* in a slot: NULL until the message is whole */
    void *context;
};

struct mailbox {
    struct message *slots;
    uint64_t mask;
    alignas(64) uint64_t tail; /* the posters' line */
    alignas(64) uint64_t head; /* the owner's line */
};

/* Room for `capacity` messages, a power of two. MR_ERR_MEMORY. */
mr_rc_t mailbox_init(struct mailbox *m, uint32_t capacity);
void mailbox_close(struct mailbox *m);

/* False: full. Any thread. */
static inline bool mailbox_post(struct mailbox *m, struct message message)
{
    uint64_t at;

    if (!ring_claim(&m->tail, &m->head, m->mask, &at))
        return false;
    struct message *slot = &m->slots[at & m->mask];

    slot->context = message.context;
    store_release_ptr((void **)&slot->function, (void *)message.function);
    return true;
}

/* Would a take find one? The owner only. */
static inline bool mailbox_has(const struct mailbox *m)
{
    const struct message *slot = &m->slots[load_relaxed_64(&m->head) & m->mask];

    return load_acquire_ptr((void *const *)&slot->function) != NULL;
}

/* False: empty, or the next one is not whole yet. The owner only. */
static inline bool mailbox_take(struct mailbox *m, struct message *ret_message)
{
    uint64_t head = load_relaxed_64(&m->head);
    struct message *slot = &m->slots[head & m->mask];

    if (!mailbox_has(m))
        return false;
    *ret_message = *slot;
    store_release_ptr((void **)&slot->function, NULL);
    store_release_64(&m->head, head + 1);
    return true;
}

/* How many slots are claimed: an upper bound of what can be taken now. The owner only. */
static inline uint64_t mailbox_size(const struct mailbox *m)
{
    return load_acquire_64(&m->tail) - load_relaxed_64(&m->head);
}

#endif
