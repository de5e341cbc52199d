#include "grid/door/local.h"

#include <string.h>

#include "grid/data/listener.h"
#include "grid/data/map_object.h"
#include "grid/door/explain.h"
#include "grid/door/reach.h"
#include "grid/door/view.h"
#include "grid/op/commit.h"
#include "grid/op/run.h"
#include "grid/op/wait.h"
#include "grid/query/predicate.h"
#include "grid/query/scan.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/base/thread.h"

struct local {
    struct channel channel; /* first, so that one is the other */
    struct member *member;
};

static struct member *member_of(struct channel *c)
{
    return ((struct local *)c)->member;
}

static struct map *map_of(struct channel_map *map)
{
    return (struct map *)map;
}

static struct reach *reach_of(const struct map *m)
{
    return m->partitions->reach;
}

/* It is not for this member to answer: another has the partition, or nobody yet. */
static bool is_elsewhere(mr_rc_t rc)
{
    return rc == MR_ERR_MOVED || rc == MR_ERR_OFFLINE;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* How long a change waits for another's lock. */
#define LOCK_WAIT_NS 10000000000ull

/* Sections of the program are counted apart from those of single calls: only they may be borrowed
 * in, and only they can be left open. */
static __thread uint32_t sections __attribute__((tls_model("initial-exec")));

/* The calling thread, asleep until the lock may be free. */
struct sleep {
    struct waiter waiter; /* first, so that one is the other */
    pthread_mutex_t lock; /* under a partition's */
    pthread_cond_t changed;
    bool woken;
};

static void end_sleep(struct waiter *w)
{
    struct sleep *s = (struct sleep *)w;

    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void sleep_until(struct sleep *s, uint64_t until_ns)
{
    if (s->waiter.retry_ns < until_ns)
        until_ns = s->waiter.retry_ns;
    pthread_mutex_lock(&s->lock);
    while (!s->woken && clock_ns() < until_ns)
        clock_wait(&s->changed, &s->lock, until_ns);
    s->woken = false;
    pthread_mutex_unlock(&s->lock);
}

/* Runs it again and again, outside of the epoch section in between, until it is answered. */
static mr_rc_t run_waiting(struct map *m, struct map_request *q, struct map_answer *ret_a)
{
    struct sleep s = {.waiter.wake = end_sleep,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER};
    uint64_t until_ns = clock_ns() + LOCK_WAIT_NS;
    mr_rc_t rc;

    q->waiter = &s.waiter;
    while ((rc = run_request(m, q, ret_a)) == MR_PENDING && clock_ns() < until_ns) {
        epoch_exit();
        sleep_until(&s, until_ns);
        epoch_enter();
    }
    waiter_cancel(&s.waiter);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    return rc == MR_PENDING ? MR_ERR_BUSY : rc;
}

/* The key is locked: is it this thread that holds it, and may it wait? Not where it would hold
 * others up: in a read section, and on a loop. */
static mr_rc_t run_locked(struct map *m, const struct map_request *q, struct map_answer *ret_a)
{
    struct map_request mine = *q;

    mine.owner = (struct owner){.client_high = m->partitions->self, .thread = thread_number()};
    return sections > 0 || loop_current() ? run_request(m, &mine, ret_a)
                                          : run_waiting(m, &mine, ret_a);
}

/* ---- requests ------------------------------------------------------------------------------- */

static mr_rc_t not_done(struct map *m, const struct map_request *q, mr_rc_t rc,
                        struct map_answer *ret_a, mr_err_t *err)
{
    if (rc == MR_ERR_BUSY)
        rc = run_locked(m, q, ret_a);
    if (is_elsewhere(rc))
        return reach_run(reach_of(m), m, q, ret_a, err);
    return rc >= MR_ERR_MEMORY ? explain(m, q, rc, ret_a, err) : rc;
}

/* Waits until others have what was changed; outside of the section, unless it is needed for what
 * the answer borrows. */
static mr_rc_t end_shared(struct commit_sleep *s, const struct map_request *q,
                          const struct map_answer *a)
{
    bool borrows = a->present && !q->quiet;

    if (!borrows)
        epoch_exit();
    mr_rc_t rc = commit_sleep_end(s);

    if (!borrows)
        epoch_enter();
    return rc;
}

static mr_rc_t run_shared(struct map *m, const struct map_request *q, struct map_answer *ret_a,
                          mr_err_t *err)
{
    struct commit_sleep *s = commit_sleep_begin();

    if (!s)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory to wait for the backups of a map");
    mr_rc_t rc = run_request(m, q, ret_a);

    if (rc == MR_ERR_BUSY)
        rc = run_locked(m, q, ret_a);
    mr_rc_t known = end_shared(s, q, ret_a);

    if (known == MR_OK && is_elsewhere(rc))
        return reach_run(reach_of(m), m, q, ret_a, err);
    if (rc >= MR_ERR_MEMORY)
        return explain(m, q, rc, ret_a, err);
    return known == MR_OK ? rc : explain(m, q, known, ret_a, err);
}

static mr_rc_t map_run(struct channel *c, struct channel_map *map, const struct map_request *q,
                       struct map_answer *ret_a, mr_err_t *err)
{
    (void)c;
    epoch_enter();
    if (__builtin_expect(map_of(map)->partitions->serves != NULL, 0) && q->verb != MAP_GET &&
        q->verb != MAP_CONTAINS)
        return run_shared(map_of(map), q, ret_a, err);
    mr_rc_t rc = run_request(map_of(map), q, ret_a);

    return __builtin_expect(rc >= MR_ERR_MEMORY, 0) ? not_done(map_of(map), q, rc, ret_a, err) : rc;
}

static void done(struct channel *c)
{
    (void)c;
    epoch_exit();
}

/* ---- requests that are answered later ------------------------------------------------------- */

/* What is here is answered at once. */
static mr_rc_t map_start(struct channel *c, struct channel_map *map, const struct map_request *q,
                         void (*over)(void *context), void *context, struct channel_call **ret_call,
                         mr_err_t *err)
{
    struct map *m = map_of(map);

    (void)c;
    if (reach_is_here(m, &q->key))
        return MR_NOT_FOUND;
    return reach_start(reach_of(m), m, q, over, context, ret_call, err);
}

static mr_rc_t map_finish(struct channel *c, struct channel_call *call, struct map_answer *ret_a,
                          mr_err_t *err)
{
    return reach_finish(member_of(c)->partitions.reach, call, ret_a, err);
}

static void map_drop(struct channel *c, struct channel_call *call)
{
    reach_drop(member_of(c)->partitions.reach, call);
}

/* ---- many ----------------------------------------------------------------------------------- */

static mr_rc_t map_get_all(struct channel *c, struct channel_map *map, const struct data *keys,
                           size_t n, void (*visit)(void *context, size_t i, const struct data *d),
                           void *context, mr_err_t *err)
{
    struct map *m = map_of(map);
    mr_rc_t rc = MR_OK;

    (void)c;
    if (reach_is_needed(m))
        return reach_get_all(reach_of(m), m, keys, n, visit, context, err);
    for (size_t from = 0; from < n && rc == MR_OK; from += MAP_MANY) {
        uint32_t k = n - from < MAP_MANY ? (uint32_t)(n - from) : MAP_MANY;
        const struct record *found[MAP_MANY];

        epoch_enter();
        rc = map_read_many(m, keys + from, k, found);
        for (uint32_t i = 0; i < k && rc == MR_OK; i++) {
            struct data value = found[i] ? record_value(found[i]) : (struct data){0};

            visit(context, from + i, found[i] ? &value : NULL);
        }
        epoch_exit();
    }
    return rc;
}

static mr_rc_t map_put_all(struct channel *c, struct channel_map *map,
                           const struct map_request *puts, size_t n, size_t *ret_done,
                           mr_err_t *err)
{
    struct map_answer a;
    mr_rc_t rc = MR_OK;

    if (reach_is_needed(map_of(map)))
        return reach_put_all(reach_of(map_of(map)), map_of(map), c, puts, n, ret_done, err);
    for (*ret_done = 0; *ret_done < n && rc == MR_OK; *ret_done += rc == MR_OK) {
        rc = map_run(c, map, &puts[*ret_done], &a, err);
        done(c);
    }
    return rc;
}

struct paging {
    uint32_t count;
    void (*visit)(void *context, const struct data *key, const struct data *value);
    void *context;
};

static void page_visit(void *context, const struct record *r)
{
    struct paging *p = context;
    struct data key = record_key(r), value = record_value(r);

    p->count++;
    p->visit(p->context, &key, &value);
}

static mr_rc_t map_page(struct channel *c, struct channel_map *map, struct map_cursor *cursor,
                        uint32_t want,
                        void (*visit)(void *context, const struct data *key,
                                      const struct data *value),
                        void *context, bool *ret_end, mr_err_t *err)
{
    struct map *m = map_of(map);
    struct paging p = {0, visit, context};

    (void)c;
    if (reach_is_needed(m))
        return reach_page(reach_of(m), m, cursor, want, visit, context, ret_end, err);
    while (p.count < want && cursor->partition < m->partitions->count) {
        epoch_enter();
        cursor->at = store_scan(&m->parts[cursor->partition].store, cursor->at, want - p.count,
                                page_visit, &p);
        epoch_exit();
        if (cursor->at == 0)
            cursor->partition++;
    }
    *ret_end = cursor->partition == m->partitions->count;
    return MR_OK;
}

/* ---- queries -------------------------------------------------------------------------------- */

static bool visit_match(void *context, const struct data *key, const struct data *value)
{
    struct paging *p = context;

    p->count++;
    if (p->visit)
        p->visit(p->context, key, value);
    return true;
}

static mr_rc_t map_query(struct channel *c, struct channel_map *map, const char *text,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct map *m = map_of(map);
    struct paging p = {0, visit, context};
    struct predicate *predicate;
    mr_rc_t rc = predicate_of_text(text, strlen(text), &predicate, err);

    (void)c;
    if (rc != MR_OK)
        return rc;
    if (reach_is_needed(m)) {
        rc = reach_query(reach_of(m), m, predicate, text, visit, context, ret_count, err);
    } else {
        epoch_enter();
        rc = scan_map(m, NULL, predicate, visit_match, &p, NULL);
        epoch_exit();
        *ret_count = p.count;
    }
    predicate_free(predicate);
    return rc;
}

static mr_rc_t map_index(struct channel *c, struct channel_map *map, int kind,
                         const char *const *attributes, uint32_t n, mr_err_t *err)
{
    struct index_text texts[INDEX_ATTRIBUTES_MAX];

    (void)c;
    if (n > INDEX_ATTRIBUTES_MAX)
        return fail(err, MR_ERR_ARGUMENT, NULL, "an index over %u attributes, where %d may be", n,
                    INDEX_ATTRIBUTES_MAX);
    if (sections > 0)
        return fail(err, MR_ERR_ARGUMENT, "call mr_read_end first",
                    "an index cannot be made from inside a read section");
    for (uint32_t i = 0; i < n; i++)
        texts[i] = (struct index_text){attributes[i], (uint32_t)strlen(attributes[i])};
    mr_rc_t rc = map_index_add(
        map_of(map),
        &(struct index_config){.type = kind, .name = {"", 0}, .attributes = texts, .count = n},
        err);

    if (rc != MR_OK || reach_is_all_here(map_of(map)))
        return rc;
    return reach_index(reach_of(map_of(map)), map_of(map), kind, attributes, n, err);
}

/* ---- locks ---------------------------------------------------------------------------------- */

/* Threads of this member are others than those of another. */
static struct lock_request lock_request(const struct map *m, const struct data *key)
{
    return (struct lock_request){
        .key = *key, .owner = {.client_high = m->partitions->self, .thread = thread_number()}};
}

/* Runs it, and waits until others know what has become of the lock. */
static mr_rc_t run_lock(struct map *m, mr_rc_t (*run)(struct map *m, const struct lock_request *q),
                        const struct lock_request *q)
{
    struct commit_sleep *s = m->partitions->serves ? commit_sleep_begin() : NULL;

    if (m->partitions->serves && !s)
        return MR_ERR_MEMORY;
    mr_rc_t rc = run(m, q);
    mr_rc_t known = s ? commit_sleep_end(s) : MR_OK;

    return rc == MR_OK ? known : rc;
}

/* As run_waiting: sleeps outside of the epoch section until the lock may be free. */
static mr_rc_t lock_waiting(struct map *m, struct lock_request *q, uint64_t timeout_ms)
{
    struct sleep s = {.waiter.wake = end_sleep,
                      .lock = PTHREAD_MUTEX_INITIALIZER,
                      .changed = PTHREAD_COND_INITIALIZER};
    uint64_t until_ns = clock_ns() + timeout_ms * 1000000;
    mr_rc_t rc;

    q->waiter = &s.waiter;
    while ((rc = run_lock(m, map_lock, q)) == MR_PENDING && clock_ns() < until_ns) {
        epoch_exit();
        sleep_until(&s, until_ns);
        epoch_enter();
    }
    waiter_cancel(&s.waiter);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    return rc == MR_PENDING ? MR_ERR_BUSY : rc;
}

static mr_rc_t take_lock(struct channel *c, struct channel_map *map, const struct data *key,
                         uint64_t lease_ms, uint64_t timeout_ms, mr_err_t *err)
{
    struct lock_request q = lock_request(map_of(map), key);
    bool may_wait = timeout_ms > 0 && sections == 0 && !loop_current();

    (void)c;
    q.lease_ms = lease_ms;
    epoch_enter();
    mr_rc_t rc =
        may_wait ? lock_waiting(map_of(map), &q, timeout_ms) : run_lock(map_of(map), map_lock, &q);

    epoch_exit();
    if (rc == MR_OK)
        return MR_OK;
    if (is_elsewhere(rc))
        return reach_lock(reach_of(map_of(map)), map_of(map), key, lease_ms, timeout_ms, err);
    return fail(err, rc, rc == MR_ERR_BUSY ? "wait longer, or find out who holds it" : NULL,
                "map \"%s\": the key cannot be locked: %s", map_of(map)->name,
                rc == MR_ERR_BUSY ? "another holds it" : mr_rc_text(rc));
}

static mr_rc_t release_lock(struct channel *c, struct channel_map *map, const struct data *key,
                            mr_err_t *err)
{
    struct lock_request q = lock_request(map_of(map), key);

    (void)c;
    epoch_enter();
    mr_rc_t rc = run_lock(map_of(map), map_unlock, &q);

    epoch_exit();
    if (is_elsewhere(rc))
        return reach_unlock(reach_of(map_of(map)), map_of(map), key, err);
    return rc == MR_OK
               ? rc
               : fail(err, rc, NULL, "map \"%s\": the key cannot be unlocked: %s",
                      map_of(map)->name,
                      rc == MR_ERR_ARGUMENT ? "it is not locked by this thread" : mr_rc_text(rc));
}

static mr_rc_t is_locked(struct channel *c, struct channel_map *map, const struct data *key,
                         bool *ret_locked, mr_err_t *err)
{
    struct map *m = map_of(map);
    struct owner owner;

    (void)c;
    epoch_enter();
    mr_rc_t rc = map_is_locked(m, key, &owner);

    epoch_exit();
    if (is_elsewhere(rc))
        return reach_is_locked(reach_of(m), m, key, ret_locked, err);
    if (rc >= MR_ERR_MEMORY)
        return fail(err, rc, NULL, "map \"%s\": it cannot be told whether the key is locked: %s",
                    m->name, mr_rc_text(rc));
    *ret_locked = rc == MR_OK;
    return MR_OK;
}

/* ---- the whole map -------------------------------------------------------------------------- */

/* All of it is here. It is gone when it is from all copies; MR_ERR_MOVED: it is not here any more,
 * and some may be cleared. */
static mr_rc_t clear_here(struct map *m)
{
    struct commit_sleep *s = reach_is_needed(m) ? commit_sleep_begin() : NULL;

    if (!s && reach_is_needed(m))
        return MR_ERR_MEMORY;
    mr_rc_t rc = map_clear_share(m, NULL, JOURNAL_CLEARED);
    mr_rc_t known = s ? commit_sleep_end(s) : MR_OK;

    return known == MR_OK ? rc : known;
}

/* What was taken out before a partition turned out to have gone is taken out. */
static mr_rc_t clear(struct channel *c, struct channel_map *map, mr_err_t *err)
{
    struct map *m = map_of(map);
    mr_rc_t rc = reach_is_all_here(m) ? clear_here(m) : MR_ERR_MOVED;

    (void)c;
    if (is_elsewhere(rc))
        return reach_clear(reach_of(m), m, err);
    return rc == MR_OK ? rc
                       : fail(err, rc,
                              rc == MR_ERR_MEMORY ? "clear it again when there is memory"
                                                  : "clear it again",
                              "map \"%s\" could not be cleared whole: %s", m->name, mr_rc_text(rc));
}

/* Entries are counted wherever they are; the other numbers are this member's. */
static mr_rc_t facts(struct channel *c, struct channel_map *map, struct map_facts *ret_facts,
                     mr_err_t *err)
{
    struct map *m = map_of(map);

    (void)c;
    map_facts(m, ret_facts);
    return reach_is_all_here(m) ? MR_OK : reach_size(reach_of(m), m, &ret_facts->entries, err);
}

static mr_rc_t map_listen(struct channel *c, struct channel_map *map, uint32_t kinds,
                          void (*on_event)(void *context, const struct map_event *e), void *context,
                          struct channel_listener **ret_l, mr_err_t *err)
{
    struct map *m = map_of(map);
    struct listener *l;

    (void)c;
    if (reach_is_needed(m))
        return reach_listen(reach_of(m), m, kinds, on_event, context, ret_l, err);
    mr_rc_t rc = listener_new(m, kinds, on_event, context, &l);

    if (rc != MR_OK)
        return fail(err, rc, NULL, "map \"%s\": a listener cannot be added: %s", m->name,
                    mr_rc_text(rc));
    *ret_l = (struct channel_listener *)l;
    return MR_OK;
}

static void unlisten(struct channel *c, struct channel_listener *l)
{
    const struct partitions *ps = &member_of(c)->partitions;

    if (ps->serves)
        reach_unlisten(ps->reach, l);
    else
        listener_close((struct listener *)l);
}

/* ---- copies of what others have ------------------------------------------------------------- */

static mr_rc_t map_near(struct channel *c, struct channel_map *map, const struct near_wish *w,
                        mr_err_t *err)
{
    struct map *m = map_of(map);

    (void)c;
    if (reach_is_needed(m))
        return reach_near(reach_of(m), m, w, err);
    return fail(err, MR_ERR_UNSUPPORTED, "leave it out: reads are answered from memory here",
                "map \"%s\": the data is in this process, and is not copied", m->name);
}

static mr_rc_t map_near_facts(struct channel *c, struct channel_map *map,
                              struct near_facts *ret_facts)
{
    (void)c;
    return reach_near_facts(reach_of(map_of(map)), map_of(map), ret_facts);
}

/* ---- sections ------------------------------------------------------------------------------- */

static void read_begin(struct channel *c)
{
    (void)c;
    epoch_enter();
    if (sections++ == 0)
        store_relaxed_64(&epoch_thread()->held_since_ms, clock_ms());
}

static void read_end(struct channel *c)
{
    (void)c;
    if (sections == 0)
        return;
    if (--sections == 0)
        store_relaxed_64(&epoch_thread()->held_since_ms, 0);
    epoch_exit();
}

static bool reading(struct channel *c)
{
    (void)c;
    return sections > 0;
}

/* ---- the member ----------------------------------------------------------------------------- */

static mr_rc_t map_open(struct channel *c, const char *name, struct channel_map **ret_map,
                        mr_err_t *err)
{
    struct object *o;
    struct objects *os = &member_of(c)->objects;
    mr_rc_t rc = objects_open(os, OBJECT_MAP, name, &o);

    if (rc != MR_OK)
        return explain_open(os, name, rc, err);
    *ret_map = (struct channel_map *)object_map(o);
    return MR_OK;
}

static mr_rc_t memory(struct channel *c, struct memory_facts *ret_facts, mr_err_t *err)
{
    struct partitions *ps = &member_of(c)->partitions;
    struct slab_stats s = partitions_memory(ps);

    (void)err;
    *ret_facts = (struct memory_facts){.limit = ps->account.limit,
                                       .reserved = load_relaxed_64(&ps->account.reserved),
                                       .used = s.used,
                                       .retired = s.retired,
                                       .committed = s.committed};
    return MR_OK;
}

static struct member_facts self(const struct member *m)
{
    struct member_facts f = {m->uuid.high, m->uuid.low, ""};

    if (m->door.member)
        (void)address_text(&m->door.address, f.address);
    return f;
}

static uint32_t members_of(const struct control_view *v, struct member_facts *ret_members,
                           uint32_t room)
{
    for (uint32_t i = 0; i < v->count && i < room; i++) {
        const struct card *card = &v->members[i].card;

        ret_members[i] = (struct member_facts){card->uuid_high, card->uuid_low, ""};
        (void)address_text(&card->address, ret_members[i].address);
    }
    return v->count;
}

/* One that has found no cluster yet knows of itself; so does one without memory to look. */
static uint32_t members(struct channel *c, struct member_facts *ret_members, uint32_t room)
{
    const struct member *m = member_of(c);
    struct control_view *v = m->control ? mem_alloc(sizeof *v) : NULL;
    uint32_t n = 0;

    if (v) {
        control_look(m->control, v);
        n = members_of(v, ret_members, room);
        mem_free(v);
    }
    if (n == 0 && room > 0)
        *ret_members = self(m);
    return n ? n : 1;
}

static mr_rc_t look(struct channel *c,
                    mr_rc_t (*take)(void *context, const struct cluster_look_rsp *a), void *context,
                    mr_err_t *err)
{
    struct outlook o;
    mr_rc_t rc = outlook_make(member_of(c), &o);

    if (rc != MR_OK)
        return fail(err, rc, NULL, "no memory to look at the cluster");
    rc = take(context, &o.answer);
    outlook_free(&o);
    return rc;
}

static mr_rc_t take_over(struct channel *c, mr_err_t *err)
{
    const char *why = control_take_over(member_of(c)->control);

    return why[0] ? fail(err, MR_ERR_ARGUMENT, "see \"millrace health\"", "no takeover: %s", why)
                  : MR_OK;
}

static mr_rc_t close(struct channel *c, bool drain, mr_err_t *err)
{
    if (sections > 0)
        return fail(err, MR_ERR_ARGUMENT, "call mr_read_end first",
                    "the member cannot be closed from inside a read section");
    if (loop_current())
        return fail(err, MR_ERR_ARGUMENT, "let another thread close it",
                    "the member cannot be closed by its own listener");

    struct member *m = member_of(c);

    if (drain)
        member_leave(m);
    local_channel_free(c);
    member_stop(m);
    return MR_OK;
}

static const struct channel_ops ops = {
    .map_open = map_open,
    .map_run = map_run,
    .done = done,
    .map_start = map_start,
    .map_finish = map_finish,
    .map_drop = map_drop,
    .map_get_all = map_get_all,
    .map_put_all = map_put_all,
    .map_page = map_page,
    .map_query = map_query,
    .map_index = map_index,
    .map_lock = take_lock,
    .map_unlock = release_lock,
    .map_is_locked = is_locked,
    .map_clear = clear,
    .map_facts = facts,
    .map_listen = map_listen,
    .unlisten = unlisten,
    .map_near = map_near,
    .map_near_facts = map_near_facts,
    .read_begin = read_begin,
    .read_end = read_end,
    .reading = reading,
    .memory = memory,
    .members = members,
    .look = look,
    .take_over = take_over,
    .close = close,
};

mr_rc_t local_channel_new(struct member *m, reach_open *open, struct channel **ret_c)
{
    struct local *l = mem_alloc_zero(sizeof *l);

    if (!l || reach_new(m, open, &m->partitions.reach) != MR_OK) {
        mem_free(l);
        return MR_ERR_MEMORY;
    }
    *l = (struct local){{&ops}, m};
    *ret_c = &l->channel;
    return MR_OK;
}

void local_channel_free(struct channel *c)
{
    if (!c)
        return;
    reach_free(member_of(c)->partitions.reach);
    member_of(c)->partitions.reach = NULL;
    mem_free(c);
}
