/* early.h - what is done at the primary before it is committed: changes of objects that lie whole
 * in a partition, and of locks.
 *
 *     early_change ──▶ done here ──▶ the ring ──▶ backups: done when committed
 *          │              └─ watchers are told when it is committed
 *          └─ the caller's answer, and each that has seen it, rests on it (commit.h)
 *
 * A map shows what is committed, and finds out what is pending by looking beside it. A queue
 * cannot: what is polled next depends on every poll before. So its primary goes ahead. If it is
 * deposed, and what it has done early is cut off, its copy is made anew (replica.h).
 *
 * A learner is sent a picture of all of them and of what clients were answered, of one moment,
 * behind the entries of the maps: changes that make them from nothing, as large as messages may be,
 * and parts of the table of answers. Until it has it whole, what is
 * committed is put off, and done then: of an object what is newer than its picture, of a lock all,
 * since that says what is afterwards.
 *
 * Threads: under the partition's lock.
 */
#ifndef GRID_OP_EARLY_H
#define GRID_OP_EARLY_H

#include "grid/data/effect.h"
#include "grid/data/watcher.h"
#include "net/base/list.h"

struct copies;
struct object;

/* Of one moment, for one learner. */
struct early_picture {
    uint64_t to, walk;
    uint64_t seq;
    struct sink entries; /* each behind its size, 32 bits: a number, 64 bits, and an effect */
};

struct early {
    struct object *objects; /* that lie in the partition */
    struct list told;       /* of struct early_event, by number */
    struct effect *first_put_off, **last_put_off;
};

void early_init(struct early *e);
void early_free(struct early *e);

/* The partition has this object from now on. With the lock taken by itself. */
void early_join(struct object *o);

/* What the thread's call answers rests on all up to seq. */
void early_rest(struct copies *c, uint64_t seq);

/* On all that there is. */
void early_rest_on_all(struct copies *c);

/* As object_change, where there are copies. */
mr_rc_t early_change(struct copies *c, struct object *o, const struct change *x);

/* As object_tell. */
void early_tell(struct copies *c, struct object *o, const struct object_event *e);

/* An effect like that, which early_write will find room for. *ret_e is NULL where nobody else has
 * copies. MR_ERR_FULL, MR_ERR_MEMORY. */
mr_rc_t early_new(struct copies *c, const struct effect *like, struct effect **ret_e);

/* It is done here. NULL: and nobody else has copies. */
void early_write(struct copies *c, struct effect *e);

/* ---- for copies ----------------------------------------------------------------------------- */

/* Committed, and not done here yet. */
void early_apply(struct copies *c, struct effect *e);

/* An effect of the ring is not needed there any more. */
void early_release(struct effect *e);

/* An entry of a picture; it stays the caller's. */
void early_restore(struct copies *c, const struct effect *e);

/* The copy is whole; or it begins anew. */
void early_whole(struct copies *c);
void early_wipe(struct copies *c);

/* All up to there is committed. */
void early_settle(struct copies *c, uint64_t seq);

/* It is primary no more: whoever waits in something asks elsewhere. */
void early_end_reign(struct copies *c);

/* The picture for a walk: the same one, if it has been taken already. MR_ERR_MEMORY. */
mr_rc_t early_picture_take(struct copies *c, struct early_picture *p, uint64_t to, uint64_t walk);

/* Puts entries of it behind those that are there, from a place in it on, up to a place, or, where
 * that is 0, until there is enough. Returns where it goes on. */
size_t early_picture_put(const struct early_picture *p, size_t from, size_t to, size_t enough,
                         struct sink *out);
void early_picture_free(struct early_picture *p);

#endif
