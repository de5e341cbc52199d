/* control_log.c - the control log: what was agreed is applied here, and what is wished proposed. */
#include "grid/peers/control_inside.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/log.h"
#include "net/base/rand.h"

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

bool control_has(const struct control *c, uint64_t incarnation)
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
    k->channel = (struct duo_channel){0};
    k->incarnation = NOBODY;
}

static const struct detector_config detector_config = {
    .suspect_ns = SUSPECT_MS * MS, .fail_ns = FAIL_MS * MS, .stall_ns = STALL_MS * MS};

/* A connection to everybody who is in, and to nobody else but those that may be.
 *
 * What was before it was let in itself says nothing about who stands where now: at the address of
 * one who was a member then is often the one who sends it the log. To take that one for the other
 * would be to refuse the connection on which it answers, and the log would end there. */
static void meet_members(struct control *c, uint64_t index)
{
    if (index < c->server)
        return;
    for (uint32_t i = 0; i < c->contact_count; i++) {
        struct contact *k = &c->contacts[i];

        if (k->in && !control_has(c, k->incarnation)) {
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
        if (!k && !(k = control_contact_new(c, &x->card.address)))
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
    else if (x->kind == COMMAND_LEAVE)
        log_event(LOG_INFO, "cluster.leaves", F_U64("incarnation", x->member));
}

static void on_apply(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size)
{
    struct control *c = context;
    struct command x;

    (void)term;
    if (command_decode(&x, bytes, size) != MR_OK)
        return; /* of a later version: nothing follows from it here either */
    if (x.kind == COMMAND_EXPEL)
        control_let_go(c, x.member);
    mr_rc_t rc = metadata_apply_at(&c->metadata, index, &x);

    if (rc == MR_OK)
        log_command(&x);
    if (rc == MR_OK && x.kind == COMMAND_EXPEL)
        counter_add(c->gauges.expelled, 1);
    if (rc == MR_OK && x.kind == COMMAND_SHRINK)
        counter_add(c->gauges.shrunk, 1);
    note_refusal(c, &x, rc);
    if (x.kind == COMMAND_OPEN || x.kind == COMMAND_EXPIRE)
        control_sessions_changed(c);
    if (index > c->server) /* what was before it was let in is not about what it is now */
        control_duo_applied(c, &x);
    c->changed |= x.kind <= COMMAND_EXPEL || x.kind == COMMAND_LEAVE;
    hand_on_rows(c);
    if (rc == MR_OK && x.kind == COMMAND_EXPEL) /* its own threads' locks are nobody's now */
        objects_release_client(&c->member->objects, x.member, 0);
    if (rc == MR_OK && x.kind <= COMMAND_EXPEL)
        meet_members(c, index);
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

    if (rc != MR_OK)
        return rc;
    if (got.partitions != c->member->partitions.count) {
        metadata_free(&got);
        return MR_ERR_MALFORMED;
    }
    metadata_free(&c->metadata);
    c->metadata = got;
    c->changed = true;
    control_sessions_changed(c);
    hand_on_rows(c);
    meet_members(c, index);
    return MR_OK;
}

/* ---- the control log ------------------------------------------------------------------------ */

const struct cluster_member *control_server(const struct control *c, uint64_t server)
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
struct contact *control_contact_of_server(struct control *c, uint64_t server)
{
    const struct cluster_member *x = control_server(c, server);

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
    struct contact *k = control_contact_of_server(c, to);
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
    c->balance = (struct balance){0};
    c->stalls = (struct stalls){0};
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

/* Takes part in the log under a number that is new. */
mr_rc_t control_take_part(struct control *c, uint64_t server)
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
    store_relaxed_32(&c->member->node, (uint32_t)server);
    metadata_free(&c->metadata);
    mr_rc_t rc = metadata_init(&c->metadata, c->member->partitions.count, NOBODY);

    control_sessions_changed(c);
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
    return consensus_propose(c->consensus, control_now_ms(), room, (uint32_t)bytes.size,
                             &c->proposed, &c->proposed_term);
}
