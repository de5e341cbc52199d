/* Any Data, made a predicate or an entry processor, and asked of a few entries. */
#include "grid/query/predicate.h"
#include "grid/query/processor.h"
#include "tests/fuzz/query.h"

static void ask(const struct predicate *p)
{
    const struct data *values = fuzz_values();
    struct evaluator ev;

    evaluator_init(&ev, NULL);
    for (int i = 0; i < FUZZ_ENTRIES; i++)
        (void)predicate_matches(p, &ev, &values[2], &values[i]);
    evaluator_clear(&ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p;
    struct processor *e;
    struct data d;

    if (data_read(bytes, (uint32_t)size, &d) != MR_OK)
        return 0;
    if (predicate_of_data(&d, &p, &err) == MR_OK) {
        ask(p);
        predicate_free(p);
    }
    mr_err_clear(&err);
    if (processor_of_data(&d, &e, &err) == MR_OK)
        processor_free(e);
    return 0;
}
