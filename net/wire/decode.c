/* decode.c - what reads of wire.h: frames, any message by its layout, lists item by item,
 * errors. */
#include <string.h>

#include "net/base/littleend.h"
#include "net/wire/layout.h"

/* ---- arrays --------------------------------------------------------------------------------- */

static struct wire_uuid get_uuid(const uint8_t *at)
{
    return at[0] ? (struct wire_uuid){.null = true}
                 : (struct wire_uuid){get_le64(at + 1), get_le64(at + 9), false};
}

int32_t wire_i32_at(struct wire_bytes array, uint32_t stride, uint32_t offset, uint32_t i)
{
    return (int32_t)get_le32(array.at + (size_t)i * stride + offset);
}

int64_t wire_i64_at(struct wire_bytes array, uint32_t stride, uint32_t offset, uint32_t i)
{
    return (int64_t)get_le64(array.at + (size_t)i * stride + offset);
}

struct wire_uuid wire_uuid_at(struct wire_bytes array, uint32_t stride, uint32_t offset, uint32_t i)
{
    return get_uuid(array.at + (size_t)i * stride + offset);
}

/* ---- reading frames ------------------------------------------------------------------------- */

struct frame {
    const uint8_t *at;
    uint32_t size;
    uint16_t flags;
};

/* A place in a message. Once something did not fit it stays bad, and every frame is empty. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static bool at_end(const struct reader *r)
{
    return r->at == r->end;
}

/* The next frame, which stays where it is. */
static struct frame peek(struct reader *r)
{
    size_t left = (size_t)(r->end - r->at);
    uint32_t length = left >= FRAME_HEADER ? get_le32(r->at) : 0;

    if (r->bad || length < FRAME_HEADER || length > left) {
        r->bad = true;
        return (struct frame){0};
    }
    return (struct frame){r->at + FRAME_HEADER, length - FRAME_HEADER, get_le16(r->at + 4)};
}

static struct frame take(struct reader *r)
{
    struct frame f = peek(r);

    if (!r->bad)
        r->at = f.at + f.size;
    return f;
}

/* Is the next one the end of the structure we are in? */
static bool at_close(struct reader *r)
{
    return (peek(r).flags & FRAME_END) != 0;
}

static bool take_null(struct reader *r)
{
    if (!(peek(r).flags & FRAME_NULL))
        return false;
    (void)take(r);
    return true;
}

static void take_open(struct reader *r)
{
    if (!(take(r).flags & FRAME_BEGIN))
        r->bad = true;
}

/* Takes what a newer protocol has added, and the end of the structure. */
static void take_close(struct reader *r)
{
    for (uint32_t depth = 1; depth > 0 && !r->bad;) {
        uint16_t flags = take(r).flags;

        if (flags & FRAME_BEGIN)
            depth++;
        else if (flags & FRAME_END)
            depth--;
    }
}

/* ---- decoding ------------------------------------------------------------------------------- */

static void read_fixed(enum wire_kind kind, const uint8_t *at, void *to)
{
    switch (kind) {
    case WIRE_boolean: *(bool *)to = at[0] != 0; break;
    case WIRE_i8: *(int8_t *)to = (int8_t)at[0]; break;
    case WIRE_i32: *(int32_t *)to = (int32_t)get_le32(at); break;
    case WIRE_i64: *(int64_t *)to = (int64_t)get_le64(at); break;
    default: *(struct wire_uuid *)to = get_uuid(at); break;
    }
}

static void read_value(struct reader *r, enum wire_kind kind, bool nullable, void *to,
                       const char **field);

static void read_array(struct reader *r, enum wire_kind kind, bool nullable, void *to)
{
    struct frame f = take(r);
    uint32_t item = layout_kinds[kind].size;

    if (f.flags & FRAME_NULL ? !nullable : f.flags & (FRAME_BEGIN | FRAME_END))
        r->bad = true;
    if (item > 1 && f.size % item != 0)
        r->bad = true;
    *(struct wire_bytes *)to =
        f.flags & FRAME_NULL ? (struct wire_bytes){0} : (struct wire_bytes){f.at, f.size};
}

