#include "net/wire/compact.h"

#include "net/base/rand.h"
#include "tests/unit/net/wire/bytes.h"
#include "tests/unit/scarce.h"

#define FIELD(n, k)                                                                                \
    {                                                                                              \
        .name = (n), .name_size = sizeof(n) - 1, .kind = (k)                                       \
    }
#define COUNT(a) (uint32_t)(sizeof(a) / sizeof *(a))

/* The worked example, as the Node client writes it: name x, age 3, ok true, tags [1,null,3], and
 * nested a record of the same schema with name y, age -4. */
#define EMP                                                                                        \
    "cb62a66ee714a1d6 00000032 | 00000003 01 | 00000001 78 | 00000004 00000003 0001 0003 00ff02"   \
    "| cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 05ffff | 05190a"

static const struct schema_field_spec emp_fields[] = {
    FIELD("name", SCHEMA_STRING),    FIELD("age", SCHEMA_INT32),
    FIELD("ok", SCHEMA_BOOLEAN),     FIELD("tags", SCHEMA_ARRAY_OF_NULLABLE_INT16),
    FIELD("nested", SCHEMA_COMPACT),
};

/* Every kind once, named after its kind: what SCHEMA_KIND_MAP lists. */
static const struct schema_field_spec all_fields[] = {
#define X(name, number, data, array, nullable) FIELD(#name, number),
    SCHEMA_KIND_MAP(X)
#undef X
};

static struct schema *emp, *all;

static void setup(void)
{
    cr_assert_eq(schema_new("emp", 3, emp_fields, COUNT(emp_fields), &emp, NULL), MR_OK);
    cr_assert_eq(schema_new("all", 3, all_fields, COUNT(all_fields), &all, NULL), MR_OK);
}

static void teardown(void)
{
    mem_hooks_set(NULL);
    schema_free(emp);
    schema_free(all);
}

TestSuite(compact, .init = setup, .fini = teardown);

static struct scalar integer(int64_t n)
{
    return (struct scalar){.kind = DATA_LONG, .integer = n};
}

static struct scalar text(const char *t)
{
    return (struct scalar){.kind = DATA_STRING,
                           .bytes = {(const uint8_t *)t, (uint32_t)strlen(t), 0}};
}

static struct scalar boolean(bool b)
{
    return (struct scalar){.kind = DATA_BOOL, .boolean = b};
}

static struct scalar record(const struct data *d)
{
    return (struct scalar){.kind = DATA_COMPACT, .bytes = {d->at, d->size, 0}};
}

static struct scalar array(const struct scalar *items, uint32_t count)
{
    return (struct scalar){
        .kind = SCALAR_ARRAY,
        .array = {.at = (const uint8_t *)items, .count = count, .layout = SCALAR_SCALARS}};
}

static const struct scalar null = {.kind = DATA_NULL};

static mr_rc_t set(struct compact_writer *w, const char *name, struct scalar v)
{
    return compact_set(w, name, (uint32_t)strlen(name), &v, NULL);
}

static const struct schema_field *field(const struct schema *s, const char *name)
{
    return schema_find(s, name, (uint32_t)strlen(name));
}

static struct scalar get(const struct compact *r, const char *name)
{
    struct scalar v;

    cr_assert_eq(compact_get(r, field(r->schema, name), &v), MR_OK, "%s", name);
    return v;
}

static struct data finish(struct compact_writer *w)
{
    struct data d = {0};

    cr_assert_eq(compact_finish(w, &d, NULL), MR_OK);
    return d;
}

