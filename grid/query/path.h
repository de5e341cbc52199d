/* path.h - the name of an attribute, and reading what it names.
 *
 *     this                    the value               __key            the key
 *     name   this.name        a field of it           __key.x  __key#x a field of the key
 *     address.street          of a record in a record, or a JSON object in an object
 *     tags[0]   tags[any]     an item of an array, each of its items
 *
 * A path is parsed once and then read from many records. What a name means in a Compact record is
 * asked of its schema once, and kept by the reader: one field of a million records is looked up
 * once. JSON is walked in place.
 *
 * What is not there is null: a field that a schema has not, an item beyond the end, a step into
 * something that has no fields, bytes that are broken. That is how records of several versions
 * live in one map. A record whose schema is not known yet is null as well, and said to be so in
 * reader->blind, because later it may turn out to have had a value all along.
 *
 * Portable objects and Java's collections are not opened: what is in them is null.
 *
 * Threads: a path is immutable. A reader belongs to one thread at a time, and to paths that live
 * as long as it does. What a reader gives is good until its next read, and as long as the record.
 */
#ifndef GRID_QUERY_PATH_H
#define GRID_QUERY_PATH_H

#include "net/base/mem.h"
#include "net/wire/compact.h"
#include "net/wire/scalar.h"

enum { PATH_STEPS_MAX = 32, PATH_SIZE_MAX = 4096 };

enum path_pick { PICK_ALL, PICK_ITEM, PICK_ANY };

struct path_step {
    const char *name;   /* not NUL-terminated */
    uint32_t name_size; /* 0: no field, only a pick of the value itself */
    uint32_t item;      /* of PICK_ITEM */
    uint8_t pick;       /* enum path_pick */
};

struct path {
    const char *text; /* as it was given, and a NUL */
    uint32_t steps;
    bool of_key;
    bool many; /* has a PICK_ANY: may name several values, or none */
    struct path_step step[];
};

/* Parses `size` characters into the arena. MR_ERR_ARGUMENT, with the reason in err; MR_ERR_MEMORY.
 */
mr_rc_t path_parse(const char *text, size_t size, struct arena *arena, const struct path **ret_p,
                   mr_err_t *err);

/* Do they name the same? */
bool path_equal(const struct path *a, const struct path *b);

enum { PATH_READER_SLOTS = 16 };

struct path_reader {
    struct schema_registry *schemas;
    const struct schema *schema; /* of the record read last */
    struct path_slot {
        const struct path_step *step;
        const struct schema *schema;
        const struct schema_field *field;
    } slot[PATH_READER_SLOTS];
    struct sink text; /* JSON strings with escapes, as they are meant */
    bool blind;       /* some schema was not known; the caller sets it back */
};

/* NULL: the schemas of this process. */
void path_reader_init(struct path_reader *r, struct schema_registry *schemas);
void path_reader_clear(struct path_reader *r);

/* Reads a path that names one value; of one that names many, the first. */
void path_read(const struct path *p, struct path_reader *r, const struct data *key,
               const struct data *value, struct scalar *ret_v);

/* Calls visit for each value that is named, until it returns true, and returns whether it did. An
 * array that is empty or null gives one null, which a condition can ask for. */
bool path_any(const struct path *p, struct path_reader *r, const struct data *key,
              const struct data *value, bool (*visit)(void *context, const struct scalar *v),
              void *context);

/* The same, but an array that is empty or null gives nothing: there is nothing to add up. */
bool path_each(const struct path *p, struct path_reader *r, const struct data *key,
               const struct data *value, bool (*visit)(void *context, const struct scalar *v),
               void *context);

#endif
