#include "net/wire/json.h"

#include <string.h>

#include "net/base/check.h"
#include "net/wire/number.h"

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* Each of these takes one value from the front, and gives where it ends, NULL when it does not. */

static const uint8_t *take_string(const uint8_t *at, const uint8_t *end, struct json *v)
{
    const uint8_t *begin = ++at; /* behind the quote */
    bool escaped = false;

    for (; at < end && *at != '"'; at++) {
        if (*at != '\\')
            continue;
        escaped = true;
        if (++at == end)
            return NULL;
    }
    if (at == end)
        return NULL;
    *v = (struct json){begin, (uint32_t)(at - begin), JSON_STRING, escaped};
    return at + 1;
}

static const uint8_t *take_number(const uint8_t *at, const uint8_t *end, struct json *v)
{
    const uint8_t *begin = at;

    while (at < end && ((*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == '.' ||
                        *at == 'e' || *at == 'E'))
        at++;
    *v = (struct json){begin, (uint32_t)(at - begin), JSON_NUMBER, false};
    return at;
}

static const uint8_t *take_word(const uint8_t *at, const uint8_t *end, struct json *v)
{
    static const struct {
        const char *word;
        uint8_t size, kind;
    } words[] = {{"null", 4, JSON_NULL}, {"false", 5, JSON_FALSE}, {"true", 4, JSON_TRUE}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (end - at >= words[i].size && memcmp(at, words[i].word, words[i].size) == 0) {
            *v = (struct json){at, words[i].size, words[i].kind, false};
            return at + words[i].size;
        }
    return NULL;
}

/* Passes over brackets and all between them. A bit a level says which bracket is to come. */
static const uint8_t *take_container(const uint8_t *at, const uint8_t *end, struct json *v)
{
    const uint8_t *begin = at;
    struct json string;
    uint64_t objects = 0;
    int depth = 0;

    while (at < end) {
        switch (*at) {
        case '"':
            if (!(at = take_string(at, end, &string)))
                return NULL;
            continue;
        case '{':
        case '[':
            if (depth++ == JSON_DEPTH_MAX)
                return NULL;
            objects = objects << 1 | (*at == '{');
            break;
        case '}':
        case ']':
            if ((objects & 1) != (*at == '}'))
                return NULL;
            objects >>= 1;
            if (--depth > 0)
                break;
            *v = (struct json){begin, (uint32_t)(at + 1 - begin),
                               *begin == '{' ? JSON_OBJECT : JSON_ARRAY, false};
            return at + 1;
        default: break;
        }
        at++;
    }
    return NULL;
}

static const uint8_t *take(const uint8_t *at, const uint8_t *end, struct json *v)
{
    if (at == end)
        return NULL;
    switch (*at) {
    case '"': return take_string(at, end, v);
    case '{':
    case '[': return take_container(at, end, v);
    case 'n':
    case 't':
    case 'f': return take_word(at, end, v);
    default: return *at == '-' || (*at >= '0' && *at <= '9') ? take_number(at, end, v) : NULL;
    }
}

mr_rc_t json_open(const void *text, uint32_t size, struct json *ret_v)
{
    const uint8_t *end = (const uint8_t *)text + size;
    const uint8_t *at = skip_space(text, end);
    struct json v;

    if (at < end && (*at == '{' || *at == '[')) {
        *ret_v =
            (struct json){at, (uint32_t)(end - at), *at == '{' ? JSON_OBJECT : JSON_ARRAY, false};
        return MR_OK;
    }
    if (!(at = take(at, end, &v)) || skip_space(at, end) != end)
        return MR_ERR_MALFORMED;
    *ret_v = v;
    return MR_OK;
}

struct json_walk json_walk(const struct json *v)
{
    check(v->kind == JSON_ARRAY || v->kind == JSON_OBJECT);
    return (struct json_walk){v->at + 1, v->at + v->size, v->kind == JSON_OBJECT, false};
}

/* Behind the comma that separates what comes from what was. */
static const uint8_t *to_next(const struct json_walk *w)
{
    const uint8_t *at = skip_space(w->at, w->end);

    if (!w->begun || (at < w->end && (*at == '}' || *at == ']')))
        return at;
    return at < w->end && *at == ',' ? skip_space(at + 1, w->end) : NULL;
}

static const uint8_t *take_name(const uint8_t *at, const uint8_t *end, struct json *name)
{
    if (at == end || *at != '"' || !(at = take_string(at, end, name)))
        return NULL;
    at = skip_space(at, end);
    return at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

mr_rc_t json_next(struct json_walk *w, struct json *ret_name, struct json *ret_v)
{
    const uint8_t *at = to_next(w);
    struct json name = {.kind = JSON_NULL}, v;

    if (!at || at == w->end)
        return MR_ERR_MALFORMED;
    if (*at == (w->object ? '}' : ']'))
        return MR_NOT_FOUND;
    if (w->object && !(at = take_name(at, w->end, &name)))
        return MR_ERR_MALFORMED;
    if (!(at = take(at, w->end, &v)))
        return MR_ERR_MALFORMED;
    w->at = at;
    w->begun = true;
    if (ret_name)
        *ret_name = name;
    *ret_v = v;
    return MR_OK;
}

mr_rc_t json_member(const struct json *v, const char *name, uint32_t size, struct json *ret_v)
{
    if (v->kind != JSON_OBJECT)
        return MR_NOT_FOUND;

    struct json_walk w = json_walk(v);
    struct json its_name, value;
    mr_rc_t rc;

    while ((rc = json_next(&w, &its_name, &value)) == MR_OK)
        if (json_says(&its_name, name, size)) {
            *ret_v = value;
            return MR_OK;
        }
    return rc;
}

mr_rc_t json_item(const struct json *v, uint32_t i, struct json *ret_v)
{
    if (v->kind != JSON_ARRAY)
        return MR_NOT_FOUND;

    struct json_walk w = json_walk(v);
    struct json value;
    mr_rc_t rc;

    while ((rc = json_next(&w, NULL, &value)) == MR_OK)
        if (i-- == 0) {
            *ret_v = value;
            return MR_OK;
        }
    return rc;
}

/* ---- strings --------------------------------------------------------------------------------- */

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool take_unit(const uint8_t *at, const uint8_t *end, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    if (end - at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);

        if (digit < 0)
            return false;
        unit = unit << 4 | (uint32_t)digit;
    }
    *ret_unit = unit;
    return true;
}

/* Reads one character from the front in UTF-8, at most four bytes. NULL: an unknown escape. */
static const uint8_t *take_character(const uint8_t *at, const uint8_t *end, uint8_t *out,
                                     uint32_t *ret_size)
{
    static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint32_t unit, low;

    *ret_size = 1;
    if (*at != '\\') {
        *out = *at;
        return at + 1;
    }
    if (++at == end)
        return NULL;
    if (*at != 'u') {
        for (const char *l = letters; *l; l += 2)
            if (*at == (uint8_t)*l) {
                *out = (uint8_t)l[1];
                return at + 1;
            }
        return NULL;
    }
    if (!take_unit(++at, end, &unit))
        return NULL;
    at += 4;
    if (unit >= 0xd800 && unit < 0xe000) {
        bool pair = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
                    take_unit(at + 2, end, &low) && low >= 0xdc00 && low < 0xe000;

        at += pair ? 6 : 0;
        unit = pair ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
    }
    *ret_size = unit < 0x80 ? 1 : unit < 0x800 ? 2 : unit < 0x10000 ? 3 : 4;
    for (uint32_t i = *ret_size; i-- > 1; unit >>= 6)
        out[i] = (uint8_t)(0x80 | (unit & 0x3f));
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    out[0] = (uint8_t)(first[*ret_size] | unit);
    return at;
}

bool json_says(const struct json *string, const void *text, uint32_t size)
{
    const uint8_t *at = string->at, *end = at + string->size, *said = text;

    if (!string->escaped)
        return string->size == size && memcmp(at, text, size) == 0;
    while (at < end) {
        uint8_t character[4];
        uint32_t n;

        if (!(at = take_character(at, end, character, &n)) || n > size ||
            memcmp(character, said, n) != 0)
            return false;
        said += n;
        size -= n;
    }
    return size == 0;
}

mr_rc_t json_text(const struct json *string, struct sink *out)
{
    const uint8_t *at = string->at, *end = at + string->size;

    check(string->kind == JSON_STRING);
    while (at < end) {
        uint8_t character[4];
        uint32_t n;

        if (!(at = take_character(at, end, character, &n)))
            return MR_ERR_MALFORMED;
        sink_put(out, character, n);
    }
    return sink_state(out);
}

static mr_rc_t string_scalar(const struct json *v, struct sink *text, struct scalar *ret_v)
{
    struct scalar_bytes b = {v->at, v->size, 0};

    if (v->escaped) {
        size_t begin = text->size;
        mr_rc_t rc = json_text(v, text);

        if (rc != MR_OK)
            return rc;
        b = (struct scalar_bytes){text->at + begin, (uint32_t)(text->size - begin), 0};
    }
    *ret_v = (struct scalar){.kind = DATA_STRING, .bytes = b};
    return MR_OK;
}

mr_rc_t json_scalar(const struct json *v, struct sink *text, struct scalar *ret_v)
{
    switch (v->kind) {
    case JSON_NULL: *ret_v = (struct scalar){.kind = DATA_NULL}; return MR_OK;
    case JSON_FALSE:
    case JSON_TRUE:
        *ret_v = (struct scalar){.kind = DATA_BOOL, .boolean = v->kind == JSON_TRUE};
        return MR_OK;
    case JSON_NUMBER: return number_read(v->at, v->size, ret_v);
    case JSON_STRING: return string_scalar(v, text, ret_v);
    default:
        *ret_v = (struct scalar){.kind = DATA_JSON, .bytes = {v->at, v->size, 0}};
        return MR_OK;
    }
}
