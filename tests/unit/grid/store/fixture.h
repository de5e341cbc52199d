/* fixture.h - a store with nothing around it, for the tests of this folder. */
#ifndef TESTS_UNIT_GRID_STORE_FIXTURE_H
#define TESTS_UNIT_GRID_STORE_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>

#include "grid/store/store.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/rand.h"

struct world {
    struct account account;
    struct slab *slab;
    struct store store;
    uint64_t version;
    uint64_t now_ms; /* virtual time */
};

static inline uint64_t world_now_ns(void *context)
{
    return ((struct world *)context)->now_ms * 1000000u;
}

static inline void world_open(struct world *w, uint64_t limit, enum store_touch touch)
{
    *w = (struct world){.account = {.limit = limit}, .now_ms = 1000000};
    clock_set(world_now_ns, w);
    cr_assert((w->slab = slab_new(&w->account, NULL, NULL)) != NULL);
    store_init(&w->store, w->slab, touch);
}

static inline void world_close(struct world *w)
{
    slab_check(w->slab);
    slab_free_all(w->slab);
    cr_assert(w->account.reserved == 0, "every byte is given back");
    clock_set(NULL, NULL);
}

static inline struct data text(const char *bytes)
{
    return (struct data){(const uint8_t *)bytes, (uint32_t)strlen(bytes), DATA_STRING};
}

/* Key number n, in a buffer that four calls share in turn. */
static inline struct data key_of(uint64_t n)
{
    static char buffers[4][32];
    static int turn;
    char *b = buffers[turn++ % 4];

    snprintf(b, 32, "key-%llu", (unsigned long long)n);
    return text(b);
}

static inline mr_rc_t put_with(struct world *w, struct data key, struct data value,
                               struct lifetime life)
{
    struct spot spot;

    store_locate(&w->store, key_hash(&key), &key, &spot);
    return store_write(&w->store, &spot, &value, life, ++w->version);
}

/* With what a->size says found ahead; settled by the caller. */
static inline mr_rc_t put_ahead(struct world *w, struct data key, struct data value,
                                struct slab_ahead *a)
{
    struct spot spot;

    store_locate(&w->store, key_hash(&key), &key, &spot);
    spot.ahead = a;
    return store_write(&w->store, &spot, &value, (struct lifetime){0}, ++w->version);
}

static inline mr_rc_t put(struct world *w, struct data key, struct data value)
{
    return put_with(w, key, value, (struct lifetime){0});
}

static inline mr_rc_t erase(struct world *w, struct data key)
{
    struct spot spot;

    store_locate(&w->store, key_hash(&key), &key, &spot);
    return spot.old ? store_erase(&w->store, &spot) : MR_NOT_FOUND;
}

/* Is the key there with this value? */
static inline bool has(struct world *w, struct data key, const char *value)
{
    struct data expected = text(value);

    epoch_enter();
    const struct record *r = store_get(&w->store, key_hash(&key), &key);
    struct data found = r ? record_value(r) : (struct data){0};
    bool same = r && data_equal(&found, &expected);
    epoch_exit();
    return same;
}

static inline bool is_absent(struct world *w, struct data key)
{
    epoch_enter();
    bool absent = store_get(&w->store, key_hash(&key), &key) == NULL;
    epoch_exit();
    return absent;
}

#endif
