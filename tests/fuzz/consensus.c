/* Any messages, in any order, to a member of three that is asked for all sorts of things between.
 *
 * Three bytes say what comes, from whom, and when; what a message says is mostly small numbers, so
 * that it fits now and then, and sometimes any number. */
#include "grid/cluster/consensus.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static uint64_t applied;
static bool broken;

static uint8_t any(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

static int64_t number(struct input *in)
{
    uint8_t b = any(in);
    uint64_t v = 0;

    if (b < 250)
        return b % 25;
    for (int i = 0; i < 8; i++)
        v = v << 8 | any(in);
    return (int64_t)v;
}

/* ---- the owner ------------------------------------------------------------------------------ */

static void on_send(void *context, uint64_t to, enum wire_id id, const void *message)
{
    struct sink out = {.grows = true};

    (void)context;
    if (to == 0 || to == 1)
        abort();
    wire_encode(id, &(struct wire_head){0}, message, &out);
    sink_free(&out);
}

static void on_apply(void *context, uint64_t index, uint64_t term, const void *bytes, uint32_t size)
{
    (void)context;
    if (index <= applied || term == 0 || (size > 0 && !bytes))
        abort();
    applied = index;
}

static mr_rc_t on_save(void *context, struct sink *out)
{
    (void)context;
    sink_put64(out, applied);
    return MR_OK;
}

static mr_rc_t on_restore(void *context, uint64_t index, const void *bytes, uint32_t size)
{
    (void)context;
    (void)bytes;
    if (index <= applied)
        abort();
    applied = index;
    return size > 100 ? MR_ERR_MALFORMED : MR_OK;
}

static void on_news(void *context)
{
    (void)context;
}

static void on_broken(void *context)
{
    (void)context;
    broken = true;
}

static void on_stored(void *context, const void *bytes, uint32_t size, uint32_t voters)
{
    (void)context, (void)bytes, (void)size, (void)voters;
}

static const struct consensus_out out = {
    on_send, on_apply, on_stored, on_save, on_restore, on_news, on_news, on_broken,
};

/* ---- what comes ----------------------------------------------------------------------------- */

static struct wire_bytes voters(struct input *in)
{
    static const uint8_t list[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0,
                                   0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9};
    uint8_t b = any(in);

    if (b >= 200)
        return (struct wire_bytes){list, b % sizeof list};
    return (struct wire_bytes){list + b % 2 * 9, 9u * (1 + b / 2 % 3)};
}

static void append(struct consensus *c, struct input *in, uint64_t now, uint64_t from)
{
    struct raft_append m = {number(in), number(in), number(in), number(in), number(in), {0}};
    uint32_t count = any(in) % 4;
    struct sink items = {.grows = true};

    for (uint32_t i = 0; i < count; i++) {
        wire_raft_entry e = {.term = number(in), .kind = (int8_t)(any(in) % 5)};

        e.bytes = e.kind == 3 ? voters(in) : (struct wire_bytes){in->at, in->left > 3 ? 3 : 0};
        wire_put(&items, WIRE_raft_entry, &e);
    }
    m.entries = wire_list_of(&items, count);
    (void)!consensus_receive(c, now, from, WIRE_raft_append, &m);
    sink_free(&items);
}

static void message(struct consensus *c, struct input *in, uint64_t now, uint64_t from, int which)
{
    union wire_message m = {0};

    switch (which) {
    case 0: append(c, in, now, from); return;
    case 1:
        m.raft_appended = (struct raft_appended){number(in), number(in), number(in),
                                                 (int64_t)(now - (uint64_t)number(in))};
        (void)!consensus_receive(c, now, from, WIRE_raft_appended, &m);
        return;
    case 2:
        m.raft_vote =
            (struct raft_vote){number(in), number(in), number(in), any(in) & 1, any(in) & 1};
        (void)!consensus_receive(c, now, from, WIRE_raft_vote, &m);
        return;
    case 3:
        m.raft_voted = (struct raft_voted){number(in), any(in) & 1, any(in) & 1};
        (void)!consensus_receive(c, now, from, WIRE_raft_voted, &m);
        return;
    case 4:
        m.raft_install = (struct raft_install){number(in),
                                               number(in),
                                               number(in),
                                               number(in),
                                               number(in),
                                               voters(in),
                                               {in->at, in->left > 8 ? 8 : 0}};
        (void)!consensus_receive(c, now, from, WIRE_raft_install, &m);
        return;
    default:
        m.raft_campaign = (struct raft_campaign){number(in), number(in), number(in)};
        (void)!consensus_receive(c, now, from, WIRE_raft_campaign, &m);
        return;
    }
}

static void wish(struct consensus *c, struct input *in, uint64_t now, int which)
{
    uint64_t index, term;

    switch (which) {
    case 0: (void)!consensus_propose(c, now, "word", 4, &index, &term); break;
    case 1: (void)!consensus_change(c, now, any(in) % 4, any(in) % 6); break;
    case 2: (void)!consensus_transfer(c, now, any(in) % 4); break;
    case 3: consensus_campaign(c, now); break;
    case 4: (void)!consensus_force_single(c, now); break;
    default: (void)!consensus_may_grant(c, now); break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct consensus_options options = {1, 7, 500, 100, 5, 2};
    struct input in = {bytes, size};
    struct consensus *c;
    uint64_t now = 1000;

    applied = 0;
    broken = false;
    if (consensus_new(&options, &out, NULL, &c) != MR_OK)
        abort();
    if ((any(&in) & 1 ? consensus_found(c, now) : consensus_join(c, now)) != MR_OK)
        abort();
    while (in.left > 0 && !broken) {
        uint8_t what = any(&in), from = any(&in) % 5;

        now += any(&in) % 100 * (what & 128 ? 10 : 1);
        if (what % 16 < 8)
            message(c, &in, now, from, what % 8 % 6);
        else if (what % 16 < 14)
            wish(c, &in, now, what % 8);
        else
            consensus_tick(c, now);
        consensus_check(c);
    }
    consensus_free(c);
    return 0;
}
