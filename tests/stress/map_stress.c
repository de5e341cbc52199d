/* map_stress.c - everything a program can do with maps, at once, through the public API.
 *
 *     map        who writes                         what it is for
 *     plain      two writers, each its own keys     put, replace, remove, growth; keys below PINNED
 *                                                   are never removed
 *     cleared    the same, and the churner clears   values stay whole
 *     cache      a writer, within max-size          eviction by last use
 *     bytes      a writer, within max-bytes         eviction by count of uses
 *     fading     a writer, 30 ms each               expiry
 *     counters   everybody adds 1                   no update is lost
 *
 * Two readers get, get many, borrow and iterate; a churner opens and closes listeners, clears,
 * makes maps and looks at statistics; two listeners stay to the end, and one checks that each event
 * goes on from the one before. All of it has little memory, so that now and then there is none.
 *
 * A value has its key, a version that only grows, and a sum over them and its bytes: who reads a
 * mixed or torn value sees it.
 *
 *     make B=build/tsan SAN=thread plain && build/tsan/test/map_stress
 */
#include <millrace/millrace.h>
#include <string.h>

#include "client/handle.h"
#include "grid/data/map.h"
#include "net/base/check.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/base/thread.h"
#include "tests/stress/stress.h"

enum {
    PINNED = 500, /* keys 0 .. of plain stay to the end */
    KEYS = 4000,  /* .. come and go */
    NEVER = 1000, /* keys KEYS .. are never put */
    COUNTERS = 8,
    WRITERS = 2,
    READERS = 2,
    CACHE_ENTRIES = 1000,
    CACHE_BYTES = 256 * 1024,
    MEMORY_MAX = 48 << 20,
    VALUE_MAX = 60000,
    MANY = 50
};

enum claim {
    STAYS_FOUND,
    NEVER_FOUND,
    WHOLE,
    NEVER_BACK,
    OLD_IS_MINE,
    ANSWERS,
    GOOD_TO_THE_END,
    ITERATED_ONCE,
    EVENTS_GO_ON,
    BELOW_THE_CEILING,
    NO_UPDATE_LOST,
    AS_WRITTEN,
    WITHIN_LIMITS,
    EVICTED,
    EXPIRED,
    CLEARED,
    MEMORY_BACK,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [STAYS_FOUND] = "a key that stays is found at every moment",
    [NEVER_FOUND] = "a key that was never put is never found",
    [WHOLE] = "a value is whole, and of its key",
    [NEVER_BACK] = "a key's version never goes back for a reader",
    [OLD_IS_MINE] = "the value from before is what its only writer wrote",
    [ANSWERS] = "a call answers as it may",
    [GOOD_TO_THE_END] = "what is borrowed stays as it is until the section ends",
    [ITERATED_ONCE] = "an iteration meets what stays exactly once",
    [EVENTS_GO_ON] = "an event goes on from the one before",
    [BELOW_THE_CEILING] = "the member's memory stays below its ceiling",
    [NO_UPDATE_LOST] = "no update is lost",
    [AS_WRITTEN] = "at the end every key is as written",
    [WITHIN_LIMITS] = "at the end maps are within their limits",
    [EVICTED] = "entries were evicted",
    [EXPIRED] = "entries expired",
    [CLEARED] = "a map was cleared",
    [MEMORY_BACK] = "all memory comes back",
};

static mr_t *g;
static mr_map_t *plain, *cleared, *cache, *bytes, *fading, *counters;
static uint32_t over;

/* Each thread's own. */
struct worker {
    struct thread thread;
    int number;
    struct rand rand;
    struct tally tally;
    uint64_t added;         /* to all counters */
    uint64_t version[KEYS]; /* writers: of what is in plain, 0: nothing; readers: last seen */
    uint64_t next_version;
    uint8_t met[KEYS];
    struct value *value;
    mr_val_t old;
};

/* ---- values --------------------------------------------------------------------------------- */

