/* remote_map.c - the entries of maps far away: requests become messages, answers values.
 *
 * What an answer says may take a second message: that an entry was not replaced, for example, does
 * not tell whether it is not there or another. The update function runs here, on a copy, and its
 * result is written only if the entry is still what it saw; else it is called again.
 *
 * Where the map has a near cache, a read may be answered by a copy, and what is not is copied on
 * its way; a write makes copies of its entry go.
 *
 * An answer lies in its call, which the calling thread keeps until remote_done().
 */
#include "client/remote_map.h"

#include <string.h>

#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"
#include "net/base/thread.h"

/* ---- the calling thread --------------------------------------------------------------------- */

/* The call whose answer the thread is looking at. */
static __thread struct remote_call kept __attribute__((tls_model("initial-exec")));

void remote_done(struct channel *c)
{
    (void)c;
    remote_call_clear(&kept);
}

/* ---- messages of requests ------------------------------------------------------------------- */

/* How an answer says what was done. */
enum answer_form {
    ANSWER_NOTHING, /* it was done */
    ANSWER_OLD,     /* the value from before, or null */
    ANSWER_DONE,    /* whether it was */
};

struct message {
    enum wire_id id;
    enum answer_form form;
    bool reads;
    union wire_message body;
};

static bool is_read(const struct map_request *q)
{
    return q->verb == MAP_GET || q->verb == MAP_CONTAINS;
}

static bool has_idle(const struct map_request *q)
{
    return q->idle_ms != TIME_DEFAULT;
}

static void message_of_put(const struct map_request *q, struct wire_bytes name, struct message *m)
{
    int64_t thread = q->owner.thread;

    if (has_idle(q)) {
        m->id = WIRE_map_put_with_max_idle_req;
        m->form = ANSWER_OLD;
        m->body.map_put_with_max_idle_req = (struct map_put_with_max_idle_req){
            thread, q->ttl_ms, q->idle_ms, name, q->key, q->value};
    } else if (q->quiet) {
        m->id = WIRE_map_set_req;
        m->form = ANSWER_NOTHING;
        m->body.map_set_req = (struct map_set_req){thread, q->ttl_ms, name, q->key, q->value};
    } else {
        m->id = WIRE_map_put_req;
        m->form = ANSWER_OLD;
        m->body.map_put_req = (struct map_put_req){thread, q->ttl_ms, name, q->key, q->value};
    }
}

static void message_of_put_if_absent(const struct map_request *q, struct wire_bytes name,
                                     struct message *m)
{
    m->form = ANSWER_OLD;
    if (has_idle(q)) {
        m->id = WIRE_map_put_if_absent_with_max_idle_req;
        m->body.map_put_if_absent_with_max_idle_req = (struct map_put_if_absent_with_max_idle_req){
            q->owner.thread, q->ttl_ms, q->idle_ms, name, q->key, q->value};
    } else {
        m->id = WIRE_map_put_if_absent_req;
        m->body.map_put_if_absent_req =
            (struct map_put_if_absent_req){q->owner.thread, q->ttl_ms, name, q->key, q->value};
    }
}

static void message_of_remove(const struct map_request *q, struct wire_bytes name,
                              struct message *m)
{
    if (q->quiet) {
        m->id = WIRE_map_delete_req;
        m->form = ANSWER_DONE;
        m->body.map_delete_req = (struct map_delete_req){q->owner.thread, name, q->key};
    } else {
        m->id = WIRE_map_remove_req;
        m->form = ANSWER_OLD;
        m->body.map_remove_req = (struct map_remove_req){q->owner.thread, name, q->key};
    }
}

