/* hot_test.c - get, put and set give byte for byte what the ordinary way gives, however odd they
 * are. */
#define _GNU_SOURCE
#include "grid/door/hot.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "grid/door/dispatch.h"
#include "net/base/rand.h"
#include "tests/door.h"

enum { MESSAGES_MAX = 4000 };

/* Messages one behind the other, each with its size in front. */
static struct sink messages;
static uint32_t count;
static int64_t correlation;

static void set_up(void)
{
    messages = (struct sink){.grows = true};
    count = 0;
    correlation = 0;
}

static void tear_down(void)
{
    sink_free(&messages);
}

TestSuite(hot, .init = set_up, .fini = tear_down, .timeout = 120);

static void add_bytes(const void *bytes, size_t size)
{
    const uint64_t length = size;

    sink_put(&messages, &length, sizeof length);
    sink_put(&messages, bytes, size);
    count++;
}

static void add(enum wire_id id, const void *q)
{
    struct sink out = {.grows = true};

    wire_encode(id, &(struct wire_head){.correlation = ++correlation, .partition = 3}, q, &out);
    add_bytes(out.at, out.size);
    sink_free(&out);
}

static void add_get(const char *map, struct data key)
{
    add(WIRE_map_get_req, &(struct map_get_req){.name = wire_text(map), .key = key});
}

static void add_set(const char *map, struct data key, struct data value, int64_t ttl)
{
    add(WIRE_map_set_req,
        &(struct map_set_req){.ttl = ttl, .name = wire_text(map), .key = key, .value = value});
}

static void add_put(const char *map, struct data key, struct data value, int64_t ttl)
{
    add(WIRE_map_put_req,
        &(struct map_put_req){.ttl = ttl, .name = wire_text(map), .key = key, .value = value});
}

/* ---- both ways ------------------------------------------------------------------------------ */

static struct session *session_here(void)
{
    return list_owner(world.member.door.loops[0].sessions.next, struct session, node);
}

/* All in one piece, so that those that may are answered together. */
static void send_together(struct peer *p)
{
    struct sink all = {.grows = true};

    for (size_t at = 0; at < messages.size;) {
        uint64_t size;

        memcpy(&size, messages.at + at, sizeof size);
        sink_put(&all, messages.at + at + sizeof size, size);
        at += sizeof size + size;
    }
    conn_send(&p->conn, all.at, all.size);
    sink_free(&all);
}

static void dispatch_each(void)
{
    for (size_t at = 0; at < messages.size;) {
        uint64_t size;

        memcpy(&size, messages.at + at, sizeof size);
        dispatch(session_here(), messages.at + at + sizeof size, size);
        at += sizeof size + size;
    }
}

/* What the member has come to. */
struct outcome {
    struct sink answers;
    uint64_t hits, used;
};

/* Of a new member, the hot way or the ordinary one. */
static struct outcome run(bool hot)
{
    struct outcome o = {0};
    struct peer p;

    world_open("limits.value-size", "4096", "memory.max", "2MiB", NULL);
    peer_login(&p);
    if (hot)
        send_together(&p);
    else
        dispatch_each();
    world_run();
    o.answers = p.got;
    p.got = (struct sink){.grows = true};
    cr_assert(eq(u32, (uint32_t)p.count, count));
    cr_assert(p.alive);
    struct map *map = maps_first(&world.member.maps);

    o.hits = map ? counter_value(map->counts[COUNT_HITS]) : 0;
    cr_assert(partitions_reclaim(&world.member.partitions) == 0);
    o.used = partitions_memory(&world.member.partitions).used;
    peer_leave(&p);
    world_close();
    return o;
}

static void expect_both_ways_alike(void)
{
    struct outcome hot = run(true), ordinary = run(false);

    cr_assert(eq(sz, hot.answers.size, ordinary.answers.size));
    for (size_t i = 0; i < hot.answers.size; i++)
        cr_assert(eq(u8, hot.answers.at[i], ordinary.answers.at[i]), "byte %zu", i);
    cr_assert(eq(u64, hot.hits, ordinary.hits), "and they are counted");
    cr_assert(eq(u64, hot.used, ordinary.used), "and no block is lost");
    sink_free(&hot.answers);
    sink_free(&ordinary.answers);
}

/* ---- plain ---------------------------------------------------------------------------------- */

Test(hot, answers_plain_messages_as_the_ordinary_way_does)
{
    char key[8];

    add_set("m", text_data("first"), text_data("1"), -1); /* the map is known from here on */
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "k%d", i % 40);
        add_get("m", text_data(key));
        if (i % 3 == 0)
            add_put("m", text_data(key), text_data("value"), -1);
        if (i % 7 == 0)
            add_set("m", text_data(key), text_data("other"), 100000);
        if (i % 11 == 0)
            add(WIRE_map_size_req, &(struct map_size_req){.name = wire_text("m")});
        if (i % 13 == 0)
            add_get("n", text_data(key));
    }
    expect_both_ways_alike();
}

