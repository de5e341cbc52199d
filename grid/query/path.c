#include "grid/query/path.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/error.h"
#include "net/wire/json.h"

/* ---- parsing --------------------------------------------------------------------------------- */

struct parsing {
    const char *begin, *at, *end;
    struct path_step step[PATH_STEPS_MAX];
    uint32_t steps;
    mr_err_t *err;
};

static mr_rc_t wrong(const struct parsing *p, const char *what)
{
    return fail(p->err, MR_ERR_ARGUMENT,
                "an attribute is a name such as age, address.street, "
                "tags[0], tags[any], this, __key or __key.id",
                "attribute \"%.*s\": %s at character %d", (int)(p->end - p->begin), p->begin, what,
                (int)(p->at - p->begin) + 1);
}

static mr_rc_t take_pick(struct parsing *p, struct path_step *step)
{
    const char *close = memchr(p->at, ']', (size_t)(p->end - p->at));
    const char *at = p->at + 1;

    if (!close || close == at)
        return wrong(p, "a bracket without an index");
    if (close - at == 3 && memcmp(at, "any", 3) == 0) {
        step->pick = PICK_ANY;
    } else {
        step->pick = PICK_ITEM;
        for (; at < close; at++) {
            if (*at < '0' || *at > '9')
                return wrong(p, "an index that is neither a number nor any");
            if (step->item > (INT32_MAX - 9) / 10)
                return wrong(p, "an index that is too large");
            step->item = step->item * 10 + (uint32_t)(*at - '0');
        }
    }
    p->at = close + 1;
    return MR_OK;
}

static bool ends_name(char c)
{
    return c == '.' || c == '#' || c == '[' || c == ']';
}

/* A name, a pick, or both. */
static mr_rc_t take_step(struct parsing *p)
{
    struct path_step step = {.name = p->at};

    while (p->at < p->end && !ends_name(*p->at))
        p->at++;
    step.name_size = (uint32_t)(p->at - step.name);
    if (p->at < p->end && *p->at == ']')
        return wrong(p, "a bracket that was not opened");
    if (step.name_size == 0 && (p->at == p->end || *p->at != '['))
        return wrong(p, "a name is missing");
    if (p->at < p->end && *p->at == '[') {
        mr_rc_t rc = take_pick(p, &step);

        if (rc != MR_OK)
            return rc;
    }
    if (p->steps == PATH_STEPS_MAX)
        return wrong(p, "too many steps");
    p->step[p->steps++] = step;
    return MR_OK;
}

static mr_rc_t take_steps(struct parsing *p)
{
    for (;;) {
        mr_rc_t rc = take_step(p);

        if (rc != MR_OK || p->at == p->end)
            return rc;
        if (*p->at == '.' || *p->at == '#')
            p->at++;
        else if (*p->at != '[') /* x[0][1] */
            return wrong(p, "a dot is missing");
    }
}

/* "this" and "__key" are steps with a name like others, but they say where to begin. */
static bool begins_with(const struct parsing *p, const char *word)
{
    return p->step[0].name_size == strlen(word) &&
           memcmp(p->step[0].name, word, p->step[0].name_size) == 0;
}

static void drop_root(struct parsing *p)
{
    if (p->step[0].pick == PICK_ALL)
        memmove(p->step, p->step + 1, --p->steps * sizeof *p->step);
    else
        p->step[0].name_size = 0;
}

