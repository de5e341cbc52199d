#include "grid/query/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"
#include "net/wire/number.h"

enum { WORD = 1000000000, WORD_DIGITS = 9, QUOTIENT_DIGITS = 34, EXPONENT_MAX = 100000 };

static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* ---- words ----------------------------------------------------------------------------------- */

static void trim(struct decimal *d)
{
    while (d->words > 0 && d->word[d->words - 1] == 0)
        d->words--;
    if (d->words == 0)
        d->negative = false;
}

/* d = d * factor + add. */
static mr_rc_t multiply(struct decimal *d, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;

    for (uint32_t i = 0; i < d->words; i++) {
        carry += (uint64_t)d->word[i] * factor;
        d->word[i] = (uint32_t)(carry % WORD);
        carry /= WORD;
    }
    for (; carry; carry /= WORD) {
        if (d->words == DECIMAL_WORDS_MAX)
            return MR_ERR_TOO_LARGE;
        d->word[d->words++] = (uint32_t)(carry % WORD);
    }
    return MR_OK;
}

/* d = d / n; returns the rest. */
static uint64_t divide(struct decimal *d, uint64_t n)
{
    unsigned __int128 rest = 0;

    for (uint32_t i = d->words; i-- > 0;) {
        rest = rest * WORD + d->word[i];
        d->word[i] = (uint32_t)(rest / n);
        rest %= n;
    }
    trim(d);
    return (uint64_t)rest;
}

/* d = d * 10^n, the scale not looked at. */
static mr_rc_t shift(struct decimal *d, uint64_t n)
{
    uint64_t words = n / WORD_DIGITS;

    if (d->words == 0)
        return MR_OK;
    if (words > DECIMAL_WORDS_MAX - d->words)
        return MR_ERR_TOO_LARGE;
    memmove(d->word + words, d->word, d->words * sizeof *d->word);
    memset(d->word, 0, words * sizeof *d->word);
    d->words += (uint32_t)words;
    return multiply(d, tens[n % WORD_DIGITS], 0);
}

static uint32_t digits_of(const struct decimal *d)
{
    uint32_t n = 0;

    if (d->words == 0)
        return 0;
    while (n < WORD_DIGITS && d->word[d->words - 1] >= tens[n])
        n++;
    return (d->words - 1) * WORD_DIGITS + n;
}

/* The digit that stands n places from the right. */
static uint32_t digit_at(const struct decimal *d, uint32_t n)
{
    return d->word[n / WORD_DIGITS] / tens[n % WORD_DIGITS] % 10;
}

/* ---- where numbers come from ----------------------------------------------------------------- */

static mr_rc_t of_integer(uint64_t magnitude, bool negative, struct decimal *d)
{
    *d = (struct decimal){.negative = negative};
    for (; magnitude; magnitude /= WORD)
        d->word[d->words++] = (uint32_t)(magnitude % WORD);
    return MR_OK;
}

static mr_rc_t of_bytes(const struct scalar_bytes *b, struct decimal *d)
{
    if (b->size == 0)
        return MR_ERR_MALFORMED;
    if (b->size > DECIMAL_BYTES_MAX)
        return MR_ERR_TOO_LARGE;

    bool negative = b->at[0] & 0x80;

    *d = (struct decimal){.scale = b->scale};
    /* A negative number's magnitude is its complement and one. */
    for (uint32_t i = 0; i < b->size; i++) {
        uint8_t byte = negative ? (uint8_t)~b->at[i] : b->at[i];
        mr_rc_t rc = multiply(d, 256, byte);

        if (rc != MR_OK)
            return rc;
    }
    d->negative = negative;
    return negative ? multiply(d, 1, 1) : MR_OK;
}

