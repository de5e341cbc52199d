#include "grid/cluster/metadata.h"

#include <criterion/criterion.h>

enum { PARTITIONS = 4, FOUNDER = 100, SECOND = 200, THIRD = 300 };

static struct metadata m;

static void open(void)
{
    cr_assert(metadata_init(&m, PARTITIONS, FOUNDER) == MR_OK);
}

static void close(void)
{
    metadata_check(&m);
    metadata_free(&m);
}

TestSuite(metadata, .init = open, .fini = close);

static mr_rc_t apply(struct command c)
{
    mr_rc_t rc = metadata_apply(&m, &c);

    metadata_check(&m);
    return rc;
}

static mr_rc_t admit(uint64_t member)
{
    return apply((struct command){.kind = COMMAND_ADMIT, .member = member});
}

static mr_rc_t expel(uint64_t member)
{
    return apply((struct command){.kind = COMMAND_EXPEL, .member = member});
}

/* A command about a row as it is now. */
static mr_rc_t row_command(enum command_kind kind, uint32_t partition, uint64_t member)
{
    const struct row *r = &m.rows[partition];

    return apply((struct command){.kind = kind,
                                  .member = member,
                                  .partition = partition,
                                  .epoch = r->epoch,
                                  .primary = r->primary});
}

/* Makes a member in sync everywhere. */
static void join(uint64_t member)
{
    cr_assert(admit(member) == MR_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        cr_assert(row_command(COMMAND_LEARN, i, member) == MR_OK);
        cr_assert(row_command(COMMAND_ADD, i, member) == MR_OK);
    }
}

Test(metadata, is_the_founders_at_first)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_assert(m.rows[i].primary == FOUNDER && m.rows[i].in_sync_count == 1);
}

Test(metadata, makes_another_in_sync_primary_when_one_is_expelled)
{
    join(SECOND);
    uint64_t epoch = m.rows[0].epoch;

    cr_assert(expel(FOUNDER) == MR_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        cr_assert(m.rows[i].primary == SECOND && m.rows[i].in_sync_count == 1);
        cr_assert(m.rows[i].epoch == epoch + 1 && m.rows[i].reign == epoch + 1);
    }
    cr_assert(expel(FOUNDER) == MR_EXISTS);
}

Test(metadata, shares_what_an_expelled_member_had)
{
    join(SECOND);
    join(THIRD);
    cr_assert(expel(FOUNDER) == MR_OK);
    cr_assert(metadata_member(&m, SECOND)->primaries == PARTITIONS / 2);
    cr_assert(metadata_member(&m, THIRD)->primaries == PARTITIONS / 2);
}

Test(metadata, is_offline_when_the_last_in_sync_is_gone_until_it_comes_back)
{
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(row_command(COMMAND_LEARN, 0, SECOND) == MR_OK);
    cr_assert(expel(FOUNDER) == MR_OK);
    cr_assert(m.rows[0].primary == NOBODY && row_in_sync(&m.rows[0], FOUNDER));
    cr_assert(row_command(COMMAND_LEARN, 1, SECOND) == MR_NOT_EQUAL);

    struct command c;

    cr_assert(!metadata_repair(&m, 2, &c));
    cr_assert(admit(FOUNDER) == MR_OK);
    cr_assert(m.rows[0].primary == FOUNDER && m.rows[0].in_sync_count == 1);
    cr_assert(row_learns(&m.rows[0], SECOND));
}

Test(metadata, changes_nothing_when_the_row_has_another_epoch)
{
    cr_assert(admit(SECOND) == MR_OK);
    struct command c = {
        .kind = COMMAND_LEARN, .member = SECOND, .partition = 0, .epoch = m.rows[0].epoch + 1};

    cr_assert(apply(c) == MR_NOT_EQUAL);
    c.epoch--;
    c.partition = PARTITIONS;
    cr_assert(apply(c) == MR_NOT_EQUAL);
    c.partition = 0;
    cr_assert(apply(c) == MR_OK);
    cr_assert(apply(c) == MR_NOT_EQUAL, "it has another now");
}

