/* Changes that take effect once. */
#include "grid/op/once.h"

#include <stdio.h>
#include <stdlib.h>

#include "grid/data/map_object.h"
#include "grid/op/run.h"
#include "tests/unit/grid/op/nodes.h"

enum { SESSION = 7, APPLIED = 20 };

static struct once_open *opened;
static uint8_t room[SESSION_RESULT_MAX];
static struct once once;
static struct map_answer answer;
static bool now; /* it may be answered at once */

/* This session is open everywhere, or, where it is 0, none. */
static void open_sessions(uint64_t session, uint64_t applied)
{
    struct once_open *open = malloc(sizeof *open + sizeof open->numbers[0]);

    *open = (struct once_open){.applied = applied, .count = session != 0};
    open->numbers[0] = session;
    for (uint32_t i = 0; i < NODE_COUNT; i++)
        for (uint32_t p = 0; p < PARTS_EACH; p++)
            once_open(nodes[i].partitions.at[p].copies, open);
    free(opened);
    opened = open;
}

static void open_all(void)
{
    open_nodes();
    open_sessions(SESSION, APPLIED);
    found();
}

static void close_all(void)
{
    close_nodes();
    free(opened);
    opened = NULL;
}

TestSuite(once, .init = open_all, .fini = close_all);

static struct map *map_at(uint32_t member)
{
    struct object *o;

    cr_assert(objects_open(&nodes[member - 1].objects, OBJECT_MAP, "m", &o) == MR_OK);
    return object_map(o);
}

/* Asks for a change of the key "k", with this number. */
static mr_rc_t ask(uint32_t member, uint64_t opno, enum map_verb verb, const char *value)
{
    struct map_request q = {.verb = verb,
                            .key = text("k"),
                            .value = text(value),
                            .expected = text(value),
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT};

    once = (struct once){.call = {SESSION, opno, 1}, .answer = room};
    is_over = false;
    commit_begin(&commit, over);
    once_self = &once;
    mr_rc_t rc = run_request(map_at(member), &q, &answer);

    once_self = NULL;
    now = commit_end(&commit);
    return rc;
}

static bool answer_is(const char *value)
{
    struct data d = text(value);

    return answer.present && data_equal(&answer.value, &d);
}

static bool has(uint32_t member, const char *value)
{
    struct map *m = map_at(member);
    struct data k = text("k"), d = text(value);
    const struct record *r =
        store_get(&m->parts[data_partition(&k, PARTS_EACH)].store, key_hash(&k), &k);
    struct data there = r ? record_value(r) : (struct data){0};

    return data_equal(&there, &d);
}

static struct partition *part(uint32_t member)
{
    struct data k = text("k");

    return &nodes[member - 1].partitions.at[data_partition(&k, PARTS_EACH)];
}

static void tick(uint32_t member)
{
    partition_lock(part(member));
    copies_tick(part(member)->copies);
    partition_unlock(part(member));
    let_through();
}

static const struct sessions *table(uint32_t member)
{
    sessions_check(&part(member)->copies->sessions);
    return &part(member)->copies->sessions;
}

/* ---- one member ----------------------------------------------------------------------------- */

Test(once, alone_a_change_is_done_once)
{
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_OK));
    cr_assert(answer_is("a"));
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
    cr_assert(not(answer.present));
    cr_assert(has(1, "b"));
}

Test(once, what_did_not_change_anything_is_not_done_later_either)
{
    cr_assert(eq(int, ask(1, 1, MAP_REPLACE, "a"), MR_NOT_FOUND));
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_OK));
    cr_assert(eq(int, ask(1, 1, MAP_REPLACE, "a"), MR_NOT_FOUND));
    cr_assert(has(1, "b"));
}

Test(once, a_session_that_is_over_changes_nothing)
{
    open_sessions(0, APPLIED);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_ERR_BUSY));
    cr_assert(eq(int, once.verdict, ONCE_EXPIRED));
    cr_assert(not(has(1, "a")));
}

Test(once, a_session_that_is_not_known_yet_changes_nothing_yet)
{
    open_sessions(0, SESSION - 1);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_ERR_BUSY));
    cr_assert(eq(int, once.verdict, ONCE_BEHIND));
}

Test(once, what_is_refused_may_be_asked_for_again)
{
    cr_assert(eq(int, ask(2, 1, MAP_PUT, "a"), MR_ERR_MOVED));
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_NEW));
}

Test(once, a_value_that_is_too_long_is_not_remembered_but_that_it_was_done_is)
{
    char value[SESSION_RESULT_MAX + 1] = {0};

    memset(value, 'x', SESSION_RESULT_MAX);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, value), MR_OK));
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_OK));
    cr_assert(answer_is(value));
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_ERR_OUTCOME_UNKNOWN));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
}

/* ---- copies --------------------------------------------------------------------------------- */

