#include "client/value.h"

#include "net/base/mem.h"

/* X(public kind, data kind) of what a single value can be. */
#define KIND_PAIRS(X)                                                                              \
    X(BOOL, BOOL)                                                                                  \
    X(I8, BYTE)                                                                                    \
    X(I16, SHORT)                                                                                  \
    X(I32, INT)                                                                                    \
    X(I64, LONG)                                                                                   \
    X(CHAR, CHAR)                                                                                  \
    X(F32, FLOAT)                                                                                  \
    X(F64, DOUBLE)                                                                                 \
    X(STR, STRING)                                                                                 \
    X(JSON, JSON)                                                                                  \
    X(BYTES, BYTES)                                                                                \
    X(UUID, UUID)                                                                                  \
    X(DATE_MS, DATE_TIME_MS)                                                                       \
    X(DATE, LOCAL_DATE)                                                                            \
    X(TIME, LOCAL_TIME)                                                                            \
    X(DATETIME, LOCAL_DATE_TIME)                                                                   \
    X(DATETIME_TZ, OFFSET_DATE_TIME)                                                               \
    X(BIGINT, BIG_INTEGER)                                                                         \
    X(DECIMAL, DECIMAL)                                                                            \
    X(REC, COMPACT)

static const uint8_t data_kinds[MR_KIND_DATA + 1] = {
#define X(public, data) [MR_KIND_##public] = DATA_##data,
    KIND_PAIRS(X)
#undef X
};

static const uint8_t public_kinds[DATA_KINDS] = {
#define X(public, data) [DATA_##data] = MR_KIND_##public,
    KIND_PAIRS(X)
#undef X
};

uint8_t ref_data_kind(int kind)
{
    return kind >= 0 && kind <= MR_KIND_DATA ? data_kinds[kind] : DATA_NULL;
}

/* ---- views ----------------------------------------------------------------------------------- */

static mr_time_t time_of(const struct scalar_moment *m)
{
    return (mr_time_t){m->year,   m->month,  m->day,   m->hour,
                       m->minute, m->second, m->nanos, m->offset_s};
}

static struct scalar_moment moment_of(const mr_time_t *t)
{
    return (struct scalar_moment){t->year,   t->month,  t->day,   t->hour,
                                  t->minute, t->second, t->nanos, t->offset_s};
}

static mr_ref_t ref_of_array(const struct scalar_array *a)
{
    mr_ref_t r = mr_ref_from_array(public_kinds[a->item], a->at, a->count);

    r.as.array.size = a->size;
    r.as.array.layout = a->layout;
    r.as.array.width = a->width;
    return r;
}

static struct scalar_array array_of(const mr_ref_t *r)
{
    return (struct scalar_array){.at = r->as.array.at,
                                 .size = r->as.array.size,
                                 .count = r->len,
                                 .next = r->as.array.next,
                                 .next_at = r->as.array.next_at,
                                 .item = ref_data_kind(r->kind & ~MR_KIND_ARRAY),
                                 .layout = r->as.array.layout,
                                 .width = r->as.array.width};
}

mr_ref_t ref_of_scalar(const struct scalar *v)
{
    if (v->kind == SCALAR_ARRAY)
        return ref_of_array(&v->array);

    mr_ref_t r = mr_ref_make(public_kinds[v->kind]);

    switch (v->kind) {
    case DATA_NULL: break;
    case DATA_BOOL: r.as.boolean = v->boolean; break;
    case DATA_FLOAT: r.as.f64 = (double)v->f32; break;
    case DATA_DOUBLE: r.as.f64 = v->f64; break;
    case DATA_UUID: r.as.uuid = (mr_uuid_t){v->uuid.high, v->uuid.low}; break;
    case DATA_LOCAL_DATE:
    case DATA_LOCAL_TIME:
    case DATA_LOCAL_DATE_TIME:
    case DATA_OFFSET_DATE_TIME: r.as.time = time_of(&v->moment); break;
    case DATA_DECIMAL:
        r.len = v->bytes.size;
        r.as.decimal.digits = v->bytes.at;
        r.as.decimal.scale = v->bytes.scale;
        break;
    case DATA_STRING:
    case DATA_JSON:
    case DATA_BYTES:
    case DATA_BIG_INTEGER:
    case DATA_COMPACT:
        r.len = v->bytes.size;
        r.as.ptr = v->bytes.at;
        break;
    default: r.as.i64 = v->integer; break;
    }
    return r;
}

static bool integer_in_range(int kind, int64_t n)
{
    switch (kind) {
    case MR_KIND_I8: return n == (int8_t)n;
    case MR_KIND_I16: return n == (int16_t)n;
    case MR_KIND_I32: return n == (int32_t)n;
    case MR_KIND_CHAR: return n == (uint16_t)n;
    default: return true;
    }
}