Test(metadata, adds_only_learners_and_only_for_the_primary)
{
    struct command c = {.kind = COMMAND_ADD, .member = SECOND, .primary = FOUNDER};

    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(row_command(COMMAND_ADD, 0, SECOND) == MR_NOT_EQUAL);
    cr_assert(row_command(COMMAND_LEARN, 0, SECOND) == MR_OK);
    c.epoch = m.rows[0].epoch;
    c.primary = SECOND;
    cr_assert(apply(c) == MR_NOT_EQUAL);
    c.primary = FOUNDER;
    cr_assert(apply(c) == MR_OK);
    cr_assert(row_in_sync(&m.rows[0], SECOND) && !row_learns(&m.rows[0], SECOND));
}

Test(metadata, does_not_add_who_was_out_in_between)
{
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(row_command(COMMAND_LEARN, 0, SECOND) == MR_OK);
    struct command c = {
        .kind = COMMAND_ADD, .member = SECOND, .epoch = m.rows[0].epoch, .primary = FOUNDER};

    cr_assert(expel(SECOND) == MR_OK);
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(row_command(COMMAND_LEARN, 0, SECOND) == MR_OK);
    cr_assert(apply(c) == MR_NOT_EQUAL);
}

Test(metadata, lets_who_cannot_keep_up_learn)
{
    join(SECOND);
    cr_assert(row_command(COMMAND_SHRINK, 0, SECOND) == MR_OK);
    cr_assert(m.rows[0].in_sync_count == 1 && row_learns(&m.rows[0], SECOND));
    cr_assert(row_command(COMMAND_SHRINK, 0, FOUNDER) == MR_NOT_EQUAL);
    cr_assert(row_command(COMMAND_FORGET, 0, SECOND) == MR_OK);
    cr_assert(m.rows[0].learner_count == 0);
}

static mr_rc_t move(uint64_t member, uint64_t epoch, uint64_t asks)
{
    return apply(
        (struct command){.kind = COMMAND_MOVE, .member = member, .epoch = epoch, .primary = asks});
}

Test(metadata, moves_a_primary_and_remembers_from_whom)
{
    join(SECOND);
    uint64_t before = metadata_member(&m, FOUNDER)->taken;

    cr_assert(move(SECOND, m.rows[0].epoch, NOBODY) == MR_OK);
    cr_assert(m.rows[0].primary == SECOND && m.rows[0].reign == m.rows[0].epoch);
    cr_assert(row_learns(&m.rows[0], FOUNDER) && !row_in_sync(&m.rows[0], FOUNDER));
    cr_assert(before < m.index && metadata_member(&m, FOUNDER)->taken == m.index);
    cr_assert(row_command(COMMAND_MOVE, 0, THIRD) == MR_NOT_EQUAL);
}

Test(metadata, takes_nothing_from_who_has_handed_over)
{
    join(SECOND);
    uint64_t before = metadata_member(&m, FOUNDER)->taken;

    cr_assert(row_command(COMMAND_MOVE, 0, SECOND) == MR_OK);
    cr_assert(m.rows[0].primary == SECOND && m.rows[0].reign == m.rows[0].epoch);
    cr_assert(row_in_sync(&m.rows[0], FOUNDER), "it has done nothing that is not committed");
    cr_assert(metadata_member(&m, FOUNDER)->taken == before);
    cr_assert(move(FOUNDER, m.rows[0].epoch, FOUNDER) == MR_NOT_EQUAL, "it is not primary");
}

Test(metadata, calls_off_a_hand_over_with_a_new_epoch)
{
    join(SECOND);
    struct row before = m.rows[0];

    cr_assert(row_command(COMMAND_MOVE, 0, FOUNDER) == MR_OK);
    cr_assert(m.rows[0].epoch == before.epoch + 1 && m.rows[0].reign == before.reign);
    cr_assert(move(SECOND, before.epoch, FOUNDER) == MR_NOT_EQUAL, "it comes too late");
    cr_assert(m.rows[0].primary == FOUNDER);
}

