#include "grid/cluster/leaving.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct leaving l;
static struct leaving_facts f;
static uint64_t now_ms;

/* One of three, which has something and leads. */
static void begin(void)
{
    l = (struct leaving){0};
    f = (struct leaving_facts){.in = true, .others = 2, .copies = 4, .leads = true};
    now_ms = 1000;
    leaving_begin(&l, now_ms);
}

TestSuite(leaving, .init = begin);

static struct leaving_actions after(uint64_t ms)
{
    now_ms += ms;
    return leaving_step(&l, &f, now_ms);
}

Test(leaving, does_nothing_unless_it_has_begun)
{
    l = (struct leaving){0};
    cr_assert(not(after(0).ask));
    cr_assert(eq(int, l.state, LEAVING_NOT));
}

Test(leaving, is_over_at_once_for_who_is_in_no_cluster)
{
    f.in = false;
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_OVER));
}

Test(leaving, is_over_at_once_for_the_last_one)
{
    f.others = 0;
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_OVER));
}

Test(leaving, asks_again_until_it_is_agreed)
{
    cr_assert(after(0).ask);
    cr_assert(not(after(LEAVING_AGAIN_MS - 1).ask));
    cr_assert(after(1).ask);
    f.agreed = true;
    cr_assert(not(after(LEAVING_AGAIN_MS).ask));
    cr_assert(eq(int, l.state, LEAVING_GIVING));
}

Test(leaving, hands_on_what_it_leads_and_waits_until_it_has_nothing)
{
    f.agreed = true;
    (void)after(0);
    cr_assert(after(0).transfer);
    cr_assert(not(after(1).transfer));
    cr_assert(after(LEAVING_TRANSFER_MS).transfer);
    f.leads = false;
    cr_assert(not(after(LEAVING_TRANSFER_MS).transfer));
    cr_assert(eq(int, l.state, LEAVING_GIVING));
    f.copies = 0;
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_LINGERING));
}

Test(leaving, of_two_leads_to_the_end)
{
    f.agreed = true;
    f.others = 1;
    (void)after(0);
    cr_assert(not(after(0).transfer));
}

Test(leaving, asks_anew_when_it_had_to_stay)
{
    f.agreed = true;
    (void)after(0);
    f.agreed = false;
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_ASKING));
    cr_assert(after(0).ask);
}

/* Up to the moment at which it parts. */
static void part(void)
{
    f.agreed = true;
    f.copies = 0;
    (void)after(0);
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_LINGERING));
    (void)after(LEAVING_LINGERS_MS - 1);
    cr_assert(eq(int, l.state, LEAVING_LINGERING));
    (void)after(1);
    cr_assert(eq(int, l.state, LEAVING_PARTING));
}

Test(leaving, is_over_when_it_is_agreed_that_it_is_out)
{
    part();
    cr_assert(after(0).ask_out);
    cr_assert(not(after(1).ask_out));
    cr_assert(after(LEAVING_AGAIN_MS).ask_out);
    f.in = false;
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_OVER));
}

Test(leaving, ends_all_the_same_when_nobody_answers_who_has_nothing)
{
    part();
    (void)after(LEAVING_PARTS_MS - 1);
    cr_assert(eq(int, l.state, LEAVING_PARTING));
    (void)after(1);
    cr_assert(eq(int, l.state, LEAVING_OVER));
}

Test(leaving, of_two_says_goodbye_once_and_waits_until_they_need_each_other)
{
    f.others = 1;
    part();
    struct leaving_actions a = after(0);

    cr_assert(not(a.goodbye));
    cr_assert(not(a.ask_out));
    f.two = true;
    a = after(0);
    cr_assert(a.goodbye);
    cr_assert(not(a.ask_out));
    cr_assert(not(after(LEAVING_FLUSH_MS - 1).goodbye));
    cr_assert(eq(int, l.state, LEAVING_PARTING));
    f.others = 0; /* the goodbye is still on its way */
    (void)after(0);
    cr_assert(eq(int, l.state, LEAVING_PARTING));
    (void)after(1);
    cr_assert(eq(int, l.state, LEAVING_OVER));
}
