#include "net/base/ring.h"

#include "net/base/check.h"
#include "net/base/mem.h"

mr_rc_t ring_init(struct ring *r, uint32_t capacity)
{
    check(capacity >= 3);
    check(capacity < 1u << 30);
    check((capacity & (capacity + 1)) == 0);

    ck_ring_buffer_t *slots = mem_alloc_zero((capacity + 1) * sizeof *slots);

    if (!slots)
        return MR_ERR_MEMORY;
    ck_ring_init(&r->ring, capacity + 1);
    r->slots = slots;
    return MR_OK;
}

void ring_close(struct ring *r)
{
    mem_free(r->slots);
    r->slots = NULL;
}
