/* control_balance.c - partitions are spread evenly: what of grid/cluster/balance.h becomes messages
 * and commands. */
#include "grid/peers/control_inside.h"
#include "net/base/epoch.h"

/* ---- who is asked to hand over -------------------------------------------------------------- */

static void hand_over(struct control *c, const struct command *x)
{
    struct partitions *ps = &c->member->partitions;

    if (x->kind != COMMAND_MOVE || x->primary != c->self || x->partition >= ps->count)
        return;
    epoch_enter();
    partition_lock(&ps->at[x->partition]);
    copies_hand_over(ps->at[x->partition].copies, x->member, x->epoch);
    partition_unlock(&ps->at[x->partition]);
    epoch_exit();
}

void control_on_ask(struct control *c, uint64_t from, const struct member_ask *a)
{
    struct command x;

    if (control_has(c, from) && command_decode(&x, a->command.at, a->command.size) == MR_OK)
        hand_over(c, &x);
}

/* ---- who leads ------------------------------------------------------------------------------ */

static void ask(struct control *c, const struct command *x)
{
    uint8_t room[256];
    struct sink bytes = {.at = room, .room = sizeof room};

    if (x->primary == c->self) {
        hand_over(c, x);
        return;
    }
    command_encode(x, &bytes);
    control_tell(c, x->primary, WIRE_member_ask,
                 &(struct member_ask){{room, (uint32_t)bytes.size}});
}

/* Who may be dying is given nothing, and nothing is taken from him that he may not answer for. */
static bool all_are_there(const struct control *c)
{
    for (uint32_t i = 0; i < c->contact_count; i++)
        if (c->contacts[i].in && detector_look(&c->contacts[i].detector) != DETECTOR_ALIVE)
            return false;
    return true;
}

void control_balance(struct control *c, struct consensus_view *v)
{
    uint32_t copies = 1 + (uint32_t)config_number(c->member->config, "cluster.backup-count");
    uint64_t handed_over = c->balance.handed_over, called_off = c->balance.called_off;
    struct command x;

    if (!all_are_there(c))
        return;
    for (uint32_t i = 0; i < WISHES_AT_ONCE; i++) {
        if (c->proposed > v->applied && c->proposed_term == v->term)
            break;
        if (!balance_next(&c->balance, &c->metadata, copies, control_now_ms(), &x))
            break;
        if (x.kind == COMMAND_MOVE && x.member != x.primary)
            ask(c, &x);
        else if (control_propose(c, &x) != MR_OK)
            break;
        consensus_look(c->consensus, v);
    }
    counter_add(c->gauges.handed_over, c->balance.handed_over - handed_over);
    counter_add(c->gauges.called_off, c->balance.called_off - called_off);
}
