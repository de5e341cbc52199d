#include "grid/cluster/engine.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"
#include "net/base/littleend.h"

static_assert(RAFT_VERSION_NUMBER >= 2201 && RAFT_VERSION_NUMBER < 2300,
              "who owns what was changed after 0.22");

enum { BATCH_BYTES = 1 << 20 }; /* of an append; one entry may be larger */

/* ---- servers -------------------------------------------------------------------------------- */

void engine_write_servers(const struct raft_configuration *from, struct sink *out)
{
    for (unsigned i = 0; i < from->n; i++) {
        uint8_t b[SERVER_BYTES];

        put_le64(b, from->servers[i].id);
        b[8] = from->servers[i].role == RAFT_VOTER;
        sink_put(out, b, sizeof b);
    }
}

bool engine_add_server(struct raft_configuration *to, uint64_t id, int role)
{
    char address[ADDRESS_MAX];

    snprintf(address, sizeof address, "%llu", (unsigned long long)id);
    return raft_configuration_add(to, id, address, role) == 0;
}

bool engine_read_servers(const void *bytes, uint32_t size, struct raft_configuration *ret)
{
    const uint8_t *at = bytes;

    if (size == 0 || size % SERVER_BYTES != 0 || size > CONSENSUS_SERVERS_MAX * SERVER_BYTES)
        return false;
    raft_configuration_init(ret);
    for (uint32_t i = 0; i < size; i += SERVER_BYTES) {
        uint64_t id = get_le64(at + i);

        if (id > 0 && id <= NUMBER_MAX && at[i + 8] <= 1 &&
            engine_add_server(ret, id, at[i + 8] ? RAFT_VOTER : RAFT_STANDBY))
            continue;
        raft_configuration_close(ret);
        return false;
    }
    return true;
}

const struct raft_server *engine_server(const struct consensus *c, uint64_t id)
{
    for (unsigned i = 0; i < c->raft.configuration.n; i++)
        if (c->raft.configuration.servers[i].id == id)
            return &c->raft.configuration.servers[i];
    return NULL;
}

static unsigned count_voters(const struct consensus *c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < c->raft.configuration.n; i++)
        n += c->raft.configuration.servers[i].role == RAFT_VOTER;
    return n;
}

bool engine_voter(const struct consensus *c, uint64_t id)
{
    const struct raft_server *s = engine_server(c, id);

    return s && s->role == RAFT_VOTER;
}

bool engine_only_voter(const struct consensus *c)
{
    return engine_voter(c, c->options.id) && count_voters(c) == 1;
}

/* ---- what is so ----------------------------------------------------------------------------- */

bool engine_elected(const struct consensus *c)
{
    return c->raft.state == RAFT_LEADER;
}

uint64_t engine_committed(const struct consensus *c)
{
    uint64_t known = raft_commit_index(&c->raft); /* falls when the engine is started again */

    return known > c->applied ? known : c->applied;
}

/* Without an entry of its own term it does not know what is committed, and two leaders could change
 * voters by different beginnings. libraft appends one, but not where nothing seems open. */
bool engine_leads(const struct consensus *c)
{
    return engine_elected(c) && raft_transferee(&c->raft) == 0 &&
           (MUTANT(LEADS_TOO_EARLY) ||
            ledger_term(&c->ledger, c->applied) == raft_current_term(&c->raft));
}

