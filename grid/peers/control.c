#define _GNU_SOURCE
#include "grid/peers/control_inside.h"

#include <stdio.h>
#include <string.h>

#include "grid/cluster/consensus.h"
#include "grid/cluster/voters.h"
#include "grid/member.h"
#include "grid/peers/fellow.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/log.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/tcp.h"

/* ---- telling others of us ------------------------------------------------------------------- */

void control_introduce(struct control *c, struct member_hello *ret)
{
    static __thread char host[ADDRESS_TEXT];

    ret->incarnation = (int64_t)c->self;
    ret->uuid = (struct wire_uuid){c->card.uuid_high, c->card.uuid_low, false};
    ret->port = c->card.address.port;
    ret->host = wire_text(address_host(&c->card.address, host));
    ret->name = wire_text(c->card.name);
    ret->cluster_name = wire_text(config_text(c->member->config, "cluster.name"));
    ret->partitions = (int32_t)c->member->partitions.count;
    pthread_mutex_lock(&c->lock);
    ret->generation = (int64_t)c->generation;
    ret->cluster = (struct wire_uuid){c->view.cluster_high, c->view.cluster_low,
                                      c->view.cluster_high == 0 && c->view.cluster_low == 0};
    pthread_mutex_unlock(&c->lock);
}

static bool is_text(struct wire_bytes b, const char *text)
{
    return b.size == strlen(text) && memcmp(b.at, text, b.size) == 0;
}

const char *control_judge(struct control *c, const struct member_hello *hello)
{
    const char *why = NULL;

    if (hello->protocol != FELLOW_PROTOCOL)
        return "it speaks another version of the members' protocol";
    if (!is_text(hello->cluster_name, config_text(c->member->config, "cluster.name")))
        return "it is of a cluster with another name";
    if (hello->partitions != (int32_t)c->member->partitions.count)
        return "it has another number of partitions: partitions.count is to be the same everywhere";
    if (hello->incarnation == 0 || (uint64_t)hello->incarnation == c->self)
        return "it is this member itself";
    pthread_mutex_lock(&c->lock);
    const struct control_view *v = &c->view;

    if (!hello->cluster.null && (v->cluster_high || v->cluster_low) &&
        (hello->cluster.high != v->cluster_high || hello->cluster.low != v->cluster_low))
        why = "it is of another cluster with the same name: one of the two has to be started anew";
    pthread_mutex_unlock(&c->lock);
    return why;
}

/* ---- contacts ------------------------------------------------------------------------------- */

/* Of several, the one that it has as a member: it may also stand at the address of a seed, or of
 * one that is gone. */
struct contact *control_contact(struct control *c, uint64_t incarnation)
{
    struct contact *found = NULL;

    for (uint32_t i = 0; incarnation != NOBODY && i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (k->incarnation == incarnation && (!found || k->in))
            found = k;
    }
    return found;
}

static struct contact *contact_at(struct control *c, const struct address *a)
{
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (address_equal(&c->contacts[i].address, a))
            return &c->contacts[i];
    return NULL;
}

static const struct fellow_events events;

void control_rejoin(struct control *c, uint64_t generation)
{
    log_event(LOG_WARN, "cluster.rejoins", F_U64("generation", generation));
    consensus_free(c->consensus);
    c->consensus = NULL;
    c->server = 0;
    store_relaxed_64(&c->member->partitions.lease_until_ns, 0); /* it may have been for ever */
    pthread_mutex_lock(&c->lock);
    c->generation = generation;
    pthread_mutex_unlock(&c->lock);
    c->state = CONTROL_JOINING;
    c->changed = true;
}

static struct contact *contact_new(struct control *c, const struct address *to)
{
    struct contact *k = contact_at(c, to);

    if (k && k->in)
        k = NULL; /* another's, whose silence is still counted there */
    for (uint32_t i = 0; !k && i < c->contact_count; i++)
        if (!c->contacts[i].is_seed && !c->contacts[i].in)
            k = &c->contacts[i];
    if (!k && c->contact_count == CONTACTS_MAX)
        return NULL;
    if (!k)
        k = &c->contacts[c->contact_count++];
    if (k->fellow && address_equal(&k->address, to))
        return k;
    k->address = *to;
    k->incarnation = NOBODY;
    if (k->fellow)
        fellow_point(k->fellow, to);
    else if (fellow_new(c->loop, c->transport, to, FELLOW_CONTROL, &events, c,
                        (uint32_t)(k - c->contacts), &k->fellow) != MR_OK)
        k->fellow = NULL;
    return k;
}

static void tell(struct control *c, uint64_t to, enum wire_id id, const void *message)
{
    struct contact *k = control_contact(c, to);

    if (k && k->fellow)
        fellow_tell(k->fellow, id, message);
}

