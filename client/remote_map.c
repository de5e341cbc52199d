/* remote_map.c - the channel over a cluster far away: requests become messages, answers values.
 *
 * What an answer says may take a second message: that an entry was not replaced, for example, does
 * not tell whether it is not there or another. The update function runs here, on a copy, and its
 * result is written only if the entry is still what it saw; else it is called again.
 *
 * An answer lies in its call, which the calling thread keeps until done().
 */
#include <string.h>

#include "client/remote.h"
#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/wire/scalar.h"

struct channel_map {
    struct remote *remote;
    char name[];
};

/* ---- the calling thread --------------------------------------------------------------------- */

static struct remote *remote_of(struct channel *c)
{
    return (struct remote *)c;
}

/* A number that no other thread of the process has or had: it owns locks. */
static int64_t thread_number(void)
{
    static uint64_t threads;
    static __thread int64_t number __attribute__((tls_model("initial-exec")));

    if (number == 0)
        number = (int64_t)fetch_add_64(&threads, 1) + 1;
    return number;
}

/* The call whose answer the thread is looking at. */
static __thread struct remote_call kept __attribute__((tls_model("initial-exec")));

static void done(struct channel *c)
{
    (void)c;
    remote_call_clear(&kept);
}

static struct wire_bytes name_of(const struct channel_map *m)
{
    return wire_text(m->name);
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