Test(compact, reads_the_worked_example_in_place)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(EMP, &size);
    struct compact r, inner;
    struct scalar v, item;
    uint64_t id = 0;

    cr_assert_eq(compact_id(bytes, size, &id), MR_OK);
    cr_expect_eq(id, emp->id);
    cr_assert_eq(compact_open(emp, bytes, size, &r), MR_OK);
    cr_expect_eq(get(&r, "age").integer, 3);
    cr_expect(get(&r, "ok").boolean);
    v = get(&r, "name");
    cr_expect_bytes(v.bytes.at, v.bytes.size, "78");

    v = get(&r, "tags");
    cr_assert_eq(v.array.count, 3);
    cr_assert_eq(scalar_item(&v.array, 2, &item), MR_OK);
    cr_expect_eq(item.integer, 3);
    cr_assert_eq(scalar_item(&v.array, 1, &item), MR_OK);
    cr_expect_eq(item.kind, DATA_NULL);
    cr_assert_eq(scalar_item(&v.array, 0, &item), MR_OK);
    cr_expect_eq(item.integer, 1);

    v = get(&r, "nested");
    cr_assert_eq(compact_open(emp, v.bytes.at, v.bytes.size, &inner), MR_OK);
    cr_expect_eq(get(&inner, "age").integer, -4);
    cr_expect(!get(&inner, "ok").boolean);
    cr_expect_eq(get(&inner, "tags").kind, DATA_NULL);
    cr_expect_eq(get(&inner, "nested").kind, DATA_NULL);
    free(bytes);
}

Test(compact, writes_the_worked_example_byte_for_byte)
{
    struct compact_writer *w = compact_writer_new(emp, NULL, 0);
    struct compact_writer *n = compact_writer_new(emp, NULL, 0);
    struct scalar tags[] = {integer(1), null, integer(3)};
    struct data nested, d;

    cr_assert_eq(set(n, "name", text("y")), MR_OK);
    cr_assert_eq(set(n, "age", integer(-4)), MR_OK);
    nested = finish(n);

    cr_assert_eq(set(w, "name", text("x")), MR_OK);
    cr_assert_eq(set(w, "age", integer(3)), MR_OK);
    cr_assert_eq(set(w, "ok", boolean(true)), MR_OK);
    cr_assert_eq(set(w, "tags", array(tags, 3)), MR_OK);
    cr_assert_eq(set(w, "nested", record(&nested)), MR_OK);
    d = finish(w);
    cr_expect_eq(d.kind, DATA_COMPACT);
    cr_expect_bytes(d.at, d.size, EMP);
    compact_writer_free(n);
    compact_writer_free(w);
}

Test(compact, replaces_a_field_that_is_set_once_more)
{
    struct compact_writer *w = compact_writer_new(emp, NULL, 0);
    struct data d;

    cr_assert_eq(set(w, "age", integer(9)), MR_OK);
    cr_assert_eq(set(w, "ok", boolean(true)), MR_OK);
    cr_assert_eq(set(w, "tags", array(NULL, 0)), MR_OK);
    cr_assert_eq(set(w, "name", text("a longer one")), MR_OK);
    finish(w);
    cr_assert_eq(set(w, "ok", boolean(false)), MR_OK, "reopens it");
    cr_assert_eq(set(w, "age", integer(-4)), MR_OK);
    cr_assert_eq(set(w, "tags", null), MR_OK);
    cr_assert_eq(set(w, "name", text("y")), MR_OK);
    d = finish(w);
    cr_expect_bytes(d.at, d.size, "cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 05ffff");
    compact_writer_free(w);
}

Test(compact, is_only_its_fixed_area_when_nothing_varies)
{
    static const struct schema_field_spec two[] = {FIELD("a", SCHEMA_INT16),
                                                   FIELD("b", SCHEMA_BOOLEAN)};
    struct schema *s;
    struct compact_writer *w;
    struct data d;

    cr_assert_eq(schema_new("t", 1, two, 2, &s, NULL), MR_OK);
    w = compact_writer_new(s, NULL, 0);
    cr_assert_eq(set(w, "b", boolean(true)), MR_OK);
    cr_assert_eq(set(w, "a", integer(-2)), MR_OK);
    d = finish(w);
    cr_assert_eq(d.size, 11);
    cr_expect_eq(get_be64(d.at), s->id);
    cr_expect_bytes(d.at + 8, 3, "fffe01");
    compact_writer_free(w);
    schema_free(s);
}

