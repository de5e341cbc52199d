/* sequence.h - values in a row: what a queue, a list and a ringbuffer are made of.
 *
 *     first              count values, around the end
 *       ▼
 *     │ r │ r │ r │ r │   │   │ r │      refs to items in the partition's slab
 *                           ▲
 *                           the row goes on here
 *
 * A ring, so that both ends take and give in constant time and every place is found by its
 * number; in the middle, the shorter side moves over by a place. It doubles when it is full and
 * halves when it is mostly empty, so that a queue that was long once does not stay large.
 *
 * An item is a copy in the slab, charged to the member's memory like an entry of a map. One that
 * is taken out is retired: who has read it keeps it until it leaves its epoch section. The ring
 * itself is charged as well.
 *
 * Every change happens whole or not at all.
 *
 * Threads: under the partition's lock.
 */
#ifndef GRID_DATA_SEQUENCE_H
#define GRID_DATA_SEQUENCE_H

#include "grid/data/change.h"
#include "grid/store/slab.h"
#include "net/wire/data.h"

enum { SEQUENCE_MAX = 1 << 30, SEQUENCE_NONE = -1 };

struct sequence {
    struct slab *slab;
    struct account *account; /* the ring's */
    slab_ref *ring;
    uint32_t capacity; /* of the ring, a power of two; 0: there is none */
    uint32_t first, count;
    uint64_t bytes; /* of the items' blocks */
};

void sequence_init(struct sequence *s, struct slab *slab, struct account *account);

/* Gives the ring back. The items go with the slab. */
void sequence_free(struct sequence *s);

/* The value at a place, which there is. Good until the caller leaves its epoch section. */
struct data sequence_at(const struct sequence *s, uint32_t at);

/* Puts n values there, those behind it move on; at <= count. MR_ERR_FULL, MR_ERR_MEMORY: nothing
 * has changed. */
mr_rc_t sequence_insert(struct sequence *s, uint32_t at, const struct data *values, uint32_t n);

/* Puts another value in a place that there is. Errors as sequence_insert. */
mr_rc_t sequence_set(struct sequence *s, uint32_t at, const struct data *value);

/* Takes one value out. MR_ERR_MEMORY: no memory even to give it back; nothing has changed. */
mr_rc_t sequence_remove(struct sequence *s, uint32_t at);

/* Takes out n values from the front on, or those that `goes` says; gone is told of each, and goes
 * asked, in order, when nothing can fail any more. MR_ERR_MEMORY: nothing has changed. */
mr_rc_t sequence_remove_first(struct sequence *s, uint32_t n,
                              void (*gone)(void *context, const struct data *value), void *context);
mr_rc_t sequence_remove_if(struct sequence *s,
                           bool (*goes)(void *context, const struct data *value), void *context,
                           uint32_t *ret_gone);

/* Gives changes that put all its values behind those of an empty one. */
void sequence_image(const struct sequence *s, void (*give)(void *context, const struct change *x),
                    void *context);

/* The first or the last place with an equal value, SEQUENCE_NONE when there is none. */
int32_t sequence_find(const struct sequence *s, const struct data *value);
int32_t sequence_find_last(const struct sequence *s, const struct data *value);

/* Checks every invariant; for tests. */
void sequence_check(const struct sequence *s);

#endif
