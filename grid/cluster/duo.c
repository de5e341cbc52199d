#include "grid/cluster/duo.h"

#include <stdio.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"

enum {
    PROPOSE_AGAIN_NS = 200000000,
    DIAL_AGAIN_NS = 200000000,
};

/* A lease of L on a clock that is slow by p percent lasts L / (1 - p) of true time, and a clock
 * that is fast by as much shows that as L * (1 + p) / (1 - p). */
static uint64_t lease_seen_from_here(uint64_t lease_ns)
{
    return lease_ns * (100 + CLOCK_PERCENT) / (100 - CLOCK_PERCENT) + 1;
}

void duo_init(struct duo *d, const struct duo_config *config, uint64_t self, uint64_t generation,
              bool alone)
{
    *d = (struct duo){.config = *config,
                      .self = self,
                      .anchor = alone ? self : 0,
                      .generation = generation,
                      .state = alone ? DUO_ALONE : DUO_OFF};
}

static bool is_two(const struct duo *d)
{
    return d->state == DUO_BOTH || d->state == DUO_HOLDING || d->state == DUO_PARTING;
}

static void detach(struct duo *d)
{
    d->attached_in = d->attached_out = 0;
}

/* ---- going on alone ------------------------------------------------------------------------- */

/* What is aborted cannot be evidence any more, for anybody. */
static void abort_out(struct duo *d, struct duo_actions *todo)
{
    if (MUTANT(DUO_NO_ABORT) || (MUTANT(DUO_CALLED_OFF) && d->rearming))
        return;
    todo->abort_out = true;
    d->out = (struct duo_channel){0};
    d->attached_out = 0;
}

static void take_over(struct duo *d, struct duo_actions *todo)
{
    abort_out(d, todo);
    detach(d);
    d->generation++;
    d->anchor = d->self;
    d->widened = d->rearming = d->ending = false;
    d->state = MUTANT(DUO_TAIL_LEFT) ? DUO_ALONE : DUO_TAKING;
    todo->force_single = true;
    todo->generation = d->generation;
}

/* T2, first half. */
static void part(struct duo *d, uint64_t now_ns, struct duo_actions *todo)
{
    uint64_t over_ns = d->extended_ns + lease_seen_from_here(d->config.lease_ns);

    abort_out(d, todo);
    if (!MUTANT(DUO_CALLED_OFF))
        detach(d);
    d->state = DUO_PARTING;
    d->alone_at_ns = MUTANT(DUO_LEASE_IGNORED) || over_ns < now_ns ? now_ns : over_ns;
}

/* T4b: our channel is gone, so the other has nothing to go by, and must not think it had. */
static void call_off(struct duo *d)
{
    d->state = MUTANT(DUO_CALLED_OFF) ? DUO_BOTH : DUO_HOLDING;
    d->rearming = true;
}

static void hold(struct duo *d, uint64_t now_ns)
{
    d->state = DUO_HOLDING;
    d->held_since_ns = now_ns;
}

/* The log needs the other, who can neither be attached nor anchor before an entry is applied that
 * only we can have agreed to: it cannot go on without us, and no proof is needed of anything. */
static bool is_still_alone(const struct duo *d)
{
    return d->state == DUO_ALONE && d->widened && d->anchor == d->self;
}

/* ---- events --------------------------------------------------------------------------------- */

/* T1 */
static void on_dead(struct duo *d, uint64_t number, struct duo_actions *todo)
{
    bool attached = d->attached_in != 0 && d->attached_in == number;
    bool is_last = d->in.number == number;

    if (is_last)
        d->in = (struct duo_channel){0};
    if (is_last && is_still_alone(d))
        take_over(d, todo);
    if (d->state == DUO_TAKING || d->state == DUO_ALONE || d->state == DUO_FENCED ||
        d->config.takeover == DUO_BY_OPERATOR)
        return;
    if ((attached && (is_two(d) || MUTANT(DUO_ATTACHED_EARLY))) || MUTANT(DUO_FIN_TRUSTED))
        take_over(d, todo);
}

static void on_broken(struct duo *d, uint64_t number)
{
    if (d->in.number == number)
        d->in = (struct duo_channel){0};
    if (d->attached_in == number && !MUTANT(DUO_CALLED_OFF))
        d->attached_in = 0;
}