static mr_rc_t fill(const mr_ref_t *r, struct scalar *v, mr_err_t *err)
{
    switch (v->kind) {
    case DATA_BOOL: v->boolean = r->as.boolean; return MR_OK;
    case DATA_FLOAT: v->f32 = (float)r->as.f64; return MR_OK;
    case DATA_DOUBLE: v->f64 = r->as.f64; return MR_OK;
    case DATA_UUID: v->uuid = (struct scalar_uuid){r->as.uuid.high, r->as.uuid.low}; return MR_OK;
    case DATA_LOCAL_DATE:
    case DATA_LOCAL_TIME:
    case DATA_LOCAL_DATE_TIME:
    case DATA_OFFSET_DATE_TIME: v->moment = moment_of(&r->as.time); return MR_OK;
    case DATA_DECIMAL:
        v->bytes = (struct scalar_bytes){r->as.decimal.digits, r->len, r->as.decimal.scale};
        return MR_OK;
    case DATA_STRING:
    case DATA_JSON:
    case DATA_BYTES:
    case DATA_BIG_INTEGER:
    case DATA_COMPACT: v->bytes = (struct scalar_bytes){r->as.ptr, r->len, 0}; return MR_OK;
    default: v->integer = r->as.i64; break;
    }
    if (!integer_in_range(r->kind, v->integer))
        return fail(err, MR_ERR_ARGUMENT, "make it with MR_I8, MR_I16 or MR_I32",
                    "%lld is out of the range of its type", (long long)v->integer);
    return MR_OK;
}

static mr_rc_t unsound(uint8_t kind, mr_err_t *err)
{
    switch (kind) {
    case DATA_STRING:
    case DATA_JSON:
        return fail(err, MR_ERR_ARGUMENT, "give bytes that are no text with MR_BYTES",
                    "text is not valid UTF-8");
    case DATA_BIG_INTEGER:
    case DATA_DECIMAL: return fail(err, MR_ERR_ARGUMENT, NULL, "a number has no digits");
    default:
        return fail(err, MR_ERR_ARGUMENT,
                    "months and days count from 1, offsets go to 18 hours either way",
                    "there is no such date or time");
    }
}

/* The texts of a C array come from the program, like a single one. */
static mr_rc_t check_texts(struct scalar_array a, mr_err_t *err)
{
    for (uint32_t i = 0; i < a.count; i++) {
        struct scalar item;
        mr_rc_t rc = scalar_item(&a, i, &item);

        if (rc != MR_OK)
            return fail(err, rc, NULL, "text %u of an array is too long", i);
        if (!scalar_sound(&item))
            return unsound(item.kind, err);
    }
    return MR_OK;
}

static mr_rc_t open_array(const mr_ref_t *ref, struct scalar *ret_v, mr_err_t *err)
{
    struct scalar_array a = array_of(ref);

    if (a.item == DATA_NULL)
        return fail(err, MR_ERR_ARGUMENT, "make it with MR_I32S, MR_STRS, MR_REFS or their like",
                    "an array has items of the unknown kind %d", ref->kind);
    if (a.layout == SCALAR_C && a.item == DATA_STRING) {
        mr_rc_t rc = check_texts(a, err);

        if (rc != MR_OK)
            return rc;
    }
    *ret_v = (struct scalar){.kind = SCALAR_ARRAY, .array = a};
    return MR_OK;
}

mr_rc_t ref_to_scalar(const mr_ref_t *ref, struct scalar *ret_v, mr_err_t *err)
{
    struct scalar v = {.kind = ref_data_kind(ref->kind)};
    mr_rc_t rc;

    if (ref->kind == REF_BROKEN)
        return rec_failure(ref->as.ptr, err);
    if (ref->len > SINK_SIZE_MAX)
        return fail(err, MR_ERR_TOO_LARGE, NULL, "a value has more than %d bytes or items",
                    SINK_SIZE_MAX);
    if (ref->kind & MR_KIND_ARRAY)
        return open_array(ref, ret_v, err);
    if (ref->kind == MR_KIND_DATA) {
        struct data d;

        rc = data_read(ref->as.ptr, ref->len, &d);
        if (rc == MR_OK)
            rc = scalar_read(&d, ret_v);
        return rc == MR_OK ? MR_OK
                           : fail(err, rc, NULL, "Data bytes cannot be opened: %s", mr_rc_text(rc));
    }
    if (v.kind == DATA_NULL && ref->kind != MR_KIND_NULL)
        return fail(err, MR_ERR_ARGUMENT, "make views with MR_STR, MR_I64 and their like",
                    "a value is of the unknown kind %d", ref->kind);
    if (v.kind != DATA_NULL) {
        rc = fill(ref, &v, err);
        if (rc != MR_OK)
            return rc;
        if (!scalar_sound(&v))
            return unsound(v.kind, err);
    }
    *ret_v = v;
    return MR_OK;
}

