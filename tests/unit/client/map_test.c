#include "tests/unit/client/fixture.h"

#include <float.h>

static mr_val_t v;
static mr_put_opts_t with_old = {sizeof with_old, 0, 0, &v};

static void shut(void)
{
    mr_val_clear(&v);
    close_member();
}

TestSuite(map, .init = open_plain, .fini = shut);

/* ---- reading and writing one entry ---------------------------------------------------------- */

Test(map, gives_back_what_was_put)
{
    GIVES(MR_OK, mr_map_put(m, MR_STR("ada"), MR_I64(36), NULL, &err));
    GIVES(MR_OK, mr_map_get(m, MR_STR("ada"), &v, NULL, &err));
    cr_assert_eq(mr_val_i64(&v), 36);
}

Test(map, says_not_found_and_leaves_the_result_as_it_was)
{
    GIVES(MR_OK, mr_val_set(&v, MR_STR("before"), &err));
    GIVES(MR_NOT_FOUND, mr_map_get(m, MR_STR("nobody"), &v, NULL, &err));
    cr_assert_str_eq(mr_val_str(&v), "before");
}

Test(map, gives_values_of_every_kind_with_their_type)
{
    static const char bytes[] = {0, 1, 2, (char)0xff};
    const mr_ref_t values[] = {
        MR_BOOL(true),
        MR_I8(-1),
        MR_I16(-500),
        MR_I32(1 << 30),
        MR_I64(1),
        MR_F32(1.5),
        MR_F64(DBL_MAX),
        MR_STR(""),
        MR_STR("gr\xc3\xbc\xc3\x9f"),
        MR_JSON("{}"),
        MR_BYTES("", 0),
        MR_BYTES(bytes, 4),
        MR_DATE_MS(-1),
        MR_BIGINT(bytes, 4),
        MR_UUID(((mr_uuid_t){1, 2})),
        MR_DATE(((mr_time_t){.year = 2024, .month = 2, .day = 29})),
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        put(MR_I64(i), values[i]);
        GIVES(MR_OK, mr_map_get(m, MR_I64(i), &v, NULL, &err));
        cr_assert_eq(mr_val_type(&v), values[i].kind, "value %zu", i);
        GIVES(MR_OK, mr_map_replace_if_equal(m, MR_I64(i), mr_val_ref(&v), MR_I32(0), NULL, &err));
    }
}

Test(map, takes_keys_of_every_kind_and_tells_them_apart)
{
    const mr_ref_t keys[] = {
        MR_BOOL(true), MR_I8(1),  MR_I16(1),   MR_I32(1),    MR_I64(1),
        MR_F32(1),     MR_F64(1), MR_STR("1"), MR_JSON("1"), MR_BYTES("1", 1),
    };
    enum { N = sizeof keys / sizeof *keys };

    for (int i = 0; i < N; i++)
        put(keys[i], MR_I64(i));
    for (int i = 0; i < N; i++)
        cr_assert_eq(number(keys[i]), i);
    cr_assert_eq(size(), N);
}

Test(map, takes_a_record_as_key_and_as_value)
{
    mr_schema_t *s = mr_schema_new("point", &err);
    mr_rec_t *rec;
    mr_ref_t x = MR_NULL;

    GIVES(MR_OK, mr_schema_field(s, "x", MR_KIND_I32, &err));
    rec = mr_rec_new(s, &err);
    GIVES(MR_OK, mr_rec_set(rec, "x", MR_I32(7), &err));
    put(MR_REC(rec), MR_REC(rec));

    GIVES(MR_OK, mr_map_get(m, MR_REC(rec), &v, NULL, &err));
    GIVES(MR_OK, mr_rec_get(mr_val_ref(&v), "x", &x, &err));
    cr_assert_eq(x.as.i64, 7);
    mr_rec_free(rec);
    mr_schema_free(s);
}

Test(map, keeps_small_and_large_values_whole)
{
    static const size_t sizes[] = {0, 1, 62, 63, 64, 1000, 16384, 100000, 5000000};
    char *bytes = malloc(5000000);

    for (size_t i = 0; i < 5000000; i++)
        bytes[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put(MR_I64(i), MR_BYTES(bytes, sizes[i]));
        GIVES(MR_OK, mr_map_get(m, MR_I64(i), &v, NULL, &err));
        cr_assert_eq(mr_val_len(&v), sizes[i]);
        cr_assert_arr_eq(mr_val_bytes(&v), bytes, sizes[i]);
    }
    free(bytes);
}

