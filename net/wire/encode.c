/* encode.c - what writes of wire.h: frames, any message by its layout, items of lists, errors. */
#include <string.h>

#include "net/base/littleend.h"
#include "net/wire/layout.h"

/* ---- arrays --------------------------------------------------------------------------------- */

static void set_uuid(uint8_t *at, struct wire_uuid v)
{
    at[0] = v.null;
    put_le64(at + 1, v.null ? 0 : v.high);
    put_le64(at + 9, v.null ? 0 : v.low);
}

void wire_put_i32(struct sink *out, int32_t v)
{
    uint8_t b[4];

    put_le32(b, (uint32_t)v);
    sink_put(out, b, sizeof b);
}

void wire_put_i64(struct sink *out, int64_t v)
{
    uint8_t b[8];

    put_le64(b, (uint64_t)v);
    sink_put(out, b, sizeof b);
}

void wire_put_uuid(struct sink *out, struct wire_uuid v)
{
    uint8_t b[17];

    set_uuid(b, v);
    sink_put(out, b, sizeof b);
}

/* ---- encoding ------------------------------------------------------------------------------- */

/* Appends a frame's header. Returns where its content of `size` bytes goes, NULL for nowhere. */
static uint8_t *put_frame(struct sink *out, uint16_t flags, size_t size)
{
    uint8_t *at = sink_more(out, FRAME_HEADER + size);

    if (!at)
        return NULL;
    put_le32(at, (uint32_t)(FRAME_HEADER + size));
    put_le16(at + 4, flags);
    return at + FRAME_HEADER;
}

static void put_bytes(struct sink *out, struct wire_bytes v)
{
    uint8_t *at = put_frame(out, v.at ? 0 : FRAME_NULL, v.size);

    if (at && v.size)
        memcpy(at, v.at, v.size);
}

static void put_data(struct sink *out, const struct data *d)
{
    uint8_t *at =
        d->kind == DATA_NULL ? put_frame(out, FRAME_NULL, 0) : put_frame(out, 0, data_wire_size(d));

    if (at && d->kind != DATA_NULL)
        data_write(d, at);
}

static void put_items(struct sink *out, struct wire_list l)
{
    (void)put_frame(out, FRAME_BEGIN, 0);
    sink_put(out, l.at, l.size);
    (void)put_frame(out, FRAME_END, 0);
}

static void put_list(struct sink *out, struct wire_list l)
{
    if (l.at)
        put_items(out, l);
    else
        (void)put_frame(out, FRAME_NULL, 0);
}

static void put_table(struct sink *out, const struct wire_partition_table *t)
{
    put_list(out, t->partitions);
    if (t->partitions.at)
        put_bytes(out, t->owners);
}

static void write_fixed(enum wire_kind kind, const void *from, uint8_t *at)
{
    switch (kind) {
    case WIRE_boolean: at[0] = *(const bool *)from; break;
    case WIRE_i8: at[0] = (uint8_t) * (const int8_t *)from; break;
    case WIRE_i32: put_le32(at, (uint32_t) * (const int32_t *)from); break;
    case WIRE_i64: put_le64(at, (uint64_t) * (const int64_t *)from); break;
    default: set_uuid(at, *(const struct wire_uuid *)from); break;
    }
}

static uint32_t fixed_size(const struct field *f)
{
    uint32_t size = 0;

    for (; f->name && layout_is_fixed(f); f++)
        size += layout_kinds[f->kind].size;
    return size;
}

/* Writes the fixed parameters at the front of `f` to `at`; returns the first that is not. */
static const struct field *write_fixed_fields(const struct field *f, const uint8_t *from,
                                              uint8_t *at)
{
    for (; f->name && layout_is_fixed(f); f++) {
        if (!at)
            continue;
        write_fixed(f->kind, from + f->offset, at);
        at += layout_kinds[f->kind].size;
    }
    return f;
}

/* Returns where the last frame that it wrote begins in the sink. */
static size_t put_value(struct sink *out, enum wire_kind kind, const void *from);

static void put_custom(struct sink *out, enum wire_kind kind, const uint8_t *from)
{
    const struct field *f = layout_of_custom(kind)->fields;

    if (*(const bool *)from) {
        (void)put_frame(out, FRAME_NULL, 0);
        return;
    }
    (void)put_frame(out, FRAME_BEGIN, 0);
    if (layout_is_fixed(f))
        f = write_fixed_fields(f, from, put_frame(out, 0, fixed_size(f)));
    for (; f->name; f++)
        (void)put_value(out, f->kind, from + f->offset);
    (void)put_frame(out, FRAME_END, 0);
}

static size_t put_value(struct sink *out, enum wire_kind kind, const void *from)
{
    size_t before = out->size;

    switch ((enum form)layout_kinds[kind].form) {
    case FORM_FRAME:
    case FORM_ARRAY: put_bytes(out, *(const struct wire_bytes *)from); return before;
    case FORM_DATA: put_data(out, from); return before;
    case FORM_TABLE:
        put_table(out, from);
        return out->size - FRAME_HEADER - ((const struct wire_partition_table *)from)->owners.size;
    case FORM_LIST: put_list(out, *(const struct wire_list *)from); break;
    case FORM_CUSTOM: put_custom(out, kind, from); break;
    case FORM_FIXED: break;
    }
    return out->size - FRAME_HEADER; /* an END or a NULL */
}

void wire_put(struct sink *out, enum wire_kind item, const void *value)
{
    (void)put_value(out, item, value);
}

/* Appends the first frame; returns where its parameters go. */
static uint8_t *put_head(struct sink *out, uint32_t type, const struct wire_head *head,
                         uint32_t parameters)
{
    uint32_t size = layout_head_size(type);
    uint8_t *at = put_frame(out, head->flags | FRAME_UNFRAGMENTED, size + parameters);

    if (!at)
        return NULL;
    put_le32(at, type);
    put_le64(at + 4, (uint64_t)head->correlation);
    if (size == 16)
        put_le32(at + 12, (uint32_t)head->partition);
    else
        at[12] = head->backup_acks;
    return at + size;
}

static void put_final(struct sink *out, size_t last)
{
    if (out->at && out->size <= out->room)
        out->at[last + 5] |= FRAME_FINAL >> 8;
}

void wire_encode(enum wire_id id, const struct wire_head *head, const void *msg, struct sink *out)
{
    const struct field *f = layout_of(id)->fields;
    size_t last = out->size;

    f = write_fixed_fields(f, msg, put_head(out, wire_type(id), head, fixed_size(f)));
    for (; f->name; f++)
        last = put_value(out, f->kind, (const uint8_t *)msg + f->offset);
    put_final(out, last);
}

void wire_put_error(int64_t correlation, const struct wire_error *e, struct sink *out)
{
    const struct wire_head head = {.correlation = correlation};
    static const struct wire_list no_stack = {(const uint8_t *)"", 0, 0};
    uint8_t *code;

    (void)put_head(out, WIRE_ERROR, &head, 0);
    (void)put_frame(out, FRAME_BEGIN, 0);
    (void)put_frame(out, FRAME_BEGIN, 0);
    if ((code = put_frame(out, 0, 4)))
        put_le32(code, (uint32_t)e->code);
    put_bytes(out, e->class_name);
    put_bytes(out, e->message);
    put_items(out, no_stack);
    (void)put_frame(out, FRAME_END, 0);

    size_t last = out->size;

    (void)put_frame(out, FRAME_END, 0);
    put_final(out, last);
}
