/* run.h - running a request where its entry is: here, or again.
 *
 * The one way in to the data of a map, for embedded calls, remote messages and streams alike. It
 * finds the partition, takes its lock for a change, and when there is no room makes some and runs
 * the request again.
 *
 * The caller is inside an epoch section, its own or one around others, and the answer's data is
 * good until it leaves it. Any thread.
 */
#ifndef GRID_OP_RUN_H
#define GRID_OP_RUN_H

#include "grid/data/map.h"

/* Is the calling thread inside an update function, under a partition's lock? Then it must not
 * come in again. */
extern __thread bool run_updating __attribute__((tls_model("initial-exec")));

static inline bool run_is_updating(void)
{
    return run_updating;
}

mr_rc_t run_change(struct map *m, const struct map_request *q, struct map_answer *ret_a);

/* The answers and errors of request.h, MR_ERR_TOO_LARGE, MR_ERR_FULL, MR_ERR_MEMORY; and
 * MR_ERR_ARGUMENT from inside an update function. On an error nothing has changed. */
static inline mr_rc_t run_request(struct map *m, const struct map_request *q,
                                  struct map_answer *ret_a)
{
    if (__builtin_expect(run_is_updating(), 0))
        return MR_ERR_ARGUMENT;
    if (q->verb == MAP_GET || q->verb == MAP_CONTAINS)
        return map_read(m, data_partition(&q->key, m->partitions->count), q, ret_a);
    return run_change(m, q, ret_a);
}

#endif
