#include "grid/query/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grid/query/decimal.h"
#include "net/wire/number.h"

static const uint8_t classes[DATA_KINDS] = {
    [DATA_BOOL] = VALUE_BOOL,
    [DATA_BYTE] = VALUE_NUMBER,
    [DATA_SHORT] = VALUE_NUMBER,
    [DATA_INT] = VALUE_NUMBER,
    [DATA_LONG] = VALUE_NUMBER,
    [DATA_FLOAT] = VALUE_NUMBER,
    [DATA_DOUBLE] = VALUE_NUMBER,
    [DATA_BIG_INTEGER] = VALUE_NUMBER,
    [DATA_DECIMAL] = VALUE_NUMBER,
    [DATA_CHAR] = VALUE_NUMBER,
    [DATA_DATE_TIME_MS] = VALUE_NUMBER,
    [DATA_STRING] = VALUE_TEXT,
    [DATA_UUID] = VALUE_UUID,
    [DATA_LOCAL_DATE] = VALUE_DATE,
    [DATA_LOCAL_TIME] = VALUE_TIME,
    [DATA_LOCAL_DATE_TIME] = VALUE_DATE_TIME,
    [DATA_OFFSET_DATE_TIME] = VALUE_OFFSET_DATE_TIME,
    [DATA_BYTES] = VALUE_BYTES,
};

enum value_class value_class(const struct scalar *v)
{
    if (v->kind == DATA_NULL)
        return VALUE_NULL;
    return v->kind < DATA_KINDS && classes[v->kind] ? classes[v->kind] : VALUE_OTHER;
}

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_integers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b))
        return compare_integers(isnan(a) != 0, isnan(b) != 0);
    return a < b ? -1 : a > b;
}

/* Exact: the double is cut into its whole part, which is an int64 when it is in range, and what is
 * left of it. */
static int compare_integer_real(int64_t n, double v)
{
    if (isnan(v) || v >= 0x1p63)
        return -1;
    if (v < -0x1p63)
        return 1;

    double whole = trunc(v);
    int order = compare_integers(n, (int64_t)whole);

    return order ? order : compare_reals(whole, v);
}

static int compare_exactly(const struct scalar *a, const struct scalar *b)
{
    struct decimal x, y;

    if (decimal_of(a, &x) != MR_OK || decimal_of(b, &y) != MR_OK)
        return compare_reals(value_real(a), value_real(b));
    return decimal_compare(&x, &y);
}

static int compare_numbers(const struct scalar *a, const struct scalar *b)
{
    int64_t n, m;
    double x, y;
    bool a_whole = scalar_integer(a, &n) == MR_OK, b_whole = scalar_integer(b, &m) == MR_OK;

    if (a_whole && b_whole)
        return compare_integers(n, m);

    bool a_real = !a_whole && scalar_real(a, &x) == MR_OK;
    bool b_real = !b_whole && scalar_real(b, &y) == MR_OK;

    if (a_whole && b_real)
        return compare_integer_real(n, y);
    if (a_real && b_whole)
        return -compare_integer_real(m, x);
    if (a_real && b_real)
        return compare_reals(x, y);
    return compare_exactly(a, b);
}

static int compare_bytes(const struct scalar_bytes *a, const struct scalar_bytes *b)
{
    uint32_t least = a->size < b->size ? a->size : b->size;
    int order = least ? memcmp(a->at, b->at, least) : 0;

    return order ? (order < 0 ? -1 : 1) : compare_integers(a->size, b->size);
}

