#include "grid/data/ringbuffer.h"

#include "tests/unit/grid/data/world.h"

static struct object *o;
static struct ringbuffer *rb;

static void open_ringbuffer(void)
{
    open_world();
    epoch_enter();
    cr_assert(ringbuffer_new(&w.partitions, "log", &(struct ringbuffer_rules){.capacity = 3}, &o) ==
              MR_OK);
    rb = (struct ringbuffer *)o;
}

static void close_ringbuffer(void)
{
    sequence_check(&rb->items);
    ringbuffer_free(o);
    epoch_exit();
    close_world();
}

TestSuite(ringbuffer, .init = open_ringbuffer, .fini = close_ringbuffer);

/* The number it got, or -1 where it was refused. */
static int64_t add(const char *word, bool overwrite)
{
    struct data d = text(word);
    int64_t last = -1;
    mr_rc_t rc = ringbuffer_add(rb, &d, 1, overwrite, &last);

    cr_assert(rc == MR_OK || rc == MR_ERR_BUSY);
    return last;
}

static mr_rc_t read_rc(int64_t number, struct sleeper *s)
{
    struct data d;

    return ringbuffer_read(rb, number, s ? &s->waiter : NULL, &d);
}

static bool reads(int64_t number, const char *word)
{
    struct data d;

    return ringbuffer_read(rb, number, NULL, &d) == MR_OK && is_text(&d, word);
}

static mr_rc_t read_many(int64_t number, uint32_t least, uint32_t most, struct sleeper *s)
{
    uint32_t n;

    return ringbuffer_read_many(rb, number, least, most, s ? &s->waiter : NULL, visit_words, NULL,
                                &n);
}

static bool has(int64_t head, int64_t tail)
{
    struct ringbuffer_facts f;

    ringbuffer_facts(rb, &f);
    return f.head == head && f.tail == tail && f.size == tail - head + 1 && f.capacity == 3;
}

static uint64_t now_ns;

static uint64_t test_now(void *context)
{
    (void)context;
    return now_ns;
}

/* In place of the other one, a ringbuffer whose values live for a second. */
static void keep_for_a_second(void)
{
    now_ns = 5000000000;
    clock_set(test_now, NULL);
    ringbuffer_free(o);
    cr_assert(ringbuffer_new(&w.partitions, "log",
                             &(struct ringbuffer_rules){.capacity = 3, .ttl_ms = 1000},
                             &o) == MR_OK);
    rb = (struct ringbuffer *)o;
}

static uint32_t room(void)
{
    struct ringbuffer_facts f;

    ringbuffer_facts(rb, &f);
    return f.room;
}

Test(ringbuffer, lets_a_value_go_when_its_time_is_over)
{
    keep_for_a_second();
    cr_assert(add("a", false) == 0 && reads(0, "a"));
    now_ns += 600000000;
    cr_assert(add("b", false) == 1 && has(0, 1) && room() == 1);
    now_ns += 400000000;
    cr_assert(has(1, 1) && reads(1, "b") && room() == 2);
    cr_assert(read_rc(0, NULL) == MR_ERR_STALE);
    cr_assert(read_many(1, 1, 3, NULL) == MR_OK && was_told("b "));
    now_ns += 600000000;
    cr_assert(has(2, 1) && add("c", false) == 2 && reads(2, "c"));
    clock_set(NULL, NULL);
}

Test(ringbuffer, refuses_when_full_of_values_that_will_end)
{
    keep_for_a_second();
    cr_assert(add("a", false) == 0 && add("b", false) == 1 && add("c", false) == 2);
    cr_assert(room() == 0 && add("d", false) == -1 && has(0, 2));
    cr_assert(add("d", true) == 3 && has(1, 3));
    clock_set(NULL, NULL);
}

Test(ringbuffer, numbers_its_values)
{
    cr_assert(has(0, -1));
    cr_assert(add("a", false) == 0 && add("b", true) == 1);
    cr_assert(has(0, 1) && reads(0, "a") && reads(1, "b") && reads(0, "a"));
}

Test(ringbuffer, overwrites_the_oldest)
{
    struct data many[] = {text("x"), text("y"), text("z"), text("u"), text("v")};
    int64_t last;

    add("a", true), add("b", true), add("c", true);
    cr_assert(room() == 3 && add("d", false) == 3);
    cr_assert(has(1, 3) && reads(1, "b") && read_rc(0, NULL) == MR_ERR_STALE);
    cr_assert(ringbuffer_add(rb, many, 5, false, &last) == MR_ERR_BUSY && has(1, 3));
    cr_assert(ringbuffer_add(rb, many, 5, true, &last) == MR_OK && last == 8);
    cr_assert(has(6, 8) && reads(6, "z") && reads(8, "v"));
}

Test(ringbuffer, lets_a_reader_wait_for_the_next_value_only)
{
    struct sleeper s = SLEEPER, other = SLEEPER;

    cr_assert(read_rc(0, NULL) == MR_NOT_FOUND);
    cr_assert(read_rc(1, &s) == MR_ERR_ARGUMENT);
    cr_assert(read_rc(-1, &s) == MR_ERR_STALE);
    cr_assert(read_rc(0, &s) == MR_PENDING && read_rc(0, &other) == MR_PENDING);
    add("a", true);
    cr_assert(s.wakes == 1 && other.wakes == 1);
    cr_assert(read_rc(0, &s) == MR_OK && read_rc(0, &other) == MR_OK);
}

Test(ringbuffer, reads_many_when_there_are_enough)
{
    struct sleeper s = SLEEPER;

    cr_assert(read_many(0, 0, 10, &s) == MR_OK && was_told(""));
    cr_assert(read_many(0, 2, 10, &s) == MR_PENDING);
    add("a", true);
    cr_assert(read_many(0, 2, 10, &s) == MR_PENDING && was_told(""));
    add("b", true), add("c", true);
    cr_assert(read_many(0, 2, 10, &s) == MR_OK && was_told("a b c "));
    cr_assert(read_many(1, 1, 1, &s) == MR_OK && was_told("b "));
    cr_assert(read_many(0, 4, 10, &s) == MR_ERR_ARGUMENT, "more than it can have");
    cr_assert(read_many(0, 2, 1, &s) == MR_ERR_ARGUMENT);
    add("d", true);
    cr_assert(read_many(0, 1, 1, &s) == MR_ERR_STALE);
}

Test(ringbuffer, begins_anew_when_it_is_destroyed)
{
    struct sleeper s = SLEEPER;

    add("a", true);
    cr_assert(read_rc(1, &s) == MR_PENDING);
    cr_assert(ringbuffer_destroy(o) == MR_OK);
    cr_assert(s.wakes == 1 && read_rc(1, &s) == MR_ERR_DESTROYED);
    cr_assert(has(0, -1) && add("b", true) == 0);
}

/* From a member whose values do not end. */
Test(ringbuffer, takes_nothing_that_does_not_say_when_it_ends)
{
    struct data d = text("a");

    rb->ttl_ms = 1000;
    cr_assert(o->copy->apply(o, &(struct change){CHANGE_INSERT, 0, 0, &d, 1}) == MR_ERR_ARGUMENT);
    cr_assert(read_rc(0, NULL) == MR_NOT_FOUND);
}
