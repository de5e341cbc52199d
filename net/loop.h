/* loop.h - one thread's reactor: sockets, timers, messages, tasklets.
 *
 * A loop goes round:
 *
 *     ┌─▶ begin of parts, sockets ─▶ timers due ─▶ messages ─▶ tasklets ─▶ end of parts ─┐
 *     │                                                     ≤ 100 µs each              │
 *     └──────── sleeps only when no tasklet has work and no message waits ◀─────────────┘
 *
 * Timers      started, moved and cancelled at any time, also from callbacks, their own included.
 *             A timer started in a callback is not called before the next round.
 * Messages    a function to call on the loop's thread, posted by any thread. A full mailbox is
 *             the poster's answer, not a wait.
 * Tasklets    work in small pieces. One that reports more is run again next round; one that
 *             reports idle is left alone until somebody wakes it.
 * Parts       what takes part in every round, such as a transport, which writes once at the end
 *             of a round what was sent during it. Last added ends first, so that what builds on
 *             another part comes before it.
 *
 * Functions whose name ends in _on_loop may be called on the loop's thread only: from something
 * that the loop runs, or, while it has no thread and is not inside a round, by whoever drives it.
 * They check it. Simulation drives many loops on one thread, and the check then also finds what
 * would be a race between threads: touching one loop from inside another's round.
 *
 * Time is clock_ns(): with a clock set by a simulation, and loop_round instead of a thread, a
 * loop does the same things in the same order each time.
 *
 * ---- Why no wake-up is lost
 *
 * The loop sleeps in the kernel, and a system call to wake it is too dear for each post, so a
 * poster looks first whether it sleeps. Both write one word and read the other's:
 *
 *     poster   P1 put the message (or the tasklet's woken = 1)     loop   L1 asleep = 1
 *              P2 full fence                                              L2 full fence
 *              P3 read asleep: 1 → write the eventfd                      L3 look for messages and
 *                                                                            woken tasklets; none →
 *                                                                         L4 sleep
 * The fences have an order. If P2 is first, P1 comes before L3: the loop sees the message and
 * does not sleep. If L2 is first, L1 comes before P3: the poster sees asleep and writes the
 * eventfd, which stays readable until the loop has read it, so that L4 returns at once, whether it
 * had begun or not. Among posters only the one that turns asleep from 1 to 0 writes. A message
 * behind a slot that another poster has claimed but not written is not seen by L3; that poster
 * comes to its own P2 and P3 afterwards, which covers both.
 *
 * ---- Why nothing posted is lost at the end
 *
 * A poster first counts itself in at the gate; a closed gate turns it away with MR_ERR_CLOSED. A
 * loop that stops closes the gate and goes on taking messages until nobody is counted in and the
 * mailbox is empty. So each post that was accepted is run, and nobody is in the middle of one
 * when the thread ends.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/base/heap.h"

struct event_base;
struct loop;

enum {
    LOOP_MAILBOX = 4096,             /* messages that may wait */
    LOOP_TASKLET_BUDGET_NS = 100000, /* of one tasklet in one round */
};

#define LOOP_NEVER UINT64_MAX

/* A loop without a thread. MR_ERR_MEMORY; MR_ERR_SYSTEM: no file descriptors left. */
mr_rc_t loop_new(struct loop **ret_loop);

/* Gives it a thread of this name, which goes round until loop_stop. MR_ERR_SYSTEM. */
mr_rc_t loop_start(struct loop *loop, const char *name);

/* Asks the loop to end when everything posted so far has run. Any thread, any number of times. */
void loop_stop(struct loop *loop);

/* Waits for the thread's end; not on the loop. After it the caller drives the loop, to take
 * apart what lives on it. */
void loop_join(struct loop *loop);

/* The thread, if there was one, has been joined, and nobody calls the loop any more. What was
 * posted is run; timers, tasklets and parts are forgotten. NULL is fine. */
void loop_free(struct loop *loop);

/* One round that does not sleep, for a loop without a thread. Returns when the next one is
 * wanted: a time of clock_ns, not later than now when there is something to do, LOOP_NEVER when
 * only a message, a wake-up or a socket can bring work. */
uint64_t loop_round(struct loop *loop);

/* The loop inside whose round the calling thread is, or NULL. */
struct loop *loop_current(void);

/* Is this a place from which functions _on_loop may be called? */
bool loop_is_here(const struct loop *loop);

/* Has `function` called on the loop. Any thread. MR_ERR_BUSY: the mailbox is full; MR_ERR_CLOSED:
 * the loop ends. In both cases it will not be called. */
mr_rc_t loop_post(struct loop *loop, void (*function)(void *context), void *context);

/* For who watches: rounds so far, and whether the loop sleeps now. Rounds that stand still while
 * it is awake mean that something on it does not return. Any thread. */
uint64_t loop_rounds(const struct loop *loop);
bool loop_is_asleep(const struct loop *loop);

/* Sockets: add libevent events to this base. Not bufferevents: they cost three times as much. */
struct event_base *loop_events_on_loop(struct loop *loop);

/* ---- timers --------------------------------------------------------------------------------- */

/* Embedded in its owner's struct; zeroed is not running. */
struct loop_timer {
    struct heap_node node;
    uint64_t every_ns;
    void (*function)(void *context);
    void *context;
};

/* Calls `function` once `after_ns` from now; then, if every_ns is not 0, every every_ns. A loop
 * that comes late skips the calls it has missed. Starting a running timer moves it. */
void timer_start_on_loop(struct loop *loop, struct loop_timer *t, uint64_t after_ns,
                         uint64_t every_ns, void (*function)(void *context), void *context);

/* Does nothing when it is not running. After it the function is not called. */
void timer_cancel_on_loop(struct loop *loop, struct loop_timer *t);

static inline bool timer_is_running(const struct loop_timer *t)
{
    return t->node.in;
}

/* ---- tasklets ------------------------------------------------------------------------------- */

enum progress {
    PROGRESS_IDLE, /* nothing to do until woken */
    PROGRESS_MORE,
};

/* Embedded; the owner sets run and context. `run` returns within about budget_ns. It is asked
 * again after each wake-up, also one that came while it was running. */
struct tasklet {
    enum progress (*run)(void *context, uint64_t budget_ns);
    void *context;
    struct loop *loop; /* from here on the loop's own */
    struct tasklet *next, *back;
    uint32_t woken; /* atomic */
    bool more;
};

/* Adds it, as one that has work. Order of adding is order of running. */
void tasklet_add_on_loop(struct loop *loop, struct tasklet *t);

/* After it `run` is not called; also from inside `run`, which may even free the tasklet. Nobody
 * may be waking it any more. */
void tasklet_remove_on_loop(struct tasklet *t);

/* Any thread, while the tasklet is added. */
void tasklet_wake(struct tasklet *t);

/* ---- parts ---------------------------------------------------------------------------------- */

/* Embedded. Each function may be NULL. Parts are added and removed between the steps of a round
 * or outside of it, not by each other's functions. */
struct loop_part {
    void (*begin)(void *context);
    void (*end)(void *context);
    uint64_t (*next_ns)(void *context); /* when it wants a round, as loop_round says it */
    void *context;
    struct loop_part *next;
};

void part_add_on_loop(struct loop *loop, struct loop_part *part);
void part_remove_on_loop(struct loop *loop, struct loop_part *part);

#endif
