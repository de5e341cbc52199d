#include "net/base/text.h"

#include <string.h>

#include "net/base/check.h"

void text_init(struct text *t, char *buffer, size_t room)
{
    check(room > 0);

    *t = (struct text){.at = buffer, .room = room};
    buffer[0] = '\0';
}

void text_bytes(struct text *t, const void *bytes, size_t size)
{
    if (t->cut || size >= t->room - t->size) {
        t->cut = true;
        return;
    }
    if (size)
        memcpy(t->at + t->size, bytes, size);
    t->size += size;
    t->at[t->size] = '\0';
}

void text_put(struct text *t, const char *string)
{
    text_bytes(t, string, strlen(string));
}

void text_char(struct text *t, char c)
{
    text_bytes(t, &c, 1);
}

static void number(struct text *t, uint64_t v, unsigned base, int width)
{
    char digits[64];
    int at = sizeof digits;

    check(width <= (int)sizeof digits);

    for (; v > 0 || width > 0; v /= base, width--)
        digits[--at] = "0123456789abcdef"[v % base];
    text_bytes(t, digits + at, sizeof digits - (size_t)at);
}

void text_u64(struct text *t, uint64_t v)
{
    number(t, v, 10, 1);
}

void text_i64(struct text *t, int64_t v)
{
    size_t mark = text_mark(t);

    if (v < 0)
        text_char(t, '-');
    number(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, 1);
    if (t->cut) { /* all or nothing: the sign too */
        text_back(t, mark);
        t->cut = true;
    }
}

void text_digits(struct text *t, uint64_t v, int width)
{
    number(t, v, 10, width);
}

void text_hex(struct text *t, uint64_t v, int width)
{
    number(t, v, 16, width);
}

void text_back(struct text *t, size_t mark)
{
    check(mark <= t->size);

    t->size = mark;
    t->at[mark] = '\0';
    t->cut = false;
}

/* Reads the digits at *at and moves it behind them. */
static mr_rc_t digits(const char **at, uint64_t *ret_v)
{
    const char *c = *at;
    uint64_t v = 0;

    if (*c < '0' || *c > '9')
        return MR_ERR_MALFORMED;
    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (unsigned)(*c - '0'), &v))
            return MR_ERR_TOO_LARGE;
    *at = c;
    *ret_v = v;
    return MR_OK;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static mr_rc_t quantity(const char *string, const struct unit *units, uint64_t *ret_v)
{
    uint64_t v;
    mr_rc_t rc = digits(&string, &v);

    if (rc != MR_OK)
        return rc;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(string, u->name) != 0)
            continue;
        if (__builtin_mul_overflow(v, u->factor, &v))
            return MR_ERR_TOO_LARGE;
        *ret_v = v;
        return MR_OK;
    }
    return MR_ERR_MALFORMED;
}

mr_rc_t text_to_ms(const char *string, uint64_t *ret_ms)
{
    static const struct unit units[] = {{"ms", 1},       {"s", 1000},     {"m", 60000},
                                        {"h", 3600000u}, {"d", 86400000}, {NULL, 0}};

    if (strcmp(string, "0") == 0) {
        *ret_ms = 0;
        return MR_OK;
    }
    return quantity(string, units, ret_ms);
}

mr_rc_t text_to_bytes(const char *string, uint64_t *ret_bytes)
{
    static const struct unit units[] = {{"", 1},
                                        {"B", 1},
                                        {"KiB", 1u << 10},
                                        {"MiB", 1u << 20},
                                        {"GiB", 1u << 30},
                                        {"TiB", 1ull << 40},
                                        {"kB", 1000},
                                        {"KB", 1000},
                                        {"MB", 1000000},
                                        {"GB", 1000000000},
                                        {"TB", 1000000000000},
                                        {NULL, 0}};

    return quantity(string, units, ret_bytes);
}

mr_rc_t text_to_bool(const char *string, bool *ret_v)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    for (int i = 0; i < 6; i++) {
        if (strcmp(string, words[i]) == 0) {
            *ret_v = i & 1;
            return MR_OK;
        }
    }
    return MR_ERR_MALFORMED;
}

mr_rc_t text_to_i64(const char *string, int64_t min, int64_t max, int64_t *ret_v)
{
    bool negative = *string == '-';
    const char *at = string + negative;
    uint64_t v;
    mr_rc_t rc = digits(&at, &v);

    if (rc != MR_OK)
        return rc;
    if (*at != '\0')
        return MR_ERR_MALFORMED;
    if (v > (uint64_t)INT64_MAX + negative)
        return MR_ERR_TOO_LARGE;

    int64_t signed_v = (int64_t)(negative ? 0 - v : v);

    if (signed_v < min || signed_v > max)
        return MR_ERR_ARGUMENT;
    *ret_v = signed_v;
    return MR_OK;
}
