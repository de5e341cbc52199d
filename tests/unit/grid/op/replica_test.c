#include "grid/op/replica.h"

#include <criterion/criterion.h>

#include "net/base/mem.h"

/* One replica, and what it wants done; effects are numbers on the heap. */
enum { PRIMARY = 1, BACKUP = 2, LEARNER = 3, LAST = 64 };

static struct replica r;
static struct {
    struct replica_append append;
    struct replica_ack ack;
    struct replica_chunk chunk;
    uint64_t to, added, heir, shrunk, shrunk_epoch;
    int shrinks, appends, acks, chunks, wiped, wholes, unknown, served, ready, called_off;
    int applied[LAST], applied_count;
    int committed[LAST], committed_count;
} did;

static void *effect_of(int n)
{
    int *e = mem_alloc(sizeof *e);

    *e = n;
    return e;
}

static void on_append(struct replica *x, uint64_t to, const struct replica_append *a)
{
    (void)x;
    did.append = *a;
    did.to = to;
    did.appends++;
}

static void on_ack(struct replica *x, uint64_t to, const struct replica_ack *a)
{
    (void)x;
    did.ack = *a;
    did.to = to;
    did.acks++;
}

static bool on_chunk(struct replica *x, uint64_t to, const struct replica_chunk *c)
{
    (void)x;
    did.chunk = *c;
    did.to = to;
    did.chunks++;
    return c->number == 2;
}

static void on_apply(struct replica *x, const struct replica_op *op)
{
    (void)x;
    if (!op->early)
        did.applied[did.applied_count++ % LAST] = *(int *)op->effect;
}

static void on_take_chunk(struct replica *x, const struct replica_chunk *c)
{
    (void)x, (void)c;
}

static void on_whole(struct replica *x)
{
    (void)x;
    did.wholes++;
}

static void on_wipe(struct replica *x)
{
    (void)x;
    did.wiped++;
}

static void on_committed(struct replica *x, void *ticket, uint64_t seq)
{
    (void)x, (void)seq;
    did.committed[did.committed_count++ % LAST] = *(int *)ticket;
}

static void on_unknown(struct replica *x, void *ticket)
{
    (void)x, (void)ticket;
    did.unknown++;
}

static void on_release(struct replica *x, void *effect)
{
    (void)x;
    mem_free(effect);
}

static void on_ask_add(struct replica *x, uint64_t member, uint64_t epoch)
{
    (void)x, (void)epoch;
    did.added = member;
}

static void on_serving(struct replica *x)
{
    (void)x;
    did.served++;
}

static void on_ready(struct replica *x, uint64_t to, uint64_t epoch)
{
    (void)x, (void)epoch;
    did.heir = to;
    did.ready++;
}

static void on_call_off(struct replica *x, uint64_t epoch)
{
    (void)x, (void)epoch;
    did.called_off++;
}

static void on_ask_shrink(struct replica *x, uint64_t member, uint64_t epoch)
{
    (void)x;
    did.shrunk = member;
    did.shrunk_epoch = epoch;
    did.shrinks++;
}

static const struct replica_out out = {on_append,     on_ack,      on_chunk,     on_apply,
                                       on_take_chunk, on_whole,    on_wipe,      on_committed,
                                       on_unknown,    on_release,  on_ask_add,   on_serving,
                                       on_ready,      on_call_off, on_ask_shrink};

static const struct row both = {
    .epoch = 1, .reign = 1, .primary = PRIMARY, .in_sync = {PRIMARY, BACKUP}, .in_sync_count = 2};

static void open_as(uint64_t self)
{
    memset(&did, 0, sizeof did);
    cr_assert(replica_init(&r, self, &out, NULL, 4) == MR_OK);
}

static void close(void)
{
    replica_check(&r);
    replica_free(&r);
}

/* A primary that serves, with a backup that holds nothing yet. */
static void open_primary(void)
{
    open_as(PRIMARY);
    replica_row(&r, &both);
    replica_on_ack(&r, BACKUP, &(struct replica_ack){.epoch = 1, .whole = true}, true);
    cr_assert(r.state == REPLICA_SERVING && did.served == 1);
}

