#include "client/value.h"

#include <stdio.h>

#include "net/base/mem.h"
#include "tests/unit/net/wire/bytes.h"

/* ---- in: a view becomes Data ----------------------------------------------------------------- */

static mr_rc_t data_of(mr_ref_t ref, uint8_t *out, uint32_t *ret_size)
{
    uint8_t scratch[REF_SCRATCH];
    struct data d;
    mr_rc_t rc = ref_to_data(&ref, &d, scratch, NULL);

    if (rc != MR_OK)
        return rc;
    *ret_size = data_wire_size(&d);
    data_write(&d, out);
    return MR_OK;
}

static void expect_data(mr_ref_t ref, const char *hex)
{
    uint8_t out[128];
    uint32_t size = 0;

    cr_assert_eq(data_of(ref, out, &size), MR_OK, "%s", hex);
    cr_expect_bytes(out, size, hex);
}

static const mr_uuid_t uuid = {0xfffffffffcf5eb9f, 0xddd5};
static const mr_time_t moment = {2021, 6, 28, 11, 22, 41, 123456789, 64800};

Test(ref, becomes_the_bytes_that_every_client_writes)
{
    expect_data(MR_NULL, "00000000 00000000");
    expect_data(MR_STR(NULL), "00000000 00000000");
    expect_data(MR_BOOL(1), "00000000 fffffffc 01");
    expect_data(MR_I8(-1), "00000000 fffffffd ff");
    expect_data(MR_I16(-500), "00000000 fffffffa fe0c");
    expect_data(MR_I32(1), "00000000 fffffff9 00000001");
    expect_data(MR_I64(1), "00000000 fffffff8 0000000000000001");
    expect_data(MR_F32(1.5), "00000000 fffffff7 3fc00000");
    expect_data(MR_F64(1.0), "00000000 fffffff6 3ff0000000000000");
    expect_data(MR_STR("ada"), "00000000 fffffff5 00000003 616461");
    expect_data(MR_STRN("a\0b", 3), "00000000 fffffff5 00000003 610062");
    expect_data(MR_JSON("{\"a\":1}"), "00000000 ffffff7e 00000007 7b2261223a317d");
    expect_data(MR_JSONN("{} ", 2), "00000000 ffffff7e 00000002 7b7d");
    expect_data(MR_BYTES("\xff\x00", 2), "00000000 fffffff4 00000002 ff00");
    expect_data(MR_UUID(uuid), "00000000 ffffffeb fffffffffcf5eb9f 000000000000ddd5");
    expect_data(MR_DATE_MS(0x93933c6000), "00000000 ffffffe7 00000093933c6000");
    expect_data(MR_DATE(moment), "00000000 ffffffcd 000007e5 06 1c");
    expect_data(MR_TIME(moment), "00000000 ffffffcc 0b 16 29 075bcd15");
    expect_data(MR_DATETIME(moment), "00000000 ffffffcb 000007e5 06 1c 0b 16 29 075bcd15");
    expect_data(MR_DATETIME_TZ(moment),
                "00000000 ffffffca 000007e5 06 1c 0b 16 29 075bcd15 0000fd20");
    expect_data(MR_BIGINT("\xff\x01", 2), "00000000 ffffffe6 00000002 ff01");
    expect_data(MR_DECIMAL("\x79\xff", 2, 10), "00000000 ffffffe5 00000002 79ff 0000000a");
    expect_data(MR_DATA("\0\0\0\x2a\xff\xff\xff\xfc\1", 9), "0000002a fffffffc 01");
}

Test(ref, leaves_text_and_bytes_where_they_are)
{
    static const char text[] = "a text that is longer than any scratch could ever hold";
    mr_ref_t refs[] = {MR_STR(text), MR_JSON(text), MR_BYTES(text, sizeof text)};
    uint8_t scratch[REF_SCRATCH];

    for (int i = 0; i < 3; i++) {
        struct data d = {0};

        cr_assert_eq(ref_to_data(&refs[i], &d, scratch, NULL), MR_OK);
        cr_expect_eq(d.at, (const uint8_t *)text);
    }
}

