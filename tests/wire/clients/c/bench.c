#include "bench.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, STEP_MS = 50, LATER_MS = 150, CONNECT_MS = 60000 };

/* ---- running -------------------------------------------------------------------------------- */

/* ONLY is the beginning of the names of those that are wanted. */
static bool is_wanted(const char *name)
{
    const char *only = getenv("ONLY");

    return !only || strncmp(name, only, strlen(only)) == 0;
}

/* MR_ERR_OUTCOME_UNKNOWN is OutcomeUnknown: an error's class, as other languages write it. */
static void show_error(FILE *out, const mr_err_t *err)
{
    const char *name = mr_rc_name(err->code) + strlen("MR_ERR_");
    bool begins = true;

    fputs("error: ", out);
    for (; *name; name++) {
        if (*name != '_')
            fputc(begins ? *name : tolower(*name), out);
        begins = *name == '_';
    }
}

void run_check(struct bench *t, const char *name, check_fn run, const void *with)
{
    char *line = NULL;
    size_t size;

    if (!is_wanted(name))
        return;
    t->name = name;
    t->with = with;
    t->said = 0;
    mr_err_clear(&t->err);
    t->out = open_memstream(&line, &size);
    run(t);
    fclose(t->out);
    printf("%s: ", name);
    if (t->err.code != MR_OK)
        show_error(stdout, &t->err);
    else
        fwrite(line, 1, size, stdout); /* a value may have a NUL in it */
    putchar('\n');
    fflush(stdout);
    if (t->err.code != MR_OK && getenv("VERBOSE"))
        mr_err_report(stderr, &t->err);
    free(line);
}

void run_checks(struct bench *t, const struct check *checks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        run_check(t, checks[i].name, checks[i].run, NULL);
}

/* ---- maps ----------------------------------------------------------------------------------- */

static mr_map_t *map_through(struct bench *t, mr_t *g)
{
    char name[128];

    snprintf(name, sizeof name, "c.%s", t->name);
    return mr_map(g, name, &t->err);
}

mr_map_t *map_of(struct bench *t)
{
    return map_through(t, t->g);
}

mr_map_t *same_map(struct bench *t)
{
    return map_through(t, t->other);
}

mr_map_t *filled(struct bench *t)
{
    const mr_entry_t abc[] = {
        {MR_STR("a"), MR_STR("one")}, {MR_STR("b"), MR_STR("two")}, {MR_STR("c"), MR_STR("three")}};
    mr_map_t *m = map_of(t);

    mr_map_put_all(m, abc, 3, NULL, NULL, &t->err);
    return m;
}

mr_t *connect_to(struct bench *t, const char *cluster, const mr_connect_opts_t *opts)
{
    mr_connect_opts_t mine = MR_CONNECT_OPTS_INIT;
    char url[256];

    if (opts)
        mine = *opts;
    if (mine.connect_timeout_ms == 0)
        mine.connect_timeout_ms = CONNECT_MS;
    snprintf(url, sizeof url, "millrace://%s/%s", t->address, cluster);
    return mr_connect(url, &mine, &t->err);
}

/* ---- saying --------------------------------------------------------------------------------- */

/* What stands before the next thing that is said. */
static void separate(struct bench *t)
{
    if (t->said++ > 0)
        fputs(", ", t->out);
}

void say(struct bench *t, mr_ref_t v)
{
    separate(t);
    show(t->out, v);
}

void say_words(struct bench *t, const char *format, ...)
{
    va_list args;

    separate(t);
    va_start(args, format);
    vfprintf(t->out, format, args);
    va_end(args);
}

void open_list(struct bench *t)
{
    separate(t);
    fputc('[', t->out);
    t->said = 0;
}

void close_list(struct bench *t)
{
    fputc(']', t->out);
    t->said = 1;
}

