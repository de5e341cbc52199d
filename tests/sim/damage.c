#include "tests/sim/damage.h"

#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

enum { STRANGE = 1000000 };

struct damaged {
    struct history *h;
    struct operation *ops;
    uint32_t count;
    uint32_t from; /* where to begin to look, so that not always the first one is changed */
};

static const char *const damage_names[] = {
#define X(name, kind, why) [DAMAGE_##name] = #name,
    DAMAGE_MAP(X)
#undef X
};

static const enum example_kind damage_kinds[] = {
#define X(name, kind, why) [DAMAGE_##name] = EXAMPLE_##kind,
    DAMAGE_MAP(X)
#undef X
};

enum example_kind damage_kind(enum damage d)
{
    return damage_kinds[d];
}

const char *damage_name(enum damage d)
{
    return damage_names[d];
}

/* Goes through all operations, from somewhere on. */
#define each(d, op)                                                                                \
    (uint32_t op##_i = 0; op##_i < (d)->count;                                                     \
     op##_i++) for (const struct operation *op = &(d)->ops[((d)->from + op##_i) % (d)->count]; op; \
                    op = NULL)

static bool is_ok(const struct operation *op, enum call call)
{
    return op->end == EVENT_OK && op->call == call;
}

static bool before(const struct operation *a, const struct operation *b)
{
    return a->returned != NEVER && a->returned < b->invoked;
}

static void say(struct damaged *d, const struct operation *op, int32_t said)
{
    struct event *e = &d->h->events[op->returned];

    if (op->call == CALL_CAS)
        e->old = said;
    else
        e->value = said;
}

static const struct operation *last(const struct damaged *d)
{
    return &d->ops[d->count - 1];
}

/* Lets one that looks say what was put and then, for certain, replaced. */
static bool say_replaced(struct damaged *d, enum call looks, enum call replaces)
{
    for each (d, put)
        for each (d, then)
            for each (d, look)
                if (is_ok(put, CALL_PUT) && is_ok(then, replaces) && is_ok(look, looks) &&
                    before(put, then) && before(then, look)) {
                    say(d, look, put->value);
                    return true;
                }
    return false;
}

static bool dirty_read(struct damaged *d)
{
    for each (d, put)
        for each (d, get)
            if (put->end == EVENT_FAIL && put->call == CALL_PUT && is_ok(get, CALL_GET)) {
                say(d, get, put->value);
                return true;
            }
    return false;
}

static bool say_strange(struct damaged *d, enum call call)
{
    for each (d, op)
        if (is_ok(op, call)) {
            say(d, op, values_number(&d->h->values, STRANGE));
            return true;
        }
    return false;
}

static bool future_read(struct damaged *d)
{
    for each (d, put)
        for each (d, get)
            if (put->call == CALL_PUT && is_ok(get, CALL_GET) && get->returned < put->invoked) {
                say(d, get, put->value);
                return true;
            }
    return false;
}

static bool lost_write(struct damaged *d)
{
    for each (d, del)
        if (del->call == CALL_DEL)
            return false;
    for each (d, put)
        for each (d, get)
            if (is_ok(put, CALL_PUT) && is_ok(get, CALL_GET) && before(put, get)) {
                say(d, get, VALUE_NOTHING);
                return true;
            }
    return false;
}

static bool cas_twice(struct damaged *d)
{
    for each (d, a)
        for each (d, b)
            if (a != b && is_ok(a, CALL_CAS) && is_ok(b, CALL_CAS) && a->said == a->old &&
                a->old != VALUE_NOTHING) {
                d->h->events[b->invoked].old = a->old;
                say(d, b, a->old);
                return true;
            }
    return false;
}

static bool failed_and_read(struct damaged *d)
{
    for each (d, put)
        for each (d, get)
            if (is_ok(put, CALL_PUT) && is_ok(get, CALL_GET) && get->said == put->value) {
                d->h->events[put->returned].type = EVENT_FAIL;
                return true;
            }
    return false;
}

static int64_t increments(const struct damaged *d, bool sure)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < d->count; i++)
        if (d->ops[i].call == CALL_INCR &&
            (d->ops[i].end == EVENT_OK || (!sure && d->ops[i].end == EVENT_INFO)))
            sum += values_at(&d->h->values, d->ops[i].value)->number;
    return sum;
}

static bool equal_sums(struct damaged *d)
{
    for each (d, a)
        for each (d, b)
            if (a != b && is_ok(a, CALL_INCR) && is_ok(b, CALL_INCR)) {
                say(d, b, a->said);
                return true;
            }
    return false;
}

static bool counter_goes_back(struct damaged *d)
{
    struct values *v = &d->h->values;

    for each (d, a)
        for each (d, b)
            if (is_ok(a, CALL_GET) && is_ok(b, CALL_GET) && before(a, b) &&
                values_at(v, a->said)->number > 0) {
                say(d, b, values_number(v, values_at(v, a->said)->number - 1));
                return true;
            }
    return false;
}

static const struct operation *append_of(const struct damaged *d, int64_t item)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->ops[i].call == CALL_APPEND &&
            values_at(&d->h->values, d->ops[i].value)->number == item)
            return &d->ops[i];
    return NULL;
}

