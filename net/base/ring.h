/* ring.h - a bounded queue of pointers between threads, without locks.
 *
 *     producers ──push──▶ [ . . p p p p . . ] ──take──▶ one consumer
 *
 * Push has two forms: ring_push for any number of producers, ring_push_alone for exactly one,
 * which is cheaper. A ring uses one of them, never both. The consumer takes in batches, because
 * the other side's cache line is what a ring costs: 9 ns an item by 64, over 34 one by one.
 *
 * A full ring says so and is left as it was: who produces decides whether to wait, to drop or to
 * slow down. Order is that of the pushes.
 *
 * What a producer wrote before a push is seen by the consumer after the take.
 *
 * This wraps ck_ring, whose inline assembly ThreadSanitizer cannot see: it is told to look away
 * inside, and that a push happens before the takes that follow.
 */
#ifndef NET_BASE_RING_H
#define NET_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/atomic.h"
#include "net/base/error.h"

/* ck_ring returns `false` for a null pointer, which the `false` of C2x no longer is. */
#pragma push_macro("false")
#undef false
#define false 0
#include <ck_ring.h>
#pragma pop_macro("false")

#ifdef ATOMIC_TSAN
void __tsan_acquire(void *);
void __tsan_release(void *);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

#define RING_PUBLISH(place)  __tsan_release(place)
#define RING_RECEIVED(place) __tsan_acquire(place)
#define RING_INSIDE() \
    (AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define RING_OUTSIDE() \
    (AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__))
#else
#define RING_PUBLISH(place)  ((void)0)
#define RING_RECEIVED(place) ((void)0)
#define RING_INSIDE()        ((void)0)
#define RING_OUTSIDE()       ((void)0)
#endif

struct ring {
    ck_ring_t ring;
    ck_ring_buffer_t *slots;
};

/* Room for `capacity` pointers, one less than a power of two: 3, 7, ... 2^30 - 1.
 * MR_ERR_MEMORY. */
mr_rc_t ring_init(struct ring *r, uint32_t capacity);

/* Frees the slots; what the pointers point to is the owner's. A zeroed ring is fine. */
void ring_close(struct ring *r);

/* False: the ring is full. Any thread. */
static inline bool ring_push(struct ring *r, void *p)
{
    RING_PUBLISH(r);
    RING_INSIDE();
    bool pushed = ck_ring_enqueue_mpsc(&r->ring, r->slots, p);

    RING_OUTSIDE();
    return pushed;
}

/* The same, for the only producer. */
static inline bool ring_push_alone(struct ring *r, void *p)
{
    RING_PUBLISH(r);
    RING_INSIDE();
    bool pushed = ck_ring_enqueue_spsc(&r->ring, r->slots, p);

    RING_OUTSIDE();
    return pushed;
}

/* Takes up to `n` pointers; returns how many there were. The consumer only. */
static inline size_t ring_take(struct ring *r, void **ret_all, size_t n)
{
    size_t taken = 0;

    RING_INSIDE();
    while (taken < n && ck_ring_dequeue_mpsc(&r->ring, r->slots, &ret_all[taken]))
        taken++;
    RING_OUTSIDE();
    RING_RECEIVED(r);
    return taken;
}

/* How many pointers were in it a moment ago. Any thread. */
static inline uint32_t ring_size(const struct ring *r)
{
    return ck_ring_size(&r->ring);
}

#endif
