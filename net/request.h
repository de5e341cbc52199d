/* request.h - what can be asked of a map: one struct, whoever asks.
 *
 * An embedded program's call and a remote client's message become the same request, so that
 * there is one answer to what a put means (grid/data/map.c). Nothing here is bytes on a wire.
 *
 * Everything is borrowed for the call. The answer's data points into the store or into a frame,
 * and is good until channel_done().
 */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/wire/data.h"

enum map_verb {
    /* These read; */
    MAP_GET,      /* MR_OK and the value, or MR_NOT_FOUND */
    MAP_CONTAINS, /* MR_OK or MR_NOT_FOUND */
    /* these change. All but MAP_DELETE and MAP_EVICT give the value from before, if any. */
    MAP_PUT,             /* MR_OK */
    MAP_PUT_IF_ABSENT,   /* MR_OK, or MR_EXISTS */
    MAP_REPLACE,         /* MR_OK, or MR_NOT_FOUND */
    MAP_REPLACE_IF_SAME, /* MR_OK, MR_NOT_FOUND or MR_NOT_EQUAL */
    MAP_REMOVE,          /* MR_OK, or MR_NOT_FOUND */
    MAP_REMOVE_IF_SAME,  /* MR_OK, MR_NOT_FOUND or MR_NOT_EQUAL */
    MAP_EVICT,           /* MR_OK, or MR_NOT_FOUND; listeners are told of an eviction */
    MAP_SET_TTL,         /* MR_OK, or MR_NOT_FOUND */
    MAP_UPDATE           /* MR_OK, or what the function says */
};

/* Times of a request, in milliseconds. */
enum { TIME_DEFAULT = -1, TIME_NEVER = 0 };

/* What an update function wants done. */
enum update_verdict { UPDATE_KEEP, UPDATE_SET, UPDATE_REMOVE, UPDATE_FAIL };

/* Looks at the current value (NULL: absent) and says what the next one is, in *ret_next, whose
 * bytes last until the call is over. Runs under the partition's lock: no call into the grid. */
typedef enum update_verdict (*update_function)(void *context, const struct data *current,
                                               struct data *ret_next);

/* Who asks: what a lock on a key belongs to. All zero but thread: a thread of this process. */
struct owner {
    uint64_t client_high, client_low; /* the client's UUID */
    int64_t thread;                   /* as the client numbers its threads */
};

static inline bool owner_is(const struct owner *a, const struct owner *b)
{
    return a->thread == b->thread && a->client_low == b->client_low &&
           a->client_high == b->client_high;
}

struct waiter;     /* grid/op/wait.h */
struct slab_ahead; /* grid/store/slab.h */

/* Where a key belongs, for who has computed it already. */
struct map_route {
    uint32_t partition;
    uint64_t hash; /* in the partition's index */
};

struct map_request {
    enum map_verb verb;
    const struct map_route *route; /* NULL: to be computed */
    struct data key, value;
    struct data expected;    /* of the .._IF_SAME */
    int64_t ttl_ms, idle_ms; /* TIME_DEFAULT: the map's (of MAP_UPDATE, the entry's); TIME_NEVER */
    update_function update;
    void *update_context;
    void (*updated)(
        void *context); /* MAP_UPDATE has been answered MR_OK; still under the lock, with
                                     * update_context. NULL: nobody needs to know */
    bool quiet; /* a change: nobody looks at the value from before, and it need not be brought */
    struct owner owner;
    struct waiter *waiter;    /* where a change waits for a lock; NULL: it does not */
    struct slab_ahead *ahead; /* memory for a change, found before; NULL: it finds its own */
};

struct map_answer {
    bool present;      /* value is there */
    struct data value; /* MAP_GET: the value; a change: the one from before; MR_ERR_TOO_LARGE and
                        * MR_ERR_FULL: the one that was refused */
    uint64_t version;  /* MAP_GET: of the entry; a change: of what is there now, 0 if nothing */
};

enum { CURSOR_PLACE_MAX = 128 };

/* Where an iteration goes on: a partition, and a cursor inside it, or what another member has
 * given for one. Zeroed: at the beginning. */
struct map_cursor {
    uint32_t partition;
    uint64_t at;
    uint32_t place_size; /* 0: at the beginning of the partition */
    uint8_t place[CURSOR_PLACE_MAX];
};

/* An event of a map, as a listener gets it. */
struct map_event {
    uint32_t kind;  /* enum journal_kind in grid/store/journal.h, or EVENT_LOST */
    uint64_t count; /* events lost, entries cleared */
    uint64_t time_ms;
    struct data key, old, value; /* DATA_NULL where there is none */
};

enum { EVENT_EVICTED_ALL = 32, EVENT_LOST = 1 << 16 };

/* What a map says about itself; sums over its partitions here. */
struct map_facts {
    uint64_t entries, bytes, index_bytes;
    uint64_t hits, misses, puts, removes, evictions, expirations, updates;
};

/* What copies of a map's entries a client is to keep. */
struct near_wish {
    uint64_t max_bytes, stale_max_ms;
};

/* And what has become of them. */
struct near_facts {
    uint64_t hits, misses, invalidations, evictions;
    uint64_t entries, bytes; /* what cannot be found any more included */
};

/* A member, as others reach it. */
struct member_facts {
    uint64_t uuid_high, uuid_low;
    char address[64]; /* empty: clients cannot connect to it */
};

/* And the member about its memory. */
struct memory_facts {
    uint64_t limit;     /* UINT64_MAX: none */
    uint64_t reserved;  /* of the limit, granted to arenas */
    uint64_t used;      /* in blocks, retired ones included */
    uint64_t retired;   /* replaced and removed, still waiting for readers */
    uint64_t committed; /* taken from the operating system */
};

#endif
