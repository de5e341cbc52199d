#include "client/remote.h"

#include <stdio.h>
#include <string.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/littleend.h"
#include "net/base/log.h"
#include "net/base/mem.h"

enum { OUT_KEPT = 64 * 1024, TICK_NS_MAX = 250000000 };

/* Whoever tells of the cluster is asked for a sign of life, and left for another. */
enum { VIEW_PING_NS = 500000000, VIEW_SILENCE_NS = 1000000000 };

/* ---- what others see ------------------------------------------------------------------------ */

/* Words about why there is no connection, for whoever has to say so. */
static void note(struct remote *r, const char *words)
{
    pthread_mutex_lock(&r->lock);
    snprintf(r->words, sizeof r->words, "%s", words);
    pthread_mutex_unlock(&r->lock);
}

/* The members as others may see them. Without memory for a new list the old one stays. */
static void publish_members(struct remote *r)
{
    uint32_t n = r->route.member_count;
    struct member_facts *members = mem_realloc(r->members, (n + 1) * sizeof *members);

    if (!members)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct route_member *m = &r->route.members[i];

        members[i] = (struct member_facts){m->uuid.high, m->uuid.low, ""};
        if (m->reachable)
            (void)address_text(&m->address, members[i].address);
    }
    r->members = members;
    r->member_count = n;
}

/* A member of Hazelcast has no partitions to tell of until somebody has asked it something: after a
 * tick without them, calls go to whoever is there. */
static bool is_known(const struct remote *r)
{
    return r->state == REMOTE_JOINED && r->route.members_version > 0 &&
           (r->route.partitions_version > 0 || r->unpartitioned);
}

static void publish(struct remote *r)
{
    pthread_mutex_lock(&r->lock);
    publish_members(r);
    if (!r->ready) /* it never changes, and is read without the lock once all is ready */
        r->partitions = r->route.partition_count;
    r->ready |= is_known(r);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static struct remote_call *call_of(struct invocation *i)
{
    return list_owner(i, struct remote_call, in);
}

static void finish(struct remote *r, struct remote_call *c, mr_rc_t rc)
{
    if (c->in.due.in)
        invoke_end(&r->calls, &c->in);
    numbered_done(&c->number);
    c->rc = rc;
    c->over(c);
}

static void arm(struct remote *r);

static void on_due(void *context)
{
    struct remote *r = context;

    r->due_ns = LOOP_NEVER;
    arm(r);
}

/* Sees to it that the first call that is due is looked at in time. */
static void arm(struct remote *r)
{
    uint64_t now_ns = clock_ns();
    uint64_t first_ns = r->calls.due.first ? r->calls.due.first->key : LOOP_NEVER;

    if (first_ns <= now_ns)
        tasklet_wake(&r->taker);
    if (first_ns <= now_ns || first_ns >= r->due_ns)
        return;
    r->due_ns = first_ns;
    timer_start_on_loop(r->loop, &r->due, first_ns - now_ns, 0, on_due, r);
}

static struct peer *first_open(struct remote *r)
{
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state == PEER_OPEN)
            return p;
    }
    return NULL;
}

static struct peer *peer_of(struct remote *r, const struct wire_uuid *uuid)
{
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state != PEER_ENDED && uuid_equal(&p->member, uuid))
            return p;
    }
    return NULL;
}

/* Who has the partition, or else anybody, who passes it on. */
static struct peer *peer_for(struct remote *r, int32_t partition)
{
    const struct wire_uuid *owner = route_owner(&r->route, partition);
    struct peer *p = owner ? peer_of(r, owner) : NULL;

    return p && p->state == PEER_OPEN ? p : first_open(r);
}

/* Where the number of a call stands in its message, which was made without one. */
static void put_correlation(uint8_t *message, int64_t correlation)
{
    put_le64(message + FRAME_HEADER + 4, (uint64_t)correlation);
}

