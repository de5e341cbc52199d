/* compact.h - records in Compact form: read in place, written field by field.
 *
 *     0   int64  schema id
 *     8   int32  data size ─┐            without variable fields neither this nor the table
 *    12   fixed area        │ data size bytes
 *         variable values ──┘
 *         offsets table: 1, 2 or 4 bytes per variable field, relative to the fixed area
 *
 * Reading is two steps. compact_open checks the frame of one record once; after that a fixed
 * field costs a load, a variable one an offset, and nothing is copied. Which field a name means is
 * asked of the schema, once per schema and not once per record: a struct compact_path keeps the
 * answer, so a stream that reads one field of a million records looks it up once.
 *
 *     compact_open(schema, bytes, size, &record)
 *     compact_get(&record, compact_resolve(&path, schema), &value)
 *
 * Writing takes fields in any order; their values lie in the order of the calls, so a program
 * that calls in the order of another client gets its very bytes. (Records are compared by their
 * bytes: keys must be written in one order.) What is not set is 0, false or null.
 *
 * Evolution: a field the schema has not is MR_NOT_FOUND, and the result keeps what the caller
 * put there, its default; a field nobody asks for costs nothing. Nullable and plain numbers read
 * alike; only null itself is refused where a number is wanted.
 *
 * Invariant: whatever the bytes, nothing outside of them is read. Offsets that overlap or point
 * backwards give a wrong value at worst, which is what their writer wrote.
 *
 * Source: Hazelcast Compact serialisation format, sections on layout and values.
 * A reader and what it gives borrow the bytes and the schema. Reading is pure, any thread; a
 * writer and a path belong to one thread at a time.
 */
#ifndef NET_WIRE_COMPACT_H
#define NET_WIRE_COMPACT_H

#include "net/wire/bigend.h"
#include "net/wire/scalar.h"
#include "net/wire/schema.h"

/* An opened record. */
struct compact {
    const struct schema *schema;
    const uint8_t *at;    /* the fixed area, where offsets begin */
    const uint8_t *table; /* of offsets */
    uint32_t size;        /* from `at` to the table */
    uint8_t width;        /* of an offset */
};

/* The schema's id, to find it by. MR_ERR_MALFORMED: fewer than eight bytes. */
mr_rc_t compact_id(const uint8_t *bytes, uint32_t size, uint64_t *ret_id);

/* Opens the record at the front of `size` bytes; more may follow it.
 * MR_ERR_SCHEMA: it is of another schema. MR_ERR_MALFORMED: it does not fit its bytes. */
mr_rc_t compact_open(const struct schema *s, const uint8_t *bytes, uint32_t size,
                     struct compact *ret_r);

/* A field's value, of kind DATA_NULL when it is null. `f` is of the record's schema; NULL, which
 * is what looking a name up gives when there is none, is MR_NOT_FOUND. MR_ERR_MALFORMED. */
mr_rc_t compact_get(const struct compact *r, const struct schema_field *f, struct scalar *ret_v);

/* Just the number or text of a field, for inner loops. As compact_get, and MR_ERR_TYPE: the field
 * is of another kind, or null. */
mr_rc_t compact_get_integer(const struct compact *r, const struct schema_field *f, int64_t *ret_n);
mr_rc_t compact_get_real(const struct compact *r, const struct schema_field *f, double *ret_n);
mr_rc_t compact_get_text(const struct compact *r, const struct schema_field *f,
                         const char **ret_text, uint32_t *ret_size);

/* A name, and the field that it meant last time. Schemas live as long as their registry, so the
 * pointer is as good as the id. */
struct compact_path {
    const char *name;
    uint32_t name_size;
    const struct schema *schema;
    const struct schema_field *field;
};

static inline const struct schema_field *compact_resolve(struct compact_path *p,
                                                         const struct schema *s)
{
    if (p->schema != s) {
        p->field = schema_find(s, p->name, p->name_size);
        p->schema = s;
    }
    return p->field;
}

struct compact_writer;

/* A writer of records of this schema, which must outlive it. It writes into `room` bytes at
 * `buffer`, or, when buffer is NULL, into a heap buffer of its own. NULL: no memory. */
struct compact_writer *compact_writer_new(const struct schema *s, uint8_t *buffer, size_t room);
void compact_writer_free(struct compact_writer *w);

/* Sets a field, also once more. A number of another width is taken when it is exactly
 * representable. An array or text is copied. A failure is remembered: finishing will fail too.
 * MR_ERR_SCHEMA: no such field, or records of two schemas in one array.
 * MR_ERR_TYPE: the value does not fit the field's kind, or is null and the field cannot be.
 * MR_ERR_ARGUMENT: the value lies in this writer's own buffer, which may move.
 * MR_ERR_TOO_LARGE, MR_ERR_MEMORY, and MR_ERR_MALFORMED for an array read from bad bytes. */
mr_rc_t compact_set(struct compact_writer *w, const char *name, uint32_t name_size,
                    const struct scalar *v, mr_err_t *err);

/* Completes the record, *ret_d, which is good until the next call on the writer. Setting another
 * field afterwards reopens it. The error, if any, is that of the first set that failed. */
mr_rc_t compact_finish(struct compact_writer *w, struct data *ret_d, mr_err_t *err);

/* Begins the next record; forgets a failure. */
void compact_reset(struct compact_writer *w);

#endif
