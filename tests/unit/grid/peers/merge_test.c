/* merge_test.c - answers of shares against the answer of one who has everything. */
#include "grid/peers/merge.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "grid/query/aggregate.h"
#include "grid/query/object.h"
#include "grid/query/paging.h"
#include "tests/unit/grid/query/fixture.h"

enum { MANY = 300, SHARES = 3 };

static struct merge_of_answers *merge;
static struct sink request, answer;

static void setup(void)
{
    request = answer = (struct sink){.grows = true};
}

static void teardown(void)
{
    merge_free(merge);
    sink_free(&request);
    sink_free(&answer);
}

TestSuite(merge, .init = setup, .fini = teardown);

static const struct wire_head head = {.partition = -1};

static mr_rc_t begin(enum wire_id id, const void *q)
{
    mr_err_t err = MR_ERR_INIT;

    merge_free(merge);
    merge = NULL;
    request.size = 0;
    wire_encode(id, &head, q, &request);
    return merge_new(id, request.at, request.size, 1 << 20, &merge, &err);
}

static mr_rc_t take(enum wire_id id, const void *a)
{
    struct sink out = {.grows = true};

    wire_encode(id, &head, a, &out);
    mr_rc_t rc = merge_take(merge, out.at, out.size);

    memset(out.at, 0xee, out.size); /* what is kept is its own */
    sink_free(&out);
    return rc;
}

/* The client's answer, decoded. */
static union wire_message said(enum wire_id id)
{
    union wire_message m;
    struct wire_head h;
    const char *field;

    answer.size = 0;
    cr_assert(merge_answer(merge, 7, &answer) == MR_OK);
    cr_assert(wire_read_head(answer.at, answer.size, &h) == MR_OK);
    cr_assert(eq(u64, (uint64_t)h.correlation, 7));
    cr_assert(eq(int, wire_find(h.type), (int)id));
    cr_assert(wire_decode(id, answer.at, answer.size, &m, &field) == MR_OK);
    return m;
}

/* ---- the table ------------------------------------------------------------------------------ */

