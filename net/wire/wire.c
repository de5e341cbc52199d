#define _GNU_SOURCE
#include "net/wire/wire.h"

#include <string.h>

#include "net/base/littleend.h"

/* ---- the tables ----------------------------------------------------------------------------- */

enum presence { REQUIRED, NULLABLE, LATER, LATER_NULLABLE };

struct field {
    const char *name;
    uint16_t offset;
    uint8_t kind; /* enum wire_kind */
    uint8_t presence;
};

/* The parameters of a row, up to one without a name. */
struct layout {
    const struct field *fields;
    uint32_t size; /* of the struct */
};

#define FIELD(k, n, presence) {#n, offsetof(S, n), WIRE_##k, presence},
#define F(k, n)               FIELD(k, n, REQUIRED)
#define N(k, n)               FIELD(k, n, NULLABLE)
#define L(k, n)               FIELD(k, n, LATER)
#define LN(k, n)              FIELD(k, n, LATER_NULLABLE)
#define NONE

/* A row's list does not know the name of its struct: each case has an S of its own. */
#define LAYOUT(tag, ...)                                                                           \
    {                                                                                              \
        typedef struct tag S;                                                                      \
        static const struct field fields[] = {__VA_ARGS__{0}};                                     \
        static const struct layout layout = {fields, sizeof(S)};                                   \
        return &layout;                                                                            \
    }

