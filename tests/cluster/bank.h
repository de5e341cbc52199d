/* bank.h - accounts between which money goes to and fro while things happen to the cluster.
 *
 * All accounts of a bank are one value of a map, and a transfer changes two of them with
 * mr_map_update; so every read has to find the same sum. The value also has a count of the
 * transfers, which only grows, and at the end is what was acknowledged, and at most what nobody
 * knows besides.
 *
 * Each client is a thread with a handle of its own.
 */
#ifndef TESTS_CLUSTER_BANK_H
#define TESTS_CLUSTER_BANK_H

#include <stdint.h>

struct bank;

/* Begins. Connects to url; the cluster is well. Dies where it cannot. */
struct bank *bank_start(const char *url, uint64_t seed);

/* Ends the clients. */
void bank_stop(struct bank *b);

struct bank_verdict {
    uint64_t transfers, unknown, reads;
    uint64_t wrong_sums; /* of reads, at whatever time */
    uint64_t went_back;  /* a client read less transfers than before */
    uint64_t miscounted; /* banks, at the end */
};

/* Reads every bank once more, from a cluster that is well. */
void bank_judge(struct bank *b, struct bank_verdict *ret);

void bank_free(struct bank *b);

#endif
