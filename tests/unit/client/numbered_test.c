#include "client/numbered.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MS 1000000ull

static struct numbered n;

static void open(void)
{
    numbered_init(&n);
}

TestSuite(numbered, .init = open);

/* In a session. */
static void in_session(uint64_t session)
{
    struct number x = {.wanted = true};

    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
    cr_assert(numbered_asks(&n, 1));
    numbered_opened(&n, session);
}

static void goes(struct number *x, uint64_t session, uint64_t opno, uint64_t first)
{
    cr_assert(numbered_take(&n, x, 1) == NUMBERED_GOES);
    cr_assert(eq(u64, x->session, session));
    cr_assert(eq(u64, x->opno, opno));
    cr_assert(eq(u64, x->first, first));
}

Test(numbered, asks_for_no_session_before_there_is_a_change)
{
    struct number x = {0};

    cr_assert(not(numbered_asks(&n, 1)));
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
    cr_assert(numbered_asks(&n, 1));
    cr_assert(not(numbered_asks(&n, 2)));
}

Test(numbered, changes_wait_for_a_session_but_not_for_long)
{
    struct number x = {0}, y = {0};

    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
    cr_assert(numbered_take(&n, &x, NUMBERED_WAIT_MS * MS) == NUMBERED_WAITS);
    cr_assert(numbered_take(&n, &x, NUMBERED_WAIT_MS * MS + 1) == NUMBERED_PLAIN);
    cr_assert(numbered_take(&n, &y, NUMBERED_WAIT_MS * MS + 1) == NUMBERED_PLAIN);
}

Test(numbered, nothing_is_numbered_where_there_are_no_sessions)
{
    struct number x = {0};

    in_session(0);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_PLAIN);
    cr_assert(not(numbered_asks(&n, UINT64_MAX / 2)));
    numbered_hope(&n);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
}

Test(numbered, numbers_rise_and_the_first_that_is_under_way_is_told)
{
    struct number x[3] = {0};

    in_session(7);
    goes(&x[0], 7, 1, 1);
    goes(&x[1], 7, 2, 1);
    goes(&x[2], 7, 3, 1);
    numbered_done(&x[1]);
    goes(&x[2], 7, 3, 1);
    numbered_done(&x[0]);
    goes(&x[2], 7, 3, 3);
    numbered_done(&x[2]);
    goes(&x[0], 7, 4, 4);
}

Test(numbered, what_is_sent_again_has_the_same_number)
{
    struct number x = {0}, y = {0};

    in_session(7);
    goes(&x, 7, 1, 1);
    goes(&y, 7, 2, 1);
    goes(&x, 7, 1, 1);
}

Test(numbered, what_was_sent_in_a_session_that_is_over_keeps_its_number)
{
    struct number x = {0}, y = {0}, z = {0};

    in_session(7);
    goes(&x, 7, 1, 1);
    goes(&y, 7, 2, 1);
    numbered_ended(&n, 7);
    in_session(9);
    goes(&z, 9, 3, 3);
    goes(&x, 7, 1, 1);
    numbered_drop(&y);
    goes(&y, 9, 4, 3);
}

Test(numbered, a_session_that_is_over_is_not_taken_again)
{
    struct number x = {0};

    in_session(7);
    numbered_ended(&n, 7);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
    cr_assert(numbered_asks(&n, 1));
    numbered_opened(&n, 7);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_WAITS);
    cr_assert(numbered_asks(&n, 1 + NUMBERED_AGAIN_MS * MS));
    numbered_opened(&n, 8);
    goes(&x, 8, 1, 1);
}

Test(numbered, no_number_is_given_twice_even_if_a_session_is_found_again)
{
    struct number x = {0}, y = {0};

    in_session(7);
    goes(&x, 7, 1, 1);
    numbered_opened(&n, 0);
    numbered_hope(&n);
    in_session(7);
    goes(&y, 7, 2, 2);
    goes(&x, 7, 1, 1);
}

Test(numbered, a_session_is_kept_open)
{
    in_session(7);
    cr_assert(not(numbered_asks(&n, NUMBERED_KEEP_MS * MS)));
    cr_assert(numbered_asks(&n, NUMBERED_KEEP_MS * MS + 1));
    cr_assert(not(numbered_asks(&n, NUMBERED_KEEP_MS * MS + 2)));
    cr_assert(numbered_asks(&n, (NUMBERED_KEEP_MS + NUMBERED_SILENT_MS) * MS + 1));
}

Test(numbered, numbers_of_another_cluster_mean_nothing)
{
    struct number x = {0}, y = {0};

    in_session(7);
    goes(&x, 7, 1, 1);
    numbered_forget(&n);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_LOST);
    in_session(7);
    goes(&y, 7, 2, 2);
    cr_assert(numbered_take(&n, &x, 1) == NUMBERED_LOST);
}
