/* embedded_test.c - handles of members that are in a cluster: each reaches everything.
 *
 * The founder, a process of its own, has all partitions as primary; two more members are in the
 * test's own process, with a handle each. When the founder is killed, the two share what it had. */
#define _GNU_SOURCE
#include "tests/unit/client/fixture.h"
#include "tests/free_ports.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OURS = 2, MEMBERS = OURS + 1, KEYS = 200, PARTITIONS = 31 };

static pid_t founder;
static uint16_t port[MEMBERS]; /* the first one is the founder's */
static mr_t *grid[OURS];
static mr_map_t *map[OURS];
static const char *backups = "2";

/* ---- members -------------------------------------------------------------------------------- */

static mr_t *start(int i, const char *key, const char *value)
{
    mr_err_t why = MR_ERR_INIT;
    mr_config_t *c = mr_config_new(&why);
    char own[8], partitions[8];
    mr_t *started = NULL;

    snprintf(own, sizeof own, "%u", port[i]);
    snprintf(partitions, sizeof partitions, "%d", PARTITIONS);
    if (mr_config_set(c, "network.port", own, &why) == MR_OK &&
        mr_config_set(c, "http.listen", "no", &why) == MR_OK &&
        mr_config_set(c, "partitions.count", partitions, &why) == MR_OK &&
        mr_config_set(c, "cluster.backup-count", backups, &why) == MR_OK &&
        mr_config_set(c, "member.loops", "1", &why) == MR_OK &&
        mr_config_set(c, key, value, &why) == MR_OK)
        started = mr_member_start(c, &why);
    mr_config_free(c);
    return started;
}

static void found(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!start(0, "cluster.bootstrap", "yes"))
        _exit(1);
    for (;;)
        pause();
}

/* Are there so many, and all partitions with all copies that there can be? */
static bool is_settled(mr_t *at, uint32_t members)
{
    mr_cluster_t *c = mr_cluster(at, NULL);
    bool is =
        c && c->member_count == members && c->led && c->offline == 0 && c->short_of_copies == 0;

    mr_cluster_free(c);
    return is;
}

static uint32_t primaries_of(mr_t *at)
{
    mr_cluster_t *c = mr_cluster(at, &err);
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->member_count; i++)
        if (c->members[i].uuid.high == c->self.high && c->members[i].uuid.low == c->self.low)
            n = c->members[i].primaries;
    mr_cluster_free(c);
    return n;
}

static void settle(uint32_t members)
{
    for (int i = 0; i < OURS; i++)
        EVENTUALLY(is_settled(grid[i], members));
}

static void open_cluster(void)
{
    char first[32];

    free_ports(port, MEMBERS);
    if ((founder = fork()) == 0)
        found();
    snprintf(first, sizeof first, "127.0.0.1:%u", port[0]);
    for (int i = 0; i < OURS; i++) {
        grid[i] = start(i + 1, "cluster.members", first);
        cr_assert(grid[i] != NULL);
    }
    settle(MEMBERS);
    for (int i = 0; i < OURS; i++) {
        map[i] = mr_map(grid[i], "test", &err);
        cr_assert(map[i] != NULL, "%s", err.message);
    }
}

static void kill_founder(void)
{
    if (founder == 0)
        return;
    kill(founder, SIGKILL);
    waitpid(founder, NULL, 0);
    founder = 0;
}

/* From then on each of the two is primary of some. */
static void open_shared(void)
{
    open_cluster();
    kill_founder();
    settle(OURS);
    for (int i = 0; i < OURS; i++)
        cr_assert(primaries_of(grid[i]) > 0);
}

static void close_cluster(void)
{
    kill_founder();
    for (int i = 0; i < OURS; i++)
        GIVES(MR_OK, mr_close(grid[i], MR_NOW, &err));
}

/* Two tests: while primaries are still being spread, from the founder, where all is at first;
 * and when the two have them all. */
#define WHOEVER(sentence)                                                                          \
    static void whoever_##sentence(void);                                                          \
    Test(embedded_elsewhere, sentence, .init = open_cluster, .fini = close_cluster, .timeout = 60) \
    {                                                                                              \
        whoever_##sentence();                                                                      \
    }                                                                                              \
    Test(embedded_shared, sentence, .init = open_shared, .fini = close_cluster, .timeout = 60)     \
    {                                                                                              \
        whoever_##sentence();                                                                      \
    }                                                                                              \
    static void whoever_##sentence(void)