/* ---- what was agreed ------------------------------------------------------------------------ */

static void hand_on_rows(struct control *c)
{
    struct partitions *ps = &c->member->partitions;

    for (uint32_t i = 0; i < ps->count; i++) {
        const struct row *r = &c->metadata.rows[i];

        if (r->epoch == c->seen[i])
            continue;
        c->seen[i] = r->epoch;
        c->changed = true;
        epoch_enter();
        partition_lock(&ps->at[i]);
        copies_row(ps->at[i].copies, r);
        partition_unlock(&ps->at[i]);
        epoch_exit();
    }
}

static bool is_in(const struct control *c, uint64_t incarnation)
{
    const struct cluster_member *x = metadata_member(&c->metadata, incarnation);

    return x && x->in;
}

/* Not wanted for now. Whoever takes the place begins anew. */
static void rest(struct contact *k)
{
    if (k->fellow)
        fellow_rest(k->fellow);
    k->address = (struct address){0};
    k->reads = 0;
    k->incarnation = NOBODY;
}

static const struct detector_config detector_config = {
    .suspect_ns = SUSPECT_MS * MS, .fail_ns = FAIL_MS * MS, .stall_ns = STALL_MS * MS};

/* A connection to everybody who is in, and to nobody else but those that may be. */
static void meet_members(struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (k->in && !is_in(c, k->incarnation)) {
            k->in = false;
            crew_drop(&c->member->crew, k->incarnation);
            if (!k->is_seed)
                rest(k);
        }
    }
    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];
        struct contact *k = control_contact(c, x->incarnation);

        if (!x->in || x->incarnation == c->self || (k && k->in))
            continue;
        if (!k && !(k = contact_new(c, &x->card.address)))
            continue;
        k->incarnation = x->incarnation;
        k->in = true;
        detector_init(&k->detector, &detector_config, clock_ns());
        k->applied = 0;
        (void)!crew_point(&c->member->crew, x->incarnation, &x->card.address);
    }
}

static void note_refusal(struct control *c, const struct command *x, mr_rc_t rc)
{
    struct partitions *ps = &c->member->partitions;

    if (x->kind != COMMAND_ADD || x->primary != c->self || rc == MR_OK || x->partition >= ps->count)
        return;
    partition_lock(&ps->at[x->partition]);
    copies_add_refused(ps->at[x->partition].copies, x->member, x->epoch);
    partition_unlock(&ps->at[x->partition]);
}

static void log_command(const struct command *x)
{
    if (x->kind == COMMAND_ADMIT)
        log_event(LOG_INFO, "cluster.joined", F_STR("name", x->card.name),
                  F_U64("incarnation", x->member));
    else if (x->kind == COMMAND_EXPEL)
        log_event(LOG_WARN, "cluster.expelled", F_U64("incarnation", x->member));
}

static void on_apply(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size)
{
    struct control *c = context;
    struct command x;

    (void)term;
    if (command_decode(&x, bytes, size) != MR_OK)
        return; /* of a later version: nothing follows from it here either */
    mr_rc_t rc = metadata_apply_at(&c->metadata, index, &x);

    if (rc == MR_OK)
        log_command(&x);
    if (rc == MR_OK && x.kind == COMMAND_EXPEL)
        counter_add(c->gauges.expelled, 1);
    note_refusal(c, &x, rc);
    control_duo_applied(c, &x);
    c->changed |= x.kind <= COMMAND_EXPEL;
    hand_on_rows(c);
    if (rc == MR_OK && x.kind <= COMMAND_EXPEL)
        meet_members(c);
}

static void on_stored(void *context, const void *bytes, uint32_t size, uint32_t voters)
{
    struct command x;

    if (!bytes)
        control_duo_stored(context, NULL, voters);
    else if (command_decode(&x, bytes, size) == MR_OK)
        control_duo_stored(context, &x, 0);
}

static mr_rc_t on_save(void *context, struct sink *out)
{
    struct control *c = context;

    metadata_encode(&c->metadata, out);
    return sink_state(out);
}

static mr_rc_t on_restore(void *context, uint64_t index, const void *bytes, uint32_t size)
{
    struct control *c = context;
    struct metadata got;
    mr_rc_t rc = metadata_decode(&got, bytes, size);

    (void)index;
    if (rc != MR_OK)
        return rc;
    if (got.partitions != c->member->partitions.count) {
        metadata_free(&got);
        return MR_ERR_MALFORMED;
    }
    metadata_free(&c->metadata);
    c->metadata = got;
    c->changed = true;
    hand_on_rows(c);
    meet_members(c);
    return MR_OK;
}

/* ---- the control log ------------------------------------------------------------------------ */

