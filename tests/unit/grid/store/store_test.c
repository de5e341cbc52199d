#include "tests/unit/grid/store/fixture.h"
#include "tests/unit/scarce.h"

static struct world w;

static void open_unlimited(void)
{
    world_open(&w, UINT64_MAX, TOUCH_NEVER);
}

static void close_checked(void)
{
    store_check(&w.store);
    world_close(&w);
}

TestSuite(store, .init = open_unlimited, .fini = close_checked);

Test(store, gives_back_what_was_put)
{
    cr_assert(put(&w, text("ada"), text("1815")) == MR_OK);

    cr_assert(has(&w, text("ada"), "1815"));
    cr_assert(is_absent(&w, text("bob")));
    cr_assert(w.store.entries == 1);
}

Test(store, replaces_and_removes)
{
    cr_assert(put(&w, text("ada"), text("1815")) == MR_OK);
    cr_assert(put(&w, text("ada"), text("1852 and a longer value")) == MR_OK);
    cr_assert(has(&w, text("ada"), "1852 and a longer value"));
    cr_assert(w.store.entries == 1);

    cr_assert(erase(&w, text("ada")) == MR_OK);
    cr_assert(is_absent(&w, text("ada")));
    cr_assert(erase(&w, text("ada")) == MR_NOT_FOUND);
    cr_assert(w.store.entries == 0 && w.store.bytes == 0);
}

Test(store, tells_kinds_apart_even_with_equal_bytes)
{
    struct data s = text("same"), b = s;

    b.kind = DATA_BYTES;
    cr_assert(put(&w, s, text("string")) == MR_OK);
    cr_assert(put(&w, b, text("bytes")) == MR_OK);

    cr_assert(has(&w, s, "string"));
    cr_assert(has(&w, b, "bytes"));
}

Test(store, holds_an_empty_key_and_an_empty_value)
{
    cr_assert(put(&w, text(""), text("")) == MR_OK);
    cr_assert(has(&w, text(""), ""));
}

Test(store, keeps_every_entry_through_growth_and_shrinking)
{
    enum { N = 50000 };

    for (uint64_t i = 0; i < N; i++)
        cr_assert(put(&w, key_of(i), key_of(i * 7)) == MR_OK);
    store_check(&w.store);
    for (uint64_t i = 0; i < N; i++) {
        struct data value = key_of(i * 7);

        cr_assert(has(&w, key_of(i), (const char *)value.at));
    }
    cr_assert(is_absent(&w, key_of(N)));

    for (uint64_t i = 0; i < N; i += 2)
        cr_assert(erase(&w, key_of(i)) == MR_OK);
    store_check(&w.store);
    for (uint64_t i = 0; i < N; i++)
        cr_assert(is_absent(&w, key_of(i)) == (i % 2 == 0));
}

Test(store, agrees_with_a_simple_model_over_a_random_history)
{
    enum { KEYS = 3000, STEPS = 200000 };
    static char model[KEYS][40];
    struct rand r;

    rand_init(&r, 11);
    for (int step = 0; step < STEPS; step++) {
        uint64_t k = rand_below(&r, KEYS);

        if (rand_below(&r, 3) == 0) {
            cr_assert(erase(&w, key_of(k)) == (model[k][0] ? MR_OK : MR_NOT_FOUND));
            model[k][0] = '\0';
        } else {
            snprintf(model[k], sizeof model[k], "v%d%.*s", step, (int)rand_below(&r, 20),
                     "....................");
            cr_assert(put(&w, key_of(k), text(model[k])) == MR_OK);
        }
        k = rand_below(&r, KEYS);
        cr_assert(model[k][0] ? has(&w, key_of(k), model[k]) : is_absent(&w, key_of(k)));
    }
    store_check(&w.store);
    slab_check(w.slab);
}

Test(store, answers_a_batch_as_it_answers_each_key)
{
    enum { N = 100 };
    struct store *stores[N];
    char names[N][32];
    struct data keys[N];
    uint64_t hashes[N];
    const struct record *found[N];

    for (uint64_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "k%d", (int)i);
        keys[i] = text(names[i]);
        hashes[i] = key_hash(&keys[i]);
        stores[i] = &w.store;
        if (i % 3)
            cr_assert(put(&w, keys[i], keys[i]) == MR_OK);
    }

    epoch_enter();
    store_get_batch(stores, keys, hashes, N, found);
    for (uint64_t i = 0; i < N; i++)
        cr_assert(found[i] == store_get(&w.store, hashes[i], &keys[i]));
    epoch_exit();
}

