/* value.h - keys and values: what goes into a map and what comes out of it.
 *
 * Three types and a schema:
 *
 *     mr_ref_t   a view of a value, made on the spot and passed by value; owns nothing
 *     mr_val_t   a place that a value is read into; owns its bytes, on the stack up to 63 of them
 *     mr_rec_t   a record being written, field by field, in the Compact form that the Java, Node,
 *                Python and Go clients of the same protocol read and write as well
 *
 *     mr_map_put(ages, MR_STR("ada"), MR_I64(36), NULL, &err);          in:  mr_ref_t
 *
 *     mr_val_t v = MR_VAL_INIT;                                          out: mr_val_t
 *     if (mr_map_get(ages, MR_STR("ada"), &v, NULL, &err) == MR_OK)
 *         printf("%lld\n", (long long)mr_val_i64(&v));
 *     mr_val_clear(&v);
 *
 *     mr_schema_t *person = mr_schema_new("person", &err);               records
 *     mr_schema_field(person, "name", MR_KIND_STR, &err);
 *     mr_schema_field(person, "age", MR_KIND_I32, &err);
 *     mr_rec_t *rec = mr_rec_new(person, &err);
 *     mr_rec_set(rec, "name", MR_STR("ada"), &err);
 *     mr_rec_set(rec, "age", MR_I32(36), &err);
 *     mr_map_put(people, MR_I64(1), MR_REC(rec), NULL, &err);
 *
 *     mr_ref_t age = MR_I32(0);                                          0: when there is no age
 *     mr_rec_get(mr_val_ref(&v), "age", &age, &err);
 *
 * A value keeps the type it was written with, and so does a key: MR_I32(1) and MR_I64(1) are two
 * keys, as they are for every client of the protocol. A number may be read as a wider one of its
 * sort, never as a narrower one.
 *
 * Text is UTF-8. It is checked where it comes in (MR_ERR_ARGUMENT) and never where it is read:
 * what another program stored is handed out as it is.
 *
 * Schemas are known to the whole process and not to one connection. A schema is named by a
 * fingerprint of its content and never changes, so whoever has read it, all may use it, and a
 * record needs no pointer to the connection it came by. They live until the process ends.
 *
 * Errors: as everywhere, the last argument may be NULL, and a filled one makes the call do
 * nothing and return its code; results stay untouched then.
 *
 * Threads: a mr_ref_t is a plain value. A mr_val_t and a mr_rec_t belong to one thread at a time.
 * A mr_schema_t may be shared once its fields are told. C99, and C++11 or later.
 */
#ifndef MILLRACE_VALUE_H
#define MILLRACE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <millrace/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a value is. For an array MR_KIND_ARRAY is added to the kind of its items, and for a
 * schema's field that may be null, or an array field whose items may, MR_KIND_NULLABLE. */
typedef enum mr_kind {
    MR_KIND_NULL = 0,
    MR_KIND_BOOL, /* as.boolean */
    MR_KIND_I8,   /* as.i64, as all integers */
    MR_KIND_I16,
    MR_KIND_I32,
    MR_KIND_I64,
    MR_KIND_CHAR, /* as.i64: one UTF-16 unit, which only Java writes; no field of a record */
    MR_KIND_F32,  /* as.f64, as both floats */
    MR_KIND_F64,
    MR_KIND_STR,         /* as.str and len; not NUL-terminated */
    MR_KIND_JSON,        /* as.str and len: JSON text */
    MR_KIND_BYTES,       /* as.ptr and len */
    MR_KIND_UUID,        /* as.uuid */
    MR_KIND_DATE_MS,     /* as.i64: milliseconds since 1970-01-01 UTC */
    MR_KIND_DATE,        /* as.time: year, month, day */
    MR_KIND_TIME,        /* as.time: hour, minute, second, nanos */
    MR_KIND_DATETIME,    /* as.time: both */
    MR_KIND_DATETIME_TZ, /* as.time: both, and offset_s */
    MR_KIND_BIGINT,      /* as.ptr and len: two's complement, most significant byte first */
    MR_KIND_DECIMAL,     /* the same in as.decimal.digits and len, times 10 to the -scale */
    MR_KIND_REC,         /* as.ptr and len: a Compact record; see mr_rec_get */
    MR_KIND_DATA,        /* as.ptr and len: Data of a type without a kind here, header included */
    MR_KIND_ARRAY = 0x100,
    MR_KIND_NULLABLE = 0x200
} mr_kind_t;

