/* control_lead.c - beats and leases; and what who leads does: who is expelled, who votes, what is
 * copied. */
#include "grid/peers/control_inside.h"
#include "grid/cluster/voters.h"
#include "net/base/clock.h"
#include "net/base/log.h"

/* ---- beats and leases ----------------------------------------------------------------------- */

void control_beat(struct control *c, uint64_t now)
{
    if (now - c->beaten_ns < BEAT_MS * MS)
        return;
    c->beaten_ns = now;
    for (uint32_t i = 0; i < c->contact_count; i++) {
        const struct contact *k = &c->contacts[i];
        const struct member_beat b = {(int64_t)now, (int64_t)c->metadata.index,
                                      (int64_t)c->generation, (int64_t)k->channel.number};

        if (k->in && k->fellow)
            fellow_tell(k->fellow, WIRE_member_beat, &b);
    }
}

static void lease_until(struct control *c, uint64_t until)
{
    struct partitions *ps = &c->member->partitions;

    if (until > load_relaxed_64(&ps->lease_until_ns) ||
        load_relaxed_64(&ps->lease_until_ns) == UINT64_MAX)
        store_relaxed_64(&ps->lease_until_ns, until);
}

/* Nothing is granted before the member knows that a role was taken from it. */
static void grant(struct control *c, uint64_t to, const struct member_beat *b)
{
    const struct cluster_member *x = metadata_member(&c->metadata, to);

    if (!x || !x->in || (uint64_t)b->applied < x->taken ||
        !consensus_may_grant(c->consensus, control_now_ms()))
        return;
    control_tell(c, to, WIRE_member_grant, &(struct member_grant){b->stamp, LEASE_MS});
    control_duo(c, (struct duo_event){.kind = DUO_EXTENDED});
}

void control_on_beat(struct control *c, uint64_t from, const struct member_beat *b)
{
    struct contact *k = control_contact(c, from);
    struct consensus_view v;

    if (!k)
        return;
    k->applied = (uint64_t)b->applied;
    c->changed |= control_both_attached(c) != c->view.attached;
    if (c->server != 0 && k->in)
        control_duo(c, (struct duo_event){.kind = DUO_HEARD,
                                          .generation = (uint64_t)b->generation,
                                          .number = (uint64_t)b->reads});
    if (control_leads(c, &v))
        grant(c, from, b);
}

void control_on_grant(struct control *c, const struct member_grant *g)
{
    uint64_t now = clock_ns(), stamp = (uint64_t)g->stamp;

    c->led_ns = now;
    if (stamp <= now && now - stamp < LEASE_MS * MS && g->lease == LEASE_MS)
        lease_until(c, stamp + LEASE_MS * MS);
}

/* ---- leading -------------------------------------------------------------------------------- */

void control_welcome(struct control *c)
{
    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];
        const struct contact *k = control_contact(c, x->incarnation);

        if (x->in && k && k->applied < x->joined)
            control_tell(c, x->incarnation, WIRE_member_welcome,
                         &(struct member_welcome){
                             (int64_t)x->joined,
                             (int64_t)c->generation,
                             {c->metadata.cluster_high, c->metadata.cluster_low, false}});
    }
}

/* Who is dead, and who was silent for longer than any lease that it may hold; but a leader that is
 * new does not know what its predecessor has granted. */
void control_expel(struct control *c, uint64_t now)
{
    bool knows_grants = now - c->elected_ns > (LEASE_MS + LEASE_MS / 50) * MS;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        const struct contact *k = &c->contacts[i];
        enum detector_word word = detector_look(&k->detector);

        if (k->in && (word == DETECTOR_DEAD || (knows_grants && word == DETECTOR_FAILED)))
            (void)!control_propose(
                c, &(struct command){.kind = COMMAND_EXPEL, .member = k->incarnation});
    }
}

/* Is it so that it has stalled? One that is not heard is another matter: it may be dead, and is
 * expelled if it is. The leader itself is not silent to itself. */
