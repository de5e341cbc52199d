#include "grid/query/paging.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/error.h"

struct candidate {
    struct scalar by; /* the key's or the value's */
    struct data key, value;
};

/* The first `room` entries behind an anchor: a heap, the last of them on top. */
struct paging {
    const struct paging_query *query;
    const struct paging_anchor *anchor; /* NULL: from the beginning */
    struct candidate behind;            /* of the anchor */
    struct candidate *at;
    uint32_t count, room, allocated;
    bool out_of_memory, no_order;
};

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_data(const struct data *a, const struct data *b)
{
    uint32_t least = a->size < b->size ? a->size : b->size;
    int order = least ? memcmp(a->at, b->at, least) : 0;

    if (order == 0)
        order = a->size < b->size ? -1 : a->size > b->size;
    return order ? order : a->kind - b->kind;
}

static void open_value(const struct data *d, struct scalar *ret_v)
{
    if (scalar_read(d, ret_v) != MR_OK)
        *ret_v = (struct scalar){.kind = DATA_NULL};
}

/* No two entries are equal, since in the end their keys' bytes decide. */
static int compare(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    struct scalar x, y;
    int order = value_compare(&a->by, &b->by);

    if (order == 0) {
        open_value(&a->key, &x);
        open_value(&b->key, &y);
        order = value_compare(&x, &y);
    }
    return order ? order : compare_data(&a->key, &b->key);
}

static struct candidate candidate_of(const struct paging_query *q, const struct data *key,
                                     const struct data *value)
{
    struct candidate c = {.key = *key, .value = *value};

    open_value(q->iteration == PAGING_VALUES ? value : key, &c.by);
    return c;
}

/* ---- the first so many ----------------------------------------------------------------------- */

static void sift_up(struct candidate *at, uint32_t i)
{
    struct candidate c = at[i];

    for (; i > 0 && compare(&at[(i - 1) / 2], &c) < 0; i = (i - 1) / 2)
        at[i] = at[(i - 1) / 2];
    at[i] = c;
}

static void sift_down(struct candidate *at, uint32_t n)
{
    struct candidate c = at[0];
    uint32_t i = 0, child;

    for (; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && compare(&at[child], &at[child + 1]) < 0)
            child++;
        if (compare(&c, &at[child]) >= 0)
            break;
        at[i] = at[child];
    }
    at[i] = c;
}

static bool grow(struct paging *p)
{
    uint32_t room = p->allocated ? 2 * p->allocated : 64;

    if (room > p->room)
        room = p->room;
    struct candidate *at = mem_realloc(p->at, room * sizeof *at);
    if (!at)
        return false;
    p->at = at;
    p->allocated = room;
    return true;
}

static bool offer(void *context, const struct data *key, const struct data *value)
{
    struct paging *p = context;
    struct candidate c = candidate_of(p->query, key, value);

    if (p->query->iteration == PAGING_VALUES && value_class(&c.by) == VALUE_OTHER) {
        p->no_order = true;
        return false;
    }
    if (p->anchor && compare(&c, &p->behind) <= 0)
        return true;
    if (p->count == p->room) {
        if (compare(&c, &p->at[0]) < 0) {
            p->at[0] = c;
            sift_down(p->at, p->count);
        }
        return true;
    }
    if (p->count == p->allocated && !grow(p)) {
        p->out_of_memory = true;
        return false;
    }
    p->at[p->count] = c;
    sift_up(p->at, p->count++);
    return true;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* The last page before the one asked for whose end is known. */
static const struct paging_anchor *nearest(const struct paging_query *q)
{
    const struct paging_anchor *best = NULL;

    for (uint32_t i = 0; i < q->anchor_count; i++)
        if (q->anchors[i].page >= 0 && q->anchors[i].page < q->page &&
            (!best || q->anchors[i].page > best->page))
            best = &q->anchors[i];
    return best;
}

/* Anchors that came with the question, and one for each page that was looked for and is not empty.
 */
static mr_rc_t make_anchors(const struct paging *p, int32_t first, struct paging_result *r)
{
    const struct paging_query *q = p->query;
    uint32_t size = (uint32_t)q->page_size;
    uint32_t pages = p->count / size + (p->count % size > 0);
    struct paging_anchor *anchors =
        arena_alloc(&r->arena, (q->anchor_count + pages + 1) * sizeof *anchors);

    if (!anchors)
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < q->anchor_count; i++)
        if (q->anchors[i].page < first)
            anchors[r->anchor_count++] = q->anchors[i];
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t last = (i + 1) * size < p->count ? (i + 1) * size : p->count;

        anchors[r->anchor_count++] =
            (struct paging_anchor){first + (int32_t)i, p->at[last - 1].key, p->at[last - 1].value};
    }
    r->anchors = anchors;
    return MR_OK;
}

