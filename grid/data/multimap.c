#include "grid/data/multimap.h"

#include <string.h>

#include "grid/op/run.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

/* ---- packs ---------------------------------------------------------------------------------- */

enum { PACK_HEADER = 4, VALUE_HEADER = 5 };

static uint32_t read_32(const uint8_t *at)
{
    uint32_t n;

    memcpy(&n, at, sizeof n);
    return n;
}

static uint32_t pack_count(const struct data *pack)
{
    return read_32(pack->at);
}

/* The value at *at, which moves on to the next one. */
static struct data pack_next(const uint8_t **at)
{
    struct data value = {*at + VALUE_HEADER, read_32(*at), (*at)[4]};

    *at += VALUE_HEADER + value.size;
    return value;
}

/* Where a value's header stands in the pack; NULL: it is not in. */
static const uint8_t *pack_find(const struct data *pack, const struct data *value)
{
    const uint8_t *at = pack->at + PACK_HEADER;

    for (uint32_t i = pack_count(pack); i > 0; i--) {
        const uint8_t *here = at;
        struct data one = pack_next(&at);

        if (data_equal(&one, value))
            return here;
    }
    return NULL;
}

static void pack_each(const struct data *pack, value_visit visit, void *context)
{
    const uint8_t *at = pack->at + PACK_HEADER;

    for (uint32_t i = pack_count(pack); i > 0; i--) {
        struct data value = pack_next(&at);

        visit(context, &value);
    }
}

/* ---- changing ------------------------------------------------------------------------------- */

enum verb { VERB_PUT, VERB_REMOVE_VALUE, VERB_REMOVE };

struct changing {
    struct object *object;
    const struct multimap_request *request;
    enum verb change;
    uint8_t *pack;    /* the next one, ours */
    mr_rc_t answer;   /* MR_OK: something is changed */
    struct data gone; /* the pack that is removed whole */
};

static bool make_pack(struct changing *c, uint64_t size, struct data *ret_next)
{
    /* One too large to be stored is refused by the map, which is not shown all of it. */
    uint32_t capped = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    uint8_t *pack = capped > RECORD_VALUE_MAX ? NULL : mem_realloc(c->pack, capped);

    if (!pack) {
        c->answer = capped > RECORD_VALUE_MAX ? MR_ERR_TOO_LARGE : MR_ERR_MEMORY;
        return false;
    }
    c->pack = pack;
    *ret_next = (struct data){pack, capped, DATA_BYTES};
    return true;
}

static void write_count(uint8_t *pack, uint32_t count)
{
    memcpy(pack, &count, sizeof count);
}

static enum update_verdict put(struct changing *c, const struct data *current,
                               struct data *ret_next)
{
    const struct data *value = &c->request->value;
    uint32_t before = current ? current->size : PACK_HEADER;

    if (!((struct map_object *)c->object)->lists && current && pack_find(current, value)) {
        c->answer = MR_EXISTS;
        return UPDATE_KEEP;
    }
    if (!make_pack(c, (uint64_t)before + VALUE_HEADER + value->size, ret_next))
        return UPDATE_FAIL;
    if (current)
        memcpy(c->pack, current->at, before);
    write_count(c->pack, current ? pack_count(current) + 1 : 1);
    memcpy(c->pack + before, &value->size, sizeof value->size);
    c->pack[before + 4] = value->kind;
    if (value->size)
        memcpy(c->pack + before + VALUE_HEADER, value->at, value->size);
    return UPDATE_SET;
}

static enum update_verdict remove_value(struct changing *c, const struct data *current,
                                        struct data *ret_next)
{
    const uint8_t *at = current ? pack_find(current, &c->request->value) : NULL;

    if (!at) {
        c->answer = MR_NOT_FOUND;
        return UPDATE_KEEP;
    }
    if (pack_count(current) == 1)
        return UPDATE_REMOVE;
    uint32_t hole = VALUE_HEADER + c->request->value.size;
    uint32_t before = (uint32_t)(at - current->at);

