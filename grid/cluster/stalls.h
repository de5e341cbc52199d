/* stalls.h - who says of whom that it has stalled, and whether to believe it.
 *
 *     a primary: "this backup does not acknowledge" ──▶ stalls_hear ──▶ to the log, or not
 *
 * Each partition's primary sees its own backups only (grid/op/replica_stall.c). Who leads hears it
 * of all partitions, and so sees what none of them can: one who says it of several members within a
 * while is itself the suspect, its loop or its cable; to believe it would leave it alone with all
 * that it has. So nothing is believed that has not been said for a moment without anybody else
 * being named. What is said is said again (STALL_AGAIN) as long as it is so.
 *
 * The leader also looks whether it hears the backup itself: one that is silent will be expelled,
 * from all partitions at once.
 *
 * Pure. One thread at a time.
 */
#ifndef GRID_CLUSTER_STALLS_H
#define GRID_CLUSTER_STALLS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STALLS_MAX = 64,       /* at once; the one said longest ago gives way */
    STALLS_HEARD_MS = 100, /* it is believed from then on: it was said again at least once */
    STALLS_FORGOTTEN_MS = 1000
};

enum stalls_word {
    STALLS_WAIT,     /* it is too early to tell */
    STALLS_BELIEVED, /* the member has stalled */
    STALLS_SUSPECT   /* who says so may have */
};

struct stalls {
    struct stall {
        uint64_t primary, member; /* 0: nothing is here */
        uint64_t first_ms, last_ms;
    } at[STALLS_MAX];
};

/* *ret_news: it was not said of late. Zeroed when a member begins to lead. */
enum stalls_word stalls_hear(struct stalls *s, uint64_t primary, uint64_t member, uint64_t now_ms,
                             bool *ret_news);

#endif