static mr_rc_t of_real(double v, struct decimal *d)
{
    int exponent;
    mr_rc_t rc;

    if (!isfinite(v))
        return MR_ERR_TYPE;

    double fraction = frexp(fabs(v), &exponent);
    uint64_t bits = (uint64_t)ldexp(fraction, 53);

    if (bits == 0)
        return of_integer(0, false, d);
    for (exponent -= 53; !(bits & 1); exponent++)
        bits >>= 1;
    rc = of_integer(bits, v < 0, d);
    for (; rc == MR_OK && exponent > 0; exponent--)
        rc = multiply(d, 2, 0);
    for (; rc == MR_OK && exponent < 0; exponent++, d->scale++)
        rc = multiply(d, 5, 0); /* a half is five tenths */
    return rc;
}

mr_rc_t decimal_of(const struct scalar *v, struct decimal *ret_d)
{
    double real;
    int64_t n;

    if (scalar_integer(v, &n) == MR_OK)
        return of_integer(n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0, ret_d);
    if (scalar_real(v, &real) == MR_OK)
        return of_real(real, ret_d);
    if (v->kind == DATA_BIG_INTEGER || v->kind == DATA_DECIMAL)
        return of_bytes(&v->bytes, ret_d);
    return MR_ERR_TYPE;
}

mr_rc_t decimal_read(const void *text, size_t size, struct decimal *ret_d)
{
    const char *at = text, *end = at + size;
    struct decimal d = {0};
    int64_t scale = 0;
    double real;
    bool point = false;
    mr_rc_t rc = number_real(text, size, &real); /* which knows what a number looks like */

    d.negative = size > 0 && *at == '-';
    for (; rc == MR_OK && at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.')
            point = true;
        if (*at < '0' || *at > '9')
            continue;
        rc = multiply(&d, 10, (uint32_t)(*at - '0'));
        scale += point;
    }
    if (rc != MR_OK)
        return rc;
    if (at < end) {
        bool negative = *++at == '-';
        int64_t n = 0;

        for (; at < end; at++)
            if (*at >= '0' && *at <= '9' && n < EXPONENT_MAX)
                n = n * 10 + (*at - '0');
        scale -= negative ? -n : n;
    }
    d.scale = (int32_t)scale;
    trim(&d);
    *ret_d = d;
    return MR_OK;
}