    m->reads = q->verb == MAP_GET || q->verb == MAP_CONTAINS;
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

static mr_rc_t begin(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                     mr_err_t *err)
{
    struct map_request mine = *q;
    struct message m;
    mr_rc_t rc;

    if ((rc = refuse_times(map, q, err)) != MR_OK ||
        (rc = remote_teach(map->remote, &q->key, err)) != MR_OK ||
        (q->verb != MAP_GET && (rc = remote_teach(map->remote, &q->value, err)) != MR_OK)) {
        call->request = (struct sink){.grows = true};
        call->answer = NULL;
        return rc;
    }
    mine.owner.thread = thread_number();
    message_of(&mine, name_of(map), &m);
    rc = remote_call_init(call, m.id, remote_partition(map->remote, &q->key), &m.body, m.reads);
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

static mr_rc_t get(struct channel_map *map, const struct data *key, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err);

/* It was not replaced or removed: because it is not there, or because it is another? */
static mr_rc_t why_not_same(struct channel_map *map, const struct data *key,
                            struct remote_call *call, struct map_answer *ret_a, mr_err_t *err)
{
    remote_call_clear(call);
    mr_rc_t rc = get(map, key, call, ret_a, err);

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
static mr_rc_t end(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err)
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

static mr_rc_t run(struct channel_map *map, const struct map_request *q, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err)
{
    mr_rc_t rc = begin(map, q, call, err);

    if (rc != MR_OK)
        return rc;
    remote_run(map->remote, call, 1);
    return end(map, q, call, ret_a, err);
}

static mr_rc_t get(struct channel_map *map, const struct data *key, struct remote_call *call,
                   struct map_answer *ret_a, mr_err_t *err)
{
    return run(map, &(struct map_request){.verb = MAP_GET, .key = *key}, call, ret_a, err);
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
    mr_rc_t rc = get(map, &q->key, &kept, ret_a, err);

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
    mr_rc_t rc = refuse_times(map, q, err);

    if (rc != MR_OK)
        return rc;
    for (;;) {
        rc = update_once(map, q, ret_a, err);
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

static mr_rc_t map_run(struct channel *c, struct channel_map *map, const struct map_request *q,
                       struct map_answer *ret_a, mr_err_t *err)
{
    (void)c;
    kept.request = (struct sink){0};
    kept.answer = NULL;
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

static void map_drop(struct channel *c, struct channel_call *later)
{
    (void)c;
    remote_call_clear(&later->call);
    mem_free(later);
}

static mr_rc_t map_start(struct channel *c, struct channel_map *map, const struct map_request *q,
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
        map_drop(c, later);
        return rc;
    }
    later->call.over = call_over;
    later->call.context = later;
    *ret_call = later;
    remote_post(map->remote, &later->call, 1);
    return MR_OK;
}

static mr_rc_t map_finish(struct channel *c, struct channel_call *later, struct map_answer *ret_a,
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

        rc = end(map, &(struct map_request){.verb = MAP_GET}, &w->calls[i], &a, err);
        if (rc >= MR_ERR_MEMORY)
            return rc;
        visit(context, from + i, a.present ? &a.value : NULL);
    }
    window_clear(w);
    return MR_OK;
}

static mr_rc_t map_get_all(struct channel *c, struct channel_map *map, const struct data *keys,
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
    *ret_done += done;
    window_clear(w);
    return rc;
}

static mr_rc_t map_put_all(struct channel *c, struct channel_map *map,
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

/* ---- pages ---------------------------------------------------------------------------------- */

/* Partitions asked at once when they turn out to hold little. */
enum { PAGE_WINDOW = 16 };

/* A page being read. */
struct paging {
    struct channel_map *map;
    struct map_cursor *cursor;
    uint32_t want, count;
    void (*visit)(void *context, const struct data *key, const struct data *value);
    void *context;
};

static mr_rc_t ask_partition(const struct paging *p, struct remote_call *call, uint32_t partition,
                             mr_err_t *err)
{
    struct sink first = {.at = (uint8_t[8]){0}, .room = 8};
    const struct map_cursor *at = p->cursor;
    bool begun = partition == at->partition && at->place_size > 0;

    wire_put_i32(&first, INT32_MAX);
    wire_put_i32(&first, -1);
    const struct map_fetch_entries_req q = {
        .batch = (int32_t)p->want,
        .name = name_of(p->map),
        .iteration_pointers = begun ? (struct wire_bytes){at->place, at->place_size}
                                    : (struct wire_bytes){first.at, 8}};
    mr_rc_t rc = remote_call_init(call, WIRE_map_fetch_entries_req, (int32_t)partition, &q, true);

    return rc == MR_OK ? rc
                       : fail(err, rc, NULL, "map \"%s\": no room for a request", p->map->name);
}

/* Moves the cursor to where the answer says that it goes on. */
static mr_rc_t move_on(struct paging *p, struct wire_bytes place, mr_err_t *err)
{
    struct map_cursor *at = p->cursor;

    if (place.size < 8 || wire_i32_at(place, 8, 0, 0) < 0) {
        at->partition++;
        at->place_size = 0;
        return MR_OK;
    }
    if (place.size > sizeof at->place)
        return fail(err, MR_ERR_TOO_LARGE, "iterate when the map does not grow so fast",
                    "map \"%s\": a member's cursor has %u bytes", p->map->name, place.size);
    memcpy(at->place, place.at, place.size);
    at->place_size = place.size;
    return MR_OK;
}

static mr_rc_t take_partition(struct paging *p, struct remote_call *call, mr_err_t *err)
{
    struct map_fetch_entries_rsp a;
    struct data key, value;
    mr_rc_t rc;

    if (call->rc != MR_OK)
        return remote_explain(p->map->remote, call, err);
    if ((rc = remote_answer(call, &a)) != MR_OK)
        return fail(err, rc, NULL, "map \"%s\": a page of a member is malformed", p->map->name);
    while (rc == MR_OK && wire_next(&a.entries, WIRE_data_pairs, &key, &value)) {
        if ((rc = remote_learn(p->map->remote, &key, err)) == MR_OK)
            rc = remote_learn(p->map->remote, &value, err);
        if (rc == MR_OK)
            p->visit(p->context, &key, &value);
        p->count++;
    }
    return rc == MR_OK ? move_on(p, a.iteration_pointers, err) : rc;
}

/* Asks n partitions at once, and takes what they answer as far as it is whole. */
static mr_rc_t page_some(struct paging *p, struct remote_call *calls, uint32_t n, mr_err_t *err)
{
    uint32_t first = p->cursor->partition, made = 0;
    mr_rc_t rc = MR_OK;

    while (rc == MR_OK && made < n) {
        rc = ask_partition(p, &calls[made], first + made, err);
        made++;
    }
    if (rc == MR_OK)
        remote_run(p->map->remote, calls, n);
    for (uint32_t i = 0; rc == MR_OK && i < n && p->cursor->partition == first + i; i++)
        rc = take_partition(p, &calls[i], err);
    while (made > 0)
        remote_call_clear(&calls[--made]);
    return rc;
}

static mr_rc_t map_page(struct channel *c, struct channel_map *map, struct map_cursor *cursor,
                        uint32_t want,
                        void (*visit)(void *context, const struct data *key,
                                      const struct data *value),
                        void *context, bool *ret_end, mr_err_t *err)
{
    struct paging p = {map, cursor, want, 0, visit, context};
    uint32_t partitions = map->remote->partitions, n = 1;
    struct remote_call *calls = mem_alloc(PAGE_WINDOW * sizeof *calls);
    mr_rc_t rc =
        calls ? MR_OK
              : fail(err, MR_ERR_MEMORY, NULL, "map \"%s\": no memory for a page", map->name);

    (void)c;
    while (rc == MR_OK && p.count < want && cursor->partition < partitions) {
        uint32_t left = partitions - cursor->partition, before = p.count;

        rc = page_some(&p, calls, n < left ? n : left, err);
        n = p.count - before < want / PAGE_WINDOW ? PAGE_WINDOW : 1;
    }
    mem_free(calls);
    *ret_end = cursor->partition >= partitions;
    return rc;
}

/* ---- queries -------------------------------------------------------------------------------- */

/* Classes that every client names by number. */
enum { PREDICATES = -20, PREDICATE_SQL = 0, AGGREGATORS = -29, AGGREGATOR_COUNT = 4 };

static void put_object(struct sink *out, int32_t factory, int32_t class_number)
{
    sink_put8(out, 1); /* it is such an object */
    sink_put32(out, (uint32_t)factory);
    sink_put32(out, (uint32_t)class_number);
}

static void put_predicate(struct sink *out, const char *text)
{
    uint32_t size = (uint32_t)strlen(text);

    put_object(out, PREDICATES, PREDICATE_SQL);
    sink_put32(out, size);
    sink_put(out, text, size);
}

/* Of all entries, whatever their attributes. */
static void put_count(struct sink *out)
{
    put_object(out, AGGREGATORS, AGGREGATOR_COUNT);
    sink_put32(out, UINT32_MAX); /* no attribute */
    sink_put64(out, 0);
}

static struct data object_of(const struct sink *s)
{
    return (struct data){s->at, (uint32_t)s->size, DATA_IDENTIFIED};
}

static mr_rc_t count(struct channel_map *map, const struct data *predicate, uint64_t *ret_count,
                     mr_err_t *err)
{
    uint8_t room[32];
    struct sink aggregator = {.at = room, .room = sizeof room};
    struct map_aggregate_with_predicate_rsp a;
    struct remote_call call;
    struct scalar n;

    put_count(&aggregator);
    mr_rc_t rc = remote_ask(map->remote, &call, WIRE_map_aggregate_with_predicate_req, -1,
                            &(struct map_aggregate_with_predicate_req){
                                name_of(map), object_of(&aggregator), *predicate},
                            true, &a, err);

    if (rc == MR_OK && (scalar_read_as(&a.response, DATA_LONG, &n) != MR_OK || n.integer < 0))
        rc = fail(err, MR_ERR_MALFORMED, NULL, "map \"%s\": the count of a member is malformed",
                  map->name);
    if (rc == MR_OK)
        *ret_count = (uint64_t)n.integer;
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t entries(struct channel_map *map, const struct data *predicate,
                       void (*visit)(void *context, const struct data *key,
                                     const struct data *value),
                       void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct map_entries_with_predicate_rsp a;
    struct remote_call call;
    struct data key, value;
    mr_rc_t rc = remote_ask(map->remote, &call, WIRE_map_entries_with_predicate_req, -1,
                            &(struct map_entries_with_predicate_req){name_of(map), *predicate},
                            true, &a, err);

    *ret_count = 0;
    while (rc == MR_OK && wire_next(&a.response, WIRE_data_pairs, &key, &value)) {
        if ((rc = remote_learn(map->remote, &key, err)) == MR_OK)
            rc = remote_learn(map->remote, &value, err);
        if (rc == MR_OK)
            visit(context, &key, &value);
        ++*ret_count;
    }
    remote_call_clear(&call);
    return rc;
}

/* A member reads the text as part of a serialised predicate, of which all else is ours. */
static mr_rc_t as_argument(mr_rc_t rc, mr_err_t *err)
{
    if (rc != MR_ERR_MALFORMED)
        return rc;
    if (err)
        err->code = MR_ERR_ARGUMENT;
    return MR_ERR_ARGUMENT;
}

static mr_rc_t map_query(struct channel *c, struct channel_map *map, const char *text,
                         void (*visit)(void *context, const struct data *key,
                                       const struct data *value),
                         void *context, uint64_t *ret_count, mr_err_t *err)
{
    struct sink predicate = {.grows = true};
    mr_rc_t rc;

    (void)c;
    put_predicate(&predicate, text);
    struct data d = object_of(&predicate);

    if ((rc = sink_state(&predicate)) != MR_OK)
        (void)!fail(err, rc, NULL, "map \"%s\": no room for the condition", map->name);
    else if (visit)
        rc = as_argument(entries(map, &d, visit, context, ret_count, err), err);
    else
        rc = as_argument(count(map, &d, ret_count, err), err);
    sink_free(&predicate);
    return rc;
}

/* What an index on a disk would have, as other clients send it of any: pages of 16 KB, and 256 MB
 * of them in memory. A member of Hazelcast does not take null for it. */
static const struct wire_btree_options pages = {
    .page_size = {.value = 16, .unit = 1},
    .memory_tier_config.capacity = {.value = 256, .unit = 2}};

static mr_rc_t map_index(struct channel *c, struct channel_map *map, int kind,
                         const char *const *attributes, uint32_t n, mr_err_t *err)
{
    struct sink items = {.grows = true};
    struct remote_call call;

    for (uint32_t i = 0; i < n; i++) {
        struct wire_bytes attribute = wire_text(attributes[i]);

        wire_put(&items, WIRE_str, &attribute);
    }
    const struct map_add_index_req q = {.name = name_of(map),
                                        .index_config = {.type = kind,
                                                         .attributes = wire_list_of(&items, n),
                                                         .bitmap_index_options.null = true,
                                                         .b_tree_index_config = pages}};
    mr_rc_t rc = sink_state(&items);

    if (rc != MR_OK) {
        sink_free(&items);
        return fail(err, rc, NULL, "map \"%s\": no room for an index's attributes", map->name);
    }
    /* Twice is once: an index that is there is kept. */
    rc = remote_ask(remote_of(c), &call, WIRE_map_add_index_req, -1, &q, true, NULL, err);
    remote_call_clear(&call);
    sink_free(&items);
    return rc;
}

/* ---- locks ---------------------------------------------------------------------------------- */

/* Taking and letting go may be sent twice: the member knows each by this number. */
static int64_t reference(void)
{
    static uint64_t references;

    return (int64_t)fetch_add_64(&references, 1) + 1;
}

/* A lease of 0, which is none here, is over at once for a member of Hazelcast. */
static int64_t lease_of(uint64_t lease_ms)
{
    return lease_ms == 0 ? INT64_MAX : (int64_t)lease_ms;
}

static mr_rc_t map_lock(struct channel *c, struct channel_map *map, const struct data *key,
                        uint64_t lease_ms, uint64_t timeout_ms, mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct map_try_lock_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_call_init(&call, WIRE_map_try_lock_req, remote_partition(r, key),
                                  &(struct map_try_lock_req){thread_number(), lease_of(lease_ms),
                                                             (int64_t)timeout_ms, reference(),
                                                             name_of(map), *key},
                                  true);

    if (rc != MR_OK) {
        remote_call_clear(&call);
        return fail(err, rc, NULL, "map \"%s\": no room for a request", map->name);
    }
    call.patience_ms = timeout_ms;
    remote_run(r, &call, 1);
    if (call.rc != MR_OK)
        rc = remote_explain(r, &call, err);
    else if ((rc = remote_answer(&call, &a)) != MR_OK)
        (void)!fail(err, rc, NULL, "map \"%s\": the answer of a member is malformed", map->name);
    else if (!a.response)
        rc = fail(err, MR_ERR_BUSY, "wait longer, or find out who holds it",
                  "map \"%s\": the key is locked by another", map->name);
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_unlock(struct channel *c, struct channel_map *map, const struct data *key,
                          mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct remote_call call;
    mr_rc_t rc =
        remote_ask(r, &call, WIRE_map_unlock_req, remote_partition(r, key),
                   &(struct map_unlock_req){thread_number(), reference(), name_of(map), *key}, true,
                   NULL, err);

    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_is_locked(struct channel *c, struct channel_map *map, const struct data *key,
                             bool *ret_locked, mr_err_t *err)
{
    struct remote *r = remote_of(c);
    struct map_is_locked_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(r, &call, WIRE_map_is_locked_req, remote_partition(r, key),
                            &(struct map_is_locked_req){name_of(map), *key}, true, &a, err);

    if (rc == MR_OK)
        *ret_locked = a.response;
    remote_call_clear(&call);
    return rc;
}

/* ---- the whole map -------------------------------------------------------------------------- */

static mr_rc_t map_clear(struct channel *c, struct channel_map *map, mr_err_t *err)
{
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_map_clear_req, -1,
                            &(struct map_clear_req){name_of(map)}, false, NULL, err);

    remote_call_clear(&call);
    return rc;
}

/* The protocol tells the size of a map and no more. */
static mr_rc_t map_facts(struct channel *c, struct channel_map *map, struct map_facts *ret_facts,
                         mr_err_t *err)
{
    struct map_size_rsp a;
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_map_size_req, -1,
                            &(struct map_size_req){name_of(map)}, true, &a, err);

    if (rc == MR_OK)
        *ret_facts = (struct map_facts){.entries = (uint64_t)(uint32_t)a.response};
    remote_call_clear(&call);
    return rc;
}

static mr_rc_t map_listen(struct channel *c, struct channel_map *map, uint32_t kinds,
                          void (*on_event)(void *context, const struct map_event *e), void *context,
                          struct channel_listener **ret_l, mr_err_t *err)
{
    return subscribe(remote_of(c), map->name, kinds, on_event, context, ret_l, err);
}

static void unlisten(struct channel *c, struct channel_listener *l)
{
    (void)c;
    unsubscribe(l);
}

/* ---- the cluster ---------------------------------------------------------------------------- */

static mr_rc_t map_open(struct channel *c, const char *name, struct channel_map **ret_map,
                        mr_err_t *err)
{
    size_t size = strlen(name) + 1;
    struct channel_map *map = remote_keep(remote_of(c), sizeof *map + size);

    if (!map)
        return fail(err, MR_ERR_MEMORY, NULL, "no memory for map \"%s\"", name);
    map->remote = remote_of(c);
    memcpy(map->name, name, size);
    *ret_map = map;
    return MR_OK;
}

static mr_rc_t memory(struct channel *c, struct memory_facts *ret_facts, mr_err_t *err)
{
    (void)c, (void)ret_facts;
    return fail(err, MR_ERR_UNSUPPORTED, "ask the member itself, or look at its metrics",
                "a client does not know how much memory a member uses");
}

static uint32_t members(struct channel *c, struct member_facts *ret_members, uint32_t room)
{
    struct remote *r = remote_of(c);

    pthread_mutex_lock(&r->lock);
    uint32_t n = r->member_count;

    if (room > 0 && n > 0)
        memcpy(ret_members, r->members, (n < room ? n : room) * sizeof *ret_members);
    pthread_mutex_unlock(&r->lock);
    return n;
}

static mr_rc_t ping(struct channel *c, mr_err_t *err)
{
    struct remote_call call;
    mr_rc_t rc = remote_ask(remote_of(c), &call, WIRE_client_ping_req, -1,
                            &(struct client_ping_req){0}, true, NULL, err);

    remote_call_clear(&call);
    return rc;
}

static mr_rc_t close(struct channel *c, mr_err_t *err)
{
    struct remote *r = remote_of(c);

    if (loop_current() == r->events)
        return fail(err, MR_ERR_ARGUMENT, "let another thread close it",
                    "a connection cannot be closed by its own listener");
    remote_close(r);
    return MR_OK;
}

const struct channel_ops remote_ops = {
    .map_open = map_open,
    .map_run = map_run,
    .done = done,
    .map_start = map_start,
    .map_finish = map_finish,
    .map_drop = map_drop,
    .map_get_all = map_get_all,
    .map_put_all = map_put_all,
    .map_page = map_page,
    .map_query = map_query,
    .map_index = map_index,
    .map_lock = map_lock,
    .map_unlock = map_unlock,
    .map_is_locked = map_is_locked,
    .map_clear = map_clear,
    .map_facts = map_facts,
    .map_listen = map_listen,
    .unlisten = unlisten,
    .memory = memory,
    .members = members,
    .ping = ping,
    .close = close,
};
