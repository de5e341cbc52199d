/* thread.h - a named thread that runs one function.
 *
 * The name is what top, gdb and the log show, such as mr-loop-0; 15 characters at most. Signals
 * are blocked in it: they belong to the host program's threads, which asked for them.
 */
#ifndef NET_BASE_THREAD_H
#define NET_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "net/base/error.h"

struct thread {
    pthread_t id;
    char name[16];
    void (*run)(void *context);
    void *context;
};

/* *t must live until thread_join. A name that is too long is cut. MR_ERR_SYSTEM: the system has
 * no more threads to give; nothing was started. */
mr_rc_t thread_start(struct thread *t, const char *name, void (*run)(void *context), void *context);

/* Waits until `run` has returned. Once, by one other thread. */
void thread_join(struct thread *t);

/* The calling thread's own number, whoever has started it: no other thread of the process has it or
 * had it. From 1 on. What is a thread's own, such as a lock, is known by it. */
int64_t thread_number(void);

#endif
