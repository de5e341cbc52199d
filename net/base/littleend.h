/* littleend.h - numbers as messages write them, least significant byte first, at any address.
 *
 * What lies inside a Data is written the other way round: net/wire/bigend.h. */
#ifndef NET_BASE_LITTLEEND_H
#define NET_BASE_LITTLEEND_H

#include <stdint.h>
#include <string.h>

#define LITTLEEND(bits)                                                                            \
    static inline uint##bits##_t get_le##bits(const uint8_t *at)                                   \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
                                                                                                   \
        memcpy(&v, at, sizeof v);                                                                  \
        return LITTLEEND_SWAP##bits(v);                                                            \
    }                                                                                              \
    static inline void put_le##bits(uint8_t *at, uint##bits##_t v)                                 \
    {                                                                                              \
        v = LITTLEEND_SWAP##bits(v);                                                               \
        memcpy(at, &v, sizeof v);                                                                  \
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLEEND_SWAP16(v) (v)
#define LITTLEEND_SWAP32(v) (v)
#define LITTLEEND_SWAP64(v) (v)
#else
#define LITTLEEND_SWAP16(v) __builtin_bswap16(v)
#define LITTLEEND_SWAP32(v) __builtin_bswap32(v)
#define LITTLEEND_SWAP64(v) __builtin_bswap64(v)
#endif

LITTLEEND(16)
LITTLEEND(32)
LITTLEEND(64)

#endif
