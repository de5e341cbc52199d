#include "grid/peers/forward.h"

#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "net/base/mem.h"

/* ---- who waits ------------------------------------------------------------------------------ */

void forwards_init(struct forwards *fs)
{
    pthread_mutex_init(&fs->lock, NULL);
    list_init(&fs->waiting);
}

void forwards_free(struct forwards *fs)
{
    struct list *node;

    if (!fs->waiting.next)
        return;
    while ((node = list_take_first(&fs->waiting))) {
        struct forward *f = list_owner(node, struct forward, node);

        f->events->drop(f);
    }
    pthread_mutex_destroy(&fs->lock);
}

static struct forward *take_call(struct forwards *fs, int64_t call)
{
    struct forward *found = NULL;

    pthread_mutex_lock(&fs->lock);
    for (struct list *node = fs->waiting.next; node != &fs->waiting && !found; node = node->next) {
        struct forward *f = list_owner(node, struct forward, node);

        if (f->call == call)
            found = f;
    }
    if (found)
        list_remove(&found->node);
    pthread_mutex_unlock(&fs->lock);
    return found;
}

/* The next one that waits for something from there. */
static struct forward *take_from(struct forwards *fs, const struct fellow *via)
{
    struct forward *found = NULL;

    pthread_mutex_lock(&fs->lock);
    for (struct list *node = fs->waiting.next; node != &fs->waiting && !found; node = node->next) {
        struct forward *f = list_owner(node, struct forward, node);

        if (f->to == via->incarnation && f->loop == via->loop)
            found = f;
    }
    if (found)
        list_remove(&found->node);
    pthread_mutex_unlock(&fs->lock);
    return found;
}

int64_t forward_wait(struct member *m, struct forward *f, uint32_t partition)
{
    struct forwards *fs = &m->forwards;

    if (f->to != m->partitions.self)
        f->loop = m->door.loops[partition % m->door.count].loop;
    pthread_mutex_lock(&fs->lock);
    int64_t call = f->call = ++fs->calls;

    list_add_last(&fs->waiting, &f->node);
    pthread_mutex_unlock(&fs->lock);
    return call;
}

/* ---- what comes of it ----------------------------------------------------------------------- */

/* As forward_events.over: MR_ERR_CLOSED is a connection that broke, after which it may be done. */
static void end(struct forward *f, mr_rc_t rc)
{
    if (f)
        f->events->over(f, rc, (struct wire_bytes){0});
}

void forward_over(struct forwards *fs, int64_t call, mr_rc_t rc)
{
    end(take_call(fs, call), rc);
}

void forward_send(struct member *m, uint64_t to, uint32_t partition, int64_t call,
                  const struct sink *message)
{
    mr_rc_t rc = sink_state(message);

    if (rc == MR_OK && !crew_send(&m->crew, to, partition, message->at, message->size))
        rc = MR_ERR_MOVED;
    /* Broken off meanwhile: whoever noticed that may not have seen this call yet. */
    else if (rc == MR_OK && !crew_reaches(&m->crew, to, partition))
        rc = MR_ERR_CLOSED;
    if (rc != MR_OK)
        forward_over(&m->forwards, call, rc);
}

void forward_answered(struct forwards *fs, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;

    if (wire_read_head(bytes, size, &head) != MR_OK ||
        wire_find(head.type) != WIRE_member_forwarded ||
        wire_decode(WIRE_member_forwarded, bytes, size, &m, &field) != MR_OK)
        return;
    struct forward *f = take_call(fs, m.member_forwarded.call);

    if (f)
        f->events->over(f, (mr_rc_t)m.member_forwarded.rc, m.member_forwarded.answer);
}

void forward_answered_by_itself(struct forwards *fs, int64_t call, const struct sink *answer)
{
    if (sink_state(answer) == MR_OK)
        forward_answered(fs, answer->at, answer->size);
    else
        forward_over(fs, call, MR_ERR_MEMORY);
}

void forward_broken(struct forwards *fs, const struct fellow *via)
{
    for (struct forward *f; (f = take_from(fs, via));)
        end(f, MR_ERR_CLOSED);
}

/* ---- to the one that has a partition -------------------------------------------------------- */

/* A client's call, for another to answer. */
struct handed_on {
    struct forward forward;
    int64_t correlation;
    struct session *session;
    bool changes;
};

static void drop(struct forward *f)
{
    struct handed_on *h = list_owner(f, struct handed_on, forward);

    session_unref(h->session);
    mem_free(h);
}

static void over(struct forward *f, mr_rc_t rc, struct wire_bytes answer)
{
    struct handed_on *h = list_owner(f, struct handed_on, forward);

    if (rc == MR_ERR_CLOSED)
        rc = h->changes ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MOVED;
    if (rc == MR_OK)
        session_pass(h->session, answer.at, answer.size);
    else
        forward_answer_error(h->session, h->correlation, rc);
    drop(f);
}

void forward_answer_error(struct session *s, int64_t correlation, mr_rc_t rc)
{
    struct sink out = {.grows = true};

    dispatch_error(correlation, rc, &out);
    session_pass(s, out.at, out.size);
    sink_free(&out);
}

mr_rc_t forward_give(struct session *s, struct wire_uuid client, uint32_t partition, bool changes,
                     const uint8_t *bytes, size_t size)
{
    static const struct forward_events events = {over, drop};
    struct member *m = s->at->door->member;
    struct sink out = {.grows = true};
    struct handed_on *h = mem_alloc_zero(sizeof *h);
    struct wire_head head;
    uint64_t to = load_acquire_64(&m->partitions.primaries[partition]);

    if (!h)
        return MR_ERR_MEMORY;
    if (to == NOBODY || wire_read_head(bytes, size, &head) != MR_OK) {
        mem_free(h);
        return MR_ERR_OFFLINE;
    }
    *h = (struct handed_on){{.to = to, .events = &events}, head.correlation, s, changes};
    session_ref(s);
    int64_t call = forward_wait(m, &h->forward, partition); /* from here on h may be gone */

    wire_encode(WIRE_member_forward, &(struct wire_head){.partition = (int32_t)partition},
                &(struct member_forward){call, client, {bytes, (uint32_t)size}}, &out);
    forward_send(m, to, partition, call, &out);
    sink_free(&out);
    return MR_OK;
}
