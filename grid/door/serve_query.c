/* serve_query.c - the messages that ask a map by conditions, and those that change what meets
 * them: lists, pages, aggregates, projections, processors, indexes. */
#include "grid/door/explain.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "grid/op/run.h"
#include "grid/query/aggregate.h"
#include "grid/query/paging.h"
#include "grid/query/predicate.h"
#include "grid/query/processor.h"
#include "grid/query/project.h"
#include "grid/query/scan.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/wire/schema.h"

/* The map and the condition of a request; *ret_p is the caller's to free. MR_PENDING: the map is
 * too large to be asked on a loop. */
static mr_rc_t open_query(struct call *c, struct wire_bytes name, const struct data *predicate,
                          struct map **ret_map, struct predicate **ret_p)
{
    mr_rc_t rc = call_map(c, name, ret_map);

    if (rc == MR_OK)
        rc = call_go_away(c, *ret_map);
    return rc == MR_OK ? predicate_of_data(predicate, ret_p, c->err) : rc;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static bool list_key(void *context, const struct data *key, const struct data *value)
{
    (void)value;
    listing_add(context, key);
    return listing_has_room(context);
}

static bool list_value(void *context, const struct data *key, const struct data *value)
{
    (void)key;
    listing_add(context, value);
    return listing_has_room(context);
}

static bool list_entry(void *context, const struct data *key, const struct data *value)
{
    listing_add_pair(context, key, value);
    return listing_has_room(context);
}

static mr_rc_t list(struct call *c, struct wire_bytes name, const struct data *predicate,
                    scan_visit visit)
{
    struct listing l = listing_new(c);
    struct predicate *p;
    struct map *m;
    mr_rc_t rc = open_query(c, name, predicate, &m, &p);

    if (rc != MR_OK)
        return rc;
    rc = scan_map(m, c->share, p, visit, &l, NULL);
    predicate_free(p);
    return rc == MR_OK ? listing_reply(c, &l) : rc;
}

mr_rc_t serve_map_key_set_with_predicate(struct call *c,
                                         const struct map_key_set_with_predicate_req *q)
{
    return list(c, q->name, &q->predicate, list_key);
}

mr_rc_t serve_map_values_with_predicate(struct call *c,
                                        const struct map_values_with_predicate_req *q)
{
    return list(c, q->name, &q->predicate, list_value);
}

mr_rc_t serve_map_entries_with_predicate(struct call *c,
                                         const struct map_entries_with_predicate_req *q)
{
    return list(c, q->name, &q->predicate, list_entry);
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* The anchors of a request: numbers of pages in one list, entries in another. NULL: no memory. */
static struct paging_anchor *anchors_of(const struct wire_anchors *a, uint32_t *ret_count)
{
    uint32_t n = a->anchor_page_list.size / 4;
    struct wire_list pairs = a->anchor_data_list;
    struct paging_anchor *anchors = mem_alloc((n + 1) * sizeof *anchors);
    uint32_t i = 0;

    for (; anchors && i < n; i++) {
        anchors[i].page = wire_i32_at(a->anchor_page_list, 4, 0, i);
        if (!wire_next(&pairs, WIRE_data_pairs, &anchors[i].key, &anchors[i].value))
            break;
    }
    *ret_count = i;
    return anchors;
}

/* The response of all three has a list, and then the anchors. */
static mr_rc_t reply_page(struct call *c, const struct paging_result *page, uint32_t iteration)
{
    struct listing l = listing_new(c);
    struct sink pages = {.grows = true}, entries = {.grows = true};
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < page->count; i++) {
        const struct paging_row *row = &page->rows[i];

        if (iteration == PAGING_ENTRIES)
            listing_add_pair(&l, &row->key, &row->value);
        else
            listing_add(&l, iteration == PAGING_KEYS ? &row->key : &row->value);
    }
    for (uint32_t i = 0; i < page->anchor_count; i++) {
        wire_put_i32(&pages, page->anchors[i].page);
        wire_put(&entries, WIRE_data, &page->anchors[i].key);
        wire_put(&entries, WIRE_data, &page->anchors[i].value);
    }
    if (sink_state(&pages) != MR_OK || sink_state(&entries) != MR_OK)
        rc = MR_ERR_MEMORY;
    else if (listing_has_room(&l) && sink_state(l.items) == MR_OK)
        reply(c, &(struct map_key_set_with_paging_predicate_rsp){
                     .response = wire_list_of(l.items, l.count),
                     .anchor_data_list = {
                         .anchor_page_list = {pages.at ? pages.at : (const uint8_t *)"",
                                              (uint32_t)pages.size},
                         .anchor_data_list = wire_list_of(&entries, page->anchor_count)}});
    else
        rc = listing_reply(c, &l); /* says what is too much */
    sink_free(&pages);
    sink_free(&entries);
    return rc;
}

/* Of a share: all that may be in the page, for whoever puts it together (grid/peers/merge.h). */
static mr_rc_t reply_candidates(struct call *c, const struct paging_result *page)
{
    static const struct sink none;
    struct sink entries = {.grows = true};

    for (uint32_t i = 0; i < page->candidate_count; i++) {
        wire_put(&entries, WIRE_data, &page->candidates[i].key);
        wire_put(&entries, WIRE_data, &page->candidates[i].value);
    }
    mr_rc_t rc = sink_state(&entries);

    if (rc == MR_OK) /* which says so when it is too large */
        reply(c, &(struct map_key_set_with_paging_predicate_rsp){
                     .response = wire_list_of(&none, 0),
                     .anchor_data_list = {.anchor_page_list = {(const uint8_t *)"", 0},
                                          .anchor_data_list =
                                              wire_list_of(&entries, page->candidate_count)}});
    sink_free(&entries);
    return rc;
}

static mr_rc_t page(struct call *c, struct wire_bytes name, const struct wire_paging *q,
                    enum paging_iteration iteration)
{
    struct paging_query query = {.page = q->page,
                                 .page_size = q->page_size,
                                 .iteration = iteration,
                                 .comparator = q->comparator_data};
    struct paging_anchor *anchors = anchors_of(&q->anchor_data_list_holder, &query.anchor_count);
    struct paging_result result;
    struct predicate *p = NULL;
    struct map *m;
    mr_rc_t rc = anchors ? open_query(c, name, &q->predicate_data, &m, &p) : MR_ERR_MEMORY;

