/* nemesis.c - millrace-nemesis [--seconds N] [--seed N] [--keep FOLDER] [--program PATH]
 *
 * A cluster of three real processes, clients that use it, and somebody who kills a process, starts
 * it again as another, or has it stand still for a while: one at a time, and the next only when all
 * is well again. At the end all that the clients saw is judged (work.h).
 *
 * It also tells how long puts were not possible. That is measured and not judged: a busy machine is
 * no bug.
 *
 * The seed says who is struck, when and how; what the processes make of it is theirs. With --keep
 * the folder stays, with what each member has said and the history; so it does where a claim fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/base/check.h"
#include "net/base/rand.h"
#include "tests/cluster/members.h"
#include "tests/cluster/work.h"
#include "tests/stress/stress.h"

#define MS 1000000ull

enum {
    FORM_SECONDS = 15,
    HEAL_SECONDS = 30,
    PROBES = 24,
    PROBE_EVERY_MS = 20,
    PROBE_ENDS_MS = 10000,
    FAULTS_MAX = 100000
};

enum fault { KILL_FOLLOWER, KILL_LEADER, STOP, FAULTS };

static const char *const fault_names[] = {"kill -9, not the leader", "kill -9, the leader",
                                          "stand still, 0.2 to 3 s"};

enum claim { LINEARIZABLE, NOT_LOST, NOT_REVIVED, WELL_AGAIN, ALIVE, CLAIMS };

static const char *const claims[] = {
    [LINEARIZABLE] = "what clients saw has an order that explains it",
    [NOT_LOST] = "what was acknowledged is there at the end",
    [NOT_REVIVED] = "what was refused is not",
    [WELL_AGAIN] = "after each fault all is well again",
    [ALIVE] = "no member dies by itself",
};

struct outage {
    uint64_t ns[FAULTS_MAX];
    uint32_t count;
};

static struct members members;
static struct outage outages[FAULTS];
static struct tally tally;
static struct rand dice;
static uint64_t seed, seconds = 20;
static const char *keep, *program;

/* ---- how long puts are not possible --------------------------------------------------------- */

/* A put to each of these keys, which lie in many partitions, is begun again and again until one
 * that was begun after the fault is acknowledged. */
struct probes {
    mr_t *g;
    mr_map_t *map;
    mr_cq_t *cq;
    uint32_t round; /* of the fault */
    bool done[PROBES];
    uint32_t left;
};

static void probes_open(struct probes *p)
{
    mr_err_t err = MR_ERR_INIT;

    *p = (struct probes){0};
    p->g = mr_connect(members.url, NULL, &err);
    p->map = mr_map(p->g, "probes", &err);
    p->cq = mr_cq_new(p->g, &err);
    check(mr_err_report(stdout, &err) == 0);
}

static void probes_close(struct probes *p)
{
    mr_cq_free(p->cq);
    (void)!mr_close(p->g, MR_NOW, NULL);
}

static void probe_again(struct probes *p)
{
    for (uint32_t i = 0; i < PROBES; i++)
        if (!p->done[i])
            (void)!mr_map_set_async(p->map, MR_I64(i), MR_I64(p->round), NULL, p->cq,
                                    (uint64_t)p->round << 32 | i, NULL);
}

static void probe_answers(struct probes *p)
{
    mr_completion_t a = MR_COMPLETION_INIT;

    for (int wait_ms = 1; mr_cq_wait(p->cq, &a, wait_ms, NULL); wait_ms = 0) {
        uint32_t key = (uint32_t)a.tag;

        if (a.tag >> 32 != p->round || a.rc != MR_OK || p->done[key])
            continue;
        p->done[key] = true;
        p->left--;
    }
    mr_completion_clear(&a);
}

/* ---- faults --------------------------------------------------------------------------------- */

static uint64_t between_ms(uint64_t least, uint64_t most)
{
    return (least + rand_below(&dice, most - least + 1)) * MS;
}

static bool is_well(const char *when)
{
    bool well = members_wait(&members, HEAL_SECONDS);
    char why[sizeof members.words];

    snprintf(why, sizeof why, "%s", members.words);
    holds(&tally, ALIVE, !members_died(&members), "%s", members.words);
    return holds(&tally, WELL_AGAIN, well, "%s, not well after %d s: %s", when, HEAL_SECONDS, why);
}

static void strike(enum fault f, int victim)
{
    if (f == STOP)
        members_stop(&members, victim);
    else
        members_kill(&members, victim);
}

static void relent(enum fault f, int victim)
{
    if (f == STOP)
        members_continue(&members, victim);
    else
        check(members_restart(&members, victim));
}