mr_rc_t path_parse(const char *text, size_t size, struct arena *arena, const struct path **ret_p,
                   mr_err_t *err)
{
    struct parsing p = {.err = err};
    struct path *path;
    char *copy;
    bool of_key;
    mr_rc_t rc;

    if (size > PATH_SIZE_MAX)
        return fail(err, MR_ERR_ARGUMENT, NULL, "an attribute of %zu characters is too long", size);
    if (!(copy = arena_text(arena, text, size)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an attribute's name");
    p.begin = p.at = copy;
    p.end = copy + size;
    if ((rc = take_steps(&p)) != MR_OK)
        return rc;
    of_key = begins_with(&p, "__key");
    if (of_key || begins_with(&p, "this"))
        drop_root(&p);

    if (!(path = arena_alloc(arena, sizeof *path + p.steps * sizeof *p.step)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an attribute's name");
    *path = (struct path){.text = copy, .steps = p.steps, .of_key = of_key};
    memcpy(path->step, p.step, p.steps * sizeof *p.step);
    for (uint32_t i = 0; i < p.steps; i++)
        path->many |= p.step[i].pick == PICK_ANY;
    *ret_p = path;
    return MR_OK;
}

bool path_equal(const struct path *a, const struct path *b)
{
    if (a->of_key != b->of_key || a->steps != b->steps)
        return false;
    for (uint32_t i = 0; i < a->steps; i++) {
        const struct path_step *x = &a->step[i], *y = &b->step[i];

        if (x->pick != y->pick || x->item != y->item || x->name_size != y->name_size ||
            memcmp(x->name, y->name, x->name_size) != 0)
            return false;
    }
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const struct scalar null_value = {.kind = DATA_NULL};

void path_reader_init(struct path_reader *r, struct schema_registry *schemas)
{
    *r = (struct path_reader){.schemas = schemas ? schemas : schema_registry_shared(),
                              .text = {.grows = true}};
}

void path_reader_clear(struct path_reader *r)
{
    sink_free(&r->text);
}

static const struct schema *schema_of(struct path_reader *r, const struct scalar *record)
{
    uint64_t id;

    if (compact_id(record->bytes.at, record->bytes.size, &id) != MR_OK)
        return NULL;
    if (!r->schema || r->schema->id != id) {
        const struct schema *s = schema_registry_find(r->schemas, id);

        if (!s) {
            r->blind = true;
            return NULL;
        }
        r->schema = s;
    }
    return r->schema;
}

static const struct schema_field *field_of(struct path_reader *r, const struct path_step *step,
                                           const struct schema *s)
{
    struct path_slot *slot =
        &r->slot[(uintptr_t)step / sizeof(struct path_step) % PATH_READER_SLOTS];

    if (slot->step != step || slot->schema != s)
        *slot = (struct path_slot){step, s, schema_find(s, step->name, step->name_size)};
    return slot->field;
}

/* Each gives null where there is nothing. */

static void record_field(struct path_reader *r, const struct path_step *step, struct scalar *v)
{
    const struct schema *s = schema_of(r, v);
    struct compact record;

    if (!s || compact_open(s, v->bytes.at, v->bytes.size, &record) != MR_OK ||
        compact_get(&record, field_of(r, step, s), v) != MR_OK)
        *v = null_value;
}

static void json_value(struct path_reader *r, mr_rc_t found, const struct json *j, struct scalar *v)
{
    if (found != MR_OK || json_scalar(j, &r->text, v) != MR_OK)
        *v = null_value;
}

static void json_field(struct path_reader *r, const struct path_step *step, struct scalar *v)
{
    struct json whole, member;
    mr_rc_t rc = json_open(v->bytes.at, v->bytes.size, &whole);

    if (rc == MR_OK)
        rc = json_member(&whole, step->name, step->name_size, &member);
    json_value(r, rc, &member, v);
}

static void field(struct path_reader *r, const struct path_step *step, struct scalar *v)
{
    if (step->name_size == 0)
        return;
    if (v->kind == DATA_COMPACT)
        record_field(r, step, v);
    else if (v->kind == DATA_JSON)
        json_field(r, step, v);
    else
        *v = null_value;
}

static void item(struct path_reader *r, uint32_t i, struct scalar *v)
{
    struct scalar array = *v;
    struct json whole, one;

    if (v->kind == DATA_JSON) {
        mr_rc_t rc = json_open(v->bytes.at, v->bytes.size, &whole);

        if (rc == MR_OK)
            rc = json_item(&whole, i, &one);
        json_value(r, rc, &one, v);
    } else if (v->kind == DATA_BYTES && i < v->bytes.size) {
        *v = (struct scalar){.kind = DATA_BYTE, .integer = (int8_t)array.bytes.at[i]};
    } else if (v->kind != SCALAR_ARRAY || i >= array.array.count ||
               scalar_item(&array.array, i, v) != MR_OK) {
        *v = null_value;
    }
}

/* A whole record is not looked into, and most of what is asked is a field of one. */
static void root(const struct path *p, struct path_reader *r, const struct data *key,
                 const struct data *value, struct scalar *v)
{
    const struct data *d = p->of_key ? key : value;

    r->text.size = 0;
    if (d->kind == DATA_COMPACT)
        *v = (struct scalar){.kind = DATA_COMPACT, .bytes = {d->at, d->size, 0}};
    else if (scalar_read(d, v) != MR_OK)
        *v = null_value;
}

void path_read(const struct path *p, struct path_reader *r, const struct data *key,
               const struct data *value, struct scalar *ret_v)
{
    struct scalar v;

    root(p, r, key, value, &v);
    for (uint32_t i = 0; i < p->steps; i++) {
        field(r, &p->step[i], &v);
        if (p->step[i].pick != PICK_ALL)
            item(r, p->step[i].item, &v);
    }
    *ret_v = v;
}

/* ---- reading many ---------------------------------------------------------------------------- */

struct visiting {
    const struct path *path;
    struct path_reader *reader;
    bool (*visit)(void *context, const struct scalar *v);
    void *context;
    bool null_of_none; /* for an array without items */
};

static bool visit_from(const struct visiting *w, uint32_t i, struct scalar v);

static bool visit_array(const struct visiting *w, uint32_t next, const struct scalar *v)
{
    struct scalar_array array = v->array;
    struct scalar one;

    for (uint32_t i = 0; i < array.count; i++) {
        if (scalar_item(&array, i, &one) != MR_OK)
            return false; /* broken from here on */
        if (visit_from(w, next, one))
            return true;
    }
    return false;
}

static bool visit_bytes(const struct visiting *w, uint32_t next, const struct scalar *v)
{
    for (uint32_t i = 0; i < v->bytes.size; i++)
        if (visit_from(w, next,
                       (struct scalar){.kind = DATA_BYTE, .integer = (int8_t)v->bytes.at[i]}))
            return true;
    return false;
}

static bool visit_json(const struct visiting *w, uint32_t next, const struct json *array)
{
    struct json_walk walk = json_walk(array);
    struct json one;
    struct scalar v;

    while (json_next(&walk, NULL, &one) == MR_OK) {
        json_value(w->reader, MR_OK, &one, &v);
        if (visit_from(w, next, v))
            return true;
    }
    return false;
}

static bool visit_items(const struct visiting *w, uint32_t next, const struct scalar *v)
{
    struct json whole, first;

    if (v->kind == SCALAR_ARRAY && v->array.count > 0)
        return visit_array(w, next, v);
    if (v->kind == DATA_BYTES && v->bytes.size > 0)
        return visit_bytes(w, next, v);
    if (v->kind == DATA_JSON && json_open(v->bytes.at, v->bytes.size, &whole) == MR_OK &&
        json_item(&whole, 0, &first) == MR_OK)
        return visit_json(w, next, &whole);
    return w->null_of_none && visit_from(w, next, null_value);
}

/* Goes on from step i with v; depth is the number of steps. */
static bool visit_from(const struct visiting *w, uint32_t i, struct scalar v)
{
    for (; i < w->path->steps; i++) {
        const struct path_step *step = &w->path->step[i];

        field(w->reader, step, &v);
        if (step->pick == PICK_ITEM)
            item(w->reader, step->item, &v);
        if (step->pick == PICK_ANY)
            return visit_items(w, i + 1, &v);
    }
    return w->visit(w->context, &v);
}

bool path_any(const struct path *p, struct path_reader *r, const struct data *key,
              const struct data *value, bool (*visit)(void *context, const struct scalar *v),
              void *context)
{
    struct visiting w = {p, r, visit, context, true};
    struct scalar v;

    root(p, r, key, value, &v);
    return visit_from(&w, 0, v);
}

bool path_each(const struct path *p, struct path_reader *r, const struct data *key,
               const struct data *value, bool (*visit)(void *context, const struct scalar *v),
               void *context)
{
    struct visiting w = {p, r, visit, context, false};
    struct scalar v;

    root(p, r, key, value, &v);
    return visit_from(&w, 0, v);
}
