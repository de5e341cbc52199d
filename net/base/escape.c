#include "net/base/escape.h"

/* One character of UTF-8 at the start of `size` bytes: its bytes, or 0 when it is not one.
 * Overlong forms, surrogates and numbers beyond U+10FFFF are not (RFC 3629). */
static size_t character(const uint8_t *at, size_t size, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = at[0] < 0x80       ? 1
               : at[0] >> 5 == 6  ? 2
               : at[0] >> 4 == 14 ? 3
               : at[0] >> 3 == 30 ? 4
                                  : 0;

    if (n == 0 || n > size)
        return 0;
    uint32_t code = n == 1 ? at[0] : at[0] & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret_code = code;
    return n;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* The short escapes that JSON and logfmt share; 0 when there is none. */
static char short_escape(uint32_t code)
{
    switch (code) {
    case '"': return '"';
    case '\\': return '\\';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 0;
    }
}

static void quoted(struct text *t, const char *from, size_t size, const char *rest, bool json)
{
    const uint8_t *at = (const uint8_t *)from;
    const uint8_t *end = at + size;
    uint32_t code = 0;

    text_char(t, '"');
    while (at < end) {
        size_t n = character(at, (size_t)(end - at), &code);

        if (n == 0 && json) {
            text_put(t, "\\ufffd");
        } else if (n == 0) {
            text_put(t, "\\x");
            text_hex(t, *at, 2);
        } else if (short_escape(code)) {
            text_char(t, '\\');
            text_char(t, short_escape(code));
        } else if (is_control(code)) {
            text_put(t, json ? "\\u" : "\\x");
            text_hex(t, code, json ? 4 : 2);
        } else {
            text_bytes(t, at, n);
        }
        at += n ? n : 1;
    }
    text_put(t, rest);
    text_char(t, '"');
}

static bool is_plain_word(const char *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (at[i] <= ' ' || at[i] >= 0x7f || at[i] == '"' || at[i] == '=' || at[i] == '\\')
            return false;
    return size > 0;
}

void escape_json(struct text *t, const char *at, size_t size, const char *rest)
{
    quoted(t, at, size, rest, true);
}

void escape_logfmt(struct text *t, const char *at, size_t size, const char *rest)
{
    if (*rest == '\0' && is_plain_word(at, size))
        text_bytes(t, at, size);
    else
        quoted(t, at, size, rest, false);
}
