#include "grid/cluster/balance.h"

#include "net/base/check.h"

/* ---- the table as it will be ---------------------------------------------------------------- */

/* By place in metadata's list of members: what each has when all that is under way is done. */
struct plan {
    const struct metadata *m;
    const struct balance *b;
    uint64_t now_ms;
    uint32_t wanted;     /* copies of each partition */
    uint32_t spare;      /* partitions that have more, or are getting more */
    struct command step; /* the first copy too many that can go */
    bool has_step;
    uint32_t primaries[CLUSTER_MEMBERS_MAX], copies[CLUSTER_MEMBERS_MAX];
};

static uint32_t place_of(const struct metadata *m, uint64_t incarnation)
{
    uint32_t i = 0;

    while (i < m->member_count && m->members[i].incarnation != incarnation)
        i++;
    check(i < m->member_count);
    return i;
}

/* Or to be left alone. */
static bool is_under_way(const struct plan *p, uint32_t partition)
{
    for (uint32_t i = 0; i < BALANCE_AVOIDED_MAX && p->now_ms < p->b->avoided_until_ms; i++)
        if (p->b->avoided[i].partition == partition && p->now_ms < p->b->avoided[i].until_ms)
            return true;
    for (uint32_t i = 0; i < p->b->count; i++)
        if (p->b->at[i].partition == partition)
            return true;
    return false;
}

/* Has it what it should have, and nothing to come? */
static bool is_settled(const struct plan *p, uint32_t partition)
{
    const struct row *r = &p->m->rows[partition];

    return r->primary != NOBODY && r->learner_count == 0 && r->in_sync_count == p->wanted &&
           !is_under_way(p, partition);
}

static struct command about(const struct plan *p, enum command_kind kind, uint32_t partition,
                            uint64_t member)
{
    const struct row *r = &p->m->rows[partition];

    return (struct command){.kind = kind,
                            .member = member,
                            .partition = partition,
                            .epoch = r->epoch,
                            .primary = r->primary};
}

/* ---- a copy too many ------------------------------------------------------------------------ */

/* In sync, and with most copies; of equals not the primary. */
static uint64_t fullest(const struct plan *p, const struct row *r)
{
    uint64_t best = r->primary;

    for (uint8_t i = 0; i < r->in_sync_count; i++) {
        uint32_t has = p->copies[place_of(p->m, r->in_sync[i])];
        uint32_t most = p->copies[place_of(p->m, best)];

        if (has > most || (has == most && best == r->primary))
            best = r->in_sync[i];
    }
    return best;
}

/* In sync, not the primary, and with fewest primaries. */
static uint64_t heir_of(const struct plan *p, const struct row *r)
{
    uint64_t best = NOBODY;

    for (uint8_t i = 0; i < r->in_sync_count; i++)
        if (r->in_sync[i] != r->primary &&
            (best == NOBODY ||
             p->primaries[place_of(p->m, r->in_sync[i])] < p->primaries[place_of(p->m, best)]))
            best = r->in_sync[i];
    return best;
}

static void let_go(struct plan *p, uint32_t partition)
{
    const struct row *r = &p->m->rows[partition];
    uint64_t goes = fullest(p, r);

    p->spare++;
    p->copies[place_of(p->m, goes)]--;
    if (p->has_step || r->learner_count > 0 || is_under_way(p, partition))
        return;
    if (goes != r->primary)
        p->step = about(p, COMMAND_FORGET, partition, goes);
    else if (p->b->count < HAND_OVERS_MAX)
        p->step = about(p, COMMAND_MOVE, partition, heir_of(p, r));
    else
        return;
    p->has_step = true;
}

static void look(struct plan *p, const struct metadata *m, uint32_t copies)
{
    uint32_t in = metadata_staying(m);

    for (uint32_t i = 0; i < m->member_count; i++) {
        p->primaries[i] = m->members[i].primaries;
        p->copies[i] = m->members[i].copies;
    }
    p->wanted = copies < in ? copies : in;
    for (uint32_t i = 0; i < p->b->count; i++) {
        p->primaries[place_of(m, m->rows[p->b->at[i].partition].primary)]--;
        p->primaries[place_of(m, p->b->at[i].to)]++;
    }
}

/* False: something is missing that could be there. */
static bool look_for_spare(struct plan *p)
{
    const struct metadata *m = p->m;

    for (uint32_t i = 0; i < m->partitions; i++)
        if (m->rows[i].primary != NOBODY && m->rows[i].in_sync_count < p->wanted)
            return false;
    for (uint32_t i = 0; i < m->partitions; i++)
        if (m->rows[i].primary != NOBODY &&
            m->rows[i].in_sync_count + m->rows[i].learner_count > p->wanted)
            let_go(p, i);
    return p->wanted > 0;
}

/* ---- who leaves ----------------------------------------------------------------------------- */

static bool leaves(const struct plan *p, uint64_t member)
{
    return p->m->members[place_of(p->m, member)].leaves;
}