Test(metadata, forgets_who_is_in_sync_as_long_as_others_are)
{
    join(SECOND);
    cr_assert(row_command(COMMAND_FORGET, 0, FOUNDER) == MR_NOT_EQUAL, "it is primary");
    cr_assert(row_command(COMMAND_FORGET, 0, SECOND) == MR_OK);
    cr_assert(m.rows[0].in_sync_count == 1 && !row_learns(&m.rows[0], SECOND));
    cr_assert(row_command(COMMAND_MOVE, 1, SECOND) == MR_OK && expel(SECOND) == MR_OK);
    cr_assert(expel(FOUNDER) == MR_OK && m.rows[0].primary == NOBODY);
    cr_assert(row_command(COMMAND_FORGET, 0, FOUNDER) == MR_NOT_EQUAL, "it may hold what was");
}

Test(metadata, grants_nothing_to_who_has_not_heard_that_it_was_out)
{
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(expel(SECOND) == MR_OK);
    cr_assert(metadata_member(&m, SECOND) == NULL);
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(metadata_member(&m, SECOND)->taken == m.index);
}

Test(metadata, repairs_until_there_are_enough_copies)
{
    struct command c;
    int done = 0;

    cr_assert(!metadata_repair(&m, 2, &c), "there is nobody");
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(admit(THIRD) == MR_OK);
    for (; metadata_repair(&m, 2, &c); done++)
        cr_assert(apply(c) == MR_OK);
    cr_assert(done == PARTITIONS);
    cr_assert(metadata_member(&m, SECOND)->copies == PARTITIONS / 2);
    cr_assert(metadata_member(&m, THIRD)->copies == PARTITIONS / 2);
}

static mr_rc_t leave(uint64_t member)
{
    return apply((struct command){.kind = COMMAND_LEAVE, .member = member});
}

static bool leaves(uint64_t member)
{
    return metadata_member(&m, member)->leaves;
}

Test(metadata, lets_all_leave_but_the_last)
{
    cr_assert(leave(SECOND) == MR_NOT_EQUAL && leave(FOUNDER) == MR_NOT_EQUAL);
    join(SECOND);
    cr_assert(leave(SECOND) == MR_OK && leaves(SECOND));
    cr_assert(leave(SECOND) == MR_EXISTS && leave(FOUNDER) == MR_NOT_EQUAL);
    cr_assert(metadata_staying(&m) == 1);
}

Test(metadata, has_the_first_of_those_who_leave_stay_when_all_others_are_gone)
{
    join(SECOND);
    join(THIRD);
    cr_assert(leave(THIRD) == MR_OK && leave(SECOND) == MR_OK);
    cr_assert(expel(FOUNDER) == MR_OK);
    cr_assert(!(leaves(SECOND)) && leaves(THIRD));
}

Test(metadata, gives_nothing_to_who_leaves_and_copies_what_it_has)
{
    struct command c;

    join(SECOND);
    cr_assert(admit(THIRD) == MR_OK && leave(SECOND) == MR_OK);
    cr_assert(metadata_repair(&m, 2, &c) && c.member == THIRD);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_assert(metadata_repair(&m, 2, &c) && apply(c) == MR_OK);
    cr_assert(!metadata_repair(&m, 2, &c));
    cr_assert(metadata_member(&m, THIRD)->copies == PARTITIONS);
}

Test(metadata, has_handed_over_before_it_copies_what_a_leaving_primary_has)
{
    struct command c;

    join(SECOND);
    cr_assert(admit(THIRD) == MR_OK && leave(FOUNDER) == MR_OK);
    cr_assert(!metadata_repair(&m, 2, &c), "its successor would copy it once more");
    cr_assert(row_command(COMMAND_MOVE, 0, SECOND) == MR_OK);
    cr_assert(metadata_repair(&m, 2, &c) && c.partition == 0 && c.member == THIRD);
}

Test(metadata, makes_one_who_stays_primary_rather_than_one_who_leaves)
{
    join(SECOND);
    join(THIRD);
    cr_assert(row_command(COMMAND_MOVE, 0, THIRD) == MR_OK && leave(SECOND) == MR_OK);
    cr_assert(expel(FOUNDER) == MR_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++)
        cr_assert(m.rows[i].primary == THIRD);
}