/* A value for a field of any kind, made of `items`, which has room for three. */
static struct scalar sample(const struct schema_kind_info *k, const struct data *nested,
                            struct scalar *items)
{
    struct scalar one = {.kind = k->data};

    switch (k->data) {
    case DATA_BOOL: one.boolean = true; break;
    case DATA_FLOAT: one.f32 = 1.5f; break;
    case DATA_DOUBLE: one.f64 = -2.5; break;
    case DATA_STRING: one = text("text"); break;
    case DATA_DECIMAL: one.bytes = (struct scalar_bytes){(const uint8_t *)"\x79\xff", 2, -3}; break;
    case DATA_COMPACT: one = record(nested); break;
    case DATA_LOCAL_DATE: one.moment = (struct scalar_moment){.year = 2021, 6, 28}; break;
    case DATA_LOCAL_TIME:
        one.moment = (struct scalar_moment){.hour = 11, .minute = 22, .second = 41, .nanos = 7};
        break;
    case DATA_LOCAL_DATE_TIME:
        one.moment = (struct scalar_moment){2021, 6, 28, 11, 22, 41, 7, 0};
        break;
    case DATA_OFFSET_DATE_TIME:
        one.moment = (struct scalar_moment){2021, 6, 28, 11, 22, 41, 7, -3600};
        break;
    default: one.integer = -7; break;
    }
    if (!k->array)
        return one;
    if (k->data == DATA_BYTE && !k->nullable)
        return (struct scalar){.kind = DATA_BYTES, .bytes = {(const uint8_t *)"\x01\xff", 2, 0}};
    items[0] = items[2] = one;
    items[1] = k->nullable ? null : one;
    return array(items, 3);
}

static struct compact_writer *write_all(struct data *nested, uint8_t *buffer, size_t room)
{
    struct compact_writer *w = compact_writer_new(all, buffer, room);

    for (uint32_t i = 0; i < COUNT(all_fields); i++) {
        struct scalar items[3];
        struct scalar v = sample(&schema_kinds[all_fields[i].kind], nested, items);

        if (compact_set(w, all_fields[i].name, all_fields[i].name_size, &v, NULL) != MR_OK)
            break;
    }
    return w;
}

/* Two scalars written plainly are the same bytes. */
static bool same(const struct scalar *a, const struct scalar *b)
{
    uint8_t bytes[2][256];
    struct sink x = {.at = bytes[0], .room = 256}, y = {.at = bytes[1], .room = 256};

    if (a->kind != b->kind)
        return false;
    if (a->kind == DATA_NULL)
        return true;
    scalar_put(&x, a);
    scalar_put(&y, b);
    return x.size == y.size && memcmp(bytes[0], bytes[1], x.size) == 0;
}

static void expect_same(struct scalar *read, struct scalar *wanted, const char *name)
{
    cr_assert_eq(read->kind, wanted->kind, "%s", name);
    if (read->kind != SCALAR_ARRAY) {
        cr_expect(same(read, wanted), "%s", name);
        return;
    }
    cr_assert_eq(read->array.count, wanted->array.count, "%s", name);
    for (uint32_t i = 0; i < read->array.count; i++) {
        struct scalar a, b;

        cr_assert_eq(scalar_item(&read->array, i, &a), MR_OK, "%s", name);
        cr_assert_eq(scalar_item(&wanted->array, i, &b), MR_OK, "%s", name);
        cr_expect(same(&a, &b), "%s[%u]", name, i);
    }
}

static uint8_t *nested_bytes(struct data *ret_d)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(EMP, &size);

    *ret_d = (struct data){bytes, size, DATA_COMPACT};
    return bytes;
}

