#include "grid/door/local.h"

#include <string.h>

#include "grid/data/listener.h"
#include "grid/data/map_object.h"
#include "grid/door/explain.h"
#include "grid/door/view.h"
#include "grid/op/commit.h"
#include "grid/op/run.h"
#include "grid/op/wait.h"
#include "grid/query/predicate.h"
#include "grid/query/scan.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

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

/* ---- waiting -------------------------------------------------------------------------------- */

/* How long a change waits for another's lock. */
#define LOCK_WAIT_NS 10000000000ull

/* Sections of the program are counted apart from those of single calls: only they may be borrowed
 * in, and only they can be left open. */
static __thread uint32_t sections __attribute__((tls_model("initial-exec")));

/* A number that no other thread of the process has or had: a lock must not fall to a stranger. */
static int64_t thread_number(void)
{
    static uint64_t threads;
    static __thread int64_t number __attribute__((tls_model("initial-exec")));

    if (number == 0)
        number = (int64_t)fetch_add_64(&threads, 1) + 1;
    return number;
}

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

/* What the application asks here is not given to other members. */
static mr_rc_t elsewhere(const struct map *m, mr_rc_t rc, mr_err_t *err)
{
    return fail(err, rc, "ask as a client, with mr_connect",
                "map \"%s\": other members have some of its partitions", m->name);
}

static mr_rc_t map_get_all(struct channel *c, struct channel_map *map, const struct data *keys,
                           size_t n, void (*visit)(void *context, size_t i, const struct data *d),
                           void *context, mr_err_t *err)
{
    struct map *m = map_of(map);

    mr_rc_t rc = MR_OK;

    (void)c;
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
    return rc == MR_OK ? rc : elsewhere(m, rc, err);
}

static mr_rc_t map_put_all(struct channel *c, struct channel_map *map,
                           const struct map_request *puts, size_t n, size_t *ret_done,
                           mr_err_t *err)
{
    struct map_answer a;
    mr_rc_t rc = MR_OK;

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
    while (p.count < want && cursor->partition < m->partitions->count) {
        uint32_t partition = cursor->partition;
        uint64_t reign = partitions_reign(m->partitions, partition);

        epoch_enter();
        cursor->at = store_scan(&m->parts[cursor->partition].store, cursor->at, want - p.count,
                                page_visit, &p);
        epoch_exit();
        if (!partitions_may_read(m->partitions, partition, reign))
            return elsewhere(m, MR_ERR_MOVED, err);
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
    struct paging p = {0, visit, context};
    struct predicate *predicate;
    mr_rc_t rc = predicate_of_text(text, strlen(text), &predicate, err);

    (void)c;
    if (rc != MR_OK)
        return rc;
    epoch_enter();
    rc = scan_map(map_of(map), NULL, predicate, visit_match, &p, NULL);
    epoch_exit();
    predicate_free(predicate);
    if (rc != MR_OK)
        return elsewhere(map_of(map), rc, err);
    *ret_count = p.count;
    return MR_OK;
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
    return map_index_add(
        map_of(map),
        &(struct index_config){.type = kind, .name = {"", 0}, .attributes = texts, .count = n},
        err);
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
    return rc == MR_OK
               ? rc
               : fail(err, rc, NULL, "map \"%s\": the key cannot be unlocked: %s",
                      map_of(map)->name,
                      rc == MR_ERR_ARGUMENT ? "it is not locked by this thread" : mr_rc_text(rc));
}

static mr_rc_t is_locked(struct channel *c, struct channel_map *map, const struct data *key,
                         bool *ret_locked, mr_err_t *err)
{
    struct owner owner;

    (void)c, (void)err;
    epoch_enter();
    mr_rc_t rc = map_is_locked(map_of(map), key, &owner);

    epoch_exit();
    *ret_locked = rc == MR_OK;
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

/* ---- the whole map -------------------------------------------------------------------------- */

static mr_rc_t clear(struct channel *c, struct channel_map *map, mr_err_t *err)
{
    mr_rc_t rc = map_clear_share(map_of(map), NULL, JOURNAL_CLEARED);

    (void)c;
    if (rc == MR_ERR_MOVED)
        return elsewhere(map_of(map), rc, err);
    return rc == MR_OK ? rc
                       : fail(err, rc, "clear it again when there is memory",
                              "map \"%s\" could not be cleared whole", map_of(map)->name);
}

static mr_rc_t facts(struct channel *c, struct channel_map *map, struct map_facts *ret_facts,
                     mr_err_t *err)
{
    (void)c, (void)err;
    map_facts(map_of(map), ret_facts);
    return MR_OK;
}

static mr_rc_t map_listen(struct channel *c, struct channel_map *map, uint32_t kinds,
                          void (*on_event)(void *context, const struct map_event *e), void *context,
                          struct channel_listener **ret_l, mr_err_t *err)
{
    struct listener *l;

    (void)c;
    mr_rc_t rc = listener_new(map_of(map), kinds, on_event, context, &l);

    if (rc != MR_OK)
        return fail(err, rc, NULL, "map \"%s\": a listener cannot be added: %s", map_of(map)->name,
                    mr_rc_text(rc));
    *ret_l = (struct channel_listener *)l;
    return MR_OK;
}

static void unlisten(struct channel *c, struct channel_listener *l)
{
    (void)c;
    listener_close((struct listener *)l);
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

static uint32_t members(struct channel *c, struct member_facts *ret_members, uint32_t room)
{
    const struct member *m = member_of(c);

    if (room > 0) {
        *ret_members = (struct member_facts){m->uuid.high, m->uuid.low, ""};
        if (m->door.member)
            (void)address_text(&m->door.address, ret_members->address);
    }
    return 1;
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

static mr_rc_t close(struct channel *c, mr_err_t *err)
{
    if (sections > 0)
        return fail(err, MR_ERR_ARGUMENT, "call mr_read_end first",
                    "the member cannot be closed from inside a read section");
    if (loop_current())
        return fail(err, MR_ERR_ARGUMENT, "let another thread close it",
                    "the member cannot be closed by its own listener");
    member_stop(member_of(c));
    local_channel_free(c);
    return MR_OK;
}

static const struct channel_ops ops = {
    .map_open = map_open,
    .map_run = map_run,
    .done = done,
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
    .read_begin = read_begin,
    .read_end = read_end,
    .reading = reading,
    .memory = memory,
    .members = members,
    .look = look,
    .close = close,
};

mr_rc_t local_channel_new(struct member *m, struct channel **ret_c)
{
    struct local *l = mem_alloc_zero(sizeof *l);

    if (!l)
        return MR_ERR_MEMORY;
    *l = (struct local){{&ops}, m};
    *ret_c = &l->channel;
    return MR_OK;
}

void local_channel_free(struct channel *c)
{
    mem_free(c);
}
