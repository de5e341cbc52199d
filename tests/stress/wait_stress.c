/* wait_stress.c - locks, queues and a ringbuffer, with many threads asleep at them.
 *
 *     lockers    take one of a few keys, change what it guards without any other care, let go; now
 *                and then give up waiting, hold it twice, or change the entry of a key that another
 *                has locked
 *     putters    put numbers of their own into a queue of a few places
 *     takers     take them; now and then give up waiting
 *     writer     adds numbers to a ringbuffer that is too small for slow readers
 *     readers    read on, one by one or many
 *     churner    watches the queue and stops, destroys a queue that two sleep at, and lets leases
 *                end
 *
 * Nobody may sleep for ever: who was not woken for SLEEP_MAX_NS has been forgotten.
 *
 *     make B=build/tsan SAN=thread plain && build/tsan/test/wait_stress
 */
#include <string.h>
#include <time.h>

#include "grid/data/map_object.h"
#include "grid/data/objects.h"
#include "grid/data/queue.h"
#include "grid/data/ringbuffer.h"
#include "grid/op/run.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/base/thread.h"
#include "tests/stress/stress.h"

#define SLEEP_MAX_NS 20000000000ull

enum { KEYS = 2, LOCKERS = 4, PUTTERS = 2, TAKERS = 3, READERS = 2, PLACES = 4, RING = 64 };

enum claim {
    ALONE,
    NOT_FORGOTTEN,
    CHANGED_ALONE,
    IN_ORDER,
    ALL_TAKEN,
    TOLD_ALL,
    NUMBERED,
    DESTROYED,
    LEASES_END,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [ALONE] = "who holds a lock is alone",
    [NOT_FORGOTTEN] = "who sleeps is woken",
    [CHANGED_ALONE] = "a locked entry is changed by its owner only",
    [IN_ORDER] = "a putter's numbers are taken in order",
    [ALL_TAKEN] = "what was put is taken once",
    [TOLD_ALL] = "a watcher hears as many come as go",
    [NUMBERED] = "a ringbuffer's value has its number",
    [DESTROYED] = "who sleeps at what is destroyed learns of it",
    [LEASES_END] = "a lease ends without anybody's help",
};

static struct partitions partitions;
static struct metrics *metrics;
static struct maps maps;
static struct objects objects;
static struct map *map;
static struct object *orders, *doomed, *log_buffer;
static uint32_t over;

/* What a key's lock guards: no atomic steps, so that a second holder is seen, by TSan as well. */
static struct {
    uint64_t holder, count;
    uint8_t gap[48];
} guarded[KEYS];

/* ---- sleeping ------------------------------------------------------------------------------- */

struct worker {
    struct waiter waiter; /* first, so that one is the other */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken;
    struct thread thread;
    struct tally tally;
    struct rand rand;
    uint64_t number;        /* from 1 on */
    uint64_t count;         /* lockers: entered; putters: put; takers: taken */
    uint64_t sum;           /* of what was taken */
    uint64_t last[PUTTERS]; /* taken from each */
};

