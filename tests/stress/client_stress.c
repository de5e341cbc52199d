/* client_stress.c - one client, several threads, thousands of calls under way, and a member that
 * dies and comes back in the middle of it.
 *
 * Each thread has keys of its own and counts them up by asynchronous and by plain writes, so it
 * knows what may be there: after a write that was answered, its value; after one whose outcome is
 * not known, either that or the one before. A member that comes back is empty, which starts a new
 * generation: what was written before it is gone, or, if its answer was still under way, is not. */
#define _GNU_SOURCE
#include <millrace/millrace.h>
#include <time.h>

#include "grid/member.h"
#include "net/base/thread.h"
#include "tests/stress/stress.h"

enum { THREADS = 4, BATCH = 256 };

enum claim {
    READS_GIVE_WHAT_WAS_WRITTEN,
    ANSWERS_COME_ONCE,
    ANSWERS_ARE_FOR_THEIR_CALLS,
    ERRORS_ARE_THOSE_OF_LOST_CONNECTIONS,
    UPDATES_ARE_NOT_LOST,
    LISTENERS_HEAR,
    COPIES_SHOW_OWN_WRITES,
    COPIES_DO_NOT_GO_BACK,
    COPIES_ARE_USED,
    COPIES_FOLLOW,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [READS_GIVE_WHAT_WAS_WRITTEN] = "a read gives what its thread has written",
    [ANSWERS_COME_ONCE] = "each call is answered once",
    [ANSWERS_ARE_FOR_THEIR_CALLS] = "an answer is the one to its call",
    [ERRORS_ARE_THOSE_OF_LOST_CONNECTIONS] = "calls fail only as a lost connection lets them",
    [UPDATES_ARE_NOT_LOST] = "updates of several threads are all there",
    [LISTENERS_HEAR] = "listeners hear, and are told of what they missed",
    [COPIES_SHOW_OWN_WRITES] = "a near cache shows its program's writes at once",
    [COPIES_DO_NOT_GO_BACK] = "a near cache never shows an older value again",
    [COPIES_ARE_USED] = "a near cache answers reads",
    [COPIES_FOLLOW] = "a near cache is told of what others write",
};

static struct member *server;
static uint16_t port;
static mr_t *g;
static uint64_t deadline_ms, heard, generation;

/* Why it waits is said where it is called. */
static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void serve(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_config_t *c = mr_config_new(&err);
    char text[8];

    snprintf(text, sizeof text, "%u", (unsigned)port);
    (void)!mr_config_set(c, "network.port", text, &err);
    (void)!mr_config_set(c, "log.format", "none", &err);
    if (member_start(c, &server, &err) != MR_OK) {
        mr_err_report(stdout, &err);
        exit(1);
    }
    port = server->door.address.port;
    mr_config_free(c);
}

/* ---- what each thread does ------------------------------------------------------------------ */

struct worker {
    struct thread thread;
    int number;
    struct tally tally;
    mr_map_t *own, *shared, *near;
    mr_cq_t *cq;
    bool restarting;       /* the member loses what it has */
    int64_t seen[THREADS]; /* the newest value of each thread's entry in `near` */
    uint64_t counted;      /* updates of the shared entry that were answered */
};

static bool is_of_a_loss(mr_rc_t rc)
{
    return rc == MR_OK || rc == MR_NOT_FOUND || rc == MR_ERR_OUTCOME_UNKNOWN ||
           rc == MR_ERR_TIMEOUT || rc == MR_ERR_BUSY;
}

static int64_t key_of(const struct worker *w, int i)
{
    return (int64_t)w->number * 1000000 + i;
}

