/* route.h - who is in the cluster, and who has which partition, as a client last heard.
 *
 *     members view     version, ordered list      ──▶ members
 *     partitions view  version, uuid → partitions ──▶ partition → member's uuid
 *     key ── data_partition ──▶ partition ── route_owner ──▶ uuid ──▶ a connection
 *
 * A view is taken when its version is greater than that of the last one from the same listener; a
 * new listener begins anew (route_forget_versions), since another member counts for itself. An
 * empty table of partitions says nothing and is left out. Old knowledge is never wrong, only
 * slower: a member that is asked for another's partition passes the call on.
 *
 * Invariant: each partition's owner is a place in `owners`, or ROUTE_NOBODY.
 * Pure but for the heap. One thread at a time.
 */
#ifndef CLIENT_ROUTE_H
#define CLIENT_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"
#include "net/wire/wire.h"

enum {
    ROUTE_PARTITIONS_MAX = 65536,
    ROUTE_MEMBERS_MAX = 1024,
    ROUTE_NOBODY = UINT16_MAX,
};

struct route_member {
    struct wire_uuid uuid;
    struct address address;
    bool reachable; /* its address is a number; of names only their own resolver knows */
};

/* Zeroed: nothing is known. */
struct route {
    int32_t members_version, partitions_version;
    struct route_member *members;
    uint32_t member_count;
    struct wire_uuid *owners;
    uint32_t owner_count;
    uint16_t *partitions; /* a place in owners */
    uint32_t partition_count;
};

void route_free(struct route *r);

/* For a new listener, whose views are counted anew. */
void route_forget_versions(struct route *r);

/* How many partitions the cluster has, 1 to ROUTE_PARTITIONS_MAX; owners are not known yet. Once.
 * MR_ERR_MEMORY, MR_ERR_MALFORMED: a number that cannot be. */
mr_rc_t route_begin(struct route *r, int32_t partition_count);

/* MR_OK: taken; MR_NOT_FOUND: it is not newer. MR_ERR_MALFORMED: an address without a host, a
 * partition that does not exist, more members than can be; MR_ERR_MEMORY. Then all is as before. */
mr_rc_t route_take_members(struct route *r, const struct client_members_view_event *view);
mr_rc_t route_take_partitions(struct route *r, const struct client_partitions_view_event *view);

/* Who has it; NULL: that is not known. */
const struct wire_uuid *route_owner(const struct route *r, int32_t partition);

/* NULL: not a member. */
const struct route_member *route_find(const struct route *r, const struct wire_uuid *uuid);

#endif
