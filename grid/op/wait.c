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
    w->woken = false;
    w->retry_ns = retry_ns;
    list_add_last(&waits->sleepers, &w->node);
}

static void wake(struct waiter *w)
{
    w->woken = true;
    w->wake(w);
}

void waits_wake(struct waits *waits)
{
    struct list *all = &waits->sleepers;

    for (struct list *node = all->next; node != all; node = node->next)
        if (!waiter_of(node)->woken) {
            wake(waiter_of(node));
            return;
        }
}

void waits_wake_all(struct waits *waits)
{
    struct list *all = &waits->sleepers;

    for (struct list *node = all->next; node != all; node = node->next)
        if (!waiter_of(node)->woken)
            wake(waiter_of(node));
}

void waiter_leave_locked(struct waiter *w)
{
    if (!w || !w->in)
        return;
    struct waits *waits = w->in;

    list_remove(&w->node);
    w->in = NULL;
    if (w->woken)
        waits_wake(waits);
}

void waiter_cancel(struct waiter *w)
{
    if (!w->in)
        return;
    struct partition *p = w->partition;

    partition_lock(p);
    waiter_leave_locked(w);
    partition_unlock(p);
}
