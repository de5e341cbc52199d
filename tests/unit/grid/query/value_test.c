#include "grid/query/value.h"

#include <math.h>

#include "grid/query/decimal.h"
#include "tests/unit/grid/query/fixture.h"

static int sign(int order)
{
    return order < 0 ? -1 : order > 0;
}

/* Compares both ways round, and each with itself. */
static void expect_order(struct scalar a, struct scalar b, int order, const char *what)
{
    cr_expect(sign(value_compare(&a, &b)) == order, "%s", what);
    cr_expect(sign(value_compare(&b, &a)) == -order, "%s, the other way round", what);
    cr_expect(value_compare(&a, &a) == 0 && value_compare(&b, &b) == 0, "%s", what);
}

Test(value, compares_integers_and_doubles_without_rounding_either)
{
    int64_t above = 9007199254740993; /* 2^53 + 1 */

    expect_order(v_long(above), v_double(9007199254740992.0), 1, "2^53 + 1 and 2^53");
    expect_order(v_long(above), v_double(9007199254740994.0), -1, "2^53 + 1 and 2^53 + 2");
    expect_order(v_long(INT64_MAX), v_double(0x1p63), -1, "the largest long and 2^63");
    expect_order(v_long(INT64_MIN), v_double(-0x1p63), 0, "the smallest long");
    expect_order(v_long(INT64_MIN), v_double(-0x1.0000000000001p63), 1, "below all longs");
    expect_order(v_long(-3), v_double(-3.5), 1, "a negative fraction");
    expect_order(v_int(3), v_float(3.0f), 0, "int and float");
    expect_order(v_long(3), v_double(NAN), -1, "NaN is the last");
    expect_order(v_double(0.0), v_double(-0.0), 0, "the two zeros");
    expect_order(v_long(5), v_double(INFINITY), -1, "infinity");
}

static struct scalar v_big(const char *bytes, uint32_t size)
{
    return (struct scalar){.kind = DATA_BIG_INTEGER, .bytes = {(const uint8_t *)bytes, size, 0}};
}

Test(value, compares_decimals_with_all_other_numbers)
{
    expect_order(v_decimal("\x7d", 1, 1), v_double(12.5), 0, "12.5");
    expect_order(v_decimal("\x04\xe2", 2, 2), v_decimal("\x7d", 1, 1), 0, "12.50 and 12.5");
    expect_order(v_decimal("\x01", 1, 1), v_double(0.1), -1, "0.1 and the double next to it");
    expect_order(v_decimal("\x83", 1, 1), v_long(-12), -1, "-12.5 and -12");
    expect_order(v_decimal("\x01", 1, -2147483647), v_double(1e308), 1, "a far exponent");
    expect_order(v_decimal("\x01", 1, 2147483647), v_double(5e-324), -1, "and a far one below");
    expect_order(v_big("\x00\x80\x00\x00\x00\x00\x00\x00\x00", 9), v_long(INT64_MAX), 1, "2^63");
    expect_order(v_big("\xff", 1), v_long(-1), 0, "-1");
    expect_order(v_big("\x00", 1), v_decimal("\x00", 1, 5), 0, "zeros of two scales");
}

Test(value, keeps_classes_apart)
{
    expect_order(v_null(), v_bool(false), -1, "null and false");
    expect_order(v_bool(true), v_int(-5), -1, "true and a number");
    expect_order(v_int(5), v_text("5"), -1, "a number and a text");
    expect_order(v_text("a"), v_text("aa"), -1, "texts");
    expect_order(v_text("b"), v_text("aa"), 1, "texts");
}

/* What java.time says of them. */
Test(value, compares_moments_by_the_instant_and_then_by_the_clock)
{
    struct scalar noon = {.kind = DATA_OFFSET_DATE_TIME,
                          .moment = {.year = 2024, .month = 2, .day = 29, .hour = 12}};
    struct scalar same = noon, later = noon;

    same.moment.hour = 14;
    same.moment.offset_s = 7200;
    later.moment.hour = 13;
    later.moment.offset_s = 3599;
    expect_order(noon, same, -1, "one instant, two clocks");
    expect_order(same, later, -1, "a second later, an earlier clock");
    noon.kind = later.kind = DATA_LOCAL_DATE_TIME;
    expect_order(noon, later, -1, "without offsets");
}

/* ---- decimals -------------------------------------------------------------------------------- */

static struct decimal decimal(const char *text)
{
    struct decimal d;

    cr_assert(decimal_read(text, strlen(text), &d) == MR_OK, "%s", text);
    return d;
}

static bool same(const struct decimal *d, const char *text)
{
    struct decimal other = decimal(text);

    return decimal_compare(d, &other) == 0;
}

Test(decimal, adds_numbers_of_any_sign_and_scale)
{
    static const char *const sums[][3] = {
        {"1.5", "2.25", "3.75"},
        {"-1.5", "1.5", "0"},
        {"-10", "0.001", "-9.999"},
        {"10", "-0.001", "9.999"},
        {"999999999999999999", "1", "1000000000000000000"},
        {"1e30", "1", "1000000000000000000000000000001"},
        {"0", "-7", "-7"},
    };

    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct decimal a = decimal(sums[i][0]), b = decimal(sums[i][1]);

        cr_assert(decimal_add(&a, &b) == MR_OK);
        cr_expect(same(&a, sums[i][2]), "%s + %s", sums[i][0], sums[i][1]);
    }
}

Test(decimal, divides_exactly_or_to_34_digits)
{
    struct decimal d = decimal("10"), q;

    cr_assert(decimal_divide(&d, 4, &q) == MR_OK);
    cr_expect(same(&q, "2.5") && q.scale == 1);
    cr_assert(decimal_divide(&d, 3, &q) == MR_OK);
    cr_expect(same(&q, "3.333333333333333333333333333333333"));
    d = decimal("-20");
    cr_assert(decimal_divide(&d, 3, &q) == MR_OK);
    cr_expect(same(&q, "-6.666666666666666666666666666666667"));
}

Test(decimal, is_written_as_it_was_read)
{
    static const char *const texts[] = {
        "0",    "1",    "-1",  "127",  "128",
        "-128", "-129", "255", "-256", "123456789012345678901234567890.55"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct decimal d = decimal(texts[i]), again;
        struct sink bytes = {.grows = true};
        struct scalar v;

        cr_assert(decimal_scalar(&d, DATA_DECIMAL, &bytes, &v) == MR_OK);
        cr_assert(decimal_of(&v, &again) == MR_OK);
        cr_expect(decimal_compare(&d, &again) == 0, "%s", texts[i]);
        cr_expect(strcmp(texts[i], "-128") != 0 || v.bytes.size == 1, "no byte too many");
        sink_free(&bytes);
    }
}

Test(decimal, refuses_what_is_too_long)
{
    static const char bytes[DECIMAL_BYTES_MAX + 1] = {1};
    struct scalar v = v_big(bytes, sizeof bytes);
    struct decimal d = decimal("1e100000"), one = decimal("1");

    cr_expect(decimal_of(&v, &d) == MR_ERR_TOO_LARGE);
    cr_expect(decimal_add(&d, &one) == MR_ERR_TOO_LARGE);
}