static int tickets[LAST];

static mr_rc_t write(int n, bool leased)
{
    tickets[n] = n;
    void *e = effect_of(n);
    mr_rc_t rc = replica_write(&r, e, &tickets[n], false, leased);

    if (rc != MR_OK)
        mem_free(e);
    return rc;
}

static void backup_says(uint64_t seq, bool settled)
{
    replica_on_ack(&r, BACKUP,
                   &(struct replica_ack){
                       .epoch = r.row.epoch, .held_seq = seq, .settled = settled, .whole = true},
                   false);
}

static void backup_holds(uint64_t seq)
{
    backup_says(seq, false);
}

/* ---- the primary ---------------------------------------------------------------------------- */

Test(replica, commits_when_the_backup_holds_it, .init = open_primary, .fini = close)
{
    cr_assert(write(1, true) == MR_OK && write(2, true) == MR_OK);
    cr_assert(did.append.count == 1 && did.append.after_seq == 1 && did.to == BACKUP);
    cr_assert(did.applied_count == 0 && did.committed_count == 0);
    backup_holds(1);
    cr_assert(did.applied_count == 1 && did.committed_count == 1 && did.committed[0] == 1);
    backup_holds(2);
    cr_assert(did.committed_count == 2 && did.committed[1] == 2);
}

Test(replica, does_not_count_what_was_acknowledged_in_another_epoch, .init = open_primary,
     .fini = close)
{
    struct row next = both;

    cr_assert(write(1, true) == MR_OK);
    next.epoch = 2;
    replica_row(&r, &next);
    replica_on_ack(&r, BACKUP, &(struct replica_ack){.epoch = 1, .held_seq = 1, .whole = true},
                   true);
    cr_assert(did.committed_count == 0);
    backup_holds(1);
    cr_assert(did.committed_count == 1);
}

Test(replica, commits_alone_only_with_a_lease, .init = open_primary, .fini = close)
{
    struct row alone = both;

    cr_assert(write(1, true) == MR_OK);
    alone.epoch = 2;
    alone.in_sync_count = 1;
    replica_row(&r, &alone);
    cr_assert(write(2, false) == MR_OK);
    cr_assert(did.committed_count == 0);
    replica_again(&r, NOBODY, true);
    cr_assert(did.committed_count == 2);
}

Test(replica, says_that_it_does_not_know_when_it_is_deposed, .init = open_primary, .fini = close)
{
    struct row deposed = both;

    cr_assert(write(1, true) == MR_OK);
    deposed.epoch = deposed.reign = 2;
    deposed.primary = BACKUP;
    replica_row(&r, &deposed);
    cr_assert(did.unknown == 1 && did.committed_count == 0);
    cr_assert(r.last_seq == 1, "others may have it, and want it from here");
    cr_assert(write(2, true) == MR_ERR_STALE);
}

Test(replica, ignores_rows_that_are_older, .init = open_primary, .fini = close)
{
    struct row older = both;

    older.epoch = 0;
    older.primary = BACKUP;
    replica_row(&r, &older);
    cr_assert(r.state == REPLICA_SERVING);
}

Test(replica, sends_earlier_ones_to_who_misses_them, .init = open_primary, .fini = close)
{
    for (int i = 1; i <= 3; i++)
        cr_assert(write(i, true) == MR_OK);
    replica_on_ack(&r, BACKUP,
                   &(struct replica_ack){.epoch = 1, .held_seq = 0, .missing = true, .whole = true},
                   true);
    cr_assert(did.append.after_seq == 0 && did.append.count == 3);
    int appends = did.appends;

    cr_assert(write(4, true) == MR_OK);
    cr_assert(did.appends == appends, "one at a time, until one fits");
    backup_holds(3);
    cr_assert(did.append.after_seq == 3 && did.append.count == 1);
}