Test(store, keeps_the_old_value_readable_until_the_section_ends)
{
    struct data key = text("ada");

    cr_assert(put(&w, key, text("old")) == MR_OK);
    epoch_enter();
    const struct record *old = store_get(&w.store, key_hash(&key), &key);

    for (int i = 0; i < 2000; i++) /* more than one list of retired blocks */
        cr_assert(put(&w, key, text("new")) == MR_OK);
    slab_reclaim(w.slab);
    struct data value = record_value(old);
    struct data expected = text("old");

    cr_assert(data_equal(&value, &expected));
    cr_assert(slab_stats(w.slab).retired > 0);
    epoch_exit();

    cr_assert(slab_reclaim(w.slab) == 0, "nothing is held once the section has ended");
}

Test(store, writes_to_blocks_found_ahead_and_retires_together_what_they_replace)
{
    enum { MANY = 3 };
    struct slab_ahead ahead[MANY + 1];
    struct data keys[MANY], value = text("some new value");
    uint32_t size = record_size(0, 1, value.size);

    for (int i = 0; i < MANY; i++)
        cr_assert(put(&w, keys[i] = text(&"a\0b\0c"[2 * i]), text("some old value")) == MR_OK);
    uint64_t used = slab_stats(w.slab).used;

    for (int i = 0; i <= MANY; i++) /* one more than will be wanted */
        ahead[i] = (struct slab_ahead){i < MANY ? &ahead[i + 1] : NULL, size, 0, 0};
    epoch_enter();
    const struct record *old = store_get(&w.store, key_hash(&keys[0]), &keys[0]);

    slab_take_ahead(w.slab, ahead);
    cr_assert(slab_stats(w.slab).used == used + (MANY + 1) * slab_block_size(size));
    for (int i = 0; i < MANY; i++)
        cr_assert(put_ahead(&w, keys[i], value, &ahead[i]) == MR_OK);
    cr_assert(slab_stats(w.slab).used == used + (MANY + 1) * slab_block_size(size));
    cr_assert(slab_stats(w.slab).retired == 0);

    slab_settle(w.slab, ahead);
    cr_assert(slab_stats(w.slab).retired == MANY * slab_block_size(size));
    cr_assert(slab_reclaim(w.slab) > 0, "the section is open");
    struct data found = record_value(old), expected = text("some old value");

    cr_assert(data_equal(&found, &expected));
    epoch_exit();
    cr_assert(slab_reclaim(w.slab) == 0);
    cr_assert(slab_stats(w.slab).used == used, "the one that nobody wanted is free");
    for (int i = 0; i < MANY; i++)
        cr_assert(has(&w, keys[i], "some new value"));
}

Test(store, finds_another_block_where_the_one_found_ahead_does_not_fit)
{
    struct slab_ahead a = {.size = record_size(0, 1, 100)};
    uint64_t used;

    cr_assert(put(&w, text("a"), text("1")) == MR_OK);
    used = slab_stats(w.slab).used;
    slab_take_ahead(w.slab, &a);
    cr_assert(put_ahead(&w, text("a"), text("2"), &a) == MR_OK);
    cr_assert(a.block != 0);
    cr_assert(put_ahead(&w, text("a"), text("3"), &a) == MR_OK, "a second one retires by itself");
    slab_settle(w.slab, &a);
    cr_assert(has(&w, text("a"), "3"));
    cr_assert(slab_reclaim(w.slab) == 0);
    cr_assert(slab_stats(w.slab).used == used);
}

Test(store, goes_without_blocks_ahead_at_the_ceiling)
{
    enum { LIMIT = 4 << 20, LARGE = 15000 };
    static uint8_t bytes[LARGE];
    struct data large = {bytes, LARGE, DATA_BYTES};
    struct slab_ahead ahead[2] = {{&ahead[1], record_size(0, 3, LARGE), 0, 0},
                                  {NULL, record_size(0, 3, LARGE), 0, 0}};
    struct world small;

    world_open(&small, LIMIT, TOUCH_NEVER);
    for (uint64_t i = 0; put(&small, key_of(i), large) == MR_OK; i++)
        ;
    slab_take_ahead(small.slab, ahead);
    cr_assert(ahead[1].block == 0);
    cr_assert(put_ahead(&small, text("new"), large, &ahead[1]) == MR_ERR_FULL);
    slab_settle(small.slab, ahead);
    cr_assert(small.account.reserved <= LIMIT);
    world_close(&small);
    clock_set(world_now_ns, &w);
}

