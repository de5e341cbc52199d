#include "grid/peers/gather.h"

#include <pthread.h>

#include "grid/door/away.h"
#include "grid/member.h"
#include "grid/peers/forward.h"
#include "net/base/mem.h"

/* ---- the table ------------------------------------------------------------------------------ */

enum merge {
    MERGE_NOT = 1, /* nobody knows how */
    MERGE_NOTHING, /* the answer says only that it is done */
    MERGE_SUM,     /* of numbers */
    MERGE_ANY,     /* is it true of one? */
    MERGE_ALL,     /* of each? */
    MERGE_LIST     /* one behind the other, in any order */
};

enum {
    ONCE = 1, /* must not be done a second time */
    KEYS = 2  /* comes with keys, which may all be of one partition */
};

static const struct row_of_message {
    uint8_t merge, is;
} rows[WIRE_COUNT] = {
    [WIRE_map_size_req] = {MERGE_SUM, 0},
    [WIRE_map_is_empty_req] = {MERGE_ALL, 0},
    [WIRE_map_contains_value_req] = {MERGE_ANY, 0},
    [WIRE_map_clear_req] = {MERGE_NOTHING, 0},
    [WIRE_map_evict_all_req] = {MERGE_NOTHING, 0},
    [WIRE_map_remove_all_req] = {MERGE_NOTHING, 0},
    [WIRE_map_add_index_req] = {MERGE_NOTHING, 0},
    [WIRE_map_key_set_req] = {MERGE_LIST, 0},
    [WIRE_map_values_req] = {MERGE_LIST, 0},
    [WIRE_map_entry_set_req] = {MERGE_LIST, 0},
    [WIRE_map_key_set_with_predicate_req] = {MERGE_LIST, 0},
    [WIRE_map_values_with_predicate_req] = {MERGE_LIST, 0},
    [WIRE_map_entries_with_predicate_req] = {MERGE_LIST, 0},
    [WIRE_map_project_req] = {MERGE_LIST, 0},
    [WIRE_map_project_with_predicate_req] = {MERGE_LIST, 0},
    [WIRE_map_get_all_req] = {MERGE_LIST, KEYS},
    [WIRE_map_put_all_req] = {MERGE_NOTHING, ONCE | KEYS},
    [WIRE_map_execute_on_keys_req] = {MERGE_LIST, ONCE | KEYS},
    [WIRE_map_execute_on_all_keys_req] = {MERGE_LIST, ONCE},
    [WIRE_map_execute_with_predicate_req] = {MERGE_LIST, ONCE},
    [WIRE_map_key_set_with_paging_predicate_req] = {MERGE_NOT, 0},
    [WIRE_map_values_with_paging_predicate_req] = {MERGE_NOT, 0},
    [WIRE_map_entries_with_paging_predicate_req] = {MERGE_NOT, 0},
    [WIRE_map_aggregate_req] = {MERGE_NOT, 0},
    [WIRE_map_aggregate_with_predicate_req] = {MERGE_NOT, 0},
    [WIRE_replicated_map_size_req] = {MERGE_SUM, 0},
    [WIRE_replicated_map_is_empty_req] = {MERGE_ALL, 0},
    [WIRE_replicated_map_contains_value_req] = {MERGE_ANY, 0},
    [WIRE_replicated_map_clear_req] = {MERGE_NOTHING, 0},
    [WIRE_replicated_map_key_set_req] = {MERGE_LIST, 0},
    [WIRE_replicated_map_values_req] = {MERGE_LIST, 0},
    [WIRE_replicated_map_entry_set_req] = {MERGE_LIST, 0},
    [WIRE_replicated_map_put_all_req] = {MERGE_NOTHING, ONCE | KEYS},
};

bool gather_takes(enum wire_id id, bool is_one)
{
    return rows[id].merge && !(is_one && (rows[id].is & KEYS));
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
    mr_rc_t rc;           /* what has gone wrong first */
    struct sink error;    /* the same in a member's own words, a message for the client */
    int64_t sum;
    bool any, all;
    struct sink items;
    uint32_t item_count;
    uint32_t count;
    struct part parts[CLUSTER_MEMBERS_MAX];
};

