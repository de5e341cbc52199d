#include "grid/query/processor.h"

#include "grid/data/lock.h"
#include "net/base/epoch.h"
#include "grid/op/run.h"
#include "tests/unit/grid/query/fixture.h"

static struct partitions partitions;
static struct metrics *metrics;
static struct map *map;
static struct sink out, given;
static mr_err_t err;

static void open_world(void)
{
    const struct map_rules rules = {
        .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX, .key_max = 100, .value_max = 1000};

    cr_assert(metrics_new(&metrics) == MR_OK);
    cr_assert(partitions_start(&partitions, 7, 0) == MR_OK);
    cr_assert(map_new(&partitions, metrics, "map", "test", &rules, &map) == MR_OK);
    out = given = (struct sink){.grows = true};
    epoch_enter();
}

static void close_world(void)
{
    epoch_exit();
    sink_free(&out);
    sink_free(&given);
    map_free(map);
    partitions_stop(&partitions);
    metrics_free(metrics);
}

TestSuite(processor, .init = open_world, .fini = close_world);

static void put(struct data value)
{
    struct map_request q = {.verb = MAP_PUT,
                            .key = d_text("k"),
                            .value = value,
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT};
    struct map_answer a;

    cr_assert(run_request(map, &q, &a) == MR_OK);
}

static void put_scalar(struct scalar v)
{
    struct sink bytes = {.grows = true};
    struct data d;

    cr_assert(scalar_write(&v, &bytes, &d) == MR_OK);
    put(d);
    sink_free(&bytes);
}

/* What stands there, DATA_NULL for nothing. */
static struct data there(void)
{
    struct map_request q = {.verb = MAP_GET, .key = d_text("k")};
    struct map_answer a;

    return run_request(map, &q, &a) == MR_OK ? a.value : (struct data){.kind = DATA_NULL};
}

static struct scalar number_there(void)
{
    struct data d = there();
    struct scalar v;

    cr_assert(scalar_read(&d, &v) == MR_OK);
    return v;
}

static bool json_there(const char *text)
{
    struct data d = there(), wanted = d_json(text);

    if (!data_equal(&d, &wanted))
        fprintf(stderr, "%.*s\n", (int)d.size, (const char *)d.at);
    return data_equal(&d, &wanted);
}

/* Runs what stands in `out`; what it gives is in *ret_v. */
static mr_rc_t run_if(const char *condition, struct scalar *ret_v)
{
    struct processor *p = NULL;
    struct predicate *only_if = NULL;
    struct data d = sent(&out), key = d_text("k"), result;

    mr_err_clear(&err);
    cr_assert(processor_of_data(&d, &p, &err) == MR_OK, "%s", err.message);
    if (condition)
        cr_assert(predicate_of_text(condition, strlen(condition), &only_if, NULL) == MR_OK);
    given.size = 0;
    mr_rc_t rc = processor_run(p, map, &key, only_if, &given, &err);

    predicate_free(only_if);
    processor_free(p);
    out.size = 0;
    cr_assert(data_read(given.at, (uint32_t)given.size, &result) == MR_OK);
    cr_assert(scalar_read(&result, ret_v) == MR_OK);
    return rc;
}

static mr_rc_t run(struct scalar *ret_v)
{
    return run_if(NULL, ret_v);
}

static void begin(int32_t class)
{
    put_class(&out, PROCESSOR_FACTORY, class);
}

static mr_rc_t increment(const char *attribute, struct scalar delta, struct scalar *ret_v)
{
    begin(1);
    put_text(&out, attribute);
    put_value(&out, delta);
    return run(ret_v);
}

