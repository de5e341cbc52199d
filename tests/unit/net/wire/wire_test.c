#include "net/wire/wire.h"

#include "tests/unit/net/wire/bytes.h"

#define PING_REQUEST "1600000000e0 000b0000 0500000000000000 ffffffff"

#define PUT_REQUEST                                                                                \
    "2600000000c0 00010100 0700000000000000 15000000 0100000000000000 ffffffffffffffff"            \
    "070000000000 6d | 140000000000 00000000fffffff5000000026b31 |"                                \
    "120000000020 00000000fffffff900000007"

/* Authentication as clients of the first protocol version send it. */
#define AUTHENTICATION                                                                             \
    "2800000000c0 00010000 0100000000000000 ffffffff 00 7766554433221100 ffeeddccbbaa9988 01"      \
    "090000000000 646576 | 060000000004 | 060000000004 | 090000000000 58595a |"                    \
    "0b0000000000 352e352e30 | 080000000000 6330 |"                                                \
    "060000000010 | 070000000000 61 | 060000000028"

#define PARTITIONS_VIEW                                                                            \
    "1a00000000c2 03030000 0200000000000000 ffffffff 01000000 |"                                   \
    "060000000010 | 0e0000000000 0000000002000000 | 0a0000000000 01000000 | 060000000008 |"        \
    "280000000020 00 0100000000000000 0200000000000000 00 0300000000000000 0400000000000000"

static mr_rc_t decode(enum wire_id id, const char *hex, void *msg, uint8_t **ret_bytes,
                      const char **ret_field)
{
    uint32_t size;

    *ret_bytes = bytes_of(hex, &size);
    return wire_decode(id, *ret_bytes, size, msg, ret_field);
}

static void comes_back(enum wire_id id, const char *hex)
{
    struct sink out = {.grows = true};
    union wire_message msg;
    struct wire_head head;
    const char *field;
    uint32_t size;
    uint8_t *bytes = bytes_of(hex, &size);

    cr_assert_eq(wire_read_head(bytes, size, &head), MR_OK);
    cr_assert_eq(head.type, wire_type(id));
    cr_assert_eq(wire_decode(id, bytes, size, &msg, &field), MR_OK, "%s", field);
    wire_encode(id, &head, &msg, &out);
    cr_expect_bytes(out.at, out.size, hex);
    sink_free(&out);
    free(bytes);
}

Test(wire, a_head_says_who_asks_what_and_where)
{
    uint32_t size;
    uint8_t *bytes = bytes_of(PUT_REQUEST, &size);
    struct wire_head head;

    cr_assert_eq(wire_read_head(bytes, size, &head), MR_OK);
    cr_expect_eq(head.type, 0x010100);
    cr_expect_eq(head.correlation, 7);
    cr_expect_eq(head.partition, 21);
    free(bytes);
}

Test(wire, a_put_gives_its_parameters)
{
    struct map_put_req q;
    const char *field;
    uint8_t *bytes;

    cr_assert_eq(decode(WIRE_map_put_req, PUT_REQUEST, &q, &bytes, &field), MR_OK);
    cr_expect_eq(q.thread_id, 1);
    cr_expect_eq(q.ttl, -1);
    cr_expect_bytes(q.name.at, q.name.size, "6d");
    cr_expect_eq(q.key.kind, DATA_STRING);
    cr_expect_bytes(q.key.at, q.key.size, "6b31");
    cr_expect_eq(q.value.kind, DATA_INT);
    free(bytes);
}

Test(wire, what_is_decoded_is_encoded_as_it_was)
{
    comes_back(WIRE_client_ping_req, PING_REQUEST);
    comes_back(WIRE_map_put_req, PUT_REQUEST);
    comes_back(WIRE_map_put_rsp, "1300000000c0 01010100 0700000000000000 01 | 060000000024");
    comes_back(WIRE_client_partitions_view_event, PARTITIONS_VIEW);
}

Test(wire, parameters_of_a_later_version_may_be_missing)
{
    struct client_authentication_req q;
    const char *field;
    uint8_t *bytes;

    cr_assert_eq(decode(WIRE_client_authentication_req, AUTHENTICATION, &q, &bytes, &field), MR_OK,
                 "%s", field);
    cr_expect_eq(q.routing_mode, 0);
    cr_expect_eq(q.uuid.high, 0x0011223344556677);
    cr_expect_null(q.username.at);
    cr_expect_bytes(q.cluster_name.at, q.cluster_name.size, "646576");
    cr_expect_eq(q.labels.count, 1);

    struct wire_bytes label;

    cr_assert(wire_next(&q.labels, WIRE_strs, &label, NULL));
    cr_expect_bytes(label.at, label.size, "61");
    cr_expect_not(wire_next(&q.labels, WIRE_strs, &label, NULL));
    free(bytes);
}

