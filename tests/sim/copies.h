/* copies.h - one partition on some members that die, are cut off, pause and come back; and whether
 * anything that was acknowledged is lost, or anything old is read.
 *
 *     clients ──▶ members, each a real struct replica ──▶ each other: late, lost, out of order
 *                    └── heartbeats, rows ── the register, which is never wrong and never away
 *
 * Some members stall: their beats come, and either they take nothing that they are sent, or what
 * they acknowledge is lost. A primary has to notice, and to go on without them.
 *
 * The register stands for the control log and its leader: it admits, expels, grants leases, has
 * primaries handed over and opens and expires sessions by the rules that the protocol prescribes.
 * It is one place here, so that what is tested is the copies alone; what a command leads to, each
 * member works out for itself, with the real struct metadata.
 *
 * Checked at every step: what is applied with a number is the same everywhere; a whole copy is what
 * the operations up to its number make of an empty store; what is acknowledged was applied under
 * its number; a read shows at least what was acknowledged, or shown, before it began; who is
 * asked is answered once; and the sessions are to a whole copy what they are to the first that
 * came so far. At the end, when all is quiet: those in sync have the same, and serve; and what the
 * clients asked and were told is linearizable, by the places that the answers have in the order
 * and without them. Clients ask again until they know, so a counter shows what is done twice.
 *
 *     copies.c            the members, what they send each other, and what befalls them
 *     copies_register.c   the register
 *     copies_clients.c    those who write and read
 *     copies_answers.c    what a member does with what it is asked
 */
#ifndef TESTS_SIM_COPIES_H
#define TESTS_SIM_COPIES_H

#include "grid/cluster/metadata.h"
#include "grid/cluster/mutant.h"
#include "grid/op/replica.h"
#include "grid/op/sessions.h"
#include "tests/sim/history.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

enum {
    SLOTS = 5,
    ENTRIES = 24,
    CHUNK = 5,  /* entries */
    PART = 400, /* bytes of sessions, in a chunk */
    CLIENTS = 4,
    SESSION_BYTES = 1 << 20,
    LINKS = 2, /* of clients with the cluster, each shared by some */
    LOG_MAX = 20000,
    CONTROL_MAX = 4096,
    FAULTS_END_MS = 20000,
    QUIET_MS = 12000,
    STALL_SEEN_MS = 1000, /* of the quiet: what is written then */
    STALL_ENDS_MS = 4000, /* must be committed now, though one member has stalled */
    LEASE_MS = 600,
    FAIL_MS = 1000,
    BEAT_MS = 100,
    FOUNDER = 1,
};

struct effect {
    uint32_t key;
    int32_t value; /* that it has then, of the history's values; nothing: the entry goes */
    int32_t said;  /* to who asked for it */
    uint32_t size; /* of that, as if it were long */
    struct session_call call;
    uint64_t expires; /* a session, and does nothing else; 0: none */
    uint64_t early;   /* is done early, to the chain, and does nothing else; 0: no such thing */
};

/* What each early operation makes of what it finds, so that their order shows. */
struct chain {
    uint64_t state, seq;
};

enum { PUT_OFF_MAX = 4096 };

struct entry {
    uint64_t version;
    int32_t value; /* nothing: there is none */
};

/* What lies behind a chunk of a walk. */
struct cursor {
    uint64_t walk, number; /* of the chunk */
    uint32_t entry;
    struct sessions_place session;
    bool sessions_done;
};

/* A process; when it dies another takes its slot. */
struct process {
    uint64_t number; /* 0: none */
    bool cut;        /* from the others and from the register */
    uint64_t paused_until_ns, stalled_until_ns;
    bool mute; /* stalled: its acknowledgements are lost; else it takes nothing */
    struct replica replica;
    struct entry entries[ENTRIES];
    uint64_t digest;
    struct sessions sessions;
    struct chain chain;
    struct {
        uint64_t seq, word;
    } put_off[PUT_OFF_MAX];
    uint32_t put_off_count;
    struct cursor cursors[SLOTS + 1][2]; /* of walks, by the slot of the peer */
    struct metadata metadata;            /* as far as it has applied the log */
    uint64_t control;                    /* the last entry of it */
    uint64_t lease_until_ns;
    bool was_leased; /* when it last looked at it from time to time */
};

/* What the register knows of a process. */
struct known {
    uint64_t number;
    uint64_t heard_ns, granted_until_ns;
    uint64_t added_epoch; /* when it was last added to those in sync; 0: never */
};

/* Of the control log. The number of a session is that of the entry that opened it. */
struct control {
    enum { CONTROL_COMMAND, CONTROL_OPEN, CONTROL_EXPIRE } kind;
    struct command command;
    struct row row;      /* that it led to */
    uint64_t expired_by; /* OPEN: the entry; 0: none yet */
};

/* Several clients use one session, and number what they ask for together. */
struct link {
    uint64_t session; /* 0: none */
    uint64_t opno;    /* the last one */
};

struct client {
    uint32_t link;
    bool waits;
    struct event asked;
    struct session_call call;
    uint64_t turn, attempt; /* of this turn */
    uint64_t began_shown;   /* the last number that was shown when it began */
    uint64_t until_ns;      /* it asks again */
    bool doubt;             /* it may have been done */
};

