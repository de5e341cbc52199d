/* spread_test.c - whatever a whole map is asked, where two share it: as one would answer. */
#define _GNU_SOURCE
#include "tests/unit/grid/peers/spread.h"

#include <poll.h>

#include "grid/query/processor.h"
#include "tests/unit/grid/query/fixture.h"

enum { KEYS = 300 };

static const struct wire_bytes name = {(const uint8_t *)"test", 4};
static const struct wire_bytes numbers = {(const uint8_t *)"numbers", 7};

#define SPREAD(sentence) Test(spread, sentence, .init = open_spread, .fini = close_spread)

/* ---- what is in it -------------------------------------------------------------------------- */

static struct data number(int32_t n, uint8_t room[4])
{
    for (int i = 0; i < 4; i++)
        room[i] = (uint8_t)((uint32_t)n >> (24 - 8 * i));
    return (struct data){room, 4, DATA_INT};
}

static struct data json(int32_t k, char room[64])
{
    int size = snprintf(room, 64, "{\"n\":%d,\"t\":\"%c\"}", k * 37 % 101, 'a' + k % 7);

    return (struct data){(const uint8_t *)room, (uint32_t)size, DATA_JSON};
}

/* Entries of both maps: objects, and numbers of which some are equal. */
static struct wire_list entries_of(struct sink *room, bool objects)
{
    room->size = 0;
    room->grows = true;
    for (int32_t k = 0; k < KEYS; k++) {
        uint8_t a[4], b[4];
        char text[64];
        struct data key = number(k, a), value = objects ? json(k, text) : number(k % 40, b);

        wire_put(room, WIRE_data, &key);
        wire_put(room, WIRE_data, &value);
    }
    return wire_list_of(room, KEYS);
}

/* In the maps of all; the two are filled by one message. */
static void fill(int member)
{
    struct sink room = {.grows = true};

    tell_both(member, WIRE_map_put_all_req,
              &(struct map_put_all_req){.name = name, .entries = entries_of(&room, true)});
    tell_both(member, WIRE_map_put_all_req,
              &(struct map_put_all_req){.name = numbers, .entries = entries_of(&room, false)});
    sink_free(&room);
}

static struct sink made;

/* An object of a class with one text in it. */
static struct data with_text(int32_t factory, int32_t class, const char *text)
{
    made.size = 0;
    made.grows = true;
    put_class(&made, factory, class);
    put_text(&made, text);
    return sent(&made);
}

static struct data condition(const char *text)
{
    return with_text(-20, 0, text);
}

/* ---- lists and numbers ---------------------------------------------------------------------- */

SPREAD(lists_and_counts_are_those_of_one_member)
{
    const struct data some = condition("n < 40 and t = 'b'");
    const struct data attribute = with_text(-30, 0, "n");
    char text[64];

    fill(0);
    for (int32_t k = 0; k < 3; k++)
        ask_all(WIRE_map_contains_value_req, IN_ORDER,
                &(struct map_contains_value_req){.name = name, .value = json(k, text)});
    ask_all(WIRE_map_size_req, IN_ORDER, &(struct map_size_req){name});
    ask_all(WIRE_map_is_empty_req, IN_ORDER, &(struct map_is_empty_req){name});
    ask_all(WIRE_map_key_set_req, IN_ANY_ORDER, &(struct map_key_set_req){name});
    ask_all(WIRE_map_values_req, IN_ANY_ORDER, &(struct map_values_req){name});
    ask_all(WIRE_map_entry_set_req, IN_ANY_ORDER, &(struct map_entry_set_req){name});
    ask_all(WIRE_map_key_set_with_predicate_req, IN_ANY_ORDER,
            &(struct map_key_set_with_predicate_req){name, some});
    ask_all(WIRE_map_values_with_predicate_req, IN_ANY_ORDER,
            &(struct map_values_with_predicate_req){name, some});
    ask_all(WIRE_map_entries_with_predicate_req, IN_ANY_ORDER,
            &(struct map_entries_with_predicate_req){name, some});
    ask_all(WIRE_map_project_req, IN_ANY_ORDER, &(struct map_project_req){name, attribute});
    ask_all(WIRE_map_project_with_predicate_req, IN_ANY_ORDER,
            &(struct map_project_with_predicate_req){name, attribute, some});
}

/* ---- aggregates ----------------------------------------------------------------------------- */

