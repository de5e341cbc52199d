#include "grid/data/map_write.h"

#include <string.h>

#include "grid/op/copies.h"
#include "grid/store/expiry.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

enum {
    LISTENER_EVENTS = 1024,    /* per partition, for a map without a journal of its own */
    LISTENER_BYTES = 4 << 20,  /* of them */
    JOURNAL_BYTES = 256 << 20, /* of one partition's journal; max-memory rules before that */
    ROOM_PARTITIONS = 8,       /* looked at, before all are */
    ROOM_ENTRIES = 16,         /* a partition with as many gives a fair sample */
    ROOM_EVICTIONS = 16384     /* at a time; some 10 ms */
};

/* ---- deciding ------------------------------------------------------------------------------- */

enum action { ACT_NOTHING, ACT_WRITE, ACT_ERASE };

struct decision {
    enum action action;
    mr_rc_t answer; /* when it has been done */
};

static struct decision decide(const struct map_request *q, const struct data *current,
                              struct data *value)
{
    const struct decision write = {ACT_WRITE, MR_OK}, erase = {ACT_ERASE, MR_OK};
    const struct decision absent = {ACT_NOTHING, MR_NOT_FOUND};
    const struct decision other = {ACT_NOTHING, MR_NOT_EQUAL};

    *value = q->value;
    switch (q->verb) {
    case MAP_PUT: return write;
    case MAP_PUT_IF_ABSENT: return current ? (struct decision){ACT_NOTHING, MR_EXISTS} : write;
    case MAP_REPLACE: return current ? write : absent;
    case MAP_REPLACE_IF_SAME:
        return !current ? absent : data_equal(current, &q->expected) ? write : other;
    case MAP_REMOVE:
    case MAP_EVICT: return current ? erase : absent;
    case MAP_REMOVE_IF_SAME:
        return !current ? absent : data_equal(current, &q->expected) ? erase : other;
    case MAP_SET_TTL:
        if (current)
            *value = *current;
        return current ? write : absent;
    case MAP_UPDATE:
        switch (q->update(q->update_context, current, value)) {
        case UPDATE_KEEP: return (struct decision){ACT_NOTHING, MR_OK};
        case UPDATE_SET: return write;
        case UPDATE_REMOVE: return current ? erase : (struct decision){ACT_NOTHING, MR_OK};
        case UPDATE_FAIL: return (struct decision){ACT_NOTHING, MR_ERR_ARGUMENT};
        }
        break;
    case MAP_GET:
    case MAP_CONTAINS: break;
    }
    check(!"a verb that changes");
    return absent;
}

/* When the entry ends that the request writes over `old`. */
static struct lifetime lifetime_of(const struct map *m, const struct map_request *q,
                                   const struct entry *old)
{
    struct lifetime life = {q->ttl_ms == TIME_DEFAULT ? m->rules.ttl_ms : (uint64_t)q->ttl_ms,
                            q->idle_ms == TIME_DEFAULT ? m->rules.idle_ms : (uint64_t)q->idle_ms};
    bool keeps_ttl = q->verb == MAP_UPDATE && old->present && q->ttl_ms == TIME_DEFAULT;
    bool keeps_idle = (q->verb == MAP_UPDATE || q->verb == MAP_SET_TTL) && old->present;

    if (keeps_ttl)
        life.expires_ms = old->life.expires_ms;
    else if (life.expires_ms)
        life.expires_ms += clock_ms();
    if (keeps_idle && q->idle_ms == TIME_DEFAULT)
        life.idle_ms = old->life.idle_ms;
    return life;
}

/* Is it here that the key is changed, by enough who are in sync? */
static mr_rc_t is_here(const struct map *m, struct partition *p, struct waiter *waiter)
{
    mr_rc_t rc = p->copies ? copies_may_write(p->copies, waiter) : MR_OK;
    uint32_t in_sync = p->copies ? p->copies->replica.row.in_sync_count : 1;

    return rc == MR_OK && in_sync < m->rules.in_sync_min ? MR_ERR_COPIES : rc;
}

