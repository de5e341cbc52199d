/* map_lock.c - locks of a map's keys: each call finds the key's partition and asks its locks. Where
 * other members have copies, they are told what has become of the lock. */
#include "grid/data/map.h"
#include "grid/op/copies.h"
#include "net/base/check.h"
#include "net/base/littleend.h"
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

/* ---- a key's lock, under its partition's ---------------------------------------------------- */

/* A key, and where its lock is. */
struct keyhole {
    struct map *map;
    const struct data *key;
    uint32_t partition;
    struct partition *at;
    struct locks *locks;   /* NULL: the map has none */
    struct effect *effect; /* what the others are to be told; NULL: there are none */
};

/* Locks the partition. MR_PENDING, MR_ERR_MOVED, MR_ERR_OFFLINE: it is not, since the lock is
 * elsewhere. */
static mr_rc_t enter(struct map *m, const struct data *key, struct waiter *w, struct keyhole *ret)
{
    uint32_t partition = data_partition(key, m->partitions->count);
    struct partition *p = &m->partitions->at[partition];

    *ret = (struct keyhole){m, key, partition, p, map_locks(m, partition), NULL};
    partition_lock(p);
    mr_rc_t rc = p->copies ? copies_may_write(p->copies, w) : MR_OK;

    if (rc != MR_OK)
        partition_unlock(p);
    return rc == MR_ERR_BUSY ? MR_ERR_MOVED : rc;
}

/* Room to tell the others: before anything is changed. MR_ERR_FULL, MR_ERR_MEMORY. */
static mr_rc_t prepare(struct keyhole *h, bool takes)
{
    struct effect like = {.kind = EFFECT_LOCK,
                          .map = h->map,
                          .key = *h->key,
                          .value = {NULL, EFFECT_REFERENCE, DATA_BYTES}};

    if (!h->at->copies)
        return MR_OK;
    account_overdraws = !takes;
    mr_rc_t rc = early_new(h->at->copies, &like, &h->effect);

    account_overdraws = false;
    return rc;
}

/* The lock is as it is to stay. */
static void changed(struct keyhole *h)
{
    struct lock_state state = {0};
    struct effect *e = h->effect;

    if (!h->at->copies)
        return;
    if (e) {
        (void)locks_state(h->locks, h->key, &state);
        e->source = state.owner;
        e->count = state.count;
        e->ends_ms = state.ends_ms;
        put_le64(e->bytes + e->key.size, (uint64_t)state.reference);
    }
    early_write(h->at->copies, e);
}

/* It is as it was; what is answered has seen it so. */
static void same(struct keyhole *h)
{
    if (h->effect)
        effect_release(h->effect);
    if (h->at->copies)
        early_rest_on_all(h->at->copies);
}

static mr_rc_t leave(struct keyhole *h, mr_rc_t rc)
{
    partition_unlock(h->at);
    return rc;
}

/* ---- requests ------------------------------------------------------------------------------- */

static mr_rc_t settle(struct keyhole *h, mr_rc_t rc)
{
    if (rc == MR_OK)
        changed(h);
    else
        same(h);
    return leave(h, rc);
}

mr_rc_t map_lock(struct map *m, const struct lock_request *q)
{
    mr_rc_t rc = q->key.size > m->rules.key_max ? MR_ERR_TOO_LARGE : start(m);
    struct keyhole h;

    if (rc != MR_OK)
        return rc;
    map_note_end(m);
    if ((rc = enter(m, &q->key, q->waiter, &h)) != MR_OK)
        return rc;
    if ((rc = prepare(&h, true)) != MR_OK)
        return leave(&h, rc);
    return settle(&h, locks_take(h.locks, h.at, &m->partitions->account, q));
}

