#include "grid/query/aggregate.h"

#include "grid/query/object.h"
#include "grid/query/project.h"
#include "tests/unit/grid/query/fixture.h"

static struct sink out;

static void setup(void)
{
    out = (struct sink){.grows = true};
}

static void teardown(void)
{
    sink_free(&out);
}

TestSuite(aggregate, .init = setup, .fini = teardown);

static struct data asked(int32_t class, const char *attribute)
{
    out.size = 0;
    put_class(&out, -29, class);
    put_text(&out, attribute);
    return sent(&out);
}

static struct aggregator *made(int32_t class, const char *attribute)
{
    mr_err_t err = MR_ERR_INIT;
    struct aggregator *a = NULL;
    struct data d = asked(class, attribute);

    cr_assert(aggregator_of_data(&d, &a, &err) == MR_OK, "%s", err.message);
    return a;
}

static mr_rc_t add(struct aggregator *a, const char *json)
{
    struct data key = d_text("k"), value = d_json(json);

    return aggregator_add(a, &key, &value);
}

/* The result opened: its bytes are in `out`. */
static struct scalar result(struct aggregator *a)
{
    mr_err_t err = MR_ERR_INIT;
    struct data d;
    struct scalar v;

    out.size = 0;
    cr_assert(aggregator_result(a, &out, &err) == MR_OK, "%s", err.message);
    cr_assert(data_read(out.at, (uint32_t)out.size, &d) == MR_OK);
    cr_assert(scalar_read(&d, &v) == MR_OK);
    aggregator_free(a);
    return v;
}

/* Of the values 5, 2.5, null and -1. */
static struct scalar of_some(int32_t class)
{
    struct aggregator *a = made(class, "n");

    cr_assert(add(a, "{\"n\":5}") == MR_OK && add(a, "{\"n\":2.5}") == MR_OK);
    cr_assert(add(a, "{\"n\":null}") == MR_OK && add(a, "{\"n\":-1}") == MR_OK);
    return result(a);
}

static void expect(struct scalar v, struct scalar wanted, const char *what)
{
    cr_expect(v.kind == wanted.kind, "%s is of kind %d", what, v.kind);
    cr_expect(value_compare(&v, &wanted) == 0, "%s", what);
}

Test(aggregate, gives_sums_and_averages_of_the_types_that_java_gives)
{
    expect(of_some(4), v_long(4), "count");
    expect(of_some(7), v_double(6.5), "double sum");
    expect(of_some(9), v_double(6.5), "floating point sum");
    expect(of_some(8), v_long(6), "fixed point sum");
    expect(of_some(6), v_double(6.5 / 3), "double average");
    expect(of_some(16), v_double(6.5 / 3), "number average");
    expect(of_some(1), v_decimal("\x41", 1, 1), "decimal sum");
    expect(of_some(14), v_long(5), "max");
    expect(of_some(15), v_long(-1), "min");
}

Test(aggregate, takes_no_fraction_where_ints_or_longs_are_meant)
{
    for (int class = 10; class <= 13; class ++) {
        struct aggregator *a = made(class, "n");
        mr_err_t err = MR_ERR_INIT;

        cr_assert(add(a, "{\"n\":5}") == MR_OK);
        cr_expect(add(a, "{\"n\":2.5}") == MR_ERR_ARGUMENT);
        cr_expect(aggregator_result(a, &out, &err) == MR_ERR_ARGUMENT);
        cr_expect(strstr(err.message, "fraction") != NULL, "%s", err.message);
        aggregator_free(a);

        bool average = class == 10 || class == 12;

        a = made(class, "n");
        cr_assert(add(a, "{\"n\":5}") == MR_OK && add(a, "{\"n\":-1}") == MR_OK);
        expect(result(a), average ? v_double(2) : v_long(4), "whole numbers");
    }
}

Test(aggregate, gives_what_is_documented_for_nothing)
{
    for (int class = 0; class <= 18; class ++) {
        struct scalar v;

        if (class == 5)
            continue;
        v = result(made(class, "n"));
        if (class == 4 || class == 8 || class == 11 || class == 13)
            expect(v, v_long(0), "a whole sum");
        else if (class == 7 || class == 9)
            expect(v, v_double(0), "a sum");
        else if (class == 1)
            expect(v, v_decimal("\0", 1, 0), "a decimal sum");
        else if (class == 3)
            cr_expect(v.kind == DATA_BIG_INTEGER);
        else
            cr_expect(v.kind == DATA_NULL, "%d", class);
    }
}