/* From the fault until all puts have been possible, and at least until it is undone. */
static void endure(struct probes *p, enum fault f, int victim, uint64_t undo_ns)
{
    struct outage *o = &outages[f];
    uint64_t began_ns, now, probed_ns = 0, all_ns = 0;
    bool undone = false;

    p->round++;
    p->left = PROBES;
    memset(p->done, 0, sizeof p->done);
    strike(f, victim);
    for (began_ns = now = clock_ns(); !undone || p->left > 0; now = clock_ns()) {
        if (!undone && now >= began_ns + undo_ns) {
            relent(f, victim);
            undone = true;
        }
        if (now - began_ns > PROBE_ENDS_MS * MS)
            break;
        if (p->left > 0 && now - probed_ns > PROBE_EVERY_MS * MS) {
            probe_again(p);
            probed_ns = now;
        }
        probe_answers(p);
        if (p->left == 0 && !all_ns)
            all_ns = clock_ns();
    }
    check(o->count < FAULTS_MAX);
    o->ns[o->count++] = (all_ns ? all_ns : now) - began_ns;
    printf("  %6.2f s: m%d, %s: puts possible after %.0f ms\n", (double)clock_ns() / 1e9,
           victim + 1, fault_names[f], (double)o->ns[o->count - 1] / 1e6);
}

static void torment(struct probes *p)
{
    uint64_t end_ns = clock_ns() + seconds * 1000 * MS;
    char when[64] = "at first";

    for (uint32_t n = 1; clock_ns() < end_ns; n++) {
        usleep((useconds_t)(between_ms(100, 600) / 1000)); /* between two faults */
        if (!is_well(when))
            return;
        enum fault f = n <= FAULTS ? (enum fault)(n - 1) : (enum fault)rand_below(&dice, FAULTS);
        int victim = f == KILL_LEADER ? members.leader : (int)rand_below(&dice, MEMBERS);

        if (f == KILL_FOLLOWER && victim == members.leader)
            victim = (victim + 1) % MEMBERS;
        snprintf(when, sizeof when, "after fault %u, m%d, %s", n, victim + 1, fault_names[f]);
        endure(p, f, victim, f == STOP ? between_ms(200, 3000) : between_ms(0, 1500));
    }
    (void)is_well(when);
}

/* ---- what came of it ------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void tell_outages(void)
{
    for (enum fault f = 0; f < FAULTS; f++) {
        struct outage *o = &outages[f];

        if (o->count == 0)
            continue;
        qsort(o->ns, o->count, sizeof o->ns[0], by_size);
        printf("puts possible again after %-26s p50 %5.0f ms, max %5.0f ms, %u times\n",
               fault_names[f], (double)o->ns[o->count / 2] / 1e6, (double)o->ns[o->count - 1] / 1e6,
               o->count);
    }
}

static void judge(struct work *w)
{
    struct work_verdict v;
    char path[PATH_ROOM + 32];

    snprintf(path, sizeof path, "%s/history.jsonl", members.folder);
    FILE *to = fopen(path, "w");

    check(to);
    work_judge(w, to, &v);
    check(fclose(to) == 0);
    printf("history: %u calls on %u keys: %u done, %u refused, %u not known; set: %u keys\n",
           v.calls, v.keys, v.acknowledged, v.refused, v.unknown, v.put);
    if (v.acknowledged > 0)
        holds(&tally, LINEARIZABLE, v.linearizable, "see %s", path);
    if (v.put > 0) {
        holds(&tally, NOT_LOST, v.lost == 0, "%u keys are lost", v.lost);
        holds(&tally, NOT_LOST, v.unreadable == 0, "%u keys cannot be read", v.unreadable);
        holds(&tally, NOT_REVIVED, v.revived == 0, "%u keys are there", v.revived);
    }
}

/* ---- main ----------------------------------------------------------------------------------- */

static void read_words(int argc, char **argv)
{
    seed = rand_seed() % 1000000;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--keep") == 0)
            keep = argv[i + 1];
        else if (strcmp(argv[i], "--program") == 0)
            program = argv[i + 1];
    }
}

/* The command lies beside this program, unless another is to be tried. */
static void find_places(const char *self)
{
    const char *slash = strrchr(self, '/');

    snprintf(members.program, sizeof members.program, "%.*s%s",
             slash && !program ? (int)(slash - self + 1) : 0, self, program ? program : "millrace");
    snprintf(members.folder, sizeof members.folder, "%s", keep ? keep : "/tmp/nemesis-XXXXXX");
    if (keep)
        check(mkdir(keep, 0755) == 0 || errno == EEXIST);
    else
        check(mkdtemp(members.folder));
}

static void clear_folder(void)
{
    static const char *const names[] = {"m1.log", "m2.log", "m3.log", "history.jsonl"};
    char path[PATH_ROOM + 32];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", members.folder, names[i]);
        unlink(path);
    }
    rmdir(members.folder);
}

int main(int argc, char **argv)
{
    struct probes probes;

    setvbuf(stdout, NULL, _IOLBF, 0);
    read_words(argc, argv);
    find_places(argv[0]);
    rand_init(&dice, seed);
    printf("seed %llu, %llu s, %s\n", (unsigned long long)seed, (unsigned long long)seconds,
           members.folder);
    if (!members_start(&members) || !members_wait(&members, FORM_SECONDS)) {
        printf("no cluster: %s\n0 passed, 1 failed\n", members.words);
        members_end(&members);
        return 1;
    }
    struct work *work = work_start(members.url, seed);

    probes_open(&probes);
    torment(&probes);
    work_stop(work);
    judge(work);
    probes_close(&probes);
    work_free(work);
    members_end(&members);
    tell_outages();
    int failed = tally_report(&tally, claims, CLAIMS);

    if (!keep && !failed)
        clear_folder();
    return failed;
}
