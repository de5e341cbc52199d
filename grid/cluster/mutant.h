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
    X(GRANT_BEFORE_APPLIED, "a lease is granted before the row that took a role is applied")

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
