/* clock.h - the one source of time.
 *
 * clock_ms() counts milliseconds since 1970 but never jumps: it is the wall clock of the moment
 * the process started, moved on by CLOCK_BOOTTIME, which runs through a suspend and which nobody
 * sets. So what is to expire in ten seconds expires in ten seconds, whatever happens to the
 * machine's date. clock_ns() is the same clock in nanoseconds, for measuring.
 *
 * A simulation or a test puts its own time in place with clock_set(). Any thread may read.
 */
#ifndef NET_BASE_CLOCK_H
#define NET_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

uint64_t clock_ms(void);
uint64_t clock_ns(void);

/* Waits on a condition, whose lock is held, until clock_ns() is `until_ns` at the latest; may
 * return sooner, like any wait on a condition. */
void clock_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t until_ns);

/* From now on time is what `now_ns` says; NULL gives the real clock back. Set while no other
 * thread reads. */
void clock_set(uint64_t (*now_ns)(void *context), void *context);

#endif
