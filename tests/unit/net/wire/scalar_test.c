#include "net/wire/scalar.h"

#include <math.h>

#include "tests/unit/net/wire/bytes.h"

/* One Data of every kind that is opened. */
static const struct {
    const char *hex;
    uint8_t kind;
} every[] = {
    {"00000000 fffffffc 01", DATA_BOOL},
    {"00000000 fffffffd 80", DATA_BYTE},
    {"00000000 fffffffb ffff", DATA_CHAR},
    {"00000000 fffffffa 8000", DATA_SHORT},
    {"00000000 fffffff9 80000000", DATA_INT},
    {"00000000 fffffff8 8000000000000000", DATA_LONG},
    {"00000000 fffffff7 44612457", DATA_FLOAT},
    {"00000000 fffffff7 7fa00001", DATA_FLOAT}, /* a NaN keeps its bits */
    {"00000000 fffffff6 c12b640ebc5c3230", DATA_DOUBLE},
    {"00000000 fffffff5 00000003 616461", DATA_STRING},
    {"00000000 fffffff4 00000003 ff00fe", DATA_BYTES},
    {"00000000 fffffff3 00000003 010001", SCALAR_ARRAY},
    {"00000000 fffffff2 00000002 00610062", SCALAR_ARRAY},
    {"00000000 fffffff1 00000002 fe0c0002", SCALAR_ARRAY},
    {"00000000 fffffff0 00000002 0000ddd5 00000002", SCALAR_ARRAY},
    {"00000000 ffffffef 00000001 fffffffffcf5eb9f", SCALAR_ARRAY},
    {"00000000 ffffffee 00000001 44612457", SCALAR_ARRAY},
    {"00000000 ffffffed 00000001 4026333333333333", SCALAR_ARRAY},
    {"00000000 ffffffec 00000003 00000001 78 ffffffff 00000000", SCALAR_ARRAY},
    {"00000000 ffffffeb fffffffffcf5eb9f 000000000000ddd5", DATA_UUID},
    {"00000000 ffffffe7 00000093933c6000", DATA_DATE_TIME_MS},
    {"00000000 ffffffe6 00000007 04ab781fb5229b", DATA_BIG_INTEGER},
    {"00000000 ffffffe5 00000002 79ff 0000000a", DATA_DECIMAL},
    {"00000000 ffffffcd 000007e5 06 1c", DATA_LOCAL_DATE},
    {"00000000 ffffffcc 0b 16 29 075bcd15", DATA_LOCAL_TIME},
    {"00000000 ffffffcb 000007e5 06 1c 0b 16 29 075bcd15", DATA_LOCAL_DATE_TIME},
    {"00000000 ffffffca 000007e5 06 1c 0b 16 29 075bcd15 0000fd20", DATA_OFFSET_DATE_TIME},
    {"00000000 ffffff7e 00000007 7b2261223a317d", DATA_JSON},
    {"00000000 ffffffc9 0123456789abcdef 00", DATA_COMPACT},
};

enum { EVERY = sizeof every / sizeof every[0] };

static mr_rc_t read_bytes(const uint8_t *bytes, uint32_t size, struct scalar *ret_v)
{
    struct data d;
    mr_rc_t rc = data_read(bytes, size, &d);

    return rc != MR_OK ? rc : scalar_read(&d, ret_v);
}

/* Reads every item, so that a sanitizer sees what reading them touches. */
static mr_rc_t read_items(struct scalar *v)
{
    mr_rc_t rc = MR_OK;
    struct scalar item;

    for (uint32_t i = 0; v->kind == SCALAR_ARRAY && i < v->array.count && rc == MR_OK; i++)
        rc = scalar_item(&v->array, i, &item);
    return rc;
}

Test(scalar, reads_each_kind_and_writes_the_same_bytes)
{
    for (int i = 0; i < EVERY; i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(every[i].hex, &size);
        uint8_t room[64], out[64];
        struct sink sink = {.at = room, .room = sizeof room};
        struct scalar v;
        struct data d;

        cr_assert_eq(read_bytes(bytes, size, &v), MR_OK, "%s", every[i].hex);
        cr_expect_eq(v.kind, every[i].kind, "%s", every[i].hex);
        cr_assert_eq(scalar_write(&v, &sink, &d), MR_OK, "%s", every[i].hex);
        cr_assert_eq(data_wire_size(&d), size, "%s", every[i].hex);
        data_write(&d, out);
        cr_expect(memcmp(out, bytes, size) == 0, "%s", every[i].hex);
        free(bytes);
    }
}