Test(once, who_is_primary_next_remembers)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    let_through();
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_OK));
    let_through();
    cr_assert(is_over);
    cr_assert(eq(int, ask(1, 3, MAP_REPLACE_IF_SAME, "c"), MR_NOT_EQUAL));
    let_through();
    fails_over(2);
    cr_assert(eq(int, ask(2, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
    cr_assert(now);
    cr_assert(eq(int, ask(2, 2, MAP_PUT, "b"), MR_OK));
    cr_assert(answer_is("a"));
    cr_assert(eq(int, ask(2, 3, MAP_REPLACE_IF_SAME, "c"), MR_NOT_EQUAL));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
    cr_assert(has(2, "b"));
}

/* The answer got lost with the primary; the backup had it all. */
Test(once, what_nobody_heard_of_is_known_to_the_next_one)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(not(now));
    deliver(&line[line_first++]); /* the backup has it, and its acknowledgement is lost */
    lose_all();
    fails_over(2);
    cr_assert(eq(int, ask(2, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
    cr_assert(has(2, "a"));
}

Test(once, what_the_next_one_never_had_is_done_there)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    lose_all();
    fails_over(2);
    cr_assert(eq(int, ask(2, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_NEW));
    cr_assert(has(2, "a"));
}

Test(once, who_asks_again_before_it_is_committed_waits_for_the_same)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT_IF_ABSENT, "a"), MR_OK));
    uint64_t written = part(1)->copies->replica.last_seq;

    lose_all();
    cr_assert(eq(int, ask(1, 1, MAP_PUT_IF_ABSENT, "a"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_PENDING));
    cr_assert(not(now));
    cr_assert(eq(u64, part(1)->copies->replica.last_seq, written));
    copies_again(part(1)->copies, NOBODY);
    let_through();
    cr_assert(is_over);
    cr_assert(not(commit.unknown));
}

Test(once, a_learner_is_given_what_was_answered)
{
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    cr_assert(eq(int, ask(1, 2, MAP_PUT, "b"), MR_OK));
    joins(2);
    cr_assert(eq(u64, table(2)->digest, table(1)->digest));
    fails_over(2);
    cr_assert(eq(int, ask(2, 2, MAP_PUT, "b"), MR_OK));
    cr_assert(eq(int, once.verdict, ONCE_DONE));
    cr_assert(answer_is("a"));
}

Test(once, a_large_table_is_given_in_parts)
{
    char value[200] = {0};

    memset(value, 'y', sizeof value - 1);
    for (uint64_t i = 1; i <= SESSION_WINDOW; i++)
        cr_assert(eq(int, ask(1, i, MAP_PUT, value), MR_OK));
    cr_assert(eq(int, ask(1, SESSION_WINDOW + 1, MAP_PUT, "z"), MR_ERR_BUSY));
    cr_assert(eq(int, once.verdict, ONCE_FULL));
    cr_assert(table(1)->bytes > COPIES_CHUNK);
    joins(2);
    cr_assert(eq(u64, table(2)->digest, table(1)->digest));
}

Test(once, copies_have_the_same_table)
{
    joins(2);
    for (uint64_t i = 1; i < 20; i++)
        cr_assert(ask(1, i, i % 3 ? MAP_PUT : MAP_REMOVE, "a") < MR_ERR_MEMORY);
    let_through();
    tick(1);
    cr_assert(eq(u64, table(2)->digest, table(1)->digest));
    cr_assert(ne(u64, table(2)->digest, 0));
}

Test(once, a_session_that_is_over_is_forgotten_by_all)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    let_through();
    tick(1);
    cr_assert(eq(u32, table(2)->count, 1));
    open_sessions(0, APPLIED);
    tick(1);
    tick(1);
    cr_assert(eq(u32, table(1)->count, 0));
    cr_assert(eq(u32, table(2)->count, 0));
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_ERR_BUSY));
    cr_assert(eq(int, once.verdict, ONCE_EXPIRED));
}

Test(once, alone_too)
{
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    open_sessions(0, APPLIED);
    tick(1);
    cr_assert(eq(u32, table(1)->count, 0));
}

/* What is taken out here for other reasons bears nothing of the call. */
Test(once, only_what_was_asked_for_is_remembered)
{
    joins(2);
    cr_assert(eq(int, ask(1, 1, MAP_PUT, "a"), MR_OK));
    let_through();
    cr_assert(eq(int, ask(1, 2, MAP_REMOVE, ""), MR_OK));
    let_through();
    tick(1);
    cr_assert(eq(u32, table(1)->count, 1));
    cr_assert(eq(u64, table(1)->digest, table(2)->digest));
    cr_assert(eq(int, ask(1, 2, MAP_REMOVE, ""), MR_OK));
    cr_assert(answer_is("a"));
}
