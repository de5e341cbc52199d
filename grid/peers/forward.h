/* forward.h - a client's call about a partition that another member has.
 *
 *     client ──▶ here ──member_forward──▶ the primary: served there as if the client were connected
 *            ◀──      ◀─member_forwarded─            and answered in the client's own bytes
 *
 * Clients that know the partition table seldom need it; those with one connection, mostly. It is
 * forwarded once: a primary that is none any more says so, and the client is told to look again,
 * since nothing was done. When the connection breaks, what changes something may be done or not.
 *
 * Threads: forward_give on the session's loop; the others on the loop of the connection.
 */
#ifndef GRID_PEERS_FORWARD_H
#define GRID_PEERS_FORWARD_H

#include <pthread.h>

#include "grid/door/session.h"
#include "grid/peers/fellow.h"

struct forwards {
    pthread_mutex_t lock;
    struct list waiting; /* of struct forward, the oldest first; under the lock */
    int64_t calls;       /* so far */
};

void forwards_init(struct forwards *fs);

/* Nobody answers any more. */
void forwards_free(struct forwards *fs);

/* MR_OK: it is answered later. MR_ERR_MOVED: nobody can be asked now, and nothing was done;
 * MR_ERR_OFFLINE; MR_ERR_MEMORY. */
mr_rc_t forward_give(struct session *s, struct wire_uuid client, uint32_t partition, bool changes,
                     const uint8_t *bytes, size_t size);

/* What came back. */
void forward_answered(struct forwards *fs, const uint8_t *bytes, size_t size);

/* Nothing more will come from there. */
void forward_broken(struct forwards *fs, const struct fellow *f);

#endif