Test(store, numbers_each_version_of_an_entry)
{
    struct data key = text("ada");

    cr_assert(put(&w, key, text("a")) == MR_OK);
    epoch_enter();
    uint64_t first = record_version(store_get(&w.store, key_hash(&key), &key));
    cr_assert(put(&w, key, text("b")) == MR_OK);
    uint64_t second = record_version(store_get(&w.store, key_hash(&key), &key));
    epoch_exit();
    cr_assert(second > first);
}

Test(store, clears_whole_and_serves_again)
{
    for (uint64_t i = 0; i < 10000; i++)
        cr_assert(put(&w, key_of(i), text("v")) == MR_OK);

    cr_assert(store_clear(&w.store) == MR_OK);
    cr_assert(w.store.entries == 0 && w.store.bytes == 0);
    cr_assert(is_absent(&w, key_of(5)));
    cr_assert(slab_reclaim(w.slab) == 0);
    cr_assert(slab_stats(w.slab).used == 0, "all memory is free again");

    cr_assert(put(&w, key_of(5), text("again")) == MR_OK);
    cr_assert(has(&w, key_of(5), "again"));
}

/* ---- scans ---------------------------------------------------------------------------------- */

enum { SCANNED = 20000 };
static uint8_t seen[SCANNED * 2];

static void note(void *context, const struct record *r)
{
    struct data key = record_key(r);
    char name[32] = {0};

    (void)context;
    memcpy(name, key.at, key.size);
    seen[strtoul(name + 4, NULL, 10)]++;
}

Test(store, scans_every_entry_once_while_it_grows)
{
    uint64_t cursor = 0, next = SCANNED;

    for (uint64_t i = 0; i < SCANNED; i++)
        cr_assert(put(&w, key_of(i), text("v")) == MR_OK);
    do {
        epoch_enter();
        cursor = store_scan(&w.store, cursor, 100, note, NULL);
        epoch_exit();
        for (int i = 0; i < 500 && next < 2 * SCANNED; i++, next++)
            cr_assert(put(&w, key_of(next), text("v")) == MR_OK);
    } while (cursor != 0);

    for (int i = 0; i < SCANNED; i++)
        cr_assert(seen[i] == 1, "key %d seen %d times", i, seen[i]);
    for (int i = SCANNED; i < 2 * SCANNED; i++)
        cr_assert(seen[i] <= 1);
}

Test(store, scans_no_entry_twice_after_it_was_cleared_meanwhile)
{
    uint64_t cursor = 0;

    for (uint64_t i = 0; i < SCANNED; i++)
        cr_assert(put(&w, key_of(i), text("v")) == MR_OK);
    epoch_enter();
    cursor = store_scan(&w.store, cursor, SCANNED / 2, note, NULL);
    epoch_exit();
    cr_assert(store_clear(&w.store) == MR_OK);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert(put(&w, key_of(i), text("v")) == MR_OK);
    while (cursor) {
        epoch_enter();
        cursor = store_scan(&w.store, cursor, 100, note, NULL);
        epoch_exit();
    }
    for (int i = 0; i < SCANNED; i++)
        cr_assert(seen[i] <= 1, "key %d seen %d times", i, seen[i]);
}

/* ---- time ----------------------------------------------------------------------------------- */

static uint32_t gone_count;

static bool gone(void *context, const struct record *r)
{
    (void)context, (void)r;
    gone_count++;
    return true;
}

static struct lifetime expires_in(uint64_t ms)
{
    return (struct lifetime){.expires_ms = w.now_ms + ms};
}

Test(store, never_returns_an_entry_whose_millisecond_has_come)
{
    cr_assert(put_with(&w, text("ada"), text("v"), expires_in(10)) == MR_OK);

    w.now_ms += 9;
    cr_assert(has(&w, text("ada"), "v"));
    w.now_ms += 1;
    cr_assert(is_absent(&w, text("ada")));
}

