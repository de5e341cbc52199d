#include "grid/cluster/detector.h"

enum { CLOCK_READING_NS = 1000000 }; /* that may go by between the reading of two clocks */

void detector_init(struct detector *d, const struct detector_config *config, uint64_t now_ns)
{
    *d = (struct detector){.config = *config, .ticked_ns = now_ns};
}

void detector_heard(struct detector *d)
{
    d->silent_ns = 0;
}

bool detector_tick(struct detector *d, uint64_t now_ns)
{
    uint64_t step = now_ns - d->ticked_ns;
    bool stalled = now_ns < d->ticked_ns || step > d->config.stall_ns;

    d->ticked_ns = now_ns;
    d->deaf |= stalled;
    d->stalls += stalled;
    if (!d->deaf)
        d->silent_ns += step;
    return stalled;
}

void detector_listened(struct detector *d)
{
    d->deaf = false;
}

void detector_dies(struct detector *d)
{
    d->dead = true;
}

enum detector_word detector_look(const struct detector *d)
{
    if (d->dead)
        return DETECTOR_DEAD;
    if (d->silent_ns >= d->config.fail_ns && !d->deaf)
        return DETECTOR_FAILED;
    return d->silent_ns >= d->config.suspect_ns ? DETECTOR_SUSPECT : DETECTOR_ALIVE;
}

void clock_watch_init(struct clock_watch *w, uint64_t boot_ns, uint64_t raw_ns)
{
    *w = (struct clock_watch){boot_ns, raw_ns};
}

bool clock_watch_agrees(struct clock_watch *w, uint64_t boot_ns, uint64_t raw_ns)
{
    bool forward = boot_ns >= w->boot_ns && raw_ns >= w->raw_ns;
    uint64_t boot = boot_ns - w->boot_ns, raw = raw_ns - w->raw_ns;
    uint64_t apart = boot > raw ? boot - raw : raw - boot;

    *w = (struct clock_watch){boot_ns, raw_ns};
    return forward && apart <= raw * CLOCK_PERCENT / 100 + CLOCK_READING_NS;
}
