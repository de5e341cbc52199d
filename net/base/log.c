#define _GNU_SOURCE
#include "net/base/log.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/escape.h"
#include "net/base/text.h"

enum { CUT_ROOM = 24 }; /* always left free for "cut=true" and the end of the line */

uint32_t log_least = LOG_NOTHING;

/* Where events go. The lock is read-held while a line is being written, so that whoever changes
 * the sink knows, once it has the lock, that the former callback has returned. */
static struct {
    pthread_rwlock_t lock;
    int fd;
    bool json;
    void (*function)(void *context, const struct log_entry *entry);
    void *context;
} sink = {.lock = PTHREAD_RWLOCK_INITIALIZER, .fd = -1};

static __thread bool inside; /* a callback that logs would otherwise call itself */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct log_field log_str(const char *key, const char *string)
{
    if (!string)
        string = "-";
    return log_text(key, string, strlen(string));
}

/* ---- one line ------------------------------------------------------------------------------- */

static void time_put(struct text *t, uint64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    text_digits(t, (uint64_t)utc.tm_year + 1900, 4);
    text_char(t, '-');
    text_digits(t, (uint64_t)utc.tm_mon + 1, 2);
    text_char(t, '-');
    text_digits(t, (uint64_t)utc.tm_mday, 2);
    text_char(t, 'T');
    text_digits(t, (uint64_t)utc.tm_hour, 2);
    text_char(t, ':');
    text_digits(t, (uint64_t)utc.tm_min, 2);
    text_char(t, ':');
    text_digits(t, (uint64_t)utc.tm_sec, 2);
    text_char(t, '.');
    text_digits(t, time_ms % 1000, 3);
    text_char(t, 'Z');
}

static void string_put(struct text *t, bool json, const char *at, size_t size)
{
    size_t shown = size > LOG_VALUE_MAX ? LOG_VALUE_MAX : size;

    while (shown < size && shown > 0 && (at[shown] & 0xc0) == 0x80)
        shown--; /* not through the middle of a character */
    const char *rest = shown < size ? "..." : "";

    if (json)
        escape_json(t, at, shown, rest);
    else
        escape_logfmt(t, at, shown, rest);
}

static bool speaks_of_a_secret(const char *key)
{
    return strcasestr(key, "password") || strcasestr(key, "secret") || strcasestr(key, "token");
}

static void value_put(struct text *t, bool json, const struct log_field *f)
{
    const char *name;

    if (speaks_of_a_secret(f->key)) {
        string_put(t, json, "***", 3);
        return;
    }
    switch (f->type) {
    case LOG_T_U64: text_u64(t, f->u64); break;
    case LOG_T_I64: text_i64(t, f->i64); break;
    case LOG_T_BOOL: text_put(t, f->i64 ? "true" : "false"); break;
    case LOG_T_TEXT: string_put(t, json, f->text.at, f->text.size); break;
    case LOG_T_RC:
        name = mr_rc_name((mr_rc_t)f->i64);
        string_put(t, json, name, strlen(name));
        break;
    case LOG_T_ERRNO:
        name = strerrorname_np((int)f->i64);
        if (name)
            string_put(t, json, name, strlen(name));
        else
            text_i64(t, f->i64);
        break;
    }
}

static void key_put(struct text *t, bool json, const char *key)
{
    if (!json) {
        if (t->size > 0)
            text_char(t, ' ');
        text_put(t, key);
        text_char(t, '=');
        return;
    }
    text_char(t, t->size > 0 ? ',' : '{');
    string_put(t, json, key, strlen(key));
    text_char(t, ':');
}

static void fields_put(struct text *t, bool json, const struct log_field *fields)
{
    bool left_out = false;

    t->room -= CUT_ROOM;
    for (const struct log_field *f = fields; f->key; f++) {
        size_t mark = text_mark(t);

        key_put(t, json, f->key);
        value_put(t, json, f);
        if (t->cut) {
            text_back(t, mark);
            left_out = true;
        }
    }
    t->room += CUT_ROOM;
    if (left_out) {
        key_put(t, json, "cut");
        text_put(t, "true");
    }
}

static void line_put(struct text *t, bool json, const struct log_entry *e,
                     const struct log_field *fields)
{
    const char *level = level_names[e->level];

    key_put(t, json, "time");
    if (json)
        text_char(t, '"');
    time_put(t, e->time_ms);
    if (json)
        text_char(t, '"');
    key_put(t, json, "level");
    string_put(t, json, level, strlen(level));
    key_put(t, json, "event");
    string_put(t, json, e->event, strlen(e->event));
    fields_put(t, json, fields);
    text_put(t, json ? "}\n" : "\n");
    check(!t->cut);
}

