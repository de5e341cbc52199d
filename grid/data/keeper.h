/* keeper.h - what a member does when nobody asks.
 *
 *     every KEEPER_TICK_MS   entries whose time has come are taken out
 *                            retired blocks are freed, once no reader can see them
 *     every second           a slab that has become sparse is packed: its blocks are moved
 *                            together, and chunks go back to the kernel
 *                            sections that are held open for long are named in the log
 *
 * It is a tasklet on a loop: it works in small pieces, partition by partition, taking each lock
 * briefly, and goes on where it left off.
 *
 *     KEEPER_IDLE ──timer──▶ KEEPER_SWEEPING ──▶ KEEPER_MOVING (when one is sparse) ──▶ idle
 */
#ifndef GRID_DATA_KEEPER_H
#define GRID_DATA_KEEPER_H

#include "grid/data/maps.h"
#include "net/loop.h"

enum { KEEPER_TICK_MS = 50, KEEPER_SECOND = 1000 / KEEPER_TICK_MS };

enum keeper_state {
    KEEPER_IDLE,     /* waits for the timer */
    KEEPER_SWEEPING, /* map and partition say where */
    KEEPER_MOVING    /* map, partition and cursor say where; slab says of which */
};

struct keeper {
    struct maps *maps;
    struct loop *loop;
    struct loop_timer timer;
    struct tasklet tasklet;
    enum keeper_state state;
    struct map *map;
    uint32_t partition, slab;
    uint64_t cursor;
    uint64_t now_ms;        /* when the sweep began */
    uint64_t ticks, packed; /* so far; when slabs were looked at last */
};

/* Begins to work on the loop, from the loop's thread or before it has one. */
void keeper_start_on_loop(struct keeper *k, struct loop *loop, struct maps *maps);

#endif
