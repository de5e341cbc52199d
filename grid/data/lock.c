#include "grid/data/lock.h"

#include <string.h>

#include "grid/store/record.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

enum { BUCKETS_FIRST = 8, ABANDONED_MS = 1000 };

struct lock {
    struct lock *next; /* in its bucket */
    uint64_t hash;
    struct owner owner;
    uint32_t count;    /* how often the owner has taken it; 0: free */
    uint64_t ends_ms;  /* of the lease; UINT64_MAX: it has none */
    int64_t reference; /* of what was done last */
    struct waits waits;
    uint32_t key_size;
    uint8_t key_kind;
    uint8_t key[];
};

struct lock_table {
    struct account *account;
    uint64_t look_ms;     /* no lock is abandoned unseen before this */
    uint32_t count, mask; /* locks; buckets - 1 */
    struct lock *buckets[];
};

/* ---- one lock ------------------------------------------------------------------------------- */

static struct data key_of(const struct lock *l)
{
    return (struct data){l->key, l->key_size, l->key_kind};
}

/* A lease is over at its millisecond. */
static bool is_held(const struct lock *l)
{
    return l->count > 0 && (l->ends_ms == UINT64_MAX || clock_ms() < l->ends_ms);
}

static bool is_abandoned(const struct lock *l)
{
    return !is_held(l) && waits_are_empty(&l->waits);
}

static void look_at(struct lock_table *t, uint64_t ms)
{
    if (ms < t->look_ms)
        t->look_ms = ms;
}

/* When the lock may have been abandoned without anybody's noticing: at the end of its lease, or
 * soon, if those who wait for a free one may give up. */
static uint64_t abandoned_at(const struct lock *l)
{
    return l->count > 0 ? l->ends_ms : clock_ms() + ABANDONED_MS;
}

static void let_go(struct lock_table *t, struct lock *l)
{
    l->count = 0;
    waits_wake(&l->waits);
    look_at(t, abandoned_at(l));
}

static uint64_t end_of(uint64_t lease_ms)
{
    uint64_t now_ms = clock_ms();

    return lease_ms == 0 || lease_ms > INT64_MAX ? UINT64_MAX : now_ms + lease_ms;
}

/* A lease of many years is waited for as if it had no end. */
static uint64_t retry_at(const struct lock *l)
{
    return l->ends_ms > UINT64_MAX / 1000000 ? UINT64_MAX : l->ends_ms * 1000000;
}

static mr_rc_t wait_for(struct lock *l, struct partition *p, struct waiter *waiter)
{
    if (!waiter)
        return MR_ERR_BUSY;
    waits_add(&l->waits, p, waiter, retry_at(l));
    return MR_PENDING;
}

/* ---- the table ------------------------------------------------------------------------------ */

static void set_table(struct locks *locks, struct lock_table *t)
{
    store_release_ptr((void **)&locks->table, t);
}

static size_t table_size(uint32_t buckets)
{
    return sizeof(struct lock_table) + buckets * sizeof(struct lock *);
}

static size_t lock_size(uint32_t key_size)
{
    return sizeof(struct lock) + key_size;
}

static void *charged(struct account *account, size_t size)
{
    void *p;

    if (!account_charge(account, size))
        return NULL;
    if (!(p = mem_alloc_zero(size)))
        account_return(account, size);
    return p;
}

/* Takes it out of its bucket: *at is it. The table goes with the last one. */
static void drop(struct locks *locks, struct lock **at)
{
    struct lock_table *t = locks->table;
    struct lock *l = *at;

    *at = l->next;
    account_return(t->account, lock_size(l->key_size));
    mem_free(l);
    if (--t->count > 0)
        return;
    set_table(locks, NULL);
    account_return(t->account, table_size(t->mask + 1));
    mem_free(t);
}

/* Calls each for every lock; abandoned ones are dropped. */
static void walk(struct locks *locks, void (*each)(void *context, struct lock *l), void *context)
{
    uint32_t buckets = locks->table ? locks->table->mask + 1 : 0;

    for (uint32_t i = 0; i < buckets && locks->table; i++)
        for (struct lock **at = &locks->table->buckets[i]; *at;) {
            each(context, *at);
            if (!is_abandoned(*at)) {
                at = &(*at)->next;
                continue;
            }
            bool last = locks->table->count == 1;

            drop(locks, at);
            if (last)
                return;
        }
}

