/* Near caches of a real member's map: what near_test.c decides, done. */
#include "client/handle.h"
#include "client/remote_map.h"
#include "net/base/epoch.h"
#include "tests/unit/client/far.h"

static mr_t *other; /* another client, without copies */
static mr_map_t *others;

static mr_map_t *connect_another(mr_t **ret_g)
{
    mr_err_clear(&err);
    *ret_g = mr_connect(url("dev"), NULL, &err);
    cr_assert(*ret_g != NULL, "%s", err.message);
    return mr_map(*ret_g, "test", &err);
}

static void open_two(void)
{
    open_both();
    GIVES(MR_OK, mr_map_near_cache(m, NULL, &err));
    others = connect_another(&other);
}

static void close_two(void)
{
    GIVES(MR_OK, mr_close(other, MR_NOW, &err));
    close_both();
}

TestSuite(near_cache, .init = open_two, .fini = close_two, .timeout = 60);

static mr_near_stats_t stats(void)
{
    mr_near_stats_t s = MR_NEAR_STATS_INIT;

    GIVES(MR_OK, mr_map_near_stats(m, &s, &err));
    return s;
}

/* The number under a key, -1 for none, through a handle. */
static int64_t read(mr_map_t *map, mr_ref_t key)
{
    mr_val_t v = MR_VAL_INIT;

    mr_err_clear(&err);
    mr_rc_t rc = mr_map_get(map, key, &v, NULL, &err);

    cr_assert(rc == MR_OK || rc == MR_NOT_FOUND, "%s", err.message);
    int64_t n = rc == MR_OK ? mr_val_i64(&v) : -1;

    mr_val_clear(&v);
    return n;
}

/* Reads until a copy answers, which it does once the members have confirmed that none is old. */
static void warm(mr_ref_t key)
{
    for (uint64_t before = stats().hits; stats().hits == before; pause_ms(1))
        (void)read(m, key);
}

/* Another client writes, and it is seen here. */
static void see(mr_ref_t key, int64_t value)
{
    while (read(m, key) != value)
        pause_ms(1);
}

/* ---- reads ---------------------------------------------------------------------------------- */

Test(near_cache, answers_without_asking)
{
    put(MR_STR("ada"), MR_I64(36));
    warm(MR_STR("ada"));
    warm(MR_STR("none"));
    mr_near_stats_t before = stats();

    for (int i = 0; i < 100; i++) {
        cr_assert(read(m, MR_STR("ada")) == 36);
        cr_assert(read(m, MR_STR("none")) == -1);
        cr_assert(!absent(MR_STR("ada")));
        cr_assert(absent(MR_STR("none")));
    }
    cr_assert(stats().hits == before.hits + 400 && stats().misses == before.misses);
}

Test(near_cache, answers_with_large_values)
{
    char bytes[5000];
    mr_val_t v = MR_VAL_INIT;

    memset(bytes, 'x', sizeof bytes);
    put(MR_STR("ada"), MR_BYTES(bytes, sizeof bytes));
    warm(MR_STR("none"));
    GIVES(MR_OK, mr_map_get(m, MR_STR("ada"), &v, NULL, &err));
    uint64_t before = stats().hits;

    GIVES(MR_OK, mr_map_get(m, MR_STR("ada"), &v, NULL, &err));
    cr_assert(stats().hits == before + 1);
    cr_assert(mr_val_len(&v) == sizeof bytes);
    cr_assert(memcmp(mr_val_bytes(&v), bytes, sizeof bytes) == 0);
    mr_val_clear(&v);
}

Test(near_cache, answers_some_of_many)
{
    enum { MANY = 200 };
    mr_ref_t keys[MANY];
    mr_val_t values[MANY];

    for (int64_t i = 0; i < MANY; i++) {
        put(MR_I64(i), MR_I64(i * 10));
        keys[i] = MR_I64(i);
        values[i] = (mr_val_t)MR_VAL_INIT;
    }
    for (int64_t i = 0; i < MANY; i += 3)
        warm(MR_I64(i));
    uint64_t before = stats().hits;

    GIVES(MR_OK, mr_map_get_all(m, keys, MANY, values, &err));
    cr_assert(stats().hits - before == 67, "%d", (int)(stats().hits - before));
    for (int i = 0; i < MANY; i++) {
        cr_assert(mr_val_i64(&values[i]) == i * 10);
        mr_val_clear(&values[i]);
    }
    for (int64_t i = 0; i < MANY; i++)
        cr_assert(read(m, MR_I64(i)) == i * 10);
    cr_assert(stats().hits - before > 67 + MANY / 2, "what was asked for was copied");
}

