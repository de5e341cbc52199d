#include "client/subscribe.h"

#include <string.h>

#include "client/remote.h"
#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

enum { INVALIDATION = 256 }; /* a flag of listeners */

/* What a listener is to hear; the event's bytes follow. */
struct delivery {
    struct delivery *next;
    struct channel_listener *l;
    uint64_t time_ms;
    size_t size; /* 0: nothing, but what was lost is to be told */
};

static uint8_t *bytes_of(const struct delivery *d)
{
    return (uint8_t *)(d + 1);
}

enum listener_state { STARTING, LISTENING, FAILED };

struct channel_listener {
    struct remote_work work;
    struct list node;
    struct remote *remote;
    void (*on_event)(void *context, const struct map_event *e);
    void *context;
    uint32_t kinds;
    struct near *near; /* which of its copies are old is what it hears instead; NULL: events */
    struct loop_timer checking;

    /* The client loop's. */
    enum listener_state state;
    uint64_t began_ns;
    struct list registrations;
    uint32_t unanswered;
    bool interrupted; /* a member was not heard for a while */
    bool refused;     /* one that can be asked does not tell it anything: it is asked again */
    uint64_t deadline_ns;
    struct flight *starting; /* its maker waits; NULL: no more */
    mr_rc_t rc;              /* why it has failed */

    uint64_t lost, gaps; /* events; times when nobody knows how many. Atomic */
    uint32_t closed;     /* it is not to be called any more; atomic */
    struct flight *ending;
    struct delivery end; /* the last thing in its queue */
    char map[];
};

/* A correlation that answers or events come with. */
struct awaited {
    struct awaited *next; /* in the table */
    int64_t correlation;
    struct registration *g;
};

/* A listener at one member. */
struct registration {
    struct list node; /* of the listener's */
    struct channel_listener *l;
    struct peer *peer;
    struct awaited heard;
    bool answered;
    struct wire_uuid id;
    struct awaited check; /* of copies; correlation 0: there is none under way */
    uint64_t asked_ns;
};

/* ---- deliveries: any thread to the events loop ---------------------------------------------- */

static void push(struct subscriptions *s, struct delivery *d)
{
    void *top;

    do {
        top = load_acquire_ptr(&s->posted);
        d->next = top;
    } while (!compare_and_set_ptr(&s->posted, top, d));
    tasklet_wake(&s->deliverer);
}

/* Puts what was posted behind what waits. */
static void collect(struct subscriptions *s)
{
    struct delivery *d = exchange_ptr(&s->posted, NULL), *oldest = NULL, *newest = d;

    for (struct delivery *next; d; d = next) {
        next = d->next;
        d->next = oldest;
        oldest = d;
    }
    if (!oldest)
        return;
    if (s->first)
        s->last->next = oldest;
    else
        s->first = oldest;
    s->last = newest;
}

static struct delivery *take(struct subscriptions *s)
{
    struct delivery *d = s->first;

    if (d)
        s->first = d->next;
    return d;
}

static bool is_end(const struct delivery *d)
{
    return d == &d->l->end;
}

static void listener_free(struct channel_listener *l)
{
    near_free(l->near);
    mem_free(l);
}

static void drop(struct subscriptions *s, struct delivery *d)
{
    fetch_sub_64(&s->queued, d->size);
    if (is_end(d))
        listener_free(d->l);
    else
        mem_free(d);
}

/* ---- telling -------------------------------------------------------------------------------- */

static void tell_loss(struct channel_listener *l, uint64_t *losses, bool counted, uint64_t time_ms)
{
    uint64_t n = load_relaxed_64(losses);

    if (n == 0)
        return;
    fetch_sub_64(losses, n);
    l->on_event(l->context, &(struct map_event){
                                .kind = EVENT_LOST, .count = counted ? n : 0, .time_ms = time_ms});
}

static void tell_event(struct channel_listener *l, const struct delivery *d)
{
    struct map_add_entry_listener_event e;
    const char *field;

    if (wire_decode(WIRE_map_add_entry_listener_event, bytes_of(d), d->size, &e, &field) != MR_OK) {
        fetch_add_64(&l->lost, 1);
        return;
    }
    const struct map_event event = {.kind = (uint32_t)e.event_type & l->kinds,
                                    .count = (uint64_t)e.number_of_affected_entries,
                                    .time_ms = d->time_ms,
                                    .key = e.key,
                                    .old = e.old_value,
                                    .value = e.value};

    /* What cannot be learnt is delivered all the same: its reader is told when he looks. */
    (void)!remote_learn(l->remote, &event.key, NULL);
    (void)!remote_learn(l->remote, &event.old, NULL);
    (void)!remote_learn(l->remote, &event.value, NULL);
    if (event.kind)
        l->on_event(l->context, &event);
}

