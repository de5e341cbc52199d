#include "grid/query/aggregate.h"

#include <string.h>

#include "grid/query/decimal.h"
#include "grid/query/key.h"
#include "grid/query/object.h"
#include "net/base/error.h"
#include "net/base/hash.h"
#include "net/wire/wire.h"

enum { FACTORY = -29, CLASS_SET = 19, TABLE_FIRST = 64 };

/* What is done with each value. */
enum task { DO_COUNT, DO_DISTINCT, DO_WHOLE, DO_REAL, DO_EXACT, DO_MOST, DO_LEAST };

/* A row a class: also the kind of its result, and whether that is an average or an entry. */
static const struct class_row {
    const char *name; /* NULL: no aggregator */
    uint8_t task;
    uint8_t kind; /* of a sum */
    bool average, entry;
    bool whole; /* a fraction is an error, instead of being cut */
} classes[] = {
    [0] = {"BigDecimalAverage", DO_EXACT, DATA_DECIMAL, true, false, false},
    [1] = {"BigDecimalSum", DO_EXACT, DATA_DECIMAL, false, false, false},
    [2] = {"BigIntegerAverage", DO_EXACT, DATA_DECIMAL, true, false, false},
    [3] = {"BigIntegerSum", DO_EXACT, DATA_BIG_INTEGER, false, false, false},
    [4] = {"Count", DO_COUNT, DATA_LONG, false, false, false},
    [5] = {"DistinctValues", DO_DISTINCT, 0, false, false, false},
    [6] = {"DoubleAverage", DO_REAL, DATA_DOUBLE, true, false, false},
    [7] = {"DoubleSum", DO_REAL, DATA_DOUBLE, false, false, false},
    [8] = {"FixedPointSum", DO_WHOLE, DATA_LONG, false, false, false},
    [9] = {"FloatingPointSum", DO_REAL, DATA_DOUBLE, false, false, false},
    [10] = {"IntegerAverage", DO_WHOLE, DATA_DOUBLE, true, false, true},
    [11] = {"IntegerSum", DO_WHOLE, DATA_LONG, false, false, true},
    [12] = {"LongAverage", DO_WHOLE, DATA_DOUBLE, true, false, true},
    [13] = {"LongSum", DO_WHOLE, DATA_LONG, false, false, true},
    [14] = {"Max", DO_MOST, 0, false, false, false},
    [15] = {"Min", DO_LEAST, 0, false, false, false},
    [16] = {"NumberAverage", DO_REAL, DATA_DOUBLE, true, false, false},
    [17] = {"MaxBy", DO_MOST, 0, false, true, false},
    [18] = {"MinBy", DO_LEAST, 0, false, true, false},
};

/* Distinct values: a table of their numbers, open to the next place where one is taken. */
struct distinct {
    struct scalar *value;
    uint32_t *table; /* number + 1; 0: free */
    uint32_t count, room, slots;
};

struct aggregator {
    struct arena arena;
    const struct class_row *class;
    const struct path *path;
    struct path_reader reader;
    mr_rc_t rc;
    uint64_t count;
    uint64_t whole; /* wraps around */
    double real;
    struct decimal exact;
    struct scalar best;
    struct data best_key, best_value;
    const struct data *key, *value; /* of the entry that is being added */
    struct distinct distinct;
};

/* ---- making ---------------------------------------------------------------------------------- */

static mr_rc_t take_path(struct aggregator *a, struct object_reader *r, mr_err_t *err)
{
    struct scalar text = object_text(r);

    if (r->failed)
        return fail(err, MR_ERR_MALFORMED, NULL, "the bytes of an aggregator break off");
    if (text.kind == DATA_STRING)
        return path_parse((const char *)text.bytes.at, text.bytes.size, &a->arena, &a->path, err);
    if (a->class->entry)
        return fail(err, MR_ERR_ARGUMENT, NULL, "the aggregator %s needs an attribute",
                    a->class->name);
    return path_parse("this", 4, &a->arena, &a->path, err);
}

