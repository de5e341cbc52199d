/* ledger.h - the control log of one member: entries with numbers, behind a snapshot of what came
 * before them.
 *
 *     snapshot ──────────────▶│
 *              first ── kept ─┼── last
 *                             index
 *
 * Entries before the snapshot's index are kept for those who are only a little behind. An entry is
 * known by its index and its term: where two logs have the same at one index, they have the same
 * up to there, which is consensus' doing and not this file's.
 *
 * In memory. Where it is to be on disk besides, this is what has to be written.
 *
 * Invariants: indices follow one another without a gap; terms never fall; first <= index + 1.
 * Owns the bytes of its entries. Pure but for the heap; one thread at a time.
 */
#ifndef GRID_CLUSTER_LEDGER_H
#define GRID_CLUSTER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/base/error.h"

enum ledger_kind {
    LEDGER_COMMAND = 1, /* the owner's */
    LEDGER_BARRIER,     /* nothing: that it is committed says that all before it is */
    LEDGER_VOTERS       /* who counts, from here on */
};

struct ledger_entry {
    uint64_t term;
    enum ledger_kind kind;
    uint32_t size;
    void *bytes;
};

struct ledger {
    struct ledger_entry *entries; /* the one with number `first`, and so on */
    uint32_t count, room;
    uint64_t first;
    uint64_t index, term; /* of the last entry that the snapshot stands for; 0: there is none */
};

/* Empty. Nothing is allocated yet. */
void ledger_init(struct ledger *l);
void ledger_free(struct ledger *l);

static inline uint64_t ledger_last(const struct ledger *l)
{
    return l->first + l->count - 1;
}

/* Copies an entry behind the last one. MR_ERR_MEMORY. */
mr_rc_t ledger_append(struct ledger *l, const struct ledger_entry *e);

/* Drops the entry with this index and all behind it. */
void ledger_truncate(struct ledger *l, uint64_t from);

/* A snapshot stands for all up to this index, which is in the log; the last `keep` of them stay. */
void ledger_compact(struct ledger *l, uint64_t index, uint32_t keep);

/* A snapshot from elsewhere stands for all up to this index; nothing is kept. */
void ledger_reset(struct ledger *l, uint64_t index, uint64_t term);

/* NULL: it is not kept, or not there. Until the log changes. */
const struct ledger_entry *ledger_at(const struct ledger *l, uint64_t index);

/* 0: not known. 0 of index 0 too. */
uint64_t ledger_term(const struct ledger *l, uint64_t index);

/* All that must hold. Dies where it does not. */
void ledger_check(const struct ledger *l);

#endif