static const struct cluster_member *member_of_server(const struct control *c, uint64_t server)
{
    for (uint32_t i = 0; i < c->metadata.member_count; i++)
        if (c->metadata.members[i].joined == server && c->metadata.members[i].in)
            return &c->metadata.members[i];
    return NULL;
}

/* Who it is from and for stands in the head, since a member's number changes when it comes back. */
static int64_t both(uint64_t from, uint64_t to)
{
    return (int64_t)(from << 32 | (to & UINT32_MAX));
}

/* Whoever joins is sent the log before it knows any member. */
static struct contact *contact_of_server(struct control *c, uint64_t server)
{
    const struct cluster_member *x = member_of_server(c, server);

    if (x)
        return control_contact(c, x->incarnation);
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].server == server)
            return &c->contacts[i];
    return NULL;
}

static void on_send(void *context, uint64_t to, enum wire_id id, const void *message)
{
    struct control *c = context;
    struct contact *k = contact_of_server(c, to);
    struct sink out = {.grows = true};

    if (!k || !k->fellow)
        return;
    wire_encode(id,
                &(struct wire_head){.correlation = both(c->server, to),
                                    .partition = (int32_t)c->generation},
                message, &out);
    if (sink_state(&out) == MR_OK)
        (void)fellow_send(k->fellow, out.at, out.size);
    if (id == WIRE_raft_appended)
        control_duo(c, (struct duo_event){.kind = DUO_EXTENDED});
    sink_free(&out);
}

static void on_role(void *context)
{
    struct control *c = context;

    c->elected_ns = clock_ns();
    c->proposed = 0;
    c->changed = true;
}

static void on_servers(void *context)
{
    ((struct control *)context)->changed = true;
}

static void on_broken(void *context)
{
    (void)context;
    log_event(LOG_ERROR, "cluster.log_broken");
}

static const struct consensus_out out = {.send = on_send,
                                         .apply = on_apply,
                                         .stored = on_stored,
                                         .save = on_save,
                                         .restore = on_restore,
                                         .role = on_role,
                                         .servers = on_servers,
                                         .broken = on_broken};

static uint64_t now_ms(void)
{
    return clock_ns() / MS;
}

/* Takes part in the log under a number that is new. */
static mr_rc_t take_part(struct control *c, uint64_t server)
{
    const struct consensus_options options = {.id = server,
                                              .seed = rand_seed(),
                                              .election_ms = ELECTION_MS,
                                              .heartbeat_ms = RAFT_BEAT_MS,
                                              .log_max = LOG_MAX,
                                              .log_keep = LOG_KEEP};

    consensus_free(c->consensus);
    c->consensus = NULL;
    c->server = server;
    metadata_free(&c->metadata);
    mr_rc_t rc = metadata_init(&c->metadata, c->member->partitions.count, NOBODY);

    return rc == MR_OK ? consensus_new(&options, &out, c, &c->consensus) : rc;
}

bool control_leads(const struct control *c, struct consensus_view *ret)
{
    if (!c->consensus)
        return false;
    consensus_look(c->consensus, ret);
    return ret->leads && !ret->broken;
}

mr_rc_t control_propose(struct control *c, const struct command *x)
{
    uint8_t room[256];
    struct sink bytes = {.at = room, .room = sizeof room};

    command_encode(x, &bytes);
    return consensus_propose(c->consensus, now_ms(), room, (uint32_t)bytes.size, &c->proposed,
                             &c->proposed_term);
}

/* ---- founding and joining ------------------------------------------------------------------- */

static void found(struct control *c)
{
    struct wire_uuid cluster = door_uuid();
    struct command x = {.kind = COMMAND_FOUND,
                        .member = c->self,
                        .card = c->card,
                        .cluster_high = cluster.high,
                        .cluster_low = cluster.low};

    pthread_mutex_lock(&c->lock);
    c->generation = 1;
    pthread_mutex_unlock(&c->lock);
    control_duo_init(c, true);
    if (take_part(c, 1) != MR_OK || consensus_found(c->consensus, now_ms()) != MR_OK ||
        control_propose(c, &x) != MR_OK) {
        log_event(LOG_ERROR, "cluster.not_founded");
        return;
    }
    log_event(LOG_INFO, "cluster.founded", F_STR("name", c->card.name));
    c->state = CONTROL_IN;
    c->changed = true;
}

static uint32_t seed_of(const struct control *c, const struct contact *k)
{
    for (uint32_t i = 0; i < c->seed_count; i++)
        if (address_equal(&c->seeds[i], &k->address))
            return i;
    return c->seed_count;
}

static bool is_open(const struct contact *k)
{
    return k->fellow && k->fellow->state == FELLOW_OPEN;
}

