/* stall_test.c - one of two members dies, or lives and takes nothing: the other goes on. */
#define _GNU_SOURCE
#include "tests/unit/grid/peers/spread.h"

enum { KEYS = 20 };

/* True: done; false: another has it. No answer for long is a failure of its own (ask_once). */
static bool put(int member, int32_t n)
{
    const uint8_t key[4] = {0, 0, 0, (uint8_t)n};
    const struct data k = {key, 4, DATA_INT};
    struct answer a;

    cr_assert(ask_once(
        member, WIRE_map_set_req,
        &(struct map_set_req){.name = wire_text("test"), .key = k, .value = k, .ttl = -1}, &a));
    bool done = a.error.code == 0;

    answer_free(&a);
    return done;
}

Test(stall, writes_go_on_without_a_member_that_takes_nothing, .init = open_spread,
     .fini = close_spread)
{
    int done = 0;

    kill(process[1], SIGUSR1);
    for (int32_t n = 0; n < KEYS; n++)
        done += put(0, n);
    cr_assert(gt(int, done, 0), "it is primary of some");
    tell_one(0, WIRE_map_size_req, &(struct map_size_req){wire_text("test")});
}

/* It was one of three a moment ago. */
Test(stall, the_second_one_may_die_as_soon_as_the_two_say_so, .init = open_spread,
     .fini = close_spread)
{
    for (int32_t n = 0; n < KEYS; n++)
        (void)put(0, n);
    end_one(1);
    tell_one(0, WIRE_map_size_req, &(struct map_size_req){wire_text("test")});
    for (int32_t n = 0; n < KEYS; n++)
        cr_assert(put(0, n));
}