static void wake(struct waiter *waiter)
{
    struct worker *w = (struct worker *)waiter;

    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* False: it was not woken until then. */
static bool sleep_until(struct worker *w, uint64_t until_ns)
{
    pthread_mutex_lock(&w->lock);
    while (!w->woken && clock_ns() < until_ns)
        clock_wait(&w->changed, &w->lock, until_ns);
    bool woken = w->woken;

    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return woken;
}

/* Runs it until it is answered, or for a moment only. MR_PENDING: it has given up. */
static mr_rc_t run_until(struct worker *w, mr_rc_t (*run)(struct worker *w, void *context),
                         void *context, bool patient)
{
    for (;;) {
        epoch_enter();
        mr_rc_t rc = run(w, context);
        epoch_exit();

        if (rc != MR_PENDING)
            return rc;
        uint64_t now = clock_ns(), retry = w->waiter.retry_ns;
        uint64_t until = now + (patient ? SLEEP_MAX_NS : rand_below(&w->rand, 200000));

        if (!sleep_until(w, until < retry ? until : retry) && until <= retry) {
            waiter_cancel(&w->waiter);
            if (patient)
                holds(&w->tally, NOT_FORGOTTEN, false, "worker %lu sleeps for ever",
                      (unsigned long)w->number);
            return MR_PENDING;
        }
        w->tally.held[NOT_FORGOTTEN]++;
    }
}

static bool is_patient(struct worker *w)
{
    return rand_below(&w->rand, 4) != 0;
}

/* ---- locks ---------------------------------------------------------------------------------- */

static struct lock_request lock_of(struct worker *w, const uint64_t *key)
{
    return (struct lock_request){.key = {(const uint8_t *)key, sizeof *key, DATA_LONG},
                                 .owner = {w->number, w->number, 1},
                                 .waiter = &w->waiter};
}

static mr_rc_t take_lock(struct worker *w, void *key)
{
    struct lock_request q = lock_of(w, key);

    return map_lock(map, &q);
}

static enum update_verdict add_one(void *context, const struct data *current, struct data *next)
{
    static __thread uint64_t n;

    (void)context;
    n = 0;
    if (current)
        memcpy(&n, current->at, sizeof n);
    n++;
    *next = (struct data){(uint8_t *)&n, sizeof n, DATA_LONG};
    return UPDATE_SET;
}

/* Adds 1 to the key's entry, as a worker who may change it only if he or nobody holds the lock. */
static mr_rc_t change_entry(struct worker *w, void *key)
{
    struct map_request q = {.verb = MAP_UPDATE,
                            .key = {key, sizeof(uint64_t), DATA_LONG},
                            .ttl_ms = TIME_DEFAULT,
                            .idle_ms = TIME_DEFAULT,
                            .update = add_one,
                            .owner = {w->number, w->number, 1},
                            .waiter = &w->waiter};
    struct map_answer a;

    return run_request(map, &q, &a);
}

static uint64_t read_entry(uint64_t key)
{
    struct map_request q = {.verb = MAP_GET, .key = {(uint8_t *)&key, sizeof key, DATA_LONG}};
    struct map_answer a;
    uint64_t n = 0;

    epoch_enter();
    if (run_request(map, &q, &a) == MR_OK)
        memcpy(&n, a.value.at, sizeof n);
    epoch_exit();
    return n;
}

static void hold(struct worker *w, uint64_t key)
{
    bool twice = rand_below(&w->rand, 8) == 0;
    struct lock_request q = lock_of(w, &key);
    uint64_t before = read_entry(key);

    if (twice)
        check(run_until(w, take_lock, &key, true) == MR_OK);
    holds(&w->tally, ALONE, guarded[key].holder == 0, "%lu holds key %lu of %lu",
          (unsigned long)guarded[key].holder, (unsigned long)key, (unsigned long)w->number);
    guarded[key].holder = w->number;
    guarded[key].count++;
    w->count++;
    check(run_until(w, change_entry, &key, true) == MR_OK);
    holds(&w->tally, CHANGED_ALONE, read_entry(key) == before + 1, "another has changed key %lu",
          (unsigned long)key);
    guarded[key].holder = 0;
    for (int i = 0; i <= twice; i++)
        check(map_unlock(map, &q) == MR_OK);
}

static void lock_on(void *context)
{
    struct worker *w = context;

    while (!load_acquire_32(&over)) {
        uint64_t key = rand_below(&w->rand, KEYS);

        if (rand_below(&w->rand, 4) == 0)
            (void)!run_until(w, change_entry, &key, is_patient(w));
        else if (run_until(w, take_lock, &key, is_patient(w)) == MR_OK)
            hold(w, key);
    }
}

/* ---- the queue ------------------------------------------------------------------------------ */

/* The putter in the lowest bits, above it a number that grows by one. */
static mr_rc_t put(struct worker *w, void *value)
{
    struct data d = {value, sizeof(uint64_t), DATA_LONG};

    return queue_offer((struct queue *)orders, &d, &w->waiter);
}

static void put_on(void *context)
{
    struct worker *w = context;

    while (!load_acquire_32(&over)) {
        uint64_t value = (w->count + 1) * PUTTERS + w->number % PUTTERS;

        if (run_until(w, put, &value, is_patient(w)) == MR_OK)
            w->count++;
    }
}

static mr_rc_t take(struct worker *w, void *ret_value)
{
    struct data d;
    mr_rc_t rc = queue_poll((struct queue *)orders, &w->waiter, &d);

    if (rc == MR_OK)
        memcpy(ret_value, d.at, sizeof(uint64_t));
    return rc;
}

static void note_taken(struct worker *w, uint64_t value)
{
    uint64_t *last = &w->last[value % PUTTERS];

    holds(&w->tally, IN_ORDER, value / PUTTERS > *last, "%lu after %lu",
          (unsigned long)(value / PUTTERS), (unsigned long)*last);
    *last = value / PUTTERS;
    w->count++;
    w->sum += value / PUTTERS;
}

/* Until the number 0 comes, behind all others. */
static void take_on(void *context)
{
    struct worker *w = context;

    for (uint64_t value = PUTTERS; value / PUTTERS > 0;)
        if (run_until(w, take, &value, is_patient(w)) == MR_OK && value / PUTTERS > 0)
            note_taken(w, value);
}

/* When the putters have ended: one end for each taker. */
static void put_ends(void)
{
    uint64_t value = 0;
    struct data d = {(uint8_t *)&value, sizeof value, DATA_LONG};

    for (int i = 0; i < TAKERS;) {
        epoch_enter();
        i += queue_offer((struct queue *)orders, &d, NULL) == MR_OK;
        epoch_exit();
    }
}

/* ---- the ringbuffer ------------------------------------------------------------------------- */

static void write_on(void *context)
{
    struct worker *w = context;

    while (!load_acquire_32(&over)) {
        uint64_t values[3];
        struct data d[3];
        uint32_t n = 1 + (uint32_t)rand_below(&w->rand, 3);
        int64_t last;

        for (uint32_t i = 0; i < n; i++) {
            values[i] = w->count + i;
            d[i] = (struct data){(uint8_t *)&values[i], sizeof values[i], DATA_LONG};
        }
        epoch_enter();
        mr_rc_t rc = ringbuffer_add((struct ringbuffer *)log_buffer, d, n, true, &last);
        epoch_exit();
        check(rc == MR_OK);
        w->count += n;
        holds(&w->tally, NUMBERED, (uint64_t)last == w->count - 1, "the last one is %ld",
              (long)last);
        if (rand_below(&w->rand, 100) == 0) /* so that readers catch up, and have to wait */
            nanosleep(&(struct timespec){0, 100000}, NULL);
    }
}

struct reading {
    struct worker *worker;
    int64_t next;
};

static void check_number(void *context, const struct data *value)
{
    struct reading *r = context;
    uint64_t n;

    memcpy(&n, value->at, sizeof n);
    holds(&r->worker->tally, NUMBERED, n == (uint64_t)r->next, "%lu is number %ld",
          (unsigned long)n, (long)r->next);
    r->next++;
}

static mr_rc_t read_next(struct worker *w, void *context)
{
    struct reading *r = context;
    uint32_t least = (uint32_t)rand_below(&w->rand, 4), n;

    return ringbuffer_read_many((struct ringbuffer *)log_buffer, r->next, least, least + 4,
                                &w->waiter, check_number, r, &n);
}

static void read_on(void *context)
{
    struct worker *w = context;
    struct reading r = {w, 0};

    while (!load_acquire_32(&over)) {
        mr_rc_t rc = run_until(w, read_next, &r, false);

        if (rc != MR_ERR_STALE)
            continue;
        struct ringbuffer_facts f;

        ringbuffer_facts((struct ringbuffer *)log_buffer, &f);
        r.next = f.head;
    }
}

/* ---- churning ------------------------------------------------------------------------------- */

struct ear {
    struct watcher watcher; /* first, so that one is the other */
    int64_t came, went;     /* under the queue's partition lock */
};

static void hear(struct watcher *watcher, const struct object_event *e)
{
    struct ear *ear = (struct ear *)watcher;

    ear->came += e->kind == OBJECT_ADDED;
    ear->went += e->kind == OBJECT_REMOVED;
}

static void watch_awhile(struct worker *w)
{
    struct ear ear = {.watcher = {UINT32_MAX, hear}};

    check(watchers_add(&orders->watchers, &partitions, &ear.watcher) == MR_OK);
    nanosleep(&(struct timespec){0, 1000000}, NULL); /* the others work while it hears them */
    watchers_remove(&orders->watchers, &partitions, &ear.watcher);
    holds(&w->tally, TOLD_ALL, ear.came - ear.went <= PLACES && ear.went - ear.came <= PLACES,
          "%ld came and %ld went", (long)ear.came, (long)ear.went);
}

static mr_rc_t poll_doomed(struct worker *w, void *context)
{
    struct data d;

    (void)context;
    return queue_poll((struct queue *)doomed, &w->waiter, &d);
}

/* Sleeps at what the churner destroys. */
static void sleep_on(void *context)
{
    struct worker *w = context;

    while (!load_acquire_32(&over)) {
        mr_rc_t rc = run_until(w, poll_doomed, NULL, false);

        holds(&w->tally, DESTROYED, rc == MR_ERR_DESTROYED || rc == MR_PENDING, "poll gives %s",
              mr_rc_name(rc));
        w->count += rc == MR_ERR_DESTROYED;
    }
}

static void churn(void *context)
{
    struct worker *w = context;
    uint64_t key = KEYS;

    while (!load_acquire_32(&over)) {
        struct lock_request q = lock_of(w, &key);
        struct object *again;

        watch_awhile(w);
        check(objects_destroy(&objects, OBJECT_QUEUE, "doomed") == MR_OK);
        check(objects_open(&objects, OBJECT_QUEUE, "doomed", &again) == MR_OK && again == doomed);

        q.lease_ms = 1;
        check(map_lock(map, &q) == MR_OK);
        q.owner.thread = 2;
        q.waiter = NULL;
        while (map_lock(map, &q) == MR_ERR_BUSY)            /* its lease ends by time alone, */
            nanosleep(&(struct timespec){0, 100000}, NULL); /* of which it needs a millisecond */
        w->tally.held[LEASES_END]++;
        map_release_client(map, w->number, w->number);
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

static mr_config_t *open_all(void)
{
    mr_config_t *config = mr_config_new(NULL);
    struct object *o;

    check(config && metrics_new(&metrics) == MR_OK);
    check(partitions_start(&partitions, 7, 0) == MR_OK);
    maps = (struct maps){.config = config, .partitions = &partitions, .metrics = metrics};
    maps_init(&maps);
    objects_init(&objects, &maps);
    check(objects_open(&objects, OBJECT_MAP, "locked", &o) == MR_OK);
    map = object_map(o);
    check(objects_open(&objects, OBJECT_QUEUE, "orders", &orders) == MR_OK);
    check(objects_open(&objects, OBJECT_QUEUE, "doomed", &doomed) == MR_OK);
    check(ringbuffer_new(&partitions, "log", &(struct ringbuffer_rules){.capacity = RING},
                         &log_buffer) == MR_OK);
    ((struct queue *)orders)->size_max = PLACES;
    return config;
}

static void close_all(mr_config_t *config)
{
    ringbuffer_free(log_buffer);
    objects_free(&objects);
    maps_free(&maps);
    partitions_stop(&partitions);
    metrics_free(metrics);
    mr_config_free(config);
}

static struct worker *start(struct worker *w, uint64_t number, void (*run)(void *context))
{
    w->number = number;
    w->waiter.wake = wake;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    rand_init(&w->rand, rand_seed());
    check(thread_start(&w->thread, "stress", run, w) == MR_OK);
    return w;
}

static void join(struct worker *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        thread_join(&w[i].thread);
}

static void check_counts(struct tally *t, const struct worker *lockers,
                         const struct worker *putters, const struct worker *takers)
{
    uint64_t entered = 0, counted = 0, put_sum = 0, taken_sum = 0, put_count = 0, taken = 0;

    for (int i = 0; i < LOCKERS; i++)
        entered += lockers[i].count;
    for (int i = 0; i < KEYS; i++)
        counted += guarded[i].count;
    holds(t, ALONE, entered == counted, "%lu entered, %lu counted", (unsigned long)entered,
          (unsigned long)counted);
    for (int i = 0; i < PUTTERS; i++) {
        put_count += putters[i].count;
        put_sum += putters[i].count * (putters[i].count + 1) / 2;
    }
    for (int i = 0; i < TAKERS; i++) {
        taken += takers[i].count;
        taken_sum += takers[i].sum;
    }
    holds(t, ALL_TAKEN, put_count == taken && put_sum == taken_sum, "%lu put, %lu taken",
          (unsigned long)put_count, (unsigned long)taken);
}

int main(void)
{
    enum {
        FIRST_PUTTER = LOCKERS,
        FIRST_TAKER = FIRST_PUTTER + PUTTERS,
        FIRST_READER = FIRST_TAKER + TAKERS,
        OTHERS = FIRST_READER + READERS,
        WORKERS = OTHERS + 4
    };
    struct worker *w = mem_alloc_zero(WORKERS * sizeof *w);
    struct tally sum = {0};
    uint64_t deadline = stress_deadline_ms();

    check(w);
    mr_config_t *config = open_all();

    for (uint32_t i = 0; i < OTHERS; i++)
        start(&w[i], i + 1,
              i < FIRST_PUTTER   ? lock_on
              : i < FIRST_TAKER  ? put_on
              : i < FIRST_READER ? take_on
                                 : read_on);
    start(&w[OTHERS], OTHERS + 1, write_on);
    start(&w[OTHERS + 1], OTHERS + 2, churn);
    start(&w[OTHERS + 2], OTHERS + 3, sleep_on);
    start(&w[OTHERS + 3], OTHERS + 4, sleep_on);

    while (clock_ms() < deadline)
        nanosleep(&(struct timespec){0, 10000000}, NULL); /* the workers need the cores */
    store_release_32(&over, 1);
    join(&w[FIRST_PUTTER], PUTTERS);
    put_ends();
    join(w, LOCKERS);
    join(&w[FIRST_TAKER], WORKERS - FIRST_TAKER);

    for (int i = 0; i < WORKERS; i++)
        tally_add(&sum, &w[i].tally);
    check_counts(&sum, w, &w[FIRST_PUTTER], &w[FIRST_TAKER]);
    map_check(map);
    sequence_check(&((struct queue *)orders)->collection.items);
    close_all(config);
    mem_free(w);
    return tally_report(&sum, claims, CLAIMS);
}
