#include "net/wire/schema.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/atomic.h"
#include "net/base/check.h"
#include "net/base/mem.h"
#include "net/wire/scalar.h"

const struct schema_kind_info schema_kinds[SCHEMA_KINDS] = {
#define X(name, number, data, array, nullable) [number] = {#name, data, array, nullable},
    SCHEMA_KIND_MAP(X)
#undef X
};

/* ---- fingerprint ----------------------------------------------------------------------------- */

#define RABIN_EMPTY 0xC15D213AA4D7A795u

/* One byte's eight steps. A table would save seven of them, for a sum computed once a schema. */
static uint64_t rabin_byte(uint64_t sum, uint8_t byte)
{
    uint64_t low = (sum ^ byte) & 0xff;

    for (int i = 0; i < 8; i++)
        low = low >> 1 ^ (low & 1 ? RABIN_EMPTY : 0);
    return sum >> 8 ^ low;
}

static uint64_t rabin_int(uint64_t sum, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        sum = rabin_byte(sum, (uint8_t)(v >> (8 * i)));
    return sum;
}

static uint64_t rabin_text(uint64_t sum, const char *text, uint32_t size)
{
    sum = rabin_int(sum, size);
    for (uint32_t i = 0; i < size; i++)
        sum = rabin_byte(sum, (uint8_t)text[i]);
    return sum;
}

static uint64_t fingerprint(const struct schema *s)
{
    uint64_t sum = rabin_text(RABIN_EMPTY, s->type_name, s->type_name_size);

    sum = rabin_int(sum, s->fields);
    for (uint32_t i = 0; i < s->fields; i++) {
        sum = rabin_text(sum, s->field[i].name, s->field[i].name_size);
        sum = rabin_int(sum, s->field[i].kind);
    }
    return sum;
}

/* ---- building -------------------------------------------------------------------------------- */

