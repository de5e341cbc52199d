#define _GNU_SOURCE
#include "grid/door/hot.h"

#include "grid/door/dispatch.h"
#include "grid/door/held.h"
#include "grid/member.h"
#include "grid/op/run.h"
#include "net/base/epoch.h"
#include "net/base/littleend.h"

enum {
    TYPE_PUT = 0x010100,
    TYPE_GET = 0x010200,
    TYPE_SET = 0x010f00,
    HEAD = FRAME_HEADER + 16, /* of a request; its parameters of fixed size follow */
    ANSWER_HEAD = FRAME_HEADER + 13
};

/* ---- looking at a message ------------------------------------------------------------------- */

/* Takes a plain frame, that is bytes and nothing else, with exactly these flags. NULL: it is
 * another. The message is whole, so a frame's header that begins inside lies inside. */
static const uint8_t *plain_frame(const uint8_t *at, const uint8_t *end, uint16_t flags,
                                  struct wire_bytes *ret)
{
    if (end - at < FRAME_HEADER || get_le16(at + 4) != flags)
        return NULL;
    *ret = (struct wire_bytes){at + FRAME_HEADER, get_le32(at) - FRAME_HEADER};
    return ret->at + ret->size;
}

static bool read_key(struct hot *h, struct session *s, struct wire_bytes name,
                     struct wire_bytes key)
{
    return data_read(key.at, key.size, &h->q.key) == MR_OK && h->q.key.kind != DATA_NULL &&
           (h->map = session_known_map(s, name)) != NULL;
}

static bool read_get(struct hot *h, struct session *s, const uint8_t *bytes, const uint8_t *end)
{
    struct wire_bytes name, key;
    const uint8_t *at = bytes + HEAD + 8;

    return get_le32(bytes) == HEAD + 8 && (at = plain_frame(at, end, 0, &name)) &&
           plain_frame(at, end, FRAME_FINAL, &key) == end && read_key(h, s, name, key);
}

static bool read_put(struct hot *h, struct session *s, const uint8_t *bytes, const uint8_t *end)
{
    struct wire_bytes name, key, value;
    const uint8_t *at = bytes + HEAD + 16;

    if (get_le32(bytes) != HEAD + 16 || !(at = plain_frame(at, end, 0, &name)) ||
        !(at = plain_frame(at, end, 0, &key)) || plain_frame(at, end, FRAME_FINAL, &value) != end)
        return false;
    int64_t ttl_ms = (int64_t)get_le64(bytes + HEAD + 8);

    h->q.verb = MAP_PUT;
    h->q.ttl_ms = ttl_ms < 0 ? TIME_DEFAULT : ttl_ms;
    h->q.idle_ms = TIME_DEFAULT;
    h->q.owner =
        (struct owner){s->client->uuid.high, s->client->uuid.low, (int64_t)get_le64(bytes + HEAD)};
    return data_read(value.at, value.size, &h->q.value) == MR_OK && h->q.value.kind != DATA_NULL &&
           read_key(h, s, name, key);
}

/* Where the key belongs; its bucket's line comes. */
static void find_place(struct hot *h)
{
    h->route.partition = data_partition(&h->q.key, h->map->partitions->count);
    h->route.hash = key_hash(&h->q.key);
    const struct store *store = &h->map->parts[h->route.partition].store;

    h->bucket = index_prefetch_bucket(&store->index, store->base, h->route.hash);
}

/* A put is to have its block with the others of its slab, unless it wants much. */
static void ask_block(struct hot_batch *b, struct hot *h)
{
    uint32_t slab = partitions_slab_of(h->map->partitions, h->route.partition);

    h->q.route = &h->route;
    h->q.ahead = NULL;
    h->ahead.size = map_put_size(h->map, h->q.ttl_ms, &h->q.key, &h->q.value);
    if (h->ahead.size > SLAB_BLOCK_MAX || h->map->partitions->serves)
        return;
    h->q.ahead = &h->ahead;
    h->ahead.next = b->ahead[slab];
    b->ahead[slab] = &h->ahead;
}

bool hot_take(struct session *s, const uint8_t *bytes, size_t size)
{
    struct hot_batch *b = s->at->hot;
    struct hot *h = &b->at[b->count];
    uint32_t type = size >= HEAD ? get_le32(bytes + FRAME_HEADER) : 0;

    if (!session_may(s, type == TYPE_GET ? ALLOW_READ : ALLOW_WRITE) || bytes[5] & FRAME_FINAL >> 8)
        return false;
    if (!(type == TYPE_GET
              ? read_get(h, s, bytes, bytes + size)
              : (type == TYPE_SET || type == TYPE_PUT) && read_put(h, s, bytes, bytes + size)))
        return false;
    h->bytes = bytes;
    h->size = size;
    h->type = type;
    h->correlation = (int64_t)get_le64(bytes + FRAME_HEADER + 4);
    if (b->count == 0)
        epoch_enter();
    find_place(h);
    if (type != TYPE_GET)
        ask_block(b, h);
    if (++b->count == HOT_MANY)
        hot_run(s);
    return true;
}

/* ---- answering ------------------------------------------------------------------------------ */

