/* cluster.c - millrace ping, members, partitions, health, takeover: is anybody there, who, what
 * do they have, is all well, and what to do where one of two is not. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/session.h"
#include "client/cli/word.h"

/* Takes an option without a word behind it out of the words. */
static bool take_flag(int *argc, char **argv, const char *flag)
{
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], flag) != 0)
            continue;
        memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof argv[0]);
        --*argc;
        return true;
    }
    return false;
}

/* A number of at most four digits, which is more members than there can be. */
static bool is_number(const char *word)
{
    size_t digits = strspn(word, "0123456789");

    return digits > 0 && digits <= 4 && word[digits] == '\0';
}

/* The same of one with a number behind it; NULL: it is not there, or has none. */
static const char *take_number(int *argc, char **argv, const char *option)
{
    for (int i = 1; i + 1 < *argc; i++) {
        const char *number = argv[i + 1];

        if (strcmp(argv[i], option) != 0 || !is_number(number))
            continue;
        memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 1) * sizeof argv[0]);
        *argc -= 2;
        return number;
    }
    return NULL;
}

/* Is it still there, since what stands behind it is no number? */
static bool wants_number(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

int ping_command(int argc, char **argv)
{
    static const char *const columns[] = {"url", "members", "ping_us", NULL};
    struct session_options o;
    struct table t;
    mr_err_t err = MR_ERR_INIT;

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("ping", "\"%s\" is one word too many", o.words[0]);
    uint64_t ns = 0;
    mr_t *g = session_open(&o, &err);
    mr_rc_t rc = mr_ping(g, &ns, &err);

    if (rc == MR_OK) {
        table_begin(&t, o.output, columns);
        table_text(&t, o.url, strlen(o.url));
        table_number(&t, (unsigned long long)mr_member_count(g));
        table_number(&t, ns / 1000);
        table_end(&t);
    }
    return session_close(g, rc, &err);
}

/* ---- looking at a cluster ------------------------------------------------------------------- */

static void print_members(enum output output, const mr_cluster_t *c)
{
    static const char *const columns[] = {"address",   "uuid",   "name", "role",
                                          "primaries", "copies", NULL};
    struct table t;

    table_begin(&t, output, columns);
    for (uint32_t i = 0; i < c->member_count; i++) {
        const mr_standing_t *x = &c->members[i];
        const char *role = x->leaves  ? "leaving"
                           : x->leads ? "leader"
                           : x->votes ? "voter"
                                      : "standby";

        table_text(&t, x->address, strlen(x->address));
        table_value(&t, MR_UUID(x->uuid));
        table_text(&t, x->name, strlen(x->name));
        table_text(&t, role, strlen(role));
        table_number(&t, x->primaries);
        table_number(&t, x->copies);
    }
    table_end(&t);
}

int members_command(int argc, char **argv)
{
    struct session_options o;
    mr_err_t err = MR_ERR_INIT;

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("members", "\"%s\" is one word too many", o.words[0]);
    mr_t *g = session_open(&o, &err);
    mr_cluster_t *c = mr_cluster(g, &err);

    if (c)
        print_members(o.output, c);
    mr_cluster_free(c);
    return session_close(g, err.code, &err);
}

/* ---- partitions ----------------------------------------------------------------------------- */

/* Offline, or how many of those that are wanted and could be are in sync. */
static const char *state_of(const mr_cluster_t *c, const mr_partition_t *p)
{
    uint32_t wanted = c->copies < c->member_count ? c->copies : c->member_count;

    if (p->primary < 0)
        return "offline";
    return (uint32_t)p->in_sync_count < wanted ? "short" : "safe";
}

static void print_summary(enum output output, const mr_cluster_t *c)
{
    static const char *const columns[] = {"partitions", "safe",    "short",
                                          "offline",    "members", NULL};
    struct table t;

    table_begin(&t, output, columns);
    table_number(&t, c->partition_count);
    table_number(&t, c->partition_count - c->short_of_copies - c->offline);
    table_number(&t, c->short_of_copies);
    table_number(&t, c->offline);
    table_number(&t, c->member_count);
    table_end(&t);
}

static const char *address_at(const mr_cluster_t *c, int place)
{
    return place < 0 ? "gone" : c->members[place].address;
}

static void put_places(struct table *t, const mr_cluster_t *c, const int *places, int count)
{
    char text[MR_COPIES_MAX * (MR_ADDRESS_ROOM + 1)] = "";
    size_t at = 0;

    for (int i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? "," : "",
                               address_at(c, places[i]));
    table_text(t, text, at);
}

static void print_partitions(enum output output, const mr_cluster_t *c)
{
    static const char *const columns[] = {"partition", "state",    "primary",
                                          "in_sync",   "learners", NULL};
    struct table t;

    table_begin(&t, output, columns);
    for (uint32_t i = 0; i < c->partition_count; i++) {
        const mr_partition_t *p = &c->partitions[i];
        const char *state = state_of(c, p);
        const char *primary = p->primary < 0 ? "" : address_at(c, p->primary);

        table_number(&t, i);
        table_text(&t, state, strlen(state));
        table_text(&t, primary, strlen(primary));
        put_places(&t, c, p->in_sync, p->in_sync_count);
        put_places(&t, c, p->learners, p->learner_count);
    }
    table_end(&t);
}

int partitions_command(int argc, char **argv)
{
    struct session_options o;
    mr_err_t err = MR_ERR_INIT;
    bool all = take_flag(&argc, argv, "--all");

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("partitions", "\"%s\" is one word too many", o.words[0]);
    mr_t *g = session_open(&o, &err);
    mr_cluster_t *c = mr_cluster(g, &err);

    if (c && all)
        print_partitions(o.output, c);
    else if (c)
        print_summary(o.output, c);
    mr_cluster_free(c);
    return session_close(g, err.code, &err);
}

/* ---- health --------------------------------------------------------------------------------- */

enum { WAIT_SECONDS = 60, LOOK_MS = 100 };

static uint32_t voters_wanted(uint32_t members)
{
    return members < 3 ? members : members < 5 ? 3 : 5;
}

static uint32_t voters(const mr_cluster_t *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->member_count; i++)
        n += c->members[i].votes != 0;
    return n;
}

