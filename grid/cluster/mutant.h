/* mutant.h - known wrong behaviours of the protocols, to see whether the tests would notice.
 *
 * In a build with MILLRACE_MUTANTS one of them can be switched on; in all others MUTANT() is 0 and
 * nothing of it is compiled. Each row names what it does wrong.
 */
#ifndef GRID_CLUSTER_MUTANT_H
#define GRID_CLUSTER_MUTANT_H

#define MUTANT_MAP(X)                                                                              \
    X(ACK_BEFORE_BACKUP, "a write is acknowledged before the others hold it")                      \
    X(EPOCH_IGNORED, "messages of another epoch are taken")                                        \
    X(APPLY_BEFORE_COMMIT, "a backup applies what is not committed")                               \
    X(ADD_COUNTED_LATE, "who is to be added is waited for only when that is agreed")               \
    X(SERVE_BEFORE_TAKE, "a new primary serves before the others hold what it holds")              \
    X(ACKS_KEPT_OVER_EPOCHS, "acknowledgements of an earlier epoch are counted")                   \
    X(LEASE_LOOKED_AT_BEFORE, "a read relies on the lease as it was a moment ago")                 \
    X(GRANT_BEFORE_APPLIED, "a lease is granted before the row that took a role is applied")       \
    X(GRANTS_BY_RECEIPT, "a leader counts when it got an answer, not when it had asked")           \
    X(CHANGE_IN_BATCH, "a change of servers travels with other entries")                           \
    X(LEADS_TOO_EARLY, "a new leader leads before anything of its own term is agreed")             \
    X(DISRUPTS_FOR_EVER, "who was to be handed leadership goes on disrupting")                     \
    X(PENDING_OVERLOOKED, "a write is worked out from what is committed only")                     \
    X(SESSIONS_LEFT_BEHIND, "a copy is made without what was answered")                            \
    X(EXPIRED_DONE_AGAIN, "what a session asks again is done again when the session is over")      \
    X(PENDING_DONE_AGAIN, "what is asked again is done again while it is not committed")           \
    X(RAFT_ID_REUSED, "who has lost its memory comes back under its number")                       \
    X(VOTES_BY_ITS_LIST, "who does not know yet that it is a voter gives no vote")

enum mutant {
    MUTANT_NONE,
#define X(name, sentence) MUTANT_##name,
    MUTANT_MAP(X)
#undef X
        MUTANTS
};

#ifdef MILLRACE_MUTANTS
extern enum mutant mutant;
#define MUTANT(name) (mutant == MUTANT_##name)
#else
#define MUTANT(name) 0
#endif

#endif
