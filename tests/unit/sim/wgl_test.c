#include "tests/sim/wgl.h"

#include <criterion/criterion.h>

#include "net/base/mem.h"
#include "tests/sim/damage.h"

enum { STEPS = 200000, EACH = 15 };

static struct wgl_result judged(struct history *h)
{
    struct operation *ops;
    struct wgl_result r;
    uint32_t count, at;

    cr_assert(history_operations(h, &ops, &count, &at) == MR_OK, "event %u", at);
    wgl_check(&h->values, ops, count, STEPS, &r);
    mem_free(ops);
    return r;
}

static struct history of(const char *line)
{
    struct history h;

    history_init(&h);
    cr_assert(example_parse(line, &h), "%s", line);
    return h;
}

static void all_are(enum wgl_verdict verdict, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct history h = of(lines[i]);

        cr_expect(judged(&h).verdict == verdict, "%s", lines[i]);
        history_free(&h);
    }
}

Test(wgl, good_ones_are_linearizable)
{
    static const char *const lines[] = {
        "",
        "1:get 1.ok=-",
        "1:put=5 1.ok 1:get 1.ok=5",
        "1:put=5 2:get 2.ok=- 1.ok",
        "1:put=5 2:get 2.ok=5 1.ok",
        "1:put=5 2:get 2.ok=- 2:get 2.ok=5 1.ok",
        "1:put=5 2:put=6 1.ok 2.ok 3:get 3.ok=5",
        "1:put=5 2:put=6 1.ok 2.ok 3:get 3.ok=6",
        "1:put=5 2:put=6 1.ok 2.ok 3:get 4:get 3.ok=6 4.ok=6",
        /* what is not known to be done may be, now or later or never */
        "1:put=5 1.info 2:get 2.ok=-",
        "1:put=5 1.info 2:get 2.ok=5",
        "1:put=5 1.info 2:get 2.ok=- 2:get 2.ok=5",
        "1:put=5 1.info 2:put=6 2.ok 2:get 2.ok=5",
        "1:put=5 1.info 2:put=6 2.ok 2:get 2.ok=6 2:get 2.ok=5",
        "1:put=5",
        "1:put=5 2:get 2.ok=5",
        /* what failed is not there */
        "1:put=5 1.fail 2:get 2.ok=-",
        "1:put=4 1.ok 1:put=5 1.fail 2:get 2.ok=4",
        /* reads that nobody was told of say nothing */
        "1:get 1.info 2:put=5 2.ok 2:get 2.ok=5",
        "1:get 2:put=5 2.ok",
        /* deletes */
        "1:put=5 1.ok 1:del 1.ok 1:get 1.ok=-",
        "1:put=5 1.ok 1:del 2:get 2.ok=5 1.ok",
        "1:put=5 1.ok 1:del 1.info 2:get 2.ok=5 2:get 2.ok=-",
        "1:del 1.ok 1:get 1.ok=-",
        /* compare and set */
        "1:cas=->5 1.ok=- 1:get 1.ok=5",
        "1:put=5 1.ok 1:cas=5>6 1.ok=5 1:get 1.ok=6",
        "1:put=5 1.ok 1:cas=4>6 1.ok=5 1:get 1.ok=5",
        "1:put=5 1.ok 1:cas=5>6 2:cas=5>7 1.ok=5 2.ok=6 3:get 3.ok=6",
        "1:put=5 1.ok 1:cas=5>6 2:cas=6>7 2.ok=6 1.ok=5 3:get 3.ok=7",
        "1:put=5 1.ok 1:cas=5>6 1.info 2:cas=6>7 2.ok=6",
        "1:put=5 1.ok 1:cas=5>6 1.info 2:cas=6>7 2.ok=5",
        "1:put=5 1.ok 1:cas=4>6 1.info 2:get 2.ok=5",
        "1:put=5 1.ok 1:cas=5>6 1.ok 1:get 1.ok=6",
        "1:put=5 1.ok 1:cas=4>6 1.ok 1:get 1.ok=5",
        "1:put=5 1.ok 1:cas=5>6 2:put=5 1.ok=5 2.ok 3:cas=5>8 3.ok=5",
        /* increments */
        "1:incr=1 1.ok=1 1:incr=1 1.ok=2 1:get 1.ok=2",
        "1:incr=1 2:incr=1 1.ok=2 2.ok=1",
        "1:incr=1 2:incr=2 1.ok=3 2.ok=2 3:get 3.ok=3",
        "1:incr=1 1.info 2:incr=1 2.ok=1",
        "1:incr=1 1.info 2:incr=1 2.ok=2",
        "1:incr=1 1.info 2:incr=1 2.info 3:get 3.ok=1 3:get 3.ok=2",
        "1:incr=1 1.ok 1:get 1.ok=1",
        "1:incr=1 1.fail 1:get 1.ok=-",
        "1:put=9 1.ok 1:incr=-3 1.ok=6",
        "1:append=9 1.ok 1:incr=3 1.ok=3",
        /* appends */
        "1:append=1 1.ok 1:append=2 1.ok 1:get 1.ok=[1,2]",
        "1:append=1 2:append=2 1.ok 2.ok 1:get 1.ok=[2,1]",
        "1:append=1 2:append=2 3:get 3.ok=[2] 1.ok 2.ok 1:get 1.ok=[2,1]",
        "1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[2] 2:get 2.ok=[2,1]",
        "1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[1,2]",
        "1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[2]",
        "1:append=1 1.ok 1:del 1.ok 1:append=2 1.ok 1:get 1.ok=[2]",
        "1:append=3 1.ok 1:append=3 1.ok 1:get 1.ok=[3,3]",
        "1:put=5 1.ok 1:append=3 1.ok 1:get 1.ok=[3]",
        /* keys are each for themselves */
        "1:put=5@1 1.ok 1:get@2 1.ok=-",
        "1:put=5@1 1.ok 2:put=6@2 2.ok 1:get@2 1.ok=6 2:get@1 2.ok=5",
        "1:put=5@1 2:get@1 2.ok=5 3:get@2 3.ok=- 1.ok",
    };

    all_are(WGL_LINEARIZABLE, lines, sizeof lines / sizeof lines[0]);
}

