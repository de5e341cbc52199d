/* aggregate.h - one value of many entries: counts, sums, averages, the least and the most.
 *
 *     Data   -2 │ 1 │ -29 │ class │ attribute, fields that clients leave empty
 *          ──▶ struct aggregator ── add entry, add entry, .. ──▶ result, a Data
 *
 * Every class of Hazelcast's factory -29 is a row in a table: what it does, and what type the
 * result has. Numbers of other widths than the class is named after are taken as the number they
 * are: a client that asks for a sum of longs gets one of ints, too. Whole sums wrap around at 64
 * bits, as Java's do.
 *
 *     nothing was added          average null, sum 0, count 0, the least and the most null
 *     an attribute that is null  is left out, but counted by a count and kept by distinct values
 *     one that is no number      is an error of a sum or an average
 *     a fraction                 is an error of a sum or an average of ints or longs
 *     an attribute a[any]        adds each of its values, of none nothing
 *
 * Two numbers are one distinct value if they are equal, whatever their types.
 *
 * Where several members share a map, each adds its own entries, and what it has come to travels as
 * a partial (member_partial) to the one that answers:
 *
 *     add, add, .. ──partial──▶ merge ──┐
 *     add, add, .. ──partial──▶ merge ──┴──▶ result
 *
 * It is as if all had been added to one; doubles are added in another order, and so may differ in
 * their last digits, as they may from one scan to the next.
 *
 * Threads: an aggregator belongs to one thread at a time. What is added is borrowed until the
 * result is given: all in one epoch section.
 */
#ifndef GRID_QUERY_AGGREGATE_H
#define GRID_QUERY_AGGREGATE_H

#include "grid/query/path.h"
#include "net/wire/sink.h"

struct aggregator;

/* MR_ERR_TYPE: it is no aggregator that is known here. MR_ERR_MALFORMED. MR_ERR_ARGUMENT: its
 * attribute is wrong, or missing where the class needs one. MR_ERR_MEMORY. err says which. */
mr_rc_t aggregator_of_data(const struct data *d, struct aggregator **ret_a, mr_err_t *err);
void aggregator_free(struct aggregator *a);

/* MR_ERR_TYPE: a value is no number where one is needed. MR_ERR_ARGUMENT: it is a fraction where
 * whole ones are added. MR_ERR_TOO_LARGE: a sum has more digits
 * than decimal.h keeps. MR_ERR_MEMORY. After an error nothing more is added, and it stays. */
mr_rc_t aggregator_add(struct aggregator *a, const struct data *key, const struct data *value);

/* Appends what was added so far to `out`, for aggregator_merge. Errors as aggregator_result. */
mr_rc_t aggregator_partial(struct aggregator *a, struct sink *out, mr_err_t *err);

/* Adds what another of the same class has. The bytes are copied. MR_ERR_MALFORMED: they are of no
 * partial, or of another class's. MR_ERR_TOO_LARGE, MR_ERR_MEMORY, as aggregator_add. */
mr_rc_t aggregator_merge(struct aggregator *a, const uint8_t *bytes, size_t size);

/* Appends the result to `out`, a whole Data with its header. What went wrong before, in words; else
 * what sink_state says. */
mr_rc_t aggregator_result(struct aggregator *a, struct sink *out, mr_err_t *err);

#endif