Test(compact, carries_every_kind_there_and_back)
{
    struct data nested;
    uint8_t *bytes = nested_bytes(&nested);
    struct compact_writer *w = write_all(&nested, NULL, 0);
    struct data d = finish(w);
    struct compact r;

    cr_assert_eq(compact_open(all, d.at, d.size, &r), MR_OK);
    cr_expect_eq(r.width, 2, "so that all widths are met: the example has 1, large() has 4");
    for (uint32_t i = 0; i < COUNT(all_fields); i++) {
        struct scalar items[3];
        struct scalar wanted = sample(&schema_kinds[all_fields[i].kind], &nested, items);
        struct scalar v = get(&r, all_fields[i].name);

        expect_same(&v, &wanted, all_fields[i].name);
    }
    compact_writer_free(w);
    free(bytes);
}

Test(compact, copies_each_field_from_one_record_to_another)
{
    struct data nested;
    uint8_t *bytes = nested_bytes(&nested);
    struct compact_writer *w = write_all(&nested, NULL, 0);
    struct compact_writer *copy = compact_writer_new(all, NULL, 0);
    struct data d = finish(w), again;
    struct compact r;

    cr_assert_eq(compact_open(all, d.at, d.size, &r), MR_OK);
    for (uint32_t i = 0; i < COUNT(all_fields); i++)
        cr_assert_eq(set(copy, all_fields[i].name, get(&r, all_fields[i].name)), MR_OK);
    again = finish(copy);
    cr_expect(data_equal(&d, &again));
    compact_writer_free(copy);
    compact_writer_free(w);
    free(bytes);
}

Test(compact, defaults_to_zero_and_null)
{
    struct compact_writer *w = compact_writer_new(all, NULL, 0);
    struct data d = finish(w);
    struct compact r;

    cr_assert_eq(compact_open(all, d.at, d.size, &r), MR_OK);
    for (uint32_t i = 0; i < all->fields; i++) {
        struct scalar v = get(&r, all->field[i].name);

        if (all->field[i].variable)
            cr_expect_eq(v.kind, DATA_NULL, "%s", all->field[i].name);
        else
            cr_expect_eq(v.integer & 0xff, 0, "%s", all->field[i].name);
    }
    compact_writer_free(w);
}

Test(compact, uses_wider_offsets_for_larger_records)
{
    static const uint32_t sizes[] = {244, 245, 246, 65524, 65525, 65526, 70000};
    char *big = malloc(70001);

    memset(big, 'x', 70000);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct compact_writer *w = compact_writer_new(emp, NULL, 0);
        struct compact r;
        struct data d;
        struct scalar v;

        big[sizes[i]] = '\0';
        cr_assert_eq(set(w, "tags", null), MR_OK);
        cr_assert_eq(set(w, "name", text(big)), MR_OK);
        d = finish(w);
        cr_assert_eq(compact_open(emp, d.at, d.size, &r), MR_OK);
        cr_expect_eq(r.size, sizes[i] + 9);
        cr_expect_eq(r.width, r.size < 255 ? 1 : r.size < 65535 ? 2 : 4);
        v = get(&r, "name");
        cr_expect_eq(v.bytes.size, sizes[i]);
        cr_expect_eq(get(&r, "nested").kind, DATA_NULL);
        compact_writer_free(w);
        big[sizes[i]] = 'x';
    }
    free(big);
}

Test(compact, writes_into_the_room_that_it_is_given)
{
    uint8_t room[26];
    struct compact_writer *w = compact_writer_new(emp, room, sizeof room);
    struct data d;

    cr_assert_eq(set(w, "name", text("y")), MR_OK);
    cr_assert_eq(compact_finish(w, &d, NULL), MR_OK);
    cr_expect_eq(d.at, room);
    compact_reset(w);
    cr_assert_eq(set(w, "name", text("yyyy")), MR_OK);
    cr_expect_eq(compact_finish(w, &d, NULL), MR_ERR_TOO_LARGE, "no room for the table");
    compact_reset(w);
    cr_expect_eq(set(w, "name", text("much too long")), MR_ERR_TOO_LARGE);
    compact_writer_free(w);

    w = compact_writer_new(emp, room, 10);
    cr_expect_eq(compact_finish(w, &d, NULL), MR_ERR_TOO_LARGE);
    compact_writer_free(w);
}

/* ---- what does not fit ----------------------------------------------------------------------- */

