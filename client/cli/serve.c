/* serve.c - millrace serve: a member in the foreground. */
#define _GNU_SOURCE
#include <millrace/millrace.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

enum { SETS_MAX = 64 };

struct options {
    const char *file, *port, *join;
    const char *sets[SETS_MAX]; /* KEY=VALUE */
    int set_count;
    int check_only;
};

static int set(mr_config_t *c, const char *key, const char *value)
{
    mr_err_t err = MR_ERR_INIT;

    (void)!mr_config_set(c, key, value, &err);
    return mr_err_report(stderr, &err);
}

static int set_pair(mr_config_t *c, const char *pair)
{
    const char *equals = strchr(pair, '=');
    char key[512]; /* a longer one is cut, and no key */

    snprintf(key, sizeof key, "%.*s", (int)(equals - pair), pair);
    return set(c, key, equals + 1);
}

/* A port that was asked for by name is that one, not the next one that is free. */
static mr_config_t *configure(const struct options *o)
{
    mr_config_t *c = config_read(o->file, "auto");
    int problems = c == NULL;

    if (problems == 0 && o->port)
        problems = set(c, "network.port", o->port) + set(c, "network.port-count", "1");
    if (c && o->join)
        problems += set(c, "cluster.members", o->join);
    for (int i = 0; c && i < o->set_count; i++)
        problems += set_pair(c, o->sets[i]);
    if (problems == 0)
        return c;
    mr_config_free(c);
    return NULL;
}

/* The first signal has it leave in an orderly way, which may take a while; the second one ends the
 * process as it ends any. */
static int run(const mr_config_t *c)
{
    mr_err_t err = MR_ERR_INIT;
    sigset_t ending;
    int signal;

    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);

    mr_t *g = mr_member_start(c, &err);

    if (g)
        sigwait(&ending, &signal);
    pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
    mr_close(g, MR_DRAIN, &err);
    return mr_err_report(stderr, &err) ? EXIT_FAILED : EXIT_DONE;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const char *const with_value[] = {"--config", "--port", "--join", "--set", NULL};

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(word, "--check-config") == 0) {
            o->check_only = 1;
            continue;
        }
        if (strcmp(word, "--config") == 0 && value)
            o->file = value;
        else if (strcmp(word, "--port") == 0 && value)
            o->port = value;
        else if (strcmp(word, "--join") == 0 && value)
            o->join = value;
        else if (strcmp(word, "--set") == 0 && value && !strchr(value, '='))
            return usage("serve", "\"%s\" is not KEY=VALUE", value);
        else if (strcmp(word, "--set") == 0 && value && o->set_count == SETS_MAX)
            return usage("serve", "more than %d times --set; a file can say as much", SETS_MAX);
        else if (strcmp(word, "--set") == 0 && value)
            o->sets[o->set_count++] = value;
        else
            return usage_of_option("serve", word, !value, with_value);
        i++;
    }
    return EXIT_DONE;
}

int serve_command(int argc, char **argv)
{
    struct options options = {0};
    int code = parse(argc, argv, &options);

    if (code != EXIT_DONE)
        return code;
    mr_config_t *c = configure(&options);

    if (!c)
        return EXIT_FAILED;
    if (options.check_only)
        fputs("the configuration is good\n", stderr);
    else
        code = run(c);
    mr_config_free(c);
    return code;
}
