#include "grid/data/map.h"

#include <string.h>

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
                                   const struct record *old)
{
    struct lifetime life = {q->ttl_ms == TIME_DEFAULT ? m->rules.ttl_ms : (uint64_t)q->ttl_ms,
                            q->idle_ms == TIME_DEFAULT ? m->rules.idle_ms : (uint64_t)q->idle_ms};
    bool keeps_ttl = q->verb == MAP_UPDATE && old && q->ttl_ms == TIME_DEFAULT;
    bool keeps_idle = (q->verb == MAP_UPDATE || q->verb == MAP_SET_TTL) && old;

    if (keeps_ttl)
        life.expires_ms = record_expires_ms(old);
    else if (life.expires_ms)
        life.expires_ms += clock_ms();
    if (keeps_idle && q->idle_ms == TIME_DEFAULT)
        life.idle_ms = record_idle_ms(old);
    return life;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void count(struct map *m, enum map_count what)
{
    counter_add(m->counts[what], 1);
}

/* Kinds of the journal and of objects have the same values, the protocol's. */
static void tell_watchers(struct watchers *ws, uint32_t partition, const struct journal_event *e)
{
    watchers_tell(ws, &(struct object_event){.kind = e->kind,
                                             .partition = partition,
                                             .time_ms = e->time_ms,
                                             .count = e->count,
                                             .key = e->key,
                                             .old = e->old,
                                             .value = e->value});
}

/* NULL: there is none. */
static struct watchers *watchers_of(const struct map *m)
{
    struct watchers *ws = load_acquire_ptr((void *const *)&m->watchers);

    return ws && watchers_any(ws) ? ws : NULL;
}

/* Is there anybody to tell? */
static bool is_heard(const struct map *m, uint32_t partition)
{
    return m->parts[partition].journal || watchers_of(m);
}

static void tell(struct map *m, uint32_t partition, const struct journal_event *event)
{
    struct watchers *ws = watchers_of(m);
    struct journal *j = m->parts[partition].journal;
    struct journal_event e = *event;

    e.time_ms = clock_ms();
    if (ws)
        tell_watchers(ws, partition, &e);
    if (!j)
        return;
    journal_append(j, &e);
    if (m->readers)
        waits_wake_all(&m->readers[partition]);
    if (load_relaxed_32(&m->listening) > 0) {
        store_release_32(&m->parts[partition].marked, 1);
        m->changed(m->changed_context);
    }
}

static void tell_gone(struct map *m, uint32_t partition, enum journal_kind kind,
                      const struct record *r)
{
    if (is_heard(m, partition))
        tell(m, partition,
             &(struct journal_event){
                 .kind = (uint8_t)kind, .key = record_key(r), .old = record_value(r)});
}

/* ---- locks ---------------------------------------------------------------------------------- */

static bool is_locked(struct map *m, uint32_t partition, const struct data *key)
{
    struct locks *locks = map_locks(m, partition);

    return locks && locks_holder(locks, key);
}

/* For the store, which knows no locks: what must stay. */
struct held {
    struct map *map;
    uint32_t partition;
};

static bool is_held(void *context, const struct record *r)
{
    struct held *held = context;
    struct data key = record_key(r);

    return is_locked(held->map, held->partition, &key);
}

/* Has nobody else locked the key? Whoever waited for that leaves the line first. */
static mr_rc_t admit(struct map *m, uint32_t partition, const struct map_request *q)
{
    struct locks *locks = map_locks(m, partition);

    if (!locks)
        return MR_OK;
    return locks_admit(locks, &m->partitions->at[partition], &q->key, &q->owner, q->waiter);
}

/* ---- changing ------------------------------------------------------------------------------- */

/* Accounts of the map's own limits; a map without them does not write the shared words. */
static bool charge(struct account *a, uint64_t amount)
{
    return a->limit == UINT64_MAX || account_charge(a, amount);
}

static void refund(struct account *a, uint64_t amount)
{
    if (a->limit != UINT64_MAX)
        account_return(a, amount);
}

/* Of what nobody asks for: an entry ends, or makes room. */
static const struct owner nobody;

static mr_rc_t erase(struct map *m, uint32_t partition, struct spot *spot, enum journal_kind kind,
                     const struct owner *source)
{
    const struct record *old = spot->old;
    mr_rc_t rc = store_erase(&m->parts[partition].store, spot);

    if (rc != MR_OK)
        return rc;
    if (map_is_indexed(&m->indexes))
        map_indexes_erased(&m->indexes, partition, &m->parts[partition].store, old);
    refund(&m->entries, 1);
    refund(&m->bytes, record_block(old));
    m->partitions->at[partition].changes++;
    count(m, kind == JOURNAL_EVICTED   ? COUNT_EVICTIONS
             : kind == JOURNAL_EXPIRED ? COUNT_EXPIRATIONS
                                       : COUNT_REMOVES);
    tell_gone(m, partition, kind, old);
    invalidate(&m->invalidation, partition, spot->key, source);
    return MR_OK;
}

/* What the map's limit has to know: how many bytes more. Of a map without one, nothing. */
static int64_t growth_of(const struct map *m, const struct store *s, const struct spot *spot,
                         const struct data *value, struct lifetime life)
{
    if (m->bytes.limit == UINT64_MAX)
        return 0;
    uint8_t flags = record_flags(life, s->touch != TOUCH_NEVER);

    return (int64_t)slab_block_size(record_size(flags, spot->key->size, value->size)) -
           (spot->old ? (int64_t)record_block(spot->old) : 0);
}

static mr_rc_t write(struct map *m, uint32_t partition, struct spot *spot, const struct data *value,
                     struct lifetime life, const struct owner *source)
{
    struct store *s = &m->parts[partition].store;
    const struct record *old = spot->old;
    struct data key = *spot->key;
    int64_t growth = growth_of(m, s, spot, value, life);
    mr_rc_t rc = MR_OK;

    if (!old && !charge(&m->entries, 1))
        return MR_ERR_FULL;
    if (growth > 0 && !charge(&m->bytes, (uint64_t)growth)) {
        rc = MR_ERR_FULL;
        goto fail_bytes;
    }
    bool indexed = map_is_indexed(&m->indexes);

    if (indexed)
        rc = map_indexes_prepare(&m->indexes, partition, spot->hash, &key, value, old);
    if (rc == MR_OK)
        rc = store_write(s, spot, value, life, m->partitions->at[partition].changes + 1);
    if (rc != MR_OK)
        goto fail;
    if (indexed)
        map_indexes_written(&m->indexes, partition, s, spot->hash, &key, old);
    if (life.expires_ms || life.idle_ms)
        map_note_end(m);
    m->partitions->at[partition].changes++;
    if (growth < 0)
        refund(&m->bytes, (uint64_t)-growth);
    count(m, COUNT_PUTS);
    if (is_heard(m, partition))
        tell(m, partition,
             &(struct journal_event){.kind = old ? JOURNAL_UPDATED : JOURNAL_ADDED,
                                     .key = key,
                                     .old = old ? record_value(old) : (struct data){0},
                                     .value = *value});
    invalidate(&m->invalidation, partition, &key, source);
    return MR_OK;

fail:
    if (growth > 0)
        refund(&m->bytes, (uint64_t)growth);
fail_bytes:
    if (!old)
        refund(&m->entries, 1);
    return rc;
}

static mr_rc_t refused(mr_rc_t rc, struct map_answer *ret_a)
{
    *ret_a = (struct map_answer){0};
    return rc;
}

mr_rc_t map_change(struct map *m, uint32_t partition, const struct map_request *q,
                   struct map_answer *ret_a)
{
    struct store *s = &m->parts[partition].store;
    struct spot spot;
    struct data value;
    mr_rc_t rc;

    if ((rc = admit(m, partition, q)) != MR_OK)
        return refused(rc, ret_a);
    store_locate(s, q->route ? q->route->hash : key_hash(&q->key), &q->key, &spot);
    if (spot.old && record_may_end(spot.old) && record_is_over(spot.old, clock_ms()) &&
        !is_locked(m, partition, &q->key)) {
        if ((rc = erase(m, partition, &spot, JOURNAL_EXPIRED, &nobody)) != MR_OK)
            return rc;
        spot.old = NULL;
    }
    spot.ahead = q->ahead;
    *ret_a = (struct map_answer){.present = spot.old != NULL};
    if (spot.old) {
        ret_a->value = record_value(spot.old);
        ret_a->version = record_version(spot.old);
    }
    struct decision d = decide(q, spot.old ? &ret_a->value : NULL, &value);

    if (q->verb == MAP_UPDATE)
        count(m, COUNT_UPDATES);
    if (d.action == ACT_WRITE) {
        rc = value.size > m->rules.value_max
                 ? MR_ERR_TOO_LARGE
                 : write(m, partition, &spot, &value, lifetime_of(m, q, spot.old), &q->owner);
        if (rc != MR_OK) {
            ret_a->value = value;
            return rc;
        }
        ret_a->version = m->partitions->at[partition].changes;
    }
    if (d.action == ACT_ERASE) {
        if ((rc = erase(m, partition, &spot,
                        q->verb == MAP_EVICT ? JOURNAL_EVICTED : JOURNAL_REMOVED, &q->owner)) !=
            MR_OK)
            return rc;
        ret_a->version = 0;
    }
    return d.answer;
}

void map_read_many(struct map *m, const struct data *keys, uint32_t n, const struct record **ret)
{
    struct store *stores[MAP_MANY];
    uint64_t hashes[MAP_MANY];
    uint64_t hits = 0;

    check(n > 0);
    check(n <= MAP_MANY);
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
}

/* ---- what has ended ------------------------------------------------------------------------- */

struct sweeping {
    struct map *map;
    uint32_t partition;
    uint64_t ended;
};

static bool swept(void *context, const struct record *r)
{
    struct sweeping *w = context;
    struct data key = record_key(r);

    if (is_held(&(struct held){w->map, w->partition}, r))
        return false;
    w->ended++;
    if (map_is_indexed(&w->map->indexes))
        map_indexes_erased(&w->map->indexes, w->partition, &w->map->parts[w->partition].store, r);
    refund(&w->map->entries, 1);
    refund(&w->map->bytes, record_block(r));
    w->map->partitions->at[w->partition].changes++;
    count(w->map, COUNT_EXPIRATIONS);
    tell_gone(w->map, w->partition, JOURNAL_EXPIRED, r);
    invalidate(&w->map->invalidation, w->partition, &key, &nobody);
    return true;
}

static bool sweep(struct sweeping *w, uint64_t now_ms, uint32_t budget)
{
    struct partition *p = &w->map->partitions->at[w->partition];
    struct store *s = &w->map->parts[w->partition].store;

    if (load_relaxed_64(&s->earliest_ms) > now_ms)
        return true;
    epoch_enter();
    partition_lock(p);
    bool done = store_sweep(s, now_ms, budget, swept, w);
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
    struct spot spot;
    struct data key;
    uint64_t bytes = 0;

    epoch_enter();
    partition_lock(p);
    uint64_t now_ms = clock_ms();

    bool any = map_any_locked(m, partition);

    if (store_victim(&m->parts[partition].store, m->rules.eviction, chance, now_ms,
                     any ? is_held : NULL, &(struct held){m, partition}, &spot, &key) &&
        erase(m, partition, &spot,
              record_is_over(spot.old, now_ms) ? JOURNAL_EXPIRED : JOURNAL_EVICTED,
              &nobody) == MR_OK)
        bytes = record_block(spot.old);
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

/* An entry that does not stay goes next. */
static bool stays(void *context, const struct record *r)
{
    struct held *held = context;
    struct map *m = held->map;

    if (is_held(context, r))
        return true;
    if (map_is_indexed(&m->indexes))
        map_indexes_erased(&m->indexes, held->partition, &m->parts[held->partition].store, r);
    return false;
}

static mr_rc_t clear_store(struct map *m, uint32_t partition)
{
    struct store *s = &m->parts[partition].store;

    if (map_any_locked(m, partition))
        return store_clear_but(s, stays, &(struct held){m, partition});
    mr_rc_t rc = store_clear(s);

    if (rc == MR_OK)
        map_indexes_cleared(&m->indexes, partition);
    return rc;
}

/* Clears a partition. Returns how many entries have gone. */
static uint64_t clear_partition(struct map *m, uint32_t partition, mr_rc_t *ret_rc)
{
    struct store *s = &m->parts[partition].store;

    partition_lock(&m->partitions->at[partition]);
    uint64_t entries = s->entries, bytes = s->bytes;

    *ret_rc = clear_store(m, partition);
    refund(&m->entries, entries - s->entries);
    refund(&m->bytes, bytes - s->bytes);
    m->partitions->at[partition].changes++;
    entries -= s->entries;
    partition_unlock(&m->partitions->at[partition]);
    return entries;
}

static mr_rc_t clear_as(struct map *m, enum journal_kind kind)
{
    uint64_t cleared = 0;
    mr_rc_t rc = MR_OK;

    for (uint32_t i = 0; i < m->partitions->count && rc == MR_OK; i++)
        cleared += clear_partition(m, i, &rc);
    if (cleared > 0) {
        partition_lock(&m->partitions->at[m->home]);
        if (is_heard(m, m->home))
            tell(m, m->home, &(struct journal_event){.kind = (uint8_t)kind, .count = cleared});
        invalidate(&m->invalidation, m->home, NULL, &nobody);
        partition_unlock(&m->partitions->at[m->home]);
    }
    return rc;
}

mr_rc_t map_clear(struct map *m)
{
    return clear_as(m, JOURNAL_CLEARED);
}

mr_rc_t map_evict_all(struct map *m)
{
    return clear_as(m, JOURNAL_EVICTED_ALL);
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