TestSuite(embedded, .init = open_cluster, .fini = close_cluster, .timeout = 60);

/* ---- what is asked -------------------------------------------------------------------------- */

static void use(int i)
{
    g = grid[i];
    m = map[i];
}

/* k is 1000 + k, written by both in turn. */
static void fill(void)
{
    for (int k = 0; k < KEYS; k++) {
        use(k % OURS);
        put(MR_I64(k), MR_I64(1000 + k));
    }
}

/* ---- one key -------------------------------------------------------------------------------- */

WHOEVER(every_handle_reads_what_any_has_written)
{
    fill();
    for (int i = 0; i < OURS; i++) {
        use(i);
        for (int k = 0; k < KEYS; k++)
            cr_assert_eq(number(MR_I64(k)), 1000 + k);
        cr_assert(absent(MR_I64(KEYS)));
    }
}

WHOEVER(writes_tell_what_was_there_before)
{
    mr_val_t old = MR_VAL_INIT;
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;

    opts.old = &old;
    fill();
    use(1);
    for (int k = 0; k < KEYS; k++) {
        GIVES(MR_OK, mr_map_put(m, MR_I64(k), MR_I64(k), &opts, &err));
        cr_assert_eq(mr_val_i64(&old), 1000 + k);
        GIVES(MR_EXISTS, mr_map_put_if_absent(m, MR_I64(k), MR_I64(7), &opts, &err));
        cr_assert_eq(mr_val_i64(&old), k);
        GIVES(MR_OK, mr_map_replace(m, MR_I64(k), MR_I64(-k), &opts, &err));
        cr_assert_eq(mr_val_i64(&old), k);
        GIVES(MR_NOT_EQUAL,
              mr_map_replace_if_equal(m, MR_I64(k), MR_I64(5000), MR_I64(1), NULL, &err));
        GIVES(MR_OK, mr_map_replace_if_equal(m, MR_I64(k), MR_I64(-k), MR_I64(1), NULL, &err));
        GIVES(MR_NOT_EQUAL, mr_map_remove_if_equal(m, MR_I64(k), MR_I64(2), &err));
        GIVES(MR_OK, mr_map_remove(m, MR_I64(k), &old, &err));
        cr_assert_eq(mr_val_i64(&old), 1);
        GIVES(MR_NOT_FOUND, mr_map_remove(m, MR_I64(k), &old, &err));
        GIVES(MR_NOT_FOUND, mr_map_delete(m, MR_I64(k), &err));
        GIVES(MR_NOT_FOUND, mr_map_evict(m, MR_I64(k), &err));
    }
    mr_val_clear(&old);
}

WHOEVER(large_values_go_both_ways)
{
    static char bytes[100000];
    mr_val_t v = MR_VAL_INIT;

    memset(bytes, 'x', sizeof bytes - 1);
    use(0);
    for (int k = 0; k < 20; k++)
        put(MR_I64(k), MR_STR(bytes));
    use(1);
    for (int k = 0; k < 20; k++) {
        GIVES(MR_OK, mr_map_get(m, MR_I64(k), &v, NULL, &err));
        cr_assert_str_eq(mr_val_str(&v), bytes);
    }
    mr_val_clear(&v);
}

WHOEVER(times_are_kept)
{
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;

    opts.ttl_ms = 300;
    use(0);
    for (int k = 0; k < KEYS; k++)
        GIVES(MR_OK, mr_map_put(m, MR_I64(k), MR_I64(k), &opts, &err));
    use(1);
    for (int k = 0; k < KEYS; k++)
        EVENTUALLY(absent(MR_I64(k)));
}

static mr_update_t add_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1);
    return MR_UPDATE_SET;
}

enum { ROUNDS = 50 };

static void count_up(void *context)
{
    mr_map_t *at = context;
    mr_err_t why = MR_ERR_INIT;

    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < 4; k++)
            cr_assert(mr_map_update(at, MR_I64(k), add_one, NULL, NULL, &why) == MR_OK, "%s",
                      why.message);
}

