#include "grid/data/queue.h"

#include "net/base/mem.h"

/* ---- life ----------------------------------------------------------------------------------- */

static void wake_putters(struct collection *c, uint32_t n)
{
    waits_wake_some(&((struct queue *)c)->putters, n);
}

static void wake(struct object *o)
{
    struct queue *q = (struct queue *)o;

    waits_wake_all(&q->takers);
    waits_wake_all(&q->putters);
}

static const struct object_copy copy = {collection_apply, collection_image, wake};

mr_rc_t queue_new(struct partitions *ps, const char *name, uint32_t size_max, struct object **ret_o)
{
    struct queue *q = mem_alloc_zero(sizeof *q);

    if (!q)
        return MR_ERR_MEMORY;
    if (object_init(&q->collection.object, OBJECT_QUEUE, name, ps) != MR_OK) {
        queue_free(&q->collection.object);
        return MR_ERR_MEMORY;
    }
    collection_init(&q->collection);
    q->collection.object.copy = &copy;
    q->collection.gone = wake_putters;
    q->size_max = size_max;
    waits_init(&q->takers);
    waits_init(&q->putters);
    *ret_o = &q->collection.object;
    return MR_OK;
}

void queue_free(struct object *o)
{
    collection_deinit((struct collection *)o);
    mem_free(o);
}

mr_rc_t queue_destroy(struct object *o)
{
    struct queue *q = (struct queue *)o;
    mr_rc_t rc = object_lock(o, NULL);

    if (rc != MR_OK)
        return rc;
    if ((rc = collection_empty_locked(&q->collection)) == MR_OK) {
        waits_end(&q->takers);
        waits_end(&q->putters);
    }
    object_unlock(o);
    return rc;
}

/* ---- in ------------------------------------------------------------------------------------- */

static uint32_t room(const struct queue *q)
{
    uint32_t size = q->collection.items.count;

    return size < q->size_max ? q->size_max - size : 0;
}

static mr_rc_t add(struct queue *q, const struct data *values, uint32_t n, uint32_t *done)
{
    uint32_t before = *done;
    mr_rc_t rc = collection_add_locked(&q->collection, q->collection.items.count, values, n, done);

    waits_wake_some(&q->takers, *done - before);
    return rc;
}

static mr_rc_t offer(struct queue *q, const struct data *value, struct waiter *w)
{
    struct object *o = &q->collection.object;
    mr_rc_t rc = object_lock(o, w);
    uint32_t done = 0;

    if (rc != MR_OK)
        return rc;
    rc = room(q) > 0 ? add(q, value, 1, &done) : object_wait(o, &q->putters, w);
    if (room(q) > 0)
        waits_wake(&q->putters);
    object_unlock(o);
    return rc;
}

mr_rc_t queue_offer(struct queue *q, const struct data *value, struct waiter *w)
{
    mr_rc_t rc;

    for (uint32_t try = 0; (rc = offer(q, value, w)) == MR_ERR_FULL; try++)
        if (!object_make_room(&q->collection.object, try))
            break;
    return rc;
}

static mr_rc_t add_all(struct queue *q, const struct data *values, uint32_t n, uint32_t *done)
{
    mr_rc_t rc = object_lock(&q->collection.object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = room(q) >= n - *done ? add(q, values, n, done) : MR_ERR_BUSY;
    object_unlock(&q->collection.object);
    return rc;
}

mr_rc_t queue_add_all(struct queue *q, const struct data *values, uint32_t n)
{
    uint32_t done = 0;
    mr_rc_t rc;

    for (uint32_t try = 0; (rc = add_all(q, values, n, &done)) == MR_ERR_FULL; try++)
        if (!object_make_room(&q->collection.object, try))
            break;
    return rc;
}

/* ---- out ------------------------------------------------------------------------------------ */

mr_rc_t queue_poll(struct queue *q, struct waiter *w, struct data *ret_value)
{
    struct object *o = &q->collection.object;
    mr_rc_t rc = object_lock(o, w);

    if (rc != MR_OK)
        return rc;
    if (q->collection.items.count > 0)
        rc = collection_take_locked(&q->collection, 0, ret_value);
    else
        rc = w ? object_wait(o, &q->takers, w) : MR_NOT_FOUND;
    if (q->collection.items.count > 0)
        waits_wake(&q->takers);
    object_unlock(o);
    return rc;
}

mr_rc_t queue_peek(struct queue *q, struct data *ret_value)
{
    mr_rc_t rc = MR_NOT_FOUND;

    object_look(&q->collection.object);
    if (q->collection.items.count > 0) {
        *ret_value = sequence_at(&q->collection.items, 0);
        rc = MR_OK;
    }
    object_unlock(&q->collection.object);
    return rc;
}

/* How many of the first n values have so many bytes; one in any case, if there is one. */
static uint32_t that_fit(const struct queue *q, uint32_t n, uint64_t bytes_max)
{
    const struct sequence *items = &q->collection.items;
    uint64_t bytes = 0;
    uint32_t i = 0;

    for (; i < n && i < items->count; i++) {
        struct data value = sequence_at(items, i);

        bytes += value.size + QUEUE_VALUE_HEAD;
        if (i > 0 && bytes > bytes_max)
            break;
    }
    return i;
}

mr_rc_t queue_drain(struct queue *q, uint32_t n, uint64_t bytes_max, value_visit visit,
                    void *context)
{
    mr_rc_t rc = object_lock(&q->collection.object, NULL);

    if (rc != MR_OK)
        return rc;
    rc = collection_drain_locked(&q->collection, that_fit(q, n, bytes_max), visit, context);
    object_unlock(&q->collection.object);
    return rc;
}

uint32_t queue_remaining(struct queue *q)
{
    object_look(&q->collection.object);
    uint32_t n = room(q);
    object_unlock(&q->collection.object);
    return n;
}
