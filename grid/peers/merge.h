/* merge.h - where each message is served, and how the answers of several members become one.
 *
 *     request ──▶ merge_new ◀── merge_take, the answer of each share ── .. ──▶ merge_answer
 *
 * serve.def says of every message in which of the ways below it is served. A message about a whole
 * map is answered by each member for a share of the partitions; numbers are added, lists put one
 * behind the other. Three answers of a share are not what the client will see: of an aggregate,
 * what it has come to so far (grid/query/aggregate.h); of a page, all entries that may be in it, as
 * anchors without pages (grid/query/paging.h); of what is cleared, how much. Here they are put
 * together as if the entries had been one member's.
 *
 * What is kept is bounded: by bytes_max, for all answers together.
 *
 * Answers come from other members, and are believed as little as a client is.
 *
 * Threads: one at a time.
 */
#ifndef GRID_PEERS_MERGE_H
#define GRID_PEERS_MERGE_H

#include "net/wire/wire.h"

enum merge {
    MERGE_HERE = 1,     /* by any member, about itself or what all know */
    MERGE_KEY,          /* by the one that has the partition */
    MERGE_DONE,         /* by all that have some; the answer says only that it is done */
    MERGE_CLEAR,        /* the same; of how many is told to those who watch */
    MERGE_SUM,          /* of numbers */
    MERGE_ANY,          /* is it true of one? */
    MERGE_ALL,          /* of each? */
    MERGE_LIST,         /* one behind the other, in any order */
    MERGE_AGGREGATE,    /* one value of all */
    MERGE_PAGE,         /* the first so many of all */
    MERGE_RUN,          /* a list, of what must not be done twice */
    MERGE_LIST_OF_KEYS, /* a list; it comes with keys, which may all be of one partition */
    MERGE_DONE_BY_KEYS, /* the same, of what must not be done twice */
    MERGE_RUN_BY_KEYS,
    MERGE_EVERYWHERE, /* done by all members, also those that have nothing of it */
    MERGE_UNION,      /* by all; a list in which each object is once */
    MERGE_UUIDS,      /* by all; who has done it */
    MERGE_WAYS
};

/* 0: it is not served at all. */
enum merge merge_of(enum wire_id request);

/* Is it served by several members, in shares? By all, whatever they have? Must it not be done a
 * second time? Does it come with keys? */
bool merge_is_shared(enum wire_id request);
bool merge_is_everywhere(enum wire_id request);
bool merge_is_once(enum wire_id request);
bool merge_has_keys(enum wire_id request);

struct merge_of_answers;

/* The request is copied. MR_ERR_MALFORMED; MR_ERR_MEMORY; and what is wrong with its aggregator or
 * its page, in words. */
mr_rc_t merge_new(enum wire_id request, const uint8_t *bytes, size_t size, size_t bytes_max,
                  struct merge_of_answers **ret_m, mr_err_t *err);
void merge_free(struct merge_of_answers *m);

/* An answer that is no error. MR_ERR_MALFORMED, MR_ERR_TOO_LARGE, MR_ERR_MEMORY: the answer cannot
 * be had any more. */
mr_rc_t merge_take(struct merge_of_answers *m, const uint8_t *bytes, size_t size);

/* MERGE_CLEAR: the map's name, in the request, and how many entries have gone. */
uint64_t merge_cleared(const struct merge_of_answers *m, struct wire_bytes *ret_name);

/* Appends the client's answer. What went wrong; what sink_state says. */
mr_rc_t merge_answer(struct merge_of_answers *m, int64_t correlation, struct sink *out);

#endif