/* What a client is told. Of all but OK it is not known, or not so. */
enum reply {
    REPLY_OK,
    REPLY_AGAIN, /* nothing has been done for that: ask again, another perhaps */
    REPLY_UNKNOWN,
    REPLY_EXPIRED,
    REPLY_STALE /* it was said to be complete */
};

/* What a client asks of a member, once; and the answer. */
struct request {
    uint32_t client;
    uint64_t turn, attempt;
    struct event asked, answer;
    struct session_call call;
    uint64_t began_shown;
    uint64_t to, epoch;
    enum reply reply;
    bool over;
};

struct sim {
    struct world w;
    uint64_t seed;
    struct process at[SLOTS];
    uint64_t numbers;

    struct control control[CONTROL_MAX + 1]; /* the log; the first entry is 1 */
    uint64_t controls;
    struct metadata metadata; /* after all of them */
    struct known known[SLOTS];
    uint64_t moving_until_ns; /* a primary is to be moved when its grant is over; 0: none */
    uint64_t moving_reign;    /* that one: another has grants of its own */
    uint64_t handed_over, called_off, shrunk;
    uint64_t must_end, must_end_reign; /* what one that stalls may not hold up; 0: nothing */

    uint64_t log[LOG_MAX]; /* by number: the effect in one word, 0: not applied yet */
    uint64_t digests[LOG_MAX];
    struct entry model[ENTRIES];
    struct sessions sessions;
    uint64_t session_digests[LOG_MAX];
    struct chain chain;
    uint64_t chains[LOG_MAX];
    uint64_t early; /* operations that were done so */
    uint64_t applied, digest;

    struct client clients[CLIENTS];
    struct link links[LINKS];
    struct history history;
    uint32_t processes;       /* that have asked for something */
    int64_t ids;              /* of what is put or appended */
    uint32_t doubts[ENTRIES]; /* operations of which nobody knows whether they were done */
    uint64_t shown;           /* the last number that was acknowledged or read */
    uint64_t reads, acknowledged, unknown;
    uint64_t repeated, expired; /* answers from memory, sessions */

    uint32_t copies;                                      /* wanted */
    uint32_t kill_in, cut_in, pause_in, move_in, lose_in; /* once in so many; 0: never */
    uint32_t expire_in;
    uint32_t hand_over_in, learn_in;
    uint32_t stall_in, hasty_in; /* a member stalls; a primary takes one to have stalled */
    uint32_t apply_in;           /* a member applies what is agreed, when it looks */
    uint64_t usual_ns;           /* of a message */
    bool quiet;
};

extern struct sim *s; /* the run that there is */

#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            sim_failed(__VA_ARGS__);                                                               \
    } while (0)

static inline uint64_t now_ns(void)
{
    return s->w.now_ns;
}

static inline struct process *find_process(uint64_t number)
{
    for (int i = 0; i < SLOTS; i++)
        if (number != 0 && s->at[i].number == number)
            return &s->at[i];
    return NULL;
}

static inline bool leased(const struct process *p)
{
    return now_ns() < p->lease_until_ns;
}

enum kind { APPEND, ACK, CHUNK_OF, BEAT, GRANT, ADD, HAND_OVER, READY, CALL_OFF, SHRINK };

struct message {
    enum kind kind;
    uint64_t from, to; /* 0: the register */
    union {
        struct {
            struct replica_append a;
            struct replica_op ops[64];
        } append;
        struct replica_ack ack;
        struct {
            struct replica_chunk c;
            struct entry entries[CHUNK];
            uint32_t first, count;
            struct sink sessions;
            struct chain chain; /* of the last one */
        } chunk;
        struct {
            uint64_t sent_ns;
            uint64_t index; /* applied */
        } beat;
        struct {
            uint64_t until_ns;
        } grant;
        struct {
            uint64_t member, epoch;
        } about; /* ADD and those that follow */
    };
};

/* ---- members ---- */

/* To 0: the register. */
struct message *message_new(enum kind kind, uint64_t from, uint64_t to);
void message_send(struct message *m);

/* ---- the register ---- */

void register_ticks(void *context);
void register_takes(const struct message *m);
void register_expels(uint64_t number);
bool is_admitted(uint64_t number);
const struct row *row_now(void);
uint64_t register_opens(void);                            /* a session */
bool session_is_open(uint64_t session, uint64_t control); /* as far as that entry */

/* ---- answers ---- */

void request_arrives(void *context);
void request_committed(struct replica *r, void *ticket, uint64_t seq);
void request_unknown(struct replica *r, void *ticket);
void fetch(const struct process *p, struct event *e);

/* Has what the control log has expired forgotten. */
void expire_sessions(struct process *p);

/* The next link of a chain. */
void chain_do(struct chain *c, uint64_t seq, uint64_t word);

/* What a client was told about what was remembered. */
struct session_result remembered(const struct effect *e, uint64_t epoch, uint64_t seq);

/* ---- clients ---- */

void client_starts(uint32_t client);
void client_told(void *context);

/* All that the primary holds is read; then the history is judged. */
void clients_end(const struct process *primary);

#endif
