/* consensus_receive.c - what of consensus.h takes messages: nothing goes into libraft that it could
 * not stand, or that no right member says. */
#include <stdio.h>
#include <string.h>

#include "grid/cluster/engine.h"
#include "grid/cluster/mutant.h"

enum { ENTRIES_MAX = 64 }; /* of an append; libraft sends 32 at most */

/* ---- what is received ----------------------------------------------------------------------- */

static bool is_number(int64_t v)
{
    return v >= 0 && v <= NUMBER_MAX;
}

/* An entry's index and term; both are 0 before the first one. */
static bool is_place(int64_t index, int64_t term, int64_t term_max)
{
    return is_number(index) && is_number(term) && (index == 0) == (term == 0) && term <= term_max;
}

/* No leader has another entry where this one knows what is committed. One of an older term may, and
 * is to hear of the new one. */
static bool agrees(const struct consensus *c, int64_t leaders_term, uint64_t index, uint64_t term)
{
    uint64_t own = ledger_term(&c->ledger, index);

    return own == 0 || own == term || index > engine_committed(c) ||
           (uint64_t)leaders_term < raft_current_term(&c->raft);
}

static bool is_servers(const struct wire_bytes *b)
{
    struct raft_configuration conf;

    if (!engine_read_servers(b->at, b->size, &conf))
        return false;
    raft_configuration_close(&conf);
    return true;
}

static bool is_sound_entry(const wire_raft_entry *e, uint64_t index, uint32_t of)
{
    bool alone = of == 1 || MUTANT(CHANGE_IN_BATCH);

    if (e->bytes.size > CONSENSUS_COMMAND_MAX || (index == 1 && e->kind != LEDGER_VOTERS))
        return false;
    if (e->kind == LEDGER_VOTERS)
        return alone && is_servers(&e->bytes);
    return e->kind == LEDGER_COMMAND || e->kind == LEDGER_BARRIER;
}

static bool is_sound_append(const struct consensus *c, const struct raft_append *m)
{
    struct wire_list list = m->entries;
    uint64_t index = (uint64_t)m->previous_index;
    int64_t term = m->previous_term;
    wire_raft_entry e;

    if (!is_place(m->previous_index, m->previous_term, m->term) || !is_number(m->commit) ||
        !is_number(m->stamp) || list.count > ENTRIES_MAX ||
        !agrees(c, m->term, index, (uint64_t)term))
        return false;
    while (wire_next(&list, WIRE_raft_entries, &e, NULL)) {
        index++;
        if (e.term < term || e.term == 0 || e.term > m->term ||
            !agrees(c, m->term, index, (uint64_t)e.term) ||
            !is_sound_entry(&e, index, m->entries.count))
            return false;
        term = e.term;
    }
    return true;
}

static struct raft_message message_from(enum raft_message_type type, uint64_t from, char *address)
{
    snprintf(address, ADDRESS_MAX, "%llu", (unsigned long long)from);
    return (struct raft_message){.type = type, .server_id = from, .server_address = address};
}

static void take(struct consensus *c, struct raft_message *m)
{
    struct raft_event e = {.type = RAFT_RECEIVE};

    e.receive.message = m;
    engine_must_step(c, &e);
}

/* To who leads no more libraft answers with an index that it has not set. */
static void take_from_leader(struct consensus *c, struct raft_message *m, int64_t term)
{
    c->leads_no_more = (uint64_t)term < raft_current_term(&c->raft);
    take(c, m);
    c->leads_no_more = false;
}

/* Who hears a leader resets his election timer, whatever he makes of the entries. */
static void hear(struct consensus *c, uint64_t from, int64_t term, int64_t stamp)
{
    struct heard *h = &c->heard;

    if ((uint64_t)term < raft_current_term(&c->raft))
        return;
    if (h->term != (uint64_t)term || h->from != from)
        *h = (struct heard){.term = (uint64_t)term, .from = from};
    h->at_ms = c->now_ms;
    if ((uint64_t)stamp > h->stamp)
        h->stamp = (uint64_t)stamp;
}

/* The entries that are not in the snapshot. libraft would append those at the end of its log. */
static bool batch_of(const struct consensus *c, struct raft_append *m, struct engine_batch *ret_b)
{
    uint64_t index = (uint64_t)m->previous_index;
    struct wire_list list = m->entries;
    wire_raft_entry e;

    if (!engine_batch_open(ret_b, list.count))
        return false;
    while (wire_next(&list, WIRE_raft_entries, &e, NULL))
        if (++index > c->ledger.index &&
            !engine_batch_add(ret_b, (uint64_t)e.term, (enum ledger_kind)e.kind, e.bytes.at,
                              e.bytes.size))
            return false;
    if ((uint64_t)m->previous_index < c->ledger.index) {
        m->previous_index = (int64_t)c->ledger.index;
        m->previous_term = (int64_t)c->ledger.term;
    }
    return engine_batch_close(ret_b);
}

