#include "net/wire/scalar.h"

#include <string.h>

#include "net/base/check.h"
#include "net/wire/bigend.h"
#include "net/wire/utf8.h"

enum { DATE_SIZE = 6, TIME_SIZE = 7, NONE = -1 };

static const uint8_t widths[DATA_KINDS] = {
    [DATA_BYTE] = 1,
    [DATA_BOOL] = 1,
    [DATA_CHAR] = 2,
    [DATA_SHORT] = 2,
    [DATA_INT] = 4,
    [DATA_LONG] = 8,
    [DATA_FLOAT] = 4,
    [DATA_DOUBLE] = 8,
    [DATA_UUID] = 16,
    [DATA_DATE_TIME_MS] = 8,
    [DATA_LOCAL_DATE] = 6,
    [DATA_LOCAL_TIME] = 7,
    [DATA_LOCAL_DATE_TIME] = 13,
    [DATA_OFFSET_DATE_TIME] = 17,
};

/* The item of a kind that is an array in Data. */
static const uint8_t items[DATA_KINDS] = {
    [DATA_BOOLS] = DATA_BOOL,     [DATA_CHARS] = DATA_CHAR,     [DATA_SHORTS] = DATA_SHORT,
    [DATA_INTS] = DATA_INT,       [DATA_LONGS] = DATA_LONG,     [DATA_FLOATS] = DATA_FLOAT,
    [DATA_DOUBLES] = DATA_DOUBLE, [DATA_STRINGS] = DATA_STRING,
};

uint32_t scalar_width(uint8_t kind)
{
    return kind < DATA_KINDS ? widths[kind] : 0;
}

/* ---- the plain form -------------------------------------------------------------------------- */