/* Writes a batch, reads it back, both without waiting in between. */
static void batch(struct worker *w, int64_t round)
{
    mr_completion_t c = MR_COMPLETION_INIT;
    bool written[BATCH] = {0}, seen[2 * BATCH] = {0};
    uint64_t before = load_acquire_64(&generation);

    for (uint64_t i = 0; i < BATCH; i++)
        (void)!mr_map_set_async(w->own, MR_I64(key_of(w, (int)i)), MR_I64(round), NULL, w->cq, i,
                                NULL);
    for (int i = 0; i < BATCH && mr_cq_wait(w->cq, &c, MR_FOREVER, NULL); i++) {
        holds(&w->tally, ANSWERS_COME_ONCE, c.tag < BATCH && !seen[c.tag], "write %llu twice",
              (unsigned long long)c.tag);
        holds(&w->tally, ERRORS_ARE_THOSE_OF_LOST_CONNECTIONS, is_of_a_loss(c.rc), "%s: %s",
              mr_rc_name(c.rc), c.err.message);
        seen[c.tag] = true;
        written[c.tag] = c.rc == MR_OK;
    }
    for (uint64_t i = 0; i < BATCH; i++)
        (void)!mr_map_get_async(w->own, MR_I64(key_of(w, (int)i)), w->cq, BATCH + i, NULL);
    for (int i = 0; i < BATCH && mr_cq_wait(w->cq, &c, MR_FOREVER, NULL); i++) {
        uint64_t at = c.tag - BATCH;
        bool same = load_acquire_64(&generation) == before;

        holds(&w->tally, ANSWERS_ARE_FOR_THEIR_CALLS, at < BATCH && !seen[c.tag], "read %llu",
              (unsigned long long)c.tag);
        seen[c.tag] = true;
        if (written[at] && same && before % 2 == 0 && c.rc < MR_ERR_MEMORY)
            holds(&w->tally, READS_GIVE_WHAT_WAS_WRITTEN,
                  c.rc == MR_OK && mr_val_i64(&c.value) == round, "%lld instead of %lld: %s",
                  (long long)mr_val_i64(&c.value), (long long)round, mr_rc_name(c.rc));
    }
    mr_completion_clear(&c);
}

static mr_update_t count_up(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1);
    return MR_UPDATE_SET;
}

/* Writes an entry of its own and reads everybody's, from copies where there are some. */
static void copies(struct worker *w, int64_t round)
{
    uint64_t before = load_acquire_64(&generation);
    mr_val_t v = MR_VAL_INIT;
    mr_rc_t rc = mr_map_set(w->near, MR_I64(w->number), MR_I64(round), NULL, NULL);
    bool written = rc == MR_OK;

    for (int i = 0; i < 8 * THREADS; i++) {
        int of = i % THREADS;

        rc = mr_map_get(w->near, MR_I64(of), &v, NULL, NULL);
        if (before % 2 == 1 || load_acquire_64(&generation) != before)
            break;
        int64_t value = rc == MR_OK ? mr_val_i64(&v) : 0;

        if (rc >= MR_ERR_MEMORY)
            continue;
        if (of == w->number && written)
            holds(&w->tally, COPIES_SHOW_OWN_WRITES, value == round, "%lld instead of %lld",
                  (long long)value, (long long)round);
        holds(&w->tally, COPIES_DO_NOT_GO_BACK, w->restarting || value >= w->seen[of],
              "%lld after %lld", (long long)value, (long long)w->seen[of]);
        w->seen[of] = value;
    }
    mr_val_clear(&v);
}

static void work(void *context)
{
    struct worker *w = context;

    for (int64_t round = 1; clock_ms() < deadline_ms; round++) {
        batch(w, round);
        copies(w, round);
        mr_rc_t rc = mr_map_update(w->shared, MR_STR("count"), count_up, NULL, NULL, NULL);

        w->counted += rc == MR_OK;
        holds(&w->tally, ERRORS_ARE_THOSE_OF_LOST_CONNECTIONS, is_of_a_loss(rc), "update: %s",
              mr_rc_name(rc));
    }
}

