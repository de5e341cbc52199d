/* serve_collection.c - queues, lists and sets. What they have in common is served by one function
 * for all three; the rows at the end of the file say which message it answers. */
#include "grid/data/item_list.h"
#include "grid/data/item_set.h"
#include "grid/data/queue.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/member.h"

/* ---- what all have: a set is of another make ------------------------------------------------ */

static mr_rc_t answer_found(struct call *c, mr_rc_t rc)
{
    if (rc >= MR_ERR_MEMORY)
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

static mr_rc_t size_of(struct call *c, enum object_kind kind, struct wire_bytes name,
                       uint64_t *ret_size)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, kind, name, &o);

    if (rc == MR_OK)
        *ret_size = kind == OBJECT_SET ? set_size((struct item_set *)o)
                                       : collection_size((struct collection *)o);
    return rc;
}

static mr_rc_t size(struct call *c, enum object_kind kind, struct wire_bytes name)
{
    uint64_t n;
    mr_rc_t rc = size_of(c, kind, name, &n);

    if (rc != MR_OK)
        return rc;
    reply(c, &(int32_t){n < INT32_MAX ? (int32_t)n : INT32_MAX});
    return MR_OK;
}

static mr_rc_t is_empty(struct call *c, enum object_kind kind, struct wire_bytes name)
{
    uint64_t n;
    mr_rc_t rc = size_of(c, kind, name, &n);

    if (rc != MR_OK)
        return rc;
    reply(c, &(bool){n == 0});
    return MR_OK;
}

static mr_rc_t contains(struct call *c, enum object_kind kind, struct wire_bytes name,
                        const struct data *value)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, kind, name, &o);

    if (rc != MR_OK)
        return rc;
    return answer_found(c, kind == OBJECT_SET ? set_contains((struct item_set *)o, value)
                                              : collection_contains((struct collection *)o, value));
}

static mr_rc_t contains_all(struct call *c, enum object_kind kind, struct wire_bytes name,
                            struct wire_list list)
{
    const struct data *values = call_values(c, list);
    struct object *o;
    mr_rc_t rc = values ? call_object_here(c, kind, name, &o) : MR_ERR_MEMORY;

    if (rc != MR_OK)
        return rc;
    return answer_found(c,
                        kind == OBJECT_SET
                            ? set_contains_all((struct item_set *)o, values, list.count)
                            : collection_contains_all((struct collection *)o, values, list.count));
}

static mr_rc_t remove_value(struct call *c, enum object_kind kind, struct wire_bytes name,
                            const struct data *value)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, kind, name, &o);

    if (rc != MR_OK)
        return rc;
    return answer_found(c, kind == OBJECT_SET ? set_remove((struct item_set *)o, value, 1)
                                              : collection_remove((struct collection *)o, value));
}

static mr_rc_t remove_from(struct object *o, const struct data *values, uint32_t n, bool retain)
{
    if (o->kind != OBJECT_SET)
        return collection_remove_all((struct collection *)o, values, n, retain);
    return retain ? set_retain((struct item_set *)o, values, n)
                  : set_remove((struct item_set *)o, values, n);
}

static mr_rc_t remove_all(struct call *c, enum object_kind kind, struct wire_bytes name,
                          struct wire_list list, bool retain)
{
    const struct data *values = call_values(c, list);
    struct object *o;
    mr_rc_t rc = values ? call_object_here(c, kind, name, &o) : MR_ERR_MEMORY;

    return rc == MR_OK ? answer_found(c, remove_from(o, values, list.count, retain)) : rc;
}

static mr_rc_t clear(struct call *c, enum object_kind kind, struct wire_bytes name)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, kind, name, &o);

    if (rc == MR_OK)
        rc = kind == OBJECT_SET ? set_clear((struct item_set *)o)
                                : collection_clear((struct collection *)o);
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

static mr_rc_t list_all(struct call *c, enum object_kind kind, struct wire_bytes name)
{
    struct listing l = listing_new(c);
    struct object *o;
    mr_rc_t rc = call_object_here(c, kind, name, &o);

    if (rc != MR_OK)
        return rc;
    if (kind == OBJECT_SET)
        set_each((struct item_set *)o, listing_add, &l);
    else
        collection_each((struct collection *)o, listing_add, &l);
    return listing_reply(c, &l);
}

/* The events of all three have the same parameters. */
static void on_item(struct watcher *w, const struct object_event *e)
{
    const struct object_watch *ow = list_owner(w, struct object_watch, watcher);

    session_event(
        ow->watch.session, ow->event, ow->watch.correlation,
        &(struct queue_add_listener_event){.uuid = ow->watch.session->at->door->member->uuid,
                                           .event_type = (int32_t)e->kind,
                                           .item = ow->values ? e->value : (struct data){0}});
}

