#include "grid/query/project.h"

#include "grid/query/object.h"
#include "net/base/error.h"

enum { FACTORY = -30, TYPE_ARRAY = -28 };
enum projection_class { SINGLE, MULTIPLE, IDENTITY, CLASSES };

struct projection {
    struct arena arena;
    struct path_reader reader;
    enum projection_class class;
    uint32_t count;
    const struct path **path;
};

static mr_rc_t take_path(struct projection *p, struct object_reader *r, uint32_t i, mr_err_t *err)
{
    struct scalar text = object_text(r);
    mr_rc_t rc;

    if (text.kind != DATA_STRING)
        return fail(err, MR_ERR_MALFORMED, NULL, "an attribute of a projection is missing");
    rc = path_parse((const char *)text.bytes.at, text.bytes.size, &p->arena, &p->path[i], err);
    if (rc == MR_OK && p->path[i]->many)
        return fail(err, MR_ERR_ARGUMENT, "ask for one item, such as tags[0]",
                    "the attribute \"%s\" names several values", p->path[i]->text);
    return rc;
}

static mr_rc_t take_paths(struct projection *p, struct object_reader *r, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    p->count = p->class == SINGLE ? 1 : p->class == MULTIPLE ? object_count(r, 4) : 0;
    if (r->failed)
        return fail(err, MR_ERR_MALFORMED, NULL, "the bytes of a projection break off");
    if (p->count > PROJECTION_PATHS_MAX)
        return fail(err, MR_ERR_TOO_LARGE, NULL, "a projection has more than %d attributes",
                    PROJECTION_PATHS_MAX);
    if (!(p->path = arena_alloc(&p->arena, (p->count + 1) * sizeof *p->path)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a projection");
    for (uint32_t i = 0; i < p->count && rc == MR_OK; i++)
        rc = take_path(p, r, i, err);
    return rc;
}

mr_rc_t projection_of_data(const struct data *d, struct projection **ret_p, mr_err_t *err)
{
    struct object_class class;
    struct object_reader r = object_open(d, &class);
    struct projection *p;

    if (r.failed || class.type != -DATA_IDENTIFIED || class.factory != FACTORY || class.id < 0 ||
        class.id >= CLASSES)
        return fail(err, MR_ERR_TYPE, "projections have factory -30 and a class of 0 to 2",
                    "type %d, factory %d, class %d is no projection that exists here", class.type,
                    class.factory, class.id);
    if (!(p = mem_alloc_zero(sizeof *p)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a projection");
    p->class = (enum projection_class) class.id;
    path_reader_init(&p->reader, NULL);
    mr_rc_t rc = take_paths(p, &r, err);
    if (rc == MR_OK)
        *ret_p = p;
    else
        projection_free(p);
    return rc;
}

void projection_free(struct projection *p)
{
    if (!p)
        return;
    path_reader_clear(&p->reader);
    arena_free(&p->arena);
    mem_free(p);
}

static mr_rc_t put_attribute(struct projection *p, uint32_t i, const struct data *key,
                             const struct data *value, struct sink *out)
{
    struct scalar v;

    path_read(p->path[i], &p->reader, key, value, &v);
    return object_put(out, &v);
}

static mr_rc_t put_single(struct projection *p, const struct data *key, const struct data *value,
                          struct sink *out)
{
    struct scalar v;

    if (p->path[0]->steps == 0) { /* the key or the value, whatever it is */
        object_put_data(out, p->path[0]->of_key ? key : value);
        return sink_state(out);
    }
    path_read(p->path[0], &p->reader, key, value, &v);
    if (v.kind != DATA_NULL)
        return object_put(out, &v);
    out->size -= 4; /* of the header */
    return MR_OK;
}

mr_rc_t projection_apply(struct projection *p, const struct data *key, const struct data *value,
                         struct sink *out)
{
    mr_rc_t rc = MR_OK;

    sink_put32(out, 0); /* the partition hash: none */
    switch (p->class) {
    case SINGLE: return put_single(p, key, value, out);
    case MULTIPLE:
        sink_put32(out, (uint32_t)TYPE_ARRAY);
        sink_put32(out, p->count);
        for (uint32_t i = 0; i < p->count && rc == MR_OK; i++)
            rc = put_attribute(p, i, key, value, out);
        return rc;
    default: object_put_entry(out, key, value); return sink_state(out);
    }
}
