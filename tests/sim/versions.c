#include "tests/sim/versions.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"

enum { TRIES_MAX = 100000, CAUSES = 3 };

/* An operation in its place. */
struct placed {
    const struct operation *op;
    uint32_t returned_min; /* the earliest end of all in this place or later ones */
};

/* Perhaps done; perhaps it was needed already. */
struct doubtful {
    const struct operation *op;
    bool used;
};

/* What one key held, place by place. */
struct key {
    struct values *values;
    struct doubtful *doubtful;
    uint32_t doubtful_count;
    int32_t known; /* what it held when that was last certain */
    uint64_t epoch, seq;
    const struct placed **since; /* what was done to it since, unseen */
    uint32_t since_count;
    uint32_t tries;
};

static bool is_write(const struct operation *op)
{
    return op->call != CALL_GET;
}

static int by_place(const struct operation *a, const struct operation *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

/* In one place the write comes before those who saw it. */
static int placed_order(const void *a, const void *b)
{
    const struct operation *x = ((const struct placed *)a)->op, *y = ((const struct placed *)b)->op;
    int order = by_place(x, y);

    if (order == 0)
        order = is_write(y) - is_write(x);
    return order ? order : (x->invoked > y->invoked) - (x->invoked < y->invoked);
}

/* ---- one order, and in time ----------------------------------------------------------------- */

static struct versions_result fault(enum versions_verdict verdict, const struct operation *op)
{
    return (struct versions_result){verdict, op->key, op->returned};
}

static struct versions_result check_unique(const struct placed *at, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (is_write(at[i].op) && is_write(at[i - 1].op) && by_place(at[i].op, at[i - 1].op) == 0)
            return fault(VERSIONS_TWO_IN_ONE_PLACE, at[i].op);
    return (struct versions_result){VERSIONS_GOOD, 0, 0};
}

/* Those who saw one write are in no order among themselves. */
static struct versions_result check_time(const struct placed *at, uint32_t count)
{
    uint32_t begun = 0; /* the latest beginning of all in places before, and of the write in this */

    for (uint32_t i = 0; i < count;) {
        uint32_t here = begun, first = i;

        for (; i < count && by_place(at[i].op, at[first].op) == 0; i++) {
            const struct operation *op = at[i].op;

            if (op->returned < begun)
                return fault(VERSIONS_BACK_IN_TIME, op);
            here = op->invoked > here ? op->invoked : here;
            if (is_write(op))
                begun = here;
        }
        begun = here;
    }
    return (struct versions_result){VERSIONS_GOOD, 0, 0};
}

/* ---- explaining ----------------------------------------------------------------------------- */

static bool leads_to(struct values *v, int32_t from, const struct operation *op, int32_t to)
{
    int32_t said;

    return values_do(v, from, op->call, op->value, op->old, &said) == to;
}

/* The values of which an operation makes this one, none of them twice; of those that it would make
 * it of for being of another kind, only the one that was there. */
static uint32_t causes(const struct key *k, const struct operation *op, int32_t value,
                       int32_t *ret_causes)
{
    struct values *v = k->values;
    const struct value *x = values_at(v, value);
    int32_t some[] = {VALUE_NOTHING, k->known, op->call == CALL_CAS ? op->old : VALUE_NOTHING,
                      value};
    uint32_t n = 0;

    if (op->call == CALL_APPEND && x->kind == VALUE_IS_LIST)
        some[3] = x->before;
    if (op->call == CALL_INCR && x->kind == VALUE_IS_NUMBER)
        some[3] = values_number(
            v, (int64_t)((uint64_t)x->number - (uint64_t)values_at(v, op->value)->number));
    for (uint32_t i = 4; i-- > 0 && n < CAUSES;) {
        bool twice = false;

        for (uint32_t j = 0; j < n; j++)
            twice |= ret_causes[j] == some[i];
        if (!twice && leads_to(v, some[i], op, value))
            ret_causes[n++] = some[i];
    }
    return n;
}

static bool explain(struct key *k, uint32_t since, const struct placed *by, int32_t value);

/* Something that was done unseen, the last one of `since`, made it. */
static bool by_unseen(struct key *k, uint32_t since, int32_t value)
{
    const struct placed *last = k->since[since - 1];
    int32_t before[CAUSES];
    uint32_t n = causes(k, last->op, value, before);

    for (uint32_t i = 0; i < n; i++)
        if (explain(k, since - 1, last, before[i]))
            return true;
    return false;
}

/* Something that nobody knows of made it. */
static bool by_doubtful(struct key *k, uint32_t since, const struct placed *by, int32_t value,
                        struct doubtful *d)
{
    const struct operation *op = d->op;
    int32_t before[CAUSES];

    if (op->call == CALL_PUT || op->call == CALL_DEL)
        return leads_to(k->values, VALUE_NOTHING, op, value);
    if (op->call == CALL_CAS)
        return op->value == value && explain(k, since, by, op->old);
    uint32_t n = causes(k, op, value, before);

    for (uint32_t i = 0; i < n; i++)
        if (before[i] != value && explain(k, since, by, before[i]))
            return true;
    return false;
}

/* In the place of what was done before `by`, so that nothing fits between? Writes have places from
 * 1 on. */
static bool is_next_to(const struct key *k, uint32_t since, const struct placed *by)
{
    if (since > 0)
        return by_place(k->since[since - 1]->op, by->op) == 0;
    return by->op->seq == 0 || (k->epoch == by->op->epoch && k->seq == by->op->seq);
}

/* Can the key have held this value just before `by`, with the first `since` of what was done
 * unseen before that? */
static bool explain(struct key *k, uint32_t since, const struct placed *by, int32_t value)
{
    if (k->tries++ > TRIES_MAX)
        return false;
    if (since == 0 && value == k->known)
        return true;
    if (since > 0 && by_unseen(k, since, value))
        return true;
    if (is_next_to(k, since, by))
        return false;
    for (uint32_t i = 0; i < k->doubtful_count; i++) {
        struct doubtful *d = &k->doubtful[i];

        if (d->op->invoked >= by->returned_min)
            break;
        if (d->used)
            continue;
        d->used = true;
        if (by_doubtful(k, since, by, value, d))
            return true;
        d->used = false;
    }
    return false;
}

/* ---- one key -------------------------------------------------------------------------------- */

static void know(struct key *k, const struct placed *p, int32_t value)
{
    k->known = value;
    k->epoch = p->op->epoch;
    k->seq = p->op->seq;
    k->since_count = 0;
}

/* One of the values that an increment can have found, if it says the sum. */
static bool explain_sum(struct key *k, const struct placed *p)
{
    int32_t before[CAUSES];
    uint32_t n = causes(k, p->op, p->op->said, before);

    for (uint32_t i = 0; i < n; i++)
        if (explain(k, k->since_count, p, before[i]))
            return true;
    return false;
}

static bool follow(struct key *k, const struct placed *p)
{
    const struct operation *op = p->op;
    bool good = true;
    int32_t said;

    k->tries = 0;
    if (op->call == CALL_PUT || op->call == CALL_DEL) {
        know(k, p, op->call == CALL_PUT ? op->value : VALUE_NOTHING);
    } else if (op->said == VALUE_UNSAID) {
        k->since[k->since_count++] = p;
    } else if (op->call == CALL_INCR) {
        good = explain_sum(k, p);
        know(k, p, op->said);
    } else {
        good = explain(k, k->since_count, p, op->said);
        know(k, p, values_do(k->values, op->said, op->call, op->value, op->old, &said));
    }
    return good;
}

/* ---- all of them ---------------------------------------------------------------------------- */

struct judge {
    struct values *values;
    const struct operation *ops;
    uint32_t count;
    struct placed *placed;
    uint32_t placed_count;
    const struct placed **of_key; /* the same, by key and place */
    const struct placed **since;
    struct doubtful *doubtful; /* by key and beginning */
    uint32_t doubtful_count;
};

static int by_key_and_place(const void *a, const void *b)
{
    const struct placed *x = *(const struct placed *const *)a;
    const struct placed *y = *(const struct placed *const *)b;

    if (x->op->key != y->op->key)
        return x->op->key < y->op->key ? -1 : 1;
    return (x > y) - (x < y);
}

static int by_key_and_beginning(const void *a, const void *b)
{
    const struct operation *x = ((const struct doubtful *)a)->op;
    const struct operation *y = ((const struct doubtful *)b)->op;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->invoked > y->invoked) - (x->invoked < y->invoked);
}

