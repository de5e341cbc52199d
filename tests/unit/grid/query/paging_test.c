#include "grid/query/paging.h"

#include "grid/op/run.h"
#include "net/base/epoch.h"
#include "tests/unit/grid/query/fixture.h"

enum { ENTRIES = 250 };

static struct partitions partitions;
static struct metrics *metrics;
static struct map *map;

static void open_world(void)
{
    const struct map_rules rules = {
        .entries_max = UINT64_MAX, .bytes_max = UINT64_MAX, .key_max = 100, .value_max = 100};

    cr_assert(metrics_new(&metrics) == MR_OK);
    cr_assert(partitions_start(&partitions, 7, 0) == MR_OK);
    cr_assert(map_new(&partitions, metrics, "map", "test", &rules, &map) == MR_OK);
    epoch_enter();
}

static void close_world(void)
{
    epoch_exit();
    map_free(map);
    partitions_stop(&partitions);
    metrics_free(metrics);
}

TestSuite(paging, .init = open_world, .fini = close_world);

/* Numbers as keys, in any order; half of them as doubles. Values go the other way. */
static void fill(void)
{
    for (int i = 0; i < ENTRIES; i++) {
        int n = i * 137 % ENTRIES;
        uint8_t key_bytes[8], value_bytes[8];
        struct sink key_sink = {.at = key_bytes, .room = 8};
        struct sink value_sink = {.at = value_bytes, .room = 8};
        struct scalar key = n % 2 ? v_int(n) : v_double(n), value = v_long(-n);
        struct map_request q = {.verb = MAP_PUT, .ttl_ms = TIME_DEFAULT, .idle_ms = TIME_DEFAULT};
        struct map_answer a;

        cr_assert(scalar_write(&key, &key_sink, &q.key) == MR_OK);
        cr_assert(scalar_write(&value, &value_sink, &q.value) == MR_OK);
        cr_assert(run_request(map, &q, &a) == MR_OK);
    }
}

static double number(const struct data *d)
{
    struct scalar v;

    cr_assert(scalar_read(d, &v) == MR_OK);
    return value_real(&v);
}

static struct paging_result run(const struct paging_query *q)
{
    struct paging_result r;
    mr_err_t err = MR_ERR_INIT;

    cr_assert(paging_run(map, q, &r, &err) == MR_OK, "%s", err.message);
    return r;
}

/* The pages of everything, one after the other, each with the anchors of the one before. */
static void expect_pages(int iteration, bool descending_keys)
{
    struct paging_query q = {.page_size = 40, .iteration = iteration};
    struct paging_anchor anchors[16];

    for (q.page = 0; q.page < 8; q.page++) {
        struct paging_result r = run(&q);
        int from = q.page * 40, wanted = from < ENTRIES ? ENTRIES - from : 0;

        cr_assert(r.count == (uint32_t)(wanted < 40 ? wanted : 40), "page %d", q.page);
        for (uint32_t i = 0; i < r.count; i++) {
            int n = from + (int)i;

            cr_assert(number(&r.rows[i].key) == (descending_keys ? ENTRIES - 1 - n : n));
        }
        memcpy(anchors, r.anchors, r.anchor_count * sizeof *anchors);
        q.anchors = anchors;
        q.anchor_count = r.anchor_count;
        cr_assert(q.anchor_count == (q.page < 7 ? (uint32_t)q.page + 1 : 7));
        paging_result_free(&r);
    }
}

Test(paging, gives_every_entry_once_in_the_order_of_keys)
{
    fill();
    expect_pages(PAGING_KEYS, false);
    expect_pages(PAGING_ENTRIES, false);
}

Test(paging, goes_by_values_when_values_are_asked_for)
{
    fill();
    expect_pages(PAGING_VALUES, true);
}

Test(paging, finds_a_page_without_an_anchor_and_makes_those_before)
{
    struct paging_query q = {.page = 3, .page_size = 10, .iteration = PAGING_KEYS};

    fill();
    struct paging_result r = run(&q);

    cr_assert(r.count == 10);
    cr_expect(number(&r.rows[0].key) == 30);
    cr_assert(r.anchor_count == 4);
    for (int i = 0; i < 4; i++)
        cr_expect(r.anchors[i].page == i && number(&r.anchors[i].key) == 10 * i + 9);
    paging_result_free(&r);
}

Test(paging, keeps_to_its_predicate)
{
    struct paging_query q = {.page_size = 10, .iteration = PAGING_KEYS};
    struct predicate *p;

    fill();
    cr_assert(predicate_of_text("__key >= 245", 12, &p, NULL) == MR_OK);
    q.predicate = p;
    struct paging_result r = run(&q);

    cr_expect(r.count == 5 && number(&r.rows[0].key) == 245);
    paging_result_free(&r);
    predicate_free(p);
}

Test(paging, has_no_pages_of_values_without_an_order)
{
    struct paging_query q = {.page_size = 10, .iteration = PAGING_VALUES};
    struct paging_result r;
    struct map_request put = {.verb = MAP_PUT,
                              .key = d_text("k"),
                              .value = d_json("{}"),
                              .ttl_ms = TIME_DEFAULT,
                              .idle_ms = TIME_DEFAULT};
    struct map_answer a;
    mr_err_t err = MR_ERR_INIT;

    cr_assert(run_request(map, &put, &a) == MR_OK);
    cr_expect(paging_run(map, &q, &r, &err) == MR_ERR_ARGUMENT);
    cr_expect(strstr(err.message, "no order") != NULL, "%s", err.message);
    q.iteration = PAGING_ENTRIES;
    r = run(&q);
    cr_expect(r.count == 1);
    paging_result_free(&r);
}

Test(paging, refuses_what_it_cannot_do)
{
    struct paging_query q = {.page_size = 10, .iteration = PAGING_KEYS};
    struct paging_result r;
    mr_err_t err = MR_ERR_INIT;

    q.comparator = (struct data){(const uint8_t *)"x", 1, DATA_IDENTIFIED};
    cr_expect(paging_run(map, &q, &r, &err) == MR_ERR_TYPE);
    cr_expect(strstr(err.message, "comparator") != NULL);
    q.comparator = (struct data){.kind = DATA_NULL};
    q.page_size = 0;
    cr_expect(paging_run(map, &q, &r, NULL) == MR_ERR_ARGUMENT);
    q.page_size = 10;
    q.page = -1;
    cr_expect(paging_run(map, &q, &r, NULL) == MR_ERR_ARGUMENT);
    q.page = 0;
    q.iteration = 3;
    cr_expect(paging_run(map, &q, &r, NULL) == MR_ERR_ARGUMENT);
    q.iteration = PAGING_KEYS;
    q.page = INT32_MAX - 1;
    cr_expect(paging_run(map, &q, &r, NULL) == MR_ERR_TOO_LARGE);
}
