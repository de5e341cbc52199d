#include "net/base/ring.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "net/base/mailbox.h"
#include "net/base/mem.h"

static int things[16];

static struct ring ring_of_8(void)
{
    struct ring r = {0};

    cr_assert(eq(int, ring_init(&r, 8), MR_OK));
    return r;
}

Test(ring, gives_back_in_the_order_of_the_pushes)
{
    struct ring r = ring_of_8();
    void *all[8];

    for (int round = 0; round < 10; round++) { /* round the end of the array too */
        for (int i = 0; i < 5; i++)
            cr_assert(ring_push(&r, &things[i]));
        cr_assert(eq(sz, ring_take(&r, all, 3), 3));
        cr_assert(eq(sz, ring_take(&r, all + 3, 8 - 3), 2));
        for (int i = 0; i < 5; i++)
            cr_assert(eq(ptr, all[i], &things[i]));
    }
    cr_assert(zero(sz, ring_take(&r, all, 8)));
    ring_close(&r);
}

Test(ring, says_when_it_is_full_and_keeps_what_it_has)
{
    struct ring r = ring_of_8();
    void *all[8];

    for (int i = 0; i < 8; i++)
        cr_assert(ring_push_alone(&r, &things[i]));
    cr_assert(not(ring_push_alone(&r, &things[8])));
    cr_assert(eq(sz, ring_take(&r, all, 8), 8));
    cr_assert(eq(ptr, all[0], &things[0]));
    cr_assert(eq(ptr, all[7], &things[7]));
    cr_assert(ring_push_alone(&r, &things[8]));
    ring_close(&r);
    ring_close(&r);
}

static void *no_memory(size_t size, void *context)
{
    (void)size, (void)context;
    return NULL;
}

Test(ring, many_producers_find_it_full_too)
{
    struct ring r = ring_of_8();
    void *all[8];

    for (int i = 0; i < 8; i++)
        cr_assert(ring_push(&r, &things[i]));
    cr_assert(not(ring_push(&r, &things[8])));
    cr_assert(eq(sz, ring_take(&r, all, 1), 1));
    cr_assert(ring_push(&r, &things[8]));
    cr_assert(eq(sz, ring_take(&r, all, 8), 8));
    cr_assert(eq(ptr, all[7], &things[8]));
    ring_close(&r);
}

Test(ring, takes_nothing_from_behind_a_slot_that_is_claimed_but_not_written)
{
    struct ring r = ring_of_8();
    uint64_t claimed;
    void *all[8];

    cr_assert(ring_claim(&r.tail, &r.head, r.mask, &claimed)); /* a producer suspended here */
    cr_assert(ring_push(&r, &things[1]));
    cr_assert(zero(sz, ring_take(&r, all, 8)));
    store_release_ptr(&r.slots[claimed], &things[0]);
    cr_assert(eq(sz, ring_take(&r, all, 8), 2));
    cr_assert(eq(ptr, all[1], &things[1]));
    ring_close(&r);
}

Test(ring, says_when_there_is_no_memory)
{
    struct mem_hooks none = {.alloc = no_memory};
    struct ring r;
    struct mailbox m;

    mem_hooks_set(&none);
    cr_assert(eq(int, ring_init(&r, 8), MR_ERR_MEMORY));
    cr_assert(eq(int, mailbox_init(&m, 8), MR_ERR_MEMORY));
    mem_hooks_set(NULL);
}

static int called;

static void add(void *context)
{
    called += *(int *)context;
}

Test(mailbox, delivers_function_and_context_in_order_until_it_is_full)
{
    int numbers[] = {1, 10, 100, 1000};
    struct mailbox m = {0};
    struct message message;

    cr_assert(eq(int, mailbox_init(&m, 4), MR_OK));
    for (int i = 0; i < 4; i++)
        cr_assert(mailbox_post(&m, (struct message){add, &numbers[i]}));
    cr_assert(not(mailbox_post(&m, (struct message){add, &numbers[0]})));
    cr_assert(eq(u64, mailbox_size(&m), 4));
    for (int i = 0; i < 4; i++) {
        cr_assert(mailbox_take(&m, &message));
        cr_assert(eq(ptr, message.context, &numbers[i]));
        message.function(message.context);
    }
    cr_assert(not(mailbox_take(&m, &message)));
    cr_assert(eq(int, called, 1111));
    mailbox_close(&m);
}
