#include "grid/store/limbo.h"

#include <sched.h>
#include <stddef.h>

#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

struct limbo_batch {
    struct limbo_list *filling; /* in the list below */
    struct limbo_list *lists;
};

static struct limbo_list *list_new(struct limbo_list *next)
{
    struct limbo_list *list = mem_alloc(sizeof *list);

    if (list) {
        list->next = next;
        list->count = 0;
    }
    return list;
}

static void lists_free(struct limbo_list *list)
{
    for (struct limbo_list *next; list; list = next) {
        next = list->next;
        mem_free(list);
    }
}

/* Runs under the owner's lock: only a poll of its own retirer calls it. */
static void is_due(struct retired *retired)
{
    struct limbo_list *list =
        (struct limbo_list *)((char *)retired - offsetof(struct limbo_list, retired));

    if (list->count == 0) { /* a batch may have asked for more room than it filled */
        mem_free(list);
        return;
    }
    list->next = list->limbo->due;
    list->limbo->due = list;
}

static void hand_over(struct limbo *l, struct limbo_list *list)
{
    list->limbo = l;
    epoch_retire(l->retirer, &list->retired, is_due);
}

bool limbo_start(struct limbo *l)
{
    *l = (struct limbo){.retirer = retirer_new()};
    l->filling = list_new(NULL);
    return l->retirer && l->filling;
}

void limbo_stop(struct limbo *l)
{
    retirer_free(l->retirer);
    lists_free(l->due);
    mem_free(l->filling);
    mem_free(l->spare);
    *l = (struct limbo){0};
}

bool limbo_ready(struct limbo *l)
{
    if (!l->spare)
        l->spare = list_new(NULL);
    return l->spare != NULL;
}

static void turn(struct limbo *l)
{
    hand_over(l, l->filling);
    l->filling = l->spare;
    l->spare = NULL;
}

void limbo_add(struct limbo *l, uint32_t ref)
{
    check(ref != 0);
    l->filling->refs[l->filling->count++] = ref;
    if (l->filling->count < LIMBO_LIST)
        return;
    /* limbo_ready saw to a spare. Only more than a dozen batches of changes between the two, and
     * no memory, can have used it up; and what has been replaced cannot be put back. */
    while (!limbo_ready(l))
        sched_yield();
    turn(l);
    epoch_poll(l->retirer);
}

void limbo_flush(struct limbo *l)
{
    if (l->filling->count > 0 && limbo_ready(l))
        turn(l);
    epoch_poll(l->retirer);
}

void limbo_drop(struct limbo *l)
{
    struct limbo_list *list = l->due;

    l->due = list->next;
    mem_free(list);
}

/* ---- batches -------------------------------------------------------------------------------- */

struct limbo_batch *limbo_batch_new(uint64_t n)
{
    struct limbo_batch *b = mem_alloc_zero(sizeof *b);

    for (uint64_t room = 0; b && room < n; room += LIMBO_LIST) {
        struct limbo_list *list = list_new(b->lists);

        if (!list) {
            lists_free(b->lists);
            mem_free(b);
            return NULL;
        }
        b->lists = list;
    }
    if (b)
        b->filling = b->lists;
    return b;
}

void limbo_batch_add(struct limbo_batch *b, uint32_t ref)
{
    if (b->filling->count == LIMBO_LIST)
        b->filling = b->filling->next;
    b->filling->refs[b->filling->count++] = ref;
}

void limbo_add_batch(struct limbo *l, struct limbo_batch *b)
{
    for (struct limbo_list *next, *list = b->lists; list; list = next) {
        next = list->next;
        hand_over(l, list);
    }
    epoch_poll(l->retirer);
    mem_free(b);
}
