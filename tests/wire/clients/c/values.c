/* values.c - a value of each type that this client can write, there and back, and as keys. */
#include "bench.h"
#include "staff.h"

enum { SAMPLES_MAX = 8 };

struct samples {
    const char *kind;
    bool as_keys; /* too */
    int n;
    mr_ref_t at[SAMPLES_MAX];
};

/* What comes back for each of the samples, from a get and from a remove. */
static void there_and_back(struct bench *t)
{
    const struct samples *s = t->with;
    mr_val_t v = MR_VAL_INIT, removed = MR_VAL_INIT;
    mr_map_t *m = map_of(t);

    open_list(t);
    for (int i = 0; i < s->n; i++) {
        mr_map_set(m, MR_STR("a"), s->at[i], NULL, &t->err);
        mr_map_get(m, MR_STR("a"), &v, NULL, &t->err);
        say(t, mr_val_ref(&v));
        mr_map_remove(m, MR_STR("a"), &removed, &t->err);
        if (mr_val_type(&removed) != mr_val_type(&v) || mr_val_type(&v) != s->at[i].kind ||
            mr_val_len(&removed) != mr_val_len(&v))
            say_words(t, "and removed something else");
    }
    close_list(t);
    mr_val_clear(&v);
    mr_val_clear(&removed);
}

/* How many entries there are with the samples as keys, and what each finds. */
static void as_keys(struct bench *t)
{
    const struct samples *s = t->with;
    mr_val_t v = MR_VAL_INIT;
    mr_map_t *m = map_of(t);

    for (int i = 0; i < s->n; i++)
        mr_map_set(m, s->at[i], MR_I32(i), NULL, &t->err);
    open_list(t);
    say_size(t, m);
    open_list(t);
    for (int i = 0; i < s->n; i++) {
        mr_map_get(m, s->at[i], &v, NULL, &t->err);
        say(t, mr_val_ref(&v));
    }
    close_list(t);
    close_list(t);
    mr_val_clear(&v);
}

static void check_samples(struct bench *t, const struct samples *s)
{
    char name[64];

    snprintf(name, sizeof name, "value.%s", s->kind);
    run_check(t, name, there_and_back, s);
    snprintf(name, sizeof name, "value.%s_as_key", s->kind);
    if (s->as_keys)
        run_check(t, name, as_keys, s);
}