static void expect_unfit(const char *name, struct scalar v, mr_rc_t rc, const char *word)
{
    struct compact_writer *w = compact_writer_new(all, NULL, 0);
    mr_err_t err = MR_ERR_INIT, later = MR_ERR_INIT;
    struct data d;

    cr_expect_eq(compact_set(w, name, (uint32_t)strlen(name), &v, &err), rc, "%s", name);
    cr_expect(strstr(err.message, name) && strstr(err.message, word), "%s", err.message);
    cr_expect_eq(set(w, "INT8", integer(1)), rc, "a later set does not hide it");
    cr_expect_eq(compact_finish(w, &d, &later), rc);
    cr_expect_str_eq(later.message, err.message);
    compact_writer_free(w);
}

Test(compact, names_the_field_that_a_value_does_not_fit)
{
    struct scalar nulls[] = {integer(1), null};
    struct scalar mixed[] = {integer(1), text("1")};

    expect_unfit("INT8", integer(128), MR_ERR_TYPE, "INT8");
    expect_unfit("INT16", integer(-32769), MR_ERR_TYPE, "INT16");
    expect_unfit("INT32", integer(1ll << 31), MR_ERR_TYPE, "INT32");
    expect_unfit("NULLABLE_INT8", integer(-129), MR_ERR_TYPE, "NULLABLE_INT8");
    expect_unfit("INT32", null, MR_ERR_TYPE, "kind");
    expect_unfit("BOOLEAN", null, MR_ERR_TYPE, "kind");
    expect_unfit("BOOLEAN", integer(1), MR_ERR_TYPE, "kind");
    expect_unfit("FLOAT64", integer(1), MR_ERR_TYPE, "kind");
    expect_unfit("FLOAT32", (struct scalar){.kind = DATA_DOUBLE, .f64 = 0.1}, MR_ERR_TYPE, "kind");
    expect_unfit("STRING", integer(1), MR_ERR_TYPE, "kind");
    expect_unfit("STRING", (struct scalar){.kind = DATA_JSON}, MR_ERR_TYPE, "kind");
    expect_unfit("ARRAY_OF_INT32", integer(1), MR_ERR_TYPE, "kind");
    expect_unfit("ARRAY_OF_INT32", array(nulls, 2), MR_ERR_TYPE, "kind");
    expect_unfit("ARRAY_OF_NULLABLE_INT32", array(mixed, 2), MR_ERR_TYPE, "kind");
    expect_unfit("no_such", integer(1), MR_ERR_SCHEMA, "no field");
}

Test(compact, takes_a_number_of_another_width_when_it_fits_exactly)
{
    struct compact_writer *w = compact_writer_new(all, NULL, 0);
    struct scalar f = {.kind = DATA_FLOAT, .f32 = 1.5f}, d = {.kind = DATA_DOUBLE, .f64 = -0.25};
    struct compact r;
    struct data done;

    cr_assert_eq(set(w, "INT8", integer(-128)), MR_OK);
    cr_assert_eq(set(w, "INT64", (struct scalar){.kind = DATA_BYTE, .integer = -1}), MR_OK);
    cr_assert_eq(set(w, "FLOAT64", f), MR_OK);
    cr_assert_eq(set(w, "FLOAT32", d), MR_OK);
    done = finish(w);
    cr_assert_eq(compact_open(all, done.at, done.size, &r), MR_OK);
    cr_expect_eq(get(&r, "INT8").integer, -128);
    cr_expect_eq(get(&r, "INT64").integer, -1);
    cr_expect_eq(get(&r, "FLOAT64").f64, 1.5);
    cr_expect_eq(get(&r, "FLOAT32").f32, -0.25f);
    compact_writer_free(w);
}

