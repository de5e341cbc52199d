#include "grid/store/slab.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "grid/store/limbo.h"
#include "net/base/check.h"
#include "net/base/mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif

/* What is freed shows who still reads it, so there nothing passes by freeing. */
#ifndef SLAB_ASAN
#define SLAB_ASAN 0
#endif

#if SLAB_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, size)   __asan_poison_memory_region(at, size)
#define UNPOISON(at, size) __asan_unpoison_memory_region(at, size)
#else
#define POISON(at, size)   ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#endif

/* What a ref can name, unless the process may not have so much address space (ulimit -v), or a
 * sanitizer's shadow makes it dear; then half of it, or a quarter ... */
#if SLAB_ASAN || defined(ATOMIC_TSAN)
enum { RANGE_CHUNKS_MAX = 1024 };
#else
enum { RANGE_CHUNKS_MAX = 16384 };
#endif
enum { RANGE_CHUNKS_MIN = 64 };

enum {
    CHUNK = 2 * 1024 * 1024,
    RUN = 64 * 1024,
    PAGE = 4096,
    RUNS = CHUNK / RUN, /* per chunk */
    CLASSES = 80,
    GRANT = 64 * 1024,       /* bytes taken from the account at a time */
    GRANTS_IDLE = 4 * GRANT, /* more than this unused goes back */
    FETCH_MAX = 256,         /* bytes of the next block fetched ahead */
    FREE_SOME = 64,          /* blocks freed under the lock at a time: a microsecond or two */
    FREE_EACH = 2,           /* for each block that is retired, so that those due get fewer */
    REUSE = !SLAB_ASAN,      /* a block that is due may be given out at once */
    FREE_YIELDS = 100,       /* moments in which who waits for the lock may take it */
    NONE = UINT32_MAX
};

static_assert((uint64_t)RANGE_CHUNKS_MAX * CHUNK <= ((uint64_t)UINT32_MAX + 1) * SLAB_UNIT,
              "a ref names every block");

enum chunk_state {
    CHUNK_RESERVED, /* address space only */
    CHUNK_BLOCKS,   /* its runs serve size classes */
    CHUNK_SPANS,    /* its runs are spans */
    CHUNK_COMING    /* slab_prepare is touching it, outside the lock */
};

struct chunk {
    uint32_t free; /* bit i: run i is free */
    uint8_t state; /* enum chunk_state */
    bool leaving;  /* its blocks are being moved out: take no run here */
};

enum run_state {
    RUN_FREE,
    RUN_BLOCKS,
    RUN_SPARSE, /* blocks are being moved away: allocate nothing here */
    RUN_SPAN,   /* the first run of a span */
    RUN_INSIDE  /* a later run of a span */
};

struct run {
    uint32_t next, prev; /* in the list of its class, while it has free blocks */
    uint32_t span;       /* bytes paid for, in a span's first run */
    uint16_t free;       /* index + 1 of the first freed block, 0: none */
    uint16_t fresh;      /* blocks from here on were never used */
    uint16_t live;
    uint8_t class;
    uint8_t state; /* enum run_state; read without the lock by slab_sparse */
};

struct slab {
    uint8_t *base;
    uint32_t range;       /* chunks it has room for */
    struct run *runs;     /* range * RUNS, pages touched as chunks are */
    struct chunk *chunks; /* range */
    struct account *account;
    void (*wake)(void *context);
    void *wake_context;

    pthread_mutex_t lock;
    uint64_t waiting; /* threads that want the lock and do not have it; any thread */
    uint64_t used, granted, retired;
    uint32_t chunks_end;       /* no chunk from here on was ever used */
    uint32_t first_free;       /* no chunk of blocks before this has a free run */
    uint32_t spare;            /* a chunk made ready, or NONE */
    uint32_t committed;        /* chunks that are not reserved */
    uint32_t free_runs;        /* in chunks of blocks */
    uint32_t partial[CLASSES]; /* the first run with a free block, or NONE */
    struct limbo limbo;        /* retired blocks */
    bool wants_spare;
};