mr_rc_t map_unlock(struct map *m, const struct lock_request *q)
{
    struct keyhole h;
    mr_rc_t rc = enter(m, &q->key, q->waiter, &h);

    if (rc != MR_OK)
        return rc;
    if (!h.locks)
        return settle(&h, MR_ERR_ARGUMENT);
    if ((rc = prepare(&h, false)) != MR_OK)
        return leave(&h, rc);
    return settle(&h, locks_release(h.locks, q));
}

mr_rc_t map_force_unlock(struct map *m, const struct data *key)
{
    struct keyhole h;
    mr_rc_t rc = enter(m, key, NULL, &h);

    if (rc != MR_OK)
        return rc;
    if (!h.locks)
        return settle(&h, MR_NOT_FOUND);
    if ((rc = prepare(&h, false)) != MR_OK)
        return leave(&h, rc);
    return settle(&h, locks_force(h.locks, key) ? MR_OK : MR_NOT_FOUND);
}

mr_rc_t map_is_locked(struct map *m, const struct data *key, struct owner *ret_owner)
{
    uint64_t reign = partitions_reign(m->partitions, data_partition(key, m->partitions->count));
    struct keyhole h;
    mr_rc_t rc = enter(m, key, NULL, &h);

    if (rc != MR_OK)
        return rc;
    const struct owner *holder = h.locks ? locks_holder(h.locks, key) : NULL;

    if (holder)
        *ret_owner = *holder;
    rc = settle(&h, holder ? MR_EXISTS : MR_NOT_FOUND);
    if (!partitions_may_read(m->partitions, h.partition, reign))
        return MR_ERR_MOVED;
    return rc == MR_EXISTS ? MR_OK : rc;
}

/* ---- many ----------------------------------------------------------------------------------- */

/* Those of a client, or (zero, zero) all. A copy's are let go by its primary. */
static void release(struct map *m, uint32_t partition, uint64_t client_high, uint64_t client_low)
{
    struct partition *p = &m->partitions->at[partition];
    struct locks *locks = map_locks(m, partition);
    struct data key;

    if (!locks || !locks_any(locks))
        return;
    partition_lock(p);
    if (!p->copies || copies_may_write(p->copies, NULL) == MR_OK)
        while (locks_of_client(locks, client_high, client_low, &key)) {
            struct keyhole h = {m, &key, partition, p, locks, NULL};

            if (prepare(&h, false) != MR_OK)
                break; /* no memory: they stay until their leases are over */
            key = h.effect ? h.effect->key : key;
            (void)locks_force(locks, &key);
            changed(&h);
        }
    partition_unlock(p);
}

void map_release_client(struct map *m, uint64_t client_high, uint64_t client_low)
{
    for (uint32_t i = 0; i < m->partitions->count; i++)
        release(m, i, client_high, client_low);
}

void map_release_all(struct map *m)
{
    map_release_client(m, 0, 0);
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

/* ---- copies --------------------------------------------------------------------------------- */

void map_lock_restore(uint32_t partition, const struct effect *e)
{
    struct map *m = e->map;
    const struct lock_state state = {.owner = e->source,
                                     .count = e->count,
                                     .ends_ms = e->ends_ms,
                                     .reference = (int64_t)get_le64(e->value.at)};
    mr_rc_t rc = start(m);

    if (rc == MR_OK)
        rc = locks_restore(map_locks(m, partition), &m->partitions->account, &e->key, &state);
    check(rc == MR_OK); /* the kernel has no memory left: rather no copy than another one */
    map_note_end(m);
}

void map_locks_each(struct map *m, uint32_t partition,
                    void (*give)(void *context, const struct data *key,
                                 const struct lock_state *state),
                    void *context)
{
    if (map_any_locked(m, partition))
        locks_each(map_locks(m, partition), give, context);
}

void map_locks_wake(struct map *m, uint32_t partition)
{
    if (map_any_locked(m, partition))
        locks_wake(map_locks(m, partition));
}

void map_locks_forget(struct map *m, uint32_t partition)
{
    if (map_any_locked(m, partition))
        locks_release_all(map_locks(m, partition));
}
