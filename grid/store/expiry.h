/* expiry.h - when an entry has had its time, and which one to give up when memory is short.
 *
 * An entry ends at a time, or when it has not been used for so long. Its record says which; the
 * clock is clock.h's, to the millisecond. Who reads an entry of the second kind notes the use in
 * the record, and so do readers of a map that evicts: the only thing readers ever write, and at
 * most once a millisecond (or every tenth of a second where that is enough), so that a hot entry
 * does not become a contended cache line.
 *
 *     touched   │ milliseconds (44) │ uses (20) │
 *
 * Uses are counted in milliseconds in which the entry was used, and halve with each idle minute.
 *
 * Pure, except that noting a use is an atomic store: two readers at the same moment may count as
 * one. Any thread.
 */
#ifndef GRID_STORE_EXPIRY_H
#define GRID_STORE_EXPIRY_H

#include "grid/store/store.h"

enum { TOUCH_COARSE_MS = 100, USES_HALVE_MS = 60000, USES_MAX = (1 << TOUCHED_USES_BITS) - 1 };

static inline uint64_t touched_ms(uint64_t touched)
{
    return touched >> TOUCHED_USES_BITS;
}

/* The uses that still count at `now_ms`. */
static inline uint64_t touched_uses(uint64_t touched, uint64_t now_ms)
{
    uint64_t idle = now_ms > touched_ms(touched) ? now_ms - touched_ms(touched) : 0;
    uint64_t halvings = idle / USES_HALVE_MS;

    return halvings >= TOUCHED_USES_BITS ? 0 : (touched & USES_MAX) >> halvings;
}

/* The word of an entry used at `now_ms` for the first time. */
static inline uint64_t touched_first(uint64_t now_ms)
{
    return now_ms << TOUCHED_USES_BITS | 1;
}

/* The word after another use. */
static inline uint64_t touched_next(uint64_t touched, uint64_t now_ms)
{
    uint64_t uses = touched_uses(touched, now_ms);

    return now_ms << TOUCHED_USES_BITS | (uses < USES_MAX ? uses + 1 : USES_MAX);
}

static inline void record_touch(const struct record *r, enum store_touch touch, uint64_t now_ms)
{
    uint64_t *word = record_touched(r);
    uint64_t touched = load_relaxed_64(word);
    bool exact = touch == TOUCH_COUNT || record_idle_ms(r) != 0;

    if (now_ms >= touched_ms(touched) + (exact ? 1 : TOUCH_COARSE_MS))
        store_relaxed_64(word, touched_next(touched, now_ms));
}

/* When the record ends if nobody uses it; INDEX_NEVER: never. */
static inline uint64_t record_ends_ms(const struct record *r)
{
    if (!record_may_end(r))
        return INDEX_NEVER;
    uint64_t ends = record_expires_ms(r);
    uint64_t idle = record_idle_ms(r);

    if (idle) {
        uint64_t idles_out = touched_ms(load_relaxed_64(record_touched(r))) + idle;

        ends = ends && ends < idles_out ? ends : idles_out;
    }
    return ends ? ends : INDEX_NEVER;
}

/* Is `a` a better entry to give up than `b`? */
bool eviction_prefers(enum eviction policy, const struct record *a, const struct record *b,
                      uint64_t now_ms);

#endif