static mr_rc_t make_rows(const struct paging *p, int32_t first, struct paging_result *r)
{
    uint64_t from = (uint64_t)(p->query->page - first) * (uint64_t)p->query->page_size;
    struct paging_row *rows = arena_alloc(&r->arena, (p->count + 1) * sizeof *rows);

    if (!rows)
        return MR_ERR_MEMORY;
    if (from > p->count)
        from = p->count;
    for (uint32_t i = 0; i < p->count; i++)
        rows[i] = (struct paging_row){p->at[i].key, p->at[i].value};
    r->candidates = rows;
    r->candidate_count = p->count;
    r->rows = rows + from;
    r->count = p->count - (uint32_t)from;
    return MR_OK;
}

static mr_rc_t check_query(const struct paging_query *q, mr_err_t *err)
{
    if (q->comparator.kind != DATA_NULL)
        return fail(err, MR_ERR_TYPE, "leave it out to get the natural order",
                    "a comparator of type %d is a class of the application's own, and cannot run "
                    "here",
                    data_type_id(&q->comparator));
    if (q->page < 0 || q->page_size < 1)
        return fail(err, MR_ERR_ARGUMENT, NULL, "there is no page %d of %d entries", q->page,
                    q->page_size);
    if (q->iteration < PAGING_KEYS || q->iteration > PAGING_ENTRIES)
        return fail(err, MR_ERR_ARGUMENT, NULL, "there is no iteration type %d", q->iteration);
    return MR_OK;
}

/* The first page that is looked for. */
static int32_t first_page(const struct paging *p)
{
    return p->anchor ? p->anchor->page + 1 : 0;
}

mr_rc_t paging_new(const struct paging_query *q, struct paging **ret_p, mr_err_t *err)
{
    mr_rc_t rc = check_query(q, err);
    const struct paging_anchor *anchor = rc == MR_OK ? nearest(q) : NULL;
    int64_t pages = (int64_t)q->page - (anchor ? anchor->page : -1);
    struct paging *p;

    if (rc != MR_OK)
        return rc;
    if (pages * q->page_size > PAGING_ROWS_MAX)
        return fail(err, MR_ERR_TOO_LARGE, "ask for the pages one after the other",
                    "page %d ends more than %d entries behind the last one that is known", q->page,
                    PAGING_ROWS_MAX);
    if (!(p = mem_alloc_zero(sizeof *p)))
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a page");
    p->query = q;
    p->anchor = anchor;
    p->room = (uint32_t)pages * (uint32_t)q->page_size;
    if (anchor)
        p->behind = candidate_of(q, &anchor->key, &anchor->value);
    *ret_p = p;
    return MR_OK;
}

void paging_add(struct paging *p, const struct data *key, const struct data *value)
{
    (void)offer(p, key, value);
}

mr_rc_t paging_finish(struct paging *p, struct paging_result *ret_r, mr_err_t *err)
{
    struct paging_result r = {.rows = NULL};

    if (p->no_order)
        return fail(err, MR_ERR_ARGUMENT, "ask for keys, or for entries",
                    "records and arrays have no order in which pages of them could be told");
    if (p->count > 0)
        qsort(p->at, p->count, sizeof *p->at, compare);
    if (p->out_of_memory || make_rows(p, first_page(p), &r) != MR_OK ||
        make_anchors(p, first_page(p), &r) != MR_OK) {
        arena_free(&r.arena);
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for a page");
    }
    *ret_r = r;
    return MR_OK;
}

void paging_free(struct paging *p)
{
    if (!p)
        return;
    mem_free(p->at);
    mem_free(p);
}

mr_rc_t paging_run(struct map *m, const struct paging_query *q, struct paging_result *ret_r,
                   mr_err_t *err)
{
    struct paging *p;
    mr_rc_t rc = paging_new(q, &p, err);

    if (rc != MR_OK)
        return rc;
    rc = scan_map(m, q->share, q->predicate, offer, p, NULL);
    if (rc == MR_OK)
        rc = paging_finish(p, ret_r, err);
    paging_free(p);
    return rc;
}

void paging_result_free(struct paging_result *r)
{
    arena_free(&r->arena);
}
