/* loop_stress.c - threads against a loop, its tasklets, the rings and the metrics: nothing that
 * was accepted may be lost, nothing may run twice. Made for ThreadSanitizer:
 *     make B=build/tsan SAN=thread plain && build/tsan/test/loop_stress [rounds]
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/base/atomic.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/log.h"
#include "net/base/metric.h"
#include "net/base/rand.h"
#include "net/base/ring.h"
#include "net/base/thread.h"
#include "net/loop.h"

enum { THREADS = 4 };

static uint64_t n = 20000; /* things per thread */
static int passed, failed;

static void expect(const char *what, uint64_t is, uint64_t should)
{
    if (is == should) {
        passed++;
        return;
    }
    failed++;
    printf("FAILED %s: %lu instead of %lu\n", what, (unsigned long)is, (unsigned long)should);
}

static void run_threads(void (*run)(void *context), void *contexts, size_t size)
{
    struct thread threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        check(thread_start(&threads[i], "stress", run, (char *)contexts + i * size) == MR_OK);
    for (size_t i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
}

static struct loop *start_loop(void)
{
    struct loop *loop;

    check(loop_new(&loop) == MR_OK);
    check(loop_start(loop, "mr-loop-0") == MR_OK);
    return loop;
}

static void end_loop(struct loop *loop)
{
    loop_stop(loop);
    loop_join(loop);
    loop_free(loop);
}

/* Now and then a pause, so that the loop falls asleep in every possible moment. */
static void pause_sometimes(struct rand *r)
{
    for (uint64_t spin = rand_below(r, 64) == 0 ? rand_below(r, 20000) : 0; spin > 0; spin--)
        ck_pr_stall();
}

/* ---- posts ---------------------------------------------------------------------------------- */

struct poster {
    struct loop *loop;
    uint64_t seed;
    uint64_t posted; /* the thread's */
    uint64_t ran;    /* the loop's, plain: messages must be ordered enough for that */
};

static void count(void *done)
{
    fetch_add_64(done, 1);
}

static void ran(void *poster)
{
    ((struct poster *)poster)->ran++;
}

static void post_all(void *context)
{
    struct poster *p = context;
    struct rand r;

    rand_init(&r, p->seed);
    while (p->posted < n) {
        mr_rc_t rc = loop_post(p->loop, ran, p);

        p->posted += rc == MR_OK;
        if (rc == MR_ERR_BUSY)
            sched_yield();
        pause_sometimes(&r);
    }
}

static void every_post_runs_once(void)
{
    struct loop *loop = start_loop();
    struct poster posters[THREADS];

    for (uint64_t i = 0; i < THREADS; i++)
        posters[i] = (struct poster){.loop = loop, .seed = i};
    run_threads(post_all, posters, sizeof *posters);
    end_loop(loop);
    for (int i = 0; i < THREADS; i++)
        expect("messages run", posters[i].ran, n);
}

/* One message at a time, each posted while the loop may be falling asleep, and none after it that
 * would wake the loop for it. */
static void a_single_post_needs_no_help_to_be_run(void)
{
    struct loop *loop = start_loop();
    uint64_t done = 0, posted = 0, patience_ns = 20000000000u, start;
    struct rand r;

    rand_init(&r, 9);
    while (posted < n && load_acquire_64(&done) == posted) {
        /* Mostly about as long as the loop takes to fall asleep, now and then much longer. */
        for (uint64_t spin = rand_below(&r, 1ull << rand_below(&r, 12)); spin > 0; spin--)
            ck_pr_stall();
        check(loop_post(loop, count, &done) == MR_OK);
        posted++;
        start = clock_ns();
        while (load_acquire_64(&done) < posted && clock_ns() - start < patience_ns)
            ck_pr_stall();
    }
    expect("messages run without another wake-up", load_acquire_64(&done), n);
    end_loop(loop);
}

/* Never yields, so that a thread that is suspended is suspended in the middle of a post. */
static void post_until_closed(void *context)
{
    struct poster *p = context;
    mr_rc_t rc = MR_OK;

    while (rc != MR_ERR_CLOSED) {
        rc = loop_post(p->loop, ran, p);
        p->posted += rc == MR_OK;
    }
}

/* The loop is stopped under the posters' hands; what was accepted still runs. */
static void every_accepted_post_runs_although_the_loop_stops(void)
{
    struct thread threads[THREADS];
    struct poster posters[THREADS];

    for (int round = 0; round < 20; round++) {
        struct loop *loop = start_loop();

        for (int i = 0; i < THREADS; i++) {
            posters[i] = (struct poster){.loop = loop};
            check(thread_start(&threads[i], "stress", post_until_closed, &posters[i]) == MR_OK);
        }
        while (loop_rounds(loop) < 20)
            sched_yield();
        loop_stop(loop);
        for (int i = 0; i < THREADS; i++)
            thread_join(&threads[i]);
        loop_join(loop);
        for (int i = 0; i < THREADS; i++) /* on its thread: loop_free would run them, too late */
            expect("accepted messages run", posters[i].ran, posters[i].posted);
        loop_free(loop);
    }
}

/* ---- tasklets fed by rings ------------------------------------------------------------------ */

struct consumer {
    struct tasklet tasklet;
    struct ring ring;
    uint64_t taken; /* read by the main thread */
    uint64_t last[THREADS];
    uint64_t disorder;
};

struct item {
    uint64_t thread, number; /* written before the push, read after the take */
};

struct producer {
    struct consumer *consumer;
    struct item *items;
    uint64_t thread;
};

static enum progress consume(void *context, uint64_t budget_ns)
{
    struct consumer *c = context;
    void *all[64];
    size_t taken = ring_take(&c->ring, all, 64);

    (void)budget_ns;
    for (size_t i = 0; i < taken; i++) {
        struct item *item = all[i];

        c->disorder += item->number != c->last[item->thread] + 1;
        c->last[item->thread] = item->number;
    }
    store_release_64(&c->taken, c->taken + taken);
    return taken == 64 ? PROGRESS_MORE : PROGRESS_IDLE;
}

static void produce(void *context)
{
    struct producer *p = context;
    struct rand r;

    rand_init(&r, p->thread);
    for (uint64_t i = 0; i < n;) {
        p->items[i] = (struct item){p->thread, i + 1};
        bool pushed = ring_push(&p->consumer->ring, &p->items[i]);

        i += pushed;
        tasklet_wake(&p->consumer->tasklet);
        if (!pushed)
            sched_yield();
        pause_sometimes(&r);
    }
}

/* No producer wakes again at its end: a lost wake-up would leave the main thread waiting. */
static void every_pushed_item_is_taken_without_a_further_wake_up(void)
{
    struct loop *loop;
    struct consumer c = {.tasklet = {.run = consume, .context = &c}};
    struct producer producers[THREADS];

    check(ring_init(&c.ring, 256) == MR_OK);
    check(loop_new(&loop) == MR_OK);
    tasklet_add_on_loop(loop, &c.tasklet);
    check(loop_start(loop, "mr-loop-0") == MR_OK);
    for (uint64_t i = 0; i < THREADS; i++)
        producers[i] = (struct producer){&c, calloc(n, sizeof(struct item)), i};
    run_threads(produce, producers, sizeof *producers);
    while (load_acquire_64(&c.taken) < THREADS * n)
        sched_yield();
    end_loop(loop);
    expect("items taken", c.taken, THREADS * n);
    expect("items out of order", c.disorder, 0);
    for (int i = 0; i < THREADS; i++)
        free(producers[i].items);
    ring_close(&c.ring);
}

struct pair {
    struct ring ring;
    uint64_t *items;
};

static void push_alone(void *context)
{
    struct pair *p = context;

    for (uint64_t i = 0; i < n;) {
        p->items[i] = i;
        if (ring_push_alone(&p->ring, &p->items[i]))
            i++;
        else
            sched_yield();
    }
}

static void a_ring_of_two_threads_keeps_everything_in_order(void)
{
    struct pair p = {.items = calloc(n, sizeof *p.items)};
    struct thread t;
    uint64_t taken = 0, disorder = 0;
    void *all[16];

    check(ring_init(&p.ring, 64) == MR_OK);
    check(thread_start(&t, "stress", push_alone, &p) == MR_OK);
    while (taken < n) {
        size_t k = ring_take(&p.ring, all, 16);

        if (k == 0)
            sched_yield();
        for (size_t i = 0; i < k; i++)
            disorder += *(uint64_t *)all[i] != taken++;
    }
    thread_join(&t);
    expect("items of one producer out of order", disorder, 0);
    ring_close(&p.ring);
    free(p.items);
}

/* ---- metrics and log ------------------------------------------------------------------------ */

struct meter {
    struct metrics *metrics;
    struct counter *counter;
    struct histogram_metric *histogram;
    struct gauge *gauge;
    uint64_t seed;
};

static void measure(void *context)
{
    struct meter *m = context;
    struct counter *same, *own;
    char name[8] = {'m', (char)('0' + m->seed), '\0'};
    const struct metric_label label[] = {{"map", name}, {NULL, NULL}};

    check(metric_counter(m->metrics, "gets_total", NULL, "Gets.", &same) == MR_OK);
    check(same == m->counter);
    check(metric_counter(m->metrics, "own_total", label, "Own.", &own) == MR_OK);
    for (uint64_t i = 1; i <= n; i++) {
        counter_add(m->counter, 1);
        counter_add(own, i & 1);
        histogram_metric_record(m->histogram, i);
        gauge_add(m->gauge, 1);
        if (i % 1000 == 0)
            log_event(LOG_WARN, "stress.measured", F_U64("i", i));
    }
    check(counter_value(own) == n / 2);
    metric_drop_counter(m->metrics, own);
    metric_drop_counter(m->metrics, same);
}

static void swallow(void *context, const char *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)context += size;
}