SPREAD(aggregates_are_those_of_one_member)
{
    const struct data some = condition("n < 40"), none = condition("n > 1000");

    fill(1);
    for (int32_t class = 0; class <= 16; class ++) {
        const struct data a = with_text(-29, class, "n");

        if (class == 5) /* a set, in no order: merge_test */
            continue;
        ask_all(WIRE_map_aggregate_req, IN_ORDER, &(struct map_aggregate_req){name, a});
        ask_all(WIRE_map_aggregate_with_predicate_req, IN_ORDER,
                &(struct map_aggregate_with_predicate_req){name, a, some});
        ask_all(WIRE_map_aggregate_with_predicate_req, IN_ORDER,
                &(struct map_aggregate_with_predicate_req){name, a, none});
    }
    for (int32_t class = 17; class <= 18; class ++) { /* of keys, of which none are equal */
        const struct data a = with_text(-29, class, "__key");

        ask_all(WIRE_map_aggregate_req, IN_ORDER, &(struct map_aggregate_req){name, a});
    }
}

SPREAD(what_one_member_refuses_to_add_all_refuse)
{
    const struct data a = with_text(-29, 13, "t");
    const struct map_aggregate_req q = {name, a};

    fill(0);
    struct answer one = ask(ALONE, WIRE_map_aggregate_req, &q);

    cr_assert(ne(int, one.error.code, 0));
    for (int i = 0; i < SHARING; i++) {
        struct answer many = ask(i, WIRE_map_aggregate_req, &q);

        cr_assert(eq(int, many.error.code, one.error.code));
        answer_free(&many);
    }
    answer_free(&one);
}

/* ---- pages ---------------------------------------------------------------------------------- */

/* Goes through all pages, with the anchors that came with the one before. */
static void go_through_pages(enum wire_id id, int8_t iteration, struct data some)
{
    static const struct sink none;
    struct answer last = {.message = NULL};
    struct wire_anchors anchors = {.anchor_page_list = {(const uint8_t *)"", 0},
                                   .anchor_data_list = wire_list_of(&none, 0)};

    for (int32_t page = 0; page < 6; page++) {
        const struct map_key_set_with_paging_predicate_req q = {
            .name = numbers,
            .predicate = {.page = page,
                          .page_size = 70,
                          .iteration_type_id = iteration,
                          .predicate_data = some,
                          .anchor_data_list_holder = anchors,
                          .partition_keys_data = {0}}};

        ask_all(id, IN_ORDER, &q);
        struct answer next = ask(page % SHARING, id, &q);

        answer_free(&last);
        last = next;
        anchors = last.m.map_key_set_with_paging_predicate_rsp.anchor_data_list;
    }
    answer_free(&last);
}

SPREAD(pages_are_those_of_one_member)
{
    static const struct sink none;
    const struct data some = condition("this < 35"), all = condition("this >= 0");

    fill(0);
    go_through_pages(WIRE_map_key_set_with_paging_predicate_req, 0, all);
    go_through_pages(WIRE_map_values_with_paging_predicate_req, 1, some);
    go_through_pages(WIRE_map_entries_with_paging_predicate_req, 2, some);
    /* A page in the midst, of which no anchor is known. */
    ask_all(WIRE_map_entries_with_paging_predicate_req, IN_ORDER,
            &(struct map_entries_with_paging_predicate_req){
                numbers,
                {.page = 2,
                 .page_size = 50,
                 .iteration_type_id = 2,
                 .predicate_data = all,
                 .anchor_data_list_holder = {.anchor_page_list = {(const uint8_t *)"", 0},
                                             .anchor_data_list = wire_list_of(&none, 0)}}});
}

/* ---- changing ------------------------------------------------------------------------------- */

static struct data increment(const char *attribute)
{
    made.size = 0;
    made.grows = true;
    put_class(&made, PROCESSOR_FACTORY, 1);
    put_text(&made, attribute);
    put_value(&made, v_int(1000));
    return sent(&made);
}

