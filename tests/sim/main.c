/* main.c - millrace-sim [--seeds A..B] [--mutant NAME] [--mutants] [--trace] [--histories FILE]
 *
 * Runs seeds, each twice where that is asked for, and says which fail. With --mutants each known
 * wrong behaviour is switched on in turn, and must be found.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid/cluster/mutant.h"
#include "tests/sim/sim.h"

enum { AGAIN_EVERY = 20, MUTANT_SEEDS = 10000 };

enum mutant mutant;
FILE *sim_histories;

static jmp_buf failed;
static char why[256];

static const char *const names[] = {
#define X(name, sentence) [MUTANT_##name] = #name,
    MUTANT_MAP(X)
#undef X
};

static const char *const sentences[] = {
#define X(name, sentence) [MUTANT_##name] = sentence,
    MUTANT_MAP(X)
#undef X
};

void sim_failed(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    longjmp(failed, 1);
}

/* A check that does not hold ends the process anywhere else. */
static void on_abort(int number)
{
    (void)number;
    sigset_t aborts;

    sigemptyset(&aborts);
    sigaddset(&aborts, SIGABRT);
    sigprocmask(SIG_UNBLOCK, &aborts, NULL);
    signal(SIGABRT, on_abort);
    sim_failed("a check does not hold; it is named above");
}

static bool run(uint64_t seed, bool told, struct sim_result *ret)
{
    if (setjmp(failed))
        return false;
    sim_copies(seed, told, ret);
    sim_control(seed, told, ret);
    sim_duo(seed, told, ret);
    return true;
}

/* A seed is the same run each time. */
static bool is_repeated(uint64_t seed, const struct sim_result *first)
{
    struct sim_result second;

    if (seed % AGAIN_EVERY != 0)
        return true;
    if (run(seed, false, &second) && second.trace == first->trace)
        return true;
    snprintf(why, sizeof why, "another run of it is another run");
    return false;
}

static int run_seeds(uint64_t from, uint64_t to, bool told)
{
    struct sim_result sum = {0}, r;

    for (uint64_t seed = from; seed <= to; seed++) {
        if (!run(seed, told, &r) || !is_repeated(seed, &r)) {
            printf("seed %llu: %s\n", (unsigned long long)seed, why);
            printf("0 passed, 1 failed\n");
            return 1;
        }
        sum.happened += r.happened;
        sum.operations += r.operations;
        sum.unknown += r.unknown;
        sum.rows += r.rows;
        sum.repeated += r.repeated;
        sum.expired += r.expired;
        sum.handed_over += r.handed_over;
        sum.called_off += r.called_off;
        sum.shrunk += r.shrunk;
    }
    printf("%llu seeds, %llu events, %llu operations answered, %llu unknown, %llu rows\n",
           (unsigned long long)(to - from + 1), (unsigned long long)sum.happened,
           (unsigned long long)sum.operations, (unsigned long long)sum.unknown,
           (unsigned long long)sum.rows);
    printf("%llu answers from memory, %llu sessions expired\n", (unsigned long long)sum.repeated,
           (unsigned long long)sum.expired);
    printf("%llu partitions handed over, %llu times called off\n",
           (unsigned long long)sum.handed_over, (unsigned long long)sum.called_off);
    printf("%llu times one was taken out of sync that had stalled\n",
           (unsigned long long)sum.shrunk);
    printf("%llu passed, 0 failed\n", (unsigned long long)(to - from + 1));
    return 0;
}

static bool is_found(void)
{
    struct sim_result r;

    for (uint64_t seed = 1; seed <= MUTANT_SEEDS; seed++)
        if (!run(seed, false, &r)) {
            printf("found by seed %5llu: %s\n    %s\n", (unsigned long long)seed, sentences[mutant],
                   why);
            return true;
        }
    printf("NOT FOUND: %s (%s)\n", sentences[mutant], names[mutant]);
    return false;
}

static int run_mutants(void)
{
    int found = 0;

    for (mutant = MUTANT_NONE + 1; mutant < MUTANTS; mutant++)
        found += is_found();
    printf("%d passed, %d failed\n", found, MUTANTS - 1 - found);
    return found < MUTANTS - 1;
}

static enum mutant mutant_named(const char *name)
{
    for (int i = 1; i < MUTANTS; i++)
        if (strcmp(names[i], name) == 0)
            return (enum mutant)i;
    fprintf(stderr, "there is no mutant %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    unsigned long long from = 1, to = 1000;
    bool told = false;

    signal(SIGABRT, on_abort);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--mutants") == 0) {
            return run_mutants();
        } else if (strcmp(argv[i], "--trace") == 0) {
            told = true;
        } else if (strcmp(argv[i], "--mutant") == 0 && i + 1 < argc) {
            mutant = mutant_named(argv[++i]);
        } else if (strcmp(argv[i], "--histories") == 0 && i + 1 < argc &&
                   (sim_histories = fopen(argv[i + 1], "w"))) {
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc &&
                   sscanf(argv[i + 1], "%llu..%llu", &from, &to) >= 1) {
            to = strstr(argv[++i], "..") ? to : from;
        } else {
            fprintf(stderr, "usage: millrace-sim [--seeds A..B] [--mutant NAME] [--mutants] "
                            "[--trace] [--histories FILE]\n");
            return 2;
        }
    }
    if (from > to) {
        fprintf(stderr, "--seeds %llu..%llu: there is none; write the lower one first\n", from, to);
        return 2;
    }
    return run_seeds(from, to, told);
}
