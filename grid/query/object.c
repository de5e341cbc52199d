#include "grid/query/object.h"

#include "net/wire/bigend.h"

enum { IDENTIFIED = 1, VERSIONED = 2 };

static const uint8_t *take(struct object_reader *r, uint32_t n)
{
    const uint8_t *at = r->at;

    if (r->failed || n > (size_t)(r->end - at)) {
        r->failed = true;
        return NULL;
    }
    r->at += n;
    return at;
}

uint8_t object_u8(struct object_reader *r)
{
    const uint8_t *at = take(r, 1);

    return at ? *at : 0;
}

int32_t object_i32(struct object_reader *r)
{
    const uint8_t *at = take(r, 4);

    return at ? (int32_t)get_be32(at) : 0;
}

static struct object_class take_class(struct object_reader *r)
{
    struct object_class c = {.type = -DATA_IDENTIFIED};
    uint8_t flags = object_u8(r);

    if (!(flags & IDENTIFIED) || flags & VERSIONED)
        r->failed = true;
    c.factory = object_i32(r);
    c.id = object_i32(r);
    return c;
}

struct object_reader object_open(const struct data *d, struct object_class *ret_class)
{
    uint32_t header = d->kind == DATA_VERBATIM ? DATA_HEADER : 0;
    struct object_reader r = {d->at + header, d->at + d->size, false};

    *ret_class = (struct object_class){.type = data_type_id(d)};
    if (ret_class->type == -DATA_IDENTIFIED)
        *ret_class = take_class(&r);
    return r;
}

struct object_class object_begin(struct object_reader *r)
{
    int32_t type = object_i32(r);

    return type == -DATA_IDENTIFIED ? take_class(r) : (struct object_class){.type = type};
}

/* A value of this kind, which scalar_take knows; anything else is a failure. */
static struct scalar take_value(struct object_reader *r, uint8_t kind)
{
    struct scalar v = {.kind = DATA_NULL};
    uint32_t used;

    if (r->failed || kind == DATA_COMPACT ||
        scalar_take(kind, r->at, (uint32_t)(r->end - r->at), &v, &used) != MR_OK) {
        r->failed = true;
        return (struct scalar){.kind = DATA_NULL};
    }
    r->at += used;
    return v;
}

/* Length -1 stands for null. */
static bool is_null_text(const struct object_reader *r)
{
    return r->end - r->at >= 4 && get_be32(r->at) == UINT32_MAX;
}

struct scalar object_text(struct object_reader *r)
{
    if (!r->failed && is_null_text(r)) {
        r->at += 4;
        return (struct scalar){.kind = DATA_NULL};
    }
    return take_value(r, DATA_STRING);
}

struct scalar object_value(struct object_reader *r)
{
    int32_t type = object_i32(r);

    if (type == DATA_TYPE_JSON)
        return take_value(r, DATA_JSON);
    if (type == -DATA_STRING)
        return object_text(r);
    if (r->failed || type == 0)
        return (struct scalar){.kind = DATA_NULL};
    return take_value(r, type < 0 && type > -DATA_LAST_BUILTIN ? (uint8_t)-type : DATA_VERBATIM);
}

uint32_t object_count(struct object_reader *r, uint32_t least)
{
    int32_t n = object_i32(r);

    if (n == -1)
        return 0;
    if (n < 0 || (uint64_t)n * least > (uint64_t)(r->end - r->at))
        r->failed = true;
    return r->failed ? 0 : (uint32_t)n;
}

mr_rc_t object_put(struct sink *out, struct scalar *v)
{
    struct data d = {.kind = DATA_NULL};
    size_t begin = out->size;

    sink_put32(out, 0);
    mr_rc_t rc = v->kind == DATA_NULL ? sink_state(out) : scalar_write(v, out, &d);
    if (rc == MR_OK && out->at)
        put_be32(out->at + begin, (uint32_t)data_type_id(&d));
    return rc;
}

void object_put_data(struct sink *out, const struct data *d)
{
    if (d->kind == DATA_VERBATIM) { /* all but its partition hash */
        sink_put(out, d->at + 4, d->size - 4);
        return;
    }
    sink_put32(out, (uint32_t)data_type_id(d));
    if (data_counted(d->kind))
        sink_put32(out, d->size);
    sink_put(out, d->at, d->size);
}

enum { MAP_FACTORY = -4, MAP_ENTRY = 120 };

void object_put_entry(struct sink *out, const struct data *key, const struct data *value)
{
    sink_put32(out, (uint32_t)-DATA_IDENTIFIED);
    sink_put8(out, 1);
    sink_put32(out, (uint32_t)MAP_FACTORY);
    sink_put32(out, MAP_ENTRY);
    object_put_data(out, key);
    object_put_data(out, value);
}
