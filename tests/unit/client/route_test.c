#include "client/route.h"

#include <criterion/criterion.h>

#include "tests/unit/scarce.h"

static struct route r;
static struct sink items = {.grows = true}, owners = {.grows = true};

static void end(void)
{
    route_free(&r);
    sink_free(&items);
    sink_free(&owners);
}

static struct wire_uuid uuid(uint64_t n)
{
    return (struct wire_uuid){n, n, false};
}

/* A view of the members with these hosts, whose uuids are 1, 2, .. */
static mr_rc_t members(int32_t version, const char *const *hosts)
{
    struct sink none = {0};
    uint32_t n = 0;

    items.size = 0;
    for (; hosts[n]; n++)
        wire_put(&items, WIRE_member,
                 &(struct wire_member){.uuid = uuid(n + 1),
                                       .address = {.port = 5701, .host = wire_text(hosts[n])},
                                       .attributes = wire_list_of(&none, 0),
                                       .address_map = wire_list_of(&none, 0)});
    return route_take_members(
        &r, &(struct client_members_view_event){version, wire_list_of(&items, n)});
}

#define MEMBERS(version, ...) members(version, (const char *const[]){__VA_ARGS__, NULL})

/* A view in which member 1, 2, .. has the partition that stands in its place. */
static mr_rc_t partitions(int32_t version, const int32_t *numbers, uint32_t n)
{
    items.size = owners.size = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct sink one = {.grows = true};

        wire_put_i32(&one, numbers[i]);
        wire_put(&items, WIRE_i32s, &(struct wire_bytes){one.at, (uint32_t)one.size});
        wire_put_uuid(&owners, uuid(i + 1));
        sink_free(&one);
    }
    return route_take_partitions(
        &r, &(struct client_partitions_view_event){
                version, {wire_list_of(&items, n), {owners.at, (uint32_t)owners.size}}});
}

#define PARTITIONS(version, ...)                                                                   \
    partitions(version, (const int32_t[]){__VA_ARGS__},                                            \
               sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static uint64_t owner(int32_t partition)
{
    const struct wire_uuid *u = route_owner(&r, partition);

    return u ? u->high : 0;
}

Test(route, knows_who_has_a_partition, .fini = end)
{
    cr_assert(route_begin(&r, 3) == MR_OK);
    cr_assert_eq(owner(0), 0);
    cr_assert(PARTITIONS(1, 2, 0) == MR_OK);
    cr_assert_eq(owner(2), 1);
    cr_assert_eq(owner(0), 2);
    cr_assert_eq(owner(1), 0, "nobody has said whose it is");
    cr_assert_eq(owner(-1), 0);
    cr_assert_eq(owner(3), 0);
}

Test(route, takes_a_view_only_when_it_is_newer, .fini = end)
{
    cr_assert(route_begin(&r, 2) == MR_OK);
    cr_assert(PARTITIONS(5, 0, 1) == MR_OK);
    cr_assert(PARTITIONS(5, 1, 0) == MR_NOT_FOUND);
    cr_assert(PARTITIONS(4, 1, 0) == MR_NOT_FOUND);
    cr_assert_eq(owner(0), 1);
    cr_assert(MEMBERS(5, "10.0.0.1") == MR_OK);
    cr_assert(MEMBERS(5, "10.0.0.1", "10.0.0.2") == MR_NOT_FOUND);
    cr_assert_eq(r.member_count, 1);
}

Test(route, counts_views_anew_for_a_new_listener, .fini = end)
{
    cr_assert(route_begin(&r, 2) == MR_OK);
    cr_assert(PARTITIONS(5, 0, 1) == MR_OK);
    route_forget_versions(&r);
    cr_assert(PARTITIONS(1, 1, 0) == MR_OK);
    cr_assert_eq(owner(0), 2);
}

Test(route, leaves_an_empty_table_out, .fini = end)
{
    cr_assert(route_begin(&r, 1) == MR_OK);
    cr_assert(PARTITIONS(1, 0) == MR_OK);
    cr_assert(partitions(2, NULL, 0) == MR_NOT_FOUND);
    cr_assert_eq(owner(0), 1);
}

Test(route, refuses_what_cannot_be_and_stays_as_it_was, .fini = end)
{
    cr_assert(route_begin(&r, 0) == MR_ERR_MALFORMED);
    cr_assert(route_begin(&r, ROUTE_PARTITIONS_MAX + 1) == MR_ERR_MALFORMED);
    cr_assert(route_begin(&r, 2) == MR_OK);
    cr_assert(PARTITIONS(1, 0, 1) == MR_OK);
    cr_assert(PARTITIONS(2, 1, 2) == MR_ERR_MALFORMED);
    cr_assert(PARTITIONS(2, -1) == MR_ERR_MALFORMED);
    cr_assert_eq(owner(0), 1);
    cr_assert_eq(owner(1), 2);
}

Test(route, reads_addresses_of_both_kinds_and_leaves_names_alone, .fini = end)
{
    char text[ADDRESS_TEXT];
    struct wire_uuid third = uuid(3), fourth = uuid(4);

    cr_assert(MEMBERS(1, "10.0.0.1", "2001:db8::1", "grid.example.org") == MR_OK);
    cr_assert_str_eq(address_text(&r.members[0].address, text), "10.0.0.1:5701");
    cr_assert_str_eq(address_text(&r.members[1].address, text), "[2001:db8::1]:5701");
    cr_assert(!route_find(&r, &third)->reachable);
    cr_assert(route_find(&r, &fourth) == NULL);
}

Test(route, without_memory_stays_as_it_was, .fini = end)
{
    int left = 0;
    mr_rc_t rc = MR_ERR_MEMORY;

    cr_assert(route_begin(&r, 2) == MR_OK);
    cr_assert(PARTITIONS(1, 0, 1) == MR_OK);
    const struct client_partitions_view_event view = {
        2, {wire_list_of(&items, 2), {owners.at, (uint32_t)owners.size}}};

    mem_hooks_set(&scarce);
    for (; rc == MR_ERR_MEMORY; left++) {
        scarce_left = left;
        rc = route_take_partitions(&r, &view);
    }
    mem_hooks_set(NULL);
    cr_assert(rc == MR_OK && left == 3);
}
