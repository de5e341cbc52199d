#include "grid/data/lock.h"

#include "tests/unit/grid/data/world.h"

/* Keys that somebody has locked. */

static struct map *map;

static void open_map(void)
{
    const struct map_rules rules = {.entries_max = 20,
                                    .bytes_max = UINT64_MAX,
                                    .eviction = EVICT_LRU,
                                    .key_max = 100,
                                    .value_max = 100};

    open_world();
    cr_assert(map_new(&w.partitions, w.metrics, "map", "test", &rules, &map) == MR_OK);
}

static void close_map(void)
{
    uint64_t reserved = w.partitions.account.reserved;

    map_release_all(map);
    map_check(map);
    cr_assert(w.partitions.account.reserved <= reserved);
    map_free(map);
    close_world();
}

TestSuite(lock, .init = open_map, .fini = close_map);

static mr_rc_t take(const char *key, struct owner owner, uint64_t lease_ms, struct sleeper *s)
{
    return map_lock(map, &(struct lock_request){.key = text(key),
                                                .owner = owner,
                                                .lease_ms = lease_ms,
                                                .waiter = s ? &s->waiter : NULL});
}

static mr_rc_t release(const char *key, struct owner owner)
{
    return map_unlock(map, &(struct lock_request){.key = text(key), .owner = owner});
}

static bool locked(const char *key)
{
    struct data d = text(key);
    struct owner holder;

    return map_is_locked(map, &d, &holder) == MR_OK;
}

static mr_rc_t change(enum map_verb verb, const char *key, struct owner owner, struct sleeper *s)
{
    struct map_request q = {.verb = verb,
                            .key = text(key),
                            .value = text("v"),
                            .expected = text("v"),
                            .ttl_ms = 1000,
                            .idle_ms = TIME_DEFAULT,
                            .owner = owner,
                            .waiter = s ? &s->waiter : NULL};
    struct map_answer a;

    epoch_enter();
    mr_rc_t rc = run_request(map, &q, &a);
    epoch_exit();
    return rc;
}

Test(lock, keeps_others_out_until_it_is_let_go)
{
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, NULL) == MR_ERR_BUSY);
    cr_assert(take("k", ada_too, 0, NULL) == MR_ERR_BUSY, "another thread is another owner");
    cr_assert(take("other", bob, 0, NULL) == MR_OK);
    cr_assert(release("k", bob) == MR_ERR_ARGUMENT);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(!locked("k") && locked("other"));
    cr_assert(take("k", bob, 0, NULL) == MR_OK);
    cr_assert(release("never locked", ada) == MR_ERR_ARGUMENT);
}

Test(lock, is_let_go_as_often_as_it_was_taken)
{
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(locked("k"));
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(!locked("k"));
    cr_assert(release("k", ada) == MR_ERR_ARGUMENT);
}

Test(lock, counts_a_request_once_that_is_sent_twice)
{
    struct lock_request q = {.key = text("k"), .owner = ada, .reference = 7};

    cr_assert(map_lock(map, &q) == MR_OK);
    cr_assert(map_lock(map, &q) == MR_OK);
    q.reference = 8;
    cr_assert(map_lock(map, &q) == MR_OK, "the second time");
    q.reference = 9;
    cr_assert(map_unlock(map, &q) == MR_OK);
    cr_assert(map_unlock(map, &q) == MR_OK);
    cr_assert(locked("k"));
    q.reference = 10;
    cr_assert(map_unlock(map, &q) == MR_OK);
    cr_assert(!locked("k"));
}

Test(lock, goes_to_who_waits_when_it_is_let_go)
{
    struct sleeper first = SLEEPER, second = SLEEPER;

    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &first) == MR_PENDING);
    cr_assert(take("k", ada_too, 0, &second) == MR_PENDING);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(first.wakes == 1 && second.wakes == 0);
    cr_assert(!locked("k"), "it is nobody's until the first one runs again");
    cr_assert(take("k", bob, 0, &first) == MR_OK);
    cr_assert(second.wakes == 0);
    cr_assert(release("k", bob) == MR_OK);
    cr_assert(second.wakes == 1);
    cr_assert(take("k", ada_too, 0, &second) == MR_OK);
}

