/* leaving.h - how a member leaves its cluster so that nothing waits for it and nothing is lost.
 *
 *     NOT        it stays
 *     ASKING     wishes that it be agreed that it leaves
 *     GIVING     what it has goes to those who stay (balance.h), leading to another who votes
 *     LINGERING  has nothing more; clients that have not heard of that yet are answered
 *     PARTING    says goodbye, or waits until it is agreed that it is out
 *     OVER       may end
 *
 *     NOT ──begin──▶ ASKING ──agreed──▶ GIVING ──has nothing──▶ LINGERING ──▶ PARTING ──out──▶ OVER
 *     any but NOT ──there are no others, or it is in no cluster──▶ OVER
 *     GIVING ──not agreed any more: it has to stay──▶ ASKING
 *
 * Of two that need each other (duo.h) the one that stays goes on by itself when it hears goodbye;
 * else the log says who is out. Should neither come through, a member that has nothing ends all the
 * same: the others see its death, which costs them nothing.
 *
 * Nobody decides here how long all of it may take: who asked for it gives up waiting.
 *
 * Pure: no clock, no I/O. One thread at a time.
 */
#ifndef GRID_CLUSTER_LEAVING_H
#define GRID_CLUSTER_LEAVING_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LEAVING_AGAIN_MS = 200, /* what was wished may have been lost */
    LEAVING_TRANSFER_MS = 1000,
    LEAVING_LINGERS_MS = 300, /* a client hears within that who has what now */
    LEAVING_FLUSH_MS = 50,    /* a goodbye is on its way */
    LEAVING_PARTS_MS = 3000
};

enum leaving_state {
    LEAVING_NOT,
    LEAVING_ASKING,
    LEAVING_GIVING,
    LEAVING_LINGERING,
    LEAVING_PARTING,
    LEAVING_OVER
};

/* How things are, as far as this member knows. */
struct leaving_facts {
    bool in;     /* the cluster */
    bool agreed; /* that it leaves */
    bool leads;
    bool two;        /* it is one of two that need each other, and its death could be seen */
    uint32_t others; /* in the cluster */
    uint32_t copies; /* that it has of partitions, in any way */
};

struct leaving_actions {
    bool ask;      /* that it be agreed */
    bool transfer; /* who leads is to be another */
    bool goodbye;  /* to the other of two; from then on it takes part in nothing */
    bool ask_out;  /* that it be out */
};

struct leaving {
    enum leaving_state state;
    uint64_t asked_ms, since_ms; /* last asked for something; in this state */
    bool said_goodbye;
};

void leaving_begin(struct leaving *l, uint64_t now_ms);

/* From time to time: what is to be done. */
struct leaving_actions leaving_step(struct leaving *l, const struct leaving_facts *f,
                                    uint64_t now_ms);

/* In a word, for the log. */
const char *leaving_word(const struct leaving *l);

/* All that must hold. Dies where it does not. */
void leaving_check(const struct leaving *l);

#endif
