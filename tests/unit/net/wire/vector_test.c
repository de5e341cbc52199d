/* The reference clients' own serialisation vectors: whatever they write comes back as it came,
 * and what we know the kind of can be opened and written anew. The file is not ours to ship:
 * MILLRACE_VECTORS names the folder it lies in. */
#include <stdio.h>

#include "net/wire/bigend.h"
#include "net/wire/scalar.h"
#include "tests/unit/net/wire/bytes.h"

#define FILE_NAME "1.serialization.compatibility.binary"

static uint8_t *load(size_t *ret_size)
{
    const char *folder = getenv("MILLRACE_VECTORS");
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/" FILE_NAME,
             folder ? folder : "../shared/hazelcast-protocol/vectors");
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

/* One entry: a 16-bit length and a name, a 32-bit size (-1 null) and Data. */
struct entry {
    char name[128];
    const uint8_t *data;
    uint32_t size;
};

static const uint8_t *next(const uint8_t *at, const uint8_t *end, struct entry *e)
{
    uint32_t length = get_be16(at);
    uint32_t size = get_be32(at + 2 + length);

    snprintf(e->name, sizeof e->name, "%.*s", (int)length, (const char *)at + 2);
    e->size = size == UINT32_MAX ? 0 : size;
    e->data = at + 6 + length;
    cr_assert(e->data + e->size <= end, "%s", e->name);
    return e->data + e->size;
}

/* Returns whether it is of a kind that scalar_read opens. */
static bool opened(const struct entry *e)
{
    static uint8_t room[8192], out[8192];
    struct sink sink = {.at = room, .room = sizeof room};
    struct scalar v;
    struct data d, again;

    cr_assert_eq(data_read(e->data, e->size, &d), MR_OK, "%s", e->name);
    if (d.kind != DATA_NULL) {
        cr_assert_eq(data_wire_size(&d), e->size, "%s", e->name);
        data_write(&d, out);
        cr_expect(memcmp(out, e->data, e->size) == 0, "%s", e->name);
    }
    if (strstr(e->name, "LITTLE_ENDIAN"))
        return false; /* payloads of another order are stored, not opened */

    mr_rc_t rc = scalar_read(&d, &v);
    if (rc == MR_ERR_TYPE)
        return false;
    cr_assert_eq(rc, MR_OK, "%s", e->name);
    cr_assert_eq(scalar_write(&v, &sink, &again), MR_OK, "%s", e->name);
    cr_expect(data_equal(&d, &again), "%s", e->name);
    return true;
}

Test(vectors, come_back_as_they_came)
{
    size_t size;
    uint8_t *all = load(&size);
    int entries = 0, known = 0;
    struct entry e;

    for (const uint8_t *at = all; at < all + size; entries++) {
        at = next(at, all + size, &e);
        known += opened(&e);
    }
    cr_expect_gt(entries, 100);
    cr_expect_eq(known, 27, "null, 17 scalars, 9 arrays; opened %d", known);
    free(all);
}
