/* record.h - one entry in memory: key and value in one block.
 *
 *     0   version       40 bits: the partition's change number that made it
 *     5   value size    24 bits
 *     8   key size      16 bits
 *    10   key kind       6 bits, and two flags
 *    11   value kind     6 bits
 *    12   expires_ms    64 bits, if RECORD_EXPIRES: on the clock of clock.h
 *         idle          32 bits, if RECORD_TOUCHED: see below
 *         touched       64 bits, aligned, if RECORD_TOUCHED
 *         key bytes, value bytes
 *
 * Twelve bytes, because there are millions of them: an entry with a 16-byte key and a 100-byte
 * value is two cache lines. What most entries do not have, they do not pay for.
 *
 * A record that readers can see never changes, except `touched`: when it was last used, and how
 * often, for maps that evict or let entries idle out. A changed value, or a changed time to
 * live, is a new record.
 */
#ifndef GRID_STORE_RECORD_H
#define GRID_STORE_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/base/atomic.h"
#include "net/base/hash.h"
#include "net/wire/data.h"

enum {
    RECORD_KEY_MAX = UINT16_MAX,
    RECORD_VALUE_MAX = (1 << 24) - 1,
    RECORD_HEADER = 12,
    RECORD_VERSION_BITS = 40,
    RECORD_KIND = 0x3f,
    RECORD_EXPIRES = 0x40,
    RECORD_TOUCHED = 0x80
};

struct record {
    uint64_t head; /* version and value size. No bit-fields: gcc 12 fills them one by one, and reads
                    * what stands in the block to do so */
    uint16_t key_size;
    uint8_t key_kind; /* enum data_kind | flags */
    uint8_t value_kind;
    uint8_t rest[];
};

static_assert(offsetof(struct record, rest) == RECORD_HEADER, "no padding in front of the bytes");

/* Time in the upper 44 bits, in milliseconds; in the lower 20 a count of uses (expiry.h). */
enum { TOUCHED_USES_BITS = 20 };

/* How an entry ends: at a time, or when nobody has used it for so long. 0: never. */
struct lifetime {
    uint64_t expires_ms;
    uint64_t idle_ms;
};

static inline uint64_t record_version(const struct record *r)
{
    return r->head & ((1ull << RECORD_VERSION_BITS) - 1);
}

static inline uint32_t record_value_size(const struct record *r)
{
    return (uint32_t)(r->head >> RECORD_VERSION_BITS);
}

static inline uint8_t record_flags(struct lifetime life, bool touched)
{
    return (uint8_t)((life.expires_ms ? RECORD_EXPIRES : 0) |
                     (life.idle_ms || touched ? RECORD_TOUCHED : 0));
}

static inline uint32_t record_idle_offset(uint8_t flags)
{
    return RECORD_HEADER + (flags & RECORD_EXPIRES ? 8u : 0u);
}

/* 12 + 4 and 20 + 4 are both multiples of eight, so touched is aligned where it stands. */
static inline uint32_t record_touched_offset(uint8_t flags)
{
    return record_idle_offset(flags) + 4u;
}

static inline uint32_t record_key_offset(uint8_t flags)
{
    return record_idle_offset(flags) + (flags & RECORD_TOUCHED ? 12u : 0u);
}

static inline uint32_t record_size(uint8_t flags, uint32_t key_size, uint32_t value_size)
{
    return record_key_offset(flags) + key_size + value_size;
}

static inline const uint8_t *record_key_at(const struct record *r)
{
    return (const uint8_t *)r + record_key_offset(r->key_kind);
}

static inline struct data record_key(const struct record *r)
{
    return (struct data){record_key_at(r), r->key_size, r->key_kind & RECORD_KIND};
}

static inline struct data record_value(const struct record *r)
{
    return (struct data){record_key_at(r) + r->key_size, record_value_size(r), r->value_kind};
}

static inline bool record_has_key(const struct record *r, const struct data *key)
{
    return r->key_size == key->size && (r->key_kind & RECORD_KIND) == key->kind &&
           memcmp(record_key_at(r), key->at, key->size) == 0;
}

/* The hash of a key in the index; kinds differ in their bytes or in their sizes nearly always,
 * and record_has_key tells the rest apart. */
static inline uint64_t key_hash(const struct data *key)
{
    return hash_64(key->at, key->size);
}

static inline uint64_t record_hash(const struct record *r)
{
    return hash_64(record_key_at(r), r->key_size);
}

static inline uint64_t *record_touched(const struct record *r)
{
    return (uint64_t *)((uintptr_t)r + record_touched_offset(r->key_kind));
}

static inline uint64_t record_expires_ms(const struct record *r)
{
    uint64_t ms = 0;

    if (r->key_kind & RECORD_EXPIRES)
        memcpy(&ms, r->rest, sizeof ms);
    return ms;
}

/* Milliseconds below 2^31 (24 days), whole seconds above. */
enum { IDLE_IN_SECONDS = INT32_MIN };

static inline uint64_t record_idle_ms(const struct record *r)
{
    uint32_t idle;

    if (!(r->key_kind & RECORD_TOUCHED))
        return 0;
    memcpy(&idle, (const uint8_t *)r + record_idle_offset(r->key_kind), sizeof idle);
    return idle & (uint32_t)IDLE_IN_SECONDS ? (uint64_t)(idle & INT32_MAX) * 1000 : idle;
}

static inline struct lifetime record_lifetime(const struct record *r)
{
    return (struct lifetime){record_expires_ms(r), record_idle_ms(r)};
}

/* Has its time come? A record without a time costs two bits of what is read anyway. */
static inline bool record_is_over(const struct record *r, uint64_t now_ms)
{
    uint64_t end = record_expires_ms(r);
    uint64_t idle = record_idle_ms(r);

    if (end && now_ms >= end)
        return true;
    return idle && now_ms >= (load_relaxed_64(record_touched(r)) >> TOUCHED_USES_BITS) + idle;
}

static inline bool record_may_end(const struct record *r)
{
    return (r->key_kind & (RECORD_EXPIRES | RECORD_TOUCHED)) != 0;
}

/* Fills a block of record_size() bytes. touched is read only if the flags say so. */
static inline void record_write(struct record *r, const struct data *key, const struct data *value,
                                struct lifetime life, uint8_t flags, uint64_t version,
                                uint64_t touched)
{
    uint32_t idle = life.idle_ms > INT32_MAX
                        ? (uint32_t)((life.idle_ms + 999) / 1000) | (uint32_t)IDLE_IN_SECONDS
                        : (uint32_t)life.idle_ms;
    uint8_t *at = (uint8_t *)r + record_key_offset(flags);

    r->head = (uint64_t)value->size << RECORD_VERSION_BITS |
              (version & ((1ull << RECORD_VERSION_BITS) - 1));
    r->key_size = (uint16_t)key->size;
    r->key_kind = key->kind | flags;
    r->value_kind = value->kind;
    if (flags & RECORD_EXPIRES)
        memcpy(r->rest, &life.expires_ms, sizeof life.expires_ms);
    if (flags & RECORD_TOUCHED) {
        memcpy((uint8_t *)r + record_idle_offset(flags), &idle, sizeof idle);
        store_relaxed_64((uint64_t *)((uintptr_t)r + record_touched_offset(flags)), touched);
    }
    if (key->size)
        memcpy(at, key->at, key->size);
    if (value->size)
        memcpy(at + key->size, value->at, value->size);
}

#endif
