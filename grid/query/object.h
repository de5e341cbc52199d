/* object.h - reading the objects inside a Data: predicates, aggregators, and what they hold.
 *
 *     int32 type id │ payload                          a value, or, for type -2:
 *     int32 -2 │ byte 1 │ int32 factory │ int32 class │ fields
 *
 * A reader moves over bytes that came from outside. It stays failed once something did not fit,
 * and gives zeros and nulls from then on, so that who reads fields looks once, at the end, or
 * where a count is to be believed.
 *
 * Pure; a reader and what it gives borrow the bytes. One thread at a time.
 *
 * Source: Hazelcast serialisation format, sections on IdentifiedDataSerializable and on type ids.
 */
#ifndef GRID_QUERY_OBJECT_H
#define GRID_QUERY_OBJECT_H

#include "net/wire/scalar.h"

struct object_reader {
    const uint8_t *at, *end;
    bool failed;
};

/* Which class an object is of. */
struct object_class {
    int32_t type; /* -2, or what else it is */
    int32_t factory, id;
};

/* Begins behind the header of a Data, and says what it is; for a Data of another type than -2,
 * only that. */
struct object_reader object_open(const struct data *d, struct object_class *ret_class);

/* Begins at an object in the fields of another. */
struct object_class object_begin(struct object_reader *r);

uint8_t object_u8(struct object_reader *r);
int32_t object_i32(struct object_reader *r);

/* A text, of kind DATA_STRING, or DATA_NULL. */
struct scalar object_text(struct object_reader *r);

/* A value with its type id: null, a number, a text, a date and so on; not an array, a record or
 * another object, whose end could not be told: then the reader fails. */
struct scalar object_value(struct object_reader *r);

/* A count of things that take `least` bytes each; more than there are bytes for is a failure, and
 * 0. A count of -1, no list at all, is 0. */
uint32_t object_count(struct object_reader *r, uint32_t least);

/* Writes a value in the same form. An array whose items have no array type: MR_ERR_TYPE. */
mr_rc_t object_put(struct sink *out, struct scalar *v);

/* The same for a whole Data, whatever it is. */
void object_put_data(struct sink *out, const struct data *d);

/* A whole entry, of the class that clients of every language know. */
void object_put_entry(struct sink *out, const struct data *key, const struct data *value);

#endif
