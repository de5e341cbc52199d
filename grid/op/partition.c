#include "grid/op/partition.h"

#include <unistd.h>

#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/base/rand.h"

/* Two slabs a core, so that two writers meet at one only every other time, and then briefly. */
static uint32_t slabs_wanted(uint32_t partitions)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t n = 1;

    while (n < PARTITION_SLABS_MAX && n < 2 * (uint32_t)(cores > 0 ? cores : 1) && n < partitions)
        n *= 2;
    return n <= partitions ? n : partitions;
}

/* Called under a slab's lock. */
static void wake_preparer(void *context)
{
    struct partitions *ps = context;

    pthread_mutex_lock(&ps->prepare_lock);
    ps->wanted = true;
    pthread_cond_signal(&ps->prepare_wanted);
    pthread_mutex_unlock(&ps->prepare_lock);
}

static void prepare(void *context)
{
    struct partitions *ps = context;

    pthread_mutex_lock(&ps->prepare_lock);
    while (!ps->stopping) {
        if (!ps->wanted) {
            pthread_cond_wait(&ps->prepare_wanted, &ps->prepare_lock);
            continue;
        }
        ps->wanted = false;
        pthread_mutex_unlock(&ps->prepare_lock);
        for (uint32_t i = 0; i < ps->slab_count; i++)
            slab_prepare(ps->slabs[i]);
        pthread_mutex_lock(&ps->prepare_lock);
    }
    pthread_mutex_unlock(&ps->prepare_lock);
}

mr_rc_t partitions_start(struct partitions *ps, uint32_t count, uint64_t memory_max)
{
    mr_rc_t rc = MR_ERR_MEMORY;

    check(count > 0);
    *ps =
        (struct partitions){.count = count, .account.limit = memory_max ? memory_max : UINT64_MAX};
    ps->identity = rand_seed();
    pthread_mutex_init(&ps->prepare_lock, NULL);
    pthread_cond_init(&ps->prepare_wanted, NULL);
    if (!(ps->at = mem_alloc_aligned(64, count * sizeof *ps->at)))
        goto fail;
    for (uint32_t i = 0; i < count; i++)
        pthread_mutex_init(&ps->at[i].lock, NULL);
    for (uint32_t n = slabs_wanted(count); ps->slab_count < n; ps->slab_count++)
        if (!(ps->slabs[ps->slab_count] = slab_new(&ps->account, wake_preparer, ps)))
            goto fail;
    for (uint32_t i = 0; i < count; i++)
        ps->at[i].slab = ps->slabs[partitions_slab_of(ps, i)];
    if ((rc = thread_start(&ps->preparer, "mr-memory", prepare, ps)) != MR_OK)
        goto fail;
    ps->preparing = true;
    return MR_OK;

fail:
    partitions_stop(ps);
    return rc;
}

void partitions_stop(struct partitions *ps)
{
    if (ps->count == 0)
        return;
    if (ps->preparing) {
        pthread_mutex_lock(&ps->prepare_lock);
        ps->stopping = true;
        pthread_cond_signal(&ps->prepare_wanted);
        pthread_mutex_unlock(&ps->prepare_lock);
        thread_join(&ps->preparer);
    }
    for (uint32_t i = 0; i < ps->slab_count; i++)
        slab_free_all(ps->slabs[i]);
    for (uint32_t i = 0; ps->at && i < ps->count; i++)
        pthread_mutex_destroy(&ps->at[i].lock);
    mem_free_aligned(ps->at);
    check(ps->account.reserved == 0);
    pthread_cond_destroy(&ps->prepare_wanted);
    pthread_mutex_destroy(&ps->prepare_lock);
    *ps = (struct partitions){0};
}

bool partitions_may_read_shared(const struct partitions *ps, uint32_t partition, uint64_t reign)
{
    fence_acquire();
    return reign != 0 && clock_ns() < load_relaxed_64(&ps->lease_until_ns) &&
           load_relaxed_64(&ps->serves[partition]) == reign;
}

struct slab_stats partitions_memory(struct partitions *ps)
{
    struct slab_stats sum = {0};

    for (uint32_t i = 0; i < ps->slab_count; i++) {
        struct slab_stats one = slab_stats(ps->slabs[i]);

        sum.used += one.used;
        sum.retired += one.retired;
        sum.committed += one.committed;
    }
    return sum;
}

uint64_t partitions_reclaim(struct partitions *ps)
{
    uint64_t left = 0;

    for (uint32_t i = 0; i < ps->slab_count; i++)
        left += slab_reclaim(ps->slabs[i]);
    return left;
}
