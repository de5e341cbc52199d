#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

bool bench_long;
static FILE *table;
static bool json;

void bench_begin(int argc, char **argv, const char *subject)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--long") == 0)
            bench_long = true;
        else
            bench_fail("%s: usage: %s [--json] [--long]", argv[i], argv[0]);
    }
    table = json ? stderr : stdout;
    fprintf(table, "\n%-40s %12s %12s %7s   %s\n", subject, "value", "other", "ratio",
            "least .. most");
}

void bench_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void bench_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("    ", table);
    vfprintf(table, format, args);
    fputc('\n', table);
    va_end(args);
    fflush(table);
}

/* ---- rows ----------------------------------------------------------------------------------- */

void rounds_add(struct rounds *r, double value)
{
    if (r->n == BENCH_ROUNDS_MAX)
        bench_fail("more than %d rounds", BENCH_ROUNDS_MAX);
    r->of[r->n++] = value;
}

/* The number of the round in the middle: as many are below it as above. */
static int middle(const struct rounds *r)
{
    for (int i = 0; i < r->n; i++) {
        int below = 0, equal = 0;

        for (int j = 0; j < r->n; j++) {
            below += r->of[j] < r->of[i];
            equal += r->of[j] == r->of[i];
        }
        if (below <= r->n / 2 && r->n / 2 < below + equal)
            return i;
    }
    bench_fail("no rounds");
}

static double extreme(const struct rounds *r, int sign)
{
    double v = r->of[0];

    for (int i = 1; i < r->n; i++)
        if ((r->of[i] - v) * sign > 0)
            v = r->of[i];
    return v;
}

double rounds_median(const struct rounds *r)
{
    return r->of[middle(r)];
}

double rounds_most(const struct rounds *r)
{
    return extreme(r, 1);
}

void bench_value(const char *name, const char *unit, double value)
{
    fprintf(table, "%-40s %9.2f %-5s\n", name, value, unit);
    if (json)
        printf("{\"name\":\"%s\",\"value\":%.10g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(NULL);
}

void bench_median(const char *name, const char *unit, const struct rounds *r)
{
    double value = rounds_median(r);

    fprintf(table, "%-40s %9.2f %-5s %9s %9s   %.4g .. %.4g\n", name, value, unit, "", "",
            extreme(r, -1), extreme(r, 1));
    if (json)
        printf("{\"name\":\"%s\",\"value\":%.10g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(NULL);
}

void bench_compare(const char *name, const char *unit, const struct rounds *ours,
                   const struct rounds *other)
{
    bool speedup = strstr(name, "speedup") != NULL;
    struct rounds ratios = {.n = 0};

    if (!speedup && !strstr(name, "ratio") && !strstr(name, "cost"))
        bench_fail("%s does not say that it compares", name);
    if (ours->n != other->n)
        bench_fail("%s: %d rounds against %d", name, ours->n, other->n);
    for (int i = 0; i < ours->n; i++)
        rounds_add(&ratios, speedup ? other->of[i] / ours->of[i] : ours->of[i] / other->of[i]);
    int i = middle(&ratios);

    fprintf(table, "%-40s %9.2f %-5s %9.2f %9.3f   %.3f .. %.3f\n", name, ours->of[i], unit,
            other->of[i], ratios.of[i], extreme(&ratios, -1), extreme(&ratios, 1));
    if (json)
        printf("{\"name\":\"%s\",\"value\":%.10g,\"unit\":\"%s\",\"other\":%.10g,"
               "\"ratio\":%.6g}\n",
               name, ours->of[i], unit, other->of[i], ratios.of[i]);
    fflush(NULL);
}

/* ---- the machine ---------------------------------------------------------------------------- */

static void allow_cores(const cpu_set_t *set)
{
    if (sched_setaffinity(0, sizeof *set, set) != 0)
        bench_fail("pinning: %s", strerror(errno));
}

void bench_pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(core % sysconf(_SC_NPROCESSORS_ONLN)), &set);
    allow_cores(&set);
}

void bench_unpin(void)
{
    cpu_set_t set;

    memset(&set, 0xff, sizeof set);
    allow_cores(&set);
}

uint64_t bench_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_pause_ms(unsigned ms)
{
    usleep(ms * 1000);
}

void bench_in_child(void (*work)(double *ret, int n), double *ret, int n)
{
    size_t size = (size_t)n * sizeof *ret;
    int status, ends[2];
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_fail("a child process: %s", strerror(errno));
    if (child == 0) {
        work(ret, n);
        _exit(write(ends[1], ret, size) != (ssize_t)size);
    }
    close(ends[1]);
    if (read(ends[0], ret, size) != (ssize_t)size || waitpid(child, &status, 0) != child ||
        status != 0)
        bench_fail("a child process has failed");
    close(ends[0]);
}

