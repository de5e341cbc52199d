/* Members in a cluster: what the death of one costs its clients, and what copies cost.
 *
 * Outages. Some threads change entries of a map all over the partitions, one call at a time. A
 * member is killed, or made to stand still; the longest call that any of them made around that
 * moment is the outage as a program sees it: it contains the notice, the take-over and the client's
 * own change to whoever serves now. Then a new member comes in its place, and when all copies are
 * there again it is the next one's turn.
 *
 * Copies. Pairs of members, ours and Hazelcast's with one synchronous backup each, are asked by the
 * same client, ours, with so many calls under way; rounds alternate. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <millrace/millrace.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "tests/bench/bench.h"
#include "tests/free_ports.h"

enum { MEMBERS_MAX = 3, WRITERS = 3, KEYS = 20000, VALUE = 100, WAIT_S = 60, IN_FLIGHT = 64 };

static char binary[512], hazelcast_jar[512];
static mr_err_t err = MR_ERR_INIT;

/* ---- members -------------------------------------------------------------------------------- */

/* Of one cluster, at ports that stay the same. */
struct cluster {
    int size;
    uint16_t ports[MEMBERS_MAX];
    pid_t pids[MEMBERS_MAX];
    char all[128]; /* A,B,.. */
};

static struct cluster ours, hazelcasts;

static void cluster_init(struct cluster *c, int size)
{
    *c = (struct cluster){.size = size};
    free_ports(c->ports, size);
    for (int i = 0; i < size; i++)
        snprintf(c->all + strlen(c->all), sizeof c->all - strlen(c->all), "%s127.0.0.1:%u",
                 i ? "," : "", c->ports[i]);
}

/* It ends with this program, and its words are nobody's. */
static pid_t run(char *const args[])
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0)
        return pid > 0 ? pid : (bench_fail("fork: no process"), 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int nowhere = open("/dev/null", O_WRONLY);

    if (getppid() != parent || dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0)
        _exit(1);
    execvp(args[0], args);
    _exit(127);
}

static void start(struct cluster *c, int i)
{
    char port[8], members[160];

    snprintf(port, sizeof port, "%u", c->ports[i]);
    snprintf(members, sizeof members, "cluster.members=%s", c->all);
    char *const args[] = {binary,
                          "serve",
                          "--port",
                          port,
                          "--set",
                          "http.listen=no",
                          "--set",
                          "log.format=none",
                          "--set",
                          "member.loops=1",
                          c->size > 1 ? "--set" : NULL,
                          members,
                          NULL};

    c->pids[i] = run(args);
}

/* It listens at its port and knows the other. */
static void start_hazelcast(struct cluster *c, int i)
{
    char config[600], port[64], members[160];

    snprintf(config, sizeof config, "-Dhazelcast.config=%s/../../tests/bench/hazelcast.yaml",
             dirname(strdupa(binary)));
    snprintf(port, sizeof port, "-Dport=%u", c->ports[i]);
    snprintf(members, sizeof members, "-Dmembers=%s", c->all);
    char *const args[] = {
        "java",  "-Xmx512m", config,        port,
        members, "-cp",      hazelcast_jar, "com.hazelcast.core.server.HazelcastMemberStarter",
        NULL};

    c->pids[i] = run(args);
}

static void end(struct cluster *c, int i)
{
    if (c->pids[i] <= 0)
        return;
    kill(c->pids[i], SIGKILL);
    waitpid(c->pids[i], NULL, 0);
    c->pids[i] = 0;
}

static void end_all(void)
{
    for (int i = 0; i < MEMBERS_MAX; i++) {
        end(&ours, i);
        end(&hazelcasts, i);
    }
}

/* Through a member of it; retried until there is one. */
static mr_t *connect_to(const struct cluster *c)
{
    char url[160];
    mr_t *g = NULL;

    snprintf(url, sizeof url, "millrace://%s", c->all);
    for (int i = 0; i < WAIT_S && !g; i++) {
        mr_err_clear(&err);
        if (!(g = mr_connect(url, NULL, &err)))
            bench_pause_ms(1000); /* who is just starting may refuse */
    }
    return g ? g : (bench_fail("%s", err.message), NULL);
}

