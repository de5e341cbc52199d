#include "net/wire/schema.h"

#include "net/base/mem.h"
#include "tests/unit/net/wire/bytes.h"

#define FIELD(n, k)                                                                                \
    {                                                                                              \
        .name = (n), .name_size = sizeof(n) - 1, .kind = (k)                                       \
    }
#define COUNT(a) (uint32_t)(sizeof(a) / sizeof *(a))

static const struct schema_field_spec emp[] = {
    FIELD("name", SCHEMA_STRING),    FIELD("age", SCHEMA_INT32),
    FIELD("ok", SCHEMA_BOOLEAN),     FIELD("tags", SCHEMA_ARRAY_OF_NULLABLE_INT16),
    FIELD("nested", SCHEMA_COMPACT),
};

static struct schema *build(const char *type, const struct schema_field_spec *fields, uint32_t n)
{
    struct schema *s = NULL;

    cr_assert_eq(schema_new(type, (uint32_t)strlen(type), fields, n, &s, NULL), MR_OK);
    return s;
}

Test(schema, has_the_id_that_other_clients_compute)
{
    static const struct schema_field_spec e2[] = {FIELD("n", SCHEMA_STRING),
                                                  FIELD("a", SCHEMA_INT64)};
    struct schema *empty = build("", NULL, 0);
    struct schema *two = build("e2", e2, 2);
    struct schema *five = build("emp", emp, COUNT(emp));

    cr_expect_eq(empty->id, 0xC3F284F8E625BC12u);
    cr_expect_eq(two->id, 0x58BCBAC92252E17Cu);
    cr_expect_eq(five->id, 0xCB62A66EE714A1D6u);
    schema_free(empty);
    schema_free(two);
    schema_free(five);
}

Test(schema, orders_fields_by_name_and_finds_each)
{
    struct schema *s = build("emp", emp, COUNT(emp));

    cr_assert_eq(s->fields, 5);
    for (uint32_t i = 0; i < s->fields; i++) {
        const struct schema_field *f = &s->field[i];

        cr_expect_eq(schema_find(s, f->name, f->name_size), f);
        cr_expect(i == 0 || strcmp(s->field[i - 1].name, f->name) < 0);
    }
    cr_expect_null(schema_find(s, "nam", 3));
    cr_expect_null(schema_find(s, "names", 5));
    cr_expect_null(schema_find(s, "", 0));
    schema_free(s);
}

Test(schema, places_large_numbers_first_then_bits_then_the_rest_by_index)
{
    static const struct schema_field_spec fields[] = {
        FIELD("b0", SCHEMA_BOOLEAN),  FIELD("a8", SCHEMA_INT8),
        FIELD("b8", SCHEMA_INT8),     FIELD("z64", SCHEMA_INT64),
        FIELD("f32", SCHEMA_FLOAT32), FIELD("i32", SCHEMA_INT32),
        FIELD("d64", SCHEMA_FLOAT64), FIELD("s16", SCHEMA_INT16),
        FIELD("v", SCHEMA_STRING),    FIELD("b1", SCHEMA_BOOLEAN),
        FIELD("b2", SCHEMA_BOOLEAN),  FIELD("b3", SCHEMA_BOOLEAN),
        FIELD("b4", SCHEMA_BOOLEAN),  FIELD("b5", SCHEMA_BOOLEAN),
        FIELD("b6", SCHEMA_BOOLEAN),  FIELD("b7", SCHEMA_BOOLEAN),
        FIELD("c9", SCHEMA_BOOLEAN),  FIELD("n", SCHEMA_NULLABLE_INT64),
    };
    static const struct {
        const char *name;
        uint32_t at, bit;
    } places[] = {{"d64", 0, 0},  {"z64", 8, 0}, {"f32", 16, 0}, {"i32", 20, 0},
                  {"s16", 24, 0}, {"a8", 26, 0}, {"b8", 27, 0},  {"b0", 28, 0},
                  {"b7", 28, 7},  {"c9", 29, 0}, {"n", 0, 0},    {"v", 1, 0}};
    struct schema *s = build("wide", fields, COUNT(fields));

    for (size_t i = 0; i < COUNT(places); i++) {
        const struct schema_field *f =
            schema_find(s, places[i].name, (uint32_t)strlen(places[i].name));

        cr_assert_not_null(f);
        cr_expect_eq(f->at, places[i].at, "%s", f->name);
        cr_expect_eq(f->bit, places[i].bit, "%s", f->name);
    }
    cr_expect_eq(s->fixed_size, 30);
    cr_expect_eq(s->variables, 2);
    schema_free(s);
}

Test(schema, is_equal_when_content_is_whatever_the_order_told)
{
    static const struct schema_field_spec ab[] = {FIELD("a", SCHEMA_INT8), FIELD("b", SCHEMA_INT8)};
    static const struct schema_field_spec ba[] = {FIELD("b", SCHEMA_INT8), FIELD("a", SCHEMA_INT8)};
    static const struct schema_field_spec ac[] = {FIELD("a", SCHEMA_INT8), FIELD("c", SCHEMA_INT8)};
    static const struct schema_field_spec aB[] = {FIELD("a", SCHEMA_INT8),
                                                  FIELD("b", SCHEMA_INT16)};
    struct schema *s = build("t", ab, 2);
    struct schema *others[] = {build("t", ba, 2), build("t", ac, 2), build("t", aB, 2),
                               build("u", ab, 2), build("t", ab, 1)};

    for (size_t i = 0; i < COUNT(others); i++) {
        cr_expect_eq(schema_equal(s, others[i]), i == 0, "other %zu", i);
        schema_free(others[i]);
    }
    schema_free(s);
}

