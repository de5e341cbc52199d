#include "grid/op/copies.h"

#include <stdlib.h>

#include "grid/data/maps.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/littleend.h"
#include "net/base/mem.h"

enum {
    PIECE_MAX = 1024,    /* entries of a segment of an index; it has some 650 at most */
    LEARNERS_TICKS = 10, /* what is lost on the way to a learner, or asked for it, is said again */
    HANDING_TICKS = 2    /* then changes have waited long enough for a hand-over */
};

#define LOOK_AGAIN_NS 20000000ull /* a call that waits for the lease */

static struct copies *copies_of(const struct replica *r)
{
    return r->context;
}

static struct partition *partition_of(const struct copies *c)
{
    return &c->partitions->at[c->number];
}

static bool is_leased(const struct copies *c)
{
    return clock_ns() < load_relaxed_64(&c->partitions->lease_until_ns);
}

/* ---- what is pending ------------------------------------------------------------------------ */

static struct effect **bucket_of(struct copies *c, uint64_t hash)
{
    return &c->pending[hash % PENDING_BUCKETS];
}

static void add_pending(struct copies *c, struct effect *e)
{
    struct effect **bucket = bucket_of(c, e->hash);

    e->older = *bucket;
    *bucket = e;
    c->pending_count++;
    c->clears += e->kind == EFFECT_CLEAR;
}

/* Does nothing for one that is not. */
static void remove_pending(struct copies *c, struct effect *e)
{
    struct effect **at = bucket_of(c, e->hash);

    if (c->pending_count == 0)
        return;
    while (*at && *at != e)
        at = &(*at)->older;
    if (!*at)
        return;
    *at = e->older;
    c->pending_count--;
    c->clears -= e->kind == EFFECT_CLEAR;
}

static void drop_all_pending(struct copies *c)
{
    for (uint32_t i = 0; i < PENDING_BUCKETS; i++) {
        for (struct effect *e = c->pending[i]; e; e = e->older)
            map_uncharge(e);
        c->pending[i] = NULL;
    }
    c->pending_count = c->clears = 0;
}

static bool is_about(const struct effect *e, const struct map *m, uint64_t hash,
                     const struct data *key)
{
    return e->map == m && e->kind != EFFECT_CLEAR && e->hash == hash && data_equal(&e->key, key);
}

static const struct effect *newest_clear(const struct copies *c, const struct map *m)
{
    const struct effect *e = c->clears > 0 ? c->pending[0] : NULL;

    while (e && !(e->map == m && e->kind == EFFECT_CLEAR))
        e = e->older;
    return e;
}

const struct effect *copies_pending(struct copies *c, const struct map *m, uint64_t hash,
                                    const struct data *key)
{
    if (c->pending_count == 0)
        return NULL;
    const struct effect *clear = newest_clear(c, m), *e = *bucket_of(c, hash);

    while (e && !is_about(e, m, hash, key))
        e = e->older;
    if (!e || (clear && clear->seq > e->seq))
        e = clear;
    if (e)
        commit_note(&c->commits, e->seq);
    return e;
}

static void settle(struct copies *c)
{
    early_settle(c, c->replica.commit_seq);
    commit_settle(&c->commits, c->replica.commit_seq, false);
}

/* There is room for it, and the caller has asked copies_may_write. */
static void write(struct copies *c, struct effect *e, bool early)
{
    commit_note(&c->commits, e->seq);
    check(replica_write(&c->replica, e, NULL, early, is_leased(c)) == MR_OK);
    settle(c);
}

mr_rc_t copies_write(struct copies *c, struct effect *e)
{
    mr_rc_t rc = replica_reserve(&c->replica);

    if (rc != MR_OK)
        return rc;
    e->seq = c->replica.last_seq + 1;
    if (e->map)
        add_pending(c, e);
    write(c, e, false);
    return MR_OK;
}

void copies_write_early(struct copies *c, struct effect *e)
{
    e->seq = c->replica.last_seq + 1;
    write(c, e, true);
}

static void again(struct copies *c, uint64_t to, bool leased)
{
    replica_again(&c->replica, to, leased);
    settle(c);
}

