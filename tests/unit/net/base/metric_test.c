#include "net/base/metric.h"
#include "tests/unit/scarce.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metrics *registry(void)
{
    struct metrics *m;

    cr_assert(eq(int, metrics_new(&m), MR_OK));
    return m;
}

static struct counter *counter(struct metrics *m, const char *name,
                               const struct metric_label *labels)
{
    struct counter *c;

    cr_assert(eq(int, metric_counter(m, name, labels, "For the test.", &c), MR_OK));
    return c;
}

static char page[65536];

static void collect(void *context, const char *bytes, size_t size)
{
    size_t n = strlen(page);

    (void)context;
    cr_assert(lt(sz, n + size, sizeof page));
    memcpy(page + n, bytes, size);
    page[n + size] = '\0';
}

static const char *text(struct metrics *m)
{
    page[0] = '\0';
    metrics_text(m, collect, NULL);
    return page;
}

#define LABELS(...)                                                                                \
    (struct metric_label[])                                                                        \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

Test(metric, counts)
{
    struct metrics *m = registry();
    struct counter *c = counter(m, "millrace_gets_total", NULL);

    counter_add(c, 1);
    counter_add(c, 41);
    cr_assert(eq(u64, counter_value(c), 42));
    metrics_free(m);
}

Test(metric, the_same_name_and_labels_in_any_order_are_the_same_metric)
{
    struct metrics *m = registry();
    struct counter *a = counter(m, "ops_total", LABELS({"map", "people"}, {"op", "get"}));
    struct counter *b = counter(m, "ops_total", LABELS({"op", "get"}, {"map", "people"}));
    struct counter *other = counter(m, "ops_total", LABELS({"op", "put"}, {"map", "people"}));

    cr_assert(eq(ptr, a, b));
    cr_assert(ne(ptr, a, other));
    metrics_free(m);
}

Test(metric, a_name_of_another_kind_is_refused)
{
    struct metrics *m = registry();
    struct gauge *g;
    struct histogram_metric *h = NULL;

    cr_assert(eq(int, metric_gauge(m, "used_bytes", LABELS({"map", "m"}), "H.", &g), MR_OK));
    cr_assert(eq(int, metric_histogram(m, "used_bytes", NULL, "H.", &h), MR_ERR_TYPE));
    cr_assert(
        eq(int, metric_histogram(m, "used_bytes", LABELS({"map", "z"}), "H.", &h), MR_ERR_TYPE));
    cr_assert(zero(ptr, h));
    metrics_free(m);
}

Test(metric, names_and_labels_that_are_not_valid_are_refused)
{
    static char huge[METRIC_LABELS_ROOM];
    struct metrics *m = registry();
    struct counter *c = NULL;
    struct gauge *g = NULL;

    memset(huge, 'x', sizeof huge - 1);
    cr_assert(eq(int, metric_counter(m, "no-dash_total", NULL, "", &c), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_counter(m, "1_total", NULL, "", &c), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_counter(m, "without_the_end", NULL, "", &c), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_gauge(m, "gauge_total", NULL, "", &g), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_gauge(m, "", NULL, "", &g), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_gauge(m, "g", LABELS({"a:b", ""}), "", &g), MR_ERR_ARGUMENT));
    cr_assert(
        eq(int, metric_gauge(m, "g", LABELS({"a", "1"}, {"a", "2"}), "", &g), MR_ERR_ARGUMENT));
    cr_assert(eq(int, metric_gauge(m, "g", LABELS({"a", huge}), "", &g), MR_ERR_ARGUMENT));
    cr_assert(eq(int,
                 metric_gauge(m, "g",
                              LABELS({"a", ""}, {"b", ""}, {"c", ""}, {"d", ""}, {"e", ""},
                                     {"f", ""}, {"g", ""}, {"h", ""}, {"i", ""}),
                              "", &g),
                 MR_ERR_ARGUMENT));
    cr_assert(zero(ptr, c));
    cr_assert(zero(ptr, g));
    metrics_free(m);
}

Test(metric, lives_until_dropped_as_often_as_it_was_asked_for)
{
    struct metrics *m = registry();
    struct counter *c = counter(m, "puts_total", NULL);

    counter(m, "puts_total", NULL);
    counter_add(c, 5);
    metric_drop_counter(m, c);
    cr_assert(eq(u64, counter_value(c), 5));
    metric_drop_counter(m, c);
    cr_assert(eq(str, (char *)text(m), "# EOF\n"));
    metric_drop_counter(m, NULL);
    metrics_free(m);
    metrics_free(NULL);
}

Test(metric, a_new_counter_in_a_used_cell_starts_at_zero)
{
    struct metrics *m = registry();
    struct counter *old = counter(m, "old_total", NULL);

    counter_add(old, 5);
    metric_drop_counter(m, old);
    cr_assert(zero(u64, counter_value(counter(m, "new_total", NULL))));
    metrics_free(m);
}

