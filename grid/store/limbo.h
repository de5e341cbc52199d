/* limbo.h - refs that have been taken out of a structure and wait until nobody can see them.
 *
 *     limbo_add ──▶ filling ──full──▶ the epoch ──every section has ended──▶ due ──▶ limbo_take
 *                   (a list of some 500)
 *
 * Refs are gathered in lists and each list is one call to the epoch, since a call for each would
 * need room in every record. A list must never be missing at the moment of adding, when a change
 * is already visible: limbo_ready makes sure of a spare one before anything has changed. Who adds
 * many at once brings a batch, which is all the lists it needs.
 *
 * What is due is taken one by one, so that its owner decides how long it frees at a time.
 *
 * Threads: under the owner's lock; a batch is filled by one thread, without it.
 */
#ifndef GRID_STORE_LIMBO_H
#define GRID_STORE_LIMBO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/epoch.h"

enum {
    LIMBO_LIST = 500, /* refs of a list: 126 ns per replace all in; shorter ones cost more polls */
    LIMBO_LATER = 8   /* takes ahead, a miss's worth */
};

struct limbo_list {
    struct retired retired;
    struct limbo *limbo;
    struct limbo_list *next; /* in a batch, or among those that are due */
    uint32_t count;
    uint32_t refs[LIMBO_LIST];
};

struct limbo {
    struct retirer *retirer;
    struct limbo_list *filling, *spare;
    struct limbo_list *due; /* none of them is empty */
};

/* False: no memory; then limbo_stop gives back what there is. */
bool limbo_start(struct limbo *l);

/* Waits until everything is due, and gives up what has not been taken. Not inside a section. */
void limbo_stop(struct limbo *l);

/* Is there room to add a list's worth? False: no memory. */
bool limbo_ready(struct limbo *l);

/* Adds a ref, which is not 0, after limbo_ready. */
void limbo_add(struct limbo *l, uint32_t ref);

/* Hands over what has been added so far, if it can, and looks what has become due. */
void limbo_flush(struct limbo *l);

static inline bool limbo_is_due(const struct limbo *l)
{
    return l->due != NULL;
}

/* The ref that limbo_take will give; 0: none is due. */
static inline uint32_t limbo_next(const struct limbo *l)
{
    return l->due ? l->due->refs[l->due->count - 1] : 0;
}

/* Frees the first list that is due. */
void limbo_drop(struct limbo *l);

/* A ref that nobody can see any more, 0 when there is none; *ret_later is one that a call some
 * time from now will give, or 0: fetch it from memory. */
static inline uint32_t limbo_take(struct limbo *l, uint32_t *ret_later)
{
    struct limbo_list *list = l->due;

    *ret_later = 0;
    if (!list)
        return 0;
    uint32_t ref = list->refs[--list->count];

    if (list->count >= LIMBO_LATER)
        *ret_later = list->refs[list->count - LIMBO_LATER];
    if (list->count == 0)
        limbo_drop(l);
    return ref;
}

struct limbo_batch;

/* Room for `n` refs; NULL: no memory. */
struct limbo_batch *limbo_batch_new(uint64_t n);
void limbo_batch_add(struct limbo_batch *b, uint32_t ref);

/* Hands it all over, and frees the batch. */
void limbo_add_batch(struct limbo *l, struct limbo_batch *b);

#endif
