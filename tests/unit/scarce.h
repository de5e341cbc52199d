/* scarce.h - memory that runs out when a test says so.
 *
 *     mem_hooks_set(&scarce);
 *     scarce_left = 3;            the fourth allocation, and those after it, fail
 *     ...
 *     mem_hooks_set(NULL);
 *
 * scarce_pages_too makes pages from the kernel count as well.
 */
#ifndef TESTS_UNIT_SCARCE_H
#define TESTS_UNIT_SCARCE_H

#include <stdlib.h>

#include "net/base/mem.h"

static int scarce_left;

static inline void *scarce_alloc(size_t size, void *context)
{
    (void)context;
    return scarce_left > 0 ? scarce_left--, malloc(size) : NULL;
}

static inline void *scarce_realloc(void *p, size_t size, void *context)
{
    (void)context;
    return scarce_left > 0 ? scarce_left--, realloc(p, size) : NULL;
}

static inline void scarce_free(void *p, void *context)
{
    (void)context;
    free(p);
}

static inline bool scarce_take_pages(size_t size, void *context)
{
    (void)size, (void)context;
    return scarce_left > 0 && scarce_left--;
}

__attribute__((unused)) static const struct mem_hooks scarce = {scarce_alloc, scarce_realloc,
                                                                scarce_free, NULL, NULL};

__attribute__((unused)) static const struct mem_hooks scarce_pages_too = {
    scarce_alloc, scarce_realloc, scarce_free, scarce_take_pages, NULL};

#endif