/* And has nobody else locked it? Whoever waited for that leaves the line first. */
static mr_rc_t is_unlocked(const struct map *m, struct partition *p, const struct map_request *q)
{
    struct locks *locks = map_locks(m, (uint32_t)(p - m->partitions->at));

    return locks ? locks_admit(locks, p, &q->key, &q->owner, q->waiter) : MR_OK;
}

static mr_rc_t refused(mr_rc_t rc, struct map_answer *ret_a)
{
    *ret_a = (struct map_answer){0};
    return rc;
}

/* ---- what takes effect once ------------------------------------------------------------------ */

/* It is not to be done now: what there is to be answered. */
static mr_rc_t answered(const struct once *o, struct map_answer *ret_a)
{
    *ret_a = (struct map_answer){0};
    if (o->verdict != ONCE_DONE && o->verdict != ONCE_PENDING)
        return MR_ERR_BUSY; /* the verdict says more */
    mr_rc_t rc = once_said(o, &ret_a->value);

    ret_a->present = ret_a->value.kind != DATA_NULL;
    return rc;
}

/* What it will answer goes along with what it does. */
static mr_rc_t begin_once(struct place_of_key *at, const struct map_request *q, struct decision d,
                          const struct map_answer *a)
{
    struct once *o = once_self;

    once_say(o, d.answer, a->present && !q->quiet ? &a->value : NULL);
    at->once = o;
    return sessions_begin(&at->map->partitions->at[at->partition].copies->sessions, &o->call);
}

/* It is done, or has failed. */
static mr_rc_t end_once(const struct place_of_key *at, struct decision d, mr_rc_t rc)
{
    struct partition *p = &at->map->partitions->at[at->partition];
    struct once *o = once_self;

    if (rc < MR_ERR_MEMORY && !map_is_shared(at->map, at->partition)) {
        once_apply(p->copies, o, p->copies->replica.row.epoch, p->changes);
    } else if (rc < MR_ERR_MEMORY && d.action == ACT_NOTHING) {
        mr_rc_t written = once_write_nothing(p->copies, o);

        rc = written == MR_OK ? rc : written;
    }
    if (rc >= MR_ERR_MEMORY)
        sessions_cancel(&p->copies->sessions, &o->call);
    return rc;
}

/* ---- changing -------------------------------------------------------------------------------- */

static mr_rc_t act(struct place_of_key *at, const struct map_request *q, struct decision d,
                   const struct data *value, struct map_answer *ret_a)
{
    mr_rc_t rc = MR_OK;

    if (d.action == ACT_WRITE) {
        rc =
            value->size > at->map->rules.value_max
                ? MR_ERR_TOO_LARGE
                : map_put(at, value, lifetime_of(at->map, q, &at->now), &q->owner, &ret_a->version);
        if (rc != MR_OK) {
            ret_a->value = *value;
            return rc;
        }
    }
    if (d.action == ACT_ERASE) {
        if ((rc = map_erase(at, q->verb == MAP_EVICT ? JOURNAL_EVICTED : JOURNAL_REMOVED,
                            &q->owner)) != MR_OK)
            return rc;
        ret_a->version = 0;
    }
    return d.answer;
}

mr_rc_t map_change(struct map *m, uint32_t partition, const struct map_request *q,
                   struct map_answer *ret_a)
{
    struct partition *p = &m->partitions->at[partition];
    struct place_of_key at;
    struct data value;
    mr_rc_t rc;

    if ((rc = is_here(m, p, q->waiter)) != MR_OK)
        return refused(rc, ret_a);
    struct once *once = once_self;

    if (__builtin_expect(once != NULL, 0) && !once_begins(p->copies, once))
        return answered(once, ret_a);
    if ((rc = is_unlocked(m, p, q)) != MR_OK)
        return refused(rc, ret_a);
    map_locate(m, partition, q->route ? q->route->hash : key_hash(&q->key), &q->key, &at);
    at.spot.ahead = q->ahead;
    *ret_a = (struct map_answer){.present = at.now.present};
    if (at.now.present) {
        ret_a->value = at.now.value;
        ret_a->version = at.now.version;
    }
    struct decision d = decide(q, at.now.present ? &ret_a->value : NULL, &value);

