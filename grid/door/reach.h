/* reach.h - what other members have, for the program that a member is embedded in.
 *
 *     mr_map_get ─▶ local ─▶ the store ─ ─ ─ ─ ─ ─ ─ ─▶ here: answered, and nothing of this is run
 *                              │ MR_ERR_MOVED, MR_ERR_OFFLINE
 *                              ▼
 *                            reach ─▶ a client of our own ─▶ whoever has it
 *
 * The client is opened at the first call that needs it, and closed with the handle. It is a client
 * like any other, which follows the table of partitions: so a call that goes out is waited for,
 * sent again or given up as mr_connect's is. A member that is configured to be on its own has no
 * others, and never opens it.
 *
 * One key goes to whoever has it. Many keys are split: what is here is answered here. What is about
 * the whole map is done here as long as all of it is here, and else asked for as a client asks, so
 * that every partition counts once. Listeners of a member that may have others are the client's
 * from the beginning: what is here today may be elsewhere tomorrow, and nobody would be told.
 *
 * An answer's bytes are handed to the epoch: they are good until the section that the caller is in
 * has ended, as those of an answer from the store.
 *
 * Until the member is in a cluster nobody can be asked: calls wait for that, as long as a call may
 * take.
 *
 * Threads: any. A call is made outside of the caller's innermost epoch section, since it waits.
 */
#ifndef GRID_DOOR_REACH_H
#define GRID_DOOR_REACH_H

#include "grid/member.h"
#include "net/channel.h"

struct predicate; /* grid/query/predicate.h */
struct reach;

/* Opens the member's client: its channel, whose close ends it. Words in err. */
typedef mr_rc_t reach_open(struct member *m, struct channel **ret_c, mr_err_t *err);

/* MR_ERR_MEMORY. */
mr_rc_t reach_new(struct member *m, reach_open *open, struct reach **ret_r);

/* Closes the client, if there is one. No call is under way, and the thread is in no section. NULL
 * is fine. */
void reach_free(struct reach *r);

/* May other members have some of it? They have, or will have; no: the member is on its own. */
static inline bool reach_is_needed(const struct map *m)
{
    return m->partitions->serves != NULL;
}

/* Is all of it here, now? */
static inline bool reach_is_all_here(const struct map *m)
{
    return partitions_serve(m->partitions, NULL);
}

/* Is the key's partition served here, now? */
static inline bool reach_is_here(const struct map *m, const struct data *key)
{
    return partitions_reign(m->partitions, data_partition(key, m->partitions->count)) != 0;
}

/* ---- entries -------------------------------------------------------------------------------- */

/* In the caller's section, which is left and entered again. */
mr_rc_t reach_run(struct reach *r, struct map *m, const struct map_request *q,
                  struct map_answer *ret_a, mr_err_t *err);

/* As map_start, map_finish and map_drop. */
mr_rc_t reach_start(struct reach *r, struct map *m, const struct map_request *q,
                    void (*over)(void *context), void *context, struct channel_call **ret_call,
                    mr_err_t *err);
mr_rc_t reach_finish(struct reach *r, struct channel_call *call, struct map_answer *ret_a,
                     mr_err_t *err);
void reach_drop(struct reach *r, struct channel_call *call);

/* Some of the keys are not here, or were not a moment ago. */
mr_rc_t reach_get_all(struct reach *r, struct map *m, const struct data *keys, size_t n,
                      void (*visit)(void *context, size_t i, const struct data *d), void *context,
                      mr_err_t *err);

/* Those that are here are run on the channel of the member. */
mr_rc_t reach_put_all(struct reach *r, struct map *m, struct channel *here,
                      const struct map_request *puts, size_t n, size_t *ret_done, mr_err_t *err);

/* ---- locks ---------------------------------------------------------------------------------- */

mr_rc_t reach_lock(struct reach *r, struct map *m, const struct data *key, uint64_t lease_ms,
                   uint64_t timeout_ms, mr_err_t *err);
mr_rc_t reach_unlock(struct reach *r, struct map *m, const struct data *key, mr_err_t *err);
mr_rc_t reach_is_locked(struct reach *r, struct map *m, const struct data *key, bool *ret_locked,
                        mr_err_t *err);

/* ---- the map as a whole: not all of it is here, or may not be ------------------------------- */

/* Of partitions that are here as well: a cursor goes through all. */
mr_rc_t reach_page(struct reach *r, struct map *m, struct map_cursor *cursor, uint32_t want,
                   void (*visit)(void *context, const struct data *key, const struct data *value),
                   void *context, bool *ret_end, mr_err_t *err);

/* The text is the predicate's. */
mr_rc_t reach_query(struct reach *r, struct map *m, const struct predicate *predicate,
                    const char *text,
                    void (*visit)(void *context, const struct data *key, const struct data *value),
                    void *context, uint64_t *ret_count, mr_err_t *err);
mr_rc_t reach_index(struct reach *r, struct map *m, int kind, const char *const *attributes,
                    uint32_t n, mr_err_t *err);
mr_rc_t reach_clear(struct reach *r, struct map *m, mr_err_t *err);

/* The number of entries. */
mr_rc_t reach_size(struct reach *r, struct map *m, uint64_t *ret_n, mr_err_t *err);

mr_rc_t reach_listen(struct reach *r, struct map *m, uint32_t kinds,
                     void (*on_event)(void *context, const struct map_event *e), void *context,
                     struct channel_listener **ret_l, mr_err_t *err);
void reach_unlisten(struct reach *r, struct channel_listener *l);

mr_rc_t reach_near(struct reach *r, struct map *m, const struct near_wish *w, mr_err_t *err);
mr_rc_t reach_near_facts(struct reach *r, struct map *m, struct near_facts *ret_facts);

/* ---- between its files ---------------------------------------------------------------------- */

/* Everything begins with this: the client, opened if it was not, and the map as it names it. */
mr_rc_t reach_go(struct reach *r, struct map *m, struct channel **ret_c,
                 struct channel_map **ret_map, mr_err_t *err);

/* NULL: nobody has needed it yet. */
struct channel *reach_client(struct reach *r);

#endif
