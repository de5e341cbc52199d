/* bench.h - what the programs that measure have in common.
 *
 * Each program measures one subject and prints a table; with --json also one object per line on
 * standard output, the table then going to standard error:
 *
 *     {"name":"store.probe_batch.ns","value":58.1,"unit":"ns"}
 *     {"name":"embedded.get.ratio","value":250.1,"unit":"ns","other":210.4,"ratio":1.189}
 *
 * How it measures, because machines are shared and clock rates drift by more than what is to be
 * seen:
 *
 * - What is compared runs in turn, in one process: ours, other, ours, other, for a number of
 *   rounds. A row shows the round whose ratio is the median of all, so that its three numbers
 *   belong together. A plain row shows the median of its rounds. The table adds the spread.
 * - Threads are pinned, so that a move to another core is not measured, and what only computes is
 *   measured in processor time, which runs only while the thread does.
 * - Memory is touched before it is needed (struct warm). On a virtual machine the first touch of a
 *   page goes to the hypervisor: some 5 ms for 2 MiB, against 0.2 ms afterwards; and what has been
 *   free for two seconds may go back to it (free page reporting) and is then a first touch again.
 *   The price of the hypervisor's first touch is not ours.
 * - A core that the scheduler took from us for a while is not our slowness either: struct stalls.
 *
 * Whatever fails ends the program with status 1: a figure that is missing is noticed, a wrong one
 * may not be.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "net/base/clock.h"

enum {
    BENCH_ROUNDS = 7, /* at least five, and odd, so that there is a middle */
    BENCH_ROUNDS_MAX = 32,
    BENCH_KEY = 16,
    BENCH_VALUE = 100
};

extern bool bench_long; /* --long */

/* Reads the arguments and prints the head of the table. */
void bench_begin(int argc, char **argv, const char *subject);

/* Ends the program with a word about why. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A line under the table's last row. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- rows ----------------------------------------------------------------------------------- */

/* One number per round. */
struct rounds {
    double of[BENCH_ROUNDS_MAX];
    int n;
};

void rounds_add(struct rounds *r, double value);
double rounds_median(const struct rounds *r);
double rounds_most(const struct rounds *r);

/* A value by itself; or the median of some rounds. */
void bench_value(const char *name, const char *unit, double value);
void bench_median(const char *name, const char *unit, const struct rounds *r);

/* Comparisons, round by round. The ratio is ours / other, "so many times as much", in a row named
 * ratio or cost; it is other / ours, "so many times as fast", in one named speedup. */
void bench_compare(const char *name, const char *unit, const struct rounds *ours,
                   const struct rounds *other);

/* ---- the machine ---------------------------------------------------------------------------- */

/* The calling thread to one core, modulo what there are; or to all of them again. Threads that it
 * starts inherit this, so a member is started before. */
void bench_pin(int core);
void bench_unpin(void);

/* Nanoseconds that the calling thread has computed. */
uint64_t bench_cpu_ns(void);

void bench_pause_ms(unsigned ms);

/* Touched memory, held until it is wanted: given back to the kernel piece by piece, at the pace at
 * which what is measured takes it, it is taken before anybody else can have it. */
struct warm {
    uint8_t *at;
    uint64_t left;
};

struct warm warm_new(uint64_t bytes);
void warm_give(struct warm *w, uint64_t bytes); /* at most what is left */

/* For loops that store entry after entry: gives what the next ones need. */
void warm_give_for_entry(struct warm *w, uint64_t i);

/* Runs work in a child process, so that memory and threads are as in one that has just begun, and
 * returns once it has filled the `n` numbers of ret. */
void bench_in_child(void (*work)(double *ret, int n), double *ret, int n);

/* Memory in huge pages, zeroed and touched; never given back. */
void *bench_pages(uint64_t bytes);

/* Resident memory of a process, 0: this one. */
uint64_t bench_rss(pid_t pid);

/* What reading the clock twice adds to what stands between. */
uint64_t bench_clock_cost_ns(void);

/* ---- times of single calls ------------------------------------------------------------------ */

/* Sorted by calls_summarise; a nanosecond count each. */
struct calls {
    uint32_t *ns;
    uint64_t n, room;
};

struct calls_summary {
    double median, mean, p999; /* ns, without the clock's own time */
};

void calls_init(struct calls *c, uint64_t room);
struct calls_summary calls_summarise(struct calls *c);
void calls_free(struct calls *c);

static inline void calls_add(struct calls *c, uint64_t ns)
{
    if (c->n < c->room)
        c->ns[c->n++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* The longest of many calls by one thread. A shared machine takes the core away for milliseconds
 * at a time; the kernel keeps count of how long a thread was ready and did not run, and that is
 * taken off a long call. Waiting for a lock or for the kernel's memory stays in; so does what a
 * hypervisor takes, of which a guest learns too little. */
struct stalls {
    uint64_t longest_ns;
    uint64_t calls;
    uint64_t waited_ns; /* the kernel's count, when last asked */
};

void stalls_begin(struct stalls *s);
void stalls_look(struct stalls *s, uint64_t ns);
uint64_t stalls_take_longest(struct stalls *s); /* and begins anew */

enum {
    STALL_NS = 100000,  /* from here on it is worth asking the kernel, some 2 us */
    STALLS_ASKED = 4096 /* so many calls apart at most, so that it is about the call just made */
};

static inline void stalls_add(struct stalls *s, uint64_t ns)
{
    if (ns > STALL_NS || s->calls++ % STALLS_ASKED == 0)
        stalls_look(s, ns);
    else if (ns > s->longest_ns)
        s->longest_ns = ns;
}

/* ---- keys and values ------------------------------------------------------------------------ */

/* splitmix64's finish: every bit of x counts for every bit of the result. */
static inline uint64_t bench_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* 0 .. n - 1, even. */
static inline uint64_t bench_below(uint64_t random, uint64_t n)
{
    return (uint64_t)((unsigned __int128)random * n >> 64);
}

/* Key number i: all different, in no order. */
static inline void bench_key(uint64_t i, uint8_t key[BENCH_KEY])
{
    uint64_t a = bench_mix(i + 1);
    uint64_t b = a * 0x9e3779b97f4a7c15u ^ i;

    memcpy(key, &a, 8);
    memcpy(key + 8, &b, 8);
}

/* Value number i begins with eight bytes that nobody guesses, so that a chain of gets, each of
 * the key that the value before points at, goes everywhere. */
static inline void bench_value_of(uint64_t i, uint8_t value[BENCH_VALUE])
{
    uint64_t a = bench_mix(~i);

    memset(value, (int)(i & 0x7f), BENCH_VALUE);
    memcpy(value, &a, 8);
}

static inline uint64_t bench_head(const void *value)
{
    uint64_t head;

    memcpy(&head, value, sizeof head);
    return head;
}

/* The number of the key that step i of a chain asks for, head being what step i - 1 read. */
static inline uint64_t bench_next(uint64_t i, uint64_t head, uint64_t n)
{
    return bench_below(bench_mix(head + i), n);
}

/* Nanoseconds for making a key as the loops do: one depending on the one before, or freely. They
 * are taken off what is measured, on both sides. */
double bench_chain_cost_ns(void);
double bench_key_cost_ns(void);

/* Tells the compiler that a value is used. */
static inline void bench_use(uint64_t v)
{
    __asm__ volatile("" : : "r"(v) : "memory");
}

#endif