Test(map, reads_into_a_value_that_already_holds_another)
{
    char longer[200];

    memset(longer, 'x', sizeof longer);
    put(MR_STR("long"), MR_STRN(longer, sizeof longer));
    put(MR_STR("short"), MR_I64(1));
    for (int i = 0; i < 3; i++) {
        GIVES(MR_OK, mr_map_get(m, MR_STR("long"), &v, NULL, &err));
        cr_assert_eq(mr_val_len(&v), sizeof longer);
        GIVES(MR_OK, mr_map_get(m, MR_STR("short"), &v, NULL, &err));
        cr_assert_eq(mr_val_i64(&v), 1);
    }
}

Test(map, refuses_to_read_a_value_as_another_type)
{
    int64_t i = 5;

    put(MR_STR("ada"), MR_STR("text"));
    GIVES(MR_OK, mr_map_get(m, MR_STR("ada"), &v, NULL, &err));
    GIVES(MR_ERR_TYPE, mr_val_get_i64(&v, &i, &err));
    cr_assert_eq(i, 5);
}

Test(map, keeps_a_value_that_was_copied_out_after_the_member_has_closed)
{
    mr_t *other = member(NULL);
    mr_map_t *map = mr_map(other, "test", &err);
    char text[500];

    memset(text, 'x', sizeof text);
    GIVES(MR_OK, mr_map_put(map, MR_I64(1), MR_STRN(text, sizeof text), NULL, &err));
    GIVES(MR_OK, mr_map_get(map, MR_I64(1), &v, NULL, &err));
    GIVES(MR_OK, mr_close(other, MR_NOW, &err));
    cr_assert_arr_eq(mr_val_str(&v), text, sizeof text);
}

Test(map, puts_over_what_is_there_and_tells_the_value_from_before)
{
    GIVES(MR_OK, mr_val_set(&v, MR_I64(99), &err));
    GIVES(MR_OK, mr_map_put(m, MR_STR("ada"), MR_I64(1), &with_old, &err));
    cr_assert_eq(mr_val_type(&v), MR_KIND_NULL, "there was none");
    GIVES(MR_OK, mr_map_put(m, MR_STR("ada"), MR_I64(2), &with_old, &err));
    cr_assert_eq(mr_val_i64(&v), 1);
    cr_assert_eq(number(MR_STR("ada")), 2);
}

Test(map, sets_without_a_value_from_before)
{
    GIVES(MR_OK, mr_map_set(m, MR_STR("ada"), MR_I64(1), NULL, &err));
    cr_assert_eq(number(MR_STR("ada")), 1);
    GIVES(MR_ERR_ARGUMENT, mr_map_set(m, MR_STR("ada"), MR_I64(2), &with_old, &err));
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(map, puts_if_absent_once_and_tells_what_is_there)
{
    GIVES(MR_OK, mr_val_set(&v, MR_I64(99), &err));
    GIVES(MR_OK, mr_map_put_if_absent(m, MR_STR("ada"), MR_I64(1), &with_old, &err));
    cr_assert_eq(mr_val_type(&v), MR_KIND_NULL);
    GIVES(MR_EXISTS, mr_map_put_if_absent(m, MR_STR("ada"), MR_I64(2), &with_old, &err));
    cr_assert_eq(mr_val_i64(&v), 1);
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(map, replaces_only_what_is_there)
{
    GIVES(MR_OK, mr_val_set(&v, MR_I64(99), &err));
    GIVES(MR_NOT_FOUND, mr_map_replace(m, MR_STR("ada"), MR_I64(1), &with_old, &err));
    cr_assert_eq(mr_val_type(&v), MR_KIND_NULL);
    cr_assert(absent(MR_STR("ada")));

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_replace(m, MR_STR("ada"), MR_I64(2), &with_old, &err));
    cr_assert_eq(mr_val_i64(&v), 1);
    cr_assert_eq(number(MR_STR("ada")), 2);
}

Test(map, replaces_only_what_is_equal_in_type_and_bytes)
{
    mr_ref_t ada = MR_STR("ada");

    GIVES(MR_NOT_FOUND, mr_map_replace_if_equal(m, ada, MR_I64(1), MR_I64(2), &with_old, &err));
    put(ada, MR_I64(1));
    GIVES(MR_NOT_EQUAL, mr_map_replace_if_equal(m, ada, MR_I64(2), MR_I64(3), &with_old, &err));
    cr_assert_eq(mr_val_i64(&v), 1, "what is there");
    GIVES(MR_NOT_EQUAL, mr_map_replace_if_equal(m, ada, MR_DATE_MS(1), MR_I64(3), NULL, &err));
    cr_assert_eq(number(ada), 1);

    GIVES(MR_OK, mr_map_replace_if_equal(m, ada, MR_I64(1), MR_I64(2), &with_old, &err));
    cr_assert_eq(mr_val_i64(&v), 1);
    cr_assert_eq(number(ada), 2);
}

Test(map, removes_and_tells_the_value_from_before)
{
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_remove(m, MR_STR("ada"), &v, &err));
    cr_assert_eq(mr_val_i64(&v), 1);
    cr_assert(absent(MR_STR("ada")));
    GIVES(MR_NOT_FOUND, mr_map_remove(m, MR_STR("ada"), &v, &err));
    GIVES(MR_NOT_FOUND, mr_map_remove(m, MR_STR("ada"), NULL, &err));
}

