#include "net/base/rand.h"

#include <stddef.h>
#include <sys/random.h>

#include "net/base/check.h"

static uint64_t (*source)(void *context);
static void *source_context;

static uint64_t rotate(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

/* splitmix64: spreads one number over a state, as xoshiro's authors advise. */
static uint64_t spread(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void rand_init(struct rand *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = spread(&seed);
}

uint64_t rand_next(struct rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

/* The high half of a product: no division, and a bias below 2^-64 * limit. */
uint64_t rand_below(struct rand *r, uint64_t limit)
{
    check(limit > 0);
    return (uint64_t)((unsigned __int128)rand_next(r) * limit >> 64);
}

uint64_t rand_seed(void)
{
    uint64_t seed;

    if (source)
        return source(source_context);
    /* Up to 256 bytes come whole once the kernel's pool is ready, which getrandom waits for. */
    check(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    return seed;
}

void rand_source(uint64_t (*seed)(void *context), void *context)
{
    source = seed;
    source_context = context;
}
