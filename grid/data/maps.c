#include "grid/data/maps.h"

#include <string.h>

#include "grid/data/listener.h"

void maps_init(struct maps *ms)
{
    pthread_mutex_init(&ms->lock, NULL);
}

static uint64_t limit_of(uint64_t configured)
{
    return configured ? configured : UINT64_MAX;
}

static struct map_rules rules_of(const mr_config_t *config, const char *kind, const char *name)
{
    static const enum eviction evictions[] = {
        [CONFIG_EVICT_NONE] = EVICT_NONE,
        [CONFIG_EVICT_LRU] = EVICT_LRU,
        [CONFIG_EVICT_LFU] = EVICT_LFU,
        [CONFIG_EVICT_RANDOM] = EVICT_RANDOM,
    };
    bool plain = strcmp(kind, MAPS_PLAIN) == 0;
    struct config_map c = plain ? config_map(config, name) : (struct config_map){.in_sync_min = 1};

    return (struct map_rules){
        .ttl_ms = c.ttl_ms,
        .idle_ms = c.max_idle_ms,
        .entries_max = limit_of(c.entries_max),
        .bytes_max = limit_of(c.bytes_max),
        .eviction = evictions[c.eviction],
        .journal_capacity = (uint32_t)c.journal_capacity,
        .in_sync_min = (uint32_t)c.in_sync_min,
        .key_max = (uint32_t)config_number(config, "limits.key-size"),
        .value_max = (uint32_t)config_number(config, "limits.value-size"),
    };
}

mr_rc_t maps_add(struct maps *ms, const char *kind, const char *name, struct map **ret_map)
{
    struct map_rules rules = rules_of(ms->config, kind, name);
    struct map *m;
    mr_rc_t rc = map_new(ms->partitions, ms->metrics, kind, name, &rules, &m);

    if (rc != MR_OK)
        return rc;
    m->changed = ms->changed;
    m->changed_context = ms->changed_context;
    pthread_mutex_lock(&ms->lock);
    m->next = ms->first;
    store_release_ptr((void **)&ms->first, m);
    pthread_mutex_unlock(&ms->lock);
    *ret_map = m;
    return MR_OK;
}

void maps_release_client(struct maps *ms, uint64_t client_high, uint64_t client_low)
{
    for (struct map *m = maps_first(ms); m; m = m->next)
        map_release_client(m, client_high, client_low);
}

void maps_free(struct maps *ms)
{
    for (struct map *next, *m = ms->first; m; m = next) {
        next = m->next;
        listeners_free(m);
        map_free(m);
    }
    if (ms->partitions)
        pthread_mutex_destroy(&ms->lock);
    *ms = (struct maps){0};
}
