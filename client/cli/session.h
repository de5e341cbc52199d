/* session.h - what the commands that talk to a cluster share: where it is, how the answer is
 * printed, and how it ends.
 *
 * Data goes to stdout as a table for people, or for programs as JSON, an array of objects, or as
 * lines of fields with tabs between; what is not asked for is a table on a terminal and tabs
 * elsewhere.
 */
#ifndef CLIENT_CLI_SESSION_H
#define CLIENT_CLI_SESSION_H

#include <millrace/millrace.h>

#define TO_HELP                                                                                    \
    "  --to URL               the cluster; without it millrace://127.0.0.1:5701/dev\n"             \
    "  --user, --password     who you are\n"                                                       \
    "  --output FORM          table, json or tsv\n"                                                \
    "\n"                                                                                           \
    "It ends with 0 done, 1 failed, 2 not understood, 3 cannot connect, 4 not admitted,\n"         \
    "6 not found, 7 no answer in time, 8 whether it was done is not known.\n"

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_TSV };

enum { SESSION_WORDS = 8 };

struct session_options {
    const char *url, *user, *password;
    enum output output;
    const char *words[SESSION_WORDS]; /* what was typed besides options, the noun left out */
    int count;
};

/* Sorts the words of a command. EXIT_DONE or EXIT_USAGE, which has been said. */
int session_parse(int argc, char **argv, struct session_options *ret_o);

/* Connects. NULL: err says why not. */
mr_t *session_open(const struct session_options *o, mr_err_t *err);

/* Closes g, reports err, and says how the command ends. rc: what the last call has returned. */
int session_close(mr_t *g, mr_rc_t rc, mr_err_t *err);

/* ---- printing ------------------------------------------------------------------------------- */

enum { TABLE_COLUMNS = 8 };

/* Rows of cells. A cell is text; one that is `bare` is written to JSON as it is. */
struct table {
    enum output output;
    const char *columns[TABLE_COLUMNS];
    int width; /* columns */
    struct cell {
        char *text;
        int bare;
    } * cells;
    size_t count, room;
    size_t rows; /* printed */
};

/* columns ends with NULL. */
void table_begin(struct table *t, enum output output, const char *const *columns);

/* Adds a cell: text with this length, or a value. Rows are full when they have all columns. Without
 * memory the program ends, as programs do. */
void table_text(struct table *t, const char *text, size_t size);
void table_number(struct table *t, unsigned long long n);
void table_value(struct table *t, mr_ref_t v);

/* Prints what is not printed yet, and frees it. */
void table_end(struct table *t);

#endif