Test(replica, copies_its_store_to_who_is_too_far_behind, .init = open_primary, .fini = close)
{
    struct row wider = both;

    for (int i = 1; i <= 20; i++) {
        cr_assert(write(i, true) == MR_OK);
        backup_holds((uint64_t)i);
    }
    wider.epoch = 2;
    wider.learners[0] = LEARNER;
    wider.learner_count = 1;
    replica_row(&r, &wider);
    replica_on_ack(&r, LEARNER, &(struct replica_ack){.epoch = 2, .missing = true, .whole = true},
                   true);
    cr_assert(did.chunks == 1 && did.chunk.first && did.chunk.commit_seq == 20);
    replica_on_ack(
        &r, LEARNER,
        &(struct replica_ack){.epoch = 2, .held_seq = 20, .walk = did.chunk.walk, .chunk = 1},
        true);
    cr_assert(did.chunks == 2 && did.chunk.number == 2 && did.added == NOBODY);
    replica_on_ack(
        &r, LEARNER,
        &(struct replica_ack){
            .epoch = 2, .held_seq = 20, .whole = true, .walk = did.chunk.walk, .chunk = 2},
        true);
    backup_holds(20);
    cr_assert(did.added == LEARNER);

    /* and from now on it is waited for */
    cr_assert(write(21, true) == MR_OK);
    backup_holds(21);
    cr_assert(did.committed_count == 20);
}

/* ---- handing over --------------------------------------------------------------------------- */

Test(replica, is_ready_when_its_heir_has_done_all, .init = open_primary, .fini = close)
{
    cr_assert(write(1, true) == MR_OK);
    replica_hand_over(&r, BACKUP, 1, true);
    cr_assert(r.state == REPLICA_DRAINING && replica_may_read(&r));
    cr_assert(write(2, true) == MR_ERR_STALE);
    backup_holds(1);
    cr_assert(did.committed_count == 1 && did.append.commit_seq == 1 && did.append.count == 0);
    cr_assert(r.state == REPLICA_DRAINING, "what it does now it would tell of as primary");
    backup_says(1, true);
    cr_assert(r.state == REPLICA_HANDING && !replica_may_read(&r));
    cr_assert(did.ready == 1 && did.heir == BACKUP && did.committed_count == 1);
    replica_again(&r, NOBODY, true);
    cr_assert(did.ready == 2, "it may have been lost");
}

Test(replica, goes_on_when_a_row_says_so_and_not_before, .init = open_primary, .fini = close)
{
    struct row same = both;

    cr_assert(write(1, true) == MR_OK);
    replica_hand_over(&r, BACKUP, 1, true);
    replica_call_off(&r);
    replica_row(&r, &same);
    cr_assert(did.called_off == 1 && write(2, true) == MR_ERR_STALE);
    same.epoch = 2;
    replica_row(&r, &same);
    cr_assert(r.state == REPLICA_SERVING && write(2, true) == MR_OK);
    backup_holds(2);
    cr_assert(did.unknown == 0 && did.committed_count == 2 && did.chunks == 0);
    replica_call_off(&r);
    cr_assert(did.called_off == 1);
}

Test(replica, hands_over_to_none_but_who_is_in_sync_and_in_its_epoch, .init = open_primary,
     .fini = close)
{
    struct row next = both;

    replica_hand_over(&r, BACKUP, 0, true);
    replica_hand_over(&r, PRIMARY, 1, true);
    replica_hand_over(&r, LEARNER, 1, true);
    cr_assert(r.state == REPLICA_SERVING);
    next.epoch = 2;
    replica_row(&r, &next);
    int before = did.appends;

    replica_hand_over(&r, BACKUP, 2, true);
    cr_assert(r.state == REPLICA_SERVING, "it has not been heard in this epoch");
    cr_assert(did.appends == before + 1, "and so is asked");
    backup_says(0, true);
    cr_assert(r.state == REPLICA_HANDING && did.ready == 1);
}

Test(replica, follows_the_one_it_has_handed_over_to, .init = open_primary, .fini = close)
{
    struct row handed = both;

    replica_hand_over(&r, BACKUP, 1, true);
    handed.epoch = handed.reign = 2;
    handed.primary = BACKUP;
    replica_row(&r, &handed);
    cr_assert(r.state == REPLICA_BACKUP && did.unknown == 0 && did.wiped == 0);
}

/* ---- who has stalled ------------------------------------------------------------------------ */