    if (q->verb == MAP_UPDATE)
        counter_add(m->counts[COUNT_UPDATES], 1);
    if (__builtin_expect(once != NULL, 0) && (rc = begin_once(&at, q, d, ret_a)) != MR_OK)
        return rc;
    rc = act(&at, q, d, &value, ret_a);
    return __builtin_expect(once != NULL, 0) ? end_once(&at, d, rc) : rc;
}

/* Are all these keys served here, before they are read and after? */
static bool read_served(const struct map *m, const struct data *keys, uint32_t n, uint64_t *reigns,
                        bool before)
{
    const struct partitions *ps = m->partitions;
    bool served = true;

    for (uint32_t i = 0; ps->serves && i < n && served; i++) {
        uint32_t partition = data_partition(&keys[i], ps->count);

        if (before)
            reigns[i] = partitions_reign(ps, partition);
        served = before ? reigns[i] != 0 : partitions_may_read(ps, partition, reigns[i]);
    }
    return served;
}

mr_rc_t map_read_many(struct map *m, const struct data *keys, uint32_t n, const struct record **ret)
{
    uint64_t reigns[MAP_MANY];
    struct store *stores[MAP_MANY];
    uint64_t hashes[MAP_MANY];
    uint64_t hits = 0;

    check(n > 0);
    check(n <= MAP_MANY);
    if (!read_served(m, keys, n, reigns, true))
        return MR_ERR_MOVED;
    uint32_t i = 0;
    do { /* there is one: said in a way that the compiler sees, too */
        stores[i] = &m->parts[data_partition(&keys[i], m->partitions->count)].store;
        hashes[i] = key_hash(&keys[i]);
    } while (++i < n);
    store_get_batch(stores, keys, hashes, n, ret);
    for (i = 0; i < n; i++) {
        uint32_t partition = data_partition(&keys[i], m->partitions->count);

        if (!ret[i] && map_any_locked(m, partition))
            ret[i] = map_find_held(m, partition, &keys[i]);
        hits += ret[i] != NULL;
    }
    counter_add(m->counts[COUNT_HITS], hits);
    counter_add(m->counts[COUNT_MISSES], n - hits);
    return read_served(m, keys, n, reigns, false) ? MR_OK : MR_ERR_MOVED;
}

/* ---- what has ended ------------------------------------------------------------------------- */

struct sweeping {
    struct map *map;
    uint32_t partition;
    uint64_t ended;
};

static void propose_end(struct map *m, uint32_t partition, const struct record *r)
{
    struct data key = record_key(r);
    struct place_of_key at;

    map_locate(m, partition, record_hash(r), &key, &at);
    if (!at.now.pending)
        (void)!map_erase(&at, JOURNAL_EXPIRED, &map_nobody); /* else at the next round */
}

static bool swept(void *context, const struct record *r)
{
    struct sweeping *w = context;
    struct map *m = w->map;
    struct data key = record_key(r);

    if (map_is_held(&(struct held){m, w->partition}, r))
        return false;
    if (map_is_shared(m, w->partition)) {
        propose_end(m, w->partition, r);
        return false; /* it goes when all have agreed */
    }
    w->ended++;
    map_refund(&m->entries, 1);
    map_refund(&m->bytes, record_block(r));
    m->partitions->at[w->partition].changes++;
    map_gone(m, w->partition, JOURNAL_EXPIRED, r);
    invalidate(&m->invalidation, w->partition, &key, &map_nobody);
    return true;
}

/* Only where it is primary does a member take out what has ended: clocks differ, and all copies are
 * to be alike. */
static bool sweeps(struct map *m, uint32_t partition)
{
    struct copies *c = m->partitions->at[partition].copies;

    return !c || copies_may_write(c, NULL) == MR_OK;
}

