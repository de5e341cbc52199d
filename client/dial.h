/* dial.h - which address to try next, and when.
 *
 * Addresses are tried in turn. When the last one has failed there is a pause, which grows from
 * round to round, as in Hazelcast's clients, and has some chance in it, so that a thousand clients
 * whose member has died do not all come back in the same moment:
 *
 *     a ─ b ─ c ─ 1 s ± 20 % ─ a ─ b ─ c ─ 1.05 s ± 20 % ─ a ─ ...        at most 30 s ± 20 %
 *
 * Pure: chance comes with the call.
 */
#ifndef CLIENT_DIAL_H
#define CLIENT_DIAL_H

#include <stdint.h>

enum {
    DIAL_PAUSE_MS = 1000,
    DIAL_PAUSE_MAX_MS = 30000,
    DIAL_GROWTH_PERCENT = 105,
    DIAL_JITTER_PERCENT = 20
};

/* Zeroed: at the first address, never failed. */
struct dial {
    uint32_t next;     /* the address to try */
    uint64_t pause_ms; /* the last one, without chance; 0: there was none */
};

/* The address that was tried, one of `count`, has failed. Returns for how many milliseconds to
 * rest before the next one. `chance`: any number, evenly spread. */
uint64_t dial_failed(struct dial *d, uint32_t count, uint64_t chance);

/* It was the right one: the next search begins with it. */
void dial_succeeded(struct dial *d);

#endif