/* The first of those listed who is here and in no cluster either. */
static uint32_t candidate(const struct control *c)
{
    uint32_t best = c->own_seed;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        const struct contact *k = &c->contacts[i];

        if (is_open(k) && k->is_forming && seed_of(c, k) < best)
            best = seed_of(c, k);
    }
    return best;
}

static uint32_t promises(const struct control *c, uint64_t now)
{
    uint32_t n = 1;

    for (uint32_t i = 0; i < c->contact_count; i++)
        n += c->contacts[i].is_seed && c->contacts[i].promised_ns > now;
    return n;
}

/* Of two majorities somebody is in both, and promises to one at a time. */
static void form(struct control *c, uint64_t now)
{
    uint32_t first = candidate(c);

    if (config_number(c->member->config, "cluster.bootstrap")) {
        found(c);
        return;
    }
    if (now - c->began_ns < FIRST_LOOK_MS * MS || (c->promised_ns > now && c->promised_to != first))
        return;
    if (c->own_seed == 0 && c->seed_count <= 2 && now - c->began_ns > FORM_MS * MS) {
        found(c);
        return;
    }
    if (first == c->seed_count)
        return;
    c->promised_to = first;
    c->promised_ns = now + PROMISE_MS * MS;
    if (first == c->own_seed) {
        if (promises(c, now) > c->seed_count / 2)
            found(c);
        return;
    }
    struct contact *k = contact_at(c, &c->seeds[first]);

    if (k && k->fellow)
        fellow_tell(k->fellow, WIRE_member_promise, &(struct member_promise){PROMISE_MS / 2});
}

/* Is there a leader who takes us for a member? */
static bool is_led(const struct control *c)
{
    return c->state == CONTROL_IN && clock_ns() - c->led_ns < ALONE_MS * MS;
}

/* Says who we are: who is in a cluster is told so that he is asked, who is in none that he may ask;
 * who says hello to a cluster and is not in wants to be. */
static void greet(struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];
        struct member_hello hello = {.protocol = FELLOW_PROTOCOL, .purpose = FELLOW_CONTROL};

        if (!is_open(k) || (k->in && is_led(c)))
            continue;
        control_introduce(c, &hello);
        fellow_tell(k->fellow, WIRE_member_hello, &hello);
    }
}

static bool card_of(const struct member_hello *hello, struct card *ret)
{
    char host[ADDRESS_TEXT];

    if (hello->host.size >= sizeof host)
        return false;
    memcpy(host, hello->host.at, hello->host.size);
    host[hello->host.size] = '\0';
    *ret = (struct card){.uuid_high = hello->uuid.high, .uuid_low = hello->uuid.low};
    snprintf(ret->name, sizeof ret->name, "%.*s", (int)hello->name.size,
             (const char *)hello->name.at);
    return address_of_host(host, (uint16_t)hello->port, &ret->address) == MR_OK;
}

/* To the log; through its leader, where that is another. */
void control_wish_here(struct control *c, const struct command *x)
{
    struct consensus_view v;
    const struct cluster_member *leader;

    if (control_leads(c, &v)) {
        (void)!control_propose(c, x);
    } else if (c->consensus && v.leader && (leader = member_of_server(c, v.leader))) {
        uint8_t room[256];
        struct sink bytes = {.at = room, .room = sizeof room};

        command_encode(x, &bytes);
        tell(c, leader->incarnation, WIRE_member_propose,
             &(struct member_propose){{room, (uint32_t)bytes.size}});
    }
}

/* Another has said who it is, again. */
static void on_hello(struct control *c, struct contact *k, const struct member_hello *hello)
{
    struct command x = {.kind = COMMAND_ADMIT, .member = (uint64_t)hello->incarnation};

    if (!card_of(hello, &x.card))
        return;
    if (!k && !is_led(c) && (k = contact_new(c, &x.card.address)))
        k->incarnation = x.member;
    if (k)
        k->is_forming = hello->cluster.null;
    if (c->state == CONTROL_IN && is_in(c, c->self) && !is_in(c, x.member))
        control_wish_here(c, &x);
    else if (c->state == CONTROL_FORMING && !hello->cluster.null) {
        c->state = CONTROL_JOINING;
        c->changed = true;
        greet(c);
    }
}

