#include "grid/query/tree.h"

#include <criterion/criterion.h>
#include <string.h>

#include "net/base/rand.h"

enum { VALUES = 4000 };

struct world {
    struct account account;
    struct slab *slab;
    struct tree tree;
    bool there[VALUES]; /* what the tree should have */
};

static struct world w;

static void open_world(void)
{
    w = (struct world){.account.limit = UINT64_MAX};
    cr_assert((w.slab = slab_new(&w.account, NULL, NULL)) != NULL);
}

static void close_world(void)
{
    tree_clear(&w.tree);
    cr_assert(slab_stats(w.slab).used == 0, "every node is given back");
    slab_free_all(w.slab);
}

TestSuite(tree, .init = open_world, .fini = close_world);

/* A row whose first words are the same as those of its neighbours. */
static const uint64_t *row_of(uint64_t n)
{
    static uint64_t row[2][TREE_WIDTH_MAX];
    static int turn;
    uint64_t *r = row[turn++ % 2];

    memset(r, 0, sizeof row[0]);
    r[0] = n / 64;
    r[w.tree.width - 1] += n % 64;
    return r;
}

static void insert(uint64_t n)
{
    cr_assert(tree_reserve(&w.tree, row_of(n)) == MR_OK);
    cr_assert(tree_insert(&w.tree, row_of(n)) == !w.there[n]);
    w.there[n] = true;
}

static void take_out(uint64_t n)
{
    cr_assert(tree_remove(&w.tree, row_of(n)) == w.there[n]);
    w.there[n] = false;
}

static uint64_t expected(uint64_t low, uint64_t high)
{
    uint64_t n = 0;

    for (; low <= high && low < VALUES; low++)
        n += w.there[low];
    return n;
}

static void expect_ranges(struct rand *chance)
{
    for (int i = 0; i < 20; i++) {
        uint64_t low = rand_next(chance) % VALUES, high = rand_next(chance) % VALUES;

        cr_assert(tree_count(&w.tree, row_of(low), row_of(high), UINT64_MAX) ==
                  expected(low, high));
    }
    tree_check(&w.tree);
}

static void churn(uint32_t width, uint64_t inserts_in_ten)
{
    struct rand chance;

    rand_init(&chance, width);
    memset(w.there, 0, sizeof w.there);
    tree_init(&w.tree, w.slab, width);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < VALUES / 2; i++) {
            uint64_t n = rand_next(&chance) % VALUES;

            if (rand_next(&chance) % 10 < (round % 2 ? inserts_in_ten : 10 - inserts_in_ten))
                insert(n);
            else
                take_out(n);
        }
        expect_ranges(&chance);
    }
    for (uint64_t n = 0; n < VALUES; n++)
        take_out(n);
    tree_check(&w.tree);
    cr_assert(w.tree.rows == 0);
    tree_clear(&w.tree);
}

Test(tree, keeps_what_was_inserted_and_not_removed_at_every_width)
{
    static const uint32_t widths[] = {2, 3, 5, 9, TREE_WIDTH_MAX};

    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        churn(widths[i], 8);
}

Test(tree, takes_rows_in_order_without_leaving_room_behind)
{
    tree_init(&w.tree, w.slab, 3);
    for (uint64_t n = 0; n < VALUES; n++)
        insert(n);
    tree_check(&w.tree);
    cr_expect(tree_bytes(&w.tree) < VALUES * 24 * 5 / 4, "nodes are nearly full");
    for (uint64_t n = VALUES; n-- > 0;)
        take_out(n);
    cr_expect(w.tree.root == 0);
}

static uint64_t visited[VALUES], visits;

static void visit(void *context, const uint64_t *row)
{
    (void)context;
    visited[visits++] = row[0] * 64 + row[2];
}

Test(tree, visits_rows_in_order)
{
    tree_init(&w.tree, w.slab, 3);
    for (uint64_t n = 0; n < VALUES; n++)
        insert(n * 1237 % VALUES);
    tree_visit(&w.tree, row_of(100), row_of(2999), visit, NULL);
    cr_assert(visits == 2900);
    for (uint64_t i = 0; i < visits; i++)
        cr_assert(visited[i] == 100 + i);
    cr_expect(tree_count(&w.tree, row_of(100), row_of(2999), 50) == 50, "stops counting");
}

Test(tree, says_before_it_changes_that_there_is_no_room)
{
    uint64_t n = 0;
    mr_rc_t rc;

    tree_init(&w.tree, w.slab, 3);
    w.account.limit = 1;
    rc = tree_reserve(&w.tree, row_of(0));
    cr_assert(rc == MR_ERR_FULL);
    tree_check(&w.tree);
    w.account.limit = 8 << 20;
    while ((rc = tree_reserve(&w.tree, row_of(n))) == MR_OK)
        cr_assert(tree_insert(&w.tree, row_of(n++)));
    cr_assert(rc == MR_ERR_FULL);
    cr_expect(w.tree.rows == n);
    tree_check(&w.tree);
    cr_assert(tree_remove(&w.tree, row_of(5)));
}