static bool sweep(struct sweeping *w, uint64_t now_ms, uint32_t budget)
{
    struct partition *p = &w->map->partitions->at[w->partition];
    struct store *s = &w->map->parts[w->partition].store;

    if (load_relaxed_64(&s->earliest_ms) > now_ms)
        return true;
    epoch_enter();
    partition_lock(p);
    bool done = !sweeps(w->map, w->partition) || store_sweep(s, now_ms, budget, swept, w);
    partition_unlock(p);
    epoch_exit();
    return done;
}

static void sweep_locks(struct map *m, uint32_t partition)
{
    if (!map_any_locked(m, partition))
        return;
    partition_lock(&m->partitions->at[partition]);
    locks_sweep(map_locks(m, partition));
    partition_unlock(&m->partitions->at[partition]);
}

bool map_sweep(struct map *m, uint32_t partition, uint64_t now_ms, uint32_t budget)
{
    sweep_locks(m, partition);
    return sweep(&(struct sweeping){m, partition, 0}, now_ms, budget);
}

/* ---- making room ---------------------------------------------------------------------------- */

/* Gives up an entry of the partition. Returns its bytes, 0 when there is none to give up. */
static uint64_t evict_one(struct map *m, uint32_t partition, uint64_t chance)
{
    struct partition *p = &m->partitions->at[partition];
    struct place_of_key at;
    struct spot spot;
    struct data key;
    uint64_t bytes = 0;

    epoch_enter();
    partition_lock(p);
    uint64_t now_ms = clock_ms();

    bool any = map_any_locked(m, partition);

    if (sweeps(m, partition) &&
        store_victim(&m->parts[partition].store, m->rules.eviction, chance, now_ms,
                     any ? map_is_held : NULL, &(struct held){m, partition}, &spot, &key)) {
        uint32_t block = record_block(spot.old);
        bool over = record_is_over(spot.old, now_ms);

        map_locate(m, partition, spot.hash, &key, &at);
        if (!at.now.pending &&
            map_erase(&at, over ? JOURNAL_EXPIRED : JOURNAL_EVICTED, &map_nobody) == MR_OK)
            bytes = block;
    }
    partition_unlock(p);
    epoch_exit();
    return bytes;
}

static uint64_t entries_in(const struct map *m, uint32_t partition)
{
    return load_relaxed_64(&m->parts[partition].store.entries);
}

/* A partition with enough entries to choose from, near the one asked for: keys are spread evenly,
 * so a sample of one partition is a sample of the map. */
static uint32_t partition_to_evict(const struct map *m, uint32_t partition, uint64_t chance)
{
    uint32_t n = m->partitions->count, best = partition;

    for (uint32_t i = 0; i < ROOM_PARTITIONS && entries_in(m, best) < ROOM_ENTRIES; i++) {
        uint32_t next = (uint32_t)((chance >> 8 * i & 0xff) * n / 256 + i * 37) % n;

        if (entries_in(m, next) > entries_in(m, best))
            best = next;
    }
    for (uint32_t i = 0; i < n && entries_in(m, best) == 0; i++)
        best = i;
    return best;
}

static uint64_t evict(struct map *m, uint32_t partition, uint64_t bytes, struct rand *chance)
{
    uint64_t given_up = 0, one = 1;

    for (uint32_t i = 0; i < ROOM_EVICTIONS && one > 0 && given_up < bytes; i++) {
        uint64_t draw = rand_next(chance);

        one = evict_one(m, partition_to_evict(m, partition, draw), draw);
        given_up += one;
        partition = (uint32_t)(rand_next(chance) % m->partitions->count);
    }
    return given_up;
}

/* Takes out what the keeper would at its next round. */
static uint64_t take_out_ended(struct map *m)
{
    uint64_t now_ms = clock_ms(), ended = 0;

    for (uint32_t i = 0; load_relaxed_32(&m->may_end) && i < m->partitions->count; i++) {
        struct sweeping w = {m, i, 0};

        sweep(&w, now_ms, ROOM_EVICTIONS);
        ended += w.ended;
    }
    return ended;
}

