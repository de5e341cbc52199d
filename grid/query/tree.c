#include "grid/query/tree.h"

#include <assert.h>
#include <string.h>

#include "net/base/check.h"

enum { NODE_BYTES = 1024, NODE_HEAD = 16, NODE_ROOM = NODE_BYTES - NODE_HEAD };

struct node {
    uint32_t count;        /* rows; an inner node has one child more */
    slab_ref before, next; /* leaves: beside it; a spare: the next one */
    uint32_t unused;
    uint64_t word[NODE_ROOM / 8]; /* rows; behind the last that fits, an inner node's children */
};

static_assert(sizeof(struct node) == NODE_BYTES, "a node is a block");
static_assert(NODE_ROOM / 8 / TREE_WIDTH_MAX >= 4, "the widest rows leave something to split");

static struct node *at(const struct tree *t, slab_ref ref)
{
    return slab_at(slab_base(t->slab), ref);
}

static uint32_t leaf_room(const struct tree *t)
{
    return NODE_ROOM / 8 / t->width;
}

/* n rows and n + 1 children. */
static uint32_t inner_room(const struct tree *t)
{
    return (NODE_ROOM - 4) / (8 * t->width + 4);
}

static uint64_t *row_of(const struct tree *t, struct node *n, uint32_t i)
{
    return &n->word[(size_t)i * t->width];
}

static slab_ref *children_of(const struct tree *t, struct node *n)
{
    return (slab_ref *)(void *)&n->word[(size_t)inner_room(t) * t->width];
}