static void check_numbers(struct bench *t)
{
    static const unsigned char long_digits[] = {0x01, 0x8e, 0xe9, 0x0f, 0xf6, 0xc3, 0x73,
                                                0xe0, 0xee, 0x4e, 0x3f, 0x0a, 0xd2};
    const struct samples all[] = {
        {"boolean", true, 2, {MR_BOOL(true), MR_BOOL(false)}},
        {"byte", true, 3, {MR_I8(0), MR_I8(INT8_MAX), MR_I8(INT8_MIN)}},
        {"short", true, 3, {MR_I16(0), MR_I16(INT16_MAX), MR_I16(INT16_MIN)}},
        {"integer", true, 4, {MR_I32(0), MR_I32(-1), MR_I32(INT32_MAX), MR_I32(INT32_MIN)}},
        {"long", true, 4, {MR_I64(0), MR_I64(-1), MR_I64(INT64_MAX), MR_I64(INT64_MIN)}},
        {"float", false, 3, {MR_F32(0), MR_F32(-0.5), MR_F32(5)}},
        {"number", true, 4, {MR_F64(0), MR_F64(-0.5), MR_F64(1e300), MR_F64(5)}},
        {"not_a_number",
         false,
         3,
         {MR_F64(__builtin_nan("")), MR_F64(__builtin_inf()), MR_F64(-__builtin_inf())}},
        {"big_integer",
         false,
         4,
         {MR_BIGINT("\x01", 1), MR_BIGINT("\x7f", 1), MR_BIGINT("\xff\x7f", 2),
          MR_BIGINT(long_digits, sizeof long_digits)}},
        {"decimal", true, 2, {MR_DECIMAL("\x83", 1, 3), long_decimal()}},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        check_samples(t, &all[i]);
}

static void check_texts_and_times(struct bench *t)
{
    static const mr_uuid_t uuid = {123456789, (uint64_t)-987654321};
    static const mr_time_t days[] = {{.year = 2024, .month = 2, .day = 29},
                                     {1, 1, 1, 0, 0, 0, 0, 0},
                                     {9999, 12, 31, 0, 0, 0, 0, 0}};
    static const mr_time_t midnight = {0}, last = {0, 0, 0, 23, 59, 59, 999999999, 0};
    static const mr_time_t stamps[] = {{2024, 2, 29, 23, 59, 59, 1, 3600},
                                       {2024, 2, 29, 0, 0, 0, 0, -64800}};
    const struct samples all[] = {
        {"string",
         true,
         7,
         {MR_STR(""), MR_STR("plain"), MR_STR("Grüße"), MR_STR("日本語"), MR_STR("😀"),
          MR_STRN("a\0b", 3), MR_STR("\"quoted\"\n")}},
        {"uuid", true, 1, {MR_UUID(uuid)}},
        {"date", false, 3, {MR_DATE_MS(0), MR_DATE_MS(-1000), MR_DATE_MS(1700000000123)}},
        {"local_date", true, 3, {MR_DATE(days[0]), MR_DATE(days[1]), MR_DATE(days[2])}},
        {"local_time", false, 2, {MR_TIME(midnight), MR_TIME(last)}},
        {"local_date_time", false, 1, {MR_DATETIME(stamps[0])}},
        {"offset_date_time", false, 2, {MR_DATETIME_TZ(stamps[0]), MR_DATETIME_TZ(stamps[1])}},
        {"bytes", true, 2, {MR_BYTES("", 0), MR_BYTES("\x00\x7f\x80\xff", 4)}},
        {"json",
         false,
         2,
         {MR_JSON("{\"a\": 1, \"b\": [true, null, \"x\"], \"c\": {\"d\": {}}}"), MR_JSON("{}")}},
        {"json_text", false, 1, {MR_JSON("[1, {\"a\": null}]")}},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        check_samples(t, &all[i]);
}

static void check_records(struct bench *t)
{
    mr_rec_t *rec = kinds_record(&t->err);
    const struct samples compact = {"compact", true, 1, {MR_REC(rec)}};

    check_samples(t, &compact);
    mr_rec_free(rec);
}

/* An array stands in records only. */
static void array_alone(struct bench *t)
{
    static const int32_t numbers[] = {1, -2};

    say_done(t, mr_map_set(map_of(t), MR_STR("a"), MR_I32S(numbers, 2), NULL, &t->err));
}

/* What has no kind here is kept as it is: the identified "me" of other languages. */
static void data_of_another_type(struct bench *t)
{
    static const unsigned char me[] = {0, 0, 0, 0, 255, 255, 255, 254, 1, 0,   0,  0,
                                       1, 0, 0, 0, 2,   0,   0,   0,   2, 'm', 'e'};
    mr_val_t v = MR_VAL_INIT;
    mr_map_t *m = map_of(t);

    mr_map_set(m, MR_STR("a"), MR_DATA(me, sizeof me), NULL, &t->err);
    mr_map_get(m, MR_STR("a"), &v, NULL, &t->err);

    mr_ref_t got = mr_val_ref(&v);

    say(t, MR_BOOL(got.kind == MR_KIND_DATA && got.len == sizeof me &&
                   memcmp(got.as.ptr, me, sizeof me) == 0));
    mr_val_clear(&v);
}

void value_checks(struct bench *t)
{
    static const struct check checks[] = {
        {"value.array_alone", array_alone},
        {"value.data_of_another_type", data_of_another_type},
    };

    check_numbers(t);
    check_texts_and_times(t);
    check_records(t);
    RUN_ALL(t, checks);
}