    if (!make_pack(c, current->size - hole, ret_next))
        return UPDATE_FAIL;
    memcpy(c->pack, current->at, before);
    memcpy(c->pack + before, at + hole, current->size - before - hole);
    write_count(c->pack, pack_count(current) - 1);
    return UPDATE_SET;
}

static enum update_verdict update(void *context, const struct data *current, struct data *ret_next)
{
    struct changing *c = context;

    c->answer = MR_OK;
    if (c->change == VERB_PUT)
        return put(c, current, ret_next);
    if (c->change == VERB_REMOVE_VALUE)
        return remove_value(c, current, ret_next);
    if (!current) {
        c->answer = MR_NOT_FOUND;
        return UPDATE_KEEP;
    }
    c->gone = *current;
    return UPDATE_REMOVE;
}

static void tell(struct changing *c, enum object_event_kind kind, const struct data *value)
{
    struct object *o = c->object;
    const struct data none = {0};

    watchers_tell(
        &o->watchers,
        &(struct object_event){.kind = kind,
                               .partition = data_partition(&c->request->key, o->partitions->count),
                               .time_ms = clock_ms(),
                               .key = c->request->key,
                               .old = kind == OBJECT_REMOVED ? *value : none,
                               .value = kind == OBJECT_ADDED ? *value : none});
}

static void tell_removed(void *context, const struct data *value)
{
    tell(context, OBJECT_REMOVED, value);
}

static void updated(void *context)
{
    struct changing *c = context;

    if (c->answer != MR_OK || !watchers_any(&c->object->watchers))
        return;
    if (c->change == VERB_REMOVE)
        pack_each(&c->gone, tell_removed, c);
    else
        tell(c, c->change == VERB_PUT ? OBJECT_ADDED : OBJECT_REMOVED, &c->request->value);
}

static mr_rc_t run(struct changing *c)
{
    const struct map_request q = {.verb = MAP_UPDATE,
                                  .key = c->request->key,
                                  .ttl_ms = TIME_DEFAULT,
                                  .idle_ms = TIME_DEFAULT,
                                  .update = update,
                                  .update_context = c,
                                  .updated = updated,
                                  .owner = c->request->owner,
                                  .waiter = c->request->waiter};
    struct map_answer a;
    mr_rc_t rc = run_request(object_map(c->object), &q, &a);

    mem_free(c->pack);
    return rc == MR_OK || rc == MR_ERR_ARGUMENT ? c->answer : rc;
}

/* MR_ERR_ARGUMENT is what the map makes of UPDATE_FAIL, whose reason is the answer here; and it
 * is the answer where update was not even called. */
static struct changing changing(struct object *o, const struct multimap_request *q,
                                enum verb change)
{
    return (struct changing){
        .object = o, .request = q, .change = change, .answer = MR_ERR_ARGUMENT};
}

mr_rc_t multimap_put(struct object *o, const struct multimap_request *q)
{
    struct changing c = changing(o, q, VERB_PUT);

    return run(&c);
}

mr_rc_t multimap_remove_value(struct object *o, const struct multimap_request *q)
{
    struct changing c = changing(o, q, VERB_REMOVE_VALUE);

    return run(&c);
}

