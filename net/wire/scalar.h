/* scalar.h - one value, opened: what a Data, a record's field or an array's item holds.
 *
 *     struct data ──scalar_read──▶ struct scalar ──scalar_write──▶ struct data
 *     compact field ──compact_get──▶     │       ──compact_set──▶ compact field
 *                                   scalar_item
 *                                        ▼
 *                                   struct scalar      an item of an array
 *
 * A scalar borrows: text, bytes and arrays stay where they are, and an array's items are read in
 * place one by one. An array has one of several layouts (the wire's, Compact's, C's own), and
 * scalar_item hides which, so that whatever can be read can be written in any other form.
 *
 * Reading bounds every size before it is believed. What bytes mean is not judged: text may be no
 * UTF-8 and a date may have a month 77, for who stored it may have its reasons; scalar_sound
 * judges where a value enters from a C program.
 *
 * Source: Hazelcast serialisation format, sections on type ids and on Compact.
 * Pure; any thread, but an array that is being read has a place, and belongs to one.
 */
#ifndef NET_WIRE_SCALAR_H
#define NET_WIRE_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/wire/data.h"
#include "net/wire/sink.h"

/* The kind of every array except byte[], which is DATA_BYTES. */
enum { SCALAR_ARRAY = DATA_KINDS };

/* How an array's items lie at `at`. */
enum scalar_layout {
    SCALAR_C, /* a C array of item: bool, int8_t, uint16_t, int16_t .. double, char pointers */
    SCALAR_SCALARS, /* a C array of struct scalar, each of any kind */
    SCALAR_FIXED,   /* the wire's numbers, one behind the other */
    SCALAR_BITS,    /* bool, eight to a byte, lowest first */
    SCALAR_TEXTS,   /* strings, one behind the other, each with its length */
    SCALAR_OFFSETS  /* items, then a table that says where each begins */
};

struct scalar_array {
    const uint8_t *at;
    uint32_t size;    /* of the items' bytes; not used by the layouts of C */
    uint32_t count;   /* items */
    uint32_t next;    /* SCALAR_TEXTS: the item that begins at `next_at`; zero at first */
    uint32_t next_at; /* so that reading forward costs each byte once */
    uint8_t item;     /* enum data_kind; not used by SCALAR_SCALARS */
    uint8_t layout;   /* enum scalar_layout */
    uint8_t width;    /* SCALAR_OFFSETS: bytes per entry of the table */
};

struct scalar_bytes {
    const uint8_t *at;
    uint32_t size;
    int32_t scale; /* DATA_DECIMAL: its digits after the point */
};

struct scalar_uuid {
    uint64_t high, low;
};

/* A date, a time of day, both, or both at an offset from UTC; the kind says which parts count. */
struct scalar_moment {
    int32_t year;
    uint8_t month, day, hour, minute, second;
    uint32_t nanos;
    int32_t offset_s;
};

struct scalar {
    uint8_t kind; /* enum data_kind, or SCALAR_ARRAY */
    union {
        bool boolean;
        int64_t integer; /* BYTE, CHAR, SHORT, INT, LONG; DATE_TIME_MS: milliseconds since 1970 */
        float f32;
        double f64;
        struct scalar_bytes bytes; /* STRING, JSON, BYTES, COMPACT; BIG_INTEGER, DECIMAL: two's
                                    * complement, most significant byte first */
        struct scalar_uuid uuid;
        struct scalar_moment moment;
        struct scalar_array array;
    };
};

/* Opens a Data, also one whose partition hash is set.
 * MR_ERR_TYPE: its type is none that is opened here (Portable, a user's serializer).
 * MR_ERR_MALFORMED: its payload is too short, too long, or contradicts its own counts. The
 * strings of a String[] are checked when they are read, by scalar_item. */
mr_rc_t scalar_read(const struct data *d, struct scalar *ret_v);

/* The same, and MR_ERR_TYPE unless it is of this kind. */
mr_rc_t scalar_read_as(const struct data *d, uint8_t kind, struct scalar *ret_v);

/* Writes v's payload to out and gives it as a Data, *ret_d, which borrows out's bytes.
 * MR_ERR_TYPE: an array whose items have no array type; else what sink_state says. */
mr_rc_t scalar_write(struct scalar *v, struct sink *out, struct data *ret_d);

/* Item i < count, in any order; reading forward is the fast way. */
mr_rc_t scalar_item(struct scalar_array *a, uint32_t i, struct scalar *ret_v);

/* The number in v: any integer, or any float; MR_ERR_TYPE for another kind. Never narrows. */
mr_rc_t scalar_integer(const struct scalar *v, int64_t *ret_n);
mr_rc_t scalar_real(const struct scalar *v, double *ret_n);

/* May a C program store this? Text is UTF-8, dates and times exist, a decimal has a digit.
 * Arrays are not looked into: ask about each item. */
bool scalar_sound(const struct scalar *v);

/* The plain form that a payload, a field and an item share: numbers as they are, text and bytes
 * behind a length. Not for arrays and null. scalar_take reads one of this kind from the front
 * of `size` bytes. */
mr_rc_t scalar_take(uint8_t kind, const uint8_t *at, uint32_t size, struct scalar *ret_v,
                    uint32_t *ret_used);
void scalar_put(struct sink *out, const struct scalar *v);
uint32_t scalar_size(const struct scalar *v); /* what scalar_put writes */

/* The size of this kind when it is always the same, else 0. */
uint32_t scalar_width(uint8_t kind);

/* One entry of a table of offsets: width bytes at `at`, UINT32_MAX when the value is null. */
uint32_t scalar_offset(const uint8_t *at, uint8_t width);
void scalar_put_offset(uint8_t *at, uint8_t width, uint32_t offset);
uint8_t scalar_offset_width(uint32_t data_size); /* of a table behind so many bytes */

#endif