Test(near_cache, answers_later_calls_at_once)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    mr_cq_t *cq = mr_cq_new(g, &err);

    put(MR_STR("ada"), MR_I64(36));
    warm(MR_STR("ada"));
    for (uint64_t tag = 0; tag < 3; tag++) {
        mr_ref_t key = tag == 2 ? MR_STR("none") : MR_STR("ada");

        GIVES(MR_OK, mr_map_get_async(m, key, cq, tag, &err));
    }
    for (int i = 0; i < 3; i++) {
        cr_assert(mr_cq_wait(cq, &c, MR_FOREVER, &err) == 1);
        cr_assert(c.rc == (c.tag == 2 ? MR_NOT_FOUND : MR_OK));
        cr_assert(c.tag == 2 || mr_val_i64(&c.value) == 36);
    }
    mr_completion_clear(&c);
    mr_cq_free(cq);
}

/* ---- changes -------------------------------------------------------------------------------- */

Test(near_cache, shows_its_own_writes_at_once)
{
    for (int64_t i = 0; i < 200; i++) {
        put(MR_STR("ada"), MR_I64(i));
        cr_assert(read(m, MR_STR("ada")) == i);
        cr_assert(read(m, MR_STR("ada")) == i);
    }
    GIVES(MR_OK, mr_map_remove(m, MR_STR("ada"), NULL, &err));
    cr_assert(absent(MR_STR("ada")));
    put(MR_STR("ada"), MR_I64(1));
    warm(MR_STR("ada"));
    GIVES(MR_OK, mr_map_clear(m, &err));
    cr_assert(read(m, MR_STR("ada")) == -1);
}

static mr_update_t add_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.as.i64 + 1);
    return MR_UPDATE_SET;
}

Test(near_cache, shows_updates_what_the_member_has)
{
    put(MR_STR("ada"), MR_I64(0));
    for (int i = 0; i < 100; i++) {
        (void)read(m, MR_STR("ada"));
        GIVES(MR_OK, mr_map_update(others, MR_STR("ada"), add_one, NULL, NULL, &err));
        GIVES(MR_OK, mr_map_update(m, MR_STR("ada"), add_one, NULL, NULL, &err));
    }
    cr_assert(read(m, MR_STR("ada")) == 200);
}

/* How often claims on copies of a key have ended, by a write or by what a member told. */
static uint32_t ends_of_claims(const char *text)
{
    struct data key = {(const uint8_t *)text, (uint32_t)strlen(text), DATA_STRING}, value;
    struct near_claim claim;

    epoch_enter();
    (void)near_find(m->map->near, &key, 0, &value, &claim);
    epoch_exit();
    return claim.version;
}

Test(near_cache, keeps_no_copy_from_while_entries_were_compared)
{
    put(MR_STR("ada"), MR_I64(1));
    warm(MR_STR("ada"));
    uint32_t before = ends_of_claims("ada");

    GIVES(MR_NOT_EQUAL,
          mr_map_replace_if_equal(m, MR_STR("ada"), MR_I64(7), MR_I64(8), NULL, &err));
    cr_assert(ends_of_claims("ada") - before == 2, "when it began, and when it ended");
}

Test(near_cache, keeps_no_copy_from_before_the_end_of_a_put_behind_one_that_failed)
{
    static char large[2048];
    const mr_entry_t entries[] = {{MR_STR("ada"), MR_BYTES(large, sizeof large)},
                                  {MR_STR("bob"), MR_I64(2)}};

    GIVES(MR_OK, mr_close(g, MR_NOW, &err));
    GIVES(MR_OK, mr_close(other, MR_NOW, &err));
    unserve();
    serve((const char *const[]){"limits.value-size", "1024", NULL});
    connect_with(NULL);
    others = connect_another(&other);
    GIVES(MR_OK, mr_map_near_cache(m, NULL, &err));
    uint32_t before = ends_of_claims("bob");

    GIVES(MR_ERR_ARGUMENT, mr_map_put_all(m, entries, 2, NULL, NULL, &err));
    EVENTUALLY(ends_of_claims("bob") - before == 3); /* began; the member told; ended */
}