Test(scalar, refuses_every_truncation_and_every_byte_too_many)
{
    for (int i = 0; i < EVERY; i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(every[i].hex, &size);
        struct scalar v;

        for (uint32_t cut = 8; cut < size; cut++) {
            uint8_t *part = bytes_cut(bytes, cut);
            mr_rc_t rc = read_bytes(part, cut, &v);

            if (rc == MR_OK)
                rc = read_items(&v);
            if (every[i].kind != DATA_COMPACT || cut < 16) /* its schema knows where it ends */
                cr_expect_eq(rc, MR_ERR_MALFORMED, "%s cut to %u", every[i].hex, cut);
            free(part);
        }
        if (every[i].kind != DATA_COMPACT && bytes[7] != 0xec) {
            uint8_t *more = realloc(bytes_cut(bytes, size), size + 1);

            more[size] = 0;
            cr_expect_eq(read_bytes(more, size + 1, &v), MR_ERR_MALFORMED, "%s", every[i].hex);
            free(more);
        }
        free(bytes);
    }
}

Test(scalar, says_that_another_kind_is_another_type)
{
    for (int i = 0; i < EVERY; i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(every[i].hex, &size);
        uint8_t other = every[i].kind == DATA_INT ? DATA_LONG : DATA_INT;
        struct scalar v = {.kind = 99};
        struct data d;

        cr_assert_eq(data_read(bytes, size, &d), MR_OK);
        cr_expect_eq(scalar_read_as(&d, other, &v), MR_ERR_TYPE);
        cr_expect_eq(v.kind, 99, "untouched");
        cr_expect_eq(scalar_read_as(&d, every[i].kind, &v), MR_OK);
        free(bytes);
    }
}

static struct scalar of(const char *hex, uint8_t *room)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(hex, &size);
    struct scalar v;

    memcpy(room, bytes, size);
    free(bytes);
    cr_assert_eq(read_bytes(room, size, &v), MR_OK, "%s", hex);
    return v;
}

Test(scalar, keeps_the_sign_of_a_small_number)
{
    uint8_t room[64];
    int64_t n;

    for (int i = 1; i <= 5; i++) {
        static const int64_t least[] = {0, INT8_MIN, UINT16_MAX, INT16_MIN, INT32_MIN, INT64_MIN};
        struct scalar v = of(every[i].hex, room);

        cr_assert_eq(scalar_integer(&v, &n), MR_OK);
        cr_expect_eq(n, least[i]);
    }
}

Test(scalar, gives_a_real_for_both_floats_and_for_nothing_else)
{
    struct scalar f = {.kind = DATA_FLOAT, .f32 = 1.5f}, d = {.kind = DATA_DOUBLE, .f64 = -2.5};
    struct scalar i = {.kind = DATA_INT, .integer = 1};
    double n = 0;
    int64_t whole;

    cr_assert_eq(scalar_real(&f, &n), MR_OK);
    cr_expect_eq(n, 1.5);
    cr_assert_eq(scalar_real(&d, &n), MR_OK);
    cr_expect_eq(n, -2.5);
    cr_expect_eq(scalar_real(&i, &n), MR_ERR_TYPE);
    cr_expect_eq(scalar_integer(&d, &whole), MR_ERR_TYPE);
}

Test(scalar, reads_the_parts_of_a_moment)
{
    uint8_t room[64];
    struct scalar_moment m = of(every[26].hex, room).moment;

    cr_expect_eq(m.year, 2021);
    cr_expect_eq(m.month, 6);
    cr_expect_eq(m.day, 28);
    cr_expect_eq(m.hour, 11);
    cr_expect_eq(m.minute, 22);
    cr_expect_eq(m.second, 41);
    cr_expect_eq(m.nanos, 123456789u);
    cr_expect_eq(m.offset_s, 64800);
}

