/* frame.h - where one message ends, in a stream of bytes.
 *
 * A message of the client protocol is a row of frames, each with its length, the last one marked.
 * Bytes come in pieces that know nothing of this:
 *
 *     piece      ──────────────────┐┌────────────────────────────┐┌──────────
 *     messages   ├─ m1 ─┤├─ m2 ─┤├──── m3 ────┤├─ m4 ─┤├────────── m5 ───────
 *                 in place          kept until      in place      kept ..
 *                                   its end is there
 *
 * A message that lies whole in a piece is handed on where it lies. What is left is kept, never more
 * than one message's limit and a piece. A frame's length is believed only as far as the limit: a
 * peer that announces two gigabytes is refused at once, not when it has sent them.
 *
 * A message may also come in fragments, each one a message of its own to this layer: they are put
 * together here, within the same limit.
 *
 * Pure but for the heap. One thread at a time.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/base/error.h"
#include "net/base/list.h"

/* Zeroed but for the limit is empty. */
struct frames {
    size_t limit; /* bytes of one message; may be raised at any time */
    uint8_t *at;  /* what has come of the message at the front, and what followed */
    size_t size, room;
    size_t seen;       /* bytes of it whose frames have been looked at */
    struct list parts; /* messages of which some fragments have come */
    struct list whole; /* those of which all have, until the piece is through */
    size_t parts_size; /* bytes of both */
};

void frames_init(struct frames *f, size_t limit);
void frames_free(struct frames *f);

/* Takes a whole message, borrowed until the piece is through, which it is told by a call without
 * bytes. False: no more for now, what follows is kept. It must not free the frames. */
typedef bool frames_taker(void *context, const uint8_t *bytes, size_t size);

/* Adds a piece and hands on what is whole. A piece of no bytes goes on with what was kept.
 * MR_ERR_TOO_LARGE: a message beyond the limit; MR_ERR_MALFORMED: a frame shorter than its header,
 * a fragment without a beginning. Then the stream is lost: nothing tells where a message begins. */
mr_rc_t frames_feed(struct frames *f, const uint8_t *piece, size_t size, frames_taker *take,
                    void *context);

#endif
