#include "net/base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(text, appends_within_its_room_and_stays_cut_once_something_did_not_fit)
{
    char room[8];
    struct text t;

    text_init(&t, room, sizeof room);
    text_put(&t, "abc");
    text_u64(&t, 42);
    cr_assert(eq(str, room, "abc42"));
    text_put(&t, "xyz"); /* would need the place of the NUL */
    cr_assert(t.cut);
    text_char(&t, 'x');
    cr_assert(eq(str, room, "abc42"));
    text_back(&t, 3);
    cr_assert(not(t.cut));
    text_put(&t, "wxyz");
    cr_assert(eq(str, room, "abcwxyz"));
}

Test(text, writes_the_ends_of_the_integer_range)
{
    char room[128];
    struct text t;

    text_init(&t, room, sizeof room);
    text_i64(&t, INT64_MIN);
    text_char(&t, ' ');
    text_u64(&t, UINT64_MAX);
    text_char(&t, ' ');
    text_u64(&t, 0);
    text_char(&t, ' ');
    text_digits(&t, 7, 3);
    text_char(&t, ' ');
    text_hex(&t, 0x1b, 4);
    cr_assert(eq(str, room, "-9223372036854775808 18446744073709551615 0 007 001b"));
}

Test(text, a_number_that_does_not_fit_leaves_no_lonely_sign)
{
    char room[3];
    struct text t;

    text_init(&t, room, sizeof room);
    text_i64(&t, -12);
    cr_assert(t.cut);
    cr_assert(eq(str, room, ""));
}

struct reading {
    const char *string;
    mr_rc_t rc;
    uint64_t v;
};

static void expect_all(mr_rc_t (*read)(const char *, uint64_t *), const struct reading *rows,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t v = 77;

        cr_expect(eq(int, read(rows[i].string, &v), rows[i].rc), "%s", rows[i].string);
        cr_expect(eq(u64, v, rows[i].rc == MR_OK ? rows[i].v : 77), "%s", rows[i].string);
    }
}

Test(text, reads_durations_with_a_unit_and_nothing_else)
{
    static const struct reading rows[] = {
        {"0", MR_OK, 0},
        {"500ms", MR_OK, 500},
        {"10s", MR_OK, 10000},
        {"2m", MR_OK, 120000},
        {"1h", MR_OK, 3600000},
        {"7d", MR_OK, 604800000},
        {"", MR_ERR_MALFORMED, 0},
        {"10", MR_ERR_MALFORMED, 0},
        {"s", MR_ERR_MALFORMED, 0},
        {"-1s", MR_ERR_MALFORMED, 0},
        {"1.5s", MR_ERR_MALFORMED, 0},
        {"10 s", MR_ERR_MALFORMED, 0},
        {"10sec", MR_ERR_MALFORMED, 0},
        {"10S", MR_ERR_MALFORMED, 0},
        {"18446744073709551616ms", MR_ERR_TOO_LARGE, 0},
        {"18446744073709551615s", MR_ERR_TOO_LARGE, 0},
    };

    expect_all(text_to_ms, rows, sizeof rows / sizeof *rows);
}

Test(text, reads_sizes_with_an_i_as_binary_and_without_as_decimal)
{
    static const struct reading rows[] = {
        {"4096", MR_OK, 4096},
        {"1B", MR_OK, 1},
        {"64KiB", MR_OK, 65536},
        {"64kB", MR_OK, 64000},
        {"64KB", MR_OK, 64000},
        {"512MB", MR_OK, 512000000},
        {"2GiB", MR_OK, 2147483648},
        {"1TiB", MR_OK, 1099511627776},
        {"1TB", MR_OK, 1000000000000},
        {"2gib", MR_ERR_MALFORMED, 0},
        {"1M", MR_ERR_MALFORMED, 0},
        {"+1MB", MR_ERR_MALFORMED, 0},
        {"16777216TiB", MR_ERR_TOO_LARGE, 0},
    };

    expect_all(text_to_bytes, rows, sizeof rows / sizeof *rows);
}

Test(text, reads_booleans)
{
    bool v = false;

    cr_assert(eq(int, text_to_bool("yes", &v), MR_OK));
    cr_assert(v);
    cr_assert(eq(int, text_to_bool("off", &v), MR_OK));
    cr_assert(not(v));
    cr_assert(eq(int, text_to_bool("1", &v), MR_ERR_MALFORMED));
    cr_assert(eq(int, text_to_bool("True", &v), MR_ERR_MALFORMED));
}

Test(text, reads_integers_within_their_limits)
{
    int64_t v = 0;

    cr_assert(eq(int, text_to_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &v), MR_OK));
    cr_assert(eq(i64, v, INT64_MIN));
    cr_assert(
        eq(int, text_to_i64("9223372036854775808", INT64_MIN, INT64_MAX, &v), MR_ERR_TOO_LARGE));
    cr_assert(eq(int, text_to_i64("6", 0, 6, &v), MR_OK));
    cr_assert(eq(i64, v, 6));
    cr_assert(eq(int, text_to_i64("7", 0, 6, &v), MR_ERR_ARGUMENT));
    cr_assert(eq(int, text_to_i64("-1", 0, 6, &v), MR_ERR_ARGUMENT));
    cr_assert(eq(int, text_to_i64("6x", 0, 6, &v), MR_ERR_MALFORMED));
    cr_assert(eq(int, text_to_i64("-", 0, 6, &v), MR_ERR_MALFORMED));
    cr_assert(eq(i64, v, 6));
}
