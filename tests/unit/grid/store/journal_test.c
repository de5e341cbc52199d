#include "grid/store/journal.h"
#include "tests/unit/grid/store/fixture.h"

static struct world w;
static struct journal *j;

static void open_small(void)
{
    world_open(&w, UINT64_MAX, TOUCH_NEVER);
    cr_assert(journal_new(w.slab, 8, 4096, &j) == MR_OK);
}

static void close_checked(void)
{
    journal_free(j);
    cr_assert(slab_stats(w.slab).used == 0, "every event is freed");
    world_close(&w);
}

TestSuite(journal, .init = open_small, .fini = close_checked);

static void append(const char *key, const char *old, const char *value)
{
    journal_append(
        j, &(struct journal_event){
               .kind = JOURNAL_UPDATED, .key = text(key), .old = text(old), .value = text(value)});
}

static bool same(struct data d, const char *expected)
{
    struct data e = text(expected);

    return data_equal(&d, &e);
}

Test(journal, gives_events_back_in_order_with_all_their_bytes)
{
    struct journal_event e;
    uint64_t lost;

    append("a", "", "1");
    append("b", "old", "2");

    cr_assert(journal_read(j, 0, &e, &lost) == MR_OK);
    cr_assert(e.number == 0 && lost == 0 && same(e.key, "a") && same(e.value, "1"));
    cr_assert(journal_read(j, 1, &e, &lost) == MR_OK);
    cr_assert(e.number == 1 && same(e.key, "b") && same(e.old, "old") && same(e.value, "2"));
    cr_assert(journal_read(j, 2, &e, &lost) == MR_NOT_FOUND);
    cr_assert(lost == 0);
}

Test(journal, says_how_many_events_a_slow_reader_has_lost)
{
    struct journal_event e;
    uint64_t lost;

    for (int i = 0; i < 20; i++)
        append("k", "", "v");
    cr_assert(journal_read(j, 3, &e, &lost) == MR_OK);
    cr_assert(lost == 9 && e.number == 12);
}

Test(journal, makes_room_by_bytes_as_well_as_by_number)
{
    static char big[1500];
    struct journal_event e;
    uint64_t lost;

    memset(big, 'x', sizeof big - 1);
    for (int i = 0; i < 5; i++)
        append("k", "", big);
    cr_assert(j->bytes <= 4096);
    cr_assert(journal_read(j, 0, &e, &lost) == MR_OK);
    cr_assert(lost == 3);
}

Test(journal, keeps_an_event_that_is_larger_than_its_room_alone)
{
    static char huge[9000];
    struct journal_event e;
    uint64_t lost;

    memset(huge, 'x', sizeof huge - 1);
    append("k", "", "small");
    append("k", "", huge);
    cr_assert(journal_read(j, 0, &e, &lost) == MR_OK);
    cr_assert(lost == 1 && e.number == 1 && same(e.value, huge));
    append("k", "", "small");
    cr_assert(journal_read(j, 1, &e, &lost) == MR_OK);
    cr_assert(lost == 1 && e.number == 2);
}

Test(journal, sheds_its_oldest_events)
{
    struct journal_event e;
    uint64_t lost;

    for (int i = 0; i < 3; i++)
        append("k", "", "v");
    uint64_t one = j->bytes / 3;

    cr_assert(journal_shed(j, one + 1) == 2 * one);
    cr_assert(journal_read(j, 0, &e, &lost) == MR_OK);
    cr_assert(lost == 2);
    cr_assert(journal_shed(j, UINT64_MAX) == one);
    cr_assert(journal_shed(j, UINT64_MAX) == 0);
}

Test(journal, gives_up_old_events_at_the_memory_ceiling_and_never_fails)
{
    struct journal *tight;
    struct world small;
    struct journal_event e;
    uint64_t lost;

    world_open(&small, 64 << 10, TOUCH_NEVER);
    cr_assert(journal_new(small.slab, 4096, 1 << 20, &tight) == MR_OK);
    for (int i = 0; i < 4096; i++)
        journal_append(tight, &(struct journal_event){.kind = JOURNAL_ADDED, .key = key_of(i)});
    cr_assert(journal_read(tight, 0, &e, &lost) == MR_OK);
    cr_assert(lost > 0 && lost + (tight->next - e.number) == 4096);
    journal_free(tight);
    world_close(&small);
}

Test(journal, forgets_what_was_trimmed)
{
    struct journal_event e;
    uint64_t lost;

    for (int i = 0; i < 6; i++)
        append("k", "", "v");
    journal_trim(j, 4);
    cr_assert(journal_read(j, 4, &e, &lost) == MR_OK);
    cr_assert(lost == 0 && e.number == 4);
    journal_trim(j, 100);
    cr_assert(journal_read(j, 6, &e, &lost) == MR_NOT_FOUND);
}