/* 128 bits; high has the first eight bytes of the usual text form. */
typedef struct mr_uuid {
    uint64_t high, low;
} mr_uuid_t;

/* A date of the proleptic Gregorian calendar, a time of day, or both. */
typedef struct mr_time {
    int32_t year;
    uint8_t month, day;           /* from 1 */
    uint8_t hour, minute, second; /* no leap seconds */
    uint32_t nanos;
    int32_t offset_s; /* seconds east of UTC, at most 18 hours either way */
} mr_time_t;

/* A view of a value. It borrows what it points to: as an argument for the length of the call, as
 * a result until the next call on the mr_val_t or mr_rec_t that it came from. */
typedef struct mr_ref {
    int kind;     /* mr_kind_t, possibly with MR_KIND_ARRAY */
    uint32_t len; /* bytes of text and bytes; items of an array */
    union {
        int64_t i64;
        double f64;
        bool boolean;
        const void *ptr;
        const char *str;
        mr_uuid_t uuid;
        mr_time_t time;
        struct {
            const void *digits;
            int32_t scale;
        } decimal;
        struct { /* read items with mr_ref_item */
            const void *at;
            uint32_t size, next, next_at;
            uint8_t layout, width;
        } array;
    } as;
} mr_ref_t;

/* ---- views: constant time, no allocation, cannot fail; used as MR_STR("x") ------------------ */

static inline mr_ref_t mr_ref_make(int kind)
{
    mr_ref_t r;

    r.kind = kind; /* one by one: clearing all 32 bytes first costs more than the rest of a get */
    r.len = 0;
    r.as.i64 = 0;
    return r;
}

static inline mr_ref_t mr_ref_from_i64(int kind, int64_t v)
{
    mr_ref_t r = mr_ref_make(kind);

    r.as.i64 = v;
    return r;
}

static inline mr_ref_t mr_ref_from_f64(int kind, double v)
{
    mr_ref_t r = mr_ref_make(kind);

    r.as.f64 = v;
    return r;
}

static inline mr_ref_t mr_ref_from_bool(bool v)
{
    mr_ref_t r = mr_ref_make(MR_KIND_BOOL);

    r.as.boolean = v;
    return r;
}

/* A length that no value can have is kept as UINT32_MAX, and refused by whoever takes the view. */
static inline mr_ref_t mr_ref_from_bytes(int kind, const void *p, size_t len)
{
    mr_ref_t r = mr_ref_make(p ? kind : (int)MR_KIND_NULL);

    r.as.ptr = p;
    r.len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    return r;
}

static inline mr_ref_t mr_ref_from_text(int kind, const char *text)
{
    return mr_ref_from_bytes(kind, text, text ? strlen(text) : 0);
}

static inline mr_ref_t mr_ref_from_time(int kind, mr_time_t v)
{
    mr_ref_t r = mr_ref_make(kind);

    r.as.time = v;
    return r;
}

static inline mr_ref_t mr_ref_from_uuid(mr_uuid_t v)
{
    mr_ref_t r = mr_ref_make(MR_KIND_UUID);

    r.as.uuid = v;
    return r;
}

static inline mr_ref_t mr_ref_from_decimal(const void *digits, size_t len, int32_t scale)
{
    mr_ref_t r = mr_ref_from_bytes(MR_KIND_DECIMAL, digits, len);

    r.as.decimal.digits = digits;
    r.as.decimal.scale = scale;
    return r;
}