static void gather_free(struct gather *g)
{
    for (uint32_t i = 0; i < g->count; i++)
        mem_free(g->parts[i].share);
    sink_free(&g->items);
    sink_free(&g->error);
    session_unref(g->session);
    pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

/* What makes the answer too large counts for all of them together. */
static mr_rc_t add_items(struct gather *g, const struct wire_list *more)
{
    sink_put(&g->items, more->at, more->size);
    g->item_count += more->count;
    if (sink_state(&g->items) != MR_OK)
        return MR_ERR_MEMORY;
    return g->items.size > g->session->at->door->result_max ? MR_ERR_TOO_LARGE : MR_OK;
}

static mr_rc_t merge(struct gather *g, const union wire_message *m)
{
    switch (rows[g->id].merge) {
    case MERGE_SUM: g->sum += m->map_size_rsp.response; return MR_OK;
    case MERGE_ANY: g->any |= m->map_is_empty_rsp.response; return MR_OK;
    case MERGE_ALL: g->all &= m->map_is_empty_rsp.response; return MR_OK;
    case MERGE_LIST: return add_items(g, &m->map_key_set_rsp.response);
    default: return MR_OK;
    }
}

/* An answer, which may be an error. */
static mr_rc_t take(struct gather *g, struct wire_bytes answer)
{
    union wire_message m;
    struct wire_head head;
    const char *field;
    mr_rc_t rc = wire_read_head(answer.at, answer.size, &head);

    if (rc == MR_OK && head.type == WIRE_ERROR) {
        sink_put(&g->error, answer.at, answer.size);
        return MR_ERR_ARGUMENT; /* or any other: the words go first */
    }
    if (rc == MR_OK)
        rc = wire_find(head.type) == (int)g->id + 1
                 ? wire_decode(g->id + 1, answer.at, answer.size, &m, &field)
                 : MR_ERR_MALFORMED;
    return rc == MR_OK ? merge(g, &m) : rc;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void encode(const struct gather *g, struct sink *out)
{
    const struct wire_head head = {.correlation = g->correlation};
    const struct wire_list list = wire_list_of(&g->items, g->item_count);
    const int32_t sum = g->sum < INT32_MAX ? (int32_t)g->sum : INT32_MAX;
    const void *response[] = {[MERGE_NOTHING] = NULL,
                              [MERGE_SUM] = &sum,
                              [MERGE_ANY] = &g->any,
                              [MERGE_ALL] = &g->all,
                              [MERGE_LIST] = &list};

    wire_encode(g->id + 1, &head, response[rows[g->id].merge], out);
}

static void answer(struct gather *g)
{
    struct sink out = {.grows = true};

    if (g->error.size > 0 && sink_state(&g->error) == MR_OK) {
        session_pass(g->session, g->error.at, g->error.size);
        return;
    }
    if (g->rc == MR_OK)
        encode(g, &out);
    mr_rc_t rc = g->rc == MR_OK ? sink_state(&out) : g->rc;

    if (rc == MR_OK)
        session_pass(g->session, out.at, out.size);
    else
        forward_answer_error(g->session, g->correlation, rc);
    sink_free(&out);
}

/* What is to be said when somebody has not answered. */
static mr_rc_t translated(const struct gather *g, mr_rc_t rc)
{
    if (rc != MR_ERR_CLOSED && rc != MR_ERR_MOVED && rc != MR_ERR_OFFLINE)
        return rc;
    return rows[g->id].is & ONCE ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MOVED;
}

/* One is over that may say something. The last one answers. */
static void end(struct gather *g, mr_rc_t rc, struct wire_bytes said)
{
    pthread_mutex_lock(&g->lock);
    if (g->rc == MR_OK && rc == MR_OK && said.at)
        rc = take(g, said);
    if (g->rc == MR_OK)
        g->rc = translated(g, rc);
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

        if (to == NOBODY)
            return MR_ERR_OFFLINE;
        struct part *p = part_of(g, to, i, ps->count);

        if (!p)
            return MR_ERR_MEMORY;
        p->share[i / 8] |= (uint8_t)(1u << i % 8);
    }
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

    if (rows[c->id].merge == MERGE_NOT)
        return call_error(c, CODE_UNSUPPORTED, "java.lang.UnsupportedOperationException",
                          "%s: pages and aggregates of a map that several members have are not "
                          "served yet; ask for its entries",
                          wire_name(c->id));
    struct gather *g = mem_alloc_zero(sizeof *g);

    if (!g)
        return MR_ERR_MEMORY;
    g->session = c->session;
    g->client = c->client;
    g->id = c->id;
    g->correlation = c->head.correlation;
    g->all = g->error.grows = g->items.grows = true;
    pthread_mutex_init(&g->lock, NULL);
    session_ref(g->session);
    mr_rc_t rc = share_out(g, &m->partitions);

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
