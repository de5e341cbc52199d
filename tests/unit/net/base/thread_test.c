#define _GNU_SOURCE
#include "net/base/thread.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

static char name[32];
static int blocked;

static void look(void *context)
{
    sigset_t mask;

    *(int *)context = 1;
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGCHLD);
}

Test(thread, runs_its_function_under_its_name_with_signals_blocked)
{
    struct thread t;
    sigset_t mask;
    int ran = 0;

    cr_assert(eq(int, thread_start(&t, "mr-a-name-that-is-too-long", look, &ran), MR_OK));
    thread_join(&t);
    cr_assert(ran);
    cr_assert(eq(str, name, "mr-a-name-that-"));
    cr_assert(blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    cr_assert(not(sigismember(&mask, SIGTERM))); /* the starter keeps its own */
}
