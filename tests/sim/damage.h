/* damage.h - histories that are not linearizable, made from those that are by one change.
 *
 * Each row says why no order can explain what comes of it. That rests on what example_good
 * promises: no value is put twice and no item appended twice. Damage changes what is said, and
 * leaves the places in the order as they were.
 */
#ifndef TESTS_SIM_DAMAGE_H
#define TESTS_SIM_DAMAGE_H

#include "tests/sim/examples.h"

/* X(name, kind, why there is no order) */
#define DAMAGE_MAP(X)                                                                              \
    X(STALE_READ, REGISTER, "what is read was overwritten before the read began")                  \
    X(BACK_FROM_DELETE, REGISTER, "what is read was deleted before the read began")                \
    X(DIRTY_READ, REGISTER, "what is read was never written: that failed")                         \
    X(UNWRITTEN_READ, REGISTER, "nobody ever wrote what is read")                                  \
    X(FUTURE_READ, REGISTER, "what is read was asked for after the read had ended")                \
    X(LOST_WRITE, REGISTER, "nothing is read after a write, and nothing was ever deleted")         \
    X(STALE_CAS, REGISTER, "what was found was overwritten before that began")                     \
    X(CAS_TWICE, REGISTER, "two have replaced one value that was written once")                    \
    X(UNWRITTEN_CAS, REGISTER, "nobody ever wrote what was found")                                 \
    X(FAILED_AND_READ, REGISTER, "what failed was read")                                           \
    X(DOUBLED_INCREMENT, COUNTER, "the sum is greater than all increments")                        \
    X(LOST_INCREMENT, COUNTER, "the sum is less than the increments that were done before")        \
    X(EQUAL_SUMS, COUNTER, "two increments have one sum")                                          \
    X(COUNTER_GOES_BACK, COUNTER, "a later read shows less, and nothing is ever taken off")        \
    X(LOST_APPEND, LIST, "an item is missing that was appended before")                            \
    X(DOUBLED_APPEND, LIST, "an item is there twice, and was appended once")                       \
    X(REORDERED_APPEND, LIST, "an item stands before one that was there when it was appended")     \
    X(LIST_GOES_BACK, LIST, "a later read shows less, and nothing is ever taken out")

enum damage {
#define X(name, kind, why) DAMAGE_##name,
    DAMAGE_MAP(X)
#undef X
        DAMAGES
};

enum example_kind damage_kind(enum damage d);
const char *damage_name(enum damage d);

/* False: this one has nothing that could be damaged so; it is as it was. */
bool example_damage(struct rand *r, enum damage d, struct history *h);

/* Gives an answer that somebody else was given; nobody knows what that makes of the history. */
void example_blur(struct rand *r, struct history *h);

#endif
