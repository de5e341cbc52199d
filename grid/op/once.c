#include "grid/op/once.h"

#include <string.h>

#include "grid/op/copies.h"
#include "net/base/check.h"
#include "net/base/littleend.h"

__thread struct once *once_self __attribute__((tls_model("initial-exec")));

/* ---- what is answered ------------------------------------------------------------------------ */

/* The code, the kind of the value, and its bytes. */
enum { HEAD = 2, LEFT_OUT = UINT8_MAX };

void once_say(struct once *o, mr_rc_t rc, const struct data *value)
{
    bool fits = value && value->size <= SESSION_RESULT_MAX - HEAD;

    o->answer[0] = (uint8_t)rc;
    o->answer[1] = !value ? (uint8_t)DATA_NULL : fits ? value->kind : (uint8_t)LEFT_OUT;
    o->size = HEAD + (fits ? value->size : 0);
    if (fits && value->size > 0)
        memcpy(o->answer + HEAD, value->at, value->size);
}

mr_rc_t once_said(const struct once *o, struct data *ret_value)
{
    if (o->size < HEAD || o->answer[1] == LEFT_OUT)
        return MR_ERR_OUTCOME_UNKNOWN;
    *ret_value = (struct data){o->answer + HEAD, o->size - HEAD, o->answer[1]};
    return (mr_rc_t)o->answer[0];
}

static void keep_answer(struct once *o, const uint8_t *bytes, uint32_t size)
{
    o->size = size;
    if (size > 0)
        memcpy(o->answer, bytes, size);
}

/* ---- is it to be done? ----------------------------------------------------------------------- */

static bool is_open(const struct once_open *open, uint64_t session)
{
    uint32_t low = 0, high = open ? open->count : 0;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (open->numbers[middle] < session)
            low = middle + 1;
        else
            high = middle;
    }
    return open && low < open->count && open->numbers[low] == session;
}

/* One that is in the ring and not committed. */
static const struct effect *find_pending(const struct copies *c, const struct session_call *call)
{
    const struct replica *r = &c->replica;

    for (uint64_t seq = r->last_seq; seq > r->commit_seq; seq--) {
        const struct replica_op *op = replica_op(r, seq);
        const struct effect *e = op ? op->effect : NULL;

        if (e && e->once && e->once->call.session == call->session &&
            e->once->call.opno == call->opno)
            return e;
    }
    return NULL;
}

bool once_begins(struct copies *c, struct once *o)
{
    struct session_result r;
    const struct effect *e;

    o->verdict = sessions_judge(&c->sessions, &o->call, c->open ? c->open->applied : 0,
                                is_open(c->open, o->call.session), &r);
    if (o->verdict == ONCE_DONE)
        keep_answer(o, r.bytes, r.size);
    if (o->verdict == ONCE_PENDING) {
        e = find_pending(c, &o->call);
        check(e);
        commit_note(&c->commits, e->seq);
        keep_answer(o, e->once->answer, e->once->size);
    }
    return o->verdict == ONCE_NEW;
}

/* ---- doing it -------------------------------------------------------------------------------- */

/* An effect that is about no entry. */
static mr_rc_t write(struct copies *c, const struct effect *like)
{
    struct effect *e;
    mr_rc_t rc = effect_new(c->partitions->at[c->number].slab, like, &e);

    if (rc == MR_OK && (rc = copies_write(c, e)) != MR_OK)
        effect_release(e);
    return rc;
}

mr_rc_t once_write_nothing(struct copies *c, const struct once *o)
{
    return write(c, &(struct effect){.kind = EFFECT_NOTHING, .once = o});
}

void once_apply(struct copies *c, const struct once *o, uint64_t epoch, uint64_t seq)
{
    struct session_result r = {
        .epoch = epoch, .seq = seq, .known = true, .size = o->size, .bytes = o->answer};
    mr_rc_t rc = sessions_apply(&c->sessions, &o->call, &r);

    if (rc == MR_ERR_MEMORY) { /* that it was done is more than what it answered */
        r = (struct session_result){.epoch = epoch, .seq = seq};
        rc = sessions_apply(&c->sessions, &o->call, &r);
    }
    check(rc == MR_OK); /* the kernel has none left: rather no copy than another one */
}

/* ---- sessions that are over ------------------------------------------------------------------ */

void once_open(struct copies *c, const struct once_open *open)
{
    c->open = open;
    c->looks_for_expired = true;
}

static mr_rc_t expire(struct copies *c, uint64_t session)
{
    uint8_t bytes[EFFECT_SESSION];

    if (copies_are_alone(c)) {
        sessions_expire(&c->sessions, session);
        return MR_OK;
    }
    put_le64(bytes, session);
    return write(
        c, &(struct effect){.kind = EFFECT_EXPIRE, .value = {bytes, sizeof bytes, DATA_BYTES}});
}

/* Saying it twice does no harm. */
void once_expire(struct copies *c)
{
    uint64_t session = 0;
    mr_rc_t rc = MR_OK;

    if (!c->looks_for_expired || !c->open || copies_may_write(c, NULL) != MR_OK)
        return;
    while (rc == MR_OK && (session = sessions_next(&c->sessions, session)) != 0)
        if (session <= c->open->applied && !is_open(c->open, session))
            rc = expire(c, session);
    c->looks_for_expired = rc != MR_OK;
}
