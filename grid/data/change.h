/* change.h - what is done to a queue, a list, a set, a ringbuffer or a counter: decided once, at
 * the primary, and done by everybody who has a copy.
 *
 *     queue_poll ──decides──▶ change ──object_change──▶ done here, early
 *                                          └─▶ effect ──▶ the ring ──committed──▶ done by backups
 *
 * It says what is afterwards: a place, not the value that was looked for; the values that go, not
 * those that were to stay. So it means the same everywhere.
 *
 * As bytes it is the value of an effect (effect.h), whose numbers are `at` and `n`:
 *
 *     │ size, 32 bits │ kind, 8 bits │ bytes │ size │ ...     each value
 *
 * Pure, but for memory.
 */
#ifndef GRID_DATA_CHANGE_H
#define GRID_DATA_CHANGE_H

#include "net/base/error.h"
#include "net/wire/data.h"
#include "net/wire/sink.h"

enum change_kind {
    CHANGE_INSERT,    /* values, at a place; a ringbuffer has one place only, its end */
    CHANGE_REMOVE,    /* n values from a place on; of a ringbuffer, all before the number `at` */
    CHANGE_REMOVE_AT, /* the places are 32 bits each in the one value, in order */
    CHANGE_SET,       /* the one value, in a place */
    CHANGE_ADD,       /* the one value, to a set */
    CHANGE_ERASE,     /* the one value, from a set */
    CHANGE_EMPTY,     /* everything goes, without a word */
    CHANGE_NUMBER,    /* an empty ringbuffer goes on from the number `at` */
    CHANGE_JOIN,      /* the one value is what a replica of a counter has */
    CHANGE_KINDS
};

/* More than so much is better done, and drawn, in several. */
enum { CHANGE_BYTES = 1 << 20, CHANGE_VALUES = 4096 };

struct change {
    enum change_kind kind;
    uint64_t at, n;
    const struct data *values;
    uint32_t count; /* of values */
};

/* How many of n values, one at least if there is one, are one change. */
uint32_t change_fit(const struct data *values, uint32_t n);

/* The size of its values as bytes, and they. */
size_t change_size(const struct change *x);
void change_write(const struct change *x, uint8_t *at);

/* Fills in values and count; borrowed from bytes, but for the array, which is the caller's to free.
 * MR_ERR_MALFORMED, MR_ERR_MEMORY. */
mr_rc_t change_read(const uint8_t *bytes, size_t size, struct change *x);

#endif
