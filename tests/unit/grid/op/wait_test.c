#include "grid/op/wait.h"

#include <criterion/criterion.h>

/* One partition, and sleepers that count how often they were woken. */
struct sleeper {
    struct waiter waiter;
    int wakes;
};

static struct partition p;
static struct waits waits;
static struct sleeper a, b, c;

static void count_wake(struct waiter *w)
{
    list_owner(w, struct sleeper, waiter)->wakes++;
}

static void begin(void)
{
    pthread_mutex_init(&p.lock, NULL);
    waits_init(&waits);
    a.waiter.wake = b.waiter.wake = c.waiter.wake = count_wake;
    waits_add(&waits, &p, &a.waiter, UINT64_MAX);
    waits_add(&waits, &p, &b.waiter, UINT64_MAX);
    waits_add(&waits, &p, &c.waiter, UINT64_MAX);
}

TestSuite(wait, .init = begin);

Test(wait, wakes_the_one_that_has_waited_longest)
{
    waits_wake(&waits);
    cr_assert(a.wakes == 1 && b.wakes == 0 && c.wakes == 0);
    waits_wake(&waits);
    cr_assert(a.wakes == 1 && b.wakes == 1 && c.wakes == 0);
}

Test(wait, wakes_nobody_twice_before_it_has_left)
{
    waits_wake_all(&waits);
    waits_wake_all(&waits);
    waits_wake(&waits);
    cr_assert(a.wakes == 1 && b.wakes == 1 && c.wakes == 1);
}

Test(wait, tells_one_that_leaves_whether_it_was_woken)
{
    waits_wake(&waits);
    cr_assert(waiter_leave_locked(&a.waiter));
    cr_assert(!waiter_leave_locked(&a.waiter), "it is out");
    cr_assert(!waiter_leave_locked(&b.waiter), "nobody woke it");
    cr_assert(b.wakes == 0 && c.wakes == 0);
}

Test(wait, tells_everybody_when_there_is_nothing_more_to_wait_for)
{
    waits_wake(&waits);
    waits_end(&waits);
    cr_assert(a.waiter.over && b.waiter.over && c.waiter.over);
    cr_assert(a.wakes == 1 && b.wakes == 1 && c.wakes == 1);
}

Test(wait, owes_nothing_when_one_gives_up_that_nobody_woke)
{
    waiter_cancel(&a.waiter);
    cr_assert(b.wakes == 0 && c.wakes == 0);
    waits_wake(&waits);
    cr_assert(a.wakes == 0 && b.wakes == 1);
}

Test(wait, lets_a_waiter_sleep_again_behind_the_others)
{
    cr_assert(!waiter_leave_locked(&a.waiter));
    waits_add(&waits, &p, &a.waiter, 7);
    cr_assert(a.waiter.retry_ns == 7);
    waits_wake(&waits);
    waits_wake(&waits);
    cr_assert(a.wakes == 0 && b.wakes == 1 && c.wakes == 1);
}

Test(wait, passes_a_wake_up_on_when_the_woken_one_gives_up)
{
    waits_wake(&waits);
    waiter_cancel(&a.waiter);
    cr_assert(b.wakes == 1);
    waiter_cancel(&a.waiter);
    waiter_cancel(&b.waiter);
    waiter_cancel(&c.waiter);
    cr_assert(waits_are_empty(&waits) && a.wakes == 1);
}