static void on_heard(struct duo *d, const struct duo_event *e, struct duo_actions *todo)
{
    if (e->generation > d->generation && d->state != DUO_FENCED) {
        abort_out(d, todo);
        detach(d);
        d->state = DUO_OFF;
        d->anchor = 0;
        d->generation = e->generation;
        todo->join = true;
        todo->generation = e->generation;
        return;
    }
    if (e->generation != d->generation)
        return;
    d->peer_reads = e->number;
    if (d->state == DUO_PARTING)
        call_off(d);
    else if (d->state == DUO_HOLDING && !d->rearming)
        d->state = DUO_BOTH;
}

static void on_silence(struct duo *d, uint64_t now_ns, struct duo_actions *todo)
{
    if (is_still_alone(d))
        take_over(d, todo);
    else if (d->anchor == d->self && !d->ending && is_two(d) && d->state != DUO_PARTING)
        part(d, now_ns, todo);
    else if (d->state == DUO_BOTH)
        hold(d, now_ns);
}

static void on_in(struct duo *d, const struct duo_channel *c)
{
    d->in = *c;
    if (MUTANT(DUO_CALLED_OFF) && d->attached_in)
        d->attached_in = c->number; /* as if it named the other, not the channel */
    if (MUTANT(DUO_ATTACHED_EARLY) && d->state == DUO_OFF)
        d->attached_in = c->number;
}

static void on_agreed(struct duo *d, uint64_t anchor)
{
    if (d->state == DUO_FENCED || d->state == DUO_TAKING)
        return;
    detach(d);
    d->anchor = anchor;
    d->widened = d->rearming = d->ending = false;
    d->state = DUO_BOTH;
}

static void on_attached(struct duo *d, const struct duo_event *e)
{
    if (!is_two(d) || d->ending || d->state == DUO_PARTING || d->rearming)
        return;
    d->attached_in = e->in && e->in == d->in.number ? e->in : 0;
    d->attached_out = e->out && e->out == d->out.number ? e->out : 0;
}

static void on_end(struct duo *d)
{
    detach(d);
    d->ending = true;
}

/* With three, two others can go on without this one, from now on. */
static void on_widened(struct duo *d, uint64_t voters)
{
    d->widened = d->state == DUO_ALONE;
    if (voters <= 2)
        return;
    on_end(d);
    if (is_two(d) || d->state == DUO_ALONE)
        d->state = DUO_OFF;
}

static void on_joined(struct duo *d, uint64_t generation)
{
    if (d->state == DUO_FENCED)
        return;
    detach(d);
    d->widened = d->ending = d->rearming = false;
    d->anchor = 0;
    d->generation = generation;
    d->state = DUO_OFF;
}

/* ---- from time to time ---------------------------------------------------------------------- */

static bool is_usable(const struct duo *d, const struct duo_channel *c)
{
    return c->number != 0 && c->generation == d->generation && c->direct;
}

static void want_attached(struct duo *d, struct duo_actions *todo)
{
    uint64_t in = is_usable(d, &d->in) ? d->in.number : 0;
    uint64_t out = is_usable(d, &d->out) && d->peer_reads == d->out.number ? d->out.number : 0;

    if ((in == 0 && out == 0) || (in == d->attached_in && out == d->attached_out))
        return;
    todo->propose = DUO_PROPOSE_ATTACH;
    todo->in = in;
    todo->out = out;
}

static void want(struct duo *d, uint64_t now_ns, struct duo_actions *todo)
{
    if (now_ns < d->proposed_ns + PROPOSE_AGAIN_NS)
        return;
    if (d->rearming && is_two(d) && d->state != DUO_PARTING && !d->ending &&
        !MUTANT(DUO_CALLED_OFF))
        todo->propose = DUO_PROPOSE_DUO;
    else if (d->state == DUO_BOTH && !d->ending)
        want_attached(d, todo);
    if (todo->propose != DUO_PROPOSE_NOTHING)
        d->proposed_ns = now_ns;
}

/* A channel may be half open: its writer has aborted it, and the RST was lost on the way. */
static void dial(struct duo *d, const struct duo_event *e, uint64_t now_ns,
                 struct duo_actions *todo)
{
    bool needed = d->in.number == 0 || d->in.generation != d->generation || e->in_silent;

    if (!needed || now_ns < d->dialled_ns + DIAL_AGAIN_NS)
        return;
    d->dialled_ns = now_ns;
    todo->dial = true;
}

static void on_tick(struct duo *d, const struct duo_event *e, uint64_t now_ns,
                    struct duo_actions *todo)
{
    /* Not in the step that aborts: first it must be heard that the abort could be done. */
    if (d->state == DUO_PARTING && now_ns >= d->alone_at_ns)
        take_over(d, todo);
    else if (e->word >= DETECTOR_FAILED)
        on_silence(d, now_ns, todo);
    if (d->state == DUO_HOLDING && d->config.takeover == DUO_BY_TIMEOUT &&
        now_ns >= d->held_since_ns + d->config.timeout_ns)
        take_over(d, todo);
    want(d, now_ns, todo);
    dial(d, e, now_ns, todo);
}

