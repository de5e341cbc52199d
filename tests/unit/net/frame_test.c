/* frame_test.c - messages come out of a stream as they went in, however it was cut. */
#include "net/frame.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/base/rand.h"
#include "net/wire/wire.h"
#include "tests/unit/scarce.h"

enum { LIMIT = 4096, ROOM = 64 * 1024, MANY = 64 };

/* ---- a stream being written ----------------------------------------------------------------- */

static uint8_t stream[ROOM];
static size_t stream_size;

static void add_header(uint32_t length, uint16_t flags)
{
    uint8_t *at = stream + stream_size;

    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(length >> 8 * i);
    at[4] = (uint8_t)flags;
    at[5] = (uint8_t)(flags >> 8);
    stream_size += FRAME_HEADER;
}

/* A frame with `size` bytes that say `mark`. */
static void add_frame(uint16_t flags, uint8_t mark, size_t size)
{
    add_header((uint32_t)(FRAME_HEADER + size), flags);
    memset(stream + stream_size, mark, size);
    stream_size += size;
}

static void add_message(uint8_t mark, size_t size)
{
    add_frame(FRAME_UNFRAGMENTED, mark, 16);
    add_frame(FRAME_FINAL, mark, size);
}

/* The head of a fragment. */
static void add_fragment(uint16_t flags, uint64_t id)
{
    add_header(FRAME_HEADER + sizeof id, flags);
    memcpy(stream + stream_size, &id, sizeof id);
    stream_size += sizeof id;
}

/* ---- what comes out ------------------------------------------------------------------------- */

struct seen {
    int count, ends;
    size_t sizes[MANY];
    uint8_t marks[MANY];
    uint8_t last[ROOM];
    int take; /* messages until it has enough for now; -1: never */
};

static bool note(void *context, const uint8_t *bytes, size_t size)
{
    struct seen *s = context;

    if (!bytes) {
        s->ends++;
        return true;
    }
    cr_assert(lt(int, s->count, MANY));
    cr_assert(ne(int, s->take, 0), "it has said that it has enough");
    s->marks[s->count] = bytes[FRAME_HEADER];
    s->sizes[s->count++] = size;
    memcpy(s->last, bytes, size);
    if (s->take > 0)
        s->take--;
    return s->take != 0;
}

static struct frames frames;
static struct seen seen;

static void set_up(void)
{
    frames_init(&frames, LIMIT);
    seen = (struct seen){.take = -1};
    stream_size = 0;
}

static void tear_down(void)
{
    frames_free(&frames);
}

/* Feeds a copy that ends where it ends, so that a sanitizer sees a byte read beyond it. */
static mr_rc_t feed(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (size > 0)
        memcpy(copy, bytes, size);
    mr_rc_t rc = frames_feed(&frames, copy, size, note, &seen);

    free(copy);
    return rc;
}

static mr_rc_t feed_all(void)
{
    return feed(stream, stream_size);
}

/* In pieces of this size. */
static void feed_in_pieces(size_t piece)
{
    for (size_t at = 0; at < stream_size; at += piece) {
        size_t size = stream_size - at < piece ? stream_size - at : piece;

        cr_assert(eq(int, feed(stream + at, size), MR_OK));
    }
}

static void expect(const char *marks)
{
    cr_assert(eq(int, seen.count, (int)strlen(marks)), "pieces or not: %s", marks);
    for (int i = 0; i < seen.count; i++)
        cr_expect(eq(chr, (char)seen.marks[i], marks[i]));
}

TestSuite(frames, .init = set_up, .fini = tear_down);

/* ---- whole messages ------------------------------------------------------------------------- */

Test(frames, come_out_whole_wherever_the_stream_is_cut)
{
    add_message('a', 10);
    add_message('b', 0);
    add_frame(FRAME_UNFRAGMENTED | FRAME_FINAL, 'c', 16);
    add_message('d', 700);
    for (size_t piece = 1; piece <= stream_size; piece++) {
        seen = (struct seen){.take = -1};
        feed_in_pieces(piece);
        expect("abcd");
        cr_assert(eq(sz, seen.sizes[3], (size_t)(FRAME_HEADER * 2 + 16 + 700)));
        cr_assert(eq(sz, frames.size, 0), "nothing is kept between messages");
        cr_assert(eq(sz, frames.room, 0));
    }
}

Test(frames, come_out_whole_wherever_one_cut_is)
{
    add_message('a', 10);
    add_message('b', 30);
    for (size_t cut = 0; cut <= stream_size; cut++) {
        seen = (struct seen){.take = -1};
        cr_assert(eq(int, feed(stream, cut), MR_OK));
        cr_assert(eq(int, feed(stream + cut, stream_size - cut), MR_OK));
        expect("ab");
    }
}