static void read_data(struct reader *r, bool nullable, struct data *to)
{
    struct frame f = take(r);

    if (f.flags & FRAME_NULL ? !nullable : f.flags & (FRAME_BEGIN | FRAME_END))
        r->bad = true;
    *to = (struct data){0};
    if (!r->bad && !(f.flags & FRAME_NULL) && data_read(f.at, f.size, to) != MR_OK)
        r->bad = true;
    if (!nullable && to->kind == DATA_NULL) /* there, and of the type of nothing */
        r->bad = true;
}

/* Room for the largest item of a list; what is in it is not looked at. */
union item {
#define CUSTOM(kind, list) struct wire_##kind kind;
#include "net/wire/custom.def"
#undef CUSTOM
    struct wire_list list;
    struct wire_bytes bytes;
    struct data data;
};

static void read_list(struct reader *r, enum wire_kind kind, bool nullable, struct wire_list *to,
                      const char **field)
{
    const struct kind *k = &layout_kinds[kind];
    union item scratch;

    *to = (struct wire_list){0};
    if (nullable && take_null(r))
        return;
    take_open(r);
    to->at = r->at;
    while (!r->bad && !at_close(r)) {
        read_value(r, k->first, false, &scratch, field);
        if (k->second)
            read_value(r, k->second, false, &scratch, field);
        to->count++;
    }
    to->size = r->bad ? 0 : (uint32_t)(r->at - to->at);
    (void)take(r);
}

static void read_table(struct reader *r, bool nullable, struct wire_partition_table *to)
{
    union item scratch;

    *to = (struct wire_partition_table){0};
    if (nullable && take_null(r))
        return;
    take_open(r);
    to->partitions.at = r->at;
    while (!r->bad && !at_close(r)) {
        read_array(r, WIRE_i32s, false, &scratch);
        to->partitions.count++;
    }
    to->partitions.size = r->bad ? 0 : (uint32_t)(r->at - to->partitions.at);
    (void)take(r);
    read_array(r, WIRE_uuids, false, &to->owners);
    if (to->owners.size / layout_kinds[WIRE_uuids].size != to->partitions.count)
        r->bad = true;
}

/* Reads the fixed parameters at the front of `f` from one frame; returns the first that is not. */
static const struct field *read_fixed_fields(struct reader *r, const struct field *f,
                                             struct frame frame, uint32_t at, uint8_t *to,
                                             const char **field)
{
    for (; f->name && layout_is_fixed(f) && !r->bad; f++) {
        uint32_t size = layout_kinds[f->kind].size;

        if (frame.size >= size && at <= frame.size - size) {
            read_fixed(f->kind, frame.at + at, to + f->offset);
            at += size;
        } else if (f->presence == LATER) {
            at = UINT32_MAX;
        } else {
            *field = f->name;
            r->bad = true;
        }
    }
    return f;
}

/* What is missing of a later version: a number is 0, a list that cannot be null is empty, and a
 * nested type says itself that it is null. The struct was zeroed. */
static void fill_missing(const struct field *f, uint8_t *to)
{
    static const uint8_t nothing;
    bool null = f->presence == LATER_NULLABLE;

    switch ((enum form)layout_kinds[f->kind].form) {
    case FORM_CUSTOM: *(bool *)to = null; break;
    case FORM_FRAME:
    case FORM_ARRAY: ((struct wire_bytes *)to)->at = null ? NULL : &nothing; break;
    case FORM_LIST: ((struct wire_list *)to)->at = null ? NULL : &nothing; break;
    case FORM_TABLE:
        ((struct wire_partition_table *)to)->partitions.at = null ? NULL : &nothing;
        ((struct wire_partition_table *)to)->owners.at = null ? NULL : &nothing;
        break;
    case FORM_FIXED:
    case FORM_DATA: break;
    }
}