Test(processor, increments_numbers_in_the_type_that_they_have)
{
    struct scalar v;

    put_scalar(v_int(5));
    cr_assert(increment(NULL, v_double(2), &v) == MR_OK);
    cr_expect(v.kind == DATA_INT && v.integer == 7);
    cr_expect(number_there().kind == DATA_INT && number_there().integer == 7);
    put_scalar(v_double(0.5));
    cr_assert(increment("this", v_int(1), &v) == MR_OK);
    cr_expect(number_there().f64 == 1.5);
    put_scalar(v_decimal("\x7d", 1, 1));
    cr_assert(increment(NULL, v_int(1), &v) == MR_OK);
    struct scalar wanted = v_decimal("\x00\x87", 2, 1), now = number_there();

    cr_expect(now.kind == DATA_DECIMAL && value_compare(&now, &wanted) == 0);
}

Test(processor, makes_an_absent_number_the_delta)
{
    struct scalar v;

    cr_assert(increment(NULL, v_long(3), &v) == MR_OK);
    cr_expect(v.integer == 3 && number_there().integer == 3);
}

Test(processor, leaves_a_number_as_it_was_when_the_sum_does_not_fit)
{
    struct scalar v;

    put_scalar(v_int(INT32_MAX));
    cr_assert(increment(NULL, v_int(1), &v) == MR_ERR_ARGUMENT);
    cr_expect(strstr(err.message, "does not fit") != NULL);
    cr_expect(number_there().integer == INT32_MAX);
    cr_assert(increment(NULL, v_double(0.5), &v) == MR_ERR_ARGUMENT);
    put(d_text("x"));
    cr_assert(increment(NULL, v_int(1), &v) == MR_ERR_TYPE);
}

Test(processor, increments_a_field_of_a_record_and_leaves_the_others)
{
    struct scalar v;
    struct data key = d_text("k"), now;

    put(ada());
    cr_assert(increment("age", v_double(1), &v) == MR_OK);
    cr_expect(v.kind == DATA_INT && v.integer == 37);
    now = there();
    cr_expect(says("age = 37 and name = Ada and home.zip = 1815 and tags[2] = vip and nums[1] = -7"
                   " and salary = 12.34 and nick = null and ok and born = 1815-12-10",
                   &key, &now));
    cr_assert(increment("name", v_int(1), &v) == MR_ERR_TYPE);
    cr_assert(increment("home.zip", v_int(1), &v) == MR_ERR_ARGUMENT);
}

Test(processor, increments_a_number_in_json_where_it_stands)
{
    struct scalar v;

    put(d_json("{\"a\": {\"n\" : 41 }, \"s\":\"x\"}"));
    cr_assert(increment("a.n", v_int(1), &v) == MR_OK);
    cr_expect(json_there("{\"a\": {\"n\" : 42 }, \"s\":\"x\"}"));
    cr_assert(increment("a.n", v_double(0.5), &v) == MR_OK);
    cr_expect(json_there("{\"a\": {\"n\" : 42.5 }, \"s\":\"x\"}"));
    cr_assert(increment("a.m", v_int(1), &v) == MR_ERR_TYPE);
}

Test(processor, does_nothing_to_a_field_of_nothing)
{
    struct scalar v;

    cr_assert(increment("age", v_int(1), &v) == MR_OK);
    cr_expect(v.kind == DATA_NULL && there().kind == DATA_NULL);
}

Test(processor, sets_fields_and_whole_values)
{
    struct scalar v;
    struct data key = d_text("k"), now;

    begin(2);
    sink_put32(&out, 2);
    put_text(&out, "name");
    put_value(&out, v_text("Augusta"));
    put_text(&out, "age");
    put_value(&out, v_long(20));
    put(ada());
    cr_assert(run(&v) == MR_OK, "%s", err.message);
    cr_expect(v.integer == 2);
    now = there();
    cr_expect(says("name = Augusta and age = 20 and home.zip = 1815", &key, &now));

    begin(2);
    sink_put32(&out, 4);
    put_text(&out, "s");
    put_value(&out, v_text("a \"b\"\n"));
    put_text(&out, "new");
    put_value(&out, v_bool(true));
    put_text(&out, "a[1]");
    put_value(&out, v_null());
    put_text(&out, "o.x");
    put_value(&out, v_double(0.1));
    put(d_json("{\"s\":\"x\",\"a\":[1,2,3],\"o\":{}}"));
    cr_assert(run(&v) == MR_OK, "%s", err.message);
    cr_expect(json_there("{\"new\":true,\"s\":\"a \\\"b\\\"\\u000a\",\"a\":[1,null,3],"
                         "\"o\":{\"x\":0.1}}"));

    begin(2);
    sink_put32(&out, 1);
    put_text(&out, NULL);
    put_value(&out, v_text("whole"));
    cr_assert(run(&v) == MR_OK);
    now = there();
    struct data whole = d_text("whole");
    cr_expect(data_equal(&now, &whole));
}

