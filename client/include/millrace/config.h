/* config.h - what a member is told before it starts.
 *
 * A configuration is a set of keys such as "cluster.name", each with a default. It is filled
 * from text, wherever that text comes from: mr_config_load() reads a YAML file, mr_config_env()
 * the environment, mr_config_set() takes one value. They are applied in the order of the calls,
 * so that the last one wins, and each value remembers where it came from.
 *
 *     YAML            C and messages     environment
 *     log:
 *       level: info   log.level          MILLRACE_LOG_LEVEL       ('.' and '-' become '_')
 *
 * Times are written 500ms, 30s, 5m, 2h or 7d, sizes 4096, 64KiB, 16MiB, 2GiB or 1TiB.
 * `millrace config example` prints every key with its sentence.
 *
 * Options of maps have keys of the form maps.NAME.OPTION. NAME is a map's name; or a pattern in
 * which * stands for any letters; or `default`. An option is taken from the map's own name if it
 * is set there, else from the longest pattern that fits and sets it (of two equally long, the
 * one that was named first), else from `default`. Options of queues and ringbuffers, such as
 * queues.NAME.max-size, work the same way.
 *
 * Errors are MR_ERR_CONFIG for a key or value that is not valid, MR_ERR_SYSTEM for a file that
 * cannot be read, MR_ERR_MEMORY, and MR_ERR_ARGUMENT for a NULL configuration, key or value.
 * Whichever it is, the configuration is then as it was before the call. As everywhere, a call
 * that is handed a filled err does nothing and returns its code.
 *
 * Threads: a configuration belongs to one thread at a time; several may read one that nobody
 * changes.
 */
#ifndef MILLRACE_CONFIG_H
#define MILLRACE_CONFIG_H

#include <stdio.h>

#include <millrace/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mr_config mr_config_t;

/* A configuration in which every key has its default; NULL when there is no memory. Yours, to be
 * given back with mr_config_free(). */
MR_API mr_config_t *mr_config_new(mr_err_t *err);

/* Frees c and every text borrowed from it. NULL is allowed. */
MR_API void mr_config_free(mr_config_t *c);

/* Sets one key. Both texts are copied. */
MR_API mr_rc_t mr_config_set(mr_config_t *c, const char *key, const char *value, mr_err_t *err);

/* Sets every key that stands in the YAML file at `path`, or none of them: err then has the first
 * problem, with file:line:column, and mr_config_problems() all of them. */
MR_API mr_rc_t mr_config_load(mr_config_t *c, const char *path, mr_err_t *err);

/* Sets the key of every environment variable that begins with MILLRACE_, or none of them: one
 * that is no key is an error, like a value that is not valid. Of the options that go by names,
 * only those of default can be set this way. */
MR_API mr_rc_t mr_config_env(mr_config_t *c, mr_err_t *err);

/* Writes to f what was wrong with the file or environment read last, as mr_err_report() does.
 * Returns how many problems there were. */
MR_API int mr_config_problems(const mr_config_t *c, FILE *f);

/* The value of a key, as it was written; for an option of a map, what holds for that map. NULL
 * when there is no such key. Borrowed until c is changed or freed. */
MR_API const char *mr_config_get(const mr_config_t *c, const char *key);

/* Writes to f a YAML file with every key, its default, and a sentence about it. */
MR_API void mr_config_example(FILE *f);

/* Writes to f every key and its value, one on each line, in a form that mr_config_load() reads.
 * With origin not 0, a comment says where each value came from. */
MR_API void mr_config_show(const mr_config_t *c, FILE *f, int origin);

#ifdef __cplusplus
}
#endif
#endif
