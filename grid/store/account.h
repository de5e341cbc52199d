/* account.h - who may use how much memory; a hard ceiling that never waits.
 *
 * Every byte of map data is charged here before it is used, so a member cannot outgrow its
 * max-memory: a charge that would pass the limit is refused, and the caller evicts or answers
 * MR_ERR_FULL. Arenas take their share in grants, so that the one shared word is not written by
 * every put.
 *
 * What a cluster has agreed must be applied: the thread that does so overdraws, by the little that
 * could not be foreseen when the change was admitted (a part of an index). Later charges are
 * refused until that is made up for.
 *
 * Invariant: everything in use is reserved, and reserved <= limit but for what was overdrawn. Any
 * thread.
 */
#ifndef GRID_STORE_ACCOUNT_H
#define GRID_STORE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/atomic.h"

struct account {
    uint64_t limit;    /* bytes; UINT64_MAX: no limit. Fixed after start */
    uint64_t reserved; /* bytes granted to arenas, used or not */
};

extern __thread bool account_overdraws __attribute__((tls_model("initial-exec")));

static inline bool account_fits(const struct account *a, uint64_t reserved, uint64_t bytes)
{
    return bytes <= a->limit && reserved <= a->limit - bytes;
}

/* Would it refuse `bytes` more at this moment? */
static inline bool account_refuses(const struct account *a, uint64_t bytes)
{
    return !account_fits(a, load_relaxed_64(&a->reserved), bytes);
}

/* Takes `bytes` more, or takes nothing and says false. */
static inline bool account_charge(struct account *a, uint64_t bytes)
{
    for (;;) {
        uint64_t now = load_relaxed_64(&a->reserved);

        if (!account_fits(a, now, bytes) && !account_overdraws)
            return false;
        if (compare_and_set_64(&a->reserved, now, now + bytes))
            return true;
    }
}

static inline void account_return(struct account *a, uint64_t bytes)
{
    fetch_sub_64(&a->reserved, bytes);
}

#endif