static void read_on(void *context)
{
    struct meter *m = context;
    uint64_t before = 0, now = 0, backwards = 0;
    size_t size = 0;

    for (; now < THREADS * n; before = now) {
        now = counter_value(m->counter);
        backwards += now < before;
        metrics_text(m->metrics, swallow, &size);
    }
    expect("a counter going back", backwards, 0);
}

static uint64_t lines; /* of the log */

static void count_line(void *context, const struct log_entry *entry)
{
    (void)entry;
    fetch_add_64(context, 1);
}

static void nothing_counted_is_lost_while_others_read(void)
{
    struct meter m = {0}, meters[THREADS];
    struct thread reader;
    struct histogram *sum = calloc(1, sizeof *sum);

    log_to_callback(count_line, &lines, LOG_INFO);
    check(metrics_new(&m.metrics) == MR_OK);
    check(metric_counter(m.metrics, "gets_total", NULL, "Gets.", &m.counter) == MR_OK);
    check(metric_histogram(m.metrics, "get_seconds", NULL, "Get.", &m.histogram) == MR_OK);
    check(metric_gauge(m.metrics, "in_flight", NULL, "Now.", &m.gauge) == MR_OK);
    for (uint64_t i = 0; i < THREADS; i++) {
        meters[i] = m;
        meters[i].seed = i;
    }
    check(thread_start(&reader, "reader", read_on, &m) == MR_OK);
    run_threads(measure, meters, sizeof *meters);
    thread_join(&reader);
    log_to_nowhere();

    histogram_metric_read(m.histogram, sum);
    expect("counted", counter_value(m.counter), THREADS * n);
    expect("gauge", (uint64_t)gauge_value(m.gauge), THREADS * n);
    expect("recorded", histogram_count(sum), THREADS * n);
    expect("sum of records", sum->sum, THREADS * (n * (n + 1) / 2));
    expect("largest record", sum->max, n);
    expect("the log told something", lines >= LOG_REPEATS, true);
    metrics_free(m.metrics);
    free(sum);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        n = strtoull(argv[1], NULL, 10);

    every_post_runs_once();
    a_single_post_needs_no_help_to_be_run();
    every_accepted_post_runs_although_the_loop_stops();
    every_pushed_item_is_taken_without_a_further_wake_up();
    a_ring_of_two_threads_keeps_everything_in_order();
    nothing_counted_is_lost_while_others_read();
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
