#include "grid/query/processor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grid/op/run.h"
#include "grid/query/decimal.h"
#include "grid/query/object.h"
#include "grid/query/scan.h"
#include "net/base/error.h"
#include "net/wire/json.h"
#include "net/wire/number.h"

struct assignment {
    const struct path *path; /* of no steps: the value itself */
    struct scalar value;
};

struct row;

struct processor {
    struct arena arena;
    const struct row *row;
    struct assignment *set; /* of Increment: one, the delta */
    uint32_t count;
    struct predicate *condition;
};

/* A processor at work on an entry. */
struct working {
    const struct processor *processor;
    const struct predicate *only_if;
    const struct data *key;
    struct evaluator evaluator;
    struct sink value, spare; /* the next value; the one before, of several steps */
    struct sink number;       /* the bytes of a sum */
    struct scalar result;
    mr_rc_t rc; /* when it cannot be done, or MR_NOT_FOUND */
    mr_err_t *err;
};

struct row {
    int32_t class;
    const char *name;
    mr_rc_t (*take)(struct processor *p, struct object_reader *r, mr_err_t *err);
    enum update_verdict (*apply)(struct working *w, const struct data *current, struct data *next);
};

/* ---- fields ---------------------------------------------------------------------------------- */

static mr_rc_t broken(mr_err_t *err)
{
    return fail(err, MR_ERR_MALFORMED, NULL, "the bytes of an entry processor break off");
}

static mr_rc_t take_assignment(struct processor *p, struct object_reader *r,
                               struct assignment *ret_a, mr_err_t *err)
{
    struct scalar text = object_text(r);
    struct scalar value = object_value(r);
    bool whole = text.kind == DATA_NULL;
    mr_rc_t rc;

    if (r->failed)
        return broken(err);
    rc = path_parse(whole ? "this" : (const char *)text.bytes.at, whole ? 4 : text.bytes.size,
                    &p->arena, &ret_a->path, err);
    if (rc != MR_OK)
        return rc;
    if (ret_a->path->of_key || ret_a->path->many)
        return fail(err, MR_ERR_ARGUMENT, "name one field of the value",
                    "the attribute \"%s\" cannot be changed", ret_a->path->text);
    ret_a->value = value;
    return MR_OK;
}

