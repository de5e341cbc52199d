/* metadata_bytes.c - what of metadata.h makes bytes of metadata and of commands, and reads them.
 *
 * Numbers, most significant byte first; what can be counted is not written. */
#include "grid/cluster/metadata.h"

#include <string.h>

#include "net/base/mem.h"
#include "net/wire/bigend.h"

enum { FORM = 3, ROW_BYTES_MIN = 34, MEMBER_BYTES = 60 };

/* A place in the bytes. Once there were too few it stays bad, and every number is 0. */
struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static const uint8_t *take(struct reader *r, size_t n)
{
    static const uint8_t nothing[8];

    if (r->bad || (size_t)(r->end - r->at) < n) {
        r->bad = true;
        return nothing;
    }
    r->at += n;
    return r->at - n;
}

static uint8_t take8(struct reader *r)
{
    return take(r, 1)[0];
}

static uint32_t take32(struct reader *r)
{
    return get_be32(take(r, 4));
}

static uint64_t take64(struct reader *r)
{
    return get_be64(take(r, 8));
}

/* ---- cards ---------------------------------------------------------------------------------- */

static void put_card(const struct card *c, struct sink *out)
{
    uint8_t name = (uint8_t)strlen(c->name);

    sink_put64(out, c->uuid_high);
    sink_put64(out, c->uuid_low);
    sink_put(out, c->address.ip, sizeof c->address.ip);
    sink_put16(out, c->address.port);
    sink_put8(out, name);
    sink_put(out, c->name, name);
}

static struct card take_card(struct reader *r)
{
    struct card c = {.uuid_high = take64(r)};

    c.uuid_low = take64(r);
    for (size_t i = 0; i < sizeof c.address.ip; i++)
        c.address.ip[i] = take8(r);
    c.address.port = (uint16_t)(take8(r) << 8);
    c.address.port |= take8(r);

    uint8_t name = take8(r);

    if (name > CARD_NAME_MAX)
        r->bad = true;
    for (uint8_t i = 0; i < name && !r->bad; i++)
        c.name[i] = (char)take8(r);
    if (!r->bad && memchr(c.name, '\0', sizeof c.name) != c.name + name)
        r->bad = true;
    return c;
}

/* ---- commands ------------------------------------------------------------------------------- */

void command_encode(const struct command *c, struct sink *out)
{
    sink_put8(out, (uint8_t)c->kind);
    sink_put64(out, c->member);
    sink_put32(out, c->partition);
    sink_put64(out, c->epoch);
    sink_put64(out, c->primary);
    if (c->kind <= COMMAND_ADMIT)
        put_card(&c->card, out);
    if (c->kind == COMMAND_FOUND || c->kind == COMMAND_OPEN) {
        sink_put64(out, c->cluster_high);
        sink_put64(out, c->cluster_low);
    }
}