static mr_rc_t watch_items(struct call *c, enum object_kind kind, struct wire_bytes name,
                           bool values, enum wire_id event)
{
    return watch_object(
        c, kind, name, event,
        &(struct watch_filter){.kinds = OBJECT_ADDED | OBJECT_REMOVED, .values = values}, on_item);
}

#define COMMON(prefix, KIND)                                                                       \
    mr_rc_t serve_##prefix##_size(struct call *c, const struct prefix##_size_req *q)               \
    {                                                                                              \
        return size(c, KIND, q->name);                                                             \
    }                                                                                              \
    mr_rc_t serve_##prefix##_is_empty(struct call *c, const struct prefix##_is_empty_req *q)       \
    {                                                                                              \
        return is_empty(c, KIND, q->name);                                                         \
    }                                                                                              \
    mr_rc_t serve_##prefix##_contains(struct call *c, const struct prefix##_contains_req *q)       \
    {                                                                                              \
        return contains(c, KIND, q->name, &q->value);                                              \
    }                                                                                              \
    mr_rc_t serve_##prefix##_remove(struct call *c, const struct prefix##_remove_req *q)           \
    {                                                                                              \
        return remove_value(c, KIND, q->name, &q->value);                                          \
    }                                                                                              \
    mr_rc_t serve_##prefix##_clear(struct call *c, const struct prefix##_clear_req *q)             \
    {                                                                                              \
        return clear(c, KIND, q->name);                                                            \
    }                                                                                              \
    mr_rc_t serve_##prefix##_add_listener(struct call *c,                                          \
                                          const struct prefix##_add_listener_req *q)               \
    {                                                                                              \
        return watch_items(c, KIND, q->name, q->include_value,                                     \
                           WIRE_##prefix##_add_listener_event);                                    \
    }                                                                                              \
    mr_rc_t serve_##prefix##_remove_listener(struct call *c,                                       \
                                             const struct prefix##_remove_listener_req *q)         \
    {                                                                                              \
        return unwatch(c, q->registration_id);                                                     \
    }

COMMON(queue, OBJECT_QUEUE)
COMMON(list, OBJECT_LIST)
COMMON(set, OBJECT_SET)

/* The same, where the protocol has several names for a parameter. */
#define OF_VALUES(name_, KIND, values, function, ...)                                              \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        return function(c, KIND, q->name, q->values __VA_OPT__(, ) __VA_ARGS__);                   \
    }

OF_VALUES(queue_contains_all, OBJECT_QUEUE, data_list, contains_all)
OF_VALUES(queue_compare_and_remove_all, OBJECT_QUEUE, data_list, remove_all, false)
OF_VALUES(queue_compare_and_retain_all, OBJECT_QUEUE, data_list, remove_all, true)
OF_VALUES(list_contains_all, OBJECT_LIST, values, contains_all)
OF_VALUES(list_compare_and_remove_all, OBJECT_LIST, values, remove_all, false)
OF_VALUES(list_compare_and_retain_all, OBJECT_LIST, values, remove_all, true)
OF_VALUES(set_contains_all, OBJECT_SET, items, contains_all)
OF_VALUES(set_compare_and_remove_all, OBJECT_SET, values, remove_all, false)
OF_VALUES(set_compare_and_retain_all, OBJECT_SET, values, remove_all, true)

#define ALL(name_, KIND)                                                                           \
    mr_rc_t serve_##name_(struct call *c, const struct name_##_req *q)                             \
    {                                                                                              \
        return list_all(c, KIND, q->name);                                                         \
    }

ALL(queue_iterator, OBJECT_QUEUE)
ALL(list_iterator, OBJECT_LIST)
ALL(list_get_all, OBJECT_LIST)
ALL(set_get_all, OBJECT_SET)

/* ---- queues --------------------------------------------------------------------------------- */

static mr_rc_t queue_of(struct call *c, struct wire_bytes name, struct queue **ret_q)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, OBJECT_QUEUE, name, &o);

    if (rc == MR_OK)
        *ret_q = (struct queue *)o;
    return rc;
}

