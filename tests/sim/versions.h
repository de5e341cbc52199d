/* versions.h - is the order that the members tell one in which every answer is right?
 *
 * Each answer has its place in the order of the partition: a write's own, a read's that of the
 * last write that it could see. So no order is to be searched for, only to be looked at:
 *
 *     - no place has two writes
 *     - what was over before another thing began has no later place
 *     - along the places each answer is what the key then held
 *     - what failed is not seen
 *     - what nobody knows of is used to explain what is seen at most once, and only after it was
 *       asked for; it may also never have been done
 *
 * This costs a sort, so that the longest runs can be judged. It trusts the places; wgl.h does not.
 *
 * What is seen without a known cause is explained from the last thing back: who can have made this
 * value of which other? That is one operation, or any of some that are alike, if no value is put
 * twice and all increments of a key are equal; histories that are to be judged here keep to that,
 * for one explanation is never taken back for the sake of a later one. The number of tries is
 * bounded, and what is not explained by then is a fault.
 *
 * All operations given are of one partition. Done without a place counts as not known.
 *
 * Pure but for the heap; for tests: dies where there is no memory.
 */
#ifndef TESTS_SIM_VERSIONS_H
#define TESTS_SIM_VERSIONS_H

#include "tests/sim/history.h"

/* X(name, what it means) */
#define VERSIONS_MAP(X)                                                                            \
    X(GOOD, "all is well")                                                                         \
    X(TWO_IN_ONE_PLACE, "two writes have one place")                                               \
    X(BACK_IN_TIME, "it has an earlier place than what had ended before it began")                 \
    X(NOT_EXPLAINED, "nothing that was done explains what is seen")                                \
    X(FAILED_AND_SEEN, "what failed is seen")                                                      \
    X(TOO_LONG, "too many tries to explain what is seen")

enum versions_verdict {
#define X(name, sentence) VERSIONS_##name,
    VERSIONS_MAP(X)
#undef X
        VERSIONS_VERDICTS
};

struct versions_result {
    enum versions_verdict verdict;
    uint32_t key, event; /* the answer that is at fault; of a good history: no meaning */
};

void versions_check(struct values *v, const struct operation *ops, uint32_t count,
                    struct versions_result *ret);

const char *versions_sentence(enum versions_verdict verdict);

#endif