uint64_t engine_leader(const struct consensus *c)
{
    if (engine_elected(c))
        return c->options.id;
    return c->raft.state == RAFT_FOLLOWER ? c->raft.follower_state.current_leader.id : 0;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void send(struct consensus *c, uint64_t to, enum wire_id id, const void *message)
{
    if (to != 0) /* a leader that is not believed in any more */
        c->out->send(c->context, to, id, message);
}

/* How many of the `left` entries from `index` on travel together. A change of servers travels
 * alone: libraft takes it for the first one of its message, and its place is never agreed. */
static uint32_t count_together(const struct consensus *c, uint64_t index, uint32_t left)
{
    uint32_t bytes = 0;

    for (uint32_t n = 0; n < left; n++) {
        const struct ledger_entry *e = ledger_at(&c->ledger, index + n);

        check(e != NULL);
        bytes += e->size;
        if (n > 0 &&
            (bytes > BATCH_BYTES || (e->kind == LEDGER_VOTERS && !MUTANT(CHANGE_IN_BATCH))))
            return n;
        if (e->kind == LEDGER_VOTERS && !MUTANT(CHANGE_IN_BATCH))
            return 1;
    }
    return left;
}

static void send_entries(struct consensus *c, uint64_t to, struct raft_append *m, uint32_t count)
{
    struct sink items = {.grows = true};
    struct peer *p = engine_peer(c, to);

    for (uint32_t i = 0; i < count; i++) {
        const struct ledger_entry *e = ledger_at(&c->ledger, (uint64_t)m->previous_index + 1 + i);
        wire_raft_entry item = {
            .term = (int64_t)e->term, .kind = (int8_t)e->kind, .bytes = {e->bytes, e->size}};

        wire_put(&items, WIRE_raft_entry, &item);
    }
    m->entries = wire_list_of(&items, count);
    if (sink_state(&items) == MR_OK) /* else it is as if it were lost */
        send(c, to, WIRE_raft_append, m);
    sink_free(&items);
    if (p) {
        p->sent_ms = c->now_ms;
        p->last = (uint64_t)m->previous_index + count;
        p->commit = (uint64_t)m->commit;
    }
}

static void send_append(struct consensus *c, uint64_t to, const struct raft_append_entries *a)
{
    struct raft_append m = {.term = (int64_t)a->term,
                            .previous_index = (int64_t)a->prev_log_index,
                            .previous_term = (int64_t)a->prev_log_term,
                            .commit = (int64_t)a->leader_commit,
                            .stamp = (int64_t)c->now_ms};
    uint32_t left = a->n_entries;

    do {
        uint32_t n = count_together(c, (uint64_t)m.previous_index + 1, left);

        send_entries(c, to, &m, n);
        left -= n;
        m.previous_index += n;
        m.previous_term = (int64_t)ledger_term(&c->ledger, (uint64_t)m.previous_index);
    } while (left > 0);
}

static void send_install(struct consensus *c, uint64_t to, const struct raft_install_snapshot *s)
{
    struct raft_install m = {.term = (int64_t)s->term,
                             .last_index = (int64_t)c->ledger.index,
                             .last_term = (int64_t)c->ledger.term,
                             .voters_index = (int64_t)c->voters_index,
                             .stamp = (int64_t)c->now_ms,
                             .voters = {c->voters.at, (uint32_t)c->voters.size},
                             .state = {c->state.at, (uint32_t)c->state.size}};

    send(c, to, WIRE_raft_install, &m);
}

static void send_message(struct consensus *c, const struct raft_message *m)
{
    const struct raft_request_vote *vote = &m->request_vote;
    const struct raft_append_entries_result *appended = &m->append_entries_result;
    const struct heard *h = &c->heard;

    switch (m->type) {
    case RAFT_APPEND_ENTRIES: send_append(c, m->server_id, &m->append_entries); break;
    case RAFT_INSTALL_SNAPSHOT: send_install(c, m->server_id, &m->install_snapshot); break;
    case RAFT_APPEND_ENTRIES_RESULT:
        send(c, m->server_id, WIRE_raft_appended,
             &(struct raft_appended){
                 .term = (int64_t)appended->term,
                 .rejected = (int64_t)appended->rejected,
                 .last_index = c->leads_no_more ? 0 : (int64_t)appended->last_log_index,
                 .echo =
                     h->term == appended->term && h->from == m->server_id ? (int64_t)h->stamp : 0});
        break;
    case RAFT_REQUEST_VOTE:
        send(c, m->server_id, WIRE_raft_vote,
             &(struct raft_vote){.term = (int64_t)vote->term,
                                 .last_index = (int64_t)vote->last_log_index,
                                 .last_term = (int64_t)vote->last_log_term,
                                 .disrupt = vote->disrupt_leader,
                                 .trial = vote->pre_vote});
        break;
    case RAFT_REQUEST_VOTE_RESULT:
        send(c, m->server_id, WIRE_raft_voted,
             &(struct raft_voted){.term = (int64_t)m->request_vote_result.term,
                                  .granted = m->request_vote_result.vote_granted,
                                  .trial = m->request_vote_result.pre_vote});
        break;
    case RAFT_TIMEOUT_NOW:
        send(c, m->server_id, WIRE_raft_campaign,
             &(struct raft_campaign){.term = (int64_t)m->timeout_now.term,
                                     .last_index = (int64_t)m->timeout_now.last_log_index,
                                     .last_term = (int64_t)m->timeout_now.last_log_term});
        break;
    }
}

/* ---- one step ------------------------------------------------------------------------------- */

void engine_break(struct consensus *c)
{
    if (c->broken)
        return;
    c->broken = true;
    c->out->broken(c->context);
}

static uint32_t voters_of(const struct raft_configuration *conf)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < conf->n; i++)
        n += conf->servers[i].role == RAFT_VOTER;
    return n;
}

