#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mailbox.h"
#include "net/base/mem.h"
#include "net/base/thread.h"

#define GATE_CLOSED (1ull << 63) /* the lower bits count who is inside */

/* What other threads write stands on lines of its own, so that a round does not wait for them. */
struct loop {
    struct mailbox mailbox;
    alignas(64) uint64_t gate;
    alignas(64) uint64_t asleep; /* 1 from L1 until the loop or a poster turns it */
    uint64_t stopping;
    uint64_t threaded; /* 1 between loop_start and loop_join */

    alignas(64) uint64_t rounds; /* written here, read by others */
    struct heap timers;
    struct tasklet *tasklets, *last_tasklet;
    struct tasklet *running;      /* NULL as soon as it is removed */
    struct tasklet *next_tasklet; /* of this round; moved on when it is removed */
    struct loop_part *parts;      /* last added first */
    struct event_base *base;
    struct event *wake_event, *alarm;
    int wake_fd;
    struct thread thread;
};

static __thread struct loop *current;

struct loop *loop_current(void)
{
    return current;
}

bool loop_is_here(const struct loop *loop)
{
    return current == loop || (!current && !load_acquire_64(&loop->threaded));
}

/* ---- sleeping and waking -------------------------------------------------------------------- */

static void read_wake(int fd, short what, void *context)
{
    uint64_t count;

    (void)what, (void)context;
    check(read(fd, &count, sizeof count) == sizeof count || errno == EAGAIN);
}

static void alarm_rings(int fd, short what, void *context)
{
    (void)fd, (void)what, (void)context; /* the sleep is over, which is all it is for */
}

/* P2 and P3 of the proof. */
static void wake(struct loop *loop)
{
    const uint64_t one = 1;

    fence_full();
    if (load_relaxed_64(&loop->asleep) && compare_and_set_64(&loop->asleep, 1, 0))
        check(write(loop->wake_fd, &one, sizeof one) == sizeof one);
}

static bool has_work(const struct loop *loop)
{
    if (mailbox_has(&loop->mailbox) || load_acquire_64(&loop->stopping))
        return true;
    for (const struct tasklet *t = loop->tasklets; t; t = t->next)
        if (t->more || load_relaxed_32(&t->woken))
            return true;
    return false;
}

static uint64_t next_ns(const struct loop *loop)
{
    uint64_t next = loop->timers.first ? loop->timers.first->key : LOOP_NEVER;

    if (has_work(loop))
        return 0;
    for (const struct loop_part *p = loop->parts; p; p = p->next) {
        uint64_t wants = p->next_ns ? p->next_ns(p->context) : LOOP_NEVER;

        if (wants < next)
            next = wants;
    }
    return next;
}

static void poll_now(struct loop *loop)
{
    /* Only our eventfd, which is silent while we are awake: save the system call. */
    if (event_base_get_num_events(loop->base, EVENT_BASE_COUNT_ADDED) > 1)
        check(event_base_loop(loop->base, EVLOOP_NONBLOCK) >= 0);
}

static void sleep_until(struct loop *loop, uint64_t next)
{
    uint64_t now = clock_ns(), wait_us = next > now ? (next - now + 999) / 1000 : 0;
    struct timeval tv = {(time_t)(wait_us / 1000000u), (suseconds_t)(wait_us % 1000000u)};

    /* No memory for an alarm: stay awake rather than oversleep. */
    bool may_sleep = next == LOOP_NEVER || evtimer_add(loop->alarm, &tv) == 0;

    check(event_base_loop(loop->base, may_sleep ? EVLOOP_ONCE : EVLOOP_NONBLOCK) >= 0);
    evtimer_del(loop->alarm);
}

/* Waits for sockets, the next timer, or a wake-up; L1 to L4 of the proof. */
static void poll_or_sleep(struct loop *loop)
{
    if (next_ns(loop) <= clock_ns()) {
        poll_now(loop);
        return;
    }
    store_release_64(&loop->asleep, 1);
    fence_full();
    uint64_t next = next_ns(loop);

    if (next > 0)
        sleep_until(loop, next);
    /* A poster that has already turned it has also written the eventfd, which then ends the next
     * sleep too early, once. */
    store_release_64(&loop->asleep, 0);
}

/* ---- a round -------------------------------------------------------------------------------- */

