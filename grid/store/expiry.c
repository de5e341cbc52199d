#include "grid/store/expiry.h"

#include "net/base/check.h"

bool eviction_prefers(enum eviction policy, const struct record *a, const struct record *b,
                      uint64_t now_ms)
{
    bool a_over = record_is_over(a, now_ms);

    if (a_over != record_is_over(b, now_ms))
        return a_over;
    if (policy == EVICT_RANDOM)
        return false; /* the sample is a random one already */

    check(a->key_kind & b->key_kind & RECORD_TOUCHED);
    uint64_t x = load_relaxed_64(record_touched(a));
    uint64_t y = load_relaxed_64(record_touched(b));

    if (policy == EVICT_LFU && touched_uses(x, now_ms) != touched_uses(y, now_ms))
        return touched_uses(x, now_ms) < touched_uses(y, now_ms);
    return touched_ms(x) < touched_ms(y);
}
