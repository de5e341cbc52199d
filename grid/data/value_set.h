/* value_set.h - is this value one of those? For what takes a whole collection as its argument.
 *
 * A table of places in an array that the caller keeps: each look-up is one hash, where comparing
 * with each value would take the product of two lengths.
 *
 * Pure, but for its memory. One thread.
 */
#ifndef GRID_DATA_VALUE_SET_H
#define GRID_DATA_VALUE_SET_H

#include "net/wire/data.h"

struct value_slot {
    uint32_t place; /* in values, plus one; 0: free */
    bool met;
};

struct value_set {
    const struct data *values;
    struct value_slot *slots; /* NULL: there are no values */
    uint32_t mask;
    uint32_t unmet; /* different values that value_set_meet has not seen */
};

/* Of n values, at most SEQUENCE_MAX, which must stay as long as the set. MR_ERR_MEMORY. */
mr_rc_t value_set_init(struct value_set *set, const struct data *values, uint32_t n);
void value_set_free(struct value_set *set);

bool value_set_has(const struct value_set *set, const struct data *value);

/* The same, and notes that it has been seen. */
bool value_set_meet(struct value_set *set, const struct data *value);

#endif
