#include "grid/peers/forward.h"

#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "net/base/mem.h"

struct forward {
    struct list node;
    int64_t call, correlation;
    struct session *session;
    uint64_t to;
    const struct loop *loop; /* of the connection */
    bool changes;
};

void forwards_init(struct forwards *fs)
{
    pthread_mutex_init(&fs->lock, NULL);
    list_init(&fs->waiting);
}

static void end(struct forward *f)
{
    session_unref(f->session);
    mem_free(f);
}

void forwards_free(struct forwards *fs)
{
    struct list *node;

    if (!fs->waiting.next)
        return;
    while ((node = list_take_first(&fs->waiting)))
        end(list_owner(node, struct forward, node));
    pthread_mutex_destroy(&fs->lock);
}

static mr_rc_t send(struct session *s, struct forward *f, struct wire_uuid client,
                    uint32_t partition, const uint8_t *bytes, size_t size)
{
    struct sink out = {.grows = true};

    wire_encode(WIRE_member_forward, &(struct wire_head){.partition = (int32_t)partition},
                &(struct member_forward){f->call, client, {bytes, (uint32_t)size}}, &out);
    mr_rc_t rc = sink_state(&out);

    if (rc == MR_OK && !crew_send(&s->at->door->member->crew, f->to, partition, out.at, out.size))
        rc = MR_ERR_MOVED;
    sink_free(&out);
    return rc;
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

mr_rc_t forward_give(struct session *s, struct wire_uuid client, uint32_t partition, bool changes,
                     const uint8_t *bytes, size_t size)
{
    struct member *m = s->at->door->member;
    struct forwards *fs = &m->forwards;
    struct wire_head head;
    struct forward *f = mem_alloc_zero(sizeof *f);
    uint64_t to = load_acquire_64(&m->partitions.primaries[partition]);

    if (!f)
        return MR_ERR_MEMORY;
    if (to == NOBODY || wire_read_head(bytes, size, &head) != MR_OK) {
        mem_free(f);
        return MR_ERR_OFFLINE;
    }
    f->session = s;
    f->to = to;
    f->changes = changes;
    f->correlation = head.correlation;
    f->loop = m->door.loops[partition % m->door.count].loop;
    session_ref(s);
    pthread_mutex_lock(&fs->lock);
    f->call = ++fs->calls;
    list_add_last(&fs->waiting, &f->node);
    pthread_mutex_unlock(&fs->lock);
    int64_t call = f->call; /* f may be answered, and gone */
    mr_rc_t rc = send(s, f, client, partition, bytes, size);

    /* Broken off meanwhile: whoever noticed that may not have seen this call yet. */
    if (rc == MR_OK && !crew_reaches(&m->crew, to, partition))
        rc = changes ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MOVED;
    if (rc == MR_OK || !(f = take_call(fs, call)))
        return MR_OK;
    end(f);
    return rc;
}

static void answer_error(struct forward *f, mr_rc_t rc)
{
    struct sink out = {.grows = true};

    dispatch_error(f->correlation, rc, &out);
    session_pass(f->session, out.at, out.size);
    sink_free(&out);
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

    if (!f)
        return;
    if (m.member_forwarded.rc == MR_OK)
        session_pass(f->session, m.member_forwarded.answer.at, m.member_forwarded.answer.size);
    else
        answer_error(f, (mr_rc_t)m.member_forwarded.rc);
    end(f);
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

void forward_broken(struct forwards *fs, const struct fellow *via)
{
    for (struct forward *f; (f = take_from(fs, via)); end(f))
        answer_error(f, f->changes ? MR_ERR_OUTCOME_UNKNOWN : MR_ERR_MOVED);
}