static void run_timers(struct loop *loop)
{
    uint64_t now = clock_ns(), turns = loop->timers.turns;

    while (loop->timers.first && loop->timers.first->key <= now &&
           loop->timers.first->turn < turns) {
        struct loop_timer *t = (struct loop_timer *)loop->timers.first;
        uint64_t due = t->node.key;

        heap_remove(&loop->timers, &t->node);
        if (t->every_ns) {
            uint64_t missed = (now - due) / t->every_ns;

            heap_add(&loop->timers, &t->node, due + (missed + 1) * t->every_ns);
        }
        t->function(t->context);
    }
}

/* Those that were there when it began: a message that posts a message must not keep the round
 * from ending. */
static void run_messages(struct loop *loop)
{
    uint64_t n = mailbox_size(&loop->mailbox);
    struct message m;

    while (n-- > 0 && mailbox_take(&loop->mailbox, &m))
        m.function(m.context);
}

/* Taking the wake-up before running: what is woken for later is seen by the next round. */
static void run_tasklet(struct loop *loop, struct tasklet *t)
{
    bool woken = load_relaxed_32(&t->woken) && exchange_32(&t->woken, 0);

    if (!woken && !t->more)
        return;
    loop->running = t;
    enum progress progress = t->run(t->context, LOOP_TASKLET_BUDGET_NS);

    if (loop->running)
        t->more = progress == PROGRESS_MORE;
    loop->running = NULL;
}

static void run_tasklets(struct loop *loop)
{
    for (struct tasklet *t = loop->tasklets; t; t = loop->next_tasklet) {
        loop->next_tasklet = t->next;
        run_tasklet(loop, t);
    }
    loop->next_tasklet = NULL;
}

static void go_round(struct loop *loop, void (*poll)(struct loop *loop))
{
    check(!current);
    current = loop;
    poll(loop);
    for (struct loop_part *p = loop->parts; p; p = p->next)
        if (p->begin)
            p->begin(p->context);
    run_timers(loop);
    run_messages(loop);
    run_tasklets(loop);
    for (struct loop_part *p = loop->parts; p; p = p->next)
        if (p->end)
            p->end(p->context);
    store_relaxed_64(&loop->rounds, loop->rounds + 1);
    current = NULL;
}

uint64_t loop_round(struct loop *loop)
{
    check(!load_acquire_64(&loop->threaded));
    go_round(loop, poll_now);
    return next_ns(loop);
}

/* ---- life ----------------------------------------------------------------------------------- */

enum { BASE_FDS = 4 }; /* epoll, a pair for signals, one to spare */

/* libevent ends the process when it finds no descriptors for a new base, so we look first. What
 * another thread takes in between is what it spares one for. */
static bool has_descriptors(int fd)
{
    int copies[BASE_FDS], n = 0;

    while (n < BASE_FDS && (copies[n] = dup(fd)) >= 0)
        n++;
    for (int i = 0; i < n; i++)
        close(copies[i]);
    return n == BASE_FDS;
}

static bool make_base(struct loop *loop)
{
    struct event_config *config = event_config_new();

    if (!config)
        return false;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    return loop->base != NULL;
}

static bool make_events(struct loop *loop)
{
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0 || !has_descriptors(loop->wake_fd) || !make_base(loop))
        return false;
    loop->wake_event = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, read_wake, loop);
    loop->alarm = evtimer_new(loop->base, alarm_rings, loop);
    return loop->wake_event && loop->alarm && event_add(loop->wake_event, NULL) == 0;
}

mr_rc_t loop_new(struct loop **ret_loop)
{
    struct loop *loop = mem_alloc_aligned(64, sizeof *loop);
    mr_rc_t rc;

    if (!loop)
        return MR_ERR_MEMORY;
    loop->wake_fd = -1;
    rc = mailbox_init(&loop->mailbox, LOOP_MAILBOX);
    if (rc != MR_OK)
        goto fail;
    rc = MR_ERR_SYSTEM;
    if (!make_events(loop))
        goto fail;
    *ret_loop = loop;
    return MR_OK;
fail:
    loop_free(loop);
    return rc;
}

/* Turns posters away, then waits for those inside: they are about to finish a push. */
static void drain(struct loop *loop)
{
    struct message m;
    bool last = false;

    if (!(load_relaxed_64(&loop->gate) & GATE_CLOSED))
        fetch_add_64(&loop->gate, GATE_CLOSED);
    check(!current);
    current = loop;
    while (!last) {
        last = load_acquire_64(&loop->gate) == GATE_CLOSED;
        while (mailbox_take(&loop->mailbox, &m))
            m.function(m.context);
    }
    current = NULL;
}

