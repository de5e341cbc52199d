#include "net/base/metric.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "net/base/check.h"
#include "net/base/mem.h"
#include "net/base/text.h"

enum { NAME_MAX_SIZE = 128 };

/* One block: this, then the value that users hold, then name and labels. */
struct metric {
    const char *name;
    const char *labels;
    const char *help;
    enum metric_kind kind;
    uint32_t uses;
};

static void *value_of(const struct metric *metric)
{
    return (void *)(metric + 1);
}

struct metrics {
    pthread_mutex_t lock;
    struct metric **all; /* ordered by name, then labels */
    size_t size, room;
    struct metric_page *pages;
};

mr_rc_t metrics_new(struct metrics **ret_m)
{
    struct metrics *m = mem_alloc_zero(sizeof *m);

    if (!m)
        return MR_ERR_MEMORY;
    pthread_mutex_init(&m->lock, NULL);
    *ret_m = m;
    return MR_OK;
}

/* ---- cells of counters ---------------------------------------------------------------------- */

uint64_t *metric_block(struct metric_page *page, uint32_t thread)
{
    uint64_t *block = mem_alloc_aligned(64, METRIC_PAGE * sizeof *block);

    if (block)
        store_release_ptr((void **)&page->blocks[thread], block);
    return block;
}

static uint64_t *block_of(const struct metric_page *page, uint32_t thread)
{
    return load_acquire_ptr((void *const *)&page->blocks[thread]);
}

uint64_t counter_value(const struct counter *c)
{
    uint64_t sum = load_relaxed_64(&c->page->shared[c->cell]);

    for (uint32_t i = 0, n = epoch_numbers(); i < n; i++) {
        const uint64_t *block = block_of(c->page, i);

        if (block)
            sum += load_relaxed_64(&block[c->cell]);
    }
    return sum;
}

static void page_free(struct metric_page *page)
{
    for (uint32_t i = 0; i < EPOCH_THREADS_MAX; i++)
        mem_free_aligned(page->blocks[i]);
    mem_free(page);
}

static struct metric_page *page_with_room(struct metrics *m)
{
    struct metric_page *page = m->pages;

    while (page && page->used == METRIC_PAGE)
        page = page->next;
    if (page || !(page = mem_alloc_zero(sizeof *page)))
        return page;
    page->next = m->pages;
    m->pages = page;
    return page;
}

/* The cell may have been another counter's: its threads are gone from it, what they counted is
 * not. */
static bool cell_take(struct metrics *m, struct counter *c)
{
    struct metric_page *page = page_with_room(m);
    uint32_t word = 0;

    if (!page)
        return false;
    while (page->taken[word] == UINT64_MAX)
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(~page->taken[word]);

    page->taken[word] |= 1ull << bit;
    page->used++;
    *c = (struct counter){page, word * 64 + bit};
    store_relaxed_64(&page->shared[c->cell], 0);
    for (uint32_t i = 0; i < EPOCH_THREADS_MAX; i++) {
        uint64_t *block = block_of(page, i);

        if (block)
            store_relaxed_64(&block[c->cell], 0);
    }
    return true;
}

static void cell_give_back(struct counter *c)
{
    c->page->taken[c->cell / 64] &= ~(1ull << c->cell % 64);
    c->page->used--;
}

/* ---- names and labels ----------------------------------------------------------------------- */

static bool is_name(const char *name, bool colon)
{
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || *c == '_' || (colon && *c == ':') ||
              (*c >= '0' && *c <= '9' && c > name)))
            return false;
    return *name && strlen(name) <= NAME_MAX_SIZE;
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static void label_value_put(struct text *t, const char *value)
{
    for (const char *c = value; *c; c++) {
        if (*c == '\n')
            text_put(t, "\\n");
        else if (*c == '"' || *c == '\\')
            text_bytes(t, (char[]){'\\', *c}, 2);
        else
            text_char(t, *c);
    }
}

/* The label that comes after `last` by key, or the first. */
static const struct metric_label *next_label(const struct metric_label *labels, const char *last)
{
    const struct metric_label *next = NULL;

    for (const struct metric_label *l = labels; l->key; l++)
        if ((!last || strcmp(l->key, last) > 0) && (!next || strcmp(l->key, next->key) < 0))
            next = l;
    return next;
}

