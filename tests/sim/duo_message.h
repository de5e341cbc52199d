/* duo_message.h - what the members of duo_world.h tell each other, and who listens to what. */
#ifndef TESTS_SIM_DUO_MESSAGE_H
#define TESTS_SIM_DUO_MESSAGE_H

#include "tests/sim/duo_member.h"

enum duo_message_kind { APPEND, ACK, BEAT, GRANT, VOTE, PROMISE, PROPOSE, GOODBYE };

struct duo_message {
    enum duo_message_kind kind;
    uint64_t from, to, term;
    uint64_t reads;   /* the channel of the receiver that the sender reads */
    uint64_t sent_ns; /* by the clock of whom it is for: BEAT, GRANT; APPEND, ACK */
    uint64_t span_ns; /* GRANT */
    uint64_t accepted;
    uint32_t first, count, committed, safe, length, applied;
    bool misfit, whole;
    struct duo_entry *entries; /* APPEND, PROMISE */
    struct duo_entry entry;    /* PROPOSE */
};

struct duo_message *duo_message_new(struct duo_member *m, enum duo_message_kind kind, uint64_t to);
void duo_message_send(struct duo_message *x);
void duo_message_copy_entries(struct duo_message *x, const struct duo_log *l, uint32_t first);

/* Knows of a later reign: nothing of its own counts any more. */
void duo_step_down(struct duo_member *m, uint64_t term);

/* The whole log, from a leader of another term or from who lets another lead. */
void duo_take_whole(struct duo_member *m, const struct duo_message *x);

/* ---- leases, elections, and what a leader wants: duo_lead.c --------------------------------- */

void lead_on_beat(struct duo_member *m, const struct duo_message *x);
void lead_on_grant(struct duo_member *m, const struct duo_message *x);
void lead_on_vote(struct duo_member *m, const struct duo_message *x);
void lead_on_promise(struct duo_member *m, const struct duo_message *x);

/* From time to time. */
void lead_work(struct duo_member *m);

#endif