static mr_rc_t store_entry(struct consensus *c, const struct raft_entry *e)
{
    struct ledger_entry own = {.term = e->term, .kind = (enum ledger_kind)e->type};
    struct sink servers = {.grows = true};
    struct raft_configuration conf;
    mr_rc_t rc = MR_OK;

    if (e->type == RAFT_COMMAND) {
        own.size = (uint32_t)e->buf.len;
        own.bytes = e->buf.base;
        c->out->stored(c->context, own.bytes, own.size, 0);
    } else if (e->type == RAFT_CHANGE) {
        if (raft_configuration_decode(&e->buf, &conf) != 0)
            return MR_ERR_MEMORY;
        engine_write_servers(&conf, &servers);
        c->out->stored(c->context, NULL, 0, voters_of(&conf));
        raft_configuration_close(&conf);
        rc = sink_state(&servers);
        own.size = (uint32_t)servers.size;
        own.bytes = servers.at;
    }
    rc = rc == MR_OK ? ledger_append(&c->ledger, &own) : rc;
    sink_free(&servers);
    return rc;
}

static void store_entries(struct consensus *c, const struct raft_update *u)
{
    check(u->entries.index <= ledger_last(&c->ledger) + 1);
    ledger_truncate(&c->ledger, u->entries.index);
    for (unsigned i = 0; i < u->entries.n && !c->broken; i++)
        if (store_entry(c, &u->entries.batch[i]) != MR_OK)
            engine_break(c);
    raft_free(u->entries.batch[0].batch);
    c->stored = ledger_last(&c->ledger);
}

static void store_snapshot(struct consensus *c, const struct raft_update *u)
{
    const struct raft_snapshot_metadata *m = &u->snapshot.metadata;

    sink_free(&c->state);
    sink_free(&c->voters);
    sink_put(&c->state, u->snapshot.chunk.base, u->snapshot.chunk.len);
    engine_write_servers(&m->configuration, &c->voters);
    c->voters_index = m->configuration_index;
    raft_free(u->snapshot.chunk.base);
    ledger_reset(&c->ledger, m->index, m->term);
    c->applied = m->index;
    c->installed = true;
    c->install = *m;
    if (sink_state(&c->state) != MR_OK || sink_state(&c->voters) != MR_OK ||
        c->out->restore(c->context, m->index, c->state.at, (uint32_t)c->state.size) != MR_OK)
        engine_break(c);
}

/* Term and vote first, then entries and snapshot, then messages: who has them on disk makes them
 * durable in this order, and tells libraft later instead of in engine_settle(). */
int engine_step(struct consensus *c, struct raft_event *e)
{
    struct raft_update u = {0};
    int rv;

    e->time = c->now_ms;
    e->capacity = UINT16_MAX;
    if ((rv = raft_step(&c->raft, e, &u)) != 0)
        return rv;
    if (u.flags & (RAFT_UPDATE_ENTRIES))
        store_entries(c, &u);
    if (u.flags & (RAFT_UPDATE_SNAPSHOT))
        store_snapshot(c, &u);
    if (u.flags & (RAFT_UPDATE_MESSAGES))
        for (unsigned i = 0; i < u.messages.n && !c->broken; i++)
            send_message(c, &u.messages.batch[i]);
    return 0;
}

void engine_must_step(struct consensus *c, struct raft_event *e)
{
    if (engine_step(c, e) != 0)
        engine_break(c);
}

