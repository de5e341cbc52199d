/* control_sessions.c - sessions of clients: opened and ended by the control log, and kept open by
 * what members hear of their clients.
 *
 *     client_open_session ─▶ member ─OPEN─▶ log ─▶ every partition knows, the client is answered
 *                   again ─▶ member ─member_keep─▶ who leads: heard of
 *                                     not heard of for so long: EXPIRE ─▶ log
 *
 * A client asks again and again; so one who leads newly has heard of all before long. */
#include "grid/door/session.h"
#include "grid/op/copies.h"
#include "grid/peers/control_inside.h"
#include "net/base/clock.h"
#include "net/base/log.h"
#include "net/base/mem.h"

#include <string.h>

/* ---- which are open -------------------------------------------------------------------------- */

/* NULL: no memory; then the partitions go on with what they know. */
static struct once_open *open_now(const struct control *c)
{
    const struct metadata *m = &c->metadata;
    struct once_open *open = mem_alloc(sizeof *open + m->session_count * sizeof open->numbers[0]);

    if (!open)
        return NULL;
    *open = (struct once_open){.applied = m->index, .count = m->session_count};
    for (uint32_t i = 0; i < m->session_count; i++)
        open->numbers[i] = m->sessions[i].number;
    return open;
}

static void hand_on(struct control *c)
{
    struct partitions *ps = &c->member->partitions;
    struct once_open *open = open_now(c);

    if (!open) {
        log_event(LOG_ERROR, "cluster.no_memory", F_STR("for", "sessions"));
        return;
    }
    for (uint32_t i = 0; i < ps->count; i++) {
        partition_lock(&ps->at[i]);
        once_open(ps->at[i].copies, open);
        partition_unlock(&ps->at[i]);
    }
    mem_free(c->open);
    c->open = open;
}

/* ---- clients that wait ----------------------------------------------------------------------- */

struct opening {
    struct list node;
    struct control *control;
    struct session *session;
    struct wire_uuid client;
    int64_t correlation;
    uint64_t began_ns;
};

static void opening_free(struct opening *o)
{
    session_unref(o->session);
    mem_free(o);
}

/* Tells who leads that the client was heard of. */
static void keep(struct control *c, uint64_t number)
{
    struct consensus_view v = {0};
    const struct cluster_member *x;

    control_on_keep(c, number);
    if (c->consensus)
        consensus_look(c->consensus, &v);
    if (v.leader && (x = control_server(c, v.leader)) && x->incarnation != c->self)
        control_tell(c, x->incarnation, WIRE_member_keep, &(struct member_keep){(int64_t)number});
}

static bool answer_if_open(struct control *c, const struct opening *o)
{
    uint64_t number = metadata_session(&c->metadata, o->client.high, o->client.low);
    struct sink out = {.grows = true};

    if (number == 0)
        return false;
    keep(c, number);
    wire_encode(WIRE_client_open_session_rsp, &(struct wire_head){.correlation = o->correlation},
                &(struct client_open_session_rsp){
                    (int64_t)number, {c->metadata.cluster_high, c->metadata.cluster_low, false}},
                &out);
    session_pass(o->session, out.at, out.size);
    sink_free(&out);
    return true;
}

static void answer_those_open(struct control *c)
{
    for (struct list *next, *at = c->opening.next; at != &c->opening; at = next) {
        struct opening *o = list_owner(at, struct opening, node);

        next = at->next;
        if (!answer_if_open(c, o))
            continue;
        list_remove(&o->node);
        opening_free(o);
    }
}

static void wish_one(struct control *c, const struct opening *o)
{
    if (c->consensus)
        control_wish_here(c, &(struct command){.kind = COMMAND_OPEN,
                                               .member = c->self,
                                               .cluster_high = o->client.high,
                                               .cluster_low = o->client.low});
}

static void take_open(void *context)
{
    struct opening *o = context;
    struct control *c = o->control;

    if (answer_if_open(c, o)) {
        opening_free(o);
        return;
    }
    list_add_last(&c->opening, &o->node);
    wish_one(c, o);
    control_publish(c);
}

