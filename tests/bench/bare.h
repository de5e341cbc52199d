/* bare.h - the least that a look-up can cost: one hash table, and nothing around it.
 *
 * What our store is measured against. Buckets of one cache line with twelve tags and twelve
 * 32-bit references, records of the same size as ours, huge pages, XXH3. But one table where we
 * have partitions, made in its full size, filled once and then only read; no epoch, no expiry, no
 * types of keys and values. Nobody could use it; nobody can be faster.
 */
#ifndef TESTS_BENCH_BARE_H
#define TESTS_BENCH_BARE_H

#include <emmintrin.h>

#include "net/base/hash.h"
#include "tests/bench/bench.h"

enum { BARE_SLOTS = 12, BARE_FILL_PERCENT = 80, BARE_BATCH = 32 };

struct bare_record {
    uint8_t header[12];
    uint8_t key[BENCH_KEY];
    uint8_t value[BENCH_VALUE];
};

struct bare_bucket {
    uint8_t tags[BARE_SLOTS]; /* 0: free */
    uint16_t overflow;        /* keys that had to go further */
    uint16_t unused;
    uint32_t refs[BARE_SLOTS]; /* numbers of records */
};

static_assert(sizeof(struct bare_record) == 128, "two cache lines, as a record of the store");
static_assert(sizeof(struct bare_bucket) == 64, "a cache line");

struct bare {
    struct bare_bucket *buckets;
    struct bare_record *records;
    uint64_t bucket_count, n;
};

static inline uint64_t bare_home(const struct bare *t, uint64_t hash)
{
    return bench_below(hash, t->bucket_count);
}

static inline uint8_t bare_tag(uint64_t hash)
{
    return (uint8_t)hash ? (uint8_t)hash : 1;
}

/* Bit i is set where slot i has this tag. */
static inline uint32_t bare_match(const struct bare_bucket *b, uint8_t tag)
{
    __m128i tags = _mm_load_si128((const __m128i *)(const void *)b);

    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag))) & 0xfff;
}

static inline const struct bare_record *bare_get(const struct bare *t, uint64_t hash,
                                                 const uint8_t *key)
{
    for (uint64_t i = bare_home(t, hash);; i = i + 1 < t->bucket_count ? i + 1 : 0) {
        const struct bare_bucket *b = &t->buckets[i];

        for (uint32_t m = bare_match(b, bare_tag(hash)); m; m &= m - 1) {
            const struct bare_record *r = &t->records[b->refs[__builtin_ctz(m)]];

            if (memcmp(r->key, key, BENCH_KEY) == 0)
                return r;
        }
        if (!b->overflow)
            return NULL;
    }
}

static inline void bare_get_batch(const struct bare *t, const uint64_t *hashes,
                                  const uint8_t (*keys)[BENCH_KEY], uint32_t n,
                                  const struct bare_record **ret)
{
    for (uint32_t from = 0; from < n; from += BARE_BATCH) {
        uint32_t to = n - from < BARE_BATCH ? n : from + BARE_BATCH;

        for (uint32_t i = from; i < to; i++)
            __builtin_prefetch(&t->buckets[bare_home(t, hashes[i])]);
        for (uint32_t i = from; i < to; i++) {
            const struct bare_bucket *b = &t->buckets[bare_home(t, hashes[i])];
            uint32_t m = bare_match(b, bare_tag(hashes[i]));

            if (!m)
                continue;
            __builtin_prefetch(&t->records[b->refs[__builtin_ctz(m)]]);
            __builtin_prefetch((const uint8_t *)&t->records[b->refs[__builtin_ctz(m)]] + 64);
        }
        for (uint32_t i = from; i < to; i++)
            ret[i] = bare_get(t, hashes[i], keys[i]);
    }
}

/* Adds record number i; its key is a new one. */
static inline void bare_add(struct bare *t, uint32_t i)
{
    uint64_t hash = XXH3_64bits(t->records[i].key, BENCH_KEY);
    uint64_t at = bare_home(t, hash);
    uint32_t free;

    while (!(free = bare_match(&t->buckets[at], 0))) {
        t->buckets[at].overflow++;
        at = at + 1 < t->bucket_count ? at + 1 : 0;
    }
    t->buckets[at].tags[__builtin_ctz(free)] = bare_tag(hash);
    t->buckets[at].refs[__builtin_ctz(free)] = i;
}

/* A table of the first n keys and values. */
static inline void bare_fill(struct bare *t, uint64_t n)
{
    t->n = n;
    t->bucket_count = n * 100 / BARE_FILL_PERCENT / BARE_SLOTS + 1;
    t->buckets = bench_pages(t->bucket_count * sizeof *t->buckets);
    t->records = bench_pages(n * sizeof *t->records);
    for (uint64_t i = 0; i < n; i++) {
        bench_key(i, t->records[i].key);
        bench_value_of(i, t->records[i].value);
        bare_add(t, (uint32_t)i);
    }
}

#endif