SPREAD(what_changes_a_whole_map_changes_it_once)
{
    fill(1);
    ask_all(WIRE_map_size_req, IN_ORDER, &(struct map_size_req){name});
    tell_both(
        0, WIRE_map_execute_on_all_keys_req,
        &(struct map_execute_on_all_keys_req){.name = name, .entry_processor = increment("n")});
    tell_both(1, WIRE_map_execute_with_predicate_req,
              &(struct map_execute_with_predicate_req){.name = name,
                                                       .entry_processor = increment("n"),
                                                       .predicate = condition("n < 1050")});
    ask_all(WIRE_map_entry_set_req, IN_ANY_ORDER, &(struct map_entry_set_req){name});
    tell_both(1, WIRE_map_remove_all_req,
              &(struct map_remove_all_req){name, condition("n > 2020")});
    ask_all(WIRE_map_entry_set_req, IN_ANY_ORDER, &(struct map_entry_set_req){name});
    tell_both(0, WIRE_map_clear_req, &(struct map_clear_req){name});
    ask_all(WIRE_map_is_empty_req, IN_ORDER, &(struct map_is_empty_req){name});
    tell_both(1, WIRE_map_evict_all_req, &(struct map_evict_all_req){numbers});
    ask_all(WIRE_map_is_empty_req, IN_ORDER, &(struct map_is_empty_req){numbers});
}

/* ---- multimaps, replicated maps ------------------------------------------------------------- */

static void fill_multimap(int member)
{
    struct sink pairs = {.grows = true}, values = {.grows = true};

    for (int32_t k = 0; k < 60; k++) {
        uint8_t a[4], b[4];
        struct data key = number(k, a);

        values.size = 0;
        for (int32_t i = 0; i <= k % 3; i++) {
            struct data value = number(1000 + k + i, b);

            wire_put(&values, WIRE_data, &value);
        }
        const struct wire_list list = wire_list_of(&values, 1 + (uint32_t)k % 3);

        wire_put(&pairs, WIRE_data, &key);
        wire_put(&pairs, WIRE_datas, &list);
    }
    tell_both(member, WIRE_multimap_put_all_req,
              &(struct multimap_put_all_req){name, wire_list_of(&pairs, 60)});
    sink_free(&pairs);
    sink_free(&values);
}

SPREAD(multimaps_are_those_of_one_member)
{
    uint8_t room[4];

    fill_multimap(0);
    ask_all(WIRE_multimap_size_req, IN_ORDER, &(struct multimap_size_req){name});
    ask_all(WIRE_multimap_key_set_req, IN_ANY_ORDER, &(struct multimap_key_set_req){name});
    ask_all(WIRE_multimap_values_req, IN_ANY_ORDER, &(struct multimap_values_req){name});
    ask_all(WIRE_multimap_entry_set_req, IN_ANY_ORDER, &(struct multimap_entry_set_req){name});
    for (int32_t v = 1058; v < 1064; v++)
        ask_all(WIRE_multimap_contains_value_req, IN_ORDER,
                &(struct multimap_contains_value_req){name, number(v, room)});
    tell_both(1, WIRE_multimap_clear_req, &(struct multimap_clear_req){name});
    ask_all(WIRE_multimap_size_req, IN_ORDER, &(struct multimap_size_req){name});
}

SPREAD(replicated_maps_are_those_of_one_member)
{
    struct sink room = {.grows = true};

    tell_both(0, WIRE_replicated_map_put_all_req,
              &(struct replicated_map_put_all_req){name, entries_of(&room, true)});
    ask_all(WIRE_replicated_map_size_req, IN_ORDER, &(struct replicated_map_size_req){name});
    ask_all(WIRE_replicated_map_key_set_req, IN_ANY_ORDER,
            &(struct replicated_map_key_set_req){name});
    ask_all(WIRE_replicated_map_values_req, IN_ANY_ORDER,
            &(struct replicated_map_values_req){name});
    ask_all(WIRE_replicated_map_entry_set_req, IN_ANY_ORDER,
            &(struct replicated_map_entry_set_req){name});
    tell_both(1, WIRE_replicated_map_clear_req, &(struct replicated_map_clear_req){name});
    ask_all(WIRE_replicated_map_is_empty_req, IN_ORDER,
            &(struct replicated_map_is_empty_req){name});
    sink_free(&room);
}

/* ---- what all have to know ------------------------------------------------------------------ */

static void make(int member, const char *object)
{
    tell_one(member, WIRE_client_create_proxy_req,
             &(struct client_create_proxy_req){wire_text(object), wire_text("hz:impl:mapService")});
}

static uint32_t objects_at(int member)
{
    struct answer a = ask(member, WIRE_client_get_distributed_objects_req,
                          &(struct client_get_distributed_objects_req){0});
    uint32_t n = a.m.client_get_distributed_objects_rsp.response.count;

    answer_free(&a);
    return n;
}