Test(ref, is_refused_with_words_when_it_cannot_be_stored)
{
    static const char big[64] = {1};
    int32_t ints[] = {1, 2};
    mr_time_t no_day = {.year = 2023, .month = 2, .day = 29};
    mr_time_t no_hour = {.hour = 24};
    struct {
        mr_ref_t ref;
        mr_rc_t rc;
        const char *word;
    } bad[] = {
        {MR_STR("\xff"), MR_ERR_ARGUMENT, "UTF-8"},
        {MR_JSON("\xc3"), MR_ERR_ARGUMENT, "UTF-8"},
        {MR_DATE(no_day), MR_ERR_ARGUMENT, "date"},
        {MR_TIME(no_hour), MR_ERR_ARGUMENT, "time"},
        {MR_BIGINT("", 0), MR_ERR_ARGUMENT, "digits"},
        {MR_DECIMAL(big, 25, 0), MR_ERR_TOO_LARGE, "25"},
        {MR_BYTES(big, SIZE_MAX), MR_ERR_TOO_LARGE, "2147483647"},
        {MR_STRN(big, (size_t)1 << 40), MR_ERR_TOO_LARGE, "2147483647"},
        {MR_I32S(ints, 2), MR_ERR_TYPE, "array"},
        {MR_DATA(big, 7), MR_ERR_MALFORMED, "header"},
        {MR_REC(NULL), MR_ERR_ARGUMENT, "no record"},
        {mr_ref_make(77), MR_ERR_ARGUMENT, "77"},
        {mr_ref_from_i64(MR_KIND_I32, 1ll << 40), MR_ERR_ARGUMENT, "range"},
        {mr_ref_from_i64(MR_KIND_I8, 128), MR_ERR_ARGUMENT, "range"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mr_err_t err = MR_ERR_INIT;
        uint8_t scratch[REF_SCRATCH];
        struct data d = {.kind = 99};

        cr_expect_eq(ref_to_data(&bad[i].ref, &d, scratch, &err), bad[i].rc, "row %zu", i);
        cr_expect_eq(err.code, bad[i].rc, "row %zu", i);
        cr_expect(strstr(err.message, bad[i].word), "row %zu: %s", i, err.message);
        cr_expect_eq(d.kind, 99, "untouched");
    }
}

/* ---- out: Data becomes a value --------------------------------------------------------------- */

/* The Data stands on the heap and is gone when this returns: a value owns its bytes. */
static void assign(mr_val_t *v, const char *hex)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(hex, &size);
    struct data d;

    cr_assert_eq(data_read(bytes, size, &d), MR_OK);
    cr_assert_eq(val_assign(v, &d, NULL), MR_OK);
    free(bytes);
}

Test(val, is_what_the_example_prints)
{
    mr_err_t err = MR_ERR_INIT;
    mr_val_t v = MR_VAL_INIT;
    char line[32];

    cr_assert_eq(mr_val_set(&v, MR_I64(36), &err), MR_OK);
    snprintf(line, sizeof line, "%lld", (long long)mr_val_i64(&v));
    cr_expect_str_eq(line, "36");
    mr_val_clear(&v);
    cr_expect_eq(mr_err_report(stderr, &err), 0);
}

static const struct {
    const char *hex;
    int type;
} typed[] = {
    {"", MR_KIND_NULL},
    {"00000000 fffffffc 01", MR_KIND_BOOL},
    {"00000000 fffffffd ff", MR_KIND_I8},
    {"00000000 fffffffa fe0c", MR_KIND_I16},
    {"00000000 fffffff9 00000001", MR_KIND_I32},
    {"00000000 fffffff8 0000000000000001", MR_KIND_I64},
    {"00000000 fffffffb 0078", MR_KIND_CHAR},
    {"00000000 fffffff7 3fc00000", MR_KIND_F32},
    {"00000000 fffffff6 3ff0000000000000", MR_KIND_F64},
    {"00000000 fffffff5 00000003 616461", MR_KIND_STR},
    {"00000000 ffffff7e 00000007 7b2261223a317d", MR_KIND_JSON},
    {"00000000 fffffff4 00000002 ff00", MR_KIND_BYTES},
    {"00000000 ffffffeb fffffffffcf5eb9f 000000000000ddd5", MR_KIND_UUID},
    {"00000000 ffffffe7 00000093933c6000", MR_KIND_DATE_MS},
    {"00000000 ffffffcd 000007e5 06 1c", MR_KIND_DATE},
    {"00000000 ffffffcc 0b 16 29 075bcd15", MR_KIND_TIME},
    {"00000000 ffffffcb 000007e5 06 1c 0b 16 29 075bcd15", MR_KIND_DATETIME},
    {"00000000 ffffffca 000007e5 06 1c 0b 16 29 075bcd15 0000fd20", MR_KIND_DATETIME_TZ},
    {"00000000 ffffffe6 00000002 ff01", MR_KIND_BIGINT},
    {"00000000 ffffffe5 00000002 79ff 0000000a", MR_KIND_DECIMAL},
    {"0000002a fffffff5 00000002 6b31", MR_KIND_STR}, /* a partition hash is set */
    {"00000000 ffffffff 0011223344", MR_KIND_DATA},   /* Portable */
    {"00000000 00000007 aabb", MR_KIND_DATA},         /* a user's serializer */
    {"00000000 fffffff9 000001", MR_KIND_DATA},       /* an int of three bytes */
    {"00000000 ffffffc9 cb62a66e", MR_KIND_DATA},     /* a record without an id */
    {"00000000 fffffff5 00000009 6b31", MR_KIND_DATA},
};

