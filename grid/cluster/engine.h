/* engine.h - the inside of consensus: libraft, the log beside it, and what follows from a step.
 *
 *     engine_step(event) ──▶ raft_step ──▶ entries, snapshot, messages: done at once
 *     engine_settle()    ──▶ tells libraft what has been done, until nothing is left;
 *                            applies what is committed; tells the owner
 *
 * For consensus.c, consensus_receive.c and engine.c, the only ones that know libraft.
 */
#ifndef GRID_CLUSTER_ENGINE_H
#define GRID_CLUSTER_ENGINE_H

#include <raft.h>

#include "grid/cluster/consensus.h"
#include "grid/cluster/ledger.h"
#include "net/base/rand.h"

enum { ADDRESS_MAX = 24 };

#define NUMBER_MAX (INT64_MAX / 2) /* what libraft adds to a term or an index fits */

/* Of another server, in this term, while this one leads. */
struct peer {
    uint64_t id;
    uint64_t stamp_ms;              /* what it last repeated of our clock */
    uint64_t sent_ms, last, commit; /* of the last append that was sent to it */
};

/* Whom we last took for the leader, and his clock then and ours. */
struct heard {
    uint64_t term, from, stamp, at_ms;
};

struct consensus {
    struct consensus_options options;
    const struct consensus_out *out;
    void *context;
    struct rand rand;
    struct raft raft;
    bool started, broken;
    uint64_t now_ms;

    struct ledger ledger;
    uint64_t applied;
    struct sink state, voters; /* of the snapshot */
    uint64_t voters_index;

    uint64_t stored; /* the ledger has all up to here, and libraft is to be told; 0: nothing */
    bool installed;  /* the snapshot is installed, and libraft is to be told */
    struct raft_snapshot_metadata install;

    struct peer peers[CONSENSUS_SERVERS_MAX];
    uint32_t peer_count;
    uint64_t peers_term;
    struct heard heard;
    bool leads_no_more;     /* whom libraft is just answering */
    uint64_t transfer_term; /* in which leadership was to be handed on */
    uint64_t beat_ms;       /* when it last sent to everybody, as leader */

    struct consensus_view told;
    uint64_t told_changed[2]; /* of which changes of servers the owner knows */
};

static inline void engine_set_now(struct consensus *c, uint64_t now_ms)
{
    if (now_ms > c->now_ms)
        c->now_ms = now_ms; /* libraft does without a clock that goes back */
}

/* ---- servers -------------------------------------------------------------------------------- */

/* As bytes, for each: its number, and whether it is a voter. libraft has a form of its own, which
 * it reads without looking where it ends; that one goes nowhere. */
enum { SERVER_BYTES = 9 };

void engine_write_servers(const struct raft_configuration *from, struct sink *out);

/* False, and nothing is made: they are no servers, or there is no memory. */
bool engine_read_servers(const void *bytes, uint32_t size, struct raft_configuration *ret);

bool engine_add_server(struct raft_configuration *to, uint64_t id, int role);

const struct raft_server *engine_server(const struct consensus *c, uint64_t id); /* NULL: none */
bool engine_voter(const struct consensus *c, uint64_t id);
bool engine_only_voter(const struct consensus *c); /* is this one */

/* NULL: there are too many that are none any more. */
struct peer *engine_peer(struct consensus *c, uint64_t id);

/* ---- what is so ----------------------------------------------------------------------------- */

bool engine_elected(const struct consensus *c);
bool engine_leads(const struct consensus *c);
uint64_t engine_leader(const struct consensus *c);
uint64_t engine_committed(const struct consensus *c);

/* ---- steps ---------------------------------------------------------------------------------- */

/* Returns libraft's error. */
int engine_step(struct consensus *c, struct raft_event *e);

/* Of a step that only fails when there is no memory, or the log contradicts what is committed. */
void engine_must_step(struct consensus *c, struct raft_event *e);

int engine_submit(struct consensus *c, enum raft_entry_type type, const void *bytes, size_t size);
void engine_settle(struct consensus *c);
void engine_break(struct consensus *c);

/* ---- entries for libraft -------------------------------------------------------------------- */

/* libraft wants the entries of a message in one piece of its own memory. */
struct engine_batch {
    struct raft_entry *entries;
    uint32_t count;
    struct sink bytes;
};

bool engine_batch_open(struct engine_batch *b, uint32_t room);

/* Until the batch is closed an entry's place is a distance. */
bool engine_batch_add(struct engine_batch *b, uint64_t term, enum ledger_kind kind,
                      const void *bytes, uint32_t size);
bool engine_batch_close(struct engine_batch *b);

/* What libraft did not get. */
void engine_batch_drop(struct engine_batch *b);

#endif