Test(scalar, reads_strings_of_an_array_forward_and_back)
{
    uint8_t room[64];
    struct scalar v = of("00000000 ffffffec 00000003 00000001 78 ffffffff 00000002 797a", room);
    struct scalar item;

    cr_assert_eq(v.array.count, 3);
    cr_assert_eq(scalar_item(&v.array, 2, &item), MR_OK);
    cr_expect_bytes(item.bytes.at, item.bytes.size, "797a");
    cr_assert_eq(scalar_item(&v.array, 0, &item), MR_OK);
    cr_expect_bytes(item.bytes.at, item.bytes.size, "78");
    cr_assert_eq(scalar_item(&v.array, 1, &item), MR_OK);
    cr_expect_eq(item.kind, DATA_NULL);
}

Test(scalar, sees_through_a_partition_hash_that_is_set)
{
    uint8_t room[64];
    struct scalar v = of("0000002a fffffff5 00000002 6b31", room);

    cr_expect_eq(v.kind, DATA_STRING);
    cr_expect_bytes(v.bytes.at, v.bytes.size, "6b31");
    v = of("0000002a ffffff7e 00000002 7b7d", room);
    cr_expect_eq(v.kind, DATA_JSON);
}

Test(scalar, takes_a_count_of_minus_one_as_null)
{
    uint8_t room[64];

    cr_expect_eq(of("00000000 fffffff5 ffffffff", room).kind, DATA_NULL);
    cr_expect_eq(of("00000000 fffffff0 ffffffff", room).kind, DATA_NULL);
    cr_expect_eq(of("", room).kind, DATA_NULL);
}

/* Bytes that claim what they do not hold. */
static const struct {
    const char *hex;
    mr_rc_t rc;
} bad[] = {
    {"00000000 fffffff0 7fffffff 00000001", MR_ERR_MALFORMED}, /* a count beyond everything */
    {"00000000 ffffffef 80000001 00000000 00000000", MR_ERR_MALFORMED},
    {"00000000 fffffff0 40000001 00000001", MR_ERR_MALFORMED}, /* four times it is four */
    {"00000000 ffffffec 00000009 00000000", MR_ERR_MALFORMED},
    {"00000000 ffffffec 00000001 00000005 7878", MR_ERR_MALFORMED},
    {"00000000 ffffffec 00000001 fffffffe 7878", MR_ERR_MALFORMED},
    {"00000000 ffffffe6 fffffffc 00", MR_ERR_MALFORMED},
    {"00000000 ffffffe5 00000001 79ff 0000", MR_ERR_MALFORMED},
    {"00000000 fffffff5 00000009 6b31", MR_ERR_MALFORMED},
    {"00000000 fffffff5 6b", MR_ERR_MALFORMED},
    {"00000000 ffffffff 00", MR_ERR_TYPE}, /* Portable */
    {"00000000 fffffffe 00", MR_ERR_TYPE},
    {"00000000 ffffffc8 00", MR_ERR_TYPE},
    {"00000000 ffffff9c aced", MR_ERR_TYPE},
    {"00000000 00000007 aabb", MR_ERR_TYPE},
};

Test(scalar, believes_no_count_before_it_has_bounded_it)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(bad[i].hex, &size);
        struct scalar v = {.kind = DATA_NULL};
        mr_rc_t rc = read_bytes(bytes, size, &v);

        if (rc == MR_OK)
            rc = read_items(&v);
        cr_expect_eq(rc, bad[i].rc, "%s", bad[i].hex);
        free(bytes);
    }
}

static void expect_written(struct scalar_array a, const char *hex)
{
    struct scalar v = {.kind = SCALAR_ARRAY, .array = a};
    uint8_t room[128], out[128];
    struct sink sink = {.at = room, .room = sizeof room};
    struct data d;

    cr_assert_eq(scalar_write(&v, &sink, &d), MR_OK, "%s", hex);
    data_write(&d, out);
    cr_expect_bytes(out, data_wire_size(&d), hex);
}

#define ARRAY(c, kind)                                                                             \
    (struct scalar_array)                                                                          \
    {                                                                                              \
        .at = (const uint8_t *)(c), .count = sizeof(c) / sizeof *(c), .item = (kind),              \
        .layout = SCALAR_C                                                                         \
    }

