/* duo_world.h - two members, sometimes three: real detectors and deciders (grid/cluster/duo), on a
 * simple log (duo_log.h) and simulated kernels (kernel.h).
 *
 *     clients ──▶ member ── log, heartbeats, grants ──▶ member        messages: late, or never
 *                    └───── last words (kernel.h) ─────────▶
 *
 * A member is a process in a slot, which is a host; when it dies another may take the slot, and has
 * nothing. One member leads; one, the leader or not, is primary and answers clients: reads by its
 * lease, writes when all voters hold them and it has applied them.
 *
 * What is checked, always: two are never alone; who goes on alone has all that was acknowledged,
 * unless an operator made it and all who held it are dead; a read shows all that was acknowledged
 * before it began, with one exception: a process whose descriptors were all closed may serve old
 * reads until its lease is over.
 *
 * duo.c runs it by chance, tests/stress/duo_rows.c by script.
 */
#ifndef TESTS_SIM_DUO_WORLD_H
#define TESTS_SIM_DUO_WORLD_H

#include "grid/cluster/detector.h"
#include "grid/cluster/duo.h"
#include "net/base/list.h"
#include "tests/sim/duo_log.h"
#include "tests/sim/kernel.h"
#include "tests/sim/world.h"

enum { DUO_LEASE_MS = 600, DUO_BEAT_MS = 100, DUO_PENDING_MAX = 64 };

struct duo_pending {
    uint32_t write; /* 0: none */
    uint32_t index; /* applied at; 0: not yet */
    uint64_t began_ns;
};

struct duo_member {
    uint32_t slot;
    uint64_t number; /* of the process; 0: none */
    uint64_t paused_until_ns;
    int64_t drift_ppm;
    uint64_t foreign_ns; /* since when its descriptors are closed; 0: they are not */
    bool by_operator;

    struct duo duo;
    struct duo_log log;
    struct duo_applied state;
    struct detector seen[DUO_SLOTS]; /* the others */
    uint64_t seen_number[DUO_SLOTS];
    uint64_t leader, peer;

    struct kernel_end *in, *dialling, *out;
    uint64_t in_heard_ns; /* by its own clock */
    uint64_t in_from, dialling_from, out_to;

    uint64_t lease_until_ns; /* this and what follows by its own clock */
    uint64_t echoed_ns[DUO_SLOTS], granted_ns[DUO_SLOTS];
    uint64_t wait_until_ns; /* elected: before it does anything */
    uint32_t safe;          /* all voters have the log up to here */
    bool parked;            /* gives the primary's role away */
    struct duo_pending pending[DUO_PENDING_MAX];
};

struct duo_world {
    struct world w;
    struct kernel k;
    struct list memory; /* that events have in hand */
    struct duo_member at[DUO_SLOTS];
    uint64_t numbers, generations;
    struct duo_config config;
    struct detector_config detector;
    uint64_t usual_ns;  /* of a message */
    uint32_t wanted;    /* members */
    bool proxied;       /* what ends connections of its own is on the way */
    uint32_t move_in;   /* the primary is given away once in so many ticks; 0: never */
    uint32_t anchor_in; /* the anchor is another */

    uint32_t writes; /* begun */
    uint64_t acked[DUO_WRITES_MAX / 64];
    uint64_t holders[DUO_WRITES_MAX][3];
    uint64_t acknowledged, reads, refused, lost, takeovers;
    uint64_t last_ack_ns, outage_ns; /* the longest time between two */
    uint64_t stuck_ns[DUO_SLOTS];
    bool has_operator; /* takes over where it is certain that all others are dead */
};

extern struct duo_world *duo_world;

/* Whatever cannot go on calls this; who runs the world defines it. */
void sim_failed(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

void duo_world_begin(uint64_t seed, bool told);
void duo_world_end(void);

/* ---- what happens to processes and hosts ---------------------------------------------------- */

void duo_start(uint32_t slot);
void duo_kill(uint32_t slot, uint64_t exit_delay_ns); /* its FIN comes that much later */
void duo_power_off(uint32_t slot);                    /* nothing comes */
void duo_pause(uint32_t slot, uint64_t ns);
void duo_leave(uint32_t slot);                   /* tells the other, and ends */
void duo_fork(uint32_t slot, uint64_t lives_ns); /* a child that has all descriptors */
void duo_close_all(uint32_t slot);               /* somebody closes all its descriptors */
void duo_dial_again(uint32_t slot);              /* though there is a channel */
void duo_cut(uint32_t from, uint32_t to, enum kernel_way way);
void duo_operator(uint32_t slot); /* says that all others are dead */

/* ---- clients -------------------------------------------------------------------------------- */

void duo_write(uint32_t slot);
void duo_read(uint32_t slot, uint64_t takes_ns);
bool duo_member_serves(const struct duo_member *m);

#endif