/* Text and bytes stay where they are; only numbers, dates and the like need scratch. */
mr_rc_t ref_to_data_slow(const mr_ref_t *ref, struct data *ret_d, uint8_t scratch[REF_SCRATCH],
                         mr_err_t *err)
{
    struct sink out = {.at = scratch, .room = REF_SCRATCH};
    struct scalar v;
    mr_rc_t rc;

    if (ref->kind == MR_KIND_DATA && ref->len <= SINK_SIZE_MAX) {
        rc = data_read(ref->as.ptr, ref->len, ret_d);
        return rc == MR_OK ? MR_OK
                           : fail(err, rc, NULL, "Data of %u bytes has no whole header", ref->len);
    }
    if (ref->kind != REF_BROKEN && (ref->kind & MR_KIND_ARRAY))
        return fail(err, MR_ERR_TYPE, "put it into a field of a record",
                    "an array cannot be a key or a value by itself");
    rc = ref_to_scalar(ref, &v, err);
    if (rc != MR_OK)
        return rc;
    if (data_counted(v.kind)) {
        *ret_d = (struct data){v.bytes.at, v.bytes.size, v.kind};
        return MR_OK;
    }
    rc = scalar_write(&v, &out, ret_d);
    return rc == MR_OK
               ? MR_OK
               : fail(err, rc, "put it into a field of a record",
                      "a number of %u bytes cannot be a key or a value by itself", ref->len);
}

