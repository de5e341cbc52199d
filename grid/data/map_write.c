#include "grid/data/map_write.h"

#include "grid/op/copies.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"

const struct owner map_nobody;

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

/* NULL: there is none; or the primary tells its own. */
static struct watchers *watchers_of(const struct map *m, uint32_t partition)
{
    const struct copies *c = m->partitions->at[partition].copies;
    struct watchers *ws = load_acquire_ptr((void *const *)&m->watchers);

    return ws && watchers_any(ws) && (!c || replica_is_primary(&c->replica)) ? ws : NULL;
}

bool map_is_heard(const struct map *m, uint32_t partition)
{
    return m->parts[partition].journal || watchers_of(m, partition);
}

static void tell(struct map *m, uint32_t partition, struct watchers *ws,
                 const struct journal_event *event)
{
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

void map_tell(struct map *m, uint32_t partition, const struct journal_event *event)
{
    tell(m, partition, watchers_of(m, partition), event);
}

void map_tell_all(struct map *m, uint32_t partition, const struct journal_event *event)
{
    tell(m, partition, load_acquire_ptr((void *const *)&m->watchers), event);
}

/* Clients hear of a change once, from who is primary, whose numbers they follow. */
static void invalidate_key(struct map *m, uint32_t partition, const struct data *key,
                           const struct owner *source)
{
    const struct copies *c = m->partitions->at[partition].copies;

    if (!c || replica_is_primary(&c->replica))
        invalidate(&m->invalidation, partition, key, source);
}

static void tell_gone(struct map *m, uint32_t partition, enum journal_kind kind,
                      const struct record *r)
{
    if (map_is_heard(m, partition))
        map_tell(m, partition,
                 &(struct journal_event){
                     .kind = (uint8_t)kind, .key = record_key(r), .old = record_value(r)});
}

/* ---- locks ---------------------------------------------------------------------------------- */

bool map_is_held(void *context, const struct record *r)
{
    struct held *held = context;
    struct locks *locks = map_locks(held->map, held->partition);
    struct data key = record_key(r);

    return locks && locks_holder(locks, &key);
}

/* ---- the store ------------------------------------------------------------------------------ */

void map_gone(struct map *m, uint32_t partition, enum journal_kind why, const struct record *r)
{
    if (map_is_indexed(&m->indexes))
        map_indexes_erased(&m->indexes, partition, &m->parts[partition].store, r);
    count(m, why == JOURNAL_EVICTED   ? COUNT_EVICTIONS
             : why == JOURNAL_EXPIRED ? COUNT_EXPIRATIONS
                                      : COUNT_REMOVES);
    tell_gone(m, partition, why, r);
}

static mr_rc_t erase(struct map *m, uint32_t partition, struct spot *spot, enum journal_kind why,
                     const struct owner *source)
{
    const struct record *old = spot->old;
    mr_rc_t rc = store_erase(&m->parts[partition].store, spot);

    if (rc != MR_OK)
        return rc;
    m->partitions->at[partition].changes++;
    map_gone(m, partition, why, old);
    invalidate_key(m, partition, spot->key, source);
    return MR_OK;
}

static mr_rc_t write(struct map *m, uint32_t partition, struct spot *spot, const struct data *value,
                     struct lifetime life, const struct owner *source, uint64_t version)
{
    struct store *s = &m->parts[partition].store;
    const struct record *old = spot->old;
    struct data key = *spot->key;
    bool indexed = map_is_indexed(&m->indexes);
    mr_rc_t rc = MR_OK;

    if (indexed)
        rc = map_indexes_prepare(&m->indexes, partition, spot->hash, &key, value, old);
    if (rc == MR_OK)
        rc = store_write(s, spot, value, life, version);
    if (rc != MR_OK)
        return rc;
    if (indexed)
        map_indexes_written(&m->indexes, partition, s, spot->hash, &key, old);
    if (life.expires_ms || life.idle_ms)
        map_note_end(m);
    m->partitions->at[partition].changes = version;
    count(m, COUNT_PUTS);
    if (map_is_heard(m, partition))
        map_tell(m, partition,
                 &(struct journal_event){.kind = old ? JOURNAL_UPDATED : JOURNAL_ADDED,
                                         .key = key,
                                         .old = old ? record_value(old) : (struct data){0},
                                         .value = *value});
    invalidate_key(m, partition, &key, source);
    return MR_OK;
}

/* ---- the map's own limits ------------------------------------------------------------------- */

static uint32_t block_of(const struct map *m, const struct data *key, const struct data *value,
                         struct lifetime life)
{
    return slab_block_size(record_size(record_flags(life, map_touches(m)), key->size, value->size));
}

/* Of a map without limits, nothing is charged. MR_ERR_FULL. */
static mr_rc_t charge(struct map *m, bool entry, int64_t growth)
{
    if (entry && !map_charge(&m->entries, 1))
        return MR_ERR_FULL;
    if (growth <= 0 || map_charge(&m->bytes, (uint64_t)growth))
        return MR_OK;
    if (entry)
        map_refund(&m->entries, 1);
    return MR_ERR_FULL;
}

static void uncharge(struct map *m, bool entry, int64_t growth)
{
    if (entry)
        map_refund(&m->entries, 1);
    if (growth > 0)
        map_refund(&m->bytes, (uint64_t)growth);
}

/* What has become less is only given back when it is so. */
static void settle(struct map *m, bool entry_gone, int64_t growth)
{
    if (entry_gone)
        map_refund(&m->entries, 1);
    if (growth < 0)
        map_refund(&m->bytes, (uint64_t)-growth);
}

void map_uncharge(struct effect *e)
{
    if (e->counted && e->kind == EFFECT_PUT)
        uncharge(e->map, !e->replaces, e->growth);
    e->counted = false;
}

void map_count_part(struct map *m, uint32_t partition, bool counts)
{
    const struct store *s = &m->parts[partition].store;

    if (!counts) {
        map_refund(&m->entries, s->entries);
        map_refund(&m->bytes, s->bytes);
        return;
    }
    account_overdraws = true; /* they are there, whatever the limits are */
    (void)map_charge(&m->entries, s->entries);
    (void)map_charge(&m->bytes, s->bytes);
    account_overdraws = false;
}

/* ---- what there is -------------------------------------------------------------------------- */

static struct entry entry_of_record(const struct record *r)
{
    return (struct entry){.present = true,
                          .value = record_value(r),
                          .version = record_version(r),
                          .life = record_lifetime(r),
                          .block = record_block(r)};
}

static struct entry entry_of_effect(const struct effect *e)
{
    if (e->kind != EFFECT_PUT)
        return (struct entry){.pending = true};
    return (struct entry){.present = true,
                          .value = e->value,
                          .version = e->seq,
                          .life = e->life,
                          .block = block_of(e->map, &e->key, &e->value, e->life),
                          .pending = true};
}

/* One whose time has come is not there, unless it is locked. That it is idle only its record can
 * say; one that is pending has just been used. */
static bool is_over(struct place_of_key *at)
{
    uint64_t now_ms = clock_ms(), ends_ms = at->now.life.expires_ms;
    bool over =
        at->now.pending ? ends_ms && now_ms >= ends_ms : record_is_over(at->spot.old, now_ms);
    struct locks *locks = over ? map_locks(at->map, at->partition) : NULL;

    return over && !(locks && locks_holder(locks, at->spot.key));
}

void map_locate(struct map *m, uint32_t partition, uint64_t hash, const struct data *key,
                struct place_of_key *ret)
{
    struct copies *c = m->partitions->at[partition].copies;
    const struct effect *e = c ? copies_pending(c, m, hash, key) : NULL;

    ret->map = m;
    ret->partition = partition;
    ret->once = NULL;
    store_locate(&m->parts[partition].store, hash, key, &ret->spot);
    ret->now = e               ? entry_of_effect(e)
               : ret->spot.old ? entry_of_record(ret->spot.old)
                               : (struct entry){0};
    if (ret->now.present && (e || record_may_end(ret->spot.old)) && is_over(ret)) {
        ret->now.present = false;
        ret->now.over = true;
    }
}

/* ---- to the ring ---------------------------------------------------------------------------- */

static mr_rc_t propose(struct place_of_key *at, struct effect *like, uint64_t *ret_seq)
{
    struct partition *p = &at->map->partitions->at[at->partition];
    struct effect *e;

    like->map = at->map;
    like->once = at->once;
    like->hash = like->kind == EFFECT_CLEAR ? 0 : at->spot.hash;
    mr_rc_t rc = effect_new(p->slab, like, &e);

    if (rc == MR_OK && (rc = copies_write(p->copies, e)) != MR_OK)
        effect_release(e);
    if (rc == MR_OK)
        *ret_seq = e->seq;
    return rc;
}

static mr_rc_t propose_put(struct place_of_key *at, const struct data *value, struct lifetime life,
                           const struct owner *source, uint64_t *ret_version)
{
    bool replaces = at->now.block > 0;
    int64_t growth = (int64_t)block_of(at->map, at->spot.key, value, life) - (int64_t)at->now.block;
    mr_rc_t rc = charge(at->map, !replaces, growth);

    if (rc != MR_OK)
        return rc;
    rc = propose(at,
                 &(struct effect){.kind = EFFECT_PUT,
                                  .replaces = replaces,
                                  .over = at->now.over,
                                  .counted = true,
                                  .growth = growth,
                                  .life = life,
                                  .source = *source,
                                  .key = *at->spot.key,
                                  .value = *value},
                 ret_version);
    if (rc != MR_OK)
        uncharge(at->map, !replaces, growth);
    return rc;
}

static mr_rc_t propose_erase(struct place_of_key *at, enum journal_kind why,
                             const struct owner *source)
{
    uint64_t seq;

    return propose(at,
                   &(struct effect){.kind = EFFECT_ERASE,
                                    .why = (uint8_t)why,
                                    .replaces = true,
                                    .counted = true,
                                    .growth = -(int64_t)at->now.block,
                                    .source = *source,
                                    .key = *at->spot.key},
                   &seq);
}

/* ---- changing ------------------------------------------------------------------------------- */

static mr_rc_t put_alone(struct place_of_key *at, const struct data *value, struct lifetime life,
                         const struct owner *source, uint64_t *ret_version)
{
    struct map *m = at->map;
    mr_rc_t rc = at->now.over ? map_erase(at, JOURNAL_EXPIRED, &map_nobody) : MR_OK;
    bool limited = m->bytes.limit != UINT64_MAX;
    int64_t growth =
        limited ? (int64_t)block_of(m, at->spot.key, value, life) - (int64_t)at->now.block : 0;
    bool is_new = !at->spot.old;

    if (rc != MR_OK || (rc = charge(m, is_new, growth)) != MR_OK)
        return rc;
    *ret_version = m->partitions->at[at->partition].changes + 1;
    rc = write(m, at->partition, &at->spot, value, life, source, *ret_version);
    if (rc == MR_OK)
        settle(m, false, growth);
    else
        uncharge(m, is_new, growth);
    return rc;
}

mr_rc_t map_put(struct place_of_key *at, const struct data *value, struct lifetime life,
                const struct owner *source, uint64_t *ret_version)
{
    return map_is_shared(at->map, at->partition) ? propose_put(at, value, life, source, ret_version)
                                                 : put_alone(at, value, life, source, ret_version);
}

mr_rc_t map_erase(struct place_of_key *at, enum journal_kind why, const struct owner *source)
{
    if (map_is_shared(at->map, at->partition))
        return propose_erase(at, why, source);
    uint32_t block = at->now.block;
    mr_rc_t rc = erase(at->map, at->partition, &at->spot, why, source);

    if (rc != MR_OK)
        return rc;
    settle(at->map, true, -(int64_t)block);
    at->spot.old = NULL;
    at->now.block = 0;
    return MR_OK;
}

/* ---- applying ------------------------------------------------------------------------------- */

/* It was admitted where it was decided, and has its block; the ceiling is no reason any more. */
static void begin_applying(void)
{
    account_overdraws = true;
    epoch_enter();
}

static void end_applying(mr_rc_t rc)
{
    epoch_exit();
    account_overdraws = false;
    check(rc == MR_OK); /* the kernel has no memory left: rather none than another copy */
}

static mr_rc_t apply_put(uint32_t partition, struct effect *e, struct spot *spot)
{
    mr_rc_t rc = MR_OK;

    if (e->over && spot->old) {
        rc = erase(e->map, partition, spot, JOURNAL_EXPIRED, &map_nobody);
        spot->old = NULL;
    }
    spot->ahead = &e->record;
    if (rc == MR_OK)
        rc = slab_ready(e->slab);
    if (rc == MR_OK)
        rc = write(e->map, partition, spot, &e->value, e->life, &e->source, e->seq);
    if (e->record.old)
        slab_retire(e->slab, e->record.old);
    e->record.old = 0;
    if (e->counted)
        settle(e->map, false, e->growth);
    return rc;
}

static mr_rc_t apply_erase(uint32_t partition, struct effect *e, struct spot *spot)
{
    mr_rc_t rc = spot->old ? erase(e->map, partition, spot, e->why, &e->source) : MR_OK;

    if (e->counted)
        settle(e->map, true, e->growth);
    return rc;
}

static mr_rc_t clear_store(struct map *m, uint32_t partition)
{
    mr_rc_t rc = store_clear(&m->parts[partition].store);

    if (rc == MR_OK)
        map_indexes_cleared(&m->indexes, partition);
    return rc;
}

static mr_rc_t apply_clear(uint32_t partition, struct effect *e)
{
    struct store *s = &e->map->parts[partition].store;
    uint64_t entries = s->entries, bytes = s->bytes;
    mr_rc_t rc = clear_store(e->map, partition);

    if (e->counted) {
        map_refund(&e->map->entries, entries);
        map_refund(&e->map->bytes, bytes);
    }
    return rc;
}

/* What a copy that is not whole has had from a later chunk already is newer. */
static bool is_newer(const struct record *r, const struct effect *e)
{
    return r && record_version(r) > e->seq;
}

void map_apply(uint32_t partition, struct effect *e)
{
    struct spot spot;
    mr_rc_t rc = MR_OK;

    begin_applying();
    if (e->kind == EFFECT_CLEAR) {
        rc = apply_clear(partition, e);
    } else {
        store_locate(&e->map->parts[partition].store, e->hash, &e->key, &spot);
        if (is_newer(spot.old, e))
            e->counted = false;
        else
            rc = e->kind == EFFECT_PUT ? apply_put(partition, e, &spot)
                                       : apply_erase(partition, e, &spot);
    }
    e->counted = false;
    end_applying(rc);
}

void map_restore(uint32_t partition, const struct effect *e)
{
    struct map *m = e->map;
    struct store *s = &m->parts[partition].store;
    struct spot spot;
    mr_rc_t rc = MR_OK;

    begin_applying();
    store_locate(s, key_hash(&e->key), &e->key, &spot);
    if (!is_newer(spot.old, e)) {
        const struct record *old = spot.old;
        bool indexed = map_is_indexed(&m->indexes);

        if (indexed)
            rc = map_indexes_prepare(&m->indexes, partition, spot.hash, &e->key, &e->value, old);
        if (rc == MR_OK)
            rc = store_write(s, &spot, &e->value, e->life, e->seq);
        if (rc == MR_OK && indexed)
            map_indexes_written(&m->indexes, partition, s, spot.hash, &e->key, old);
        if (e->life.expires_ms || e->life.idle_ms)
            map_note_end(m);
    }
    end_applying(rc);
}

void map_wipe(struct map *m, uint32_t partition)
{
    mr_rc_t rc;

    begin_applying();
    rc = clear_store(m, partition);
    end_applying(rc);
}

/* ---- all of it ------------------------------------------------------------------------------ */

struct clearing {
    struct held held; /* first, so that one is the other */
    enum journal_kind why;
    mr_rc_t rc;
};

/* An entry that does not stay goes next. */
static bool stays(void *context, const struct record *r)
{
    struct held *held = context;

    if (map_is_held(context, r))
        return true;
    if (map_is_indexed(&held->map->indexes))
        map_indexes_erased(&held->map->indexes, held->partition,
                           &held->map->parts[held->partition].store, r);
    return false;
}

static void propose_gone(void *context, const struct record *r)
{
    struct clearing *c = context;
    struct data key = record_key(r);
    struct place_of_key at;

    if (c->rc != MR_OK || map_is_held(&c->held, r))
        return;
    map_locate(c->held.map, c->held.partition, record_hash(r), &key, &at);
    if (at.now.block > 0)
        c->rc = propose_erase(&at, c->why, &map_nobody);
}

/* Locks are not the same everywhere, so that nothing may depend on them when it is applied. */
static mr_rc_t clear_shared(struct map *m, uint32_t partition, enum journal_kind why)
{
    struct clearing c = {{m, partition}, why, MR_OK};
    struct place_of_key at = {.map = m, .partition = partition};
    uint64_t seq;

    if (!map_any_locked(m, partition))
        return propose(&at,
                       &(struct effect){.kind = EFFECT_CLEAR, .why = (uint8_t)why, .counted = true},
                       &seq);
    store_scan(&m->parts[partition].store, 0, UINT32_MAX, propose_gone, &c);
    return c.rc;
}

mr_rc_t map_clear_part(struct map *m, uint32_t partition, enum journal_kind why)
{
    struct store *s = &m->parts[partition].store;
    uint64_t entries = s->entries, bytes = s->bytes;

    if (map_is_shared(m, partition))
        return clear_shared(m, partition, why);
    mr_rc_t rc = map_any_locked(m, partition)
                     ? store_clear_but(s, stays, &(struct held){m, partition})
                     : clear_store(m, partition);

    map_refund(&m->entries, entries - s->entries);
    map_refund(&m->bytes, bytes - s->bytes);
    m->partitions->at[partition].changes++;
    return rc;
}
