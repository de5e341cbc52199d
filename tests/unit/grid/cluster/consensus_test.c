/* Some members in one thread, each message encoded and decoded, a millisecond at a time. */
#include "grid/cluster/consensus.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS = 6, COMMANDS_MAX = 400, ELECTION_MS = 500, BEAT_MS = 100, DELAY_MS = 3 };

static struct member {
    struct consensus *c;
    bool cut;
    uint64_t applied[COMMANDS_MAX]; /* its state: all commands */
    uint64_t count;
    uint64_t last_index;
    uint32_t roles, broken, restored;
    bool led_before_applied; /* was told to lead while its log was ahead of its state */
} members[MEMBERS + 1];      /* by raft number */

static struct mail {
    struct mail *next;
    uint64_t at_ms, from, to;
    enum wire_id id;
    uint32_t size;
    uint8_t bytes[];
} * mails;

static uint64_t now_ms, largest_batch, batches_with_changes, earliest;

/* ---- the network ---------------------------------------------------------------------------- */

static uint64_t number_of(const struct member *m)
{
    return (uint64_t)(m - members);
}

static void look_at(enum wire_id id, const void *message)
{
    const struct raft_append *a = message;
    struct wire_list list;
    wire_raft_entry e;

    if (id != WIRE_raft_append)
        return;
    list = a->entries;
    earliest = (uint64_t)a->previous_index < earliest ? (uint64_t)a->previous_index : earliest;
    largest_batch = list.count > largest_batch ? list.count : largest_batch;
    while (wire_next(&list, WIRE_raft_entries, &e, NULL))
        batches_with_changes += e.kind == 3 && a->entries.count > 1;
}

static void on_send(void *context, uint64_t to, enum wire_id id, const void *message)
{
    struct sink out = {.grows = true};
    struct mail **at = &mails;
    struct mail *m;

    look_at(id, message);
    wire_encode(id, &(struct wire_head){0}, message, &out);
    cr_assert(sink_state(&out) == MR_OK);
    m = malloc(sizeof *m + out.size);
    *m = (struct mail){NULL, now_ms + DELAY_MS, number_of(context), to, id, (uint32_t)out.size};
    memcpy(m->bytes, out.at, out.size);
    sink_free(&out);
    while (*at)
        at = &(*at)->next;
    *at = m;
}

static mr_rc_t receive(uint64_t to, uint64_t from, enum wire_id id, const void *message)
{
    mr_rc_t rc = consensus_receive(members[to].c, now_ms, from, id, message);

    consensus_check(members[to].c);
    return rc;
}

static void deliver(const struct mail *m)
{
    union wire_message message;
    const char *field;

    if (m->to > MEMBERS || !members[m->to].c || members[m->to].cut || members[m->from].cut)
        return;
    cr_assert(wire_decode(m->id, m->bytes, m->size, &message, &field) == MR_OK);
    cr_expect(receive(m->to, m->from, m->id, &message) == MR_OK, "%s is refused", wire_name(m->id));
}

static void run(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end; now_ms++) {
        for (int i = 1; i <= MEMBERS; i++)
            if (members[i].c && consensus_next_ms(members[i].c) <= now_ms)
                consensus_tick(members[i].c, now_ms);
        while (mails && mails->at_ms <= now_ms) {
            struct mail *m = mails;

            mails = m->next;
            deliver(m);
            free(m);
        }
    }
}

/* ---- members -------------------------------------------------------------------------------- */

static void on_apply(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size)
{
    struct member *m = context;

    cr_assert(term > 0 && index > m->last_index && size == sizeof m->applied[0]);
    m->last_index = index;
    memcpy(&m->applied[m->count++], bytes, size);
}

static mr_rc_t on_save(void *context, struct sink *out)
{
    struct member *m = context;

    sink_put(out, m->applied, m->count * sizeof m->applied[0]);
    return sink_state(out);
}

static mr_rc_t on_restore(void *context, uint64_t index, const void *bytes, uint32_t size)
{
    struct member *m = context;

    m->count = size / sizeof m->applied[0];
    memcpy(m->applied, bytes, size);
    m->last_index = index;
    m->restored++;
    return MR_OK;
}

static struct consensus_view view_of(uint64_t member)
{
    struct consensus_view v;

    consensus_look(members[member].c, &v);
    return v;
}

