#define _GNU_SOURCE
#include "tests/cluster/work.h"

#include <millrace/millrace.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "net/base/atomic.h"
#include "net/base/check.h"
#include "net/base/clock.h"
#include "net/base/mem.h"
#include "net/base/rand.h"
#include "tests/cluster/outcome.h"
#include "tests/sim/history.h"
#include "tests/sim/wgl.h"

enum {
    REGISTER_CLIENTS = 4,
    COUNTER_CLIENTS = 3,
    LIST_CLIENTS = 2,
    SET_CLIENTS = 3,
    CLIENTS = REGISTER_CLIENTS + COUNTER_CLIENTS + LIST_CLIENTS + SET_CLIENTS,
    HOT = 6,          /* keys at a time, of each kind */
    KEY_CALLS = 1200, /* then another key takes its place */
    KEY_READS = 2400, /* then it is not even read */
    LIST_CALLS = 300, /* the same of a list, which is sent as a whole each time */
    KEY_UNKNOWN = 3,  /* as many clients more may be about to add one */
    KEYS_MAX = 100000,
    THINK_US = 1500,
    CALL_MS = 3000,
    PATIENCE_MS = 20000, /* with reads at the end that fail, in all */
    RETRY_MS = 10,
    COMPLAINTS = 20,
    STEPS = 200000000
};

enum kind { REGISTERS, COUNTERS, LISTS, KINDS };

static const char *const kind_names[] = {"register", "counter", "list"};

/* A key of the history. */
struct key {
    enum kind kind;
    uint32_t calls, unknown;
};

/* What has become of a key of a set. */
enum fate { FATE_UNKNOWN, FATE_ACKNOWLEDGED, FATE_REFUSED };

struct client {
    struct work *work;
    pthread_t thread;
    void (*act)(struct client *c);
    struct rand rand;
    mr_t *g;
    mr_map_t *map, *set;
    uint32_t number, process;
    uint8_t *fates; /* of the keys of a set that it has put, in order */
    uint32_t fate_count, fate_room;
    int64_t known[KINDS][HOT]; /* what a register was seen to hold, per place */
    uint32_t known_key[KINDS][HOT];
};

struct work {
    struct client clients[CLIENTS];
    uint32_t stopped;     /* atomic */
    pthread_mutex_t lock; /* of what follows */
    struct history history;
    struct key keys[KEYS_MAX];
    uint32_t key_count, hot[KINDS][HOT];
    uint32_t processes;
    int64_t last_value;
    int64_t patience_ms; /* that is left */
    uint32_t complaints;
    char url[512];
};

/* ---- what is written down ------------------------------------------------------------------- */

static void write_down(struct work *w, struct event *e)
{
    e->time_ns = clock_ns();
    history_add(&w->history, e);
}

static int32_t number(struct work *w, int64_t n)
{
    return values_number(&w->history.values, n);
}

/* What a key of that kind was read to hold. */
static int32_t value_of(struct work *w, enum kind kind, const mr_val_t *v)
{
    const int64_t *items = mr_val_bytes(v);
    int32_t list = VALUE_EMPTY_LIST;

    if (kind != LISTS)
        return number(w, mr_val_i64(v));
    for (size_t i = 0; i < mr_val_len(v) / sizeof items[0]; i++)
        list = values_append(&w->history.values, list, items[i]);
    return list;
}

static uint32_t new_key(struct work *w, enum kind kind)
{
    check(w->key_count < KEYS_MAX);
    w->keys[w->key_count] = (struct key){.kind = kind};
    return w->key_count++;
}

/* A hot key, or now and then one that was. KEYS_MAX: none that may still be read. */
static uint32_t choose(struct client *c, enum kind kind, int place, bool *ret_hot)
{
    struct work *w = c->work;
    uint32_t *at = &w->hot[kind][place];
    const struct key *k = &w->keys[*at];

    uint32_t most = kind == LISTS ? LIST_CALLS : KEY_CALLS;

    if (k->calls >= most || k->unknown >= KEY_UNKNOWN)
        *at = new_key(w, kind);
    *ret_hot = rand_below(&c->rand, 16) != 0;
    if (*ret_hot)
        return *at;
    uint32_t old = (uint32_t)rand_below(&c->rand, w->key_count);

    return w->keys[old].calls < KEY_READS ? old : KEYS_MAX;
}

