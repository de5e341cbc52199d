/* utf8.h - is this text what it says it is?
 *
 * Asked where a string enters from a C program, never of stored bytes: those are kept as they
 * came, and who wrote them may have had another idea of text. Valid is what RFC 3629 says: no
 * surrogates, nothing beyond U+10FFFF, no longer form than needed. NUL is a character.
 *
 * Keys are short and mostly ASCII, so eight such bytes cost one load and one test. Pure.
 */
#ifndef NET_WIRE_UTF8_H
#define NET_WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The general case; text that is valid up to `at` may be asked about from there. */
bool utf8_valid_slow(const uint8_t *at, const uint8_t *end);

static inline bool utf8_valid(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    const uint8_t *end = at + size;

    for (; end - at >= 8; at += 8) {
        uint64_t eight;

        memcpy(&eight, at, 8);
        if (eight & 0x8080808080808080u)
            return utf8_valid_slow(at, end);
    }
    for (; at < end; at++)
        if (*at & 0x80)
            return utf8_valid_slow(at, end);
    return true;
}

#endif