int engine_submit(struct consensus *c, enum raft_entry_type type, const void *bytes, size_t size)
{
    struct raft_entry entry = {.term = raft_current_term(&c->raft), .type = type};
    struct raft_event e = {.type = RAFT_SUBMIT};
    int rv;

    if (!(entry.batch = raft_malloc(size + 1)))
        return RAFT_NOMEM;
    if (size)
        memcpy(entry.batch, bytes, size);
    entry.buf = (struct raft_buffer){entry.batch, size};
    e.submit.entries = &entry;
    e.submit.n = 1;
    if ((rv = engine_step(c, &e)) != 0)
        raft_free(entry.batch);
    return rv;
}

/* ---- what follows from a step --------------------------------------------------------------- */

static void say_stored(struct consensus *c)
{
    struct raft_event e = {.type = RAFT_PERSISTED_ENTRIES};

    e.persisted_entries.index = c->stored;
    c->stored = 0;
    if (e.persisted_entries.index > c->raft.last_stored)
        engine_must_step(c, &e);
}

static void say_installed(struct consensus *c)
{
    struct raft_event e = {.type = RAFT_PERSISTED_SNAPSHOT};

    e.persisted_snapshot.metadata = c->install;
    e.persisted_snapshot.last = true;
    c->installed = false;
    engine_must_step(c, &e);
}

static bool change_is_agreed(const struct consensus *c)
{
    uint64_t index = c->raft.configuration_uncommitted_index;

    return index != 0 && index <= engine_committed(c);
}

static void say_agreed(struct consensus *c)
{
    struct raft_event e = {.type = RAFT_CONFIGURATION};
    const struct ledger_entry *entry =
        ledger_at(&c->ledger, c->raft.configuration_uncommitted_index);

    e.configuration.index = c->raft.configuration_uncommitted_index;
    if (entry && engine_read_servers(entry->bytes, entry->size, &e.configuration.conf))
        engine_must_step(c, &e);
    else
        engine_break(c);
}

static bool needs_barrier(const struct consensus *c)
{
    return engine_elected(c) && raft_transferee(&c->raft) == 0 && !MUTANT(LEADS_TOO_EARLY) &&
           ledger_term(&c->ledger, ledger_last(&c->ledger)) != raft_current_term(&c->raft);
}

/* False: there is nothing left to say to libraft. */
static bool follow_up(struct consensus *c)
{
    if (c->stored > 0)
        say_stored(c);
    else if (c->installed)
        say_installed(c);
    else if (change_is_agreed(c))
        say_agreed(c);
    else if (!needs_barrier(c))
        return false;
    else if (engine_submit(c, RAFT_BARRIER, NULL, 0) != 0)
        engine_break(c);
    return true;
}

static void apply(struct consensus *c)
{
    while (c->applied < raft_commit_index(&c->raft) && c->applied < ledger_last(&c->ledger)) {
        const struct ledger_entry *e = ledger_at(&c->ledger, c->applied + 1);

        check(e != NULL);
        c->applied++;
        if (e->kind == LEDGER_COMMAND)
            c->out->apply(c->context, c->applied, e->term, e->bytes, e->size);
    }
}

/* What libraft sends too late, so that an entry is agreed in one round and known to be in two:
 * what is committed goes out with whatever comes next, up to a heartbeat later; who did not answer
 * since the last time-out, as he who is asked at other times than others does not, is sent nothing
 * new before the next; and so everybody is asked at each time-out. */
static void nudge(struct consensus *c, uint64_t id)
{
    uint64_t last = ledger_last(&c->ledger);
    struct raft_append_entries a = {.term = raft_current_term(&c->raft),
                                    .leader_commit = raft_commit_index(&c->raft)};
    struct peer *p = engine_peer(c, id);

    if (!p || raft_match_index(&c->raft, id, &a.prev_log_index) != 0 || a.prev_log_index == 0 ||
        !(a.prev_log_term = ledger_term(&c->ledger, a.prev_log_index)))
        return;
    if (p->last < last && a.prev_log_index + 1 == last)
        a.n_entries = 1;
    if (a.n_entries > 0 || p->commit < a.leader_commit || p->sent_ms < c->beat_ms)
        send_append(c, id, &a);
}

static void nudge_all(struct consensus *c)
{
    if (!engine_elected(c))
        return;
    for (unsigned i = 0; i < c->raft.configuration.n; i++)
        if (c->raft.configuration.servers[i].id != c->options.id)
            nudge(c, c->raft.configuration.servers[i].id);
}

