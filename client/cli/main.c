/* main.c - the table of commands, and the two that are about it: help and version.
 *
 * A new command is a row here and a file beside this one.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"
#include "client/cli/session.h"
#include "client/cli/word.h"
#include "net/base/nearest.h"

static int help_command(int argc, char **argv);
static int version_command(int argc, char **argv);

static const struct command commands[] = {
    {"config", "print an example, show or check a configuration",
     "  millrace config example > member.yaml\n"
     "  millrace config check --config member.yaml\n"
     "  millrace config show --config member.yaml --origin\n"
     "\n"
     "  example          every key with its default and a sentence, as YAML\n"
     "  show             what a member would use: defaults, the file, the environment\n"
     "  check            report all that is wrong with the file and the environment\n"
     "\n"
     "  --config FILE    read this file\n"
     "  --origin         say where each value comes from\n",
     config_command},
    {"explain", "say more about an error",
     "  millrace explain MR-1002\n"
     "  millrace explain           list all of them\n",
     explain_command},
    {"health", "say whether all is well, and if not, why",
     "  millrace health\n"
     "  millrace health --wait --members 3 && echo ready\n"
     "\n"
     "One line: healthy, or what is missing and what to type. It ends with 0 when all is well, "
     "with\n"
     "10 when it is not.\n"
     "\n"
     "  --wait                 until it is, but for a minute at most\n"
     "  --members N            fewer are not well\n" TO_HELP,
     health_command},
    {"help", "list the commands, or say more about one",
     "  millrace help\n"
     "  millrace help config\n",
     help_command},
    {"map", "look into a map, and change it",
     "  millrace map put ages ada 36\n"
     "  millrace map get ages ada\n"
     "  millrace map list ages --output json\n"
     "\n"
     "  get NAME KEY           the value of a key\n"
     "  put NAME KEY VALUE     store a value\n"
     "  remove NAME KEY        take an entry out\n"
     "  list NAME              all entries, in no order\n"
     "  size NAME              the number of entries\n"
     "  stats NAME             what is known about the map\n"
     "\n" WORDS_HELP "\n" TO_HELP,
     map_command},
    {"members", "list the members of a cluster, and what each has",
     "  millrace members\n"
     "  millrace members --to millrace://10.0.0.1:5701/prod --output json\n"
     "\n" TO_HELP,
     members_command},
    {"partitions", "say who has which part of the data",
     "  millrace partitions\n"
     "  millrace partitions --all --output json\n"
     "\n"
     "Safe is a partition with as many copies in sync as are wanted and there can be; offline one\n"
     "whose holders are all gone.\n"
     "\n"
     "  --all                  each of them: its primary, who is in sync, who learns\n" TO_HELP,
     partitions_command},
    {"ping", "see whether a cluster answers, and how fast",
     "  millrace ping\n"
     "  millrace ping --to millrace://10.0.0.1:5701/prod\n"
     "\n" TO_HELP,
     ping_command},
    {"serve", "run a member until it is told to stop",
     "  millrace serve\n"
     "  millrace serve --config member.yaml\n"
     "  millrace serve --port 5702 --join 127.0.0.1:5701,127.0.0.1:5702,127.0.0.1:5703\n"
     "  millrace serve --port 5702 --set maps.cache.eviction=lru\n"
     "\n"
     "  --config FILE      read this file\n"
     "  --port N           listen on this port and no other\n"
     "  --join A,B,..      be in a cluster with these: IP:PORT of some members, or of all that "
     "are\n"
     "                     to found it, this one included or not\n"
     "  --set KEY=VALUE    set any key; what stands here wins over environment and file\n"
     "  --check-config     look at the configuration and do nothing\n"
     "\n"
     "It ends on SIGINT (Ctrl-C) and SIGTERM. What it says goes to stderr.\n",
     serve_command},
    {"takeover", "go on alone, where the other of two members is dead",
     "  millrace takeover --peer-is-dead --to millrace://host:5701/dev\n"
     "\n"
     "A member that lost the other of two and cannot know whether it is dead waits, for else both\n"
     "might go on. Make sure that the other's process is dead, then say so to the one that waits.\n"
     "\n" TO_HELP,
     takeover_command},
    {"version", "say which version this is", "  millrace version\n", version_command},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    struct nearest n = {.typed = name};

    for (int i = 0; i < COMMANDS; i++)
        nearest_offer(&n, commands[i].name);
    fprintf(stderr, "millrace: there is no command \"%s\"\n", name);
    if (n.name)
        fprintf(stderr, "did you mean \"millrace %s\"?\n", n.name);
    else
        fputs("\"millrace help\" lists them\n", stderr);
    return EXIT_USAGE;
}

static void list(FILE *f)
{
    fputs("usage: millrace COMMAND ...\n\n", f);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n\"millrace help COMMAND\" says more about one.\n", f);
}

static int help_command(int argc, char **argv)
{
    const struct command *command;

    if (argc == 1) {
        list(stdout);
        return EXIT_DONE;
    }
    command = find(argv[1]);
    if (!command)
        return unknown(argv[1]);
    printf("millrace %s - %s\n\n%s", command->name, command->summary, command->help);
    return EXIT_DONE;
}

static int version_command(int argc, char **argv)
{
    if (argc > 1)
        return usage("version", "\"%s\" is one word too many", argv[1]);
    puts("millrace " MR_VERSION);
    return EXIT_DONE;
}

int usage(const char *noun, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "millrace %s: ", noun);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n\"millrace help %s\" shows how to use it\n", noun);
    return EXIT_USAGE;
}

int usage_of_option(const char *noun, const char *option, bool last, const char *const *with_value)
{
    for (; last && *with_value; with_value++)
        if (strcmp(*with_value, option) == 0)
            return usage(noun, "\"%s\" wants a word behind it", option);
    return usage(noun, "\"%s\" is not understood here", option);
}

/* The words that everybody tries first. */
static const char *without_dashes(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        list(stderr);
        return EXIT_USAGE;
    }
    command = find(without_dashes(argv[1]));
    if (!command)
        return unknown(argv[1]);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return help_command(2, (char *[]){"help", (char *)command->name, NULL});
    int code = command->run(argc - 1, argv + 1);

    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("millrace: cannot write the output\n", stderr);
        return EXIT_FAILED;
    }
    return code;
}