struct value {
    uint64_t key, version, sum;
    uint8_t filler[VALUE_MAX];
};

enum { VALUE_MIN = offsetof(struct value, filler) };

static uint64_t sum_of(uint64_t key, uint64_t version, const void *filler, size_t size)
{
    return hash_64(filler, size) ^ (key * 0x9e3779b97f4a7c15u + version);
}

/* A value of the worker's next version, good until its next. */
static mr_ref_t value_make(struct worker *me, uint64_t key)
{
    struct value *v = me->value;
    size_t size = rand_below(&me->rand, rand_below(&me->rand, 300) ? 300 : VALUE_MAX);

    v->key = key;
    v->version = ++me->next_version;
    memset(v->filler, (uint8_t)v->version, size);
    v->sum = sum_of(key, v->version, v->filler, size);
    return MR_BYTES(v, VALUE_MIN + size);
}

/* The version of a value, or 0 when it is not whole or not of this key. */
static uint64_t value_version(mr_ref_t ref, uint64_t key)
{
    struct value v;

    if (ref.kind != MR_KIND_BYTES || ref.len < VALUE_MIN || ref.len > sizeof v)
        return 0;
    memcpy(&v, ref.as.ptr, VALUE_MIN);
    bool whole =
        v.key == key && v.sum == sum_of(key, v.version, (const uint8_t *)ref.as.ptr + VALUE_MIN,
                                        ref.len - VALUE_MIN);

    return whole ? v.version : 0;
}

/* ---- counting on ---------------------------------------------------------------------------- */

static bool answers(struct worker *me, mr_rc_t rc, mr_rc_t expected, const char *call)
{
    bool short_of_memory = rc == MR_ERR_FULL || rc == MR_ERR_MEMORY;

    holds(&me->tally, ANSWERS, rc == expected || short_of_memory, "%s gives %s", call,
          mr_rc_name(rc));
    return rc == expected;
}

static mr_update_t add_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    (void)context;
    *next = MR_I64(current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1);
    return MR_UPDATE_SET;
}

static void count_on(struct worker *me)
{
    mr_ref_t key = MR_I64(rand_below(&me->rand, COUNTERS));

    if (answers(me, mr_map_update(counters, key, add_one, NULL, NULL, NULL), MR_OK, "update"))
        me->added++;
}

/* ---- writers -------------------------------------------------------------------------------- */

/* A key that this writer alone writes in plain. */
static uint64_t own_key(struct worker *me, uint64_t from, uint64_t to)
{
    return from + rand_below(&me->rand, (to - from) / WRITERS) * WRITERS + (uint64_t)me->number;
}

static void expect_old(struct worker *me, uint64_t key)
{
    mr_ref_t old = mr_val_ref(&me->old);
    uint64_t version = old.kind == MR_KIND_NULL ? 0 : value_version(old, key);

    holds(&me->tally, OLD_IS_MINE, version == me->version[key], "key %llu: %llu, not %llu",
          (unsigned long long)key, (unsigned long long)version,
          (unsigned long long)me->version[key]);
}

static void put_old(struct worker *me, uint64_t key)
{
    mr_put_opts_t opts = {sizeof opts, 0, 0, &me->old};
    mr_ref_t value = value_make(me, key);

    if (!answers(me, mr_map_put(plain, MR_I64(key), value, &opts, NULL), MR_OK, "put"))
        return;
    expect_old(me, key);
    me->version[key] = me->next_version;
}

static void put_if_absent(struct worker *me, uint64_t key)
{
    mr_put_opts_t opts = {sizeof opts, 0, 0, &me->old};
    mr_rc_t expected = me->version[key] ? MR_EXISTS : MR_OK;
    mr_ref_t value = value_make(me, key);

    if (!answers(me, mr_map_put_if_absent(plain, MR_I64(key), value, &opts, NULL), expected,
                 "put_if_absent"))
        return;
    expect_old(me, key);
    if (expected == MR_OK)
        me->version[key] = me->next_version;
}