static void on_welcome(struct control *c, const struct member_welcome *w)
{
    uint64_t generation = (uint64_t)w->generation;

    if (w->cluster.null || w->server <= 0 || generation < c->generation ||
        (generation == c->generation && (uint64_t)w->server <= c->server))
        return;
    pthread_mutex_lock(&c->lock);
    c->generation = generation;
    pthread_mutex_unlock(&c->lock);
    if (take_part(c, (uint64_t)w->server) != MR_OK ||
        consensus_join(c->consensus, now_ms()) != MR_OK)
        return;
    c->state = CONTROL_IN;
    control_duo(c, (struct duo_event){.kind = DUO_HAS_JOINED, .generation = generation});
    c->led_ns = clock_ns();
    pthread_mutex_lock(&c->lock);
    c->view.cluster_high = w->cluster.high;
    c->view.cluster_low = w->cluster.low;
    pthread_mutex_unlock(&c->lock);
    c->changed = true;
}

/* ---- beats and leases ----------------------------------------------------------------------- */

static void beat(struct control *c, uint64_t now)
{
    if (now - c->beaten_ns < BEAT_MS * MS)
        return;
    c->beaten_ns = now;
    for (uint32_t i = 0; i < c->contact_count; i++) {
        const struct contact *k = &c->contacts[i];
        const struct member_beat b = {(int64_t)now, (int64_t)c->metadata.index,
                                      (int64_t)c->generation, (int64_t)k->reads};

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
        !consensus_may_grant(c->consensus, now_ms()))
        return;
    tell(c, to, WIRE_member_grant, &(struct member_grant){b->stamp, LEASE_MS});
    control_duo(c, (struct duo_event){.kind = DUO_EXTENDED});
}

static void on_beat(struct control *c, uint64_t from, const struct member_beat *b)
{
    struct contact *k = control_contact(c, from);
    struct consensus_view v;

    if (!k)
        return;
    k->applied = (uint64_t)b->applied;
    if (c->server != 0 && k->in)
        control_duo(c, (struct duo_event){.kind = DUO_HEARD,
                                          .generation = (uint64_t)b->generation,
                                          .number = (uint64_t)b->reads});
    if (control_leads(c, &v))
        grant(c, from, b);
}

static void on_grant(struct control *c, const struct member_grant *g)
{
    uint64_t now = clock_ns(), stamp = (uint64_t)g->stamp;

    c->led_ns = now;
    if (stamp <= now && now - stamp < LEASE_MS * MS && g->lease == LEASE_MS)
        lease_until(c, stamp + LEASE_MS * MS);
}

/* ---- leading -------------------------------------------------------------------------------- */

static void welcome(struct control *c)
{
    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];
        const struct contact *k = control_contact(c, x->incarnation);

        if (x->in && k && k->applied < x->joined)
            tell(c, x->incarnation, WIRE_member_welcome,
                 &(struct member_welcome){
                     (int64_t)x->joined,
                     (int64_t)c->generation,
                     {c->metadata.cluster_high, c->metadata.cluster_low, false}});
    }
}

/* Who is dead, and who was silent for longer than any lease that it may hold; but a leader that is
 * new does not know what its predecessor has granted. */
static void expel(struct control *c, uint64_t now)
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
        const struct cluster_member *x = member_of_server(c, servers[i].id);
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
        (void)!consensus_change(c->consensus, now_ms(), change, id);
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

static void lead(struct control *c, struct consensus_view *v, uint64_t now)
{
    c->led_ns = now;
    if (consensus_may_grant(c->consensus, now_ms()) &&
        load_relaxed_64(&c->member->partitions.lease_until_ns) != UINT64_MAX)
        lease_until(c, now + LEASE_MS * MS);
    expel(c, now);
    change_servers(c, now);
    repair(c, v);
}

/* ---- messages ------------------------------------------------------------------------------- */

struct posted_message {
    struct control *control;
    uint64_t from;
    size_t size;
    uint8_t bytes[];
};

static void on_propose(struct control *c, uint64_t from, const struct member_propose *p)
{
    struct consensus_view v;
    struct command x;

    if (control_leads(c, &v) && is_in(c, from) &&
        command_decode(&x, p->command.at, p->command.size) == MR_OK && x.kind != COMMAND_FOUND)
        (void)!control_propose(c, &x);
}

static void on_raft(struct control *c, uint64_t from, struct contact *k,
                    const struct wire_head *head, enum wire_id id, const void *message)
{
    uint64_t server = (uint64_t)head->correlation >> 32, to = head->correlation & UINT32_MAX;

    if (!c->consensus || to != c->server || head->partition != (int32_t)c->generation)
        return;
    if (k)
        k->server = server;
    if (consensus_receive(c->consensus, now_ms(), server, id, message) != MR_OK)
        log_event(LOG_WARN, "member.message_refused", F_STR("type", wire_name(id)),
                  F_U64("from", from));
}