#define MESSAGE(name_, form_, ...)                                                                 \
    m->id = WIRE_##name_;                                                                          \
    m->form = form_;                                                                               \
    m->body.name_ = (struct name_)                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void message_of(const struct map_request *q, struct wire_bytes name, struct message *m)
{
    int64_t thread = q->owner.thread;

    m->reads = is_read(q);
    switch (q->verb) {
    case MAP_GET: MESSAGE(map_get_req, ANSWER_OLD, thread, name, q->key); break;
    case MAP_CONTAINS: MESSAGE(map_contains_key_req, ANSWER_DONE, thread, name, q->key); break;
    case MAP_PUT: message_of_put(q, name, m); break;
    case MAP_PUT_IF_ABSENT: message_of_put_if_absent(q, name, m); break;
    case MAP_REPLACE: MESSAGE(map_replace_req, ANSWER_OLD, thread, name, q->key, q->value); break;
    case MAP_REPLACE_IF_SAME:
        MESSAGE(map_replace_if_same_req, ANSWER_DONE, thread, name, q->key, q->expected, q->value);
        break;
    case MAP_REMOVE: message_of_remove(q, name, m); break;
    case MAP_REMOVE_IF_SAME:
        MESSAGE(map_remove_if_same_req, ANSWER_DONE, thread, name, q->key, q->expected);
        break;
    case MAP_EVICT: MESSAGE(map_evict_req, ANSWER_DONE, thread, name, q->key); break;
    case MAP_SET_TTL: MESSAGE(map_set_ttl_req, ANSWER_DONE, q->ttl_ms, name, q->key); break;
    case MAP_UPDATE: break; /* has no message: see update() */
    }
}

/* The protocol has no times for these. */
static mr_rc_t refuse_times(const struct channel_map *map, const struct map_request *q,
                            mr_err_t *err)
{
    bool timed = q->ttl_ms != TIME_DEFAULT || has_idle(q);
    bool cannot = q->verb == MAP_REPLACE || q->verb == MAP_REPLACE_IF_SAME || q->verb == MAP_UPDATE;

    if (!timed || !cannot)
        return MR_OK;
    return fail(err, MR_ERR_UNSUPPORTED, "call mr_map_set_ttl afterwards",
                "map \"%s\": a client cannot replace or update an entry and give it times in one",
                map->name);
}

/* A call that is not sent: nothing of it is to be freed. */
static void call_none(struct remote_call *call)
{
    call->request = (struct sink){.grows = true};
    call->answer = NULL;
    call->here = false;
    call->near = NULL;
}

static mr_rc_t make_message(struct channel_map *map, const struct map_request *q,
                            struct remote_call *call, mr_err_t *err)
{
    struct map_request mine = *q;
    struct message m;
    mr_rc_t rc;

    if ((rc = refuse_times(map, q, err)) != MR_OK ||
        (rc = remote_teach(map->remote, &q->key, err)) != MR_OK ||
        (q->verb != MAP_GET && (rc = remote_teach(map->remote, &q->value, err)) != MR_OK)) {
        call_none(call);
        return rc;
    }
    mine.owner.thread = thread_number();
    message_of(&mine, name_of(map), &m);
    rc = remote_call_init(call, m.id, remote_partition(map->remote, &q->key), &m.body, m.reads);
    call->number.wanted = !m.reads;
    return rc == MR_OK ? rc : fail(err, rc, NULL, "map \"%s\": no room for the request", map->name);
}

/* ---- answers of requests -------------------------------------------------------------------- */

/* The answer to a message with one parameter is that parameter, whatever its name. */
static mr_rc_t read_old(const struct remote_call *call, struct map_answer *ret_a)
{
    struct map_get_rsp a;
    const char *field;
    mr_rc_t rc = wire_decode(WIRE_map_get_rsp, call->answer, call->answer_size, &a, &field);

    if (rc != MR_OK)
        return rc;
    ret_a->value = a.response;
    ret_a->present = a.response.kind != DATA_NULL;
    return MR_OK;
}

static mr_rc_t read_done(const struct remote_call *call, bool *ret_done)
{
    struct map_evict_rsp a;
    const char *field;
    mr_rc_t rc = wire_decode(WIRE_map_evict_rsp, call->answer, call->answer_size, &a, &field);

    if (rc == MR_OK)
        *ret_done = a.response;
    return rc;
}

static mr_rc_t get_there(struct channel_map *map, const struct data *key, struct remote_call *call,
                         struct map_answer *ret_a, mr_err_t *err);

/* It was not replaced or removed: because it is not there, or because it is another? */
static mr_rc_t why_not_same(struct channel_map *map, const struct data *key,
                            struct remote_call *call, struct map_answer *ret_a, mr_err_t *err)
{
    remote_call_clear(call);
    mr_rc_t rc = get_there(map, key, call, ret_a, err);

    return rc == MR_OK ? MR_NOT_EQUAL : rc;
}

static mr_rc_t answer_of_old(const struct map_request *q, const struct map_answer *a)
{
    switch (q->verb) {
    case MAP_PUT_IF_ABSENT: return a->present ? MR_EXISTS : MR_OK;
    case MAP_GET:
    case MAP_REPLACE:
    case MAP_REMOVE: return a->present ? MR_OK : MR_NOT_FOUND;
    default: return MR_OK;
    }
}

