#include "tests/sim/copies.h"

static struct known *known_of(uint64_t number)
{
    for (int i = 0; i < SLOTS; i++)
        if (number != 0 && s->known[i].number == number)
            return &s->known[i];
    return NULL;
}

bool is_admitted(uint64_t number)
{
    const struct cluster_member *m = metadata_member(&s->metadata, number);

    return m && m->in;
}

const struct row *row_now(void)
{
    return &s->metadata.rows[0];
}

static void note_command(const struct command *c)
{
    static const char *const names[] = {
        [COMMAND_ADMIT] = "admit",   [COMMAND_EXPEL] = "expel", [COMMAND_LEARN] = "learn",
        [COMMAND_FORGET] = "forget", [COMMAND_ADD] = "add",     [COMMAND_SHRINK] = "shrink",
        [COMMAND_MOVE] = "move to"};
    const struct row *r = row_now();

    world_note(&s->w, "%llu: %s m%llu: epoch %llu, primary m%llu, %u in sync, %u learn",
               (unsigned long long)s->metadata.index, names[c->kind], (unsigned long long)c->member,
               (unsigned long long)r->epoch, (unsigned long long)r->primary, r->in_sync_count,
               r->learner_count);
}

static struct control *control_next(int kind)
{
    must(s->controls < CONTROL_MAX, "more commands than are expected");
    struct control *at = &s->control[++s->controls];

    at->kind = kind;
    return at;
}

/* Puts a command into the log, where it takes effect at once; the members see it later. */
static mr_rc_t command(struct command c)
{
    struct control *at = control_next(CONTROL_COMMAND);
    mr_rc_t rc = metadata_apply(&s->metadata, &c);

    metadata_check(&s->metadata);
    at->command = c;
    at->row = *row_now();
    note_command(&c);
    return rc;
}

uint64_t register_opens(void)
{
    (void)control_next(CONTROL_OPEN);
    return s->controls;
}

/* As if nobody had kept it alive. Who uses it is not told. */
static void expire(uint64_t session)
{
    if (session == 0 || s->control[session].expired_by != 0)
        return;
    (void)control_next(CONTROL_EXPIRE);
    s->control[session].expired_by = s->controls;
    s->expired++;
    world_note(&s->w, "session %llu expires", (unsigned long long)session);
}

bool session_is_open(uint64_t session, uint64_t control)
{
    const struct control *at = &s->control[session];

    return session <= control && (at->expired_by == 0 || at->expired_by > control);
}

void register_expels(uint64_t number)
{
    (void)!command((struct command){.kind = COMMAND_EXPEL, .member = number});
}

static void repair(void)
{
    struct command c;

    if (metadata_repair(&s->metadata, s->copies, &c))
        (void)!command(c);
}

/* An addition that cannot be is answered, if that is certain: if the epoch is another, it may be
 * an older question that was answered, and the next row tells. */
static void add(const struct message *m)
{
    struct process *p = find_process(m->from);
    struct command c = {.kind = COMMAND_ADD,
                        .member = m->about.member,
                        .epoch = m->about.epoch,
                        .primary = m->from};

    mr_rc_t rc = command(c);

    if (rc == MR_OK && known_of(c.member))
        known_of(c.member)->added_epoch = row_now()->epoch;
    if (rc == MR_NOT_EQUAL && row_now()->epoch == m->about.epoch && p && !p->cut)
        replica_add_refused(&p->replica, m->about.member, m->about.epoch);
}

/* Who has kept up and was added since has done nothing. */
static void shrink(const struct message *m)
{
    const struct known *k = known_of(m->about.member);
    mr_rc_t rc = command((struct command){.kind = COMMAND_SHRINK,
                                          .member = m->about.member,
                                          .epoch = m->about.epoch,
                                          .primary = m->from});

    if (rc != MR_OK)
        return;
    s->shrunk++;
    must(!k || m->about.epoch >= k->added_epoch, "m%llu is taken out by what was said before",
         (unsigned long long)m->about.member);
}

