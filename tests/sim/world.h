/* world.h - time, chance and order of a simulated run, all of which follow from its seed.
 *
 *     world_after(w, delay, what, context) ──▶ heap of events ──▶ world_run: the earliest first
 *
 * Time passes only from event to event. What happens at one moment happens in the order in which it
 * was asked for. Each event is mixed into `trace`, so that two runs of a seed can be compared by
 * one number.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/heap.h"
#include "net/base/rand.h"

#define US 1000ull
#define MS (1000 * US)

struct world {
    struct rand rand;
    struct heap events;
    uint64_t now_ns, trace, happened;
    bool told; /* each step is printed */
};

void world_begin(struct world *w, uint64_t seed);

/* Has something happen; context is its own business. */
void world_after(struct world *w, uint64_t delay_ns, void (*what)(void *context), void *context);

/* Until nothing is left, or until then. */
void world_run(struct world *w, uint64_t until_ns);

/* Frees what has not happened, without its contexts. */
void world_end(struct world *w);

/* Mixes something that was decided into the trace, and prints it if wanted. */
void world_note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- chance --------------------------------------------------------------------------------- */

static inline uint64_t any_below(struct world *w, uint64_t limit)
{
    return rand_below(&w->rand, limit);
}

static inline uint64_t any_between(struct world *w, uint64_t least, uint64_t most)
{
    return least + rand_below(&w->rand, most - least + 1);
}

/* Once in n times; never, if n is 0. */
static inline bool one_in(struct world *w, uint64_t n)
{
    return n > 0 && rand_below(&w->rand, n) == 0;
}

/* Mostly short, sometimes long: each doubling is half as likely. */
static inline uint64_t any_delay(struct world *w, uint64_t usual_ns, uint32_t doublings)
{
    uint64_t ns = any_between(w, usual_ns / 4, usual_ns);

    for (uint32_t i = 0; i < doublings && one_in(w, 2); i++)
        ns *= 2;
    return ns;
}

#endif
