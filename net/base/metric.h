/* metric.h - numbers a member keeps about itself: counters, gauges, histograms.
 *
 * A registry belongs to one member and dies with it. A metric is a name and labels, as in
 * OpenMetrics; asking twice for the same ones gives the same metric, which lives until it has
 * been dropped as often as it was asked for.
 *
 * Counting must cost nothing, so that nobody thinks twice about a counter on a hot path. Each
 * thread adds to cells of its own, found by its number (epoch.h), with a plain load and store:
 *
 *     counter ──▶ page ──▶ block of thread 0   | c0 | c1 | c2 | ...   512 counters side by side
 *                     ──▶ block of thread 1   | c0 | c1 | c2 | ...
 *                     ──▶ shared              | c0 | c1 | c2 | ...   when a block had no memory
 *
 * A reader sums the cells. It may miss what is being added at that moment, never more, and a
 * counter never goes back. A block (4 KiB) is allocated when a thread first counts on its page;
 * a thread's successor with the same number goes on in the same cells.
 *
 * A histogram has HISTOGRAM_STRIPES copies of its buckets, a thread uses the one of its number:
 * recording is one atomic addition, without lock or allocation. Its buckets and errors are
 * described in histogram.h.
 *
 * Threads: adding, setting and recording from any; the functions that take a registry lock it.
 * A metric must not be used after it was dropped, nor after its registry was freed.
 */
#ifndef NET_BASE_METRIC_H
#define NET_BASE_METRIC_H

#include <stdint.h>

#include "net/base/atomic.h"
#include "net/base/epoch.h"
#include "net/base/error.h"
#include "net/base/histogram.h"

enum {
    METRIC_PAGE = 512, /* counters on a page */
    METRIC_LABELS_MAX = 8,
    METRIC_LABELS_ROOM = 512, /* of all labels of one metric, as text */
    HISTOGRAM_STRIPES = 4,
};

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
    const char *key; /* NULL ends a list */
    const char *value;
};

struct metric_page {
    uint64_t *blocks[EPOCH_THREADS_MAX]; /* METRIC_PAGE cells each, NULL until needed */
    uint64_t shared[METRIC_PAGE];
    uint64_t used; /* counters that have a cell; under the registry's lock */
    uint64_t taken[METRIC_PAGE / 64];
    struct metric_page *next;
};

struct counter {
    struct metric_page *page;
    uint32_t cell;
};

struct gauge {
    uint64_t v; /* int64_t's bits */
};

struct histogram_metric {
    struct histogram stripes[HISTOGRAM_STRIPES];
};

struct metrics;

/* MR_ERR_MEMORY. */
mr_rc_t metrics_new(struct metrics **ret_m);

/* Frees every metric too. NULL is fine. */
void metrics_free(struct metrics *m);

/* Each registers a metric or finds it. Names match [a-z_:][a-z0-9_:]*, label keys
 * [a-z_][a-z0-9_]*; a counter's name ends in _total, a duration's in _seconds (record
 * nanoseconds), a size's in _bytes. labels may be NULL; their order does not matter. `help` is a
 * sentence, a literal.
 * MR_ERR_ARGUMENT: a name, or labels that are too many or too long. MR_ERR_TYPE: the name is
 * taken by another kind. MR_ERR_MEMORY. */
mr_rc_t metric_counter(struct metrics *m, const char *name, const struct metric_label *labels,
                       const char *help, struct counter **ret_c);
mr_rc_t metric_gauge(struct metrics *m, const char *name, const struct metric_label *labels,
                     const char *help, struct gauge **ret_g);
mr_rc_t metric_histogram(struct metrics *m, const char *name, const struct metric_label *labels,
                         const char *help, struct histogram_metric **ret_h);

/* Gives back what one call above gave; the last one frees it. NULL is fine. */
void metric_drop_counter(struct metrics *m, struct counter *c);
void metric_drop_gauge(struct metrics *m, struct gauge *g);
void metric_drop_histogram(struct metrics *m, struct histogram_metric *h);

uint64_t *metric_block(struct metric_page *page, uint32_t thread);

static inline void counter_add(struct counter *c, uint64_t n)
{
    uint32_t thread = epoch_thread()->number;
    uint64_t *block = load_acquire_ptr((void *const *)&c->page->blocks[thread]);

    if (__builtin_expect(!block, 0) && !(block = metric_block(c->page, thread))) {
        fetch_add_64(&c->page->shared[c->cell], n);
        return;
    }
    /* Nobody else writes this cell. */
    store_relaxed_64(&block[c->cell], load_relaxed_64(&block[c->cell]) + n);
}

uint64_t counter_value(const struct counter *c);

static inline void gauge_set(struct gauge *g, int64_t v)
{
    store_relaxed_64(&g->v, (uint64_t)v);
}

static inline void gauge_add(struct gauge *g, int64_t v)
{
    fetch_add_64(&g->v, (uint64_t)v);
}

static inline int64_t gauge_value(const struct gauge *g)
{
    return (int64_t)load_relaxed_64(&g->v);
}

static inline void histogram_metric_record(struct histogram_metric *h, uint64_t v)
{
    histogram_record(&h->stripes[epoch_thread()->number % HISTOGRAM_STRIPES], v);
}

/* Adds what has been recorded so far to *sum. */
void histogram_metric_read(const struct histogram_metric *h, struct histogram *sum);

/* One metric as a walk shows it; borrowed for the call. */
struct metric_view {
    const char *name;
    const char *labels; /* key="value",... as in the exposition; empty without labels */
    const char *help;
    enum metric_kind kind;
    int64_t value;                     /* of a counter or a gauge */
    const struct histogram *histogram; /* of a histogram, all stripes merged */
};

/* Calls `each` for every metric, ordered by name and labels. `each` must not call the registry. */
void metrics_walk(struct metrics *m, void (*each)(void *context, const struct metric_view *view),
                  void *context);

/* Writes the registry as OpenMetrics text 1.0 by pieces of at most a line. Histograms have fixed
 * bounds at powers of four. */
void metrics_text(struct metrics *m, void (*put)(void *context, const char *bytes, size_t size),
                  void *context);

#endif
