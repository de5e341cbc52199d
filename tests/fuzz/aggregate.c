/* Any Data, made an aggregator or a projection, and given a few entries. */
#include "grid/query/aggregate.h"
#include "grid/query/project.h"
#include "tests/fuzz/query.h"

static void aggregate(struct aggregator *a)
{
    const struct data *values = fuzz_values();
    struct sink out = {.grows = true};
    mr_err_t err = MR_ERR_INIT;

    for (int i = 0; i < FUZZ_ENTRIES; i++)
        (void)!aggregator_add(a, &values[2], &values[i]);
    (void)!aggregator_result(a, &out, &err);
    sink_free(&out);
    aggregator_free(a);
}

static void project(struct projection *p)
{
    const struct data *values = fuzz_values();
    struct sink out = {.grows = true};

    for (int i = 0; i < FUZZ_ENTRIES; i++)
        (void)!projection_apply(p, &values[2], &values[i], &out);
    sink_free(&out);
    projection_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mr_err_t err = MR_ERR_INIT;
    struct aggregator *a;
    struct projection *p;
    struct data d;

    if (data_read(bytes, (uint32_t)size, &d) != MR_OK)
        return 0;
    if (aggregator_of_data(&d, &a, &err) == MR_OK)
        aggregate(a);
    mr_err_clear(&err);
    if (projection_of_data(&d, &p, &err) == MR_OK)
        project(p);
    return 0;
}