static void tick(int times, bool leased)
{
    for (; times > 0; times--)
        replica_tick(&r, leased);
}

/* As a learner, or in sync again. */
static struct row with_backup(uint64_t epoch, bool in_sync)
{
    struct row row = both;

    row.epoch = epoch;
    row.in_sync_count = in_sync ? 2 : 1;
    row.learner_count = !in_sync;
    row.learners[0] = in_sync ? NOBODY : BACKUP;
    return row;
}

Test(replica, asks_to_take_out_who_does_not_acknowledge, .init = open_primary, .fini = close)
{
    tick(5 * STALL_TICKS, true);
    cr_assert(did.shrinks == 0, "nothing is waited for");
    cr_assert(write(1, true) == MR_OK);
    tick(STALL_TICKS - 1, true);
    cr_assert(did.shrinks == 0);
    tick(1, true);
    cr_assert(did.shrinks == 1 && did.shrunk == BACKUP && did.shrunk_epoch == 1);
    cr_assert(did.committed_count == 0, "it counts until a row says otherwise");
    tick(STALL_AGAIN, true);
    cr_assert(did.shrinks == 2, "it may have been lost");
    struct row alone = with_backup(2, false);

    replica_row(&r, &alone);
    replica_again(&r, NOBODY, true);
    cr_assert(did.committed_count == 1);
}

Test(replica, asks_for_nothing_while_it_moves, .init = open_primary, .fini = close)
{
    for (int i = 1; i <= 5; i++)
        cr_assert(write(i, true) == MR_OK);
    for (uint64_t i = 1; i < 5; i++) {
        tick(STALL_TICKS - 1, true);
        backup_holds(i);
        tick(1, true);
    }
    cr_assert(did.shrinks == 0);
}

Test(replica, asks_for_nothing_without_a_lease, .init = open_primary, .fini = close)
{
    cr_assert(write(1, true) == MR_OK);
    tick(3 * STALL_TICKS, false);
    cr_assert(did.shrinks == 0);
}

Test(replica, goes_on_counting_over_epochs_that_are_not_answered, .init = open_primary,
     .fini = close)
{
    struct row next = both;

    tick(1, true);
    cr_assert(write(1, true) == MR_OK);
    for (next.epoch = 2; next.epoch < 4; next.epoch++) {
        tick(STALL_TICKS / 2, true);
        replica_row(&r, &next);
    }
    cr_assert(did.shrinks == 1 && did.shrunk_epoch == 2);
}

Test(replica, asks_for_nothing_where_several_lag_at_once, .init = open_primary, .fini = close)
{
    struct row three = both;

    three.epoch = 2;
    three.in_sync[three.in_sync_count++] = LEARNER;
    replica_row(&r, &three);
    cr_assert(write(1, true) == MR_OK);
    tick(3 * STALL_TICKS, true);
    cr_assert(did.shrinks == 0, "it may be this member that is sick");
    replica_on_ack(&r, LEARNER, &(struct replica_ack){.epoch = 2, .held_seq = 1, .whole = true},
                   true);
    tick(STALL_AGAIN, true);
    cr_assert(did.shrinks == 1 && did.shrunk == BACKUP);
}

/* How many ticks it keeps up until it is asked for again. */
static int rest_of(uint64_t epoch)
{
    struct row out_of_sync = with_backup(epoch, false);
    int ticks = 0;

    did.added = NOBODY;
    replica_row(&r, &out_of_sync);
    tick(10, true);
    backup_holds(r.last_seq);
    for (; did.added == NOBODY && ticks < 2 * STALL_RESTS_MAX; ticks++) {
        tick(1, true);
        replica_again(&r, NOBODY, true);
    }
    return ticks;
}

Test(replica, lets_who_had_stalled_come_back_more_slowly_each_time, .init = open_primary,
     .fini = close)
{
    struct row in_sync = with_backup(3, true);

    cr_assert(rest_of(2) == STALL_RESTS);
    replica_row(&r, &in_sync);
    cr_assert(rest_of(4) == 2 * STALL_RESTS);
    in_sync.epoch = 5;
    replica_row(&r, &in_sync);
    tick(STALL_RESTS_MAX, true);
    cr_assert(rest_of(6) == STALL_RESTS, "it has been well for long");
}