mr_rc_t aggregator_of_data(const struct data *d, struct aggregator **ret_a, mr_err_t *err)
{
    struct object_class class;
    struct object_reader r = object_open(d, &class);
    struct aggregator *a;

    if (class.type != -DATA_IDENTIFIED || class.factory != FACTORY || class.id < 0 ||
        class.id >= (int32_t)(sizeof classes / sizeof *classes))
        return fail(err, MR_ERR_TYPE, "aggregators have factory -29 and a class of 0 to 18",
                    "type %d, factory %d, class %d is no aggregator that exists here", class.type,
                    class.factory, class.id);
    if (!(a = mem_alloc_zero(sizeof *a)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for an aggregator");
    a->class = &classes[class.id];
    path_reader_init(&a->reader, NULL);
    mr_rc_t rc = take_path(a, &r, err);
    if (rc == MR_OK)
        *ret_a = a;
    else
        aggregator_free(a);
    return rc;
}

void aggregator_free(struct aggregator *a)
{
    if (!a)
        return;
    mem_free(a->distinct.value);
    mem_free(a->distinct.table);
    path_reader_clear(&a->reader);
    arena_free(&a->arena);
    mem_free(a);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static bool has_bytes(const struct scalar *v)
{
    return v->kind == DATA_STRING || v->kind == DATA_JSON || v->kind == DATA_BYTES ||
           v->kind == DATA_COMPACT || v->kind == DATA_BIG_INTEGER || v->kind == DATA_DECIMAL;
}

/* Records stay where they are; a text that the reader has unescaped does not. */
static mr_rc_t keep(struct aggregator *a, const struct scalar *v, struct scalar *ret_kept)
{
    const struct sink *text = &a->reader.text;

    *ret_kept = *v;
    if (has_bytes(v) && text->at && v->bytes.at >= text->at &&
        v->bytes.at < text->at + text->room) {
        ret_kept->bytes.at =
            (const uint8_t *)arena_text(&a->arena, (const char *)v->bytes.at, v->bytes.size);
        if (!ret_kept->bytes.at)
            return MR_ERR_MEMORY;
    }
    return MR_OK;
}

static uint64_t distinct_hash(const struct scalar *v)
{
    struct key k = key_of(v);

    if (value_class(v) == VALUE_OTHER) /* whose keys are all the same */
        return has_bytes(v) ? hash_64(v->bytes.at, v->bytes.size)
                            : hash_64(v->array.at, v->array.size);
    return hash_64(&k, sizeof k);
}

static uint32_t *distinct_place(const struct distinct *d, const struct scalar *v)
{
    uint32_t i = (uint32_t)distinct_hash(v) & (d->slots - 1);

    while (d->table[i] && value_compare(&d->value[d->table[i] - 1], v) != 0)
        i = (i + 1) & (d->slots - 1);
    return &d->table[i];
}

/* Half of the table stays free. */
static mr_rc_t distinct_grow(struct distinct *d)
{
    uint32_t room = d->room ? 2 * d->room : TABLE_FIRST;
    struct scalar *value = room > d->room ? mem_realloc(d->value, room * sizeof *value) : NULL;
    uint32_t *table = value ? mem_alloc_zero(2 * (size_t)room * sizeof *table) : NULL;

    if (value)
        d->value = value;
    if (!table)
        return MR_ERR_MEMORY;
    mem_free(d->table);
    d->table = table;
    d->slots = 2 * room;
    d->room = room;
    for (uint32_t i = 0; i < d->count; i++)
        *distinct_place(d, &d->value[i]) = i + 1;
    return MR_OK;
}

static mr_rc_t add_distinct(struct aggregator *a, const struct scalar *v)
{
    struct distinct *d = &a->distinct;
    mr_rc_t rc = d->count == d->room ? distinct_grow(d) : MR_OK;

    if (rc != MR_OK)
        return rc;

    uint32_t *place = distinct_place(d, v);

    if (*place)
        return MR_OK;
    if ((rc = keep(a, v, &d->value[d->count])) == MR_OK)
        *place = ++d->count;
    return rc;
}

static bool is_fraction(const struct scalar *v)
{
    return v->kind == DATA_FLOAT || v->kind == DATA_DOUBLE || v->kind == DATA_DECIMAL;
}

/* What is beyond 64 bits, and a fraction, are cut as Java's longValue does. */
static uint64_t whole_of(const struct scalar *v)
{
    int64_t n;

    if (scalar_integer(v, &n) == MR_OK)
        return (uint64_t)n;

    double real = value_real(v);

    if (real >= 0x1p63)
        return INT64_MAX;
    return real > -0x1p63 ? (uint64_t)(int64_t)real : 1ull << 63; /* NaN, too: there is no better */
}

static mr_rc_t add_exact(struct aggregator *a, const struct scalar *v)
{
    struct decimal d;
    mr_rc_t rc = decimal_of(v, &d);

    return rc == MR_OK ? decimal_add(&a->exact, &d) : rc;
}

static mr_rc_t add_best(struct aggregator *a, const struct scalar *v)
{
    int order = a->count ? value_compare(v, &a->best) : 0;

    if (a->count++ && (a->class->task == DO_MOST ? order <= 0 : order >= 0))
        return MR_OK;
    a->best_key = *a->key;
    a->best_value = *a->value;
    return keep(a, v, &a->best);
}

static bool add_value(void *context, const struct scalar *v)
{
    struct aggregator *a = context;
    bool number = value_class(v) == VALUE_NUMBER;

    switch ((enum task)a->class->task) {
    case DO_COUNT: a->count++; return false;
    case DO_DISTINCT: a->rc = add_distinct(a, v); return a->rc != MR_OK;
    default: break;
    }
    if (v->kind == DATA_NULL)
        return false;
    if (a->class->task == DO_MOST || a->class->task == DO_LEAST) {
        a->rc = add_best(a, v);
        return a->rc != MR_OK;
    }
    if (!number) {
        a->rc = MR_ERR_TYPE;
        return true;
    }
    if (a->class->whole && is_fraction(v)) {
        a->rc = MR_ERR_ARGUMENT;
        return true;
    }
    a->count++;
    if (a->class->task == DO_WHOLE)
        a->whole += whole_of(v);
    else if (a->class->task == DO_REAL)
        a->real += value_real(v);
    else
        a->rc = add_exact(a, v);
    return a->rc != MR_OK;
}

mr_rc_t aggregator_add(struct aggregator *a, const struct data *key, const struct data *value)
{
    if (a->rc != MR_OK)
        return a->rc;
    a->key = key;
    a->value = value;
    (void)path_each(a->path, &a->reader, key, value, add_value, a);
    return a->rc;
}

/* ---- the result ------------------------------------------------------------------------------ */

static mr_rc_t put_exact(const struct aggregator *a, struct sink *out)
{
    uint8_t room[DECIMAL_WORDS_MAX * 4 + 1];
    struct sink bytes = {.at = room, .room = sizeof room};
    struct decimal d = a->exact;
    struct scalar v;
    mr_rc_t rc = a->class->average ? decimal_divide(&a->exact, a->count, &d) : MR_OK;

    if (rc == MR_OK)
        rc = decimal_scalar(&d, a->class->kind, &bytes, &v);
    return rc == MR_OK ? object_put(out, &v) : rc;
}

static mr_rc_t put_number(const struct aggregator *a, struct sink *out)
{
    int64_t whole = (int64_t)a->whole;
    struct scalar v = {.kind = a->class->kind};

    if (a->class->task == DO_COUNT)
        v.integer = (int64_t)a->count;
    else if (a->class->average)
        v.f64 = (a->class->task == DO_WHOLE ? (double)whole : a->real) / (double)a->count;
    else if (a->class->task == DO_WHOLE)
        v.integer = whole;
    else
        v.f64 = a->real;
    return object_put(out, &v);
}

static mr_rc_t put_distinct(struct distinct *d, struct sink *out)
{
    mr_rc_t rc = MR_OK;

    sink_put32(out, (uint32_t)-DATA_IDENTIFIED);
    sink_put8(out, 1);
    sink_put32(out, (uint32_t)FACTORY);
    sink_put32(out, CLASS_SET);
    sink_put32(out, d->count);
    for (uint32_t i = 0; i < d->count && rc == MR_OK; i++)
        rc = object_put(out, &d->value[i]);
    return rc;
}

static mr_rc_t put_entry(const struct aggregator *a, struct sink *out)
{
    object_put_entry(out, &a->best_key, &a->best_value);
    return sink_state(out);
}

static mr_rc_t put_result(struct aggregator *a, struct sink *out)
{
    bool none = a->count == 0;

    switch ((enum task)a->class->task) {
    case DO_DISTINCT: return put_distinct(&a->distinct, out);
    case DO_MOST:
    case DO_LEAST:
        if (a->class->entry && !none)
            return put_entry(a, out);
        return object_put(out, &a->best); /* null at first */
    default: break;
    }
    if (none && a->class->average)
        return object_put(out, &(struct scalar){.kind = DATA_NULL});
    return a->class->task == DO_EXACT ? put_exact(a, out) : put_number(a, out);
}

/* What has gone wrong, in words. */
static mr_rc_t explain(const struct aggregator *a, mr_err_t *err)
{
    if (a->rc == MR_ERR_TYPE)
        return fail(err, a->rc, "only numbers can be added up",
                    "the attribute \"%s\" of some entry has a type that %s cannot take",
                    a->path->text, a->class->name);
    if (a->rc == MR_ERR_ARGUMENT)
        return fail(err, a->rc, "add them up as doubles",
                    "the attribute \"%s\" of some entry is a fraction, which %s would cut off",
                    a->path->text, a->class->name);
    if (a->rc != MR_OK)
        return fail(err, a->rc, NULL, "%s of \"%s\": %s", a->class->name, a->path->text,
                    mr_rc_text(a->rc));
    return MR_OK;
}

mr_rc_t aggregator_result(struct aggregator *a, struct sink *out, mr_err_t *err)
{
    if (a->rc == MR_OK) {
        sink_put32(out, 0); /* the partition hash: none */
        a->rc = put_result(a, out);
    }
    return explain(a, err);
}

/* ---- partials -------------------------------------------------------------------------------- */

/* A value as a Data of its own, through `room`. */
static mr_rc_t put_item(struct sink *items, struct sink *room, struct scalar *v)
{
    struct data d = {.kind = DATA_NULL};

    room->size = 0;
    mr_rc_t rc = v->kind == DATA_NULL ? MR_OK : scalar_write(v, room, &d);

    if (rc == MR_OK)
        wire_put(items, WIRE_nullable_data, &d);
    return rc;
}

static mr_rc_t put_exact_item(const struct aggregator *a, struct sink *items, struct sink *room)
{
    uint8_t digits[DECIMAL_WORDS_MAX * 4 + 1];
    struct sink bytes = {.at = digits, .room = sizeof digits};
    struct scalar v;
    mr_rc_t rc = decimal_scalar(&a->exact, DATA_DECIMAL, &bytes, &v);

    return rc == MR_OK ? put_item(items, room, &v) : rc;
}

static mr_rc_t put_best_items(struct aggregator *a, struct sink *items, struct sink *room)
{
    mr_rc_t rc = put_item(items, room, &a->best);

    if (rc == MR_OK && a->class->entry) {
        wire_put(items, WIRE_nullable_data, &a->best_key);
        wire_put(items, WIRE_nullable_data, &a->best_value);
    }
    return rc;
}

static mr_rc_t put_items(struct aggregator *a, struct sink *items, uint32_t *ret_count)
{
    struct sink room = {.grows = true};
    mr_rc_t rc = MR_OK;

    *ret_count = 0;
    switch ((enum task)a->class->task) {
    case DO_EXACT:
        rc = put_exact_item(a, items, &room);
        *ret_count = 1;
        break;
    case DO_MOST:
    case DO_LEAST:
        if (a->count > 0) {
            rc = put_best_items(a, items, &room);
            *ret_count = a->class->entry ? 3 : 1;
        }
        break;
    case DO_DISTINCT:
        for (uint32_t i = 0; i < a->distinct.count && rc == MR_OK; i++)
            rc = put_item(items, &room, &a->distinct.value[i]);
        *ret_count = a->distinct.count;
        break;
    default: break;
    }
    sink_free(&room);
    return rc;
}

mr_rc_t aggregator_partial(struct aggregator *a, struct sink *out, mr_err_t *err)
{
    struct sink items = {.grows = true};
    struct member_partial p = {.class = (int32_t)(a->class - classes),
                               .count = (int64_t)a->count,
                               .whole = (int64_t)a->whole};
    uint32_t count;

    memcpy(&p.real, &a->real, sizeof p.real);
    if (a->rc == MR_OK)
        a->rc = put_items(a, &items, &count);
    if (a->rc == MR_OK)
        a->rc = sink_state(&items);
    if (a->rc == MR_OK) {
        p.values = wire_list_of(&items, count);
        wire_encode(WIRE_member_partial, &(struct wire_head){.partition = -1}, &p, out);
        a->rc = sink_state(out);
    }
    sink_free(&items);
    return explain(a, err);
}

static mr_rc_t merge_exact(struct aggregator *a, const struct data *item)
{
    struct scalar v;

    if (scalar_read(item, &v) != MR_OK || value_class(&v) != VALUE_NUMBER)
        return MR_ERR_MALFORMED;
    return add_exact(a, &v);
}

/* Whether it is better, the same function says as of an entry, which counts it once. */
static mr_rc_t merge_best(struct aggregator *a, const struct data item[3], uint64_t count)
{
    struct scalar v;
    mr_rc_t rc = scalar_read(&item[0], &v);

    if (rc != MR_OK || v.kind == DATA_NULL || count == 0)
        return MR_ERR_MALFORMED;
    a->key = &item[1];
    a->value = &item[2];
    rc = add_best(a, &v);
    a->count += count - 1;
    return rc;
}

static mr_rc_t merge_distinct(struct aggregator *a, struct wire_list values)
{
    struct data item;
    struct scalar v;
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && wire_next(&values, WIRE_nullable_datas, &item, NULL))
        rc = scalar_read(&item, &v) == MR_OK ? add_distinct(a, &v) : MR_ERR_MALFORMED;
    return rc;
}

static bool is_most(const struct aggregator *a)
{
    return a->class->task == DO_MOST || a->class->task == DO_LEAST;
}

/* How many values a partial of this class has; distinct ones are as many as there are. */
static bool has_its_values(const struct aggregator *a, const struct member_partial *p)
{
    if (a->class->task == DO_DISTINCT)
        return true;
    if (is_most(a))
        return p->values.count == (p->count == 0 ? 0u : a->class->entry ? 3u : 1u);
    return p->values.count == (a->class->task == DO_EXACT ? 1u : 0u);
}

static mr_rc_t merge(struct aggregator *a, const struct member_partial *p)
{
    struct wire_list values = p->values;
    struct data item[3] = {{.kind = DATA_NULL}, {.kind = DATA_NULL}, {.kind = DATA_NULL}};
    double real;

    if (p->class != a->class - classes || p->count < 0 || !has_its_values(a, p))
        return MR_ERR_MALFORMED;
    if (a->class->task == DO_DISTINCT)
        return merge_distinct(a, values);
    for (uint32_t i = 0; i < 3 && wire_next(&values, WIRE_nullable_datas, &item[i], NULL);)
        i++;
    if (is_most(a))
        return p->count > 0 ? merge_best(a, item, (uint64_t)p->count) : MR_OK;
    memcpy(&real, &p->real, sizeof real);
    a->count += (uint64_t)p->count;
    a->whole += (uint64_t)p->whole;
    a->real += real;
    return a->class->task == DO_EXACT ? merge_exact(a, &item[0]) : MR_OK;
}

mr_rc_t aggregator_merge(struct aggregator *a, const uint8_t *bytes, size_t size)
{
    struct member_partial p;
    struct wire_head head;
    const char *field;

    if (a->rc != MR_OK)
        return a->rc;
    uint8_t *copy = arena_alloc(&a->arena, size + 1);

    if (!copy)
        return a->rc = MR_ERR_MEMORY;
    memcpy(copy, bytes, size);
    if (wire_read_head(copy, size, &head) != MR_OK || wire_find(head.type) != WIRE_member_partial ||
        wire_decode(WIRE_member_partial, copy, size, &p, &field) != MR_OK)
        return a->rc = MR_ERR_MALFORMED;
    return a->rc = merge(a, &p);
}
