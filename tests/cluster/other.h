/* other.h - Hazelcast's own client for Node.js as one of those that use the cluster.
 *
 * It is a process, node/client.js: registers, counters, queues, lists, sets and PN counters. It
 * judges what it saw by itself, but for the history of its registers and counters, which is read
 * from the file that it writes and judged as ours is.
 *
 * One thread.
 */
#ifndef TESTS_CLUSTER_OTHER_H
#define TESTS_CLUSTER_OTHER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* X(name, as it calls it, what has to hold) */
#define OTHER_MAP(X)                                                                               \
    X(QUEUE_ONCE, "queue-once", "what is offered to a queue is polled once at most")               \
    X(QUEUE_ORDER, "queue-order", "and in the order in which it was offered")                      \
    X(QUEUE_KEPT, "queue-kept", "and is still there if nobody has polled it")                      \
    X(LIST, "list", "what is added to a list stays, in one order")                                 \
    X(SET, "set", "what is added to a set is new, and stays")                                      \
    X(PN_COUNTER, "pn-counter", "a PN counter is what was added to it")                            \
    X(END, "end", "the other client goes on to the end")

enum other_claim {
#define X(name, word, sentence) OTHER_##name,
    OTHER_MAP(X)
#undef X
        OTHER_CLAIMS
};

struct other {
    pid_t pid;
    FILE *to, *from;
    char history[512];
};

struct other_verdict {
    bool heard[OTHER_CLAIMS]; /* what it has not said has not been looked at */
    uint32_t faults[OTHER_CLAIMS];
    uint32_t calls, unknown; /* of the history */
    bool linearizable;
};

/* script: client.js; modules: where its client is installed; members: host:port,...; history: the
 * file to write. False: it is not ready, and has said why. */
bool other_start(struct other *o, const char *script, const char *modules, const char *members,
                 const char *history);

/* Has it judge and end, when the cluster is well, and prints what it says. */
void other_judge(struct other *o, struct other_verdict *ret);

#endif
