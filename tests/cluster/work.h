/* work.h - clients that use a cluster while things happen to it, and what they saw, judged.
 *
 *     registers   put, get and replace-if-equal on a few hot keys
 *     counters    mr_map_update adds one
 *     lists       mr_map_update appends an item, and reads show its place
 *     sets        a key that nobody else has is put; it has to be there at the end
 *
 * Each client is a thread with a handle of its own. What registers, counters and lists saw is one
 * history, judged key by key (tests/sim/wgl.h): calls are written down before they begin and after
 * they have ended, under one lock, with one clock. An error that says that nothing was done is a
 * fail, an unknown outcome an info.
 *
 * A key is good for a bounded number of calls, and of unknown outcomes, since each of those counts
 * as under way for ever and makes judging dearer. Then another takes its place, and it is only read
 * now and then, so that what is lost late is seen too.
 *
 * Of sets it is asked less, so that far more keys are watched: what was acknowledged is there, what
 * was refused is not.
 */
#ifndef TESTS_CLUSTER_WORK_H
#define TESTS_CLUSTER_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct work;

/* Begins. Connects to url; seed for what the clients do. Dies where it cannot. */
struct work *work_start(const char *url, uint64_t seed);

/* Ends the clients; the last calls may take their time. */
void work_stop(struct work *w);

struct work_verdict {
    uint32_t calls, acknowledged, refused, unknown; /* of the history */
    uint32_t keys;
    bool linearizable;
    uint32_t put, lost, revived, unreadable; /* of sets: keys, at fault three ways */
};

/* Reads every key once more, from a cluster that is well, and judges all. What is at fault goes to
 * stdout in words, the history to `to`. */
void work_judge(struct work *w, FILE *to, struct work_verdict *ret);

void work_free(struct work *w);

#endif
