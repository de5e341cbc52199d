/* text.h - building text in a fixed room, and reading the small values people write.
 *
 * A struct text fills a buffer that its owner gave it. It never writes beyond, it is always
 * NUL-terminated, and once something did not fit it stays cut, so that a caller appends in peace
 * and looks once. text_mark and text_back take back what turned out not to fit:
 *
 *     |level=warn event=x|map="a very lo    <- cut
 *                        ^ mark: back to here, and the line is whole again
 *
 * The readers accept one spelling and no more: no white space, no sign where none makes sense,
 * nothing after the unit. Each has a sentence, TEXT_..._FORM, that says what it expects.
 *
 * No allocation, no locale. A struct text belongs to one thread at a time.
 */
#ifndef NET_BASE_TEXT_H
#define NET_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/error.h"

struct text {
    char *at;
    size_t room; /* of the buffer, the NUL included */
    size_t size; /* written, the NUL left out */
    bool cut;    /* something did not fit; nothing has been written since */
};

/* `room` is at least 1. */
void text_init(struct text *t, char *buffer, size_t room);

/* Appends all of it, or nothing and the text is cut. */
void text_bytes(struct text *t, const void *bytes, size_t size);
void text_put(struct text *t, const char *string);
void text_char(struct text *t, char c);
void text_u64(struct text *t, uint64_t v);
void text_i64(struct text *t, int64_t v);
void text_digits(struct text *t, uint64_t v, int width); /* with leading zeros, at least `width` */
void text_hex(struct text *t, uint64_t v, int width);

static inline size_t text_mark(const struct text *t)
{
    return t->size;
}

/* Takes back everything since `mark`, a cut too. */
void text_back(struct text *t, size_t mark);

#define TEXT_DURATION_FORM "a whole number and ms, s, m, h or d, such as 500ms or 10s"
#define TEXT_SIZE_FORM     "a whole number and a unit, such as 512MiB (2^20 bytes) or 512MB (10^6)"
#define TEXT_BOOL_FORM     "true or false"

/* The readers answer MR_ERR_MALFORMED for text of another form, MR_ERR_TOO_LARGE for a number
 * that does not fit, and leave the result untouched then. */

/* "500ms", "10s", "2m", "1h", "7d", and "0". Other bare numbers are refused: too many settings
 * elsewhere have taken seconds for milliseconds. */
mr_rc_t text_to_ms(const char *string, uint64_t *ret_ms);

/* KiB, MiB, GiB, TiB are powers of 1024; kB or KB, MB, GB, TB are powers of 1000; B or nothing
 * is bytes. */
mr_rc_t text_to_bytes(const char *string, uint64_t *ret_bytes);

/* true, yes, on; false, no, off. */
mr_rc_t text_to_bool(const char *string, bool *ret_v);

/* A decimal integer; MR_ERR_ARGUMENT when it is not within min .. max. */
mr_rc_t text_to_i64(const char *string, int64_t min, int64_t max, int64_t *ret_v);

#endif