/* Asks for a session, or that it stays open, if it is time. */
static void ask_session(struct remote *r)
{
    struct peer *p = first_open(r);

    if (!p || !numbered_asks(&r->numbered, clock_ns()))
        return;
    r->session_peer = p;
    r->session_correlation = remote_number(r);
    peer_send(p, WIRE_client_open_session_req, r->session_correlation,
              &(struct client_open_session_req){0});
}

/* With its number, inside another message. */
static mr_rc_t send_numbered(struct remote *r, struct remote_call *c)
{
    const struct wire_head head = {.correlation = c->in.correlation, .partition = c->partition};
    const struct client_once_req q = {(int64_t)c->number.session,
                                      (int64_t)c->number.opno,
                                      (int64_t)c->number.first,
                                      {c->request.at, (uint32_t)c->request.size}};

    r->out.size = 0;
    wire_encode(WIRE_client_once_req, &head, &q, &r->out);
    mr_rc_t rc = sink_state(&r->out);

    if (rc == MR_OK)
        conn_send(&c->peer->conn, r->out.at, r->out.size);
    else
        sink_free(&r->out);
    return rc;
}

/* False: it waits for a session, or is over. */
static bool take_turn(struct remote *r, struct remote_call *c)
{
    enum numbered_turn turn = numbered_take(&r->numbered, &c->number, clock_ns());

    if (turn == NUMBERED_LOST && c->in.doubtful) {
        finish(r, c, MR_ERR_OUTCOME_UNKNOWN);
        return false;
    }
    if (turn == NUMBERED_LOST) {
        numbered_drop(&c->number);
        turn = numbered_take(&r->numbered, &c->number, clock_ns());
    }
    c->in.numbered = turn == NUMBERED_GOES;
    if (turn == NUMBERED_WAITS)
        ask_session(r);
    return turn != NUMBERED_WAITS;
}

/* Sends it, if there is anybody to send it to. */
static void try_send(struct remote *r, struct remote_call *c)
{
    struct peer *p = peer_for(r, c->partition);

    if (!p || (c->number.wanted && !take_turn(r, c)))
        return;
    c->peer = p;
    put_correlation(c->request.at, c->in.correlation);
    list_remove(&c->in.node);
    list_add_last(&p->sent, &c->in.node);
    invoke_sent(&r->calls, &c->in);
    if (!c->in.numbered)
        conn_send(&p->conn, c->request.at, c->request.size);
    else if (send_numbered(r, c) != MR_OK)
        finish(r, c, c->in.doubtful ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MEMORY);
}

static void send_waiting(struct remote *r)
{
    struct list waiting, *node;

    list_init(&waiting);
    list_move(&r->waiting, &waiting);
    while ((node = list_take_first(&waiting))) {
        list_add_last(&r->waiting, node);
        try_send(r, call_of(list_owner(node, struct invocation, node)));
    }
}

static void fail_waiting(struct remote *r, mr_rc_t rc)
{
    struct list *node;

    while ((node = list_take_first(&r->waiting))) {
        struct remote_call *c = call_of(list_owner(node, struct invocation, node));

        finish(r, c, c->in.doubtful ? MR_ERR_OUTCOME_UNKNOWN : rc);
    }
}

static void decide(struct remote *r, struct remote_call *c, struct invoke_verdict v)
{
    if (v.what == INVOKE_OVER) {
        finish(r, c, v.rc);
        return;
    }
    list_remove(&c->in.node);
    list_add_last(&r->waiting, &c->in.node);
    if (v.what == INVOKE_AGAIN)
        try_send(r, c);
}

void remote_start(struct remote *r, struct remote_work *w)
{
    struct remote_call *c = list_owner(w, struct remote_call, work);

    if (r->state == REMOTE_OVER) {
        finish(r, c, MR_ERR_CLOSED);
    } else if (r->state == REMOTE_SEEKING && r->reconnect == REMOTE_RECONNECT_ASYNC) {
        finish(r, c, MR_ERR_CONNECT);
    } else {
        invoke_begin(&r->calls, &c->in);
        list_add_last(&r->waiting, &c->in.node);
        try_send(r, c);
    }
}

