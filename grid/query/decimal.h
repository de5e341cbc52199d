/* decimal.h - exact decimal numbers of bounded size: what a BigInteger or BigDecimal holds.
 *
 *     value = digits * 10^-scale           12.50 is 1250 with scale 2
 *
 * Digits are kept nine to a word, lowest first, so that comparing, adding and shifting the point
 * are loops over words, and text comes for free. A double is a decimal, too, exactly: that is how
 * the two are compared without rounding either.
 *
 * Bytes from outside may be longer than DECIMAL_BYTES_MAX, and a scale as far off as 2^31; neither
 * makes anything here slow, because too long is refused and comparing looks at where the first
 * digits stand before it looks at the digits.
 *
 * Invariant: no leading zero words; zero has no words and is not negative.
 * Pure; any thread. A struct decimal is some 1.3 KB, for the stack.
 */
#ifndef GRID_QUERY_DECIMAL_H
#define GRID_QUERY_DECIMAL_H

#include "net/wire/scalar.h"

enum {
    DECIMAL_BYTES_MAX = 512, /* two's complement, some 1230 digits */
    DECIMAL_WORDS_MAX = 320  /* of nine digits; a double takes 120 at most */
};

struct decimal {
    uint32_t word[DECIMAL_WORDS_MAX];
    uint32_t words;
    int32_t scale;
    bool negative;
};

/* The number in v: any integer, a finite float or double, BIG_INTEGER, DECIMAL.
 * MR_ERR_TYPE: another kind, or not finite. MR_ERR_TOO_LARGE. MR_ERR_MALFORMED: no bytes. */
mr_rc_t decimal_of(const struct scalar *v, struct decimal *ret_d);

/* The number that a text says, all its digits kept. MR_ERR_MALFORMED, MR_ERR_TOO_LARGE. */
mr_rc_t decimal_read(const void *text, size_t size, struct decimal *ret_d);

/* -1, 0, 1. Exact; trailing zeros do not count: 1.0 equals 1. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* The nearest double; infinite when it is beyond all of them. */
double decimal_real(const struct decimal *d);

/* sum += d. The scale of the sum is the larger one, as in Java. MR_ERR_TOO_LARGE. */
mr_rc_t decimal_add(struct decimal *sum, const struct decimal *d);

/* d / n, n > 0: exact where it ends, else to 34 digits, rounded half up. MR_ERR_TOO_LARGE. */
mr_rc_t decimal_divide(const struct decimal *d, uint64_t n, struct decimal *ret_q);

/* As a scalar of kind DATA_DECIMAL, or of DATA_BIG_INTEGER when that is asked for and the scale is
 * 0; its bytes are appended to `bytes`. What sink_state says. */
mr_rc_t decimal_scalar(const struct decimal *d, uint8_t kind, struct sink *bytes,
                       struct scalar *ret_v);

#endif
