#include "grid/store/journal.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

/* An event in the slab: this, then the bytes of key, old and value. */
struct stored {
    uint64_t time_ms, count;
    uint32_t key_size, old_size, value_size;
    uint8_t kind, key_kind, old_kind, value_kind;
    uint8_t bytes[];
};

mr_rc_t journal_new(struct slab *slab, uint32_t capacity, uint64_t bytes_max,
                    struct journal **ret_j)
{
    uint32_t slots = 1;

    while (slots < capacity)
        slots *= 2;

    struct journal *j = mem_alloc_zero(sizeof *j);
    slab_ref *ring = mem_alloc_zero(slots * sizeof *ring);

    if (!j || !ring) {
        mem_free(j);
        mem_free(ring);
        return MR_ERR_MEMORY;
    }
    *j = (struct journal){.slab = slab, .ring = ring, .capacity = slots, .bytes_max = bytes_max};
    *ret_j = j;
    return MR_OK;
}

static slab_ref *slot_of(const struct journal *j, uint64_t number)
{
    return &j->ring[number & (j->capacity - 1)];
}

static uint32_t stored_size(const struct stored *e)
{
    return (uint32_t)sizeof *e + e->key_size + e->old_size + e->value_size;
}

static void drop_first(struct journal *j)
{
    slab_ref *slot = slot_of(j, j->first++);

    if (*slot == 0)
        return;
    j->bytes -= slab_block_size(stored_size(slab_at(slab_base(j->slab), *slot)));
    slab_free(j->slab, *slot);
    *slot = 0;
}

void journal_trim(struct journal *j, uint64_t number)
{
    while (j->first < number && j->first < j->next)
        drop_first(j);
}

uint64_t journal_shed(struct journal *j, uint64_t bytes)
{
    uint64_t before = j->bytes;

    while (before - j->bytes < bytes && j->first < j->next)
        drop_first(j);
    return before - j->bytes;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    journal_trim(j, j->next);
    mem_free(j->ring);
    mem_free(j);
}

static uint8_t *copy(uint8_t *at, const struct data *d)
{
    if (d->size)
        memcpy(at, d->at, d->size);
    return at + d->size;
}

void journal_append(struct journal *j, const struct journal_event *e)
{
    uint64_t size = sizeof(struct stored) + (uint64_t)e->key.size + e->old.size + e->value.size;
    slab_ref ref = 0;

    if (j->next - j->first == j->capacity)
        drop_first(j);
    if (size <= SLAB_SPAN_MAX) { /* one that is larger than bytes_max may stand alone */
        while (j->first < j->next && j->bytes + slab_block_size((uint32_t)size) > j->bytes_max)
            drop_first(j);
        while (slab_alloc(j->slab, (uint32_t)size, &ref) != MR_OK && j->first < j->next)
            drop_first(j);
    }
    *slot_of(j, j->next++) = ref;
    if (ref == 0)
        return;

    struct stored *to = slab_at(slab_base(j->slab), ref);

    *to = (struct stored){e->time_ms, e->count,    e->key.size, e->old.size,  e->value.size,
                          e->kind,    e->key.kind, e->old.kind, e->value.kind};
    copy(copy(copy(to->bytes, &e->key), &e->old), &e->value);
    j->bytes += slab_block_size((uint32_t)size);
}

mr_rc_t journal_read(const struct journal *j, uint64_t from, struct journal_event *ret_e,
                     uint64_t *ret_lost)
{
    uint64_t at = from < j->first ? j->first : from;

    check(from <= j->next);
    while (at < j->next && *slot_of(j, at) == 0)
        at++;
    *ret_lost = at - from;
    if (at == j->next)
        return MR_NOT_FOUND;

    const struct stored *e = slab_at(slab_base(j->slab), *slot_of(j, at));
    const uint8_t *old = e->bytes + e->key_size, *value = old + e->old_size;

    *ret_e = (struct journal_event){.number = at,
                                    .time_ms = e->time_ms,
                                    .count = e->count,
                                    .kind = e->kind,
                                    .key = {e->bytes, e->key_size, e->key_kind},
                                    .old = {old, e->old_size, e->old_kind},
                                    .value = {value, e->value_size, e->value_kind}};
    return MR_OK;
}