/* ---- those who follow ----------------------------------------------------------------------- */

static void open_backup(void)
{
    open_as(BACKUP);
    replica_row(&r, &both);
    cr_assert(r.state == REPLICA_BACKUP);
    cr_assert(did.acks == 1 && did.ack.missing && did.ack.epoch == 1, "asks for what it missed");
    did.acks = 0;
}

/* An append of one operation, written in an epoch, as the primary of an epoch sends it. */
static void append(uint64_t epoch, uint64_t after_seq, uint64_t after_epoch, uint64_t op_epoch,
                   int n, uint64_t commit_seq)
{
    struct replica_op op = {after_seq + 1, op_epoch, effect_of(n), NULL, false};

    replica_on_append(&r, PRIMARY,
                      &(struct replica_append){epoch, after_seq, after_epoch, commit_seq, 1, &op});
}

Test(replica, applies_what_is_committed_and_no_more, .init = open_backup, .fini = close)
{
    append(1, 0, 0, 1, 1, 0);
    cr_assert(did.ack.held_seq == 1 && !did.ack.missing && did.applied_count == 0);
    cr_assert(!did.ack.settled);
    append(1, 1, 1, 1, 2, 1);
    cr_assert(did.ack.held_seq == 2 && did.applied_count == 1 && did.applied[0] == 1);
    cr_assert(!did.ack.settled, "the second one is not known to be");
    append(1, 2, 1, 1, 3, 3);
    cr_assert(did.ack.settled && did.applied_count == 3);
}

Test(replica, says_what_it_misses, .init = open_backup, .fini = close)
{
    append(1, 5, 1, 1, 6, 0);
    cr_assert(did.ack.missing && did.ack.held_seq == 0 && r.last_seq == 0);
}

Test(replica, takes_nothing_of_another_epoch_or_from_another, .init = open_backup, .fini = close)
{
    struct replica_op op = {1, 1, effect_of(1), NULL, false};

    append(2, 0, 0, 1, 1, 0);
    replica_on_append(&r, LEARNER, &(struct replica_append){1, 0, 0, 0, 1, &op});
    cr_assert(did.acks == 0 && r.last_seq == 0);
}

Test(replica, takes_no_operation_of_an_epoch_that_cannot_be, .init = open_backup, .fini = close)
{
    struct row next = both;

    next.epoch = next.reign = 3;
    replica_row(&r, &next);
    did.acks = 0;
    append(3, 0, 0, 4, 1, 0);
    cr_assert(did.acks == 1 && did.ack.held_seq == 0 && r.last_seq == 0, "of one to come");
    append(3, 0, 0, 2, 1, 1);
    append(3, 1, 2, 3, 2, 1);
    append(3, 1, 2, 1, 9, 1);
    cr_assert(did.ack.held_seq == 1, "of one before that in front of it");
    cr_assert(r.last_seq == 2, "and what is there stays");
    replica_check(&r);
}

Test(replica, cuts_off_what_contradicts_its_primary, .init = open_backup, .fini = close)
{
    struct row next = both;

    append(1, 0, 0, 1, 1, 0);
    append(1, 1, 1, 1, 2, 1);
    append(1, 2, 1, 1, 3, 1);
    next.epoch = next.reign = 2;
    replica_row(&r, &next);
    append(2, 2, 2, 2, 30, 1); /* another operation was number 2 */
    cr_assert(did.ack.missing && did.ack.held_seq == 1);
    append(2, 1, 1, 2, 20, 1);
    cr_assert(!did.ack.missing && did.ack.held_seq == 2 && r.last_seq == 2);
    append(2, 2, 2, 2, 30, 3);
    cr_assert(did.applied_count == 3 && did.applied[1] == 20 && did.applied[2] == 30);
}

/* ---- what is done early --------------------------------------------------------------------- */

static void write_early(int n)
{
    tickets[n] = n;
    cr_assert(replica_write(&r, effect_of(n), &tickets[n], true, true) == MR_OK);
}