void say_get(struct bench *t, mr_map_t *m, const char *key)
{
    mr_val_t v = MR_VAL_INIT;

    mr_map_get(m, MR_STR(key), &v, NULL, &t->err);
    say(t, mr_val_ref(&v));
    mr_val_clear(&v);
}

void say_size(struct bench *t, mr_map_t *m)
{
    say(t, MR_I64(mr_map_size(m, &t->err)));
}

void say_done(struct bench *t, mr_rc_t rc)
{
    if (rc == MR_OK)
        say(t, MR_NULL);
    else
        say_words(t, "%s", mr_rc_name(rc));
}

void say_whether(struct bench *t, mr_rc_t rc)
{
    say(t, MR_BOOL(rc == MR_OK));
}

void say_error(struct bench *t, const mr_err_t *err)
{
    separate(t);
    if (err->code == MR_OK)
        fputs("null", t->out);
    else
        show_error(t->out, err);
}

void say_content(struct bench *t, mr_map_t *m)
{
    struct lines l = LINES_INIT;
    mr_iter_t *it = mr_map_iter(m, 0, &t->err);
    mr_ref_t key, value;

    while (mr_iter_next(it, &key, &value, &t->err))
        line_of_entry(&l, key, value);
    mr_iter_free(it);
    say_lines(t, &l, "{}");
}

/* ---- lines ---------------------------------------------------------------------------------- */

FILE *line_begin(struct lines *l)
{
    pthread_mutex_lock(&l->lock);
    return l->writing = open_memstream(&l->text, &l->size);
}

void line_end(struct lines *l)
{
    fclose(l->writing);
    l->at = realloc(l->at, (size_t)(l->n + 1) * sizeof *l->at);
    l->at[l->n++] = l->text;
    pthread_mutex_unlock(&l->lock);
}

void line_of_entry(struct lines *l, mr_ref_t key, mr_ref_t value)
{
    FILE *out = line_begin(l);

    show(out, key);
    fputs(": ", out);
    show(out, value);
    line_end(l);
}

int lines_count(struct lines *l)
{
    pthread_mutex_lock(&l->lock);
    int n = l->n;

    pthread_mutex_unlock(&l->lock);
    return n;
}

bool lines_have(struct lines *l, const char *line)
{
    bool found = false;

    pthread_mutex_lock(&l->lock);
    for (int i = 0; i < l->n; i++)
        found |= strcmp(l->at[i], line) == 0;
    pthread_mutex_unlock(&l->lock);
    return found;
}

void lines_free(struct lines *l)
{
    for (int i = 0; i < l->n; i++)
        free(l->at[i]);
    free(l->at);
    l->at = NULL;
    l->n = 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void say_lines(struct bench *t, struct lines *l, const char *brackets)
{
    separate(t);
    pthread_mutex_lock(&l->lock);
    if (l->n > 0)
        qsort(l->at, (size_t)l->n, sizeof *l->at, by_text);
    fputc(brackets[0], t->out);
    for (int i = 0; i < l->n; i++)
        fprintf(t->out, "%s%s", i ? ", " : "", l->at[i]);
    fputc(brackets[1], t->out);
    lines_free(l);
    pthread_mutex_unlock(&l->lock);
}

/* ---- waiting -------------------------------------------------------------------------------- */

void sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000); /* for checks of times, and between two looks */
}

bool wait_more(struct bench *t, int *waited_ms)
{
    if (t->err.code != MR_OK || *waited_ms >= PATIENCE_MS)
        return false;
    sleep_ms(STEP_MS);
    *waited_ms += STEP_MS;
    return true;
}

bool gone(struct bench *t, mr_map_t *m, const char *key)
{
    int waited = 0;

    while (mr_map_contains(m, MR_STR(key), &t->err) == MR_OK)
        if (!wait_more(t, &waited))
            return false;
    return true;
}

void gather(struct bench *t, struct lines *l, int n)
{
    int waited = 0;

    while (lines_count(l) < n && wait_more(t, &waited))
        ;
    sleep_ms(LATER_MS);
}