static bool has_stalled(struct control *c, const struct command *x)
{
    const struct contact *k = control_contact(c, x->member);
    bool news;

    if (x->member != c->self && (!k || detector_look(&k->detector) != DETECTOR_ALIVE))
        return false;
    enum stalls_word word = stalls_hear(&c->stalls, x->primary, x->member, control_now_ms(), &news);

    if (news)
        log_event(LOG_WARN, "cluster.member_stalls", F_U64("incarnation", x->member),
                  F_U64("says", x->primary), F_BOOL("believed", word != STALLS_SUSPECT));
    return word == STALLS_BELIEVED;
}

void control_on_wish(struct control *c, const struct command *x)
{
    if (x->kind != COMMAND_SHRINK || has_stalled(c, x))
        (void)!control_propose(c, x);
}

static void change_servers(struct control *c, uint64_t now)
{
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    struct voters_member all[2 * CLUSTER_MEMBERS_MAX];
    uint32_t n = 0, count = consensus_servers(c->consensus, servers);
    enum consensus_change change;
    uint32_t voters = 0;
    uint64_t id;

    for (uint32_t i = 0; i < count; i++) {
        voters += servers[i].voter;
        const struct cluster_member *x = control_server(c, servers[i].id);
        const struct contact *k = x ? control_contact(c, x->incarnation) : NULL;

        all[n++] =
            (struct voters_member){.id = servers[i].id,
                                   .role = servers[i].voter ? VOTERS_VOTER : VOTERS_STANDBY,
                                   .in = x != NULL,
                                   .heard = servers[i].id == c->server ||
                                            (k && detector_look(&k->detector) == DETECTOR_ALIVE),
                                   .held = servers[i].held};
    }
    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];
        bool is_listed = false;

        for (uint32_t k = 0; k < count; k++)
            is_listed |= servers[k].id == x->joined;
        if (x->in && !is_listed)
            all[n++] = (struct voters_member){.id = x->joined, .in = true, .heard = true};
    }
    if (voters_next(all, n, c->server, &change, &id)) {
        if (change == CONSENSUS_PROMOTE && voters >= 2 && !control_duo_may_widen(c, now))
            return;
        if (count == 1) /* others may come to decide without this one */
            lease_until(c, now + LEASE_MS * MS);
        (void)!consensus_change(c->consensus, control_now_ms(), change, id);
    } else if (count == 1) {
        lease_until(c, UINT64_MAX);
    }
}

static void repair(struct control *c, struct consensus_view *v)
{
    uint32_t copies = 1 + (uint32_t)config_number(c->member->config, "cluster.backup-count");
    struct command x;

    for (uint32_t i = 0; i < WISHES_AT_ONCE; i++) {
        if (c->proposed > v->applied && c->proposed_term == v->term)
            return;
        if (!metadata_repair(&c->metadata, copies, &x) || control_propose(c, &x) != MR_OK)
            return;
        consensus_look(c->consensus, v);
    }
}

void control_lead(struct control *c, struct consensus_view *v, uint64_t now)
{
    c->led_ns = now;
    if (consensus_may_grant(c->consensus, control_now_ms()) &&
        load_relaxed_64(&c->member->partitions.lease_until_ns) != UINT64_MAX)
        lease_until(c, now + LEASE_MS * MS);
    control_expel(c, now);
    change_servers(c, now);
    repair(c, v);
    control_balance(c, v);
}

/* The leader is dead: the first of those who can vote stands for election now, the others when it
 * does not come forward. */
void control_succeed(struct control *c, uint64_t dead)
{
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    const struct cluster_member *x = metadata_member(&c->metadata, dead);
    uint32_t count = c->consensus ? consensus_servers(c->consensus, servers) : 0;
    struct consensus_view v;

    if (count == 0 || !x)
        return;
    consensus_look(c->consensus, &v);
    for (uint32_t i = 0; i < count && v.leader == x->joined; i++) {
        const struct contact *k = control_contact_of_server(c, servers[i].id);

        if (!servers[i].voter || servers[i].id == x->joined || (k && k->detector.dead))
            continue;
        if (servers[i].id == c->server)
            consensus_campaign(c->consensus, control_now_ms());
        return;
    }
}
