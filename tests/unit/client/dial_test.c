#include "client/dial.h"

#include <criterion/criterion.h>

Test(dial, tries_every_address_before_it_rests)
{
    struct dial d = {0};

    cr_assert_eq(dial_failed(&d, 3, 0), 0);
    cr_assert_eq(d.next, 1);
    cr_assert_eq(dial_failed(&d, 3, 0), 0);
    cr_assert_eq(d.next, 2);
    cr_assert(dial_failed(&d, 3, 0) > 0);
    cr_assert_eq(d.next, 0);
}

Test(dial, rests_longer_each_round_but_not_for_ever)
{
    struct dial d = {0};
    uint64_t last = 0;

    for (int i = 0; i < 200; i++) {
        uint64_t pause = dial_failed(&d, 1, 200 * (uint64_t)i);

        cr_assert(pause >= 800 && pause <= 36000, "%llu", (unsigned long long)pause);
        cr_assert(d.pause_ms >= last && d.pause_ms <= DIAL_PAUSE_MAX_MS);
        last = d.pause_ms;
    }
    cr_assert_eq(last, DIAL_PAUSE_MAX_MS);
}

Test(dial, has_chance_in_its_pauses)
{
    struct dial first = {0}, second = {0};

    cr_assert_eq(dial_failed(&first, 1, 0), 800);
    cr_assert_eq(dial_failed(&second, 1, 400), 1200);
}

Test(dial, begins_anew_after_it_has_succeeded)
{
    struct dial d = {0};

    for (int i = 0; i < 100; i++)
        dial_failed(&d, 1, 7);
    dial_succeeded(&d);
    cr_assert(dial_failed(&d, 1, 200) == DIAL_PAUSE_MS);
}
