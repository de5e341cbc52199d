/* serve_stream.c - topics, ringbuffers, ids and counters. */
#include "grid/data/flake_id.h"
#include "grid/data/pn_counter.h"
#include "grid/data/ringbuffer.h"
#include "grid/data/topic.h"
#include "grid/door/listing.h"
#include "grid/door/serve.h"
#include "grid/member.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

/* ---- topics --------------------------------------------------------------------------------- */

static mr_rc_t publish(struct call *c, struct wire_bytes name, const struct data *messages,
                       uint32_t n)
{
    struct object *o;
    mr_rc_t rc = messages ? call_object_here(c, OBJECT_TOPIC, name, &o) : MR_ERR_MEMORY;

    if (rc == MR_OK)
        rc = topic_publish(o, messages, n);
    if (rc == MR_OK)
        reply(c, NULL);
    return rc;
}

mr_rc_t serve_topic_publish(struct call *c, const struct topic_publish_req *q)
{
    return publish(c, q->name, &q->message, 1);
}

mr_rc_t serve_topic_publish_all(struct call *c, const struct topic_publish_all_req *q)
{
    return publish(c, q->name, call_values(c, q->messages), q->messages.count);
}

static void on_message(struct watcher *w, const struct object_event *e)
{
    const struct object_watch *ow = list_owner(w, struct object_watch, watcher);

    session_event(ow->watch.session, ow->event, ow->watch.correlation,
                  &(struct topic_add_message_listener_event){
                      .publish_time = (int64_t)e->time_ms,
                      .uuid = ow->watch.session->at->door->member->uuid,
                      .item = e->value});
}

mr_rc_t serve_topic_add_message_listener(struct call *c,
                                         const struct topic_add_message_listener_req *q)
{
    return watch_object(c, OBJECT_TOPIC, q->name, WIRE_topic_add_message_listener_event,
                        &(struct watch_filter){.kinds = OBJECT_MESSAGE, .values = true},
                        on_message);
}

mr_rc_t serve_topic_remove_message_listener(struct call *c,
                                            const struct topic_remove_message_listener_req *q)
{
    return unwatch(c, q->registration_id);
}

/* ---- ringbuffers ---------------------------------------------------------------------------- */

static mr_rc_t ring_of(struct call *c, struct wire_bytes name, struct ringbuffer **ret_rb)
{
    struct object *o;
    mr_rc_t rc = call_object_here(c, OBJECT_RINGBUFFER, name, &o);

    if (rc == MR_OK)
        *ret_rb = (struct ringbuffer *)o;
    return rc;
}

#define RING_FACT(name_, value)                                                                    \
    mr_rc_t serve_ringbuffer_##name_(struct call *c, const struct ringbuffer_##name_##_req *q)     \
    {                                                                                              \
        struct ringbuffer *rb;                                                                     \
        struct ringbuffer_facts f;                                                                 \
        mr_rc_t rc = ring_of(c, q->name, &rb);                                                     \
                                                                                                   \
        if (rc != MR_OK)                                                                           \
            return rc;                                                                             \
        ringbuffer_facts(rb, &f);                                                                  \
        reply(c, &(int64_t){value});                                                               \
        return MR_OK;                                                                              \
    }

RING_FACT(size, f.size)
RING_FACT(tail_sequence, f.tail)
RING_FACT(head_sequence, f.head)
RING_FACT(capacity, f.capacity)
/* What does not end by time can always be overwritten, so nothing but emptiness is room. */
RING_FACT(remaining_capacity, (int64_t)f.room)

enum { OVERWRITE = 0 };

static mr_rc_t add(struct call *c, struct wire_bytes name, const struct data *values, uint32_t n,
                   int32_t policy)
{
    struct ringbuffer *rb;
    int64_t last = -1;
    mr_rc_t rc = values ? ring_of(c, name, &rb) : MR_ERR_MEMORY;

    if (rc == MR_OK)
        rc = ringbuffer_add(rb, values, n, policy == OVERWRITE, &last);
    if (rc != MR_OK && rc != MR_ERR_BUSY)
        return rc;
    reply(c, &(int64_t){rc == MR_OK ? last : -1});
    return MR_OK;
}

