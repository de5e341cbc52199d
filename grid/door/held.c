#include "grid/door/held.h"

#include <string.h>

#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "net/base/mem.h"

static void held_free(struct held *h)
{
    session_unref(h->session);
    mem_free(h->bytes);
    mem_free(h);
}

/* To whoever here has asked for it, also when the client has gone. */
static void hand_in(const struct held *h)
{
    struct forwards *fs = &h->session->at->door->member->forwards;
    const struct sink answer = {.at = h->bytes, .size = h->size, .room = h->size};

    if (load_acquire_32(&h->commit.unknown))
        forward_over(fs, h->forwarded, MR_ERR_OUTCOME_UNKNOWN);
    else
        forward_answered_by_itself(fs, h->forwarded, &answer);
}

static void taken(struct posted *p)
{
    struct held *h = list_owner(p, struct held, posted);
    struct session *s = h->session;

    session_held(s, -(int64_t)h->size);
    s->away -= h->is_away && !h->is_own && h->bytes;
    if (h->is_own && h->bytes) {
        hand_in(h);
    } else if (s->state != SESSION_ENDED && h->bytes) {
        if (load_acquire_32(&h->commit.unknown))
            dispatch_unknown(s, h->correlation, h->forwarded);
        else
            session_send_bytes(s, h->bytes, h->size);
    }
    session_go_on(s);
    held_free(h);
}

static void over(struct commit *c)
{
    struct held *h = (struct held *)c;

    door_post(h->session->at, &h->posted);
}

struct held *held_new(struct session *s, bool is_away)
{
    struct held *h = mem_alloc_zero(sizeof *h);

    if (!h)
        return NULL;
    h->session = s;
    h->is_away = is_away;
    h->posted.run = taken;
    session_ref(s);
    commit_begin(&h->commit, over);
    return h;
}

void held_resume(struct held *h)
{
    commit_self = &h->commit;
}

void held_pause(void)
{
    commit_self = NULL;
}

/* Nothing was noted: nobody else knows of it. */
static bool is_settled(const struct held *h)
{
    return load_acquire_64(&h->commit.open) == 1;
}

bool held_end(struct held *h, const struct call *c, const struct sink *answer, bool *ret_unknown)
{
    *ret_unknown = false;
    if (!is_settled(h) && sink_state(answer) == MR_OK && (h->bytes = mem_alloc(answer->size))) {
        memcpy(h->bytes, answer->at, answer->size);
        h->size = answer->size;
        h->correlation = c->head.correlation;
        h->forwarded = c->forwarded;
        h->is_own = c->is_own;
        session_held(h->session, (int64_t)h->size);
        if (!commit_end(&h->commit))
            return false;
        session_held(h->session, -(int64_t)h->size);
    } else if (!is_settled(h)) {
        held_drop(h); /* no memory to wait with: it cannot say */
        *ret_unknown = true;
        return true;
    } else {
        (void)commit_end(&h->commit);
    }
    *ret_unknown = load_acquire_32(&h->commit.unknown) != 0;
    held_free(h);
    return true;
}

void held_drop(struct held *h)
{
    if (commit_end(&h->commit))
        held_free(h);
}
