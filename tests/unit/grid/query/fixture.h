/* fixture.h - a few records to ask about, and short words to write what clients send. */
#ifndef TESTS_UNIT_GRID_QUERY_FIXTURE_H
#define TESTS_UNIT_GRID_QUERY_FIXTURE_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

#include "grid/query/predicate.h"
#include "net/wire/compact.h"
#include "net/wire/sink.h"

/* Bytes that live as long as the test. */
static inline uint8_t *keep(size_t size)
{
    static uint8_t room[1 << 16];
    static size_t used;
    uint8_t *at = room + used;

    used += size;
    cr_assert(used <= sizeof room);
    return at;
}

/* ---- values ---------------------------------------------------------------------------------- */

static inline struct scalar v_long(int64_t n)
{
    return (struct scalar){.kind = DATA_LONG, .integer = n};
}

static inline struct scalar v_int(int32_t n)
{
    return (struct scalar){.kind = DATA_INT, .integer = n};
}

static inline struct scalar v_double(double v)
{
    return (struct scalar){.kind = DATA_DOUBLE, .f64 = v};
}

static inline struct scalar v_float(float v)
{
    return (struct scalar){.kind = DATA_FLOAT, .f32 = v};
}

static inline struct scalar v_bool(bool v)
{
    return (struct scalar){.kind = DATA_BOOL, .boolean = v};
}

static inline struct scalar v_text(const char *t)
{
    return (struct scalar){.kind = DATA_STRING,
                           .bytes = {(const uint8_t *)t, (uint32_t)strlen(t), 0}};
}

/* Unscaled bytes and a scale: v_decimal("\x7d", 1, 1) is 12.5. */
static inline struct scalar v_decimal(const char *bytes, uint32_t size, int32_t scale)
{
    return (struct scalar){.kind = DATA_DECIMAL, .bytes = {(const uint8_t *)bytes, size, scale}};
}

static inline struct scalar v_null(void)
{
    return (struct scalar){.kind = DATA_NULL};
}

static inline struct scalar v_array(const struct scalar *items, uint32_t n)
{
    return (struct scalar){
        .kind = SCALAR_ARRAY,
        .array = {.at = (const uint8_t *)items, .count = n, .layout = SCALAR_SCALARS}};
}

static inline struct data d_text(const char *t)
{
    return (struct data){(const uint8_t *)t, (uint32_t)strlen(t), DATA_STRING};
}

static inline struct data d_json(const char *t)
{
    return (struct data){(const uint8_t *)t, (uint32_t)strlen(t), DATA_JSON};
}

/* ---- records --------------------------------------------------------------------------------- */

#define FIELD(n, k)                                                                                \
    {                                                                                              \
        .name = (n), .name_size = sizeof(n) - 1, .kind = (k)                                       \
    }

static const struct schema_field_spec home_fields[] = {FIELD("street", SCHEMA_STRING),
                                                       FIELD("zip", SCHEMA_INT32)};
static const struct schema_field_spec person_fields[] = {
    FIELD("name", SCHEMA_STRING),
    FIELD("age", SCHEMA_INT32),
    FIELD("big", SCHEMA_INT64),
    FIELD("score", SCHEMA_FLOAT64),
    FIELD("weight", SCHEMA_FLOAT32),
    FIELD("ok", SCHEMA_BOOLEAN),
    FIELD("salary", SCHEMA_DECIMAL),
    FIELD("born", SCHEMA_DATE),
    FIELD("tags", SCHEMA_ARRAY_OF_STRING),
    FIELD("nums", SCHEMA_ARRAY_OF_INT32),
    FIELD("home", SCHEMA_COMPACT),
    FIELD("nick", SCHEMA_STRING),
    FIELD("seen", SCHEMA_TIMESTAMP_WITH_TIMEZONE),
};

static inline const struct schema *known_schema(const char *name,
                                                const struct schema_field_spec *fields, uint32_t n)
{
    struct schema *s;
    const struct schema *known;

    cr_assert(schema_new(name, (uint32_t)strlen(name), fields, n, &s, NULL) == MR_OK);
    cr_assert(schema_registry_add(schema_registry_shared(), s, &known) == MR_OK);
    return known;
}

