#define _GNU_SOURCE
#include "tests/cluster/members.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/check.h"
#include "net/base/clock.h"

enum { LOOK_MS = 20, ASK_MS = 1000 };

/* ---- processes ------------------------------------------------------------------------------ */

/* Ports that were free a moment ago; all are held until the last one is known. */
static bool find_ports(struct members *m)
{
    int sockets[MEMBERS];
    bool good = true;

    for (int i = 0; i < MEMBERS; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof a;

        sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
        good = good && bind(sockets[i], (struct sockaddr *)&a, sizeof a) == 0 &&
               getsockname(sockets[i], (struct sockaddr *)&a, &size) == 0;
        m->all[i].port = ntohs(a.sin_port);
        if (m->apart)
            nets_host(i, m->all[i].host);
        else
            snprintf(m->all[i].host, sizeof m->all[i].host, "127.0.0.1");
    }
    for (int i = 0; i < MEMBERS; i++)
        close(sockets[i]);
    return good;
}

/* In the child: nothing but system calls. */
static void become(const struct members *m, int i, const char *log, char *const *words,
                   pid_t parent)
{
    sigset_t none;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || (m->apart && !nets_enter(&m->nets, i)))
        _exit(1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    execv(m->program, words);
    _exit(127);
}

bool members_restart(struct members *m, int i)
{
    struct process *p = &m->all[i];
    char port[16], bind[64], log[PATH_ROOM + 32], seeds[URL_ROOM], name[32];
    pid_t parent = getpid();
    int at = snprintf(seeds, sizeof seeds, "cluster.members=");

    for (int k = 0; k < MEMBERS; k++)
        at += snprintf(seeds + at, sizeof seeds - (size_t)at, "%s%s:%d", k ? "," : "",
                       m->all[k].host, m->all[k].port);
    p->starts++;
    snprintf(port, sizeof port, "%d", p->port);
    snprintf(bind, sizeof bind, "network.bind=%s", p->host);
    snprintf(name, sizeof name, "member.name=m%d-%d", i + 1, p->starts);
    snprintf(log, sizeof log, "%s/m%d.log", m->folder, i + 1);
    char *const words[] = {m->program, "serve",
                           "--port",   port,
                           "--set",    seeds,
                           "--set",    name,
                           "--set",    bind,
                           "--set",    "network.insecure=yes", /* also where it is not loopback */
                           "--set",    "http.listen=no",
                           "--set",    "log.level=debug",
                           "--set",    "log.format=logfmt",
                           NULL};

    p->stopped = false;
    p->uuid = (mr_uuid_t){0, 0};
    p->pid = fork();
    if (p->pid == 0)
        become(m, i, log, words, parent);
    snprintf(m->words, sizeof m->words, "a process cannot be started");
    return p->pid > 0;
}

bool members_set_apart(struct members *m)
{
    m->apart = nets_open(&m->nets, MEMBERS, m->words, sizeof m->words);
    return m->apart;
}

bool members_start(struct members *m)
{
    int at = snprintf(m->url, sizeof m->url, "millrace://");

    snprintf(m->words, sizeof m->words, "there are no free ports");
    if (!find_ports(m))
        return false;
    for (int i = 0; i < MEMBERS; i++) {
        at += snprintf(m->url + at, sizeof m->url - (size_t)at, "%s%s:%d", i ? "," : "",
                       m->all[i].host, m->all[i].port);
        if (!members_restart(m, i))
            return false;
    }
    return true;
}

void members_kill(struct members *m, int i)
{
    struct process *p = &m->all[i];

    if (p->pid <= 0)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
    p->stopped = false;
}

void members_ask_to_leave(struct members *m, int i)
{
    kill(m->all[i].pid, SIGTERM);
}

bool members_left(struct members *m, int i)
{
    struct process *p = &m->all[i];
    int status = 0;

    waitpid(p->pid, &status, 0);
    p->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    snprintf(m->words, sizeof m->words, "m%d was to leave and ended with status %x", i + 1, status);
    return false;
}

void members_stop(struct members *m, int i)
{
    kill(m->all[i].pid, SIGSTOP);
    m->all[i].stopped = true;
}

void members_continue(struct members *m, int i)
{
    kill(m->all[i].pid, SIGCONT);
    m->all[i].stopped = false;
}