Test(wgl, bad_ones_are_not)
{
    static const char *const lines[] = {
        "1:get 1.ok=5",
        "1:put=5 1.ok 1:get 1.ok=-",
        "1:put=5 1.ok 1:get 1.ok=6",
        "1:get 1.ok=5 1:put=5 1.ok",
        "1:put=5 1.ok 1:put=6 1.ok 1:get 1.ok=5",
        "1:put=5 2:get 2.ok=5 2:get 2.ok=- 1.ok",
        "1:put=5 2:put=6 1.ok 2.ok 3:get 3.ok=6 3:get 3.ok=5",
        "1:put=5 2:put=6 1.ok 2.ok 3:get 4:get 3.ok=6 4.ok=5 3:get 3.ok=6 3:get 3.ok=5",
        "1:put=5 1.info 2:put=6 2.ok 2:get 2.ok=5 2:get 2.ok=6",
        "1:put=5 1.info 2:get 2.ok=5 2:get 2.ok=-",
        "2:get 2.ok=5 1:put=5 1.info",
        "1:put=5 1.fail 2:get 2.ok=5",
        "1:put=5 2:get 2.ok=5 1.fail",
        "1:put=5 1.ok 1:del 1.ok 1:get 1.ok=5",
        "1:put=5 1.ok 1:del 1.fail 1:get 1.ok=-",
        "1:put=5 1.ok 1:del 1.info 2:get 2.ok=- 2:get 2.ok=5",
        "1:put=5 1.ok 1:cas=4>6 1.ok=4",
        "1:put=5 1.ok 1:cas=5>6 1.ok=5 1:get 1.ok=5",
        "1:put=5 1.ok 1:cas=4>6 1.ok=5 1:get 1.ok=6",
        "1:put=5 1.ok 1:cas=5>6 2:cas=5>7 1.ok=5 2.ok=5",
        "1:put=5 1.ok 1:cas=5>6 1.ok=- ",
        "1:put=5 1.ok 1:cas=5>6 1.info 2:get 2.ok=6 2:cas=5>7 2.ok=5",
        "1:put=5 1.ok 1:cas=4>6 1.info 2:get 2.ok=6",
        "1:put=5 1.ok 1:cas=5>6 1.ok 1:get 1.ok=5",
        "1:cas=->5 2:cas=->6 1.ok=- 2.ok=-",
        "1:incr=1 1.ok=2",
        "1:incr=1 1.ok=1 1:incr=1 1.ok=1",
        "1:incr=1 2:incr=1 1.ok=1 2.ok=1",
        "1:incr=1 2:incr=1 1.ok=2 2.ok=2",
        "1:incr=1 1.ok=1 1:get 1.ok=2",
        "1:incr=1 1.ok=1 1:get 1.ok=-",
        "1:incr=1 1.info 2:get 2.ok=2",
        "1:incr=1 1.info 2:get 2.ok=1 2:get 2.ok=-",
        "1:incr=1 1.fail 2:incr=1 2.ok=2",
        "1:incr=1 1.ok 2:incr=1 2.ok=1",
        "1:put=9 1.ok 1:incr=-3 1.ok=-3",
        "1:append=1 1.ok 1:append=2 1.ok 1:get 1.ok=[2,1]",
        "1:append=1 1.ok 1:append=2 1.ok 1:get 1.ok=[1]",
        "1:append=1 1.ok 1:append=2 1.ok 1:get 1.ok=[2]",
        "1:append=1 1.ok 1:get 1.ok=[1,1]",
        "1:append=1 1.ok 1:get 1.ok=1",
        "1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[2] 2:get 2.ok=[1,2]",
        "1:append=1 1.info 2:get 2.ok=[1,1]",
        "1:append=1 1.fail 2:append=2 2.ok 2:get 2.ok=[1,2]",
        "1:append=1 2:append=2 1.ok 2.ok 1:get 1.ok=[2,1] 1:get 1.ok=[1,2]",
        "1:append=1 1.ok 1:del 1.ok 1:append=2 1.ok 1:get 1.ok=[1,2]",
        "1:put=5@1 1.ok 1:get@2 1.ok=5",
        "1:put=5@1 1.ok 1:get@1 1.ok=5 1:put=6@2 1.ok 1:get@2 1.ok=-",
        "1:put=5@2 1.ok 1:get@1 1.ok=- 1:get@2 1.ok=-",
    };

    all_are(WGL_NOT_LINEARIZABLE, lines, sizeof lines / sizeof lines[0]);
}

