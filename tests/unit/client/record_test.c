#include <millrace/value.h>

#include "client/value.h"
#include "net/wire/schema.h"
#include "tests/unit/net/wire/bytes.h"
#include "tests/unit/scarce.h"

static mr_err_t err;
static mr_schema_t *emp, *team;

struct told {
    const char *name;
    int kind;
};

static mr_schema_t *tell(const char *type, const struct told *fields, size_t count)
{
    mr_schema_t *s = mr_schema_new(type, &err);

    for (size_t i = 0; i < count; i++)
        cr_assert_eq(mr_schema_field(s, fields[i].name, fields[i].kind, &err), MR_OK, "%s",
                     err.message);
    return s;
}

/* "emp" is the worked example of the format; a team has arrays of all sorts and other records. */
static void setup(void)
{
    static const struct told emps[] = {
        {"name", MR_KIND_STR},   {"age", MR_KIND_I32},
        {"ok", MR_KIND_BOOL},    {"tags", MR_KIND_I16 | MR_KIND_ARRAY | MR_KIND_NULLABLE},
        {"nested", MR_KIND_REC},
    };
    static const struct told teams[] = {
        {"people", MR_KIND_REC | MR_KIND_ARRAY},
        {"names", MR_KIND_STR | MR_KIND_ARRAY},
        {"i16s", MR_KIND_I16 | MR_KIND_ARRAY},
        {"i32s", MR_KIND_I32 | MR_KIND_ARRAY},
        {"i64s", MR_KIND_I64 | MR_KIND_ARRAY},
        {"f32s", MR_KIND_F32 | MR_KIND_ARRAY},
        {"f64s", MR_KIND_F64 | MR_KIND_ARRAY},
        {"bools", MR_KIND_BOOL | MR_KIND_ARRAY},
        {"bytes", MR_KIND_BYTES},
        {"price", MR_KIND_DECIMAL},
        {"day", MR_KIND_DATE},
        {"maybe", MR_KIND_F64 | MR_KIND_NULLABLE},
        {"small", MR_KIND_F32},
    };

    emp = tell("emp", emps, sizeof emps / sizeof emps[0]);
    team = tell("team", teams, sizeof teams / sizeof teams[0]);
}

static void teardown(void)
{
    mem_hooks_set(NULL);
    mr_schema_free(emp);
    mr_schema_free(team);
    mr_schema_free(NULL);
    schema_registry_clear(schema_registry_shared());
}

TestSuite(rec, .init = setup, .fini = teardown);

static void set(mr_rec_t *rec, const char *name, mr_ref_t v)
{
    cr_assert_eq(mr_rec_set(rec, name, v, &err), MR_OK, "%s: %s", name, err.message);
}

static mr_ref_t get(mr_ref_t rec, const char *name)
{
    mr_ref_t v = MR_NULL;

    cr_assert_eq(mr_rec_get(rec, name, &v, &err), MR_OK, "%s: %s", name, err.message);
    return v;
}

static mr_ref_t item(mr_ref_t array, uint32_t i)
{
    mr_ref_t v = MR_NULL;

    cr_assert_eq(mr_ref_item(&array, i, &v, &err), MR_OK, "%s", err.message);
    return v;
}

static bool text_is(mr_ref_t v, const char *text)
{
    return v.kind == MR_KIND_STR && v.len == strlen(text) && memcmp(v.as.str, text, v.len) == 0;
}

/* A whole record, through bytes that are owned by a value, as a map would hand it out. */
static void store(mr_val_t *v, mr_rec_t *rec)
{
    cr_assert_eq(mr_val_set(v, MR_REC(rec), &err), MR_OK, "%s", err.message);
}

Test(rec, is_written_as_other_clients_write_it)
{
    mr_rec_t *rec = mr_rec_new(emp, &err), *nested = mr_rec_new(emp, &err);
    mr_ref_t tags[] = {MR_I16(1), MR_NULL, MR_I16(3)};
    mr_ref_t view;

    cr_expect_eq(mr_schema_id(emp, &err), 0xCB62A66EE714A1D6u);
    set(nested, "name", MR_STR("y"));
    set(nested, "age", MR_I32(-4));
    set(rec, "name", MR_STR("x"));
    set(rec, "age", MR_I32(3));
    set(rec, "ok", MR_BOOL(true));
    set(rec, "tags", MR_REFS(tags, 3));
    set(rec, "nested", MR_REC(nested));
    cr_assert_eq(mr_rec_finish(rec, &err), MR_OK);
    view = MR_REC(rec);
    cr_assert_eq(view.kind, MR_KIND_REC);
    cr_expect_bytes(view.as.ptr, view.len,
                    "cb62a66ee714a1d6 00000032 | 00000003 01 | 00000001 78 |"
                    "00000004 00000003 0001 0003 00ff02 |"
                    "cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 05ffff | 05190a");
    mr_rec_free(nested);
    mr_rec_free(rec);
    mr_rec_free(NULL);
}

