#include "grid/cluster/voters.h"

uint32_t voters_wanted(uint32_t members)
{
    if (members < 3)
        return members;
    return members < 5 ? 3 : 5;
}

/* Is this one better to promote than that one? Of equals the older. */
static bool is_better(const struct voters_member *x, const struct voters_member *y)
{
    return !y || x->held > y->held || (x->held == y->held && x->id < y->id);
}

/* A step is somebody it can be done to, of all those the best to keep, or the best to give up. */
struct step {
    enum consensus_change change;
    enum voters_role role;
    bool in, heard, best;
};

static bool fits(const struct step *s, const struct voters_member *m, uint64_t leader)
{
    if (m->id == leader && s->change != CONSENSUS_PROMOTE)
        return false;
    return m->role == s->role && m->in == s->in && (m->heard || !s->heard);
}

static const struct voters_member *pick(const struct step *s, const struct voters_member *members,
                                        uint32_t count, uint64_t leader)
{
    const struct voters_member *best = NULL;

    for (uint32_t i = 0; i < count; i++)
        if (fits(s, &members[i], leader) && (!best || is_better(&members[i], best) == s->best))
            best = &members[i];
    return best;
}

bool voters_next(const struct voters_member *members, uint32_t count, uint64_t leader,
                 enum consensus_change *ret_change, uint64_t *ret_id)
{
    static const struct step steps[] = {
        {CONSENSUS_REMOVE, VOTERS_VOTER, false, false, false},
        {CONSENSUS_REMOVE, VOTERS_STANDBY, false, false, false},
        {CONSENSUS_ADD, VOTERS_NO_PART, true, false, true},
        {CONSENSUS_PROMOTE, VOTERS_STANDBY, true, true, true},
        {CONSENSUS_DEMOTE, VOTERS_VOTER, true, false, false},
    };
    uint32_t in = 0, voters = 0;

    for (uint32_t i = 0; i < count; i++) {
        in += members[i].in;
        voters += members[i].in && members[i].role == VOTERS_VOTER;
    }
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct voters_member *m = pick(&steps[i], members, count, leader);

        if (!m || (steps[i].change == CONSENSUS_PROMOTE && voters >= voters_wanted(in)) ||
            (steps[i].change == CONSENSUS_DEMOTE && voters <= voters_wanted(in)))
            continue;
        *ret_change = steps[i].change;
        *ret_id = m->id;
        return true;
    }
    return false;
}
