/* remote_query.c - maps far away as a whole: pages of entries, queries, indexes. */
#include <string.h>

#include "client/remote_map.h"
#include "net/base/mem.h"
#include "net/wire/scalar.h"

/* ---- pages ---------------------------------------------------------------------------------- */

/* Partitions asked at once when they turn out to hold little. */
enum { PAGE_WINDOW = 16 };

/* A page being read. */
struct paging {
    struct channel_map *map;
    struct map_cursor *cursor;
    uint32_t want, count;
    void (*visit)(void *context, const struct data *key, const struct data *value);
    void *context;
};

static mr_rc_t ask_partition(const struct paging *p, struct remote_call *call, uint32_t partition,
                             mr_err_t *err)
{
    struct sink first = {.at = (uint8_t[8]){0}, .room = 8};
    const struct map_cursor *at = p->cursor;
    bool begun = partition == at->partition && at->place_size > 0;

    wire_put_i32(&first, INT32_MAX);
    wire_put_i32(&first, -1);
    const struct map_fetch_entries_req q = {
        .batch = (int32_t)p->want,
        .name = name_of(p->map),
        .iteration_pointers = begun ? (struct wire_bytes){at->place, at->place_size}
                                    : (struct wire_bytes){first.at, 8}};
    mr_rc_t rc = remote_call_init(call, WIRE_map_fetch_entries_req, (int32_t)partition, &q, true);

    return rc == MR_OK ? rc
                       : fail(err, rc, NULL, "map \"%s\": no room for a request", p->map->name);
}

/* Moves the cursor to where the answer says that it goes on. */
static mr_rc_t move_on(struct paging *p, struct wire_bytes place, mr_err_t *err)
{
    struct map_cursor *at = p->cursor;

    if (place.size < 8 || wire_i32_at(place, 8, 0, 0) < 0) {
        at->partition++;
        at->place_size = 0;
        return MR_OK;
    }
    if (place.size > sizeof at->place)
        return fail(err, MR_ERR_TOO_LARGE, "iterate when the map does not grow so fast",
                    "map \"%s\": a member's cursor has %u bytes", p->map->name, place.size);
    memcpy(at->place, place.at, place.size);
    at->place_size = place.size;
    return MR_OK;
}

static mr_rc_t take_partition(struct paging *p, struct remote_call *call, mr_err_t *err)
{
    struct map_fetch_entries_rsp a;
    struct data key, value;
    mr_rc_t rc;

    if (call->rc == MR_ERR_STALE) /* its place was that of another member */
        return fail(err, MR_ERR_MOVED, "iterate anew",
                    "map \"%s\": another member has got a partition meanwhile", p->map->name);
    if (call->rc != MR_OK)
        return remote_explain(p->map->remote, call, err);
    if ((rc = remote_answer(call, &a)) != MR_OK)
        return fail(err, rc, NULL, "map \"%s\": a page of a member is malformed", p->map->name);
    while (rc == MR_OK && wire_next(&a.entries, WIRE_data_pairs, &key, &value)) {
        if ((rc = remote_learn(p->map->remote, &key, err)) == MR_OK)
            rc = remote_learn(p->map->remote, &value, err);
        if (rc == MR_OK)
            p->visit(p->context, &key, &value);
        p->count++;
    }
    return rc == MR_OK ? move_on(p, a.iteration_pointers, err) : rc;
}

/* Asks n partitions at once, and takes what they answer as far as it is whole. */
static mr_rc_t page_some(struct paging *p, struct remote_call *calls, uint32_t n, mr_err_t *err)
{
    uint32_t first = p->cursor->partition, made = 0;
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && made < n) {
        rc = ask_partition(p, &calls[made], first + made, err);
        made++;
    }
    if (rc == MR_OK)
        remote_run(p->map->remote, calls, n);
    for (uint32_t i = 0; rc == MR_OK && i < n && p->cursor->partition == first + i; i++)
        rc = take_partition(p, &calls[i], err);
    while (made > 0)
        remote_call_clear(&calls[--made]);
    return rc;
}

mr_rc_t remote_map_page(struct channel *c, struct channel_map *map, struct map_cursor *cursor,
                        uint32_t want,
                        void (*visit)(void *context, const struct data *key,
                                      const struct data *value),
                        void *context, bool *ret_end, mr_err_t *err)
{
    struct paging p = {map, cursor, want, 0, visit, context};
    uint32_t partitions = map->remote->partitions, n = 1;
    struct remote_call *calls = mem_alloc(PAGE_WINDOW * sizeof *calls);
    mr_rc_t rc =
        calls ? MR_OK
              : fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a page", map->name);

    (void)c;
    while (rc == MR_OK && p.count < want && cursor->partition < partitions) {
        uint32_t left = partitions - cursor->partition, before = p.count;

        rc = page_some(&p, calls, n < left ? n : left, err);
        n = p.count - before < want / PAGE_WINDOW ? PAGE_WINDOW : 1;
    }
    mem_free(calls);
    *ret_end = cursor->partition >= partitions;
    return rc;
}

/* ---- queries -------------------------------------------------------------------------------- */

/* Classes that every client names by number. */
enum { PREDICATES = -20, PREDICATE_SQL = 0, AGGREGATORS = -29, AGGREGATOR_COUNT = 4 };

