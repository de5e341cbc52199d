#define _GNU_SOURCE
#include "net/base/clock.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

static uint64_t (*source)(void *context);
static void *source_context;

static uint64_t offset_ns;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void start(void)
{
    offset_ns = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_ns(void)
{
    if (source)
        return source(source_context);
    pthread_once(&once, start);
    return offset_ns + read_ns(CLOCK_BOOTTIME);
}

uint64_t clock_ms(void)
{
    return clock_ns() / 1000000u;
}

/* The kernel cannot wait by CLOCK_BOOTTIME; by CLOCK_MONOTONIC it waits longer over a suspend. */
void clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns)
{
    uint64_t now_ns = clock_ns();
    uint64_t at_ns = read_ns(CLOCK_MONOTONIC) + (until_ns > now_ns ? until_ns - now_ns : 0);
    struct timespec at = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};

    pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &at);
}

void clock_set(uint64_t (*now_ns)(void *context), void *context)
{
    source = now_ns;
    source_context = context;
}
