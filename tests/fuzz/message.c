/* Any bytes as any message of client.def and member.def: what is decoded is encoded, and that is
 * decoded and encoded to the same bytes. An error response is read too. */
#include <stdlib.h>
#include <string.h>

#include "net/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static bool encode(enum wire_id id, const uint8_t *bytes, size_t size, struct sink *out)
{
    union wire_message message;
    struct wire_head head;
    const char *field;

    memset(&message, 0xa5, sizeof message); /* what the decoder does not fill should be seen */
    if (wire_read_head(bytes, size, &head) != MR_OK)
        return false;
    if (wire_decode(id, bytes, size, &message, &field) != MR_OK) {
        if (!field)
            abort();
        return false;
    }
    wire_encode(id, &head, &message, out);
    return sink_state(out) == MR_OK;
}

static void try_row(enum wire_id id, const uint8_t *bytes, size_t size)
{
    struct sink first = {.grows = true}, second = {.grows = true};

    if (encode(id, bytes, size, &first))
        if (!encode(id, first.at, first.size, &second) || first.size != second.size ||
            memcmp(first.at, second.at, first.size) != 0)
            abort();
    sink_free(&first);
    sink_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct wire_head head;
    struct wire_error e;
    int id;

    if (wire_read_head(bytes, size, &head) != MR_OK)
        return 0;
    (void)!wire_read_error(bytes, size, &e);
    id = wire_find(head.type);
    try_row(id >= 0 ? (enum wire_id)id : (enum wire_id)(head.type % WIRE_COUNT), bytes, size);
    return 0;
}