static void hear(struct control *c, uint64_t from, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;
    int id = wire_read_head(bytes, size, &head) == MR_OK ? wire_find(head.type) : -1;
    struct contact *k = control_contact(c, from);

    if (k)
        detector_heard(&k->detector);
    if (id < 0 || wire_decode((enum wire_id)id, bytes, size, &m, &field) != MR_OK)
        return;
    switch (id) {
    case WIRE_member_hello: on_hello(c, k, &m.member_hello); break;
    case WIRE_member_welcome: on_welcome(c, &m.member_welcome); break;
    case WIRE_member_beat: on_beat(c, from, &m.member_beat); break;
    case WIRE_member_grant: on_grant(c, &m.member_grant); break;
    case WIRE_member_propose: on_propose(c, from, &m.member_propose); break;
    case WIRE_member_promise:
        if (k)
            k->promised_ns = clock_ns() + (uint64_t)m.member_promise.lasts * MS;
        break;
    default: on_raft(c, from, k, &head, (enum wire_id)id, &m); break;
    }
}

static void publish(struct control *c);

static void take_message(void *context)
{
    struct posted_message *p = context;

    hear(p->control, p->from, p->bytes, p->size);
    publish(p->control);
    mem_free(p);
}

void control_post(struct control *c, uint64_t from, const uint8_t *bytes, size_t size)
{
    struct posted_message *p = mem_alloc(sizeof *p + size);

    if (!p)
        return;
    p->control = c;
    p->from = from;
    p->size = size;
    memcpy(p->bytes, bytes, size);
    if (loop_post(c->loop, take_message, p) != MR_OK)
        mem_free(p);
}

/* The leader is dead: the first of those who can vote stands for election now, the others when it
 * does not come forward. */
static void succeed(struct control *c, uint64_t dead)
{
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    const struct cluster_member *x = metadata_member(&c->metadata, dead);
    uint32_t count = c->consensus ? consensus_servers(c->consensus, servers) : 0;
    struct consensus_view v;

    if (count == 0 || !x)
        return;
    consensus_look(c->consensus, &v);
    for (uint32_t i = 0; i < count && v.leader == x->joined; i++) {
        const struct contact *k = contact_of_server(c, servers[i].id);

        if (!servers[i].voter || servers[i].id == x->joined || (k && k->detector.dead))
            continue;
        if (servers[i].id == c->server)
            consensus_campaign(c->consensus, now_ms());
        return;
    }
}

/* Of a connection that carries another's beats: it is there, or gone. */
struct posted_channel {
    struct control *control;
    uint64_t incarnation;
    struct duo_channel channel;
    bool dead;
};

static void post_channel(struct control *c, void (*take)(void *context),
                         const struct posted_channel *what)
{
    struct posted_channel *p = mem_alloc(sizeof *p);

    if (!p)
        return;
    *p = *what;
    p->control = c;
    if (loop_post(c->loop, take, p) != MR_OK)
        mem_free(p);
}

static void take_met(void *context)
{
    struct posted_channel *p = context;
    struct control *c = p->control;
    struct contact *k = control_contact(c, p->incarnation);

    if (k)
        k->reads = p->channel.number;
    if (k && k->in)
        control_duo(c, (struct duo_event){.kind = DUO_IN, .channel = p->channel});
    mem_free(p);
}

void control_met(struct control *c, const struct member_hello *hello, bool is_direct)
{
    post_channel(c, take_met,
                 &(struct posted_channel){.incarnation = (uint64_t)hello->incarnation,
                                          .channel = {(uint64_t)hello->channel,
                                                      (uint64_t)hello->generation, is_direct}});
}

static void take_end(void *context)
{
    struct posted_channel *p = context;
    struct control *c = p->control;
    struct contact *k = control_contact(c, p->incarnation);
    struct consensus_view v;

    if (k && k->reads == p->channel.number)
        k->reads = 0;
    if (k && k->in)
        control_duo(c, (struct duo_event){.kind = p->dead ? DUO_IN_DEAD : DUO_IN_BROKEN,
                                          .number = p->channel.number});
    if (k && k->in && p->dead && !k->detector.dead) {
        detector_dies(&k->detector);
        log_event(LOG_INFO, "cluster.member_dead", F_U64("incarnation", p->incarnation));
        if (control_leads(c, &v))
            expel(c, clock_ns());
        else
            succeed(c, p->incarnation);
    }
    publish(c);
    mem_free(p);
}

void control_ended(struct control *c, uint64_t incarnation, uint64_t channel, bool dead)
{
    post_channel(c, take_end,
                 &(struct posted_channel){
                     .incarnation = incarnation, .channel = {.number = channel}, .dead = dead});
}

struct posted_wish {
    struct control *control;
    struct command wish;
};

static void take_wish(void *context)
{
    struct posted_wish *p = context;

    control_wish_here(p->control, &p->wish);
    publish(p->control);
    mem_free(p);
}

