/* history.h - what clients asked for and were told, in the order in which it happened.
 *
 *     process 1   ├── put r1 5 ──────ok┤                   ├── get r1 ──── 5 ┤
 *     process 2          ├── cas r1 5 7 ──────────────────────────info
 *
 * A call begins with an invocation and ends with one of three events:
 *
 *     ok      it was done, and this is the answer
 *     fail    it was not done, and never will be
 *     info    nobody knows: it may have been done, or may still be
 *
 * A process does one call after the other. After an info it does nothing more, because that call
 * may still be under way; a client goes on as another process.
 *
 * What is asked for stands in the invocation, what was answered in the ok:
 *
 *     f        v asked      old asked    v answered      old answered
 *     get                                what it read
 *     put      the value
 *     cas      the new one  expected                     what it found: done, if as expected
 *     del
 *     incr     by how much               the sum
 *     append   the item
 *
 * An answer may also be left unsaid, though the call was done. `ver` is the place in the order of
 * the partition: a write's own, a read's that of the last write that it could see.
 *
 * A file has one JSON object a line:
 *     {"i":17,"p":3,"t":123456789,"ty":"ok","f":"cas","k":"r5","v":7,"old":null,"ver":[2,9],
 *      "node":"n2","sess":9,"op":41}
 * i: the event's number; p: process; t: nanoseconds of one clock, which never go back. v and old
 * are null, a number or a list of numbers; what was not said is left out.
 *
 * For tests: dies where there is no memory. One thread.
 */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include <stdio.h>

#include "net/base/error.h"
#include "tests/sim/values.h"

enum event_type { EVENT_INVOKE, EVENT_OK, EVENT_FAIL, EVENT_INFO, EVENT_TYPES };

struct event {
    uint64_t time_ns;
    enum event_type type;
    enum call call;
    uint32_t process, key;
    int32_t value, old; /* of the history's values, or VALUE_UNSAID */
    bool placed;        /* epoch and seq are known */
    uint64_t epoch, seq;
    uint32_t node; /* that was asked, or answered */
    uint64_t session, opno;
};

struct history {
    struct values values;
    struct event *events;
    uint32_t count, room;
};

enum { NEVER = UINT32_MAX };

/* An invocation and what it ended with. */
struct operation {
    enum call call;
    enum event_type end; /* EVENT_INFO also when it did not end */
    uint32_t process, key;
    int32_t value, old; /* asked */
    int32_t said;       /* the one value that an ok can say, or VALUE_UNSAID */
    bool placed;
    uint64_t epoch, seq;
    uint32_t invoked, returned; /* numbers of events; NEVER, unless it is certain how it ended */
};

void history_init(struct history *h);
void history_free(struct history *h);

void history_add(struct history *h, const struct event *e);

/* The operations, in the order of their invocations; they are the caller's, to be freed with
 * mem_free. MR_ERR_MALFORMED: event *ret_at cannot come there. */
mr_rc_t history_operations(const struct history *h, struct operation **ret_ops, uint32_t *ret_count,
                           uint32_t *ret_at);

/* MR_ERR_SYSTEM: it could not be written. */
mr_rc_t history_write(const struct history *h, FILE *to);

/* Adds what a file says. MR_ERR_MALFORMED: event h->count cannot be understood, or is earlier than
 * the one before it. MR_ERR_SYSTEM: it could not be read. */
mr_rc_t history_read(struct history *h, FILE *from);

#endif