Test(compact, keeps_records_of_one_schema_in_an_array)
{
    struct compact_writer *a = compact_writer_new(emp, NULL, 0);
    struct compact_writer *b = compact_writer_new(all, NULL, 0);
    struct data one = finish(a), other = finish(b);
    struct scalar items[] = {record(&one), null, record(&other)};

    expect_unfit("ARRAY_OF_COMPACT", array(items, 3), MR_ERR_SCHEMA, "several schemas");
    items[0].bytes.size = 7;
    expect_unfit("ARRAY_OF_COMPACT", array(items, 1), MR_ERR_MALFORMED, "written");
    expect_unfit("COMPACT", items[0], MR_ERR_MALFORMED, "written");
    compact_writer_free(b);
    compact_writer_free(a);
}

Test(compact, refuses_a_value_that_lies_in_its_own_buffer)
{
    struct compact_writer *w = compact_writer_new(emp, NULL, 0);
    struct data d = finish(w);
    struct scalar self = record(&d);

    cr_expect_eq(set(w, "nested", self), MR_ERR_ARGUMENT);
    compact_reset(w);
    cr_expect_eq(compact_finish(w, &d, NULL), MR_OK, "and is good again after a reset");
    compact_writer_free(w);
}

/* ---- bytes that lie -------------------------------------------------------------------------- */

static volatile uint8_t touched;

/* Reads every byte that v borrows, so that a sanitizer sees one that is not there. */
static void touch(const struct scalar *v)
{
    if (v->kind == DATA_NULL || v->kind == SCALAR_ARRAY || scalar_width(v->kind))
        return;
    for (uint32_t i = 0; i < v->bytes.size; i++)
        touched = touched + v->bytes.at[i];
}

/* Reads all that the schema says there is, nested records too. */
static void read_everything(const struct schema *s, const uint8_t *bytes, uint32_t size, int depth)
{
    struct compact r;

    if (compact_open(s, bytes, size, &r) != MR_OK)
        return;
    for (uint32_t i = 0; i < s->fields; i++) {
        struct scalar v, item;

        if (compact_get(&r, &s->field[i], &v) != MR_OK)
            continue;
        touch(&v);
        for (uint32_t k = 0; v.kind == SCALAR_ARRAY && k < v.array.count && k < 500; k++)
            if (scalar_item(&v.array, k, &item) == MR_OK)
                touch(&item);
        if (v.kind == DATA_COMPACT && depth < 4)
            read_everything(emp, v.bytes.at, v.bytes.size, depth + 1);
    }
}

Test(compact, refuses_or_bounds_every_truncation)
{
    struct data nested;
    uint8_t *bytes = nested_bytes(&nested);
    struct compact_writer *w = write_all(&nested, NULL, 0);
    struct data d = finish(w);
    struct compact r;

    for (uint32_t cut = 0; cut < d.size; cut++) {
        uint8_t *part = bytes_cut(d.at, cut);

        cr_expect_eq(compact_open(all, part, cut, &r), MR_ERR_MALFORMED, "cut to %u", cut);
        free(part);
    }
    for (uint32_t cut = 0; cut < nested.size; cut++) {
        uint8_t *part = bytes_cut(nested.at, cut);
        uint64_t id = 0;

        cr_expect_eq(compact_open(emp, part, cut, &r), MR_ERR_MALFORMED, "cut to %u", cut);
        cr_expect_eq(compact_id(part, cut, &id), cut < 8 ? MR_ERR_MALFORMED : MR_OK);
        free(part);
    }
    compact_writer_free(w);
    free(bytes);
}

