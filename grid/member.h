/* member.h - one member, assembled.
 *
 * Started in this order, stopped in the reverse one:
 *     partitions   memory, and the thread that keeps some ready
 *     maps         by name; made as they are asked for
 *     objects      maps and all else that has a name, by kind and name
 *     control      the thread that keeps it in a cluster, if it is to be in one
 *     loops        mr-loop-0 .. n, on the first of which the keeper works
 *     door         a listener on each loop; its sessions
 *     pages        what it shows over HTTP
 *     events       mr-events: a loop of its own for listeners, so that a slow one holds up only
 *                  its fellows
 */
#ifndef GRID_MEMBER_H
#define GRID_MEMBER_H

#include "grid/config.h"
#include "grid/data/keeper.h"
#include "grid/data/maps.h"
#include "grid/data/objects.h"
#include "grid/door/door.h"
#include "grid/door/pages.h"
#include "grid/op/partition.h"
#include "grid/op/pool.h"
#include "grid/peers/control.h"
#include "grid/peers/crew.h"
#include "grid/peers/forward.h"
#include "net/base/metric.h"
#include "net/loop.h"

enum { MEMBER_LOOPS_MAX = 1024 };

struct member {
    mr_config_t *config;
    char name[CONFIG_NAME_MAX + 1]; /* set once it has started */
    struct metrics *metrics;
    struct partitions partitions;
    struct maps maps;
    struct objects objects;
    struct loop **loops;
    uint32_t loop_count, loops_started;
    struct loop *events;
    bool events_started;
    struct tasklet deliverer; /* on events */
    struct keeper keeper;
    struct wire_uuid uuid;
    uint32_t node;    /* what no other member of the cluster has; 0: it is in none. Any thread */
    struct pool pool; /* for what clients ask that takes long */
    struct door door;
    struct pages pages;      /* on the last loop */
    struct control *control; /* NULL: it is on its own */
    struct crew crew;
    struct forwards forwards;
};

/* config is copied. Words in err. */
mr_rc_t member_start(const mr_config_t *config, struct member **ret_m, mr_err_t *err);

/* Leaves its cluster in an orderly way, for as long as cluster.leave-timeout says; then
 * member_stop. */
void member_leave(struct member *m);

/* NULL is fine. */
void member_stop(struct member *m);

#endif
