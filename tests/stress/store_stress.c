/* store_stress.c - one writer, several readers without a lock, on a store of its own.
 *
 * The proof of lock-free reading in grid/store/index.h, put to the test. The writer says in a word
 * per key what it is about to do and what it has done:
 *
 *     word      │ version (61) │ ended │ present │ busy │
 *
 *     writer    word = n, busy ──▶ change ──▶ word = n, present or not
 *     reader    before = word  ──▶ look up ──▶ after = word
 *
 * When `before` is `after` and not busy, nothing happened to the key meanwhile, and the look-up has
 * to give just that, whatever happens to other keys, to the segments and to the memory around it.
 * A pinned key is rewritten and moved but never removed: it has to be found at every moment. Keys
 * that were never inserted share their buckets, and must not be found.
 *
 * Rounds are short, because most growth is at the beginning of a store's life: each builds a store
 * from nothing to some ten thousand entries, thins it out, packs what is left, fills it
 * again. In every fourth round it is cleared now and then, and nothing is pinned.
 *
 *     make B=build/tsan SAN=thread plain && build/tsan/test/store_stress
 */
#include <sched.h>
#include <string.h>

#include "grid/store/store.h"
#include "net/base/check.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "net/base/thread.h"
#include "tests/stress/stress.h"

enum {
    PINNED = 1000,         /* keys 0 .. are there from the beginning to the end */
    HOT = PINNED + 64,     /* .. are inserted and removed all the time */
    FADING = HOT + 500,    /* .. end by themselves */
    KEYS = FADING + 10000, /* .. come and go in waves */
    NEVER = 1000,          /* keys KEYS .. are never inserted */
    READERS = 3,
    ROUND_STEPS = 50000, /* enough for a wave to come, to go, and to come again */
    HELD = 64,           /* records read again at the end of a section */
    BALLAST = 256,
    AHEAD = 16, /* changes that are settled together */
    SEGMENT_BYTES = INDEX_BUCKETS_MAX * sizeof(struct bucket),
    VALUE_MAX = 30000
};

enum { BUSY = 1, PRESENT = 2, VERSION_SHIFT = 3 };

enum claim {
    STAYS_FOUND,
    NEVER_FOUND,
    AS_THE_WORD_SAYS,
    WHOLE,
    NEVER_BACK,
    GOOD_TO_THE_END,
    SCANNED_ONCE,
    BATCH_TOO,
    ALL_AT_THE_END,
    MEMORY_BACK,
    GREW,
    PACKED,
    SWEPT,
    CLEARED,
    CLAIMS
};

static const char *const claims[CLAIMS] = {
    [STAYS_FOUND] = "a key that stays is found at every moment",
    [NEVER_FOUND] = "a key that was never inserted is never found",
    [AS_THE_WORD_SAYS] = "a look-up gives what was last written",
    [WHOLE] = "a value is whole, and of its key and version",
    [NEVER_BACK] = "a key's version never goes back for a reader",
    [GOOD_TO_THE_END] = "a record stays as it was until the section ends",
    [SCANNED_ONCE] = "a scan meets what stays once, and nothing else",
    [BATCH_TOO] = "a batch finds what stays, and nothing else",
    [ALL_AT_THE_END] = "at the end of a round every key is as written",
    [MEMORY_BACK] = "all memory comes back",
    [GREW] = "the index grew",
    [PACKED] = "sparse runs were packed",
    [SWEPT] = "ended entries were swept",
    [CLEARED] = "the store was cleared",
};

static struct account account = {.limit = UINT64_MAX};
static struct slab *slab;
static struct store store;
static uint64_t words[KEYS];
static uint32_t over;     /* the round */
static uint32_t clearing; /* nothing is pinned in it */

/* ---- entries -------------------------------------------------------------------------------- */

struct value {
    uint64_t key, version, sum;
    uint8_t filler[VALUE_MAX];
};

enum { VALUE_MIN = offsetof(struct value, filler) };

static struct data key_data(const uint64_t *key)
{
    return (struct data){(const uint8_t *)key, sizeof *key, DATA_LONG};
}

