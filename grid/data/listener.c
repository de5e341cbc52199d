#include "grid/data/listener.h"

#include <string.h>

#include "net/base/clock.h"
#include "net/base/mem.h"

enum { BATCH_EVENTS = 64, BATCH_BYTES = 256 * 1024 };

struct listener {
    struct listener *next;
    struct map *map;
    uint32_t kinds;
    void (*on_event)(void *context, const struct map_event *e);
    void *context;
    uint32_t refs;           /* the map's list, and the delivery under way; under listeners_lock */
    bool closed;             /* under calling */
    pthread_mutex_t calling; /* held while on_event runs */
    uint64_t at[];           /* the number wanted next in each partition; the events loop's */
};

/* The one whose on_event this thread is inside of. */
static __thread const struct listener *inside __attribute__((tls_model("initial-exec")));

static void unref(struct listener *l)
{
    struct map *m = l->map;

    pthread_mutex_lock(&m->listeners_lock);
    bool last = --l->refs == 0;
    pthread_mutex_unlock(&m->listeners_lock);
    if (!last)
        return;
    pthread_mutex_destroy(&l->calling);
    mem_free(l);
}

/* Under listeners_lock, so that nothing that is journalled for it is trimmed before it has read
 * it. It is counted before there are journals: whoever writes to one then wakes the deliverer,
 * which waits for the lock. */
static mr_rc_t enlist(struct map *m, struct listener *l)
{
    if (m->listening == LISTENERS_MAX)
        return MR_ERR_FULL;
    store_release_32(&m->listening, m->listening + 1);

    mr_rc_t rc = map_start_journals(m, l->at);

    if (rc != MR_OK) {
        store_release_32(&m->listening, m->listening - 1);
        return rc;
    }
    l->next = m->listeners;
    m->listeners = l;
    return MR_OK;
}

mr_rc_t listener_new(struct map *m, uint32_t kinds,
                     void (*on_event)(void *context, const struct map_event *e), void *context,
                     struct listener **ret_l)
{
    struct listener *l = mem_alloc_zero(sizeof *l + m->partitions->count * sizeof l->at[0]);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!l)
        return MR_ERR_MEMORY;
    *l = (struct listener){.map = m, .kinds = kinds, .on_event = on_event, .context = context};
    l->refs = 1;
    pthread_mutex_init(&l->calling, NULL);

    pthread_mutex_lock(&m->listeners_lock);
    if ((rc = enlist(m, l)) != MR_OK && !m->listeners)
        map_stop_journals(m);
    pthread_mutex_unlock(&m->listeners_lock);
    if (rc != MR_OK) {
        pthread_mutex_destroy(&l->calling);
        mem_free(l);
        return rc;
    }
    *ret_l = l;
    return MR_OK;
}

/* Waits for on_event to return, unless this is on_event. */
static void silence(struct listener *l)
{
    bool here = inside == l;

    if (!here)
        pthread_mutex_lock(&l->calling);
    l->closed = true;
    if (!here)
        pthread_mutex_unlock(&l->calling);
}

void listener_close(struct listener *l)
{
    struct map *m = l->map;

    pthread_mutex_lock(&m->listeners_lock);
    for (struct listener **at = &m->listeners; *at; at = &(*at)->next) {
        if (*at != l)
            continue;
        *at = l->next;
        store_release_32(&m->listening, m->listening - 1);
        break;
    }
    if (!m->listeners)
        map_stop_journals(m);
    pthread_mutex_unlock(&m->listeners_lock);
    silence(l);
    unref(l);
}

/* ---- delivering ------------------------------------------------------------------------------ */

/* Copies of some events of one partition, so that nothing is locked while they are told. */
struct batch {
    struct arena arena;
    struct map_event events[BATCH_EVENTS + 1]; /* and one that tells of a loss at the end */
    uint32_t count;
    uint32_t bytes;
};

static bool copy(struct batch *b, const struct data *from, struct data *to)
{
    *to = *from;
    if (from->size == 0)
        return true;
    to->at = (uint8_t *)arena_text(&b->arena, (const char *)from->at, from->size);
    b->bytes += from->size;
    return to->at != NULL;
}

static void add_lost(struct batch *b, uint64_t lost)
{
    if (lost > 0)
        b->events[b->count++] =
            (struct map_event){.kind = EVENT_LOST, .count = lost, .time_ms = clock_ms()};
}