static void on_role(void *context)
{
    struct member *m = context;
    struct consensus_view v;

    m->roles++;
    consensus_look(m->c, &v);
    m->led_before_applied |= v.leads && v.applied < v.last;
}

static void on_servers(void *context)
{
    (void)context;
}

static void on_broken(void *context)
{
    ((struct member *)context)->broken++;
}

static void on_stored(void *context, const void *bytes, uint32_t size, uint32_t voters)
{
    (void)context, (void)bytes, (void)size, (void)voters;
}

static const struct consensus_out out = {
    on_send, on_apply, on_stored, on_save, on_restore, on_role, on_servers, on_broken,
};

static void make(uint64_t id)
{
    members[id] = (struct member){0};
    cr_assert(consensus_new(&(struct consensus_options){.id = id,
                                                        .seed = id,
                                                        .election_ms = ELECTION_MS,
                                                        .heartbeat_ms = BEAT_MS,
                                                        .log_max = 20,
                                                        .log_keep = 5},
                            &out, &members[id], &members[id].c) == MR_OK);
}

static void die(uint64_t id)
{
    consensus_free(members[id].c);
    members[id].c = NULL;
}

static void open(void)
{
    now_ms = 1000;
    make(1);
    cr_assert(consensus_found(members[1].c, now_ms) == MR_OK);
}

static void close(void)
{
    for (int i = 1; i <= MEMBERS; i++) {
        cr_expect(members[i].broken == 0 && !members[i].led_before_applied);
        die((uint64_t)i);
    }
    while (mails) {
        struct mail *m = mails;

        mails = m->next;
        free(m);
    }
}

TestSuite(consensus, .init = open, .fini = close);

static mr_rc_t propose(uint64_t member, uint64_t command)
{
    uint64_t index, term;

    return consensus_propose(members[member].c, now_ms, &command, sizeof command, &index, &term);
}

static mr_rc_t change(uint64_t at, enum consensus_change what, uint64_t id)
{
    return consensus_change(members[at].c, now_ms, what, id);
}

static void add_standby(uint64_t leader, uint64_t id)
{
    make(id);
    cr_assert(consensus_join(members[id].c, now_ms) == MR_OK);
    cr_assert(change(leader, CONSENSUS_ADD, id) == MR_OK);
    run(300);
}

static void add_voter(uint64_t leader, uint64_t id)
{
    add_standby(leader, id);
    cr_assert(change(leader, CONSENSUS_PROMOTE, id) == MR_OK);
    run(300);
}

static uint64_t leader(void)
{
    uint64_t found = 0;

    for (uint64_t i = 1; i <= MEMBERS; i++)
        if (members[i].c && !members[i].cut && view_of(i).leads)
            found = i;
    return found;
}

/* What has been applied is 0, 1, 2, .. */
static void has_applied(uint64_t member, uint64_t count)
{
    cr_expect(members[member].count == count, "m%d has %d", (int)member,
              (int)members[member].count);
    for (uint64_t i = 0; i < members[member].count; i++)
        cr_assert(members[member].applied[i] == i);
}

/* ---- ---------------------------------------------------------------------------------------- */

Test(consensus, its_founder_leads_at_once_and_commits_alone)
{
    cr_assert(view_of(1).leads && view_of(1).term == 1);
    for (uint64_t i = 0; i < 10; i++)
        cr_assert(propose(1, i) == MR_OK);
    has_applied(1, 10);
}

Test(consensus, sends_a_standby_the_log)
{
    for (uint64_t i = 0; i < 10; i++)
        cr_assert(propose(1, i) == MR_OK);
    add_standby(1, 2);
    has_applied(2, 10);
    cr_expect(propose(2, 0) == MR_ERR_STALE && view_of(2).leader == 1);
}

Test(consensus, needs_a_majority_of_voters_and_no_standby)
{
    add_voter(1, 2);
    add_standby(1, 3);
    members[3].cut = true;
    cr_assert(propose(1, 0) == MR_OK);
    run(50);
    has_applied(2, 1);
    members[2].cut = true;
    cr_assert(propose(1, 1) == MR_OK);
    run(50);
    has_applied(1, 1);
}