WHOEVER(no_update_of_either_handle_is_lost)
{
    struct thread t[OURS];

    for (int i = 0; i < OURS; i++)
        cr_assert(thread_start(&t[i], "count", count_up, map[i]) == MR_OK);
    for (int i = 0; i < OURS; i++)
        thread_join(&t[i]);
    use(0);
    for (int k = 0; k < 4; k++)
        cr_assert_eq(number(MR_I64(k)), OURS * ROUNDS);
}

/* Texts, since numbers are not looked at where they lie. */
WHOEVER(a_borrowed_value_lasts_as_long_as_the_section)
{
    mr_ref_t seen[KEYS];
    char text[24];

    use(0);
    for (int k = 0; k < KEYS; k++) {
        snprintf(text, sizeof text, "number %d", k);
        put(MR_I64(k), MR_STR(text));
    }
    use(1);
    GIVES(MR_OK, mr_read_begin(g, &err));
    for (int k = 0; k < KEYS; k++)
        GIVES(MR_OK, mr_map_borrow(m, MR_I64(k), &seen[k], &err));
    for (int k = 0; k < KEYS; k++)
        GIVES(MR_OK, mr_map_set(m, MR_I64(k), MR_STR("another"), NULL, &err));
    for (int k = 0; k < KEYS; k++) {
        snprintf(text, sizeof text, "number %d", k);
        cr_assert_eq(seen[k].len, strlen(text));
        cr_assert_arr_eq(seen[k].as.str, text, strlen(text));
    }
    mr_read_end(g);
}

WHOEVER(a_locked_key_is_nobody_elses)
{
    for (int k = 0; k < 20; k++) {
        use(0);
        GIVES(MR_OK, mr_map_lock(m, MR_I64(k), 0, 0, &err));
        put(MR_I64(k), MR_I64(k));
        use(1);
        GIVES(MR_ERR_BUSY, mr_map_lock(m, MR_I64(k), 0, 0, &err));
        GIVES(MR_ERR_BUSY, mr_map_lock(m, MR_I64(k), 0, 20, &err));
        GIVES(MR_ERR_ARGUMENT, mr_map_unlock(m, MR_I64(k), &err));
        cr_assert_eq(mr_map_is_locked(m, MR_I64(k), NULL), 1);
        use(0);
        GIVES(MR_OK, mr_map_unlock(m, MR_I64(k), &err));
        use(1);
        cr_assert_eq(mr_map_is_locked(m, MR_I64(k), NULL), 0);
        GIVES(MR_OK, mr_map_lock(m, MR_I64(k), 0, 0, &err));
        GIVES(MR_OK, mr_map_unlock(m, MR_I64(k), &err));
    }
}

/* ---- later ---------------------------------------------------------------------------------- */

WHOEVER(answers_come_into_the_queue)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    int64_t sum = 0;

    for (int i = 0; i < OURS; i++) {
        use(i);
        mr_cq_t *cq = mr_cq_new(g, &err);

        for (int k = 0; k < KEYS; k++)
            GIVES(MR_OK, mr_map_put_async(m, MR_I64(k), MR_I64(k), NULL, cq, (uint64_t)k, &err));
        for (int k = 0; k < KEYS; k++) {
            cr_assert_eq(mr_cq_wait(cq, &c, 20000, &err), 1);
            cr_assert(c.rc == MR_OK, "%s", c.err.message);
        }
        for (int k = 0; k < KEYS; k++)
            GIVES(MR_OK, mr_map_get_async(m, MR_I64(k), cq, (uint64_t)k, &err));
        for (int k = 0; k < KEYS; k++) {
            cr_assert_eq(mr_cq_wait(cq, &c, 20000, &err), 1);
            cr_assert(c.rc == MR_OK, "%s", c.err.message);
            cr_assert_eq(mr_val_i64(&c.value), (int64_t)c.tag);
            sum += mr_val_i64(&c.value);
        }
        mr_cq_free(cq);
    }
    mr_completion_clear(&c);
    cr_assert_eq(sum, (int64_t)OURS * KEYS * (KEYS - 1) / 2);
}

/* ---- many ----------------------------------------------------------------------------------- */

