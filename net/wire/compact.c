#include "net/wire/compact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

enum { ID_SIZE = 8, SIZE_SIZE = 4 };

/* ---- reading --------------------------------------------------------------------------------- */

mr_rc_t compact_id(const uint8_t *bytes, uint32_t size, uint64_t *ret_id)
{
    if (size < ID_SIZE)
        return MR_ERR_MALFORMED;
    *ret_id = get_be64(bytes);
    return MR_OK;
}

mr_rc_t compact_open(const struct schema *s, const uint8_t *bytes, uint32_t size,
                     struct compact *ret_r)
{
    struct compact r = {.schema = s, .at = bytes + ID_SIZE, .size = s->fixed_size};

    if (size < ID_SIZE)
        return MR_ERR_MALFORMED;
    if (get_be64(bytes) != s->id)
        return MR_ERR_SCHEMA;
    size -= ID_SIZE;
    if (s->variables) {
        if (size < SIZE_SIZE)
            return MR_ERR_MALFORMED;
        r.size = get_be32(r.at);
        r.at += SIZE_SIZE;
        size -= SIZE_SIZE;
        r.width = scalar_offset_width(r.size);
    }
    /* 64 bits, so that no size of either kind can wrap around */
    if (r.size < s->fixed_size || (uint64_t)r.size + (uint64_t)s->variables * r.width > size)
        return MR_ERR_MALFORMED;
    r.table = r.at + r.size;
    *ret_r = r;
    return MR_OK;
}

static mr_rc_t get_fixed(const struct compact *r, const struct schema_field *f,
                         struct scalar *ret_v)
{
    uint32_t used;

    if (f->kind == SCHEMA_BOOLEAN) {
        *ret_v = (struct scalar){.kind = DATA_BOOL, .boolean = r->at[f->at] >> f->bit & 1};
        return MR_OK;
    }
    return scalar_take(schema_kinds[f->kind].data, r->at + f->at, r->size - f->at, ret_v, &used);
}

/* An array of fixed items without null: a count and the items. */
static mr_rc_t get_plain_array(const struct schema_kind_info *k, const uint8_t *at, uint32_t size,
                               struct scalar *ret_v)
{
    struct scalar_array a = {.item = k->data, .layout = SCALAR_FIXED};

    if (size < 4)
        return MR_ERR_MALFORMED;
    a.count = get_be32(at);
    a.at = at + 4;

    uint64_t bytes = k->data == DATA_BOOL ? ((uint64_t)a.count + 7) / 8
                                          : (uint64_t)a.count * scalar_width(k->data);

    if (bytes > size - 4)
        return MR_ERR_MALFORMED;
    if (k->data == DATA_BYTE) {
        *ret_v = (struct scalar){.kind = DATA_BYTES, .bytes = {a.at, a.count, 0}};
        return MR_OK;
    }
    if (k->data == DATA_BOOL)
        a.layout = SCALAR_BITS;
    a.size = (uint32_t)bytes;
    *ret_v = (struct scalar){.kind = SCALAR_ARRAY, .array = a};
    return MR_OK;
}

/* An array of items that vary in size or may be null: size, count, items, offsets table. */
static mr_rc_t get_offset_array(const struct schema_kind_info *k, const uint8_t *at, uint32_t size,
                                struct scalar *ret_v)
{
    struct scalar_array a = {.item = k->data, .layout = SCALAR_OFFSETS};

    if (size < 8)
        return MR_ERR_MALFORMED;
    a.size = get_be32(at);
    a.count = get_be32(at + 4);
    a.at = at + 8;
    a.width = scalar_offset_width(a.size);
    if ((uint64_t)a.size + (uint64_t)a.count * a.width > size - 8)
        return MR_ERR_MALFORMED;
    *ret_v = (struct scalar){.kind = SCALAR_ARRAY, .array = a};
    return MR_OK;
}

/* A nested record ends where the next value begins: its own schema, which would tell, is not
 * needed to copy it. */