static void begin(struct client *c, struct event *e)
{
    struct work *w = c->work;

    e->type = EVENT_INVOKE;
    e->process = c->process;
    e->session = c->number;
    w->keys[e->key].calls++;
    write_down(w, e);
}

static void end(struct client *c, struct event *e, enum event_type type)
{
    struct work *w = c->work;

    e->type = type;
    write_down(w, e);
    if (type != EVENT_INFO)
        return;
    w->keys[e->key].unknown++;
    c->process = w->processes++;
}

/* ---- registers ------------------------------------------------------------------------------ */

static mr_rc_t run(struct client *c, const struct event *e, int64_t value, int64_t old,
                   mr_val_t *ret_read, mr_err_t *err)
{
    mr_ref_t key = MR_I64(e->key);

    switch (e->call) {
    case CALL_PUT: return mr_map_set(c->map, key, MR_I64(value), NULL, err);
    case CALL_DEL: return mr_map_delete(c->map, key, err);
    case CALL_CAS:
        return mr_map_replace_if_equal(c->map, key, MR_I64(old), MR_I64(value), NULL, err);
    default: return mr_map_get(c->map, key, ret_read, NULL, err);
    }
}

/* Of a register: what is asked. */
static void wish(struct client *c, int place, bool hot, struct event *e, int64_t *ret_value)
{
    uint64_t dice = hot ? rand_below(&c->rand, 20) : 0;
    bool known = c->known_key[REGISTERS][place] == e->key && c->known[REGISTERS][place] != 0;

    e->call = dice < 8              ? CALL_GET
              : dice < 13 || !known ? CALL_PUT
              : dice < 19           ? CALL_CAS
                                    : CALL_DEL;
    e->value = e->old = VALUE_UNSAID;
    *ret_value = ++c->work->last_value;
    if (e->call == CALL_PUT || e->call == CALL_CAS)
        e->value = number(c->work, *ret_value);
    if (e->call == CALL_CAS)
        e->old = number(c->work, c->known[REGISTERS][place]);
}

static void register_act(struct client *c)
{
    struct work *w = c->work;
    int place = (int)rand_below(&c->rand, HOT);
    int64_t *known = &c->known[REGISTERS][place], value = 0;
    mr_val_t read = MR_VAL_INIT;
    mr_err_t err = MR_ERR_INIT;
    struct event e = {0};
    bool hot;

    pthread_mutex_lock(&w->lock);
    e.key = choose(c, REGISTERS, place, &hot);
    if (e.key < KEYS_MAX) {
        wish(c, place, hot, &e, &value);
        begin(c, &e);
    }
    pthread_mutex_unlock(&w->lock);
    if (e.key == KEYS_MAX)
        return;
    mr_rc_t rc = run(c, &e, value, *known, &read, &err);
    enum event_type type = outcome_of(rc);

    pthread_mutex_lock(&w->lock);
    if (e.call == CALL_GET && rc == MR_NOT_FOUND) {
        type = EVENT_OK;
        e.value = VALUE_NOTHING;
    } else if (e.call == CALL_GET) {
        type = type == EVENT_OK ? EVENT_OK : EVENT_FAIL; /* it changes nothing */
        e.value = type == EVENT_OK ? value_of(w, w->keys[e.key].kind, &read) : VALUE_UNSAID;
    } else if (e.call == CALL_DEL && rc == MR_NOT_FOUND) {
        type = EVENT_OK; /* of what is not there */
    }
    end(c, &e, type);
    pthread_mutex_unlock(&w->lock);
    if (type != EVENT_OK || !hot)
        *known = 0;
    else
        *known = e.call == CALL_GET ? mr_val_i64(&read) : e.call == CALL_DEL ? 0 : value;
    c->known_key[REGISTERS][place] = e.key;
    mr_val_clear(&read);
}

/* ---- counters ------------------------------------------------------------------------------- */

static mr_update_t add_one(void *context, mr_ref_t current, mr_ref_t *next)
{
    int64_t *sum = context;

    *sum = current.kind == MR_KIND_NULL ? 1 : current.as.i64 + 1;
    *next = MR_I64(*sum);
    return MR_UPDATE_SET;
}