static void run(void *context)
{
    struct loop *loop = context;

    while (!load_acquire_64(&loop->stopping))
        go_round(loop, poll_or_sleep);
    drain(loop);
    go_round(loop, poll_now); /* lets tasklets and parts see what the last messages did */
}

mr_rc_t loop_start(struct loop *loop, const char *name)
{
    check(loop_is_here(loop));

    store_release_64(&loop->threaded, 1);
    mr_rc_t rc = thread_start(&loop->thread, name, run, loop);

    if (rc != MR_OK)
        store_release_64(&loop->threaded, 0);
    return rc;
}

void loop_stop(struct loop *loop)
{
    store_release_64(&loop->stopping, 1);
    wake(loop);
}

void loop_join(struct loop *loop)
{
    check(current != loop);

    thread_join(&loop->thread);
    store_release_64(&loop->threaded, 0);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    check(!load_acquire_64(&loop->threaded));
    if (loop->mailbox.slots)
        drain(loop);
    if (loop->alarm)
        event_free(loop->alarm);
    if (loop->wake_event)
        event_free(loop->wake_event);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->base)
        event_base_free(loop->base);
    mailbox_close(&loop->mailbox);
    mem_free_aligned(loop);
}

mr_rc_t loop_post(struct loop *loop, void (*function)(void *context), void *context)
{
    mr_rc_t rc = MR_ERR_CLOSED;

    if (!(fetch_add_64(&loop->gate, 1) & GATE_CLOSED)) {
        rc =
            mailbox_post(&loop->mailbox, (struct message){function, context}) ? MR_OK : MR_ERR_BUSY;
        wake(loop);
    }
    fetch_sub_64(&loop->gate, 1);
    return rc;
}

uint64_t loop_rounds(const struct loop *loop)
{
    return load_relaxed_64(&loop->rounds);
}

bool loop_is_asleep(const struct loop *loop)
{
    return load_relaxed_64(&loop->asleep);
}

struct event_base *loop_events_on_loop(struct loop *loop)
{
    check(loop_is_here(loop));
    return loop->base;
}

/* ---- timers, tasklets, parts ---------------------------------------------------------------- */

void timer_start_on_loop(struct loop *loop, struct loop_timer *t, uint64_t after_ns,
                         uint64_t every_ns, void (*function)(void *context), void *context)
{
    check(loop_is_here(loop));

    timer_cancel_on_loop(loop, t);
    t->every_ns = every_ns;
    t->function = function;
    t->context = context;
    heap_add(&loop->timers, &t->node, clock_ns() + after_ns);
}

void timer_cancel_on_loop(struct loop *loop, struct loop_timer *t)
{
    check(loop_is_here(loop));

    if (t->node.in)
        heap_remove(&loop->timers, &t->node);
}

void tasklet_add_on_loop(struct loop *loop, struct tasklet *t)
{
    check(loop_is_here(loop));

    t->loop = loop;
    t->next = NULL;
    t->back = loop->last_tasklet;
    t->more = true;
    if (t->back)
        t->back->next = t;
    else
        loop->tasklets = t;
    loop->last_tasklet = t;
}

void tasklet_remove_on_loop(struct tasklet *t)
{
    struct loop *loop = t->loop;

    check(loop_is_here(loop));
    if (loop->next_tasklet == t)
        loop->next_tasklet = t->next;
    if (loop->running == t)
        loop->running = NULL;
    if (t->back)
        t->back->next = t->next;
    else
        loop->tasklets = t->next;
    if (t->next)
        t->next->back = t->back;
    else
        loop->last_tasklet = t->back;
    t->loop = NULL;
}

void tasklet_wake(struct tasklet *t)
{
    struct loop *loop = t->loop;

    exchange_32(&t->woken, 1);
    wake(loop);
}

void part_add_on_loop(struct loop *loop, struct loop_part *part)
{
    check(loop_is_here(loop));

    part->next = loop->parts;
    loop->parts = part;
}

void part_remove_on_loop(struct loop *loop, struct loop_part *part)
{
    check(loop_is_here(loop));

    struct loop_part **at = &loop->parts;

    while (*at != part) {
        check(*at);
        at = &(*at)->next;
    }
    *at = part->next;
}
