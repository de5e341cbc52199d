#include "grid/peers/crew.h"

#include "grid/member.h"
#include "grid/op/transfer.h"
#include "grid/peers/teach.h"
#include "net/base/epoch.h"
#include "net/base/littleend.h"
#include "net/base/log.h"
#include "net/base/mem.h"

enum {
    ON_STACK = 2048,
    APPEND_MAX = FELLOW_MESSAGE_MAX / 4, /* bytes of several operations in one message */
    EFFECT_HEAD_MAX = 512                /* an effect without its key and value */
};

/* ---- finding -------------------------------------------------------------------------------- */

static struct mate *find(struct crew *c, uint64_t incarnation)
{
    uint32_t count = load_acquire_32(&c->count);

    for (uint32_t i = 0; i < count; i++)
        if (load_acquire_64(&c->mates[i].incarnation) == incarnation)
            return &c->mates[i];
    return NULL;
}

static uint32_t loop_of(const struct crew *c, uint32_t partition)
{
    return partition % c->member->door.count;
}

/* ---- sending -------------------------------------------------------------------------------- */

bool crew_send(struct crew *c, uint64_t to, uint32_t partition, const void *bytes, size_t size)
{
    struct mate *m = find(c, to);
    struct fellow *f =
        m ? load_acquire_ptr((void *const *)&m->fellows[loop_of(c, partition)]) : NULL;

    return f && fellow_send(f, bytes, size);
}

bool crew_reaches(struct crew *c, uint64_t to, uint32_t partition)
{
    struct mate *m = find(c, to);
    struct fellow *f =
        m ? load_acquire_ptr((void *const *)&m->fellows[loop_of(c, partition)]) : NULL;

    return f && fellow_is_open(f);
}

uint32_t crew_list(struct crew *c, uint64_t *ret_all)
{
    uint32_t count = load_acquire_32(&c->count), n = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t incarnation = load_acquire_64(&c->mates[i].incarnation);

        if (incarnation != NOBODY)
            ret_all[n++] = incarnation;
    }
    return n;
}

/* The session whose message the thread takes: it is acknowledged where it came from. What is said
 * when a row comes goes over this member's own connection. */
static __thread struct session *heard_from __attribute__((tls_model("initial-exec")));

/* How many of them one message may have; one, if there is one. */
static uint32_t that_fit(const struct replica_append *a)
{
    size_t bytes = 0;
    uint32_t i = 0;

    for (; i < a->count; i++) {
        const struct effect *e = a->ops[i].effect;

        bytes += EFFECT_HEAD_MAX + e->key.size + e->value.size;
        if (i > 0 && bytes > APPEND_MAX)
            break;
    }
    return i;
}

static void send_append(void *context, const struct copies *k, uint64_t to,
                        const struct replica_append *a)
{
    uint8_t room[ON_STACK];
    struct sink out = {.at = room, .room = sizeof room};

    transfer_append(k->number, a, &out);
    if (sink_state(&out) == MR_ERR_TOO_LARGE) {
        out = (struct sink){.grows = true};
        transfer_append(k->number, a, &out);
    }
    if (sink_state(&out) == MR_OK)
        (void)crew_send(context, to, k->number, out.at, out.size);
    if (out.grows)
        sink_free(&out);
}

static void out_append(void *context, const struct copies *k, uint64_t to,
                       const struct replica_append *a)
{
    struct replica_append part = *a;

    for (uint32_t left = a->count;;) {
        part.count = left;
        part.count = that_fit(&part);
        send_append(context, k, to, &part);
        if ((left -= part.count) == 0)
            return;
        part.ops += part.count;
        part.after_seq = part.ops[-1].seq;
        part.after_epoch = part.ops[-1].epoch;
    }
}

static void out_ack(void *context, const struct copies *k, uint64_t to, const struct replica_ack *a)
{
    uint8_t room[ON_STACK];
    struct sink out = {.at = room, .room = sizeof room};

    transfer_ack(k->number, a, &out);
    if (heard_from)
        session_send_bytes(heard_from, out.at, out.size);
    else
        (void)crew_send(context, to, k->number, out.at, out.size);
}

static void out_chunk(void *context, const struct copies *k, uint64_t to,
                      const struct copies_chunk *chunk)
{
    struct sink out = {.grows = true};

    transfer_chunk(k->number, chunk, &out);
    if (sink_state(&out) == MR_OK)
        (void)crew_send(context, to, k->number, out.at, out.size);
    sink_free(&out);
}

