/* layout.h - where in a struct each parameter of a message goes, and how each kind is written.
 *
 * The rows of client.def, member.def and custom.def as data, for the one loop that reads
 * (decode.c) and the one that writes (encode.c). A row is a list of fields; those of fixed size
 * stand in front and share one frame:
 *
 *     layout ─▶ field, field, ...      name, place in the struct, kind, must it be there?
 *                        └─▶ layout_kinds[kind]      form, size, what a list is of
 *
 * For these two files only; others see wire.h. Constant.
 */
#ifndef NET_WIRE_LAYOUT_H
#define NET_WIRE_LAYOUT_H

#include "net/wire/wire.h"

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

enum form { FORM_FIXED, FORM_FRAME, FORM_DATA, FORM_ARRAY, FORM_TABLE, FORM_LIST, FORM_CUSTOM };

struct kind {
    uint8_t form;
    uint8_t size; /* FORM_FIXED: in the frame; FORM_ARRAY: of an item */
    uint8_t first, second;
};

extern const struct kind layout_kinds[WIRE_KINDS];

const struct layout *layout_of(enum wire_id id);

/* Of a nested type. */
const struct layout *layout_of_custom(enum wire_kind kind);

static inline bool layout_is_fixed(const struct field *f)
{
    return layout_kinds[f->kind].form == FORM_FIXED;
}

/* Where the parameters begin in the first frame. */
static inline uint32_t layout_head_size(uint32_t type)
{
    return (type & 0xff) == 1 || type == WIRE_ERROR ? 13 : 16;
}

#endif
