/* effect.h - what a write changes: decided once, at the primary, and applied by everybody.
 *
 *     map_change ──decide──▶ effect ──▶ the partition's ring ──all in sync hold it──▶ map_apply
 *                                            └─▶ the same bytes in the rings of backups
 *
 * An effect says what is afterwards and never what was asked for: no condition, no function of the
 * user's and no clock is left in it, so that it means the same everywhere. Times are points in
 * time.
 *
 * It lies in the partition's slab, charged like an entry: whoever has found one inside an epoch
 * section may read it until the section ends. One that puts has the block for its record with it,
 * so that nothing is refused any more when it is applied.
 *
 * Threads: under the partition's lock; reading, inside a section.
 */
#ifndef GRID_DATA_EFFECT_H
#define GRID_DATA_EFFECT_H

#include "grid/store/record.h"
#include "grid/store/slab.h"
#include "net/request.h"
#include "net/wire/sink.h"

enum effect_kind { EFFECT_PUT, EFFECT_ERASE, EFFECT_CLEAR, EFFECT_KINDS };

struct map;

struct effect {
    struct effect *older; /* in the table of those that are pending (pending.h) */
    struct map *map;
    uint64_t hash; /* of the key */
    uint64_t seq;  /* its place in the ring */
    struct lifetime life;
    struct owner source;
    struct slab *slab;
    struct slab_ahead record; /* EFFECT_PUT: the block for its record */
    slab_ref self;
    uint8_t kind;
    uint8_t why;    /* enum journal_kind: of EFFECT_ERASE and EFFECT_CLEAR */
    bool replaces;  /* there was an entry before */
    bool over;      /* whose time had come */
    bool counted;   /* it was charged to the map's limits; not, what another member has decided */
    int64_t growth; /* then: of the map, in bytes */
    struct data key, value;
    uint8_t bytes[]; /* of both */
};

/* Copies key and value. `like` has what the effect says; its key and value may be DATA_NULL.
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

/* Reads what effect_write wrote; everything is borrowed, and map is NULL. *ret_taken: the bytes of
 * it. MR_ERR_MALFORMED. */
mr_rc_t effect_read(const uint8_t *bytes, size_t size, struct effect *ret_like,
                    struct effect_name *ret_name, size_t *ret_taken);

#endif
