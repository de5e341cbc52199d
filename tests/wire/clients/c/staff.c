#include "staff.h"

static mr_schema_t *department_schema, *employee_schema, *kinds_schema;

void staff_forget(void)
{
    mr_schema_free(department_schema);
    mr_schema_free(employee_schema);
    mr_schema_free(kinds_schema);
    department_schema = employee_schema = kinds_schema = NULL;
}

/* A record and its fields. */
struct field {
    const char *name;
    int kind;
    mr_ref_t value;
};

/* The first record of a type makes its schema. */
static mr_rec_t *record(mr_schema_t **schema, const char *type, const struct field *fields,
                        size_t n, mr_err_t *err)
{
    if (!*schema) {
        *schema = mr_schema_new(type, err);
        for (size_t i = 0; i < n; i++)
            mr_schema_field(*schema, fields[i].name, fields[i].kind, err);
    }

    mr_rec_t *rec = mr_rec_new(*schema, err);

    for (size_t i = 0; i < n; i++)
        mr_rec_set(rec, fields[i].name, fields[i].value, err);
    return rec;
}

#define RECORD(schema, type, fields, err)                                                          \
    record(schema, type, fields, sizeof(fields) / sizeof(fields)[0], err)

/* ---- the staff ------------------------------------------------------------------------------ */

struct department {
    const char *name;
    int floor;
};

static const struct department engine = {"engine", 3}, yard = {"yard", 1}, office = {"office", 2};

static const struct employee {
    const char *name;
    int age;
    double salary;
    bool active;
    const struct department *department;
    int tags; /* -1: no list */
    const char *tag[2];
    mr_time_t hired; /* year 0: not known */
    const char *json;
} staff[STAFF] = {
    {"Ada",
     36,
     4200.5,
     true,
     &engine,
     2,
     {"c", "math"},
     {.year = 2019, .month = 1, .day = 31},
     "{\"id\": 1, \"name\": \"Ada\", \"age\": 36, \"salary\": 4200.5, \"active\": true,"
     " \"department\": {\"name\": \"engine\", \"floor\": 3}, \"tags\": [\"c\", \"math\"]}"},
    {"Bob",
     25,
     1800,
     false,
     &yard,
     0,
     {NULL},
     {.year = 2021, .month = 12, .day = 1},
     "{\"id\": 2, \"name\": \"Bob\", \"age\": 25, \"salary\": 1800, \"active\": false,"
     " \"department\": {\"name\": \"yard\", \"floor\": 1}, \"tags\": []}"},
    {"Cid",
     25,
     2500.25,
     true,
     &engine,
     1,
     {"go"},
     {.year = 2021, .month = 2, .day = 28},
     "{\"id\": 3, \"name\": \"Cid\", \"age\": 25, \"salary\": 2500.25, \"active\": true,"
     " \"department\": {\"name\": \"engine\", \"floor\": 3}, \"tags\": [\"go\"]}"},
    {"Dee",
     41,
     5100,
     true,
     NULL,
     1,
     {"c"},
     {.year = 2015, .month = 6, .day = 15},
     "{\"id\": 4, \"name\": \"Dee\", \"age\": 41, \"salary\": 5100, \"active\": true,"
     " \"department\": null, \"tags\": [\"c\"]}"},
    {NULL,
     52,
     3000,
     false,
     &yard,
     -1,
     {NULL},
     {0},
     "{\"id\": 5, \"name\": null, \"age\": 52, \"salary\": 3000, \"active\": false,"
     " \"department\": {\"name\": \"yard\", \"floor\": 1}, \"tags\": null}"},
    {"Fay",
     19,
     900,
     true,
     &office,
     2,
     {"java", "c"},
     {.year = 2024, .month = 2, .day = 29},
     "{\"id\": 6, \"name\": \"Fay\", \"age\": 19, \"salary\": 900, \"active\": true,"
     " \"department\": {\"name\": \"office\", \"floor\": 2}, \"tags\": [\"java\", \"c\"]}"},
    {"Gus",
     36,
     2500.25,
     false,
     &engine,
     1,
     {"node"},
     {.year = 2019, .month = 1, .day = 31},
     "{\"id\": 7, \"name\": \"Gus\", \"age\": 36, \"salary\": 2500.25, \"active\": false,"
     " \"department\": {\"name\": \"engine\", \"floor\": 3}, \"tags\": [\"node\"]}"},
    {"ada",
     60,
     7000,
     true,
     &yard,
     1,
     {"math"},
     {.year = 1999, .month = 9, .day = 9},
     "{\"id\": 8, \"name\": \"ada\", \"age\": 60, \"salary\": 7000, \"active\": true,"
     " \"department\": {\"name\": \"yard\", \"floor\": 1}, \"tags\": [\"math\"]}"},
};

