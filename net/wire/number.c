#include "net/wire/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"

enum { EXPONENT_MAX = 100000 }; /* beyond any double, and adding to it does not wrap */

/* What a number's text is made of. */
struct parts {
    char digits[NUMBER_SIZE_MAX + 16]; /* without the point; room for an exponent */
    size_t count;
    int32_t exponent;
    bool negative, whole;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static const uint8_t *take_digits(const uint8_t *at, const uint8_t *end, struct parts *p)
{
    for (; at < end && is_digit(*at); at++)
        p->digits[p->count++] = (char)*at;
    return at;
}

static const uint8_t *take_exponent(const uint8_t *at, const uint8_t *end, struct parts *p)
{
    bool negative = false;
    int32_t n = 0;

    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    if (at == end)
        return NULL;
    for (; at < end && is_digit(*at); at++)
        if (n < EXPONENT_MAX)
            n = n * 10 + (*at - '0');
    p->exponent += negative ? -n : n;
    return at;
}

static mr_rc_t take(const uint8_t *at, size_t size, struct parts *p)
{
    const uint8_t *end = at + size;

    if (size > NUMBER_SIZE_MAX)
        return MR_ERR_TOO_LARGE;
    p->count = 0;
    p->exponent = 0;
    p->whole = true;
    p->negative = size > 0 && *at == '-';
    if (size > 0 && (*at == '-' || *at == '+'))
        at++;
    at = take_digits(at, end, p);
    if (at < end && *at == '.') {
        const uint8_t *point = ++at;

        p->whole = false;
        at = take_digits(at, end, p);
        p->exponent = -(int32_t)(at - point);
    }
    if (p->count == 0)
        return MR_ERR_MALFORMED;
    if (at < end && (*at == 'e' || *at == 'E')) {
        p->whole = false;
        at = take_exponent(at + 1, end, p);
    }
    return at == end ? MR_OK : MR_ERR_MALFORMED;
}

static double real_of(struct parts *p)
{
    snprintf(p->digits + p->count, sizeof p->digits - p->count, "e%d", p->exponent);

    double v = strtod(p->digits, NULL);

    return p->negative ? -v : v;
}

static bool integer_of(const struct parts *p, int64_t *ret_n)
{
    int64_t n = 0;

    for (size_t i = 0; i < p->count; i++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, p->digits[i] - '0', &n)) /* down, which reaches further */
            return false;
    if (!p->negative && n == INT64_MIN)
        return false;
    *ret_n = p->negative ? n : -n;
    return true;
}

mr_rc_t number_read(const void *text, size_t size, struct scalar *ret_v)
{
    struct parts p;
    int64_t n;
    mr_rc_t rc = take(text, size, &p);

    if (rc != MR_OK)
        return rc;
    if (p.whole && integer_of(&p, &n))
        *ret_v = (struct scalar){.kind = DATA_LONG, .integer = n};
    else
        *ret_v = (struct scalar){.kind = DATA_DOUBLE, .f64 = real_of(&p)};
    return MR_OK;
}

mr_rc_t number_real(const void *text, size_t size, double *ret_v)
{
    struct parts p;
    mr_rc_t rc = take(text, size, &p);

    if (rc == MR_OK)
        *ret_v = real_of(&p);
    return rc;
}

size_t number_write(double v, char *out)
{
    double again = 0;
    int size = 0;

    check(__builtin_isfinite(v));
    for (int precision = 15; precision <= 17; precision++) {
        size = snprintf(out, NUMBER_TEXT, "%.*g", precision, v);
        for (int i = 0; i < size; i++) /* the locale's point, one byte or more, becomes ours */
            if (!is_digit((uint8_t)out[i]) && !strchr("+-e.", out[i])) {
                int more = 1;

                while (i + more < size && (out[i + more] & 0x80) && (out[i] & 0x80))
                    more++;
                out[i] = '.';
                memmove(out + i + 1, out + i + more, (size_t)(size - i - more) + 1);
                size -= more - 1;
            }
        if (number_real(out, (size_t)size, &again) == MR_OK && again == v)
            break;
    }
    return (size_t)size;
}