static void replace(struct worker *me, uint64_t key)
{
    mr_rc_t expected = me->version[key] ? MR_OK : MR_NOT_FOUND;
    mr_ref_t value = value_make(me, key);

    if (answers(me, mr_map_replace(plain, MR_I64(key), value, NULL, NULL), expected, "replace") &&
        expected == MR_OK)
        me->version[key] = me->next_version;
}

static void replace_if_equal(struct worker *me, uint64_t key)
{
    mr_rc_t rc = mr_map_get(plain, MR_I64(key), &me->old, NULL, NULL);

    if (!answers(me, rc, me->version[key] ? MR_OK : MR_NOT_FOUND, "get") || rc != MR_OK)
        return;
    expect_old(me, key);
    mr_ref_t value = value_make(me, key);

    if (answers(
            me,
            mr_map_replace_if_equal(plain, MR_I64(key), mr_val_ref(&me->old), value, NULL, NULL),
            MR_OK, "replace_if_equal"))
        me->version[key] = me->next_version;
}

static void take_out(struct worker *me, uint64_t key)
{
    mr_rc_t expected = me->version[key] ? MR_OK : MR_NOT_FOUND;
    mr_rc_t rc = mr_map_remove(plain, MR_I64(key), &me->old, NULL);

    if (!answers(me, rc, expected, "remove"))
        return;
    expect_old(me, key);
    me->version[key] = 0;
}

static void write_many(struct worker *me)
{
    for (int i = 0; i < 20; i++) {
        uint64_t key = rand_below(&me->rand, KEYS);

        (void)answers(me, mr_map_set(cleared, MR_I64(key), value_make(me, key), NULL, NULL), MR_OK,
                      "set");
    }
}

/* Two of three keys are there most of the time; in one phase of five nearly all of them go. */
static void write_plain(struct worker *me)
{
    uint64_t key = own_key(me, 0, KEYS);
    bool ebbing = me->next_version / 20000 % 5 == 4;

    if (key < PINNED) {
        put_old(me, key);
        return;
    }
    switch (rand_below(&me->rand, 8)) {
    case 0: put_if_absent(me, key); break;
    case 1: replace(me, key); break;
    case 2: replace_if_equal(me, key); break;
    case 3:
    case 4: take_out(me, key); break;
    default: ebbing ? take_out(me, key) : put_old(me, key);
    }
}

static void write_on(void *context)
{
    struct worker *me = context;

    for (uint64_t i = 0; !load_acquire_32(&over); i++) {
        write_plain(me);
        if (i % 100 == 0)
            write_many(me);
        if (i % 10 == 0)
            count_on(me);
    }
}

/* For the maps whose entries go by themselves. */
static void write_fleeting(void *context)
{
    struct worker *me = context;

    while (!load_acquire_32(&over)) {
        uint64_t key = rand_below(&me->rand, KEYS);
        mr_ref_t k = MR_I64(key);

        (void)answers(me, mr_map_put(cache, k, value_make(me, key), NULL, NULL), MR_OK, "cache");
        (void)answers(me, mr_map_put(bytes, k, value_make(me, key), NULL, NULL), MR_OK, "bytes");
        (void)answers(me, mr_map_put(fading, k, value_make(me, key), NULL, NULL), MR_OK, "fading");
        if (key % 4 == 0)
            count_on(me);
    }
}

/* ---- readers -------------------------------------------------------------------------------- */

static void check_value(struct worker *me, uint64_t key, mr_ref_t ref)
{
    holds(&me->tally, WHOLE, value_version(ref, key) != 0, "key %llu: not whole",
          (unsigned long long)key);
}

