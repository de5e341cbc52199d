#include "grid/query/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    STEPS_MAX = 100000, /* some milliseconds */
    DEPTH_MAX = 2000,
    HEAP_MAX_KIB = 1024,
    NESTING_MAX = 50
};

static void *from_arena(size_t size, void *arena)
{
    return arena_alloc(arena, size);
}

static void leave_to_arena(void *p, void *arena)
{
    (void)p, (void)arena;
}

static void *from_heap(size_t size, void *unused)
{
    (void)unused;
    return mem_alloc(size);
}

static void to_heap(void *p, void *unused)
{
    (void)unused;
    mem_free(p);
}

mr_rc_t regex_compile(const char *text, size_t size, struct arena *arena,
                      const struct regex **ret_r, mr_err_t *err)
{
    pcre2_general_context *memory = pcre2_general_context_create(from_arena, leave_to_arena, arena);
    pcre2_compile_context *limits = memory ? pcre2_compile_context_create(memory) : NULL;
    PCRE2_UCHAR8 why[128] = "";
    PCRE2_SIZE at = 0;
    int code = 0;

    if (!limits)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a regular expression");
    pcre2_set_max_pattern_length(limits, REGEX_SIZE_MAX);
    pcre2_set_parens_nest_limit(limits, NESTING_MAX);

    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR8)text, size,
                      PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                          PCRE2_ANCHORED | PCRE2_ENDANCHORED,
                      &code, &at, limits);
    if (!compiled) {
        if (code == PCRE2_ERROR_HEAP_FAILED)
            return fail(err, MR_ERR_MEMORY, NULL, "no memory for a regular expression");
        pcre2_get_error_message(code, why, sizeof why);
        return fail(err, MR_ERR_ARGUMENT, NULL,
                    "the regular expression \"%.*s\": %s at character %zu",
                    size < 100 ? (int)size : 100, text, (const char *)why, at + 1);
    }
    *ret_r = (const struct regex *)compiled;
    return MR_OK;
}

static bool scratch_ready(struct regex_scratch *s)
{
    pcre2_general_context *memory;

    if (s->match)
        return true;
    if (!(memory = pcre2_general_context_create(from_heap, to_heap, NULL)))
        return false;
    s->limits = pcre2_match_context_create(memory);
    s->match = s->limits ? pcre2_match_data_create(1, memory) : NULL;
    pcre2_general_context_free(memory); /* each has a copy of it */
    if (!s->match) {
        regex_scratch_clear(s);
        return false;
    }
    pcre2_set_match_limit(s->limits, STEPS_MAX);
    pcre2_set_depth_limit(s->limits, DEPTH_MAX);
    pcre2_set_heap_limit(s->limits, HEAP_MAX_KIB);
    return true;
}

bool regex_matches(const struct regex *r, struct regex_scratch *scratch, const uint8_t *text,
                   size_t size)
{
    if (!scratch_ready(scratch))
        return false;

    int found =
        pcre2_match((const pcre2_code *)r, text, size, 0, 0, scratch->match, scratch->limits);

    if (found < PCRE2_ERROR_PARTIAL)
        scratch->gave_up = true;
    return found >= 0;
}

void regex_scratch_clear(struct regex_scratch *scratch)
{
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->limits);
    *scratch = (struct regex_scratch){0};
}
