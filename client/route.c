#include "client/route.h"

#include <stdio.h>
#include <string.h>

#include "net/base/mem.h"

void route_free(struct route *r)
{
    mem_free(r->members);
    mem_free(r->owners);
    mem_free(r->partitions);
    *r = (struct route){0};
}

void route_forget_versions(struct route *r)
{
    r->members_version = r->partitions_version = 0;
}

mr_rc_t route_begin(struct route *r, int32_t partition_count)
{
    if (partition_count < 1 || partition_count > ROUTE_PARTITIONS_MAX)
        return MR_ERR_MALFORMED;
    uint16_t *partitions = mem_alloc((size_t)partition_count * sizeof *partitions);

    if (!partitions)
        return MR_ERR_MEMORY;
    memset(partitions, 0xff, (size_t)partition_count * sizeof *partitions); /* ROUTE_NOBODY */
    mem_free(r->partitions);
    r->partitions = partitions;
    r->partition_count = (uint32_t)partition_count;
    return MR_OK;
}

/* ---- members -------------------------------------------------------------------------------- */

static bool read_address(const struct wire_address *from, struct address *ret_a)
{
    char text[ADDRESS_TEXT];
    bool v6 = memchr(from->host.at, ':', from->host.size) != NULL;

    if (from->port < 1 || from->port > UINT16_MAX || from->host.size + 3 > sizeof text)
        return false;
    snprintf(text, sizeof text, v6 ? "[%.*s]" : "%.*s", (int)from->host.size,
             (const char *)from->host.at);
    return address_parse(text, (uint16_t)from->port, ret_a) == MR_OK;
}

mr_rc_t route_take_members(struct route *r, const struct client_members_view_event *view)
{
    struct wire_list list = view->member_infos;
    struct wire_member m;
    uint32_t n = 0;

    if (view->version <= r->members_version)
        return MR_NOT_FOUND;
    if (list.count > ROUTE_MEMBERS_MAX)
        return MR_ERR_MALFORMED;
    struct route_member *members = mem_alloc_zero((list.count + 1) * sizeof *members);

    if (!members)
        return MR_ERR_MEMORY;
    for (; wire_next(&list, WIRE_members, &m, NULL); n++) {
        members[n].uuid = m.uuid;
        members[n].reachable = read_address(&m.address, &members[n].address);
    }
    mem_free(r->members);
    r->members = members;
    r->member_count = n;
    r->members_version = view->version;
    return MR_OK;
}

const struct route_member *route_find(const struct route *r, const struct wire_uuid *uuid)
{
    for (uint32_t i = 0; i < r->member_count; i++)
        if (uuid_equal(&r->members[i].uuid, uuid))
            return &r->members[i];
    return NULL;
}

/* ---- partitions ----------------------------------------------------------------------------- */

/* Notes the partitions of owner number `owner`. */
static bool assign(uint16_t *partitions, uint32_t count, struct wire_bytes numbers, uint16_t owner)
{
    for (uint32_t i = 0; i < numbers.size / 4; i++) {
        int32_t partition = wire_i32_at(numbers, 4, 0, i);

        if (partition < 0 || (uint32_t)partition >= count)
            return false;
        partitions[partition] = owner;
    }
    return true;
}

static bool read_table(const struct wire_partition_table *table, uint16_t *partitions,
                       uint32_t count, struct wire_uuid *owners)
{
    struct wire_list lists = table->partitions;
    struct wire_bytes numbers;

    for (uint16_t i = 0; wire_next(&lists, WIRE_i32_lists, &numbers, NULL); i++) {
        owners[i] = wire_uuid_at(table->owners, 17, 0, i);
        if (!assign(partitions, count, numbers, i))
            return false;
    }
    return true;
}

mr_rc_t route_take_partitions(struct route *r, const struct client_partitions_view_event *view)
{
    uint32_t owners_count = view->partitions.partitions.count;
    size_t size = r->partition_count * sizeof(uint16_t);

    if (view->version <= r->partitions_version || owners_count == 0)
        return MR_NOT_FOUND;
    if (owners_count > ROUTE_MEMBERS_MAX || view->partitions.owners.size / 17 < owners_count)
        return MR_ERR_MALFORMED;
    uint16_t *partitions = mem_alloc(size + 1);
    struct wire_uuid *owners = mem_alloc(owners_count * sizeof *owners);
    mr_rc_t rc = partitions && owners ? MR_OK : MR_ERR_MEMORY;

    if (rc == MR_OK) {
        memset(partitions, 0xff, size);
        if (!read_table(&view->partitions, partitions, r->partition_count, owners))
            rc = MR_ERR_MALFORMED;
    }
    if (rc != MR_OK) {
        mem_free(partitions);
        mem_free(owners);
        return rc;
    }
    mem_free(r->partitions);
    mem_free(r->owners);
    r->partitions = partitions;
    r->owners = owners;
    r->owner_count = owners_count;
    r->partitions_version = view->version;
    return MR_OK;
}

const struct wire_uuid *route_owner(const struct route *r, int32_t partition)
{
    if (partition < 0 || (uint32_t)partition >= r->partition_count ||
        r->partitions[partition] >= r->owner_count)
        return NULL;
    return &r->owners[r->partitions[partition]];
}