static void emit(struct log_entry *e, const struct log_field *fields)
{
    char buffer[LOG_LINE_MAX];
    struct text line;

    text_init(&line, buffer, sizeof buffer);
    inside = true;
    pthread_rwlock_rdlock(&sink.lock);
    if (sink.function) {
        fields_put(&line, false, fields);
        e->fields = line.at;
        sink.function(sink.context, e);
    } else if (sink.fd >= 0) {
        line_put(&line, sink.json, e, fields);
        if (write(sink.fd, line.at, line.size) < 0) {
            /* Nobody is left to tell. */
        }
    }
    pthread_rwlock_unlock(&sink.lock);
    inside = false;
}

/* ---- repeats -------------------------------------------------------------------------------- */

enum { REPEAT_SLOTS = 64 }; /* events told apart at a time; one more is not held back */

struct repeat {
    const char *event; /* NULL: free */
    uint64_t since_ms;
    uint64_t count;
    enum log_level level;
};

static pthread_mutex_t repeats_lock = PTHREAD_MUTEX_INITIALIZER;
static struct repeat repeats[REPEAT_SLOTS];

/* One event's slot, or a free one, or NULL. Events are literals, but the same literal of two
 * files may stand at two addresses. */
static struct repeat *slot_of(const char *event)
{
    struct repeat *empty = NULL;

    for (struct repeat *r = repeats; r < repeats + REPEAT_SLOTS; r++) {
        if (!r->event)
            empty = r;
        else if (r->event == event || strcmp(r->event, event) == 0)
            return r;
    }
    return empty;
}

static bool may_be_written(enum log_level level, const char *event, uint64_t now_ms)
{
    bool may = true;

    pthread_mutex_lock(&repeats_lock);
    struct repeat *r = slot_of(event);

    if (r) {
        if (!r->event)
            *r = (struct repeat){.event = event, .since_ms = now_ms};
        if (level > r->level)
            r->level = level;
        may = ++r->count <= LOG_REPEATS;
    }
    pthread_mutex_unlock(&repeats_lock);
    return may;
}

/* Frees a slot whose time is over; *ret_r is what it held. */
static bool take_over(uint64_t now_ms, struct repeat *ret_r)
{
    bool found = false;

    pthread_mutex_lock(&repeats_lock);
    for (struct repeat *r = repeats; r < repeats + REPEAT_SLOTS && !found; r++) {
        if (!r->event || now_ms - r->since_ms < LOG_REPEAT_MS)
            continue;
        *ret_r = *r;
        *r = (struct repeat){.event = NULL};
        found = true;
    }
    pthread_mutex_unlock(&repeats_lock);
    return found;
}

static void tell_repeats(uint64_t now_ms)
{
    struct repeat r;

    while (take_over(now_ms, &r)) {
        if (r.count <= LOG_REPEATS)
            continue;
        emit(&(struct log_entry){.level = r.level, .time_ms = now_ms, .event = r.event},
             (const struct log_field[]){F_U64("repeats", r.count - LOG_REPEATS),
                                        F_U64("within_ms", now_ms - r.since_ms),
                                        {.key = NULL}});
    }
}

/* ---- the door ------------------------------------------------------------------------------- */

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    check(level < LOG_NOTHING);

    if (inside)
        return;
    uint64_t now_ms = clock_ms();

    tell_repeats(now_ms);
    if (level == LOG_DEBUG || may_be_written(level, event, now_ms))
        emit(&(struct log_entry){.level = level, .time_ms = now_ms, .event = event}, fields);
}

void log_flush(void)
{
    if (!inside && log_wanted(LOG_ERROR))
        tell_repeats(clock_ms());
}

static void sink_set(int fd, bool json,
                     void (*function)(void *context, const struct log_entry *entry), void *context,
                     enum log_level least)
{
    pthread_rwlock_wrlock(&sink.lock);
    sink.fd = fd;
    sink.json = json;
    sink.function = function;
    sink.context = context;
    store_relaxed_32(&log_least, least);
    pthread_rwlock_unlock(&sink.lock);

    pthread_mutex_lock(&repeats_lock); /* the new reader has seen nothing yet */
    memset(repeats, 0, sizeof repeats);
    pthread_mutex_unlock(&repeats_lock);
}

void log_to_fd(int fd, enum log_form form, enum log_level least)
{
    sink_set(fd, form == LOG_FORM_JSON || (form == LOG_FORM_AUTO && !isatty(fd)), NULL, NULL,
             least);
}

void log_to_callback(void (*function)(void *context, const struct log_entry *entry), void *context,
                     enum log_level least)
{
    sink_set(-1, false, function, context, least);
}

void log_to_nowhere(void)
{
    sink_set(-1, false, NULL, NULL, LOG_NOTHING);
}
