#include "grid/data/watcher.h"

#include "tests/unit/grid/data/world.h"
#include "tests/unit/scarce.h"

static struct watchers watchers;

static void open_watchers(void)
{
    open_world();
    watchers_init(&watchers);
}

static void close_watchers(void)
{
    watchers_free(&watchers);
    close_world();
}

TestSuite(watcher, .init = open_watchers, .fini = close_watchers);

static void tell(enum object_event_kind kind, const char *word)
{
    watchers_tell(&watchers, &(struct object_event){.kind = kind, .value = text(word)});
}

Test(watcher, is_told_of_the_kinds_it_wants)
{
    struct watcher added = {OBJECT_ADDED, hear_event};

    cr_assert(!watchers_any(&watchers));
    cr_assert(watchers_add(&watchers, &w.partitions, &added) == MR_OK && watchers_any(&watchers));
    tell(OBJECT_ADDED, "a");
    tell(OBJECT_REMOVED, "b");
    cr_assert(was_told("+a "));
}

Test(watcher, is_not_told_any_more_when_it_was_removed_and_others_are)
{
    struct watcher some[3] = {ear, ear, ear};

    for (int i = 0; i < 3; i++)
        cr_assert(watchers_add(&watchers, &w.partitions, &some[i]) == MR_OK);
    watchers_remove(&watchers, &w.partitions, &some[1]);
    tell(OBJECT_ADDED, "a");
    cr_assert(was_told("+a +a "));
    watchers_remove(&watchers, &w.partitions, &some[1]);
    cr_assert(watchers_add(&watchers, &w.partitions, &some[1]) == MR_OK);
    tell(OBJECT_ADDED, "b");
    cr_assert(was_told("+b +b +b "));
    for (int i = 0; i < 3; i++)
        watchers_remove(&watchers, &w.partitions, &some[i]);
    cr_assert(!watchers_any(&watchers), "nobody is left");
}

Test(watcher, can_always_be_removed_but_not_always_added)
{
    struct watcher other = ear;

    cr_assert(watchers_add(&watchers, &w.partitions, &ear) == MR_OK);
    mem_hooks_set(&scarce);
    scarce_left = 0;
    cr_assert(watchers_add(&watchers, &w.partitions, &other) == MR_ERR_MEMORY);
    tell(OBJECT_ADDED, "a");
    cr_assert(was_told("+a "));
    watchers_remove(&watchers, &w.partitions, &ear);
    mem_hooks_set(NULL);
    cr_assert(!watchers_any(&watchers));
}

Test(watcher, is_one_of_so_many_at_most)
{
    static struct watcher many[WATCHERS_MAX + 1];

    for (int i = 0; i < WATCHERS_MAX; i++)
        cr_assert(watchers_add(&watchers, &w.partitions, &many[i]) == MR_OK);
    cr_assert(watchers_add(&watchers, &w.partitions, &many[WATCHERS_MAX]) == MR_ERR_FULL);
}
