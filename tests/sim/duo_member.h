/* duo_member.h - one member of duo_world.h: its messages, its log, its channels. */
#ifndef TESTS_SIM_DUO_MEMBER_H
#define TESTS_SIM_DUO_MEMBER_H

#include "tests/sim/duo_world.h"

static inline uint64_t duo_now(void)
{
    return duo_world->w.now_ns;
}

/* The member's own clock, which is a little fast or slow. */
static inline uint64_t duo_clock(const struct duo_member *m)
{
    return duo_now() + 1000 * MS + (uint64_t)((int64_t)(duo_now() / 1000000) * m->drift_ppm);
}

/* Zeroed memory that is freed with the world at the latest. NULL is fine to free. */
void *duo_alloc(size_t size);
void duo_free(void *memory);

void duo_begin_ticks(struct duo_member *m);
void duo_found(struct duo_member *m);

/* To the leader, which may be this one. May be lost. */
void duo_propose(struct duo_member *m, struct duo_entry e);

/* An event for the decider; what it wants is done. */
void duo_happens(struct duo_member *m, struct duo_event e);

void duo_say_goodbye(struct duo_member *m);

/* Told to the world. */
void duo_is_alone(struct duo_member *m);
void duo_acknowledge(struct duo_member *m, uint32_t write);

/* ---- last words: duo_channel.c -------------------------------------------------------------- */

void channel_dial(struct duo_member *m);
bool channel_abort_out(struct duo_member *m); /* false: it was not ours any more */
void channel_tell_out(struct duo_member *m);
void channel_forget_in(struct duo_member *m);
void channel_beat(struct duo_member *m);
void channel_listen(struct duo_member *m);

void duo_heard_from(struct duo_member *m, uint64_t number);
struct duo_member *duo_find(uint64_t number);

#endif
