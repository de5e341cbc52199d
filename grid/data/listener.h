/* listener.h - telling those who want to know what changed in a map.
 *
 * A listener is a cursor on the journal of each partition. Whoever changes an entry only marks the
 * partition and wakes a tasklet; the tasklet reads on from each cursor, under the partition's lock
 * and no longer than it takes to copy a few events, and then calls the listeners:
 *
 *     change ──append──▶ journal of partition p ──read──▶ listeners_deliver ──▶ on_event
 *            ──mark p, wake──────────────────────────────▶ (the events loop)
 *
 * So a slow listener never holds up a change. One that is too slow for the journal's room learns
 * how many events it has lost, in their place.
 *
 * A map that keeps no journal of its own has one while somebody listens, trimmed as it is read.
 *
 * Threads: listeners_deliver on the events loop only, so events are delivered one at a time, and
 * those of a key in the order of its changes. The rest from any thread.
 */
#ifndef GRID_DATA_LISTENER_H
#define GRID_DATA_LISTENER_H

#include "grid/data/map.h"

/* From now on changes of the kinds given are told. MR_ERR_MEMORY; MR_ERR_FULL: the map has
 * LISTENERS_MAX already. */
mr_rc_t listener_new(struct map *m, uint32_t kinds,
                     void (*on_event)(void *context, const struct map_event *e), void *context,
                     struct listener **ret_l);

/* Ends it: on_event does not run after it and is not called again; called from inside on_event, it
 * runs to its end. */
void listener_close(struct listener *l);

/* Delivers what has been marked in a map, for about budget_ns. Returns true when there is more. */
bool listeners_deliver(struct map *m, uint64_t budget_ns);

/* Ends all of them, when nothing runs any more. */
void listeners_free(struct map *m);

#endif
