/* A member with nothing in it: how soon it is there, and how little it is.
 *
 * Each start is a process of its own, from the moment it is made to its first put; the program
 * runs itself as `member --first-put`, which writes a byte when it has put, and stays until its
 * standard input ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <millrace/millrace.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { STARTS = 21 };

static int first_put(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = mr_member_start(NULL, &err);
    mr_map_t *m = mr_map(g, "bench", &err);
    char byte = 0;

    if (mr_map_put(m, MR_I64(1), MR_STR("one"), NULL, &err) != MR_OK)
        bench_fail("%s", err.message);
    if (write(STDOUT_FILENO, &byte, 1) != 1)
        return 1;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return mr_close(g, MR_NOW, &err) != MR_OK;
}

struct child {
    pid_t pid;
    int to, from;
};

/* Starts a process and waits for its byte. */
static struct child start(void)
{
    static char *const args[] = {"member", "--first-put", NULL};
    posix_spawn_file_actions_t actions;
    int to[2], from[2];
    struct child c;
    char byte;

    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        bench_fail("a pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    if (posix_spawn(&c.pid, "/proc/self/exe", &actions, NULL, args, environ) != 0)
        bench_fail("this program cannot be started again");
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    c.to = to[1];
    c.from = from[0];
    if (read(c.from, &byte, 1) != 1)
        bench_fail("a member did not start");
    return c;
}

static void stop(const struct child *c)
{
    int status;

    close(c->to);
    if (waitpid(c->pid, &status, 0) != c->pid || status != 0)
        bench_fail("a member did not end well");
    close(c->from);
}

static void measure_start(void)
{
    struct rounds ms = {.n = 0};

    for (int i = 0; i < STARTS; i++) {
        uint64_t before = clock_ns();
        struct child c = start();

        rounds_add(&ms, (double)(clock_ns() - before) / 1e6);
        stop(&c);
    }
    bench_median("member.start_ms", "ms", &ms);
}

static void measure_idle(void)
{
    struct rounds mb = {.n = 0};

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        struct child c = start();

        bench_pause_ms(500); /* until all its threads have done what they do at first */
        rounds_add(&mb, (double)bench_rss(c.pid) / 1e6);
        stop(&c);
    }
    bench_median("member.idle_rss_mb", "MB", &mb);
}

/* The size of ../bin/millrace without symbols. */
static void measure_binary(void)
{
    char self[PATH_MAX], binary[PATH_MAX], command[3 * PATH_MAX];
    char stripped[] = "/tmp/millrace-stripped-XXXXXX";
    struct stat st;
    int fd = mkstemp(stripped);

    if (fd < 0 || !realpath("/proc/self/exe", self))
        bench_fail("%s", strerror(errno));
    close(fd);
    *strrchr(self, '/') = '\0';
    snprintf(binary, sizeof binary, "%.*s/../bin/millrace", (int)sizeof binary - 32, self);
    snprintf(command, sizeof command, "strip -o '%s' '%s'", stripped, binary);
    bool ok = system(command) == 0 && stat(stripped, &st) == 0;

    unlink(stripped);
    if (!ok)
        bench_fail("%s cannot be stripped; make build makes it", binary);
    bench_value("binary.stripped_mb", "MB", (double)st.st_size / 1e6);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--first-put") == 0)
        return first_put();
    bench_begin(argc, argv, "member");
    measure_start();
    measure_idle();
    measure_binary();
    return 0;
}
