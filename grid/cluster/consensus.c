#include "grid/cluster/consensus.h"

#include <stdio.h>
#include <string.h>

#include "grid/cluster/engine.h"
#include "grid/cluster/mutant.h"
#include "net/base/check.h"
#include "net/base/littleend.h"
#include "net/base/mem.h"

enum {
    LAG_MAX = 32,          /* entries that a standby may be behind, to be made a voter */
    PER_CENT_OF_CLOCKS = 2 /* two clocks, one per cent each */
};

/* ---- starting ------------------------------------------------------------------------------- */

static void no_trace(struct raft_tracer *t, int type, const void *info)
{
    (void)t;
    (void)type;
    (void)info;
}

static struct raft_tracer silence = {.version = 2, .emit = no_trace};

static bool open_engine(struct consensus *c)
{
    const struct consensus_options *o = &c->options;
    char address[ADDRESS_MAX];

    memset(&c->raft, 0, sizeof c->raft);
    snprintf(address, sizeof address, "%llu", (unsigned long long)o->id);
    if (raft_init(&c->raft, NULL, NULL, o->id, address) != 0)
        return false;
    c->raft.tracer = &silence;
    raft_seed(&c->raft, (unsigned)rand_next(&c->rand) | 1); /* it does not do so itself */
    raft_set_pre_vote(&c->raft, true);
    raft_set_election_timeout(&c->raft, o->election_ms);
    raft_set_heartbeat_timeout(&c->raft, o->heartbeat_ms);
    raft_set_install_snapshot_timeout(&c->raft, 4 * o->election_ms);
    return true;
}

static bool add_ledger(struct consensus *c, struct engine_batch *b)
{
    for (uint64_t i = c->ledger.first; i <= ledger_last(&c->ledger); i++) {
        const struct ledger_entry *e = ledger_at(&c->ledger, i);

        if (!engine_batch_add(b, e->term, e->kind, e->bytes, e->size))
            return false;
    }
    return true;
}

/* From what the ledger holds. The only voter is leader when this returns. */
static mr_rc_t start(struct consensus *c, uint64_t term, uint64_t vote)
{
    struct raft_event e = {.type = RAFT_START};
    struct raft_snapshot_metadata m = {
        .index = c->ledger.index, .term = c->ledger.term, .configuration_index = c->voters_index};
    struct engine_batch b;

    if (c->started)
        raft_close(&c->raft, NULL);
    c->started = open_engine(c);
    if (!c->started || !engine_batch_open(&b, c->ledger.count))
        return MR_ERR_MEMORY;
    if (!add_ledger(c, &b) || !engine_batch_close(&b) ||
        (m.index > 0 &&
         !engine_read_servers(c->voters.at, (uint32_t)c->voters.size, &m.configuration))) {
        engine_batch_drop(&b);
        return MR_ERR_MEMORY;
    }
    void *bytes = b.count ? b.entries[0].batch : NULL;

    e.start.term = term;
    e.start.voted_for = vote;
    e.start.metadata = m.index > 0 ? &m : NULL;
    e.start.start_index = c->ledger.first;
    e.start.entries = b.count ? b.entries : NULL;
    e.start.n_entries = b.count;
    if (engine_step(c, &e) != 0)
        return MR_ERR_MEMORY; /* it has freed the entries */
    raft_free(bytes);
    raft_free(b.entries);
    return MR_OK;
}

/* The engine anew, with the same log. */
static void start_again(struct consensus *c, uint64_t term, uint64_t vote)
{
    if (start(c, term, vote) != MR_OK)
        engine_break(c);
}

mr_rc_t consensus_new(const struct consensus_options *o, const struct consensus_out *out,
                      void *context, struct consensus **ret_c)
{
    struct consensus *c = mem_alloc_zero(sizeof *c);

    if (!c)
        return MR_ERR_MEMORY;
    check(o->id > 0);
    check(o->heartbeat_ms > 0);
    check(o->election_ms > o->heartbeat_ms);
    c->options = *o;
    c->out = out;
    c->context = context;
    c->state.grows = c->voters.grows = true;
    rand_init(&c->rand, o->seed);
    ledger_init(&c->ledger);
    *ret_c = c;
    return MR_OK;
}

void consensus_free(struct consensus *c)
{
    if (!c)
        return;
    if (c->installed)
        raft_configuration_close(&c->install.configuration);
    if (c->started)
        raft_close(&c->raft, NULL);
    ledger_free(&c->ledger);
    sink_free(&c->state);
    sink_free(&c->voters);
    mem_free(c);
}

/* The entry that makes this one the only voter. */
static mr_rc_t append_itself(struct consensus *c, uint64_t term)
{
    uint8_t b[SERVER_BYTES];

    put_le64(b, c->options.id);
    b[8] = 1;
    return ledger_append(&c->ledger, &(struct ledger_entry){term, LEDGER_VOTERS, sizeof b, b});
}