Test(store, returns_the_memory_of_ended_entries_without_anyone_touching_them)
{
    for (uint64_t i = 0; i < 20000; i++)
        cr_assert(put_with(&w, key_of(i), text("v"), expires_in(i % 2 ? 50 : 100000)) == MR_OK);
    uint64_t bytes = w.store.bytes;

    w.now_ms += 49;
    cr_assert(store_sweep(&w.store, w.now_ms, UINT32_MAX, gone, NULL));
    cr_assert(gone_count == 0);
    w.now_ms += 1;
    while (!store_sweep(&w.store, w.now_ms, 1000, gone, NULL))
        store_check(&w.store);

    cr_assert(gone_count == 10000);
    cr_assert(w.store.entries == 10000);
    cr_assert(w.store.bytes == bytes / 2);
}

Test(store, lets_an_idle_entry_go_and_keeps_a_used_one)
{
    struct lifetime idle = {.idle_ms = 100};

    cr_assert(put_with(&w, text("used"), text("v"), idle) == MR_OK);
    cr_assert(put_with(&w, text("idle"), text("v"), idle) == MR_OK);
    for (int i = 0; i < 3; i++) {
        w.now_ms += 99;
        cr_assert(has(&w, text("used"), "v"));
        if (i == 0)
            continue;
        cr_assert(is_absent(&w, text("idle")));
    }
    store_sweep(&w.store, w.now_ms, UINT32_MAX, gone, NULL);
    cr_assert(gone_count == 1);
    w.now_ms += 100;
    cr_assert(is_absent(&w, text("used")));
}

Test(store, keeps_an_idle_time_of_months_in_seconds)
{
    const uint64_t month = 31ull * 24 * 3600 * 1000;

    cr_assert(put_with(&w, text("k"), text("v"), (struct lifetime){.idle_ms = month}) == MR_OK);
    w.now_ms += month - 1;
    cr_assert(has(&w, text("k"), "v"));
    w.now_ms += month;
    cr_assert(is_absent(&w, text("k")));
}

Test(store, scans_leave_out_what_has_ended)
{
    for (uint64_t i = 0; i < 100; i++)
        cr_assert(put_with(&w, key_of(i), text("v"), expires_in(i < 40 ? 5 : 50)) == MR_OK);
    w.now_ms += 5;
    epoch_enter();
    store_scan(&w.store, 0, UINT32_MAX, note, NULL);
    epoch_exit();
    for (int i = 0; i < 100; i++)
        cr_assert(seen[i] == (i >= 40));
}

/* ---- memory --------------------------------------------------------------------------------- */

Test(store, moves_records_out_of_sparse_runs_and_gives_chunks_back)
{
    enum { N = 400000 };
    struct data value = text("a value of some length that fills a chunk or ten, said at leisure");

    for (uint64_t i = 0; i < N; i++)
        cr_assert(put(&w, key_of(i), value) == MR_OK);
    for (uint64_t i = 0; i < N; i++)
        if (i % 10)
            cr_assert(erase(&w, key_of(i)) == MR_OK);
    slab_reclaim(w.slab);
    uint64_t before = slab_stats(w.slab).committed;

    cr_assert(slab_mark_sparse(w.slab) > 0);
    uint64_t cursor = 0;
    do
        cursor = store_move(&w.store, cursor);
    while (cursor);
    slab_reclaim(w.slab);
    slab_unmark(w.slab);

    store_check(&w.store);
    slab_check(w.slab);
    for (uint64_t i = 0; i < N; i++)
        cr_assert(i % 10 ? is_absent(&w, key_of(i)) : !is_absent(&w, key_of(i)));
    struct slab_stats after = slab_stats(w.slab);

    cr_assert(after.committed < before);
    cr_assert(after.committed <= after.used + after.used / 4 + (8 << 20),
              "%llu bytes are held for %llu", (unsigned long long)after.committed,
              (unsigned long long)after.used);
}

Test(store, fails_whole_when_memory_runs_out_and_recovers)
{
    uint64_t failed = 0, stored = 0;

    mem_hooks_set(&scarce_pages_too);
    for (uint64_t i = 0; i < 300000; i++) {
        scarce_left = i % 5000 == 0 ? 1 : scarce_left;
        mr_rc_t rc =
            put(&w, key_of(i), text("a value that takes its hundred bytes or so, and more"));

        cr_assert(rc == MR_OK || rc == MR_ERR_MEMORY);
        cr_assert(is_absent(&w, key_of(i)) == (rc != MR_OK));
        stored += rc == MR_OK;
        failed += rc != MR_OK;
        if (i % 3 == 0)
            (void)!erase(&w, key_of(i / 2)); /* may fail too */
    }
    mem_hooks_set(NULL);
    cr_assert(failed > 0 && stored > 0);
    store_check(&w.store);
    slab_check(w.slab);
    cr_assert(put(&w, text("after"), text("all")) == MR_OK);
}

