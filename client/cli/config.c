/* config.c - millrace config: print an example, show or check a configuration. */
#include <stdio.h>
#include <string.h>

#include <millrace/config.h>

#include "client/cli/cli.h"
#include "net/base/nearest.h"

struct options {
    const char *file; /* NULL: none */
    int origin;
};

/* Applies a source, reports all that is wrong with it, and returns how much that was. */
static int apply_file(mr_config_t *c, const char *file)
{
    mr_err_t err = MR_ERR_INIT;
    int problems;

    if (!file || mr_config_load(c, file, &err) == MR_OK)
        return 0;
    problems = mr_config_problems(c, stderr);
    return problems > 0 ? problems : mr_err_report(stderr, &err);
}

static int apply_environment(mr_config_t *c)
{
    mr_err_t err = MR_ERR_INIT;
    int problems;

    if (mr_config_env(c, &err) == MR_OK)
        return 0;
    problems = mr_config_problems(c, stderr);
    return problems > 0 ? problems : mr_err_report(stderr, &err);
}

mr_config_t *config_read(const char *file, const char *log_format)
{
    mr_err_t err = MR_ERR_INIT;
    mr_config_t *c = mr_config_new(&err);
    int problems;

    if (!c || (log_format && mr_config_set(c, "log.format", log_format, &err) != MR_OK)) {
        mr_err_report(stderr, &err);
        mr_config_free(c);
        return NULL;
    }
    problems = apply_file(c, file) + apply_environment(c);
    if (problems == 0)
        return c;
    fprintf(stderr, "%d problem%s\n", problems, problems == 1 ? "" : "s");
    mr_config_free(c);
    return NULL;
}

static int example(const struct options *o)
{
    if (o->file || o->origin)
        return usage("config", "example takes no options");
    mr_config_example(stdout);
    return EXIT_DONE;
}

static int show(const struct options *o)
{
    mr_config_t *c = config_read(o->file, NULL);

    if (!c)
        return EXIT_FAILED;
    mr_config_show(c, stdout, o->origin);
    mr_config_free(c);
    return EXIT_DONE;
}

static int check_all(const struct options *o)
{
    mr_config_t *c = config_read(o->file, NULL);

    if (!c)
        return EXIT_FAILED;
    mr_config_free(c);
    fprintf(stderr, "%s: good\n", o->file ? o->file : "the environment");
    return EXIT_DONE;
}

static const struct {
    const char *name;
    int (*run)(const struct options *);
} verbs[] = {{"example", example}, {"show", show}, {"check", check_all}};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int unknown(const char *verb)
{
    struct nearest n = {.typed = verb};

    for (int i = 0; i < VERBS; i++)
        nearest_offer(&n, verbs[i].name);
    if (n.name)
        return usage("config", "there is no verb \"%s\"; did you mean \"%s\"?", verb, n.name);
    return usage("config", "there is no verb \"%s\"", verb);
}

int config_command(int argc, char **argv)
{
    static const char *const with_value[] = {"--config", NULL};
    struct options options = {0};

    if (argc < 2)
        return usage("config", "say what to do: example, show or check");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--origin") == 0)
            options.origin = 1;
        else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            options.file = argv[++i];
        else
            return usage_of_option("config", argv[i], i + 1 == argc, with_value);
    }
    for (int i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(&options);
    return unknown(argv[1]);
}
