#include "grid/cluster/metadata.h"

#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"
#include "net/base/mem.h"

/* ---- members -------------------------------------------------------------------------------- */

static struct cluster_member *find(const struct metadata *m, uint64_t incarnation)
{
    for (uint32_t i = 0; i < m->member_count; i++)
        if (m->members[i].incarnation == incarnation)
            return (struct cluster_member *)&m->members[i];
    return NULL;
}

const struct cluster_member *metadata_member(const struct metadata *m, uint64_t incarnation)
{
    return find(m, incarnation);
}

static bool is_in(const struct metadata *m, uint64_t incarnation)
{
    const struct cluster_member *x = find(m, incarnation);

    return x && x->in;
}

uint32_t metadata_staying(const struct metadata *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->member_count; i++)
        n += cluster_member_stays(&m->members[i]);
    return n;
}

/* Somebody has to have what there is: of those who wanted to leave, who was first. */
static void have_one_stay(struct metadata *m)
{
    struct cluster_member *first = NULL;

    if (metadata_staying(m) > 0)
        return;
    for (uint32_t i = 0; i < m->member_count; i++) {
        struct cluster_member *x = &m->members[i];

        if (x->in && (!first || x->joined < first->joined))
            first = x;
    }
    if (first)
        first->leaves = false;
}

/* Nobody has to remember one who is out and holds nothing. */
static void forget_members(struct metadata *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->member_count; i++)
        if (m->members[i].in || m->members[i].copies > 0)
            m->members[n++] = m->members[i];
    m->member_count = n;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void take_out(uint64_t *members, uint8_t *count, uint64_t member)
{
    for (uint8_t i = 0; i < *count; i++)
        if (members[i] == member) {
            members[i] = members[--*count];
            members[*count] = NOBODY;
            return;
        }
}

/* Another reign. Whoever loses the role may serve no reads from a lease granted for it; where he
 * has given it up himself, he does not, and goes on with his lease elsewhere. */
static void reign(struct metadata *m, struct row *r, uint64_t primary, bool given_up)
{
    struct cluster_member *old = find(m, r->primary), *new = find(m, primary);

    if (old) {
        old->primaries--;
        old->taken = given_up ? old->taken : m->index;
    }
    if (new)
        new->primaries++;
    r->primary = primary;
    r->reign = r->epoch;
}

static bool is_better_heir(const struct cluster_member *x, const struct cluster_member *y)
{
    return !y || (x->leaves == y->leaves ? x->primaries < y->primaries : y->leaves);
}

/* Who is in sync, rather stays, and has the fewest partitions to serve; of equals the first. */
static uint64_t successor(const struct metadata *m, const struct row *r)
{
    const struct cluster_member *best = NULL;

    for (uint8_t i = 0; i < r->in_sync_count; i++) {
        const struct cluster_member *x = find(m, r->in_sync[i]);

        if (x && x->in && is_better_heir(x, best))
            best = x;
    }
    return best ? best->incarnation : NOBODY;
}

static void leave_row(struct metadata *m, struct row *r, uint64_t member)
{
    struct cluster_member *x = find(m, member);

    if (row_learns(r, member)) {
        r->epoch++;
        take_out(r->learners, &r->learner_count, member);
        x->copies--;
    } else if (r->primary != NOBODY && row_in_sync(r, member)) {
        r->epoch++;
        if (r->in_sync_count == 1) {
            reign(m, r, NOBODY, false); /* it stays as its holder */
            return;
        }
        take_out(r->in_sync, &r->in_sync_count, member);
        x->copies--;
        if (r->primary == member)
            reign(m, r, successor(m, r), false);
    }
}

/* ---- sessions ------------------------------------------------------------------------------- */

uint64_t metadata_session(const struct metadata *m, uint64_t client_high, uint64_t client_low)
{
    for (uint32_t i = 0; i < m->session_count; i++)
        if (m->sessions[i].client_high == client_high && m->sessions[i].client_low == client_low)
            return m->sessions[i].number;
    return 0;
}