Test(lock, is_offered_on_by_a_change_that_needed_it_to_be_free)
{
    struct sleeper put = SLEEPER, other = SLEEPER, last = SLEEPER;

    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(change(MAP_PUT, "k", bob, &put) == MR_PENDING);
    cr_assert(change(MAP_PUT, "k", ada_too, &other) == MR_PENDING);
    cr_assert(take("k", bob, 0, &last) == MR_PENDING);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(put.wakes == 1 && other.wakes == 0);
    cr_assert(change(MAP_PUT, "k", bob, &put) == MR_OK);
    cr_assert(other.wakes == 1 && last.wakes == 0);
    cr_assert(change(MAP_PUT, "k", ada_too, &other) == MR_OK);
    cr_assert(last.wakes == 1);
    cr_assert(take("k", bob, 0, &last) == MR_OK);
}

Test(lock, wakes_nobody_for_one_that_was_woken_in_vain)
{
    struct sleeper first = SLEEPER, second = SLEEPER;

    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &first) == MR_PENDING);
    cr_assert(change(MAP_PUT, "k", bob, &second) == MR_PENDING);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(take("k", ada_too, 0, NULL) == MR_OK, "quicker than the first one");
    cr_assert(take("k", bob, 0, &first) == MR_PENDING);
    cr_assert(second.wakes == 0);
    cr_assert(release("k", ada_too) == MR_OK);
    cr_assert(second.wakes == 1);
    waiter_cancel(&second.waiter);
    cr_assert(first.wakes == 2);
    waiter_cancel(&first.waiter);
}

Test(lock, is_offered_to_the_next_one_when_the_woken_one_gives_up)
{
    struct sleeper first = SLEEPER, second = SLEEPER;

    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &first) == MR_PENDING);
    cr_assert(change(MAP_PUT, "k", bob, &second) == MR_PENDING);
    cr_assert(release("k", ada) == MR_OK);
    waiter_cancel(&first.waiter);
    cr_assert(second.wakes == 1);
    cr_assert(change(MAP_PUT, "k", bob, &second) == MR_OK);
}

Test(lock, ends_with_its_lease_and_says_when)
{
    struct sleeper s = SLEEPER;

    cr_assert(take("k", ada, 100, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &s) == MR_PENDING);
    cr_assert(s.waiter.retry_ns == (clock_ms() + 100) * 1000000);
    time_passes(99);
    cr_assert(take("k", bob, 0, &s) == MR_PENDING);
    time_passes(1);
    cr_assert(!locked("k"));
    cr_assert(release("k", ada) == MR_ERR_ARGUMENT);
    cr_assert(take("k", bob, INT64_MAX, &s) == MR_OK);
    time_passes(INT32_MAX);
    cr_assert(locked("k"));
}

Test(lock, may_be_broken)
{
    struct data key = text("k");
    struct sleeper s = SLEEPER;

    cr_assert(map_force_unlock(map, &key) == MR_NOT_FOUND);
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &s) == MR_PENDING);
    cr_assert(map_force_unlock(map, &key) == MR_OK);
    cr_assert(s.wakes == 1);
    cr_assert(take("k", bob, 0, &s) == MR_OK);
}

Test(lock, falls_when_its_client_dies_and_others_stay)
{
    struct sleeper s = SLEEPER;
    char key[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(take(key, i % 2 ? ada : bob, 0, NULL) == MR_OK);
    }
    cr_assert(take("1", bob, 0, &s) == MR_PENDING);
    map_release_client(map, ada.client_high, ada.client_low);
    cr_assert(s.wakes == 1);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(locked(key) == (i % 2 == 0), "%d", i);
    }
    cr_assert(take("1", bob, 0, &s) == MR_OK);
}

Test(lock, leaves_no_memory_behind)
{
    uint64_t before = w.partitions.account.reserved;
    struct sleeper s = SLEEPER;
    char key[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(take(key, ada, i % 3, NULL) == MR_OK);
    }
    cr_assert(take("0", bob, 0, &s) == MR_PENDING);
    cr_assert(w.partitions.account.reserved > before);
    waiter_cancel(&s.waiter);
    time_passes(10);
    map_release_client(map, ada.client_high, ada.client_low);
    cr_assert(w.partitions.account.reserved == before);
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        cr_assert(!map_any_locked(map, i));
}

static void sweep(void)
{
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        map_sweep(map, i, clock_ms(), UINT32_MAX);
}

static bool any_is_kept(void)
{
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        if (map_any_locked(map, i))
            return true;
    return false;
}

Test(lock, is_dropped_after_its_lease_although_nobody_asks_for_it)
{
    cr_assert(take("k", ada, 100, NULL) == MR_OK && take("k", ada, 200, NULL) == MR_OK);
    cr_assert(take("j", ada, 150, NULL) == MR_OK);
    time_passes(199);
    sweep();
    cr_assert(any_is_kept());
    time_passes(1);
    sweep();
    cr_assert(!any_is_kept());
}

