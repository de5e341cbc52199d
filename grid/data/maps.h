/* maps.h - a member's maps, for whoever has something to do in each of them.
 *
 * A map is made when it is first named and stays until the member ends, so whoever has found one
 * may keep it. The list only grows; the keeper walks it without a lock. Finding one by name is not
 * done here, but in objects.h.
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

/* What a map is that is nothing more; others hold the data of another kind of object. */
#define MAPS_PLAIN "map"

/* Makes the map of this name, of which there is none yet of this kind: a literal, which is also its
 * label in metrics. Only plain ones have rules in the configuration. MR_ERR_MEMORY. */
mr_rc_t maps_add(struct maps *ms, const char *kind, const char *name, struct map **ret_map);

static inline struct map *maps_first(struct maps *ms)
{
    return load_acquire_ptr((void *const *)&ms->first);
}

/* Releases the locks that a client held in any map, after it has gone. */
void maps_release_client(struct maps *ms, uint64_t client_high, uint64_t client_low);

/* Ends listeners and maps. Also for one that was zeroed and never initialised. */
void maps_free(struct maps *ms);

#endif
