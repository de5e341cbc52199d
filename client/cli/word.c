#include "client/cli/word.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- typed ---------------------------------------------------------------------------------- */

static int parse_i64(const char *word, long long min, long long max, int64_t *ret_n)
{
    char *end;

    errno = 0;
    long long n = strtoll(word, &end, 10);

    if (*end || end == word || errno || n < min || n > max)
        return 0;
    *ret_n = n;
    return 1;
}

static int parse_f64(const char *word, double *ret_n)
{
    char *end;

    if (strspn(word, "+-0123456789.eE") != strlen(word)) /* no hexadecimals, no "nan" */
        return 0;
    *ret_n = strtod(word, &end);
    return !*end && end != word;
}

static int as_integer(const char *word, int kind, mr_ref_t *ret_v)
{
    int64_t n;
    int narrow = kind == MR_KIND_I32;

    if (!parse_i64(word, narrow ? INT32_MIN : INT64_MIN, narrow ? INT32_MAX : INT64_MAX, &n))
        return 0;
    *ret_v = mr_ref_from_i64(kind, n);
    return 1;
}

static int as_real(const char *word, mr_ref_t *ret_v)
{
    double n;

    if (!parse_f64(word, &n))
        return 0;
    *ret_v = MR_F64(n);
    return 1;
}

static void as_it_looks(const char *word, mr_ref_t *ret_v)
{
    if (as_integer(word, MR_KIND_I64, ret_v) || as_real(word, ret_v))
        return;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        *ret_v = MR_BOOL(*word == 't');
    else if (*word == '{' || *word == '[')
        *ret_v = MR_JSON(word);
    else
        *ret_v = MR_STR(word);
}

int word_parse(const char *word, mr_ref_t *ret_v)
{
    if (strncmp(word, "i32:", 4) == 0)
        return as_integer(word + 4, MR_KIND_I32, ret_v);
    if (strncmp(word, "i64:", 4) == 0)
        return as_integer(word + 4, MR_KIND_I64, ret_v);
    if (strncmp(word, "f64:", 4) == 0)
        return as_real(word + 4, ret_v);
    if (strncmp(word, "str:", 4) == 0)
        *ret_v = MR_STR(word + 4);
    else if (strncmp(word, "json:", 5) == 0)
        *ret_v = MR_JSON(word + 5);
    else
        as_it_looks(word, ret_v);
    return 1;
}

/* ---- printed -------------------------------------------------------------------------------- */

static int moment_of(const mr_ref_t *v, char room[WORD_ROOM])
{
    const mr_time_t *t = &v->as.time;
    int n = 0;

    if (v->kind != MR_KIND_TIME)
        n += snprintf(room, WORD_ROOM, "%04d-%02d-%02d", (int)t->year, t->month, t->day);
    if (v->kind == MR_KIND_DATE)
        return n;
    n += snprintf(room + n, WORD_ROOM - (size_t)n, "%s%02d:%02d:%02d.%09u", n ? "T" : "", t->hour,
                  t->minute, t->second, (unsigned)t->nanos);
    if (v->kind == MR_KIND_DATETIME_TZ)
        n += snprintf(room + n, WORD_ROOM - (size_t)n, "%c%02d:%02d", t->offset_s < 0 ? '-' : '+',
                      abs(t->offset_s) / 3600, abs(t->offset_s) / 60 % 60);
    return n;
}

/* The first bytes of what has no words. */
static int bytes_of(const mr_ref_t *v, char room[WORD_ROOM])
{
    enum { SHOWN = 24 };
    const unsigned char *at = v->as.ptr;
    int n = snprintf(room, WORD_ROOM, "0x");

    for (uint32_t i = 0; i < v->len && i < SHOWN; i++)
        n += snprintf(room + n, WORD_ROOM - (size_t)n, "%02x", at[i]);
    if (v->len > SHOWN)
        n += snprintf(room + n, WORD_ROOM - (size_t)n, ".. (%u bytes)", v->len);
    return n;
}

static int uuid_of(const mr_ref_t *v, char room[WORD_ROOM])
{
    unsigned long long h = v->as.uuid.high, l = v->as.uuid.low;

    return snprintf(room, WORD_ROOM, "%08llx-%04llx-%04llx-%04llx-%012llx", h >> 32,
                    h >> 16 & 0xffff, h & 0xffff, l >> 48, l & 0xffffffffffff);
}

const char *word_of(mr_ref_t v, char room[WORD_ROOM], size_t *ret_size, int *ret_bare)
{
    int n;

    *ret_bare = 1;
    switch (v.kind) {
    case MR_KIND_STR:
        *ret_bare = 0;
        *ret_size = v.len;
        return v.as.str;
    case MR_KIND_JSON: *ret_size = v.len; return v.as.str;
    case MR_KIND_NULL: n = snprintf(room, WORD_ROOM, "null"); break;
    case MR_KIND_BOOL: n = snprintf(room, WORD_ROOM, v.as.boolean ? "true" : "false"); break;
    case MR_KIND_I8:
    case MR_KIND_I16:
    case MR_KIND_I32:
    case MR_KIND_I64:
    case MR_KIND_CHAR:
    case MR_KIND_DATE_MS: n = snprintf(room, WORD_ROOM, "%lld", (long long)v.as.i64); break;
    case MR_KIND_F32:
    case MR_KIND_F64:
        *ret_bare = isfinite(v.as.f64);
        n = snprintf(room, WORD_ROOM, v.kind == MR_KIND_F32 ? "%.9g" : "%.17g", v.as.f64);
        break;
    default:
        *ret_bare = 0;
        if (v.kind >= MR_KIND_DATE && v.kind <= MR_KIND_DATETIME_TZ)
            n = moment_of(&v, room);
        else if (v.kind == MR_KIND_UUID)
            n = uuid_of(&v, room);
        else if (v.kind & MR_KIND_ARRAY)
            n = snprintf(room, WORD_ROOM, "(array of %u)", v.len);
        else
            n = bytes_of(&v, room);
    }
    *ret_size = (size_t)n;
    return room;
}
