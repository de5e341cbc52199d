#include "client/invoke.h"

#include "net/base/check.h"
#include "net/base/mem.h"

mr_rc_t invocations_init(struct invocations *is)
{
    *is = (struct invocations){0};
    is->buckets = mem_alloc_zero(INVOKE_BUCKETS * sizeof(struct invocation *));
    return is->buckets ? MR_OK : MR_ERR_MEMORY;
}

void invocations_free(struct invocations *is)
{
    check(is->count == 0);
    mem_free(is->buckets);
    is->buckets = NULL;
}

/* Numbers go up by one, so the lowest bits spread them evenly. */
static struct invocation **bucket_of(const struct invocations *is, int64_t correlation)
{
    return &is->buckets[(uint64_t)correlation % INVOKE_BUCKETS];
}

void invoke_begin(struct invocations *is, struct invocation *i)
{
    struct invocation **bucket;

    i->correlation = ++is->last;
    i->state = INVOKE_WAITING;
    bucket = bucket_of(is, i->correlation);
    i->next = *bucket;
    *bucket = i;
    heap_add(&is->due, &i->due, i->deadline_ns);
    is->count++;
}

void invoke_end(struct invocations *is, struct invocation *i)
{
    struct invocation **at = bucket_of(is, i->correlation);

    while (*at != i)
        at = &(*at)->next;
    *at = i->next;
    heap_remove(&is->due, &i->due);
    list_remove(&i->node);
    is->count--;
}

struct invocation *invoke_find(const struct invocations *is, int64_t correlation)
{
    struct invocation *i = *bucket_of(is, correlation);

    while (i && i->correlation != correlation)
        i = i->next;
    return i;
}

struct invocation *invoke_due(const struct invocations *is, uint64_t now_ns)
{
    struct heap_node *first = is->due.first;

    return first && first->key <= now_ns ? list_owner(first, struct invocation, due) : NULL;
}

static void due_at(struct invocations *is, struct invocation *i, uint64_t at_ns)
{
    if (i->due.key == at_ns)
        return;
    heap_remove(&is->due, &i->due);
    heap_add(&is->due, &i->due, at_ns);
}

void invoke_sent(struct invocations *is, struct invocation *i)
{
    i->state = INVOKE_SENT;
    due_at(is, i, i->deadline_ns);
}

static struct invoke_verdict over(mr_rc_t rc)
{
    return (struct invoke_verdict){INVOKE_OVER, rc};
}

static struct invoke_verdict again(struct invocation *i, enum invoke_what what)
{
    i->state = INVOKE_WAITING;
    return (struct invoke_verdict){what, MR_OK};
}

static bool may_be_done(const struct invocation *i)
{
    return !i->repeatable && (i->state == INVOKE_SENT || i->doubtful);
}

struct invoke_verdict invoke_time(struct invocations *is, struct invocation *i, uint64_t now_ns)
{
    if (now_ns < i->deadline_ns) {
        due_at(is, i, i->deadline_ns);
        return again(i, INVOKE_AGAIN);
    }
    return over(may_be_done(i) ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_TIMEOUT);
}

struct invoke_verdict invoke_lost(struct invocations *is, struct invocation *i)
{
    (void)is;
    i->doubtful = i->numbered;
    return i->repeatable || i->numbered ? again(i, INVOKE_AGAIN) : over(MR_ERR_OUTCOME_UNKNOWN);
}

static uint64_t pause_ns(uint32_t refusals)
{
    uint64_t ms = refusals < 8 ? (uint64_t)INVOKE_PAUSE_MS << refusals : INVOKE_PAUSE_MAX_MS;

    return (ms < INVOKE_PAUSE_MAX_MS ? ms : INVOKE_PAUSE_MAX_MS) * 1000000;
}

struct invoke_verdict invoke_refused(struct invocations *is, struct invocation *i,
                                     const struct fault *fault, uint64_t now_ns)
{
    uint64_t at_ns = now_ns + pause_ns(i->refusals);

    if (fault->fate == FAULT_FINAL)
        return over(i->doubtful ? MR_ERR_OUTCOME_UNKNOWN : fault->rc);
    if (fault->fate == FAULT_UNSURE && !i->repeatable && !i->numbered)
        return over(MR_ERR_OUTCOME_UNKNOWN);
    i->doubtful |= i->numbered && fault->fate == FAULT_UNSURE;
    i->refusals++;
    due_at(is, i, at_ns < i->deadline_ns ? at_ns : i->deadline_ns);
    return again(i, INVOKE_AGAIN_SOON);
}