/* Nobody's slowness to hear of changes may keep others from making them. */
static uint64_t give_up_events(struct map *m, uint32_t partition, uint64_t bytes)
{
    uint64_t given_up = 0;

    for (uint32_t i = 0; i < m->partitions->count && given_up < bytes; i++) {
        uint32_t at = (partition + i) % m->partitions->count;

        partition_lock(&m->partitions->at[at]);
        if (m->parts[at].journal)
            given_up += journal_shed(m->parts[at].journal, bytes - given_up);
        partition_unlock(&m->partitions->at[at]);
    }
    return given_up;
}

mr_rc_t map_make_room(struct map *m, uint32_t partition, struct room room, struct rand *chance)
{
    struct partitions *ps = m->partitions;
    uint64_t reserved = load_relaxed_64(&ps->account.reserved);
    bool of_entries = account_refuses(&m->entries, room.entries);
    bool of_bytes = account_refuses(&m->bytes, room.bytes);
    uint64_t given_up = 0;

    if (m->rules.eviction == EVICT_NONE)
        given_up = take_out_ended(m);
    else if (of_bytes || !(of_entries || partitions_memory(ps).retired >= room.bytes))
        given_up = evict(m, partition, room.bytes, chance);
    else if (of_entries)
        given_up = evict(m, partition, 1, chance);
    if (of_entries || (of_bytes && given_up > 0))
        return given_up > 0 ? MR_OK : MR_ERR_FULL;

    uint64_t retired = partitions_reclaim(ps);
    bool freed = load_relaxed_64(&ps->account.reserved) < reserved;

    if (given_up > 0 || freed || retired > 0)
        return MR_OK;
    if (give_up_events(m, partition, room.bytes) == 0)
        return MR_ERR_FULL;
    partitions_reclaim(ps); /* from one slab's grant to the account */
    return MR_OK;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Clears a partition, if it is served here. Returns how many entries have gone. */
static uint64_t clear_partition(struct map *m, uint32_t partition, mr_rc_t elsewhere,
                                mr_rc_t *ret_rc)
{
    struct store *s = &m->parts[partition].store;

    partition_lock(&m->partitions->at[partition]);
    uint64_t entries = s->entries;

    *ret_rc = sweeps(m, partition) ? map_clear_part(m, partition, JOURNAL_CLEARED) : elsewhere;
    entries -= map_is_shared(m, partition) ? 0 : s->entries;
    partition_unlock(&m->partitions->at[partition]);
    return entries;
}

/* What a partition that is not served here makes of it is the caller's to say. */
static mr_rc_t clear_all(struct map *m, const uint8_t *share, mr_rc_t elsewhere,
                         uint64_t *ret_cleared)
{
    mr_rc_t rc = MR_OK;

    *ret_cleared = 0;
    for (uint32_t i = 0; i < m->partitions->count && rc == MR_OK; i++)
        if (share_has(share, i))
            *ret_cleared += clear_partition(m, i, elsewhere, &rc);
    return rc;
}

/* Copies that clients have are old, whatever partition it is that says so. */
static void invalidate_all(struct map *m, uint32_t partition)
{
    partition_lock(&m->partitions->at[partition]);
    invalidate(&m->invalidation, partition, NULL, &map_nobody);
    partition_unlock(&m->partitions->at[partition]);
}

static mr_rc_t clear_and_tell(struct map *m, const uint8_t *share, enum journal_kind told,
                              mr_rc_t elsewhere)
{
    uint64_t cleared;
    mr_rc_t rc = clear_all(m, share, elsewhere, &cleared);

    if (cleared == 0)
        return rc;
    partition_lock(&m->partitions->at[m->home]);
    if (map_is_heard(m, m->home))
        map_tell(m, m->home, &(struct journal_event){.kind = (uint8_t)told, .count = cleared});
    partition_unlock(&m->partitions->at[m->home]);
    invalidate_all(m, m->home);
    return rc;
}

mr_rc_t map_clear_some(struct map *m, const uint8_t *share, uint64_t *ret_cleared)
{
    mr_rc_t rc = clear_all(m, share, MR_ERR_MOVED, ret_cleared);
    uint32_t first = 0;

    while (first + 1 < m->partitions->count && !share_has(share, first))
        first++;
    if (*ret_cleared > 0)
        invalidate_all(m, first);
    return rc;
}

void map_tell_cleared(struct map *m, enum journal_kind told, uint64_t cleared)
{
    partition_lock(&m->partitions->at[m->home]);
    map_tell_all(m, m->home, &(struct journal_event){.kind = (uint8_t)told, .count = cleared});
    partition_unlock(&m->partitions->at[m->home]);
}

mr_rc_t map_clear(struct map *m)
{
    return clear_and_tell(m, NULL, JOURNAL_CLEARED, MR_OK);
}

mr_rc_t map_clear_share(struct map *m, const uint8_t *share, enum journal_kind told)
{
    return clear_and_tell(m, share, told, MR_ERR_MOVED);
}

/* ---- journals ------------------------------------------------------------------------------- */

static mr_rc_t start_journal(struct map *m, uint32_t partition)
{
    uint32_t capacity = m->rules.journal_capacity;

    if (m->parts[partition].journal)
        return MR_OK;
    return journal_new(m->partitions->at[partition].slab, capacity ? capacity : LISTENER_EVENTS,
                       capacity ? JOURNAL_BYTES : LISTENER_BYTES, &m->parts[partition].journal);
}

mr_rc_t map_start_journals(struct map *m, uint64_t *ret_next)
{
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < m->partitions->count && rc == MR_OK; i++) {
        partition_lock(&m->partitions->at[i]);
        if ((rc = start_journal(m, i)) == MR_OK)
            ret_next[i] = m->parts[i].journal->next;
        partition_unlock(&m->partitions->at[i]);
    }
    return rc;
}