mr_rc_t control_open_session(struct control *c, struct session *s, struct wire_uuid client,
                             int64_t correlation)
{
    struct opening *o = mem_alloc_zero(sizeof *o);

    if (!o)
        return MR_ERR_MEMORY;
    *o = (struct opening){.control = c,
                          .session = s,
                          .client = client,
                          .correlation = correlation,
                          .began_ns = clock_ns()};
    session_ref(s);
    if (loop_post(c->loop, take_open, o) == MR_OK)
        return MR_OK;
    opening_free(o);
    return MR_ERR_MEMORY;
}

/* The wish may be lost; or nobody leads, and who waits is told to ask again. */
static void wish_again(struct control *c, uint64_t now_ns)
{
    for (struct list *next, *at = c->opening.next; at != &c->opening; at = next) {
        struct opening *o = list_owner(at, struct opening, node);

        next = at->next;
        if (now_ns - o->began_ns < OPEN_MS * MS) {
            wish_one(c, o);
            continue;
        }
        forward_answer_error(o->session, o->correlation, MR_ERR_OFFLINE);
        list_remove(&o->node);
        opening_free(o);
    }
}

void control_sessions_changed(struct control *c)
{
    hand_on(c);
    answer_those_open(c);
}

/* ---- clients that are not heard of ----------------------------------------------------------- */

struct session_kept {
    uint64_t number, heard_ns;
};

static struct session_kept *find_kept(const struct control *c, uint64_t number)
{
    for (uint32_t i = 0; i < c->kept_count; i++)
        if (c->kept[i].number == number)
            return &c->kept[i];
    return NULL;
}

/* Those that are open, and only those; of one that is new it is as if it was heard of now. */
static void keep_those_open(struct control *c, uint64_t now_ns)
{
    const struct metadata *m = &c->metadata;
    struct session_kept *kept = mem_alloc((m->session_count + 1) * sizeof *kept);

    if (!kept)
        return;
    for (uint32_t i = 0, k = 0; i < m->session_count; i++) {
        uint64_t number = m->sessions[i].number;

        while (k < c->kept_count && c->kept[k].number < number)
            k++;
        bool was_kept = k < c->kept_count && c->kept[k].number == number;

        kept[i] = (struct session_kept){number, was_kept ? c->kept[k].heard_ns : now_ns};
    }
    mem_free(c->kept);
    c->kept = kept;
    c->kept_count = m->session_count;
}

void control_on_keep(struct control *c, uint64_t session)
{
    struct session_kept *k = find_kept(c, session);

    if (k)
        k->heard_ns = clock_ns();
}

/* Who leads newly has not heard of those that others were told of. */
static void expire_silent(struct control *c, uint64_t now_ns)
{
    struct consensus_view v;

    if (!control_leads(c, &v) || now_ns - c->elected_ns < SESSION_TTL_MS * MS)
        return;
    for (uint32_t i = 0; i < c->kept_count; i++)
        if (now_ns - c->kept[i].heard_ns > SESSION_TTL_MS * MS)
            (void)!control_propose(c, &(struct command){.kind = COMMAND_EXPIRE,
                                                        .member = c->self,
                                                        .epoch = c->kept[i].number});
}

void control_sessions_tick(struct control *c, uint64_t now_ns)
{
    wish_again(c, now_ns);
    if (now_ns - c->opened_ns < SESSIONS_LOOK_MS * MS)
        return;
    c->opened_ns = now_ns;
    keep_those_open(c, now_ns);
    expire_silent(c, now_ns);
}

/* ---- life ------------------------------------------------------------------------------------ */

void control_sessions_stop(struct control *c)
{
    struct list *node;

    while ((node = list_take_first(&c->opening)))
        opening_free(list_owner(node, struct opening, node));
}

void control_sessions_free(struct control *c)
{
    mem_free(c->kept);
    mem_free(c->open);
}