static mr_rc_t open_session(struct metadata *m, const struct command *c)
{
    if (metadata_session(m, c->cluster_high, c->cluster_low) != 0)
        return MR_EXISTS;
    if (m->session_count == CLUSTER_SESSIONS_MAX)
        return MR_ERR_FULL;
    m->sessions[m->session_count++] =
        (struct cluster_session){m->index, c->cluster_high, c->cluster_low};
    return MR_OK;
}

static mr_rc_t expire(struct metadata *m, const struct command *c)
{
    uint32_t i = 0;

    while (i < m->session_count && m->sessions[i].number != c->epoch)
        i++;
    if (i == m->session_count)
        return MR_EXISTS;
    m->session_count--;
    memmove(m->sessions + i, m->sessions + i + 1, (m->session_count - i) * sizeof *m->sessions);
    return MR_OK;
}

/* ---- commands ------------------------------------------------------------------------------- */

static void begin(struct metadata *m, uint64_t founder)
{
    m->member_count = 1;
    m->members[0] = (struct cluster_member){.incarnation = founder,
                                            .in = true,
                                            .joined = 1,
                                            .primaries = m->partitions,
                                            .copies = m->partitions};
    for (uint32_t i = 0; i < m->partitions; i++)
        m->rows[i] = (struct row){
            .epoch = 1, .reign = 1, .primary = founder, .in_sync = {founder}, .in_sync_count = 1};
}

static mr_rc_t found(struct metadata *m, const struct command *c)
{
    if (m->member_count > 0)
        return MR_EXISTS;
    begin(m, c->member);
    m->members[0].card = c->card;
    m->cluster_high = c->cluster_high;
    m->cluster_low = c->cluster_low;
    return MR_OK;
}

static mr_rc_t admit(struct metadata *m, const struct command *c)
{
    struct cluster_member *x = find(m, c->member);

    if (x && x->in)
        return MR_EXISTS;
    if (!x) {
        if (m->member_count == CLUSTER_MEMBERS_MAX)
            return MR_ERR_FULL;
        x = &m->members[m->member_count++];
        *x = (struct cluster_member){.incarnation = c->member};
    }
    x->in = true;
    x->leaves = false;
    x->card = c->card;
    x->taken = x->joined = m->index; /* it may not have heard yet that it was expelled */
    for (uint32_t i = 0; i < m->partitions; i++) {
        struct row *r = &m->rows[i];

        if (r->primary != NOBODY || !row_in_sync(r, c->member))
            continue;
        r->epoch++;
        reign(m, r, c->member, false);
    }
    return MR_OK;
}

static mr_rc_t expel(struct metadata *m, const struct command *c)
{
    struct cluster_member *x = find(m, c->member);

    if (!x || !x->in)
        return MR_EXISTS;
    x->in = x->leaves = false;
    x->taken = m->index;
    for (uint32_t i = 0; i < m->partitions; i++)
        leave_row(m, &m->rows[i], c->member);
    forget_members(m);
    have_one_stay(m);
    return MR_OK;
}

static mr_rc_t leave(struct metadata *m, const struct command *c)
{
    struct cluster_member *x = find(m, c->member);

    if (x && x->leaves)
        return MR_EXISTS;
    if (!x || !x->in || metadata_staying(m) == 1)
        return MR_NOT_EQUAL;
    x->leaves = true;
    return MR_OK;
}

static mr_rc_t learn(struct metadata *m, const struct command *c, struct row *r)
{
    if (!is_in(m, c->member) || row_in_sync(r, c->member) || row_learns(r, c->member) ||
        r->primary == NOBODY || r->in_sync_count + r->learner_count >= COPIES_MAX)
        return MR_NOT_EQUAL;
    r->epoch++;
    r->learners[r->learner_count++] = c->member;
    find(m, c->member)->copies++;
    return MR_OK;
}

/* Of one who is in sync others must be left, so that nothing is lost with it. */
static mr_rc_t forget(struct metadata *m, const struct command *c, struct row *r)
{
    bool is_spare = r->primary != NOBODY && r->primary != c->member && row_in_sync(r, c->member);

    if (!row_learns(r, c->member) && !is_spare)
        return MR_NOT_EQUAL;
    leave_row(m, r, c->member);
    return MR_OK;
}