/* ---- size classes: 8-byte steps to 256, then eight to a doubling ---------------------------- */

static uint32_t class_of(uint32_t size)
{
    if (size <= SLAB_BLOCK_SMALL)
        return size == 0 ? 0 : (size - 1) / SLAB_UNIT;

    uint32_t doubling = 31 - (uint32_t)__builtin_clz(size - 1);

    return 32 + (doubling - 8) * 8 + ((size - 1 - (1u << doubling)) >> (doubling - 3));
}

static uint32_t class_size(uint32_t class)
{
    if (class < 32)
        return (class + 1) * SLAB_UNIT;

    uint32_t doubling = 8 + (class - 32) / 8;

    return (1u << doubling) + (((class - 32) % 8 + 1) << (doubling - 3));
}

static uint32_t span_bytes(uint32_t size)
{
    return (size + PAGE - 1) & ~(uint32_t)(PAGE - 1);
}

uint32_t slab_block_size_large(uint32_t size)
{
    return size <= SLAB_BLOCK_MAX ? class_size(class_of(size)) : span_bytes(size);
}

static uint32_t run_of(slab_ref ref)
{
    return (uint32_t)((uint64_t)ref * SLAB_UNIT / RUN);
}

static void lock(struct slab *s)
{
    if (pthread_mutex_trylock(&s->lock) == 0)
        return;
    fetch_add_64(&s->waiting, 1);
    pthread_mutex_lock(&s->lock);
    fetch_sub_64(&s->waiting, 1);
}

static uint8_t *run_at(const struct slab *s, uint32_t run)
{
    return s->base + (uint64_t)run * RUN;
}

/* ---- money ---------------------------------------------------------------------------------- */

static bool pay(struct slab *s, uint64_t bytes)
{
    if (s->used + bytes > s->granted) {
        uint64_t need = s->used + bytes - s->granted;
        uint64_t want = (need + GRANT - 1) / GRANT * GRANT;

        if (account_charge(s->account, want))
            s->granted += want;
        else if (account_charge(s->account, need)) /* near the ceiling every byte counts */
            s->granted += need;
        else
            return false;
    }
    s->used += bytes;
    return true;
}

static void give_back_grants(struct slab *s, uint64_t keep)
{
    uint64_t idle = s->granted - s->used;

    if (idle <= keep)
        return;
    account_return(s->account, idle - keep);
    s->granted -= idle - keep;
}

static void refund(struct slab *s, uint64_t bytes)
{
    check(bytes <= s->used);
    s->used -= bytes;
    if (s->granted - s->used > GRANTS_IDLE)
        give_back_grants(s, GRANT);
}

/* ---- chunks --------------------------------------------------------------------------------- */

static uint8_t *chunk_at(const struct slab *s, uint32_t chunk)
{
    return s->base + (uint64_t)chunk * CHUNK;
}

/* Spans pay by the page, so theirs are small pages; so is the first chunk of a small member. */
static bool chunk_is_huge(uint32_t chunk, enum chunk_state state)
{
    return chunk != 0 && state != CHUNK_SPANS;
}

/* The first of `n` neighbouring reserved chunks. */
static uint32_t find_reserved(const struct slab *s, uint32_t n)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < s->range; i++) {
        found = i >= s->chunks_end || s->chunks[i].state == CHUNK_RESERVED ? found + 1 : 0;
        if (found == n)
            return i + 1 - n;
    }
    return NONE;
}

static void chunk_becomes(struct slab *s, uint32_t chunk, enum chunk_state state)
{
    s->chunks[chunk] = (struct chunk){.free = UINT32_MAX, .state = state};
    s->committed++;
    if (state == CHUNK_BLOCKS) {
        s->free_runs += RUNS;
        if (chunk < s->first_free)
            s->first_free = chunk;
    }
    if (chunk >= s->chunks_end)
        s->chunks_end = chunk + 1;
}

