#include "tests/unit/grid/query/fixture.h"

/* Each line is a predicate and, in front, whether it is true of Ada. */
static void expect(const char *const *lines, const struct data *key, const struct data *value)
{
    for (; *lines; lines++)
        cr_expect(says(*lines + 2, key, value) == (**lines == '+'), "%s", *lines);
}

Test(predicate_text, compares_attributes_of_every_kind)
{
    static const char *const lines[] = {"+ age = 36",
                                        "+ age == '36'",
                                        "+ age=36.0",
                                        "- age = 36.5",
                                        "- age != 36",
                                        "+ age <> 35",
                                        "+ age > 35.9",
                                        "- age > 36",
                                        "+ age >= 36",
                                        "+ age < 1e2",
                                        "+ age <= 36",
                                        "- age = 'Ada'",
                                        "+ age between 36 and 40",
                                        "- age between 37 and 40",
                                        "- age not between 30 and 40",
                                        "+ age in (1, 36, 40)",
                                        "- age in (1,2)",
                                        "+ age not in (1,2)",
                                        "+ age in ('36')",
                                        "+ big = 9007199254740993",
                                        "- big = 9007199254740992",
                                        "+ big > 9007199254740992",
                                        "- big < 9007199254740993",
                                        "- big = 9007199254740993.5",
                                        "+ big < 9007199254740994.0",
                                        "+ score = 0.1",
                                        "+ weight = 0.1",
                                        "- weight > 0.1",
                                        "+ score < 0.1000001",
                                        "+ salary = 12.34",
                                        "+ salary = '12.340'",
                                        "+ salary > 12.3399999",
                                        "- salary > 12.34",
                                        "+ salary between 12 and 13",
                                        "+ salary in (1, 12.34)",
                                        "+ ok",
                                        "+ ok = true",
                                        "+ ok = 'TRUE'",
                                        "- not ok",
                                        "- ok = false",
                                        "+ ok != false",
                                        "+ born = 1815-12-10",
                                        "+ born < '1816-01-01'",
                                        "- born > '1815-12-10'",
                                        "+ seen < 2024-03-01T00:00:00Z",
                                        "+ seen > 2024-02-29T23:29:59Z",
                                        "+ name = 'Ada'",
                                        "+ name = Ada",
                                        "- name = ada",
                                        "+ name > Abel",
                                        "+ name >= 'Ada'",
                                        NULL};
    struct data key = d_text("k"), value = ada();

    expect(lines, &key, &value);
}

Test(predicate_text, finds_what_paths_name)
{
    static const char *const lines[] = {"+ home.zip = 1815",
                                        "+ home.street like 'St%'",
                                        "+ this.age = 36",
                                        "- home.nothing = 1",
                                        "+ tags[0] = math",
                                        "- tags[1] = math",
                                        "- tags[9] = math",
                                        "+ tags[9] = null",
                                        "+ tags[any] = vip",
                                        "- tags[any] = rip",
                                        "- tags[any] != vip",
                                        "+ tags[any] != rip",
                                        "+ tags[9] in (x, null)",
                                        "+ tags[any] = 'poet''s'",
                                        "+ nums[any] < -6",
                                        "- nums[any] > 40",
                                        "+ nums[any] in (40, 41)",
                                        "+ __key = k",
                                        "- __key = l",
                                        "+ __key.x = null",
                                        "- age.x = 1",
                                        "+ age.x = null",
                                        "- age[0] = 36",
                                        NULL};
    struct data key = d_text("k"), value = ada();

    expect(lines, &key, &value);
}

Test(predicate_text, takes_null_as_equal_to_null_only)
{
    static const char *const lines[] = {"+ nick = null",    "- nick != null",
                                        "- name = null",    "+ name != null",
                                        "- nick = 'null'",  "- nick < 5",
                                        "- nick > 5",       "+ nick in (null)",
                                        "- nick like '%'",  "+ nick != 'x'",
                                        "+ not nick = 'x'", "- name between null and null",
                                        "+ nick like null", NULL};
    struct data key = d_text("k"), value = ada();

    expect(lines, &key, &value);
}

Test(predicate_text, matches_patterns)
{
    static const char *const lines[] = {"+ name like 'A%'",
                                        "+ name like A_a",
                                        "- name like 'a%'",
                                        "+ name ilike 'a%'",
                                        "+ name like '%d%'",
                                        "- name like '%x%'",
                                        "+ name like '%a'",
                                        "- name like 'Ad'",
                                        "+ name like '%%%'",
                                        "- name like '____'",
                                        "- name like 'A\\_a'",
                                        "+ name not like 'B%'",
                                        "+ name regex 'A.a'",
                                        "- name regex 'A'",
                                        "+ name regex '[A-Z]\\w+'",
                                        "- name regex 'ada'",
                                        "+ name regex '(?i)ada'",
                                        "- age like '36'",
                                        NULL};
    struct data key = d_text("k"), value = ada();

    expect(lines, &key, &value);
}

