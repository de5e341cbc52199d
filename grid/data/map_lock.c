/* map_lock.c - locks of a map's keys: each call finds the key's partition and asks its locks. */
#include "grid/data/map.h"
#include "net/base/mem.h"

/* All partitions have locks once a key of the map is locked for the first time. */
static mr_rc_t start(struct map *m)
{
    struct locks *all;

    if (map_locks(m, 0))
        return MR_OK;
    if (!(all = mem_alloc_zero(m->partitions->count * sizeof *all)))
        return MR_ERR_MEMORY;
    if (!compare_and_set_ptr((void **)&m->locks, NULL, all))
        mem_free(all); /* another thread was quicker */
    return MR_OK;
}

/* The locks of the key's partition, which is locked; NULL, and nothing is: there are none. */
static struct locks *enter(struct map *m, const struct data *key, struct partition **ret_p)
{
    uint32_t partition = data_partition(key, m->partitions->count);
    struct locks *locks = map_locks(m, partition);

    *ret_p = &m->partitions->at[partition];
    if (locks)
        partition_lock(*ret_p);
    return locks;
}

mr_rc_t map_lock(struct map *m, const struct lock_request *q)
{
    mr_rc_t rc = q->key.size > m->rules.key_max ? MR_ERR_TOO_LARGE : start(m);
    struct partition *p;

    if (rc != MR_OK)
        return rc;
    map_note_end(m);
    struct locks *locks = enter(m, &q->key, &p);

    rc = locks_take(locks, p, &m->partitions->account, q);
    partition_unlock(p);
    return rc;
}

mr_rc_t map_unlock(struct map *m, const struct lock_request *q)
{
    struct partition *p;
    struct locks *locks = enter(m, &q->key, &p);

    if (!locks)
        return MR_ERR_ARGUMENT;
    mr_rc_t rc = locks_release(locks, q);
    partition_unlock(p);
    return rc;
}

bool map_force_unlock(struct map *m, const struct data *key)
{
    struct partition *p;
    struct locks *locks = enter(m, key, &p);

    if (!locks)
        return false;
    bool was = locks_force(locks, key);
    partition_unlock(p);
    return was;
}

bool map_is_locked(struct map *m, const struct data *key, struct owner *ret_owner)
{
    struct partition *p;
    struct locks *locks = enter(m, key, &p);

    if (!locks)
        return false;
    const struct owner *holder = locks_holder(locks, key);
    bool locked = holder != NULL;

    if (locked)
        *ret_owner = *holder;
    partition_unlock(p);
    return locked;
}

void map_release_client(struct map *m, uint64_t client_high, uint64_t client_low)
{
    for (uint32_t i = 0; i < m->partitions->count; i++) {
        if (!map_any_locked(m, i))
            continue;
        partition_lock(&m->partitions->at[i]);
        locks_release_client(map_locks(m, i), client_high, client_low);
        partition_unlock(&m->partitions->at[i]);
    }
}

void map_release_all(struct map *m)
{
    for (uint32_t i = 0; i < m->partitions->count; i++) {
        if (!map_any_locked(m, i))
            continue;
        partition_lock(&m->partitions->at[i]);
        locks_release_all(map_locks(m, i));
        partition_unlock(&m->partitions->at[i]);
    }
}

const struct record *map_find_held(struct map *m, uint32_t partition, const struct data *key)
{
    struct partition *p = &m->partitions->at[partition];
    struct spot spot = {0};

    partition_lock(p);
    if (locks_holder(map_locks(m, partition), key))
        store_locate(&m->parts[partition].store, key_hash(key), key, &spot);
    partition_unlock(p);
    return spot.old;
}
