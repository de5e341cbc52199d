#include "grid/cluster/stalls.h"

static bool is_of_late(const struct stall *x, uint64_t now_ms)
{
    return x->member != 0 && now_ms - x->last_ms < STALLS_FORGOTTEN_MS;
}

/* Where it was said before; else the place that can be spared. */
static struct stall *place_of(struct stalls *s, uint64_t primary, uint64_t member)
{
    struct stall *spare = &s->at[0];

    for (uint32_t i = 0; i < STALLS_MAX; i++) {
        struct stall *x = &s->at[i];

        if (x->primary == primary && x->member == member)
            return x;
        if (x->last_ms < spare->last_ms)
            spare = x;
    }
    return spare;
}

static bool names_others(const struct stalls *s, const struct stall *said, uint64_t now_ms)
{
    for (uint32_t i = 0; i < STALLS_MAX; i++)
        if (s->at[i].primary == said->primary && s->at[i].member != said->member &&
            is_of_late(&s->at[i], now_ms))
            return true;
    return false;
}

enum stalls_word stalls_hear(struct stalls *s, uint64_t primary, uint64_t member, uint64_t now_ms,
                             bool *ret_news)
{
    struct stall *x = place_of(s, primary, member);

    *ret_news = x->primary != primary || x->member != member || !is_of_late(x, now_ms);
    if (*ret_news)
        *x = (struct stall){primary, member, now_ms, now_ms};
    x->last_ms = now_ms;
    if (names_others(s, x, now_ms))
        return STALLS_SUSPECT;
    return now_ms - x->first_ms < STALLS_HEARD_MS ? STALLS_WAIT : STALLS_BELIEVED;
}