static const struct layout *layout_of_custom(enum wire_kind kind)
{
    switch (kind) {
#define CUSTOM(kind, list)                                                                         \
    case WIRE_##kind:                                                                              \
        LAYOUT(wire_##kind, list)
#include "net/wire/custom.def"
#undef CUSTOM
    default: return NULL;
    }
}

static const struct layout *layout_of(enum wire_id id)
{
    switch (id) {
#define WIRE(name, type, list)                                                                     \
    case WIRE_##name:                                                                              \
        LAYOUT(name, list)
#include "net/wire/client.def"
#undef WIRE
    default: return NULL;
    }
}

#undef NONE
#undef F
#undef N
#undef L
#undef LN

static const struct {
    uint32_t type;
    const char *name;
} rows[WIRE_COUNT] = {
#define WIRE(name, type, list) {type, #name},
#include "net/wire/client.def"
#undef WIRE
};

int wire_find(uint32_t type)
{
    switch (type) {
#define WIRE(name, type, list)                                                                     \
    case type:                                                                                     \
        return WIRE_##name;
#include "net/wire/client.def"
#undef WIRE
    default: return -1;
    }
}

uint32_t wire_type(enum wire_id id)
{
    return rows[id].type;
}

const char *wire_name(enum wire_id id)
{
    return rows[id].name;
}

enum form { FORM_FIXED, FORM_FRAME, FORM_DATA, FORM_ARRAY, FORM_TABLE, FORM_LIST, FORM_CUSTOM };

struct kind {
    uint8_t form;
    uint8_t size; /* FORM_FIXED: in the frame; FORM_ARRAY: of an item */
    uint8_t first, second;
};

static const struct kind kinds[WIRE_KINDS] = {[WIRE_boolean] = {FORM_FIXED, 1, 0, 0},
                                              [WIRE_i8] = {FORM_FIXED, 1, 0, 0},
                                              [WIRE_i32] = {FORM_FIXED, 4, 0, 0},
                                              [WIRE_i64] = {FORM_FIXED, 8, 0, 0},
                                              [WIRE_uuid] = {FORM_FIXED, 17, 0, 0},
                                              [WIRE_str] = {FORM_FRAME, 0, 0, 0},
                                              [WIRE_bytes] = {FORM_FRAME, 0, 0, 0},
                                              [WIRE_data] = {FORM_DATA, 0, 0, 0},
                                              [WIRE_nullable_data] = {FORM_DATA, 0, 0, 0},
                                              [WIRE_partition_table] = {FORM_TABLE, 0, 0, 0},
#define X(kind, item) [WIRE_##kind] = {FORM_ARRAY, item, 0, 0},
                                              WIRE_ARRAY_MAP(X)
#undef X
#define X(kind, first, second) [WIRE_##kind] = {FORM_LIST, 0, WIRE_##first, WIRE_##second},
                                                  WIRE_LIST_MAP(X)
#undef X
#define CUSTOM(kind, list) [WIRE_##kind] = {FORM_CUSTOM, 0, 0, 0},
#include "net/wire/custom.def"
#undef CUSTOM
};

/* ---- numbers -------------------------------------------------------------------------------- */

static struct wire_uuid get_uuid(const uint8_t *at)
{
    return at[0] ? (struct wire_uuid){.null = true}
                 : (struct wire_uuid){get_le64(at + 1), get_le64(at + 9), false};
}

static void set_uuid(uint8_t *at, struct wire_uuid v)
{
    at[0] = v.null;
    put_le64(at + 1, v.null ? 0 : v.high);
    put_le64(at + 9, v.null ? 0 : v.low);
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
    uint32_t item = kinds[kind].size;

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
    const struct kind *k = &kinds[kind];
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
    if (to->owners.size / kinds[WIRE_uuids].size != to->partitions.count)
        r->bad = true;
}

static bool is_fixed(const struct field *f)
{
    return kinds[f->kind].form == FORM_FIXED;
}

/* Reads the fixed parameters at the front of `f` from one frame; returns the first that is not. */
static const struct field *read_fixed_fields(struct reader *r, const struct field *f,
                                             struct frame frame, uint32_t at, uint8_t *to,
                                             const char **field)
{
    for (; f->name && is_fixed(f) && !r->bad; f++) {
        uint32_t size = kinds[f->kind].size;

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

    switch ((enum form)kinds[f->kind].form) {
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
    if (is_fixed(f))
        f = read_fixed_fields(r, f, take(r), 0, to, field);
    read_other_fields(r, f, true, to, field);
    take_close(r);
}

static void read_value(struct reader *r, enum wire_kind kind, bool nullable, void *to,
                       const char **field)
{
    switch ((enum form)kinds[kind].form) {
    case FORM_FRAME:
    case FORM_ARRAY: read_array(r, kind, nullable, to); break;
    case FORM_DATA: read_data(r, nullable || kind == WIRE_nullable_data, to); break;
    case FORM_TABLE: read_table(r, nullable, to); break;
    case FORM_LIST: read_list(r, kind, nullable, to, field); break;
    case FORM_CUSTOM: read_custom(r, kind, nullable, to, field); break;
    case FORM_FIXED: r->bad = true; break;
    }
}

/* Where the parameters begin in the first frame. */
static uint32_t head_size(uint32_t type)
{
    return (type & 0xff) == 1 || type == WIRE_ERROR ? 13 : 16;
}

mr_rc_t wire_read_head(const uint8_t *bytes, size_t size, struct wire_head *ret_head)
{
    struct reader r = {bytes, bytes + size, false};
    struct frame f = take(&r);
    uint32_t type = f.size >= 4 ? get_le32(f.at) : 0;

    if (r.bad || f.size < 4 || f.size < head_size(type))
        return MR_ERR_MALFORMED;
    *ret_head = (struct wire_head){
        .type = type,
        .flags = (uint16_t)(f.flags & ~FRAME_FINAL),
        .correlation = (int64_t)get_le64(f.at + 4),
        .partition = head_size(type) == 16 ? (int32_t)get_le32(f.at + 12) : -1,
        .backup_acks = head_size(type) == 16 ? 0 : f.at[12],
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
        read_fixed_fields(&r, l->fields, first, head_size(rows[id].type), msg, ret_field);

    read_other_fields(&r, f, false, msg, ret_field);
    return r.bad ? MR_ERR_MALFORMED : MR_OK;
}

bool wire_next(struct wire_list *l, enum wire_kind kind, void *first, void *second)
{
    struct reader r = {l->at, l->at + l->size, false};
    const char *field;

    if (l->size == 0)
        return false;
    read_value(&r, kinds[kind].first, false, first, &field);
    if (kinds[kind].second)
        read_value(&r, kinds[kind].second, false, second, &field);
    if (r.bad)
        return false;
    l->size -= (uint32_t)(r.at - l->at);
    l->at = r.at;
    l->count--;
    return true;
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

    for (; f->name && is_fixed(f); f++)
        size += kinds[f->kind].size;
    return size;
}

/* Writes the fixed parameters at the front of `f` to `at`; returns the first that is not. */
static const struct field *write_fixed_fields(const struct field *f, const uint8_t *from,
                                              uint8_t *at)
{
    for (; f->name && is_fixed(f); f++) {
        if (!at)
            continue;
        write_fixed(f->kind, from + f->offset, at);
        at += kinds[f->kind].size;
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
    if (is_fixed(f))
        f = write_fixed_fields(f, from, put_frame(out, 0, fixed_size(f)));
    for (; f->name; f++)
        (void)put_value(out, f->kind, from + f->offset);
    (void)put_frame(out, FRAME_END, 0);
}

static size_t put_value(struct sink *out, enum wire_kind kind, const void *from)
{
    size_t before = out->size;

    switch ((enum form)kinds[kind].form) {
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
    uint32_t size = head_size(type);
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

    f = write_fixed_fields(f, msg, put_head(out, rows[id].type, head, fixed_size(f)));
    for (; f->name; f++)
        last = put_value(out, f->kind, (const uint8_t *)msg + f->offset);
    put_final(out, last);
}

/* ---- errors --------------------------------------------------------------------------------- */

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
