/* config.h - the configuration, as the member reads it.
 *
 * config.c holds one table: key, type, default, sentence. Everything else follows from a row:
 * what text is accepted, the environment variable, the message, the reference page. A new key is
 * a new row, and a line where it is read:
 *
 *     text ──mr_config_set──▶ ┌───────────────────────┐
 *     YAML ──mr_config_load─▶ │ section  "" (member)  │──config_number("member.loops")──▶
 *     env  ──mr_config_env──▶ │ section "maps.orders" │
 *                             │ section "maps.cache-*"│──config_map("cache-7")──▶
 *                             └───────────────────────┘
 *
 * Invariant: a value that is in was checked against its row, so reading cannot fail. A file or
 * an environment is first read into a configuration of its own and moved over when it is whole.
 *
 * Asking for a key that has no row is a mistake of ours, and stops the process.
 * Threads: as the public header says; reading changes nothing.
 */
#ifndef GRID_CONFIG_H
#define GRID_CONFIG_H

#include <millrace/config.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"

enum config_type {
    CONFIG_TEXT,     /* least and most: its length in bytes */
    CONFIG_SECRET,   /* a text that nobody is shown */
    CONFIG_INT,      /* least and most: its value */
    CONFIG_SIZE,     /* bytes */
    CONFIG_DURATION, /* milliseconds */
    CONFIG_CHOICE,   /* one of `choices`; its number is its place there */
};

struct config_key {
    const char *name; /* an option of maps, queues and so on has a * for the name */
    enum config_type type;
    const char *fallback;
    uint64_t least, most;
    const char *choices; /* "none|lru" */
    const char *sentence;
};

enum { CONFIG_KEYS_MAX = 48, CONFIG_NAME_MAX = 255 };

/* Stands for a secret wherever values are shown, and is therefore not accepted as one: what was
 * shown, read again, must not become a password that everybody knows. */
#define CONFIG_MASK "***"

struct config_value {
    char *text; /* NULL: not set */
    char *origin;
    uint64_t number;
};

/* The values that belong to the member, or to a name or pattern of maps, queues and so on. */
struct config_section {
    struct config_section *next;
    char *name; /* such as "maps.orders"; NULL: the member */
    struct config_value values[CONFIG_KEYS_MAX];
};

struct config_problem {
    struct config_problem *next;
    mr_err_t err;
};

struct mr_config {
    struct config_section member; /* the others follow, in the order they were named */
    struct config_problem *problems;
    int problem_count; /* at least as many as were kept */
};

/* ---- for the member ---- */

/* The order is that of the words in the table. */
enum config_eviction { CONFIG_EVICT_NONE, CONFIG_EVICT_LRU, CONFIG_EVICT_LFU, CONFIG_EVICT_RANDOM };
enum config_collection { CONFIG_SET, CONFIG_LIST };
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARN, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_LOGFMT, CONFIG_LOG_JSON, CONFIG_LOG_NONE };

struct config_map {
    uint64_t ttl_ms;      /* 0: for ever */
    uint64_t max_idle_ms; /* 0: for ever */
    uint64_t entries_max; /* 0: as memory allows */
    uint64_t bytes_max;   /* 0: as memory allows */
    enum config_eviction eviction;
    uint64_t journal_capacity; /* events per partition; 0: no journal */
    uint64_t in_sync_min;      /* copies, at least 1 */
};

/* A number, a size in bytes, a duration in milliseconds, or the place of a choice. */
uint64_t config_number(const mr_config_t *c, const char *key);

/* A text; borrowed as from mr_config_get(). */
const char *config_text(const mr_config_t *c, const char *key);

/* The number of an option, such as "queues.*.max-size", that holds for this name. */
uint64_t config_option(const mr_config_t *c, const char *key, const char *name);

/* The options that hold for a map of this name. */
struct config_map config_map(const mr_config_t *c, const char *map);

/* A copy that shares nothing with c, without its problems; NULL when there is no memory. */
mr_config_t *config_copy(const mr_config_t *c);

/* ---- for the forms it is written in ---- */

extern const struct config_key config_keys[];
extern const int config_key_count;

/* Is the row an option of maps, queues and so on? */
bool config_is_option(int row);

/* The bytes of its first word with the dot, such as "maps." */
size_t config_family(int row);

/* What the row accepts, as a phrase: "a whole number from 1 to 9". Cut at size. */
void config_describe(int row, char *text, size_t size);

/* The row's environment variable. */
void config_env_name(int row, char *name, size_t size);

/* Sets one key; `where` is where it was found and stands in front of the message, and may be
 * NULL, `origin` is what is remembered. */
mr_rc_t config_assign(mr_config_t *c, const char *key, const char *value, const char *where,
                      const char *origin, mr_err_t *err);

/* Reading many: problems go to c, values to the draft that begin gives, until finish moves them
 * to c (or, when there was a problem, drops them and gives the first one to err). */
mr_config_t *config_begin(mr_config_t *c, mr_err_t *err);
mr_rc_t config_finish(mr_config_t *c, mr_config_t *draft, mr_err_t *err);
void config_problem(mr_config_t *c, const mr_err_t *problem);

#endif
