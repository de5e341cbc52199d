#include "grid/door/view.h"

#include <stdio.h>

#include "grid/member.h"
#include "net/base/mem.h"

enum { SPOKEN_MAJOR = 5, SPOKEN_MINOR = 5 };

static struct wire_list no_items(void)
{
    static const struct sink none;

    return wire_list_of(&none, 0);
}

void view_free(struct view *v)
{
    sink_free(&v->members);
    sink_free(&v->owned);
    sink_free(&v->numbers);
    sink_free(&v->owners);
}

static void put_member(struct view *v, struct wire_uuid uuid, const struct address *a)
{
    char host[ADDRESS_TEXT];
    const struct wire_member member = {
        .uuid = uuid,
        .address = {.port = a->port, .host = wire_text(address_host(a, host))},
        .attributes = no_items(),
        .version = {.major = SPOKEN_MAJOR, .minor = SPOKEN_MINOR},
        .address_map = no_items(),
    };

    wire_put(&v->members, WIRE_member, &member);
    v->member_count++;
}

/* Those that are in `numbers` are the owner's. */
static void put_owner(struct view *v, struct wire_uuid uuid)
{
    if (v->numbers.size > 0 && sink_state(&v->numbers) == MR_OK) {
        wire_put(&v->owned, WIRE_i32s,
                 &(struct wire_bytes){v->numbers.at, (uint32_t)v->numbers.size});
        wire_put_uuid(&v->owners, uuid);
        v->owner_count++;
    }
    v->numbers.size = 0;
}

static void show_alone(struct member *m, struct view *v)
{
    v->version = 1;
    v->cluster = m->door.cluster;
    put_member(v, m->uuid, &m->door.address);
    for (uint32_t i = 0; i < m->partitions.count; i++)
        wire_put_i32(&v->numbers, (int32_t)i);
    put_owner(v, m->uuid);
}

static void show_cluster(struct member *m, struct view *v, const struct control_view *c)
{
    v->version = (int32_t)c->version + 1;
    v->cluster = (struct wire_uuid){c->cluster_high, c->cluster_low, false};
    for (uint32_t k = 0; k < c->count; k++) {
        const struct control_member *x = &c->members[k];
        struct wire_uuid uuid = {x->card.uuid_high, x->card.uuid_low, false};

        put_member(v, uuid, &x->card.address);
        for (uint32_t i = 0; i < m->partitions.count; i++)
            if (m->partitions.primaries &&
                load_acquire_64(&m->partitions.primaries[i]) == x->incarnation)
                wire_put_i32(&v->numbers, (int32_t)i);
        put_owner(v, uuid);
    }
}

static mr_rc_t state_of(const struct view *v)
{
    return sink_state(&v->members) != MR_OK || sink_state(&v->numbers) != MR_OK ||
                   sink_state(&v->owned) != MR_OK || sink_state(&v->owners) != MR_OK
               ? MR_ERR_MEMORY
               : MR_OK;
}

mr_rc_t view_make(struct member *m, struct view *ret_v)
{
    struct view v = {.members = {.grows = true},
                     .owned = {.grows = true},
                     .numbers = {.grows = true},
                     .owners = {.grows = true}};
    struct control_view *c = m->control ? mem_alloc(sizeof *c) : NULL;

    if (m->control && !c)
        return MR_ERR_MEMORY;
    if (c)
        control_look(m->control, c);
    if (c && c->count > 0)
        show_cluster(m, &v, c);
    else
        show_alone(m, &v);
    mem_free(c);
    if (state_of(&v) != MR_OK) {
        view_free(&v);
        return MR_ERR_MEMORY;
    }
    *ret_v = v;
    return MR_OK;
}

struct wire_list view_members(const struct view *v)
{
    return wire_list_of(&v->members, v->member_count);
}

struct wire_partition_table view_partitions(const struct view *v)
{
    return (struct wire_partition_table){wire_list_of(&v->owned, v->owner_count),
                                         {v->owners.at, (uint32_t)v->owners.size}};
}

void view_tell(struct session *s, const struct view *v)
{
    session_event(s, WIRE_client_members_view_event, s->view_correlation,
                  &(struct client_members_view_event){v->version, view_members(v)});
    session_event(s, WIRE_client_partitions_view_event, s->view_correlation,
                  &(struct client_partitions_view_event){v->version, view_partitions(v)});
}

/* ---- changes -------------------------------------------------------------------------------- */

/* Who came in while the cluster was still being formed was told a name of this member's own, and
 * would take every other member for one of another cluster: it has to come in again. */
static bool is_of_another(const struct session *s, const struct view *v)
{
    return s->client && !uuid_equal(&s->cluster, &v->cluster);
}

