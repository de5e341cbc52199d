/* effect.h - what a write changes: decided once, at the primary, and applied by everybody.
 *
 *     map_change ──decide──▶ effect ──▶ the partition's ring ──all in sync hold it──▶ map_apply
 *                                            └─▶ the same bytes in the rings of backups
 *
 * An effect says what is afterwards and never what was asked for: no condition, no function of the
 * user's and no clock is left in it, so that it means the same everywhere. Times are points in
 * time.
 *
 * Besides entries it is about locks of keys, whose state it gives, and about objects that lie
 * whole in one partition (change.h). Those are changed at the primary before it is committed.
 *
 * One that was asked for by a client with a session bears what that is answered (grid/op/once.h).
 *
 * It lies in the partition's slab, charged like an entry: whoever has found one inside an epoch
 * section may read it until the section ends. One that puts has the block for its record with it,
 * so that nothing is refused any more when it is applied.
 *
 * Threads: under the partition's lock; reading, inside a section.
 */
#ifndef GRID_DATA_EFFECT_H
#define GRID_DATA_EFFECT_H

#include "grid/data/change.h"
#include "grid/op/once.h"
#include "grid/store/record.h"
#include "grid/store/slab.h"
#include "net/request.h"
#include "net/wire/sink.h"

enum effect_kind {
    EFFECT_PUT,
    EFFECT_ERASE,
    EFFECT_CLEAR,
    EFFECT_LOCK,   /* of a map's key: the source has taken it `count` times, 0: nobody has */
    EFFECT_CHANGE, /* of an object; `why` says which */
    /* These are about no object, but about what clients were answered (grid/op/once.h): */
    EFFECT_NOTHING,  /* nothing changes, and that was the answer */
    EFFECT_EXPIRE,   /* its value is the number of a session that is over */
    EFFECT_SESSIONS, /* its value is a part of a table, on its way to a learner; in no ring */
    EFFECT_KINDS
};

struct map;
struct object;

struct effect {
    struct effect *older; /* of those that are pending, or of those that are put off */
    struct map *map;
    struct object *object; /* EFFECT_CHANGE; then there is no map */
    uint64_t hash;         /* of the key */
    uint64_t seq;          /* its place in the ring */
    union {
        struct lifetime life;
        struct { /* EFFECT_CHANGE */
            uint64_t at, n;
        };
        struct { /* EFFECT_LOCK; its value is the reference of lock.h */
            uint64_t ends_ms, count;
        };
    };
    struct owner source;
    const struct once *once; /* NULL: nobody needs to know that it was done */
    struct slab *slab;
    struct slab_ahead record; /* EFFECT_PUT: the block for its record */
    slab_ref self;
    uint8_t kind;
    uint8_t why;    /* enum journal_kind: of EFFECT_ERASE and EFFECT_CLEAR */
    bool replaces;  /* there was an entry before */
    bool over;      /* whose time had come */
    bool put_off;   /* it is applied when the copy is whole */
    bool released;  /* and is to be released then */
    bool counted;   /* it was charged to the map's limits; not, what another member has decided */
    int64_t growth; /* then: of the map, in bytes */
    struct data key, value;
    uint8_t bytes[]; /* of both, and before them of `once` */
};

/* Bytes of a lock's reference, and of a session's number; and of all that one change may bear, with
 * what has to go along to other members in one message. A longer one is several. */
enum { EFFECT_REFERENCE = 8, EFFECT_CHANGE_MAX = 20 * 1024 * 1024, EFFECT_SESSION = 8 };

/* Copies key and value, but for one that is at NULL: then only room is made for it. `like` has what
 * the effect says; its key and value may be DATA_NULL.
 * MR_ERR_FULL, MR_ERR_MEMORY. */
mr_rc_t effect_new(struct slab *slab, const struct effect *like, struct effect **ret_e);

/* It is not applied, or has been: the block of the record goes as well if it was not used. */
void effect_release(struct effect *e);

/* As bytes, for others: without what only this member knows. */
void effect_write(const struct effect *e, struct sink *out);

/* As effect_read finds them: which object it is about. */
struct effect_name {
    uint8_t kind; /* enum object_kind, not looked at */
    uint8_t size;
    const uint8_t *at;
};

/* Reads what effect_write wrote; everything is borrowed, and map is NULL. ret_once is what its
 * `once` points to, if there is any. *ret_taken: the bytes of it. MR_ERR_MALFORMED. */
mr_rc_t effect_read(const uint8_t *bytes, size_t size, struct effect *ret_like,
                    struct once *ret_once, struct effect_name *ret_name, size_t *ret_taken);

#endif