Test(merge, every_message_that_is_served_has_its_place)
{
#define SERVE(name, permission, where)                                                             \
    cr_expect(merge_of(WIRE_##name##_req) == MERGE_##where, #name);                                \
    cr_expect(merge_of(WIRE_##name##_req) >= MERGE_HERE, #name);
#include "grid/door/serve.def"
#undef SERVE
    cr_expect(merge_of(WIRE_map_get_rsp) == 0);
}

/* Those that a client asks of a whole map, and that name no key: a new one is to be thought of. */
Test(merge, no_message_about_a_whole_map_is_left_to_one_member)
{
    static const char *const one[] = {"map_load_all", "map_flush", "map_load_given_keys"};

    for (int id = 0; id < WIRE_CLIENT_COUNT; id++) {
        const char *name = wire_name((enum wire_id)id);
        bool listens = strstr(name, "listener") || strstr(name, "near_cache");
        bool of_map = strncmp(name, "map_", 4) == 0 || strncmp(name, "multimap_", 9) == 0 ||
                      strncmp(name, "replicated_map_", 15) == 0;

        if (!of_map || listens || merge_of((enum wire_id)id) != MERGE_HERE)
            continue;
        bool known = false;

        for (size_t i = 0; i < sizeof one / sizeof *one; i++)
            known |= strncmp(name, one[i], strlen(one[i])) == 0;
        cr_expect(known, "%s", name);
    }
}

static void begin_any(enum wire_id id)
{
    static const struct data count = {(const uint8_t *)"\1\xff\xff\xff\xe3\0\0\0\4\xff\xff\xff\xff",
                                      13, DATA_IDENTIFIED};
    static const struct sink none;
    union wire_message q;

    memset(&q, 0, sizeof q);
    if (merge_of(id) == MERGE_AGGREGATE)
        q.map_aggregate_with_predicate_req =
            (struct map_aggregate_with_predicate_req){wire_text("m"), count, count};
    if (merge_of(id) == MERGE_PAGE)
        q.map_key_set_with_paging_predicate_req = (struct map_key_set_with_paging_predicate_req){
            .name = wire_text("m"),
            .predicate = {.page_size = 2,
                          .anchor_data_list_holder = {.anchor_page_list = {(const uint8_t *)"", 0},
                                                      .anchor_data_list = wire_list_of(&none, 0)}}};
    if (merge_of(id) == MERGE_CLEAR)
        q.map_clear_req.name = wire_text("m");
    if (merge_of(id) == MERGE_AGGREGATE || merge_of(id) == MERGE_PAGE ||
        merge_of(id) == MERGE_CLEAR) {
        cr_assert(begin(id, &q) == MR_OK, "%s", wire_name(id));
        return;
    }
    merge_free(merge);
    merge = NULL;
    cr_assert(merge_new(id, NULL, 0, 1 << 20, &merge, NULL) == MR_OK);
}

Test(merge, what_is_made_of_no_answers_is_an_answer_that_clients_can_read)
{
    int n = 0;

    for (int id = 0; id < WIRE_CLIENT_COUNT; id++) {
        if (!merge_is_shared((enum wire_id)id))
            continue;
        begin_any((enum wire_id)id);
        (void)said((enum wire_id)(id + 1));
        n++;
    }
    cr_assert(gt(int, n, 30));
}

/* ---- plain ones ----------------------------------------------------------------------------- */

Test(merge, adds_numbers_and_truths)
{
    cr_assert(begin(WIRE_map_size_req, &(struct map_size_req){wire_text("m")}) == MR_OK);
    cr_assert(take(WIRE_map_size_rsp, &(int32_t){3}) == MR_OK);
    cr_assert(take(WIRE_map_size_rsp, &(int32_t){4}) == MR_OK);
    cr_assert(eq(int, said(WIRE_map_size_rsp).map_size_rsp.response, 7));
    begin_any(WIRE_map_is_empty_req);
    cr_assert(take(WIRE_map_is_empty_rsp, &(bool){true}) == MR_OK);
    cr_assert(said(WIRE_map_is_empty_rsp).map_is_empty_rsp.response);
    cr_assert(take(WIRE_map_is_empty_rsp, &(bool){false}) == MR_OK);
    cr_assert(not(said(WIRE_map_is_empty_rsp).map_is_empty_rsp.response));
    cr_assert(take(WIRE_map_is_empty_rsp, &(bool){true}) == MR_OK);
    cr_assert(not(said(WIRE_map_is_empty_rsp).map_is_empty_rsp.response));
    begin_any(WIRE_map_contains_value_req);
    cr_assert(take(WIRE_map_contains_value_rsp, &(bool){true}) == MR_OK);
    cr_assert(take(WIRE_map_contains_value_rsp, &(bool){false}) == MR_OK);
    cr_assert(said(WIRE_map_contains_value_rsp).map_contains_value_rsp.response);
}

Test(merge, says_of_a_clear_how_much_has_gone)
{
    struct wire_bytes name;

    cr_assert(begin(WIRE_map_clear_req, &(struct map_clear_req){wire_text("m")}) == MR_OK);
    cr_assert(take(WIRE_map_size_rsp, &(int32_t){3}) == MR_OK);
    cr_assert(take(WIRE_map_size_rsp, &(int32_t){4}) == MR_OK);
    cr_assert(take(WIRE_map_clear_rsp, NULL) == MR_ERR_MALFORMED);
    cr_assert(eq(u64, merge_cleared(merge, &name), 7));
    cr_assert(name.size == 1 && name.at[0] == 'm');
}

Test(merge, lists_an_object_once_that_several_members_have)
{
    struct sink items = {.grows = true};
    struct wire_distributed_object a = {.service_name = wire_text("s"), .name = wire_text("a")};
    struct wire_distributed_object b = {.service_name = wire_text("s"), .name = wire_text("b")};
    struct wire_distributed_object t = {.service_name = wire_text("t"), .name = wire_text("a")};

    begin_any(WIRE_client_get_distributed_objects_req);
    for (int i = 0; i < SHARES; i++) {
        items.size = 0;
        wire_put(&items, WIRE_distributed_object, &b);
        wire_put(&items, WIRE_distributed_object, i == 1 ? &t : &a);
        const struct wire_list list = wire_list_of(&items, 2);

        cr_assert(take(WIRE_client_get_distributed_objects_rsp, &list) == MR_OK);
    }
    cr_assert(eq(u32,
                 said(WIRE_client_get_distributed_objects_rsp)
                     .client_get_distributed_objects_rsp.response.count,
                 3));
    sink_free(&items);
}

Test(merge, refuses_what_it_did_not_ask_for_and_more_than_it_may_keep)
{
    struct sink out = {.grows = true};

    begin_any(WIRE_map_size_req);
    cr_assert(take(WIRE_map_is_empty_rsp, &(bool){true}) == MR_ERR_MALFORMED);
    cr_assert(merge_take(merge, (const uint8_t *)"abc", 3) == MR_ERR_MALFORMED);
    wire_encode(WIRE_map_size_rsp, &head, &(int32_t){1}, &out);
    merge_free(merge);
    merge = NULL;
    cr_assert(merge_new(WIRE_map_size_req, NULL, 0, 2 * out.size, &merge, NULL) == MR_OK);
    cr_assert(merge_take(merge, out.at, out.size) == MR_OK);
    cr_assert(merge_take(merge, out.at, out.size) == MR_OK);
    cr_assert(merge_take(merge, out.at, out.size) == MR_ERR_TOO_LARGE);
    sink_free(&out);
}

/* ---- aggregates ----------------------------------------------------------------------------- */

static struct sink asked;

/* Of the attribute "n"; sums of whole numbers take nothing else. */
static struct data aggregator(int32_t class)
{
    asked.size = 0;
    asked.grows = true;
    put_class(&asked, -29, class);
    put_text(&asked, "n");
    return sent(&asked);
}

static const char *json_of(int i, bool whole, char room[64])
{
    if (i % 50 == 7)
        snprintf(room, 64, "{\"n\":null}");
    else
        snprintf(room, 64, whole ? "{\"n\":%d}" : "{\"n\":%d.5}", i * 37 % 331 - 50);
    return room;
}

static void add(struct aggregator *a, int i, bool whole)
{
    static char texts[2][MANY][64]; /* entries stay as long as the aggregator */
    struct data key = d_text("k"), value = d_json(json_of(i, whole, texts[whole][i]));

    cr_assert(aggregator_add(a, &key, &value) == MR_OK);
}

static struct aggregator *made(int32_t class)
{
    mr_err_t err = MR_ERR_INIT;
    struct aggregator *a = NULL;
    struct data d = aggregator(class);

    cr_assert(aggregator_of_data(&d, &a, &err) == MR_OK);
    return a;
}

/* Of those entries whose number leaves this rest; SHARES: of all. */
static struct aggregator *of_share(int32_t class, int rest, bool whole)
{
    struct aggregator *a = made(class);

    for (int i = 0; i < MANY; i++)
        if (rest == SHARES || i % SHARES == rest)
            add(a, i, whole);
    return a;
}

static void take_partial(struct aggregator *a)
{
    struct sink out = {.grows = true};
    mr_err_t err = MR_ERR_INIT;

    cr_assert(aggregator_partial(a, &out, &err) == MR_OK, "%s", err.message);
    const struct data d = {out.at, (uint32_t)out.size, DATA_BYTES};

    cr_assert(take(WIRE_map_aggregate_rsp, &d) == MR_OK);
    sink_free(&out);
    aggregator_free(a);
}

static bool is_whole(int32_t class)
{
    return class == 3 || (class >= 8 && class <= 13 && class != 9);
}

/* Doubles of a set and a null, in the order of their bytes: a set has none. */
struct item {
    uint8_t bytes[12];
};

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct item));
}

static uint32_t items_of(const struct sink *set, struct item *ret_items)
{
    uint32_t n = 0;

    for (size_t at = 4 + 4 + 9 + 4; at < set->size; n++) { /* type, class, count */
        size_t size = set->at[at + 3] == 0 ? 4 : sizeof ret_items->bytes;

        cr_assert(at + size <= set->size && n < MANY);
        memset(ret_items[n].bytes, 0, sizeof ret_items->bytes);
        memcpy(ret_items[n].bytes, set->at + at, size);
        at += size;
    }
    qsort(ret_items, n, sizeof *ret_items, by_bytes);
    return n;
}

static bool are_same_set(const struct sink *one, const struct sink *many)
{
    static struct item a[MANY], b[MANY];
    uint32_t n = items_of(one, a);

    return n > 50 && items_of(many, b) == n && memcmp(a, b, n * sizeof *a) == 0;
}

Test(merge, an_aggregate_of_shares_is_that_of_the_whole)
{
    for (int32_t class = 0; class <= 18; class ++) {
        struct data d = aggregator(class);
        struct sink one = {.grows = true}, many = {.grows = true};
        mr_err_t err = MR_ERR_INIT;

        cr_assert(begin(WIRE_map_aggregate_req, &(struct map_aggregate_req){wire_text("m"), d}) ==
                  MR_OK);
        for (int i = 0; i < SHARES; i++)
            take_partial(of_share(class, i, is_whole(class)));
        take_partial(made(class)); /* of one who had nothing */
        d = said(WIRE_map_aggregate_rsp).map_aggregate_rsp.response;
        many.size = 0;
        sink_put32(&many, 0);
        object_put_data(&many, &d);

        struct aggregator *a = of_share(class, SHARES, is_whole(class));

        cr_assert(aggregator_result(a, &one, &err) == MR_OK);
        aggregator_free(a);
        bool same = class == 5 ? are_same_set(&one, &many)
                               : one.size == many.size && memcmp(one.at, many.at, one.size) == 0;

        cr_expect(same, "class %d", class);
        sink_free(&one);
        sink_free(&many);
    }
    sink_free(&asked);
}

Test(merge, a_partial_of_another_class_is_refused)
{
    struct data d = aggregator(4);
    struct aggregator *a = made(14);
    struct sink out = {.grows = true};
    mr_err_t err = MR_ERR_INIT;

    cr_assert(begin(WIRE_map_aggregate_req, &(struct map_aggregate_req){wire_text("m"), d}) ==
              MR_OK);
    cr_assert(aggregator_partial(a, &out, &err) == MR_OK);
    const struct data other = {out.at, (uint32_t)out.size, DATA_BYTES};

    cr_assert(take(WIRE_map_aggregate_rsp, &other) == MR_ERR_MALFORMED);
    sink_free(&out);
    aggregator_free(a);
    sink_free(&asked);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static struct data number(int i, uint8_t room[8])
{
    struct sink s = {.at = room, .room = 8};
    struct scalar v = v_int(i);
    struct data d;

    cr_assert(scalar_write(&v, &s, &d) == MR_OK);
    return d;
}

static int number_of(const struct data *d)
{
    struct scalar v;

    cr_assert(scalar_read(d, &v) == MR_OK);
    return (int)value_real(&v);
}

/* The share's numbers, as far as they may be in the page and behind the anchor. */
static void take_candidates(const struct paging_query *q, int rest)
{
    struct sink pairs = {.grows = true}, none = {0};
    struct paging_result r;
    struct paging *p;
    mr_err_t err = MR_ERR_INIT;

    cr_assert(paging_new(q, &p, &err) == MR_OK);
    static uint8_t rooms[MANY][8];

    for (int i = 0; i < MANY; i++) {
        int n = i * 137 % MANY;
        struct data d = number(n, rooms[n]);

        if (n % SHARES == rest)
            paging_add(p, &d, &d);
    }
    cr_assert(paging_finish(p, &r, &err) == MR_OK);
    for (uint32_t i = 0; i < r.candidate_count; i++) {
        wire_put(&pairs, WIRE_data, &r.candidates[i].key);
        wire_put(&pairs, WIRE_data, &r.candidates[i].value);
    }
    cr_assert(take(WIRE_map_key_set_with_paging_predicate_rsp,
                   &(struct map_key_set_with_paging_predicate_rsp){
                       wire_list_of(&none, 0),
                       {.anchor_page_list = {(const uint8_t *)"", 0},
                        .anchor_data_list = wire_list_of(&pairs, r.candidate_count)}}) == MR_OK);
    paging_result_free(&r);
    paging_free(p);
    sink_free(&pairs);
}

Test(merge, pages_of_shares_are_those_of_the_whole)
{
    enum { SIZE = 40 };
    struct sink pages = {.grows = true}, entries = {.grows = true};
    uint8_t room[8];

    for (int page = 0; page < 9; page++) {
        struct data end = number(page * SIZE - 1, room);
        struct paging_anchor anchor = {page - 1, end, end};
        struct paging_query q = {.page = page,
                                 .page_size = SIZE,
                                 .iteration = PAGING_KEYS,
                                 .anchors = &anchor,
                                 .anchor_count = page > 1};

        pages.size = entries.size = 0;
        if (page > 1) { /* page 1 is asked for without an anchor: two pages are looked for */
            wire_put_i32(&pages, anchor.page);
            wire_put(&entries, WIRE_data, &end);
            wire_put(&entries, WIRE_data, &end);
        }
        cr_assert(begin(WIRE_map_key_set_with_paging_predicate_req,
                        &(struct map_key_set_with_paging_predicate_req){
                            wire_text("m"),
                            {.page = page,
                             .page_size = SIZE,
                             .iteration_type_id = PAGING_KEYS,
                             .anchor_data_list_holder = {
                                 .anchor_page_list = {pages.at ? pages.at : (const uint8_t *)"",
                                                      (uint32_t)pages.size},
                                 .anchor_data_list = wire_list_of(&entries, page > 1)}}}) == MR_OK);
        for (int i = 0; i < SHARES; i++)
            take_candidates(&q, i);
        union wire_message m = said(WIRE_map_key_set_with_paging_predicate_rsp);
        struct wire_list l = m.map_key_set_with_paging_predicate_rsp.response;
        struct data d;
        int n = page * SIZE;

        while (wire_next(&l, WIRE_datas, &d, NULL))
            cr_assert(eq(int, number_of(&d), n++));
        cr_assert(eq(int, n,
                     (page + 1) * SIZE < MANY ? (page + 1) * SIZE
                     : page * SIZE < MANY     ? MANY
                                              : page * SIZE));
        struct wire_anchors a = m.map_key_set_with_paging_predicate_rsp.anchor_data_list;

        cr_assert(eq(u32, a.anchor_page_list.size / 4,
                     (page == 1  ? 2
                      : page > 1 ? 1 + (page * SIZE < MANY)
                                 : 1)));
    }
    sink_free(&pages);
    sink_free(&entries);
}
