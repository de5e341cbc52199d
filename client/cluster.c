/* cluster.c - mr_cluster: what a member knows of its cluster, for people to look at. */
#include <stdio.h>
#include <string.h>

#include "client/handle.h"
#include "net/address.h"
#include "net/base/mem.h"
#include "net/wire/wire.h"

static void copy_text(char *to, size_t room, struct wire_bytes text)
{
    snprintf(to, room, "%.*s", (int)text.size, text.at ? (const char *)text.at : "");
}

static mr_uuid_t uuid_of(struct wire_uuid u)
{
    return u.null ? (mr_uuid_t){0, 0} : (mr_uuid_t){u.high, u.low};
}

static void take_address(mr_standing_t *to, const struct wire_address *from)
{
    char host[ADDRESS_TEXT];
    struct address a;

    copy_text(host, sizeof host, from->host);
    to->address[0] = '\0';
    if (address_of_host(host, (uint16_t)from->port, &a) == MR_OK)
        (void)address_text(&a, to->address);
}

static void take_members(mr_cluster_t *c, struct wire_list list)
{
    struct wire_standing from;

    for (mr_standing_t *to = c->members; wire_next(&list, WIRE_standings, &from, NULL); to++) {
        *to = (mr_standing_t){.uuid = uuid_of(from.uuid),
                              .leads = from.leads,
                              .votes = from.votes,
                              .leaves = from.leaves,
                              .primaries = (uint32_t)from.primaries,
                              .copies = (uint32_t)from.copies};
        copy_text(to->name, sizeof to->name, from.name);
        take_address(to, &from.address);
    }
}

/* Numbers that are taken one after the other. */
struct numbers {
    struct wire_bytes all;
    uint32_t at;
    bool bad;
};

static int next(struct numbers *n, int least, int most)
{
    int32_t v = least;

    n->bad |= n->at >= n->all.size / 4;
    if (!n->bad)
        v = wire_i32_at(n->all, 4, 0, n->at++);
    n->bad |= v < least || v > most;
    return n->bad ? least : v;
}

static int take_places(struct numbers *n, int members, int places[MR_COPIES_MAX])
{
    int count = next(n, 0, MR_COPIES_MAX);

    for (int i = 0; i < count; i++)
        places[i] = next(n, -1, members - 1);
    return count;
}

static uint32_t staying(const mr_cluster_t *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->member_count; i++)
        n += !c->members[i].leaves;
    return n;
}

static mr_rc_t take_partitions(mr_cluster_t *c, struct wire_bytes all)
{
    struct numbers n = {.all = all};
    uint32_t wanted = c->copies < staying(c) ? c->copies : staying(c);

    for (uint32_t i = 0; i < c->partition_count; i++) {
        mr_partition_t *p = &c->partitions[i];

        *p = (mr_partition_t){.primary = next(&n, -1, (int)c->member_count - 1)};
        p->in_sync_count = take_places(&n, (int)c->member_count, p->in_sync);
        p->learner_count = take_places(&n, (int)c->member_count, p->learners);
        c->offline += p->primary < 0;
        c->short_of_copies += p->primary >= 0 && (uint32_t)p->in_sync_count < wanted;
    }
    return n.bad ? MR_ERR_MALFORMED : MR_OK;
}

static mr_rc_t take(void *context, const struct cluster_look_rsp *a)
{
    enum { PARTITIONS_MAX = 65536 };
    mr_cluster_t *c, **ret_c = context;

    if (a->partition_count < 0 || a->partition_count > PARTITIONS_MAX || a->copies < 1)
        return MR_ERR_MALFORMED;
    size_t members = a->members.count * sizeof *c->members;
    size_t partitions = (size_t)a->partition_count * sizeof *c->partitions;

    if (!(c = mem_alloc_zero(sizeof *c + members + partitions)))
        return MR_ERR_MEMORY;
    *c = (mr_cluster_t){.uuid = uuid_of(a->cluster),
                        .self = uuid_of(a->self),
                        .led = a->led,
                        .attached = a->attached,
                        .copies = (uint32_t)a->copies,
                        .member_count = a->members.count,
                        .partition_count = (uint32_t)a->partition_count,
                        .members = (mr_standing_t *)(c + 1)};
    c->partitions = (mr_partition_t *)(c->members + c->member_count);
    copy_text(c->why, sizeof c->why, a->why);
    take_members(c, a->members);
    *ret_c = c;
    return take_partitions(c, a->partitions);
}

mr_cluster_t *mr_cluster(mr_t *g, mr_err_t *err)
{
    mr_cluster_t *c = NULL;

    if (guard(g, err) != MR_OK)
        return NULL;
    mr_rc_t rc = g->channel->ops->look(g->channel, take, &c, err);

    if (rc == MR_OK)
        return c;
    if (err && err->code == MR_OK)
        (void)!fail(err, rc, NULL, "what a member tells of its cluster cannot be used: %s",
                    mr_rc_text(rc));
    mr_cluster_free(c);
    return NULL;
}

mr_rc_t mr_take_over(mr_t *g, mr_err_t *err)
{
    mr_rc_t rc = guard(g, err);

    return rc == MR_OK ? g->channel->ops->take_over(g->channel, err) : rc;
}

void mr_cluster_free(mr_cluster_t *c)
{
    mem_free(c);
}