Test(consensus, goes_on_when_the_leader_dies)
{
    add_voter(1, 2);
    add_voter(1, 3);
    cr_assert(propose(1, 0) == MR_OK);
    run(50);
    die(1);
    run(4000);
    cr_assert(leader() != 0 && view_of(leader()).term > 1);
    cr_assert(propose(leader(), 1) == MR_OK);
    run(200);
    has_applied(2, 2);
    has_applied(3, 2);
}

Test(consensus, does_not_lead_in_a_minority)
{
    add_voter(1, 2);
    add_voter(1, 3);
    members[1].cut = true;
    run(3000);
    cr_assert(!view_of(1).leads && leader() != 0 && leader() != 1);
}

Test(consensus, sends_a_snapshot_to_who_is_far_behind)
{
    for (uint64_t i = 0; i < 100; i++)
        cr_assert(propose(1, i) == MR_OK);
    cr_assert(view_of(1).snapshot > 50);
    add_voter(1, 2);
    cr_assert(members[2].restored == 1);
    has_applied(2, 100);
    members[2].cut = true;
    run(50);
    add_standby(1, 3);
    members[2].cut = false;
    run(2000);
    cr_assert(propose(leader(), 100) == MR_OK);
    run(200);
    has_applied(2, 101);
    has_applied(3, 101);
}

Test(consensus, sends_a_change_of_servers_alone)
{
    add_voter(1, 2);
    add_voter(1, 3);
    members[3].cut = true;
    for (uint64_t i = 0; i < 5; i++)
        cr_assert(propose(1, i) == MR_OK);
    run(20);
    cr_assert(change(1, CONSENSUS_ADD, 4) == MR_OK);
    run(20);
    for (uint64_t i = 5; i < 9; i++)
        cr_assert(propose(1, i) == MR_OK);
    run(20);
    largest_batch = batches_with_changes = 0;
    members[3].cut = false;
    run(3000);
    has_applied(3, 9);
    cr_assert(largest_batch > 1 && batches_with_changes == 0);
    cr_assert(consensus_transfer(members[1].c, now_ms, 3) == MR_OK);
    run(500);
    cr_assert(leader() == 3 && change(3, CONSENSUS_REMOVE, 4) == MR_OK);
}

Test(consensus, changes_one_server_at_a_time)
{
    add_voter(1, 2);
    cr_assert(change(1, CONSENSUS_ADD, 3) == MR_OK && view_of(1).changing);
    cr_assert(change(1, CONSENSUS_ADD, 4) == MR_ERR_BUSY);
    run(50);
    cr_assert(!view_of(1).changing && change(1, CONSENSUS_ADD, 4) == MR_OK);
}

Test(consensus, says_which_changes_cannot_be)
{
    add_voter(1, 2);
    cr_expect(change(1, CONSENSUS_ADD, 2) == MR_EXISTS);
    cr_expect(change(1, CONSENSUS_PROMOTE, 2) == MR_EXISTS);
    cr_expect(change(1, CONSENSUS_PROMOTE, 5) == MR_NOT_FOUND);
    cr_expect(change(1, CONSENSUS_REMOVE, 5) == MR_EXISTS);
    cr_expect(change(1, CONSENSUS_REMOVE, 1) == MR_ERR_ARGUMENT);
    cr_expect(change(1, CONSENSUS_DEMOTE, 1) == MR_ERR_ARGUMENT);
    cr_expect(change(2, CONSENSUS_ADD, 5) == MR_ERR_STALE);
    cr_assert(change(1, CONSENSUS_ADD, 5) == MR_OK); /* which nobody runs */
    run(50);
    cr_expect(change(1, CONSENSUS_PROMOTE, 5) == MR_ERR_BUSY);
}

Test(consensus, demotes_and_removes)
{
    add_voter(1, 2);
    add_voter(1, 3);
    cr_assert(change(1, CONSENSUS_DEMOTE, 2) == MR_OK);
    run(100);
    members[2].cut = true;
    cr_assert(change(1, CONSENSUS_REMOVE, 2) == MR_OK);
    run(100);
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];

    cr_assert(consensus_servers(members[3].c, servers) == 2);
    cr_assert(servers[0].id == 1 && servers[1].id == 3 && servers[1].voter);
    cr_assert(propose(1, 0) == MR_OK);
    run(50);
    has_applied(3, 1);
}

