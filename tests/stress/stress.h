/* stress.h - what a stress program claims, counted, and for how long it tries.
 *
 * A claim is a sentence that has to hold each time it is looked at. Each thread counts for itself,
 * so that counting orders nothing between threads and hides no race; the counts are added up when
 * the threads have ended. A claim that was never looked at has failed as well: the program then
 * did not do what it is for.
 */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"

enum { CLAIMS_MAX = 24, COMPLAINTS_MAX = 20 };

struct tally {
    uint64_t held[CLAIMS_MAX], broken[CLAIMS_MAX];
};

/* Counts one look; the words of the first few failures are printed. Returns what holds. */
static inline bool holds(struct tally *t, int claim, bool is_so, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline bool holds(struct tally *t, int claim, bool is_so, const char *format, ...)
{
    static uint64_t complaints;
    va_list args;

    if (__builtin_expect(is_so, 1)) {
        t->held[claim]++;
        return true;
    }
    t->broken[claim]++;
    if (fetch_add_64(&complaints, 1) < COMPLAINTS_MAX) {
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        printf("\n");
    }
    return false;
}

static inline void tally_add(struct tally *sum, const struct tally *t)
{
    for (int i = 0; i < CLAIMS_MAX; i++) {
        sum->held[i] += t->held[i];
        sum->broken[i] += t->broken[i];
    }
}

/* Prints how often each claim held, and the closing line. Returns what main may return. */
static inline int tally_report(const struct tally *t, const char *const *claims, int n)
{
    int failed = 0;

    for (int i = 0; i < n; i++) {
        bool good = t->held[i] > 0 && t->broken[i] == 0;

        failed += !good;
        printf("%-4s %-58s %12llu times", good ? "ok" : "NOT", claims[i],
               (unsigned long long)t->held[i]);
        if (t->broken[i])
            printf(", %llu times not", (unsigned long long)t->broken[i]);
        printf("\n");
    }
    printf("%d passed, %d failed\n", n - failed, failed);
    return failed > 0;
}

/* When to end: after MILLRACE_STRESS_SECONDS, or five. */
static inline uint64_t stress_deadline_ms(void)
{
    const char *seconds = getenv("MILLRACE_STRESS_SECONDS");
    uint64_t n = seconds ? strtoull(seconds, NULL, 10) : 0;

    return clock_ms() + (n ? n : 5) * 1000;
}

#endif