/* Are all there, with all copies, and the primaries spread? */
static bool is_whole(mr_t *g, int size)
{
    mr_cluster_t *v = mr_cluster(g, NULL);
    uint32_t least = UINT32_MAX, most = 0;
    bool is = v && (int)v->member_count == size && v->led && !v->offline && !v->short_of_copies;

    for (uint32_t i = 0; is && i < v->member_count; i++) {
        is = v->members[i].votes && (size != 2 || v->attached);
        least = v->members[i].primaries < least ? v->members[i].primaries : least;
        most = v->members[i].primaries > most ? v->members[i].primaries : most;
    }
    mr_cluster_free(v);
    return is && most - least <= 1;
}

static void await_whole(mr_t *g, int size)
{
    for (int i = 0; i < WAIT_S * 100; i++, bench_pause_ms(10))
        if (is_whole(g, size))
            return;
    bench_fail("a cluster of %d does not come together", size);
}

/* The place of who leads the control log; -1: nobody. */
static int leader_of(mr_t *g, const struct cluster *c)
{
    mr_cluster_t *v = mr_cluster(g, &err);
    int at = -1;

    for (uint32_t i = 0; v && i < v->member_count; i++)
        for (int k = 0; k < c->size && v->members[i].leads; k++)
            if (atoi(strrchr(v->members[i].address, ':') + 1) == c->ports[k])
                at = k;
    mr_cluster_free(v);
    return at;
}

/* ---- outages -------------------------------------------------------------------------------- */

static mr_map_t *written;
static uint32_t over;
static uint32_t longest_us[WRITERS]; /* since it was taken */

/* A call that is under way when the longest one is taken counts for the next. */
static void *write_on(void *number)
{
    int self = (int)(intptr_t)number;
    uint64_t random = (uint64_t)self * KEYS;
    mr_err_t why = MR_ERR_INIT;

    while (!load_acquire_32(&over)) {
        int64_t key = (int64_t)bench_below(bench_mix(random++), KEYS);
        uint64_t began = clock_ns();

        if (mr_map_set(written, MR_I64(key), MR_I64((int64_t)random), NULL, &why) != MR_OK)
            bench_fail("a call failed after %.1f s: %s", (double)(clock_ns() - began) / 1e9,
                       why.message);
        uint32_t took = (uint32_t)((clock_ns() - began) / 1000);

        if (took > load_relaxed_32(&longest_us[self]))
            store_release_32(&longest_us[self], took);
        usleep(200); /* or the callers would take the cores that the members need */
    }
    return NULL;
}