void map_stop_journals(struct map *m)
{
    for (uint32_t i = 0; m->rules.journal_capacity == 0 && i < m->partitions->count; i++) {
        partition_lock(&m->partitions->at[i]);
        journal_free(m->parts[i].journal);
        m->parts[i].journal = NULL;
        partition_unlock(&m->partitions->at[i]);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static const struct {
    const char *name, *help;
} count_metrics[MAP_COUNTS] = {
    [COUNT_HITS] = {"millrace_map_hits_total", "Entries asked for and found."},
    [COUNT_MISSES] = {"millrace_map_misses_total", "Entries asked for and not there."},
    [COUNT_PUTS] = {"millrace_map_puts_total", "Entries stored."},
    [COUNT_REMOVES] = {"millrace_map_removes_total", "Entries taken out by requests."},
    [COUNT_EVICTIONS] = {"millrace_map_evictions_total", "Entries given up for room."},
    [COUNT_EXPIRATIONS] = {"millrace_map_expirations_total", "Entries whose time had come."},
    [COUNT_UPDATES] = {"millrace_map_updates_total", "Calls of update functions."},
};

/* In each partition, and who reads it may wait. */
static mr_rc_t keep_journals(struct map *m)
{
    uint32_t count = m->partitions->count;
    mr_rc_t rc = MR_OK;

    if (!(m->readers = mem_alloc(count * sizeof *m->readers)))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        waits_init(&m->readers[i]);
    for (uint32_t i = 0; i < count && rc == MR_OK; i++)
        rc = start_journal(m, i);
    return rc;
}

static enum store_touch touch_of(enum eviction eviction)
{
    return eviction == EVICT_LRU ? TOUCH_COARSE : eviction == EVICT_LFU ? TOUCH_COUNT : TOUCH_NEVER;
}

mr_rc_t map_new(struct partitions *ps, struct metrics *metrics, const char *kind, const char *name,
                const struct map_rules *rules, struct map **ret_map)
{
    const struct metric_label labels[] = {{kind, name}, {0}};
    const struct data text = {(const uint8_t *)name, (uint32_t)strlen(name), DATA_STRING};
    struct map *m = mem_alloc_zero(sizeof *m);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!m)
        return MR_ERR_MEMORY;
    m->rules = *rules;
    m->partitions = ps;
    m->metrics = metrics;
    m->kind = kind;
    m->entries.limit = rules->entries_max;
    m->bytes.limit = rules->bytes_max;
    pthread_mutex_init(&m->listeners_lock, NULL);
    invalidation_init(&m->invalidation, ps);
    m->home = data_partition(&text, ps->count);
    map_indexes_init(&m->indexes);
    if (!(m->name = mem_strdup(name)) ||
        !(m->parts = mem_alloc_aligned(64, ps->count * sizeof *m->parts)))
        goto fail;
    for (uint32_t i = 0; i < ps->count; i++)
        store_init(&m->parts[i].store, ps->at[i].slab, touch_of(rules->eviction));
    if (rules->journal_capacity && (rc = keep_journals(m)) != MR_OK)
        goto fail;
    for (int i = 0; i < MAP_COUNTS; i++)
        if ((rc = metric_counter(metrics, count_metrics[i].name, labels, count_metrics[i].help,
                                 &m->counts[i])) != MR_OK)
            goto fail;
    *ret_map = m;
    return MR_OK;

fail:
    map_free(m);
    return rc;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; m->parts && i < m->partitions->count; i++)
        journal_free(m->parts[i].journal);
    for (uint32_t i = 0; m->locks && i < m->partitions->count; i++)
        locks_free(&m->locks[i]);
    for (int i = 0; i < MAP_COUNTS; i++)
        metric_drop_counter(m->metrics, m->counts[i]);
    pthread_mutex_destroy(&m->listeners_lock);
    invalidation_free(&m->invalidation);
    map_indexes_free(&m->indexes, m->partitions->count);
    mem_free_aligned(m->parts);
    mem_free(m->locks);
    mem_free(m->readers);
    mem_free(m->name);
    mem_free(m);
}

