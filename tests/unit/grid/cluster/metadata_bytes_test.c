#include "grid/cluster/metadata.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 4, FOUNDER = 100, SECOND = 200, THIRD = 300 };

static struct metadata m;

static mr_rc_t apply(enum command_kind kind, uint32_t partition, uint64_t member)
{
    const struct row *r = &m.rows[partition];

    return metadata_apply(&m, &(struct command){.kind = kind,
                                                .member = member,
                                                .partition = partition,
                                                .epoch = r->epoch,
                                                .primary = r->primary,
                                                .card = {.uuid_low = member, .name = "one"}});
}

/* Three members, one of which is out and holds partition 3 alone; a backup, a learner. */
static void open(void)
{
    cr_assert(metadata_init(&m, PARTITIONS, FOUNDER) == MR_OK);
    cr_assert(apply(COMMAND_ADMIT, 0, SECOND) == MR_OK && apply(COMMAND_ADMIT, 0, THIRD) == MR_OK);
    for (uint32_t i = 0; i < 2; i++)
        cr_assert(apply(COMMAND_LEARN, i, SECOND) == MR_OK);
    cr_assert(apply(COMMAND_ADD, 0, SECOND) == MR_OK && apply(COMMAND_LEARN, 3, THIRD) == MR_OK);
    cr_assert(apply(COMMAND_ADD, 3, THIRD) == MR_OK && apply(COMMAND_MOVE, 3, THIRD) == MR_OK);
    cr_assert(apply(COMMAND_SHRINK, 3, FOUNDER) == MR_OK);
    cr_assert(apply(COMMAND_EXPEL, 0, THIRD) == MR_OK);
    for (uint64_t client = 1; client <= 3; client++)
        cr_assert(metadata_apply(&m, &(struct command){.kind = COMMAND_OPEN,
                                                       .member = FOUNDER,
                                                       .cluster_low = client}) == MR_OK);
    metadata_check(&m);
    cr_assert(m.rows[3].primary == NOBODY);
}

static void close(void)
{
    metadata_free(&m);
}

TestSuite(metadata_bytes, .init = open, .fini = close);

static struct sink encoded(const struct metadata *from)
{
    struct sink out = {.grows = true};

    metadata_encode(from, &out);
    cr_assert(sink_state(&out) == MR_OK);
    return out;
}

Test(metadata_bytes, tell_who_leaves)
{
    cr_assert(apply(COMMAND_LEAVE, 0, SECOND) == MR_OK);
    struct sink out = encoded(&m);
    struct metadata got;

    cr_assert(metadata_decode(&got, out.at, out.size) == MR_OK);
    cr_assert(metadata_member(&got, SECOND)->leaves && !metadata_member(&got, FOUNDER)->leaves);
    metadata_free(&got);
    sink_free(&out);
}

/* What lies between its fields is nobody's. */
static bool is_same_card(const struct card *a, const struct card *b)
{
    return a->uuid_high == b->uuid_high && a->uuid_low == b->uuid_low &&
           address_equal(&a->address, &b->address) && strcmp(a->name, b->name) == 0;
}

static bool is_same(const struct cluster_member *a, const struct cluster_member *b)
{
    return a->incarnation == b->incarnation && a->in == b->in && a->leaves == b->leaves &&
           a->taken == b->taken && a->joined == b->joined && a->primaries == b->primaries &&
           a->copies == b->copies && is_same_card(&a->card, &b->card);
}

Test(metadata_bytes, come_back)
{
    struct sink out = encoded(&m);
    struct metadata got;

    cr_assert(metadata_decode(&got, out.at, out.size) == MR_OK);
    metadata_check(&got);
    cr_assert(got.index == m.index && got.partitions == m.partitions);
    cr_assert(got.member_count == m.member_count);
    for (uint32_t i = 0; i < m.member_count; i++)
        cr_assert(is_same(&got.members[i], &m.members[i]));
    cr_assert(memcmp(got.rows, m.rows, sizeof m.rows[0] * PARTITIONS) == 0);
    cr_assert(got.session_count == 3);
    cr_assert(memcmp(got.sessions, m.sessions, sizeof m.sessions[0] * 3) == 0);
    metadata_free(&got);
    sink_free(&out);
}

/* From an exact copy on the heap, so that reading too far is seen. */
static mr_rc_t decode(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size + 1);
    struct metadata got;

    memcpy(exact + 1, bytes, size);
    mr_rc_t rc = metadata_decode(&got, exact + 1, size);

    if (rc == MR_OK) {
        metadata_check(&got);
        metadata_free(&got);
    }
    free(exact);
    return rc;
}

Test(metadata_bytes, are_refused_when_cut_short_or_longer)
{
    struct sink out = encoded(&m);

    for (size_t size = 0; size < out.size; size++)
        cr_assert(decode(out.at, size) == MR_ERR_MALFORMED, "%zu", size);
    sink_put8(&out, 0);
    cr_assert(decode(out.at, out.size) == MR_ERR_MALFORMED);
    sink_free(&out);
}