/* The example with one part changed, and what reading the field then says. */
static const struct {
    const char *hex, *name;
    mr_rc_t rc;
} lies[] = {
    /* name's offset: the last byte, the end, beyond the end */
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 09ffff", "name", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 0affff", "name", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 feffff", "name", MR_ERR_MALFORMED},
    /* name's length: one too many, huge, negative */
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000002 79 05ffff", "name", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000a fffffffc 00 7fffffff 79 05ffff", "name", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000a fffffffc 00 ffffffff 79 05ffff", "name", MR_ERR_MALFORMED},
    /* tags: counts that the bytes do not hold */
    {"cb62a66ee714a1d6 0000000d fffffffc 00 00000000 7fffffff ffff05", "tags", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000d fffffffc 00 7fffffff 00000000 ffff05", "tags", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000d fffffffc 00 ffffffff ffffffff ffff05", "tags", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000d fffffffc 00 00000000 00000000 ffff05", "tags", MR_OK},
    /* nested: no room for an id; an offset that is name's own, overlapping it */
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 ff05ff", "nested", MR_ERR_MALFORMED},
    {"cb62a66ee714a1d6 0000000a fffffffc 00 00000001 79 0502ff", "nested", MR_ERR_MALFORMED},
};

Test(compact, answers_a_lie_inside_the_record)
{
    for (size_t i = 0; i < COUNT(lies); i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(lies[i].hex, &size);
        struct scalar v;
        struct compact r;

        cr_assert_eq(compact_open(emp, bytes, size, &r), MR_OK, "%s", lies[i].hex);
        cr_expect_eq(compact_get(&r, field(emp, lies[i].name), &v), lies[i].rc, "%s", lies[i].hex);
        free(bytes);
    }
}

Test(compact, answers_a_lie_about_the_whole_record)
{
    static const char *const frames[] = {
        "cb62a66ee714a1d6 ffffffff fffffffc 00 00000001 79 05ffff",
        "cb62a66ee714a1d6 7fffffff fffffffc 00 00000001 79 05ffff",
        "cb62a66ee714a1d6 0000000b fffffffc 00 00000001 79 05ffff",
        "cb62a66ee714a1d6 00000004 fffffffc 00 00000001 79 05ffff",
        "cb62a66ee714a1d6 00000000 fffffffc 00 00000001 79 05ffff",
    };

    for (size_t i = 0; i < COUNT(frames); i++) {
        uint32_t size;
        uint8_t *bytes = bytes_of(frames[i], &size);
        struct compact r;

        cr_expect_eq(compact_open(emp, bytes, size, &r), MR_ERR_MALFORMED, "%s", frames[i]);
        cr_expect_eq(compact_open(all, bytes, size, &r), MR_ERR_SCHEMA);
        free(bytes);
    }
}

Test(compact, reads_nothing_outside_of_bytes_changed_at_random)
{
    struct data nested;
    uint8_t *bytes = nested_bytes(&nested);
    struct compact_writer *w = write_all(&nested, NULL, 0);
    struct data d = finish(w);
    struct rand chance;

    rand_init(&chance, 42);
    for (int round = 0; round < 20000; round++) {
        const struct data *from = round % 2 ? &d : &nested;
        uint32_t size = from->size - (uint32_t)rand_below(&chance, 3);
        uint8_t *bad = bytes_cut(from->at, size);

        for (uint64_t n = 1 + rand_below(&chance, 4); n > 0; n--) {
            static const uint8_t favourites[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
            uint8_t v = (uint8_t)rand_next(&chance);

            bad[8 + rand_below(&chance, size - 8)] = v & 1 ? favourites[v % 6] : v;
        }
        read_everything(round % 2 ? all : emp, bad, size, 0);
        free(bad);
    }
    compact_writer_free(w);
    free(bytes);
}

/* ---- evolution ------------------------------------------------------------------------------- */

Test(compact, leaves_the_default_for_a_field_that_older_records_have_not)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(EMP, &size);
    struct compact_path path = {.name = "salary", .name_size = 6};
    int64_t salary = 1000;
    struct compact r;

    cr_assert_eq(compact_open(emp, bytes, size, &r), MR_OK);
    cr_expect_eq(compact_get_integer(&r, compact_resolve(&path, emp), &salary), MR_NOT_FOUND);
    cr_expect_eq(salary, 1000);
    free(bytes);
}

Test(compact, follows_a_name_from_one_schema_to_the_next)
{
    static const struct schema_field_spec later[] = {FIELD("age", SCHEMA_NULLABLE_INT64),
                                                     FIELD("aaa", SCHEMA_INT32),
                                                     FIELD("name", SCHEMA_STRING)};
    struct compact_path path = {.name = "age", .name_size = 3};
    struct schema *second;
    struct compact_writer *w[2];
    int64_t age = 0;

    cr_assert_eq(schema_new("emp", 3, later, 3, &second, NULL), MR_OK);
    w[0] = compact_writer_new(emp, NULL, 0);
    w[1] = compact_writer_new(second, NULL, 0);
    cr_assert_eq(set(w[0], "age", integer(1)), MR_OK);
    cr_assert_eq(set(w[1], "age", integer(2)), MR_OK);
    for (int i = 0; i < 6; i++) {
        const struct schema *s = i % 2 ? second : emp;
        struct data d = finish(w[i % 2]);
        struct compact r;

        cr_assert_eq(compact_open(s, d.at, d.size, &r), MR_OK);
        cr_assert_eq(compact_get_integer(&r, compact_resolve(&path, s), &age), MR_OK);
        cr_expect_eq(age, 1 + i % 2, "a plain and a nullable number read alike");
    }
    compact_writer_free(w[0]);
    compact_writer_free(w[1]);
    schema_free(second);
}

Test(compact, refuses_null_and_another_kind_where_a_number_or_text_is_wanted)
{
    struct compact_writer *w = compact_writer_new(all, NULL, 0);
    const char *t = "default";
    uint32_t size = 7;
    int64_t n = 1;
    double real = 0;
    struct compact r;
    struct data d;

    cr_assert_eq(set(w, "NULLABLE_FLOAT32", (struct scalar){.kind = DATA_FLOAT, .f32 = 2.5f}),
                 MR_OK);
    cr_assert_eq(set(w, "STRING", text("there")), MR_OK);
    d = finish(w);
    cr_assert_eq(compact_open(all, d.at, d.size, &r), MR_OK);
    cr_expect_eq(compact_get_integer(&r, field(all, "NULLABLE_INT32"), &n), MR_ERR_TYPE);
    cr_expect_eq(compact_get_integer(&r, field(all, "STRING"), &n), MR_ERR_TYPE);
    cr_expect_eq(n, 1);
    cr_expect_eq(compact_get_real(&r, field(all, "INT32"), &real), MR_ERR_TYPE);
    cr_assert_eq(compact_get_real(&r, field(all, "NULLABLE_FLOAT32"), &real), MR_OK);
    cr_expect_eq(real, 2.5);
    cr_expect_eq(compact_get_real(&r, NULL, &real), MR_NOT_FOUND);
    cr_expect_eq(compact_get_text(&r, field(all, "INT8"), &t, &size), MR_ERR_TYPE);
    cr_expect_eq(compact_get_text(&r, NULL, &t, &size), MR_NOT_FOUND);
    cr_expect_str_eq(t, "default");
    cr_assert_eq(compact_get_text(&r, field(all, "STRING"), &t, &size), MR_OK);
    cr_expect_bytes(t, size, "7468657265");
    compact_writer_free(w);
}

/* ---- memory ---------------------------------------------------------------------------------- */

Test(compact, says_so_whenever_memory_runs_out)
{
    struct data nested, d;
    uint8_t *bytes = nested_bytes(&nested);
    int failures = 0;

    mem_hooks_set(&scarce);
    for (int n = 0; n < 20; n++) {
        scarce_left = n;
        struct compact_writer *w = compact_writer_new(all, NULL, 0);
        compact_writer_free(w);
        if (!w) {
            failures++;
            continue;
        }
        scarce_left = n;
        w = write_all(&nested, NULL, 0);
        mr_rc_t rc = compact_finish(w, &d, NULL);
        cr_expect(rc == MR_OK || rc == MR_ERR_MEMORY);
        failures += rc == MR_ERR_MEMORY;
        if (rc == MR_ERR_MEMORY) {
            scarce_left = 100;
            compact_reset(w);
            cr_expect_eq(compact_finish(w, &d, NULL), MR_OK, "memory came back");
        }
        compact_writer_free(w);
    }
    mem_hooks_set(NULL);
    cr_expect_gt(failures, 2);
    cr_expect_lt(failures, 20);
    free(bytes);
}
