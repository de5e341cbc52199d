/* One script of steps, played with real processes and the real kernel, and with tests/sim/kernel:
 * what the reader of a connection hears must be the same, and what the table says. Where the
 * network is cut the real one is a network namespace with iptables; without the right or the
 * program for that, those rows are skipped, and said to be. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/kernel.h"

enum { HEARD_MAX = 256, LONG_MS = 1500, CUT_MS = 300, SHORT_MS = 80 };

/* Words of the writer: send flood close linger abort shut fork; done to it: stop cont kill orphan
 * (the forked child dies). Of the reader: hear (until nothing comes), speak, error (takes
 * SO_ERROR), deaf (shuts its reading). Of the network: drop and reject what the writer sends,
 * where `reject` answers with RST and `swallow` does not (but by ICMP); refuse (reject with RST
 * what the reader sends); heal; then hear waits for what is sent again.
 *
 * Heard: all or part (of the bytes that were sent), then silent, FIN (0 in CLOSE_WAIT), zero (0 in
 * another state), RST, EPIPE; of error: ok or the error. */
struct row {
    const char *script, *heard;
};

static const struct row rows[] = {
    {"send hear", "all silent"},
    {"kill hear", "FIN"},
    {"send kill hear", "all FIN"},
    {"send hear kill hear hear", "all silent FIN FIN"},
    {"flood kill hear", "all FIN"},
    {"speak kill hear", "RST"},
    {"send speak kill hear", "all RST"},
    {"kill speak hear", "zero"},
    {"kill hear speak hear", "FIN zero"},
    {"send hear abort hear", "all silent RST"},
    {"abort hear hear", "RST zero"},
    {"flood abort hear", "part RST"},
    {"linger hear", "RST"},
    {"flood linger hear", "part RST"},
    {"close hear", "FIN"},
    {"send close hear", "all FIN"},
    {"shut hear", "FIN"},
    {"abort error hear", "RST zero"},
    {"abort speak hear", "zero"},
    {"error hear", "ok silent"},
    {"kill error hear", "ok FIN"},
    {"abort kill hear", "RST"},
    {"stop hear", "silent"},
    {"send stop hear cont send hear", "all silent all silent"},
    {"stop kill hear", "FIN"},
    {"stop speak kill hear", "RST"},
    {"fork kill hear orphan hear", "silent FIN"},
    {"fork close hear orphan hear", "silent FIN"},
    {"fork linger hear orphan hear", "silent RST"},
    {"fork linger kill hear orphan hear", "silent RST"},
    {"fork abort hear kill orphan hear", "RST zero"},
    {"fork abort kill orphan hear", "RST"},
    {"fork shut hear", "FIN"},
    {"deaf hear", "zero"},
    {"deaf kill hear", "FIN"},
};

static const struct row cut_rows[] = {
    {"send hear drop kill hear heal hear", "all silent silent FIN"},
    {"hear drop send kill hear heal hear", "silent silent all FIN"},
    {"hear drop hear heal hear", "silent silent silent"},
    {"hear drop abort hear heal hear", "silent silent silent"},
    {"hear drop abort kill hear heal hear", "silent silent silent"},
    {"hear drop stop hear heal hear", "silent silent silent"},
    {"hear swallow kill hear heal hear", "silent silent FIN"},
    {"hear swallow send hear heal hear", "silent silent all silent"},
    {"hear reject kill hear heal hear", "silent silent silent"},
    {"hear reject send hear heal send hear", "silent silent silent"},
    {"hear refuse send hear heal hear", "silent all RST zero"},
    {"hear refuse kill hear heal hear", "silent zero zero"},
};

enum { ROWS = sizeof rows / sizeof rows[0], CUT_ROWS = sizeof cut_rows / sizeof cut_rows[0] };

/* ---- what is heard -------------------------------------------------------------------------- */

struct heard {
    char text[HEARD_MAX];
    size_t length;
};

static void say(struct heard *h, const char *word)
{
    int n = snprintf(h->text + h->length, sizeof h->text - h->length, "%s%s", h->length ? " " : "",
                     word);

    h->length += (size_t)n < sizeof h->text - h->length ? (size_t)n : 0;
}

static const char *word_of(int error)
{
    switch (error) {
    case 0: return "ok";
    case EAGAIN: return "silent";
    case ECONNRESET: return "RST";
    case EPIPE: return "EPIPE";
    default: return strerrorname_np(error);
    }
}

