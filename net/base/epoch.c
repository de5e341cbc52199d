#include "net/base/epoch.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#include "net/base/check.h"
#include "net/base/mem.h"

__thread struct epoch_thread *epoch_self __attribute__((tls_model("initial-exec")));
ck_epoch_t epoch_global;

/* Records can never be freed (a poll anywhere walks them all), so they are not allocated: pages
 * of this array that no thread has used cost nothing. */
static struct epoch_thread threads[EPOCH_THREADS_MAX] __attribute__((aligned(64)));
static uint32_t threads_used;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t leaving;

/* Under the lock. */
static void unregister(struct epoch_thread *t)
{
    store_relaxed_64(&t->held_since_ms, 0);
    t->in_use = false;
    ck_epoch_unregister(&t->record);
}

static void give_back(struct epoch_thread *t)
{
    check(t->record.active == 0);
    pthread_mutex_lock(&lock);
    unregister(t);
    pthread_mutex_unlock(&lock);
}

/* A section that the thread's program forgot to end must not hold back memory for ever. */
static void thread_ends(void *record)
{
    while (epoch_inside())
        epoch_exit();
    epoch_self = NULL;
    give_back(record);
}

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

/* Only the thread that forked lives on. The others' sections would stay open for ever, and with
 * them whatever is retired in this process. */
static void after_fork_in_child(void)
{
    for (uint32_t i = 0; i < threads_used; i++) {
        if (&threads[i] == epoch_self || !threads[i].in_use)
            continue;
        unregister(&threads[i]);
    }
    pthread_mutex_unlock(&lock);
}

static void start(void)
{
    ck_epoch_init(&epoch_global);
    check(pthread_key_create(&leaving, thread_ends) == 0);
    check(pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0);
}

static struct epoch_thread *take(void)
{
    struct epoch_thread *t = NULL;
    ck_epoch_record_t *old;

    pthread_once(&once, start);
    while (!t) {
        pthread_mutex_lock(&lock);
        if ((old = ck_epoch_recycle(&epoch_global, NULL))) {
            t = (struct epoch_thread *)((char *)old - offsetof(struct epoch_thread, record));
        } else if (threads_used < EPOCH_THREADS_MAX) {
            t = &threads[threads_used];
            t->number = threads_used;
            store_release_32(&threads_used, threads_used + 1);
            ck_epoch_register(&epoch_global, &t->record, NULL);
        }
        if (t)
            t->in_use = true;
        pthread_mutex_unlock(&lock);
        if (!t)
            sched_yield();
    }
    return t;
}

struct epoch_thread *epoch_join(void)
{
    struct epoch_thread *t = take();

    epoch_self = t;
    check(pthread_setspecific(leaving, t) == 0);
    return t;
}

uint32_t epoch_numbers(void)
{
    return load_acquire_32(&threads_used);
}

uint32_t epoch_holders(void (*each)(void *context, uint32_t number, uint64_t since_ms),
                       void *context)
{
    uint32_t held = 0;

    for (uint32_t i = 0, n = epoch_numbers(); i < n; i++) {
        uint64_t since = load_relaxed_64(&threads[i].held_since_ms);

        if (since == 0)
            continue;
        held++;
        each(context, threads[i].number, since);
    }
    return held;
}

/* A retirer is a queue. It polls with the record of whoever polls.
 *
 * ck has lists of its own for what waits, in each record: four, by the last two bits of the epoch,
 * and a poll looks at two of them. When others have moved the epoch on by four between a retirer's
 * polls, as happens where there are four, it always looks at the wrong two, and nothing ever comes
 * free. So ck only moves the epoch on here; and there are as many retirers as one likes. */
struct retirer {
    struct retired *first, *last; /* the oldest first */
    uint32_t waiting;             /* how many */
};

struct retirer *retirer_new(void)
{
    pthread_once(&once, start);
    return mem_alloc_zero(sizeof(struct retirer));
}

void epoch_retire(struct retirer *r, struct retired *item, void (*function)(struct retired *))
{
    /* The item has been taken out before the epoch is read: then who still found it has entered in
     * this epoch or an earlier one. */
    fence_full();
    *item = (struct retired){NULL, function, ck_pr_load_uint(&epoch_global.epoch)};
    if (r->first)
        r->last->next = item;
    else
        r->first = item;
    r->last = item;
    r->waiting++;
}

/* The epoch moves on only when every open section was entered in it. So at epoch e there is none
 * from before e - 1. */
static bool has_passed(uint32_t epoch, uint32_t now)
{
    return (int32_t)(now - epoch) >= 2;
}

/* What a function retires meanwhile waits for another poll: this one looked for sections before. */
uint32_t epoch_poll(struct retirer *r)
{
    ck_epoch_record_t *record = &epoch_thread()->record;
    uint32_t before = ck_pr_load_uint(&epoch_global.epoch);
    bool agreed = ck_epoch_poll(record);
    uint32_t now = ck_pr_load_uint(&epoch_global.epoch);
    bool nobody_inside = agreed && now == before; /* else it would have moved on */

    for (uint32_t n = r->waiting; n > 0 && (nobody_inside || has_passed(r->first->epoch, now));
         n--) {
        struct retired *item = r->first;

        r->first = item->next;
        r->waiting--;
        EPOCH_ALL_ENDED(&epoch_global);
        item->function(item);
    }
    return r->waiting;
}

void retirer_free(struct retirer *r)
{
    if (!r)
        return;
    check(!epoch_inside());
    while (epoch_poll(r) > 0)
        ck_epoch_synchronize(&epoch_thread()->record);
    mem_free(r);
}
