/* control_leave.c - this member leaves: what grid/cluster/leaving.h decides is done. */
#define _GNU_SOURCE
#include <time.h>

#include "grid/peers/control_inside.h"
#include "net/base/clock.h"
#include "net/base/log.h"

enum { TELL_EVERY_MS = 1000, LOOK_EVERY_NS = 5000000 };

static uint32_t others(const struct control *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->metadata.member_count; i++)
        n += c->metadata.members[i].in && c->metadata.members[i].incarnation != c->self;
    return n;
}

static struct leaving_facts facts_of(struct control *c)
{
    const struct cluster_member *own = metadata_member(&c->metadata, c->self);
    bool in = c->state == CONTROL_IN && own && own->in && !c->is_let_go;
    struct consensus_view v;

    return (struct leaving_facts){.in = in,
                                  .agreed = in && own->leaves,
                                  .leads = control_leads(c, &v),
                                  .two = control_is_attached(c),
                                  .others = others(c),
                                  .copies = in ? own->copies : 0};
}

static void say_goodbye(struct control *c)
{
    const struct member_goodbye g = {(int64_t)c->generation};

    control_duo(c, (struct duo_event){.kind = DUO_LEAVE});
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].in)
            control_tell(c, c->contacts[i].incarnation, WIRE_member_goodbye, &g);
}

/* Who is out takes no part in the log any more, so it may never hear there that it is: whoever
 * applies that tells it, or ends the connection. */
void control_let_go(struct control *c, uint64_t member)
{
    const struct member_goodbye g = {(int64_t)c->generation};

    if (control_has(c, member) && metadata_member(&c->metadata, member)->leaves)
        control_tell(c, member, WIRE_member_goodbye, &g);
}

void control_is_let_go(struct control *c)
{
    if (c->leaving.state == LEAVING_PARTING && !c->leaving.said_goodbye)
        c->is_let_go = true;
}

void control_on_goodbye(struct control *c, const struct contact *k, const struct member_goodbye *g)
{
    if (!k || !k->in || (uint64_t)g->generation != c->generation)
        return;
    if (c->leaving.state == LEAVING_PARTING)
        control_is_let_go(c);
    else
        control_duo(c, (struct duo_event){.kind = DUO_GOODBYE});
}

static void do_what_follows(struct control *c, const struct leaving_actions *a, uint64_t now_ns)
{
    if (a->ask)
        control_wish_here(c, &(struct command){.kind = COMMAND_LEAVE, .member = c->self});
    if (a->transfer)
        (void)!consensus_transfer(c->consensus, now_ns / MS, 0);
    if (a->ask_out)
        control_wish_here(c, &(struct command){.kind = COMMAND_EXPEL, .member = c->self});
    if (a->goodbye)
        say_goodbye(c);
}

/* Each time that it comes further, and else from time to time. */
static void tell_progress(struct control *c, const struct leaving_facts *f, bool further,
                          uint64_t now_ns)
{
    const struct cluster_member *own = metadata_member(&c->metadata, c->self);

    if (!further && now_ns - c->leaving_told_ns < TELL_EVERY_MS * MS)
        return;
    c->leaving_told_ns = now_ns;
    log_event(LOG_INFO, "cluster.leaving", F_STR("is", leaving_word(&c->leaving)),
              F_U64("primaries", own ? own->primaries : 0), F_U64("copies", f->copies));
}

void control_leave_tick(struct control *c, uint64_t now_ns)
{
    enum leaving_state before = c->leaving.state;
    struct leaving_facts f;

    if (before == LEAVING_NOT || before == LEAVING_OVER)
        return;
    f = facts_of(c);
    struct leaving_actions a = leaving_step(&c->leaving, &f, now_ns / MS);

    do_what_follows(c, &a, now_ns);
    tell_progress(c, &f, c->leaving.state != before, now_ns);
    if (c->leaving.state == LEAVING_OVER)
        store_release_32(&c->left, 1);
}

static void begin(void *context)
{
    struct control *c = context;

    leaving_begin(&c->leaving, clock_ns() / MS);
}

bool control_leave(struct control *c, uint64_t timeout_ms)
{
    uint64_t ends_ns = clock_ns() + timeout_ms * MS;

    if (!c || !c->is_started || loop_post(c->loop, begin, c) != MR_OK)
        return true;
    while (!load_acquire_32(&c->left) && clock_ns() < ends_ns)
        nanosleep(&(struct timespec){0, LOOK_EVERY_NS}, NULL); /* between looks */
    return load_acquire_32(&c->left);
}