Test(near_cache, follows_what_others_write)
{
    warm(MR_STR("ada"));
    for (int64_t i = 0; i < 50; i++) {
        GIVES(MR_OK, mr_map_set(others, MR_STR("ada"), MR_I64(i), NULL, &err));
        see(MR_STR("ada"), i);
    }
    GIVES(MR_OK, mr_map_delete(others, MR_STR("ada"), &err));
    see(MR_STR("ada"), -1);
    GIVES(MR_OK, mr_map_set(others, MR_STR("ada"), MR_I64(7), NULL, &err));
    see(MR_STR("ada"), 7);
    warm(MR_STR("ada"));
    GIVES(MR_OK, mr_map_clear(others, &err));
    see(MR_STR("ada"), -1);
    cr_assert(stats().invalidations > 0);
}

Test(near_cache, follows_entries_that_end)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;

    opts.ttl_ms = 300;
    GIVES(MR_OK, mr_map_set(others, MR_STR("ada"), MR_I64(1), &opts, &err));
    see(MR_STR("ada"), 1);
    see(MR_STR("ada"), -1);
}

/* ---- members that go and come --------------------------------------------------------------- */

Test(near_cache, holds_nothing_of_a_member_that_is_gone)
{
    put(MR_STR("ada"), MR_I64(36));
    warm(MR_STR("ada"));
    unserve();
    serve(NULL);
    see(MR_STR("ada"), -1);
    put(MR_STR("ada"), MR_I64(37));
    warm(MR_STR("ada"));
    cr_assert(read(m, MR_STR("ada")) == 37);
    GIVES(MR_OK, mr_map_set(others, MR_STR("ada"), MR_I64(38), NULL, &err));
    see(MR_STR("ada"), 38);
}

Test(near_cache, asks_when_the_members_have_not_confirmed)
{
    mr_near_opts_t opts = MR_NEAR_OPTS_INIT;
    mr_map_t *m2 = mr_map(g, "second", &err);
    uint64_t hits, began_ms;

    opts.stale_max_ms = 100;
    GIVES(MR_OK, mr_map_near_cache(m2, &opts, &err));
    m = m2;
    warm(MR_STR("ada"));
    hits = stats().hits;
    for (began_ms = clock_ms(); clock_ms() < began_ms + 500;)
        (void)read(m, MR_STR("ada"));
    cr_assert(stats().hits > hits + 100, "confirmed again and again");
}

/* ---- wrong use ------------------------------------------------------------------------------ */

Test(near_cache, says_what_is_wrong)
{
    mr_near_opts_t opts = MR_NEAR_OPTS_INIT;
    mr_near_stats_t s = {0};

    GIVES(MR_EXISTS, mr_map_near_cache(m, NULL, &err));
    GIVES(MR_NOT_FOUND, mr_map_near_stats(others, &(mr_near_stats_t)MR_NEAR_STATS_INIT, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_near_stats(m, NULL, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_near_stats(m, &s, &err));
    GIVES(MR_ERR_ARGUMENT, mr_map_near_cache(NULL, NULL, &err));
    opts.max_bytes = 1000;
    GIVES(MR_ERR_ARGUMENT, mr_map_near_cache(others, &opts, &err));
    opts.max_bytes = 0;
    opts.stale_max_ms = 99;
    GIVES(MR_ERR_ARGUMENT, mr_map_near_cache(others, &opts, &err));
    opts.stale_max_ms = -1;
    GIVES(MR_ERR_ARGUMENT, mr_map_near_cache(others, &opts, &err));
    opts.stale_max_ms = 100;
    opts.size = 0;
    GIVES(MR_ERR_ARGUMENT, mr_map_near_cache(others, &opts, &err));
    opts.size = sizeof opts;
    GIVES(MR_OK, mr_map_near_cache(others, &opts, &err));
}

Test(near_cache_here, is_not_needed, .init = open_plain, .fini = close_member)
{
    GIVES(MR_ERR_UNSUPPORTED, mr_map_near_cache(m, NULL, &err));
    GIVES(MR_NOT_FOUND, mr_map_near_stats(m, &(mr_near_stats_t)MR_NEAR_STATS_INIT, &err));
}