Test(rec, is_read_back_field_by_field)
{
    mr_rec_t *rec = mr_rec_new(emp, &err), *nested = mr_rec_new(emp, &err);
    mr_val_t v = MR_VAL_INIT;
    mr_ref_t tags[] = {MR_I16(1), MR_NULL}, inner;

    set(nested, "name", MR_STR("grace"));
    set(rec, "name", MR_STR("ada"));
    set(rec, "age", MR_I64(36)); /* fits 32 bits */
    set(rec, "tags", MR_REFS(tags, 2));
    set(rec, "nested", MR_REC(nested));
    store(&v, rec);
    mr_rec_free(nested);
    mr_rec_free(rec);

    cr_expect_eq(mr_val_type(&v), MR_KIND_REC);
    cr_expect(text_is(get(mr_val_ref(&v), "name"), "ada"));
    cr_expect_eq(get(mr_val_ref(&v), "age").as.i64, 36);
    cr_expect(!get(mr_val_ref(&v), "ok").as.boolean);
    cr_expect_eq(get(mr_val_ref(&v), "tags").len, 2);
    cr_expect_eq(item(get(mr_val_ref(&v), "tags"), 1).kind, MR_KIND_NULL);
    inner = get(mr_val_ref(&v), "nested");
    cr_expect(text_is(get(inner, "name"), "grace"));
    cr_expect_eq(get(inner, "nested").kind, MR_KIND_NULL);
    mr_val_clear(&v);
}

Test(rec, carries_arrays_of_C_and_of_records)
{
    mr_rec_t *rec = mr_rec_new(team, &err), *one = mr_rec_new(emp, &err);
    mr_rec_t *two = mr_rec_new(emp, &err);
    static const char *const names[] = {"ada", NULL, "grace"};
    static const int16_t i16s[] = {-1, 2};
    static const int32_t i32s[] = {-3, 4};
    static const int64_t i64s[] = {-5, INT64_MAX};
    static const float f32s[] = {0.5f, -1};
    static const double f64s[] = {0.25, -2};
    static const bool bools[] = {true, false, true, true, false, false, false, false, true};
    mr_time_t day = {.year = 2024, .month = 2, .day = 29};
    mr_ref_t people[2], r;

    set(one, "name", MR_STR("ada"));
    set(two, "name", MR_STR("grace"));
    people[0] = MR_REC(one);
    people[1] = MR_REC(two);
    set(rec, "people", MR_REFS(people, 2));
    set(rec, "names", MR_STRS(names, 3));
    set(rec, "i16s", MR_I16S(i16s, 2));
    set(rec, "i32s", MR_I32S(i32s, 2));
    set(rec, "i64s", MR_I64S(i64s, 2));
    set(rec, "f32s", MR_F32S(f32s, 2));
    set(rec, "f64s", MR_F64S(f64s, 2));
    set(rec, "bools", MR_BOOLS(bools, 9));
    set(rec, "bytes", MR_BYTES("\xff\x00", 2));
    set(rec, "price", MR_DECIMAL("\x30\x39", 2, 2));
    set(rec, "day", MR_DATE(day));
    set(rec, "maybe", MR_F64(0.1));
    set(rec, "small", MR_F32(0.1));

    r = MR_REC(rec);
    cr_expect(text_is(get(item(get(r, "people"), 1), "name"), "grace"));
    cr_expect(text_is(get(item(get(r, "people"), 0), "name"), "ada"));
    cr_expect(text_is(item(get(r, "names"), 2), "grace"));
    cr_expect_eq(item(get(r, "names"), 1).kind, MR_KIND_NULL);
    cr_expect_eq(item(get(r, "i16s"), 0).as.i64, -1);
    cr_expect_eq(item(get(r, "i32s"), 1).as.i64, 4);
    cr_expect_eq(item(get(r, "i64s"), 1).as.i64, INT64_MAX);
    cr_expect_eq(item(get(r, "f32s"), 0).as.f64, 0.5);
    cr_expect_eq(item(get(r, "f64s"), 1).as.f64, -2);
    cr_expect(item(get(r, "bools"), 8).as.boolean && !item(get(r, "bools"), 7).as.boolean);
    cr_expect_eq(get(r, "bytes").len, 2);
    cr_expect_eq(get(r, "price").as.decimal.scale, 2);
    cr_expect_eq(get(r, "day").as.time.day, 29);
    cr_expect_eq(get(r, "maybe").as.f64, 0.1);
    cr_expect_eq(get(r, "small").as.f64, (double)0.1f);
    mr_rec_free(two);
    mr_rec_free(one);
    mr_rec_free(rec);
}

