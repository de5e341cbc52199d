/* The table of commands. A new one is a row here and a file beside this one. */
#include <stdio.h>
#include <string.h>

#include "client/cli/cli.h"

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("millrace " MR_VERSION);
    return EXIT_DONE;
}

static const struct command commands[] = {
    {"version", "say which version this is", "  millrace version\n", version},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (argc > 1 && strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fputs("usage: millrace version\n", stderr);
    return EXIT_USAGE;
}
