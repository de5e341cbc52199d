/* invalidation.h - telling clients that keep copies of entries which of them are old.
 *
 * Each change of an entry, whoever made it, bears the next number of its map and partition, from
 * 1 on. A client that sees a number left out knows that it has missed something, and drops what
 * it keeps of that partition; so does one whose partition bears another UUID than before.
 *
 *     change of key k in partition p ──▶ sequences[p] + 1 ──▶ watchers (k, p, number, source)
 *
 * What nobody watches is not numbered. Where somebody begins to watch again, every partition skips
 * a number, since who watched before may have missed any number of changes.
 *
 * A map that is cleared tells once, without a key, in the partition of its name.
 *
 * Threads: invalidate under the partition's lock; the others from any thread without one.
 */
#ifndef GRID_DATA_INVALIDATION_H
#define GRID_DATA_INVALIDATION_H

#include "grid/data/watcher.h"

struct invalidation {
    struct partitions *partitions;
    struct watchers watchers;
    pthread_mutex_t lock; /* of who begins or ends to watch; before that of watchers */
    uint32_t watching;
    uint64_t *sequences; /* the last number of each partition, under its lock; NULL: all 0 */
};

void invalidation_init(struct invalidation *i, struct partitions *ps);
void invalidation_free(struct invalidation *i);

/* w is told of OBJECT_INVALIDATED, whatever its kinds are. Errors as watchers_add. */
mr_rc_t invalidation_watch(struct invalidation *i, struct watcher *w);

/* After it w is not told any more. It was. */
void invalidation_unwatch(struct invalidation *i, struct watcher *w);

/* The number of the last change of a partition that was told. */
uint64_t invalidation_last(struct invalidation *i, uint32_t partition);

/* What identifies a partition of this member as long as it runs. */
void invalidation_partition_uuid(const struct partitions *ps, uint32_t partition,
                                 uint64_t *ret_high, uint64_t *ret_low);

void invalidation_tell(struct invalidation *i, uint32_t partition, const struct data *key,
                       const struct owner *source);

/* An entry has changed; key NULL: all have. */
static inline void invalidate(struct invalidation *i, uint32_t partition, const struct data *key,
                              const struct owner *source)
{
    if (watchers_any(&i->watchers))
        invalidation_tell(i, partition, key, source);
}

#endif