/* Where something does not come off, the old snapshot and a longer log stay. */
static void take_snapshot(struct consensus *c)
{
    struct sink state = {.grows = true}, voters = {.grows = true};
    struct raft_event e = {.type = RAFT_SNAPSHOT};
    struct raft_snapshot_metadata *m = &e.snapshot.metadata;

    m->index = c->applied;
    m->term = ledger_term(&c->ledger, c->applied);
    m->configuration_index = c->raft.configuration_committed_index;
    e.snapshot.trailing = c->options.log_keep;
    engine_write_servers(&c->raft.configuration_committed, &voters);
    if (c->out->save(c->context, &state) != MR_OK || sink_state(&state) != MR_OK ||
        sink_state(&voters) != MR_OK || state.size > CONSENSUS_STATE_MAX ||
        !engine_read_servers(voters.at, (uint32_t)voters.size, &m->configuration)) {
        sink_free(&state);
        sink_free(&voters);
        return;
    }
    sink_free(&c->state);
    sink_free(&c->voters);
    c->state = state;
    c->voters = voters;
    c->voters_index = m->configuration_index;
    ledger_compact(&c->ledger, c->applied, c->options.log_keep);
    engine_must_step(c, &e);
}

static void tell(struct consensus *c)
{
    const uint64_t changed[] = {c->raft.configuration_committed_index,
                                c->raft.configuration_uncommitted_index};
    struct consensus_view v;

    if (memcmp(changed, c->told_changed, sizeof changed) != 0) {
        memcpy(c->told_changed, changed, sizeof changed);
        c->out->servers(c->context);
    }
    consensus_look(c, &v);
    if (v.term == c->told.term && v.leader == c->told.leader && v.elected == c->told.elected &&
        v.leads == c->told.leads)
        return;
    c->told = v;
    c->out->role(c->context);
}

void engine_settle(struct consensus *c)
{
    while (!c->broken && follow_up(c))
        ;
    if (c->broken)
        return;
    nudge_all(c);
    apply(c);
    if (c->applied - c->ledger.index > c->options.log_max)
        take_snapshot(c);
    if (!c->broken)
        tell(c);
}

/* ---- entries for libraft -------------------------------------------------------------------- */

bool engine_batch_open(struct engine_batch *b, uint32_t room)
{
    *b = (struct engine_batch){.bytes = {.grows = true}};
    return (b->entries = raft_malloc((room + 1) * sizeof *b->entries)) != NULL;
}

bool engine_batch_add(struct engine_batch *b, uint64_t term, enum ledger_kind kind,
                      const void *bytes, uint32_t size)
{
    struct raft_configuration conf;
    struct raft_buffer own = {(void *)(uintptr_t)bytes, size};
    struct raft_entry *e = &b->entries[b->count++];
    bool good = true;

    if (kind == LEDGER_VOTERS) {
        if (!engine_read_servers(bytes, size, &conf))
            return false;
        good = raft_configuration_encode(&conf, &own) == 0;
        raft_configuration_close(&conf);
    }
    *e = (struct raft_entry){.term = term,
                             .type = (enum raft_entry_type)kind,
                             .buf = {(void *)(uintptr_t)b->bytes.size, own.len}};
    if (good)
        sink_put(&b->bytes, own.base, own.len);
    if (good && kind == LEDGER_VOTERS)
        raft_free(own.base);
    return good;
}

bool engine_batch_close(struct engine_batch *b)
{
    uint8_t *whole = raft_malloc(b->bytes.size + 1);
    bool good = whole && sink_state(&b->bytes) == MR_OK;

    if (good && b->bytes.size)
        memcpy(whole, b->bytes.at, b->bytes.size);
    for (uint32_t i = 0; i < b->count && good; i++) {
        b->entries[i].buf.base = whole + (uintptr_t)b->entries[i].buf.base;
        b->entries[i].batch = whole;
    }
    sink_free(&b->bytes);
    if (!good || b->count == 0)
        raft_free(whole);
    return good;
}

void engine_batch_drop(struct engine_batch *b)
{
    sink_free(&b->bytes);
    if (b->count > 0)
        raft_free(b->entries[0].batch);
    raft_free(b->entries);
}
