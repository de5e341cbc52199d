#include "grid/peers/merge.h"

#include <stdlib.h>
#include <string.h>

#include "grid/query/aggregate.h"
#include "grid/query/paging.h"
#include "net/base/mem.h"

/* ---- the table ------------------------------------------------------------------------------ */

static const uint8_t ways[WIRE_COUNT] = {
#define SERVE(name, permission, where) [WIRE_##name##_req] = MERGE_##where,
#include "grid/door/serve.def"
#undef SERVE
};

enum merge merge_of(enum wire_id request)
{
    return (enum merge)ways[request];
}

bool merge_is_shared(enum wire_id request)
{
    return ways[request] >= MERGE_DONE;
}

bool merge_is_everywhere(enum wire_id request)
{
    return ways[request] >= MERGE_EVERYWHERE;
}

bool merge_is_once(enum wire_id request)
{
    uint8_t way = ways[request];

    return way == MERGE_RUN || way == MERGE_RUN_BY_KEYS || way == MERGE_DONE_BY_KEYS;
}

bool merge_has_keys(enum wire_id request)
{
    return ways[request] >= MERGE_LIST_OF_KEYS && ways[request] <= MERGE_RUN_BY_KEYS;
}

/* ---- what has come together so far ---------------------------------------------------------- */

struct merge_of_answers {
    enum wire_id id; /* of the request */
    enum merge way;
    size_t bytes, bytes_max; /* of answers, so far */
    struct arena arena;
    union wire_message request; /* in the arena */
    int64_t sum;
    bool any, all;
    struct sink items;
    uint32_t item_count;
    struct aggregator *aggregator;
    struct paging_query query;
    struct paging *paging;
    struct wire_distributed_object *objects; /* in the arena */
    uint32_t object_count, object_room;
};

/* Aggregates, pages: what they are of. Both messages of a sort begin alike. */
static mr_rc_t begin_aggregate(struct merge_of_answers *m, mr_err_t *err)
{
    return aggregator_of_data(&m->request.map_aggregate_req.aggregator, &m->aggregator, err);
}

static enum paging_iteration iteration_of(enum wire_id id)
{
    if (id == WIRE_map_entries_with_paging_predicate_req)
        return PAGING_ENTRIES;
    return id == WIRE_map_values_with_paging_predicate_req ? PAGING_VALUES : PAGING_KEYS;
}

static mr_rc_t begin_page(struct merge_of_answers *m, mr_err_t *err)
{
    const struct wire_paging *q = &m->request.map_key_set_with_paging_predicate_req.predicate;
    const struct wire_anchors *a = &q->anchor_data_list_holder;
    struct wire_list pairs = a->anchor_data_list;
    uint32_t n = a->anchor_page_list.size / 4, i = 0;
    struct paging_anchor *anchors = arena_alloc(&m->arena, (n + 1) * sizeof *anchors);

    if (!anchors)
        return MR_ERR_MEMORY;
    for (; i < n; i++) {
        anchors[i].page = wire_i32_at(a->anchor_page_list, 4, 0, i);
        if (!wire_next(&pairs, WIRE_data_pairs, &anchors[i].key, &anchors[i].value))
            break;
    }
    m->query = (struct paging_query){.page = q->page,
                                     .page_size = q->page_size,
                                     .iteration = iteration_of(m->id),
                                     .comparator = q->comparator_data,
                                     .anchors = anchors,
                                     .anchor_count = i};
    return paging_new(&m->query, &m->paging, err);
}

static uint8_t *copied(struct merge_of_answers *m, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = arena_alloc(&m->arena, size + 1);

    if (copy)
        memcpy(copy, bytes, size);
    return copy;
}

static mr_rc_t begin(struct merge_of_answers *m, const uint8_t *bytes, size_t size, mr_err_t *err)
{
    const char *field;

    if (m->way != MERGE_AGGREGATE && m->way != MERGE_PAGE && m->way != MERGE_CLEAR)
        return MR_OK;
    const uint8_t *copy = copied(m, bytes, size);

    if (!copy)
        return MR_ERR_MEMORY;
    if (wire_decode(m->id, copy, size, &m->request, &field) != MR_OK)
        return MR_ERR_MALFORMED;
    if (m->way == MERGE_CLEAR)
        return MR_OK;
    return m->way == MERGE_AGGREGATE ? begin_aggregate(m, err) : begin_page(m, err);
}

mr_rc_t merge_new(enum wire_id request, const uint8_t *bytes, size_t size, size_t bytes_max,
                  struct merge_of_answers **ret_m, mr_err_t *err)
{
    struct merge_of_answers *m = mem_alloc_zero(sizeof *m);

    if (!m)
        return MR_ERR_MEMORY;
    m->id = request;
    m->way = merge_of(request);
    m->bytes_max = bytes_max;
    m->all = m->items.grows = true;
    mr_rc_t rc = begin(m, bytes, size, err);

