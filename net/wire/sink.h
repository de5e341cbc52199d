/* sink.h - where a value's bytes are written to, number by number.
 *
 * Three ways: into room that the caller gives, into a heap buffer that grows, or nowhere, which
 * measures. `size` goes on counting when there is no room, so a writer writes straight through
 * and asks once, at the end, whether all went well: sink_state().
 *
 *     struct sink measure = {0};                                 counts only
 *     struct sink given = {.at = buffer, .room = sizeof buffer};
 *     struct sink growing = {.grows = true};                     sink_free() when done
 *
 * Pure but for the heap of a growing one. One thread at a time.
 */
#ifndef NET_WIRE_SINK_H
#define NET_WIRE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/error.h"

enum { SINK_SIZE_MAX = INT32_MAX }; /* lengths on the wire are signed 32-bit numbers */

struct sink {
    uint8_t *at;
    size_t room;
    size_t size;
    bool grows;
    bool out_of_memory;
};

/* Counts n bytes more. Returns where they go, NULL when they have no place. */
uint8_t *sink_more(struct sink *s, size_t n);

void sink_put(struct sink *s, const void *bytes, size_t n);
void sink_put8(struct sink *s, uint8_t v);
void sink_put16(struct sink *s, uint16_t v);
void sink_put32(struct sink *s, uint32_t v);
void sink_put64(struct sink *s, uint64_t v);

/* MR_OK: every byte is there. MR_ERR_MEMORY; MR_ERR_TOO_LARGE: more than the room given, or
 * more than SINK_SIZE_MAX. */
mr_rc_t sink_state(const struct sink *s);

void sink_free(struct sink *s); /* a growing one's buffer; it is empty afterwards */

#endif