Test(map, removes_only_what_is_equal)
{
    GIVES(MR_NOT_FOUND, mr_map_remove_if_equal(m, MR_STR("ada"), MR_I64(1), &err));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_NOT_EQUAL, mr_map_remove_if_equal(m, MR_STR("ada"), MR_I32(1), &err));
    GIVES(MR_OK, mr_map_remove_if_equal(m, MR_STR("ada"), MR_I64(1), &err));
    cr_assert(absent(MR_STR("ada")));
}

Test(map, deletes_and_evicts_what_is_there)
{
    GIVES(MR_NOT_FOUND, mr_map_delete(m, MR_STR("ada"), &err));
    GIVES(MR_NOT_FOUND, mr_map_evict(m, MR_STR("ada"), &err));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_delete(m, MR_STR("ada"), &err));
    cr_assert(absent(MR_STR("ada")));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_evict(m, MR_STR("ada"), &err));
    cr_assert(absent(MR_STR("ada")));
}

Test(map, says_whether_it_contains_a_key)
{
    GIVES(MR_NOT_FOUND, mr_map_contains(m, MR_STR("ada"), &err));
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_OK, mr_map_contains(m, MR_STR("ada"), &err));
}

/* ---- many entries --------------------------------------------------------------------------- */

Test(map, keeps_every_entry_while_it_grows_and_shrinks)
{
    enum { N = 20000 };

    for (int64_t i = 0; i < N; i++)
        put(MR_I64(i), MR_I64(i * 3));
    cr_assert_eq(size(), N);
    for (int64_t i = 0; i < N; i += 2)
        GIVES(MR_OK, mr_map_delete(m, MR_I64(i), &err));
    cr_assert_eq(size(), N / 2);
    for (int64_t i = 0; i < N; i++)
        cr_assert(i % 2 ? number(MR_I64(i)) == i * 3 : absent(MR_I64(i)));
}

Test(map, gets_many_at_once_with_null_for_the_absent)
{
    enum { N = 1000 };
    static mr_ref_t keys[N];
    static mr_val_t values[N];

    for (int i = 0; i < N; i++) {
        keys[i] = MR_I64(i);
        GIVES(MR_OK, mr_val_set(&values[i], MR_STR("before"), &err));
        if (i % 3)
            put(keys[i], MR_I64(i * 2));
    }
    GIVES(MR_OK, mr_map_get_all(m, keys, N, values, &err));
    for (int i = 0; i < N; i++) {
        cr_assert_eq(mr_val_type(&values[i]), i % 3 ? MR_KIND_I64 : MR_KIND_NULL);
        cr_assert_eq(mr_val_i64(&values[i]), i % 3 ? i * 2 : 0);
        mr_val_clear(&values[i]);
    }
}