static int by_name(const char *a, uint32_t a_size, const char *b, uint32_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int field_order(const void *a, const void *b)
{
    const struct schema_field *f = a, *g = b;

    return by_name(f->name, f->name_size, g->name, g->name_size);
}

/* Bytes in the fixed area, 0 for a variable field; a BOOLEAN's is its bit. */
static uint32_t fixed_width(uint8_t kind)
{
    const struct schema_kind_info *k = &schema_kinds[kind];

    return k->array || k->nullable ? 0 : scalar_width(k->data);
}

static void place(struct schema *s)
{
    uint32_t bits = 0;

    for (uint32_t width = 8; width > 0; width /= 2)
        for (uint32_t i = 0; i < s->fields; i++) {
            struct schema_field *f = &s->field[i];

            if (f->kind != SCHEMA_BOOLEAN && fixed_width(f->kind) == width) {
                f->at = s->fixed_size;
                s->fixed_size += width;
            }
        }
    for (uint32_t i = 0; i < s->fields; i++) {
        struct schema_field *f = &s->field[i];

        if (f->kind == SCHEMA_BOOLEAN) {
            f->at = s->fixed_size + bits / 8;
            f->bit = bits++ % 8;
        } else if (fixed_width(f->kind) == 0) {
            f->at = s->variables++;
            f->variable = true;
        }
    }
    s->fixed_size += (bits + 7) / 8;
}

static mr_rc_t check_specs(uint32_t type_name_size, const struct schema_field_spec *fields,
                           uint32_t count, size_t *ret_text_size, mr_err_t *err)
{
    size_t text = (size_t)type_name_size + 1;

    if (type_name_size > SCHEMA_NAME_MAX)
        return fail(err, MR_ERR_SCHEMA, NULL, "the type name has %u bytes, allowed are %d",
                    type_name_size, SCHEMA_NAME_MAX);
    if (count > SCHEMA_FIELDS_MAX)
        return fail(err, MR_ERR_SCHEMA, "group fields into nested records",
                    "the schema has %u fields, allowed are %d", count, SCHEMA_FIELDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        const struct schema_field_spec *f = &fields[i];

        if (f->name_size > SCHEMA_NAME_MAX)
            return fail(err, MR_ERR_SCHEMA, NULL,
                        "the name of field %u has %u bytes, allowed are %d", i, f->name_size,
                        SCHEMA_NAME_MAX);
        if (f->kind < 0 || f->kind >= SCHEMA_KINDS || !schema_kinds[f->kind].name)
            return fail(err, MR_ERR_SCHEMA, NULL,
                        "field %.*s is of kind %d, which records have not", (int)f->name_size,
                        f->name, (int)f->kind);
        text += (size_t)f->name_size + 1;
    }
    *ret_text_size = text;
    return MR_OK;
}

static const char *keep(char **at, const char *text, uint32_t size)
{
    char *kept = *at;

    if (size)
        memcpy(kept, text, size);
    kept[size] = '\0';
    *at += size + 1;
    return kept;
}

mr_rc_t schema_new(const char *type_name, uint32_t type_name_size,
                   const struct schema_field_spec *fields, uint32_t count, struct schema **ret_s,
                   mr_err_t *err)
{
    size_t text_size = 0;
    mr_rc_t rc = check_specs(type_name_size, fields, count, &text_size, err);

    if (rc != MR_OK)
        return rc;

    struct schema *s = mem_alloc_zero(sizeof *s + count * sizeof s->field[0] + text_size);
    if (!s)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a schema of %u fields", count);

    char *text = (char *)&s->field[count];

    s->type_name = keep(&text, type_name, type_name_size);
    s->type_name_size = type_name_size;
    s->fields = count;
    for (uint32_t i = 0; i < count; i++)
        s->field[i] =
            (struct schema_field){.name = keep(&text, fields[i].name, fields[i].name_size),
                                  .name_size = fields[i].name_size,
                                  .kind = (uint8_t)fields[i].kind};
    qsort(s->field, count, sizeof s->field[0], field_order);
    for (uint32_t i = 1; i < count; i++)
        if (field_order(&s->field[i - 1], &s->field[i]) == 0) {
            rc = fail(err, MR_ERR_SCHEMA, "give each field its own name",
                      "%s has two fields named %s", s->type_name, s->field[i].name);
            schema_free(s);
            return rc;
        }
    place(s);
    s->id = fingerprint(s);
    *ret_s = s;
    return MR_OK;
}

void schema_free(struct schema *s)
{
    mem_free(s);
}

const struct schema_field *schema_find(const struct schema *s, const char *name, uint32_t size)
{
    uint32_t low = 0, high = s->fields;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct schema_field *f = &s->field[middle];
        int order = by_name(name, size, f->name, f->name_size);

        if (order == 0)
            return f;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool schema_equal(const struct schema *a, const struct schema *b)
{
    if (a->fields != b->fields ||
        by_name(a->type_name, a->type_name_size, b->type_name, b->type_name_size) != 0)
        return false;
    for (uint32_t i = 0; i < a->fields; i++)
        if (a->field[i].kind != b->field[i].kind || field_order(&a->field[i], &b->field[i]) != 0)
            return false;
    return true;
}

/* ---- registry: a trie on two bits of the id at a time ---------------------------------------- */

/* A node is published once and never changes but for its children, each of which is set once
 * from NULL; so a walk down needs no lock. Ids differ within 64 bits: no path is longer than 33. */
struct node {
    struct schema *schema;
    void *child[4];
};

static struct schema_registry shared;

struct schema_registry *schema_registry_shared(void)
{
    return &shared;
}

/* Walks down to the node of this id, or to the empty place where it belongs, *ret_place. */
static struct node *walk(struct schema_registry *r, uint64_t id, void ***ret_place)
{
    void **place = &r->root;
    struct node *n;

    /* acquire: the schema was written before the node was published */
    for (uint64_t rest = id; (n = load_acquire_ptr(place)) != NULL; rest >>= 2) {
        if (n->schema->id == id)
            break;
        place = &n->child[rest & 3];
    }
    *ret_place = place;
    return n;
}

const struct schema *schema_registry_find(struct schema_registry *r, uint64_t id)
{
    void **place;
    struct node *n = walk(r, id, &place);

    return n ? n->schema : NULL;
}

/* s is known already, and its other self is good for everybody; or it is an impostor. */
static mr_rc_t join(struct node *known, struct schema *s, const struct schema **ret_s)
{
    check(known->schema != s);
    if (!schema_equal(known->schema, s))
        return MR_ERR_SCHEMA;
    schema_free(s);
    *ret_s = known->schema;
    return MR_OK;
}

mr_rc_t schema_registry_add(struct schema_registry *r, struct schema *s,
                            const struct schema **ret_s)
{
    void **place;
    struct node *known = walk(r, s->id, &place);

    if (known)
        return join(known, s, ret_s);
    if (fetch_add_64(&r->count, 1) >= SCHEMAS_MAX) {
        fetch_sub_64(&r->count, 1);
        return MR_ERR_FULL;
    }

    struct node *n = mem_alloc_zero(sizeof *n);
    if (!n) {
        fetch_sub_64(&r->count, 1);
        return MR_ERR_MEMORY;
    }
    n->schema = s;

    /* Lost races lead on: whoever took the place is on our way, or is us. */
    while (!compare_and_set_ptr(place, NULL, n)) {
        known = walk(r, s->id, &place);
        if (known) {
            mem_free(n);
            fetch_sub_64(&r->count, 1);
            return join(known, s, ret_s);
        }
    }
    *ret_s = s;
    return MR_OK;
}

static void visit_nodes(const struct node *n, void (*visit)(void *context, const struct schema *s),
                        void *context)
{
    if (!n)
        return;
    visit(context, n->schema);
    for (int i = 0; i < 4; i++)
        visit_nodes(load_acquire_ptr((void *const *)&n->child[i]), visit, context);
}

void schema_registry_each(const struct schema_registry *r,
                          void (*visit)(void *context, const struct schema *s), void *context)
{
    visit_nodes(load_acquire_ptr((void *const *)&r->root), visit, context);
}

static void node_free(struct node *n)
{
    if (!n)
        return;
    for (int i = 0; i < 4; i++)
        node_free(n->child[i]);
    schema_free(n->schema);
    mem_free(n);
}

void schema_registry_clear(struct schema_registry *r)
{
    node_free(r->root);
    *r = (struct schema_registry){0};
}