Test(scalar, writes_the_arrays_of_C)
{
    bool bools[] = {true, false, true};
    uint16_t chars[] = {'a', 'b'};
    int16_t shorts[] = {-500, 2};
    int32_t ints[] = {56789, 2};
    int64_t longs[] = {-50992225};
    float floats[] = {1.0f};
    double doubles[] = {1.0};
    const char *texts[] = {"x", NULL, ""};

    expect_written(ARRAY(bools, DATA_BOOL), "00000000 fffffff3 00000003 010001");
    expect_written(ARRAY(chars, DATA_CHAR), "00000000 fffffff2 00000002 00610062");
    expect_written(ARRAY(shorts, DATA_SHORT), "00000000 fffffff1 00000002 fe0c0002");
    expect_written(ARRAY(ints, DATA_INT), "00000000 fffffff0 00000002 0000ddd5 00000002");
    expect_written(ARRAY(longs, DATA_LONG), "00000000 ffffffef 00000001 fffffffffcf5eb9f");
    expect_written(ARRAY(floats, DATA_FLOAT), "00000000 ffffffee 00000001 3f800000");
    expect_written(ARRAY(doubles, DATA_DOUBLE), "00000000 ffffffed 00000001 3ff0000000000000");
    expect_written(ARRAY(texts, DATA_STRING),
                   "00000000 ffffffec 00000003 00000001 78 ffffffff 00000000");
}

Test(scalar, writes_no_array_that_Data_has_no_type_for)
{
    struct scalar mixed[] = {{.kind = DATA_INT, .integer = 1}, {.kind = DATA_NULL}};
    struct scalar v = {
        .kind = SCALAR_ARRAY,
        .array = {
            .at = (const uint8_t *)mixed, .count = 2, .item = DATA_INT, .layout = SCALAR_SCALARS}};
    uint8_t room[64];
    struct sink sink = {.at = room, .room = sizeof room};
    struct data d;

    cr_expect_eq(scalar_write(&v, &sink, &d), MR_ERR_TYPE, "an int[] holds no null");
    v.array.item = DATA_UUID;
    cr_expect_eq(scalar_write(&v, &sink, &d), MR_ERR_TYPE);
}

Test(scalar, says_when_the_room_does_not_suffice)
{
    struct scalar v = {.kind = DATA_LONG, .integer = 1};
    uint8_t room[7];
    struct sink sink = {.at = room, .room = sizeof room};
    struct data d;

    cr_expect_eq(scalar_write(&v, &sink, &d), MR_ERR_TOO_LARGE);
}

static struct scalar on(int32_t year, uint8_t month, uint8_t day)
{
    return (struct scalar){.kind = DATA_LOCAL_DATE, .moment = {year, month, day, 0, 0, 0, 0, 0}};
}

Test(scalar, knows_the_days_that_exist)
{
    struct scalar good[] = {on(2024, 2, 29), on(2000, 2, 29), on(1, 1, 1), on(-4, 12, 31)};
    struct scalar none[] = {on(2023, 2, 29), on(1900, 2, 29), on(2024, 4, 31),
                            on(2024, 0, 1),  on(2024, 13, 1), on(2024, 1, 0)};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(scalar_sound(&good[i]), "good %zu", i);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        cr_expect(!scalar_sound(&none[i]), "none %zu", i);
}

Test(scalar, knows_the_times_that_exist)
{
    struct scalar v = {.kind = DATA_OFFSET_DATE_TIME,
                       .moment = {2024, 1, 1, 23, 59, 59, 999999999, -64800}};

    cr_expect(scalar_sound(&v));
    v.moment.nanos++;
    cr_expect(!scalar_sound(&v));
    v.moment.nanos = 0;
    v.moment.offset_s--;
    cr_expect(!scalar_sound(&v));
    v.kind = DATA_LOCAL_TIME;
    v.moment.offset_s = 0;
    v.moment.second = 60;
    cr_expect(!scalar_sound(&v));
}

Test(scalar, wants_text_in_UTF_8_and_digits_in_a_number)
{
    struct scalar text = {.kind = DATA_STRING, .bytes = {(const uint8_t *)"\xc3", 1, 0}};
    struct scalar number = {.kind = DATA_DECIMAL, .bytes = {NULL, 0, 3}};
    struct scalar bytes = {.kind = DATA_BYTES, .bytes = {(const uint8_t *)"\xc3", 1, 0}};

    cr_expect(!scalar_sound(&text));
    cr_expect(!scalar_sound(&number));
    cr_expect(scalar_sound(&bytes));
}
