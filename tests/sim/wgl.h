/* wgl.h - is there an order of the operations in which every answer is right?
 *
 * Linearizable means: each operation can be thought to happen at one moment between its invocation
 * and its end, so that all answers are those of a single object to which one thing happens after
 * the other. Keys are looked at one by one, which is enough: a history is linearizable if each of
 * its keys is.
 *
 * What was done for certain has to find its moment. What may have been done may also be left out,
 * and its moment may be any after its invocation. What failed must not be needed.
 *
 * The search tries, of the operations that could be next, one after the other, and goes back
 * where an answer comes before anything fits. Where the same operations are done and the same
 * value has come of it, the rest is the same, and is tried once.
 *
 * It knows nothing of the places in the order that members tell, and so does not trust them.
 *
 * A history that cannot be judged is no good one: more operations on a key, more of them at once or
 * more steps than are allowed are verdicts of their own. Steps are counted, so that a verdict
 * does not depend on the machine.
 *
 * Sources: Wing and Gong, Testing and verifying concurrent objects (1993); Lowe, Testing for
 * linearizability (2016).
 *
 * Pure but for the heap; for tests: dies where there is no memory.
 */
#ifndef TESTS_SIM_WGL_H
#define TESTS_SIM_WGL_H

#include "tests/sim/history.h"

enum { WGL_OPERATIONS_MAX = 3000, WGL_AT_ONCE_MAX = 12 }; /* of a key; what never ends counts */

/* X(name, what it means) */
#define WGL_MAP(X)                                                                                 \
    X(LINEARIZABLE, "all is well")                                                                 \
    X(NOT_LINEARIZABLE, "there is no order in which every answer is right")                        \
    X(TOO_MANY, "there are more operations on a key than can be judged")                           \
    X(TOO_WIDE, "there are more operations at once than can be judged")                            \
    X(TOO_LONG, "too many steps without an end")

enum wgl_verdict {
#define X(name, sentence) WGL_##name,
    WGL_MAP(X)
#undef X
        WGL_VERDICTS
};

struct wgl_result {
    enum wgl_verdict verdict;
    uint32_t key;   /* which is not linearizable, or too much; of a good history: no meaning */
    uint32_t event; /* the answer that could not be passed by the order that came farthest */
    uint64_t steps;
};

/* ops as history_operations gives them; steps_max is for all keys together. */
void wgl_check(struct values *v, const struct operation *ops, uint32_t count, uint64_t steps_max,
               struct wgl_result *ret);

const char *wgl_sentence(enum wgl_verdict verdict);

#endif