static void tell(struct channel_listener *l, const struct delivery *d)
{
    if (load_relaxed_32(&l->closed))
        return;
    tell_loss(l, &l->gaps, false, d->time_ms);
    tell_loss(l, &l->lost, true, d->time_ms);
    if (d->size > 0 && !load_relaxed_32(&l->closed))
        tell_event(l, d);
}

static enum progress deliver(void *context, uint64_t budget_ns)
{
    struct subscriptions *s = context;
    uint64_t until_ns = clock_ns() + budget_ns;
    struct delivery *d;

    collect(s);
    while ((d = take(s))) {
        struct flight *ending = is_end(d) ? d->l->ending : NULL;

        if (!is_end(d))
            tell(d->l, d);
        drop(s, d);
        if (ending)
            flight_land(ending);
        if (clock_ns() > until_ns)
            return PROGRESS_MORE;
    }
    return PROGRESS_IDLE;
}

/* ---- the table ------------------------------------------------------------------------------ */

static struct awaited **bucket_of(struct subscriptions *s, int64_t correlation)
{
    return &s->buckets[(uint64_t)correlation % SUBSCRIBE_BUCKETS];
}

static struct awaited *find(struct subscriptions *s, int64_t correlation)
{
    struct awaited *a = *bucket_of(s, correlation);

    while (a && a->correlation != correlation)
        a = a->next;
    return a;
}

static void await(struct remote *r, struct registration *g, struct awaited *a)
{
    struct awaited **bucket;

    a->g = g;
    a->correlation = remote_number(r);
    bucket = bucket_of(&r->subscriptions, a->correlation);
    a->next = *bucket;
    *bucket = a;
}

static void await_no_more(struct subscriptions *s, struct awaited *a)
{
    struct awaited **at = bucket_of(s, a->correlation);

    if (a->correlation == 0)
        return;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    a->correlation = 0;
}

static void forget(struct subscriptions *s, struct registration *g)
{
    await_no_more(s, &g->heard);
    await_no_more(s, &g->check);
    list_remove(&g->node);
    mem_free(g);
}

/* ---- starting ------------------------------------------------------------------------------- */

/* Tells its maker what has become of it. */
static void settle(struct channel_listener *l, enum listener_state state, mr_rc_t rc)
{
    struct flight *f = l->starting;

    l->state = state;
    l->rc = rc;
    l->starting = NULL;
    if (f)
        flight_land(f);
}

/* Is a member being dialled since before the listener began? What it tells would be missed, and
 * nobody would know. One dialled later, or anew, does not hold up whoever waits. */
static bool is_dialled(const struct channel_listener *l)
{
    const struct remote *r = l->remote;

    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        const struct peer *p = list_owner(at, struct peer, node);

        if (p->state < PEER_OPEN && p->began_ns <= l->began_ns)
            return true;
    }
    return false;
}

/* Every member that was asked, or was about to be, has answered. */
static void settle_if_answered(struct channel_listener *l)
{
    if (l->unanswered > 0 || list_is_empty(&l->registrations) || is_dialled(l))
        return;
    if (l->state == STARTING)
        settle(l, LISTENING, MR_OK);
}

static void ask_for_events(const struct registration *g)
{
    const struct channel_listener *l = g->l;

    peer_send(g->peer, WIRE_map_add_entry_listener_req, g->heard.correlation,
              &(struct map_add_entry_listener_req){.include_value = true,
                                                   .listener_flags = (int32_t)(l->kinds & 0xff),
                                                   .local_only = true,
                                                   .name = wire_text(l->map)});
}

static void ask_for_invalidations(const struct registration *g)
{
    peer_send(g->peer, WIRE_map_add_near_cache_invalidation_listener_req, g->heard.correlation,
              &(struct map_add_near_cache_invalidation_listener_req){.listener_flags = INVALIDATION,
                                                                     .local_only = true,
                                                                     .name = wire_text(g->l->map)});
}

