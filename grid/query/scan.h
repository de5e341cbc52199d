/* scan.h - all entries of a map that a predicate is true of.
 *
 *     predicate ─▶ plans: which indexes know something of it
 *     each partition ─▶ the plan with the fewest rows ─▶ hashes ─▶ entries ─▶ predicate ─▶ visit
 *                    └▶ none that is worth it: every entry ───────────────▶ predicate ─▶ visit
 *
 * With an index the partition's lock is held as long as it takes to read the rows, and entries are
 * looked up afterwards, many at a time, so that their cache misses overlap. Without one no lock is
 * taken at all.
 *
 * An entry that matches while the whole scan runs is visited once. One that changes meanwhile is
 * visited, or not, with a value that it had while the scan ran, and the predicate is true of it.
 *
 * Threads: any, inside an epoch section, which keeps what is visited good until its end. Not inside
 * an update function, since it takes locks.
 */
#ifndef GRID_QUERY_SCAN_H
#define GRID_QUERY_SCAN_H

#include "grid/data/map.h"
#include "grid/query/predicate.h"

/* Returns false to end the scan. */
typedef bool (*scan_visit)(void *context, const struct data *key, const struct data *value);

/* What a scan had to do; NULL where nobody wants to know. */
struct scan_cost {
    uint64_t entries;    /* looked at */
    uint32_t by_index;   /* partitions where an index was used, */
    uint32_t by_reading; /* and where all was read */
};

/* Visits a share of a map, or what of it is in partitions that the predicate names. p may be NULL:
 * everything. MR_ERR_MOVED: a partition of it is not served here, or was lost meanwhile, so that
 * what was visited is nothing to go by. Does not fail else: without memory for an index's rows it
 * reads everything. */
mr_rc_t scan_map(struct map *m, const uint8_t *share, const struct predicate *p, scan_visit visit,
                 void *context, struct scan_cost *cost);

/* The same for one partition. */
mr_rc_t scan_partition(struct map *m, uint32_t partition, const struct predicate *p,
                       scan_visit visit, void *context, struct scan_cost *cost);

#endif
