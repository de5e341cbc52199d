#include "grid/door/scan.h"

#include "grid/door/listing.h"
#include "net/base/clock.h"

typedef void visit_function(void *context, const struct record *r);

static mr_rc_t scan_one(struct map *m, uint32_t partition, visit_function *visit, void *context)
{
    uint64_t reign = partitions_reign(m->partitions, partition), at = 0;

    if (reign == 0)
        return MR_ERR_MOVED;
    do
        at = store_scan(&m->parts[partition].store, at, UINT32_MAX, visit, context);
    while (at != 0);
    return partitions_may_read(m->partitions, partition, reign) ? MR_OK : MR_ERR_MOVED;
}

static mr_rc_t scan(const struct call *c, struct map *m, visit_function *visit, void *context)
{
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < m->partitions->count && rc == MR_OK; i++)
        if (share_has(c->share, i))
            rc = scan_one(m, i, visit, context);
    return rc;
}

static void list_key(void *context, const struct record *r)
{
    struct data key = record_key(r);

    listing_add(context, &key);
}

static void list_value(void *context, const struct record *r)
{
    struct data value = record_value(r);

    listing_add(context, &value);
}

static void list_entry(void *context, const struct record *r)
{
    struct data key = record_key(r), value = record_value(r);

    listing_add_pair(context, &key, &value);
}

mr_rc_t scan_reply_list(struct call *c, struct map *m, uint32_t parts)
{
    struct listing l = listing_new(c);
    mr_rc_t rc = call_go_away(c, m);

    if (rc != MR_OK)
        return rc;
    rc = scan(c, m,
              parts == SCAN_KEYS     ? list_key
              : parts == SCAN_VALUES ? list_value
                                     : list_entry,
              &l);
    return rc == MR_OK ? listing_reply(c, &l) : rc;
}

/* Entries whose time has come do not count, also where the keeper has not passed yet; so its work
 * of the last moment is done here. */
static mr_rc_t entries(const struct call *c, struct map *m, uint64_t *ret_n)
{
    const struct partitions *ps = m->partitions;
    uint64_t n = 0;

    if (!partitions_serve(ps, c->share))
        return MR_ERR_MOVED;
    for (uint32_t i = 0; i < ps->count; i++) {
        uint64_t reign = partitions_reign(ps, i);

        if (!share_has(c->share, i))
            continue;
        if (load_relaxed_32(&m->may_end))
            (void)map_sweep(m, i, clock_ms(), UINT32_MAX);
        n += load_relaxed_64(&m->parts[i].store.entries);
        if (!partitions_may_read(ps, i, reign))
            return MR_ERR_MOVED;
    }
    *ret_n = n;
    return MR_OK;
}

mr_rc_t scan_reply_size(struct call *c, struct map *m)
{
    uint64_t n;
    mr_rc_t rc = entries(c, m, &n);

    if (rc == MR_OK)
        reply(c, &(int32_t){n < INT32_MAX ? (int32_t)n : INT32_MAX});
    return rc;
}

mr_rc_t scan_reply_empty(struct call *c, struct map *m)
{
    uint64_t n;
    mr_rc_t rc = entries(c, m, &n);

    if (rc == MR_OK)
        reply(c, &(bool){n == 0});
    return rc;
}

struct search {
    const struct data *value;
    bool found;
};

static void compare(void *context, const struct record *r)
{
    struct search *s = context;
    struct data value = record_value(r);

    s->found |= data_equal(&value, s->value);
}

mr_rc_t scan_reply_contains(struct call *c, struct map *m, const struct data *value)
{
    struct search s = {value, false};
    mr_rc_t rc = call_go_away(c, m);

    if (rc != MR_OK)
        return rc;
    if ((rc = scan(c, m, compare, &s)) == MR_OK)
        reply(c, &s.found);
    return rc;
}