/* Of plain, where versions of a key only grow. */
static void check_plain(struct worker *me, uint64_t key, bool found, mr_ref_t ref)
{
    if (key < PINNED)
        holds(&me->tally, STAYS_FOUND, found, "key %llu: missed", (unsigned long long)key);
    if (key >= KEYS)
        holds(&me->tally, NEVER_FOUND, !found, "key %llu: found", (unsigned long long)key);
    if (!found || key >= KEYS)
        return;
    uint64_t version = value_version(ref, key);

    check_value(me, key, ref);
    holds(&me->tally, NEVER_BACK, version >= me->version[key], "key %llu: from %llu back to %llu",
          (unsigned long long)key, (unsigned long long)me->version[key],
          (unsigned long long)version);
    me->version[key] = version;
}

static void get_some(struct worker *me)
{
    mr_map_t *const others[] = {cleared, cache, bytes, fading};

    for (int i = 0; i < 50; i++) {
        uint64_t key = rand_below(&me->rand, KEYS + NEVER);
        mr_map_t *m = i % 2 ? plain : others[i / 2 % 4];
        mr_rc_t rc = mr_map_get(m, MR_I64(key), &me->old, NULL, NULL);

        holds(&me->tally, ANSWERS, rc == MR_OK || rc == MR_NOT_FOUND, "get gives %s",
              mr_rc_name(rc));
        if (m == plain)
            check_plain(me, key, rc == MR_OK, mr_val_ref(&me->old));
        else if (rc == MR_OK)
            check_value(me, key, mr_val_ref(&me->old));
    }
}

static void get_many(struct worker *me)
{
    mr_ref_t keys[MANY];
    mr_val_t values[MANY] = {0};

    for (int i = 0; i < MANY; i++)
        keys[i] = MR_I64(rand_below(&me->rand, KEYS + NEVER));
    if (answers(me, mr_map_get_all(plain, keys, MANY, values, NULL), MR_OK, "get_all"))
        for (int i = 0; i < MANY; i++)
            check_plain(me, (uint64_t)keys[i].as.i64, mr_val_type(&values[i]) != MR_KIND_NULL,
                        mr_val_ref(&values[i]));
    for (int i = 0; i < MANY; i++)
        mr_val_clear(&values[i]);
}

static void borrow_some(struct worker *me)
{
    uint64_t keys[MANY], versions[MANY];
    mr_ref_t views[MANY];
    int n = 0;

    if (!answers(me, mr_read_begin(g, NULL), MR_OK, "read_begin"))
        return;
    while (n < MANY) {
        keys[n] = rand_below(&me->rand, PINNED);
        bool found = mr_map_borrow(plain, MR_I64(keys[n]), &views[n], NULL) == MR_OK;

        check_plain(me, keys[n], found, views[n]);
        if (!found)
            break;
        versions[n] = value_version(views[n], keys[n]);
        n++;
    }
    for (int i = 0; i < n; i++)
        holds(&me->tally, GOOD_TO_THE_END, value_version(views[i], keys[i]) == versions[i],
              "key %llu: changed while it was borrowed", (unsigned long long)keys[i]);
    mr_read_end(g);
}

static void iterate(struct worker *me, mr_map_t *m)
{
    mr_iter_t *it = mr_map_iter(m, rand_below(&me->rand, 500), NULL);
    mr_err_t err = MR_ERR_INIT;
    mr_ref_t key, value;

    memset(me->met, 0, sizeof me->met);
    while (mr_iter_next(it, &key, &value, &err)) {
        if (!holds(&me->tally, WHOLE, key.as.i64 >= 0 && key.as.i64 < KEYS, "iter: key"))
            continue;
        check_value(me, (uint64_t)key.as.i64, value);
        me->met[key.as.i64]++;
    }
    if (it && err.code == MR_OK && m == plain)
        for (int k = 0; k < PINNED; k++)
            holds(&me->tally, ITERATED_ONCE, me->met[k] == 1, "key %d: met %u times", k,
                  me->met[k]);
    mr_iter_free(it);
}

