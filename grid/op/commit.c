#include "grid/op/commit.h"

#include "net/base/atomic.h"
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
