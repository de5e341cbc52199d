/* gauges.h - a member's cluster in numbers, for /metrics.
 *
 * What is agreed, as this member knows it: so members that differ tell of one that is behind.
 * Threads: made and freed as the control thread is; then that thread's.
 */
#ifndef GRID_PEERS_GAUGES_H
#define GRID_PEERS_GAUGES_H

#include "grid/peers/control.h"
#include "net/base/metric.h"

struct gauges {
    struct gauge *members, *leads, *primaries, *backups, *offline, *short_of_copies;
    struct counter *leaders, *expelled, *handed_over, *called_off, *shrunk;
};

/* MR_ERR_MEMORY. They are the registry's to free. */
mr_rc_t gauges_init(struct gauges *g, struct metrics *m);

/* What is to be shown from now on; self is an incarnation. */
void gauges_show(struct gauges *g, const struct control_view *view, uint64_t self);

#endif