static struct lock **find(struct locks *locks, uint64_t hash, const struct data *key)
{
    struct lock **at = &locks->table->buckets[hash & locks->table->mask];

    for (; *at; at = &(*at)->next) {
        struct data own = key_of(*at);

        if ((*at)->hash == hash && data_equal(&own, key))
            break;
    }
    return at;
}

/* The lock of the key, if it is held or waited for. */
static struct lock *look(struct locks *locks, const struct data *key)
{
    if (!locks->table)
        return NULL;
    struct lock **at = find(locks, key_hash(key), key);

    if (*at && is_abandoned(*at)) {
        drop(locks, at);
        return NULL;
    }
    return *at;
}

static void leave_as_it_is(void *context, struct lock *l)
{
    (void)context, (void)l;
}

/* A table with room for one lock more. Before it grows, what is abandoned makes room. */
static mr_rc_t make_room(struct locks *locks, struct account *account)
{
    if (locks->table && locks->table->count <= locks->table->mask)
        return MR_OK;
    walk(locks, leave_as_it_is, NULL);
    struct lock_table *old = locks->table;

    if (old && old->count <= old->mask / 2)
        return MR_OK;
    uint32_t buckets = old ? 2 * (old->mask + 1) : BUCKETS_FIRST;
    struct lock_table *t = charged(account, table_size(buckets));

    if (!t)
        return old ? MR_OK : MR_ERR_FULL; /* a full one does, with longer chains */
    t->account = account;
    t->look_ms = old ? old->look_ms : UINT64_MAX;
    t->mask = buckets - 1;
    for (uint32_t i = 0; old && i <= old->mask; i++)
        for (struct lock *l = old->buckets[i], *next; l; l = next) {
            next = l->next;
            l->next = t->buckets[l->hash & t->mask];
            t->buckets[l->hash & t->mask] = l;
            t->count++;
        }
    set_table(locks, t);
    if (old)
        account_return(account, table_size(old->mask + 1));
    mem_free(old);
    return MR_OK;
}

/* A new lock, free and not waited for: the caller takes it. */
static mr_rc_t add(struct locks *locks, struct account *account, const struct data *key,
                   struct lock **ret_l)
{
    struct lock *l = charged(account, lock_size(key->size));
    mr_rc_t rc;

    if (!l)
        return MR_ERR_FULL;
    if ((rc = make_room(locks, account)) != MR_OK) {
        account_return(account, lock_size(key->size));
        mem_free(l);
        return rc;
    }
    l->hash = key_hash(key);
    l->key_size = key->size;
    l->key_kind = key->kind;
    if (key->size)
        memcpy(l->key, key->at, key->size);
    waits_init(&l->waits);

    struct lock **at = &locks->table->buckets[l->hash & locks->table->mask];

