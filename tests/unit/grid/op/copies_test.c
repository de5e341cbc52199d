/* Copies of maps. */
#include "grid/op/copies.h"

#include <stdio.h>

#include "grid/data/map_object.h"
#include "grid/op/run.h"
#include "tests/unit/grid/op/nodes.h"
#include "tests/unit/scarce.h"

TestSuite(copies, .init = open_nodes, .fini = close_nodes);

static struct map *map_at(uint32_t member)
{
    struct object *o;

    cr_assert(objects_open(&nodes[member - 1].objects, OBJECT_MAP, "m", &o) == MR_OK);
    return object_map(o);
}

/* *ret_now: it may be answered at once. */
static mr_rc_t change(uint32_t member, enum map_verb verb, const char *key, const char *value,
                      bool *ret_now)
{
    struct map_answer a;
    struct map_request q = {.verb = verb,
                            .key = text(key),
                            .value = text(value),
                            .expected = text(value),
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT};

    is_over = false;
    commit_begin(&commit, over);
    mr_rc_t rc = run_request(map_at(member), &q, &a);

    *ret_now = commit_end(&commit);
    return rc;
}

static void put(uint32_t member, const char *key, const char *value)
{
    bool now;

    cr_assert(change(member, MAP_PUT, key, value, &now) == MR_OK);
}

/* What the store of a member has; NULL: nothing. */
static const char *stored(uint32_t member, const char *key)
{
    static char all[4][64];
    static uint32_t next;
    char *words = all[next++ % 4];
    struct map *m = map_at(member);
    struct data k = text(key);
    const struct record *r =
        store_get(&m->parts[data_partition(&k, PARTS_EACH)].store, key_hash(&k), &k);

    if (!r)
        return "";
    snprintf(words, sizeof all[0], "%.*s", (int)record_value_size(r),
             (const char *)record_value(r).at);
    return words;
}

static mr_rc_t get(uint32_t member, const char *key)
{
    struct map_answer a;

    return run_request(map_at(member), &(struct map_request){.verb = MAP_GET, .key = text(key)},
                       &a);
}

Test(copies, alone_changes_are_direct)
{
    bool now;

    found();
    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_OK);
    cr_assert(now);
    cr_assert(eq(str, (char *)stored(1, "a"), "1"));
    cr_assert(get(1, "a") == MR_OK);
}

Test(copies, nobody_serves_before_a_row_says_so)
{
    bool now;

    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_ERR_OFFLINE);
    cr_assert(get(1, "a") == MR_ERR_MOVED);
    found();
    cr_assert(change(2, MAP_PUT, "a", "1", &now) == MR_ERR_MOVED);
    cr_assert(get(2, "a") == MR_ERR_MOVED);
}

Test(copies, a_learner_is_given_what_there_is)
{
    char key[16];

    found();
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(1, key, "x");
    }
    joins(2);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert(eq(str, (char *)stored(2, key), "x"));
    }
    cr_assert(eq(str, (char *)stored(3, "k0"), ""));
}

Test(copies, an_answer_waits_for_the_backup)
{
    bool now;

    found();
    put(1, "a", "1");
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "2", &now) == MR_OK);
    cr_assert(not(now));
    cr_assert(eq(str, (char *)stored(1, "a"), "1"));
    cr_assert(not(is_over));
    let_through();
    cr_assert(is_over);
    cr_assert(eq(u32, commit.unknown, 0));
    cr_assert(eq(str, (char *)stored(1, "a"), "2"));
    put(1, "b", "3"); /* with which it is told that the other is committed */
    let_through();
    cr_assert(eq(str, (char *)stored(2, "a"), "2"));
}

Test(copies, a_change_is_decided_upon_what_is_pending)
{
    bool now;

    found();
    joins(2);
    put(1, "a", "1");
    cr_assert(change(1, MAP_PUT_IF_ABSENT, "a", "2", &now) == MR_EXISTS);
    cr_assert(not(now)); /* it rests on what may still be undone */
    cr_assert(change(1, MAP_REMOVE_IF_SAME, "a", "1", &now) == MR_OK);
    cr_assert(change(1, MAP_PUT_IF_ABSENT, "a", "3", &now) == MR_OK);
    cr_assert(get(1, "a") == MR_NOT_FOUND);
    let_through();
    cr_assert(is_over);
    cr_assert(eq(str, (char *)stored(1, "a"), "3"));
}

