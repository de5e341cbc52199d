/* control_duo.c - two members: what happens is told to the duo, and what it decides is done. */
#include "grid/peers/control_inside.h"
#include "net/base/clock.h"
#include "net/base/log.h"
#include "net/base/mem.h"

enum { ASK_AGAIN_MS = 200, RENEW_MS = 500 };

void control_duo_init(struct control *c, bool alone)
{
    const struct duo_config config = {.takeover = DUO_BY_EVIDENCE, .lease_ns = LEASE_MS * MS};

    duo_init(&c->duo, &config, c->self, c->generation, alone);
}

/* The other one; NULL: there are not two. */
static struct contact *other(struct control *c)
{
    struct contact *found = NULL;

    for (uint32_t i = 0; i < c->contact_count; i++) {
        if (c->contacts[i].in && found)
            return NULL;
        if (c->contacts[i].in)
            found = &c->contacts[i];
    }
    return found;
}

/* ---- doing ---------------------------------------------------------------------------------- */

static void abort_out(struct control *c)
{
    struct contact *k = other(c);

    if (k && k->fellow)
        fellow_point(k->fellow, &k->address);
}

static void go_on_alone(struct control *c, uint64_t generation)
{
    const struct contact *k = other(c);
    struct command x = {.kind = COMMAND_EXPEL, .member = k ? k->incarnation : NOBODY};

    log_event(LOG_WARN, "cluster.goes_on_alone", F_U64("generation", generation));
    pthread_mutex_lock(&c->lock);
    c->generation = generation;
    pthread_mutex_unlock(&c->lock);
    if (consensus_force_single(c->consensus, clock_ns() / MS) != MR_OK) {
        log_event(LOG_ERROR, "cluster.not_alone");
        return;
    }
    c->duo_ended = false;
    control_duo(c, (struct duo_event){.kind = DUO_IS_SINGLE});
    if (x.member != NOBODY)
        (void)!control_propose(c, &x);
    c->changed = true;
}

static void fence(struct control *c)
{
    log_event(LOG_ERROR, "cluster.fenced");
    c->fenced = true;
    store_relaxed_64(&c->member->partitions.lease_until_ns, 0);
    c->changed = true;
}

static void wish_attached(struct control *c, const struct duo_actions *a)
{
    control_wish_here(
        c, &(struct command){
               .kind = COMMAND_ATTACH, .member = c->self, .epoch = a->out, .primary = a->in});
}

/* One of two whose duo is agreed, and on whose channels a death would be believed. */
bool control_is_attached(const struct control *c)
{
    return c->duo.state == DUO_BOTH && c->duo.attached_in != 0;
}

/* In both directions, and the other one knows it as well, which its beats say. */
bool control_both_attached(struct control *c)
{
    const struct contact *k = control_is_attached(c) ? other(c) : NULL;

    return k && c->duo.attached_out != 0 && k->applied >= c->attached_index;
}

void control_duo(struct control *c, struct duo_event e)
{
    enum duo_state before = c->duo.state;
    bool attached = control_is_attached(c);
    struct duo_actions a = duo_step(&c->duo, &e, clock_ns());
    char why[200];
    bool changed = c->duo.state != before || control_is_attached(c) != attached;

    c->changed |= changed;
    if (changed)
        log_event(LOG_INFO, "cluster.duo", F_STR("is", duo_why(&c->duo, why, sizeof why)));
    if (a.fence)
        fence(c);
    if (a.abort_out)
        abort_out(c);
    if (a.force_single)
        go_on_alone(c, a.generation);
    if (a.join)
        control_rejoin(c, a.generation);
    if (a.propose == DUO_PROPOSE_ATTACH)
        wish_attached(c, &a);
    if (a.propose == DUO_PROPOSE_DUO)
        control_wish_here(c, &(struct command){.kind = COMMAND_DUO, .member = c->duo.anchor});
}

/* ---- the operator ---------------------------------------------------------------------------- */

static void take_over(void *context)
{
    struct control *c = context;
    const struct contact *k = other(c);

    if (k && detector_look(&k->detector) >= DETECTOR_FAILED) /* it may have been heard meanwhile */
        control_duo(c, (struct duo_event){.kind = DUO_TAKE_OVER});
    control_publish(c);
}