Test(metadata, takes_in_anew_who_had_left)
{
    join(SECOND);
    cr_assert(leave(SECOND) == MR_OK && expel(SECOND) == MR_OK && admit(SECOND) == MR_OK);
    cr_assert(!(leaves(SECOND)));
}

Test(metadata, has_room_for_so_many)
{
    for (uint64_t i = 1; i < CLUSTER_MEMBERS_MAX; i++)
        cr_assert(admit(1000 + i) == MR_OK);
    cr_assert(admit(9999) == MR_ERR_FULL);
    cr_assert(admit(1001) == MR_EXISTS);
}

Test(metadata, takes_no_command_of_nobody_about_what_is_offline)
{
    cr_assert(admit(SECOND) == MR_OK);
    cr_assert(row_command(COMMAND_LEARN, 0, SECOND) == MR_OK);
    cr_assert(expel(FOUNDER) == MR_OK);
    cr_assert(m.rows[0].primary == NOBODY);
    cr_assert(row_command(COMMAND_SHRINK, 0, FOUNDER) == MR_NOT_EQUAL);
    cr_assert(row_command(COMMAND_ADD, 0, SECOND) == MR_NOT_EQUAL);
}

Test(metadata, numbers_members_by_the_command_that_admitted_them)
{
    const struct command again = {.kind = COMMAND_ADMIT, .member = SECOND};

    cr_assert(metadata_member(&m, FOUNDER)->joined == 1);
    cr_assert(metadata_apply_at(&m, 7, &again) == MR_OK && m.index == 7);
    cr_assert(metadata_member(&m, SECOND)->joined == 7);
    cr_assert(metadata_apply_at(&m, 9, &again) == MR_EXISTS);
    cr_assert(metadata_member(&m, SECOND)->joined == 7);
    cr_assert(expel(SECOND) == MR_OK && metadata_apply_at(&m, 20, &again) == MR_OK);
    cr_assert(metadata_member(&m, SECOND)->joined == 20);
}

static mr_rc_t open_session(uint64_t index, uint64_t client)
{
    return metadata_apply_at(
        &m, index,
        &(struct command){.kind = COMMAND_OPEN, .member = FOUNDER, .cluster_low = client});
}

static mr_rc_t expire(uint64_t session)
{
    return metadata_apply(
        &m, &(struct command){.kind = COMMAND_EXPIRE, .member = FOUNDER, .epoch = session});
}

Test(metadata, numbers_sessions_by_the_command_that_opened_them)
{
    cr_assert(open_session(10, 1) == MR_OK && open_session(12, 2) == MR_OK);
    cr_assert(metadata_session(&m, 0, 1) == 10 && metadata_session(&m, 0, 2) == 12);
    cr_assert(metadata_session(&m, 1, 1) == 0 && metadata_session(&m, 0, 3) == 0);
    metadata_check(&m);
}

Test(metadata, leaves_a_client_the_session_it_has)
{
    cr_assert(open_session(10, 1) == MR_OK && open_session(11, 1) == MR_EXISTS);
    cr_assert(metadata_session(&m, 0, 1) == 10 && m.session_count == 1);
}

Test(metadata, never_gives_a_session_the_number_of_one_that_is_over)
{
    cr_assert(open_session(10, 1) == MR_OK && open_session(11, 2) == MR_OK);
    cr_assert(expire(10) == MR_OK && expire(10) == MR_EXISTS);
    cr_assert(metadata_session(&m, 0, 1) == 0 && metadata_session(&m, 0, 2) == 11);
    cr_assert(open_session(20, 1) == MR_OK && metadata_session(&m, 0, 1) == 20);
    metadata_check(&m);
}

Test(metadata, has_room_for_so_many_sessions)
{
    for (uint64_t i = 1; i <= CLUSTER_SESSIONS_MAX; i++)
        cr_assert(open_session(10 + i, i) == MR_OK);
    cr_assert(open_session(9999, 9999) == MR_ERR_FULL);
    cr_assert(expire(11) == MR_OK && open_session(10001, 9999) == MR_OK);
    metadata_check(&m);
}