/* The number of a chunk that is now of blocks, or NONE. */
static uint32_t chunk_take(struct slab *s)
{
    uint32_t chunk = s->spare;

    s->spare = NONE;
    if (chunk == NONE) {
        chunk = find_reserved(s, 1);
        if (chunk == NONE ||
            !pages_commit(chunk_at(s, chunk), CHUNK, chunk_is_huge(chunk, CHUNK_BLOCKS)))
            return NONE;
    } else {
        s->committed--; /* counted again below */
    }
    chunk_becomes(s, chunk, CHUNK_BLOCKS);
    return chunk;
}

static void chunk_give_back(struct slab *s, uint32_t chunk)
{
    UNPOISON(chunk_at(s, chunk), CHUNK);
    pages_decommit(chunk_at(s, chunk), CHUNK);
    if (s->chunks[chunk].state == CHUNK_BLOCKS)
        s->free_runs -= RUNS;
    s->chunks[chunk].state = CHUNK_RESERVED;
    s->committed--;
}

/* A spare is wanted once the chunks at hand are half gone: at full speed the other half lasts
 * a few milliseconds, and preparing takes less than one. */
static void want_spare(struct slab *s)
{
    if (s->wants_spare || s->spare != NONE || s->free_runs > RUNS / 2 || !s->wake)
        return;
    s->wants_spare = true;
    s->wake(s->wake_context);
}

void slab_prepare(struct slab *s)
{
    lock(s);
    uint32_t chunk = s->wants_spare && s->spare == NONE ? find_reserved(s, 1) : NONE;

    s->wants_spare = false;
    if (chunk != NONE)
        chunk_becomes(s, chunk, CHUNK_COMING);
    pthread_mutex_unlock(&s->lock);
    if (chunk == NONE)
        return;

    bool ready = pages_commit(chunk_at(s, chunk), CHUNK, chunk_is_huge(chunk, CHUNK_BLOCKS));
    if (ready)
        pages_populate(chunk_at(s, chunk), CHUNK);

    lock(s);
    if (ready)
        s->spare = chunk;
    else
        chunk_give_back(s, chunk);
    pthread_mutex_unlock(&s->lock);
}

/* ---- runs ----------------------------------------------------------------------------------- */

static void list_push(struct slab *s, uint32_t run)
{
    struct run *r = &s->runs[run];
    uint32_t head = s->partial[r->class];

    r->prev = NONE;
    r->next = head;
    if (head != NONE)
        s->runs[head].prev = run;
    s->partial[r->class] = run;
}

static void list_remove(struct slab *s, uint32_t run)
{
    struct run *r = &s->runs[run];

    if (r->prev != NONE)
        s->runs[r->prev].next = r->next;
    else
        s->partial[r->class] = r->next;
    if (r->next != NONE)
        s->runs[r->next].prev = r->prev;
}

/* State is read without the lock too, hence stored and loaded whole. */
static enum run_state run_state(const struct run *r)
{
    return (enum run_state)__atomic_load_n(&r->state, __ATOMIC_RELAXED);
}

static void run_set_state(struct run *r, enum run_state state)
{
    __atomic_store_n(&r->state, (uint8_t)state, __ATOMIC_RELAXED);
}

static uint32_t run_blocks(const struct run *r)
{
    return RUN / class_size(r->class);
}

static bool run_is_full(const struct run *r)
{
    return r->free == 0 && r->fresh == run_blocks(r);
}

static bool chunk_has_room(const struct chunk *c)
{
    return c->state == CHUNK_BLOCKS && !c->leaving && c->free;
}