WHOEVER(many_keys_are_put_and_got_at_once)
{
    mr_entry_t entries[KEYS];
    mr_ref_t keys[KEYS];
    mr_val_t values[KEYS] = {0};
    size_t done = 0;

    for (int k = 0; k < KEYS; k++) {
        keys[k] = MR_I64(k);
        entries[k] = (mr_entry_t){MR_I64(k), MR_I64(3 * k)};
    }
    use(0);
    GIVES(MR_OK, mr_map_put_all(m, entries, KEYS - 1, NULL, &done, &err));
    cr_assert_eq(done, KEYS - 1);
    use(1);
    GIVES(MR_OK, mr_map_get_all(m, keys, KEYS, values, &err));
    for (int k = 0; k < KEYS - 1; k++)
        cr_assert_eq(mr_val_i64(&values[k]), 3 * k);
    cr_assert_eq(values[KEYS - 1].kind, MR_KIND_NULL);
    for (int k = 0; k < KEYS; k++)
        mr_val_clear(&values[k]);
}

WHOEVER(those_before_one_that_is_refused_are_put)
{
    static char bytes[1 << 20];
    mr_put_opts_t opts = MR_PUT_OPTS_INIT;
    mr_entry_t entries[KEYS];
    size_t done = 0;

    memset(bytes, 'x', sizeof bytes);
    for (int k = 0; k < KEYS; k++)
        entries[k] = (mr_entry_t){MR_I64(k), MR_I64(k)};
    entries[100].key = (mr_ref_t)MR_BYTES(bytes, 70000); /* longer than a key may be */
    use(0);
    mr_err_clear(&err);
    cr_assert(mr_map_put_all(m, entries, KEYS, &opts, &done, &err) >= MR_ERR_MEMORY);
    cr_assert(done <= 100);
    cr_assert(done >= 64);
    use(1);
    for (size_t k = 0; k < done; k++)
        cr_assert_eq(number(MR_I64((int64_t)k)), (int64_t)k);
}

/* ---- the whole map -------------------------------------------------------------------------- */

WHOEVER(everything_is_counted_and_seen_once)
{
    fill();
    for (int i = 0; i < OURS; i++) {
        int seen[KEYS] = {0};
        mr_ref_t key, value;

        use(i);
        cr_assert_eq(size(), KEYS);
        mr_iter_t *it = mr_map_iter(m, 7, &err);

        while (mr_iter_next(it, &key, &value, &err)) {
            cr_assert_eq(value.as.i64, 1000 + key.as.i64);
            seen[key.as.i64]++;
        }
        cr_assert(err.code == MR_OK, "%s", err.message);
        mr_iter_free(it);
        for (int k = 0; k < KEYS; k++)
            cr_assert_eq(seen[k], 1);
    }
}

WHOEVER(queries_find_everything_once)
{
    const char *attributes[] = {"this"};
    fill();
    for (int i = 0; i < OURS; i++) {
        int seen[KEYS] = {0}, n = 0;
        mr_ref_t key;

        use(i);
        GIVES(MR_OK, mr_map_index(m, MR_INDEX_SORTED, attributes, 1, &err));
        cr_assert_eq(mr_map_count(m, "this >= 1100", &err), KEYS - 100, "%s", err.message);
        mr_iter_t *it = mr_map_query(m, "this >= 1100", &err);

        cr_assert(it != NULL, "%s", err.message);
        for (; mr_iter_next(it, &key, NULL, &err); n++)
            seen[key.as.i64]++;
        mr_iter_free(it);
        cr_assert_eq(n, KEYS - 100);
        for (int k = 100; k < KEYS; k++)
            cr_assert_eq(seen[k], 1);
        FAILS(MR_ERR_ARGUMENT, mr_map_count(m, "this >", &err), 0);
    }
}

WHOEVER(clearing_leaves_nothing_anywhere)
{
    fill();
    use(0);
    GIVES(MR_OK, mr_map_clear(m, &err));
    for (int i = 0; i < OURS; i++) {
        use(i);
        cr_assert_eq(size(), 0);
        for (int k = 0; k < KEYS; k++)
            cr_assert(absent(MR_I64(k)));
    }
}

