/* ringbuffer.h - the last so many values, by number; read by many, each at its own pace.
 *
 *     head             tail  next
 *       ▼                ▼    ▼
 *     │ 7 │ 8 │ 9 │ ... │ 16 │        values keep their numbers; at capacity the oldest goes
 *
 * Reading takes nothing out. Who asks for what is not there yet waits for it; who asks for what
 * has gone is told so, and goes on from head.
 *
 * With a time to live, the oldest values go when theirs is over: whoever comes next takes them out,
 * before looking. Only such a ringbuffer can be full; in one without, the oldest value may always
 * be overwritten. What keeps until when stands before each value:
 *
 *     item   │ ends, ms (8) │ bytes │        without a time to live: the bytes alone
 *
 * Any thread, inside an epoch section; see object.h.
 */
#ifndef GRID_DATA_RINGBUFFER_H
#define GRID_DATA_RINGBUFFER_H

#include "grid/data/object.h"
#include "grid/data/sequence.h"

struct ringbuffer {
    struct object object;
    struct sequence items;
    int64_t next; /* the number of the next value: tail + 1; the first one is 0 */
    uint32_t capacity;
    uint64_t ttl_ms; /* 0: values do not end */
    struct waits readers;
};

struct ringbuffer_rules {
    uint32_t capacity; /* at least 1 */
    uint64_t ttl_ms;
};

struct ringbuffer_facts {
    int64_t head, tail; /* tail == head - 1: it is empty */
    uint32_t size, capacity;
    uint32_t room; /* for values that overwrite none that is to be kept */
};

/* MR_ERR_MEMORY. */
mr_rc_t ringbuffer_new(struct partitions *ps, const char *name,
                       const struct ringbuffer_rules *rules, struct object **ret_o);
void ringbuffer_free(struct object *o);

/* Everything goes, numbers begin anew, and who waits learns that it was destroyed. MR_ERR_MEMORY:
 * nothing has changed. */
mr_rc_t ringbuffer_destroy(struct object *o);

void ringbuffer_facts(struct ringbuffer *rb, struct ringbuffer_facts *ret_facts);

/* Adds n values, and gives the number of the last one. Where there is no room for them, the oldest
 * ones go if they do not end or `overwrite` says so, else MR_ERR_BUSY. MR_ERR_FULL,
 * MR_ERR_TOO_LARGE, MR_ERR_MEMORY: nothing has changed, but that some of more than CHANGE_BYTES may
 * have been added. */
mr_rc_t ringbuffer_add(struct ringbuffer *rb, const struct data *values, uint32_t n, bool overwrite,
                       int64_t *ret_last);

/* The value of this number. MR_PENDING, or without a waiter MR_NOT_FOUND: it is the next one.
 * MR_ERR_STALE: it has gone. MR_ERR_ARGUMENT: beyond the next one. MR_ERR_DESTROYED. */
mr_rc_t ringbuffer_read(struct ringbuffer *rb, int64_t number, struct waiter *w,
                        struct data *ret_value);

/* The values from a number on, at most `most`, in order; *ret_n of them. As long as there are
 * fewer than `least`, MR_PENDING, or without a waiter MR_NOT_FOUND. Other errors as
 * ringbuffer_read, and MR_ERR_ARGUMENT: least is more than most, or than the capacity. */
mr_rc_t ringbuffer_read_many(struct ringbuffer *rb, int64_t number, uint32_t least, uint32_t most,
                             struct waiter *w, value_visit visit, void *context, uint32_t *ret_n);

#endif