Test(copies, a_clear_hides_what_was_before_it_and_not_what_comes_after)
{
    bool now;

    found();
    put(1, "a", "1");
    joins(2);
    put(1, "b", "2");
    cr_assert(map_clear(map_at(1)) == MR_OK);
    cr_assert(change(1, MAP_REPLACE, "a", "9", &now) == MR_NOT_FOUND);
    cr_assert(change(1, MAP_REPLACE, "b", "9", &now) == MR_NOT_FOUND);
    put(1, "b", "3");
    let_through();
    put(1, "c", "4");
    let_through();
    for (uint32_t member = 1; member <= 2; member++) {
        cr_assert(eq(str, (char *)stored(member, "a"), ""));
        cr_assert(eq(str, (char *)stored(member, "b"), "3"));
    }
}

Test(copies, the_backup_has_all_when_the_primary_is_gone)
{
    bool now;

    found();
    joins(2);
    put(1, "a", "1");
    let_through();
    cr_assert(is_over);
    cr_assert(eq(str, (char *)stored(2, "a"), "")); /* not applied yet */
    put(1, "b", "2");
    lose_all(); /* it was never sent: may be lost */
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = 2,
                       .in_sync = {2},
                       .in_sync_count = 1};
    agree(1);
    for (uint32_t p = 0; p < PARTS_EACH; p++)
        copies_again(nodes[1].partitions.at[p].copies, NOBODY);
    cr_assert(eq(str, (char *)stored(2, "a"), "1"));
    cr_assert(get(2, "a") == MR_OK);
    cr_assert(get(2, "b") == MR_NOT_FOUND);
    cr_assert(change(2, MAP_PUT, "a", "5", &now) == MR_OK);
    cr_assert(now);
    cr_assert(not(is_over));
    agree(0); /* the old one hears of it */
    cr_assert(get(1, "a") == MR_ERR_MOVED);
}

Test(copies, a_deposed_primary_says_that_it_does_not_know)
{
    found();
    joins(2);
    put(1, "a", "1");
    lose_all();
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = 2,
                       .in_sync = {2},
                       .in_sync_count = 1,
                       .learners = {1},
                       .learner_count = 1};
    agree(0);
    cr_assert(is_over);
    cr_assert(eq(u32, commit.unknown, 1));
    let_through();
    cr_assert(eq(str, (char *)stored(1, "a"), ""));
}

/* One learner after the other came and went; then two come at once, each with a walk of its own. */
Test(copies, no_two_learners_share_a_place_in_the_store)
{
    static char large[4096];
    char key[16];

    memset(large, 'x', sizeof large - 1);
    found();
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(1, key, large);
    }
    for (uint64_t i = 0; i < 3 * COPIES_MAX; i++) {
        row.epoch++;
        row.learner_count = 1;
        row.learners[0] = 100 + i;
        agree(0);
        for (uint32_t p = 0; p < PARTS_EACH; p++)
            copies_on_ack(nodes[0].partitions.at[p].copies, 100 + i,
                          &(struct replica_ack){.epoch = row.epoch});
        lose_all();
    }
    row.epoch++;
    row.learners[0] = 2;
    agree(0);
    for (int i = 0; i < 20; i++)
        deliver(&line[line_first++]); /* it is well ahead of the other */
    row.epoch++;
    row.learners[row.learner_count++] = 3;
    agree(0);
    for (int again = 0; again < 3; again++) { /* what was on its way was of another epoch */
        let_through();
        for (uint32_t p = 0; p < PARTS_EACH; p++)
            copies_again(nodes[0].partitions.at[p].copies, NOBODY);
    }
    let_through();
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert(stored(2, key)[0] == 'x');
        cr_assert(stored(3, key)[0] == 'x');
    }
}

Test(copies, nothing_is_written_with_fewer_in_sync_than_are_wanted)
{
    bool now;

    cr_assert(mr_config_set(config, "maps.m.min-in-sync", "2", NULL) == MR_OK);
    found();
    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_ERR_COPIES);
    cr_assert(get(1, "a") == MR_NOT_FOUND);
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_OK);
    let_through();
    fails_over(2);
    cr_assert(change(2, MAP_PUT, "a", "2", &now) == MR_ERR_COPIES);
    cr_assert(get(2, "a") == MR_OK);
}

static uint32_t woken;

static void wakes(struct waiter *w)
{
    (void)w;
    woken++;
}

/* Of the partition that has the key: asks member 1 to hand it over to 2. */
static struct copies *hand_over(const char *key)
{
    struct data k = text(key);
    struct partition *p = &nodes[0].partitions.at[data_partition(&k, PARTS_EACH)];

    copies_hand_over(p->copies, 2, row.epoch);
    return p->copies;
}