static inline mr_ref_t mr_ref_from_array(int kind, const void *items, size_t count)
{
    mr_ref_t r = mr_ref_make(kind | MR_KIND_ARRAY);

    r.as.array.at = items;
    r.as.array.size = r.as.array.next = r.as.array.next_at = 0;
    r.as.array.layout = r.as.array.width = 0;
    r.len = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    return r;
}

#define MR_NULL              mr_ref_make(MR_KIND_NULL)
#define MR_BOOL(v)           mr_ref_from_bool(v)
#define MR_I8(v)             mr_ref_from_i64(MR_KIND_I8, (int8_t)(v))
#define MR_I16(v)            mr_ref_from_i64(MR_KIND_I16, (int16_t)(v))
#define MR_I32(v)            mr_ref_from_i64(MR_KIND_I32, (int32_t)(v))
#define MR_I64(v)            mr_ref_from_i64(MR_KIND_I64, (int64_t)(v))
#define MR_F32(v)            mr_ref_from_f64(MR_KIND_F32, (float)(v))
#define MR_F64(v)            mr_ref_from_f64(MR_KIND_F64, (double)(v))
#define MR_STR(text)         mr_ref_from_text(MR_KIND_STR, text) /* NUL-terminated; NULL is null */
#define MR_STRN(p, n)        mr_ref_from_bytes(MR_KIND_STR, p, n)
#define MR_JSON(text)        mr_ref_from_text(MR_KIND_JSON, text)
#define MR_JSONN(p, n)       mr_ref_from_bytes(MR_KIND_JSON, p, n)
#define MR_BYTES(p, n)       mr_ref_from_bytes(MR_KIND_BYTES, p, n)
#define MR_UUID(uuid)        mr_ref_from_uuid(uuid)
#define MR_DATE_MS(ms)       mr_ref_from_i64(MR_KIND_DATE_MS, (int64_t)(ms))
#define MR_DATE(t)           mr_ref_from_time(MR_KIND_DATE, t)
#define MR_TIME(t)           mr_ref_from_time(MR_KIND_TIME, t)
#define MR_DATETIME(t)       mr_ref_from_time(MR_KIND_DATETIME, t)
#define MR_DATETIME_TZ(t)    mr_ref_from_time(MR_KIND_DATETIME_TZ, t)
#define MR_BIGINT(p, n)      mr_ref_from_bytes(MR_KIND_BIGINT, p, n)
#define MR_DECIMAL(p, n, sc) mr_ref_from_decimal(p, n, sc)
#define MR_REC(rec)          mr_rec_ref(rec) /* completes it; a failure shows where it is used */
#define MR_DATA(p, n)        mr_ref_from_bytes(MR_KIND_DATA, p, n) /* a whole Data, as it is sent */

/* Arrays, for the fields of records. The items are those of C: bool, int16_t, ... char pointers
 * (a NULL is null). MR_REFS takes mr_ref_t, so that items may be records, decimals or null. */
#define MR_BOOLS(p, n) mr_ref_from_array(MR_KIND_BOOL, p, n)
#define MR_I16S(p, n)  mr_ref_from_array(MR_KIND_I16, p, n)
#define MR_I32S(p, n)  mr_ref_from_array(MR_KIND_I32, p, n)
#define MR_I64S(p, n)  mr_ref_from_array(MR_KIND_I64, p, n)
#define MR_F32S(p, n)  mr_ref_from_array(MR_KIND_F32, p, n)
#define MR_F64S(p, n)  mr_ref_from_array(MR_KIND_F64, p, n)
#define MR_STRS(p, n)  mr_ref_from_array(MR_KIND_STR, p, n)
#define MR_REFS(p, n)  mr_ref_from_array(MR_KIND_NULL, p, n)

