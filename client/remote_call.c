/* remote_call.c - calls as the threads that make them see them: made, waited for, put into words;
 * and the schemas that have to be known on both sides first. */
#include <stdio.h>
#include <string.h>

#include "client/remote.h"
#include "net/base/atomic.h"
#include "net/base/clock.h"
#include "net/base/mem.h"

/* ---- making calls --------------------------------------------------------------------------- */

static void post(struct remote *r, struct remote_work *oldest, struct remote_work *newest)
{
    void *top;

    do {
        top = load_acquire_ptr(&r->posted);
        oldest->next = top;
    } while (!compare_and_set_ptr(&r->posted, top, newest));
    tasklet_wake(&r->taker);
}

void remote_post_work(struct remote *r, struct remote_work *w)
{
    post(r, w, w);
}

mr_rc_t remote_call_init(struct remote_call *c, enum wire_id id, int32_t partition, const void *msg,
                         bool repeatable)
{
    const struct wire_head head = {.partition = partition};

    c->work = (struct remote_work){.run = remote_start};
    c->in = (struct invocation){.repeatable = repeatable};
    c->number = (struct number){0};
    c->id = id;
    c->partition = partition;
    c->patience_ms = 0;
    c->here = false;
    c->near = NULL;
    c->request = (struct sink){.grows = true};
    c->peer = NULL;
    c->answer = NULL;
    c->answer_size = 0;
    wire_encode(id, &head, msg, &c->request);
    return sink_state(&c->request);
}

void remote_call_clear(struct remote_call *c)
{
    sink_free(&c->request);
    if (c->answer != c->room)
        mem_free(c->answer);
    c->answer = NULL;
}

void remote_post(struct remote *r, struct remote_call *calls, size_t n)
{
    uint64_t now_ns = clock_ns();
    struct remote_work *oldest = NULL, *newest = NULL;

    for (size_t i = 0; i < n; i++) {
        if (calls[i].here)
            continue;
        calls[i].in.deadline_ns = now_ns + (r->call_timeout_ms + calls[i].patience_ms) * 1000000;
        calls[i].work.next = newest;
        newest = &calls[i].work;
        oldest = oldest ? oldest : newest;
    }
    if (newest)
        post(r, oldest, newest);
}

void flight_init(struct flight *f, uint32_t under_way)
{
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->landed, NULL);
    f->under_way = under_way;
}

void flight_land(struct flight *f)
{
    pthread_mutex_lock(&f->lock);
    if (--f->under_way == 0)
        pthread_cond_signal(&f->landed);
    pthread_mutex_unlock(&f->lock);
}

void flight_wait(struct flight *f)
{
    pthread_mutex_lock(&f->lock);
    while (f->under_way > 0)
        pthread_cond_wait(&f->landed, &f->lock);
    pthread_mutex_unlock(&f->lock);
    pthread_cond_destroy(&f->landed);
    pthread_mutex_destroy(&f->lock);
}

static void landed(struct remote_call *c)
{
    flight_land(c->context);
}

void remote_run(struct remote *r, struct remote_call *calls, size_t n)
{
    struct flight f;
    uint32_t under_way = 0;

    for (size_t i = 0; i < n; i++) {
        calls[i].over = landed;
        calls[i].context = &f;
        under_way += !calls[i].here;
    }
    if (under_way == 0)
        return;
    flight_init(&f, under_way);
    remote_post(r, calls, n);
    flight_wait(&f);
}

mr_rc_t remote_answer(const struct remote_call *c, void *msg)
{
    const char *field;
    struct wire_head head;

    if (wire_read_head(c->answer, c->answer_size, &head) != MR_OK ||
        head.type != wire_type(c->id + 1))
        return MR_ERR_MALFORMED;
    return wire_decode(c->id + 1, c->answer, c->answer_size, msg, &field);
}

int32_t remote_partition(const struct remote *r, const struct data *key)
{
    return (int32_t)data_partition(key, r->partitions);
}

/* ---- in words ------------------------------------------------------------------------------- */

/* The member's own words. */
static mr_rc_t explain_refusal(const struct remote_call *c, mr_err_t *err)
{
    struct wire_error e = {.code = -1};

    if (wire_read_error(c->answer, c->answer_size, &e) != MR_OK)
        return fail(err, c->rc, NULL, "%s: an error without words", wire_name(c->id));
    (void)!fail(err, c->rc, NULL, "%.*s", (int)e.message.size,
                e.message.at ? (const char *)e.message.at : "");
    if (err && !err->message[0])
        snprintf(err->message, sizeof err->message, "%s", mr_rc_text(c->rc));
    fail_detail(err, "error %d, %.*s, of a member", e.code, (int)e.class_name.size,
                (const char *)e.class_name.at);
    return c->rc;
}

static const char *hint_of(mr_rc_t rc)
{
    switch (rc) {
    case MR_ERR_OUTCOME_UNKNOWN: return "read the entry, and decide anew";
    case MR_ERR_TIMEOUT: return "look at the member, or raise call_timeout_ms";
    case MR_ERR_CONNECT: return "is a member running there, and does the network let it through?";
    default: return NULL;
    }
}

