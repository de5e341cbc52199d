/* histogram.h - how values are spread, in fixed memory.
 *
 * Values below 64 have a bucket each. Above, every doubling is cut into 32 equal buckets, so
 * that a bucket is never wider than 1/32 (3.1 %) of the values in it:
 *
 *     0 1 2 ... 63 | 64 66 68 ... 126 | 128 132 ... 252 | ...      up to 2^64 - 1
 *     width 1      | width 2          | width 4         |
 *
 * A quantile is the highest value of its bucket, hence at most 3.1 % too high and never too low,
 * and never above the largest value recorded. Two histograms merge by adding their buckets.
 *
 * Threads: any may record, any may read or merge from one that is being recorded to: a reader
 * sees each record whole or not at all in the buckets, and count is their sum, so that quantiles
 * are always consistent; sum and max may be of a few records more. Zeroed is empty.
 */
#ifndef NET_BASE_HISTOGRAM_H
#define NET_BASE_HISTOGRAM_H

#include <stdint.h>

#include "net/base/atomic.h"

enum {
    HISTOGRAM_EXACT = 64,
    HISTOGRAM_STEPS = 32, /* buckets per doubling */
    HISTOGRAM_BUCKETS = HISTOGRAM_EXACT + (64 - 6) * HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t sum; /* modulo 2^64 */
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline uint32_t histogram_bucket(uint64_t v)
{
    if (v < HISTOGRAM_EXACT)
        return (uint32_t)v;
    /* v has its highest bit at 5 + shift; the five bits below it choose the step. */
    uint32_t shift = 58 - (uint32_t)__builtin_clzll(v);

    return HISTOGRAM_EXACT + (shift - 1) * HISTOGRAM_STEPS +
           (uint32_t)(v >> shift) % HISTOGRAM_STEPS;
}

/* The largest value of a bucket. */
uint64_t histogram_bucket_last(uint32_t bucket);

static inline void histogram_record(struct histogram *h, uint64_t v)
{
    uint64_t max = load_relaxed_64(&h->max);

    fetch_add_64(&h->sum, v);
    while (v > max && !compare_and_set_64(&h->max, max, v))
        max = load_relaxed_64(&h->max);
    fetch_add_64(&h->buckets[histogram_bucket(v)], 1);
}

/* Adds `from` to `to`, to which nobody records meanwhile. */
void histogram_merge(struct histogram *to, const struct histogram *from);

uint64_t histogram_count(const struct histogram *h);

/* How many values were at most `v`; exact when v is the last of its bucket, as 2^k - 1 is. */
uint64_t histogram_count_up_to(const struct histogram *h, uint64_t v);

/* The value below or at which `per_million` of all lie: 500000 is the median, 999000 p99.9.
 * 0 when nothing was recorded. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t per_million);

#endif
