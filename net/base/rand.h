/* rand.h - the one source of chance.
 *
 * rand_seed() is fresh from the kernel; everything else is xoshiro256** (public domain,
 * D. Blackman and S. Vigna), a state that its owner keeps, so that a simulation replays a run
 * from one number. Not for secrets: what must not be guessed comes from rand_seed.
 *
 * A struct rand belongs to one thread at a time; rand_seed may be called from any thread.
 */
#ifndef NET_BASE_RAND_H
#define NET_BASE_RAND_H

#include <stdint.h>

struct rand {
    uint64_t s[4];
};

void rand_init(struct rand *r, uint64_t seed);
uint64_t rand_next(struct rand *r);
uint64_t rand_below(struct rand *r, uint64_t limit); /* 0 .. limit - 1, even; limit > 0 */

uint64_t rand_seed(void);

/* From now on seeds come from `seed`; NULL gives the kernel back. */
void rand_source(uint64_t (*seed)(void *context), void *context);

#endif
