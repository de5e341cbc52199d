/* checks.c - the checks of the C client: checks HOST:PORT checks|cross|restart.
 *
 * What a value looks like is the same as in the other languages (text.js); the fields of records
 * are asked for by their names, in order, since records do not tell them. */
#include <millrace/millrace.h>
#include <stdlib.h>
#include <string.h>

static mr_err_t err;
static mr_t *g;

/* ONLY is the beginning of the names of those that are wanted. */
static int is_wanted(const char *name)
{
    const char *only = getenv("ONLY");

    return !only || strncmp(name, only, strlen(only)) == 0;
}

/* ---- values as text ------------------------------------------------------------------------- */

static void show(mr_ref_t v);

static void show_text(mr_ref_t v)
{
    printf("\"%.*s\"", (int)v.len, v.as.str);
}

/* A two's complement number of any size, by dividing it by ten again and again. */
static void show_decimal(mr_ref_t v)
{
    unsigned char at[64];
    char out[200];
    int size = (int)v.len, n = sizeof out, negative, left = 1;

    memcpy(at, v.as.decimal.digits, v.len);
    negative = at[0] >> 7;
    for (int i = size - 1, carry = 1; negative && i >= 0; i--) {
        int byte = (unsigned char)~at[i] + carry;

        at[i] = (unsigned char)byte;
        carry = byte >> 8;
    }
    for (int places = 0; left || places <= v.as.decimal.scale; places++) {
        int rest = 0;

        if (places == v.as.decimal.scale && places > 0)
            out[--n] = '.';
        left = 0;
        for (int i = 0; i < size; i++) {
            int now = rest << 8 | at[i];

            at[i] = (unsigned char)(now / 10);
            rest = now % 10;
            left |= at[i];
        }
        out[--n] = (char)('0' + rest);
    }
    printf("%s%.*s", negative ? "-" : "", (int)sizeof out - n, out + n);
}

static void show_moment(mr_ref_t v)
{
    const mr_time_t *t = &v.as.time;

    if (v.kind != MR_KIND_TIME)
        printf("%04d-%02d-%02d", (int)t->year, t->month, t->day);
    if (v.kind == MR_KIND_DATE)
        return;
    printf("%s%02d:%02d:%02d.%09u", v.kind == MR_KIND_TIME ? "" : "T", t->hour, t->minute,
           t->second, (unsigned)t->nanos);
    if (v.kind == MR_KIND_DATETIME_TZ)
        printf("%c%02d:%02d", t->offset_s < 0 ? '-' : '+', abs(t->offset_s) / 3600,
               abs(t->offset_s) / 60 % 60);
}

static void show_array(mr_ref_t v)
{
    putchar('[');
    for (uint32_t i = 0; i < v.len; i++) {
        mr_ref_t item = MR_NULL;

        mr_ref_item(&v, i, &item, &err);
        fputs(i ? ", " : "", stdout);
        show(item);
    }
    putchar(']');
}

/* With one space after what separates. */
static void show_json(mr_ref_t v)
{
    int inside = 0;

    for (uint32_t i = 0; i < v.len; i++) {
        char c = v.as.str[i];

        inside ^= c == '"' && (i == 0 || v.as.str[i - 1] != '\\');
        if (inside || c != ' ')
            putchar(c);
        if (!inside && (c == ':' || c == ','))
            putchar(' ');
    }
}

static void show_record(mr_ref_t v, const char *class_name, const char *const *fields)
{
    printf("%s {", class_name);
    for (int i = 0; fields[i]; i++) {
        mr_ref_t field = MR_NULL;

        mr_rec_get(v, fields[i], &field, &err);
        printf("%s\"%s\": ", i ? ", " : "", fields[i]);
        show(field);
    }
    putchar('}');
}

/* By a field that only one of them has. */
static void show_one_of_ours(mr_ref_t v)
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
        show_record(v, "Department", department);
    else if (mr_rec_get(v, "salary", &any, NULL) == MR_OK)
        show_record(v, "Employee", employee);
    else
        show_record(v, "Kinds", kinds);
}

