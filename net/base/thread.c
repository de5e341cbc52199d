#define _GNU_SOURCE
#include "net/base/thread.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#include "net/base/atomic.h"
#include "net/base/check.h"

static void *run(void *context)
{
    struct thread *t = context;

    pthread_setname_np(pthread_self(), t->name);
    t->run(t->context);
    return NULL;
}

mr_rc_t thread_start(struct thread *t, const char *name, void (*function)(void *context),
                     void *context)
{
    sigset_t all, before;

    t->run = function;
    t->context = context;
    snprintf(t->name, sizeof t->name, "%s", name);

    /* A thread inherits the mask, so that there is no moment in which a signal could reach it. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int refused = pthread_create(&t->id, NULL, run, t);

    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return refused ? MR_ERR_SYSTEM : MR_OK;
}

void thread_join(struct thread *t)
{
    check(pthread_join(t->id, NULL) == 0);
}

int64_t thread_number(void)
{
    static uint64_t threads;
    static __thread int64_t number __attribute__((tls_model("initial-exec")));

    if (number == 0)
        number = (int64_t)fetch_add_64(&threads, 1) + 1;
    return number;
}
