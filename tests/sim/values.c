#include "tests/sim/values.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/hash.h"
#include "net/base/mem.h"

enum { TABLE_MIN = 64 };

static bool equal(const struct value *a, const struct value *b)
{
    return a->kind == b->kind && a->number == b->number && a->before == b->before;
}

static uint32_t place_of(const struct values *v, const struct value *x)
{
    const int64_t words[] = {x->kind, x->number, x->before};
    uint32_t at = (uint32_t)XXH3_64bits(words, sizeof words) & (v->table_size - 1);

    while (v->table[at] != 0 && !equal(&v->at[v->table[at]], x))
        at = (at + 1) & (v->table_size - 1);
    return at;
}

static void enlarge(struct values *v)
{
    v->room *= 2;
    v->at = mem_realloc(v->at, v->room * sizeof v->at[0]);
    mem_free(v->table);
    v->table_size = 2 * v->room;
    v->table = mem_alloc_zero(v->table_size * sizeof v->table[0]);
    check(v->at && v->table);
    for (uint32_t i = 1; i < v->count; i++)
        v->table[place_of(v, &v->at[i])] = (int32_t)i;
}

static int32_t number_of(struct values *v, struct value x)
{
    uint32_t at = place_of(v, &x);

    if (v->table[at] != 0)
        return v->table[at];
    if (v->count == v->room) {
        enlarge(v);
        at = place_of(v, &x);
    }
    v->table[at] = (int32_t)v->count;
    v->at[v->count] = x;
    return (int32_t)v->count++;
}

void values_init(struct values *v)
{
    *v = (struct values){.room = TABLE_MIN / 2, .count = 1};
    enlarge(v);
    v->at[VALUE_NOTHING] = (struct value){.kind = VALUE_IS_NOTHING};
    check(number_of(v, (struct value){.kind = VALUE_IS_LIST}) == VALUE_EMPTY_LIST);
}

void values_free(struct values *v)
{
    mem_free(v->at);
    mem_free(v->table);
    *v = (struct values){0};
}

const struct value *values_at(const struct values *v, int32_t value)
{
    check(value >= 0 && (uint32_t)value < v->count);
    return &v->at[value];
}

int32_t values_number(struct values *v, int64_t number)
{
    return number_of(v, (struct value){.kind = VALUE_IS_NUMBER, .number = number});
}

int32_t values_append(struct values *v, int32_t list, int64_t item)
{
    if (values_at(v, list)->kind != VALUE_IS_LIST)
        list = VALUE_EMPTY_LIST;
    return number_of(v, (struct value){.kind = VALUE_IS_LIST,
                                       .number = item,
                                       .before = list,
                                       .length = values_at(v, list)->length + 1});
}

/* What is no number counts as 0; a sum goes around where it does not fit. */
static int32_t sum(struct values *v, int32_t state, int64_t increment)
{
    const struct value *x = values_at(v, state);
    uint64_t n = x->kind == VALUE_IS_NUMBER ? (uint64_t)x->number : 0;

    return values_number(v, (int64_t)(n + (uint64_t)increment));
}

int32_t values_do(struct values *v, int32_t state, enum call call, int32_t value, int32_t old,
                  int32_t *ret_said)
{
    *ret_said = VALUE_UNSAID;
    switch (call) {
    case CALL_GET: return *ret_said = state;
    case CALL_PUT: return value;
    case CALL_CAS: *ret_said = state; return state == old ? value : state;
    case CALL_DEL: return VALUE_NOTHING;
    case CALL_INCR: return *ret_said = sum(v, state, values_at(v, value)->number);
    case CALL_APPEND: return values_append(v, state, values_at(v, value)->number);
    default: check(!"a call that there is not"); return state;
    }
}