Test(val, knows_its_type_and_goes_back_as_it_came)
{
    mr_val_t v = MR_VAL_INIT;

    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        assign(&v, typed[i].hex);
        cr_expect_eq(mr_val_type(&v), typed[i].type, "%s", typed[i].hex);
        if (i != 0 && i != 20) /* null has two forms; a hash is dropped by who writes anew */
            expect_data(mr_val_ref(&v), typed[i].hex);
    }
    mr_val_clear(&v);
}

Test(val, widens_integers_and_floats_and_never_narrows)
{
    mr_val_t v = MR_VAL_INIT;
    mr_err_t err = MR_ERR_INIT;
    int64_t wide = 0;
    int32_t narrow = 5;
    double real = 0;

    assign(&v, "00000000 fffffff9 ffffffff");
    cr_expect_eq(mr_val_i64(&v), -1);
    cr_expect_eq(mr_val_get_i64(&v, &wide, &err), MR_OK);
    cr_expect_eq(wide, -1);
    cr_expect_eq(mr_val_get_i32(&v, &narrow, &err), MR_OK);
    cr_expect_eq(narrow, -1);

    assign(&v, "00000000 fffffff7 3fc00000");
    cr_expect_eq(mr_val_f64(&v), 1.5);
    cr_expect_eq(mr_val_get_f64(&v, &real, &err), MR_OK);
    cr_expect_eq(real, 1.5);

    assign(&v, "00000000 fffffff8 0000000080000000");
    cr_expect_eq(mr_val_get_i32(&v, &narrow, &err), MR_ERR_TYPE);
    cr_expect_eq(narrow, -1, "untouched");
    mr_val_clear(&v);
}

Test(val, answers_a_getter_of_another_type_with_nothing)
{
    mr_val_t v = MR_VAL_INIT;

    assign(&v, "00000000 fffffff5 00000003 616461");
    cr_expect(!mr_val_bool(&v));
    cr_expect_eq(mr_val_i64(&v), 0);
    cr_expect_eq(mr_val_f64(&v), 0);
    assign(&v, "00000000 fffffff9 00000001");
    cr_expect_null(mr_val_str(&v));
    cr_expect_null(mr_val_bytes(&v));
    cr_expect_eq(mr_val_len(&v), 0);
    mr_val_clear(&v);
}

Test(val, says_in_words_what_the_checked_getters_refuse)
{
    mr_val_t text = MR_VAL_INIT, number = MR_VAL_INIT;
    const char *s = NULL;
    size_t len = 0;
    bool b = false;
    int64_t n = 0;
    double d = 0;
    mr_err_t err = MR_ERR_INIT;

    assign(&text, "00000000 fffffff5 00000003 616461");
    assign(&number, "00000000 fffffff9 00000001");
    cr_expect_eq(mr_val_get_i64(&text, &n, &err), MR_ERR_TYPE);
    cr_expect(strstr(err.message, "STR") && err.hint[0], "%s", err.message);
    mr_err_clear(&err);
    cr_expect_eq(mr_val_get_f64(&number, &d, &err), MR_ERR_TYPE);
    mr_err_clear(&err);
    cr_expect_eq(mr_val_get_bool(&number, &b, &err), MR_ERR_TYPE);
    mr_err_clear(&err);
    cr_expect_eq(mr_val_get_str(&number, &s, &len, &err), MR_ERR_TYPE);
    cr_expect_null(s);
    cr_expect_eq(mr_val_get_i64(&number, &n, &err), MR_ERR_TYPE, "a filled error stays");
    cr_expect_eq(n, 0);
    mr_val_clear(&text);
    mr_val_clear(&number);
}

