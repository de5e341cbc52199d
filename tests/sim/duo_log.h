/* duo_log.h - a control log that is as simple as can be, in place of the real one: few members, and
 * whole logs are compared and taken over.
 *
 * An entry is committed when a majority of the voters, as the log's last VOTERS entry has them, has
 * the leader's log up to there, in its term. With two voters that is both. Who is to lead takes the
 * best log of a majority: the one that was taken over in the latest term, then the longest.
 * A term is a generation and a count below it.
 */
#ifndef TESTS_SIM_DUO_LOG_H
#define TESTS_SIM_DUO_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum { DUO_SLOTS = 3, DUO_LOG_MAX = 4096, DUO_WRITES_MAX = 2048 };

enum duo_entry_kind {
    ENTRY_NOTHING,
    ENTRY_WRITE,  /* a: its number */
    ENTRY_VOTERS, /* a, b, c: voters; d: primary */
    ENTRY_DUO,    /* a: anchor */
    ENTRY_ATTACH, /* a: by whom; b, c: numbers of its out and in */
    ENTRY_DUO_END,
    ENTRY_MOVE /* d: primary */
};

struct duo_entry {
    enum duo_entry_kind kind;
    uint32_t a, b, c, d;
};

struct duo_log {
    struct duo_entry entries[DUO_LOG_MAX];
    uint32_t length, committed, applied;
    uint64_t term;     /* nothing of an earlier one is taken */
    uint64_t accepted; /* in which the log was taken over */
    bool leads;
    uint32_t began;           /* the length at which this leader's term began */
    uint32_t held[DUO_SLOTS]; /* by the others, as this leader knows */
    uint64_t held_by[DUO_SLOTS];
};

/* What the entries lead to. */
struct duo_applied {
    uint32_t voters[3], primary;
    uint32_t anchor;     /* 0: no duo */
    uint32_t role_index; /* of the last entry that took or gave a role */
    uint64_t store[DUO_WRITES_MAX / 64];
};

static inline uint64_t term_of(uint64_t generation)
{
    return generation << 32;
}

static inline uint64_t generation_of(uint64_t term)
{
    return term >> 32;
}

/* The voters, whether agreed or not. */
const struct duo_entry *log_voters(const struct duo_log *l);
uint32_t voters_count(const struct duo_entry *voters);
bool voters_have(const struct duo_entry *voters, uint64_t number);
uint64_t voters_other(const struct duo_entry *voters, uint64_t number); /* of two */

void log_append(struct duo_log *l, struct duo_entry e);

/* Of the leader, whose number is self: what a majority has. */
void log_commit(struct duo_log *l, uint64_t self);

/* Is an entry of that kind in the log and not applied? */
bool log_has_unapplied(const struct duo_log *l, enum duo_entry_kind kind);

bool log_is_better(uint64_t accepted, uint32_t length, const struct duo_log *than);

/* Puts the next committed entry into effect. */
const struct duo_entry *log_apply(struct duo_log *l, struct duo_applied *to);

static inline bool store_has(const struct duo_applied *a, uint32_t write)
{
    return a->store[write / 64] >> (write % 64) & 1;
}

#endif