/* It is not registered at a member. */
static void refuse(struct channel_listener *l, mr_rc_t rc)
{
    l->refused = l->interrupted = true;
    if (l->state == STARTING)
        settle(l, FAILED, rc);
}

static void register_at(struct remote *r, struct channel_listener *l, struct peer *p)
{
    struct registration *g = mem_alloc_zero(sizeof *g);

    if (!g) {
        refuse(l, MR_ERR_MEMORY);
        return;
    }
    g->l = l;
    g->peer = p;
    await(r, g, &g->heard);
    list_add_last(&l->registrations, &g->node);
    l->unanswered++;
    if (l->near)
        ask_for_invalidations(g);
    else
        ask_for_events(g);
}

/* Asks a member what the last changes of its partitions were. */
static void check_copies(struct remote *r, struct registration *g)
{
    struct sink names = {.grows = true};
    struct wire_bytes name = wire_text(g->l->map);

    wire_put(&names, WIRE_str, &name);
    if (sink_state(&names) == MR_OK) {
        await(r, g, &g->check);
        g->asked_ns = clock_ns();
        peer_send(g->peer, WIRE_map_fetch_near_cache_invalidation_metadata_req,
                  g->check.correlation,
                  &(struct map_fetch_near_cache_invalidation_metadata_req){
                      g->peer->member, wire_list_of(&names, 1)});
    }
    sink_free(&names);
}

static void check_all_copies(void *context)
{
    struct channel_listener *l = context;

    for (struct list *at = l->registrations.next; at != &l->registrations; at = at->next) {
        struct registration *g = list_owner(at, struct registration, node);

        if (g->answered && g->check.correlation == 0)
            check_copies(l->remote, g);
    }
}

static struct channel_listener *listener_of(struct remote_work *w)
{
    return list_owner(w, struct channel_listener, work);
}

static void start(struct remote *r, struct remote_work *w)
{
    struct channel_listener *l = listener_of(w);

    l->began_ns = clock_ns();
    list_add_last(&r->subscriptions.listeners, &l->node);
    if (l->near)
        timer_start_on_loop(r->loop, &l->checking, near_check_ns(l->near), near_check_ns(l->near),
                            check_all_copies, l);
    if (r->state == REMOTE_OVER) {
        settle(l, FAILED, MR_ERR_CLOSED);
        return;
    }
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state == PEER_OPEN)
            register_at(r, l, p);
    }
}

static void stop(struct remote *r, struct remote_work *w)
{
    struct channel_listener *l = listener_of(w);

    while (!list_is_empty(&l->registrations)) {
        struct registration *g = list_owner(l->registrations.next, struct registration, node);

        if (g->answered)
            peer_send(g->peer, WIRE_map_remove_entry_listener_req, remote_number(r),
                      &(struct map_remove_entry_listener_req){.registration_id = g->id,
                                                              .name = wire_text(l->map)});
        forget(&r->subscriptions, g);
    }
    timer_cancel_on_loop(r->loop, &l->checking);
    list_remove(&l->node);
    push(&r->subscriptions, &l->end);
}

/* A listener that hears nothing yet. NULL: no memory. */
static struct channel_listener *listener_new(struct remote *r, const char *map)
{
    size_t size = strlen(map) + 1;
    struct channel_listener *l = mem_alloc_zero(sizeof *l + size);

    if (!l)
        return NULL;
    l->work.run = start;
    l->remote = r;
    l->deadline_ns = clock_ns() + r->call_timeout_ms * 1000000;
    l->end.l = l;
    list_init(&l->registrations);
    memcpy(l->map, map, size);
    return l;
}

/* Waits until every member has answered. On failure it is closed. */
static mr_rc_t listener_start(struct channel_listener *l)
{
    struct flight f;

    flight_init(&f, 1);
    l->starting = &f;
    remote_post_work(l->remote, &l->work);
    flight_wait(&f);
    mr_rc_t rc = l->rc;

    if (rc != MR_OK)
        unsubscribe(l);
    return rc;
}

mr_rc_t subscribe(struct remote *r, const char *map, uint32_t kinds,
                  void (*on_event)(void *context, const struct map_event *e), void *context,
                  struct channel_listener **ret_l, mr_err_t *err)
{
    struct channel_listener *l = listener_new(r, map);
    mr_rc_t rc = MR_ERR_MEMORY;

