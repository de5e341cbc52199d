#include "grid/data/sequence.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

enum { CAPACITY_LEAST = 8, FEW = 16, IMAGE_VALUES = 256 };

/* A value in the slab. */
struct item {
    uint32_t size;
    uint8_t kind;
    uint8_t unused[3];
    uint8_t bytes[];
};

void sequence_init(struct sequence *s, struct slab *slab, struct account *account)
{
    *s = (struct sequence){.slab = slab, .account = account};
}

void sequence_free(struct sequence *s)
{
    account_return(s->account, s->capacity * sizeof s->ring[0]);
    mem_free(s->ring);
    *s = (struct sequence){.slab = s->slab, .account = s->account};
}

/* ---- items ---------------------------------------------------------------------------------- */

static struct item *item_at(const struct sequence *s, slab_ref ref)
{
    return slab_at(slab_base(s->slab), ref);
}

static uint32_t block_of(const struct data *value)
{
    return slab_block_size((uint32_t)sizeof(struct item) + value->size);
}

static mr_rc_t item_new(struct sequence *s, const struct data *value, slab_ref *ret_ref)
{
    mr_rc_t rc = slab_alloc(s->slab, (uint32_t)sizeof(struct item) + value->size, ret_ref);

    if (rc != MR_OK)
        return rc;
    struct item *i = item_at(s, *ret_ref);

    *i = (struct item){.size = value->size, .kind = value->kind};
    if (value->size)
        memcpy(i->bytes, value->at, value->size);
    return MR_OK;
}

/* ---- the ring ------------------------------------------------------------------------------- */

static slab_ref *slot(const struct sequence *s, uint32_t at)
{
    return &s->ring[(s->first + at) & (s->capacity - 1)];
}

/* A ring of another capacity, with the same row from its beginning on. */
static mr_rc_t resize(struct sequence *s, uint32_t capacity)
{
    slab_ref *ring;

    if (!account_charge(s->account, capacity * sizeof *ring))
        return MR_ERR_FULL;
    if (!(ring = mem_alloc(capacity * sizeof *ring))) {
        account_return(s->account, capacity * sizeof *ring);
        return MR_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < s->count; i++)
        ring[i] = *slot(s, i);
    account_return(s->account, s->capacity * sizeof *ring);
    mem_free(s->ring);
    s->ring = ring;
    s->capacity = capacity;
    s->first = 0;
    return MR_OK;
}

static mr_rc_t reserve(struct sequence *s, uint32_t n)
{
    uint32_t capacity = s->capacity ? s->capacity : CAPACITY_LEAST;

    if (n > SEQUENCE_MAX || s->count > SEQUENCE_MAX - n)
        return MR_ERR_FULL;
    while (capacity < s->count + n)
        capacity *= 2;
    return capacity == s->capacity ? MR_OK : resize(s, capacity);
}

/* After something was taken out. That there is no memory for a smaller ring does not matter. */
static void shrink(struct sequence *s)
{
    uint32_t capacity = s->capacity;

    if (s->count >= capacity / 8)
        return;
    while (capacity > CAPACITY_LEAST && s->count < capacity / 4)
        capacity /= 2;
    if (capacity < s->capacity)
        (void)!resize(s, capacity);
}

/* Makes n free slots at a place, of those that were reserved. */
static void open_gap(struct sequence *s, uint32_t at, uint32_t n)
{
    uint32_t behind = s->count - at;

    if (at < behind) {
        s->first = (s->first - n) & (s->capacity - 1);
        for (uint32_t i = 0; i < at; i++)
            *slot(s, i) = *slot(s, i + n);
    } else {
        for (uint32_t i = s->count; i-- > at;)
            *slot(s, i + n) = *slot(s, i);
    }
    s->count += n;
}

static void close_gap(struct sequence *s, uint32_t at)
{
    uint32_t behind = s->count - at - 1;

    if (at < behind) {
        for (uint32_t i = at; i-- > 0;)
            *slot(s, i + 1) = *slot(s, i);
        s->first = (s->first + 1) & (s->capacity - 1);
    } else {
        for (uint32_t i = at; i + 1 < s->count; i++)
            *slot(s, i) = *slot(s, i + 1);
    }
    s->count--;
}

/* ---- values --------------------------------------------------------------------------------- */

struct data sequence_at(const struct sequence *s, uint32_t at)
{
    check(at < s->count);
    const struct item *i = item_at(s, *slot(s, at));

    return (struct data){i->bytes, i->size, i->kind};
}

/* Gives back items that nobody has seen. */
static void unmake(struct sequence *s, const slab_ref *made, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        slab_free(s->slab, made[i]);
}

static mr_rc_t make(struct sequence *s, const struct data *values, uint32_t n, slab_ref *made)
{
    for (uint32_t i = 0; i < n; i++) {
        mr_rc_t rc = item_new(s, &values[i], &made[i]);

        if (rc != MR_OK) {
            unmake(s, made, i);
            return rc;
        }
    }
    return MR_OK;
}

