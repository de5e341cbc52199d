#include "tests/unit/client/fixture.h"

/* Limits of a map and of the member are ceilings: nothing passes them, at any moment. */

/* Refused for want of room, in words that name the map, the limit and the way out. */
#define FULL(call, limit, way_out)                                                                 \
    do {                                                                                           \
        GIVES(MR_ERR_FULL, call);                                                                  \
        cr_assert(err.retryable == 1);                                                             \
        cr_assert(strstr(err.message, "\"test\"") != NULL, "%s", err.message);                     \
        cr_assert(strstr(err.detail, limit) != NULL, "%s", err.detail);                            \
        cr_assert(strstr(err.hint, way_out) != NULL, "%s", err.hint);                              \
    } while (0)

TestSuite(limits, .fini = close_member);

static char large[1 << 20];

static mr_rc_t put_large(int64_t key, size_t bytes)
{
    mr_err_clear(&err);
    return mr_map_put(m, MR_I64(key), MR_BYTES(large, bytes), NULL, &err);
}

/* ---- max-size ------------------------------------------------------------------------------- */

Test(limits, refuses_an_entry_more_than_max_size)
{
    OPEN("maps.test.max-size", "100");
    for (int64_t i = 0; i < 100; i++)
        put(MR_I64(i), MR_I64(i));
    FULL(mr_map_put(m, MR_I64(100), MR_I64(1), NULL, &err), "max-size", "eviction");
    cr_assert_eq(size(), 100);
    cr_assert(absent(MR_I64(100)));

    put(MR_I64(5), MR_I64(50));
    cr_assert_eq(number(MR_I64(5)), 50, "what is there may change");
    GIVES(MR_OK, mr_map_delete(m, MR_I64(5), &err));
    put(MR_I64(100), MR_I64(1));
    FULL(mr_map_set(m, MR_I64(5), MR_I64(1), NULL, &err), "100", "limit");
    GIVES(MR_OK, mr_map_clear(m, &err));
    put(MR_I64(5), MR_I64(1));
}

static void stays_below_max_size(const char *eviction)
{
    uint64_t highest = 0;

    OPEN("maps.test.max-size", "500", "maps.test.eviction", eviction);
    for (int64_t i = 0; i < 5000; i++) {
        put(MR_I64(i), MR_I64(i));
        cr_assert_eq(number(MR_I64(i)), i, "what was put last is there");
        uint64_t now = size();
        cr_assert(now <= 500, "%lu entries", (unsigned long)now);
        highest = now > highest ? now : highest;
    }
    cr_assert_eq(highest, 500);
    cr_assert_eq(map_stats().evictions, 4500);
}

Test(limits, evicts_the_least_recently_used_to_stay_below_max_size)
{
    stays_below_max_size("lru");
}

Test(limits, evicts_the_least_frequently_used_to_stay_below_max_size)
{
    stays_below_max_size("lfu");
}

Test(limits, evicts_any_entry_to_stay_below_max_size)
{
    stays_below_max_size("random");
}

struct writer {
    int64_t first;
    mr_rc_t worst;
};

static void put_many(void *context)
{
    struct writer *w = context;

    for (int64_t i = 0; i < 3000; i++) {
        mr_rc_t rc = mr_map_put(m, MR_I64(w->first + i), MR_I64(i), NULL, NULL);

        w->worst = rc != MR_OK ? rc : w->worst;
    }
}

Test(limits, hold_when_several_threads_put_at_once)
{
    struct thread threads[3];
    struct writer writers[3] = {{0, MR_OK}, {1000000, MR_OK}, {2000000, MR_OK}};

    /* In one partition, because the sizes of several are not of one moment. */
    OPEN("partitions.count", "1", "maps.test.max-size", "300", "maps.test.eviction", "lru");
    for (int i = 0; i < 3; i++)
        cr_assert(thread_start(&threads[i], "writer", put_many, &writers[i]) == MR_OK);
    for (int i = 0; i < 1000; i++)
        cr_assert(size() <= 300);
    for (int i = 0; i < 3; i++) {
        thread_join(&threads[i]);
        cr_assert_eq(writers[i].worst, MR_OK, "%s", mr_rc_name(writers[i].worst));
    }
    cr_assert(size() <= 300);
}

/* How many of the keys from 0 on that were used still stand, when the map has been filled up. */
static int kept_of_the_used(const char *eviction)
{
    int kept = 0;

    stop_time();
    OPEN("maps.test.max-size", "1000", "maps.test.eviction", eviction);
    for (int64_t i = 0; i < 1000; i++)
        put(MR_I64(i), MR_I64(i));
    for (int round = 0; round < 5; round++) {
        time_passes(1000);
        for (int64_t i = 0; i < 100; i++)
            (void)number(MR_I64(i));
    }
    for (int64_t i = 1000; i < 1500; i++)
        put(MR_I64(i), MR_I64(i));
    for (int64_t i = 0; i < 100; i++)
        kept += !absent(MR_I64(i));
    return kept;
}

