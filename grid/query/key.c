#include "grid/query/key.h"

#include <math.h>
#include <string.h>

#include "net/base/hash.h"
#include "net/wire/bigend.h"

enum { PREFIX = 11 };

#define HASH_MASK 0xffffffffu

/* A class, up to eleven bytes of what the value is, zeros where there are fewer. */
static struct key of_bytes(enum value_class class, const uint8_t *at, uint32_t size, uint32_t hash)
{
    uint8_t bytes[16] = {(uint8_t) class};

    if (size > 0)
        memcpy(bytes + 1, at, size < PREFIX ? size : PREFIX);
    return (struct key){get_be64(bytes), (get_be64(bytes + 8) & ~(uint64_t)HASH_MASK) | hash};
}

static uint32_t hash_of(const void *bytes, size_t size)
{
    return (uint32_t)hash_64(bytes, size);
}

/* The bits of a double in the order of numbers: the sign turned, a negative one's all. */
static struct key of_number(const struct scalar *v)
{
    double real = value_real(v);
    uint8_t bytes[8];
    uint64_t bits;

    if (isnan(real))
        real = NAN; /* of several, one */
    if (real == 0)
        real = 0; /* not -0 */
    memcpy(&bits, &real, sizeof bits);
    if (isnan(real))
        bits &= INT64_MAX;
    put_be64(bytes, bits >> 63 ? ~bits : bits | 1ull << 63);
    return of_bytes(VALUE_NUMBER, bytes, sizeof bytes, 0);
}

static struct key of_uuid(const struct scalar_uuid *u)
{
    uint8_t bytes[16];

    put_be64(bytes, u->high ^ 1ull << 63);
    put_be64(bytes + 8, u->low ^ 1ull << 63);
    return of_bytes(VALUE_UUID, bytes, PREFIX, hash_of(bytes, sizeof bytes));
}

/* What compares first comes first; see value.c. Days and seconds are taken as they are, also where
 * there is no such day. */
static struct key of_moment(enum value_class class, const struct scalar_moment *m)
{
    uint8_t bytes[18], instant[12];
    uint32_t second_of_day = m->hour * 3600u + m->minute * 60u + m->second;

    put_be32(bytes, (uint32_t)m->year ^ 1u << 31);
    bytes[4] = m->month;
    bytes[5] = m->day;
    put_be32(bytes + 6, second_of_day);
    put_be32(bytes + 10, m->nanos);
    put_be32(bytes + 14, (uint32_t)m->offset_s);
    if (class == VALUE_TIME)
        return of_bytes(class, bytes + 6, 8, 0);
    if (class == VALUE_OFFSET_DATE_TIME) {
        put_be64(instant, (uint64_t)value_instant(m) ^ 1ull << 63);
        put_be32(instant + 8, m->nanos);
        return of_bytes(class, instant, PREFIX, hash_of(bytes, sizeof bytes));
    }
    return of_bytes(class, bytes, PREFIX, hash_of(bytes, sizeof bytes));
}

struct key key_of(const struct scalar *v)
{
    enum value_class class = value_class(v);
    uint8_t boolean;

    switch (class) {
    case VALUE_BOOL: boolean = v->boolean; return of_bytes(class, &boolean, 1, 0);
    case VALUE_NUMBER: return of_number(v);
    case VALUE_TEXT:
    case VALUE_BYTES:
        return of_bytes(class, v->bytes.at, v->bytes.size, hash_of(v->bytes.at, v->bytes.size));
    case VALUE_UUID: return of_uuid(&v->uuid);
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATE_TIME:
    case VALUE_OFFSET_DATE_TIME: return of_moment(class, &v->moment);
    default: return key_first(class);
    }
}

struct key key_first(enum value_class class)
{
    return (struct key){(uint64_t) class << 56, 0};
}

struct key key_last(enum value_class class)
{
    return (struct key){(uint64_t) class << 56 | UINT64_MAX >> 8, UINT64_MAX};
}

struct key key_floor(const struct scalar *v)
{
    struct key k = key_of(v);

    k.low &= ~(uint64_t)HASH_MASK;
    return k;
}

struct key key_ceiling(const struct scalar *v)
{
    struct key k = key_of(v);

    k.low |= HASH_MASK;
    return k;
}
