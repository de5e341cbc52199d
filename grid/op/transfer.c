#include "grid/op/transfer.h"

#include <string.h>

#include "grid/data/map_object.h"
#include "net/base/check.h"
#include "net/base/littleend.h"
#include "net/base/mem.h"
#include "net/wire/wire.h"

enum {
    HEAD = FRAME_HEADER + 16,
    APPEND_HEAD = 36,
    ACK_SIZE = 33,
    CHUNK_HEAD = 49,
    MISSING = 1,
    WHOLE = 2,
    SETTLED = 4,
    FIRST = 1,
    LAST = 2
};

/* ---- writing -------------------------------------------------------------------------------- */

/* The head and `more` bytes behind it. Where they go; NULL: no memory. */
static uint8_t *begin(struct sink *out, enum transfer_type type, uint32_t partition, size_t more)
{
    uint8_t *at = sink_more(out, HEAD + more);

    if (!at)
        return NULL;
    put_le16(at + 4, FRAME_UNFRAGMENTED | FRAME_FINAL);
    put_le32(at + FRAME_HEADER, type);
    put_le64(at + FRAME_HEADER + 4, 0);
    put_le32(at + FRAME_HEADER + 12, partition);
    return at + HEAD;
}

/* Its size, which is known now. */
static void end(struct sink *out, size_t began)
{
    if (sink_state(out) == MR_OK)
        put_le32(out->at + began, (uint32_t)(out->size - began));
}

void transfer_append(uint32_t partition, const struct replica_append *a, struct sink *out)
{
    size_t began = out->size;
    uint8_t *at = begin(out, TRANSFER_APPEND, partition, APPEND_HEAD);

    if (!at)
        return;
    put_le64(at, a->epoch);
    put_le64(at + 8, a->after_seq);
    put_le64(at + 16, a->after_epoch);
    put_le64(at + 24, a->commit_seq);
    put_le32(at + 32, a->count);
    for (uint32_t i = 0; i < a->count; i++) {
        if (!(at = sink_more(out, 8)))
            return;
        put_le64(at, a->ops[i].epoch);
        effect_write(a->ops[i].effect, out);
    }
    end(out, began);
}

void transfer_ack(uint32_t partition, const struct replica_ack *a, struct sink *out)
{
    size_t began = out->size;
    uint8_t *at = begin(out, TRANSFER_ACK, partition, ACK_SIZE);

    if (!at)
        return;
    put_le64(at, a->epoch);
    put_le64(at + 8, a->held_seq);
    put_le64(at + 16, a->walk);
    put_le64(at + 24, a->chunk);
    at[32] =
        (uint8_t)((a->missing ? MISSING : 0) | (a->whole ? WHOLE : 0) | (a->settled ? SETTLED : 0));
    end(out, began);
}

