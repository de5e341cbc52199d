#define _GNU_SOURCE
#include "net/base/mem.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "net/base/check.h"

static void *heap_alloc(size_t size, void *context)
{
    (void)context;
    return malloc(size);
}

static void *heap_realloc(void *p, size_t size, void *context)
{
    (void)context;
    return realloc(p, size);
}

static void heap_free(void *p, void *context)
{
    (void)context;
    free(p);
}

static const struct mem_hooks heap = {heap_alloc, heap_realloc, heap_free, NULL, NULL};
static struct mem_hooks hooks = {heap_alloc, heap_realloc, heap_free, NULL, NULL};

void mem_hooks_set(const struct mem_hooks *h)
{
    hooks = h ? *h : heap;
}

void *mem_alloc(size_t size)
{
    return hooks.alloc(size ? size : 1, hooks.context);
}

void *mem_alloc_zero(size_t size)
{
    void *p = mem_alloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

/* The pointer to free stands in the word before the block. */
void *mem_alloc_aligned(size_t align, size_t size)
{
    check(align >= sizeof(void *));
    check((align & (align - 1)) == 0);

    void *whole = mem_alloc(size + align + sizeof(void *));
    if (!whole)
        return NULL;
    uintptr_t at = ((uintptr_t)whole + sizeof(void *) + align - 1) & ~(uintptr_t)(align - 1);

    ((void **)at)[-1] = whole;
    return memset((void *)at, 0, size);
}

void mem_free_aligned(void *p)
{
    if (p)
        mem_free(((void **)p)[-1]);
}

void *mem_realloc(void *p, size_t size)
{
    return hooks.realloc(p, size ? size : 1, hooks.context);
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *p = mem_alloc(size);

    return p ? memcpy(p, text, size) : NULL;
}

void mem_free(void *p)
{
    if (p)
        hooks.free(p, hooks.context);
}

void *pages_reserve(size_t size, size_t align)
{
    size_t whole = size + align;
    uint8_t *at = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    uint8_t *aligned = (uint8_t *)(((uintptr_t)at + align - 1) & ~(uintptr_t)(align - 1));

    if (aligned > at)
        munmap(at, (size_t)(aligned - at));
    if (aligned + size < at + whole)
        munmap(aligned + size, (size_t)(at + whole - (aligned + size)));
    return aligned;
}

bool pages_commit(void *at, size_t size, bool huge)
{
    if (hooks.pages && !hooks.pages(size, hooks.context))
        return false;
    if (mprotect(at, size, PROT_READ | PROT_WRITE) != 0)
        return false;
    madvise(at, size, MADV_DONTDUMP);
    madvise(at, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return true;
}

void pages_populate(void *at, size_t size)
{
    if (madvise(at, size, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t i = 0; i < size; i += 4096) /* an older kernel */
        ((volatile uint8_t *)at)[i] = 0;
}

void pages_discard(void *at, size_t size)
{
    madvise(at, size, MADV_DONTNEED);
}

void pages_decommit(void *at, size_t size)
{
    pages_discard(at, size);
    mprotect(at, size, PROT_NONE);
}

void pages_release(void *at, size_t size)
{
    if (at)
        munmap(at, size);
}

enum { ARENA_BLOCK = 8192 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size_t want = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *b = a->blocks;

    if (!b || b->size - a->used < want) {
        size_t room = want > ARENA_BLOCK ? want : ARENA_BLOCK;

        if (want < size || !(b = mem_alloc_zero(sizeof *b + room)))
            return NULL;
        b->next = a->blocks;
        b->size = room;
        a->blocks = b;
        a->used = 0;
    }
    void *p = (uint8_t *)b->bytes + a->used;

    a->used += want;
    return p;
}

char *arena_text(struct arena *a, const char *text, size_t size)
{
    char *copy = arena_alloc(a, size + 1);

    if (copy && size)
        memcpy(copy, text, size);
    return copy;
}

void arena_free(struct arena *a)
{
    for (struct arena_block *next, *b = a->blocks; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    *a = (struct arena){0};
}
