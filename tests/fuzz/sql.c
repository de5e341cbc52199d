/* Any text, made a predicate, and asked of a few entries. */
#include "grid/query/predicate.h"
#include "tests/fuzz/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct data *values = fuzz_values();
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p;
    struct evaluator ev;

    if (predicate_of_text((const char *)bytes, size, &p, &err) != MR_OK)
        return 0;
    evaluator_init(&ev, NULL);
    for (int i = 0; i < FUZZ_ENTRIES; i++)
        (void)predicate_matches(p, &ev, &values[2], &values[i]);
    evaluator_clear(&ev);
    predicate_free(p);
    return 0;
}