Test(consensus, hands_leadership_on)
{
    add_voter(1, 2);
    cr_assert(consensus_transfer(members[1].c, now_ms, 2) == MR_OK);
    cr_expect(propose(1, 0) == MR_ERR_STALE && !consensus_may_grant(members[1].c, now_ms));
    run(100);
    cr_assert(leader() == 2 && propose(2, 0) == MR_OK);
    run(50);
    has_applied(1, 1);
    cr_expect(consensus_transfer(members[1].c, now_ms, 2) == MR_ERR_STALE);
    cr_expect(consensus_transfer(members[2].c, now_ms, 3) == MR_NOT_FOUND);
}

Test(consensus, steps_back_where_nobody_takes_over)
{
    add_voter(1, 2);
    add_voter(1, 3);
    members[2].cut = true;
    cr_assert(consensus_transfer(members[1].c, now_ms, 2) == MR_OK);
    run(ELECTION_MS + BEAT_MS);
    cr_assert(!view_of(1).leads && view_of(1).term == 1);
    run(4000);
    cr_assert(leader() != 0 && view_of(leader()).term > 1);
}

Test(consensus, stands_for_election_when_the_leader_is_proved_dead)
{
    add_voter(1, 2);
    add_voter(1, 3);
    die(1);
    run(20);
    consensus_campaign(members[3].c, now_ms);
    run(50);
    cr_assert(leader() == 3);
}

Test(consensus, may_grant_only_what_a_majority_has_answered_lately)
{
    cr_assert(consensus_may_grant(members[1].c, now_ms) &&
              consensus_quorum_stamp(members[1].c, now_ms) == now_ms);
    add_voter(1, 2);
    uint64_t stamp = consensus_quorum_stamp(members[1].c, now_ms);

    cr_assert(stamp > 0 && stamp <= now_ms - 2 * DELAY_MS && stamp + 2 * BEAT_MS >= now_ms);
    cr_assert(consensus_may_grant(members[1].c, now_ms));
    cr_assert(!consensus_may_grant(members[1].c, stamp + ELECTION_MS));
    cr_assert(!consensus_may_grant(members[2].c, now_ms));
}

Test(consensus, goes_on_alone_with_all_of_its_log)
{
    add_voter(1, 2);
    add_standby(1, 3);
    for (uint64_t i = 0; i < 30; i++)
        cr_assert(propose(1, i) == MR_OK);
    run(DELAY_MS + 1); /* 2 has them, and does not know that they are committed */
    die(1);
    members[2].cut = true;
    uint64_t applied = members[2].count;

    cr_assert(consensus_force_single(members[2].c, now_ms) == MR_OK);
    cr_assert(applied < 30 && view_of(2).leads && view_of(2).term == 2);
    has_applied(2, 30);
    cr_assert(propose(2, 30) == MR_OK);
    has_applied(2, 31);
    members[2].cut = false;
    cr_assert(change(2, CONSENSUS_ADD, 3) == MR_OK);
    run(300);
    has_applied(3, 31);
}

/* ---- what must not be taken ----------------------------------------------------------------- */

/* Somebody else's higher term deposes it; it may be a leader's. */
Test(consensus, leads_alone_in_a_new_term_only)
{
    struct raft_appended higher = {.term = 7};

    cr_assert(receive(1, 2, WIRE_raft_appended, &higher) == MR_OK);
    cr_assert(!view_of(1).elected);
    run(3 * ELECTION_MS);
    cr_assert(view_of(1).leads && view_of(1).term == 8);
}

Test(consensus, has_an_entry_of_its_own_term_before_it_leads)
{
    add_voter(1, 2);
    add_voter(1, 3);
    run(1000); /* nothing is open */
    uint64_t last = view_of(1).last;

    cr_assert(view_of(2).committed == last);
    cr_assert(consensus_transfer(members[1].c, now_ms, 2) == MR_OK);
    run(100);
    cr_assert(leader() == 2 && view_of(2).committed == last + 1);
}

static struct wire_list entries(struct sink *items, const wire_raft_entry *e, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        wire_put(items, WIRE_raft_entry, &e[i]);
    return wire_list_of(items, count);
}

