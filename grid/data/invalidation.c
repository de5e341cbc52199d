#include "grid/data/invalidation.h"

#include "net/base/clock.h"
#include "net/base/hash.h"
#include "net/base/mem.h"

void invalidation_init(struct invalidation *i, struct partitions *ps)
{
    *i = (struct invalidation){.partitions = ps};
    watchers_init(&i->watchers);
    pthread_mutex_init(&i->lock, NULL);
}

void invalidation_free(struct invalidation *i)
{
    watchers_free(&i->watchers);
    pthread_mutex_destroy(&i->lock);
    mem_free(i->sequences);
}

/* Numbers for all partitions; or, where there are some, one left out in each. */
static mr_rc_t begin(struct invalidation *i)
{
    uint32_t count = i->partitions->count;

    if (!i->sequences)
        return (i->sequences = mem_alloc_zero(count * sizeof i->sequences[0])) ? MR_OK
                                                                               : MR_ERR_MEMORY;
    for (uint32_t k = 0; k < count; k++) {
        partition_lock(&i->partitions->at[k]);
        i->sequences[k]++;
        partition_unlock(&i->partitions->at[k]);
    }
    return MR_OK;
}

mr_rc_t invalidation_watch(struct invalidation *i, struct watcher *w)
{
    mr_rc_t rc = MR_OK;

    w->kinds = OBJECT_INVALIDATED;
    pthread_mutex_lock(&i->lock);
    if (i->watching == 0)
        rc = begin(i);
    if (rc == MR_OK && (rc = watchers_add(&i->watchers, i->partitions, w)) == MR_OK)
        i->watching++;
    pthread_mutex_unlock(&i->lock);
    return rc;
}

void invalidation_unwatch(struct invalidation *i, struct watcher *w)
{
    pthread_mutex_lock(&i->lock);
    watchers_remove(&i->watchers, i->partitions, w);
    i->watching--;
    pthread_mutex_unlock(&i->lock);
}

uint64_t invalidation_last(struct invalidation *i, uint32_t partition)
{
    pthread_mutex_lock(&i->lock);
    partition_lock(&i->partitions->at[partition]);
    uint64_t last = i->sequences ? i->sequences[partition] : 0;
    partition_unlock(&i->partitions->at[partition]);
    pthread_mutex_unlock(&i->lock);
    return last;
}

void invalidation_partition_uuid(const struct partitions *ps, uint32_t partition,
                                 uint64_t *ret_high, uint64_t *ret_low)
{
    *ret_high = XXH3_64bits_withSeed(&partition, sizeof partition, ps->identity);
    *ret_low = XXH3_64bits_withSeed(&partition, sizeof partition, ~ps->identity);
}

void invalidation_tell(struct invalidation *i, uint32_t partition, const struct data *key,
                       const struct owner *source)
{
    watchers_tell(&i->watchers, &(struct object_event){.kind = OBJECT_INVALIDATED,
                                                       .partition = partition,
                                                       .time_ms = clock_ms(),
                                                       .key = key ? *key : (struct data){0},
                                                       .sequence = ++i->sequences[partition],
                                                       .source = *source});
}