static void read_on(void *context)
{
    struct worker *me = context;

    for (uint64_t i = 0; !load_acquire_32(&over); i++) {
        get_some(me);
        get_many(me);
        borrow_some(me);
        if (i % 20 == 0)
            iterate(me, i % 40 ? plain : cleared);
        count_on(me);
    }
}

/* ---- listeners ------------------------------------------------------------------------------ */

/* On the events thread. plain's events of a key form a chain, until some are lost. */
struct ear {
    struct tally tally;
    uint64_t version[KEYS];
    bool known[KEYS];
    uint64_t events, lost;
};

static void hear_plain(void *context, const mr_event_t *e)
{
    struct ear *ear = context;
    uint64_t key = (uint64_t)e->key.as.i64;

    if (e->kind == MR_EVENT_LOST) {
        ear->lost += e->count;
        memset(ear->known, 0, sizeof ear->known);
        return;
    }
    ear->events++;
    uint64_t old = e->old.kind == MR_KIND_NULL ? 0 : value_version(e->old, key);
    uint64_t now = e->value.kind == MR_KIND_NULL ? 0 : value_version(e->value, key);
    bool fits = e->kind == MR_EVENT_ADDED     ? !old && now
                : e->kind == MR_EVENT_UPDATED ? old && now > old
                : e->kind == MR_EVENT_REMOVED ? old && !now
                                              : false;

    holds(&ear->tally, EVENTS_GO_ON, fits && (!ear->known[key] || old == ear->version[key]),
          "key %llu: event %d from %llu to %llu, after %llu", (unsigned long long)key, e->kind,
          (unsigned long long)old, (unsigned long long)now, (unsigned long long)ear->version[key]);
    ear->known[key] = true;
    ear->version[key] = now;
}

/* On any map: what there is in an event is whole. */
static void hear_any(void *context, const mr_event_t *e)
{
    struct ear *ear = context;
    uint64_t key = (uint64_t)e->key.as.i64;

    ear->events++;
    if (e->old.kind != MR_KIND_NULL)
        holds(&ear->tally, WHOLE, value_version(e->old, key) != 0, "event: old value");
    if (e->value.kind != MR_KIND_NULL)
        holds(&ear->tally, WHOLE, value_version(e->value, key) != 0, "event: value");
}

/* ---- the churner ---------------------------------------------------------------------------- */

static void listen_briefly(struct worker *me)
{
    mr_map_t *const maps[] = {plain, cleared, cache, bytes, fading};
    struct ear *ear = mem_alloc_zero(sizeof *ear);
    mr_listener_t *l =
        mr_map_listen(maps[rand_below(&me->rand, 5)], MR_EVENT_ALL, hear_any, ear, NULL);

    for (int i = 0; i < 30; i++)
        count_on(me);
    mr_listener_close(l);
    tally_add(&me->tally, &ear->tally);
    memset(ear, 0xff, sizeof *ear); /* to be called now would be seen */
    mem_free(ear);
}

static void check_memory(struct worker *me)
{
    mr_memory_stats_t s = MR_MEMORY_STATS_INIT;

    if (answers(me, mr_memory_stats(g, &s, NULL), MR_OK, "memory_stats"))
        holds(&me->tally, BELOW_THE_CEILING, s.used <= MEMORY_MAX && s.retired <= s.used,
              "%llu bytes are used", (unsigned long long)s.used);
}

static void make_a_map(struct worker *me, uint64_t n)
{
    char name[32];

    snprintf(name, sizeof name, "other-%llu", (unsigned long long)n % 50);
    mr_map_t *m = mr_map(g, name, NULL);

    if (answers(me, mr_map_set(m, MR_I64(n), value_make(me, n), NULL, NULL), MR_OK, "other"))
        (void)answers(me, mr_map_delete(m, MR_I64(n), NULL), MR_OK, "other: delete");
}