static uint64_t sum_of(uint64_t key, uint64_t version, const uint8_t *filler, uint32_t size)
{
    return hash_64(filler, size) ^ (key * 0x9e3779b97f4a7c15u + version);
}

/* Any size that a slab treats in its own way: classes, and now and then a span. */
static uint32_t value_make(struct value *v, uint64_t key, uint64_t version, struct rand *r)
{
    uint32_t size = (uint32_t)rand_below(r, rand_below(r, 200) ? 700 : VALUE_MAX);

    v->key = key;
    v->version = version;
    memset(v->filler, (uint8_t)version, size);
    v->sum = sum_of(key, version, v->filler, size);
    return VALUE_MIN + size;
}

static bool value_is_whole(const struct record *r, uint64_t key)
{
    struct data d = record_value(r);
    struct value v;

    if (d.size < VALUE_MIN || d.size > sizeof v)
        return false;
    memcpy(&v, d.at, VALUE_MIN);
    return v.key == key && (v.version & ((1ull << 40) - 1)) == record_version(r) &&
           v.sum == sum_of(key, v.version, d.at + VALUE_MIN, d.size - VALUE_MIN);
}

static bool is_pinned(uint64_t key)
{
    return key < PINNED && !clearing;
}

static bool is_fading(uint64_t key)
{
    return key >= HOT && key < FADING;
}

/* ---- the writer ----------------------------------------------------------------------------- */

struct writer {
    struct rand rand;
    struct tally tally;
    struct value value;
    struct slab_ahead ahead[AHEAD];
    uint32_t unsettled; /* of them */
    uint64_t version;
    uint64_t wave; /* keys FADING .. wave are there, the others of the wave not */
    bool ebbing;
    slab_ref ballast[BALLAST]; /* blocks among segments of the index, so that these move as well */
    uint32_t ballast_count;
};

static bool is_present(uint64_t key)
{
    return (words[key] & PRESENT) != 0;
}

/* Says what is about to happen; returns the version it will have. */
static uint64_t begin(struct writer *w, uint64_t key)
{
    w->version++;
    store_release_64(&words[key], w->version << VERSION_SHIFT | BUSY);
    return w->version;
}

static void end(struct writer *w, uint64_t key, bool present)
{
    store_release_64(&words[key], w->version << VERSION_SHIFT | (present ? PRESENT : 0));
}

static void settle(struct writer *w)
{
    struct slab_ahead *list = NULL;

    while (w->unsettled > 0) {
        struct slab_ahead *a = &w->ahead[--w->unsettled];

        a->next = list;
        list = a;
    }
    slab_settle(slab, list);
}

/* Half of the puts find their block ahead, and of these one in eight does not want it. */
static struct slab_ahead *look_ahead(struct writer *w, struct lifetime life, uint32_t value)
{
    struct slab_ahead *a = &w->ahead[w->unsettled];
    uint32_t size = record_size(record_flags(life, store.touch != TOUCH_NEVER), sizeof w->version,
                                value + (rand_below(&w->rand, 8) == 0));

    if (size > SLAB_BLOCK_MAX || rand_below(&w->rand, 2) == 0)
        return NULL;
    *a = (struct slab_ahead){.size = size};
    slab_take_ahead(slab, a);
    w->unsettled++;
    return a;
}

static void put(struct writer *w, uint64_t key)
{
    struct lifetime life = {0};
    struct data k = key_data(&key), v = {(const uint8_t *)&w->value, 0, DATA_BYTES};
    struct spot spot;

    if (is_fading(key))
        life = (struct lifetime){clock_ms() + 1 + rand_below(&w->rand, 20), 0};
    v.size = value_make(&w->value, key, begin(w, key), &w->rand);
    store_locate(&store, key_hash(&k), &k, &spot);
    spot.ahead = look_ahead(w, life, v.size);
    check(store_write(&store, &spot, &v, life, w->version) == MR_OK);
    end(w, key, true);
    if (w->unsettled == AHEAD)
        settle(w);
}

static void take_out(struct writer *w, uint64_t key)
{
    struct data k = key_data(&key);
    struct spot spot;

    (void)begin(w, key);
    store_locate(&store, key_hash(&k), &k, &spot);
    check(spot.old != NULL);
    check(store_erase(&store, &spot) == MR_OK);
    end(w, key, false);
}

