#include "tests/sim/versions.h"

#include <criterion/criterion.h>

#include "net/base/mem.h"
#include "tests/sim/damage.h"
#include "tests/sim/wgl.h"

enum { EACH = 15, STEPS = 200000 };

static struct versions_result judged(struct history *h)
{
    struct operation *ops;
    struct versions_result r;
    uint32_t count, at;

    cr_assert(history_operations(h, &ops, &count, &at) == MR_OK, "event %u", at);
    versions_check(&h->values, ops, count, &r);
    mem_free(ops);
    return r;
}

static struct history good_one(struct rand *r, enum example_kind kind, uint32_t calls)
{
    struct history h;

    history_init(&h);
    example_good(r, kind, calls, &h);
    return h;
}

/* The line, and the places of its answers one by one, each in epoch 1. */
static struct history placed(const char *line, const int *places)
{
    struct history h;

    history_init(&h);
    cr_assert(example_parse(line, &h), "%s", line);
    for (uint32_t i = 0; i < h.count; i++)
        if (h.events[i].type == EVENT_OK && *places++ >= 0) {
            h.events[i].placed = true;
            h.events[i].epoch = 1;
            h.events[i].seq = (uint64_t)places[-1];
        }
    return h;
}

static const struct {
    const char *line;
    int places[8];
    enum versions_verdict verdict;
} table[] = {
    {"1:put=5 1.ok 1:get 1.ok=5", {1, 1}, VERSIONS_GOOD},
    {"1:get 1.ok=-", {0}, VERSIONS_GOOD},
    {"1:get 1.ok=5", {0}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:get 1.ok=5", {1, 0}, VERSIONS_BACK_IN_TIME},
    {"1:put=5 2:get 2.ok=- 1.ok", {1, 0}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 2:get 2.ok=- 1.ok", {0, 1}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:put=6 1.ok", {1, 1}, VERSIONS_TWO_IN_ONE_PLACE},
    {"1:put=5 1.ok 1:put=6@2 1.ok", {1, 1}, VERSIONS_TWO_IN_ONE_PLACE},
    {"1:put=5 1.ok 1:put=6 1.ok", {2, 1}, VERSIONS_BACK_IN_TIME},
    {"1:put=5 1.ok 1:put=6@2 1.ok", {2, 1}, VERSIONS_BACK_IN_TIME},
    {"1:put=5 2:put=6 1.ok 2.ok 3:get 3.ok=5", {2, 1, 2}, VERSIONS_GOOD},
    {"1:put=5 2:put=6 1.ok 2.ok 3:get 3.ok=6", {2, 1, 2}, VERSIONS_NOT_EXPLAINED},
    /* one who saw a write did not end before it began */
    {"2:get 2.ok=5 1:put=5 1.ok", {1, 1}, VERSIONS_BACK_IN_TIME},
    /* those who saw one write may have come one after the other, or at once */
    {"1:put=5 1.ok 2:get 2.ok=5 3:get 3.ok=5", {1, 1, 1}, VERSIONS_GOOD},
    {"1:put=5 1.ok 2:get 2.ok=5 3:get 3.ok=5 2:get@2 2.ok=- 1:put=6@3 1.ok",
     {1, 3, 2, 3, 4},
     VERSIONS_BACK_IN_TIME},
    /* what nobody knows of: once, not before it was asked for, and not where nothing fits */
    {"1:put=5 1.info 2:get 2.ok=5", {7}, VERSIONS_GOOD},
    {"1:put=5 1.info 2:get 2.ok=-", {7}, VERSIONS_GOOD},
    {"1:put=5 1.info 2:get 2.ok=5", {0}, VERSIONS_NOT_EXPLAINED},
    {"2:get 2.ok=5 1:put=5 1.info", {7}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.info 2:get 2.ok=5 2:put=6 2.ok 2:get 2.ok=5", {1, 2, 3}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.info 2:put=6 2.ok 2:get 2.ok=5", {1, 1}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.info 2:put=6 2.ok 2:get 2.ok=5", {1, 2}, VERSIONS_GOOD},
    {"2:get 2.ok=- 1:put=5 1.info 2:get 2.ok=5", {1, 1}, VERSIONS_NOT_EXPLAINED},
    {"1:incr=1 1.info 2:incr=1 2.ok=2", {2}, VERSIONS_GOOD},
    {"1:incr=1 1.info 2:incr=1 2.ok=3", {2}, VERSIONS_NOT_EXPLAINED},
    {"1:incr=1 1.info 3:incr=1 3.info 2:incr=1 2.ok=3", {3}, VERSIONS_GOOD},
    {"1:incr=1 1.info 2:incr=1 2.ok=2 2:incr=1 2.ok=4", {2, 4}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:incr=1 1.info 2:get 2.ok=6", {1, 2}, VERSIONS_GOOD},
    {"1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[1,2]", {2, 2}, VERSIONS_GOOD},
    {"1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[2,1]", {2, 3}, VERSIONS_GOOD},
    {"1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[2,1]", {2, 2}, VERSIONS_NOT_EXPLAINED},
    {"2:append=2 2.ok 1:append=1 1.info 2:get 2.ok=[1,2]", {2, 3}, VERSIONS_NOT_EXPLAINED},
    {"1:append=1 1.info 2:append=2 2.ok 2:append=3 2.ok 2:get 2.ok=[2,1,3]",
     {2, 4, 4},
     VERSIONS_GOOD},
    {"1:append=1 1.info 2:append=2 2.ok 2:append=3 2.ok 2:get 2.ok=[2,1]",
     {2, 4, 4},
     VERSIONS_NOT_EXPLAINED},
    {"1:append=1 1.info 2:append=2 2.ok 2:get 2.ok=[1,2,1]", {2, 3}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:del 1.info 2:get 2.ok=-", {1, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:del 1.info 2:get 2.ok=- 2:put=6 2.ok 2:get 2.ok=-",
     {1, 2, 3, 4},
     VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:cas=5>6 1.info 2:get 2.ok=6", {1, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:cas=4>6 1.info 2:get 2.ok=6", {1, 2}, VERSIONS_NOT_EXPLAINED},
    /* what was done and not said */
    {"1:incr=1 1.ok 1:get 1.ok=1", {1, 1}, VERSIONS_GOOD},
    {"1:incr=1 1.ok 1:get 1.ok=2", {1, 1}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:cas=5>6 1.ok 1:get 1.ok=6", {1, 2, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:cas=4>6 1.ok 1:get 1.ok=5", {1, 2, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:cas=5>6 1.ok 1:get 1.ok=5", {1, 2, 2}, VERSIONS_NOT_EXPLAINED},
    {"1:incr=1 1.ok 1:get 1.ok=1", {-1, 1}, VERSIONS_GOOD},
    /* what failed */
    {"1:put=5 1.fail 2:get 2.ok=5", {7}, VERSIONS_FAILED_AND_SEEN},
    {"1:append=5 1.fail 2:append=6 2.ok 2:get 2.ok=[5,6]", {7, 7}, VERSIONS_NOT_EXPLAINED},
    {"1:append=5 1.fail 2:append=6 2.ok 2:get 2.ok=[6,5]", {7, 8}, VERSIONS_FAILED_AND_SEEN},
    /* compare and set */
    {"1:put=5 1.ok 1:cas=5>6 1.ok=5 1:get 1.ok=6", {1, 2, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:cas=4>6 1.ok=5 1:get 1.ok=5", {1, 2, 2}, VERSIONS_GOOD},
    {"1:put=5 1.ok 1:cas=4>6 1.ok=5 1:get 1.ok=6", {1, 2, 2}, VERSIONS_NOT_EXPLAINED},
    {"1:put=5 1.ok 1:cas=5>6 2:cas=5>7 1.ok=5 2.ok=5", {1, 2, 3}, VERSIONS_NOT_EXPLAINED},
};

Test(versions, know_these)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct history h = placed(table[i].line, table[i].places);
        enum versions_verdict verdict = judged(&h).verdict;

        cr_expect(verdict == table[i].verdict, "%s: %s", table[i].line, versions_sentence(verdict));
        history_free(&h);
    }
}

Test(versions, epochs_come_before_numbers)
{
    struct history h = placed("1:put=5 1.ok 1:put=6 1.ok", (int[]){9, 3});

    h.events[3].epoch = 2;
    cr_assert(judged(&h).verdict == VERSIONS_GOOD);
    h.events[3].epoch = 1;
    cr_assert(judged(&h).verdict == VERSIONS_BACK_IN_TIME && judged(&h).event == 1);
    history_free(&h);
}

Test(versions, of_what_an_object_does_are_good)
{
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct rand r;

        rand_init(&r, seed);
        struct history h = good_one(&r, seed % EXAMPLE_KINDS, 5 + (uint32_t)rand_below(&r, 100));

        cr_assert(judged(&h).verdict == VERSIONS_GOOD, "seed %lu: %s", seed,
                  versions_sentence(judged(&h).verdict));
        example_weaken(&r, &h);
        cr_assert(judged(&h).verdict == VERSIONS_GOOD, "seed %lu, weakened: %s", seed,
                  versions_sentence(judged(&h).verdict));
        history_free(&h);
    }
}

Test(versions, no_damage_goes_unnoticed)
{
    for (enum damage d = 0; d < DAMAGES; d++) {
        int done = 0;

        for (uint64_t seed = 1; done < EACH && seed < 1000; seed++) {
            struct rand r;

            rand_init(&r, seed);
            struct history h = good_one(&r, damage_kind(d), 10 + (uint32_t)rand_below(&r, 40));

            if (example_damage(&r, d, &h)) {
                done++;
                cr_expect(judged(&h).verdict != VERSIONS_GOOD, "%s, seed %lu", damage_name(d),
                          seed);
            }
            history_free(&h);
        }
        cr_assert(done == EACH, "%s", damage_name(d));
    }
}

/* What is good by its places has an order: that one. */
Test(versions, never_call_good_what_has_no_order)
{
    int good = 0, bad = 0;

    for (uint64_t seed = 1; seed <= 10000; seed++) {
        struct operation *ops;
        struct wgl_result w;
        struct versions_result x;
        uint32_t count, at;
        struct rand r;

        rand_init(&r, seed);
        struct history h = good_one(&r, seed % EXAMPLE_KINDS, 12);

        example_weaken(&r, &h);
        example_blur(&r, &h);
        cr_assert(history_operations(&h, &ops, &count, &at) == MR_OK);
        wgl_check(&h.values, ops, count, STEPS, &w);
        versions_check(&h.values, ops, count, &x);
        cr_assert(x.verdict != VERSIONS_GOOD || w.verdict == WGL_LINEARIZABLE, "seed %lu", seed);
        good += w.verdict == WGL_LINEARIZABLE;
        bad += w.verdict == WGL_NOT_LINEARIZABLE;
        mem_free(ops);
        history_free(&h);
    }
    cr_assert(good > 1000 && bad > 1000, "%d good, %d bad", good, bad);
}

/* Many increments that nobody knows of, and of which no set has this sum. */
Test(versions, give_up_when_there_is_too_much_to_try)
{
    struct history h;

    history_init(&h);
    for (uint32_t i = 0; i < 24; i++)
        history_add(&h, &(struct event){.call = CALL_INCR,
                                        .process = 16 + i,
                                        .value = values_number(&h.values, 2)});
    cr_assert(example_parse("1:get 1.ok=31", &h));
    h.events[25].placed = true;
    h.events[25].seq = 40;
    cr_assert(judged(&h).verdict == VERSIONS_TOO_LONG);
    history_free(&h);
}

Test(versions, of_a_long_run_are_judged_soon)
{
    struct rand r;

    rand_init(&r, 1);
    for (enum example_kind kind = 0; kind < EXAMPLE_KINDS; kind++) {
        struct history h = good_one(&r, kind, 200000);

        cr_assert(judged(&h).verdict == VERSIONS_GOOD);
        history_free(&h);
    }
}
