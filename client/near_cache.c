/* near_cache.c - the calls of a near cache, which keeps copies of a map's entries in this process.
 */
#include <millrace/millrace.h>

#include "client/handle.h"

enum {
    NEAR_MAX_MIB = 32,
    NEAR_LEAST_KIB = 256,
    STALE_MAX_MS = 10000,
    STALE_LEAST_MS = 100, /* members are asked three times as often */
    STALE_MOST_MS = 3600 * 1000
};

static mr_rc_t take_options(const mr_map_t *m, const mr_near_opts_t *opts, struct near_wish *w,
                            mr_err_t *err)
{
    static const mr_near_opts_t defaults = MR_NEAR_OPTS_INIT;
    const mr_near_opts_t *o = opts ? opts : &defaults;

    if (o->size < sizeof *o)
        return fail(err, MR_ERR_ARGUMENT, "fill them with MR_NEAR_OPTS_INIT",
                    "map \"%s\": the options of its near cache are not initialised", m->name);
    w->max_bytes = o->max_bytes ? o->max_bytes : NEAR_MAX_MIB * 1024ull * 1024;
    w->stale_max_ms = o->stale_max_ms ? (uint64_t)o->stale_max_ms : STALE_MAX_MS;
    if (w->max_bytes < NEAR_LEAST_KIB * 1024ull)
        return fail(err, MR_ERR_ARGUMENT, "give 256 KiB or more, or 0 for 32 MiB",
                    "map \"%s\": a near cache of %llu bytes", m->name,
                    (unsigned long long)w->max_bytes);
    if (o->stale_max_ms < 0 || w->stale_max_ms < STALE_LEAST_MS || w->stale_max_ms > STALE_MOST_MS)
        return fail(err, MR_ERR_ARGUMENT, "give 100 ms to one hour, or 0 for 10 s",
                    "map \"%s\": stale_max_ms is %lld", m->name, (long long)o->stale_max_ms);
    return MR_OK;
}

mr_rc_t mr_map_near_cache(mr_map_t *m, const mr_near_opts_t *opts, mr_err_t *err)
{
    struct near_wish w;
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc != MR_OK || (rc = take_options(m, opts, &w, err)) != MR_OK)
        return rc;
    return m->channel->ops->map_near(m->channel, m->map, &w, err);
}

mr_rc_t mr_map_near_stats(mr_map_t *m, mr_near_stats_t *ret, mr_err_t *err)
{
    struct near_facts f;
    mr_rc_t rc = guard(m ? m->g : NULL, err);

    if (rc != MR_OK)
        return rc;
    if (!ret || ret->size < sizeof *ret)
        return fail(err, MR_ERR_ARGUMENT, "fill it with MR_NEAR_STATS_INIT",
                    "map \"%s\": the struct for its near cache's statistics is NULL or not "
                    "initialised",
                    m->name);
    if ((rc = m->channel->ops->map_near_facts(m->channel, m->map, &f)) == MR_OK)
        *ret = (mr_near_stats_t){ret->size,   f.hits,    f.misses, f.invalidations,
                                 f.evictions, f.entries, f.bytes};
    return rc;
}
