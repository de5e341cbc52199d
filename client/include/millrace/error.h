/* error.h - how a call says that it could not do its work.
 *
 * A function that can fail returns mr_rc_t. MR_RC_MAP is the only list of codes: name, the
 * stable number shown to people as MR-nnnn, a sentence, and whether the same call may succeed
 * when it is made again. Codes below 1000 are answers, not errors: they never fill an mr_err_t.
 *
 * An mr_err_t carries the words. The caller owns it, the library never allocates for it, and
 * it is sticky: a call that is handed a filled one does nothing and returns its code, so that a
 * program may make ten calls and look once.
 *
 * Threads: an mr_err_t belongs to one thread at a time.
 */
#ifndef MILLRACE_ERROR_H
#define MILLRACE_ERROR_H

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MR_API
#define MR_API __attribute__((visibility("default")))
#endif

/* Inside the project a forgotten check does not compile; a user's compiler flags stay theirs. */
#ifdef MR_INSIDE
#define MR_MUST_CHECK [[nodiscard]]
#else
#define MR_MUST_CHECK
#endif

/* X(name, number, sentence, retryable) */
#define MR_RC_MAP(X)                                                                               \
    X(OK, 0, "done", 0)                                                                            \
    X(NOT_FOUND, 1, "no such entry", 0)                                                            \
    X(EXISTS, 2, "the entry is already there", 0)                                                  \
    X(NOT_EQUAL, 3, "the entry has another value", 0)                                              \
    X(PENDING, 4, "the answer comes later", 0)                                                     \
    X(ERR_MEMORY, 1001, "out of memory", 1)                                                        \
    X(ERR_FULL, 1002, "the memory or size ceiling is reached", 1)                                  \
    X(ERR_ARGUMENT, 1003, "an argument is not valid", 0)                                           \
    X(ERR_TOO_LARGE, 1004, "a key or value is larger than allowed", 0)                             \
    X(ERR_TYPE, 1005, "the value has another type", 0)                                             \
    X(ERR_MALFORMED, 1006, "bytes do not form what they should", 0)                                \
    X(ERR_SCHEMA, 1007, "a schema is missing or does not fit", 0)                                  \
    X(ERR_STALE, 1008, "what was asked for is not kept any more", 0)                               \
    X(ERR_CONFIG, 1101, "the configuration is not valid", 0)                                       \
    X(ERR_SYSTEM, 1102, "the operating system refused", 0)                                         \
    X(ERR_CLOSED, 1201, "the member is closed", 0)                                                 \
    X(ERR_BUSY, 1202, "a queue is full, or a key is locked", 1)                                    \
    X(ERR_FORKED, 1203, "the handle belongs to the parent process", 0)                             \
    X(ERR_DESTROYED, 1204, "the object was destroyed while a call waited for it", 0)               \
    X(ERR_BEHIND, 1205, "this member has not seen what the caller has", 1)                         \
    X(ERR_MOVED, 1206, "another member has the partition", 1)                                      \
    X(ERR_OFFLINE, 1207, "all members that hold the partition are out of reach", 1)                \
    X(ERR_COPIES, 1208, "fewer copies than min-in-sync would hold it", 1)                          \
    X(ERR_CONNECT, 1301, "no member can be reached", 1)                                            \
    X(ERR_LOGIN, 1302, "the cluster does not admit this client", 0)                                \
    X(ERR_TIMEOUT, 1303, "no answer came in time", 1)                                              \
    X(ERR_OUTCOME_UNKNOWN, 1304, "whether it was done is not known", 0)                            \
    X(ERR_REMOTE, 1305, "a member answered with an error", 0)                                      \
    X(ERR_UNSUPPORTED, 1306, "this cannot be done here", 0)

typedef enum MR_MUST_CHECK mr_rc {
#define X(name, number, sentence, retryable) MR_##name = number,
    MR_RC_MAP(X)
#undef X
} mr_rc_t;

/* Error in words. Fields are NUL-terminated and may be empty; text that does not fit is cut. */
typedef struct mr_err {
    mr_rc_t code;      /* MR_OK: nothing went wrong */
    int retryable;     /* the same call may succeed later */
    char message[384]; /* what failed: one line, with names and values */
    char detail[320];  /* facts that help: limits, sizes, what was found */
    char hint[304];    /* what to do about it */
} mr_err_t;

#define MR_ERR_INIT                                                                                \
    {                                                                                              \
        MR_OK, 0, "", "", ""                                                                       \
    }

/* The sentence of a code from MR_RC_MAP; never NULL. Any thread. */
MR_API const char *mr_rc_text(mr_rc_t code);

/* Its name, such as "MR_ERR_FULL"; "MR_?" for a number that is not in the list. */
MR_API const char *mr_rc_name(mr_rc_t code);

/* Makes err empty again, so that calls work with it. NULL is allowed. */
MR_API void mr_err_clear(mr_err_t *err);

/* Writes err to f in up to three lines (error, detail, hint); writes nothing when it is empty.
 * Returns what a main() may return: 0 when nothing went wrong, else 1. */
MR_API int mr_err_report(FILE *f, const mr_err_t *err);

#ifdef __cplusplus
}
#endif
#endif