static void tell_all(struct posted *p)
{
    struct door_loop *l = list_owner(p, struct door_loop, view);
    struct view v;

    (void)exchange_32(&l->view_posted, 0);
    if (view_make(l->door->member, &v) != MR_OK)
        return;
    for (struct list *next, *node = l->sessions.next; node != &l->sessions; node = next) {
        struct session *s = list_owner(node, struct session, node);

        next = node->next;
        if (s->state == SESSION_OPEN && is_of_another(s, &v))
            session_close(s, "the cluster is formed: it has to come in again");
        else if (s->has_view && s->state == SESSION_OPEN)
            view_tell(s, &v);
    }
    view_free(&v);
}

void door_view_changed(struct door *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        struct door_loop *l = &d->loops[i];

        if (exchange_32(&l->view_posted, 1) != 0)
            continue;
        l->view.run = tell_all;
        door_post(l, &l->view);
    }
}

/* ---- for who asks --------------------------------------------------------------------------- */

void outlook_free(struct outlook *o)
{
    sink_free(&o->members);
    sink_free(&o->partitions);
    mem_free(o->view);
}

static void put_standing(struct outlook *o, const struct control_member *x)
{
    char host[ADDRESS_TEXT];
    const struct wire_standing standing = {
        .uuid = {x->card.uuid_high, x->card.uuid_low, false},
        .leads = x->leads,
        .votes = x->voter,
        .leaves = x->leaves,
        .primaries = (int32_t)x->primaries,
        .copies = (int32_t)x->copies,
        .name = wire_text(x->card.name),
        .address = {.port = x->card.address.port,
                    .host = wire_text(address_host(&x->card.address, host))}};

    wire_put(&o->members, WIRE_standing, &standing);
}

/* It has all, and asks nobody. */
static void look_alone(struct member *m, struct outlook *o)
{
    struct control_member x = {.leads = true,
                               .voter = true,
                               .primaries = m->partitions.count,
                               .copies = m->partitions.count,
                               .card = {m->uuid.high, m->uuid.low, m->door.address, ""}};

    snprintf(x.card.name, sizeof x.card.name, "%.63s", m->name);
    put_standing(o, &x);
    o->answer.members = wire_list_of(&o->members, 1);
    o->answer.cluster = m->door.cluster;
    o->answer.led = true;
    for (uint32_t i = 0; i < m->partitions.count; i++) {
        wire_put_i32(&o->partitions, 0);
        wire_put_i32(&o->partitions, 1);
        wire_put_i32(&o->partitions, 0);
        wire_put_i32(&o->partitions, 0);
    }
}

static int32_t place_of(const struct control_view *c, uint64_t incarnation)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->members[i].incarnation == incarnation)
            return (int32_t)i;
    return -1;
}

static void put_places(struct outlook *o, const uint64_t *members, uint8_t count)
{
    wire_put_i32(&o->partitions, count);
    for (uint8_t i = 0; i < count; i++)
        wire_put_i32(&o->partitions, place_of(o->view, members[i]));
}

/* Members and rows are looked at one after the other, until nothing has come between. */
static void look_around(struct member *m, struct outlook *o)
{
    enum { TRIES = 4 };
    struct control_view *c = o->view;

    for (int i = 0; i < TRIES; i++) {
        control_look(m->control, c);
        o->partitions.size = 0;
        for (uint32_t p = 0; p < m->partitions.count; p++) {
            struct row r = control_row(m->control, p);

            wire_put_i32(&o->partitions, place_of(c, r.primary));
            put_places(o, r.in_sync, r.in_sync_count);
            put_places(o, r.learners, r.learner_count);
        }
        if (control_version(m->control) == c->version)
            break;
    }
    for (uint32_t i = 0; i < c->count; i++)
        put_standing(o, &c->members[i]);
    o->answer.members = wire_list_of(&o->members, c->count);
    o->answer.cluster = (struct wire_uuid){c->cluster_high, c->cluster_low, false};
    o->answer.led = c->has_leader;
    o->answer.attached = c->attached;
    o->answer.why = wire_text(c->why);
}

mr_rc_t outlook_make(struct member *m, struct outlook *ret_o)
{
    struct outlook *o = ret_o;

    *o = (struct outlook){.members = {.grows = true}, .partitions = {.grows = true}};
    o->answer.self = m->uuid;
    o->answer.why = wire_text("");
    o->answer.partition_count = (int32_t)m->partitions.count;
    o->answer.copies = 1;
    if (m->control && !(o->view = mem_alloc(sizeof *o->view)))
        return MR_ERR_MEMORY;
    if (m->control) {
        o->answer.copies += (int32_t)config_number(m->config, "cluster.backup-count");
        look_around(m, o);
    } else {
        look_alone(m, o);
    }
    o->answer.partitions = (struct wire_bytes){o->partitions.at, (uint32_t)o->partitions.size};
    if (sink_state(&o->members) == MR_OK && sink_state(&o->partitions) == MR_OK)
        return MR_OK;
    outlook_free(o);
    return MR_ERR_MEMORY;
}
