/* key.h - sixteen bytes that stand in the order of values: what an index keeps of an attribute.
 *
 *     high   class (8) │ first seven bytes                        of the value, in an order that
 *     low    next four bytes │ hash of all (32)                   comparing as numbers gives
 *
 * A number is the nearest double, as bits in the order of numbers; a text its first eleven bytes; a
 * date, a time and a uuid what decides first. The hash tells apart what begins alike, in searches
 * for equal values; searches for a range leave it out. Numbers have none, since equal ones are
 * written in many ways.
 *
 * Invariant: equal values have equal keys, and if value_compare(a, b) < 0 then a's key, its hash
 * left out, is not above b's. Pure; any thread.
 */
#ifndef GRID_QUERY_KEY_H
#define GRID_QUERY_KEY_H

#include "grid/query/value.h"

struct key {
    uint64_t high, low;
};

struct key key_of(const struct scalar *v);

/* The ends of all keys of a class. */
struct key key_first(enum value_class class);
struct key key_last(enum value_class class);

/* The ends of all keys that may be of a value equal to this one, or to one that begins like it. */
struct key key_floor(const struct scalar *v);
struct key key_ceiling(const struct scalar *v);

static inline bool key_before(const struct key *a, const struct key *b)
{
    return a->high != b->high ? a->high < b->high : a->low < b->low;
}

#endif