Test(aggregate, adds_exactly_where_doubles_would_not)
{
    struct aggregator *a = made(3, "n");

    for (int i = 0; i < 4; i++)
        cr_assert(add(a, "{\"n\":9007199254740993}") == MR_OK);
    expect(result(a),
           (struct scalar){.kind = DATA_BIG_INTEGER,
                           .bytes = {(const uint8_t *)"\x00\x80\x00\x00\x00\x00\x00\x04", 8, 0}},
           "4 * (2^53 + 1)");
    a = made(2, "n");
    cr_assert(add(a, "{\"n\":1}") == MR_OK && add(a, "{\"n\":2}") == MR_OK);
    expect(result(a), v_decimal("\x0f", 1, 1), "1.5");
}

Test(aggregate, adds_each_value_of_a_path_that_names_many)
{
    struct aggregator *a = made(13, "n[any]");

    cr_assert(add(a, "{\"n\":[1,2,3]}") == MR_OK && add(a, "{\"n\":[]}") == MR_OK);
    expect(result(a), v_long(6), "sum");
    a = made(4, "n[any]");
    cr_assert(add(a, "{\"n\":[1,null]}") == MR_OK && add(a, "{\"n\":[]}") == MR_OK &&
              add(a, "{\"n\":null}") == MR_OK);
    expect(result(a), v_long(2), "count");
}

Test(aggregate, keeps_distinct_values_once_whatever_their_type)
{
    struct aggregator *a = made(5, "n");
    char json[64];
    struct data d;
    struct object_class class;
    struct object_reader r;

    for (int i = 0; i < 1000; i++) {
        snprintf(json, sizeof json, i % 2 ? "{\"n\":%d}" : "{\"n\":%d.0}", i % 200);
        cr_assert(add(a, json) == MR_OK);
    }
    cr_assert(add(a, "{\"n\":\"\\u0041\"}") == MR_OK && add(a, "{\"n\":\"A\"}") == MR_OK);
    cr_assert(add(a, "{}") == MR_OK);
    out.size = 0;
    cr_assert(aggregator_result(a, &out, NULL) == MR_OK);
    aggregator_free(a);
    cr_assert(data_read(out.at, (uint32_t)out.size, &d) == MR_OK);
    r = object_open(&d, &class);
    cr_expect(class.factory == -29 && class.id == 19);
    uint32_t n = object_count(&r, 4);
    cr_expect(n == 202, "%u", n);
    for (uint32_t i = 0; i < n; i++)
        (void)object_value(&r);
    cr_expect(!r.failed && r.at == r.end);
}

Test(aggregate, gives_the_entry_that_has_the_most)
{
    struct aggregator *a = made(17, "age");
    struct data key = d_text("ada"), value = ada(), d;
    struct object_reader r;
    struct object_class class;

    cr_assert(add(a, "{\"age\":35}") == MR_OK);
    cr_assert(aggregator_add(a, &key, &value) == MR_OK);
    out.size = 0;
    cr_assert(aggregator_result(a, &out, NULL) == MR_OK);
    aggregator_free(a);
    cr_assert(data_read(out.at, (uint32_t)out.size, &d) == MR_OK);
    r = object_open(&d, &class);
    cr_expect(class.factory == -4 && class.id == 120);
    struct scalar k = object_value(&r);
    cr_expect(k.bytes.size == 3 && memcmp(k.bytes.at, "ada", 3) == 0);
    cr_expect(object_i32(&r) == -55);
    cr_expect(r.end - r.at == value.size && memcmp(r.at, value.at, value.size) == 0);
}

Test(aggregate, says_which_attribute_is_no_number)
{
    struct aggregator *a = made(13, "name");
    mr_err_t err = MR_ERR_INIT;

    cr_expect(add(a, "{\"name\":\"Ada\"}") == MR_ERR_TYPE);
    cr_expect(add(a, "{\"name\":1}") == MR_ERR_TYPE, "it stays");
    cr_expect(aggregator_result(a, &out, &err) == MR_ERR_TYPE);
    cr_expect(strstr(err.message, "\"name\"") && strstr(err.message, "LongSum"), "%s", err.message);
    aggregator_free(a);
}

