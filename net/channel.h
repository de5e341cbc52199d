/* channel.h - how a request reaches a member: in this process, or over connections.
 *
 * A handle of the public API holds a channel and knows nothing else of where the data is. The
 * one in this process (grid/door/local.c) hands structs over; nothing is serialised.
 *
 *     client/map.c ──map_run──▶ struct channel ──▶ grid/door/local.c   here
 *                  ◀─answer────                ──▶ a connection        there
 *                  ──done──▶      the answer's bytes may go now
 *
 * Every map_run that returns is followed by one done, on the same thread, whatever it returned.
 * A channel's functions may be called from any thread. Words go into err, which may be NULL.
 */
#ifndef NET_CHANNEL_H
#define NET_CHANNEL_H

#include "net/request.h"

struct channel;
struct cluster_look_rsp; /* net/wire/client.def */
struct channel_map;      /* a map, as the other side names it */
struct channel_listener; /* a registration there */
struct channel_call;     /* a request that is answered later */

struct channel_ops {
    /* The map of this name; made when it is not there. Good until close. */
    mr_rc_t (*map_open)(struct channel *c, const char *name, struct channel_map **ret_map,
                        mr_err_t *err);

    mr_rc_t (*map_run)(struct channel *c, struct channel_map *map, const struct map_request *q,
                       struct map_answer *ret_a, mr_err_t *err);
    void (*done)(struct channel *c);

    /* Begins a request and returns; copies what it needs of q. `over` is called once, on any
     * thread, perhaps before this has returned, and only hands on. map_finish then gives the answer
     * as map_run does, and may wait; it borrows from the call until map_drop. MR_NOT_FOUND: there
     * is nothing to wait for, and nothing was begun: map_run answers it at once. */
    mr_rc_t (*map_start)(struct channel *c, struct channel_map *map, const struct map_request *q,
                         void (*over)(void *context), void *context, struct channel_call **ret_call,
                         mr_err_t *err);
    mr_rc_t (*map_finish)(struct channel *c, struct channel_call *call, struct map_answer *ret_a,
                          mr_err_t *err);
    void (*map_drop)(struct channel *c, struct channel_call *call);

    /* Many gets at once: visit is called for each key, in any order, with NULL for one that is
     * absent. */
    mr_rc_t (*map_get_all)(struct channel *c, struct channel_map *map, const struct data *keys,
                           size_t n, void (*visit)(void *context, size_t i, const struct data *d),
                           void *context, mr_err_t *err);

    /* A page of at least `want` entries, unless the end comes first: *cursor moves on, and
     * *ret_end tells the end. visit must not call the grid. */
    mr_rc_t (*map_page)(struct channel *c, struct channel_map *map, struct map_cursor *cursor,
                        uint32_t want,
                        void (*visit)(void *context, const struct data *key,
                                      const struct data *value),
                        void *context, bool *ret_end, mr_err_t *err);

    /* All entries that the condition, a NUL-terminated text, is true of; visit may be NULL, which
     * only counts them. visit must not call the grid. */
    mr_rc_t (*map_query)(struct channel *c, struct channel_map *map, const char *text,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context, uint64_t *ret_count, mr_err_t *err);
    mr_rc_t (*map_index)(struct channel *c, struct channel_map *map, int kind,
                         const char *const *attributes, uint32_t n, mr_err_t *err);

    /* The lock of a key, for the calling thread. MR_ERR_BUSY: another's, for all of timeout_ms.
     * lease_ms 0: until it is let go. map_unlock gives MR_ERR_ARGUMENT when it is not held. */
    mr_rc_t (*map_lock)(struct channel *c, struct channel_map *map, const struct data *key,
                        uint64_t lease_ms, uint64_t timeout_ms, mr_err_t *err);
    mr_rc_t (*map_unlock)(struct channel *c, struct channel_map *map, const struct data *key,
                          mr_err_t *err);
    mr_rc_t (*map_is_locked)(struct channel *c, struct channel_map *map, const struct data *key,
                             bool *ret_locked, mr_err_t *err);

    mr_rc_t (*map_clear)(struct channel *c, struct channel_map *map, mr_err_t *err);
    mr_rc_t (*map_facts)(struct channel *c, struct channel_map *map, struct map_facts *ret_facts,
                         mr_err_t *err);

    /* on_event is called on a thread of the grid, in the order of the changes of each key. After
     * unlisten has returned it is not called again, unless unlisten was called from inside it. */
    mr_rc_t (*map_listen)(struct channel *c, struct channel_map *map, uint32_t kinds,
                          void (*on_event)(void *context, const struct map_event *e), void *context,
                          struct channel_listener **ret_l, mr_err_t *err);
    void (*unlisten)(struct channel *c, struct channel_listener *l);

    /* Keeps copies of the map's entries in this process from now on, and answers reads by them.
     * MR_EXISTS: it does already. MR_ERR_UNSUPPORTED: the data is here. map_near_facts:
     * MR_NOT_FOUND. */
    mr_rc_t (*map_near)(struct channel *c, struct channel_map *map, const struct near_wish *w,
                        mr_err_t *err);
    mr_rc_t (*map_near_facts)(struct channel *c, struct channel_map *map,
                              struct near_facts *ret_facts);

    /* Many puts at once, in order; *ret_done: how many of the first are done for sure. */
    mr_rc_t (*map_put_all)(struct channel *c, struct channel_map *map,
                           const struct map_request *puts, size_t n, size_t *ret_done,
                           mr_err_t *err);

    /* A section in which answers stay good until its end, without copies. Nests. NULL, as the two
     * that follow: answers are always copies here. */
    void (*read_begin)(struct channel *c);
    void (*read_end)(struct channel *c);
    bool (*reading)(struct channel *c); /* is the calling thread inside one? */

    mr_rc_t (*memory)(struct channel *c, struct memory_facts *ret_facts, mr_err_t *err);

    /* How many there are; the first `room` are told. */
    uint32_t (*members)(struct channel *c, struct member_facts *ret_members, uint32_t room);

    /* What a member knows of its cluster, good while `take` runs. */
    mr_rc_t (*look)(struct channel *c,
                    mr_rc_t (*take)(void *context, const struct cluster_look_rsp *a), void *context,
                    mr_err_t *err);

    /* The operator says that the other of two members is dead. MR_ERR_ARGUMENT, with words: it is
     * not taken for that. */
    mr_rc_t (*take_over)(struct channel *c, mr_err_t *err);

    /* Has some member answer something. NULL: the member is here. */
    mr_rc_t (*ping)(struct channel *c, mr_err_t *err);

    /* Frees the channel. No call is under way and none follows. MR_ERR_ARGUMENT: called from a
     * place that it would pull the floor from under; it is still open. `drain`: what is here and
     * only here is first handed over to where others take it. */
    mr_rc_t (*close)(struct channel *c, bool drain, mr_err_t *err);
};

struct channel {
    const struct channel_ops *ops;
};

#endif