Test(limits, keep_what_was_used_recently)
{
    int kept = kept_of_the_used("lru");

    cr_assert(kept >= 80, "%d of 100", kept); /* evicting by chance keeps some 60 */
}

Test(limits, keep_what_was_used_often)
{
    int kept = kept_of_the_used("lfu");

    cr_assert(kept >= 80, "%d of 100", kept);
}

/* ---- max-bytes ------------------------------------------------------------------------------ */

Test(limits, refuses_what_would_pass_max_bytes)
{
    int64_t n = 0;

    OPEN("maps.test.max-bytes", "64KiB");
    while (put_large(n, 1000) == MR_OK) {
        n++;
        cr_assert(map_stats().bytes <= 65536);
    }
    cr_assert_eq(err.code, MR_ERR_FULL);
    cr_assert(n > 50 && n <= 65, "%ld entries", (long)n);
    FULL(put_large(n, 1000), "max-bytes", "eviction");
    FULL(put_large(0, 20000), "65536", "limit");
    cr_assert_eq(put_large(0, 10), MR_OK, "smaller is always possible");
    cr_assert_eq(put_large(n, 900), MR_OK, "and makes room");
}

static void stays_below_max_bytes(const char *eviction)
{
    OPEN("maps.test.max-bytes", "256KiB", "maps.test.eviction", eviction);
    for (int64_t i = 0; i < 3000; i++) {
        cr_assert_eq(put_large(i, 100 + i * 37 % 3000), MR_OK, "%s: %s", err.message, err.detail);
        cr_assert(map_stats().bytes <= 256 * 1024);
        cr_assert(!absent(MR_I64(i)));
    }
    cr_assert(size() > 50);
}

Test(limits, evicts_the_least_recently_used_to_stay_below_max_bytes)
{
    stays_below_max_bytes("lru");
}

Test(limits, evicts_the_least_frequently_used_to_stay_below_max_bytes)
{
    stays_below_max_bytes("lfu");
}

Test(limits, evicts_any_entry_to_stay_below_max_bytes)
{
    stays_below_max_bytes("random");
}

Test(limits, refuses_an_entry_that_is_larger_than_the_whole_map_may_be)
{
    OPEN("maps.test.max-bytes", "64KiB", "maps.test.eviction", "lru");
    put(MR_I64(1), MR_I64(1));
    FULL(put_large(2, 100000), "max-bytes", "limit");
}

/* ---- memory.max ----------------------------------------------------------------------------- */

enum { MEMORY_MAX = 16 << 20 };

static void check_ceiling(void)
{
    mr_memory_stats_t s = memory_stats();

    cr_assert(s.limit == MEMORY_MAX);
    cr_assert(s.used <= MEMORY_MAX, "%lu bytes", (unsigned long)s.used);
}

Test(limits, refuses_what_would_pass_the_members_memory)
{
    int64_t n = 0;

    OPEN("memory.max", "16MiB");
    while (put_large(n, 10000) == MR_OK) {
        n++;
        check_ceiling();
    }
    cr_assert(n > 16 * 80, "%ld entries: most of the memory can be used", (long)n);
    FULL(put_large(n, 10000), "memory.max", "eviction");
    FULL(put_large(0, 1 << 20), "16777216", "limit");
    for (int64_t i = 0; i < n; i++)
        GIVES(MR_OK, mr_map_delete(m, MR_I64(i), &err));
    EVENTUALLY(put_large(0, 1 << 20) == MR_OK);
}

Test(limits, removing_works_where_memory_is_used_up)
{
    int64_t n = 0;

    OPEN("memory.max", "16MiB");
    while (put_large(n, 1000) == MR_OK)
        n++;
    while (mr_map_put(m, MR_I64(n), MR_I64(n), NULL, NULL) == MR_OK)
        n++;
    GIVES(MR_OK, mr_map_delete(m, MR_I64(0), &err));
    GIVES(MR_OK, mr_map_evict(m, MR_I64(1), &err));
    GIVES(MR_OK, mr_map_remove(m, MR_I64(2), NULL, &err));
    GIVES(MR_OK, mr_map_clear(m, &err));
    cr_assert_eq(size(), 0);
}

static void stays_below_memory_max(const char *eviction)
{
    OPEN("memory.max", "16MiB", "maps.test.eviction", eviction);
    for (int64_t i = 0; i < 6000; i++) {
        cr_assert_eq(put_large(i, 1000 + i * 37 % 20000), MR_OK, "%ld: %s: %s", (long)i,
                     err.message, err.detail);
        check_ceiling();
        cr_assert(!absent(MR_I64(i)));
    }
    cr_assert(map_stats().evictions > 1000);
}

Test(limits, evicts_the_least_recently_used_to_stay_below_memory_max)
{
    stays_below_memory_max("lru");
}

Test(limits, evicts_the_least_frequently_used_to_stay_below_memory_max)
{
    stays_below_memory_max("lfu");
}

Test(limits, evicts_any_entry_to_stay_below_memory_max)
{
    stays_below_memory_max("random");
}