/* What the answer means. It borrows from the call. */
static mr_rc_t read_answer(struct channel_map *map, const struct map_request *q,
                           struct remote_call *call, struct map_answer *ret_a, mr_err_t *err)
{
    bool was_done = true;
    struct message m;
    mr_rc_t rc = MR_OK;

    *ret_a = (struct map_answer){0};
    if (call->rc != MR_OK)
        return remote_explain(map->remote, call, err);
    message_of(q, name_of(map), &m);
    if (m.form == ANSWER_OLD)
        rc = read_old(call, ret_a);
    else if (m.form == ANSWER_DONE)
        rc = read_done(call, &was_done);
    if (rc != MR_OK)
        return fail(err, rc, NULL, "map \"%s\": the answer of a member is malformed", map->name);
    if (ret_a->present && (rc = remote_learn(map->remote, &ret_a->value, err)) != MR_OK)
        return rc;
    if (was_done)
        return m.form == ANSWER_OLD ? answer_of_old(q, ret_a) : MR_OK;
    if (q->verb == MAP_REPLACE_IF_SAME || q->verb == MAP_REMOVE_IF_SAME)
        return why_not_same(map, &q->key, call, ret_a, err);
    return MR_NOT_FOUND;
}

/* From the member, whatever copies there are. */
static mr_rc_t get_there(struct channel_map *map, const struct data *key, struct remote_call *call,
                         struct map_answer *ret_a, mr_err_t *err)
{
    struct map_request q = {.verb = MAP_GET, .key = *key};
    mr_rc_t rc = make_message(map, &q, call, err);

    if (rc != MR_OK)
        return rc;
    remote_run(map->remote, call, 1);
    return read_answer(map, &q, call, ret_a, err);
}

/* ---- with copies ---------------------------------------------------------------------------- */

/* Answers the call by a copy, if there is one; else *ret_claim is for the answer to come. */
static bool answer_by_copy(struct near *near, const struct map_request *q, struct remote_call *call,
                           struct near_claim *ret_claim)
{
    struct data value;
    bool found;

    call_none(call);
    epoch_enter();
    found = near_find(near, &q->key, clock_ns(), &value, ret_claim);
    if (found)
        call->answer = value.size <= sizeof call->room ? call->room : mem_alloc(value.size);
    if (call->answer) {
        call->here = true;
        call->copy = (struct data){call->answer, value.size, value.kind};
        if (value.size)
            memcpy(call->answer, value.at, value.size);
    }
    epoch_exit();
    return call->here;
}

static mr_rc_t begin(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                     mr_err_t *err)
{
    struct near *near = load_acquire_ptr((void *const *)&map->near);
    struct near_claim claim = {0};

    if (near && is_read(q) && answer_by_copy(near, q, call, &claim))
        return MR_OK;
    if (near && !is_read(q))
        near_forget(near, &q->key);

    mr_rc_t rc = make_message(map, q, call, err);

    call->near = near;
    call->claim = claim;
    return rc;
}

/* Whether a write that has failed was done is not known either; and what only says that there is an
 * entry is newer than copies that come meanwhile. */
static void tell_near(struct near *near, const struct map_request *q,
                      const struct remote_call *call, mr_rc_t rc, const struct map_answer *a)
{
    if (q->verb == MAP_GET && (rc == MR_OK || rc == MR_NOT_FOUND))
        near_fill(near, &q->key, &a->value, call->claim);
    else
        near_forget(near, &q->key);
}

static mr_rc_t end(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err)
{
    mr_rc_t rc;

    if (call->here) {
        *ret_a = (struct map_answer){.value = call->copy, .present = call->copy.kind != DATA_NULL};
        return ret_a->present ? MR_OK : MR_NOT_FOUND;
    }
    struct near *near = call->near; /* reading the answer may take the call for another */

    rc = read_answer(map, q, call, ret_a, err);
    if (near)
        tell_near(near, q, call, rc, ret_a);
    return rc;
}

static mr_rc_t run(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err)
{
    mr_rc_t rc = begin(map, q, call, err);

    if (rc != MR_OK)
        return rc;
    remote_run(map->remote, call, 1);
    return end(map, q, call, ret_a, err);
}

/* ---- updating ------------------------------------------------------------------------------- */

