/* cli.h - the millrace command: nouns, verbs, and how they end.
 *
 * main.c holds the table of commands; each noun has a file of its own. A command gets the words
 * from its own name on (argv[0] is the noun), writes data to stdout and talk to stderr, and
 * returns an exit code.
 *
 * The command line is a user of the library like any other: it sees <millrace/...> alone, and
 * links the archive in which no other name is left. Only the search for the name that was meant
 * it shares with the inside.
 */
#ifndef CLIENT_CLI_CLI_H
#define CLIENT_CLI_CLI_H

#include <stdbool.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* understood, and could not be done */
    EXIT_USAGE = 2,  /* not understood */
    EXIT_CONNECT = 3,
    EXIT_LOGIN = 4, /* not admitted */
    EXIT_NOT_FOUND = 6,
    EXIT_TIMEOUT = 7,
    EXIT_UNKNOWN = 8, /* whether it was done is not known */
    EXIT_UNWELL = 10, /* the cluster is not as it should be */
};

struct command {
    const char *name;
    const char *summary; /* one line in the list */
    const char *help;    /* examples first, then the words it takes */
    int (*run)(int argc, char **argv);
};

/* Says what is wrong with the words typed after `noun`, and where to read more. Returns
 * EXIT_USAGE. */
int usage(const char *noun, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same of an option that was not taken. `last`: nothing stands behind it; with_value: those, up
 * to NULL, that want something there. */
int usage_of_option(const char *noun, const char *option, bool last, const char *const *with_value);

/* The defaults, then the file (NULL: none), then the environment. log_format, if not NULL, takes
 * the place of its default. NULL when something is wrong, which has been said. */
struct mr_config *config_read(const char *file, const char *log_format);

/* The nouns. */
int config_command(int argc, char **argv);
int explain_command(int argc, char **argv);
int health_command(int argc, char **argv);
int takeover_command(int argc, char **argv);
int map_command(int argc, char **argv);
int members_command(int argc, char **argv);
int partitions_command(int argc, char **argv);
int ping_command(int argc, char **argv);
int serve_command(int argc, char **argv);

#endif
