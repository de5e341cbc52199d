#define _GNU_SOURCE
#include "tests/cluster/other.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/base/check.h"
#include "net/base/mem.h"
#include "tests/sim/history.h"
#include "tests/sim/wgl.h"

enum { STEPS = 200000000, LINE_ROOM = 4096 };

/* ---- the process ---------------------------------------------------------------------------- */

static void become(const struct other *o, const char *script, const char *modules,
                   const char *members, int in, int out)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    setenv("NODE_PATH", modules, 1);
    execlp("node", "node", script, members, o->history, (char *)NULL);
    _exit(127);
}

/* A line without its end; false when there are no more. */
static bool read_line(struct other *o, char line[static LINE_ROOM])
{
    if (!fgets(line, LINE_ROOM, o->from))
        return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

bool other_start(struct other *o, const char *script, const char *modules, const char *members,
                 const char *history)
{
    int in[2], out[2];
    char line[LINE_ROOM];

    signal(SIGPIPE, SIG_IGN); /* when it has died, that is told at the end */
    snprintf(o->history, sizeof o->history, "%s", history);
    check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    o->pid = fork();
    check(o->pid >= 0);
    if (o->pid == 0)
        become(o, script, modules, members, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    o->to = fdopen(in[1], "w");
    o->from = fdopen(out[0], "r");
    check(o->to && o->from);
    while (read_line(o, line)) {
        if (strcmp(line, "ready") == 0)
            return true;
        printf("%s\n", line);
    }
    return false;
}

/* ---- what it saw ---------------------------------------------------------------------------- */

static void take_line(const char *line, struct other_verdict *v)
{
    static const char *const words[] = {
#define X(name, word, sentence) word,
        OTHER_MAP(X)
#undef X
    };
    char name[32];
    unsigned faults;

    if (sscanf(line, "judged %31s %u", name, &faults) != 2) {
        printf("%s\n", line);
        return;
    }
    for (int i = 0; i < OTHER_CLAIMS; i++)
        if (strcmp(name, words[i]) == 0) {
            v->heard[i] = true;
            v->faults[i] = faults;
        }
}

static bool judge_history(const char *path, struct other_verdict *v)
{
    struct history h;
    struct operation *ops = NULL;
    struct wgl_result r;
    uint32_t at = 0;
    FILE *from = fopen(path, "r");

    if (!from)
        return false;
    history_init(&h);
    bool good =
        history_read(&h, from) == MR_OK && history_operations(&h, &ops, &v->calls, &at) == MR_OK;

    fclose(from);
    if (good) {
        for (uint32_t i = 0; i < v->calls; i++)
            v->unknown += ops[i].end == EVENT_INFO;
        wgl_check(&h.values, ops, v->calls, STEPS, &r);
        good = r.verdict == WGL_LINEARIZABLE;
        if (!good)
            printf("the other client's key r%u, line %u: %s\n", r.key, r.event + 1,
                   wgl_sentence(r.verdict));
    } else {
        printf("the other client's history cannot be understood, line %u\n", at + 1);
    }
    mem_free(ops);
    history_free(&h);
    return good;
}

void other_judge(struct other *o, struct other_verdict *ret)
{
    char line[LINE_ROOM];

    *ret = (struct other_verdict){0};
    fputs("judge\n", o->to);
    fclose(o->to);
    while (read_line(o, line))
        take_line(line, ret);
    fclose(o->from);
    waitpid(o->pid, NULL, 0);
    ret->linearizable = judge_history(o->history, ret);
}