const char *staff_json(int i)
{
    return staff[i].json;
}

static mr_rec_t *department_record(const struct department *d, mr_err_t *err)
{
    const struct field fields[] = {
        {"name", MR_KIND_STR, MR_STR(d->name)},
        {"floor", MR_KIND_I32, MR_I32(d->floor)},
    };

    return RECORD(&department_schema, "department", fields, err);
}

mr_rec_t *staff_record(int i, mr_err_t *err)
{
    const struct employee *e = &staff[i];
    mr_rec_t *in = e->department ? department_record(e->department, err) : NULL;
    const struct field fields[] = {
        {"id", MR_KIND_I32, MR_I32(i + 1)},
        {"name", MR_KIND_STR, MR_STR(e->name)},
        {"age", MR_KIND_I32, MR_I32(e->age)},
        {"salary", MR_KIND_F64, MR_F64(e->salary)},
        {"active", MR_KIND_BOOL, MR_BOOL(e->active)},
        {"department", MR_KIND_REC, in ? MR_REC(in) : MR_NULL},
        {"tags", MR_KIND_STR | MR_KIND_ARRAY,
         e->tags < 0 ? MR_NULL : MR_STRS(e->tag, (size_t)e->tags)},
        {"hired", MR_KIND_DATE, e->hired.year ? MR_DATE(e->hired) : MR_NULL},
    };
    mr_rec_t *rec = RECORD(&employee_schema, "employee", fields, err);

    mr_rec_free(in);
    return rec;
}

/* ---- one of every kind ---------------------------------------------------------------------- */

mr_ref_t long_decimal(void)
{
    static const unsigned char digits[] = {0xfd, 0x62, 0xbd, 0x49, 0xb1,
                                           0x89, 0x8e, 0xbd, 0xbb, 0x33};

    return MR_DECIMAL(digits, sizeof digits, 3);
}

mr_rec_t *kinds_record(mr_err_t *err)
{
    static const mr_time_t moment = {2024, 2, 29, 1, 2, 3, 4000000, -5400};
    static const mr_time_t evening = {0, 0, 0, 23, 59, 58, 7000000, 0};
    static const bool bits[] = {true, false, false, true, true, false, true, false, true};
    static const int32_t numbers[] = {1, -2, 3};
    static const char *const words[] = {"a", NULL, ""};
    const mr_ref_t holes[] = {MR_I64(1), MR_NULL, MR_I64(-3)};
    const struct field fields[] = {
        {"flag", MR_KIND_BOOL, MR_BOOL(true)},
        {"tiny", MR_KIND_I8, MR_I8(-7)},
        {"small", MR_KIND_I16, MR_I16(30000)},
        {"number", MR_KIND_I32, MR_I32(-70000)},
        {"big", MR_KIND_I64, MR_I64(-9007199254740993)},
        {"single", MR_KIND_F32, MR_F32(0.5)},
        {"real", MR_KIND_F64, MR_F64(2.25)},
        {"word", MR_KIND_STR, MR_STR("Grüße 😀")},
        {"amount", MR_KIND_DECIMAL, long_decimal()},
        {"time", MR_KIND_TIME, MR_TIME(evening)},
        {"date", MR_KIND_DATE, MR_DATE(moment)},
        {"stamp", MR_KIND_DATETIME, MR_DATETIME(moment)},
        {"zoned", MR_KIND_DATETIME_TZ, MR_DATETIME_TZ(moment)},
        {"bits", MR_KIND_BOOL | MR_KIND_ARRAY, MR_BOOLS(bits, 9)},
        {"numbers", MR_KIND_I32 | MR_KIND_ARRAY, MR_I32S(numbers, 3)},
        {"words", MR_KIND_STR | MR_KIND_ARRAY, MR_STRS(words, 3)},
        {"nothing", MR_KIND_I32 | MR_KIND_NULLABLE, MR_NULL},
        {"something", MR_KIND_I32 | MR_KIND_NULLABLE, MR_I32(5)},
        {"holes", MR_KIND_I64 | MR_KIND_ARRAY | MR_KIND_NULLABLE, MR_REFS(holes, 3)},
        {"none", MR_KIND_STR, MR_NULL},
    };

    return RECORD(&kinds_schema, "kinds", fields, err);
}
