#include "grid/data/map_object.h"

#include "net/base/mem.h"

/* What the metrics of each call it; no two kinds share a map. */
static const char *const labels[] = {
    [OBJECT_MAP] = MAPS_PLAIN,
    [OBJECT_MULTIMAP] = "multimap",
    [OBJECT_REPLICATED_MAP] = "replicated_map",
};

mr_rc_t map_object_new(struct maps *ms, enum object_kind kind, const char *name,
                       struct object **ret_o)
{
    struct map_object *mo = mem_alloc_zero(sizeof *mo);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!mo)
        return MR_ERR_MEMORY;
    if ((rc = object_init(&mo->object, kind, name, ms->partitions)) != MR_OK ||
        (rc = maps_add(ms, labels[kind], name, &mo->map)) != MR_OK) {
        map_object_free(&mo->object);
        return rc;
    }
    mo->map->object_kind = (uint8_t)kind;
    if (kind != OBJECT_MULTIMAP) /* which tells of each value itself */
        store_release_ptr((void **)&mo->map->watchers, &mo->object.watchers);
    *ret_o = &mo->object;
    return MR_OK;
}

void map_object_free(struct object *o)
{
    struct map *map = object_map(o);

    if (map)
        store_release_ptr((void **)&map->watchers, NULL);
    object_deinit(o);
    mem_free(o);
}

mr_rc_t map_object_destroy(struct object *o)
{
    map_release_all(object_map(o));
    return map_clear(object_map(o));
}
