#include "net/base/histogram.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "net/base/rand.h"

Test(histogram, every_value_lies_in_its_bucket_and_buckets_are_at_most_three_percent_wide)
{
    uint64_t first = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t last = histogram_bucket_last(i);

        cr_assert(eq(u32, histogram_bucket(first), i));
        cr_assert(eq(u32, histogram_bucket(last), i));
        cr_assert(le(u64, (last - first) * 32, first));
        first = last + 1;
    }
    cr_assert(zero(u64, first)); /* the last bucket ends where numbers end */
}

Test(histogram, tells_small_values_exactly)
{
    static struct histogram h;

    for (uint64_t v = 0; v < HISTOGRAM_EXACT; v++)
        histogram_record(&h, v);
    cr_assert(eq(u64, histogram_quantile(&h, 0), 0));
    cr_assert(eq(u64, histogram_quantile(&h, 500000), 31));
    cr_assert(eq(u64, histogram_quantile(&h, 1000000), 63));
}

Test(histogram, tells_large_values_within_three_percent_and_never_beyond_the_largest)
{
    static struct histogram h;

    for (uint64_t v = 1; v <= 100000; v++)
        histogram_record(&h, v * 1000);
    for (uint32_t q = 10000; q <= 1000000; q += 10000) {
        uint64_t exact = (uint64_t)q * 100, told = histogram_quantile(&h, q);

        cr_assert(told >= exact);
        cr_assert(told <= exact + exact / 32);
    }
    cr_assert(eq(u64, histogram_quantile(&h, 1000000), 100000000));
    cr_assert(eq(u64, histogram_count(&h), 100000));
}

Test(histogram, holds_the_ends_of_the_range)
{
    static struct histogram h;

    histogram_record(&h, 0);
    histogram_record(&h, UINT64_MAX);
    cr_assert(eq(u64, histogram_quantile(&h, 500000), 0));
    cr_assert(eq(u64, histogram_quantile(&h, 1000000), UINT64_MAX));
    cr_assert(eq(u64, histogram_count_up_to(&h, UINT64_MAX - 1), 2)); /* one bucket */
    cr_assert(eq(u64, histogram_count_up_to(&h, UINT64_MAX / 2), 1));
}

Test(histogram, empty_has_no_quantiles)
{
    static struct histogram h;

    cr_assert(zero(u64, histogram_quantile(&h, 999000)));
    cr_assert(zero(u64, histogram_count(&h)));
}

Test(histogram, merged_is_as_if_all_had_been_recorded_in_one)
{
    static struct histogram parts[2], whole, merged;
    struct rand r;

    rand_init(&r, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = rand_next(&r) >> rand_below(&r, 64);

        histogram_record(&parts[i & 1], v);
        histogram_record(&whole, v);
    }
    histogram_merge(&merged, &parts[0]);
    histogram_merge(&merged, &parts[1]);
    cr_assert(zero(int, memcmp(&merged, &whole, sizeof whole)));
}
