#include "net/wire/json.h"

#include "net/wire/number.h"
#include "tests/unit/net/wire/bytes.h"

/* A text in a block of its own size, so that a sanitizer sees the first byte read beyond it. */
static uint8_t *block(const char *text)
{
    return bytes_cut((const uint8_t *)text, (uint32_t)strlen(text));
}

static struct json opened(const uint8_t *text, const char *of)
{
    struct json v;

    cr_assert(json_open(text, (uint32_t)strlen(of), &v) == MR_OK, "%s", of);
    return v;
}

static mr_rc_t member(const struct json *v, const char *name, struct json *ret_v)
{
    return json_member(v, name, (uint32_t)strlen(name), ret_v);
}

Test(json, finds_members_behind_values_of_every_kind)
{
    const char *text =
        " {\"s\":\"}]\\\"\", \"o\":{\"x\":{\"y\":[]}}, \"a\":[1,{\"z\":2}],\"n\":-1.5e3,"
        "\"t\":true,\"f\":false,\"u\":null , \"last\" : 7 } ";
    uint8_t *copy = block(text);
    struct json v = opened(copy, text), found, deeper;

    cr_assert(member(&v, "last", &found) == MR_OK);
    cr_expect(found.kind == JSON_NUMBER && found.size == 1 && *found.at == '7');
    cr_assert(member(&v, "o", &found) == MR_OK && member(&found, "x", &deeper) == MR_OK);
    cr_expect(deeper.kind == JSON_OBJECT);
    cr_expect(member(&v, "y", &found) == MR_NOT_FOUND, "only of this object");
    cr_assert(member(&v, "a", &found) == MR_OK && json_item(&found, 1, &deeper) == MR_OK);
    cr_expect(deeper.kind == JSON_OBJECT);
    cr_expect(json_item(&found, 2, &deeper) == MR_NOT_FOUND);
    cr_expect(json_item(&v, 0, &deeper) == MR_NOT_FOUND);
    free(copy);
}

Test(json, reads_values_as_scalars)
{
    static const struct {
        const char *text;
        uint8_t kind;
        int64_t integer;
        double real;
        const char *string;
    } cases[] = {
        {"5", DATA_LONG, 5, 0, NULL},
        {"-9223372036854775808", DATA_LONG, INT64_MIN, 0, NULL},
        {"9223372036854775808", DATA_DOUBLE, 0, 9223372036854775808.0, NULL},
        {"0.1", DATA_DOUBLE, 0, 0.1, NULL},
        {"1e3", DATA_DOUBLE, 0, 1000, NULL},
        {"\"\"", DATA_STRING, 0, 0, ""},
        {"\"a\\n\\u00e9\\ud83d\\ude00\\/\"", DATA_STRING, 0, 0, "a\n\u00e9\U0001f600/"},
        {"\"\\ud83d!\"", DATA_STRING, 0, 0, "\ufffd!"},
        {"null", DATA_NULL, 0, 0, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sink room = {.grows = true};
        uint8_t *copy = block(cases[i].text);
        struct json j = opened(copy, cases[i].text);
        struct scalar v;

        cr_assert(json_scalar(&j, &room, &v) == MR_OK, "%s", cases[i].text);
        cr_expect(v.kind == cases[i].kind, "%s", cases[i].text);
        cr_expect(v.kind != DATA_LONG || v.integer == cases[i].integer, "%s", cases[i].text);
        cr_expect(v.kind != DATA_DOUBLE || v.f64 == cases[i].real, "%s", cases[i].text);
        if (cases[i].string) {
            cr_expect(v.bytes.size == strlen(cases[i].string) &&
                          memcmp(v.bytes.at, cases[i].string, v.bytes.size) == 0,
                      "%s", cases[i].text);
            cr_expect(json_says(&j, cases[i].string, (uint32_t)strlen(cases[i].string)));
            cr_expect(!json_says(&j, "another", 7));
        }
        sink_free(&room);
        free(copy);
    }
}

/* Walks over all that can be reached. */
static mr_rc_t walk(const struct json *v, int depth)
{
    struct json_walk w;
    struct json one;
    mr_rc_t rc = MR_NOT_FOUND;

    if (v->kind != JSON_ARRAY && v->kind != JSON_OBJECT)
        return MR_OK;
    for (w = json_walk(v); depth > 0 && (rc = json_next(&w, NULL, &one)) == MR_OK;)
        if (walk(&one, depth - 1) != MR_OK)
            return MR_ERR_MALFORMED;
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

Test(json, refuses_what_is_broken)
{
    static const char *const texts[] = {
        "",        " ",    "nul",      "\"a",   "\"a\\", "{",           "[",
        "{\"a\"}", "[1 2", "{\"a\":}", "{a:1}", "[1,2",  "[1,,2]",      "{\"a\":1]",
        "[{]}",    "1 2",  "tru",      "[\"a]", "+1",    "{\"a\":1,,}", "[1}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t *copy = block(texts[i]);
        struct json v;
        mr_rc_t rc = json_open(copy, (uint32_t)strlen(texts[i]), &v);

        if (rc == MR_OK)
            rc = walk(&v, 100);
        cr_expect(rc == MR_ERR_MALFORMED, "%s", texts[i]);
        free(copy);
    }
}

Test(json, gives_what_stands_before_a_mistake)
{
    const char *text = "{\"a\": 1, \"b\": \"oops}";
    struct json v = opened((const uint8_t *)text, text), found;

    cr_expect(member(&v, "a", &found) == MR_OK);
    cr_expect(member(&v, "b", &found) == MR_ERR_MALFORMED);
}

Test(json, is_not_nested_without_end)
{
    char text[3 * JSON_DEPTH_MAX];
    struct json v, one;

    memset(text, '[', sizeof text);
    cr_assert(json_open(text, sizeof text, &v) == MR_OK);
    cr_expect(json_item(&v, 0, &one) == MR_ERR_MALFORMED);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    cr_assert(json_open(text, 2 * JSON_DEPTH_MAX + 2, &v) == MR_OK);
    cr_expect(json_item(&v, 0, &one) == MR_OK);
    memset(text, '[', JSON_DEPTH_MAX + 2);
    memset(text + JSON_DEPTH_MAX + 2, ']', JSON_DEPTH_MAX + 2);
    cr_assert(json_open(text, 2 * JSON_DEPTH_MAX + 4, &v) == MR_OK);
    cr_expect(json_item(&v, 0, &one) == MR_ERR_MALFORMED, "closed, but one too deep");
}

Test(number, is_written_so_that_it_is_read_again)
{
    static const double reals[] = {0.1, 1.0 / 3, 1e300, -2.5, 5e-324, 9007199254740993.0, 0};
    char text[NUMBER_TEXT];
    double again;

    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        size_t size = number_write(reals[i], text);

        cr_assert(number_real(text, size, &again) == MR_OK);
        cr_expect(again == reals[i], "%s", text);
    }
    cr_expect(number_write(0.1, text) == 3 && strcmp(text, "0.1") == 0);
}

Test(number, refuses_what_is_no_number)
{
    static const char *const texts[] = {"",   "-",    ".",    "1e",  "1e+",
                                        "1x", "0x10", "1..2", "nan", " 1"};
    struct scalar v;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect(number_read(texts[i], strlen(texts[i]), &v) == MR_ERR_MALFORMED, "%s", texts[i]);
}