static uint32_t end_of_nested(const struct compact *r, uint32_t begin)
{
    uint32_t end = r->size;

    for (uint32_t i = 0; i < r->schema->variables; i++) {
        uint32_t at = scalar_offset(r->table + (size_t)i * r->width, r->width);

        if (at > begin && at < end)
            end = at;
    }
    return end;
}

static mr_rc_t get_variable(const struct compact *r, const struct schema_field *f,
                            struct scalar *ret_v)
{
    const struct schema_kind_info *k = &schema_kinds[f->kind];
    uint32_t begin = scalar_offset(r->table + (size_t)f->at * r->width, r->width);
    uint32_t end = r->size, used;

    if (begin == UINT32_MAX) {
        ret_v->kind = DATA_NULL;
        return MR_OK;
    }
    if (begin > r->size)
        return MR_ERR_MALFORMED;
    if (k->array && k->nullable)
        return get_offset_array(k, r->at + begin, end - begin, ret_v);
    if (k->array)
        return get_plain_array(k, r->at + begin, end - begin, ret_v);
    if (k->data == DATA_COMPACT)
        end = end_of_nested(r, begin);
    return scalar_take(k->data, r->at + begin, end - begin, ret_v, &used);
}

mr_rc_t compact_get(const struct compact *r, const struct schema_field *f, struct scalar *ret_v)
{
    if (!f)
        return MR_NOT_FOUND;
    return f->variable ? get_variable(r, f, ret_v) : get_fixed(r, f, ret_v);
}

mr_rc_t compact_get_integer(const struct compact *r, const struct schema_field *f, int64_t *ret_n)
{
    struct scalar v;
    mr_rc_t rc = compact_get(r, f, &v);

    return rc == MR_OK ? scalar_integer(&v, ret_n) : rc;
}

mr_rc_t compact_get_real(const struct compact *r, const struct schema_field *f, double *ret_n)
{
    struct scalar v;
    mr_rc_t rc = compact_get(r, f, &v);

    return rc == MR_OK ? scalar_real(&v, ret_n) : rc;
}