Test(store, refuses_at_the_ceiling_and_serves_again_below_it)
{
    enum { LIMIT = 4 << 20 };
    struct world small;
    uint64_t n = 0;
    mr_rc_t rc;

    world_open(&small, LIMIT, TOUCH_NEVER);
    while ((rc = put(&small, key_of(n), text("some value or other"))) == MR_OK)
        n++;
    cr_assert(rc == MR_ERR_FULL);
    cr_assert(small.account.reserved <= LIMIT);
    cr_assert(n > 40000, "the ceiling was reached at %llu entries", (unsigned long long)n);
    store_check(&small.store);

    for (uint64_t i = 0; i < n; i += 2)
        cr_assert(erase(&small, key_of(i)) == MR_OK);
    slab_reclaim(small.slab);
    cr_assert(put(&small, key_of(n), text("some value or other")) == MR_OK);
    world_close(&small);
    clock_set(world_now_ns, &w);
}

/* ---- eviction ------------------------------------------------------------------------------- */

Test(store, evicts_what_was_used_least)
{
    static const enum eviction policies[] = {EVICT_LRU, EVICT_LFU};

    for (int p = 0; p < 2; p++) {
        struct world e;
        struct rand r;
        int hot_lost = 0;

        rand_init(&r, 3);
        world_open(&e, UINT64_MAX, p == 0 ? TOUCH_COARSE : TOUCH_COUNT);
        for (uint64_t i = 0; i < 2000; i++)
            cr_assert(put(&e, key_of(i), text("v")) == MR_OK);
        for (int round = 0; round < 5; round++) {
            e.now_ms += 200;
            for (uint64_t i = 0; i < 200; i++) /* the hot tenth */
                cr_assert(has(&e, key_of(i), "v"));
        }
        for (int i = 0; i < 1000; i++) {
            struct spot spot;
            struct data key;

            cr_assert(store_victim(&e.store, policies[p], rand_next(&r), e.now_ms, NULL, NULL,
                                   &spot, &key));
            cr_assert(store_erase(&e.store, &spot) == MR_OK);
        }
        for (uint64_t i = 0; i < 200; i++)
            hot_lost += is_absent(&e, key_of(i));
        cr_assert(hot_lost < 10, "%d of 200 hot entries were evicted", hot_lost);
        store_check(&e.store);
        world_close(&e);
    }
    clock_set(world_now_ns, &w);
}

Test(store, evicts_an_ended_entry_before_any_other)
{
    struct world e;
    struct spot spot;
    struct data key;

    world_open(&e, UINT64_MAX, TOUCH_COARSE);
    for (uint64_t i = 0; i < 8; i++)
        cr_assert(put_with(&e, key_of(i), text("v"),
                           (struct lifetime){e.now_ms + (i == 5 ? 1 : 1000), 0}) == MR_OK);
    e.now_ms += 1;
    cr_assert(store_victim(&e.store, EVICT_LRU, 0, e.now_ms, NULL, NULL, &spot, &key));
    cr_assert(record_is_over(spot.old, e.now_ms));
    world_close(&e);
    clock_set(world_now_ns, &w);
}

Test(store, finds_something_to_evict_as_long_as_there_is_an_entry)
{
    struct spot spot;
    struct data key;
    struct rand r;

    rand_init(&r, 5);
    cr_assert(!store_victim(&w.store, EVICT_RANDOM, 1, w.now_ms, NULL, NULL, &spot, &key));
    for (uint64_t i = 0; i < 5000; i++)
        cr_assert(put(&w, key_of(i), text("v")) == MR_OK);
    for (uint64_t i = 0; i < 5000; i++) {
        cr_assert(
            store_victim(&w.store, EVICT_RANDOM, rand_next(&r), w.now_ms, NULL, NULL, &spot, &key));
        cr_assert(store_erase(&w.store, &spot) == MR_OK);
    }
    cr_assert(w.store.entries == 0);
    cr_assert(!store_victim(&w.store, EVICT_RANDOM, 1, w.now_ms, NULL, NULL, &spot, &key));
}