void transfer_chunk(uint32_t partition, const struct copies_chunk *k, struct sink *out)
{
    const struct replica_chunk *c = k->head;
    size_t began = out->size;
    uint8_t *at = begin(out, TRANSFER_CHUNK, partition, CHUNK_HEAD);

    if (!at)
        return;
    put_le64(at, c->epoch);
    put_le64(at + 8, c->walk);
    put_le64(at + 16, c->number);
    put_le64(at + 24, c->commit_seq);
    put_le64(at + 32, c->base_epoch);
    put_le64(at + 40, c->rests_seq);
    at[48] = (uint8_t)((c->first ? FIRST : 0) | (c->last ? LAST : 0));
    sink_put(out, k->entries->at, k->entries->size);
    end(out, began);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct taking {
    struct partitions *partitions;
    struct objects *objects;
    struct partition *partition;
    uint64_t from;
    const uint8_t *at, *end;
    struct object *last; /* that an effect was about: mostly the next one is, too */
};

static bool is_named(const struct object *o, const struct effect_name *name)
{
    return o && (uint8_t)o->kind == name->kind && o->name_size == name->size &&
           memcmp(o->name, name->at, name->size) == 0;
}

/* An object that lies whole in a partition lies in this one. */
static bool is_here(const struct taking *t, const struct object *o)
{
    return !o->copy || object_partition(o) == t->partition;
}

static mr_rc_t find_object(struct taking *t, const struct effect_name *name)
{
    char text[UINT8_MAX + 1];
    struct object *o;

    if (is_named(t->last, name))
        return MR_OK;
    if (name->kind >= OBJECT_KINDS || memchr(name->at, '\0', name->size))
        return MR_ERR_MALFORMED;
    memcpy(text, name->at, name->size);
    text[name->size] = '\0';
    mr_rc_t rc = objects_have(t->objects, name->kind, text, &o);

    if (rc == MR_OK && !is_here(t, o))
        return MR_ERR_MALFORMED;
    if (rc == MR_OK)
        t->last = o;
    return rc;
}

static bool is_of_maps(enum object_kind kind)
{
    return kind == OBJECT_MAP || kind == OBJECT_MULTIMAP || kind == OBJECT_REPLICATED_MAP;
}

/* What the effect is about: a map, or an object that can be changed. MR_ERR_MALFORMED: neither. */
static mr_rc_t name_it(struct object *o, struct effect *e)
{
    if (e->kind == EFFECT_CHANGE ? !o->copy : !is_of_maps(o->kind))
        return MR_ERR_MALFORMED;
    e->object = e->kind == EFFECT_CHANGE ? o : NULL;
    e->map = e->object ? NULL : object_map(o);
    e->hash = e->kind == EFFECT_CLEAR || e->object ? 0 : key_hash(&e->key);
    return MR_OK;
}

/* A number, and the effect behind it, whose bytes stay where they are. */
static mr_rc_t read_numbered(struct taking *t, uint64_t *ret_number, struct effect *ret_like,
                             struct once *ret_once)
{
    struct effect_name name;
    size_t taken;

    if (t->end - t->at < 8)
        return MR_ERR_MALFORMED;
    *ret_number = get_le64(t->at);
    mr_rc_t rc =
        effect_read(t->at + 8, (size_t)(t->end - t->at) - 8, ret_like, ret_once, &name, &taken);
    bool is_named = name.size > 0;

    if (rc != MR_OK || (is_named && (rc = find_object(t, &name)) != MR_OK))
        return rc;
    t->at += 8 + taken;
    return is_named ? name_it(t->last, ret_like) : MR_OK;
}

static void release_ops(const struct replica_op *ops, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        effect_release(ops[i].effect);
}

static mr_rc_t read_ops(struct taking *t, struct replica_op *ops, uint32_t n, uint64_t after)
{
    struct effect like, *e;
    struct once once;
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < n && rc == MR_OK; i++) {
        if ((rc = read_numbered(t, &ops[i].epoch, &like, &once)) == MR_OK &&
            (rc = like.kind == EFFECT_SESSIONS ? MR_ERR_MALFORMED : MR_OK) == MR_OK &&
            (rc = effect_new(t->partition->slab, &like, &e)) == MR_OK)
            ops[i] = (struct replica_op){.seq = after + 1 + i, .epoch = ops[i].epoch, .effect = e};
        if (rc != MR_OK)
            release_ops(ops, i);
    }
    if (rc == MR_OK && t->at != t->end) {
        release_ops(ops, n);
        rc = MR_ERR_MALFORMED;
    }
    return rc;
}

/* Whoever sent it has admitted the change; a backup does not refuse. */
static mr_rc_t take_append(struct taking *t)
{
    struct replica_op ops[TRANSFER_OPS_MAX];

    if (t->end - t->at < APPEND_HEAD)
        return MR_ERR_MALFORMED;
    struct replica_append a = {.epoch = get_le64(t->at),
                               .after_seq = get_le64(t->at + 8),
                               .after_epoch = get_le64(t->at + 16),
                               .commit_seq = get_le64(t->at + 24),
                               .count = get_le32(t->at + 32),
                               .ops = ops};

    t->at += APPEND_HEAD;
    if (a.count > TRANSFER_OPS_MAX || a.after_seq > UINT64_MAX - TRANSFER_OPS_MAX)
        return MR_ERR_MALFORMED;
    account_overdraws = true;
    mr_rc_t rc = read_ops(t, ops, a.count, a.after_seq);

    account_overdraws = false;
    if (rc != MR_OK)
        return rc;
    partition_lock(t->partition);
    copies_on_append(t->partition->copies, t->from, &a);
    partition_unlock(t->partition);
    return MR_OK;
}