Test(map, gets_many_at_once_although_a_key_comes_twice_or_there_is_none)
{
    mr_ref_t keys[] = {MR_STR("ada"), MR_STR("ada")};
    mr_val_t values[2] = {MR_VAL_INIT, MR_VAL_INIT};

    put(MR_STR("ada"), MR_I64(36));
    GIVES(MR_OK, mr_map_get_all(m, keys, 2, values, &err));
    cr_assert(mr_val_i64(&values[0]) == 36 && mr_val_i64(&values[1]) == 36);
    GIVES(MR_OK, mr_map_get_all(m, NULL, 0, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_get_all(m, NULL, 1, values, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_get_all(m, keys, 1, NULL, &err));
    keys[1] = MR_NULL;
    GIVES(MR_ERR_ARGUMENT, mr_map_get_all(m, keys, 2, values, &err));
}

Test(map, puts_many_at_once)
{
    enum { N = 1000 };
    static mr_entry_t entries[N];
    size_t done = 0;

    for (int i = 0; i < N; i++)
        entries[i] = (mr_entry_t){MR_I64(i / 2), MR_I64(i)};
    GIVES(MR_OK, mr_map_put_all(m, entries, N, NULL, &done, &err));
    cr_assert_eq(done, N);
    for (int i = 0; i < N / 2; i++)
        cr_assert_eq(number(MR_I64(i)), 2 * i + 1, "the later one of two");

    GIVES(MR_OK, mr_map_put_all(m, NULL, 0, NULL, &done, &err));
    cr_assert_eq(done, 0);
    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, NULL, 1, NULL, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, entries, 1, &with_old, NULL, &err));
}

Test(map, tells_how_many_of_many_were_put_before_one_failed)
{
    mr_entry_t entries[] = {{MR_I64(0), MR_I64(0)},
                            {MR_I64(1), MR_I64(1)},
                            {MR_I64(2), MR_NULL},
                            {MR_I64(3), MR_I64(3)}};
    size_t done = 77;

    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, entries, 4, NULL, &done, &err));
    cr_assert_eq(done, 2);
    cr_assert_eq(size(), 2);
    cr_assert_eq(number(MR_I64(1)), 1);
}

Test(map, knows_its_size_and_whether_it_is_empty)
{
    cr_assert(size() == 0 && mr_map_is_empty(m, &err) == 1);
    put(MR_STR("ada"), MR_I64(1));
    put(MR_STR("ada"), MR_I64(2));
    put(MR_STR("bob"), MR_I64(3));
    cr_assert(size() == 2 && mr_map_is_empty(m, &err) == 0);
    FAILS(MR_ERR_ARGUMENT, mr_map_size(NULL, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_map_is_empty(NULL, &err), 1);
}

Test(map, clears_everything_and_serves_again)
{
    GIVES(MR_OK, mr_map_clear(m, &err));
    for (int64_t i = 0; i < 5000; i++)
        put(MR_I64(i), MR_I64(i));
    GIVES(MR_OK, mr_map_clear(m, &err));
    cr_assert_eq(size(), 0);
    cr_assert(absent(MR_I64(1)));
    put(MR_I64(1), MR_I64(2));
    cr_assert_eq(number(MR_I64(1)), 2);
}

/* ---- maps ----------------------------------------------------------------------------------- */

Test(map, is_the_same_for_the_same_name)
{
    char name[] = "cities";
    mr_map_t *cities = mr_map(g, name, &err);

    name[0] = '?';
    cr_assert_str_eq(mr_map_name(cities), "cities");
    cr_assert(mr_map(g, "cities", &err) == cities);
    cr_assert(mr_map(g, "countries", &err) != cities);
}

Test(map, has_entries_of_its_own)
{
    mr_map_t *other = mr_map(g, "other", &err);

    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_NOT_FOUND, mr_map_contains(other, MR_STR("ada"), &err));
    GIVES(MR_OK, mr_map_put(other, MR_STR("ada"), MR_I64(2), NULL, &err));
    GIVES(MR_OK, mr_map_clear(other, &err));
    cr_assert_eq(number(MR_STR("ada")), 1);
}

