#include "client/dial.h"

static uint64_t longer(uint64_t pause_ms)
{
    if (pause_ms == 0)
        return DIAL_PAUSE_MS;
    pause_ms = pause_ms * DIAL_GROWTH_PERCENT / 100;
    return pause_ms < DIAL_PAUSE_MAX_MS ? pause_ms : DIAL_PAUSE_MAX_MS;
}

/* Up to so much more or less. */
static uint64_t jittered(uint64_t pause_ms, uint64_t chance)
{
    uint64_t most = pause_ms * DIAL_JITTER_PERCENT / 100;

    return pause_ms - most + chance % (2 * most + 1);
}

uint64_t dial_failed(struct dial *d, uint32_t count, uint64_t chance)
{
    if (++d->next < count)
        return 0;
    d->next = 0;
    d->pause_ms = longer(d->pause_ms);
    return jittered(d->pause_ms, chance);
}

void dial_succeeded(struct dial *d)
{
    d->pause_ms = 0;
}