static void show(mr_ref_t v)
{
    unsigned long long high, low;

    if (v.kind & MR_KIND_ARRAY) {
        show_array(v);
        return;
    }
    switch (v.kind) {
    case MR_KIND_NULL: fputs("null", stdout); break;
    case MR_KIND_BOOL: fputs(v.as.boolean ? "true" : "false", stdout); break;
    case MR_KIND_F32:
    case MR_KIND_F64: printf("%.15g", v.as.f64); break;
    case MR_KIND_STR: show_text(v); break;
    case MR_KIND_JSON: show_json(v); break;
    case MR_KIND_DECIMAL: show_decimal(v); break;
    case MR_KIND_REC: show_one_of_ours(v); break;
    case MR_KIND_UUID:
        high = v.as.uuid.high, low = v.as.uuid.low;
        printf("%08llx-%04llx-%04llx-%04llx-%012llx", high >> 32, high >> 16 & 0xffff,
               high & 0xffff, low >> 48, low & 0xffffffffffff);
        break;
    case MR_KIND_DATE:
    case MR_KIND_TIME:
    case MR_KIND_DATETIME:
    case MR_KIND_DATETIME_TZ: show_moment(v); break;
    default: printf("%lld", (long long)v.as.i64);
    }
}

static void show_entry(mr_map_t *m, mr_ref_t key)
{
    mr_val_t v = MR_VAL_INIT;

    mr_map_get(m, key, &v, NULL, &err);
    show(mr_val_ref(&v));
    mr_val_clear(&v);
}

/* ---- records -------------------------------------------------------------------------------- */

static const mr_time_t moment = {2024, 2, 29, 1, 2, 3, 4000000, -5400};
static const mr_time_t evening = {0, 0, 0, 23, 59, 58, 7000000, 0};
static const unsigned char digits[] = {0xfd, 0x62, 0xbd, 0x49, 0xb1, 0x89, 0x8e, 0xbd, 0xbb, 0x33};

static mr_rec_t *kinds(mr_schema_t **ret_s)
{
    static const bool bits[] = {true, false, false, true, true, false, true, false, true};
    static const int32_t numbers[] = {1, -2, 3};
    static const char *const words[] = {"a", NULL, ""};
    const mr_ref_t holes[] = {MR_I64(1), MR_NULL, MR_I64(-3)};
    const struct {
        const char *name;
        int kind;
        mr_ref_t value;
    } fields[] = {
        {"flag", MR_KIND_BOOL, MR_BOOL(true)},
        {"tiny", MR_KIND_I8, MR_I8(-7)},
        {"small", MR_KIND_I16, MR_I16(30000)},
        {"number", MR_KIND_I32, MR_I32(-70000)},
        {"big", MR_KIND_I64, MR_I64(-9007199254740993)},
        {"single", MR_KIND_F32, MR_F32(0.5)},
        {"real", MR_KIND_F64, MR_F64(2.25)},
        {"word", MR_KIND_STR, MR_STR("Grüße 😀")},
        {"amount", MR_KIND_DECIMAL, MR_DECIMAL(digits, sizeof digits, 3)},
        {"time", MR_KIND_TIME, MR_TIME(evening)},
        {"date", MR_KIND_DATE, MR_DATE(moment)},
        {"stamp", MR_KIND_DATETIME, MR_DATETIME(moment)},
        {"zoned", MR_KIND_DATETIME_TZ, MR_DATETIME_TZ(moment)},
        {"bits", MR_KIND_BOOL | MR_KIND_ARRAY, MR_BOOLS(bits, 9)},
        {"numbers", MR_KIND_I32 | MR_KIND_ARRAY, MR_I32S(numbers, 3)},
        {"words", MR_KIND_STR | MR_KIND_ARRAY, MR_STRS(words, 3)},
        {"nothing", MR_KIND_I32 | MR_KIND_NULLABLE, MR_NULL},
        {"something", MR_KIND_I32 | MR_KIND_NULLABLE, MR_I32(5)},
        {"holes", MR_KIND_I64 | MR_KIND_ARRAY | MR_KIND_NULLABLE, MR_REFS(holes, 3)},
        {"none", MR_KIND_STR, MR_NULL},
    };
    enum { FIELDS = sizeof fields / sizeof fields[0] };

    *ret_s = mr_schema_new("kinds", &err);
    for (int i = 0; i < FIELDS; i++)
        mr_schema_field(*ret_s, fields[i].name, fields[i].kind, &err);
    mr_rec_t *rec = mr_rec_new(*ret_s, &err);

    for (int i = 0; i < FIELDS; i++)
        mr_rec_set(rec, fields[i].name, fields[i].value, &err);
    return rec;
}