static void on_foreign(struct duo *d, struct duo_actions *todo)
{
    if (d->state == DUO_TAKING || d->state == DUO_ALONE || d->state == DUO_FENCED ||
        MUTANT(DUO_FOREIGN_IGNORED))
        return;
    abort_out(d, todo);
    detach(d);
    d->state = DUO_FENCED;
    todo->fence = true;
}

struct duo_actions duo_step(struct duo *d, const struct duo_event *e, uint64_t now_ns)
{
    struct duo_actions todo = {0};

    switch (e->kind) {
    case DUO_TICK: on_tick(d, e, now_ns, &todo); break;
    case DUO_HEARD: on_heard(d, e, &todo); break;
    case DUO_IN: on_in(d, &e->channel); break;
    case DUO_OUT: d->out = e->channel; break;
    case DUO_IN_DEAD: on_dead(d, e->number, &todo); break;
    case DUO_IN_BROKEN:
        if (MUTANT(DUO_RST_AS_FIN))
            on_dead(d, e->number, &todo);
        on_broken(d, e->number);
        break;
    case DUO_EXTENDED: d->extended_ns = now_ns; break;
    case DUO_IS_AGREED: on_agreed(d, e->anchor); break;
    case DUO_APPENDED:
        if (e->anchor != d->anchor)
            d->anchor = 0;
        break;
    case DUO_WIDENED: on_widened(d, e->number); break;
    case DUO_IS_ATTACHED: on_attached(d, e); break;
    case DUO_END_APPENDED: on_end(d); break;
    case DUO_IS_ENDED:
        if (is_two(d))
            d->state = DUO_OFF;
        break;
    case DUO_HAS_JOINED: on_joined(d, e->generation); break;
    case DUO_IS_SINGLE:
        if (d->state == DUO_TAKING)
            d->state = DUO_ALONE;
        break;
    case DUO_IS_FOREIGN: on_foreign(d, &todo); break;
    case DUO_LEAVE: /* its channel stays: if goodbye is lost, its death will be seen */
        detach(d);
        d->state = DUO_FENCED;
        break;
    case DUO_GOODBYE:
        if (is_two(d) || is_still_alone(d))
            take_over(d, &todo);
        break;
    case DUO_TAKE_OVER:
        if (d->state == DUO_HOLDING || d->state == DUO_OFF)
            take_over(d, &todo);
        break;
    }
    duo_check(d);
    return todo;
}

/* ---- for people ----------------------------------------------------------------------------- */

const char *duo_why(const struct duo *d, char *out, size_t size)
{
    static const char *const words[] = {
        [DUO_OFF] = "the control log decides; there is no duo",
        [DUO_BOTH] = "both members are needed, and both are there",
        [DUO_HOLDING] = "the other member is silent, and may be serving: waits for it. If its "
                        "process is dead, type: millrace takeover --peer-is-dead",
        [DUO_PARTING] = "the other member is silent: goes on alone when its lease is over",
        [DUO_TAKING] = "goes on alone as soon as it has applied all that was agreed",
        [DUO_ALONE] = "serves alone: a crash of this member now loses what it holds",
        [DUO_FENCED] = "has left, or somebody closed the descriptors of this process, which looks "
                       "like its death: out of service. Restart it",
    };
    const char *why = words[d->state];

    if (d->state == DUO_HOLDING && d->rearming)
        why = "the other member was silent for a while: waits until both have agreed again";
    if (d->state == DUO_BOTH && d->attached_in == 0)
        why = "both members are there, but a death could not be seen yet: the survivor would hold";
    if (d->state == DUO_BOTH && d->in.number != 0 && !d->in.direct)
        why = "something between the members ends connections of its own, so a death is not "
              "believed: the survivor would hold";
    snprintf(out, size, "%s", why);
    return out;
}

void duo_check(const struct duo *d)
{
    bool alone = d->state == DUO_TAKING || d->state == DUO_ALONE;

    if (alone && !MUTANT(DUO_NO_ABORT))
        check(d->attached_out == 0);
    if (alone || d->state == DUO_FENCED || (d->ending && !MUTANT(DUO_ATTACHED_EARLY)))
        check(d->attached_in == 0);
    if (d->rearming && !MUTANT(DUO_CALLED_OFF))
        check(d->attached_in == 0);
}