mr_rc_t serve_queue_offer(struct call *c, const struct queue_offer_req *q)
{
    struct queue *queue;
    mr_rc_t rc = queue_of(c, q->name, &queue);

    if (rc == MR_OK)
        rc = queue_offer(queue, &q->value, call_wait(c, q->timeout_millis));
    if (rc == MR_PENDING || (rc >= MR_ERR_MEMORY && rc != MR_ERR_BUSY))
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

mr_rc_t serve_queue_put(struct call *c, const struct queue_put_req *q)
{
    struct queue *queue;
    mr_rc_t rc = queue_of(c, q->name, &queue);

    if (rc == MR_OK)
        rc = queue_offer(queue, &q->value, call_wait(c, INT64_MAX));
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

static mr_rc_t poll(struct call *c, struct wire_bytes name, int64_t timeout_ms)
{
    struct queue *queue;
    struct data value;
    mr_rc_t rc = queue_of(c, name, &queue);

    if (rc == MR_OK)
        rc = queue_poll(queue, call_wait(c, timeout_ms), &value);
    if (rc == MR_NOT_FOUND)
        value = (struct data){0};
    else if (rc != MR_OK)
        return rc;
    reply(c, &value);
    return MR_OK;
}

mr_rc_t serve_queue_poll(struct call *c, const struct queue_poll_req *q)
{
    return poll(c, q->name, q->timeout_millis);
}

mr_rc_t serve_queue_take(struct call *c, const struct queue_take_req *q)
{
    return poll(c, q->name, INT64_MAX);
}

mr_rc_t serve_queue_peek(struct call *c, const struct queue_peek_req *q)
{
    struct queue *queue;
    struct data value = {0};
    mr_rc_t rc = queue_of(c, q->name, &queue);

    if (rc == MR_OK)
        rc = queue_peek(queue, &value);
    if (rc != MR_OK && rc != MR_NOT_FOUND)
        return rc;
    reply(c, &value);
    return MR_OK;
}

enum { ANSWER_HEAD = 1024 }; /* what an answer has besides its items, and more */

/* No more than an answer may have, since what was taken out and is refused would be lost. */
static mr_rc_t drain(struct call *c, struct wire_bytes name, uint32_t most)
{
    struct listing l = listing_new(c);
    struct queue *queue;
    mr_rc_t rc = queue_of(c, name, &queue);

    if (rc == MR_OK)
        rc = queue_drain(queue, most, l.bytes_max - ANSWER_HEAD, listing_add, &l);
    return rc == MR_OK ? listing_reply(c, &l) : rc;
}

mr_rc_t serve_queue_drain_to(struct call *c, const struct queue_drain_to_req *q)
{
    return drain(c, q->name, UINT32_MAX);
}

mr_rc_t serve_queue_drain_to_max_size(struct call *c, const struct queue_drain_to_max_size_req *q)
{
    return drain(c, q->name, q->max_size < 0 ? UINT32_MAX : (uint32_t)q->max_size);
}

mr_rc_t serve_queue_add_all(struct call *c, const struct queue_add_all_req *q)
{
    const struct data *values = call_values(c, q->data_list);
    struct queue *queue;
    mr_rc_t rc = values ? queue_of(c, q->name, &queue) : MR_ERR_MEMORY;

    if (rc == MR_OK)
        rc = queue_add_all(queue, values, q->data_list.count);
    if (rc == MR_ERR_BUSY)
        return call_error(c, CODE_ILLEGAL_STATE, "java.lang.IllegalStateException",
                          "the queue has no room for %u items", q->data_list.count);
    if (rc == MR_OK)
        reply(c, &(bool){true});
    return rc;
}

mr_rc_t serve_queue_remaining_capacity(struct call *c, const struct queue_remaining_capacity_req *q)
{
    struct queue *queue;
    mr_rc_t rc = queue_of(c, q->name, &queue);

    if (rc != MR_OK)
        return rc;
    uint32_t room = queue_remaining(queue);

    reply(c, &(int32_t){room < INT32_MAX ? (int32_t)room : INT32_MAX});
    return MR_OK;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static mr_rc_t list_of(struct call *c, struct wire_bytes name, struct item_list **ret_l)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, OBJECT_LIST, name, &o);

    if (rc == MR_OK)
        *ret_l = (struct item_list *)o;
    return rc;
}

/* A place that the list does not have is the only argument of theirs that can be wrong. */
static mr_rc_t placed(struct call *c, mr_rc_t rc, int32_t at)
{
    if (rc != MR_ERR_ARGUMENT)
        return rc;
    return call_error(c, CODE_INDEX_OUT_OF_BOUNDS, "java.lang.IndexOutOfBoundsException",
                      "the list has no place %d", at);
}

/* -1, which clients of a list have no use for, is ours for its end. */
static mr_rc_t add(struct call *c, struct wire_bytes name, int32_t at, const struct data *values,
                   uint32_t n)
{
    struct item_list *l;
    mr_rc_t rc = values ? list_of(c, name, &l) : MR_ERR_MEMORY;

    return rc == MR_OK ? placed(c, list_add(l, at, values, n), at) : rc;
}

static mr_rc_t add_at(struct call *c, struct wire_bytes name, int32_t at, const struct data *values,
                      uint32_t n)
{
    return at < 0 ? placed(c, MR_ERR_ARGUMENT, at) : add(c, name, at, values, n);
}

mr_rc_t serve_list_add(struct call *c, const struct list_add_req *q)
{
    mr_rc_t rc = add(c, q->name, LIST_LAST, &q->value, 1);

    return rc == MR_OK ? answer_found(c, MR_OK) : rc;
}

mr_rc_t serve_list_add_all(struct call *c, const struct list_add_all_req *q)
{
    mr_rc_t rc = add(c, q->name, LIST_LAST, call_values(c, q->value_list), q->value_list.count);

    return rc == MR_OK ? answer_found(c, q->value_list.count ? MR_OK : MR_NOT_FOUND) : rc;
}

mr_rc_t serve_list_add_all_with_index(struct call *c, const struct list_add_all_with_index_req *q)
{
    mr_rc_t rc = add_at(c, q->name, q->index, call_values(c, q->value_list), q->value_list.count);

    return rc == MR_OK ? answer_found(c, q->value_list.count ? MR_OK : MR_NOT_FOUND) : rc;
}

mr_rc_t serve_list_add_with_index(struct call *c, const struct list_add_with_index_req *q)
{
    mr_rc_t rc = add_at(c, q->name, q->index, &q->value, 1);

    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

static mr_rc_t answer_value(struct call *c, mr_rc_t rc, int32_t at, const struct data *value)
{
    if (rc != MR_OK)
        return placed(c, rc, at);
    reply(c, value);
    return MR_OK;
}

mr_rc_t serve_list_get(struct call *c, const struct list_get_req *q)
{
    struct item_list *l;
    struct data value;
    mr_rc_t rc = list_of(c, q->name, &l);

    return rc == MR_OK ? answer_value(c, list_get(l, q->index, &value), q->index, &value) : rc;
}

mr_rc_t serve_list_set(struct call *c, const struct list_set_req *q)
{
    struct item_list *l;
    struct data old;
    mr_rc_t rc = list_of(c, q->name, &l);

    return rc == MR_OK ? answer_value(c, list_set(l, q->index, &q->value, &old), q->index, &old)
                       : rc;
}

mr_rc_t serve_list_remove_with_index(struct call *c, const struct list_remove_with_index_req *q)
{
    struct item_list *l;
    struct data old;
    mr_rc_t rc = list_of(c, q->name, &l);

    return rc == MR_OK ? answer_value(c, list_remove_at(l, q->index, &old), q->index, &old) : rc;
}

mr_rc_t serve_list_index_of(struct call *c, const struct list_index_of_req *q)
{
    struct item_list *l;
    mr_rc_t rc = list_of(c, q->name, &l);

    if (rc == MR_OK)
        reply(c, &(int32_t){list_index_of(l, &q->value)});
    return rc;
}

mr_rc_t serve_list_last_index_of(struct call *c, const struct list_last_index_of_req *q)
{
    struct item_list *l;
    mr_rc_t rc = list_of(c, q->name, &l);

    if (rc == MR_OK)
        reply(c, &(int32_t){list_last_index_of(l, &q->value)});
    return rc;
}

mr_rc_t serve_list_sub(struct call *c, const struct list_sub_req *q)
{
    struct listing values = listing_new(c);
    struct item_list *l;
    mr_rc_t rc = list_of(c, q->name, &l);

    if (rc == MR_OK && q->from > q->to)
        return fail(c->err, MR_ERR_ARGUMENT, NULL, "a list from %d to %d", q->from, q->to);
    if (rc == MR_OK)
        rc = placed(c, list_sub(l, q->from, q->to, listing_add, &values), q->to);
    return rc == MR_OK ? listing_reply(c, &values) : rc;
}

mr_rc_t serve_list_list_iterator(struct call *c, const struct list_list_iterator_req *q)
{
    struct listing values = listing_new(c);
    struct item_list *l;
    mr_rc_t rc = list_of(c, q->name, &l);

    if (rc == MR_OK)
        rc = list_from(l, q->index, listing_add, &values);
    if (rc == MR_ERR_ARGUMENT) /* not a matter of bounds, as elsewhere: so clients know it */
        return call_error(c, CODE_ILLEGAL_ARGUMENT, "java.lang.IllegalArgumentException",
                          "index %d to begin at", q->index);
    return rc == MR_OK ? listing_reply(c, &values) : rc;
}

/* ---- sets ----------------------------------------------------------------------------------- */

static mr_rc_t add_to_set(struct call *c, struct wire_bytes name, const struct data *values,
                          uint32_t n)
{
    struct object *o;
    mr_rc_t rc = values ? call_object_here(c, OBJECT_SET, name, &o) : MR_ERR_MEMORY;

    return rc == MR_OK ? answer_found(c, set_add((struct item_set *)o, values, n)) : rc;
}

mr_rc_t serve_set_add(struct call *c, const struct set_add_req *q)
{
    return add_to_set(c, q->name, &q->value, 1);
}

mr_rc_t serve_set_add_all(struct call *c, const struct set_add_all_req *q)
{
    return add_to_set(c, q->name, call_values(c, q->value_list), q->value_list.count);
}
