/* Clients that misbehave, each in its way, against a member with its threads and sockets, while a
 * well-behaved client beside them asks on and on: it gets every answer, the others an error or the
 * end of their connection, and the member's memory stays bounded. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grid/member.h"
#include "net/base/littleend.h"
#include "net/base/log.h"
#include "net/base/rand.h"
#include "net/wire/wire.h"
#include "tests/stress/stress.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum {
    HALF_OPEN = SANITIZED ? 1000 : 10000,
    IDLE = SANITIZED ? 200 : 1000,
    IDLE_KB_MAX = 20,
    LARGE = 1 << 20,
    GROWTH_MB_MAX = 200, /* of it all, where a naive member would take gigabytes */
    PATIENCE_MS = 10000,
};

enum claim {
    GOOD_IS_ANSWERED,
    GARBAGE_IS_CLOSED,
    CLOSED_IS_LOGGED,
    LEAVING_IS_SILENT,
    SLOW_IS_ANSWERED,
    CUT_ANYWHERE,
    HALF_OPEN_HARMLESS,
    SHY_IS_BOUNDED,
    DEAF_IS_CLOSED,
    LOCKS_ARE_FREED,
    IDLE_IS_SMALL,
    IDLE_IS_ANSWERED,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [GOOD_IS_ANSWERED] = "a well-behaved client gets its answer meanwhile",
    [GARBAGE_IS_CLOSED] = "garbage, strangers and oversize are closed",
    [CLOSED_IS_LOGGED] = "who is closed leaves one line, with the reason",
    [LEAVING_IS_SILENT] = "who goes by itself leaves none",
    [SLOW_IS_ANSWERED] = "a request byte by byte is answered",
    [CUT_ANYWHERE] = "a session cut after any of its bytes is forgotten",
    [HALF_OPEN_HARMLESS] = "connections that say nothing keep nobody out",
    [SHY_IS_BOUNDED] = "answers that nobody takes do not fill the memory",
    [DEAF_IS_CLOSED] = "a listener that never reads is closed",
    [LOCKS_ARE_FREED] = "the locks of a client that was killed are free",
    [IDLE_IS_SMALL] = "an idle client costs less than 20 KiB",
    [IDLE_IS_ANSWERED] = "each idle client gets its answer",
};

static struct member *member;
static uint16_t port;
static struct tally tally; /* of the main thread */

/* ---- a client ------------------------------------------------------------------------------- */