static void look_at_due(struct remote *r)
{
    uint64_t now_ns = clock_ns();
    struct invocation *i;

    while ((i = invoke_due(&r->calls, now_ns)))
        decide(r, call_of(i), invoke_time(&r->calls, i, now_ns));
}

/* ---- answers -------------------------------------------------------------------------------- */

static bool keep_answer(struct remote_call *c, const uint8_t *bytes, size_t size)
{
    c->answer = size <= sizeof c->room ? c->room : mem_alloc(size);
    if (!c->answer)
        return false;
    memcpy(c->answer, bytes, size);
    c->answer_size = size;
    return true;
}

/* Without memory for the answer a read has failed, but of a write it is not known any more. */
static void answer(struct remote *r, struct remote_call *c, const uint8_t *bytes, size_t size,
                   mr_rc_t rc)
{
    if (!keep_answer(c, bytes, size))
        rc = c->in.repeatable ? MR_ERR_MEMORY : MR_ERR_OUTCOME_UNKNOWN;
    finish(r, c, rc);
}

/* What was not done in a session that is over is done in the next one, if it is known not to be. */
static int32_t session_over(struct remote *r, struct remote_call *c)
{
    numbered_ended(&r->numbered, c->number.session);
    if (c->in.doubtful)
        return CODE_SESSION_OVER;
    numbered_drop(&c->number);
    return CODE_RETRYABLE;
}

/* Of which a session is. Who came in while it was still being formed was told another. */
static void know_cluster(struct remote *r, const struct wire_uuid *cluster)
{
    if (cluster->null)
        return;
    if (r->numbered.last != 0 && !uuid_equal(cluster, &r->cluster_id))
        numbered_forget(&r->numbered);
    r->cluster_id = *cluster;
}

/* About a session. One that is asked for something else than it knows will never know it. */
static void take_session(struct remote *r, const struct wire_head *head, const uint8_t *bytes,
                         size_t size)
{
    struct client_open_session_rsp a;
    struct wire_error e = {.code = -1};
    const char *field;

    r->session_peer = NULL;
    if (head->type == WIRE_ERROR) {
        (void)!wire_read_error(bytes, size, &e);
        if (fault_of_code(e.code)->fate == FAULT_FINAL)
            numbered_opened(&r->numbered, 0);
        else
            numbered_not_now(&r->numbered);
    } else if (wire_decode(WIRE_client_open_session_rsp, bytes, size, &a, &field) == MR_OK &&
               a.session >= 0) {
        know_cluster(r, &a.cluster);
        numbered_opened(&r->numbered, (uint64_t)a.session);
    }
    send_waiting(r);
}

static void refusal(struct remote *r, struct remote_call *c, const uint8_t *bytes, size_t size)
{
    struct wire_error e = {.code = -1};

    (void)!wire_read_error(bytes, size, &e);
    if (e.code == CODE_SESSION_OVER)
        e.code = session_over(r, c);
    struct invoke_verdict v = invoke_refused(&r->calls, &c->in, fault_of_code(e.code), clock_ns());

    if (v.what == INVOKE_OVER)
        answer(r, c, bytes, size, v.rc);
    else
        decide(r, c, v);
    arm(r);
}

/* ---- who is in the cluster ------------------------------------------------------------------ */

static void connect_members(struct remote *r);

static void take_view(struct remote *r, const struct wire_head *head, const uint8_t *bytes,
                      size_t size)
{
    union wire_message m;
    const char *field;
    int id = wire_find(head->type);
    mr_rc_t rc = MR_NOT_FOUND;

    if (id == WIRE_client_members_view_event || id == WIRE_client_partitions_view_event)
        rc = wire_decode((enum wire_id)id, bytes, size, &m, &field);
    else
        return;
    if (rc == MR_OK)
        rc = id == WIRE_client_members_view_event
                 ? route_take_members(&r->route, &m.client_members_view_event)
                 : route_take_partitions(&r->route, &m.client_partitions_view_event);
    if (rc >= MR_ERR_MEMORY)
        log_event(LOG_WARN, "client.view_refused", F_RC("why", rc));
    connect_members(r);
    publish(r);
}

