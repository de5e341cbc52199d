#include "grid/data/effect.h"

#include <string.h>

#include "grid/data/map.h"
#include "grid/data/object.h"
#include "net/base/check.h"
#include "net/base/littleend.h"

/* ---- in memory ------------------------------------------------------------------------------ */

static struct data copy(uint8_t *to, const struct data *d)
{
    if (d->size > 0 && d->at)
        memcpy(to, d->at, d->size);
    return (struct data){to, d->size, d->kind};
}

/* The block that the record will have, found now. */
static mr_rc_t take_block(struct effect *e)
{
    if (e->kind != EFFECT_PUT)
        return MR_OK;
    uint8_t flags = record_flags(e->life, map_touches(e->map));
    uint32_t size = record_size(flags, e->key.size, e->value.size);

    e->record.size = size;
    return slab_alloc(e->slab, size, &e->record.block);
}

/* What it bears of a call, so that what follows is where it was. */
static uint32_t once_size(const struct once *o)
{
    return o ? ((uint32_t)sizeof *o + o->size + 7) & ~7u : 0;
}

static const struct once *copy_once(uint8_t *to, const struct once *from)
{
    struct once *o = (struct once *)to;

    *o = (struct once){.call = from->call, .size = from->size, .answer = to + sizeof *o};
    memcpy(o->answer, from->answer, from->size);
    return o;
}

static_assert(offsetof(struct effect, bytes) % 8 == 0);

mr_rc_t effect_new(struct slab *slab, const struct effect *like, struct effect **ret_e)
{
    uint32_t once = once_size(like->once);
    uint32_t size = (uint32_t)sizeof *like + once + like->key.size + like->value.size;
    slab_ref ref;
    mr_rc_t rc = slab_alloc(slab, size, &ref);

    if (rc != MR_OK)
        return rc;
    struct effect *e = slab_at(slab_base(slab), ref);

    *e = *like;
    e->slab = slab;
    e->self = ref;
    if (once)
        e->once = copy_once(e->bytes, like->once);
    e->key = copy(e->bytes + once, &like->key);
    e->value = copy(e->bytes + once + e->key.size, &like->value);
    if ((rc = take_block(e)) != MR_OK) {
        slab_free(slab, ref);
        return rc;
    }
    *ret_e = e;
    return MR_OK;
}

void effect_release(struct effect *e)
{
    if (e->record.block)
        slab_free(e->slab, e->record.block);
    e->record.block = 0;
    check(slab_ready(e->slab) == MR_OK);
    slab_retire(e->slab, e->self);
}

/* ---- as bytes ------------------------------------------------------------------------------- */

/*     0  kind        1  why        2  flags      3  kind of the object
 *     4  bytes of its name         5  kind of the key          6  kind of the value
 *     7  bytes of the key, 16 bits
 *     9  bytes of the value, 32 bits
 *    13  HAS_LIFE: when it ends, idle time, 64 bits each
 *        HAS_SOURCE: the client, 64 bits twice, and its thread, 64 bits
 *        HAS_ONCE: session, opno, first_incomplete, 64 bits each; size of the answer, 16 bits; it
 *        the name, the key, the value */
enum {
    HEAD = 13,
    LIFE = 16,
    SOURCE = 24,
    ONCE = 26,
    REPLACES = 1,
    OVER = 2,
    HAS_LIFE = 4,
    HAS_SOURCE = 8,
    HAS_ONCE = 16,
    FLAGS = 31
};

static const struct owner nobody;

static uint8_t flags_of(const struct effect *e)
{
    return (uint8_t)((e->replaces ? REPLACES : 0) | (e->over ? OVER : 0) |
                     (e->life.expires_ms || e->life.idle_ms ? HAS_LIFE : 0) |
                     (owner_is(&e->source, &nobody) ? 0 : HAS_SOURCE) | (e->once ? HAS_ONCE : 0));
}

static size_t fixed_size(uint8_t flags)
{
    return HEAD + (flags & HAS_LIFE ? LIFE : 0) + (flags & HAS_SOURCE ? SOURCE : 0) +
           (flags & HAS_ONCE ? ONCE : 0);
}

static uint8_t kind_of(const struct effect *e)
{
    return e->object ? (uint8_t)e->object->kind : e->map ? e->map->object_kind : 0;
}

static const char *name_of(const struct effect *e)
{
    return e->object ? e->object->name : e->map ? e->map->name : "";
}

static uint8_t *put_once(uint8_t *at, const struct once *o)
{
    put_le64(at, o->call.session);
    put_le64(at + 8, o->call.opno);
    put_le64(at + 16, o->call.first_incomplete);
    put_le16(at + 24, (uint16_t)o->size);
    memcpy(at + ONCE, o->answer, o->size);
    return at + ONCE + o->size;
}

static uint8_t *put_head(uint8_t *at, const struct effect *e, uint8_t flags, size_t name)
{
    const uint8_t head[] = {e->kind,       e->why,      flags,        kind_of(e),
                            (uint8_t)name, e->key.kind, e->value.kind};

    memcpy(at, head, sizeof head);
    put_le16(at + 7, (uint16_t)e->key.size);
    put_le32(at + 9, e->value.size);
    at += HEAD;
    if (flags & HAS_LIFE) {
        put_le64(at, e->life.expires_ms);
        put_le64(at + 8, e->life.idle_ms);
        at += LIFE;
    }
    if (flags & HAS_SOURCE) {
        put_le64(at, e->source.client_high);
        put_le64(at + 8, e->source.client_low);
        put_le64(at + 16, (uint64_t)e->source.thread);
        at += SOURCE;
    }
    return e->once ? put_once(at, e->once) : at;
}