Test(limits, lets_one_value_be_replaced_for_ever_in_little_memory)
{
    OPEN("memory.max", "16MiB");
    for (int i = 0; i < 20000; i++) {
        cr_assert_eq(put_large(1, 10000 + i % 5000), MR_OK, "%d: %s", i, err.detail);
        check_ceiling();
    }
}

Test(limits, names_the_members_memory_when_that_is_what_is_short)
{
    int64_t n = 0;

    OPEN("memory.max", "16MiB", "maps.test.max-bytes", "1GiB", "maps.test.max-size", "1000000");
    while (put_large(n, 10000) == MR_OK)
        n++;
    FULL(put_large(n, 10000), "memory.max", "eviction");
}

Test(limits, refuses_to_make_room_for_ever_inside_a_read_section)
{
    mr_ref_t first = MR_NULL;
    int64_t n = 0;

    OPEN("memory.max", "16MiB", "maps.test.eviction", "lru");
    put(MR_I64(-1), MR_I64(7));
    GIVES(MR_OK, mr_read_begin(g, &err));
    GIVES(MR_OK, mr_map_borrow(m, MR_I64(-1), &first, &err));
    while (n < 100000 && put_large(n, 10000) == MR_OK)
        n++;
    cr_assert_eq(err.code, MR_ERR_FULL);
    cr_assert(strstr(err.hint, "read section") != NULL, "%s", err.hint);
    check_ceiling();
    cr_assert_eq(first.as.i64, 7);
    mr_read_end(g);
    EVENTUALLY(put_large(n, 10000) == MR_OK);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

#define TOO_LARGE(call, what, limit)                                                               \
    do {                                                                                           \
        GIVES(MR_ERR_TOO_LARGE, call);                                                             \
        cr_assert(strstr(err.message, "\"test\"") != NULL, "%s", err.message);                     \
        cr_assert(strstr(err.message, what) != NULL, "%s", err.message);                           \
        cr_assert(strstr(err.hint, limit) != NULL, "%s", err.hint);                                \
    } while (0)

static mr_update_t store_what_is_given(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)current;
    *next = *(mr_ref_t *)context;
    return MR_UPDATE_SET;
}

Test(limits, refuses_a_key_and_a_value_larger_than_configured)
{
    mr_ref_t too_large = MR_BYTES(large, 1001);

    OPEN("limits.key-size", "100", "limits.value-size", "1000");
    put(MR_BYTES(large, 100), MR_BYTES(large, 1000));
    TOO_LARGE(mr_map_put(m, MR_BYTES(large, 101), MR_I64(1), NULL, &err), "key of 101 bytes",
              "limits.key-size");
    TOO_LARGE(mr_map_put(m, MR_I64(1), too_large, NULL, &err), "value of 1001 bytes",
              "limits.value-size");
    TOO_LARGE(mr_map_set(m, MR_I64(1), too_large, NULL, &err), "1000", "limits.value-size");
    TOO_LARGE(mr_map_put_if_absent(m, MR_I64(1), too_large, NULL, &err), "1000", "value-size");
    TOO_LARGE(mr_map_replace(m, MR_BYTES(large, 100), too_large, NULL, &err), "1000", "value-size");
    TOO_LARGE(mr_map_update(m, MR_I64(1), store_what_is_given, &too_large, NULL, &err),
              "value of 1001 bytes", "limits.value-size");
    cr_assert_eq(size(), 1);
}

Test(limits, finds_nothing_under_a_key_larger_than_allowed)
{
    mr_val_t v = MR_VAL_INIT;

    OPEN("limits.key-size", "100");
    GIVES(MR_NOT_FOUND, mr_map_get(m, MR_BYTES(large, 101), &v, NULL, &err));
    GIVES(MR_NOT_FOUND, mr_map_get(m, MR_BYTES(large, sizeof large), &v, NULL, &err));
}

Test(limits, take_the_largest_key_and_value_there_can_be)
{
    static char huge[(16 << 20) - 1];
    mr_val_t v = MR_VAL_INIT;

    open_plain();
    memset(huge, 'x', sizeof huge);
    put(MR_BYTES(large, 65535), MR_BYTES(huge, sizeof huge));
    GIVES(MR_OK, mr_map_get(m, MR_BYTES(large, 65535), &v, NULL, &err));
    cr_assert(mr_val_len(&v) == sizeof huge);
    cr_assert(memcmp(mr_val_bytes(&v), huge, sizeof huge) == 0);
    mr_val_clear(&v);
    TOO_LARGE(mr_map_put(m, MR_BYTES(large, 65536), MR_I64(1), NULL, &err), "key", "65535");
    TOO_LARGE(mr_map_put(m, MR_I64(1), MR_BYTES(huge, (size_t)1 << 24), NULL, &err), "value",
              "16777215");
    GIVES(MR_ERR_TOO_LARGE, mr_map_put(m, MR_I64(1), MR_BYTES(large, SIZE_MAX), NULL, &err));
}
