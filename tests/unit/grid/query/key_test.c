#include "grid/query/key.h"

#include <math.h>

#include "net/base/hash.h"
#include "tests/unit/grid/query/fixture.h"

static bool same_key(const struct key *a, const struct key *b)
{
    return a->high == b->high && a->low == b->low;
}

static struct scalar moment(uint8_t kind, struct scalar_moment m)
{
    return (struct scalar){.kind = kind, .moment = m};
}

/* Of every class several, near to each other and far apart. */
static uint32_t some_values(struct scalar *ret)
{
    const struct scalar values[] = {
        v_null(),
        v_bool(false),
        v_bool(true),
        v_double(-INFINITY),
        v_long(INT64_MIN),
        v_double(-1.5),
        v_int(-1),
        v_double(-0.0),
        v_int(0),
        v_double(5e-324),
        v_float(0.1f),
        v_double(0.1),
        v_decimal("\x01", 1, 1),
        v_long(1),
        v_double(1),
        v_long(9007199254740992),
        v_long(9007199254740993),
        v_double(9007199254740994.0),
        v_decimal("\x00\x80\x00\x00\x00\x00\x00\x00\x00", 9, 0),
        v_long(INT64_MAX),
        v_double(INFINITY),
        v_double(NAN),
        v_text(""),
        v_text("a"),
        v_text("a common prefix 1"),
        v_text("a common prefix 2"),
        v_text("b"),
        {.kind = DATA_UUID, .uuid = {1ull << 63, 0}},
        {.kind = DATA_UUID, .uuid = {5, 1ull << 63}},
        {.kind = DATA_UUID, .uuid = {5, 7}},
        moment(DATA_LOCAL_DATE, (struct scalar_moment){.year = -5, .month = 1, .day = 1}),
        moment(DATA_LOCAL_DATE, (struct scalar_moment){.year = 2024, .month = 2, .day = 29}),
        moment(DATA_LOCAL_DATE, (struct scalar_moment){.year = 2024, .month = 3, .day = 1}),
        moment(DATA_LOCAL_TIME, (struct scalar_moment){.hour = 1, .minute = 60}),
        moment(DATA_LOCAL_TIME, (struct scalar_moment){.hour = 2, .nanos = 1}),
        moment(DATA_LOCAL_DATE_TIME, (struct scalar_moment){.year = 2024, .hour = 1, .nanos = 5}),
        moment(DATA_LOCAL_DATE_TIME, (struct scalar_moment){.year = 2024, .hour = 1, .nanos = 6}),
        moment(DATA_OFFSET_DATE_TIME,
               (struct scalar_moment){.year = 1970, .month = 1, .day = 1, .offset_s = 3600}),
        moment(DATA_OFFSET_DATE_TIME, (struct scalar_moment){.year = 1970, .month = 1, .day = 1}),
        moment(DATA_OFFSET_DATE_TIME,
               (struct scalar_moment){
                   .year = 1970, .month = 1, .day = 1, .hour = 1, .offset_s = 3600}),
        {.kind = DATA_BYTES, .bytes = {(const uint8_t *)"\xff", 1, 0}},
        {.kind = DATA_JSON, .bytes = {(const uint8_t *)"{}", 2, 0}},
    };

    memcpy(ret, values, sizeof values);
    return sizeof values / sizeof *values;
}

Test(key, stands_in_the_order_of_values)
{
    struct scalar values[64];
    uint32_t n = some_values(values);

    hash_init(1);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            struct key a = key_of(&values[i]), b = key_of(&values[j]);
            struct key floor = key_floor(&values[i]), ceiling = key_ceiling(&values[j]);
            int order = value_compare(&values[i], &values[j]);

            cr_expect(order != 0 || same_key(&a, &b), "%u and %u are equal", i, j);
            cr_expect(order > 0 || !key_before(&ceiling, &floor), "%u is before %u", i, j);
        }
}

Test(key, lies_between_its_floor_and_its_ceiling_and_those_in_its_class)
{
    struct scalar values[64];
    uint32_t n = some_values(values);

    for (uint32_t i = 0; i < n; i++) {
        struct key k = key_of(&values[i]);
        struct key order[] = {key_first(value_class(&values[i])), key_floor(&values[i]), k,
                              key_ceiling(&values[i]), key_last(value_class(&values[i]))};

        for (int j = 0; j < 4; j++)
            cr_expect(!key_before(&order[j + 1], &order[j]), "value %u, %d", i, j);
    }
}