static void toggle(struct writer *w, uint64_t key)
{
    if (is_present(key))
        take_out(w, key);
    else
        put(w, key);
}

static bool gone(void *context, const struct record *r)
{
    (void)r;
    ((struct writer *)context)->tally.held[SWEPT]++;
    return true;
}

static void take_ballast(struct writer *w)
{
    if (w->ballast_count < BALLAST && rand_below(&w->rand, 32) == 0)
        check(slab_alloc(slab, SEGMENT_BYTES, &w->ballast[w->ballast_count++]) == MR_OK);
}

static void drop_ballast(struct writer *w)
{
    while (w->ballast_count > 0)
        slab_free(slab, w->ballast[--w->ballast_count]);
}

/* Packs what is left after an ebb, as a member does in the background. */
static void pack(struct writer *w)
{
    uint64_t cursor = 0;

    drop_ballast(w);
    settle(w);
    w->tally.held[PACKED] += slab_mark_sparse(slab);
    do
        cursor = store_move(&store, cursor);
    while (cursor != 0);
    slab_reclaim(slab);
    slab_unmark(slab);
}

static void roll_wave(struct writer *w)
{
    if (w->ebbing) {
        take_out(w, --w->wave);
    } else {
        put(w, w->wave++);
        take_ballast(w);
    }
    if (w->wave == KEYS)
        w->ebbing = true;
    if (w->wave > FADING + 200)
        return;
    if (w->ebbing)
        pack(w);
    w->ebbing = false;
}

static void clear(struct writer *w)
{
    for (uint64_t k = 0; k < KEYS; k++)
        (void)begin(w, k);
    check(store_clear(&store) == MR_OK);
    for (uint64_t k = 0; k < KEYS; k++)
        end(w, k, false);
    w->wave = FADING;
    w->ebbing = false;
    w->tally.held[CLEARED]++;
}

static void step(struct writer *w)
{
    uint64_t what = rand_below(&w->rand, 1000);

    if (what < 300)
        put(w, rand_below(&w->rand, PINNED));
    else if (what < 500)
        toggle(w, PINNED + rand_below(&w->rand, HOT - PINNED));
    else if (what < 510)
        put(w, HOT + rand_below(&w->rand, FADING - HOT));
    else if (what < 512)
        store_sweep(&store, clock_ms(), 1000, gone, w);
    else if (what < 515)
        slab_reclaim(slab);
    else if (what == 999 && clearing && rand_below(&w->rand, 10) == 0)
        clear(w);
    else
        roll_wave(w);
}

/* ---- the readers ---------------------------------------------------------------------------- */

struct reader {
    struct thread thread;
    struct rand rand;
    struct tally tally;
    uint64_t last[KEYS];     /* the newest version seen of each key */
    uint64_t at_start[KEYS]; /* the words when the scan under way began, */
    uint8_t met[KEYS];       /* and how often it has met each */
    struct {
        const struct record *record;
        uint64_t key, sum;
    } held[HELD];
    uint32_t held_count;
};

/* Sums over the bytes of a record that never change. */
static uint64_t record_sum(const struct record *r)
{
    struct data v = record_value(r);

    return hash_64(v.at, v.size) + record_version(r);
}

static void hold(struct reader *me, uint64_t key, const struct record *r)
{
    if (me->held_count == HELD)
        return;
    me->held[me->held_count].record = r;
    me->held[me->held_count].key = key;
    me->held[me->held_count++].sum = record_sum(r);
}

static void check_record(struct reader *me, uint64_t key, const struct record *r)
{
    if (!holds(&me->tally, WHOLE, value_is_whole(r, key), "key %llu: not whole",
               (unsigned long long)key))
        return;
    holds(&me->tally, NEVER_BACK, record_version(r) >= me->last[key],
          "key %llu: from %llu back to %llu", (unsigned long long)key,
          (unsigned long long)me->last[key], (unsigned long long)record_version(r));
    me->last[key] = record_version(r);
    hold(me, key, r);
}