    l->next = *at;
    *at = l;
    locks->table->count++;
    *ret_l = l;
    return MR_OK;
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool is_repeated(const struct lock *l, const struct lock_request *q)
{
    return q->reference != 0 && l->reference == q->reference;
}

mr_rc_t locks_take(struct locks *locks, struct partition *p, struct account *account,
                   const struct lock_request *q)
{
    (void)waiter_leave_locked(q->waiter); /* what it was woken for, it takes */

    struct lock *l = look(locks, &q->key);
    bool held = l && is_held(l);
    mr_rc_t rc = MR_OK;

    if (held && !owner_is(&l->owner, &q->owner))
        return wait_for(l, p, q->waiter);
    if (held && is_repeated(l, q))
        return MR_OK;
    if (!l && (rc = add(locks, account, &q->key, &l)) != MR_OK)
        return rc;
    uint64_t ends_ms = end_of(q->lease_ms);

    if (held && ends_ms < l->ends_ms) /* sooner than those who wait for it know */
        waits_wake_all(&l->waits);
    l->owner = q->owner;
    l->count = held ? l->count + 1 : 1;
    l->ends_ms = ends_ms;
    l->reference = q->reference;
    look_at(locks->table, l->ends_ms);
    return MR_OK;
}

mr_rc_t locks_release(struct locks *locks, const struct lock_request *q)
{
    struct lock *l = look(locks, &q->key);

    if (!l || !is_held(l) || !owner_is(&l->owner, &q->owner))
        return MR_ERR_ARGUMENT;
    if (is_repeated(l, q))
        return MR_OK;
    l->reference = q->reference;
    if (--l->count == 0) {
        let_go(locks->table, l);
        (void)look(locks, &q->key);
    }
    return MR_OK;
}

bool locks_force(struct locks *locks, const struct data *key)
{
    struct lock *l = look(locks, key);

    if (!l)
        return false;
    bool held = is_held(l);

    let_go(locks->table, l);
    (void)look(locks, key); /* which may be the lock's own: not to be looked at afterwards */
    return held;
}

static void release_each(void *context, struct lock *l)
{
    let_go(context, l);
    waits_wake_all(&l->waits);
}

void locks_release_all(struct locks *locks)
{
    walk(locks, release_each, locks->table);
}

mr_rc_t locks_admit(struct locks *locks, struct partition *p, const struct data *key,
                    const struct owner *owner, struct waiter *waiter)
{
    bool owes = waiter_leave_locked(waiter);
    struct lock *l = look(locks, key);

    if (l && is_held(l) && !owner_is(&l->owner, owner))
        return wait_for(l, p, waiter);
    if (l && owes && !is_held(l))
        waits_wake(&l->waits); /* it is free, and stays so */
    return MR_OK;
}

const struct owner *locks_holder(struct locks *locks, const struct data *key)
{
    const struct lock *l = look(locks, key);

    return l && is_held(l) ? &l->owner : NULL;
}

/* ---- copies --------------------------------------------------------------------------------- */

static struct lock_state state_of(const struct lock *l)
{
    return (struct lock_state){l->owner, l->count, l->ends_ms, l->reference};
}

bool locks_state(struct locks *locks, const struct data *key, struct lock_state *ret_state)
{
    const struct lock *l = look(locks, key);

    if (!l || !is_held(l))
        return false;
    *ret_state = state_of(l);
    return true;
}

mr_rc_t locks_restore(struct locks *locks, struct account *account, const struct data *key,
                      const struct lock_state *state)
{
    struct lock *l = look(locks, key);
    mr_rc_t rc;

    if (state->count == 0) {
        (void)locks_force(locks, key);
        return MR_OK;
    }
    if (!l && (rc = add(locks, account, key, &l)) != MR_OK)
        return rc;
    l->owner = state->owner;
    l->count = state->count < UINT32_MAX ? (uint32_t)state->count : UINT32_MAX;
    l->ends_ms = state->ends_ms;
    l->reference = state->reference;
    look_at(locks->table, l->ends_ms);
    return MR_OK;
}

struct giving {
    void (*give)(void *context, const struct data *key, const struct lock_state *state);
    void *context;
};

static void give_held(void *context, struct lock *l)
{
    const struct giving *g = context;
    struct data key = key_of(l);
    struct lock_state state = state_of(l);

    if (is_held(l))
        g->give(g->context, &key, &state);
}

void locks_each(struct locks *locks,
                void (*give)(void *context, const struct data *key, const struct lock_state *state),
                void *context)
{
    walk(locks, give_held, &(struct giving){give, context});
}

bool locks_of_client(struct locks *locks, uint64_t client_high, uint64_t client_low,
                     struct data *ret_key)
{
    bool any = client_high == 0 && client_low == 0;

    for (uint32_t i = 0; locks->table && i <= locks->table->mask; i++)
        for (struct lock *l = locks->table->buckets[i]; l; l = l->next)
            if (l->count > 0 && (any || (l->owner.client_high == client_high &&
                                         l->owner.client_low == client_low))) {
                *ret_key = key_of(l);
                return true;
            }
    return false;
}

static void wake_each(void *context, struct lock *l)
{
    (void)context;
    waits_wake_all(&l->waits);
}

void locks_wake(struct locks *locks)
{
    walk(locks, wake_each, NULL);
}

static void note_end(void *context, struct lock *l)
{
    if (!is_abandoned(l))
        look_at(context, abandoned_at(l));
}

void locks_sweep(struct locks *locks)
{
    if (!locks->table || clock_ms() < locks->table->look_ms)
        return;
    locks->table->look_ms = UINT64_MAX;
    walk(locks, note_end, locks->table);
}

static void forget(void *context, struct lock *l)
{
    (void)context;
    l->count = 0;
    check(waits_are_empty(&l->waits));
}

void locks_free(struct locks *locks)
{
    walk(locks, forget, NULL);
    check(!locks->table);
}