/* In sync and staying, with fewest primaries when all that is under way is done. */
static uint64_t staying_heir(const struct plan *p, const struct row *r)
{
    uint64_t best = NOBODY;

    for (uint8_t i = 0; i < r->in_sync_count; i++)
        if (!leaves(p, r->in_sync[i]) &&
            (best == NOBODY ||
             p->primaries[place_of(p->m, r->in_sync[i])] < p->primaries[place_of(p->m, best)]))
            best = r->in_sync[i];
    return best;
}

/* One who leaves and can be spared: a learner always, but for the primary who copies to it; of
 * those in sync a backup, where enough stay, or where there is no room for one more. */
static uint64_t to_be_spared(const struct plan *p, const struct row *r)
{
    uint32_t staying = 0;

    for (uint8_t i = 0; i < r->learner_count; i++)
        if (leaves(p, r->learners[i]))
            return r->learners[i];
    for (uint8_t i = 0; i < r->in_sync_count; i++)
        staying += !leaves(p, r->in_sync[i]);
    for (uint8_t i = 0; i < r->in_sync_count; i++)
        if (r->in_sync[i] != r->primary && leaves(p, r->in_sync[i]) &&
            (staying >= p->wanted || r->in_sync_count + r->learner_count == COPIES_MAX))
            return r->in_sync[i];
    return NOBODY;
}

static bool is_handed_over(const struct plan *p, uint32_t partition)
{
    for (uint32_t i = 0; i < p->b->count; i++)
        if (p->b->at[i].partition == partition)
            return true;
    return false;
}

/* A partition that was avoided is tried all the same: there is nothing else to be done with it. */
static bool drain(const struct plan *p, struct command *ret_c)
{
    for (uint32_t i = 0; i < p->m->partitions; i++) {
        const struct row *r = &p->m->rows[i];
        uint64_t member;

        if (r->primary == NOBODY || is_handed_over(p, i))
            continue;
        if ((member = to_be_spared(p, r)) != NOBODY)
            *ret_c = about(p, COMMAND_FORGET, i, member);
        else if (leaves(p, r->primary) && p->b->count < HAND_OVERS_MAX &&
                 (member = staying_heir(p, r)) != NOBODY)
            *ret_c = about(p, COMMAND_MOVE, i, member);
        else
            continue;
        return true;
    }
    return false;
}

static bool somebody_leaves(const struct metadata *m)
{
    for (uint32_t i = 0; i < m->member_count; i++)
        if (m->members[i].leaves)
            return true;
    return false;
}

/* ---- primaries ------------------------------------------------------------------------------ */

/* Who could be handed something by whom: a search that begins at all who have most. */
struct search {
    uint32_t from[CLUSTER_MEMBERS_MAX], via[CLUSTER_MEMBERS_MAX]; /* a member, and a partition */
    bool seen[CLUSTER_MEMBERS_MAX];
    uint32_t queue[CLUSTER_MEMBERS_MAX], first, count;
};

static void reach(struct search *s, uint32_t member, uint32_t from, uint32_t via)
{
    if (s->seen[member])
        return;
    s->seen[member] = true;
    s->from[member] = from;
    s->via[member] = via;
    s->queue[s->count++] = member;
}

static void reach_heirs(const struct plan *p, struct search *s, uint32_t member)
{
    const struct metadata *m = p->m;

    for (uint32_t i = 0; i < m->partitions; i++) {
        const struct row *r = &m->rows[i];

        if (r->primary != m->members[member].incarnation || !is_settled(p, i))
            continue;
        for (uint8_t k = 0; k < r->in_sync_count; k++)
            reach(s, place_of(m, r->in_sync[k]), member, i);
    }
}

static uint32_t most(const struct plan *p, const uint32_t *have)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->m->member_count; i++)
        if (cluster_member_stays(&p->m->members[i]) && have[i] > n)
            n = have[i];
    return n;
}

/* The first of the hand-overs on the way to `member`. */
static void first_of(const struct plan *p, const struct search *s, uint32_t member,
                     struct command *ret_c)
{
    while (s->from[s->from[member]] != s->from[member])
        member = s->from[member];
    *ret_c = about(p, COMMAND_MOVE, s->via[member], p->m->members[member].incarnation);
}

/* Towards the one who has fewest; of equals, who is nearest. */
static bool spread_primaries(const struct plan *p, struct command *ret_c)
{
    struct search s = {0};
    uint32_t top = most(p, p->primaries);
    uint32_t to = 0;

    if (p->b->count == HAND_OVERS_MAX)
        return false;
    for (uint32_t i = 0; i < p->m->member_count; i++)
        if (cluster_member_stays(&p->m->members[i]) && p->primaries[i] == top)
            reach(&s, i, i, 0);
    for (to = s.queue[0]; s.first < s.count;) {
        uint32_t member = s.queue[s.first++];

        if (p->primaries[member] < p->primaries[to])
            to = member;
        reach_heirs(p, &s, member);
    }
    if (p->primaries[to] + 2 > top)
        return false;
    first_of(p, &s, to, ret_c);
    return true;
}

