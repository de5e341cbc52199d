/* local.h - the door for the program that a member is embedded in: a channel without a wire.
 *
 * Requests and answers are handed over as structs. An answer's bytes lie in the store; map_run
 * opens an epoch section and done closes it, so they are good in between. Words for people are
 * put here, where the map's name and its limits are known. A change of a key that another has
 * locked waits some seconds for it, unless it is made in a read section or on a loop. What this
 * member cannot answer goes to whoever can (reach.h).
 *
 * Any thread.
 */
#ifndef GRID_DOOR_LOCAL_H
#define GRID_DOOR_LOCAL_H

#include "grid/door/reach.h"
#include "grid/member.h"
#include "net/channel.h"

/* A channel to m, the only one, whose close stops m. `open` is for what other members have.
 * MR_ERR_MEMORY: m stays yours. */
mr_rc_t local_channel_new(struct member *m, reach_open *open, struct channel **ret_c);

/* Frees it and lets m be. NULL is fine. */
void local_channel_free(struct channel *c);

#endif