Test(hot, answers_odd_values_as_the_ordinary_way_does)
{
    static char large[5000];
    const int64_t ttls[] = {-1, -2, 0, 1, INT64_MAX, INT64_MIN, 86400000};
    struct data too_large = {(const uint8_t *)large, sizeof large, DATA_STRING};
    char name[300];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    add_set("m", text_data("first"), text_data("1"), -1);
    for (int i = 0; i < 7; i++) {
        add_put("m", text_data("a"), text_data("1"), ttls[i]);
        add_set("m", text_data("b"), text_data("2"), ttls[i]);
        add_get("m", text_data("a"));
        add_get("m", text_data("b"));
    }
    add_set("m", text_data("c"), too_large, -1);
    add_put("m", text_data("c"), too_large, -1);
    add_get("m", text_data("c"));
    add_get("m", text_data(""));
    add_get("", text_data("a"));
    add_get(name, text_data("a"));
    expect_both_ways_alike();
}

/* Filled until it refuses; then there is room for a dozen values, and a batch is of thirty-two. */
Test(hot, goes_on_at_the_ceiling_as_the_ordinary_way_does)
{
    enum { KEYS = 2200, GIVEN_UP = 12, OVERWRITTEN = 500 };
    static char bytes[1000];
    struct data value = {(const uint8_t *)bytes, sizeof bytes, DATA_STRING};
    char key[16];

    add_set("m", text_data("first"), text_data("1"), -1);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "k%d", i);
        add_set("m", text_data(key), value, -1);
    }
    for (int i = 0; i < GIVEN_UP; i++) {
        snprintf(key, sizeof key, "k%d", i);
        add(WIRE_map_remove_req,
            &(struct map_remove_req){.name = wire_text("m"), .key = text_data(key)});
    }
    for (int i = 0; i < OVERWRITTEN; i++) {
        snprintf(key, sizeof key, "k%d", GIVEN_UP + i);
        add_put("m", text_data(key), value, -1);
    }
    expect_both_ways_alike();
}

Test(hot, waits_for_a_lock_as_the_ordinary_way_does)
{
    add_set("m", text_data("a"), text_data("1"), -1);
    add(WIRE_map_lock_req, &(struct map_lock_req){.thread_id = 5,
                                                  .ttl = 3,
                                                  .reference_id = 1,
                                                  .name = wire_text("m"),
                                                  .key = text_data("a")});
    add_put("m", text_data("a"), text_data("2"), -1); /* of thread 0: when the lease ends */
    expect_both_ways_alike();
}

/* ---- odd ------------------------------------------------------------------------------------ */

/* Changes what is inside the frames, and flags, but not where frames and the message end, nor
 * what it asks. */
static void twist(struct rand *r, uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint32_t length;

        memcpy(&length, bytes + at, sizeof length);
        if (rand_below(r, 8) == 0)
            bytes[at + 4 + rand_below(r, 2)] ^= (uint8_t)(1 << rand_below(r, 5));
        size_t from = at == 0 ? FRAME_HEADER + 12 : FRAME_HEADER;

        if (length > from && rand_below(r, 4) == 0)
            bytes[at + from + rand_below(r, length - from)] ^= (uint8_t)(1 << rand_below(r, 8));
        at += length;
    }
    if (at > 0)
        bytes[5] |= FRAME_UNFRAGMENTED >> 8;
}

Test(hot, answers_twisted_messages_as_the_ordinary_way_does)
{
    struct sink plain;
    struct rand r;

    add_get("m", text_data("a"));
    add_set("m", text_data("a"), text_data("1"), -1);
    add_put("m", text_data("a"), text_data("2"), -1);
    plain = messages;
    rand_init(&r, 23);
    for (int round = 0; round < 10; round++) {
        set_up();
        add_set("m", text_data("first"), text_data("1"), -1);
        for (int i = 0; i < 300; i++)
            for (size_t at = 0; at < plain.size;) {
                uint64_t size;
                uint8_t bytes[256];

                memcpy(&size, plain.at + at, sizeof size);
                memcpy(bytes, plain.at + at + sizeof size, size);
                twist(&r, bytes, size);
                add_bytes(bytes, size);
                at += sizeof size + size;
            }
        expect_both_ways_alike();
        tear_down();
    }
    messages = plain;
}

/* Frames that a newer protocol may add. */
Test(hot, skips_what_a_newer_protocol_adds_as_the_ordinary_way_does)
{
    static const uint8_t more[] = {8, 0, 0, 0, 0, 0x20, 1, 2};
    struct sink plain;
    size_t at = 0;

    add_set("m", text_data("a"), text_data("1"), -1);
    add_get("m", text_data("a"));
    add_put("m", text_data("a"), text_data("2"), -1);
    plain = messages;
    set_up();
    while (at < plain.size) {
        uint64_t size;
        uint8_t bytes[256];
        size_t last = 0;

        memcpy(&size, plain.at + at, sizeof size);
        memcpy(bytes, plain.at + at + sizeof size, size);
        add_bytes(bytes, size);
        for (size_t next = 0; next < size; next += bytes[next])
            last = next;
        bytes[last + 5] &= (uint8_t) ~(FRAME_FINAL >> 8);
        memcpy(bytes + size, more, sizeof more);
        add_bytes(bytes, size + sizeof more);
        at += sizeof size + size;
    }
    expect_both_ways_alike();
    sink_free(&plain);
}