Test(wire, a_missing_nested_type_of_a_later_version_is_null)
{
    struct map_add_index_req q;
    const char *field;
    uint8_t *bytes;

    cr_assert_eq(decode(WIRE_map_add_index_req,
                        "1600000000c0 00290100 0700000000000000 ffffffff | 070000000000 6d |"
                        "060000000010 | 0a0000000000 01000000 | 060000000004 |"
                        "060000000010 | 070000000000 61 | 060000000008 | 060000000004 |"
                        "060000000028",
                        &q, &bytes, &field),
                 MR_OK, "%s", field);
    cr_expect_eq(q.index_config.type, 1);
    cr_expect(q.index_config.bitmap_index_options.null);
    cr_expect(q.index_config.b_tree_index_config.null);
    free(bytes);
}

Test(wire, what_a_newer_protocol_adds_is_skipped)
{
    struct map_size_req q;
    const char *field;
    uint8_t *bytes;

    /* four more bytes of fixed size, a text, and a structure in a structure */
    cr_assert_eq(decode(WIRE_map_size_req,
                        "1a00000000c0 002a0100 0700000000000000 ffffffff 01020304 |"
                        "070000000000 6d | 070000000000 7a |"
                        "060000000010 | 060000000010 | 060000000008 | 060000000028",
                        &q, &bytes, &field),
                 MR_OK, "%s", field);
    cr_expect_bytes(q.name.at, q.name.size, "6d");
    free(bytes);
}

Test(wire, an_owner_table_with_too_few_owners_is_refused)
{
    struct client_partitions_view_event e;
    const char *field;
    uint8_t *bytes;

    cr_expect_eq(decode(WIRE_client_partitions_view_event,
                        "1a00000000c2 03030000 0200000000000000 ffffffff 01000000 |"
                        "060000000010 | 0a0000000000 01000000 | 060000000008 | 060000000020",
                        &e, &bytes, &field),
                 MR_ERR_MALFORMED);
    cr_expect_str_eq(field, "partitions");
    free(bytes);
}

struct bad {
    const char *what, *field, *hex;
};

#define MAP_SIZE_HEAD "1600000000c0 002a0100 0700000000000000 ffffffff |"

Test(wire, what_is_wrong_is_named)
{
    static const struct bad bads[] = {
        {"no frame at all", "header", ""},
        {"a frame shorter than its header", "name", MAP_SIZE_HEAD "05000000002000"},
        {"a frame longer than the message", "name", MAP_SIZE_HEAD "080000000020 6d"},
        {"a negative length", "name", MAP_SIZE_HEAD "ffffffff0020 6d"},
        {"null where a text must be", "name", MAP_SIZE_HEAD "060000000024"},
        {"a list where a text must be", "name", MAP_SIZE_HEAD "060000000010 060000000028"},
        {"no parameter", "name", "1600000000e0 002a0100 0700000000000000 ffffffff"},
    };

    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        struct map_size_req q;
        const char *field;
        uint8_t *bytes;

        cr_expect_eq(decode(WIRE_map_size_req, bads[i].hex, &q, &bytes, &field), MR_ERR_MALFORMED,
                     "%s", bads[i].what);
        cr_expect_str_eq(field, bads[i].field, "%s: %s", bads[i].what, field);
        free(bytes);
    }
}

/* A Data has a type for null; where no null may be, it is none either. */
Test(wire, a_data_that_says_it_is_null_is_null)
{
    static const char request[] = "1e00000000c0 00020100 0100000000000000 ffffffff 0000000000000000"
                                  "070000000000 6d 0e0000000020 00000000 00000000";
    struct map_get_req q;
    const char *field;
    uint8_t *bytes;

    cr_assert_eq(decode(WIRE_map_get_req, request, &q, &bytes, &field), MR_ERR_MALFORMED);
    cr_assert_str_eq(field, "key");
    free(bytes);
}

/* Each message cut after each of its bytes: whatever comes of it, nothing behind is read, which a
 * sanitizer watches. */
Test(wire, a_message_cut_anywhere_is_no_harm)
{
    static const struct {
        enum wire_id id;
        const char *hex;
    } messages[] = {
        {WIRE_map_put_req, PUT_REQUEST},
        {WIRE_client_authentication_req, AUTHENTICATION},
        {WIRE_client_partitions_view_event, PARTITIONS_VIEW},
    };

    for (size_t m = 0; m < sizeof messages / sizeof messages[0]; m++) {
        uint32_t size;
        uint8_t *whole = bytes_of(messages[m].hex, &size);

        for (uint32_t n = 0; n < size; n++) {
            uint8_t *cut = bytes_cut(whole, n);
            union wire_message msg;
            struct wire_head head;
            const char *field;

            (void)!wire_read_head(cut, n, &head);
            cr_expect_eq(wire_decode(messages[m].id, cut, n, &msg, &field), MR_ERR_MALFORMED,
                         "%u of %u", n, size);
            free(cut);
        }
        free(whole);
    }
}

