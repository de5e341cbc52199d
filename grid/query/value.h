/* value.h - what values are to a query: which can be compared, and in what order they stand.
 *
 * Every scalar belongs to a class. Inside a class all values have an order, whatever their widths:
 * a long, a double and a BigDecimal are numbers, and compare as the numbers they are, without
 * rounding one to the other. Values of two classes are never equal; where everything needs a
 * place, as in a sorted result, classes stand one behind the other in the order below.
 *
 *     null < false < true < numbers < texts < uuids < dates < times < ... < bytes < the rest
 *
 * A literal is what a query compares with. Clients do not know how an attribute is stored: one
 * sends 30 as a double, one as an int, one as the text '30'. So a literal is made ready once, in
 * each form that it can take, and meets an attribute in the form of the attribute's class:
 *
 *     '30'    text "30", number 30                       age = '30' finds an int 30
 *     0.1     number 0.1, as a float 0.1f, as a decimal 0.1
 *     30      number 30, text "30"
 *
 * A binary fraction has no exact decimal form that anybody means, hence the forms by width: for a
 * float attribute the literal is rounded to a float, for a decimal one it is what its text says.
 *
 * Pure; any thread. A literal borrows what it was made of.
 */
#ifndef GRID_QUERY_VALUE_H
#define GRID_QUERY_VALUE_H

#include "net/base/mem.h"
#include "net/wire/scalar.h"

enum value_class {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_NUMBER, /* also java.util.Date: its milliseconds */
    VALUE_TEXT,
    VALUE_UUID,
    VALUE_DATE,
    VALUE_TIME,
    VALUE_DATE_TIME,
    VALUE_OFFSET_DATE_TIME,
    VALUE_BYTES,
    VALUE_OTHER, /* records, arrays, JSON objects: equal when their bytes are */
    VALUE_CLASSES
};

enum value_class value_class(const struct scalar *v);

/* The order of any two values: -1, 0, 1. Numbers too large for decimal.h compare as doubles. NaN
 * equals itself and stands behind all other numbers. Texts stand in the order of their bytes. */
int value_compare(const struct scalar *a, const struct scalar *b);

/* The nearest double of a number, for sums and for keys of an index. */
double value_real(const struct scalar *v);

/* Seconds from 1970 to a moment at an offset from UTC. */
int64_t value_instant(const struct scalar_moment *m);

struct literal {
    struct scalar form[VALUE_OTHER]; /* by class; of kind DATA_NULL where there is none */
    struct scalar as_float, as_double, as_decimal; /* instead of form[VALUE_NUMBER] */
    uint8_t class;                                 /* of the value it was made of */
};

/* Makes a literal of a value. Forms that need bytes of their own are put into the arena.
 * MR_ERR_TYPE: a record or an array, which nothing can be compared with. MR_ERR_MEMORY. */
mr_rc_t literal_make(const struct scalar *v, struct arena *arena, struct literal *ret_l);

/* The form in which it meets this value; NULL: it cannot. */
const struct scalar *literal_for(const struct literal *l, const struct scalar *v);

/* Can they be compared, and what is v to the literal? NULL compares with nothing. */
bool literal_compare(const struct literal *l, const struct scalar *v, int *ret_order);

/* Is it the same? Null is the same as null. */
bool literal_equal(const struct literal *l, const struct scalar *v);

#endif