static void churn(void *context)
{
    struct worker *me = context;

    for (uint64_t i = 0; !load_acquire_32(&over); i++) {
        listen_briefly(me);
        check_memory(me);
        make_a_map(me, i);
        if (i % 8 == 0 && answers(me, mr_map_clear(cleared, NULL), MR_OK, "clear"))
            me->tally.held[CLEARED]++;
    }
}

/* ---- before and after ----------------------------------------------------------------------- */

static mr_map_t *map_named(const char *name)
{
    mr_map_t *m = mr_map(g, name, NULL);

    check(m != NULL);
    return m;
}

static void open_all(void)
{
    static const char *const options[][2] = {
        {"partitions.count", "13"},         {"memory.max", "48MiB"},
        {"maps.cache.max-size", "1000"},    {"maps.cache.eviction", "lru"},
        {"maps.bytes.max-bytes", "256KiB"}, {"maps.bytes.eviction", "lfu"},
        {"maps.fading.ttl", "30ms"},
    };
    mr_config_t *c = mr_config_new(NULL);

    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        check(mr_config_set(c, options[i][0], options[i][1], NULL) == MR_OK);
    check((g = mr_member_start(c, NULL)) != NULL);
    mr_config_free(c);
    plain = map_named("plain");
    cleared = map_named("cleared");
    cache = map_named("cache");
    bytes = map_named("bytes");
    fading = map_named("fading");
    counters = map_named("counters");
}

static void check_counters(struct tally *t, uint64_t added)
{
    mr_val_t v = MR_VAL_INIT;
    uint64_t sum = 0;

    for (int64_t i = 0; i < COUNTERS; i++)
        if (mr_map_get(counters, MR_I64(i), &v, NULL, NULL) == MR_OK)
            sum += (uint64_t)mr_val_i64(&v);
    mr_val_clear(&v);
    holds(t, NO_UPDATE_LOST, sum == added, "%llu of %llu updates are there",
          (unsigned long long)sum, (unsigned long long)added);
    t->held[NO_UPDATE_LOST] += sum == added ? added : 0;
}

static void check_plain_at_the_end(struct tally *t, const struct worker *writers)
{
    mr_val_t v = MR_VAL_INIT;
    uint64_t there = 0;

    for (uint64_t key = 0; key < KEYS; key++) {
        uint64_t wanted = writers[key % WRITERS].version[key];
        mr_rc_t rc = mr_map_get(plain, MR_I64(key), &v, NULL, NULL);

        there += wanted != 0;
        holds(t, AS_WRITTEN,
              wanted ? rc == MR_OK && value_version(mr_val_ref(&v), key) == wanted
                     : rc == MR_NOT_FOUND,
              "key %llu at the end: %s", (unsigned long long)key, mr_rc_name(rc));
    }
    mr_val_clear(&v);
    holds(t, AS_WRITTEN, mr_map_size(plain, NULL) == there, "the size at the end");
}

static void check_maps(struct tally *t)
{
    mr_map_t *const maps[] = {plain, cleared, cache, bytes, fading, counters};
    mr_map_stats_t s = MR_MAP_STATS_INIT;

    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_check((struct map *)maps[i]->map);
    holds(t, WITHIN_LIMITS, mr_map_size(cache, NULL) <= CACHE_ENTRIES, "the cache's size");
    check(mr_map_stats(bytes, &s, NULL) == MR_OK);
    holds(t, WITHIN_LIMITS, s.bytes <= CACHE_BYTES, "%llu bytes", (unsigned long long)s.bytes);
    t->held[EVICTED] += s.evictions;
    check(mr_map_stats(fading, &s, NULL) == MR_OK);
    t->held[EXPIRED] += s.expirations;
}

