/* copies.h - one partition on some members that die, are cut off, pause and come back; and whether
 * anything that was acknowledged is lost, or anything old is read.
 *
 *     clients ──▶ members, each a real struct replica ──▶ each other: late, lost, out of order
 *                    └── heartbeats, rows ── the register, which is never wrong and never away
 *
 * The register stands for the control log: it admits, expels and grants leases by the rules that
 * the protocol prescribes. It is one place here, so that what is tested is the copies alone; what
 * a command leads to, each member works out for itself, with the real struct metadata.
 *
 * Checked at every step: what is applied with a number is the same everywhere; a whole copy is what
 * the operations up to its number make of an empty store; what is acknowledged was applied under
 * its number; a read shows at least what was acknowledged, or shown, before it began; who is
 * asked is answered once. At the end, when all is quiet: those in sync have the same, and serve;
 * and what the clients asked and were told is linearizable, by the places that the answers have in
 * the order and without them.
 *
 *     copies.c            the members, what they send each other, and what befalls them
 *     copies_register.c   the register
 *     copies_clients.c    those who write and read
 */
#ifndef TESTS_SIM_COPIES_H
#define TESTS_SIM_COPIES_H

#include "grid/cluster/metadata.h"
#include "grid/cluster/mutant.h"
#include "grid/op/replica.h"
#include "tests/sim/history.h"
#include "tests/sim/sim.h"
#include "tests/sim/world.h"

enum {
    SLOTS = 5,
    ENTRIES = 24,
    CHUNK = 5, /* entries */
    CLIENTS = 4,
    LOG_MAX = 20000,
    COMMANDS_MAX = 4096,
    FAULTS_END_MS = 20000,
    QUIET_MS = 10000,
    LEASE_MS = 600,
    FAIL_MS = 1000,
    BEAT_MS = 100,
    FOUNDER = 1,
};

struct effect {
    uint32_t key;
    int32_t value; /* that it has then, of the history's values; nothing: the entry goes */
    int32_t said;  /* to who asked for it */
};

struct entry {
    uint64_t version;
    int32_t value; /* nothing: there is none */
};

/* A process; when it dies another takes its slot. */
struct process {
    uint64_t number; /* 0: none */
    bool cut;        /* from the others and from the register */
    uint64_t paused_until_ns;
    struct replica replica;
    struct entry entries[ENTRIES];
    uint64_t digest;
    uint32_t cursors[2 * COPIES_MAX][2]; /* of walks, by peer */
    struct metadata metadata;            /* as far as it has applied the log */
    uint64_t lease_until_ns;
    bool was_leased; /* when it last looked at it from time to time */
};

/* What the register knows of a process. */
struct known {
    uint64_t number;
    uint64_t heard_ns, granted_until_ns;
};

struct sim {
    struct world w;
    uint64_t seed;
    struct process at[SLOTS];
    uint64_t numbers;

    struct command commands[COMMANDS_MAX]; /* the control log */
    struct row rows[COMMANDS_MAX];         /* what each of them led to */
    struct metadata metadata;              /* after all of them */
    struct known known[SLOTS];
    uint64_t moving_until_ns; /* a primary is to be moved when its grant is over; 0: none */

    uint64_t log[LOG_MAX]; /* by number: the effect in one word, 0: not applied yet */
    uint64_t digests[LOG_MAX];
    struct entry model[ENTRIES];
    uint64_t applied, digest;

    struct history history;
    uint32_t processes;       /* that have asked for something */
    int64_t ids;              /* of what is put or appended */
    uint32_t doubts[ENTRIES]; /* operations of which nobody knows whether they were done */
    uint64_t shown;           /* the last number that was acknowledged or read */
    uint64_t reads, acknowledged, unknown;

    uint32_t copies;                                      /* wanted */
    uint32_t kill_in, cut_in, pause_in, move_in, lose_in; /* once in so many; 0: never */
    uint64_t usual_ns;                                    /* of a message */
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

enum kind { APPEND, ACK, CHUNK_OF, BEAT, GRANT, ADD };

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
        } add;
    };
};

/* ---- members ---- */

/* To 0: the register. */
struct message *message_new(enum kind kind, uint64_t from, uint64_t to);
void message_send(struct message *m);

/* What the first one who applied an operation has made of it, in one number. */
uint64_t word_of(const struct effect *e);

/* ---- the register ---- */

void register_ticks(void *context);
void register_takes(const struct message *m);
void register_expels(uint64_t number);
bool is_admitted(uint64_t number);
const struct row *row_now(void);

/* ---- clients ---- */

void client_starts(void);
void client_committed(struct replica *r, void *ticket, uint64_t seq);
void client_unknown(struct replica *r, void *ticket);

/* All that the primary holds is read; then the history is judged. */
void clients_end(const struct process *primary);

#endif
