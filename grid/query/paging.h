/* paging.h - the entries of a map in order, a page at a time.
 *
 * A client asks for page n and sends what it was told before: anchors, the last entry of some of
 * the pages before. The answer is the page, and anchors up to it, so that the next page begins
 * behind one and nothing before it has to be kept or sorted again:
 *
 *     │ page 0        │ page 1        │ page 2        │
 *     │ . . . . . . a0│ . . . . . . a1│ . . . . . . a2│        asked for page 2 with a0: everything
 *                      └──────── looked for ────────┘           behind a0, two pages of it
 *
 * The order is the natural one of keys, or of values when values are asked for, and of keys among
 * equal ones: value.h says what stands before what. A client's own comparator is a class in Java,
 * and refused.
 *
 * As much as the pages that are looked for is kept in memory, as places of entries.
 *
 * Where several members share a map, each finds what may be in these pages, the candidates, and
 * whoever answers puts them together as if they were the map's (paging_add): the first so many of
 * all are among the first so many of each.
 *
 * Threads: any, inside an epoch section, which keeps rows and anchors good until its end.
 */
#ifndef GRID_QUERY_PAGING_H
#define GRID_QUERY_PAGING_H

#include "grid/query/scan.h"

enum { PAGING_ROWS_MAX = 1 << 20 };

/* Numbers of the client protocol. */
enum paging_iteration { PAGING_KEYS = 0, PAGING_VALUES = 1, PAGING_ENTRIES = 2 };

struct paging_anchor {
    int32_t page;
    struct data key, value;
};

struct paging_query {
    const uint8_t *share;                /* of the partitions */
    const struct predicate *predicate;   /* NULL: everything */
    int32_t page, page_size;             /* from 0; at least 1 */
    int32_t iteration;                   /* enum paging_iteration, believed when it is one */
    struct data comparator;              /* null, or refused */
    const struct paging_anchor *anchors; /* as the client sends them, in any order */
    uint32_t anchor_count;
};

struct paging_row {
    struct data key, value;
};

struct paging_result {
    struct arena arena;
    const struct paging_row *candidates; /* all that were looked for; the page is the end of them */
    uint32_t candidate_count;
    const struct paging_row *rows;
    uint32_t count;
    const struct paging_anchor *anchors; /* by page */
    uint32_t anchor_count;
};

/* MR_ERR_ARGUMENT: a page, a size or an iteration that there is none of, or values without an
 * order: records, arrays, JSON. MR_ERR_TYPE: a comparator.
 * MR_ERR_TOO_LARGE: more than PAGING_ROWS_MAX entries to the end of the page. MR_ERR_MEMORY.
 * MR_ERR_MOVED: as scan_map. */
mr_rc_t paging_run(struct map *m, const struct paging_query *q, struct paging_result *ret_r,
                   mr_err_t *err);

void paging_result_free(struct paging_result *r);

/* ---- of entries that come from elsewhere ---------------------------------------------------- */

struct paging;

/* The query is borrowed until paging_free, what is added until the result was used. Errors as
 * paging_run. */
mr_rc_t paging_new(const struct paging_query *q, struct paging **ret_p, mr_err_t *err);
void paging_add(struct paging *p, const struct data *key, const struct data *value);

/* Once. What went wrong in adding, too. */
mr_rc_t paging_finish(struct paging *p, struct paging_result *ret_r, mr_err_t *err);
void paging_free(struct paging *p);

#endif
