#include "grid/door/explain.h"

static mr_rc_t explain_full(const struct map *m, const struct map_request *q,
                            const struct data *value, mr_err_t *err)
{
    bool evicts = m->rules.eviction != EVICT_NONE;

    (void)!fail(err, MR_ERR_FULL,
                evicts ? "end read sections that were left open, or raise the limit"
                       : "remove entries, let them expire, set maps.*.eviction, or raise the limit",
                "map \"%s\" is full: no room for another entry", m->name);
    if (account_refuses(&m->entries, 1))
        fail_detail(err, "it has the %llu entries that its max-size allows",
                    (unsigned long long)m->entries.limit);
    else if (account_refuses(&m->bytes, record_block_max(&q->key, value)))
        fail_detail(err, "its entries take %llu of the %llu bytes that its max-bytes allows",
                    (unsigned long long)load_relaxed_64(&m->bytes.reserved),
                    (unsigned long long)m->bytes.limit);
    else
        fail_detail(err, "the member uses %llu of the %llu bytes that memory.max allows",
                    (unsigned long long)load_relaxed_64(&m->partitions->account.reserved),
                    (unsigned long long)m->partitions->account.limit);
    return MR_ERR_FULL;
}

static mr_rc_t explain_too_large(const struct map *m, const struct map_request *q,
                                 const struct data *value, mr_err_t *err)
{
    bool key = q->key.size > m->rules.key_max;

    return fail(err, MR_ERR_TOO_LARGE,
                key ? "raise limits.key-size, at most 65535, or use a shorter key"
                    : "raise limits.value-size, at most 16777215, or store it in pieces",
                "map \"%s\": a %s of %u bytes, where %u are allowed", m->name,
                key ? "key" : "value", key ? q->key.size : value->size,
                key ? m->rules.key_max : m->rules.value_max);
}

static mr_rc_t explain_locked(struct map *m, const struct map_request *q, mr_err_t *err)
{
    struct owner holder;

    (void)!fail(err, MR_ERR_BUSY, "try again, or look why the lock is held for so long",
                "map \"%s\": another has locked the key", m->name);
    if (map_is_locked(m, &q->key, &holder) == MR_OK)
        fail_detail(err, "thread %lld of client %016llx%016llx holds the lock",
                    (long long)holder.thread, (unsigned long long)holder.client_high,
                    (unsigned long long)holder.client_low);
    return MR_ERR_BUSY;
}

mr_rc_t explain(struct map *m, const struct map_request *q, mr_rc_t rc, const struct map_answer *a,
                mr_err_t *err)
{
    if (rc == MR_ERR_FULL)
        return explain_full(m, q, &a->value, err);
    if (rc == MR_ERR_TOO_LARGE)
        return explain_too_large(m, q, &a->value, err);
    if (rc == MR_ERR_BUSY)
        return explain_locked(m, q, err);
    if (rc == MR_ERR_MOVED)
        return fail(err, rc, "look anew who has it, and ask there",
                    "map \"%s\": another member has the key's partition", m->name);
    if (rc == MR_ERR_COPIES)
        return fail(err, rc, "see \"millrace health\", or lower maps.*.min-in-sync",
                    "map \"%s\": fewer than %u members that have the key's partition are in sync",
                    m->name, m->rules.in_sync_min);
    if (rc == MR_ERR_OFFLINE)
        return fail(err, rc, "see \"millrace health\" and \"millrace partitions\"",
                    "map \"%s\": no member that is there has the key's partition", m->name);
    if (rc == MR_ERR_ARGUMENT)
        return rc; /* an update function's, which has said why */
    return fail(err, rc, NULL, "map \"%s\": %s", m->name, mr_rc_text(rc));
}

mr_rc_t explain_open(const struct objects *os, const char *name, mr_rc_t rc, mr_err_t *err)
{
    if (rc != MR_ERR_FULL)
        return fail(err, rc, NULL, "\"%s\" cannot be made: %s", name, mr_rc_text(rc));
    return fail(err, rc, "use fewer names, or raise limits.objects; destroyed objects count",
                "\"%s\" cannot be made: the member has the %llu objects that limits.objects allows",
                name, (unsigned long long)config_number(os->config, "limits.objects"));
}
