/* tree.h - an ordered set of rows of numbers: what an index is made of.
 *
 *     row        width words of 64 bits, compared word by word
 *
 *     inner      │ child │ row │ child │ row │ child │        a row: the least of the right child
 *     leaf       │ row row row row .. │ ⇄ the leaves beside it
 *
 * A B+tree of nodes of 1 KiB, so that a search is a few cache lines and a range is read leaf by
 * leaf. Nodes are blocks of the partition's slab: they count against the member's memory like the
 * entries do, and never move.
 *
 * Inserting cannot fail: tree_reserve has seen to the nodes that it may need, so that a change of
 * the store and of its indexes happens whole or not at all. Removing needs no memory. A leaf goes
 * when its last row goes; half empty ones are not joined, because what was removed from a place in
 * the order is mostly followed by what is inserted there.
 *
 * Invariants: no row twice; all leaves equally deep; no empty node but an empty tree.
 * Threads: everything under the lock of the partition that it belongs to.
 */
#ifndef GRID_QUERY_TREE_H
#define GRID_QUERY_TREE_H

#include "grid/store/slab.h"

enum { TREE_WIDTH_MAX = 17, TREE_HEIGHT_MAX = 16 };

struct tree {
    struct slab *slab;
    slab_ref root;  /* 0: empty */
    slab_ref spare; /* nodes reserved, linked; `spares` of them */
    uint32_t spares;
    uint32_t width;  /* words of a row */
    uint32_t height; /* 1: the root is a leaf */
    uint64_t rows, nodes;
};

void tree_init(struct tree *t, struct slab *slab, uint32_t width);

/* Takes everything out and gives the memory back. */
void tree_clear(struct tree *t);

/* Sees to it that this row can be inserted. Errors as slab_alloc; nothing has changed then. */
mr_rc_t tree_reserve(struct tree *t, const uint64_t *row);

/* Inserts a row, after tree_reserve for it. False: it was there. */
bool tree_insert(struct tree *t, const uint64_t *row);

/* False: it was not there. */
bool tree_remove(struct tree *t, const uint64_t *row);

/* How many rows are from low to high, both included; counting ends when there are `most`. */
uint64_t tree_count(const struct tree *t, const uint64_t *low, const uint64_t *high, uint64_t most);

/* Calls visit for these rows, in order. visit must not change the tree. */
void tree_visit(const struct tree *t, const uint64_t *low, const uint64_t *high,
                void (*visit)(void *context, const uint64_t *row), void *context);

/* Bytes of its nodes. */
uint64_t tree_bytes(const struct tree *t);

/* Checks every invariant; for tests. */
void tree_check(const struct tree *t);

#endif
