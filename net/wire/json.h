/* json.h - fields of a JSON text, read in place.
 *
 * A query asks a million documents for one field each, so nothing is built: a struct json is a
 * place in the text, and walking over an object's members or an array's items moves on behind each
 * of them once.
 *
 *     {"name": "ada", "tags": ["a", "b"], "born": {"year": 1815}}
 *      └ json_member(.., "born") ───────────────▶ {"year": 1815}
 *                                                  └ json_member(.., "year") ──▶ 1815
 *
 * What is asked for is checked; what is passed over only has to have its strings closed and its
 * brackets match, so a text with a mistake in a field that nobody reads gives the other fields.
 * Of members with one name the first counts.
 *
 * Invariants: nothing outside of the bytes given is read; no allocation, no recursion; at most
 * JSON_DEPTH_MAX brackets deep. Pure; a struct json borrows the text. Any thread.
 *
 * Source: RFC 8259.
 */
#ifndef NET_WIRE_JSON_H
#define NET_WIRE_JSON_H

#include "net/wire/scalar.h"

enum { JSON_DEPTH_MAX = 64 };

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    const uint8_t *at; /* a string's first character, behind the quote */
    uint32_t size;     /* of an array or object from json_open: up to the end of the text */
    uint8_t kind;      /* enum json_kind */
    bool escaped;      /* a string with backslashes: json_text says what it means */
};

/* Where a walk over an array or object is. */
struct json_walk {
    const uint8_t *at, *end;
    bool object, begun;
};

/* The value that a text is. MR_ERR_MALFORMED: there is none, or something stands behind it, which
 * for an array or object only walking over it can tell. */
mr_rc_t json_open(const void *text, uint32_t size, struct json *ret_v);

/* Begins a walk over an array or object. */
struct json_walk json_walk(const struct json *v);

/* The next item, or member and its name. MR_NOT_FOUND: there is none any more. ret_name may be
 * NULL. MR_ERR_MALFORMED. */
mr_rc_t json_next(struct json_walk *w, struct json *ret_name, struct json *ret_v);

/* MR_NOT_FOUND: v is no object, or has no such member. MR_ERR_MALFORMED: the text is broken before
 * the member is found. */
mr_rc_t json_member(const struct json *v, const char *name, uint32_t size, struct json *ret_v);

/* MR_NOT_FOUND: v is no array, or is shorter. MR_ERR_MALFORMED. */
mr_rc_t json_item(const struct json *v, uint32_t i, struct json *ret_v);

/* Does a string say this? */
bool json_says(const struct json *string, const void *text, uint32_t size);

/* Writes what a string means. A surrogate without its other half becomes U+FFFD.
 * MR_ERR_MALFORMED: an unknown escape; else what sink_state says. */
mr_rc_t json_text(const struct json *string, struct sink *out);

/* A value as a scalar: null, bool, long or double, string; an array or object is a DATA_JSON. An
 * escaped string is written to `text`, where the scalar's bytes then are. */
mr_rc_t json_scalar(const struct json *v, struct sink *text, struct scalar *ret_v);

#endif
