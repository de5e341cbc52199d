/* text.c - values as text: the same in every language (text.js), and the same each time.
 *
 * The fields of records are asked for by their names, in order, since records do not tell them. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

static void show_text(FILE *out, mr_ref_t v)
{
    fputc('"', out);
    for (uint32_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.as.str[i];

        if (c == '\n')
            fputs("\\n", out);
        else if (c < ' ')
            fprintf(out, "\\u%04x", c);
        else
            fprintf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    fputc('"', out);
}

static void show_real(FILE *out, double v)
{
    if (isfinite(v))
        fprintf(out, "%.15g", v);
    else
        fputs(isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity", out);
}

/* A two's complement number of any size, by dividing it by ten again and again. */
static void show_decimal(FILE *out, mr_ref_t v)
{
    int scale = v.kind == MR_KIND_DECIMAL ? v.as.decimal.scale : 0;
    unsigned char at[64];
    char text[200];
    int size = (int)v.len, n = sizeof text, negative, left = 1;

    memcpy(at, v.as.ptr, v.len);
    negative = at[0] >> 7;
    for (int i = size - 1, carry = 1; negative && i >= 0; i--) {
        int byte = (unsigned char)~at[i] + carry;

        at[i] = (unsigned char)byte;
        carry = byte >> 8;
    }
    for (int places = 0; left || places <= scale; places++) {
        int rest = 0;

        if (places == scale && places > 0)
            text[--n] = '.';
        left = 0;
        for (int i = 0; i < size; i++) {
            int now = rest << 8 | at[i];

            at[i] = (unsigned char)(now / 10);
            rest = now % 10;
            left |= at[i];
        }
        text[--n] = (char)('0' + rest);
    }
    fprintf(out, "%s%.*s", negative ? "-" : "", (int)sizeof text - n, text + n);
}

static void show_moment(FILE *out, mr_ref_t v)
{
    const mr_time_t *t = &v.as.time;

    if (v.kind != MR_KIND_TIME)
        fprintf(out, "%s%04d-%02d-%02d", t->year < 0 ? "-" : "", abs(t->year), t->month, t->day);
    if (v.kind == MR_KIND_DATE)
        return;
    fprintf(out, "%s%02d:%02d:%02d", v.kind == MR_KIND_TIME ? "" : "T", t->hour, t->minute,
            t->second);
    if (t->nanos)
        fprintf(out, ".%09u", (unsigned)t->nanos);
    if (v.kind == MR_KIND_DATETIME_TZ)
        fprintf(out, "%c%02d:%02d", t->offset_s < 0 ? '-' : '+', abs(t->offset_s) / 3600,
                abs(t->offset_s) / 60 % 60);
}

static void show_milliseconds(FILE *out, int64_t ms)
{
    int64_t part = (ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((ms - part) / 1000);
    struct tm tm;
    char text[32];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(out, "%s.%03dZ", text, (int)part);
}

static void show_bytes(FILE *out, mr_ref_t v)
{
    const unsigned char *at = v.as.ptr;

    fputs("bytes ", out);
    for (uint32_t i = 0; i < v.len; i++)
        fprintf(out, "%02x", at[i]);
}

static void show_uuid(FILE *out, mr_uuid_t uuid)
{
    unsigned long long high = uuid.high, low = uuid.low;

    fprintf(out, "%08llx-%04llx-%04llx-%04llx-%012llx", high >> 32, high >> 16 & 0xffff,
            high & 0xffff, low >> 48, low & 0xffffffffffff);
}

static void show_array(FILE *out, mr_ref_t v)
{
    fputc('[', out);
    for (uint32_t i = 0; i < v.len; i++) {
        mr_ref_t item = MR_NULL;

        mr_ref_item(&v, i, &item, NULL);
        fputs(i ? ", " : "", out);
        show(out, item);
    }
    fputc(']', out);
}

/* With one space after what separates. */
static void show_json(FILE *out, mr_ref_t v)
{
    int inside = 0;

    for (uint32_t i = 0; i < v.len; i++) {
        char c = v.as.str[i];

        inside ^= c == '"' && (i == 0 || v.as.str[i - 1] != '\\');
        if (inside || c != ' ')
            fputc(c, out);
        if (!inside && (c == ':' || c == ','))
            fputc(' ', out);
    }
}

static void show_record(FILE *out, mr_ref_t v, const char *class_name, const char *const *fields)
{
    fprintf(out, "%s {", class_name);
    for (int i = 0; fields[i]; i++) {
        mr_ref_t field = MR_STR("no such field");

        mr_rec_get(v, fields[i], &field, NULL);
        fprintf(out, "%s\"%s\": ", i ? ", " : "", fields[i]);
        show(out, field);
    }
    fputc('}', out);
}

/* By a field that only one of them has. */
static void show_one_of_ours(FILE *out, mr_ref_t v)
{
    static const char *const department[] = {"floor", "name", NULL};
    static const char *const employee[] = {"active", "age",    "department", "hired", "id",
                                           "name",   "salary", "tags",       NULL};
    static const char *const kinds[] = {
        "amount",  "big",    "bits",    "date", "flag",   "holes", "none",
        "nothing", "number", "numbers", "real", "single", "small", "something",
        "stamp",   "time",   "tiny",    "word", "words",  "zoned", NULL};
    mr_ref_t any;

    if (mr_rec_get(v, "floor", &any, NULL) == MR_OK)
        show_record(out, v, "Department", department);
    else if (mr_rec_get(v, "salary", &any, NULL) == MR_OK)
        show_record(out, v, "Employee", employee);
    else
        show_record(out, v, "Kinds", kinds);
}

void show(FILE *out, mr_ref_t v)
{
    if (v.kind & MR_KIND_ARRAY) {
        show_array(out, v);
        return;
    }
    switch (v.kind) {
    case MR_KIND_NULL: fputs("null", out); break;
    case MR_KIND_BOOL: fputs(v.as.boolean ? "true" : "false", out); break;
    case MR_KIND_F32:
    case MR_KIND_F64: show_real(out, v.as.f64); break;
    case MR_KIND_STR: show_text(out, v); break;
    case MR_KIND_JSON: show_json(out, v); break;
    case MR_KIND_BYTES: show_bytes(out, v); break;
    case MR_KIND_BIGINT:
    case MR_KIND_DECIMAL: show_decimal(out, v); break;
    case MR_KIND_REC: show_one_of_ours(out, v); break;
    case MR_KIND_UUID: show_uuid(out, v.as.uuid); break;
    case MR_KIND_DATE_MS: show_milliseconds(out, v.as.i64); break;
    case MR_KIND_DATE:
    case MR_KIND_TIME:
    case MR_KIND_DATETIME:
    case MR_KIND_DATETIME_TZ: show_moment(out, v); break;
    default: fprintf(out, "%lld", (long long)v.as.i64);
    }
}
