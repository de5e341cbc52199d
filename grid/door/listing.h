/* listing.h - what several services do alike: lists of values in and out, and listeners of objects.
 *
 * Threads: those of a call; what is about listeners, the session's loop.
 */
#ifndef GRID_DOOR_LISTING_H
#define GRID_DOOR_LISTING_H

#include "grid/door/dispatch.h"

/* A list being made for a response. */
struct listing {
    struct sink *items;
    size_t bytes_max; /* more are counted and not written; reply_list then says so */
    uint32_t count;
};

struct listing listing_new(struct call *c);

/* A value_visit: adds it. context is a struct listing. */
void listing_add(void *context, const struct data *value);

/* Adds a pair. */
void listing_add_pair(void *context, const struct data *key, const struct data *value);

/* Is it worth adding more? */
static inline bool listing_has_room(const struct listing *l)
{
    return l->items->size <= l->bytes_max;
}

static inline mr_rc_t listing_reply(struct call *c, const struct listing *l)
{
    return reply_list(c, l->count);
}

/* The values of a request, in one array, good until the next call of it on this loop. NULL: no
 * memory. */
const struct data *call_values(struct call *c, struct wire_list values);

/* May the session have one more listener? MR_ERR_BUSY. */
mr_rc_t call_watch(struct call *c);

/* A listener of an object. */
struct object_watch {
    struct watch watch;
    struct watcher watcher;
    struct object *object;
    enum wire_id event;
    bool values;                 /* the events carry them */
    struct data key;             /* DATA_NULL: any; a copy */
    struct predicate *predicate; /* NULL: none */
};

/* What a listener wants to hear. */
struct watch_filter {
    uint32_t kinds;
    bool values;
    const struct data *key;       /* NULL: any */
    const struct data *predicate; /* NULL: none */
};

/* Registers it and answers with its id. `on_event` sends the events. */
mr_rc_t watch_object(struct call *c, enum object_kind kind, struct wire_bytes name,
                     enum wire_id event, const struct watch_filter *filter,
                     void (*on_event)(struct watcher *w, const struct object_event *e));

/* For listeners of entries. */
enum {
    WATCH_ENTRIES = OBJECT_ADDED | OBJECT_REMOVED | OBJECT_UPDATED | OBJECT_EVICTED |
                    OBJECT_EXPIRED | OBJECT_CLEARED | OBJECT_EVICTED_ALL
};
void watch_on_entry(struct watcher *w, const struct object_event *e);

/* Registers a listener that one member never has anything to tell, and answers with its id. */
mr_rc_t watch_nothing(struct call *c);

/* Ends a registration and answers whether there was one. */
mr_rc_t unwatch(struct call *c, struct wire_uuid id);

/* A copy of a data, NULL bytes: no memory, but of an empty one. */
bool data_copy(const struct data *d, struct data *ret_copy);
void data_copy_free(struct data *copy);

#endif
