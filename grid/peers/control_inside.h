/* control_inside.h - what the files of the control thread share.
 *
 * Threads: the control thread, but for what stands behind the lock.
 */
#ifndef GRID_PEERS_CONTROL_INSIDE_H
#define GRID_PEERS_CONTROL_INSIDE_H

#include <pthread.h>

#include "grid/cluster/balance.h"
#include "grid/cluster/consensus.h"
#include "grid/cluster/duo.h"
#include "grid/cluster/leaving.h"
#include "grid/cluster/stalls.h"
#include "grid/member.h"
#include "grid/peers/control.h"
#include "grid/peers/fellow.h"
#include "net/base/clock.h"
#include "grid/peers/gauges.h"

#define MS 1000000ull

enum {
    TICK_MS = 10,
    BEAT_MS = 100,
    LEASE_MS = 600,
    SUSPECT_MS = 500,
    FAIL_MS = 1000,
    STALL_MS = 250, /* between two ticks: our own; what went by says nothing about others */
    ELECTION_MS = 500,
    RAFT_BEAT_MS = 100,
    AGAIN_MS = 200,      /* forming, asking to be let in, being welcomed */
    ALONE_MS = 1500,     /* without a leader: perhaps expelled */
    FIRST_LOOK_MS = 500, /* before anything is promised: others start at the same moment */
    FORM_MS = 3000,
    PROMISE_MS = 2000,
    LOG_MAX = 4096,
    LOG_KEEP = 1024,
    WISHES_AT_ONCE = 64,
    OPEN_MS = 3000,          /* a client waits so long for a session */
    SESSION_TTL_MS = 300000, /* and has it so long without a word */
    SESSIONS_LOOK_MS = 1000
};

/* Another member, or an address where one may be. */
struct contact {
    struct fellow *fellow; /* NULL: none is wanted */
    struct address address;
    uint64_t incarnation; /* 0: not met yet */
    uint64_t server;      /* its raft number, as it has last said; 0: it has not */
    uint64_t applied;     /* by it, of the control log */
    struct detector detector;
    bool in; /* the cluster, as we know; then the detector counts */
    bool is_seed, is_forming;
    struct duo_channel channel; /* its, to us; number 0: none */
    uint64_t promised_ns;       /* by it, to us: until then */
};

enum { CONTACTS_MAX = CLUSTER_MEMBERS_MAX + CONTROL_SEEDS_MAX };

struct control {
    struct member *member;
    uint64_t generation; /* under the lock for other threads */
    struct loop *loop;
    struct transport *transport;
    bool is_started;
    struct loop_timer tick;
    bool stalled; /* before the last tick: not all may have been read since */
    uint64_t beaten_ns, again_ns, began_ns, elected_ns, led_ns;

    uint64_t self; /* incarnation */
    struct card card;
    enum control_state state;
    uint64_t server; /* raft number; 0: none yet */
    struct consensus *consensus;
    struct metadata metadata;
    uint64_t *seen; /* epoch by partition, as handed on */
    bool changed;   /* something is to be published */
    uint64_t proposed, proposed_term;
    uint64_t leader; /* as last published */
    struct gauges gauges;
    struct balance balance; /* of who leads */
    struct stalls stalls;   /* the same */
    struct duo duo;
    uint64_t attached_index; /* of the entry, in the log */
    uint64_t duo_asked_ns;   /* when this member, leading, last asked for one, or for its end */
    uint64_t renewed_ns;     /* our channel to the other of two */
    bool duo_ended;          /* the log says so: more may vote than two */
    bool fenced;
    struct leaving leaving;
    uint64_t leaving_told_ns; /* how far it is, last */
    bool is_let_go;           /* it has heard that it is out */
    uint32_t left;            /* it may end; any thread */

    struct list opening;       /* clients that wait for a session */
    struct session_kept *kept; /* by the session's number; who leads has to know */
    uint32_t kept_count;
    struct once_open *open; /* as handed on to the partitions */
    uint64_t opened_ns;     /* looked at last */

    struct address seeds[CONTROL_SEEDS_MAX];
    uint32_t seed_count, own_seed; /* own_seed == seed_count: it is not listed */
    uint64_t promised_ns;          /* by us, to `promised_to` */
    uint32_t promised_to;          /* a seed */
    struct contact contacts[CONTACTS_MAX];
    uint32_t contact_count;

    pthread_mutex_t lock; /* of what follows */
    struct control_view view;
    struct row *rows; /* as published */
};

/* ---- control.c, control_log.c: contacts, the log -------------------------------------------- */