/* Asks one peer to tell of the cluster; another one's numbers do not count for it. */
static void watch_views_of(struct remote *r, struct peer *p)
{
    r->view_peer = p;
    r->view_correlation = remote_number(r);
    route_forget_versions(&r->route);
    peer_send(r->view_peer, WIRE_client_add_cluster_view_listener_req, r->view_correlation,
              &(struct client_add_cluster_view_listener_req){0});
}

static void watch_views(struct remote *r)
{
    struct peer *p = r->view_peer ? NULL : first_open(r);

    if (p)
        watch_views_of(r, p);
}

/* A member that stands still does not tell that others have expelled it, and so calls would
 * wait for it as long as for anybody. Where another is heard meanwhile, that one is to tell. */
static void doubt_views(struct remote *r, uint64_t now_ns)
{
    struct peer *liveliest = r->view_peer;

    if (!r->view_peer || r->calls.count == 0 || now_ns - r->view_peer->heard_ns < VIEW_PING_NS)
        return;
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state != PEER_OPEN)
            continue;
        if (p->heard_ns > liveliest->heard_ns)
            liveliest = p;
        peer_ping(p, now_ns, VIEW_PING_NS);
    }
    if (liveliest != r->view_peer && now_ns - r->view_peer->heard_ns > VIEW_SILENCE_NS)
        watch_views_of(r, liveliest);
}

static bool is_tried(struct remote *r, const struct route_member *m)
{
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (uuid_equal(&p->member, &m->uuid) ||
            (p->state == PEER_OPENING && address_equal(&p->address, &m->address)))
            return true;
    }
    return false;
}

static bool try_address(struct remote *r, const struct address *to)
{
    struct peer *p;

    if (peer_new(r, to, &p) != MR_OK)
        return false;
    list_add_last(&r->peers, &p->node);
    return true;
}

/* One connection to each member; those whose member has left are given up. */
static void connect_members(struct remote *r)
{
    if (r->state != REMOTE_JOINED || r->route.members_version == 0)
        return;
    for (uint32_t i = 0; i < r->route.member_count; i++) {
        const struct route_member *m = &r->route.members[i];

        if (m->reachable && !is_tried(r, m))
            (void)try_address(r, &m->address);
    }
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state == PEER_OPEN && !route_find(&r->route, &p->member))
            peer_end(p, MR_ERR_CONNECT, "it has left the cluster");
    }
}

/* ---- seeking -------------------------------------------------------------------------------- */

static uint32_t candidates(const struct remote *r)
{
    return r->address_count + r->route.member_count;
}

/* The address to try next: those that were told, then those that the members had. */
static const struct address *candidate(const struct remote *r)
{
    uint32_t i = r->dial.next;

    if (i < r->address_count)
        return &r->addresses[i];
    i -= r->address_count;
    return i < r->route.member_count && r->route.members[i].reachable ? &r->route.members[i].address
                                                                      : NULL;
}

static void seek(void *context);

/* The last try has failed. */
static void try_later(struct remote *r)
{
    uint64_t ms = dial_failed(&r->dial, candidates(r), rand_next(&r->chance));

    if (ms > 0)
        timer_start_on_loop(r->loop, &r->redial, ms * 1000000, 0, seek, r);
}

static void seek(void *context)
{
    struct remote *r = context;

    while (r->state == REMOTE_SEEKING && list_is_empty(&r->peers) &&
           !timer_is_running(&r->redial)) {
        const struct address *to = candidate(r);

        if (to && try_address(r, to))
            return;
        try_later(r);
    }
}

static void give_up(struct remote *r, mr_rc_t rc)
{
    r->state = REMOTE_OVER;
    pthread_mutex_lock(&r->lock);
    r->failed = rc;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    fail_waiting(r, rc);
    subscriptions_over(r);
}

/* ---- peers that come and go ----------------------------------------------------------------- */

bool remote_is_joined(const struct remote *r)
{
    return r->state == REMOTE_JOINED;
}