static mr_rc_t take_assignments(struct processor *p, uint32_t n, struct object_reader *r,
                                mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    if (n > PROCESSOR_FIELDS_MAX)
        return fail(err, MR_ERR_TOO_LARGE, NULL, "an entry processor sets more than %d fields",
                    PROCESSOR_FIELDS_MAX);
    if (!(p->set = arena_alloc(&p->arena, (n + 1) * sizeof *p->set)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an entry processor");
    p->count = n;
    for (uint32_t i = 0; i < n && rc == MR_OK; i++)
        rc = take_assignment(p, r, &p->set[i], err);
    return rc;
}

static mr_rc_t take_increment(struct processor *p, struct object_reader *r, mr_err_t *err)
{
    mr_rc_t rc = take_assignments(p, 1, r, err);

    if (rc == MR_OK && value_class(&p->set[0].value) != VALUE_NUMBER)
        return fail(err, MR_ERR_TYPE, NULL, "what Increment adds is no number");
    return rc;
}

static mr_rc_t take_set(struct processor *p, struct object_reader *r, mr_err_t *err)
{
    uint32_t n = object_count(r, 8);

    return r->failed ? broken(err) : take_assignments(p, n, r, err);
}

static mr_rc_t take_condition(struct processor *p, struct object_reader *r, mr_err_t *err)
{
    size_t size = (size_t)(r->end - r->at);
    uint8_t *whole = arena_alloc(&p->arena, size + 4); /* behind a partition hash of 0 */
    struct data d;

    if (!whole)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an entry processor");
    memcpy(whole + 4, r->at, size);
    if (data_read(whole, (uint32_t)size + 4, &d) != MR_OK)
        return broken(err);
    return predicate_of_data(&d, &p->condition, err);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static mr_rc_t does_not_fit(struct working *w)
{
    return fail(w->err, MR_ERR_ARGUMENT, NULL, "the sum does not fit the type of the number");
}

/* Kept in the type that the number has. */
static mr_rc_t add_whole(struct working *w, const struct scalar *a, int64_t n, int64_t more,
                         struct scalar *ret_v)
{
    static const uint8_t bits[DATA_KINDS] = {
        [DATA_BYTE] = 8, [DATA_SHORT] = 16, [DATA_INT] = 32, [DATA_LONG] = 64};
    int64_t most;

    if (!bits[a->kind])
        return fail(w->err, MR_ERR_TYPE, NULL, "only a number can be incremented");
    most = INT64_MAX >> (64 - bits[a->kind]);
    if (__builtin_add_overflow(n, more, &n) || n > most || n < -most - 1)
        return does_not_fit(w);
    *ret_v = (struct scalar){.kind = a->kind, .integer = n};
    return MR_OK;
}

static mr_rc_t add_exact(struct working *w, const struct scalar *a, const struct scalar *delta,
                         struct scalar *ret_v)
{
    struct decimal sum, more;

    if (decimal_of(a, &sum) != MR_OK || decimal_of(delta, &more) != MR_OK ||
        decimal_add(&sum, &more) != MR_OK ||
        decimal_scalar(&sum, a->kind, &w->number, ret_v) != MR_OK || ret_v->kind != a->kind)
        return does_not_fit(w);
    return MR_OK;
}

/* The whole number that v is, be it written as a double. */
static bool whole_of(const struct scalar *v, int64_t *ret_n)
{
    double real;

    if (scalar_integer(v, ret_n) == MR_OK)
        return true;
    if (scalar_real(v, &real) != MR_OK || real != trunc(real) || fabs(real) >= 0x1p63)
        return false;
    *ret_n = (int64_t)real;
    return true;
}

static mr_rc_t add(struct working *w, const struct scalar *a, const struct scalar *delta,
                   bool loose, struct scalar *ret_v)
{
    double real;
    int64_t n, more;

    if (scalar_real(a, &real) == MR_OK) {
        real += value_real(delta);
        *ret_v = a->kind == DATA_FLOAT ? (struct scalar){.kind = DATA_FLOAT, .f32 = (float)real}
                                       : (struct scalar){.kind = DATA_DOUBLE, .f64 = real};
        return MR_OK;
    }
    if (a->kind == DATA_DECIMAL || a->kind == DATA_BIG_INTEGER)
        return add_exact(w, a, delta, ret_v);
    if (scalar_integer(a, &n) != MR_OK)
        return fail(w->err, MR_ERR_TYPE, NULL, "only a number can be incremented");
    if (whole_of(delta, &more))
        return add_whole(w, a, n, more, ret_v);
    if (!loose)
        return does_not_fit(w);
    *ret_v = (struct scalar){.kind = DATA_DOUBLE, .f64 = (double)n + value_real(delta)};
    return MR_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static mr_rc_t write_value(struct working *w, const struct scalar *v, struct data *ret_next)
{
    struct scalar copy = *v;

    w->value.size = 0;
    return scalar_write(&copy, &w->value, ret_next);
}

static mr_rc_t copy_fields(struct compact_writer *writer, const struct compact *record,
                           const struct assignment *a, mr_err_t *err)
{
    const struct path_step *step = &a->path->step[0];
    const struct schema *s = record->schema;
    const struct schema_field *target = schema_find(s, step->name, step->name_size);

    if (!target || a->path->steps != 1 || step->pick != PICK_ALL)
        return fail(err, MR_ERR_ARGUMENT, "name a field of the record itself",
                    "a record of \"%s\" has no field \"%s\" that can be set", s->type_name,
                    a->path->text);
    for (uint32_t i = 0; i < s->fields; i++) {
        const struct schema_field *f = &s->field[i];
        struct scalar v;
        mr_rc_t rc = f == target ? MR_OK : compact_get(record, f, &v);

        if (rc != MR_OK)
            return fail(err, rc, NULL, "the record's field \"%s\" cannot be read", f->name);
        if (f == target)
            v = a->value;
        if (f != target && v.kind == DATA_NULL)
            continue;
        rc = compact_set(writer, f->name, f->name_size, &v, err);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}

/* The same record with one field different. */
static mr_rc_t set_field(struct working *w, const struct data *current, const struct assignment *a,
                         struct data *ret_next)
{
    struct compact_writer *writer = NULL;
    const struct schema *s = NULL;
    struct compact record;
    struct data d;
    uint64_t id;
    mr_rc_t rc = compact_id(current->at, current->size, &id);

    if (rc == MR_OK && !(s = schema_registry_find(schema_registry_shared(), id)))
        return fail(w->err, MR_ERR_SCHEMA, NULL, "the record's schema is not known");
    if (rc == MR_OK)
        rc = compact_open(s, current->at, current->size, &record);
    if (rc != MR_OK)
        return fail(w->err, rc, NULL, "the record cannot be read");
    if (!(writer = compact_writer_new(s, NULL, 0)))
        return fail(w->err, MR_ERR_MEMORY, NULL, "no memory for a record");
    rc = copy_fields(writer, &record, a, w->err);
    if (rc == MR_OK)
        rc = compact_finish(writer, &d, w->err);
    if (rc == MR_OK) {
        w->value.size = 0;
        sink_put(&w->value, d.at, d.size);
        rc = sink_state(&w->value);
        *ret_next = (struct data){w->value.at, (uint32_t)w->value.size, DATA_COMPACT};
    }
    compact_writer_free(writer);
    return rc;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_json_text(struct sink *out, const struct scalar_bytes *b)
{
    static const char hex[] = "0123456789abcdef";

    sink_put8(out, '"');
    for (uint32_t i = 0; i < b->size; i++) {
        uint8_t c = b->at[i];

        if (c == '"' || c == '\\')
            sink_put8(out, '\\');
        if (c >= ' ') {
            sink_put8(out, c);
        } else {
            const char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

            sink_put(out, escape, sizeof escape);
        }
    }
    sink_put8(out, '"');
}

static mr_rc_t put_json(struct working *w, const struct scalar *v, struct sink *out)
{
    char text[NUMBER_TEXT];
    double real;
    int64_t n;

    if (v->kind == DATA_NULL)
        sink_put(out, "null", 4);
    else if (v->kind == DATA_BOOL)
        sink_put(out, v->boolean ? "true" : "false", v->boolean ? 4 : 5);
    else if (v->kind == DATA_STRING)
        put_json_text(out, &v->bytes);
    else if (v->kind == DATA_JSON)
        sink_put(out, v->bytes.at, v->bytes.size);
    else if (scalar_integer(v, &n) == MR_OK)
        sink_put(out, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)n));
    else if (scalar_real(v, &real) == MR_OK && isfinite(real))
        sink_put(out, text, number_write(real, text));
    else
        return fail(w->err, MR_ERR_TYPE, "use a number, a text, true, false or null",
                    "a value of its type cannot stand in JSON");
    return MR_OK;
}

/* Where a path ends: the value, or the object that has no such member. */
static mr_rc_t find_json(const struct path *p, const struct data *current, struct json *ret_v,
                         bool *ret_missing)
{
    struct json v;
    mr_rc_t rc = json_open(current->at, current->size, &v);

    *ret_missing = false;
    for (uint32_t i = 0; i < p->steps && rc == MR_OK; i++) {
        const struct path_step *step = &p->step[i];
        struct json inside = v;

        if (step->name_size)
            rc = json_member(&inside, step->name, step->name_size, &v);
        if (rc == MR_NOT_FOUND && inside.kind == JSON_OBJECT && i + 1 == p->steps &&
            step->pick == PICK_ALL) {
            *ret_v = inside;
            *ret_missing = true;
            return MR_OK;
        }
        inside = v;
        if (rc == MR_OK && step->pick == PICK_ITEM)
            rc = json_item(&inside, step->item, &v);
    }
    if (rc == MR_OK)
        *ret_v = v;
    return rc;
}

static bool is_empty(const struct json *object)
{
    struct json_walk walk = json_walk(object);
    struct json first;

    return json_next(&walk, NULL, &first) == MR_NOT_FOUND;
}

/* The same text with one value different, or one member more. */
static mr_rc_t set_json(struct working *w, const struct data *current, const struct assignment *a,
                        struct data *ret_next)
{
    const struct path_step *last = &a->path->step[a->path->steps - 1];
    const uint8_t *end = current->at + current->size, *from, *to;
    struct json v;
    bool missing;
    mr_rc_t rc = find_json(a->path, current, &v, &missing);

    if (rc != MR_OK)
        return fail(w->err, MR_ERR_ARGUMENT, NULL, "the JSON value has no place for \"%s\"",
                    a->path->text);
    from = to = v.at + 1; /* behind the bracket */
    if (!missing) {
        from = v.at - (v.kind == JSON_STRING);
        to = v.at + v.size + (v.kind == JSON_STRING);
    }
    w->value.size = 0;
    sink_put(&w->value, current->at, (size_t)(from - current->at));
    if (missing) {
        put_json_text(&w->value,
                      &(struct scalar_bytes){(const uint8_t *)last->name, last->name_size, 0});
        sink_put8(&w->value, ':');
    }
    if ((rc = put_json(w, &a->value, &w->value)) != MR_OK)
        return rc;
    if (missing && !is_empty(&v))
        sink_put8(&w->value, ',');
    sink_put(&w->value, to, (size_t)(end - to));
    rc = sink_state(&w->value);
    *ret_next = (struct data){w->value.at, (uint32_t)w->value.size, DATA_JSON};
    return rc;
}

/* ---- classes --------------------------------------------------------------------------------- */

static mr_rc_t assign(struct working *w, const struct data *current, const struct assignment *a,
                      struct data *ret_next)
{
    if (a->path->steps == 0 && a->value.kind == DATA_NULL)
        return fail(w->err, MR_ERR_ARGUMENT, "DeleteIf takes an entry out",
                    "a value cannot be set to null");
    if (a->path->steps == 0)
        return write_value(w, &a->value, ret_next);
    if (current->kind == DATA_COMPACT)
        return set_field(w, current, a, ret_next);
    if (current->kind == DATA_JSON)
        return set_json(w, current, a, ret_next);
    return fail(w->err, MR_ERR_TYPE, "records and JSON objects have fields",
                "a value of type %d has no field \"%s\"", data_type_id(current), a->path->text);
}

static enum update_verdict done(struct working *w, mr_rc_t rc)
{
    w->rc = rc;
    return rc == MR_OK ? UPDATE_SET : UPDATE_FAIL;
}

static enum update_verdict increment(struct working *w, const struct data *current,
                                     struct data *next)
{
    const struct assignment *a = &w->processor->set[0];
    struct assignment sum = *a;
    struct scalar v;
    mr_rc_t rc = MR_OK;

    if (!current && a->path->steps > 0)
        return UPDATE_KEEP;
    if (current) {
        path_read(a->path, &w->evaluator.reader, w->key, current, &v);
        rc = add(w, &v, &a->value, current->kind == DATA_JSON, &sum.value);
    }
    if (rc == MR_OK)
        rc = assign(w, current, &sum, next);
    w->result = sum.value;
    return done(w, rc);
}

static enum update_verdict set(struct working *w, const struct data *current, struct data *next)
{
    const struct processor *p = w->processor;
    struct data now = current ? *current : (struct data){.kind = DATA_NULL};
    mr_rc_t rc = MR_OK;

    if (p->count == 0 || (!current && p->set[0].path->steps > 0))
        return UPDATE_KEEP;
    for (uint32_t i = 0; i < p->count && rc == MR_OK; i++) {
        struct sink written = w->value;

        w->value = w->spare; /* what `now` borrows stays */
        w->spare = written;
        rc = assign(w, &now, &p->set[i], next);
        now = *next;
    }
    w->result = (struct scalar){.kind = DATA_INT, .integer = p->count};
    return done(w, rc);
}

static enum update_verdict delete_if(struct working *w, const struct data *current,
                                     struct data *next)
{
    bool is = current && predicate_matches(w->processor->condition, &w->evaluator, w->key, current);

    (void)next;
    if (current)
        w->result = (struct scalar){.kind = DATA_BOOL, .boolean = is};
    return is ? UPDATE_REMOVE : UPDATE_KEEP;
}

static const struct row rows[] = {
    {1, "Increment", take_increment, increment},
    {2, "Set", take_set, set},
    {3, "DeleteIf", take_condition, delete_if},
};

/* ---- running --------------------------------------------------------------------------------- */

/* Called again when there was no room: it begins anew each time. */
static enum update_verdict work(void *context, const struct data *current, struct data *next)
{
    struct working *w = context;
    const struct predicate *only_if = w->only_if;

    w->result = (struct scalar){.kind = DATA_NULL};
    w->rc = MR_OK;
    w->number.size = 0;
    if (!only_if || (current && predicate_matches(only_if, &w->evaluator, w->key, current)))
        return w->processor->row->apply(w, current, next);
    w->rc = MR_NOT_FOUND;
    return UPDATE_KEEP;
}

static mr_rc_t put_result(struct working *w, struct sink *out)
{
    if (w->result.kind == DATA_NULL)
        return MR_OK;
    sink_put32(out, 0); /* the partition hash: none */
    return object_put(out, &w->result);
}

mr_rc_t processor_run_as(const struct processor *p, struct map *m, const struct data *key,
                         const struct predicate *only_if, const struct owner *owner,
                         struct waiter *waiter, struct sink *out, mr_err_t *err)
{
    struct working w = {.processor = p,
                        .only_if = only_if,
                        .key = key,
                        .value.grows = true,
                        .spare.grows = true,
                        .number.grows = true,
                        .err = err};
    struct map_request q = {.verb = MAP_UPDATE,
                            .key = *key,
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT,
                            .update = work,
                            .update_context = &w,
                            .owner = *owner,
                            .waiter = waiter};
    struct map_answer answer;

    evaluator_init(&w.evaluator, NULL);
    mr_rc_t rc = run_request(m, &q, &answer);

    if (w.rc != MR_OK) /* which is why the request failed, if it did */
        rc = w.rc;
    else if (rc == MR_OK)
        rc = put_result(&w, out);
    evaluator_clear(&w.evaluator);
    sink_free(&w.value);
    sink_free(&w.spare);
    sink_free(&w.number);
    return rc;
}

mr_rc_t processor_run(const struct processor *p, struct map *m, const struct data *key,
                      const struct predicate *only_if, struct sink *out, mr_err_t *err)
{
    static const struct owner nobody;

    return processor_run_as(p, m, key, only_if, &nobody, NULL, out, err);
}

struct running {
    const struct processor *processor;
    struct map *map;
    const struct predicate *where;
    processor_visit visit;
    void *context;
    struct sink result;
    mr_rc_t rc;
    mr_err_t *err;
};

/* The entry may have changed since it was found: it has to match when it is its turn. */
static bool run_one(void *context, const struct data *key, const struct data *value)
{
    struct running *r = context;

    (void)value;
    r->result.size = 0;
    r->rc = processor_run(r->processor, r->map, key, r->where, &r->result, r->err);
    if (r->rc == MR_OK)
        r->visit(r->context, key, r->result.at, (uint32_t)r->result.size);
    else if (r->rc == MR_NOT_FOUND)
        r->rc = MR_OK;
    return r->rc == MR_OK;
}

mr_rc_t processor_run_all(const struct processor *p, struct map *m, const struct predicate *where,
                          processor_visit visit, void *context, mr_err_t *err)
{
    struct running r = {.processor = p,
                        .map = m,
                        .where = where,
                        .visit = visit,
                        .context = context,
                        .result.grows = true,
                        .err = err};

    mr_rc_t rc = scan_map(m, NULL, where, run_one, &r, NULL);

    sink_free(&r.result);
    return r.rc == MR_OK ? rc : r.rc;
}

/* ---- life ------------------------------------------------------------------------------------ */

static mr_rc_t unknown(const struct object_class *c, mr_err_t *err)
{
    static const char exist[] = "factory 19794 has 1, Increment, 2, Set, and 3, DeleteIf";

    if (c->type == -DATA_IDENTIFIED)
        return fail(err, MR_ERR_TYPE, exist, "there is no entry processor of factory %d, class %d",
                    c->factory, c->id);
    return fail(err, MR_ERR_TYPE, exist,
                "a value of type %d names a class of the application's own, which is not here",
                c->type);
}

mr_rc_t processor_of_data(const struct data *d, struct processor **ret_p, mr_err_t *err)
{
    struct processor *p = mem_alloc_zero(sizeof *p);
    struct data copy = *d;
    struct object_class class;
    struct object_reader r;
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!p || !(copy.at = (const uint8_t *)arena_text(&p->arena, (const char *)d->at, d->size)))
        goto fail;
    r = object_open(&copy, &class);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (class.type == -DATA_IDENTIFIED && class.factory == PROCESSOR_FACTORY &&
            class.id == rows[i].class)
            p->row = &rows[i];
    rc = p->row && !r.failed ? p->row->take(p, &r, err) : unknown(&class, err);
    if (rc != MR_OK)
        goto fail;
    *ret_p = p;
    return MR_OK;

fail:
    processor_free(p);
    return fail(err, rc, NULL, "no memory for an entry processor"); /* unless words are there */
}

void processor_free(struct processor *p)
{
    if (!p)
        return;
    predicate_free(p->condition);
    arena_free(&p->arena);
    mem_free(p);
}