static void sort_out(struct judge *j)
{
    size_t n = j->count + 1;
    uint32_t earliest = NEVER;

    j->placed = mem_alloc(n * sizeof j->placed[0]);
    j->of_key = mem_alloc(n * sizeof j->of_key[0]);
    j->since = mem_alloc(n * sizeof j->since[0]);
    j->doubtful = mem_alloc(n * sizeof j->doubtful[0]);
    check(j->placed && j->of_key && j->since && j->doubtful);
    for (uint32_t i = 0; i < j->count; i++) {
        const struct operation *op = &j->ops[i];

        if (op->end == EVENT_OK && op->placed)
            j->placed[j->placed_count++] = (struct placed){.op = op};
        else if (op->end != EVENT_FAIL && is_write(op))
            j->doubtful[j->doubtful_count++] = (struct doubtful){.op = op};
    }
    qsort(j->placed, j->placed_count, sizeof j->placed[0], placed_order);
    for (uint32_t i = j->placed_count; i-- > 0;) {
        earliest = j->placed[i].op->returned < earliest ? j->placed[i].op->returned : earliest;
        j->placed[i].returned_min = earliest;
        j->of_key[i] = &j->placed[i];
    }
    qsort(j->of_key, j->placed_count, sizeof j->of_key[0], by_key_and_place);
    qsort(j->doubtful, j->doubtful_count, sizeof j->doubtful[0], by_key_and_beginning);
}

