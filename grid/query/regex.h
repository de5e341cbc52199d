/* regex.h - regular expressions from outside, with an end to what they may cost.
 *
 * Java's and Perl's syntax agree in all that predicates use, so PCRE2 does the work. An expression
 * can be written that takes for ever on the wrong text; here it gives up after a fixed amount of
 * work, which counts as no match and is said in scratch->gave_up.
 *
 * A regex is immutable and lives in its arena. A scratch belongs to one thread at a time.
 */
#ifndef GRID_QUERY_REGEX_H
#define GRID_QUERY_REGEX_H

#include <stdint.h>

#include "net/base/error.h"
#include "net/base/mem.h"

enum { REGEX_SIZE_MAX = 4096 };

struct regex;

struct regex_scratch {
    void *match, *limits; /* made at the first match */
    bool gave_up;
};

/* MR_ERR_ARGUMENT: the expression is wrong, and err says where. MR_ERR_MEMORY. */
mr_rc_t regex_compile(const char *text, size_t size, struct arena *arena,
                      const struct regex **ret_r, mr_err_t *err);

/* Does the whole text match? Also no, when there is no memory for the scratch. */
bool regex_matches(const struct regex *r, struct regex_scratch *scratch, const uint8_t *text,
                   size_t size);

void regex_scratch_clear(struct regex_scratch *scratch);

#endif