void control_wish(struct control *c, const struct command *wish)
{
    struct posted_wish *p = mem_alloc(sizeof *p);

    if (!p)
        return;
    *p = (struct posted_wish){c, *wish};
    if (loop_post(c->loop, take_wish, p) != MR_OK)
        mem_free(p);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void introduce(void *context, struct member_hello *ret_hello)
{
    control_introduce(context, ret_hello);
}

static bool met(struct fellow *f, const struct member_hello *hello)
{
    struct control *c = f->context;
    struct contact *k = &c->contacts[f->number];
    const char *why = control_judge(c, hello);

    if (why) {
        snprintf(f->words, sizeof f->words, "%s", why);
        return false;
    }
    if (k->in && k->incarnation != (uint64_t)hello->incarnation)
        return false; /* another process stands there now; that ours is gone, its silence shows */
    k->incarnation = (uint64_t)hello->incarnation;
    k->is_forming = hello->cluster.null;
    if (!k->is_forming && c->state == CONTROL_FORMING)
        c->state = CONTROL_JOINING;
    return true;
}

static void opened(struct fellow *f)
{
    struct control *c = f->context;

    control_duo(c, (struct duo_event){.kind = DUO_OUT,
                                      .channel = {f->channel, c->generation, f->is_direct}});
}

/* The other answers over a connection of its own. */
static void message(struct fellow *f, const uint8_t *bytes, size_t size)
{
    struct control *c = f->context;

    hear(c, f->incarnation, bytes, size);
    publish(c);
}

static void broken(struct fellow *f)
{
    struct control *c = f->context;
    struct contact *k = &c->contacts[f->number];

    k->promised_ns = 0;
    if (!k->in)
        k->incarnation = NOBODY;
}

static const struct fellow_events events = {introduce, met, opened, message, broken};

/* ---- what others may know ------------------------------------------------------------------- */

static bool is_voter(const struct consensus_server *servers, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (servers[i].id == id)
            return servers[i].voter;
    return false;
}

static const char *why_not(const struct control *c, const struct consensus_view *v)
{
    if (c->fenced)
        return "somebody has closed its descriptors: restart it";
    if (c->state == CONTROL_FORMING)
        return "it looks for the members that cluster.members names";
    if (c->state == CONTROL_JOINING)
        return "it waits to be let into the cluster";
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
                                        .voter = is_voter(servers, count, x->joined),
                                        .primaries = x->primaries,
                                        .copies = x->copies};
    }
}

static void publish_rows(struct control *c)
{
    struct control_view *view = &c->view;
    uint32_t copies = 1 + (uint32_t)config_number(c->member->config, "cluster.backup-count");

    copies = copies < view->count ? copies : view->count;
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
    const struct cluster_member *x = v->leader ? member_of_server(c, v->leader) : NULL;

    if (v->leader == c->leader)
        return;
    c->leader = v->leader;
    counter_add(c->gauges.leaders, x != NULL);
    log_event(LOG_INFO, "cluster.leader", F_STR("name", x ? x->card.name : "none"),
              F_U64("term", v->term));
}

static void publish(struct control *c)
{
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
    snprintf(c->view.why, sizeof c->view.why, "%s", why_not(c, &v));
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

/* ---- time ----------------------------------------------------------------------------------- */

/* Between two ticks without a stall all that had come was read. */
static void count_silence(struct control *c, uint64_t now)
{
    bool stalled = false;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (!k->in)
            continue;
        if (!c->stalled)
            detector_listened(&k->detector);
        stalled |= detector_tick(&k->detector, now);
    }
    c->stalled = stalled;
}

/* What found no memory or no room in a mailbox when a member came. */
static void connect_again(struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].in)
            (void)!crew_point(&c->member->crew, c->contacts[i].incarnation,
                              &c->contacts[i].address);
}

static void tick(void *context)
{
    struct control *c = context;
    uint64_t now = clock_ns();
    struct consensus_view v;

    count_silence(c, now);
    if (c->consensus && consensus_next_ms(c->consensus) <= now / MS)
        consensus_tick(c->consensus, now / MS);
    if (c->fenced)
        return;
    control_duo_tick(c, now);
    beat(c, now);
    if (control_leads(c, &v))
        lead(c, &v, now);
    if (now - c->again_ns > AGAIN_MS * MS) {
        c->again_ns = now;
        if (control_leads(c, &v))
            welcome(c);
        if (c->state == CONTROL_FORMING)
            form(c, now);
        greet(c);
        connect_again(c);
    }
    publish(c);
}

/* ---- life ----------------------------------------------------------------------------------- */

bool control_is_wanted(const struct member *m)
{
    return config_number(m->config, "network.listen") &&
           (config_text(m->config, "cluster.members")[0] ||
            config_number(m->config, "cluster.bootstrap"));
}

