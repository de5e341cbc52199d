#include "grid/cluster/balance.h"

#include <criterion/criterion.h>

#include "net/base/rand.h"

enum { FOUNDER = 100, PARTS_MAX = 64, STEPS_MAX = 5000, TABLES = 300 };

static struct metadata m;
static struct rand dice;
static uint64_t numbers = 1000; /* of members, so far */
static uint32_t learned, handed_over;

static mr_rc_t apply(struct command c)
{
    mr_rc_t rc = metadata_apply(&m, &c);

    metadata_check(&m);
    return rc;
}

static void open(uint32_t partitions)
{
    cr_assert(metadata_init(&m, partitions, FOUNDER) == MR_OK);
    learned = handed_over = 0;
}

static void close(void)
{
    metadata_free(&m);
}

static void admit(uint64_t member)
{
    cr_assert(apply((struct command){.kind = COMMAND_ADMIT, .member = member}) == MR_OK);
}

static void expel(uint64_t member)
{
    cr_assert(apply((struct command){.kind = COMMAND_EXPEL, .member = member}) == MR_OK);
}

static uint32_t members_in(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m.member_count; i++)
        n += m.members[i].in;
    return n;
}

/* Whoever learns has learned. */
static void all_are_in_sync(void)
{
    for (uint32_t i = 0; i < m.partitions; i++)
        while (m.rows[i].learner_count > 0)
            cr_assert(apply((struct command){.kind = COMMAND_ADD,
                                             .member = m.rows[i].learners[0],
                                             .partition = i,
                                             .epoch = m.rows[i].epoch,
                                             .primary = m.rows[i].primary}) == MR_OK);
}

static void repair(uint32_t copies)
{
    struct command c;

    while (metadata_repair(&m, copies, &c))
        cr_assert(apply(c) == MR_OK);
    all_are_in_sync();
}

/* Takes a step, of which a partition never comes to have fewer copies than are wanted. */
static void step(const struct command *c, uint32_t copies)
{
    uint32_t wanted = copies < members_in() ? copies : members_in();

    cr_assert(apply(*c) == MR_OK);
    cr_assert(c->kind == COMMAND_LEARN || c->kind == COMMAND_FORGET || c->kind == COMMAND_MOVE);
    cr_assert(m.rows[c->partition].in_sync_count >= wanted);
    learned += c->kind == COMMAND_LEARN;
    handed_over += c->kind == COMMAND_MOVE;
}

static uint32_t difference(bool of_primaries)
{
    uint32_t least = UINT32_MAX, most = 0;

    for (uint32_t i = 0; i < m.member_count; i++) {
        const struct cluster_member *x = &m.members[i];
        uint32_t has = of_primaries ? x->primaries : x->copies;

        if (!x->in)
            continue;
        least = has < least ? has : least;
        most = has > most ? has : most;
    }
    return most - least;
}

/* How many have to move at least until no member has two more than another. */
static uint32_t least_moves(bool of_primaries)
{
    uint32_t sum = 0, over = 0, under = 0, n = members_in();

    for (uint32_t i = 0; i < m.member_count; i++)
        sum += of_primaries ? m.members[i].primaries : m.members[i].copies;
    for (uint32_t i = 0; i < m.member_count; i++) {
        uint32_t has = of_primaries ? m.members[i].primaries : m.members[i].copies;

        over += has > (sum + n - 1) / n ? has - (sum + n - 1) / n : 0;
        under += has < sum / n ? sum / n - has : 0;
    }
    return over > under ? over : under;
}

/* One step after the other, each done before the next. */
static void balance(uint32_t copies)
{
    struct command c;

    for (int i = 0; balance_plan(NULL, &m, copies, 0, &c); i++) {
        cr_assert(i < STEPS_MAX, "it comes to no end");
        step(&c, copies);
        all_are_in_sync();
    }
}

/* ---- the plan ------------------------------------------------------------------------------- */

Test(balance, spreads_what_the_founder_has)
{
    open(271);
    admit(1);
    admit(2);
    repair(2);
    uint32_t primaries = least_moves(true), copies = least_moves(false);

    balance(2);
    cr_assert(difference(true) <= 1 && difference(false) <= 1);
    cr_assert(handed_over == primaries && primaries == 180);
    cr_assert(learned == copies && copies == 90);
    close();
}