mr_rc_t compact_get_text(const struct compact *r, const struct schema_field *f,
                         const char **ret_text, uint32_t *ret_size)
{
    struct scalar v;
    mr_rc_t rc = compact_get(r, f, &v);

    if (rc != MR_OK)
        return rc;
    if (v.kind != DATA_STRING)
        return MR_ERR_TYPE;
    *ret_text = (const char *)v.bytes.at;
    *ret_size = v.bytes.size;
    return MR_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Where a variable field's value lies, relative to the fixed area. */
struct value_place {
    uint32_t begin; /* UINT32_MAX: null, as in the table */
    uint32_t size;
};

struct compact_writer {
    const struct schema *schema;
    struct sink out;
    size_t end;           /* of the values: what lies behind is a table, and is written anew */
    mr_rc_t failed;       /* by the first set that did not fit */
    char failed_name[64]; /* its field, for the words; empty: none, there was no room */
    uint8_t failed_kind;
    struct value_place place[];
};

static size_t header_size(const struct schema *s)
{
    return ID_SIZE + (s->variables ? SIZE_SIZE : 0);
}

void compact_reset(struct compact_writer *w)
{
    const struct schema *s = w->schema;
    uint8_t *fixed;

    w->failed_name[0] = '\0';
    w->failed_kind = 0;
    w->out.size = 0;
    w->out.out_of_memory = false;
    sink_put64(&w->out, s->id);
    if (s->variables)
        sink_put32(&w->out, 0);
    fixed = sink_more(&w->out, s->fixed_size);
    if (fixed)
        memset(fixed, 0, s->fixed_size);
    for (uint32_t i = 0; i < s->variables; i++)
        w->place[i] = (struct value_place){UINT32_MAX, 0};
    w->end = w->out.size;
    w->failed = sink_state(&w->out);
}

struct compact_writer *compact_writer_new(const struct schema *s, uint8_t *buffer, size_t room)
{
    struct compact_writer *w = mem_alloc_zero(sizeof *w + s->variables * sizeof w->place[0]);

    if (!w)
        return NULL;
    w->schema = s;
    w->out = buffer ? (struct sink){.at = buffer, .room = room} : (struct sink){.grows = true};
    compact_reset(w);
    return w;
}

void compact_writer_free(struct compact_writer *w)
{
    if (!w)
        return;
    sink_free(&w->out);
    mem_free(w);
}

static bool integer_kind(uint8_t kind)
{
    return kind == DATA_BYTE || kind == DATA_SHORT || kind == DATA_INT || kind == DATA_LONG;
}

static bool integer_fits(int64_t n, uint8_t kind)
{
    switch (kind) {
    case DATA_BYTE: return n == (int8_t)n;
    case DATA_SHORT: return n == (int16_t)n;
    case DATA_INT: return n == (int32_t)n;
    default: return true;
    }
}

/* Makes v the same value of exactly this kind, or says that it is none. */
static mr_rc_t exactly(struct scalar *v, uint8_t kind)
{
    if (integer_kind(kind) && integer_kind(v->kind)) {
        if (!integer_fits(v->integer, kind))
            return MR_ERR_TYPE;
    } else if (kind == DATA_DOUBLE && v->kind == DATA_FLOAT) {
        v->f64 = (double)v->f32;
    } else if (kind == DATA_FLOAT && v->kind == DATA_DOUBLE) {
        if (!isnan(v->f64) && (double)(float)v->f64 != v->f64)
            return MR_ERR_TYPE;
        v->f32 = (float)v->f64;
    } else if (v->kind != kind) {
        return MR_ERR_TYPE;
    }
    v->kind = kind;
    return MR_OK;
}

/* Is it in the writer's own buffer, which a write may move from under it? */
static bool own_bytes(const struct compact_writer *w, const struct scalar *v)
{
    uintptr_t begin = (uintptr_t)w->out.at, at;

    if (v->kind == DATA_NULL || scalar_width(v->kind))
        return false;
    at = (uintptr_t)(v->kind == SCALAR_ARRAY ? v->array.at : v->bytes.at);
    return at >= begin && at < begin + w->out.room;
}

/* Item i as the kind wants it; *ret_v may be null where items may be. */
static mr_rc_t next_item(struct compact_writer *w, const struct schema_kind_info *k,
                         struct scalar_array *a, uint32_t i, struct scalar *ret_v)
{
    mr_rc_t rc = scalar_item(a, i, ret_v);

    if (rc != MR_OK)
        return rc;
    if (own_bytes(w, ret_v))
        return MR_ERR_ARGUMENT;
    if (ret_v->kind == DATA_NULL)
        return k->nullable ? MR_OK : MR_ERR_TYPE;
    if (k->data == DATA_COMPACT && ret_v->kind == DATA_COMPACT && ret_v->bytes.size < ID_SIZE)
        return MR_ERR_MALFORMED;
    return exactly(ret_v, k->data);
}

static mr_rc_t put_plain_array(struct compact_writer *w, const struct schema_kind_info *k,
                               struct scalar_array *a)
{
    uint8_t eight = 0;

    sink_put32(&w->out, a->count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct scalar v;
        mr_rc_t rc = next_item(w, k, a, i, &v);

        if (rc != MR_OK)
            return rc;
        if (k->data != DATA_BOOL) {
            scalar_put(&w->out, &v);
            continue;
        }
        eight |= (uint8_t)(v.boolean << (i % 8));
        if (i % 8 == 7 || i + 1 == a->count) {
            sink_put8(&w->out, eight);
            eight = 0;
        }
    }
    return MR_OK;
}

/* The size of all items, which decides how wide an offset is; and that they go together. */
static mr_rc_t measure_items(struct compact_writer *w, const struct schema_kind_info *k,
                             struct scalar_array *a, uint32_t *ret_size)
{
    uint64_t size = 0, id = 0;
    bool first = true;

    for (uint32_t i = 0; i < a->count; i++) {
        struct scalar v;
        mr_rc_t rc = next_item(w, k, a, i, &v);

        if (rc != MR_OK)
            return rc;
        if (v.kind == DATA_NULL)
            continue;
        size += scalar_size(&v);
        if (size > SINK_SIZE_MAX)
            return MR_ERR_TOO_LARGE;
        if (k->data == DATA_COMPACT) {
            if (!first && get_be64(v.bytes.at) != id)
                return MR_ERR_SCHEMA;
            id = get_be64(v.bytes.at);
            first = false;
        }
    }
    *ret_size = (uint32_t)size;
    return MR_OK;
}

/* Two passes, so that the table's place is known before its first entry and nothing has to be
 * kept aside. */
static mr_rc_t put_offset_array(struct compact_writer *w, const struct schema_kind_info *k,
                                struct scalar_array *a)
{
    uint32_t size;
    mr_rc_t rc = measure_items(w, k, a, &size);

    if (rc != MR_OK)
        return rc;
    sink_put32(&w->out, size);
    sink_put32(&w->out, a->count);

    uint8_t width = scalar_offset_width(size);
    size_t begin = w->out.size, table = begin + size;

    if (!sink_more(&w->out, size + (size_t)a->count * width))
        return sink_state(&w->out);

    struct sink items = {.at = w->out.at + begin, .room = size};

    for (uint32_t i = 0; i < a->count; i++) {
        uint32_t offset = (uint32_t)items.size;
        struct scalar v;

        rc = next_item(w, k, a, i, &v);
        if (rc != MR_OK)
            return rc;
        if (v.kind == DATA_NULL)
            offset = UINT32_MAX;
        else
            scalar_put(&items, &v);
        scalar_put_offset(w->out.at + table + (size_t)i * width, width, offset);
    }
    check(items.size == size);
    return MR_OK;
}

static mr_rc_t put_value(struct compact_writer *w, const struct schema_field *f, struct scalar *v)
{
    const struct schema_kind_info *k = &schema_kinds[f->kind];
    mr_rc_t rc;

    if (f->kind == SCHEMA_ARRAY_OF_INT8 && v->kind == DATA_BYTES) {
        scalar_put(&w->out, v);
        return MR_OK;
    }
    if (k->array) {
        if (v->kind != SCALAR_ARRAY)
            return MR_ERR_TYPE;
        return k->nullable ? put_offset_array(w, k, &v->array) : put_plain_array(w, k, &v->array);
    }
    if (k->data == DATA_COMPACT && v->kind == DATA_COMPACT && v->bytes.size < ID_SIZE)
        return MR_ERR_MALFORMED;
    rc = exactly(v, k->data);
    if (rc == MR_OK)
        scalar_put(&w->out, v);
    return rc;
}

static uint8_t *fixed_area(struct compact_writer *w)
{
    return w->out.at + header_size(w->schema);
}

static mr_rc_t set_fixed(struct compact_writer *w, const struct schema_field *f, struct scalar *v)
{
    uint8_t *at = fixed_area(w) + f->at;
    struct sink out = {.at = at, .room = w->schema->fixed_size - f->at};
    mr_rc_t rc = exactly(v, schema_kinds[f->kind].data);

    if (rc != MR_OK)
        return rc;
    if (f->kind == SCHEMA_BOOLEAN)
        *at = (uint8_t)((*at & ~(1u << f->bit)) | (unsigned)v->boolean << f->bit);
    else
        scalar_put(&out, v);
    return MR_OK;
}

/* Takes a value that is set once more out; those behind it move down. */
static void take_out(struct compact_writer *w, struct value_place *old)
{
    uint8_t *at = fixed_area(w) + old->begin;
    size_t behind = header_size(w->schema) + old->begin + old->size;

    memmove(at, at + old->size, w->end - behind);
    w->end -= old->size;
    for (uint32_t i = 0; i < w->schema->variables; i++)
        if (w->place[i].begin != UINT32_MAX && w->place[i].begin > old->begin)
            w->place[i].begin -= old->size;
    *old = (struct value_place){UINT32_MAX, 0};
}

static mr_rc_t set_variable(struct compact_writer *w, const struct schema_field *f,
                            struct scalar *v)
{
    struct value_place *place = &w->place[f->at];
    mr_rc_t rc = MR_OK;

    if (place->begin != UINT32_MAX)
        take_out(w, place);
    w->out.size = w->end; /* a table that was written is gone */
    if (v->kind == DATA_NULL)
        return MR_OK;
    rc = put_value(w, f, v);
    if (rc == MR_OK)
        rc = sink_state(&w->out);
    if (rc != MR_OK)
        return rc;
    *place = (struct value_place){(uint32_t)(w->end - header_size(w->schema)),
                                  (uint32_t)(w->out.size - w->end)};
    w->end = w->out.size;
    return MR_OK;
}

static mr_rc_t explain(const struct compact_writer *w, mr_err_t *err)
{
    const char *type = w->schema->type_name, *name = w->failed_name;

    if (!name[0])
        return fail(err, w->failed, NULL, "a record of %s has no room: %s", type,
                    mr_rc_text(w->failed));
    if (!w->failed_kind)
        return fail(err, w->failed, "use a schema that has it", "%s has no field %s", type, name);
    switch (w->failed) {
    case MR_ERR_TYPE:
        return fail(err, w->failed, "give a value of that kind, in its range, and not null",
                    "the value for field %s of %s does not fit its kind, %s", name, type,
                    schema_kinds[w->failed_kind].name);
    case MR_ERR_SCHEMA:
        return fail(err, w->failed, "put records of one schema into one array",
                    "the records for field %s of %s are of several schemas", name, type);
    case MR_ERR_ARGUMENT:
        return fail(err, w->failed, "copy it first",
                    "the value for field %s of %s lies in the record that is being written", name,
                    type);
    default:
        return fail(err, w->failed, NULL, "field %s of %s could not be written: %s", name, type,
                    mr_rc_text(w->failed));
    }
}

mr_rc_t compact_set(struct compact_writer *w, const char *name, uint32_t name_size,
                    const struct scalar *v, mr_err_t *err)
{
    const struct schema_field *f = schema_find(w->schema, name, name_size);
    struct scalar own = *v; /* made to fit, and read through */
    mr_rc_t rc;

    if (w->failed != MR_OK)
        return explain(w, err);
    if (!f)
        rc = MR_ERR_SCHEMA;
    else if (own_bytes(w, &own))
        rc = MR_ERR_ARGUMENT;
    else
        rc = f->variable ? set_variable(w, f, &own) : set_fixed(w, f, &own);
    if (rc == MR_OK)
        return MR_OK;
    w->failed = rc;
    w->failed_kind = f ? f->kind : 0;
    snprintf(w->failed_name, sizeof w->failed_name, "%.*s", (int)name_size, name);
    return explain(w, err);
}

static void put_table(struct compact_writer *w)
{
    const struct schema *s = w->schema;
    uint32_t size = (uint32_t)(w->end - header_size(s));
    uint8_t width = scalar_offset_width(size);
    uint8_t *table;

    w->out.size = w->end;
    table = sink_more(&w->out, (size_t)s->variables * width);
    if (!table)
        return;
    put_be32(w->out.at + ID_SIZE, size);
    for (uint32_t i = 0; i < s->variables; i++)
        scalar_put_offset(table + (size_t)i * width, width, w->place[i].begin);
}

mr_rc_t compact_finish(struct compact_writer *w, struct data *ret_d, mr_err_t *err)
{
    if (w->failed == MR_OK && w->schema->variables) {
        put_table(w);
        w->failed = sink_state(&w->out);
    }
    if (w->failed != MR_OK)
        return explain(w, err);
    *ret_d = (struct data){w->out.at, (uint32_t)w->out.size, DATA_COMPACT};
    return MR_OK;
}