Test(lock, is_dropped_when_those_who_waited_have_given_up)
{
    struct sleeper s = SLEEPER;

    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    cr_assert(take("k", bob, 0, &s) == MR_PENDING);
    cr_assert(release("k", ada) == MR_OK);
    time_passes(2000);
    sweep();
    cr_assert(any_is_kept(), "one waits there");
    waiter_cancel(&s.waiter);
    time_passes(2000);
    sweep();
    cr_assert(!any_is_kept());
}

Test(lock, is_refused_where_there_is_no_memory)
{
    w.partitions.account.limit = w.partitions.account.reserved + 250;
    cr_assert(take("a", ada, 0, NULL) == MR_OK);
    cr_assert(take("b", ada, 0, NULL) == MR_ERR_FULL);
    cr_assert(!locked("b"));
    cr_assert(release("a", ada) == MR_OK);
    w.partitions.account.limit = UINT64_MAX;
}

Test(lock, keeps_every_change_of_others_waiting_but_no_reading)
{
    static const enum map_verb changes[] = {MAP_PUT,     MAP_PUT_IF_ABSENT,  MAP_REPLACE,
                                            MAP_REMOVE,  MAP_REMOVE_IF_SAME, MAP_REPLACE_IF_SAME,
                                            MAP_SET_TTL, MAP_EVICT};

    cr_assert(change(MAP_PUT, "k", ada, NULL) == MR_OK);
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct sleeper s = SLEEPER;

        cr_assert(change(changes[i], "k", bob, NULL) == MR_ERR_BUSY);
        cr_assert(change(changes[i], "k", bob, &s) == MR_PENDING);
        waiter_cancel(&s.waiter);
    }
    cr_assert(change(MAP_GET, "k", bob, NULL) == MR_OK);
    cr_assert(change(MAP_CONTAINS, "k", bob, NULL) == MR_OK);
    cr_assert(change(MAP_REMOVE, "k", ada, NULL) == MR_OK);
    cr_assert(change(MAP_PUT, "k", bob, NULL) == MR_ERR_BUSY, "there is a lock without an entry");
}

Test(lock, holds_an_entry_although_its_time_has_come)
{
    struct data key = text("k");
    const struct record *found;

    cr_assert(change(MAP_PUT, "k", ada, NULL) == MR_OK);
    cr_assert(take("k", ada, 0, NULL) == MR_OK);
    time_passes(1000);
    for (uint32_t i = 0; i < WORLD_PARTITIONS; i++)
        map_sweep(map, i, clock_ms(), UINT32_MAX);
    cr_assert(change(MAP_GET, "k", bob, NULL) == MR_OK);
    cr_assert(map_read_many(map, &key, 1, &found) == MR_OK);
    cr_assert(found != NULL);
    cr_assert(change(MAP_REPLACE_IF_SAME, "k", ada, NULL) == MR_OK);
    time_passes(1000);
    cr_assert(release("k", ada) == MR_OK);
    cr_assert(change(MAP_GET, "k", bob, NULL) == MR_NOT_FOUND);
}

static struct map_facts facts(void)
{
    struct map_facts f;

    map_facts(map, &f);
    return f;
}

Test(lock, holds_an_entry_when_the_map_is_cleared)
{
    char key[16];

    for (int i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "%d", i);
        cr_assert(change(MAP_PUT, key, ada, NULL) == MR_OK);
    }
    cr_assert(take("3", ada, 0, NULL) == MR_OK);
    cr_assert(take("5", bob, 0, NULL) == MR_OK);
    cr_assert(map_clear(map) == MR_OK);
    cr_assert(facts().entries == 2);
    cr_assert(change(MAP_GET, "3", ada, NULL) == MR_OK);
    cr_assert(change(MAP_GET, "5", ada, NULL) == MR_OK);
    map_check(map);
}

Test(lock, holds_an_entry_when_others_are_given_up)
{
    char key[16];

    cr_assert(change(MAP_PUT, "kept", ada, NULL) == MR_OK);
    cr_assert(take("kept", ada, 0, NULL) == MR_OK);
    for (int i = 0; i < 1000; i++) {
        time_passes(200);
        snprintf(key, sizeof key, "%d", i);
        cr_assert(change(MAP_PUT, key, bob, NULL) == MR_OK);
        cr_assert(change(MAP_GET, "kept", bob, NULL) == MR_OK, "%d", i);
    }
}
