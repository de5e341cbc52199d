#include "grid/data/ringbuffer.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

enum { ENDS_SIZE = 8 };

/* ---- life ----------------------------------------------------------------------------------- */

static const struct object_copy copy;

mr_rc_t ringbuffer_new(struct partitions *ps, const char *name,
                       const struct ringbuffer_rules *rules, struct object **ret_o)
{
    struct ringbuffer *rb = mem_alloc_zero(sizeof *rb);

    check(rules->capacity > 0);
    if (!rb)
        return MR_ERR_MEMORY;
    if (object_init(&rb->object, OBJECT_RINGBUFFER, name, ps) != MR_OK) {
        ringbuffer_free(&rb->object);
        return MR_ERR_MEMORY;
    }
    sequence_init(&rb->items, object_partition(&rb->object)->slab, &ps->account);
    rb->capacity = rules->capacity;
    rb->ttl_ms = rules->ttl_ms;
    waits_init(&rb->readers);
    rb->object.copy = &copy;
    *ret_o = &rb->object;
    return MR_OK;
}

void ringbuffer_free(struct object *o)
{
    struct ringbuffer *rb = (struct ringbuffer *)o;

    if (rb->items.account)
        sequence_free(&rb->items);
    object_deinit(o);
    mem_free(rb);
}

mr_rc_t ringbuffer_destroy(struct object *o)
{
    struct ringbuffer *rb = (struct ringbuffer *)o;
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    if ((rc = object_change(o, &(struct change){.kind = CHANGE_EMPTY})) == MR_OK)
        waits_end(&rb->readers);
    object_unlock(o);
    return rc;
}

/* ---- changes -------------------------------------------------------------------------------- */

static int64_t head_of(const struct ringbuffer *rb)
{
    return rb->next - rb->items.count;
}

static void overwritten(void *context, const struct data *value)
{
    (void)context, (void)value;
}

static mr_rc_t remove_first(struct ringbuffer *rb, uint32_t n)
{
    return sequence_remove_first(&rb->items, n, overwritten, NULL);
}

/* Does each say when it ends, where it has to? Not, if another member has other rules. */
static bool are_whole(const struct ringbuffer *rb, const struct change *x)
{
    for (uint32_t i = 0; rb->ttl_ms && i < x->count; i++)
        if (x->values[i].size < ENDS_SIZE)
            return false;
    return true;
}

/* With no memory to take the oldest out it has a few more for a while, which hurts nobody. */
static mr_rc_t append(struct ringbuffer *rb, const struct change *x)
{
    if (!are_whole(rb, x))
        return MR_ERR_ARGUMENT;
    mr_rc_t rc = sequence_insert(&rb->items, rb->items.count, x->values, x->count);

    if (rc != MR_OK)
        return rc;
    rb->next += x->count;
    if (rb->items.count > rb->capacity)
        (void)!remove_first(rb, rb->items.count - rb->capacity);
    return MR_OK;
}

static mr_rc_t remove_before(struct ringbuffer *rb, int64_t number)
{
    if (number <= head_of(rb))
        return MR_OK;
    return number > rb->next ? MR_ERR_ARGUMENT : remove_first(rb, (uint32_t)(number - head_of(rb)));
}

static mr_rc_t empty(struct ringbuffer *rb)
{
    mr_rc_t rc = remove_first(rb, rb->items.count);

    if (rc == MR_OK)
        rb->next = 0;
    return rc;
}

static mr_rc_t number(struct ringbuffer *rb, uint64_t from)
{
    if (rb->items.count > 0 || from > INT64_MAX)
        return MR_ERR_ARGUMENT;
    rb->next = (int64_t)from;
    return MR_OK;
}

static mr_rc_t apply(struct object *o, const struct change *x)
{
    struct ringbuffer *rb = (struct ringbuffer *)o;

    switch (x->kind) {
    case CHANGE_INSERT: return append(rb, x);
    case CHANGE_REMOVE: return remove_before(rb, (int64_t)x->at);
    case CHANGE_EMPTY: return empty(rb);
    case CHANGE_NUMBER: return number(rb, x->at);
    default: return MR_ERR_ARGUMENT;
    }
}

static void image(struct object *o, void (*give)(void *context, const struct change *x),
                  void *context)
{
    struct ringbuffer *rb = (struct ringbuffer *)o;

    give(context, &(struct change){.kind = CHANGE_NUMBER, .at = (uint64_t)head_of(rb)});
    sequence_image(&rb->items, give, context);
}

static void wake(struct object *o)
{
    waits_wake_all(&((struct ringbuffer *)o)->readers);
}

static const struct object_copy copy = {apply, image, wake};

/* ---- time ----------------------------------------------------------------------------------- */

static uint64_t ends_ms(const struct data *item)
{
    uint64_t ms;

    memcpy(&ms, item->at, sizeof ms);
    return ms;
}

static struct data value_at(const struct ringbuffer *rb, uint32_t at)
{
    struct data item = sequence_at(&rb->items, at);

    return rb->ttl_ms ? (struct data){item.at + ENDS_SIZE, item.size - ENDS_SIZE, item.kind} : item;
}

/* The values as they are kept, in memory that is the caller's to free. NULL: no memory. */
static struct data *with_ends(const struct data *values, uint32_t n, uint64_t ends)
{
    size_t size = 0;

    for (uint32_t i = 0; i < n; i++)
        size += ENDS_SIZE + values[i].size;
    struct data *items = mem_alloc(n * sizeof *items + size + 1);
    uint8_t *at = items ? (uint8_t *)(items + n) : NULL;

