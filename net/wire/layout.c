#include "net/wire/layout.h"

/* ---- parameters ----------------------------------------------------------------------------- */

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

const struct layout *layout_of_custom(enum wire_kind kind)
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

const struct layout *layout_of(enum wire_id id)
{
    switch (id) {
#define WIRE(name, type, list)                                                                     \
    case WIRE_##name:                                                                              \
        LAYOUT(name, list)
#include "net/wire/client.def"
#include "net/wire/member.def"
#undef WIRE
    default: return NULL;
    }
}

#undef NONE
#undef F
#undef N
#undef L
#undef LN

/* ---- kinds ---------------------------------------------------------------------------------- */

const struct kind layout_kinds[WIRE_KINDS] = {[WIRE_boolean] = {.form = FORM_FIXED, .size = 1},
                                              [WIRE_i8] = {.form = FORM_FIXED, .size = 1},
                                              [WIRE_i32] = {.form = FORM_FIXED, .size = 4},
                                              [WIRE_i64] = {.form = FORM_FIXED, .size = 8},
                                              [WIRE_uuid] = {.form = FORM_FIXED, .size = 17},
                                              [WIRE_str] = {.form = FORM_FRAME},
                                              [WIRE_bytes] = {.form = FORM_FRAME},
                                              [WIRE_data] = {.form = FORM_DATA},
                                              [WIRE_nullable_data] = {.form = FORM_DATA},
                                              [WIRE_partition_table] = {.form = FORM_TABLE},
#define X(kind, item) [WIRE_##kind] = {.form = FORM_ARRAY, .size = item},
                                              WIRE_ARRAY_MAP(X)
#undef X
#define X(kind, front, back)                                                                       \
    [WIRE_##kind] = {.form = FORM_LIST, .first = WIRE_##front, .second = WIRE_##back},
                                                  WIRE_LIST_MAP(X)
#undef X
#define CUSTOM(kind, list) [WIRE_##kind] = {.form = FORM_CUSTOM},
#include "net/wire/custom.def"
#undef CUSTOM
};

/* ---- messages ------------------------------------------------------------------------------- */

static const struct {
    uint32_t type;
    const char *name;
} rows[WIRE_COUNT] = {
#define WIRE(name, type, list) {type, #name},
#include "net/wire/client.def"
#include "net/wire/member.def"
#undef WIRE
};

int wire_find(uint32_t type)
{
    switch (type) {
#define WIRE(name, type, list)                                                                     \
    case type:                                                                                     \
        return WIRE_##name;
#include "net/wire/client.def"
#include "net/wire/member.def"
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