/* ---- copies --------------------------------------------------------------------------------- */

static uint32_t emptiest(const struct plan *p)
{
    const struct metadata *m = p->m;
    uint32_t best = m->member_count;

    for (uint32_t i = 0; i < m->member_count; i++)
        if (cluster_member_stays(&m->members[i]) &&
            (best == m->member_count || p->copies[i] < p->copies[best]))
            best = i;
    return best;
}

/* Has one who has `top` copies this one, as a backup or as its primary? */
static bool is_at_full(const struct plan *p, const struct row *r, uint32_t top, bool as_backup)
{
    for (uint8_t i = 0; i < r->in_sync_count; i++)
        if (p->copies[place_of(p->m, r->in_sync[i])] == top &&
            (r->in_sync[i] != r->primary) == as_backup)
            return true;
    return false;
}

/* Of a backup rather, which goes without a hand-over. */
static bool spread_copies(const struct plan *p, struct command *ret_c)
{
    const struct metadata *m = p->m;
    uint32_t to = emptiest(p), top = most(p, p->copies);

    if (p->copies[to] + 2 > top || p->spare == BALANCE_COPIES_MAX || p->wanted == COPIES_MAX)
        return false;
    for (int as_backup = 1; as_backup >= 0; as_backup--)
        for (uint32_t i = 0; i < m->partitions; i++)
            if (is_settled(p, i) && !row_in_sync(&m->rows[i], m->members[to].incarnation) &&
                is_at_full(p, &m->rows[i], top, as_backup)) {
                *ret_c = about(p, COMMAND_LEARN, i, m->members[to].incarnation);
                return true;
            }
    return false;
}

bool balance_plan(const struct balance *b, const struct metadata *m, uint32_t copies,
                  uint64_t now_ms, struct command *ret_c)
{
    static const struct balance none;
    struct plan p = {.m = m, .b = b ? b : &none, .now_ms = now_ms};

    look(&p, m, copies);
    if (somebody_leaves(m))
        return drain(&p, ret_c);
    if (!look_for_spare(&p))
        return false;
    if (p.has_step)
        *ret_c = p.step;
    return p.has_step || spread_primaries(&p, ret_c) || spread_copies(&p, ret_c);
}

/* ---- what is under way ---------------------------------------------------------------------- */

static void avoid(struct balance *b, uint32_t partition, uint64_t now_ms)
{
    b->avoided[b->avoided_next].partition = partition;
    b->avoided[b->avoided_next].until_ms = b->avoided_until_ms = now_ms + BALANCE_AVOIDS_MS;
    b->avoided_next = (b->avoided_next + 1) % BALANCE_AVOIDED_MAX;
}

/* A row of another epoch has decided. */
static void settle(struct balance *b, const struct metadata *m, uint64_t now_ms)
{
    for (uint32_t i = b->count; i-- > 0;) {
        const struct hand_over *h = &b->at[i];
        const struct row *r = &m->rows[h->partition];

        if (r->epoch == h->epoch)
            continue;
        if (r->primary == h->to) {
            b->handed_over++;
        } else {
            b->called_off++;
            b->rests_until_ms = now_ms + BALANCE_RESTS_MS;
            avoid(b, h->partition, now_ms);
        }
        b->at[i] = b->at[--b->count];
    }
}

/* What has waited long is asked for again, or called off. */
static bool go_on(struct balance *b, const struct metadata *m, uint64_t now_ms,
                  struct command *ret_c)
{
    for (uint32_t i = 0; i < b->count; i++) {
        struct hand_over *h = &b->at[i];
        bool ends = now_ms >= h->began_ms + HAND_OVER_ENDS_MS;

        if (now_ms < h->asked_ms + HAND_OVER_AGAIN_MS)
            continue;
        h->asked_ms = now_ms;
        *ret_c = (struct command){.kind = COMMAND_MOVE,
                                  .member = ends ? m->rows[h->partition].primary : h->to,
                                  .partition = h->partition,
                                  .epoch = h->epoch,
                                  .primary = m->rows[h->partition].primary};
        return true;
    }
    return false;
}

bool balance_next(struct balance *b, const struct metadata *m, uint32_t copies, uint64_t now_ms,
                  struct command *ret_c)
{
    settle(b, m, now_ms);
    if (go_on(b, m, now_ms, ret_c))
        return true;
    if (now_ms < b->rests_until_ms && !somebody_leaves(m))
        return false;
    if (!balance_plan(b, m, copies, now_ms, ret_c))
        return false;
    if (ret_c->kind == COMMAND_MOVE)
        b->at[b->count++] =
            (struct hand_over){ret_c->partition, ret_c->epoch, ret_c->member, now_ms, now_ms};
    return true;
}