Test(metric, more_counters_than_a_page_holds_stay_apart)
{
    enum { N = METRIC_PAGE * 2 + 3 };
    struct metrics *m = registry();
    struct counter *all[N];
    char number[16];

    for (int i = 0; i < N; i++) {
        snprintf(number, sizeof number, "%d", i);
        all[i] = counter(m, "many_total", LABELS({"n", number}));
        counter_add(all[i], (uint64_t)i);
    }
    for (int i = 0; i < N; i++)
        cr_assert(eq(u64, counter_value(all[i]), (uint64_t)i));
    metrics_free(m);
}

static void *count_1000(void *c)
{
    for (int i = 0; i < 1000; i++)
        counter_add(c, 1);
    return NULL;
}

Test(metric, keeps_what_threads_counted_that_have_ended)
{
    struct metrics *m = registry();
    struct counter *c = counter(m, "gets_total", NULL);

    for (int i = 0; i < 3; i++) {
        pthread_t t;

        cr_assert(zero(int, pthread_create(&t, NULL, count_1000, c)));
        cr_assert(zero(int, pthread_join(t, NULL)));
    }
    cr_assert(eq(u64, counter_value(c), 3000));
    metrics_free(m);
}

Test(metric, counts_without_memory_too)
{
    struct metrics *m = registry();
    struct counter *c = counter(m, "gets_total", NULL);

    mem_hooks_set(&scarce);
    counter_add(c, 7);
    mem_hooks_set(NULL);
    counter_add(c, 1);
    cr_assert(eq(u64, counter_value(c), 8));
    metrics_free(m);
}

Test(metric, registering_without_memory_changes_nothing)
{
    struct metrics *m = registry();
    struct counter *c = NULL;
    mr_rc_t rc = MR_ERR_MEMORY;
    int allowed = 0;

    mem_hooks_set(&scarce);
    for (; allowed < 10 && rc != MR_OK; allowed++) {
        scarce_left = allowed;
        rc = metric_counter(m, "gets_total", NULL, "H.", &c);
        cr_assert(rc == MR_OK || rc == MR_ERR_MEMORY);
        cr_assert(eq(int, rc == MR_OK, c != NULL));
    }
    scarce_left = 0;
    struct metrics *none = NULL;
    cr_assert(eq(int, metrics_new(&none), MR_ERR_MEMORY));
    mem_hooks_set(NULL);
    cr_assert(gt(int, allowed, 1));
    cr_assert(
        eq(str, (char *)text(m), "# TYPE gets counter\n# HELP gets H.\ngets_total 0\n# EOF\n"));
    metrics_free(m);
}

Test(metric, is_written_as_openmetrics_with_one_heading_per_family)
{
    struct metrics *m = registry();
    struct gauge *g;

    counter_add(counter(m, "ops_total", LABELS({"map", "b"})), 2);
    counter_add(counter(m, "ops_total", LABELS({"map", "a\"\\\n"})), 1);
    cr_assert(eq(int, metric_gauge(m, "delta", NULL, "May be negative.", &g), MR_OK));
    gauge_set(g, -5);
    gauge_add(g, 2);
    cr_assert(eq(str, (char *)text(m),
                 "# TYPE delta gauge\n"
                 "# HELP delta May be negative.\n"
                 "delta -3\n"
                 "# TYPE ops counter\n"
                 "# HELP ops For the test.\n"
                 "ops_total{map=\"a\\\"\\\\\\n\"} 1\n"
                 "ops_total{map=\"b\"} 2\n"
                 "# EOF\n"));
    metrics_free(m);
}

Test(metric, writes_durations_in_seconds_with_exact_buckets)
{
    struct metrics *m = registry();
    struct histogram_metric *h;

    cr_assert(eq(int, metric_histogram(m, "get_seconds", LABELS({"map", "m"}), "H.", &h), MR_OK));
    histogram_metric_record(h, 1023);
    histogram_metric_record(h, 1024);
    histogram_metric_record(h, 2000000000);
    const char *t = text(m);

    cr_assert(not(zero(ptr, strstr(t, "# TYPE get_seconds histogram\n"))));
    cr_assert(not(zero(ptr, strstr(t, "get_seconds_bucket{map=\"m\",le=\"0.000001023\"} 1\n"))));
    cr_assert(not(zero(ptr, strstr(t, "get_seconds_bucket{map=\"m\",le=\"0.000004095\"} 2\n"))));
    cr_assert(not(zero(ptr, strstr(t, "get_seconds_bucket{map=\"m\",le=\"+Inf\"} 3\n"))));
    cr_assert(not(zero(ptr, strstr(t, "get_seconds_count{map=\"m\"} 3\n"))));
    cr_assert(not(zero(ptr, strstr(t, "get_seconds_sum{map=\"m\"} 2.000002047\n"))));
    metrics_free(m);
}