    if (rc == MR_OK) {
        query.share = c->share;
        query.predicate = p;
        query.anchors = anchors;
        rc = paging_run(m, &query, &result, c->err);
    }
    if (rc == MR_OK) {
        rc = c->share ? reply_candidates(c, &result) : reply_page(c, &result, iteration);
        paging_result_free(&result);
    }
    predicate_free(p);
    mem_free(anchors);
    return rc;
}

mr_rc_t serve_map_key_set_with_paging_predicate(
    struct call *c, const struct map_key_set_with_paging_predicate_req *q)
{
    return page(c, q->name, &q->predicate, PAGING_KEYS);
}

mr_rc_t serve_map_values_with_paging_predicate(struct call *c,
                                               const struct map_values_with_paging_predicate_req *q)
{
    return page(c, q->name, &q->predicate, PAGING_VALUES);
}

mr_rc_t serve_map_entries_with_paging_predicate(
    struct call *c, const struct map_entries_with_paging_predicate_req *q)
{
    return page(c, q->name, &q->predicate, PAGING_ENTRIES);
}

/* ---- aggregates ----------------------------------------------------------------------------- */

/* Answers with what a sink holds of one Data; nothing is null. */
static mr_rc_t reply_sink(struct call *c, const struct sink *out)
{
    struct data d = {0};
    mr_rc_t rc = sink_state(out);

    if (rc == MR_OK)
        rc = data_read(out->at, (uint32_t)out->size, &d);
    if (rc == MR_OK)
        reply(c, &d);
    return rc;
}

/* Of a share: what it has come to (grid/peers/merge.h). */
static mr_rc_t reply_partial(struct call *c, struct aggregator *a)
{
    struct sink out = {.grows = true};
    mr_rc_t rc = aggregator_partial(a, &out, c->err);

    if (rc == MR_OK)
        reply(c, &(struct data){out.at, (uint32_t)out.size, DATA_BYTES});
    sink_free(&out);
    return rc;
}

struct adding {
    struct aggregator *aggregator;
    mr_rc_t rc;
};

static bool add_entry(void *context, const struct data *key, const struct data *value)
{
    struct adding *a = context;

    a->rc = aggregator_add(a->aggregator, key, value);
    return a->rc == MR_OK;
}

static mr_rc_t aggregate(struct call *c, struct wire_bytes name, const struct data *aggregator,
                         const struct data *predicate)
{
    struct adding a = {NULL, MR_OK};
    struct sink out = {.grows = true};
    struct predicate *p = NULL;
    struct map *m;
    mr_rc_t rc = open_query(c, name, predicate, &m, &p);

    if (rc == MR_OK && (rc = aggregator_of_data(aggregator, &a.aggregator, c->err)) == MR_OK) {
        rc = scan_map(m, c->share, p, add_entry, &a, NULL);
        if (rc == MR_OK && c->share && a.rc == MR_OK)
            rc = reply_partial(c, a.aggregator);
        else if (rc == MR_OK)
            rc = aggregator_result(a.aggregator, &out, c->err);
        if (rc == MR_ERR_TYPE) { /* of the values, where it can also be one of the aggregator */
            c->code = CODE_CLASS_CAST;
            c->class_name = "java.lang.ClassCastException";
        }
    }
    if (rc == MR_OK && out.size > 0)
        rc = reply_sink(c, &out);
    sink_free(&out);
    aggregator_free(a.aggregator);
    predicate_free(p);
    return rc;
}

static const struct data everything = {0};

mr_rc_t serve_map_aggregate(struct call *c, const struct map_aggregate_req *q)
{
    return aggregate(c, q->name, &q->aggregator, &everything);
}

mr_rc_t serve_map_aggregate_with_predicate(struct call *c,
                                           const struct map_aggregate_with_predicate_req *q)
{
    return aggregate(c, q->name, &q->aggregator, &q->predicate);
}

/* ---- projections ---------------------------------------------------------------------------- */

struct projecting {
    struct listing list;
    struct projection *projection;
    struct sink one;
    mr_rc_t rc;
};

static bool project_entry(void *context, const struct data *key, const struct data *value)
{
    struct projecting *p = context;

    p->one.size = 0;
    p->rc = projection_apply(p->projection, key, value, &p->one);
    if (p->rc != MR_OK)
        return false;
    struct wire_bytes bytes = {p->one.size ? p->one.at : NULL, (uint32_t)p->one.size};

    wire_put(p->list.items, WIRE_bytes, &bytes);
    p->list.count++;
    return listing_has_room(&p->list);
}

static mr_rc_t project(struct call *c, struct wire_bytes name, const struct data *projection,
                       const struct data *predicate)
{
    struct projecting p = {.list = listing_new(c), .one.grows = true};
    struct predicate *condition = NULL;
    struct map *m;
    mr_rc_t rc = open_query(c, name, predicate, &m, &condition);

    if (rc == MR_OK && (rc = projection_of_data(projection, &p.projection, c->err)) == MR_OK) {
        rc = scan_map(m, c->share, condition, project_entry, &p, NULL);
        rc = p.rc == MR_OK ? rc : p.rc;
    }
    if (rc == MR_OK)
        rc = listing_reply(c, &p.list);
    sink_free(&p.one);
    projection_free(p.projection);
    predicate_free(condition);
    return rc;
}

mr_rc_t serve_map_project(struct call *c, const struct map_project_req *q)
{
    return project(c, q->name, &q->projection, &everything);
}

mr_rc_t serve_map_project_with_predicate(struct call *c,
                                         const struct map_project_with_predicate_req *q)
{
    return project(c, q->name, &q->projection, &q->predicate);
}

/* ---- changing what meets a condition -------------------------------------------------------- */

/* Keys that a scan has found, to be changed one by one afterwards: the section that the call is in
 * keeps them, also when a change removes their entry. */
struct found {
    struct data *keys;
    uint32_t count, room;
    bool out_of_memory;
};

static bool note_key(void *context, const struct data *key, const struct data *value)
{
    struct found *f = context;

    (void)value;
    if (f->count == f->room) {
        uint32_t room = f->room ? f->room * 2 : 256;
        struct data *keys = mem_realloc(f->keys, room * sizeof *keys);

        if (!keys) {
            f->out_of_memory = true;
            return false;
        }
        f->keys = keys;
        f->room = room;
    }
    f->keys[f->count++] = *key;
    return true;
}

struct removing {
    const struct predicate *predicate;
    struct data key;
};

/* It may have changed since it was found. */
static enum update_verdict remove_if(void *context, const struct data *current,
                                     struct data *ret_next)
{
    struct removing *r = context;
    struct evaluator ev;

