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

/* ---- what is visited and told --------------------------------------------------------------- */

/* Words, one after the other with a space behind each; an event's with its sign in front. */
static char told[4096];

static inline void hear_words(const struct data *d)
{
    size_t used = strlen(told);

    snprintf(told + used, sizeof told - used, "%.*s ", (int)d->size, (const char *)d->at);
}

static inline void visit_words(void *context, const struct data *value)
{
    (void)context;
    hear_words(value);
}

static inline void hear_event(struct watcher *watcher, const struct object_event *e)
{
    size_t used = strlen(told);
    const char *sign = e->kind == OBJECT_ADDED     ? "+"
                       : e->kind == OBJECT_REMOVED ? "-"
                       : e->kind == OBJECT_UPDATED ? "="
                                                   : "!";

    (void)watcher;
    snprintf(told + used, sizeof told - used, "%s", sign);
    if (e->key.kind != DATA_NULL)
        hear_words(&e->key);
    hear_words(e->kind == OBJECT_REMOVED && e->key.kind != DATA_NULL ? &e->old : &e->value);
}

/* What was told since the last look. */
static inline bool was_told(const char *words)
{
    bool same = strcmp(told, words) == 0;

    if (!same)
        cr_log_error("told \"%s\" instead of \"%s\"", told, words);
    told[0] = '\0';
    return same;
}

__attribute__((unused)) static struct watcher ear = {UINT32_MAX, hear_event};

#endif
