/* slab.h - the memory of a group of partitions: blocks by size class, named by 32 bits.
 *
 * A slab is one range of address space. What stands in it is named by a ref, its offset in units
 * of eight bytes: half the size of a pointer, and the range can hold 32 GiB. Ref 0 names nothing.
 *
 *     range   │ chunk 0 │ chunk 1 │ chunk 2 │ ...            2 MiB each, from the kernel
 *     chunk   │ run │ run │ run │ ... 32                     64 KiB each, one size class
 *     run     │block│block│free │block│ ...                  8 B .. 16 KiB
 *
 * Size classes are at most 12.5 % apart. A larger block is a span: whole runs in a chunk of its
 * own kind, paid for by the page. The first chunk of a slab is made of small pages, so that a
 * member with little in it stays little; the others are huge pages, which halve the price of a
 * cache miss. A chunk whose last block goes is given back to the kernel. One chunk is kept ready,
 * touched in the background (slab_prepare), so that no put has to wait for the kernel's zeroes.
 *
 * Freeing is for what no reader can have seen. Everything else is retired (limbo.h): it becomes
 * free when every section that was open has ended. Retiring must not fail, because a change is
 * visible by then; so slab_alloc and slab_ready see to the room for it, and fail before anything
 * has changed. Who takes out many at once, as a clear does, brings its own room (slab_batch).
 * What has become free is given out again as it is where it fits, else freed a few blocks at a
 * time, so that no writer waits long.
 *
 * Who makes several changes in a row need not take the lock for each: slab_take_ahead finds all
 * their blocks, and slab_settle retires all that they have replaced. Between the two the blocks are
 * paid for, and what was replaced counts as used.
 *
 * Blocks may move: a run that has become sparse can be marked (slab_mark_sparse), and whoever
 * holds the references copies the blocks elsewhere. Readers then find the copy, or still read
 * the old block, which is retired.
 *
 * Memory of what is allocated is zeroed only where the caller asks for it.
 *
 * Threads: slab_at from any thread, for refs found inside an epoch section or under the
 * partition's lock. The others take the slab's own lock, which is a leaf: nothing is locked
 * under it.
 */
#ifndef GRID_STORE_SLAB_H
#define GRID_STORE_SLAB_H

#include <stdbool.h>
#include <stdint.h>

#include "grid/store/account.h"
#include "net/base/error.h"

typedef uint32_t slab_ref;

enum {
    SLAB_UNIT = 8,
    SLAB_BLOCK_SMALL = 256,          /* up to it, every multiple of the unit is a class */
    SLAB_BLOCK_MAX = 16384,          /* above it, a span */
    SLAB_SPAN_MAX = 33 * 1024 * 1024 /* an event: two of the largest values, a key, a header */
};

struct slab;

struct slab_stats {
    uint64_t used;      /* bytes in blocks, retired ones included */
    uint64_t retired;   /* of these, waiting for readers */
    uint64_t committed; /* bytes taken from the kernel */
};

/* A slab charges account, which outlives it. wake, if not NULL, is called under the slab's lock
 * when a chunk should be prepared; it must not wait. NULL: no memory. */
struct slab *slab_new(struct account *account, void (*wake)(void *context), void *context);

/* Frees everything at once, after the last reader has gone. Not inside an epoch section. */
void slab_free_all(struct slab *s);

/* The first address of the range: ref r stands at base + r * SLAB_UNIT. */
uint8_t *slab_base(const struct slab *s);

static inline void *slab_at(uint8_t *base, slab_ref ref)
{
    return base + (uint64_t)ref * SLAB_UNIT;
}

/* A block of at least `size` bytes, aligned to 64 if its class is a multiple of 64, else to 8.
 * MR_ERR_FULL: the account refuses. MR_ERR_MEMORY: the kernel does, or the range is used up. */
mr_rc_t slab_alloc(struct slab *s, uint32_t size, slab_ref *ret_ref);

/* For a change that allocates nothing but will retire: MR_ERR_MEMORY before it is too late. */
mr_rc_t slab_ready(struct slab *s);

/* Frees a block that was never published. */
void slab_free(struct slab *s, slab_ref ref);

/* Frees it when no reader can have it any more. Never fails. */
void slab_retire(struct slab *s, slab_ref ref);

/* A change that will be made soon, as one of several: the lock is taken once to find each of them
 * its block, and once to retire what they have replaced. Embedded in what describes the change. */
struct slab_ahead {
    struct slab_ahead *next; /* of the same slab; NULL: it is the last */
    uint32_t size;           /* at most SLAB_BLOCK_MAX */
    slab_ref block;          /* taken, and not used yet; 0: none */
    slab_ref old;            /* to be retired; 0: none */
};

/* Takes a block for each; those that find no memory go without. */
void slab_take_ahead(struct slab *s, struct slab_ahead *list);

/* Retires what they have replaced, and frees what they have not used. After slab_take_ahead, and
 * before the caller waits for memory or leaves its section. */
void slab_settle(struct slab *s, struct slab_ahead *list);

/* slab_alloc and slab_retire of a change for which that may have been done; NULL: it has not. */
static inline mr_rc_t slab_alloc_for(struct slab *s, struct slab_ahead *a, uint32_t size,
                                     slab_ref *ret_ref)
{
    if (!a || !a->block || a->size != size)
        return slab_alloc(s, size, ret_ref);
    *ret_ref = a->block;
    a->block = 0;
    return MR_OK;
}

static inline void slab_retire_for(struct slab *s, struct slab_ahead *a, slab_ref ref)
{
    if (a && !a->old)
        a->old = ref;
    else
        slab_retire(s, ref);
}

/* Room to retire `n` blocks at once. NULL: no memory, and nothing has changed. */
struct slab_batch;
struct slab_batch *slab_batch_new(struct slab *s, uint64_t n);

/* Adds a ref; at most n of them. Then retires them all, and frees the batch. */
void slab_batch_add(struct slab_batch *b, slab_ref ref);
void slab_batch_retire(struct slab_batch *b);

/* Hands over what was retired and frees what has become free. Returns retired bytes left. */
uint64_t slab_reclaim(struct slab *s);

/* The bytes a block of `size` really takes, for the map's own account. */
uint32_t slab_block_size_large(uint32_t size);

static inline uint32_t slab_block_size(uint32_t size)
{
    return size - 1 < SLAB_BLOCK_SMALL ? (size + SLAB_UNIT - 1) & ~(uint32_t)(SLAB_UNIT - 1)
                                       : slab_block_size_large(size);
}

/* Makes the spare chunk ready if one is wanted. Takes up to a millisecond: not for a loop. */
void slab_prepare(struct slab *s);

/* Marks runs that are mostly empty, or stand in a chunk that is, so that moving their blocks away
 * gives memory back. Returns how many were marked; with 0 there is nothing to gain. */
uint32_t slab_mark_sparse(struct slab *s);

/* Should the block be moved? Readable without the lock, as a hint. */
bool slab_sparse(const struct slab *s, slab_ref ref);

/* Ends a round of moving: marked runs that still hold blocks serve again. */
void slab_unmark(struct slab *s);

struct slab_stats slab_stats(struct slab *s);

/* Checks every invariant of the structure; for tests. */
void slab_check(struct slab *s);

#endif
