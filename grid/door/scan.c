#include "grid/door/scan.h"

#include "grid/door/listing.h"
#include "net/base/clock.h"

static void scan(struct map *m, void (*visit)(void *context, const struct record *r), void *context)
{
    for (uint32_t i = 0; i < m->partitions->count; i++) {
        uint64_t at = 0;

        do
            at = store_scan(&m->parts[i].store, at, UINT32_MAX, visit, context);
        while (at != 0);
    }
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

    scan(m, parts == SCAN_KEYS ? list_key : parts == SCAN_VALUES ? list_value : list_entry, &l);
    return listing_reply(c, &l);
}

/* Entries whose time has come do not count, also where the keeper has not passed yet; so its work
 * of the last moment is done here. */
static uint64_t entries(struct map *m)
{
    struct map_facts f;

    for (uint32_t i = 0; load_relaxed_32(&m->may_end) && i < m->partitions->count; i++)
        (void)map_sweep(m, i, clock_ms(), UINT32_MAX);
    map_facts(m, &f);
    return f.entries;
}

mr_rc_t scan_reply_size(struct call *c, struct map *m)
{
    uint64_t n = entries(m);

    reply(c, &(int32_t){n < INT32_MAX ? (int32_t)n : INT32_MAX});
    return MR_OK;
}

mr_rc_t scan_reply_empty(struct call *c, struct map *m)
{
    reply(c, &(bool){entries(m) == 0});
    return MR_OK;
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

    scan(m, compare, &s);
    reply(c, &s.found);
    return MR_OK;
}
