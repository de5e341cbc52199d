#include "grid/query/predicate.h"

#include <string.h>

#include "grid/query/object.h"
#include "net/base/error.h"
#include "net/wire/bigend.h"

enum { FACTORY = -20, CLASS_PARTITION = 16, CLASS_MULTI_PARTITION = 21, TYPE_HASH_SET = -37 };

/* Reading a serialised predicate. */
struct decoding {
    struct object_reader reader;
    struct expr_builder builder;
    struct predicate *predicate;
    uint32_t depth;
};

typedef const struct expr *(*decode_function)(struct decoding *d, int32_t class);

static const struct expr *decode_object(struct decoding *d);

static const struct expr *malformed(struct decoding *d, const char *what)
{
    return expr_failed(&d->builder, fail(d->builder.err, MR_ERR_MALFORMED, NULL,
                                         "the bytes of a predicate end or break off: %s", what));
}

/* ---- fields ---------------------------------------------------------------------------------- */

static const struct path *take_path(struct decoding *d)
{
    struct scalar text = object_text(&d->reader);

    if (text.kind != DATA_STRING) {
        malformed(d, "an attribute is missing");
        return NULL;
    }
    return expr_path(&d->builder, (const char *)text.bytes.at, text.bytes.size);
}

/* Values of types that cannot be compared end up here, too: their end is not known. */
static struct scalar take_value(struct decoding *d)
{
    struct scalar v = object_value(&d->reader);

    if (d->reader.failed)
        malformed(d, "a value is missing, or of a type that a predicate cannot compare with");
    return v;
}

/* ---- classes --------------------------------------------------------------------------------- */

static const struct expr *decode_sql(struct decoding *d, int32_t class)
{
    struct scalar text = object_text(&d->reader);

    (void)class;
    if (text.kind != DATA_STRING)
        return malformed(d, "the text of an SQL predicate is missing");
    const struct expr *e =
        predicate_parse(&d->builder, (const char *)text.bytes.at, text.bytes.size);

    if (d->builder.rc == MR_ERR_ARGUMENT) /* the client gave an object, and that is broken */
        d->builder.rc = MR_ERR_MALFORMED;
    return e;
}

static const struct expr *decode_group(struct decoding *d, int32_t class)
{
    uint32_t n = object_count(&d->reader, 4);
    const struct expr **children = arena_alloc(d->builder.arena, (n + 1) * sizeof *children);

    if (!children)
        return expr_failed(&d->builder, MR_ERR_MEMORY);
    if (d->reader.failed)
        return malformed(d, "a list is shorter than it says");
    for (uint32_t i = 0; i < n && d->builder.rc == MR_OK; i++)
        children[i] = decode_object(d);
    return expr_group(&d->builder, class == 1 ? EXPR_AND : EXPR_OR, children, n);
}

static const struct expr *decode_between(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    struct scalar high = take_value(d); /* comes first */
    struct scalar low = take_value(d);

    (void)class;
    return expr_between(&d->builder, p, &low, &high);
}

static const struct expr *decode_equal(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    struct scalar v = take_value(d);

    return expr_equal(&d->builder, p, &v, class == 9);
}

static const struct expr *decode_compare(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    struct scalar v = take_value(d);
    bool equal = object_u8(&d->reader), less = object_u8(&d->reader);

    (void)class;
    return expr_compare(&d->builder, p, &v, less, equal);
}

static const struct expr *decode_like(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    struct scalar text = object_text(&d->reader);

    return expr_like(&d->builder, p, &text, class == 6);
}

static const struct expr *decode_in(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    uint32_t n = object_count(&d->reader, 4);
    struct scalar *values = arena_alloc(d->builder.arena, (n + 1) * sizeof *values);

    (void)class;
    if (!values)
        return expr_failed(&d->builder, MR_ERR_MEMORY);
    for (uint32_t i = 0; i < n && d->builder.rc == MR_OK; i++)
        values[i] = take_value(d);
    return expr_in(&d->builder, p, values, n);
}

static const struct expr *decode_instance_of(struct decoding *d, int32_t class)
{
    struct scalar name = object_text(&d->reader);

    (void)class;
    if (name.kind != DATA_STRING)
        return malformed(d, "the name of a class is missing");
    return expr_instance_of(&d->builder, (const char *)name.bytes.at, name.bytes.size);
}

static const struct expr *decode_not(struct decoding *d, int32_t class)
{
    const struct expr *child = decode_object(d);

    (void)class;
    return d->builder.rc == MR_OK ? expr_not(&d->builder, child) : NULL;
}

static const struct expr *decode_regex(struct decoding *d, int32_t class)
{
    const struct path *p = take_path(d);
    struct scalar text = object_text(&d->reader);

    if (text.kind == DATA_NULL) /* which null matches, and nothing else */
        return d->reader.failed ? malformed(d, "a regular expression is missing")
                                : expr_like(&d->builder, p, &text, false);
    (void)class;
    return expr_regex(&d->builder, p, (const char *)text.bytes.at, text.bytes.size);
}

static const struct expr *decode_constant(struct decoding *d, int32_t class)
{
    return expr_constant(&d->builder, class == 14);
}

/* Its comparator, page and anchors say nothing about which entries match. */
static const struct expr *decode_paging(struct decoding *d, int32_t class)
{
    (void)class;
    return decode_object(d);
}

