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
    X(HAND_OVER_TIMED_OUT, "who has said that it hands over goes on when nothing comes of it")     \
    X(READY_OF_OLD_EPOCH, "that it is ready counts though it was said of an older epoch")          \
    X(READY_WITH_LEASE, "who says that it is ready to hand over still answers reads")              \
    X(HEIR_SERVES_EARLY, "who is to be handed a partition serves before that is agreed")           \
    X(CALL_OFF_KEEPS_EPOCH, "a hand-over is called off without a new epoch")                       \
    X(STALL_OVERLOOKED, "who lives and does not acknowledge is waited for without an end")         \
    X(SHRINK_NOT_COUNTED, "who has stalled is not waited for, before that is agreed")              \
    X(SHRINK_OF_OLD_EPOCH, "that one has stalled counts though it was said of an older epoch")     \
    X(PENDING_OVERLOOKED, "a write is worked out from what is committed only")                     \
    X(SESSIONS_LEFT_BEHIND, "a copy is made without what was answered")                            \
    X(EXPIRED_DONE_AGAIN, "what a session asks again is done again when the session is over")      \
    X(PENDING_DONE_AGAIN, "what is asked again is done again while it is not committed")           \
    X(RAFT_ID_REUSED, "who has lost its memory comes back under its number")                       \
    X(VOTES_BY_ITS_LIST, "who does not know yet that it is a voter gives no vote")                 \
    X(EARLY_STAYS_WHOLE, "what was done early and is cut off stays in the store")                  \
    X(EARLY_IS_COMMITTED, "a copy counts as whole before what was done early in it is committed")  \
    X(EARLY_NOT_PUT_OFF, "what is committed is done to a copy before the picture of it is there")  \
    X(DUO_NO_ABORT, "the anchor goes on alone without aborting its channel")                       \
    X(DUO_RST_AS_FIN, "an RST is taken for evidence of death")                                     \
    X(DUO_FIN_TRUSTED, "a FIN is evidence on a channel that is not attached")                      \
    X(DUO_ATTACHED_EARLY, "a learner is attached before both are needed")                          \
    X(DUO_END_SKIPPED, "a third voter is added without an end of the duo")                         \
    X(DUO_TAIL_LEFT, "a survivor serves before it has applied its whole log")                      \
    X(DUO_TWIN_CLOSED, "a second channel takes the first one's place, which is closed by FIN")     \
    X(DUO_ACK_EARLY, "one of two acknowledges before the other has a copy")                        \
    X(DUO_LEASE_IGNORED, "the anchor does not wait for the other's lease to end")                  \
    X(DUO_CALLED_OFF, "the anchor comes back after its abort, and both go on as attached")         \
    X(DUO_FOREIGN_IGNORED, "a member goes on whose descriptors somebody else has closed")          \
    X(DUO_ABORT_CLOSES, "an abort only closes: a FIN, now or when a forked child dies")

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
