/* entries.h - what maps and replicated maps are asked alike: requests about an entry, each answered
 * in one of three ways; many entries; and all of them.
 *
 * Threads: those of a call.
 */
#ifndef GRID_DOOR_ENTRIES_H
#define GRID_DOOR_ENTRIES_H

#include "grid/door/dispatch.h"
#include "grid/door/scan.h"

/* Runs it on the map of this kind and name, and answers: with the value that there is, or was;
 * with nothing; with whether it was done. */
mr_rc_t entries_answer_value(struct call *c, enum object_kind kind, struct wire_bytes name,
                             const struct map_request *q);
mr_rc_t entries_answer_nothing(struct call *c, enum object_kind kind, struct wire_bytes name,
                               const struct map_request *q);
mr_rc_t entries_answer_done(struct call *c, enum object_kind kind, struct wire_bytes name,
                            const struct map_request *q);

/* Puts all pairs of the call's share as q says, whose key and value are not looked at. Not atomic
 * as a whole: a key that is locked stops it, and it goes on there when it is free. */
mr_rc_t entries_put_all(struct call *c, enum object_kind kind, struct wire_bytes name,
                        const struct map_request *q, struct wire_list pairs);

/* Clears the map and answers, away from the loop if it is large. A share is answered with how many
 * have gone, which is told by who has given it out. */
mr_rc_t entries_clear(struct call *c, struct map *m, enum journal_kind told);

/* The answer of a share that was cleared. */
void entries_reply_cleared(struct call *c, uint64_t cleared);

/* All shares of what a message clears have been: so many entries. Any thread. */
void entries_tell_cleared(struct member *m, enum wire_id request, struct wire_bytes name,
                          uint64_t cleared);

/* Serves a message about all of a map m, which has no other parameter than its name or has them in
 * `answer`, by a function of scan.h or of here. */
#define ENTRIES_ALL(message, kind, answer)                                                         \
    mr_rc_t serve_##message(struct call *c, const struct message##_req *q)                         \
    {                                                                                              \
        struct map *m;                                                                             \
        mr_rc_t rc = call_map_of(c, kind, q->name, &m);                                            \
                                                                                                   \
        return rc == MR_OK ? answer : rc;                                                          \
    }

/* The messages about all of a map that both services have. */
#define ENTRIES_SERVICE(service, kind)                                                             \
    ENTRIES_ALL(service##_size, kind, scan_reply_size(c, m))                                       \
    ENTRIES_ALL(service##_is_empty, kind, scan_reply_empty(c, m))                                  \
    ENTRIES_ALL(service##_contains_value, kind, scan_reply_contains(c, m, &q->value))              \
    ENTRIES_ALL(service##_key_set, kind, scan_reply_list(c, m, SCAN_KEYS))                         \
    ENTRIES_ALL(service##_values, kind, scan_reply_list(c, m, SCAN_VALUES))                        \
    ENTRIES_ALL(service##_entry_set, kind, scan_reply_list(c, m, SCAN_KEYS | SCAN_VALUES))         \
    ENTRIES_ALL(service##_clear, kind, entries_clear(c, m, JOURNAL_CLEARED))

#endif
