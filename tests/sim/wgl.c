#include "tests/sim/wgl.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/hash.h"
#include "net/base/mem.h"

enum { WORDS = (WGL_OPERATIONS_MAX + 63) / 64, HEAD = 0, NONE = 0 };

/* An invocation or a return, in a list of what is not in its place yet. */
struct node {
    uint32_t event, op;
    bool is_return;
    uint16_t next, back;
};

struct move {
    uint32_t op;
    int32_t state; /* before it */
};

/* What was tried: which operations are done, and the value that came of it. Of the operations only
 * those between the first that is not done and the last that is are kept. */
struct memo {
    uint64_t *words;
    uint32_t count, room;
    uint32_t *table; /* where in words, + 1; 0: free */
    uint32_t table_size, entries;
};

struct search {
    struct values *values;
    const struct operation *ops[WGL_OPERATIONS_MAX]; /* of one key, by invocation */
    uint32_t count;
    struct node nodes[1 + 2 * WGL_OPERATIONS_MAX]; /* the first one is the list */
    uint16_t invocation[WGL_OPERATIONS_MAX], ret[WGL_OPERATIONS_MAX]; /* NONE: does not return */
    uint32_t returns_left;

    int32_t *way; /* by length: what the longest list that is read was before; NULL: no such */
    uint32_t way_length, way_left; /* reads of it that are still to come */

    uint64_t done[WORDS];
    int32_t state;
    struct move moves[WGL_OPERATIONS_MAX];
    uint32_t depth, deepest;
    struct memo memo;

    uint64_t steps_max;
    struct wgl_result *result;
};

/* ---- what was tried ------------------------------------------------------------------------- */

static uint32_t memo_place(const struct memo *m, const uint64_t *words, uint32_t count)
{
    uint32_t at = (uint32_t)XXH3_64bits(words, count * sizeof words[0]) & (m->table_size - 1);

    for (; m->table[at] != 0; at = (at + 1) & (m->table_size - 1)) {
        const uint64_t *there = m->words + m->table[at] - 1;

        if (there[0] == count && memcmp(there + 1, words, count * sizeof words[0]) == 0)
            break;
    }
    return at;
}

static void memo_enlarge(struct memo *m)
{
    m->table_size = m->table_size ? 2 * m->table_size : 1024;
    mem_free(m->table);
    m->table = mem_alloc_zero(m->table_size * sizeof m->table[0]);
    check(m->table);
    for (uint32_t at = 0; at < m->count; at += 1 + (uint32_t)m->words[at])
        m->table[memo_place(m, m->words + at + 1, (uint32_t)m->words[at])] = at + 1;
}

/* False: it is there. */
static bool memo_add(struct memo *m, const uint64_t *words, uint32_t count)
{
    if (2 * (m->entries + 1) > m->table_size)
        memo_enlarge(m);
    uint32_t at = memo_place(m, words, count);

    if (m->table[at] != 0)
        return false;
    if (m->count + count + 1 > m->room) {
        m->room = m->room ? 2 * m->room : 4096;
        m->words = mem_realloc(m->words, m->room * sizeof m->words[0]);
        check(m->words);
    }
    m->table[at] = m->count + 1;
    m->words[m->count] = count;
    memcpy(m->words + m->count + 1, words, count * sizeof words[0]);
    m->count += count + 1;
    m->entries++;
    return true;
}

static void memo_clear(struct memo *m)
{
    m->count = m->entries = 0;
    if (m->table)
        memset(m->table, 0, m->table_size * sizeof m->table[0]);
}

/* ---- the search ----------------------------------------------------------------------------- */

static void flip(struct search *s, uint32_t op)
{
    s->done[op / 64] ^= 1ull << op % 64;
}

/* Has this been tried, with `state` come of what is done? */
static bool is_new(struct search *s, int32_t state)
{
    uint64_t words[1 + WORDS];
    uint32_t low = 0, high = (s->count + 63) / 64;

    while (low < high && s->done[low] == UINT64_MAX)
        low++;
    while (high > low && s->done[high - 1] == 0)
        high--;
    words[0] = (uint64_t)low << 32 | (uint32_t)state;
    memcpy(words + 1, s->done + low, (high - low) * sizeof words[0]);
    return memo_add(&s->memo, words, 1 + high - low);
}

