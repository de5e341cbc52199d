/* fixture.h - a member with one map, and short words, for the tests of the public API. */
#ifndef TESTS_UNIT_CLIENT_FIXTURE_H
#define TESTS_UNIT_CLIENT_FIXTURE_H

#include <criterion/criterion.h>
#include <millrace/millrace.h>
#include <pthread.h>
#include <time.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/base/thread.h"

static mr_err_t err;
static mr_t *g;
static mr_map_t *m;

/* The call returns this code; if it is an error, err has it with words, else err is empty. */
#define GIVES(wanted, call)                                                                        \
    do {                                                                                           \
        mr_err_clear(&err);                                                                        \
        mr_rc_t got_ = (call);                                                                     \
        cr_assert(got_ == (wanted), "%s gives %s instead of %s: %s", #call, mr_rc_name(got_),      \
                  mr_rc_name(wanted), err.message);                                                \
        cr_assert(err.code == (got_ < MR_ERR_MEMORY ? MR_OK : got_), "%s and err", #call);         \
        cr_assert((err.code == MR_OK) == (err.message[0] == '\0'), "%s and its words", #call);     \
    } while (0)

/* The call gives what it gives on failure, and err has the code with words. */
#define FAILS(wanted, call, result)                                                                \
    do {                                                                                           \
        mr_err_clear(&err);                                                                        \
        cr_assert((call) == (result), "%s does not fail", #call);                                  \
        cr_assert(err.code == (wanted), "%s: %s", #call, mr_rc_name(err.code));                    \
        cr_assert(err.message[0] != '\0', "%s has no words", #call);                               \
    } while (0)

/* A member with these options, which are pairs of key and value and end with NULL. It has few
 * partitions, so that each holds enough for a test to see it grow. */
static inline mr_t *member(const char *const *options)
{
    mr_config_t *c = mr_config_new(&err);

    cr_assert(mr_config_set(c, "partitions.count", "7", &err) == MR_OK);
    for (; options && *options; options += 2)
        cr_assert(mr_config_set(c, options[0], options[1], &err) == MR_OK, "%s", err.message);

    mr_t *started = mr_member_start(c, &err);

    cr_assert(started != NULL, "%s", err.message);
    mr_config_free(c);
    return started;
}

static inline void open_with(const char *const *options)
{
    g = member(options);
    m = mr_map(g, "test", &err);
    cr_assert(m != NULL, "%s", err.message);
}

#define OPEN(...) open_with((const char *const[]){__VA_ARGS__, NULL})

static inline void open_plain(void)
{
    open_with(NULL);
}

static inline void close_member(void)
{
    mr_err_clear(&err);
    cr_assert(mr_close(g, MR_NOW, &err) == MR_OK, "%s", err.message);
    g = NULL;
}

/* ---- entries -------------------------------------------------------------------------------- */

static inline void put(mr_ref_t key, mr_ref_t value)
{
    GIVES(MR_OK, mr_map_put(m, key, value, NULL, &err));
}

static inline int64_t number(mr_ref_t key)
{
    mr_val_t v = MR_VAL_INIT;
    int64_t n;

    GIVES(MR_OK, mr_map_get(m, key, &v, NULL, &err));
    n = mr_val_i64(&v);
    mr_val_clear(&v);
    return n;
}

static inline bool absent(mr_ref_t key)
{
    mr_err_clear(&err);
    mr_rc_t rc = mr_map_contains(m, key, &err);

    cr_assert(rc == MR_OK || rc == MR_NOT_FOUND, "%s", err.message);
    return rc == MR_NOT_FOUND;
}

static inline uint64_t size(void)
{
    mr_err_clear(&err);
    uint64_t n = mr_map_size(m, &err);

    cr_assert(err.code == MR_OK, "%s", err.message);
    return n;
}

static inline mr_map_stats_t map_stats(void)
{
    mr_map_stats_t stats = MR_MAP_STATS_INIT;

    GIVES(MR_OK, mr_map_stats(m, &stats, &err));
    return stats;
}

static inline mr_memory_stats_t memory_stats(void)
{
    mr_memory_stats_t stats = MR_MEMORY_STATS_INIT;

    GIVES(MR_OK, mr_memory_stats(g, &stats, &err));
    return stats;
}

/* ---- time ----------------------------------------------------------------------------------- */

static uint64_t virtual_ns;

static inline uint64_t read_virtual_ns(void *context)
{
    return load_relaxed_64(context);
}

/* From now on time stands still, but for time_passes. Before a member starts, and until the
 * process ends. */
static inline void stop_time(void)
{
    virtual_ns = clock_ns();
    clock_set(read_virtual_ns, &virtual_ns);
}

static inline void time_passes(uint64_t ms)
{
    fetch_add_64(&virtual_ns, ms * 1000000);
}

/* In real time, for what no clock of ours moves and no condition shows; why is said where it is
 * called. Whoever can say what he waits for uses EVENTUALLY. */
static inline void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Waits until the condition holds, for a time that no machine is too slow for. */
#define EVENTUALLY(condition)                                                                      \
    do {                                                                                           \
        int tries_ = 0;                                                                            \
        while (!(condition)) {                                                                     \
            cr_assert(++tries_ < 20000, "never: %s", #condition);                                  \
            pause_ms(1); /* between two looks */                                                   \
        }                                                                                          \
    } while (0)

#endif
