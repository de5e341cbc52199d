/* bench.h - what a check may use, and how it says what it found.
 *
 * A check is a function with a name, and what it says becomes one line, "name: value". It passes
 * t->err to every call, so that the first error stays and those that follow do nothing; the line
 * is then the error's, as it is in languages that throw.
 *
 * Each check has maps of its own, named after it. Waiting is patient: a check that waits for
 * something goes on without it after a while, and shows what there is.
 *
 * Threads: lines may be added to by any thread, all else is the checks' own.
 */
#ifndef TESTS_WIRE_CLIENTS_C_BENCH_H
#define TESTS_WIRE_CLIENTS_C_BENCH_H

#include <millrace/millrace.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

struct bench {
    const char *address; /* of the server */
    mr_t *g, *other;     /* two clients */
    const char *name;    /* of the check that runs */
    const void *with;    /* what it is about, if several are run by one function */
    FILE *out;           /* its line */
    int said;            /* how much, since the list was opened */
    mr_err_t err;
};

typedef void (*check_fn)(struct bench *t);

/* Runs one check, if ONLY names it, and prints its line. */
void run_check(struct bench *t, const char *name, check_fn run, const void *with);

struct check {
    const char *name;
    check_fn run;
};

void run_checks(struct bench *t, const struct check *checks, size_t n);

#define RUN_ALL(t, checks) run_checks(t, checks, sizeof(checks) / sizeof(checks)[0])

/* ---- maps ----------------------------------------------------------------------------------- */

/* The check's map, and the same map as the other client sees it. */
mr_map_t *map_of(struct bench *t);
mr_map_t *same_map(struct bench *t);

/* The check's map with a: "one", b: "two", c: "three". */
mr_map_t *filled(struct bench *t);

/* A client of its own, which the caller closes. It is patient, because a server may listen before
 * it answers. */
mr_t *connect_to(struct bench *t, const char *cluster, const mr_connect_opts_t *opts);

/* ---- saying --------------------------------------------------------------------------------- */

void say(struct bench *t, mr_ref_t v);
void say_words(struct bench *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void open_list(struct bench *t);
void close_list(struct bench *t);

/* The value of an entry, or null. */
void say_get(struct bench *t, mr_map_t *m, const char *key);

void say_size(struct bench *t, mr_map_t *m);

/* null, once the call has succeeded. */
void say_done(struct bench *t, mr_rc_t rc);

/* true for MR_OK, false for the other answers. */
void say_whether(struct bench *t, mr_rc_t rc);

/* An error, as a value. */
void say_error(struct bench *t, const mr_err_t *err);

/* All entries, as {"key": value}. */
void say_content(struct bench *t, mr_map_t *m);

/* ---- lines: sets, pairs, what a listener hears ----------------------------------------------- */

struct lines {
    pthread_mutex_t lock;
    char **at;
    int n;
    char *text; /* the one that is being written */
    size_t size;
    FILE *writing;
};

#define LINES_INIT                                                                                 \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* Between these two, a line is written. */
FILE *line_begin(struct lines *l);
void line_end(struct lines *l);

void line_of_entry(struct lines *l, mr_ref_t key, mr_ref_t value);
int lines_count(struct lines *l);
bool lines_have(struct lines *l, const char *line);
void lines_free(struct lines *l);

/* Sorted, between brackets such as "{}"; and frees them. */
void say_lines(struct bench *t, struct lines *l, const char *brackets);

/* ---- waiting -------------------------------------------------------------------------------- */

void sleep_ms(int ms);

/* Sleeps a little and counts it; false: that was long enough, or an error makes it pointless. */
bool wait_more(struct bench *t, int *waited_ms);

/* Waits until there is no entry. */
bool gone(struct bench *t, mr_map_t *m, const char *key);

/* Waits until n lines came, and a moment longer, to see one too many as well. */
void gather(struct bench *t, struct lines *l, int n);

/* ---- values as text ------------------------------------------------------------------------- */

/* The same in every language (text.js). */
void show(FILE *out, mr_ref_t v);

/* ---- the checks ----------------------------------------------------------------------------- */

void map_checks(struct bench *t);
void bulk_checks(struct bench *t);
void life_checks(struct bench *t);
void async_checks(struct bench *t);
void lock_checks(struct bench *t);
void listener_checks(struct bench *t);
void value_checks(struct bench *t);
void query_checks(struct bench *t);
void near_cache_checks(struct bench *t);
void cluster_checks(struct bench *t);
void cross_write_checks(struct bench *t);
void cross_read_checks(struct bench *t);
void restart_checks(struct bench *t);

/* The process that a check of locks kills: takes the lock on "a", says so, and waits. */
int own_a_lock(const char *address, const char *map);

#endif
