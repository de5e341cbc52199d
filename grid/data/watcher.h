/* watcher.h - being told of changes at the moment they are made.
 *
 * A watcher is called by whoever makes a change, under the lock of the partition it is made in, so
 * in the order of the changes there. It must be quick: it copies what it wants and posts it to
 * where there is time. (A listener of a map, listener.h, is called later, and elsewhere.)
 *
 *     change ──▶ watchers_tell ──▶ list ──▶ watcher, watcher, ...     under the partition's lock
 *     add, remove: ──▶ a new list in place of the old one ──▶ each partition's lock once, and
 *                      nobody can be in the old list any more
 *
 * One list serves all partitions of an object: it is never changed, only replaced. Where nobody
 * watches there is none, and a change costs one load.
 *
 * Threads: watchers_tell under a partition's lock; adding and removing from any thread without
 * one, so not from inside on_event.
 */
#ifndef GRID_DATA_WATCHER_H
#define GRID_DATA_WATCHER_H

#include "grid/op/partition.h"
#include "net/request.h"

/* The values are the client protocol's, for items and entries; a message has none there. */
enum object_event_kind {
    OBJECT_ADDED = 1,
    OBJECT_REMOVED = 2,
    OBJECT_UPDATED = 4,
    OBJECT_EVICTED = 8,
    OBJECT_EXPIRED = 16,
    OBJECT_EVICTED_ALL = 32,
    OBJECT_CLEARED = 64,
    OBJECT_INVALIDATED = 256,
    OBJECT_MESSAGE = 1 << 16
};

/* Borrowed for the call. */
struct object_event {
    uint32_t kind; /* enum object_event_kind */
    uint32_t partition;
    uint64_t time_ms;
    uint64_t count;              /* of CLEARED and EVICTED_ALL: how many have gone */
    struct data key, old, value; /* DATA_NULL where there is none; an item's is the value */
    uint64_t sequence;           /* of INVALIDATED, see invalidation.h */
    struct owner source;         /* of INVALIDATED: who changed it, zero when nobody asked for it */
};

struct watcher {
    uint32_t kinds; /* that it wants */
    void (*on_event)(struct watcher *w, const struct object_event *e);
};

struct watcher_list;

struct watchers {
    struct watcher_list *list; /* NULL: nobody watches */
    pthread_mutex_t lock;      /* of who adds or removes; before a partition's */
};

enum { WATCHERS_MAX = 4096 };

void watchers_init(struct watchers *ws);
void watchers_free(struct watchers *ws);

static inline bool watchers_any(const struct watchers *ws)
{
    return load_acquire_ptr((void *const *)&ws->list) != NULL;
}

/* From now on it is told; it is yours and stays where it is. MR_ERR_MEMORY; MR_ERR_FULL: there are
 * WATCHERS_MAX. */
mr_rc_t watchers_add(struct watchers *ws, struct partitions *ps, struct watcher *w);

/* After it has returned, w is not called any more. Nothing for one that is not there. */
void watchers_remove(struct watchers *ws, struct partitions *ps, struct watcher *w);

/* Tells those who want this kind. */
void watchers_tell(struct watchers *ws, const struct object_event *e);

#endif