static int open_socket(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool say(int fd, const void *bytes, size_t size)
{
    return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool hear(int fd, void *bytes, size_t size)
{
    for (size_t got = 0; got < size;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, PATIENCE_MS) == 1
                        ? recv(fd, (uint8_t *)bytes + got, size - got, MSG_DONTWAIT)
                        : 0;

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* Reads one message away. Its type, or -1 when none comes. */
static int64_t hear_message(int fd)
{
    static __thread uint8_t body[2 * LARGE];
    int64_t type = -1;

    for (bool last = false; !last;) {
        uint8_t head[FRAME_HEADER];

        if (!hear(fd, head, sizeof head))
            return -1;
        uint32_t length = get_le32(head);

        last = get_le16(head + 4) & FRAME_FINAL;
        if (length < FRAME_HEADER || length - FRAME_HEADER > sizeof body ||
            !hear(fd, body, length - FRAME_HEADER))
            return -1;
        if (type < 0)
            type = get_le32(body);
    }
    return type;
}

static struct sink request(enum wire_id id, const void *q)
{
    struct sink out = {.grows = true};

    wire_encode(id, &(struct wire_head){.correlation = 1, .partition = -1}, q, &out);
    return out;
}

static bool ask(int fd, enum wire_id id, const void *q)
{
    struct sink out = request(id, q);
    bool good = say(fd, out.at, out.size);

    sink_free(&out);
    return good;
}

static struct sink greeting(void)
{
    static const struct sink none;
    struct sink out = {.grows = true};
    const struct client_authentication_req q = {.uuid.null = true,
                                                .serialization_version = 1,
                                                .cluster_name = wire_text("dev"),
                                                .client_type = wire_text("ABUSE"),
                                                .client_hazelcast_version = wire_text("5.5"),
                                                .client_name = wire_text("abuse"),
                                                .labels = wire_list_of(&none, 0)};

    sink_put(&out, "CP2", 3);
    wire_encode(WIRE_client_authentication_req,
                &(struct wire_head){.correlation = 1, .partition = -1}, &q, &out);
    return out;
}

/* A connection that has been let in, or -1. */
static int login(void)
{
    struct sink hello = greeting();
    int fd = open_socket();

    if (fd >= 0 && (!say(fd, hello.at, hello.size) || hear_message(fd) < 0)) {
        close(fd);
        fd = -1;
    }
    sink_free(&hello);
    return fd;
}

static struct data text(const char *words)
{
    return (struct data){(const uint8_t *)words, (uint32_t)strlen(words), DATA_STRING};
}

static bool ask_get(int fd, const char *key)
{
    return ask(fd, WIRE_map_get_req,
               &(struct map_get_req){.name = wire_text("m"), .key = text(key)});
}

static bool is_answered(int fd)
{
    return ask_get(fd, "small") && hear_message(fd) == 0x010201;
}

/* The other side has closed it, whatever it said before. */
static bool is_closed(int fd)
{
    static uint8_t bytes[65536];
    uint64_t until = clock_ms() + PATIENCE_MS;

    while (clock_ms() < until) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, 100) == 1 && recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
            return true;
    }
    return false;
}

static size_t resident_kb(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    size_t pages = 0;

    if (!f || fscanf(f, "%*u %zu", &pages) != 1)
        abort();
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static uint64_t sessions(void)
{
    return load_relaxed_64(&member->door.sessions);
}

/* Waits until the member has this many connections, or for as long as is decent. */
static bool comes_to(uint64_t wanted)
{
    uint64_t until = clock_ms() + PATIENCE_MS;

    while (sessions() != wanted && clock_ms() < until)
        usleep(1000); /* between two looks, on a machine that others use too */
    return sessions() == wanted;
}

/* How many there are when all who misbehaved are gone: one. */
static uint64_t others(void)
{
    (void)comes_to(1);
    return 1;
}

/* ---- the log -------------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    uint32_t lines;
    char last[512];
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note_line(void *context, const struct log_entry *entry)
{
    (void)context;
    pthread_mutex_lock(&logged.lock);
    store_relaxed_32(&logged.lines, logged.lines + 1);
    snprintf(logged.last, sizeof logged.last, "%s %s", entry->event, entry->fields);
    pthread_mutex_unlock(&logged.lock);
}

/* Forgets what was logged. The log forgets too what it has written already, and so holds no line
 * back as a repeat. */
static void listen_to_log(void)
{
    log_to_callback(note_line, NULL, LOG_WARN);
    pthread_mutex_lock(&logged.lock);
    store_relaxed_32(&logged.lines, 0);
    logged.last[0] = '\0';
    pthread_mutex_unlock(&logged.lock);
}

/* Since then one client was closed, for this reason, and nothing else was worth a line. The line
 * may come a moment after the end of the connection. */
static void expect_logged(const char *reason)
{
    bool failed = tally.broken[CLOSED_IS_LOGGED] > 0; /* then not again for so long */
    uint64_t until = clock_ms() + (failed ? 0 : PATIENCE_MS);

    while (load_relaxed_32(&logged.lines) == 0 && clock_ms() < until)
        usleep(1000); /* between two looks */
    pthread_mutex_lock(&logged.lock);
    holds(&tally, CLOSED_IS_LOGGED,
          logged.lines == 1 && strncmp(logged.last, "client.closed ", 14) == 0 &&
              strstr(logged.last, reason),
          "%u lines and not one for \"%s\": %s", logged.lines, reason, logged.last);
    pthread_mutex_unlock(&logged.lock);
}

/* Since then nobody was closed by the member. */
static void expect_silence(void)
{
    pthread_mutex_lock(&logged.lock);
    holds(&tally, LEAVING_IS_SILENT, logged.lines == 0, "%u lines: %s", logged.lines, logged.last);
    pthread_mutex_unlock(&logged.lock);
}

/* ---- the well-behaved one ------------------------------------------------------------------- */

static uint32_t over;

static void *behave(void *context)
{
    struct tally *t = context;
    int fd = login();

    while (!load_acquire_32(&over)) {
        if (!holds(t, GOOD_IS_ANSWERED, is_answered(fd), "the good client is not answered"))
            break;
        usleep(200); /* it is one client of many, not the load */
    }
    close(fd);
    return NULL;
}

/* ---- abuse ---------------------------------------------------------------------------------- */

static void send_and_be_closed(int fd, const void *bytes, size_t size, const char *reason)
{
    listen_to_log();
    say(fd, bytes, size);
    holds(&tally, GARBAGE_IS_CLOSED, is_closed(fd), "not closed: %s", reason);
    expect_logged(reason);
    close(fd);
}

static void send_openings(void)
{
    static const char no_client[] = "it does not speak the client protocol",
                      no_messages[] = "its bytes form no messages",
                      too_large[] = "a message larger than allowed",
                      headless[] = "a message without a head";
    static const struct {
        const char *bytes;
        size_t size;
        const char *reason;
    } openings[] = {{"GET / HTTP/1.1\r\n\r\n", 18, no_client},
                    {"CP3", 3, no_client},
                    {"\0\0\0\0", 4, no_client},
                    {"CP2\5\0\0\0\0\340", 9, no_messages},
                    {"CP2\377\377\377\177\0\340", 9, too_large},
                    {"CP2\7\0\0\0\0\340x", 10, headless}};
    struct sink early = request(WIRE_client_ping_req, NULL), hello = {.grows = true};

    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++)
        send_and_be_closed(open_socket(), openings[i].bytes, openings[i].size, openings[i].reason);
    sink_put(&hello, "CP2", 3);
    sink_put(&hello, early.at, early.size);
    send_and_be_closed(open_socket(), hello.at, hello.size, "a request before authentication");
    sink_free(&early);
    sink_free(&hello);
}

static void send_noise(void)
{
    struct rand r;

    rand_init(&r, 3);
    for (int i = 0; i < 200; i++) {
        uint8_t noise[4096];

        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (uint8_t)rand_below(&r, 256);
        noise[3] = 0x7f; /* a frame of two gigabytes */
        send_and_be_closed(login(), noise, sizeof noise, "a message larger than allowed");
    }
}

static struct sink one_life(void)
{
    struct sink life = greeting(), q;

    q = request(WIRE_map_set_req,
                &(struct map_set_req){
                    .ttl = -1, .name = wire_text("m"), .key = text("small"), .value = text("1")});
    sink_put(&life, q.at, q.size);
    sink_free(&q);
    q = request(WIRE_map_get_req, &(struct map_get_req){.name = wire_text("m"), .key = text("a")});
    sink_put(&life, q.at, q.size);
    sink_free(&q);
    return life;
}

static void cut_lives(void)
{
    struct sink life = one_life();
    uint64_t before = others();
    int fd = open_socket();

    for (size_t i = 0; i < life.size; i++)
        say(fd, life.at + i, 1);
    for (int i = 0; i < 3; i++)
        holds(&tally, SLOW_IS_ANSWERED, hear_message(fd) > 0, "answer %d does not come", i);
    close(fd);
    for (size_t size = 0; size <= life.size; size++) {
        fd = open_socket();
        say(fd, life.at, size);
        if (size % 2) { /* half of them break off */
            const struct linger none = {1, 0};

            setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        }
        close(fd);
    }
    holds(&tally, CUT_ANYWHERE, comes_to(before), "%lu connections are left of %lu", sessions(),
          before);
    sink_free(&life);
}

/* How many connections there can be besides those of everybody else. Both ends are in this
 * process, so each takes two descriptors. */
static int connections_max(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= 2 * HALF_OPEN + 200)
        return HALF_OPEN;
    printf("skipped: the last of %d half-open connections: there are %llu descriptors\n", HALF_OPEN,
           (unsigned long long)limit.rlim_cur);
    return (int)(limit.rlim_cur - 200) / 2;
}

