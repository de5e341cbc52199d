#include "client/teach.h"

#include <string.h>

#include "net/base/mem.h"
#include "net/wire/compact.h"

enum { NESTED_MAX = 64 };

/* ---- what was told -------------------------------------------------------------------------- */

void teach_init(struct teach *t)
{
    *t = (struct teach){0};
    pthread_mutex_init(&t->lock, NULL);
}

void teach_free(struct teach *t)
{
    mem_free(t->ids);
    pthread_mutex_destroy(&t->lock);
}

/* Where it is, or would be. */
static uint32_t place_of(const struct teach *t, uint64_t id)
{
    uint32_t low = 0, high = t->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has(const struct teach *t, uint32_t at, uint64_t id)
{
    return at < t->count && t->ids[at] == id;
}

bool teach_knows(struct teach *t, uint64_t id)
{
    pthread_mutex_lock(&t->lock);
    bool known = has(t, place_of(t, id), id);

    pthread_mutex_unlock(&t->lock);
    return known;
}

static bool grow(struct teach *t)
{
    uint32_t room = t->room ? t->room * 2 : 16;
    uint64_t *ids = mem_realloc(t->ids, room * sizeof *ids);

    if (!ids)
        return false;
    t->ids = ids;
    t->room = room;
    return true;
}

mr_rc_t teach_note(struct teach *t, uint64_t id)
{
    mr_rc_t rc = MR_OK;

    pthread_mutex_lock(&t->lock);
    uint32_t at = place_of(t, id);

    if (has(t, at, id)) {
        rc = MR_OK;
    } else if (t->count == t->room && !grow(t)) {
        rc = MR_ERR_MEMORY;
    } else {
        memmove(t->ids + at + 1, t->ids + at, (t->count - at) * sizeof *t->ids);
        t->ids[at] = id;
        t->count++;
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}

uint32_t teach_all(struct teach *t, struct sink *items)
{
    struct sink fields = {.grows = true};
    struct wire_schema s;

    pthread_mutex_lock(&t->lock);
    uint32_t n = t->count;

    for (uint32_t i = 0; i < n; i++) {
        teach_write(schema_registry_find(schema_registry_shared(), t->ids[i]), &fields, &s);
        wire_put(items, WIRE_schema, &s);
    }
    pthread_mutex_unlock(&t->lock);
    items->out_of_memory |= fields.out_of_memory;
    sink_free(&fields);
    return n;
}

/* ---- ids in a value ------------------------------------------------------------------------- */

/* Says whether an id is one that is looked for. */
typedef bool wanted_function(void *context, uint64_t id);

struct search {
    wanted_function *wanted;
    void *context;
    uint64_t found;
};

static bool search_record(struct search *s, struct scalar_bytes record, int depth);

static bool search_value(struct search *s, struct scalar *v, int depth)
{
    struct scalar item;

    if (v->kind == DATA_COMPACT)
        return search_record(s, v->bytes, depth + 1);
    for (uint32_t i = 0; v->kind == SCALAR_ARRAY && i < v->array.count; i++)
        if (scalar_item(&v->array, i, &item) == MR_OK && item.kind == DATA_COMPACT &&
            search_record(s, item.bytes, depth + 1))
            return true;
    return false;
}

/* A record that does not fit its bytes has nothing to be found in it: whoever reads it is told. */
static bool search_record(struct search *s, struct scalar_bytes record, int depth)
{
    const struct schema *schema;
    struct compact opened;
    struct scalar v;
    uint64_t id;

    if (depth > NESTED_MAX || compact_id(record.at, record.size, &id) != MR_OK)
        return false;
    if (s->wanted(s->context, id)) {
        s->found = id;
        return true;
    }
    schema = schema_registry_find(schema_registry_shared(), id);
    if (!schema || compact_open(schema, record.at, record.size, &opened) != MR_OK)
        return false;
    for (uint32_t i = 0; i < schema->fields; i++)
        if (schema_kinds[schema->field[i].kind].data == DATA_COMPACT &&
            compact_get(&opened, &schema->field[i], &v) == MR_OK && search_value(s, &v, depth))
            return true;
    return false;
}

static bool search(const struct data *d, wanted_function *wanted, void *context, uint64_t *ret_id)
{
    struct search s = {wanted, context, 0};
    struct scalar v;

    if (d->kind != DATA_COMPACT && d->kind != DATA_VERBATIM)
        return false;
    if (scalar_read_as(d, DATA_COMPACT, &v) != MR_OK || !search_record(&s, v.bytes, 0))
        return false;
    *ret_id = s.found;
    return true;
}

static bool is_untold(void *context, uint64_t id)
{
    return !teach_knows(context, id) && schema_registry_find(schema_registry_shared(), id);
}

static bool is_unknown(void *context, uint64_t id)
{
    (void)context;
    return !schema_registry_find(schema_registry_shared(), id);
}

bool teach_untold(struct teach *t, const struct data *d, uint64_t *ret_id)
{
    return search(d, is_untold, t, ret_id);
}

bool teach_unknown(const struct data *d, uint64_t *ret_id)
{
    return search(d, is_unknown, NULL, ret_id);
}

/* ---- schemas in messages -------------------------------------------------------------------- */

void teach_write(const struct schema *s, struct sink *fields, struct wire_schema *ret_s)
{
    fields->size = 0;
    for (uint32_t i = 0; i < s->fields; i++)
        wire_put(fields, WIRE_schema_field,
                 &(struct wire_schema_field){
                     .kind = s->field[i].kind,
                     .field_name = {(const uint8_t *)s->field[i].name, s->field[i].name_size}});
    *ret_s = (struct wire_schema){.type_name = {(const uint8_t *)s->type_name, s->type_name_size},
                                  .fields = wire_list_of(fields, s->fields)};
}

mr_rc_t teach_learn(const struct wire_schema *s, mr_err_t *err)
{
    struct wire_list list = s->fields;
    struct wire_schema_field field;
    const struct schema *known;
    struct schema *made;
    uint32_t n = 0;

    if (list.count > SCHEMA_FIELDS_MAX)
        return fail(err, MR_ERR_SCHEMA, NULL, "a schema of %u fields, where %d may be", list.count,
                    SCHEMA_FIELDS_MAX);
    struct schema_field_spec *specs = mem_alloc((list.count + 1) * sizeof *specs);

    if (!specs)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a schema");
    for (; wire_next(&list, WIRE_schema_fields, &field, NULL); n++)
        specs[n] = (struct schema_field_spec){(const char *)field.field_name.at,
                                              field.field_name.size, field.kind};
    mr_rc_t rc = schema_new((const char *)s->type_name.at, s->type_name.size, specs, n, &made, err);

    mem_free(specs);
    if (rc != MR_OK)
        return rc;
    if ((rc = schema_registry_add(schema_registry_shared(), made, &known)) != MR_OK) {
        schema_free(made);
        return fail(err, rc, NULL, "a schema of the cluster cannot be kept: %s", mr_rc_text(rc));
    }
    return MR_OK;
}
