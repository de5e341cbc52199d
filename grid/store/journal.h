/* journal.h - what changed in a partition of a map, in order, as far back as there is room.
 *
 * Each event has a number, one higher than the one before. A reader keeps the number it wants
 * next and asks from there; when the ring has moved past it, it learns how many it has lost and
 * never gets a gap in silence.
 *
 *     first            next
 *       ▼                ▼
 *     │ 7 │ 8 │ 9 │ 10 │        ring of refs to events in the slab
 *
 * Appending cannot fail: a journal that finds no memory gives up its oldest events, and if that
 * does not help the new one, whose number then stands for one that was lost.
 *
 * Threads: under the partition's lock, readers too; they copy what they want to keep.
 */
#ifndef GRID_STORE_JOURNAL_H
#define GRID_STORE_JOURNAL_H

#include "grid/store/slab.h"
#include "net/wire/data.h"

/* The values are the client protocol's. */
enum journal_kind {
    JOURNAL_ADDED = 1,
    JOURNAL_REMOVED = 2,
    JOURNAL_UPDATED = 4,
    JOURNAL_EVICTED = 8,
    JOURNAL_EXPIRED = 16,
    JOURNAL_EVICTED_ALL = 32,
    JOURNAL_CLEARED = 64
};

struct journal {
    struct slab *slab;
    slab_ref *ring;
    uint32_t capacity;    /* events, a power of two */
    uint64_t bytes_max;   /* of events; older ones make room. The last event may be larger */
    uint64_t bytes;       /* now */
    uint64_t first, next; /* numbers; first == next: empty */
};

/* One event; data borrows from the journal, or from whoever appends. */
struct journal_event {
    uint64_t number;
    uint64_t time_ms;
    uint64_t count;              /* entries cleared */
    uint8_t kind;                /* enum journal_kind */
    struct data key, old, value; /* DATA_NULL where there is none */
};

/* capacity is rounded up to a power of two. MR_ERR_MEMORY. */
mr_rc_t journal_new(struct slab *slab, uint32_t capacity, uint64_t bytes_max,
                    struct journal **ret_j);
void journal_free(struct journal *j);

/* Appends a copy; number is given by the journal. */
void journal_append(struct journal *j, const struct journal_event *e);

/* Event `from`, or the first one after it that is still there: MR_OK, and *ret_lost events
 * before it are gone. MR_NOT_FOUND: there is none yet, though *ret_lost may be gone. */
mr_rc_t journal_read(const struct journal *j, uint64_t from, struct journal_event *ret_e,
                     uint64_t *ret_lost);

/* Forgets the events before `number`. */
void journal_trim(struct journal *j, uint64_t number);

/* Gives up the oldest events, until they had so many bytes or none is left. Returns their bytes. */
uint64_t journal_shed(struct journal *j, uint64_t bytes);

#endif
