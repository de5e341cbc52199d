/* ring.h - a bounded queue of pointers between threads, without locks and without waiting.
 *
 *                      head                tail
 *                       ▼                   ▼
 *     consumer ◀── take [ p  p  NULL  p  p  NULL  NULL ] push ◀── producers
 *                             └ claimed, not yet written
 *
 * A producer claims a slot by moving tail on, then writes its pointer there; a slot that holds
 * NULL is not to be taken yet. So no producer ever waits for another: one that is suspended
 * between the two steps only keeps the consumer from what comes behind it, until it goes on.
 * (ck_ring's producers publish in the order of their claims and spin for it. With more threads
 * than cores each push then cost a time slice: the reason why this is not ck_ring.)
 *
 * Push has two forms: ring_push for any number of producers, ring_push_alone for exactly one,
 * which is cheaper. A ring uses one of them, never both. The consumer takes in batches, because
 * what a ring costs is the other side's cache line.
 *
 * A full ring says so and is left as it was: who produces decides whether to wait, to drop or to
 * slow down. What a producer wrote before a push is seen by the consumer after the take; one
 * producer's pointers come out in its order.
 *
 * Invariants: head <= tail <= head + capacity; every slot outside head .. tail - 1 is NULL. The
 * consumer empties a slot before it moves head on, so whoever claims the slot finds it empty.
 */
#ifndef NET_BASE_RING_H
#define NET_BASE_RING_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/atomic.h"
#include "net/base/error.h"

struct ring {
    void **slots;
    uint64_t mask;
    alignas(64) uint64_t tail; /* the producers' line */
    uint64_t head_seen;        /* by the only producer, so that it looks at head once a lap */
    alignas(64) uint64_t head; /* the consumer's line */
};

/* Room for `capacity` pointers, a power of two. MR_ERR_MEMORY. */
mr_rc_t ring_init(struct ring *r, uint32_t capacity);

/* Frees the slots; what the pointers point to is the owner's. A zeroed ring is fine. */
void ring_close(struct ring *r);

/* Claims the slot at *ret_at, or finds the queue full. Counters of 64 bits do not wrap. */
static inline bool ring_claim(uint64_t *tail, const uint64_t *head, uint64_t mask, uint64_t *ret_at)
{
    for (;;) {
        uint64_t at = load_acquire_64(tail);

        /* Head may be beyond a tail that others have moved since: then look again. */
        if ((int64_t)(at - load_acquire_64(head)) > (int64_t)mask)
            return false;
        if (compare_and_set_64(tail, at, at + 1)) {
            *ret_at = at;
            return true;
        }
    }
}

/* False: the ring is full. p is not NULL. Any thread. */
static inline bool ring_push(struct ring *r, void *p)
{
    uint64_t at;

    if (!ring_claim(&r->tail, &r->head, r->mask, &at))
        return false;
    store_release_ptr(&r->slots[at & r->mask], p);
    return true;
}

/* The same, for the only producer. */
static inline bool ring_push_alone(struct ring *r, void *p)
{
    uint64_t at = load_relaxed_64(&r->tail);

    if (at - r->head_seen > r->mask) {
        r->head_seen = load_acquire_64(&r->head);
        if (at - r->head_seen > r->mask)
            return false;
    }
    store_release_ptr(&r->slots[at & r->mask], p);
    store_relaxed_64(&r->tail, at + 1);
    return true;
}

/* Takes up to `n` pointers; returns how many there were. The consumer only. */
static inline size_t ring_take(struct ring *r, void **ret_all, size_t n)
{
    uint64_t head = load_relaxed_64(&r->head);
    size_t taken = 0;

    for (; taken < n; taken++) {
        void **slot = &r->slots[(head + taken) & r->mask];
        void *p = load_acquire_ptr(slot);

        if (!p)
            break;
        store_release_ptr(slot, NULL);
        ret_all[taken] = p;
    }
    if (taken > 0)
        store_release_64(&r->head, head + taken);
    return taken;
}

#endif
