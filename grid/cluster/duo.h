/* duo.h - two members, each of which needs the other for everything; and when one of them may go
 * on alone, so that never both do.
 *
 *     OFF      not one of two, or that is not agreed yet: the control log decides as usual
 *     BOTH     each entry and each write needs both
 *     HOLDING  the other is silent: keeps what it has, answers nobody
 *     PARTING  the anchor: its channel is aborted, waits for the other's lease to end
 *     TAKING   will be alone: waits until all of the log is committed and applied here
 *     ALONE    serves, in a generation of its own
 *     FENCED   out of service for good: has left, or somebody has closed our descriptors, and the
 *              other may take that for our death
 *
 *     OFF ──agreed──▶ BOTH ──silence──▶ HOLDING (PARTING if anchor) ──heard──▶ BOTH
 *     BOTH, HOLDING ──FIN on the attached channel──▶ TAKING ──applied──▶ ALONE            (T1)
 *     PARTING ──the lease is over──▶ TAKING                                               (T2)
 *     BOTH, HOLDING ──the other says goodbye──▶ TAKING;  BOTH, HOLDING ──leaves──▶ FENCED
 *     HOLDING, OFF ──the operator says that the other is dead──▶ TAKING
 *     ALONE ──another has a copy, is a voter, agreed──▶ BOTH; until then it may change its mind
 *     any but TAKING, ALONE ──descriptor lost──▶ FENCED                                   (T5)
 *     any ──a higher generation is heard──▶ OFF, and joins that
 *
 * Why never both. Each writes last words to the other (net/last_words.h). T1 needs a FIN of the
 * other's channel, which a living process never sends; T2 aborts that channel first, after which no
 * FIN can come from it, dead or alive. So whoever has gone on by T2 leaves no evidence behind, and
 * whoever has left evidence has not gone on.
 *
 * A FIN counts on one channel only: the one that an entry of the log, which both have, names as
 * attached. Attached ends, on both sides, before anything can be agreed without both: with the
 * entry that ends the duo (as soon as it is in the log, agreed or not), and when T2 is called off
 * after its abort: then the duo is agreed anew before it goes on. T2 ends with that entry as well:
 * the other may be in a majority of three by then.
 *
 * Somebody may have closed our descriptors, which is a FIN that cannot be taken back. So whoever
 * aborts looks whether the channel is still ours, and if not, says that it is foreign before the
 * next step; T2 goes on only in a step after that.
 *
 * Who is anchor is agreed, too: from the moment on at which an entry that names another is in the
 * log, agreed or not, nobody is, until it is applied.
 *
 * What is proposed needs the log's leader, which asks for it when it is one of the two. Grants and
 * acknowledgements by which the other's lease goes on are told here when they are sent, on this
 * member's clock.
 *
 * Who is given a state instead of entries is told what that state says in their place: joined, then
 * agreed, if a duo with this member in it is.
 *
 * Pure: no clock, no I/O. One thread at a time.
 */
#ifndef GRID_CLUSTER_DUO_H
#define GRID_CLUSTER_DUO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grid/cluster/detector.h"

enum duo_takeover {
    DUO_BY_EVIDENCE, /* a FIN, for both; silence, for the anchor */
    DUO_BY_OPERATOR, /* no FIN is believed: where something on the way may forge one */
    DUO_BY_TIMEOUT   /* after some silence, whoever it is: both may go on, and one side is lost */
};

struct duo_config {
    enum duo_takeover takeover;
    uint64_t timeout_ns;
    uint64_t lease_ns; /* 600 ms */
};

enum duo_state { DUO_OFF, DUO_BOTH, DUO_HOLDING, DUO_PARTING, DUO_TAKING, DUO_ALONE, DUO_FENCED };

/* A channel of last words. Its number is the writer's, used once. */
struct duo_channel {
    uint64_t number; /* 0: none */
    uint64_t generation;
    bool direct; /* both see the same addresses */
};