static int compare(const struct tree *t, const uint64_t *a, const uint64_t *b)
{
    for (uint32_t i = 0; i < t->width; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

/* How many rows of the node are before this one, or, with `too`, not behind it. */
static uint32_t search(const struct tree *t, struct node *n, const uint64_t *row, bool too)
{
    uint32_t low = 0, high = n->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = compare(t, row_of(t, n, middle), row);

        if (order < 0 || (too && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The way from the root to the leaf where a row belongs. */
struct way {
    struct node *node[TREE_HEIGHT_MAX];
    slab_ref ref[TREE_HEIGHT_MAX];
    uint32_t child[TREE_HEIGHT_MAX]; /* which was taken; of the leaf: the row's place */
};

static void descend(const struct tree *t, const uint64_t *row, struct way *w)
{
    slab_ref ref = t->root;

    for (uint32_t i = 0; i < t->height; i++) {
        bool leaf = i + 1 == t->height;

        w->ref[i] = ref;
        w->node[i] = at(t, ref);
        w->child[i] = search(t, w->node[i], row, !leaf);
        if (!leaf)
            ref = children_of(t, w->node[i])[w->child[i]];
    }
}

static bool stands_there(const struct tree *t, const struct way *w, const uint64_t *row)
{
    struct node *leaf = w->node[t->height - 1];
    uint32_t i = w->child[t->height - 1];

    return i < leaf->count && compare(t, row_of(t, leaf, i), row) == 0;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static slab_ref take_spare(struct tree *t)
{
    slab_ref ref = t->spare;
    struct node *n = at(t, ref);

    check(t->spares > 0);
    t->spare = n->next;
    t->spares--;
    t->nodes++;
    memset(n, 0, NODE_HEAD);
    return ref;
}

static void free_node(struct tree *t, slab_ref ref)
{
    slab_free(t->slab, ref);
    t->nodes--;
}

static mr_rc_t want_spares(struct tree *t, uint32_t n)
{
    while (t->spares < n) {
        slab_ref ref;
        mr_rc_t rc = slab_alloc(t->slab, NODE_BYTES, &ref);

        if (rc != MR_OK)
            return rc;
        at(t, ref)->next = t->spare;
        t->spare = ref;
        t->spares++;
    }
    return MR_OK;
}

mr_rc_t tree_reserve(struct tree *t, const uint64_t *row)
{
    struct way w;
    uint32_t full = 0;

    if (t->root == 0)
        return want_spares(t, 1);
    descend(t, row, &w);
    for (uint32_t i = t->height; i-- > 0; full++)
        if (w.node[i]->count < (i + 1 == t->height ? leaf_room(t) : inner_room(t)))
            return want_spares(t, full);
    check(t->height < TREE_HEIGHT_MAX);
    return want_spares(t, full + 1); /* a new root, too */
}

/* ---- inserting ------------------------------------------------------------------------------- */

/* Puts a row into a node that has room, and a child behind it, unless it is a leaf. */
static void put(const struct tree *t, struct node *n, uint32_t i, const uint64_t *row,
                slab_ref child)
{
    slab_ref *children = children_of(t, n);

    memmove(row_of(t, n, i + 1), row_of(t, n, i), (n->count - i) * 8ul * t->width);
    memcpy(row_of(t, n, i), row, 8ul * t->width);
    if (child) {
        memmove(&children[i + 2], &children[i + 1], (n->count - i) * sizeof *children);
        children[i + 1] = child;
    }
    n->count++;
}

static void link_behind(const struct tree *t, slab_ref left, slab_ref right)
{
    struct node *l = at(t, left), *r = at(t, right);

    r->before = left;
    r->next = l->next;
    if (l->next)
        at(t, l->next)->before = right;
    l->next = right;
}

/* Splits a full leaf, and puts the row where it belongs. A row behind all others begins a new leaf:
 * ascending rows would leave each half full. */
static slab_ref split_leaf(struct tree *t, slab_ref left, uint32_t i, const uint64_t *row,
                           uint64_t *ret_least)
{
    slab_ref right = take_spare(t);
    struct node *l = at(t, left), *r = at(t, right);
    uint32_t stay = i == l->count && l->next == 0 ? l->count : l->count / 2;

    r->count = l->count - stay;
    memcpy(r->word, row_of(t, l, stay), r->count * 8ul * t->width);
    l->count = stay;
    link_behind(t, left, right);
    if (i < stay || (i == stay && r->count > 0))
        put(t, l, i, row, 0);
    else
        put(t, r, i - stay, row, 0);
    memcpy(ret_least, row_of(t, r, 0), 8ul * t->width);
    return right;
}

/* Splits a full inner node: the row in the middle goes up. */
static slab_ref split_inner(struct tree *t, slab_ref left, uint32_t i, const uint64_t *row,
                            slab_ref child, uint64_t *ret_least)
{
    slab_ref right = take_spare(t);
    struct node *l = at(t, left), *r = at(t, right);
    uint32_t stay = l->count / 2;

    r->count = l->count - stay - 1;
    memcpy(ret_least, row_of(t, l, stay), 8ul * t->width);
    memcpy(r->word, row_of(t, l, stay + 1), r->count * 8ul * t->width);
    memcpy(children_of(t, r), children_of(t, l) + stay + 1, (r->count + 1) * sizeof(slab_ref));
    l->count = stay;
    if (i <= stay)
        put(t, l, i, row, child);
    else
        put(t, r, i - stay - 1, row, child);
    return right;
}

static void grow(struct tree *t, const uint64_t *least, slab_ref right)
{
    slab_ref ref = take_spare(t);
    struct node *root = at(t, ref);

    memcpy(root->word, least, 8ul * t->width);
    root->count = 1;
    children_of(t, root)[0] = t->root;
    children_of(t, root)[1] = right;
    t->root = ref;
    t->height++;
}

bool tree_insert(struct tree *t, const uint64_t *row)
{
    uint64_t up[TREE_WIDTH_MAX], least[TREE_WIDTH_MAX];
    struct way w;
    slab_ref right;

    if (t->root == 0) {
        t->root = take_spare(t);
        t->height = 1;
    }
    descend(t, row, &w);
    if (stands_there(t, &w, row))
        return false;
    t->rows++;

    uint32_t i = t->height - 1;

    if (w.node[i]->count < leaf_room(t)) {
        put(t, w.node[i], w.child[i], row, 0);
        return true;
    }
    right = split_leaf(t, w.ref[i], w.child[i], row, up);
    while (i-- > 0) {
        if (w.node[i]->count < inner_room(t)) {
            put(t, w.node[i], w.child[i], up, right);
            return true;
        }
        right = split_inner(t, w.ref[i], w.child[i], up, right, least);
        memcpy(up, least, sizeof up);
    }
    grow(t, up, right);
    return true;
}

/* ---- removing -------------------------------------------------------------------------------- */

static void unlink_leaf(const struct tree *t, const struct node *leaf)
{
    if (leaf->before)
        at(t, leaf->before)->next = leaf->next;
    if (leaf->next)
        at(t, leaf->next)->before = leaf->before;
}

/* Takes out child i, and the row that told it from the one beside it. The node has a row. */
static void drop_child(const struct tree *t, struct node *n, uint32_t i)
{
    slab_ref *children = children_of(t, n);
    uint32_t row = i ? i - 1 : 0;

    memmove(&children[i], &children[i + 1], (n->count - i) * sizeof *children);
    memmove(row_of(t, n, row), row_of(t, n, row + 1), (n->count - row - 1) * 8ul * t->width);
    n->count--;
}

/* The leaf at the end of the way has become empty, and goes, with all above it that have no other
 * child. */
static void drop_leaf(struct tree *t, struct way *w)
{
    uint32_t i = t->height - 1;

    unlink_leaf(t, w->node[i]);
    free_node(t, w->ref[i]);
    while (i > 0 && w->node[i - 1]->count == 0)
        free_node(t, w->ref[--i]);
    if (i == 0) {
        t->root = 0;
        t->height = 0;
        return;
    }
    drop_child(t, w->node[i - 1], w->child[i - 1]);
    while (t->height > 1 && at(t, t->root)->count == 0) {
        slab_ref root = t->root;

        t->root = children_of(t, at(t, root))[0];
        t->height--;
        free_node(t, root);
    }
}

bool tree_remove(struct tree *t, const uint64_t *row)
{
    struct way w;

    if (t->root == 0)
        return false;
    descend(t, row, &w);
    if (!stands_there(t, &w, row))
        return false;

    struct node *leaf = w.node[t->height - 1];
    uint32_t i = w.child[t->height - 1];

    memmove(row_of(t, leaf, i), row_of(t, leaf, i + 1), (leaf->count - i - 1) * 8ul * t->width);
    t->rows--;
    if (--leaf->count == 0)
        drop_leaf(t, &w);
    return true;
}

static void free_below(struct tree *t, slab_ref ref, uint32_t height)
{
    struct node *n = at(t, ref);

    for (uint32_t i = 0; height > 1 && i <= n->count; i++)
        free_below(t, children_of(t, n)[i], height - 1);
    free_node(t, ref);
}

void tree_clear(struct tree *t)
{
    if (t->root)
        free_below(t, t->root, t->height);
    while (t->spares > 0) {
        slab_ref ref = t->spare;

        t->spare = at(t, ref)->next;
        t->spares--;
        slab_free(t->slab, ref);
    }
    check(t->nodes == 0);
    tree_init(t, t->slab, t->width);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Calls each for the parts of leaves between low and high, until it says false. */
static void each_part(const struct tree *t, const uint64_t *low, const uint64_t *high,
                      bool (*each)(void *context, const uint64_t *rows, uint32_t n), void *context)
{
    struct way w;

    if (t->root == 0 || compare(t, low, high) > 0)
        return;
    descend(t, low, &w);

    struct node *leaf = w.node[t->height - 1];
    uint32_t from = w.child[t->height - 1];

    for (;;) {
        uint32_t to = search(t, leaf, high, true);

        if (to > from && !each(context, row_of(t, leaf, from), to - from))
            return;
        if (to < leaf->count || leaf->next == 0)
            return;
        leaf = at(t, leaf->next);
        from = 0;
    }
}

struct counting {
    uint64_t rows, most;
};

static bool count_part(void *context, const uint64_t *rows, uint32_t n)
{
    struct counting *c = context;

    (void)rows;
    c->rows += n;
    return c->rows < c->most;
}

uint64_t tree_count(const struct tree *t, const uint64_t *low, const uint64_t *high, uint64_t most)
{
    struct counting c = {0, most};

    each_part(t, low, high, count_part, &c);
    return c.rows < most ? c.rows : most;
}

struct visiting {
    const struct tree *tree;
    void (*visit)(void *context, const uint64_t *row);
    void *context;
};

static bool visit_part(void *context, const uint64_t *rows, uint32_t n)
{
    const struct visiting *v = context;

    for (uint32_t i = 0; i < n; i++)
        v->visit(v->context, rows + (size_t)i * v->tree->width);
    return true;
}

void tree_visit(const struct tree *t, const uint64_t *low, const uint64_t *high,
                void (*visit)(void *context, const uint64_t *row), void *context)
{
    each_part(t, low, high, visit_part, &(struct visiting){t, visit, context});
}

uint64_t tree_bytes(const struct tree *t)
{
    return (t->nodes + t->spares) * (uint64_t)NODE_BYTES;
}

void tree_init(struct tree *t, struct slab *slab, uint32_t width)
{
    check(width > 0);
    check(width <= TREE_WIDTH_MAX);
    *t = (struct tree){.slab = slab, .width = width};
}

/* ---- checking -------------------------------------------------------------------------------- */

struct checking {
    const struct tree *tree;
    const uint64_t *last;
    slab_ref last_leaf;
    uint64_t rows, nodes;
};

static void check_row(struct checking *c, const uint64_t *row)
{
    if (c->last)
        check(compare(c->tree, c->last, row) < 0);
    c->last = row;
    c->rows++;
}

/* Every row below is from `low` on and before `high`. */
static void check_below(struct checking *c, slab_ref ref, uint32_t height, const uint64_t *low,
                        const uint64_t *high)
{
    const struct tree *t = c->tree;
    struct node *n = at(t, ref);

    c->nodes++;
    for (uint32_t i = 0; i < n->count; i++) {
        check(!low || compare(t, low, row_of(t, n, i)) <= 0);
        check(!high || compare(t, row_of(t, n, i), high) < 0);
    }
    if (height == 1) {
        check(n->count > 0);
        check(n->count <= leaf_room(t));
        check(n->before == c->last_leaf);
        check(!c->last_leaf || at(t, c->last_leaf)->next == ref);
        c->last_leaf = ref;
        for (uint32_t i = 0; i < n->count; i++)
            check_row(c, row_of(t, n, i));
        return;
    }
    check(n->count <= inner_room(t));
    for (uint32_t i = 0; i <= n->count; i++)
        check_below(c, children_of(t, n)[i], height - 1, i ? row_of(t, n, i - 1) : low,
                    i < n->count ? row_of(t, n, i) : high);
}

void tree_check(const struct tree *t)
{
    struct checking c = {.tree = t};

    if (t->root) {
        check_below(&c, t->root, t->height, NULL, NULL);
        check(at(t, c.last_leaf)->next == 0);
    }
    check(c.rows == t->rows);
    check(c.nodes == t->nodes);
}
