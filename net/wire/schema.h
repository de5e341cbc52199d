/* schema.h - what a Compact record is made of, and the registry that knows them all.
 *
 * A record on the wire is a schema's id and the values; names and kinds are in the schema. From
 * them follows where each value lies, so that a reader who has looked a field up once reads it
 * from any record of that schema by its offset:
 *
 *     schema "emp"   age INT32   name STRING   nested COMPACT   ok BOOLEAN   tags INT16?[]
 *
 *     record   id │ size │ age . . . │ ok │ values of name, tags, nested │ name nested tags
 *                          └ fixed area ──┘                                └ offsets table
 *                          0         4 bit 0                                 0     1     2
 *
 *   fixed area   numbers by size, largest first, ties by name, no padding; then a bit per BOOLEAN
 *   offsets      one entry per variable field, in the order of names; what is not fixed is
 *                variable, also a nullable number
 *
 * The id is the Rabin fingerprint of type name, names and kinds: the same content has the same
 * id everywhere, and a schema never changes. So a program has one registry for all its members
 * and connections, schema_registry_shared(); a record carries no pointer to whom it came from.
 * A second content with the same id is refused, not replaced.
 *
 * Names are ordered by their bytes, which is the order of code points. (Java orders by UTF-16
 * units: another order, and another id, only where a name goes beyond U+FFFF.)
 *
 * Source: Hazelcast Compact serialisation format, sections on schema, fingerprint, placement.
 * Threads: a schema is immutable. A registry may be read and added to by any thread, without
 * locks: it is a trie of ids that only grows. What it holds lives as long as the registry.
 */
#ifndef NET_WIRE_SCHEMA_H
#define NET_WIRE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"

enum { SCHEMA_FIELDS_MAX = 4096, SCHEMA_NAME_MAX = 1024, SCHEMAS_MAX = 65536 };

/* X(name, number on the wire, item or value as a data kind, is array, is nullable) */
#define SCHEMA_KIND_MAP(X)                                                                         \
    X(BOOLEAN, 1, DATA_BOOL, 0, 0)                                                                 \
    X(ARRAY_OF_BOOLEAN, 2, DATA_BOOL, 1, 0)                                                        \
    X(INT8, 3, DATA_BYTE, 0, 0)                                                                    \
    X(ARRAY_OF_INT8, 4, DATA_BYTE, 1, 0)                                                           \
    X(INT16, 7, DATA_SHORT, 0, 0)                                                                  \
    X(ARRAY_OF_INT16, 8, DATA_SHORT, 1, 0)                                                         \
    X(INT32, 9, DATA_INT, 0, 0)                                                                    \
    X(ARRAY_OF_INT32, 10, DATA_INT, 1, 0)                                                          \
    X(INT64, 11, DATA_LONG, 0, 0)                                                                  \
    X(ARRAY_OF_INT64, 12, DATA_LONG, 1, 0)                                                         \
    X(FLOAT32, 13, DATA_FLOAT, 0, 0)                                                               \
    X(ARRAY_OF_FLOAT32, 14, DATA_FLOAT, 1, 0)                                                      \
    X(FLOAT64, 15, DATA_DOUBLE, 0, 0)                                                              \
    X(ARRAY_OF_FLOAT64, 16, DATA_DOUBLE, 1, 0)                                                     \
    X(STRING, 17, DATA_STRING, 0, 1)                                                               \
    X(ARRAY_OF_STRING, 18, DATA_STRING, 1, 1)                                                      \
    X(DECIMAL, 19, DATA_DECIMAL, 0, 1)                                                             \
    X(ARRAY_OF_DECIMAL, 20, DATA_DECIMAL, 1, 1)                                                    \
    X(TIME, 21, DATA_LOCAL_TIME, 0, 1)                                                             \
    X(ARRAY_OF_TIME, 22, DATA_LOCAL_TIME, 1, 1)                                                    \
    X(DATE, 23, DATA_LOCAL_DATE, 0, 1)                                                             \
    X(ARRAY_OF_DATE, 24, DATA_LOCAL_DATE, 1, 1)                                                    \
    X(TIMESTAMP, 25, DATA_LOCAL_DATE_TIME, 0, 1)                                                   \
    X(ARRAY_OF_TIMESTAMP, 26, DATA_LOCAL_DATE_TIME, 1, 1)                                          \
    X(TIMESTAMP_WITH_TIMEZONE, 27, DATA_OFFSET_DATE_TIME, 0, 1)                                    \
    X(ARRAY_OF_TIMESTAMP_WITH_TIMEZONE, 28, DATA_OFFSET_DATE_TIME, 1, 1)                           \
    X(COMPACT, 29, DATA_COMPACT, 0, 1)                                                             \
    X(ARRAY_OF_COMPACT, 30, DATA_COMPACT, 1, 1)                                                    \
    X(NULLABLE_BOOLEAN, 33, DATA_BOOL, 0, 1)                                                       \
    X(ARRAY_OF_NULLABLE_BOOLEAN, 34, DATA_BOOL, 1, 1)                                              \
    X(NULLABLE_INT8, 35, DATA_BYTE, 0, 1)                                                          \
    X(ARRAY_OF_NULLABLE_INT8, 36, DATA_BYTE, 1, 1)                                                 \
    X(NULLABLE_INT16, 37, DATA_SHORT, 0, 1)                                                        \
    X(ARRAY_OF_NULLABLE_INT16, 38, DATA_SHORT, 1, 1)                                               \
    X(NULLABLE_INT32, 39, DATA_INT, 0, 1)                                                          \
    X(ARRAY_OF_NULLABLE_INT32, 40, DATA_INT, 1, 1)                                                 \
    X(NULLABLE_INT64, 41, DATA_LONG, 0, 1)                                                         \
    X(ARRAY_OF_NULLABLE_INT64, 42, DATA_LONG, 1, 1)                                                \
    X(NULLABLE_FLOAT32, 43, DATA_FLOAT, 0, 1)                                                      \
    X(ARRAY_OF_NULLABLE_FLOAT32, 44, DATA_FLOAT, 1, 1)                                             \
    X(NULLABLE_FLOAT64, 45, DATA_DOUBLE, 0, 1)                                                     \
    X(ARRAY_OF_NULLABLE_FLOAT64, 46, DATA_DOUBLE, 1, 1)

