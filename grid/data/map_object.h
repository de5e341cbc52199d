/* map_object.h - a map under its name among the other objects, and what else is a map inside.
 *
 *     OBJECT_MAP             the map itself
 *     OBJECT_REPLICATED_MAP  a map of its own, with no rules but each entry's time to live
 *     OBJECT_MULTIMAP        a map of its own, whose values are packed (multimap.h)
 *
 * They keep their entries in a `struct map`, so run_request, map_lock and the rest work on
 * object_map(o). Watchers of the object are told of each change of an entry, for a multimap of each
 * value.
 */
#ifndef GRID_DATA_MAP_OBJECT_H
#define GRID_DATA_MAP_OBJECT_H

#include "grid/data/maps.h"
#include "grid/data/object.h"

struct map_object {
    struct object object;
    struct map *map; /* lives with the member's maps */
    bool lists;      /* of a multimap: a key may have a value several times */
};

/* MR_ERR_MEMORY. */
mr_rc_t map_object_new(struct maps *ms, enum object_kind kind, const char *name,
                       struct object **ret_o);
void map_object_free(struct object *o);

/* Releases every lock and clears. MR_ERR_MEMORY: some may be cleared. */
mr_rc_t map_object_destroy(struct object *o);

static inline struct map *object_map(const struct object *o)
{
    return ((const struct map_object *)o)->map;
}

#endif
