/* pages.h - what a member shows to those who watch it, over HTTP.
 *
 *     /metrics       all that it counts, as OpenMetrics
 *     /health/live   {"status":"live"}: its loops go round, or nothing would be answered
 *
 * On this host only: whoever reaches the port may read, and needs no name.
 *
 * Threads: opened and closed while the member's loops have no threads; then on its loop.
 */
#ifndef GRID_DOOR_PAGES_H
#define GRID_DOOR_PAGES_H

#include "net/http.h"

struct member;

struct pages {
    struct http *http; /* NULL: it shows nothing */
    struct address address;
};

/* Opens them at http.port of loopback, or the next port that is free, unless http.listen is no.
 * Words in err. MR_ERR_SYSTEM, MR_ERR_MEMORY. */
mr_rc_t pages_open_on_loop(struct pages *p, struct loop *loop, struct member *m, mr_err_t *err);

/* Also of what was zeroed. */
void pages_close_on_loop(struct pages *p);

#endif
