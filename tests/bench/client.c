/* A member beside redis-server: what a request of a client costs the server.
 *
 * One server at a time works, on one core, with one loop; the other core has one light client, the
 * same for both: it writes a batch of ready-made requests to each connection, counts the bytes of
 * the answers, whose sizes are known, and writes the next batch. So what is compared is the
 * server's processor time per request, and the rate it comes to. Rounds alternate.
 *
 * The times of answers are taken at half the rate at which Redis is busy: a batch is due at its
 * time, whether the one before has come back or not, and its time counts from when it was due. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/hash.h"
#include "net/wire/wire.h"
#include "tests/bench/bench.h"

enum {
    CONNECTIONS = 50,
    DEPTH_MAX = 64,
    KEYS = 100000,
    VALUE = 100,
    PARTITIONS = 271,
    REQUEST_MAX = 256,
    BATCHES = 512 /* ready-made, so that making them is not measured */
};

enum what { GET, SET };

/* A server and how it is talked to. */
struct peer {
    const char *name;
    uint16_t port;
    pid_t pid;
    size_t (*request)(enum what what, uint32_t key, uint8_t *at);
    size_t answer[2]; /* bytes of an answer to a GET, a SET */
};

/* ---- requests ------------------------------------------------------------------------------- */

static size_t redis_request(enum what what, uint32_t key, uint8_t *at)
{
    static const char value[VALUE + 1] = {[0 ... VALUE - 1] = 'v'};

    if (what == GET)
        return (size_t)sprintf((char *)at, "*2\r\n$3\r\nGET\r\n$14\r\nkey:%010u\r\n", key);
    return (size_t)sprintf((char *)at, "*3\r\n$3\r\nSET\r\n$14\r\nkey:%010u\r\n$100\r\n%s\r\n", key,
                           value);
}

static size_t our_request(enum what what, uint32_t key, uint8_t *at)
{
    char text[16];
    uint8_t filling[VALUE];
    struct sink out = {.at = at, .room = REQUEST_MAX};

    snprintf(text, sizeof text, "key:%010u", key);
    memset(filling, 'v', sizeof filling);
    const struct data k = {(const uint8_t *)text, 14, DATA_STRING};
    const struct data v = {filling, sizeof filling, DATA_STRING};
    const struct wire_head head = {.correlation = 1,
                                   .partition = (int32_t)data_partition(&k, PARTITIONS)};

    if (what == GET)
        wire_encode(WIRE_map_get_req, &head,
                    &(struct map_get_req){.name = wire_text("bench"), .key = k}, &out);
    else
        wire_encode(
            WIRE_map_set_req, &head,
            &(struct map_set_req){.ttl = -1, .name = wire_text("bench"), .key = k, .value = v},
            &out);
    return out.size;
}

/* "CP2" and an authentication. */
static size_t our_greeting(uint8_t *at)
{
    struct sink out = {.at = at + 3, .room = 1024};
    const struct wire_head head = {.correlation = 1, .partition = -1};
    const struct sink none = {0};

    memcpy(at, "CP2", 3);
    wire_encode(WIRE_client_authentication_req, &head,
                &(struct client_authentication_req){.uuid.null = true,
                                                    .serialization_version = 1,
                                                    .cluster_name = wire_text("dev"),
                                                    .client_type = wire_text("BENCH"),
                                                    .client_hazelcast_version = wire_text("5.5"),
                                                    .client_name = wire_text("bench"),
                                                    .labels = wire_list_of(&none, 0)},
                &out);
    return out.size + 3;
}

/* ---- servers -------------------------------------------------------------------------------- */

static void start(struct peer *p, char *const args[])
{
    if (posix_spawnp(&p->pid, args[0], NULL, NULL, args, environ) != 0)
        bench_fail("%s cannot be started; make bench-peers installs it", args[0]);
}

static struct peer ours, redis;

/* However the program ends. */
static void stop_both(void)
{
    int status;

    if (ours.pid > 0 && kill(ours.pid, SIGTERM) == 0)
        waitpid(ours.pid, &status, 0);
    if (redis.pid > 0 && kill(redis.pid, SIGKILL) == 0)
        waitpid(redis.pid, &status, 0);
}

/* Nanoseconds that all threads of a process have computed. */
static uint64_t cpu_ns(pid_t pid)
{
    char command[128];
    uint64_t sum = 0, one;

    snprintf(command, sizeof command, "cat /proc/%d/task/*/schedstat", (int)pid);
    FILE *f = popen(command, "r");

    while (f && fscanf(f, "%lu %*u %*u", &one) == 1)
        sum += one;
    if (!f || pclose(f) != 0 || sum == 0)
        bench_fail("the processor time of %d cannot be read", (int)pid);
    return sum;
}

static int try_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void write_all(int fd, const uint8_t *at, size_t size)
{
    for (ssize_t n; size > 0; at += n, size -= (size_t)n)
        if ((n = write(fd, at, size)) <= 0)
            bench_fail("writing to a server: %s", strerror(errno));
}

