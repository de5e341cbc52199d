/* examples.h - histories that are linearizable, and those that somebody has written down.
 *
 *     example_parse     one that is written down in a line
 *     example_good      one as an object with clients would make it: each call takes effect at a
 *                       moment between its invocation and its end, or not at all
 *     example_weaken    changes a good one in a way that leaves it good
 *
 * No value is put twice and no item appended twice, so that it is known who wrote what is read.
 * Each answer of a good one has its place in the order.
 */
#ifndef TESTS_SIM_EXAMPLES_H
#define TESTS_SIM_EXAMPLES_H

#include "net/base/rand.h"
#include "tests/sim/history.h"

enum example_kind { EXAMPLE_REGISTER, EXAMPLE_COUNTER, EXAMPLE_LIST, EXAMPLE_KINDS };

/* Words with spaces between: `1:put=5` process 1 asks; `1:get@7` of key 7; `1:cas=5>6`, `1:del`,
 * `1:incr=1`, `1:append=3`; `1.ok`, `1.ok=5`, `1.ok=[3,4]`, `1.ok=-` it is answered, the last one
 * with nothing; `1.fail`, `1.info`. False: it says something else. */
bool example_parse(const char *text, struct history *ret);

/* One key, up to `calls` calls, and a read when all is over. */
void example_good(struct rand *r, enum example_kind kind, uint32_t calls, struct history *ret);

void example_weaken(struct rand *r, struct history *h);

#endif
