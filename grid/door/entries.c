#include "grid/door/entries.h"

#include <string.h>

#include "grid/data/multimap.h"
#include "grid/door/explain.h"
#include "grid/member.h"
#include "grid/op/run.h"

/* Puts an error into words. */
static mr_rc_t run(struct call *c, struct map *m, const struct map_request *q,
                   struct map_answer *ret_a)
{
    mr_rc_t rc = run_request(m, q, ret_a);

    return rc >= MR_ERR_MEMORY ? explain(m, q, rc, ret_a, c->err) : rc;
}

/* The answers below MR_ERR_MEMORY are the caller's to translate. */
static mr_rc_t find_and_run(struct call *c, enum object_kind kind, struct wire_bytes name,
                            const struct map_request *q, struct map_answer *ret_a)
{
    struct map *m;
    mr_rc_t rc = call_map_of(c, kind, name, &m);

    return rc == MR_OK ? run(c, m, q, ret_a) : rc;
}

static bool is_answer(mr_rc_t rc)
{
    return rc < MR_ERR_MEMORY && rc != MR_PENDING;
}

mr_rc_t entries_answer_value(struct call *c, enum object_kind kind, struct wire_bytes name,
                             const struct map_request *q)
{
    struct map_answer a;
    mr_rc_t rc = find_and_run(c, kind, name, q, &a);

    if (!is_answer(rc))
        return rc;
    struct data value = a.present ? a.value : (struct data){0};

    reply(c, &value);
    return MR_OK;
}

mr_rc_t entries_answer_nothing(struct call *c, enum object_kind kind, struct wire_bytes name,
                               const struct map_request *q)
{
    struct map_answer a;
    mr_rc_t rc = find_and_run(c, kind, name, q, &a);

    if (!is_answer(rc))
        return rc;
    reply(c, NULL);
    return MR_OK;
}

mr_rc_t entries_answer_done(struct call *c, enum object_kind kind, struct wire_bytes name,
                            const struct map_request *q)
{
    struct map_answer a;
    mr_rc_t rc = find_and_run(c, kind, name, q, &a);

    if (!is_answer(rc))
        return rc;
    reply(c, &(bool){rc == MR_OK});
    return MR_OK;
}

/* Looked at before any is put, since a call that goes on elsewhere begins there anew. */
static bool are_here(const struct call *c, const struct map *m, struct wire_list pairs)
{
    const struct partitions *ps = m->partitions;
    struct data key, value;

    while (ps->serves && wire_next(&pairs, WIRE_data_pairs, &key, &value)) {
        uint32_t partition = data_partition(&key, ps->count);

        if (share_has(c->share, partition) && partitions_reign(ps, partition) == 0)
            return false;
    }
    return true;
}

mr_rc_t entries_put_all(struct call *c, enum object_kind kind, struct wire_bytes name,
                        const struct map_request *q, struct wire_list pairs)
{
    struct map_request r = *q;
    struct map_answer a;
    struct map *m;
    mr_rc_t rc = call_map_of(c, kind, name, &m);

    if (rc == MR_OK && c->done == 0 && !are_here(c, m, pairs))
        return MR_ERR_MOVED;
    for (uint32_t i = 0; rc == MR_OK && wire_next(&pairs, WIRE_data_pairs, &r.key, &r.value); i++)
        if (i >= c->done && (!call_has(c, m, &r.key) || (rc = run(c, m, &r, &a)) == MR_OK))
            c->done++;
    if (rc == MR_OK)
        reply(c, NULL);
    return rc == MR_ERR_MOVED && c->done > 0 ? MR_ERR_OUTCOME_UNKNOWN : rc;
}

/* ---- all of it ------------------------------------------------------------------------------ */

void entries_reply_cleared(struct call *c, uint64_t cleared)
{
    reply_as(c, WIRE_map_size_rsp, &(int32_t){cleared < INT32_MAX ? (int32_t)cleared : INT32_MAX});
}

mr_rc_t entries_clear(struct call *c, struct map *m, enum journal_kind told)
{
    uint64_t cleared;
    mr_rc_t rc = call_go_away(c, m);

    if (rc != MR_OK)
        return rc;
    if (c->share && (rc = map_clear_some(m, c->share, &cleared)) == MR_OK)
        entries_reply_cleared(c, cleared);
    else if (!c->share && (rc = map_clear_share(m, NULL, told)) == MR_OK)
        reply(c, NULL);
    return rc;
}

void entries_tell_cleared(struct member *m, enum wire_id request, struct wire_bytes name,
                          uint64_t cleared)
{
    enum object_kind kind = request == WIRE_multimap_clear_req         ? OBJECT_MULTIMAP
                            : request == WIRE_replicated_map_clear_req ? OBJECT_REPLICATED_MAP
                                                                       : OBJECT_MAP;
    char text[MAP_NAME_MAX + 1] = {0};

    if (cleared == 0 || name.size > MAP_NAME_MAX)
        return;
    memcpy(text, name.at, name.size);
    struct object *o = objects_find(&m->objects, kind, text);

    if (o && kind == OBJECT_MULTIMAP)
        multimap_tell_cleared(o, cleared);
    else if (o)
        map_tell_cleared(object_map(o),
                         request == WIRE_map_evict_all_req ? JOURNAL_EVICTED_ALL : JOURNAL_CLEARED,
                         cleared);
}
