#include "net/base/heap.h"

#include <stddef.h>

#include "net/base/check.h"

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->turn < b->turn;
}

/* Joins two roots: the later becomes the first child of the earlier. Either may be NULL. */
static struct heap_node *join(struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (before(b, a)) {
        struct heap_node *t = a;

        a = b;
        b = t;
    }
    b->back = a;
    b->next = a->child;
    if (b->next)
        b->next->back = b;
    a->child = b;
    return a;
}

/* Makes one root of a list of siblings: first in pairs from the left, then the pairs from the
 * right. The pairs wait in a list through `next`, so that no depth is spent on the stack. */
static struct heap_node *join_all(struct heap_node *siblings)
{
    struct heap_node *pairs = NULL, *root = NULL;

    while (siblings) {
        struct heap_node *a = siblings, *b = a->next;

        siblings = b ? b->next : NULL;
        a->next = a->back = NULL;
        if (b)
            b->next = b->back = NULL;
        a = join(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct heap_node *a = pairs;

        pairs = a->next;
        a->next = NULL;
        root = join(root, a);
    }
    return root;
}

void heap_add(struct heap *h, struct heap_node *node, uint64_t key)
{
    check(!node->in);

    *node = (struct heap_node){.key = key, .turn = h->turns++, .in = true};
    h->first = join(h->first, node);
}

static void unlink_node(struct heap_node *node)
{
    if (node->back->child == node)
        node->back->child = node->next;
    else
        node->back->next = node->next;
    if (node->next)
        node->next->back = node->back;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    check(node->in);

    struct heap_node *rest = join_all(node->child);

    if (node == h->first) {
        h->first = rest;
    } else {
        unlink_node(node);
        h->first = join(h->first, rest);
    }
    *node = (struct heap_node){.key = node->key};
}
