/* explain.h - why a request on a map failed, or the making of an object, in words.
 *
 * The only place that has them: an embedded call puts them into its caller's mr_err_t, a client's
 * call into the error response. Any thread.
 */
#ifndef GRID_DOOR_EXPLAIN_H
#define GRID_DOOR_EXPLAIN_H

#include "grid/data/map.h"
#include "grid/data/objects.h"

/* Fills err (NULL is allowed), unless it is filled, and returns rc, which is an error that the
 * request q was answered with in a. */
mr_rc_t explain(struct map *m, const struct map_request *q, mr_rc_t rc, const struct map_answer *a,
                mr_err_t *err);

/* Fills err (NULL is allowed) and returns rc, with which objects_open has failed for this name. */
mr_rc_t explain_open(const struct objects *os, const char *name, mr_rc_t rc, mr_err_t *err);

#endif