    (void)ret_next;
    if (!current)
        return UPDATE_KEEP;
    evaluator_init(&ev, schema_registry_shared());
    bool goes = predicate_matches(r->predicate, &ev, &r->key, current);

    evaluator_clear(&ev);
    return goes ? UPDATE_REMOVE : UPDATE_KEEP;
}

/* A key that another client has locked is left, as a clear leaves it. */
static mr_rc_t remove_found(struct call *c, struct map *m, const struct predicate *p,
                            const struct found *f)
{
    mr_rc_t rc = MR_OK;

    epoch_enter(); /* so that making room for one does not let go of the keys of the others */
    for (uint32_t i = 0; i < f->count && rc < MR_ERR_MEMORY; i++) {
        struct removing r = {p, f->keys[i]};
        struct map_answer a;
        const struct map_request q = {.verb = MAP_UPDATE,
                                      .key = f->keys[i],
                                      .ttl_ms = TIME_DEFAULT,
                                      .idle_ms = TIME_DEFAULT,
                                      .update = remove_if,
                                      .update_context = &r,
                                      .owner = call_owner(c, 0)};

        rc = run_request(m, &q, &a);
        rc = rc == MR_ERR_BUSY ? MR_OK : rc;
    }
    epoch_exit();
    return rc < MR_ERR_MEMORY ? MR_OK : rc;
}

mr_rc_t serve_map_remove_all(struct call *c, const struct map_remove_all_req *q)
{
    struct found f = {0};
    struct predicate *p = NULL;
    struct map *m;
    mr_rc_t rc = open_query(c, q->name, &q->predicate, &m, &p);

    if (rc == MR_OK) {
        rc = scan_map(m, c->share, p, note_key, &f, NULL);
        rc = f.out_of_memory ? MR_ERR_MEMORY : rc == MR_OK ? remove_found(c, m, p, &f) : rc;
    }
    if (rc == MR_OK)
        reply(c, NULL);
    mem_free(f.keys);
    predicate_free(p);
    return rc;
}

/* ---- processors ----------------------------------------------------------------------------- */

static mr_rc_t execute_on_key(struct call *c, struct wire_bytes name, const struct data *processor,
                              const struct data *key, int64_t thread)
{
    struct owner owner = call_owner(c, thread);
    struct sink out = {.grows = true};
    struct processor *p = NULL;
    struct map *m;
    mr_rc_t rc = call_map(c, name, &m);

    if (rc == MR_OK && (rc = processor_of_data(processor, &p, c->err)) == MR_OK)
        rc = processor_run_as(p, m, key, NULL, &owner, call_wait(c, CALL_LOCKED_MS), &out, c->err);
    if (rc == MR_OK || rc == MR_NOT_FOUND)
        rc = reply_sink(c, &out);
    processor_free(p);
    sink_free(&out);
    return rc;
}

mr_rc_t serve_map_execute_on_key(struct call *c, const struct map_execute_on_key_req *q)
{
    return execute_on_key(c, q->name, &q->entry_processor, &q->key, q->thread_id);
}

mr_rc_t serve_map_submit_to_key(struct call *c, const struct map_submit_to_key_req *q)
{
    return execute_on_key(c, q->name, &q->entry_processor, &q->key, q->thread_id);
}

/* Runs it on each key, and answers with what it gave where it gave something. */
static mr_rc_t execute(struct call *c, struct map *m, const struct processor *p,
                       const struct data *keys, uint32_t n, const struct predicate *only_if)
{
    struct listing l = listing_new(c);
    struct sink one = {.grows = true};
    bool some = false;
    mr_rc_t rc = MR_OK;

    epoch_enter(); /* as in remove_found */
    for (uint32_t i = 0; i < n && rc < MR_ERR_MEMORY; i++) {
        struct data given;

        if (!call_has(c, m, &keys[i]))
            continue;
        one.size = 0;
        rc = processor_run(p, m, &keys[i], only_if, &one, c->err);
        if (rc == MR_OK && one.size > 0 &&
            (rc = data_read(one.at, (uint32_t)one.size, &given)) == MR_OK)
            listing_add_pair(&l, &keys[i], &given);
        some |= rc < MR_ERR_MEMORY;
    }
    epoch_exit();
    sink_free(&one);
    if (rc == MR_ERR_MOVED && some) /* a second time would do some twice */
        return MR_ERR_OUTCOME_UNKNOWN;
    return rc < MR_ERR_MEMORY ? listing_reply(c, &l) : rc;
}

static mr_rc_t execute_where(struct call *c, struct wire_bytes name, const struct data *processor,
                             const struct data *predicate)
{
    struct found f = {0};
    struct predicate *only_if = NULL;
    struct processor *p = NULL;
    struct map *m;
    mr_rc_t rc = open_query(c, name, predicate, &m, &only_if);

    if (rc == MR_OK && (rc = processor_of_data(processor, &p, c->err)) == MR_OK) {
        rc = scan_map(m, c->share, only_if, note_key, &f, NULL);
        if (rc == MR_OK)
            rc = f.out_of_memory ? MR_ERR_MEMORY : execute(c, m, p, f.keys, f.count, only_if);
    }
    mem_free(f.keys);
    processor_free(p);
    predicate_free(only_if);
    return rc;
}

mr_rc_t serve_map_execute_on_all_keys(struct call *c, const struct map_execute_on_all_keys_req *q)
{
    return execute_where(c, q->name, &q->entry_processor, &everything);
}

mr_rc_t serve_map_execute_with_predicate(struct call *c,
                                         const struct map_execute_with_predicate_req *q)
{
    return execute_where(c, q->name, &q->entry_processor, &q->predicate);
}

/* Looked at before any is changed, since a call that goes on elsewhere begins there anew. */
static bool are_here(const struct call *c, const struct map *m, const struct data *keys, uint32_t n)
{
    const struct partitions *ps = m->partitions;

    for (uint32_t i = 0; ps->serves && i < n; i++)
        if (call_has(c, m, &keys[i]) &&
            partitions_reign(ps, data_partition(&keys[i], ps->count)) == 0)
            return false;
    return true;
}

mr_rc_t serve_map_execute_on_keys(struct call *c, const struct map_execute_on_keys_req *q)
{
    const struct data *keys = call_values(c, q->keys);
    struct processor *p = NULL;
    struct map *m;
    mr_rc_t rc = keys ? call_map(c, q->name, &m) : MR_ERR_MEMORY;

    if (rc == MR_OK && !are_here(c, m, keys, q->keys.count))
        rc = MR_ERR_MOVED;
    if (rc == MR_OK && q->keys.count > CALL_ENTRIES_MAX)
        rc = call_leave(c, m);
    if (rc == MR_OK && (rc = processor_of_data(&q->entry_processor, &p, c->err)) == MR_OK)
        rc = execute(c, m, p, keys, q->keys.count, NULL);
    processor_free(p);
    return rc;
}

/* ---- indexes -------------------------------------------------------------------------------- */

mr_rc_t serve_map_add_index(struct call *c, const struct map_add_index_req *q)
{
    struct index_text attributes[INDEX_ATTRIBUTES_MAX];
    struct wire_list list = q->index_config.attributes;
    struct wire_bytes text;
    const struct wire_bytes *name = &q->index_config.name;
    struct map *m;
    uint32_t n = 0;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc == MR_OK)
        rc = call_leave(c, m);
    if (rc != MR_OK)
        return rc;
    if (list.count > INDEX_ATTRIBUTES_MAX)
        return fail(c->err, MR_ERR_ARGUMENT, NULL, "an index over %u attributes, where %d may be",
                    list.count, INDEX_ATTRIBUTES_MAX);
    while (wire_next(&list, WIRE_strs, &text, NULL))
        attributes[n++] = (struct index_text){(const char *)text.at, text.size};
    epoch_exit(); /* it waits for readers; nothing here borrows from the store */
    rc = map_index_add(m,
                       &(struct index_config){.type = q->index_config.type,
                                              .name = {(const char *)name->at, name->size},
                                              .attributes = attributes,
                                              .count = n},
                       c->err);
    epoch_enter();
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

/* ---- going through a partition -------------------------------------------------------------- */

/* Whose tables a place is of: it means nothing in those of another process, whose order is another.
 * So much of a hash does not tell the seed. */
static int32_t tables(void)
{
    return (int32_t)(hash_64("place", 5) >> 33);
}

/* Where an iteration is, in two pairs of numbers that clients send back as they came; a negative
 * one tells them that it is over. They begin with one pair of their own. */
static mr_rc_t place_of(struct wire_bytes pointers, uint64_t *ret_at, mr_err_t *err)
{
    *ret_at = 0;
    if (pointers.size < 16)
        return MR_OK;
    if (wire_i32_at(pointers, 8, 0, 0) != tables())
        return fail(err, MR_ERR_STALE, "iterate anew",
                    "another member has got the partition meanwhile, in another order");
    *ret_at = (uint64_t)(uint32_t)wire_i32_at(pointers, 8, 4, 0) << 32 |
              (uint32_t)wire_i32_at(pointers, 8, 4, 1);
    return MR_OK;
}

static void put_place(struct sink *out, uint64_t at)
{
    wire_put_i32(out, at ? tables() : -1);
    wire_put_i32(out, (int32_t)(at >> 32));
    wire_put_i32(out, at ? 0 : -1);
    wire_put_i32(out, (int32_t)at);
}

struct fetching {
    struct listing list;
    bool keys_only;
};

static void fetch_entry(void *context, const struct record *r)
{
    struct fetching *f = context;
    struct data key = record_key(r), value = record_value(r);

    if (f->keys_only)
        listing_add(&f->list, &key);
    else
        listing_add_pair(&f->list, &key, &value);
}

static mr_rc_t fetch(struct call *c, struct wire_bytes name, struct wire_bytes pointers,
                     int32_t batch, bool keys_only)
{
    struct fetching f = {listing_new(c), keys_only};
    struct sink next = {.grows = true};
    struct map *m;
    uint64_t at;
    mr_rc_t rc = call_map(c, name, &m);

    if (rc == MR_OK)
        rc = place_of(pointers, &at, c->err);
    if (rc == MR_OK && batch > CALL_ENTRIES_MAX)
        rc = call_leave(c, m);
    if (rc != MR_OK)
        return rc;
    if (c->head.partition < 0 || (uint32_t)c->head.partition >= m->partitions->count || batch < 1)
        return fail(c->err, MR_ERR_ARGUMENT, NULL, "partition %d, batches of %d", c->head.partition,
                    batch);
    uint32_t partition = (uint32_t)c->head.partition;
    uint64_t reign = partitions_reign(m->partitions, partition);

    put_place(&next, store_scan(&m->parts[partition].store, at, (uint32_t)batch, fetch_entry, &f));
    if (!partitions_may_read(m->partitions, partition, reign))
        rc = MR_ERR_MOVED;
    else if (sink_state(&next) != MR_OK)
        rc = MR_ERR_MEMORY;
    else if (listing_has_room(&f.list) && sink_state(f.list.items) == MR_OK)
        reply(c, &(struct map_fetch_keys_rsp){{next.at, (uint32_t)next.size},
                                              wire_list_of(f.list.items, f.list.count)});
    else
        rc = listing_reply(c, &f.list); /* says what is too much */
    sink_free(&next);
    return rc;
}

mr_rc_t serve_map_fetch_keys(struct call *c, const struct map_fetch_keys_req *q)
{
    return fetch(c, q->name, q->iteration_pointers, q->batch, true);
}

mr_rc_t serve_map_fetch_entries(struct call *c, const struct map_fetch_entries_req *q)
{
    return fetch(c, q->name, q->iteration_pointers, q->batch, false);
}

/* All of the partition at once: what matches is small beside what is looked at. */
mr_rc_t serve_map_fetch_with_query(struct call *c, const struct map_fetch_with_query_req *q)
{
    struct projecting p = {.list = listing_new(c), .one.grows = true};
    struct predicate *condition = NULL;
    struct sink next = {.grows = true};
    struct map *m;
    mr_rc_t rc = call_map(c, q->name, &m);

    if (rc == MR_OK && (rc = call_leave(c, m)) == MR_OK)
        rc = predicate_of_data(&q->predicate, &condition, c->err);
    if (rc == MR_OK &&
        (c->head.partition < 0 || (uint32_t)c->head.partition >= m->partitions->count))
        rc = fail(c->err, MR_ERR_ARGUMENT, NULL, "there is no partition %d", c->head.partition);
    if (rc == MR_OK && (rc = projection_of_data(&q->projection, &p.projection, c->err)) == MR_OK) {
        rc = scan_partition(m, (uint32_t)c->head.partition, condition, project_entry, &p, NULL);
        rc = p.rc == MR_OK ? rc : p.rc;
    }
    put_place(&next, 0);
    if (rc == MR_OK && (sink_state(&next) != MR_OK || sink_state(p.list.items) != MR_OK))
        rc = MR_ERR_MEMORY;
    if (rc == MR_OK)
        reply(c, &(struct map_fetch_with_query_rsp){wire_list_of(p.list.items, p.list.count),
                                                    {next.at, (uint32_t)next.size}});
    sink_free(&next);
    sink_free(&p.one);
    projection_free(p.projection);
    predicate_free(condition);
    return rc;
}
