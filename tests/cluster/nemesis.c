/* nemesis.c - millrace-nemesis [--seconds N] [--seed N] [--keep FOLDER] [--program PATH]
 *                              [--only FAULT] [--node FOLDER] [--together yes]
 *
 * A cluster of three real processes, clients that use it, and somebody who kills a process or has
 * it leave, starts it again as another, has it stand still for a while, or cuts it off from all or
 * one of the others: one at a time, and the next only when all is well again. At the end all that
 * the clients saw is judged: ours (work.h, bank.h) and, with --node, Hazelcast's for Node.js, which
 * is installed in that folder (other.h).
 *
 * Cuts need network namespaces, a process each. Where those may not be made, or with --together,
 * all are on loopback and there are no cuts. --only has the same fault again and again: its place
 * in the table below, from 0.
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
#include "tests/cluster/bank.h"
#include "tests/cluster/members.h"
#include "tests/cluster/other.h"
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

/* X(name, what it is). Those from CUT on need networks of their own. */
#define FAULT_MAP(X)                                                                               \
    X(KILL_FOLLOWER, "kill -9, not the leader")                                                    \
    X(KILL_LEADER, "kill -9, the leader")                                                          \
    X(LEAVE, "SIGTERM")                                                                            \
    X(STOP, "stand still, 0.2 to 3 s")                                                             \
    X(CUT, "cut off, 0.2 to 4 s")                                                                  \
    X(PART, "two do not meet, 0.2 to 4 s")

enum fault {
#define X(name, words) name,
    FAULT_MAP(X)
#undef X
        FAULTS
};

static const char *const fault_names[] = {
#define X(name, words) words,
    FAULT_MAP(X)
#undef X
};

enum claim {
    LINEARIZABLE,
    NOT_LOST,
    NOT_REVIVED,
    SAME_SUM,
    COUNTED,
    WELL_AGAIN,
    ALIVE,
    OUR_CLAIMS,
    OTHER_LINEARIZABLE = OUR_CLAIMS,
    OTHER_FIRST,
    CLAIMS = OTHER_FIRST + OTHER_CLAIMS
};

static const char *const claims[] = {
    [LINEARIZABLE] = "what clients saw has an order that explains it",
    [NOT_LOST] = "what was acknowledged is there at the end",
    [NOT_REVIVED] = "what was refused is not",
    [SAME_SUM] = "a bank has the same sum at every read, and never an old one",
    [COUNTED] = "a bank has had each transfer once",
    [WELL_AGAIN] = "after each fault all is well again",
    [ALIVE] = "no member dies by itself",
    [OTHER_LINEARIZABLE] = "what the other client saw has an order as well",
#define X(name, word, sentence) [OTHER_FIRST + OTHER_##name] = sentence,
    OTHER_MAP(X)
#undef X
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
static const char *keep, *program, *node;
static int only = -1;
static bool together;

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
    switch (f) {
    case STOP: members_stop(&members, victim); break;
    case LEAVE: members_ask_to_leave(&members, victim); break;
    case CUT: members_cut(&members, victim); break;
    case PART: members_part(&members, victim, (victim + 1) % MEMBERS); break;
    default: members_kill(&members, victim);
    }
}

static void relent(enum fault f, int victim)
{
    switch (f) {
    case STOP: members_continue(&members, victim); break;
    case CUT: members_heal(&members, victim); break;
    case PART: members_join(&members, victim, (victim + 1) % MEMBERS); break;
    case LEAVE:
        if (!members_left(&members, victim))
            holds(&tally, ALIVE, false, "%s", members.words);
        [[fallthrough]];
    default: check(members_restart(&members, victim));
    }
}

/* How long it lasts. */
static uint64_t choose_ns(enum fault f)
{
    switch (f) {
    case STOP: return between_ms(200, 3000);
    case CUT:
    case PART: return between_ms(200, 4000);
    default: return between_ms(0, 1500);
    }
}

/* Each once, and then as it comes. */
static enum fault choose(uint32_t n)
{
    uint32_t possible = members.apart ? FAULTS : CUT;