    for (uint32_t i = 0; items && i < n; i++) {
        items[i] = (struct data){at, ENDS_SIZE + values[i].size, values[i].kind};
        memcpy(at, &ends, ENDS_SIZE);
        if (values[i].size)
            memcpy(at + ENDS_SIZE, values[i].at, values[i].size);
        at += items[i].size;
    }
    return items;
}

/* With no memory to take them out they stay a moment longer. */
static void expire(struct ringbuffer *rb)
{
    uint64_t now = clock_ms();
    uint32_t n = 0;

    if (rb->ttl_ms == 0)
        return;
    for (; n < rb->items.count; n++) {
        struct data item = sequence_at(&rb->items, n);

        if (ends_ms(&item) > now)
            break;
    }
    if (n > 0)
        (void)!object_change(&rb->object, &(struct change){.kind = CHANGE_REMOVE,
                                                           .at = (uint64_t)(head_of(rb) + n)});
}

/* ---- writing -------------------------------------------------------------------------------- */

/* While there are more than the capacity for want of memory, none. */
static uint32_t room_of(const struct ringbuffer *rb)
{
    if (rb->ttl_ms == 0)
        return rb->capacity;
    return rb->items.count < rb->capacity ? rb->capacity - rb->items.count : 0;
}

/* Of what it is given; *done is raised by how many have been added. */
static mr_rc_t append_all(struct ringbuffer *rb, const struct data *items, uint32_t n,
                          uint32_t *done)
{
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && n > 0) {
        uint32_t fit = change_fit(items, n);

        rc = object_change(&rb->object, &(struct change){CHANGE_INSERT, 0, 0, items, fit});
        *done += rc == MR_OK ? fit : 0;
        items += fit;
        n -= fit;
    }
    return rc;
}

static mr_rc_t add_locked(struct ringbuffer *rb, const struct data *values, uint32_t n,
                          bool overwrite, uint32_t *done)
{
    if (!overwrite && n > room_of(rb))
        return MR_ERR_BUSY;
    for (uint32_t i = 0; i < n; i++)
        if (values[i].size + (rb->ttl_ms ? ENDS_SIZE : 0) > rb->object.value_max)
            return MR_ERR_TOO_LARGE;
    if (rb->ttl_ms == 0)
        return append_all(rb, values, n, done);

    struct data *items = with_ends(values, n, clock_ms() + rb->ttl_ms);
    mr_rc_t rc = items ? append_all(rb, items, n, done) : MR_ERR_MEMORY;

    mem_free(items);
    return rc;
}

static mr_rc_t add(struct ringbuffer *rb, const struct data *values, uint32_t n, bool overwrite,
                   uint32_t *done, int64_t *ret_last)
{
    mr_rc_t rc = object_lock(&rb->object, NULL);
    uint32_t before = *done;

    if (rc != MR_OK)
        return rc;
    expire(rb);
    rc = add_locked(rb, values + before, n - before, overwrite, done);
    if (*done > before || rc == MR_OK)
        waits_wake_all(&rb->readers);
    if (rc == MR_OK)
        *ret_last = rb->next - 1;
    object_unlock(&rb->object);
    return rc;
}

mr_rc_t ringbuffer_add(struct ringbuffer *rb, const struct data *values, uint32_t n, bool overwrite,
                       int64_t *ret_last)
{
    uint32_t done = 0;
    mr_rc_t rc;

    for (uint32_t try = 0; (rc = add(rb, values, n, overwrite, &done, ret_last)) == MR_ERR_FULL;
         try++)
        if (!object_make_room(&rb->object, try))
            break;
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------- */

void ringbuffer_facts(struct ringbuffer *rb, struct ringbuffer_facts *ret_facts)
{
    object_look(&rb->object);
    expire(rb);
    *ret_facts = (struct ringbuffer_facts){.head = head_of(rb),
                                           .tail = rb->next - 1,
                                           .size = rb->items.count,
                                           .capacity = rb->capacity,
                                           .room = room_of(rb)};
    object_unlock(&rb->object);
}

static mr_rc_t read_locked(struct ringbuffer *rb, int64_t number, uint32_t least, uint32_t most,
                           struct waiter *w, value_visit visit, void *context, uint32_t *ret_n)
{
    if (number > rb->next || least > most || least > rb->capacity)
        return MR_ERR_ARGUMENT;
    if (number < head_of(rb))
        return MR_ERR_STALE;
    uint32_t n = (uint32_t)(rb->next - number), at = rb->items.count - n;

    if (n < least)
        return w ? object_wait(&rb->object, &rb->readers, w) : MR_NOT_FOUND;
    n = n < most ? n : most;
    for (uint32_t i = 0; i < n; i++) {
        struct data value = value_at(rb, at + i);

        visit(context, &value);
    }
    *ret_n = n;
    return MR_OK;
}

mr_rc_t ringbuffer_read_many(struct ringbuffer *rb, int64_t number, uint32_t least, uint32_t most,
                             struct waiter *w, value_visit visit, void *context, uint32_t *ret_n)
{
    mr_rc_t rc = object_lock(&rb->object, w);

    if (rc != MR_OK)
        return rc;
    expire(rb);
    rc = read_locked(rb, number, least, most, w, visit, context, ret_n);
    object_unlock(&rb->object);
    return rc;
}

static void keep(void *context, const struct data *value)
{
    *(struct data *)context = *value;
}

mr_rc_t ringbuffer_read(struct ringbuffer *rb, int64_t number, struct waiter *w,
                        struct data *ret_value)
{
    uint32_t n;

    return ringbuffer_read_many(rb, number, 1, 1, w, keep, ret_value, &n);
}