static inline uint64_t control_now_ms(void)
{
    return clock_ns() / MS;
}

struct contact *control_contact(struct control *c, uint64_t incarnation);
struct contact *control_contact_at(struct control *c, const struct address *a);
struct contact *control_contact_of_server(struct control *c, uint64_t server);

/* At this address; NULL: there is no room. */
struct contact *control_contact_new(struct control *c, const struct address *to);

/* To another member, if there is a connection. */
void control_tell(struct control *c, uint64_t to, enum wire_id id, const void *message);

/* Is it in the cluster? And whose raft number is this; NULL: nobody's. */
bool control_has(const struct control *c, uint64_t incarnation);
const struct cluster_member *control_server(const struct control *c, uint64_t server);

/* Takes part in the log under a number that is new. */
mr_rc_t control_take_part(struct control *c, uint64_t server);

bool control_leads(const struct control *c, struct consensus_view *ret);
mr_rc_t control_propose(struct control *c, const struct command *x);

/* To the log, through its leader, where that is another. */
void control_wish_here(struct control *c, const struct command *x);

/* It is in no cluster any more: asks to be let into one of this generation. */
void control_rejoin(struct control *c, uint64_t generation);

/* ---- control_form.c ------------------------------------------------------------------------- */

/* While it is in no cluster. */
void control_form(struct control *c, uint64_t now_ns);

/* Says who we are to those who have to know. */
void control_greet(struct control *c);

void control_on_hello(struct control *c, struct contact *k, const struct member_hello *hello);
void control_on_welcome(struct control *c, const struct member_welcome *w);

/* ---- control_lead.c ------------------------------------------------------------------------- */

void control_beat(struct control *c, uint64_t now_ns);
void control_on_beat(struct control *c, uint64_t from, const struct member_beat *b);
void control_on_grant(struct control *c, const struct member_grant *g);

/* Of who leads, each tick; and now and then, to those who do not know yet that they are in. */
void control_lead(struct control *c, struct consensus_view *v, uint64_t now_ns);
void control_welcome(struct control *c);

void control_expel(struct control *c, uint64_t now_ns);

/* Of who leads: somebody wishes this. It is proposed, if there is nothing against it. */
void control_on_wish(struct control *c, const struct command *x);

/* One is dead: if it led, the next one does. */
void control_succeed(struct control *c, uint64_t dead);

/* ---- control_balance.c ---------------------------------------------------------------------- */

/* Of who leads, each tick. */
void control_balance(struct control *c, struct consensus_view *v);

void control_on_ask(struct control *c, uint64_t from, const struct member_ask *a);

/* ---- control_leave.c: this member leaves, see grid/cluster/leaving.h ------------------------ */

void control_leave_tick(struct control *c, uint64_t now_ns);

/* A member is about to be out: it is told, if it wants to leave. And here: others have done so. */
void control_let_go(struct control *c, uint64_t member);
void control_is_let_go(struct control *c);

/* One of two says that it has left, or whoever was left that this one is out. */
void control_on_goodbye(struct control *c, const struct contact *k, const struct member_goodbye *g);

/* ---- control_sessions.c: sessions of clients, see grid/op/sessions.h ------------------------ */

/* Which ones are open may have changed. */
void control_sessions_changed(struct control *c);

/* From time to time. */
void control_sessions_tick(struct control *c, uint64_t now_ns);

/* A client that has one was heard of. */
void control_on_keep(struct control *c, uint64_t session);

/* Nobody waits any more. */
void control_sessions_stop(struct control *c);
void control_sessions_free(struct control *c);

/* ---- control_view.c ------------------------------------------------------------------------- */

/* If something has changed. */
void control_publish(struct control *c);
const char *control_why_not(const struct control *c, const struct consensus_view *v, char *room,
                            size_t size);

/* ---- control_duo.c: two members, see grid/cluster/duo.h ------------------------------------- */

void control_duo_init(struct control *c, bool alone);

/* Something has happened that the duo has to know of; what follows from it is done. */
void control_duo(struct control *c, struct duo_event e);
bool control_is_attached(const struct control *c);
bool control_both_attached(struct control *c);

/* From time to time. */
void control_duo_tick(struct control *c, uint64_t now_ns);

/* An entry was stored, or a command applied. */
void control_duo_stored(struct control *c, const struct command *x, uint32_t voters);
void control_duo_applied(struct control *c, const struct command *x);

/* As a leader: false, and asked for, while two stay two until it is agreed that they do not. */
bool control_duo_may_widen(struct control *c, uint64_t now_ns);

#endif
