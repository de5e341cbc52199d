/* commit.h - answers that wait until what they tell is held by all who are in sync.
 *
 *     commit_begin(c) ── the call runs, changes go into rings ──▶ commit_end(c)
 *                              │ commit_note, for each                │ true: answer now
 *                              ▼                                      │ false: over(c) will come
 *                        a wait in the partition's line ──committed──▶ the last one: over(c)
 *
 * A call is run at once and knows its answer before it may be given. What the answer rests on (its
 * own changes, and those of others that it has seen before they were committed) is noted with the
 * calling thread's commit while the partition is locked. So whoever serves a call need not know
 * whether there are backups.
 *
 * Unknown: this member is primary no longer, and another may have the change or not.
 *
 * Threads: begin and end by the thread that runs the call; over by any, under a partition's lock:
 * it only posts.
 */
#ifndef GRID_OP_COMMIT_H
#define GRID_OP_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/base/list.h"

enum { COMMIT_WAIT_MS = 10000 };

/* Embedded in what waits for it; stays until over, if commit_end has said false. */
struct commit {
    uint64_t open;    /* notes that are not settled, and one while the call runs; atomic */
    uint32_t unknown; /* some of it may be done or not; atomic */
    bool rests;       /* on something, which is enough to show that it was primary */
    void (*over)(struct commit *c);
};

/* One thing that a commit rests on: in its partition's line. */
struct commit_note {
    struct list node;
    struct commit *commit;
    uint64_t seq;
};

/* The commit of the call that the thread runs; NULL: nobody waits for what it does. */
extern __thread struct commit *commit_self __attribute__((tls_model("initial-exec")));

void commit_begin(struct commit *c, void (*over)(struct commit *c));

/* True: the answer can be given now, unless c->unknown. False: over has come or will. */
bool commit_end(struct commit *c);

/* The same for a thread that sleeps until its answer may be given. NULL: no memory. */
struct commit_sleep;
struct commit_sleep *commit_sleep_begin(void);

/* MR_OK: all is held. MR_ERR_OUTCOME_UNKNOWN: it is not known, or was not within COMMIT_WAIT_MS. A
 * call that nobody else has to agree to does not wait. */
mr_rc_t commit_sleep_end(struct commit_sleep *s);

/* The thread's call rests on the change with this number: a note at the end of the line. Under the
 * partition's lock. Without memory for a note it can only say that it does not know. */
void commit_note(struct list *line, uint64_t seq);

/* Under the partition's lock: all notes up to seq are settled. */
void commit_settle(struct list *line, uint64_t seq, bool unknown);

#endif