mr_rc_t remote_explain(struct remote *r, const struct remote_call *c, mr_err_t *err)
{
    if (c->answer)
        return explain_refusal(c, err);
    (void)!fail(err, c->rc, hint_of(c->rc), "%s of cluster \"%s\": %s", wire_name(c->id),
                r->cluster,
                c->rc == MR_ERR_CLOSED ? "the connection is closed" : mr_rc_text(c->rc));
    pthread_mutex_lock(&r->lock);
    if (r->words[0])
        fail_detail(err, "the last trouble was with %s", r->words);
    pthread_mutex_unlock(&r->lock);
    return c->rc;
}

mr_rc_t remote_wait_ready(struct remote *r, uint64_t timeout_ms, mr_err_t *err)
{
    uint64_t until_ns = clock_ns() + timeout_ms * 1000000;
    mr_rc_t rc;

    pthread_mutex_lock(&r->lock);
    while (!r->ready && r->failed == MR_OK && clock_ns() < until_ns)
        clock_wait(&r->changed, &r->lock, until_ns);
    rc = r->ready ? MR_OK : r->failed != MR_OK ? r->failed : MR_ERR_CONNECT;
    if (rc == MR_ERR_LOGIN)
        (void)!fail(err, rc, "use the names and the password that the members are configured with",
                    "cluster \"%s\" does not admit this client", r->cluster);
    else if (rc != MR_OK)
        (void)!fail(err, rc, hint_of(rc), "cluster \"%s\" cannot be reached within %llu ms",
                    r->cluster, (unsigned long long)timeout_ms);
    if (rc != MR_OK && r->words[0])
        fail_detail(err, "%s", r->words);
    pthread_mutex_unlock(&r->lock);
    return rc;
}

mr_rc_t remote_ask(struct remote *r, struct remote_call *c, enum wire_id id, int32_t partition,
                   const void *msg, bool repeatable, void *answer, mr_err_t *err)
{
    mr_rc_t rc = remote_call_init(c, id, partition, msg, repeatable);

    if (rc != MR_OK)
        return fail(err, rc, NULL, "%s: %s", wire_name(id), mr_rc_text(rc));
    remote_run(r, c, 1);
    if (c->rc != MR_OK)
        return remote_explain(r, c, err);
    if (answer && (rc = remote_answer(c, answer)) != MR_OK)
        return fail(err, rc, NULL, "the answer to %s is malformed", wire_name(id));
    return MR_OK;
}

/* ---- schemas -------------------------------------------------------------------------------- */

static mr_rc_t learn_one(struct remote *r, uint64_t id, mr_err_t *err)
{
    struct client_fetch_schema_rsp a;
    struct remote_call c;
    mr_rc_t rc = remote_ask(r, &c, WIRE_client_fetch_schema_req, -1,
                            &(struct client_fetch_schema_req){(int64_t)id}, true, &a, err);

    if (rc == MR_OK && a.schema.null)
        rc = fail(err, MR_ERR_SCHEMA, NULL, "the cluster does not know schema %016llx either",
                  (unsigned long long)id);
    if (rc == MR_OK)
        rc = teach_learn(&a.schema, err);
    if (rc == MR_OK && !schema_registry_find(schema_registry_shared(), id))
        rc = fail(err, MR_ERR_SCHEMA, NULL, "the cluster gave another schema than %016llx",
                  (unsigned long long)id);
    if (rc == MR_OK)
        rc = teach_note(&r->teach, id);
    remote_call_clear(&c);
    return rc;
}

mr_rc_t remote_learn(struct remote *r, const struct data *d, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;
    uint64_t id;

    while (rc == MR_OK && teach_unknown(d, &id))
        rc = learn_one(r, id, err);
    return rc;
}

static mr_rc_t teach_one(struct remote *r, uint64_t id, mr_err_t *err)
{
    struct client_send_schema_req q;
    struct sink fields = {.grows = true};
    struct remote_call c;
    mr_rc_t rc;

    teach_write(schema_registry_find(schema_registry_shared(), id), &fields, &q.schema);
    if (sink_state(&fields) != MR_OK) {
        sink_free(&fields);
        return fail(err, MR_ERR_MEMORY, NULL, "no memory to tell the cluster a schema");
    }
    rc = remote_ask(r, &c, WIRE_client_send_schema_req, -1, &q, true, NULL, err);
    if (rc == MR_OK)
        rc = teach_note(&r->teach, id);
    remote_call_clear(&c);
    sink_free(&fields);
    return rc;
}

mr_rc_t remote_teach(struct remote *r, const struct data *d, mr_err_t *err)
{
    mr_rc_t rc = MR_OK;
    uint64_t id;

    while (rc == MR_OK && teach_untold(&r->teach, d, &id))
        rc = teach_one(r, id, err);
    return rc;
}
