/* near.h - copies of a map's entries in the client's own memory, and the proof that none of them is
 * older than is allowed.
 *
 *     get ──▶ near_find ── a copy ──────────────────────────────▶ answered here
 *                └─ none: a claim ──▶ member ──▶ answer ──▶ near_fill, if the claim still holds
 *     member ── invalidation (partition, number, key) ──▶ near_invalidated: the copy goes
 *     member ── the last number of each partition ──────▶ near_checked: what was missed shows
 *
 * Each change of an entry bears the next number of its partition, and is told to every client that
 * keeps copies. From time to time the members are asked for their last numbers. Whoever has heard
 * of all numbers up to such a one has heard of every change that was acknowledged before it was
 * asked for. So a copy is good for `stale_max` after the beginning of the last such question, and
 * for no longer: if messages are lost or a member falls silent, reads go to the members again.
 *
 *     number after the last   the key's copy goes
 *     a number left out       a change was missed: the partition's copies go
 *     another partition UUID  its numbers begin anew: the same
 *     no key                  the map was cleared: all copies go. The numbers of the partition of
 *                             the map's name count these, so a gap there stands for all, too,
 *                             and no copy is good for longer than one of that partition is
 *
 * Copies do not go by being looked for, but by a generation: each bears its partition's, and those
 * of an older one are not found, and evicted first. A claim is the generation and the key's
 * version, taken before the member is asked; if either has moved on when the answer comes, the
 * answer may be older than what was told meanwhile, and is not kept. A program's own writes move
 * the version when they begin and when they end, so that its reads show its writes; an answer
 * moves it too, so that its reads never go back.
 *
 * That an entry is not there is kept as well. The end of an entry by its ttl is a change when the
 * member takes it out, as it does with all that have ended, going round.
 *
 * Threads: finding takes no lock, inside an epoch section; filling and forgetting lock one of
 * NEAR_SHARDS shards. What says so is the loop's. No clock, no socket: times are arguments.
 */
#ifndef CLIENT_NEAR_H
#define CLIENT_NEAR_H

#include "net/request.h"
#include "net/wire/wire.h"

enum { NEAR_SHARDS = 16 };

struct near;

struct near_config {
    const char *map; /* its name */
    uint32_t partitions;
    uint64_t max_bytes; /* of copies; tables take an eighth of that besides, at most */
    uint64_t stale_max_ns;
};

struct near_claim {
    uint64_t generation;
    uint32_t version;
};

/* MR_ERR_MEMORY. */
mr_rc_t near_new(const struct near_config *c, struct near **ret_n);

/* Nobody reads any more. NULL is fine. */
void near_free(struct near *n);

/* True: *ret_value is the value, DATA_NULL if there is no entry, and good until the caller's epoch
 * section ends. False: ask, and fill with *ret_claim. */
bool near_find(struct near *n, const struct data *key, uint64_t now_ns, struct data *ret_value,
               struct near_claim *ret_claim);

/* An answer: keeps a copy, if the claim holds and there is room, and ends all other claims. */
void near_fill(struct near *n, const struct data *key, const struct data *value,
               struct near_claim claim);

/* No copy that was there, or is under way, will be found. */
void near_forget(struct near *n, const struct data *key);
void near_forget_all(struct near *n);

void near_facts(struct near *n, struct near_facts *ret_facts);

/* ---- the loop ------------------------------------------------------------------------------- */

/* A change was told; a batch of them is. */
void near_invalidated(struct near *n, const struct map_invalidation_event *e);
void near_invalidated_many(struct near *n, const struct map_batch_invalidation_event *e);

/* A member has answered what was asked at asked_ns: the last numbers of its partitions.
 * MR_ERR_MALFORMED: partitions that there are not. */
mr_rc_t near_checked(struct near *n, uint64_t asked_ns,
                     const struct map_fetch_near_cache_invalidation_metadata_rsp *a);

/* Some member is not heard any more. */
void near_lost(struct near *n);

/* How often to check. */
uint64_t near_check_ns(const struct near *n);

#endif