/* A key that says which partition to ask: as a Data of its own, since that is what is hashed. */
static void take_partition_key(struct decoding *d, struct data *ret_key)
{
    const uint8_t *begin = d->reader.at;

    take_value(d);
    if (d->reader.failed)
        return;

    size_t size = (size_t)(d->reader.at - begin);
    uint8_t *whole = arena_alloc(d->builder.arena, size + 4);

    if (!whole) {
        expr_failed(&d->builder, MR_ERR_MEMORY);
        return;
    }
    memcpy(whole + 4, begin, size); /* behind a partition hash of 0 */
    if (data_read(whole, (uint32_t)size + 4, ret_key) != MR_OK)
        malformed(d, "a partition key");
}

static const struct expr *decode_partition(struct decoding *d, int32_t class)
{
    uint32_t n = 1;
    bool outermost = d->depth == 1;

    if (class == CLASS_MULTI_PARTITION) {
        if (object_i32(&d->reader) != TYPE_HASH_SET)
            return malformed(d, "partition keys are no set");
        n = object_count(&d->reader, 4);
    }

    struct data *keys = arena_alloc(d->builder.arena, (n + 1) * sizeof *keys);

    if (!keys)
        return expr_failed(&d->builder, MR_ERR_MEMORY);
    for (uint32_t i = 0; i < n && d->builder.rc == MR_OK; i++)
        take_partition_key(d, &keys[i]);
    if (outermost) {
        d->predicate->partition_keys = keys;
        d->predicate->partition_key_count = n;
    }
    return d->builder.rc == MR_OK ? decode_object(d) : NULL;
}

static const decode_function classes[] = {
    [0] = decode_sql,         [1] = decode_group,      [2] = decode_between,   [3] = decode_equal,
    [4] = decode_compare,     [5] = decode_like,       [6] = decode_like,      [7] = decode_in,
    [8] = decode_instance_of, [9] = decode_equal,      [10] = decode_not,      [11] = decode_group,
    [12] = decode_regex,      [13] = decode_constant,  [14] = decode_constant, [15] = decode_paging,
    [16] = decode_partition,  [21] = decode_partition,
};

static const struct expr *decode_class(struct decoding *d, const struct object_class *c)
{
    const struct expr *e;

    if (d->builder.rc != MR_OK)
        return NULL;
    if (c->type == 0) /* no predicate */
        return expr_constant(&d->builder, true);
    if (d->reader.failed)
        return malformed(d, "a class is missing");
    if (c->type != -DATA_IDENTIFIED)
        return expr_failed(&d->builder, fail(d->builder.err, MR_ERR_TYPE,
                                             "classes of an application's own cannot run here",
                                             "a value of type %d is no predicate", c->type));
    if (c->factory != FACTORY || c->id < 0 ||
        c->id >= (int32_t)(sizeof classes / sizeof *classes) || !classes[c->id])
        return expr_failed(&d->builder,
                           fail(d->builder.err, MR_ERR_TYPE,
                                "predicates have factory -20 and a class of 0 to 16 or 21",
                                "factory %d, class %d is no predicate that exists here", c->factory,
                                c->id));
    if (d->depth == EXPR_DEPTH_MAX)
        return expr_failed(&d->builder,
                           fail(d->builder.err, MR_ERR_TOO_LARGE, NULL,
                                "a predicate is nested more than %d deep", EXPR_DEPTH_MAX));
    d->depth++;
    e = classes[c->id](d, c->id);
    d->depth--;
    if (d->reader.failed)
        return malformed(d, "a field is missing");
    return e;
}

static const struct expr *decode_object(struct decoding *d)
{
    struct object_class c = object_begin(&d->reader);

    return decode_class(d, &c);
}

/* ---- life ------------------------------------------------------------------------------------ */

static mr_rc_t finish(struct predicate *p, const struct expr_builder *b, const struct expr *root,
                      struct predicate **ret_p, mr_err_t *err)
{
    if (b->rc != MR_OK) {
        predicate_free(p);
        return fail(err, b->rc, NULL, "a predicate cannot be made"); /* unless words are there */
    }
    p->root = root;
    *ret_p = p;
    return MR_OK;
}

mr_rc_t predicate_of_data(const struct data *d, struct predicate **ret_p, mr_err_t *err)
{
    struct predicate *p = mem_alloc_zero(sizeof *p);
    struct data copy = *d;
    struct object_class class;

    if (!p)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a predicate");

    struct decoding decoding = {.builder = {.arena = &p->arena, .err = err}, .predicate = p};

    copy.at = (const uint8_t *)arena_text(&p->arena, (const char *)d->at, d->size);
    if (!copy.at)
        return finish(p, &(struct expr_builder){.rc = MR_ERR_MEMORY}, NULL, ret_p, err);
    decoding.reader = object_open(&copy, &class);
    const struct expr *root = decode_class(&decoding, &class);

    return finish(p, &decoding.builder, root, ret_p, err);
}

mr_rc_t predicate_of_text(const char *text, size_t size, struct predicate **ret_p, mr_err_t *err)
{
    struct predicate *p = mem_alloc_zero(sizeof *p);
    const char *copy = p ? arena_text(&p->arena, text, size) : NULL;

    if (!copy)
        return finish(p, &(struct expr_builder){.rc = MR_ERR_MEMORY}, NULL, ret_p, err);

    struct expr_builder b = {.arena = &p->arena, .err = err};
    const struct expr *root = predicate_parse(&b, copy, size);

    return finish(p, &b, root, ret_p, err);
}

void predicate_free(struct predicate *p)
{
    if (!p)
        return;
    arena_free(&p->arena);
    mem_free(p);
}