/* A primary that is still there is to be replaced. Nothing is granted to it from now on. */
static void move_primary(void)
{
    const struct row *now = row_now();
    const struct known *k = known_of(now->primary);

    if (s->moving_until_ns == 0 && k && now->in_sync_count > 1 &&
        one_in(&s->w, s->quiet ? 0 : s->move_in)) {
        s->moving_until_ns = k->granted_until_ns + 1;
        s->moving_reign = now->reign;
    }
    if (now->reign != s->moving_reign)
        s->moving_until_ns = 0;
    if (s->moving_until_ns == 0 || now_ns() < s->moving_until_ns)
        return;
    s->moving_until_ns = 0;
    (void)!command((struct command){.kind = COMMAND_MOVE,
                                    .member = now->in_sync[any_below(&s->w, now->in_sync_count)],
                                    .epoch = now->epoch});
}

/* One who is in sync, or neither in sync nor learning; not the primary. NOBODY: there is none. */
static uint64_t any_member(bool in_sync)
{
    const struct row *r = row_now();
    uint64_t n = s->at[any_below(&s->w, SLOTS)].number;

    return is_admitted(n) && n != r->primary && !row_learns(r, n) && row_in_sync(r, n) == in_sync
               ? n
               : NOBODY;
}

/* The leader asks for it, whether or not it has asked before. */
static void hand_over(void)
{
    const struct row *now = row_now();
    uint64_t heir = any_member(true);

    if (heir == NOBODY || now->primary == NOBODY || !one_in(&s->w, s->quiet ? 0 : s->hand_over_in))
        return;
    struct message *m = message_new(HAND_OVER, 0, now->primary);

    m->about.member = heir;
    m->about.epoch = now->epoch;
    message_send(m);
}

/* There is a copy more than are wanted, for a while: one learns who takes another's place. */
static void balance(void)
{
    const struct row *now = row_now();
    bool too_many = now->in_sync_count > s->copies;
    uint64_t member = NOBODY;

    if (now->primary == NOBODY || now->learner_count > 0)
        return;
    if (too_many || one_in(&s->w, s->quiet ? 0 : s->learn_in))
        member = any_member(too_many);
    if (member != NOBODY)
        (void)!command((struct command){.kind = too_many ? COMMAND_FORGET : COMMAND_LEARN,
                                        .member = member,
                                        .epoch = now->epoch});
}

/* What a primary says, that it is ready, or that nothing came of it: the same command. Who has
 * handed over is sometimes not wanted any more, at once. */
static void on_hand_over(const struct message *m)
{
    uint64_t before = row_now()->primary;
    struct command c = {.kind = COMMAND_MOVE,
                        .member = m->about.member,
                        .epoch = m->about.epoch,
                        .primary = m->from};

    if (command(c) != MR_OK)
        return;
    if (row_now()->primary == before) {
        s->called_off++;
        return;
    }
    s->handed_over++;
    if (one_in(&s->w, 2))
        (void)!command(
            (struct command){.kind = COMMAND_FORGET, .member = m->from, .epoch = row_now()->epoch});
}

/* No lease before it has applied what took a role from it. */
static bool may_be_granted(const struct message *m)
{
    const struct cluster_member *x = metadata_member(&s->metadata, m->from);

    if (s->moving_until_ns != 0 && row_now()->primary == m->from)
        return false;
    return m->beat.index >= x->taken || MUTANT(GRANT_BEFORE_APPLIED);
}

static void beat(const struct message *m)
{
    struct known *k = known_of(m->from);

    if (!k)
        return;
    k->heard_ns = now_ns();
    if (!is_admitted(m->from))
        (void)!command((struct command){.kind = COMMAND_ADMIT, .member = m->from});
    if (!may_be_granted(m))
        return;
    struct message *g = message_new(GRANT, 0, m->from);

    g->grant.until_ns = m->beat.sent_ns + LEASE_MS * MS;
    k->granted_until_ns = g->grant.until_ns;
    message_send(g);
}

void register_takes(const struct message *m)
{
    if (m->kind == BEAT)
        beat(m);
    else if (m->kind == ADD)
        add(m);
    else if (m->kind == SHRINK)
        shrink(m);
    else
        on_hand_over(m);
}

void register_ticks(void *context)
{
    (void)context;
    for (int i = 0; i < SLOTS; i++) {
        const struct known *k = &s->known[i];

        if (is_admitted(k->number) && now_ns() > k->heard_ns + FAIL_MS * MS)
            register_expels(k->number);
    }
    if (one_in(&s->w, s->quiet ? 0 : s->expire_in))
        expire(s->links[any_below(&s->w, LINKS)].session);
    move_primary();
    hand_over();
    balance();
    repair();
    world_after(&s->w, 20 * MS, register_ticks, NULL);
}
