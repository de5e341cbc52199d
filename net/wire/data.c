#include "net/wire/data.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/hash.h"
#include "net/wire/bigend.h"

static_assert(DATA_KINDS <= 64, "a record keeps a kind in six bits");

/* The kind of a type id, DATA_VERBATIM when it has none. */
static uint8_t kind_of(int32_t type)
{
    if (type == DATA_TYPE_JSON)
        return DATA_JSON;
    return type <= 0 && type >= -DATA_LAST_BUILTIN ? (uint8_t)-type : DATA_VERBATIM;
}

mr_rc_t data_read(const uint8_t *bytes, uint32_t size, struct data *ret_d)
{
    if (size == 0) {
        *ret_d = (struct data){.at = bytes, .kind = DATA_NULL};
        return MR_OK;
    }
    if (size < DATA_HEADER)
        return MR_ERR_MALFORMED;

    uint32_t payload = size - DATA_HEADER;
    uint8_t kind = kind_of((int32_t)get_be32(bytes + 4));
    struct data d = {bytes + DATA_HEADER, payload, kind};

    if (kind == DATA_NULL)
        d.size = 0;
    else if (get_be32(bytes) != 0)
        d.kind = DATA_VERBATIM;
    else if (data_counted(kind) && (payload < 4 || get_be32(d.at) != payload - 4))
        d.kind = DATA_VERBATIM;
    else if (data_counted(kind))
        d = (struct data){d.at + 4, payload - 4, kind};

    if (d.kind == DATA_VERBATIM)
        d = (struct data){bytes, size, DATA_VERBATIM};
    *ret_d = d;
    return MR_OK;
}

uint32_t data_wire_size(const struct data *d)
{
    if (d->kind == DATA_VERBATIM)
        return d->size;
    return DATA_HEADER + (data_counted(d->kind) ? 4 : 0) + d->size;
}

int32_t data_type_id(const struct data *d)
{
    if (d->kind == DATA_VERBATIM)
        return (int32_t)get_be32(d->at + 4);
    return d->kind == DATA_JSON ? DATA_TYPE_JSON : -(int32_t)d->kind;
}

void data_write(const struct data *d, uint8_t *out)
{
    check(d->kind < DATA_KINDS);

    if (d->kind != DATA_VERBATIM) {
        put_be32(out, 0);
        put_be32(out + 4, (uint32_t)data_type_id(d));
        out += DATA_HEADER;
        if (data_counted(d->kind)) {
            put_be32(out, d->size);
            out += 4;
        }
    }
    if (d->size)
        memcpy(out, d->at, d->size);
}

uint32_t data_partition_hash(const struct data *d)
{
    if (d->kind == DATA_VERBATIM) {
        uint32_t set = get_be32(d->at);

        return set ? set : murmur3_32(d->at + DATA_HEADER, d->size - DATA_HEADER, MURMUR3_SEED);
    }
    if (data_counted(d->kind))
        return murmur3_32_headed(d->size, d->at, d->size, MURMUR3_SEED);
    return murmur3_32(d->at, d->size, MURMUR3_SEED);
}

uint32_t data_partition(const struct data *d, uint32_t partitions)
{
    int32_t hash = (int32_t)data_partition_hash(d);

    if (hash == INT32_MIN)
        return 0;
    return (uint32_t)(hash < 0 ? -hash : hash) % partitions;
}
