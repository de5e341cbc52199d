/* bytes.h - bytes of a test written as hexadecimal text, the way the documents print them.
 * A bar and a space mean nothing, so that a line can be grouped by what it says. */
#ifndef TESTS_UNIT_NET_WIRE_BYTES_H
#define TESTS_UNIT_NET_WIRE_BYTES_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int bytes_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns a heap block of exactly *ret_size bytes, so that a sanitizer sees the first byte read
 * beyond it. The caller frees it. */
static inline uint8_t *bytes_of(const char *hex, uint32_t *ret_size)
{
    uint8_t *all = malloc(strlen(hex) / 2 + 1);
    int digits = 0;

    for (; *hex; hex++) {
        int d = bytes_digit(*hex);

        if (d < 0)
            continue;
        all[digits / 2] = (uint8_t)(digits % 2 ? all[digits / 2] << 4 | d : d);
        digits++;
    }
    cr_assert(digits % 2 == 0);
    *ret_size = (uint32_t)digits / 2;
    return realloc(all, *ret_size ? *ret_size : 1);
}

/* The first `size` bytes alone in a block of their own. */
static inline uint8_t *bytes_cut(const uint8_t *from, uint32_t size)
{
    uint8_t *cut = malloc(size ? size : 1);

    return memcpy(cut, from, size);
}

#define cr_expect_bytes(at, size, hex)                                                             \
    do {                                                                                           \
        uint32_t expect_size;                                                                      \
        uint8_t *expect_at = bytes_of(hex, &expect_size);                                          \
                                                                                                   \
        cr_assert_eq((uint32_t)(size), expect_size);                                               \
        cr_expect(memcmp(at, expect_at, expect_size) == 0, "%s", hex);                             \
        free(expect_at);                                                                           \
    } while (0)

#endif