Test(rec, copies_fields_of_another_record)
{
    mr_rec_t *from = mr_rec_new(team, &err), *to = mr_rec_new(team, &err);
    static const char *const names[] = {"ada", NULL};
    mr_ref_t a, b;

    set(from, "names", MR_STRS(names, 2));
    set(from, "price", MR_DECIMAL("\x30\x39", 2, 2));
    a = MR_REC(from);
    set(to, "names", get(a, "names"));
    set(to, "price", get(a, "price"));
    b = MR_REC(to);
    cr_assert_eq(a.len, b.len);
    cr_expect(memcmp(a.as.ptr, b.as.ptr, a.len) == 0);
    mr_rec_free(to);
    mr_rec_free(from);
}

Test(rec, leaves_the_default_where_a_field_is_unknown)
{
    mr_rec_t *rec = mr_rec_new(emp, &err);
    mr_ref_t salary = MR_I64(1000);

    cr_expect_eq(mr_rec_get(MR_REC(rec), "salary", &salary, &err), MR_NOT_FOUND);
    cr_expect_eq(salary.as.i64, 1000);
    cr_expect_eq(err.code, MR_OK, "an answer, not an error");
    cr_expect_eq(mr_rec_get(MR_REC(rec), NULL, &salary, &err), MR_NOT_FOUND);
    mr_rec_free(rec);
}

Test(rec, keeps_a_failure_until_it_is_cleared)
{
    mr_rec_t *rec = mr_rec_new(emp, &err);
    mr_val_t v = MR_VAL_INIT;
    mr_err_t said = MR_ERR_INIT, later = MR_ERR_INIT;

    cr_expect_eq(mr_rec_set(rec, "age", MR_STR("x"), NULL), MR_ERR_TYPE, "nobody looks");
    cr_expect_eq(mr_rec_set(rec, "name", MR_STR("x"), NULL), MR_ERR_TYPE);
    cr_expect_eq(mr_rec_finish(rec, &said), MR_ERR_TYPE);
    cr_expect(strstr(said.message, "age") && strstr(said.message, "INT32"), "%s", said.message);
    cr_expect_eq(mr_val_set(&v, MR_REC(rec), &later), MR_ERR_TYPE);
    cr_expect_str_eq(later.message, said.message);
    cr_expect_eq(mr_rec_get(MR_REC(rec), "age", &(mr_ref_t){0}, NULL), MR_ERR_TYPE);

    mr_rec_clear(rec);
    set(rec, "name", MR_STR("y"));
    store(&v, rec);
    cr_expect(text_is(get(mr_val_ref(&v), "name"), "y"));
    mr_val_clear(&v);
    mr_rec_clear(NULL);
    mr_rec_free(rec);
}

Test(rec, refuses_what_a_field_cannot_hold)
{
    static const char *const texts[] = {"good", "\xff"};
    mr_rec_t *rec = mr_rec_new(team, &err), *e = mr_rec_new(emp, &err);
    mr_time_t no_day = {.year = 2023, .month = 2, .day = 29};
    mr_ref_t mixed[] = {MR_REC(rec), MR_REC(e)};
    mr_ref_t odd[] = {MR_STR("\xff")};
    struct {
        const char *name;
        mr_ref_t v;
        mr_rc_t rc;
    } bad[] = {
        {"no such", MR_I32(1), MR_ERR_SCHEMA},
        {NULL, MR_I32(1), MR_ERR_SCHEMA},
        {"day", MR_DATE(no_day), MR_ERR_ARGUMENT},
        {"names", MR_STRS(texts, 2), MR_ERR_ARGUMENT},
        {"names", MR_REFS(odd, 1), MR_ERR_ARGUMENT},
        {"names", MR_STR("x"), MR_ERR_TYPE},
        {"names", MR_REFS(odd, SIZE_MAX), MR_ERR_TOO_LARGE},
        {"small", MR_F64(0.1), MR_ERR_TYPE},
        {"small", MR_NULL, MR_ERR_TYPE},
        {"bytes", MR_BYTES(texts, SIZE_MAX), MR_ERR_TOO_LARGE},
        {"bytes", MR_DATA("abc", 3), MR_ERR_MALFORMED},
        {"people", MR_REFS(mixed, 2), MR_ERR_SCHEMA},
        {"names", mr_ref_from_array(MR_KIND_DATA, texts, 1), MR_ERR_ARGUMENT},
        {"people", MR_REC(NULL), MR_ERR_ARGUMENT},
    };
    mr_rec_t *other = mr_rec_new(team, &err);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mr_err_t said = MR_ERR_INIT;

        mr_rec_clear(other);
        cr_expect_eq(mr_rec_set(other, bad[i].name, bad[i].v, &said), bad[i].rc, "row %zu: %s", i,
                     said.message);
        cr_expect_eq(said.code, bad[i].rc);
        cr_expect(said.message[0]);
    }
    mr_rec_free(other);
    mr_rec_free(e);
    mr_rec_free(rec);
}

