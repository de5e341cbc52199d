/* error.h - the public error list, and the one function that puts an error into words.
 *
 * Inside, a function returns mr_rc_t and nothing else; words are made only where people look
 * (configuration, the public API), by fail(), at the line that knows the names and the numbers.
 */
#ifndef NET_BASE_ERROR_H
#define NET_BASE_ERROR_H

#include <stdarg.h>

#include "client/include/millrace/error.h"

/* Fills err (NULL is allowed) and returns code, so that a caller can write
 *     return fail(err, MR_ERR_TYPE, "read it with mr_val_i64", "key %s holds a long", name);
 * hint may be NULL. An err that is already filled keeps its first cause. */
mr_rc_t fail(mr_err_t *err, mr_rc_t code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds the facts line to an err that fail() filled; nothing when err is NULL. */
void fail_detail(mr_err_t *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