Test(processor, sets_all_fields_or_none)
{
    struct scalar v;
    struct data before = ada(), now;

    put(before);
    begin(2);
    sink_put32(&out, 2);
    put_text(&out, "age");
    put_value(&out, v_int(1));
    put_text(&out, "nothing");
    put_value(&out, v_int(1));
    cr_assert(run(&v) == MR_ERR_ARGUMENT);
    cr_expect(strstr(err.message, "\"nothing\"") != NULL, "%s", err.message);
    now = there();
    cr_expect(data_equal(&now, &before));
}

static void begin_delete_if(const char *text)
{
    begin(3);
    put_class(&out, -20, 0);
    put_text(&out, text);
}

Test(processor, deletes_what_a_predicate_is_true_of)
{
    struct scalar v;

    put(ada());
    begin_delete_if("age > 40");
    cr_assert(run(&v) == MR_OK);
    cr_expect(v.kind == DATA_BOOL && !v.boolean && there().kind == DATA_COMPACT);
    begin_delete_if("age > 30 and __key = k");
    cr_assert(run(&v) == MR_OK);
    cr_expect(v.boolean && there().kind == DATA_NULL);
    begin_delete_if("true");
    cr_assert(run(&v) == MR_OK);
    cr_expect(v.kind == DATA_NULL, "nothing was there");
}

Test(processor, runs_only_if_the_entry_meets_the_condition)
{
    struct scalar v;

    put_scalar(v_int(5));
    begin(1);
    put_text(&out, NULL);
    put_value(&out, v_int(1));
    cr_assert(run_if("this > 5", &v) == MR_NOT_FOUND);
    cr_expect(number_there().integer == 5);
    begin(1);
    put_text(&out, NULL);
    put_value(&out, v_int(1));
    cr_assert(run_if("this = 5", &v) == MR_OK);
    cr_expect(number_there().integer == 6);
}

static struct data numbered(uint32_t n)
{
    static uint32_t key;

    key = n;
    return (struct data){(const uint8_t *)&key, sizeof key, DATA_INT};
}

/* Entries 0 .. 99, each of whose values is its number. */
static void put_numbers(void)
{
    for (uint32_t i = 0; i < 100; i++) {
        struct scalar v = v_int((int32_t)i);
        struct sink bytes = {.grows = true};
        struct map_request q = {
            .verb = MAP_PUT, .key = numbered(i), .ttl_ms = TIME_DEFAULT, .idle_ms = TIME_DEFAULT};
        struct map_answer a;

        cr_assert(scalar_write(&v, &bytes, &q.value) == MR_OK);
        cr_assert(run_request(map, &q, &a) == MR_OK);
        sink_free(&bytes);
    }
}

static void add_up(void *context, const struct data *key, const uint8_t *result, uint32_t size)
{
    struct data d;
    struct scalar v;

    (void)key;
    cr_assert(data_read(result, size, &d) == MR_OK && scalar_read(&d, &v) == MR_OK);
    *(int64_t *)context += v.integer;
}