static void wish(const struct crew *c, enum command_kind kind, const struct copies *k,
                 uint64_t member, uint64_t epoch)
{
    control_wish(c->member->control, &(struct command){.kind = kind,
                                                       .member = member,
                                                       .partition = k->number,
                                                       .epoch = epoch,
                                                       .primary = k->replica.self});
}

static void out_ask_add(void *context, const struct copies *k, uint64_t member, uint64_t epoch)
{
    wish(context, COMMAND_ADD, k, member, epoch);
}

static void out_ready(void *context, const struct copies *k, uint64_t member, uint64_t epoch)
{
    wish(context, COMMAND_MOVE, k, member, epoch);
}

static void out_call_off(void *context, const struct copies *k, uint64_t epoch)
{
    wish(context, COMMAND_MOVE, k, k->replica.self, epoch);
}

static void out_ask_shrink(void *context, const struct copies *k, uint64_t member, uint64_t epoch)
{
    wish(context, COMMAND_SHRINK, k, member, epoch);
}

const struct copies_out crew_out = {out_append, out_ack,      out_chunk,     out_ask_add,
                                    out_ready,  out_call_off, out_ask_shrink};

/* ---- receiving ------------------------------------------------------------------------------ */

/* What cannot be taken is as if it had been lost, and is said again. */
static void take(struct crew *c, uint64_t from, const uint8_t *bytes, size_t size)
{
    mr_rc_t rc = transfer_take(&c->member->partitions, &c->member->objects, from, bytes, size);

    if (rc != MR_OK)
        log_event(LOG_WARN, "member.message_refused", F_RC("reason", rc), F_U64("from", from),
                  F_U64("bytes", size));
}

bool crew_take(struct crew *c, struct session *s, const uint8_t *bytes, size_t size)
{
    uint32_t type = get_le32(bytes + FRAME_HEADER);

    if (type != TRANSFER_APPEND && type != TRANSFER_CHUNK && type != TRANSFER_ACK)
        return false;
    heard_from = s;
    epoch_enter();
    take(c, s->incarnation, bytes, size);
    epoch_exit();
    heard_from = NULL;
    return true;
}

static void introduce(void *context, struct member_hello *ret_hello)
{
    struct crew *c = context;

    control_introduce(c->member->control, ret_hello);
}

static bool met(struct fellow *f, const struct member_hello *hello)
{
    const struct crew *c = f->context;

    return (uint64_t)hello->incarnation == load_acquire_64(&c->mates[f->number].incarnation);
}

/* All that may have been lost before is said again. */
static void opened(struct fellow *f)
{
    struct crew *c = f->context;
    struct partitions *ps = &c->member->partitions;

    for (uint32_t i = 0; i < ps->count; i++) {
        if (c->member->door.loops[loop_of(c, i)].loop != f->loop)
            continue;
        epoch_enter();
        partition_lock(&ps->at[i]);
        copies_again(ps->at[i].copies, f->incarnation);
        partition_unlock(&ps->at[i]);
        epoch_exit();
    }
    if (c->member->door.loops[0].loop == f->loop)
        teach(c->member, f);
}

static void message(struct fellow *f, const uint8_t *bytes, size_t size)
{
    struct crew *c = f->context;

    if (get_le32(bytes + FRAME_HEADER) == TRANSFER_ACK) {
        epoch_enter();
        take(c, f->incarnation, bytes, size);
        epoch_exit();
    } else {
        forward_answered(&c->member->forwards, bytes, size);
    }
}

static void broken(struct fellow *f)
{
    struct crew *c = f->context;

    forward_broken(&c->member->forwards, f);
}

static const struct fellow_events events = {introduce, met, opened, message, broken};

/* ---- places --------------------------------------------------------------------------------- */

/* On one loop: connects the place to whom it is for now. */
struct pointing {
    struct crew *crew;
    uint32_t place, loop;
    struct address address;
    bool drops;
};