Test(balance, does_nothing_while_a_copy_is_missing)
{
    struct command c;

    open(8);
    admit(1);
    cr_assert(!balance_plan(NULL, &m, 2, 0, &c));
    repair(2);
    cr_assert(balance_plan(NULL, &m, 2, 0, &c) && c.kind == COMMAND_MOVE && c.member == 1);
    cr_assert(apply((struct command){.kind = COMMAND_SHRINK,
                                     .member = 1,
                                     .partition = 7,
                                     .epoch = m.rows[7].epoch,
                                     .primary = FOUNDER}) == MR_OK);
    cr_assert(!balance_plan(NULL, &m, 2, 0, &c));
    close();
}

Test(balance, leaves_alone_what_is_even)
{
    struct command c;

    open(8);
    cr_assert(!balance_plan(NULL, &m, 2, 0, &c), "there is nobody else");
    admit(1);
    repair(2);
    balance(2);
    cr_assert(!balance_plan(NULL, &m, 2, 0, &c));
    close();
}

Test(balance, takes_what_is_under_way_for_done)
{
    struct balance under_way = {0};
    struct command c;

    open(8);
    admit(1);
    repair(2);
    for (; balance_plan(&under_way, &m, 2, 0, &c); under_way.count++)
        under_way.at[under_way.count] =
            (struct hand_over){.partition = c.partition, .epoch = c.epoch, .to = c.member};
    cr_assert(under_way.count == 4);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < i; k++)
            cr_assert(under_way.at[i].partition != under_way.at[k].partition);
    close();
}

Test(balance, moves_a_sole_copy_by_having_two_for_a_while)
{
    struct command c;

    open(2);
    admit(1);
    cr_assert(balance_plan(NULL, &m, 1, 0, &c) && c.kind == COMMAND_LEARN && c.member == 1);
    step(&c, 1);
    cr_assert(!balance_plan(NULL, &m, 1, 0, &c), "it has to be there first");
    all_are_in_sync();
    cr_assert(balance_plan(NULL, &m, 1, 0, &c) && c.kind == COMMAND_MOVE && c.member == 1);
    step(&c, 1);
    cr_assert(balance_plan(NULL, &m, 1, 0, &c) && c.kind == COMMAND_FORGET);
    cr_assert(c.member == FOUNDER);
    step(&c, 1);
    cr_assert(!balance_plan(NULL, &m, 1, 0, &c));
    close();
}

Test(balance, hands_over_by_way_of_a_third)
{
    open(3);
    admit(1);
    admit(2);
    /* Two partitions of the founder have copies at 1 only, and one of 1 has one at 2. */
    const uint64_t has[3][2] = {{FOUNDER, 1}, {FOUNDER, 1}, {1, 2}};

    for (uint32_t i = 0; i < 3; i++)
        m.rows[i] = (struct row){.epoch = 1,
                                 .reign = 1,
                                 .primary = has[i][0],
                                 .in_sync = {has[i][0], has[i][1]},
                                 .in_sync_count = 2};
    for (uint32_t k = 0; k < 3; k++)
        m.members[k].primaries = (uint32_t[]){2, 1, 0}[k],
        m.members[k].copies = (uint32_t[]){2, 3, 1}[k];
    metadata_check(&m);
    balance(2);
    cr_assert(difference(true) <= 1 && difference(false) <= 1);
    close();
}

/* ---- any table ------------------------------------------------------------------------------ */

static uint64_t any_in(void)
{
    uint64_t found = NOBODY;

    while (found == NOBODY) {
        const struct cluster_member *x = &m.members[rand_below(&dice, m.member_count)];

        found = x->in ? x->incarnation : NOBODY;
    }
    return found;
}