static void check_found(struct reader *me, uint64_t key, uint64_t before, uint64_t after,
                        const struct record *r)
{
    uint64_t version = r ? record_version(r) : 0, wanted = before >> VERSION_SHIFT;

    if (is_pinned(key))
        holds(&me->tally, STAYS_FOUND, r != NULL, "key %llu: missed, words %llx %llx",
              (unsigned long long)key, (unsigned long long)before, (unsigned long long)after);
    if (before == after && !(before & BUSY) && !is_fading(key))
        holds(&me->tally, AS_THE_WORD_SAYS, before & PRESENT ? r && version == wanted : r == NULL,
              "key %llu: version %llu, and the word is %llx", (unsigned long long)key,
              (unsigned long long)version, (unsigned long long)before);
    if (r)
        check_record(me, key, r);
}

static void look_up(struct reader *me, uint64_t key)
{
    struct data k = key_data(&key);
    uint64_t before = load_acquire_64(&words[key]);
    const struct record *r = store_get(&store, key_hash(&k), &k);

    check_found(me, key, before, load_acquire_64(&words[key]), r);
}

static void look_up_nothing(struct reader *me)
{
    uint64_t key = KEYS + rand_below(&me->rand, NEVER);
    struct data k = key_data(&key);

    holds(&me->tally, NEVER_FOUND, store_get(&store, key_hash(&k), &k) == NULL, "key %llu: found",
          (unsigned long long)key);
}

/* Mostly those that change most. */
static uint64_t any_key(struct reader *me)
{
    switch (rand_below(&me->rand, 8)) {
    case 0: return rand_below(&me->rand, KEYS);
    case 1: return HOT + rand_below(&me->rand, FADING - HOT);
    case 2:
    case 3: return rand_below(&me->rand, PINNED);
    default: return PINNED + rand_below(&me->rand, HOT - PINNED);
    }
}

static void look_up_many(struct reader *me)
{
    enum { N = 40 };
    struct store *stores[N];
    uint64_t keys[N], hashes[N];
    struct data data[N];
    const struct record *found[N];

    for (int i = 0; i < N; i++) {
        keys[i] = i % 2 ? rand_below(&me->rand, PINNED) : KEYS + rand_below(&me->rand, NEVER);
        data[i] = key_data(&keys[i]);
        hashes[i] = key_hash(&data[i]);
        stores[i] = &store;
    }
    store_get_batch(stores, data, hashes, N, found);
    for (int i = 0; i < N; i++) {
        if (i % 2 == 0 || !clearing)
            holds(&me->tally, BATCH_TOO, (found[i] != NULL) == (i % 2), "key %llu in a batch",
                  (unsigned long long)keys[i]);
        if (i % 2 && found[i])
            check_record(me, keys[i], found[i]);
    }
}

static void meet(void *context, const struct record *r)
{
    struct reader *me = context;
    uint64_t key;

    memcpy(&key, record_key_at(r), sizeof key);
    if (!holds(&me->tally, WHOLE, key < KEYS && value_is_whole(r, key), "scan: not whole"))
        return;
    me->met[key]++;
    if (record_version(r) > me->last[key])
        me->last[key] = record_version(r);
}

/* What is written meanwhile may be met or not, and what is taken out and put again even twice. */
static void check_scanned(struct reader *me, uint64_t key)
{
    uint64_t word = load_acquire_64(&words[key]);
    bool stays = word == me->at_start[key] && !(word & BUSY);

    if (is_pinned(key) || (stays && !is_fading(key)))
        holds(&me->tally, SCANNED_ONCE, me->met[key] == (is_pinned(key) || word & PRESENT),
              "key %llu: met %u times in a scan, and the word is %llx", (unsigned long long)key,
              me->met[key], (unsigned long long)word);
}

static void scan(struct reader *me)
{
    uint64_t cursor = 0;

    memset(me->met, 0, sizeof me->met);
    for (uint64_t k = 0; k < KEYS; k++)
        me->at_start[k] = load_acquire_64(&words[k]);
    do {
        epoch_enter();
        cursor = store_scan(&store, cursor, 500, meet, me);
        epoch_exit();
    } while (cursor != 0);
    for (uint64_t k = 0; k < KEYS; k++)
        check_scanned(me, k);
}