enum schema_kind {
#define X(name, number, data, array, nullable) SCHEMA_##name = number,
    SCHEMA_KIND_MAP(X)
#undef X
        SCHEMA_KINDS
};

/* What a kind means: a value, or an array whose items may or may not be null. */
struct schema_kind_info {
    const char *name; /* NULL: there is no such kind in Compact */
    uint8_t data;     /* enum data_kind of the value, or of an item */
    bool array;
    bool nullable; /* the value, or an item; an array itself can always be null */
};

extern const struct schema_kind_info schema_kinds[SCHEMA_KINDS];

/* A field as it is told: by a client's message or by a program. */
struct schema_field_spec {
    const char *name;
    uint32_t name_size;
    int32_t kind; /* as the wire says it, believed by schema_new only when it is in the list */
};

/* A field as it is placed. */
struct schema_field {
    const char *name; /* also NUL-terminated */
    uint32_t name_size;
    uint32_t at;  /* fixed: offset in the fixed area; variable: index in the offsets table */
    uint8_t kind; /* enum schema_kind */
    uint8_t bit;  /* SCHEMA_BOOLEAN: in the byte at `at` */
    bool variable;
};

struct schema {
    uint64_t id;
    const char *type_name;
    uint32_t type_name_size;
    uint32_t fixed_size; /* bytes of the fixed area, bits included */
    uint32_t variables;  /* fields in the offsets table */
    uint32_t fields;
    struct schema_field field[]; /* by name */
};

/* Makes a schema of `count` fields, told in any order; copies the names. schema_free gives it
 * back. The error is in words, since it goes to whoever wrote the schema.
 * MR_ERR_SCHEMA: two fields of one name, a kind that Compact has not, too many fields, a name
 * that is too long. MR_ERR_MEMORY. */
mr_rc_t schema_new(const char *type_name, uint32_t type_name_size,
                   const struct schema_field_spec *fields, uint32_t count, struct schema **ret_s,
                   mr_err_t *err);
void schema_free(struct schema *s);

/* NULL: it has no field of this name. */
const struct schema_field *schema_find(const struct schema *s, const char *name, uint32_t size);

bool schema_equal(const struct schema *a, const struct schema *b);

/* Zero-initialised is an empty registry. */
struct schema_registry {
    void *root;
    uint64_t count;
};

/* The one of this process. */
struct schema_registry *schema_registry_shared(void);

/* Adds s, or finds that it is known. Takes s over; on failure it stays yours. *ret_s is what the
 * registry holds, for as long as it lives.
 * MR_ERR_SCHEMA: the id is known with another content. MR_ERR_FULL: SCHEMAS_MAX. MR_ERR_MEMORY. */
mr_rc_t schema_registry_add(struct schema_registry *r, struct schema *s,
                            const struct schema **ret_s);

/* NULL: not known. */
const struct schema *schema_registry_find(struct schema_registry *r, uint64_t id);

/* Visits those that it holds, in any order. */
void schema_registry_each(const struct schema_registry *r,
                          void (*visit)(void *context, const struct schema *s), void *context);

/* Frees all that it holds; nobody may still be reading. */
void schema_registry_clear(struct schema_registry *r);

#endif