/* What has befallen a cluster: members came and went, copies and primaries are anywhere. */
static void shake(uint32_t copies)
{
    for (uint64_t n = rand_below(&dice, 12); n > 0; n--) {
        if (rand_below(&dice, 2) == 0 && m.member_count < 12)
            admit(++numbers);
        else if (members_in() > 1 && rand_below(&dice, 3) == 0)
            expel(any_in());
        repair(copies);
    }
    for (uint64_t n = rand_below(&dice, 200); n > 0; n--) {
        uint32_t i = (uint32_t)rand_below(&dice, m.partitions);

        (void)!apply((struct command){
            .kind = (enum command_kind)(COMMAND_LEARN +
                                        rand_below(&dice, COMMAND_MOVE - COMMAND_LEARN + 1)),
            .member = any_in(),
            .partition = i,
            .epoch = m.rows[i].epoch,
            .primary = m.rows[i].primary});
    }
    repair(copies);
}

Test(balance, makes_any_table_even_and_comes_to_an_end)
{
    rand_init(&dice, 7);
    for (int i = 0; i < TABLES; i++) {
        uint32_t copies = 1 + (uint32_t)rand_below(&dice, 4);

        open(1 + (uint32_t)rand_below(&dice, PARTS_MAX));
        shake(copies);
        balance(copies);
        uint32_t offline = 0;

        for (uint32_t k = 0; k < m.partitions; k++)
            offline += m.rows[k].primary == NOBODY;
        cr_assert(difference(true) <= 1, "table %d: primaries differ by %u", i, difference(true));
        cr_assert(offline > 0 || difference(false) <= 1, "table %d: copies differ by %u", i,
                  difference(false));
        close();
    }
}

/* ---- who leaves ----------------------------------------------------------------------------- */

/* Every partition keeps, at those who stay, the copies that there were, or as many as there can
 * be. */
static void drain(uint32_t copies)
{
    struct command c;
    uint32_t wanted = copies < metadata_staying(&m) ? copies : metadata_staying(&m);

    for (int i = 0;; i++) {
        cr_assert(i < STEPS_MAX, "it comes to no end");
        if (!metadata_repair(&m, copies, &c) && !balance_plan(NULL, &m, copies, 0, &c))
            return;
        cr_assert(apply(c) == MR_OK);
        if (c.kind == COMMAND_FORGET)
            cr_assert(m.rows[c.partition].in_sync_count >= wanted);
        all_are_in_sync();
    }
}

Test(balance, leaves_nothing_with_who_leaves_and_no_copy_fewer_elsewhere)
{
    rand_init(&dice, 9);
    for (int i = 0; i < TABLES; i++) {
        uint32_t copies = 1 + (uint32_t)rand_below(&dice, 4);

        open(1 + (uint32_t)rand_below(&dice, PARTS_MAX));
        shake(copies);
        admit(++numbers);
        for (uint64_t n = 1 + rand_below(&dice, 3); n > 0; n--)
            (void)!apply((struct command){.kind = COMMAND_LEAVE, .member = any_in()});
        drain(copies);
        for (uint32_t k = 0; k < m.member_count; k++)
            cr_assert(!m.members[k].leaves || m.members[k].copies == 0, "table %d", i);
        for (uint32_t k = 0; k < m.partitions; k++)
            cr_assert(m.rows[k].primary == NOBODY ||
                      m.rows[k].in_sync_count >=
                          (copies < metadata_staying(&m) ? copies : metadata_staying(&m)));
        close();
    }
}

/* Not by way of a third, and not what would be done if it stayed. */
Test(balance, hands_over_what_who_leaves_has_before_all_else)
{
    struct command c;

    open(8);
    admit(1);
    admit(2);
    repair(2);
    cr_assert(apply((struct command){.kind = COMMAND_LEAVE, .member = FOUNDER}) == MR_OK);
    cr_assert(balance_plan(NULL, &m, 2, 0, &c));
    cr_assert(c.kind == COMMAND_MOVE && c.primary == FOUNDER && c.member != FOUNDER);
    close();
}