/* The lowest free run, so that high chunks empty first and can be given back. */
static uint32_t run_take(struct slab *s, uint32_t class)
{
    uint32_t chunk = s->first_free;

    while (chunk < s->chunks_end && !chunk_has_room(&s->chunks[chunk]))
        chunk++;
    s->first_free = chunk;
    if (chunk >= s->chunks_end && (chunk = chunk_take(s)) == NONE)
        return NONE;

    uint32_t bit = (uint32_t)__builtin_ctz(s->chunks[chunk].free);
    uint32_t run = chunk * RUNS + bit;
    struct run *r = &s->runs[run];

    s->chunks[chunk].free &= ~(1u << bit);
    s->free_runs--;
    /* Ref 0 names nothing, so the very first block is never handed out. */
    *r =
        (struct run){.class = (uint8_t) class, .fresh = run == 0 ? 1 : 0, .live = run == 0 ? 1 : 0};
    run_set_state(r, RUN_BLOCKS);
    POISON(run_at(s, run), RUN);
    list_push(s, run);
    want_spare(s);
    return run;
}

static void run_give_back(struct slab *s, uint32_t run)
{
    uint32_t chunk = run / RUNS;

    run_set_state(&s->runs[run], RUN_FREE);
    s->chunks[chunk].free |= 1u << run % RUNS;
    s->free_runs++;
    if (chunk < s->first_free)
        s->first_free = chunk;
    /* Keep one chunk's worth at hand, or a put and a remove in turn would pay the kernel. */
    if (s->chunks[chunk].free == UINT32_MAX && s->free_runs > RUNS)
        chunk_give_back(s, chunk);
}

/* ---- blocks --------------------------------------------------------------------------------- */

/* Brings in the block that the next allocation will give, so that neither reading its link nor
 * filling it has to wait for memory; a tenth of the time of a put on a large map. */
static void fetch_block(const uint8_t *at, uint32_t size)
{
    for (uint32_t i = 0; i < size && i < FETCH_MAX; i += 64)
        __builtin_prefetch(at + i, 1);
}

static mr_rc_t block_alloc(struct slab *s, uint32_t class, slab_ref *ret_ref)
{
    uint32_t run = s->partial[class];

    if (run == NONE && (run = run_take(s, class)) == NONE)
        return MR_ERR_MEMORY;

    struct run *r = &s->runs[run];
    uint32_t size = class_size(class);
    uint32_t index;

    if (r->free) {
        index = r->free - 1u;
        UNPOISON(run_at(s, run) + (uint64_t)index * size, size);
        memcpy(&r->free, run_at(s, run) + (uint64_t)index * size, sizeof r->free);
    } else {
        index = r->fresh++;
        UNPOISON(run_at(s, run) + (uint64_t)index * size, size);
    }
    r->live++;
    if (run_is_full(r))
        list_remove(s, run);
    else
        fetch_block(run_at(s, run) + (uint64_t)(r->free ? r->free - 1u : r->fresh) * size, size);

    *ret_ref = (slab_ref)(((uint64_t)run * RUN + (uint64_t)index * size) / SLAB_UNIT);
    return MR_OK;
}

static uint32_t block_free(struct slab *s, uint32_t run, slab_ref ref)
{
    struct run *r = &s->runs[run];
    uint32_t size = class_size(r->class);
    uint32_t index = (uint32_t)(((uint64_t)ref * SLAB_UNIT - (uint64_t)run * RUN) / size);
    bool was_full = run_is_full(r);

    check(r->live > 0);
    memcpy(slab_at(s->base, ref), &r->free, sizeof r->free);
    POISON(slab_at(s->base, ref), size);
    r->free = (uint16_t)(index + 1);
    r->live--;
    if (was_full && r->state == RUN_BLOCKS)
        list_push(s, run);
    if (r->live == 0) {
        if (r->state == RUN_BLOCKS)
            list_remove(s, run);
        run_give_back(s, run);
    }
    return size;
}

/* ---- spans ---------------------------------------------------------------------------------- */

/* The first of n neighbouring set bits, or RUNS. */
static uint32_t find_bits(uint32_t mask, uint32_t n)
{
    for (uint32_t i = 0; i + n <= RUNS; i++)
        if ((uint32_t)((uint64_t)mask >> i & ((1ull << n) - 1)) == (uint32_t)((1ull << n) - 1))
            return i;
    return RUNS;
}