static mr_rc_t add(struct metadata *m, const struct command *c, struct row *r)
{
    (void)m;
    if (r->primary == NOBODY || r->primary != c->primary || !row_learns(r, c->member))
        return MR_NOT_EQUAL;
    r->epoch++;
    take_out(r->learners, &r->learner_count, c->member);
    r->in_sync[r->in_sync_count++] = c->member;
    return MR_OK;
}

/* Who was in sync only learns. */
static void demote(struct row *r, uint64_t member)
{
    take_out(r->in_sync, &r->in_sync_count, member);
    r->learners[r->learner_count++] = member;
}

static mr_rc_t shrink(struct metadata *m, const struct command *c, struct row *r)
{
    (void)m;
    if (r->primary == NOBODY || r->primary != c->primary || c->member == r->primary ||
        !row_in_sync(r, c->member))
        return MR_NOT_EQUAL;
    r->epoch++;
    demote(r, c->member);
    return MR_OK;
}

/* One that stays gets a new epoch all the same: what it has said before, that it is ready to hand
 * over, then comes too late for good. One that did not hand over itself may have done what is not
 * committed, which nobody can undo (grid/op/early.h). */
static mr_rc_t move(struct metadata *m, const struct command *c, struct row *r)
{
    uint64_t old = r->primary;
    bool handed_over = c->primary != NOBODY;

    if (old == NOBODY || !row_in_sync(r, c->member) || (handed_over && c->primary != old))
        return MR_NOT_EQUAL;
    if (old == c->member && MUTANT(CALL_OFF_KEEPS_EPOCH))
        return MR_OK;
    r->epoch++;
    if (old == c->member)
        return MR_OK;
    reign(m, r, c->member, handed_over);
    if (!handed_over)
        demote(r, old);
    return MR_OK;
}

static bool is_old_but_taken(const struct command *c)
{
    return (MUTANT(READY_OF_OLD_EPOCH) && c->kind == COMMAND_MOVE) ||
           (MUTANT(SHRINK_OF_OLD_EPOCH) && c->kind == COMMAND_SHRINK);
}

static mr_rc_t change_row(struct metadata *m, const struct command *c)
{
    struct row *r = c->partition < m->partitions ? &m->rows[c->partition] : NULL;

    if (!r || (r->epoch != c->epoch && !is_old_but_taken(c)))
        return MR_NOT_EQUAL;
    switch (c->kind) {
    case COMMAND_LEARN: return learn(m, c, r);
    case COMMAND_FORGET: return forget(m, c, r);
    case COMMAND_ADD: return add(m, c, r);
    case COMMAND_SHRINK: return shrink(m, c, r);
    case COMMAND_MOVE: return move(m, c, r);
    default: return MR_NOT_EQUAL;
    }
}

mr_rc_t metadata_apply(struct metadata *m, const struct command *c)
{
    m->index++;
    switch (c->kind) {
    case COMMAND_FOUND: return found(m, c);
    case COMMAND_ADMIT: return admit(m, c);
    case COMMAND_EXPEL: return expel(m, c);
    case COMMAND_DUO:
    case COMMAND_ATTACH:
    case COMMAND_DUO_END: return MR_OK;
    case COMMAND_OPEN: return open_session(m, c);
    case COMMAND_EXPIRE: return expire(m, c);
    case COMMAND_LEAVE: return leave(m, c);
    default: return change_row(m, c);
    }
}

mr_rc_t metadata_apply_at(struct metadata *m, uint64_t index, const struct command *c)
{
    check(index > m->index);
    m->index = index - 1;
    return metadata_apply(m, c);
}

/* ---- what is missing ------------------------------------------------------------------------ */

/* Who could have one more copy, and has the fewest. */
static const struct cluster_member *host_for(const struct metadata *m, const struct row *r)
{
    const struct cluster_member *best = NULL;

    for (uint32_t i = 0; i < m->member_count; i++) {
        const struct cluster_member *x = &m->members[i];

        if (cluster_member_stays(x) && !row_in_sync(r, x->incarnation) &&
            !row_learns(r, x->incarnation) && (!best || x->copies < best->copies))
            best = x;
    }
    return best;
}