/* Reads on from l's cursor. Returns true when there is more in the partition. */
static bool fill(struct batch *b, struct listener *l, uint32_t partition)
{
    struct journal *j = l->map->parts[partition].journal;
    uint64_t lost = 0, pending = 0;

    if (!j || l->at[partition] > j->next) /* l is being closed; the journal is gone, or another */
        return false;
    while (b->count < BATCH_EVENTS - 1 && b->bytes < BATCH_BYTES) {
        struct journal_event e;
        mr_rc_t rc = journal_read(j, l->at[partition], &e, &lost);

        pending += lost;
        l->at[partition] += lost;
        if (rc != MR_OK)
            break;
        l->at[partition] = e.number + 1;
        if (!(e.kind & l->kinds))
            continue;

        struct map_event out = {.kind = e.kind, .count = e.count, .time_ms = e.time_ms};

        if (!copy(b, &e.key, &out.key) || !copy(b, &e.old, &out.old) ||
            !copy(b, &e.value, &out.value)) {
            pending++; /* no memory: an event lost, and said so */
            continue;
        }
        add_lost(b, pending);
        pending = 0;
        b->events[b->count++] = out;
    }
    add_lost(b, pending);
    return l->at[partition] < j->next;
}

static void call(struct listener *l, const struct batch *b)
{
    pthread_mutex_lock(&l->calling);
    inside = l;
    for (uint32_t i = 0; i < b->count && !l->closed; i++)
        l->on_event(l->context, &b->events[i]);
    inside = NULL;
    pthread_mutex_unlock(&l->calling);
}

static bool deliver(struct listener *l, uint32_t partition)
{
    struct partition *p = &l->map->partitions->at[partition];
    struct batch b = {0};

    partition_lock(p);
    bool more = fill(&b, l, partition);
    partition_unlock(p);
    if (b.count > 0)
        call(l, &b);
    arena_free(&b.arena);
    return more;
}

/* The listeners of a map, each held for the time of a delivery. */
static uint32_t hold(struct map *m, struct listener **held, uint32_t room)
{
    uint32_t n = 0;

    pthread_mutex_lock(&m->listeners_lock);
    for (struct listener *l = m->listeners; l && n < room; l = l->next) {
        l->refs++;
        held[n++] = l;
    }
    pthread_mutex_unlock(&m->listeners_lock);
    return n;
}

/* Forgets what every listener has read, in a map that keeps no journal of its own. */
static void trim(struct map *m, uint32_t partition)
{
    uint64_t least = UINT64_MAX;

    if (m->rules.journal_capacity)
        return;
    pthread_mutex_lock(&m->listeners_lock);
    for (struct listener *l = m->listeners; l; l = l->next)
        least = l->at[partition] < least ? l->at[partition] : least;
    if (m->listeners) {
        partition_lock(&m->partitions->at[partition]);
        if (m->parts[partition].journal)
            journal_trim(m->parts[partition].journal, least);
        partition_unlock(&m->partitions->at[partition]);
    }
    pthread_mutex_unlock(&m->listeners_lock);
}

bool listeners_deliver(struct map *m, uint64_t budget_ns)
{
    struct listener *held[LISTENERS_MAX];
    uint32_t n = hold(m, held, LISTENERS_MAX);
    uint64_t until = clock_ns() + budget_ns;
    bool left = false;

    /* On from where the last call ended: busy partitions must not keep others waiting. */
    for (uint32_t i = 0; n > 0 && i < m->partitions->count; i++) {
        uint32_t p = m->deliver_next;
        bool more = false;

        m->deliver_next = p + 1 < m->partitions->count ? p + 1 : 0;
        if (!load_relaxed_32(&m->parts[p].marked))
            continue;
        exchange_32(&m->parts[p].marked, 0);
        for (uint32_t k = 0; k < n; k++)
            more |= deliver(held[k], p);
        trim(m, p);
        if (more)
            store_release_32(&m->parts[p].marked, 1);
        left |= more;
        if (clock_ns() > until) {
            left = true;
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        unref(held[i]);
    return left;
}

void listeners_free(struct map *m)
{
    while (m->listeners)
        listener_close(m->listeners);
}