/* Writes the labels as the exposition has them, by key. False: they are not valid. */
static bool labels_put(struct text *t, const struct metric_label *labels)
{
    const struct metric_label *l;
    const char *last = NULL;
    int n = 0, written = 0;

    if (!labels)
        return true;
    for (; labels[n].key; n++)
        if (n == METRIC_LABELS_MAX || !is_name(labels[n].key, false))
            return false;
    for (; (l = next_label(labels, last)); last = l->key, written++) {
        if (written > 0)
            text_char(t, ',');
        text_put(t, l->key);
        text_put(t, "=\"");
        label_value_put(t, l->value);
        text_char(t, '"');
    }
    return written == n && !t->cut; /* fewer: a key came twice */
}

/* ---- registering ---------------------------------------------------------------------------- */

static int order(const struct metric *a, const char *name, const char *labels)
{
    int by_name = strcmp(a->name, name);

    return by_name ? by_name : strcmp(a->labels, labels);
}

/* Where in m->all this metric is, or would be. */
static size_t position(const struct metrics *m, const char *name, const char *labels)
{
    size_t low = 0, high = m->size;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (order(m->all[middle], name, labels) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* One name is one kind: neighbours in the order tell. */
static bool name_is_another_kind(const struct metrics *m, size_t at, const char *name,
                                 enum metric_kind kind)
{
    const struct metric *before = at > 0 ? m->all[at - 1] : NULL;
    const struct metric *after = at < m->size ? m->all[at] : NULL;

    return (before && before->kind != kind && strcmp(before->name, name) == 0) ||
           (after && after->kind != kind && strcmp(after->name, name) == 0);
}

static bool make_room(struct metrics *m)
{
    size_t room = m->room ? m->room * 2 : 64;

    if (m->size < m->room)
        return true;
    struct metric **all = mem_realloc(m->all, room * sizeof(*all));

    if (!all)
        return false;
    m->all = all;
    m->room = room;
    return true;
}

static size_t value_size(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_COUNTER: return sizeof(struct counter);
    case METRIC_GAUGE: return sizeof(struct gauge);
    case METRIC_HISTOGRAM: return sizeof(struct histogram_metric);
    }
    check_failed("a kind of metric", __FILE__, __LINE__);
}

static void metric_free(struct metric *metric)
{
    if (metric->kind == METRIC_COUNTER)
        cell_give_back(value_of(metric));
    mem_free(metric);
}

static struct metric *metric_new(struct metrics *m, enum metric_kind kind, const char *name,
                                 const char *labels, const char *help)
{
    size_t name_size = strlen(name) + 1, labels_size = strlen(labels) + 1;
    size_t head = sizeof(struct metric) + value_size(kind);
    struct metric *metric = mem_alloc_zero(head + name_size + labels_size);

    if (!metric)
        return NULL;
    char *words = (char *)metric + head;

    memcpy(words, name, name_size);
    memcpy(words + name_size, labels, labels_size);
    *metric = (struct metric){words, words + name_size, help, kind, 0};
    if (kind == METRIC_COUNTER && !cell_take(m, value_of(metric))) {
        mem_free(metric);
        return NULL;
    }
    return metric;
}

static mr_rc_t find_or_add(struct metrics *m, enum metric_kind kind, const char *name,
                           const char *labels, const char *help, struct metric **ret_metric)
{
    size_t at = position(m, name, labels);
    struct metric *metric;

    if (name_is_another_kind(m, at, name, kind))
        return MR_ERR_TYPE;
    if (at < m->size && order(m->all[at], name, labels) == 0) {
        m->all[at]->uses++;
        *ret_metric = m->all[at];
        return MR_OK;
    }
    if (!make_room(m) || !(metric = metric_new(m, kind, name, labels, help)))
        return MR_ERR_MEMORY;
    memmove(m->all + at + 1, m->all + at, (m->size - at) * sizeof(*m->all));
    m->all[at] = metric;
    m->size++;
    metric->uses = 1;
    *ret_metric = metric;
    return MR_OK;
}

static mr_rc_t enter(struct metrics *m, enum metric_kind kind, const char *name,
                     const struct metric_label *labels, const char *help,
                     struct metric **ret_metric)
{
    char buffer[METRIC_LABELS_ROOM];
    struct text t;

    text_init(&t, buffer, sizeof buffer);
    if (!is_name(name, true) || ends_in(name, "_total") != (kind == METRIC_COUNTER) ||
        !labels_put(&t, labels))
        return MR_ERR_ARGUMENT;

    pthread_mutex_lock(&m->lock);
    mr_rc_t rc = find_or_add(m, kind, name, buffer, help, ret_metric);

    pthread_mutex_unlock(&m->lock);
    return rc;
}

mr_rc_t metric_counter(struct metrics *m, const char *name, const struct metric_label *labels,
                       const char *help, struct counter **ret_c)
{
    struct metric *metric;
    mr_rc_t rc = enter(m, METRIC_COUNTER, name, labels, help, &metric);

    if (rc == MR_OK)
        *ret_c = value_of(metric);
    return rc;
}

mr_rc_t metric_gauge(struct metrics *m, const char *name, const struct metric_label *labels,
                     const char *help, struct gauge **ret_g)
{
    struct metric *metric;
    mr_rc_t rc = enter(m, METRIC_GAUGE, name, labels, help, &metric);

    if (rc == MR_OK)
        *ret_g = value_of(metric);
    return rc;
}

mr_rc_t metric_histogram(struct metrics *m, const char *name, const struct metric_label *labels,
                         const char *help, struct histogram_metric **ret_h)
{
    struct metric *metric;
    mr_rc_t rc = enter(m, METRIC_HISTOGRAM, name, labels, help, &metric);

    if (rc == MR_OK)
        *ret_h = value_of(metric);
    return rc;
}

static void drop(struct metrics *m, void *value)
{
    if (!value)
        return;
    struct metric *metric = (struct metric *)value - 1;

    pthread_mutex_lock(&m->lock);
    check(metric->uses > 0);
    if (--metric->uses == 0) {
        size_t at = position(m, metric->name, metric->labels);

        check(m->all[at] == metric);
        memmove(m->all + at, m->all + at + 1, (m->size - at - 1) * sizeof(*m->all));
        m->size--;
        metric_free(metric);
    }
    pthread_mutex_unlock(&m->lock);
}

void metric_drop_counter(struct metrics *m, struct counter *c)
{
    drop(m, c);
}

void metric_drop_gauge(struct metrics *m, struct gauge *g)
{
    drop(m, g);
}

void metric_drop_histogram(struct metrics *m, struct histogram_metric *h)
{
    drop(m, h);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->size; i++)
        metric_free(m->all[i]);
    for (struct metric_page *next, *page = m->pages; page; page = next) {
        next = page->next;
        page_free(page);
    }
    pthread_mutex_destroy(&m->lock);
    mem_free(m->all);
    mem_free(m);
}

/* ---- reading -------------------------------------------------------------------------------- */

void histogram_metric_read(const struct histogram_metric *h, struct histogram *sum)
{
    for (int i = 0; i < HISTOGRAM_STRIPES; i++)
        histogram_merge(sum, &h->stripes[i]);
}

static void show(const struct metric *metric,
                 void (*each)(void *context, const struct metric_view *view), void *context)
{
    struct histogram merged;
    struct metric_view view = {metric->name, metric->labels, metric->help, metric->kind, 0, NULL};

    switch (metric->kind) {
    case METRIC_COUNTER: view.value = (int64_t)counter_value(value_of(metric)); break;
    case METRIC_GAUGE: view.value = gauge_value(value_of(metric)); break;
    case METRIC_HISTOGRAM:
        memset(&merged, 0, sizeof merged);
        histogram_metric_read(value_of(metric), &merged);
        view.histogram = &merged;
        break;
    }
    each(context, &view);
}

void metrics_walk(struct metrics *m, void (*each)(void *context, const struct metric_view *view),
                  void *context)
{
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->size; i++)
        show(m->all[i], each, context);
    pthread_mutex_unlock(&m->lock);
}