static mr_rc_t take_ack(struct taking *t)
{
    const uint8_t *at = t->at;

    if (t->end - at != ACK_SIZE)
        return MR_ERR_MALFORMED;
    const struct replica_ack a = {.epoch = get_le64(at),
                                  .held_seq = get_le64(at + 8),
                                  .walk = get_le64(at + 16),
                                  .chunk = get_le64(at + 24),
                                  .missing = at[32] & MISSING,
                                  .settled = at[32] & SETTLED,
                                  .whole = at[32] & WHOLE};

    partition_lock(t->partition);
    copies_on_ack(t->partition->copies, t->from, &a);
    partition_unlock(t->partition);
    return MR_OK;
}

/* Of what may be in a chunk: what there is, not what is done. */
static mr_rc_t check_entry(const struct effect *e)
{
    struct sessions alone;

    if (e->once || !(e->kind == EFFECT_PUT || e->kind == EFFECT_LOCK || e->kind == EFFECT_CHANGE ||
                     e->kind == EFFECT_SESSIONS))
        return MR_ERR_MALFORMED;
    if (e->kind != EFFECT_SESSIONS)
        return MR_OK;
    sessions_init(&alone, UINT64_MAX);
    mr_rc_t rc = sessions_decode(&alone, e->value.at, e->value.size);

    sessions_clear(&alone);
    return rc;
}

/* An entry has 21 bytes at least, and a name of one, or a part of a table. */
static mr_rc_t read_entries(struct taking *t, struct copies_entries *ret)
{
    size_t room = (size_t)(t->end - t->at) / 22;
    struct once once;
    mr_rc_t rc = MR_OK;

    if (t->at == t->end)
        return MR_OK;
    if (room > TRANSFER_ENTRIES_MAX)
        room = TRANSFER_ENTRIES_MAX;
    if (!(ret->at = mem_alloc((room + 1) * sizeof *ret->at)))
        return MR_ERR_MEMORY;
    while (rc == MR_OK && t->at != t->end) {
        struct effect *e = &ret->at[ret->count];
        uint64_t version;

        if (ret->count == room)
            return MR_ERR_MALFORMED;
        rc = read_numbered(t, &version, e, &once);
        if (rc == MR_OK)
            rc = check_entry(e);
        e->seq = version;
        ret->count++;
    }
    return rc;
}

static mr_rc_t take_chunk(struct taking *t)
{
    const uint8_t *at = t->at;
    struct copies_entries entries = {0};

    if (t->end - at < CHUNK_HEAD)
        return MR_ERR_MALFORMED;
    const struct replica_chunk c = {.epoch = get_le64(at),
                                    .walk = get_le64(at + 8),
                                    .number = get_le64(at + 16),
                                    .commit_seq = get_le64(at + 24),
                                    .base_epoch = get_le64(at + 32),
                                    .rests_seq = get_le64(at + 40),
                                    .first = at[48] & FIRST,
                                    .last = at[48] & LAST,
                                    .entries = &entries};

    t->at += CHUNK_HEAD;
    if (c.commit_seq > UINT64_MAX - TRANSFER_OPS_MAX || c.base_epoch > c.epoch)
        return MR_ERR_MALFORMED;
    mr_rc_t rc = read_entries(t, &entries);

    if (rc == MR_OK) {
        partition_lock(t->partition);
        copies_on_chunk(t->partition->copies, t->from, &c);
        partition_unlock(t->partition);
    }
    mem_free(entries.at);
    return rc;
}

mr_rc_t transfer_take(struct partitions *ps, struct objects *os, uint64_t from,
                      const uint8_t *bytes, size_t size)
{
    struct taking t = {ps, os, NULL, from, bytes + HEAD, bytes + size, NULL};

    if (size < HEAD)
        return MR_ERR_MALFORMED;
    uint32_t partition = get_le32(bytes + HEAD - 4);

    if (partition >= ps->count || !ps->at[partition].copies)
        return MR_ERR_MALFORMED;
    t.partition = &ps->at[partition];
    switch (get_le32(bytes + FRAME_HEADER)) {
    case TRANSFER_APPEND: return take_append(&t);
    case TRANSFER_ACK: return take_ack(&t);
    case TRANSFER_CHUNK: return take_chunk(&t);
    default: return MR_ERR_MALFORMED;
    }
}