/* Reads the others up to the end of the message or of the structure. */
static void read_other_fields(struct reader *r, const struct field *f, bool nested, uint8_t *to,
                              const char **field)
{
    for (; f->name && !r->bad; f++) {
        bool gone = nested ? at_close(r) : at_end(r);
        const char *inside = NULL;

        if (gone && f->presence >= LATER) {
            fill_missing(f, to + f->offset);
            continue;
        }
        read_value(r, f->kind, f->presence & NULLABLE, to + f->offset, &inside);
        if (r->bad)
            *field = inside ? inside : f->name;
    }
}

/* A nested type's struct begins with `null`. */
static void read_custom(struct reader *r, enum wire_kind kind, bool nullable, uint8_t *to,
                        const char **field)
{
    const struct layout *l = layout_of_custom(kind);
    const struct field *f = l->fields;

    memset(to, 0, l->size);
    if (nullable && take_null(r)) {
        *(bool *)to = true;
        return;
    }
    take_open(r);
    if (layout_is_fixed(f))
        f = read_fixed_fields(r, f, take(r), 0, to, field);
    read_other_fields(r, f, true, to, field);
    take_close(r);
}

static void read_value(struct reader *r, enum wire_kind kind, bool nullable, void *to,
                       const char **field)
{
    switch ((enum form)layout_kinds[kind].form) {
    case FORM_FRAME:
    case FORM_ARRAY: read_array(r, kind, nullable, to); break;
    case FORM_DATA: read_data(r, nullable || kind == WIRE_nullable_data, to); break;
    case FORM_TABLE: read_table(r, nullable, to); break;
    case FORM_LIST: read_list(r, kind, nullable, to, field); break;
    case FORM_CUSTOM: read_custom(r, kind, nullable, to, field); break;
    case FORM_FIXED: r->bad = true; break;
    }
}

mr_rc_t wire_read_head(const uint8_t *bytes, size_t size, struct wire_head *ret_head)
{
    struct reader r = {bytes, bytes + size, false};
    struct frame f = take(&r);
    uint32_t type = f.size >= 4 ? get_le32(f.at) : 0;

    if (r.bad || f.size < 4 || f.size < layout_head_size(type))
        return MR_ERR_MALFORMED;
    *ret_head = (struct wire_head){
        .type = type,
        .flags = (uint16_t)(f.flags & ~FRAME_FINAL),
        .correlation = (int64_t)get_le64(f.at + 4),
        .partition = layout_head_size(type) == 16 ? (int32_t)get_le32(f.at + 12) : -1,
        .backup_acks = layout_head_size(type) == 16 ? 0 : f.at[12],
    };
    return MR_OK;
}

mr_rc_t wire_decode(enum wire_id id, const uint8_t *bytes, size_t size, void *msg,
                    const char **ret_field)
{
    const struct layout *l = layout_of(id);
    struct reader r = {bytes, bytes + size, false};

    memset(msg, 0, l->size);
    *ret_field = "header";
    struct frame first = take(&r);
    const struct field *f =
        read_fixed_fields(&r, l->fields, first, layout_head_size(wire_type(id)), msg, ret_field);

    read_other_fields(&r, f, false, msg, ret_field);
    return r.bad ? MR_ERR_MALFORMED : MR_OK;
}

bool wire_next(struct wire_list *l, enum wire_kind kind, void *first, void *second)
{
    struct reader r = {l->at, l->at + l->size, false};
    const char *field;

    if (l->size == 0)
        return false;
    read_value(&r, layout_kinds[kind].first, false, first, &field);
    if (layout_kinds[kind].second)
        read_value(&r, layout_kinds[kind].second, false, second, &field);
    if (r.bad)
        return false;
    l->size -= (uint32_t)(r.at - l->at);
    l->at = r.at;
    l->count--;
    return true;
}

mr_rc_t wire_read_error(const uint8_t *bytes, size_t size, struct wire_error *ret_e)
{
    struct reader r = {bytes, bytes + size, false};

    (void)take(&r);
    take_open(&r);
    take_open(&r);
    struct frame code = take(&r);

    read_array(&r, WIRE_str, false, &ret_e->class_name);
    read_array(&r, WIRE_str, true, &ret_e->message);
    if (r.bad || code.size < 4)
        return MR_ERR_MALFORMED;
    ret_e->code = (int32_t)get_le32(code.at);
    return MR_OK;
}