static void counter_act(struct client *c)
{
    struct work *w = c->work;
    mr_err_t err = MR_ERR_INIT;
    struct event e = {.call = CALL_INCR, .old = VALUE_UNSAID};
    int64_t sum = 0;
    bool hot;

    pthread_mutex_lock(&w->lock);
    do
        e.key = choose(c, COUNTERS, (int)rand_below(&c->rand, HOT), &hot);
    while (!hot);
    e.value = number(w, 1);
    begin(c, &e);
    pthread_mutex_unlock(&w->lock);
    mr_rc_t rc = mr_map_update(c->map, MR_I64(e.key), add_one, &sum, NULL, &err);

    pthread_mutex_lock(&w->lock);
    e.value = rc == MR_OK ? number(w, sum) : VALUE_UNSAID;
    end(c, &e, outcome_of(rc));
    pthread_mutex_unlock(&w->lock);
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct growing {
    int64_t item, items[LIST_CALLS];
};

static mr_update_t append(void *context, mr_ref_t current, mr_ref_t *next)
{
    struct growing *g = context;
    uint32_t size = current.kind == MR_KIND_NULL ? 0 : current.len;

    check(size + sizeof g->item <= sizeof g->items);
    if (size > 0)
        memcpy(g->items, current.as.ptr, size);
    g->items[size / sizeof g->item] = g->item;
    *next = MR_BYTES(g->items, size + sizeof g->item);
    return MR_UPDATE_SET;
}

static mr_rc_t read_list(struct client *c, struct event *e)
{
    mr_val_t v = MR_VAL_INIT;
    mr_rc_t rc = mr_map_get(c->map, MR_I64(e->key), &v, NULL, NULL);

    pthread_mutex_lock(&c->work->lock);
    if (rc == MR_OK)
        e->value = value_of(c->work, LISTS, &v);
    else if (rc == MR_NOT_FOUND)
        e->value = VALUE_NOTHING;
    pthread_mutex_unlock(&c->work->lock);
    mr_val_clear(&v);
    return rc;
}

static void list_act(struct client *c)
{
    struct work *w = c->work;
    struct event e = {.value = VALUE_UNSAID, .old = VALUE_UNSAID};
    struct growing g;
    bool hot;

    pthread_mutex_lock(&w->lock);
    do
        e.key = choose(c, LISTS, (int)rand_below(&c->rand, HOT), &hot);
    while (!hot);
    e.call = rand_below(&c->rand, 4) ? CALL_APPEND : CALL_GET;
    g.item = ++w->last_value;
    if (e.call == CALL_APPEND)
        e.value = number(w, g.item);
    begin(c, &e);
    pthread_mutex_unlock(&w->lock);
    mr_rc_t rc = e.call == CALL_APPEND
                     ? mr_map_update(c->map, MR_I64(e.key), append, &g, NULL, NULL)
                     : read_list(c, &e);
    enum event_type type = outcome_of(rc);

    if (e.call == CALL_GET) /* it changes nothing */
        type = rc <= MR_NOT_FOUND ? EVENT_OK : EVENT_FAIL;
    else
        e.value = VALUE_UNSAID; /* of an append, only that it was done */
    pthread_mutex_lock(&w->lock);
    end(c, &e, type);
    pthread_mutex_unlock(&w->lock);
}

/* ---- sets ----------------------------------------------------------------------------------- */

/* In the lower bits whose it is, so that nobody else has it. */
static int64_t set_key(const struct client *c, uint32_t i)
{
    return (int64_t)i * CLIENTS + c->number;
}

static void set_act(struct client *c)
{
    mr_err_t err = MR_ERR_INIT;
    int64_t key = set_key(c, c->fate_count);

    if (c->fate_count == c->fate_room) {
        c->fate_room = c->fate_room ? 2 * c->fate_room : 1024;
        c->fates = mem_realloc(c->fates, c->fate_room);
        check(c->fates);
    }
    mr_rc_t rc = mr_map_set(c->set, MR_I64(key), MR_I64(key), NULL, &err);
    enum event_type type = outcome_of(rc);

    c->fates[c->fate_count++] = type == EVENT_OK     ? FATE_ACKNOWLEDGED
                                : type == EVENT_FAIL ? FATE_REFUSED
                                                     : FATE_UNKNOWN;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void *client_main(void *context)
{
    struct client *c = context;

    while (!load_relaxed_32(&c->work->stopped)) {
        c->act(c);
        usleep((useconds_t)rand_below(&c->rand, 2 * THINK_US)); /* as a user thinks */
    }
    return NULL;
}

static void connect_client(struct client *c, const char *url)
{
    mr_connect_opts_t opts = MR_CONNECT_OPTS_INIT;
    mr_err_t err = MR_ERR_INIT;

    opts.call_timeout_ms = CALL_MS;
    opts.client_name = "nemesis";
    c->g = mr_connect(url, &opts, &err);
    c->map = mr_map(c->g, "history", &err);
    c->set = mr_map(c->g, "set", &err);
    if (mr_err_report(stdout, &err))
        check(!"connected");
}

/* What the client of that number does. */
static void (*part_of(uint32_t i))(struct client *c)
{
    if (i < REGISTER_CLIENTS)
        return register_act;
    if (i < REGISTER_CLIENTS + COUNTER_CLIENTS)
        return counter_act;
    return i < CLIENTS - SET_CLIENTS ? list_act : set_act;
}

struct work *work_start(const char *url, uint64_t seed)
{
    struct work *w = mem_alloc_zero(sizeof *w);

    check(w);
    history_init(&w->history);
    pthread_mutex_init(&w->lock, NULL);
    snprintf(w->url, sizeof w->url, "%s", url);
    w->processes = CLIENTS;
    for (int i = 0; i < HOT; i++)
        for (enum kind k = 0; k < KINDS; k++)
            w->hot[k][i] = new_key(w, k);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct client *c = &w->clients[i];

        c->work = w;
        c->number = c->process = i;
        c->act = part_of(i);
        rand_init(&c->rand, seed + i);
        connect_client(c, url);
    }
    for (uint32_t i = 0; i < CLIENTS; i++)
        check(pthread_create(&w->clients[i].thread, NULL, client_main, &w->clients[i]) == 0);
    return w;
}

void work_stop(struct work *w)
{
    store_relaxed_32(&w->stopped, 1);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(w->clients[i].thread, NULL);
}

void work_free(struct work *w)
{
    for (int i = 0; i < CLIENTS; i++) {
        (void)!mr_close(w->clients[i].g, MR_NOW, NULL);
        mem_free(w->clients[i].fates);
    }
    history_free(&w->history);
    pthread_mutex_destroy(&w->lock);
    mem_free(w);
}

/* ---- judging -------------------------------------------------------------------------------- */

/* Reads it, however long that takes; but a cluster that is not well is not waited for again and
 * again, and what is left then is not even asked for. */
static mr_rc_t read_at_last(struct work *w, mr_map_t *m, int64_t key, mr_val_t *ret)
{
    mr_rc_t rc = MR_ERR_TIMEOUT;

    while (w->patience_ms > 0 &&
           (rc = mr_map_get(m, MR_I64(key), ret, NULL, NULL)) > MR_NOT_FOUND) {
        w->patience_ms -= RETRY_MS + (rc == MR_ERR_TIMEOUT ? CALL_MS : 0);
        usleep(RETRY_MS * 1000); /* it may be open soon */
    }
    return rc;
}

static void read_all_keys(struct work *w)
{
    struct client *c = &w->clients[0];
    mr_val_t v = MR_VAL_INIT;

    for (uint32_t i = 0; i < w->key_count; i++) {
        struct event e = {.key = i, .call = CALL_GET, .value = VALUE_UNSAID, .old = VALUE_UNSAID};

        begin(c, &e);
        mr_rc_t rc = read_at_last(w, c->map, i, &v);

        if (rc == MR_OK)
            e.value = value_of(w, w->keys[i].kind, &v);
        else if (rc == MR_NOT_FOUND)
            e.value = VALUE_NOTHING;
        end(c, &e, rc <= MR_NOT_FOUND ? EVENT_OK : EVENT_FAIL);
    }
    mr_val_clear(&v);
}

static void complain(struct client *c, int64_t key, const char *what)
{
    if (c->work->complaints++ < COMPLAINTS)
        printf("set: key %lld %s\n", (long long)key, what);
}

static void judge_set(struct client *c, struct work_verdict *v)
{
    mr_val_t value = MR_VAL_INIT;

    for (uint32_t i = 0; i < c->fate_count; i++) {
        int64_t key = set_key(c, i);
        mr_rc_t rc = read_at_last(c->work, c->set, key, &value);

        v->put++;
        if (rc > MR_NOT_FOUND) {
            complain(c, key, "cannot be read");
            v->unreadable++;
        } else if (c->fates[i] == FATE_ACKNOWLEDGED && (rc != MR_OK || mr_val_i64(&value) != key)) {
            complain(c, key, "was acknowledged and is lost");
            v->lost++;
        } else if (c->fates[i] == FATE_REFUSED && rc == MR_OK) {
            complain(c, key, "was refused and is there");
            v->revived++;
        }
    }
    mr_val_clear(&value);
}

static const char *event_text(const struct work *w, const struct event *e, char *room, size_t size)
{
    static const char *const types[] = {"inv", "ok", "fail", "info"};
    static const char *const calls[] = {
#define X(name, word) word,
        CALL_MAP(X)
#undef X
    };
    const struct value *v = e->value < 0 ? NULL : values_at(&w->history.values, e->value);
    const struct value *old = e->old < 0 ? NULL : values_at(&w->history.values, e->old);

    snprintf(room, size, "%.6f process %u %-4s %-4s %lld %lld", (double)e->time_ns / 1e9,
             e->process, types[e->type], calls[e->call], v ? (long long)v->number : -1,
             old ? (long long)old->number : -1);
    return room;
}

/* What happened to the key, up to a little behind the answer that is at fault. */
static void show(const struct work *w, uint32_t key, uint32_t fault)
{
    enum { BEHIND = 40, BEFORE = 2000 };
    uint32_t from = fault > BEFORE ? fault - BEFORE : 0, behind = 0;
    char room[160];

    for (uint32_t i = from; i < w->history.count && behind < BEHIND; i++) {
        const struct event *e = &w->history.events[i];

        if (e->key != key)
            continue;
        behind += i > fault;
        printf("%s %s\n", i == fault ? "-->" : "   ", event_text(w, e, room, sizeof room));
    }
}

static bool judge_key(struct work *w, struct operation *ops, uint32_t count, uint32_t key)
{
    struct wgl_result r;
    uint32_t n = 0;

    struct operation *own = mem_alloc((count + 1) * sizeof *own);

    check(own);
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].key == key)
            own[n++] = ops[i];
    wgl_check(&w->history.values, own, n, STEPS, &r);
    mem_free(own);
    if (r.verdict == WGL_LINEARIZABLE)
        return true;
    printf("%s %u: %s\n", kind_names[w->keys[key].kind], key, wgl_sentence(r.verdict));
    show(w, key, r.event);
    return false;
}

static void judge_history(struct work *w, struct work_verdict *v)
{
    struct operation *ops = NULL;
    uint32_t count = 0, at = 0;
    mr_rc_t rc = history_operations(&w->history, &ops, &count, &at);

    check(rc == MR_OK);
    v->keys = w->key_count;
    v->calls = count;
    for (uint32_t i = 0; i < count; i++) {
        v->acknowledged += ops[i].end == EVENT_OK;
        v->refused += ops[i].end == EVENT_FAIL;
        v->unknown += ops[i].end == EVENT_INFO;
    }
    v->linearizable = true;
    for (uint32_t k = 0; k < w->key_count; k++)
        v->linearizable &= judge_key(w, ops, count, k);
    mem_free(ops);
}

void work_judge(struct work *w, FILE *to, struct work_verdict *ret)
{
    *ret = (struct work_verdict){0};
    w->patience_ms = PATIENCE_MS;
    read_all_keys(w);
    for (int i = 0; i < CLIENTS; i++)
        judge_set(&w->clients[i], ret);
    check(history_write(&w->history, to) == MR_OK);
    judge_history(w, ret);
}
