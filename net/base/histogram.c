#include "net/base/histogram.h"

#include "net/base/check.h"

uint64_t histogram_bucket_last(uint32_t bucket)
{
    check(bucket < HISTOGRAM_BUCKETS);

    if (bucket < HISTOGRAM_EXACT)
        return bucket;
    uint32_t shift = (bucket - HISTOGRAM_EXACT) / HISTOGRAM_STEPS + 1;
    uint64_t step = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS;

    return (step << shift) + ((1ull << shift) - 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    uint64_t max = load_relaxed_64(&from->max);

    to->sum += load_relaxed_64(&from->sum);
    if (max > to->max)
        to->max = max;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += load_relaxed_64(&from->buckets[i]);
}

uint64_t histogram_count(const struct histogram *h)
{
    return histogram_count_up_to(h, UINT64_MAX);
}

uint64_t histogram_count_up_to(const struct histogram *h, uint64_t v)
{
    uint32_t last = histogram_bucket(v);
    uint64_t count = 0;

    for (uint32_t i = 0; i <= last; i++)
        count += load_relaxed_64(&h->buckets[i]);
    return count;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t per_million)
{
    check(per_million <= 1000000);

    uint64_t count = histogram_count(h);
    uint64_t max = load_relaxed_64(&h->max);
    uint64_t rank = (uint64_t)(((unsigned __int128)count * per_million + 999999) / 1000000);
    uint64_t below = 0;

    if (count == 0)
        return 0;
    if (rank == 0)
        rank = 1;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += load_relaxed_64(&h->buckets[i]);
        if (below >= rank)
            return histogram_bucket_last(i) < max ? histogram_bucket_last(i) : max;
    }
    return max;
}