void effect_write(const struct effect *e, struct sink *out)
{
    uint8_t flags = flags_of(e);
    const char *text = name_of(e);
    size_t name = strlen(text);
    uint32_t answer = e->once ? e->once->size : 0;
    uint8_t *at = sink_more(out, fixed_size(flags) + answer + name + e->key.size + e->value.size);

    if (!at)
        return;
    at = put_head(at, e, flags, name);
    memcpy(at, text, name);
    (void)copy(at + name, &e->key);
    (void)copy(at + name + e->key.size, &e->value);
}

/* What each kind has: a key; a value, of how many bytes at most. */
static const struct {
    bool key, value;
    uint32_t value_max;
} shapes[EFFECT_KINDS] = {
    [EFFECT_PUT] = {true, true, RECORD_VALUE_MAX},
    [EFFECT_ERASE] = {true, false, 0},
    [EFFECT_CLEAR] = {false, false, 0},
    [EFFECT_LOCK] = {true, true, EFFECT_REFERENCE},
    [EFFECT_CHANGE] = {false, true, EFFECT_CHANGE_MAX},
    [EFFECT_NOTHING] = {false, false, 0},
    [EFFECT_EXPIRE] = {false, true, EFFECT_SESSION},
    [EFFECT_SESSIONS] = {false, true, EFFECT_CHANGE_MAX},
};

static bool may_have_once(uint8_t kind, uint8_t flags)
{
    if (kind == EFFECT_NOTHING)
        return flags & HAS_ONCE;
    return !(flags & HAS_ONCE) || kind == EFFECT_PUT || kind == EFFECT_ERASE;
}

static bool is_known(const uint8_t *head, const struct effect *e)
{
    bool has_key = e->key.kind != DATA_NULL, has_value = e->value.kind != DATA_NULL;

    return e->kind < EFFECT_KINDS && !(head[2] & ~FLAGS) &&
           (head[4] > 0) == (e->kind < EFFECT_NOTHING) && may_have_once(e->kind, head[2]) &&
           e->key.kind <= RECORD_KIND && e->value.kind <= RECORD_KIND &&
           (has_key || e->key.size == 0) && (has_value || e->value.size == 0) &&
           has_key == shapes[e->kind].key && has_value == shapes[e->kind].value &&
           e->value.size <= shapes[e->kind].value_max &&
           (e->kind != EFFECT_LOCK || e->value.size == EFFECT_REFERENCE) &&
           (e->kind != EFFECT_EXPIRE || e->value.size == EFFECT_SESSION) &&
           (e->kind != EFFECT_SESSIONS || e->value.size > 0) &&
           (e->kind != EFFECT_CHANGE || e->why < CHANGE_KINDS);
}

/* NULL: it cannot be; else what is behind it, of which `left` bytes are there. */
static const uint8_t *read_once(const uint8_t *at, size_t left, struct once *ret)
{
    *ret = (struct once){.call = {get_le64(at), get_le64(at + 8), get_le64(at + 16)},
                         .size = get_le16(at + 24),
                         .answer = (uint8_t *)at + ONCE};
    if (ret->call.session == 0 || ret->call.first_incomplete > ret->call.opno ||
        ret->size > SESSION_RESULT_MAX || left - ONCE < ret->size)
        return NULL;
    return at + ONCE + ret->size;
}

mr_rc_t effect_read(const uint8_t *bytes, size_t size, struct effect *ret_like,
                    struct once *ret_once, struct effect_name *ret_name, size_t *ret_taken)
{
    if (size < HEAD)
        return MR_ERR_MALFORMED;
    uint8_t flags = bytes[2];
    struct effect e = {.kind = bytes[0],
                       .why = bytes[1],
                       .replaces = flags & REPLACES,
                       .over = flags & OVER,
                       .key = {NULL, get_le16(bytes + 7), bytes[5]},
                       .value = {NULL, get_le32(bytes + 9), bytes[6]}};
    size_t fixed = fixed_size(flags);
    const uint8_t *at = bytes + HEAD;

    if (!is_known(bytes, &e) || size < fixed + bytes[4] + e.key.size + e.value.size)
        return MR_ERR_MALFORMED;
    if (flags & HAS_LIFE) {
        e.life = (struct lifetime){get_le64(at), get_le64(at + 8)};
        at += LIFE;
    }
    if (flags & HAS_SOURCE) {
        e.source = (struct owner){get_le64(at), get_le64(at + 8), (int64_t)get_le64(at + 16)};
        at += SOURCE;
    }
    if (flags & HAS_ONCE) {
        if (!(at = read_once(at, (size_t)(bytes + size - at), ret_once)) ||
            (size_t)(bytes + size - at) < bytes[4] + e.key.size + e.value.size)
            return MR_ERR_MALFORMED;
        e.once = ret_once;
    }
    *ret_name = (struct effect_name){bytes[3], bytes[4], at};
    e.key.at = at + bytes[4];
    e.value.at = e.key.at + e.key.size;
    *ret_taken = (size_t)(e.value.at - bytes) + e.value.size;
    *ret_like = e;
    return MR_OK;
}
