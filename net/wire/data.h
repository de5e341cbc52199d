/* data.h - a serialised value: what a key and a value are made of.
 *
 * On the wire a value is Hazelcast `Data` (all numbers most significant byte first):
 *
 *     0  int32  partition hash, 0: compute it from the payload
 *     4  int32  type id
 *     8  ...    payload
 *
 * A member keeps millions of them, so in memory the same value is a kind and its bytes, without
 * what can be put back on the way out: the type id is one byte, and the count in front of a
 * string's or a byte array's payload is its size. An int64 takes 8 bytes here and 16 there, a
 * string of 16 bytes 16 and 28.
 *
 *     Data   00000000 fffffff5 00000003 616461        "ada"
 *     data   kind DATA_STRING, at ──▶ 616461, size 3
 *
 * Whatever has no kind of its own (a user's serializer, a partition hash that is set, a count
 * that contradicts its payload) is kept verbatim, all of its Data bytes, and comes back as it
 * came.
 *
 * Invariants: data_read then data_write gives the same bytes. Equal kind and equal bytes mean
 * equal type and payload, which is what equality of keys means in the protocol.
 *
 * Source: Hazelcast Open Binary Client Protocol and the serialisation format of its clients.
 * Pure; a struct data borrows its bytes. Any thread.
 */
#ifndef NET_WIRE_DATA_H
#define NET_WIRE_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"

/* A kind is the negated type id, so that type -7 is kind 7, with two more at the end. */
enum data_kind {
    DATA_NULL = 0,
    DATA_PORTABLE = 1,
    DATA_IDENTIFIED = 2,
    DATA_BYTE = 3,
    DATA_BOOL = 4,
    DATA_CHAR = 5,
    DATA_SHORT = 6,
    DATA_INT = 7,
    DATA_LONG = 8,
    DATA_FLOAT = 9,
    DATA_DOUBLE = 10,
    DATA_STRING = 11,
    DATA_BYTES = 12,
    DATA_BOOLS = 13,
    DATA_CHARS = 14,
    DATA_SHORTS = 15,
    DATA_INTS = 16,
    DATA_LONGS = 17,
    DATA_FLOATS = 18,
    DATA_DOUBLES = 19,
    DATA_STRINGS = 20,
    DATA_UUID = 21,
    DATA_DATE_TIME_MS = 25, /* java.util.Date: milliseconds since 1970 */
    DATA_BIG_INTEGER = 26,
    DATA_DECIMAL = 27,
    DATA_LOCAL_DATE = 51,
    DATA_LOCAL_TIME = 52,
    DATA_LOCAL_DATE_TIME = 53,
    DATA_OFFSET_DATE_TIME = 54,
    DATA_COMPACT = 55,
    DATA_LAST_BUILTIN = 56,
    DATA_JSON = 57,     /* type -130 */
    DATA_VERBATIM = 58, /* all Data bytes, header included */
    DATA_KINDS
};

enum { DATA_HEADER = 8, DATA_TYPE_JSON = -130 };

struct data {
    const uint8_t *at;
    uint32_t size;
    uint8_t kind; /* enum data_kind */
};

/* Is a count in front of the payload implied by its size? */
static inline bool data_counted(uint8_t kind)
{
    const uint64_t counted =
        1ull << DATA_STRING | 1ull << DATA_BYTES | 1ull << DATA_BOOLS | 1ull << DATA_JSON;

    return counted >> kind & 1;
}

/* Reads the `size` bytes of one Data; none at all, or type 0, is null. *ret_d points into them.
 * MR_ERR_MALFORMED: there is no whole header. The payload is not looked into: a member stores
 * what it is given, and who reads a field checks it. */
mr_rc_t data_read(const uint8_t *bytes, uint32_t size, struct data *ret_d);

/* The Data form's size in bytes, and its bytes, written to `out`, which has room for them. */
uint32_t data_wire_size(const struct data *d);
void data_write(const struct data *d, uint8_t *out);

/* The type id on the wire. */
int32_t data_type_id(const struct data *d);

/* The protocol's partition hash: the header's when it is set, else murmur3 of the payload. */
uint32_t data_partition_hash(const struct data *d);

/* abs(hash) % partitions, as every client computes it. */
uint32_t data_partition(const struct data *d, uint32_t partitions);

/* Same type and same payload? */
static inline bool data_equal(const struct data *a, const struct data *b)
{
    return a->kind == b->kind && a->size == b->size && __builtin_memcmp(a->at, b->at, a->size) == 0;
}

#endif