Test(frames, tell_the_taker_when_a_piece_is_through)
{
    add_message('a', 10);
    add_message('b', 10);
    cr_assert(eq(int, feed_all(), MR_OK));
    cr_assert(eq(int, seen.ends, 1));
}

Test(frames, keep_what_the_taker_has_no_time_for_and_go_on_with_it)
{
    for (char mark = 'a'; mark <= 'f'; mark++)
        add_message((uint8_t)mark, 10);
    seen.take = 2;
    cr_assert(eq(int, feed(stream, stream_size - 3), MR_OK));
    expect("ab");
    seen.take = 1;
    cr_assert(eq(int, feed(NULL, 0), MR_OK));
    expect("abc");
    seen.take = -1;
    cr_assert(eq(int, feed(NULL, 0), MR_OK));
    expect("abcde");
    cr_assert(eq(int, feed(stream + stream_size - 3, 3), MR_OK));
    expect("abcdef");
    cr_assert(eq(sz, frames.size, 0));
}

/* ---- what is refused ------------------------------------------------------------------------ */

Test(frames, take_a_message_of_the_limit_and_none_that_is_larger)
{
    add_message('a', LIMIT - 16 - 2 * FRAME_HEADER);
    feed_in_pieces(100);
    expect("a");
    stream_size = 0;
    add_message('b', LIMIT - 16 - 2 * FRAME_HEADER + 1);
    cr_assert(eq(int, feed_all(), MR_ERR_TOO_LARGE));
    expect("a");
}

Test(frames, refuse_a_length_before_its_bytes_have_come)
{
    const uint32_t lengths[] = {LIMIT + 1, INT32_MAX, 0x80000000, UINT32_MAX};

    for (int i = 0; i < 4; i++) {
        tear_down();
        set_up();
        add_header(lengths[i], FRAME_UNFRAGMENTED);
        cr_assert(eq(int, feed_all(), MR_ERR_TOO_LARGE), "%u", lengths[i]);
        cr_assert(eq(sz, frames.room, 0), "nothing was kept for it");
    }
}

Test(frames, count_all_frames_of_a_message_to_its_limit)
{
    mr_rc_t rc = MR_OK;

    add_frame(FRAME_UNFRAGMENTED, 'a', 16);
    while (stream_size < ROOM - 100)
        add_frame(0, 'a', 0); /* six bytes each, and none is final */
    for (size_t at = 0; rc == MR_OK && at < stream_size; at += 50)
        rc = feed(stream + at, 50);
    cr_assert(eq(int, rc, MR_ERR_TOO_LARGE));
    cr_assert(le(sz, frames.size, LIMIT + FRAME_HEADER + 50),
              "no more was kept than a message and a piece");
}

Test(frames, refuse_a_frame_shorter_than_its_header)
{
    for (uint32_t length = 0; length < FRAME_HEADER; length++) {
        tear_down();
        set_up();
        add_message('a', 10);
        add_header(length, FRAME_UNFRAGMENTED);
        cr_assert(eq(int, feed_all(), MR_ERR_MALFORMED));
        expect("a");
    }
}

/* ---- fragments ------------------------------------------------------------------------------ */

static void add_first(uint64_t id, uint8_t mark)
{
    add_fragment(FRAME_BEGIN_FRAGMENT, id);
    add_frame(FRAME_UNFRAGMENTED, mark, 16);
    add_frame(FRAME_FINAL, mark, 5);
}

static void add_middle(uint64_t id, uint8_t mark)
{
    add_fragment(0, id);
    add_frame(0, mark, 7);
    add_frame(FRAME_FINAL, mark, 5);
}

static void add_last(uint64_t id, uint8_t mark)
{
    add_fragment(FRAME_END_FRAGMENT, id);
    add_frame(FRAME_FINAL, mark, 9);
}

/* The message that the three make. */
static size_t whole(uint8_t mark, uint8_t *bytes)
{
    size_t before = stream_size, size;

    add_frame(FRAME_UNFRAGMENTED, mark, 16);
    add_frame(0, mark, 5);
    add_frame(0, mark, 7);
    add_frame(0, mark, 5);
    add_frame(FRAME_FINAL, mark, 9);
    size = stream_size - before;
    memcpy(bytes, stream + before, size);
    stream_size = before;
    return size;
}

Test(fragments, make_the_message_that_was_cut, .init = set_up, .fini = tear_down)
{
    uint8_t wanted[256];
    size_t size = whole('a', wanted);

    add_first(7, 'a');
    add_middle(7, 'a');
    add_last(7, 'a');
    for (size_t piece = 1; piece <= stream_size; piece++) {
        seen = (struct seen){.take = -1};
        feed_in_pieces(piece);
        expect("a");
        cr_assert(eq(sz, seen.sizes[0], size));
        cr_assert(memcmp(seen.last, wanted, size) == 0);
        cr_assert(eq(sz, frames.parts_size, 0));
    }
}

