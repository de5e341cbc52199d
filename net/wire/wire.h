/* wire.h - messages of the client protocol as C structs, and the one loop that reads and writes
 * them.
 *
 * A message is a row of frames; a frame is a length, some flags, and its bytes:
 *
 *     ┌ length, flags ┐
 *     │  22   begin   │ type, correlation id, partition, parameters of fixed size
 *     │  10           │ a parameter: text, a Data, an array of numbers
 *     │   6   BEGIN   │ a list, or a nested type: its items, each a frame or more, up to ..
 *     │   6   END     │
 *     │   6   NULL, FINAL                     a parameter that is null; the message ends here
 *
 * client.def, member.def and custom.def are read twice: here they make a struct of each row, in
 * layout.c the table that says where in the struct each parameter goes. So a new message is a row.
 * decode.c has what reads, encode.c what writes.
 *
 * Decoding borrows: what a struct points to lies in the message, which must outlive it. Nothing is
 * copied, nothing allocates. The whole message is checked first, lists item by item, so that
 * walking through a list later cannot fail. Frames behind the last parameter that is known, and
 * bytes behind the last fixed one, belong to a newer protocol and are skipped.
 *
 * Encoding writes parameters one behind the other into a sink. A list is given as its items'
 * frames, written before by wire_put, so that a list decoded can be sent on as it is.
 *
 * Source: Hazelcast Open Binary Client Protocol 2.x. Numbers of this layer are least significant
 * byte first, inside a Data most significant first. Pure; any thread.
 */
#ifndef NET_WIRE_WIRE_H
#define NET_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/wire/data.h"
#include "net/wire/sink.h"

/* ---- frames --------------------------------------------------------------------------------- */

enum {
    FRAME_HEADER = 6,
    FRAME_BEGIN_FRAGMENT = 0x8000,
    FRAME_END_FRAGMENT = 0x4000,
    FRAME_UNFRAGMENTED = 0xc000, /* both */
    FRAME_FINAL = 0x2000,
    FRAME_BEGIN = 0x1000,
    FRAME_END = 0x0800,
    FRAME_NULL = 0x0400,
    FRAME_EVENT = 0x0200,
    FRAME_BACKUP_AWARE = 0x0100,
    FRAME_BACKUP_EVENT = 0x0080
};

/* ---- kinds of parameters -------------------------------------------------------------------- */

/* Bytes in a message; at is NULL when the parameter is null. */
struct wire_bytes {
    const uint8_t *at;
    uint32_t size;
};

struct wire_uuid {
    uint64_t high, low;
    bool null;
};

static inline bool uuid_equal(const struct wire_uuid *a, const struct wire_uuid *b)
{
    return a->high == b->high && a->low == b->low && a->null == b->null;
}

/* Items in a message, between BEGIN and END; at is NULL when the list is null. */
struct wire_list {
    const uint8_t *at;
    uint32_t size;
    uint32_t count; /* items; pairs, of a list of pairs */
};

/* Who owns which partitions: the lists of numbers first, i32_lists, then the owners, one of each
 * list. */
struct wire_partition_table {
    struct wire_list partitions;
    struct wire_bytes owners;
};

typedef bool wire_boolean;
typedef int8_t wire_i8;
typedef int32_t wire_i32;
typedef int64_t wire_i64;
typedef struct wire_uuid wire_uuid;
typedef struct wire_bytes wire_str; /* UTF-8, not NUL-terminated */
typedef struct wire_bytes wire_bytes;
typedef struct data wire_data;
typedef struct wire_partition_table wire_partition_table;

/* X(kind, bytes of an item): arrays in one frame; of pairs, both halves. wire_at reads one. */
#define WIRE_ARRAY_MAP(X)                                                                          \
    X(i32s, 4)                                                                                     \
    X(i64s, 8)                                                                                     \
    X(uuids, 17)                                                                                   \
    X(i32_i32s, 8)                                                                                 \
    X(i32_i64s, 12)                                                                                \
    X(i32_uuids, 21)                                                                               \
    X(uuid_i64s, 25)

/* X(kind, item, second half of a pair): lists. */
#define WIRE_LIST_MAP(X)                                                                           \
    X(strs, str, none)                                                                             \
    X(datas, data, none)                                                                           \
    X(nullable_datas, nullable_data, none)                                                         \
    X(uuid_lists, uuids, none)                                                                     \
    X(i32_lists, i32s, none)                                                                       \
    X(distributed_objects, distributed_object, none)                                               \
    X(members, member, none)                                                                       \
    X(entry_views, entry_view, none)                                                               \
    X(replicated_views, replicated_view, none)                                                     \
    X(schemas, schema, none)                                                                       \
    X(schema_fields, schema_field, none)                                                           \
    X(data_pairs, data, data)                                                                      \
    X(str_pairs, str, str)                                                                         \
    X(endpoints, endpoint, address)                                                                \
    X(raft_entries, raft_entry, none)                                                              \
    X(standings, standing, none)                                                                   \
    X(data_lists, data, datas)                                                                     \
    X(sequences, str, i32_i64s)

#define X(kind, item) typedef struct wire_bytes wire_##kind;
WIRE_ARRAY_MAP(X)
#undef X
#define X(kind, first, second) typedef struct wire_list wire_##kind;
WIRE_LIST_MAP(X)
#undef X

/* ---- the structs ---------------------------------------------------------------------------- */

