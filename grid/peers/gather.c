#include "grid/peers/gather.h"

#include <pthread.h>

#include "grid/door/away.h"
#include "grid/door/entries.h"
#include "grid/member.h"
#include "grid/peers/forward.h"
#include "grid/peers/merge.h"
#include "net/base/mem.h"

bool gather_takes(enum wire_id id, bool is_one)
{
    return merge_is_shared(id) && !(is_one && merge_has_keys(id));
}

/* ---- what has come together so far ---------------------------------------------------------- */

struct part {
    struct forward forward;
    struct gather *of;
    uint32_t partition; /* the first one of its share, by whose connection it goes */
    uint8_t *share;
};

struct gather {
    struct session *session;
    struct wire_uuid client;
    enum wire_id id; /* of the request */
    int64_t correlation;
    pthread_mutex_t lock; /* for what is below */
    uint32_t left;        /* that may still say something: parts, and who sends them */
    mr_rc_t rc;           /* what has gone wrong first; but that a share has moved: */
    bool moved;           /* one was refused whole, */
    bool done;            /* another was done, or perhaps */
    struct sink error;    /* the same in a member's own words, a message for the client */
    struct merge_of_answers *merge;
    uint32_t count;
    struct part parts[CLUSTER_MEMBERS_MAX];
};

static void gather_free(struct gather *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        mem_free(g->parts[i].share);
    merge_free(g->merge);
    sink_free(&g->error);
    session_unref(g->session);
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

/* An answer, which may be an error. */
static mr_rc_t take(struct gather *g, struct wire_bytes answer)
{
    struct wire_head head;
    mr_rc_t rc = wire_read_head(answer.at, answer.size, &head);

    if (rc == MR_OK && head.type == WIRE_ERROR) {
        sink_put(&g->error, answer.at, answer.size);
        return MR_ERR_ARGUMENT; /* or any other: the words go first */
    }
    return rc == MR_OK ? merge_take(g->merge, answer.at, answer.size) : rc;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static bool has_part(const struct gather *g, uint64_t incarnation)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->parts[i].forward.to == incarnation)
            return true;
    return false;
}

/* One that has come while it was done everywhere else may not have been taught it: teach.h. */
static bool is_everywhere(const struct gather *g)
{
    uint64_t all[CLUSTER_MEMBERS_MAX];
    uint32_t n = crew_list(&g->session->at->door->member->crew, all);

    for (uint32_t i = 0; i < n; i++)
        if (!has_part(g, all[i]))
            return false;
    return true;
}

/* When somebody has not answered: what must not be done twice can be asked for again only if none
 * of it was done. */
static mr_rc_t outcome(const struct gather *g)
{
    if (g->rc != MR_OK || !g->moved)
        return g->rc;
    return merge_is_once(g->id) && g->done ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MOVED;
}

static void answer(struct gather *g)
{
    struct sink out = {.grows = true};
    mr_rc_t rc = outcome(g);

    if (g->error.size > 0 && sink_state(&g->error) == MR_OK) {
        session_pass(g->session, g->error.at, g->error.size);
        return;
    }
    if (rc == MR_OK && merge_is_everywhere(g->id) && !is_everywhere(g))
        rc = MR_ERR_MOVED;
    if (rc == MR_OK)
        rc = merge_answer(g->merge, g->correlation, &out);
    if (rc == MR_OK && merge_of(g->id) == MERGE_CLEAR) {
        struct wire_bytes name;
        uint64_t cleared = merge_cleared(g->merge, &name);

        entries_tell_cleared(g->session->at->door->member, g->id, name, cleared);
    }
    if (rc == MR_OK)
        session_pass(g->session, out.at, out.size);
    else
        forward_answer_error(g->session, g->correlation, rc);
    sink_free(&out);
}

/* One share: refused whole, so that nothing was done of it, or else. MR_ERR_CLOSED: perhaps. */
static void note(struct gather *g, mr_rc_t rc)
{
    bool moved = rc == MR_ERR_MOVED || rc == MR_ERR_OFFLINE;

    g->moved |= moved || rc == MR_ERR_CLOSED;
    g->done |= !moved;
    if (g->rc == MR_OK && !moved && rc != MR_ERR_CLOSED)
        g->rc = rc;
}

/* One is over that may say something. The last one answers; who sends them says nothing. */
static void end(struct gather *g, mr_rc_t rc, struct wire_bytes said)
{
    pthread_mutex_lock(&g->lock);
    if (rc == MR_OK && said.at && g->rc == MR_OK)
        rc = take(g, said);
    if (rc != MR_OK || said.at)
        note(g, rc);
    bool is_last = --g->left == 0;

    pthread_mutex_unlock(&g->lock);
    if (!is_last)
        return;
    answer(g);
    gather_free(g);
}