/* A response's first frame, and after it `more` bytes; NULL: no memory. */
static uint8_t *answer(struct sink *out, const struct hot *h, uint16_t flags, size_t more)
{
    uint8_t *at = sink_more(out, ANSWER_HEAD + more);

    if (!at)
        return NULL;
    put_le32(at, ANSWER_HEAD);
    put_le16(at + 4, FRAME_UNFRAGMENTED | flags);
    put_le32(at + FRAME_HEADER, h->type + 1);
    put_le64(at + FRAME_HEADER + 4, (uint64_t)h->correlation);
    at[ANSWER_HEAD - 1] = 0;
    return at + ANSWER_HEAD;
}

static void answer_nothing(struct sink *out, const struct hot *h)
{
    (void)answer(out, h, FRAME_FINAL, 0);
}

static void answer_value(struct sink *out, const struct hot *h, const struct data *value)
{
    uint32_t size = value ? data_wire_size(value) : 0;
    uint8_t *at = answer(out, h, 0, FRAME_HEADER + size);

    if (!at)
        return;
    put_le32(at, FRAME_HEADER + size);
    put_le16(at + 4, FRAME_FINAL | (value ? 0 : FRAME_NULL));
    if (value)
        data_write(value, at + FRAME_HEADER);
}

/* ---- running -------------------------------------------------------------------------------- */

/* False: it is not served here at the moment. */
static bool run_get(struct sink *out, const struct hot *h)
{
    const struct partitions *ps = h->map->partitions;
    uint64_t reign = partitions_reign(ps, h->route.partition);
    const struct record *r = map_find(h->map, h->route.partition, h->route.hash, &h->q.key);
    struct data value;

    if (__builtin_expect(!partitions_may_read(ps, h->route.partition, reign), 0))
        return false;
    counter_add(h->map->counts[r ? COUNT_HITS : COUNT_MISSES], 1);
    if (r)
        value = record_value(r);
    answer_value(out, h, r ? &value : NULL);
    return true;
}

/* False: it did not simply work, and nothing has changed. */
static bool run_put(struct sink *out, const struct hot *h)
{
    struct map_answer a;

    if (run_request(h->map, &h->q, &a) != MR_OK)
        return false;
    if (h->type == TYPE_SET)
        answer_nothing(out, h);
    else
        answer_value(out, h, a.present ? &a.value : NULL);
    return true;
}

/* The same where others have to have it before it is answered. */
static bool run_put_held(struct session *s, const struct hot *h)
{
    struct sink *out = &s->at->desk.out, answer = {.grows = true};
    const struct call call = {.head.correlation = h->correlation};
    struct held *held = held_new(s, false);
    bool unknown = false;

    if (!held)
        return false;
    if (!run_put(&answer, h)) {
        held_drop(held);
        sink_free(&answer);
        return false;
    }
    if (held_end(held, &call, &answer, &unknown) && !unknown)
        sink_put(out, answer.at, answer.size);
    sink_free(&answer);
    if (unknown) {
        session_send(s);
        dispatch_unknown(s, h->correlation, 0);
    }
    return true;
}

static bool run(struct session *s, const struct hot *h)
{
    struct sink *out = &s->at->desk.out;

    if (h->type == TYPE_GET)
        return run_get(out, h);
    return h->map->partitions->serves ? run_put_held(s, h) : run_put(out, h);
}

static void fetch_records(const struct hot_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        const struct hot *h = &b->at[i];

        if (h->bucket)
            index_prefetch_record(h->bucket, h->map->parts[h->route.partition].store.base,
                                  h->route.hash);
    }
}

static void take_blocks(struct hot_batch *b)
{
    const struct partitions *ps = b->at[0].map->partitions;

    for (uint32_t i = 0; i < ps->slab_count; i++)
        if (b->ahead[i])
            slab_take_ahead(ps->slabs[i], b->ahead[i]);
}

static void settle(struct hot_batch *b)
{
    const struct partitions *ps = b->at[0].map->partitions;

    for (uint32_t i = 0; i < ps->slab_count; i++)
        if (b->ahead[i])
            slab_settle(ps->slabs[i], b->ahead[i]);
}

/* The ordinary way, outside of the batch's section: it may have to make room, and what the batch
 * holds is part of that. */
static void run_slowly(struct session *s, const struct hot *h)
{
    session_send(s);
    settle(s->at->hot);
    epoch_exit();
    dispatch(s, h->bytes, h->size);
    epoch_enter();
}

void hot_run(struct session *s)
{
    struct hot_batch *b = s->at->hot;
    struct sink *out = &s->at->desk.out;

    if (b->count == 0)
        return;
    out->size = 0;
    fetch_records(b);
    take_blocks(b);
    for (uint32_t i = 0; i < b->count && s->state != SESSION_ENDED; i++) {
        const struct hot *h = &b->at[i];

        if (session_is_full(s))
            session_put_aside(s, h->bytes, h->size);
        else if (!run(s, h))
            run_slowly(s, h);
        if (out->size > HOT_SEND)
            session_send(s);
    }
    settle(b);
    memset(b->ahead, 0, sizeof b->ahead);
    b->count = 0;
    session_send(s);
    door_empty(out);
    epoch_exit();
}
