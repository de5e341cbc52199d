/* duo_channel.c - the last words of a simulated member: what net/last_words does, on simulated
 * kernels. The number of a channel is its connection's; HELLO is the first bytes, and what it says
 * stands in the writer's end. */
#include <errno.h>

#include "grid/cluster/mutant.h"
#include "tests/sim/duo_member.h"

enum { BEAT_BYTES = 8 };

static struct world *w(void)
{
    return &duo_world->w;
}

static void abort_end(struct kernel_end *e)
{
    e->arrived = NULL;
    if (!MUTANT(DUO_ABORT_CLOSES)) {
        kernel_linger_none(e);
        kernel_disconnect(e);
    }
    kernel_drop(e);
}

/* ---- the writer ----------------------------------------------------------------------------- */

bool channel_abort_out(struct duo_member *m)
{
    bool ours = !m->out || m->foreign_ns == 0;

    if (m->out && ours)
        abort_end(m->out);
    m->out = NULL;
    return ours;
}

static void let_go_of_first(struct duo_member *m)
{
    if (MUTANT(DUO_TWIN_CLOSED) && m->out && m->foreign_ns == 0) {
        kernel_drop(m->out);
        m->out = NULL;
    }
    (void)channel_abort_out(m);
}

static struct duo_channel channel_of(const struct kernel_end *writer)
{
    return (struct duo_channel){.number = writer->connection->number,
                                .generation = (uint64_t)(uintptr_t)writer->context,
                                .direct = !duo_world->proxied};
}

void channel_tell_out(struct duo_member *m)
{
    struct duo_channel c = m->out ? channel_of(m->out) : (struct duo_channel){0};

    duo_happens(m, (struct duo_event){.kind = DUO_OUT, .channel = c});
}

static void accept_one(struct duo_member *m, struct kernel_end *e, uint64_t reader)
{
    if (m->out && m->out_to == m->peer && reader != m->peer) {
        abort_end(e); /* a learner's: there is one place, and it is taken */
        return;
    }
    let_go_of_first(m);
    m->out = e;
    m->out_to = reader;
    e->context = (void *)(uintptr_t)m->duo.generation;
    (void)kernel_send(e, BEAT_BYTES);
    if (reader == m->peer)
        channel_tell_out(m);
}

void channel_beat(struct duo_member *m)
{
    if (m->out && m->foreign_ns != 0) {
        m->out = NULL;
        duo_happens(m, (struct duo_event){.kind = DUO_IS_FOREIGN});
        return;
    }
    if (!m->out)
        return;
    int64_t n = kernel_send(m->out, BEAT_BYTES);

    if (n > 0 || n == -EAGAIN)
        return;
    (void)channel_abort_out(m);
    channel_tell_out(m);
}

/* ---- the reader ----------------------------------------------------------------------------- */

static void drop_reader(struct kernel_end **e)
{
    if (*e)
        abort_end(*e);
    *e = NULL;
}

void channel_forget_in(struct duo_member *m)
{
    if (m->foreign_ns == 0) {
        drop_reader(&m->in);
        drop_reader(&m->dialling);
    }
    m->in = m->dialling = NULL;
}

/* HELLO has come on the channel that was dialled last, which takes the place of any other. */
static void open_in(struct duo_member *m)
{
    drop_reader(&m->in);
    m->in = m->dialling;
    m->in_from = m->dialling_from;
    m->dialling = NULL;
    duo_happens(m, (struct duo_event){.kind = DUO_IN, .channel = channel_of(m->in->peer)});
}

static void judge(struct duo_member *m, int64_t recv)
{
    bool is_fin = recv == 0 && m->in->state == STATE_CLOSE_WAIT;
    bool is_dead = is_fin && !duo_world->proxied;
    uint64_t number = m->in->connection->number;

    world_note(w(), "m%llu: channel %llu %s", (unsigned long long)m->number,
               (unsigned long long)number, is_dead ? "says dead" : "is broken");
    drop_reader(&m->in);
    duo_happens(
        m, (struct duo_event){.kind = is_dead ? DUO_IN_DEAD : DUO_IN_BROKEN, .number = number});
}

static void listen_to(struct duo_member *m, struct kernel_end *e, uint64_t from)
{
    int64_t n;

    while ((n = kernel_recv(e)) > 0) {
        duo_heard_from(m, from);
        m->in_heard_ns = duo_clock(m);
        if (e == m->dialling)
            open_in(m);
    }
    if (n == -EAGAIN)
        return;
    if (e == m->in)
        judge(m, n);
    else if (e == m->dialling)
        drop_reader(&m->dialling);
}

void channel_listen(struct duo_member *m)
{
    if (m->number == 0 || m->foreign_ns != 0 || duo_now() < m->paused_until_ns)
        return;
    if (m->in)
        listen_to(m, m->in, m->in_from);
    if (m->dialling && m->foreign_ns == 0)
        listen_to(m, m->dialling, m->dialling_from);
}

static void listen_now(void *context)
{
    channel_listen(context);
}

static void arrived(struct kernel_end *e)
{
    world_after(w(), 0, listen_now, e->context);
}

/* ---- dialling ------------------------------------------------------------------------------- */

struct dial {
    uint64_t reader, writer;
};

static void syn_arrives(void *context)
{
    struct dial *d = context;
    struct duo_member *from = duo_find(d->reader), *to = duo_find(d->writer);
    struct kernel *k = &duo_world->k;

    if (to && duo_now() < to->paused_until_ns) {
        world_after(w(), to->paused_until_ns - duo_now(), syn_arrives, d);
        return;
    }
    if (from && to && from->foreign_ns == 0 && to->foreign_ns == 0 && from->peer == d->writer &&
        kernel_lets(k, from->slot, to->slot) && kernel_lets(k, to->slot, from->slot)) {
        struct kernel_connection *c = kernel_connect(k, to->slot, from->slot);

        drop_reader(&from->dialling);
        from->dialling = &c->ends[1];
        from->dialling_from = d->writer;
        c->ends[1].arrived = arrived;
        c->ends[1].context = from;
        accept_one(to, &c->ends[0], d->reader);
    }
    duo_free(d);
}

void channel_dial(struct duo_member *m)
{
    if (m->peer == 0 || m->foreign_ns != 0)
        return;
    struct dial *d = duo_alloc(sizeof *d);

    *d = (struct dial){m->number, m->peer};
    world_after(w(), any_delay(w(), duo_world->usual_ns, 4), syn_arrives, d);
}
