/* openmetrics.c - a registry as OpenMetrics text 1.0 (openmetrics.io). */
#include <stdbool.h>
#include <string.h>

#include "net/base/metric.h"
#include "net/base/text.h"

enum { LINE_ROOM = 2048 }; /* more than a name, its labels and a number can take */

struct page {
    void (*put)(void *context, const char *bytes, size_t size);
    void *context;
    char family[256]; /* whose # TYPE and # HELP have been written */
};

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static void put_line(struct page *p, struct text *line)
{
    text_char(line, '\n');
    if (!line->cut)
        p->put(p->context, line->at, line->size);
    text_back(line, 0);
}

static bool in_seconds(const struct metric_view *v)
{
    size_t n = strlen(v->name);

    return n > 8 && strcmp(v->name + n - 8, "_seconds") == 0;
}

/* Nanoseconds as seconds, without floating point, whose comma depends on the host's locale. */
static void amount(struct text *t, const struct metric_view *v, uint64_t n)
{
    if (!in_seconds(v)) {
        text_u64(t, n);
        return;
    }
    text_u64(t, n / 1000000000u);
    text_char(t, '.');
    text_digits(t, n % 1000000000u, 9);
}

static size_t family_size(const struct metric_view *v)
{
    return strlen(v->name) - (v->kind == METRIC_COUNTER ? strlen("_total") : 0);
}

static void heading(struct page *p, struct text *line, const struct metric_view *v)
{
    size_t size = family_size(v);

    if (strlen(p->family) == size && memcmp(p->family, v->name, size) == 0)
        return;
    memcpy(p->family, v->name, size);
    p->family[size] = '\0';

    text_put(line, "# TYPE ");
    text_put(line, p->family);
    text_char(line, ' ');
    text_put(line, kind_names[v->kind]);
    put_line(p, line);
    text_put(line, "# HELP ");
    text_put(line, p->family);
    text_char(line, ' ');
    text_put(line, v->help);
    put_line(p, line);
}

static void sample_name(struct text *line, const struct metric_view *v, const char *suffix)
{
    text_put(line, v->name);
    text_put(line, suffix);
    if (v->labels[0]) {
        text_char(line, '{');
        text_put(line, v->labels);
        text_char(line, '}');
    }
    text_char(line, ' ');
}

/* One bucket; `last` UINT64_MAX is the one without an upper bound. */
static void bucket(struct page *p, struct text *line, const struct metric_view *v, uint64_t last)
{
    text_put(line, v->name);
    text_put(line, "_bucket{");
    text_put(line, v->labels);
    text_put(line, v->labels[0] ? ",le=\"" : "le=\"");
    if (last == UINT64_MAX)
        text_put(line, "+Inf");
    else
        amount(line, v, last);
    text_put(line, "\"} ");
    text_u64(line, histogram_count_up_to(v->histogram, last));
    put_line(p, line);
}

/* Bounds are 4^k - 1, the last values of our buckets, so that the counts are exact. Durations
 * from 1 µs to 17 s, everything else from 0 to 2^34. */
static void histogram(struct page *p, struct text *line, const struct metric_view *v)
{
    for (int bits = in_seconds(v) ? 10 : 0; bits <= 34; bits += 2)
        bucket(p, line, v, (1ull << bits) - 1);
    bucket(p, line, v, UINT64_MAX);
    sample_name(line, v, "_count");
    text_u64(line, histogram_count(v->histogram));
    put_line(p, line);
    sample_name(line, v, "_sum");
    amount(line, v, v->histogram->sum);
    put_line(p, line);
}

static void metric(void *context, const struct metric_view *v)
{
    struct page *p = context;
    char buffer[LINE_ROOM];
    struct text line;

    text_init(&line, buffer, sizeof buffer);
    heading(p, &line, v);
    if (v->kind == METRIC_HISTOGRAM) {
        histogram(p, &line, v);
        return;
    }
    sample_name(&line, v, "");
    if (v->kind == METRIC_COUNTER)
        text_u64(&line, (uint64_t)v->value);
    else
        text_i64(&line, v->value);
    put_line(p, &line);
}

void metrics_text(struct metrics *m, void (*put)(void *context, const char *bytes, size_t size),
                  void *context)
{
    struct page p = {.put = put, .context = context};

    metrics_walk(m, metric, &p);
    put(context, "# EOF\n", 6);
}