static void take_entries(struct consensus *c, uint64_t from, const struct raft_append *m,
                         const struct engine_batch *b)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_APPEND_ENTRIES, from, address);

    r.append_entries.term = (uint64_t)m->term;
    r.append_entries.prev_log_index = (uint64_t)m->previous_index;
    r.append_entries.prev_log_term = (uint64_t)m->previous_term;
    r.append_entries.leader_commit = (uint64_t)m->commit;
    r.append_entries.entries = b ? b->entries : NULL;
    r.append_entries.n_entries = b ? b->count : 0;
    take_from_leader(c, &r, m->term);
}

static mr_rc_t on_append(struct consensus *c, uint64_t from, const struct raft_append *m)
{
    struct raft_append own = *m;
    struct engine_batch b;

    if (!is_sound_append(c, m) ||
        (engine_elected(c) && (uint64_t)m->term == raft_current_term(&c->raft)))
        return MR_ERR_MALFORMED;
    hear(c, from, m->term, m->stamp);
    if (!batch_of(c, &own, &b)) {
        engine_batch_drop(&b);
        return MR_ERR_MEMORY;
    }
    /* What the message says to be committed, first: libraft knows of one change of servers that is
     * not agreed yet, and if another comes before it hears that the first one is, would return to
     * what was before both if the second one is dropped. */
    if (b.count > 0 && b.entries[0].type == RAFT_CHANGE) {
        take_entries(c, from, &own, NULL);
        engine_settle(c);
    }
    if (!c->broken) {
        take_entries(c, from, &own, &b);
    } else if (b.count > 0) {
        raft_free(b.entries[0].batch);
    }
    raft_free(b.entries);
    return MR_OK;
}

static bool is_sound_install(const struct consensus *c, const struct raft_install *m)
{
    return is_place(m->last_index, m->last_term, m->term) && m->last_index > 0 &&
           is_number(m->voters_index) && m->voters_index > 0 && m->voters_index <= m->last_index &&
           is_number(m->stamp) && m->state.size <= CONSENSUS_STATE_MAX && is_servers(&m->voters) &&
           agrees(c, m->term, (uint64_t)m->last_index, (uint64_t)m->last_term);
}

static mr_rc_t on_install(struct consensus *c, uint64_t from, const struct raft_install *m)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_INSTALL_SNAPSHOT, from, address);
    struct raft_install_snapshot *s = &r.install_snapshot;

    if (!is_sound_install(c, m) ||
        (engine_elected(c) && (uint64_t)m->term == raft_current_term(&c->raft)))
        return MR_ERR_MALFORMED;
    if (c->raft.snapshot.installing) /* libraft would not free the second one */
        return MR_OK;
    s->term = (uint64_t)m->term;
    s->last_index = (uint64_t)m->last_index;
    s->last_term = (uint64_t)m->last_term;
    s->conf_index = (uint64_t)m->voters_index;
    s->data = (struct raft_buffer){raft_malloc(m->state.size + 1), m->state.size};
    if (!s->data.base || !engine_read_servers(m->voters.at, m->voters.size, &s->conf)) {
        raft_free(s->data.base);
        return MR_ERR_MEMORY;
    }
    if (m->state.size)
        memcpy(s->data.base, m->state.at, m->state.size);
    hear(c, from, m->term, m->stamp);
    take_from_leader(c, &r, m->term);
    return MR_OK;
}

static void note_stamp(struct consensus *c, uint64_t from, uint64_t stamp_ms)
{
    struct peer *p = engine_peer(c, from);

    if (MUTANT(GRANTS_BY_RECEIPT))
        stamp_ms = c->now_ms;
    if (p && stamp_ms > p->stamp_ms)
        p->stamp_ms = stamp_ms;
}

static mr_rc_t on_appended(struct consensus *c, uint64_t from, const struct raft_appended *m)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_APPEND_ENTRIES_RESULT, from, address);
    struct raft_append_entries_result *a = &r.append_entries_result;
    raft_index held;

    if (!is_number(m->rejected) || !is_number(m->last_index) || !is_number(m->echo) ||
        (uint64_t)m->echo > c->now_ms)
        return MR_ERR_MALFORMED;
    if (engine_elected(c) && (uint64_t)m->term == raft_current_term(&c->raft) &&
        engine_server(c, from)) {
        note_stamp(c, from, (uint64_t)m->echo);
        /* A refusal that was overtaken: libraft would send him nothing any more. */
        if (m->rejected > 0 && raft_match_index(&c->raft, from, &held) == 0 &&
            ((uint64_t)m->rejected <= held || (uint64_t)m->last_index < held))
            return MR_OK;
    }
    a->version = 2;
    a->term = (uint64_t)m->term;
    a->rejected = (uint64_t)m->rejected;
    a->last_log_index = (uint64_t)m->last_index;
    a->features = 1; /* tells its capacity */
    a->capacity = UINT16_MAX;
    take(c, &r);
    return MR_OK;
}