mr_rc_t copies_may_write(struct copies *c, struct waiter *w)
{
    bool soon = c->replica.state == REPLICA_TAKING || replica_is_handing_over(&c->replica);

    if (w && w->in == &c->serving)
        (void)waiter_leave_locked(w);
    if (c->replica.state == REPLICA_SERVING && !copies_are_alone(c))
        return MR_OK;
    if (c->replica.state == REPLICA_SERVING && is_leased(c)) {
        if (c->replica.commit_seq < c->replica.last_seq) /* others went before they answered */
            again(c, NOBODY, true); /* by the lease that was just seen: it may end now */
        return MR_OK;
    }
    if (c->replica.row.primary == NOBODY)
        return MR_ERR_OFFLINE;
    if (!replica_is_primary(&c->replica))
        return MR_ERR_MOVED;
    if (!w)
        return MR_ERR_BUSY;
    (void)waiter_leave_locked(w); /* it comes again, and takes then what it was woken for */
    waits_add(&c->serving, partition_of(c), w, soon ? UINT64_MAX : clock_ns() + LOOK_AGAIN_NS);
    return MR_PENDING;
}

/* ---- chunks --------------------------------------------------------------------------------- */

/* Entries of a piece of one map, which is a segment of its index at most, by their hashes. */
struct piece {
    struct map *map;
    uint64_t from;
    struct {
        uint64_t hash;
        const struct record *record;
    } at[PIECE_MAX];
    uint32_t count;
};

