#define _GNU_SOURCE
#include "client/cli/session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/word.h"

/* ---- words ---------------------------------------------------------------------------------- */

static int parse_output(const char *word, enum output *ret_output)
{
    static const char *const names[] = {"table", "json", "tsv"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(word, names[i]) != 0)
            continue;
        *ret_output = (enum output)i;
        return 1;
    }
    return 0;
}

int session_parse(int argc, char **argv, struct session_options *ret_o)
{
    static const char *const with_value[] = {"--to", "--user", "--password", "--output", NULL};

    *ret_o = (struct session_options){.url = "millrace://127.0.0.1:5701/dev",
                                      .output = isatty(STDOUT_FILENO) ? OUTPUT_TABLE : OUTPUT_TSV};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strncmp(word, "--", 2) != 0) {
            if (ret_o->count == SESSION_WORDS)
                return usage(argv[0], "\"%s\" is one word too many", word);
            ret_o->words[ret_o->count++] = word;
            continue;
        }
        if (strcmp(word, "--to") == 0 && value)
            ret_o->url = value;
        else if (strcmp(word, "--user") == 0 && value)
            ret_o->user = value;
        else if (strcmp(word, "--password") == 0 && value)
            ret_o->password = value;
        else if (strcmp(word, "--output") != 0 || !value)
            return usage_of_option(argv[0], word, !value, with_value);
        else if (!parse_output(value, &ret_o->output))
            return usage(argv[0], "there is no form \"%s\": table, json or tsv", value);
        i++;
    }
    return EXIT_DONE;
}

/* ---- the cluster ---------------------------------------------------------------------------- */

/* A person waits, so it is not tried for long. */
mr_t *session_open(const struct session_options *o, mr_err_t *err)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;

    opts.client_name = "millrace-cli";
    opts.user = o->user;
    opts.password = o->password;
    opts.connect_timeout_ms = 2000;
    opts.reconnect = MR_RECONNECT_ON; /* also a member that is just starting may close it */
    return mr_connect(o->url, &opts, err);
}

int session_close(mr_t *g, mr_rc_t rc, mr_err_t *err)
{
    mr_close(g, MR_NOW, err);
    mr_err_report(stderr, err);
    switch (err->code) {
    case MR_OK: return rc == MR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_DONE;
    case MR_ERR_CONNECT: return EXIT_CONNECT;
    case MR_ERR_LOGIN: return EXIT_LOGIN;
    case MR_ERR_TIMEOUT: return EXIT_TIMEOUT;
    case MR_ERR_OUTCOME_UNKNOWN: return EXIT_UNKNOWN;
    default: return EXIT_FAILED;
    }
}

/* ---- printing ------------------------------------------------------------------------------- */

static void add(struct table *t, const char *text, size_t size, int bare)
{
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->cells = realloc(t->cells, t->room * sizeof *t->cells);
    }
    char *copy = t->cells ? malloc(size + 1) : NULL;

    if (!copy) {
        fputs("millrace: out of memory\n", stderr);
        exit(EXIT_FAILED);
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    t->cells[t->count++] = (struct cell){copy, bare};
}

static void print_json_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_json(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        int column = (int)(i % (size_t)t->width);

        fputs(column > 0 ? "," : t->rows++ ? ",\n{" : "[{", stdout);
        print_json_text(t->columns[column]);
        putchar(':');
        if (t->cells[i].bare)
            fputs(t->cells[i].text, stdout);
        else
            print_json_text(t->cells[i].text);
        if (column == t->width - 1)
            putchar('}');
    }
}

/* A tab or a newline inside would look like another field or line. */
static void print_field(const char *text)
{
    for (; *text; text++) {
        if (*text == '\t')
            fputs("\\t", stdout);
        else if (*text == '\n')
            fputs("\\n", stdout);
        else if (*text == '\\')
            fputs("\\\\", stdout);
        else
            putchar(*text);
    }
}

static void print_tsv(const struct table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        print_field(t->cells[i].text);
        putchar((i + 1) % (size_t)t->width ? '\t' : '\n');
    }
}

static void print_row(const struct table *t, const int *widths, const char *const *texts)
{
    for (int c = 0; c < t->width; c++)
        printf("%s%-*s", c ? "  " : "", c < t->width - 1 ? widths[c] : 0, texts[c]);
    putchar('\n');
}

static void print_table(const struct table *t)
{
    int widths[TABLE_COLUMNS] = {0};
    const char *texts[TABLE_COLUMNS];

    for (int c = 0; c < t->width; c++)
        widths[c] = (int)strlen(t->columns[c]);
    for (size_t i = 0; i < t->count; i++) {
        int *w = &widths[i % (size_t)t->width], n = (int)strlen(t->cells[i].text);

        *w = n > *w ? n : *w;
    }
    print_row(t, widths, t->columns);
    for (size_t i = 0; i < t->count; i += (size_t)t->width) {
        for (int c = 0; c < t->width; c++)
            texts[c] = t->cells[i + (size_t)c].text;
        print_row(t, widths, texts);
    }
}

static void forget(struct table *t)
{
    while (t->count > 0)
        free(t->cells[--t->count].text);
}

/* Programs need not wait for the last row; a table does, for its widths. */
static void flush(struct table *t)
{
    enum { ROWS = 1000 };

    if (t->output == OUTPUT_TABLE || t->count < (size_t)t->width * ROWS ||
        t->count % (size_t)t->width)
        return;
    if (t->output == OUTPUT_JSON)
        print_json(t);
    else
        print_tsv(t);
    forget(t);
}

void table_begin(struct table *t, enum output output, const char *const *columns)
{
    *t = (struct table){.output = output};
    for (; columns[t->width]; t->width++)
        t->columns[t->width] = columns[t->width];
}

void table_text(struct table *t, const char *text, size_t size)
{
    add(t, text, size, 0);
    flush(t);
}

void table_number(struct table *t, unsigned long long n)
{
    char text[24];

    add(t, text, (size_t)snprintf(text, sizeof text, "%llu", n), 1);
    flush(t);
}

void table_value(struct table *t, mr_ref_t v)
{
    char room[WORD_ROOM];
    size_t size;
    int bare;
    const char *text = word_of(v, room, &size, &bare);

    add(t, text, size, bare);
    flush(t);
}

void table_end(struct table *t)
{
    if (t->output == OUTPUT_TABLE) {
        print_table(t);
    } else if (t->output == OUTPUT_TSV) {
        print_tsv(t);
    } else {
        print_json(t);
        puts(t->rows ? "]" : "[]");
    }
    forget(t);
    free(t->cells);
}
