#include "tests/unit/client/fixture.h"

enum { N = 5000 };

static uint8_t seen[2 * N];
static mr_iter_t *it;

static void shut(void)
{
    mr_iter_free(it);
    close_member();
}

TestSuite(iter, .init = open_plain, .fini = shut);

static void put_numbers(int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        put(MR_I64(i), MR_I64(i * 2));
}

static void begin(size_t page)
{
    mr_err_clear(&err);
    it = mr_map_iter(m, page, &err);
    cr_assert(it != NULL, "%s", err.message);
}

/* Notes the next entry as seen; false at the end. */
static bool next(void)
{
    mr_ref_t key, value;

    if (!mr_iter_next(it, &key, &value, &err)) {
        cr_assert(err.code == MR_OK, "%s", err.message);
        return false;
    }
    cr_assert(key.kind == MR_KIND_I64 && value.as.i64 == key.as.i64 * 2);
    seen[key.as.i64]++;
    return true;
}

static void expect_seen(int from, int to, int least, int most)
{
    for (int i = from; i < to; i++)
        cr_assert(seen[i] >= least && seen[i] <= most, "key %d seen %d times", i, seen[i]);
}

Test(iter, goes_through_every_entry_once)
{
    put_numbers(0, N);
    begin(0);
    while (next())
        ;
    expect_seen(0, N, 1, 1);
}

Test(iter, does_so_with_pages_of_any_size)
{
    static const size_t pages[] = {1, 7, 1000, SIZE_MAX};

    put_numbers(0, 1000);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        memset(seen, 0, sizeof seen);
        begin(pages[i]);
        while (next())
            ;
        expect_seen(0, 1000, 1, 1);
        mr_iter_free(it);
        it = NULL;
    }
}

Test(iter, ends_at_once_where_there_is_nothing_and_stays_at_its_end)
{
    begin(0);
    cr_assert(!next() && !next());
    put_numbers(0, 10);
    cr_assert(!next(), "it has ended");
}

Test(iter, gives_the_key_or_the_value_alone)
{
    mr_ref_t only = MR_NULL;

    put(MR_STR("ada"), MR_I64(36));
    begin(0);
    cr_assert(mr_iter_next(it, &only, NULL, &err) == 1 && only.kind == MR_KIND_STR);
    mr_iter_free(it);
    begin(0);
    cr_assert(mr_iter_next(it, NULL, &only, &err) == 1 && only.as.i64 == 36);
    mr_iter_free(it);
    begin(0);
    cr_assert(mr_iter_next(it, NULL, NULL, &err) == 1);
}

Test(iter, sees_once_what_stays_while_others_come_and_go)
{
    int64_t came = N, gone = 0;

    put_numbers(0, N);
    begin(16);
    while (next()) {
        if (came < 2 * N)
            put_numbers(came, came + 1), came++;
        if (gone < N / 2)
            GIVES(MR_OK, mr_map_delete(m, MR_I64(gone++), &err));
    }
    expect_seen(0, N / 2, 0, 1);
    expect_seen(N / 2, N, 1, 1);
    expect_seen(N, 2 * N, 0, 1);
}

Test(iter, sees_nothing_twice_although_the_map_is_cleared_meanwhile)
{
    put_numbers(0, N);
    begin(64);
    for (int i = 0; i < N / 2; i++)
        cr_assert(next());
    GIVES(MR_OK, mr_map_clear(m, &err));
    put_numbers(0, 100);
    while (next())
        ;
    expect_seen(0, N, 0, 1);
}

Test(iter, keeps_an_entry_good_until_the_next_call_although_it_is_removed)
{
    mr_ref_t key, value;
    char text[2000];

    memset(text, 'x', sizeof text);
    put(MR_I64(1), MR_STRN(text, sizeof text));
    begin(0);
    cr_assert(mr_iter_next(it, &key, &value, &err) == 1);
    GIVES(MR_OK, mr_map_delete(m, MR_I64(1), &err));
    for (int i = 0; i < 5000; i++)
        put(MR_I64(i), MR_I64(i));
    cr_assert(value.len == sizeof text);
    cr_assert_arr_eq(value.as.str, text, sizeof text);
}

Test(iter, holds_no_memory_back)
{
    put_numbers(0, N);
    begin(0);
    cr_assert(next());
    GIVES(MR_OK, mr_map_clear(m, &err));
    EVENTUALLY(memory_stats().retired == 0);
}

Test(iter, goes_through_large_values)
{
    char *large = calloc(1, 300000);
    mr_ref_t value;
    int n = 0;

    for (int64_t i = 0; i < 50; i++)
        put(MR_I64(i), MR_BYTES(large, 300000));
    begin(0);
    for (; mr_iter_next(it, NULL, &value, &err); n++)
        cr_assert_eq(value.len, 300000);
    cr_assert(n == 50 && err.code == MR_OK);
    free(large);
}

Test(iter, may_be_given_up_in_the_middle)
{
    put_numbers(0, N);
    begin(0);
    cr_assert(next());
}

Test(iter, does_nothing_when_it_is_handed_a_filled_error)
{
    mr_err_t first = {MR_ERR_SYSTEM, 0, "first", "", ""};
    mr_ref_t key = MR_I64(77);

    put_numbers(0, 2);
    begin(0);
    cr_assert(mr_iter_next(it, &key, NULL, &first) == 0 && key.as.i64 == 77);
    cr_assert(next() && next() && !next(), "nothing was passed over");
}