void map_facts(struct map *m, struct map_facts *ret_facts)
{
    struct map_facts f = {
        .hits = counter_value(m->counts[COUNT_HITS]),
        .misses = counter_value(m->counts[COUNT_MISSES]),
        .puts = counter_value(m->counts[COUNT_PUTS]),
        .removes = counter_value(m->counts[COUNT_REMOVES]),
        .evictions = counter_value(m->counts[COUNT_EVICTIONS]),
        .expirations = counter_value(m->counts[COUNT_EXPIRATIONS]),
        .updates = counter_value(m->counts[COUNT_UPDATES]),
    };

    epoch_enter();
    for (uint32_t i = 0; i < m->partitions->count; i++) {
        const struct store *s = &m->parts[i].store;

        if (partitions_reign(m->partitions, i) != 0) /* copies are others' entries */
            f.entries += load_relaxed_64(&s->entries);
        f.bytes += load_relaxed_64(&s->bytes);
        f.index_bytes += store_index_bytes(s);
    }
    epoch_exit();
    *ret_facts = f;
}

void map_check(struct map *m)
{
    uint64_t entries = 0, bytes = 0;

    for (uint32_t i = 0; i < m->partitions->count; i++) {
        partition_lock(&m->partitions->at[i]);
        store_check(&m->parts[i].store);
        map_indexes_check(&m->indexes, i, &m->parts[i].store);
        entries += m->parts[i].store.entries;
        bytes += m->parts[i].store.bytes;
        partition_unlock(&m->partitions->at[i]);
    }
    check(m->entries.limit == UINT64_MAX || m->entries.reserved == entries);
    check(m->bytes.limit == UINT64_MAX || m->bytes.reserved == bytes);
    for (uint32_t i = 0; i < m->partitions->slab_count; i++)
        slab_check(m->partitions->slabs[i]);
}