static void check_memory_comes_back(struct tally *t, uint64_t used_before)
{
    mr_map_t *const maps[] = {plain, cleared, cache, bytes, fading, counters};
    mr_memory_stats_t s = MR_MEMORY_STATS_INIT;

    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        check(mr_map_clear(maps[i], NULL) == MR_OK);
    for (char name[16], i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "other-%d", i);
        check(mr_map_clear(map_named(name), NULL) == MR_OK);
    }
    for (uint64_t until = clock_ms() + 10000; clock_ms() < until && s.size;) {
        check(mr_memory_stats(g, &s, NULL) == MR_OK);
        if (s.used == used_before)
            break;
        nanosleep(&(struct timespec){0, 1000000}, NULL); /* the keeper frees meanwhile */
    }
    holds(t, MEMORY_BACK, s.used == used_before, "%llu bytes are left, %llu retired",
          (unsigned long long)s.used, (unsigned long long)s.retired);
}

static void start(struct worker *w, int number, void (*run)(void *context))
{
    w->number = number;
    rand_init(&w->rand, rand_seed());
    check((w->value = mem_alloc_zero(sizeof *w->value)) != NULL);
    check(thread_start(&w->thread, "stress", run, w) == MR_OK);
}

static uint64_t finish(struct worker *w, struct tally *sum)
{
    thread_join(&w->thread);
    tally_add(sum, &w->tally);
    mr_val_clear(&w->old);
    mem_free(w->value);
    return w->added;
}

/* Before anybody looks: the keys that stay. */
static void put_pinned(struct worker *writers)
{
    struct worker *filler = mem_alloc_zero(sizeof *filler);

    check(filler && (filler->value = mem_alloc_zero(sizeof *filler->value)));
    rand_init(&filler->rand, rand_seed());
    for (uint64_t key = 0; key < PINNED; key++) {
        check(mr_map_put(plain, MR_I64(key), value_make(filler, key), NULL, NULL) == MR_OK);
        writers[key % WRITERS].version[key] = filler->next_version;
    }
    for (int i = 0; i < WRITERS; i++)
        writers[i].next_version = filler->next_version;
    mem_free(filler->value);
    mem_free(filler);
}

int main(void)
{
    enum { WORKERS = WRITERS + 1 + READERS + 1 };
    struct worker *w = mem_alloc_zero(WORKERS * sizeof *w);
    struct ear *ears = mem_alloc_zero(2 * sizeof *ears);
    mr_memory_stats_t before = MR_MEMORY_STATS_INIT;
    struct tally sum = {0};
    uint64_t deadline = stress_deadline_ms(), added = 0;

    check(w && ears);
    open_all();
    check(mr_memory_stats(g, &before, NULL) == MR_OK);
    mr_listener_t *first = mr_map_listen(plain, MR_EVENT_ALL, hear_plain, &ears[0], NULL);
    mr_listener_t *second = mr_map_listen(fading, MR_EVENT_ALL, hear_any, &ears[1], NULL);

    check(first && second);
    put_pinned(w);
    for (int i = 0; i < WRITERS; i++)
        start(&w[i], i, write_on);
    start(&w[WRITERS], 0, write_fleeting);
    for (int i = 0; i < READERS; i++)
        start(&w[WRITERS + 1 + i], i, read_on);
    start(&w[WORKERS - 1], 0, churn);
    while (clock_ms() < deadline)
        nanosleep(&(struct timespec){0, 10000000}, NULL); /* the workers need the cores */
    store_release_32(&over, 1);
    for (int i = 0; i < WORKERS; i++)
        added += finish(&w[i], &sum);

    mr_listener_close(first);
    mr_listener_close(second);
    tally_add(&sum, &ears[0].tally);
    tally_add(&sum, &ears[1].tally);
    check_counters(&sum, added);
    check_plain_at_the_end(&sum, w);
    check_maps(&sum);
    check_memory_comes_back(&sum, before.used);
    check(mr_close(g, MR_NOW, NULL) == MR_OK);
    mem_free(w);
    mem_free(ears);
    return tally_report(&sum, claims, CLAIMS);
}