Test(rec, refuses_a_view_of_itself)
{
    mr_rec_t *rec = mr_rec_new(emp, &err);

    set(rec, "name", MR_STR("x"));
    cr_expect_eq(mr_rec_set(rec, "nested", MR_REC(rec), NULL), MR_ERR_ARGUMENT);
    mr_rec_clear(rec);
    set(rec, "name", MR_STR("x"));
    cr_expect_eq(mr_rec_set(rec, "name", get(MR_REC(rec), "name"), NULL), MR_ERR_ARGUMENT);
    mr_rec_free(rec);
}

Test(rec, says_what_it_misses_when_a_stored_record_cannot_be_read)
{
    mr_rec_t *rec = mr_rec_new(emp, &err);
    mr_ref_t out = MR_NULL, whole = MR_REC(rec);
    mr_err_t said = MR_ERR_INIT;

    cr_expect_eq(mr_rec_get(MR_BYTES("x", 1), "name", &out, &said), MR_ERR_TYPE);
    mr_err_clear(&said);
    cr_expect_eq(mr_rec_get(mr_ref_from_bytes(MR_KIND_REC, "12345678", 8), "name", &out, &said),
                 MR_ERR_SCHEMA);
    cr_expect(strstr(said.message, "3132333435363738"), "%s", said.message);
    for (uint32_t cut = 0; cut < whole.len; cut++) {
        uint8_t *part = bytes_cut(whole.as.ptr, cut);

        mr_err_clear(&said);
        cr_expect_eq(mr_rec_get(mr_ref_from_bytes(MR_KIND_REC, part, cut), "name", &out, &said),
                     MR_ERR_MALFORMED, "cut to %u", cut);
        free(part);
    }
    mr_rec_free(rec);
}

Test(rec, does_nothing_when_an_error_is_there_already)
{
    mr_rec_t *rec = mr_rec_new(emp, &err);
    mr_err_t filled = {.code = MR_ERR_BUSY};
    mr_ref_t out = MR_I32(5);

    cr_expect_null(mr_schema_new("x", &filled));
    cr_expect_null(mr_rec_new(emp, &filled));
    cr_expect_eq(mr_schema_id(emp, &filled), 0);
    cr_expect_eq(mr_schema_field(team, "x", MR_KIND_I32, &filled), MR_ERR_BUSY);
    cr_expect_eq(mr_rec_set(rec, "no such", MR_NULL, &filled), MR_ERR_BUSY);
    cr_expect_eq(mr_rec_finish(rec, &filled), MR_ERR_BUSY);
    cr_expect_eq(mr_rec_get(MR_REC(rec), "age", &out, &filled), MR_ERR_BUSY);
    cr_expect_eq(mr_ref_item(&out, 0, &out, &filled), MR_ERR_BUSY);
    cr_expect_eq(out.as.i64, 5);
    cr_expect_eq(mr_rec_finish(rec, NULL), MR_OK, "the record has not heard of it");
    mr_rec_free(rec);
}

Test(rec, is_nothing_without_a_schema_or_a_record)
{
    mr_err_t said = MR_ERR_INIT;

    cr_expect_null(mr_rec_new(NULL, &said));
    cr_expect_eq(said.code, MR_ERR_ARGUMENT);
    cr_expect_eq(mr_rec_set(NULL, "x", MR_NULL, NULL), MR_ERR_ARGUMENT);
    cr_expect_eq(mr_rec_finish(NULL, NULL), MR_ERR_ARGUMENT);
    cr_expect_eq(mr_schema_field(NULL, "x", MR_KIND_I32, NULL), MR_ERR_ARGUMENT);
}