Test(copies, is_read_until_all_is_committed_and_then_no_more)
{
    bool now;

    found();
    put(1, "a", "1");
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "2", &now) == MR_OK);
    struct copies *c = hand_over("a");

    cr_assert(get(1, "a") == MR_OK);
    cr_assert(eq(u64, nodes[0].heir, NOBODY));
    cr_assert(change(1, MAP_PUT, "a", "3", &now) == MR_ERR_BUSY);
    let_through();
    cr_assert(eq(u64, nodes[0].heir, 2));
    cr_assert(get(1, "a") == MR_ERR_MOVED);
    cr_assert(change(1, MAP_PUT, "a", "3", &now) == MR_ERR_BUSY);
    copies_tick(c);
    cr_assert(eq(u64, nodes[0].called_off, 0));
    copies_tick(c);
    cr_assert(eq(u64, nodes[0].called_off, row.epoch));
    cr_assert(change(1, MAP_PUT, "a", "3", &now) == MR_ERR_BUSY, "time alone changes nothing");
    row.epoch++;
    agree(1);
    agree(0);
    cr_assert(get(1, "a") == MR_OK);
    cr_assert(change(1, MAP_PUT, "a", "3", &now) == MR_OK);
}

Test(copies, who_waits_goes_to_the_heir)
{
    struct waiter w = {.wake = wakes};

    found();
    joins(2);
    struct copies *c = hand_over("a");

    woken = 0;
    cr_assert(eq(u64, nodes[0].heir, 2));
    cr_assert(copies_may_write(c, &w) == MR_PENDING);
    row.epoch = row.reign = row.epoch + 1;
    row.primary = 2;
    agree(0);
    cr_assert(eq(u32, woken, 1));
    cr_assert(copies_may_write(c, &w) == MR_ERR_MOVED);
    agree(1);
    let_through();
    cr_assert(get(2, "a") == MR_NOT_FOUND);
}

Test(copies, does_not_hand_over_what_has_waited_long)
{
    bool now;

    found();
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "2", &now) == MR_OK);
    struct copies *c = hand_over("a");
    row.epoch++;
    agree(0);
    lose_all();
    copies_tick(c);
    copies_hand_over(c, 2, row.epoch);
    let_through();
    cr_assert(eq(u64, nodes[0].heir, NOBODY));
}

/* Ticks of the first member, while nobody hears anything. */
static void ticks_unheard(const char *key, int times)
{
    struct data k = text(key);

    for (; times > 0; times--) {
        copies_tick(nodes[0].partitions.at[data_partition(&k, PARTS_EACH)].copies);
        lose_all();
    }
}

Test(copies, goes_on_without_a_backup_that_does_not_acknowledge)
{
    bool now;

    found();
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_OK);
    ticks_unheard("a", STALL_TICKS);
    cr_assert(eq(u32, nodes[0].shrinks, 0));
    ticks_unheard("a", 1);
    cr_assert(eq(u32, nodes[0].shrinks, 1));
    cr_assert(eq(u64, nodes[0].shrunk, 2));
    cr_assert(not(is_over));
    row.in_sync_count = 1;
    row.learners[row.learner_count++] = 2;
    row.epoch++;
    agree(0);
    copies_again(nodes[0].partitions.at[0].copies, NOBODY);
    copies_again(nodes[0].partitions.at[1].copies, NOBODY);
    cr_assert(is_over);
    let_through();
    cr_assert(eq(str, (char *)stored(2, "a"), "1"), "it learns, and may come back");
}

Test(copies, waits_for_a_backup_that_some_map_cannot_do_without)
{
    bool now;

    cr_assert(mr_config_set(config, "maps.m.min-in-sync", "2", NULL) == MR_OK);
    found();
    joins(2);
    cr_assert(change(1, MAP_PUT, "a", "1", &now) == MR_OK);
    ticks_unheard("a", 3 * STALL_TICKS);
    cr_assert(eq(u32, nodes[0].shrinks, 0));
    let_through();
}

Test(copies, nothing_is_read_without_a_lease)
{
    bool now;

    found();
    put(1, "a", "1");
    nodes[0].partitions.lease_until_ns = 0;
    cr_assert(get(1, "a") == MR_ERR_MOVED);
    cr_assert(change(1, MAP_PUT, "a", "2", &now) == MR_ERR_BUSY);
}

Test(copies, limits_are_for_what_one_is_primary_of)
{
    struct map *m;

    cr_assert(mr_config_set(config, "maps.m.max-size", "1000", NULL) == MR_OK);
    found();
    put(1, "a", "1");
    put(1, "b", "1");
    joins(2);
    put(1, "c", "1");
    put(1, "a", "2");
    let_through();
    put(1, "d", "1");
    let_through();
    m = map_at(1);
    cr_assert(eq(u64, m->entries.reserved, 4));
    cr_assert(eq(u64, map_at(2)->entries.reserved, 0));
    put(1, "e", "1");
    lose_all();
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = 2,
                       .in_sync = {2},
                       .in_sync_count = 1};
    agree(0);
    for (uint32_t p = 0; p < PARTS_EACH; p++)
        copies_again(nodes[1].partitions.at[p].copies, NOBODY);
    cr_assert(eq(u64, m->entries.reserved, 0));
    cr_assert(eq(u64, map_at(2)->entries.reserved, 4));
    map_check(map_at(2));
}

