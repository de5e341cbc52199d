#include "grid/door/away.h"

#include <criterion/criterion.h>

#include "grid/data/map_object.h"
#include "grid/data/multimap.h"
#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "grid/op/run.h"
#include "net/base/epoch.h"
#include "tests/raw_client.h"

/* A member with one loop and a map that is too large to be looked through on it, and a client that
 * sends requests without waiting for answers. */

enum { ENTRIES = 3 * CALL_ENTRIES_MAX };

static struct member *member;
static struct raw_client client;

static void fill(enum object_kind kind)
{
    struct object *o;

    epoch_enter();
    cr_assert(objects_open(&member->objects, kind, "large", &o) == MR_OK);
    struct map *map = object_map(o);

    for (uint32_t i = 0; i < ENTRIES; i++) {
        uint32_t bytes = i;
        struct map_request q = {.verb = MAP_PUT,
                                .key = {(uint8_t *)&bytes, 4, DATA_INT},
                                .value = {(uint8_t *)&bytes, 4, DATA_INT},
                                .ttl_ms = TIME_DEFAULT,
                                .idle_ms = TIME_DEFAULT};
        struct map_answer a;

        cr_assert(run_request(map, &q, &a) == MR_OK);
    }
    epoch_exit();
}

struct answers {
    uint32_t count;
    int64_t correlation[256];
    uint32_t items[256]; /* of a list of keys; else 0 */
    uint32_t type[256];
};

static bool note(void *context, const uint8_t *bytes, size_t size)
{
    struct answers *a = context;
    struct map_key_set_rsp list;
    struct wire_head head;
    const char *field;

    if (size == 0)
        return true;
    cr_assert(wire_read_head(bytes, size, &head) == MR_OK);
    a->correlation[a->count] = head.correlation;
    a->type[a->count] = head.type;
    if (head.type == wire_type(WIRE_map_key_set_rsp) &&
        wire_decode(WIRE_map_key_set_rsp, bytes, size, &list, &field) == MR_OK)
        a->items[a->count] = list.response.count;
    a->count++;
    return true;
}

/* Reads until so many have come. */
static struct answers answers(uint32_t wanted)
{
    struct answers a = {.count = 0};

    while (a.count < wanted)
        cr_assert(raw_receive(&client, note, &a), "the member has closed the connection");
    return a;
}

static void open_member(void)
{
    mr_err_t err = MR_ERR_INIT;
    mr_config_t *c = mr_config_new(&err);

    cr_assert(mr_config_set(c, "network.port", "0", &err) == MR_OK);
    cr_assert(mr_config_set(c, "cluster.name", "dev", &err) == MR_OK);
    cr_assert(mr_config_set(c, "member.loops", "1", &err) == MR_OK);
    cr_assert(mr_config_set(c, "partitions.count", "7", &err) == MR_OK);
    cr_assert(member_start(c, &member, &err) == MR_OK, "%s", err.message);
    mr_config_free(c);
    fill(OBJECT_MAP);
    cr_assert(raw_open(&client, member->door.address.port));
    cr_assert(answers(1).type[0] == wire_type(WIRE_client_authentication_rsp));
}

static void close_member(void)
{
    raw_close(&client);
    member_stop(member);
}

TestSuite(away, .init = open_member, .fini = close_member);

static const struct map_key_set_req all_keys = {{(const uint8_t *)"large", 5}};

Test(away, answers_a_ping_before_the_scan_that_was_asked_for_first)
{
    raw_request(&client, WIRE_map_key_set_req, 10, &all_keys);
    raw_request(&client, WIRE_client_ping_req, 11, NULL);
    cr_assert(raw_send(&client));
    struct answers a = answers(2);

    cr_expect(a.correlation[0] == 11 && a.correlation[1] == 10);
    cr_expect(a.items[1] == ENTRIES, "%u keys", a.items[1]);
}

/* All of these have no parameter but the name. */
static void expect_away(enum wire_id request)
{
    raw_request(&client, request, 10, &all_keys);
    raw_request(&client, WIRE_client_ping_req, 11, NULL);
    cr_assert(raw_send(&client));
    struct answers a = answers(2);

    cr_expect(a.correlation[0] == 11, "%s", wire_name(request));
    cr_expect(a.correlation[1] == 10 && a.type[1] != WIRE_ERROR, "%s", wire_name(request));
}

Test(away, empties_large_maps_of_every_kind_there)
{
    fill(OBJECT_REPLICATED_MAP);
    expect_away(WIRE_map_clear_req);
    expect_away(WIRE_replicated_map_clear_req);
}

Test(away, looks_through_large_multimaps_there)
{
    struct object *o;

    epoch_enter();
    cr_assert(objects_open(&member->objects, OBJECT_MULTIMAP, "large", &o) == MR_OK);
    for (uint32_t i = 0; i < ENTRIES; i++) {
        const struct data d = {(uint8_t *)&i, 4, DATA_INT};

        cr_assert(multimap_put(o, &(struct multimap_request){.key = d, .value = d}) == MR_OK);
    }
    epoch_exit();
    expect_away(WIRE_multimap_size_req);
    expect_away(WIRE_multimap_key_set_req);
    expect_away(WIRE_multimap_values_req);
    expect_away(WIRE_multimap_entry_set_req);
    expect_away(WIRE_multimap_clear_req);
}

Test(away, answers_each_of_many_once)
{
    enum { MANY = 5 * AWAY_MAX };
    bool seen[MANY] = {false};

    for (int i = 0; i < MANY; i++)
        raw_request(&client, WIRE_map_key_set_req, i, &all_keys);
    cr_assert(raw_send(&client));
    struct answers a = answers(MANY);

    for (int i = 0; i < MANY; i++) {
        cr_expect(!seen[a.correlation[i]] && a.items[i] == ENTRIES);
        seen[a.correlation[i]] = true;
    }
}

Test(away, says_what_is_wrong_with_a_request)
{
    const struct map_values_with_predicate_req wrong = {
        .name = all_keys.name, .predicate = {(const uint8_t *)"x", 1, DATA_STRING}};

    raw_request(&client, WIRE_map_values_with_predicate_req, 20, &wrong);
    cr_assert(raw_send(&client));
    struct answers a = answers(1);

    cr_expect(a.correlation[0] == 20 && a.type[0] == WIRE_ERROR);
}

Test(away, lets_clients_go_and_members_stop_while_work_is_under_way)
{
    for (int i = 0; i < AWAY_MAX; i++)
        raw_request(&client, WIRE_map_key_set_req, i, &all_keys);
    cr_assert(raw_send(&client));
    /* close_member leaves, and stops the member, with much of it still to do. */
}