/* The first run of n neighbours in chunks of spans: a gap in one, or new chunks. */
static uint32_t span_find(struct slab *s, uint32_t n)
{
    for (uint32_t i = 0; n <= RUNS && i < s->chunks_end; i++) {
        uint32_t bit = s->chunks[i].state == CHUNK_SPANS ? find_bits(s->chunks[i].free, n) : RUNS;

        if (bit < RUNS)
            return i * RUNS + bit;
    }

    uint32_t chunks = (n + RUNS - 1) / RUNS;
    uint32_t first = find_reserved(s, chunks);

    if (first == NONE || !pages_commit(chunk_at(s, first), (uint64_t)chunks * CHUNK, false))
        return NONE;
    for (uint32_t i = 0; i < chunks; i++)
        chunk_becomes(s, first + i, CHUNK_SPANS);
    return first * RUNS;
}

static mr_rc_t span_alloc(struct slab *s, uint32_t bytes, slab_ref *ret_ref)
{
    uint32_t n = (bytes + RUN - 1) / RUN;
    uint32_t first;

    /* Ref 0 names nothing, so the first chunk is one of blocks. */
    if (s->chunks_end == 0 && chunk_take(s) == NONE)
        return MR_ERR_MEMORY;
    if ((first = span_find(s, n)) == NONE)
        return MR_ERR_MEMORY;
    for (uint32_t i = first; i < first + n; i++) {
        s->chunks[i / RUNS].free &= ~(1u << i % RUNS);
        s->runs[i] = (struct run){.span = i == first ? bytes : 0};
        run_set_state(&s->runs[i], i == first ? RUN_SPAN : RUN_INSIDE);
    }
    *ret_ref = (slab_ref)((uint64_t)first * RUN / SLAB_UNIT);
    return MR_OK;
}

static uint32_t span_free(struct slab *s, uint32_t first)
{
    uint32_t bytes = s->runs[first].span;
    uint32_t n = (bytes + RUN - 1) / RUN;

    pages_discard(run_at(s, first), (uint64_t)n * RUN);
    for (uint32_t i = first; i < first + n; i++) {
        run_set_state(&s->runs[i], RUN_FREE);
        s->chunks[i / RUNS].free |= 1u << i % RUNS;
        if (s->chunks[i / RUNS].free == UINT32_MAX)
            chunk_give_back(s, i / RUNS);
    }
    return bytes;
}

/* ---- the outside ---------------------------------------------------------------------------- */

static void free_locked(struct slab *s, slab_ref ref)
{
    uint32_t run = run_of(ref);
    uint8_t state = s->runs[run].state;

    check(ref != 0);
    check(state == RUN_BLOCKS || state == RUN_SPARSE || state == RUN_SPAN);
    refund(s, state == RUN_SPAN ? span_free(s, run) : block_free(s, run, ref));
}

/* Of a block in use, whose run keeps its class and span: needs no lock. */
static uint32_t block_bytes(const struct slab *s, slab_ref ref)
{
    const struct run *r = &s->runs[run_of(ref)];

    return run_state(r) == RUN_SPAN ? r->span : class_size(r->class);
}

/* Frees at most n of the blocks whose time has come. */
static void free_due(struct slab *s, uint64_t n)
{
    slab_ref ref, later;

    for (; n > 0 && (ref = limbo_take(&s->limbo, &later)); n--) {
        if (later) {
            __builtin_prefetch(&s->runs[run_of(later)], 1);
            __builtin_prefetch(slab_at(s->base, later), 1);
        }
        s->retired -= block_bytes(s, ref);
        free_locked(s, ref);
    }
}

/* Pays, if need be with what has come free meanwhile. */
static bool pay_or_free(struct slab *s, uint32_t bytes)
{
    while (!pay(s, bytes)) {
        if (!limbo_is_due(&s->limbo))
            return false;
        free_due(s, FREE_SOME);
    }
    return true;
}

/* Finds the block; before it takes another run, one that has come free will do. */
static mr_rc_t take(struct slab *s, uint32_t size, slab_ref *ret_ref)
{
    if (size > SLAB_BLOCK_MAX)
        return span_alloc(s, span_bytes(size), ret_ref);
    if (s->partial[class_of(size)] == NONE)
        free_due(s, FREE_SOME);
    return block_alloc(s, class_of(size), ret_ref);
}

