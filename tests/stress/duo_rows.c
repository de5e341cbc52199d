/* What happens to two members, row by row, as it is promised: who goes on, after how long, and with
 * what. Simulated (tests/sim/duo_world.h), so that an outage is a time and not a guess.
 *
 * A is the anchor and was there first; clients write all the time, at both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/duo_world.h"

enum { A, B };

static jmp_buf failed;
static char why[256];

void sim_failed(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed("line %d: not so: %s", __LINE__, #condition);                               \
    } while (0)

/* ---- the scene ------------------------------------------------------------------------------ */

static struct duo_member *at(int slot)
{
    return &duo_world->at[slot];
}

static void pass(uint64_t ms)
{
    world_run(&duo_world->w, duo_world->w.now_ns + ms * MS);
}

static void clients(void *context)
{
    for (uint32_t i = 0; i < 2; i++) {
        duo_write(i);
        duo_read(i, 0);
    }
    world_after(&duo_world->w, 20 * MS, clients, context);
}

static bool are_two(void)
{
    return at(A)->duo.state == DUO_BOTH && at(B)->duo.state == DUO_BOTH && at(A)->duo.attached_in &&
           at(B)->duo.attached_in;
}

static void two_members(uint64_t seed)
{
    duo_world_begin(seed, false);
    duo_start(A);
    pass(100);
    duo_start(B);
    clients(NULL);
    pass(1500);
    must(are_two());
    must(at(A)->duo.anchor == at(A)->number);
    duo_world->outage_ns = 0;
}

/* From the last answer before to the first one after; until now, if there is none yet. */
static uint64_t outage_ms(void)
{
    uint64_t open_ns = duo_world->w.now_ns - duo_world->last_ack_ns;

    return (open_ns > duo_world->outage_ns ? open_ns : duo_world->outage_ns) / MS;
}

static bool is_alone(int slot)
{
    return at(slot)->number != 0 && at(slot)->duo.state == DUO_ALONE && duo_member_serves(at(slot));
}

static bool holds(int slot)
{
    char text[200];

    return at(slot)->duo.state == DUO_HOLDING && !duo_member_serves(at(slot)) &&
           strstr(duo_why(&at(slot)->duo, text, sizeof text), "millrace takeover");
}

static void cut(enum kernel_way way)
{
    duo_cut(A, B, way);
    duo_cut(B, A, way);
}

/* ---- the rows ------------------------------------------------------------------------------- */

static void killed(int who, int other, uint64_t exit_delay_ms)
{
    duo_kill((uint32_t)who, exit_delay_ms * MS);
    pass(exit_delay_ms + 500);
    must(is_alone(other));
    must(outage_ms() < exit_delay_ms + 100);
}

static void row_1(void)
{
    killed(A, B, 0);
}

static void row_1_large(void)
{
    killed(A, B, 700);
}

static void row_2(void)
{
    killed(B, A, 0);
}

static void row_3(void)
{
    duo_leave(A);
    pass(1000);
    must(is_alone(B));
    must(outage_ms() < 100);
}

static void row_4(void)
{
    duo_power_off(B);
    pass(3000);
    must(is_alone(A));
    must(outage_ms() >= 1000);
    must(outage_ms() < 1300);
}

static void row_5(void)
{
    duo_power_off(A);
    pass(20000);
    must(holds(B));
    must(outage_ms() >= 19900);
    duo_operator(B);
    pass(500);
    must(is_alone(B));
    must(duo_world->lost == 0);
}

static void row_6_in(enum kernel_way way)
{
    duo_world->k.reject_resets = true;
    cut(way);
    pass(5000);
    must(is_alone(A));
    must(holds(B));
    must(outage_ms() < 1300);
    cut(WAY_OPEN);
    pass(3000);
    must(are_two());
    must(outage_ms() < 1300);
}

static void row_6_drop(void)
{
    row_6_in(WAY_DROP);
}

static void row_6_reject(void)
{
    row_6_in(WAY_REJECT);
}

/* In one direction only, and the shorter cut that is over before anybody has gone on. */
static void row_6_one_way(void)
{
    duo_cut(B, A, WAY_DROP);
    pass(4000);
    must(is_alone(A));
    cut(WAY_OPEN);
    pass(3000);
    must(are_two());
    uint64_t generation = at(A)->duo.generation;

    cut(WAY_DROP);
    pass(800);
    cut(WAY_OPEN);
    pass(2000);
    must(are_two());
    must(at(A)->duo.generation == generation);
    must(outage_ms() < 1300);
}

