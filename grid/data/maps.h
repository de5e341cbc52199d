/* maps.h - a member's maps by name.
 *
 * A map is made when it is first named and stays until the member ends, so whoever has found one
 * may keep it. The list only grows; the keeper walks it without a lock.
 *
 * Any thread.
 */
#ifndef GRID_DATA_MAPS_H
#define GRID_DATA_MAPS_H

#include "grid/config.h"
#include "grid/data/map.h"

enum { MAP_NAME_MAX = 255 };

struct maps {
    pthread_mutex_t lock;
    struct map *first; /* read with acquire */
    const mr_config_t *config;
    struct partitions *partitions;
    struct metrics *metrics;
    void (*changed)(void *context); /* a listener of some map has something to hear */
    void *changed_context;
};

void maps_init(struct maps *ms);

/* The map of this name. MR_ERR_MEMORY. */
mr_rc_t maps_open(struct maps *ms, const char *name, struct map **ret_map);

static inline struct map *maps_first(struct maps *ms)
{
    return load_acquire_ptr((void *const *)&ms->first);
}

/* Releases the locks that a client held in any map, after it has gone. */
void maps_release_client(struct maps *ms, uint64_t client_high, uint64_t client_low);

/* Ends listeners and maps. Also for one that was zeroed and never initialised. */
void maps_free(struct maps *ms);

#endif