/* One line: why not all is well, and what to type. False: all is. */
static bool find_fault(const mr_cluster_t *c, uint32_t members, char *line, size_t room)
{
    if (c->why[0])
        snprintf(line, room, "not serving: %s; start the others, or see its log", c->why);
    else if (!c->led)
        snprintf(line, room,
                 "no leader: a majority of those who vote has to be there; "
                 "type \"millrace members\" and start who is missing");
    else if (c->offline)
        snprintf(line, room,
                 "%u partitions offline: all who held them are gone; type \"millrace partitions "
                 "--all\" and bring one of them back",
                 c->offline);
    else if (c->member_count < members)
        snprintf(line, room, "%u of %u members: type \"millrace members\" and start who is missing",
                 c->member_count, members);
    else if (c->short_of_copies)
        snprintf(line, room,
                 "%u partitions short of copies: being copied; type \"millrace health --wait\"",
                 c->short_of_copies);
    else if (voters(c) < voters_wanted(c->member_count))
        snprintf(line, room,
                 "%u of %u votes: another is about to have one; type \"millrace health --wait\"",
                 voters(c), voters_wanted(c->member_count));
    else if (c->member_count == 2 && !c->attached)
        snprintf(line, room,
                 "neither member would take over from the other yet: they are about to agree on "
                 "that; type \"millrace health --wait\"");
    else
        return false;
    return true;
}

/* Looks once. EXIT_DONE, EXIT_UNWELL, or how a command ends that could not ask; with a line. */
static int look(const struct session_options *o, uint32_t members, char *line, size_t room)
{
    mr_err_t err = MR_ERR_INIT;
    mr_t *g = session_open(o, &err);
    mr_cluster_t *c = mr_cluster(g, &err);
    int code = EXIT_DONE;

    if (!c)
        snprintf(line, room, "no answer: %s; type \"millrace serve\" there, or say --to",
                 err.message);
    else if (find_fault(c, members, line, room))
        code = EXIT_UNWELL;
    else
        snprintf(line, room, "healthy: %u members, %u partitions, %u copies of each",
                 c->member_count, c->partition_count,
                 c->copies < c->member_count ? c->copies : c->member_count);
    mr_cluster_free(c);
    if (!c)
        code = err.code == MR_ERR_LOGIN ? EXIT_LOGIN : EXIT_UNWELL;
    mr_close(g, MR_NOW, NULL);
    return code;
}

static volatile sig_atomic_t waited;

static void on_alarm(int number)
{
    (void)number;
    waited = 1;
}

int health_command(int argc, char **argv)
{
    struct session_options o;
    char line[1024];
    bool wait = take_flag(&argc, argv, "--wait");
    const char *number = take_number(&argc, argv, "--members");
    uint32_t members = number ? (uint32_t)strtoul(number, NULL, 10) : 0;
    int code;

    if (wants_number(argc, argv, "--members"))
        return usage("health", "\"--members\" wants a number of members behind it, up to 9999");
    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("health", "\"%s\" is one word too many", o.words[0]);
    signal(SIGALRM, on_alarm);
    if (wait)
        alarm(WAIT_SECONDS);
    while ((code = look(&o, members, line, sizeof line)) == EXIT_UNWELL && wait && !waited)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL); /* between two looks */
    puts(line);
    return code;
}

/* ---- going on alone ------------------------------------------------------------------------- */

int takeover_command(int argc, char **argv)
{
    struct session_options o;
    mr_err_t err = MR_ERR_INIT;
    bool is_dead = take_flag(&argc, argv, "--peer-is-dead");

    if (session_parse(argc, argv, &o) != EXIT_DONE)
        return EXIT_USAGE;
    if (o.count > 0)
        return usage("takeover", "\"%s\" is one word too many", o.words[0]);
    if (!is_dead)
        return usage("takeover", "make sure that the other's process is dead, and say so with "
                                 "--peer-is-dead: if it lives, what it acknowledges is lost");
    mr_t *g = session_open(&o, &err);
    mr_rc_t rc = mr_take_over(g, &err);

    if (rc == MR_OK)
        puts("it goes on alone, unless it hears from the other; see \"millrace health\"");
    return session_close(g, rc, &err);
}
