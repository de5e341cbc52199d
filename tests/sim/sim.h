/* sim.h - simulated runs: each is a seed, and says how it went or why it failed. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sim_result {
    uint64_t trace; /* equal for equal runs */
    uint64_t happened, operations, unknown, rows;
    uint64_t repeated, expired; /* answers from memory, sessions */
    uint64_t handed_over, called_off;
    uint64_t shrunk; /* in sync, and not any more since it had stalled */
};

/* Where the histories of runs are written, each behind a line {"history":"seed 7"}; NULL:
 * nowhere. */
extern FILE *sim_histories;

/* The run has shown a fault: says it, and ends the run. */
void sim_failed(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* One partition and its copies. */
void sim_copies(uint64_t seed, bool told, struct sim_result *ret);

/* The control log on all members; adds to the result. */
void sim_control(uint64_t seed, bool told, struct sim_result *ret);

/* Two members, one of which may have to go on alone; adds to the result. */
void sim_duo(uint64_t seed, bool told, struct sim_result *ret);

#endif
