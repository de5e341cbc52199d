/* inbound.h - connections that other members have opened: who it is, and where what it says goes.
 *
 * They come in at the door, like those of clients, and are told apart by their greeting. The first
 * message says who it is, and is answered alike. Then either partitions are kept alike on it, or
 * it carries the control log; each is handed on to whom it concerns.
 *
 * Threads: the session's loop.
 */
#ifndef GRID_PEERS_INBOUND_H
#define GRID_PEERS_INBOUND_H

#include "grid/door/session.h"

void inbound_message(struct session *s, const uint8_t *bytes, size_t size);

#endif
