#define _GNU_SOURCE
#include "net/frame.h"

#include <string.h>

#include "net/base/littleend.h"
#include "net/base/mem.h"
#include "net/wire/wire.h"

enum { PARTS_MAX = 8, KEPT_LEAST = 1024 };

/* A message of which some fragments have come. */
struct part {
    struct list node;
    uint64_t id;
    size_t size;
    uint8_t *at;
};

void frames_init(struct frames *f, size_t limit)
{
    *f = (struct frames){.limit = limit};
    list_init(&f->parts);
    list_init(&f->whole);
}

static void part_free(struct frames *f, struct part *p)
{
    list_remove(&p->node);
    f->parts_size -= p->size;
    mem_free(p->at);
    mem_free(p);
}

static void free_all(struct frames *f, struct list *parts)
{
    while (parts->next && !list_is_empty(parts))
        part_free(f, list_owner(parts->next, struct part, node));
}

void frames_free(struct frames *f)
{
    free_all(f, &f->parts);
    free_all(f, &f->whole);
    mem_free(f->at);
    f->at = NULL;
    f->size = f->room = 0;
}

/* ---- one message ---------------------------------------------------------------------------- */

/* The size of the message at the front, 0 when its end is not there yet. *seen is where to go on
 * looking. */
static mr_rc_t measure(const uint8_t *at, size_t size, size_t limit, size_t *seen, size_t *ret_size)
{
    size_t end = *seen; /* of the frames that are there */
    bool final = false;

    *ret_size = 0;
    while (!final && size - end >= FRAME_HEADER) {
        uint32_t length = get_le32(at + end);

        if (length < FRAME_HEADER)
            return MR_ERR_MALFORMED;
        if (length > limit || end > limit - length)
            return MR_ERR_TOO_LARGE;
        if (length > size - end)
            break;
        final = get_le16(at + end + 4) & FRAME_FINAL;
        end += length;
    }
    *seen = final ? 0 : end;
    *ret_size = final ? end : 0;
    return MR_OK;
}

/* ---- fragments ------------------------------------------------------------------------------ */

static struct part *part_find(struct frames *f, uint64_t id)
{
    for (struct list *node = f->parts.next; node != &f->parts; node = node->next) {
        struct part *p = list_owner(node, struct part, node);

        if (p->id == id)
            return p;
    }
    return NULL;
}

static struct part *part_new(struct frames *f, uint64_t id)
{
    struct part *p = mem_alloc_zero(sizeof *p);

    if (!p)
        return NULL;
    p->id = id;
    list_add_last(&f->parts, &p->node);
    return p;
}

static mr_rc_t part_append(struct frames *f, struct part *p, const uint8_t *bytes, size_t size)
{
    uint8_t *at;

    if (size > f->limit - f->parts_size)
        return MR_ERR_TOO_LARGE;
    if (!(at = mem_realloc(p->at, p->size + size + 1)))
        return MR_ERR_MEMORY;
    memcpy(at + p->size, bytes, size);
    p->at = at;
    p->size += size;
    f->parts_size += size;
    return MR_OK;
}

/* The last frame of a fragment is marked as final and is not. */
static void clear_final(uint8_t *at, size_t size)
{
    size_t last = 0;

    for (size_t next = 0; next < size; next += get_le32(at + next))
        last = next;
    if (size >= FRAME_HEADER)
        at[last + 5] &= (uint8_t) ~(FRAME_FINAL >> 8);
}

static uint32_t parts_count(const struct frames *f)
{
    uint32_t n = 0;

    for (const struct list *node = f->parts.next; node != &f->parts; node = node->next)
        n++;
    return n;
}

/* A fragment: a frame with the id of the whole, then frames of it. */
static mr_rc_t take_fragment(struct frames *f, const uint8_t *bytes, size_t size,
                             frames_taker *take, void *context, bool *ret_more)
{
    uint16_t flags = get_le16(bytes + 4);
    uint32_t first = get_le32(bytes);
    bool begins = flags & FRAME_BEGIN_FRAGMENT, ends = flags & FRAME_END_FRAGMENT;
    uint64_t id;
    mr_rc_t rc;

    if (first < FRAME_HEADER + sizeof id || first == size)
        return MR_ERR_MALFORMED;
    memcpy(&id, bytes + FRAME_HEADER, sizeof id);

    struct part *p = part_find(f, id);

    if (begins ? p != NULL || parts_count(f) == PARTS_MAX : p == NULL)
        return MR_ERR_MALFORMED;
    if (begins && !(p = part_new(f, id)))
        return MR_ERR_MEMORY;
    if ((rc = part_append(f, p, bytes + first, size - first)) != MR_OK)
        return rc;
    if (!ends) {
        clear_final(p->at + p->size - (size - first), size - first);
        return MR_OK;
    }
    list_remove(&p->node);
    list_add_last(&f->whole, &p->node);
    *ret_more = take(context, p->at, p->size);
    return MR_OK;
}

/* ---- the stream ----------------------------------------------------------------------------- */

static mr_rc_t keep(struct frames *f, const uint8_t *bytes, size_t size)
{
    if (size > f->room - f->size) {
        size_t room = f->room ? f->room : KEPT_LEAST;
        uint8_t *at;

        while (room - f->size < size)
            room *= 2;
        if (!(at = mem_realloc(f->at, room)))
            return MR_ERR_MEMORY;
        f->at = at;
        f->room = room;
    }
    memcpy(f->at + f->size, bytes, size);
    f->size += size;
    return MR_OK;
}

/* Hands on the whole messages at the front; *ret_used is where the first that is not begins. */
static mr_rc_t hand_on(struct frames *f, const uint8_t *at, size_t size, frames_taker *take,
                       void *context, size_t *ret_used)
{
    size_t used = 0, whole;
    bool more = true;
    mr_rc_t rc = MR_OK;

    while (more && rc == MR_OK) {
        rc = measure(at + used, size - used, f->limit, &f->seen, &whole);
        if (rc != MR_OK || whole == 0)
            break;
        if ((get_le16(at + used + 4) & FRAME_UNFRAGMENTED) == FRAME_UNFRAGMENTED)
            more = take(context, at + used, whole);
        else
            rc = take_fragment(f, at + used, whole, take, context, &more);
        used += whole;
    }
    (void)take(context, NULL, 0);
    free_all(f, &f->whole);
    *ret_used = used;
    return rc;
}

/* An idle connection keeps no room. */
static void drop_front(struct frames *f, size_t used)
{
    f->size -= used;
    if (f->size > 0) {
        memmove(f->at, f->at + used, f->size);
    } else {
        mem_free(f->at);
        f->at = NULL;
        f->room = 0;
    }
}

mr_rc_t frames_feed(struct frames *f, const uint8_t *piece, size_t size, frames_taker *take,
                    void *context)
{
    size_t used;
    mr_rc_t rc;

    if (f->size == 0) {
        if ((rc = hand_on(f, piece, size, take, context, &used)) != MR_OK)
            return rc;
        return used < size ? keep(f, piece + used, size - used) : MR_OK;
    }
    if (size > 0 && (rc = keep(f, piece, size)) != MR_OK)
        return rc;
    rc = hand_on(f, f->at, f->size, take, context, &used);
    drop_front(f, used);
    return rc;
}