    if (l) {
        l->kinds = kinds;
        l->on_event = on_event;
        l->context = context;
        *ret_l = l;
        rc = listener_start(l);
    }
    if (rc == MR_OK)
        return MR_OK;
    return fail(err, rc, NULL, "map \"%s\": a listener cannot be added: %s", map, mr_rc_text(rc));
}

mr_rc_t subscribe_near(struct remote *r, const char *map, struct near *near)
{
    struct channel_listener *l = listener_new(r, map);

    if (!l) {
        near_free(near);
        return MR_ERR_MEMORY;
    }
    l->near = near;
    return listener_start(l);
}

/* From inside its own callback it cannot wait for itself; the callback is then the last one. */
void unsubscribe(struct channel_listener *l)
{
    struct remote *r = l->remote;
    bool inside = loop_current() == r->events;
    struct flight f;

    exchange_32(&l->closed, 1);
    l->work.run = stop;
    if (!inside) {
        flight_init(&f, 1);
        l->ending = &f;
    }
    remote_post_work(r, &l->work);
    if (!inside)
        flight_wait(&f);
}

/* ---- queueing ------------------------------------------------------------------------------- */

/* Queues an event, or counts it as lost. */
static void queue(struct remote *r, struct channel_listener *l, const uint8_t *bytes, size_t size)
{
    struct subscriptions *s = &r->subscriptions;
    struct delivery *d = NULL;

    if (load_relaxed_64(&s->queued) + size <= SUBSCRIBE_QUEUE_MAX)
        d = mem_alloc(sizeof *d + size);
    if (!d) {
        fetch_add_64(&l->lost, 1);
        return;
    }
    *d = (struct delivery){.l = l, .time_ms = clock_ms(), .size = size};
    if (size)
        memcpy(bytes_of(d), bytes, size);
    fetch_add_64(&s->queued, size);
    push(s, d);
}

/* ---- members that come and go --------------------------------------------------------------- */

/* `at` may be taken out while it is looked at. */
#define EACH_LISTENER(l, r)                                                                        \
    for (struct list *at_ = (r)->subscriptions.listeners.next, *next_;                             \
         next_ = at_->next, at_ != &(r)->subscriptions.listeners; at_ = next_)                     \
        for (struct channel_listener *l = list_owner(at_, struct channel_listener, node); l;       \
             l = NULL)

void subscriptions_peer_ready(struct remote *r, struct peer *p)
{
    EACH_LISTENER(l, r)
    register_at(r, l, p);
}

/* Other members have taken over what it had, and are heard; else the loss is told when somebody is
 * heard again, since until then it goes on. */
static void tell_gap_if_heard(struct remote *r, struct channel_listener *l)
{
    if (!l->interrupted || l->refused || l->unanswered > 0 || list_is_empty(&l->registrations))
        return;
    l->interrupted = false;
    if (l->near)
        return;
    fetch_add_64(&l->gaps, 1);
    queue(r, l, NULL, 0);
}

static void lose_peer(struct remote *r, struct channel_listener *l, const struct peer *p)
{
    struct subscriptions *s = &r->subscriptions;

    for (struct list *next, *at = l->registrations.next; at != &l->registrations; at = next) {
        struct registration *g = list_owner(at, struct registration, node);

        next = at->next;
        if (g->peer != p)
            continue;
        l->unanswered -= !g->answered;
        l->interrupted |= l->state == LISTENING;
        if (l->near)
            near_lost(l->near);
        forget(s, g);
    }
    settle_if_answered(l);
    tell_gap_if_heard(r, l);
}

void subscriptions_peer_lost(struct remote *r, struct peer *p)
{
    EACH_LISTENER(l, r)
    lose_peer(r, l, p);
}

void subscriptions_over(struct remote *r)
{
    EACH_LISTENER(l, r)
    if (l->state == STARTING)
        settle(l, FAILED, MR_ERR_CLOSED);
}

static bool is_registered(const struct channel_listener *l, const struct peer *p)
{
    for (struct list *at = l->registrations.next; at != &l->registrations; at = at->next)
        if (list_owner(at, struct registration, node)->peer == p)
            return true;
    return false;
}

/* It must not stay deaf to a member that could not take it for a moment: nobody would know. */
static void register_again(struct remote *r, struct channel_listener *l)
{
    l->refused = false;
    for (struct list *at = r->peers.next; at != &r->peers; at = at->next) {
        struct peer *p = list_owner(at, struct peer, node);

        if (p->state == PEER_OPEN && !is_registered(l, p))
            register_at(r, l, p);
    }
    tell_gap_if_heard(r, l);
}

