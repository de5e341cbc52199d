/* objects.h - all that clients can name in a member, by kind and name.
 *
 *     objects_open ──▶ found ──────────▶ the object      a look without a lock
 *                  └─▶ made, or opened again ──▶ CREATED is told
 *     objects_destroy ──▶ emptied, hidden ─────▶ DESTROYED is told
 *
 * A queue of a name and a list of the same name are two objects. Each kind is a row in a table:
 * what the protocol calls it, how it is made, emptied and freed. Maps are among them, with the
 * `struct map` in a member of their object (object_map).
 *
 * Buckets of a fixed table, whose chains only grow: finding needs no lock and an object that was
 * found stays. Thousands of objects are meant, not millions: limits.objects is the most that there
 * may be, those that were destroyed included, since they stay.
 *
 * Any thread. Lock order: objects, then maps, then a partition's. on_life is called under the lock
 * of objects, so in order; it only copies and posts.
 */
#ifndef GRID_DATA_OBJECTS_H
#define GRID_DATA_OBJECTS_H

#include "grid/data/maps.h"
#include "grid/data/object.h"
#include "net/base/list.h"

enum { OBJECT_BUCKETS = 1024 };

/* Wants to know of objects that come and go. */
struct life_watcher {
    struct list node;
    void (*on_life)(struct life_watcher *w, const struct object *o, bool created);
};

struct objects {
    pthread_mutex_t lock;
    struct object *buckets[OBJECT_BUCKETS];
    struct list life_watchers;
    uint64_t count; /* open or not; under the lock */
    const mr_config_t *config;
    struct partitions *partitions;
    struct maps *maps;
};

void objects_init(struct objects *os, struct maps *maps);

/* Frees all, when nothing runs any more and nobody waits; before maps_free. Also for one that was
 * zeroed and never initialised. */
void objects_free(struct objects *os);

/* The kind that the protocol calls so, such as "hz:impl:queueService", and its name there. */
bool objects_kind(const char *service, enum object_kind *ret_kind);
const char *objects_service(enum object_kind kind);

/* Finds it, makes it, or opens it again. MR_ERR_MEMORY. MR_ERR_FULL: there are as many as
 * limits.objects allows. */
mr_rc_t objects_open(struct objects *os, enum object_kind kind, const char *name,
                     struct object **ret_o);

/* For a copy of what another member has: finds it, also if it was destroyed and is to stay so, or
 * makes it, whatever the limit is: a backup that refused it would hold up its partition for good.
 * MR_ERR_MEMORY. */
mr_rc_t objects_have(struct objects *os, enum object_kind kind, const char *name,
                     struct object **ret_o);

/* NULL: it is not there, or destroyed. */
struct object *objects_find(const struct objects *os, enum object_kind kind, const char *name);

/* MR_OK, MR_NOT_FOUND; MR_ERR_MEMORY: it is still there, perhaps emptied. */
mr_rc_t objects_destroy(struct objects *os, enum object_kind kind, const char *name);

/* Visits those that are open; under no lock. */
void objects_list(const struct objects *os, void (*visit)(void *context, const struct object *o),
                  void *context);

/* A client has gone: what it holds is let go. */
void objects_release_client(struct objects *os, uint64_t client_high, uint64_t client_low);

void objects_watch(struct objects *os, struct life_watcher *w);
void objects_unwatch(struct objects *os, struct life_watcher *w);

#endif