/* What can be changed in one byte is refused, or is metadata all the same. */
Test(metadata_bytes, are_never_read_as_what_cannot_be)
{
    struct sink out = encoded(&m);
    size_t good = 0;

    for (size_t i = 0; i < out.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            out.at[i] ^= (uint8_t)(1 << bit);
            good += decode(out.at, out.size) == MR_OK;
            out.at[i] ^= (uint8_t)(1 << bit);
        }
    cr_assert(good > 0 && good < out.size * 8);
    sink_free(&out);
}

static mr_rc_t refused(void)
{
    struct sink out = encoded(&m);
    mr_rc_t rc = decode(out.at, out.size);

    sink_free(&out);
    return rc;
}

#define NEVER(change, back)                                                                        \
    do {                                                                                           \
        change;                                                                                    \
        cr_expect(refused() == MR_ERR_MALFORMED, #change);                                         \
        back;                                                                                      \
    } while (0)

Test(metadata_bytes, say_nothing_that_metadata_cannot_be)
{
    struct row *r = m.rows;

    NEVER(r[0].primary = 7, r[0].primary = FOUNDER);
    NEVER(r[0].primary = THIRD, r[0].primary = FOUNDER);
    NEVER(r[0].primary = NOBODY, r[0].primary = FOUNDER);
    NEVER(r[0].reign = r[0].epoch + 1, r[0].reign = 1);
    NEVER(r[0].in_sync[1] = FOUNDER, r[0].in_sync[1] = SECOND);
    NEVER(r[0].in_sync[1] = THIRD, r[0].in_sync[1] = SECOND);
    NEVER(r[1].learners[0] = FOUNDER, r[1].learners[0] = SECOND);
    NEVER(r[1].learners[0] = THIRD, r[1].learners[0] = SECOND);
    NEVER(r[0].in_sync_count = 0, r[0].in_sync_count = 2);
    NEVER(m.members[1].incarnation = FOUNDER, m.members[1].incarnation = SECOND);
    NEVER(m.members[1].incarnation = NOBODY, m.members[1].incarnation = SECOND);
    NEVER(m.members[1].taken = m.index + 1, m.members[1].taken = m.index);
    NEVER(m.partitions = 0, m.partitions = PARTITIONS);
    NEVER(m.sessions[1].number = m.index, m.sessions[1].number = m.index - 1);
    NEVER(m.sessions[1].number = m.index - 2, m.sessions[1].number = m.index - 1);
    NEVER(m.sessions[2].number = m.index + 1, m.sessions[2].number = m.index);
    cr_expect(refused() == MR_OK);
}

Test(metadata_bytes, of_commands_come_back)
{
    const struct command c = {.kind = COMMAND_SHRINK,
                              .member = SECOND,
                              .partition = 3,
                              .epoch = 1ull << 40,
                              .primary = FOUNDER};
    struct sink out = {.grows = true};
    struct command got;

    command_encode(&c, &out);
    cr_assert(command_decode(&got, out.at, out.size) == MR_OK);
    cr_assert(got.kind == c.kind && got.member == c.member && got.partition == c.partition);
    cr_assert(got.epoch == c.epoch && got.primary == c.primary);
    for (size_t size = 0; size < out.size; size++)
        cr_assert(command_decode(&got, out.at, size) == MR_ERR_MALFORMED);
    out.at[0] = COMMAND_LEAVE + 1;
    cr_assert(command_decode(&got, out.at, out.size) == MR_ERR_MALFORMED);
    out.at[0] = COMMAND_ADMIT;
    memset(out.at + 1, 0, 8);
    cr_assert(command_decode(&got, out.at, out.size) == MR_ERR_MALFORMED);
    sink_free(&out);
}

Test(metadata_bytes, of_commands_that_bring_a_card_come_back)
{
    struct command got, c = {.kind = COMMAND_FOUND,
                             .member = FOUNDER,
                             .card = {1, 2, {.ip = {3}, .port = 5701}, "one"},
                             .cluster_high = 4,
                             .cluster_low = 5};
    struct sink out = {.grows = true};

    memset(c.card.name, 'n', CARD_NAME_MAX);
    command_encode(&c, &out);
    cr_assert(command_decode(&got, out.at, out.size) == MR_OK);
    cr_assert(memcmp(&got.card, &c.card, sizeof c.card) == 0);
    cr_assert(got.cluster_high == 4 && got.cluster_low == 5);
    for (size_t size = 0; size < out.size; size++)
        cr_assert(command_decode(&got, out.at, size) == MR_ERR_MALFORMED);
    sink_free(&out);
}

Test(metadata_bytes, of_commands_about_sessions_come_back)
{
    const struct command open = {
        .kind = COMMAND_OPEN, .member = FOUNDER, .cluster_high = 4, .cluster_low = 5};
    const struct command expire = {.kind = COMMAND_EXPIRE, .member = FOUNDER, .epoch = 77};
    struct sink out = {.grows = true};
    struct command got;

    command_encode(&open, &out);
    cr_assert(command_decode(&got, out.at, out.size) == MR_OK);
    cr_assert(got.kind == COMMAND_OPEN && got.cluster_high == 4 && got.cluster_low == 5);
    out.size = 0;
    command_encode(&expire, &out);
    cr_assert(command_decode(&got, out.at, out.size) == MR_OK);
    cr_assert(got.kind == COMMAND_EXPIRE && got.epoch == 77);
    sink_free(&out);
}