Test(rec, has_a_schema_that_is_told_before_the_first_record)
{
    static char name[SCHEMA_NAME_MAX + 2];
    static const int kinds[] = {MR_KIND_NULL,
                                MR_KIND_CHAR,
                                MR_KIND_JSON,
                                MR_KIND_UUID,
                                -1,
                                9999,
                                MR_KIND_BYTES | MR_KIND_ARRAY,
                                MR_KIND_DATA};
    mr_schema_t *s = mr_schema_new("told", &err);
    mr_rec_t *rec;
    mr_err_t said = MR_ERR_INIT;

    memset(name, 'x', SCHEMA_NAME_MAX + 1);
    cr_expect_null(mr_schema_new(NULL, NULL));
    cr_expect_null(mr_schema_new("\xff", NULL));
    cr_expect_null(mr_schema_new(name, NULL));
    cr_expect_eq(mr_schema_field(s, NULL, MR_KIND_I32, NULL), MR_ERR_ARGUMENT);
    cr_expect_eq(mr_schema_field(s, "\xff", MR_KIND_I32, NULL), MR_ERR_ARGUMENT);
    cr_expect_eq(mr_schema_field(s, name, MR_KIND_I32, NULL), MR_ERR_ARGUMENT);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        cr_expect_eq(mr_schema_field(s, "odd", kinds[i], NULL), MR_ERR_ARGUMENT, "%d", kinds[i]);

    cr_expect_eq(mr_schema_field(s, "a", MR_KIND_I32, NULL), MR_OK);
    rec = mr_rec_new(s, &err);
    cr_expect_eq(mr_schema_field(s, "b", MR_KIND_I32, &said), MR_ERR_ARGUMENT);
    cr_expect(strstr(said.message, "told"), "%s", said.message);
    mr_schema_free(s);
    set(rec, "a", MR_I32(1)); /* outlives it */
    mr_rec_free(rec);
}

Test(rec, finds_two_fields_of_one_name)
{
    mr_schema_t *s = mr_schema_new("twice", &err);
    mr_err_t said = MR_ERR_INIT;

    cr_expect_eq(mr_schema_field(s, "a", MR_KIND_I32, &err), MR_OK);
    cr_expect_eq(mr_schema_field(s, "a", MR_KIND_STR, &err), MR_OK);
    cr_expect_null(mr_rec_new(s, &said));
    cr_expect_eq(said.code, MR_ERR_SCHEMA);
    cr_expect(strstr(said.message, "two fields named a"), "%s", said.message);
    mr_schema_free(s);
}

Test(rec, has_at_most_so_many_fields)
{
    mr_schema_t *s = mr_schema_new("wide", &err);
    char name[16];

    for (int i = 0; i < SCHEMA_FIELDS_MAX; i++) {
        snprintf(name, sizeof name, "f%d", i);
        cr_assert_eq(mr_schema_field(s, name, MR_KIND_BOOL, &err), MR_OK);
    }
    cr_expect_eq(mr_schema_field(s, "one more", MR_KIND_BOOL, NULL), MR_ERR_SCHEMA);
    mr_schema_free(s);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A schema, a record and a value of it, from nothing. */
static mr_rc_t everything(mr_err_t *said)
{
    mr_schema_t *s = mr_schema_new("everything", said);
    mr_ref_t names[] = {MR_STR("ada"), MR_STR("a name that does not fit the room of a value, "
                                              "and a record that has to grow for it as well, "
                                              "beyond the hundred bytes that it begins with")};
    mr_val_t v = MR_VAL_INIT;
    mr_rec_t *rec;
    mr_rc_t rc = mr_schema_field(s, "names", MR_KIND_STR | MR_KIND_ARRAY, said);

    rec = mr_rec_new(s, said);
    if (rc == MR_OK)
        rc = mr_rec_set(rec, "names", MR_REFS(names, 2), said);
    if (rc == MR_OK)
        rc = mr_val_set(&v, MR_REC(rec), said);
    mr_val_clear(&v);
    mr_rec_free(rec);
    mr_schema_free(s);
    return said->code;
}

Test(rec, says_so_whenever_memory_runs_out)
{
    mr_rc_t rc = MR_ERR_MEMORY;
    int failures = 0;

    mem_hooks_set(&scarce);
    for (int n = 0; n < 100 && rc != MR_OK; n++) {
        mr_err_t said = MR_ERR_INIT;

        scarce_left = n;
        rc = everything(&said);
        failures += rc == MR_ERR_MEMORY;
        cr_expect(rc == MR_OK || rc == MR_ERR_MEMORY, "%s", said.message);
    }
    mem_hooks_set(NULL);
    cr_expect_eq(rc, MR_OK);
    cr_expect_gt(failures, 8);
}
