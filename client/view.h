/* view.h - a stored value as the program sees it, where it lies.
 *
 * Most values can be viewed in place. One of a type without a public kind (another client's
 * Portable, an ArrayList) is shown as its whole Data, which a member does not keep in one piece,
 * so the view then owns a copy.
 */
#ifndef CLIENT_VIEW_H
#define CLIENT_VIEW_H

#include "client/value.h"
#include "net/base/mem.h"

struct view {
    mr_ref_t ref;
    uint8_t *owned; /* NULL: the bytes are where d has them */
};

/* MR_ERR_MEMORY. *v is good to close in any case. */
static inline mr_rc_t view_open(struct view *v, const struct data *d)
{
    struct scalar s;

    *v = (struct view){.ref = MR_NULL};
    if (d->kind == DATA_NULL)
        return MR_OK;
    if (scalar_read(d, &s) == MR_OK) {
        v->ref = ref_of_scalar(&s);
        return MR_OK;
    }
    uint32_t size = data_wire_size(d);

    if (!(v->owned = mem_alloc(size)))
        return MR_ERR_MEMORY;
    data_write(d, v->owned);
    v->ref = MR_DATA(v->owned, size);
    return MR_OK;
}

static inline void view_close(struct view *v)
{
    mem_free(v->owned);
}

#endif
