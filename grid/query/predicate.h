/* predicate.h - the conditions that clients send, made ready to be asked.
 *
 *     Data   -2 │ 1 │ -20 │ class │ fields        a tree of predicate objects
 *     text   age > 30 and name like 'A%'          Hazelcast's predicate language
 *          ──▶ struct predicate ──▶ predicate_matches(predicate, evaluator, key, value)
 *
 * Every class of Hazelcast's factory -20 that clients send is a row in a table here. A paging
 * predicate counts for the condition inside it; a partition predicate names the partitions that
 * are to be asked, and a nested one counts for its condition.
 *
 * The language, keywords in any case:
 *
 *     or         and { OR and }                   not        [NOT] test
 *     and        not { AND not }                  test       ( or ) │ attribute
 *     test       attribute  = == != <> < <= > >=  value
 *     test       attribute [NOT] BETWEEN value AND value
 *     test       attribute [NOT] IN ( value, .. )
 *     test       attribute [NOT] LIKE │ ILIKE │ REGEX value
 *     value      'text, a quote is '' ' │ word      30, -1.5e3, true, null, Rome
 *
 * An attribute alone asks whether it is true. What a value means depends on the attribute that it
 * meets (value.h), so 30 and '30' are the same.
 *
 * A predicate copies what it needs. It is immutable, and may be asked by many threads, each with
 * an evaluator of its own.
 *
 * Source: Hazelcast Open Binary Client Protocol, predicates; documentation of SQL predicates.
 */
#ifndef GRID_QUERY_PREDICATE_H
#define GRID_QUERY_PREDICATE_H

#include "grid/query/expr.h"

struct predicate {
    struct arena arena;
    const struct expr *root;
    const struct data *partition_keys; /* NULL: every partition is asked */
    uint32_t partition_key_count;
};

enum { PREDICATE_TEXT_MAX = 1 << 20 };

/* Of a serialised predicate; null is true of everything.
 * MR_ERR_TYPE: it is no predicate that is known here, or asks for a class that there is not.
 * MR_ERR_MALFORMED: its bytes do not form one, or its text is not of the language.
 * MR_ERR_ARGUMENT: an attribute or an expression in it is wrong. MR_ERR_TOO_LARGE: too many parts,
 * or nested too deep. MR_ERR_MEMORY. err says which part. */
mr_rc_t predicate_of_data(const struct data *d, struct predicate **ret_p, mr_err_t *err);

/* Of a text in the language above. MR_ERR_ARGUMENT: err says what is wrong, and where. */
mr_rc_t predicate_of_text(const char *text, size_t size, struct predicate **ret_p, mr_err_t *err);

void predicate_free(struct predicate *p);

static inline bool predicate_matches(const struct predicate *p, struct evaluator *ev,
                                     const struct data *key, const struct data *value)
{
    return expr_true(p->root, ev, key, value);
}

/* The language alone, for a text inside a serialised predicate. The text outlives the tree. */
const struct expr *predicate_parse(struct expr_builder *b, const char *text, size_t size);

#endif
