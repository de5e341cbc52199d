#include "grid/cluster/detector.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS 1000000ull

static const struct detector_config config = {500 * MS, 1000 * MS, 150 * MS};

/* The loop runs every 50 ms, until then. */
static void run(struct detector *d, uint64_t *now_ns, uint64_t ms)
{
    for (uint64_t end = *now_ns + ms * MS; *now_ns < end;) {
        *now_ns += 50 * MS;
        detector_listened(d);
        detector_tick(d, *now_ns);
    }
}

static struct detector watched(uint64_t now_ns)
{
    struct detector d;

    detector_init(&d, &config, now_ns);
    return d;
}

Test(detector, silence_is_suspected_and_then_taken_for_failure)
{
    uint64_t now = 7000 * MS;
    struct detector d = watched(now);

    run(&d, &now, 450);
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
    run(&d, &now, 50);
    cr_assert(eq(int, detector_look(&d), DETECTOR_SUSPECT));
    run(&d, &now, 450);
    cr_assert(eq(int, detector_look(&d), DETECTOR_SUSPECT));
    run(&d, &now, 50);
    cr_assert(eq(int, detector_look(&d), DETECTOR_FAILED));
}

Test(detector, who_is_heard_is_alive_again)
{
    uint64_t now = 0;
    struct detector d = watched(now);

    run(&d, &now, 2000);
    detector_heard(&d);
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
    run(&d, &now, 950);
    cr_assert(eq(int, detector_look(&d), DETECTOR_SUSPECT));
}

Test(detector, a_stall_of_our_own_does_not_count)
{
    uint64_t now = 0;
    struct detector d = watched(now);

    run(&d, &now, 400);
    now += 60000 * MS;
    cr_assert(detector_tick(&d, now));
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
    run(&d, &now, 50);
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
    run(&d, &now, 550);
    cr_assert(eq(int, detector_look(&d), DETECTOR_FAILED));
    cr_assert(eq(u64, d.stalls, 1));
}

Test(detector, after_a_stall_it_listens_before_it_judges)
{
    uint64_t now = 0;
    struct detector d = watched(now);

    run(&d, &now, 1000);
    cr_assert(eq(int, detector_look(&d), DETECTOR_FAILED));
    now += 3000 * MS;
    detector_tick(&d, now);
    cr_assert(eq(int, detector_look(&d), DETECTOR_SUSPECT));
    now += 50 * MS;
    detector_tick(&d, now); /* the sockets have not been read yet */
    cr_assert(eq(int, detector_look(&d), DETECTOR_SUSPECT));
    detector_heard(&d);
    detector_listened(&d);
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
}

Test(detector, a_clock_that_goes_back_is_a_stall)
{
    uint64_t now = 5000 * MS;
    struct detector d = watched(now);

    now = 1000 * MS;
    cr_assert(detector_tick(&d, now));
    run(&d, &now, 450);
    cr_assert(eq(int, detector_look(&d), DETECTOR_ALIVE));
}

Test(detector, the_dead_stay_dead)
{
    struct detector d = watched(0);

    detector_dies(&d);
    detector_heard(&d);
    cr_assert(eq(int, detector_look(&d), DETECTOR_DEAD));
}

Test(clock_watch, trusts_clocks_that_go_together)
{
    struct clock_watch w;

    clock_watch_init(&w, 1000 * MS, 9000 * MS);
    cr_assert(clock_watch_agrees(&w, 1100 * MS, 9100 * MS));
    cr_assert(clock_watch_agrees(&w, 1200 * MS, 9199 * MS));
}

Test(clock_watch, sees_a_jump_a_drift_and_a_step_back)
{
    struct clock_watch w;

    clock_watch_init(&w, 1000 * MS, 9000 * MS);
    cr_assert(not(clock_watch_agrees(&w, 5000 * MS, 9100 * MS))); /* was suspended */
    cr_assert(clock_watch_agrees(&w, 5100 * MS, 9200 * MS));
    cr_assert(not(clock_watch_agrees(&w, 6100 * MS, 10220 * MS))); /* 2 percent */
    cr_assert(not(clock_watch_agrees(&w, 6099 * MS, 10320 * MS)));
}