static void open_halves(int count)
{
    static int fds[HALF_OPEN];
    uint64_t before = others();

    for (int i = 0; i < count; i++)
        if ((fds[i] = open_socket()) >= 0 && i % 2)
            say(fds[i], "CP2", 2);
    holds(&tally, HALF_OPEN_HARMLESS, comes_to(before + (uint64_t)count), "only %lu were accepted",
          sessions());
    int fd = login();

    holds(&tally, HALF_OPEN_HARMLESS, fd >= 0 && is_answered(fd), "nobody else gets in");
    close(fd);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    holds(&tally, HALF_OPEN_HARMLESS, comes_to(before), "they are not forgotten");
}

/* One asks for a gigabyte of answers and takes none; then it reads some, and gets them. */
static void be_shy(void)
{
    static char large[LARGE + 1];
    uint64_t alone = others();
    size_t before = resident_kb();
    int fd = login(), setter = login();
    struct sink many = {.grows = true};

    memset(large, 'x', LARGE);
    ask(setter, WIRE_map_set_req,
        &(struct map_set_req){
            .ttl = -1, .name = wire_text("m"), .key = text("large"), .value = text(large)});
    hear_message(setter);
    for (int i = 0; i < 1000; i++) /* in one piece */
        wire_encode(WIRE_map_get_req, &(struct wire_head){.correlation = i, .partition = -1},
                    &(struct map_get_req){.name = wire_text("m"), .key = text("large")}, &many);
    say(fd, many.at, many.size);
    sink_free(&many);
    usleep(500000); /* time enough for a member without a bound to answer it all */
    size_t grown = resident_kb() > before ? resident_kb() - before : 0;

    holds(&tally, SHY_IS_BOUNDED, grown < GROWTH_MB_MAX * 1024, "it takes %zu KiB", grown);
    for (int i = 0; i < 20; i++)
        holds(&tally, SHY_IS_BOUNDED, hear_message(fd) == 0x010201, "answer %d is lost", i);
    close(fd);
    close(setter);
    holds(&tally, SHY_IS_BOUNDED, comes_to(alone), "it is not forgotten");
}