/* Item i of an array, from 0. Reading forward is the fast way; the array keeps its place, which
 * is why it is not const. *ret_item borrows what the array borrows.
 * MR_ERR_TYPE: not an array. MR_ERR_ARGUMENT: it has no item i. MR_ERR_MALFORMED: the stored
 * bytes do not hold it. */
MR_API mr_rc_t mr_ref_item(mr_ref_t *array, uint32_t i, mr_ref_t *ret_item, mr_err_t *err);

/* ---- values --------------------------------------------------------------------------------- */

enum { MR_VAL_ROOM = 64 };

/* The fields are the library's. A copy by assignment moves: clear one of the two only. */
typedef struct mr_val {
    void *heap;
    uint32_t heap_size, len;
    uint8_t kind;
    char room[MR_VAL_ROOM];
} mr_val_t;

#ifdef __cplusplus
#define MR_VAL_INIT                                                                                \
    {                                                                                              \
    }
#else
#define MR_VAL_INIT                                                                                \
    {                                                                                              \
        0                                                                                          \
    }
#endif

/* Frees what v owns and makes it null. One that is read into again need not be cleared between;
 * its memory is used again. NULL is allowed. */
MR_API void mr_val_clear(mr_val_t *v);

/* What it holds: mr_kind_t, for an array with MR_KIND_ARRAY. MR_KIND_DATA when its type has no
 * kind here, or its bytes are not what their type says. */
MR_API int mr_val_type(const mr_val_t *v);

/* A view of the whole value, of any kind; good until the next call that changes v. */
MR_API mr_ref_t mr_val_ref(const mr_val_t *v);

/* The value in short: 0, false or NULL when it is of another kind. Integers widen to 64 bits
 * (MR_KIND_DATE_MS is one), floats to double, but neither becomes the other. mr_val_str gives
 * text or JSON with a NUL behind it; mr_val_bytes those and byte arrays. mr_val_len is the number
 * of their bytes, or of an array's items. */
MR_API bool mr_val_bool(const mr_val_t *v);
MR_API int64_t mr_val_i64(const mr_val_t *v);
MR_API double mr_val_f64(const mr_val_t *v);
MR_API const char *mr_val_str(const mr_val_t *v);
MR_API const void *mr_val_bytes(const mr_val_t *v);
MR_API size_t mr_val_len(const mr_val_t *v);

/* The same, checked. mr_val_get_i32 narrows, out loud.
 * MR_ERR_TYPE: the value is of another kind, or null; for i32, it is out of range. */
MR_API mr_rc_t mr_val_get_bool(const mr_val_t *v, bool *ret, mr_err_t *err);
MR_API mr_rc_t mr_val_get_i32(const mr_val_t *v, int32_t *ret, mr_err_t *err);
MR_API mr_rc_t mr_val_get_i64(const mr_val_t *v, int64_t *ret, mr_err_t *err);
MR_API mr_rc_t mr_val_get_f64(const mr_val_t *v, double *ret, mr_err_t *err);
MR_API mr_rc_t mr_val_get_str(const mr_val_t *v, const char **ret, size_t *ret_len, mr_err_t *err);

/* Makes v a value of its own that equals ref, for example to keep a part of another.
 * As for putting into a map: MR_ERR_ARGUMENT, MR_ERR_TYPE, MR_ERR_TOO_LARGE, MR_ERR_MEMORY. */
MR_API mr_rc_t mr_val_set(mr_val_t *v, mr_ref_t ref, mr_err_t *err);

/* ---- schemas -------------------------------------------------------------------------------- */

typedef struct mr_schema mr_schema_t;

/* Begins a schema with this type name, at most 1024 bytes of UTF-8. Other clients find their class
 * by
 * the name. NULL on failure: MR_ERR_ARGUMENT, MR_ERR_MEMORY. */
MR_API mr_schema_t *mr_schema_new(const char *type_name, mr_err_t *err);

