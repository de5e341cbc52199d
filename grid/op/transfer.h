/* transfer.h - what copies of a partition say to each other, as bytes.
 *
 *     head      type, 0, partition                           as of any message (net/wire/wire.h)
 *     append    epoch, after_seq, after_epoch, commit_seq, count, then each operation:
 *                   its epoch, the effect (grid/data/effect.h)
 *     ack       epoch, held_seq, walk, chunk, flags
 *     chunk     epoch, walk, number, commit_seq, base_epoch, rests_seq, flags, then each entry:
 *                   its version, the effect that makes it
 *
 * One frame each, so that a message is bounded by the connection before it comes here. Written and
 * read by hand: two for every write of the cluster. Numbers have 64 bits, flags 8, count 32.
 *
 * What is read is checked whole before anything is kept of it: a message that is not well-formed
 * changes nothing.
 *
 * Any thread.
 */
#ifndef GRID_OP_TRANSFER_H
#define GRID_OP_TRANSFER_H

#include "grid/data/objects.h"
#include "grid/op/copies.h"

/* In a range of types that clients do not use. */
enum transfer_type {
    TRANSFER_APPEND = 0xf02000,
    TRANSFER_ACK = 0xf02100,
    TRANSFER_CHUNK = 0xf02200
};

enum { TRANSFER_OPS_MAX = 64, TRANSFER_ENTRIES_MAX = 65536 };

void transfer_append(uint32_t partition, const struct replica_append *a, struct sink *out);
void transfer_ack(uint32_t partition, const struct replica_ack *a, struct sink *out);
void transfer_chunk(uint32_t partition, const struct copies_chunk *k, struct sink *out);

/* Reads one of the three, whole with its frame, and does what it says to the copies it is for. The
 * partition is locked for it. MR_ERR_MALFORMED: nothing has changed; MR_ERR_MEMORY, MR_ERR_FULL:
 * it is as if it had not come. */
mr_rc_t transfer_take(struct partitions *ps, struct objects *os, uint64_t from,
                      const uint8_t *bytes, size_t size);

#endif