#define F(kind, name)  wire_##kind name;
#define N(kind, name)  wire_##kind name;
#define L(kind, name)  wire_##kind name;
#define LN(kind, name) wire_##kind name;
#define NONE           char none; /* C has no empty struct */

/* A nested type; `null` is looked at where a row says that it may be. */
#define CUSTOM(kind, fields)                                                                       \
    typedef struct wire_##kind {                                                                   \
        bool null;                                                                                 \
        fields                                                                                     \
    } wire_##kind;
#include "net/wire/custom.def"
#undef CUSTOM

#define WIRE(name, type, fields)                                                                   \
    struct name {                                                                                  \
        fields                                                                                     \
    };
#include "net/wire/client.def"
#include "net/wire/member.def"
#undef WIRE

#undef F
#undef N
#undef L
#undef LN
#undef NONE

enum wire_id {
#define WIRE(name, type, fields) WIRE_##name,
#include "net/wire/client.def"
    WIRE_CLIENT_COUNT, /* rows of client.def */
    WIRE_CLIENT_LAST = WIRE_CLIENT_COUNT - 1,
#include "net/wire/member.def"
#undef WIRE
    WIRE_COUNT
};

enum { WIRE_ERROR = 0 }; /* the type of an error response, which has no row: see wire_put_error */

enum wire_kind {
    WIRE_none,
    WIRE_boolean,
    WIRE_i8,
    WIRE_i32,
    WIRE_i64,
    WIRE_uuid,
    WIRE_str,
    WIRE_bytes,
    WIRE_data,
    WIRE_nullable_data,
    WIRE_partition_table,
#define X(kind, item) WIRE_##kind,
    WIRE_ARRAY_MAP(X)
#undef X
#define X(kind, first, second) WIRE_##kind,
        WIRE_LIST_MAP(X)
#undef X
#define CUSTOM(kind, fields) WIRE_##kind,
#include "net/wire/custom.def"
#undef CUSTOM
            WIRE_KINDS
};

/* ---- messages ------------------------------------------------------------------------------- */

/* What every message begins with. */
struct wire_head {
    uint32_t type;
    uint16_t flags; /* of the first frame, without FRAME_FINAL */
    int64_t correlation;
    int32_t partition;   /* of requests and events; -1: none */
    uint8_t backup_acks; /* of responses */
};

/* Room for the struct of any message. */
union wire_message {
#define WIRE(name, type, fields) struct name name;
#include "net/wire/client.def"
#include "net/wire/member.def"
#undef WIRE
};

/* The row of a type; -1: it is not understood. */
int wire_find(uint32_t type);
uint32_t wire_type(enum wire_id id);
const char *wire_name(enum wire_id id);

/* Reads the head of one whole message. MR_ERR_MALFORMED: its first frame is too short. */
mr_rc_t wire_read_head(const uint8_t *bytes, size_t size, struct wire_head *ret_head);

/* Fills msg, the struct of this row, from one whole message. MR_ERR_MALFORMED: *ret_field names
 * the parameter at fault, and msg is not to be looked at. */
mr_rc_t wire_decode(enum wire_id id, const uint8_t *bytes, size_t size, void *msg,
                    const char **ret_field);

/* Appends a message. head->type is not looked at. Whether there was room is sink_state's to say. */
void wire_encode(enum wire_id id, const struct wire_head *head, const void *msg, struct sink *out);

/* ---- lists and arrays ----------------------------------------------------------------------- */

/* Goes through a list that was decoded: takes its front item off, `first` and, of a pair,
 * `second` get its struct. False at its end. */
bool wire_next(struct wire_list *l, enum wire_kind kind, void *first, void *second);

/* Writes an item's frames; behind one another they make a wire_list's bytes. */
void wire_put(struct sink *out, enum wire_kind item, const void *value);

/* A list of what a sink holds. Count them, since some items have several frames. */
static inline struct wire_list wire_list_of(const struct sink *items, uint32_t count)
{
    static const uint8_t nothing;

    return (struct wire_list){items->at ? items->at : &nothing, (uint32_t)items->size, count};
}

static inline struct wire_bytes wire_text(const char *text)
{
    return (struct wire_bytes){(const uint8_t *)text, (uint32_t)__builtin_strlen(text)};
}

/* Item i of an array that was decoded. */
int32_t wire_i32_at(struct wire_bytes array, uint32_t stride, uint32_t offset, uint32_t i);
int64_t wire_i64_at(struct wire_bytes array, uint32_t stride, uint32_t offset, uint32_t i);
struct wire_uuid wire_uuid_at(struct wire_bytes array, uint32_t stride, uint32_t offset,
                              uint32_t i);

/* Appends an array's item. */
void wire_put_i32(struct sink *out, int32_t v);
void wire_put_i64(struct sink *out, int64_t v);
void wire_put_uuid(struct sink *out, struct wire_uuid v);

/* ---- errors --------------------------------------------------------------------------------- */

struct wire_error {
    int32_t code;
    struct wire_bytes class_name; /* as Java calls it; clients show it */
    struct wire_bytes message;    /* may be null */
};

/* Appends an error response of one error without causes. */
void wire_put_error(int64_t correlation, const struct wire_error *e, struct sink *out);

/* Reads the outermost error of an error response. MR_ERR_MALFORMED. */
mr_rc_t wire_read_error(const uint8_t *bytes, size_t size, struct wire_error *ret_e);

#endif