void members_cut(struct members *m, int i)
{
    check(nets_cut(&m->nets, i));
}

void members_heal(struct members *m, int i)
{
    check(nets_heal(&m->nets, i));
}

void members_part(struct members *m, int i, int k)
{
    check(nets_part(&m->nets, i, k));
}

void members_join(struct members *m, int i, int k)
{
    check(nets_join(&m->nets, i, k));
}

bool members_died(struct members *m)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct process *p = &m->all[i];
        int status;

        if (p->pid <= 0 || waitpid(p->pid, &status, WNOHANG) != p->pid)
            continue;
        p->pid = 0;
        snprintf(m->words, sizeof m->words, "m%d-%d has died by itself, %s %d: see %s/m%d.log",
                 i + 1, p->starts, WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), m->folder, i + 1);
        return true;
    }
    return false;
}

void members_end(struct members *m)
{
    for (int i = 0; i < MEMBERS; i++)
        members_kill(m, i);
    if (m->apart)
        nets_close(&m->nets);
}

/* ---- all is well ---------------------------------------------------------------------------- */

static mr_cluster_t *ask(const struct members *m, int i, mr_err_t *err)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;
    char url[URL_ROOM];

    opts.call_timeout_ms = opts.connect_timeout_ms = ASK_MS;
    opts.client_name = "nemesis-look";
    opts.reconnect = MR_RECONNECT_OFF;
    snprintf(url, sizeof url, "millrace://%s:%d", m->all[i].host, m->all[i].port);
    mr_t *g = mr_connect(url, &opts, err);
    mr_cluster_t *c = mr_cluster(g, err);

    (void)!mr_close(g, MR_NOW, NULL);
    return c;
}

static const mr_standing_t *of_process(const mr_cluster_t *c, const struct process *p)
{
    char address[MR_ADDRESS_ROOM];

    snprintf(address, sizeof address, "%s:%d", p->host, p->port);
    for (uint32_t i = 0; i < c->member_count; i++)
        if (strcmp(c->members[i].address, address) == 0)
            return &c->members[i];
    return NULL;
}

static bool is_same(mr_uuid_t a, mr_uuid_t b)
{
    return a.high == b.high && a.low == b.low;
}

/* Is what i says good, and the same that those before it have said? */
static bool is_well(struct members *m, int i, const mr_cluster_t *c, mr_uuid_t *who)
{
    if (c->why[0] || !c->led || c->member_count != MEMBERS || c->offline || c->short_of_copies) {
        snprintf(m->words, sizeof m->words,
                 "m%d says: %u members, %s, %u partitions offline, %u short of copies. %s", i + 1,
                 c->member_count, c->led ? "a leader" : "no leader", c->offline, c->short_of_copies,
                 c->why);
        return false;
    }
    for (int k = 0; k < MEMBERS; k++) {
        const mr_standing_t *x = of_process(c, &m->all[k]);

        if (!x || (i > 0 && !is_same(who[k], x->uuid)) || (k == i && !is_same(c->self, x->uuid))) {
            snprintf(m->words, sizeof m->words, "m%d does not know m%d as it is", i + 1, k + 1);
            return false;
        }
        if (!x->votes) {
            snprintf(m->words, sizeof m->words, "m%d says: m%d has no vote yet", i + 1, k + 1);
            return false;
        }
        who[k] = x->uuid;
        if (x->leads)
            m->leader = k;
    }
    return true;
}

static bool all_is_well(struct members *m)
{
    mr_uuid_t who[MEMBERS];

    for (int i = 0; i < MEMBERS; i++) {
        mr_err_t err = MR_ERR_INIT;
        mr_cluster_t *c = ask(m, i, &err);
        bool well = c && is_well(m, i, c, who);

        if (!c)
            snprintf(m->words, sizeof m->words, "m%d does not answer: %s", i + 1, err.message);
        mr_cluster_free(c);
        if (!well)
            return false;
    }
    for (int i = 0; i < MEMBERS; i++)
        m->all[i].uuid = who[i];
    return true;
}

bool members_wait(struct members *m, int seconds)
{
    uint64_t end_ms = clock_ms() + (uint64_t)seconds * 1000;

    while (!all_is_well(m)) {
        if (clock_ms() > end_ms)
            return false;
        usleep(LOOK_MS * 1000); /* between two looks */
    }
    return true;
}