mr_rc_t consensus_found(struct consensus *c, uint64_t now_ms)
{
    check(!c->started);
    engine_set_now(c, now_ms);
    if (append_itself(c, 1) != MR_OK || start(c, 1, c->options.id) != MR_OK)
        return MR_ERR_MEMORY;
    engine_settle(c);
    return MR_OK;
}

mr_rc_t consensus_join(struct consensus *c, uint64_t now_ms)
{
    check(!c->started);
    engine_set_now(c, now_ms);
    if (start(c, 0, 0) != MR_OK)
        return MR_ERR_MEMORY;
    engine_settle(c);
    return MR_OK;
}

/* ---- time ----------------------------------------------------------------------------------- */

/* libraft lets an only voter lead without a new term, in which another may have led already. */
static void elect_itself(struct consensus *c)
{
    uint64_t term = raft_current_term(&c->raft);

    start_again(c, term + 1, c->options.id);
}

/* The permission to disrupt a leader is for one try: later ones could end somebody's reign who has
 * granted leases meanwhile. */
static void ask_politely(struct consensus *c)
{
    if (c->raft.state != RAFT_CANDIDATE || MUTANT(DISRUPTS_FOR_EVER))
        return;
    if (c->raft.candidate_state.disrupt_leader)
        c->raft.candidate_state.in_pre_vote = true;
    c->raft.candidate_state.disrupt_leader = false;
}

static void time_out(struct consensus *c)
{
    struct raft_event e = {.type = RAFT_TIMEOUT};

    if (!engine_elected(c) && engine_only_voter(c)) {
        elect_itself(c);
        return;
    }
    ask_politely(c);
    c->beat_ms = c->now_ms;
    engine_must_step(c, &e);
    /* A standby does not stand for election, and libraft would let it believe in the last leader
     * for ever, and refuse its vote. */
    if (!c->broken && c->raft.state == RAFT_FOLLOWER && !engine_voter(c, c->options.id))
        c->raft.follower_state.current_leader.id = 0;
}

/* Whom it was to be handed to did not come forward. It may still have asked for votes, which may
 * still arrive: in this term nothing can be granted any more. */
static bool handing_on_failed(const struct consensus *c)
{
    return engine_elected(c) && c->transfer_term == raft_current_term(&c->raft) &&
           raft_transferee(&c->raft) == 0;
}

void consensus_tick(struct consensus *c, uint64_t now_ms)
{
    engine_set_now(c, now_ms);
    if (!c->started || c->broken)
        return;
    if (c->now_ms >= consensus_next_ms(c))
        time_out(c);
    if (!c->broken && handing_on_failed(c))
        start_again(c, raft_current_term(&c->raft), raft_voted_for(&c->raft));
    engine_settle(c);
}

uint64_t consensus_next_ms(const struct consensus *c)
{
    if (!c->started || c->broken)
        return UINT64_MAX;
    return engine_elected(c) ? c->beat_ms + c->options.heartbeat_ms : raft_timeout(&c->raft);
}

/* ---- what the owner wants ------------------------------------------------------------------- */

mr_rc_t consensus_propose(struct consensus *c, uint64_t now_ms, const void *bytes, uint32_t size,
                          uint64_t *ret_index, uint64_t *ret_term)
{
    engine_set_now(c, now_ms);
    if (!c->started || c->broken || !engine_leads(c))
        return MR_ERR_STALE;
    if (size > CONSENSUS_COMMAND_MAX)
        return MR_ERR_TOO_LARGE;
    if (engine_submit(c, RAFT_COMMAND, bytes, size) != 0)
        return MR_ERR_MEMORY;
    *ret_index = ledger_last(&c->ledger);
    *ret_term = raft_current_term(&c->raft);
    engine_settle(c);
    return MR_OK;
}

static bool is_caught_up(const struct consensus *c, uint64_t id)
{
    raft_index held = 0;

    return raft_match_index(&c->raft, id, &held) == 0 &&
           held + LAG_MAX >= ledger_last(&c->ledger) && held > 0;
}

/* libraft's own way to find out, a CATCH_UP, forbids all other changes meanwhile, and does not end
 * while nothing is proposed. */