static void over(struct forward *f, mr_rc_t rc, struct wire_bytes said)
{
    end(list_owner(f, struct part, forward)->of, rc, said);
}

static void drop(struct forward *f)
{
    struct gather *g = list_owner(f, struct part, forward)->of;

    pthread_mutex_lock(&g->lock);
    bool is_last = --g->left == 0;

    pthread_mutex_unlock(&g->lock);
    if (is_last)
        gather_free(g);
}

/* ---- giving it out -------------------------------------------------------------------------- */

/* The part of this member, begun if it has none yet. NULL: no memory. */
static struct part *part_of(struct gather *g, uint64_t to, uint32_t partition, uint32_t partitions)
{
    static const struct forward_events events = {over, drop};
    struct part *p = g->parts;

    while (p < g->parts + g->count && p->forward.to != to)
        p++;
    if (p < g->parts + g->count)
        return p;
    if (g->count == CLUSTER_MEMBERS_MAX)
        return NULL;
    *p = (struct part){{.to = to, .events = &events}, g, partition, NULL};
    g->count++;
    p->share = mem_alloc_zero((partitions + 7) / 8);
    return p->share ? p : NULL;
}

static mr_rc_t share_out(struct gather *g, const struct partitions *ps)
{
    for (uint32_t i = 0; i < ps->count; i++) {
        uint64_t to = load_acquire_64(&ps->primaries[i]);

        if (to == NOBODY && merge_is_everywhere(g->id))
            continue; /* nobody can do it there */
        if (to == NOBODY)
            return MR_ERR_OFFLINE;
        struct part *p = part_of(g, to, i, ps->count);

        if (!p)
            return MR_ERR_MEMORY;
        p->share[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return MR_OK;
}

/* Those who are primary of nothing have an empty share. */
static mr_rc_t share_with_all(struct gather *g, struct member *m)
{
    uint64_t all[CLUSTER_MEMBERS_MAX];
    uint32_t n = crew_list(&m->crew, all);

    if (!part_of(g, m->partitions.self, 0, m->partitions.count))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        if (!part_of(g, all[i], 0, m->partitions.count))
            return MR_ERR_MEMORY;
    return MR_OK;
}

static void send(struct gather *g, struct part *p, struct member *m, struct wire_bytes message)
{
    uint32_t partition = p->partition;
    uint64_t to = p->forward.to;
    struct sink out = {.grows = true};
    int64_t call = forward_wait(m, &p->forward, partition);
    struct wire_bytes share = {p->share, (m->partitions.count + 7) / 8};

    wire_encode(WIRE_member_gather, &(struct wire_head){.partition = -1},
                &(struct member_gather){call, g->client, share, message}, &out);
    mr_rc_t rc = sink_state(&out);

    if (to != m->partitions.self)
        forward_send(m, to, partition, call, &out);
    else if (rc != MR_OK || (rc = away_give_share(g->session, out.at, out.size)) != MR_OK)
        forward_over(&m->forwards, call, rc);
    sink_free(&out);
}

/* Some that are not reached are better found before anything is done. */
static mr_rc_t reach(const struct gather *g, struct member *m)
{
    for (uint32_t i = 0; i < g->count; i++) {
        const struct part *p = &g->parts[i];

        if (p->forward.to != m->partitions.self &&
            !crew_reaches(&m->crew, p->forward.to, p->partition))
            return MR_ERR_MOVED;
    }
    return MR_OK;
}

mr_rc_t gather_give(struct call *c, const uint8_t *bytes, size_t size)
{
    struct member *m = c->member;
    struct gather *g = mem_alloc_zero(sizeof *g);

    if (!g)
        return MR_ERR_MEMORY;
    g->session = c->session;
    g->client = c->client;
    g->id = c->id;
    g->correlation = c->head.correlation;
    g->error.grows = true;
    pthread_mutex_init(&g->lock, NULL);
    session_ref(g->session);
    mr_rc_t rc = merge_new(c->id, bytes, size, c->session->at->door->result_max, &g->merge, c->err);

    if (rc == MR_OK)
        rc = share_out(g, &m->partitions);
    if (rc == MR_OK && merge_is_everywhere(c->id))
        rc = share_with_all(g, m);
    if (rc != MR_OK || (rc = reach(g, m)) != MR_OK) {
        gather_free(g);
        return rc;
    }
    g->left = g->count + 1;
    for (uint32_t i = 0; i < g->count; i++)
        send(g, &g->parts[i], m, (struct wire_bytes){bytes, (uint32_t)size});
    end(g, MR_OK, (struct wire_bytes){0});
    return MR_OK;
}