static void row_7(void)
{
    uint64_t generation = at(A)->duo.generation;

    duo_pause(A, 3000 * MS);
    pass(2900);
    must(holds(B));
    pass(2000);
    must(are_two());
    must(at(A)->duo.generation == generation);
    must(outage_ms() < 3400);
}

static void row_8(void)
{
    duo_pause(B, 3000 * MS);
    pass(2900);
    must(is_alone(A));
    pass(3000);
    must(are_two());
    must(at(A)->duo.generation == at(B)->duo.generation);
    must(outage_ms() < 1300);
}

static void row_9(void)
{
    duo_kill(B, 0);
    pass(1000);
    duo_start(B);
    while (at(B)->log.length == 0)
        pass(1);
    duo_kill(A, 0);
    pass(10000);
    must(at(B)->duo.state == DUO_OFF);
    must(!duo_member_serves(at(B)));
    duo_operator(B);
    pass(500);
    must(is_alone(B));
}

static void row_10(void)
{
    cut(WAY_DROP);
    pass(3000);
    must(is_alone(A));
    duo_kill(A, 0);
    pass(1000);
    cut(WAY_OPEN);
    pass(10000);
    must(holds(B));
    duo_operator(B);
    pass(500);
    must(is_alone(B));
    must(duo_world->lost > 0);
}

static void row_11(void)
{
    duo_kill(A, 30 * MS);
    pass(10);
    duo_start(A);
    pass(3000);
    must(are_two());
    must(at(B)->duo.anchor == at(B)->number);
    must(outage_ms() < 150);
}

static void row_14(void)
{
    duo_close_all(A);
    pass(200);
    must(at(A)->duo.state == DUO_FENCED);
    pass(700);
    must(is_alone(B));
    must(outage_ms() < 100);
}

/* A proxy ends A's connection to B, and A lives. HELLO has told. */
static void forged(void)
{
    kernel_forge_fin(at(B)->in);
    pass(3000);
    must(at(B)->duo.state != DUO_ALONE);
    must(at(A)->duo.state == DUO_BOTH);
    must(outage_ms() < 100);
}

struct row {
    const char *name;
    void (*play)(void);
    bool proxied;
};

static const struct row rows[] = {
    {"1  A is killed: B goes on within 100 ms", row_1, false},
    {"1  A is killed, and is long in dying: B goes on 100 ms after", row_1_large, false},
    {"2  B is killed: A goes on within 100 ms", row_2, false},
    {"3  A leaves: B goes on within 100 ms", row_3, false},
    {"4  the host of B is switched off: A goes on after 1 s", row_4, false},
    {"5  the host of A is switched off: B holds, until an operator says so", row_5, false},
    {"6  the network drops: A goes on after 1 s, B joins it after", row_6_drop, false},
    {"6  the network rejects: the same", row_6_reject, false},
    {"6  one way only, or not for long", row_6_one_way, false},
    {"7  A is stopped: B holds, both go on", row_7, false},
    {"8  B is stopped: A goes on after 1 s, B joins it after", row_8, false},
    {"9  A is killed while B learns: B holds, until an operator says so", row_9, false},
    {"10 cut off, then A is killed: B holds, and what A acknowledged alone is lost", row_10, false},
    {"11 A is killed and starts again at once: B goes on, A joins it", row_11, false},
    {"14 all descriptors of A are closed: A is out of service, B goes on", row_14, false},
    {"13 a proxy that both can see forges a FIN: nothing", forged, true},
};

enum { ROWS = sizeof rows / sizeof rows[0], SEEDS = 20 };

static bool play(const struct row *row, uint64_t seed)
{
    if (setjmp(failed)) {
        printf("%s: seed %llu: %s\n", row->name, (unsigned long long)seed, why);
        duo_world_end();
        return false;
    }
    if (row->proxied) {
        duo_world_begin(seed, false);
        duo_world->proxied = true;
        duo_start(A);
        duo_start(B);
        clients(NULL);
        pass(1500);
        duo_world->outage_ns = 0;
    } else {
        two_members(seed);
    }
    row->play();
    duo_world_end();
    return true;
}

int main(void)
{
    int passed = 0, failures = 0;

    for (int i = 0; i < ROWS; i++) {
        bool good = true;

        for (uint64_t seed = 1; seed <= SEEDS && good; seed++)
            good = play(&rows[i], seed);
        *(good ? &passed : &failures) += 1;
    }
    printf("%d passed, %d failed\n", passed, failures);
    return failures > 0;
}