    if (rc == MR_OK)
        *ret_m = m;
    else
        merge_free(m);
    return rc;
}

void merge_free(struct merge_of_answers *m)
{
    if (!m)
        return;
    aggregator_free(m->aggregator);
    paging_free(m->paging);
    sink_free(&m->items);
    arena_free(&m->arena);
    mem_free(m);
}

/* ---- an answer ------------------------------------------------------------------------------ */

static mr_rc_t add_items(struct merge_of_answers *m, const struct wire_list *more)
{
    sink_put(&m->items, more->at, more->size);
    m->item_count += more->count;
    return sink_state(&m->items) == MR_OK ? MR_OK : MR_ERR_MEMORY;
}

static mr_rc_t add_uuids(struct merge_of_answers *m, struct wire_bytes uuids)
{
    sink_put(&m->items, uuids.at, uuids.size);
    return sink_state(&m->items) == MR_OK ? MR_OK : MR_ERR_MEMORY;
}

static mr_rc_t add_partial(struct merge_of_answers *m, const struct data *partial)
{
    if (partial->kind != DATA_BYTES)
        return MR_ERR_MALFORMED;
    return aggregator_merge(m->aggregator, partial->at, partial->size);
}

static mr_rc_t add_candidates(struct merge_of_answers *m, struct wire_list pairs)
{
    struct data key, value;

    while (wire_next(&pairs, WIRE_data_pairs, &key, &value))
        paging_add(m->paging, &key, &value);
    return MR_OK;
}

static mr_rc_t add_objects(struct merge_of_answers *m, struct wire_list more)
{
    uint32_t room = m->object_count + more.count;
    struct wire_distributed_object *all = m->objects;

    if (room > m->object_room) {
        room += room / 2;
        if (!(all = arena_alloc(&m->arena, room * sizeof *all)))
            return MR_ERR_MEMORY;
        if (m->object_count > 0)
            memcpy(all, m->objects, m->object_count * sizeof *all);
        m->objects = all;
        m->object_room = room;
    }
    while (wire_next(&more, WIRE_distributed_objects, &all[m->object_count], NULL))
        m->object_count++;
    return MR_OK;
}

static mr_rc_t add(struct merge_of_answers *m, const union wire_message *a)
{
    switch (m->way) {
    case MERGE_CLEAR:
    case MERGE_SUM: m->sum += a->map_size_rsp.response; return MR_OK;
    case MERGE_ANY: m->any |= a->map_is_empty_rsp.response; return MR_OK;
    case MERGE_ALL: m->all &= a->map_is_empty_rsp.response; return MR_OK;
    case MERGE_LIST:
    case MERGE_LIST_OF_KEYS:
    case MERGE_RUN:
    case MERGE_RUN_BY_KEYS: return add_items(m, &a->map_key_set_rsp.response);
    case MERGE_AGGREGATE: return add_partial(m, &a->map_aggregate_rsp.response);
    case MERGE_PAGE:
        return add_candidates(
            m, a->map_key_set_with_paging_predicate_rsp.anchor_data_list.anchor_data_list);
    case MERGE_UNION: return add_objects(m, a->client_get_distributed_objects_rsp.response);
    case MERGE_UUIDS: return add_uuids(m, a->client_send_schema_rsp.replicated_members);
    default: return MR_OK;
    }
}

/* Is what is added from an answer only borrowed from it? */
static bool borrows(enum merge way)
{
    return way == MERGE_PAGE || way == MERGE_UNION;
}

mr_rc_t merge_take(struct merge_of_answers *m, const uint8_t *bytes, size_t size)
{
    enum wire_id id = m->way == MERGE_CLEAR ? WIRE_map_size_rsp : m->id + 1;
    union wire_message a;
    struct wire_head head;
    const char *field;

    m->bytes += size;
    if (m->bytes > m->bytes_max)
        return MR_ERR_TOO_LARGE;
    if (borrows(m->way) && !(bytes = copied(m, bytes, size)))
        return MR_ERR_MEMORY;
    if (wire_read_head(bytes, size, &head) != MR_OK || wire_find(head.type) != (int)id ||
        wire_decode(id, bytes, size, &a, &field) != MR_OK)
        return MR_ERR_MALFORMED;
    return add(m, &a);
}