static void expect_refused(const char *type, const struct schema_field_spec *fields, uint32_t count,
                           const char *word)
{
    struct schema *s = NULL;
    mr_err_t err = MR_ERR_INIT;

    cr_expect_eq(schema_new(type, (uint32_t)strlen(type), fields, count, &s, &err), MR_ERR_SCHEMA);
    cr_expect_null(s);
    cr_expect(strstr(err.message, word), "%s", err.message);
}

Test(schema, is_refused_when_it_cannot_be_one)
{
    static const struct schema_field_spec twice[] = {FIELD("a", SCHEMA_INT8),
                                                     FIELD("a", SCHEMA_INT16)};
    static const int32_t kinds[] = {-1, 0, 5, 6, 31, 32, 47, INT32_MAX, INT32_MIN};
    static char name[SCHEMA_NAME_MAX + 2];
    static struct schema_field_spec many[SCHEMA_FIELDS_MAX + 1];

    memset(name, 'x', SCHEMA_NAME_MAX + 1);
    expect_refused("t", twice, 2, "two fields named a");
    for (size_t i = 0; i < COUNT(kinds); i++)
        expect_refused("t", &(struct schema_field_spec)FIELD("odd", kinds[i]), 1, "odd");
    expect_refused(name, NULL, 0, "type name");
    expect_refused("t", &(struct schema_field_spec){name, SCHEMA_NAME_MAX + 1, SCHEMA_INT8}, 1,
                   "1025 bytes");
    expect_refused("t", many, COUNT(many), "4097 fields");
}

Test(registry, knows_what_was_added_and_nothing_else)
{
    struct schema_registry r = {0};
    struct schema *s = build("emp", emp, COUNT(emp)), *again = build("emp", emp, COUNT(emp));
    const struct schema *known = NULL;

    cr_expect_null(schema_registry_find(&r, s->id));
    cr_assert_eq(schema_registry_add(&r, s, &known), MR_OK);
    cr_expect_eq(known, s);
    cr_assert_eq(schema_registry_add(&r, again, &known), MR_OK);
    cr_expect_eq(known, s, "the first one stays");
    cr_expect_eq(schema_registry_find(&r, s->id), s);
    cr_expect_null(schema_registry_find(&r, s->id ^ 1));
    schema_registry_clear(&r);
}

Test(registry, refuses_another_content_under_a_known_id)
{
    struct schema_registry r = {0};
    struct schema *s = build("emp", emp, COUNT(emp)), *other = build("emp", emp, 4);
    const struct schema *known = NULL;

    other->id = s->id;
    cr_assert_eq(schema_registry_add(&r, s, &known), MR_OK);
    cr_expect_eq(schema_registry_add(&r, other, &known), MR_ERR_SCHEMA);
    cr_expect_eq(schema_registry_find(&r, s->id), s);
    schema_free(other);
    schema_registry_clear(&r);
}

Test(registry, tells_ids_apart_that_differ_in_their_last_bits_only)
{
    struct schema_registry r = {0};
    const struct schema *known;

    for (uint64_t i = 0; i < 64; i++) {
        struct schema *s = build("t", NULL, 0);

        s->id = 1ull << i;
        cr_assert_eq(schema_registry_add(&r, s, &known), MR_OK);
    }
    for (uint64_t i = 0; i < 64; i++)
        cr_expect_eq(schema_registry_find(&r, 1ull << i)->id, 1ull << i);
    cr_expect_null(schema_registry_find(&r, 0));
    schema_registry_clear(&r);
}

Test(registry, is_full_at_its_limit)
{
    struct schema_registry r = {.count = SCHEMAS_MAX};
    struct schema *s = build("emp", emp, COUNT(emp));
    const struct schema *known;

    cr_expect_eq(schema_registry_add(&r, s, &known), MR_ERR_FULL);
    cr_expect_eq(r.count, SCHEMAS_MAX);
    schema_free(s);
}

static void *no_alloc(size_t size, void *context)
{
    (void)size, (void)context;
    return NULL;
}

Test(schema, leaves_all_as_it_was_when_memory_runs_out)
{
    struct mem_hooks none = {no_alloc, NULL, NULL, NULL, NULL};
    struct schema_registry r = {0};
    struct schema *s = build("emp", emp, COUNT(emp)), *more = NULL;
    const struct schema *known;

    mem_hooks_set(&none);
    mr_rc_t built = schema_new("t", 1, NULL, 0, &more, NULL);
    mr_rc_t added = schema_registry_add(&r, s, &known);
    mem_hooks_set(NULL);

    cr_expect_eq(built, MR_ERR_MEMORY);
    cr_expect_eq(added, MR_ERR_MEMORY);
    cr_expect_null(schema_registry_find(&r, s->id));
    cr_expect_eq(r.count, 0);
    schema_free(s);
}