static mr_rc_t not_admitted(struct peer *p, const char *why)
{
    peer_end(p, MR_ERR_LOGIN, "%s", why);
    return MR_ERR_LOGIN;
}

mr_rc_t remote_admits(struct remote *r, struct peer *p, const struct client_authentication_rsp *a)
{
    bool other = r->cluster_known && !uuid_equal(&r->cluster_id, &a->cluster_id);

    if (other && r->state == REMOTE_JOINED)
        return not_admitted(p, "it is of another cluster than the one this client is connected to");
    if (r->route.partition_count == 0 && route_begin(&r->route, a->partition_count) != MR_OK)
        return not_admitted(p, "its number of partitions cannot be");
    if ((int32_t)r->route.partition_count != a->partition_count)
        return not_admitted(p, "it has another number of partitions than before");
    if (a->member_uuid.null || peer_of(r, &a->member_uuid))
        return not_admitted(p, "it is connected already");
    p->member = a->member_uuid;
    r->cluster_id = a->cluster_id;
    r->cluster_known = true;
    if (other)
        numbered_forget(&r->numbered);
    return MR_OK;
}

void remote_peer_ready(struct remote *r, struct peer *p)
{
    char text[ADDRESS_TEXT];

    log_event(LOG_INFO, "client.joined", F_STR("client", r->client), F_STR("cluster", r->cluster),
              F_STR("member", address_text(&p->address, text)));
    dial_succeeded(&r->dial);
    timer_cancel_on_loop(r->loop, &r->redial);
    r->state = REMOTE_JOINED;
    r->was_joined = true;
    numbered_hope(&r->numbered);
    watch_views(r);
    subscriptions_peer_ready(r, p);
    send_waiting(r);
}

void remote_peer_ended(struct remote *r)
{
    tasklet_wake(&r->taker);
}

static void describe_end(struct remote *r, const struct peer *p)
{
    char text[ADDRESS_TEXT], words[REMOTE_WORDS];

    snprintf(words, sizeof words, "%s: %s", address_text(&p->address, text), p->words);
    note(r, words);
    log_event(p->was_open ? LOG_WARN : LOG_DEBUG, p->was_open ? "client.lost" : "client.not_joined",
              F_STR("client", r->client), F_STR("member", text), F_STR("why", p->words));
}

/* What was sent there and has no answer is decided anew. */
static void lose_calls(struct remote *r, struct peer *p)
{
    struct list sent, *node;

    list_init(&sent);
    list_move(&p->sent, &sent);
    while ((node = list_take_first(&sent))) {
        struct invocation *i = list_owner(node, struct invocation, node);

        decide(r, call_of(i), invoke_lost(&r->calls, i));
    }
}

static void session_peer_lost(struct remote *r)
{
    r->session_peer = NULL;
    numbered_not_now(&r->numbered);
}

/* A login that is refused before anything worked is a mistake to be told, not one to be repeated;
 * later it may be that of a member that is just starting. */
static void lose_peer(struct remote *r, struct peer *p)
{
    list_remove(&p->node);
    describe_end(r, p);
    if (r->view_peer == p)
        r->view_peer = NULL;
    if (r->session_peer == p)
        session_peer_lost(r);
    subscriptions_peer_lost(r, p);
    if (r->state == REMOTE_JOINED && !first_open(r))
        r->state = REMOTE_SEEKING;
    lose_calls(r, p);
    if (p->why == MR_ERR_LOGIN && !r->was_joined)
        give_up(r, MR_ERR_LOGIN);
    else if (!p->was_open && r->state == REMOTE_SEEKING && list_is_empty(&r->peers))
        try_later(r);
    peer_free(p);
}

static void look_after_loss(struct remote *r)
{
    watch_views(r);
    if (r->state == REMOTE_SEEKING && r->was_joined && r->reconnect == REMOTE_RECONNECT_OFF)
        give_up(r, MR_ERR_CLOSED);
    if (r->state == REMOTE_SEEKING && r->was_joined && r->reconnect == REMOTE_RECONNECT_ASYNC)
        fail_waiting(r, MR_ERR_CONNECT);
    seek(r);
    publish(r);
}