static void hear(void *context, const mr_event_t *e)
{
    (void)context, (void)e;
    fetch_add_64(&heard, 1);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static uint64_t run_workers(struct tally *sum, bool restarting)
{
    static struct worker workers[THREADS];
    mr_map_t *own = mr_map(g, "own", NULL), *shared = mr_map(g, "shared", NULL);
    mr_map_t *near = mr_map(g, "near", NULL);
    uint64_t counted = 0, ends_ms = deadline_ms;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.number = i,
                                     .restarting = restarting,
                                     .own = own,
                                     .shared = shared,
                                     .near = near,
                                     .cq = mr_cq_new(g, NULL)};
        if (thread_start(&workers[i].thread, "worker", work, &workers[i]) != MR_OK)
            exit(1);
    }
    while (restarting && clock_ms() < ends_ms) {
        pause_ms(300);                /* for clients to come back and work */
        fetch_add_64(&generation, 1); /* odd: it is being restarted */
        member_stop(server);
        serve();
        fetch_add_64(&generation, 1);
    }
    for (int i = 0; i < THREADS; i++) {
        thread_join(&workers[i].thread);
        mr_cq_free(workers[i].cq);
        tally_add(sum, &workers[i].tally);
        counted += workers[i].counted;
    }
    return counted;
}

static mr_near_stats_t copied(void)
{
    mr_near_stats_t stats = MR_NEAR_STATS_INIT;

    (void)!mr_map_near_stats(mr_map(g, "near", NULL), &stats, NULL);
    return stats;
}

/* What is there under the key of this test's own thread. */
static int64_t read_near(void)
{
    mr_val_t v = MR_VAL_INIT;
    mr_rc_t rc = mr_map_get(mr_map(g, "near", NULL), MR_I64(-1), &v, NULL, NULL);
    int64_t value = rc == MR_OK ? mr_val_i64(&v) : -1;

    mr_val_clear(&v);
    return value;
}

/* Each time there is a copy, and another client writes. */
static void follow(struct tally *sum, const char *url)
{
    mr_t *other = mr_connect(url, NULL, NULL);
    uint64_t told = copied().invalidations;

    for (int64_t value = 0; value < 10; value++) {
        uint64_t hits = copied().hits, patience_ms = clock_ms() + 20000;

        while (copied().hits == hits && clock_ms() < patience_ms)
            (void)read_near();
        (void)!mr_map_set(mr_map(other, "near", NULL), MR_I64(-1), MR_I64(value), NULL, NULL);
        while (read_near() != value && clock_ms() < patience_ms)
            pause_ms(1); /* between two looks */
        holds(sum, COPIES_FOLLOW, read_near() == value, "%lld is not seen", (long long)value);
    }
    told = copied().invalidations - told;
    holds(sum, COPIES_FOLLOW, told == 10, "told %llu times", (unsigned long long)told);
    (void)!mr_close(other, MR_NOW, NULL);
}

int main(void)
{
    struct tally sum = {0};
    mr_err_t err = MR_ERR_INIT;
    uint64_t ends_ms = stress_deadline_ms(), now_ms = clock_ms();
    mr_val_t v = MR_VAL_INIT;
    char url[64];

    serve();
    snprintf(url, sizeof url, "millrace://127.0.0.1:%u", (unsigned)port);
    g = mr_connect(url, NULL, &err);
    mr_rc_t rc = mr_map_near_cache(mr_map(g, "near", &err), NULL, &err);
    mr_listener_t *l = mr_map_listen(mr_map(g, "own", &err), MR_EVENT_ALL, hear, NULL, &err);

    if (mr_err_report(stdout, &err) || rc != MR_OK)
        return 1;
    deadline_ms = now_ms + (ends_ms - now_ms) / 2;
    uint64_t counted = run_workers(&sum, false);

    rc = mr_map_get(mr_map(g, "shared", NULL), MR_STR("count"), &v, NULL, &err);

    holds(&sum, UPDATES_ARE_NOT_LOST, rc == MR_OK && (uint64_t)mr_val_i64(&v) == counted,
          "%lld instead of %llu", (long long)mr_val_i64(&v), (unsigned long long)counted);
    holds(&sum, COPIES_ARE_USED, copied().hits > 0, "no hit");
    follow(&sum, url);
    holds(&sum, LISTENERS_HEAR, load_relaxed_64(&heard) > 0, "nothing was heard");
    deadline_ms = ends_ms;
    (void)run_workers(&sum, true);
    mr_listener_close(l);
    mr_val_clear(&v);
    if (mr_close(g, MR_NOW, &err) != MR_OK)
        mr_err_report(stdout, &err);
    member_stop(server);
    return tally_report(&sum, claims, CLAIMS);
}
