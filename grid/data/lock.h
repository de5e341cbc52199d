/* lock.h - keys that somebody has taken for himself: the entry locks of a map.
 *
 * An owner, a thread of a client, may lock a key whether there is an entry or not. Until he lets
 * go, or his lease ends, or his client dies, nobody else changes the entry; reading goes on. He
 * may take it several times and lets go as often.
 *
 *     locks ──▶ NULL                          nobody has locked anything: one test, no memory
 *     locks ──▶ table ──▶ lock ──▶ lock       by hash of the key
 *                          └ waits: who wants the lock, and who wants to change the entry
 *
 * A request may be sent twice because its answer was lost, so taking and letting go bear a
 * reference: the one that was done last is not done again. 0 is none.
 *
 * A lock that nobody holds stays while somebody waits there. A lease is looked at when the lock
 * is: nothing runs when it ends, since who waits for it has said when to try again. What is then
 * abandoned is dropped when it is next met, or by the keeper (locks_sweep).
 *
 * Invariants: a lock is held (count > 0), or has somebody waiting, or is about to be dropped; a
 * table has at least one lock.
 *
 * Threads: under the partition's lock, except locks_any.
 */
#ifndef GRID_DATA_LOCK_H
#define GRID_DATA_LOCK_H

#include "grid/op/wait.h"
#include "net/request.h"

struct lock_table;

/* The locks of one map in one partition. Zeroed: none. */
struct locks {
    struct lock_table *table; /* any thread may look whether there is one */
};

/* Taking a lock, or letting it go. */
struct lock_request {
    struct data key;
    struct owner owner;
    int64_t reference; /* the same when the same request is sent again; 0: none */
    uint64_t lease_ms; /* 0: until it is let go */
    struct waiter *waiter;
};

/* What there is to know of a lock that is held, for who has a copy of it. */
struct lock_state {
    struct owner owner;
    uint64_t count;
    uint64_t ends_ms; /* UINT64_MAX: when it is let go */
    int64_t reference;
};

/* Is any key locked? Any thread; without the partition's lock it is a hint. */
static inline bool locks_any(const struct locks *locks)
{
    return load_acquire_ptr((void *const *)&locks->table) != NULL;
}

/* MR_OK: it is the owner's. MR_PENDING: it is another's, and the waiter waits; without a waiter,
 * MR_ERR_BUSY. MR_ERR_FULL: no memory for a lock. */
mr_rc_t locks_take(struct locks *locks, struct partition *p, struct account *account,
                   const struct lock_request *q);

/* MR_OK; MR_ERR_ARGUMENT: the owner does not hold it. */
mr_rc_t locks_release(struct locks *locks, const struct lock_request *q);

/* Whoever holds it does not any more. False: nobody did. */
bool locks_force(struct locks *locks, const struct data *key);

/* Everything is let go. */
void locks_release_all(struct locks *locks);

/* May the owner change the entry? As locks_take, but takes nothing. */
mr_rc_t locks_admit(struct locks *locks, struct partition *p, const struct data *key,
                    const struct owner *owner, struct waiter *waiter);

/* ---- copies --------------------------------------------------------------------------------- */

/* False: nobody holds it. */
bool locks_state(struct locks *locks, const struct data *key, struct lock_state *ret_state);

/* Makes it so; a count of 0: nobody holds it. MR_ERR_FULL: no memory. */
mr_rc_t locks_restore(struct locks *locks, struct account *account, const struct data *key,
                      const struct lock_state *state);

/* Gives those that are held. */
void locks_each(struct locks *locks,
                void (*give)(void *context, const struct data *key, const struct lock_state *state),
                void *context);

/* A key that the client holds, borrowed, or any that is held (zero, zero). False: there is none. */
bool locks_of_client(struct locks *locks, uint64_t client_high, uint64_t client_low,
                     struct data *ret_key);

/* Wakes all who wait. */
void locks_wake(struct locks *locks);

/* Drops what is abandoned. Costs nothing before some lease has ended. */
void locks_sweep(struct locks *locks);

/* Who holds it, or NULL. */
const struct owner *locks_holder(struct locks *locks, const struct data *key);

/* Nobody waits any more. */
void locks_free(struct locks *locks);

#endif
