/* The reference implementation's own messages: every one that has a row is decoded and written
 * anew, byte for byte. The files are not ours to ship: MILLRACE_VECTORS names their folder. */
#include <stdio.h>

#include "net/wire/wire.h"
#include "tests/unit/net/wire/bytes.h"

static uint8_t *load(const char *name, size_t *ret_size)
{
    const char *folder = getenv("MILLRACE_VECTORS");
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/hazelcast-protocol/vectors",
             name);
    f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "SKIP: no %s; MILLRACE_VECTORS can name its folder\n", path);
        cr_skip("no vectors");
    }

    uint8_t *all = malloc(1 << 20);

    *ret_size = fread(all, 1, 1 << 20, f);
    fclose(f);
    return all;
}

/* The size of the message at the front. */
static size_t message_size(const uint8_t *at)
{
    size_t size = 0;
    uint16_t flags;

    do {
        uint32_t length;

        memcpy(&length, at + size, 4);
        memcpy(&flags, at + size + 4, 2);
        size += length;
    } while (!(flags & FRAME_FINAL));
    return size;
}

/* Returns whether there is a row for it. */
static bool same_again(const uint8_t *from, size_t size)
{
    uint8_t *exact = bytes_cut(from, (uint32_t)size);
    struct sink out = {.grows = true};
    union wire_message *msg = malloc(sizeof *msg);
    struct wire_head head;
    const char *field = NULL;

    cr_assert_eq(wire_read_head(exact, size, &head), MR_OK);
    int id = wire_find(head.type);

    if (id >= 0) {
        cr_assert_eq(wire_decode((enum wire_id)id, exact, size, msg, &field), MR_OK, "%s: %s",
                     wire_name((enum wire_id)id), field);
        wire_encode((enum wire_id)id, &head, msg, &out);
        cr_assert_eq(sink_state(&out), MR_OK);
        cr_expect_eq(out.size, size, "%s", wire_name((enum wire_id)id));
        cr_expect(out.size == size && memcmp(out.at, exact, size) == 0, "%s",
                  wire_name((enum wire_id)id));
    }
    sink_free(&out);
    free(msg);
    free(exact);
    return id >= 0;
}

/* Some rows are of our own making, and no other project has messages of them. */
enum { OURS = WIRE_client_once_rsp - WIRE_cluster_look_req + 1, THEIRS = WIRE_CLIENT_COUNT - OURS };

static void read_all(const char *name)
{
    size_t size, known = 0;
    uint8_t *all = load(name, &size);

    for (size_t at = 0; at < size;) {
        size_t n = message_size(all + at);

        known += same_again(all + at, n);
        at += n;
    }
    cr_expect_eq(known, THEIRS, "%zu of %d rows have a message", known, THEIRS);
    free(all);
}

Test(wire_vector, messages_of_2_8_come_back_byte_for_byte)
{
    read_all("2.8.protocol.compatibility.binary");
}

Test(wire_vector, messages_of_2_8_with_nulls_come_back_byte_for_byte)
{
    read_all("2.8.protocol.compatibility.null.binary");
}

Test(wire_vector, messages_of_2_10_come_back_byte_for_byte)
{
    read_all("2.10.protocol.compatibility.binary");
}

Test(wire_vector, messages_of_2_10_with_nulls_come_back_byte_for_byte)
{
    read_all("2.10.protocol.compatibility.null.binary");
}
