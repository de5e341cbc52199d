#include "grid/cluster/ledger.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ledger l;

static void open(void)
{
    ledger_init(&l);
}

static void close(void)
{
    ledger_check(&l);
    ledger_free(&l);
}

TestSuite(ledger, .init = open, .fini = close);

/* `count` entries of this term, which say their index. */
static void append(uint64_t term, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t index = ledger_last(&l) + 1;

        cr_assert(ledger_append(&l, &(struct ledger_entry){term, LEDGER_COMMAND, sizeof index,
                                                           &index}) == MR_OK);
    }
}

static uint64_t said_at(uint64_t index)
{
    uint64_t said = 0;
    const struct ledger_entry *e = ledger_at(&l, index);

    if (e)
        memcpy(&said, e->bytes, sizeof said);
    return said;
}

Test(ledger, is_empty_at_first)
{
    cr_assert(ledger_last(&l) == 0 && ledger_at(&l, 0) == NULL && ledger_at(&l, 1) == NULL);
    cr_assert(ledger_term(&l, 0) == 0 && ledger_term(&l, 1) == 0);
}

Test(ledger, numbers_entries_from_one)
{
    append(1, 2);
    append(3, 100);
    cr_assert(ledger_last(&l) == 102 && said_at(1) == 1 && said_at(102) == 102);
    cr_assert(ledger_term(&l, 2) == 1 && ledger_term(&l, 3) == 3 && ledger_term(&l, 103) == 0);
}

Test(ledger, drops_an_entry_and_all_behind_it)
{
    append(1, 5);
    ledger_truncate(&l, 6);
    cr_assert(ledger_last(&l) == 5);
    ledger_truncate(&l, 3);
    cr_assert(ledger_last(&l) == 2 && ledger_at(&l, 3) == NULL);
    append(2, 1);
    cr_assert(said_at(3) == 3 && ledger_term(&l, 3) == 2);
}

Test(ledger, keeps_some_entries_behind_a_snapshot)
{
    append(1, 5);
    append(2, 5);
    ledger_compact(&l, 8, 3);
    cr_assert(l.first == 6 && ledger_last(&l) == 10 && l.index == 8 && l.term == 2);
    cr_assert(said_at(5) == 0 && said_at(6) == 6 && ledger_term(&l, 5) == 0);
}

Test(ledger, keeps_all_when_there_are_fewer)
{
    append(1, 5);
    ledger_compact(&l, 2, 4);
    cr_assert(l.first == 1 && l.index == 2);
}

Test(ledger, knows_the_term_at_its_snapshot_when_nothing_is_kept)
{
    append(1, 5);
    ledger_compact(&l, 5, 0);
    cr_assert(l.first == 6 && ledger_last(&l) == 5 && ledger_term(&l, 5) == 1 &&
              ledger_at(&l, 5) == NULL);
    append(1, 1);
    cr_assert(said_at(6) == 6);
}

Test(ledger, begins_anew_behind_a_snapshot_from_elsewhere)
{
    append(1, 5);
    ledger_reset(&l, 20, 4);
    cr_assert(l.first == 21 && ledger_last(&l) == 20 && ledger_term(&l, 20) == 4);
    append(4, 1);
    cr_assert(said_at(21) == 21);
}
