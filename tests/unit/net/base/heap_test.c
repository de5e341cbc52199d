#include "net/base/heap.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/base/rand.h"

enum { N = 1000 };

static struct heap h;
static struct heap_node nodes[N];

static int take(void)
{
    struct heap_node *node = h.first;

    if (!node)
        return -1;
    heap_remove(&h, node);
    return (int)(node - nodes);
}

Test(heap, gives_the_smallest_key_first)
{
    heap_add(&h, &nodes[0], 30);
    heap_add(&h, &nodes[1], 10);
    heap_add(&h, &nodes[2], 20);
    cr_assert(eq(int, take(), 1));
    cr_assert(eq(int, take(), 2));
    cr_assert(eq(int, take(), 0));
    cr_assert(eq(int, take(), -1));
}

Test(heap, keeps_the_order_of_equal_keys)
{
    for (int i = 0; i < 100; i++)
        heap_add(&h, &nodes[i], 7);
    for (int i = 0; i < 100; i++)
        cr_assert(eq(int, take(), i));
}

/* The model: the node that is in and has the least key, then the least turn. */
static int least(void)
{
    int best = -1;

    for (int i = 0; i < N; i++)
        if (nodes[i].in && (best < 0 || nodes[i].key < nodes[best].key ||
                            (nodes[i].key == nodes[best].key && nodes[i].turn < nodes[best].turn)))
            best = i;
    return best;
}

Test(heap, stays_right_while_nodes_come_and_go_in_any_order)
{
    struct rand r;

    rand_init(&r, 42);
    for (int i = 0; i < 20000; i++) {
        struct heap_node *node = &nodes[rand_below(&r, N)];

        if (node->in)
            heap_remove(&h, node);
        else
            heap_add(&h, node, rand_below(&r, 50));
        if (i % 16 == 0)
            cr_assert(eq(int, h.first ? (int)(h.first - nodes) : -1, least()));
        if (i % 5 == 0)
            (void)take();
    }
}
