/* Any bytes as metadata: what is read holds together, whatever is applied to it, and is the same
 * bytes again. And as commands, which are applied to a small cluster. */
#include "grid/cluster/metadata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must_be(const struct sink *out, const uint8_t *bytes, size_t size)
{
    if (sink_state(out) != MR_OK || out->size != size || memcmp(out->at, bytes, size) != 0)
        abort();
}

/* Each command about each of the first members and rows, as if it had been decided just now. */
static void try_all_commands(struct metadata *m)
{
    for (uint32_t i = 0; i < 3 && i < m->partitions; i++)
        for (uint32_t k = 0; k < 3 && k < m->member_count; k++)
            for (enum command_kind kind = COMMAND_ADMIT; kind <= COMMAND_MOVE; kind++) {
                const struct row *r = &m->rows[i];
                struct command c = {.kind = kind,
                                    .member = m->members[k].incarnation,
                                    .partition = i,
                                    .epoch = r->epoch,
                                    .primary = r->primary};

                (void)!metadata_apply(m, &c);
                metadata_check(m);
                if (k >= m->member_count)
                    return;
            }
}

static void try_metadata(const uint8_t *bytes, size_t size)
{
    struct sink out = {.grows = true};
    struct metadata m;

    if (metadata_decode(&m, bytes, size) != MR_OK)
        return;
    metadata_check(&m);
    metadata_encode(&m, &out);
    must_be(&out, bytes, size);
    if (m.index < UINT64_MAX - 100 && size < 4000)
        try_all_commands(&m);
    sink_free(&out);
    metadata_free(&m);
}

/* A cluster of two. A byte says how many bytes the next command has. */
static void try_commands(const uint8_t *bytes, size_t size)
{
    struct metadata m;
    struct command c;

    if (metadata_init(&m, 4, 1) != MR_OK ||
        metadata_apply(&m, &(struct command){.kind = COMMAND_ADMIT, .member = 2}) != MR_OK)
        abort();
    while (size > 0 && bytes[0] < size) {
        size_t n = bytes[0];
        struct sink out = {.grows = true};

        if (command_decode(&c, bytes + 1, n) != MR_OK)
            break;
        command_encode(&c, &out);
        must_be(&out, bytes + 1, n);
        (void)!metadata_apply(&m, &c);
        metadata_check(&m);
        sink_free(&out);
        bytes += 1 + n;
        size -= 1 + n;
    }
    metadata_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    try_metadata(bytes, size);
    try_commands(bytes, size);
    return 0;
}
