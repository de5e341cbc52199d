#include "grid/cluster/stalls.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { A = 1, B, C, D };

static struct stalls s;
static bool news;

static enum stalls_word hear(uint64_t primary, uint64_t member, uint64_t now_ms)
{
    return stalls_hear(&s, primary, member, now_ms, &news);
}

Test(stalls, believes_what_is_said_for_a_moment)
{
    cr_assert(eq(int, hear(A, B, 1000), STALLS_WAIT));
    cr_assert(news);
    cr_assert(eq(int, hear(A, B, 1000 + STALLS_HEARD_MS - 1), STALLS_WAIT));
    cr_assert(eq(int, hear(A, B, 1000 + STALLS_HEARD_MS), STALLS_BELIEVED));
    cr_assert(not(news));
}

Test(stalls, begins_anew_with_what_was_not_said_for_long)
{
    (void)hear(A, B, 1000);
    cr_assert(eq(int, hear(A, B, 1000 + STALLS_FORGOTTEN_MS), STALLS_WAIT));
    cr_assert(news);
}

Test(stalls, suspects_who_names_several)
{
    (void)hear(A, B, 1000);
    cr_assert(eq(int, hear(A, C, 1050), STALLS_SUSPECT));
    cr_assert(eq(int, hear(A, B, 1200), STALLS_SUSPECT));
    cr_assert(eq(int, hear(A, B, 1900), STALLS_SUSPECT));
    cr_assert(eq(int, hear(A, B, 1050 + STALLS_FORGOTTEN_MS), STALLS_BELIEVED));
}

Test(stalls, believes_several_who_name_the_same)
{
    (void)hear(A, D, 1000);
    (void)hear(B, D, 1000);
    cr_assert(eq(int, hear(A, D, 1200), STALLS_BELIEVED));
    cr_assert(eq(int, hear(B, D, 1200), STALLS_BELIEVED));
}

Test(stalls, goes_on_when_there_are_more_than_it_can_remember)
{
    for (uint64_t i = 0; i < STALLS_MAX; i++)
        (void)hear(100 + i, B, 1000 + i);
    (void)hear(A, B, 2000);
    cr_assert(eq(int, hear(A, B, 2000 + STALLS_HEARD_MS), STALLS_BELIEVED));
    cr_assert(eq(int, hear(101, B, 1000 + STALLS_MAX), STALLS_WAIT), "the second is still there");
    cr_assert(not(news));
    (void)hear(100, B, 2000);
    cr_assert(news, "and the first is not");
}
