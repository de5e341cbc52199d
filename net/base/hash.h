/* hash.h - two hashes, for two questions.
 *
 * Which partition? murmur3_x86_32 as the client protocol defines it, so that every client
 * computes the same answer. It is asked once per key, at the door.
 *
 * Where in the table? XXH3 with a seed drawn at process start, so that nobody outside can
 * choose keys that meet in one bucket. The two share no bits: keys of one partition spread
 * evenly over its table.
 */
#ifndef NET_BASE_HASH_H
#define NET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MURMUR3_SEED = 0x01000193 }; /* Hazelcast Open Binary Client Protocol: partition hash */

extern uint64_t hash_seed;

/* Draws the seed. Called once, before the first hash_64, by whoever starts the process's first
 * member; in simulation the seed comes from the run. */
void hash_init(uint64_t seed);

static inline uint64_t hash_64(const void *bytes, size_t size)
{
    return XXH3_64bits_withSeed(bytes, size, hash_seed);
}

/* MurmurHash3_x86_32 (public domain, A. Appleby) of `size` bytes. */
uint32_t murmur3_32(const void *bytes, size_t size, uint32_t seed);

/* The same hash of the four bytes of `head`, most significant first, followed by `bytes`:
 * what a length-prefixed value hashes to, without joining the two. */
uint32_t murmur3_32_headed(uint32_t head, const void *bytes, size_t size, uint32_t seed);

#endif