/* A server votes whatever it believes itself to be: the entry that makes it a voter may be what it
 * has not got yet, and its vote be the one that is missing. Who asks knows whose votes count.
 * libraft goes by its own list, in which it is a voter for this one step. */
static void take_vote(struct consensus *c, struct raft_message *m)
{
    struct raft_configuration *conf = &c->raft.configuration;
    const struct raft_server *own = engine_server(c, c->options.id);
    bool added = !own && !MUTANT(VOTES_BY_ITS_LIST) && c->raft.state == RAFT_FOLLOWER &&
                 engine_add_server(conf, c->options.id, RAFT_STANDBY);
    unsigned at = own ? (unsigned)(own - conf->servers) : conf->n - 1;
    int role = own ? own->role : RAFT_STANDBY;

    if ((!own && !added) || MUTANT(VOTES_BY_ITS_LIST)) {
        take(c, m);
        return;
    }
    conf->servers[at].role = RAFT_VOTER;
    take(c, m);
    conf->servers[at].role = role;
    if (added)
        raft_free(conf->servers[--conf->n].address);
}

static mr_rc_t on_vote(struct consensus *c, uint64_t from, const struct raft_vote *m)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_REQUEST_VOTE, from, address);

    if (!is_place(m->last_index, m->last_term, m->term))
        return MR_ERR_MALFORMED;
    r.request_vote = (struct raft_request_vote){.version = 2,
                                                .term = (uint64_t)m->term,
                                                .candidate_id = from,
                                                .last_log_index = (uint64_t)m->last_index,
                                                .last_log_term = (uint64_t)m->last_term,
                                                .disrupt_leader = m->disrupt,
                                                .pre_vote = m->trial};
    take_vote(c, &r);
    return MR_OK;
}

/* libraft looks at a candidate's state before it has seen that there is none. */
static mr_rc_t on_voted(struct consensus *c, uint64_t from, const struct raft_voted *m)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_REQUEST_VOTE_RESULT, from, address);

    if (c->raft.state != RAFT_CANDIDATE)
        return MR_OK;
    if (m->trial && m->granted && (uint64_t)m->term > raft_current_term(&c->raft) + 1)
        return MR_ERR_MALFORMED;
    r.request_vote_result = (struct raft_request_vote_result){.version = 2,
                                                              .term = (uint64_t)m->term,
                                                              .vote_granted = m->granted,
                                                              .pre_vote = m->trial,
                                                              .features = 1,
                                                              .capacity = UINT16_MAX};
    take(c, &r);
    return MR_OK;
}

/* An only voter needs nobody's leave, and libraft would let it lead in the old term. */
static mr_rc_t on_campaign(struct consensus *c, uint64_t from, const struct raft_campaign *m)
{
    char address[ADDRESS_MAX];
    struct raft_message r = message_from(RAFT_TIMEOUT_NOW, from, address);

    if (!is_place(m->last_index, m->last_term, m->term))
        return MR_ERR_MALFORMED;
    if (engine_only_voter(c))
        return MR_OK;
    r.timeout_now = (struct raft_timeout_now){.term = (uint64_t)m->term,
                                              .last_log_index = (uint64_t)m->last_index,
                                              .last_log_term = (uint64_t)m->last_term};
    take(c, &r);
    return MR_OK;
}

static mr_rc_t dispatch(struct consensus *c, uint64_t from, enum wire_id id, const void *message)
{
    switch (id) {
    case WIRE_raft_vote: return on_vote(c, from, message);
    case WIRE_raft_voted: return on_voted(c, from, message);
    case WIRE_raft_append: return on_append(c, from, message);
    case WIRE_raft_appended: return on_appended(c, from, message);
    case WIRE_raft_install: return on_install(c, from, message);
    case WIRE_raft_campaign: return on_campaign(c, from, message);
    default: return MR_ERR_MALFORMED;
    }
}

mr_rc_t consensus_receive(struct consensus *c, uint64_t now_ms, uint64_t from, enum wire_id id,
                          const void *message)
{
    int64_t term;
    mr_rc_t rc;

    engine_set_now(c, now_ms);
    if (!c->started || c->broken)
        return MR_OK;
    memcpy(&term, message, sizeof term); /* it is the first field of each */
    if (from == 0 || from > NUMBER_MAX || from == c->options.id || term < 1 || !is_number(term))
        return MR_ERR_MALFORMED;
    rc = dispatch(c, from, id, message);
    engine_settle(c);
    return rc;
}
