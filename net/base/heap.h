/* heap.h - what comes first, among things that come and go.
 *
 * A pairing heap whose nodes stand inside their owners' structs: adding never allocates and so
 * never fails, and any node can be taken out again, which is what most timeouts end with.
 * Adding is O(1), taking out O(log n) amortised. Nodes with equal keys come out in the order in
 * which they were added, so that a run that is repeated repeats it.
 *
 *     root (key 3) ── child (5) ── next (4) ── next (9)
 *                       └─ child (8)
 *
 * Zeroed is empty. One thread at a time. Pure.
 */
#ifndef NET_BASE_HEAP_H
#define NET_BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;
    uint64_t turn;           /* the heap's count when it was added */
    struct heap_node *child; /* the first one */
    struct heap_node *next;  /* sibling */
    struct heap_node *back;  /* the sibling before, or the parent of a first child */
    bool in;                 /* a heap */
};

struct heap {
    struct heap_node *first; /* NULL: empty; read it, never take it out by hand */
    uint64_t turns;
};

/* The node must not be in a heap. */
void heap_add(struct heap *h, struct heap_node *node, uint64_t key);

/* Takes out a node that is in this heap. */
void heap_remove(struct heap *h, struct heap_node *node);

#endif