/* ---- listening ------------------------------------------------------------------------------ */

struct heard {
    uint64_t added[2 * KEYS], total, lost;
};

static void on_event(void *context, const mr_event_t *e)
{
    struct heard *h = context;

    if (e->kind == MR_EVENT_ADDED)
        fetch_add_64(&h->added[e->key.as.i64], 1);
    if (e->kind == MR_EVENT_LOST)
        fetch_add_64(&h->lost, 1);
    fetch_add_64(&h->total, 1);
}

static void hear_each_once(void)
{
    static struct heard heard[OURS];

    for (int i = 0; i < OURS; i++)
        cr_assert(mr_map_listen(map[i], MR_EVENT_ALL, on_event, &heard[i], &err) != NULL, "%s",
                  err.message);
    fill();
    for (int i = 0; i < OURS; i++)
        EVENTUALLY(load_relaxed_64(&heard[i].total) >= KEYS);
    pause_ms(100); /* for what must not come */
    for (int i = 0; i < OURS; i++) {
        cr_assert_eq(load_relaxed_64(&heard[i].total), KEYS);
        for (int k = 0; k < KEYS; k++)
            cr_assert_eq(load_relaxed_64(&heard[i].added[k]), 1);
    }
}

WHOEVER(every_change_is_heard_once_at_each_handle)
{
    hear_each_once();
}

static void open_without_backups(void)
{
    backups = "0";
    open_cluster();
}

/* Where there is a copy, its changes could be heard as well. */
Test(embedded_bare, what_has_no_copy_here_is_heard, .init = open_without_backups,
     .fini = close_cluster, .timeout = 60)
{
    hear_each_once();
}

Test(embedded, a_listener_outlives_the_primary)
{
    static struct heard heard;
    mr_listener_t *l;

    use(1);
    l = mr_map_listen(m, MR_EVENT_ALL, on_event, &heard, &err);
    cr_assert(l != NULL, "%s", err.message);
    kill_founder();
    settle(OURS);
    fill();
    EVENTUALLY(load_relaxed_64(&heard.total) >= KEYS + load_relaxed_64(&heard.lost));
    pause_ms(100); /* for what must not come */
    for (int k = 0; k < KEYS; k++)
        cr_assert_eq(load_relaxed_64(&heard.added[k]), 1);
    cr_assert(load_relaxed_64(&heard.lost) <= 1);
    mr_listener_close(l);
    put(MR_I64(KEYS), MR_I64(1));
    pause_ms(50); /* the same */
    cr_assert_eq(load_relaxed_64(&heard.added[KEYS]), 0);
}

/* ---- copies --------------------------------------------------------------------------------- */

/* Some of them are elsewhere, whoever has which. */
static bool has_hits(mr_near_stats_t *stats)
{
    for (int k = 0; k < KEYS; k++)
        (void)number(MR_I64(k));
    return mr_map_near_stats(m, stats, NULL) == MR_OK && stats->hits > 0;
}

WHOEVER(copies_answer_for_what_is_elsewhere)
{
    mr_near_stats_t stats = MR_NEAR_STATS_INIT;

    fill();
    use(1);
    GIVES(MR_NOT_FOUND, mr_map_near_stats(m, &stats, &err));
    GIVES(MR_OK, mr_map_near_cache(m, NULL, &err));
    GIVES(MR_EXISTS, mr_map_near_cache(m, NULL, &err));
    EVENTUALLY(has_hits(&stats));
    for (int k = 0; k < KEYS; k++) {
        put(MR_I64(k), MR_I64(-k)); /* its own write shows at once */
        cr_assert_eq(number(MR_I64(k)), -k);
    }
    use(0);
    put(MR_I64(1), MR_I64(77));
    use(1);
    EVENTUALLY(number(MR_I64(1)) == 77);
}

/* ---- whoever dies --------------------------------------------------------------------------- */

struct writing {
    mr_map_t *at;
    int first;
    uint64_t acknowledged[KEYS]; /* rounds; atomic */
    uint64_t tried[KEYS];
    uint32_t stop; /* atomic */
    uint64_t rounds;
};