enum duo_event_kind {
    DUO_TICK,         /* word: of the other */
    DUO_HEARD,        /* something from the other: of generation, which reads our channel number */
    DUO_IN,           /* the other has said HELLO: channel */
    DUO_OUT,          /* we have: channel */
    DUO_IN_DEAD,      /* the verdict on the channel number */
    DUO_IN_BROKEN,    /* the same */
    DUO_EXTENDED,     /* sent, by which the other's lease goes on */
    DUO_IS_AGREED,    /* entry applied: a duo with this anchor */
    DUO_APPENDED,     /* entry in the log, agreed or not: a duo with this anchor */
    DUO_WIDENED,      /* entry in the log, agreed or not: number of voters, more than one */
    DUO_IS_ATTACHED,  /* entry applied: out and in, as this member sees them */
    DUO_END_APPENDED, /* entry in the log, agreed or not */
    DUO_IS_ENDED,     /* that entry applied */
    DUO_HAS_JOINED,   /* is sent a copy, in generation; does not count yet */
    DUO_IS_SINGLE,    /* what force_single asked for: all is applied */
    DUO_IS_FOREIGN,   /* the descriptor of our channel is not ours any more */
    DUO_LEAVE,        /* this member leaves: all it was asked is answered */
    DUO_GOODBYE,      /* the other has said that it has left, and is out of service for good */
    DUO_TAKE_OVER     /* the operator says that the other is dead */
};

struct duo_event {
    enum duo_event_kind kind;
    enum detector_word word;
    bool in_silent; /* TICK: nothing has come on the other's channel for suspect_ns */
    uint64_t generation;
    uint64_t number; /* of a channel; how many voters */
    struct duo_channel channel;
    uint64_t anchor;
    uint64_t out, in; /* numbers of channels */
};

enum duo_proposal { DUO_PROPOSE_NOTHING, DUO_PROPOSE_DUO, DUO_PROPOSE_ATTACH };

/* To be done in this order. */
struct duo_actions {
    bool fence;        /* answers nobody, and ends its process: only a new one can come back */
    bool abort_out;    /* all channels of which we are the writer; or else DUO_IS_FOREIGN */
    bool force_single; /* in generation; then DUO_IS_SINGLE */
    bool join;         /* the other's, of a higher generation, as a learner; offers what it holds */
    uint64_t generation;
    bool dial; /* the other's channel, anew */
    enum duo_proposal propose;
    uint64_t out, in; /* to attach */
};

struct duo {
    struct duo_config config;
    uint64_t self, anchor;
    uint64_t generation;
    enum duo_state state;
    struct duo_channel in, out;         /* the last ones that are there */
    uint64_t attached_in, attached_out; /* 0: not attached */
    uint64_t peer_reads;                /* the channel of ours that the other says it reads */
    bool widened;  /* ALONE: the log needs both, but the other can do nothing yet */
    bool rearming; /* a duo has to be agreed anew before it goes on */
    bool ending;   /* the entry that ends it is in the log */
    uint64_t extended_ns, alone_at_ns, held_since_ns, proposed_ns, dialled_ns;
};

/* In the state OFF. */
void duo_init(struct duo *d, const struct duo_config *config, uint64_t self, uint64_t generation,
              bool alone);

/* Something has happened; what is to be done about it. */
struct duo_actions duo_step(struct duo *d, const struct duo_event *e, uint64_t now_ns);

/* May this member answer, as far as the other is concerned? */
static inline bool duo_serves(const struct duo *d)
{
    return d->state == DUO_OFF || d->state == DUO_BOTH || d->state == DUO_ALONE;
}

/* Why it is as it is, and what to type, in one line; returns out. */
const char *duo_why(const struct duo *d, char *out, size_t size);

/* All that must hold. Dies where it does not. */
void duo_check(const struct duo *d);

#endif
