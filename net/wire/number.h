/* number.h - numbers as people and JSON write them.
 *
 *     -12   3.25   6.02e23   .5   +7          a sign, digits, a point, an exponent
 *
 * What is whole and fits becomes a DATA_LONG, everything else the nearest DATA_DOUBLE. The C
 * library converts, and is never shown a decimal point, because which character that is depends
 * on the locale of the program around us: the point moves into the exponent first.
 *
 * Pure; any thread.
 */
#ifndef NET_WIRE_NUMBER_H
#define NET_WIRE_NUMBER_H

#include <stddef.h>

#include "net/wire/scalar.h"

enum { NUMBER_SIZE_MAX = 1024 }; /* characters; a double never needs more than 770 */

/* MR_ERR_MALFORMED: the text is not a number and nothing else. MR_ERR_TOO_LARGE. */
mr_rc_t number_read(const void *text, size_t size, struct scalar *ret_v);

/* The same, always as the nearest double. */
mr_rc_t number_real(const void *text, size_t size, double *ret_v);

/* Writes the shortest text that number_real reads as v again, at most NUMBER_TEXT - 1 characters
 * and a NUL; with a '.' whatever the locale. Returns its size. v is finite. */
enum { NUMBER_TEXT = 40 };
size_t number_write(double v, char *out);

#endif
