/* bigend.h - numbers as Data writes them, most significant byte first, at any address. */
#ifndef NET_WIRE_BIGEND_H
#define NET_WIRE_BIGEND_H

#include <stdint.h>
#include <string.h>

#define BIGEND(bits)                                                                               \
    static inline uint##bits##_t get_be##bits(const uint8_t *at)                                   \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
                                                                                                   \
        memcpy(&v, at, sizeof v);                                                                  \
        return BIGEND_SWAP##bits(v);                                                               \
    }                                                                                              \
    static inline void put_be##bits(uint8_t *at, uint##bits##_t v)                                 \
    {                                                                                              \
        v = BIGEND_SWAP##bits(v);                                                                  \
        memcpy(at, &v, sizeof v);                                                                  \
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIGEND_SWAP16(v) __builtin_bswap16(v)
#define BIGEND_SWAP32(v) __builtin_bswap32(v)
#define BIGEND_SWAP64(v) __builtin_bswap64(v)
#else
#define BIGEND_SWAP16(v) (v)
#define BIGEND_SWAP32(v) (v)
#define BIGEND_SWAP64(v) (v)
#endif

BIGEND(16)
BIGEND(32)
BIGEND(64)

#endif