/* ---- what is done with them ------------------------------------------------------------------ */

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
    uint32_t n = digits_of(a), m = digits_of(b);
    int64_t first_a = (int64_t)n - a->scale, first_b = (int64_t)m - b->scale;

    if (first_a != first_b)
        return first_a < first_b ? -1 : 1;
    while (n > 0 || m > 0) {
        uint32_t x = n > 0 ? digit_at(a, --n) : 0;
        uint32_t y = m > 0 ? digit_at(b, --m) : 0;

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int sign_of(const struct decimal *d)
{
    return d->words == 0 ? 0 : d->negative ? -1 : 1;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    int x = sign_of(a), y = sign_of(b);

    if (x != y)
        return x < y ? -1 : 1;
    return x == 0 ? 0 : x * compare_magnitudes(a, b);
}

double decimal_real(const struct decimal *d)
{
    char text[DECIMAL_WORDS_MAX * WORD_DIGITS + 32];
    uint32_t digits = digits_of(d), size = 0;
    int64_t exponent = -(int64_t)d->scale;

    for (uint32_t i = digits; i-- > 0;)
        text[size++] = (char)('0' + digit_at(d, i));
    if (size == 0)
        return 0;

    snprintf(text + size, sizeof text - size, "e%lld", (long long)exponent);

    double v = strtod(text, NULL);

    return d->negative ? -v : v;
}

/* Adds magnitudes, both at one scale. */
static mr_rc_t add_magnitude(struct decimal *a, const struct decimal *b)
{
    uint32_t carry = 0;

    for (uint32_t i = 0; i < b->words || carry; i++) {
        if (i == a->words) {
            if (a->words == DECIMAL_WORDS_MAX)
                return MR_ERR_TOO_LARGE;
            a->word[a->words++] = 0;
        }
        uint32_t sum = a->word[i] + (i < b->words ? b->word[i] : 0) + carry;

        a->word[i] = sum % WORD;
        carry = sum / WORD;
    }
    return MR_OK;
}

/* a -= b, where |a| >= |b|. */
static void subtract_magnitude(struct decimal *a, const struct decimal *b)
{
    uint32_t borrow = 0;

    for (uint32_t i = 0; i < a->words; i++) {
        uint32_t less = (i < b->words ? b->word[i] : 0) + borrow;

        borrow = a->word[i] < less;
        a->word[i] += borrow ? WORD - less : 0 - less;
    }
    trim(a);
}

mr_rc_t decimal_add(struct decimal *sum, const struct decimal *d)
{
    struct decimal a = *sum, b = *d;
    int64_t apart = (int64_t)a.scale - b.scale;
    mr_rc_t rc = apart < 0 ? shift(&a, (uint64_t)-apart) : shift(&b, (uint64_t)apart);

    if (rc != MR_OK)
        return rc;
    a.scale = b.scale = apart < 0 ? b.scale : a.scale;
    if (a.negative == b.negative || a.words == 0 || b.words == 0) {
        if (a.words == 0)
            a.negative = b.negative;
        rc = add_magnitude(&a, &b);
    } else if (compare_magnitudes(&a, &b) >= 0) {
        subtract_magnitude(&a, &b);
    } else {
        subtract_magnitude(&b, &a);
        a = b;
    }
    if (rc == MR_OK)
        *sum = a;
    return rc;
}

/* Takes zeros off the end while the scale is above `least`. */
static void strip(struct decimal *d, int32_t least)
{
    while (d->words > 0 && d->scale > least && d->word[0] % 10 == 0) {
        divide(d, 10);
        d->scale--;
    }
}

mr_rc_t decimal_divide(const struct decimal *d, uint64_t n, struct decimal *ret_q)
{
    struct decimal q = *d;
    uint32_t digits = digits_of(d);
    uint32_t more = digits < QUOTIENT_DIGITS ? QUOTIENT_DIGITS - digits + 20 : 20;
    mr_rc_t rc = shift(&q, more);

    check(n > 0);
    if (rc != MR_OK)
        return rc;
    if (q.scale > INT32_MAX - (int32_t)more)
        return MR_ERR_TOO_LARGE;
    q.scale += (int32_t)more;
    if (divide(&q, n) != 0)
        while (digits_of(&q) > QUOTIENT_DIGITS) {
            bool up = digits_of(&q) == QUOTIENT_DIGITS + 1 && q.word[0] % 10 >= 5;

            divide(&q, 10);
            q.scale--;
            if (up && (rc = multiply(&q, 1, 1)) != MR_OK)
                return rc;
        }
    strip(&q, d->scale);
    *ret_q = q;
    return MR_OK;
}

mr_rc_t decimal_scalar(const struct decimal *d, uint8_t kind, struct sink *bytes,
                       struct scalar *ret_v)
{
    uint8_t low_first[DECIMAL_WORDS_MAX * 4 + 1];
    struct decimal rest = *d;
    uint32_t n = 0;

    while (rest.words > 0)
        low_first[n++] = (uint8_t)divide(&rest, 256);
    if (n == 0 || low_first[n - 1] & 0x80)
        low_first[n++] = 0; /* room for the sign */
    uint32_t carry = d->negative;
    for (uint32_t i = 0; d->negative && i < n; i++) {
        carry += (uint8_t)~low_first[i];
        low_first[i] = (uint8_t)carry;
        carry >>= 8;
    }
    while (n > 1 && low_first[n - 1] == 0xff && low_first[n - 2] & 0x80)
        n--; /* -128 takes one byte */

    size_t begin = bytes->size;

    for (uint32_t i = n; i-- > 0;)
        sink_put8(bytes, low_first[i]);
    if (d->scale != 0)
        kind = DATA_DECIMAL;
    mr_rc_t rc = sink_state(bytes);
    if (rc == MR_OK)
        *ret_v = (struct scalar){.kind = kind, .bytes = {bytes->at + begin, n, d->scale}};
    return rc;
}