/* Gives the block that is due next, if it is of the class: paid for as it is, and without the way
 * through its run and out again. Where values are overwritten nearly every block comes this way. */
static bool reuse(struct slab *s, uint32_t class, slab_ref *ret_ref)
{
    slab_ref ref = limbo_next(&s->limbo), later;
    const struct run *r = &s->runs[run_of(ref)];

    if (!REUSE || !ref || r->state != RUN_BLOCKS || r->class != class)
        return false;
    *ret_ref = limbo_take(&s->limbo, &later);
    s->retired -= class_size(class);
    if (later)
        fetch_block(slab_at(s->base, later), class_size(class));
    return true;
}

static mr_rc_t find_block(struct slab *s, uint32_t size, slab_ref *ret_ref)
{
    uint32_t bytes = slab_block_size(size);

    free_due(s, FREE_EACH);
    if (!pay_or_free(s, bytes))
        return MR_ERR_FULL;
    mr_rc_t rc = take(s, size, ret_ref);
    if (rc != MR_OK)
        refund(s, bytes);
    return rc;
}

/* Uses up what is due, one block at least; so a change that allocates and retires leaves no more
 * of it than there was. */
static mr_rc_t alloc_locked(struct slab *s, uint32_t size, slab_ref *ret_ref)
{
    if (!limbo_ready(&s->limbo))
        return MR_ERR_MEMORY;
    if (size <= SLAB_BLOCK_MAX && reuse(s, class_of(size), ret_ref))
        return MR_OK;
    return find_block(s, size, ret_ref);
}

mr_rc_t slab_alloc(struct slab *s, uint32_t size, slab_ref *ret_ref)
{
    check(size <= SLAB_SPAN_MAX);
    lock(s);
    mr_rc_t rc = alloc_locked(s, size, ret_ref);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

mr_rc_t slab_ready(struct slab *s)
{
    lock(s);
    bool ready = limbo_ready(&s->limbo);
    pthread_mutex_unlock(&s->lock);
    return ready ? MR_OK : MR_ERR_MEMORY;
}

void slab_free(struct slab *s, slab_ref ref)
{
    lock(s);
    free_locked(s, ref);
    pthread_mutex_unlock(&s->lock);
}

static void retire_locked(struct slab *s, slab_ref ref)
{
    s->retired += block_bytes(s, ref);
    limbo_add(&s->limbo, ref);
}

void slab_retire(struct slab *s, slab_ref ref)
{
    lock(s);
    retire_locked(s, ref);
    free_due(s, FREE_EACH);
    pthread_mutex_unlock(&s->lock);
}

void slab_take_ahead(struct slab *s, struct slab_ahead *list)
{
    lock(s);
    for (struct slab_ahead *a = list; a; a = a->next) {
        check(a->size <= SLAB_BLOCK_MAX);
        a->old = 0;
        if (alloc_locked(s, a->size, &a->block) != MR_OK)
            a->block = 0;
    }
    pthread_mutex_unlock(&s->lock);
}

void slab_settle(struct slab *s, struct slab_ahead *list)
{
    lock(s);
    for (struct slab_ahead *a = list; a; a = a->next) {
        if (a->old)
            retire_locked(s, a->old);
        if (a->block)
            free_locked(s, a->block);
        a->old = a->block = 0;
    }
    pthread_mutex_unlock(&s->lock);
}

struct slab_batch {
    struct slab *slab;
    struct limbo_batch *refs;
    uint64_t bytes;
};

struct slab_batch *slab_batch_new(struct slab *s, uint64_t n)
{
    struct slab_batch *b = mem_alloc_zero(sizeof *b);

    if (!b)
        return NULL;
    b->slab = s;
    if (!(b->refs = limbo_batch_new(n))) {
        mem_free(b);
        return NULL;
    }
    return b;
}

void slab_batch_add(struct slab_batch *b, slab_ref ref)
{
    limbo_batch_add(b->refs, ref);
    b->bytes += block_bytes(b->slab, ref);
}

void slab_batch_retire(struct slab_batch *b)
{
    struct slab *s = b->slab;

    lock(s);
    s->retired += b->bytes;
    limbo_add_batch(&s->limbo, b->refs);
    pthread_mutex_unlock(&s->lock);
    mem_free(b);
}

/* Lets writers in. A mutex is not fair: without a pause the thread that gives it up has it again
 * before one that was asleep has woken. */
static void step_aside(struct slab *s)
{
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < FREE_YIELDS && load_relaxed_64(&s->waiting) > 0; i++)
        sched_yield();
    lock(s);
}

