#include "net/base/ring.h"

#include "net/base/check.h"
#include "net/base/mem.h"

mr_rc_t ring_init(struct ring *r, uint32_t capacity)
{
    check(capacity > 0);
    check((capacity & (capacity - 1)) == 0);

    void **slots = mem_alloc_zero(capacity * sizeof *slots);

    if (!slots)
        return MR_ERR_MEMORY;
    *r = (struct ring){.slots = slots, .mask = capacity - 1};
    return MR_OK;
}

void ring_close(struct ring *r)
{
    mem_free(r->slots);
    r->slots = NULL;
}