static void reap(struct remote *r)
{
    bool any = false;

    for (struct list *next, *at = r->peers.next; at != &r->peers; at = next) {
        struct peer *p = list_owner(at, struct peer, node);

        next = at->next;
        if (p->state != PEER_ENDED)
            continue;
        lose_peer(r, p);
        any = true;
    }
    if (any)
        look_after_loss(r);
}

void remote_message(struct remote *r, struct peer *p, const struct wire_head *head,
                    const uint8_t *bytes, size_t size)
{
    struct invocation *i;

    if (p == r->view_peer && head->correlation == r->view_correlation) {
        take_view(r, head, bytes, size);
        return;
    }
    if (p == r->session_peer && head->correlation == r->session_correlation) {
        take_session(r, head, bytes, size);
        return;
    }
    if (subscriptions_message(r, head, bytes, size))
        return;
    i = invoke_find(&r->calls, head->correlation);
    if (!i || i->state != INVOKE_SENT || call_of(i)->peer != p)
        return; /* its call is over already, or nobody has asked */
    if (head->type == WIRE_ERROR)
        refusal(r, call_of(i), bytes, size);
    else
        answer(r, call_of(i), bytes, size, MR_OK);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void run_posted(struct remote *r)
{
    struct remote_work *w = exchange_ptr(&r->posted, NULL), *oldest = NULL;

    for (struct remote_work *next; w; w = next) {
        next = w->next;
        w->next = oldest;
        oldest = w;
    }
    for (struct remote_work *next; oldest; oldest = next) {
        next = oldest->next;
        oldest->run(r, oldest);
    }
}

static enum progress work(void *context, uint64_t budget_ns)
{
    struct remote *r = context;

    (void)budget_ns;
    run_posted(r);
    look_at_due(r);
    reap(r);
    arm(r);
    return PROGRESS_IDLE;
}

static void on_tick(void *context)
{
    struct remote *r = context;
    uint64_t now_ns = clock_ns();

    for (struct list *at = r->peers.next; at != &r->peers; at = at->next)
        peer_tick(list_owner(at, struct peer, node), now_ns);
    doubt_views(r, now_ns);
    subscriptions_tick(r, now_ns);
    connect_members(r);
    ask_session(r);
    if (r->numbered.wanted_ns != 0)
        send_waiting(r);
    r->unpartitioned = r->route.members_version > 0 && r->route.partitions_version == 0;
    if (r->unpartitioned && !r->ready)
        publish(r);
    if (r->out.room > OUT_KEPT)
        sink_free(&r->out);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool copy_text(char **ret, const char *text)
{
    *ret = text ? mem_strdup(text) : NULL;
    return !text || *ret;
}

static bool copy_config(struct remote *r, const struct remote_config *c)
{
    r->address_count = c->address_count;
    r->reconnect = c->reconnect;
    r->call_timeout_ms = c->call_timeout_ms;
    r->dial_timeout_ns = c->dial_timeout_ms * 1000000ull;
    r->ping_ns = c->ping_ms * 1000000ull;
    r->silence_ns = c->silence_ms * 1000000ull;
    r->addresses = mem_alloc(c->address_count * sizeof *r->addresses + 1);
    if (r->addresses)
        memcpy(r->addresses, c->addresses, c->address_count * sizeof *r->addresses);
    return r->addresses && copy_text(&r->cluster, c->cluster) && copy_text(&r->client, c->client) &&
           copy_text(&r->user, c->user) && copy_text(&r->password, c->password);
}

static void free_config(struct remote *r)
{
    mem_free(r->cluster);
    mem_free(r->client);
    mem_free(r->user);
    mem_free(r->password);
    mem_free(r->addresses);
}

/* Often enough for what is looked at from time to time. */
static uint64_t tick_ns(const struct remote *r)
{
    uint64_t ns = r->ping_ns < r->dial_timeout_ns ? r->ping_ns : r->dial_timeout_ns;

    ns = ns / 4 + 1;
    return ns < TICK_NS_MAX ? ns : TICK_NS_MAX;
}

/* Everything but what can fail. */
static void init(struct remote *r, struct loop *loop, struct transport *transport)
{
    r->loop = loop;
    r->transport = transport;
    r->uuid = (struct wire_uuid){rand_seed(), rand_seed(), false};
    r->out.grows = true;
    r->due_ns = LOOP_NEVER;
    rand_init(&r->chance, rand_seed());
    list_init(&r->peers);
    list_init(&r->waiting);
    teach_init(&r->teach);
    numbered_init(&r->numbered);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->taker = (struct tasklet){.run = work, .context = r};
    tasklet_add_on_loop(loop, &r->taker);
    timer_start_on_loop(loop, &r->tick, tick_ns(r), tick_ns(r), on_tick, r);
    timer_start_on_loop(loop, &r->redial, 0, 0, seek, r);
    subscriptions_init_on_loop(&r->subscriptions, r->events);
}

mr_rc_t remote_new_on_loop(const struct remote_config *config, struct loop *loop,
                           struct transport *transport, struct remote **ret_r)
{
    struct remote *r = mem_alloc_zero(sizeof *r);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (!r)
        return MR_ERR_MEMORY;
    r->channel.ops = &remote_ops;
    if (!copy_config(r, config) || (rc = invocations_init(&r->calls)) != MR_OK ||
        (rc = loop_new(&r->events)) != MR_OK) {
        invocations_free(&r->calls);
        free_config(r);
        mem_free(r);
        return rc;
    }
    init(r, loop, transport);
    if (config->uuid.high || config->uuid.low)
        r->uuid = config->uuid;
    *ret_r = r;
    return MR_OK;
}

void *remote_keep(struct remote *r, size_t size)
{
    pthread_mutex_lock(&r->lock);
    void *at = arena_alloc(&r->arena, size);

    pthread_mutex_unlock(&r->lock);
    return at;
}

/* What is still under way is over now. */
static void abandon(struct remote *r)
{
    struct list *node;

    r->state = REMOTE_OVER;
    run_posted(r);
    while ((node = list_take_first(&r->peers))) {
        struct peer *p = list_owner(node, struct peer, node);

        while ((node = list_take_first(&p->sent))) {
            struct remote_call *c = call_of(list_owner(node, struct invocation, node));

            finish(r, c, c->in.repeatable ? MR_ERR_CLOSED : MR_ERR_OUTCOME_UNKNOWN);
        }
        peer_free(p);
    }
    fail_waiting(r, MR_ERR_CLOSED);
}

void remote_free(struct remote *r)
{
    if (!r)
        return;
    abandon(r);
    subscriptions_free(&r->subscriptions);
    tasklet_remove_on_loop(&r->taker);
    timer_cancel_on_loop(r->loop, &r->tick);
    timer_cancel_on_loop(r->loop, &r->redial);
    timer_cancel_on_loop(r->loop, &r->due);
    transport_free(r->transport);
    loop_free(r->events);
    invocations_free(&r->calls);
    route_free(&r->route);
    teach_free(&r->teach);
    sink_free(&r->out);
    free_config(r);
    arena_free(&r->arena);
    mem_free(r->members);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static void say_goodbye(struct remote *r, struct remote_work *w)
{
    (void)w;
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state == PEER_OPEN)
            conn_close(&p->conn);
    }
    loop_stop(r->loop);
}

static void stop_loop(struct loop *loop, bool started)
{
    if (!started)
        return;
    loop_stop(loop);
    loop_join(loop);
}

void remote_close(struct remote *r)
{
    struct remote_work goodbye = {.run = say_goodbye};
    struct loop *loop = r->loop;

    stop_loop(r->events, r->events_started); /* its listeners may still make calls */
    if (r->loop_started) {
        remote_post_work(r, &goodbye);
        loop_join(loop);
    }
    remote_free(r);
    loop_free(loop);
}
