/* mem.h - where memory comes from.
 *
 * Three ways, each for one kind of life:
 *     mem_*      the heap, for what lives as long as its owner; through hooks, so that an
 *                embedding program may bring its allocator and a test may let one fail
 *     pages_*    address space from the kernel, for the store's arenas
 *     arena      many small things that die together, such as one request or one file
 *
 * Every function here may be called from any thread; one arena belongs to one thread at a time.
 * Each allocation can fail and says so with NULL.
 */
#ifndef NET_BASE_MEM_H
#define NET_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

struct mem_hooks {
    void *(*alloc)(size_t size, void *context);
    void *(*realloc)(void *p, size_t size, void *context);
    void (*free)(void *p, void *context);
    bool (*pages)(size_t size, void *context); /* may `size` bytes of pages be taken? NULL: yes */
    void *context;
};

/* Set before anything is allocated; NULL puts the C library's allocator back. */
void mem_hooks_set(const struct mem_hooks *hooks);

void *mem_alloc(size_t size);
void *mem_alloc_zero(size_t size);
void *mem_alloc_aligned(size_t align, size_t size); /* zeroed; freed with mem_free_aligned */
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *text);
void mem_free(void *p);
void mem_free_aligned(void *p);

/* Address space without memory behind it; align is a power of two. */
void *pages_reserve(size_t size, size_t align);

/* Memory behind a part of it: zeroed, left out of core dumps, huge pages if asked for and the
 * kernel has them. */
bool pages_commit(void *at, size_t size, bool huge);

/* Touches every page of a committed part, so that no later access has to wait for the kernel. */
void pages_populate(void *at, size_t size);

/* Gives the memory back; the pages stay usable, and are zeroes when next touched. */
void pages_discard(void *at, size_t size);

/* Gives the memory back; the address space stays reserved. */
void pages_decommit(void *at, size_t size);

void pages_release(void *at, size_t size);

struct arena_block;

/* Zero-initialised is an empty arena. */
struct arena {
    struct arena_block *blocks;
    size_t used; /* in the newest block */
};

void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for any type */
char *arena_text(struct arena *a, const char *text, size_t size);
void arena_free(struct arena *a);

#endif
