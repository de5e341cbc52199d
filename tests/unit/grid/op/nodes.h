/* nodes.h - members in one process, each with partitions, maps and copies, and the bytes of
 * transfer.h between them. A message waits in a line until the test lets it through.
 *
 * For tests: include it once. */
#ifndef TESTS_UNIT_GRID_OP_NODES_H
#define TESTS_UNIT_GRID_OP_NODES_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "grid/data/objects.h"
#include "grid/op/copies.h"
#include "grid/op/transfer.h"
#include "net/base/epoch.h"
#include "net/base/mem.h"

enum { NODE_COUNT = 3, PARTS_EACH = 2, WAITING_MAX = 4096 };

struct message {
    uint32_t from, to;
    size_t size;
    uint8_t *bytes;
};

static struct node {
    uint64_t number;
    struct partitions partitions;
    struct metrics *metrics;
    struct maps maps;
    struct objects objects;
    uint64_t asked;  /* the member last asked to be added */
    uint64_t shrunk; /* and to be taken out of sync; how often */
    uint32_t shrinks;
    uint64_t heir, called_off; /* who was to be primary last; the epoch of what came to nothing */
} nodes[NODE_COUNT];

static mr_config_t *config;
static struct message line[WAITING_MAX];
static uint32_t line_first, line_count;
static struct row row;

static void send(void *context, uint64_t to, struct sink *out)
{
    struct node *n = context;

    cr_assert(sink_state(out) == MR_OK);
    cr_assert(line_count < WAITING_MAX);
    line[line_count++] = (struct message){(uint32_t)n->number, (uint32_t)to, out->size, out->at};
}

static void out_append(void *context, const struct copies *c, uint64_t to,
                       const struct replica_append *a)
{
    struct sink out = {.grows = true};

    transfer_append(c->number, a, &out);
    send(context, to, &out);
}

static void out_ack(void *context, const struct copies *c, uint64_t to, const struct replica_ack *a)
{
    struct sink out = {.grows = true};

    transfer_ack(c->number, a, &out);
    send(context, to, &out);
}

static void out_chunk(void *context, const struct copies *c, uint64_t to,
                      const struct copies_chunk *k)
{
    struct sink out = {.grows = true};

    transfer_chunk(c->number, k, &out);
    send(context, to, &out);
}

static void out_ask_add(void *context, const struct copies *c, uint64_t member, uint64_t epoch)
{
    (void)c, (void)epoch;
    ((struct node *)context)->asked = member;
}

static void out_ready(void *context, const struct copies *c, uint64_t member, uint64_t epoch)
{
    (void)c, (void)epoch;
    ((struct node *)context)->heir = member;
}

static void out_call_off(void *context, const struct copies *c, uint64_t epoch)
{
    (void)c;
    ((struct node *)context)->called_off = epoch;
}

static void out_ask_shrink(void *context, const struct copies *c, uint64_t member, uint64_t epoch)
{
    (void)c, (void)epoch;
    ((struct node *)context)->shrunk = member;
    ((struct node *)context)->shrinks++;
}

static const struct copies_out outs = {out_append, out_ack,      out_chunk,     out_ask_add,
                                       out_ready,  out_call_off, out_ask_shrink};

static void deliver(const struct message *m)
{
    struct node *n = &nodes[m->to - 1];

    cr_assert(
        eq(int, transfer_take(&n->partitions, &n->objects, m->from, m->bytes, m->size), MR_OK));
    mem_free(m->bytes);
}

/* All that waits, and what comes of it. */
static void let_through(void)
{
    while (line_first < line_count)
        deliver(&line[line_first++]);
    line_first = line_count = 0;
}

__attribute__((unused)) static void lose_all(void)
{
    while (line_first < line_count)
        mem_free(line[line_first++].bytes);
    line_first = line_count = 0;
}

static void open_nodes(void)
{
    config = mr_config_new(NULL);
    for (uint32_t i = 0; i < NODE_COUNT; i++) {
        struct node *n = &nodes[i];

        n->number = i + 1;
        cr_assert(partitions_start(&n->partitions, PARTS_EACH, 0) == MR_OK);
        cr_assert(metrics_new(&n->metrics) == MR_OK);
        n->maps =
            (struct maps){.config = config, .partitions = &n->partitions, .metrics = n->metrics};
        maps_init(&n->maps);
        objects_init(&n->objects, &n->maps);
        cr_assert(copies_start(&n->partitions, &n->maps, n->number, &outs, n) == MR_OK);
        n->partitions.lease_until_ns = UINT64_MAX;
    }
    row = (struct row){.epoch = 1, .reign = 1, .primary = 1, .in_sync = {1}, .in_sync_count = 1};
    epoch_enter();
}

static void close_nodes(void)
{
    epoch_exit();
    lose_all();
    for (uint32_t i = 0; i < NODE_COUNT; i++) {
        struct node *n = &nodes[i];

        copies_stop(&n->partitions);
        objects_free(&n->objects);
        maps_free(&n->maps);
        partitions_stop(&n->partitions);
        metrics_free(n->metrics);
    }
    mr_config_free(config);
}

/* The row, to all members but those that are away. */
static void agree(uint32_t away)
{
    for (uint32_t i = 0; i < NODE_COUNT; i++)
        for (uint32_t p = 0; p < PARTS_EACH && i + 1 != away; p++) {
            partition_lock(&nodes[i].partitions.at[p]);
            copies_row(nodes[i].partitions.at[p].copies, &row);
            partition_unlock(&nodes[i].partitions.at[p]);
        }
}

static void found(void)
{
    agree(0);
    for (uint32_t p = 0; p < PARTS_EACH; p++) {
        struct partition *at = &nodes[0].partitions.at[p];

        partition_lock(at);
        copies_again(at->copies, NOBODY);
        partition_unlock(at);
    }
}

static void learns(uint64_t member)
{
    row.epoch++;
    row.learners[row.learner_count++] = member;
    agree(0);
    let_through();
}

static void joins(uint64_t member)
{
    learns(member);
    cr_assert(eq(u64, nodes[row.primary - 1].asked, member));
    row.epoch++;
    row.learner_count--;
    row.in_sync[row.in_sync_count++] = member;
    agree(0);
    let_through();
}

static struct data text(const char *t)
{
    return (struct data){(const uint8_t *)t, (uint32_t)strlen(t), DATA_STRING};
}

static struct commit commit;
static bool is_over;

static void over(struct commit *c)
{
    (void)c;
    is_over = true;
}

/* The primary is gone without a word: another is, alone. */
__attribute__((unused)) static void fails_over(uint64_t to)
{
    row = (struct row){.epoch = row.epoch + 1,
                       .reign = row.epoch + 1,
                       .primary = to,
                       .in_sync = {to},
                       .in_sync_count = 1};
    agree((uint32_t)row.primary == 1 ? 2 : 1);
    for (uint32_t p = 0; p < PARTS_EACH; p++) {
        struct partition *at = &nodes[to - 1].partitions.at[p];

        partition_lock(at);
        copies_again(at->copies, NOBODY);
        partition_unlock(at);
    }
}

#endif