uint64_t slab_reclaim(struct slab *s)
{
    lock(s);
    limbo_flush(&s->limbo);
    while (limbo_is_due(&s->limbo)) {
        free_due(s, FREE_SOME);
        step_aside(s);
    }
    give_back_grants(s, 0);
    uint64_t left = s->retired;
    pthread_mutex_unlock(&s->lock);
    return left;
}

/* ---- moving --------------------------------------------------------------------------------- */

/* What a round of marking knows: live bytes per class would not do, since blocks do not mix. */
struct survey {
    uint32_t live[CLASSES], runs[CLASSES];
    uint64_t bytes;  /* in blocks of all chunks */
    uint32_t chunks; /* of blocks, that will stay */
};

static uint64_t run_bytes(const struct run *r)
{
    return r->state == RUN_BLOCKS ? (uint64_t)r->live * class_size(r->class) : 0;
}

static uint64_t chunk_bytes(const struct slab *s, uint32_t chunk)
{
    uint64_t bytes = 0;

    for (uint32_t i = chunk * RUNS; i < (chunk + 1) * RUNS; i++)
        bytes += run_bytes(&s->runs[i]);
    return bytes;
}

static struct survey survey(const struct slab *s)
{
    struct survey v = {0};

    for (uint32_t c = 0; c < s->chunks_end; c++) {
        if (s->chunks[c].state != CHUNK_BLOCKS)
            continue;
        v.chunks++;
        v.bytes += chunk_bytes(s, c);
        for (uint32_t i = c * RUNS; i < (c + 1) * RUNS; i++) {
            if (s->runs[i].state != RUN_BLOCKS)
                continue;
            v.live[s->runs[i].class] += s->runs[i].live;
            v.runs[s->runs[i].class]++;
        }
    }
    return v;
}

static void mark(struct slab *s, uint32_t run)
{
    if (!run_is_full(&s->runs[run]))
        list_remove(s, run);
    run_set_state(&s->runs[run], RUN_SPARSE);
}