Test(fragments, may_come_between_those_of_others, .init = set_up, .fini = tear_down)
{
    add_first(7, 'a');
    add_first(8, 'b');
    add_message('c', 3);
    add_middle(8, 'b');
    add_middle(7, 'a');
    add_last(8, 'b');
    add_first(8, 'd'); /* the number is free again */
    add_last(7, 'a');
    add_last(8, 'd');
    feed_in_pieces(11);
    expect("cbad");
}

Test(fragments, of_one_round_stay_until_the_piece_is_through, .init = set_up, .fini = tear_down)
{
    add_first(1, 'a');
    add_last(1, 'a');
    add_first(2, 'b');
    add_last(2, 'b');
    cr_assert(eq(int, feed_all(), MR_OK));
    expect("ab");
    cr_assert(eq(sz, frames.parts_size, 0));
}

/* Each begins with an empty stream and ends it. */
static void begins_twice(void)
{
    add_first(7, 'a');
    add_first(7, 'a');
}

static void goes_on_without_a_beginning(void)
{
    add_middle(7, 'a');
}

static void ends_without_a_beginning(void)
{
    add_last(7, 'a');
}

static void has_no_number(void)
{
    add_frame(FRAME_BEGIN_FRAGMENT, 'a', 7);
    add_frame(FRAME_FINAL, 'a', 1);
}

static void is_empty(void)
{
    add_fragment(FRAME_BEGIN_FRAGMENT | FRAME_FINAL, 7);
}

static void are_too_many_at_once(void)
{
    for (uint64_t id = 0; id < 9; id++)
        add_first(id, 'a');
}

Test(fragments, that_make_no_message_are_refused, .fini = tear_down)
{
    void (*const streams[])(void) = {begins_twice,  goes_on_without_a_beginning,
                                     has_no_number, ends_without_a_beginning,
                                     is_empty,      are_too_many_at_once};

    for (int i = 0; i < 6; i++) {
        set_up();
        streams[i]();
        cr_expect(eq(int, feed_all(), MR_ERR_MALFORMED), "%d", i);
        cr_expect(eq(int, seen.count, 0));
        frames_free(&frames);
    }
}

Test(fragments, share_one_limit, .init = set_up, .fini = tear_down)
{
    mr_rc_t rc;

    add_first(1, 'a');
    add_first(2, 'b');
    cr_assert(eq(int, feed_all(), MR_OK));
    stream_size = 0;
    add_fragment(0, 1);
    add_frame(FRAME_FINAL, 'a', LIMIT / 2);
    cr_assert(eq(int, feed_all(), MR_OK));
    stream_size = 0;
    add_fragment(0, 2);
    add_frame(FRAME_FINAL, 'b', LIMIT / 2);
    rc = feed_all();
    cr_assert(eq(int, rc, MR_ERR_TOO_LARGE));
    cr_assert(le(sz, frames.parts_size, LIMIT));
}

/* ---- chance --------------------------------------------------------------------------------- */

/* Whatever comes, it is refused or bounded. */
Test(frames, stay_within_their_limit_whatever_comes)
{
    struct rand r;

    rand_init(&r, 11);
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        size_t size = rand_below(&r, sizeof bytes);

        for (size_t j = 0; j < size; j++)
            bytes[j] = rand_below(&r, 3) ? 0 : (uint8_t)rand_below(&r, 256);
        seen.count = 0;
        if (feed(bytes, size) != MR_OK) {
            tear_down();
            set_up();
        }
        cr_assert(le(sz, frames.size, LIMIT + FRAME_HEADER + sizeof bytes));
        cr_assert(le(sz, frames.parts_size, LIMIT));
    }
}

Test(frames, say_so_when_there_is_no_memory)
{
    add_first(7, 'a');
    add_middle(7, 'a');
    add_last(7, 'a');
    add_message('b', 50);
    mem_hooks_set(&scarce);
    for (int left = 0;; left++) {
        mr_rc_t rc = MR_OK;

        frames_init(&frames, LIMIT);
        seen = (struct seen){.take = -1};
        scarce_left = left;
        for (size_t at = 0; rc == MR_OK && at < stream_size; at++)
            rc = frames_feed(&frames, stream + at, 1, note, &seen);
        frames_free(&frames);
        if (rc == MR_OK)
            break;
        cr_assert(eq(int, rc, MR_ERR_MEMORY));
        cr_assert(lt(int, left, 1000));
    }
    expect("ab");
    mem_hooks_set(NULL);
}