static void take_out(struct search *s, uint16_t node)
{
    const struct node *n = &s->nodes[node];

    s->nodes[n->back].next = n->next;
    s->nodes[n->next].back = n->back;
}

static void put_back(struct search *s, uint16_t node)
{
    const struct node *n = &s->nodes[node];

    s->nodes[n->back].next = node;
    s->nodes[n->next].back = node;
}

/* Of a list that only grows, the longest one that is read says what it has to be before. Without
 * that all orders of what is appended between two reads would be tried, and the lists that come of
 * them are all different. */
static bool leads_on(const struct search *s, int32_t state)
{
    uint32_t length = values_at(s->values, state)->length;

    if (s->way_left == 0 || length == 0)
        return true;
    return length <= s->way_length && s->way[length] == state;
}

static bool ends_way(const struct search *s, const struct operation *o)
{
    return s->way && o->end == EVENT_OK && o->call == CALL_GET && o->said == s->way[s->way_length];
}

/* Puts an operation behind all that are done; false: its answer does not fit there, or the rest
 * has been tried or cannot be. */
static bool advance(struct search *s, uint32_t op)
{
    const struct operation *o = s->ops[op];
    int32_t said, state = values_do(s->values, s->state, o->call, o->value, o->old, &said);

    if ((o->said != VALUE_UNSAID && o->said != said) || !leads_on(s, state))
        return false;
    flip(s, op);
    if (!is_new(s, state)) {
        flip(s, op);
        return false;
    }
    s->moves[s->depth++] = (struct move){op, s->state};
    s->state = state;
    s->way_left -= ends_way(s, o);
    take_out(s, s->invocation[op]);
    if (s->ret[op] != NONE) {
        take_out(s, s->ret[op]);
        s->returns_left--;
    }
    return true;
}

/* Takes the last one out of the order again. Returns it. */
static uint32_t go_back(struct search *s)
{
    struct move m = s->moves[--s->depth];

    if (s->ret[m.op] != NONE) {
        put_back(s, s->ret[m.op]);
        s->returns_left++;
    }
    put_back(s, s->invocation[m.op]);
    s->state = m.state;
    s->way_left += ends_way(s, s->ops[m.op]);
    flip(s, m.op);
    return m.op;
}

static enum wgl_verdict search(struct search *s)
{
    uint16_t at = s->nodes[HEAD].next;

    while (s->returns_left > 0) {
        const struct node *n = &s->nodes[at];

        check(at != HEAD);
        if (!n->is_return) {
            if (++s->result->steps > s->steps_max)
                return WGL_TOO_LONG;
            at = advance(s, n->op) ? s->nodes[HEAD].next : n->next;
            continue;
        }
        if (s->depth >= s->deepest) {
            s->deepest = s->depth;
            s->result->event = n->event;
        }
        if (s->depth == 0)
            return WGL_NOT_LINEARIZABLE;
        at = s->nodes[s->invocation[go_back(s)]].next;
    }
    return WGL_LINEARIZABLE;
}

/* ---- one key -------------------------------------------------------------------------------- */

static int by_event(const void *a, const void *b)
{
    const struct node *x = a, *y = b;

    return (x->event > y->event) - (x->event < y->event);
}

/* Returns how many operations there are at most at one time. */
static uint32_t link_nodes(struct search *s)
{
    uint32_t n = 0, now = 0, most = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        s->nodes[++n] = (struct node){.event = s->ops[i]->invoked, .op = i};
        if (s->ops[i]->returned != NEVER)
            s->nodes[++n] = (struct node){.event = s->ops[i]->returned, .op = i, .is_return = true};
    }
    qsort(s->nodes + 1, n, sizeof s->nodes[0], by_event);
    for (uint32_t i = 0; i <= n; i++) {
        struct node *x = &s->nodes[i];

        x->next = (uint16_t)(i < n ? i + 1 : HEAD);
        x->back = (uint16_t)(i > 0 ? i - 1 : n);
        if (i == HEAD)
            continue;
        (x->is_return ? s->ret : s->invocation)[x->op] = (uint16_t)i;
        now = x->is_return ? now - 1 : now + 1;
        most = now > most ? now : most;
        s->returns_left += x->is_return;
    }
    return most;
}