/* Every table with enough copies at all members needs no copy moved. */
Test(balance, moves_no_more_primaries_than_it_has_to)
{
    rand_init(&dice, 8);
    for (int i = 0; i < TABLES; i++) {
        open(1 + (uint32_t)rand_below(&dice, PARTS_MAX));
        for (uint64_t k = rand_below(&dice, 4); k > 0; k--)
            admit(k);
        repair(COPIES_MAX);
        for (uint32_t k = 0; k < m.partitions; k++)
            (void)!apply((struct command){.kind = COMMAND_MOVE,
                                          .member = any_in(),
                                          .partition = k,
                                          .epoch = m.rows[k].epoch,
                                          .primary = m.rows[k].primary});
        uint32_t least = least_moves(true);

        balance(COPIES_MAX);
        cr_assert(handed_over == least && learned == 0);
        cr_assert(difference(true) <= 1);
        close();
    }
}

/* ---- what is under way ---------------------------------------------------------------------- */

static struct balance b;

static void begin(void)
{
    open(40);
    admit(1);
    repair(2);
    b = (struct balance){0};
}

TestSuite(hand_overs, .init = begin, .fini = close);

static uint32_t ask_all(uint64_t now_ms)
{
    struct command c;
    uint32_t n = 0;

    for (; balance_next(&b, &m, 2, now_ms, &c); n++)
        cr_assert(c.kind == COMMAND_MOVE && c.member == 1 && c.primary == FOUNDER);
    return n;
}

Test(hand_overs, are_few_at_once)
{
    struct command c;

    cr_assert(ask_all(0) == HAND_OVERS_MAX);
    c = (struct command){COMMAND_MOVE, .member = 1, .partition = b.at[0].partition,
                         .epoch = b.at[0].epoch, .primary = FOUNDER};
    cr_assert(apply(c) == MR_OK);
    cr_assert(ask_all(1) == 1 && b.handed_over == 1 && b.called_off == 0);
}

Test(hand_overs, are_asked_for_again)
{
    cr_assert(ask_all(0) == HAND_OVERS_MAX);
    cr_assert(ask_all(HAND_OVER_AGAIN_MS - 1) == 0);
    cr_assert(ask_all(HAND_OVER_AGAIN_MS) == HAND_OVERS_MAX);
    cr_assert(ask_all(HAND_OVER_AGAIN_MS) == 0);
}

Test(hand_overs, are_called_off_after_a_while_and_not_tried_again_at_once)
{
    struct command c;
    uint32_t n = 0;

    cr_assert(ask_all(0) == HAND_OVERS_MAX);
    for (; balance_next(&b, &m, 2, HAND_OVER_ENDS_MS, &c); n++) {
        cr_assert(c.kind == COMMAND_MOVE && c.member == FOUNDER);
        cr_assert(apply(c) == MR_OK);
    }
    cr_assert(n == HAND_OVERS_MAX && b.called_off == n && b.count == 0);
    cr_assert(ask_all(HAND_OVER_ENDS_MS + 1) == 0);
    cr_assert(ask_all(HAND_OVER_ENDS_MS + BALANCE_RESTS_MS) == HAND_OVERS_MAX);
    for (uint32_t i = 0; i < HAND_OVERS_MAX; i++)
        for (uint32_t k = 0; k < HAND_OVERS_MAX; k++)
            cr_assert(b.at[i].partition != b.avoided[k].partition, "others are tried first");
}

/* Answers come late, some never, members come and go: it ends all the same. */
Test(hand_overs, come_to_an_end_whatever_becomes_of_them)
{
    struct command c;
    uint64_t now_ms = 0;

    rand_init(&dice, 9);
    admit(2);
    repair(2);
    for (; now_ms < 600000; now_ms += 10) {
        while (balance_next(&b, &m, 2, now_ms, &c))
            if (c.kind != COMMAND_MOVE || c.member == m.rows[c.partition].primary ||
                rand_below(&dice, 3) == 0)
                (void)!apply(c);
        if (rand_below(&dice, 10) == 0)
            all_are_in_sync();
        cr_assert(b.count <= HAND_OVERS_MAX);
        if (now_ms == 3000)
            expel(1);
        if (now_ms == 5000)
            admit(3);
        while (metadata_repair(&m, 2, &c))
            cr_assert(apply(c) == MR_OK);
    }
    cr_assert(b.count == 0 && b.handed_over > 0 && b.called_off > 0);
    cr_assert(difference(true) <= 1 && difference(false) <= 1);
}