/* Writes what the function wants, if the entry is still what it was shown. */
static mr_rc_t write_back(struct channel_map *map, const struct map_request *q,
                          enum update_verdict verdict, const struct map_answer *shown,
                          const struct data *next, mr_err_t *err)
{
    struct map_request change = {.key = q->key,
                                 .ttl_ms = TIME_DEFAULT,
                                 .idle_ms = TIME_DEFAULT,
                                 .expected = shown->value,
                                 .value = *next};
    struct remote_call call;
    struct map_answer a;

    if (verdict == UPDATE_REMOVE && !shown->present)
        return MR_OK;
    change.verb = verdict == UPDATE_REMOVE ? MAP_REMOVE_IF_SAME
                  : shown->present         ? MAP_REPLACE_IF_SAME
                                           : MAP_PUT_IF_ABSENT;
    mr_rc_t rc = run(map, &change, &call, &a, err);

    remote_call_clear(&call);
    return rc;
}

/* What it shows is kept, since it is also the value from before. */
static mr_rc_t update_once(struct channel_map *map, const struct map_request *q,
                           struct map_answer *ret_a, mr_err_t *err)
{
    struct data next = {0};
    mr_rc_t rc = get_there(map, &q->key, &kept, ret_a, err);

    if (rc >= MR_ERR_MEMORY)
        return rc;
    enum update_verdict verdict =
        q->update(q->update_context, ret_a->present ? &ret_a->value : NULL, &next);

    switch (verdict) {
    case UPDATE_KEEP: return MR_OK;
    case UPDATE_SET:
    case UPDATE_REMOVE: return write_back(map, q, verdict, ret_a, &next, err);
    case UPDATE_FAIL: break;
    }
    return MR_ERR_ARGUMENT; /* whoever has the function has the words */
}

/* As often as somebody else was faster, within a call's time. */
static mr_rc_t update(struct channel_map *map, const struct map_request *q,
                      struct map_answer *ret_a, mr_err_t *err)
{
    uint64_t until_ns = clock_ns() + map->remote->call_timeout_ms * 1000000;
    struct near *near = load_acquire_ptr((void *const *)&map->near);
    mr_rc_t rc = refuse_times(map, q, err);

    if (rc != MR_OK)
        return rc;
    for (;;) {
        rc = update_once(map, q, ret_a, err);
        if (near) /* the function may have been shown what is newer than the copy */
            near_forget(near, &q->key);
        if (rc == MR_OK && q->updated)
            q->updated(q->update_context);
        if (rc == MR_OK || rc >= MR_ERR_MEMORY)
            return rc;
        if (clock_ns() >= until_ns)
            return fail(err, MR_ERR_BUSY, "update it less often, or in fewer places",
                        "map \"%s\": others changed the entry each time before this could",
                        map->name);
        remote_call_clear(&kept);
    }
}

mr_rc_t remote_map_run(struct channel *c, struct channel_map *map, const struct map_request *q,
                       struct map_answer *ret_a, mr_err_t *err)
{
    (void)c;
    call_none(&kept);
    *ret_a = (struct map_answer){0};
    return q->verb == MAP_UPDATE ? update(map, q, ret_a, err) : run(map, q, &kept, ret_a, err);
}

/* ---- answered later ------------------------------------------------------------------------- */

struct channel_call {
    struct remote_call call;
    struct channel_map *map;
    struct map_request q; /* its key is `key`; without values, which have been sent */
    void (*over)(void *context);
    void *context;
    uint8_t key[];
};

static void call_over(struct remote_call *c)
{
    struct channel_call *later = c->context;

    later->over(later->context);
}

void remote_map_drop(struct channel *c, struct channel_call *later)
{
    (void)c;
    remote_call_clear(&later->call);
    mem_free(later);
}

mr_rc_t remote_map_start(struct channel *c, struct channel_map *map, const struct map_request *q,
                         void (*over)(void *context), void *context, struct channel_call **ret_call,
                         mr_err_t *err)
{
    struct channel_call *later = mem_alloc(sizeof *later + q->key.size);

    if (!later)
        return fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a call", map->name);
    later->map = map;
    later->over = over;
    later->context = context;
    later->q = (struct map_request){.verb = q->verb,
                                    .ttl_ms = q->ttl_ms,
                                    .idle_ms = q->idle_ms,
                                    .quiet = q->quiet,
                                    .key = {later->key, q->key.size, q->key.kind}};
    memcpy(later->key, q->key.at, q->key.size);
    mr_rc_t rc = begin(map, q, &later->call, err);

    if (rc != MR_OK) {
        remote_map_drop(c, later);
        return rc;
    }
    later->call.over = call_over;
    later->call.context = later;
    *ret_call = later;
    if (later->call.here)
        over(context);
    else
        remote_post(map->remote, &later->call, 1);
    return MR_OK;
}