static mr_rec_t *department(mr_schema_t **ret_s)
{
    *ret_s = mr_schema_new("department", &err);
    mr_schema_field(*ret_s, "name", MR_KIND_STR, &err);
    mr_schema_field(*ret_s, "floor", MR_KIND_I32, &err);
    mr_rec_t *rec = mr_rec_new(*ret_s, &err);

    mr_rec_set(rec, "name", MR_STR("engine"), &err);
    mr_rec_set(rec, "floor", MR_I32(3), &err);
    return rec;
}

static mr_rec_t *employee(mr_rec_t *in, mr_schema_t **ret_s)
{
    static const char *const tags[] = {"c", "math"};
    static const mr_time_t hired = {2019, 1, 31, 0, 0, 0, 0, 0};
    const struct {
        const char *name;
        int kind;
        mr_ref_t value;
    } fields[] = {
        {"id", MR_KIND_I32, MR_I32(1)},
        {"name", MR_KIND_STR, MR_STR("Ada")},
        {"age", MR_KIND_I32, MR_I32(36)},
        {"salary", MR_KIND_F64, MR_F64(4200.5)},
        {"active", MR_KIND_BOOL, MR_BOOL(true)},
        {"department", MR_KIND_REC, MR_REC(in)},
        {"tags", MR_KIND_STR | MR_KIND_ARRAY, MR_STRS(tags, 2)},
        {"hired", MR_KIND_DATE, MR_DATE(hired)},
    };
    enum { FIELDS = sizeof fields / sizeof fields[0] };

    *ret_s = mr_schema_new("employee", &err);
    for (int i = 0; i < FIELDS; i++)
        mr_schema_field(*ret_s, fields[i].name, fields[i].kind, &err);
    mr_rec_t *rec = mr_rec_new(*ret_s, &err);

    for (int i = 0; i < FIELDS; i++)
        mr_rec_set(rec, fields[i].name, fields[i].value, &err);
    return rec;
}

/* ---- what one language writes, the others read ---------------------------------------------- */

static const char *const cross_kinds[] = {"compact", "employee", "json", "text",    "long",
                                          "double",  "boolean",  "uuid", "decimal", "date",
                                          "time",    "stamp",    "zoned"};
enum { CROSS = sizeof cross_kinds / sizeof cross_kinds[0] };

static void cross_write(void)
{
    static const mr_uuid_t uuid = {123456789, (uint64_t)-987654321};
    mr_map_t *m = mr_map(g, "cross", &err);
    mr_schema_t *schemas[3];
    mr_rec_t *all = kinds(&schemas[0]), *in = department(&schemas[1]);
    mr_rec_t *ada = employee(in, &schemas[2]);
    const mr_ref_t values[CROSS] = {MR_REC(all),
                                    MR_REC(ada),
                                    MR_JSON("{\"a\": [1, 2.5, null], \"b\": \"x\"}"),
                                    MR_STR("Grüße 😀"),
                                    MR_I64(-9007199254740993),
                                    MR_F64(2.5),
                                    MR_BOOL(true),
                                    MR_UUID(uuid),
                                    MR_DECIMAL(digits, sizeof digits, 3),
                                    MR_DATE(moment),
                                    MR_TIME(evening),
                                    MR_DATETIME(moment),
                                    MR_DATETIME_TZ(moment)};

    for (int i = 0; i < CROSS; i++) {
        char key[32];

        snprintf(key, sizeof key, "c.%s", cross_kinds[i]);
        mr_map_set(m, MR_STR(key), values[i], NULL, &err);
    }
    mr_rec_free(all);
    mr_rec_free(ada);
    mr_rec_free(in);
    for (int i = 0; i < 3; i++)
        mr_schema_free(schemas[i]);
    printf("cross.write: %d\n", CROSS);
}

