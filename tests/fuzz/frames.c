/* Any stream of bytes, in pieces whose sizes the first byte says: what comes out whole is the same
 * however it was cut, and no more is kept than the limit allows. */
#include "net/frame.h"

#include <stdlib.h>

#include "net/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LIMIT = 2048 };

struct sum {
    uint64_t messages, bytes;
};

static bool add(void *context, const uint8_t *bytes, size_t size)
{
    struct sum *s = context;

    if (!bytes)
        return true;
    if (size < FRAME_HEADER)
        abort();
    s->messages++;
    for (size_t i = 0; i < size; i++)
        s->bytes = s->bytes * 31 + bytes[i];
    return true;
}

static mr_rc_t feed(const uint8_t *bytes, size_t size, size_t piece, struct sum *sum)
{
    struct frames f;
    mr_rc_t rc = MR_OK;

    frames_init(&f, LIMIT);
    for (size_t at = 0; rc == MR_OK && at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;

        rc = frames_feed(&f, bytes + at, n, add, sum);
        if (f.size > LIMIT + FRAME_HEADER + piece || f.parts_size > LIMIT)
            abort();
    }
    frames_free(&f);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sum whole = {0}, cut = {0};

    if (size < 2)
        return 0;
    mr_rc_t rc = feed(bytes + 1, size - 1, size, &whole);

    if (rc != feed(bytes + 1, size - 1, bytes[0] % 64 + 1u, &cut))
        abort();
    if (whole.messages != cut.messages || whole.bytes != cut.bytes)
        abort();
    return 0;
}
