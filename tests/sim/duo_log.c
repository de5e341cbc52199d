#include "tests/sim/duo_log.h"

#include "net/base/check.h"

const struct duo_entry *log_voters(const struct duo_log *l)
{
    static const struct duo_entry none;

    for (uint32_t i = l->length; i > 0; i--)
        if (l->entries[i - 1].kind == ENTRY_VOTERS)
            return &l->entries[i - 1];
    return &none;
}

uint32_t voters_count(const struct duo_entry *voters)
{
    return (voters->a != 0) + (voters->b != 0) + (voters->c != 0);
}

bool voters_have(const struct duo_entry *voters, uint64_t number)
{
    return number != 0 && (voters->a == number || voters->b == number || voters->c == number);
}

uint64_t voters_other(const struct duo_entry *voters, uint64_t number)
{
    if (voters_count(voters) != 2 || !voters_have(voters, number))
        return 0;
    return voters->a + voters->b + voters->c - number;
}

void log_append(struct duo_log *l, struct duo_entry e)
{
    check(l->length < DUO_LOG_MAX);
    l->entries[l->length++] = e;
}

static uint32_t count_that_hold(const struct duo_log *l, uint64_t self, uint32_t index)
{
    const struct duo_entry *voters = log_voters(l);
    uint32_t count = voters_have(voters, self);

    for (int i = 0; i < DUO_SLOTS; i++)
        if (l->held_by[i] != self && voters_have(voters, l->held_by[i]) && l->held[i] >= index)
            count++;
    return count;
}

void log_commit(struct duo_log *l, uint64_t self)
{
    uint32_t majority = voters_count(log_voters(l)) / 2 + 1;

    for (uint32_t index = l->length; l->leads && index > l->committed; index--)
        if (count_that_hold(l, self, index) >= majority)
            l->committed = index;
}

bool log_has_unapplied(const struct duo_log *l, enum duo_entry_kind kind)
{
    for (uint32_t i = l->applied; i < l->length; i++)
        if (l->entries[i].kind == kind)
            return true;
    return false;
}

bool log_is_better(uint64_t accepted, uint32_t length, const struct duo_log *than)
{
    return accepted != than->accepted ? accepted > than->accepted : length > than->length;
}

static void take_voters(struct duo_applied *to, const struct duo_entry *e)
{
    to->voters[0] = e->a;
    to->voters[1] = e->b;
    to->voters[2] = e->c;
    to->primary = e->d;
    to->anchor = 0;
}

const struct duo_entry *log_apply(struct duo_log *l, struct duo_applied *to)
{
    check(l->applied < l->committed);
    const struct duo_entry *e = &l->entries[l->applied++];

    switch (e->kind) {
    case ENTRY_WRITE: to->store[e->a / 64] |= 1ull << (e->a % 64); break;
    case ENTRY_VOTERS: take_voters(to, e); break;
    case ENTRY_DUO: to->anchor = e->a; break;
    case ENTRY_DUO_END: to->anchor = 0; break;
    case ENTRY_MOVE: to->primary = e->d; break;
    case ENTRY_ATTACH:
    case ENTRY_NOTHING: break;
    }
    if (e->kind == ENTRY_VOTERS || e->kind == ENTRY_MOVE)
        to->role_index = l->applied;
    return e;
}