mr_rc_t multimap_remove(struct object *o, const struct multimap_request *q, value_visit visit,
                        void *context)
{
    struct changing c = changing(o, q, VERB_REMOVE);
    mr_rc_t rc = run(&c);

    if (rc == MR_OK && visit)
        pack_each(&c.gone, visit, context);
    return rc;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* MR_OK, MR_NOT_FOUND, MR_ERR_MOVED. */
static mr_rc_t find(struct object *o, const struct data *key, struct data *ret_pack)
{
    struct map_request q = {.verb = MAP_GET, .key = *key};
    struct map_answer a;
    mr_rc_t rc = run_request(object_map(o), &q, &a);

    if (rc == MR_OK)
        *ret_pack = a.value;
    return rc;
}

mr_rc_t multimap_get(struct object *o, const struct data *key, value_visit visit, void *context)
{
    struct data pack;
    mr_rc_t rc = find(o, key, &pack);

    if (rc == MR_OK)
        pack_each(&pack, visit, context);
    return rc;
}

mr_rc_t multimap_contains(struct object *o, const struct data *key, const struct data *value)
{
    struct data pack;
    mr_rc_t rc = find(o, key, &pack);

    return rc == MR_OK && !pack_find(&pack, value) ? MR_NOT_FOUND : rc;
}

mr_rc_t multimap_value_count(struct object *o, const struct data *key, uint32_t *ret_count)
{
    struct data pack;
    mr_rc_t rc = find(o, key, &pack);

    *ret_count = rc == MR_OK ? pack_count(&pack) : 0;
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

/* As primary before and after. */
static mr_rc_t scan_one(struct object *o, uint32_t partition,
                        void (*visit)(void *context, const struct record *r), void *context)
{
    uint64_t reign = partitions_reign(o->partitions, partition);

    if (reign == 0)
        return MR_ERR_MOVED;
    store_scan(&object_map(o)->parts[partition].store, 0, UINT32_MAX, visit, context);
    return partitions_may_read(o->partitions, partition, reign) ? MR_OK : MR_ERR_MOVED;
}

static mr_rc_t scan(struct object *o, const uint8_t *share,
                    void (*visit)(void *context, const struct record *r), void *context)
{
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < o->partitions->count && rc == MR_OK; i++)
        if (share_has(share, i))
            rc = scan_one(o, i, visit, context);
    return rc;
}

static void add_count(void *context, const struct record *r)
{
    struct data pack = record_value(r);

    *(uint64_t *)context += pack_count(&pack);
}

mr_rc_t multimap_size(struct object *o, const uint8_t *share, uint64_t *ret_size)
{
    *ret_size = 0;
    return scan(o, share, add_count, ret_size);
}

struct keys {
    value_visit visit;
    void *context;
};

static void visit_key(void *context, const struct record *r)
{
    const struct keys *k = context;
    struct data key = record_key(r);

    k->visit(k->context, &key);
}

mr_rc_t multimap_keys(struct object *o, const uint8_t *share, value_visit visit, void *context)
{
    return scan(o, share, visit_key, &(struct keys){visit, context});
}

struct entries {
    void (*visit)(void *context, const struct data *key, const struct data *value);
    void *context;
    struct data key;
};

static void visit_entry(void *context, const struct data *value)
{
    const struct entries *e = context;

    e->visit(e->context, &e->key, value);
}

static void visit_pack(void *context, const struct record *r)
{
    struct entries *e = context;
    struct data pack = record_value(r);

    e->key = record_key(r);
    pack_each(&pack, visit_entry, e);
}

mr_rc_t multimap_entries(struct object *o, const uint8_t *share,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context)
{
    return scan(o, share, visit_pack, &(struct entries){.visit = visit, .context = context});
}

/* ---- all of it ------------------------------------------------------------------------------ */

mr_rc_t multimap_clear(struct object *o, const uint8_t *share, uint64_t *ret_values)
{
    uint64_t keys;
    mr_rc_t rc = multimap_size(o, share, ret_values);

    if (rc == MR_OK)
        rc = map_clear_some(object_map(o), share, &keys);
    return rc;
}

void multimap_tell_cleared(struct object *o, uint64_t values)
{
    if (values == 0 || !watchers_any(&o->watchers))
        return;
    partition_lock(object_partition(o));
    watchers_tell(&o->watchers, &(struct object_event){.kind = OBJECT_CLEARED,
                                                       .partition = o->partition,
                                                       .time_ms = clock_ms(),
                                                       .count = values});
    object_unlock(o);
}
