#include "grid/op/run.h"

#include <sched.h>

#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/log.h"
#include "net/base/rand.h"

enum {
    ROOM_TRIES = 64,       /* memory that was given up comes free when readers have moved on */
    ROOM_TRIES_INSIDE = 4, /* it cannot, while the caller itself reads */
    ROOM_MORE = 4096,
    UPDATE_SLOW_NS = 1000000
};

__thread bool run_updating __attribute__((tls_model("initial-exec")));

static mr_rc_t change(struct map *m, uint32_t partition, const struct map_request *q,
                      struct map_answer *ret_a)
{
    struct partition *p = &m->partitions->at[partition];

    partition_lock(p);
    mr_rc_t rc = map_change(m, partition, q, ret_a);
    if (rc == MR_OK && q->verb == MAP_UPDATE && q->updated)
        q->updated(q->update_context);
    partition_unlock(p);
    return rc;
}

/* The same with a stranger's function inside the lock: it is timed, and kept from coming back. */
static mr_rc_t update(struct map *m, uint32_t partition, const struct map_request *q,
                      struct map_answer *ret_a)
{
    uint64_t began = clock_ns();

    run_updating = true;
    mr_rc_t rc = change(m, partition, q, ret_a);
    run_updating = false;

    uint64_t took = clock_ns() - began;
    if (took > UPDATE_SLOW_NS)
        log_event(LOG_WARN, "map.update_slow", F_STR("map", m->name), F_U64("partition", partition),
                  F_U64("took_us", took / 1000));
    return rc;
}

static __thread struct rand chance __attribute__((tls_model("initial-exec")));

/* Leaves the section for the time it takes, so that what is given up can come free. Each try asks
 * for some more, since the index may want to grow as well. */
static mr_rc_t make_room(struct map *m, uint32_t partition, struct room room, uint32_t try)
{
    if (chance.s[0] == 0)
        rand_init(&chance, rand_seed());
    epoch_exit();
    bool inside = epoch_inside();

    room.bytes += try * ROOM_MORE;
    mr_rc_t rc = map_make_room(m, partition, room, &chance);

    if (try > 0 && !inside)
        sched_yield(); /* readers that were interrupted hold memory: let them move on */
    epoch_enter();
    return inside && try >= ROOM_TRIES_INSIDE ? MR_ERR_FULL : rc;
}

/* What is larger than a limit would have everything given up for nothing. */
static bool can_ever_fit(const struct map *m, const struct map_request *q, const struct data *value)
{
    uint64_t bytes = (uint64_t)q->key.size + value->size;

    return bytes <= m->bytes.limit && bytes <= m->partitions->account.limit;
}

mr_rc_t run_change(struct map *m, const struct map_request *q, struct map_answer *ret_a)
{
    uint32_t partition =
        q->route ? q->route->partition : data_partition(&q->key, m->partitions->count);
    mr_rc_t rc;

    if (q->key.size > m->rules.key_max)
        return MR_ERR_TOO_LARGE;

    for (uint32_t try = 0;; try++) {
        rc =
            q->verb == MAP_UPDATE ? update(m, partition, q, ret_a) : change(m, partition, q, ret_a);
        if (rc != MR_ERR_FULL || try == ROOM_TRIES)
            return rc;
        struct room room = {.entries = !ret_a->present,
                            .bytes = record_block_max(&q->key, &ret_a->value)};

        if (!can_ever_fit(m, q, &ret_a->value) || make_room(m, partition, room, try) != MR_OK)
            return MR_ERR_FULL;
    }
}