Test(consensus, refuses_what_no_member_says)
{
    static const uint8_t one[] = {1, 0, 0, 0, 0, 0, 0, 0, 1},
                         twice[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    const struct wire_bytes voters = {one, sizeof one}, same = {twice, sizeof twice};
    const struct wire_bytes part = {one, 8}, none = {one, 0}, word = {one, 8};
    const struct {
        struct raft_append a;
        wire_raft_entry e[2];
        uint32_t count;
    } cases[] = {
        {.a = {.term = 0}},
        {.a = {.term = -1}},
        {.a = {.term = INT64_MAX}},
        {.a = {.term = 2, .previous_index = -1}},
        {.a = {.term = 2, .previous_index = INT64_MAX, .previous_term = 1}},
        {.a = {.term = 2, .previous_index = 1}},
        {.a = {.term = 2, .previous_term = 1}},
        {.a = {.term = 2, .previous_index = 3, .previous_term = 3}},
        {.a = {.term = 2, .commit = -1}},
        {.a = {.term = 2, .stamp = -1}},
        {.a = {.term = 2}, .e = {{.term = 1, .kind = 1, .bytes = word}}, .count = 1},
        {.a = {.term = 2}, .e = {{.term = 1, .kind = 3, .bytes = part}}, .count = 1},
        {.a = {.term = 2}, .e = {{.term = 1, .kind = 3, .bytes = none}}, .count = 1},
        {.a = {.term = 2}, .e = {{.term = 1, .kind = 3, .bytes = same}}, .count = 1},
        {.a = {.term = 2}, .e = {{.term = 3, .kind = 3, .bytes = voters}}, .count = 1},
        {.a = {.term = 2}, .e = {{.term = 0, .kind = 3, .bytes = voters}}, .count = 1},
        {.a = {.term = 2},
         .e = {{.term = 1, .kind = 3, .bytes = voters}, {.term = 1, .kind = 3, .bytes = voters}},
         .count = 2},
        {.a = {.term = 3, .previous_index = 1, .previous_term = 1},
         .e = {{.term = 2, .kind = 1, .bytes = word}, {.term = 1, .kind = 1, .bytes = word}},
         .count = 2},
        {.a = {.term = 2, .previous_index = 1, .previous_term = 1},
         .e = {{.term = 1, .kind = 4, .bytes = word}},
         .count = 1},
    };

    make(2);
    cr_assert(consensus_join(members[2].c, now_ms) == MR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raft_append a = cases[i].a;
        struct sink items = {.grows = true};

        a.entries = entries(&items, cases[i].e, cases[i].count);
        cr_expect(receive(2, 1, WIRE_raft_append, &a) == MR_ERR_MALFORMED, "case %d", (int)i);
        sink_free(&items);
    }
    cr_expect(view_of(2).term == 0 && view_of(2).last == 0);
    cr_expect(receive(2, 2, WIRE_raft_vote, &(struct raft_vote){.term = 1}) == MR_ERR_MALFORMED);
    cr_expect(receive(2, 0, WIRE_raft_vote, &(struct raft_vote){.term = 1}) == MR_ERR_MALFORMED);
    cr_expect(receive(2, 1, WIRE_client_ping_req, &(struct raft_vote){.term = 1}) ==
              MR_ERR_MALFORMED);
    cr_expect(receive(2, 1, WIRE_raft_install,
                      &(struct raft_install){.term = 2, .last_index = 5, .last_term = 1}) ==
              MR_ERR_MALFORMED);
    cr_expect(receive(2, 1, WIRE_raft_campaign,
                      &(struct raft_campaign){.term = 2, .last_index = 5}) == MR_ERR_MALFORMED);
}

Test(consensus, is_not_deposed_by_who_contradicts_what_is_committed)
{
    static const uint8_t word[8];
    const wire_raft_entry other = {.term = 5, .kind = 1, .bytes = {word, sizeof word}};
    struct sink items = {.grows = true};
    struct raft_append a = {.term = 6, .previous_index = 1, .previous_term = 1};

    cr_assert(propose(1, 0) == MR_OK);
    a.entries = entries(&items, &other, 1);
    cr_expect(receive(1, 2, WIRE_raft_append, &a) == MR_ERR_MALFORMED);
    a.previous_term = 2;
    a.entries.count = 0;
    a.entries.size = 0;
    cr_expect(receive(1, 2, WIRE_raft_append, &a) == MR_ERR_MALFORMED);
    a = (struct raft_append){.term = 1, .entries = wire_list_of(&(struct sink){0}, 0)};
    cr_expect(receive(1, 2, WIRE_raft_append, &a) == MR_ERR_MALFORMED); /* another leader of it */
    cr_expect(view_of(1).leads && view_of(1).term == 1);
    sink_free(&items);
}

/* What was sent long ago comes when there is a snapshot in its place. */
Test(consensus, takes_only_what_is_behind_its_snapshot)
{
    static const uint8_t one[] = {1, 0, 0, 0, 0, 0, 0, 0, 1};
    const wire_raft_entry old = {.term = 1, .kind = 3, .bytes = {one, sizeof one}};
    struct sink items = {.grows = true};

    for (uint64_t i = 0; i < 60; i++)
        cr_assert(propose(1, i) == MR_OK);
    add_standby(1, 2);
    uint64_t last = view_of(2).last;
    struct raft_append a = {.term = 1, .entries = entries(&items, &old, 1)};

    cr_assert(members[2].restored == 1);
    cr_assert(receive(2, 1, WIRE_raft_append, &a) == MR_OK);
    cr_assert(view_of(2).last == last);
    cr_assert(propose(1, 60) == MR_OK);
    run(200);
    has_applied(2, 61);
    sink_free(&items);
}

Test(consensus, is_not_held_up_by_a_refusal_that_was_overtaken)
{
    add_voter(1, 2);
    uint64_t held = view_of(2).last;

    /* It was cut off for a while, and is probed from what it held. */
    members[2].cut = true;
    run(ELECTION_MS - BEAT_MS);
    earliest = UINT64_MAX;
    cr_assert(receive(1, 2, WIRE_raft_appended,
                      &(struct raft_appended){.term = 1, .rejected = (int64_t)held}) == MR_OK);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert(propose(1, i) == MR_OK);
    members[2].cut = false;
    run(2000);
    cr_assert(leader() == 1 && earliest >= held);
    has_applied(2, 3);
}

/* Two changes, of which the second one is dropped, must leave the first. */
Test(consensus, returns_to_the_last_change_that_was_agreed)
{
    static const uint8_t bytes[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 1,
                                    2, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0};
    struct consensus_server servers[CONSENSUS_SERVERS_MAX];
    struct raft_append a = {.term = 1};

    make(2);
    cr_assert(consensus_join(members[2].c, now_ms) == MR_OK);
    for (uint32_t i = 1; i <= 4; i++) { /* each tells that the one before is committed */
        wire_raft_entry e = {.term = 1, .kind = 3, .bytes = {bytes, i * 9}};
        struct sink items = {.grows = true};

        a.entries = entries(&items, &e, 1);
        a.previous_index = a.commit = i - 1;
        a.previous_term = i > 1;
        cr_assert(receive(2, 1, WIRE_raft_append, &a) == MR_OK);
        sink_free(&items);
    }
    cr_assert(consensus_servers(members[2].c, servers) == 4);
    wire_raft_entry other = {.term = 2, .kind = 2, .bytes = {bytes, 0}};
    struct sink items = {.grows = true};

    a = (struct raft_append){.term = 2, .previous_index = 3, .previous_term = 1, .commit = 3};
    a.entries = entries(&items, &other, 1);
    cr_assert(receive(2, 3, WIRE_raft_append, &a) == MR_OK);
    cr_assert(consensus_servers(members[2].c, servers) == 3 && servers[2].id == 2);
    sink_free(&items);
}

static bool takes_as_answer(const struct mail *m)
{
    union wire_message message;
    const char *field;

    cr_assert(wire_decode(m->id, m->bytes, m->size, &message, &field) == MR_OK);
    return m->id == WIRE_raft_appended && message.raft_appended.term == 2 &&
           message.raft_appended.last_index == 0;
}

/* libraft leaves what it says of its log to chance. */
Test(consensus, tells_who_leads_no_more_only_the_term)
{
    struct raft_append a = {.term = 2, .entries = wire_list_of(&(struct sink){0}, 0)};

    add_standby(1, 2);
    run(50);
    cr_assert(receive(2, 3, WIRE_raft_append, &a) == MR_OK);
    while (mails->next)
        mails = mails->next;
    a.term = 1;
    a.previous_index = (int64_t)view_of(2).last;
    a.previous_term = 1;
    cr_assert(receive(2, 1, WIRE_raft_append, &a) == MR_OK);
    cr_assert(takes_as_answer(mails->next));
}
