#include "grid/op/sessions.h"

#include <string.h>

#include "grid/cluster/mutant.h"
#include "net/base/check.h"
#include "net/base/hash.h"
#include "net/base/mem.h"
#include "net/wire/bigend.h"

enum { SLOTS_MIN = 4, UNKNOWN = UINT16_MAX };

/* One operation, pending or applied. */
struct slot {
    uint64_t opno, epoch, seq;
    uint8_t *bytes;
    uint16_t size; /* UNKNOWN: done, with an answer that is not kept */
    bool applied;
};

struct answers {
    uint64_t id, first_incomplete;
    struct slot *slots; /* by opno */
    uint32_t count, room;
    bool applied; /* something of it, so that it is there on the other copies too */
};

/* ---- finding -------------------------------------------------------------------------------- */

/* Where it is, or would be. */
static uint32_t session_place(const struct sessions *t, uint64_t id)
{
    uint32_t low = 0, high = t->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (t->at[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct answers *find(const struct sessions *t, uint64_t id)
{
    uint32_t at = session_place(t, id);

    return at < t->count && t->at[at]->id == id ? t->at[at] : NULL;
}

static uint32_t slot_place(const struct answers *s, uint64_t opno)
{
    uint32_t low = 0, high = s->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->slots[middle].opno < opno)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct slot *slot_of(const struct answers *s, uint64_t opno)
{
    uint32_t at = slot_place(s, opno);

    return at < s->count && s->slots[at].opno == opno ? &s->slots[at] : NULL;
}

/* ---- digests -------------------------------------------------------------------------------- */

static uint64_t slot_digest(const struct answers *s, const struct slot *x)
{
    const uint64_t words[] = {s->id,  x->opno, x->epoch,
                              x->seq, x->size, x->bytes ? XXH3_64bits(x->bytes, x->size) : 0};

    return x->applied ? XXH3_64bits(words, sizeof words) : 0;
}

static uint64_t session_digest(const struct answers *s)
{
    const uint64_t words[] = {s->id, s->first_incomplete};

    return s->applied ? XXH3_64bits(words, sizeof words) : 0;
}

/* ---- making and dropping -------------------------------------------------------------------- */

static struct answers *session_add(struct sessions *t, uint64_t id)
{
    uint32_t at = session_place(t, id);

    if (t->count == t->room) {
        uint32_t room = t->room ? 2 * t->room : SLOTS_MIN;
        struct answers **more = mem_realloc(t->at, room * sizeof *more);

        if (!more)
            return NULL;
        t->bytes += (room - t->room) * sizeof *more;
        t->at = more;
        t->room = room;
    }
    struct answers *s = mem_alloc_zero(sizeof *s);

    if (!s)
        return NULL;
    s->id = id;
    memmove(t->at + at + 1, t->at + at, (t->count - at) * sizeof *t->at);
    t->at[at] = s;
    t->count++;
    t->bytes += sizeof *s;
    return s;
}

static void slot_clear(struct sessions *t, struct answers *s, struct slot *x)
{
    t->digest ^= slot_digest(s, x);
    t->bytes -= x->bytes ? x->size : 0;
    t->promised -= x->applied ? 0 : SESSION_RESULT_MAX;
    mem_free(x->bytes);
}

static void session_remove(struct sessions *t, struct answers *s)
{
    uint32_t at = session_place(t, s->id);

    for (uint32_t i = 0; i < s->count; i++)
        slot_clear(t, s, &s->slots[i]);
    t->digest ^= session_digest(s);
    t->bytes -= sizeof *s + s->room * sizeof *s->slots;
    t->count--;
    memmove(t->at + at, t->at + at + 1, (t->count - at) * sizeof *t->at);
    mem_free(s->slots);
    mem_free(s);
}

static struct slot *slot_add(struct sessions *t, struct answers *s, uint64_t opno)
{
    uint32_t at = slot_place(s, opno);

    if (s->count == s->room) {
        uint32_t room = s->room ? 2 * s->room : SLOTS_MIN;
        struct slot *more = mem_realloc(s->slots, room * sizeof *more);

        if (!more)
            return NULL;
        t->bytes += (room - s->room) * sizeof *more;
        s->slots = more;
        s->room = room;
    }
    memmove(s->slots + at + 1, s->slots + at, (s->count - at) * sizeof *s->slots);
    s->slots[at] = (struct slot){.opno = opno};
    s->count++;
    t->promised += SESSION_RESULT_MAX;
    return &s->slots[at];
}

static void slot_remove(struct sessions *t, struct answers *s, struct slot *x)
{
    slot_clear(t, s, x);
    s->count--;
    memmove(x, x + 1, (size_t)(s->slots + s->count - x) * sizeof *x);
}

/* The client is not interested in those before any more. */
static void complete(struct sessions *t, struct answers *s, uint64_t first_incomplete)
{
    uint32_t gone = slot_place(s, first_incomplete);

    t->digest ^= session_digest(s);
    s->applied = true;
    if (first_incomplete > s->first_incomplete)
        s->first_incomplete = first_incomplete;
    t->digest ^= session_digest(s);
    if (gone == 0)
        return;
    for (uint32_t i = 0; i < gone; i++)
        slot_clear(t, s, &s->slots[i]);
    s->count -= gone;
    memmove(s->slots, s->slots + gone, s->count * sizeof *s->slots);
}

/* One with nothing in it that nobody else knows of is as good as none. */
static void drop_if_empty(struct sessions *t, struct answers *s)
{
    if (!s->applied && s->count == 0)
        session_remove(t, s);
}

/* ---- the primary ---------------------------------------------------------------------------- */

/* What one more may cost, its answer included. */
static uint64_t cost(const struct sessions *t, const struct answers *s)
{
    uint64_t bytes = SESSION_RESULT_MAX;

    if (!s)
        bytes += sizeof *s + SLOTS_MIN * sizeof *s->slots;
    else if (s->count == s->room)
        bytes += (s->room ? s->room : SLOTS_MIN) * sizeof *s->slots;
    if (!s && t->count == t->room)
        bytes += (t->room ? t->room : SLOTS_MIN) * sizeof *t->at;
    return bytes;
}

static bool is_full(const struct sessions *t, const struct answers *s, uint64_t first_incomplete)
{
    if (s && s->count - slot_place(s, first_incomplete) >= SESSION_WINDOW)
        return true;
    return t->bytes + t->promised + cost(t, s) > t->bytes_max;
}

static struct session_result result_of(const struct slot *x)
{
    bool known = x->size != UNKNOWN;

    return (struct session_result){.epoch = x->epoch,
                                   .seq = x->seq,
                                   .known = known,
                                   .size = known ? x->size : 0,
                                   .bytes = x->bytes};
}

enum session_verdict sessions_judge(const struct sessions *t, const struct session_call *c,
                                    uint64_t applied, bool open, struct session_result *ret_result)
{
    const struct answers *s = find(t, c->session);
    const struct slot *x = s ? slot_of(s, c->opno) : NULL;

    if (c->opno < c->first_incomplete || (s && c->opno < s->first_incomplete))
        return ONCE_STALE;
    if (x && x->applied) {
        *ret_result = result_of(x);
        return ONCE_DONE;
    }
    if (x && !MUTANT(PENDING_DONE_AGAIN))
        return ONCE_PENDING;
    if (c->session > applied)
        return ONCE_BEHIND;
    if (!open && !MUTANT(EXPIRED_DONE_AGAIN))
        return ONCE_EXPIRED;
    return is_full(t, s, c->first_incomplete) ? ONCE_FULL : ONCE_NEW;
}

mr_rc_t sessions_begin(struct sessions *t, const struct session_call *c)
{
    struct answers *s = find(t, c->session);

    if (s && slot_of(s, c->opno))
        return MR_OK;
    if (!s && !(s = session_add(t, c->session)))
        return MR_ERR_MEMORY;
    if (!slot_add(t, s, c->opno)) {
        drop_if_empty(t, s);
        return MR_ERR_MEMORY;
    }
    return MR_OK;
}

void sessions_cancel(struct sessions *t, const struct session_call *c)
{
    struct answers *s = find(t, c->session);
    struct slot *x = s ? slot_of(s, c->opno) : NULL;

    if (!x || x->applied)
        return;
    slot_remove(t, s, x);
    drop_if_empty(t, s);
}

void sessions_lost(struct sessions *t)
{
    for (uint32_t i = t->count; i-- > 0;) {
        struct answers *s = t->at[i];

        for (uint32_t j = s->count; j-- > 0;)
            if (!s->slots[j].applied)
                slot_remove(t, s, &s->slots[j]);
        drop_if_empty(t, s);
    }
}

/* ---- every copy ----------------------------------------------------------------------------- */

static mr_rc_t fill(struct sessions *t, struct answers *s, struct slot *x,
                    const struct session_result *result)
{
    bool kept = result->known && result->size <= SESSION_RESULT_MAX;

    if (kept && result->size > 0) {
        x->bytes = mem_alloc(result->size);
        if (!x->bytes)
            return MR_ERR_MEMORY;
        memcpy(x->bytes, result->bytes, result->size);
        t->bytes += result->size;
    }
    x->size = kept ? (uint16_t)result->size : UNKNOWN;
    x->epoch = result->epoch;
    x->seq = result->seq;
    x->applied = true;
    t->promised -= SESSION_RESULT_MAX;
    t->digest ^= slot_digest(s, x);
    return MR_OK;
}

/* Puts in what has been applied; what is complete or there already stays as it is. */
static mr_rc_t put(struct sessions *t, struct answers *s, uint64_t opno,
                   const struct session_result *result)
{
    struct slot *x = slot_of(s, opno);
    bool made = !x;

    if (opno < s->first_incomplete || (x && x->applied))
        return MR_OK;
    if (!x && !(x = slot_add(t, s, opno)))
        return MR_ERR_MEMORY;
    mr_rc_t rc = fill(t, s, x, result);

    if (rc != MR_OK && made)
        slot_remove(t, s, x);
    return rc;
}

mr_rc_t sessions_apply(struct sessions *t, const struct session_call *c,
                       const struct session_result *result)
{
    struct answers *s = find(t, c->session);

    if (!s && !(s = session_add(t, c->session)))
        return MR_ERR_MEMORY;
    mr_rc_t rc = put(t, s, c->opno, result);

    if (rc == MR_OK)
        complete(t, s, c->first_incomplete);
    else
        drop_if_empty(t, s);
    return rc;
}

void sessions_expire(struct sessions *t, uint64_t session)
{
    struct answers *s = find(t, session);

    if (s)
        session_remove(t, s);
}

uint64_t sessions_next(const struct sessions *t, uint64_t session)
{
    uint32_t at = session_place(t, session + 1);

    return at < t->count ? t->at[at]->id : 0;
}

/* ---- copying -------------------------------------------------------------------------------- */

/* A part is a row of these:
 *     u64 session  u64 first_incomplete  u32 count, then of each operation
 *     u64 opno  u64 epoch  u64 seq  u16 size, then the answer unless that is UNKNOWN
 * Numbers are big-endian, as everywhere in what members send each other of values. */
enum { HEAD_SIZE = 20, SLOT_SIZE = 26 };

static_assert(HEAD_SIZE + SLOT_SIZE + SESSION_RESULT_MAX <= SESSIONS_PART_MIN);

static size_t encoded_size(const struct slot *x)
{
    return SLOT_SIZE + (x->bytes ? x->size : 0);
}

static void encode_slot(const struct slot *x, struct sink *out)
{
    sink_put64(out, x->opno);
    sink_put64(out, x->epoch);
    sink_put64(out, x->seq);
    sink_put16(out, x->size);
    if (x->bytes)
        sink_put(out, x->bytes, x->size);
}

/* The first operation of a session that lies behind a place; of one that lies behind it as a whole,
 * the first that there is. */
static uint32_t begins(const struct answers *s, struct sessions_place from)
{
    return s->id == from.session ? slot_place(s, from.opno) : 0;
}

/* Has the session been told of, and nothing that is new? */
static bool is_passed(const struct answers *s, struct sessions_place from)
{
    return !s->applied || (s->id == from.session && from.opno > 0 && begins(s, from) == s->count);
}

bool sessions_part(const struct sessions *t, struct sessions_place from, size_t room,
                   struct sessions_place *ret_to)
{
    size_t size = 0;

    check(room >= SESSIONS_PART_MIN);
    *ret_to = from;
    for (uint32_t at = session_place(t, from.session); at < t->count; at++) {
        const struct answers *s = t->at[at];

        if (is_passed(s, from))
            continue;
        size += HEAD_SIZE;
        for (uint32_t i = begins(s, from); i < s->count && size <= room; i++) {
            const struct slot *x = &s->slots[i];

            size += x->applied ? encoded_size(x) : 0;
            if (size <= room)
                *ret_to = (struct sessions_place){s->id, x->opno + 1};
        }
        if (size > room)
            return false;
        *ret_to = (struct sessions_place){s->id + 1, 0};
    }
    *ret_to = (struct sessions_place){UINT64_MAX, 0};
    return true;
}

static void encode_session(const struct answers *s, uint32_t from, uint32_t to, struct sink *out)
{
    uint32_t count = 0;

    for (uint32_t i = from; i < to; i++)
        count += s->slots[i].applied;
    sink_put64(out, s->id);
    sink_put64(out, s->first_incomplete);
    sink_put32(out, count);
    for (uint32_t i = from; i < to; i++)
        if (s->slots[i].applied)
            encode_slot(&s->slots[i], out);
}

void sessions_encode(const struct sessions *t, struct sessions_place from, struct sessions_place to,
                     struct sink *out)
{
    for (uint32_t at = session_place(t, from.session); at < t->count; at++) {
        const struct answers *s = t->at[at];

        if (s->id > to.session || (s->id == to.session && to.opno == 0))
            return;
        if (!is_passed(s, from))
            encode_session(s, begins(s, from),
                           s->id == to.session ? slot_place(s, to.opno) : s->count, out);
    }
}

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static const uint8_t *next(struct cursor *c, size_t size)
{
    static const uint8_t zeroes[8];

    if (c->failed || (size_t)(c->end - c->at) < size) {
        c->failed = true;
        return zeroes;
    }
    c->at += size;
    return c->at - size;
}

static mr_rc_t decode_slot(struct sessions *t, struct answers *s, struct cursor *c)
{
    uint64_t opno = get_be64(next(c, 8));
    struct session_result r = {.epoch = get_be64(next(c, 8)), .seq = get_be64(next(c, 8))};
    uint16_t size = get_be16(next(c, 2));

    r.known = size != UNKNOWN;
    if (r.known && size > SESSION_RESULT_MAX)
        return MR_ERR_MALFORMED;
    r.size = r.known ? size : 0;
    r.bytes = next(c, r.size);
    return c->failed ? MR_ERR_MALFORMED : put(t, s, opno, &r);
}

static mr_rc_t decode_session(struct sessions *t, struct cursor *c)
{
    uint64_t id = get_be64(next(c, 8)), first_incomplete = get_be64(next(c, 8));
    uint32_t count = get_be32(next(c, 4));
    struct answers *s = find(t, id);

    if (c->failed || count > SESSION_WINDOW)
        return MR_ERR_MALFORMED;
    if (!s && !(s = session_add(t, id)))
        return MR_ERR_MEMORY;
    complete(t, s, first_incomplete);
    for (uint32_t i = 0; i < count; i++) {
        mr_rc_t rc = decode_slot(t, s, c);

        if (rc != MR_OK)
            return rc;
    }
    return s->count > SESSION_WINDOW ? MR_ERR_MALFORMED : MR_OK;
}

mr_rc_t sessions_decode(struct sessions *t, const uint8_t *bytes, size_t size)
{
    struct cursor c = {.at = bytes, .end = bytes + size};
    mr_rc_t rc = MR_OK;

    if (MUTANT(SESSIONS_LEFT_BEHIND))
        return MR_OK;
    while (rc == MR_OK && c.at < c.end)
        rc = decode_session(t, &c);
    return rc;
}

/* ---- life ----------------------------------------------------------------------------------- */

void sessions_init(struct sessions *t, uint64_t bytes_max)
{
    *t = (struct sessions){.bytes_max = bytes_max};
}

void sessions_clear(struct sessions *t)
{
    while (t->count > 0)
        session_remove(t, t->at[t->count - 1]);
    mem_free(t->at);
    sessions_init(t, t->bytes_max);
}

static void check_session(const struct answers *s)
{
    check(s->applied || s->count > 0);
    check(s->count <= s->room);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct slot *x = &s->slots[i];

        check(x->opno >= s->first_incomplete);
        check(i == 0 || x->opno > s->slots[i - 1].opno);
        check(!x->bytes || (x->applied && x->size <= SESSION_RESULT_MAX));
    }
}

void sessions_check(const struct sessions *t)
{
    uint64_t bytes = t->room * sizeof *t->at, promised = 0, digest = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        const struct answers *s = t->at[i];

        check(i == 0 || s->id > t->at[i - 1]->id);
        check_session(s);
        bytes += sizeof *s + s->room * sizeof *s->slots;
        digest ^= session_digest(s);
        for (uint32_t j = 0; j < s->count; j++) {
            bytes += s->slots[j].bytes ? s->slots[j].size : 0;
            promised += s->slots[j].applied ? 0 : SESSION_RESULT_MAX;
            digest ^= slot_digest(s, &s->slots[j]);
        }
    }
    check(bytes == t->bytes);
    check(promised == t->promised);
    check(digest == t->digest);
}