mr_rc_t serve_ringbuffer_add(struct call *c, const struct ringbuffer_add_req *q)
{
    return add(c, q->name, &q->value, 1, q->overflow_policy);
}

mr_rc_t serve_ringbuffer_add_all(struct call *c, const struct ringbuffer_add_all_req *q)
{
    return add(c, q->name, call_values(c, q->value_list), q->value_list.count, q->overflow_policy);
}

static mr_rc_t numbered(struct call *c, mr_rc_t rc, struct ringbuffer *rb, int64_t number)
{
    struct ringbuffer_facts f;

    if (rc != MR_ERR_STALE && rc != MR_ERR_ARGUMENT)
        return rc;
    ringbuffer_facts(rb, &f);
    if (rc == MR_ERR_STALE)
        return call_error(c, CODE_STALE_SEQUENCE, "com.hazelcast.ringbuffer.StaleSequenceException",
                          "sequence %lld is older than the head, %lld", (long long)number,
                          (long long)f.head);
    return call_error(c, CODE_ILLEGAL_ARGUMENT, "java.lang.IllegalArgumentException",
                      "sequence %lld with a tail of %lld, or more items than the capacity of %u",
                      (long long)number, (long long)f.tail, f.capacity);
}

mr_rc_t serve_ringbuffer_read_one(struct call *c, const struct ringbuffer_read_one_req *q)
{
    struct ringbuffer *rb;
    struct data value;
    mr_rc_t rc = ring_of(c, q->name, &rb);

    if (rc == MR_OK)
        rc = numbered(c, ringbuffer_read(rb, q->sequence, call_wait(c, INT64_MAX), &value), rb,
                      q->sequence);
    if (rc == MR_OK)
        reply(c, &value);
    return rc;
}

/* From a sequence older than the head it goes on at the head, as readers of many expect. */
static int64_t start_of(struct ringbuffer *rb, int64_t wanted)
{
    struct ringbuffer_facts f;

    ringbuffer_facts(rb, &f);
    return wanted < f.head ? f.head : wanted;
}

static bool is_filter(const struct data *filter)
{
    return filter->kind != DATA_NULL;
}

mr_rc_t serve_ringbuffer_read_many(struct call *c, const struct ringbuffer_read_many_req *q)
{
    struct listing l = listing_new(c);
    struct sink numbers = {.grows = true};
    struct ringbuffer *rb;
    uint32_t n = 0;
    mr_rc_t rc = ring_of(c, q->name, &rb);

    if (rc != MR_OK)
        return rc;
    if (is_filter(&q->filter))
        return call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                          "a filter is code of the client's own, which cannot run here");
    if (q->min_count < 0 || q->max_count < q->min_count)
        return call_error(c, CODE_ILLEGAL_ARGUMENT, "java.lang.IllegalArgumentException",
                          "from %d to %d items", q->min_count, q->max_count);
    int64_t from = start_of(rb, q->start_sequence);

    rc = ringbuffer_read_many(rb, from, (uint32_t)q->min_count, (uint32_t)q->max_count,
                              call_wait(c, INT64_MAX), listing_add, &l, &n);
    if ((rc = numbered(c, rc, rb, from)) != MR_OK)
        return rc;
    for (uint32_t i = 0; i < n; i++)
        wire_put_i64(&numbers, from + i);
    if (sink_state(&numbers) == MR_OK && sink_state(l.items) == MR_OK)
        reply(c, &(struct ringbuffer_read_many_rsp){
                     .read_count = (int32_t)n,
                     .next_seq = from + n,
                     .items = wire_list_of(l.items, l.count),
                     .item_seqs = {n ? numbers.at : (const uint8_t *)"", (uint32_t)numbers.size}});
    else
        rc = MR_ERR_MEMORY;
    sink_free(&numbers);
    return rc;
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* Of a number that no two members have had lately, what there is room for. */
static mr_rc_t node_of(const struct member *m, uint32_t *ret_node)
{
    *ret_node = load_relaxed_32(&m->node) & FLAKE_NODE_MAX;
    return m->control && load_relaxed_32(&m->node) == 0 ? MR_ERR_OFFLINE : MR_OK;
}

