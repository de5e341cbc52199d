/* control_view.c - what other threads may know: a copy of what is agreed, behind a lock. */
#include <stdio.h>

#include "grid/peers/control_inside.h"
#include "net/base/log.h"

/* ---- what others may know ------------------------------------------------------------------- */

static bool is_voter(const struct consensus_server *servers, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (servers[i].id == id)
            return servers[i].voter;
    return false;
}

static bool is_one_of_two(const struct control *c)
{
    return c->duo.state == DUO_HOLDING || c->duo.state == DUO_PARTING || c->duo.state == DUO_TAKING;
}

/* `room` is for words that are put together. */
const char *control_why_not(const struct control *c, const struct consensus_view *v, char *room,
                            size_t size)
{
    if (c->fenced)
        return "somebody has closed its descriptors: restart it";
    if (c->state == CONTROL_FORMING)
        return "it looks for the members that cluster.members names";
    if (c->state == CONTROL_JOINING)
        return "it waits to be let into the cluster";
    if (is_one_of_two(c))
        return duo_why(&c->duo, room, size);
    if (!v->leader)
        return "no majority of the members that vote can be reached";
    return "";
}

static void publish_members(struct control *c, const struct consensus_view *v)
{
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    struct control_view *view = &c->view;
    uint32_t count = c->consensus ? consensus_servers(c->consensus, servers) : 0;

    view->count = 0;
    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];

        if (x->in)
            view->members[view->count++] =
                (struct control_member){.incarnation = x->incarnation,
                                        .card = x->card,
                                        .leads = x->joined == v->leader,
                                        .leaves = x->leaves,
                                        .voter = is_voter(servers, count, x->joined),
                                        .primaries = x->primaries,
                                        .copies = x->copies};
    }
}

static void publish_rows(struct control *c)
{
    struct control_view *view = &c->view;
    uint32_t copies = 1 + (uint32_t)config_number(c->member->config, "cluster.backup-count");

    copies = copies < metadata_staying(&c->metadata) ? copies : metadata_staying(&c->metadata);
    view->offline = view->short_of_copies = 0;
    for (uint32_t i = 0; i < c->metadata.partitions; i++) {
        const struct row *r = &c->metadata.rows[i];

        c->rows[i] = *r;
        view->offline += r->primary == NOBODY;
        view->short_of_copies += r->primary != NOBODY && r->in_sync_count < copies;
    }
}

static void log_leader(struct control *c, const struct consensus_view *v)
{
    const struct cluster_member *x = v->leader ? control_server(c, v->leader) : NULL;

    if (v->leader == c->leader)
        return;
    c->leader = v->leader;
    counter_add(c->gauges.leaders, x != NULL);
    log_event(LOG_INFO, "cluster.leader", F_STR("name", x ? x->card.name : "none"),
              F_U64("term", v->term));
}

void control_publish(struct control *c)
{
    char room[sizeof c->view.why];
    struct consensus_view v = {0};

    if (!c->changed)
        return;
    c->changed = false;
    if (c->consensus)
        consensus_look(c->consensus, &v);
    log_leader(c, &v);
    pthread_mutex_lock(&c->lock);
    c->view.state = c->state;
    c->view.version++;
    if (c->metadata.cluster_high || c->metadata.cluster_low) {
        c->view.cluster_high = c->metadata.cluster_high;
        c->view.cluster_low = c->metadata.cluster_low;
    }
    c->view.has_leader = v.leader != 0;
    c->view.attached = control_both_attached(c);
    snprintf(c->view.why, sizeof c->view.why, "%s", control_why_not(c, &v, room, sizeof room));
    publish_members(c, &v);
    publish_rows(c);
    gauges_show(&c->gauges, &c->view, c->self);
    pthread_mutex_unlock(&c->lock);
    door_view_changed(&c->member->door);
}

void control_look(struct control *c, struct control_view *ret)
{
    pthread_mutex_lock(&c->lock);
    *ret = c->view;
    pthread_mutex_unlock(&c->lock);
}

struct row control_row(struct control *c, uint32_t partition)
{
    pthread_mutex_lock(&c->lock);
    struct row r = c->rows[partition];

    pthread_mutex_unlock(&c->lock);
    return r;
}

uint64_t control_version(struct control *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t version = c->view.version;

    pthread_mutex_unlock(&c->lock);
    return version;
}