SPREAD(objects_are_listed_and_destroyed_wherever_they_were_made)
{
    make(0, "a");
    make(1, "b");
    make(0, "c");
    make(1, "c");
    for (int i = 0; i < SHARING; i++)
        cr_assert(eq(u32, objects_at(i), 4)); /* and "first" */
    fill(0);
    tell_one(1, WIRE_client_destroy_proxy_req,
             &(struct client_destroy_proxy_req){wire_text("c"), wire_text("hz:impl:mapService")});
    tell_one(1, WIRE_client_destroy_proxy_req,
             &(struct client_destroy_proxy_req){name, wire_text("hz:impl:mapService")});
    for (int i = 0; i < SHARING; i++)
        cr_assert(eq(u32, objects_at(i), 4)); /* a, b, first, numbers */
    tell_one(ALONE, WIRE_map_clear_req, &(struct map_clear_req){name});
    ask_all(WIRE_map_size_req, IN_ORDER, &(struct map_size_req){name});
}

/* One schema, and who has it. */
static uint32_t send_schema(int member)
{
    struct sink fields = {.grows = true};
    const struct wire_schema_field field = {.kind = SCHEMA_INT32, .field_name = wire_text("f")};

    wire_put(&fields, WIRE_schema_field, &field);
    struct answer a = ask(member, WIRE_client_send_schema_req,
                          &(struct client_send_schema_req){{.type_name = wire_text("spread"),
                                                            .fields = wire_list_of(&fields, 1)}});
    uint32_t n = a.m.client_send_schema_rsp.replicated_members.size / 17;

    answer_free(&a);
    sink_free(&fields);
    return n;
}

SPREAD(an_index_and_a_schema_are_with_all_members_and_with_those_that_come_later)
{
    const struct wire_bytes attribute = wire_text("n");
    struct sink attributes = {.grows = true};

    fill(0);
    cr_assert(eq(u32, send_schema(1), SHARING));
    wire_put(&attributes, WIRE_str, &attribute);
    tell_one(
        0, WIRE_map_add_index_req,
        &(struct map_add_index_req){.name = name,
                                    .index_config = {.type = 0,
                                                     .name = {.at = NULL},
                                                     .attributes = wire_list_of(&attributes, 1),
                                                     .bitmap_index_options.null = true,
                                                     .b_tree_index_config.null = true}});
    /* Told in whatever order: by the two that share, and by the one that comes. */
    int indexes = 0, schemas = 0;

    start_one(LATE);
    while (indexes < SHARING + 1 || schemas < SHARING + 1) {
        uint8_t byte;

        cr_assert(poll(&(struct pollfd){told_pipe[0], POLLIN, 0}, 1, 20000) == 1,
                  "%d indexes, %d schemas", indexes, schemas);
        cr_assert(read(told_pipe[0], &byte, 1) == 1);
        indexes += byte == TELL_INDEX;
        schemas += byte == TELL_SCHEMA;
    }
    ask_all(WIRE_map_values_with_predicate_req, IN_ANY_ORDER,
            &(struct map_values_with_predicate_req){name, condition("n < 40")});
    sink_free(&attributes);
}

SPREAD(ids_of_several_members_are_different_ones)
{
    enum { BATCHES = 40 };
    int64_t base[BATCHES];

    for (int i = 0; i < BATCHES; i++) {
        struct answer a = ask(i % SHARING, WIRE_flake_id_new_id_batch_req,
                              &(struct flake_id_new_id_batch_req){.name = name, .batch_size = 10});

        cr_assert(eq(int, a.error.code, 0));
        base[i] = a.m.flake_id_new_id_batch_rsp.base;
        answer_free(&a);
        for (int k = 0; k < i; k++)
            cr_assert(ne(i64, base[k], base[i]));
    }
}

/* ---- listening ------------------------------------------------------------------------------ */

/* What a client that listens at both has heard. */
struct hearing {
    struct raw_client client;
    bool listens;
    int added[KEYS], cleared, clears;
};

static int32_t number_of(const struct data *d)
{
    return (int32_t)((uint32_t)d->at[0] << 24 | (uint32_t)d->at[1] << 16 | (uint32_t)d->at[2] << 8 |
                     d->at[3]);
}

static bool hear(void *context, const uint8_t *bytes, size_t size)
{
    struct hearing *h = context;
    struct map_add_entry_listener_event e;
    struct wire_head head;
    const char *field;

    if (!bytes)
        return true;
    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    h->listens |= wire_find(head.type) == WIRE_map_add_entry_listener_rsp;
    if (wire_find(head.type) != WIRE_map_add_entry_listener_event)
        return true;
    cr_assert(wire_decode(WIRE_map_add_entry_listener_event, bytes, size, &e, &field) == MR_OK);
    if (e.event_type == 1)
        h->added[number_of(&e.key)]++;
    h->clears += e.event_type == 64;
    h->cleared += e.event_type == 64 ? e.number_of_affected_entries : 0;
    return true;
}

