/* map_write.h - how an entry of a map is written and erased, by whoever has decided that.
 *
 *     alone in the partition     map_put, map_erase ──▶ the store, at once
 *     with copies elsewhere      map_put, map_erase ──▶ an effect in the ring
 *                                     all in sync have it ──▶ map_apply ──▶ the store
 *
 * Both ways end in the same two functions, which see to indexes, limits, counts, the journal and
 * whoever wants to know. What was decided elsewhere is applied the same way.
 *
 * Threads: under the partition's lock, inside an epoch section.
 */
#ifndef GRID_DATA_MAP_WRITE_H
#define GRID_DATA_MAP_WRITE_H

#include "grid/data/map.h"
#include "grid/op/copies.h"

/* What there will be for a key once all that is pending is committed; else, what there is. */
struct entry {
    bool present;
    bool over; /* it is not, since its time has come */
    struct data value;
    uint64_t version;
    struct lifetime life;
    uint32_t block; /* bytes of its record; 0: there is none, over or not */
    bool pending;
};

/* A place in a map, and what is there. */
struct place_of_key {
    struct map *map;
    uint32_t partition;
    struct spot spot;
    struct entry now;
    const struct once *once; /* what was asked for, if that is to be remembered with the effect */
};

/* Of what nobody asks for: an entry ends, or makes room. */
extern const struct owner map_nobody;

/* For stores, which know no locks: what must stay. */
struct held {
    struct map *map;
    uint32_t partition;
};

bool map_is_held(void *context, const struct record *r);

/* Changes go into a ring first. */
static inline bool map_is_shared(const struct map *m, uint32_t partition)
{
    const struct copies *c = m->partitions->at[partition].copies;

    return c && !copies_are_alone(c);
}

void map_locate(struct map *m, uint32_t partition, uint64_t hash, const struct data *key,
                struct place_of_key *ret);

/* *ret_version: of the entry from now on. Errors of store_write, MR_ERR_FULL for the map's limits:
 * nothing has changed. */
mr_rc_t map_put(struct place_of_key *at, const struct data *value, struct lifetime life,
                const struct owner *source, uint64_t *ret_version);

/* An entry that is there, over or not. MR_ERR_MEMORY, MR_ERR_FULL: nothing has changed. */
mr_rc_t map_erase(struct place_of_key *at, enum journal_kind why, const struct owner *source);

/* Takes out all that is not locked. MR_ERR_MEMORY, MR_ERR_FULL: some of it may be out. */
mr_rc_t map_clear_part(struct map *m, uint32_t partition, enum journal_kind why);

/* An entry has gone from the store, or is about to: what goes with it. */
void map_gone(struct map *m, uint32_t partition, enum journal_kind why, const struct record *r);

void map_tell(struct map *m, uint32_t partition, const struct journal_event *event);

/* Is there anybody to tell? */
/* To those who watch, whoever is primary. */
void map_tell_all(struct map *m, uint32_t partition, const struct journal_event *event);

bool map_is_heard(const struct map *m, uint32_t partition);

/* Accounts of the map's own limits; a map without them does not write the shared words. */
static inline bool map_charge(struct account *a, uint64_t amount)
{
    return a->limit == UINT64_MAX || account_charge(a, amount);
}

static inline void map_refund(struct account *a, uint64_t amount)
{
    if (a->limit != UINT64_MAX)
        account_return(a, amount);
}

#endif
