/* log.h - what happened, as events with fields.
 *
 *     log_event(LOG_WARN, "arena.grow_failed", F_U64("bytes", size), F_STR("map", name));
 *
 *     time=2025-03-01T12:00:00.000Z level=warn event=arena.grow_failed bytes=4096 map=people
 *     {"time":"2025-03-01T12:00:00.000Z","level":"warn","event":"arena.grow_failed",...}
 *
 * An event has a stable name, "module.what_happened", which people search and alert by; what
 * varies is in the fields, each of which carries its type, so that there is no format string to
 * get wrong. The lines are logfmt for people at a terminal and JSON for everything else.
 *
 * A library is silent: until somebody calls one of the log_to_ functions nothing is written
 * anywhere. log_to_callback hands every event to the embedding program, and to nobody else.
 *
 * Repeats are held back. An event may be written LOG_REPEATS times within LOG_REPEAT_MS of its
 * first; what comes on top is counted, and told as one line when that time is over, by
 * whichever call comes next:
 *     level=warn event=arena.grow_failed repeats=312 within_ms=10000
 * A loop that logs nothing more calls log_flush, so that the count is not kept back for long.
 * Debug events are not held back: who asks for them wants them all.
 *
 * Values are escaped, so that no name chosen by a stranger forges a line, a field or a terminal
 * command. A field whose key speaks of a password, a secret or a token shows no value: the
 * last line of defence, not a licence to pass one.
 *
 * No allocation: a line is built on the stack, and what does not fit LOG_LINE_MAX is left out
 * by whole fields and said so (cut=true). Any thread may log, except from inside a callback,
 * where it does nothing. After log_to_... has returned, the former callback is not running and
 * will not be called again.
 */
#ifndef NET_BASE_LOG_H
#define NET_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/atomic.h"
#include "net/base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NOTHING };

enum {
    LOG_LINE_MAX = 2048,
    LOG_VALUE_MAX = 512, /* bytes of one text value; the rest becomes "..." */
    LOG_REPEATS = 10,
    LOG_REPEAT_MS = 10000,
};

enum log_form {
    LOG_FORM_AUTO, /* logfmt when the file is a terminal, else JSON */
    LOG_FORM_LOGFMT,
    LOG_FORM_JSON,
};

enum log_type { LOG_T_U64, LOG_T_I64, LOG_T_BOOL, LOG_T_TEXT, LOG_T_RC, LOG_T_ERRNO };

struct log_field {
    const char *key; /* a literal of letters, digits and '_'; NULL ends a list */
    enum log_type type;
    union {
        uint64_t u64;
        int64_t i64;
        struct {
            const char *at;
            size_t size;
        } text;
    };
};

/* What a callback is given; all of it borrowed for the call. */
struct log_entry {
    enum log_level level;
    uint64_t time_ms;
    const char *event;
    const char *fields; /* as logfmt; without time, level and event */
};

static inline struct log_field log_u64(const char *key, uint64_t v)
{
    return (struct log_field){.key = key, .type = LOG_T_U64, .u64 = v};
}

static inline struct log_field log_i64(const char *key, enum log_type type, int64_t v)
{
    return (struct log_field){.key = key, .type = type, .i64 = v};
}

static inline struct log_field log_text(const char *key, const char *at, size_t size)
{
    return (struct log_field){.key = key, .type = LOG_T_TEXT, .text = {at, size}};
}

struct log_field log_str(const char *key, const char *string); /* NULL is shown as "-" */

/* Fields. Inline functions and not initialisers, so that a value of a wrong type is refused. */
#define F_U64(key, v)         log_u64(key, v)
#define F_I64(key, v)         log_i64(key, LOG_T_I64, v)
#define F_BOOL(key, v)        log_i64(key, LOG_T_BOOL, v)
#define F_STR(key, string)    log_str(key, string)
#define F_TEXT(key, at, size) log_text(key, at, size)           /* bytes without a NUL */
#define F_RC(key, code)       log_i64(key, LOG_T_RC, code)      /* an mr_rc_t by its name */
#define F_ERRNO(key, number)  log_i64(key, LOG_T_ERRNO, number) /* an errno by its name */

extern uint32_t log_least; /* enum log_level; events below it are not looked at */

static inline bool log_wanted(enum log_level level)
{
    return level >= load_relaxed_32(&log_least);
}

/* Says that `event`, a literal, happened. Fields are evaluated only when the level is wanted. */
#define log_event(level, event, ...)                                                               \
    do {                                                                                           \
        if (log_wanted(level))                                                                     \
            log_write(level, event,                                                                \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}});        \
    } while (0)

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* From now on events of at least `least` go to the file behind `fd`, which stays the caller's.
 * Each line is one write; what the file does not take is lost, and never fails the caller. A
 * pipe without a reader raises SIGPIPE, as for every writer. */
void log_to_fd(int fd, enum log_form form, enum log_level least);

/* ... go to `function`, in the thread that logged. */
void log_to_callback(void (*function)(void *context, const struct log_entry *entry), void *context,
                     enum log_level least);

/* ... go nowhere, as before the first call. */
void log_to_nowhere(void);

/* Tells the repeats whose time is over. */
void log_flush(void);

#endif