uint64_t merge_cleared(const struct merge_of_answers *m, struct wire_bytes *ret_name)
{
    *ret_name = m->request.map_clear_req.name;
    return m->sum > 0 ? (uint64_t)m->sum : 0;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void encode(const struct merge_of_answers *m, int64_t correlation, const void *response,
                   struct sink *out)
{
    wire_encode(m->id + 1, &(struct wire_head){.correlation = correlation}, response, out);
}

static mr_rc_t answer_aggregate(struct merge_of_answers *m, int64_t correlation, struct sink *out)
{
    struct sink bytes = {.grows = true};
    struct data d = {.kind = DATA_NULL};
    mr_rc_t rc = aggregator_result(m->aggregator, &bytes, NULL);

    if (rc == MR_OK)
        rc = sink_state(&bytes);
    if (rc == MR_OK)
        rc = data_read(bytes.at, (uint32_t)bytes.size, &d);
    if (rc == MR_OK)
        encode(m, correlation, &d, out);
    sink_free(&bytes);
    return rc;
}

static void put_row(const struct merge_of_answers *m, const struct paging_row *row,
                    struct sink *rows)
{
    if (m->query.iteration != PAGING_VALUES)
        wire_put(rows, WIRE_data, &row->key);
    if (m->query.iteration != PAGING_KEYS)
        wire_put(rows, WIRE_data, &row->value);
}

static mr_rc_t put_page(const struct merge_of_answers *m, const struct paging_result *page,
                        int64_t correlation, struct sink *out)
{
    struct sink rows = {.grows = true}, pages = {.grows = true}, entries = {.grows = true};

    for (uint32_t i = 0; i < page->count; i++)
        put_row(m, &page->rows[i], &rows);
    for (uint32_t i = 0; i < page->anchor_count; i++) {
        wire_put_i32(&pages, page->anchors[i].page);
        wire_put(&entries, WIRE_data, &page->anchors[i].key);
        wire_put(&entries, WIRE_data, &page->anchors[i].value);
    }
    bool fits =
        sink_state(&rows) == MR_OK && sink_state(&pages) == MR_OK && sink_state(&entries) == MR_OK;

    if (fits)
        encode(
            m, correlation,
            &(struct map_key_set_with_paging_predicate_rsp){
                .response = wire_list_of(&rows, page->count),
                .anchor_data_list = {.anchor_page_list = {pages.at ? pages.at : (const uint8_t *)"",
                                                          (uint32_t)pages.size},
                                     .anchor_data_list =
                                         wire_list_of(&entries, page->anchor_count)}},
            out);
    sink_free(&rows);
    sink_free(&pages);
    sink_free(&entries);
    return fits ? MR_OK : MR_ERR_MEMORY;
}

static mr_rc_t answer_page(struct merge_of_answers *m, int64_t correlation, struct sink *out)
{
    struct paging_result page;
    mr_rc_t rc = paging_finish(m->paging, &page, NULL);

    if (rc != MR_OK)
        return rc;
    rc = put_page(m, &page, correlation, out);
    paging_result_free(&page);
    return rc;
}

static int compare_bytes(struct wire_bytes a, struct wire_bytes b)
{
    uint32_t least = a.size < b.size ? a.size : b.size;
    int order = least ? memcmp(a.at, b.at, least) : 0;

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_objects(const void *left, const void *right)
{
    const struct wire_distributed_object *a = left, *b = right;
    int order = compare_bytes(a->service_name, b->service_name);

    return order ? order : compare_bytes(a->name, b->name);
}

static mr_rc_t answer_union(struct merge_of_answers *m, int64_t correlation, struct sink *out)
{
    if (m->object_count > 0)
        qsort(m->objects, m->object_count, sizeof m->objects[0], compare_objects);
    for (uint32_t i = 0; i < m->object_count; i++) {
        if (i > 0 && compare_objects(&m->objects[i - 1], &m->objects[i]) == 0)
            continue;
        wire_put(&m->items, WIRE_distributed_object, &m->objects[i]);
        m->item_count++;
    }
    if (sink_state(&m->items) != MR_OK)
        return MR_ERR_MEMORY;
    const struct wire_list list = wire_list_of(&m->items, m->item_count);

    encode(m, correlation, &list, out);
    return MR_OK;
}

static mr_rc_t answer_plain(const struct merge_of_answers *m, int64_t correlation, struct sink *out)
{
    const int32_t sum = m->sum < INT32_MAX ? (int32_t)m->sum : INT32_MAX;
    const struct wire_list list = wire_list_of(&m->items, m->item_count);
    const struct wire_bytes uuids = {list.at, list.size};
    const void *response[MERGE_WAYS] = {
        [MERGE_SUM] = &sum,          [MERGE_ANY] = &m->any,        [MERGE_ALL] = &m->all,
        [MERGE_LIST] = &list,        [MERGE_LIST_OF_KEYS] = &list, [MERGE_RUN] = &list,
        [MERGE_RUN_BY_KEYS] = &list, [MERGE_UUIDS] = &uuids};

    encode(m, correlation, response[m->way], out);
    return MR_OK;
}

mr_rc_t merge_answer(struct merge_of_answers *m, int64_t correlation, struct sink *out)
{
    mr_rc_t rc = m->way == MERGE_AGGREGATE ? answer_aggregate(m, correlation, out)
                 : m->way == MERGE_PAGE    ? answer_page(m, correlation, out)
                 : m->way == MERGE_UNION   ? answer_union(m, correlation, out)
                                           : answer_plain(m, correlation, out);

    return rc == MR_OK ? sink_state(out) : rc;
}