static void write_on(void *context)
{
    struct writing *w = context;
    mr_val_t v = MR_VAL_INIT;

    for (uint64_t round = 1; !load_acquire_32(&w->stop); round++) {
        for (int k = 0; k < 20; k++) {
            mr_err_t why = MR_ERR_INIT;
            mr_rc_t rc;

            w->tried[k] = round;
            rc = mr_map_put(w->at, MR_I64(w->first + k), MR_I64((int64_t)round), NULL, &why);
            cr_assert(rc == MR_OK || rc == MR_ERR_OUTCOME_UNKNOWN, "%s: %s", mr_rc_name(rc),
                      why.message);
            if (rc == MR_OK)
                w->acknowledged[k] = round;
            mr_err_clear(&why);
            rc = mr_map_get(w->at, MR_I64(w->first + k), &v, NULL, &why);
            cr_assert(rc == MR_OK || rc == MR_NOT_FOUND, "%s: %s", mr_rc_name(rc), why.message);
            cr_assert(rc == MR_OK || w->acknowledged[k] == 0);
            if (rc == MR_OK)
                cr_assert(mr_val_i64(&v) >= (int64_t)w->acknowledged[k]);
        }
        fetch_add_64(&w->rounds, 1);
    }
    mr_val_clear(&v);
}

Test(embedded, calls_go_on_when_the_primary_is_killed)
{
    static struct writing w[OURS];
    struct thread t[OURS];

    for (int i = 0; i < OURS; i++) {
        w[i].at = map[i];
        w[i].first = i * 1000;
        cr_assert(thread_start(&t[i], "write", write_on, &w[i]) == MR_OK);
    }
    for (int i = 0; i < OURS; i++)
        EVENTUALLY(load_acquire_64(&w[i].rounds) > 10);
    kill_founder();
    for (int i = 0; i < OURS; i++) {
        uint64_t before = load_acquire_64(&w[i].rounds);

        EVENTUALLY(load_acquire_64(&w[i].rounds) > before + 10);
    }
    for (int i = 0; i < OURS; i++)
        store_release_32(&w[i].stop, 1);
    for (int i = 0; i < OURS; i++)
        thread_join(&t[i]);
    for (int i = 0; i < OURS; i++) {
        use((i + 1) % OURS);
        for (int k = 0; k < 20; k++)
            cr_assert(number(MR_I64(w[i].first + k)) >= (int64_t)w[i].acknowledged[k]);
    }
}

Test(embedded, a_lock_is_its_threads_wherever_the_key_goes)
{
    enum { LOCKED = 20 };

    use(1);
    for (int k = 0; k < LOCKED; k++)
        GIVES(MR_OK, mr_map_lock(m, MR_I64(k), 0, 0, &err));
    kill_founder();
    settle(OURS);
    for (int k = 0; k < LOCKED; k++) {
        use(0);
        GIVES(MR_ERR_BUSY, mr_map_lock(m, MR_I64(k), 0, 0, &err));
        use(1);
        put(MR_I64(k), MR_I64(k));
        GIVES(MR_OK, mr_map_unlock(m, MR_I64(k), &err));
        use(0);
        GIVES(MR_OK, mr_map_lock(m, MR_I64(k), 0, 0, &err));
        GIVES(MR_OK, mr_map_unlock(m, MR_I64(k), &err));
    }
}

Test(embedded, a_member_is_closed_while_others_of_the_process_go_on)
{
    fill();
    GIVES(MR_OK, mr_close(grid[0], MR_NOW, &err));
    use(1);
    for (int k = 0; k < KEYS; k++)
        cr_assert_eq(number(MR_I64(k)), 1000 + k);
    grid[0] = NULL;
}

/* ---- who is there --------------------------------------------------------------------------- */

Test(embedded, knows_all_members)
{
    mr_member_t members[MEMBERS];

    for (int i = 0; i < OURS; i++) {
        cr_assert_eq(mr_member_count(grid[i]), MEMBERS);
        cr_assert_eq(mr_members(grid[i], members, MEMBERS, &err), MEMBERS);
        cr_assert(strstr(members[0].address, "127.0.0.1:") == members[0].address);
    }
}