static void put_object(struct sink *out, int32_t factory, int32_t class_number)
{
    sink_put8(out, 1); /* it is such an object */
    sink_put32(out, (uint32_t)factory);
    sink_put32(out, (uint32_t)class_number);
}

static void put_predicate(struct sink *out, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);

    put_object(out, PREDICATES, PREDICATE_SQL);
    sink_put32(out, size);
    sink_put(out, text, size);
}

/* Of all entries, whatever their attributes. */
static void put_count(struct sink *out)
{
    put_object(out, AGGREGATORS, AGGREGATOR_COUNT);
    sink_put32(out, UINT32_MAX); /* no attribute */
    sink_put64(out, 0);
}

static struct data object_of(const struct sink *s)
{
    return (struct data){s->at, (uint32_t)s->size, DATA_IDENTIFIED};
}

static mr_rc_t count(struct channel_map *map, const struct data *predicate, uint64_t *ret_count,
                     mr_err_t *err)
{
    uint8_t room[32];
    struct sink aggregator = {.at = room, .room = sizeof room};
    struct map_aggregate_with_predicate_rsp a;
    struct remote_call call;
    struct scalar n;

    put_count(&aggregator);
    mr_rc_t rc = remote_ask(map->remote, &call, WIRE_map_aggregate_with_predicate_req, -1,
                            &(struct map_aggregate_with_predicate_req){
                                name_of(map), object_of(&aggregator), *predicate},
                            true, &a, err);

    if (rc == MR_OK && (scalar_read_as(&a.response, DATA_LONG, &n) != MR_OK || n.integer < 0))
        rc = fail(err, MR_ERR_MALFORMED, NULL, "map \"%s\": the count of a member is malformed",
                  map->name);
    if (rc == MR_OK)
        *ret_count = (uint64_t)n.integer;
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t entries(struct channel_map *map, const struct data *predicate,
                       void (*visit)(void *context, const struct data *key,
                                     const struct data *value),
                       void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct map_entries_with_predicate_rsp a;
    struct remote_call call;
    struct data key, value;
    mr_rc_t rc = remote_ask(map->remote, &call, WIRE_map_entries_with_predicate_req, -1,
                            &(struct map_entries_with_predicate_req){name_of(map), *predicate},
                            true, &a, err);

    *ret_count = 0;
    while (rc == MR_OK && wire_next(&a.response, WIRE_data_pairs, &key, &value)) {
        if ((rc = remote_learn(map->remote, &key, err)) == MR_OK)
            rc = remote_learn(map->remote, &value, err);
        if (rc == MR_OK)
            visit(context, &key, &value);
        ++*ret_count;
    }
    remote_call_clear(&call);
    return rc;
}

/* A member reads the text as part of a serialised predicate, of which all else is ours. */
static mr_rc_t as_argument(mr_rc_t rc, mr_err_t *err)
{
    if (rc != MR_ERR_MALFORMED)
        return rc;
    if (err)
        err->code = MR_ERR_ARGUMENT;
    return MR_ERR_ARGUMENT;
}

mr_rc_t remote_map_query(struct channel *c, struct channel_map *map, const char *text,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct sink predicate = {.grows = true};
    mr_rc_t rc;

    (void)c;
    put_predicate(&predicate, text);
    struct data d = object_of(&predicate);

    if ((rc = sink_state(&predicate)) != MR_OK)
        (void)!fail(err, rc, NULL, "map \"%s\": no room for the condition", map->name);
    else if (visit)
        rc = as_argument(entries(map, &d, visit, context, ret_count, err), err);
    else
        rc = as_argument(count(map, &d, ret_count, err), err);
    sink_free(&predicate);
    return rc;
}

/* What an index on a disk would have, as other clients send it of any: pages of 16 KB, and 256 MB
 * of them in memory. A member of Hazelcast does not take null for it. */
static const struct wire_btree_options pages = {
    .page_size = {.value = 16, .unit = 1},
    .memory_tier_config.capacity = {.value = 256, .unit = 2}};

mr_rc_t remote_map_index(struct channel *c, struct channel_map *map, int kind,
                         const char *const *attributes, uint32_t n, mr_err_t *err)
{
    struct sink items = {.grows = true};
    struct remote_call call;

    for (uint32_t i = 0; i < n; i++) {
        struct wire_bytes attribute = wire_text(attributes[i]);

        wire_put(&items, WIRE_str, &attribute);
    }
    const struct map_add_index_req q = {.name = name_of(map),
                                        .index_config = {.type = kind,
                                                         .attributes = wire_list_of(&items, n),
                                                         .bitmap_index_options.null = true,
                                                         .b_tree_index_config = pages}};
    mr_rc_t rc = sink_state(&items);

    if (rc != MR_OK) {
        sink_free(&items);
        return fail(err, rc, NULL, "map \"%s\": no room for an index's attributes", map->name);
    }
    /* Twice is once: an index that is there is kept. */
    rc = remote_ask(remote_of(c), &call, WIRE_map_add_index_req, -1, &q, true, NULL, err);
    remote_call_clear(&call);
    sink_free(&items);
    return rc;
}