static int connected(const struct peer *p)
{
    uint8_t hello[1100], answer[4096];
    int fd = -1;

    for (int i = 0; i < 500 && (fd = try_connect(p->port)) < 0; i++)
        bench_pause_ms(10);
    if (fd < 0)
        bench_fail("%s does not listen", p->name);
    if (p->request == our_request) {
        write_all(fd, hello, our_greeting(hello));
        if (read(fd, answer, sizeof answer) < 60)
            bench_fail("%s did not answer the authentication", p->name);
    }
    return fd;
}

/* ---- load ----------------------------------------------------------------------------------- */

struct batch {
    uint8_t *at;
    size_t size;
};

struct load {
    const struct peer *peer;
    enum what what;
    uint32_t depth;
    int epoll;
    struct {
        int fd;
        size_t awaited;  /* bytes of answers */
        uint64_t due_ns; /* of the batch under way */
    } connections[CONNECTIONS];
    struct batch batches[BATCHES];
    uint32_t next;
    uint64_t done; /* requests */
    struct calls *times;
};

static void make_batches(struct load *l)
{
    uint64_t random = 1;

    for (int i = 0; i < BATCHES; i++) {
        struct batch *b = &l->batches[i];

        b->at = malloc(l->depth * REQUEST_MAX);
        b->size = 0;
        for (uint32_t k = 0; k < l->depth; k++)
            b->size += l->peer->request(l->what, (uint32_t)bench_below(bench_mix(random++), KEYS),
                                        b->at + b->size);
    }
}

static void send_batch(struct load *l, int c, uint64_t due_ns)
{
    const struct batch *b = &l->batches[l->next++ % BATCHES];

    l->connections[c].awaited = l->depth * l->peer->answer[l->what];
    l->connections[c].due_ns = due_ns;
    write_all(l->connections[c].fd, b->at, b->size);
}

static void open_load(struct load *l, const struct peer *p, enum what what, uint32_t depth)
{
    *l = (struct load){.peer = p, .what = what, .depth = depth};
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    make_batches(l);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

        l->connections[i].fd = connected(p);
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->connections[i].fd, &e);
    }
}

static void close_load(struct load *l)
{
    for (int i = 0; i < CONNECTIONS; i++)
        close(l->connections[i].fd);
    for (int i = 0; i < BATCHES; i++)
        free(l->batches[i].at);
    close(l->epoll);
}

/* Returns whether its batch has come back whole. */
static bool take_answers(struct load *l, int c)
{
    static uint8_t room[64 * 1024];
    ssize_t n = read(l->connections[c].fd, room, sizeof room);

    if (n <= 0 || (size_t)n > l->connections[c].awaited)
        bench_fail("%s answered with %zd bytes where %zu were awaited", l->peer->name, n,
                   l->connections[c].awaited);
    l->connections[c].awaited -= (size_t)n;
    if (l->connections[c].awaited > 0)
        return false;
    l->done += l->depth;
    if (l->times)
        calls_add(l->times, clock_ns() - l->connections[c].due_ns);
    return true;
}

/* As fast as it goes, for so long. Returns requests per second. */
static double run_closed(struct load *l, uint64_t ns)
{
    uint64_t began = clock_ns(), now = began;
    struct epoll_event events[CONNECTIONS];
    uint32_t busy = CONNECTIONS;

    for (int i = 0; i < CONNECTIONS; i++)
        send_batch(l, i, began);
    while (busy > 0) {
        int n = epoll_wait(l->epoll, events, CONNECTIONS, 1000);

        if (n <= 0)
            bench_fail("%s does not answer", l->peer->name);
        now = clock_ns();
        for (int i = 0; i < n; i++) {
            int c = (int)events[i].data.u32;

            if (!take_answers(l, c))
                continue;
            if (now - began < ns)
                send_batch(l, c, now);
            else
                busy--;
        }
    }
    return (double)l->done * 1e9 / (double)(now - began);
}

