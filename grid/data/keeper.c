#include "grid/data/keeper.h"

#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/log.h"

enum {
    SWEEP_BUDGET = 512, /* entries under one lock */
    HELD_LONG_MS = 1000,
    SPARSE_BYTES = 32 << 20 /* not worth moving anything for less */
};

/* ---- packing -------------------------------------------------------------------------------- */

/* Is more than a third of what the slab has taken unused? */
static bool is_sparse(struct slab *slab)
{
    struct slab_stats s = slab_stats(slab);
    uint64_t unused = s.committed > s.used ? s.committed - s.used : 0;

    return unused > SPARSE_BYTES && unused > s.committed / 3;
}

/* Begins with the next slab that has something to gain, or ends the round. */
static void find_sparse(struct keeper *k)
{
    struct partitions *ps = k->maps->partitions;

    for (; k->slab < ps->slab_count; k->slab++) {
        if (!is_sparse(ps->slabs[k->slab]) || slab_mark_sparse(ps->slabs[k->slab]) == 0)
            continue;
        k->state = KEEPER_MOVING;
        k->map = maps_first(k->maps);
        k->partition = 0;
        k->cursor = 0;
        return;
    }
    k->state = KEEPER_IDLE;
}

/* Moves a segment's worth. */
static void move_step(struct keeper *k)
{
    struct partitions *ps = k->maps->partitions;
    struct slab *slab = ps->slabs[k->slab];

    if (k->map && k->partition < ps->count) {
        struct partition *p = &ps->at[k->partition];

        if (p->slab == slab) {
            partition_lock(p);
            k->cursor = store_move(&k->map->parts[k->partition].store, k->cursor);
            partition_unlock(p);
        }
        if (k->cursor == 0)
            k->partition++;
        return;
    }
    if (k->map) {
        k->map = k->map->next;
        k->partition = 0;
        return;
    }
    slab_reclaim(slab);
    slab_unmark(slab);
    k->slab++;
    find_sparse(k);
}

/* ---- sweeping ------------------------------------------------------------------------------- */

static void name_holder(void *context, uint32_t number, uint64_t since_ms)
{
    uint64_t held_ms = *(uint64_t *)context - since_ms;

    if (held_ms >= HELD_LONG_MS && held_ms < UINT64_MAX / 2)
        log_event(LOG_WARN, "epoch.held_long", F_U64("thread", number), F_U64("held_ms", held_ms));
}

static void end_of_sweep(struct keeper *k)
{
    struct partitions *ps = k->maps->partitions;
    uint64_t now_ms = clock_ms();

    partitions_reclaim(ps);
    k->state = KEEPER_IDLE;
    if (k->ticks - k->packed < KEEPER_SECOND)
        return;
    k->packed = k->ticks;
    epoch_holders(name_holder, &now_ms);
    log_flush();
    k->slab = 0;
    find_sparse(k);
}

static void sweep_step(struct keeper *k)
{
    if (!k->map) {
        end_of_sweep(k);
        return;
    }
    bool any = load_relaxed_32(&k->map->may_end); /* else none of them need be looked at */

    if (any && !map_sweep(k->map, k->partition, k->now_ms, SWEEP_BUDGET))
        return;
    if (!any || ++k->partition == k->maps->partitions->count) {
        k->partition = 0;
        k->map = k->map->next;
    }
}

static enum progress run(void *context, uint64_t budget_ns)
{
    struct keeper *k = context;
    uint64_t until = clock_ns() + budget_ns;

    while (k->state != KEEPER_IDLE) {
        for (int i = 0; i < 16 && k->state == KEEPER_SWEEPING; i++)
            sweep_step(k);
        if (k->state == KEEPER_MOVING)
            move_step(k);
        if (clock_ns() >= until)
            return k->state == KEEPER_IDLE ? PROGRESS_IDLE : PROGRESS_MORE;
    }
    return PROGRESS_IDLE;
}

static void tick(void *context)
{
    struct keeper *k = context;

    k->ticks++;
    if (k->state != KEEPER_IDLE)
        return;
    k->state = KEEPER_SWEEPING;
    k->now_ms = clock_ms();
    k->map = maps_first(k->maps);
    k->partition = 0;
    tasklet_wake(&k->tasklet);
}

void keeper_start_on_loop(struct keeper *k, struct loop *loop, struct maps *maps)
{
    *k = (struct keeper){.maps = maps, .loop = loop, .tasklet = {.run = run, .context = k}};
    tasklet_add_on_loop(loop, &k->tasklet);
    timer_start_on_loop(loop, &k->timer, KEEPER_TICK_MS * 1000000ull, KEEPER_TICK_MS * 1000000ull,
                        tick, k);
}