mr_rc_t mr_ref_item(mr_ref_t *array, uint32_t i, mr_ref_t *ret_item, mr_err_t *err)
{
    if (err_is_filled(err))
        return err->code;
    if (array->kind == REF_BROKEN || !(array->kind & MR_KIND_ARRAY))
        return fail(err, MR_ERR_TYPE, NULL, "the value is no array");
    if (i >= array->len)
        return fail(err, MR_ERR_ARGUMENT, "items count from 0", "the array has %u items, and no %u",
                    array->len, i);
    if (ref_is_refs(array)) {
        *ret_item = ((const mr_ref_t *)array->as.array.at)[i];
        return MR_OK;
    }

    struct scalar_array a = array_of(array);
    struct scalar item;
    mr_rc_t rc = scalar_item(&a, i, &item);

    array->as.array.next = a.next;
    array->as.array.next_at = a.next_at;
    if (rc != MR_OK)
        return fail(err, rc, NULL, "item %u of an array cannot be read: %s", i, mr_rc_text(rc));
    *ret_item = ref_of_scalar(&item);
    return MR_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const char *bytes_of(const mr_val_t *v)
{
    return v->heap ? v->heap : v->room;
}

/* Room for `size` bytes and the NUL, in v's own memory; what v held is lost. */
static char *reserve(mr_val_t *v, uint32_t size)
{
    if (v->heap ? size < v->heap_size : size < MR_VAL_ROOM)
        return v->heap ? v->heap : v->room;

    void *heap = mem_alloc((size_t)size + 1);
    if (!heap)
        return NULL;
    mem_free(v->heap);
    v->heap = heap;
    v->heap_size = size + 1;
    return heap;
}

mr_rc_t val_assign_slow(mr_val_t *v, const struct data *d, mr_err_t *err)
{
    struct scalar opened;
    bool whole = d->kind != DATA_VERBATIM && scalar_read(d, &opened) != MR_OK;
    uint32_t size = whole ? data_wire_size(d) : d->size;
    char *to = reserve(v, size);

    if (!to)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a value of %u bytes", size);
    if (whole)
        data_write(d, (uint8_t *)to);
    else if (size)
        memcpy(to, d->at, size);
    to[size] = '\0';
    v->len = size;
    v->kind = whole ? DATA_VERBATIM : d->kind;
    return MR_OK;
}

void mr_val_clear(mr_val_t *v)
{
    if (!v)
        return;
    mem_free(v->heap);
    *v = (mr_val_t)MR_VAL_INIT;
}

mr_ref_t mr_val_ref(const mr_val_t *v)
{
    struct scalar opened;

    if (!v)
        return MR_NULL;

    struct data d = {(const uint8_t *)bytes_of(v), v->len, v->kind};

    if (scalar_read(&d, &opened) != MR_OK)
        return MR_DATA(d.at, d.size);
    return ref_of_scalar(&opened);
}

int mr_val_type(const mr_val_t *v)
{
    return mr_val_ref(v).kind;
}

static bool has_integer(const mr_ref_t *r)
{
    return (r->kind >= MR_KIND_I8 && r->kind <= MR_KIND_CHAR) || r->kind == MR_KIND_DATE_MS;
}

static bool has_real(const mr_ref_t *r)
{
    return r->kind == MR_KIND_F32 || r->kind == MR_KIND_F64;
}

static bool has_text(const mr_ref_t *r)
{
    return r->kind == MR_KIND_STR || r->kind == MR_KIND_JSON;
}

bool mr_val_bool(const mr_val_t *v)
{
    mr_ref_t r = mr_val_ref(v);

    return r.kind == MR_KIND_BOOL && r.as.boolean;
}

int64_t mr_val_i64(const mr_val_t *v)
{
    mr_ref_t r = mr_val_ref(v);

    return has_integer(&r) ? r.as.i64 : 0;
}

double mr_val_f64(const mr_val_t *v)
{
    mr_ref_t r = mr_val_ref(v);

    return has_real(&r) ? r.as.f64 : 0;
}

const char *mr_val_str(const mr_val_t *v)
{
    mr_ref_t r = mr_val_ref(v);

    return has_text(&r) ? r.as.str : NULL;
}

const void *mr_val_bytes(const mr_val_t *v)
{
    mr_ref_t r = mr_val_ref(v);

    return has_text(&r) || r.kind == MR_KIND_BYTES ? r.as.ptr : NULL;
}

size_t mr_val_len(const mr_val_t *v)
{
    return mr_val_ref(v).len;
}

/* ---- checked --------------------------------------------------------------------------------- */

static const char *kind_name(int kind)
{
    static const char *const names[] = {
        [MR_KIND_NULL] = "null",
        [MR_KIND_DATA] = "another program's own",
#define X(public, data) [MR_KIND_##public] = #public,
        KIND_PAIRS(X)
#undef X
    };

    return kind & MR_KIND_ARRAY ? "array" : names[kind];
}

static mr_rc_t wrong_type(int kind, const char *wanted, mr_err_t *err)
{
    return fail(err, MR_ERR_TYPE, "mr_val_type tells what a value is",
                "the value is of type %s, and was to be read as %s", kind_name(kind), wanted);
}

mr_rc_t mr_val_get_bool(const mr_val_t *v, bool *ret, mr_err_t *err)
{
    mr_ref_t r = mr_val_ref(v);

    if (err_is_filled(err))
        return err->code;
    if (r.kind != MR_KIND_BOOL)
        return wrong_type(r.kind, "bool", err);
    *ret = r.as.boolean;
    return MR_OK;
}

mr_rc_t mr_val_get_i64(const mr_val_t *v, int64_t *ret, mr_err_t *err)
{
    mr_ref_t r = mr_val_ref(v);

    if (err_is_filled(err))
        return err->code;
    if (!has_integer(&r))
        return wrong_type(r.kind, "an integer", err);
    *ret = r.as.i64;
    return MR_OK;
}

mr_rc_t mr_val_get_i32(const mr_val_t *v, int32_t *ret, mr_err_t *err)
{
    int64_t n = 0;
    mr_rc_t rc = mr_val_get_i64(v, &n, err);

    if (rc != MR_OK)
        return rc;
    if (n != (int32_t)n)
        return fail(err, MR_ERR_TYPE, "read it with mr_val_get_i64", "%lld does not fit 32 bits",
                    (long long)n);
    *ret = (int32_t)n;
    return MR_OK;
}

mr_rc_t mr_val_get_f64(const mr_val_t *v, double *ret, mr_err_t *err)
{
    mr_ref_t r = mr_val_ref(v);

    if (err_is_filled(err))
        return err->code;
    if (!has_real(&r))
        return wrong_type(r.kind, "a floating-point number", err);
    *ret = r.as.f64;
    return MR_OK;
}

mr_rc_t mr_val_get_str(const mr_val_t *v, const char **ret, size_t *ret_len, mr_err_t *err)
{
    mr_ref_t r = mr_val_ref(v);

    if (err_is_filled(err))
        return err->code;
    if (!has_text(&r))
        return wrong_type(r.kind, "text", err);
    *ret = r.as.str;
    if (ret_len)
        *ret_len = r.len;
    return MR_OK;
}

mr_rc_t mr_val_set(mr_val_t *v, mr_ref_t ref, mr_err_t *err)
{
    uint8_t scratch[REF_SCRATCH];
    mr_val_t fresh = MR_VAL_INIT; /* ref may lie in v */
    struct data d;
    mr_rc_t rc;

    if (err_is_filled(err))
        return err->code;
    rc = ref_to_data(&ref, &d, scratch, err);
    if (rc == MR_OK)
        rc = val_assign(&fresh, &d, err);
    if (rc != MR_OK)
        return rc;
    mr_val_clear(v);
    *v = fresh;
    return MR_OK;
}
