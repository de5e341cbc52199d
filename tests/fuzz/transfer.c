/* Any bytes as what another member says about partitions: one is followed here, of one a copy is
 * made, and one is this member's own. A byte says which message it is and about which partition,
 * two how many bytes it has. */
#include "grid/op/transfer.h"

#include <stdlib.h>
#include <string.h>

#include "net/base/epoch.h"
#include "net/base/littleend.h"
#include "net/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { PARTITION_COUNT = 3, OTHER = 1, SELF = 2, HEAD = FRAME_HEADER + 16, BODY_MAX = 65535 };

static struct partitions partitions;
static struct metrics *metrics;
static struct maps maps;
static struct objects objects;

static void out_append(void *context, const struct copies *c, uint64_t to,
                       const struct replica_append *a)
{
    (void)context, (void)c, (void)to, (void)a;
}

static void out_ack(void *context, const struct copies *c, uint64_t to, const struct replica_ack *a)
{
    (void)context, (void)c, (void)to, (void)a;
}

static void out_chunk(void *context, const struct copies *c, uint64_t to,
                      const struct copies_chunk *k)
{
    (void)context, (void)c, (void)to, (void)k;
}

static void out_ask_add(void *context, const struct copies *c, uint64_t member, uint64_t epoch)
{
    (void)context, (void)c, (void)member, (void)epoch;
}

static void out_call_off(void *context, const struct copies *c, uint64_t epoch)
{
    (void)context, (void)c, (void)epoch;
}

static const struct copies_out outs = {out_append,  out_ack,      out_chunk,  out_ask_add,
                                       out_ask_add, out_call_off, out_ask_add};

static const struct row rows[PARTITION_COUNT] = {
    {.epoch = 1, .reign = 1, .primary = OTHER, .in_sync = {OTHER, SELF}, .in_sync_count = 2},
    {.epoch = 1,
     .reign = 1,
     .primary = OTHER,
     .in_sync = {OTHER},
     .in_sync_count = 1,
     .learners = {SELF},
     .learner_count = 1},
    {.epoch = 1, .reign = 1, .primary = SELF, .in_sync = {SELF, OTHER}, .in_sync_count = 2}};

static void begin(const mr_config_t *config)
{
    if (partitions_start(&partitions, PARTITION_COUNT, 0) != MR_OK ||
        metrics_new(&metrics) != MR_OK)
        abort();
    maps = (struct maps){.config = config, .partitions = &partitions, .metrics = metrics};
    maps_init(&maps);
    objects_init(&objects, &maps);
    if (copies_start(&partitions, &maps, SELF, &outs, NULL) != MR_OK)
        abort();
    for (uint32_t i = 0; i < PARTITION_COUNT; i++)
        copies_row(partitions.at[i].copies, &rows[i]);
}

static void end(void)
{
    for (uint32_t i = 0; i < PARTITION_COUNT; i++)
        replica_check(&partitions.at[i].copies->replica);
    copies_stop(&partitions);
    objects_free(&objects);
    maps_free(&maps);
    partitions_stop(&partitions);
    metrics_free(metrics);
}

static void say(uint8_t what, const uint8_t *body, size_t size)
{
    static const uint32_t types[] = {TRANSFER_APPEND, TRANSFER_ACK, TRANSFER_CHUNK, 0xf02300};
    static uint8_t message[HEAD + BODY_MAX];

    put_le32(message, (uint32_t)(HEAD + size));
    put_le16(message + 4, FRAME_UNFRAGMENTED | FRAME_FINAL);
    put_le32(message + FRAME_HEADER, types[what & 3]);
    put_le64(message + FRAME_HEADER + 4, 0);
    put_le32(message + FRAME_HEADER + 12, what >> 2 & 3);
    memcpy(message + HEAD, body, size);
    epoch_enter();
    (void)!transfer_take(&partitions, &objects, OTHER, message, HEAD + size);
    epoch_exit();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static mr_config_t *config;

    if (!config && !(config = mr_config_new(NULL)))
        abort();
    begin(config);
    while (size >= 3 && get_le16(bytes + 1) <= size - 3) {
        size_t n = get_le16(bytes + 1);

        say(bytes[0], bytes + 3, n);
        bytes += 3 + n;
        size -= 3 + n;
    }
    end();
    return 0;
}
