/* hot.h - get, put and set: the messages that most of the traffic is, many at a time.
 *
 * A client that has sent many requests at once has them in one piece. Each of these three is only
 * looked at when it is met, and waits until the piece is through, or HOT_MANY have come, or
 * another message does:
 *
 *     piece   get  get  set  get  keySet  get ...
 *              │    │    │    │     │
 *              ▼    ▼    ▼    ▼     │         hash the key, fetch the line of its bucket
 *             [ taken, in order ] ◀─┘ run:    1  fetch the lines of the records
 *                                             2  find the puts their blocks, slab by slab
 *                                             3  answer one after the other, all with one send
 *                                             4  retire what was replaced, slab by slab
 *
 * By the time a record is looked at its cache lines are there, so that look-ups that would cost
 * a main memory access each cost little more than the work. The order of a connection's requests
 * is kept.
 *
 * When the peer does not take its answers, those that have not been run are put aside by the
 * session: otherwise thirty-two small requests could ask for half a gigabyte.
 *
 * They are decoded and answered by hand here, since the way through rows and tables costs more
 * than all the rest; tests/unit/grid/door/hot_test.c holds that to what the rows say. Whatever is
 * not plain (an error, a lock, a message that is odd in any way) takes the ordinary way through
 * dispatch, from its beginning.
 *
 * Threads: the session's loop. What has been taken borrows from the piece, and holds an epoch
 * section open until it is run, which is before the piece goes.
 */
#ifndef GRID_DOOR_HOT_H
#define GRID_DOOR_HOT_H

#include "grid/data/map.h"
#include "grid/door/session.h"

enum {
    HOT_MANY = 32,
    HOT_SEND = 64 * 1024 /* bytes of answers that are made before they are sent */
};

struct hot {
    const uint8_t *bytes; /* the message */
    size_t size;
    int64_t correlation;
    uint32_t type;
    struct map *map;
    const struct bucket *bucket; /* NULL: nothing to fetch */
    struct map_route route;
    struct map_request q; /* of a get: its key only */
    struct slab_ahead ahead;
};

/* What a door has on each loop; empty between pieces. */
struct hot_batch {
    uint32_t count;
    struct slab_ahead *ahead[PARTITION_SLABS_MAX]; /* of its puts, by slab */
    struct hot at[HOT_MANY];
};

/* Takes the message, if it is one of the three; false: it has to be dispatched. */
bool hot_take(struct session *s, const uint8_t *bytes, size_t size);

/* Runs and answers what has been taken. */
void hot_run(struct session *s);

#endif