static mr_rc_t may_change(const struct consensus *c, enum consensus_change change, uint64_t id)
{
    const struct raft_server *s = engine_server(c, id);

    if (!c->started || c->broken || !engine_leads(c))
        return MR_ERR_STALE;
    if (id == 0 || id > NUMBER_MAX)
        return MR_ERR_ARGUMENT;
    if (change == CONSENSUS_ADD && s)
        return MR_EXISTS;
    if (change == CONSENSUS_ADD)
        return c->raft.configuration.n < CONSENSUS_SERVERS_MAX ? MR_OK : MR_ERR_FULL;
    if (!s)
        return change == CONSENSUS_REMOVE ? MR_EXISTS : MR_NOT_FOUND;
    if (change != CONSENSUS_REMOVE && (s->role == RAFT_VOTER) == (change == CONSENSUS_PROMOTE))
        return MR_EXISTS;
    if (change == CONSENSUS_PROMOTE)
        return is_caught_up(c, id) ? MR_OK : MR_ERR_BUSY;
    return id == c->options.id ? MR_ERR_ARGUMENT : MR_OK; /* it hands on, and is removed then */
}

/* The servers as they are to be. Their order stays: libraft goes by it where their number does. */
static bool changed_servers(const struct consensus *c, enum consensus_change change, uint64_t id,
                            struct raft_configuration *ret)
{
    bool good = true;

    raft_configuration_init(ret);
    for (unsigned i = 0; i < c->raft.configuration.n && good; i++) {
        const struct raft_server *s = &c->raft.configuration.servers[i];
        int role = change == CONSENSUS_PROMOTE ? RAFT_VOTER : RAFT_STANDBY;

        if (s->id != id)
            good = engine_add_server(ret, s->id, s->role);
        else if (change != CONSENSUS_REMOVE)
            good = engine_add_server(ret, s->id, role);
    }
    if (change == CONSENSUS_ADD)
        good = good && engine_add_server(ret, id, RAFT_STANDBY);
    if (!good)
        raft_configuration_close(ret);
    return good;
}

mr_rc_t consensus_change(struct consensus *c, uint64_t now_ms, enum consensus_change change,
                         uint64_t id)
{
    struct raft_configuration conf;
    struct raft_buffer encoded;
    int rv;

    engine_set_now(c, now_ms);
    mr_rc_t rc = may_change(c, change, id);

    if (rc != MR_OK)
        return rc;
    if (!changed_servers(c, change, id, &conf))
        return MR_ERR_MEMORY;
    rv = raft_configuration_encode(&conf, &encoded);
    raft_configuration_close(&conf);
    if (rv != 0)
        return MR_ERR_MEMORY;
    rv = engine_submit(c, RAFT_CHANGE, encoded.base, encoded.len);
    raft_free(encoded.base);
    engine_settle(c);
    return rv == 0 ? MR_OK : rv == RAFT_CANTCHANGE ? MR_ERR_BUSY : MR_ERR_MEMORY;
}

mr_rc_t consensus_transfer(struct consensus *c, uint64_t now_ms, uint64_t to)
{
    struct raft_event e = {.type = RAFT_TRANSFER};
    int rv;

    engine_set_now(c, now_ms);
    if (!c->started || c->broken || !engine_leads(c))
        return MR_ERR_STALE;
    if (to == c->options.id || (to != 0 && !engine_voter(c, to)))
        return MR_NOT_FOUND;
    e.transfer.server_id = to;
    if ((rv = engine_step(c, &e)) != 0)
        return rv == RAFT_NOTFOUND ? MR_NOT_FOUND : MR_ERR_MEMORY;
    c->transfer_term = raft_current_term(&c->raft);
    engine_settle(c);
    return MR_OK;
}

/* As if the leader had handed on. */
void consensus_campaign(struct consensus *c, uint64_t now_ms)
{
    uint64_t last = ledger_last(&c->ledger);
    struct raft_campaign m;

    engine_set_now(c, now_ms);
    if (!c->started || c->broken || engine_elected(c) || engine_leader(c) == 0)
        return;
    m = (struct raft_campaign){.term = (int64_t)raft_current_term(&c->raft),
                               .last_index = (int64_t)last,
                               .last_term = (int64_t)ledger_term(&c->ledger, last)};
    (void)!consensus_receive(c, now_ms, engine_leader(c), WIRE_raft_campaign, &m);
}

mr_rc_t consensus_force_single(struct consensus *c, uint64_t now_ms)
{
    uint64_t term = raft_current_term(&c->raft) + 1;

    check(c->started);
    engine_set_now(c, now_ms);
    if (c->broken || append_itself(c, term) != MR_OK)
        return MR_ERR_MEMORY;
    start_again(c, term, c->options.id);
    engine_settle(c);
    return c->broken ? MR_ERR_MEMORY : MR_OK;
}

/* ---- grants --------------------------------------------------------------------------------- */

static uint64_t stamp_of(const struct consensus *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->peer_count; i++)
        if (c->peers[i].id == id && c->peers_term == raft_current_term(&c->raft))
            return c->peers[i].stamp_ms;
    return 0;
}

/* The stamp that as many voters have repeated as make a majority: the median of all, itself
 * included. */