void subscriptions_tick(struct remote *r, uint64_t now_ns)
{
    EACH_LISTENER(l, r)
    if (l->state == STARTING && now_ns > l->deadline_ns)
        settle(l, FAILED, MR_ERR_TIMEOUT);
    else if (l->state == LISTENING && l->refused)
        register_again(r, l);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void answered(struct remote *r, struct registration *g, const struct wire_head *head,
                     const uint8_t *bytes, size_t size)
{
    struct channel_listener *l = g->l;
    struct map_add_entry_listener_rsp a;
    struct wire_error e;
    const char *field;
    mr_rc_t rc = MR_OK;

    if (g->answered)
        return;
    if (head->type == WIRE_ERROR)
        rc = wire_read_error(bytes, size, &e) == MR_OK ? fault_of_code(e.code)->rc : MR_ERR_REMOTE;
    else
        rc = wire_decode(WIRE_map_add_entry_listener_rsp, bytes, size, &a, &field);
    l->unanswered--;
    if (rc != MR_OK) {
        forget(&r->subscriptions, g);
        refuse(l, rc);
        return;
    }
    g->answered = true;
    g->id = a.response;
    if (l->near)
        check_copies(r, g);
    settle_if_answered(l);
    tell_gap_if_heard(r, l);
}

/* Copies that are old. What cannot be understood leaves none that can be relied on. */
static void invalidate(struct near *near, const struct wire_head *head, const uint8_t *bytes,
                       size_t size)
{
    union wire_message m;
    const char *field;
    int id = wire_find(head->type);
    mr_rc_t rc = MR_ERR_MALFORMED;

    if (id == WIRE_map_invalidation_event || id == WIRE_map_batch_invalidation_event)
        rc = wire_decode((enum wire_id)id, bytes, size, &m, &field);
    if (rc != MR_OK)
        near_lost(near);
    else if (id == WIRE_map_invalidation_event)
        near_invalidated(near, &m.map_invalidation_event);
    else
        near_invalidated_many(near, &m.map_batch_invalidation_event);
}

static void take_event(struct remote *r, struct channel_listener *l, const struct wire_head *head,
                       const uint8_t *bytes, size_t size)
{
    if (l->near)
        invalidate(l->near, head, bytes, size);
    else
        queue(r, l, bytes, size);
}

/* Without an answer that can be read, copies are soon too old to be used. */
static void take_check(struct remote *r, struct registration *g, const struct wire_head *head,
                       const uint8_t *bytes, size_t size)
{
    struct map_fetch_near_cache_invalidation_metadata_rsp a;
    const char *field;

    await_no_more(&r->subscriptions, &g->check);
    if (head->type == wire_type(WIRE_map_fetch_near_cache_invalidation_metadata_rsp) &&
        wire_decode(WIRE_map_fetch_near_cache_invalidation_metadata_rsp, bytes, size, &a, &field) ==
            MR_OK)
        (void)!near_checked(g->l->near, g->asked_ns, &a);
}

bool subscriptions_message(struct remote *r, const struct wire_head *head, const uint8_t *bytes,
                           size_t size)
{
    struct awaited *a = find(&r->subscriptions, head->correlation);

    if (!a)
        return false;
    if (a == &a->g->check)
        take_check(r, a->g, head, bytes, size);
    else if (head->flags & FRAME_EVENT)
        take_event(r, a->g->l, head, bytes, size);
    else
        answered(r, a->g, head, bytes, size);
    return true;
}

/* ---- life ----------------------------------------------------------------------------------- */

void subscriptions_init_on_loop(struct subscriptions *s, struct loop *events)
{
    *s = (struct subscriptions){.deliverer = {.run = deliver, .context = s}};
    list_init(&s->listeners);
    tasklet_add_on_loop(events, &s->deliverer);
}

void subscriptions_free(struct subscriptions *s)
{
    struct delivery *d;
    struct list *node;

    collect(s);
    while ((d = take(s)))
        drop(s, d);
    while ((node = list_take_first(&s->listeners))) {
        struct channel_listener *l = list_owner(node, struct channel_listener, node);

        while (!list_is_empty(&l->registrations))
            forget(s, list_owner(l->registrations.next, struct registration, node));
        timer_cancel_on_loop(l->remote->loop, &l->checking);
        listener_free(l);
    }
}