static void say_bytes(struct heard *h, uint64_t got, uint64_t sent)
{
    if (got > 0)
        say(h, got == sent ? "all" : "part");
}

static void say_end(struct heard *h, int64_t recv, int state)
{
    if (recv == 0)
        say(h, state == STATE_CLOSE_WAIT ? "FIN" : "zero");
    else
        say(h, word_of((int)-recv));
}

/* ---- the simulated side --------------------------------------------------------------------- */

struct simulated {
    struct world w;
    struct kernel k;
    struct kernel_end *writer, *reader;
    uint64_t sent, got; /* bytes since the last hear that came to an end */
    bool has, child;    /* the descriptor */
};

static void sim_hear(struct simulated *s, struct heard *h)
{
    uint64_t got = 0;
    int64_t n;

    do {
        world_run(&s->w, s->w.now_ns + 100 * MS);
        while ((n = kernel_recv(s->reader)) > 0)
            got += (uint64_t)n;
    } while (n == -EAGAIN && s->writer->under_way > 0 && kernel_lets(&s->k, 0, 1));
    world_run(&s->w, s->w.now_ns + LONG_MS * MS); /* what is sent again, much later */
    while (n == -EAGAIN && (n = kernel_recv(s->reader)) > 0)
        got += (uint64_t)n, n = -EAGAIN;
    say_bytes(h, got, s->sent);
    s->sent -= got <= s->sent ? got : s->sent;
    say_end(h, n, (int)s->reader->state);
}

static void sim_let_go(struct simulated *s)
{
    if (s->has)
        kernel_drop(s->writer);
    s->has = false;
}

static void sim_send(struct simulated *s, uint64_t size)
{
    int64_t n = kernel_send(s->writer, size);

    s->sent += n > 0 ? (uint64_t)n : 0;
}

static void sim_cut(struct simulated *s, enum kernel_way there, enum kernel_way back, bool resets)
{
    s->k.ways[0][1] = there;
    s->k.ways[1][0] = back;
    s->k.reject_resets = resets;
}

static void sim_step(struct simulated *s, const char *word, struct heard *h)
{
    if (strcmp(word, "hear") == 0) {
        sim_hear(s, h);
    } else if (strcmp(word, "send") == 0) {
        sim_send(s, 4);
    } else if (strcmp(word, "flood") == 0) {
        sim_send(s, UINT64_MAX);
    } else if (strcmp(word, "speak") == 0) {
        (void)kernel_send(s->reader, 5);
    } else if (strcmp(word, "error") == 0) {
        say(h, word_of(kernel_take_error(s->reader)));
    } else if (strcmp(word, "deaf") == 0) {
        kernel_shut_read(s->reader);
    } else if (strcmp(word, "kill") == 0 || strcmp(word, "close") == 0) {
        sim_let_go(s);
    } else if (strcmp(word, "linger") == 0) {
        kernel_linger_none(s->writer);
        sim_let_go(s);
    } else if (strcmp(word, "abort") == 0) {
        kernel_linger_none(s->writer);
        kernel_disconnect(s->writer);
        sim_let_go(s);
    } else if (strcmp(word, "shut") == 0) {
        kernel_shut_write(s->writer);
    } else if (strcmp(word, "fork") == 0) {
        kernel_share(s->writer);
    } else if (strcmp(word, "orphan") == 0) {
        kernel_drop(s->writer);
    } else if (strcmp(word, "drop") == 0) {
        sim_cut(s, WAY_DROP, WAY_OPEN, false);
    } else if (strcmp(word, "reject") == 0 || strcmp(word, "swallow") == 0) {
        sim_cut(s, WAY_REJECT, WAY_OPEN, *word == 'r');
    } else if (strcmp(word, "refuse") == 0) {
        sim_cut(s, WAY_OPEN, WAY_REJECT, true);
    } else if (strcmp(word, "heal") == 0) {
        sim_cut(s, WAY_OPEN, WAY_OPEN, false);
    } /* stop, cont: a kernel does not notice */
    world_run(&s->w, s->w.now_ns + 50 * MS);
}

/* ---- the real side -------------------------------------------------------------------------- */