uint32_t slab_mark_sparse(struct slab *s)
{
    uint32_t marked = 0;

    lock(s);
    struct survey v = survey(s);

    /* From the top down, so that what stays is low. A chunk that is half empty goes whole, as
     * long as the others have room to spare; else single runs, as long as their class has. */
    for (uint32_t c = s->chunks_end; c-- > 0;) {
        if (s->chunks[c].state != CHUNK_BLOCKS)
            continue;
        bool whole = c > 0 && chunk_bytes(s, c) * 2 <= CHUNK &&
                     (uint64_t)(v.chunks - 1) * CHUNK > v.bytes + v.bytes / 4 + CHUNK;

        v.chunks -= whole;
        s->chunks[c].leaving = whole;
        for (uint32_t i = c * RUNS; i < (c + 1) * RUNS; i++) {
            const struct run *r = &s->runs[i];

            if (r->state != RUN_BLOCKS)
                continue;
            if (!whole && (r->live * 2u > run_blocks(r) ||
                           v.runs[r->class] <= v.live[r->class] / run_blocks(r) + 2))
                continue;
            v.runs[r->class]--;
            mark(s, i);
            marked++;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return marked;
}

bool slab_sparse(const struct slab *s, slab_ref ref)
{
    return run_state(&s->runs[run_of(ref)]) == RUN_SPARSE;
}

void slab_unmark(struct slab *s)
{
    lock(s);
    for (uint32_t i = 0; i < s->chunks_end * RUNS; i++) {
        struct run *r = &s->runs[i];

        if (r->state != RUN_SPARSE)
            continue;
        run_set_state(r, RUN_BLOCKS);
        if (!run_is_full(r))
            list_push(s, i);
    }
    for (uint32_t c = 0; c < s->chunks_end; c++)
        s->chunks[c].leaving = false;
    s->first_free = 0;
    pthread_mutex_unlock(&s->lock);
}

/* ---- life ----------------------------------------------------------------------------------- */

uint8_t *slab_base(const struct slab *s)
{
    return s->base;
}

static size_t runs_size(const struct slab *s)
{
    return (size_t)s->range * RUNS * sizeof(struct run);
}

static size_t chunks_size(const struct slab *s)
{
    return ((size_t)s->range * sizeof(struct chunk) + PAGE - 1) & ~(size_t)(PAGE - 1);
}

struct slab *slab_new(struct account *account, void (*wake)(void *context), void *context)
{
    struct slab *s = mem_alloc_zero(sizeof *s);

    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->account = account;
    s->wake = wake;
    s->wake_context = context;
    s->spare = NONE;
    for (int i = 0; i < CLASSES; i++)
        s->partial[i] = NONE;

    bool limbo = limbo_start(&s->limbo);

    s->range = RANGE_CHUNKS_MAX;
    while (!(s->base = pages_reserve((size_t)s->range * CHUNK, CHUNK)) &&
           s->range > RANGE_CHUNKS_MIN)
        s->range /= 2;
    s->runs = pages_reserve(runs_size(s), PAGE);
    s->chunks = pages_reserve(chunks_size(s), PAGE);
    if (!s->base || !s->runs || !s->chunks || !pages_commit(s->runs, runs_size(s), false) ||
        !pages_commit(s->chunks, chunks_size(s), false) || !limbo)
        goto fail;
    return s;

fail:
    slab_free_all(s);
    return NULL;
}

void slab_free_all(struct slab *s)
{
    if (!s)
        return;
    limbo_stop(&s->limbo);
    if (s->base)
        UNPOISON(s->base, (size_t)s->chunks_end * CHUNK);
    pages_release(s->base, (size_t)s->range * CHUNK);
    pages_release(s->runs, runs_size(s));
    pages_release(s->chunks, chunks_size(s));
    account_return(s->account, s->granted);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

struct slab_stats slab_stats(struct slab *s)
{
    lock(s);
    struct slab_stats stats = {s->used, s->retired, (uint64_t)s->committed * CHUNK};
    pthread_mutex_unlock(&s->lock);
    return stats;
}

void slab_check(struct slab *s)
{
    uint64_t used = 0;
    uint32_t free_runs = 0, committed = 0;

    lock(s);
    for (uint32_t c = 0; c < s->chunks_end; c++) {
        const struct chunk *k = &s->chunks[c];

        if (k->state == CHUNK_RESERVED)
            continue;
        committed++;
        if (k->state == CHUNK_BLOCKS)
            free_runs += (uint32_t)__builtin_popcount(k->free);
        for (uint32_t i = c * RUNS; k->state != CHUNK_COMING && i < (c + 1) * RUNS; i++) {
            const struct run *r = &s->runs[i];
            bool is_free = k->free >> i % RUNS & 1;

            check(is_free == (r->state == RUN_FREE));
            if (r->state == RUN_SPAN)
                used += r->span;
            if (r->state == RUN_BLOCKS || r->state == RUN_SPARSE)
                used += (uint64_t)(r->live - (i == 0)) * class_size(r->class);
        }
    }
    check(used == s->used);
    check(s->used <= s->granted);
    check(free_runs == s->free_runs);
    check(committed == s->committed);
    check(s->retired <= s->used);
    pthread_mutex_unlock(&s->lock);
}