Test(wire, a_list_is_written_item_by_item)
{
    struct sink items = {.grows = true}, out = {.grows = true};
    uint8_t one[] = {0, 0, 0, 1};
    const struct data value = {one, sizeof one, DATA_INT};
    const struct wire_head head = {.correlation = 5};

    wire_put(&items, WIRE_data, &value);
    wire_put(&items, WIRE_data, &value);
    wire_encode(WIRE_map_values_rsp, &head,
                &(struct map_values_rsp){.response = wire_list_of(&items, 2)}, &out);

    struct map_values_rsp back;
    const char *field;
    struct data d;

    cr_assert_eq(wire_decode(WIRE_map_values_rsp, out.at, out.size, &back, &field), MR_OK);
    cr_expect_eq(back.response.count, 2);
    while (wire_next(&back.response, WIRE_datas, &d, NULL))
        cr_expect(data_equal(&d, &value));
    sink_free(&items);
    sink_free(&out);
}

Test(wire, an_empty_list_is_not_null)
{
    struct sink items = {.grows = true}, out = {.grows = true};
    const struct wire_head head = {.correlation = 5};

    wire_encode(WIRE_map_values_rsp, &head,
                &(struct map_values_rsp){.response = wire_list_of(&items, 0)}, &out);
    cr_expect_bytes(out.at, out.size,
                    "1300000000c0 01240100 0500000000000000 00 | 060000000010 | 060000000028");
    sink_free(&out);
}

Test(wire, an_error_carries_code_class_and_words)
{
    struct sink out = {.grows = true};
    const struct wire_error e = {61, wire_text("java.lang.UnsupportedOperationException"),
                                 wire_text("no")};
    struct wire_error back;
    struct wire_head head;

    wire_put_error(9, &e, &out);
    cr_assert_eq(wire_read_head(out.at, out.size, &head), MR_OK);
    cr_expect_eq(head.type, WIRE_ERROR);
    cr_expect_eq(head.correlation, 9);
    cr_assert_eq(wire_read_error(out.at, out.size, &back), MR_OK);
    cr_expect_eq(back.code, 61);
    cr_expect_bytes(back.message.at, back.message.size, "6e6f");
    cr_expect(out.at[out.size - 1] & FRAME_FINAL >> 8);
    for (uint32_t n = 0; n < 60; n++) {
        uint8_t *cut = bytes_cut(out.at, n);

        cr_expect_eq(wire_read_error(cut, n, &back), MR_ERR_MALFORMED, "%u", n);
        free(cut);
    }
    sink_free(&out);
}

/* ---- between members ------------------------------------------------------------------------ */

Test(wire, messages_of_members_come_back)
{
    const wire_raft_entry e = {.term = 3, .kind = 1, .bytes = wire_text("set")};
    struct sink items = {.grows = true}, out = {.grows = true};
    struct raft_append m = {
        .term = 4, .previous_index = 7, .previous_term = 3, .commit = 6, .stamp = 1000};
    struct raft_append got;
    wire_raft_entry first, second;
    struct wire_head head;
    const char *field;

    wire_put(&items, WIRE_raft_entry, &e);
    wire_put(&items, WIRE_raft_entry, &e);
    m.entries = wire_list_of(&items, 2);
    wire_encode(WIRE_raft_append, &(struct wire_head){.correlation = 9}, &m, &out);
    cr_assert_eq(sink_state(&out), MR_OK);
    cr_assert_eq(wire_read_head(out.at, out.size, &head), MR_OK);
    cr_assert_eq(wire_find(head.type), WIRE_raft_append);
    cr_assert_eq(wire_decode(WIRE_raft_append, out.at, out.size, &got, &field), MR_OK);
    cr_expect(got.term == 4 && got.previous_index == 7 && got.previous_term == 3);
    cr_expect(got.commit == 6 && got.stamp == 1000 && got.entries.count == 2);
    cr_expect(wire_next(&got.entries, WIRE_raft_entries, &first, NULL));
    cr_expect(wire_next(&got.entries, WIRE_raft_entries, &second, NULL));
    cr_expect(!wire_next(&got.entries, WIRE_raft_entries, &second, NULL));
    cr_expect(first.term == 3 && first.kind == 1 && memcmp(first.bytes.at, "set", 3) == 0);
    sink_free(&items);
    sink_free(&out);
}

/* A door looks a type up by its row; it must never be one of a client's. */
Test(wire, messages_of_members_have_types_of_their_own)
{
    for (int id = 0; id < WIRE_COUNT; id++)
        cr_expect((wire_type((enum wire_id)id) >> 16 == 0xf0) == (id > WIRE_CLIENT_LAST), "%s",
                  wire_name((enum wire_id)id));
}
