#define _GNU_SOURCE
#include "net/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

static uint64_t now_ns = 1000;
static char seen[256]; /* what was called, a letter each */

static uint64_t test_clock(void *context)
{
    (void)context;
    return now_ns;
}

static void see(void *letter)
{
    strcat(seen, letter);
}

/* A loop that the test drives, in the test's time. */
static struct loop *driven(void)
{
    struct loop *loop;

    clock_set(test_clock, NULL);
    cr_assert(eq(int, loop_new(&loop), MR_OK));
    return loop;
}

/* ---- timers --------------------------------------------------------------------------------- */

Test(loop, calls_timers_in_the_order_of_their_times_and_not_before)
{
    struct loop *loop = driven();
    struct loop_timer a = {0}, b = {0}, c = {0};

    timer_start_on_loop(loop, &a, 30, 0, see, "a");
    timer_start_on_loop(loop, &b, 10, 0, see, "b");
    timer_start_on_loop(loop, &c, 10, 0, see, "c");
    cr_assert(eq(u64, loop_round(loop), 1010));
    cr_assert(eq(str, seen, ""));
    now_ns = 1010;
    cr_assert(eq(u64, loop_round(loop), 1030));
    cr_assert(eq(str, seen, "bc"));
    now_ns = 1031;
    cr_assert(eq(u64, loop_round(loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "bca"));
    cr_assert(not(timer_is_running(&a)));
    loop_free(loop);
}

Test(loop, repeats_a_timer_and_skips_what_was_missed)
{
    struct loop *loop = driven();
    struct loop_timer t = {0};

    timer_start_on_loop(loop, &t, 5, 10, see, "x");
    now_ns = 1005;
    cr_assert(eq(u64, loop_round(loop), 1015));
    now_ns = 1042;
    cr_assert(eq(u64, loop_round(loop), 1045));
    cr_assert(eq(str, seen, "xx"));
    timer_cancel_on_loop(loop, &t);
    timer_cancel_on_loop(loop, &t);
    now_ns = 2000;
    cr_assert(eq(u64, loop_round(loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "xx"));
    loop_free(loop);
}

static struct loop *the_loop;
static struct loop_timer first, second;

static void cancel_both(void *letter)
{
    see(letter);
    timer_cancel_on_loop(the_loop, &first);
    timer_cancel_on_loop(the_loop, &second);
}

Test(loop, a_timer_cancels_itself_and_others_from_its_callback)
{
    the_loop = driven();
    timer_start_on_loop(the_loop, &first, 0, 10, cancel_both, "1");
    timer_start_on_loop(the_loop, &second, 0, 0, see, "2");
    cr_assert(eq(u64, loop_round(the_loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "1"));
    loop_free(the_loop);
}

static void start_again(void *letter)
{
    see(letter);
    timer_start_on_loop(the_loop, &first, 0, 0, start_again, letter);
}

Test(loop, a_timer_started_by_a_timer_waits_for_the_next_round)
{
    the_loop = driven();
    timer_start_on_loop(the_loop, &first, 0, 0, start_again, "1");
    cr_assert(le(u64, loop_round(the_loop), now_ns));
    cr_assert(eq(str, seen, "1"));
    (void)loop_round(the_loop);
    cr_assert(eq(str, seen, "11"));
    loop_free(the_loop);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void post_more(void *letter)
{
    see(letter);
    cr_assert(eq(int, loop_post(the_loop, see, "m"), MR_OK));
}

Test(loop, runs_messages_in_order_and_those_they_post_in_the_next_round)
{
    the_loop = driven();
    cr_assert(eq(int, loop_post(the_loop, post_more, "a"), MR_OK));
    cr_assert(eq(int, loop_post(the_loop, see, "b"), MR_OK));
    cr_assert(zero(u64, loop_round(the_loop)));
    cr_assert(eq(str, seen, "ab"));
    cr_assert(eq(u64, loop_round(the_loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "abm"));
    loop_free(the_loop);
}

static void count_up(void *n)
{
    ++*(uint64_t *)n;
}

Test(loop, refuses_a_message_when_its_mailbox_is_full)
{
    struct loop *loop = driven();
    uint64_t n = 0;

    for (int i = 0; i < LOOP_MAILBOX; i++)
        cr_assert(eq(int, loop_post(loop, count_up, &n), MR_OK));
    cr_assert(eq(int, loop_post(loop, count_up, &n), MR_ERR_BUSY));
    (void)loop_round(loop);
    cr_assert(eq(u64, n, LOOP_MAILBOX));
    cr_assert(eq(int, loop_post(loop, count_up, &n), MR_OK));
    loop_free(loop);
    cr_assert(eq(u64, n, LOOP_MAILBOX + 1)); /* run at the latest when it is freed */
}

/* ---- tasklets ------------------------------------------------------------------------------- */

struct work {
    struct tasklet tasklet;
    const char *letter;
    int left; /* runs that will report more */
};

static enum progress work(void *context, uint64_t budget_ns)
{
    struct work *w = context;

    cr_assert(eq(u64, budget_ns, LOOP_TASKLET_BUDGET_NS));
    strcat(seen, w->letter);
    return w->left-- > 0 ? PROGRESS_MORE : PROGRESS_IDLE;
}

static void add_work(struct loop *loop, struct work *w, const char *letter, int left)
{
    *w = (struct work){.tasklet = {.run = work, .context = w}, .letter = letter, .left = left};
    tasklet_add_on_loop(loop, &w->tasklet);
}

Test(loop, runs_tasklets_in_turn_until_they_are_idle_and_again_when_woken)
{
    struct loop *loop = driven();
    struct work a, b;

    add_work(loop, &a, "a", 0);
    add_work(loop, &b, "b", 1);
    cr_assert(zero(u64, loop_round(loop)));
    cr_assert(eq(u64, loop_round(loop), LOOP_NEVER));
    (void)loop_round(loop);
    cr_assert(eq(str, seen, "abb"));
    tasklet_wake(&a.tasklet);
    tasklet_wake(&a.tasklet);
    (void)loop_round(loop);
    (void)loop_round(loop);
    cr_assert(eq(str, seen, "abba"));
    loop_free(loop);
}

static enum progress wake_itself(void *context, uint64_t budget_ns)
{
    (void)budget_ns;
    strcat(seen, "w");
    if (strlen(seen) < 3)
        tasklet_wake(context);
    return PROGRESS_IDLE;
}

Test(loop, keeps_a_wake_up_that_came_while_the_tasklet_was_running)
{
    struct loop *loop = driven();
    struct tasklet t = {.run = wake_itself, .context = &t};

    tasklet_add_on_loop(loop, &t);
    while (loop_round(loop) != LOOP_NEVER)
        ;
    cr_assert(eq(str, seen, "www"));
    loop_free(loop);
}

static enum progress remove_next_and_itself(void *context, uint64_t budget_ns)
{
    struct work *all = context; /* [0] is this one */

    (void)budget_ns;
    strcat(seen, "r");
    tasklet_remove_on_loop(&all[1].tasklet);
    tasklet_remove_on_loop(&all[0].tasklet);
    free(all);
    return PROGRESS_MORE;
}

Test(loop, a_tasklet_may_remove_and_free_itself_and_the_next_one)
{
    struct loop *loop = driven();
    struct work *all = calloc(2, sizeof *all);
    struct work last;

    all[0].tasklet = (struct tasklet){.run = remove_next_and_itself, .context = all};
    tasklet_add_on_loop(loop, &all[0].tasklet);
    add_work(loop, &all[1], "x", 0);
    add_work(loop, &last, "l", 0);
    cr_assert(eq(u64, loop_round(loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "rl"));
    loop_free(loop);
}

/* ---- parts and sockets ---------------------------------------------------------------------- */

static uint64_t at_2000(void *context)
{
    (void)context;
    return 2000;
}

static void see_upper(void *letter)
{
    char upper[] = {(char)(*(char *)letter - 'a' + 'A'), '\0'};

    strcat(seen, upper);
}

Test(loop, parts_begin_and_end_each_round_the_last_added_first)
{
    struct loop *loop = driven();
    struct loop_part below = {.begin = see, .end = see_upper, .next_ns = at_2000, .context = "a"};
    struct loop_part above = {.begin = see, .end = see_upper, .context = "b"};

    part_add_on_loop(loop, &below);
    part_add_on_loop(loop, &above);
    cr_assert(eq(int, loop_post(loop, see, "m"), MR_OK));
    cr_assert(eq(u64, loop_round(loop), 2000));
    cr_assert(eq(str, seen, "bamBA"));
    part_remove_on_loop(loop, &below);
    cr_assert(eq(u64, loop_round(loop), LOOP_NEVER));
    cr_assert(eq(str, seen, "bamBAbB"));
    loop_free(loop);
}

static void see_readable(int fd, short what, void *letter)
{
    char byte;

    (void)what;
    cr_assert(eq(sz, (size_t)read(fd, &byte, 1), 1));
    see(letter);
}

Test(loop, polls_sockets_before_the_rest)
{
    struct loop *loop = driven();
    int ends[2];

    cr_assert(zero(int, pipe(ends)));
    struct event *e =
        event_new(loop_events_on_loop(loop), ends[0], EV_READ | EV_PERSIST, see_readable, "s");

    event_add(e, NULL);
    cr_assert(eq(int, loop_post(loop, see, "m"), MR_OK));
    cr_assert(eq(sz, (size_t)write(ends[1], "x", 1), 1));
    (void)loop_round(loop);
    cr_assert(eq(str, seen, "sm"));
    event_free(e);
    loop_free(loop);
}

/* ---- whose functions they are --------------------------------------------------------------- */

static void touch_another_loop(void *another)
{
    static struct loop_timer t;

    timer_start_on_loop(another, &t, 0, 0, see, "!");
}

Test(loop, stops_the_program_that_touches_one_loop_from_inside_another, .signal = SIGABRT)
{
    struct loop *a = driven(), *b = driven();

    cr_assert(eq(int, loop_post(a, touch_another_loop, b), MR_OK));
    (void)loop_round(a);
}

Test(loop, stops_the_program_that_touches_it_while_it_has_a_thread, .signal = SIGABRT)
{
    struct loop *loop;

    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, loop_start(loop, "mr-loop-0"), MR_OK));
    touch_another_loop(loop);
}

static void note_loop(void *ret_loop)
{
    *(struct loop **)ret_loop = loop_current();
}

Test(loop, tells_on_which_loop_a_function_runs)
{
    struct loop *loop = driven(), *told = NULL;

    cr_assert(eq(int, loop_post(loop, note_loop, &told), MR_OK));
    (void)loop_round(loop);
    cr_assert(eq(ptr, told, loop));
    cr_assert(zero(ptr, loop_current()));
    loop_free(loop);
}

/* ---- with a thread -------------------------------------------------------------------------- */

static struct loop *threaded(void)
{
    struct loop *loop;

    cr_assert(eq(int, loop_new(&loop), MR_OK));
    cr_assert(eq(int, loop_start(loop, "mr-loop-0"), MR_OK));
    return loop;
}

static void await_sleep(const struct loop *loop)
{
    while (!loop_is_asleep(loop))
        usleep(100); /* between two looks */
}

Test(loop, wakes_from_its_sleep_for_a_message, .timeout = 20)
{
    struct loop *loop = threaded();
    uint64_t n = 0;

    for (uint64_t i = 1; i <= 20; i++) {
        await_sleep(loop);
        uint64_t before = loop_rounds(loop);

        cr_assert(eq(int, loop_post(loop, count_up, &n), MR_OK));
        while (load_acquire_64(&n) < i)
            usleep(100); /* between two looks */
        await_sleep(loop);
        cr_assert(gt(u64, loop_rounds(loop), before));
    }
    loop_stop(loop);
    loop_join(loop);
    loop_free(loop);
}

static void start_stopping_timer(void *t)
{
    timer_start_on_loop(the_loop, t, 20000000, 0, (void (*)(void *))loop_stop, the_loop);
}

Test(loop, wakes_from_its_sleep_for_a_timer, .timeout = 20)
{
    struct loop_timer t = {0};
    uint64_t start = clock_ns();

    the_loop = threaded();
    cr_assert(eq(int, loop_post(the_loop, start_stopping_timer, &t), MR_OK));
    loop_join(the_loop);
    cr_assert(ge(u64, clock_ns() - start, 20000000));
    loop_free(the_loop);
}

static void hold_up(void *context)
{
    (void)context;
    usleep(20000); /* a round that takes long is what the test wants */
}

Test(loop, runs_what_was_posted_before_it_ends_and_refuses_what_comes_after, .timeout = 20)
{
    struct loop *loop = threaded();
    uint64_t n = 0;

    cr_assert(eq(int, loop_post(loop, hold_up, NULL), MR_OK));
    for (int i = 0; i < 100; i++)
        cr_assert(eq(int, loop_post(loop, count_up, &n), MR_OK));
    loop_stop(loop);
    loop_stop(loop);
    loop_join(loop);
    cr_assert(eq(u64, n, 100));
    cr_assert(eq(int, loop_post(loop, count_up, &n), MR_ERR_CLOSED));
    loop_free(loop);
    cr_assert(eq(u64, n, 100));
}

/* ---- failures ------------------------------------------------------------------------------- */

static void *no_memory(size_t size, void *context)
{
    (void)size, (void)context;
    return NULL;
}

Test(loop, says_when_there_is_no_memory)
{
    struct mem_hooks none = {.alloc = no_memory};
    struct loop *loop = NULL;

    mem_hooks_set(&none);
    cr_assert(eq(int, loop_new(&loop), MR_ERR_MEMORY));
    mem_hooks_set(NULL);
    cr_assert(zero(ptr, loop));
    loop_free(NULL);
}

Test(loop, says_when_there_are_no_file_descriptors)
{
    struct rlimit before, none;
    struct loop *loop = NULL;

    cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &before)));
    none = (struct rlimit){0, before.rlim_max};
    cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &none)));
    mr_rc_t rc = loop_new(&loop);

    cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &before)));
    cr_assert(eq(int, rc, MR_ERR_SYSTEM));
    cr_assert(zero(ptr, loop));
}
