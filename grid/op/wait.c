#include "grid/op/wait.h"

#include "net/base/check.h"

static struct waiter *waiter_of(struct list *node)
{
    return list_owner(node, struct waiter, node);
}

void waits_init(struct waits *waits)
{
    list_init(&waits->sleepers);
}

void waits_add(struct waits *waits, struct partition *partition, struct waiter *w,
               uint64_t retry_ns)
{
    check(!w->in);
    w->partition = partition;
    w->in = waits;
    w->woken = w->over = false;
    w->retry_ns = retry_ns;
    list_add_last(&waits->sleepers, &w->node);
}

static void wake(struct waiter *w)
{
    w->woken = true;
    w->wake(w);
}

void waits_wake_some(struct waits *waits, uint32_t n)
{
    struct list *all = &waits->sleepers;

    for (struct list *node = all->next; node != all && n > 0; node = node->next)
        if (!waiter_of(node)->woken) {
            wake(waiter_of(node));
            n--;
        }
}

void waits_end(struct waits *waits)
{
    struct list *all = &waits->sleepers;

    for (struct list *node = all->next; node != all; node = node->next)
        waiter_of(node)->over = true;
    waits_wake_some(waits, UINT32_MAX);
}

bool waiter_leave_locked(struct waiter *w)
{
    if (!w || !w->in)
        return false;
    list_remove(&w->node);
    w->in = NULL;
    return w->woken;
}

void waiter_cancel(struct waiter *w)
{
    struct waits *waits = w->in;

    if (!waits)
        return;
    struct partition *p = w->partition;

    partition_lock(p);
    if (waiter_leave_locked(w))
        waits_wake(waits);
    partition_unlock(p);
}

bool waiter_is_over(struct waiter *w)
{
    if (!w->in)
        return false;
    partition_lock(w->partition);
    bool over = w->over;

    partition_unlock(w->partition);
    return over;
}