static float float_of(uint32_t bits)
{
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static double double_of(uint64_t bits)
{
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint32_t float_bits(float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t double_bits(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static void take_date(const uint8_t *at, struct scalar_moment *m)
{
    m->year = (int32_t)get_be32(at);
    m->month = at[4];
    m->day = at[5];
}

static void take_time(const uint8_t *at, struct scalar_moment *m)
{
    m->hour = at[0];
    m->minute = at[1];
    m->second = at[2];
    m->nanos = get_be32(at + 3);
}

static void take_moment(uint8_t kind, const uint8_t *at, struct scalar_moment *ret_m)
{
    struct scalar_moment m = {0};

    if (kind != DATA_LOCAL_TIME) {
        take_date(at, &m);
        at += DATE_SIZE;
    }
    if (kind != DATA_LOCAL_DATE)
        take_time(at, &m);
    if (kind == DATA_OFFSET_DATE_TIME)
        m.offset_s = (int32_t)get_be32(at + TIME_SIZE);
    *ret_m = m;
}

static void take_fixed(uint8_t kind, const uint8_t *at, struct scalar *v)
{
    v->kind = kind;
    switch (kind) {
    case DATA_BOOL: v->boolean = *at != 0; break;
    case DATA_BYTE: v->integer = (int8_t)*at; break;
    case DATA_CHAR: v->integer = get_be16(at); break;
    case DATA_SHORT: v->integer = (int16_t)get_be16(at); break;
    case DATA_INT: v->integer = (int32_t)get_be32(at); break;
    case DATA_LONG:
    case DATA_DATE_TIME_MS: v->integer = (int64_t)get_be64(at); break;
    case DATA_FLOAT: v->f32 = float_of(get_be32(at)); break;
    case DATA_DOUBLE: v->f64 = double_of(get_be64(at)); break;
    case DATA_UUID: v->uuid = (struct scalar_uuid){get_be64(at), get_be64(at + 8)}; break;
    default: take_moment(kind, at, &v->moment); break;
    }
}

/* A compact record has no length in front: whoever holds it knows where it ends. */
static bool has_length(uint8_t kind)
{
    return kind == DATA_STRING || kind == DATA_JSON || kind == DATA_BYTES ||
           kind == DATA_BIG_INTEGER || kind == DATA_DECIMAL;
}

mr_rc_t scalar_take(uint8_t kind, const uint8_t *at, uint32_t size, struct scalar *ret_v,
                    uint32_t *ret_used)
{
    uint32_t width = scalar_width(kind);
    uint32_t rest = kind == DATA_DECIMAL ? 4 : 0;

    if (width) {
        if (size < width)
            return MR_ERR_MALFORMED;
        take_fixed(kind, at, ret_v);
        *ret_used = width;
        return MR_OK;
    }
    if (kind == DATA_COMPACT) {
        if (size < 8)
            return MR_ERR_MALFORMED;
        *ret_v = (struct scalar){.kind = kind, .bytes = {at, size, 0}};
        *ret_used = size;
        return MR_OK;
    }
    if (!has_length(kind))
        return MR_ERR_TYPE;
    if (size < 4 + rest || get_be32(at) > size - 4 - rest)
        return MR_ERR_MALFORMED;

    struct scalar_bytes b = {at + 4, get_be32(at), 0};

    if (kind == DATA_DECIMAL)
        b.scale = (int32_t)get_be32(b.at + b.size);
    *ret_v = (struct scalar){.kind = kind, .bytes = b};
    *ret_used = 4 + b.size + rest;
    return MR_OK;
}

static void put_moment(struct sink *out, uint8_t kind, const struct scalar_moment *m)
{
    if (kind != DATA_LOCAL_TIME) {
        sink_put32(out, (uint32_t)m->year);
        sink_put8(out, m->month);
        sink_put8(out, m->day);
    }
    if (kind != DATA_LOCAL_DATE) {
        sink_put8(out, m->hour);
        sink_put8(out, m->minute);
        sink_put8(out, m->second);
        sink_put32(out, m->nanos);
    }
    if (kind == DATA_OFFSET_DATE_TIME)
        sink_put32(out, (uint32_t)m->offset_s);
}

static void put_bytes(struct sink *out, uint8_t kind, const struct scalar_bytes *b)
{
    if (has_length(kind))
        sink_put32(out, b->size);
    sink_put(out, b->at, b->size);
    if (kind == DATA_DECIMAL)
        sink_put32(out, (uint32_t)b->scale);
}

void scalar_put(struct sink *out, const struct scalar *v)
{
    check(v->kind != DATA_NULL);
    check(v->kind != SCALAR_ARRAY);

    switch (v->kind) {
    case DATA_BOOL: sink_put8(out, v->boolean); break;
    case DATA_BYTE: sink_put8(out, (uint8_t)v->integer); break;
    case DATA_CHAR:
    case DATA_SHORT: sink_put16(out, (uint16_t)v->integer); break;
    case DATA_INT: sink_put32(out, (uint32_t)v->integer); break;
    case DATA_LONG:
    case DATA_DATE_TIME_MS: sink_put64(out, (uint64_t)v->integer); break;
    case DATA_FLOAT: sink_put32(out, float_bits(v->f32)); break;
    case DATA_DOUBLE: sink_put64(out, double_bits(v->f64)); break;
    case DATA_UUID:
        sink_put64(out, v->uuid.high);
        sink_put64(out, v->uuid.low);
        break;
    case DATA_LOCAL_DATE:
    case DATA_LOCAL_TIME:
    case DATA_LOCAL_DATE_TIME:
    case DATA_OFFSET_DATE_TIME: put_moment(out, v->kind, &v->moment); break;
    default: put_bytes(out, v->kind, &v->bytes); break;
    }
}

uint32_t scalar_size(const struct scalar *v)
{
    uint32_t width = scalar_width(v->kind);

    if (width)
        return width;
    return v->bytes.size + (has_length(v->kind) ? 4 : 0) + (v->kind == DATA_DECIMAL ? 4 : 0);
}

/* ---- offset tables --------------------------------------------------------------------------- */

uint8_t scalar_offset_width(uint32_t data_size)
{
    return data_size < UINT8_MAX ? 1 : data_size < UINT16_MAX ? 2 : 4;
}

uint32_t scalar_offset(const uint8_t *at, uint8_t width)
{
    if (width == 1)
        return *at == UINT8_MAX ? UINT32_MAX : *at;
    if (width == 2)
        return get_be16(at) == UINT16_MAX ? UINT32_MAX : get_be16(at);
    return get_be32(at);
}

void scalar_put_offset(uint8_t *at, uint8_t width, uint32_t offset)
{
    if (width == 1)
        *at = (uint8_t)offset;
    else if (width == 2)
        put_be16(at, (uint16_t)offset);
    else
        put_be32(at, offset);
}

/* ---- items of an array ----------------------------------------------------------------------- */

static mr_rc_t c_text(const char *text, struct scalar *ret_v)
{
    size_t size = text ? strlen(text) : 0;

    if (size > SINK_SIZE_MAX)
        return MR_ERR_TOO_LARGE;
    *ret_v = (struct scalar){.kind = text ? DATA_STRING : DATA_NULL,
                             .bytes = {(const uint8_t *)text, (uint32_t)size, 0}};
    return MR_OK;
}

static mr_rc_t c_item(const struct scalar_array *a, uint32_t i, struct scalar *ret_v)
{
    const void *at = a->at;
    struct scalar v = {.kind = a->item};

    switch (a->item) {
    case DATA_BOOL: v.boolean = ((const bool *)at)[i]; break;
    case DATA_BYTE: v.integer = ((const int8_t *)at)[i]; break;
    case DATA_CHAR: v.integer = ((const uint16_t *)at)[i]; break;
    case DATA_SHORT: v.integer = ((const int16_t *)at)[i]; break;
    case DATA_INT: v.integer = ((const int32_t *)at)[i]; break;
    case DATA_LONG: v.integer = ((const int64_t *)at)[i]; break;
    case DATA_FLOAT: v.f32 = ((const float *)at)[i]; break;
    case DATA_DOUBLE: v.f64 = ((const double *)at)[i]; break;
    case DATA_STRING: return c_text(((const char *const *)at)[i], ret_v);
    default: return MR_ERR_TYPE;
    }
    *ret_v = v;
    return MR_OK;
}

/* One string of a String[], whose length may be -1 for null. */
static mr_rc_t take_text(const uint8_t *at, uint32_t size, struct scalar *ret_v, uint32_t *ret_used)
{
    if (size < 4 || get_be32(at) != UINT32_MAX)
        return scalar_take(DATA_STRING, at, size, ret_v, ret_used);
    ret_v->kind = DATA_NULL;
    *ret_used = 4;
    return MR_OK;
}

static mr_rc_t text_item(struct scalar_array *a, uint32_t i, struct scalar *ret_v)
{
    if (i < a->next)
        a->next = a->next_at = 0;

    for (;;) {
        struct scalar v;
        uint32_t used;
        mr_rc_t rc = take_text(a->at + a->next_at, a->size - a->next_at, &v, &used);

        if (rc != MR_OK)
            return rc;
        a->next_at += used;
        if (a->next++ == i) {
            *ret_v = v;
            return MR_OK;
        }
    }
}

/* Where the item that begins at `from` ends: where the next one that is not null begins. */
static uint32_t item_end(const struct scalar_array *a, uint32_t i)
{
    const uint8_t *table = a->at + a->size;

    while (++i < a->count) {
        uint32_t offset = scalar_offset(table + (size_t)i * a->width, a->width);

        if (offset != UINT32_MAX)
            return offset < a->size ? offset : a->size;
    }
    return a->size;
}

static mr_rc_t offset_item(const struct scalar_array *a, uint32_t i, struct scalar *ret_v)
{
    uint32_t begin = scalar_offset(a->at + a->size + (size_t)i * a->width, a->width);
    uint32_t end = item_end(a, i);
    uint32_t used;

    if (begin == UINT32_MAX) {
        ret_v->kind = DATA_NULL;
        return MR_OK;
    }
    if (begin > end)
        return MR_ERR_MALFORMED;
    return scalar_take(a->item, a->at + begin, end - begin, ret_v, &used);
}

mr_rc_t scalar_item(struct scalar_array *a, uint32_t i, struct scalar *ret_v)
{
    check(i < a->count);

    switch (a->layout) {
    case SCALAR_C: return c_item(a, i, ret_v);
    case SCALAR_SCALARS: *ret_v = ((const struct scalar *)(const void *)a->at)[i]; return MR_OK;
    case SCALAR_FIXED:
        take_fixed(a->item, a->at + (size_t)i * widths[a->item], ret_v);
        return MR_OK;
    case SCALAR_BITS:
        *ret_v = (struct scalar){.kind = DATA_BOOL, .boolean = a->at[i / 8] >> (i % 8) & 1};
        return MR_OK;
    case SCALAR_TEXTS: return text_item(a, i, ret_v);
    default: return offset_item(a, i, ret_v);
    }
}

/* ---- Data ------------------------------------------------------------------------------------ */

/* What data.h kept verbatim only for its partition hash has a kind all the same. */
static mr_rc_t unveil(const struct data *d, struct data *ret_d)
{
    int32_t type = data_type_id(d);
    struct data v = {d->at + DATA_HEADER, d->size - DATA_HEADER, DATA_JSON};

    if (type != DATA_TYPE_JSON) {
        if (type > 0 || type < -DATA_LAST_BUILTIN)
            return MR_ERR_TYPE;
        v.kind = (uint8_t)-type;
    }
    if (data_counted(v.kind)) {
        if (v.size < 4)
            return MR_ERR_MALFORMED;
        if (get_be32(v.at) == UINT32_MAX && v.size == 4)
            v = (struct data){.kind = DATA_NULL};
        else if (get_be32(v.at) != v.size - 4)
            return MR_ERR_MALFORMED;
        else
            v = (struct data){v.at + 4, v.size - 4, v.kind};
    }
    *ret_d = v;
    return MR_OK;
}

static mr_rc_t read_array(const struct data *d, struct scalar *ret_v)
{
    struct scalar_array a = {d->at, d->size, d->size, 0, 0, items[d->kind], SCALAR_FIXED, 0};
    uint32_t least = a.item == DATA_STRING ? 4 : widths[a.item];

    if (d->kind != DATA_BOOLS) { /* whose count is its size */
        if (d->size < 4)
            return MR_ERR_MALFORMED;
        a.count = get_be32(d->at);
        a.at += 4;
        a.size -= 4;
    }
    if (a.count == UINT32_MAX && a.size == 0) {
        ret_v->kind = DATA_NULL;
        return MR_OK;
    }
    if ((uint64_t)a.count * least > a.size)
        return MR_ERR_MALFORMED;
    if (a.item == DATA_STRING)
        a.layout = SCALAR_TEXTS;
    else if (a.count * least != a.size)
        return MR_ERR_MALFORMED;
    *ret_v = (struct scalar){.kind = SCALAR_ARRAY, .array = a};
    return MR_OK;
}

mr_rc_t scalar_read(const struct data *d, struct scalar *ret_v)
{
    struct data known = *d;
    struct scalar v;
    uint32_t used;

    if (d->kind == DATA_VERBATIM) {
        mr_rc_t rc = unveil(d, &known);

        if (rc != MR_OK)
            return rc;
    }
    if (known.kind == DATA_NULL) {
        ret_v->kind = DATA_NULL;
        return MR_OK;
    }
    if (items[known.kind])
        return read_array(&known, ret_v);
    if (data_counted(known.kind)) {
        *ret_v = (struct scalar){.kind = known.kind, .bytes = {known.at, known.size, 0}};
        return MR_OK;
    }

    mr_rc_t rc = scalar_take(known.kind, known.at, known.size, &v, &used);
    if (rc != MR_OK)
        return rc;
    if (used != known.size)
        return MR_ERR_MALFORMED;
    *ret_v = v;
    return MR_OK;
}

mr_rc_t scalar_read_as(const struct data *d, uint8_t kind, struct scalar *ret_v)
{
    struct scalar v;
    mr_rc_t rc = scalar_read(d, &v);

    if (rc != MR_OK)
        return rc;
    if (v.kind != kind)
        return MR_ERR_TYPE;
    *ret_v = v;
    return MR_OK;
}

/* The Data kind of an array of this item, NONE when there is none. */
static int array_kind(uint8_t item)
{
    for (int kind = 0; kind < DATA_KINDS; kind++)
        if (items[kind] == item && item != DATA_NULL)
            return kind;
    return NONE;
}

static mr_rc_t write_array(struct scalar_array *a, struct sink *out)
{
    sink_put32(out, a->count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct scalar v;
        mr_rc_t rc = scalar_item(a, i, &v);

        if (rc != MR_OK)
            return rc;
        if (v.kind == a->item)
            scalar_put(out, &v);
        else if (v.kind == DATA_NULL && a->item == DATA_STRING)
            sink_put32(out, UINT32_MAX);
        else
            return MR_ERR_TYPE;
    }
    return MR_OK;
}

mr_rc_t scalar_write(struct scalar *v, struct sink *out, struct data *ret_d)
{
    size_t begin = out->size;
    int kind = v->kind == SCALAR_ARRAY ? array_kind(v->array.item) : v->kind;
    mr_rc_t rc = MR_OK;

    if (kind == NONE)
        return MR_ERR_TYPE;
    if (v->kind == SCALAR_ARRAY)
        rc = write_array(&v->array, out);
    else if (kind != DATA_NULL)
        scalar_put(out, v);
    if (rc == MR_OK)
        rc = sink_state(out);
    if (rc != MR_OK)
        return rc;

    uint32_t count = data_counted((uint8_t)kind) ? 4 : 0; /* which a struct data leaves out */

    *ret_d = (struct data){out->at ? out->at + begin + count : NULL,
                           (uint32_t)(out->size - begin) - count, (uint8_t)kind};
    return MR_OK;
}

/* ---- one number, and sense ------------------------------------------------------------------- */

mr_rc_t scalar_integer(const struct scalar *v, int64_t *ret_n)
{
    switch (v->kind) {
    case DATA_BYTE:
    case DATA_CHAR:
    case DATA_SHORT:
    case DATA_INT:
    case DATA_LONG:
    case DATA_DATE_TIME_MS: *ret_n = v->integer; return MR_OK;
    default: return MR_ERR_TYPE;
    }
}

mr_rc_t scalar_real(const struct scalar *v, double *ret_n)
{
    if (v->kind != DATA_FLOAT && v->kind != DATA_DOUBLE)
        return MR_ERR_TYPE;
    *ret_n = v->kind == DATA_FLOAT ? (double)v->f32 : v->f64;
    return MR_OK;
}

static bool date_exists(const struct scalar_moment *m)
{
    static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = m->year % 4 == 0 && (m->year % 100 != 0 || m->year % 400 == 0);

    if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > days[m->month - 1])
        return false;
    return m->month != 2 || m->day < 29 || leap;
}

/* Java's range: no leap seconds, eighteen hours from UTC. */
static bool time_exists(const struct scalar_moment *m)
{
    return m->hour < 24 && m->minute < 60 && m->second < 60 && m->nanos < 1000000000u &&
           m->offset_s >= -18 * 3600 && m->offset_s <= 18 * 3600;
}

bool scalar_sound(const struct scalar *v)
{
    switch (v->kind) {
    case DATA_STRING:
    case DATA_JSON: return utf8_valid(v->bytes.at, v->bytes.size);
    case DATA_BIG_INTEGER:
    case DATA_DECIMAL: return v->bytes.size > 0;
    case DATA_LOCAL_DATE: return date_exists(&v->moment);
    case DATA_LOCAL_TIME: return time_exists(&v->moment);
    case DATA_LOCAL_DATE_TIME:
    case DATA_OFFSET_DATE_TIME: return date_exists(&v->moment) && time_exists(&v->moment);
    default: return true;
    }
}