/* A listener that never reads, while its map changes. */
static void be_deaf(void)
{
    static char value[LARGE / 8];
    size_t before = resident_kb();
    uint64_t until = clock_ms() + PATIENCE_MS, at = others() + 2;
    int fd = login(), setter = login();

    listen_to_log();
    ask(fd, WIRE_map_add_entry_listener_req,
        &(struct map_add_entry_listener_req){
            .include_value = true, .listener_flags = 255, .name = wire_text("m")});
    hear_message(fd);
    memset(value, 'x', sizeof value - 1);
    while (sessions() >= at && clock_ms() < until) {
        ask(setter, WIRE_map_set_req,
            &(struct map_set_req){
                .ttl = -1, .name = wire_text("m"), .key = text("deaf"), .value = text(value)});
        hear_message(setter);
    }
    holds(&tally, DEAF_IS_CLOSED, sessions() == at - 1, "it is still there");
    size_t grown = resident_kb() > before ? resident_kb() - before : 0;

    holds(&tally, DEAF_IS_CLOSED, grown < GROWTH_MB_MAX * 1024, "it takes %zu KiB", grown);
    expect_logged("it does not take its events");
    close(fd);
    close(setter);
}

static void be_killed(void)
{
    const struct map_lock_req lock = {.thread_id = 1,
                                      .ttl = -1,
                                      .reference_id = 1,
                                      .name = wire_text("m"),
                                      .key = text("locked")};

    for (int i = 0; i < 50; i++) {
        int fd = login(), next = login();
        const struct linger none = {1, 0};

        ask(fd, WIRE_map_lock_req, &lock);
        hear_message(fd);
        ask(next, WIRE_map_lock_req, &lock);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd); /* as the kernel does for a process that is killed */
        holds(&tally, LOCKS_ARE_FREED, hear_message(next) == 0x011001, "the lock is not free");
        close(next);
    }
}

/* The clients are in this process too and have no memory of their own but the kernel's. */
static void be_idle(void)
{
    static int fds[IDLE];
    size_t before = resident_kb();

    for (int i = 0; i < IDLE; i++)
        fds[i] = login();
    double kb = (double)(resident_kb() - before) / IDLE;

    if (!SANITIZED)
        printf("an idle client costs %.1f KiB\n", kb);
    holds(&tally, IDLE_IS_SMALL, SANITIZED || kb < IDLE_KB_MAX, "it is %.1f KiB", kb);
    for (int i = 0; i < IDLE; i++)
        holds(&tally, IDLE_IS_ANSWERED, is_answered(fds[i]), "client %d is not answered", i);
    for (int i = 0; i < IDLE; i++)
        close(fds[i]);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void start_member(void)
{
    static const char *const options[] = {"network.port",       "0",     "http.listen", "no",
                                          "member.loops",       "2",     "clients.max", "20000",
                                          "limits.result-size", "16MiB", NULL};
    mr_config_t *c = mr_config_new(NULL);
    mr_err_t err = MR_ERR_INIT;

    for (const char *const *o = options; *o; o += 2)
        if (mr_config_set(c, o[0], o[1], &err) != MR_OK)
            abort();
    if (member_start(c, &member, &err) != MR_OK) {
        printf("%s\n", err.message);
        exit(1);
    }
    mr_config_free(c);
    port = member->door.address.port;
}

int main(void)
{
    struct tally good = {0};
    pthread_t thread;
    int many = connections_max();

    start_member();
    be_idle(); /* first, so that memory that was freed before is not counted as theirs */
    if (pthread_create(&thread, NULL, behave, &good) != 0)
        abort();
    send_openings();
    send_noise();
    listen_to_log();
    cut_lives();
    open_halves(many);
    be_shy();
    be_killed();
    expect_silence();
    be_deaf();
    store_release_32(&over, 1);
    pthread_join(thread, NULL);
    tally_add(&tally, &good);
    member_stop(member);
    return tally_report(&tally, claims, CLAIMS);
}
