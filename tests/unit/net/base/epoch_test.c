#include "net/base/epoch.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/atomic.h"

static uint32_t ran;

static void run(struct retired *item)
{
    (void)item;
    ran++;
}

static struct again {
    struct retirer *retirer;
    struct retired *item;
} again;

static void retire_again(struct retired *item)
{
    (void)item;
    epoch_retire(again.retirer, again.item, run);
}

Test(epoch, runs_what_was_retired_only_after_the_sections_that_were_open)
{
    struct retirer *r = retirer_new();
    struct retired item;

    epoch_enter();
    epoch_enter();
    epoch_retire(r, &item, run);
    for (int i = 0; i < 10; i++)
        cr_assert(epoch_poll(r) == 1);
    epoch_exit();
    for (int i = 0; i < 10; i++)
        cr_assert(epoch_poll(r) == 1, "the outer one is open");
    epoch_exit();
    cr_assert(epoch_poll(r) == 0);
    cr_assert(ran == 1);
    retirer_free(r);
}

static void *enter_and_end(void *unused)
{
    epoch_enter();
    epoch_enter();
    return unused;
}

Test(epoch, ends_the_sections_of_a_thread_that_ends)
{
    struct retirer *r = retirer_new();
    struct retired item;
    pthread_t thread;

    cr_assert(pthread_create(&thread, NULL, enter_and_end, NULL) == 0);
    cr_assert(pthread_join(thread, NULL) == 0);
    epoch_retire(r, &item, run);
    cr_assert(epoch_poll(r) == 0, "nobody reads");
    cr_assert(ran == 1);
    retirer_free(r);
}

/* Each poll moves the epoch on, so that between two polls of one it has gone as far as there are
 * retirers. */
Test(epoch, runs_what_several_retire_in_turn)
{
    enum { ROUNDS = 100, RETIRERS_MAX = 5 };
    static struct retired items[ROUNDS][RETIRERS_MAX];

    for (int n = 1; n <= RETIRERS_MAX; n++) {
        struct retirer *r[RETIRERS_MAX];

        for (int i = 0; i < n; i++)
            r[i] = retirer_new();
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < n; i++) {
                epoch_enter();
                epoch_retire(r[i], &items[round][i], run);
                cr_assert(epoch_poll(r[i]) <= 3, "%d of %d in round %d", i, n, round);
                epoch_exit();
            }
        for (int i = 0; i < n; i++)
            retirer_free(r[i]);
    }
}

/* It may be read by whoever has entered since the poll looked. */
Test(epoch, leaves_what_a_function_retires_to_another_poll)
{
    static struct retired second;
    struct retirer *r = retirer_new();
    struct retired first;

    again = (struct again){r, &second};
    epoch_retire(r, &first, retire_again);
    cr_assert(epoch_poll(r) == 1);
    cr_assert(ran == 0, "it has run without a look at who is inside");
    cr_assert(epoch_poll(r) == 0);
    cr_assert(ran == 1);
    retirer_free(r);
}

/* A map has four, a near cache sixteen; and who makes many must not take the places of threads. */
Test(epoch, has_more_retirers_than_threads, .timeout = 10)
{
    enum { MANY = EPOCH_THREADS_MAX + 1 };
    static struct retirer *r[MANY];

    for (int i = 0; i < MANY; i++)
        cr_assert((r[i] = retirer_new()) != NULL);
    for (int i = 0; i < MANY; i++)
        retirer_free(r[i]);
}

static uint32_t inside, may_leave;

static void *stay_inside(void *unused)
{
    epoch_enter();
    store_release_32(&inside, 1);
    while (!load_acquire_32(&may_leave))
        sched_yield();
    epoch_exit();
    return unused;
}

static void retire_in_child(void)
{
    struct retirer *r = retirer_new();
    struct retired item;

    epoch_enter();
    epoch_exit();
    epoch_retire(r, &item, run);
    _exit(epoch_poll(r) == 0 && ran == 1 ? 0 : 1);
}

Test(epoch, a_forked_child_does_not_wait_for_the_threads_of_its_parent)
{
    pthread_t thread;
    int status;

    cr_assert(pthread_create(&thread, NULL, stay_inside, NULL) == 0);
    while (!load_acquire_32(&inside))
        sched_yield();

    pid_t child = fork();
    if (child == 0)
        retire_in_child();
    cr_assert(waitpid(child, &status, 0) == child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    store_release_32(&may_leave, 1);
    cr_assert(pthread_join(thread, NULL) == 0);
}
