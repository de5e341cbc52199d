/* check.h - assertions for our own mistakes, on in every build.
 *
 * A failed check means that the program no longer knows what is true, so going on could
 * corrupt data: it says where, and stops the process. Never for input: what comes from outside
 * is answered with an error code. One condition each, so that the message names the culprit.
 */
#ifndef NET_BASE_CHECK_H
#define NET_BASE_CHECK_H

void check_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

#define check(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            check_failed(#condition, __FILE__, __LINE__);                                          \
    } while (0)

#endif