static double take_longest_ms(void)
{
    uint32_t most = 0;

    for (int i = 0; i < WRITERS; i++) {
        uint32_t one = exchange_32(&longest_us[i], 0);

        most = one > most ? one : most;
    }
    return (double)most / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void report(const char *name, double *ms, int n)
{
    char full[96];

    if (n == 0)
        return;
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    snprintf(full, sizeof full, "failover.%s_p50_ms", name);
    bench_value(full, "ms", ms[n / 2]);
    snprintf(full, sizeof full, "failover.%s_p99_ms", name);
    bench_value(full, "ms", ms[(n * 99 + 99) / 100 - 1]);
    snprintf(full, sizeof full, "failover.%s_max_ms", name);
    bench_value(full, "ms", ms[n - 1]);
}

static void fill(void)
{
    for (int64_t k = 0; k < KEYS; k++)
        if (mr_map_set(written, MR_I64(k), MR_I64(k), NULL, &err) != MR_OK)
            bench_fail("%s", err.message);
}

/* Who leads and who does not, in turn; signal is how. Returns outages of who led and of others. */
static void strike(mr_t *g, struct cluster *c, int signal, int times, double *led, int *ret_led,
                   double *other, int *ret_other)
{
    for (int i = 0; i < times; i++) {
        int leader = leader_of(g, c);
        bool leads = i % 2 == 0;
        int victim = leads ? leader : (leader + 1) % c->size;

        if (leader < 0)
            bench_fail("nobody leads");

        (void)take_longest_ms();
        kill(c->pids[victim], signal);
        bench_pause_ms(signal == SIGKILL ? 1500 : 3000);
        double ms = take_longest_ms();

        if (leads)
            led[(*ret_led)++] = ms;
        else
            other[(*ret_other)++] = ms;
        end(c, victim);
        start(c, victim);
        bench_pause_ms(100);
        await_whole(g, c->size);
    }
}

static void measure_outages(const char *name, int size, int signal, int times)
{
    double led[1024], other[1024], all[2048];
    int led_count = 0, other_count = 0;
    pthread_t writers[WRITERS];
    char full[64];

    cluster_init(&ours, size);
    for (int i = 0; i < size; i++)
        start(&ours, i);
    mr_t *g = connect_to(&ours);

    await_whole(g, size);
    if (!(written = mr_map(g, "bench", &err)))
        bench_fail("%s", err.message);
    fill();
    store_release_32(&over, 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, write_on, (void *)(intptr_t)i);
    strike(g, &ours, signal, times, led, &led_count, other, &other_count);
    store_release_32(&over, 1);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    memcpy(all, led, (size_t)led_count * sizeof *all);
    memcpy(all + led_count, other, (size_t)other_count * sizeof *all);
    report(name, all, led_count + other_count);
    snprintf(full, sizeof full, "%s_of_other", name);
    report(full, other, other_count);
    (void)!mr_close(g, MR_NOW, NULL);
    end_all();
}

/* ---- copies --------------------------------------------------------------------------------- */

struct writing {
    mr_map_t *map;
    mr_cq_t *cq;
    uint64_t began_ns[IN_FLIGHT];
    uint64_t random;
    struct calls times;
};

static void send_one(struct writing *w, uint64_t tag)
{
    static const char value[VALUE + 1] = {[0 ... VALUE - 1] = 'v'};
    int64_t key = (int64_t)bench_below(bench_mix(w->random++), KEYS);

    w->began_ns[tag] = clock_ns();
    if (mr_map_set_async(w->map, MR_I64(key), MR_STR(value), NULL, w->cq, tag, &err) != MR_OK)
        bench_fail("%s", err.message);
}

static void take_one(struct writing *w, uint64_t *ret_tag)
{
    mr_completion_t c = MR_COMPLETION_INIT;

    if (mr_cq_wait(w->cq, &c, WAIT_S * 1000, &err) != 1 || c.rc != MR_OK)
        bench_fail("a call failed: %s", c.err.message);
    *ret_tag = c.tag;
    calls_add(&w->times, clock_ns() - w->began_ns[c.tag]);
    mr_completion_clear(&c);
}

/* With so many under way. Returns calls per second. */
static double write_for(struct writing *w, uint64_t ns)
{
    uint64_t began = clock_ns(), now = began, done = 0, tag;

    for (tag = 0; tag < IN_FLIGHT; tag++)
        send_one(w, tag);
    for (; now - began < ns; now = clock_ns(), done++) {
        take_one(w, &tag);
        send_one(w, tag);
    }
    for (int i = 0; i < IN_FLIGHT; i++)
        take_one(w, &tag);
    return (double)done * 1e9 / (double)(now - began);
}

struct speed {
    double rate, p50_us, p99_us;
};

static struct speed measure_writing(mr_t *g, uint64_t ns)
{
    struct writing w = {.map = mr_map(g, "bench", &err), .cq = mr_cq_new(g, &err)};

    if (!w.map || !w.cq)
        bench_fail("%s", err.message);
    calls_init(&w.times, 1 << 22);
    struct speed s = {.rate = write_for(&w, ns)};

    calls_summarise(&w.times);
    s.p50_us = w.times.ns[w.times.n / 2] / 1e3;
    s.p99_us = w.times.ns[w.times.n * 99 / 100] / 1e3;
    calls_free(&w.times);
    mr_cq_free(w.cq);
    return s;
}

/* What all threads of the members have computed. */
static double cpu_ns(const struct cluster *c)
{
    uint64_t sum = 0, one;

    for (int i = 0; i < c->size; i++) {
        char command[128];

        snprintf(command, sizeof command, "cat /proc/%d/task/*/schedstat", (int)c->pids[i]);
        FILE *f = popen(command, "r");

        while (f && fscanf(f, "%lu %*u %*u", &one) == 1)
            sum += one;
        if (!f || pclose(f) != 0)
            bench_fail("the processor time of %d cannot be read", (int)c->pids[i]);
    }
    return (double)sum;
}

static void measure_copies(void)
{
    struct rounds rate[2] = {0}, p50[2] = {0}, p99[2] = {0};
    uint64_t ns = bench_long ? 5000000000u : 2000000000u;
    mr_t *g[2];

    cluster_init(&ours, 2);
    cluster_init(&hazelcasts, 2);
    for (int i = 0; i < 2; i++) {
        start(&ours, i);
        start_hazelcast(&hazelcasts, i);
    }
    g[0] = connect_to(&ours);
    await_whole(g[0], 2);
    g[1] = connect_to(&hazelcasts);
    bench_pause_ms(5000); /* until the second one is in, and has its share */
    for (int i = 0; i < 2; i++)
        (void)measure_writing(g[i], 5 * ns); /* a compiler at run time takes its time */
    for (int i = 0; i < 2 * BENCH_ROUNDS; i++) {
        struct speed s = measure_writing(g[i % 2], ns);

        rounds_add(&rate[i % 2], s.rate);
        rounds_add(&p50[i % 2], s.p50_us);
        rounds_add(&p99[i % 2], s.p99_us);
    }
    bench_compare("replicated.put.ratio_hazelcast", "1/s", &rate[0], &rate[1]);
    bench_compare("replicated.put.p50_ratio_hazelcast", "us", &p50[0], &p50[1]);
    bench_compare("replicated.put.p99_ratio_hazelcast", "us", &p99[0], &p99[1]);
    for (int i = 0; i < 2; i++)
        (void)!mr_close(g[i], MR_NOW, NULL);
    end_all();
}

/* Of members of one cluster, all together. */
static double cpu_us_per_put(int size, uint64_t ns)
{
    cluster_init(&ours, size);
    for (int i = 0; i < size; i++)
        start(&ours, i);
    mr_t *g = connect_to(&ours);

    await_whole(g, size);
    (void)measure_writing(g, ns);
    double before = cpu_ns(&ours);
    struct speed s = measure_writing(g, ns);
    double us = (cpu_ns(&ours) - before) / 1e3 / (s.rate * (double)ns / 1e9);

    (void)!mr_close(g, MR_NOW, NULL);
    end_all();
    return us;
}

/* What the one who has the copy pays for it is in it. */
static void measure_cost_of_a_copy(void)
{
    struct rounds one = {0}, two = {0};

    for (int i = 0; i < 5; i++) {
        rounds_add(&one, cpu_us_per_put(1, 2000000000u));
        rounds_add(&two, cpu_us_per_put(2, 2000000000u));
    }
    bench_compare("replicated.put.cpu_cost", "us", &two, &one);
    bench_value("replicated.put.copy_cpu_us", "us", rounds_median(&two) - rounds_median(&one));
}

int main(int argc, char **argv)
{
    char *build = dirname(dirname(strdup(argv[0])));

    snprintf(binary, sizeof binary, "%s/bin/millrace", build);
    snprintf(hazelcast_jar, sizeof hazelcast_jar, "%s/clients/java/hazelcast-5.5.0.jar", build);
    atexit(end_all);
    bench_begin(argc, argv, "clusters: a member's death, and copies");
    int times = bench_long ? 200 : 20;

    measure_outages("duo.kill", 2, SIGKILL, times);
    measure_outages("trio.kill", 3, SIGKILL, times);
    measure_outages("trio.silent", 3, SIGSTOP, times);
    measure_copies();
    measure_cost_of_a_copy();
    return 0;
}