mr_rc_t remote_map_finish(struct channel *c, struct channel_call *later, struct map_answer *ret_a,
                          mr_err_t *err)
{
    (void)c;
    return end(later->map, &later->q, &later->call, ret_a, err);
}

/* ---- many ----------------------------------------------------------------------------------- */

enum { WINDOW = 64 };

/* Requests that go out together, and are answered in any order. */
struct window {
    struct remote_call calls[WINDOW];
    size_t begun;
};

static struct window *window_new(const struct channel_map *map, mr_err_t *err)
{
    struct window *w = mem_alloc(sizeof *w);

    if (w)
        w->begun = 0;
    else
        (void)!fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for many requests", map->name);
    return w;
}

static void window_clear(struct window *w)
{
    while (w->begun > 0)
        remote_call_clear(&w->calls[--w->begun]);
}

static mr_rc_t window_add(struct window *w, struct channel_map *map, const struct map_request *q,
                          mr_err_t *err)
{
    return begin(map, q, &w->calls[w->begun++], err);
}

static void window_free(struct window *w)
{
    window_clear(w);
    mem_free(w);
}

static mr_rc_t get_some(struct window *w, struct channel_map *map, const struct data *keys,
                        size_t from, size_t n,
                        void (*visit)(void *context, size_t i, const struct data *d), void *context,
                        mr_err_t *err)
{
    mr_rc_t rc = MR_OK;

    for (size_t i = 0; rc == MR_OK && i < n; i++)
        rc = window_add(w, map, &(struct map_request){.verb = MAP_GET, .key = keys[from + i]}, err);
    if (rc != MR_OK)
        return rc;
    remote_run(map->remote, w->calls, n);
    for (size_t i = 0; i < n; i++) {
        struct map_answer a;

        rc = end(map, &(struct map_request){.verb = MAP_GET, .key = keys[from + i]}, &w->calls[i],
                 &a, err);
        if (rc >= MR_ERR_MEMORY)
            return rc;
        visit(context, from + i, a.present ? &a.value : NULL);
    }
    window_clear(w);
    return MR_OK;
}

mr_rc_t remote_map_get_all(struct channel *c, struct channel_map *map, const struct data *keys,
                           size_t n, void (*visit)(void *context, size_t i, const struct data *d),
                           void *context, mr_err_t *err)
{
    struct window *w = window_new(map, err);
    mr_rc_t rc = w ? MR_OK : MR_ERR_MEMORY;

    (void)c;
    for (size_t from = 0; rc == MR_OK && from < n; from += WINDOW)
        rc = get_some(w, map, keys, from, n - from < WINDOW ? n - from : WINDOW, visit, context,
                      err);
    if (w)
        window_free(w);
    return rc;
}

/* *ret_done: how many of the first. */
static mr_rc_t put_some(struct window *w, struct channel_map *map, const struct map_request *puts,
                        size_t n, size_t *ret_done, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;
    size_t done = 0;

    for (size_t i = 0; rc == MR_OK && i < n; i++)
        rc = window_add(w, map, &puts[i], err);
    if (rc != MR_OK)
        return rc;
    remote_run(map->remote, w->calls, n);
    for (struct map_answer a; done < n && rc == MR_OK; done += rc == MR_OK)
        rc = end(map, &puts[done], &w->calls[done], &a, err);
    for (size_t i = done; i < n; i++) /* those behind the one that has failed may be done, too */
        if (w->calls[i].near)
            near_forget(w->calls[i].near, &puts[i].key);
    *ret_done += done;
    window_clear(w);
    return rc;
}

mr_rc_t remote_map_put_all(struct channel *c, struct channel_map *map,
                           const struct map_request *puts, size_t n, size_t *ret_done,
                           mr_err_t *err)
{
    struct window *w = window_new(map, err);
    mr_rc_t rc = w ? MR_OK : MR_ERR_MEMORY;

    (void)c;
    *ret_done = 0;
    for (size_t from = 0; rc == MR_OK && from < n; from += WINDOW)
        rc = put_some(w, map, puts + from, n - from < WINDOW ? n - from : WINDOW, ret_done, err);
    if (w)
        window_free(w);
    return rc;
}
