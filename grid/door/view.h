/* view.h - what a client has to know to find its way: who is there, and who has which partitions.
 *
 * A member on its own shows itself with everything. Threads: any; sending, the session's loop.
 */
#ifndef GRID_DOOR_VIEW_H
#define GRID_DOOR_VIEW_H

#include "grid/door/session.h"

struct view {
    int32_t version;
    struct sink members, owned, numbers, owners;
    uint32_t member_count, owner_count;
    struct wire_uuid cluster;
};

/* MR_ERR_MEMORY: there is nothing to free. */
mr_rc_t view_make(struct member *m, struct view *ret_v);
void view_free(struct view *v);

struct wire_list view_members(const struct view *v);
struct wire_partition_table view_partitions(const struct view *v);

/* What is known of the cluster, for who asks: cluster_look of client.def. MR_ERR_MEMORY: there is
 * nothing to free. */
struct outlook {
    struct sink members, partitions;
    struct cluster_look_rsp answer; /* borrows from the two, and from room and the member */
    struct control_view *view;
};

mr_rc_t outlook_make(struct member *m, struct outlook *ret_o);
void outlook_free(struct outlook *o);

/* Tells a session that listens for it. */
void view_tell(struct session *s, const struct view *v);

#endif