    if (only >= 0)
        return (enum fault)only;
    return n < possible ? (enum fault)n : (enum fault)rand_below(&dice, possible);
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
        enum fault f = choose(n - 1);
        int victim = f == KILL_LEADER ? members.leader : (int)rand_below(&dice, MEMBERS);

        if (f == KILL_FOLLOWER && victim == members.leader)
            victim = (victim + 1) % MEMBERS;
        snprintf(when, sizeof when, "after fault %u, m%d, %s", n, victim + 1, fault_names[f]);
        endure(p, f, victim, choose_ns(f));
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

static void judge_bank(struct bank *b)
{
    struct bank_verdict v;

    bank_judge(b, &v);
    printf("banks: %llu transfers, of %llu nobody knows, %llu reads\n",
           (unsigned long long)v.transfers, (unsigned long long)v.unknown,
           (unsigned long long)v.reads);
    if (v.transfers > 0) {
        holds(&tally, SAME_SUM, v.wrong_sums == 0, "%llu reads found another sum",
              (unsigned long long)v.wrong_sums);
        holds(&tally, SAME_SUM, v.went_back == 0, "%llu reads were old",
              (unsigned long long)v.went_back);
        holds(&tally, COUNTED, v.miscounted == 0, "%llu banks have another count",
              (unsigned long long)v.miscounted);
    }
}

static void judge_other(struct other *o)
{
    struct other_verdict v;

    other_judge(o, &v);
    printf("the other client's history: %u calls, of %u nobody knows\n", v.calls, v.unknown);
    if (v.calls > 0)
        holds(&tally, OTHER_LINEARIZABLE, v.linearizable, "see %s", o->history);
    for (int i = 0; i < OTHER_CLAIMS; i++)
        if (v.heard[i])
            holds(&tally, OTHER_FIRST + i, v.faults[i] == 0, "%u times not: %s", v.faults[i],
                  claims[OTHER_FIRST + i]);
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
        else if (strcmp(argv[i], "--node") == 0)
            node = argv[i + 1];
        else if (strcmp(argv[i], "--only") == 0)
            only = atoi(argv[i + 1]) % FAULTS;
        else if (strcmp(argv[i], "--together") == 0)
            together = true;
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
    static const char *const names[] = {"m1.log", "m2.log", "m3.log", "history.jsonl",
                                        "node.jsonl"};
    char path[PATH_ROOM + 32];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", members.folder, names[i]);
        unlink(path);
    }
    rmdir(members.folder);
}

static void set_apart(void)
{
    if (!together && !members_set_apart(&members))
        printf("skipped: cuts of the network: %s\n", members.words);
    if (only >= CUT && !members.apart)
        only = -1;
}

static bool start_other(struct other *o)
{
    char history[PATH_ROOM + 32];

    snprintf(history, sizeof history, "%s/node.jsonl", members.folder);
    return other_start(o, "tests/cluster/node/client.js", node, strchr(members.url, ':') + 3,
                       history);
}

/* All who use the cluster, until it has been tormented enough. */
static void live(void)
{
    struct probes probes;
    struct other other;
    struct work *work = work_start(members.url, seed);
    struct bank *bank = bank_start(members.url, seed);

    if (node)
        holds(&tally, OTHER_FIRST + OTHER_END, start_other(&other),
              "the other client is not ready");
    probes_open(&probes);
    torment(&probes);
    work_stop(work);
    bank_stop(bank);
    if (node)
        judge_other(&other);
    judge(work);
    judge_bank(bank);
    probes_close(&probes);
    work_free(work);
    bank_free(bank);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_words(argc, argv);
    find_places(argv[0]);
    rand_init(&dice, seed);
    printf("seed %llu, %llu s, %s\n", (unsigned long long)seed, (unsigned long long)seconds,
           members.folder);
    set_apart();
    if (!members_start(&members) || !members_wait(&members, FORM_SECONDS)) {
        printf("no cluster: %s\n0 passed, 1 failed\n", members.words);
        members_end(&members);
        return 1;
    }
    live();
    members_end(&members);
    tell_outages();
    int failed = tally_report(&tally, claims, node ? CLAIMS : OUR_CLAIMS);

    if (!keep && !failed)
        clear_folder();
    return failed;
}