static mr_rc_t read_seeds(struct control *c, mr_err_t *err)
{
    const char *at = config_text(c->member->config, "cluster.members");

    while (*at) {
        size_t size = strcspn(at, ", ");
        char text[ADDRESS_TEXT + 1];

        if (size > 0 && c->seed_count == CONTROL_SEEDS_MAX)
            return fail(err, MR_ERR_CONFIG, "some of the members are enough to find the others",
                        "cluster.members has more than %d addresses", CONTROL_SEEDS_MAX);
        snprintf(text, sizeof text, "%.*s", (int)size, at);
        if (size > 0 &&
            (size > ADDRESS_TEXT || address_parse(text, 5701, &c->seeds[c->seed_count++]) != MR_OK))
            return fail(err, MR_ERR_CONFIG, "give " ADDRESS_FORM,
                        "cluster.members: \"%.*s\" is not an address", (int)size, at);
        at += size + (at[size] != '\0');
    }
    return MR_OK;
}

mr_rc_t control_new(struct member *m, struct control **ret_c, mr_err_t *err)
{
    struct control *c = mem_alloc_zero(sizeof *c);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!c)
        return MR_ERR_MEMORY;
    c->member = m;
    c->self = rand_seed() >> 1 | 1;
    pthread_mutex_init(&c->lock, NULL);
    if (!(c->seen = mem_alloc_zero(m->partitions.count * sizeof *c->seen)) ||
        !(c->rows = mem_alloc_zero(m->partitions.count * sizeof *c->rows)) ||
        (rc = metadata_init(&c->metadata, m->partitions.count, NOBODY)) != MR_OK ||
        (rc = gauges_init(&c->gauges, m->metrics)) != MR_OK || (rc = read_seeds(c, err)) != MR_OK ||
        (rc = loop_new(&c->loop)) != MR_OK ||
        (rc = tcp_new_on_loop(c->loop, &c->transport)) != MR_OK ||
        (rc = copies_start(&m->partitions, &m->maps, c->self, &crew_out, &m->crew)) != MR_OK) {
        control_free(c);
        return rc;
    }
    control_duo_init(c, false);
    snprintf(c->view.why, sizeof c->view.why, "%s", why_not(c, NULL));
    *ret_c = c;
    return MR_OK;
}

/* One that others can dial. */
static bool is_somewhere(const struct address *a)
{
    static const struct address nowhere;
    struct address v4;

    return !address_same_host(a, &nowhere) && address_of_host("0.0.0.0", 0, &v4) == MR_OK &&
           !address_same_host(a, &v4);
}

mr_rc_t control_start(struct control *c, mr_err_t *err)
{
    struct member *m = c->member;

    if (!is_somewhere(&m->door.address))
        return fail(err, MR_ERR_CONFIG, "set network.advertise to an address of this host",
                    "network.bind is all of this host's addresses: other members need one");
    c->card = (struct card){m->uuid.high, m->uuid.low, m->door.address, ""};
    snprintf(c->card.name, sizeof c->card.name, "%.63s", m->name);
    c->own_seed = c->seed_count;
    c->began_ns = clock_ns();
    for (uint32_t i = 0; i < c->seed_count; i++) {
        struct contact *k;

        if (address_equal(&c->seeds[i], &c->card.address))
            c->own_seed = i;
        else if ((k = contact_new(c, &c->seeds[i])))
            k->is_seed = true;
    }
    timer_start_on_loop(c->loop, &c->tick, 0, TICK_MS * MS, tick, c);
    mr_rc_t rc = loop_start(c->loop, "mr-control");

    c->is_started = rc == MR_OK;
    return rc;
}

/* With an end of our own making, which only the dead make else. */
static void say_goodbye(void *context)
{
    struct control *c = context;

    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].fellow && c->contacts[i].fellow->is_linked)
            conn_close(&c->contacts[i].fellow->conn);
}

void control_stop(struct control *c)
{
    if (!c || !c->is_started)
        return;
    (void)!loop_post(c->loop, say_goodbye, c);
    loop_stop(c->loop);
    loop_join(c->loop);
    c->is_started = false;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    if (c->loop) {
        timer_cancel_on_loop(c->loop, &c->tick);
        for (uint32_t i = 0; i < c->contact_count; i++)
            fellow_free(c->contacts[i].fellow);
        if (c->transport)
            transport_free(c->transport);
        loop_free(c->loop);
    }
    consensus_free(c->consensus);
    metadata_free(&c->metadata);
    pthread_mutex_destroy(&c->lock);
    mem_free(c->seen);
    mem_free(c->rows);
    mem_free(c);
}