/* The first chunk comes, the answer to it does not; before it is made again what it had has become
 * smaller, so that more would find room in it. */
Test(copies, a_chunk_that_is_made_again_ends_where_it_ended)
{
    static char large[4096];
    char key[16];

    memset(large, 'x', sizeof large - 1);
    found();
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(1, key, large);
    }
    row.epoch++;
    row.learners[row.learner_count++] = 2;
    agree(0);
    while (line_first < line_count && nodes[1].partitions.at[0].changes == 0 &&
           map_at(2)->parts[0].store.entries + map_at(2)->parts[1].store.entries == 0)
        deliver(&line[line_first++]);
    lose_all();
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "k%d", i);
        if (stored(2, key)[0])
            put(1, key, "s");
    }
    for (int again = 0; again < 3; again++) {
        for (uint32_t p = 0; p < PARTS_EACH; p++)
            copies_again(nodes[0].partitions.at[p].copies, NOBODY);
        let_through();
    }
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert(eq(str, (char *)stored(2, key), (char *)stored(1, key)), "%s", key);
        cr_assert(ne(chr, stored(2, key)[0], '\0'), "%s", key);
    }
}

/* ---- who is left alone ---------------------------------------------------------------------- */

static void leased(uint32_t member, bool is)
{
    nodes[member - 1].partitions.lease_until_ns = is ? UINT64_MAX : 0;
}

/* It can commit what the other did not acknowledge only with a lease, and others may come first. */
Test(copies, who_is_left_alone_without_a_lease_goes_on_with_it)
{
    found();
    joins(2);
    put(1, "a", "1");
    lose_all();
    leased(1, false);
    row.epoch++;
    row.in_sync_count = 1;
    agree(2);
    cr_assert(not(is_over));
    row.epoch++;
    row.learners[row.learner_count++] = 3;
    agree(2);
    leased(1, true);
    let_through();
    for (uint32_t p = 0; p < PARTS_EACH; p++)
        copies_again(nodes[0].partitions.at[p].copies, NOBODY);
    let_through();
    cr_assert(is_over);
    cr_assert(eq(u32, commit.unknown, 0));
    cr_assert(eq(str, (char *)stored(1, "a"), "1"));
    cr_assert(eq(u64, nodes[0].asked, 3));
}

/* ---- memory --------------------------------------------------------------------------------- */

Test(copies, what_finds_no_room_in_the_ring_is_nothing_to_the_others)
{
    struct map_request q = {.verb = MAP_PUT,
                            .key = text("a"),
                            .value = text("1"),
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT};
    const struct replica *r =
        &nodes[0].partitions.at[data_partition(&q.key, PARTS_EACH)].copies->replica;
    struct map_answer a;

    found();
    joins(2);
    put(1, "a", "0");
    while (r->last_seq + 1 - r->first_seq < r->ring_size)
        cr_assert(run_request(map_at(1), &q, &a) == MR_OK);
    mem_hooks_set(&scarce);
    mr_rc_t rc = run_request(map_at(1), &q, &a);

    mem_hooks_set(NULL);
    cr_assert(eq(int, rc, MR_ERR_MEMORY));
    cr_assert(not(is_over), "the first is still waited for");
}

/* ---- messages ------------------------------------------------------------------------------- */

static mr_rc_t take_chunk(const struct replica_chunk *head)
{
    struct node *n = &nodes[1];
    struct sink none = {.grows = true}, out = {.grows = true};

    sink_put(&none, "", 0);
    transfer_chunk(0, &(struct copies_chunk){head, &none}, &out);
    mr_rc_t rc = transfer_take(&n->partitions, &n->objects, 1, out.at, out.size);

    sink_free(&none);
    sink_free(&out);
    return rc;
}

Test(copies, numbers_that_nothing_could_follow_are_malformed)
{
    struct replica_chunk head = {
        .epoch = 2, .walk = 1, .number = 1, .commit_seq = UINT64_MAX, .first = true};

    found();
    learns(2);
    cr_assert(eq(int, take_chunk(&head), MR_ERR_MALFORMED));
    head.commit_seq = 1;
    head.base_epoch = 3;
    cr_assert(eq(int, take_chunk(&head), MR_ERR_MALFORMED));
    head.base_epoch = 2;
    cr_assert(eq(int, take_chunk(&head), MR_OK));
}
