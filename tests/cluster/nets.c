#define _GNU_SOURCE
#include "tests/cluster/nets.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 24 };

/* Runs ip(8) with words that are separated by one space, in a namespace or in our own: -1. */
static bool ip(int namespace_fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool ip(int namespace_fd, const char *format, ...)
{
    char text[256] = "ip ", *words[WORDS_MAX] = {NULL}, *left = NULL;
    va_list args;
    int n = 0, status = -1;

    va_start(args, format);
    vsnprintf(text + 3, sizeof text - 3, format, args);
    va_end(args);
    for (char *w = strtok_r(text, " ", &left); w && n < WORDS_MAX - 1;
         w = strtok_r(NULL, " ", &left))
        words[n++] = w;
    pid_t pid = fork();

    if (pid == 0) {
        int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (namespace_fd >= 0 && setns(namespace_fd, CLONE_NEWNET) != 0)
            _exit(1);
        dup2(nothing, STDERR_FILENO);
        execvp(words[0], words);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return good;
}

/* As root, or as whoever may be root in a user namespace of his own. */
static bool move_out(void)
{
    char map[64];
    uid_t uid = getuid();
    gid_t gid = getgid();

    if (unshare(CLONE_NEWNET) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_file("/proc/self/uid_map", map) || !write_file("/proc/self/setgroups", "deny"))
        return false;
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map);
}

/* A child that holds a namespace. It has said that it is in it before this returns. */
static bool hold(struct nets *n, int i)
{
    int ends[2];
    char path[64], word = 0;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    n->holders[i] = fork();
    if (n->holders[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) == 0 && write(ends[1], "y", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ends[1]);
    bool good = n->holders[i] > 0 && read(ends[0], &word, 1) == 1;

    close(ends[0]);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)n->holders[i]);
    n->fds[i] = good ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    return n->fds[i] >= 0;
}

static bool plug_in(struct nets *n, int i)
{
    char host[NETS_HOST_ROOM];

    nets_host(i, host);
    return hold(n, i) &&
           ip(-1, "link add v%d type veth peer name eth0 netns %d", i, (int)n->holders[i]) &&
           ip(-1, "link set v%d master br0 up", i) && ip(n->fds[i], "link set lo up") &&
           ip(n->fds[i], "addr add %s/24 dev eth0", host) && ip(n->fds[i], "link set eth0 up");
}

bool nets_open(struct nets *n, int count, char *why, size_t why_room)
{
    *n = (struct nets){.count = count};
    if (!move_out()) {
        snprintf(why, why_room, "no network namespace may be made: %s", strerror(errno));
        return false;
    }
    snprintf(why, why_room, "ip(8) makes no bridge with veth");
    bool good = ip(-1, "link set lo up") && ip(-1, "link add br0 type bridge") &&
                ip(-1, "addr add 10.77.0.254/24 dev br0") && ip(-1, "link set br0 up");

    for (int i = 0; i < count; i++)
        good = good && plug_in(n, i);
    if (!good) {
        nets_close(n);
        (void)!ip(-1, "link set lo up"); /* for whoever goes on without */
    }
    return good;
}

void nets_host(int i, char room[static NETS_HOST_ROOM])
{
    snprintf(room, NETS_HOST_ROOM, "10.77.0.%d", i + 1);
}

bool nets_enter(const struct nets *n, int i)
{
    return setns(n->fds[i], CLONE_NEWNET) == 0;
}

bool nets_cut(const struct nets *n, int i)
{
    return n->count > i && ip(-1, "link set v%d down", i);
}

bool nets_heal(const struct nets *n, int i)
{
    return n->count > i && ip(-1, "link set v%d up", i);
}

/* A bridge carries nothing between two ports that are isolated. */
static bool isolate(int i, const char *how)
{
    return ip(-1, "link set dev v%d type bridge_slave isolated %s", i, how);
}

bool nets_part(const struct nets *n, int i, int k)
{
    return n->count > i && n->count > k && isolate(i, "on") && isolate(k, "on");
}

bool nets_join(const struct nets *n, int i, int k)
{
    return n->count > i && n->count > k && isolate(i, "off") && isolate(k, "off");
}

void nets_close(struct nets *n)
{
    for (int i = 0; i < n->count; i++) {
        if (n->holders[i] <= 0)
            continue;
        close(n->fds[i]);
        kill(n->holders[i], SIGKILL);
        waitpid(n->holders[i], NULL, 0);
    }
    n->count = 0;
}