Test(val, puts_a_nul_behind_text_of_any_length)
{
    char text[200];

    memset(text, 'x', sizeof text);
    for (size_t n = 0; n < sizeof text; n++) {
        mr_val_t v = MR_VAL_INIT;
        const char *s = NULL;
        size_t len = 0;

        cr_assert_eq(mr_val_set(&v, MR_STRN(text, n), NULL), MR_OK);
        cr_assert_eq(mr_val_get_str(&v, &s, &len, NULL), MR_OK);
        cr_expect_eq(strlen(s), n);
        cr_expect_eq(len, n);
        cr_expect_eq(mr_val_len(&v), n);
        cr_expect_eq(mr_val_bytes(&v), (const void *)s);
        cr_expect_eq(v.heap == NULL, n < MR_VAL_ROOM, "%zu bytes", n);
        mr_val_clear(&v);
    }
}

Test(val, is_read_into_again_and_again)
{
    mr_val_t v = MR_VAL_INIT;
    char text[1000];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < 100; i++) {
        size_t n = i * 37 % sizeof text;

        cr_assert_eq(mr_val_set(&v, MR_STRN(text, n), NULL), MR_OK);
        cr_expect_eq(mr_val_len(&v), n);
        assign(&v, "00000000 fffffff9 00000001");
        cr_expect_eq(mr_val_i64(&v), 1);
    }
    mr_val_clear(&v);
    cr_expect_eq(mr_val_type(&v), MR_KIND_NULL);
    mr_val_clear(&v);
    mr_val_clear(NULL);
    cr_expect_eq(mr_val_type(NULL), MR_KIND_NULL);
}

Test(val, may_be_set_to_a_part_of_itself)
{
    mr_val_t v = MR_VAL_INIT;
    char text[100];

    memset(text, 'x', sizeof text);
    cr_assert_eq(mr_val_set(&v, MR_STRN(text, sizeof text), NULL), MR_OK);
    cr_assert_eq(mr_val_set(&v, MR_STRN(mr_val_str(&v) + 98, 2), NULL), MR_OK);
    cr_expect_str_eq(mr_val_str(&v), "xx");
    mr_val_clear(&v);
}

Test(val, gives_the_items_of_an_array)
{
    mr_val_t v = MR_VAL_INIT;
    mr_err_t err = MR_ERR_INIT;
    mr_ref_t array, item = MR_NULL;

    assign(&v, "00000000 fffffff0 00000002 0000ddd5 fffffffe");
    array = mr_val_ref(&v);
    cr_assert_eq(array.kind, MR_KIND_I32 | MR_KIND_ARRAY);
    cr_assert_eq(array.len, 2);
    cr_assert_eq(mr_ref_item(&array, 1, &item, &err), MR_OK);
    cr_expect_eq(item.as.i64, -2);
    cr_expect_eq(mr_ref_item(&array, 2, &item, &err), MR_ERR_ARGUMENT);
    mr_err_clear(&err);
    cr_expect_eq(mr_ref_item(&item, 0, &item, &err), MR_ERR_TYPE);
    mr_err_clear(&err);

    assign(&v, "00000000 ffffffec 00000003 00000001 78 ffffffff 00000009 79");
    array = mr_val_ref(&v);
    cr_assert_eq(mr_ref_item(&array, 0, &item, &err), MR_OK);
    cr_expect(item.kind == MR_KIND_STR && item.len == 1 && item.as.str[0] == 'x');
    cr_assert_eq(mr_ref_item(&array, 1, &item, &err), MR_OK);
    cr_expect_eq(item.kind, MR_KIND_NULL);
    cr_expect_eq(mr_ref_item(&array, 2, &item, &err), MR_ERR_MALFORMED);
    mr_val_clear(&v);
}

static void *no_alloc(size_t size, void *context)
{
    (void)size, (void)context;
    return NULL;
}

Test(val, stays_as_it_was_when_memory_runs_out)
{
    struct mem_hooks none = {no_alloc, NULL, NULL, NULL, NULL};
    char text[MR_VAL_ROOM] = {'x'};
    struct data big = {(const uint8_t *)text, sizeof text, DATA_BYTES};
    mr_val_t v = MR_VAL_INIT;
    mr_err_t err = MR_ERR_INIT;

    cr_assert_eq(mr_val_set(&v, MR_I32(7), NULL), MR_OK);
    mem_hooks_set(&none);
    mr_rc_t assigned = val_assign(&v, &big, NULL);
    mr_rc_t set = mr_val_set(&v, MR_BYTES(text, sizeof text), &err);
    mr_rc_t small = mr_val_set(&v, MR_I64(8), NULL);
    mem_hooks_set(NULL);

    cr_expect_eq(assigned, MR_ERR_MEMORY);
    cr_expect_eq(set, MR_ERR_MEMORY);
    cr_expect(err.retryable);
    cr_expect_eq(small, MR_OK, "which needs no memory");
    cr_expect_eq(mr_val_i64(&v), 8);
}
