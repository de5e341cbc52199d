/* away.h - calls that are served away from their loop, because they have to look at much.
 *
 *     loop      dispatch ──MR_PENDING──▶ a copy of the message        ping, get, put go on
 *                                             │ pool
 *     mr-work-n                          served from the beginning
 *                                             │ session_answer
 *     loop      the session sends it  ◀───────┘
 *
 * The function that serves a call decides, when it knows what is to be looked at (call_go_away).
 * Away it has a desk of its own, no waiter, and nothing of the loop's. Its session is held until
 * the end, and may have ended meanwhile: then the answer goes nowhere.
 *
 * A session has at most AWAY_MAX calls away, and then is not read until one is answered: what its
 * answers can take in memory is bounded, and one client cannot fill the queue for all.
 *
 * Threads: giving away on the session's loop, the rest on the pool's.
 */
#ifndef GRID_DOOR_AWAY_H
#define GRID_DOOR_AWAY_H

#include "grid/door/session.h"

enum { AWAY_MAX = 16, AWAY_QUEUE_MAX = 16384 };

/* Gives a call that the client has made away; it is answered exactly once. MR_ERR_MEMORY;
 * MR_ERR_BUSY: too much is waiting already. It is answered here then. */
mr_rc_t away_give(struct session *s, struct wire_uuid client, const uint8_t *bytes, size_t size);

/* The same of this member's own share of one, a member_gather, whose answer is not the session's.
 */
mr_rc_t away_give_share(struct session *s, const uint8_t *bytes, size_t size);

#endif
