/* last_words.h - the channel on which a process's death can be seen, as proof and not as a guess.
 *
 * One member writes, the other reads, and nothing ever goes the other way. The reader dials.
 *
 *     writer (accepts)  ── HELLO ── beat ── beat ── [its death] FIN ──▶  reader (dials)
 *
 * When a process dies, however it does, its kernel closes its sockets after all its threads have
 * stopped; with nothing unread there, that is a FIN behind all bytes that were sent. No partition
 * of the network makes a FIN, and a living writer lets go of the channel in one way only, which is
 * last_words_abort: an RST, after which no FIN can follow. So:
 *
 *     LAST_WORDS_DEAD    the writer's process is dead, and never aborted this channel
 *     LAST_WORDS_BROKEN  nothing: it may live, whatever came, RST and refusals included
 *
 * and whoever is about to go on alone aborts first. There is one verdict, the first; then the
 * channel is gone. It is DEAD only for a channel that has said HELLO: before that, bytes of the
 * reader (of a TLS handshake, later) may lie unread at the writer and turn the FIN into an RST, or
 * it may be anybody's FIN.
 *
 * HELLO names the writer, and both ends of the connection as the writer sees them. If the reader
 * sees others, something on the way ends connections of its own and may forge a FIN: the channel
 * is then `indirect`, and its verdicts are never DEAD.
 *
 * What a process cannot keep from happening is that the program it is part of closes all its
 * descriptors, which is a FIN from the living. last_words_is_ours tells, and its owner must then
 * take itself out of service: the peer may have gone on alone.
 *
 * Threads: the link's loop. Links are given by their owner, who listens and dials; TLS, when there
 * is some, stands between link and channel, and verdicts still come from the link.
 */
#ifndef NET_LAST_WORDS_H
#define NET_LAST_WORDS_H

#include "net/transport.h"

enum last_words_verdict { LAST_WORDS_DEAD, LAST_WORDS_BROKEN };

enum { LAST_WORDS_HELLO_SIZE = 76 };

/* Of the writer. */
struct last_words_hello {
    uint64_t from, to; /* incarnations */
    uint64_t generation;
    uint64_t number; /* of the channel; the writer uses it once */
    struct address writer, reader;
};

/* ---- the writer's end ----------------------------------------------------------------------- */

struct last_words_writer {
    struct link *link; /* NULL: gone */
    uint64_t identity;
    void (*ended)(void *context); /* the reader has gone, or something on the way broke it */
    void *context;
};

/* Takes over a link that was just accepted, also when it fails, and says hello with the addresses
 * of the link. MR_ERR_SYSTEM: the link is not what it was. */
mr_rc_t last_words_write(struct last_words_writer *w, struct link *link,
                         const struct last_words_hello *hello, void (*ended)(void *context),
                         void *context);

/* False: the bytes were not all taken, because the reader does not read; what was cut off is then
 * lost, so the channel is aborted. */
bool last_words_say(struct last_words_writer *w, const void *bytes, size_t size);

/* The one way to let go of it while this process lives. No callback follows; twice is once. False:
 * the descriptor was not ours any more, so there may be a FIN that nobody can take back. */
bool last_words_abort(struct last_words_writer *w);

/* False: the descriptor has been closed, shut or replaced by somebody else. Before each beat. */
bool last_words_is_ours(const struct last_words_writer *w);

/* ---- the reader's end ----------------------------------------------------------------------- */

struct last_words_events {
    /* HELLO has come. The hello is borrowed. */
    void (*opened)(void *context, const struct last_words_hello *hello, bool indirect);
    void (*heard)(void *context, const uint8_t *bytes, size_t size); /* after HELLO */
    void (*verdict)(void *context, enum last_words_verdict verdict); /* the last one */
};

struct last_words_reader {
    struct link *link; /* NULL: gone */
    const struct last_words_events *events;
    void *context;
    uint8_t hello[LAST_WORDS_HELLO_SIZE];
    size_t got; /* bytes of it */
    bool open, indirect;
};

/* Dials. MR_ERR_MEMORY, MR_ERR_SYSTEM: no descriptors left; then there is no callback. */
mr_rc_t last_words_read(struct last_words_reader *r, struct transport *t, const struct address *to,
                        const struct last_words_events *events, void *context);

/* Gives it up without a verdict. Twice is once. */
void last_words_forget(struct last_words_reader *r);

#endif