/* Adds a field. kind is one of BOOL, I8 .. I64, F32, F64, STR, DECIMAL, DATE, TIME, DATETIME,
 * DATETIME_TZ, REC, BYTES; or any but BYTES with MR_KIND_ARRAY. MR_KIND_NULLABLE goes with the
 * fixed-size kinds, which cannot be null without it; the others always can.
 * MR_ERR_ARGUMENT: the kind is none of these, the name is not valid UTF-8 or longer than 1024
 * bytes, or a record of the schema exists already. MR_ERR_SCHEMA: there are 4096 fields.
 * MR_ERR_MEMORY. Two fields of one name are found by mr_rec_new. One thread. */
MR_API mr_rc_t mr_schema_field(mr_schema_t *s, const char *name, int kind, mr_err_t *err);

/* The fingerprint that other clients compute for it, too; 0 on failure, as mr_rec_new. */
MR_API uint64_t mr_schema_id(mr_schema_t *s, mr_err_t *err);

/* Frees it; its records stay good. NULL is allowed. */
MR_API void mr_schema_free(mr_schema_t *s);

/* ---- records -------------------------------------------------------------------------------- */

typedef struct mr_rec mr_rec_t;

/* A new record, all fields 0, false or null; mr_rec_free gives it back. The first call completes
 * the schema. NULL on failure. MR_ERR_SCHEMA: two fields have one name, or another schema with
 * the same fingerprint is known. MR_ERR_FULL: 65536 schemas are known. MR_ERR_ARGUMENT: s is
 * NULL. MR_ERR_MEMORY. Any thread. */
MR_API mr_rec_t *mr_rec_new(mr_schema_t *s, mr_err_t *err);

/* Sets a field, also once more; copies what v points to. A number of another width is taken when
 * it is exactly representable in the field. A failure is kept, and the record cannot be used
 * until mr_rec_clear. Fields lie in the record in the order of the calls, and keys are compared
 * by their bytes: write the fields of a key always in one order.
 * MR_ERR_SCHEMA: there is no such field, or an array's records are of several schemas.
 * MR_ERR_TYPE: the value does not fit the field's kind. MR_ERR_ARGUMENT: text that is not UTF-8, a
 * date that does not exist, or a value that lies in this very record. MR_ERR_TOO_LARGE,
 * MR_ERR_MEMORY, MR_ERR_MALFORMED. */
MR_API mr_rc_t mr_rec_set(mr_rec_t *rec, const char *name, mr_ref_t v, mr_err_t *err);

/* Is it complete? Says the first failure of a mr_rec_set since mr_rec_new or mr_rec_clear. */
MR_API mr_rc_t mr_rec_finish(mr_rec_t *rec, mr_err_t *err);

/* Completes it and gives a view, good until the next call on rec: MR_REC(rec). A record that has
 * failed gives a view that every call refuses, with the record's error; NULL one that is refused
 * as MR_ERR_ARGUMENT. */
MR_API mr_ref_t mr_rec_ref(mr_rec_t *rec);

/* Begins the next record of the same schema; forgets a failure, keeps the memory. */
MR_API void mr_rec_clear(mr_rec_t *rec);

/* NULL is allowed. */
MR_API void mr_rec_free(mr_rec_t *rec);

/* Reads a field of a record: of a value (mr_val_ref(&v)), of a written one (MR_REC(rec)), or of a
 * nested one, which is a field or an item. Nothing is copied: *ret borrows what rec borrows. A
 * field that is null gives MR_KIND_NULL.
 * MR_NOT_FOUND: its schema has no such field; *ret is untouched, so put your default there.
 * MR_ERR_TYPE: not a record. MR_ERR_SCHEMA: its schema is not known to this process.
 * MR_ERR_MALFORMED: the stored bytes do not hold the field. */
MR_API mr_rc_t mr_rec_get(mr_ref_t rec, const char *name, mr_ref_t *ret, mr_err_t *err);

#ifdef __cplusplus
}
#endif
#endif