Test(processor, runs_on_all_entries_that_match_and_on_no_other)
{
    struct processor *p;
    struct predicate *where;
    struct data d;
    int64_t sum = 0;

    put_numbers();
    begin(1);
    put_text(&out, NULL);
    put_value(&out, v_int(1000));
    d = sent(&out);
    cr_assert(processor_of_data(&d, &p, &err) == MR_OK);
    cr_assert(predicate_of_text("this >= 90", 10, &where, &err) == MR_OK);
    cr_assert(processor_run_all(p, map, where, add_up, &sum, &err) == MR_OK);
    cr_expect(sum == 10945, "%lld", (long long)sum);
    sum = 0;
    cr_assert(processor_run_all(p, map, NULL, add_up, &sum, &err) == MR_OK);
    cr_expect(sum == 10945 + 10000 + 90000 + 4005, "%lld", (long long)sum);
    predicate_free(where);
    processor_free(p);
}

Test(processor, ends_at_the_first_entry_that_it_cannot_change)
{
    struct processor *p;
    struct data d;
    int64_t sum = 0;

    put(d_text("no number"));
    begin(1);
    put_text(&out, NULL);
    put_value(&out, v_int(1));
    d = sent(&out);
    cr_assert(processor_of_data(&d, &p, &err) == MR_OK);
    cr_assert(processor_run_all(p, map, NULL, add_up, &sum, &err) == MR_ERR_TYPE);
    cr_expect(err.message[0] != '\0');
    processor_free(p);
}

Test(processor, leaves_alone_what_another_has_locked)
{
    const struct owner ada_herself = {.client_low = 1}, bob = {.client_low = 2};
    const struct lock_request lock = {.key = d_text("k"), .owner = ada_herself};
    struct data d, key = d_text("k");
    struct processor *p;

    put_scalar(v_int(1));
    cr_assert(map_lock(map, &lock) == MR_OK);
    begin(1);
    put_text(&out, NULL);
    put_value(&out, v_int(1));
    d = sent(&out);
    cr_assert(processor_of_data(&d, &p, &err) == MR_OK);
    mr_rc_t rc = processor_run_as(p, map, &key, NULL, &bob, NULL, &given, &err);

    cr_expect(rc != MR_OK && given.size == 0 && number_there().integer == 1);
    cr_assert(processor_run_as(p, map, &key, NULL, &ada_herself, NULL, &given, &err) == MR_OK);
    cr_expect(number_there().integer == 2);
    cr_assert(map_unlock(map, &lock) == MR_OK);
    processor_free(p);
}

static mr_rc_t refused(const char *words)
{
    struct processor *p = NULL;
    struct data d = sent(&out);

    mr_err_clear(&err);
    mr_rc_t rc = processor_of_data(&d, &p, &err);
    cr_expect(rc != MR_OK && p == NULL);
    cr_expect(strstr(err.message, words) != NULL, "%s", err.message);
    out.size = 0;
    return rc;
}

Test(processor, says_what_was_asked_for_and_what_there_is)
{
    put_class(&out, PROCESSOR_FACTORY, 9);
    cr_expect(refused("factory 19794, class 9") == MR_ERR_TYPE);
    cr_expect(strstr(err.hint, "Increment") != NULL);
    put_class(&out, 66, 1);
    cr_expect(refused("factory 66, class 1") == MR_ERR_TYPE);
    sink_put32(&out, (uint32_t)-100);
    cr_expect(refused("type -100") == MR_ERR_TYPE);
    begin(1);
    cr_expect(refused("break off") == MR_ERR_MALFORMED);
    begin(1);
    put_text(&out, "a[any]");
    put_value(&out, v_int(1));
    cr_expect(refused("cannot be changed") == MR_ERR_ARGUMENT);
    begin(1);
    put_text(&out, "a");
    put_value(&out, v_text("x"));
    cr_expect(refused("no number") == MR_ERR_TYPE);
    begin(2);
    sink_put32(&out, 0x7fffffff);
    cr_expect(refused("break off") == MR_ERR_MALFORMED);
}