static int threads_of(const char *wanted)
{
    DIR *d = opendir("/proc/self/task");
    int n = 0;

    for (struct dirent *e; (e = readdir(d));) {
        char path[300], name[32] = "";
        FILE *f;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        if (e->d_name[0] == '.' || !(f = fopen(path, "r")))
            continue;
        n += fscanf(f, "%31s", name) == 1 && strcmp(name, wanted) == 0;
        fclose(f);
    }
    closedir(d);
    return n;
}

static void use_everything(void)
{
    mr_ref_t keys[2] = {MR_I64(1), MR_I64(2)};
    mr_val_t values[2] = {0};
    mr_ref_t key;

    put(keys[0], MR_I64(1));
    cr_assert_eq(number(keys[0]), 1);
    GIVES(MR_OK, mr_map_get_all(m, keys, 2, values, &err));
    GIVES(MR_OK, mr_map_put_all(m, &(mr_entry_t){keys[1], keys[1]}, 1, NULL, NULL, &err));
    GIVES(MR_OK, mr_map_lock(m, keys[0], 0, 0, &err));
    GIVES(MR_OK, mr_map_unlock(m, keys[0], &err));
    cr_assert_eq(size(), 2);
    cr_assert_eq(mr_map_count(m, "this > 0", &err), 2);
    mr_iter_t *it = mr_map_iter(m, 0, &err);

    cr_assert_eq(mr_iter_next(it, &key, NULL, &err), 1);
    mr_iter_free(it);
    GIVES(MR_OK, mr_map_clear(m, &err));
    mr_val_clear(&values[0]);
}

/* ---- before there is a cluster, and after --------------------------------------------------- */

static void put_one(void *context)
{
    mr_err_t why = MR_ERR_INIT;

    cr_assert(mr_map_put(context, MR_I64(1), MR_I64(2), NULL, &why) == MR_OK, "%s", why.message);
}

Test(embedded_early, calls_wait_until_there_is_a_cluster, .fini = kill_founder, .timeout = 60)
{
    char first[32];
    struct thread t;

    free_ports(port, MEMBERS);
    snprintf(first, sizeof first, "127.0.0.1:%u", port[0]);
    int go[2];

    cr_assert(pipe(go) == 0);
    if ((founder = fork()) == 0) {
        char byte;

        if (read(go[0], &byte, 1) == 1)
            found();
        _exit(1);
    }
    g = start(1, "cluster.members", first);
    m = mr_map(g, "test", &err);
    cr_assert(thread_start(&t, "put", put_one, m) == MR_OK);
    pause_ms(200); /* it is not done by then, nor has it failed: a thread that asserts ends all */
    cr_assert(write(go[1], "", 1) == 1);
    thread_join(&t);
    cr_assert_eq(number(MR_I64(1)), 2);
    close_member();
}

Test(embedded_early, a_member_that_finds_nobody_says_so, .timeout = 60)
{
    char first[32];

    free_ports(port, MEMBERS);
    snprintf(first, sizeof first, "127.0.0.1:%u", port[0]);
    g = start(1, "cluster.members", first);
    m = mr_map(g, "test", &err);
    GIVES(MR_ERR_OFFLINE, mr_map_put(m, MR_I64(1), MR_I64(1), NULL, &err));
    cr_assert(strstr(err.message, "not in a cluster") != NULL, "%s", err.message);
    close_member();
}

Test(embedded_alone, opens_no_client, .init = open_plain, .fini = close_member)
{
    use_everything();
    cr_assert(mr_map_listen(m, MR_EVENT_ALL, on_event, &(struct heard){0}, &err) != NULL);
    cr_assert_eq(threads_of("mr-client"), 0);
}

Test(embedded_alone, opens_no_client_while_it_has_everything, .timeout = 60)
{
    free_ports(port, MEMBERS);
    g = start(0, "cluster.bootstrap", "yes");
    EVENTUALLY(is_settled(g, 1));
    m = mr_map(g, "test", &err);
    use_everything();
    cr_assert_eq(threads_of("mr-client"), 0);
    close_member();
}

Test(embedded, opens_a_client_when_something_is_elsewhere, .timeout = 60)
{
    cr_assert_eq(threads_of("mr-client"), 0);
    use(1);
    put(MR_I64(1), MR_I64(1));
    cr_assert_eq(threads_of("mr-client"), 1);
}