struct real {
    pid_t writer, child;
    int orders, reader; /* descriptors */
    unsigned port;      /* the writer's */
    uint64_t sent;
    int patience_ms; /* something may be sent again much later */
};

struct answer {
    uint64_t sent;
    pid_t child;
};

static uint64_t write_all(int fd, uint64_t most)
{
    static char bytes[65536];
    uint64_t sent = 0;
    ssize_t n = 1;

    while (sent < most && n > 0) {
        uint64_t left = most - sent;

        n = send(fd, bytes, left < sizeof bytes ? left : sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (uint64_t)n : 0;
    }
    return sent;
}

static void no_linger(int fd)
{
    const struct linger none = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static pid_t fork_holder(int orders)
{
    pid_t child = fork();

    if (child != 0)
        return child;
    close(orders);
    for (;;)
        pause();
}

static struct answer obey(int fd, int orders, char order)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct answer a = {0};

    switch (order) {
    case 's': a.sent = write_all(fd, 4); break;
    case 'f': a.sent = write_all(fd, UINT64_MAX); break;
    case 'c': close(fd); break;
    case 'l':
        no_linger(fd);
        close(fd);
        break;
    case 'a':
        no_linger(fd);
        connect(fd, &nobody, sizeof nobody);
        close(fd);
        break;
    case 'h': shutdown(fd, SHUT_WR); break;
    case 'k': a.child = fork_holder(orders); break;
    default: break;
    }
    return a;
}

static void be_writer(int listener, int orders)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    char order = 'r';

    close(listener);
    do {
        struct answer a = obey(fd, orders, order);

        if (write(orders, &a, sizeof a) != sizeof a)
            break;
    } while (read(orders, &order, 1) == 1);
    _exit(0);
}

static void wait_for_answer(struct real *r)
{
    struct answer a;

    if (read(r->orders, &a, sizeof a) != sizeof a)
        return;
    r->sent += a.sent;
    r->child = a.child ? a.child : r->child;
}

static void order(struct real *r, char order)
{
    if (write(r->orders, &order, 1) == 1)
        wait_for_answer(r);
}

static bool real_begin(struct real *r)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];

    *r = (struct real){.patience_ms = SHORT_MS};
    if (bind(l, (struct sockaddr *)&a, size) != 0 || listen(l, 1) != 0 ||
        getsockname(l, (struct sockaddr *)&a, &size) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    r->port = ntohs(a.sin_port);
    r->reader = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(r->reader, (struct sockaddr *)&a, sizeof a) != 0)
        return false;
    fflush(stdout);
    if ((r->writer = fork()) == 0) {
        close(pair[0]);
        close(r->reader);
        be_writer(l, pair[1]);
    }
    close(pair[1]);
    close(l);
    r->orders = pair[0];
    wait_for_answer(r);
    return true;
}

static int state_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_state : 0;
}

static void real_hear(struct real *r, struct heard *h)
{
    static char bytes[65536];
    uint64_t got = 0;
    int64_t n = -EAGAIN;
    struct pollfd p = {.fd = r->reader, .events = POLLIN};

    while (poll(&p, 1, r->patience_ms) > 0) {
        n = recv(r->reader, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n <= 0)
            break;
        got += (uint64_t)n;
        n = -EAGAIN;
    }
    if (n < 0)
        n = n == -1 ? -errno : n;
    say_bytes(h, got, r->sent);
    r->sent -= got <= r->sent ? got : r->sent;
    say_end(h, n, state_of(r->reader));
}

static void stop(pid_t *process)
{
    if (*process == 0)
        return;
    kill(*process, SIGKILL);
    waitpid(*process, NULL, 0); /* the writer's child is not ours, and this fails */
    *process = 0;
}

static bool iptables(const char *what)
{
    char line[160];

    snprintf(line, sizeof line, "iptables -w %s 2> /dev/null", what);
    return system(line) == 0;
}

/* Refuses what comes from the writer's port (sport) or for it (dport). */
static void refuse(struct real *r, const char *port, const char *target)
{
    char what[128];

    r->patience_ms = CUT_MS;
    snprintf(what, sizeof what, "-A INPUT -p tcp --%s %u -j %s", port, r->port, target);
    if (!iptables(what))
        printf("failed: iptables %s\n", what);
}