/* Finds the way to the longest list, if nothing but appends changes the key. */
static void find_way(struct search *s)
{
    int32_t longest = VALUE_EMPTY_LIST;

    s->way_left = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct operation *o = s->ops[i];

        if (o->call == CALL_GET &&
            values_at(s->values, o->said)->length > values_at(s->values, longest)->length)
            longest = o->said;
        if (o->call != CALL_GET && o->call != CALL_APPEND)
            return;
    }
    s->way_length = values_at(s->values, longest)->length;
    s->way = mem_alloc((s->way_length + 1) * sizeof s->way[0]);
    check(s->way);
    for (uint32_t i = s->way_length + 1; i-- > 0; longest = values_at(s->values, longest)->before)
        s->way[i] = longest;
    for (uint32_t i = 0; i < s->count; i++)
        s->way_left += ends_way(s, s->ops[i]);
}

static enum wgl_verdict check_key(struct search *s)
{
    s->returns_left = s->depth = s->deepest = 0;
    s->state = VALUE_NOTHING;
    memset(s->ret, 0, sizeof s->ret);
    memset(s->done, 0, sizeof s->done);
    memo_clear(&s->memo);
    if (link_nodes(s) > WGL_AT_ONCE_MAX)
        return WGL_TOO_WIDE;
    find_way(s);
    enum wgl_verdict verdict = search(s);

    mem_free(s->way);
    s->way = NULL;
    return verdict;
}

/* Nothing can be learned of what was not done, nor of a read that nobody was told of. */
static bool is_asked_about(const struct operation *op)
{
    return op->end == EVENT_OK || (op->end == EVENT_INFO && op->call != CALL_GET);
}

static int by_key(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->invoked > y->invoked) - (x->invoked < y->invoked);
}

static const struct operation **sorted(const struct operation *ops, uint32_t count, uint32_t *ret_n)
{
    const struct operation **at = mem_alloc((count + 1) * sizeof *at);

    check(at);
    *ret_n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_asked_about(&ops[i]))
            at[(*ret_n)++] = &ops[i];
    qsort(at, *ret_n, sizeof *at, by_key);
    return at;
}

void wgl_check(struct values *v, const struct operation *ops, uint32_t count, uint64_t steps_max,
               struct wgl_result *ret)
{
    struct search *s = mem_alloc_zero(sizeof *s);
    uint32_t n, first = 0;
    const struct operation **at = sorted(ops, count, &n);

    check(s);
    s->values = v;
    s->steps_max = steps_max;
    s->result = ret;
    *ret = (struct wgl_result){.verdict = WGL_LINEARIZABLE};
    for (uint32_t i = 1; i <= n && ret->verdict == WGL_LINEARIZABLE; i++) {
        if (i < n && at[i]->key == at[first]->key)
            continue;
        ret->key = at[first]->key;
        ret->event = at[first]->invoked;
        s->count = i - first;
        if (s->count <= WGL_OPERATIONS_MAX)
            memcpy(s->ops, at + first, s->count * sizeof *at);
        ret->verdict = s->count <= WGL_OPERATIONS_MAX ? check_key(s) : WGL_TOO_MANY;
        first = i;
    }
    mem_free(s->memo.words);
    mem_free(s->memo.table);
    mem_free(s);
    mem_free(at);
}

const char *wgl_sentence(enum wgl_verdict verdict)
{
    static const char *const sentences[] = {
#define X(name, sentence) [WGL_##name] = sentence,
        WGL_MAP(X)
#undef X
    };

    return sentences[verdict];
}