static bool did_fail(const struct judge *j, const struct operation *seen)
{
    int32_t last = seen->said;

    if (values_at(j->values, last)->kind == VALUE_IS_LIST)
        last = values_number(j->values, values_at(j->values, last)->number);
    for (uint32_t i = 0; i < j->count; i++) {
        const struct operation *op = &j->ops[i];

        if (op->end == EVENT_FAIL && op->key == seen->key && op->call != CALL_GET &&
            op->call != CALL_INCR && op->value == last)
            return true;
    }
    return false;
}

static struct versions_result check_keys(struct judge *j)
{
    struct key k = {.values = j->values, .since = j->since};
    uint32_t doubtful = 0;

    for (uint32_t i = 0; i < j->placed_count; i++) {
        const struct placed *p = j->of_key[i];
        uint32_t key = p->op->key;

        if (i == 0 || key != j->of_key[i - 1]->op->key) {
            while (doubtful < j->doubtful_count && j->doubtful[doubtful].op->key < key)
                doubtful++;
            k = (struct key){
                .values = j->values, .since = j->since, .doubtful = j->doubtful + doubtful};
            while (doubtful < j->doubtful_count && j->doubtful[doubtful].op->key == key)
                doubtful++;
            k.doubtful_count = (uint32_t)(j->doubtful + doubtful - k.doubtful);
        }
        if (!follow(&k, p))
            return fault(k.tries > TRIES_MAX  ? VERSIONS_TOO_LONG
                         : did_fail(j, p->op) ? VERSIONS_FAILED_AND_SEEN
                                              : VERSIONS_NOT_EXPLAINED,
                         p->op);
    }
    return (struct versions_result){VERSIONS_GOOD, 0, 0};
}

void versions_check(struct values *v, const struct operation *ops, uint32_t count,
                    struct versions_result *ret)
{
    struct judge j = {.values = v, .ops = ops, .count = count};

    sort_out(&j);
    *ret = check_unique(j.placed, j.placed_count);
    if (ret->verdict == VERSIONS_GOOD)
        *ret = check_time(j.placed, j.placed_count);
    if (ret->verdict == VERSIONS_GOOD)
        *ret = check_keys(&j);
    mem_free(j.placed);
    mem_free(j.of_key);
    mem_free(j.since);
    mem_free(j.doubtful);
}

const char *versions_sentence(enum versions_verdict verdict)
{
    static const char *const sentences[] = {
#define X(name, sentence) [VERSIONS_##name] = sentence,
        VERSIONS_MAP(X)
#undef X
    };

    return sentences[verdict];
}
