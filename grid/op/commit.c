#include "grid/op/commit.h"

#include <pthread.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

__thread struct commit *commit_self __attribute__((tls_model("initial-exec")));

void commit_begin(struct commit *c, void (*over)(struct commit *c))
{
    *c = (struct commit){.open = 1, .over = over};
    commit_self = c;
}

static bool is_last(struct commit *c)
{
    return fetch_sub_64(&c->open, 1) == 1;
}

bool commit_end(struct commit *c)
{
    commit_self = NULL;
    return is_last(c);
}

void commit_note(struct list *line, uint64_t seq)
{
    struct commit *c = commit_self;
    struct commit_note *n = c ? mem_alloc(sizeof *n) : NULL;

    if (c)
        c->rests = true;
    if (!n) {
        if (c)
            store_relaxed_32(&c->unknown, 1);
        return;
    }
    *n = (struct commit_note){.commit = c, .seq = seq};
    (void)fetch_add_64(&c->open, 1);
    list_add_last(line, &n->node);
}

void commit_settle(struct list *line, uint64_t seq, bool unknown)
{
    while (!list_is_empty(line)) {
        struct commit_note *n = list_owner(line->next, struct commit_note, node);

        if (n->seq > seq)
            return;
        list_remove(&n->node);
        if (unknown)
            store_relaxed_32(&n->commit->unknown, 1);
        if (is_last(n->commit))
            n->commit->over(n->commit);
        mem_free(n);
    }
}

/* ---- sleeping ------------------------------------------------------------------------------- */

struct commit_sleep {
    struct commit commit; /* first, so that one is the other */
    pthread_mutex_t lock; /* under a partition's */
    pthread_cond_t changed;
    bool over, given_up; /* whoever is the second frees it */
};

static void sleep_free(struct commit_sleep *s)
{
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static void wake(struct commit *c)
{
    struct commit_sleep *s = (struct commit_sleep *)c;

    pthread_mutex_lock(&s->lock);
    bool given_up = s->given_up;

    s->over = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (given_up)
        sleep_free(s);
}

struct commit_sleep *commit_sleep_begin(void)
{
    struct commit_sleep *s = mem_alloc(sizeof *s);

    if (!s)
        return NULL;
    *s = (struct commit_sleep){.lock = PTHREAD_MUTEX_INITIALIZER,
                               .changed = PTHREAD_COND_INITIALIZER};
    commit_begin(&s->commit, wake);
    return s;
}

/* False: it is not over, and whoever ends it frees it. */
static bool sleep_until(struct commit_sleep *s, uint64_t until_ns)
{
    pthread_mutex_lock(&s->lock);
    while (!s->over && clock_ns() < until_ns)
        clock_wait(&s->changed, &s->lock, until_ns);
    bool over = s->over;

    s->given_up = !over;
    pthread_mutex_unlock(&s->lock);
    return over;
}

mr_rc_t commit_sleep_end(struct commit_sleep *s)
{
    if (!commit_end(&s->commit) && !sleep_until(s, clock_ns() + COMMIT_WAIT_MS * 1000000ull))
        return MR_ERR_OUTCOME_UNKNOWN;
    mr_rc_t rc = load_acquire_32(&s->commit.unknown) ? MR_ERR_OUTCOME_UNKNOWN : MR_OK;

    sleep_free(s);
    return rc;
}