Test(wgl, what_an_object_does_is_linearizable)
{
    int infos = 0, fails = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct history h;
        struct rand r;

        rand_init(&r, seed);
        history_init(&h);
        example_good(&r, seed % EXAMPLE_KINDS, 5 + (uint32_t)rand_below(&r, 100), &h);
        cr_assert(judged(&h).verdict == WGL_LINEARIZABLE, "seed %lu: %s", seed,
                  wgl_sentence(judged(&h).verdict));
        example_weaken(&r, &h);
        cr_assert(judged(&h).verdict == WGL_LINEARIZABLE, "seed %lu, weakened", seed);
        for (uint32_t i = 0; i < h.count; i++) {
            infos += h.events[i].type == EVENT_INFO;
            fails += h.events[i].type == EVENT_FAIL;
        }
        history_free(&h);
    }
    cr_assert(infos > 300 && fails > 300);
}

Test(wgl, no_damage_goes_unnoticed)
{
    for (enum damage d = 0; d < DAMAGES; d++) {
        int done = 0;

        for (uint64_t seed = 1; done < EACH && seed < 1000; seed++) {
            struct history h;
            struct rand r;

            rand_init(&r, seed);
            history_init(&h);
            example_good(&r, damage_kind(d), 10 + (uint32_t)rand_below(&r, 40), &h);
            if (example_damage(&r, d, &h)) {
                done++;
                cr_expect(judged(&h).verdict == WGL_NOT_LINEARIZABLE, "%s, seed %lu",
                          damage_name(d), seed);
            }
            history_free(&h);
        }
        cr_assert(done == EACH, "%s", damage_name(d));
    }
}

/* ---- against all orders that there are ------------------------------------------------------ */

enum { SMALL = 7 };

/* Is there an order of those that are not placed yet, from this value on? */
static bool any_order(struct values *v, const struct operation *ops, uint32_t count,
                      uint32_t placed, int32_t state)
{
    bool over = true;

    for (uint32_t i = 0; i < count; i++)
        over &= (placed >> i & 1) || ops[i].end != EVENT_OK;
    if (over)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        bool next = !(placed >> i & 1) && ops[i].end != EVENT_FAIL;
        int32_t said;

        for (uint32_t j = 0; next && j < count; j++)
            if (!(placed >> j & 1) && ops[j].end == EVENT_OK && ops[j].returned < ops[i].invoked)
                next = false;
        if (!next)
            continue;
        int32_t after = values_do(v, state, ops[i].call, ops[i].value, ops[i].old, &said);

        if ((ops[i].said == VALUE_UNSAID || ops[i].said == said) &&
            any_order(v, ops, count, placed | 1u << i, after))
            return true;
    }
    return false;
}

static int32_t any_list(struct rand *r, struct values *v)
{
    int32_t list = VALUE_NOTHING;

    for (uint64_t n = rand_below(r, 4); n > 0; n--)
        list = values_append(v, list, (int64_t)rand_below(r, 3));
    return list;
}

