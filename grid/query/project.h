/* project.h - what a client wants of each entry instead of all of it.
 *
 *     Data   -2 │ 1 │ -30 │ 0 │ attribute              the attribute's value
 *                         │ 1 │ n, n attributes        an array of their values
 *                         │ 2 │                        the entry
 *
 * Threads: a projection belongs to one thread at a time, for it has a reader.
 */
#ifndef GRID_QUERY_PROJECT_H
#define GRID_QUERY_PROJECT_H

#include "grid/query/path.h"
#include "net/wire/sink.h"

enum { PROJECTION_PATHS_MAX = 1024 };

struct projection;

/* MR_ERR_TYPE: it is no projection that is known here. MR_ERR_MALFORMED. MR_ERR_ARGUMENT: an
 * attribute is wrong, or names several values. MR_ERR_MEMORY. err says which. */
mr_rc_t projection_of_data(const struct data *d, struct projection **ret_p, mr_err_t *err);
void projection_free(struct projection *p);

/* Appends to `out` what is wanted of an entry, a whole Data with its header; nothing when that is
 * null. What sink_state says; MR_ERR_TYPE: an array that no client could read. */
mr_rc_t projection_apply(struct projection *p, const struct data *key, const struct data *value,
                         struct sink *out);

#endif