static void cross_read(const char *language)
{
    mr_map_t *m = mr_map(g, "cross", &err);
    char text[96];

    for (int i = 0; i < CROSS; i++) {
        snprintf(text, sizeof text, "%s.%s", language, cross_kinds[i]);
        printf("cross.%s_%s: ", language, cross_kinds[i]);
        show_entry(m, MR_STR(text));
        putchar('\n');
    }
    snprintf(text, sizeof text, "__key = '%s.employee' and department.floor = 3", language);
    printf("cross.%s_is_found: %llu\n", language, (unsigned long long)mr_map_count(m, text, &err));
}

static void cross(void)
{
    const char *read = getenv("READ");
    char *languages = strdup(read ? read : "");

    if (!is_wanted("cross."))
        *languages = '\0';
    for (char *rest = languages, *word; (word = strtok_r(rest, " ", &rest));)
        cross_read(word);
    free(languages);
}

/* ---- maps ----------------------------------------------------------------------------------- */

static void map_put_returns_old(mr_map_t *m)
{
    mr_put_opts_t o = MR_PUT_OPTS_INIT;
    mr_val_t first = MR_VAL_INIT, second = MR_VAL_INIT;

    o.old = &first;
    mr_map_put(m, MR_STR("a"), MR_STR("one"), &o, &err);
    o.old = &second;
    mr_map_put(m, MR_STR("a"), MR_STR("two"), &o, &err);
    putchar('[');
    show(mr_val_ref(&first));
    fputs(", ", stdout);
    show(mr_val_ref(&second));
    fputs(", ", stdout);
    show_entry(m, MR_STR("a"));
    putchar(']');
    mr_val_clear(&first);
    mr_val_clear(&second);
}

static void map_get_missing(mr_map_t *m)
{
    show_entry(m, MR_STR("a"));
}

static void map_contains_key(mr_map_t *m)
{
    mr_map_set(m, MR_STR("a"), MR_STR("one"), NULL, &err);
    printf("[%s, ", mr_map_contains(m, MR_STR("a"), &err) == MR_OK ? "true" : "false");
    printf("%s]", mr_map_contains(m, MR_STR("b"), &err) == MR_OK ? "true" : "false");
}

/* The size, how many are come by, and their sum. */
static void map_many_entries(mr_map_t *m)
{
    enum { MANY = 2000 };
    mr_iter_t *it;
    mr_ref_t value;
    long long sum = 0;
    int n = 0;

    for (int i = 0; i < MANY; i++)
        mr_map_set(m, MR_I64(i), MR_I64(i), NULL, &err);
    it = mr_map_iter(m, 0, &err);
    for (; mr_iter_next(it, NULL, &value, &err); n++)
        sum += value.as.i64;
    mr_iter_free(it);
    printf("[%llu, %d, %lld]", (unsigned long long)mr_map_size(m, &err), n, sum);
}

static const struct {
    const char *name;
    void (*run)(mr_map_t *m);
} checks[] = {{"map.get_missing", map_get_missing},
              {"map.put_returns_old", map_put_returns_old},
              {"map.contains_key", map_contains_key},
              {"map.many_entries", map_many_entries}};

static void run_checks(void)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        char name[64];

        if (!is_wanted(checks[i].name))
            continue;
        snprintf(name, sizeof name, "c.%s", checks[i].name);
        printf("%s: ", checks[i].name);
        checks[i].run(mr_map(g, name, &err));
        putchar('\n');
    }
    if (is_wanted("cross.write"))
        cross_write();
}

int main(int argc, char **argv)
{
    char url[256];

    if (argc != 3)
        return 2;
    if (strcmp(argv[2], "restart") == 0) /* tests/unit/client has it */
        return 0;
    snprintf(url, sizeof url, "millrace://%s/dev", argv[1]);
    g = mr_connect(url, NULL, &err);
    if (g && strcmp(argv[2], "checks") == 0)
        run_checks();
    else if (g)
        cross();
    mr_close(g, MR_NOW, &err);
    return mr_err_report(stderr, &err);
}