static void listen_at(int member, struct hearing *h)
{
    *h = (struct hearing){.listens = false};
    cr_assert(raw_open(&h->client, port[member]));
    raw_request(&h->client, WIRE_map_add_entry_listener_req, 1,
                &(struct map_add_entry_listener_req){
                    .name = name, .listener_flags = 1 | 64, .local_only = true});
    cr_assert(raw_send(&h->client));
    while (!h->listens)
        cr_assert(raw_receive(&h->client, hear, h));
}

/* What has come by now: the end of it is not told by anything else. */
static void hear_rest(struct hearing *h)
{
    while (poll(&(struct pollfd){h->client.socket, POLLIN, 0}, 1, 300) == 1)
        cr_assert(raw_receive(&h->client, hear, h));
}

SPREAD(a_client_that_listens_at_all_members_hears_everything_once)
{
    static struct hearing h[SHARING];

    for (int i = 0; i < SHARING; i++)
        listen_at(i, &h[i]);
    fill(0);
    tell_one(1, WIRE_map_clear_req, &(struct map_clear_req){name});
    for (int i = 0; i < SHARING; i++)
        hear_rest(&h[i]);
    for (int k = 0; k < KEYS; k++)
        cr_assert(eq(int, h[0].added[k] + h[1].added[k], 1), "key %d", k);
    cr_assert(eq(int, h[0].clears + h[1].clears, 1));
    cr_assert(eq(int, h[0].cleared + h[1].cleared, KEYS));
    for (int i = 0; i < SHARING; i++)
        raw_close(&h[i].client);
}

/* ---- while a member is killed --------------------------------------------------------------- */

enum { ROUNDS = 20, AT_ONCE = 25 };

/* Answers to requests that are on their way when a member dies. */
struct flood {
    const struct answer *wanted;
    int right, again, other;
};

static bool judge(void *context, const uint8_t *bytes, size_t size)
{
    struct flood *f = context;
    struct wire_error error;
    struct wire_head head;

    if (!bytes)
        return true;
    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    if (head.correlation != 1)
        return true;
    if (head.type == WIRE_ERROR) {
        cr_assert(wire_read_error(bytes, size, &error) == MR_OK);
        f->again += fault_of_code(error.code)->fate == FAULT_AGAIN;
        f->other += fault_of_code(error.code)->fate != FAULT_AGAIN;
    } else {
        bool same = size == f->wanted->size && memcmp(bytes, f->wanted->message, size) == 0;

        f->right += same;
        f->other += !same;
    }
    return true;
}

/* Many at once; and while they are on their way a member dies, if it `kills`. */
static void flood(struct raw_client *c, const struct map_aggregate_req *sum, struct flood *f,
                  bool kills)
{
    int before = f->right + f->again + f->other;

    for (int i = 0; i < AT_ONCE; i++)
        raw_request(c, WIRE_map_aggregate_req, 1, sum);
    cr_assert(raw_send(c));
    if (kills)
        end_one(1);
    while (f->right + f->again + f->other < before + AT_ONCE)
        cr_assert(raw_receive(c, judge, f));
}

/* While partitions move, to the one that is new, a client is told to ask again. */
SPREAD(an_answer_is_whole_or_none_while_a_member_is_killed)
{
    const struct map_aggregate_req sum = {name, with_text(-29, 13, "n")};
    struct raw_client c;

    fill(0);
    start_one(LATE); /* so that one can be spared, whoever it is */
    (void)wait_told(TELL_THREE, TELL_THREE + PLACES, 1);
    struct answer wanted = ask(ALONE, WIRE_map_aggregate_req, &sum);
    struct flood f = {&wanted, 0, 0, 0};

    cr_assert(raw_open(&c, port[0]));
    while (f.right < ROUNDS * AT_ONCE)
        flood(&c, &sum, &f, false);
    for (int round = 0; round < ROUNDS; round++)
        flood(&c, &sum, &f, round == 0);
    cr_assert(eq(int, f.other, 0));
    raw_close(&c);
    struct answer last = ask(0, WIRE_map_aggregate_req, &sum);

    cr_assert(is_same(WIRE_map_aggregate_req, IN_ORDER, &last, &wanted));
    answer_free(&last);
    answer_free(&wanted);
}
