#include "net/base/mailbox.h"

#include "net/base/check.h"
#include "net/base/mem.h"

mr_rc_t mailbox_init(struct mailbox *m, uint32_t capacity)
{
    check(capacity > 0);
    check((capacity & (capacity - 1)) == 0);

    struct message *slots = mem_alloc_zero(capacity * sizeof *slots);

    if (!slots)
        return MR_ERR_MEMORY;
    *m = (struct mailbox){.slots = slots, .mask = capacity - 1};
    return MR_OK;
}

void mailbox_close(struct mailbox *m)
{
    mem_free(m->slots);
    m->slots = NULL;
}