mr_rc_t command_decode(struct command *c, const void *bytes, size_t size)
{
    struct reader r = {bytes, (const uint8_t *)bytes + size, false};
    uint8_t kind = take8(&r);

    *c = (struct command){.kind = (enum command_kind)kind};
    c->member = take64(&r);
    c->partition = take32(&r);
    c->epoch = take64(&r);
    c->primary = take64(&r);
    if (kind <= COMMAND_ADMIT)
        c->card = take_card(&r);
    if (kind == COMMAND_FOUND || kind == COMMAND_OPEN) {
        c->cluster_high = take64(&r);
        c->cluster_low = take64(&r);
    }
    bool is_good = r.at == r.end && kind <= COMMAND_LEAVE && c->member != NOBODY;

    return r.bad || !is_good ? MR_ERR_MALFORMED : MR_OK;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_names(const uint64_t *members, uint8_t count, struct sink *out)
{
    for (uint8_t i = 0; i < count; i++)
        sink_put64(out, members[i]);
}

void metadata_encode(const struct metadata *m, struct sink *out)
{
    sink_put8(out, FORM);
    sink_put64(out, m->index);
    sink_put64(out, m->cluster_high);
    sink_put64(out, m->cluster_low);
    sink_put32(out, m->member_count);
    sink_put32(out, m->partitions);
    for (uint32_t i = 0; i < m->member_count; i++) {
        const struct cluster_member *x = &m->members[i];

        sink_put64(out, x->incarnation);
        sink_put8(out, (uint8_t)(x->in | x->leaves << 1));
        sink_put64(out, x->taken);
        sink_put64(out, x->joined);
        put_card(&x->card, out);
    }
    for (uint32_t i = 0; i < m->partitions; i++) {
        const struct row *r = &m->rows[i];

        sink_put64(out, r->epoch);
        sink_put64(out, r->reign);
        sink_put64(out, r->primary);
        sink_put8(out, r->in_sync_count);
        sink_put8(out, r->learner_count);
        put_names(r->in_sync, r->in_sync_count, out);
        put_names(r->learners, r->learner_count, out);
    }
    sink_put32(out, m->session_count);
    for (uint32_t i = 0; i < m->session_count; i++) {
        sink_put64(out, m->sessions[i].number);
        sink_put64(out, m->sessions[i].client_high);
        sink_put64(out, m->sessions[i].client_low);
    }
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct cluster_member *find(struct metadata *m, uint64_t incarnation)
{
    for (uint32_t i = 0; i < m->member_count; i++)
        if (m->members[i].incarnation == incarnation)
            return &m->members[i];
    return NULL;
}

static void take_member(struct reader *r, struct metadata *m)
{
    struct cluster_member x = {.incarnation = take64(r)};
    uint8_t is = take8(r);

    x.in = is & 1;
    x.leaves = is >> 1 & 1;
    x.taken = take64(r);
    x.joined = take64(r);
    x.card = take_card(r);
    if (x.incarnation == NOBODY || is > 3 || is == 2 || x.taken > m->index ||
        find(m, x.incarnation))
        r->bad = true;
    m->members[m->member_count++] = x;
}

static bool all_leave(const struct metadata *m)
{
    uint32_t leave = 0;

    for (uint32_t i = 0; i < m->member_count; i++)
        leave += m->members[i].leaves;
    return leave > 0 && metadata_staying(m) == 0;
}

/* Of those in sync: all are in the cluster, or, where it is OFFLINE, none is. Learners are. */
static void take_names(struct reader *r, struct metadata *m, struct row *row, uint8_t count,
                       bool learners)
{
    for (uint8_t i = 0; i < count && !r->bad; i++) {
        uint64_t name = take64(r);
        struct cluster_member *x = find(m, name);

        if (!x || x->in != (learners || row->primary != NOBODY) || row_in_sync(row, name) ||
            row_learns(row, name)) {
            r->bad = true;
            return;
        }
        x->copies++;
        if (learners)
            row->learners[row->learner_count++] = name;
        else
            row->in_sync[row->in_sync_count++] = name;
    }
}

static void take_row(struct reader *r, struct metadata *m, struct row *row)
{
    row->epoch = take64(r);
    row->reign = take64(r);
    row->primary = take64(r);
    uint8_t in_sync = take8(r), learners = take8(r);

    if (in_sync == 0 || in_sync + learners > COPIES_MAX || row->reign > row->epoch)
        r->bad = true;
    take_names(r, m, row, in_sync, false);
    take_names(r, m, row, learners, true);
    if (r->bad || row->primary == NOBODY)
        return;
    if (row_in_sync(row, row->primary))
        find(m, row->primary)->primaries++;
    else
        r->bad = true;
}

static void take_sessions(struct reader *r, struct metadata *m)
{
    uint32_t count = take32(r);
    uint64_t last = 0;

    if (count > CLUSTER_SESSIONS_MAX)
        r->bad = true;
    for (uint32_t i = 0; i < count && !r->bad; i++) {
        struct cluster_session *s = &m->sessions[m->session_count++];

        s->number = take64(r);
        s->client_high = take64(r);
        s->client_low = take64(r);
        if (s->number <= last || s->number > m->index)
            r->bad = true;
        last = s->number;
    }
}

mr_rc_t metadata_decode(struct metadata *m, const void *bytes, size_t size)
{
    struct reader r = {bytes, (const uint8_t *)bytes + size, false};
    uint8_t form = take8(&r);
    uint64_t index = take64(&r), high = take64(&r), low = take64(&r);
    uint32_t members = take32(&r), partitions = take32(&r);
    size_t left = (size_t)(r.end - r.at);

    *m = (struct metadata){
        .index = index, .cluster_high = high, .cluster_low = low, .partitions = partitions};
    if (r.bad || form != FORM || members > CLUSTER_MEMBERS_MAX || partitions == 0 ||
        left / MEMBER_BYTES < members || left / ROW_BYTES_MIN < partitions)
        return MR_ERR_MALFORMED;
    if (!(m->rows = mem_alloc_zero(partitions * sizeof m->rows[0])) ||
        !(m->sessions = mem_alloc(CLUSTER_SESSIONS_MAX * sizeof m->sessions[0]))) {
        metadata_free(m);
        return MR_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < members && !r.bad; i++)
        take_member(&r, m);
    for (uint32_t i = 0; i < partitions && !r.bad; i++)
        take_row(&r, m, &m->rows[i]);
    take_sessions(&r, m);
    r.bad |= all_leave(m);
    if (!r.bad && r.at == r.end)
        return MR_OK;
    metadata_free(m);
    return MR_ERR_MALFORMED;
}
