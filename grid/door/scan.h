/* scan.h - answers that need a look at every entry of a map, without a predicate.
 *
 * Lists and searches of large maps are made away from the loop (dispatch.h): they return
 * MR_PENDING. What is not all served here gives MR_ERR_MOVED.
 *
 * Threads: those of a call, in its epoch section, which keeps what the scan has seen;
 * what comes or goes meanwhile is seen or not.
 */
#ifndef GRID_DOOR_SCAN_H
#define GRID_DOOR_SCAN_H

#include "grid/door/dispatch.h"

enum { SCAN_KEYS = 1, SCAN_VALUES = 2 };

mr_rc_t scan_reply_list(struct call *c, struct map *m, uint32_t parts);
mr_rc_t scan_reply_size(struct call *c, struct map *m);
mr_rc_t scan_reply_empty(struct call *c, struct map *m);
mr_rc_t scan_reply_contains(struct call *c, struct map *m, const struct data *value);

#endif