static void section(struct reader *me)
{
    epoch_enter();
    for (int i = 0; i < 200; i++) {
        look_up(me, any_key(me));
        if (i % 4 == 0)
            look_up_nothing(me);
    }
    look_up_many(me);
    for (uint32_t i = 0; i < me->held_count; i++)
        holds(&me->tally, GOOD_TO_THE_END, record_sum(me->held[i].record) == me->held[i].sum,
              "key %llu: changed while it was held", (unsigned long long)me->held[i].key);
    me->held_count = 0;
    epoch_exit();
}

static void read_on(void *context)
{
    struct reader *me = context;

    while (!load_acquire_32(&over)) {
        for (int i = 0; i < 100 && !load_acquire_32(&over); i++)
            section(me);
        scan(me);
    }
}

/* ---- rounds --------------------------------------------------------------------------------- */

static void check_all(struct writer *w)
{
    epoch_enter();
    for (uint64_t key = 0; key < KEYS; key++) {
        struct data k = key_data(&key);
        const struct record *r = store_get(&store, key_hash(&k), &k);

        if (!is_fading(key))
            holds(&w->tally, ALL_AT_THE_END,
                  is_present(key) ? r && record_version(r) == words[key] >> VERSION_SHIFT
                                  : r == NULL,
                  "key %llu at the end", (unsigned long long)key);
    }
    epoch_exit();
    store_check(&store);
    slab_check(slab);
}

static void begin_round(struct writer *w, int round)
{
    static const enum store_touch touches[] = {TOUCH_NEVER, TOUCH_COARSE, TOUCH_COUNT};

    over = 0;
    clearing = round % 4 == 3;
    memset(words, 0, sizeof words);
    check((slab = slab_new(&account, NULL, NULL)) != NULL);
    store_init(&store, slab, touches[round % 3]);
    w->wave = FADING;
    w->ebbing = false;
    for (uint64_t k = 0; k < PINNED; k++)
        put(w, k);
}

static void end_round(struct writer *w, uint64_t index_bytes)
{
    check_all(w);
    drop_ballast(w);
    settle(w);
    holds(&w->tally, GREW, store_index_bytes(&store) > 4 * index_bytes || clearing,
          "the index has %llu bytes", (unsigned long long)store_index_bytes(&store));
    check(store_clear(&store) == MR_OK);
    holds(&w->tally, MEMORY_BACK, slab_reclaim(slab) == 0 && slab_stats(slab).used == 0,
          "%llu bytes are left", (unsigned long long)slab_stats(slab).used);
    slab_free_all(slab);
    check(account.reserved == 0);
}

static void run_round(struct writer *w, struct reader *readers, int round)
{
    begin_round(w, round);
    uint64_t index_bytes = store_index_bytes(&store);

    for (int i = 0; i < READERS; i++) {
        memset(readers[i].last, 0, sizeof readers[i].last);
        check(thread_start(&readers[i].thread, "reader", read_on, &readers[i]) == MR_OK);
    }
    for (int i = 0; i < ROUND_STEPS; i++) {
        step(w);
        if (clearing && i == ROUND_STEPS / 2) /* once at least, whatever chance says */
            clear(w);
    }
    store_release_32(&over, 1);
    for (int i = 0; i < READERS; i++)
        thread_join(&readers[i].thread);
    end_round(w, index_bytes);
}

int main(void)
{
    struct writer *w = mem_alloc_zero(sizeof *w);
    struct reader *readers = mem_alloc_zero(READERS * sizeof *readers);
    uint64_t deadline = stress_deadline_ms();

    check(w && readers);
    hash_init(rand_seed());
    rand_init(&w->rand, rand_seed());
    for (int i = 0; i < READERS; i++)
        rand_init(&readers[i].rand, rand_seed());
    for (int round = 0; round < 4 || clock_ms() < deadline; round++)
        run_round(w, readers, round);

    for (int i = 0; i < READERS; i++)
        tally_add(&w->tally, &readers[i].tally);
    int rc = tally_report(&w->tally, claims, CLAIMS);

    mem_free(w);
    mem_free(readers);
    return rc;
}