void *bench_pages(uint64_t bytes)
{
    uint8_t *at = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        bench_fail("%llu bytes: %s", (unsigned long long)bytes, strerror(errno));
    at = (uint8_t *)(((uintptr_t)at + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    madvise(at, bytes, MADV_HUGEPAGE);
    for (uint64_t i = 0; i < bytes; i += 4096)
        at[i] = 0;
    return at;
}

struct warm warm_new(uint64_t bytes)
{
    bytes = (bytes + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
    return (struct warm){bench_pages(bytes), bytes};
}

void warm_give(struct warm *w, uint64_t bytes)
{
    bytes = (bytes + HUGE_PAGE - 1) & ~(uint64_t)(HUGE_PAGE - 1);
    if (bytes > w->left)
        bytes = w->left;
    w->left -= bytes;
    if (bytes > 0)
        munmap(w->at + w->left, bytes);
}

void warm_give_for_entry(struct warm *w, uint64_t i)
{
    enum { ENTRY = 160, STEP = 8 * HUGE_PAGE / ENTRY, AHEAD = 64 * 1024 * 1024 };

    if (i == 0)
        warm_give(w, AHEAD);
    if (i % STEP == 0)
        warm_give(w, 8 * HUGE_PAGE);
}

uint64_t bench_rss(pid_t pid)
{
    unsigned long long size, resident = 0;
    char path[64] = "/proc/self/statm";
    FILE *f;

    if (pid)
        snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (!(f = fopen(path, "r")) || fscanf(f, "%llu %llu", &size, &resident) != 2)
        bench_fail("%s cannot be read", path);
    fclose(f);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t bench_clock_cost_ns(void)
{
    enum { READS = 10001 };
    struct calls c;

    calls_init(&c, READS);
    for (int i = 0; i < READS; i++) {
        uint64_t before = clock_ns();

        calls_add(&c, clock_ns() - before);
    }
    uint64_t cost = (uint64_t)calls_summarise(&c).median;

    calls_free(&c);
    return cost;
}

/* ---- times of single calls ------------------------------------------------------------------ */

void calls_init(struct calls *c, uint64_t room)
{
    *c = (struct calls){.ns = malloc(room * sizeof *c->ns), .room = room};
    if (!c->ns)
        bench_fail("no memory");
    memset(c->ns, 1, room * sizeof *c->ns); /* now, not during the calls */
}

void calls_free(struct calls *c)
{
    free(c->ns);
}

static int by_time(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

struct calls_summary calls_summarise(struct calls *c)
{
    double sum = 0;

    qsort(c->ns, c->n, sizeof *c->ns, by_time);
    for (uint64_t i = 0; i < c->n; i++)
        sum += c->ns[i];
    return (struct calls_summary){c->ns[c->n / 2], sum / (double)c->n, c->ns[c->n / 1000 * 999]};
}

/* How long this thread has been ready without running: the second number. */
static uint64_t waited_ns(void)
{
    unsigned long long ran, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");

    if (f && fscanf(f, "%llu %llu", &ran, &waited) != 2)
        waited = 0;
    if (f)
        fclose(f);
    return waited;
}

void stalls_begin(struct stalls *s)
{
    *s = (struct stalls){.waited_ns = waited_ns()};
}

void stalls_look(struct stalls *s, uint64_t ns)
{
    uint64_t waited = waited_ns(), taken = waited - s->waited_ns;

    s->waited_ns = waited;
    if (ns > STALL_NS)
        ns -= taken < ns ? taken : ns;
    if (ns > s->longest_ns)
        s->longest_ns = ns;
}

uint64_t stalls_take_longest(struct stalls *s)
{
    uint64_t longest = s->longest_ns;

    s->longest_ns = 0;
    return longest;
}

/* ---- keys ----------------------------------------------------------------------------------- */

enum { KEYS = 1000000 };

double bench_chain_cost_ns(void)
{
    struct rounds r = {.n = 0};

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        uint64_t before = bench_cpu_ns(), head = 0;
        uint8_t key[BENCH_KEY];

        for (uint64_t i = 0; i < KEYS; i++) {
            bench_key(bench_next(i, head, KEYS), key);
            bench_use((uintptr_t)key);
            head = bench_head(key);
        }
        rounds_add(&r, (double)(bench_cpu_ns() - before) / KEYS);
    }
    return rounds_median(&r);
}

double bench_key_cost_ns(void)
{
    struct rounds r = {.n = 0};

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        uint64_t before = bench_cpu_ns();
        uint8_t key[BENCH_KEY];

        for (uint64_t i = 0; i < KEYS; i++) {
            bench_key(bench_next(i, 0, KEYS), key);
            bench_use((uintptr_t)key);
        }
        rounds_add(&r, (double)(bench_cpu_ns() - before) / KEYS);
    }
    return rounds_median(&r);
}
