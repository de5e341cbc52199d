#include "grid/peers/inbound.h"

#include "grid/door/dispatch.h"
#include "grid/member.h"
#include "grid/peers/fellow.h"

static void answer(struct session *s, enum wire_id id, const void *message)
{
    struct sink *out = &s->at->desk.out;

    out->size = 0;
    wire_encode(id, &(struct wire_head){.partition = -1}, message, out);
    session_send(s);
}

static void refuse(struct session *s, const char *why)
{
    answer(s, WIRE_member_refuse, &(struct member_refuse){wire_text(why)});
    session_close(s, why);
}

static void meet(struct session *s, const struct member_hello *hello, const uint8_t *bytes,
                 size_t size)
{
    struct control *control = s->at->door->member->control;
    struct member_hello own = {.protocol = FELLOW_PROTOCOL, .purpose = hello->purpose};
    const char *why = control ? control_judge(control, hello)
                              : "this member is on its own: cluster.members is not set";

    if (why) {
        refuse(s, why);
        return;
    }
    session_meet(s, (uint64_t)hello->incarnation, hello->purpose == FELLOW_CONTROL,
                 FELLOW_MESSAGE_MAX);
    s->channel = (uint64_t)hello->channel;
    s->is_direct = fellow_sees_alike(s->conn.link, hello);
    fellow_ends(s->conn.link, &own);
    control_introduce(control, &own);
    answer(s, WIRE_member_hello, &own);
    if (!s->is_control)
        return;
    control_met(control, hello, s->is_direct);
    control_post(control, s->incarnation, bytes, size);
}

static void first_message(struct session *s, const uint8_t *bytes, size_t size)
{
    union wire_message m;
    struct wire_head head;
    const char *field;

    if (wire_read_head(bytes, size, &head) != MR_OK || wire_find(head.type) != WIRE_member_hello ||
        wire_decode(WIRE_member_hello, bytes, size, &m, &field) != MR_OK)
        session_close(s, "it greets as a member and does not say who it is");
    else
        meet(s, &m.member_hello, bytes, size);
}

void inbound_message(struct session *s, const uint8_t *bytes, size_t size)
{
    struct member *m = s->at->door->member;

    if (s->incarnation == 0)
        first_message(s, bytes, size);
    else if (size < FRAME_HEADER + 16)
        session_close(s, "a message without a head");
    else if (s->is_control)
        control_post(m->control, s->incarnation, bytes, size);
    else if (!crew_take(&m->crew, s, bytes, size))
        dispatch(s, bytes, size);
}
