#include "net/wire/data.h"

#include "tests/unit/net/wire/bytes.h"

/* Data bytes, the kind and payload they are kept as, and the partition of 271 that every client
 * computes. */
static const struct {
    const char *hex;
    uint8_t kind;
    uint32_t size;
    int32_t hash;
    uint32_t partition;
} known[] = {
    {"00000000 fffffff9 00000001", DATA_INT, 4, 768969306, 31},
    {"00000000 fffffff8 0000000000000001", DATA_LONG, 8, 1824103549, 110},
    {"00000000 fffffff6 3ff0000000000000", DATA_DOUBLE, 8, -302536677, 136},
    {"00000000 fffffff5 00000002 6b31", DATA_STRING, 2, 1192665601, 21},
    {"00000000 fffffff5 00000000", DATA_STRING, 0, 923237662, 11},
    {"00000000 fffffff5 00000009 68617a656c63617374", DATA_STRING, 9, 428885910, 226},
    {"00000000 fffffff5 00000005 c3bc6ec3af", DATA_STRING, 5, -324803847, 49},
    {"00000000 fffffffc 01", DATA_BOOL, 1, 535970202, 223},
};

Test(data, hashes_and_places_a_key_as_every_client_does)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct data d;
        uint32_t size;
        uint8_t *bytes = bytes_of(known[i].hex, &size);

        cr_assert_eq(data_read(bytes, size, &d), MR_OK);
        cr_expect_eq(d.kind, known[i].kind);
        cr_expect_eq(d.size, known[i].size);
        cr_expect_eq((int32_t)data_partition_hash(&d), known[i].hash, "%s", known[i].hex);
        cr_expect_eq(data_partition(&d, 271), known[i].partition, "%s", known[i].hex);
        free(bytes);
    }
}

/* Each comes back as it came, whatever it is. */
static const char *const round_trips[] = {
    "00000000 ffffff7e 00000007 7b2261223a317d", /* JSON {"a":1} */
    "00000000 fffffff4 00000000",                /* byte[0] */
    "00000000 fffffff3 00000002 0100",           /* boolean[] */
    "00000000 fffffff5 00000009 6b31",           /* a count that contradicts its payload */
    "00000000 fffffff5 6b",                      /* no room for a count */
    "0000002a fffffff5 00000002 6b31",           /* partition hash set */
    "00000000 00000007 aabb",                    /* a user's serializer */
    "00000000 ffffff9c aced",                    /* Java's own */
    "00000000 ffffffc8 00",                      /* Compact with its schema inline */
    "7fffffff 80000000",                         /* the least type id */
};

Test(data, comes_back_as_it_came)
{
    for (size_t i = 0; i < sizeof round_trips / sizeof round_trips[0]; i++) {
        struct data d;
        uint32_t size;
        uint8_t out[64];
        uint8_t *bytes = bytes_of(round_trips[i], &size);

        cr_assert_eq(data_read(bytes, size, &d), MR_OK);
        cr_assert_eq(data_wire_size(&d), size, "%s", round_trips[i]);
        data_write(&d, out);
        cr_expect(memcmp(out, bytes, size) == 0, "%s", round_trips[i]);
        free(bytes);
    }
}

Test(data, is_null_when_there_is_none_and_when_its_type_is_null)
{
    uint32_t size;
    uint8_t *bytes = bytes_of("00000000 00000000", &size);
    struct data d;

    cr_assert_eq(data_read(bytes, 0, &d), MR_OK);
    cr_expect_eq(d.kind, DATA_NULL);
    cr_assert_eq(data_read(bytes, size, &d), MR_OK);
    cr_expect_eq(d.kind, DATA_NULL);
    free(bytes);
}

Test(data, refuses_bytes_without_a_whole_header)
{
    uint32_t size;
    uint8_t *bytes = bytes_of("00000000 fffffff9", &size);
    struct data d;

    for (uint32_t cut = 1; cut < size; cut++) {
        uint8_t *part = bytes_cut(bytes, cut);

        cr_expect_eq(data_read(part, cut, &d), MR_ERR_MALFORMED);
        free(part);
    }
    free(bytes);
}

Test(data, takes_the_partition_hash_that_a_key_brings_along)
{
    uint32_t size;
    uint8_t *bytes = bytes_of("80000000 fffffff5 00000002 6b31", &size);
    struct data d;

    cr_assert_eq(data_read(bytes, size, &d), MR_OK);
    cr_expect_eq(data_partition_hash(&d), 0x80000000u);
    cr_expect_eq(data_partition(&d, 271), 0, "the one hash without a positive twin");
    free(bytes);
}