/* Said of one of three it would make two clusters. */
const char *control_take_over(struct control *c)
{
    struct control_view *v = c ? mem_alloc(sizeof *v) : NULL;
    const char *why = "";

    if (!c)
        return "this member is on its own";
    if (!v)
        return "there is no memory to look at the cluster";
    control_look(c, v);
    if (v->count != 2)
        why = "only one of two members can take over: with more, the others agree by themselves";
    else if (v->has_leader)
        why = "both members are there, or this one goes on without the other already";
    else if (loop_post(c->loop, take_over, c) != MR_OK)
        why = "there is no memory for it";
    mem_free(v);
    return why;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* The oldest of the two: it has been there for longer. */
static uint64_t oldest(const struct control *c)
{
    const struct cluster_member *best = NULL;

    for (uint32_t i = 0; i < c->metadata.member_count; i++) {
        const struct cluster_member *x = &c->metadata.members[i];

        if (x->in && (!best || x->joined < best->joined))
            best = x;
    }
    return best ? best->incarnation : NOBODY;
}

static bool may_ask(struct control *c, uint64_t now_ns)
{
    if (now_ns - c->duo_asked_ns < ASK_AGAIN_MS * MS)
        return false;
    c->duo_asked_ns = now_ns;
    return true;
}

/* Two members, and both vote: who leads asks that it be agreed. */
static void ask_for_duo(struct control *c, uint64_t now_ns)
{
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    struct consensus_view v;
    uint32_t voters = 0;

    if ((c->duo.state != DUO_OFF && c->duo.state != DUO_ALONE) || !other(c) ||
        !control_leads(c, &v) || v.changing)
        return;
    uint32_t count = consensus_servers(c->consensus, servers);

    for (uint32_t i = 0; i < count; i++)
        voters += servers[i].voter;
    if (count == 2 && voters == 2 && may_ask(c, now_ns))
        (void)!control_propose(c, &(struct command){.kind = COMMAND_DUO, .member = oldest(c)});
}

bool control_duo_may_widen(struct control *c, uint64_t now_ns)
{
    if (c->duo.state == DUO_OFF || c->duo_ended)
        return true;
    if (may_ask(c, now_ns))
        (void)!control_propose(c, &(struct command){.kind = COMMAND_DUO_END, .member = c->self});
    return false;
}

/* Our channel is of an earlier generation, or not the one that the other reads: one end may be
 * gone without the other knowing. A new one, which the next beats are about. */
static void renew_channel(struct control *c, struct contact *k, uint64_t now_ns)
{
    const struct duo *d = &c->duo;
    bool is_old = d->out.generation != d->generation || d->peer_reads != d->out.number;

    if (!is_old || now_ns - c->renewed_ns < RENEW_MS * MS || k->fellow->state != FELLOW_OPEN)
        return;
    c->renewed_ns = now_ns;
    fellow_point(k->fellow, &k->address);
}

/* It may have come before the log said that the other is in, or while there was a third. Its beats
 * name what is read here, and who leads takes that for what is known here. */
static void know_channel(struct control *c, const struct contact *k)
{
    if (k->channel.number != 0 && k->channel.number != c->duo.in.number)
        control_duo(c, (struct duo_event){.kind = DUO_IN, .channel = k->channel});
}

void control_duo_tick(struct control *c, uint64_t now_ns)
{
    struct contact *k = other(c);

    if (!k || c->state != CONTROL_IN || c->duo.generation == 0)
        return;
    know_channel(c, k);
    if (k->fellow && k->fellow->state == FELLOW_OPEN &&
        link_identity(k->fellow->conn.link) != k->fellow->identity)
        control_duo(c, (struct duo_event){.kind = DUO_IS_FOREIGN});
    control_duo(c, (struct duo_event){.kind = DUO_TICK, .word = detector_look(&k->detector)});
    ask_for_duo(c, now_ns);
    if (k->fellow && (c->duo.state == DUO_BOTH || c->duo.state == DUO_OFF))
        renew_channel(c, k, now_ns);
}

/* ---- the log -------------------------------------------------------------------------------- */

void control_duo_stored(struct control *c, const struct command *x, uint32_t voters)
{
    if (!x && voters > 1)
        control_duo(c, (struct duo_event){.kind = DUO_WIDENED, .number = voters});
    else if (x && x->kind == COMMAND_DUO)
        control_duo(c, (struct duo_event){.kind = DUO_APPENDED, .anchor = x->member});
    else if (x && x->kind == COMMAND_DUO_END)
        control_duo(c, (struct duo_event){.kind = DUO_END_APPENDED});
}

void control_duo_applied(struct control *c, const struct command *x)
{
    bool own = x->member == c->self;

    if (x->kind == COMMAND_DUO) {
        c->duo_ended = false;
        control_duo(c, (struct duo_event){.kind = DUO_IS_AGREED, .anchor = x->member});
    } else if (x->kind == COMMAND_ATTACH) {
        c->attached_index = c->metadata.index;
        control_duo(c, (struct duo_event){.kind = DUO_IS_ATTACHED,
                                          .out = own ? x->epoch : x->primary,
                                          .in = own ? x->primary : x->epoch});
    } else if (x->kind == COMMAND_DUO_END) {
        c->duo_ended = true;
        control_duo(c, (struct duo_event){.kind = DUO_IS_ENDED});
    }
}
