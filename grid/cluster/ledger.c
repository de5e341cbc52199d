#include "grid/cluster/ledger.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

void ledger_init(struct ledger *l)
{
    *l = (struct ledger){.first = 1};
}

static void drop(struct ledger *l, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        mem_free(l->entries[i].bytes);
}

void ledger_free(struct ledger *l)
{
    drop(l, 0, l->count);
    mem_free(l->entries);
    ledger_init(l);
}

static mr_rc_t make_room(struct ledger *l)
{
    uint32_t room = l->room ? l->room * 2 : 64;
    struct ledger_entry *entries;

    if (l->count < l->room)
        return MR_OK;
    if (!(entries = mem_realloc(l->entries, room * sizeof *entries)))
        return MR_ERR_MEMORY;
    l->entries = entries;
    l->room = room;
    return MR_OK;
}

mr_rc_t ledger_append(struct ledger *l, const struct ledger_entry *e)
{
    struct ledger_entry copy = *e;

    check(e->term > 0);
    check(e->term >= ledger_term(l, ledger_last(l)));
    if (make_room(l) != MR_OK || !(copy.bytes = mem_alloc(e->size ? e->size : 1)))
        return MR_ERR_MEMORY;
    if (e->size)
        memcpy(copy.bytes, e->bytes, e->size);
    l->entries[l->count++] = copy;
    return MR_OK;
}

void ledger_truncate(struct ledger *l, uint64_t from)
{
    check(from > l->index);
    if (from > ledger_last(l))
        return;
    drop(l, (uint32_t)(from - l->first), l->count);
    l->count = (uint32_t)(from - l->first);
}

void ledger_compact(struct ledger *l, uint64_t index, uint32_t keep)
{
    uint64_t first = index > keep ? index - keep + 1 : 1;
    const struct ledger_entry *e = ledger_at(l, index);

    check(e != NULL);
    l->index = index;
    l->term = e->term;
    if (first <= l->first)
        return;
    drop(l, 0, (uint32_t)(first - l->first));
    l->count -= (uint32_t)(first - l->first);
    memmove(l->entries, l->entries + (first - l->first), l->count * sizeof l->entries[0]);
    l->first = first;
}

void ledger_reset(struct ledger *l, uint64_t index, uint64_t term)
{
    drop(l, 0, l->count);
    l->count = 0;
    l->first = index + 1;
    l->index = index;
    l->term = term;
}

const struct ledger_entry *ledger_at(const struct ledger *l, uint64_t index)
{
    return index >= l->first && index <= ledger_last(l) ? &l->entries[index - l->first] : NULL;
}

uint64_t ledger_term(const struct ledger *l, uint64_t index)
{
    const struct ledger_entry *e = ledger_at(l, index);

    if (e)
        return e->term;
    return index == l->index ? l->term : 0;
}

void ledger_check(const struct ledger *l)
{
    uint64_t term = 0;

    check(l->first >= 1);
    check(l->first <= l->index + 1);
    check(l->index <= ledger_last(l));
    check((l->index == 0) == (l->term == 0));
    for (uint32_t i = 0; i < l->count; i++) {
        check(l->entries[i].term >= term);
        term = l->entries[i].term;
    }
}