static void point_on_loop(void *context)
{
    struct pointing *p = context;
    struct door_loop *l = &p->crew->member->door.loops[p->loop];
    struct fellow **at = &p->crew->mates[p->place].fellows[p->loop];
    struct fellow *f = *at;

    if (f && p->drops) {
        fellow_rest(f);
        forward_broken(&p->crew->member->forwards, f);
    } else if (f && !(fellow_tries(f) && address_equal(&f->address, &p->address))) {
        fellow_point(f, &p->address);
    } else if (!f && !p->drops &&
               fellow_new(l->loop, l->transport, &p->address, FELLOW_DATA, &events, p->crew,
                          p->place, &f) == MR_OK) {
        store_release_ptr((void **)at, f);
    }
    mem_free(p);
}

/* To a loop. What finds no memory there, or no room in its mailbox, crew_point comes back to. */
static void point(struct crew *c, uint32_t place, uint32_t loop, bool drops)
{
    struct pointing *p = mem_alloc(sizeof *p);

    if (!p)
        return;
    *p = (struct pointing){c, place, loop, c->mates[place].address, drops};
    if (loop_post(c->member->door.loops[loop].loop, point_on_loop, p) != MR_OK)
        mem_free(p);
}

static mr_rc_t take_place(struct crew *c, uint64_t incarnation, const struct address *to,
                          struct mate **ret_m)
{
    struct mate *m = find(c, NOBODY);

    if (!m) {
        if (c->count == CLUSTER_MEMBERS_MAX)
            return MR_ERR_FULL;
        m = &c->mates[c->count];
        if (!(m->fellows = mem_alloc_zero(c->member->door.count * sizeof(struct fellow *))))
            return MR_ERR_MEMORY;
    }
    m->address = *to;
    store_release_64(&m->incarnation, incarnation);
    if (m == &c->mates[c->count])
        store_release_32(&c->count, c->count + 1);
    *ret_m = m;
    return MR_OK;
}

mr_rc_t crew_point(struct crew *c, uint64_t incarnation, const struct address *to)
{
    struct mate *m = find(c, incarnation);
    mr_rc_t rc = m ? MR_OK : take_place(c, incarnation, to, &m);

    for (uint32_t i = 0; rc == MR_OK && i < c->member->door.count; i++) {
        struct fellow *f = load_acquire_ptr((void *const *)&m->fellows[i]);

        if (!f || !fellow_is_open(f))
            point(c, (uint32_t)(m - c->mates), i, false);
    }
    return rc;
}

void crew_drop(struct crew *c, uint64_t incarnation)
{
    struct mate *m = find(c, incarnation);

    if (!m)
        return;
    store_release_64(&m->incarnation, NOBODY);
    for (uint32_t i = 0; i < c->member->door.count; i++)
        point(c, (uint32_t)(m - c->mates), i, true);
}

/* ---- time ----------------------------------------------------------------------------------- */

#define TICK_NS 50000000ull

/* Of one loop, for its share of the partitions. */
struct crew_tick {
    struct crew *crew;
    uint32_t loop;
    struct loop_timer timer;
};

static void tick(void *context)
{
    struct crew_tick *t = context;
    struct partitions *ps = &t->crew->member->partitions;
    uint32_t loops = t->crew->member->door.count;

    for (uint32_t i = t->loop; i < ps->count; i += loops) {
        epoch_enter();
        partition_lock(&ps->at[i]);
        copies_tick(ps->at[i].copies);
        partition_unlock(&ps->at[i]);
        epoch_exit();
    }
}

mr_rc_t crew_open(struct crew *c)
{
    struct door *d = &c->member->door;

    if (!(c->ticks = mem_alloc_zero(d->count * sizeof *c->ticks)))
        return MR_ERR_MEMORY;
    for (uint32_t i = 0; i < d->count; i++) {
        c->ticks[i].crew = c;
        c->ticks[i].loop = i;
        timer_start_on_loop(d->loops[i].loop, &c->ticks[i].timer, TICK_NS, TICK_NS, tick,
                            &c->ticks[i]);
    }
    return MR_OK;
}

void crew_close(struct crew *c)
{
    for (uint32_t i = 0; c->ticks && i < c->member->door.count; i++)
        timer_cancel_on_loop(c->member->door.loops[i].loop, &c->ticks[i].timer);
    mem_free(c->ticks);
    c->ticks = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        for (uint32_t k = 0; k < c->member->door.count; k++)
            fellow_free(c->mates[i].fellows[k]);
        mem_free(c->mates[i].fellows);
    }
    c->count = 0;
}