/* Few values and any answers, so that it is good about as often as not. */
static void any_history(struct rand *r, bool lists, struct history *h)
{
    struct event open[3] = {0};
    bool busy[3] = {false};
    uint32_t asked = 0, calls = 2 + (uint32_t)rand_below(r, SMALL - 1), processes = 3;

    for (uint32_t i = 0; i < 3; i++)
        open[i].process = i;
    for (int turns = 0; turns < 40; turns++) {
        uint32_t p = (uint32_t)rand_below(r, 3);
        struct event *e = &open[p];
        int32_t any = values_number(&h->values, (int64_t)rand_below(r, 3));

        e->time_ns = h->count;
        if (!busy[p] && asked < calls) {
            *e = (struct event){.process = e->process, .time_ns = h->count, .old = VALUE_NOTHING};
            e->call = (enum call)rand_below(r, CALLS);
            if (lists)
                e->call = rand_below(r, 2) ? CALL_GET : CALL_APPEND;
            e->value = any;
            e->old = values_number(&h->values, (int64_t)rand_below(r, 3));
            asked++;
        } else if (busy[p]) {
            e->type = rand_below(r, 8) ? EVENT_OK : rand_below(r, 3) ? EVENT_INFO : EVENT_FAIL;
            if (lists)
                any = any_list(r, &h->values);
            else if (rand_below(r, 3) == 0)
                any = rand_below(r, 2) ? VALUE_NOTHING : values_append(&h->values, 0, 1);
            e->old = any;
            e->value = any;
        } else {
            continue;
        }
        history_add(h, e);
        busy[p] = !busy[p];
        if (e->type == EVENT_INFO)
            e->process = processes++;
    }
}

Test(wgl, agrees_with_a_search_through_all_orders)
{
    int good = 0, bad = 0;

    for (uint64_t seed = 1; seed <= 20000; seed++) {
        struct operation *ops;
        struct wgl_result result;
        struct history h;
        uint32_t count, at;
        struct rand r;

        rand_init(&r, seed);
        history_init(&h);
        any_history(&r, seed % 2 == 0, &h);
        cr_assert(history_operations(&h, &ops, &count, &at) == MR_OK && count <= SMALL);
        wgl_check(&h.values, ops, count, STEPS, &result);
        bool is = any_order(&h.values, ops, count, 0, VALUE_NOTHING);

        cr_assert(result.verdict == (is ? WGL_LINEARIZABLE : WGL_NOT_LINEARIZABLE), "seed %lu",
                  seed);
        good += is;
        bad += !is;
        mem_free(ops);
        history_free(&h);
    }
    cr_assert(good > 4000 && bad > 4000, "%d good, %d bad", good, bad);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void ask(struct history *h, uint32_t process, enum event_type type, uint32_t key)
{
    history_add(h, &(struct event){.type = type,
                                   .call = CALL_APPEND,
                                   .process = process,
                                   .key = key,
                                   .value = values_number(&h->values, process),
                                   .old = VALUE_UNSAID});
}

static void at_once(struct history *h, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ask(h, i, EVENT_INVOKE, 1);
    for (uint32_t i = 0; i < count; i++)
        ask(h, i, EVENT_OK, 1);
}

Test(wgl, so_many_at_once_and_no_more)
{
    struct history h;

    history_init(&h);
    at_once(&h, WGL_AT_ONCE_MAX);
    cr_assert(judged(&h).verdict == WGL_LINEARIZABLE);
    history_free(&h);
    history_init(&h);
    at_once(&h, WGL_AT_ONCE_MAX + 1);
    cr_assert(judged(&h).verdict == WGL_TOO_WIDE);
    cr_assert(judged(&h).key == 1);
    history_free(&h);
}

Test(wgl, so_many_on_a_key_and_no_more)
{
    struct history h;

    history_init(&h);
    for (uint32_t i = 0; i < 2 * WGL_OPERATIONS_MAX; i++) {
        ask(&h, 1, EVENT_INVOKE, i % 2);
        ask(&h, 1, EVENT_OK, i % 2);
    }
    cr_assert(judged(&h).verdict == WGL_LINEARIZABLE);
    ask(&h, 1, EVENT_INVOKE, 1);
    ask(&h, 1, EVENT_OK, 1);
    cr_assert(judged(&h).verdict == WGL_TOO_MANY && judged(&h).key == 1);
    history_free(&h);
}

/* Each order of eleven appends gives another list, and none the one that is read. */
Test(wgl, gives_up_when_there_is_too_much_to_try)
{
    struct history h;

    history_init(&h);
    at_once(&h, WGL_AT_ONCE_MAX - 1);
    cr_assert(example_parse("14:del@1 14.ok 15:get@1 15.ok=[1,1]", &h));
    cr_assert(judged(&h).verdict == WGL_TOO_LONG);
    history_free(&h);
}

Test(wgl, names_the_answer_that_nothing_explains)
{
    struct history h =
        of("1:put=5@1 1.ok 1:put=6@2 1.ok 1:get@1 1.ok=5 1:get@2 1.ok=7 1:get@2 1.ok=6");
    struct wgl_result r = judged(&h);

    cr_assert(r.verdict == WGL_NOT_LINEARIZABLE && r.key == 2 && r.event == 7);
    history_free(&h);
}