static inline const struct schema *person_schema(void)
{
    return known_schema("person", person_fields, sizeof person_fields / sizeof *person_fields);
}

static inline void set(struct compact_writer *w, const char *name, struct scalar v)
{
    cr_assert(compact_set(w, name, (uint32_t)strlen(name), &v, NULL) == MR_OK, "%s", name);
}

static inline struct data written(struct compact_writer *w)
{
    struct data d;

    cr_assert(compact_finish(w, &d, NULL) == MR_OK);
    uint8_t *copy = keep(d.size);

    memcpy(copy, d.at, d.size);
    d.at = copy;
    compact_writer_free(w);
    return d;
}

/* A record that has something of every kind. */
static inline struct data ada(void)
{
    struct compact_writer *h = compact_writer_new(known_schema("home", home_fields, 2), NULL, 0);
    struct compact_writer *w = compact_writer_new(person_schema(), NULL, 0);
    const struct scalar tags[] = {v_text("math"), v_text("poet's"), v_text("vip")};
    const struct scalar nums[] = {v_int(3), v_int(-7), v_int(40)};

    set(h, "street", v_text("St James"));
    set(h, "zip", v_int(1815));
    struct data home = written(h);

    set(w, "name", v_text("Ada"));
    set(w, "age", v_int(36));
    set(w, "big", v_long(9007199254740993)); /* 2^53 + 1: no double */
    set(w, "score", v_double(0.1));
    set(w, "weight", v_float(0.1f));
    set(w, "ok", v_bool(true));
    set(w, "salary", v_decimal("\x04\xd2", 2, 2)); /* 12.34 */
    set(w, "born",
        (struct scalar){.kind = DATA_LOCAL_DATE, .moment = {.year = 1815, .month = 12, .day = 10}});
    set(w, "seen",
        (struct scalar){
            .kind = DATA_OFFSET_DATE_TIME,
            .moment = {
                .year = 2024, .month = 3, .day = 1, .hour = 1, .minute = 30, .offset_s = 7200}});
    set(w, "tags", v_array(tags, 3));
    set(w, "nums", v_array(nums, 3));
    set(w, "home", (struct scalar){.kind = DATA_COMPACT, .bytes = {home.at, home.size, 0}});
    return written(w);
}

/* ---- what clients send ----------------------------------------------------------------------- */

static inline void put_class(struct sink *out, int32_t factory, int32_t class)
{
    sink_put32(out, (uint32_t)-2);
    sink_put8(out, 1);
    sink_put32(out, (uint32_t)factory);
    sink_put32(out, (uint32_t) class);
}

static inline void put_text(struct sink *out, const char *t)
{
    sink_put32(out, t ? (uint32_t)strlen(t) : UINT32_MAX);
    if (t)
        sink_put(out, t, strlen(t));
}

static inline void put_value(struct sink *out, struct scalar v)
{
    struct sink payload = {.grows = true};
    struct data d;

    cr_assert(scalar_write(&v, &payload, &d) == MR_OK);
    sink_put32(out, (uint32_t)data_type_id(&d));
    sink_put(out, payload.at, payload.size);
    sink_free(&payload);
}

/* What a sink holds, as the Data it is: the type id in front belongs to its header. */
static inline struct data sent(const struct sink *out)
{
    struct data d;
    uint8_t *whole = keep(out->size + 4);

    memset(whole, 0, 4);
    memcpy(whole + 4, out->at, out->size);
    cr_assert(data_read(whole, (uint32_t)out->size + 4, &d) == MR_OK);
    return d;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static inline bool matches(const struct predicate *p, const struct data *key,
                           const struct data *value)
{
    struct evaluator ev;

    evaluator_init(&ev, NULL);
    bool is = predicate_matches(p, &ev, key, value);
    evaluator_clear(&ev);
    return is;
}

static inline bool says(const char *text, const struct data *key, const struct data *value)
{
    mr_err_t err = MR_ERR_INIT;
    struct predicate *p;

    cr_assert(predicate_of_text(text, strlen(text), &p, &err) == MR_OK, "%s: %s", text,
              err.message);
    bool is = matches(p, key, value);
    predicate_free(p);
    return is;
}

#endif