static int64_t days_of(const struct scalar_moment *m)
{
    /* Months begin with March, so that the leap day is the last; 1970-01-01 is day 0. */
    int64_t year = (int64_t)m->year - (m->month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (m->month + (m->month > 2 ? -3 : 9)) + 2) / 5 + m->day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t seconds_of_day(const struct scalar_moment *m)
{
    return m->hour * 3600 + m->minute * 60 + m->second;
}

int64_t value_instant(const struct scalar_moment *m)
{
    return days_of(m) * 86400 + seconds_of_day(m) - m->offset_s;
}

/* Parts that a kind has not are zero on both sides. */
static int compare_local(const struct scalar_moment *a, const struct scalar_moment *b)
{
    int64_t difference[] = {
        (int64_t)a->year - b->year,
        a->month - b->month,
        a->day - b->day,
        seconds_of_day(a) - seconds_of_day(b),
        (int64_t)a->nanos - b->nanos,
    };

    for (size_t i = 0; i < sizeof difference / sizeof *difference; i++)
        if (difference[i])
            return difference[i] < 0 ? -1 : 1;
    return 0;
}

/* As Java: by the instant, and those of one instant by what their clocks say. */
static int compare_at_offsets(const struct scalar_moment *a, const struct scalar_moment *b)
{
    int order = compare_integers(value_instant(a), value_instant(b));

    if (order == 0)
        order = compare_integers(a->nanos, b->nanos);
    return order ? order : compare_local(a, b);
}

/* As Java: both halves as signed numbers. */
static int compare_uuids(const struct scalar_uuid *a, const struct scalar_uuid *b)
{
    int order = compare_integers((int64_t)a->high, (int64_t)b->high);

    return order ? order : compare_integers((int64_t)a->low, (int64_t)b->low);
}

static int compare_others(const struct scalar *a, const struct scalar *b)
{
    if (a->kind != b->kind)
        return compare_integers(a->kind, b->kind);
    if (a->kind == SCALAR_ARRAY) {
        struct scalar_bytes x = {a->array.at, a->array.size, 0},
                            y = {b->array.at, b->array.size, 0};

        if (a->array.item != b->array.item || a->array.count != b->array.count)
            return compare_integers(a->array.item * (int64_t)UINT32_MAX + a->array.count,
                                    b->array.item * (int64_t)UINT32_MAX + b->array.count);
        return compare_bytes(&x, &y);
    }
    return compare_bytes(&a->bytes, &b->bytes);
}

int value_compare(const struct scalar *a, const struct scalar *b)
{
    enum value_class class = value_class(a), other = value_class(b);

    if (class != other)
        return class < other ? -1 : 1;
    switch (class) {
    case VALUE_NULL: return 0;
    case VALUE_BOOL: return compare_integers(a->boolean, b->boolean);
    case VALUE_NUMBER: return compare_numbers(a, b);
    case VALUE_TEXT:
    case VALUE_BYTES: return compare_bytes(&a->bytes, &b->bytes);
    case VALUE_UUID: return compare_uuids(&a->uuid, &b->uuid);
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_DATE_TIME: return compare_local(&a->moment, &b->moment);
    case VALUE_OFFSET_DATE_TIME: return compare_at_offsets(&a->moment, &b->moment);
    default: return compare_others(a, b);
    }
}

double value_real(const struct scalar *v)
{
    struct decimal d;
    double real;
    int64_t n;

    if (scalar_integer(v, &n) == MR_OK)
        return (double)n;
    if (scalar_real(v, &real) == MR_OK)
        return real;
    if (decimal_of(v, &d) == MR_OK)
        return decimal_real(&d);
    if (v->kind == DATA_BIG_INTEGER || v->kind == DATA_DECIMAL) /* too long to be read */
        return v->bytes.size > 0 && v->bytes.at[0] & 0x80 ? -INFINITY : INFINITY;
    return 0;
}

/* ---- literals -------------------------------------------------------------------------------- */

static mr_rc_t text_form(const char *text, size_t size, struct arena *arena, struct literal *l)
{
    const char *copy = arena_text(arena, text, size);

    if (!copy)
        return MR_ERR_MEMORY;
    l->form[VALUE_TEXT] =
        (struct scalar){.kind = DATA_STRING, .bytes = {(const uint8_t *)copy, (uint32_t)size, 0}};
    return MR_OK;
}

static mr_rc_t decimal_form(const char *text, size_t size, struct arena *arena, struct literal *l)
{
    uint8_t room[DECIMAL_WORDS_MAX * 4 + 1];
    struct sink bytes = {.at = room, .room = sizeof room};
    struct decimal d;
    struct scalar v;

    if (decimal_read(text, size, &d) != MR_OK ||
        decimal_scalar(&d, DATA_DECIMAL, &bytes, &v) != MR_OK)
        return MR_OK; /* too long to be kept: then there is the double */
    if (!(v.bytes.at = (const uint8_t *)arena_text(arena, (const char *)room, bytes.size)))
        return MR_ERR_MEMORY;
    l->as_decimal = v;
    return MR_OK;
}

/* The forms that follow from form[VALUE_NUMBER]. */
static void widths_of(struct literal *l)
{
    const struct scalar *number = &l->form[VALUE_NUMBER];
    double real = value_real(number);
    bool fraction =
        number->kind == DATA_FLOAT || number->kind == DATA_DOUBLE || number->kind == DATA_DECIMAL;

    l->as_float = l->as_double = l->as_decimal = *number;
    if (fraction) {
        l->as_float = (struct scalar){.kind = DATA_FLOAT, .f32 = (float)real};
        l->as_double = (struct scalar){.kind = DATA_DOUBLE, .f64 = real};
    }
}

static mr_rc_t of_number(const struct scalar *v, struct arena *arena, struct literal *l)
{
    char text[NUMBER_TEXT];
    int64_t n;
    double real;

    l->form[VALUE_NUMBER] = *v;
    widths_of(l);
    if (v->kind != DATA_DATE_TIME_MS && scalar_integer(v, &n) == MR_OK)
        return text_form(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n), arena, l);
    if (scalar_real(v, &real) == MR_OK && isfinite(real))
        return decimal_form(text, number_write(real, text), arena, l);
    return MR_OK;
}