static void gather(void *context, const struct record *r)
{
    struct piece *p = context;
    uint64_t hash = record_hash(r);

    if (hash < p->from)
        return;
    check(p->count < PIECE_MAX);
    p->at[p->count].hash = hash;
    p->at[p->count++].record = r;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void put_entry(const struct map *m, const struct record *r, struct sink *out)
{
    struct effect e = {.map = (struct map *)m,
                       .kind = EFFECT_PUT,
                       .key = record_key(r),
                       .value = record_value(r),
                       .life = record_lifetime(r)};
    uint8_t *at = sink_more(out, 8);

    if (!at)
        return;
    put_le64(at, record_version(r));
    effect_write(&e, out);
}

/* Is the place not before that one? */
static bool reaches(const struct copies_cursor *at, const struct copies_cursor *to)
{
    return at->maps_end || (at->map == to->map && at->at >= to->at);
}

/* Those of the piece that lie before `to`, or, where that is NULL, that find room. Returns where it
 * goes on inside the piece; 0: all of it is done. */
static uint64_t put_piece(struct piece *p, const struct copies_cursor *to, struct sink *out)
{
    qsort(p->at, p->count, sizeof p->at[0], by_hash);
    for (uint32_t i = 0; i < p->count; i++) {
        bool is_behind = to ? !to->maps_end && to->map == p->map && p->at[i].hash >= to->at
                            : out->size > COPIES_CHUNK;

        if (is_behind)
            return p->at[i].hash;
        put_entry(p->map, p->at[i].record, out);
    }
    return 0;
}

static void next_map(struct copies *c, struct copies_cursor *at)
{
    struct map *next = at->map ? at->map->next : maps_first(c->maps);

    at->maps_end = next == NULL;
    at->map = next ? next : at->map;
    at->at = 0;
}

/* From there to a place, or until there is enough. */
static void put_maps(struct copies *c, struct copies_cursor *at, const struct copies_cursor *to,
                     struct sink *out)
{
    epoch_enter();
    if (!at->map)
        next_map(c, at);
    while (!(to ? reaches(at, to) : at->maps_end || out->size > COPIES_CHUNK)) {
        struct piece p = {.map = at->map, .from = at->at};
        uint64_t next = store_scan(&at->map->parts[c->number].store, at->at, 1, gather, &p);
        uint64_t inside = put_piece(&p, to, out);

        at->at = inside ? inside : next;
        if (!inside && next == 0)
            next_map(c, at);
    }
    epoch_exit();
}

static bool is_peer(const struct replica *r, uint64_t member)
{
    for (uint32_t i = 0; i < r->peer_count; i++)
        if (r->peers[i].member == member)
            return true;
    return false;
}

/* The number under which a peer's cursors are kept: one that no other peer has. There are as
 * many as there can be peers. */
static uint32_t walker_of(struct copies *c, uint64_t to)
{
    uint32_t at = 2 * COPIES_MAX;

    for (uint32_t i = 0; i < 2 * COPIES_MAX; i++) {
        if (c->walkers[i] == to)
            return i;
        if (!is_peer(&c->replica, c->walkers[i]))
            at = i;
    }
    check(at < 2 * COPIES_MAX);
    c->walkers[at] = to;
    return at;
}

/* What is behind the maps; it is taken when the walk first comes there. *ret_rests: what it
 * holds is committed when that is. */
static mr_rc_t put_picture(struct copies *c, struct early_picture *p, struct copies_cursor *at,
                           const struct copies_cursor *to, const struct replica_chunk *head,
                           struct sink *out, uint64_t *ret_rests)
{
    mr_rc_t rc = early_picture_take(c, p, c->walkers[p - c->pictures], head->walk);

    if (rc != MR_OK)
        return rc;
    if (!to || to->picture > at->picture)
        at->picture = early_picture_put(p, at->picture, to ? to->picture : 0, COPIES_CHUNK, out);
    at->end = at->picture == p->entries.size;
    *ret_rests = p->seq > head->commit_seq ? p->seq : head->commit_seq;
    return MR_OK;
}

/* One that is made once more, since it seems lost, ends where it ended: the first may have been
 * taken after all, and the next one goes on from there. */
static bool on_chunk_out(struct replica *r, uint64_t to, const struct replica_chunk *head)
{
    struct copies *c = copies_of(r);
    uint32_t walker = walker_of(c, to);
    struct copies_cursor at = {0}, *end = &c->cursors[walker][head->number & 1];
    bool again = end->walk == head->walk && end->number == head->number;
    struct replica_chunk said = *head;
    struct sink entries = {.grows = true};

    if (!head->first)
        at = c->cursors[walker][(head->number - 1) & 1];
    said.rests_seq = head->commit_seq;
    put_maps(c, &at, again ? end : NULL, &entries);
    if (at.maps_end && put_picture(c, &c->pictures[walker], &at, again ? end : NULL, head, &entries,
                                   &said.rests_seq) != MR_OK) {
        sink_free(&entries);
        return false; /* as lost on the way */
    }
    at.walk = head->walk;
    at.number = head->number;
    if (!again)
        *end = at;
    said.last = end->end;
    if (sink_state(&entries) == MR_OK) /* else it is lost, as on the way, and asked for again */
        c->out->chunk(c->context, c, to, &(struct copies_chunk){&said, &entries});
    sink_free(&entries);
    return said.last;
}

static void on_take_chunk(struct replica *r, const struct replica_chunk *head)
{
    struct copies *c = copies_of(r);
    const struct copies_entries *entries = head->entries;

    for (uint32_t i = 0; i < entries->count; i++) {
        const struct effect *e = &entries->at[i];

        if (e->kind == EFFECT_PUT)
            map_restore(c->number, e);
        else
            early_restore(c, e);
    }
}

static void on_whole(struct replica *r)
{
    early_whole(copies_of(r));
}

static void on_wipe(struct replica *r)
{
    struct copies *c = copies_of(r);

    early_wipe(c);
    sessions_clear(&c->sessions);
    for (struct map *m = maps_first(c->maps); m; m = m->next)
        map_wipe(m, c->number);
}

/* ---- what the replica wants done ------------------------------------------------------------ */

static void on_append_out(struct replica *r, uint64_t to, const struct replica_append *a)
{
    struct copies *c = copies_of(r);

    c->out->append(c->context, c, to, a);
}

static void on_ack_out(struct replica *r, uint64_t to, const struct replica_ack *a)
{
    struct copies *c = copies_of(r);

    c->out->ack(c->context, c, to, a);
}

static void on_apply(struct replica *r, const struct replica_op *op)
{
    struct copies *c = copies_of(r);
    struct effect *e = op->effect;

    e->seq = op->seq;
    if (e->once)
        once_apply(c, e->once, op->epoch, op->seq);
    if (e->kind == EFFECT_EXPIRE) {
        sessions_expire(&c->sessions, get_le64(e->value.at));
    } else if (e->kind == EFFECT_LOCK || e->kind == EFFECT_CHANGE) {
        if (!op->early)
            early_apply(c, e);
    } else if (e->map) {
        remove_pending(c, e);
        map_apply(c->number, e);
    }
    partition_of(c)->changes = op->seq;
}

/* Nobody has a ticket: who waits is in the line of commits. */
static void on_ticket(struct replica *r, void *ticket, uint64_t seq)
{
    (void)r, (void)ticket, (void)seq;
}

static void on_lost_ticket(struct replica *r, void *ticket)
{
    (void)r, (void)ticket;
}

static void on_release(struct replica *r, void *effect)
{
    (void)r;
    early_release(effect);
}

static void on_ask_add(struct replica *r, uint64_t member, uint64_t epoch)
{
    struct copies *c = copies_of(r);

    c->out->ask_add(c->context, c, member, epoch);
}

static void on_serving(struct replica *r)
{
    struct copies *c = copies_of(r);

    partition_of(c)->changes = r->last_seq;
    for (struct map *m = maps_first(c->maps); m; m = m->next)
        map_count_part(m, c->number, true);
    store_release_64(&c->partitions->serves[c->number], r->row.reign);
    c->looks_for_expired = true;
    waits_wake_all(&c->serving);
}

/* What was read until now was this member's to read; what is asked from now on is not. */
static void on_ready(struct replica *r, uint64_t to, uint64_t epoch)
{
    struct copies *c = copies_of(r);

    store_release_64(&c->partitions->serves[c->number], 0);
    c->out->ready(c->context, c, to, epoch);
}

static void on_call_off(struct replica *r, uint64_t epoch)
{
    struct copies *c = copies_of(r);

    c->out->call_off(c->context, c, epoch);
}

/* With fewer in sync, what is on its way to a map that wants more of them would be answered all the
 * same: then it waits, as long as it takes. */
static bool may_shrink(const struct copies *c)
{
    for (const struct map *m = maps_first(c->maps); m; m = m->next)
        if (m->rules.in_sync_min >= c->replica.row.in_sync_count)
            return false;
    return true;
}

static void on_ask_shrink(struct replica *r, uint64_t member, uint64_t epoch)
{
    struct copies *c = copies_of(r);

    if (may_shrink(c))
        c->out->ask_shrink(c->context, c, member, epoch);
}

static const struct replica_out replica_out = {.append = on_append_out,
                                               .ack = on_ack_out,
                                               .chunk = on_chunk_out,
                                               .apply = on_apply,
                                               .take_chunk = on_take_chunk,
                                               .whole = on_whole,
                                               .wipe = on_wipe,
                                               .committed = on_ticket,
                                               .unknown = on_lost_ticket,
                                               .release = on_release,
                                               .ask_add = on_ask_add,
                                               .serving = on_serving,
                                               .ready = on_ready,
                                               .call_off = on_call_off,
                                               .ask_shrink = on_ask_shrink};

/* ---- what comes in -------------------------------------------------------------------------- */

static void end_reign(struct copies *c)
{
    store_release_64(&c->partitions->serves[c->number], 0);
    for (struct map *m = maps_first(c->maps); m; m = m->next)
        map_count_part(m, c->number, false);
    drop_all_pending(c);
    sessions_lost(&c->sessions);
    early_end_reign(c);
    commit_settle(&c->commits, UINT64_MAX, true);
}

/* Of walks that are over. */
static void drop_pictures(struct copies *c)
{
    const struct replica *r = &c->replica;

    for (uint32_t i = 0; i < 2 * COPIES_MAX; i++) {
        bool walking = false;

        for (uint32_t k = 0; k < r->peer_count; k++)
            walking |= r->peers[k].member == c->pictures[i].to && r->peers[k].walking &&
                       r->peers[k].walk == c->pictures[i].walk;
        if (!walking)
            early_picture_free(&c->pictures[i]);
    }
}

/* Not while something waits for the lease to be committed: what comes next waits as well. */
static bool has_changed_directly(const struct copies *c)
{
    const struct replica *r = &c->replica;

    return r->state == REPLICA_SERVING && copies_are_alone(c) && r->commit_seq == r->last_seq;
}

void copies_row(struct copies *c, const struct row *row)
{
    bool serves = replica_has_served(&c->replica);
    uint64_t reign = c->replica.row.reign;

    if (row->epoch <= c->replica.row.epoch)
        return;
    if (has_changed_directly(c))
        replica_skip(&c->replica, partition_of(c)->changes);
    if (serves && (row->primary != c->replica.self || row->reign != reign))
        end_reign(c);
    replica_row(&c->replica, row);
    c->handing_ticks = 0;
    if (c->replica.state == REPLICA_SERVING) /* again, if it was to be handed over */
        store_release_64(&c->partitions->serves[c->number], row->reign);
    store_release_64(&c->partitions->primaries[c->number], row->primary);
    if (replica_is_primary(&c->replica) && copies_are_alone(c))
        copies_again(c, NOBODY); /* nobody's answer is to come */
    waits_wake_all(&c->serving); /* whoever waits may have to go elsewhere */
}

void copies_on_append(struct copies *c, uint64_t from, const struct replica_append *a)
{
    replica_on_append(&c->replica, from, a);
}

void copies_on_ack(struct copies *c, uint64_t from, const struct replica_ack *a)
{
    replica_on_ack(&c->replica, from, a, is_leased(c));
    settle(c);
}

void copies_on_chunk(struct copies *c, uint64_t from, const struct replica_chunk *head)
{
    replica_on_chunk(&c->replica, from, head);
}

void copies_again(struct copies *c, uint64_t to)
{
    again(c, to, is_leased(c));
}

void copies_add_refused(struct copies *c, uint64_t member, uint64_t epoch)
{
    replica_add_refused(&c->replica, member, epoch);
}

/* Not where something has been on its way to the others for long: changes would have to wait for
 * that, too. */
void copies_hand_over(struct copies *c, uint64_t to, uint64_t epoch)
{
    if (c->waiting_seq == 0 || c->replica.commit_seq >= c->waiting_seq)
        replica_hand_over(&c->replica, to, epoch, is_leased(c));
    settle(c);
}

/* An append tells it, so that only the last one before a silence has to be followed by another. */
void copies_tick(struct copies *c)
{
    const struct replica *r = &c->replica;
    uint64_t waiting = r->commit_seq < r->last_seq ? r->commit_seq + 1 : 0;
    bool is_late = waiting != 0 && waiting == c->waiting_seq;

    bool asks = r->row.learner_count > 0 && ++c->ticks % LEARNERS_TICKS == 0;

    if (r->state == REPLICA_TAKING ||
        (replica_is_primary(r) && (is_late || asks || r->commit_seq != c->told_seq)))
        copies_again(c, NOBODY);
    if (replica_is_handing_over(r) && ++c->handing_ticks >= HANDING_TICKS)
        replica_call_off(&c->replica);
    replica_tick(&c->replica, is_leased(c));
    once_expire(c);
    c->told_seq = r->commit_seq;
    c->waiting_seq = waiting;
    drop_pictures(c);
}

/* ---- life ----------------------------------------------------------------------------------- */

static struct copies *copies_new(struct partitions *ps, uint32_t number, struct maps *maps,
                                 uint64_t self, const struct copies_out *out, void *context)
{
    struct copies *c = mem_alloc_zero(sizeof *c);

    if (!c || replica_init(&c->replica, self, &replica_out, c, COPIES_KEEP) != MR_OK) {
        mem_free(c);
        return NULL;
    }
    c->partitions = ps;
    c->number = number;
    c->maps = maps;
    c->out = out;
    c->context = context;
    list_init(&c->commits);
    waits_init(&c->serving);
    early_init(&c->early);
    sessions_init(&c->sessions, COPIES_SESSIONS);
    return c;
}

mr_rc_t copies_start(struct partitions *ps, struct maps *maps, uint64_t self,
                     const struct copies_out *out, void *context)
{
    ps->self = self;
    if (!(ps->primaries = mem_alloc_zero(ps->count * sizeof *ps->primaries)) ||
        !(ps->serves = mem_alloc_zero(ps->count * sizeof *ps->serves)))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < ps->count; i++)
        if (!(ps->at[i].copies = copies_new(ps, i, maps, self, out, context)))
            return MR_ERR_MEMORY;
    return MR_OK;
}

void copies_stop(struct partitions *ps)
{
    for (uint32_t i = 0; ps->at && i < ps->count; i++) {
        struct copies *c = ps->at[i].copies;

        if (!c)
            continue;
        ps->at[i].copies = NULL;
        commit_settle(&c->commits, UINT64_MAX, true);
        replica_free(&c->replica);
        early_free(&c->early);
        sessions_clear(&c->sessions);
        for (uint32_t k = 0; k < 2 * COPIES_MAX; k++)
            early_picture_free(&c->pictures[k]);
        mem_free(c);
    }
    mem_free(ps->serves);
    mem_free(ps->primaries);
    ps->serves = ps->primaries = NULL;
}