static mr_rc_t insert(struct sequence *s, uint32_t at, const struct data *values, uint32_t n,
                      slab_ref *made)
{
    mr_rc_t rc = make(s, values, n, made);

    if (rc != MR_OK)
        return rc;
    if ((rc = reserve(s, n)) != MR_OK) {
        unmake(s, made, n);
        return rc;
    }
    open_gap(s, at, n);
    for (uint32_t i = 0; i < n; i++) {
        *slot(s, at + i) = made[i];
        s->bytes += block_of(&values[i]);
    }
    return MR_OK;
}

mr_rc_t sequence_insert(struct sequence *s, uint32_t at, const struct data *values, uint32_t n)
{
    slab_ref few[FEW], *made = n <= FEW ? few : mem_alloc(n * sizeof *made);

    check(at <= s->count);
    if (!made)
        return MR_ERR_MEMORY;
    mr_rc_t rc = insert(s, at, values, n, made);

    if (made != few)
        mem_free(made);
    return rc;
}

mr_rc_t sequence_set(struct sequence *s, uint32_t at, const struct data *value)
{
    struct data old = sequence_at(s, at);
    slab_ref ref;
    mr_rc_t rc = item_new(s, value, &ref);

    if (rc != MR_OK)
        return rc;
    s->bytes += block_of(value);
    s->bytes -= block_of(&old);
    slab_retire(s->slab, *slot(s, at));
    *slot(s, at) = ref;
    return MR_OK;
}

mr_rc_t sequence_remove(struct sequence *s, uint32_t at)
{
    struct data old = sequence_at(s, at);
    mr_rc_t rc = slab_ready(s->slab);

    if (rc != MR_OK)
        return rc;
    s->bytes -= block_of(&old);
    slab_retire(s->slab, *slot(s, at));
    close_gap(s, at);
    shrink(s);
    return MR_OK;
}

mr_rc_t sequence_remove_first(struct sequence *s, uint32_t n,
                              void (*gone)(void *context, const struct data *value), void *context)
{
    struct slab_batch *batch = n > 0 ? slab_batch_new(s->slab, n) : NULL;

    check(n <= s->count);
    if (n == 0)
        return MR_OK;
    if (!batch)
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++) {
        struct data old = sequence_at(s, i);

        gone(context, &old);
        s->bytes -= block_of(&old);
        slab_batch_add(batch, *slot(s, i));
    }
    slab_batch_retire(batch);
    s->first = (s->first + n) & (s->capacity - 1);
    s->count -= n;
    shrink(s);
    return MR_OK;
}

mr_rc_t sequence_remove_if(struct sequence *s,
                           bool (*goes)(void *context, const struct data *value), void *context,
                           uint32_t *ret_gone)
{
    struct slab_batch *batch = s->count ? slab_batch_new(s->slab, s->count) : NULL;
    uint32_t stay = 0;

    *ret_gone = 0;
    if (s->count == 0)
        return MR_OK;
    if (!batch)
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < s->count; i++) {
        struct data value = sequence_at(s, i);

        if (goes(context, &value)) {
            s->bytes -= block_of(&value);
            slab_batch_add(batch, *slot(s, i));
        } else {
            *slot(s, stay++) = *slot(s, i);
        }
    }
    slab_batch_retire(batch);
    *ret_gone = s->count - stay;
    s->count = stay;
    shrink(s);
    return MR_OK;
}

void sequence_image(const struct sequence *s, void (*give)(void *context, const struct change *x),
                    void *context)
{
    struct data values[IMAGE_VALUES];

    for (uint32_t at = 0; at < s->count;) {
        uint32_t n = s->count - at < IMAGE_VALUES ? s->count - at : IMAGE_VALUES;

        for (uint32_t i = 0; i < n; i++)
            values[i] = sequence_at(s, at + i);
        n = change_fit(values, n);
        give(context, &(struct change){CHANGE_INSERT, at, 0, values, n});
        at += n;
    }
}

int32_t sequence_find(const struct sequence *s, const struct data *value)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct data here = sequence_at(s, i);

        if (data_equal(&here, value))
            return (int32_t)i;
    }
    return SEQUENCE_NONE;
}

int32_t sequence_find_last(const struct sequence *s, const struct data *value)
{
    for (uint32_t i = s->count; i-- > 0;) {
        struct data here = sequence_at(s, i);

        if (data_equal(&here, value))
            return (int32_t)i;
    }
    return SEQUENCE_NONE;
}

void sequence_check(const struct sequence *s)
{
    uint64_t bytes = 0;

    check((s->capacity & (s->capacity - 1)) == 0);
    check(s->count <= s->capacity);
    check((s->ring == NULL) == (s->capacity == 0));
    for (uint32_t i = 0; i < s->count; i++) {
        struct data value = sequence_at(s, i);

        check(*slot(s, i) != 0);
        bytes += block_of(&value);
    }
    check(s->bytes == bytes);
}
