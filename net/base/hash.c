#include "net/base/hash.h"

#include "net/base/littleend.h"

uint64_t hash_seed;

void hash_init(uint64_t seed)
{
    hash_seed = seed;
}

static uint32_t rotate(uint32_t v, int bits)
{
    return v << bits | v >> (32 - bits);
}

static uint32_t scramble(uint32_t block)
{
    return rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

static uint32_t mix(uint32_t h, uint32_t block)
{
    return rotate(h ^ scramble(block), 13) * 5 + 0xe6546b64u;
}

static uint32_t finish(uint32_t h, const uint8_t *at, size_t size, size_t total)
{
    uint32_t tail = 0;

    for (; size >= 4; at += 4, size -= 4)
        h = mix(h, get_le32(at));

    switch (size) {
    case 3: tail ^= (uint32_t)at[2] << 16; [[fallthrough]];
    case 2: tail ^= (uint32_t)at[1] << 8; [[fallthrough]];
    case 1: h ^= scramble(tail ^ at[0]);
    }

    h ^= (uint32_t)total;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

uint32_t murmur3_32(const void *bytes, size_t size, uint32_t seed)
{
    return finish(seed, bytes, size, size);
}

uint32_t murmur3_32_headed(uint32_t head, const void *bytes, size_t size, uint32_t seed)
{
    return finish(mix(seed, __builtin_bswap32(head)), bytes, size, size + 4);
}