mr_rc_t serve_flake_id_new_id_batch(struct call *c, const struct flake_id_new_id_batch_req *q)
{
    struct flake_batch b;
    struct object *o;
    uint32_t node;
    mr_rc_t rc = call_object(c, OBJECT_FLAKE_ID, q->name, &o);

    if (rc == MR_OK && (rc = node_of(c->member, &node)) == MR_OK)
        rc = flake_id_batch((struct flake_id *)o, node,
                            q->batch_size < 0 ? 0 : (uint32_t)q->batch_size, &b);
    if (rc != MR_OK)
        return rc;
    reply(c, &(struct flake_id_new_id_batch_rsp){
                 .base = b.base, .increment = b.increment, .batch_size = (int32_t)b.count});
    return MR_OK;
}

/* ---- counters ------------------------------------------------------------------------------- */

static void put_time(void *context, const struct replica_time *t)
{
    struct sink *out = context;

    wire_put_uuid(out, (struct wire_uuid){t->high, t->low, false});
    wire_put_i64(out, t->changes);
}

enum { TIME_SIZE = 25 };

/* Adds delta; answers with the value before or after. */
static mr_rc_t count(struct call *c, struct wire_bytes name, struct wire_bytes seen, int64_t delta,
                     bool before)
{
    struct wire_uuid self = c->member->uuid;
    struct replica_time *times = mem_alloc((seen.size / TIME_SIZE + 1) * sizeof *times);
    struct sink clock = {.grows = true};
    struct object *o;
    int64_t was, is;
    mr_rc_t rc = times ? call_object_here(c, OBJECT_PN_COUNTER, name, &o) : MR_ERR_MEMORY;

    for (uint32_t i = 0; times && i < seen.size / TIME_SIZE; i++) {
        struct wire_uuid u = wire_uuid_at(seen, TIME_SIZE, 0, i);

        times[i] = (struct replica_time){u.high, u.low, wire_i64_at(seen, TIME_SIZE, 17, i)};
    }
    if (rc == MR_OK)
        rc = pn_counter_add((struct pn_counter *)o, (struct replica_time){self.high, self.low, 0},
                            delta, times, seen.size / TIME_SIZE, &was, &is, put_time, &clock);
    if (rc == MR_OK && (rc = sink_state(&clock)) == MR_OK)
        reply(c, &(struct pn_counter_get_rsp){
                     .value = before ? was : is,
                     .replica_count = 1,
                     .replica_timestamps = {clock.at ? clock.at : (const uint8_t *)"",
                                            (uint32_t)clock.size}});
    sink_free(&clock);
    mem_free(times);
    return rc;
}

mr_rc_t serve_pn_counter_get(struct call *c, const struct pn_counter_get_req *q)
{
    return count(c, q->name, q->replica_timestamps, 0, false);
}

/* The response has the parameters of that to a get. */
mr_rc_t serve_pn_counter_add(struct call *c, const struct pn_counter_add_req *q)
{
    return count(c, q->name, q->replica_timestamps, q->delta, q->get_before_update);
}

mr_rc_t serve_pn_counter_get_configured_replica_count(
    struct call *c, const struct pn_counter_get_configured_replica_count_req *q)
{
    (void)q;
    reply(c, &(int32_t){INT32_MAX}); /* every member that there is */
    return MR_OK;
}
