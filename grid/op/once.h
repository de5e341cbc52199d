/* once.h - a change that takes effect once, however often its client asks for it.
 *
 *     dispatch ── once_self ── the call runs ──▶ once_begins, under the partition's lock
 *                                                   │ true: new        │ false: the answer is
 *                                                   ▼                  ▼ remembered, or it is not
 *                            what it answers goes with its effect      to be done at all
 *                                                   │
 *                      who applies the effect puts it into the partition's table (sessions.h)
 *
 * What a change answers is decided with the change: a code, and a value where somebody wants the
 * one from before. So it is known wherever the change is, and who asks again while it is not
 * committed gets the same answer, which rests on the same commit.
 *
 * A change that turned out to be none, since the entry is another than was expected, has to be
 * remembered as well: what is on its way since an earlier try would find another entry.
 *
 * Which sessions are open, each partition is told when the control log says so.
 *
 * Threads: under the partition's lock.
 */
#ifndef GRID_OP_ONCE_H
#define GRID_OP_ONCE_H

#include "grid/op/sessions.h"
#include "net/wire/data.h"

struct copies;
struct effect;

/* A call, or what an effect bears of it. */
struct once {
    struct session_call call;
    enum session_verdict verdict; /* of a call: ONCE_NEW, or why it was not done now */
    uint32_t size;                /* of the answer; at most SESSION_RESULT_MAX */
    uint8_t *answer;
};

/* Of the call that the thread runs; NULL: it may be done again and again. */
extern __thread struct once *once_self __attribute__((tls_model("initial-exec")));

/* Sessions that are open, after so many entries of the control log. Shared by all partitions. */
struct once_open {
    uint64_t applied;
    uint32_t count;
    uint64_t numbers[]; /* ascending */
};

/* Is it to be done? False: its verdict says why not, and of one that is done, or on its way, the
 * answer is there. */
bool once_begins(struct copies *c, struct once *o);

/* What it answers: one that is too long for the table is left out, and so is NULL. */
void once_say(struct once *o, mr_rc_t rc, const struct data *value);

/* What was answered. MR_ERR_OUTCOME_UNKNOWN: it was done, with a value that was left out. */
mr_rc_t once_said(const struct once *o, struct data *ret_value);

/* Nothing changes, and that is remembered: as copies_write. */
mr_rc_t once_write_nothing(struct copies *c, const struct once *o);

/* It is done here. Also what an effect of the ring bears. */
void once_apply(struct copies *c, const struct once *o, uint64_t epoch, uint64_t seq);

/* Other sessions are open from now on. `open` is kept until the next time. */
void once_open(struct copies *c, const struct once_open *open);

/* Where this member is primary: writes down which sessions are over, if some are. From time to
 * time. */
void once_expire(struct copies *c);

#endif