/* At a rate of requests per second, spread over the connections. */
static void run_open(struct load *l, uint64_t ns, double rate)
{
    uint64_t began = clock_ns(), gap = (uint64_t)(1e9 * l->depth / rate), sent = 0, back = 0;
    uint64_t batches = ns / gap;
    struct epoll_event events[CONNECTIONS];

    while (back < batches) {
        uint64_t due = began + sent * gap, now = clock_ns();
        int c = (int)(sent % CONNECTIONS);

        if (sent < batches && now >= due && l->connections[c].awaited == 0) {
            send_batch(l, c, due);
            sent++;
            continue;
        }
        int n = epoll_wait(l->epoll, events, CONNECTIONS, 0);

        for (int i = 0; i < n; i++)
            back += take_answers(l, (int)events[i].data.u32);
    }
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct cost {
    double cpu_ns, rate;
};

static struct cost measure(const struct peer *p, enum what what, uint32_t depth, uint64_t ns)
{
    struct load l;
    struct cost cost;

    open_load(&l, p, what, depth);
    (void)run_closed(&l, ns / 10);
    l.done = 0;
    uint64_t before = cpu_ns(p->pid);

    cost.rate = run_closed(&l, ns);
    cost.cpu_ns = (double)(cpu_ns(p->pid) - before) / (double)l.done;
    close_load(&l);
    return cost;
}

static void fill(const struct peer *p)
{
    uint8_t request[REQUEST_MAX], answer[64];
    int fd = connected(p);

    for (uint32_t k = 0; k < KEYS; k++) {
        write_all(fd, request, p->request(SET, k, request));
        for (size_t left = p->answer[SET]; left > 0;) {
            ssize_t n = read(fd, answer, left);

            if (n <= 0)
                bench_fail("%s does not take entries", p->name);
            left -= (size_t)n;
        }
    }
    close(fd);
}

static void compare(const struct peer *ours, const struct peer *redis, enum what what,
                    uint32_t depth, double *ret_redis_rate)
{
    struct rounds our_cpu = {0}, redis_cpu = {0}, our_rate = {0}, redis_rate = {0};
    uint64_t ns = bench_long ? 3000000000u : 700000000u;
    char name[64];

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct cost a = measure(ours, what, depth, ns), b = measure(redis, what, depth, ns);

        rounds_add(&our_cpu, a.cpu_ns);
        rounds_add(&redis_cpu, b.cpu_ns);
        rounds_add(&our_rate, a.rate);
        rounds_add(&redis_rate, b.rate);
    }
    snprintf(name, sizeof name, "client.%s.p%u.cpu_ratio_redis", what == GET ? "get" : "set",
             depth);
    bench_compare(name, "ns", &redis_cpu, &our_cpu);
    snprintf(name, sizeof name, "client.%s.p%u.rate_ratio_redis", what == GET ? "get" : "set",
             depth);
    bench_compare(name, "1/s", &our_rate, &redis_rate);
    *ret_redis_rate = rounds_median(&redis_rate);
}

static void compare_times(const struct peer *ours, const struct peer *redis, double rate)
{
    struct rounds our_p99 = {0}, redis_p99 = {0};
    const struct peer *peers[] = {ours, redis};

    for (int i = 0; i < 2 * BENCH_ROUNDS; i++) {
        struct load l;
        struct calls times;

        calls_init(&times, 1 << 20);
        open_load(&l, peers[i % 2], GET, 16);
        l.times = &times;
        run_open(&l, bench_long ? 3000000000u : 1000000000u, rate);
        calls_summarise(&times);
        rounds_add(i % 2 ? &redis_p99 : &our_p99, times.ns[times.n * 99 / 100]);
        close_load(&l);
        calls_free(&times);
    }
    bench_compare("client.get.p16.p99_ratio_redis", "ns", &our_p99, &redis_p99);
}

/* What a client costs that has been let in and says nothing. */
static void measure_idle(const struct peer *p)
{
    enum { IDLE = 500 };
    int fds[IDLE];
    size_t before = bench_rss(p->pid);

    for (int i = 0; i < IDLE; i++)
        fds[i] = connected(p);
    bench_value("client.idle_connection_kb", "KiB",
                ((double)bench_rss(p->pid) - (double)before) / 1024 / IDLE);
    for (int i = 0; i < IDLE; i++)
        close(fds[i]);
}

int main(int argc, char **argv)
{
    static const uint32_t depths[] = {1, 16, 64};
    char binary[512];
    double redis_rate, rate16 = 0;

    ours = (struct peer){.name = "millrace",
                         .port = 15701,
                         .request = our_request,
                         .answer = {19 + 6 + 12 + VALUE, 19}};
    redis = (struct peer){.name = "redis-server",
                          .port = 15702,
                          .request = redis_request,
                          .answer = {6 + VALUE + 2, 5}};
    atexit(stop_both);
    bench_begin(argc, argv, "a member and redis-server, per request of a client");
    hash_init(1);
    snprintf(binary, sizeof binary, "%s/../bin/millrace", dirname(argv[0]));
    start(&ours, (char *[]){"taskset", "-c", "0", binary, "serve", "--port", "15701", "--set",
                            "member.loops=1", "--set", "log.format=none", NULL});
    start(&redis, (char *[]){"taskset", "-c", "0", "redis-server", "--port", "15702", "--save", "",
                             "--appendonly", "no", "--loglevel", "warning", NULL});
    bench_pin(1);
    fill(&ours);
    measure_idle(&ours);
    fill(&redis);
    for (int what = GET; what <= SET; what++)
        for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++) {
            compare(&ours, &redis, (enum what)what, depths[d], &redis_rate);
            if (what == GET && depths[d] == 16)
                rate16 = redis_rate;
        }
    compare_times(&ours, &redis, rate16 / 2);
    return 0;
}
