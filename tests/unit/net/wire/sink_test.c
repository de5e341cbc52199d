#include "net/wire/sink.h"

#include "net/base/mem.h"
#include "tests/unit/net/wire/bytes.h"

static void some(struct sink *s)
{
    sink_put8(s, 0x01);
    sink_put16(s, 0x0203);
    sink_put32(s, 0x04050607);
    sink_put64(s, 0x08090a0b0c0d0e0f);
    sink_put(s, "ab", 2);
    sink_put(s, NULL, 0);
}

Test(sink, measures_when_it_has_no_room)
{
    struct sink s = {0};

    some(&s);
    cr_expect_eq(s.size, 17);
    cr_expect_eq(sink_state(&s), MR_ERR_TOO_LARGE);
}

Test(sink, writes_the_most_significant_byte_first)
{
    uint8_t room[17];
    struct sink s = {.at = room, .room = sizeof room};

    some(&s);
    cr_expect_eq(sink_state(&s), MR_OK);
    cr_expect_bytes(room, s.size, "01 0203 04050607 08090a0b0c0d0e0f 6162");
}

Test(sink, writes_nothing_beyond_its_room_and_goes_on_counting)
{
    uint8_t *room = malloc(6);
    struct sink s = {.at = room, .room = 6};

    some(&s);
    cr_expect_eq(s.size, 17);
    cr_expect_eq(sink_state(&s), MR_ERR_TOO_LARGE);
    cr_expect_bytes(room, 3, "01 0203");
    free(room);
}

Test(sink, grows_on_the_heap)
{
    struct sink s = {.grows = true};

    for (int i = 0; i < 1000; i++)
        some(&s);
    cr_assert_eq(sink_state(&s), MR_OK);
    cr_expect_eq(s.size, 17000);
    cr_expect_bytes(s.at + 16983, 17, "01 0203 04050607 08090a0b0c0d0e0f 6162");
    sink_free(&s);
    cr_expect_eq(s.size, 0);
}

Test(sink, does_not_grow_beyond_what_a_length_can_say)
{
    struct sink s = {.grows = true};

    cr_expect_null(sink_more(&s, (size_t)SINK_SIZE_MAX + 1));
    cr_expect_eq(sink_state(&s), MR_ERR_TOO_LARGE);
    sink_free(&s);
}

static void *no_alloc(size_t size, void *context)
{
    (void)size, (void)context;
    return NULL;
}

static void *no_realloc(void *p, size_t size, void *context)
{
    (void)p, (void)size, (void)context;
    return NULL;
}

static void drop(void *p, void *context)
{
    (void)context;
    free(p);
}

Test(sink, says_when_memory_ran_out)
{
    struct mem_hooks none = {no_alloc, no_realloc, drop, NULL, NULL};
    struct sink s = {.grows = true};

    some(&s);
    mem_hooks_set(&none);
    cr_expect_null(sink_more(&s, 1000));
    mem_hooks_set(NULL);
    some(&s);
    cr_expect_eq(sink_state(&s), MR_ERR_MEMORY, "and stays so");
    sink_free(&s);
}
