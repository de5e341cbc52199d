/* world.h - partitions with nothing around them, and operations that sleep, for the tests of what
 * a member holds. */
#ifndef TESTS_UNIT_GRID_DATA_WORLD_H
#define TESTS_UNIT_GRID_DATA_WORLD_H

#include "grid/data/maps.h"
#include "grid/op/run.h"
#include "grid/op/wait.h"
#include "net/base/epoch.h"
#include "tests/unit/client/fixture.h"

enum { WORLD_PARTITIONS = 7 };

struct world {
    struct partitions partitions;
    struct metrics *metrics;
};

static struct world w;

static inline void open_world_with(uint64_t memory_max)
{
    stop_time();
    cr_assert(metrics_new(&w.metrics) == MR_OK);
    cr_assert(partitions_start(&w.partitions, WORLD_PARTITIONS, memory_max) == MR_OK);
}

static inline void open_world(void)
{
    open_world_with(0);
}

static inline void close_world(void)
{
    partitions_stop(&w.partitions);
    metrics_free(w.metrics);
}

/* ---- values --------------------------------------------------------------------------------- */

static inline struct data text(const char *words)
{
    return (struct data){(const uint8_t *)words, (uint32_t)strlen(words), DATA_STRING};
}

static inline bool is_text(const struct data *d, const char *words)
{
    struct data wanted = text(words);

    return data_equal(d, &wanted);
}

/* ---- who asks ------------------------------------------------------------------------------- */

static const struct owner ada = {1, 1, 1}, bob = {2, 2, 1}, ada_too = {1, 1, 2};

/* An operation that may sleep; counts how often it was woken. */
struct sleeper {
    struct waiter waiter;
    int wakes;
};

static inline void count_wake(struct waiter *waiter)
{
    list_owner(waiter, struct sleeper, waiter)->wakes++;
}

#define SLEEPER                                                                                    \
    {                                                                                              \
        .waiter.wake = count_wake                                                                  \
    }

#endif