uint64_t consensus_quorum_stamp(const struct consensus *c, uint64_t now_ms)
{
    uint64_t stamps[CONSENSUS_SERVERS_MAX];
    unsigned n = 0;

    if (!c->started || c->broken || !engine_elected(c))
        return 0;
    for (unsigned i = 0; i < c->raft.configuration.n; i++) {
        const struct raft_server *s = &c->raft.configuration.servers[i];
        uint64_t stamp = s->id == c->options.id ? now_ms : stamp_of(c, s->id);
        unsigned at = n;

        if (s->role != RAFT_VOTER)
            continue;
        for (; at > 0 && stamps[at - 1] < stamp; at--)
            stamps[at] = stamps[at - 1];
        stamps[at] = stamp;
        n++;
    }
    return n > 0 ? stamps[n / 2] : 0;
}

bool consensus_may_grant(const struct consensus *c, uint64_t now_ms)
{
    uint64_t stamp = consensus_quorum_stamp(c, now_ms);
    uint64_t for_ms = c->options.election_ms - c->options.election_ms * PER_CENT_OF_CLOCKS / 100;

    return stamp > 0 && engine_leads(c) && c->transfer_term != raft_current_term(&c->raft) &&
           now_ms < stamp + for_ms;
}

/* ---- what is so ----------------------------------------------------------------------------- */

void consensus_look(const struct consensus *c, struct consensus_view *ret)
{
    *ret = (struct consensus_view){.broken = c->broken,
                                   .last = ledger_last(&c->ledger),
                                   .applied = c->applied,
                                   .snapshot = c->ledger.index};
    if (!c->started || c->broken)
        return;
    ret->term = raft_current_term(&c->raft);
    ret->leader = engine_leader(c);
    ret->leader_ms = engine_elected(c) ? c->now_ms : c->heard.at_ms;
    ret->elected = engine_elected(c);
    ret->leads = engine_leads(c);
    ret->changing = c->raft.configuration_uncommitted_index != 0;
    ret->committed = engine_committed(c);
}

uint32_t consensus_servers(const struct consensus *c,
                           struct consensus_server ret[CONSENSUS_SERVERS_MAX])
{
    if (!c->started || c->broken)
        return 0;
    for (unsigned i = 0; i < c->raft.configuration.n; i++) {
        const struct raft_server *s = &c->raft.configuration.servers[i];
        raft_index held = 0;

        if (engine_elected(c))
            (void)raft_match_index(&c->raft, s->id, &held);
        ret[i] = (struct consensus_server){s->id, s->role == RAFT_VOTER, held};
    }
    return c->raft.configuration.n;
}

/* NULL: there are too many that are none any more. */
struct peer *engine_peer(struct consensus *c, uint64_t id)
{
    uint32_t i = 0;

    if (c->peers_term != raft_current_term(&c->raft)) {
        c->peers_term = raft_current_term(&c->raft);
        c->peer_count = 0;
    }
    while (i < c->peer_count && c->peers[i].id != id)
        i++;
    if (i == CONSENSUS_SERVERS_MAX)
        return NULL;
    if (i == c->peer_count)
        c->peers[c->peer_count++] = (struct peer){.id = id};
    return &c->peers[i];
}

/* ---- invariants ----------------------------------------------------------------------------- */

/* The servers are those of the last change that is in the log, agreed or not. */
static void check_servers(const struct consensus *c)
{
    struct raft_configuration said;
    uint64_t index = ledger_last(&c->ledger);

    while (index > c->ledger.index && ledger_at(&c->ledger, index)->kind != LEDGER_VOTERS)
        index--;
    const struct ledger_entry *e = index > c->ledger.index ? ledger_at(&c->ledger, index) : NULL;

    if (!e && c->ledger.index == 0)
        return; /* it has not been told yet */
    check(e ? engine_read_servers(e->bytes, e->size, &said)
            : engine_read_servers(c->voters.at, (uint32_t)c->voters.size, &said));
    check(said.n == c->raft.configuration.n);
    for (unsigned i = 0; i < said.n; i++) {
        check(said.servers[i].id == c->raft.configuration.servers[i].id);
        check(said.servers[i].role == c->raft.configuration.servers[i].role);
    }
    raft_configuration_close(&said);
}

void consensus_check(const struct consensus *c)
{
    ledger_check(&c->ledger);
    if (!c->started || c->broken)
        return;
    check_servers(c);
    check(c->applied <= ledger_last(&c->ledger));
    check(c->ledger.index <= c->applied);
    check(raft_last_index((struct raft *)&c->raft) == ledger_last(&c->ledger));
    check(c->raft.last_stored == ledger_last(&c->ledger));
    check(c->raft.configuration_committed_index <= c->applied);
    check(c->raft.configuration_uncommitted_index <= ledger_last(&c->ledger));
    check(!c->raft.snapshot.installing);
    check(c->stored == 0);
}
