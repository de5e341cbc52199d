/* processor.h - changing an entry where it is: what a client's entry processor may be.
 *
 * A client names code that the member has, by a factory's and a class's number; there are no Java
 * classes here, so this table is what exists. Each row is a class of factory 19794, an
 * IdentifiedDataSerializable with these fields (text and object as in predicates):
 *
 *     class  name        fields                             does                          gives
 *     1      Increment   text attribute, object delta       adds to a number              the sum
 *     2      Set         int n, n of                        sets fields, or the value     how many
 *                        (text attribute, object value)     if the attribute is null      were set
 *     3      DeleteIf    object predicate                   takes the entry out           true if
 *                                                           if the predicate is true      it did
 *
 * An attribute is null or "this" for the value itself, a field's name in a Compact record, or a
 * path into a JSON object, in which a member that is missing is made. A number keeps its type, and
 * what does not fit is an error, not wrapped around. Incrementing a value that is absent makes it
 * the delta; Set of a whole value makes an entry; anything else does nothing to an absent one and
 * gives null. In JSON a whole number may become a fraction.
 *
 * It runs as one change of the map, under the partition's lock: nobody sees the entry in between,
 * and on an error it is as it was. A new processor is a row in the table of processor.c.
 *
 * Threads: a processor is immutable; running one as map requests do, inside an epoch section.
 */
#ifndef GRID_QUERY_PROCESSOR_H
#define GRID_QUERY_PROCESSOR_H

#include "grid/data/map.h"
#include "grid/query/predicate.h"

enum { PROCESSOR_FACTORY = 19794, PROCESSOR_FIELDS_MAX = 1024 };

struct processor;

/* MR_ERR_TYPE: no such processor; err says what was asked for and what there is. MR_ERR_MALFORMED,
 * MR_ERR_ARGUMENT, MR_ERR_TOO_LARGE: its fields; MR_ERR_MEMORY. */
mr_rc_t processor_of_data(const struct data *d, struct processor **ret_p, mr_err_t *err);
void processor_free(struct processor *p);

/* Runs it on an entry, and appends what it gives to `out`, a whole Data with its header; nothing
 * when that is null. only_if: a predicate that the entry has to meet at that moment, NULL: none.
 * MR_NOT_FOUND: it does not meet it, or is absent; nothing is done then.
 * MR_ERR_TYPE, MR_ERR_ARGUMENT, MR_ERR_SCHEMA: the value is of a kind that it cannot change, or the
 * result does not fit; err says so. Else as run_request. On an error nothing has changed. */
mr_rc_t processor_run(const struct processor *p, struct map *m, const struct data *key,
                      const struct predicate *only_if, struct sink *out, mr_err_t *err);

/* The same for somebody who may have locked the key, and who waits if another has: owner and waiter
 * as in a map_request. */
mr_rc_t processor_run_as(const struct processor *p, struct map *m, const struct data *key,
                         const struct predicate *only_if, const struct owner *owner,
                         struct waiter *waiter, struct sink *out, mr_err_t *err);

/* What it gave for an entry: a whole Data, of no bytes when that is null. */
typedef void (*processor_visit)(void *context, const struct data *key, const uint8_t *result,
                                uint32_t size);

/* Runs it on all entries that a predicate is true of (NULL: on all), one after the other, each by
 * itself as above. Ends at the first error; what was changed before stays changed. In a section of
 * the caller's, room is made against the map's own limits only. */
mr_rc_t processor_run_all(const struct processor *p, struct map *m, const struct predicate *where,
                          processor_visit visit, void *context, mr_err_t *err);

#endif