Test(map, takes_names_of_1_to_255_bytes_of_UTF8)
{
    char longest[257];

    memset(longest, 'n', 256);
    longest[256] = '\0';
    FAILS(MR_ERR_ARGUMENT, mr_map(g, longest, &err), NULL);
    longest[255] = '\0';
    mr_err_clear(&err);
    cr_assert(mr_map(g, longest, &err) != NULL, "%s", err.message);
    cr_assert(mr_map(g, "\xf0\x9f\x92\xa7 \xc3\xbc.-*/", &err) != NULL, "%s", err.message);

    FAILS(MR_ERR_ARGUMENT, mr_map(g, "", &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map(g, NULL, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map(g, "\xff", &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_map(NULL, "name", &err), NULL);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static mr_update_t keep(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context, (void)current, (void)next;
    return MR_UPDATE_KEEP;
}

static void ignore(void *context, const mr_event_t *event)
{
    (void)context, (void)event;
}

/* Every call that takes a key, with this one. */
static void every_call_refuses_key(mr_map_t *map, mr_ref_t key)
{
    mr_entry_t entry = {key, MR_I64(1)};
    mr_ref_t view = MR_I64(5);

    GIVES(MR_ERR_ARGUMENT, mr_map_get(map, key, &v, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_contains(map, key, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put(map, key, MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_set(map, key, MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_if_absent(map, key, MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_replace(map, key, MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_replace_if_equal(map, key, MR_I64(1), MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_remove(map, key, &v, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_remove_if_equal(map, key, MR_I64(1), &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_delete(map, key, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_evict(map, key, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_set_ttl(map, key, 1, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_get_all(map, &key, 1, &v, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(map, &entry, 1, NULL, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_update(map, key, keep, NULL, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_borrow(map, key, &view, &err));
    cr_assert_eq(view.as.i64, 5, "untouched");
}

static void every_call_refuses_value(mr_ref_t value)
{
    mr_entry_t entry = {MR_I64(1), value};

    GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), value, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_set(m, MR_I64(1), value, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_if_absent(m, MR_I64(1), value, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_replace(m, MR_I64(1), value, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_replace_if_equal(m, MR_I64(1), MR_I64(1), value, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_replace_if_equal(m, MR_I64(1), value, MR_I64(1), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_remove_if_equal(m, MR_I64(1), value, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, &entry, 1, NULL, NULL, &err));
}

Test(map, refuses_a_handle_that_is_null)
{
    mr_map_stats_t stats = MR_MAP_STATS_INIT;
    mr_memory_stats_t memory = MR_MEMORY_STATS_INIT;

    every_call_refuses_key(NULL, MR_STR("ada"));
    GIVES(MR_ERR_ARGUMENT, mr_map_clear(NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_stats(NULL, &stats, &err));
    GIVES(MR_ERR_ARGUMENT, mr_memory_stats(NULL, &memory, &err));
    GIVES(MR_ERR_ARGUMENT, mr_read_begin(NULL, &err));
    FAILS(MR_ERR_ARGUMENT, mr_map_iter(NULL, 0, &err), NULL);
    FAILS(MR_ERR_ARGUMENT, mr_iter_next(NULL, NULL, NULL, &err), 0);
    FAILS(MR_ERR_ARGUMENT, mr_map_listen(NULL, MR_EVENT_ALL, ignore, NULL, &err), NULL);
    cr_assert_eq(mr_member_count(NULL), 0);
    mr_read_end(NULL);
    mr_iter_free(NULL);
    mr_listener_close(NULL);
}

Test(map, refuses_a_place_for_the_result_that_is_null)
{
    put(MR_STR("ada"), MR_I64(1));
    GIVES(MR_ERR_ARGUMENT, mr_map_get(m, MR_STR("ada"), NULL, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_update(m, MR_STR("ada"), NULL, NULL, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_stats(m, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_memory_stats(g, NULL, &err));
    FAILS(MR_ERR_ARGUMENT, mr_map_listen(m, MR_EVENT_ALL, NULL, NULL, &err), NULL);
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_borrow(m, MR_STR("ada"), NULL, &err));
    mr_read_end(g);
}

Test(map, refuses_null_and_invalid_text_as_key_and_as_value)
{
    every_call_refuses_key(m, MR_NULL);
    every_call_refuses_key(m, MR_STR(NULL));
    every_call_refuses_key(m, MR_STR("\xff"));
    every_call_refuses_key(m, MR_JSON("\xc3"));
    every_call_refuses_value(MR_NULL);
    every_call_refuses_value(MR_STR("\xed\xa0\x80"));
    cr_assert_eq(size(), 0);
}

Test(map, refuses_data_without_a_whole_header)
{
    GIVES(MR_ERR_MALFORMED, mr_map_put(m, MR_DATA("abc", 3), MR_I64(1), NULL, &err));
    GIVES(MR_ERR_MALFORMED, mr_map_put(m, MR_I64(1), MR_DATA("\0\0\0\0\0\0\0", 7), NULL, &err));
    cr_assert_eq(size(), 0);
}

Test(map, hands_out_as_it_is_what_it_does_not_understand)
{
    static const struct {
        const char *bytes;
        uint32_t size;
    } strange[] = {
        {"\0\0\0\1\0\0\0\2abc", 11},                 /* a type without a kind here */
        {"\0\0\0\0\xff\xff\xff\xf5\0\0\0\7abc", 15}, /* a text that says it has 7 bytes */
    };

    for (int i = 0; i < 2; i++) {
        mr_ref_t data = MR_DATA(strange[i].bytes, strange[i].size);

        put(data, data);
        GIVES(MR_OK, mr_map_get(m, data, &v, NULL, &err));
        cr_assert_eq(mr_val_type(&v), MR_KIND_DATA);

        mr_ref_t got = mr_val_ref(&v);
        cr_assert_eq(got.len, strange[i].size);
        cr_assert_arr_eq(got.as.ptr, strange[i].bytes, got.len);
        GIVES(MR_OK, mr_map_remove_if_equal(m, data, data, &err));
    }
}

Test(map, refuses_an_array_and_a_record_that_has_failed)
{
    static const int64_t numbers[] = {1, 2};
    mr_schema_t *s = mr_schema_new("point", &err);
    mr_rec_t *rec;

    GIVES(MR_OK, mr_schema_field(s, "x", MR_KIND_I32, &err));
    rec = mr_rec_new(s, &err);
    GIVES(MR_ERR_SCHEMA, mr_rec_set(rec, "y", MR_I32(1), &err));
    GIVES(MR_ERR_SCHEMA, mr_map_put(m, MR_I64(1), MR_REC(rec), NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), MR_REC(NULL), NULL, &err));
    GIVES(MR_ERR_TYPE, mr_map_put(m, MR_I64(1), MR_I64S(numbers, 2), NULL, &err));
    cr_assert_eq(size(), 0);
    mr_rec_free(rec);
    mr_schema_free(s);
}

Test(map, refuses_times_that_are_negative_or_longer_than_ten_years)
{
    const int64_t ten_years = 3653ll * 24 * 3600 * 1000;
    const int64_t bad[] = {-1, INT64_MIN, ten_years + 1, MR_FOREVER - 1};

    put(MR_I64(1), MR_I64(1));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mr_put_opts_t ttl = {sizeof ttl, bad[i], 0, NULL}, idle = {sizeof idle, 0, bad[i], NULL};

        GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), MR_I64(2), &ttl, &err));
        GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), MR_I64(2), &idle, &err));
        GIVES(MR_ERR_ARGUMENT, mr_map_set_ttl(m, MR_I64(1), bad[i], &err));
        GIVES(MR_ERR_ARGUMENT, mr_map_update(m, MR_I64(1), keep, NULL, &ttl, &err));
    }
    cr_assert_eq(number(MR_I64(1)), 1);
}

Test(map, does_nothing_when_it_is_handed_a_filled_error)
{
    mr_err_t first = {MR_ERR_SYSTEM, 0, "first", "", ""};
    mr_ref_t key = MR_STR("ada");
    mr_entry_t entry = {MR_I64(1), MR_I64(1)};

    put(key, MR_I64(1));
    cr_assert_eq(mr_map_put(m, key, MR_I64(2), NULL, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_map_get(m, key, &v, NULL, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_map_remove(m, key, NULL, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_map_put_all(m, &entry, 1, NULL, NULL, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_map_clear(m, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_map_update(m, key, keep, NULL, NULL, &first), MR_ERR_SYSTEM);
    cr_assert_eq(mr_read_begin(g, &first), MR_ERR_SYSTEM);
    cr_assert(mr_map(g, "other", &first) == NULL);
    cr_assert(mr_map_iter(m, 0, &first) == NULL);
    cr_assert(mr_map_listen(m, MR_EVENT_ALL, ignore, NULL, &first) == NULL);
    cr_assert(mr_map_size(m, &first) == 0);
    cr_assert(mr_map_is_empty(m, &first) == 1);

    cr_assert_str_eq(first.message, "first");
    cr_assert_eq(mr_val_type(&v), MR_KIND_NULL);
    cr_assert_eq(number(key), 1);
}

Test(map, works_without_a_place_for_errors)
{
    cr_assert_eq(mr_map_put(m, MR_STR("ada"), MR_I64(1), NULL, NULL), MR_OK);
    cr_assert_eq(mr_map_get(m, MR_STR("ada"), &v, NULL, NULL), MR_OK);
    cr_assert_eq(mr_map_put(m, MR_NULL, MR_I64(1), NULL, NULL), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_map_get(NULL, MR_STR("ada"), &v, NULL, NULL), MR_ERR_ARGUMENT);
}

Test(map, keeps_the_first_cause_through_the_calls_that_follow_it)
{
    mr_map_t *map = mr_map(NULL, "ages", &err);
    char first[sizeof err.message];

    memcpy(first, err.message, sizeof first);
    cr_assert_eq(mr_map_put(map, MR_STR("ada"), MR_I64(36), NULL, &err), MR_ERR_ARGUMENT);
    cr_assert_eq(mr_map_get(map, MR_STR("ada"), &v, NULL, &err), MR_ERR_ARGUMENT);
    cr_assert_str_eq(err.message, first);
}

/* ---- counting ------------------------------------------------------------------------------- */

Test(map, counts_what_was_done)
{
    static const struct {
        const char *what;
        size_t at;
        uint64_t wanted;
    } counts[] = {
        {"entries", offsetof(mr_map_stats_t, entries), 7},
        {"gets", offsetof(mr_map_stats_t, gets), 5},
        {"hits", offsetof(mr_map_stats_t, hits), 3},
        {"puts", offsetof(mr_map_stats_t, puts), 11},
        {"removes", offsetof(mr_map_stats_t, removes), 2},
        {"evictions", offsetof(mr_map_stats_t, evictions), 1},
        {"expirations", offsetof(mr_map_stats_t, expirations), 0},
        {"updates", offsetof(mr_map_stats_t, updates), 1},
    };

    for (int i = 0; i < 10; i++)
        put(MR_I64(i), MR_STR("some value"));
    put(MR_I64(0), MR_STR("another"));
    for (int i = 7; i < 12; i++)
        (void)mr_map_get(m, MR_I64(i), &v, NULL, &err);
    GIVES(MR_OK, mr_map_remove(m, MR_I64(1), NULL, &err));
    GIVES(MR_OK, mr_map_delete(m, MR_I64(2), &err));
    GIVES(MR_NOT_FOUND, mr_map_delete(m, MR_I64(2), &err));
    GIVES(MR_OK, mr_map_evict(m, MR_I64(3), &err));
    GIVES(MR_OK, mr_map_update(m, MR_I64(4), keep, NULL, NULL, &err));

    mr_map_stats_t stats = map_stats();
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint64_t got;

        memcpy(&got, (const char *)&stats + counts[i].at, sizeof got);
        cr_assert_eq(got, counts[i].wanted, "%s: %lu", counts[i].what, (unsigned long)got);
    }
    cr_assert(stats.bytes >= 7 * (8 + 10) && stats.bytes < 7 * 100);
    cr_assert(stats.index_bytes > 0);
}

Test(map, refuses_stats_and_options_that_were_not_initialised)
{
    mr_map_stats_t stats = {0};
    mr_memory_stats_t memory = {0};
    mr_put_opts_t opts = {0};

    GIVES(MR_ERR_ARGUMENT, mr_map_stats(m, &stats, &err));
    GIVES(MR_ERR_ARGUMENT, mr_memory_stats(g, &memory, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_put(m, MR_I64(1), MR_I64(1), &opts, &err));
    cr_assert_eq(size(), 0);
}

Test(map, gives_memory_back_when_entries_go)
{
    char value[1000] = {0};
    uint64_t empty = memory_stats().used;

    for (int i = 0; i < 1000; i++)
        put(MR_I64(i), MR_BYTES(value, sizeof value));

    mr_memory_stats_t full = memory_stats();
    cr_assert_eq(full.limit, UINT64_MAX);
    cr_assert(full.used >= empty + 1000 * sizeof value);
    cr_assert(full.used < empty + 1000 * sizeof value * 2);
    cr_assert(full.committed >= full.used);

    GIVES(MR_OK, mr_map_clear(m, &err));
    EVENTUALLY(memory_stats().used == empty && memory_stats().retired == 0);
}
