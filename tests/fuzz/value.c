/* Any Data, opened as a value, whose items are read; what was read is written and read again. */
#include <stdlib.h>

#include "net/wire/scalar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void look(struct scalar *v)
{
    struct scalar item;
    int64_t n;
    double r;

    (void)scalar_sound(v);
    (void)!scalar_integer(v, &n);
    (void)!scalar_real(v, &r);
    if (v->kind != SCALAR_ARRAY)
        return;
    for (uint32_t i = 0; i < v->array.count && i < 100; i++)
        if (scalar_item(&v->array, i, &item) == MR_OK)
            (void)scalar_sound(&item);
    if (v->array.count > 0)
        (void)!scalar_item(&v->array, v->array.count - 1, &item);
    if (v->array.count > 0)
        (void)!scalar_item(&v->array, 0, &item); /* backwards */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sink out = {.grows = true}, again = {.grows = true};
    struct data d, written, rewritten;
    struct scalar v;

    if (data_read(bytes, (uint32_t)size, &d) != MR_OK)
        return 0;
    (void)data_partition(&d, 271);
    if (scalar_read(&d, &v) != MR_OK)
        return 0;
    look(&v);
    if (scalar_write(&v, &out, &written) == MR_OK) {
        if (scalar_read(&written, &v) != MR_OK || scalar_write(&v, &again, &rewritten) != MR_OK ||
            !data_equal(&written, &rewritten))
            abort();
    }
    sink_free(&out);
    sink_free(&again);
    return 0;
}
