/* escape.h - text of unknown origin, made safe to stand in a line.
 *
 * What comes out is printable UTF-8 on one line: control characters (C1 too, which terminals
 * obey), quotes, backslashes and bytes that are not UTF-8 are written as escapes. `rest`, such
 * as "...", is added inside the quotes. Pure; like every text_ function, a value that does not
 * fit leaves the text cut.
 */
#ifndef NET_BASE_ESCAPE_H
#define NET_BASE_ESCAPE_H

#include <stddef.h>

#include "net/base/text.h"

/* A JSON string, quotes included. A byte that is not UTF-8 becomes U+FFFD. */
void escape_json(struct text *t, const char *at, size_t size, const char *rest);

/* A logfmt value: bare when it is one plain word, else quoted. Control characters and bytes that
 * are not UTF-8 become \xNN. */
void escape_logfmt(struct text *t, const char *at, size_t size, const char *rest);

#endif