Test(replica, does_not_do_again_what_was_done_early, .init = open_primary, .fini = close)
{
    write_early(1);
    cr_assert(write(2, true) == MR_OK);
    backup_holds(2);
    cr_assert(did.committed_count == 2 && did.applied_count == 1 && did.applied[0] == 2);
}

Test(replica, is_not_whole_when_what_was_done_early_is_cut_off, .init = open_primary, .fini = close)
{
    struct row other = both;

    write_early(1);
    other.epoch = other.reign = 2;
    other.primary = BACKUP;
    other.in_sync[0] = BACKUP;
    other.in_sync_count = 1;
    other.learners[0] = PRIMARY;
    other.learner_count = 1;
    replica_row(&r, &other);
    cr_assert(r.state == REPLICA_LEARNING && r.whole);
    replica_on_append(
        &r, BACKUP, /* another operation is number 1 */
        &(struct replica_append){
            .epoch = 2, .count = 1, .ops = &(struct replica_op){1, 2, effect_of(20), NULL, false}});
    cr_assert(r.last_seq == 1 && !r.whole && !did.ack.whole);
}

Test(replica, is_whole_when_what_its_copy_rests_on_is_committed, .init = open_backup, .fini = close)
{
    struct row learner = both;

    learner.epoch = 2;
    learner.in_sync_count = 1;
    learner.learners[0] = BACKUP;
    learner.learner_count = 1;
    replica_row(&r, &learner);
    replica_on_chunk(&r, PRIMARY,
                     &(struct replica_chunk){.epoch = 2,
                                             .walk = 1,
                                             .number = 1,
                                             .commit_seq = 4,
                                             .base_epoch = 1,
                                             .rests_seq = 5,
                                             .first = true,
                                             .last = true});
    cr_assert(!r.whole && did.wholes == 0);
    append(2, 4, 1, 2, 50, 4);
    cr_assert(!r.whole);
    append(2, 5, 2, 2, 60, 5);
    cr_assert(r.whole && did.wholes == 1 && did.ack.whole);
}

Test(replica, is_wiped_when_it_is_not_wanted, .init = open_backup, .fini = close)
{
    struct row without = both;

    append(1, 0, 0, 1, 1, 1);
    without.epoch = 2;
    without.in_sync_count = 1;
    replica_row(&r, &without);
    cr_assert(r.state == REPLICA_NONE && did.wiped == 1 && r.last_seq == 0);
}

Test(replica, does_not_end_a_copy_that_another_primary_has_begun, .fini = close)
{
    struct row learns = both, next;

    open_as(LEARNER);
    learns.learners[learns.learner_count++] = LEARNER;
    replica_row(&r, &learns);
    replica_on_chunk(&r, PRIMARY,
                     &(struct replica_chunk){.epoch = 1,
                                             .walk = 1,
                                             .number = 1,
                                             .commit_seq = 0,
                                             .rests_seq = 1,
                                             .first = true,
                                             .last = true});
    cr_assert(!r.whole && did.ack.chunk == 1, "it shows what is not committed yet");
    next = learns;
    next.epoch = next.reign = 2;
    next.primary = BACKUP;
    replica_row(&r, &next);
    struct replica_op op = {.seq = 1, .epoch = 2, .effect = effect_of(1)};

    replica_on_append(
        &r, BACKUP, &(struct replica_append){.epoch = 2, .commit_seq = 1, .count = 1, .ops = &op});
    cr_assert(r.commit_seq == 1 && !r.whole, "that is another operation");
}

Test(replica, keeps_all_it_has_while_nobody_is_primary, .init = open_backup, .fini = close)
{
    struct row offline = both;

    append(1, 0, 0, 1, 1, 0);
    offline.epoch = offline.reign = 2;
    offline.primary = NOBODY;
    replica_row(&r, &offline);
    cr_assert(r.state == REPLICA_HOLDING && r.last_seq == 1);
    offline.epoch = offline.reign = 3;
    offline.primary = BACKUP;
    offline.in_sync[0] = BACKUP;
    offline.in_sync_count = 1;
    replica_row(&r, &offline);
    replica_again(&r, NOBODY, true);
    cr_assert(r.state == REPLICA_SERVING && did.applied_count == 1);
}