Test(aggregate, refuses_what_it_does_not_know)
{
    struct aggregator *a;
    struct data d = asked(20, "n");

    cr_expect(aggregator_of_data(&d, &a, NULL) == MR_ERR_TYPE);
    d = asked(4, "a..b");
    cr_expect(aggregator_of_data(&d, &a, NULL) == MR_ERR_ARGUMENT);
    d = asked(17, NULL);
    cr_expect(aggregator_of_data(&d, &a, NULL) == MR_ERR_ARGUMENT);
    d = asked(4, "name");
    d.size -= 2;
    cr_expect(aggregator_of_data(&d, &a, NULL) == MR_ERR_MALFORMED);
}

/* ---- projections ----------------------------------------------------------------------------- */

TestSuite(project, .init = setup, .fini = teardown);

static struct projection *projection(void)
{
    mr_err_t err = MR_ERR_INIT;
    struct projection *p = NULL;
    struct data d = sent(&out);

    cr_assert(projection_of_data(&d, &p, &err) == MR_OK, "%s", err.message);
    out.size = 0;
    return p;
}

/* What is wanted of Ada, as a Data in `out`. */
static struct data wanted(struct projection *p)
{
    struct data key = d_text("k"), value = ada(), d;

    out.size = 0;
    cr_assert(projection_apply(p, &key, &value, &out) == MR_OK);
    cr_assert(data_read(out.at, (uint32_t)out.size, &d) == MR_OK);
    projection_free(p);
    return d;
}

static struct projection *single(const char *attribute)
{
    out.size = 0;
    put_class(&out, -30, 0);
    put_text(&out, attribute);
    return projection();
}

Test(project, gives_an_attribute_the_key_the_value_or_nothing)
{
    struct scalar v;
    struct data d = wanted(single("home.zip")), value = ada(), key = d_text("k");

    cr_assert(scalar_read(&d, &v) == MR_OK);
    cr_expect(v.kind == DATA_INT && v.integer == 1815);
    d = wanted(single("this"));
    cr_expect(data_equal(&d, &value));
    d = wanted(single("__key"));
    cr_expect(data_equal(&d, &key));
    d = wanted(single("nick"));
    cr_expect(d.kind == DATA_NULL && out.size == 0);
}

Test(project, gives_an_array_of_attributes)
{
    struct object_class class;

    put_class(&out, -30, 1);
    sink_put32(&out, 3);
    put_text(&out, "age");
    put_text(&out, "nick");
    put_text(&out, "name");
    struct data d = wanted(projection());
    struct object_reader r = object_open(&d, &class);

    cr_expect(class.type == -28);
    cr_expect(object_i32(&r) == 3);
    cr_expect(object_value(&r).integer == 36);
    cr_expect(object_value(&r).kind == DATA_NULL);
    cr_expect(object_value(&r).bytes.size == 3);
    cr_expect(!r.failed && r.at == r.end);
}

Test(project, gives_the_entry)
{
    struct object_class class;

    put_class(&out, -30, 2);
    struct data d = wanted(projection());
    struct object_reader r = object_open(&d, &class);

    cr_expect(class.factory == -4 && class.id == 120);
    cr_expect(object_value(&r).bytes.size == 1);
}

Test(project, refuses_what_it_cannot_do)
{
    struct projection *p;
    struct data d;

    put_class(&out, -30, 3);
    d = sent(&out);
    cr_expect(projection_of_data(&d, &p, NULL) == MR_ERR_TYPE);
    out.size = 0;
    put_class(&out, -30, 0);
    put_text(&out, "a[any]");
    d = sent(&out);
    cr_expect(projection_of_data(&d, &p, NULL) == MR_ERR_ARGUMENT);
    out.size = 0;
    put_class(&out, -30, 1);
    sink_put32(&out, 0x7fffffff);
    d = sent(&out);
    cr_expect(projection_of_data(&d, &p, NULL) == MR_ERR_MALFORMED);
}