static void real_cut(struct real *r, const char *word)
{
    if (strcmp(word, "drop") == 0)
        refuse(r, "sport", "DROP");
    else if (strcmp(word, "reject") == 0)
        refuse(r, "sport", "REJECT --reject-with tcp-reset");
    else if (strcmp(word, "swallow") == 0)
        refuse(r, "sport", "REJECT --reject-with icmp-port-unreachable");
    else if (strcmp(word, "refuse") == 0)
        refuse(r, "dport", "REJECT --reject-with tcp-reset");
    else if (strcmp(word, "heal") != 0)
        return;
    else if (!iptables("-F"))
        printf("failed: iptables -F\n");
    else
        r->patience_ms = LONG_MS;
}

static void take_error(struct real *r, struct heard *h)
{
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(r->reader, SOL_SOCKET, SO_ERROR, &error, &size);
    say(h, word_of(error));
}

static void real_step(struct real *r, const char *word, struct heard *h)
{
    static const char *const orders[] = {"send",  "s", "flood", "f", "close", "c", "linger", "l",
                                         "abort", "a", "shut",  "h", "fork",  "k", NULL};

    for (int i = 0; orders[i]; i += 2)
        if (strcmp(word, orders[i]) == 0)
            order(r, *orders[i + 1]);
    if (strcmp(word, "hear") == 0)
        real_hear(r, h);
    else if (strcmp(word, "speak") == 0)
        (void)!send(r->reader, "hello", 5, MSG_NOSIGNAL);
    else if (strcmp(word, "error") == 0)
        take_error(r, h);
    else if (strcmp(word, "deaf") == 0)
        shutdown(r->reader, SHUT_RD);
    else if (strcmp(word, "kill") == 0)
        stop(&r->writer);
    else if (strcmp(word, "orphan") == 0)
        stop(&r->child);
    else if (strcmp(word, "stop") == 0)
        kill(r->writer, SIGSTOP);
    else if (strcmp(word, "cont") == 0)
        kill(r->writer, SIGCONT);
    else
        real_cut(r, word);
    usleep(15000); /* so that it has come about */
}

static void real_end(struct real *r)
{
    stop(&r->child);
    stop(&r->writer);
    close(r->orders);
    close(r->reader);
}

/* ---- both ----------------------------------------------------------------------------------- */

static void play(const char *script, struct simulated *s, struct real *r, struct heard *of_s,
                 struct heard *of_r)
{
    char words[128], *left = words, *word;

    snprintf(words, sizeof words, "%s", script);
    while ((word = strsep(&left, " "))) {
        sim_step(s, word, of_s);
        real_step(r, word, of_r);
    }
}

static bool is_same(const struct row *row, uint64_t seed)
{
    struct simulated s = {.has = true};
    struct real r;
    struct heard of_s = {0}, of_r = {0};

    world_begin(&s.w, seed);
    kernel_begin(&s.k, &s.w);
    struct kernel_connection *c = kernel_connect(&s.k, 0, 1);

    s.writer = &c->ends[0];
    s.reader = &c->ends[1];
    bool began = real_begin(&r);

    if (began) {
        play(row->script, &s, &r, &of_s, &of_r);
        real_end(&r);
    } else {
        perror("a connection over loopback");
    }
    kernel_end(&s.k);
    world_end(&s.w);

    bool same = began && strcmp(of_s.text, row->heard) == 0 && strcmp(of_r.text, row->heard) == 0;

    if (!same)
        printf("%s\n    expected  %s\n    simulated %s\n    real      %s\n", row->script,
               row->heard, of_s.text, of_r.text);
    return same;
}

/* A network of our own, in which rules can be made and unmade. */
static bool can_cut(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    bool is_root = geteuid() == 0;

    if (unshare((is_root ? 0 : CLONE_NEWUSER) | CLONE_NEWNET) != 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;

    close(fd);
    return up && iptables("-F");
}

int main(void)
{
    int passed = 0, failed = 0;

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < ROWS; i++)
        *(is_same(&rows[i], (uint64_t)i) ? &passed : &failed) += 1;
    if (!can_cut())
        printf("skipped: %d rows with cuts: no network namespace, or no iptables\n", CUT_ROWS);
    else
        for (int i = 0; i < CUT_ROWS; i++)
            *(is_same(&cut_rows[i], (uint64_t)i) ? &passed : &failed) += 1;
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
