/* teach.h - what every member has to know, and one that comes later does not: schemas, indexes.
 *
 *     a client's message ──gather──▶ all who are connected
 *     a connection opens ──teach───▶ the same messages, as if a client had sent them again
 *
 * Adding what is known is nothing, so each member teaches whoever it connects to, and whoever comes
 * back after it was cut off. Answers are not waited for: an index that is missing costs time only,
 * and what has no schema yet is not found by a condition until it comes, on the same connection as
 * the entries.
 */
#ifndef GRID_PEERS_TEACH_H
#define GRID_PEERS_TEACH_H

#include "grid/peers/fellow.h"

struct member;

/* On the connection's loop, when it has opened. */
void teach(struct member *m, struct fellow *f);

#endif