static bool is_word(const struct scalar_bytes *b, const char *word)
{
    size_t size = strlen(word);

    if (b->size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((b->at[i] | 0x20) != word[i])
            return false;
    return true;
}

/* Reads digits of a fixed count, then the character that has to follow; '\0' for none. */
static bool take_digits(const uint8_t **at, const uint8_t *end, int count, char then, int *ret_n)
{
    int n = 0;

    for (; count > 0; count--, (*at)++) {
        if (*at == end || **at < '0' || **at > '9')
            return false;
        n = n * 10 + (**at - '0');
    }
    if (then && (*at == end || *(*at)++ != (uint8_t)then))
        return false;
    *ret_n = n;
    return true;
}

static bool take_date(const uint8_t **at, const uint8_t *end, struct scalar_moment *m)
{
    int year, month, day;

    if (!take_digits(at, end, 4, '-', &year) || !take_digits(at, end, 2, '-', &month) ||
        !take_digits(at, end, 2, '\0', &day))
        return false;
    m->year = year;
    m->month = (uint8_t)month;
    m->day = (uint8_t)day;
    return true;
}

static bool take_time(const uint8_t **at, const uint8_t *end, struct scalar_moment *m)
{
    int hour, minute, second = 0;

    if (!take_digits(at, end, 2, ':', &hour) || !take_digits(at, end, 2, '\0', &minute))
        return false;
    if (*at < end && **at == ':' && (++*at, !take_digits(at, end, 2, '\0', &second)))
        return false;
    m->hour = (uint8_t)hour;
    m->minute = (uint8_t)minute;
    m->second = (uint8_t)second;
    if (*at < end && **at == '.') {
        uint32_t unit = 100000000;

        for (++*at; *at < end && **at >= '0' && **at <= '9' && unit > 0; ++*at, unit /= 10)
            m->nanos += (uint32_t)(**at - '0') * unit;
    }
    return true;
}

/* Z, or hours and minutes from UTC. */
static bool take_offset(const uint8_t **at, const uint8_t *end, struct scalar_moment *m)
{
    int hours, minutes;

    if (*at < end && **at == 'Z')
        return ++*at == end;
    if (*at == end || (**at != '+' && **at != '-'))
        return false;

    int sign = *(*at)++ == '-' ? -1 : 1;

    if (!take_digits(at, end, 2, ':', &hours) || !take_digits(at, end, 2, '\0', &minutes))
        return false;
    m->offset_s = sign * (hours * 3600 + minutes * 60);
    return *at == end;
}

/* ISO 8601, the way java.time prints: 2024-02-29, 12:30, 12:30:05.25, 2024-02-29T12:30Z. */
static void of_moment_text(const struct scalar_bytes *b, struct literal *l)
{
    const uint8_t *at = b->at, *end = at + b->size;
    struct scalar v = {.kind = DATA_LOCAL_DATE};
    enum value_class class = VALUE_DATE;

    if (!take_date(&at, end, &v.moment)) {
        at = b->at;
        v = (struct scalar){.kind = DATA_LOCAL_TIME};
        class = VALUE_TIME;
        if (!take_time(&at, end, &v.moment))
            return;
    } else if (at < end && *at == 'T') {
        at++;
        v.kind = DATA_LOCAL_DATE_TIME;
        class = VALUE_DATE_TIME;
        if (!take_time(&at, end, &v.moment))
            return;
        if (at < end && take_offset(&at, end, &v.moment)) {
            v.kind = DATA_OFFSET_DATE_TIME;
            class = VALUE_OFFSET_DATE_TIME;
        }
    }
    if (at == end && scalar_sound(&v))
        l->form[class] = v;
}

static void of_uuid_text(const struct scalar_bytes *b, struct literal *l)
{
    uint64_t half[2] = {0};
    int digits = 0;

    if (b->size != 36)
        return;
    for (uint32_t i = 0; i < 36; i++) {
        uint8_t c = b->at[i] | 0x20;
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (dash != (b->at[i] == '-') || (!dash && digit < 0))
            return;
        if (!dash) {
            half[digits / 16] = half[digits / 16] << 4 | (uint64_t)digit;
            digits++;
        }
    }
    l->form[VALUE_UUID] = (struct scalar){.kind = DATA_UUID, .uuid = {half[0], half[1]}};
}

static mr_rc_t of_text(const struct scalar *v, struct arena *arena, struct literal *l)
{
    const struct scalar_bytes *b = &v->bytes;
    struct scalar number;

    l->form[VALUE_TEXT] = *v;
    if (is_word(b, "true") || is_word(b, "false"))
        l->form[VALUE_BOOL] =
            (struct scalar){.kind = DATA_BOOL, .boolean = (b->at[0] | 0x20) == 't'};
    of_uuid_text(b, l);
    of_moment_text(b, l);
    if (b->size > NUMBER_SIZE_MAX || number_read(b->at, b->size, &number) != MR_OK)
        return MR_OK;
    l->form[VALUE_NUMBER] = number;
    widths_of(l);
    return number.kind == DATA_LONG ? MR_OK : decimal_form((const char *)b->at, b->size, arena, l);
}

mr_rc_t literal_make(const struct scalar *v, struct arena *arena, struct literal *ret_l)
{
    struct literal l = {.class = (uint8_t)value_class(v)};
    mr_rc_t rc = MR_OK;

    if (l.class == VALUE_OTHER)
        return MR_ERR_TYPE;
    l.form[l.class] = *v;
    if (l.class == VALUE_NUMBER)
        rc = of_number(v, arena, &l);
    if (l.class == VALUE_TEXT)
        rc = of_text(v, arena, &l);
    if (l.class == VALUE_BOOL)
        rc = text_form(v->boolean ? "true" : "false", v->boolean ? 4 : 5, arena, &l);
    if (rc == MR_OK)
        *ret_l = l;
    return rc;
}

const struct scalar *literal_for(const struct literal *l, const struct scalar *v)
{
    enum value_class class = value_class(v);

    if (class == VALUE_OTHER || l->form[class].kind == DATA_NULL)
        return NULL;
    switch (v->kind) {
    case DATA_FLOAT: return &l->as_float;
    case DATA_DOUBLE: return &l->as_double;
    case DATA_DECIMAL: return &l->as_decimal;
    default: return &l->form[class];
    }
}

bool literal_compare(const struct literal *l, const struct scalar *v, int *ret_order)
{
    const struct scalar *form = literal_for(l, v);

    if (!form)
        return false;
    *ret_order = value_compare(v, form);
    return true;
}

bool literal_equal(const struct literal *l, const struct scalar *v)
{
    int order;

    if (v->kind == DATA_NULL)
        return l->class == VALUE_NULL;
    return literal_compare(l, v, &order) && order == 0;
}
