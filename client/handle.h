/* handle.h - what is behind the public handles.
 *
 *     mr_t ──▶ channel          here or over connections: the handle does not know
 *      └─▶ mr_map_t, ...        one per name, until the handle is closed
 *     mr_cq_t ──▶ mr_t          where asynchronous calls are answered
 *
 * Every public call begins with a guard: an err that is filled, a NULL handle, a handle that came
 * through a fork, or a call from inside an update function makes it return without doing anything.
 */
#ifndef CLIENT_HANDLE_H
#define CLIENT_HANDLE_H

#include <millrace/millrace.h>
#include <pthread.h>

#include "net/base/atomic.h"
#include "net/base/error.h"
#include "net/channel.h"

struct mr_map {
    mr_t *g;
    struct channel *channel;
    struct channel_map *map;
    struct mr_map *next;
    char name[];
};

struct mr {
    struct channel *channel;
    uint32_t process; /* fork_count when it was made */
    pthread_mutex_t lock;
    struct mr_map *maps;
    struct mr_listener *listeners;
    uint64_t in_flight, in_flight_max; /* asynchronous calls that are not taken yet; atomic */
};

/* How many forks lie between the process that was started first and this one. */
extern uint32_t fork_count;

/* Is the calling thread inside an mr_update_fn, and so under a lock that a call could ask for? */
extern __thread bool inside_update __attribute__((tls_model("initial-exec")));

enum { IN_FLIGHT_MAX = 4096 }; /* unless an option says otherwise */

/* A handle over a channel, which it owns from now on; on failure the channel stays yours. */
mr_rc_t handle_new(struct channel *channel, mr_t **ret_g);

/* Frees the listeners of a handle whose channel is closed: their registrations went with it. */
void listeners_forget(mr_t *g);

mr_rc_t handle_refused(const mr_t *g, mr_err_t *err);

/* May a call go on? */
static inline mr_rc_t guard(const mr_t *g, mr_err_t *err)
{
    if (__builtin_expect(
            (err && err->code != MR_OK) || !g || g->process != fork_count || inside_update, 0))
        return handle_refused(g, err);
    return MR_OK;
}

#endif