Test(predicate_text, binds_and_closer_than_or_and_not_closest)
{
    static const char *const lines[] = {"+ age = 36 or age = 1 and age = 2",
                                        "- (age = 36 or age = 1) and age = 2",
                                        "- not age = 36 and age = 36",
                                        "+ not (age = 1 and age = 36)",
                                        "+ NOT NOT age = 36",
                                        "+ age = 36 AND name = Ada AnD ok",
                                        "+ ((age = 36))",
                                        "+ true",
                                        "- false or false",
                                        "+ age between 1 and 40 and name = Ada",
                                        NULL};
    struct data key = d_text("k"), value = ada();

    expect(lines, &key, &value);
}

Test(predicate_text, reads_json_in_place)
{
    static const char *const lines[] = {"+ name = 'Zoë'",
                                        "+ a.b[1].c = 2.5",
                                        "+ a.b[any].c > 2",
                                        "- a.b[any].c > 3",
                                        "+ quoted = 'x\"y'",
                                        "+ quoted like 'x_y'",
                                        "+ big = 12345678901234567890",
                                        "+ no = null",
                                        "+ missing = null",
                                        "+ t = true",
                                        "- f",
                                        "+ a.d[0][1] = 5",
                                        "- a = 1",
                                        NULL};
    struct data key = d_text("k");
    struct data value = d_json("{\"name\":\"Zo\\u00eb\", \"a\" : {\"b\": [{\"c\":1},{\"c\":2.5}],"
                               "\"d\":[[4,5]]}, \"quoted\":\"x\\\"y\", \"t\":true, \"f\":false,"
                               "\"no\":null, \"big\":12345678901234567890}");

    expect(lines, &key, &value);
}

Test(predicate_text, compares_the_value_itself)
{
    struct scalar n = v_long(5);
    struct sink out = {.grows = true};
    struct data key = d_text("k"), five;

    cr_assert(scalar_write(&n, &out, &five) == MR_OK);
    cr_expect(says("this = 5", &key, &five));
    cr_expect(says("this < 5.5", &key, &five));
    cr_expect(!says("this > 5", &key, &five));
    sink_free(&out);
}

Test(predicate_text, says_what_is_wrong_and_where)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "ends where an attribute"},
        {"age", NULL},
        {"age =", "ends where a value"},
        {"age = 1 and", "ends where an attribute"},
        {"age = = 1", "character 7"},
        {"(age = 1", "ends where )"},
        {"age = 1)", "at character 8"},
        {"age between 1 or 2", "at character 15"},
        {"age in 1", "where ( and"},
        {"age in (1", "ends where , or )"},
        {"age in ()", "a value"},
        {"age not 3", "BETWEEN, IN"},
        {"age = 'x", "where a value"},
        {"age ! 1", "where AND"},
        {"a..b = 1", "a name is missing at character 3"},
        {"a[x] = 1", "neither a number nor any"},
        {"a[1 = 1", "without an index"},
        {"a] = 1", "not opened"},
        {"name regex '('", "regular expression"},
        {"x = 1 y", "AND, OR or the end"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mr_err_t err = MR_ERR_INIT;
        struct predicate *p = NULL;
        mr_rc_t rc = predicate_of_text(cases[i].text, strlen(cases[i].text), &p, &err);

        cr_expect(rc == (cases[i].says ? MR_ERR_ARGUMENT : MR_OK), "%s", cases[i].text);
        cr_expect(!cases[i].says || strstr(err.message, cases[i].says), "%s: %s", cases[i].text,
                  err.message);
        predicate_free(p);
    }
}

Test(predicate_text, is_not_nested_without_end)
{
    char text[4096];
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p = NULL;

    memset(text, '(', sizeof text);
    cr_assert(predicate_of_text(text, sizeof text, &p, &err) == MR_ERR_TOO_LARGE);
    cr_assert(strstr(err.message, "64 deep") != NULL);
}

Test(predicate_text, gives_up_a_regular_expression_that_takes_for_ever)
{
    struct data key = d_text("k"), value = d_text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");
    struct evaluator ev;
    struct predicate *p;

    cr_assert(predicate_of_text("this regex '(a+)+[bc]'", 22, &p, NULL) == MR_OK);
    evaluator_init(&ev, NULL);
    cr_expect(!predicate_matches(p, &ev, &key, &value));
    cr_expect(ev.scratch.gave_up);
    evaluator_clear(&ev);
    predicate_free(p);
}