static uint32_t items_of(const struct values *v, int32_t list, int64_t *items)
{
    uint32_t n = values_at(v, list)->length;

    for (uint32_t i = n; i-- > 0; list = values_at(v, list)->before)
        items[i] = values_at(v, list)->number;
    return n;
}

static int32_t list_of(struct values *v, const int64_t *items, uint32_t count)
{
    int32_t list = VALUE_EMPTY_LIST;

    for (uint32_t i = 0; i < count; i++)
        list = values_append(v, list, items[i]);
    return list;
}

enum { ITEMS_MAX = 256 };

static bool lost_append(struct damaged *d)
{
    int64_t items[ITEMS_MAX];
    uint32_t n = items_of(&d->h->values, last(d)->said, items);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (i + d->from) % n;

        if (append_of(d, items[at])->end != EVENT_OK)
            continue;
        memmove(items + at, items + at + 1, (n - at - 1) * sizeof items[0]);
        say(d, last(d), list_of(&d->h->values, items, n - 1));
        return true;
    }
    return false;
}

static bool doubled_append(struct damaged *d)
{
    int64_t items[ITEMS_MAX + 1];
    uint32_t n = items_of(&d->h->values, last(d)->said, items);

    if (n == 0)
        return false;
    items[n] = items[d->from % n];
    say(d, last(d), list_of(&d->h->values, items, n + 1));
    return true;
}

static bool reordered_append(struct damaged *d)
{
    int64_t items[ITEMS_MAX];
    uint32_t n = items_of(&d->h->values, last(d)->said, items);

    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = i + 1; j < n; j++)
            if ((i + j + d->from) % 3 == 0 &&
                before(append_of(d, items[i]), append_of(d, items[j]))) {
                int64_t item = items[i];

                items[i] = items[j];
                items[j] = item;
                say(d, last(d), list_of(&d->h->values, items, n));
                return true;
            }
    return false;
}

static bool list_goes_back(struct damaged *d)
{
    struct values *v = &d->h->values;

    for each (d, a)
        for each (d, b)
            if (is_ok(a, CALL_GET) && is_ok(b, CALL_GET) && before(a, b) &&
                values_at(v, a->said)->length > 0) {
                say(d, b, values_at(v, a->said)->before);
                return true;
            }
    return false;
}

static bool say_sum(struct damaged *d, int64_t sum)
{
    say(d, last(d), values_number(&d->h->values, sum));
    return sum >= 0;
}

static bool damage(struct damaged *d, enum damage which)
{
    switch (which) {
    case DAMAGE_STALE_READ: return say_replaced(d, CALL_GET, CALL_PUT);
    case DAMAGE_BACK_FROM_DELETE: return say_replaced(d, CALL_GET, CALL_DEL);
    case DAMAGE_DIRTY_READ: return dirty_read(d);
    case DAMAGE_UNWRITTEN_READ: return say_strange(d, CALL_GET);
    case DAMAGE_FUTURE_READ: return future_read(d);
    case DAMAGE_LOST_WRITE: return lost_write(d);
    case DAMAGE_STALE_CAS: return say_replaced(d, CALL_CAS, CALL_PUT);
    case DAMAGE_CAS_TWICE: return cas_twice(d);
    case DAMAGE_UNWRITTEN_CAS: return say_strange(d, CALL_CAS);
    case DAMAGE_FAILED_AND_READ: return failed_and_read(d);
    case DAMAGE_DOUBLED_INCREMENT: return say_sum(d, increments(d, false) + 1);
    case DAMAGE_LOST_INCREMENT:
        return increments(d, true) > 0 && say_sum(d, increments(d, true) - 1);
    case DAMAGE_EQUAL_SUMS: return equal_sums(d);
    case DAMAGE_COUNTER_GOES_BACK: return counter_goes_back(d);
    case DAMAGE_LOST_APPEND: return lost_append(d);
    case DAMAGE_DOUBLED_APPEND: return doubled_append(d);
    case DAMAGE_REORDERED_APPEND: return reordered_append(d);
    case DAMAGE_LIST_GOES_BACK: return list_goes_back(d);
    default: return false;
    }
}

bool example_damage(struct rand *r, enum damage which, struct history *h)
{
    struct damaged d = {.h = h};
    uint32_t at;

    check(history_operations(h, &d.ops, &d.count, &at) == MR_OK);
    check(d.count <= ITEMS_MAX);
    d.from = (uint32_t)rand_below(r, d.count);
    bool did = damage(&d, which);

    mem_free(d.ops);
    return did;
}

/* Another answer than before, mostly one that somebody else was given. */
void example_blur(struct rand *r, struct history *h)
{
    struct damaged d = {.h = h};
    uint32_t at;

    check(history_operations(h, &d.ops, &d.count, &at) == MR_OK);
    const struct operation *from = &d.ops[rand_below(r, d.count)];
    const struct operation *to = &d.ops[rand_below(r, d.count)];

    if (from->said != VALUE_UNSAID && to->said != VALUE_UNSAID)
        say(&d, to, from->said);
    mem_free(d.ops);
}
