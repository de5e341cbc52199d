/* epoch.h - read without a lock; free only when nobody can still be reading.
 *
 * A reader works inside a section. Who takes something out of a structure hands it to
 * epoch_retire() instead of freeing it, and its function runs once every section that was open
 * at that moment has ended. Sections nest, cost a few nanoseconds, write only the thread's own
 * cache line, and never wait.
 *
 *     reader   ──enter──── p = load ── use p ────exit──────────────▶
 *     writer   ────────── take p out ── retire(p) ───────── free(p) ▶
 *
 * There is one epoch in a process, because a thread that serves several members would otherwise
 * pay for a look-up per section. A thread gets its record at its first section and gives it back
 * when it ends; the record, and with it a small number unique among live threads, is reused.
 *
 * A retirer is not a thread but a place, such as an arena: its calls are made under the
 * owner's lock, so that what a thread has retired does not hang on the life of that thread.
 *
 * A section held open holds memory back, everywhere. Never sleep or wait inside one. One that is
 * still open when its thread ends, ends with it; in a forked child those of the other threads do.
 *
 * This wraps ck_epoch, whose inline assembly ThreadSanitizer cannot see: the annotations below
 * tell it what the epoch guarantees, namely that whatever a section did happens before the
 * function of anything that was retired while it was open.
 */
#ifndef NET_BASE_EPOCH_H
#define NET_BASE_EPOCH_H

#include <ck_epoch.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/base/atomic.h"

#ifdef ATOMIC_TSAN
void __tsan_acquire(void *);
void __tsan_release(void *);
#define EPOCH_SECTION_ENDED(place) __tsan_release(place)
#define EPOCH_ALL_ENDED(place)     __tsan_acquire(place)
#else
#define EPOCH_SECTION_ENDED(place) ((void)0)
#define EPOCH_ALL_ENDED(place)     ((void)0)
#endif

enum { EPOCH_THREADS_MAX = 4096 }; /* records; a thread beyond that waits for one to come free */

struct epoch_thread {
    ck_epoch_record_t record;
    uint64_t held_since_ms; /* when a borrow began, 0 without one; read by any thread */
    uint32_t number;        /* 0 .. EPOCH_THREADS_MAX - 1, unique among live threads */
    bool in_use;            /* for epoch.c */
};

extern __thread struct epoch_thread *epoch_self __attribute__((tls_model("initial-exec")));
extern ck_epoch_t epoch_global;

struct epoch_thread *epoch_join(void);

/* The calling thread's record. */
static inline struct epoch_thread *epoch_thread(void)
{
    struct epoch_thread *self = epoch_self;

    return __builtin_expect(self != NULL, 1) ? self : epoch_join();
}

static inline void epoch_enter(void)
{
    ck_epoch_begin(&epoch_thread()->record, NULL);
}

static inline void epoch_exit(void)
{
    EPOCH_SECTION_ENDED(&epoch_global);
    ck_epoch_end(&epoch_self->record, NULL);
}

/* Is the calling thread inside a section? For checks. */
static inline int epoch_inside(void)
{
    return epoch_self != NULL && epoch_self->record.active > 0;
}

/* Numbers that threads have had so far are below this. */
uint32_t epoch_numbers(void);

/* For each record in use, its held_since_ms; returns how many there are. For the log. */
uint32_t epoch_holders(void (*each)(void *context, uint32_t number, uint64_t since_ms),
                       void *context);

/* A place that retires. All calls on one retirer are made under its owner's lock. */
struct retirer;

struct retired {
    struct retired *next;
    void (*function)(struct retired *);
    uint32_t epoch; /* in which it was retired */
};

/* NULL: no memory. */
struct retirer *retirer_new(void);

/* Runs item->function later, under the lock of whoever polls. item stays where it is. A function
 * may retire more, on the same retirer too. */
void epoch_retire(struct retirer *r, struct retired *item, void (*function)(struct retired *));

/* Moves on if it can, and runs what has become free. Never waits. Returns what is still held. */
uint32_t epoch_poll(struct retirer *r);

/* Waits until everything retired here has run, then frees the retirer. Not in a section. NULL is
 * fine. */
void retirer_free(struct retirer *r);

#endif