uint32_t metadata_copies_staying(const struct metadata *m, const struct row *r)
{
    uint32_t n = 0;

    for (uint8_t i = 0; i < r->in_sync_count; i++)
        n += cluster_member_stays(find(m, r->in_sync[i]));
    for (uint8_t i = 0; i < r->learner_count; i++)
        n += cluster_member_stays(find(m, r->learners[i]));
    return n;
}

/* Its primary leaves, and another in sync does not. */
static bool is_handed_over_first(const struct metadata *m, const struct row *r)
{
    bool heir = false;

    for (uint8_t i = 0; i < r->in_sync_count; i++)
        heir |= cluster_member_stays(find(m, r->in_sync[i]));
    return heir && find(m, r->primary)->leaves;
}

bool metadata_repair(const struct metadata *m, uint32_t copies, struct command *ret_c)
{
    const struct cluster_member *host = NULL;
    uint32_t fewest = copies;

    for (uint32_t i = 0; i < m->partitions; i++) {
        const struct row *r = &m->rows[i];
        const struct cluster_member *x;
        uint32_t has;

        if (r->primary == NOBODY || r->in_sync_count + r->learner_count == COPIES_MAX ||
            is_handed_over_first(m, r))
            continue;
        if ((has = metadata_copies_staying(m, r)) >= fewest || !(x = host_for(m, r)))
            continue;
        fewest = has;
        host = x;
        *ret_c = (struct command){
            .kind = COMMAND_LEARN, .member = host->incarnation, .partition = i, .epoch = r->epoch};
    }
    return host != NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

mr_rc_t metadata_init(struct metadata *m, uint32_t partitions, uint64_t founder)
{
    *m = (struct metadata){.partitions = partitions};
    if (!(m->rows = mem_alloc_zero(partitions * sizeof m->rows[0])) ||
        !(m->sessions = mem_alloc(CLUSTER_SESSIONS_MAX * sizeof m->sessions[0]))) {
        metadata_free(m);
        return MR_ERR_MEMORY;
    }
    if (founder != NOBODY)
        begin(m, founder);
    return MR_OK;
}

void metadata_free(struct metadata *m)
{
    mem_free(m->rows);
    mem_free(m->sessions);
    m->rows = NULL;
    m->sessions = NULL;
}

static void check_row(const struct metadata *m, const struct row *r)
{
    check(r->in_sync_count > 0 || m->member_count == 0);
    check(r->in_sync_count + r->learner_count <= 2 * COPIES_MAX);
    check(r->reign <= r->epoch);
    check(r->primary == NOBODY || row_in_sync(r, r->primary));
    for (uint8_t i = 0; i < r->in_sync_count; i++) {
        check(is_in(m, r->in_sync[i]) == (r->primary != NOBODY));
        check(!row_learns(r, r->in_sync[i]));
    }
    for (uint8_t i = 0; i < r->learner_count; i++)
        check(is_in(m, r->learners[i]));
}

void metadata_check(const struct metadata *m)
{
    for (uint32_t i = 0; i < m->partitions; i++)
        check_row(m, &m->rows[i]);
    for (uint32_t i = 0; i < m->session_count; i++) {
        check(m->sessions[i].number <= m->index);
        check(i == 0 || m->sessions[i].number > m->sessions[i - 1].number);
    }
    for (uint32_t k = 0; k < m->member_count; k++) {
        uint32_t primaries = 0, copies = 0;

        check(m->members[k].in || !m->members[k].leaves);
        check(!m->members[k].in || metadata_staying(m) > 0);
        uint64_t member = m->members[k].incarnation;

        for (uint32_t i = 0; i < m->partitions; i++) {
            primaries += m->rows[i].primary == member;
            copies += row_in_sync(&m->rows[i], member) || row_learns(&m->rows[i], member);
        }
        check(primaries == m->members[k].primaries);
        check(copies == m->members[k].copies);
    }
}
