/* detector.h - is another member alive? A guess from its silence, or proof that it is dead.
 *
 *     ALIVE ──silent for suspect_ns──▶ SUSPECT ──silent for fail_ns──▶ FAILED
 *       ▲──────────── heard ──────────────┴───────────────────────────────┘      DEAD: for good
 *
 * Silence is counted by whoever listens, and only while it does: what goes by while our own loop
 * stands still says nothing about the other. A step from one tick to the next that is longer than
 * stall_ns was a stall (a stopped process, a suspended machine, a clock that was set) and does not
 * count; after it nothing does, until all that came meanwhile has been read. So who wakes up
 * listens before it judges, and never takes the healthy for dead. Silence that is counted is never
 * longer than the time that went by.
 *
 * Proof is a death that was seen: see net/last_words.h. For leases, clock_watch sees whether
 * the clock they are counted on can be trusted.
 *
 * Pure: no clock, no I/O. One thread at a time.
 */
#ifndef GRID_CLUSTER_DETECTOR_H
#define GRID_CLUSTER_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

enum detector_word { DETECTOR_ALIVE, DETECTOR_SUSPECT, DETECTOR_FAILED, DETECTOR_DEAD };

struct detector_config {
    uint64_t suspect_ns; /* 500 ms: go round it */
    uint64_t fail_ns;    /* 1000 ms: longer than any lease it may hold */
    uint64_t stall_ns;   /* several ticks: more than that between two of them is our own stall */
};

/* One other member. */
struct detector {
    struct detector_config config;
    uint64_t ticked_ns;
    uint64_t silent_ns; /* counted */
    bool deaf;          /* there was a stall, and not all has been read since */
    bool dead;
    uint64_t stalls;
};

void detector_init(struct detector *d, const struct detector_config *config, uint64_t now_ns);

/* Something came from it. Not the other way round: what we could send proves nothing. */
void detector_heard(struct detector *d);

/* The loop runs. True: there was a stall before. */
bool detector_tick(struct detector *d, uint64_t now_ns);

/* All sockets have been read since the last tick. */
void detector_listened(struct detector *d);

void detector_dies(struct detector *d);
enum detector_word detector_look(const struct detector *d);

/* ---- the clock ------------------------------------------------------------------------------ */

enum { CLOCK_PERCENT = 1 }; /* by which the two may differ; what leases assume, too */

/* Two clocks of this machine: one that goes on while it is suspended, and one that nobody trims. */
struct clock_watch {
    uint64_t boot_ns, raw_ns;
};

void clock_watch_init(struct clock_watch *w, uint64_t boot_ns, uint64_t raw_ns);

/* With each heartbeat. False: they have gone apart or back since the last time, so no lease that is
 * counted on them may be relied upon. */
bool clock_watch_agrees(struct clock_watch *w, uint64_t boot_ns, uint64_t raw_ns);

#endif
