#include "grid/data/change.h"

#include <string.h>

#include "net/base/littleend.h"
#include "net/base/mem.h"

enum { HEAD = 5 };

uint32_t change_fit(const struct data *values, uint32_t n)
{
    size_t bytes = 0;
    uint32_t i = 0;

    for (; i < n && i < CHANGE_VALUES; i++) {
        bytes += HEAD + values[i].size;
        if (i > 0 && bytes > CHANGE_BYTES)
            break;
    }
    return i;
}

size_t change_size(const struct change *x)
{
    size_t size = 0;

    for (uint32_t i = 0; i < x->count; i++)
        size += HEAD + x->values[i].size;
    return size;
}

void change_write(const struct change *x, uint8_t *at)
{
    for (uint32_t i = 0; i < x->count; i++) {
        const struct data *d = &x->values[i];

        put_le32(at, d->size);
        at[4] = d->kind;
        if (d->size > 0)
            memcpy(at + HEAD, d->at, d->size);
        at += HEAD + d->size;
    }
}

/* MR_ERR_MALFORMED: the bytes are not those of values, one after the other. */
static mr_rc_t count_values(const uint8_t *bytes, size_t size, uint32_t *ret_count)
{
    uint32_t n = 0;

    for (size_t at = 0; at < size; n++) {
        if (size - at < HEAD || get_le32(bytes + at) > size - at - HEAD ||
            bytes[at + 4] >= DATA_KINDS)
            return MR_ERR_MALFORMED;
        at += HEAD + get_le32(bytes + at);
    }
    *ret_count = n;
    return MR_OK;
}

mr_rc_t change_read(const uint8_t *bytes, size_t size, struct change *x)
{
    mr_rc_t rc = count_values(bytes, size, &x->count);
    struct data *values = NULL;

    if (rc == MR_OK && x->count > 0 && !(values = mem_alloc(x->count * sizeof *values)))
        rc = MR_ERR_MEMORY;
    for (uint32_t i = 0; rc == MR_OK && i < x->count; i++) {
        values[i] = (struct data){bytes + HEAD, get_le32(bytes), bytes[4]};
        bytes += HEAD + values[i].size;
    }
    x->values = values;
    return rc;
}
