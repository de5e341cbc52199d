/* atomic.h - the few atomic steps that the project uses, on ck_pr.
 *
 * Names say the order: acquire for the load that must be seen before what follows, release for
 * the store that publishes what came before, relaxed where only the value matters. What reads and
 * writes in one step is both acquire and release. No access of ck_pr has an order of its own on
 * every machine, so the fences stand here, once; on x86 they cost nothing.
 *
 * ThreadSanitizer cannot see into ck_pr's inline assembly; in its builds the same steps are the
 * compiler's own atomics of the same order, so that it checks the very algorithm that ships.
 */
#ifndef NET_BASE_ATOMIC_H
#define NET_BASE_ATOMIC_H

#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define ATOMIC_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ATOMIC_TSAN 1
#endif
#endif

#include <ck_pr.h>

#ifdef ATOMIC_TSAN

#define ATOMIC_ACCESS(bits)                                                                        \
    static inline uint##bits##_t load_relaxed_##bits(const uint##bits##_t *p)                      \
    {                                                                                              \
        return __atomic_load_n(p, __ATOMIC_RELAXED);                                               \
    }                                                                                              \
    static inline uint##bits##_t load_acquire_##bits(const uint##bits##_t *p)                      \
    {                                                                                              \
        return __atomic_load_n(p, __ATOMIC_ACQUIRE);                                               \
    }                                                                                              \
    static inline void store_relaxed_##bits(uint##bits##_t *p, uint##bits##_t v)                   \
    {                                                                                              \
        __atomic_store_n(p, v, __ATOMIC_RELAXED);                                                  \
    }                                                                                              \
    static inline void store_release_##bits(uint##bits##_t *p, uint##bits##_t v)                   \
    {                                                                                              \
        __atomic_store_n(p, v, __ATOMIC_RELEASE);                                                  \
    }

ATOMIC_ACCESS(8)
ATOMIC_ACCESS(32)
ATOMIC_ACCESS(64)

static inline void *load_acquire_ptr(void *const *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store_release_ptr(void **p, void *v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* Adds and returns the value from before. */
static inline uint64_t fetch_add_64(uint64_t *p, uint64_t v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL);
}

static inline int compare_and_set_64(uint64_t *p, uint64_t expected, uint64_t v)
{
    return __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Stores and returns the value from before. */
static inline uint32_t exchange_32(uint32_t *p, uint32_t v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL);
}

static inline int compare_and_set_ptr(void **p, void *expected, void *v)
{
    return __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline void *exchange_ptr(void **p, void *v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL);
}

#else

#define ATOMIC_ACCESS(bits)                                                                        \
    static inline uint##bits##_t load_relaxed_##bits(const uint##bits##_t *p)                      \
    {                                                                                              \
        return ck_pr_load_##bits(p);                                                               \
    }                                                                                              \
    static inline uint##bits##_t load_acquire_##bits(const uint##bits##_t *p)                      \
    {                                                                                              \
        uint##bits##_t v = ck_pr_load_##bits(p);                                                   \
                                                                                                   \
        ck_pr_fence_acquire();                                                                     \
        return v;                                                                                  \
    }                                                                                              \
    static inline void store_relaxed_##bits(uint##bits##_t *p, uint##bits##_t v)                   \
    {                                                                                              \
        ck_pr_store_##bits(p, v);                                                                  \
    }                                                                                              \
    static inline void store_release_##bits(uint##bits##_t *p, uint##bits##_t v)                   \
    {                                                                                              \
        ck_pr_fence_release();                                                                     \
        ck_pr_store_##bits(p, v);                                                                  \
    }

ATOMIC_ACCESS(8)
ATOMIC_ACCESS(32)
ATOMIC_ACCESS(64)

static inline void *load_acquire_ptr(void *const *p)
{
    void *v = ck_pr_load_ptr(p);

    ck_pr_fence_acquire();
    return v;
}

static inline void store_release_ptr(void **p, void *v)
{
    ck_pr_fence_release();
    ck_pr_store_ptr(p, v);
}

static inline uint64_t fetch_add_64(uint64_t *p, uint64_t v)
{
    ck_pr_fence_release();
    v = ck_pr_faa_64(p, v);
    ck_pr_fence_acquire();
    return v;
}

static inline int compare_and_set_64(uint64_t *p, uint64_t expected, uint64_t v)
{
    ck_pr_fence_release();
    int set = ck_pr_cas_64(p, expected, v);
    ck_pr_fence_acquire();
    return set;
}

/* Stores and returns the value from before. */
static inline uint32_t exchange_32(uint32_t *p, uint32_t v)
{
    ck_pr_fence_release();
    v = ck_pr_fas_32(p, v);
    ck_pr_fence_acquire();
    return v;
}

static inline int compare_and_set_ptr(void **p, void *expected, void *v)
{
    ck_pr_fence_release();
    int set = ck_pr_cas_ptr(p, expected, v);
    ck_pr_fence_acquire();
    return set;
}

static inline void *exchange_ptr(void **p, void *v)
{
    ck_pr_fence_release();
    v = ck_pr_fas_ptr(p, v);
    ck_pr_fence_acquire();
    return v;
}

#endif

/* Every load before comes before every load and store after. */
static inline void fence_acquire(void)
{
    ck_pr_fence_acquire();
}

/* Every load and store before comes before every one after, a store before a load too, which
 * neither release nor acquire promises. For two threads that each write one word and read the
 * other's: at least one of them sees the write. ThreadSanitizer does not model it. */
static inline void fence_full(void)
{
    ck_pr_fence_memory();
}

static inline uint64_t fetch_sub_64(uint64_t *p, uint64_t v)
{
    return fetch_add_64(p, 0 - v);
}

#endif
