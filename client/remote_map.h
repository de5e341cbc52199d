/* remote_map.h - maps far away: what the files that make up their channel share.
 *
 *     remote_channel.c ──▶ remote_map.c     entries, one or many
 *      the table      ──▶ remote_query.c   pages, queries, indexes
 *
 * The functions are those of struct channel_ops, and their contracts are told in net/channel.h.
 */
#ifndef CLIENT_REMOTE_MAP_H
#define CLIENT_REMOTE_MAP_H

#include "client/remote.h"

struct channel_map {
    struct remote *remote;
    struct near *near;   /* copies; NULL: none are kept. Set once, atomic; the subscription's */
    uint32_t wants_near; /* they are, or soon will be; atomic */
    char name[];
};

static inline struct remote *remote_of(struct channel *c)
{
    return (struct remote *)c;
}

static inline struct wire_bytes name_of(const struct channel_map *m)
{
    return wire_text(m->name);
}

/* ---- entries -------------------------------------------------------------------------------- */

mr_rc_t remote_map_run(struct channel *c, struct channel_map *map, const struct map_request *q,
                       struct map_answer *ret_a, mr_err_t *err);
void remote_done(struct channel *c);
mr_rc_t remote_map_start(struct channel *c, struct channel_map *map, const struct map_request *q,
                         void (*over)(void *context), void *context, struct channel_call **ret_call,
                         mr_err_t *err);
mr_rc_t remote_map_finish(struct channel *c, struct channel_call *later, struct map_answer *ret_a,
                          mr_err_t *err);
void remote_map_drop(struct channel *c, struct channel_call *later);
mr_rc_t remote_map_get_all(struct channel *c, struct channel_map *map, const struct data *keys,
                           size_t n, void (*visit)(void *context, size_t i, const struct data *d),
                           void *context, mr_err_t *err);
mr_rc_t remote_map_put_all(struct channel *c, struct channel_map *map,
                           const struct map_request *puts, size_t n, size_t *ret_done,
                           mr_err_t *err);

/* ---- the map as a whole --------------------------------------------------------------------- */

mr_rc_t remote_map_page(struct channel *c, struct channel_map *map, struct map_cursor *cursor,
                        uint32_t want,
                        void (*visit)(void *context, const struct data *key,
                                      const struct data *value),
                        void *context, bool *ret_end, mr_err_t *err);
mr_rc_t remote_map_query(struct channel *c, struct channel_map *map, const char *text,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context, uint64_t *ret_count, mr_err_t *err);
mr_rc_t remote_map_index(struct channel *c, struct channel_map *map, int kind,
                         const char *const *attributes, uint32_t n, mr_err_t *err);

#endif
